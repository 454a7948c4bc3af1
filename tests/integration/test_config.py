"""The config file: what is accepted, and errors that say where and what."""

import os
import re
import time

import pytest

from harness import canary, config_text, process
from harness.daemon import EX_CONFIG, run

GOOD = {
    "openbao": {"address": "http://127.0.0.1:8200"},
    "approle": {"role_id": "a-role", "secret_id_file": "/nonexistent/secret_id"},
    "allow": {"all": {"uid": 0, "ops": "write", "paths": "*"}},
}


def check(settings, env=None):
    return run(settings, "--check-config", env=env)


def line_of(text, word):
    return next(n for n, line in enumerate(text.splitlines(), 1) if word in line)


def assert_error_at(done, word, line):
    assert done.returncode == EX_CONFIG, done.log
    assert re.search(rf"{re.escape(done.config)}:{line}: .*{re.escape(word)}", done.log), done.log


def test_a_good_file_is_accepted():
    done = check(GOOD)
    assert done.returncode == 0, done.log


def test_missing_address_is_tagged():
    done = check(config_text.merged(GOOD, {"openbao": {"address": None}}))
    assert done.returncode == EX_CONFIG
    assert "(REQ-007, PX-0003)" in done.log


@pytest.mark.parametrize("missing", ["role_id", "secret_id_file"])
def test_missing_credential_is_tagged(missing):
    done = run(config_text.merged(GOOD, {"approle": {missing: None}}))
    assert done.returncode == EX_CONFIG
    assert "(REQ-004, PX-0003)" in done.log


def test_missing_auth_is_tagged():
    done = check(config_text.merged(GOOD, {"openbao": {"auth": ""}}))
    assert done.returncode == EX_CONFIG
    assert "(REQ-004, PX-0003)" in done.log


def test_missing_approle_group_is_tagged():
    done = check(config_text.merged(GOOD, {"approle": None}))
    assert done.returncode == EX_CONFIG
    assert "(REQ-004, PX-0003)" in done.log


@pytest.mark.parametrize("given", [
    {"BAO_ADDR": "http://127.0.0.1:8200"},
    {"BAO_ADDR": "http://127.0.0.1:8200", "OPENBAO_APPROLE_ROLE_ID": "r", "OPENBAO_APPROLE_SECRET_ID": "s"},
])
def test_the_environment_serves_where_nothing_is_configured(given):
    settings = config_text.merged(GOOD, {"openbao": None})
    if "OPENBAO_APPROLE_ROLE_ID" in given:
        settings = config_text.merged(settings, {"approle": None})
    done = check(settings, env=given)
    assert done.returncode == 0, done.log


@pytest.mark.parametrize("group, name", [
    ("openbao", "adress"), ("openbao", "tls_skip_verfy"), ("approle", "secret_id"), ("listen", "sockt"),
    ("limits", "request_byte"), ("allow", None), ("", "opnbao"),
])
def test_unknown_settings_are_errors_with_file_and_line(group, name):
    if group == "allow":
        settings, name = config_text.merged(GOOD, {"allow": {"all": {"path": "secret/*"}}}), "path"
    elif group:
        settings = config_text.merged(GOOD, {group: {name: "x"}})
    else:
        settings = config_text.merged(GOOD, {name: {"a": "x"}})
    line = line_of(config_text.text(settings), f"{name}:")
    assert_error_at(check(settings), name, line)


@pytest.mark.parametrize("text, name, first, second", [
    ("openbao:\n  namespace: a\n  auth: approle\n  namespace: b\n", "openbao.namespace", 2, 4),
    ("approle: { mount: a,\n mount: a }\n", "approle.mount", 1, 2),
    ("openbao:\n  namespace: a\nopenbao: {}\n", "openbao", 1, 3),
    ("allow:\n  r: { uid: 0, ops: probe }\n  s: { uid: 0, ops: probe }\n  r: { uid: 0, ops: probe }\n", "allow.r", 2, 4),
    ("allow:\n  r:\n    uid: 0\n    ops: read\n    uid: 1\n", "allow.r.uid", 3, 5),
])
def test_what_is_set_twice_is_an_error_that_names_both_places(text, name, first, second):
    done = check(text)
    assert done.returncode == EX_CONFIG
    assert f"{done.config}:{second}: {name}: is set a second time, after {done.config}:{first}\n" in done.log


@pytest.mark.parametrize("group, name, value", [
    ("openbao", "request_timeout", "0s"), ("openbao", "request_timeout", "-1s"),
    ("openbao", "request_timeout", "10"), ("openbao", "request_timeout", "ten"),
    ("openbao", "request_timeout", "99999999999999999999s"),
    ("openbao", "request_timeout", 10), ("openbao", "connect_timeout", "1d2"), ("openbao", "auth", "ldap"),
    ("openbao", "revoke_on_stop", "yes"), ("openbao", "revoke_on_stop", "True"), ("openbao", "address", "ftp://127.0.0.1"),
    ("openbao", "address", "127.0.0.1:8200"),
    ("openbao", "address", "http://127.0.0.1:8200/path?q=1"), ("openbao", "namespace", "a\nb"),
    ("openbao", "address", "http://user:pass@127.0.0.1:8200"),
    ("approle", "mount", "a//b"), ("approle", "mount", "../sys"), ("approle", "secret_id_wrapped", "1"),
    ("listen", "mode", "0999"), ("listen", "mode", "rw"), ("listen", "group", "no-such-group-here"),
    ("listen", "socket", "/tmp/" + "x" * 120), ("listen", "socket", "relative.sock"), ("listen", "socket", ""),
    ("limits", "request_bytes", "1"), ("limits", "request_bytes", "1T"), ("limits", "request_bytes", "64M"),
    ("limits", "request_bytes", "x"), ("limits", "connections", "1_000"), ("limits", "connections", "0x10"),
    ("limits", "connections", "+5"), ("limits", "connections", "12e3"), ("limits", "connections", "5.0"),
    ("limits", "connections", ""), ("limits", "connections", "~"),
    ("log", "level", "verbose"), ("log", "level", 3), ("audit", "level", "off"),
    ("audit", "sink", "syslog"), ("audit", "sink", "file"),
    ("audit", "on_failure", "deny"),
])
def test_values_out_of_range_are_errors_with_file_and_line(group, name, value):
    settings = config_text.merged(GOOD, {group: {name: value}})
    assert_error_at(check(settings), name, line_of(config_text.text(settings), f"{name}:"))


@pytest.mark.parametrize("rule", [
    {"ops": "write"}, {"uid": "no-such-user-here"}, {"gid": "no-such-group-here"}, {"uid": 0, "ops": "kv.gte"},
    {"uid": -1}, {"uid": 0, "ops": []}, {"uid": 0, "paths": [""]},
])
def test_rules_that_make_no_sense_are_errors(rule):
    settings = config_text.merged(GOOD, {"allow": {"odd": rule}})
    done = check(settings)
    assert done.returncode == EX_CONFIG, done.log
    assert re.search(rf"{re.escape(done.config)}:\d+", done.log)


def test_what_is_neither_an_op_nor_a_group_is_told_which_there_are():
    done = check(config_text.merged(GOOD, {"allow": {"odd": {"uid": 0, "ops": "all", "paths": "*"}}}))
    assert done.returncode == EX_CONFIG
    assert '"all" is not an op; known: ping, status, ' in done.log and "and the groups read and write" in done.log


@pytest.mark.parametrize("text, line, says", [
    ("openbao: x\n", 1, "openbao: must be a group: its settings stand below it, indented"),
    ("openbao: [x]\n", 1, "openbao: must be a group: its settings stand below it, indented"),
    ("openbao: { namespace: [a] }\n", 1, "openbao.namespace: must be a text, not a list"),
    ("openbao: { address: [http://a,\n  {}] }\n", 2, "openbao.address: item 2: must be an address, or a list of them"),
    ("listen: { mode: {} }\n", 1, "listen.mode: must be a mode in octal, from 0000 to 0777, not a group"),
    ("limits: { connections: 5.0 }\n", 1, "limits.connections: must be a whole number"),
    ("cache: { max_age: 30 }\n", 1, "cache.max_age: must be a time, such as 500ms, 10s, 5m or 2h"),
    ("cache: { max_bytes: 8 M }\n", 1, "cache.max_bytes: must be a size, such as 64K, 8M or 65536"),
    ("audit: { on_failure: deny }\n", 1, "audit.on_failure: \"deny\" needs audit.sink: file beside it"),
    ("audit: { file: /x }\n", 1, "audit.file: needs audit.sink: file beside it"),
    ("mode: 0660\n", 1, "mode: there is no such setting; listen.mode is meant?"),
    ("opnbao: {}\n", 1, "opnbao: there is no such group; openbao is meant?"),
    ("allow: { r: 5 }\n", 1, "allow.r: must be a group with uid, gid, unit, user_unit, host_only, ops, paths"),
    ("allow:\n  a.b: { uid: 0 }\n", 2, "a rule's name has letters, digits, - and _"),
    ("allow: { r: { uid: {} } }\n", 1, "allow.r.uid: must be a name, a number, or a list of them"),
    ("allow: { r: { uid: 0, paths: [a/b,\n  [c]] } }\n", 2, "allow.r.paths: item 2: must be a path, or a list of them"),
    ("allow: { r: { uid: 0, ops: [] } }\n", 1, "allow.r.ops: must not be empty"),
    ("allow: { r: { uid: \"\" } }\n", 1, "allow.r.uid: must name a user"),
    ("credential: { r: 5 }\n", 1, "credential.r: must be a group with unit, id, mount, path, field"),
    ("credential: { r: { unit: a.service, id: a, mount: [a] } }\n", 1, "credential.r.mount: must be a text, not a list"),
])
def test_what_is_of_another_form_is_told_which_is_wanted(text, line, says):
    assert_error_at(check(text), says, line)


# What YAML takes otherwise than a person who writes it, or reads it.
@pytest.mark.parametrize("text, line, says", [
    ("allow:\n  r:\n    uid: 0\n    paths: *\n", 4, "must stand in quotes, as in \"*\": YAML takes it for an alias"),
    ("allow:\n  r: { uid: 0, paths: [a/*, */b] }\n", 2, "YAML takes it for an alias"),
    ("openbao:\n  namespace: &x team\n", 2, "YAML takes it for an anchor"),
    ("openbao:\n  namespace: !x team\n", 2, "YAML takes it for a tag"),
    ("openbao:\n  namespace: !!str team\n", 2, "YAML takes it for a tag"),
    ("openbao: &x\n  namespace: team\n", 1, "YAML takes it for an anchor"),
    ("openbao:\n  namespace: @team\n", 2, "a text that begins with @ must stand in quotes"),
    ("openbao:\n  namespace: `team`\n", 2, "a text that begins with ` must stand in quotes"),
    ("openbao:\n  namespace: %team\n", 2, "a text that begins with % must stand in quotes"),
    ("openbao:\n  namespace: |\n    team\n", 2, "must stand on one line: block texts (| and >) are not taken"),
    ("openbao:\n  namespace: >-\n    team\n", 2, "must stand on one line: block texts (| and >) are not taken"),
    ("openbao:\n  namespace: team\n    a\n", 2, "openbao.namespace: must stand on one line"),
    ("openbao:\n  namespace: \"team\n    a\"\n", 2, "openbao.namespace: must stand on one line"),
    ("openbao:\n  auth: approle\n  namespace:\n", 3, "openbao.namespace: has no value; write \"\" for an empty one"),
    ("allow:\n#  r: { uid: 0 }\n", 1, "allow: has no value; write {} for an empty one"),
    ("[a]: 1\n", 1, "a setting's name must be a plain text"),
    ("openbao: {}\n---\nlisten: {}\n", 2, "a second document begins here; there can be one only"),
    ("%YAML 1.1\n---\nopenbao: {}\n", 1, "directives (%) are not taken"),
    ("openbao: { namespace: \"a\\0b\" }\n", 1, "openbao.namespace: holds the escape \\0: write the character itself"),
    ("openbao: { namespace: \"a\\nb\" }\n", 1, "openbao.namespace: holds the escape \\n: write the character itself"),
    ("openbao: { namespace: \"a\tb\" }\n", 1, "openbao.namespace: holds a control byte"),
    ("openbao: { namespace: \"a\\\n  b\" }\n", 1, "openbao.namespace: must stand on one line"),
    ("allow:\n  r:\n    unit: \"web\\x2ddb.service\"\n    ops: status\n", 3,
     "allow.r.unit: holds the escape \\x: write the character itself, \\\\ for a \\, or use single quotes"),
    ("openbao:\n  namespace: null\n", 2,
     "openbao.namespace: is a text here, not nothing; write \"\" for an empty one, or put it in quotes"),
    ("openbao:\n  namespace: ~\n", 2, "openbao.namespace: is a text here, not nothing"),
    ("openbao:\n\tnamespace: x\n", 2, "a tab cannot indent: use spaces"),
    ("openbao:\n  auth: approle\n  namespace\n", 3, "is no setting: a name, a colon, a blank and a value are wanted"),
    ("openbao:\n  auth: approle\n  namespace:x\n", 3, "is no setting: a name, a colon, a blank and a value are wanted"),
    ("openbao:\n  address: [\"http://a\"\nlisten: {}\n", 2, "a [ that begins here is not closed"),
    ("openbao: {\n  auth: \"approle\"\nlisten: {}\n", 1, "a { that begins here is not closed"),
    ("openbao:\n    auth: approle\n  namespace: x\n", 3, "is indented otherwise than its neighbours"),
    ("openbao: { namespace: \"x }\n", 1, "a quote that begins here is not closed"),
    ("- openbao\n", 1, "settings are wanted, as in openbao: { address: ... }"),
    ("openbao\n", 1, "settings are wanted, as in openbao: { address: ... }"),
    (b"openbao: {}\n# \0\nlisten: {}\n", 2, "holds U+0000, which nobody sees"),
    (b"openbao: {}\n# \x01\n", 2, "holds U+0001, which nobody sees"),
    (b"openbao: {}\n# a\rb: {}\n", 2, "holds U+000D, which nobody sees"),
    (b"openbao: {}\n# \xff\n", 2, "is not UTF-8: save it as UTF-8"),
    ("openbao: {}\n".encode("utf-16"), 1, "is not UTF-8: save it as UTF-8"),
    ("openbao: {}\n# \x85b: {}\n", 2, "holds U+0085, which nobody sees or YAML takes for the end of a line"),
    ("openbao: {}\n# \u2028b: {}\n", 2, "holds U+2028, which nobody sees or YAML takes for the end of a line"),
    ("openbao: {}\n# \u2029b: {}\n", 2, "holds U+2029, which nobody sees or YAML takes for the end of a line"),
    ("openbao: {}\n# \u202eb: {}\n", 2, "holds U+202E, which nobody sees"),
    ("openbao: {}\n# \u2066b: {}\n", 2, "holds U+2066, which nobody sees"),
])
def test_what_yaml_would_take_otherwise_is_refused_and_named(text, line, says):
    assert_error_at(check(text), says, line)


@pytest.mark.parametrize("opening", ["[", "openbao: {a: ", "- ", "? "])
def test_deep_nesting_is_refused_at_once(opening):
    began = time.monotonic()
    done = check(opening * ((4 << 20) // len(opening)))
    assert time.monotonic() - began < process.patience(2)
    assert done.returncode == EX_CONFIG


def test_a_number_sign_within_a_text_is_warned_of():
    done = check(config_text.text(GOOD).replace('"a-role"', "a-role #1"))
    assert done.returncode == 0
    line = line_of(config_text.text(GOOD), "role_id:")
    assert f"warning: {done.config}:{line}: approle.role_id: what follows the # is a comment" in done.log
    assert "comment" not in check(config_text.text(GOOD).replace('"a-role"', "a-role # 1")).log
    assert "comment" not in check(config_text.text(GOOD).replace('"a-role"', '"a-role #1"')).log


@pytest.mark.parametrize("change", [
    lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text, lambda text: f"---\n{text}...\n",
    lambda text: text[:-1], lambda text: f"{text}listen: {{ mode: 0660 }}\nlog: {{}}\n",
    lambda text: text.replace("  ", "        "), lambda text: text.replace("\n", "   # a comment\n"),
    lambda text: text.replace('"', "'"), lambda text: text.replace(": 0\n", ': "0"\n'),
])
def test_what_means_the_same_is_taken(change):
    done = check(change(config_text.text(GOOD)))
    assert done.returncode == 0, done.log
    assert done.log.count("warning: ") == 1  # of the rule for all paths, as for GOOD


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "{}\n"])
def test_a_file_without_settings_leaves_the_defaults(text):
    env = {"BAO_ADDR": "http://127.0.0.1:8200", "OPENBAO_APPROLE_ROLE_ID": "r", "OPENBAO_APPROLE_SECRET_ID": "s"}
    done = check(text, env=env)
    assert done.returncode == 0, done.log


def test_a_file_that_cannot_be_read_is_an_error(scratch):
    path = scratch / "none.yaml"

    def assert_refused(why):
        done = run(None, "--check-config", "-c", path)
        assert done.returncode == EX_CONFIG
        assert f"{path}: {why}" in done.log

    assert_refused("No such file or directory")
    os.mkfifo(path)
    assert_refused("not a regular file")
    path.unlink()
    path.mkdir()
    assert_refused("not a regular file")
    path.rmdir()
    config_text.write(path, b"#" * (4 << 20) + b"\n")
    assert_refused("larger than 4194304 bytes")


def test_an_error_quotes_no_credential(scratch):
    secret = canary.run.secret("role-id")
    for text in (f'approle: {{ role_id: "{secret}" secret_id_file: }}', f'approle: {{ role_id: "{secret}", role_id: x }}',
                 f'approle: {{ role_id: ["{secret}"] }}', f'approle: {{ role_id: "{secret}\\x00" }}',
                 f'approle: {{ role_id: {secret}\n  a }}', f'approle: {{ role_id: *{secret} }}',
                 f'approle: {{ role_id: !{secret} a }}', f'approle:\n  role_id: {{ {secret}: x }}\n',
                 f'approle:\n  role_id:{secret}\n', f'approle: {{ role_id: "{secret}',
                 f'approle:\n  role_id: |\n    {secret}\n', f'approle: {{ secret_id: "{secret}" }}'):
        done = check(text)
        assert done.returncode == EX_CONFIG
        assert secret not in done.log


def test_version_and_help():
    version = run(None, "--version")
    assert (version.returncode, version.log) == (0, "secretstored 0.1.0\n")
    assert run(None, "--help").returncode == 0


def test_an_unknown_option_is_refused():
    assert run(None, "--no-such-option").returncode not in (0, EX_CONFIG)


def test_check_config_touches_nothing(scratch, site):
    socket = scratch / "run" / "s.sock"
    done = check(config_text.merged(site.settings(), {"listen": {"socket": str(socket)}}))
    assert done.returncode == 0, done.log
    assert not socket.parent.exists()
    assert site.logins() == []


def test_a_wrong_config_stops_the_daemon_before_it_serves(scratch):
    socket = scratch / "s.sock"
    done = run(config_text.merged(GOOD, {"listen": {"socket": str(socket), "nonsense": 1}}))
    assert done.returncode == EX_CONFIG
    assert not socket.exists()


def test_no_rule_at_all_warns():
    done = check(config_text.merged(GOOD, {"allow": None}))
    assert done.returncode == 0
    assert "warning" in done.log.lower()


@pytest.mark.parametrize("pattern", ["secret/web*", "secret/data/web/*", "secret/metadata/x"])
def test_doubtful_patterns_warn(pattern):
    done = check(config_text.merged(GOOD, {"allow": {"all": {"paths": pattern}}}))
    assert done.returncode == 0
    assert pattern in done.log


def test_skipped_tls_verification_warns():
    openbao = {"address": "https://127.0.0.1:8200", "tls_skip_verify": True}
    done = check(config_text.merged(GOOD, {"openbao": openbao}))
    assert done.returncode == 0
    assert "tls_skip_verify" in done.log
