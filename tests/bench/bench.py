"""The benchmark: everything side by side in one run.

bench.py [--quick] [--docs] [SECTION ...]: prints what it measures, and at the end what was to be shown and whether it was;
writes build/bench/results.json and plots beside it. --quick: shorter by far, to see that it works; the figures mean nothing.
--docs: puts the plots and the tables into docs/.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass

import compare
import counts
import growth
import once
import report
from lab import Lab, process
from measure import Figures


@dataclass
class Plan:
    callers: tuple = (1, 8, 32, 256)
    rounds: int = 5
    many_rounds: int = 9   # where figures are near to what is wanted
    most_rounds: int = 15  # and single ones differ by as much as is between them and that
    few_rounds: int = 3
    seconds: float = 0.8
    growth_seconds: float = 0.5
    many: int = 1000000
    counted: int = 20000
    counted_slowly: int = 2000
    idle: int = 10000
    crowd: int = 1000
    starts: int = 10
    connections: tuple = (10, 100, 1000, 10000)
    cached: tuple = (10, 100, 1000, 10000, 100000)
    audited: tuple = (64, 1000, 5000, 20000, 100000)
    rules: tuple = (1, 10, 100, 1000, 10000)

    def say(self, text):
        print(f"    {text}", flush=True)


QUICK = Plan(callers=(1, 32), rounds=1, many_rounds=1, most_rounds=1, few_rounds=1, seconds=0.2, growth_seconds=0.2, many=20000,
             counted=2000, counted_slowly=200, idle=500, crowd=200, starts=2, connections=(10, 100), cached=(10, 1000),
             audited=(1000, 5000), rules=(1, 100))


def fleet(lab, plan):
    """10,000 hosts after an outage, simulated."""
    text = subprocess.run([process.binary("bench/fleet")], check=True, capture_output=True, text=True).stdout
    print(text, end="")
    return text


SECTIONS = {"openbao": compare.with_bao, "nginx": compare.with_nginx, "cached": compare.from_memory,
            "payloads": compare.payloads, "payloads_cached": compare.payloads_from_memory, "crowd": once.crowd,
            "idle": once.idle, "start": once.start_up, "syscalls": counts.all_syscalls, "instructions": counts.instructions,
            "memory": once.memory, "growth": growth.all_series, "fleet": fleet}


TITLES = {name: section.__doc__.splitlines()[0].rstrip(".") for name, section in SECTIONS.items()}


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=process.ROOT)
    return {"processors": os.cpu_count(), "model": models[0] if models else platform.machine(), "kernel": platform.release(),
            "load_at_start": os.getloadavg()[0], "commit": commit.stdout.strip()}


def plain(value):
    """As JSON has it."""
    if isinstance(value, Figures):
        return value.of
    if isinstance(value, dict):
        return {" / ".join(k) if isinstance(k, tuple) else k: plain(v) for k, v in value.items()}
    return value


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("section", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    arguments = parser.parse_args()
    if unknown := set(arguments.section) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}")
    if arguments.docs and (arguments.section or arguments.quick):
        parser.error("the documentation is of a whole run")
    plan = QUICK if arguments.quick else Plan()
    began = time.monotonic()
    results = {"machine": machine()}
    print(report.machine(results["machine"]), flush=True)
    lab = Lab()
    failed = []
    try:
        for name in arguments.section or SECTIONS:
            print(f"\n== {name}: {TITLES[name]}", flush=True)
            try:
                results[name] = SECTIONS[name](lab, plan)
                print(report.section(name, results[name]), flush=True)
            except Exception as error:  # noqa: B902 - the other sections are still worth having
                failed.append(name)
                print(f"    failed: {type(error).__name__}: {error}", flush=True)
    finally:
        lab.close()
    results["seconds"] = round(time.monotonic() - began)
    print(f"\n== what was to be shown; {results['seconds']} s\n{report.targets(results, not arguments.section)}")
    folder = process.BUILD / "bench"
    (folder / "results.json").write_text(json.dumps(plain(results), indent=1) + "\n")
    report.write_plots(results, folder)
    if arguments.docs:
        report.write_docs(results, TITLES, process.ROOT / "docs")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
