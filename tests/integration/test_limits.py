"""Limits: each refuses the one that is over it, and nobody else."""

import time

import pytest

from harness import process
from harness.client import frame
from harness.proxy import HANG


def test_connections_in_all_are_limited(daemon, site):
    d = daemon(site.settings(limits={"connections": 5, "connections_per_uid": 100}))
    conns = [d.connect() for _ in range(5)]
    assert all(c.call("ping").ok for c in conns)
    with d.connect() as c:
        reply = c.recv()
        assert (reply.id, reply.code, reply.error["retryable"]) == (None, "overloaded", True)
        assert c.is_closed()
    conns.pop().close()
    process.wait_until(lambda: _serves(d), 5, "the freed place is taken")
    for c in conns:
        c.close()


def _serves(daemon, uid=None):
    with daemon.connect() if uid is None else daemon.connect_as(uid) as c:
        try:
            return c.call("ping").ok
        except (AssertionError, OSError):
            return False


@pytest.mark.root
def test_connections_of_one_uid_are_limited_and_do_not_shut_out_another(daemon, site):
    d = daemon(site.settings(limits={"connections": 100, "connections_per_uid": 4}, listen={"mode": "0666"}))
    conns = [d.connect_as(4101) for _ in range(4)]
    assert all(c.call("ping").ok for c in conns)
    with d.connect_as(4101) as c:
        assert c.recv().code == "overloaded"
    with d.connect_as(4102) as c:
        assert c.call("ping").ok
    for c in conns:
        c.close()
    process.wait_until(lambda: _serves(d, 4101), 5, "served again")


def test_requests_in_flight_are_limited_by_not_reading(daemon, site, proxy):
    d = daemon(site.settings(proxy.port, limits={"requests_per_connection": 4}))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault("delay", seconds=0.6, path="data/a", times=4)
    with d.connect() as c:
        ids = [c.send("kv.get", mount=site.mount, path="a") for _ in range(12)]
        time.sleep(0.3)
        assert len(proxy.seen("GET", "data/a")) - 1 <= 4
        assert sorted(c.recv().id for _ in ids) == ids


def test_a_frame_that_is_not_completed_in_time_ends_the_session(daemon, site):
    d = daemon(site.settings(limits={"frame_timeout": "1s"}))
    with d.connect(timeout=15) as c:
        c.send_bytes(frame(b'{"id":1,"op":"ping"}')[:-1])
        before = time.monotonic()
        assert c.is_closed()
        assert 0.8 < time.monotonic() - before < 6


def test_a_trickle_does_not_keep_an_unfinished_frame_alive(daemon, site):
    d = daemon(site.settings(limits={"frame_timeout": "1s"}))
    with d.connect(timeout=15) as c:
        began = time.monotonic()
        try:
            for byte in frame(b'{"id":1,"op":"ping"}' + b" " * 200):
                c.send_bytes(bytes([byte]))
                time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - began < 8


def test_an_idle_session_ends_but_not_while_a_request_is_in_flight(daemon, site, proxy):
    d = daemon(site.settings(proxy.port, limits={"idle_timeout": "1s"}))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault("delay", seconds=2.5, path="data/a")
    with d.connect(timeout=15) as idle, d.connect(timeout=15) as busy:
        wanted = busy.send("kv.get", mount=site.mount, path="a")
        began = time.monotonic()
        assert idle.is_closed()
        assert 0.8 < time.monotonic() - began < 4
        assert busy.reply_to(wanted).code == "not_found"


def test_without_an_idle_timeout_a_session_stays(daemon, site):
    d = daemon(site.settings())
    with d.connect() as c:
        assert c.call("ping").ok
        time.sleep(3)
        assert c.call("ping").ok


def test_at_the_descriptor_limit_accepting_pauses_and_resumes(daemon, site):
    d = daemon(site.settings(limits={"connections": 1000, "connections_per_uid": 1000}), nofile=64)
    conns = [d.connect(timeout=10) for _ in range(80)]
    assert conns[0].call("ping").ok
    busy = _cpu_seconds(d)
    time.sleep(1)
    assert _cpu_seconds(d) - busy < 0.5  # it does not spin on the backlog
    for c in conns:
        c.close()
    process.wait_until(lambda: _serves(d), 10, "served again")


def _cpu_seconds(daemon):
    with open(f"/proc/{daemon.pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_a_hanging_openbao_does_not_pile_up_connections_to_it(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault("answered", how=HANG, path="data/a", times=-1)
    with d.connect() as c:
        ids = [c.send("kv.get", mount=site.mount, path=f"a{n}", timeout_ms=1500) for n in range(60)]
        assert all(not c.reply_to(i).ok for i in ids)
    assert proxy.connections_made <= 64
