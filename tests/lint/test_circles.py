"""Files that call each other in a circle are found, whether by an include or only by a symbol."""
import os
import subprocess
import sys
import tempfile
import unittest

import circles

HERE = os.path.dirname(os.path.abspath(__file__))


class Circles(unittest.TestCase):
    def tree(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for place in circles.FOLDERS:
            os.makedirs(os.path.join(folder.name, place))
            os.makedirs(os.path.join(folder.name, "build/obj", place))
        for path, text in files.items():
            with open(os.path.join(folder.name, path), "w", encoding="utf-8") as file:
                file.write(text)
        for path in files:
            if path.endswith(".c"):
                subprocess.run(["cc", "-c", "-I.", path, "-o", f"build/obj/{path[:-2]}.o"], cwd=folder.name, check=True)
        done = subprocess.run([sys.executable, os.path.join(HERE, "circles.py"), folder.name], capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    def test_an_order_is_no_circle(self):
        self.assertEqual(self.tree({
            "base/a.h": "int a(void);\n",
            "base/a.c": '#include "base/a.h"\nint a(void) { return 1; }\n',
            "base/b.c": '#include "base/a.h"\nint b(void) { return a(); }\n',
            "base/c.c": '#include "base/a.h"\nint b(void);\nint c(void) { return a() + b(); }\n',
        }), (0, ""))

    def test_files_that_call_each_other_by_symbols_are_found(self):
        code, text = self.tree({
            "daemon/store/a.c": "int b(void);\nint a(void) { return b(); }\n",
            "daemon/store/b.c": "int c(void);\nint b(void) { return c(); }\n",
            "daemon/store/c.c": "int a(void);\nint c(void) { return a(); }\n",
            "daemon/store/d.c": "int a(void);\nint d(void) { return a(); }\n",
        })
        self.assertEqual((code, text), (1, "daemon/store: a, b, c call each other in a circle\n"))

    def test_files_that_include_each_other_are_found(self):
        code, text = self.tree({
            "client-lib/a.h": "struct a;\n", "client-lib/b.h": '#include "client-lib/a.h"\n',
            "client-lib/a.c": '#include "client-lib/b.h"\nint a;\n',
        })
        self.assertEqual((code, text), (1, "client-lib: a, b call each other in a circle\n"))


if __name__ == "__main__":
    unittest.main()
