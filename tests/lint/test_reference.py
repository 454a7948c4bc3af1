"""reference.py finds the tests that are missing, and no others."""
import os
import tempfile
import unittest

import reference

HEAD = "| the reference | here | tests |\n|---|---|---|\n| **Part** | | |\n"


def problems(rows):
    with tempfile.TemporaryDirectory() as root:
        for path, text in (("docs/REFERENCE.md", HEAD + rows), ("tests/unit/test_a.c", "static void test_c(void **state)\n"),
                           ("tests/integration/test_b.py", "def test_py(d):\n    pass\n")):
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return list(reference.problems(root))


class Reference(unittest.TestCase):
    def test_tests_that_are_there_are_found(self):
        self.assertEqual(problems("| a | b | `test_c`, `test_py` |\n"), [])

    def test_a_missing_test_is_told_with_its_line(self):
        self.assertEqual(problems("| a | b | `test_c` |\n| a | b | `test_gone` |\n"),
                         ["docs/REFERENCE.md:5: there is no test_gone"])

    def test_a_row_without_a_test_is_told(self):
        self.assertEqual(problems("| a row | b | none |\n"), ["docs/REFERENCE.md:4: no test for: a row"])

    def test_a_table_without_rows_is_told(self):
        self.assertEqual(problems(""), ["docs/REFERENCE.md: no rows"])


if __name__ == "__main__":
    unittest.main()
