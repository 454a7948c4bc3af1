"""Limits: each refuses the one that is over it, and nobody else."""

import contextlib
import re
import resource
import signal
import time

import pytest

from harness import process
from harness.client import frame
from harness.proxy import HANG


def test_connections_in_all_are_limited(daemon, site):
    d = daemon(site.settings(limits={"connections": 5, "connections_per_uid": 100}))
    conns = [d.connect() for _ in range(5)]
    assert all(c.call("ping").ok for c in conns)
    with d.connect() as c:
        reply = c.recv()
        assert (reply.id, reply.code, reply.error["retryable"]) == (None, "overloaded", True)
        assert c.is_closed()
    conns.pop().close()
    process.wait_until(lambda: _serves(d), 5, "the freed place is taken")
    for c in conns:
        c.close()


def named(site, uids, **limits):
    """Settings with a rule that names these users."""
    settings = site.settings(limits=limits, listen={"mode": "0666"})
    settings["allow"] = {"all": {"uid": list(uids), "ops": "status"}}
    return settings


def _serves(daemon, uid=None):
    with daemon.connect() if uid is None else daemon.connect_as(uid) as c:
        try:
            return c.call("ping").ok
        except (AssertionError, OSError):
            return False


@pytest.mark.root
def test_who_has_been_idle_longest_gives_way(daemon, site):
    uids = range(4101, 4109)
    d = daemon(named(site, uids, connections=8))
    conns = [d.connect_as(uid) for uid in uids]
    for c in conns[1:] + conns[:1]:
        assert c.call("ping").ok
        time.sleep(0.01)  # the daemon counts idleness in milliseconds
    with d.connect() as root:
        assert root.call("ping").ok
    assert conns[1].is_closed(), "it was the first to be idle"
    assert all(c.call("ping").ok for c in conns[:1] + conns[2:])
    # None is idle while a request has begun.
    conns[1] = d.connect_as(uids[1])
    for c in conns:
        c.send_bytes(b"\0\0\0\x40{")
    with d.connect() as root:
        assert root.recv().code == "overloaded"
    for c in conns:
        c.close()


@pytest.mark.root
def test_the_very_last_connection_is_for_root(daemon, site):
    uids = range(4101, 4164)
    d = daemon(named(site, uids, connections=64))
    conns = [d.connect_as(uid) for uid in uids]
    for c in conns:
        c.send_bytes(b"\0\0\0\x40{")
    with d.connect_as(uids[0]) as c:
        assert c.recv().code == "overloaded"
    with d.connect() as root:
        assert root.call("ping").ok
    for c in conns:
        c.close()


@pytest.mark.root
def test_callers_whom_no_rule_names_share_what_one_user_has(daemon, site):
    """A user may be many: those whose subordinate uids they are."""
    settings = site.settings(limits={"connections_per_uid": 8, "bytes_per_uid": "2M"}, listen={"mode": "0666"})
    settings["allow"] = {"web": {"uid": 4101, "ops": "status"}, "group": {"gid": 4102, "ops": "status"}}
    d = daemon(settings)
    conns = [d.connect_as(uid) for uid in range(100000, 100008)]
    assert all(c.call("ping").ok for c in conns)
    with d.connect_as(100008) as c:
        reply = c.recv()
        assert reply.code == "overloaded" and "whom no rule names" in reply.error["message"]
    with d.connect_as(4101) as by_uid, d.connect_as(100009, gid=4102) as by_gid, d.connect() as root:
        assert by_uid.call("ping").ok and by_gid.call("ping").ok and root.call("ping").ok
    # What they have begun to send counts together, too.
    refused = 0
    for c in conns:
        with contextlib.suppress(OSError):
            c.send_bytes(frame(b"x" * 900_000)[:800_000])
    for c in conns:
        c.sock.settimeout(1)
        with contextlib.suppress(AssertionError, OSError):
            refused += c.recv().code == "overloaded"
    assert refused >= 5
    for c in conns:
        c.close()


@pytest.mark.root
def test_connections_of_one_uid_are_limited_and_do_not_shut_out_another(daemon, site):
    d = daemon(named(site, [4101, 4102], connections=100, connections_per_uid=4))
    conns = [d.connect_as(4101) for _ in range(4)]
    assert all(c.call("ping").ok for c in conns)
    with d.connect_as(4101) as c:
        assert c.recv().code == "overloaded"
    with d.connect_as(4102) as c:
        assert c.call("ping").ok
    for c in conns:
        c.close()
    process.wait_until(lambda: _serves(d, 4101), 5, "served again")


@pytest.mark.root
def test_the_last_connections_are_kept_for_users_with_few(daemon, site):
    d = daemon(named(site, [4101, 4102, 4103], connections=16, connections_per_uid=100))
    conns = [d.connect_as(4101) for _ in range(14)]
    assert all(c.call("ping").ok for c in conns)
    with d.connect_as(4101) as c:
        assert c.recv().code == "overloaded"
    with d.connect_as(4102) as one, d.connect_as(4103) as another:
        assert one.call("ping").ok and another.call("ping").ok
        # All places are taken, and the greedy one's oldest idle connection gives way.
        with d.connect_as(4104) as c:
            assert c.call("ping").ok
        assert conns[0].is_closed()
    for c in conns:
        c.close()


# What one user may have over all of its connections.

GREEDY, OTHER = 4101, 4102


def of_two_users(site, port=None, **limits):
    return site.settings(port, limits=limits, listen={"mode": "0666"}, allow={"tests": {"uid": [GREEDY, OTHER]}})


@pytest.mark.root
def test_requests_of_one_uid_over_its_limit_are_refused_at_once(daemon, site, proxy):
    d = daemon(of_two_users(site, proxy.port, requests_per_uid=4))
    proxy.fault("answered", how=HANG, path="data/slow", times=-1)
    with d.connect_as(GREEDY) as first, d.connect_as(GREEDY) as second, d.connect_as(OTHER) as other:
        slow = [c.send("kv.get", mount=site.mount, path=f"slow/{n}", timeout_ms=3000)
                for n, c in enumerate((first, first, second, second))]
        proxy.wait_seen(4, "GET", "data/slow")
        reply = second.call("kv.get", mount=site.mount, path="a")
        assert (reply.code, reply.error["retryable"]) == ("overloaded", True)
        assert second.call("kv.put", mount=site.mount, path="a", data={"x": 1}).code == "overloaded"
        assert second.call("ping").ok
        assert other.call("kv.put", mount=site.mount, path="a", data={"x": 2}, cas=0).ok
        assert first.reply_to(slow[0]).code == "timeout"
        assert second.call("kv.get", mount=site.mount, path="a").data == {"x": 2}
    assert f"uid {GREEDY} is at limits.requests_per_uid" in d.log


@pytest.mark.root
def test_bytes_of_one_uid_over_its_limit_are_refused(daemon, site):
    d = daemon(of_two_users(site, bytes_per_uid="3M"))
    half = frame(b'{"id":1,"op":"kv.put"' + b" " * 1000000)[:-1]
    halves = [d.connect_as(GREEDY) for _ in range(3)]
    for c in halves:
        c.send_bytes(half)
    with d.connect_as(GREEDY) as c, d.connect_as(OTHER) as other:
        c.send_bytes(half)
        reply = c.recv()
        assert (reply.id, reply.code, reply.error["retryable"]) == (None, "overloaded", True)
        assert c.is_closed()
        with d.connect_as(GREEDY) as small:
            assert small.call("kv.put", mount=site.mount, path="a", data={"x": 1}).ok
        assert other.call("kv.put", mount=site.mount, path="b", data={"x": "y" * 900000}).ok
    for c in halves:
        c.close()
    assert f"uid {GREEDY} is at limits.bytes_per_uid" in d.log


@pytest.mark.root
def test_replies_that_one_uid_does_not_read_are_bounded_and_no_writes_answer_is_lost(daemon, site, proxy):
    site.put("large", {"x": "y" * 900000})
    d = daemon(of_two_users(site, proxy.port, bytes_per_uid="4M"))
    proxy.fault("delay", seconds=1, path="data/large", times=-1)  # all are asked for before the first is answered
    with d.connect_as(GREEDY) as deaf, d.connect_as(GREEDY) as writer, d.connect_as(OTHER) as other:
        gets = [deaf.send("kv.get", mount=site.mount, path="large") for _ in range(10)]
        assert other.call("kv.get", mount=site.mount, path="large").ok
        assert writer.call("kv.put", mount=site.mount, path="a", data={"x": 1}).ok
        d.wait_log(f"uid {GREEDY} is at limits.bytes_per_uid")
        codes = [deaf.reply_to(i).code for i in gets]
    assert set(codes) == {None, "overloaded"}
    assert codes.count(None) >= 2


@pytest.mark.root
def test_a_user_does_not_wait_behind_all_requests_of_another(daemon, site, proxy):
    site.put("fast", {"x": 1})
    d = daemon(of_two_users(site, proxy.port))
    assert d.get(site.mount, "none").code == "forbidden"
    proxy.fault("delay", seconds=0.3, path="data/slow", times=-1)
    with d.connect_as(GREEDY) as a, d.connect_as(GREEDY) as b, d.connect_as(GREEDY) as c, d.connect_as(OTHER) as other:
        ids = [(x, x.send("kv.get", mount=site.mount, path=f"slow/{n}")) for n, x in enumerate(60 * (a, b, c))]
        proxy.wait_seen(32, "GET", "data/slow")
        assert other.call("kv.get", mount=site.mount, path="fast").ok
        assert len(proxy.seen("GET", "data/slow")) < 100
        assert {x.reply_to(i).code for x, i in ids} == {"not_found"}


def test_requests_in_flight_are_limited_by_not_reading(daemon, site, proxy):
    d = daemon(site.settings(proxy.port, limits={"requests_per_connection": 4}))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault("delay", seconds=0.6, path="data/a/", times=4)
    with d.connect() as c:
        ids = [c.send("kv.get", mount=site.mount, path=f"a/{n}") for n in range(12)]
        time.sleep(0.3)
        assert len(proxy.seen("GET", "data/a/")) <= 4
        assert sorted(c.recv().id for _ in ids) == ids


def test_a_frame_that_is_not_completed_in_time_ends_the_session(daemon, site):
    d = daemon(site.settings(limits={"frame_timeout": "1s"}))
    with d.connect(timeout=15) as c:
        c.send_bytes(frame(b'{"id":1,"op":"ping"}')[:-1])
        before = time.monotonic()
        assert c.is_closed()
        assert 0.8 < time.monotonic() - before < 6


def test_a_trickle_does_not_keep_an_unfinished_frame_alive(daemon, site):
    d = daemon(site.settings(limits={"frame_timeout": "1s"}))
    with d.connect(timeout=15) as c:
        began = time.monotonic()
        try:
            for byte in frame(b'{"id":1,"op":"ping"}' + b" " * 200):
                c.send_bytes(bytes([byte]))
                time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - began < 8


def test_an_idle_session_ends_but_not_while_a_request_is_in_flight(daemon, site, proxy):
    d = daemon(site.settings(proxy.port, limits={"idle_timeout": "1s"}))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault("delay", seconds=2.5, path="data/a")
    with d.connect(timeout=15) as idle, d.connect(timeout=15) as busy:
        wanted = busy.send("kv.get", mount=site.mount, path="a")
        began = time.monotonic()
        assert idle.is_closed()
        assert 0.8 < time.monotonic() - began < 4
        assert busy.reply_to(wanted).code == "not_found"


def test_without_an_idle_timeout_a_session_stays(daemon, site):
    d = daemon(site.settings())
    with d.connect() as c:
        assert c.call("ping").ok
        time.sleep(3)
        assert c.call("ping").ok


def test_at_the_descriptor_limit_accepting_pauses_and_resumes(daemon, site):
    d = daemon(site.settings(limits={"connections": 1000, "connections_per_uid": 1000}))
    resource.prlimit(d.pid, resource.RLIMIT_NOFILE, (64, 64))  # behind its back: it would keep some
    conns = [d.connect(timeout=10) for _ in range(80)]
    assert conns[0].call("ping").ok
    busy = _cpu_seconds(d)
    time.sleep(1)
    assert _cpu_seconds(d) - busy < 0.5  # it does not spin on the backlog
    for c in conns:
        c.close()
    process.wait_until(lambda: _serves(d), 10, "served again")


def _cpu_seconds(daemon):
    with open(f"/proc/{daemon.pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_a_hanging_openbao_does_not_pile_up_connections_to_it(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault("answered", how=HANG, path="data/a", times=-1)
    with d.connect() as c:
        ids = [c.send("kv.get", mount=site.mount, path=f"a{n}", timeout_ms=1500) for n in range(60)]
        assert all(not c.reply_to(i).ok for i in ids)
    assert proxy.connections_made <= 64


@pytest.mark.parametrize("nofile", [64, 200])
def test_idle_callers_leave_the_descriptors_that_openbao_needs(daemon, site, proxy, new_proxy, nofile):
    site.put("a", {"n": 1})
    limits = {"connections": 1000, "connections_per_uid": 1000}
    d = daemon(site.settings(proxy.port, limits=limits), nofile=nofile)
    with contextlib.ExitStack() as stack:
        caller = stack.enter_context(d.connect())
        idle = [stack.enter_context(d.connect(timeout=10)) for _ in range(nofile)]
        assert caller.call("ping").ok
        proxy.refuse()
        assert not caller.call("kv.get", mount=site.mount, path="a", timeout_ms=1000).ok
        proxy.accept()
        process.wait_until(lambda: caller.call("kv.get", mount=site.mount, path="a").ok, process.patience(10), "OpenBao is back")
        many = [caller.send("kv.get", mount=site.mount, path=f"a{n}") for n in range(40)]
        assert {caller.reply_to(i).code for i in many} == {"not_found"}
        d.configure(site.settings(new_proxy(site.server.port).port, limits=limits))
        d.signal(signal.SIGHUP)
        d.wait_log("from here on requests go")
        many = [caller.send("kv.get", mount=site.mount, path=f"a{n}") for n in range(40)]
        assert {caller.reply_to(i).code for i in many} == {"not_found"}
        assert idle
    assert re.search(rf"limits.connections: 1000 .* {nofile} ", d.log)
