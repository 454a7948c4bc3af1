"""A stand-in for systemd's journal: its socket, in a mount namespace of the daemon's own, read only when the test reads."""

import os
import socket
import struct

from . import canary, process

# The daemon's own /run, and in it the socket; standard error is told to be the journal's, as systemd does.
SCRIPT = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal
mount --bind "$0" /run/systemd/journal
JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)
export JOURNAL_STREAM
exec "$@"
"""


def parse(datagram):
    """The fields of one entry, in the journal's native format: NAME=value, or NAME, a length, and the value."""
    fields = {}
    while datagram:
        name, _, rest = datagram.partition(b"\n")
        if b"=" in name:
            name, _, value = name.partition(b"=")
        else:
            size = struct.unpack("<Q", rest[:8])[0]
            value, rest = rest[8:8 + size], rest[9 + size:]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


class Journal:
    def __init__(self, name):
        process.need_mount_namespace()
        self.directory = process.scratch()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.directory / "socket"))
        os.chmod(self.directory / "socket", 0o666)
        self.socket.setblocking(False)
        self.prefix = ("unshare", "--mount", "sh", "-c", SCRIPT, str(self.directory))
        self._name = f"daemon-journal-{name}"
        self._entries = []

    def entries(self, **fields):
        """Those that have come, and have these fields."""
        while True:
            try:
                datagram = self.socket.recv(1 << 20)
            except BlockingIOError:
                break
            canary.run.record(self._name, datagram)
            self._entries.append(parse(datagram))
        return [e for e in self._entries if fields.items() <= e.items()]

    def wait(self, **fields):
        return process.wait_until(lambda: self.entries(**fields), process.patience(10), f"the journal has {fields}")

    def wait_message(self, part):
        return process.wait_until(lambda: [e for e in self.entries() if part in e["MESSAGE"]], process.patience(10),
                                  f"the journal has {part!r}")

    def close(self):
        self.socket.close()
        process.remove(self.directory)
