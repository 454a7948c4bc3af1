"""Measuring: one run of a load, rounds of several subjects in turns, and what the kernel tells of a process."""
import json
import os
import re
import statistics
import subprocess

from lab import process

def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = dict(re.findall(r"^(VmHWM|VmRSS|RssAnon):\s+(\d+) kB", file.read(), re.M))
    return {"rss": int(found["VmRSS"]), "anon": int(found["RssAnon"]), "peak": int(found["VmHWM"])}



def load(to, *, program="load", protocol="client", token=None, timeout=900, **options):
    """Runs a load generator: what it reports."""
    args = [process.binary(f"bench/{program}"), "--to", to, "--as", protocol]
    for name, value in options.items():
        args += [f"--{name}", value]
    env = {**os.environ, **({"BENCH_TOKEN": token} if token else {})}
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, env=env, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, args))}: {done.stderr[-500:]}")
    report = json.loads(done.stdout)
    if report["failures"]:
        raise RuntimeError(f"{report['failures']} of {report['requests']} requests failed: {done.stderr[-500:]}")
    return report


class Subject:
    """Something that answers. `pid`: whose processor time counts, none for what is only there to compare with; "self": the
    load generator's own."""

    def __init__(self, name, to, pid=None, **options):
        self.name, self.to, self.pid, self.options = name, to, pid, options

    def run(self, **options):
        watch = {"watch": self.pid} if isinstance(self.pid, int) else {}
        report = load(self.to, **{**self.options, **watch, **options})
        if self.pid == "self":
            report["cpu_us"] = report["own_cpu_us"]
        return report


class Figures:
    """What several rounds gave for one subject in one situation."""

    NAMES = ("rps", "p50_us", "p99_us", "p999_us", "cpu_us", "own_cpu_us")

    def __init__(self, reports):
        self.of = {name: [r[name] for r in reports] for name in self.NAMES if all(name in r for r in reports)}

    def __getitem__(self, name):
        """The median; None if it was not measured."""
        return statistics.median(self.of[name]) if name in self.of else None

    def bounds(self, name):
        return min(self.of[name]), max(self.of[name])


def rounds(subjects, situations, n, say=None):
    """Each situation (options of a load) n times, the subjects in turns: forwards, backwards, and begun with another each time.
    {(subject's name, situation's name): Figures}"""
    reports = {(s.name, name): [] for s in subjects for name in situations}
    for i in range(n):
        for name, options in situations.items():
            order = subjects[i % len(subjects):] + subjects[:i % len(subjects)]
            for subject in order[::-1] if i % 2 else order:
                reports[subject.name, name].append(subject.run(**options))
        if say:
            say(f"round {i + 1} of {n}")
    return {key: Figures(value) for key, value in reports.items()}
