"""A SecretID that was unwrapped survives a restart of the daemon, in systemd's fd store."""

import fcntl
import os
import signal

import pytest

from harness import canary, config_text, process
from harness.manager import Manager

NAME = "secret-id"
ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@pytest.fixture
def manager():
    made = Manager()
    yield made
    made.close()


def wrapped(site):
    return site.settings(approle={"secret_id_wrapped": True})


def unwraps_of(site, token):
    requests = [e["request"] for e in site.audit.requests("sys/wrapping/unwrap")]
    return len([r for r in requests if token in (r.get("client_token"), r.get("data", {}).get("token"))])


def with_new_token(site):
    token = site.wrapped_secret_id()
    site.write_secret_id(token)
    return token


def content(fd):
    data = os.pread(fd, 1 << 17, 0)
    canary.run.add(data[48:].decode())
    return data


def test_a_restarted_daemon_logs_in_with_what_the_one_before_unwrapped(daemon, site, manager):
    token = with_new_token(site)
    first = daemon(wrapped(site), env=manager.env)
    (fd,) = manager.wait_stored(NAME)
    assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) & ALL_SEALS == ALL_SEALS
    assert token.encode() not in content(fd)
    first.expect_stop = False
    first.signal(signal.SIGKILL)
    first.process.wait()
    second = daemon(wrapped(site), env=manager.env, prefix=manager.prefix([(NAME, fd)]))
    assert unwraps_of(site, token) == 1
    assert len(site.logins()) == 2
    second.wait_log("before the restart was kept by systemd")
    site.assert_served_by(second)
    manager.listen()
    assert len(manager.store[NAME]) == 1, "what systemd has is not touched"


def test_a_new_wrapping_token_takes_the_place_of_the_kept_one(daemon, site, manager):
    with_new_token(site)
    first = daemon(wrapped(site), env=manager.env)
    (fd,) = manager.wait_stored(NAME)
    before = content(fd)
    first.stop()
    second_token = with_new_token(site)
    passed = os.dup(fd)
    second = daemon(wrapped(site), env=manager.env, prefix=manager.prefix([(NAME, passed)]))
    assert unwraps_of(site, second_token) == 1
    process.wait_until(lambda: manager.wait_stored(NAME) and content(manager.store[NAME][0]) != before, 10, "a new one")
    assert len(manager.store[NAME]) == 1
    site.assert_served_by(second)
    os.close(passed)


def test_without_systemd_the_log_says_that_a_restart_needs_a_new_one(daemon, site):
    with_new_token(site)
    daemon(wrapped(site)).wait_log("after a restart a new one is needed")


def test_a_plain_secret_id_is_left_with_nobody(daemon, site, manager):
    d = daemon(site.settings(), env=manager.env)
    site.have_new_login(d)
    manager.listen()
    assert manager.said and manager.store == {}


def test_a_kept_one_that_has_no_use_is_forgotten(daemon, site, manager):
    with_new_token(site)
    daemon(wrapped(site), env=manager.env).stop()
    (fd,) = manager.wait_stored(NAME)
    content(fd)
    site.write_secret_id(site.secret_id)
    passed = os.dup(fd)
    d = daemon(site.settings(), env=manager.env, prefix=manager.prefix([(NAME, passed)]))
    manager.listen()
    assert manager.store == {}
    d.wait_log("has no use any more")
    os.close(passed)


def unsealed(data):
    fd = os.memfd_create("x", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    return fd


def odd_one(fd):
    odd = unsealed(b"X" + content(fd)[1:])
    fcntl.fcntl(odd, fcntl.F_ADD_SEALS, ALL_SEALS)
    return odd


@pytest.mark.parametrize("forge", [lambda fd: unsealed(content(fd)), odd_one], ids=["without seals", "of another form"])
def test_what_is_not_as_it_should_be_is_not_used(daemon, site, manager, forge):
    token = with_new_token(site)
    daemon(wrapped(site), env=manager.env).stop()
    (fd,) = manager.wait_stored(NAME)
    forged = forge(fd)
    d = daemon(wrapped(site), env=manager.env, prefix=manager.prefix([(NAME, forged)]), wait="socket")
    d.wait_log("the SecretID that systemd should have kept is not used")
    d.wait_log("is used up")
    assert unwraps_of(site, token) == 1
    os.close(forged)


def test_a_reload_hands_it_on(daemon, site, manager):
    """Other settings of OpenBao, the same used-up token."""
    token = with_new_token(site)
    d = daemon(wrapped(site), env=manager.env)
    config_text.write(d.config, d.config.read_text().replace("openbao:\n", "openbao:\n  connect_timeout: 2s\n"))
    d.signal(signal.SIGHUP)
    d.wait_log("requests go to OpenBao as the new configuration describes it")
    assert unwraps_of(site, token) == 1
    assert len(site.logins()) == 2
    site.assert_served_by(d)
