/*
 * YAML takes some texts otherwise than a person who reads the file: each of these is refused with file, line and a
 * sentence that says what to write instead. Other texts may be written in several ways, which are all taken.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/config_fixture.h"

#define refuses fixture_refuses
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ONE_LINE "must stand on one line"
#define NO_SETTING "is no setting: a name, a colon, a blank and a value are wanted"
#define UNSEEN ", which nobody sees or YAML takes for the end of a line: remove it"
#define PLAIN_NAME "a setting's name must be a plain text"
#define SECOND_DOCUMENT "a second document begins here; there can be one only"

/* Sets all that a configuration must have, so that the file may be empty. */
static void set_environment(void)
{
	setenv("BAO_ADDR", "http://127.0.0.1:8200", 1);
	setenv("OPENBAO_APPROLE_ROLE_ID", "r", 1);
	setenv("OPENBAO_APPROLE_SECRET_ID", "s", 1);
}

static void test_a_value_that_yaml_takes_for_something_else_is_refused(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "allow: { a: { uid: 0, ops: write, paths: * } }", "3: allow.a.paths: ",
		    "a text that begins with * must stand in quotes, as in \"*\": YAML takes it for an alias" },
		{ "allow: { a: { uid: 0, ops: write, paths: [*] } }",
		    "3: allow.a.paths: ", "begins with * must stand in quotes" },
		{ "allow: { a: { uid: 0, ops: write, paths: [secret/a,\n*/b] } }",
		    "4: allow.a.paths: ", "begins with * must stand in quotes" },
		{ "allow: { a: { uid: 0, ops: write, paths: *secret } }",
		    "3: allow.a.paths: ", "begins with * must stand in quotes" },
		{ "allow:\n  a:\n    paths: *\n", "5: allow.a.paths: ", "begins with * must stand in quotes" },
		{ "allow:\n  a:\n    paths:\n      - secret/a\n      - */b\n",
		    "7: allow.a.paths: ", "begins with * must stand in quotes" },
		{ "credential:\n  a:\n    unit: *.service\n",
		    "5: credential.a.unit: ", "begins with * must stand in quotes" },
		{ "kubernetes:\n  role: &role web\n", "4: kubernetes.role: ",
		    "begins with & must stand in quotes, as in \"&\": YAML takes it for an anchor" },
		{ "kubernetes:\n  role: &role\n", "4: kubernetes.role: ", "begins with & must stand in quotes" },
		{ "kubernetes:\n  role: & web\n", "4: kubernetes.role: ", "begins with & must stand in quotes" },
		{ "allow: { a: { uid: [&u 0], ops: status } }",
		    "3: allow.a.uid: ", "begins with & must stand in quotes" },
		{ "allow: { a: { uid: &u [0], ops: status } }",
		    "3: allow.a.uid: ", "begins with & must stand in quotes" },
		{ "allow: { a: &a { uid: 0, ops: status } }",
		    "3: allow.a: ", "begins with & must stand in quotes" },
		{ "limits: &l { connections: 5 }", "3: limits: ", "begins with & must stand in quotes" },
		{ "limits: *l", "3: limits: ", "begins with * must stand in quotes" },
		{ "limits: *", "3: limits: ", "begins with * must stand in quotes" },
		{ "allow: { a: *b }", "3: allow.a: ", "begins with * must stand in quotes" },
		{ "kubernetes:\n  role: !web\n", "4: kubernetes.role: ",
		    "begins with ! must stand in quotes, as in \"!\": YAML takes it for a tag" },
		{ "kubernetes:\n  role: !!str web\n",
		    "4: kubernetes.role: ", "begins with ! must stand in quotes" },
		{ "kubernetes:\n  role: ! web\n", "4: kubernetes.role: ", "begins with ! must stand in quotes" },
		{ "kubernetes:\n  role: !<x> web\n",
		    "4: kubernetes.role: ", "begins with ! must stand in quotes" },
		{ "kubernetes:\n  role: !x!web\n", "4: kubernetes.role: ", "begins with ! must stand in quotes" },
		{ "allow: { a: { uid: !!set [0], ops: status } }",
		    "3: allow.a.uid: ", "begins with ! must stand in quotes" },
		{ "limits: !!map {}", "3: limits: ", "begins with ! must stand in quotes" },
		{ "kubernetes:\n  role: @web\n",
		    "4: kubernetes.role: ", "a text that begins with @ must stand in quotes" },
		{ "kubernetes:\n  role: `web`\n",
		    "4: kubernetes.role: ", "a text that begins with ` must stand in quotes" },
		{ "kubernetes:\n  role: %web\n",
		    "4: kubernetes.role: ", "a text that begins with % must stand in quotes" },
		{ "allow: { a: { uid: [0, @x], ops: status } }",
		    "3: allow.a.uid: ", "a text that begins with @ must stand in quotes" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

static void test_in_quotes_these_are_texts(void **state)
{
	static const char *const texts[] = { "*", "*/b", "&role", "!web", "@web", "`web`", "%web", "| web", ">",
		"#", "a #b", "a: b", "{a}", "[a]", "- a", "? a", ", a", "---", "~", "null", "true" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		for (const char *quote = "'\""; *quote != '\0'; quote++) {
			struct config *c;

			snprintf(text, sizeof(text), "kubernetes:\n  role: %c%s%c\n", *quote, texts[i], *quote);
			c = fixture_accepted(text);
			assert_string_equal(c->kubernetes.role, texts[i]);
			config_free(c);
		}
	}
}

/* Characters that mean something to YAML at the beginning of a text are a part of it elsewhere. */
static void test_within_a_text_these_are_texts(void **state)
{
	static const char *const texts[] = { "a*", "a/*/b", "a&b", "a!", "a@b", "a`b", "a%b", "a|b", "a>b", "a#b",
		"a:b", "::a", "-a", "?a", ":a", "a - b", "a ? b", "a~", "~a", "nullable", "2026-11-30", ".inf",
		"=", "<<", "a\\nb", "a'b", "a\"b" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "kubernetes:\n  role: %s\n", texts[i]);
		c = fixture_accepted(text);
		assert_string_equal(c->kubernetes.role, texts[i]);
		config_free(c);
	}
}

static void test_a_text_stands_on_one_line(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "kubernetes:\n  role: |\n    web\n",
		    "4: kubernetes.role: ", ONE_LINE ": block texts (| and >) are not taken" },
		{ "kubernetes:\n  role: >\n    web\n",
		    "4: kubernetes.role: ", ONE_LINE ": block texts (| and >) are not taken" },
		{ "kubernetes:\n  role: |-\n    web\n", "4: kubernetes.role: ", "block texts" },
		{ "kubernetes:\n  role: >2+\n    web\n", "4: kubernetes.role: ", "block texts" },
		{ "kubernetes:\n  role: |\n", "4: kubernetes.role: ", "block texts" },
		{ "allow:\n  a:\n    paths:\n    - secret/a\n    - |\n      secret/b\n",
		    "7: allow.a.paths: ", "block texts" },
		{ "kubernetes:\n  role: web\n    and more\n", "4: kubernetes.role: ", ONE_LINE },
		{ "kubernetes:\n  role: web\n\n    and more\n", "4: kubernetes.role: ", ONE_LINE },
		{ "kubernetes:\n  role:\n    web\n    and more\n", "5: kubernetes.role: ", ONE_LINE },
		{ "kubernetes: { role: web\n  and more }", "3: kubernetes.role: ", ONE_LINE },
		{ "kubernetes:\n  role: \"web\n    and more\"\n", "4: kubernetes.role: ", ONE_LINE },
		{ "kubernetes:\n  role: \"web\\\n    more\"\n", "4: kubernetes.role: ", ONE_LINE },
		{ "kubernetes:\n  role: 'web\n    and more'\n", "4: kubernetes.role: ", ONE_LINE },
		{ "kubernetes:\n  role: \"\n    web\"\n", "4: kubernetes.role: ", ONE_LINE },
		{ "allow: { a: { uid: 0, ops: write, paths: [secret/a\n secret/b] } }",
		    "3: allow.a.paths: ", ONE_LINE },
		{ "allow: { a: { uid: 0, ops: write, paths: [secret/a,\n  'secret/b\n  c'] } }",
		    "4: allow.a.paths: item 2: ", ONE_LINE },
		{ "allow:\n  a:\n    paths:\n    - secret/a\n      secret/b\n", "6: allow.a.paths: ", ONE_LINE },
		{ "credential: { a: { unit: a.service, id: a, mount: secret,\n  path: a\n  b } }",
		    "4: credential.a.path: ", ONE_LINE },
		{ "limits: 5\n  6\n", "3: limits: ", "" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

static void test_a_name_needs_a_value(void **state)
{
	static const char nothing[] = "has no value; write \"\" for an empty one";
	static const char group[] = "has no value; write {} for an empty one";
	const struct fixture_bad bad[] = {
		{ "kubernetes:\n  role:\n", "4: kubernetes.role: ", nothing },
		{ "kubernetes:\n  role:", "4: kubernetes.role: ", nothing },
		{ "kubernetes:\n  role: # web\n", "4: kubernetes.role: ", nothing },
		{ "kubernetes:\n  role: #web\n", "4: kubernetes.role: ", nothing },
		{ "kubernetes:\n  role:\n  mount: web\n", "4: kubernetes.role: ", nothing },
		{ "kubernetes: { role: }", "3: kubernetes.role: ", nothing },
		{ "kubernetes: { role }", "3: kubernetes: ", NO_SETTING },
		{ "kubernetes: { role: # web\n }", "3: kubernetes.role: ", nothing },
		{ "kubernetes: { role:, mount: a }", "3: ", "" },
		{ "openbao:\n", "3: openbao: ", "" },
		{ "kubernetes:\n", "3: kubernetes: ", group },
		{ "kubernetes:\nlimits: {}\n", "3: kubernetes: ", group },
		{ "limits:\n  # connections: 5\n", "3: limits: ", group },
		{ "allow:\n", "3: allow: ", group },
		{ "allow:\n  # web: { uid: 0, ops: status }\n", "3: allow: ", group },
		{ "credential:\n\n\n# nothing\n", "3: credential: ", group },
		{ "allow:\n  web:\n", "4: allow.web: ", "has no value" },
		{ "allow:\n  web:\n  api: { uid: 0, ops: status }\n", "4: allow.web: ", "has no value" },
		{ "allow:\n  web:\n    uid:\n    ops: status\n", "5: allow.web.uid: ", nothing },
		{ "allow:\n  web:\n    uid: 0\n    paths:\n    # - secret/a\n", "6: allow.web.paths: ", nothing },
		{ "credential:\n  web:\n    field:\n    unit: a.service\n", "5: credential.web.field: ", nothing },
		{ "allow:\n  web:\n    uid:\n    -\n    - 0\n", "6: allow.web.uid: item 1: ", "has no value" },
		{ "allow:\n  web:\n    uid:\n    - 0\n    -\n    ops: status",
		    "7: allow.web.uid: item 2: ", "has no value" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

static void test_a_name_is_a_plain_text(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "[listen]: { mode: 0600 }", "3: ", PLAIN_NAME },
		{ "{ listen: a }: { mode: 0600 }", "3: ", PLAIN_NAME },
		{ "listen:\n  [mode]: 0600\n", "4: ", PLAIN_NAME },
		{ "listen:\n  { mode: 0600 }: 0600\n", "4: ", PLAIN_NAME },
		{ "? [listen]\n: { mode: 0600 }", "3: ", PLAIN_NAME },
		{ "?\n  - listen\n: { mode: 0600 }", "", PLAIN_NAME },
		{ "allow:\n  web:\n    [uid, gid]: 0\n", "5: ", PLAIN_NAME },
		{ "allow:\n  [web]:\n    uid: 0\n", "4: ", PLAIN_NAME },

		{ "? |\n  listen\n: { mode: 0600 }", "3: ", "" },
		{ "&a listen: { mode: 0600 }", "3: ", "" },
		{ "!!str listen: { mode: 0600 }", "3: ", "" },
		{ "*a : { mode: 0600 }", "3: ", "" },
		{ "listen:\n  &a mode: 0600", "4: listen", "" },
		{ "listen:\n  !a mode: 0600", "4: listen", "" },
		{ "listen:\n  *a : 0600", "4: listen", "" },
		{ "allow:\n  *a : { uid: 0, ops: status }", "4: allow", "" },
		{ "allow:\n  web:\n    *a : 0", "5: allow.web", "" },
		{ "\"lis\\x00ten\": { mode: 0600 }", "3: ", "" },
		{ "listen: { \"mode\\0\": 0600 }", "3: listen", "" },
		{ "listen: { \"mode\\0x\": 0600 }", "3: listen", "" },
		{ "listen: { \"mo\\nde\": 0600 }", "3: listen", "" },
		{ "\"listen\\0\": { mode: 0600 }", "3: ", "" },
		{ "allow: { \"web\\0\": { uid: 0, ops: status } }", "3: allow", "" },
		{ "allow: { \"web\\n\": { uid: 0, ops: status } }", "3: allow", "" },
		{ "allow: { web: { \"uid\\0\": 0, ops: status } }", "3: allow", "" },
	};

	struct config *c;

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
	/* This is YAML's long way to write a plain name, which means the same to all. */
	c = fixture_accepted("? listen\n: { mode: 0600 }");
	assert_int_equal(c->listen.mode, 0600);
	config_free(c);
}

static void test_there_is_one_document(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "---\nlimits: { connections: 5 }\n", "3: ", SECOND_DOCUMENT },
		{ "---\n", "3: ", SECOND_DOCUMENT },
		{ "--- # once more\n", "3: ", SECOND_DOCUMENT },
		{ "...\n---\nlimits: {}\n", "4: ", SECOND_DOCUMENT },
		{ "...\nlimits: {}\n", "4: ", "" },
		{ "...\n%YAML 1.1\n---\nlimits: {}\n", "4: ", "directives (%) are not taken" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
	config_free(fixture_load("---\n" FIXTURE_GOOD));
	config_free(fixture_load("# first\n\n--- # here\n" FIXTURE_GOOD "# last\n...\n"));
	config_free(fixture_load(FIXTURE_GOOD "...\n# last\n"));
	config_free(fixture_load(FIXTURE_GOOD "..."));
}

static void test_there_are_no_directives(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused_whole("%YAML 1.1\n---\n" FIXTURE_GOOD),
	    "1: directives (%) are not taken");
	assert_string_equal(fixture_refused_whole("# x\n%YAML 1.2\n---\n" FIXTURE_GOOD),
	    "2: directives (%) are not taken");
	assert_string_equal(fixture_refused_whole("%TAG ! tag:example.com,2026:\n---\n" FIXTURE_GOOD),
	    "1: directives (%) are not taken");
	assert_string_equal(fixture_refused_whole("%NONSENSE\n---\n" FIXTURE_GOOD),
	    "1: directives (%) are not taken");
	assert_string_equal(fixture_refused_whole("%YAML 9.9\n---\n" FIXTURE_GOOD),
	    "1: directives (%) are not taken");
}

static void refuses_bytes(const void *bytes, size_t n, const char *wanted)
{
	const char *error = fixture_refused_bytes(bytes, n);

	if (*error == ' ' || strncmp(error, wanted, strlen(wanted)) != 0)
		fail_msg("gave: %s\nnot: %s", error, wanted);
}

#define REFUSES_BYTES(bytes, wanted) refuses_bytes(bytes, sizeof(bytes) - 1, wanted)

static void test_bytes_that_no_text_file_has_are_refused(void **state)
{
	(void)state;
	REFUSES_BYTES(FIXTURE_GOOD "limits: {}\n\0limits: { nonsense: 1 }", "4: holds U+0000" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "listen: { socket: /a\0b }", "3: holds U+0000" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# a comment \0", "3: holds U+0000" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "\n\n\0", "5: holds U+0000" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "listen: { socket: \"/a\x01\" }", "3: holds U+0001" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \x1b[2J\n", "3: holds U+001B" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "\n# \f\n", "4: holds U+000C" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "\x08", "3: holds U+0008" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \x7f\n", "3: holds U+007F" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "limits: {}\rlog: {}\n", "3: holds U+000D" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "limits: {}\r\r\nlog: {}\n", "3: holds U+000D" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "limits: {}\n# the end\r", "4: holds U+000D" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# a\xc2\x85"
				   "limits: { connections: 5 }\n",
	    "3: holds U+0085" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# a\xe2\x80\xa8"
				   "limits: { connections: 5 }\n",
	    "3: holds U+2028" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "\nkubernetes: { role: \"a\xe2\x80\xa9z\" }\n", "4: holds U+2029" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \xc2\x80\n", "3: holds U+0080" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \xc2\x9b\n", "3: holds U+009B" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "kubernetes: { role: a\xef\xbf\xbe }\n", "3: holds U+FFFE" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "\n\n# \xef\xbf\xbf\n", "5: holds U+FFFF" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "kubernetes: { role: \"a\xef\xbb\xbf\" }\n", "3: holds U+FEFF" UNSEEN);
}

/* With these characters a line looks otherwise than it is read, such as a comment like a rule. */
static void test_characters_that_reverse_a_line_are_refused(void **state)
{
	struct config *c;

	(void)state;
	REFUSES_BYTES(FIXTURE_GOOD "# \xe2\x80\xaa\n", "3: holds U+202A" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \xe2\x80\xab\n", "3: holds U+202B" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \xe2\x80\xac\n", "3: holds U+202C" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \xe2\x80\xad\n", "3: holds U+202D" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "allow:\n  # \xe2\x80\xae}\n", "4: holds U+202E" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "kubernetes: { role: \"a\xe2\x81\xa6z\" }\n", "3: holds U+2066" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "kubernetes: { role: a\xe2\x81\xa7z }\n", "3: holds U+2067" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "kubernetes: { \xe2\x81\xa8role: a }\n", "3: holds U+2068" UNSEEN);
	REFUSES_BYTES(FIXTURE_GOOD "# \xe2\x81\xa9\n", "3: holds U+2069" UNSEEN);
	/* U+2027, U+202F, U+2065 and U+206A are beside them. */
	c = fixture_accepted("kubernetes: { role: \xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa }");
	assert_string_equal(c->kubernetes.role, "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa");
	config_free(c);
}

static void test_a_file_that_is_not_utf8_is_refused(void **state)
{
	(void)state;
	REFUSES_BYTES(FIXTURE_GOOD "kubernetes: { role: \xff }\n", "3: is not UTF-8");
	REFUSES_BYTES(FIXTURE_GOOD "# caf\xe9\n", "3: is not UTF-8");
	REFUSES_BYTES(FIXTURE_GOOD "\n# \xc0\xaf\n", "4: is not UTF-8");
	REFUSES_BYTES(FIXTURE_GOOD "# \xc0\x80\n", "3: is not UTF-8");
	REFUSES_BYTES(FIXTURE_GOOD "# \xed\xa0\x80\n", "3: is not UTF-8");
	REFUSES_BYTES(FIXTURE_GOOD "# \xf4\x90\x80\x80\n", "3: is not UTF-8");
	REFUSES_BYTES(FIXTURE_GOOD "# \x80\n", "3: is not UTF-8");
	REFUSES_BYTES(FIXTURE_GOOD "# \xe2\x82", "3: is not UTF-8");
	REFUSES_BYTES("\xff\xfel\0i\0s\0t\0:\0 \0{\0}\0\n\0", "1: is not UTF-8: save it as UTF-8");
	REFUSES_BYTES("\xfe\xff\0l\0i\0s\0t\0:\0 \0{\0}\0\n", "1: is not UTF-8: save it as UTF-8");
	REFUSES_BYTES("l\0i\0s\0t\0:\0 \0{\0}\0\n\0", "1: ");
	REFUSES_BYTES("\xff\xfe\0\0l\0\0\0\n\0\0\0", "1: ");
	REFUSES_BYTES("\0\0\xfe\xffl\0\0\0\n\0\0\0", "1: ");
	REFUSES_BYTES("\xff\xfe", "1: is not UTF-8: save it as UTF-8");
}

static void test_a_byte_order_mark_at_the_start_is_skipped(void **state)
{
	struct config *c;

	(void)state;
	c = fixture_load("\xef\xbb\xbf" FIXTURE_GOOD);
	assert_string_equal(c->approle.role_id, "the-role");
	config_free(c);
	config_free(fixture_load("\xef\xbb\xbf# a comment\n---\n" FIXTURE_GOOD));
	set_environment();
	config_free(fixture_load("\xef\xbb\xbf"));
	set_environment();
	config_free(fixture_load("\xef\xbb\xbf\r\n"));
	refuses("\xef\xbb\xbflimits: { connections: 5 }", "3: ", "");
	assert_int_equal(strncmp(fixture_refused_whole("\xef\xbb\xbflog: {}\nlog: { level: info }\n"),
			     "2: log: ", 8),
	    0);
}

static void test_escapes_are_refused(void **state)
{
	static const char *const escapes[] = { "\\0", "\\x00", "\\u0000", "\\n", "\\r", "\\t", "\\a", "\\e",
		"\\x1f", "\\x7f", "\\u000a", "\\x2d", "\\u002d", "\\U0000002d", "\\/", "\\_", "\\N", "\\L", "\\P",
		"\\ ", "\\\\\\x2d", "\\\"\\x2d" };
	static const struct {
		const char *before, *start;
	} places[] = {
		{ "kubernetes: { role: ", "3: kubernetes.role: " },
		{ "openbao2: { role: ", "3: openbao2: " },
		{ "listen: { socket: ", "3: listen.socket: " },
		{ "limits: { connections: ", "3: limits.connections: " },
		{ "log: { level: ", "3: log.level: " },
	};
	char text[200], wanted[100];

	(void)state;
	for (size_t i = 0; i < COUNT(escapes); i++) {
		const char *escape = strlen(escapes[i]) > 5 && escapes[i][2] == '\\' ? escapes[i] + 2 : escapes[i];

		snprintf(wanted, sizeof(wanted),
		    "holds the escape \\%c: write the character itself, \\\\ for a \\, or use single quotes",
		    escape[1]);
		for (size_t p = 0; p < COUNT(places); p++) {
			snprintf(text, sizeof(text), "%s\"/5%s\" }", places[p].before, escapes[i]);
			refuses(text, places[p].start, p == 1 ? "" : wanted);
		}
		snprintf(text, sizeof(text), "allow: { a: { uid: 0, ops: write, paths: [\"*\", \"a%s\"] } }",
		    escapes[i]);
		refuses(text, "3: allow.a.paths: item 2: ", wanted);
		snprintf(text, sizeof(text), "allow: { a: { uid: \"root%s\", ops: status } }", escapes[i]);
		refuses(text, "3: allow.a.uid: ", wanted);
		snprintf(text, sizeof(text), "allow: { a: { uid: [0, \"0%s\"], ops: status } }", escapes[i]);
		refuses(text, "3: allow.a.uid: item 2: ", wanted);
		snprintf(text, sizeof(text), "allow: { a: { uid: 0, ops: \"status%s\" } }", escapes[i]);
		refuses(text, "3: allow.a.ops: ", wanted);
		snprintf(text, sizeof(text), "allow: { a: { unit: \"web%sdb.service\", ops: status } }",
		    escapes[i]);
		refuses(text, "3: allow.a.unit: ", wanted);
		snprintf(text, sizeof(text),
		    "credential: { a: { unit: a.service, id: a, mount: a, path: a, field: \"a%s\" } }",
		    escapes[i]);
		refuses(text, "3: credential.a.field: ", wanted);
		snprintf(text, sizeof(text),
		    "credential: { a: { unit: a.service, id: \"a%s\", mount: a, path: a } }", escapes[i]);
		refuses(text, "3: credential.a.id: ", wanted);
	}
}

/* A tab is the only control character that can stand in the file itself. */
static void test_a_tab_in_a_text_is_refused(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "kubernetes: { role: \"a\tb\" }", "3: kubernetes.role: ", "holds a control byte" },
		{ "kubernetes: { role: 'a\tb' }", "3: kubernetes.role: ", "holds a control byte" },
		{ "kubernetes:\n  role: a\tb\n", "4: kubernetes.role: ", "holds a control byte" },
		{ "allow: { a: { uid: 0, ops: write, paths: [\"*\", \"a\t\"] } }",
		    "3: allow.a.paths: item 2: ", "holds a control byte" },
		{ "allow: { a: { unit: \"a.service\t\", ops: status } }",
		    "3: allow.a.unit: ", "holds a control byte" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

/* To other readers of YAML these are no value at all. */
static void test_null_is_refused(void **state)
{
	static const char *const written[] = { "null", "Null", "NULL", "nuLL", "~", "null # web", "~ #web" };
	static const struct {
		const char *before, *start;
	} places[] = {
		{ "kubernetes:\n  role: ", "4: kubernetes.role: " },
		{ "limits:\n  connections: ", "4: limits.connections: " },
		{ "limits: ", "3: limits: " },
		{ "allow: ", "3: allow: " },
		{ "allow:\n  a: ", "4: allow.a: " },
		{ "allow:\n  a:\n    unit:\n    - a.service\n    - ", "7: allow.a.unit: item 2: " },
		{ "credential:\n  a:\n    unit: ", "5: credential.a.unit: " },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(written); i++) {
		for (size_t p = 0; p < COUNT(places); p++) {
			snprintf(text, sizeof(text), "%s%s\n", places[p].before, written[i]);
			refuses(text, places[p].start,
			    "not nothing; write \"\" for an empty one, or put it in quotes");
		}
	}
}

static void test_what_becomes_a_comment_in_a_value_is_warned_of(void **state)
{
	static const struct {
		const char *text, *where; /* of the warning; NULL: none */
	} cases[] = {
		{ "kubernetes:\n  role: web #1\n", "4: kubernetes.role: " },
		{ "kubernetes:\n  role: web\t#1\n", "4: kubernetes.role: " },
		{ "kubernetes: { role: web #1\n  }\n", "3: kubernetes.role: " },
		{ "kubernetes:\n\n  mount: k8s\n  role: web #1 and # more\n", "6: kubernetes.role: " },
		{ "limits:\n  connections: 5 #6\n", "4: limits.connections: " },
		{ "kubernetes:\n  role: web # 1\n", NULL },
		{ "kubernetes:\n  role: web #\n", NULL },
		{ "kubernetes:\n  role: web#1\n", NULL },
		{ "kubernetes:\n  role: \"web\" #1\n", NULL },
		{ "kubernetes:\n  role: 'web #1'\n", NULL },
		{ "kubernetes: #1\n  #2\n  role: web\n  #3\n#4\n", NULL },
	};
	char wanted[300];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config *c = fixture_accepted(cases[i].text);
		const char *warnings;

		assert_int_equal(strncmp(c->kubernetes.role != NULL ? c->kubernetes.role : "web", "web", 3), 0);
		warnings = fixture_warnings(c);
		if (cases[i].where == NULL) {
			if (strchr(warnings, '#') != NULL)
				fail_msg("%s\nis warned of: %s", cases[i].text, warnings);
			continue;
		}
		snprintf(wanted, sizeof(wanted),
		    "%s:%swhat follows the # is a comment; a text with # in it must stand in quotes\n",
		    fixture_file(), cases[i].where);
		if (strstr(warnings, wanted) == NULL)
			fail_msg("%s\nis warned of: %s\nnot: %s", cases[i].text, warnings, wanted);
	}
}

static void test_each_comment_in_a_value_is_warned_of(void **state)
{
	const char *warnings = fixture_warnings(fixture_accepted("allow:\n"
								 "  web:\n"
								 "    uid: root #0\n"
								 "    ops:\n"
								 "    - read #write\n"
								 "    paths: [secret/a #b,\n"
								 "      , secret/c]\n"
								 "credential:\n"
								 "  db:\n"
								 "    unit: db.service #1\n"
								 "    id: db\n"
								 "    mount: secret\n"
								 "    path: db #2\n"));
	static const char *const wanted[] = { ":5: allow.web.uid: ", ":7: allow.web.ops: ",
		":8: allow.web.paths: ", ":12: credential.db.unit: ", ":15: credential.db.path: " };

	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (strstr(warnings, wanted[i]) == NULL)
			fail_msg("%s\nhas no %s", warnings, wanted[i]);
}

static void test_a_warning_does_not_quote_a_credential(void **state)
{
	const char *warnings = fixture_warnings(
	    fixture_load(FIXTURE_OPENBAO "approle:\n  role_id: canary #canary\n  secret_id_file: /s\n"));

	(void)state;
	assert_non_null(strstr(warnings, ":3: approle.role_id: what follows the # is a comment"));
	assert_null(strstr(warnings, "canary"));
}

static void test_the_root_holds_settings(void **state)
{
	static const char *const bad[] = { "- openbao\n", "[openbao]", "openbao", "\"openbao\"", "''", "5",
		"--- x" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_string_equal(fixture_refused_whole(bad[i]),
		    "1: settings are wanted, as in openbao: { address: ... }");
	assert_string_equal(fixture_refused_whole("# a list\n\n- openbao: { address: http://a }\n"),
	    "3: settings are wanted, as in openbao: { address: ... }");
}

static void test_a_file_without_settings_is_one_of_defaults(void **state)
{
	static const char *const texts[] = { "", "\n", "# nothing", "# nothing\n\n  # and nothing\n", "\r\n",
		" \n", "---\n# nothing\n", "{}", "{}\n# nothing\n", "--- {}\n..." };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct config *c;

		set_environment();
		c = fixture_load(texts[i]);
		assert_int_equal(c->limits.connections, 1024);
		assert_int_equal(c->rules.nrules, 0);
		config_free(c);
	}
}

static void test_lines_may_end_with_cr_lf(void **state)
{
	struct config *c = fixture_load("# a comment\r\n"
					"openbao:\r\n"
					"  address:\r\n"
					"    - https://a\r\n"
					"    - \"https://b\"\r\n"
					"\r\n"
					"approle: { role_id: the-role,\r\n"
					"  secret_id_file: /run/secret_id }\r\n"
					"kubernetes:\r\n"
					"  role: web # a comment\r\n");

	(void)state;
	assert_int_equal(c->openbao.address.count, 2);
	assert_string_equal(c->openbao.address.item[0], "https://a");
	assert_string_equal(c->openbao.address.item[1], "https://b");
	assert_string_equal(c->approle.secret_id_file, "/run/secret_id");
	assert_string_equal(c->kubernetes.role, "web");
	assert_string_equal(fixture_warnings(c), "allow: there is no rule, so nobody may do anything but ping\n");
	refuses("limits:\r\n  connections: 0\r\n", "4: limits.connections: ", "between 1 and 65536");
	refuses("kubernetes:\r\n  role: \"web\r\n  more\"\r\n", "4: kubernetes.role: ", ONE_LINE);
	refuses("kubernetes:\r\n  role:\r\n", "4: kubernetes.role: ", "has no value");
}

/* These texts all say the same. */
static void test_names_may_be_quoted_and_either_style_is_taken(void **state)
{
	static const char *const texts[] = {
		"openbao:\n  address: https://a\n"
		"approle:\n  role_id: r\n  secret_id_file: /s\n"
		"listen:\n  mode: 0600\n"
		"allow:\n  web:\n    uid: 0\n    ops:\n      - read\n    paths:\n    - a/*\n    - b\n",
		"openbao: { address: https://a }\n"
		"approle: { role_id: r, secret_id_file: /s }\n"
		"listen: { mode: 0600 }\n"
		"allow: { web: { uid: 0, ops: read, paths: [a/*, b] } }\n",
		"{\"openbao\":{\"address\":[\"https://a\"]},"
		"\"approle\":{\"role_id\":\"r\",\"secret_id_file\":\"/s\"},"
		"\"listen\":{\"mode\":\"0600\"},"
		"\"allow\":{\"web\":{\"uid\":0,\"ops\":[\"read\"],\"paths\":[\"a/*\",\"b\"]}}}",
		"'openbao':\n    'address': 'https://a'\n"
		"\"approle\":\n \"role_id\": \"r\"\n \"secret_id_file\" : '/s'\n"
		"\"listen\": {\n\"mode\" : '0600'\n}\n"
		"allow:\n  \"web\": {\n    \"uid\": \"0\",\n    ops: [ 'read' ], paths: [\n \"a/*\",\n b,\n ] }\n",
		"{\n\topenbao: { address: https://a },\n\tapprole: { role_id: r, secret_id_file: /s },\n"
		"\tlisten: { mode: 0600 },\n"
		"\tallow: { web: { uid: 0, ops: read, paths: [ a/*, b ] } }\n}\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct config *c = fixture_load(texts[i]);
		const struct rule *rule = c->rules.rule;

		assert_string_equal(c->openbao.address.item[0], "https://a");
		assert_string_equal(c->approle.role_id, "r");
		assert_string_equal(c->approle.secret_id_file, "/s");
		assert_int_equal(c->listen.mode, 0600);
		assert_int_equal(c->rules.nrules, 1);
		assert_string_equal(rule->name, "web");
		assert_int_equal(rule->nuids, 1);
		assert_int_equal(rule->npaths, 2);
		assert_string_equal(rule->paths[0], "a/*");
		assert_string_equal(rule->paths[1], "b");
		config_free(c);
	}
}

static void test_a_number_is_what_its_setting_reads(void **state)
{
	static const char *const bad[] = { "0x10", "0x100000001", "0o10", "0b1", "10L", "10LL", "1e3", "12e3",
		"1.5", "5.0", "10s", "64K", "-0x1", "-5", "+", "+5", "1_000", ".5", ".", "5.", ".inf", "1:30",
		"\" 5\"", "\"5 \"", "5 6", "99999999999999999999", "one", "\"~\"", "'null'" };
	static const struct {
		const char *written;
		uint64_t count;
	} good[] = { { "5", 5 }, { "\"5\"", 5 }, { "'5'", 5 }, { "010", 10 }, { "0660", 660 }, { "00005", 5 } };
	char text[100];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "limits:\n  connections: %s\n", bad[i]);
		refuses(text, "4: limits.connections: ", "must be a whole number");
	}
	refuses("limits: { connections: 3000000000 }", "3: limits.connections: ", "between 1 and 65536");
	refuses("limits: { connections: 4294967297 }", "3: limits.connections: ", "between 1 and 65536");
	for (size_t i = 0; i < COUNT(good); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "limits:\n  connections: %s\n", good[i].written);
		c = fixture_accepted(text);
		assert_int_equal(c->limits.connections, good[i].count);
		config_free(c);
	}
}

static void test_a_mode_is_octal_in_quotes_or_not(void **state)
{
	static const char *const good[] = { "0640", "640", "\"0640\"", "'640'" };
	static const char *const bad[] = { "0o640", "0x1a0", "416e0", "64", "06400", "0648", "u=rw", "\"\"" };
	char text[100];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "listen: { mode: %s }\n", good[i]);
		c = fixture_accepted(text);
		assert_int_equal(c->listen.mode, 0640);
		config_free(c);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "listen: { mode: %s }\n", bad[i]);
		refuses(text, "3: listen.mode: ", "must be a mode in octal, from 0000 to 0777");
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_value_that_yaml_takes_for_something_else_is_refused),
		TEST(test_in_quotes_these_are_texts),
		TEST(test_within_a_text_these_are_texts),
		TEST(test_a_text_stands_on_one_line),
		TEST(test_a_name_needs_a_value),
		TEST(test_a_name_is_a_plain_text),
		TEST(test_there_is_one_document),
		TEST(test_there_are_no_directives),
		TEST(test_bytes_that_no_text_file_has_are_refused),
		TEST(test_characters_that_reverse_a_line_are_refused),
		TEST(test_a_file_that_is_not_utf8_is_refused),
		TEST(test_a_byte_order_mark_at_the_start_is_skipped),
		TEST(test_escapes_are_refused),
		TEST(test_a_tab_in_a_text_is_refused),
		TEST(test_null_is_refused),
		TEST(test_what_becomes_a_comment_in_a_value_is_warned_of),
		TEST(test_each_comment_in_a_value_is_warned_of),
		TEST(test_a_warning_does_not_quote_a_credential),
		TEST(test_the_root_holds_settings),
		TEST(test_a_file_without_settings_is_one_of_defaults),
		TEST(test_lines_may_end_with_cr_lf),
		TEST(test_names_may_be_quoted_and_either_style_is_taken),
		TEST(test_a_number_is_what_its_setting_reads),
		TEST(test_a_mode_is_octal_in_quotes_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
