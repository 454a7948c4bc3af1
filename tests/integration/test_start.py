"""Why a start fails, told by its exit status: 75 for what may come by itself, 78 for what only a person can mend. The check of a
configuration finds all of it."""

import os
import signal
import subprocess
import time

import pytest

from harness import config_text, process
from harness.certificates import Authority
from harness.daemon import EX_CONFIG, environment, run

EX_USAGE, EX_TEMPFAIL = 64, 75
ALLOW = {"all": {"uid": 0, "ops": "status"}}


@pytest.fixture
def good(scratch):
    """Settings with which a daemon would start; nobody answers at the address."""
    return {"openbao": {"address": f"https://127.0.0.1:{process.free_port()}"}, "allow": ALLOW,
            "approle": {"role_id": "a-role", "secret_id_file": "/nonexistent/secret_id"},
            "listen": {"socket": str(scratch / "s.sock")}}


def assert_fails(settings, status, word):
    """A start does, and the check says the same before it."""
    started = run(settings)
    assert started.returncode == status, started.log
    assert word in started.log
    checked = run(settings, "--check-config")
    assert checked.returncode == EX_CONFIG, checked.log
    assert word in checked.log


@pytest.mark.parametrize("setting", ["ca_file", "client_cert_file", "client_key_file"])
def test_a_tls_file_that_is_not_there_may_come(good, scratch, setting):
    authority = Authority()
    own = authority.issue("DNS:localhost")
    files = {"client_cert_file": own.file, "client_key_file": own.key}
    missing = str(scratch / "not-yet")
    assert_fails(config_text.merged(good, {"openbao": {**files, setting: missing}}), EX_TEMPFAIL,
                 f"{setting}: {missing}: No such file or directory")
    authority.close()


@pytest.mark.parametrize("settings", [("ca_file",), ("client_cert_file", "client_key_file")])
def test_a_tls_file_that_holds_nothing_of_use_is_a_wrong_configuration(good, scratch, settings):
    wrong = scratch / "wrong"
    wrong.write_text("no PEM\n")
    assert_fails(config_text.merged(good, {"openbao": dict.fromkeys(settings, str(wrong))}), EX_CONFIG,
                 f"{settings[0]}: {wrong}: no usable certificate")


def test_a_folder_in_place_of_a_file_is_a_wrong_configuration(good, scratch):
    assert_fails(config_text.merged(good, {"openbao": {"ca_file": str(scratch)}}), EX_CONFIG, "not a regular file")


@pytest.mark.parametrize("setting, word", [
    ({"allow": {"late": {"uid": "no-such-user", "ops": "status"}}}, 'allow.late.uid: there is no user "no-such-user"'),
    ({"allow": {"late": {"uid": [0, "no-such-user"], "ops": "status"}}}, 'allow.late.uid: item 2: there is no user "no-such-user"'),
    ({"allow": {"late": {"gid": "no-such-group", "ops": "status"}}}, 'allow.late.gid: there is no group "no-such-group"'),
    ({"listen": {"group": "no-such-group"}}, 'listen.group: there is no group "no-such-group"'),
])
def test_a_user_or_group_that_is_not_there_may_come(good, setting, word):
    assert_fails(config_text.merged(good, setting), EX_TEMPFAIL, word)


def test_a_configuration_that_is_not_there_may_come(scratch):
    for args, status in (((), EX_TEMPFAIL), (("--check-config",), EX_CONFIG)):
        done = run(None, *args, "-c", scratch / "not-yet.yaml")
        assert done.returncode == status
        assert "not-yet.yaml: No such file or directory" in done.log


def test_a_place_for_the_audit_that_is_not_there_may_come(good, scratch):
    path = scratch / "not-yet" / "audit.log"
    assert_fails(config_text.merged(good, {"audit": {"sink": "file", "file": str(path)}}), EX_TEMPFAIL,
                 "audit.file: cannot be opened: No such file or directory")


def test_an_audit_file_that_is_no_file_is_a_wrong_configuration(good, scratch):
    assert_fails(config_text.merged(good, {"audit": {"sink": "file", "file": "/dev/null"}}), EX_CONFIG,
                 "audit.file: cannot be opened: it is no regular file")
    fifo = scratch / "fifo"
    os.mkfifo(fifo)
    done = run(config_text.merged(good, {"audit": {"sink": "file", "file": str(fifo)}}), "--check-config")
    assert done.returncode == EX_CONFIG


def test_a_check_makes_no_audit_file(good, scratch):
    path = scratch / "audit.log"
    settings = config_text.merged(good, {"audit": {"sink": "file", "file": str(path)}})
    assert run(settings, "--check-config").returncode == 0
    assert not path.exists()
    path.write_text("a record\n")
    assert run(settings, "--check-config").returncode == 0
    assert path.read_text() == "a record\n"


def test_a_socket_that_another_serves_may_become_free(good, daemon, site):
    serving = daemon(site.settings())
    done = run(config_text.merged(good, {"listen": {"socket": str(serving.socket)}}))
    assert done.returncode == EX_TEMPFAIL
    assert "another secretstored serves this socket" in done.log


def test_a_socket_that_is_another_kind_of_file_is_a_wrong_configuration(good, scratch):
    (scratch / "s.sock").write_text("precious")
    assert run(good).returncode == EX_CONFIG


def test_a_check_does_without_the_secret_id_that_only_the_unit_has(good):
    settings = config_text.merged(good, {"approle": {"secret_id_file": None}})
    checked = run(settings, "--check-config")
    assert checked.returncode == 0, checked.log
    assert "warning: approle: a SecretID is needed: " in checked.log
    assert "only the daemon's unit may have it" in checked.log
    started = run(settings)
    assert started.returncode == EX_CONFIG
    assert "approle: a SecretID is needed: " in started.log


class Sleeper:
    """A process that takes SIGHUP as a daemon does."""

    def __init__(self):
        self.process = process.start(["sh", "-c", "trap 'echo hangup; exit' HUP; echo ready; while :; do sleep 0.05; done"],
                                     stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def hung_up(self):
        return self.process.stdout.readline() == "hangup\n"


def test_a_reload_checks_and_then_signals(good):
    sleeper = Sleeper()
    try:
        wrong = run(config_text.merged(good, {"listen": {"mode": "rw"}}), "--reload", env={"MAINPID": str(sleeper.process.pid)})
        assert wrong.returncode == EX_CONFIG
        time.sleep(0.2)
        assert sleeper.process.poll() is None
        right = run(good, "--reload", env={"MAINPID": str(sleeper.process.pid)})
        assert right.returncode == 0, right.log
        assert sleeper.hung_up()
    finally:
        process.end(sleeper.process, signal.SIGKILL)


@pytest.mark.parametrize("pid", [None, "", "0", "1", "-1", "x", "99999999999"])
def test_a_reload_signals_nobody_but_a_daemon(good, pid):
    done = run(good, "--reload", env={} if pid is None else {"MAINPID": pid})
    assert done.returncode == EX_USAGE
    assert "MAINPID in the environment is no process" in done.log


def test_the_status_is_told_in_the_help():
    said = subprocess.run([process.binary("secretstored"), "--help"], capture_output=True, text=True, env=environment()).stdout
    assert "75 if a start lacks what may come by itself" in said
