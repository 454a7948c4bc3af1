"""Secrets live in few places, for a short time: after its use no copy of one is left in the daemon's memory."""

import secrets
import signal

import pytest

from harness import canary, memory, process
from harness.bao import DevServer

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(process.SANITIZED, reason="freed memory stays in quarantine under AddressSanitizer"),
]


def copies(daemon, *values):
    return memory.copies(daemon.pid, *values)


def test_the_search_finds_what_is_there(daemon, site):
    d = daemon(site.settings())
    assert copies(d, site.tokens()[0]), "the token that is held must be found, or the search is worthless"


@pytest.fixture(params=["http", "https"])
def settings(request, shared_server, new_site):
    """Of a site, over either scheme: (site, settings)."""
    if request.param == "http":
        site = new_site(shared_server)
        yield site, site.settings()
        return
    server = DevServer(tls=True)
    site = new_site(server)
    address = f"https://127.0.0.1:{server.port}"
    yield site, site.settings(openbao={"address": address, "ca_file": str(server.ca_file)})
    server.close()


def pieces_of(value):
    """So that what is left of a copy that was overwritten in part is found too."""
    return {value[n:n + 20] for n in range(0, len(value) - 19, max(20, len(value) // 50))}


@pytest.mark.parametrize("size", [20, 5000, 100000])
def test_a_secret_that_was_put_and_got_leaves_no_copy(daemon, settings, size):
    site, told = settings
    value = canary.run.add(secrets.token_hex(size // 2))
    d = daemon(told)
    with d.connect() as c:
        assert c.call("kv.put", mount=site.mount, path="a", data={"password": value}).ok
        assert c.call("kv.get", mount=site.mount, path="a").data == {"password": value}
        assert c.call("kv.put", mount=site.mount, path="a", data={"password": value}, cas=1).ok
        assert c.call("kv.put", mount=site.mount, path="a", data={"password": value}, cas=99).code == "cas_mismatch"
        assert c.call("kv.get", mount=site.mount, path="none").code == "not_found"
        assert c.call("ping").ok
        assert copies(d, *pieces_of(value)) == []  # while connections to both sides are still open
    d.wait_unconnected()
    assert copies(d, *pieces_of(value)) == []


def test_many_secrets_at_once_leave_no_copy(daemon, settings):
    site, told = settings
    values = [canary.run.add(secrets.token_hex(10 + 400 * n)) for n in range(16)]
    d = daemon(told)
    with d.connect() as c:
        puts = [c.send("kv.put", mount=site.mount, path=f"a{n}", data={"v": v}) for n, v in enumerate(values)]
        assert all(c.reply_to(i).ok for i in puts)
        gets = [c.send("kv.get", mount=site.mount, path=f"a{n}") for n in range(16)]
        assert [c.reply_to(i).data["v"] for i in gets] == values
        for n in range(2):
            c.call("kv.get", mount=site.mount, path="none")
        pieces = set().union(*map(pieces_of, values))
        assert copies(d, *pieces) == []


def assert_holds_one_token(daemon, site):
    token = site.tokens()[-1]
    assert len(copies(daemon, token)) == 1
    assert copies(daemon, *site.tokens()[:-1]) == []


def test_of_a_login_from_a_file_one_token_stays(daemon, settings):
    site, told = settings
    d = daemon(told)
    for _ in range(2):
        d.get(site.mount, "none")
    assert copies(d, site.secret_id) == []
    assert_holds_one_token(d, site)


def test_after_renewals_and_a_new_login_one_token_stays(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"token_ttl": "2s", "token_max_ttl": "1h"})
    d = daemon(site.settings())
    process.wait_until(lambda: len(site.renewals()) >= 2, process.patience(10), "two renewals")
    assert copies(d, site.secret_id) == []
    assert_holds_one_token(d, site)
    site.have_new_login(d)
    assert copies(d, site.secret_id) == []
    assert_holds_one_token(d, site)


def test_of_a_login_from_the_environment_one_secret_id_stays(daemon, site):
    env = {"OPENBAO_APPROLE_ROLE_ID": site.role_id, "OPENBAO_APPROLE_SECRET_ID": site.secret_id}
    d = daemon(site.settings(approle={"role_id": None, "secret_id_file": None}), env=env)
    site.have_new_login(d)
    d.get(site.mount, "none")
    with open(f"/proc/{d.pid}/environ", "rb") as f:
        environ = f.read()
    assert b"PATH=" in environ and site.secret_id.encode() not in environ and site.role_id.encode() not in environ
    assert [name for _, name in copies(d, site.secret_id)] == ["[heap]"]
    assert_holds_one_token(d, site)


def test_of_a_wrapped_secret_id_one_copy_stays(daemon, site):
    token = site.wrapped_secret_id()
    site.write_secret_id(token)
    d = daemon(site.settings(approle={"secret_id_wrapped": True}))
    site.have_new_login(d)
    d.get(site.mount, "none")
    unwrapped = site.audit.responses("sys/wrapping/unwrap", where=lambda e: e["request"].get("client_token") == token)
    secret_id = canary.run.add(unwrapped[-1]["response"]["data"]["secret_id"])
    assert copies(d, token) == []
    assert len(copies(d, secret_id)) == 1
    assert_holds_one_token(d, site)


@pytest.mark.parametrize("size", [60, 5000])
def test_a_secret_in_the_cache_leaves_no_copy_when_it_goes(daemon, site, size):
    value = canary.run.add(secrets.token_hex(size // 2))
    pieces = [value[n:n + 24] for n in range(0, size - 24, max(6, size // 50))]
    site.put("a", {"password": value})
    d = daemon(site.settings(cache={"max_age": "1h"}))
    for _ in range(3):
        assert d.get(site.mount, "a").data == {"password": value}
    d.wait_unconnected()
    assert {piece for piece, _ in copies(d, *pieces)} == set(pieces), "it is kept"
    assert len(copies(d, *pieces)) == len(pieces), "once"
    site.admin.delete(f"{site.mount}/data/a")
    assert d.get(site.mount, "a", max_age_ms=0).code == "not_found"
    d.wait_unconnected()
    assert copies(d, *pieces) == []


def test_a_secret_in_a_refused_request_leaves_no_copy(daemon, site):
    value = canary.run.secret()
    d = daemon(site.settings(allow={"tests": {"paths": "none/*"}}))
    assert d.put(site.mount, "a", {"password": value}).code == "forbidden"
    with d.connect() as c:
        c.send_body(f'{{"id":1,"op":"kv.put","mount":"m","path":"p","data":{{"v":"{value}"}},"Cas":1}}')
        assert c.recv().code == "invalid_request"
        c.send_bytes(b"\0\0\1\0" + f'{{"half":"{value}'.encode())  # the rest never comes
    d.wait_unconnected()
    assert copies(d, value) == []


def test_the_token_of_a_service_account_leaves_no_copy(daemon, new_kubernetes_site):
    site = new_kubernetes_site()
    d = daemon(site.settings())
    assert d.get(site.mount, "none").code == "not_found"
    middle = len(site.token) // 2
    assert copies(d, site.token, site.token[:60], site.token[middle:middle + 60], site.token[-60:]) == []
    assert_holds_one_token(d, site)


@pytest.mark.parametrize("place", ["role_id", "role_id_file"])
def test_what_reloads_leave_of_credentials(daemon, site, place, tmp_path, record_property):
    """The file's reader, libyaml, does not wipe its memory: a role_id in the file stays there, one in a file of its own not."""
    secret_id = site.secret_id_file.read_text().strip()
    settings = site.settings()
    if place == "role_id_file":
        (tmp_path / "role_id").write_text(site.role_id)
        settings["approle"] = {"role_id_file": str(tmp_path / "role_id"), "secret_id_file": str(site.secret_id_file)}
    d = daemon(settings)
    for level in ("debug", "info", "debug", "info"):
        d.configure({**settings, "log": {"level": level}})
        before = d.log.count("reloaded")
        d.signal(signal.SIGHUP)
        process.wait_until(lambda: d.log.count("reloaded") > before, process.patience(10), "a reload")
    assert copies(d, secret_id) == []
    found = [name for _, name in copies(d, site.role_id)]
    record_property("role_id", found)
    print(f"{place}: the RoleID stands {len(found)} times in memory, in {sorted(set(found))}")
    if place == "role_id_file":
        assert found == []
    else:
        assert 1 <= len(found) <= 20, "one that is in use, and what libyaml left"
