"""programs/callers.c: calls of the client library, as the tests want them."""

import os
import subprocess

from . import process


def build(out):
    """Links the program with the library of the build under test."""
    compiler = ["clang", "-fsanitize=address,undefined"] if process.SANITIZED else [os.environ.get("CC", "cc")]
    source = process.ROOT / "tests" / "integration" / "programs" / "callers.c"
    subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g",
                    f"-I{process.ROOT}", "-o", out, source, process.binary("libsecretstore.a"), "-lz", "-lmd"], check=True)
    return out
