"""Runs secretstorectl as a person or a script would."""

import subprocess

from . import canary, process
from .daemon import environment, sanitizer_report


def ctl(socket, *args, stdin=None, env=None, timeout=30):
    """The completed process; .out and .err are text. socket None: no -s. What it says on stderr is searched for
    leaks."""
    args = [process.binary("secretstorectl"), *(["-s", socket] if socket else []), *args]
    done = subprocess.run([str(a) for a in args], input=stdin.encode() if isinstance(stdin, str) else stdin or b"",
                          capture_output=True, env=environment(env), timeout=process.patience(timeout))
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    canary.run.record("ctl", done.err)
    if "get" not in args:
        canary.run.record("ctl", done.out)
    assert not sanitizer_report(done.err), done.err
    return done
