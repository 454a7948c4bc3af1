"""secretstored --explain: which rule decides, without a caller, a daemon or an OpenBao."""

import grp
import pwd

import pytest

from harness.daemon import EX_CONFIG, run

EX_USAGE = 64
RULES = {
    "web": {"uid": 4401, "ops": ["kv.get"], "paths": "secret/web/*"},
    "api": {"unit": "api-*.service", "ops": "write", "paths": ["secret/api/a", "secret/shared/*"]},
    "app": {"uid": 4402, "user_unit": "app.service", "ops": "kv.put", "paths": "*"},
    "staff": {"gid": 4403, "ops": "status"},
    "named": {"gid": "daemon", "ops": "probe"},
    "backup": {"uid": 0, "ops": "snapshot.save"},
}


def explain(*words, rules=None):
    done = run({"allow": RULES if rules is None else rules}, "--explain", *words)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("words, by", [
    ("uid=4401 kv.get secret/web/db", "web"),
    ("uid=4401 kv.get secret/api/a", None),
    ("uid=4401 kv.put secret/web/db", None),
    ("uid=4402 kv.get secret/web/db", None),
    ("uid=4402 unit=api-1.service kv.get secret/shared/x", "api"),
    ("uid=4402 unit=api-1.service kv.put secret/api/a", "api"),
    ("uid=4402 unit=api-1.service kv.put secret/api/ab", None),
    ("uid=4402 unit=api.service kv.get secret/shared/x", None),
    ("uid=4402 unit=api-1.service snapshot.save", None),
    ("uid=4402 user_unit=api-1.service kv.get secret/shared/x", None),
    ("uid=4402 user_unit=app.service kv.put any/thing", "app"),
    ("uid=4401 user_unit=app.service kv.put any/thing", None),
    ("uid=4402 gid=4403 status", "staff"),
    ("uid=4402 gid=1 gid=4403 status", "staff"),
    ("uid=4402 gid=1 status", None),
    ("uid=daemon probe", "named"),
    ("uid=root snapshot.save", "backup"),
    ("uid=0 snapshot.restore", None),
    ("uid=65534 gid=4403 status", None),
])
def test_it_names_the_rule_that_decides(words, by):
    code, out, err = explain(*words.split())
    lines = out.splitlines()
    assert err == ""
    assert [line.split(":")[0].strip("-> ") for line in lines[:-1]] == list(RULES)
    assert [line for line in lines if line.startswith("->")] == ([f"-> {by}: it allows this"] if by else [])
    assert lines[-1] == (f"allowed by the rule {by}" if by else "forbidden: no rule allows it")
    assert code == (0 if by else 1)


def test_it_says_why_each_rule_does_not_fit():
    out = explain("uid=4401", "gid=1", "kv.get", "secret/x/y")[1]
    assert out.splitlines() == [
        "   web: it is not for this path",
        "   api: it is for another unit",
        "   app: it is for another uid",
        "   staff: it is for another group",
        "   named: it is for another group" if grp.getgrnam("daemon").gr_gid != 1 else "   named: it does not allow this operation",
        "   backup: it is for another uid",
        "forbidden: no rule allows it",
    ]


def test_it_says_that_an_operation_is_in_no_group():
    rules = {"root": {"uid": 0, "ops": ["read", "write"], "paths": "*"}}
    for op in ("snapshot.save", "snapshot.restore"):
        code, out, _ = explain("uid=0", op, rules=rules)
        assert code == 1
        assert "root: it does not name this operation, which is in none of the groups read and write\n" in out
    code, out, _ = explain("uid=0", "kv.put", "secret/a", rules={"root": {"uid": 0, "ops": "read", "paths": "*"}})
    assert (code, out.splitlines()[0]) == (1, "   root: it does not allow this operation")


def test_a_users_own_groups_count_unless_others_are_given():
    gid = pwd.getpwnam("daemon").pw_gid
    rules = {"r": {"gid": gid, "ops": "status"}}
    assert explain("uid=daemon", "status", rules=rules)[0] == 0
    assert explain("uid=daemon", f"gid={gid + 1}", "status", rules=rules)[0] == 1


def test_ping_needs_no_rule():
    code, out, _ = explain("uid=1", "ping", rules={})
    assert (code, out) == (0, "allowed: ping is free for whoever can connect\n")


@pytest.mark.parametrize("words, about", [
    ([], "which caller"), (["kv.get", "secret/x"], "which caller"), (["uid=1"], "which operation"),
    (["uid=1", "uid=2", "status"], "given twice"), (["uid=1", "unit=a", "unit=b", "status"], "given twice"),
    (["uid=no-such-user", "status"], "no-such-user"), (["uid=-1", "status"], "-1"), (["uid=", "status"], ""),
    (["uid=1", "colour=red", "status"], "colour"), (["uid=1", "frob"], "frob"), (["uid=1", "fr\nob"], "operation"), (["uid=1", "kv.get"], "one path"),
    (["uid=1", "kv.get", "a/b", "c/d"], "one path"), (["uid=1", "status", "a/b"], "no path"),
    (["uid=1", "kv.get", "no-mount"], "path"), (["uid=1", "kv.get", "secret/../x"], "path"),
    (["uid=1", "kv.get", "secret//x"], "path"), (["uid=1", "kv.get", "secret/x/"], "path"),
    (["uid=1", "kv.get", "/secret/x"], "path"), (["uid=1", "kv.get", "secret/a\nb"], "path"),
    (["uid=1", *[f"gid={n}" for n in range(300)], "status"], "groups"),
])
def test_words_that_make_no_sense_are_an_error(words, about):
    code, out, err = explain(*words)
    assert code == EX_USAGE and out == ""
    assert err.startswith("secretstored: --explain: ") and about in err and err.count("\n") == 1


def test_a_wrong_configuration_is_an_error():
    code, out, err = explain("uid=1", "status", rules={"r": {"uid": 1, "ops": "everything"}})
    assert (code, out) == (EX_CONFIG, "") and "ops" in err
