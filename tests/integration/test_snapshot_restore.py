"""snapshot.restore: by the leader, and only what has come whole; whatever happens before that changes nothing."""

import gzip
import io
import tarfile

import pytest

from harness import process
from harness.bao import RaftServer
from harness.site import POLICY
from harness.snapshot import SnapshotSite, health

LARGE = "x" * 700_000  # so that most of a snapshot is more than what is held back


class Restorable:
    """A site with a snapshot of its secret's first version, and a newer one since."""

    def __init__(self, site, d, large=True):
        self.site, self.d = site, d
        if large:
            site.put("large", {"x": LARGE})
        site.put("a", {"x": "old"})
        with d.connect() as c:
            self.snapshot, reply = c.save()
        assert reply.ok, reply
        site.put("a", {"x": "new"})
        self.leader = site.server
        self.active_since = self._leads()["active_time"]

    def _leads(self):
        return self.leader.admin.get("sys/leader")

    def assert_restored(self):
        assert self.site.get("a") == {"x": "old"}
        assert self._leads()["active_time"] != self.active_since

    def assert_untouched(self):
        """OpenBao has ended what it had begun, and has applied nothing."""
        assert self._leads()["active_time"] == self.active_since
        assert "prior to restoring snapshot" not in self.leader.log_path.read_text()
        assert self.site.get("a") == {"x": "new"}
        assert health(self.leader) == (True, False)


@pytest.fixture
def restorable(raft_server, new_site, daemon):
    site = new_site(raft_server, kind=SnapshotSite)
    return Restorable(site, daemon(site.settings()))


@pytest.fixture(scope="module")
def steady_raft():
    """For restores that do not happen."""
    server = RaftServer()
    yield server
    server.close()


@pytest.fixture
def steady(steady_raft, new_site, daemon):
    site = new_site(steady_raft, kind=SnapshotSite)
    return Restorable(site, daemon(site.settings()))


def test_a_restore_is_applied_and_said_to_be(restorable):
    d, site = restorable.d, restorable.site
    assert d.get(site.mount, "a").data == {"x": "new"}
    with d.connect() as c:
        reply = c.restore(restorable.snapshot)
        assert reply.ok, reply
        assert reply["state"] == "applied"
        assert reply["bytes"] == len(restorable.snapshot)
        restorable.assert_restored()
        # Also through the daemon, which knew of a newer version, and on the same connection.
        got = c.call("kv.get", mount=site.mount, path="a")
        assert got.data == {"x": "old"}
        assert c.call("kv.put", mount=site.mount, path="a", data={"x": 3}, cas=1)["version"] == 2
    assert d.status()["counters"]["snapshots_restored"] == 1
    d.wait_log("restore: a snapshot of .* applied")


def test_a_small_snapshot_is_sent_only_at_its_end(raft_server, new_site, daemon, new_proxy):
    site = new_site(raft_server, kind=SnapshotSite)
    proxy = new_proxy(raft_server.port)
    d = daemon(site.settings(openbao={"address": f"http://127.0.0.1:{proxy.port}"}))
    site.put("a", {"x": "old"})
    with d.connect() as c:
        data, _ = c.save()
        assert len(data) < 65536
        site.put("a", {"x": "new"})
        assert c.begin_restore()["continue"]
        c.send_data(data)
        before = len(proxy.seen(path="sys/leader"))
        with d.connect() as other:
            assert other.call("ping").ok
        assert not proxy.seen("POST", "storage/raft/snapshot")
        c.send_body(b"", 1)
        reply = c.recv()
        assert reply["state"] == "applied", reply
    assert len(proxy.seen("POST", "storage/raft/snapshot")) == 1
    assert len(proxy.seen(path="sys/leader")) > before  # it was asked whether it still leads
    assert site.get("a") == {"x": "old"}


def test_the_daemon_logs_in_again_afterwards(restorable):
    """With a token of before it would be lost: the snapshot does not hold it."""
    d, site = restorable.d, restorable.site
    site.have_new_login(d)  # a token made after the snapshot
    with d.connect() as c:
        assert c.restore(restorable.snapshot)["state"] == "applied"
    process.wait_until(lambda: d.get(site.mount, "a").ok, process.patience(10), "the daemon serves again")


def test_a_restore_by_force_of_the_same_cluster(restorable):
    with restorable.d.connect() as c:
        assert c.restore(restorable.snapshot, force=True)["state"] == "applied"
    restorable.assert_restored()


def test_another_clusters_snapshot_is_taken_only_by_force_and_ends_sealed(restorable, new_site, daemon):
    other = RaftServer()
    try:
        site = new_site(other, kind=SnapshotSite)
        d = daemon(site.settings())
        with d.connect() as c:
            reply = c.restore(restorable.snapshot)
            assert reply.code == "upstream_error", reply
            assert "other unseal keys" in reply.message and "nothing was restored" in reply.message
        assert health(other) == (True, False)
        with d.connect() as c:
            reply = c.restore(restorable.snapshot, force=True)
            assert reply.ok, reply
            assert reply["state"] == "sealed"
        assert health(other) == (True, True)
        d.wait_log("restore: a snapshot of .* by force: sealed")
        process.wait_until(lambda: d.get(site.mount, "a").code in ("sealed", "unavailable", "not_ready"), 10,
                           "the daemon says that OpenBao is sealed")
    finally:
        other.close()


def test_a_standbys_address_is_enough(cluster, new_site, daemon):
    leader = cluster.wait_leader()
    site = new_site(leader, kind=SnapshotSite)
    standby = cluster.standbys()[0]
    cluster.caught_up(standby)
    d = daemon(site.settings(openbao={"address": f"http://127.0.0.1:{standby.port}"}))
    process.wait_until(lambda: d.get(site.mount, "a").code == "not_found", 20, "the standby lets the daemon in")
    assert d.put(site.mount, "a", {"x": "old"}).ok
    with d.connect() as c:
        data, reply = c.save()
        assert reply.ok, reply
        assert d.put(site.mount, "a", {"x": "new"})["version"] == 2
        reply = c.restore(data)
        assert reply.ok, reply
        assert reply["state"] == "applied"
    process.wait_until(lambda: site.get("a") == {"x": "old"}, 10, "the old value")
    for node in cluster.nodes:
        assert health(node) == (True, False)
    got = d.get(site.mount, "a")
    assert (got["version"], got.data) == (1, {"x": "old"})


# -- what must change nothing --


def ended(server):
    """So many uploads have failed at OpenBao."""
    return server.log_path.read_text().count("failed to write snapshot")


def assert_given_up(restorable, before):
    """If OpenBao was sent anything, it has noticed by now that no more comes."""
    process.wait_until(lambda: ended(restorable.leader) > before, process.patience(20), "OpenBao has given it up")
    restorable.assert_untouched()


@pytest.mark.parametrize("share", [0, 0.5, 0.999, 1])
def test_a_caller_that_vanishes_before_its_end_frame_changes_nothing(steady, share):
    data = steady.snapshot
    before = ended(steady.leader)
    c = steady.d.connect()
    assert c.begin_restore()["continue"]
    c.send_data(data[:int(len(data) * share)])
    c.close()
    if share > 0:
        assert_given_up(steady, before)
    else:
        steady.d.wait_unconnected()
        steady.assert_untouched()


def test_callers_that_vanish_and_bytes_that_are_wrong_harm_no_node_of_a_cluster(shared_cluster, new_site, daemon):
    site = new_site(shared_cluster.wait_leader(), kind=SnapshotSite)
    standby = shared_cluster.standbys()[0]
    shared_cluster.caught_up(standby)
    restorable = Restorable(site, daemon(site.settings(openbao={"address": f"http://127.0.0.1:{standby.port}"})))
    data = restorable.snapshot
    for share in (0, 0.5, 0.999, 1):
        before = ended(restorable.leader)
        c = restorable.d.connect()
        assert c.begin_restore()["continue"]
        c.send_data(data[:int(len(data) * share)])
        c.close()
        restorable.d.wait_unconnected()  # else the next may find this one under way
        if share > 0:
            assert_given_up(restorable, before)
    for place in (0.3, 0.999):
        wrong = bytearray(data)
        wrong[int(len(data) * place)] ^= 1
        with restorable.d.connect() as c:
            assert c.restore(bytes(wrong)).code == "invalid_request"
    restorable.assert_untouched()
    for node in shared_cluster.nodes:
        assert health(node) == (True, False)
        assert "prior to restoring snapshot" not in node.log_path.read_text()


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_caller_that_shuts_down_its_writing_side_changes_nothing(steady, share):
    data = steady.snapshot
    before = ended(steady.leader)
    with steady.d.connect() as c:
        assert c.begin_restore()["continue"]
        c.send_data(data[:int(len(data) * share)])
        c.shut_writing()
        reply = c.recv()
        assert reply.code == "invalid_request", reply
        assert "nothing was restored" in reply.message
        assert c.recv() is None
    if share > 0:
        assert_given_up(steady, before)
    else:
        steady.assert_untouched()


@pytest.mark.parametrize("place", [0.0, 0.02, 0.5, 0.97, 0.999])
@pytest.mark.parametrize("force", [False, True])
def test_a_corrupted_byte_changes_nothing(steady, place, force):
    data = bytearray(steady.snapshot)
    data[int(len(data) * place)] ^= 0x10
    with steady.d.connect() as c:
        reply = c.restore(bytes(data), force=force)
    assert reply.code == "invalid_request", reply
    assert "not whole" in reply.message and "nothing was restored" in reply.message
    steady.d.wait_unconnected()
    steady.assert_untouched()


@pytest.mark.parametrize("missing", [1, 9, 1024, 60_000, 100_000])
def test_a_snapshot_that_is_cut_short_changes_nothing(steady, missing):
    with steady.d.connect() as c:
        reply = c.restore(steady.snapshot[:-missing])
    assert reply.code == "invalid_request", reply
    assert "nothing was restored" in reply.message
    steady.assert_untouched()


def test_what_follows_a_snapshot_changes_nothing(steady):
    """OpenBao would apply it, and never look at the rest."""
    for more in (b"x", b"\0" * 200_000, steady.snapshot):
        with steady.d.connect() as c:
            reply = c.restore(steady.snapshot + more)
        assert reply.code == "invalid_request", reply
        steady.assert_untouched()


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 300_000, b"\x1f\x8b\x08" + b"\0" * 300_000])
def test_what_is_no_snapshot_changes_nothing(steady, data):
    with steady.d.connect() as c:
        reply = c.restore(data)
    assert reply.code == "invalid_request", reply
    steady.assert_untouched()


def test_a_frame_that_is_no_data_changes_nothing(steady):
    with steady.d.connect() as c:
        assert c.begin_restore()["continue"]
        c.send_data(steady.snapshot)
        c.send_body('{"id":9,"op":"ping"}')
        reply = c.recv()
        assert (reply.id, reply.code) == (None, "invalid_request")
        c.shut_writing()
        assert c.recv() is None
    steady.assert_untouched()


def test_a_policy_that_does_not_allow_it_is_told(steady_raft, new_site, daemon, steady):
    site = new_site(steady_raft, kind=SnapshotSite, policy=POLICY)
    d = daemon(site.settings())
    for data in (steady.snapshot, steady.snapshot[:1000] and steady.snapshot):
        with d.connect() as c:
            reply = c.restore(data)
        assert reply.code == "permission_denied", reply
    steady.assert_untouched()


def test_a_restore_into_a_cluster_without_raft_is_told_so(steady, shared_server, new_site, daemon):
    site = new_site(shared_server, kind=SnapshotSite)
    d = daemon(site.settings())
    for force in (False, True):
        with d.connect() as c:
            reply = c.restore(steady.snapshot, force=force)
        assert reply.code == "raft_unsupported", reply
        assert reply.message.startswith("secretstore: raft storage not in use")
        assert reply.error["status"] == 404


def test_a_revoked_token_is_told_and_replaced(steady):
    d, site = steady.d, steady.site
    site.revoke(site.tokens()[-1])
    with d.connect() as c:
        reply = c.restore(steady.snapshot)
    assert reply.code == "not_ready", reply
    assert reply.error["retryable"]
    steady.assert_untouched()
    process.wait_until(lambda: d.ping()["ready"], process.patience(10), "a new login")


def test_only_one_restore_is_under_way_at_a_time(steady):
    with steady.d.connect() as first, steady.d.connect() as second:
        assert first.begin_restore()["continue"]
        assert second.begin_restore().code == "overloaded"
    steady.d.wait_unconnected()
    with steady.d.connect() as third:
        assert third.begin_restore()["continue"]
    steady.assert_untouched()


def test_a_stop_of_the_daemon_before_the_end_changes_nothing(steady):
    with steady.d.connect() as c:
        assert c.begin_restore()["continue"]
        c.send_data(steady.snapshot[:-10])
        steady.d.signal(15)
        reply = c.recv()
        assert reply.code == "unavailable" and "stopping" in reply.message
    steady.d.stop()
    steady.assert_untouched()


def test_a_deadline_before_the_end_changes_nothing(steady):
    with steady.d.connect() as c:
        assert c.begin_restore(timeout_ms=500)["continue"]
        c.send_data(steady.snapshot[:200_000])
        reply = c.recv()
        assert reply.code == "timeout", reply
    steady.assert_untouched()


def test_a_node_that_does_not_lead_any_more_gets_nothing(cluster, new_site, daemon):
    """Of a small snapshot nothing is sent before its end; while OpenBao has part of one it does not step down."""
    leader = cluster.wait_leader()
    site = new_site(leader, kind=SnapshotSite)
    d = daemon(site.settings())
    restorable = Restorable(site, d, large=False)
    with d.connect() as c:
        assert c.begin_restore()["continue"]
        c.send_data(restorable.snapshot)
        leader.admin.post("sys/step-down")
        process.wait_until(lambda: leader.admin.health() == 429, 30, "it leads no more")
        c.send_body(b"", 1)
        reply = c.recv()
    assert reply.code == "unavailable", reply
    new = process.wait_until(cluster.leader, 30, "another leader")
    process.wait_until(lambda: new.admin.raw("GET", f"{site.mount}/data/a")[0] == 200, 20, "it answers")
    assert new.admin.get(f"{site.mount}/data/a")["data"]["data"] == {"x": "new"}
    for node in cluster.nodes:
        assert health(node) == (True, False)


# -- what is not known --


def test_a_reply_that_does_not_come_is_an_unknown_outcome(raft_server, new_site, daemon, new_proxy):
    site = new_site(raft_server, kind=SnapshotSite)
    proxy = new_proxy(raft_server.port)
    d = daemon(site.settings(openbao={"address": f"http://127.0.0.1:{proxy.port}"}))
    restorable = Restorable(site, d)
    proxy.fault("answered", path="storage/raft/snapshot", method="POST")
    with d.connect() as c:
        reply = c.restore(restorable.snapshot)
    assert reply.code == "unknown_outcome", reply
    assert len(proxy.seen("POST", "storage/raft/snapshot")) == 1
    process.wait_until(lambda: "prior to restoring" in raft_server.log_path.read_text(), 20, "OpenBao restores")


def test_a_caller_that_leaves_after_its_end_frame_does_not_stop_it(restorable):
    with restorable.d.connect() as c:
        assert c.begin_restore()["continue"]
        c.send_data(restorable.snapshot)
        c.send_body(b"", 1)
    restorable.d.wait_log("restore: a snapshot of .* applied")
    restorable.assert_restored()


def test_a_slow_apply_is_said_to_be_waiting(restorable):
    """OpenBao takes more than five seconds to apply anything."""
    with restorable.d.connect() as c:
        reply = c.restore(restorable.snapshot, timeout_ms=2000)
        assert reply.ok, reply
        assert reply["state"] == "waiting"
    process.wait_until(lambda: restorable.site.get("a") == {"x": "old"}, 30, "it is applied nevertheless")


def test_backpressure_reaches_the_caller(steady, new_proxy, daemon):
    """OpenBao does not read on: then the daemon reads no more than it has room for."""
    proxy = new_proxy(steady.site.server.port)
    d = daemon(steady.site.settings(openbao={"address": f"http://127.0.0.1:{proxy.port}"}))
    proxy.fault("headers", how="hang", path="storage/raft/snapshot", method="POST")
    before = d.memory_kb("VmRSS")
    with d.connect() as c:
        assert c.begin_restore()["continue"]
        c.sock.settimeout(3)
        with pytest.raises(TimeoutError):
            c.send_data(endless_snapshot(40_000_000))
    if not process.SANITIZED:
        assert d.memory_kb("VmRSS") - before <= 1024
    steady.assert_untouched()


def endless_snapshot(size):
    """The first bytes of one that nothing is wrong with so far."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in (("meta.json", b"{}"), ("state.bin", bytes(size))):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue(), 0)[:size]
