"""secretstorectl snapshot check and restore and their files, against a daemon that does as the test wants: what is
sent, what is not, and what is said of the outcome."""

import contextlib
import os
import subprocess

import pytest

from harness import process, snapshot
from harness.cli import ctl
from harness.daemon import environment
from harness.fake import Fake, Gone


class Restore:
    """A daemon that restores. state: what it says of OpenBao; meanwhile(): before it reads the data."""

    def __init__(self, state="applied", meanwhile=None, refuse=None):
        self.state, self.meanwhile, self.refuse = state, meanwhile, refuse
        self.request = self.data = None

    def __call__(self, peer):
        self.request = peer.read()
        assert self.request["op"] == "snapshot.restore"
        peer.say(**{"continue": True})
        if self.meanwhile:
            self.meanwhile()
        if self.refuse:
            peer.refuse(self.refuse)
            peer.wait_gone()
            return
        self.data = peer.read_stream()
        if self.state:
            peer.say(bytes=len(self.data), state=self.state)
        peer.wait_gone()


@pytest.fixture
def fake():
    with contextlib.ExitStack() as stack:
        def make(serve=None):
            return stack.enter_context(contextlib.closing(Fake(serve or Restore())))
        yield make


@pytest.fixture(scope="module")
def whole():
    return snapshot.make(200000)


@pytest.fixture
def file(scratch, whole):
    path = scratch / "x.snap"
    path.write_bytes(whole)
    return path


def restore(f, *args, **kw):
    return ctl(f.socket, "snapshot", "restore", "--yes", *args, **kw)


def check(*args, **kw):
    return ctl("/nonexistent/socket", "snapshot", "check", *args, **kw)


def damaged(whole):
    """Snapshots that are not whole, by what is wrong with them."""
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    return {"empty": b"", "text": b"no snapshot\n" * 100, "cut": whole[:-1], "half": whole[:len(whole) // 2],
            "flipped": bytes(flipped), "more": whole + b"x", "twice": whole + whole}


DAMAGES = ["empty", "text", "cut", "half", "flipped", "more", "twice"]


# -- check --------------------------------------------------------------------------------------------------------

def test_check_says_that_a_snapshot_is_whole_without_a_daemon(file, whole):
    done = check(file)
    assert (done.returncode, done.out, done.err) == (0, f"{file}: whole, {len(whole)} bytes\n", "")
    assert file.read_bytes() == whole


def test_check_takes_standard_input(whole):
    done = check("-", stdin=whole)
    assert (done.returncode, done.out) == (0, f"-: whole, {len(whole)} bytes\n")
    assert check("-", stdin=whole[:-9]).returncode == 10


@pytest.mark.parametrize("damage", DAMAGES)
def test_check_says_what_is_wrong(file, whole, damage):
    file.write_bytes(damaged(whole)[damage])
    done = check(file)
    assert (done.returncode, done.out) == (10, "")
    assert done.err.startswith(f"secretstorectl: snapshot check {file}: invalid_request: the snapshot is not whole: ")


def test_a_file_that_cannot_be_read_is_told(scratch):
    for path, words in ((scratch / "none", "No such file"), (scratch, "Is a directory")):
        done = check(path)
        assert (done.returncode, done.out) == (37, "")
        assert words in done.err


@pytest.mark.parametrize("args", [[], ["a", "b"], ["-x", "a"]])
def test_a_wrong_command_line_is_told(args):
    for command in ("check", "restore"):
        done = ctl("/nonexistent/socket", "snapshot", command, *args)
        assert (done.returncode, done.out) == (2, "")
        assert f"secretstorectl snapshot {command} --help" in done.err


# -- restore ------------------------------------------------------------------------------------------------------

def test_restore_sends_the_file_and_says_that_it_is_applied(fake, file, whole):
    daemon = Restore()
    done = restore(fake(daemon), file)
    assert (done.returncode, done.err) == (0, "")
    assert "active again, on the snapshot's state" in done.out
    assert daemon.data == whole
    assert daemon.request.get("force", False) is False
    assert "timeout_ms" not in daemon.request


def test_force_and_a_timeout_are_passed_on(fake, file):
    daemon = Restore()
    assert restore(fake(daemon), "--force", "-t", "5m", file).returncode == 0
    assert daemon.request["force"] is True
    assert 290000 < daemon.request["timeout_ms"] <= 299750


def test_a_sealed_openbao_has_its_status_and_whose_keys_it_needs_is_said(fake, file):
    done = restore(fake(Restore("sealed")), "--force", file)
    assert (done.returncode, done.out) == (21, "")
    assert "unseal keys" in done.err and "of the cluster that the snapshot was taken from" in done.err


def test_an_openbao_that_is_still_at_it_has_its_status_and_where_to_look_is_said(fake, file):
    done = restore(fake(Restore("waiting")), file)
    assert (done.returncode, done.out) == (28, "")
    assert "secretstorectl probe" in done.err and "status" in done.err


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_whole_is_not_sent(fake, file, whole, damage):
    file.write_bytes(damaged(whole)[damage])
    f = fake()
    done = restore(f, file)
    assert (done.returncode, done.out) == (10, "")
    assert "the snapshot is not whole: " in done.err
    assert f.connections == 0


def test_what_cannot_be_read_twice_is_not_sent(fake, scratch):
    os.mkfifo(scratch / "fifo")
    f = fake()
    for path, words in ((scratch / "fifo", "no regular file"), (scratch, "no regular file"), ("/dev/zero", "no regular file"),
                        (scratch / "none", "No such file")):
        done = restore(f, path)
        assert (done.returncode, done.out) == (37, "")
        assert words in done.err
    assert f.connections == 0


@pytest.mark.parametrize("change", ["grows", "shrinks", "vanishes"])
def test_a_file_that_changes_its_size_in_between_is_sent_without_an_end(fake, file, whole, change):
    """After the check: when the daemon says that it may come."""
    def meanwhile():
        if change == "grows":
            with open(file, "ab") as f:
                f.write(b"x")
        else:
            os.truncate(file, 0 if change == "vanishes" else len(whole) - 1)

    ended = []

    def serve(peer):
        peer.read()
        meanwhile()
        peer.say(**{"continue": True})
        try:
            peer.read_stream()
            ended.append(True)
        except Gone:
            ended.append(False)

    done = restore(fake(serve), file)
    assert (done.returncode, done.out) == (37, "")
    assert "changed" in done.err
    assert process.wait_until(lambda: ended, process.patience(10), "the daemon has seen the end") == [False]


def test_an_error_of_the_daemon_is_told(fake, file):
    done = restore(fake(Restore(refuse="forbidden")), file)
    assert (done.returncode, done.out) == (13, "")
    assert "forbidden: so it is" in done.err


def test_a_daemon_that_goes_after_the_end_leaves_it_unknown(fake, file):
    def go(peer):
        peer.read()
        peer.say(**{"continue": True})
        peer.read_stream()

    done = restore(fake(go), file)
    assert (done.returncode, done.out) == (28, "")
    assert "may have been restored" in done.err


def test_without_a_daemon_nothing_is_restored(file, scratch):
    done = ctl(scratch / "none.sock", "snapshot", "restore", "--yes", file)
    assert done.returncode == 30
    assert "nothing was restored" in done.err


def test_without_a_terminal_it_does_not_ask_but_refuses(fake, file):
    f = fake()
    done = subprocess.run(["setsid", "-w", process.binary("secretstorectl"), "-s", f.socket, "snapshot", "restore", file],
                          input=b"restore\n", env=environment(), capture_output=True, timeout=process.patience(30))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--yes" in done.stderr
    assert f.connections == 0
