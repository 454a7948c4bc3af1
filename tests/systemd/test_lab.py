"""The lab itself: what the other tests take for granted."""

from pathlib import Path

from harness import process


def test_a_systemd_of_its_own_is_process_one(lab):
    assert lab.run("cat", "/proc/1/comm").out == "systemd\n"
    assert lab.systemctl("is-system-running").out == "running\n"


def test_units_have_their_cgroups_and_users(lab):
    said = lab.as_unit("sh", "-c", "id -un; sed -n 's/^0:://p' /proc/self/cgroup", unit="mine.service", user="daemon")
    assert said.out.split() == ["daemon", "/system.slice/mine.service"]


def test_what_is_written_inside_is_not_seen_outside(lab):
    name = process.unique("lab-test")
    lab.run("touch", f"/etc/{name}", f"/run/{name}")
    assert lab.path(f"/etc/{name}").exists() and lab.path(f"/run/{name}").exists()
    for folder in ("etc", "run"):
        assert lab.run("test", "-e", f"/{folder}/{name}").returncode == 0
        assert not (Path("/") / folder / name).exists()


def test_processes_are_found_from_outside(lab):
    child = lab.start_process("sleep", "60")
    try:
        inside = process.wait_until(lambda: lab.run("pgrep", "-x", "sleep", check=False).out.strip(), 10, "sleep runs")
        outside = lab.outer_pid(int(inside))
        assert (Path("/proc") / str(outside) / "comm").read_text() == "sleep\n"
    finally:
        process.end(child)
