"""The token's life: renewed at two thirds, replaced near its max TTL, without a gap that a caller would notice."""

import pytest

from harness import process
from harness.load import Steady, parallel


def serve_steadily(daemon, site, seconds, every=0.05):
    """Gets all along; gives their number. None may fail."""
    site.put("a", {"x": 1})
    steady = Steady(daemon, every, "kv.get", mount=site.mount, path="a")
    process.wait_until(lambda: daemon.status()["uptime_ms"] > seconds * 1000 or steady.failures(), seconds + 30,
                       f"{seconds} s of serving", interval=0.2)
    steady.stop()
    assert steady.failures() == []
    assert len(steady.results) > seconds / every / 4
    return len(steady.results)


def test_a_lease_is_renewed_and_not_logged_in_again(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "3s", "token_max_ttl": "1h"})
    d = daemon(site.settings())
    serve_steadily(d, site, 8)
    assert len(site.logins()) == 1
    assert 2 <= len(site.renewals()) <= 6


def test_renewal_comes_at_two_thirds_of_the_lease(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "60s"})
    d = daemon(site.settings())
    token = d.status()["token"]
    assert token["state"] == "serving"
    assert 55000 < token["lease_left_ms"] <= 60000
    assert 0.55 * 60000 < token["next_renewal_ms"] < 0.75 * 60000


def test_near_the_max_ttl_a_login_follows_without_a_gap(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "3s", "token_max_ttl": "8s"})
    d = daemon(site.settings())
    serve_steadily(d, site, 18)
    assert 2 <= len(site.logins()) <= 4
    assert len(site.renewals()) <= 18


@pytest.mark.long
def test_sixty_seconds_on_a_six_second_lease_without_a_failure(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "6s", "token_max_ttl": "20s"})
    d = daemon(site.settings())
    gets = serve_steadily(d, site, 60, every=0.1)
    print(f"{gets} gets, {len(site.logins())} logins, {len(site.renewals())} renewals")
    assert len(site.logins()) < 6


def test_the_old_token_is_revoked_after_a_login_that_replaces_it(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "4s", "token_max_ttl": "5s"})
    d = daemon(site.settings())
    serve_steadily(d, site, 6)
    process.wait_until(lambda: len(site.tokens()) >= 2, 10, "a second login")
    process.wait_until(lambda: site.revocations(), 5, "the first token's revocation")
    assert site.revocations()[0]["request"]["client_token"] == site.tokens()[0]


def test_a_token_that_cannot_be_renewed_is_replaced_by_a_login(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_type": "batch", "token_ttl": "3s"})
    d = daemon(site.settings())
    serve_steadily(d, site, 7)
    assert 3 <= len(site.logins()) <= 7
    assert site.renewals() == []
    d.stop()
    assert site.revocations() == []  # nobody can revoke it
    assert "could not be revoked" not in d.log


def test_a_token_that_may_not_renew_itself_is_replaced_by_a_login(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_no_default_policy": True, "token_ttl": "3s"})
    d = daemon(site.settings())
    serve_steadily(d, site, 7)
    assert 2 <= len(site.logins()) <= 7


def test_a_failed_renewal_leads_to_a_login(daemon, shared_server, new_site, new_proxy):
    site = new_site(shared_server, role={"token_ttl": "3s", "token_max_ttl": "1h"})
    proxy = new_proxy(shared_server.port)
    proxy.fault("headers", path="renew-self", times=-1)
    d = daemon(site.settings(proxy.port))
    serve_steadily(d, site, 5)
    assert len(site.logins()) >= 2
    assert site.renewals() == []


def test_a_failed_renewal_is_made_up_for_when_the_secret_id_is_used_up(daemon, shared_server, new_site, new_proxy):
    site = new_site(shared_server, role={"token_ttl": "4s", "token_max_ttl": "1h", "secret_id_num_uses": 1})
    proxy = new_proxy(shared_server.port)
    proxy.fault("headers", path="renew-self", times=1)
    d = daemon(site.settings(proxy.port))
    serve_steadily(d, site, 14)
    assert len(site.tokens()) == 1
    assert len(site.logins()) == 2  # the one that worked, and one that was refused after the failed renewal
    assert len(site.renewals()) >= 3
    assert d.status()["token"]["state"] in ("serving", "renewing")


def test_a_lease_that_ends_while_openbao_is_away_ends_readiness(daemon, shared_server, new_site, new_proxy):
    site = new_site(shared_server, role={"token_ttl": "3s"})
    proxy = new_proxy(shared_server.port)
    d = daemon(site.settings(proxy.port))
    proxy.refuse()
    process.wait_until(lambda: not d.ping()["ready"], 10, "the token's lease has ended")
    assert d.get(site.mount, "a").code in ("not_ready", "unavailable")
    proxy.accept()
    d.wait_ready(10)


def test_one_login_serves_many_callers_at_the_start(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings(), wait="socket")
    replies = parallel(40, lambda i: d.get(site.mount, "a"))
    assert all(r.ok for r in replies)
    assert len(site.logins()) == 1
