"""Users who abuse the daemon, held to a part of a processor, and one who asks at a steady rate meanwhile."""

import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import process
from .cgroup import CpuPart
from .client import Conn, frame

PROGRAMS = Path(__file__).parent.parent / "programs"
PROGRAM = PROGRAMS / "abusers.py"


class Abusers:
    """With it, that many connections of the uid are at work."""

    def __init__(self, daemon, site, uid, path, count=1000, kinds=(), part=0.2):
        self.group = CpuPart(part)
        hard = str(count + 100)
        self.process = process.start(
            [os.path.realpath(sys.executable), "-I", PROGRAM, daemon.socket, uid, count, site.mount, path, *kinds],
            nofile=int(hard), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.group.take(self.process.pid)

    def __enter__(self):
        assert self.process.stdout.readline() == b"at work\n"
        return self

    def __exit__(self, *_):
        process.end(self.process)
        self.process.stdout.close()
        self.group.close()


class Crowd:
    """With it, those users are at work by a program: connector.py, crowd.py."""

    def __init__(self, program, daemon, uids, part=None):
        self.group = CpuPart(part) if part else None
        self.process = process.start([os.path.realpath(sys.executable), "-I", PROGRAMS / program, daemon.socket, *uids],
                                     nofile=4096, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.group:
            self.group.take(self.process.pid)

    def __enter__(self):
        assert self.process.stdout.readline() == b"at work\n"
        return self.process

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        if self.group:
            self.group.close()


class Flood:
    """While in it, a user asks for as many different paths as the daemon answers, whatever the answers are."""

    DEPTH = 40

    def __init__(self, daemon, uid):
        self.daemon, self.uid = daemon, uid
        self.requests = 0  # those that were answered
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _batch(self):
        bodies = [f'{{"id":{n % 1000},"op":"kv.get","mount":"secret","path":"p{n:09}"}}'
                  for n in range(self.requests, self.requests + self.DEPTH)]
        return b"".join(frame(body.encode()) for body in bodies)

    def _run(self):
        with Conn.as_user(self.daemon.socket, self.uid) as c, c.sock.makefile("rb") as answers:
            while not self._ending.is_set():
                c.sock.sendall(self._batch())
                for _ in range(self.DEPTH):
                    answers.read(int.from_bytes(answers.read(4), "big"))
                self.requests += self.DEPTH

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()


def steady_gets(daemon, mount, path, rate, seconds):
    """One get each 1/rate s on one connection, whether the last was answered or not: for each the seconds from when it was
    due to its answer, and the code of its failure or None; after 30 s without any answer the rest is given up."""
    sent, taken = {}, []
    total = int(rate * seconds)
    with daemon.connect() as c, selectors.DefaultSelector() as selector:
        selector.register(c, selectors.EVENT_READ)
        began = time.monotonic()
        n = 0
        while len(taken) < total:
            now = time.monotonic()
            if n < total and now >= began + n / rate:
                sent[c.send("kv.get", mount=mount, path=path)] = began + n / rate
                n += 1
                continue
            if not selector.select(began + n / rate - now if n < total else 30):
                if n < total:
                    continue
                return taken + [(now - due, "no answer") for due in sent.values()]
            for reply in c.recv_ready():
                taken.append((time.monotonic() - sent.pop(reply.id), reply.code))
    return taken
