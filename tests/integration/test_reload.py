"""SIGHUP: the configuration is read again, without a connection being lost; one with an error in it changes nothing."""

import re
import signal
import threading
import time
from pathlib import Path

import pytest

from harness import canary, config_text, process
from harness.bao import RaftServer
from harness.certificates import Authority
from harness.standin import secret_reply, written_reply


class Reloading:
    """A daemon and its settings."""

    def __init__(self, daemon, settings):
        self.settings = settings
        self.daemon = daemon

    def write(self, **changes):
        """Lays changes over the settings."""
        self.settings = config_text.merged(self.settings, changes)
        self.daemon.configure(self.settings)

    def hang_up(self, wait="reloaded"):
        before = self.daemon.log.count(wait)
        self.daemon.signal(signal.SIGHUP)
        process.wait_until(lambda: self.daemon.log.count(wait) > before, process.patience(10), f"the log says {wait}")

    def change(self, **changes):
        self.write(**changes)
        self.hang_up()


def at(proxy):
    """The settings of an address that leads there and no other test has."""
    host = canary.run.add(f"{process.unique('bao')}.localhost", canary.ADDRESS)
    canary.run.add(f"127.0.0.1:{proxy.port}", canary.ADDRESS)
    return {"openbao": {"address": f"http://{host}:{proxy.port}"}}


@pytest.fixture
def reloading(daemon):
    def make(settings, **kw):
        return Reloading(daemon(settings, **kw), settings)

    return make


def test_rules_change_for_connections_there_are(reloading, site):
    r = reloading(site.settings())
    site.put("app/db", {"x": 1})
    with r.daemon.connect() as c:
        assert c.call("kv.get", mount=site.mount, path="app/db").ok
        r.change(allow={"tests": {"uid": process.UID, "ops": "status"}})
        assert c.call("kv.get", mount=site.mount, path="app/db").code == "forbidden"
        r.change(allow={"others": {"uid": process.UID, "ops": "kv.get", "paths": f"{site.mount}/app/*"}})
        assert c.call("kv.get", mount=site.mount, path="app/db").ok
        assert c.call("status")["rules"] == ["tests", "others"]
    assert len(site.logins()) == 1


def test_limits_change_for_connections_there_are(reloading, site):
    r = reloading(site.settings(limits={"request_bytes": "1K"}))
    big = {"x": "y" * 5000}
    with r.daemon.connect() as c:
        assert c.call("ping")["limits"]["request_bytes"] == 1024
        r.change(limits={"request_bytes": "2M", "connections_per_uid": 2})
        assert c.call("ping")["limits"]["request_bytes"] == 2 << 20
        assert c.call("kv.put", mount=site.mount, path="big", data=big).ok
        with r.daemon.connect() as second:
            assert second.call("ping").ok
            assert r.daemon.connect().recv().code == "overloaded"


def test_the_default_deadline_changes(reloading, site, proxy):
    r = reloading(site.settings(proxy.port))
    r.change(openbao={"request_timeout": "300ms"})
    gate = threading.Event()
    proxy.fault("hold", gate=gate, path="/data/app/db", times=-1)
    with r.daemon.connect() as c:
        began = time.monotonic()
        assert not c.call("kv.get", mount=site.mount, path="app/db").ok
        assert time.monotonic() - began < process.patience(3)
    gate.set()
    assert len(site.logins()) == 1


@pytest.mark.parametrize("wrong, says", [
    ("openbao: { addres: \"http://localhost:1\" }\n", ":1: openbao.addres: there is no such setting"),
    ("openbao: {\n", "secretstored.yaml:1: a { that begins here is not closed"),
    ("", "openbao.address"),
])
def test_a_wrong_configuration_changes_nothing_and_is_named(reloading, site, wrong, says):
    r = reloading(site.settings())
    site.put("app/db", {"x": 1})
    with r.daemon.connect() as c:
        config_text.write(r.daemon.config, wrong)
        r.hang_up("stays in force")
        assert says in r.daemon.log
        assert str(r.daemon.config) in r.daemon.log
        assert c.call("kv.get", mount=site.mount, path="app/db").ok
    assert len(site.logins()) == 1
    r.change()  # and is forgotten once a right one is there
    site.assert_served_by(r.daemon)


def test_a_file_that_has_gone_changes_nothing(reloading, site):
    r = reloading(site.settings())
    r.daemon.config.unlink()
    r.hang_up("stays in force")
    site.assert_served_by(r.daemon)


def test_a_tls_file_that_cannot_be_used_changes_nothing(reloading, site):
    r = reloading(site.settings())
    r.write(openbao={"ca_file": "/nonexistent/ca.pem"}, allow=None)
    r.hang_up("stays in force")
    site.assert_served_by(r.daemon)


def test_what_takes_a_restart_is_named_and_stays(reloading, site):
    r = reloading(site.settings())
    r.change(listen={"mode": "0666"})
    assert "listen.mode: a change takes effect at a restart only" in r.daemon.log
    assert "listen.socket:" not in r.daemon.log
    assert r.daemon.socket.stat().st_mode & 0o777 == 0o660
    r.hang_up()  # said again as long as it is so
    assert r.daemon.log.count("listen.mode:") == 2


def test_nothing_new_is_no_new_login(reloading, site):
    r = reloading(site.settings())
    for _ in range(3):
        r.hang_up()
    site.assert_served_by(r.daemon)
    assert len(site.logins()) == 1


# -- another OpenBao, or another login there ----------------------------------------------------------------------


def test_other_credentials_log_in_and_the_token_before_is_revoked(reloading, site):
    r = reloading(site.settings())
    first = site.tokens()[-1]
    old_role = site.role_id
    site.new_role()
    assert site.role_id != old_role
    with r.daemon.connect() as c:
        r.change(approle={"role_id": site.role_id, "secret_id_file": str(site.secret_id_file)})
        process.wait_until(lambda: not site.token_lives(first), process.patience(10), "the old token is revoked")
        site.put("app/db", {"x": 1})
        assert c.call("kv.get", mount=site.mount, path="app/db").ok
    assert len(site.logins()) == 1  # of the new role
    r.daemon.wait_log("under way has ended")


def test_another_address_is_used_without_a_request_that_fails(reloading, site, new_proxy):
    """A caller that reads all the time, over two changes from one way to OpenBao to another."""
    one, *others = (new_proxy(site.server.port) for _ in range(3))
    site.put("app/db", {"x": 1})
    r = reloading(site.settings(one.port))
    done, failed, count = threading.Event(), [], [0]

    def read():
        with r.daemon.connect() as c:
            while not done.is_set():
                reply = c.call("kv.get", mount=site.mount, path="app/db")
                count[0] += 1
                if not reply.ok:
                    failed.append(reply)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for proxy in others:
            r.change(**at(proxy))
            proxy.wait_seen(20, "GET", "/data/app/db")
    finally:
        done.set()
        reader.join()
    assert not failed, failed[:3]
    assert count[0] >= 40


def test_tls_files_that_were_replaced_are_read(reloading, new_site, scratch):
    """curl keeps what it has read of an authority's file; one that is renewed must be looked at all the same."""
    authorities = [Authority(), Authority()]
    server = RaftServer(certificate=authorities[0].issue("DNS:localhost", "IP:127.0.0.1"))
    site = new_site(server)
    ca_file = scratch / "ca.pem"
    ca_file.write_text(Path(authorities[0].file).read_text())
    r = reloading(site.settings(openbao={"address": server.address, "ca_file": str(ca_file)}))
    site.assert_served_by(r.daemon)
    r.hang_up()
    assert len(site.logins()) == 1  # they are the same
    new = scratch / "new.pem"
    new.write_text(Path(authorities[1].file).read_text())
    new.rename(ca_file)
    r.hang_up()
    r.daemon.wait_log("certificate")  # of an authority that is not trusted any more
    site.assert_served_by(r.daemon)  # by the login from before
    ca_file.write_text("".join(Path(a.file).read_text() for a in authorities))
    r.hang_up()
    r.daemon.wait_log("from here on requests go")
    site.assert_served_by(r.daemon)
    server.close()
    for authority in authorities:
        authority.close()


def test_what_is_under_way_ends_where_it_began(reloading, site, new_proxy):
    one, two = new_proxy(site.server.port), new_proxy(site.server.port)
    site.put("app/db", {"x": 1})
    r = reloading(site.settings(one.port))
    site.assert_served_by(r.daemon)
    first = site.tokens()[-1]
    gate = threading.Event()
    one.fault("hold", gate=gate, path="/data/app/db", times=-1)
    with r.daemon.connect() as waiting:
        asked = waiting.send("kv.get", mount=site.mount, path="app/db", timeout_ms=30000)
        one.wait_seen(2, "GET", "/data/app/db")
        r.change(**at(two))
        r.daemon.wait_log("from here on requests go")
        assert r.daemon.get(site.mount, "app/db").ok  # by the new one, meanwhile
        assert site.token_lives(first)
        gate.set()
        assert waiting.reply_to(asked).ok
    process.wait_until(lambda: not site.token_lives(first), process.patience(10), "the old token is revoked")


def test_a_write_through_the_one_before_is_seen_by_the_next(reloading, standin, scratch):
    """Acknowledged to the old one when the new one serves already, and read through the new one from a node that lags."""
    gate = threading.Event()

    def write(_):
        gate.wait(process.patience(20))
        return written_reply(2)

    standin.on("POST", "/data/late", write)
    standin.on("GET", "/data/late", *[secret_reply({"n": n}, version=n) for n in (1, 1, 2)])
    r = reloading(standin.settings(scratch))
    with r.daemon.connect() as writer:
        asked = writer.send("kv.put", mount="secret", path="late", data={"n": 2}, timeout_ms=30000)
        process.wait_until(lambda: standin.count("POST", "/data/late"), process.patience(10), "OpenBao has the write")
        r.change(openbao={"connect_timeout": "2s"})
        r.daemon.wait_log("from here on requests go")
        gate.set()
        assert writer.reply_to(asked)["version"] == 2
    assert r.daemon.get("secret", "late")["version"] == 2


def test_a_write_through_the_one_before_is_not_hidden_by_the_cache_of_the_next(reloading, standin, scratch):
    """The next one's reads come before the write ends, so that it must not keep what they bring. Another write keeps the one
    before there until all that was looked at."""
    gate, held = threading.Event(), threading.Event()

    def write(until):
        def reply(_):
            until.wait(process.patience(20))
            return written_reply(2)
        return reply

    standin.on("POST", "/data/late", write(gate))
    standin.on("POST", "/data/held", write(held))
    standin.on("GET", "/data/late", *[secret_reply({"n": n}, version=n) for n in (1, 1, 2)])
    r = reloading(standin.settings(scratch, cache={"max_age": "1h"}))
    with r.daemon.connect() as writer:
        asked = writer.send("kv.put", mount="secret", path="late", data={"n": 2}, timeout_ms=30000)
        held_asked = writer.send("kv.put", mount="secret", path="held", data={"n": 2}, timeout_ms=30000)
        process.wait_until(lambda: standin.count("POST", "/data/late") and standin.count("POST", "/data/held"),
                           process.patience(10), "OpenBao has the writes")
        r.change(openbao={"connect_timeout": "2s"})
        r.daemon.wait_log("from here on requests go")
        for _ in range(2):
            assert r.daemon.get("secret", "late")["version"] == 1
        gate.set()
        assert writer.reply_to(asked)["version"] == 2
        assert r.daemon.get("secret", "late")["version"] == 2
        held.set()
        assert writer.reply_to(held_asked)["version"] == 2
    r.daemon.wait_log("what the configuration before had under way has ended")
    reads = standin.count("GET", "/data/late")
    for _ in range(3):
        assert r.daemon.get("secret", "late")["version"] == 2
    assert standin.count("GET", "/data/late") == reads + 1, "from then on it is kept"


def test_the_cache_changes(reloading, site):
    site.put("a", {"n": 1})
    r = reloading(site.settings())
    logins = len(site.tokens())

    def is_kept():
        r.daemon.get(site.mount, "a")
        return "age_ms" in r.daemon.get(site.mount, "a").json

    assert not is_kept()
    r.change(cache={"max_age": "1h"})
    assert is_kept()
    assert len(site.reads("a")) == 3
    r.change(cache={"max_age": "100ms"})
    process.wait_until(lambda: r.daemon.status()["cache"]["entries"] == 0, process.patience(10), "it goes by itself")
    r.change(cache={"max_age": "0s"})
    assert not is_kept()
    assert len(site.tokens()) == logins, "no new login"


def test_credentials_that_are_refused_leave_the_login_that_serves(reloading, site):
    r = reloading(site.settings())
    first = site.tokens()[-1]
    wrong = site.directory / "wrong"
    wrong.write_text(canary.run.secret("secret-id"))
    r.change(approle={"secret_id_file": str(wrong)})
    r.daemon.wait_log("login failed")
    site.assert_served_by(r.daemon)
    assert site.tokens() == [first] and site.token_lives(first)
    assert r.daemon.status()["ready"] is True
    # A second reload replaces it: the settings that serve are wanted again, and no login is needed.
    r.change(approle={"secret_id_file": str(site.secret_id_file)})
    site.assert_served_by(r.daemon)
    assert site.tokens() == [first]


def test_new_content_of_the_file_makes_the_next_login(reloading, site):
    r = reloading(site.settings())
    other = site.directory / "other"
    other.write_text(canary.run.secret("secret-id"))
    r.change(approle={"secret_id_file": str(other)})
    r.daemon.wait_log("login failed")
    other.write_text(site.new_secret_id())
    r.daemon.wait_log("from here on requests go")
    site.assert_served_by(r.daemon)
    assert len(site.tokens()) == 2


def test_without_a_login_the_new_settings_are_taken_at_once(reloading, site):
    dead = process.free_port()
    settings = site.settings(openbao={"address": f"http://localhost:{dead}"})
    r = reloading(settings, wait="socket")
    r.change(openbao={"address": f"http://{site.host}:{site.server.port}"})
    r.daemon.wait_ready()
    site.assert_served_by(r.daemon)


def test_when_the_login_before_ends_the_new_one_is_taken(reloading, new_site, shared_server):
    site = new_site(shared_server, role={"token_ttl": "3s", "token_max_ttl": "3s"})
    r = reloading(site.settings())
    dead = process.free_port()
    r.change(openbao={"address": f"http://localhost:{dead}"})
    r.daemon.wait_log("login failed")
    site.server.admin.post(f"auth/approle/role/{site.role}/secret-id/destroy", {"secret_id": site.secret_id})
    r.daemon.wait_log("from here on requests go")
    assert r.daemon.status()["ready"] is False


def test_credentials_from_the_environment_are_there_after_a_reload(reloading, site):
    settings = site.settings(approle={"role_id": None, "secret_id_file": None})
    r = reloading(settings, env={"OPENBAO_APPROLE_ROLE_ID": site.role_id, "OPENBAO_APPROLE_SECRET_ID": site.secret_id})
    r.change(limits={"connections": 100})
    site.assert_served_by(r.daemon)
    assert len(site.logins()) == 1
    site.revoke(site.tokens()[-1])
    site.assert_served_by(r.daemon)  # a login is still possible
    r.change(openbao={"connect_timeout": "2s"})
    r.daemon.wait_log("from here on requests go")
    site.assert_served_by(r.daemon)


def test_a_save_goes_on_over_a_reload(reloading, raft_server, new_site):
    site = new_site(raft_server, policy='path "*" {{ capabilities = ["create", "read", "update", "sudo"] }}')
    r = reloading(site.settings(allow={"tests": {"uid": process.UID, "ops": ["write", "snapshot.save"], "paths": "*"}}))
    first = site.tokens()[-1]
    with r.daemon.connect() as saving:
        assert saving.begin_save()["stream"] is True
        r.change(openbao={"connect_timeout": "2s"})
        r.daemon.wait_log("from here on requests go")
        *_, (_, end) = saving.recv_stream()
        assert end.ok
    process.wait_until(lambda: not site.token_lives(first), process.patience(10), "the old token is revoked")


def test_a_stop_ends_all_logins(reloading, site, new_proxy):
    one, two = new_proxy(site.server.port), new_proxy(site.server.port)
    site.put("app/db", {"x": 1})
    r = reloading(site.settings(one.port))
    site.assert_served_by(r.daemon)
    gate = threading.Event()
    one.fault("hold", gate=gate, path="/data/app/db", times=-1)
    with r.daemon.connect() as waiting:
        waiting.send("kv.get", mount=site.mount, path="app/db", timeout_ms=30000)
        one.wait_seen(2, "GET", "/data/app/db")
        r.change(**at(two))
        r.daemon.wait_log("from here on requests go")
        r.daemon.signal(signal.SIGTERM)
        process.wait_until(lambda: not r.daemon.socket.exists(), process.patience(5), "it is stopping")
        gate.set()
        assert waiting.recv().ok
    r.daemon.stop()
    assert not any(site.token_lives(token) for token in site.tokens())


def test_the_log_says_which_login_it_means_during_a_switch(reloading, site):
    r = reloading(site.settings())
    r.change(openbao={"connect_timeout": "2s"})
    r.daemon.wait_log("what the configuration before had under way has ended")
    during = r.daemon.log.partition("reloading")[2].partition("what the configuration before")[0]
    lines = [line.split(": ", 1)[1] for line in during.splitlines() if re.search(r"token: |logged in|login failed", line)]
    assert "next login: token: logging_in, was starting" in lines
    assert any(line.startswith("next login: logged in") for line in lines)
    assert "retired login: token: stopping, was serving" in lines
    assert [line for line in lines if not re.match("(current|next|retired) login: ", line)] == []
    site.have_new_login(r.daemon)
    assert " login: " not in r.daemon.log.partition("what the configuration before")[2]


def test_counters_of_logins_go_on_over_a_reload(reloading, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "3s"})
    r = reloading(site.settings())
    names = ("logins", "login_failures", "renewals", "renewal_failures")

    def counters():
        return [r.daemon.status()["counters"][name] for name in names]

    process.wait_until(lambda: counters()[2] >= 1, 10, "a renewal")
    before = counters()
    r.change(openbao={"connect_timeout": "2s"})
    r.daemon.wait_log("from here on requests go")
    after = counters()
    assert after[0] == before[0] + 1 == 2
    assert all(now >= then for now, then in zip(after, before)), (before, after)


def test_many_reloads_in_a_row_leave_one_login(reloading, site):
    r = reloading(site.settings())
    for n in range(1, 9):
        r.write(openbao={"connect_timeout": f"{n}s"})
        r.daemon.signal(signal.SIGHUP)
    process.wait_until(lambda: sum(site.token_lives(t) for t in site.tokens()) == 1, process.patience(20), "one is left")
    site.assert_served_by(r.daemon)


def test_the_levels_of_log_and_audit_change(reloading, site):
    site.put("a", {"x": 1})
    r = reloading(site.settings())
    for _ in range(3):
        assert r.daemon.get(site.mount, "a").ok
    r.write(audit={"level": "all"}, log={"level": "error"}, allow={"tests": {"ops": ["kv.get"]}})
    r.daemon.signal(signal.SIGHUP)
    process.wait_until(lambda: r.daemon.call("status").code == "forbidden", process.patience(10), "the new rules")
    for _ in range(3):
        assert r.daemon.get(site.mount, "a").ok
    r.daemon.stop()
    assert [record.get("count") for record in r.daemon.audit(op="kv.get")] == [1, None, None, None, 2]
    assert not r.daemon.log.endswith("stopped\n")


def test_where_the_audit_goes_changes_at_a_restart_only(reloading, site, scratch):
    r = reloading(site.settings())
    r.change(audit={"file": str(scratch / "other"), "on_failure": "deny"})
    for name in ("file", "on_failure"):
        r.daemon.wait_log(f"warning: audit.{name}: a change takes effect at a restart only")
    assert r.daemon.put(site.mount, "a", {"x": 1}).ok
    r.daemon.wait_audit(op="kv.put", code="ok")
    assert not (scratch / "other").exists()
