"""A fault proxy between the daemon and OpenBao. It passes HTTP/1.1 on, request by request, counts what comes, and
breaks what it is told to break: at which point of which request, with a FIN, a reset or silence."""

import re
import select
import socket
import struct
import threading
from dataclasses import dataclass

from .process import wait_until

FIN = "fin"
RESET = "reset"
HANG = "hang"  # nothing more comes, the connection stays open


class _Over(Exception):
    """This connection has come to its end."""


@dataclass
class Fault:
    """What happens to a request that fits. at: 'headers' (they have come, nothing is passed on), 'body' (that
    and after bytes of the body have come), 'request' (all of it has come, nothing is passed on), 'answered'
    (passed on, the answer is thrown away), 'shorten' (the answer comes, well-formed, but with only the first
    after bytes of its body), 'reply' (after bytes of the answer are sent, header included), 'page' (nothing is
    passed on, a firewall's page with that status is the answer), 'replaced' (it is passed on, and that page is
    the answer), 'hold' (it is passed on seconds late, unless its sender hangs up meanwhile), 'delay' (the
    answer comes seconds late). gate: an event; 'hold' and 'delay' last until it is set."""
    at: str
    how: str = FIN
    after: int = 0
    status: int = 403
    seconds: float = 0
    gate: threading.Event = None
    method: str = None
    path: str = None     # a regular expression, searched for
    times: int = 1       # requests it applies to; -1: all
    reused_only: bool = False
    last: int = None     # only on connections made up to this one
    hits: int = 0

    def fits(self, request):
        return (self.times != self.hits and self.method in (None, request.method)
                and (self.path is None or re.search(self.path, request.path))
                and (not self.reused_only or request.number > 1)
                and (self.last is None or request.connection <= self.last))


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    connection: int
    number: int          # on its connection, from 1
    body: bytes = b""
    whole: bool = False  # the body has come
    status: int = 0
    fault: str = None
    passed_on: bool = False


class _Stream:
    """Buffered reading from one socket that ends when the connection is told to."""

    def __init__(self, sock, ended):
        self.sock = sock
        self.buffer = bytearray()
        self.ended = ended

    def fill(self):
        while not self.ended.is_set():
            if select.select([self.sock], [], [], 0.1)[0]:
                data = self.sock.recv(1 << 16)
                if not data:
                    raise _Over
                self.buffer += data
                return
        raise _Over

    def take(self, n):
        while len(self.buffer) < n:
            self.fill()
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def take_to(self, mark):
        while mark not in self.buffer:
            self.fill()
        return self.take(self.buffer.index(mark) + len(mark))


def _parse_head(head):
    lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines[1:] if line)
    return lines[0], {name.strip().lower(): value.strip() for name, _, value in fields}


def shortened(reply, size):
    """An answer of the first size bytes of this one's body."""
    head, _, body = reply.partition(b"\r\n\r\n")
    line, headers = _parse_head(head)
    if headers.pop("transfer-encoding", "").lower() == "chunked":
        content = b""
        while body:
            length, _, body = body.partition(b"\r\n")
            length = int(length.split(b";")[0], 16)
            content += body[:length]
            body = body[length + 2:]
    else:
        content = body
    headers["content-length"] = str(min(size, len(content)))
    fields = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    return f"{line}{fields}\r\n\r\n".encode("latin-1") + content[:size]


def _page(status):
    text = b"<html><body><h1>Request blocked</h1></body></html>"
    head = f"HTTP/1.1 {status} Blocked\r\nContent-Type: text/html\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


class _Connection:
    def __init__(self, proxy, number, sock):
        self.proxy = proxy
        self.number = number
        self.sock = sock
        self.ended = threading.Event()
        self.client = _Stream(sock, self.ended)
        self.server = None
        self.requests = 0
        self.idle = True
        self.thread = threading.Thread(target=self.run, daemon=True)

    # Ending.

    def close(self, reset=False):
        """From any thread. The peer sees it at once: shutdown, or a reset by the linger option and close."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.ended.set()
        if reset:
            self.thread.join(2)  # its select sees the event; then the close sends the reset

    def fault_end(self, fault):
        if fault.how == HANG:
            self.ended.wait()
        elif fault.how == RESET:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Over

    def run(self):
        try:
            if self.proxy.silent:
                self.ended.wait()
            while not self.ended.is_set():
                self.one()
        except (_Over, OSError):
            pass
        finally:
            self.ended.set()
            self.sock.close()
            if self.server:
                self.server.sock.close()
            self.proxy.forget(self)

    def hold(self, fault):
        while True:
            if select.select([self.sock], [], [], 0.02 if fault.gate else fault.seconds)[0]:
                raise _Over  # nothing is pipelined, so this is the end of the connection
            if not fault.gate or fault.gate.is_set():
                return

    def delay(self, fault):
        while not (fault.gate and fault.gate.is_set()):
            if self.ended.wait(0.02 if fault.gate else fault.seconds):
                raise _Over
            if not fault.gate:
                return

    # One request and its answer.

    def one(self):
        head = self.client.take_to(b"\r\n\r\n")
        self.idle = False
        line, headers = _parse_head(head)
        method, path, _ = line.split(" ", 2)
        self.requests += 1
        request = Request(method, path, headers, self.number, self.requests)
        fault = self.proxy.note(request)
        if fault and fault.at == "headers":
            self.fault_end(fault)
        if fault and fault.at == "body":
            request.body = self.client.take(fault.after)
            self.fault_end(fault)
        body = self.read_body(self.client, headers)
        request.body, request.whole = body, True
        if fault and fault.at == "request":
            self.fault_end(fault)
        if fault and fault.at == "hold":
            self.hold(fault)
        if fault and fault.at == "page":
            status, reply = fault.status, _page(fault.status)
        else:
            status, reply = self.ask(request, head, body)
        if fault and fault.at == "replaced":
            status, reply = fault.status, _page(fault.status)
        request.status = status
        if fault and fault.at == "answered":
            self.fault_end(fault)
        if fault and fault.at == "delay":
            self.delay(fault)
        if fault and fault.at == "shorten":
            reply = shortened(reply, fault.after)
        if fault and fault.at == "reply":
            self.sock.sendall(reply[:fault.after])
            self.fault_end(fault)
        self.idle = True  # before the reply: whoever has got it may count on it
        self.sock.sendall(reply)

    @staticmethod
    def read_body(stream, headers, to_the_end=False):
        """The body as it travels, with its chunk sizes where it has them."""
        if "content-length" in headers:
            return stream.take(int(headers["content-length"]))
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while True:
                line = stream.take_to(b"\r\n")
                size = int(line.split(b";")[0], 16)
                body += line + stream.take(size + 2)
                if size == 0:
                    return body
        if to_the_end:
            try:
                while True:
                    stream.fill()
            except _Over:
                return bytes(stream.buffer)
        return b""

    def ask(self, request, head, body):
        if self.server is None:
            sock = socket.create_connection(("127.0.0.1", self.proxy.target), timeout=30)
            self.server = _Stream(sock, self.ended)
        request.passed_on = True
        self.server.sock.sendall(head + body)
        while True:
            reply = self.server.take_to(b"\r\n\r\n")
            line, headers = _parse_head(reply)
            status = int(line.split(" ")[1])
            if status >= 200:
                break
        if request.method != "HEAD" and status not in (204, 304):
            reply += self.read_body(self.server, headers, to_the_end=True)
        return status, reply


class Proxy:
    def __init__(self, target):
        self.target = target
        self.silent = False     # accept and never answer
        self.requests = []
        self.connections_made = 0
        self._lock = threading.Lock()
        self._faults = []
        self._open = set()
        self._listener = None
        self.port = 0
        self.accept()

    # The listening side.

    def accept(self):
        """(Again) accepts connections, on the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(512)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener):
        while self._listener is listener:
            try:
                if not select.select([listener], [], [], 0.05)[0]:
                    continue
                sock, _ = listener.accept()
            except (OSError, ValueError):
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections_made += 1
                connection = _Connection(self, self.connections_made, sock)
                self._open.add(connection)
            connection.thread.start()

    def refuse(self):
        """From now on connections are refused; those that are open end."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.close_all()

    def blackhole(self, on=True):
        """Connections are accepted and nothing is ever said; those that are open end."""
        self.silent = on
        self.close_all()

    # Faults.

    def fault(self, at, **kw):
        f = Fault(at, **kw)
        with self._lock:
            self._faults.append(f)
        return f

    def forget_all(self):
        """Like a firewall that has lost its table: nothing comes back on the connections that there are."""
        return self.fault("headers", how=HANG, times=-1, last=self.connections_made)

    def clear(self):
        with self._lock:
            self._faults.clear()

    def note(self, request):
        with self._lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.fits(request):
                    fault.hits += 1
                    request.fault = fault.at
                    return fault
        return None

    def forget(self, connection):
        with self._lock:
            self._open.discard(connection)

    # What is there.

    def idle_connections(self):
        with self._lock:
            return [c for c in self._open if c.idle and not c.ended.is_set()]

    def close_idle(self, reset=False):
        """Ends the kept-alive connections that carry no request; how many there were."""
        idle = self.idle_connections()
        for c in idle:
            c.close(reset)
        return len(idle)

    def close_all(self, reset=False):
        with self._lock:
            connections = list(self._open)
        for c in connections:
            c.close(reset)

    def seen(self, method=None, path=None):
        """Requests that came, in order; path: a regular expression."""
        with self._lock:
            return [r for r in self.requests
                    if method in (None, r.method) and (path is None or re.search(path, r.path))]

    def wait_seen(self, count, method=None, path=None, timeout=20):
        """Waits until so many of them have come whole."""
        wait_until(lambda: sum(r.whole for r in self.seen(method, path)) >= count, timeout,
                   f"{count} × {method} {path} came")

    def close(self):
        self.refuse()
