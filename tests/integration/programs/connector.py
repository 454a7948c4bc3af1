"""connector.py SOCKET UID...: as each of these users in turn connects and closes as fast as it can, until its input ends; a line
a second says how many connections the daemon took without a word, and how many it turned away."""

import os
import select
import socket
import sys
import time


def connect(path):
    """False: it was turned away."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.setblocking(False)
        try:
            return not s.recv(1)
        except BlockingIOError:
            return True


path, uids = sys.argv[1], [int(uid) for uid in sys.argv[2:]]
taken = refused = 0
said = time.monotonic()
os.setgroups([])
print("at work", flush=True)
while not select.select([0], [], [], 0)[0]:
    for uid in uids:
        os.setresuid(uid, uid, 0)
        for _ in range(50):
            try:
                if connect(path):
                    taken += 1
                else:
                    refused += 1
            except (BlockingIOError, ConnectionError):
                refused += 1
        os.setresuid(0, 0, 0)
    if time.monotonic() > said + 1:
        said = time.monotonic()
        print(taken, refused, flush=True)
