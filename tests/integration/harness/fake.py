"""A daemon that a test scripts, for what the real one cannot be brought to do: it takes one connection after the
other, and does with each what the test's function says."""

import contextlib
import json
import socket
import struct
import threading

from . import process
from .client import DATA, JSON, frame


class Gone(Exception):
    """The other side has closed."""


class Peer:
    """One connection, seen from the daemon."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(process.patience(30))
        self.request = None

    def _exactly(self, n):
        data = bytearray()
        while len(data) < n:
            got = self.sock.recv(min(n - len(data), 1 << 20))
            if not got:
                raise Gone
            data += got
        return bytes(data)

    def _frame(self, kind):
        word = struct.unpack(">I", self._exactly(4))[0]
        assert word >> 24 == kind, hex(word)
        return self._exactly(word & 0xffffff)

    def read(self):
        """The next request."""
        self.request = json.loads(self._frame(JSON))
        return self.request

    def read_data(self):
        """A data frame; empty at the end of the data."""
        return self._frame(DATA)

    def read_stream(self):
        """All data up to its end."""
        data = bytearray()
        while piece := self.read_data():
            data += piece
        return bytes(data)

    def say(self, **members):
        self.sock.sendall(frame(json.dumps({"id": self.request["id"], "ok": True, **members}).encode()))

    def refuse(self, code, message="so it is", status=0):
        self.say(ok=False, error={"code": code, "message": message, "status": status, "retryable": False})

    def data(self, data):
        """Data frames, without their end."""
        for start in range(0, len(data), 65536):
            self.sock.sendall(frame(data[start:start + 65536], DATA))

    def end(self):
        self.sock.sendall(frame(b"", DATA))

    def wait_gone(self):
        """Reads until the client closes; what it still sent."""
        data = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while got := self.sock.recv(65536):
                data += got
        return bytes(data)


class Fake:
    """serve(peer) runs in the daemon's thread for each connection, and may raise Gone. What else it raises is
    raised again by close()."""

    def __init__(self, serve):
        self.directory = process.scratch()
        self.socket = self.directory / "s.sock"
        self.serve = serve
        self.connections = 0
        self._trouble = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while self._trouble is None:
            try:
                sock = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            with sock:
                try:
                    self.serve(Peer(sock))
                except (Gone, ConnectionError):
                    pass
                except Exception as e:
                    self._trouble = e

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(process.patience(30))
        process.remove(self.directory)
        if self._trouble is not None:
            raise self._trouble
