"""The harness itself: a counter that miscounts or a leak hunt that finds nothing would make the other tests
worthless."""

import contextlib
import http.client
import json
import socket
import time

import pytest

from harness import canary, client, config_text, process
from harness.bao import Admin, BaoError
from harness.proxy import FIN, HANG, RESET
from harness.standin import reply


def test_the_leak_hunt_finds_a_planted_canary(tmp_path):
    run = canary.Run(tmp_path)
    value = run.secret()
    run.record("replies", f'{{"message":"token {value} refused"}}')
    assert len(run.leaks()) == 1


def test_the_leak_hunt_allows_the_address_in_one_line_of_a_daemons_log(tmp_path):
    run = canary.Run(tmp_path)
    host = run.add("bao-1234abcd.localhost", canary.ADDRESS)
    log = run.new_log("daemon-test")
    log.write_text(f"serving from http://{host}:8200\n")
    assert run.leaks() == []
    log.write_text(f"serving from http://{host}:8200\ncould not resolve {host}\n")
    assert len(run.leaks()) == 1
    log.unlink()
    run.record("replies", host)
    assert len(run.leaks()) == 1


def test_audit_counts_every_login_and_write(site):
    anyone = Admin(site.server.port)
    login = anyone.post("auth/approle/login", {"role_id": site.role_id, "secret_id": site.secret_id})
    token = login["auth"]["client_token"]
    with pytest.raises(BaoError):
        anyone.post("auth/approle/login", {"role_id": site.role_id, "secret_id": "x" * 36})
    assert len(site.logins()) == 2
    assert site.tokens() == [token]
    own = Admin(site.server.port, token)
    own.post(f"{site.mount}/data/a", {"data": {"x": 1}})
    own.get(f"{site.mount}/data/a")
    own.post("auth/token/renew-self")
    assert (len(site.writes("a")), len(site.reads("a")), len(site.renewals())) == (1, 1, 1)
    own.post("auth/token/revoke-self")
    assert len(site.revocations()) == 1
    assert not site.token_lives(token)
    with pytest.raises(BaoError):
        own.get(f"{site.mount}/data/a")
    assert len(site.requests_with_own_tokens(f"{site.mount}/data/a", "read")) == 2


def _ask(port, method="GET", path="/v1/sys/health", body=None, timeout=20):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as c:
        c.request(method, path, body)
        return c.getresponse().status


def test_proxy_passes_on_and_counts(proxy):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)) as c:
        for _ in range(3):
            c.request("GET", "/v1/sys/health")
            assert json.loads(c.getresponse().read())["initialized"]
    assert [r.number for r in proxy.seen("GET", "health")] == [1, 2, 3]
    assert proxy.connections_made == 1


def test_proxy_refuses_and_accepts_again(proxy):
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        _ask(proxy.port)
    proxy.accept()
    assert _ask(proxy.port) == 200


def test_proxy_swallows(proxy):
    proxy.blackhole()
    with pytest.raises(TimeoutError):
        _ask(proxy.port, timeout=0.5)
    proxy.blackhole(False)
    assert _ask(proxy.port) == 200


@pytest.mark.parametrize("at", ["headers", "body", "request", "answered", "reply"])
@pytest.mark.parametrize("how", [FIN, RESET, HANG])
def test_proxy_breaks_a_request_once(proxy, site, at, how):
    login = json.dumps({"role_id": site.role_id, "secret_id": site.secret_id})
    proxy.fault(at, how=how, after=10, method="POST", path="login")
    with pytest.raises((http.client.HTTPException, OSError)):
        _ask(proxy.port, "POST", "/v1/auth/approle/login", login, timeout=1 if how == HANG else 20)
    passed_on = at in ("answered", "reply")
    assert proxy.seen("POST", "login")[0].passed_on == passed_on
    process.wait_until(lambda: len(site.logins()) == passed_on, 5, "what was passed on has arrived")
    assert _ask(proxy.port, "POST", "/v1/auth/approle/login", login) == 200


def test_proxy_closes_idle_connections(proxy):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)) as c:
        c.request("GET", "/v1/sys/health")
        c.getresponse().read()
        assert proxy.close_idle() == 1
        assert c.sock.recv(1) == b""


def test_a_replys_data_is_taken_byte_for_byte():
    body = b'{"id":1,"ok":true, "data" : {"a":"}\\"{","n":1e-7,"deep":[[{}]]} ,"version":3}'
    assert client.member(body, "data") == b'{"a":"}\\"{","n":1e-7,"deep":[[{}]]}'
    assert client.member(body, "version") == b"3"
    assert client.member(body, "age_ms") is None


def test_a_configuration_has_one_setting_on_each_line():
    assert config_text.text({"a": {"b": "x\"y", "c": [1, "z"], "d": {"x-1": "\n"}, "e": True}, "f": {}, "g": {"h": []}}) == (
        'a:\n  b: "x\\"y"\n  c: [1, "z"]\n  d:\n    x-1: "\\n"\n  e: true\nf: {}\ng:\n  h: []\n')


def test_a_configuration_that_was_written_just_now_looks_older(tmp_path):
    """Else each test that changes one would wait for the daemon to trust it."""
    path = tmp_path / "x.yaml"
    for made in (config_text.write(path, {"a": {}}) or path, config_text.write_drop_in(path, "a.yaml", "b: {}\n")):
        assert 5 < time.time() - made.stat().st_mtime < 60
    assert 5 < time.time() - config_text.folder_of(path).stat().st_mtime < 60
    assert (path.read_text(), (tmp_path / "x.yaml.d" / "a.yaml").read_text()) == ("a: {}\n", "b: {}\n")


def test_stand_in_answers_in_turn(standin):
    standin.on("GET", "/v1/secret/data/a", reply(status=429, Retry_After="1"), reply({"data": {}}))
    assert [_ask(standin.port, path="/v1/secret/data/a") for _ in range(3)] == [429, 200, 200]
    assert standin.count("GET", "secret/data/a") == 3


def test_a_port_is_not_given_twice_and_not_to_outgoing_connections():
    ports = [process.free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert max(ports) < 32768  # the kernel's own begin there, unless it is told otherwise
    with socket.socket(socket.AF_UNIX) as other, pytest.raises(OSError, match="in use"):
        other.bind(f"\0secretstore-tests-port-{ports[0]}")
