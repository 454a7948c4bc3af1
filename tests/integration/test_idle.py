"""A daemon with nothing to do sleeps."""

import os
import time
from pathlib import Path

import pytest

from harness import process


def wake_ups(pid):
    """How often the threads of a process went to sleep."""
    said = [Path(f"/proc/{pid}/task/{task}/status").read_text() for task in os.listdir(f"/proc/{pid}/task")]
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in said)


@pytest.mark.parametrize("connections", [0, 1000])
def test_an_idle_daemon_sleeps(daemon, site, connections):
    process.raise_file_limit()
    site.put("a", {"x": 1})
    d = daemon(site.settings(limits={"connections_per_uid": 2000, "connections": 2000},
                             cache={"max_age": "1h"}, audit={"level": "changes"}))
    conns = [d.connect() for _ in range(connections)]
    for conn in conns:
        assert conn.call("ping").ok
    site.assert_served_by(d)
    with d.connect() as c:
        assert c.call("kv.get", mount=site.mount, path="a").code is None

    # The way to rest is short: the connection that has just ended, and OpenBao's to this.
    def rests():
        before = wake_ups(d.pid)
        time.sleep(1)
        return wake_ups(d.pid) == before
    process.wait_until(rests, process.patience(30), "it rests")
    before = wake_ups(d.pid)
    time.sleep(10)
    assert wake_ups(d.pid) - before <= 1
    for conn in conns:
        conn.close()
