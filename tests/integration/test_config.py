"""The config file: what is accepted, and errors that say where and what."""

import re

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
    assert re.search(rf"{re.escape(done.config)}:{line}\b", done.log), done.log
    assert word in done.log


def test_a_good_file_is_accepted():
    done = check(GOOD)
    assert done.returncode == 0, done.log


def test_the_shipped_file_is_accepted(scratch):
    text = (process.ROOT / "conf" / "secretstored.conf").read_text()
    env = {"OPENBAO_APPROLE_ROLE_ID": "x", "OPENBAO_APPROLE_SECRET_ID": "y", "BAO_ADDR": "http://127.0.0.1:8200"}
    done = check(text, env=env)
    assert done.returncode == 0, done.log


def test_missing_address_is_tagged():
    done = check(config_text.merged(GOOD, {"openbao": {"address": None}}))
    assert done.returncode == EX_CONFIG
    assert "(REQ-007, PX-0003)" in done.log


@pytest.mark.parametrize("missing", ["role_id", "secret_id_file"])
def test_missing_credential_is_tagged(missing):
    done = check(config_text.merged(GOOD, {"approle": {missing: None}}))
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
    line = line_of(config_text.text(settings), f"{name} ")
    assert_error_at(check(settings), name, line)


@pytest.mark.parametrize("group, settings", [
    ("openbao", 'namespace = "a";\nnamespace = "b";\n'), ("approle", 'mount = "a";\nmount = "a";\n'),
])
def test_repeated_settings_are_errors_with_file_and_line(group, settings):
    base = config_text.text(config_text.merged(GOOD, {group: None}))
    inside = config_text.text(GOOD[group])
    text = f"{base}{group}: {{\n{inside}{settings}}};\n"
    second = len(f"{base}{group}: {{\n{inside}{settings}".splitlines())
    done = check(text)
    assert done.returncode == EX_CONFIG
    assert f"{done.config}:{second}" in done.log


def test_a_repeated_group_is_an_error():
    text = config_text.text(GOOD)
    done = check(text + 'openbao: { namespace = "x"; };\n')
    assert done.returncode == EX_CONFIG
    assert f"{done.config}:{len(text.splitlines()) + 1}" in done.log


@pytest.mark.parametrize("group, name, value", [
    ("openbao", "request_timeout", "0s"), ("openbao", "request_timeout", "-1s"),
    ("openbao", "request_timeout", "10"), ("openbao", "request_timeout", "ten"),
    ("openbao", "request_timeout", "99999999999999999999s"),
    ("openbao", "request_timeout", 10), ("openbao", "connect_timeout", "1d2"), ("openbao", "auth", "ldap"),
    ("openbao", "revoke_on_stop", "yes"), ("openbao", "address", "ftp://127.0.0.1"),
    ("openbao", "address", "127.0.0.1:8200"),
    ("openbao", "address", "http://127.0.0.1:8200/path?q=1"), ("openbao", "namespace", "a\nb"),
    ("openbao", "address", "http://user:pass@127.0.0.1:8200"),
    ("approle", "mount", "a//b"), ("approle", "mount", "../sys"), ("approle", "secret_id_wrapped", "true"),
    ("listen", "mode", "0999"), ("listen", "mode", "rw"), ("listen", "group", "no-such-group-here"),
    ("listen", "socket", "/tmp/" + "x" * 120), ("listen", "socket", "relative.sock"), ("listen", "socket", ""),
    ("limits", "request_bytes", "1"), ("limits", "request_bytes", "1T"), ("limits", "request_bytes", "64M"),
    ("limits", "request_bytes", "x"), ("log", "level", "verbose"), ("log", "level", 3), ("audit", "level", "off"),
    ("audit", "sink", "syslog"), ("audit", "sink", "file"),
    ("audit", "on_failure", "deny"),
])
def test_values_out_of_range_are_errors_with_file_and_line(group, name, value):
    settings = config_text.merged(GOOD, {group: {name: value}})
    text = config_text.text(settings).replace("a\nb", "a\\nb")
    assert_error_at(check(text), name, line_of(text, f"{name} "))


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


def test_a_syntax_error_names_the_line():
    text = config_text.text(GOOD) + "listen: { socket = \n};\n"
    done = check(text)
    assert done.returncode == EX_CONFIG
    assert re.search(rf"{re.escape(done.config)}:\d+", done.log)


def test_a_nul_byte_does_not_hide_the_rest_of_the_file():
    done = check(config_text.text(GOOD).encode() + b"\0\nnonsense: { a = 1; };\n")
    assert done.returncode == EX_CONFIG


def test_a_missing_file_is_an_error(scratch):
    done = run(None, "--check-config", "-c", scratch / "none.conf")
    assert done.returncode == EX_CONFIG
    assert "none.conf" in done.log


def test_an_error_quotes_no_credential(scratch):
    secret = canary.run.secret("role-id")
    for text in (f'approle: {{ role_id = "{secret}" secret_id_file = }};',
                 f'approle: {{ role_id = "{secret}"; role_id = "x"; }};',
                 f'approle: {{ role_id = ["{secret}"]; }};', f'approle: {{ role_id = "{secret}\\x00"; }};',
                 f'approle: {{ secret_id = "{secret}"; }};'):
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
