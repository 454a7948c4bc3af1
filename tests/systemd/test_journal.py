"""The journal as it really is: entries that a person can filter by, and a journald that is stopped in the midst of a load."""

import json
import os
import signal
import subprocess
import time

from harness import process
from service import AS_CALLER, SOCKET, UNIT

JOURNALD = "systemd-journald.service"
STOPPED_SECONDS = 10

# A caller under whose load nothing else has to be started. For each line of its input, a number of seconds, it reads the
# secret for so long, with three times as many requests beside that cost little and are on record too, and says how that went.
CALLER = r"""
import json, socket, struct, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
stream = s.makefile("rb")

def send(n, op, **members):
    body = json.dumps({"id": n, "op": op, **members}).encode()
    s.sendall(struct.pack(">I", len(body)) + body)

def reply():
    return json.loads(stream.read(struct.unpack(">I", stream.read(4))[0]))

for line in sys.stdin:
    said = {"answered": 0, "failed": 0, "slowest": 0}
    end = time.monotonic() + float(line)
    while time.monotonic() < end:
        began = time.monotonic()
        for n in range(0, 128, 4):
            send(n, "kv.get", mount=sys.argv[2], path="app/db")
            for beside in (1, 2, 3):
                send(n + beside, "status")
        for n in range(128):
            said["answered"] += 1
            said["failed"] += not reply()["ok"]
        said["slowest"] = max(said["slowest"], time.monotonic() - began)
    send(0, "status")
    said["dropped"] = reply()["counters"]["audit_dropped"]
    print(json.dumps(said), flush=True)
"""


class Caller:
    def __init__(self, service, site):
        args = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=web.service",
                f"--property={AS_CALLER[0]}", "python3", "-c", CALLER, SOCKET, site.mount]
        self.process = service.lab.start_process(*args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def load(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(process.patience(10))


def audit_entries(lab, *matches):
    said = lab.run("journalctl", "-o", "json", "--no-pager", "-t", "secretstored-audit", *matches).out
    return [json.loads(line) for line in said.splitlines()]


def test_the_audit_can_be_filtered_by_its_fields(service, site):
    service.configure(site, allow={"root": {"paths": f"{site.mount}/mine/*"}})
    service.start()
    site.put("mine/a", {"x": 1})
    assert service.get(site.mount, "mine/a", unit="reader.service") == {"x": 1}
    denied = service.ctl("get", "-m", site.mount, "others/a", user="daemon", check=False, properties=AS_CALLER)
    assert denied.returncode == 13
    mount = f"SECRETSTORE_MOUNT={site.mount}"
    (entry,) = process.wait_until(lambda: audit_entries(service.lab, mount, "SECRETSTORE_UID=0"), 10, "the get's entry")
    assert entry["SECRETSTORE_UNIT"] == "reader.service"
    assert entry["MESSAGE"] == f"uid 0 (reader.service): kv.get {site.mount}/mine/a: ok, version 1, by rule root"
    assert (entry["_SYSTEMD_UNIT"], entry["PRIORITY"]) == (UNIT, "6")
    (entry,) = process.wait_until(lambda: audit_entries(service.lab, mount, "SECRETSTORE_VERDICT=denied"), 10, "the other")
    assert (entry["SECRETSTORE_PATH"], entry["PRIORITY"]) == ("others/a", "5")
    log = service.lab.run("journalctl", "-o", "json", "--no-pager", "-t", "secretstored").out.splitlines()
    serves = [e for e in map(json.loads, log) if " serves " in e["MESSAGE"]]
    assert serves[-1]["PRIORITY"] == "6"


def test_a_file_of_the_audit_is_the_daemons_own(service, site):
    path = "/var/log/secretstored/audit.log"
    service.configure(site, audit={"sink": "file", "file": path, "on_failure": "deny"})
    service.start()
    assert service.ctl("put", "-m", site.mount, "a", "x=1").returncode == 0
    assert service.lab.run("stat", "-c", "%a %U", path).out == "600 secretstored\n"
    stages = [json.loads(line)["stage"] for line in service.lab.path(path).read_text().splitlines()]
    assert stages == ["intent", "result"]


def test_a_journald_that_is_stopped_under_load_delays_nobody(service, site, measured):
    service.configure(site, audit={"level": "all"})
    service.start()
    site.put("app/db", {"x": 1})
    caller = Caller(service, site)
    journald = service.lab.outer_pid(service.lab.main_pid(JOURNALD))
    since = service.cursor()
    end_at = time.monotonic() + process.patience(60)
    try:
        before = caller.load(1)
        os.kill(journald, signal.SIGSTOP)
        process.wait_until(lambda: process.is_stopped(journald), 10, "journald is stopped")
        during = caller.load(STOPPED_SECONDS)
        more = during
        while more["dropped"] == before["dropped"]:  # on a busy machine it takes longer until the queue is full
            more = caller.load(1)
            assert more["failed"] == 0
            assert time.monotonic() < end_at, "no record was dropped: is it read?"
    finally:
        os.kill(journald, signal.SIGCONT)
    after = caller.load(1)
    caller.close()
    measured(f"requests a second, and the slowest 128: {before['answered']}, {before['slowest']:.3f} s before; "
             f"{during['answered'] / STOPPED_SECONDS:.0f}, {during['slowest']:.3f} s while it was stopped")
    assert before["failed"] == during["failed"] == after["failed"] == 0
    assert during["slowest"] < STOPPED_SECONDS / 2  # none of them waited for it to come back
    service.wait_log("records were dropped, since the journal did not take them", since)
