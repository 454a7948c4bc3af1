"""Callers who read the same secret at the same time share reads at OpenBao, and nobody sees less than he may expect."""

import contextlib
import signal
import threading

from harness import process
from harness.load import parallel

CALLERS = 1000


def slow_reads(d, site, proxy):
    """Has the daemon see reads take 0.3 s, so that it does not send a second one beside the first too soon."""
    delay = proxy.fault("delay", seconds=0.3, path="/data/", times=-1)
    assert d.get(site.mount, "a").ok
    return delay


@contextlib.contextmanager
def stopped(d):
    """What is sent meanwhile arrives all at once."""
    d.process.send_signal(signal.SIGSTOP)
    process.wait_until(lambda: process.is_stopped(d.pid), 10, "the daemon stands still")
    yield
    d.process.send_signal(signal.SIGCONT)


def test_a_thousand_callers_cost_two_reads(daemon, site, proxy):
    site.put("a", {"x": 1})
    limits = {"connections": 2 * CALLERS, "connections_per_uid": 2 * CALLERS, "requests_per_uid": CALLERS}
    d = daemon(site.settings(proxy.port, limits=limits))
    slow_reads(d, site, proxy)
    before = len(site.reads("a"))
    conns = [d.connect() for _ in range(CALLERS)]
    try:
        with stopped(d):
            sent = [(c, c.send("kv.get", mount=site.mount, path="a")) for c in conns]
        replies = [c.reply_to(i) for c, i in sent]
    finally:
        for c in conns:
            c.close()
    assert all(reply.ok and reply.data == {"x": 1} for reply in replies)
    assert len(site.reads("a")) - before <= 2
    assert d.status()["counters"]["gets"] == CALLERS + 1


def test_a_thousand_requests_on_one_connection_cost_two_reads(daemon, site, proxy):
    site.put("a", {"x": 1})
    d = daemon(site.settings(proxy.port, limits={"requests_per_connection": CALLERS, "requests_per_uid": CALLERS}))
    slow_reads(d, site, proxy)
    before = len(site.reads("a"))
    with d.connect() as c:
        sent = [c.send("kv.get", mount=site.mount, path="a") for _ in range(CALLERS)]
        assert all(c.reply_to(i).data == {"x": 1} for i in sent)
    assert len(site.reads("a")) - before <= 2


def test_a_read_begun_after_a_write_elsewhere_sees_it(daemon, site, proxy):
    """The one that was under way had been answered by OpenBao before the write; who comes now must not get its answer."""
    site.put("a", {"n": 1})
    d = daemon(site.settings(proxy.port))
    slow_reads(d, site, proxy)
    with d.connect() as c:
        early = c.send("kv.get", mount=site.mount, path="a")
        process.wait_until(lambda: len(site.reads("a")) == 2, 10, "OpenBao has read it")
        site.put("a", {"n": 2})
        late = [c.send("kv.get", mount=site.mount, path="a") for _ in range(3)]
        assert c.reply_to(early).data == {"n": 1}
        assert [c.reply_to(i).data for i in late] == [{"n": 2}] * 3
    assert len(site.reads("a")) == 3


def test_reads_of_different_versions_are_not_mixed(daemon, site, proxy):
    for n in (1, 2, 3):
        site.put("a", {"n": n})
    d = daemon(site.settings(proxy.port))
    slow_reads(d, site, proxy)
    with d.connect() as c:
        sent = [(c.send("kv.get", mount=site.mount, path="a", version=n), n) for n in (1, 2, 3) * 10]
        latest = [c.send("kv.get", mount=site.mount, path="a") for _ in range(10)]
        waits = c.send("kv.get", mount=site.mount, path="a", min_version=4)
        assert all(c.reply_to(i).data == {"n": n} for i, n in sent)
        assert all(c.reply_to(i).data == {"n": 3} for i in latest)
        site.put("a", {"n": 4})
        assert c.reply_to(waits).data == {"n": 4}


def test_one_callers_deadline_is_his_alone(daemon, site, proxy):
    site.put("a", {"x": 1})
    d = daemon(site.settings(proxy.port))
    slow_reads(d, site, proxy)
    with d.connect() as c:
        first = c.send("kv.get", mount=site.mount, path="a")
        hasty = c.send("kv.get", mount=site.mount, path="a", timeout_ms=50)
        patient = c.send("kv.get", mount=site.mount, path="a")
        assert c.recv().id == hasty
        assert c.reply_to(first).ok and c.reply_to(patient).ok


def test_callers_who_go_away_take_the_read_with_them(daemon, site, proxy):
    site.put("a", {"x": 1})
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "a").ok
    hold = proxy.fault("hold", seconds=30, path="/data/", times=-1)
    c = d.connect()
    for _ in range(5):
        c.send("kv.get", mount=site.mount, path="a")
    process.wait_until(lambda: hold.hits > 0, 10, "a read is under way")
    c.close()
    d.wait_unconnected()
    proxy.clear()
    assert d.get(site.mount, "a", timeout_ms=2000).ok
    assert len(site.reads("a")) == 2, "what was held was hung up on, and not passed on to OpenBao"


def test_many_callers_and_a_writer_see_what_was_acknowledged(daemon, site):
    """Under load, with the cache on: each reader demands what was acknowledged to the writer before the read began."""
    d = daemon(site.settings(cache={"max_age": "10s"}))
    assert d.put(site.mount, "a", {"n": 0}).ok
    rounds = 10 if process.SANITIZED else 30
    acknowledged, over = [1], threading.Event()

    def work(i):
        with d.connect() as c:
            if i == 0:
                for n in range(rounds):
                    acknowledged[0] = c.call("kv.put", mount=site.mount, path="a", data={"n": n})["version"]
                over.set()
                return 0
            count = 0
            while not over.is_set():
                least = acknowledged[0]
                assert c.call("kv.get", mount=site.mount, path="a")["version"] >= least
                count += 1
            return count

    counts = parallel(8, work)
    assert sum(counts) > rounds
