"""The login with a token as it is: in builds for developers, and nowhere else."""

import os
import re
import subprocess

import pytest

from harness import canary, config_text, process
from harness.daemon import EX_CONFIG, run

BUILD = process.ROOT / "build" / "dev-token" / ("asan" if process.SANITIZED else "")
PROGRAM = BUILD / "secretstored"
TRACE = re.compile(rb"dev[^a-z0-9]?token", re.I)
WARNING = r"warning: .*dev_token.*not for production"


@pytest.fixture(autouse=True)
def built():
    assert PROGRAM.exists(), f"not built: {PROGRAM} (make DEV_TOKEN=1{' SANITIZE=1' if process.SANITIZED else ''})"


def output(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, check=True).stdout


def traces(file):
    """Lines of the file's symbols and strings that tell of this login."""
    dynamic = output("nm", "-a", "-D", file) if file.suffix == ".so" else b""
    lines = output("nm", "-a", file) + dynamic + output("strings", "-a", file)
    return [line for line in lines.splitlines() if TRACE.search(line)]


@pytest.mark.parametrize("name", ["secretstored", "secretstorectl", "libsecretstore.so"])
def test_a_production_build_has_no_symbol_and_no_string_of_it(name):
    assert traces(process.binary(name)) == []


def test_a_production_build_has_no_object_file_of_it():
    def objects(build):
        return [f.name for f in (build / "obj" / "daemon").rglob("*.o") if TRACE.search(f.name.encode())]
    assert objects(BUILD) == ["auth_devtoken.o"]
    assert objects(process.BUILD) == []


def test_a_build_for_developers_has_what_the_others_are_searched_for():
    found = b"\n".join(traces(PROGRAM))
    assert b"auth_devtoken_new" in found
    assert b"dev_token" in found


def token_settings(site, token_file, **changes):
    return site.settings(**config_text.merged({
        "openbao": {"auth": "dev_token"}, "approle": None, "dev_token": {"token_file": str(token_file)}}, changes))


@pytest.fixture
def token_file(site):
    return site.directory / "token"


def new_token(site, token_file, **settings):
    """Makes a token and puts it into the file."""
    made = site.admin.post("auth/token/create", {"policies": [site.role], "ttl": "1h", **settings})
    token = made["auth"]["client_token"]
    new = token_file.with_suffix(".new")
    new.write_text(canary.run.add(token) + "\n")
    new.rename(token_file)
    return token


@pytest.fixture
def dev_daemon(daemon, site, token_file):
    def make(**kw):
        return daemon(token_settings(site, token_file), program=PROGRAM, **kw)
    return make


def requests_with(site, tokens, path):
    return site.audit.requests(path, where=lambda e: e["request"].get("client_token") in tokens)


def test_a_production_build_knows_neither_mode_nor_settings(site, token_file):
    settings = token_settings(site, token_file)
    done = run(config_text.merged(settings, {"dev_token": None}), "--check-config")
    assert done.returncode == EX_CONFIG
    assert '"dev_token" is not a login method; known: approle, kubernetes' in done.log
    done = run(config_text.merged(settings, {"openbao": {"auth": None}}), "--check-config")
    assert done.returncode == EX_CONFIG
    assert "dev_token: there is no such setting" in done.log


def test_it_serves_and_warns_at_every_start(dev_daemon, site, token_file):
    token = new_token(site, token_file)
    for _ in range(2):
        d = dev_daemon()
        site.assert_served_by(d)
        assert len(re.findall(WARNING, d.log)) == 1
        assert 3500000 < d.status()["token"]["lease_left_ms"] <= 3600000
        d.stop()
    assert len(requests_with(site, [token], f"{site.mount}/data/app/db")) == 2


def test_a_build_for_developers_warns_with_any_login(site):
    done = run(site.settings(), "--check-config", program=PROGRAM)
    assert done.returncode == 0
    assert re.search(WARNING, done.log)
    done = run(site.settings(), "--check-config")
    assert done.returncode == 0
    assert "not for production" not in done.log


def test_missing_token_file_is_tagged(site):
    done = run(site.settings(openbao={"auth": "dev_token"}), "--check-config", program=PROGRAM)
    assert done.returncode == EX_CONFIG
    assert "dev_token.token_file" in done.log
    assert "(REQ-004, PX-0003)" in done.log


def test_the_token_is_never_revoked(dev_daemon, site, token_file):
    first = new_token(site, token_file)
    d = dev_daemon()
    second = new_token(site, token_file)
    site.revoke(first)
    site.assert_served_by(d)
    d.stop()
    assert site.token_lives(second)
    assert requests_with(site, [first, second], "auth/token/revoke-self") == []


def test_a_token_that_cannot_be_renewed_is_looked_up_again_and_not_revoked(dev_daemon, site, token_file):
    token = new_token(site, token_file, ttl="9s", renewable=False)
    d = dev_daemon()
    process.wait_until(lambda: len(requests_with(site, [token], "auth/token/lookup-self")) == 2, 10, "another login")
    assert site.token_lives(token)
    site.assert_served_by(d)


def test_the_token_is_renewed(dev_daemon, site, token_file):
    token = new_token(site, token_file, ttl="6s", period="6s")
    dev_daemon()
    process.wait_until(lambda: requests_with(site, [token], "auth/token/renew-self"), 10, "a renewal")


def test_a_token_that_may_not_look_itself_up_serves_without_an_end(dev_daemon, site, token_file):
    new_token(site, token_file, no_default_policy=True)
    d = dev_daemon()
    site.assert_served_by(d)
    assert d.status()["token"]["lease_left_ms"] is None


@pytest.mark.parametrize("content", [None, "s.x y", "s.unknown-token"])
def test_a_token_that_cannot_be_used_is_waited_for(dev_daemon, site, token_file, content):
    if content:
        token_file.write_text(content)
    d = dev_daemon(wait="socket")
    d.wait_state("relogin_wait")
    assert d.get(site.mount, "a").code == "not_ready"
    assert d.status()["token"]["reason"]
    new_token(site, token_file)
    d.wait_ready(5)
    site.assert_served_by(d)


def make(*args, **env):
    without = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}
    return subprocess.run(["make", "-n", *args], cwd=process.ROOT, env={**without, **env}, capture_output=True,
                          text=True)


def test_a_build_for_developers_is_not_installed(scratch):
    done = make("DEV_TOKEN=1", "install", f"DESTDIR={scratch}")
    assert done.returncode != 0
    assert "not to be installed" in done.stderr


@pytest.mark.parametrize("value, build", [
    ("", "build"), ("0", "build"), ("yes", "build"), ("s.a-developers-token", "build"), ("1", "build/dev-token"),
])
def test_a_token_in_the_environment_makes_no_build_for_developers(value, build):
    assert make("clean", DEV_TOKEN=value).stdout == f"rm -rf build {build}\n"
