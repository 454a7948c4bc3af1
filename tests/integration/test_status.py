"""ping and status: what they tell, and that it is nothing secret."""

import json
import os

import pytest

from harness import canary
from harness.load import parallel


def test_ping_tells_state_protocol_ops_and_limits(daemon, site):
    d = daemon(site.settings(limits={"request_bytes": "64K", "requests_per_connection": 8}))
    r = d.ping()
    assert r.ok
    assert set(r.json) == {"id", "ok", "ready", "state", "version", "protocol", "ops", "limits"}
    assert (r["ready"], r["state"], r["version"], r["protocol"]) == (True, "serving", "0.1.0", 1)
    assert set(r["ops"]) >= {"ping", "status", "kv.get", "kv.put"}
    assert r["limits"] == {"request_bytes": 65536, "reply_bytes": (1 << 24) - 1, "timeout_ms": 600000,
                           "requests_per_connection": 8}


@pytest.mark.root
def test_ping_is_free_for_whoever_can_connect(daemon, site):
    settings = site.settings(listen={"mode": "0666"})
    settings["allow"] = {}
    d = daemon(settings)
    with d.connect_as(4321) as c:
        assert c.call("ping")["ready"]


def test_status_tells_token_upstream_counters_and_the_caller(daemon, site):
    d = daemon(site.settings())
    d.put(site.mount, "a", {"x": 1})
    d.get(site.mount, "a")
    d.get(site.mount, "none")
    r = d.status()
    assert set(r.json) == {"id", "ok", "version", "uptime_ms", "ready", "token", "upstream", "counters", "cache",
                           "peer", "rules"}
    assert (r["version"], r["ready"]) == ("0.1.0", True)
    assert r["token"]["state"] == "serving"
    assert 3500000 < r["token"]["lease_left_ms"] <= 3600000
    assert 0 < r["token"]["next_renewal_ms"] < r["token"]["lease_left_ms"]
    assert r["upstream"] == {"state": "up"}
    assert r["cache"] == {"entries": 0, "bytes": 0}
    assert r["counters"]["gets"] == 2
    assert r["counters"]["puts"] == 1
    assert r["counters"]["failures"] == 1
    assert r["counters"]["logins"] == 1
    assert all(isinstance(v, int) and v >= 0 for v in r["counters"].values())
    assert r["peer"] == {"uid": os.getuid(), "gid": os.getgid(), "pid": os.getpid()}
    assert r["rules"] == ["tests"]


def test_status_counts_denials(daemon, site):
    d = daemon(site.settings(allow={"tests": {"paths": "other/*"}}))
    d.get(site.mount, "a")
    counters = d.status()["counters"]
    assert (counters["forbidden"], counters["failures"]) == (1, 1)


def test_status_names_the_rules_of_the_caller_only(daemon, site):
    d = daemon(site.settings(allow={"others": {"uid": 4242, "ops": "write", "paths": "*"}}))
    assert d.status()["rules"] == ["tests"]


def test_status_and_log_hold_nothing_secret(daemon, site):
    value = canary.run.secret()
    d = daemon(site.settings())
    assert d.put(site.mount, "a", {"v": value}).ok
    assert d.get(site.mount, "a").data == {"v": value}
    said = json.dumps(d.status().json) + json.dumps(d.ping().json)
    d.wait_log("logged in: ")
    for secret in (site.secret_id, site.role_id, *site.tokens(), value):
        assert secret not in said
        assert secret not in d.log
    assert site.host not in said and str(site.server.port) not in said
    assert d.log.count(site.host) == 1


def test_log_has_a_line_for_start_state_and_stop(daemon, site):
    d = daemon(site.settings())
    d.stop()
    log = d.log
    assert "serving" in log
    assert str(d.socket) in log
    assert "SIGTERM" in log
    assert len(log.splitlines()) < 20


def test_reading_and_writing_leave_no_line_in_the_log(daemon, site):
    d = daemon(site.settings())
    d.put(site.mount, "a", {"x": 1})
    before = d.log
    for _ in range(20):
        d.get(site.mount, "a")
        d.get(site.mount, "none")
        d.put(site.mount, "a", {"x": 1}, cas=99)
    assert d.log == before


def test_status_under_load_is_answered(daemon, site):
    d = daemon(site.settings())
    d.put(site.mount, "a", {"x": 1})

    def work(i):
        request = ("status", {}) if i % 2 else ("kv.get", {"mount": site.mount, "path": "a"})
        with d.connect() as c:
            return [c.call(request[0], **request[1]).ok for _ in range(20)]

    assert all(all(some) for some in parallel(10, work))
    assert d.status()["counters"]["gets"] == 100
