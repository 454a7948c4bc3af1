"""What of systemd's manager a service sees: a socket that it tells things to, and descriptors that it starts with."""

import array
import os
import socket

from . import process


class Manager:
    """Holds, as the fd store, the descriptors that it was given, by their names."""

    def __init__(self):
        self.directory = process.scratch()
        self.address = self.directory / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.address))
        self.socket.setblocking(False)
        self.said = []
        self.store = {}

    @property
    def env(self):
        return {"NOTIFY_SOCKET": str(self.address)}

    def listen(self):
        """Takes in what has come so far."""
        while True:
            try:
                data, control, _, _ = self.socket.recvmsg(8192, socket.CMSG_SPACE(16))
            except BlockingIOError:
                return
            self._take(data.decode(), [fd for _, _, fds in control for fd in array.array("i", fds)])

    def _take(self, text, fds):
        said = dict(line.split("=", 1) for line in text.splitlines())
        self.said.append(said)
        name = said.get("FDNAME")
        if "FDSTOREREMOVE" in said:
            for fd in self.store.pop(name, []):
                os.close(fd)
        if "FDSTORE" in said:
            self.store.setdefault(name, []).extend(fds)
        else:
            assert not fds

    def wait_stored(self, name):
        def stored():
            self.listen()
            return self.store.get(name)
        return process.wait_until(stored, process.patience(10), f"{name} is in the fd store")

    def wait_forgotten(self, name):
        def forgotten():
            self.listen()
            return name not in self.store
        process.wait_until(forgotten, process.patience(10), f"{name} is not in the fd store any more")

    def prefix(self, fds):
        """What the daemon is started by, so that it finds these (name, descriptor) as systemd passes them on."""
        passed = " ".join(f"{n}<>/proc/{os.getpid()}/fd/{fd}" for n, (_, fd) in enumerate(fds, 3))
        names = ":".join(name for name, _ in fds)
        return ["sh", "-c", f'LISTEN_PID=$$ LISTEN_FDS={len(fds)} LISTEN_FDNAMES={names} exec "$@" {passed}', "sh"]

    def close(self):
        self.socket.close()
        for fds in self.store.values():
            for fd in fds:
                os.close(fd)
        process.remove(self.directory)
