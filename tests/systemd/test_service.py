"""secretstored.service as it is installed: it starts, is ready, stays alive, and its callers are who they are."""

import os
import re
import signal

import pytest

from harness import process
from service import AS_CALLER, CONFIG, FOLDER, UNIT


def test_it_starts_and_tells_systemd_how_things_are(service, site):
    service.configure(site)
    service.start()
    shown = service.lab.show(UNIT, "Type", "ActiveState", "SubState", "User", "NRestarts")
    assert shown == {"Type": "notify", "ActiveState": "active", "SubState": "running", "User": "secretstored",
                     "NRestarts": "0"}
    assert re.fullmatch(r"logged in, renewal due at \d\d:\d\d UTC", service.status_text)


def test_a_stop_revokes_the_token(service, site):
    service.configure(site)
    service.start()
    token = site.tokens()[-1]
    assert site.token_lives(token)
    service.lab.systemctl("stop", UNIT)
    assert not site.token_lives(token)
    assert service.lab.show(UNIT, "Result") == "success"


def test_a_wrong_configuration_is_not_tried_again_and_again(service, site):
    service.configure(site)
    service.write_config("openbao: { no_such_thing: 1 }\n")
    since = service.cursor()
    assert service.lab.systemctl("start", UNIT, check=False).returncode != 0
    assert service.lab.show(UNIT, "ExecMainStatus", "NRestarts") == {"ExecMainStatus": "78", "NRestarts": "0"}
    service.wait_log("no_such_thing", since)


@pytest.mark.parametrize("path", [CONFIG, FOLDER, f"{FOLDER}/a.yaml"])
def test_a_configuration_that_others_may_write_is_refused(service, site, path):
    """In the unit's sandbox no process can write there, but outside of it some can."""
    service.configure(site)
    service.write_rules("a.yaml", {"allow": {"more": {"uid": 0, "ops": "read"}}})
    service.lab.run("chmod", "o+w", path)
    since = service.cursor()
    assert service.lab.systemctl("start", UNIT, check=False).returncode != 0
    assert service.lab.show(UNIT, "ExecMainStatus") == "78"
    service.wait_log(f"{path}: can be written by others than its owner", since)


def test_a_daemon_that_hangs_is_killed_and_started_again(service, site):
    service.drop_in("watchdog", "[Service]\nWatchdogSec=1s")
    service.configure(site)
    service.start()
    before = service.pid
    os.kill(service.outer_pid, signal.SIGSTOP)
    service.lab.wait_show(UNIT, "MainPID", lambda pid: pid not in ("0", str(before)), timeout=30)
    service.lab.wait_show(UNIT, "NRestarts", "1")
    service.wait_ready()
    assert service.ctl("ping", "--ready").out.startswith("ready:")


def test_a_daemon_that_does_not_hang_is_left_alone(service, site):
    service.drop_in("watchdog", "[Service]\nWatchdogSec=300ms")
    service.configure(site)
    service.start()
    before = service.pid
    since = service.cursor()
    # Three times the interval, in which systemd would have noticed.
    service.lab.as_unit("sleep", "1")
    assert service.pid == before, service.log_since(since)


def test_a_core_signal_leaves_no_core(service, site):
    service.drop_in("core", "[Service]\nRestart=no")
    service.configure(site)
    service.lab.run("sh", "-c", "ulimit -c unlimited")
    service.start()
    pid = service.outer_pid
    with open(f"/proc/{pid}/limits") as f:
        assert re.search(r"^Max core file size +0 +0 ", f.read(), re.M)
    os.kill(pid, signal.SIGQUIT)
    service.wait_state("failed")
    # systemd's word for "killed by a signal, and no core was dumped" (waitid's CLD_KILLED, not CLD_DUMPED)
    assert service.lab.show(UNIT, "Result", "ExecMainCode") == {"Result": "signal", "ExecMainCode": "2"}


def test_callers_are_seen_as_who_they_are_from_inside_the_sandbox(service, site):
    service.configure(site, allow={"everybody": {"unit": "*.service", "ops": ["status"]}})
    service.start()
    said = service.status(unit="somebody.service", user="daemon", properties=AS_CALLER)
    peer = said["peer"]
    assert peer["unit"] == "somebody.service"
    assert peer["uid"] == int(service.lab.run("id", "-u", "daemon").out)
    assert peer["pid"] > 0
    other = service.status(unit="somebody-else.service", properties=AS_CALLER)["peer"]
    assert (other["unit"], other["uid"]) == ("somebody-else.service", 0)


def test_services_read_their_own_secret_and_are_refused_each_others(service, site):
    rule = {"ops": "kv.get"}
    service.configure(site, allow={
        "web": {**rule, "unit": "web.service", "paths": f"{site.mount}/web/*"},
        "mail": {**rule, "unit": "mail.service", "uid": "mail", "paths": f"{site.mount}/mail/*"}})
    service.start()
    callers = {"web": "www-data", "mail": "mail"}
    for name in callers:
        site.put(f"{name}/db", {"owner": name})
    for name, user in callers.items():
        as_caller = {"unit": f"{name}.service", "user": user,
                     "properties": AS_CALLER}
        assert service.get(site.mount, f"{name}/db", **as_caller) == {"owner": name}
        for other in callers:
            if other != name:
                refused = service.ctl("get", "-m", site.mount, f"{other}/db", check=False, **as_caller)
                assert refused.returncode == 13 and "forbidden" in refused.err
    # The right unit's name and the wrong user, and the other way round.
    for unit, user in (("mail.service", "www-data"), ("other.service", "mail")):
        refused = service.ctl("get", "-m", site.mount, "mail/db", check=False, unit=unit, user=user,
                              properties=AS_CALLER)
        assert refused.returncode == 13


def test_a_secret_id_may_lie_encrypted_on_the_disk(service, site):
    service.configure(site)
    encrypted = "/etc/credstore.encrypted/secret_id"
    service.lab.run("install", "-d", "-m", "700", "/etc/credstore.encrypted")
    service.lab.run("systemd-creds", "encrypt", "--with-key=host", "--name=secret_id", "-", encrypted, stdin=site.secret_id)
    service.drop_in("secret", f"[Service]\nLoadCredentialEncrypted=secret_id:{encrypted}")
    service.lab.path("/etc/secretstored/secret_id").unlink()
    service.start()
    assert len(site.logins()) == 1
