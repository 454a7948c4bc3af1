"""What is not there yet at a boot, or never will be: a user, a file, a directory that cannot be written. The service waits for
what may come by itself, is given up where only a person can help, and its socket stays in either case."""

import contextlib
import time

from harness import process
from service import CA, CONFIG, SOCKET_UNIT, UNIT, CREDENTIALS_UNIT

TEMPFAIL, CONFIG_ERROR = "75", "78"


def fail_to_start(service, status):
    service.lab.systemctl("start", UNIT, check=False)
    service.lab.wait_show(UNIT, "ExecMainStatus", status)


def tries(service, cursor, word):
    return service.log_since(cursor).count(word)


def test_a_directory_service_has_its_users_first(service):
    assert "nss-user-lookup.target" in service.lab.show(UNIT, "After").split()


def test_a_user_who_is_not_there_yet_is_waited_for(service, site):
    user = process.unique("late")
    service.configure(site, allow={"late": {"uid": user, "ops": "status"}})
    cursor = service.cursor()
    fail_to_start(service, TEMPFAIL)
    service.wait_log(f'allow.late.uid: there is no user "{user}"', cursor)
    service.lab.wait_show(UNIT, "NRestarts", lambda n: int(n) >= 2, timeout=30)
    service.lab.run("systemd-sysusers", "--inline", f'u {user} - "-"')
    service.wait_ready()


def test_there_is_no_limit_of_starts(service, site):
    """Starts that fail at once, as after crashes: more of them, and in less time, than a unit may have by default."""
    service.configure(site)
    service.drop_in("hurdle", "[Service]\nRestartSec=50ms\nExecStartPre=test -e /run/hurdle-is-gone\n")
    service.lab.systemctl("start", UNIT, check=False)
    try:
        service.lab.wait_show(UNIT, "NRestarts", lambda n: int(n) > 25, timeout=30)
        service.lab.write("/run/hurdle-is-gone", "")
        service.wait_ready()
    finally:
        service.lab.run("rm", "-f", "/run/hurdle-is-gone")


def test_a_caller_who_waits_does_not_have_what_is_missing_tried_on_and_on(service, site):
    service.configure(site)
    authority = service.lab.path(CA).read_text()
    service.lab.path(CA).unlink()
    service.lab.systemctl("start", SOCKET_UNIT)
    cursor = service.cursor()
    began = time.monotonic()
    caller = service.lab.start_process("secretstorectl", "ping", "--ready", "--wait", "-t", "60s")
    try:
        process.wait_until(lambda: tries(service, cursor, f"ca_file: {CA}: No such file") >= 3, process.patience(30), "a third try")
        assert time.monotonic() - began > 9  # the pauses before it
        service.lab.write(CA, authority)
        assert caller.wait(process.patience(30)) == 0
    finally:
        process.end(caller)


def test_a_file_that_is_not_there_yet_is_waited_for_and_so_are_callers(service, site):
    service.configure(site)
    authority = service.lab.path(CA).read_text()
    service.lab.path(CA).unlink()
    service.lab.systemctl("start", SOCKET_UNIT)
    fail_to_start(service, TEMPFAIL)
    caller = service.lab.start_process("secretstorectl", "ping", "--ready", "--wait", "-t", "60s")
    try:
        service.lab.wait_show(UNIT, "NRestarts", lambda n: int(n) > 0)
        assert service.lab.show(SOCKET_UNIT, "ActiveState") == "active"
        service.lab.write(CA, authority)
        assert caller.wait(process.patience(30)) == 0
    finally:
        process.end(caller)
    assert service.lab.show(SOCKET_UNIT, "ActiveState") == "active"


def test_a_file_that_holds_no_certificate_is_a_wrong_configuration(service, site):
    service.configure(site)
    service.lab.systemctl("start", SOCKET_UNIT)
    service.start()
    before = service.pid
    cursor = service.cursor()
    service.lab.write(CA, "no certificate\n")
    assert service.lab.run("secretstored", "--check-config", check=False).returncode == 78
    assert service.lab.systemctl("reload", UNIT, check=False).returncode != 0
    service.wait_log(f"ca_file: {CA}: no usable certificate", cursor)
    assert service.pid == before
    service.lab.systemctl("stop", UNIT)
    fail_to_start(service, CONFIG_ERROR)
    service.wait_state("failed")
    assert service.lab.show(UNIT, "NRestarts") == "0"
    assert service.lab.show(SOCKET_UNIT, "ActiveState") == "active"


def test_a_caller_who_waits_does_not_have_a_wrong_configuration_tried_on_and_on(service, site):
    service.configure(site)
    service.lab.systemctl("start", SOCKET_UNIT, CREDENTIALS_UNIT)
    right = service.lab.path(CONFIG).read_text()
    service.write_config("openbao: { no_such_thing: 1 }\n")
    cursor = service.cursor()
    caller = service.lab.start_process("secretstorectl", "ping", "--ready", "--wait", "-t", "60s")
    try:
        service.wait_log("no_such_thing", cursor)
        time.sleep(6)  # in which it would be tried hundreds of times
        assert 1 <= tries(service, cursor, "no_such_thing") <= 3
        for unit in (SOCKET_UNIT, CREDENTIALS_UNIT):
            assert service.lab.show(unit, "ActiveState") == "active"
        assert "for which there is no use" not in service.log_since(cursor)
        service.write_config(right)
        assert caller.wait(process.patience(30)) == 0
    finally:
        process.end(caller)


@contextlib.contextmanager
def read_only(lab, path):
    lab.run("mount", "--bind", path, path)
    lab.run("mount", "-o", "remount,bind,ro", path)
    try:
        yield
    finally:
        lab.run("umount", path)


def test_only_an_audit_file_needs_a_directory_for_logs(service, site):
    """As on a host whose /var is read-only."""
    service.configure(site)
    service.lab.run("rm", "-rf", "/var/log/secretstored")
    with read_only(service.lab, "/var/log"):
        service.start()
        service.lab.systemctl("stop", UNIT)
        service.configure(site, audit={"sink": "file", "file": "/var/log/secretstored/audit.log"})
        fail_to_start(service, TEMPFAIL)
    service.lab.run("systemd-tmpfiles", "--create", "/usr/local/lib/tmpfiles.d/secretstored.conf")
    service.wait_ready()
    service.ctl("status")
    assert service.lab.path("/var/log/secretstored/audit.log").exists()
