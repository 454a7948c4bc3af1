"""LoadCredential=NAME:SOCKET, asked by a real systemd: a service that knows nothing of the daemon gets its secret, or fails
for all to see."""

import re

import pytest

from harness import canary, config_text, process
from service import CREDENTIALS_UNIT, UNIT

SOCKET = "/run/secretstored/credentials.sock"
APP = "app.service"
OUT = "/run/app.out"  # not the journal, where no secret belongs
FAILED = {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "243"}

CONSUMER = f"""
[Unit]
StartLimitIntervalSec=0
[Service]
Type=exec
DynamicUser=yes
LoadCredential=db-password:{SOCKET}
StandardOutput=truncate:{OUT}
ExecStart=/bin/sh -c 'cat "$$CREDENTIALS_DIRECTORY/db-password"; echo; id -u; exec sleep 1000'
"""


@pytest.fixture
def password(site):
    value = canary.run.secret()
    site.put("app/db", {"password": value, "user": "app"})
    return value


@pytest.fixture
def serve(service, site):
    """The daemon, with that socket, and a consumer."""

    def make(own_socket=True, consumer=CONSUMER, started=True, **rule):
        listen = {"credentials_socket": SOCKET} if own_socket else {}
        rule = {"unit": APP, "id": "db-*", "mount": site.mount, "path": "app/db", "field": "password", **rule}
        service.configure(site, listen=listen, credential={"app": rule}, openbao={"request_timeout": "3s"})
        service.add_unit(APP, consumer)
        if started:
            service.start()
        return service
    return make


def start(service, check=True):
    return service.lab.systemctl("start", APP, check=check).returncode


def came(service):
    """The two lines of the consumer."""
    path = service.lab.path(OUT)
    return process.wait_until(lambda: path.exists() and path.read_text().count("\n") == 2 and path.read_text().split("\n")[:2],
                              process.patience(10), "the service has said what it got")


def assert_fails(service):
    service.lab.path(OUT).unlink(missing_ok=True)
    assert start(service, check=False) != 0
    assert service.lab.show(APP, *FAILED) == FAILED
    assert not service.lab.path(OUT).exists() or service.lab.path(OUT).read_text() == "", "it did not run"


def test_a_service_with_a_dynamic_user_gets_its_secret(serve, password):
    service = serve()
    start(service)
    came_as = came(service)
    assert came_as[0] == password
    assert 61184 <= int(came_as[1]) <= 65519  # a dynamic user; its name is known only where libnss-systemd is


def test_through_the_socket_unit(serve, password):
    service = serve(own_socket=False, started=False)
    service.lab.systemctl("start", CREDENTIALS_UNIT)
    assert service.lab.run("stat", "-c", "%U %a", SOCKET).out.split() == ["root", "600"]
    assert service.lab.show(UNIT, "ActiveState") == "inactive"
    start(service)
    assert came(service)[0] == password
    assert service.lab.show(UNIT, "ActiveState") == "active"
    assert service.lab.run("stat", "-c", "%U %a", SOCKET).out.split() == ["root", "600"], "it is not given away"
    service.lab.systemctl("restart", UNIT)
    service.lab.systemctl("restart", APP)
    assert came(service)[0] == password


def test_another_unit_and_another_id_are_refused(serve, password):
    service = serve(consumer=CONSUMER.replace("db-password", "other"))
    cursor = service.cursor()
    assert_fails(service)
    service.wait_log("credential other for app.service: refused: no rule in credential is for it", cursor)
    service.add_unit("stranger.service", CONSUMER)
    assert service.lab.systemctl("start", "stranger.service", check=False).returncode != 0
    assert service.lab.show("stranger.service", *FAILED) == FAILED


ASK = f"""
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(b"\\0" + sys.argv[1].encode())
s.connect("{SOCKET}")
n = 0
while piece := s.recv(65536):
    n += len(piece)
print(n)
"""
THIEF = f"""
[Service]
Type=oneshot
StandardOutput=truncate:{OUT}
ExecStart=/usr/bin/python3 /run/ask.py abcdef/unit/app.service/db-password
"""
REFUSAL = f"{(1 << 20) + 1}\n"
SANDBOXED = "CapabilityBoundingSet=\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectProc=invisible\n"


@pytest.mark.parametrize("sandbox", ["", SANDBOXED])
def test_a_unit_gets_no_credential_of_another(serve, password, sandbox):
    """Root can bind the name that systemd binds, with capabilities and without."""
    service = serve(own_socket=False, started=False)
    service.lab.systemctl("start", CREDENTIALS_UNIT)
    start(service)
    assert came(service)[0] == password
    service.lab.write("/run/ask.py", ASK)
    service.add_unit("thief.service", THIEF + sandbox)
    service.lab.path(OUT).unlink()
    service.lab.systemctl("start", "thief.service")
    assert service.lab.path(OUT).read_text() == REFUSAL
    for said in (r"credential db-password for app\.service: refused: pid \d+ of thief\.service asked for it",
                 r"uid 0 \(thief\.service\): credential db-password for app\.service: forbidden"):
        process.wait_until(lambda said=said: re.search(said, service.log), process.patience(15), f"the journal has {said!r}")


@pytest.mark.parametrize("how", [
    "ExecStartPre=/bin/sh -c 'test -s \"$$CREDENTIALS_DIRECTORY/db-password\"'\n",
    "Delegate=yes\n",
    "Slice=web-tier.slice\n",
])
def test_the_right_unit_gets_its_own_however_it_is_started(serve, password, how):
    service = serve(consumer=CONSUMER + how)
    start(service)
    assert came(service)[0] == password


@pytest.mark.parametrize("written", [r"foo\x2dbar.service", r"'foo\x2dbar.service'", r'"foo\\x2dbar.service"'])
def test_a_backslash_in_a_units_name_is_one(service, site, password, written):
    """systemd writes a - of a path as \\x2d: foo\\x2dbar.service and foo-bar.service are two units."""
    text = config_text.text(service.settings(site, listen={"credentials_socket": SOCKET}))
    rule = f"unit: {written}, id: db-password, mount: {site.mount}, path: app/db, field: password"
    service.configure(site)
    service.write_config(text + f"credential:\n  app: {{ {rule} }}\n")
    service.start()
    for unit, gets in ((r"foo\x2dbar.service", True), ("foo-bar.service", False)):
        service.add_unit(unit, CONSUMER)
        assert (service.lab.systemctl("start", unit, check=False).returncode == 0) == gets
        assert service.lab.show(unit, "ActiveState") == ("active" if gets else "failed")
        assert not gets or came(service)[0] == password


def test_an_escape_that_makes_another_unit_is_refused(service, site):
    text = config_text.text(service.settings(site))
    service.configure(site)
    service.write_config(text + 'credential:\n  app: { unit: "foo\\x2dbar.service", id: x, mount: a, path: b }\n')
    assert service.lab.systemctl("start", UNIT, check=False).returncode != 0
    assert "credential.app.unit: holds the escape \\x: write the character itself" in service.log


def test_a_secret_that_cannot_be_had_fails_the_unit(serve, password):
    service = serve(field="missing")
    cursor = service.cursor()
    assert_fails(service)
    service.wait_log("credential db-password for app.service: refused (rule app): the secret has no such field", cursor)


def test_a_daemon_that_is_not_there_fails_the_unit(serve, password):
    assert_fails(serve(started=False))


def test_an_empty_secret_is_an_empty_credential(serve, site):
    site.put("app/db", {"password": ""})
    service = serve()
    start(service)
    assert came(service)[0] == ""


def test_the_largest_secrets(serve, site):
    """A little below 1 MiB, of which the credential's name takes its part."""
    site.put("app/db", {"password": "x" * 1_000_000})
    service = serve()
    start(service)
    assert came(service)[0] == "x" * 1_000_000


def test_a_secret_that_systemd_has_no_room_for(serve, site):
    """With the name it is more than 1 MiB, which only systemd knows."""
    site.put("app/db", {"password": "x" * ((1 << 20) - 5)})
    assert_fails(serve())


def down(service, new_server, new_site):
    """An OpenBao that hangs, and a daemon that waits long for it."""
    server = new_server()
    site = new_site(server)
    rule = {"unit": APP, "id": "db-password", "mount": site.mount, "path": "app/db", "field": "password"}
    service.configure(site, listen={"credentials_socket": SOCKET}, credential={"app": rule}, openbao={"request_timeout": "60s"})
    service.start()
    server.freeze()


def asking(service):
    """Is somebody connected to the socket?"""
    lines = service.lab.run("cat", "/proc/net/unix").out.splitlines()
    return [line for line in lines if line.endswith(SOCKET) and line.split()[3] != "00010000"]


def test_a_daemon_that_crashes_leaves_no_empty_credential(service, new_server, new_site):
    down(service, new_server, new_site)
    service.add_unit(APP, CONSUMER)
    service.lab.systemctl("start", "--no-block", APP)
    process.wait_until(lambda: asking(service), process.patience(10), "systemd asks")
    service.lab.systemctl("kill", "--kill-whom=main", "-s", "SEGV", UNIT)
    service.lab.wait_show(APP, "ActiveState", "failed")
    assert service.lab.show(APP, *FAILED) == FAILED


def test_while_openbao_is_down_a_unit_waits_then_fails_and_comes_up_with_it(service, new_server, new_site):
    server = new_server()
    site = new_site(server)
    secret = canary.run.secret()
    site.put("app/db", {"password": secret})
    rule = {"unit": APP, "id": "db-password", "mount": site.mount, "path": "app/db", "field": "password"}
    service.configure(site, listen={"credentials_socket": SOCKET}, credential={"app": rule}, openbao={"request_timeout": "3s"})
    service.add_unit(APP, CONSUMER + "Restart=on-failure\nRestartSec=200ms\n")
    service.start()
    server.freeze()
    cursor = service.cursor()
    assert start(service, check=False) != 0
    service.wait_log("credential db-password for app.service: refused", cursor)
    service.lab.wait_show(APP, "NRestarts", lambda n: int(n) > 1, timeout=30)
    assert service.lab.show(APP, "ActiveState") != "active"
    server.thaw()
    service.lab.wait_show(APP, "ActiveState", "active", timeout=30)
    assert came(service)[0] == secret
