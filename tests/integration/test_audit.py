"""The audit: who asked for what, in a file; what happens when that cannot be written; and never a value."""

import json
import os
import signal
import stat
import subprocess

import pytest

from harness import canary, process
from harness.client import Conn
from harness.snapshot import SnapshotSite


def me(**more):
    return {"uid": os.getuid(), "gid": os.getgid(), "pid": os.getpid(), **more}


def denying(site, **audit):
    return site.settings(audit={"on_failure": "deny", **audit})


def test_what_is_done_and_what_is_denied_is_on_record(daemon, site):
    d = daemon(site.settings(allow={"tests": {"ops": ["kv.get", "kv.put"], "paths": f"{site.mount}/mine/*"}}))
    assert d.put(site.mount, "mine/a", {"x": 1}).ok
    assert d.put(site.mount, "mine/a", {"x": 2}, cas=9).code == "cas_mismatch"
    assert d.get(site.mount, "mine/a").ok
    assert d.get(site.mount, "mine/none").code == "not_found"
    assert d.get(site.mount, "others/a").code == "forbidden"
    assert d.call("status").code == "forbidden"
    d.stop()
    mine = {"rule": "tests", "verdict": "allowed", "mount": site.mount, **me()}
    assert len(d.audit(op="kv.put", path="mine/a", code="ok", version=1, **mine)) == 1
    assert len(d.audit(op="kv.put", path="mine/a", code="cas_mismatch", **mine)) == 1
    assert len(d.audit(op="kv.get", path="mine/a", code="ok", version=1, count=1, **mine)) == 1
    assert len(d.audit(op="kv.get", path="mine/none", code="not_found", count=1, **mine)) == 1
    denied = {"verdict": "denied", "code": "forbidden", **me()}
    (record,) = d.audit(op="kv.get", mount=site.mount, path="others/a", **denied)
    assert "rule" not in record
    (record,) = d.audit(op="status", **denied)
    assert "path" not in record
    assert len(d.audit()) == 6
    assert all(r["time"].startswith("20") and r["microseconds"] >= 0 for r in d.audit())


def test_equal_gets_are_counted_and_told_at_the_end(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    for _ in range(20):
        assert d.get(site.mount, "a").ok
    assert len(d.wait_audit(path="a")) == 1
    d.stop()
    assert [r["count"] for r in d.audit(path="a")] == [1, 19]


def test_level_all_records_each(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings(audit={"level": "all"}))
    for _ in range(20):
        assert d.get(site.mount, "a").ok
    d.status()
    d.stop()
    assert len(d.audit(op="kv.get", path="a")) == 20
    assert not any("count" in r for r in d.audit())
    assert len(d.audit(op="status", code="ok")) == 1


@pytest.mark.parametrize("level", ["all", "changes"])
def test_gets_from_memory_are_on_record_like_others(daemon, site, level):
    site.put("a", {"x": 1})
    d = daemon(site.settings(audit={"level": level}, cache={"max_age": "1h"}))
    for _ in range(20):
        assert d.get(site.mount, "a").ok
    assert len(site.reads("a")) == 1
    d.stop()
    gets = d.audit(op="kv.get", code="ok", verdict="allowed", rule="tests", mount=site.mount, path="a", version=1, **me())
    assert [r.get("count", 1) for r in gets] == ([1] * 20 if level == "all" else [1, 19])


def test_the_file_is_for_its_owner_only(daemon, site):
    d = daemon(site.settings())
    assert stat.S_IMODE(d.audit_path.stat().st_mode) == 0o600


def test_no_value_is_in_it(daemon, site):
    d = daemon(site.settings(audit={"level": "all"}))
    value = canary.run.secret()
    assert d.put(site.mount, "a", {"password": value}).ok
    assert d.get(site.mount, "a").data == {"password": value}
    assert d.put(site.mount, "a", {"password": value}, cas=7).code == "cas_mismatch"
    d.stop()
    text = d.audit_path.read_text()
    assert len(text.splitlines()) == 3
    assert value not in text and "password" not in text and site.host not in text


def test_hostile_names_forge_nothing(daemon, site):
    d = daemon(site.settings())
    path = 'a","uid":4711,"x":"\u2028\u0085\\'
    d.get(site.mount, path)
    (record,) = d.wait_audit(op="kv.get")
    assert (record["path"], record["uid"]) == (path, os.getuid())


@pytest.mark.root
def test_another_user_is_named(daemon, site):
    settings = site.settings(listen={"mode": "0666"})
    d = daemon(settings)
    with Conn.as_user(d.socket, 4321, 4322) as c:
        assert c.call("kv.get", mount=site.mount, path="a").code == "forbidden"
    d.wait_audit(uid=4321, gid=4322, verdict="denied")


def test_a_put_whose_caller_left_has_its_outcome_on_record(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("hold", seconds=0.5, method="POST", path="data/a")
    with d.connect() as c:
        c.send("kv.put", mount=site.mount, path="a", data={"x": 1})
        proxy.wait_seen(1, "POST", "data/a")
    (record,) = d.wait_audit(op="kv.put", path="a")
    assert (record["code"], record["version"]) == ("ok", 1)


def test_a_get_whose_caller_left_is_on_record(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "warm").code == "not_found"
    proxy.fault("hold", seconds=30, method="GET", path="data/a")
    with d.connect() as c:
        c.send("kv.get", mount=site.mount, path="a")
        proxy.wait_seen(1, "GET", "data/a")
    (record,) = d.wait_audit(op="kv.get", path="a")
    assert record["code"] == "caller_gone"


def test_snapshots_are_on_record(daemon, raft_server, new_site):
    site = new_site(raft_server, kind=SnapshotSite)
    d = daemon(denying(site))
    with d.connect() as c:
        snapshot, reply = c.save()
    assert reply.ok, reply
    with d.connect() as c:
        assert c.restore(snapshot[:-100]).code == "invalid_request"
    with d.connect() as c:
        assert c.restore(snapshot)["state"] == "applied"
    with d.connect() as c:
        c.begin_restore()
        c.send_data(snapshot[:100])
    assert len(d.wait_audit(op="snapshot.restore", code="caller_gone")) == 1
    d.stop()
    assert len(d.audit(op="snapshot.save", code="ok")) == 1
    assert len(d.audit(op="snapshot.restore", stage="intent")) == 3
    assert len(d.audit(op="snapshot.restore", stage="result")) == 3
    (done,) = d.audit(op="snapshot.restore", stage="result", code="ok")
    assert len(d.audit(op="snapshot.restore", stage="intent", request=done["request"])) == 1


def test_a_renamed_file_is_followed_by_a_new_one(daemon, site):
    d = daemon(site.settings())
    assert d.put(site.mount, "a", {"x": 1}).ok
    d.wait_audit(path="a")
    old = canary.run.new_log("audit-rotated")
    d.audit_path.rename(old)
    assert d.put(site.mount, "b", {"x": 1}).ok
    process.wait_until(d.audit_path.exists, process.patience(10), "a new file")
    d.wait_audit(path="b")
    assert not d.audit(path="a")
    assert [json.loads(line)["path"] for line in old.read_text().splitlines()] == ["a"]
    assert stat.S_IMODE(d.audit_path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_opened_stops_the_start(daemon, site, scratch):
    from harness.daemon import run
    settings = site.settings(audit={"sink": "file", "file": str(scratch / "none" / "audit.log")},
                             listen={"socket": str(scratch / "s.sock")})
    done = run(settings)
    assert done.returncode == 1
    assert "audit.file: cannot be opened: No such file or directory" in done.log
    assert not (scratch / "s.sock").exists()


# -- on_failure = "deny" --


def test_intent_and_result_are_on_file_before_the_reply(daemon, site):
    d = daemon(denying(site))
    assert d.put(site.mount, "a", {"x": 1}, cas=0).ok
    intent, result = d.audit(op="kv.put", path="a")
    assert (intent["stage"], result["stage"]) == ("intent", "result")
    assert intent["request"] == result["request"]
    assert "code" not in intent and (result["code"], result["version"]) == ("ok", 1)
    assert d.put(site.mount, "a", {"x": 1}, cas=0).code == "cas_mismatch"
    assert d.audit(op="kv.put", stage="result", code="cas_mismatch")


def test_the_intent_is_on_file_before_anything_is_sent(daemon, site, proxy):
    d = daemon(denying(site, level="all") | {"openbao": site.settings(proxy.port)["openbao"]})
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("hold", seconds=1, method="POST", path="data/a")
    with d.connect() as c:
        wanted = c.send("kv.put", mount=site.mount, path="a", data={"x": 1})
        proxy.wait_seen(1, "POST", "data/a")
        assert [r["stage"] for r in d.audit(path="a")] == ["intent"]
        assert c.reply_to(wanted).ok
    assert [r["stage"] for r in d.audit(path="a")] == ["intent", "result"]


def test_puts_under_way_at_a_stop_are_answered_and_on_file(daemon, site, proxy):
    d = daemon(denying(site) | {"openbao": site.settings(proxy.port, openbao={"revoke_on_stop": False})["openbao"]})
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("hold", seconds=1, method="POST", path="data/a", times=-1)
    with d.connect() as c:
        ids = [c.send("kv.put", mount=site.mount, path=f"a{n}", data={"n": n}) for n in range(3)]
        proxy.wait_seen(3, "POST", "data/a")
        d.signal(signal.SIGTERM)
        assert all(c.reply_to(i).ok for i in ids)
    d.stop()
    for n in range(3):
        assert [r["stage"] for r in d.audit(path=f"a{n}")] == ["intent", "result"]


def test_a_caller_that_left_leaves_no_intent_without_a_result(daemon, site, proxy):
    d = daemon(denying(site) | {"openbao": site.settings(proxy.port)["openbao"]})
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("hold", seconds=0.5, method="POST", path="data/a")
    with d.connect() as c:
        c.send("kv.put", mount=site.mount, path="a", data={"x": 1})
        proxy.wait_seen(1, "POST", "data/a")
    (result,) = d.wait_audit(path="a", stage="result")
    assert result["code"] == "ok"


def test_a_directory_that_vanished_refuses_puts_until_it_is_back(daemon, site, scratch):
    directory = scratch / "audit"
    directory.mkdir()
    d = daemon(denying(site, file=str(directory / "audit.log")))
    assert d.put(site.mount, "a", {"x": 1}).ok
    process.remove(directory)
    refused = d.put(site.mount, "b", {"x": 1})
    assert (refused.code, refused.error["retryable"], refused.error["status"]) == ("unavailable", True, 0)
    assert "nothing was done" in refused.message
    assert site.writes("b") == []
    assert d.get(site.mount, "a").ok
    assert d.status()["counters"]["audit_dropped"] >= 1
    d.wait_log("error: audit: its file cannot be written: No such file or directory; writes are refused")
    directory.mkdir()
    assert d.put(site.mount, "b", {"x": 1}).ok
    d.wait_log("info: audit: its file can be written again")
    d.wait_log(r"warning: audit: \d+ records were dropped")
    assert "No such file" not in refused.message


@pytest.fixture
def small_disk(scratch):
    directory = scratch / "disk"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], check=True)
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def fill_disk(directory):
    with open(directory / "filler", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass


@pytest.mark.root
def test_on_a_full_disk_puts_are_refused_and_nothing_is_written(daemon, site, small_disk):
    d = daemon(denying(site, file=str(small_disk / "audit.log")))
    assert d.put(site.mount, "a", {"x": 1}).ok
    fill_disk(small_disk)
    done = 1
    for _ in range(100):  # until the file's last page is full
        reply = d.put(site.mount, "a", {"x": 1})
        if not reply.ok:
            break
        done += 1
    assert reply.code == "unavailable"
    with d.connect() as c:
        for i in [c.send("kv.put", mount=site.mount, path="a", data={"x": 2}) for _ in range(20)]:
            assert c.reply_to(i).code == "unavailable"
    assert len(site.writes("a")) == done
    assert d.get(site.mount, "a")["version"] == done
    d.wait_log("error: audit: its file cannot be written: No space left on device; writes are refused")
    assert d.log.count("cannot be written") <= 2
    (small_disk / "filler").unlink()
    assert d.put(site.mount, "a", {"x": 1})["version"] == done + 1
    lines = (small_disk / "audit.log").read_text().splitlines()
    canary.run.record("audit", "\n".join(lines))
    whole = [json.loads(line) for line in lines if line.endswith("}")]
    assert len(lines) - len(whole) <= 1  # the one that was cut short has a line of its own
    assert [r["version"] for r in whole if r.get("stage") == "result"][-1] == done + 1


@pytest.mark.root
def test_with_continue_a_full_disk_stops_nothing(daemon, site, small_disk):
    d = daemon(site.settings(audit={"file": str(small_disk / "audit.log")}))
    fill_disk(small_disk)
    for n in range(50):
        assert d.put(site.mount, "a", {"n": n})["version"] == n + 1
    process.wait_until(lambda: d.status()["counters"]["audit_dropped"] > 0, process.patience(10), "drops are counted")
    d.wait_log("error: audit: its file cannot be written: No space left on device\n")
    (small_disk / "filler").unlink()
    assert d.put(site.mount, "a", {"n": 50}).ok
    d.wait_log(r"warning: audit: \d+ records were dropped, since its file did not take them")
