"""The checks of what was built find what is wrong with programs and a library that are built wrongly."""
import os
import platform
import re
import subprocess
import tempfile
import unittest

import rules

HERE = os.path.dirname(os.path.abspath(__file__))

SOURCE = """
#include <math.h>
#include <stdio.h>
#include <string.h>
double stray(char *to, const char *from) { strcpy(to, from); return sqrt((double)to[0]); }
double ss_stray(char *to, const char *from) { return stray(to, from); }
int ss_fine(void) { return 1; }
int main(int argc, char **argv) { char b[64]; (void)argc; return (int)stray(b, argv[0]); }
"""
SOFT = ["-O1", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-Wl,-z,norelro", "-Wl,-z,lazy", "-Wl,-z,execstack"]
INTEL = platform.machine() == "x86_64"


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, check=False)


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.write("x.c", SOURCE)

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
            file.write(text)
        return os.path.join(self.root, name)

    def compile(self, out, *flags):
        out = os.path.join(self.root, out)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        if INTEL:
            flags = (*flags, "-fcf-protection=none")
        done = run("cc", "-w", *SOFT, *flags, "-o", out, os.path.join(self.root, "x.c"), "-lm")
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def test_each_lack_of_hardening_is_found(self):
        for program in ("secretstored", "secretstorectl"):
            self.compile(program, "-no-pie")
        self.compile("libsecretstore.so", "-shared", "-fPIC")
        for module in ("obj/daemon/main.o", "obj/libsecretstore.o"):
            self.compile(module, "-c")
        done = run("bash", os.path.join(HERE, "hardening.sh"), self.root)
        self.assertEqual(done.returncode, 1)
        lacks = ["has no read-only relocations", "binds lazily", "has an executable stack", "has no stack protector"]
        for file in ("secretstored", "secretstorectl", "libsecretstore.so"):
            for lack in lacks:
                self.assertIn(f"/{file}: {lack}\n", done.stdout)
        for lack in ("secretstored: is not position-independent", "secretstored: is not fortified"):
            self.assertIn(lack, done.stdout)
        if INTEL:
            self.assertIn("libsecretstore.o: has no control-flow protection", done.stdout)

    def exports(self, symbol_map, header):
        library = self.compile("libx.so", "-shared", "-fPIC", "-Wl,--version-script=" + self.write("x.map", symbol_map))
        return run("bash", os.path.join(HERE, "exports.sh"), library, os.path.join(self.root, "x.map"),
                   self.write("x.h", header))

    def test_each_name_exported_wrongly_is_found(self):
        done = self.exports("LIBSECRETSTORE_0 {\nglobal:\n\tss_fine;\n\tss_gone;\n\tst*;\n\tss_s*;\nlocal: *;\n};\n",
                            "int ss_fine(void);\nint ss_declared(void);\n")
        self.assertEqual(done.returncode, 1)
        for found in ("stray: is exported but not ss_", "ss_stray: is exported but not in the map",
                      "ss_gone: is in the map but not exported", "ss_gone: is in the map but not in the header",
                      "ss_declared: is in the header but not in the map"):
            self.assertIn(f": {found}", done.stdout)

    def test_nothing_is_found_where_nothing_is_wrong(self):
        self.write("x.c", "int ss_fine(void) { return 1; }\n")
        done = self.exports("LIBSECRETSTORE_0 {\nglobal:\n\tss_fine;\nlocal: *;\n};\n", "int ss_fine(void);\n")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def needs(self, **libraries):
        """Compiles programs and a library that need these, whatever they call, and runs needs.sh."""
        self.write("x.c", "int main(void) { return 0; }\n")
        for file, flags in (("secretstored", []), ("secretstorectl", []), ("libsecretstore.so", ["-shared", "-fPIC"])):
            self.compile(file, "-Wl,--no-as-needed", *flags, *libraries.get(file.split(".")[0], []), "-Wl,--as-needed")
        done = run("bash", os.path.join(HERE, "needs.sh"), self.root)
        self.assertEqual(done.returncode, 1 if done.stdout else 0)
        return done.stdout.replace(self.root + "/", "").splitlines()

    def test_each_library_that_does_not_belong_there_is_found(self):
        self.assertEqual(self.needs(secretstored=["-lcrypto", "-lz"], secretstorectl=["-lz", "-lmd"],
                                    libsecretstore=["-lz", "-lmd"]), [])
        self.assertEqual(self.needs(secretstored=["-lmd"], secretstorectl=["-lz", "-lm"], libsecretstore=["-lcrypto"]),
                         ["secretstored: needs libmd.so.0", "secretstorectl: needs libm.so.6",
                          "libsecretstore.so: needs libcrypto.so.3"])

    def test_a_program_that_is_not_there_does_not_pass(self):
        done = run("bash", os.path.join(HERE, "needs.sh"), self.root)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stdout.splitlines()), 3)

    def run_one(self, test, make_status=0):
        """tests/run one, with a make that only notes what it is asked for, and a test program that tells its filter."""
        os.makedirs(os.path.join(self.root, "tests"), exist_ok=True)
        asked = self.write("asked", "")
        for name, text in (("make", f'echo "$@" >>{asked}; exit {make_status}'),
                           ("test_cache", 'echo "filter: $SECRETSTORE_TEST_CASE"; echo "[  PASSED  ] 2 test(s)."')):
            os.chmod(self.write(os.path.join("tests", name), f"#!/bin/sh\n{text}\n"), 0o755)
        done = subprocess.run(["bash", os.path.join(HERE, "..", "run"), "one", test, self.root], capture_output=True, text=True,
                              check=False, env={**os.environ, "SUBMAKE": os.path.join(self.root, "tests", "make")})
        with open(asked, encoding="utf-8") as file:
            return done, file.read().splitlines()

    def test_one_unit_program_is_built_and_run_by_itself(self):
        for name, pattern in (("cache", ""), ("test_cache.c", ""), ("tests/unit/test_cache.c:test_a*", "test_a*"),
                              ("cache::test_a_put", "test_a_put")):
            done, asked = self.run_one(name)
            self.assertEqual((done.returncode, asked), (0, [f"DEV_TOKEN= BUILD={self.root} {self.root}/tests/test_cache"]))
            self.assertIn(f"filter: {pattern}\n", done.stdout)
            self.assertTrue(done.stdout.endswith("unit: 2 passed, 0 failed, 0 skipped\n"))

    def test_what_one_file_of_pytest_needs_is_built_first(self):
        done, asked = self.run_one("test_cache.py::test_a_put", make_status=3)
        self.assertEqual((done.returncode, asked), (3, [f"DEV_TOKEN= BUILD={self.root} all"]))

    def test_a_name_that_no_test_has_is_answered_with_those_there_are(self):
        done, asked = self.run_one("nothing")
        self.assertEqual((done.returncode, asked), (2, []))
        for name in ("there is no test nothing", "test_cache.c", "test_cache.py", "test_service.py"):
            self.assertIn(name, done.stderr)


class Hacking(unittest.TestCase):
    """What HACKING.md says of the code is about code that there is: a name that was changed has to be changed there, too."""

    def test_files_functions_and_structs_that_it_names_are_there(self):
        root = os.path.normpath(os.path.join(HERE, "..", ".."))
        texts = {}
        for path in ["HACKING.md", *(path for path in rules.files_of(root) if path.endswith((".c", ".h", ".py")))]:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                texts["/" + path] = file.read()
        text, code = re.sub(r"[\w/]*(NAME|\*)\w*(\(\)|\.c)?", "", texts.pop("/HACKING.md")), "".join(texts.values())
        for name in set(re.findall(r"[\w/-]+\.(?:c|h|py)\b", text)):
            self.assertTrue(any(path.endswith("/" + name) for path in texts), name)
        for name in set(re.findall(r"\b\w+(?=\(\))|(?<=#\d  )\w+|(?<=#\d\d )\w+", text)):
            self.assertTrue(re.search(rf"\b{name}\)?\(", code), name)
        for name in set(re.findall(r"struct (\w+)`", text)):
            self.assertTrue(re.search(rf"\bstruct {name} {{", code), name)


if __name__ == "__main__":
    unittest.main()
