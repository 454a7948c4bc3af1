"""The log, and the audit beside it, where they go: lines, entries of the journal; and what does not take them delays nobody."""

import os
import re
import signal
import threading

import pytest

from harness import canary, process
from harness.abuse import Flood
from harness.journal import Journal
from harness.load import parallel


@pytest.fixture
def journal(request):
    j = Journal(request.node.name)
    yield j
    j.close()


class Pipe:
    """Standard error of a daemon, read only when the test reads."""

    def __init__(self, name):
        self._name = f"daemon-pipe-{name}"
        self.reader, self.writer = os.pipe()
        self._text = b""
        os.set_blocking(self.reader, False)

    def close_writer(self):
        os.close(self.writer)

    def read(self):
        try:
            while data := os.read(self.reader, 1 << 16):
                self._text += data
        except BlockingIOError:
            pass
        return self._text.decode()

    def wait(self, pattern):
        return process.wait_until(lambda: re.search(pattern, self.read()), process.patience(10), f"said: {pattern}")

    def close(self):
        os.close(self.reader)
        canary.run.record(self._name, self._text)


@pytest.fixture
def pipe(request):
    p = Pipe(request.node.name)
    yield p
    p.close()


TO_STDERR = {"sink": "stderr", "file": None, "level": "all"}
TO_JOURNAL = {"sink": "journal", "file": None, "level": "all"}


def audited_gets(d, site, count):
    """So many requests, all of which must be answered."""
    def some(_):
        with d.connect() as c:
            ids = [c.send("kv.get", mount=site.mount, path="a") for _ in range(count // 8)]
            return [c.reply_to(i).ok for i in ids]
    results = parallel(8, some)
    assert all(ok for part in results for ok in part)


def audit_drops(d):
    return d.status()["counters"]["audit_dropped"]


def load_until_drops(d, site):
    """As much as it takes to fill the queue: some 3,000 records."""
    for _ in range(20):
        audited_gets(d, site, 1600)
        if audit_drops(d) > 0:
            return
    raise AssertionError("32,000 records, and none was dropped: is it read?")


def test_the_level_leaves_out_the_rest(daemon, site):
    d = daemon(site.settings(log={"level": "error"}))
    d.stop()
    assert d.log == ""


def test_debug_follows_a_request_to_openbao_without_saying_what_it_was_for(daemon, site):
    """Nor may a token, a secret or an address stand there, for which the whole run's logs are searched."""
    d = daemon(site.settings(log={"level": "debug"}))
    assert d.put(site.mount, "a-certain-path", {"x": canary.run.secret()}).ok
    assert d.get(site.mount, "a-certain-path").ok
    d.stop()
    for op in ("login", "mount", "kv.put", "kv.get"):
        assert re.search(rf"debug: (request \d+: )?{re.escape(op)} at address 1: 200 after \d+ ms\n", d.log), op
    assert "certain" not in d.log and site.mount not in d.log


def test_with_nobody_reading_standard_error_all_are_answered(daemon, site, pipe):
    site.put("a", {"x": 1})
    d = daemon(site.settings(audit=TO_STDERR), stderr=pipe.writer)
    pipe.close_writer()
    load_until_drops(d, site)
    assert d.put(site.mount, "b", {"x": 1}).ok
    pipe.wait(r"warning: audit: \d+ records were dropped, since standard error did not take them\n")
    assert re.search(r"info: secretstored \S+ serves ", pipe.read())
    assert d.get(site.mount, "a").ok
    # From here on it is read to its end, so that the daemon can finish.
    reading = threading.Thread(target=lambda: process.wait_until(
        lambda: pipe.read() and not d.alive(), 60, "its end", interval=0.01))
    reading.start()
    d.stop()
    reading.join()
    assert pipe.read().endswith("info: stopped\n")


def test_nobody_reading_does_not_hold_up_the_end(daemon, site, pipe):
    site.put("a", {"x": 1})
    d = daemon(site.settings(audit=TO_STDERR), stderr=pipe.writer)
    pipe.close_writer()
    load_until_drops(d, site)
    d.signal(signal.SIGTERM)
    d.stop()
    assert not d.socket.exists()


@pytest.mark.root
def test_the_journal_gets_entries_with_fields(daemon, site, journal):
    site.put("a", {"x": 1})
    d = daemon(site.settings(audit=TO_JOURNAL), prefix=journal.prefix)
    assert d.get(site.mount, "a").ok
    (entry,) = journal.wait(SECRETSTORE_OP="kv.get")
    assert entry == {
        "SYSLOG_IDENTIFIER": "secretstored-audit", "PRIORITY": "6",
        "MESSAGE": f"uid {os.getuid()}: kv.get {site.mount}/a: ok, version 1, by rule tests",
        "SECRETSTORE_OP": "kv.get", "SECRETSTORE_VERDICT": "allowed", "SECRETSTORE_CODE": "ok",
        "SECRETSTORE_RULE": "tests", "SECRETSTORE_UID": str(os.getuid()), "SECRETSTORE_GID": str(os.getgid()),
        "SECRETSTORE_PID": str(os.getpid()), "SECRETSTORE_MOUNT": site.mount, "SECRETSTORE_PATH": "a",
        "SECRETSTORE_VERSION": "1", "SECRETSTORE_REQUEST": entry["SECRETSTORE_REQUEST"],
        "SECRETSTORE_MICROSECONDS": entry["SECRETSTORE_MICROSECONDS"]}
    assert int(entry["SECRETSTORE_REQUEST"]) > 0
    d.stop()
    log = [e for e in journal.entries(SYSLOG_IDENTIFIER="secretstored") if e["PRIORITY"] == "6"]
    assert log[-1]["MESSAGE"] == "stopped"
    assert all(line.startswith("<4>") for line in d.log.splitlines())  # of the configuration, before there is a thread


@pytest.mark.root
def test_a_flood_of_denied_paths_is_few_entries_in_the_journal(daemon, site, journal):
    d = daemon(site.settings(audit={**TO_JOURNAL, "level": "changes"}, listen={"mode": "0666"}), prefix=journal.prefix)
    with Flood(d, 4321) as flood:
        process.wait_until(lambda: journal.entries(SECRETSTORE_UID="4321") and flood.requests > 5000, process.patience(20),
                           "the flood is answered")
    d.signal(signal.SIGTERM)
    assert process.wait_until(lambda: journal.entries() and not d.alive(), process.patience(20), "its end", interval=0.01)
    denied = journal.entries(SECRETSTORE_VERDICT="denied", SECRETSTORE_CODE="forbidden", SECRETSTORE_UID="4321")
    assert len(denied) == 65
    assert sum(int(entry["SECRETSTORE_COUNT"]) for entry in denied) == flood.requests
    assert re.fullmatch(rf"uid 4321: kv.get, {flood.requests - 64} more requests for \d+ paths: forbidden", denied[-1]["MESSAGE"])


@pytest.mark.root
def test_a_journal_that_is_stopped_delays_nobody_and_learns_what_it_missed(daemon, site, journal):
    site.put("a", {"x": 1})
    d = daemon(site.settings(audit=TO_JOURNAL), prefix=journal.prefix)
    load_until_drops(d, site)
    assert d.put(site.mount, "b", {"x": 1}).ok
    (entry,) = journal.wait_message("records were dropped")
    assert re.fullmatch(r"audit: \d+ records were dropped, since the journal did not take them", entry["MESSAGE"])
    assert (entry["SYSLOG_IDENTIFIER"], entry["PRIORITY"]) == ("secretstored", "4")
    assert d.get(site.mount, "a").ok
    reading = threading.Thread(target=lambda: process.wait_until(
        lambda: journal.entries() and not d.alive(), 60, "its end", interval=0.01))
    reading.start()
    d.stop()
    reading.join()
    journal.wait_message("stopped")


@pytest.mark.root
def test_a_journal_that_never_comes_back_does_not_hold_up_the_end(daemon, site, journal):
    site.put("a", {"x": 1})
    d = daemon(site.settings(audit=TO_JOURNAL), prefix=journal.prefix)
    load_until_drops(d, site)
    d.signal(signal.SIGTERM)
    d.stop()
    assert not d.socket.exists()


def test_without_a_journal_the_audit_is_lines_on_standard_error(daemon, site, pipe):
    if os.path.exists("/run/systemd/journal/socket"):
        pytest.skip("this machine has a journal")
    d = daemon(site.settings(audit=TO_JOURNAL), stderr=pipe.writer)
    pipe.close_writer()
    assert d.put(site.mount, "a", {"x": 1}).ok
    pipe.wait(r'\{"time":"[^"]+","op":"kv.put",.*"path":"a"')
    assert "info: audit: there is no journal, so records go to standard error" in pipe.read()
