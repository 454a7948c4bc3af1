"""A snapshot through the daemon beside one by curl, of the same server, in turns, into files in memory; then pings to the
same daemon while it is idle and while snapshots run through it, in turns: to a reader that takes what a gigabit network would
bring, and as fast as it goes.

snapshot.py [MEGABYTES [ROUNDS]]: prints each round and the medians.

OpenBao, the reader, the daemon and whoever sends the pings share this machine's processors. As fast as it goes that is more
than two of them can do, and both figures tell of that as well: of the rate, since curl does without a daemon in between,
and of the pings, since even an idle daemon's then wait for a processor. So both are measured once more with OpenBao held to a
part of a processor, as if it had another machine: what is then missing is the daemon's own.

How long an idle processor of a virtual machine takes to wake is more than a ping's own time (18 or 100 us a ping were seen
here, by where the scheduler had put the two), and while a snapshot runs none is idle. So for all of the pings something of
the lowest class (SCHED_IDLE) keeps the processors awake. Beside them stands a second daemon that is idle all the time: what
its pings take while snapshots run is what the load alone makes of one.
"""
import contextlib
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

from harness import canary, cgroup, process  # noqa: E402
from harness.bao import RaftServer  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.latency import Comparison  # noqa: E402
from harness.snapshot import SnapshotSite, drain, fill  # noqa: E402

PING_ROUNDS = 5
PING_SECONDS = 4
BAO_PART = 0.75  # of a processor, with which it still gives three times what a gigabit network takes
NETWORK = 110_000_000  # bytes a second, over a gigabit


def timed(command):
    began = time.monotonic()
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return time.monotonic() - began


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(daemon, server, directory, rounds):
    by_curl, through = os.path.join(directory, "curl"), os.path.join(directory, "daemon")
    curl = ["curl", "-sf", "-o", by_curl, "-H", f"X-Vault-Token: {server.admin.token}",
            f"{server.address}/v1/sys/storage/raft/snapshot"]
    ctl = [process.binary("secretstorectl"), "-s", daemon.socket, "snapshot", "save", "-q", through]
    ratios, growth = [], 0
    timed(ctl), timed(curl)
    before = daemon.memory_kb("VmRSS")
    for n in range(rounds):
        took = {}
        used = cpu_seconds(daemon.pid)
        for command in (curl, ctl) if n % 2 else (ctl, curl):
            took[command[0]] = timed(command)
        used = cpu_seconds(daemon.pid) - used
        rate = {by_curl: os.path.getsize(by_curl) / took[curl[0]], through: os.path.getsize(through) / took[ctl[0]]}
        ratios.append(rate[through] / rate[by_curl])
        growth = max(growth, daemon.memory_kb("VmRSS") - before)
        print(f"curl {rate[by_curl] / 1e6:.0f} MB/s, daemon {rate[through] / 1e6:.0f} MB/s, ratio {ratios[-1]:.2f}, "
              f"daemon CPU {used:.2f} s", flush=True)
    print(f"{os.path.getsize(through) / 1e6:.0f} MB, {rounds} rounds: ratio median {statistics.median(ratios):.2f} "
          f"(from {min(ratios):.2f} to {max(ratios):.2f}), RSS grew by {growth} kB")


def keep_awake():
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


@contextlib.contextmanager
def awake():
    spinners = [multiprocessing.Process(target=keep_awake, daemon=True) for _ in range(os.cpu_count())]
    for spinner in spinners:
        spinner.start()
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()


def save_to_files(daemon, directory, stop, count):
    while not stop.is_set():
        timed([process.binary("secretstorectl"), "-s", daemon.socket, "snapshot", "save", "-q", os.path.join(directory, "busy")])
        count.value += 1


def save_at_network_speed(daemon, _directory, stop, count):
    while not stop.is_set():
        with daemon.connect() as conn:
            reply = drain(conn, NETWORK)[1]
            assert reply.ok, reply
        count.value += 1


@contextlib.contextmanager
def running(saves, daemon, directory):
    """They run one after the other; gives their number, as a value that grows."""
    stop, count = multiprocessing.Event(), multiprocessing.Value("i", 0)
    saver = multiprocessing.Process(target=saves, args=(daemon, directory, stop, count), daemon=True)
    saver.start()
    try:
        yield count
    finally:
        stop.set()
        saver.join()


def compare_pings(name, saves, beside, daemon, directory):
    idle, busy, count = [], [], 0
    with awake():
        for _ in range(PING_ROUNDS):
            idle.append(Comparison(beside, daemon, PING_SECONDS))
            with running(saves, daemon, directory) as done:
                busy.append(Comparison(beside, daemon, PING_SECONDS))
            count += done.value
    p99 = statistics.median(c.disturbed for c in idle)
    ratios = sorted(b.disturbed / i.disturbed for b, i in zip(busy, idle))
    print(f"ping p99, {name}: idle {p99 * 1e6:.0f} us, during snapshots {statistics.median(c.disturbed for c in busy) * 1e6:.0f} us, "
          f"ratio median {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f}), {count} snapshots; "
          f"an idle daemon beside it meanwhile {statistics.median(c.idle for c in busy) * 1e6:.0f} us", flush=True)


@contextlib.contextmanager
def held(server):
    """Until it has ended, as it has to before this does."""
    part = cgroup.CpuPart(BAO_PART)
    part.take(server.process.pid)
    try:
        yield
    finally:
        server.close()
        part.close()


def main():
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 205
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    directory = tempfile.mkdtemp(dir="/dev/shm")
    canary.run = canary.Run(os.path.join(directory, "run"))
    server = RaftServer()
    site = SnapshotSite(server)
    fill(site, megabytes)
    daemon, idle = Daemon(site.settings()), Daemon(site.settings())
    try:
        compare(daemon, server, directory, rounds)
        compare_pings("at 110 MB/s", save_at_network_speed, idle, daemon, directory)
        compare_pings("as fast as it goes", save_to_files, idle, daemon, directory)
        if cgroup.available():
            print(f"with OpenBao held to {BAO_PART} of a processor:")
            with held(server):
                compare(daemon, server, directory, rounds)
                compare_pings("as fast as that goes", save_to_files, idle, daemon, directory)
    finally:
        daemon.close()
        idle.close()
        site.close()
        server.close()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
