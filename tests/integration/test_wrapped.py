"""A response-wrapped SecretID: checked before it is unwrapped, unwrapped once, and honest when it is used up."""

from harness import canary, process


def wrapped(site, **changes):
    return site.settings(approle={"secret_id_wrapped": True, **changes})


def unwraps(site):
    return site.audit.requests("sys/wrapping/unwrap")


def unwraps_of(site, token):
    requests = [e["request"] for e in unwraps(site)]
    return [r for r in requests if token in (r.get("client_token"), r.get("data", {}).get("token"))]


def test_wrapped_secret_id_logs_in(daemon, site):
    token = site.wrapped_secret_id()
    site.write_secret_id(token + "\n")
    daemon(wrapped(site))
    assert len(unwraps_of(site, token)) == 1
    assert len(site.logins()) == 1


def test_an_unchanged_file_is_never_unwrapped_twice(daemon, site):
    token = site.wrapped_secret_id()
    site.write_secret_id(token)
    d = daemon(wrapped(site))
    site.have_new_login(d)
    assert len(unwraps_of(site, token)) == 1


def test_a_new_wrapping_token_in_the_file_is_used(daemon, site):
    site.write_secret_id(site.wrapped_secret_id())
    d = daemon(wrapped(site))
    second = site.wrapped_secret_id()
    site.write_secret_id(second)
    site.have_new_login(d)
    assert len(unwraps_of(site, second)) == 1


def test_wrapped_secret_id_from_the_environment(daemon, site):
    d = daemon(wrapped(site, secret_id_file=None), env={"OPENBAO_APPROLE_SECRET_ID": site.wrapped_secret_id()})
    site.have_new_login(d)


def test_a_used_up_token_says_that_someone_else_may_have_used_it(daemon, site):
    token = site.wrapped_secret_id()
    canary.run.add(site.admin.post("sys/wrapping/unwrap", token=token)["data"]["secret_id"])
    site.write_secret_id(token)
    d = daemon(wrapped(site), wait="socket")
    d.wait_log("someone else|somebody else")
    assert d.ping()["state"] == "relogin_wait"
    assert site.logins() == []
    reason = d.status()["token"]["reason"]
    assert "else" in reason
    site.write_secret_id(site.wrapped_secret_id())
    d.wait_ready(5)


def test_a_used_up_token_is_not_asked_about_again_and_again(daemon, site):
    token = site.wrapped_secret_id()
    canary.run.add(site.admin.post("sys/wrapping/unwrap", token=token)["data"]["secret_id"])
    site.write_secret_id(token)
    d = daemon(wrapped(site), wait="socket")
    d.wait_log("someone else|somebody else")
    asked = len(site.audit.requests("sys/wrapping/lookup"))
    process.wait_until(lambda: d.status()["uptime_ms"] > 3000, 10, "three seconds of waiting")
    assert len(site.audit.requests("sys/wrapping/lookup")) - asked <= 4


def assert_refused_and_unused(daemon, site, token):
    site.write_secret_id(token)
    d = daemon(wrapped(site), wait="socket")
    d.wait_state("relogin_wait")
    assert d.get(site.mount, "a").code == "not_ready"
    assert unwraps(site) == []
    assert site.logins() == []
    return site.admin.post("sys/wrapping/unwrap", token=token)["data"]  # it is still good for its owner


def test_a_token_that_wraps_something_else_is_refused_and_not_used_up(daemon, site):
    value = canary.run.secret("secret-id")
    reply = site.admin.post("sys/wrapping/wrap", {"secret_id": value}, headers={"X-Vault-Wrap-TTL": "60s"})
    token = canary.run.add(reply["wrap_info"]["token"])
    assert assert_refused_and_unused(daemon, site, token) == {"secret_id": value}


def test_a_token_made_by_another_mount_is_refused_and_not_used_up(daemon, shared_server, site, new_site):
    other = new_site(shared_server, approle=process.unique("approle"))
    data = assert_refused_and_unused(daemon, site, other.wrapped_secret_id())
    canary.run.add(data["secret_id"])


def test_a_wrapping_token_where_none_is_expected_is_not_sent_as_a_token(daemon, site):
    token = site.wrapped_secret_id()
    site.write_secret_id(token)
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    assert unwraps(site) == []
    canary.run.add(site.admin.post("sys/wrapping/unwrap", token=token)["data"]["secret_id"])


def test_a_plain_secret_id_where_a_wrapping_token_is_expected_is_not_ready(daemon, site):
    d = daemon(wrapped(site), wait="socket")
    d.wait_state("relogin_wait")
    assert site.logins() == []


def test_wrapped_secret_id_in_a_namespace(daemon, shared_server, new_site):
    site = new_site(shared_server, namespace=process.unique("namespace"))
    site.write_secret_id(site.wrapped_secret_id())
    d = daemon(wrapped(site))
    assert d.put(site.mount, "a", {"x": 1}).ok
