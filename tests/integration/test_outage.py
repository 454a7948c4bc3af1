"""OpenBao is away, comes back, is sealed, is frozen: the daemon stays, says so, and serves again by itself."""

import re
import threading
import time

import pytest

from harness import process
from harness.bao import Admin, RaftServer
from harness.load import Steady, parallel


def test_openbao_down_at_start_then_up(daemon, site, proxy):
    proxy.refuse()
    site.put("a", {"x": 1})
    d = daemon(site.settings(proxy.port), wait="socket")
    assert d.ping()["ready"] is False
    assert d.get(site.mount, "a", timeout_ms=500).code in ("not_ready", "unavailable")
    proxy.accept()
    d.wait_ready(5)
    assert d.get(site.mount, "a").ok
    assert len(site.logins()) == 1


def test_a_blackhole_at_start_then_up(daemon, site, proxy):
    proxy.blackhole()
    site.put("a", {"x": 1})
    timeouts = {"connect_timeout": "1s", "request_timeout": "2s"}
    d = daemon(site.settings(proxy.port, openbao=timeouts), wait="socket")
    assert d.get(site.mount, "a", timeout_ms=500).code in ("not_ready", "unavailable")
    proxy.blackhole(False)
    d.wait_ready(15)
    assert d.get(site.mount, "a").ok


def outage(daemon, new_site, raft_server, seconds):
    """Kills OpenBao for that long under steady gets; gives the daemon and the number of log lines meanwhile."""
    site = new_site(raft_server)
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    steady = Steady(d, 0.1, "kv.get", mount=site.mount, path="a", timeout_ms=2000)
    process.wait_until(lambda: len(steady.results) > 5, 10, "gets are served")
    pid, killed = d.pid, time.monotonic()
    raft_server.kill()
    lines_before = len(d.log.splitlines())
    time.sleep(seconds)
    lines = len(d.log.splitlines()) - lines_before
    restarted = time.monotonic()
    raft_server.start()
    raft_server.wait_active()
    back = time.monotonic()
    process.wait_until(lambda: steady.first_success_after(back), 15, "service is back")
    steady.stop()
    recovered = steady.first_success_after(back) - back
    print(f"service was back {recovered:.2f} s after OpenBao; {lines} log lines in {seconds} s")
    assert recovered < 5
    assert d.alive() and d.pid == pid
    meanwhile = [code for t, code in steady.results if killed + 1 < t < restarted]
    assert meanwhile and set(meanwhile) == {"unavailable"}, set(meanwhile)
    assert d.get(site.mount, "a").data == {"x": 1}
    return d, lines


def test_openbao_killed_for_some_seconds(daemon, new_site, raft_server):
    d, lines = outage(daemon, new_site, raft_server, 6)
    assert lines < 20


@pytest.mark.long
def test_openbao_killed_for_twenty_seconds(daemon, new_site, raft_server):
    d, lines = outage(daemon, new_site, raft_server, 20)
    assert lines < 40
    print(d.log)


def test_health_is_asked_at_intervals_while_openbao_is_away(daemon, site, proxy):
    """Through a proxy that takes connections and says nothing of use, the attempts can be counted."""
    d = daemon(site.settings(proxy.port))
    proxy.fault("headers", how="reset", times=-1)
    proxy.close_all()
    d.get(site.mount, "a", timeout_ms=300)
    process.wait_until(lambda: d.status()["upstream"]["state"] == "down", 10, "the outage is known")
    asked = len(proxy.seen())
    gets = Steady(d, 0.02, "kv.get", mount=site.mount, path="a", timeout_ms=300)
    time.sleep(5)
    gets.stop()
    assert 1 <= len(proxy.seen()) - asked <= 7
    assert {code for _, code in gets.results} == {"unavailable"}


def test_known_to_be_down_fails_at_once(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    proxy.refuse()
    d.get(site.mount, "a", timeout_ms=500)
    process.wait_until(lambda: d.status()["upstream"]["state"] == "down", 10, "the outage is known")
    before = time.monotonic()
    assert d.get(site.mount, "a", timeout_ms=10000).code == "unavailable"
    assert d.put(site.mount, "a", {"x": 1}, timeout_ms=10000).code == "unavailable"
    assert time.monotonic() - before < 1
    proxy.accept()
    process.wait_until(lambda: d.get(site.mount, "a").code == "not_found", 5, "service is back")
    assert len(site.logins()) == 1  # the token outlived the outage


def test_sealed_is_told_and_heals(daemon, dev_server, new_site):
    site = new_site(dev_server)
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    dev_server.seal()
    assert d.get(site.mount, "a", timeout_ms=1000).code == "sealed"
    assert d.put(site.mount, "a", {"x": 2}, timeout_ms=1000).code == "sealed"
    process.wait_until(lambda: d.status()["upstream"]["state"] == "sealed", 10, "the status says sealed")
    dev_server.unseal()
    process.wait_until(lambda: d.get(site.mount, "a").ok, 5, "service is back")


def test_sealed_at_start_then_unsealed(daemon, dev_server, new_site):
    site = new_site(dev_server)
    site.put("a", {"x": 1})
    dev_server.seal()
    d = daemon(site.settings(), wait="socket")
    process.wait_until(lambda: d.status()["upstream"]["state"] == "sealed", 10, "the status says sealed")
    assert d.get(site.mount, "a", timeout_ms=500).code in ("not_ready", "sealed")
    dev_server.unseal()
    d.wait_ready(6)
    assert d.get(site.mount, "a").ok


def test_an_openbao_without_its_first_keys_is_told(daemon, site):
    server = RaftServer(initialize=False)
    try:
        d = daemon(site.settings(server.port), wait="socket")
        process.wait_until(lambda: d.status()["upstream"]["state"] == "not_initialized", 10, "the status says so")
        assert d.get(site.mount, "a", timeout_ms=500).code in ("not_ready", "not_initialized")
    finally:
        server.close()


def test_a_frozen_openbao_holds_up_callers_only_to_their_deadline(daemon, dev_server, new_site):
    site = new_site(dev_server)
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    assert d.get(site.mount, "a").ok
    dev_server.freeze()
    before = time.monotonic()
    assert d.get(site.mount, "a", timeout_ms=700).code in ("timeout", "unavailable")
    assert 0.4 < time.monotonic() - before < process.patience(1)
    assert d.put(site.mount, "b", {"x": 1}, timeout_ms=700).code in ("unknown_outcome", "unavailable")
    dev_server.thaw()
    process.wait_until(lambda: d.get(site.mount, "a").ok, 8, "service is back")


def test_a_restart_of_openbao_keeps_the_token(daemon, raft_server, new_site):
    site = new_site(raft_server)
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    raft_server.kill()
    raft_server.start()
    raft_server.wait_active()
    process.wait_until(lambda: d.get(site.mount, "a").ok, 6, "service is back")
    assert Admin(raft_server.port, site.tokens()[0]).raw("GET", "auth/token/lookup-self")[0] == 200
    assert len(site.logins()) == 1


def test_an_outage_is_told_once_in_the_log(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    proxy.refuse()
    before = len(d.log.splitlines())
    steady = Steady(d, 0.02, "kv.get", mount=site.mount, path="a", timeout_ms=300)
    time.sleep(3)
    steady.stop()
    assert 1 <= len(d.log.splitlines()) - before < 12
    proxy.accept()
    d.wait_log("(?i)answers again|is back|answers")


@pytest.mark.parametrize("kept", [4, 16])
def test_connections_that_died_without_a_word_are_no_outage(daemon, site, proxy, kept):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "a").code == "not_found"
    gate = threading.Event()
    held = proxy.fault("hold", gate=gate, path="/data/held", times=kept)
    threading.Thread(target=lambda: (process.wait_until(lambda: held.hits == kept, 20, "all have come"), gate.set())).start()
    replies = parallel(kept, lambda i: d.get(site.mount, f"held/{i}"))
    assert {r.code for r in replies} == {"not_found"}
    assert len(proxy.idle_connections()) >= kept
    proxy.forget_all()
    forgotten = time.monotonic()
    assert d.get(site.mount, "a", timeout_ms=1000).code == "timeout"
    served = 0
    while served < 10:
        served = served + 1 if d.get(site.mount, "a", timeout_ms=1000).code == "not_found" else 0
    assert time.monotonic() - forgotten < 4
    assert d.status()["upstream"]["state"] == "up"
    assert "does not answer" not in d.log


def test_the_log_says_where_and_why_openbao_is_not_reached_and_not_again_and_again(daemon, site, proxy):
    proxy.refuse()
    d = daemon(site.settings(proxy.port), wait="socket")
    d.wait_log("OpenBao does not answer")
    time.sleep(6)
    address = f"http://{site.host}:{proxy.port}"
    (line,) = [line for line in d.log.splitlines() if "is not reached" in line]
    assert f"warning: OpenBao at {address} is not reached: " in line and "(Connection refused)" in line
    assert d.log.count("OpenBao does not answer") == 1
    proxy.accept()
    d.wait_ready(10)
    assert d.log.count(f"OpenBao at {address} is reached again") == 1
    assert re.search(f"OpenBao answers again after [0-9.]+ s, at {address}\n", d.log)


def test_a_name_that_is_not_found_is_told_so(daemon, site):
    d = daemon(site.settings(openbao={"address": "https://no-such-name.invalid:8200"}), wait="socket")
    d.wait_log("warning: OpenBao at https://no-such-name.invalid:8200 is not reached: Could not resolve host")


def test_a_dead_second_node_is_told_once(daemon, site, new_proxy):
    dead, good = new_proxy(site.server.port), new_proxy(site.server.port)
    dead.refuse()
    addresses = [f"http://{site.host}:{p.port}" for p in (dead, good)]
    d = daemon(site.settings(openbao={"address": addresses}))
    for _ in range(20):
        assert d.get(site.mount, "a").code == "not_found"
    assert d.log.count(f"warning: OpenBao at {addresses[0]} is not reached: ") == 1
    assert "does not answer" not in d.log and f"{addresses[1]} is" not in d.log
