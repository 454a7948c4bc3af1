"""The hooks of pytest around the leak hunt (canary.py), and around figures that tests note: for a conftest's
pytest_plugins."""

import os
import shutil
import tempfile

import pytest

from . import canary


def pytest_configure(config):
    worker = getattr(config, "workerinput", None)
    directory = worker["run_directory"] if worker else tempfile.mkdtemp(prefix="ss-run-", dir="/tmp")
    config.run_directory = directory
    canary.run = canary.Run(directory)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):  # in pytest-xdist's controller, for each worker
    node.workerinput["run_directory"] = node.config.run_directory


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """When all workers are done: nothing secret may stand in anything that was said."""
    if hasattr(session.config, "workerinput"):
        return
    leaks = canary.run.leaks()
    session.config.leaks = leaks
    if leaks and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if session.exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(session.config.run_directory, ignore_errors=True)


def pytest_terminal_summary(terminalreporter, config):
    figures = [(report.nodeid, text) for outcome in ("passed", "failed")
               for report in terminalreporter.getreports(outcome)
               for name, text in getattr(report, "user_properties", ()) if name == "measured"]
    if figures:
        terminalreporter.section("measured")
        for nodeid, text in figures:
            terminalreporter.line(f"{nodeid}: {text}")
    leaks = getattr(config, "leaks", [])
    if leaks:
        terminalreporter.section("SECRETS LEAKED", red=True)
        for leak in leaks[:40]:
            terminalreporter.line(leak[:600])
    if os.path.isdir(config.run_directory):
        terminalreporter.line(f"logs of this run: {config.run_directory}")


@pytest.fixture
def measured(record_property):
    """Notes a figure, which is shown at the end of the run."""

    def note(text):
        print(text)
        record_property("measured", text)

    return note
