"""The sandbox of secretstored.service: tight, and yet all that the daemon does passes in it."""

import json
import re
from pathlib import Path

import pytest

from harness import process
from harness.bao import RaftServer
from harness.certificates import Authority
from harness.site import Site
from service import AS_CALLER, GATE, UNIT

POLICY = """
path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}
path "sys/storage/raft/snapshot" {{ capabilities = ["read"] }}
"""
MOST_EXPOSED = 1.6
# What would blind it to its callers, or take OpenBao away; each has its reason in the unit.
LEFT_OUT = {"PrivateUsers": "no", "ProtectProc": "default", "ProcSubset": "all", "PrivateNetwork": "no"}


@pytest.fixture(scope="module")
def raft_with_tls():
    authority = Authority()
    server = RaftServer(certificate=authority.issue("DNS:localhost", "IP:127.0.0.1"), ca_file=authority.file)
    server.ca_file = Path(authority.file)
    yield server
    server.close()
    authority.close()


@pytest.fixture
def strict(service):
    """A system call that the filter does not let through ends the daemon, so that none goes unnoticed."""
    service.drop_in("strict", "[Service]\nSystemCallErrorNumber=kill\nRestart=no")
    return service


def exposure(lab, unit):
    said = lab.run("systemd-analyze", "security", "--no-pager", unit, check=False).out
    return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", said).group(1))


def test_exposure_is_at_most_what_is_promised(service):
    assert exposure(service.lab, UNIT) <= MOST_EXPOSED
    assert exposure(service.lab, GATE) <= MOST_EXPOSED


def test_what_is_left_out_of_it_is_left_out_for_a_reason(service):
    assert service.lab.show(UNIT, *LEFT_OUT) == LEFT_OUT
    text = service.lab.path("/usr/local/lib/systemd/system/secretstored.service").read_text()
    for name in LEFT_OUT:
        assert re.search(rf"^#   (\S+=, )*{name}=", text, re.M), f"no reason given for {name}="


def test_units_are_without_mistakes(service):
    units = [f"/usr/local/lib/systemd/system/{n}" for n in (UNIT, "secretstored.socket", GATE)]
    done = service.lab.run("systemd-analyze", "verify", "--man=no", *units, check=False)
    assert (done.returncode, done.out, done.err) == (0, "", "")


def check_all(service, site):
    """Each thing that a daemon does."""
    ctl, secret = service.ctl, process.unique("app")
    ctl("put", "-m", site.mount, secret, "-", stdin=json.dumps({"password": "x"}))
    assert service.get(site.mount, secret) == {"password": "x"}
    ctl("put", "--cas", "1", "-m", site.mount, secret, "-", stdin=json.dumps({"password": "y"}))
    assert ctl("put", "--cas", "1", "-m", site.mount, secret, "-", stdin="{}", check=False).returncode == 15
    ctl("probe")
    assert ctl("ping", "--ready").returncode == 0
    assert ctl("status", user="daemon", properties=AS_CALLER, check=False).returncode == 13
    ctl("snapshot", "save", "/tmp/openbao.snap")
    ctl("snapshot", "check", "/tmp/openbao.snap")
    service.lab.run("rm", "-f", "/tmp/openbao.snap")


ALL = {"root": {"uid": 0, "ops": ["write", "snapshot.save"], "paths": "*"}}


def test_all_that_the_daemon_does_passes_in_it(strict, raft_with_tls):
    site = Site(raft_with_tls, policy=POLICY, role={"token_ttl": "6s"})
    strict.configure(site, allow=ALL)
    strict.start()
    pid = strict.pid
    check_all(strict, site)
    process.wait_until(site.renewals, process.patience(20), "the token is renewed")
    strict.write_config(strict.settings(site, allow=ALL, openbao={"connect_timeout": "2s"}, limits={"connections": 99}))
    strict.lab.systemctl("reload", UNIT)
    process.wait_until(lambda: len(site.logins()) == 2, process.patience(10), "the new configuration's login")
    check_all(strict, site)
    assert strict.pid == pid
    strict.lab.systemctl("stop", UNIT)
    assert strict.lab.show(UNIT, "Result") == "success"
    site.close()


def test_all_that_the_daemon_does_passes_with_the_socket_unit(strict, raft_with_tls):
    site = Site(raft_with_tls, policy=POLICY)
    strict.configure(site, allow=ALL)
    strict.lab.systemctl("start", "secretstored.socket")
    strict.start()
    check_all(strict, site)
    site.close()


def test_a_call_that_the_filter_forbids_would_be_noticed(strict, site):
    """Of the test before: a daemon that makes one does not survive it."""
    strict.configure(site)
    strict.drop_in("less", "[Service]\nSystemCallFilter=~sendto sendmsg")
    strict.lab.systemctl("start", UNIT, check=False)
    strict.wait_state("failed")
    assert strict.lab.show(UNIT, "Result") in ("signal", "core-dump")


def test_it_cannot_write_where_it_has_no_business(service, site):
    service.configure(site)
    service.start()
    enter = ["nsenter", "-t", str(service.pid), "-m", "setpriv", "--reuid", "secretstored", "--clear-groups", "--"]
    for path in ("/etc/secretstored/x", "/usr/x", "/var/x", "/root/x", "/home/x", "/sys/fs/cgroup/x"):
        assert service.lab.run(*enter, "touch", path, check=False).returncode != 0, path
    for path in ("/run/secretstored/x", "/var/log/secretstored/x", "/tmp/x"):
        service.lab.run(*enter, "touch", path)
    assert not service.lab.path("/tmp/x").exists()  # its own
    service.lab.run(*enter, "rm", "/run/secretstored/x", "/var/log/secretstored/x")


def test_the_secret_id_is_for_it_alone(service, site):
    service.configure(site)
    service.start()
    credential = f"/run/credentials/{UNIT}/secret_id"
    assert service.lab.run("cat", credential).out == site.secret_id
    for user in ("daemon", "nobody"):
        assert service.lab.run("setpriv", "--reuid", user, "--clear-groups", "cat", credential, check=False).returncode != 0
