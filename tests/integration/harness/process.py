"""Child processes that never outlive the test run, free ports, and waiting for a state with a deadline."""

import ctypes
import os
import random
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / os.environ.get("SECRETSTORE_BUILD", "build")

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def binary(name):
    return BUILD / name


def is_sanitized():
    """Whether the build under test carries AddressSanitizer: it is slower and its memory figures mean nothing."""
    try:
        return b"__asan_init" in binary("secretstored").read_bytes()
    except FileNotFoundError:
        return False


SANITIZED = is_sanitized()


def patience(seconds):
    """A deadline that allows for a loaded machine; it is only waited for in full when the test fails."""
    return seconds * (3 if SANITIZED else 2)


def start(args, *, nofile=None, **popen):
    """Popen of a child that the kernel kills when this process ends, however it ends. Not from a thread."""

    def in_child():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if nofile:
            resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))

    return subprocess.Popen([str(a) for a in args], preexec_fn=in_child, **popen)


def end(process, sig=signal.SIGKILL, timeout=10):
    """Ends a child that may have ended already, may be stopped, may not listen."""
    if process.poll() is None:
        process.send_signal(sig)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout)
    return process.returncode


def is_stopped(pid):
    """Whether all threads of the process are stopped (by SIGSTOP)."""
    stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(stat.rpartition(")")[2].split()[0] in "Tt" for stat in stats)


_taken = []  # a socket for each port that this process was given


def free_port():
    """A port that no other process with this function is given while this one lives. It is below those that the kernel gives
    to outgoing connections: some servers bind theirs only after a while, and one of these would have taken it."""
    while True:
        port = random.randrange(10240, 32768)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0secretstore-tests-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        _taken.append(mark)
        return port


def wait_until(condition, timeout, what, interval=0.02):
    """The first true value of condition(), asked again and again; fails after timeout seconds."""
    end_at = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end_at:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(interval)


def scratch():
    """A directory that other users may enter, with a name short enough for a socket's path."""
    path = Path(tempfile.mkdtemp(prefix="ss-", dir="/tmp"))
    path.chmod(0o755)
    return path


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


def made_and_closed(make):
    """For a fixture to yield from: a function that makes things, which are closed after the test."""
    made = []

    def one(*args, **kw):
        made.append(make(*args, **kw))
        return made[-1]

    yield one
    for thing in made:
        thing.close()


def unique(prefix):
    return f"{prefix}-{secrets.token_hex(4)}"


def raise_file_limit():
    """Lets this process hold thousands of sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 16384 if hard == resource.RLIM_INFINITY else min(hard, 16384)
    if soft == resource.RLIM_INFINITY or soft < want:
        resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))


UID = os.getuid()


def need_mount_namespace():
    """Skips the test where no mount namespace can be had, as in a chroot, whose root is no mount."""
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no mount namespace to be had here")
