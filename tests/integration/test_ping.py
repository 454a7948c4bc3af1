"""ping is answered at once, whatever OpenBao, the name service or the credentials' file do."""

import os
import random
import socket
import subprocess

import pytest

from harness import canary, process
from harness.latency import Comparison

SECONDS = 6


def assert_undisturbed(idle, disturbed):
    c = Comparison(idle, disturbed, SECONDS)
    print(c)
    assert c.rounds >= 5
    assert c.ratio < 3, c
    assert c.slowest < process.patience(0.25), c  # one long stall would hide beyond the 99th percentile


@pytest.fixture
def blackholed_dns(scratch):
    """The start of a command line that runs the rest with a name server that swallows every question."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    address = f"127.{random.randrange(2, 250)}.{random.randrange(250)}.{random.randrange(2, 250)}"
    server.bind((address, 53))
    server.setblocking(False)
    resolv = scratch / "resolv.conf"
    resolv.write_text(f"nameserver {address}\n")
    prefix = ["unshare", "-m", "sh", "-c", f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "sh"]
    if subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no mount namespace to be had here")
    yield prefix, server
    server.close()


def questions(server):
    n = 0
    while True:
        try:
            server.recv(4096)
            n += 1
        except BlockingIOError:
            return n


@pytest.mark.root
@pytest.mark.parametrize("connect_timeout", ["500ms", "3s"])
def test_ping_with_dns_blackholed(daemon, site, blackholed_dns, connect_timeout):
    prefix, server = blackholed_dns
    idle = daemon(site.settings())
    host = canary.run.add(f"{process.unique('bao')}.example.org", canary.ADDRESS)
    openbao = {"address": f"http://{host}:8200", "connect_timeout": connect_timeout}
    d = daemon(site.settings(openbao=openbao), prefix=prefix, wait="socket")
    process.wait_until(lambda: questions(server), 10, "the name is asked for")
    with d.connect() as waiting:
        for n in range(20):
            waiting.send("kv.get", mount=site.mount, path=f"a{n}", timeout_ms=2000 + n)
        assert_undisturbed(idle, d)
        assert not waiting.recv().ok
    assert d.status()["upstream"]["state"] != "up"


@pytest.mark.root
def test_a_blackholed_dns_does_not_hold_up_the_end(daemon, site, blackholed_dns):
    prefix, server = blackholed_dns
    host = canary.run.add(f"{process.unique('bao')}.example.org", canary.ADDRESS)
    d = daemon(site.settings(openbao={"address": f"http://{host}:8200"}), prefix=prefix, wait="socket")
    process.wait_until(lambda: questions(server), 10, "the name is asked for")
    d.stop(timeout=3)


def test_ping_with_the_secret_id_a_fifo(daemon, site):
    idle = daemon(site.settings())
    fifo = site.directory / "fifo"
    os.mkfifo(fifo)
    d = daemon(site.settings(approle={"secret_id_file": str(fifo)}), wait="socket")
    assert_undisturbed(idle, d)
    assert d.ping()["ready"] is False


def test_ping_with_openbao_stopped(daemon, site, dev_server, new_site):
    stopped = new_site(dev_server, role={"token_ttl": "4s"})  # short, so that renewals and logins are tried too
    d = daemon(stopped.settings())
    idle = daemon(site.settings())
    dev_server.freeze()
    try:
        with d.connect() as waiting:
            for n in range(50):
                waiting.send("kv.get" if n % 2 else "kv.put", mount=stopped.mount, path=f"a{n}", timeout_ms=3000,
                             **({} if n % 2 else {"data": {"x": 1}}))
            assert_undisturbed(idle, d)
    finally:
        dev_server.thaw()


def test_ping_while_openbao_is_stopped_needs_no_login(daemon, dev_server, new_site):
    site = new_site(dev_server)
    d = daemon(site.settings())
    dev_server.freeze()
    try:
        with d.connect() as c:
            for _ in range(100):
                assert c.call("ping")["ready"] is True
    finally:
        dev_server.thaw()
