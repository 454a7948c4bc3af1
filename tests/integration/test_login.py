"""The AppRole login: where its credentials come from, and what they pass on their way."""

import json
import os

import pytest

from harness import canary, process


def environ_of(daemon):
    with open(f"/proc/{daemon.pid}/environ", "rb") as f:
        return f.read().decode(errors="replace")


def test_a_nul_in_the_secret_ids_metadata_does_no_harm(daemon, site):
    reply = site.admin.post(f"auth/approle/role/{site.role}/secret-id", {"metadata": json.dumps({"n": "a\0b"})})
    site.write_secret_id(canary.run.add(reply["data"]["secret_id"]))
    d = daemon(site.settings())
    site.assert_served_by(d)
    assert len(site.logins()) == 1


def test_secret_id_from_a_file(daemon, site):
    d = daemon(site.settings())
    site.assert_served_by(d)
    assert len(site.logins()) == 1


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", " \n\n"])
def test_white_space_after_the_secret_id_is_no_part_of_it(daemon, site, ending):
    site.write_secret_id(site.secret_id + ending)
    daemon(site.settings())
    assert len(site.logins()) == 1


def test_role_id_from_a_file(daemon, site):
    file = site.directory / "role_id"
    file.write_text(site.role_id + "\n")
    d = daemon(site.settings(approle={"role_id": None, "role_id_file": str(file)}))
    site.assert_served_by(d)


def test_credentials_from_the_environment_are_wiped_from_it(daemon, site):
    env = {"OPENBAO_APPROLE_ROLE_ID": site.role_id, "OPENBAO_APPROLE_SECRET_ID": site.secret_id, "OTHER": "stays"}
    d = daemon(site.settings(approle={"role_id": None, "secret_id_file": None}), env=env)
    site.assert_served_by(d)
    environ = environ_of(d)
    assert "stays" in environ
    assert site.secret_id not in environ
    assert site.role_id not in environ


def test_credentials_in_the_environment_that_are_not_used_are_wiped_too(daemon, site):
    unused = canary.run.secret("secret-id")
    d = daemon(site.settings(), env={"OPENBAO_APPROLE_SECRET_ID": unused})
    site.assert_served_by(d)
    assert unused not in environ_of(d)


def test_secret_id_from_the_credentials_directory(daemon, site):
    (site.directory / "credentials").mkdir()
    (site.directory / "credentials" / "secret_id").write_text(site.secret_id)
    d = daemon(site.settings(approle={"secret_id_file": None}),
               env={"CREDENTIALS_DIRECTORY": str(site.directory / "credentials")})
    site.assert_served_by(d)


def test_address_from_the_environment(daemon, site):
    d = daemon(site.settings(openbao={"address": None}), env={"BAO_ADDR": f"http://{site.host}:{site.server.port}"})
    site.assert_served_by(d)


def test_a_configured_address_wins_over_the_environment(daemon, site):
    d = daemon(site.settings(), env={"BAO_ADDR": f"http://127.0.0.1:{process.free_port()}"})
    site.assert_served_by(d)


def test_a_second_address_serves_when_the_first_refuses(daemon, site):
    first = canary.run.add(f"{process.unique('bao')}.localhost", canary.ADDRESS)
    addresses = [f"http://{first}:{process.free_port()}", f"http://{site.host}:{site.server.port}"]
    d = daemon(site.settings(openbao={"address": addresses}))
    site.assert_served_by(d)


def test_mount_override(daemon, shared_server, new_site):
    site = new_site(shared_server, approle=process.unique("team/approle"))
    d = daemon(site.settings())
    site.assert_served_by(d)


def test_namespace(daemon, shared_server, new_site):
    site = new_site(shared_server, namespace=process.unique("namespace"))
    d = daemon(site.settings())
    site.assert_served_by(d)
    assert d.put(site.mount, "b", {"x": 1}).ok
    assert d.get(site.mount, "none").code == "not_found"
    (write,) = site.requests_with_own_tokens(f"{site.mount}/data/b")
    assert write["request"]["namespace"]["path"] == site.namespace + "/"


def test_health_is_asked_without_the_namespace(daemon, shared_server, new_site, new_proxy):
    site = new_site(shared_server, namespace=process.unique("namespace"))
    proxy = new_proxy(shared_server.port)
    proxy.refuse()
    d = daemon(site.settings(proxy.port), wait="socket")
    d.wait_log("does not answer")
    proxy.accept()
    d.wait_ready(10)
    assert proxy.seen("GET", "sys/health")
    assert all("x-vault-namespace" not in r.headers for r in proxy.seen("GET", "sys/health"))
    assert all(r.headers["x-vault-namespace"] == site.namespace for r in proxy.seen("POST", "login"))


def test_an_unknown_namespace_is_no_login(daemon, site):
    namespace = canary.run.add(process.unique("namespace"), canary.ADDRESS)
    d = daemon(site.settings(openbao={"namespace": namespace}), wait="socket")
    d.wait_state("relogin_wait")
    assert d.get(site.mount, "a").code == "not_ready"


def test_a_file_that_comes_later_logs_in_at_once(daemon, site):
    site.secret_id_file.unlink()
    d = daemon(site.settings(), wait="socket")
    d.wait_state("relogin_wait")
    assert d.get(site.mount, "a").code == "not_ready"
    assert site.logins() == []
    site.write_secret_id(site.secret_id)
    d.wait_ready(5)
    assert len(site.logins()) == 1


@pytest.mark.parametrize("what", ["fifo", "directory", "empty", "device", "huge"])
def test_a_file_that_is_no_usable_file_stops_nothing(daemon, site, what):
    file = site.secret_id_file
    file.unlink()
    if what == "fifo":
        os.mkfifo(file)
    elif what == "directory":
        file.mkdir()
    elif what == "empty":
        file.write_text("\n")
    elif what == "device":
        file.symlink_to("/dev/zero")
    else:
        file.write_text("x" * 1000000)
    d = daemon(site.settings(), wait="socket")
    d.wait_state("relogin_wait")
    assert d.get(site.mount, "a", timeout_ms=20000).code == "not_ready"
    assert site.logins() == []
    file.rmdir() if what == "directory" else file.unlink()
    site.write_secret_id(site.secret_id)
    d.wait_ready(5)


def test_the_file_may_be_a_symbolic_link_as_projected_volumes_use(daemon, site):
    real = site.directory / "..data"
    real.write_text(site.secret_id)
    site.secret_id_file.unlink()
    site.secret_id_file.symlink_to(real)
    daemon(site.settings())


def test_the_login_sends_nothing_but_the_credentials(daemon, site):
    daemon(site.settings())
    (login,) = site.logins()
    assert login["request"]["data"] == {"role_id": site.role_id, "secret_id": site.secret_id}
    assert "client_token" not in login["request"]


def test_role_bound_to_another_address_is_not_ready(daemon, shared_server, new_site):
    site = new_site(shared_server, role={"secret_id_bound_cidrs": "10.11.12.0/24"})
    d = daemon(site.settings(), wait="socket")
    process.wait_until(lambda: site.logins(), 10, "a login attempt")
    process.wait_until(lambda: d.ping()["state"] in ("rejected", "relogin_wait"), 10, "the login failed")
    assert d.get(site.mount, "a").code == "not_ready"


def test_two_daemons_share_a_role(daemon, site):
    one, two = daemon(site.settings()), daemon(site.settings())
    site.assert_served_by(one)
    site.assert_served_by(two)
    assert len(set(site.tokens())) == 2


def wait_logged_in(d, times):
    """Until the log, whose writer is another thread, has what came before the last of these logins."""
    process.wait_until(lambda: d.log.count("logged in: ") >= times, process.patience(10), f"{times} logins in the log")


def test_a_secret_id_that_every_user_may_read_is_warned_of_once_for_each_content(daemon, site):
    warning = f"warning: {site.secret_id_file}: every user of this host may read it"
    site.secret_id_file.chmod(0o644)
    d = daemon(site.settings())
    wait_logged_in(d, 1)
    assert d.log.count(warning) == 1
    site.have_new_login(d)
    wait_logged_in(d, 2)
    assert d.log.count(warning) == 1
    site.write_secret_id(site.new_secret_id())
    site.secret_id_file.chmod(0o604)
    d = daemon(site.settings())
    wait_logged_in(d, 1)
    assert d.log.count(warning) == 1
    site.secret_id_file.chmod(0o640)
    d = daemon(site.settings())
    wait_logged_in(d, 1)
    assert warning not in d.log
