"""What one user's gets notice of another user's thousand abusive connections, with the limits as they are by default, and
without: each as high as it can be set, and a daemon whose users take no turns (unlimited.c). And what the machine itself
makes of it: the same abuse against another daemon with another OpenBao. The abusers get 20 % of a processor. Needs root.

abuse.py [SECONDS [ROUNDS [KINDS]]]: prints each round and the medians. KINDS: of abuse, each for itself, with commas between
them (see tests/integration/programs/abusers.py); all: them all at once. Or crowd: 350 users whom no rule names, with three
connections each and half a request on each of them; connects: one who connects and closes as fast as half a processor goes.
"""
import contextlib
import os
import shutil
import statistics
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

from harness import canary, cgroup, config_text, process  # noqa: E402
from harness.abuse import Abusers, Crowd, steady_gets  # noqa: E402
from harness.bao import DevServer  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.site import Site  # noqa: E402

ABUSER = 4101
RATE = 200
NO_LIMITS = {"connections": 65536, "connections_per_uid": 65536, "requests_per_connection": 4096, "output_bytes": "64M",
             "request_bytes": 16777215, "frame_timeout": "10m", "requests_per_uid": 65536, "bytes_per_uid": "1024M"}
UNLIMITED = os.path.join(ROOT, "build/bench/secretstored-unlimited")


def figures(taken):
    times = sorted(t for t, _ in taken)
    failed = sum(1 for _, code in taken if code)
    return statistics.median(times) * 1e3, times[len(times) * 99 // 100] * 1e3, failed


@contextlib.contextmanager
def daemon_of(site, limits=None, program=None):
    settings = site.settings(listen={"mode": "0666"}, allow={"tests": {"uid": [0, ABUSER]}})
    daemon = Daemon(config_text.merged(settings, {"limits": limits or {}}), program=program)
    try:
        yield daemon
    finally:
        daemon.close()


def abusers(daemon, site, kinds):
    if kinds == ["crowd"]:
        return Crowd("crowd.py", daemon, range(200000, 200350), part=0.5)
    if kinds == ["connects"]:
        return Crowd("connector.py", daemon, [4200], part=0.5)
    return Abusers(daemon, site, ABUSER, "shared", kinds=kinds)


def one_round(victim, abused, seconds, kinds):
    """victim and abused: (daemon, site). Gives p99 in quiet, p99 under abuse, failures under abuse, MB of memory."""
    daemon, site = victim
    quiet = figures(steady_gets(daemon, site.mount, "victim", RATE, seconds))
    with abusers(*abused, kinds):
        steady_gets(daemon, site.mount, "victim", RATE, 1)
        noisy = figures(steady_gets(daemon, site.mount, "victim", RATE, seconds))
        memory = abused[0].memory_kb("VmRSS") / 1024
    print(f"    quiet p50 {quiet[0]:.2f} p99 {quiet[1]:.2f} ms; abused p50 {noisy[0]:.2f} p99 {noisy[1]:.2f} ms, "
          f"{noisy[2]} failed, {memory:.0f} MB", flush=True)
    return quiet[1], noisy[1], noisy[2], memory


def with_limits(site, _, seconds, kinds):
    with daemon_of(site) as daemon:
        return one_round((daemon, site), (daemon, site), seconds, kinds)


def another_daemon(site, other, seconds, kinds):
    with daemon_of(site) as daemon, daemon_of(other) as abused:
        return one_round((daemon, site), (abused, other), seconds, kinds)


def without_limits(site, _, seconds, kinds):
    with daemon_of(site, NO_LIMITS, UNLIMITED) as daemon:
        return one_round((daemon, site), (daemon, site), seconds, kinds)


CASES = {"with limits": with_limits, "another daemon": another_daemon, "without limits": without_limits}


def compare(site, other, seconds, rounds, kinds):
    table = []
    for what in kinds:
        got = {name: [] for name in CASES}
        for n in range(rounds):
            for name in CASES if n % 2 else reversed(CASES):
                print(f"{what}, {name}", flush=True)
                got[name].append(CASES[name](site, other, seconds, [] if what == "all" else [what]))
        for name, results in got.items():
            quiet, abused, failed, memory = zip(*results, strict=True)
            ratios = [a / q for q, a in zip(quiet, abused, strict=True)]
            table.append((what, name, statistics.median(quiet), statistics.median(abused), statistics.median(ratios),
                          f"{min(ratios):.2f}-{max(ratios):.2f}", sum(failed), max(memory)))
    print(f"\n{RATE} gets/s; p99 in ms, medians of {rounds} rounds of {seconds:g} s")
    print(f"{'abuse':9}{'of':16}{'quiet':>8}{'abused':>10}{'ratio':>10}{'from-to':>16}{'failed':>8}{'MB':>7}")
    for what, name, quiet, abused, ratio, spread, failed, memory in table:
        print(f"{what:9}{name:16}{quiet:8.2f}{abused:10.2f}{ratio:10.2f}{spread:>16}{failed:8}{memory:7.0f}")


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    kinds = sys.argv[3].split(",") if len(sys.argv) > 3 else ["all"]
    if not cgroup.available():
        sys.exit("abuse.py: needs root, and a cgroup with a quota for the processor")
    directory = tempfile.mkdtemp()
    canary.run = canary.Run(directory)
    process.raise_file_limit()
    servers = [DevServer(), DevServer()]
    sites = [Site(server) for server in servers]
    for site in sites:
        site.put("victim", {"password": "a" * 100})
        site.put("shared", {"password": "b" * 100})
    try:
        compare(*sites, seconds, rounds, kinds)
    finally:
        for opened in sites + servers:
            opened.close()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
