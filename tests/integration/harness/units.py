"""Callers that run in a systemd unit, as far as the kernel and libsystemd can tell: processes in a cgroup of its name."""
import array
import contextlib
import os
import signal
import socket
from pathlib import Path

from harness.client import Conn


def cgroup2():
    for line in Path("/proc/self/mounts").read_text(encoding="ascii").splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return Path(fields[1])
    raise AssertionError("cgroup2 is mounted nowhere")


@contextlib.contextmanager
def unit(name, slices="system.slice"):
    """The cgroup of a unit; name may have several parts, as that of a user's unit has."""
    path = cgroup2() / slices / name
    made = [p for p in [path, *path.parents] if not p.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    finally:
        for p in made:
            with contextlib.suppress(OSError):  # another test has one below it
                p.rmdir()


def fork(run):
    """A child that runs `run` and then waits to be killed."""
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            run()
            signal.pause()
        finally:
            os._exit(1)
    return child


def end(child):
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def join(cgroup):
    (cgroup / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


class Caller:
    """A process in that cgroup, with that uid, that has connected and lives on until it is ended."""

    def __init__(self, socket_path, cgroup, uid=0):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

        def run():
            join(cgroup)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(socket_path))
            theirs.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])

        self.pid = fork(run)
        theirs.close()
        with ours:
            ours.settimeout(10)
            control = ours.recvmsg(8, socket.CMSG_SPACE(4))[1]
        self.conn = Conn(sock=socket.socket(fileno=array.array("i", control[0][2])[0]))

    def end(self):
        if self.pid:
            end(self.pid)
            self.pid = None

    def __enter__(self):
        return self.conn

    def __exit__(self, *_):
        self.conn.close()
        self.end()


def become(pid, run, tries=200):
    """A child with that very pid, that runs `run` and then waits; None if others were always faster."""
    for _ in range(tries):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1), encoding="ascii")
        child = fork(run)
        if child == pid:
            return child
        end(child)
    return None
