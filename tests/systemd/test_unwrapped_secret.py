"""A SecretID that was unwrapped survives a restart of the service, in systemd's fd store."""

from harness import canary
from service import SECRET_ID, UNIT


def unwraps_of(site, token):
    requests = [e["request"] for e in site.audit.requests("sys/wrapping/unwrap")]
    return len([r for r in requests if token in (r.get("client_token"), r.get("data", {}).get("token"))])


def with_wrapped(service, site):
    token = site.wrapped_secret_id()
    service.configure(site, approle={"secret_id_wrapped": True})
    service.lab.write(SECRET_ID, token, mode=0o600)
    return token


def test_a_restart_and_a_crash_log_in_again_without_unwrapping(service, site):
    token = with_wrapped(service, site)
    cursor = service.cursor()
    service.start()
    service.wait_log("is left with systemd, for the daemon's next start", cursor)
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "1"
    logins = len(site.logins())
    for ends in (["restart", UNIT], ["kill", "-s", "KILL", UNIT]):
        cursor = service.cursor()
        service.lab.systemctl(*ends)
        service.wait_log("before the restart was kept by systemd", cursor)
        service.wait_log("logged in", cursor)
        logins += 1
        assert len(site.logins()) == logins
    assert unwraps_of(site, token) == 1
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "1"
    site.put("a", {"x": 1})
    assert service.get(site.mount, "a") == {"x": 1}


def test_a_new_wrapping_token_is_kept_in_the_place_of_the_old_one(service, site):
    with_wrapped(service, site)
    service.start()
    second = site.wrapped_secret_id()
    service.lab.write(SECRET_ID, second, mode=0o600)
    cursor = service.cursor()
    service.lab.systemctl("restart", UNIT)
    service.wait_log("is left with systemd, for the daemon's next start", cursor)
    cursor = service.cursor()
    service.lab.systemctl("restart", UNIT)
    service.wait_log("before the restart was kept by systemd", cursor)
    service.wait_log("logged in", cursor)
    assert unwraps_of(site, second) == 1
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "1"


def test_a_stop_forgets_it(service, site):
    """systemd empties the fd store of a service that is stopped: the next start needs a new wrapping token."""
    with_wrapped(service, site)
    service.start()
    service.lab.systemctl("stop", UNIT)
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "0"
    cursor = service.cursor()
    service.start(wait=None)
    service.wait_log("is used up", cursor)


def test_a_refused_login_is_not_tried_again_by_a_restart_but_by_a_stop_and_start(service, site):
    wrong = canary.run.secret("secret-id")
    service.configure(site)
    service.lab.write(SECRET_ID, wrong, mode=0o600)
    cursor = service.cursor()
    service.start(wait=None)
    service.wait_log("rejected the role id or the secret id; next try", cursor)
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "1"
    cursor = service.cursor()
    service.lab.systemctl("restart", UNIT)
    service.wait_log("before the reload or restart; next try", cursor)
    assert len(site.logins()) == 1
    service.lab.systemctl("stop", UNIT)
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "0"
    cursor = service.cursor()
    service.start(wait=None)
    service.wait_log("login failed: OpenBao rejected the role id or the secret id; next try", cursor)
    assert [e["request"]["data"]["secret_id"] for e in site.logins()] == [wrong, wrong]
    service.lab.systemctl("stop", UNIT)
    service.lab.write(SECRET_ID, site.secret_id, mode=0o600)
    service.start()
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "0"


def test_a_plain_secret_id_is_not_left_with_systemd(service, site):
    service.configure(site)
    service.start()
    assert service.lab.show(UNIT, "NFileDescriptorStore") == "0"
