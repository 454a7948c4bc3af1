"""Each row of docs/REFERENCE.md names tests, and each of them is there.

reference.py [ROOT]: prints what is missing; exit status 1 if anything is.
"""
import glob
import os
import re
import sys

TABLE = "docs/REFERENCE.md"
TESTS = ("tests/unit/test_*.c", "tests/integration/test_*.py", "tests/lint/test_*.py", "tests/systemd/test_*.py")
DEFINED = re.compile(r"^\s*(?:static void|def) (test_\w+)\(", re.M)


def defined(root):
    names = set()
    for pattern in TESTS:
        for path in glob.glob(os.path.join(root, pattern)):
            with open(path, encoding="utf-8") as file:
                names.update(DEFINED.findall(file.read()))
    return names


def rows(text):
    """(line number, first cell, names of tests) of each row that is no heading."""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 3 or cells[0] in ("the reference", "---") or cells[0].startswith("**"):
            continue
        yield number, cells[0], re.findall(r"`(test_\w+)`", cells[2])


def problems(root):
    with open(os.path.join(root, TABLE), encoding="utf-8") as file:
        table = list(rows(file.read()))
    if not table:
        yield f"{TABLE}: no rows"
    known = defined(root)
    for number, row, names in table:
        if not names:
            yield f"{TABLE}:{number}: no test for: {row}"
        for name in names:
            if name not in known:
                yield f"{TABLE}:{number}: there is no {name}"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    found = list(problems(root))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
