"""What one user's gets notice of another user's thousand abusive connections, with the limits as they are by default and
with each as high as it can be set; the abusers get 20 % of a processor. Needs root.

abuse.py [SECONDS [ROUNDS [KINDS [OTHER]]]]: prints each round and the medians. KINDS: of abuse, each for itself, with
commas between them (see tests/integration/programs/abusers.py); all: them all at once. OTHER: an older secretstored to
compare with.
"""
import os
import shutil
import statistics
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

from harness import canary, cgroup, libconfig, process  # noqa: E402
from harness.abuse import Abusers, steady_gets  # noqa: E402
from harness.bao import DevServer  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.site import Site  # noqa: E402

ABUSER = 4101
RATE = 200
OLD_LIMITS = {"connections": 65536, "connections_per_uid": 65536, "requests_per_connection": 4096, "output_bytes": "64M",
              "request_bytes": 16777215, "frame_timeout": "10m"}
NO_LIMITS = {**OLD_LIMITS, "requests_per_uid": 65536, "bytes_per_uid": "1024M"}


def figures(taken):
    times = sorted(t for t, _ in taken)
    failed = sum(1 for _, code in taken if code)
    return statistics.median(times) * 1e3, times[len(times) * 99 // 100] * 1e3, failed


def one_round(settings, program, site, seconds, kinds):
    """(p99 in quiet, p99 under abuse, failures under abuse, MB of the daemon's memory)"""
    daemon = Daemon(settings, program=program)
    try:
        quiet = figures(steady_gets(daemon, site.mount, "victim", RATE, seconds))
        with Abusers(daemon, site, ABUSER, "shared", kinds=kinds):
            steady_gets(daemon, site.mount, "victim", RATE, 1)
            abused = figures(steady_gets(daemon, site.mount, "victim", RATE, seconds))
            memory = daemon.memory_kb("VmRSS") / 1024
    finally:
        daemon.close()
    print(f"    quiet p50 {quiet[0]:.2f} p99 {quiet[1]:.2f} ms; abused p50 {abused[0]:.2f} p99 {abused[1]:.2f} ms, "
          f"{abused[2]} failed, {memory:.0f} MB", flush=True)
    return quiet[1], abused[1], abused[2], memory


def compare(site, seconds, rounds, kinds, other):
    base = site.settings(listen={"mode": "0666"}, allow={"tests": {"uid": [0, ABUSER]}})
    cases = [("default", base, None), ("as high as can be", libconfig.merged(base, {"limits": NO_LIMITS}), None)]
    if other:
        cases.append((other, libconfig.merged(base, {"limits": OLD_LIMITS}), other))
    table = []
    for what in kinds:
        for name, settings, program in cases:
            print(f"{what}, limits: {name}", flush=True)
            got = [one_round(settings, program, site, seconds, [] if what == "all" else [what]) for _ in range(rounds)]
            quiet, abused, failed, memory = zip(*got, strict=True)
            table.append((what, name, statistics.median(quiet), statistics.median(abused),
                          statistics.median(a / q for q, a in zip(quiet, abused, strict=True)), sum(failed), max(memory)))
    print(f"\n{RATE} gets/s; p99 in ms, medians of {rounds} rounds of {seconds} s")
    print(f"{'abuse':9}{'limits':28}{'quiet':>8}{'abused':>9}{'ratio':>8}{'failed':>8}{'MB':>7}")
    for what, name, quiet, abused, ratio, failed, memory in table:
        print(f"{what:9}{name[-27:]:28}{quiet:8.2f}{abused:9.2f}{ratio:8.1f}{failed:8}{memory:7.0f}")


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    kinds = sys.argv[3].split(",") if len(sys.argv) > 3 else ["all"]
    other = sys.argv[4] if len(sys.argv) > 4 else None
    if not cgroup.available():
        sys.exit("abuse.py: needs root, and a cgroup with a quota for the processor")
    directory = tempfile.mkdtemp()
    canary.run = canary.Run(directory)
    process.raise_file_limit()
    server = DevServer()
    site = Site(server)
    site.put("victim", {"password": "a" * 100})
    site.put("shared", {"password": "b" * 100})
    try:
        compare(site, seconds, rounds, kinds, other)
    finally:
        site.close()
        server.close()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
