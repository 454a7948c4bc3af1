"""libsecretstore against the real daemon: calls, an event loop of the caller's own, and the daemon's restarts."""

import collections
import signal
import subprocess
import threading
import time

import pytest

from harness import process
from harness.callers import build
from harness.daemon import environment, sanitizer_report
from harness.proxy import HANG


@pytest.fixture(scope="module")
def callers(tmp_path_factory):
    """The program programs/callers.c, linked with the library of the build under test."""
    return build(tmp_path_factory.mktemp("programs") / "callers")


class Calls:
    """The program at work; its lines as they come."""

    def __init__(self, program, socket, what, site, path, count, pause_ms=0, timeout_ms=10000):
        self.lines = []
        self.process = process.start([program, socket, what, site.mount, path, count, pause_ms, timeout_ms],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     env=environment())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            code, version = line.decode().split()
            self.lines.append((time.monotonic(), code, int(version)))

    def wait_ok(self, more):
        """Waits for so many successes from now on."""
        before = self.codes()["ok"]
        process.wait_until(lambda: self.codes()["ok"] >= before + more, process.patience(15), f"{more} successes")

    def codes(self):
        return collections.Counter(code for _, code, _ in list(self.lines))

    def finish(self, timeout=60):
        self.process.stdin.close()
        status = self.process.wait(process.patience(timeout))
        self._reader.join(10)
        said = self.process.stderr.read().decode()
        assert not sanitizer_report(said), said
        assert status == 0, said
        return self.codes()


def test_calls_that_wait(callers, daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    assert Calls(callers, d.socket, "get", site, "a", 50).finish() == {"ok": 50}
    puts = Calls(callers, d.socket, "put", site, "b", 50)
    assert puts.finish() == {"ok": 50}
    assert [version for _, _, version in puts.lines] == list(range(1, 51))
    assert Calls(callers, d.socket, "get", site, "none", 3).finish() == {"not_found": 3}


def test_many_gets_on_a_loop_of_ones_own(callers, daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    assert Calls(callers, d.socket, "events", site, "a", 500).finish() == {"ok": 500}


def test_no_daemon_is_told_at_once(callers, site, scratch):
    before = time.monotonic()
    assert Calls(callers, scratch / "none.sock", "get", site, "a", 3).finish() == {"no_daemon": 3}
    assert Calls(callers, scratch / "none.sock", "put", site, "a", 3).finish() == {"no_daemon": 3}
    assert time.monotonic() - before < process.patience(3)


def restart(daemon, site, d, sig):
    d.expect_stop = False
    if sig == signal.SIGTERM:
        d.stop()
    else:
        process.end(d.process, sig)
    return daemon(site.settings(), socket_path=d.socket)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_gets_go_on_after_the_daemons_restart(callers, daemon, site, scratch, sig):
    site.put("a", {"x": 1})
    d = daemon(site.settings(), socket_path=scratch / "s.sock")
    calls = Calls(callers, d.socket, "get", site, "a", 0, pause_ms=20)
    for _ in range(2):
        calls.wait_ok(20)
        d = restart(daemon, site, d, sig)
    calls.wait_ok(20)
    # Only what began while nobody listened fails.
    assert set(calls.finish()) <= {"ok", "no_daemon"}, calls.codes()


def test_a_get_under_way_when_the_daemon_dies_is_answered_by_the_next(callers, daemon, site, proxy, scratch):
    site.put("a", {"x": 1})
    d = daemon(site.settings(proxy.port), socket_path=scratch / "s.sock")
    assert d.get(site.mount, "a").ok
    proxy.fault("answered", how=HANG, method="GET", path="data/a")
    calls = Calls(callers, d.socket, "get", site, "a", 1, timeout_ms=30000)
    proxy.wait_seen(2, "GET", "data/a")
    restart(daemon, site, d, signal.SIGKILL)
    assert calls.finish() == {"ok": 1}


def test_a_get_that_waits_when_the_daemon_stops_is_answered_by_the_next(callers, daemon, site, proxy, scratch):
    site.put("a", {"x": 1})
    proxy.fault("answered", how=HANG, path="login", times=-1)
    d = daemon(site.settings(proxy.port, log={"level": "debug"}), socket_path=scratch / "s.sock", wait="socket")
    calls = Calls(callers, d.socket, "get", site, "a", 1, timeout_ms=30000)
    d.wait_log("kv.get: busy")
    restart(daemon, site, d, signal.SIGTERM)
    assert calls.finish() == {"ok": 1}


def test_a_put_under_way_when_the_daemon_dies_is_not_repeated(callers, daemon, site, proxy, scratch):
    d = daemon(site.settings(proxy.port), socket_path=scratch / "s.sock")
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("answered", how=HANG, method="POST", path="data/a")
    calls = Calls(callers, d.socket, "put", site, "a", 1, timeout_ms=20000)
    process.wait_until(lambda: site.writes("a"), 10, "the put is at OpenBao")
    restart(daemon, site, d, signal.SIGKILL)
    assert calls.finish() == {"unknown_outcome": 1}
    assert len(site.writes("a")) == 1


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_no_put_is_made_twice_over_restarts(callers, daemon, site, scratch, sig):
    d = daemon(site.settings(), socket_path=scratch / "s.sock")
    calls = Calls(callers, d.socket, "put", site, "a", 0, pause_ms=5)
    for _ in range(2):
        calls.wait_ok(30)
        d = restart(daemon, site, d, sig)
    calls.wait_ok(30)
    codes = calls.finish()
    assert set(codes) <= {"ok", "no_daemon", "unknown_outcome", "unavailable", "not_ready"}, codes
    written = [e["request"]["data"]["data"]["n"] for e in site.writes("a")]
    assert len(written) == len(set(written)), "a put was sent to OpenBao twice"
    assert codes["ok"] <= len(written) <= codes["ok"] + codes["unknown_outcome"]
