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
#define PLACE "mount: secret, path: a/b"

static void test_rules_come_in_the_order_of_the_file(void **state)
{
	struct config *c = fixture_accepted(
	    "listen: { credentials_socket: /run/c.sock }\ncredential:\n"
	    "  db: { unit: postgresql.service, id: db-password, mount: team/kv, path: web/db, field: pass word }\n"
	    "  all-2_B:\n"
	    "    unit: [\"web@*.service\", '*']\n"
	    "    id:\n"
	    "    - tls-*\n"
	    "    - a b\n"
	    "    mount: secret\n"
	    "    path: a/b\n");
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
	struct config *c = fixture_accepted("credential: {}");

	(void)state;
	assert_int_equal(c->credentials.nrules, 0);
	assert_null(c->listen.credentials_socket);
	config_free(c);
}

static void test_what_a_rule_must_have(void **state)
{
	(void)state;
	refuses("credential:\n  a: { id: x, " PLACE " }", "4: credential.a: ", "must have unit");
	refuses("credential:\n  a: { unit: a.service, " PLACE " }", "4: credential.a: ", "must have id");
	refuses("credential: { a: { unit: \"*\", id: x, path: p } }", "3: credential.a: ", "must have mount");
	refuses("credential: { a: { unit: \"*\", id: x, mount: m } }", "3: credential.a: ", "must have path");
	refuses("credential:\n  a:\n    unit: a.service\n    id: x\n    mount: m\n",
	    "4: credential.a: ", "must have path");
	refuses("credential: { a: {} }", "3: credential.a: ", "must have unit");
	refuses("credential: { a: 1 }", "3: credential.a: ", "must be a group with unit, id, mount, path, field");
	refuses("credential: { a: [unit] }", "3: credential.a: ", "must be a group with unit, id");
	refuses("credential: 1", "3: credential: ", "must be a group");
	refuses("credential: []", "3: credential: ", "must be a group");
}

static void test_unknown_and_repeated_settings(void **state)
{
	(void)state;
	refuses("credential: { a: {\n units: \"*\", id: x, " PLACE " } }",
	    "4: credential.a.units: ", "a credential has unit, id, mount, path, field");
	fixture_refuses_second("credential: { a: { unit: \"*\", id: x, " PLACE ",\n path: c } }",
	    "4: credential.a.path: ", 3);
	fixture_refuses_second("credential:\n  a: { unit: \"*\", id: x, " PLACE " }\n  a: {}",
	    "5: credential.a: ", 4);
	refuses("credentials: {}", "3: credentials: ", "there is no such group; credential is meant?");
	refuses("credential: { a.b: { unit: \"*\", id: x, " PLACE " } }",
	    "3: credential.a.b: ", "a rule's name has letters, digits, - and _");
}

static void test_values(void **state)
{
	static const struct {
		const char *key, *value, *what;
	} rows[] = {
		{ "unit", "1", "matches nothing" },
		{ "unit", "[]", "must not be empty" },
		{ "unit", "\"\"", "is empty" },
		{ "unit", "web", "matches nothing" },
		{ "unit", "\"web\\x2ddb.service\"", "the escape \\x" },
		{ "unit", "[a.service, b/c.service]", "item 2" },
		{ "unit", "{ a: 1 }", "must be a unit, or a list of them" },
		{ "unit", "[a.service, [b.service]]", "item 2: must be a unit, or a list of them" },
		{ "id", "\"\"", "no name of a credential" },
		{ "id", "a/b", "no name" },
		{ "id", "a:b", "no name" },
		{ "id", "[ok, ..]", "item 2: is no name" },
		{ "id", "{ a: 1 }", "must be a credential's name, or a list of them" },
		{ "id", "[[a]]", "item 1: must be a credential's name, or a list of them" },
		{ "id", "[ ]", "must not be empty" },
		{ "mount", "\"\"", "must be a mount's path" },
		{ "mount", "/m", "must be a mount's path" },
		{ "mount", "m*", "no *" },
		{ "mount", "[secret]", "must be a text, not a list" },
		{ "mount", "{ a: b }", "must be a text, not a group" },
		{ "path", "a//b", "must be a path" },
		{ "path", "../b", "must be a path" },
		{ "path", "a/*", "no *" },
		{ "path", "a/", "must be a path" },
		{ "path", "\"a\tb\"", "control byte" },
		{ "path", "\"a\\nb\"", "the escape \\n" },
		{ "path", "null", "not nothing" },
		{ "path", "[a]", "must be a text, not a list" },
		{ "field", "\"\"", "must not be empty" },
		{ "field", "\"a\tb\"", "control byte" },
		{ "field", "\"a\\tb\"", "the escape \\t" },
		{ "field", "~", "not nothing" },
		{ "field", "[a]", "must be a text, not a list" },
		{ "field", "{ a: b }", "must be a text, not a group" },
	};
	static const char *const keys[] = { "unit", "id", "mount", "path", "field" };
	char text[400], start[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t at = 0;

		strcpy(text, "credential:\n  r: {\n");
		for (size_t k = 0; k < 5; k++) {
			bool it = strcmp(keys[k], rows[i].key) == 0;
			const char *value = it ? rows[i].value : k == 0 ? "a.service" : "a";

			at = it ? k : at;
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "    %s: %s,\n", keys[k],
			    value);
		}
		strcat(text, "  }\n");
		snprintf(start, sizeof(start), "%zu: credential.r.%s: ", 5 + at, rows[i].key);
		refuses(text, start, rows[i].what);
	}
}

/* The setting decides what a value is, and these settings take any text. */
static void test_values_that_look_like_something_else_are_texts(void **state)
{
	struct config *c = fixture_accepted(
	    "credential: { a: { unit: a.service, id: true, mount: 5, path: 0x10, field: 'null' } }");

	(void)state;
	assert_string_equal(c->credentials.rule[0].ids[0], "true");
	assert_string_equal(c->credentials.rule[0].mount, "5");
	assert_string_equal(c->credentials.rule[0].path, "0x10");
	assert_string_equal(c->credentials.rule[0].field, "null");
	config_free(c);
}

static void test_the_socket(void **state)
{
	struct config *c = fixture_accepted("listen: { credentials_socket: \"\" }");

	(void)state;
	assert_null(c->listen.credentials_socket);
	config_free(c);
	refuses("listen: { credentials_socket: c.sock }", "3: listen.credentials_socket: ", "full path");
	refuses("listen: { credentials_socket: /run/c/ }", "3: listen.credentials_socket: ", "full path");
	refuses("listen: { credentials_socket: 1 }", "3: listen.credentials_socket: ", "full path");
	refuses("listen: { credentials_socket: [/c] }",
	    "3: listen.credentials_socket: ", "must be a text, not a list");
	refuses("listen:\n  socket: /run/x\n  credentials_socket: /run/x\n",
	    "5: listen.credentials_socket: ", "of its own");
}

static void test_warnings(void **state)
{
	const char *warnings = fixture_warnings(fixture_accepted("listen: { credentials_socket: /run/c }"));

	(void)state;
	assert_non_null(strstr(warnings, "listen.credentials_socket: there is no rule"));
	warnings = fixture_warnings(
	    fixture_accepted("credential: { a: { unit: \"*\", id: x, mount: secret, path: data/x } }"));
	assert_non_null(strstr(warnings, "credential.a.path: \"data/x\""));
	assert_null(strstr(warnings, "credentials_socket"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rules_come_in_the_order_of_the_file),
		TEST(test_there_need_be_none),
		TEST(test_what_a_rule_must_have),
		TEST(test_unknown_and_repeated_settings),
		TEST(test_values),
		TEST(test_values_that_look_like_something_else_are_texts),
		TEST(test_the_socket),
		TEST(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
