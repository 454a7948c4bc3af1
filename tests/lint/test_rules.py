"""Each rule of rules.py finds its violation in a small tree, and finds nothing in a clean one."""
import os
import tempfile
import unittest

import rules

CLEAN = {
    "base/buf.h": "/* buf: bytes */\n",
    "base/f.c": "/* f */\nint f_(void)\n{\n\treturn 0;\n}\n",
    "proto/frame.h": "/* frame */\n#include \"base/buf.h\"\n",
    "proto/snapshot.c": "/* snapshot */\n#include <zlib.h>\n",
    "client-lib/sha256_md.c": "/* sha256 */\n#include <sha2.h>\n#include \"proto/frame.h\"\n",
    "client-lib/secretstore.h": "/* the client */\n",
    "client-lib/client.c": "/* client */\n#include \"secretstore.h\"\n#include \"proto/frame.h\"\n#include <stdio.h>\n",
    "cli/main.c": "/* cli */\n#include \"client-lib/secretstore.h\"\n",
    "daemon/host/log.h": "/* log */\n",
    "daemon/config/config.c": "/* config */\n#include <yaml.h>\n#include \"daemon/upstream/auth_modes.h\"\n",
    "daemon/upstream/http.c": "/* http */\n#include <curl/curl.h>\n#include <event2/event.h>\n",
    "daemon/upstream/http.h": "/* http */\n",
    "daemon/upstream/api.h": "/* api */\n",
    "daemon/upstream/api.c": "/* api */\n#include \"daemon/upstream/api.h\"\nchar *p = \"/v1/sys/health\";\n",
    "daemon/upstream/auth.h": "/* auth */\nstruct auth;\nstruct auth_options {\n\tint mode;\n};\n",
    "daemon/upstream/auth_internal.h": "/* internal */\nstruct auth_ops {\n\tint x;\n};\nstruct auth {\n\tint x;\n};\n",
    "daemon/upstream/auth_modes.h": "/* auth_modes */\n",
    "daemon/upstream/auth_approle.c": "/* approle */\n#include \"daemon/upstream/auth_internal.h\"\n",
    "daemon/upstream/control.c": "/* control */\n#include <jansson.h>\n",
    "daemon/upstream/token.h": "/* token */\n",
    "daemon/store/kv.h": "/* kv */\n#include \"daemon/upstream/token.h\"\n",
    "daemon/callers/listener.h": "/* listener */\n#include \"daemon/store/kv.h\"\n",
    "daemon/callers/session.c": "/* session; curl/curl.h and \"/v1/\" in a comment */\n#include \"daemon/upstream/token.h\"\n",
    "daemon/main.c": "/* main */\n#include \"daemon/callers/listener.h\"\n#include \"daemon/upstream/api.h\"\n",
    "tests/unit/test_api.c": "/* test */\n#include \"daemon/upstream/api.h\"\n#include <jansson.h>\nchar *p = \"/v1/sys/x\";\n",
    "tests/test_x.py": "def f():\n    pass\n",
}


def include(header):
    return f"/* x */\n#include {header}\n"


def function(lines):
    return "/* x */\nint f(int x)\n{\n" + "\tx++;\n" * (lines - 4) + "\treturn x;\n}\n"


# what, file, content, line of the violation, words in what is said about it
VIOLATIONS = [
    ("base includes proto", "base/x.c", include('"proto/frame.h"'), 2, "base may not include"),
    ("proto includes daemon", "proto/x.c", include('"daemon/host/log.h"'), 2, "proto may not include"),
    ("the client includes daemon", "client-lib/x.c", include('"daemon/host/log.h"'), 2, "client-lib may not include"),
    ("cli includes daemon", "cli/x.c", include('"daemon/host/log.h"'), 2, "cli may not include"),
    ("cli includes the client's inside", "cli/x.c", include('"client-lib/inside.h"'), 2, "cli may not include"),
    ("daemon includes the client", "daemon/x.c", include('"client-lib/secretstore.h"'), 2, "daemon may not include"),
    ("a way around by ..", "daemon/host/x.c", include('"../../cli/x.h"'), 2, "daemon/host may not include"),
    ("store includes callers", "daemon/store/x.c", include('"daemon/callers/listener.h"'), 2, "store may not include"),
    ("upstream includes store", "daemon/upstream/x.c", include('"daemon/store/kv.h"'), 2, "upstream may not include"),
    ("upstream includes callers", "daemon/upstream/x.c", include('"daemon/callers/listener.h"'), 2, "may not include"),
    ("upstream includes config", "daemon/upstream/x.c", include('"daemon/config/config.h"'), 2, "may not include"),
    ("callers include http", "daemon/callers/x.c", include('"daemon/upstream/http.h"'), 2, "callers may not include"),
    ("callers include api", "daemon/callers/x.c", include('"daemon/upstream/api.h"'), 2, "callers may not include"),
    ("access includes host", "daemon/access/x.c", include('"daemon/host/log.h"'), 2, "daemon/access may not include"),
    ("host includes config", "daemon/host/x.c", include('"daemon/config/config.h"'), 2, "daemon/host may not include"),
    ("host includes callers", "daemon/host/x.c", include('"daemon/callers/listener.h"'), 2, "may not include"),
    ("config includes store", "daemon/config/x.c", include('"daemon/store/kv.h"'), 2, "daemon/config may not include"),
    ("store includes config", "daemon/store/x.c", include('"daemon/config/config.h"'), 2, "daemon/store may not include"),
    ("ops include callers", "daemon/ops/x.c", include('"daemon/callers/listener.h"'), 2, "daemon/ops may not include"),
    ("ops include api", "daemon/ops/x.c", include('"daemon/upstream/api.h"'), 2, "daemon/ops may not include"),
    ("host includes upstream", "daemon/host/x.c", include('"daemon/upstream/token.h"'), 2, "host may not include"),
    ("host includes auth", "daemon/host/x.c", include('"daemon/upstream/auth.h"'), 2, "host may not include"),
    ("main makes a login", "daemon/x.c", include('"daemon/upstream/auth_internal.h"'), 2, "only the files of"),
    ("the token makes a login", "daemon/upstream/token.c", include('"auth_internal.h"'), 2, "only the files of"),
    ("a header lets logins out", "daemon/upstream/auth_x.h", include('"auth_internal.h"'), 2, "only the files of"),
    ("a test makes a login", "tests/unit/x.c", include('"../../daemon/upstream/auth_internal.h"'), 2, "only the files"),
    ("a login of one's own", "daemon/x.c", "/* x */\nstruct auth {\n\tint x;\n};\n", 2, "a login is made of"),
    ("a login by typedef", "daemon/upstream/x.c", "/* x */\ntypedef struct auth\n{ int x; } a;\n", 2, "is made of"),
    ("operations of one's own", "tests/x.h", "/* x */\nstruct auth_ops {\n\tint x;\n};\n", 2, "a login is made of"),
    ("curl outside http", "daemon/store/x.c", include("<curl/curl.h>"), 2, "only daemon/upstream/http"),
    ("curl in a header", "daemon/upstream/api.h", include("<curl/multi.h>"), 2, "only daemon/upstream/http"),
    ("jansson outside control", "daemon/upstream/api.c", include("<jansson.h>"), 2, "only daemon/upstream/control"),
    ("libsystemd outside host", "daemon/main.c", include("<systemd/sd-daemon.h>"), 2, "only daemon/host/"),
    ("libyaml outside config", "daemon/host/log.c", include("<yaml.h>"), 2, "only daemon/config/"),
    ("libevent in proto", "proto/x.c", include("<event2/event.h>"), 2, "only daemon/"),
    ("zlib in the daemon", "daemon/store/x.c", include("<zlib.h>"), 2, "only proto/"),
    ("zlib in base", "base/x.c", include("<zlib.h>"), 2, "only proto/"),
    ("libmd in the daemon", "daemon/store/x.c", include("<sha2.h>"), 2, "only client-lib/"),
    ("libmd in proto", "proto/x.c", include("<sha2.h>"), 2, "only client-lib/"),
    ("OpenSSL in proto", "proto/x.c", include("<openssl/evp.h>"), 2, "only daemon/"),
    ("OpenSSL in the client", "client-lib/x.c", include("<openssl/evp.h>"), 2, "only daemon/"),
    ("an API path in store", "daemon/store/x.c", '/* x */\nchar *p = "%s/data/%s";\n', 2, "name OpenBao's paths"),
    ("a path under sys", "daemon/callers/x.c", '/* x */\nchar *p = "sys/health";\n', 2, "name OpenBao's paths"),
    ("a path under auth", "daemon/host/x.c", '/* x */\nchar *p = "auth/approle/login";\n', 2, "name OpenBao's paths"),
    ("a path with the version", "cli/x.c", '/* x */\nchar *p = "http://x/v1/y";\n', 2, "name OpenBao's paths"),
    ("a header", "daemon/main.c", '/* x */\nchar *p = "X-Vault-Token: ";\n', 2, "name OpenBao's paths"),
    ("a long function", "base/x.c", function(121), 2, "f has 121 lines"),
    ("a long function in a test", "tests/unit/x.c", function(121), 2, "f has 121 lines"),
    ("a long Python function", "tests/x.py", "def f(x):\n" + "    x += 1\n" * 120, 1, "f has 121 lines"),
    ("a long file", "base/x.c", "/* x */\n" + "\n" * 900, 901, "901 lines"),
    ("a long Python file", "tests/x.py", "\n" * 901, 901, "901 lines"),
    ("a long line", "cli/x.c", "/* x */\n" + "\t" * 4 + "int " + "x" * 79 + ";\n", 2, "116 columns"),
    ("a function's name taken", "proto/x.c", "/* x */\nint f_(void)\n{\n\treturn 0;\n}\n", 2, "f_ is a function of base/f.c too"),
    ("a large internal header", "daemon/host/x_internal.h", "/* x */\n" + "".join(f"int f{i}(int x,\n\tint y);\n" for i in range(11)), 1,
     "declares 11 functions"),
    ("blanks at a line's end", "base/x.c", "/* x */\nint a; \n", 2, "white space"),
    ("a tab at a line's end", "README.md", "x\t\n", 1, "white space"),
    ("no last newline", "tools/x", "x", 1, "no newline"),
    ("a file that says nothing", "daemon/x.c", "#include <stdio.h>\n", 1, "no comment at its start"),
]


def violations(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return list(rules.violations(root))


class Rules(unittest.TestCase):
    def test_nothing_is_found_in_a_clean_tree(self):
        self.assertEqual(violations(CLEAN), [])

    def test_each_violation_is_found_once_and_nothing_else(self):
        for what, path, text, line, words in VIOLATIONS:
            with self.subTest(what):
                found = violations({**CLEAN, path: text})
                self.assertEqual([(p, n) for p, n, _ in found], [(path, line)], found)
                self.assertIn(words, found[0][2])

    def test_a_function_and_a_file_may_be_as_long_as_the_limit(self):
        self.assertEqual(violations({**CLEAN, "base/x.c": function(120)}), [])
        self.assertEqual(violations({**CLEAN, "base/x.c": "/* x */\n" + "\n" * 899}), [])

    def test_an_internal_header_may_declare_ten_functions(self):
        text = "/* x */\nstruct x;\n" + "".join(f"int f{i}(void);\n" for i in range(10))
        self.assertEqual(violations({**CLEAN, "base/x_internal.h": text}), [])

    def test_build_results_are_not_looked_at(self):
        self.assertEqual(violations({**CLEAN, "build/x.c": "bad \n", "tests/fuzz/corpus/x.txt": "bad "}), [])


if __name__ == "__main__":
    unittest.main()
