"""Users who abuse the daemon, held to a part of a processor, and one who asks at a steady rate meanwhile."""

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

from . import process
from .cgroup import CpuPart

PROGRAM = Path(__file__).parent.parent / "programs" / "abusers.py"


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
