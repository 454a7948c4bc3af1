"""Rules that go by the systemd unit of the caller's process, as it was when the connection was made."""
import signal

import pytest

from harness import process, units

pytestmark = pytest.mark.root

WEB = 4301
DB = 4302


def opened(site, allow):
    settings = site.settings(listen={"mode": "0666"})
    settings["allow"] = {**allow, "anybody": {"uid": [0, WEB, DB], "ops": "status"}}
    return settings


def rule(**who):
    return {**who, "ops": "kv.get", "paths": "*"}


def get(conn, site):
    return conn.call("kv.get", mount=site.mount, path="a").code


@pytest.fixture
def site(shared_server, new_site):
    site = new_site(shared_server)
    site.put("a", {"x": 1})
    return site


@pytest.fixture
def web():
    with units.unit(process.unique("web") + ".service") as cgroup:
        yield cgroup


@pytest.fixture
def db():
    with units.unit(process.unique("db") + ".service") as cgroup:
        yield cgroup


def test_a_unit_reads_its_own_secret_and_another_does_not(daemon, site, web, db):
    d = daemon(opened(site, {"web": rule(unit=web.name)}))
    with units.Caller(d.socket, web, WEB) as mine, units.Caller(d.socket, db, WEB) as other:
        assert get(mine, site) is None
        assert get(other, site) == "forbidden"
        assert mine.call("status")["peer"]["unit"] == web.name
        assert mine.call("status")["rules"] == ["web", "anybody"]
        assert other.call("status")["peer"]["unit"] == db.name
        assert other.call("status")["rules"] == ["anybody"]


def test_a_unit_may_be_a_pattern(daemon, site, web, db):
    d = daemon(opened(site, {"web": rule(unit="web-*.service")}))
    with units.Caller(d.socket, web) as mine, units.Caller(d.socket, db) as other:
        assert get(mine, site) is None
        assert get(other, site) == "forbidden"


def test_unit_and_uid_must_both_fit(daemon, site, web):
    d = daemon(opened(site, {"web": rule(unit=web.name, uid=WEB)}))
    with units.Caller(d.socket, web, WEB) as both, units.Caller(d.socket, web, DB) as half:
        assert get(both, site) is None
        assert get(half, site) == "forbidden"


def test_a_users_unit_counts_for_that_user_only(daemon, site):
    d = daemon(opened(site, {"app": rule(user_unit="app.service", uid=WEB)}))
    for uid, allowed in [(WEB, True), (DB, False)]:
        with (units.unit(f"user@{uid}.service/app.slice/app.service", f"user.slice/user-{uid}.slice") as cgroup,
              units.Caller(d.socket, cgroup, uid) as caller):
            peer = caller.call("status")["peer"]
            assert (peer["unit"], peer["user_unit"]) == (f"user@{uid}.service", "app.service")
            assert (get(caller, site) is None) == allowed


def test_a_system_unit_is_not_taken_for_a_users(daemon, site):
    d = daemon(opened(site, {"app": rule(user_unit="app.service", uid=WEB), "own": rule(unit="web.service")}))
    with (units.unit("app.service") as cgroup, units.Caller(d.socket, cgroup, WEB) as system,
          units.unit(f"user@{WEB}.service/app.slice/web.service", f"user.slice/user-{WEB}.slice") as users,
          units.Caller(d.socket, users, WEB) as user):
        assert get(system, site) == "forbidden"  # app.service of the system is not the user's
        assert get(user, site) == "forbidden"    # whoever names his own unit web.service gets nothing by it


def test_the_unit_is_that_of_when_the_connection_was_made(daemon, site, web, db):
    d = daemon(opened(site, {"web": rule(unit=web.name)}))
    with units.Caller(d.socket, web) as mine:
        assert get(mine, site) is None
        (db / "cgroup.procs").write_text(str(mine.call("status")["peer"]["pid"]), encoding="ascii")
        assert get(mine, site) is None


@pytest.fixture
def held_daemon(daemon, site, web):
    """A daemon that is stopped while a caller connects: it looks only when the caller may have gone."""
    d = daemon(opened(site, {"web": rule(unit=web.name)}))

    def hold():
        d.process.send_signal(signal.SIGSTOP)
        process.wait_until(lambda: process.is_stopped(d.pid), 10, "the daemon is stopped")

    d.hold = hold
    d.go_on = lambda: d.process.send_signal(signal.SIGCONT)
    yield d
    d.go_on()


def test_a_caller_in_the_backlog_is_known_by_its_unit(held_daemon, site, web):
    held_daemon.hold()
    with units.Caller(held_daemon.socket, web) as caller:
        held_daemon.go_on()
        assert get(caller, site) is None


def test_a_process_that_has_ended_has_no_unit(held_daemon, site, web):
    held_daemon.hold()
    caller = units.Caller(held_daemon.socket, web)
    with caller as conn:
        caller.end()
        held_daemon.go_on()
        assert get(conn, site) == "forbidden"
        assert "unit" not in conn.call("status")["peer"]


def caller_and_successor(socket, unit, successors_unit):
    """A caller that has ended, its pid, and another process that has it now."""
    for _ in range(10):  # somebody else's process may get the pid, and keep it
        caller = units.Caller(socket, unit)
        pid = caller.pid
        caller.end()
        if units.become(pid, lambda: units.join(successors_unit)):
            return caller, pid
        caller.conn.close()
    raise AssertionError("no process got its pid")


def test_a_process_that_got_the_pid_of_the_caller_lends_it_nothing(held_daemon, site, web, db):
    held_daemon.hold()
    caller, pid = caller_and_successor(held_daemon.socket, db, web)
    try:
        with caller as conn:
            process.wait_until(lambda: str(pid) in (web / "cgroup.procs").read_text().split(), 10, "it is in the unit")
            held_daemon.go_on()
            assert get(conn, site) == "forbidden"
            peer = conn.call("status")["peer"]
            assert peer["pid"] == pid and "unit" not in peer
    finally:
        units.end(pid)
