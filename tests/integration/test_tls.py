"""TLS towards OpenBao: verified unless told otherwise, and loudly so."""

import pytest

from harness.bao import DevServer
from harness.site import Site


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
