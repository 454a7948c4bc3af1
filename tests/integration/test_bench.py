"""The benchmark's load generator does what its figures rest on. How fast anything is, is no matter here."""

import json
import subprocess

import pytest

from harness import process

LOAD = process.binary("bench/load")


def load(to, *args):
    done = subprocess.run([LOAD, "--to", to, *map(str, args)], capture_output=True, text=True, timeout=process.patience(20))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def secrets(site):
    """There are three."""
    for i in range(3):
        site.put(f"load/{i:06d}", {"password": "x" * 50})
    return site


@pytest.fixture
def serving(secrets, daemon):
    return daemon(secrets.settings())


def of(site, *more):
    return ("--mount", site.mount, "--prefix", "load/", *more)


def test_load_counts_each_request_once(secrets, serving):
    before = serving.status()["counters"]["gets"]
    report = load(serving.socket, *of(secrets, "--callers", 4, "--depth", 3, "--paths", 3, "--requests", 100))
    assert (report["requests"], report["failures"]) == (100, 0)
    assert serving.status()["counters"]["gets"] - before == 100


def test_load_reports_rate_and_percentiles(secrets, serving):
    report = load(serving.socket, *of(secrets, "--callers", 2, "--paths", 3, "--seconds", 0.3, "--warm", 0.1))
    assert report["requests"] > 0 and report["failures"] == 0
    assert 0.2 < report["seconds"] < process.patience(10)
    assert report["rps"] == pytest.approx(report["requests"] / report["seconds"], rel=0.01)
    assert 0 < report["p50_us"] <= report["p99_us"] <= report["p999_us"] <= report["max_us"]
    assert report["p50_us"] / 1e6 < report["seconds"]


def test_load_counts_failures(secrets, serving):
    report = load(serving.socket, *of(secrets, "--paths", 5, "--requests", 10))
    assert (report["requests"], report["failures"]) == (10, 4)  # the last two of the five paths are not there


def test_load_speaks_http_and_frames(secrets, serving):
    for to, protocol in ((f"127.0.0.1:{secrets.server.port}", "http"), (serving.socket, "frames")):
        report = load(to, *of(secrets, "--as", protocol, "--paths", 3, "--callers", 2, "--requests", 20))
        # OpenBao knows no token here, so it refuses; that an answer came is what counts.
        assert (report["requests"], report["failures"]) == (20, 20 if protocol == "http" else 0)
