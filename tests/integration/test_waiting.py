"""Requests that come before the login has ended wait for it, to their deadline and no longer; ping never waits."""

import time

from harness import process
from harness.proxy import HANG


def test_requests_wait_for_the_login_under_way(daemon, site, proxy):
    site.put("a", {"x": 1})
    proxy.fault("hold", seconds=1, path="login")
    d = daemon(site.settings(proxy.port), wait="socket")
    before = time.monotonic()
    assert d.ping()["ready"] is False
    assert d.ping()["state"] == "logging_in"
    assert d.get(site.mount, "a").ok
    assert d.put(site.mount, "b", {"x": 1}).ok
    assert time.monotonic() - before > 0.5
    assert len(site.logins()) == 1


def test_a_request_whose_deadline_passes_while_it_waits_is_not_ready(daemon, site, proxy):
    proxy.fault("hold", seconds=4, path="login")
    d = daemon(site.settings(proxy.port), wait="socket")
    proxy.wait_seen(1, path="login")
    before = time.monotonic()
    assert d.get(site.mount, "a", timeout_ms=500).code == "not_ready"
    assert 0.4 < time.monotonic() - before < process.patience(1)
    before = time.monotonic()
    assert d.put(site.mount, "a", {"x": 1}, timeout_ms=500).code == "not_ready"
    assert 0.4 < time.monotonic() - before < process.patience(1)
    assert site.writes("a") == []


def test_the_default_deadline_is_the_configured_one(daemon, site, proxy):
    proxy.fault("answered", how=HANG, path="login", times=-1)
    d = daemon(site.settings(proxy.port, openbao={"request_timeout": "1s"}), wait="socket")
    before = time.monotonic()
    assert not d.get(site.mount, "a").ok
    assert 0.5 < time.monotonic() - before < process.patience(2)


def test_a_caller_that_leaves_while_waiting_is_forgotten(daemon, site, proxy):
    proxy.fault("hold", seconds=1.5, path="login")
    d = daemon(site.settings(proxy.port), wait="socket")
    proxy.wait_seen(1, path="login")
    for _ in range(20):
        with d.connect() as c:
            c.send("kv.get", mount=site.mount, path="a")
            c.send("kv.put", mount=site.mount, path="a", data={"x": 1})
    d.wait_ready()
    assert d.get(site.mount, "b").code == "not_found"
    assert site.reads("a") == [] and site.writes("a") == []


def test_a_deadline_counts_from_the_frames_last_byte(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "warm").code == "not_found"
    proxy.fault("answered", how=HANG, method="GET", path="data/a", times=-1)
    for wanted in (0.3, 1.0):
        before = time.monotonic()
        assert d.get(site.mount, "a", timeout_ms=int(wanted * 1000)).code == "timeout"
        assert wanted * 0.9 < time.monotonic() - before < wanted + process.patience(0.5)


def test_ping_is_answered_while_everything_else_waits(daemon, site, proxy):
    proxy.fault("answered", how=HANG, path="login", times=-1)
    d = daemon(site.settings(proxy.port), wait="socket")
    with d.connect() as waiting, d.connect() as c:
        for _ in range(30):
            waiting.send("kv.get", mount=site.mount, path="a", timeout_ms=3000)
        before = time.monotonic()
        for _ in range(50):
            assert c.call("ping").ok
        assert time.monotonic() - before < process.patience(1)
