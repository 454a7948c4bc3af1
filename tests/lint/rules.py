"""The rules of the source tree: who may include what, how long things may be, how files begin.

rules.py [ROOT]: prints each violation as file:line: text; exit status 1 if there is one.
"""
import ast
import os
import re
import shutil
import subprocess
import sys

MOST_LINES_OF_FILE = 900
MOST_COLUMNS = 115  # of C, with tabs of 8
MOST_LINES_OF_FUNCTION = 120
MOST_INTERNAL_FUNCTIONS = 10  # that an _internal.h declares: with more, its files were cut in the wrong place

# Folders have an order, and includes go one way in it: base, proto, then client-lib and cli, or in the daemon access, host,
# upstream, store and config, ops, callers, and the files that put the parts together. For each part of the tree what it may
# include, first match; "/" at the end: the folder. Some may not have all that is below them: HTTP and OpenBao's API are
# upstream's and store's alone.
LOGIN = ["daemon/upstream/login.h", "daemon/upstream/token.h", "daemon/upstream/health.h", "daemon/upstream/lease.h"]
MAY_INCLUDE = [
    ("base/", ["base/"]),
    ("proto/", ["base/", "proto/"]),
    ("client-lib/", ["base/", "proto/", "client-lib/"]),
    ("cli/", ["base/", "proto/", "client-lib/secretstore.h", "cli/"]),
    ("daemon/access/", ["base/", "proto/", "daemon/access/"]),
    ("daemon/host/", ["base/", "proto/", "daemon/access/", "daemon/host/"]),
    ("daemon/upstream/", ["base/", "proto/", "daemon/host/log.h", "daemon/upstream/"]),
    ("daemon/store/", ["base/", "proto/", "daemon/host/log.h", "daemon/upstream/", "daemon/store/"]),
    ("daemon/config/", ["base/", "proto/", "daemon/access/", "daemon/host/", "daemon/upstream/auth_modes.h", "daemon/upstream/address.h",
                        "daemon/config/"]),
    ("daemon/ops/", ["base/", "proto/", "daemon/access/", "daemon/host/", *LOGIN, "daemon/store/", "daemon/ops/"]),
    ("daemon/callers/", ["base/", "proto/", "daemon/access/", "daemon/host/", *LOGIN, "daemon/store/", "daemon/ops/",
                         "daemon/callers/"]),
    ("daemon/", ["base/", "proto/", "daemon/"]),
]

# Each library has its place: pattern of the header, files that may include it, as prefixes of their path.
LIBRARY_PLACES = [
    (r"curl/", ["daemon/upstream/http"]),
    (r"jansson", ["daemon/upstream/control"]),
    (r"systemd/", ["daemon/host/", "daemon/callers/peer.c"]),
    (r"yaml\.h", ["daemon/config/"]),
    (r"event2/|event\.h|ev(http|util|dns)", ["daemon/", "base/drain."]),
    (r"openssl/", ["daemon/"]),
    (r"zlib\.h|zconf\.h", ["proto/"]),
    (r"(sha[12]|md[245]|rmd160|ripemd)\.h", ["client-lib/"]),
]
PRODUCT = ("base/", "proto/", "daemon/", "client-lib/", "cli/")

# Logins are sealed: what it takes to make another is in this header, which is for these files alone, tests included.
AUTH_HEADER = "daemon/upstream/auth_internal.h"
AUTH_FILES = re.compile(r"daemon/upstream/auth\w*\.c$")
AUTH_STRUCT = r"^[ \t]*(?:typedef[ \t]+)?struct[ \t]+auth(?:_ops)?\s*\{"

# What only upstream/ may spell: paths and headers of OpenBao's API.
OPENBAO_NAMES = re.compile(r'"/?(sys|auth)/|/v1/|/data/|/metadata/|X-Vault-')

SKIPPED_FOLDERS = {".git", ".venv", "build", "__pycache__", ".pytest_cache", "corpus"}
TEXT = (".c", ".h", ".py", ".sh", ".md", ".1", ".timer", ".mk", ".map", ".in", ".conf", ".yaml", ".txt", ".toml", ".ini", "Makefile")


def files_of(root):
    """Paths below root, relative to it, of the files that people write."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            if name.endswith(TEXT) or path.startswith(("tools/", ".ci/", "tests/run")):
                yield path


def without_comments(text):
    """C with its comments blanked, so that line numbers stay; strings are kept."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        found = match.group()
        return re.sub(r"[^\n]", " ", found) if found[0] == "/" else found
    return token.sub(blank, text)


def numbered(pattern, text):
    """(line number, match) for each match of the pattern."""
    for match in re.finditer(pattern, text, re.M):
        yield text.count("\n", 0, match.start()) + 1, match


def allowed(path, places):
    return any(path.startswith(p) if p.endswith("/") else path == p for p in places)


def check_includes(root, path, text):
    if not path.startswith(PRODUCT):
        return
    may = next(places for start, places in MAY_INCLUDE if path.startswith(start))
    for line, match in numbered(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', text):
        quote, header = match.groups()
        if quote == '"':
            beside = os.path.normpath(os.path.join(os.path.dirname(path), header))
            target = beside if os.path.exists(os.path.join(root, beside)) else os.path.normpath(header)
            if not allowed(target, may):
                yield line, f"{path.rsplit('/', 1)[0]} may not include {header}"
        for pattern, places in LIBRARY_PLACES:
            if re.match(pattern, header) and not path.startswith(tuple(places)):
                yield line, f"only {', '.join(places)} may include {header}"


def check_auth_is_sealed(path, text):
    if path != AUTH_HEADER:
        for line, _ in numbered(AUTH_STRUCT, text):
            yield line, f"only {AUTH_HEADER} may say what a login is made of"
    if not AUTH_FILES.match(path):
        name = os.path.basename(AUTH_HEADER)
        for line, _ in numbered(rf'^[ \t]*#[ \t]*include[ \t]*["<](?:[^">]*/)?{re.escape(name)}[">]', text):
            yield line, f"only the files of the logins, daemon/upstream/auth*.c, may include {name}"


def check_openbao_names(root, path, text):
    if not path.startswith(PRODUCT) or path.startswith("daemon/upstream/"):
        return
    for line, match in numbered(r'"(?:\\.|[^"\\\n])*"', text):
        on_include = re.search(r"#[ \t]*include[ \t]*$", text[:match.start()].rsplit("\n", 1)[-1])
        if not on_include and OPENBAO_NAMES.search(match.group()):
            yield line, f"only daemon/upstream/ may name OpenBao's paths and headers: {match.group()}"


def check_file_length(path, text):
    lines = text.count("\n")
    if path.endswith((".c", ".h", ".py")) and lines > MOST_LINES_OF_FILE:
        yield lines, f"{lines} lines, more than {MOST_LINES_OF_FILE}"


def check_columns(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line.expandtabs(8)) > MOST_COLUMNS:
            yield number, f"{len(line.expandtabs(8))} columns, more than {MOST_COLUMNS}"


def check_internal_header(path, code):
    if path.endswith("_internal.h"):
        count = sum(1 for _ in numbered(r"^[a-z][^;{}=#]*\([^;{}]*\);", code))
        if count > MOST_INTERNAL_FUNCTIONS:
            yield 1, f"it declares {count} functions, more than {MOST_INTERNAL_FUNCTIONS}"


def check_c_functions(root, paths):
    """(path, line, text), for all C files at once."""
    places = {}
    out = subprocess.run(["ctags", "-x", "--language-force=C", "--c-kinds=f", "--_xformat=%n %{end} %N %F", "-L", "-"],
                         cwd=root, input="\n".join(paths), capture_output=True, text=True, check=True).stdout
    for entry in out.splitlines():
        first, last, name, path = entry.split(" ", 3)
        for line, what in check_function(int(first), int(last), name):
            yield path, line, what
        # grep, ctags, breakpoints and backtraces cannot tell two functions of one name from each other.
        if path.endswith(".c") and path.startswith(("base/", "proto/", "daemon/")):
            before = places.setdefault(name, path)
            if before != path:
                yield path, int(first), f"{name} is a function of {before} too"


def check_python_functions(path, text):
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from check_function(node.lineno, node.end_lineno, node.name)


def check_function(first, last, name):
    if last - first + 1 > MOST_LINES_OF_FUNCTION:
        yield first, f"{name} has {last - first + 1} lines, more than {MOST_LINES_OF_FUNCTION}"


def check_form(path, text):
    for line, _ in numbered(r"[ \t]+$", text):
        yield line, "white space at the end of the line"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end of the file"
    if path.endswith((".c", ".h")) and not text.startswith("/*"):
        yield 1, "no comment at its start that says what the file is for"


def violations(root):
    """All of them as (path, line, text)."""
    paths = list(files_of(root))
    yield from check_c_functions(root, [path for path in paths if path.endswith((".c", ".h"))])
    for path in paths:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        found = [*check_form(path, text), *check_file_length(path, text)]
        if path.endswith((".c", ".h")):
            code = without_comments(text)
            found += check_columns(path, text)
            found += [*check_includes(root, path, code), *check_openbao_names(root, path, code),
                      *check_auth_is_sealed(path, code), *check_internal_header(path, code)]
        if path.endswith(".py"):
            found += check_python_functions(path, text)
        for line, what in sorted(found):
            yield path, line, what


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    if not shutil.which("ctags"):
        sys.exit("missing: ctags (apt-get install universal-ctags)")
    count = 0
    for path, line, what in violations(root):
        print(f"{path}:{line}: {what}")
        count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
