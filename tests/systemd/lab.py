"""A lab: a real systemd as process 1, in namespaces, over a throw-away layer on this machine's root. It starts within
seconds, and is gone with the process that made it, whichever way that ends. Needs root and a cgroup2 somewhere."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from harness import canary, process

HERE = Path(__file__).resolve().parent
NAME = "secretstore-lab"
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")


class Unfit(Exception):
    """What this machine lacks."""


def _cgroup2():
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind = line.split()[:3]
        if kind == "cgroup2" and os.access(where, os.W_OK):
            return Path(where)
    raise Unfit("the tests under systemd need a cgroup2 that can be written to, and none is mounted here")


def check_machine():
    if os.getuid() != 0:
        raise Unfit("the tests under systemd need root, for namespaces and for users: run them as root or with sudo")
    if not os.access("/lib/systemd/systemd", os.X_OK):
        raise Unfit("the tests under systemd need a systemd to run: apt-get install systemd dbus, or tools/setup check")
    return _cgroup2()


class Failed(AssertionError):
    pass


class Lab:
    def __init__(self):
        cgroups = check_machine()
        self._remove_old(cgroups)
        self.directory = process.scratch()
        self.cgroup = cgroups / f"{NAME}.{os.getpid()}.{process.unique('c')[2:]}"
        self.cgroup.mkdir()
        # It must be in a cgroup of its own before the namespace is made, so that this one is the root that it sees.
        enter = f"echo $$ >{shlex.quote(str(self.cgroup))}/cgroup.procs && exec \"$@\""
        self._outer = process.start(
            ["bash", "-c", enter, "lab", "setsid", "unshare", *NAMESPACES, "--fork", "--kill-child",
             "--propagation", "unchanged",  # in a chroot it cannot be changed; lab-init does it
             HERE / "lab-init", self.directory, process.ROOT],
            stdin=subprocess.DEVNULL, stdout=open(self.directory.with_suffix(".log"), "wb"), stderr=subprocess.STDOUT)
        self.pid = None
        try:
            self.pid = process.wait_until(self._init_pid, 20, "the lab's process 1")
            process.wait_until(self._is_up, process.patience(30), "the lab's systemd is up", interval=0.1)
        except AssertionError as e:
            said = self._boot_log()
            self.close()
            raise Failed(f"{e}\n{said}") from None

    @staticmethod
    def _remove_old(cgroups):
        """Those of labs whose maker was killed."""
        for old in cgroups.glob(f"{NAME}.*"):
            if not Path("/proc", old.name.split(".")[1]).exists():
                _remove_cgroup(old)

    def _init_pid(self):
        assert self._outer.poll() is None, "it has ended"
        pid = self._outer.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _is_up(self):
        assert self._outer.poll() is None, "it has ended"
        return self.run("systemctl", "is-system-running", check=False).out.strip() in ("running", "degraded")

    def _boot_log(self):
        said = self.directory.with_suffix(".log").read_text(errors="replace")
        with contextlib.suppress(OSError):
            said += self.path("/run/boot.log").read_text(errors="replace")
        return said

    # Files, as seen from here.

    def path(self, inside):
        return Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def write(self, inside, text, mode=0o644, owner=None):
        """owner: USER:GROUP of the lab."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        if owner:
            self.run("chown", owner, inside)
        return path

    # Commands, and units.

    def command(self, *args):
        """What runs it inside, as root but in no unit."""
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-p", "-C", "--root", "--wd=/", "--",
                "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                *(str(a) for a in args)]

    def run(self, *args, check=True, stdin="", timeout=60):
        done = subprocess.run(self.command(*args), input=stdin.encode(), capture_output=True,
                              timeout=process.patience(timeout))
        done.out, done.err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if check and done.returncode != 0:
            raise Failed(f"{shlex.join(map(str, args))}: {done.returncode}\n{done.out}{done.err}")
        return done

    def start_process(self, *args, **popen):
        return process.start(self.command(*args), **popen)

    def systemctl(self, *args, **kw):
        return self.run("systemctl", *args, **kw)

    def unit(self, name, text):
        """Writes a unit, or NAME.d/x.conf, an addition to one. Tell systemd with reload()."""
        return self.write(f"/etc/systemd/system/{name}", text)

    def reload(self):
        self.systemctl("daemon-reload")

    def show(self, unit, *names):
        """A unit's properties: the value of one, or a dict."""
        lines = self.systemctl("show", unit, *(f"-p{n}" for n in names)).out.splitlines()
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        return found.get(names[0], "") if len(names) == 1 else found

    def wait_show(self, unit, name, wanted, timeout=15):
        """wanted: a value, or a function of it."""
        fits = wanted if callable(wanted) else wanted.__eq__
        try:
            process.wait_until(lambda: fits(self.show(unit, name)), process.patience(timeout), f"{unit}: {name}", 0.05)
        except AssertionError as e:
            raise Failed(f"{e}: it is {self.show(unit, name)!r}\n{self.journal(unit)[-3000:]}") from None

    def as_unit(self, *args, unit=None, user=None, properties=(), check=True, **kw):
        """Runs a command in a unit of its own, as a service would run it; the completed process."""
        options = ["--quiet", "--wait", "--pipe", "--collect", *(f"--property={p}" for p in properties)]
        options += [f"--unit={unit}"] * bool(unit) + [f"--uid={user}"] * bool(user)
        return self.run("systemd-run", *options, *args, check=check, **kw)

    def journal(self, unit=None, *args):
        return self.run("journalctl", "--no-pager", "-o", "cat", *(["-u", unit] if unit else []), *args).out

    def main_pid(self, unit):
        """Inside."""
        return int(self.show(unit, "MainPID"))

    def outer_pid(self, pid):
        """The number that a process of the lab has here."""
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                for line in status.read_text().splitlines():
                    numbers = line.split()
                    if numbers[:1] == ["NSpid:"] and len(numbers) > 2 and numbers[-1] == str(pid):
                        if os.readlink(status.parent / "ns/pid") == os.readlink(f"/proc/{self.pid}/ns/pid"):
                            return int(status.parent.name)
        return None

    def close(self):
        if self.pid:
            canary.run.record("journal", self.run("journalctl", "--no-pager", "-o", "cat", check=False).stdout)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        process.end(self._outer)
        end_at = time.monotonic() + 10
        while not _remove_cgroup(self.cgroup) and time.monotonic() < end_at:
            time.sleep(0.05)
        process.remove(self.directory)
        self.directory.with_suffix(".log").unlink(missing_ok=True)


def _remove_cgroup(top):
    """False: something in it lives still."""
    for folder, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return not top.exists()
