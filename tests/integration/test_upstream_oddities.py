"""Answers of all sorts to reads and logins: never a crash, never a wrong secret, never a hang."""

import pytest
from werkzeug import Response

from harness import canary, process
from harness.standin import StandIn, metadata, reply, secret_reply

PATH = "/v1/secret/data/a"


@pytest.fixture
def dd(daemon, standin, scratch):
    return daemon(standin.settings(scratch))


@pytest.mark.parametrize("answer", [
    reply(""), reply("garbage"), reply("{"), reply("[]"), reply("null"), reply({}), reply({"data": None}),
    reply({"data": {}}), reply({"data": {"data": {"x": 1}}}), reply({"data": {"data": {"x": 1}, "metadata": {}}}),
    reply({"data": {"data": None, "metadata": metadata()}}),
    reply({"data": {"data": [1], "metadata": metadata()}}),
    reply({"data": {"data": "x", "metadata": metadata()}}), reply({"data": {"x": 1}}), reply(status=204),
    reply({"data": {"data": {"x": 1}, "metadata": metadata(version=0)}}),
    reply({"data": {"data": {"x": 1}, "metadata": metadata(version="1")}}),
    reply({"errors": ["odd"]}, status=500), reply("<html>bad gateway</html>", status=502),
    reply(b'{"data":{"data":{"x":"\xff"},"metadata":{"version":1}}}'), reply(status=418),
], ids=range(21))
def test_an_answer_that_is_no_secret_is_an_error(dd, standin, answer):
    standin.on("GET", PATH, answer)
    r = dd.get("secret", "a", timeout_ms=700)
    assert not r.ok
    assert r.code in ("empty_response", "upstream_error", "unavailable", "timeout", "not_kv_v2"), r
    assert dd.ping().ok


def test_an_empty_answer_is_called_empty(dd, standin):
    standin.on("GET", PATH, reply(""))
    assert dd.get("secret", "a", timeout_ms=700).code == "empty_response"


def test_redirects_are_not_followed(dd, standin):
    other = StandIn()
    try:
        other.on("GET", "", secret_reply({"wrong": 1}))
        standin.on("GET", PATH, reply(status=307, Location=f"http://127.0.0.1:{other.port}/v1/secret/data/a"))
        r = dd.get("secret", "a", timeout_ms=1000)
        assert not r.ok
        assert other.requests == []
    finally:
        other.close()


def test_an_answer_beyond_all_bounds_is_refused_and_its_memory_comes_back(dd, standin):
    standin.on("GET", PATH, lambda request: Response(b"x" * 65536 for _ in range(1024)))
    assert dd.get("secret", "a").code in ("too_large", "upstream_error")
    if not process.SANITIZED:
        process.wait_until(lambda: dd.memory_kb() < 12000, 10, "the memory comes back")
    standin.on("GET", PATH, secret_reply({"x": 1}))
    assert dd.get("secret", "a").ok


def test_the_largest_secret_that_fits_a_reply_arrives(dd, standin):
    value = "x" * (15 << 20)
    standin.on("GET", PATH, secret_reply({"v": value}))
    r = dd.get("secret", "a", timeout_ms=60000)
    assert r.ok, r
    assert r.data["v"] == value


def test_an_answer_too_large_for_a_reply_is_told(dd, standin):
    standin.on("GET", PATH, secret_reply({"v": "x" * ((16 << 20) - 50)}))
    r = dd.get("secret", "a", timeout_ms=60000)
    assert r.code in ("too_large", "upstream_error"), r


@pytest.mark.parametrize("answer", [
    reply({"auth": {"client_token": "", "lease_duration": 3600, "mfa_requirement": {"mfa_request_id": "x"}}}),
    reply({"auth": None}), reply({}), reply(""), reply("garbage"), reply(status=204), reply(status=404),
    reply({"auth": {"client_token": 7}}),
    reply({"auth": {"client_token": "a\r\nX-Evil: 1", "lease_duration": 60}}),
    reply({"errors": ["internal"]}, status=500),
    reply(status=307, Location="/elsewhere"),
], ids=range(11))
def test_a_login_without_a_token_is_tried_again_later(daemon, standin, scratch, answer):
    standin.on("POST", "/login", answer)
    d = daemon(standin.settings(scratch), wait="socket")
    process.wait_until(lambda: standin.count("POST", "/login") >= 1, 10, "a login attempt")
    process.wait_until(lambda: d.ping()["state"] != "logging_in", 10, "it has failed")
    assert d.ping()["ready"] is False
    assert d.ping()["state"] in ("relogin_wait", "starting")
    assert standin.count("POST", "/login") <= 6
    assert d.get("secret", "a").code == "not_ready"


def test_a_failed_login_is_tried_again_with_growing_pauses(daemon, standin, scratch):
    bad = reply({"errors": ["internal"]}, status=400)
    token = canary.run.secret("hvs")
    good = reply({"auth": {"client_token": token, "lease_duration": 60, "renewable": True}})
    standin.on("POST", "/login", bad, bad, good)
    d = daemon(standin.settings(scratch), wait="socket")
    d.wait_ready(20)
    assert standin.count("POST", "/login") == 3


def test_a_renewal_without_content_leads_to_a_login(daemon, standin, scratch):
    standin.lease = 3
    standin.on("POST", "renew-self", reply(""))
    d = daemon(standin.settings(scratch))
    process.wait_until(lambda: standin.count("POST", "/login") >= 2, 10, "a second login")
    assert d.ping()["ready"]


def test_a_renewal_that_grants_little_leads_to_a_login_and_slow_renewals(daemon, standin, scratch):
    """Near its max TTL a token is kept alive at most once a second until the login has succeeded."""
    standin.lease = 4
    standin.on("POST", "renew-self", reply({"auth": {"lease_duration": 1, "renewable": True}}))
    d = daemon(standin.settings(scratch))
    standin.on("POST", "/login", reply({"errors": ["internal"]}, status=500))
    process.wait_until(lambda: standin.count("POST", "/login") >= 2, 10, "a login is tried")
    assert standin.count("POST", "renew-self") == 1
    before = d.status()["uptime_ms"]
    process.wait_until(lambda: d.status()["uptime_ms"] - before > 4000, 10, "four seconds")
    assert standin.count("POST", "renew-self") <= 6


def test_a_login_that_does_not_expire_is_not_renewed(daemon, standin, scratch):
    standin.lease = 0
    d = daemon(standin.settings(scratch))
    assert d.status()["token"]["lease_left_ms"] is None
    assert "next_renewal_ms" not in d.status()["token"]
    assert standin.count("POST", "renew-self") == 0


@pytest.mark.parametrize("lease", [1, 2, 3])
def test_a_very_short_lease_makes_no_hot_loop(daemon, standin, scratch, lease):
    standin.lease = lease
    standin.on("GET", PATH, secret_reply({"x": 1}))
    d = daemon(standin.settings(scratch))
    process.wait_until(lambda: d.status()["uptime_ms"] > 4000, 10, "four seconds")
    asked = standin.count("POST", "/login") + standin.count("POST", "renew-self")
    assert asked <= 10
    assert d.alive()


@pytest.mark.parametrize("lease", [10 ** 9, 2 ** 62, -5])
def test_an_absurd_lease_breaks_nothing(daemon, standin, scratch, lease):
    standin.lease = lease
    standin.on("GET", PATH, secret_reply({"x": 1}))
    d = daemon(standin.settings(scratch), wait="socket")
    process.wait_until(lambda: standin.count("POST", "/login") >= 1, 10, "a login")
    process.wait_until(lambda: d.ping()["state"] != "logging_in", 10, "it has ended")
    assert standin.count("POST", "/login") + standin.count("POST", "renew-self") <= 4
