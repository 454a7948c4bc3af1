"""Asks for a credential as systemd does for LoadCredential=NAME:SOCKET: from a socket with a name, by root in the unit's
cgroup, to the end."""

import array
import atexit
import contextlib
import functools
import os
import secrets
import socket
import threading

from . import canary, units

LIMIT = 1 << 20  # systemd takes no more


class Refused(Exception):
    """More came than systemd takes: the unit fails."""


def name(unit, credential, digits=None):
    digits = secrets.token_hex(8) if digits is None else digits
    return b"\0" + f"{digits}/unit/{unit}/{credential}".encode()


class Asker:
    """A process of a unit that connects for this one. It lives to the end of the run, as systemd's child does until it
    has read all, so that the daemon can tell its unit."""

    def __init__(self, unit):
        self._lock = threading.Lock()
        self._cgroup = contextlib.ExitStack()
        cgroup = self._cgroup.enter_context(units.unit(unit))
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                units.join(cgroup)
                self._serve(theirs.detach())
            finally:
                os._exit(0)
        theirs.close()
        self._ours.settimeout(60)

    @staticmethod
    def _serve(fd):
        os.dup2(fd, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))  # of the tests' sockets it must keep none open
        theirs = socket.socket(fileno=3)
        while request := theirs.recv(4096):
            address, _, path = request.rpartition(b"\n")
            try:
                with _connected(os.fsdecode(path), address or None, 60) as s:
                    theirs.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
            except OSError as e:
                theirs.send(str(e).encode())

    def connect(self, path, address):
        with self._lock:
            self._ours.send((address or b"") + b"\n" + os.fsencode(path))
            said, control, _, _ = self._ours.recvmsg(4096, socket.CMSG_SPACE(4))
        assert said == b"+", said.decode()
        return socket.socket(fileno=array.array("i", control[0][2])[0])

    def end(self):
        self._ours.close()
        os.waitpid(self.pid, 0)
        self._cgroup.close()


_asking = threading.Lock()


@functools.cache
def _asker_once(unit):
    asker = Asker(unit)
    atexit.register(asker.end)
    return asker


def asker(unit):
    with _asking:
        return _asker_once(unit)


def connect(path, address, uid=0, timeout=60, unit=None):
    """A connection from a socket with that address (None: without one), made by a process of that user, or by root in
    that unit."""
    if unit is not None:
        s = asker(unit).connect(path, address)
        s.settimeout(timeout)
        return s
    if uid == os.getuid():
        return _connected(path, address, timeout)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            s = _connected(path, address, timeout)
            theirs.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        said, control, _, _ = ours.recvmsg(64, socket.CMSG_SPACE(4))
    os.waitpid(child, 0)
    assert said == b"+", "the other user could not connect"
    s = socket.socket(fileno=array.array("i", control[0][2])[0])
    s.settimeout(timeout)
    return s


def _connected(path, address, timeout):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    if address is not None:
        s.bind(address)
    s.connect(str(path))
    s.shutdown(socket.SHUT_WR)
    return s


def read(s):
    """What systemd makes of what comes: the credential, or Refused."""
    came = bytearray()
    with s:
        while len(came) <= LIMIT:
            piece = s.recv(1 << 20)
            if not piece:
                return bytes(came)
            came += piece
    canary.run.record("refusals", bytes(came[-8192:]))
    raise Refused


def load(path, unit, credential):
    """What systemd makes of it, when that unit loads that credential."""
    return read(connect(path, name(unit, credential), unit=unit))
