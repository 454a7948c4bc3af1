"""Secrets live in few places, for a short time: after its use no copy of one is left in the daemon's memory."""

import re
import secrets

import pytest

from harness import canary, process

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(process.SANITIZED, reason="freed memory stays in quarantine under AddressSanitizer"),
]


def copies(daemon, *values):
    """Where in the process's memory each value stands, as (value, name of the mapping)."""
    found = []
    with open(f"/proc/{daemon.pid}/maps") as maps, open(f"/proc/{daemon.pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if not rights.startswith("r") or name in ("[vvar]", "[vsyscall]"):
                continue
            try:
                memory.seek(int(first, 16))
                data = memory.read(int(last, 16) - int(first, 16))
            except (OSError, OverflowError, ValueError):
                continue
            found += [(value, name) for value in values if value.encode() in data]
    return found


def test_the_search_finds_what_is_there(daemon, site):
    d = daemon(site.settings())
    assert copies(d, site.tokens()[0]), "the token that is held must be found, or the search is worthless"


@pytest.mark.parametrize("size", [60, 5000, 200000])
def test_a_secret_that_was_put_and_got_leaves_no_copy(daemon, site, size):
    value = canary.run.add(secrets.token_hex(size // 2))
    pieces = [value[n:n + 24] for n in range(0, size - 24, max(6, size // 50))]
    d = daemon(site.settings())
    for _ in range(3):
        assert d.put(site.mount, "a", {"password": value}).ok
        assert d.get(site.mount, "a").data == {"password": value}
        assert d.put(site.mount, "a", {"password": value}, cas=99).code == "cas_mismatch"
    d.wait_unconnected()
    assert copies(d, *pieces) == []


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


def test_a_secret_id_from_a_file_leaves_no_copy(daemon, site):
    d = daemon(site.settings())
    assert d.get(site.mount, "none").code == "not_found"
    assert copies(d, site.secret_id) == []


def test_the_token_of_a_service_account_leaves_no_copy(daemon, new_kubernetes_site):
    site = new_kubernetes_site()
    d = daemon(site.settings())
    assert d.get(site.mount, "none").code == "not_found"
    middle = len(site.token) // 2
    assert copies(d, site.token, site.token[:60], site.token[middle:middle + 60], site.token[-60:]) == []


def test_a_token_that_was_replaced_leaves_no_copy(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    site.revoke(site.tokens()[0])
    assert d.get(site.mount, "a").ok
    assert copies(d, site.tokens()[1])
    assert copies(d, site.tokens()[0]) == []


def test_a_used_wrapping_token_leaves_no_copy(daemon, site):
    token = site.wrapped_secret_id()
    site.write_secret_id(token)
    d = daemon(site.settings(approle={"secret_id_wrapped": True}))
    assert copies(d, token) == []
