"""secretstorectl snapshot save and its files, against a daemon that does as the test wants: what stands on the disk
after a success, a failure, a signal, and many of them."""

import contextlib
import fcntl
import hashlib
import os
import re
import resource
import signal
import stat
import subprocess
import time

import pytest

from harness import process
from harness.cli import ctl
from harness.daemon import environment
from harness.fake import Fake

CONTENT = bytes(range(256)) * 1000
OLD = b"an older snapshot"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
STATE_DIGEST = hashlib.sha256(b"the state in it").hexdigest()
DATED = re.compile(r"openbao-\d{8}T\d{6}Z\.snap")


def give(peer, content=CONTENT):
    """A save that goes well."""
    assert peer.read()["op"] == "snapshot.save"
    peer.say(stream=True)
    peer.data(content)
    peer.end()
    peer.say(bytes=len(content), sha256=STATE_DIGEST, verified=True)
    peer.wait_gone()


def fail(peer):
    """One that breaks off in the middle."""
    peer.read()
    peer.say(stream=True)
    peer.data(CONTENT)
    peer.refuse("upstream_error", status=500)


@pytest.fixture
def fake():
    with contextlib.ExitStack() as stack:
        def make(serve=give):
            return stack.enter_context(contextlib.closing(Fake(serve)))
        yield make


@pytest.fixture
def there(scratch):
    """A directory of one's own for the snapshots."""
    directory = scratch / "there"
    directory.mkdir()
    return directory


def save(fake, *args, **kw):
    return ctl(fake.socket, "snapshot", "save", *args, **kw)


def names(directory):
    return sorted(os.listdir(directory))


# -- a file -------------------------------------------------------------------------------------------------------

def test_a_saved_file_is_whole_and_for_its_owner_alone(fake, there):
    done = save(fake(), there / "x.snap")
    assert done.returncode == 0, done.err
    assert done.out == f"{there / 'x.snap'}: {len(CONTENT)} bytes, sha256 {DIGEST}, sha256 of the state in it {STATE_DIGEST}\n"
    assert done.err == ""
    assert names(there) == ["x.snap"]
    assert (there / "x.snap").read_bytes() == CONTENT
    assert stat.S_IMODE((there / "x.snap").stat().st_mode) == 0o600


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_mode_is_not_the_umasks_affair(fake, there, umask):
    done = subprocess.run([process.binary("secretstorectl"), "-s", fake().socket, "snapshot", "save", there / "x.snap"],
                          env=environment(), umask=umask, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
    assert stat.S_IMODE((there / "x.snap").stat().st_mode) == 0o600


def test_an_older_file_is_replaced_and_not_written_into(fake, there):
    (there / "x.snap").write_bytes(OLD)
    (there / "x.snap").chmod(0o644)
    os.link(there / "x.snap", there / "link")
    assert save(fake(), there / "x.snap").returncode == 0
    assert (there / "x.snap").read_bytes() == CONTENT
    assert stat.S_IMODE((there / "x.snap").stat().st_mode) == 0o600
    assert (there / "link").read_bytes() == OLD


def test_a_file_may_be_named_from_here_or_from_the_root(fake, there):
    f = fake()
    command = [process.binary("secretstorectl"), "-s", f.socket, "snapshot", "save", "x.snap"]
    assert subprocess.run(command, cwd=there, env=environment(), stdout=subprocess.DEVNULL).returncode == 0
    command[-1] = "./-"
    assert subprocess.run(command, cwd=there, env=environment(), stdout=subprocess.DEVNULL).returncode == 0
    assert names(there) == ["-", "x.snap"]


def after_one_frame(peer):
    peer.read()
    peer.say(stream=True)
    peer.data(CONTENT[:1000])


def unproven(peer):
    after_one_frame(peer)
    peer.end()
    peer.say(bytes=1000, sha256=DIGEST, verified=False)


@pytest.mark.parametrize("how, status", [
    (lambda peer: None, 30),
    (lambda peer: peer.read() and peer.refuse("raft_unsupported", status=404), 24),
    (after_one_frame, 30),
    (fail, 27),
    (unproven, 31),
])
def test_a_failure_leaves_no_file_and_harms_no_older_one(fake, there, how, status):
    f = fake(how)
    done = save(f, there / "new.snap")
    assert (done.returncode, done.out) == (status, ""), done.err
    assert done.err.startswith("secretstorectl: snapshot save: ")
    assert names(there) == []
    (there / "old.snap").write_bytes(OLD)
    assert save(f, there / "old.snap").returncode == status
    assert names(there) == ["old.snap"]
    assert (there / "old.snap").read_bytes() == OLD


def test_without_a_daemon_there_is_no_file(there, scratch):
    done = ctl(scratch / "none.sock", "snapshot", "save", there / "x.snap")
    assert done.returncode == 30
    assert names(there) == []


@pytest.mark.parametrize("what, words", [
    ("directory", "is a directory"), ("link", "is a symbolic link"), ("dangling", "is a symbolic link"),
    ("fifo", "is no regular file"), ("/dev/null", "is no regular file"),
])
def test_what_is_no_regular_file_is_refused_before_anything_is_fetched(fake, there, what, words):
    path = there / "x"
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "/dev/null":
        path = what
    else:
        (there / "target").write_bytes(OLD)
        path.symlink_to("target" if what == "link" else "nowhere")
    before = names(there)
    f = fake()
    done = save(f, path)
    assert (done.returncode, done.out) == (1, "")
    assert words in done.err
    assert names(there) == before
    assert f.connections == 0
    if what == "link":
        assert (there / "target").read_bytes() == OLD


def test_standard_output_is_refused_since_it_cannot_be_taken_back(fake):
    f = fake()
    done = save(f, "-")
    assert (done.returncode, done.out) == (2, "")
    assert "standard output" in done.err and "--help" in done.err
    assert f.connections == 0


@pytest.mark.parametrize("args", [
    [], ["a", "b"], ["--keep", "3", "a"], ["--dir", "d", "a"], ["--dir", "d", "--keep", "0"], ["--dir", "d", "--keep", "x"],
    ["--dir", "d", "--keep", "-1"], ["--dir"], ["a/"], ["."], [".."], ["a/.."], ["--force", "a"], ["-t", "11m", "a"],
    ["-t", "0", "a"],
])
def test_a_wrong_command_line_is_told(fake, args):
    f = fake()
    done = save(f, *args)
    assert (done.returncode, done.out) == (2, "")
    assert "secretstorectl snapshot save --help" in done.err
    assert f.connections == 0


def test_a_directory_that_is_not_there_is_told_before_anything_is_fetched(fake, there):
    f = fake()
    for args in ([there / "none" / "x.snap"], ["--dir", there / "none"], [there / ("x" * 250)]):
        done = save(f, *args)
        assert (done.returncode, done.out) == (37, ""), done.err
        assert re.search("No such file|name too long", done.err)
    assert names(there) == []
    assert f.connections == 0


@pytest.mark.skipif(process.UID == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_told(fake, there):
    there.chmod(0o555)
    done = save(fake(), there / "x.snap")
    assert done.returncode == 37
    assert "Permission denied" in done.err


def limited(f, path, size):
    """Saves with a limit on the size of files, which stands for a disk that is full."""
    return subprocess.run([process.binary("secretstorectl"), "-s", f.socket, "snapshot", "save", path], env=environment(),
                          capture_output=True, text=True, timeout=process.patience(30),
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(fake, there):
    (there / "x.snap").write_bytes(OLD)
    done = limited(fake(), there / "x.snap", 100000)
    assert done.returncode == 37, done.stderr
    assert "File too large" in done.stderr and str(there / "x.snap") in done.stderr
    assert names(there) == ["x.snap"]
    assert (there / "x.snap").read_bytes() == OLD


@pytest.mark.root
def test_a_full_disk_is_told_and_leaves_nothing(fake, there):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", there], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    try:
        (there / "x.snap").write_bytes(OLD)
        done = save(fake(), there / "x.snap")
        assert done.returncode == 37
        assert "No space left on device" in done.err
        assert names(there) == ["x.snap"]
        assert (there / "x.snap").read_bytes() == OLD
    finally:
        subprocess.run(["umount", there], check=True)


def test_output_that_cannot_be_written_does_not_undo_the_file(fake, there):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([process.binary("secretstorectl"), "-s", fake().socket, "snapshot", "save", there / "x.snap"],
                              env=environment(), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "saved nevertheless" in done.stderr
    assert names(there) == ["x.snap"]


def meanwhile(there, what):
    """A save in whose middle what(name) happens; name: that the file is to have."""
    def serve(peer):
        after_one_frame(peer)
        partial = wait_partial(there)
        what(there / partial[1:-7])
        peer.end()
        peer.say(bytes=1000, sha256=DIGEST, verified=True)
        peer.wait_gone()
    return serve


@pytest.mark.parametrize("dated", [False, True])
def test_what_comes_into_its_place_meanwhile_stays_there(fake, there, dated):
    """What is no file cannot be replaced; and a dated file is never replaced."""
    f = fake(meanwhile(there, lambda path: path.write_bytes(OLD) if dated else path.mkdir()))
    done = save(f, *(["--dir", there, "--keep", "1"] if dated else [there / "x.snap"]))
    assert (done.returncode, done.out) == (37, ""), done.err
    assert re.search("File exists" if dated else "Is a directory|File exists", done.err)
    name, = names(there)
    assert not name.startswith(".")
    assert (there / name).read_bytes() == OLD if dated else (there / name).is_dir()


# -- ended from outside -------------------------------------------------------------------------------------------

def stuck(peer):
    """Sends some of it, and then nothing more."""
    after_one_frame(peer)
    peer.wait_gone()


def start(f, *args, **kw):
    """A save that is under way: its partial file is there."""
    return process.start([process.binary("secretstorectl"), "-s", f.socket, "snapshot", "save", *args], env=environment(),
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def wait_partial(directory, known=()):
    """Waits until a part of the snapshot has been written; its name."""
    def partial():
        found = [n for n in names(directory) if n.startswith(".") and n not in known]
        return found[0] if found and (directory / found[0]).stat().st_size == 1000 else None
    return process.wait_until(partial, process.patience(15), "the partial file")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_removes_the_partial_file_and_leaves_the_older_one(fake, there, number):
    (there / "x.snap").write_bytes(OLD)
    saving = start(fake(stuck), there / "x.snap")
    partial = wait_partial(there)
    assert re.fullmatch(r"\.x\.snap\.[a-z0-9]{6}", partial)
    assert stat.S_IMODE((there / partial).stat().st_mode) == 0o600
    saving.send_signal(number)
    assert saving.wait(process.patience(10)) == -number
    assert names(there) == ["x.snap"]
    assert (there / "x.snap").read_bytes() == OLD


def test_an_ignored_signal_stays_ignored(fake, there):
    def going_on(peer):
        after_one_frame(peer)
        wait_partial(there)
        saving[0].send_signal(signal.SIGHUP)
        peer.end()
        peer.say(bytes=1000, sha256=DIGEST, verified=True)

    saving = []
    f = fake(going_on)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        saving.append(start(f, there / "x.snap", restore_signals=False))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert saving[0].wait(process.patience(10)) == 0
    assert names(there) == ["x.snap"]


def test_the_timeout_ends_a_save_and_without_one_there_is_none(fake, there):
    told = []

    def note(peer):
        told.append(peer.read().get("timeout_ms"))
        peer.wait_gone()

    f = fake(note)
    done = ctl(f.socket, "-t", "500ms", "snapshot", "save", there / "x.snap")
    assert done.returncode == 20
    assert names(there) == []
    saving = start(f, there / "x.snap")
    process.wait_until(lambda: len(told) == 2, process.patience(10), "the request without a timeout")
    process.end(saving)
    assert 200 <= told[0] <= 450
    assert told[1] is None


# -- a directory, for a timer -------------------------------------------------------------------------------------

def make_old(directory, count):
    """Snapshots of earlier days."""
    made = [f"openbao-202601{day:02}T030000Z.snap" for day in range(1, count + 1)]
    for name in made:
        (directory / name).write_bytes(OLD)
    return made


def test_a_dated_file_is_named_after_the_second_in_utc(fake, there):
    before = time.strftime("openbao-%Y%m%dT%H%M%SZ.snap", time.gmtime())
    done = save(fake(), "--dir", there, env={"TZ": "Asia/Tokyo"})
    after = time.strftime("openbao-%Y%m%dT%H%M%SZ.snap", time.gmtime())
    assert done.returncode == 0, done.err
    name, = names(there)
    assert before <= name <= after
    assert done.out == f"{there}/{name}: {len(CONTENT)} bytes, sha256 {DIGEST}, sha256 of the state in it {STATE_DIGEST}\n"
    assert (there / name).read_bytes() == CONTENT
    assert stat.S_IMODE((there / name).stat().st_mode) == 0o600


def test_saves_in_one_second_do_not_overwrite_each_other(fake, there):
    f = fake()
    for _ in range(3):
        assert save(f, "--dir", there).returncode == 0
    assert len(names(there)) == 3
    assert all(DATED.fullmatch(n) for n in names(there))


def test_the_oldest_beyond_those_to_keep_are_removed_and_nothing_else(fake, there):
    old = make_old(there, 5)
    others = ["openbao-20250101T000000Z.snap.gz", "openbao-20250101T000000Z.SNAP", "xopenbao-20250101T000000Z.snap",
              "openbao-2025010AT000000Z.snap", "openbao-20250101T000000.snap", "a.snap", "openbao-.snap",
              ".openbao-20250101T000000Z.snap"]
    for name in others:
        (there / name).write_bytes(b"x")
    (there / "openbao-20250102T000000Z.snap").mkdir()
    (there / "openbao-20250103T000000Z.snap").symlink_to("a.snap")
    kept = set(others) | {"openbao-20250102T000000Z.snap", "openbao-20250103T000000Z.snap"}
    assert save(fake(), "--dir", there, "--keep", "3").returncode == 0
    left = set(names(there)) - kept
    assert kept <= set(names(there))
    assert len(left) == 3 and set(old[3:]) <= left


def test_one_may_be_kept(fake, there):
    make_old(there, 2)
    assert save(fake(), "--dir", there, "--keep", "1").returncode == 0
    name, = names(there)
    assert (there / name).read_bytes() == CONTENT


def test_names_of_a_time_to_come_are_neither_counted_nor_removed(fake, there):
    future = [f"openbao-209901{day:02}T030000Z.snap" for day in range(1, 4)]
    for name in future:
        (there / name).write_bytes(OLD)
    old = make_old(there, 3)
    done = save(fake(), "--dir", there, "--keep", "3")
    assert done.returncode == 0
    assert b"3 files, such as openbao-20990103T030000Z.snap, are named after a time that is still to come" in done.stderr
    left = names(there)
    assert left[:2] == old[1:] and left[3:] == future
    assert (there / left[2]).read_bytes() == CONTENT


def test_without_keep_nothing_is_removed(fake, there):
    make_old(there, 5)
    assert save(fake(), "--dir", there).returncode == 0
    assert len(names(there)) == 6


@pytest.mark.parametrize("how", [fail, unproven, lambda peer: None])
def test_nothing_is_removed_when_the_save_fails(fake, there, how):
    old = make_old(there, 5)
    assert save(fake(how), "--dir", there, "--keep", "1").returncode != 0
    assert names(there) == old


def test_what_killed_runs_left_is_removed_after_a_day(fake, there):
    f = fake(stuck)
    killed = [start(f, "--dir", there)]
    left = [wait_partial(there)]
    killed[0].kill()
    killed[0].wait()
    killed.append(start(f, "--dir", there))
    left.append(wait_partial(there, left))
    killed[1].kill()
    killed[1].wait()
    others = [".openbao-20250101T000000Z.snap", ".x.snap.abcdef", left[0] + "x"]
    for name in others:
        (there / name).write_bytes(b"x")
    for name in (left[0], *others):
        os.utime(there / name, (time.time() - 86400 - 60,) * 2)
    assert save(fake(fail), "--dir", there).returncode == 27
    assert names(there) == sorted([left[1], *others])


def test_two_runs_at_once_do_no_harm(fake, there):
    old = make_old(there, 2)
    first = start(fake(stuck), "--dir", there, "--keep", "1")
    partial = wait_partial(there)
    f = fake()
    second = save(f, "--dir", there, "--keep", "1")
    assert (second.returncode, second.out) == (1, "")
    assert "another snapshot is being saved there" in second.err
    assert f.connections == 0
    assert names(there) == sorted([partial, *old])
    first.terminate()
    first.wait()
    assert save(f, "--dir", there, "--keep", "1").returncode == 0
    assert len(names(there)) == 1


def test_the_lock_is_on_the_directory_itself(fake, there):
    fd = os.open(there, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert save(fake(), "--dir", there).returncode == 1
    finally:
        os.close(fd)
    assert names(there) == []
