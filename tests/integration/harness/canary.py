"""The leak hunt. Every secret the tests use is registered as a canary, and all that the daemon and its clients say
(logs, error replies, statuses, stderr) is written below one directory; when the run is over no canary may stand
there. The payload of a get's reply is left out, since that is where secret values belong."""

import os
import re
import secrets
import subprocess
import threading
from pathlib import Path

SECRET = "secret"        # stands nowhere
ADDRESS = "address"      # in a daemon's log only: one line says where OpenBao is, others that a node is not reached
NODE_LINES = ("OpenBao at ", "OpenBao answers again ")
SHORTEST = 12            # a shorter canary would be found by chance


class Run:
    """One run's directory, shared by all pytest workers."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.said = self.directory / "said"
        self.canaries = self.directory / "canaries"
        self._lock = threading.Lock()
        self._known = set()
        self._count = 0
        for d in (self.said, self.canaries):
            d.mkdir(parents=True, exist_ok=True)

    def add(self, value, kind=SECRET):
        """Registers a canary and gives it back."""
        assert len(value) >= SHORTEST, f"too short for a canary: {value!r}"
        with self._lock:
            if value not in self._known:
                self._known.add(value)
                with open(self.canaries / f"{kind}.{os.getpid()}", "a") as f:
                    f.write(value + "\n")
        return value

    def knows(self, value):
        return value in self._known

    def secret(self, prefix="sv"):
        """A fresh secret value, registered."""
        return self.add(f"{prefix}-{secrets.token_hex(12)}")

    def record(self, name, text):
        """Appends something that was said to anyone to the file of that name."""
        data = text.encode() if isinstance(text, str) else bytes(text)
        with self._lock, open(self.said / f"{name}.{os.getpid()}", "ab") as f:
            f.write(data + b"\n")

    def new_log(self, name):
        """A path for the log of one process."""
        with self._lock:
            self._count += 1
            return self.said / f"{re.sub('[^A-Za-z0-9_.-]', '_', name)}.{os.getpid()}.{self._count}.log"

    def _matches(self, kind):
        """Where canaries of this kind stand in what was said, as (file, line number, canary)."""
        words = self.directory / f"{kind}.all"
        words.write_text("".join(f.read_text() for f in sorted(self.canaries.glob(f"{kind}.*"))))
        if not words.stat().st_size:
            return
        grep = subprocess.run(["grep", "-r", "-a", "-n", "-o", "-F", "-Z", "-f", words, self.said],
                              stdout=subprocess.PIPE, env={"LC_ALL": "C", "PATH": os.environ["PATH"]})
        assert grep.returncode in (0, 1), "grep failed"
        for line in grep.stdout.decode(errors="replace").splitlines():
            file, _, rest = line.partition("\0")
            number, _, text = rest.partition(":")
            yield file, int(number), text

    @staticmethod
    def _is_about_a_node(file, number):
        line = Path(file).read_text(errors="replace").split("\n")[number - 1]
        return any(f": {start}" in line for start in NODE_LINES)

    def leaks(self):
        """What should not have been said, as printable lines."""
        found = [f"secret in {file}:{number}: {text}" for file, number, text in self._matches(SECRET)]
        named = set()
        for file, number, text in self._matches(ADDRESS):
            if Path(file).name.startswith("daemon") and (file, text) not in named:
                named.add((file, text))  # the one line that names the address
            elif not (Path(file).name.startswith("daemon") and self._is_about_a_node(file, number)):
                found.append(f"address or namespace in {file}:{number}: {text}")
        return found


run = None  # set by conftest.py before any test
