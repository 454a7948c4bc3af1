"""The socket's protocol, written from its description and not from the C library: frames, raw bytes,
pipelining."""

import array
import itertools
import json
import os
import socket
import struct

from . import canary

JSON = 0
DATA = 1
DATA_MAX = 65536
SPACE = " \t\n\r"


def frame(body, kind=JSON):
    return struct.pack(">I", kind << 24 | len(body)) + body


def _skip(text, i, chars=SPACE):
    while i < len(text) and text[i] in chars:
        i += 1
    return i


def _value_end(text, i):
    """The index after the JSON value that starts at i, found by brackets and quotes alone."""
    depth = 0
    while True:
        c = text[i]
        if c == '"':
            i += 1
            while text[i] != '"':
                i += 2 if text[i] == "\\" else 1
        elif c in "{[":
            depth += 1
        elif c in "}]":
            depth -= 1
        elif depth == 0:  # a bare word or number
            while i < len(text) and text[i] not in ",}] \t\n\r":
                i += 1
            return i
        i += 1
        if depth == 0:
            return i


def member(body, name):
    """The bytes of a member of the object in body, as they stand there; None if it has none."""
    text = body.decode("latin-1")  # one character per byte
    i = _skip(text, 0)
    assert text[i] == "{", "not an object"
    i = _skip(text, i + 1)
    while text[i] != "}":
        key_end = _value_end(text, i)
        key = json.loads(text[i:key_end].encode("latin-1"))
        start = _skip(text, key_end, SPACE + ":")
        end = _value_end(text, start)
        if key == name:
            return body[start:end]
        i = _skip(text, end, SPACE + ",")
    return None


class Reply:
    def __init__(self, body):
        self.body = body
        self.data_raw = member(body, "data")  # byte for byte
        said = body if self.data_raw is None else body.replace(self.data_raw, b"null", 1)
        self.json = json.loads(said)  # without the payload, which may be nested deeper than json can take
        self.id = self.json["id"]
        self.ok = self.json["ok"]
        canary.run.record("replies", said if self.ok else body)

    def __getitem__(self, name):
        return self.json[name]

    def get(self, name, default=None):
        return self.json.get(name, default)

    @property
    def data(self):
        return json.loads(self.data_raw)

    @property
    def code(self):
        return None if self.ok else self.json["error"]["code"]

    @property
    def error(self):
        return self.json["error"]

    @property
    def message(self):
        return self.json["error"]["message"]

    def __repr__(self):
        return f"<Reply {self.body[:400]!r}>"


class Conn:
    """One connection. Replies that are not the one asked for are kept until they are."""

    def __init__(self, path=None, timeout=60, sock=None):
        self.sock = sock or socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        if not sock:
            self.sock.connect(str(path))
        self._ids = itertools.count(1)
        self._in = bytearray()
        self._kept = {}

    @classmethod
    def as_user(cls, path, uid, gid=None, groups=(), timeout=60):
        """A connection made by a process of another user: the kernel notes who connects, the socket is handed
        on."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        child = os.fork()
        if child == 0:
            try:
                os.setgroups(list(groups))
                os.setgid(uid if gid is None else gid)
                os.setuid(uid)
                s = socket.socket(socket.AF_UNIX)
                s.connect(str(path))
                theirs.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
            except OSError as e:
                theirs.send(b"-" + str(e.errno).encode())
            finally:
                os._exit(0)
        theirs.close()
        with ours:
            said, control, _, _ = ours.recvmsg(64, socket.CMSG_SPACE(4))
        os.waitpid(child, 0)
        if said[:1] != b"+":
            raise OSError(int(said[1:]), os.strerror(int(said[1:])))
        fd = array.array("i", control[0][2])[0]
        return cls(timeout=timeout, sock=socket.socket(fileno=fd))

    def fileno(self):
        return self.sock.fileno()

    def send_bytes(self, data):
        self.sock.sendall(data)

    def send_body(self, body, kind=JSON):
        self.send_bytes(frame(body.encode() if isinstance(body, str) else body, kind))

    def send(self, op, *, raw_data=None, **members):
        """Sends a request and gives its id. raw_data: the bytes of the member data, sent as they are."""
        request = {"id": next(self._ids), "op": op, **members}
        body = json.dumps(request, ensure_ascii=False).encode()
        if raw_data is not None:
            body = body[:-1] + b',"data":' + raw_data + b"}"
        self.send_body(body)
        return request["id"]

    def _fill(self):
        data = self.sock.recv(1 << 16)
        self._in += data
        return len(data)

    def _whole_frame(self):
        """(kind, body) of one that has come, or None."""
        if len(self._in) < 4:
            return None
        word = struct.unpack(">I", self._in[:4])[0]
        kind, length = word >> 24, word & 0xffffff
        if len(self._in) < 4 + length:
            return None
        body = bytes(self._in[4:4 + length])
        del self._in[:4 + length]
        return kind, body

    def recv_ready(self):
        """The replies that one read gives."""
        assert self._fill(), "closed"
        while (got := self._whole_frame()) is not None:
            yield Reply(got[1])

    def recv_frame(self):
        """(kind, body), or None when the other side has closed."""
        while True:
            got = self._whole_frame()
            if got is not None:
                return got
            if self._fill() == 0:
                assert not self._in, "closed in the middle of a frame"
                return None

    def recv(self):
        """The next reply, or None when the other side has closed."""
        got = self.recv_frame()
        if got is None:
            return None
        assert got[0] == JSON, "a data frame outside a stream"
        return Reply(got[1])

    def reply_to(self, wanted):
        while wanted not in self._kept:
            reply = self.recv()
            assert reply is not None, f"closed without a reply to {wanted}"
            self._kept[reply.id] = reply
        return self._kept.pop(wanted)

    def call(self, op, **members):
        return self.reply_to(self.send(op, **members))

    # Streams.

    def begin_save(self, **members):
        """The first reply, which has "stream" or is an error."""
        return self.call("snapshot.save", **members)

    def recv_stream(self):
        """(bytes so far, None) for each data frame, then (all bytes, the reply that ends it)."""
        data = bytearray()
        while True:
            got = self.recv_frame()
            assert got is not None, "closed in the middle of a stream"
            kind, body = got
            if kind == JSON:  # instead of data: an error
                yield data, Reply(body)
                return
            assert len(body) <= DATA_MAX
            if not body:
                yield data, self.recv()
                return
            data += body
            yield data, None

    def save(self, **members):
        """(bytes, the last reply)"""
        reply = self.begin_save(**members)
        if not reply.ok:
            return b"", reply
        assert reply["stream"] is True
        for data, reply in self.recv_stream():
            if reply is not None:
                return bytes(data), reply

    def begin_restore(self, **members):
        return self.call("snapshot.restore", **members)

    def send_data(self, data, piece=DATA_MAX):
        """As data frames."""
        for at in range(0, len(data), piece):
            self.send_body(data[at:at + piece], DATA)

    def restore(self, data, piece=DATA_MAX, **members):
        """The last reply."""
        reply = self.begin_restore(**members)
        if not reply.ok:
            return reply
        assert reply["continue"] is True
        try:
            self.send_data(data, piece)
            self.send_body(b"", DATA)
        except OSError:
            pass  # it has failed already, as the reply says
        return self.recv()

    def shut_writing(self):
        self.sock.shutdown(socket.SHUT_WR)

    def is_closed(self):
        """Waits for the other side's close; fails (timeout) when it does not come. What came before is dropped."""
        try:
            while self._fill():
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
