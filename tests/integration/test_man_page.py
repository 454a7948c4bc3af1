"""The manual page says what the command's own help says, and so does the README's table of exit statuses."""

import re
import shutil
import subprocess

import pytest

from harness import process
from harness.cli import ctl

PAGE = process.ROOT / "docs/secretstorectl.1"
COMMANDS = ["get", "put", "ping", "probe", "status", "snapshot save", "snapshot restore", "snapshot check"]


def options_of(command):
    done = ctl(None, *command.split(), "--help")
    assert done.returncode == 0
    return set(re.findall(r"^ +(?:-\w, )?--([a-z]+)", done.out, re.M))


def codes():
    """Number and name of each error."""
    found = re.findall(r"^  (\d\d)  (\w+): ", ctl(None, "--help").out, re.M)
    assert len(found) > 25
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_each_option_of_each_command(command):
    section = PAGE.read_text().split(f"\n.Ss {command}\n")[1].split("\n.S")[0]
    for option in options_of(command):
        assert re.search(rf"Fl Fl {option}\b", section), f"{command} --{option}"


def test_the_page_has_each_command_in_its_synopsis():
    synopsis = PAGE.read_text().split("\n.Sh SYNOPSIS\n")[1].split("\n.Sh ")[0]
    assert re.findall(r"^\.Cm ((?!-).+)$", synopsis, re.M) == COMMANDS


def test_the_page_and_the_readme_have_each_exit_status():
    page, readme = PAGE.read_text(), (process.ROOT / "README.md").read_text()
    for number, name in codes():
        if name == "closed":  # which no command ends with
            continue
        assert re.search(rf"^\.It {number}\*?\n{name}: ", page, re.M), name
        assert re.search(rf"^\| {number} \| `{name}`( \*)? \| ", readme, re.M), name


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_the_page_is_well_formed():
    done = subprocess.run(["groff", "-mandoc", "-ww", "-z", "-Tutf8", PAGE], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
