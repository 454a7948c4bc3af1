"""secretstorectl snapshot on a terminal: how far it has come, and the question before a restore."""

import contextlib
import re
import time

import pytest

from harness import process, snapshot
from harness.fake import Fake
from harness.terminal import Terminal

PIECE = bytes(65536)


@pytest.fixture
def on_terminal():
    """Runs secretstorectl with these arguments against a daemon that serves so."""
    with contextlib.ExitStack() as stack:
        def make(serve, *args, stdin=None, **kw):
            fake = stack.enter_context(contextlib.closing(Fake(serve)))
            program = [process.binary("secretstorectl"), "-s", fake.socket, "snapshot", *args]
            if stdin:
                program = ["sh", "-c", 'exec "$@" <"$0"', stdin, *program]
            terminal = stack.enter_context(contextlib.closing(Terminal(program, **kw)))
            terminal.fake = fake
            return terminal
        yield make


class Slowly:
    """A save of so many pieces, with a pause after each."""

    def __init__(self, pieces=40, pause=0.03):
        self.pieces, self.pause = pieces, pause

    def __call__(self, peer):
        peer.read()
        peer.say(stream=True)
        for _ in range(self.pieces):
            peer.data(PIECE)
            time.sleep(self.pause)
        peer.end()
        peer.say(bytes=self.pieces * len(PIECE), sha256="0" * 64, verified=True)
        peer.wait_gone()


def restored(peer):
    peer.read()
    peer.say(**{"continue": True})
    data = peer.read_stream()
    peer.say(bytes=len(data), state="applied")
    peer.wait_gone()


@pytest.fixture
def file(scratch):
    path = scratch / "x.snap"
    path.write_bytes(snapshot.make(300000))
    return path


# -- progress -----------------------------------------------------------------------------------------------------

def test_a_save_shows_bytes_and_rate_and_leaves_a_clean_line(on_terminal, scratch):
    began = time.monotonic()
    t = on_terminal(Slowly(), "save", scratch / "x.snap")
    assert t.wait() == 0
    took = time.monotonic() - began
    assert re.search(r"\rsaving  \d+\.\d [KM]iB  \d+\.\d [KM]iB/s", t.shown)
    assert "%" not in t.shown
    assert t.screen == [""]
    assert t.out.startswith(f"{scratch / 'x.snap'}: {40 * 65536} bytes, sha256 ")
    assert t.out.rstrip().endswith(f", sha256 of the state in it {'0' * 64}")
    # Five times a second, the first one, and two for taking it away.
    assert 3 <= t.shown.count("\r") <= 5 * took + 3


def test_a_failure_stands_on_a_line_of_its_own(on_terminal, scratch):
    def fail(peer):
        peer.read()
        peer.say(stream=True)
        peer.data(PIECE)
        peer.refuse("upstream_error")

    t = on_terminal(fail, "save", scratch / "x.snap")
    assert t.wait() == 27
    assert t.screen == ["secretstorectl: snapshot save: upstream_error: so it is", ""]


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_shows_nothing(on_terminal, scratch, file, option):
    t = on_terminal(Slowly(5), "save", option, scratch / "y.snap")
    assert (t.wait(), t.shown) == (0, "")
    t = on_terminal(restored, "check", option, file)
    assert (t.wait(), t.shown) == (0, "")
    t = on_terminal(restored, "restore", option, "--yes", file)
    assert (t.wait(), t.shown) == (0, "")


def test_check_shows_how_much_of_it_is_done(on_terminal, file):
    t = on_terminal(restored, "check", file)
    assert t.wait() == 0
    assert re.search(r"\rchecking  \[\.+\]   0%  0 bytes", t.shown)
    assert t.screen == [""]


def test_restore_shows_a_bar_while_it_sends_and_then_that_it_waits(on_terminal, scratch):
    big = scratch / "big.snap"
    big.write_bytes(snapshot.make(8 << 20))

    def slowly(peer):
        peer.read()
        peer.say(**{"continue": True})
        total = 0
        while piece := peer.read_data():
            total += len(piece)
            time.sleep(0.01)
        time.sleep(0.3)
        peer.say(bytes=total, state="applied")
        peer.wait_gone()

    t = on_terminal(slowly, "restore", "--yes", big)
    assert t.wait() == 0
    assert re.search(r"\rsending  \[#+\.+\]  [1-9]\d%  \d\.\d MiB  \d+\.\d [KM]iB/s", t.shown)
    assert "\rsent; waiting for OpenBao to restore it" in t.shown
    assert t.screen == [""]


@pytest.mark.parametrize("columns", [20, 40, 200])
def test_no_line_is_wider_than_the_terminal(on_terminal, file, columns):
    t = on_terminal(restored, "restore", "--yes", file, columns=columns)
    assert t.wait() == 0
    assert "sending" in t.shown
    assert all(len(line) < columns for line in t.shown.split("\r"))
    assert t.screen == [""]


# -- the question -------------------------------------------------------------------------------------------------

def test_restore_asks_for_a_word_after_the_check_and_before_anything_is_sent(on_terminal, file):
    t = on_terminal(restored, "restore", file)
    t.wait_for("Type the word restore to go on: ")
    assert "checking" in t.shown.split("Type the word")[0]
    assert str(file) in t.shown
    assert "keyring" not in t.shown
    assert t.fake.connections == 0
    t.type("restore\n")
    assert t.wait() == 0
    assert "active again" in t.out
    assert t.fake.connections == 1


@pytest.mark.parametrize("typed", ["\n", "yes\n", "y\n", "Restore\n", "restore \n", " restore\n", "restored\n", "\4", "rest\4\4",
                                   "x" * 300 + "\n", "restore" * 2 + "\n"])
def test_another_word_restores_nothing(on_terminal, file, typed):
    t = on_terminal(restored, "restore", file)
    t.wait_for("to go on: ")
    t.type(typed)
    assert t.wait() == 36
    assert "not confirmed; nothing was restored" in t.shown
    assert (t.out, t.fake.connections) == ("", 0)


def test_an_interrupt_at_the_question_restores_nothing(on_terminal, file):
    t = on_terminal(restored, "restore", file)
    t.wait_for("to go on: ")
    t.type("\3")
    assert t.wait() == -2
    assert t.fake.connections == 0


def test_with_force_the_question_says_whose_keys_are_needed(on_terminal, file):
    t = on_terminal(restored, "restore", "--force", file, columns=200)
    t.wait_for("to go on: ")
    assert "keyring of the cluster that the snapshot was taken from" in t.shown
    assert "as of the snapshot, not with its present ones" in t.shown
    assert "If those keys are lost, everything is lost" in t.shown
    t.type("restore\n")
    assert t.wait() == 0


def test_the_terminal_is_asked_even_if_standard_input_is_something_else(on_terminal, file, scratch):
    (scratch / "typed").write_text("restore\n")
    t = on_terminal(restored, "restore", file, stdin=scratch / "typed")
    t.wait_for("to go on: ")
    assert t.fake.connections == 0
    t.type("no\n")
    assert t.wait() == 36


def test_what_is_not_whole_is_not_asked_about(on_terminal, file):
    file.write_bytes(file.read_bytes()[:-1])
    t = on_terminal(restored, "restore", file)
    assert t.wait() == 10
    assert "to go on" not in t.shown
