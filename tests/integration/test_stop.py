"""Stopping: nothing new is taken, what was sent is finished, the token is revoked, the socket gone, the status
0."""

import signal
import time

import pytest

from harness import process
from harness.load import parallel
from harness.proxy import HANG


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_revokes_the_token_and_removes_the_socket(daemon, site, number):
    d = daemon(site.settings())
    (token,) = site.tokens()
    assert site.token_lives(token)
    d.signal(number)
    d.stop()
    assert not d.socket.exists()
    assert not site.token_lives(token)
    assert len(site.revocations()) == 1


def test_without_revoke_on_stop_the_token_lives_on(daemon, site):
    d = daemon(site.settings(openbao={"revoke_on_stop": False}))
    (token,) = site.tokens()
    d.stop()
    assert site.token_lives(token)
    assert site.revocations() == []
    site.revoke(token)


def test_puts_that_were_sent_are_finished_and_answered(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("hold", seconds=1.5, method="POST", path="data/a", times=-1)
    with d.connect() as c:
        ids = [c.send("kv.put", mount=site.mount, path=f"a{n}", data={"n": n}) for n in range(3)]
        proxy.wait_seen(3, "POST", "data/a")
        d.signal(signal.SIGTERM)
        assert all(c.reply_to(i).ok for i in ids)
        assert c.recv() is None
    d.stop()
    assert all(site.get(f"a{n}") == {"n": n} for n in range(3))
    assert len(site.revocations()) == 1


def ended(conn):
    """Says whether the daemon has closed the connection, without a reply; waits for that."""
    try:
        return conn.recv() is None
    except ConnectionResetError:  # it has not read all that was written
        return True


def test_reads_that_were_sent_are_finished_and_answered(daemon, site, proxy):
    site.put("a", {"n": 1})
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "warm").code == "not_found"
    proxy.fault("hold", seconds=1.5, method="GET", path="data/a")
    with d.connect() as c:
        wanted = c.send("kv.get", mount=site.mount, path="a")
        proxy.wait_seen(1, "GET", "data/a")
        d.signal(signal.SIGTERM)
        assert c.reply_to(wanted).data == {"n": 1}
        assert ended(c)
    d.stop()


def test_a_read_that_was_not_sent_gets_no_answer_and_does_not_hold_up_the_end(daemon, site, proxy):
    proxy.fault("answered", how=HANG, path="login", times=-1)
    d = daemon(site.settings(proxy.port), wait="socket")
    with d.connect() as c:
        c.send("kv.get", mount=site.mount, path="a", timeout_ms=60000)
        c.send("ping")
        assert not c.recv()["ready"]
        before = time.monotonic()
        d.signal(signal.SIGTERM)
        assert ended(c)
        d.stop()
    assert time.monotonic() - before < process.patience(4)


def test_a_read_that_hangs_ends_the_drain_after_a_while_and_gets_no_answer(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "warm").code == "not_found"
    proxy.fault("answered", how=HANG, method="GET", path="data/a", times=-1)
    with d.connect() as c:
        c.send("kv.get", mount=site.mount, path="a", timeout_ms=60000)
        proxy.wait_seen(1, "GET", "data/a")
        before = time.monotonic()
        d.signal(signal.SIGTERM)
        assert ended(c)
        d.stop(timeout=20)
    assert 6 < time.monotonic() - before < process.patience(12)


def test_new_requests_are_not_taken_while_it_stops(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("hold", seconds=1.5, method="POST", path="data/a")
    with d.connect() as busy, d.connect() as other:
        wanted = busy.send("kv.put", mount=site.mount, path="a", data={"x": 1})
        proxy.wait_seen(1, "POST", "data/a")
        d.signal(signal.SIGTERM)
        process.wait_until(lambda: not d.socket.exists(), 5, "the socket is gone")
        with pytest.raises(OSError):
            d.connect()
        try:
            other.send("kv.put", mount=site.mount, path="b", data={"x": 1})
            late = other.recv()
        except (BrokenPipeError, ConnectionResetError):
            late = None
        assert late is None or not late.ok
        assert busy.reply_to(wanted).ok
    d.stop()
    assert site.writes("b") == []


def test_a_put_that_hangs_ends_the_drain_after_a_while(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("answered", how=HANG, method="POST", path="data/a", times=-1)
    with d.connect() as c:
        wanted = c.send("kv.put", mount=site.mount, path="a", data={"x": 1}, timeout_ms=60000)
        proxy.wait_seen(1, "POST", "data/a")
        before = time.monotonic()
        d.signal(signal.SIGTERM)
        assert c.reply_to(wanted).code == "unknown_outcome"
        d.stop(timeout=20)
    assert 6 < time.monotonic() - before < process.patience(12)


def test_stopping_while_openbao_is_away_does_not_take_long(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    proxy.blackhole()
    before = time.monotonic()
    d.stop()
    assert time.monotonic() - before < process.patience(4)


def test_stopping_before_the_first_login(daemon, site, proxy):
    proxy.fault("answered", how=HANG, path="login", times=-1)
    d = daemon(site.settings(proxy.port), wait="socket")
    proxy.wait_seen(1, path="login")
    before = time.monotonic()
    d.stop()
    assert time.monotonic() - before < process.patience(4)


def test_stopping_at_any_moment_of_the_start_is_clean(daemon, site):
    for n in range(8):
        d = daemon(site.settings(), wait="socket")
        time.sleep(n * 0.004)
        d.stop()


def test_a_second_signal_ends_it_at_once(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "warm", {"x": 1}).ok
    proxy.fault("answered", how=HANG, method="POST", path="data/a", times=-1)
    with d.connect() as c:
        c.send("kv.put", mount=site.mount, path="a", data={"x": 1}, timeout_ms=60000)
        proxy.wait_seen(1, "POST", "data/a")
        d.signal(signal.SIGTERM)
        process.wait_until(lambda: not d.socket.exists(), 5, "it is stopping")
        before = time.monotonic()
        d.signal(signal.SIGTERM)
        d.stop()
    assert time.monotonic() - before < process.patience(2)


def test_sighup_and_sigpipe_do_not_end_it(daemon, site):
    d = daemon(site.settings())
    d.signal(signal.SIGHUP)
    d.signal(signal.SIGPIPE)
    assert d.ping().ok


def test_under_load_a_stop_leaves_every_acknowledged_put_written(daemon, site):
    d = daemon(site.settings())
    acknowledged = []

    def work(i):
        if i == 0:
            time.sleep(0.5)
            d.signal(signal.SIGTERM)
            return
        try:
            with d.connect() as c:
                for n in range(10000):
                    reply = c.call("kv.put", mount=site.mount, path=f"p{i}", data={"n": n})
                    if not reply.ok:
                        return
                    acknowledged.append((i, n))
        except (AssertionError, OSError):
            pass  # closed on us

    parallel(6, work)
    d.stop()
    assert acknowledged
    for i in {i for i, _ in acknowledged}:
        assert site.get(f"p{i}")["n"] >= max(n for j, n in acknowledged if j == i)
