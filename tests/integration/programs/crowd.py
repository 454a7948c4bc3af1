"""crowd.py SOCKET UID...: each of these users has three connections, on each of which it has sent half a request of a megabyte.
Those that the daemon ends are made anew, until the input ends."""

import os
import select
import socket
import sys
import time

HALF = ((1 << 20) - 4).to_bytes(4, "big") + b"x" * 900_000
AGAIN_S = 0.2


class Half:
    """A connection of a user, and what it has still to send."""

    def __init__(self, path, uid):
        self.path, self.uid = path, uid
        self.socket = None
        self.left = b""

    def go_on(self):
        try:
            if self.socket is None:
                os.setresuid(self.uid, self.uid, 0)
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.setblocking(False)
                self.socket.connect(self.path)
                self.left = HALF
            while self.left:
                self.left = self.left[self.socket.send(self.left):]
            if not self.socket.recv(4096):
                raise ConnectionResetError
        except BlockingIOError:
            pass
        except OSError:
            self.socket.close()
            self.socket = None
        finally:
            os.setresuid(0, 0, 0)


path, uids = sys.argv[1], [int(uid) for uid in sys.argv[2:]]
os.setgroups([])
halves = [Half(path, uid) for _ in range(3) for uid in uids]
for half in halves:
    half.go_on()
print("at work", flush=True)
while not select.select([0], [], [], 0)[0]:
    for half in halves:
        half.go_on()
    time.sleep(AGAIN_S)
