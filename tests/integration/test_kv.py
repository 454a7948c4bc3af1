"""get and put of KV version 2 secrets, with check-and-set, versions and every way not to be there."""

import time

import pytest

from harness import process
from harness.load import parallel


@pytest.fixture
def d(daemon, site):
    return daemon(site.settings())


def test_get_gives_the_latest_version_and_its_facts(d, site):
    site.put("app/db", {"n": 1})
    site.put("app/db", {"n": 2})
    reply = d.get(site.mount, "app/db")
    assert reply.ok
    assert reply.data == {"n": 2}
    assert reply["version"] == 2
    assert reply["metadata"] is None
    assert reply["created_time"] == site.admin.get(f"{site.mount}/data/app/db")["data"]["metadata"]["created_time"]
    assert set(reply.json) == {"id", "ok", "data", "version", "metadata", "created_time"}


def test_get_of_a_given_version(d, site):
    for n in (1, 2, 3):
        site.put("a", {"n": n})
    for n in (1, 2, 3):
        reply = d.get(site.mount, "a", version=n)
        assert (reply.data, reply["version"]) == ({"n": n}, n)
    assert d.get(site.mount, "a", version=4).code == "not_found"


def test_custom_metadata_comes_along(d, site):
    site.put("a", {"n": 1})
    site.admin.post(f"{site.mount}/metadata/a", {"custom_metadata": {"owner": "team é"}})
    assert d.get(site.mount, "a")["metadata"] == {"owner": "team é"}
    reply = d.put(site.mount, "a", {"n": 2})
    assert reply["metadata"] == {"owner": "team é"}


def test_put_writes_and_echoes_no_data(d, site):
    reply = d.put(site.mount, "app/new", {"password": "x"})
    assert reply.ok and reply["version"] == 1
    assert reply.data_raw is None
    assert set(reply.json) == {"id", "ok", "version", "metadata", "created_time"}
    assert site.get("app/new") == {"password": "x"}
    assert d.put(site.mount, "app/new", {"password": "y"})["version"] == 2


def test_an_empty_object_is_a_secret(d, site):
    assert d.put(site.mount, "empty", {}).ok
    assert d.get(site.mount, "empty").data == {}


def test_cas_writes_at_the_given_version_only(d, site):
    assert d.put(site.mount, "a", {"n": 1}, cas=0)["version"] == 1
    assert d.put(site.mount, "a", {"n": 2}, cas=0).code == "cas_mismatch"
    assert d.put(site.mount, "a", {"n": 2}, cas=1)["version"] == 2
    assert d.put(site.mount, "a", {"n": 3}, cas=1).code == "cas_mismatch"
    assert site.get("a") == {"n": 2}


def test_cas_mismatch_is_tagged_and_not_retried(d, site):
    site.put("a", {"n": 1})
    before = len(site.writes("a"))
    reply = d.put(site.mount, "a", {"n": 2}, cas=7)
    assert reply.code == "cas_mismatch"
    assert "cas mismatch" in reply.message
    assert "(REQ-004, PX-0003)" in reply.message
    assert (reply.error["status"], reply.error["retryable"]) == (400, False)
    assert len(site.writes("a")) - before == 1
    assert site.get("a") == {"n": 1}


def test_of_many_writers_with_cas_one_wins_each_version(d, site):
    def work(i):
        with d.connect() as c:
            return [c.call("kv.put", mount=site.mount, path="a", data={"writer": i}, cas=n).code for n in range(5)]

    results = parallel(8, work)
    for n in range(5):
        codes = [r[n] for r in results]
        assert set(codes) <= {None, "cas_mismatch"}
        assert codes.count(None) <= 1
    current = site.admin.get(f"{site.mount}/metadata/a")["data"]["current_version"]
    assert current == sum(codes.count(None) for codes in zip(*results, strict=True))


def test_cas_required_is_told(d, site):
    site.admin.post(f"{site.mount}/metadata/strict", {"cas_required": True})
    reply = d.put(site.mount, "strict", {"n": 1})
    assert (reply.code, reply.error["status"]) == ("cas_required", 400)
    assert d.put(site.mount, "strict", {"n": 1}, cas=0).ok


def test_a_missing_secret_is_not_found(d, site):
    reply = d.get(site.mount, "none")
    assert (reply.code, reply.error["status"], reply.error["retryable"]) == ("not_found", 404, False)
    assert not reply.error.get("deleted")


@pytest.mark.parametrize("how", ["delete", "destroy"])
def test_a_deleted_version_is_not_found_and_said_to_be_deleted(d, site, how):
    site.put("a", {"n": 1})
    site.put("a", {"n": 2})
    site.admin.post(f"{site.mount}/{how}/a", {"versions": [2]})
    for members in ({}, {"version": 2}):
        reply = d.get(site.mount, "a", **members)
        assert reply.code == "not_found"
        assert reply.error["deleted"] is True
        assert reply.error["version"] == 2
    assert d.get(site.mount, "a", version=1).data == {"n": 1}
    assert d.put(site.mount, "a", {"n": 3}, cas=2)["version"] == 3


def test_a_secret_that_will_be_deleted_by_itself_is_there_until_then(d, site):
    site.admin.post(f"{site.mount}/metadata/a", {"delete_version_after": "3s"})
    site.put("a", {"n": 1})
    assert site.admin.get(f"{site.mount}/data/a")["data"]["metadata"]["deletion_time"]
    assert d.get(site.mount, "a").data == {"n": 1}
    assert d.get(site.mount, "a", version=1, min_version=1).data == {"n": 1}
    process.wait_until(lambda: not d.get(site.mount, "a").ok, process.patience(6), "it is gone")
    gone = d.get(site.mount, "a")
    assert (gone.code, gone.error["deleted"], gone.error["version"]) == ("not_found", True, 1)


def test_a_secret_whose_metadata_was_deleted_is_plainly_not_found(d, site):
    site.put("a", {"n": 1})
    site.admin.delete(f"{site.mount}/metadata/a")
    reply = d.get(site.mount, "a")
    assert reply.code == "not_found"
    assert not reply.error.get("deleted")


def test_two_mounts_do_not_mix(d, site, shared_server, new_site):
    site.put("a", {"n": 1})
    other = process.unique("kv")
    site.admin.mount_kv(other)
    site.admin.post(f"{other}/data/a", {"data": {"n": 2}})
    assert d.get(site.mount, "a").data == {"n": 1}
    assert d.get(other, "a").code == "permission_denied"


def test_a_mount_of_several_segments(daemon, site):
    mount = f"{process.unique('team')}/kv/deep"
    site.admin.mount_kv(mount)
    site.admin.policy(site.role, f'path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}')
    d = daemon(site.settings())
    assert d.put(mount, "x/y", {"n": 1}).ok
    assert d.get(mount, "x/y").data == {"n": 1}


def test_a_mount_made_a_moment_ago_works(d, site):
    """A KV mount is 'Upgrading from non-versioned to versioned data' for a moment after it was made."""
    mount = process.unique("kv")
    site.admin.policy(site.role, 'path "*" { capabilities = ["create", "read", "update"] }')
    for n in range(5):
        site.admin.post(f"sys/mounts/{mount}{n}", {"type": "kv", "options": {"version": "2"}})
        reply = d.put(f"{mount}{n}", "a", {"n": 1}, cas=0)
        assert reply.ok, reply
        assert reply["version"] == 1


def test_min_version_is_met_or_refused(d, site):
    site.put("a", {"n": 1})
    assert d.get(site.mount, "a", min_version=1).data == {"n": 1}
    refused = d.get(site.mount, "a", min_version=2, timeout_ms=500)
    assert refused.code in ("unavailable", "timeout")  # the deadline may pass while OpenBao is being asked once more
    assert refused.data_raw is None


def test_a_caller_that_waits_for_a_version_gets_it_when_it_comes(d, site):
    site.put("a", {"n": 1})
    with d.connect() as c:
        wanted = c.send("kv.get", mount=site.mount, path="a", min_version=2, timeout_ms=10000)
        process.wait_until(lambda: len(site.reads("a")) >= 2, 5, "it asks again")
        site.put("a", {"n": 2})
        assert c.reply_to(wanted).data == {"n": 2}


def test_callers_who_wait_for_versions_that_do_not_come_ask_little_of_openbao(d, site):
    site.put("a", {"n": 1})
    with d.connect() as c:
        waiting = [c.send("kv.get", mount=site.mount, path="a", min_version=9_000_000_000 + n, timeout_ms=60000)
                   for n in range(30)]
        process.wait_until(lambda: len(site.reads("a")) >= 30, process.patience(10), "each has asked")
        time.sleep(1.5)  # what the pauses were before they had grown is over
        before = len(site.reads("a"))
        time.sleep(3)
        assert len(site.reads("a")) - before <= 8
        assert d.get(site.mount, "a").data == {"n": 1}
    assert waiting


def test_every_get_is_a_read_at_openbao(d, site):
    site.put("a", {"n": 1})
    for _ in range(5):
        d.get(site.mount, "a")
    assert len(site.reads("a")) == 5
