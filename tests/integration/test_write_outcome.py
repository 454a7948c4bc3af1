"""What a write's answer means: success only after the proof, unknown_outcome where it may have happened, one
POST."""

import time

import pytest

from harness import canary, process
from harness.proxy import FIN, HANG, RESET
from harness.standin import reply, written_reply

BODY = {"v": "x" * 200}


@pytest.fixture
def warm(daemon, site, proxy):
    """A daemon with a kept-alive connection through the proxy, and the mount guard behind it."""
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "warm", {"x": 1}).ok
    process.wait_until(proxy.idle_connections, 5, "an idle connection")
    return d


def posts(proxy):
    return proxy.seen("POST", "data/a$")


@pytest.mark.parametrize("how", [FIN, RESET])
@pytest.mark.parametrize("at, passed_on", [("request", False), ("answered", True), ("reply", True)])
def test_a_reused_connection_cut_after_the_body_is_an_unknown_outcome(warm, site, proxy, at, passed_on, how):
    proxy.fault(at, how=how, after=20, method="POST", path="data/a$")
    r = warm.put(site.mount, "a", BODY)
    assert r.code == "unknown_outcome", r
    assert r.error["retryable"] is False
    (post,) = posts(proxy)
    assert post.number > 1, "it was to be a reused connection"
    assert len(site.writes("a")) == passed_on
    assert warm.get(site.mount, "a").ok == passed_on


@pytest.mark.parametrize("how", [FIN, RESET])
def test_a_fresh_connection_cut_after_the_body_is_an_unknown_outcome(warm, site, proxy, how):
    proxy.close_idle()
    proxy.fault("answered", how=how, method="POST", path="data/a$")
    assert warm.put(site.mount, "a", BODY).code == "unknown_outcome"
    assert len(posts(proxy)) == 1
    assert len(site.writes("a")) == 1


@pytest.mark.parametrize("reset", [False, True])
def test_a_reused_connection_cut_before_the_put_costs_nothing(warm, site, proxy, reset):
    assert proxy.close_idle(reset) >= 1
    r = warm.put(site.mount, "a", BODY, cas=0)
    assert r.ok and r["version"] == 1, r
    assert len(posts(proxy)) == 1
    assert len(site.writes("a")) == 1


def test_many_cuts_of_idle_connections_lose_and_double_no_put(warm, site, proxy):
    for n in range(20):
        proxy.close_idle(reset=n % 2 == 1)
        r = warm.put(site.mount, "a", {"n": n}, cas=n)
        assert r.ok and r["version"] == n + 1, r
    assert len(posts(proxy)) == 20


@pytest.mark.parametrize("how", [FIN, RESET])
def test_cut_in_the_middle_of_a_large_body_is_an_unknown_outcome(warm, site, proxy, how):
    proxy.fault("body", after=1000, how=how, method="POST", path="data/a$")
    assert warm.put(site.mount, "a", {"v": "x" * 800000}).code == "unknown_outcome"
    assert len(posts(proxy)) == 1
    assert site.writes("a") == []


def test_cut_after_the_headers_is_never_a_second_post_at_the_server(warm, site, proxy):
    proxy.fault("headers", how=RESET, method="POST", path="data/a$")
    r = warm.put(site.mount, "a", BODY, cas=0)
    assert r.code == "unknown_outcome" or r.ok
    assert len(site.writes("a")) == (1 if r.ok else 0)


def test_silence_after_the_body_is_an_unknown_outcome_at_the_deadline(warm, site, proxy):
    proxy.fault("answered", how=HANG, method="POST", path="data/a$")
    before = time.monotonic()
    r = warm.put(site.mount, "a", BODY, timeout_ms=800)
    assert r.code == "unknown_outcome"
    assert 0.6 < time.monotonic() - before < process.patience(1.5)
    assert len(posts(proxy)) == 1


def test_refused_connections_are_unavailable_and_nothing_was_sent(warm, site, proxy):
    proxy.refuse()
    assert warm.put(site.mount, "a", BODY, timeout_ms=500).code in ("unavailable", "timeout")
    proxy.accept()
    process.wait_until(lambda: warm.get(site.mount, "a").code == "not_found", 8, "service is back")
    assert posts(proxy) == []


def test_a_short_refusal_is_waited_out_within_the_deadline(daemon, site, proxy):
    """A put that waits for its login while OpenBao is away is made when it returns."""
    proxy.refuse()
    d = daemon(site.settings(proxy.port), wait="socket")
    with d.connect() as c:
        put = c.send("kv.put", mount=site.mount, path="a", data=BODY, cas=0, timeout_ms=20000)
        time.sleep(0.5)
        proxy.accept()
        r = c.reply_to(put)
    assert r.ok or r.code in ("not_ready", "unavailable")
    assert len(site.writes("a")) == r.ok


@pytest.mark.parametrize("at", ["headers", "request", "answered", "reply"])
@pytest.mark.parametrize("how", [FIN, RESET])
def test_a_get_that_is_cut_is_asked_again(warm, site, proxy, at, how):
    site.put("a", BODY)
    proxy.fault(at, how=how, after=30, method="GET", path="data/a")
    r = warm.get(site.mount, "a")
    assert r.ok and r.data == BODY, r
    assert len(proxy.seen("GET", "data/a")) == 2


def test_a_caller_that_leaves_does_not_cancel_its_put(warm, site, proxy):
    proxy.fault("hold", seconds=1, method="POST", path="data/a$")
    with warm.connect() as c:
        c.send("kv.put", mount=site.mount, path="a", data=BODY)
        proxy.wait_seen(1, "POST", "data/a$")
    process.wait_until(lambda: site.writes("a"), 5, "the put reaches OpenBao")
    assert site.get("a") == BODY


def test_a_caller_that_leaves_cancels_its_get(warm, site, proxy):
    proxy.fault("hold", seconds=3, method="GET", path="data/a")
    with warm.connect() as c:
        c.send("kv.get", mount=site.mount, path="a")
        proxy.wait_seen(1, "GET", "data/a")
    time.sleep(3.5)
    assert not proxy.seen("GET", "data/a")[0].passed_on


# Answers that a real OpenBao cannot be brought to give.

PATH = "/v1/secret/data/a$"


@pytest.fixture
def dd(daemon, standin, scratch):
    return daemon(standin.settings(scratch))


@pytest.mark.parametrize("answer", [
    reply(status=204), reply(status=200), reply(status=201), reply("not json"), reply({}), reply({"data": {}}),
    reply({"data": {"version": 0}}), reply({"data": {"version": -1}}), reply({"data": {"version": "1"}}),
    reply({"data": {"version": 1.5}}),
    reply({"errors": ["odd"]}, status=500), reply({"errors": ["odd"]}, status=502), reply("<html>", status=504),
    reply({"errors": ["odd"]}, status=503), reply(status=307, Location="http://127.0.0.1:1/elsewhere"),
    reply(status=408),
    reply('{"data":{"version":1', status=200),
], ids=lambda a: f"{a.status_code}-{a.get_data(as_text=True)[:24]}")
def test_an_odd_answer_to_a_put_is_an_unknown_outcome(dd, standin, answer):
    standin.on("POST", PATH, answer)
    assert dd.put("secret", "a", BODY).code == "unknown_outcome"
    assert standin.count("POST", PATH) == 1


@pytest.mark.parametrize("status, errors, code", [
    (400, ["no good"], "upstream_error"), (404, [], None), (405, ["unsupported operation"], None),
    (413, ["too large"], None), (500, ["put failed due to value being too large; got 1"], None),
    (503, ["Vault is sealed"], "sealed"),
])
def test_a_refusal_is_known_to_have_done_nothing(dd, standin, status, errors, code):
    standin.on("POST", PATH, reply({"errors": errors}, status=status))
    r = dd.put("secret", "a", BODY, timeout_ms=1000)
    assert not r.ok and r.code != "unknown_outcome", r
    assert code in (None, r.code)
    assert r.error["status"] == status


@pytest.mark.parametrize("cas", [{}, {"cas": 3}])
@pytest.mark.parametrize("status, errors", [
    (429, ["rate limited"]), (500, ["local node not active but active cluster node not found"]),
    (503, ["no active Vault instance found"]), (400, ["Upgrading from non-versioned to versioned data"]),
])
def test_a_refusal_for_the_moment_is_tried_again(dd, standin, status, errors, cas):
    refused = reply({"errors": errors}, status=status)
    standin.on("POST", PATH, refused, refused, written_reply(4))
    r = dd.put("secret", "a", BODY, **cas)
    assert r.ok and r["version"] == 4, r
    assert standin.count("POST", PATH) == 3


def test_a_refusal_for_the_moment_that_lasts_ends_at_the_deadline(dd, standin):
    standin.on("POST", PATH, reply({"errors": ["rate limited"]}, status=429))
    r = dd.put("secret", "a", BODY, timeout_ms=700)
    assert not r.ok and r.code != "unknown_outcome", r
    assert 1 <= standin.count("POST", PATH) <= 12


def test_retry_after_is_honoured(dd, standin):
    busy = reply({"errors": []}, status=429, Retry_After="3")
    standin.on("POST", PATH, busy, written_reply())
    standin.on("GET", "/v1/secret/data/b$", busy, reply({"errors": []}, status=404))
    before = time.monotonic()
    with dd.connect() as c:
        put = c.send("kv.put", mount="secret", path="a", data=BODY)
        get = c.send("kv.get", mount="secret", path="b")
        assert c.reply_to(put).ok
        assert time.monotonic() - before > 2.9
        assert c.reply_to(get).code == "not_found"
    assert 2.9 < time.monotonic() - before < process.patience(4)


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(dd, standin):
    standin.on("GET", PATH, reply({"errors": []}, status=429, Retry_After="30"))
    before = time.monotonic()
    assert not dd.get("secret", "a", timeout_ms=2000).ok
    assert time.monotonic() - before < process.patience(2.2)
    assert standin.count("GET", PATH) <= 2


def test_a_cas_mismatch_of_any_wording_is_posted_once(dd, standin):
    for text in ("check-and-set parameter did not match the current version", "CAS mismatch"):
        standin.on("POST", PATH, reply({"errors": [text]}, status=400))
        before = standin.count("POST", PATH)
        r = dd.put("secret", "a", BODY, cas=2)
        assert r.code == "cas_mismatch"
        assert "(REQ-004, PX-0003)" in r.message
        assert standin.count("POST", PATH) - before == 1


def test_openbaos_texts_are_not_passed_on(dd, standin):
    value = canary.run.secret()
    standin.on("POST", PATH, reply({"errors": [f"cannot use {value}"]}, status=400))
    standin.on("GET", PATH, reply({"errors": [f"cannot use {value}"]}, status=500))
    for r in (dd.put("secret", "a", BODY), dd.get("secret", "a", timeout_ms=500)):
        assert value not in r.message
        assert r.error["status"] in (400, 500)
