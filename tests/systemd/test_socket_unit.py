"""secretstored.socket: systemd holds the socket, and nobody is refused while the daemon restarts."""

import collections
import json
import subprocess

import pytest

from harness import process
from harness.callers import build
from service import AS_CALLER, SOCKET, SOCKET_UNIT, UNIT

# Connects, asks, closes, over and over until it is told to stop by the end of its input; says how it went.
CALLER = r"""
import json, select, socket, struct, sys, time
counts, slowest = {}, 0.0
while not select.select([sys.stdin], [], [], 0)[0]:
    began = time.monotonic()
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(sys.argv[1])
            result = "connected"
            body = b'{"id":1,"op":"ping"}'
            s.sendall(struct.pack(">I", len(body)) + body)
            result = "answered" if s.recv(65536) else "closed"
    except OSError as e:
        result = type(e).__name__
    counts[result] = counts.get(result, 0) + 1
    slowest = max(slowest, time.monotonic() - began)
print(json.dumps({"counts": counts, "slowest": slowest}))
"""


def start_socket(service, site):
    service.configure(site)
    service.lab.systemctl("start", SOCKET_UNIT)


def test_the_first_caller_starts_the_daemon(service, site):
    start_socket(service, site)
    since = service.cursor()
    assert service.lab.show(UNIT, "ActiveState") == "inactive"
    assert service.ctl("ping", "--ready", "--wait", "-t", "20s").out.startswith("ready:")
    assert service.lab.show(UNIT, "ActiveState") == "active"
    service.wait_log("serves the socket of its unit", since)


def test_the_socket_is_its_units_and_stays_when_the_daemon_stops(service, site):
    start_socket(service, site)
    service.start()
    before = service.lab.path(SOCKET).stat()
    assert service.lab.run("stat", "-c", "%U %G %a", SOCKET).out.split() == ["root", "secretstored", "660"]
    assert not service.lab.path(SOCKET + ".lock").exists()
    service.lab.systemctl("stop", UNIT)
    assert service.lab.path(SOCKET).stat().st_ino == before.st_ino
    service.lab.systemctl("stop", SOCKET_UNIT)
    assert service.lab.run("secretstorectl", "ping", check=False).returncode == 30


def test_a_group_of_its_own_stays_the_sockets(service, site):
    service.configure(site)
    service.drop_in("group", "[Socket]\nSocketGroup=mail", unit=SOCKET_UNIT)
    service.lab.systemctl("start", SOCKET_UNIT)
    service.start()
    assert service.lab.run("stat", "-c", "%G", SOCKET).out == "mail\n"


def test_callers_of_another_group_cannot_connect(service, site):
    start_socket(service, site)
    assert service.ctl("ping", user="daemon", check=False).returncode == 38
    assert service.ctl("ping", user="daemon", properties=AS_CALLER).returncode == 0


def test_a_restart_refuses_no_connection(service, site):
    start_socket(service, site)
    service.start()
    first = service.pid
    caller = service.lab.start_process("python3", "-c", CALLER, SOCKET, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for _ in range(5):
            before = service.pid
            service.lab.systemctl("restart", UNIT)
            service.lab.wait_show(UNIT, "MainPID", lambda pid, old=before: pid not in ("0", str(old)))
            assert service.ctl("ping").returncode == 0
        said, _ = caller.communicate(b"stop", timeout=process.patience(60))
    finally:
        process.end(caller)
    result = json.loads(said)
    assert service.pid != first
    # A connection that the old daemon had accepted may be closed before its request has come; none is refused.
    assert set(result["counts"]) <= {"answered", "closed", "BrokenPipeError", "ConnectionResetError"}, result
    assert result["counts"]["answered"] > 100, result


@pytest.mark.parametrize("what", ["get", "put"])
def test_restarts_fail_no_request(service, site, tmp_path, what):
    """What the daemon has taken it finishes; the library sends all else to the next one."""
    start_socket(service, site)
    service.start()
    site.put("a", {"x": 1})
    program = build(tmp_path / "callers")
    service.lab.write("/usr/local/bin/callers", program.read_bytes(), mode=0o755)
    said = [open(tmp_path / f"said{n}", "w+") for n in range(20)]
    callers = [service.lab.start_process("callers", SOCKET, what, site.mount, "a", 0, 0, 10000,
                                         stdin=subprocess.PIPE, stdout=out) for out in said]
    try:
        for _ in range(20):
            service.wait_ready()
            before = service.pid
            service.lab.systemctl("reset-failed", UNIT, check=False)  # or systemd finds them too many
            service.lab.systemctl("restart", UNIT)
            service.lab.wait_show(UNIT, "MainPID", lambda pid, old=before: pid not in ("0", str(old)))
        service.wait_ready()
        for caller in callers:
            caller.communicate(timeout=process.patience(30))
    finally:
        for caller in callers:
            process.end(caller)
    counts = collections.Counter()
    for out in said:
        out.seek(0)
        counts.update(line.split()[0] for line in out)
        out.close()
    assert set(counts) == {"ok"}, counts
    assert counts["ok"] > 1000, counts


def test_a_socket_of_another_kind_is_an_error_that_says_so(service, site):
    service.configure(site)
    service.drop_in("kind", "[Socket]\nListenStream=\nListenDatagram=/run/secretstored/other.sock", unit=SOCKET_UNIT)
    service.lab.systemctl("start", SOCKET_UNIT)
    since = service.cursor()
    service.drop_in("once", "[Service]\nRestart=no")
    service.lab.systemctl("start", UNIT, check=False)
    service.wait_state("failed")
    service.wait_log("is no listening Unix stream socket", since)


def test_what_there_is_no_use_for_is_named(service, site):
    service.configure(site)
    service.drop_in("name", "[Socket]\nFileDescriptorName=something", unit=SOCKET_UNIT)
    service.drop_in("place", "[Socket]\nListenStream=\nListenStream=/run/secretstored/other.sock", unit=SOCKET_UNIT)
    service.lab.systemctl("start", SOCKET_UNIT)
    since = service.cursor()
    service.start()
    service.wait_log('a descriptor named "something", for which there is no use', since)
    assert service.ctl("ping").returncode == 0  # on a socket of its own
