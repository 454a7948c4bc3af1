"""A service mesh, a firewall or an ingress that answers in OpenBao's place: nothing that it says of a token, a secret,
a mount or a login is believed."""

import time

import pytest

from harness import process

CACHE = {"serve_stale": "1h"}


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404])
def test_a_page_costs_neither_token_nor_cache_entry(daemon, site, proxy, status):
    site.put("a", {"x": 1})
    d = daemon(site.settings(proxy.port, cache=CACHE))
    assert d.get(site.mount, "a").ok
    proxy.fault("page", status=status, path="/data/|/auth/token", times=-1)
    for _ in range(3):
        stale = d.get(site.mount, "a")
        assert stale.ok and stale["stale"] is True and stale.data == {"x": 1}, stale
    without = d.get(site.mount, "b", timeout_ms=500)
    assert without.code == "unavailable" and "in front of OpenBao" in without.error["message"], without
    assert d.status()["ready"] is True
    assert d.log.count("warning: kv.get: something in front of OpenBao answered in its place, with HTTP status "
                       f"{status}") == 1
    proxy.clear()
    assert d.get(site.mount, "a", max_age_ms=0).ok
    assert len(site.logins()) == 1 and site.revocations() == []


@pytest.mark.parametrize("at, written", [("page", 0), ("replaced", 1)])
def test_a_page_in_answer_to_a_put_says_nothing_of_what_was_done(daemon, site, proxy, at, written):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault(at, method="POST", path="data/a$")
    put = d.put(site.mount, "a", {"x": 1})
    assert put.code == "unknown_outcome" and "in front of OpenBao" in put.error["message"], put
    assert len(proxy.seen("POST", "data/a$")) == 1 and len(site.writes("a")) == written


@pytest.mark.parametrize("status", [200, 302, 403, 404])
def test_a_page_says_nothing_of_a_mount(daemon, site, proxy, status):
    d = daemon(site.settings(proxy.port))
    proxy.fault("page", status=status, path="/mounts/", times=-1)
    assert d.get(site.mount, "a", timeout_ms=500).code == "unavailable"
    assert d.put(site.mount, "a", {"x": 1}, timeout_ms=500).code == "unavailable"
    proxy.clear()
    assert d.put(site.mount, "a", {"x": 1}).ok


@pytest.mark.parametrize("status", [200, 302, 400, 403])
def test_a_page_in_answer_to_a_login_costs_no_try(daemon, site, proxy, status):
    page = proxy.fault("page", status=status, path="/login", times=-1)
    d = daemon(site.settings(proxy.port), wait="socket")
    d.wait_log("login failed: something in front of OpenBao answered in its place")
    process.wait_until(lambda: page.hits >= 2, 15, "the login is tried again")
    proxy.clear()
    cleared = time.monotonic()
    d.wait_ready(15)
    assert time.monotonic() - cleared < 10
    assert len(site.logins()) == 1


def test_a_page_in_answer_to_a_renewal_leaves_the_token(daemon, new_site, shared_server, new_proxy):
    site = new_site(shared_server, role={"token_ttl": "6s"})
    proxy = new_proxy(shared_server.port)
    page = proxy.fault("page", path="/renew-self", times=1)
    d = daemon(site.settings(proxy.port))
    process.wait_until(lambda: page.hits == 1, 10, "a renewal was answered by a page")
    assert d.get(site.mount, "a").code == "not_found"
    assert "does not know the token" not in d.log
