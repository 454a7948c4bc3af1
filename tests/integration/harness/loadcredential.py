"""Asks for a credential as systemd does for LoadCredential=NAME:SOCKET: from a socket with a name, by root, to the end."""

import array
import os
import secrets
import socket

from . import canary

LIMIT = 1 << 20  # systemd takes no more


class Refused(Exception):
    """More came than systemd takes: the unit fails."""


def name(unit, credential, digits=None):
    digits = secrets.token_hex(8) if digits is None else digits
    return b"\0" + f"{digits}/unit/{unit}/{credential}".encode()


def connect(path, address, uid=0, timeout=60):
    """A connection from a socket with that address (None: without one), made by a process of that user."""
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


def load(path, unit, credential, **kw):
    return read(connect(path, name(unit, credential), **kw))
