"""Credentials that OpenBao refuses: tried once, so that five failures never lock the role out."""

import os
import signal
import time

import pytest

from harness import canary, config_text, process
from harness.bao import Admin
from harness.manager import Manager
from harness.standin import reply

WRONG = "11111111-2222-3333-4444-55555555{:04d}"


def logins_with(site, secret_id):
    return [e for e in site.logins() if e["request"]["data"].get("secret_id") == secret_id]


def wrong(n=0):
    return canary.run.add(WRONG.format(n))


def reject(daemon, site, seconds):
    site.write_secret_id(wrong())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    end_at = time.monotonic() + seconds
    while time.monotonic() < end_at:
        before = time.monotonic()
        assert d.get(site.mount, "a", timeout_ms=10000).code == "not_ready"
        assert time.monotonic() - before < process.patience(0.5)  # at once, not at its deadline
        time.sleep(min(0.2, seconds / 10))
    assert len(site.logins()) == 1
    site.write_secret_id(site.secret_id)
    written = time.monotonic()
    d.wait_ready(5)
    print(f"one attempt in {seconds} s; ready {time.monotonic() - written:.2f} s after the right one was written")
    assert len(site.logins()) == 2
    assert d.put(site.mount, "a", {"x": 1}).ok


def test_a_wrong_secret_id_is_tried_once_and_the_right_one_at_once(daemon, site):
    reject(daemon, site, 5)


@pytest.mark.long
def test_a_wrong_secret_id_for_ten_minutes(daemon, site):
    reject(daemon, site, 600)


def test_a_byte_order_mark_before_the_secret_id_is_no_attempt(daemon, site):
    site.write_secret_id("\ufeff" + site.secret_id)
    d = daemon(site.settings(), wait="socket")
    d.wait_log(f"login failed: {site.secret_id_file}: begins with a byte order mark")
    assert d.get(site.mount, "a").code == "not_ready"
    site.write_secret_id(site.secret_id)
    d.wait_ready(5)
    assert len(site.logins()) == 1


def test_a_wrong_role_id_is_tried_once(daemon, site):
    unknown = canary.run.secret("role-id")
    d = daemon(site.settings(approle={"role_id": unknown}), wait="socket")
    d.wait_state("rejected")
    time.sleep(2)
    role_ids = [e["request"]["data"].get("role_id") for e in site.audit.requests("auth/approle/login")]
    assert role_ids.count(unknown) == 1


def test_the_same_wrong_content_written_again_is_not_tried_again(daemon, site):
    site.write_secret_id(wrong())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    for _ in range(10):
        site.write_secret_id(wrong() + "\n")
        time.sleep(0.2)
    assert len(site.logins()) == 1


def test_at_most_three_contents_are_tried(daemon, site):
    site.write_secret_id(wrong(0))
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    for n in (1, 2):
        site.write_secret_id(wrong(n))
        process.wait_until(lambda n=n: len(site.logins()) == n + 1, 5, f"attempt {n + 1}")
        d.wait_state("rejected")
    for n in (3, 4, 5):
        site.write_secret_id(wrong(n))
        time.sleep(1)
    assert len(site.logins()) == 3


def test_the_reason_is_told_and_quotes_nothing(daemon, site):
    site.write_secret_id(wrong())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    token = d.status()["token"]
    assert token["state"] == "rejected"
    assert token["reason"]
    reply = d.get(site.mount, "a")
    assert reply.error["retryable"] is True
    assert len([line for line in d.log.splitlines() if "rejected" in line]) >= 1


def fail_logins(site, times):
    """As another host with a wrong SecretID would."""
    for _ in range(times):
        Admin(site.server.port).raw("POST", "auth/approle/login", {"role_id": site.role_id, "secret_id": wrong(9)})


def test_a_locked_out_role_is_left_alone(daemon, site):
    site.write_secret_id(wrong())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    fail_logins(site, 5)
    site.write_secret_id(site.secret_id)
    process.wait_until(lambda: logins_with(site, site.secret_id), 5, "the right one is tried")
    d.wait_log("(?i)lockout|locked")
    d.wait_state("rejected")
    assert "lock" in d.status()["token"]["reason"].lower()
    time.sleep(4)
    assert len(logins_with(site, site.secret_id)) == 1
    assert d.get(site.mount, "a").code == "not_ready"


def test_a_denied_login_after_one_that_worked_is_no_lockout(daemon, site):
    """Refused once, then logged in; then the role's entity is disabled for a moment, which is a 403 as well."""
    site.write_secret_id(wrong())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    site.write_secret_id(site.secret_id)
    d.wait_ready(5)
    token = site.tokens()[-1]
    entity = site.admin.post("auth/token/lookup", {"token": token})["data"]["entity_id"]
    site.admin.post(f"identity/entity/id/{entity}", {"disabled": True})
    site.revoke(token)
    assert d.get(site.mount, "a").code == "not_ready"
    d.wait_state("relogin_wait")
    site.admin.post(f"identity/entity/id/{entity}", {"disabled": False})
    d.wait_ready(10)


def hang_up(d):
    before = d.log.count(" reloaded")
    d.signal(signal.SIGHUP)
    process.wait_until(lambda: d.log.count(" reloaded") > before, process.patience(10), "reloaded")


def test_reloads_that_leave_the_credentials_alone_do_not_try_them_again(daemon, site):
    site.write_secret_id(wrong())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    for n in range(7):
        d.configure(site.settings(openbao={"connect_timeout": f"{n + 2}s"}))
        hang_up(d)
        d.wait_state("rejected")
        assert d.get(site.mount, "a").code == "not_ready"
    assert len(site.logins()) == 1
    assert "before the reload" in d.status()["token"]["reason"]
    site.write_secret_id(site.secret_id)
    d.wait_ready(5)
    assert len(site.logins()) == 2


def test_reloads_while_a_login_is_under_way_wait_for_its_end(daemon, site, new_proxy):
    site.write_secret_id(wrong())
    proxy = new_proxy(site.server.port)
    proxy.fault("delay", path="approle/login", seconds=1, times=-1)
    d = daemon(site.settings(proxy.port), wait="socket")
    d.wait_state("logging_in")
    for n in range(7):
        d.configure(site.settings(proxy.port, openbao={"connect_timeout": f"{n + 2}s"}))
        hang_up(d)
    d.wait_state("rejected")
    assert "before the reload" in d.status()["token"]["reason"]
    assert len(site.logins()) == 1
    site.write_secret_id(site.secret_id)
    d.wait_ready(10)


def test_a_reload_that_changes_the_secret_id_tries_it_at_once(daemon, site):
    site.write_secret_id(wrong())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    right = site.directory / "right"
    right.write_text(site.secret_id)
    d.configure(site.settings(approle={"secret_id_file": str(right)}))
    hang_up(d)
    d.wait_ready(5)


def test_what_another_openbao_refused_is_tried_at_the_right_one(daemon, site, standin):
    standin.on("POST", "/v1/auth/approle/login", reply({"errors": ["invalid role or secret ID"]}, 400))
    right = site.settings()
    d = daemon(config_text.merged(right, {"openbao": {"address": f"http://{standin.host}:{standin.port}"}}), wait="socket")
    d.wait_state("rejected")
    d.configure(right)
    hang_up(d)
    d.wait_ready(5)


def test_a_login_of_another_role_does_not_make_a_reload_try_again_what_was_refused(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "8s", "token_max_ttl": "9s"})
    unknown = canary.run.secret("role-id")

    def logins_as(role_id):
        requests = [e["request"]["data"] for e in site.audit.requests("auth/approle/login")]
        return len([r for r in requests if r.get("role_id") == role_id])

    d = daemon(site.settings())
    d.configure(site.settings(approle={"role_id": unknown}))
    hang_up(d)
    d.wait_log("next login: login failed: .*rejected")
    before = logins_as(site.role_id)
    process.wait_until(lambda: logins_as(site.role_id) > before, 12, "the role that serves logs in afresh")
    d.configure(site.settings(approle={"role_id": unknown}, openbao={"connect_timeout": "7s"}))
    hang_up(d)
    process.wait_until(lambda: "before the reload or restart" in d.log or logins_as(unknown) > 1,
                       process.patience(10), "what the reload does is decided")
    assert logins_as(unknown) == 1


@pytest.fixture
def manager():
    made = Manager()
    yield made
    made.close()


def test_a_restart_does_not_try_again_what_was_refused(daemon, site, manager):
    site.write_secret_id(wrong())
    first = daemon(site.settings(), wait="socket", env=manager.env)
    first.wait_state("rejected")
    (fd,) = manager.wait_stored("refused")
    content = os.pread(fd, 1 << 16, 0)
    assert wrong().encode() not in content and site.role_id.encode() not in content
    first.expect_stop = False
    first.signal(signal.SIGKILL)
    first.process.wait()
    second = daemon(site.settings(), wait="socket", env=manager.env, prefix=manager.prefix([("refused", fd)]))
    second.wait_state("rejected")
    second.wait_log("before the reload or restart; next try in")
    assert "login failed" not in second.log
    assert len(site.logins()) == 1
    site.write_secret_id(site.secret_id)
    second.wait_ready(5)
    manager.wait_forgotten("refused")
    assert len(site.logins()) == 2


def refused_and_killed(daemon, site, manager, **approle):
    """The descriptor that systemd has of it."""
    site.write_secret_id(wrong())
    first = daemon(site.settings(approle=approle), wait="socket", env=manager.env)
    first.wait_state("rejected")
    (fd,) = manager.wait_stored("refused")
    first.expect_stop = False
    first.signal(signal.SIGKILL)
    first.process.wait()
    return fd


def test_a_restart_without_a_secret_id_knows_what_was_refused_once_it_is_back(daemon, site, manager):
    fd = refused_and_killed(daemon, site, manager)
    site.secret_id_file.unlink()
    second = daemon(site.settings(), wait="socket", env=manager.env, prefix=manager.prefix([("refused", fd)]))
    second.wait_state("relogin_wait")
    site.write_secret_id(wrong())
    second.wait_state("rejected")
    second.wait_log("before the reload or restart; next try in")
    assert len(site.logins()) == 1
    site.write_secret_id(site.secret_id)
    second.wait_ready(5)
    manager.wait_forgotten("refused")


def test_a_login_that_works_ends_also_what_another_role_was_refused(daemon, site, manager):
    fd = refused_and_killed(daemon, site, manager, role_id=canary.run.secret("role-id"))
    site.write_secret_id(site.secret_id)
    daemon(site.settings(), env=manager.env, prefix=manager.prefix([("refused", fd)]))
    manager.wait_forgotten("refused")


def test_a_login_denied_without_a_rejection_is_tried_again(daemon, site):
    fail_logins(site, 6)  # locked out by others; this daemon does not know why
    before = len(site.logins())
    d = daemon(site.settings(), wait="socket")
    d.wait_state("relogin_wait")
    assert len(site.logins()) - before <= 2
    assert d.get(site.mount, "a").code == "not_ready"


def test_a_held_token_serves_on_when_a_new_login_is_rejected(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "8s", "token_max_ttl": "9s"})
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    site.write_secret_id(wrong())
    process.wait_until(lambda: logins_with(site, wrong()), 12, "a login with the wrong one")
    assert d.get(site.mount, "a").ok
    site.write_secret_id(site.secret_id)
    process.wait_until(lambda: len(logins_with(site, site.secret_id)) == 2, 5, "a login with the right one")
    assert d.get(site.mount, "a").ok
    assert len(logins_with(site, wrong())) == 1
