"""Fixtures: one lab for all tests, with what `make install` installs; an OpenBao beside it; the daemon in it."""

import os
import subprocess

import pytest

import lab as labs
from harness import process
from harness.bao import DevServer
from harness.site import Site
from service import Service

pytest_plugins = ["harness.hunt"]


def pytest_sessionstart():
    """A machine that cannot run these tests is no machine on which they pass."""
    try:
        labs.check_machine()
    except labs.Unfit as e:
        pytest.exit(str(e), returncode=1)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    lab = item.funcargs.get("lab")
    if report.when == "call" and report.failed and lab and "service" in item.funcargs:
        report.sections.append(("journal of secretstored", lab.journal("secretstored.service")[-6000:]))
    return report


@pytest.fixture(scope="session")
def lab():
    made = labs.Lab()
    yield made
    made.close()


@pytest.fixture(scope="session")
def installed(lab):
    """The lab with the package in it, as on a host where an admin has followed the README."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}
    done = subprocess.run(["make", f"BUILD={process.BUILD}", "install", f"DESTDIR={lab.path('/')}"], cwd=process.ROOT,
                          env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    lab.run("systemd-sysusers")
    lab.run("systemd-tmpfiles", "--create", "secretstored.conf")
    lab.reload()
    return lab


@pytest.fixture(scope="session")
def server():
    """An OpenBao with TLS, outside of the lab and reached from it at 127.0.0.1."""
    made = DevServer(tls=True)
    yield made
    made.close()


@pytest.fixture
def new_server():
    """One for a test that stops it."""
    yield from process.made_and_closed(DevServer)


@pytest.fixture
def site(server, new_site):
    return new_site(server)


@pytest.fixture
def new_site():
    yield from process.made_and_closed(Site)


@pytest.fixture
def service(installed):
    """secretstored.service, not yet configured nor started; stopped and cleaned up after the test."""
    made = Service(installed)
    yield made
    made.close()
