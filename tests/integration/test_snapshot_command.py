"""secretstorectl snapshot with the real daemon and a real OpenBao on raft storage."""

import hashlib
import os
import subprocess
import tarfile

import pytest

from harness import process, snapshot
from harness.bao import RaftServer
from harness.cli import ctl
from harness.site import POLICY
from harness.snapshot import SnapshotSite


@pytest.fixture
def site(raft_server, new_site):
    return new_site(raft_server, kind=SnapshotSite)


@pytest.fixture
def d(daemon, site):
    return daemon(site.settings())


@pytest.fixture
def saved(d, site, scratch):
    """A snapshot of which the secret's value is "old"; it is "new" by now."""
    site.put("a", {"value": "old"})
    path = scratch / "x.snap"
    done = ctl(d.socket, "snapshot", "save", path)
    assert done.returncode == 0, done.err
    site.put("a", {"value": "new"})
    return path


def restore(d, *args):
    return ctl(d.socket, "snapshot", "restore", "--yes", *args, timeout=120)


def value(d, site):
    """What a program gets, once the daemon has logged in anew."""
    reply = process.wait_until(lambda: (r := d.get(site.mount, "a")).ok and r, process.patience(60), "the secret")
    return reply.data["value"]


def test_save_writes_a_whole_file(d, saved):
    snapshot.assert_whole(saved.read_bytes())
    assert ctl(d.socket, "snapshot", "check", saved).returncode == 0


def test_its_sums_are_that_of_the_file_and_that_of_the_state_in_it(d, scratch):
    path = scratch / "x.snap"
    done = ctl(d.socket, "snapshot", "save", path)
    of_file = subprocess.run(["sha256sum", path], capture_output=True, text=True).stdout.split()[0]
    with tarfile.open(path) as tar:
        of_state = hashlib.sha256(tar.extractfile("state.bin").read()).hexdigest()
    assert done.out == (f"{path}: {path.stat().st_size} bytes, sha256 {of_file}, "
                        f"sha256 of the state in it {of_state}\n")


def test_a_restore_brings_the_old_state_back_and_says_so(d, site, saved):
    assert value(d, site) == "new"
    done = restore(d, saved)
    assert done.returncode == 0, done.err
    assert "active again, on the snapshot's state" in done.out
    assert value(d, site) == "old"


def test_a_directory_of_snapshots_keeps_the_latest(d, scratch):
    for _ in range(3):
        done = ctl(d.socket, "snapshot", "save", "--dir", scratch, "--keep", "2")
        assert done.returncode == 0, done.err
    kept = sorted(os.listdir(scratch))
    assert len(kept) == 2 and str(scratch / kept[-1]) in done.out
    for name in kept:
        assert ctl(d.socket, "snapshot", "check", scratch / name).returncode == 0


def test_a_damaged_snapshot_is_not_sent(d, site, saved):
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 1
    saved.write_bytes(content)
    done = restore(d, saved)
    assert done.returncode == 10
    assert "not whole" in done.err
    assert value(d, site) == "new"


@pytest.fixture
def other(new_site, daemon, scratch):
    """A snapshot of another cluster, with another seal key."""
    server = RaftServer()
    try:
        there = new_site(server, kind=SnapshotSite)
        d = daemon(there.settings(), name="other")
        there.put("a", {"value": "another cluster's"})
        path = scratch / "other.snap"
        assert ctl(d.socket, "snapshot", "save", path).returncode == 0
        yield path
    finally:
        server.close()


def test_another_clusters_snapshot_is_refused_without_force(d, site, other):
    site.put("a", {"value": "own"})
    done = restore(d, other)
    assert done.returncode not in (0, 21, 28), done.err
    assert value(d, site) == "own"


def test_another_clusters_snapshot_by_force_ends_sealed_and_whose_keys_it_needs_is_said(d, site, other):
    site.put("a", {"value": "own"})
    done = restore(d, "--force", other)
    assert (done.returncode, done.out) == (21, ""), done.err
    assert "unseal keys" in done.err and "of the cluster that the snapshot was taken from" in done.err
    assert snapshot.health(site.server) == (True, True)


def test_without_raft_there_is_no_snapshot_and_no_file(daemon, shared_server, new_site, scratch):
    d = daemon(new_site(shared_server, kind=SnapshotSite).settings())
    done = ctl(d.socket, "snapshot", "save", scratch / "x.snap")
    assert (done.returncode, done.out) == (24, "")
    assert "raft storage not in use" in done.err
    assert os.listdir(scratch) == []


def test_a_rule_for_all_is_none_for_snapshots(daemon, site, saved):
    d = daemon(site.settings(allow={"tests": {"ops": "write"}}), name="strict")
    assert ctl(d.socket, "snapshot", "save", saved.with_suffix(".2")).returncode == 13
    assert restore(d, saved).returncode == 13
    assert sorted(os.listdir(saved.parent)) == ["x.snap"]


def test_without_a_policy_openbao_refuses(daemon, raft_server, new_site, scratch):
    d = daemon(new_site(raft_server, kind=SnapshotSite, policy=POLICY).settings())
    done = ctl(d.socket, "snapshot", "save", scratch / "x.snap")
    assert done.returncode == 17
    assert os.listdir(scratch) == []
