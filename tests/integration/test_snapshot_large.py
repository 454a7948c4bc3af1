"""Snapshots of a store of 200 MB: memory stays as it is, others are served, and a restore is what it is said to be."""

import threading

import pytest

from harness import process
from harness.bao import RaftServer
from harness.client import DATA_MAX
from harness.snapshot import SnapshotSite, assert_whole, drain, fill, health

MEGABYTES = 20 if process.SANITIZED else 205
GROWTH_KB = 1024


@pytest.fixture(scope="module")
def large():
    """A server and a site on it whose snapshot is that large."""
    process.raise_file_limit()
    server = RaftServer()
    site = SnapshotSite(server)
    fill(site, MEGABYTES)
    yield site
    site.close()
    server.close()


class Growth:
    """How much larger the daemon is at its largest than at first, looked at while something goes on."""

    def __init__(self, d):
        self._d = d
        self._before = d.memory_kb("VmRSS")
        self._most = self._before
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self._stop.wait(0.01):
            self._most = max(self._most, self._d.memory_kb("VmRSS"))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    @property
    def kb(self):
        return self._most - self._before


def assert_saved_in_constant_memory(d, pace=None):
    with d.connect() as c:
        c.begin_save(timeout_ms=1)  # so that what is only loaded once is loaded
    with Growth(d) as growth, d.connect() as c:
        total, reply = drain(c, pace)
    assert reply.ok and reply["bytes"] == total, reply
    assert total > MEGABYTES * 1_000_000
    print(f"{total} bytes, RSS grew by {growth.kb} kB")
    if not process.SANITIZED:
        assert growth.kb <= GROWTH_KB


def test_a_large_save_takes_no_more_memory(daemon, large):
    assert_saved_in_constant_memory(daemon(large.settings()))


@pytest.mark.long
def test_a_large_save_to_a_slow_reader_takes_no_more_memory(daemon, large):
    """A megabyte a second: it takes minutes, and nothing ends it."""
    assert_saved_in_constant_memory(daemon(large.settings()), pace=1_000_000)


def test_ping_is_answered_while_a_snapshot_runs(daemon, large):
    """Between any two frames of it, and while its reader does not read. How fast is told by make bench."""
    d = daemon(large.settings())
    frames = pings = 0
    with d.connect() as saving, d.connect() as other:
        assert saving.begin_save().ok
        while True:
            kind, body = saving.recv_frame()
            if not body or kind == 0:
                break
            frames += 1
            if frames % 20 == 0:
                assert other.call("ping").ok
                pings += 1
        assert pings > 10
        assert saving.recv().ok


def test_a_large_snapshot_is_restored_by_force_into_another_cluster(daemon, large, new_site):
    """OpenBao replaces all it has, and needs the keys of the cluster that the snapshot is of; the reply says so."""
    with daemon(large.settings(), name="source").connect() as c:
        data, reply = c.save()
    assert reply.ok, reply
    assert_whole(data)
    other = RaftServer()
    try:
        d = daemon(new_site(other, kind=SnapshotSite).settings(), name="target")
        with d.connect() as c:
            c.restore(b"no snapshot")  # so that what is only loaded once is loaded
        with Growth(d) as growth, d.connect() as c:
            reply = c.restore(data, force=True)
        print(f"{len(data)} bytes, RSS grew by {growth.kb} kB")
        assert reply.ok, reply
        assert (reply["bytes"], reply["state"]) == (len(data), "sealed")
        assert health(other) == (True, True)
        if not process.SANITIZED:
            assert growth.kb <= GROWTH_KB
    finally:
        other.close()


def test_a_large_snapshot_is_restored_where_it_came_from(daemon, large):
    d = daemon(large.settings())
    large.put("a", {"x": "old"})
    with d.connect() as c:
        data, reply = c.save()
    assert reply.ok, reply
    large.put("a", {"x": "new"})
    with d.connect() as c:
        reply = c.restore(data)
    assert reply.ok, reply
    assert reply["state"] == "applied"
    assert large.get("a") == {"x": "old"}


@pytest.mark.parametrize("share", [0.5, 0.999, 1])
def test_a_caller_that_vanishes_in_a_large_restore_changes_nothing(daemon, large, share):
    d = daemon(large.settings())
    with d.connect() as c:
        data, reply = c.save()
    assert reply.ok, reply
    active_since = large.server.admin.get("sys/leader")["active_time"]
    log = large.server.log_path
    given_up = log.read_text().count("failed to write snapshot")
    c = d.connect()
    assert c.begin_restore()["continue"]
    c.send_data(data[:int(len(data) * share)], DATA_MAX)
    c.close()
    process.wait_until(lambda: log.read_text().count("failed to write snapshot") > given_up, process.patience(30),
                       "OpenBao has given it up")
    assert large.server.admin.get("sys/leader")["active_time"] == active_since
    assert health(large.server) == (True, False)
