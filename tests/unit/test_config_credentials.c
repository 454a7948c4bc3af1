/*
 * The group credential of the config file, and the socket that goes with it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/config_fixture.h"

#define refuses fixture_refuses
#define PLACE "mount = \"secret\"; path = \"a/b\";"

static void test_rules_come_in_the_order_of_the_file(void **state)
{
	struct config *c = fixture_accepted(
	    "listen: { credentials_socket = \"/run/c.sock\"; };\ncredential: {\n"
	    "  db: { unit = \"postgresql.service\"; id = \"db-password\"; mount = \"team/kv\"; path = \"web/db\"; field = \"pass word\"; };\n"
	    "  all-2_B: { unit = [\"web@*.service\", \"*\"]; id = (\"tls-*\", \"a b\"); " PLACE " };\n"
	    "};");
	const struct credential_rule *rule = c->credentials.rule;

	(void)state;
	assert_string_equal(c->listen.credentials_socket, "/run/c.sock");
	assert_int_equal(c->credentials.nrules, 2);
	assert_string_equal(rule[0].name, "db");
	assert_int_equal(rule[0].nunits, 1);
	assert_string_equal(rule[0].units[0], "postgresql.service");
	assert_int_equal(rule[0].nids, 1);
	assert_string_equal(rule[0].ids[0], "db-password");
	assert_string_equal(rule[0].mount, "team/kv");
	assert_string_equal(rule[0].path, "web/db");
	assert_string_equal(rule[0].field, "pass word");
	assert_string_equal(rule[1].name, "all-2_B");
	assert_int_equal(rule[1].nunits, 2);
	assert_string_equal(rule[1].units[1], "*");
	assert_int_equal(rule[1].nids, 2);
	assert_string_equal(rule[1].ids[1], "a b");
	assert_null(rule[1].field);
	config_free(c);
}

static void test_there_need_be_none(void **state)
{
	struct config *c = fixture_accepted("credential: { };");

	(void)state;
	assert_int_equal(c->credentials.nrules, 0);
	assert_null(c->listen.credentials_socket);
	config_free(c);
}

static void test_what_a_rule_must_have(void **state)
{
	(void)state;
	refuses("credential: {\n a: { id = \"x\"; " PLACE " }; };", "3: credential.a: ", "must have unit");
	refuses("credential: {\n a: { unit = \"a.service\"; " PLACE " }; };", "3: credential.a: ", "must have id");
	refuses("credential: { a: { unit = \"*\"; id = \"x\"; path = \"p\"; }; };",
	    "2: credential.a: ", "must have mount");
	refuses("credential: { a: { unit = \"*\"; id = \"x\"; mount = \"m\"; }; };",
	    "2: credential.a: ", "must have path");
	refuses("credential: { a: { }; };", "2: credential.a: ", "must have unit");
	refuses("credential: { a = 1; };", "2: credential.a: ", "must be a group");
	refuses("credential = 1;", "2: credential: ", "must be a group");
}

static void test_unknown_and_repeated_settings(void **state)
{
	(void)state;
	refuses("credential: { a: {\n units = \"*\"; id = \"x\"; " PLACE " }; };",
	    "3: credential.a.units: ", "a credential has unit, id, mount, path, field");
	refuses("credential: { a: { unit = \"*\"; id = \"x\"; " PLACE "\n path = \"c\"; }; };",
	    "3: credential.a.path: ", "second time");
	refuses("credential: { a: { unit = \"*\"; id = \"x\"; " PLACE " };\n a: { }; };",
	    "3: credential.a: ", "second time");
	refuses("credentials: { };", "2: credentials: ", "no such setting");
}

static void test_values(void **state)
{
	static const struct {
		const char *key, *value, *what;
	} rows[] = {
		{ "unit", "1", "must be a unit in quotes" },
		{ "unit", "[ ]", "must not be empty" },
		{ "unit", "\"\"", "is empty" },
		{ "unit", "\"web\"", "matches nothing" },
		{ "unit", "[\"a.service\", \"b/c.service\"]", "item 2" },
		{ "unit", "{ a = 1; }", "in quotes" },
		{ "id", "\"\"", "no name of a credential" },
		{ "id", "\"a/b\"", "no name" },
		{ "id", "\"a:b\"", "no name" },
		{ "id", "[\"ok\", \"..\"]", "item 2: is no name" },
		{ "id", "true", "in quotes" },
		{ "id", "( )", "must not be empty" },
		{ "mount", "\"\"", "must be a path" },
		{ "mount", "\"/m\"", "must be a path" },
		{ "mount", "\"m*\"", "no *" },
		{ "mount", "5", "text in quotes" },
		{ "path", "\"a//b\"", "must be a path" },
		{ "path", "\"../b\"", "must be a path" },
		{ "path", "\"a/*\"", "no *" },
		{ "path", "\"a/\"", "must be a path" },
		{ "path", "\"a\\nb\"", "control byte" },
		{ "path", "[\"a\"]", "text in quotes" },
		{ "field", "\"\"", "must not be empty" },
		{ "field", "\"a\\tb\"", "control byte" },
		{ "field", "1", "text in quotes" },
	};
	static const char *const keys[] = { "unit", "id", "mount", "path", "field" };
	char text[400], start[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(text, "credential: { r: {\n");
		for (size_t k = 0; k < 5; k++) {
			const char *value = strcmp(keys[k], rows[i].key) == 0 ? rows[i].value
			    : k == 0                                          ? "\"a.service\""
									      : "\"a\"";

			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s = %s;%s", keys[k], value,
			    value == rows[i].value ? "" : "\n");
		}
		strcat(text, "}; };");
		snprintf(start, sizeof(start), "%d: credential.r.%s: ",
		    i < 6        ? 3
			: i < 12 ? 4
			: i < 16 ? 5
			: i < 22 ? 6
				 : 7,
		    rows[i].key);
		refuses(text, start, rows[i].what);
	}
}

static void test_the_socket(void **state)
{
	struct config *c = fixture_accepted("listen: { credentials_socket = \"\"; };");

	(void)state;
	assert_null(c->listen.credentials_socket);
	config_free(c);
	refuses("listen: { credentials_socket = \"c.sock\"; };", "2: listen.credentials_socket: ", "full path");
	refuses("listen: { credentials_socket = \"/run/c/\"; };", "2: listen.credentials_socket: ", "full path");
	refuses("listen: { credentials_socket = 1; };", "2: listen.credentials_socket: ", "text in quotes");
	refuses("listen: { socket = \"/run/x\";\ncredentials_socket = \"/run/x\"; };",
	    "3: listen.credentials_socket: ", "of its own");
}

static char warnings[1000];

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(warnings + strlen(warnings), sizeof(warnings) - strlen(warnings), format, args);
	va_end(args);
}

static void test_warnings(void **state)
{
	struct config *c = fixture_accepted("listen: { credentials_socket = \"/run/c\"; };");

	(void)state;
	config_warn(c, note);
	assert_non_null(strstr(warnings, "listen.credentials_socket: there is no rule"));
	config_free(c);
	warnings[0] = '\0';
	c = fixture_accepted(
	    "credential: { a: { unit = \"*\"; id = \"x\"; mount = \"secret\"; path = \"data/x\"; }; };");
	config_warn(c, note);
	assert_non_null(strstr(warnings, "credential.a.path: \"data/x\""));
	assert_null(strstr(warnings, "credentials_socket"));
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_come_in_the_order_of_the_file),
		cmocka_unit_test(test_there_need_be_none),
		cmocka_unit_test(test_what_a_rule_must_have),
		cmocka_unit_test(test_unknown_and_repeated_settings),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_the_socket),
		cmocka_unit_test(test_warnings),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
