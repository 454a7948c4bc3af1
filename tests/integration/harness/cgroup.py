"""A cgroup that holds processes to a part of a processor. Needs root."""

import os
import time
from pathlib import Path

PERIOD_US = 10000


def _place():
    """(a folder in which cgroups with a quota can be made, whether it is of version 2), or None."""
    with open("/proc/mounts") as f:
        mounts = [line.split()[1:4] for line in f]
    for folder, kind, options in mounts:
        if kind == "cgroup" and "cpu" in options.split(","):
            return Path(folder), False
    for folder, kind, _ in mounts:
        if kind == "cgroup2" and "cpu" in (Path(folder) / "cgroup.controllers").read_text().split():
            return Path(folder), True
    return None


def available():
    place = _place()
    return os.getuid() == 0 and place is not None and os.access(place[0], os.W_OK)


class CpuPart:
    """With it, what is put into it gets that part of one processor."""

    def __init__(self, part):
        top, self.unified = _place()
        self.folder = top / f"secretstore-test-{os.getpid()}-{time.monotonic_ns()}"
        quota = int(part * PERIOD_US)
        if self.unified:
            with open(top / "cgroup.subtree_control", "w") as f:
                f.write("+cpu")
        self.folder.mkdir()
        if self.unified:
            (self.folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota))

    def take(self, pid):
        (self.folder / "cgroup.procs").write_text(str(pid))

    def close(self):
        """When the processes in it have ended."""
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.05)
