"""What an intruder finds: no core, no way into the daemon's memory from its own user's processes, no descriptor that
a child would inherit."""

import os
import signal
import subprocess
import sys

import pytest

from harness import process

pytestmark = pytest.mark.root

UID = 12345
PLAIN = pytest.mark.skipif(process.SANITIZED, reason="its leak check traces the process, so it stays dumpable")

# Run as a user: what of the process PID can be had. Prints a line for each way in.
INTRUDER = """
import ctypes, errno, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
ATTACH, SEIZE = 16, 0x4206

class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]

def way(name, ok):
    if ok:
        print(name)

for file in ("mem", "environ", "maps", "auxv", "fd/0"):
    try:
        with open(f"/proc/{pid}/{file}", "rb"):
            print(file)
    except OSError:
        pass
there = Iovec(4096, 8)  # where nothing is, which only those are told who may look
here = ctypes.create_string_buffer(8)
libc.process_vm_readv(pid, ctypes.byref(Iovec(ctypes.addressof(here), 8)), 1, ctypes.byref(there), 1, 0)
way("process_vm_readv", ctypes.get_errno() == errno.EFAULT)
way("seize", libc.ptrace(SEIZE, pid, None, None) == 0)
way("attach", libc.ptrace(ATTACH, pid, None, None) == 0)
"""


@pytest.fixture
def own_user(daemon, site, scratch):
    """Starts the daemon as a user of its own, in a folder that this user may write to; core files were allowed."""
    os.chown(scratch, UID, UID)
    os.chown(site.directory, UID, UID)
    os.chown(site.secret_id_file, UID, UID)
    prefix = as_user(scratch)
    settings = site.settings(allow={"tests": {"uid": [UID, 0]}}, audit={"file": str(scratch / "audit")})
    return lambda **kw: daemon(settings, prefix=prefix, socket_path=scratch / "run" / "s.sock", **kw)


def as_user(directory):
    """Puts before a command: there, as the user, with core files allowed."""
    return ["sh", "-c", 'cd "$0" && ulimit -c unlimited && exec "$@"', directory,
            "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]


def ways_in(pid):
    done = subprocess.run([os.path.realpath(sys.executable), "-I", "-c", INTRUDER, str(pid)], user=UID, group=UID,
                          extra_groups=[], capture_output=True, check=True, timeout=60)
    return done.stdout.decode().split()


def killed_by(child, number):
    """How it ended: CLD_KILLED, or CLD_DUMPED with a core."""
    child.send_signal(number)
    ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ended.si_status == number
    return ended.si_code


def test_the_ways_in_are_ways_into_a_process_that_is_not_hardened(scratch):
    """Else the next test would be worthless."""
    os.chown(scratch, UID, UID)
    child = process.start([*as_user(scratch), "sleep", "600"], stdin=subprocess.DEVNULL)
    try:
        process.wait_until(lambda: os.readlink(f"/proc/{child.pid}/exe").endswith("sleep"), 10, "it runs")
        assert {"mem", "environ", "maps", "process_vm_readv", "seize"} <= set(ways_in(child.pid))
    finally:
        process.end(child)


@PLAIN
def test_another_process_of_its_own_user_has_no_way_in(own_user, site):
    d = own_user()
    site.assert_served_by(d)
    assert os.stat(f"/proc/{d.pid}/mem").st_uid == 0
    assert ways_in(d.pid) == []


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV])
@pytest.mark.skipif(process.SANITIZED, reason="AddressSanitizer has handlers for these")
def test_a_core_signal_leaves_no_core(own_user, scratch, number):
    d = own_user()
    with open(f"/proc/{d.pid}/limits") as f:
        assert [line.split()[4:6] for line in f if line.startswith("Max core file size")] == [["0", "0"]]
    d.expect_stop = False
    assert killed_by(d.process, number) == os.CLD_KILLED
    assert [name for name in os.listdir(scratch) if name not in ("run", "audit")] == []
    unhardened = process.start([*as_user(scratch), "sleep", "600"], stdin=subprocess.DEVNULL)
    try:
        process.wait_until(lambda: os.readlink(f"/proc/{unhardened.pid}/exe").endswith("sleep"), 10, "it runs")
        if killed_by(unhardened, number) != os.CLD_DUMPED:
            pytest.skip("no process leaves a core here")
    finally:
        process.end(unhardened)


def test_a_build_for_developers_is_open_to_a_debugger_and_leaves_a_core(own_user, scratch):
    """And says so. No other build does: the tests before."""
    program = process.ROOT / "build" / "dev-token" / ("asan" if process.SANITIZED else "") / "secretstored"
    d = own_user(program=program)
    assert {"mem", "environ", "maps", "process_vm_readv", "seize"} <= set(ways_in(d.pid))
    assert "warning: this build leaves its memory to debuggers and core dumps of its user (make DEV_TOKEN=1)\n" in d.log
    with open(f"/proc/{d.pid}/limits") as f:
        assert [line.split()[4:6] for line in f if line.startswith("Max core file size")] != [["0", "0"]]
    d.stop()
    assert "leaves its memory" not in own_user().log


def test_no_descriptor_would_be_inherited(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    proxy.fault("answered", how="hang", path="data/slow")
    with d.connect() as c, d.connect() as other:
        assert other.call("ping").ok
        assert c.call("kv.get", mount=site.mount, path="a").code == "not_found"
        c.send("kv.get", mount=site.mount, path="slow", timeout_ms=60000)
        proxy.wait_seen(1, "GET", "data/slow")
        kinds, kept = [], []
        for fd in os.listdir(f"/proc/{d.pid}/fd"):
            target = os.readlink(f"/proc/{d.pid}/fd/{fd}")
            with open(f"/proc/{d.pid}/fdinfo/{fd}") as f:
                flags = next(int(line.split()[1], 8) for line in f if line.startswith("flags:"))
            kinds.append(target.partition(":")[0])
            if not flags & os.O_CLOEXEC and int(fd) > 2:
                kept.append((fd, target))
    assert kinds.count("socket") >= 4 and any("lock" in kind for kind in kinds), kinds
    assert kept == []


def test_it_gains_no_privileges(daemon, site):
    d = daemon(site.settings())
    with open(f"/proc/{d.pid}/status") as f:
        assert "NoNewPrivs:\t1\n" in f.read()


# Of locked memory.


def limited(memlock):
    return ["prlimit", f"--memlock={memlock}", "setpriv", "--bounding-set=-ipc_lock,-sys_resource", "--inh-caps=-all"]


@PLAIN
@pytest.mark.parametrize("prefix", [[], limited("unlimited")], ids=["capability", "no limit"])
def test_all_memory_is_locked_and_does_not_grow_by_it(daemon, site, prefix):
    if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        pytest.skip("the limit cannot be raised here")
    settings = site.settings(process={"lock_memory": "required"})
    d = daemon(settings, prefix=prefix)
    site.assert_served_by(d)
    assert d.memory_kb("VmLck") >= 0.9 * d.memory_kb("VmSize")
    assert d.memory_kb("VmRSS") <= 16 * 1024


@PLAIN
@pytest.mark.parametrize("memlock", ["0", "8388608"])
def test_where_memory_may_not_be_locked_without_limit_it_is_not_locked_and_warned_of(daemon, site, memlock):
    """A limit that is large enough at the start may be reached later, and then an allocation would fail."""
    d = daemon(site.settings(), prefix=limited(memlock))
    site.assert_served_by(d)
    assert d.log.count("warning: secrets may be swapped: cannot lock memory: ") == 1
    assert "LimitMEMLOCK=infinity" in d.log
    assert d.memory_kb("VmLck") == 0


def test_a_daemon_that_must_lock_its_memory_does_not_start_without(daemon, site):
    d = daemon(site.settings(process={"lock_memory": "required"}), prefix=limited("8388608"), wait=None)
    d.expect_stop = False
    assert d.process.wait(20) == 78
    assert "error: " in d.log
    assert site.logins() == []


@PLAIN
def test_locked_memory_is_given_back_after_a_rush(daemon, site):
    d = daemon(site.settings(limits={"connections": 2000, "connections_per_uid": 2000},
                             process={"lock_memory": "required"}))
    before = d.memory_kb()
    conns = [d.connect() for _ in range(600)]
    for c in conns:
        c.send_bytes(b"\0\0\x80\0" + b" " * 16000)
    with d.connect() as last:
        last.call("ping")
        process.wait_until(lambda: d.memory_kb() > before + 8000, 20, "much is held")
    for c in conns:
        c.close()
    process.wait_until(lambda: d.memory_kb() < before + 1500, 20, "memory is given back")
    # It is unlocked for as long as that takes.
    process.wait_until(lambda: d.memory_kb("VmLck") >= 0.9 * d.memory_kb("VmSize"), 20, "memory is locked again")
