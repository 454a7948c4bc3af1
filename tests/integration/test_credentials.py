"""The socket for LoadCredential=: who gets which secret, and that whatever goes wrong is a refusal, never a short answer."""

import os
import select
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import canary, config_text, loadcredential, process
from harness.proxy import HANG
from harness.standin import secret_reply

pytestmark = pytest.mark.root

UNIT = "postgresql.service"
OTHER = 4301  # a uid that no account needs to have


class Served:
    """A daemon with that socket."""

    def __init__(self, daemon, settings, rules, scratch, wait="2s", wait_for="ready", **kw):
        self.socket = scratch / "credentials.sock"
        self.daemon = daemon(config_text.merged(settings, {
            "openbao": {"request_timeout": wait}, "listen": {"credentials_socket": str(self.socket)},
            "credential": rules}), wait=wait_for, **kw)

    def load(self, credential="db", unit=UNIT):
        return loadcredential.load(self.socket, unit, credential)

    def connect(self, credential="db", unit=UNIT, **by):
        """By that unit, or by whom `by` names."""
        return loadcredential.connect(self.socket, loadcredential.name(unit, credential), **(by or {"unit": unit}))

    def assert_refused(self, credential="db", unit=UNIT, why=""):
        lines = len(self.daemon.log)
        with pytest.raises(loadcredential.Refused):
            self.load(credential, unit)

        def said():
            return [line for line in self.daemon.log[lines:].splitlines()
                    if f"credential {credential} for {unit}: refused" in line and why in line]
        process.wait_until(said, process.patience(5), f"the log says that {credential} was refused: {why}")

    def assert_unconnected(self):
        process.wait_until(lambda: connections(self.socket) == 0, process.patience(10), "no connection is left")


def connections(path):
    with open("/proc/net/unix") as f:
        fields = [line.split() for line in f.readlines()[1:]]
    return sum(1 for line in fields if line[7:] == [str(path)] and line[3] != "00010000")


def rule(site, path="app/db", unit=UNIT, id="db", **field):
    return {"unit": unit, "id": id, "mount": site.mount, "path": path, **field}


@pytest.fixture
def serve(daemon, site, scratch):
    def make(rules, port=None, changes=None, **kw):
        return Served(daemon, site.settings(port, **(changes or {})), rules, scratch, **kw)
    return make


@pytest.fixture
def password(site):
    value = canary.run.secret()
    site.put("app/db", {"user": "app", "password": value, "n": 12345678901234567000, "empty": "", "nul": "a\0b",
                        "odd": "\n<&>\u00e9\U0001f600\"\\", "nested": {"a": [1.0, "<"]}})
    return value


# What a unit gets.

def test_a_unit_gets_its_field_and_nothing_more(serve, site, password):
    s = serve({"db": rule(site, field="password")})
    assert s.load() == password.encode()
    assert stat.S_IMODE(os.stat(s.socket).st_mode) == 0o600
    assert s.daemon.get(site.mount, "app/db").ok  # and the others their own socket


def test_values_arrive_as_they_are(serve, site, password):
    s = serve({name: rule(site, id=name, field=name) for name in ("odd", "n", "nested", "empty")})
    assert s.load("odd") == "\n<&>\u00e9\U0001f600\"\\".encode()
    assert s.load("n") == b"12345678901234567000"
    assert s.load("nested") == rb'{"a":[1,"\u003c"]}'
    assert s.load("empty") == b""


def test_without_a_field_it_is_the_whole_object_as_openbao_sent_it(serve, site, password):
    s = serve({"all": rule(site)})
    assert s.load() == s.daemon.get(site.mount, "app/db").data_raw


def test_patterns_and_the_order_of_rules(serve, site, password):
    s = serve({"web": rule(site, unit=["web.service", "web@*.service"], id=["tls-*", "key"], field="user"),
               "any": rule(site, unit="*", id="key", field="password")})
    assert s.load("tls-cert", "web.service") == b"app"
    assert s.load("key", "web@1.service") == b"app"
    assert s.load("key", "db.service") == password.encode()
    s.assert_refused("tls-cert", "db.service", "no rule")


def test_the_latest_version_is_fetched_each_time(serve, site, password):
    s = serve({"db": rule(site, field="password")})
    assert s.load() == password.encode()
    second = canary.run.secret()
    site.put("app/db", {"password": second})
    assert s.load() == second.encode()


def test_many_at_once(serve, site, password):
    s = serve({"db": rule(site, unit="*", field="password")}, wait="20s")
    with ThreadPoolExecutor(100) as pool:
        got = list(pool.map(lambda n: s.load(unit=f"u{n % 5}.service"), range(200)))
    assert got == [password.encode()] * 200
    s.assert_unconnected()


def test_a_large_value(serve, site):
    value = canary.run.secret() + "x" * 900_000
    site.put("app/db", {"password": value})
    assert serve({"db": rule(site, field="password")}).load() == value.encode()


# Who gets nothing.

def test_without_a_rule_nobody_gets_anything_and_openbao_is_not_asked(serve, site, password):
    s = serve({"db": rule(site, field="password")})
    s.assert_refused(unit="other.service", why="no rule in credential")
    s.assert_refused("db2", why="no rule in credential")
    s.assert_refused("DB")
    assert site.reads("app/db") == []


def test_only_root_is_systemd(serve, site, password):
    s = serve({"db": rule(site, unit="*", field="password")})
    os.chmod(s.socket, 0o666)
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(s.connect(uid=OTHER))
    s.daemon.wait_log(f"refused to uid {OTHER}: only root")
    assert site.reads("app/db") == []
    s.load()


def test_root_gets_the_credentials_of_its_own_unit_only(serve, site, password):
    s = serve({"db": rule(site, unit="*", field="password")})
    stranger = loadcredential.asker("web.service").pid
    for by, who in [({"unit": "web.service"}, f"pid {stranger} of web.service asked for it"),
                    ({"uid": 0}, f"pid {os.getpid()}")]:
        with pytest.raises(loadcredential.Refused):
            loadcredential.read(loadcredential.connect(s.socket, loadcredential.name(UNIT, "db"), **by))
        s.daemon.wait_log(f"credential db for {UNIT}: refused: {who}")
    assert site.reads("app/db") == []
    assert s.load(unit="web.service") == password.encode()
    s.daemon.stop()
    denied = {"op": "credential", "credential": "db", "uid": 0, "code": "forbidden", "verdict": "denied", "for_unit": UNIT}
    (record,) = s.daemon.audit(pid=stranger, **denied)
    assert record["unit"] == "web.service" and "rule" not in record and "path" not in record
    (record,) = s.daemon.audit(pid=os.getpid(), **denied)
    assert record.get("unit") != UNIT
    (record,) = s.daemon.audit(code="ok", credential="db")
    assert record["unit"] == "web.service" and "for_unit" not in record


@pytest.mark.parametrize("address", [
    None, b"\0x", b"\x001/unit/postgresql.service", b"\x001/unit/postgresql.service/", b"\x001/unit/postgresql.service/db/",
    b"\x001/unit/a/postgresql.service/db", b"\x001/unit/postgresql.service/db\n", b"\x001/unit/postgresql.service/db\0",
    b"\x001/unit/postgresql/db", b"\x00/unit/postgresql.service/db", b"\x00xyz/unit/postgresql.service/db",
    b"\x001/user/postgresql.service/db", b"\x001/unit/postgresql.service/../db", b"\x001/unit/../postgresql.service/db",
])
def test_names_that_systemd_does_not_use(serve, site, password, address):
    s = serve({"db": rule(site, unit="*", id="*", field="password")})
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(loadcredential.connect(s.socket, address, unit=UNIT))
    s.daemon.wait_log("does not ask as systemd does")
    assert site.reads("app/db") == []


def test_the_longest_name_there_can_be(serve, site, password):
    s = serve({"db": rule(site, id="d*", field="password")})
    address = loadcredential.name(UNIT, "d" * 66)
    assert len(address) == 108
    assert loadcredential.read(loadcredential.connect(s.socket, address, unit=UNIT)) == password.encode()


def test_a_socket_with_a_path_of_that_look_is_no_systemd(serve, site, password, scratch):
    (scratch / "1/unit/a.service").mkdir(parents=True)
    s = serve({"db": rule(site, unit="*", id="*", field="password")})
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(loadcredential.connect(s.socket, str(scratch / "1/unit/a.service/db")))


# What goes wrong.

def test_what_cannot_be_had_is_refused_and_the_log_says_why(serve, site, password):
    site.put("gone", {"password": "x"})
    site.admin.delete(f"{site.mount}/data/gone")
    s = serve({
        "missing": rule(site, "none", id="missing", field="password"), "gone": rule(site, "gone", id="gone"),
        "field": rule(site, id="field", field="Password"), "nul": rule(site, id="nul", field="nul"),
        "denied": {**rule(site, id="denied"), "mount": "other"},
    }, wait="60s")
    before = time.monotonic()
    s.assert_refused("missing", why="not_found")
    s.assert_refused("gone", why="not_found")
    s.assert_refused("field", why="(rule field): the secret has no such field")
    s.assert_refused("nul", why="holds a NUL")
    s.assert_refused("denied", why="permission_denied")
    assert time.monotonic() - before < 30, "none of these is worth waiting for"


def test_more_than_systemd_takes_is_refused(daemon, standin, scratch):
    standin.on("GET", "/v1/secret/data/big", secret_reply({"v": "x" * (loadcredential.LIMIT + 1)}))
    settings = standin.settings(scratch)
    s = Served(daemon, settings, {"big": {"unit": "*", "id": "db", "mount": "secret", "path": "big", "field": "v"}}, scratch)
    s.assert_refused(why="larger than systemd takes")


def test_openbao_away_is_waited_for(serve, site, proxy, password):
    s = serve({"db": rule(site, field="password")}, proxy.port, wait="20s")
    proxy.refuse()
    proxy.close_all()
    assert s.daemon.get(site.mount, "app/db", timeout_ms=500).code == "unavailable"
    asked = s.connect()
    process.wait_until(lambda: s.daemon.status()["upstream"]["state"] == "down", process.patience(10), "it is known")
    proxy.accept()
    assert loadcredential.read(asked) == password.encode()


def test_openbao_away_at_the_start_is_waited_for(serve, site, proxy, password):
    proxy.refuse()
    s = serve({"db": rule(site, field="password")}, proxy.port, wait="20s", wait_for="socket")
    asked = s.connect()
    s.daemon.wait_state("relogin_wait")
    proxy.accept()
    assert loadcredential.read(asked) == password.encode()


@pytest.mark.parametrize("how", ["refuse", "hang", "no login"])
def test_the_wait_is_bounded(serve, site, proxy, password, how):
    if how == "no login":
        site.write_secret_id("not-a-secret-id")
    s = serve({"db": rule(site, field="password")}, proxy.port, wait_for="socket" if how == "no login" else "ready",
              wait="1500ms")
    if how == "refuse":
        proxy.refuse()
        proxy.close_all()
    if how == "hang":
        proxy.fault("request", how=HANG, path="data/app/db", times=-1)
    begun = time.monotonic()
    s.assert_refused()
    assert 1 < time.monotonic() - begun < process.patience(8)


def test_a_slow_reader_gets_no_short_value(serve, site):
    value = canary.run.secret() + "x" * 900_000
    site.put("app/db", {"password": value})
    s = serve({"db": rule(site, field="password")}, wait="1s")
    asked = s.connect()
    s.daemon.wait_log("refused .*: it was not read in time")
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(asked)
    s.assert_unconnected()


def test_who_leaves_is_forgotten(serve, site, proxy, password):
    s = serve({"db": rule(site, field="password")}, proxy.port, wait="1s")
    proxy.fault("request", how=HANG, path="data/app/db", times=-1)
    for _ in range(40):
        s.connect().close()
    s.assert_unconnected()
    proxy.clear()  # not close_all(): it could cut off the daemon's asking for OpenBao's health, which then is away
    assert s.load() == password.encode()


def test_those_who_do_not_read_a_refusal_keep_others_waiting_until_they_go(serve, site, password):
    s = serve({"db": rule(site, field="password")}, wait="1s")
    stuck = [s.connect("other") for _ in range(32)]
    asked = s.connect()
    process.wait_until(lambda: len(select.select(stuck, [], [], 0)[0]) == 32, process.patience(10), "all are refused")
    assert not select.select([asked], [], [], 0.2)[0]
    stuck.pop().close()
    assert loadcredential.read(asked) == password.encode()
    for one in stuck:
        with pytest.raises(loadcredential.Refused):
            loadcredential.read(one)


def test_users_who_do_not_read_are_cut_off(serve, site, password):
    s = serve({"db": rule(site, field="password")}, wait="1s")
    os.chmod(s.socket, 0o666)
    stuck = [s.connect(uid=OTHER) for _ in range(40)]
    assert s.load() == password.encode()
    del stuck


# What is on record.

def test_each_credential_is_audited(serve, site, proxy, password):
    s = serve({"db": rule(site, id=["db", "large"], field="password")}, proxy.port)
    assert s.load() == password.encode()
    s.assert_refused("other")
    proxy.fault("request", how=HANG, path="data/app/db", times=-1)
    s.assert_refused("large")
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(loadcredential.connect(s.socket, None, unit=UNIT))
    s.daemon.stop()
    root = {"op": "credential", "uid": 0, "gid": 0, "pid": loadcredential.asker(UNIT).pid, "unit": UNIT}
    where = {"mount": site.mount, "path": "app/db", "rule": "db", "verdict": "allowed"}
    assert len(s.daemon.audit(credential="db", code="ok", version=1, **where, **root)) == 1
    (late,) = s.daemon.audit(credential="large", **where, **root)
    assert late["code"] in ("timeout", "unavailable") and late["microseconds"] > 1_000_000
    (denied,) = s.daemon.audit(credential="other", code="forbidden", verdict="denied", **root)
    assert "rule" not in denied and "path" not in denied
    (stranger,) = [r for r in s.daemon.audit(code="forbidden", **root) if "credential" not in r]
    assert stranger["verdict"] == "denied"
    assert all("for_unit" not in record for record in s.daemon.audit(op="credential"))


# The daemon's own life.

def test_a_stop_refuses_what_is_not_fetched_yet(serve, site, proxy, password):
    s = serve({"db": rule(site, field="password")}, proxy.port, wait="60s")
    proxy.fault("request", how=HANG, path="data/app/db", times=-1)
    asked = s.connect()
    proxy.wait_seen(1, "GET", "data/app/db")
    s.daemon.signal(signal.SIGTERM)
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(asked)
    s.daemon.stop()
    assert not s.socket.exists()
    assert "the daemon is stopping" in s.daemon.log


def test_a_stop_waits_for_a_value_that_is_being_read(serve, site):
    value = canary.run.secret() + "x" * 900_000
    site.put("app/db", {"password": value})
    s = serve({"db": rule(site, field="password")}, wait="60s")
    asked = s.connect()
    first = asked.recv(1)
    s.daemon.signal(signal.SIGTERM)
    s.daemon.wait_log("stopping, on SIGTERM")
    assert first + loadcredential.read(asked) == value.encode()
    s.daemon.stop()


def test_a_daemon_that_is_killed_leaves_a_refusal(serve, site, proxy, password):
    s = serve({"db": rule(site, field="password")}, proxy.port, wait="60s")
    proxy.fault("request", how=HANG, path="data/app/db", times=-1)
    asked = s.connect()
    proxy.wait_seen(1, "GET", "data/app/db")
    s.daemon.expect_stop = False
    s.daemon.process.kill()
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(asked)


def test_a_daemon_that_is_killed_in_the_middle_of_a_value_leaves_a_refusal(serve, site):
    value = canary.run.secret() + "x" * 900_000
    site.put("app/db", {"password": value})
    s = serve({"db": rule(site, field="password")}, wait="60s")
    asked = s.connect()
    asked.recv(1)
    s.daemon.expect_stop = False
    s.daemon.process.kill()
    with pytest.raises(loadcredential.Refused):
        loadcredential.read(asked)


def test_without_that_socket_there_is_no_other_process(daemon, site):
    d = daemon(site.settings())
    with open(f"/proc/{d.pid}/task/{d.pid}/children") as f:
        assert f.read() == ""


def test_those_in_the_queue_of_a_daemon_that_ends_get_an_error(serve, site, password):
    s = serve({"db": rule(site, field="password")}, wait="60s")
    s.daemon.signal(signal.SIGSTOP)
    asked = s.connect()
    s.daemon.expect_stop = False
    s.daemon.process.kill()
    with pytest.raises(ConnectionResetError):
        loadcredential.read(asked)


def test_a_daemon_without_privileges_serves_root(serve, site, password, scratch):
    os.chown(scratch, OTHER, OTHER)
    os.chown(site.secret_id_file, OTHER, OTHER)
    as_other = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    s = serve({"db": rule(site, field="password")}, prefix=as_other, socket_path=scratch / "s.sock",
              changes={"audit": {"sink": "file", "file": str(scratch / "audit")}})
    assert os.stat(s.socket).st_uid == OTHER
    assert s.load() == password.encode()


def test_a_reload_changes_the_rules(serve, site, password, daemon):
    s = serve({"db": rule(site, field="password")})
    text = s.daemon.config.read_text()
    assert s.load() == password.encode()
    config_text.write(s.daemon.config, text.replace('id: "db"', 'id: "other"').replace('"password"', '"user"'))
    s.daemon.signal(signal.SIGHUP)
    s.daemon.wait_log("info: reloaded")
    assert s.load("other") == b"app"
    s.assert_refused("db", why="no rule in credential")


def test_a_live_socket_is_not_taken_away(serve, site, password, daemon, scratch):
    s = serve({"db": rule(site, field="password")})
    settings = site.settings(listen={"credentials_socket": str(s.socket)})
    second = daemon(settings, wait=None)
    second.expect_stop = False
    assert second.process.wait(process.patience(10)) == 75  # it may end
    assert "another secretstored serves this socket" in second.log
    assert s.load() == password.encode()
