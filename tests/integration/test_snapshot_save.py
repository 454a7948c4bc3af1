"""snapshot.save: from the leader, in pieces, and a success only for what is whole."""

import hashlib
import socket

import pytest

from harness import process
from harness.proxy import RESET
from harness.snapshot import SnapshotSite, assert_whole

SNAPSHOT = "storage/raft/snapshot"


@pytest.fixture(scope="module")
def raft():
    from harness.bao import RaftServer
    server = RaftServer()
    yield server
    server.close()


@pytest.fixture
def site(raft, new_site):
    return new_site(raft, kind=SnapshotSite)


@pytest.fixture
def d(daemon, site):
    return daemon(site.settings())


@pytest.fixture
def behind(daemon, site, new_proxy):
    """A daemon and the fault proxy between it and the only node."""
    proxy = new_proxy(site.server.port)
    return daemon(site.settings(openbao={"address": f"http://127.0.0.1:{proxy.port}"})), proxy


def test_a_save_gives_a_whole_snapshot(d, site):
    site.put("a", {"x": 1})
    with d.connect() as c:
        data, reply = c.save()
        assert reply.ok, reply
        content = assert_whole(data)
        assert reply["bytes"] == len(data)
        assert reply["sha256"] == reply["state_sha256"] == hashlib.sha256(content["state.bin"]).hexdigest()
        assert reply["verified"] is True
        # And the connection goes on.
        assert c.call("ping")["ready"]
    counters = d.status()["counters"]
    assert (counters["snapshots_saved"], counters["snapshots_restored"]) == (1, 0)


def test_it_holds_what_was_written_just_before(d, site):
    for n in range(3):
        assert d.put(site.mount, f"before-{n}", {"x": n}).ok
        with d.connect() as c:
            data, reply = c.save()
        assert reply.ok, reply
        assert_whole(data)


def test_a_cluster_without_raft_is_told_with_the_cause_kept(daemon, shared_server, new_site):
    site = new_site(shared_server, kind=SnapshotSite)
    d = daemon(site.settings())
    with d.connect() as c:
        reply = c.begin_save()
        assert reply.code == "raft_unsupported"
        assert reply.message.startswith("secretstore: raft storage not in use")
        assert "404: unsupported path" in reply.message
        assert reply.error["status"] == 404
        assert reply.error["retryable"] is False


def test_it_needs_a_rule_that_names_it(daemon, site):
    d = daemon(site.settings(allow={"tests": {"uid": process.UID, "ops": ["write"], "paths": "*"}}))
    with d.connect() as c:
        assert c.begin_save().code == "forbidden"
        assert c.begin_restore().code == "forbidden"
    d = daemon(site.settings(allow={"tests": {"uid": process.UID, "ops": ["snapshot.save"]}}))
    with d.connect() as c:
        assert c.save()[1].ok
        assert c.begin_restore().code == "forbidden"


def test_a_policy_that_does_not_allow_it_is_told(daemon, raft, new_site):
    from harness.site import POLICY
    site = new_site(raft, kind=SnapshotSite, policy=POLICY)
    d = daemon(site.settings())
    with d.connect() as c:
        assert c.begin_save().code == "permission_denied"
    assert len(site.logins()) == 1


def test_a_revoked_token_is_replaced_first(d, site):
    site.revoke(site.tokens()[-1])
    with d.connect() as c:
        data, reply = c.save()
        assert reply.ok, reply
    assert_whole(data)
    assert len(site.logins()) == 2


def test_it_comes_from_the_leader_though_a_standby_is_configured(daemon, shared_cluster, new_site, new_proxy):
    leader = shared_cluster.wait_leader()
    site = new_site(leader, kind=SnapshotSite)
    standby = shared_cluster.standbys()[0]
    shared_cluster.caught_up(standby)
    proxy = new_proxy(standby.port)
    d = daemon(site.settings(openbao={"address": f"http://127.0.0.1:{proxy.port}"}))
    with standby.relay.held():
        site.put("a", {"x": "not on the standby yet"})
        with d.connect() as c:
            data, reply = c.save()
    assert reply.ok, reply
    assert_whole(data)
    assert proxy.seen(path="sys/leader")
    assert not proxy.seen(path=SNAPSHOT)


@pytest.mark.parametrize("how", ["fin", RESET])
def test_a_snapshot_that_is_cut_off_at_any_point_fails(behind, how):
    d, proxy = behind
    with d.connect() as c:
        data, reply = c.save()
        assert reply.ok, reply
    whole = len(data) + 400  # the head, and the chunks' sizes, more or less
    for point in range(20):
        proxy.clear()
        fault = proxy.fault("reply", path=SNAPSHOT, after=1 + point * whole // 20, how=how, times=-1)
        with d.connect() as c:
            data, reply = c.save(timeout_ms=2000)
        assert not reply.ok, (point, len(data))
        assert reply.code in ("unavailable", "timeout"), reply
        assert fault.hits >= 1
    proxy.clear()
    with d.connect() as c:
        data, reply = c.save()
        assert reply.ok, reply
    assert_whole(data)


def test_a_snapshot_that_ends_too_soon_without_a_word_fails(behind):
    """As OpenBao does it when it fails in the middle: the answer is well-formed, only its content is not whole."""
    d, proxy = behind
    with d.connect() as c:
        whole = len(c.save()[0])
    points = [point * whole // 20 for point in range(20)] + [whole - 1]
    for point in points:
        proxy.clear()
        fault = proxy.fault("shorten", path=SNAPSHOT, after=point, times=-1)
        with d.connect() as c:
            data, reply = c.save()
        assert fault.hits == 1
        assert reply.code == "upstream_error", (point, reply)
        assert "not whole" in reply.message
        assert len(data) <= point


def test_a_caller_that_leaves_ends_the_request_to_openbao(behind):
    d, proxy = behind
    proxy.fault("delay", path=SNAPSHOT, seconds=30)
    with d.connect() as c:
        c.send("snapshot.save")
        proxy.wait_seen(1, path=SNAPSHOT)
    # It is noticed with the first byte that is to be written; here there is none before the daemon stops.
    d.stop()


def test_only_so_many_are_under_way_at_a_time(behind):
    d, proxy = behind
    proxy.fault("delay", path=SNAPSHOT, seconds=60, times=4)
    held = [d.connect() for _ in range(4)]
    try:
        for c in held:
            c.send("snapshot.save")
        proxy.wait_seen(4, path=SNAPSHOT)
        with d.connect() as c:
            reply = c.begin_save()
            assert reply.code == "overloaded", reply
            assert reply.error["retryable"]
    finally:
        for c in held:
            c.close()
    proxy.close_all()


def test_a_deadline_of_the_request_counts(behind):
    d, proxy = behind
    proxy.fault("delay", path=SNAPSHOT, seconds=30)
    with d.connect() as c:
        assert c.begin_save(timeout_ms=300).code == "timeout"


def test_a_stop_of_the_daemon_ends_it_with_a_reply(behind):
    d, proxy = behind
    proxy.fault("delay", path=SNAPSHOT, seconds=60)
    with d.connect() as c:
        sent = c.send("snapshot.save")
        proxy.wait_seen(1, path=SNAPSHOT)
        d.signal(15)
        reply = c.reply_to(sent)
        assert reply.code == "unavailable"
        assert "stopping" in reply.message


def test_other_connections_are_served_meanwhile(behind, site):
    d, proxy = behind
    proxy.fault("delay", path=SNAPSHOT, seconds=2)
    with d.connect() as c, d.connect() as other:
        sent = c.send("snapshot.save")
        proxy.wait_seen(1, path=SNAPSHOT)
        assert other.call("kv.put", mount=site.mount, path="a", data={"x": 1}).ok
        assert other.call("kv.get", mount=site.mount, path="a").ok
        assert c.reply_to(sent)["stream"]
        *_, (data, reply) = c.recv_stream()
        assert reply.ok
        assert_whole(bytes(data))


def test_requests_wait_for_the_end_of_a_stream_on_their_connection(d):
    with d.connect() as c:
        save, ping = c.send("snapshot.save"), c.send("ping")
        assert c.reply_to(save)["stream"]
        *_, (_, reply) = c.recv_stream()
        assert reply.ok and reply.id == save
        assert c.reply_to(ping).ok


def test_a_reader_that_pauses_gets_all_of_it(d, site):
    blob = "x" * 700_000
    for n in range(12):  # more than all the buffers on the way hold
        site.put(f"large-{n}", {"x": blob})
    with d.connect() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reply = c.begin_save()
        assert reply["stream"]
        before = d.memory_kb("VmRSS")
        assert d.ping().ok  # while nobody reads the stream
        *_, (data, reply) = c.recv_stream()
        assert reply.ok, reply
    assert_whole(bytes(data))
    if not process.SANITIZED:
        assert d.memory_kb("VmRSS") - before <= 1024
