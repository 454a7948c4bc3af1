"""TLS towards OpenBao: verified unless told otherwise, and loudly so."""

import shutil
import json
import socket
import ssl
import warnings

import pytest

from harness import canary, process
from harness.bao import DevServer, RaftServer, tls_settings
from harness.certificates import Authority
from harness.site import Site
from harness.snapshot import SnapshotSite


@pytest.fixture(scope="module")
def tls_server():
    server = DevServer(tls=True)
    yield server
    server.close()


@pytest.fixture
def tls_site(tls_server):
    site = Site(tls_server)
    yield site
    site.close()


def settings(site, host="127.0.0.1", **openbao):
    return site.settings(openbao={"address": f"https://{host}:{site.server.port}", **openbao})


def assert_serves(daemon, site):
    assert daemon.put(site.mount, "a", {"x": 1}).ok
    assert daemon.get(site.mount, "a").data == {"x": 1}


def test_a_certificate_of_the_given_ca_is_taken(daemon, tls_site):
    assert_serves(daemon(settings(tls_site, ca_file=str(tls_site.server.ca_file))), tls_site)


def test_http_to_a_listener_with_tls_is_not_taken_for_something_in_front(daemon, tls_site):
    """The listener says what is wrong and resets the connection, so that its words may be lost; test_classify_put has them."""
    d = daemon(tls_site.settings(openbao={"address": f"http://127.0.0.1:{tls_site.server.port}"}), wait="socket")
    d.wait_log("login failed: ")
    assert "in front of OpenBao" not in d.log


def test_a_certificate_of_no_known_ca_is_refused(daemon, tls_site):
    d = daemon(settings(tls_site), wait="socket")
    d.wait_log("(?i)certificate")
    assert not d.ping()["ready"]
    assert tls_site.logins() == []
    assert d.get(tls_site.mount, "a", timeout_ms=300).code in ("not_ready", "unavailable")


def test_a_certificate_of_another_name_is_refused(daemon, tls_site):
    d = daemon(settings(tls_site, tls_site.host, ca_file=str(tls_site.server.ca_file)), wait="socket")
    d.wait_log("(?i)certificate")
    assert tls_site.logins() == []


def test_server_name_is_the_name_to_verify(daemon, tls_site):
    d = daemon(settings(tls_site, tls_site.host, ca_file=str(tls_site.server.ca_file), server_name="localhost"))
    assert_serves(d, tls_site)


def test_skipping_verification_warns_at_every_start(daemon, tls_site):
    d = daemon(settings(tls_site, tls_site.host, tls_skip_verify=True))
    assert_serves(d, tls_site)
    assert "tls_skip_verify" in d.log


def test_a_ca_file_that_cannot_be_read_stops_the_start(daemon, tls_site):
    with pytest.raises(AssertionError, match="the daemon ended"):
        daemon(settings(tls_site, ca_file="/nonexistent/ca.pem"))


def test_a_ca_file_that_is_away_for_a_moment_only_delays_a_snapshot(daemon, tls_server, new_site, tmp_path):
    site = new_site(tls_server, kind=SnapshotSite)
    ca_file, away = tmp_path / "ca.pem", tmp_path / "away"
    shutil.copy(tls_server.ca_file, ca_file)
    d = daemon(settings(site, ca_file=str(ca_file)))
    ca_file.rename(away)
    with d.connect() as c:
        reply = c.begin_save(timeout_ms=1000)
        assert reply.code == "unavailable", reply
        away.rename(ca_file)
        assert c.begin_save().code == "raft_unsupported"


# A server with a listener for each purpose, and two authorities: its own, and one that nobody should believe.


@pytest.fixture(scope="module")
def authority():
    authority = Authority()
    yield authority
    authority.close()


@pytest.fixture(scope="module")
def stranger():
    stranger = Authority()
    yield stranger
    stranger.close()


@pytest.fixture(scope="module")
def many_server(authority):
    tls = tls_settings(authority.issue("IP:127.0.0.1"))
    server = DevServer(listeners={
        "plain": tls,
        "named": tls_settings(authority.issue("DNS:bao.test")),
        "clients": {**tls, "tls_client_ca_file": authority.file, "tls_require_and_verify_client_cert": True},
        "clients 1.2": {**tls, "tls_client_ca_file": authority.file, "tls_require_and_verify_client_cert": True,
                        "tls_max_version": "tls12"},
        "1.1": {**tls, "tls_min_version": "tls10", "tls_max_version": "tls11"},
        "1.2": {**tls, "tls_max_version": "tls12"},
    })
    yield server
    server.close()


@pytest.fixture
def many(many_server, new_site):
    return new_site(many_server)


def at(site, listener, **openbao):
    return site.settings(openbao={"address": f"https://127.0.0.1:{site.server.ports[listener]}", **openbao})


def assert_refused(daemon, settings, site):
    d = daemon(settings, wait="socket")
    process.wait_until(lambda: d.status()["upstream"]["state"] == "down", process.patience(10), "the refusal is known")
    assert d.get(site.mount, "a", timeout_ms=300).code in ("not_ready", "unavailable")
    assert not d.ping()["ready"]
    assert site.logins() == []
    return d.log


def test_a_certificate_of_another_ca_is_refused(daemon, many, authority, stranger):
    assert "certificate" in assert_refused(daemon, at(many, "plain", ca_file=stranger.file), many)
    assert_serves(daemon(at(many, "plain", ca_file=authority.file)), many)


def test_the_server_name_decides_and_not_the_address(daemon, many, authority):
    assert "certificate" in assert_refused(daemon, at(many, "named", ca_file=authority.file), many)
    for_other = at(many, "named", ca_file=authority.file, server_name="bao.elsewhere")
    assert "certificate" in assert_refused(daemon, for_other, many)
    assert_serves(daemon(at(many, "named", ca_file=authority.file, server_name="bao.test")), many)


@pytest.mark.parametrize("listener", ["clients", "clients 1.2"])
def test_a_client_certificate_is_shown_where_one_is_required(daemon, many, authority, stranger, listener):
    own, wrong = authority.issue("DNS:host"), stranger.issue("DNS:host")
    shown = at(many, listener, ca_file=authority.file, client_cert_file=own.file, client_key_file=own.key)
    assert_refused(daemon, at(many, listener, ca_file=authority.file), many)
    assert_refused(daemon, at(many, listener, ca_file=authority.file, client_cert_file=wrong.file,
                              client_key_file=wrong.key), many)
    assert_serves(daemon(shown), many)


def test_tls_before_1_2_is_refused(daemon, many, authority):
    old = ssl.create_default_context(cafile=authority.file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", many.server.ports["1.1"])) as s:
        with old.wrap_socket(s, server_hostname="127.0.0.1") as connected:  # who allows it gets it
            assert connected.version() == "TLSv1.1"
    assert_refused(daemon, at(many, "1.1", ca_file=authority.file), many)
    assert_serves(daemon(at(many, "1.2", ca_file=authority.file)), many)


# A standby with TLS, which names its leader. The leader's own address is verified like any other.


class Pair:
    def __init__(self, authority):
        self.good = authority.issue("IP:127.0.0.1")
        self.leader = RaftServer(certificate=self.good)
        self.standby = RaftServer(node="two", leader=self.leader, certificate=self.good, ca_file=authority.file,
                                  votes=False)
        self.standby.wait_standby()

    def restart_leader(self, certificate):
        """With that certificate, or without TLS."""
        self.leader.kill()
        self.leader.configure(certificate)
        self.leader.start()
        self.leader.wait_active()
        process.wait_until(lambda: self.standby.admin.get("sys/leader").get("leader_address") == self.leader.address, 20,
                           "the standby names the leader")

    def close(self):
        self.standby.close()
        self.leader.close()


@pytest.fixture(scope="module")
def pair(authority):
    pair = Pair(authority)
    yield pair
    pair.close()


@pytest.fixture
def pair_site(pair, new_site):
    site = new_site(pair.leader)
    site.put("a", {"n": 0})
    process.wait_until(lambda: pair.standby.admin.raw("GET", f"{site.mount}/data/a")[0] == 200, 20, "the standby has it")
    return site


def wait_passed_on(pair, site):
    """Until the leader takes what a login of the site's own writes through the standby. Just restarted, it may say 403."""
    def passed_on():
        credentials = {"role_id": site.role_id, "secret_id": site.secret_id}
        status, login = pair.standby.admin.raw("POST", "auth/approle/login", credentials)
        if status != 200 or not login:
            return False
        token = canary.run.add(json.loads(login)["auth"]["client_token"])
        return pair.standby.admin.raw("POST", f"{site.mount}/data/b", {"data": {}}, token=token)[0] == 200
    process.wait_until(passed_on, 20, "the standby passes a write on")


def through_standby(pair, site, authority):
    return site.settings(openbao={"address": pair.standby.address, "ca_file": authority.file})


def test_a_leader_with_a_good_certificate_is_asked(daemon, pair, pair_site, authority):
    d = daemon(through_standby(pair, pair_site, authority))
    with pair.standby.relay.held():
        assert d.put(pair_site.mount, "a", {"n": 1})["version"] == 2
        assert d.get(pair_site.mount, "a").data == {"n": 1}
        assert pair.leader.port in d.tcp_ports()


@pytest.mark.parametrize("what", ["of another CA", "of another name", "missing"])
def test_a_leader_whose_certificate_is_not_good_is_not_asked(daemon, pair, pair_site, authority, stranger, what):
    pair.restart_leader({"of another CA": stranger.issue("IP:127.0.0.1"), "of another name": authority.issue("DNS:bao.test"),
                         "missing": None}[what])
    wait_passed_on(pair, pair_site)
    d = daemon(through_standby(pair, pair_site, authority))
    assert d.put(pair_site.mount, "a", {"n": 1})["version"] == 2  # the standby passes it on
    with pair.standby.relay.held():
        version = pair.leader.admin.post(f"{pair_site.mount}/data/a", {"data": {"n": 2}})["data"]["version"]
        got = d.get(pair_site.mount, "a", min_version=version, timeout_ms=1000)
        assert got.code == "unavailable", got
        assert "no node" in got.message
        # Each try is a connection for the time of a handshake, and the deadline may find one at it. None is kept.
        process.wait_until(lambda: pair.leader.port not in d.tcp_ports(), 10, "the connection to the leader is gone")
    d.wait_log("no leader that can be reached: " + ("the one that is named is without TLS" if what == "missing" else
                                                    "OpenBao's certificate was not accepted"))
    process.wait_until(lambda: d.get(pair_site.mount, "a", min_version=version, timeout_ms=1000).ok, 10, "the standby has it")
