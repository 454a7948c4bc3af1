"""The cache: what was read lately is answered from memory, no older than the settings and the caller allow; and while OpenBao
cannot be asked something older may do, which says so."""

import json
import time

import pytest

from harness import process
from harness.cli import ctl


def is_stale(reply):
    return reply.ok and reply.get("stale") is True


@pytest.fixture
def cached(daemon, site):
    site.put("a", {"n": 1})
    return daemon(site.settings(cache={"max_age": "1h"}))


def test_a_second_get_is_answered_from_memory(cached, site):
    first, second = cached.get(site.mount, "a"), cached.get(site.mount, "a")
    assert "age_ms" not in first.json and "stale" not in first.json
    assert second.data_raw == first.data_raw
    assert {**second.json, "age_ms": 0} == {**first.json, "age_ms": 0, "stale": False}
    assert 0 <= second["age_ms"] < 60000
    assert len(site.reads("a")) == 1
    status = cached.status()
    assert (status["counters"]["gets"], status["counters"]["cache_hits"]) == (2, 1)
    assert status["cache"]["entries"] == 1 and status["cache"]["bytes"] > 0


def test_what_was_not_there_is_asked_for_again(cached, site):
    assert cached.get(site.mount, "later").code == "not_found"
    site.put("later", {"n": 1})
    assert cached.get(site.mount, "later").ok


def test_a_secret_that_is_deleted_meanwhile_is_not_given_again(cached, site):
    assert cached.get(site.mount, "a").ok
    site.admin.delete(f"{site.mount}/data/a")
    assert cached.get(site.mount, "a").ok, "nobody has told the daemon"
    assert cached.get(site.mount, "a", max_age_ms=0).code == "not_found"
    assert cached.get(site.mount, "a").code == "not_found"


def test_a_put_is_seen_at_once(cached, site):
    for n in range(2, 7):
        assert cached.put(site.mount, "a", {"n": n}).ok
        reply = cached.get(site.mount, "a")
        assert reply.data == {"n": n} and "age_ms" not in reply.json
        assert cached.get(site.mount, "a").data == {"n": n}
    assert len(site.reads("a")) == 5


def test_a_mismatch_shows_what_somebody_else_has_written(cached, site):
    version = cached.get(site.mount, "a")["version"]
    site.put("a", {"n": 2})
    assert cached.put(site.mount, "a", {"n": 3}, cas=version).code == "cas_mismatch"
    assert cached.get(site.mount, "a").data == {"n": 2}


def test_a_caller_may_want_it_younger(cached, site):
    cached.get(site.mount, "a")
    assert "age_ms" not in cached.get(site.mount, "a", max_age_ms=0).json
    assert len(site.reads("a")) == 2
    reply = cached.get(site.mount, "a", max_age_ms=3600000)
    assert reply["age_ms"] < 3600000
    process.wait_until(lambda: cached.get(site.mount, "a")["age_ms"] > 50, 10, "it ages")
    assert "age_ms" not in cached.get(site.mount, "a", max_age_ms=50).json
    assert len(site.reads("a")) == 3


def test_a_version_by_its_number_or_a_newer_one_is_asked_for(cached, site):
    cached.get(site.mount, "a")
    assert "age_ms" not in cached.get(site.mount, "a", version=1).json
    assert "age_ms" in cached.get(site.mount, "a", min_version=1).json
    site.put("a", {"n": 2})
    assert cached.get(site.mount, "a", min_version=2).data == {"n": 2}
    assert cached.get(site.mount, "a").data == {"n": 2}


def test_the_rules_count_for_what_is_in_memory(daemon, site):
    site.put("a", {"n": 1})
    settings = site.settings(cache={"max_age": "1h"})
    settings["allow"]["tests"]["paths"] = f"{site.mount}/a"
    settings["allow"]["others"] = {"uid": 4321, "ops": "write", "paths": f"{site.mount}/b"}
    settings = {**settings, "listen": {"mode": "0666"}}
    d = daemon(settings)
    assert d.get(site.mount, "a").ok
    assert d.get(site.mount, "b").code == "forbidden"
    if process.UID == 0:
        with d.connect_as(4321) as c:
            assert c.call("kv.get", mount=site.mount, path="a").code == "forbidden"


def test_a_rotation_elsewhere_is_seen_within_max_age(daemon, site):
    site.put("a", {"n": 1})
    d = daemon(site.settings(cache={"max_age": "500ms"}))
    hits = 0
    with d.connect() as c:
        for n in range(2, 6):
            c.call("kv.get", mount=site.mount, path="a")
            site.put("a", {"n": n})
            rotated = time.clock_gettime(time.CLOCK_BOOTTIME)
            while True:
                began = time.clock_gettime(time.CLOCK_BOOTTIME)
                reply = c.call("kv.get", mount=site.mount, path="a")
                if reply.data == {"n": n}:
                    break
                hits += 1
                assert reply["age_ms"] < 500
                assert began < rotated + 0.5, "an old value was given later than max_age after it was replaced"
    assert hits > 0, "the cache was not used, which proves nothing"


def test_a_bounded_number_of_bytes(daemon, site):
    value = "x" * 10000
    for n in range(20):
        site.put(f"large/{n}", {"v": value})
    d = daemon(site.settings(cache={"max_age": "1h", "max_bytes": "64K"}))
    for _ in range(2):
        for n in range(20):
            assert d.get(site.mount, f"large/{n}").data == {"v": value}
    cache = d.status()["cache"]
    assert 4 <= cache["entries"] <= 6 and cache["bytes"] <= 65536
    assert len(site.reads("large/0")) == 2
    assert "age_ms" in d.get(site.mount, "large/19").json


def test_the_command_tells_of_it(cached, site):
    cached.get(site.mount, "a")
    said = json.loads(ctl(cached.socket, "get", "--full", f"{site.mount}/a").stdout)
    assert said["stale"] is False and said["age_ms"] >= 0


# -- stale


@pytest.fixture
def lenient(daemon, site, proxy):
    site.put("a", {"n": 1})
    d = daemon(site.settings(proxy.port, cache={"serve_stale": "1h"}))
    assert d.get(site.mount, "a").ok
    return d


def test_while_openbao_is_there_nothing_is_stale(lenient, site):
    site.put("a", {"n": 2})
    reply = lenient.get(site.mount, "a")
    assert reply.data == {"n": 2} and "stale" not in reply.json


def test_what_was_read_is_served_while_openbao_is_down(lenient, site, proxy):
    proxy.refuse()
    reply = lenient.get(site.mount, "a")
    assert is_stale(reply) and reply.data == {"n": 1} and reply["age_ms"] > 0
    process.wait_until(lambda: lenient.status()["upstream"]["state"] == "down", 10, "the outage is known")
    assert is_stale(lenient.get(site.mount, "a"))
    assert lenient.get(site.mount, "never-read").code == "unavailable"
    assert lenient.get(site.mount, "a", max_age_ms=0).code == "unavailable"
    assert lenient.get(site.mount, "a", min_version=2, timeout_ms=500).code == "unavailable"
    assert lenient.put(site.mount, "a", {"n": 2}).code == "unavailable"
    assert lenient.status()["counters"]["cache_stale"] == 2
    site.put("a", {"n": 2})
    proxy.accept()
    process.wait_until(lambda: not is_stale(lenient.get(site.mount, "a")), 15, "OpenBao is asked again")
    assert lenient.get(site.mount, "a").data == {"n": 2}


def test_not_beyond_its_bound(daemon, site, proxy):
    site.put("a", {"n": 1})
    d = daemon(site.settings(proxy.port, cache={"max_age": "100ms", "serve_stale": "3s"}))
    assert d.get(site.mount, "a").ok
    read = time.clock_gettime(time.CLOCK_BOOTTIME)  # the read was sent before
    proxy.refuse()
    served = 0
    while True:
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        reply = d.get(site.mount, "a", timeout_ms=1000)
        if not reply.ok:
            break
        served += is_stale(reply)
        assert reply["age_ms"] < 3000
        assert reply["stale"] == (reply["age_ms"] >= 100)
        assert began < read + 3
        time.sleep(0.02)
    assert reply.code == "unavailable"
    assert served > 0
    process.wait_until(lambda: d.status()["cache"]["entries"] == 0, 10, "it is not kept any longer")


def test_while_openbao_is_sealed(daemon, dev_server, new_site):
    site = new_site(dev_server)
    site.put("a", {"n": 1})
    d = daemon(site.settings(cache={"serve_stale": "1h"}))
    assert d.get(site.mount, "a").ok
    dev_server.seal()
    assert is_stale(d.get(site.mount, "a"))
    process.wait_until(lambda: d.status()["upstream"]["state"] == "sealed", 10, "that it is sealed is known")
    assert is_stale(d.get(site.mount, "a"))
    assert d.get(site.mount, "never-read").code == "sealed"


def test_a_silent_openbao_is_not_waited_for_to_the_end(lenient, site, proxy):
    hold = proxy.fault("hold", seconds=60, path="/data/", times=-1)
    began = time.monotonic()
    assert is_stale(lenient.get(site.mount, "a", timeout_ms=60000))
    assert time.monotonic() - began < 30
    assert hold.hits >= 1


def test_a_denied_read_ends_it(lenient, site, proxy):
    site.admin.policy(site.policy, 'path "none/*" { capabilities = ["read"] }')
    process.wait_until(lambda: lenient.get(site.mount, "a").code == "permission_denied", 10, "the policy counts")
    proxy.refuse()
    assert lenient.get(site.mount, "a", timeout_ms=2000).code == "unavailable"


def test_refused_credentials_empty_the_cache(daemon, site):
    for path in "ab":
        site.put(path, {"n": 1})
    d = daemon(site.settings(cache={"max_age": "1h", "serve_stale": "1h"}))
    for path in "ab":
        assert d.get(site.mount, path).ok
    site.write_secret_id("not-the-right-one\n")
    site.revoke(site.tokens()[-1])
    assert d.get(site.mount, "a").ok, "nobody has told the daemon"
    d.get(site.mount, "a", max_age_ms=0)
    d.wait_state("rejected")
    assert d.status()["cache"]["entries"] == 0
    assert d.get(site.mount, "b").code == "not_ready"
