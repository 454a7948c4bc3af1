"""What README, docs/ and conf/ show as configuration is taken by the daemon as it stands there."""

import grp
import pwd
import re
import textwrap

import pytest

from harness import process
from harness.daemon import run

EXAMPLE = process.ROOT / "conf" / "secretstored.yaml"
PAGES = [process.ROOT / "README.md", *sorted((process.ROOT / "docs").rglob("*.md"))]
GROUPS = ("openbao", "approle", "kubernetes", "dev_token", "listen", "status", "cache", "watch", "limits", "process", "log",
          "audit", "allow", "credential")
OF_DROP_INS = {"allow", "credential"}
GROUP = re.compile(rf"^({'|'.join(GROUPS)}):(?: *#.*| *\{{.*| *)$", re.M)
# What a page leaves out, since it is of no matter there.
ENVIRONMENT = {"BAO_ADDR": "http://127.0.0.1:8200", "OPENBAO_APPROLE_ROLE_ID": "r", "OPENBAO_APPROLE_SECRET_ID": "s"}
UNKNOWN_ID = "4401"  # for users and groups that this machine does not have


def blocks(page):
    """(line, what the fence says, text) for each block of code, fenced or indented."""
    lines, n = page.read_text().splitlines(), 0
    while n < len(lines):
        fence = re.match(r"( *)```(\w*)", lines[n])
        first = n + 1
        if fence:
            n = next(i for i in range(first, len(lines)) if lines[i].startswith(fence.group(1) + "```"))
            yield first + 1, fence.group(2), textwrap.dedent("\n".join(lines[first:n]) + "\n")
        elif lines[n].startswith("    "):
            while n + 1 < len(lines) and (lines[n + 1].startswith("    ") or not lines[n + 1]):
                n += 1
            yield first, "", textwrap.dedent("\n".join(lines[first - 1:n + 1]) + "\n")
        n += 1


def pages_blocks():
    return [(f"{page.relative_to(process.ROOT)}:{line}", kind, text) for page in PAGES for line, kind, text in blocks(page)]


def is_configuration(kind, text):
    return kind == "yaml" and not re.search(r"^apiVersion:", text, re.M)  # which is Kubernetes' own


CONFIGURATION = [(where, text) for where, kind, text in pages_blocks() if is_configuration(kind, text)]


def with_known_ids(text):
    """The text with users and groups that are on this machine."""
    def known(name, find):
        try:
            return name.isdigit() or find(name)
        except KeyError:
            return False

    def replaced(match):
        find = pwd.getpwnam if match.group(1) == "uid" else grp.getgrnam
        return match.group(1) + re.sub(r"[\w-]+", lambda m: m.group() if known(m.group(), find) else UNKNOWN_ID, match.group(2))

    return re.sub(r"\b(uid|gid|group)(: *(?:\[[^]\n]*\]|[\w-]+))", replaced, text)


def assert_taken(where, text):
    text = with_known_ids(text)
    groups = set(GROUP.findall(text))
    assert groups, f"{where}: has no group of the configuration"
    done = run(text, "--check-config", env=ENVIRONMENT)
    assert done.returncode == 0, f"{where}: {done.log}"
    if groups <= OF_DROP_INS:
        done = run("", "--check-config", env=ENVIRONMENT, drop_ins={"rules.yaml": text})
        assert done.returncode == 0, f"{where}, as a drop-in: {done.log}"


@pytest.mark.parametrize("where, text", CONFIGURATION, ids=[where for where, _ in CONFIGURATION])
def test_each_block_of_configuration_in_the_pages_is_taken(where, text):
    assert_taken(where, text)


def test_the_pages_have_some():
    """Else the test above would prove nothing."""
    assert {where.partition(":")[0] for where, _ in CONFIGURATION} >= {"README.md", "docs/OPERATIONS.md"}


def test_what_looks_like_configuration_is_marked_as_such():
    unmarked = [where for where, kind, text in pages_blocks() if kind != "yaml" and GROUP.search(text)]
    assert not unmarked, "blocks of code to be fenced with ```yaml"


def test_no_page_sets_anything_with_an_equals_sign():
    names = "|".join(sorted(set(re.findall(r"^ +([a-z_]+):", EXAMPLE.read_text(), re.M))))
    old = re.compile(rf"`[^`\n]*(?:\b(?:{'|'.join(GROUPS)})\.|\b)(?:{names}) = [^`\n]*`")
    found = [f"{page.name}: {m.group()}" for page in PAGES for m in old.finditer(page.read_text())]
    assert not found


def uncommented(text):
    """The text with the examples that are commented out in it: from a line such as "#allow:" to the next one that is no
    comment."""
    groups, lines, within = "|".join(GROUPS), [], False
    for line in text.splitlines():
        within = bool(re.match(rf"#({groups}):$", line)) or within and line.startswith("#")
        lines.append(line[1:] if within else line)
    return "\n".join(lines) + "\n"


def test_the_shipped_file_is_taken_as_it_is_and_with_its_examples():
    text = EXAMPLE.read_text()
    assert run(text, "--check-config", env=ENVIRONMENT).returncode == 0
    whole = uncommented(text)
    assert set(GROUP.findall(whole)) - set(GROUP.findall(text)) == OF_DROP_INS
    assert_taken(EXAMPLE.name, whole)
