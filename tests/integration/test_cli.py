"""secretstorectl, as people, scripts and health checks use it."""

import json
import os
import re
import subprocess
import time

import pytest

from harness import canary, process
from harness.cli import ctl
from harness.client import member


@pytest.fixture
def d(daemon, site):
    return daemon(site.settings())


def test_get_prints_the_whole_secret_as_openbao_sent_it(d, site):
    body = b'{"data":{"big":12345678901234567000,"f":1e-7,"u":"\\u0000"}}'
    status, _ = site.admin.raw("POST", f"{site.mount}/data/a", body)
    assert status == 200
    done = ctl(d.socket, "get", f"{site.mount}/a")
    assert done.returncode == 0, done.err
    assert member(done.stdout, "big") == b"12345678901234567000"
    assert member(done.stdout, "f") == b"1e-7"
    assert member(done.stdout, "u") == b'"\\u0000"'


@pytest.mark.parametrize("value", [
    "plain", "", "two\nlines\n", "é\U0001f511", 'quote"back\\slash', "tab\t", "nul\0inside",
])
def test_get_of_a_field_is_raw_for_scripts(d, site, value):
    site.put("a", {"password": value, "other": "x"})
    done = ctl(d.socket, "get", f"{site.mount}/a", "-f", "password")
    assert done.returncode == 0, done.err
    assert done.stdout == value.encode()  # not to a terminal: no newline either


def test_get_of_a_field_that_is_no_string_prints_its_json(d, site):
    site.put("a", {"n": 7, "o": {"x": [1]}})
    for field, text in (("n", "7"), ("o", '{"x":[1]}')):
        done = ctl(d.socket, "get", f"{site.mount}/a", "-f", field)
        assert (done.returncode, done.out) == (0, text)


def test_a_missing_field_is_an_error(d, site):
    site.put("a", {"x": "1"})
    done = ctl(d.socket, "get", f"{site.mount}/a", "-f", "none")
    assert (done.returncode, done.out) == (34, "")
    assert done.err


def test_get_of_a_version(d, site):
    site.put("a", {"n": "1"})
    site.put("a", {"n": "2"})
    assert ctl(d.socket, "get", f"{site.mount}/a", "-v", "1", "-f", "n").out.strip() == "1"
    assert ctl(d.socket, "get", f"{site.mount}/a", "-f", "n").out.strip() == "2"


def test_put_of_pairs(d, site):
    done = ctl(d.socket, "put", f"{site.mount}/a", "user=app", "empty=", "eq=a=b", "q=\"\\", "é=ü")
    assert done.returncode == 0, done.err
    assert site.get("a") == {"user": "app", "empty": "", "eq": "a=b", "q": "\"\\", "é": "ü"}


def test_put_from_a_file_leaves_the_secret_off_the_command_line(d, site, scratch):
    (scratch / "pw").write_text("from a file\n")
    done = ctl(d.socket, "put", f"{site.mount}/a", "user=app", f"password=@{scratch / 'pw'}")
    assert done.returncode == 0, done.err
    assert site.get("a") == {"user": "app", "password": "from a file\n"}


def test_a_value_may_come_from_stdin_or_begin_with_an_at_sign(d, site):
    done = ctl(d.socket, "put", f"{site.mount}/a", "password=@-", "mail=@@example", stdin="typed")
    assert done.returncode == 0, done.err
    assert site.get("a") == {"password": "typed", "mail": "@example"}


def test_get_full_tells_the_version_for_a_put_with_cas(d, site):
    site.put("a", {"n": "1"})
    site.put("a", {"n": "2"})
    full = json.loads(ctl(d.socket, "get", "--full", f"{site.mount}/a").out)
    assert (full["version"], full["data"]) == (2, {"n": "2"})


def test_a_mount_of_several_segments_is_given_apart(daemon, site):
    mount = f"{process.unique('team')}/kv"
    site.admin.mount_kv(mount)
    site.admin.policy(site.role, f'path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}')
    d = daemon(site.settings())
    assert ctl(d.socket, "put", "-m", mount, "app/db", "x=1").returncode == 0
    assert ctl(d.socket, "get", "-m", mount, "app/db", "-f", "x").out == "1"


def test_put_of_json_on_stdin_goes_through_untouched(d, site):
    text = '{"n":12345678901234567000,"s":"\\u00e9", "deep":[[[]]]}'
    done = ctl(d.socket, "put", f"{site.mount}/a", "-", stdin=text)
    assert done.returncode == 0, done.err
    assert d.get(site.mount, "a").data == json.loads(text)


@pytest.mark.parametrize("text", ["", "[]", "{", "x", '{"a":1} x', '{"a":"\xff"}'.encode("latin-1")])
def test_put_of_no_json_object_is_refused(d, site, text):
    done = ctl(d.socket, "put", f"{site.mount}/a", "-", stdin=text)
    assert done.returncode != 0
    assert done.err
    assert site.writes("a") == []


def test_put_with_cas(d, site):
    assert ctl(d.socket, "put", f"{site.mount}/a", "--cas", "0", "x=1").returncode == 0
    done = ctl(d.socket, "put", f"{site.mount}/a", "--cas", "0", "x=2")
    assert done.returncode == 15
    assert "cas mismatch" in done.err and "(REQ-004, PX-0003)" in done.err
    assert ctl(d.socket, "put", f"{site.mount}/a", "--cas", "1", "x=2").returncode == 0
    assert site.get("a") == {"x": "2"}


@pytest.mark.parametrize("cas", ["-1", "x", "", "1.5", "99999999999999999999"])
def test_a_cas_that_is_no_number_is_refused_and_nothing_written(d, site, cas):
    assert ctl(d.socket, "put", f"{site.mount}/a", "--cas", cas, "x=1").returncode != 0
    assert site.writes("a") == []


def test_exit_statuses_tell_failures_apart(d, site):
    assert ctl(d.socket, "get", f"{site.mount}/none").returncode == 14
    assert ctl(d.socket, "get", f"{site.mount}/a//b").returncode in (2, 10)
    assert ctl(d.socket, "get", "none/a").returncode in (17, 25)
    site.admin.post(f"{site.mount}/metadata/strict", {"cas_required": True})
    assert ctl(d.socket, "put", f"{site.mount}/strict", "x=1").returncode == 16


def test_forbidden_and_not_ready_have_their_statuses(daemon, site, proxy):
    d = daemon(site.settings(allow={"tests": {"paths": "other/*"}}))
    assert ctl(d.socket, "get", f"{site.mount}/a").returncode == 13
    site.write_secret_id("wrong-wrong-wrong")
    rejected = daemon(site.settings(), wait="socket")
    rejected.wait_state("rejected")
    assert ctl(rejected.socket, "get", f"{site.mount}/a").returncode == 18


def test_no_daemon_has_its_status_and_is_told(scratch):
    done = ctl(scratch / "none.sock", "ping")
    assert done.returncode == 30
    assert done.err


def test_ping_says_the_state(d):
    done = ctl(d.socket, "ping")
    assert done.returncode == 0
    assert "serving" in done.out


def test_ping_ready_is_a_health_check(daemon, site, proxy):
    proxy.refuse()
    d = daemon(site.settings(proxy.port), wait="socket")
    assert ctl(d.socket, "ping").returncode == 0
    assert ctl(d.socket, "ping", "--ready").returncode == 18
    proxy.accept()
    d.wait_ready()
    assert ctl(d.socket, "ping", "--ready").returncode == 0


def test_status_is_readable_and_also_json(d, site):
    done = ctl(d.socket, "status")
    assert done.returncode == 0, done.err
    assert "serving" in done.out
    assert len(done.out.splitlines()) > 4
    as_json = ctl(d.socket, "status", "--json")
    status = json.loads(as_json.out)
    assert status["token"]["state"] == "serving"


def test_the_socket_may_come_from_the_environment(d):
    assert ctl(None, "ping", env={"SECRETSTORE_SOCKET": str(d.socket)}).returncode == 0
    assert ctl(d.socket, "ping", env={"SECRETSTORE_SOCKET": "/nonexistent/s.sock"}).returncode == 0


def test_help_names_commands_and_statuses_and_warns_of_secrets_on_the_command_line():
    done = ctl(None, "--help")
    assert done.returncode == 0
    text = done.out
    for word in ("get", "put", "ping", "status", "--cas", "SECRETSTORE_SOCKET"):
        assert word in text
    for status in ("14", "15", "18", "28", "30"):
        assert re.search(rf"\b{status}\b", text), status
    assert re.search(r"command line|process list|ps\b|history", text)


def test_version():
    done = ctl(None, "--version")
    assert (done.returncode, done.out) == (0, "secretstorectl 0.1.0\n")


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["get"], ["get", "m"], ["get", "m/p", "q"], ["put", "m/p"], ["put", "m/p", "novalue"],
    ["put", "m/p", "=x"], ["ping", "x"], ["get", "m/p", "-v", "x"], ["get", "--nonsense", "m/p"],
    ["put", "m", "k=v"],
])
def test_a_wrong_command_line_says_so_and_does_nothing(d, args):
    done = ctl(d.socket, *args)
    assert done.returncode == 2, (done.returncode, done.err)
    assert done.err and not done.out


def test_errors_name_neither_secret_nor_value(d, site):
    value = canary.run.secret()
    for args in ([f"{site.mount}/a", "--cas", "9", f"password={value}"], ["none/a", f"password={value}"]):
        done = ctl(d.socket, "put", *args)
        assert done.returncode != 0
        assert value not in done.err + done.out
    done = ctl(d.socket, "put", f"{site.mount}/a", "-", stdin=f'{{"password":"{value}"')
    assert done.returncode != 0 and value not in done.err


def test_a_closed_pipe_is_no_crash(d, site):
    site.put("a", {"v": "x" * 500000})
    get = f"{process.binary('secretstorectl')} -s {d.socket} get {site.mount}/a"
    p = process.start(["sh", "-c", f"{get} | head -c 10 >/dev/null"])
    assert p.wait(30) == 0


def test_a_large_secret_goes_through_a_pipe_whole(d, site):
    site.put("a", {"v": "x" * 900000})
    assert len(ctl(d.socket, "get", f"{site.mount}/a", "-f", "v").out.strip()) == 900000


def test_ping_wait_waits_for_readiness(daemon, site, proxy):
    proxy.refuse()
    d = daemon(site.settings(proxy.port), wait="socket")
    waiting = process.start([process.binary("secretstorectl"), "-s", d.socket, "ping", "--ready", "--wait"])
    time.sleep(0.5)
    assert waiting.poll() is None
    proxy.accept()
    assert waiting.wait(20) == 0
    assert ctl(d.socket, "ping", "--ready", "--wait").returncode == 0


def test_ping_wait_says_another_reason_of_the_same_code(daemon, site, proxy, scratch):
    proxy.refuse()
    site.write_secret_id("wrong-wrong-wrong")
    d = daemon(site.settings(proxy.port), wait="socket")
    said = scratch / "said"
    with said.open("wb") as err:
        waiting = process.start([process.binary("secretstorectl"), "-s", d.socket, "-t", "2m", "ping", "--ready", "--wait"],
                                stderr=err)
    try:
        process.wait_until(said.read_text, process.patience(20), "the first reason is said")
        proxy.accept()
        d.wait_state("rejected")
        process.wait_until(lambda: "its state is rejected" in said.read_text(), process.patience(20), "the next one is said")
        site.write_secret_id(site.secret_id)
        assert waiting.wait(process.patience(20)) == 0
    finally:
        process.end(waiting)
    lines = said.read_text().splitlines()
    assert all(line.startswith("secretstorectl: ping: waiting: not_ready: ") for line in lines)
    assert all(one != another for one, another in zip(lines, lines[1:]))


@pytest.mark.parametrize("source", ["--help", "README.md", "docs/secretstorectl.1"])
def test_no_example_goes_on_when_the_get_fails(scratch, source):
    """A shell runs NAME=$(get) program with an empty NAME, and goes on after NAME=$(get), if the get fails."""
    text = ctl(None, "get", "--help").out if source == "--help" else (process.ROOT / source).read_text()
    text = text.replace("\\-", "-")  # as the manual page writes a hyphen
    examples = [line for line in text.splitlines() if re.search(r"\$\(secretstorectl get -", line)]
    assert examples
    for line in examples:
        done = subprocess.run(["bash", "-c", f"{line}\necho went on"], capture_output=True, text=True,
                              env={"PATH": f"{process.BUILD}:{os.environ['PATH']}",
                                   "SECRETSTORE_SOCKET": str(scratch / "none.sock")})
        assert (done.returncode, done.stdout) == (30, ""), (line, done)
