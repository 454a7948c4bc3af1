"""A 403: a dead token is replaced and the request made again; a policy's denial stays what it is."""

import time

import pytest

from harness import process
from harness.load import parallel

NARROW = """
path "{mount}/data/open/*" {{ capabilities = ["create", "read", "update"] }}
path "{mount}/data/readable" {{ capabilities = ["read"] }}
"""


def test_a_token_revoked_under_fifty_gets_fails_none_and_costs_one_login(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    conns = [d.connect() for _ in range(50)]
    assert all(c.call("kv.get", mount=site.mount, path="a").ok for c in conns)
    site.revoke(site.tokens()[0])
    replies = parallel(50, lambda i: conns[i].call("kv.get", mount=site.mount, path="a"))
    assert [r for r in replies if not r.ok] == []
    print(f"{len(site.logins())} logins in all")
    assert len(site.logins()) == 2
    for c in conns:
        c.close()


def test_gets_under_way_while_the_token_is_revoked_all_succeed(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())

    def work(i):
        if i == 0:
            site.revoke(site.tokens()[0])
            return []
        with d.connect() as c:
            return [c.call("kv.get", mount=site.mount, path="a") for _ in range(20)]

    replies = [r for some in parallel(51, work) for r in some]
    assert len(replies) == 1000
    assert [r for r in replies if not r.ok] == []
    assert len(site.logins()) == 2


def test_a_put_under_a_dead_token_is_made_once(daemon, site):
    d = daemon(site.settings())
    assert d.put(site.mount, "a", {"x": 1}).ok
    site.revoke(site.tokens()[0])
    reply = d.put(site.mount, "a", {"x": 2}, cas=1)
    assert reply.ok and reply["version"] == 2, reply
    assert site.admin.get(f"{site.mount}/metadata/a")["data"]["current_version"] == 2
    assert len(site.logins()) == 2


def test_logins_because_of_dead_tokens_come_at_intervals_that_double(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    site.revoke(site.tokens()[0])
    assert d.get(site.mount, "a").ok
    began = time.monotonic()
    for n in (1, 2, 3):
        site.revoke(site.tokens()[n])
        reply = d.get(site.mount, "a")
        token = d.status()["token"]
        # The first login comes a second after the one before, which may have passed already; the last does not.
        assert not reply.ok or n < 3
        if not reply.ok:
            assert reply.code == "not_ready"
            assert "revoked the token" in token["reason"] and token["next_login_ms"] <= 1000 << (n - 1)
            d.wait_log("does not know the token any more; next login in")
        process.wait_until(lambda: d.get(site.mount, "a").ok, 15, "served again")
        assert len(site.logins()) == n + 2
    took = time.monotonic() - began
    print(f"three more dead tokens were replaced within {took:.1f} s")
    assert 6.5 < took < 7 + process.patience(5)


def test_a_role_with_tokens_for_a_number_of_uses_is_named(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_num_uses": 10})
    d = daemon(site.settings(), wait="socket")
    d.wait_state("relogin_wait")
    assert "token_num_uses" in d.status()["token"]["reason"]
    d.wait_log("login failed: .*token_num_uses")
    assert d.get(site.mount, "a").code == "not_ready"
    process.wait_until(lambda: not site.token_lives(site.tokens()[0]), 5, "the token that was made is revoked")
    site.admin.post(f"auth/approle/role/{site.role}", {"token_num_uses": 0})
    d.wait_ready(20)


@pytest.mark.long
def test_a_token_that_dies_again_and_again_is_replaced_again_and_again(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    for n in range(3):
        site.revoke(site.tokens()[n])
        process.wait_until(lambda: d.get(site.mount, "a").ok, 40, "served again", interval=0.5)
        assert len(site.logins()) == n + 2


def test_a_policys_denial_is_told_without_a_login(daemon, shared_server, new_site):
    site = new_site(shared_server, policy=NARROW)
    d = daemon(site.settings())
    for _ in range(10):
        reply = d.get(site.mount, "closed")
        assert (reply.code, reply.error["status"], reply.error["retryable"]) == ("permission_denied", 403, False)
        assert d.put(site.mount, "closed", {"x": 1}).code == "permission_denied"
    assert d.put(site.mount, "readable", {"x": 1}).code == "permission_denied"
    assert d.get(site.mount, "readable").code == "not_found"
    assert d.put(site.mount, "open/a", {"x": 1}).ok
    assert len(site.logins()) == 1


def test_fifty_denials_at_once_cause_no_login(daemon, shared_server, new_site):
    site = new_site(shared_server, policy=NARROW)
    d = daemon(site.settings())
    assert d.put(site.mount, "open/a", {"x": 1}).ok
    replies = parallel(50, lambda i: d.get(site.mount, "closed"))
    assert {r.code for r in replies} == {"permission_denied"}
    assert len(site.logins()) == 1
    assert len(site.requests_with_own_tokens("auth/token/lookup-self")) <= 50


def test_a_denial_without_the_default_policy_is_no_dead_token(daemon, shared_server, new_site):
    site = new_site(shared_server, policy=NARROW, role={"token_no_default_policy": True})
    d = daemon(site.settings())
    assert d.put(site.mount, "open/a", {"x": 1}).ok
    for _ in range(3):
        assert d.get(site.mount, "closed").code == "permission_denied"
    assert len(site.logins()) == 1


def test_a_policy_that_is_widened_takes_effect_at_once(daemon, shared_server, new_site):
    site = new_site(shared_server, policy=NARROW)
    d = daemon(site.settings())
    assert d.put(site.mount, "new", {"x": 1}).code == "permission_denied"
    site.admin.policy(site.role, f'path "{site.mount}/*" {{ capabilities = ["create", "read", "update"] }}')
    assert d.put(site.mount, "new", {"x": 1}).ok


def test_a_role_that_is_gone_fails_logins_but_not_the_held_token(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    site.admin.delete(f"auth/approle/role/{site.role}")
    assert d.get(site.mount, "a").ok
    site.revoke(site.tokens()[0])
    assert not d.get(site.mount, "a").ok
    process.wait_until(lambda: d.ping()["state"] == "rejected", 10, "the login is rejected")
    assert d.get(site.mount, "a").code == "not_ready"
