"""A TCP relay that can hold back what passes through it. In front of a raft node's cluster port it makes that node lag
behind the others for as long as a test wants, and no longer than raft bears without an election (some seconds)."""

import contextlib
import select
import socket
import threading


class Relay:
    def __init__(self, target):
        self.target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while not self._ended:
            try:
                if select.select([self._listener], [], [], 0.1)[0]:
                    near = self._listener.accept()[0]
                    threading.Thread(target=self._connect, args=(near,), daemon=True).start()
            except (OSError, ValueError):
                return

    def _connect(self, near):
        try:
            far = socket.create_connection(("127.0.0.1", self.target), timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                self._flowing.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def held(self):
        """What comes meanwhile is passed on afterwards."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    def close(self):
        self._ended = True
        self._flowing.set()
        self._listener.close()
