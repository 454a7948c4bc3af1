"""Reloads while the files of the configuration are being replaced: each of them counts as it was or as it will be, and never
as a half of it. A rule that is cut off before its last key is a valid rule, and a wider one."""

import contextlib
import signal
import subprocess
import sys
import time

from harness import config_text, process
from harness.daemon import EX_CONFIG, run

FILES = 2000 if process.SANITIZED else 10000

# Without its last line it allows what the test asks for.
RULE = """
allow:
  rule-{n}:
    uid: {uid}
    ops: [kv.get]
    paths: "*"
    unit: nobody-{version}.service
"""

# A process that replaces the files, a hundred at a time, so that for some milliseconds each of the hundred is half written; in
# the ways of `kinds`, by turns: in place, by a rename, and in place with the time of change set back at the end, as
# `cp --preserve` does. It works for `busy` seconds, rests for `rest` seconds, and so on; without a rest it never stops. It ends
# when its standard input does, after the files that it has begun.
REPLACER = """
import os, random, select, sys, time
rule, folder, kinds, files, uid, busy, rest = *sys.argv[1:4], *map(float, sys.argv[4:])
names = [f"{folder}/{n:05}.yaml" for n in range(int(files))]

def replace(batch, version, kind):
    times, open_files = [], []
    for n in batch:
        text = rule.format(n=n, uid=int(uid), version=version)
        half = text.index("    unit:")
        times.append(os.stat(names[n]).st_mtime_ns)
        file = open(names[n] if kind != "rename" else f"{folder}/.{n}.new", "w")
        file.write(text[:half])
        file.flush()
        open_files.append((n, file, text[half:]))
    time.sleep(0.005)
    for (n, file, rest_of_it), before in zip(open_files, times):
        file.write(rest_of_it)
        file.close()
        if kind == "rename":
            os.rename(file.name, names[n])
        elif kind == "preserve":
            os.utime(names[n], ns=(before, before))

version, until = 0, time.monotonic() + busy
while not select.select([sys.stdin], [], [], 0)[0]:
    version += 1
    # Not in the order in which they are read, or reader and writer would meet only once.
    replace(random.sample(range(len(names)), 100), version, kinds.split()[version % len(kinds.split())])
    if rest and time.monotonic() > until:
        select.select([sys.stdin], [], [], rest)
        until = time.monotonic() + busy
"""


@contextlib.contextmanager
def replacing(folder, kinds, busy, rest):
    args = [RULE, folder, kinds, FILES, process.UID, busy, rest]
    child = process.start([sys.executable, "-c", REPLACER, *args], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        child.stdin.close()
        try:
            assert child.wait(process.patience(10)) == 0
        finally:
            process.end(child)


class Served:
    """A daemon that allows nothing to this user unless a rule is cut off. It needs no OpenBao for that."""

    def __init__(self, daemon):
        files = {f"{n:05}.yaml": RULE.format(n=n, uid=process.UID, version=0) for n in range(FILES)}
        settings = {"openbao": {"address": f"http://127.0.0.1:{process.free_port()}"},
                    "approle": {"role_id": "r", "secret_id_file": "/nonexistent/secret_id"}}
        self.daemon = daemon(settings, drop_ins=files, wait=None)
        self.daemon.wait_serving(60)
        assert self.daemon.ping().ok  # a signal is heard by then; the socket is there a little before
        self.folder = config_text.folder_of(self.daemon.config)

    def reload(self):
        """Whether it was taken. No request may be allowed meanwhile, nor after it."""
        before = len(self.daemon.log)
        self.daemon.signal(signal.SIGHUP)

        def outcome():
            assert self.get() == "forbidden"
            log = self.daemon.log[before:]
            return [word for word in ("reloaded", "stays in force") if word in log]

        word = process.wait_until(outcome, process.patience(30), "the reload has an end")[0]
        for _ in range(3):
            assert self.get() == "forbidden", f"after: {word}"
        return word == "reloaded"

    def get(self):
        with self.daemon.connect() as c:
            return c.call("kv.get", mount="any", path="thing").code

    def explain(self):
        """What a start would find."""
        return run(None, "-c", self.daemon.config, "--explain", f"uid={process.UID}", "kv.get", "any/thing", timeout=60)


def test_no_reload_sees_half_of_a_file_that_is_being_replaced(daemon):
    served = Served(daemon)
    began = time.monotonic()
    assert served.reload()
    took = time.monotonic() - began

    # All the time, so that there is no moment at which all files can be trusted; and in place, since a rename changes the folder,
    # which would be seen before any file is read.
    with replacing(served.folder, "place preserve", busy=1, rest=0):
        assert not served.reload()
    with replacing(served.folder, "place rename preserve", busy=0.1, rest=1.2 + 2 * took):
        taken = [served.reload() for _ in range(3)]
        assert served.explain().returncode in (1, EX_CONFIG), "forbidden, or not settled"
    assert any(taken)
    assert served.reload()

    # What has been looked for would have been seen.
    text = RULE.format(n=0, uid=process.UID, version=0)
    served.daemon.drop_in("00000.yaml", text[:text.index("    unit:")])
    served.daemon.signal(signal.SIGHUP)
    process.wait_until(lambda: served.get() != "forbidden", process.patience(10), "half a rule is a wider one")
