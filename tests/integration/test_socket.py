"""The socket's place: made with care, taken from the dead and never from the living."""

import fcntl
import os
import socket
import stat
import subprocess

import pytest

from harness import canary, config_text, process
from harness.client import Conn
from harness.daemon import environment, run


def test_the_directory_is_made_and_the_mode_is_as_configured(daemon, site, scratch):
    path = scratch / "run" / "s.sock"
    d = daemon(site.settings(listen={"mode": "0640"}), socket_path=path)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
    assert d.ping().ok


def test_the_default_mode_is_0660(daemon, site):
    d = daemon(site.settings())
    assert stat.S_IMODE(d.socket.stat().st_mode) == 0o660


@pytest.mark.root
def test_the_group_is_as_configured(daemon, site):
    d = daemon(site.settings(listen={"group": "daemon", "mode": "0660"}))
    assert d.socket.stat().st_gid == 1
    with d.connect_as(4101, gid=1) as c:
        assert c.call("ping").ok
    with pytest.raises(PermissionError):
        d.connect_as(4101)


def test_a_folder_in_which_others_may_write_is_warned_of(daemon, site, scratch):
    for name, mode, said in (("own", 0o755, False), ("all", 0o777, True), ("sticky", 0o1777, True), ("group", 0o770, True)):
        folder = scratch / name
        folder.mkdir()
        folder.chmod(mode)
        d = daemon(site.settings(), socket_path=folder / "s.sock")
        assert d.ping().ok
        assert (f"warning: {folder}: others than its owner may write there (mode {mode:04o})" in d.log) == said


def test_a_dead_socket_is_taken_over(daemon, site, scratch):
    path = scratch / "s.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()
    assert path.exists()
    assert daemon(site.settings(), socket_path=path).ping().ok


def test_the_socket_of_a_killed_daemon_is_taken_over(daemon, site, scratch):
    path = scratch / "s.sock"
    first = daemon(site.settings(), socket_path=path)
    first.expect_stop = False
    process.end(first.process)
    assert path.exists()
    assert daemon(site.settings(), socket_path=path).ping().ok


def second(site, path):
    """A second daemon's start at the same place; ends by itself."""
    return run(site.settings(listen={"socket": str(path)}))


def test_a_live_socket_of_another_daemon_is_left_alone(daemon, site):
    first = daemon(site.settings())
    before = first.socket.stat().st_ino
    done = second(site, first.socket)
    assert done.returncode not in (0, None)
    assert str(first.socket) in done.log
    assert first.socket.stat().st_ino == before
    assert first.ping().ok
    assert len(site.logins()) == 1


def test_a_live_socket_without_a_lock_is_left_alone(site, scratch):
    """Whoever listens there, this daemon's kind or not."""
    path = scratch / "s.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()
        before = path.stat().st_ino
        assert second(site, path).returncode != 0
        assert path.stat().st_ino == before


def test_a_live_socket_with_a_full_backlog_is_left_alone(site, scratch):
    path = scratch / "s.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen(0)
        waiting = []
        for _ in range(3):
            c = socket.socket(socket.AF_UNIX)
            c.setblocking(False)
            try:
                c.connect(str(path))
            except BlockingIOError:
                pass
            waiting.append(c)
        before = path.stat().st_ino
        assert second(site, path).returncode != 0
        assert path.stat().st_ino == before
        for c in waiting:
            c.close()


def test_a_file_that_is_no_socket_is_left_alone(site, scratch):
    path = scratch / "s.sock"
    path.write_text("precious")
    assert second(site, path).returncode != 0
    assert path.read_text() == "precious"


def test_too_long_a_path_is_an_error(site):
    done = second(site, "/tmp/" + "d" * 50 + "/" + "s" * 60)
    assert done.returncode == 78
    assert "socket" in done.log


def test_the_longest_path_works(daemon, site, scratch):
    name = "s" * (107 - len(str(scratch)) - 1)
    path = scratch / name
    assert len(str(path)) == 107
    assert daemon(site.settings(), socket_path=path).ping().ok


def test_a_directory_that_cannot_be_made_is_an_error(site, scratch):
    (scratch / "file").write_text("")
    done = second(site, scratch / "file" / "s.sock")
    assert done.returncode not in (0, None)
    assert str(scratch / "file") in done.log


def test_a_held_lock_is_respected(site, scratch):
    path = scratch / "s.sock"
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert second(site, path).returncode != 0
    assert not path.exists()


def start_two(site, path, config):
    """Two daemons at the same moment; the processes."""
    processes = []
    for name in ("one", "two"):
        log = open(canary.run.new_log(f"daemon-race-{name}"), "wb")
        with log:
            processes.append(process.start([process.binary("secretstored"), "-c", config], stdout=log, stderr=log,
                                           stdin=subprocess.DEVNULL, env=environment()))
    return processes


def test_of_two_daemons_started_at_the_same_moment_exactly_one_wins(site, scratch):
    path = scratch / "s.sock"
    config = scratch / "c.yaml"
    settings = site.settings(listen={"socket": str(path)}, openbao={"revoke_on_stop": False})
    config_text.write(config, settings)
    for n in range(20):
        if n % 2:  # half of the time there is a dead socket to be removed, where the race would be
            with socket.socket(socket.AF_UNIX) as s:
                path.unlink(missing_ok=True)
                s.bind(str(path))
        processes = start_two(site, path, config)
        try:
            process.wait_until(lambda them=processes: any(p.poll() is not None for p in them), 20, "one gives up")
            losers = [p for p in processes if p.poll() is not None]
            winners = [p for p in processes if p.poll() is None]
            assert (len(losers), len(winners)) == (1, 1)
            assert losers[0].returncode != 0
            process.wait_until(lambda: connects(path), 10, "the winner serves")
            with Conn(path) as c:
                assert c.call("ping").ok
            os.kill(winners[0].pid, 15)
            assert winners[0].wait(30) == 0
        finally:
            for p in processes:
                process.end(p)


def connects(path):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
        return True
    except OSError:
        return False
