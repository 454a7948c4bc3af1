"""secretstored in the foreground, with a config, a socket and a log of its own."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess

from . import canary, config_text, process
from .client import Conn

SANITIZER = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:abort_on_error=0:handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
REPORT = re.compile(r"(ERROR|WARNING|SUMMARY): \w*Sanitizer|runtime error:")
EX_CONFIG = 78


def environment(extra=None):
    return {"PATH": os.environ["PATH"], **SANITIZER, **(extra or {})}


def sanitizer_report(text):
    found = REPORT.search(text)
    return text[max(0, found.start() - 200):found.start() + 6000] if found else None


def run(config=None, *args, drop_ins=None, env=None, timeout=20, program=None, prefix=()):
    """Runs the daemon's binary to its end, as for --check-config; the completed process with .log and .config. config: settings,
    text or bytes; None: args have what is needed. drop_ins: the same by their names."""
    directory = process.scratch()
    try:
        path = directory / "test.yaml"
        if config is not None:
            config_text.write(path, config)
            args = (*args, "-c", path)
        for name, content in (drop_ins or {}).items():
            config_text.write_drop_in(path, name, content)
        done = subprocess.run([*prefix, program or process.binary("secretstored"), *args], stdin=subprocess.DEVNULL,
                              capture_output=True, env=environment(env), timeout=process.patience(timeout))
    finally:
        process.remove(directory)
    done.log = done.stderr.decode() + done.stdout.decode()
    done.config = str(path)
    canary.run.record("runs", done.log)
    assert not sanitizer_report(done.log), done.log
    return done


class Daemon:
    def __init__(self, settings, *, drop_ins=None, name="daemon", env=None, prefix=(), socket_path=None, nofile=None,
                 wait="ready", program=None, stderr=None):
        self.expect_stop = True  # False: the test ends it itself
        self.signalled = False
        self.directory = process.scratch()
        self.socket = socket_path or self.directory / "run" / "s.sock"
        self.config = self.directory / "secretstored.yaml"
        self.audit_path = canary.run.new_log(f"audit-{name}")  # where the leak hunt looks
        self.configure(settings)
        for drop_in, content in (drop_ins or {}).items():
            self.drop_in(drop_in, content)
        self.log_path = canary.run.new_log(f"daemon-{name}")
        with open(self.log_path, "wb") as log:
            self.process = process.start([*prefix, program or process.binary("secretstored"), "-c", self.config],
                                         nofile=nofile, stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log if stderr is None else stderr,
                                         env=environment(env))
        try:
            if wait:
                self.wait_serving()
            if wait == "ready":
                self.wait_ready()
        except BaseException:
            self.close()
            raise

    def configure(self, settings):
        """Writes the file, with what is this daemon's own."""
        own = {"listen": {"socket": str(self.socket)}, "audit": {"sink": "file", "file": str(self.audit_path)}}
        config_text.write(self.config, config_text.merged(own, settings))

    def drop_in(self, name, content):
        """Writes a drop-in; its path."""
        return config_text.write_drop_in(self.config, name, content)

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def audit(self, **members):
        """The records in its audit file that have these members."""
        text = self.audit_path.read_text()
        records = [json.loads(line) for line in text.split("\n") if line]
        return [r for r in records if members.items() <= r.items()]

    def wait_audit(self, **members):
        return process.wait_until(lambda: self.audit(**members), process.patience(10), f"the audit has {members}")

    def alive(self):
        return self.process.poll() is None

    def _answers(self):
        assert self.alive(), f"the daemon ended with {self.process.returncode}:\n{self.log[-3000:]}"
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.socket))
            return True
        except OSError:
            return False

    def wait_serving(self, timeout=10):
        process.wait_until(self._answers, process.patience(timeout), "the daemon's socket answers")

    def wait_ready(self, timeout=10):
        with self.connect() as c:
            process.wait_until(lambda: c.call("ping")["ready"], process.patience(timeout), "the daemon is ready")

    def wait_state(self, state):
        with self.connect() as c:
            process.wait_until(lambda: c.call("ping")["state"] == state, process.patience(10), f"state {state}")

    def wait_log(self, pattern):
        process.wait_until(lambda: re.search(pattern, self.log), process.patience(10), f"the log has {pattern}")

    # One request on a connection of its own.

    def connect(self, **kw):
        return Conn(self.socket, **kw)

    def connect_as(self, uid, **kw):
        return Conn.as_user(self.socket, uid, **kw)

    def call(self, op, **members):
        with self.connect() as c:
            return c.call(op, **members)

    def get(self, mount, path, **members):
        return self.call("kv.get", mount=mount, path=path, **members)

    def put(self, mount, path, data=None, **members):
        if data is not None:
            members["data"] = data
        return self.call("kv.put", mount=mount, path=path, **members)

    def ping(self):
        return self.call("ping")

    def status(self):
        return self.call("status")

    def token_state(self):
        return self.status()["token"]["state"]

    # What /proc says.

    def memory_kb(self, field="RssAnon"):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M).group(1))

    def connections(self):
        """How many connections to its socket there are; the kernel lists them by the socket's path."""
        with open("/proc/net/unix") as f:
            fields = [line.split() for line in f.readlines()[1:]]
        listening = "00010000"
        return sum(1 for line in fields if line[7:] == [str(self.socket)] and line[3] != listening)

    def wait_unconnected(self):
        process.wait_until(lambda: self.connections() == 0, 15, "the connections are gone")

    def tcp_ports(self):
        """The ports at the far ends of its TCP connections."""
        mine = set()
        for fd in os.scandir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                mine.add(os.readlink(fd.path))
        with open(f"/proc/{self.pid}/net/tcp") as f:
            fields = [line.split() for line in f.readlines()[1:]]
        established = "01"
        return {int(line[2].partition(":")[2], 16) for line in fields
                if line[3] == established and f"socket:[{line[9]}]" in mine}

    def signal(self, number):
        self.signalled = self.signalled or number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    def stop(self, timeout=15):
        """SIGTERM, unless it was sent; the exit status must be 0 and a sanitizer must have nothing to say."""
        self.expect_stop = False
        if self.alive() and not self.signalled:
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(process.patience(timeout))
        except subprocess.TimeoutExpired:
            process.end(self.process)
            raise AssertionError(f"the daemon does not stop on SIGTERM:\n{self.log[-3000:]}") from None
        report = sanitizer_report(self.log)
        assert not report, report
        assert status == 0, f"the daemon ended with {status}:\n{self.log[-3000:]}"

    def close(self):
        """Whatever the state: gone, and its directory too."""
        process.end(self.process)
        process.remove(self.directory)
