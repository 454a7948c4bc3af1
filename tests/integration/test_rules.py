"""Who may do what: by uid, gid, op and path, and nothing without a rule."""

import grp
import pwd

import pytest

pytestmark = pytest.mark.root

WEB = 4101       # uids and gids that no account needs to have
DB = 4102
NOBODY = 65534
STAFF = 4200


def opened(site, allow, **changes):
    """Settings with these rules only, and a socket that everyone may connect to."""
    settings = site.settings(listen={"mode": "0666"}, **changes)
    settings["allow"] = allow
    return settings


def get(conn, site, path="a"):
    return conn.call("kv.get", mount=site.mount, path=path).code


def put(conn, site, path="a"):
    return conn.call("kv.put", mount=site.mount, path=path, data={"x": 1}).code


def test_without_a_rule_there_is_no_access_not_even_for_root(daemon, site):
    d = daemon(opened(site, {}))
    for uid in (0, WEB):
        with d.connect_as(uid) as c:
            assert get(c, site) == "forbidden"
            assert put(c, site) == "forbidden"
            assert c.call("status").code == "forbidden"
            assert c.call("ping").ok
    assert site.reads("a") == [] and site.writes("a") == []


def test_a_rule_names_its_uid_and_nobody_else(daemon, site):
    d = daemon(opened(site, {"web": {"uid": WEB, "ops": "write", "paths": "*"}}))
    with d.connect_as(WEB) as web, d.connect_as(DB) as db, d.connect_as(0) as root:
        assert put(web, site) is None
        assert get(web, site) is None
        assert get(db, site) == "forbidden"
        assert get(root, site) == "forbidden"


def test_a_user_may_be_given_by_name(daemon, site):
    user = pwd.getpwnam("daemon")
    d = daemon(opened(site, {"r": {"uid": "daemon", "ops": "write", "paths": "*"}}))
    with d.connect_as(user.pw_uid) as c, d.connect_as(WEB) as other:
        assert put(c, site) is None
        assert put(other, site) == "forbidden"


def test_a_group_counts_as_primary_and_as_supplementary(daemon, site):
    d = daemon(opened(site, {"staff": {"gid": STAFF, "ops": "write", "paths": "*"}}))
    with (d.connect_as(WEB, gid=STAFF) as primary, d.connect_as(WEB, groups=[7, STAFF]) as other,
          d.connect_as(WEB, groups=[7]) as none):
        assert put(primary, site) is None
        assert get(other, site) is None
        assert get(none, site) == "forbidden"


def test_a_group_may_be_given_by_name(daemon, site):
    d = daemon(opened(site, {"r": {"gid": "daemon", "ops": "write", "paths": "*"}}))
    with d.connect_as(WEB, gid=grp.getgrnam("daemon").gr_gid) as c:
        assert put(c, site) is None


def test_all_keys_of_a_rule_must_fit_and_any_value_of_a_key(daemon, site):
    paths = [f"{site.mount}/x/*", f"{site.mount}/y"]
    rule = {"uid": [WEB, DB], "gid": STAFF, "ops": ["kv.get", "kv.put"], "paths": paths}
    d = daemon(opened(site, {"r": rule}))
    with (d.connect_as(WEB, gid=STAFF) as both, d.connect_as(DB, groups=[STAFF]) as second,
          d.connect_as(WEB) as half):
        for c in (both, second):
            assert put(c, site, "x/1") is None
            assert put(c, site, "y") is None
            assert put(c, site, "z") == "forbidden"
            assert c.call("status").code == "forbidden"
        assert put(half, site, "x/1") == "forbidden"


def test_ops_are_told_apart(daemon, site):
    site.put("a", {"x": 1})
    reader, watcher = {"uid": WEB, "ops": "kv.get", "paths": "*"}, {"uid": DB, "ops": "status"}
    d = daemon(opened(site, {"reader": reader, "watcher": watcher}))
    with d.connect_as(WEB) as reader, d.connect_as(DB) as watcher:
        assert get(reader, site) is None
        assert put(reader, site) == "forbidden"
        assert reader.call("status").code == "forbidden"
        assert watcher.call("status").ok
        assert get(watcher, site) == "forbidden"
    assert site.get("a") == {"x": 1}


@pytest.mark.parametrize("pattern, path, allowed", [
    ("{m}/app/*", "app/db", True), ("{m}/app/*", "app/db/deep/er", True), ("{m}/app/*", "app", False),
    ("{m}/app/*", "apple", False), ("{m}/app/*", "x/app/db", False), ("{m}/*/db", "a/b/db", True),
    ("{m}/*/db", "a/db2", False), ("{m}/exact", "exact", True), ("{m}/exact", "exactly", False),
    ("*/a", "a", True), ("other/*", "a", False), ("{m}*", "a", True), ("{m}/A", "a", False),
    ("{m}/a?", "ab", False), ("{m}/[a]", "a", False),
])
def test_path_patterns(daemon, site, pattern, path, allowed):
    d = daemon(opened(site, {"r": {"uid": WEB, "ops": "write", "paths": pattern.format(m=site.mount)}}))
    with d.connect_as(WEB) as c:
        assert (put(c, site, path) is None) == allowed


def test_the_first_rule_that_allows_it_is_enough(daemon, site):
    narrow, wide = {"uid": WEB, "ops": "kv.get", "paths": "none/*"}, {"uid": WEB, "ops": "kv.put", "paths": "*"}
    d = daemon(opened(site, {"narrow": narrow, "wide": wide}))
    with d.connect_as(WEB) as c:
        assert put(c, site) is None
        assert get(c, site) == "forbidden"


def test_the_overflow_uid_is_nobody_even_when_a_rule_names_it(daemon, site):
    d = daemon(opened(site, {"r": {"uid": [NOBODY, WEB], "ops": "write", "paths": "*"}}))
    with d.connect_as(NOBODY) as nobody, d.connect_as(WEB) as web:
        assert put(nobody, site) == "forbidden"
        assert put(web, site) is None


def test_the_overflow_gid_is_no_group_even_when_a_rule_names_it(daemon, site):
    d = daemon(opened(site, {"r": {"gid": [NOBODY, STAFF], "ops": "write", "paths": "*"}}))
    with d.connect_as(WEB, gid=NOBODY) as primary, d.connect_as(WEB, groups=[NOBODY]) as supplementary:
        assert put(primary, site) == put(supplementary, site) == "forbidden"
    with d.connect_as(WEB, gid=NOBODY, groups=[STAFF]) as staff:
        assert put(staff, site) is None


def test_a_refusal_tells_no_path_and_asks_openbao_nothing(daemon, site):
    d = daemon(opened(site, {"r": {"uid": WEB, "ops": "write", "paths": f"{site.mount}/mine/*"}}))
    with d.connect_as(WEB) as c:
        reply = c.call("kv.get", mount=site.mount, path="theirs/secret-name")
    assert (reply.code, reply.error["retryable"]) == ("forbidden", False)
    assert "secret-name" not in reply.message
    assert site.reads("theirs/secret-name") == []


def test_identity_is_taken_when_the_connection_is_made(daemon, site):
    """A connection handed to another process still speaks for the one that made it."""
    d = daemon(opened(site, {"r": {"uid": WEB, "ops": "write", "paths": "*"}}))
    with d.connect_as(WEB) as handed_on:
        assert put(handed_on, site) is None
        assert handed_on.call("status")["peer"]["uid"] == WEB


def test_the_sockets_mode_keeps_others_out(daemon, site):
    d = daemon(site.settings(listen={"mode": "0600"}))
    with pytest.raises(PermissionError):
        d.connect_as(WEB)
