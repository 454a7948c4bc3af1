/*
 * Broken YAML: the error says in plain words what is wrong, with the line and the setting that it is about. Files
 * that are large or deep are read, or refused, at once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/config_fixture.h"

#define refuses fixture_refuses
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NO_SETTING "is no setting: a name, a colon, a blank and a value are wanted"

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_tabs_do_not_indent(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "listen:\n\tmode: 0600\n", "4: ", "a tab cannot indent: use spaces" },
		{ "listen:\n  \tmode: 0600\n", "4: ", "a tab cannot indent: use spaces" },
		{ "listen:\n  mode: 0600\n\tsocket: /a\n", "5: ", "a tab cannot indent: use spaces" },
		{ "\tlisten: {}\n", "3: ", "a tab cannot indent: use spaces" },
		{ "allow:\n  a:\n    uid:\n\t\t- 0\n", "6: ", "a tab cannot indent: use spaces" },
	};
	struct config *c;

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
	c = fixture_accepted("listen:\n  mode:\t0600\t# a comment\nlimits: {\n\tconnections:\t5\t}\n#\tthe end\n");
	assert_int_equal(c->listen.mode, 0600);
	assert_int_equal(c->limits.connections, 5);
	config_free(c);
}

/* Tests a text of before, n times what, and after. */
static void refuses_many(const char *before, const char *what, size_t n, const char *after, const char *start,
    const char *why)
{
	size_t m = strlen(before), k = strlen(what);
	char *text = malloc(m + n * k + strlen(after) + 1);
	double from;

	assert_non_null(text);
	memcpy(text, before, m);
	for (size_t i = 0; i < n; i++)
		memcpy(text + m + i * k, what, k);
	strcpy(text + m + n * k, after);
	from = cpu_seconds();
	refuses(text, start, why);
	/* libyaml alone takes ten seconds for 100,000. */
	assert_true(cpu_seconds() - from < 2);
	free(text);
}

static void test_deep_nesting_is_refused_at_once(void **state)
{
	static const size_t deep = 100000, most = (4 << 20) - 200;

	(void)state;
	refuses_many("listen: { mode: ", "[", deep, "", "3: listen.mode: ", "");
	refuses_many("openbao2: { address: ", "[", deep, "", "3: openbao2: ", "");
	refuses_many("allow: { a: { paths: ", "[", deep, "", "3: allow.a.paths: ", "");
	refuses_many("allow: { a: { paths: ", "{ a: ", deep, "", "3: allow.a.paths: ", "");
	refuses_many("allow: { a: { zzz: ", "[", deep, "", "3: allow.a.zzz: ", "");
	refuses_many("credential: { a: { path: ", "[", deep, "", "3: credential.a.path: ", "");
	refuses_many("", "[", most, "", "3: ", "");
	refuses_many("", "{", most, "", "3: ", "");
	refuses_many("limits: ", "[", most, "", "3: limits: ", "");
	refuses_many("zzz: ", "[", most, "", "3: zzz: ", "");
	refuses_many("limits: { connections: ", "[", most, "", "3: limits.connections: ", "");
	refuses_many("allow: { a: { uid: [", "[", most, "", "3: allow.a.uid: ", "");
	refuses_many("allow: { a: ", "{ a: ", most / 5, "", "3: allow.a", "");
	refuses_many("", "- ", most / 2, "a\n", "3: ", "");
	refuses_many("kubernetes:\n  role: ", "- ", most / 2, "a\n", "4: kubernetes.role: ", "");
	refuses_many("allow:\n  a:\n    uid:\n    ", "- ", most / 2, "0\n", "6: allow.a.uid: ", "");
	refuses_many("", "? ", most / 2, "a\n", "3: ", "");
	refuses_many("listen:\n  ", "? ", most / 2, "a\n", "4: listen", "");
	refuses_many("a:\n  ", "! ", most / 2, "a\n", "", "");
	refuses_many("a: ", "b: ", most / 3, "a\n", "3: ", "");
}

static void test_a_whole_file_of_brackets_is_refused_at_once(void **state)
{
	static char text[4 << 20];
	double from = cpu_seconds();

	(void)state;
	memset(text, '[', sizeof(text));
	assert_string_equal(fixture_refused_bytes(text, sizeof(text)),
	    "1: settings are wanted, as in openbao: { address: ... }");
	memset(text, '{', sizeof(text));
	assert_int_equal(strncmp(fixture_refused_bytes(text, sizeof(text)), "1: ", 3), 0);
	assert_true(cpu_seconds() - from < 2);
}

/* A long list is read at once, whether each of its items has a line of its own or all stand on one. */
static void test_long_lists_are_read(void **state)
{
	static const char *const between[] = { ",\n      ", ", " };
	static const size_t n = 100000;
	char *text = malloc(200 + n * 24);

	(void)state;
	assert_non_null(text);
	for (size_t k = 0; k < COUNT(between); k++) {
		double from = cpu_seconds();
		char *at = text;
		struct config *c;

		at += sprintf(at, "allow:\n  a:\n    uid: 0\n    ops: read\n    paths: [");
		for (size_t i = 0; i < n; i++)
			at += sprintf(at, "%ssecret/%zu", i > 0 ? between[k] : "", i);
		strcpy(at, "]\n");
		c = fixture_accepted(text);
		assert_int_equal(c->rules.rule[0].npaths, n);
		assert_string_equal(c->rules.rule[0].paths[n - 1], "secret/99999");
		config_free(c);
		assert_true(cpu_seconds() - from < 5);
	}
	free(text);
}

/* A program may write its rules as JSON, all on one line. */
static void test_many_rules_are_read(void **state)
{
	static const size_t n = 40000;
	char *text = malloc(200 + n * 64), *at = text;
	double from = cpu_seconds();
	struct config *c;

	(void)state;
	assert_non_null(text);
	at += sprintf(at,
	    "{\"openbao\":{\"address\":\"http://a\"},\"approle\":{\"role_id\":\"r\",\"secret_id_file\":\"/s\"},"
	    "\"allow\":{");
	for (size_t i = 0; i < n; i++)
		at += sprintf(at, "%s\"r%zu\":{\"uid\":%zu,\"ops\":[\"read\"],\"paths\":\"secret/%zu/*\"}",
		    i > 0 ? "," : "", i, i, i);
	strcpy(at, "}}");
	c = fixture_load(text);
	assert_int_equal(c->rules.nrules, n);
	assert_string_equal(c->rules.rule[n - 1].name, "r39999");
	config_free(c);
	free(text);
	assert_true(cpu_seconds() - from < 5);
}

/* The error names the setting that is wrong, or the group that it is in, not one that stands before it. */
static void test_an_error_names_no_neighbour(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "allow: { a: { uid: 0, ops: status }, b: { [x]: 1 } }", "3: allow.b: a setting's name", "" },
		{ "allow: { a: { uid: 0, ops: status }, b: { \"x\t\": 1 } }", "3: allow.b: holds a control byte",
		    "" },
		{ "allow: { a: { uid: 0, ops: status }, b: { \"x\\0\": 1 } }",
		    "3: allow.b: holds the escape \\0:", "" },
		{ "allow: { a: { uid: 0, ops: status }, b: { *x : 1 } }", "3: allow.b: a text that begins with *",
		    "" },
		{ "allow:\n  a: { uid: 0, ops: status }\n  *b : {}\n", "5: allow: a text that begins with *", "" },
		{ "allow:\n  a: { uid: 0, ops: status }\n  @b: {}\n", "5: allow: a text that begins with @", "" },
		{ "allow:\n  a:\n    uid: 0\n    ops: status\n  @b: {}\n", "7: allow: a text that begins with @",
		    "" },
		{ "limits:\n  connections: 5\n@log: {}\n", "5: a text that begins with @", "" },
		{ "limits:\n  connections: 5\n\tx: 1\n", "5: limits: a tab cannot indent", "" },
		{ "limits: {}\n\tx: 1\n", "4: a tab cannot indent", "" },
		{ "limits: { connections: 5 }\n\n@log: {}\n", "5: a text that begins with @", "" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

static void test_a_line_that_is_no_setting_is_named(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "limits\n", "3: ", NO_SETTING },
		{ "limits", "3: ", NO_SETTING },
		{ "limits { connections: 5 }\n", "3: limits { connections: ", "there is no such setting" },
		{ "limits: {}\nlog\n", "4: ", NO_SETTING },
		{ "listen \"x\"\n", "3: ", NO_SETTING },
		{ "\"x\"\n", "3: ", NO_SETTING },
		{ "listen:\n  socket: /a\n  mode 0600\n", "5: ", NO_SETTING },
		{ "listen:\n  socket: /a\n  mode 0600\n  group: root\n", "5: ", NO_SETTING },
		{ "listen:\n  socket: /a\n  mode:0600\n", "5: ", NO_SETTING },
		{ "listen:\n  socket: /a\n  mode:0600\n  group: root\n", "5: ", NO_SETTING },
		{ "listen:\n  socket: /a\n  mode=0600\n", "5: ", NO_SETTING },
		{ "listen:\n  mode 0600\n", "4: listen: ", NO_SETTING },
		{ "listen:\n  mode:0600\n", "4: listen: ", NO_SETTING },
		{ "listen:{}\n", "3: ", NO_SETTING },
		{ "listen:\n  mode = 0600\n  socket: /a\n", "4: listen: ", "must stand on one line" },
		{ "limits.connections: 5\n", "3: limits.connections: ", "there is no such " },
		{ "listen: { mode:0600 }\n", "3: listen: ", NO_SETTING },
		{ "listen: { mode 0600, socket: /a }\n", "3: listen: ", NO_SETTING },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

static void test_wrong_indentation_is_named(void **state)
{
	static const char indented[] = "is indented otherwise than its neighbours";
	const struct fixture_bad bad[] = {
		{ "listen:\n  mode: 0600\n socket: /a\n", "5: ", indented },
		{ "listen:\n    mode: 0600\n  socket: /a\n", "5: ", indented },
		{ " listen: {}\n", "3: ", indented },
		{ "allow:\n  a:\n      uid: 0\n    ops: status\n", "6: ", indented },
		{ "listen:\n  mode: 0600\n    socket: /a\n", "4: listen.mode: ", "must stand on one line" },
		{ "listen:\n  mode: \"0600\"\n    socket: /a\n", "5: listen: ", indented },
		{ "listen: {}\n  mode: 0600\n", "4: ", indented },
		{ "allow:\n  a:\n    uid:\n    - 0\n   - 1\n", "7: ", indented },
		{ "listen:\nmode: 0600\n", "3: listen: ", "has no value" },
		{ "limits: {\nconnections: 5 ] }", "3: ", "a { that begins here is not closed" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

static void test_other_syntax_errors_have_a_line(void **state)
{
	static const struct fixture_bad bad[] = {
		{ "\n}\n", "4: ", "is indented otherwise than its neighbours" },
		{ "limits: }\n", "3: limits: ", "what stands after the value is not understood" },
		{ "limits: ]\n", "3: limits: ", "what stands after the value is not understood" },
		{ "limits: { ]\n", "3: ", "what stands after the value is not understood" },
		{ "listen: {}, \"x\"\n", "3: ", "what stands after the value is not understood" },
		{ "listen: { mode: : 0600 }\n",
		    "3: listen.mode: ", "what stands after the value is not understood" },
		{ "listen: { mode: \"0600\" \"0700\" }\n", "3: listen.mode: ", "or a comma is missing in it" },
		{ "listen: { mode: 0600, 0700 }\n", "3: listen: ", NO_SETTING },
		{ "listen:\n  socket: \"/a\" \"/b\"\n",
		    "4: listen.socket: ", "what stands after the value is not understood" },
		{ "listen:\n  socket: \"/a\"\n    \"/b\"\n",
		    "5: listen: ", "is indented otherwise than its neighbours" },
		{ "listen:\n  socket: \"/a\"x\n",
		    "4: listen.socket: ", "what stands after the value is not understood" },
		{ "kubernetes:\n  role: a: b\n",
		    "4: kubernetes.role: ", "a text with a colon and a blank in it must stand in quotes" },
		{ "listen:\n  socket: - /a\n",
		    "4: listen.socket: ", "a list that is written with - begins on a line of its own" },
		{ "allow: { a: { uid: 0, paths: [\"a/x\" \"b/y\"] } }\n",
		    "3: allow.a.paths: ", "or a comma is missing in it" },
		{ "allow: { a: { uid: 0, paths: [{} x] } }\n", "3: allow.a.paths: item 1: ", "must be a path" },
		{ "allow: { a: { uid: [0,,1] } }\n",
		    "3: allow.a.uid: item 2: ", "what stands after the value is not understood" },
		{ "allow: { a: { uid: [,] } }\n",
		    "3: allow.a.uid: item 1: ", "what stands after the value is not understood" },
		{ "listen: { socket: \"/a\\q\" }\n", "3: listen.socket: ", "begins no escape of YAML" },
		{ "listen: { socket: \"/a\\xg0\" }\n", "3: listen.socket: ", "begins no escape of YAML" },
		{ "listen: { socket: \"/a\\ud800\" }\n", "3: listen.socket: ", "begins no escape of YAML" },
		{ "listen: { socket: \"/a\\U00110000\" }\n", "3: listen.socket: ", "begins no escape of YAML" },
	};

	(void)state;
	fixture_refuses_each(bad, COUNT(bad));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_tabs_do_not_indent),
		TEST(test_deep_nesting_is_refused_at_once),
		TEST(test_a_whole_file_of_brackets_is_refused_at_once),
		TEST(test_long_lists_are_read),
		TEST(test_many_rules_are_read),
		TEST(test_an_error_names_no_neighbour),
		TEST(test_a_line_that_is_no_setting_is_named),
		TEST(test_wrong_indentation_is_named),
		TEST(test_other_syntax_errors_have_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
