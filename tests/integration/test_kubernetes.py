"""The Kubernetes login, at OpenBao's own kubernetes method with a stand-in for Kubernetes: what is sent, tokens
that are replaced, and what a refused one leads to."""

import pytest

from harness import canary, config_text, process
from harness.daemon import EX_CONFIG, run


@pytest.fixture
def site(new_kubernetes_site):
    return new_kubernetes_site()


def assert_not_ready(daemon, site, state="relogin_wait"):
    daemon.wait_state(state)
    assert daemon.get(site.mount, "a").code == "not_ready"
    return daemon.status()["token"]["reason"]


def test_kubernetes_login_and_get(daemon, site):
    d = daemon(site.settings())
    site.assert_served_by(d)
    (login,) = site.logins()
    assert login["request"]["data"] == {"role": site.role, "jwt": site.token}
    assert "client_token" not in login["request"]


def test_the_token_is_renewed_like_any_other_and_revoked_at_the_end(daemon, new_kubernetes_site):
    site = new_kubernetes_site(role={"token_ttl": "6s"})
    d = daemon(site.settings())
    process.wait_until(site.renewals, 15, "a renewal")
    (token,) = site.tokens()
    d.stop()
    assert not site.token_lives(token)


def test_the_mount_can_be_another(daemon, new_kubernetes_site):
    site = new_kubernetes_site(method=process.unique("team/k8s"))
    d = daemon(site.settings())
    site.assert_served_by(d)


def test_kubernetes_login_in_a_namespace(daemon, new_kubernetes_site):
    site = new_kubernetes_site(namespace=process.unique("namespace"))
    d = daemon(site.settings())
    site.assert_served_by(d)


def test_a_projected_token_that_is_replaced_is_used_at_the_next_login(daemon, site):
    d = daemon(site.settings())
    second = site.new_token()
    site.assert_served_by(d)
    assert site.sent_tokens() == [site.token]  # the login that lives needs no new one
    site.have_new_login(d)
    assert site.sent_tokens() == [site.token, second]


def test_the_token_file_may_be_a_symbolic_link_as_projected_volumes_use(daemon, site):
    volume = site.directory / "..2026_11_23"
    volume.mkdir()
    (volume / "token").write_text(site.token)
    (site.directory / "..data").symlink_to(volume.name)
    site.token_file.unlink()
    site.token_file.symlink_to("..data/token")
    site.assert_served_by(daemon(site.settings()))


def test_a_missing_token_file_is_waited_for(daemon, site):
    site.token_file.unlink()
    d = daemon(site.settings(), wait="socket")
    assert str(site.token_file) in assert_not_ready(d, site)
    assert site.logins() == []
    site.new_token()
    d.wait_ready(5)
    assert len(site.logins()) == 1


def test_the_default_token_file_is_that_of_kubernetes(daemon, site):
    d = daemon(site.settings(kubernetes={"token_file": None}), wait="socket")
    assert "/var/run/secrets/kubernetes.io/serviceaccount/token" in assert_not_ready(d, site)


def test_a_wrong_role_is_told_and_tried_again(daemon, site):
    role = process.unique("role")
    d = daemon(site.settings(kubernetes={"role": role}), wait="socket")
    assert "role" in assert_not_ready(d, site)
    d.wait_log("login failed: .*role.* next try in")
    site.make_role({"token_policies": [site.role]}, name=role)
    d.wait_ready(15)
    site.assert_served_by(d)


def test_a_service_account_that_the_role_is_not_for_is_told(daemon, site):
    site.new_token(account=process.unique("account"))
    d = daemon(site.settings(), wait="socket")
    assert "the role is not for this service account" in assert_not_ready(d, site)
    site.new_token()
    d.wait_ready(5)


def test_an_expired_token_is_told(daemon, site):
    site.new_token(lifetime=-600)
    d = daemon(site.settings(), wait="socket")
    assert "expired" in assert_not_ready(d, site)
    site.new_token()
    d.wait_ready(5)


def test_a_token_that_is_not_accepted_is_tried_again_with_back_off_and_another_at_once(daemon, site):
    site.cluster.accepts = False
    d = daemon(site.settings(), wait="socket")
    assert "does not accept" in assert_not_ready(d, site)
    # Not taken for a lockout, which would be waited out for many minutes.
    process.wait_until(lambda: d.status()["token"].get("next_login_ms", 0) > 4000, 60, "a long wait for the next")
    assert d.token_state() == "relogin_wait"
    tried = len(site.logins())
    assert tried >= 2
    site.cluster.accepts = True
    site.new_token()
    d.wait_ready(3)
    assert "the credentials have changed" in d.log
    assert len(site.logins()) == tried + 1


def test_kubernetes_that_cannot_be_asked_for_a_while_leads_to_a_login_by_itself(daemon, site):
    site.cluster.accepts = False
    d = daemon(site.settings(), wait="socket")
    assert_not_ready(d, site)
    site.cluster.accepts = True
    d.wait_ready(20)
    site.assert_served_by(d)


def test_the_jwt_stands_in_nothing_that_is_said(daemon, site):
    """The leak hunt at the end of the run looks for it everywhere; here in what this daemon said, good and bad."""
    site.cluster.accepts = False
    d = daemon(site.settings(), wait="socket")
    assert_not_ready(d, site)
    d.wait_log("login failed")
    site.cluster.accepts = True
    second = site.new_token()
    d.wait_ready(5)
    site.have_new_login(d)
    said = d.log + repr(d.status())
    for token in (site.token, second):
        assert canary.run.knows(token)
        assert not [part for part in (token, *token.split(".")) if part in said]


@pytest.mark.parametrize("kubernetes", [None, {"role": ""}, {"mount": "k8s"}])
def test_missing_role_is_tagged(kubernetes):
    settings = {"openbao": {"address": "http://127.0.0.1:8200", "auth": "kubernetes"}, "kubernetes": kubernetes}
    done = run(config_text.merged({}, settings), "--check-config")
    assert done.returncode == EX_CONFIG
    assert "kubernetes.role" in done.log
    assert "(REQ-004, PX-0003)" in done.log


def test_settings_of_approle_may_stay_while_kubernetes_is_selected(daemon, site):
    d = daemon(site.settings(approle={"role_id": "unused", "secret_id_file": "/nonexistent/secret_id"}))
    site.assert_served_by(d)
