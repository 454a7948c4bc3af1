"""A user's thousand connections at their worst, until it is killed.

abusers.py SOCKET UID COUNT MOUNT PATH [KIND...]: prints a line when all have been tried once. A connection that is closed or
refused is made anew. What they do, by turns or as named:
  half      most of a large request, and then a byte now and then
  garbage   frames that are no requests, as many as the socket takes, and reads the answers
  pings     the same with good requests that cost the daemon least
  gets      the same with requests that go to OpenBao
  deaf      the same, and never reads
"""

import contextlib
import json
import os
import selectors
import socket
import struct
import sys

HALF = 1 << 20
BLOCK = 65536


def frame(body):
    return struct.pack(">I", len(body)) + body


def requests(**members):
    """A block of requests; replies are not told apart."""
    block = b""
    n = 0
    while len(block) < BLOCK:
        n += 1
        block += frame(json.dumps({"id": n, **members}).encode())
    return block


class Abuser:
    def __init__(self, path, kind, block):
        self.path, self.kind, self.block = path, kind, block
        self.sock = None
        self.rest = b""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.rest = frame(b"{" * HALF)[:HALF * 9 // 10] if self.kind == "half" else self.block
        try:
            self.sock.connect(self.path)
        except OSError:  # the backlog is full
            self.sock.close()
            self.sock = None

    def write(self):
        if not self.rest:
            self.rest = b"{" if self.kind == "half" else self.block
        with contextlib.suppress(BlockingIOError):
            self.rest = self.rest[self.sock.send(self.rest):]

    def read(self):
        """False at the end."""
        with contextlib.suppress(BlockingIOError):
            return len(self.sock.recv(BLOCK)) > 0
        return True


def serve(abusers):
    selector = selectors.EpollSelector()
    told = False
    while True:
        for abuser in abusers:
            if abuser.sock is None:
                abuser.connect()
                if abuser.sock is not None:
                    reads = 0 if abuser.kind == "deaf" else selectors.EVENT_READ
                    selector.register(abuser.sock, selectors.EVENT_WRITE | reads, abuser)
        if not told:
            print("at work", flush=True)
            told = True
        for key, events in selector.select(0.01):
            abuser = key.data
            try:
                over = events & selectors.EVENT_READ and not abuser.read()
                if not over and events & selectors.EVENT_WRITE:
                    abuser.write()
            except OSError:
                over = True
            if over:
                selector.unregister(abuser.sock)
                abuser.sock.close()
                abuser.sock = None


def main():
    path, uid, count, mount, secret = sys.argv[1:6]
    kinds = sys.argv[6:] or ["half", "garbage", "pings", "gets", "deaf"]
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    get = requests(op="kv.get", mount=mount, path=secret)
    blocks = {"garbage": frame(b"") * (BLOCK // 4), "pings": requests(op="ping"), "gets": get, "deaf": get, "half": b""}
    serve([Abuser(path, kinds[n % len(kinds)], blocks[kinds[n % len(kinds)]]) for n in range(int(count))])


if __name__ == "__main__":
    main()
