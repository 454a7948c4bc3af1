"""Logins are sealed: what the compiler makes of an attempt to add one without the table in auth_modes.h."""
import os
import subprocess
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
HEADER = '#include "daemon/upstream/auth.h"\n'


def complaints(source, *flags):
    done = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-I", ROOT, "-Werror=missing-prototypes", *flags,
                           "-fsyntax-only", "-x", "c", "-"], input=source, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


class Sealed(unittest.TestCase):
    def test_the_struct_is_opaque(self):
        self.assertEqual(complaints(HEADER + "struct auth *same(struct auth *a);\n"), "")
        self.assertRegex(complaints(HEADER + "struct auth another = {0};\n"), "incomplete type")

    def test_a_constructor_needs_its_row_in_the_table(self):
        constructor = "struct auth *auth_ldap_new(void)\n{\n\treturn NULL;\n}\n"
        self.assertRegex(complaints(HEADER + "#include <stddef.h>\n" + constructor), "no previous prototype")

    def test_a_row_in_the_table_needs_its_options_and_what_the_configuration_must_know(self):
        with open(os.path.join(ROOT, "daemon/upstream/auth_modes.h"), encoding="utf-8") as file:
            modes = file.read()
        last = "\tAUTH_MODES_OF_DEVELOPERS(X)\n"
        self.assertIn(last, modes)
        more = modes.replace(last, '\tX(LDAP, ldap, "ldap") \\\n' + last)
        self.assertRegex(complaints(more + HEADER), "ldap.*incomplete type")
        config = '#include "daemon/config/config.c"\n'
        self.assertEqual(complaints(modes + config), "")
        self.assertIn("fill_ldap", complaints(more + config))

    def test_the_login_for_developers_is_only_in_builds_for_them(self):
        source = HEADER + "enum auth_mode mode = AUTH_MODE_DEVTOKEN;\n"
        self.assertIn("AUTH_MODE_DEVTOKEN", complaints(source))
        self.assertEqual(complaints(source, "-DSECRETSTORE_DEV_TOKEN"), "")


if __name__ == "__main__":
    unittest.main()
