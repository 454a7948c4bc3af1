"""Callers that mean harm or are broken: others are answered throughout, and the memory comes back."""

import os
import random
import select
import socket
import time

import pytest

from harness import process
from harness.client import frame
from harness.load import Steady, parallel

SEED = int(os.environ.get("SECRETSTORE_SEED", "20261123"))
MEMORY_KB = 4096  # anonymous memory that the daemon may have after any load
ROOMY = {"connections": 4096, "connections_per_uid": 4096}


class Watched:
    """Pings all along on a connection of its own; at the end they were all answered, soon, by the same process,
    and what the daemon holds is about what it held before."""

    def __init__(self, daemon, slowest=2.0):
        self.daemon = daemon
        self.slowest = slowest
        self.memory = daemon.memory_kb()

    def __enter__(self):
        self.steady = Steady(self.daemon, 0.02, "ping")
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        process.wait_until(lambda: len(self.steady.results) > 5, 20, "pings are answered")
        results = self.steady.stop()
        if kind:
            return
        assert self.daemon.alive()
        assert self.steady.failures() == []
        times = [self.began] + [t for t, _ in results]
        gap = max(b - a for a, b in zip(times, times[1:], strict=False))
        assert gap < process.patience(self.slowest), f"a ping took {gap:.2f} s"
        self.daemon.wait_unconnected()
        if process.SANITIZED:
            return  # freed memory stays in quarantine there
        most = max(MEMORY_KB, self.memory + 1024)
        process.wait_until(lambda: self.daemon.memory_kb() <= most, 15,
                           f"memory comes back: {self.memory} kB before, {self.daemon.memory_kb()} kB after")


def settled(daemon, site):
    """Used a little, so that what is allocated once is allocated."""
    with daemon.connect() as c:
        for _ in range(200):
            c.call("ping")
            c.call("kv.get", mount=site.mount, path="none")


@pytest.fixture
def d(daemon, site):
    d = daemon(site.settings(limits=ROOMY))
    settled(d, site)
    return d


def throw(path, data, half_close=True):
    """Sends bytes and reads what comes until the end, for a while."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(path))
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass


def random_body(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(0, 200))
    if kind == 1:  # printable
        return bytes(rng.choice(b'{}[]",:0123456789abctrufalsn\\ue-+. \t') for _ in range(rng.randrange(0, 200)))
    if kind == 2:
        op = bytes(rng.choice(b"pingkv.stau") for _ in range(rng.randrange(8)))
        return b'{"id":%d,"op":"%s"}' % (rng.randrange(10 ** 6), op)
    return b'{"id":1,"op":"ping","' + rng.randbytes(rng.randrange(1, 30)) + b'":1}'


def test_ten_thousand_random_frames(d):
    rng = random.Random(SEED)
    with Watched(d):
        for _ in range(100):
            throw(d.socket, b"".join(frame(random_body(rng)) for _ in range(100)))


def test_random_bytes_without_any_framing(d):
    rng = random.Random(SEED)
    with Watched(d):
        for _ in range(300):
            throw(d.socket, rng.randbytes(rng.randrange(1, 3000)))


def mutated(rng, body):
    data = bytearray(frame(body))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        how, at = rng.randrange(5), rng.randrange(len(data))
        if how == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            data[at] = rng.randrange(256)
        elif how == 2:
            del data[at:at + rng.randrange(1, 9)]
        elif how == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            data[at:at] = data[at:at + rng.randrange(1, 30)]
        if not data:
            return b"\0"
    return bytes(data)


def test_a_thousand_mutated_frames(d, site):
    rng = random.Random(SEED + 1)
    good = [b'{"id":1,"op":"ping"}', b'{"id":"a","op":"status"}',
            b'{"id":2,"op":"kv.get","mount":"%s","path":"none","version":3}' % site.mount.encode(),
            b'{"id":3,"op":"kv.put","mount":"none","path":"a/b","cas":0,"data":{"a":[1,{"b":"\\u00e9"}]}}']
    with Watched(d):
        for _ in range(1000):
            throw(d.socket, mutated(rng, rng.choice(good)))


def test_half_frames_held_open(d):
    with Watched(d):
        held = []
        for n in range(300):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(d.socket))
            s.sendall(frame(b'{"id":1,"op":"ping","pad":"' + b"x" * 2000)[:n + 1])
            held.append(s)
        assert d.ping().ok
        for s in held:
            s.close()


def test_large_half_frames_held_open(d):
    """Each keeps nearly a request's limit in the daemon's memory; all of it comes back."""
    with Watched(d):
        held = []
        for _ in range(40):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(d.socket))
            s.sendall(frame(b"{" + b" " * 900000)[:-1])
            held.append(s)
        assert d.ping().ok
        for s in held:
            s.close()


def test_two_thousand_connections_at_once(d, site):
    process.raise_file_limit()
    site.put("a", {"x": 1})
    get = frame(b'{"id":2,"op":"kv.get","mount":"%s","path":"a","timeout_ms":60000}' % site.mount.encode())
    with Watched(d, slowest=4):
        conns = []
        for _ in range(2000):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(60)
            s.connect(str(d.socket))
            conns.append(s)
        for s in conns:
            s.sendall(frame(b'{"id":1,"op":"ping"}'))
        for s in conns:
            assert b'"ok":true' in s.recv(4096)
        for s in conns[::10]:
            s.sendall(get)
        for s in conns[::10]:
            assert b'"ok":true' in s.recv(4096)
        for s in conns:
            s.close()


def test_connections_made_and_dropped_in_haste(d):
    with Watched(d):
        for _ in range(3000):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(d.socket))
            s.close()


def pour(path, data, seconds):
    """Writes data again and again without ever reading, as long as the daemon takes it; the socket, still open."""
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    s.connect(str(path))
    end_at = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end_at:
        if not select.select([], [s], [], 0.2)[1]:
            continue
        try:
            sent += s.send(data)
        except BlockingIOError:
            pass
    return s, sent


def test_a_client_that_never_reads(d, site):
    """Its replies are large, its requests many: it is no longer read, and what it is owed stays bounded."""
    site.put("large", {"v": "x" * 60000})
    mount = site.mount.encode()
    many = b"".join(frame(b'{"id":%d,"op":"kv.get","mount":"%s","path":"large"}' % (n, mount)) for n in range(50))
    with Watched(d):
        s, sent = pour(d.socket, many, 4)
        assert sent < 1 << 20
        assert d.memory_kb() < 40000 or process.SANITIZED
        s.close()


def test_clients_that_never_read_their_pings(d):
    with Watched(d):
        pings = b"".join(frame(b'{"id":%d,"op":"ping"}' % n) for n in range(500))
        socks = [pour(d.socket, pings, 0.7)[0] for _ in range(5)]
        assert d.ping().ok
        for s in socks:
            s.close()


def test_large_requests_that_fail_leave_nothing_behind(d):
    body = b'{"id":1,"op":"kv.put","mount":"none","path":"a","data":{"v":"' + b"x" * 900000 + b'"},"bad":1}'
    with Watched(d):
        for _ in range(50):
            throw(d.socket, frame(body))


def test_callers_that_vanish_while_their_requests_are_made(d, site):
    site.put("a", {"v": "x" * 20000})
    request = frame(b'{"id":1,"op":"kv.get","mount":"%s","path":"a"}' % site.mount.encode())
    with Watched(d):
        for n in range(300):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(d.socket))
            s.sendall(request * (1 + n % 3))
            if n % 2:
                select.select([s], [], [], 0.005)
            s.close()


def test_many_callers_get_and_put_together(d, site):
    def work(i):
        with d.connect() as c:
            for n in range(20):
                data = {"n": n, "pad": "x" * (n * 500)}
                assert c.call("kv.put", mount=site.mount, path=f"p{i}", data=data, cas=n).ok
                assert c.call("kv.get", mount=site.mount, path=f"p{i}").data["n"] == n

    with Watched(d, slowest=3):
        parallel(16, work)


@pytest.mark.long
def test_a_long_load_leaves_the_memory_as_it_was(daemon, site):
    d = daemon(site.settings(limits=ROOMY))
    settled(d, site)
    site.put("a", {"v": "x" * 1000})

    def work(i):
        with d.connect() as c:
            for n in range(3000):
                c.call("kv.get", mount=site.mount, path="a" if n % 3 else f"none{i}")

    parallel(8, work)
    with Watched(d, slowest=3):
        parallel(8, work)
