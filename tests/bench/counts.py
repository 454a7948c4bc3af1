"""Figures that no other load on the machine touches: system calls and instructions per request."""
import re
import shutil
import signal
import subprocess

from lab import PATHS, prefix, process
from measure import load

USUAL = {"prefix": prefix(200), "paths": PATHS, "warm": 0}


def _traced(command, run):
    """Runs it while the command looks on; the command's words."""
    tracer = process.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        process.wait_until(lambda: tracer.poll() is not None or _is_asleep(tracer.pid), 10, f"{command[0]} is at work")
        report = run()
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
        words = tracer.communicate(timeout=30)[0]
    return report, words


def _is_asleep(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def syscalls(pid, run, requests):
    """Per request, of all the process's threads: with perf, which does not slow it down; else with strace. None without both."""
    if shutil.which("perf"):
        words = _traced(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pid], run)[1]
        found = re.search(r"^(\d+),,raw_syscalls", words, re.M)
        if found:
            return int(found.group(1)) / requests
    if shutil.which("strace"):
        words = _traced(["strace", "-c", "-f", "-q", "-p", pid], run)[1]
        found = re.search(r"^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)(?:\s+\d+)?\s+total", words, re.M)
        if found:
            return int(found.group(1)) / requests
    return None


def all_syscalls(lab, plan):
    """System calls per get, nginx upstream."""
    n = plan.counted
    daemon, proxy = lab.daemon_to_nginx(), lab.proxy_to_nginx()
    subjects = [("secretstored", daemon.pid, daemon.socket, "client"), ("bao proxy", proxy.pid, proxy.socket, "http")]
    if lab.has_cache:
        cached, memcached = lab.daemon_with_cache(), lab.memcached
        subjects += [("secretstored, cached", cached.pid, cached.socket, "client"),
                     ("memcached", memcached.pid, memcached.socket, "memcached")]
    counts = {}
    for name, pid, to, protocol in subjects:
        for situation, options in {"1 caller": {"callers": 1}, "32 callers": {"callers": 32},
                                   "1 caller by 16": {"callers": 1, "depth": 16}}.items():
            if protocol == "http" and "depth" in options:
                continue
            run = lambda: load(to, protocol=protocol, requests=n, **USUAL, **options)  # noqa: B023, E731
            counts.setdefault(situation, {})[name] = syscalls(pid, run, n)
    return counts


class Counted:
    """Instructions of a program, as callgrind counts them: those it runs itself, not the kernel's."""

    TOOL = ("valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-instr=no")

    def __init__(self, lab, settings):
        self.out = lab.directory / process.unique("callgrind")
        self.daemon = lab.new_daemon(settings, prefix=(*self.TOOL, f"--callgrind-out-file={self.out}"))

    def control(self, *args):
        subprocess.run(["callgrind_control", *args, str(self.daemon.pid)], check=True, capture_output=True, timeout=60)

    def per_request(self, n, **options):
        options = {**USUAL, **options}
        load(self.daemon.socket, requests=max(200, n // 4), **options)  # what is done only once is done by now
        self.control("-i", "on")
        self.control("-z")
        load(self.daemon.socket, requests=n, **options)
        self.control("-d")
        self.control("-i", "off")
        dumps = sorted(self.out.parent.glob(f"{self.out.name}.*"), key=lambda p: p.stat().st_mtime)
        return int(re.search(r"^(?:totals|summary): (\d+)", dumps[-1].read_text(), re.M).group(1)) / n

    def close(self):
        self.daemon.close()


def _of_curlmulti(lab, n):
    """From two runs of different length, so that starting up does not count."""
    totals = []
    for requests in (n // 4, n // 4 + n):
        out = lab.directory / process.unique("callgrind")
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", process.binary("bench/curlmulti"), "--to",
                        f"127.0.0.1:{lab.nginx.port}", "--callers", "32", "--requests", str(requests), "--prefix", prefix(200),
                        "--paths", str(PATHS)], check=True, capture_output=True, timeout=300)
        totals.append(int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M).group(1)))
    return (totals[1] - totals[0]) / n


def instructions(lab, plan):
    """Instructions per get outside the kernel, nginx upstream, as callgrind counts them. None without valgrind."""
    if not shutil.which("valgrind"):
        return None
    n = plan.counted_slowly
    counts = {}
    uncached = Counted(lab, lab.settings_for_nginx())
    try:
        counts["get, 1 caller"] = uncached.per_request(n, callers=1)
        counts["get, 32 callers"] = uncached.per_request(n, callers=32)
    finally:
        uncached.close()
    counts["curl multi alone, 32 transfers"] = _of_curlmulti(lab, n)
    if lab.has_cache:
        cached = Counted(lab, lab.settings_for_nginx(lab.cached()))
        try:
            load(cached.daemon.socket, requests=PATHS, **USUAL, callers=8)
            counts["cached get, 32 callers"] = cached.per_request(4 * n, callers=32)
            counts["cached get, 1 caller by 16"] = cached.per_request(4 * n, callers=1, depth=16)
        finally:
            cached.close()
    return counts
