"""A program on a terminal of its own: what it shows there, and what a person types."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading

from . import process
from .daemon import environment


class Terminal:
    """Runs args with the terminal as its controlling one, and as its standard input and error; standard output is
    a pipe, whose content (not much) is out at the end."""

    def __init__(self, args, columns=80):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = process.start(["setsid", "-c", *args], env=environment({"TERM": "dumb"}), stdin=slave,
                                     stdout=subprocess.PIPE, stderr=slave)
        os.close(slave)
        self._shown = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with contextlib.suppress(OSError):  # which the last program's end is
            while data := os.read(self._master, 65536):
                self._shown += data

    @property
    def shown(self):
        """All that was written to it, as it came."""
        return self._shown.decode(errors="replace")

    @property
    def screen(self):
        """The lines that stand there, without blanks at their ends."""
        lines = [[]]
        column = 0
        for c in self.shown:
            if c == "\n":
                lines.append([])
            elif c == "\r":
                column = 0
            else:
                lines[-1] += [" "] * (column + 1 - len(lines[-1]))
                lines[-1][column] = c
                column += 1
        return ["".join(line).rstrip() for line in lines]

    def wait_for(self, text):
        process.wait_until(lambda: text in self.shown, process.patience(15), f"{text!r} on the terminal")

    def type(self, text):
        os.write(self._master, text.encode())

    def wait(self):
        """The exit status, when all has been said."""
        status = self.process.wait(process.patience(30))
        self.out = self.process.stdout.read().decode()
        self._thread.join(process.patience(10))
        return status

    def close(self):
        process.end(self.process)
        self.process.stdout.close()
        self._thread.join(process.patience(10))
        os.close(self._master)
