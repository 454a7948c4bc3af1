"""An OpenBao that is well, whose operators have sealed or locked the namespace that the daemon uses."""

import re
import time

import pytest

from harness import process

CLOSED = {"sealed": ("seal_namespace", "unseal_namespace"), "locked": ("lock_namespace", "unlock_namespace")}


@pytest.fixture(params=CLOSED)
def closed(request, daemon, shared_server, new_site):
    """The daemon, its site, the word for the state, and a function that opens the namespace again."""
    word = request.param
    close, open_again = CLOSED[word]
    site = new_site(shared_server, namespace=process.unique("namespace"), own_seal=True)
    site.put("a", {"x": 1})
    d = daemon(site.settings())
    assert d.get(site.mount, "a").ok
    getattr(site, close)()
    yield d, site, word, getattr(site, open_again)


def test_a_put_is_known_not_to_be_done_and_a_get_is_told_at_once(closed):
    d, site, word, open_again = closed
    began = time.monotonic()
    put = d.put(site.mount, "a", {"x": 2}, timeout_ms=10000)
    assert put.code == "sealed" and f"namespace is {word}" in put.error["message"], put
    get = d.get(site.mount, "a", timeout_ms=10000)
    assert get.code == "sealed" and f"namespace is {word}" in get.error["message"], get
    assert time.monotonic() - began < 3
    open_again()
    process.wait_until(lambda: d.get(site.mount, "a").ok, 10, "the namespace is served again")
    assert d.get(site.mount, "a")["version"] == 1


def test_log_and_status_tell_it_once_and_its_end(closed):
    d, site, word, open_again = closed
    for _ in range(5):
        assert d.get(site.mount, "a").code == "sealed"
    assert d.status()["upstream"]["namespace"] == word
    assert d.log.count(f"warning: the namespace is {word} in OpenBao") == 1
    open_again()
    process.wait_until(lambda: d.get(site.mount, "a").ok, 10, "the namespace is served again")
    assert "namespace" not in d.status()["upstream"]
    d.wait_log("info: the namespace is open again in OpenBao")
    assert d.log.count("info: the namespace is open again in OpenBao") == 1


def test_logins_wait_longer_and_longer_until_it_is_open(daemon, shared_server, new_site):
    site = new_site(shared_server, namespace=process.unique("namespace"), own_seal=True)
    site.seal_namespace()
    d = daemon(site.settings(), wait="socket")
    said = "login failed: the namespace is sealed in OpenBao; next try in "
    d.wait_log(said)
    began = time.monotonic()

    def pauses():
        return [float(seconds) for seconds in re.findall(re.escape(said) + r"([\d.]+) s", d.log)]

    # Each pause is a random one between 1 s and a bound that doubles from 2 s on.
    process.wait_until(lambda: max(pauses()) > 2.1, 60, "a pause that is longer than the first can be")
    took, told = time.monotonic() - began, pauses()
    assert all(0.9 <= pause <= 2 ** (n + 1) + 0.1 for n, pause in enumerate(told)), told
    assert took >= sum(told[:-1]) - 0.5, (took, told)
    assert d.log.count("login failed") == len(told)
    site.unseal_namespace()
    d.wait_ready(40)
