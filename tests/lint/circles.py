"""No file of these folders calls a file that calls it back, directly or through others: by the includes, and by the symbols
that the linker sees. A file is foo.c with its foo.h.

circles.py [ROOT [BUILD]]: prints each circle; exit status 1 if there is one. BUILD has the object files, below obj/.
"""
import os
import re
import subprocess
import sys

FOLDERS = ["base", "client-lib", "daemon/store", "daemon/ops", "daemon/callers"]


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def includes(root, folder):
    """(who, whom) for each include of one file's header by another of the folder."""
    for name in sorted(os.listdir(os.path.join(root, folder))):
        if not name.endswith((".c", ".h")):
            continue
        with open(os.path.join(root, folder, name), encoding="utf-8") as file:
            for header in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', file.read(), re.M):
                if os.path.dirname(header) in (folder, "") and stem(header) != stem(name):
                    yield stem(name), stem(header)


def symbols(objects):
    """What each object defines, and what it wants of others: two dicts of sets, by path."""
    defined, wanted = {}, {}
    for path in objects:
        defined[path], wanted[path] = set(), set()
        out = subprocess.run(["nm", "--extern-only", path], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            kind, name = line.split()[-2:]
            (wanted if kind == "U" else defined)[path].add(name)
    return defined, wanted


def calls(root, build, folder):
    """(who, whom) for each object that wants a symbol of another of the folder."""
    sources = sorted(name for name in os.listdir(os.path.join(root, folder)) if name.endswith(".c"))
    objects = [os.path.join(build, "obj", folder, f"{stem(name)}.o") for name in sources]
    defined, wanted = symbols(objects)
    for one in objects:
        for other in objects:
            if one != other and wanted[one] & defined[other]:
                yield stem(one), stem(other)


def circles(edges):
    """Sets of files of which each reaches each."""
    after = {}
    for who, whom in edges:
        after.setdefault(who, set()).add(whom)

    def reached(start):
        seen, todo = set(), [start]
        while todo:
            for one in after.get(todo.pop(), ()):
                if one not in seen:
                    seen.add(one)
                    todo.append(one)
        return seen
    reach = {one: reached(one) for one in after}
    found = []
    for one in sorted(reach):
        if one in reach[one] and not any(one in circle for circle in found):
            found.append({other for other in reach[one] if one in reach.get(other, ())})
    return found


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    build = sys.argv[2] if len(sys.argv) > 2 else os.path.join(root, "build")
    count = 0
    for folder in FOLDERS:
        for circle in circles([*includes(root, folder), *calls(root, build, folder)]):
            print(f"{folder}: {', '.join(sorted(circle))} call each other in a circle")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
