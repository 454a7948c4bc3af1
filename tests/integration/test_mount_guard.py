"""The mount guard: nothing is read or written unless a KV version 2 engine is mounted right where the caller
says."""

import pytest

from harness import process

WIDE = 'path "*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}'


@pytest.fixture
def wide(shared_server, new_site):
    """A site whose policy hides nothing, so that only the guard stands in the way."""
    return new_site(shared_server, policy=WIDE)


def touched(site):
    """What the daemon asked for beyond its own token and the guard's question."""
    paths = [e["request"]["path"] for e in site.requests_with_own_tokens()]
    return [p for p in paths if not p.startswith(("auth/token/", "sys/internal/ui/mounts/"))]


def assert_guarded(daemon, site, mount, path="x", codes=("not_kv_v2",)):
    assert daemon.get(mount, path).code in codes
    reply = daemon.put(mount, path, {"guarded": True})
    assert reply.code in codes, reply
    assert touched(site) == []


def test_the_metadata_of_a_mount_is_no_mount(daemon, wide):
    wide.put("x", {"n": 1})
    d = daemon(wide.settings())
    assert_guarded(d, wide, f"{wide.mount}/metadata")
    assert wide.admin.get(f"{wide.mount}/metadata/x")["data"]["current_version"] == 1


def test_a_path_below_a_mount_is_no_mount(daemon, wide):
    wide.put("a/x", {"n": 1})
    wide.put("a/data/x", {"n": 1})
    d = daemon(wide.settings())
    assert_guarded(d, wide, f"{wide.mount}/data/a")
    assert_guarded(d, wide, f"{wide.mount}/a")
    assert wide.get("a/x") == {"n": 1}


def test_a_version_1_mount_is_refused(daemon, wide):
    mount = process.unique("kv1")
    wide.admin.mount_kv(mount, version=1)
    wide.admin.post(f"{mount}/data/x", {"old": 1})
    d = daemon(wide.settings())
    assert_guarded(d, wide, mount)
    assert wide.admin.get(f"{mount}/data/x")["data"] == {"old": 1}


@pytest.mark.parametrize("mount", ["sys", "auth/approle", "identity", "auth/token"])
def test_other_engines_are_refused(daemon, wide, mount):
    assert_guarded(daemon(wide.settings()), wide, mount, "login", codes=("not_kv_v2", "permission_denied"))


def test_a_mount_that_does_not_exist_is_refused(daemon, wide):
    assert_guarded(daemon(wide.settings()), wide, process.unique("none"), codes=("not_kv_v2", "permission_denied"))


def test_a_mount_that_policy_hides_is_denied(daemon, site, shared_server, new_site):
    other = new_site(shared_server)
    other.put("x", {"n": 1})
    d = daemon(site.settings())
    assert_guarded(d, site, other.mount, codes=("permission_denied",))
    assert other.get("x") == {"n": 1}


def test_a_mount_path_with_escapes_is_not_resolved_to_another(daemon, wide):
    wide.put("a", {"n": 1})
    d = daemon(wide.settings())
    for mount in (f"{wide.mount}%2Fdata", f"{wide.mount}?x", f"{wide.mount}#", f"{wide.mount} ", f"{wide.mount}%"):
        code = d.get(mount, "a").code
        assert code in ("not_kv_v2", "permission_denied", "invalid_request", "upstream_error"), mount
    assert touched(wide) == []


def test_the_guard_asks_once_for_many_requests(daemon, wide):
    d = daemon(wide.settings())
    for n in range(20):
        assert d.put(wide.mount, f"s{n}", {"n": n}).ok
    assert len(wide.requests_with_own_tokens(f"sys/internal/ui/mounts/{wide.mount}")) == 1


def test_a_refused_mount_that_is_mended_works_at_once(daemon, wide):
    mount = process.unique("kv")
    d = daemon(wide.settings())
    assert not d.put(mount, "x", {"n": 1}).ok
    wide.admin.mount_kv(mount)
    assert d.put(mount, "x", {"n": 1}).ok


def test_a_mount_that_became_version_1_is_noticed_on_the_first_odd_answer(daemon, wide):
    mount = process.unique("kv")
    wide.admin.mount_kv(mount)
    d = daemon(wide.settings())
    assert d.put(mount, "x", {"n": 1}).ok
    wide.admin.delete(f"sys/mounts/{mount}")
    wide.admin.mount_kv(mount, version=1)
    assert d.put(mount, "x", {"n": 2}).code in ("unknown_outcome", "not_kv_v2")
    assert d.put(mount, "x", {"n": 2}).code == "not_kv_v2"
    assert d.get(mount, "x").code == "not_kv_v2"


def test_a_mount_that_became_version_1_gives_no_wrong_read(daemon, wide):
    mount = process.unique("kv")
    wide.admin.mount_kv(mount)
    d = daemon(wide.settings())
    assert d.put(mount, "x", {"n": 1}).ok
    wide.admin.delete(f"sys/mounts/{mount}")
    wide.admin.mount_kv(mount, version=1)
    wide.admin.post(f"{mount}/data/x", {"data": {"n": 1}})  # looks nearly like a version 2 answer
    assert not d.get(mount, "x").ok
    assert d.get(mount, "x").code == "not_kv_v2"
