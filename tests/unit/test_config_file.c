/*
 * The config file: each setting with its range, and where in the file an error is.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/config_table.h"
#include "tests/unit/config_fixture.h"

#define refuses fixture_refuses
#define refuses_second fixture_refuses_second

static void accepts(const char *text)
{
	config_free(fixture_accepted(text));
}

static void starts_with(const char *error, const char *start)
{
	if (strncmp(error, start, strlen(start)) != 0)
		fail_msg("%s\ndoes not start with: %s", error, start);
}

static void contains(const char *error, const char *what)
{
	if (strstr(error, what) == NULL)
		fail_msg("%s\ndoes not contain: %s", error, what);
}

static void test_values_get_where_they_belong(void **state)
{
	struct config *c = fixture_load("openbao:\n"
					"  address: [https://a:1/, \"https://b\"]\n"
					"  namespace: team/\n"
					"  ca_file: /ca\n"
					"  client_cert_file: /cert\n"
					"  client_key_file: /key\n"
					"  server_name: bao\n"
					"  tls_skip_verify: true\n"
					"  connect_timeout: 100ms\n"
					"  request_timeout: 10m\n"
					"  revoke_on_stop: false\n"
					"approle:\n"
					"  mount: team/approle\n"
					"  role_id_file: /role\n"
					"  secret_id_file: /secret\n"
					"  secret_id_wrapped: true\n"
					"kubernetes: { mount: team/k8s, role: app, token_file: /token }\n"
					"listen: { socket: /run/s, mode: 0666, group: root }\n"
					"cache: { max_age: 30s, serve_stale: 1h, max_bytes: 1M }\n"
					"limits: { request_bytes: 64K, connections: 5, connections_per_uid: 6,\n"
					"  requests_per_connection: 7, requests_per_uid: 8, output_bytes: 65536,\n"
					"  bytes_per_uid: 3M, frame_timeout: 1s, idle_timeout: 24h }\n"
					"log: { level: debug }\n"
					"audit: { level: all, sink: file, file: /audit, on_failure: deny }\n"
					"process: { lock_memory: required }\n");

	(void)state;
	assert_int_equal(c->openbao.address.count, 2);
	assert_string_equal(c->openbao.address.item[0], "https://a:1");
	assert_string_equal(c->openbao.address.item[1], "https://b");
	assert_string_equal(c->openbao.vault_namespace, "team");
	assert_int_equal(c->openbao.auth, AUTH_MODE_APPROLE);
	assert_string_equal(c->openbao.ca_file, "/ca");
	assert_string_equal(c->openbao.client_cert_file, "/cert");
	assert_string_equal(c->openbao.client_key_file, "/key");
	assert_string_equal(c->openbao.server_name, "bao");
	assert_true(c->openbao.tls_skip_verify);
	assert_int_equal(c->openbao.connect_timeout_ms, 100);
	assert_int_equal(c->openbao.request_timeout_ms, 600000);
	assert_false(c->openbao.revoke_on_stop);
	assert_string_equal(c->approle.mount, "team/approle");
	assert_null(c->approle.role_id);
	assert_string_equal(c->approle.role_id_file, "/role");
	assert_string_equal(c->approle.secret_id_file, "/secret");
	assert_true(c->approle.secret_id_wrapped);
	assert_string_equal(c->kubernetes.mount, "team/k8s");
	assert_string_equal(c->kubernetes.role, "app");
	assert_string_equal(c->kubernetes.token_file, "/token");
	assert_string_equal(c->listen.socket, "/run/s");
	assert_int_equal(c->listen.mode, 0666);
	assert_int_equal(c->listen.group, 0);
	assert_int_equal(c->cache.max_age_ms, 30000);
	assert_int_equal(c->cache.serve_stale_ms, 3600000);
	assert_int_equal(c->cache.max_bytes, 1048576);
	assert_int_equal(c->limits.request_bytes, 65536);
	assert_int_equal(c->limits.connections, 5);
	assert_int_equal(c->limits.connections_per_uid, 6);
	assert_int_equal(c->limits.requests_per_connection, 7);
	assert_int_equal(c->limits.requests_per_uid, 8);
	assert_int_equal(c->limits.output_bytes, 65536);
	assert_int_equal(c->limits.bytes_per_uid, 3 << 20);
	assert_int_equal(c->limits.frame_timeout_ms, 1000);
	assert_int_equal(c->limits.idle_timeout_ms, 86400000);
	assert_int_equal(c->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->audit.level, AUDIT_ALL);
	assert_int_equal(c->audit.sink, AUDIT_FILE);
	assert_string_equal(c->audit.file, "/audit");
	assert_int_equal(c->audit.on_failure, AUDIT_DENY);
	assert_int_equal(c->process.lock_memory, CONFIG_LOCK_REQUIRED);
	config_free(c);
}

static void test_everything_else_has_a_default(void **state)
{
	struct config *c = fixture_load(FIXTURE_GOOD);

	(void)state;
	assert_string_equal(c->openbao.vault_namespace, "");
	assert_null(c->openbao.ca_file);
	assert_null(c->openbao.server_name);
	assert_false(c->openbao.tls_skip_verify);
	assert_int_equal(c->openbao.connect_timeout_ms, 3000);
	assert_int_equal(c->openbao.request_timeout_ms, 10000);
	assert_true(c->openbao.revoke_on_stop);
	assert_string_equal(c->approle.mount, "approle");
	assert_false(c->approle.secret_id_wrapped);
	assert_string_equal(c->kubernetes.mount, "kubernetes");
	assert_null(c->kubernetes.role);
	assert_string_equal(c->kubernetes.token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
	assert_string_equal(c->listen.socket, "/run/secretstored/secretstored.sock");
	assert_int_equal(c->listen.mode, 0660);
	assert_int_equal(c->listen.group, (gid_t)-1);
	assert_int_equal(c->cache.max_age_ms, 0);
	assert_int_equal(c->cache.serve_stale_ms, 0);
	assert_int_equal(c->cache.max_bytes, 8388608);
	assert_int_equal(c->limits.request_bytes, 1048576);
	assert_int_equal(c->limits.connections, 1024);
	assert_int_equal(c->limits.connections_per_uid, 256);
	assert_int_equal(c->limits.requests_per_connection, 64);
	assert_int_equal(c->limits.requests_per_uid, 512);
	assert_int_equal(c->limits.output_bytes, 1048576);
	assert_int_equal(c->limits.bytes_per_uid, 64 << 20);
	assert_int_equal(c->limits.frame_timeout_ms, 10000);
	assert_int_equal(c->limits.idle_timeout_ms, 0);
	assert_int_equal(c->log.level, LOG_LEVEL_INFO);
	assert_int_equal(c->audit.level, AUDIT_CHANGES);
	assert_int_equal(c->audit.sink, AUDIT_JOURNAL);
	assert_null(c->audit.file);
	assert_int_equal(c->audit.on_failure, AUDIT_CONTINUE);
	assert_int_equal(c->process.lock_memory, CONFIG_LOCK_TRY);
	assert_int_equal(c->rules.nrules, 0);
	config_free(c);
}

static void test_one_of_a_few_words_is_taken_as_it_is_written(void **state)
{
	static const char *const good[] = {
		"log: { level: error }",
		"log: { level: \"warning\" }",
		"log: { level: 'info' }",
		"audit: { level: changes }",
		"audit: { sink: stderr }",
		"audit: { sink: journal }",
		"audit: { on_failure: continue }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		accepts(good[i]);
	refuses("log: { level: Info }",
	    "3: log.level: ", "must be one of: error, warning, info, debug; not \"Info\"");
	refuses("log: { level: \"\" }", "3: log.level: ", "must be one of: error");
	refuses("log: { level: 3 }", "3: log.level: ", "must be one of: error, warning, info, debug; not \"3\"");
	refuses("log: { level: [info] }", "3: log.level: ", "must be a text, not a list");
	refuses("audit: { level: off }", "3: audit.level: ", "must be one of: changes, all; not \"off\"");
	refuses("audit: { sink: syslog }", "3: audit.sink: ", "must be one of: journal, file, stderr;");
	refuses("audit: { on_failure: stop }", "3: audit.on_failure: ", "must be one of: continue, deny;");
}

/* Both ends of each range are taken; one step beyond is not. */
static void test_ranges_hold_at_their_ends(void **state)
{
	static const struct {
		const char *group, *name, *low, *below, *high, *above;
	} cases[] = {
		{ "openbao", "connect_timeout", "100ms", "99ms", "60s", "60001ms" },
		{ "openbao", "request_timeout", "100ms", "0s", "10m", "600001ms" },
		{ "cache", "max_age", "100ms", "99ms", "24h", "25h" },
		{ "cache", "serve_stale", "100ms", "99ms", "168h", "169h" },
		{ "cache", "max_bytes", "64K", "65535", "4096M", "4097M" },
		{ "limits", "request_bytes", "1K", "1023", "16777215", "16M" },
		{ "limits", "output_bytes", "64K", "65535", "64M", "65M" },
		{ "limits", "bytes_per_uid", "1M", "1023K", "1024M", "1025M" },
		{ "limits", "frame_timeout", "1s", "999ms", "10m", "11m" },
		{ "limits", "idle_timeout", "1s", "999ms", "24h", "25h" },
	};
	char text[300], start[80], what[80];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *good[] = { cases[i].low, cases[i].high }, *bad[] = { cases[i].below, cases[i].above };
		const char *before = strcmp(cases[i].group, "limits") == 0 ? FIXTURE_GOOD "limits:\n  "
		    : strcmp(cases[i].group, "cache") == 0                 ? FIXTURE_GOOD "cache:\n  "
									   : FIXTURE_APPROLE
		    "\nopenbao: { address: http://localhost,\n";

		for (int j = 0; j < 2; j++) {
			const char *end = before[strlen(before) - 1] == '\n' ? " }" : "";

			snprintf(text, sizeof(text), "%s%s: %s%s", before, cases[i].name, good[j], end);
			config_free(fixture_load(text));
			snprintf(text, sizeof(text), "%s%s: %s%s", before, cases[i].name, bad[j], end);
			snprintf(start, sizeof(start), "4: %s.%s: must be ", cases[i].group, cases[i].name);
			snprintf(what, sizeof(what), "between %s and %s, not %s", cases[i].low, cases[i].high,
			    bad[j]);
			starts_with(fixture_refused_whole(text), start);
			contains(fixture_refused_whole(text), what);
		}
	}
}

static void test_an_error_names_file_line_setting_and_range(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused("limits:\n\n  frame_timeout: 0s\n"),
	    "5: limits.frame_timeout: must be between 1s and 10m, not 0s");
	assert_string_equal(fixture_refused("limits: { idle_timeout: 25h }"),
	    "3: limits.idle_timeout: must be 0 or between 1s and 24h, not 25h");
	assert_string_equal(fixture_refused("limits: { connections: 0 }"),
	    "3: limits.connections: must be between 1 and 65536, not 0");
}

static void test_an_error_has_the_line_of_the_value(void **state)
{
	(void)state;
	refuses("limits:\n  connections:\n    0\n", "5: limits.connections: ", "between 1 and 65536");
	refuses("limits: {\n  connections:\n\n  0 }", "6: limits.connections: ", "between 1 and 65536");
}

static void test_some_times_may_be_off(void **state)
{
	struct config *c = fixture_accepted(
	    "limits: { idle_timeout: 0s }\ncache: { max_age: 0s, serve_stale: 0s }\n");

	(void)state;
	assert_int_equal(c->limits.idle_timeout_ms, 0);
	config_free(c);
}

static void test_counts_hold_at_their_ends(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused("process: { lock_memory: yes }"),
	    "3: process.lock_memory: must be one of: try, required; not \"yes\"");
	accepts("limits: { requests_per_uid: 1 }");
	accepts("limits: { connections: 1, connections_per_uid: 65536, requests_per_connection: 4096 }");
	refuses("limits: { connections: 65537 }", "3: limits.connections: ", "between 1 and 65536, not 65537");
	refuses("limits: { connections_per_uid: 0 }", "3: limits.connections_per_uid: ", "between 1 and 65536");
	refuses("limits: { requests_per_connection: 4097 }", "3: limits.requests_per_connection: ", "4096");
	refuses("limits: { connections: -1 }", "3: limits.connections: ", "whole number");
}

static void test_values_of_another_kind_are_refused(void **state)
{
	(void)state;
	refuses("limits: { connections: many }", "3: limits.connections: ", "must be a whole number");
	refuses("limits: { connections: true }", "3: limits.connections: ", "must be a whole number");
	refuses("limits: { connections: \"\" }", "3: limits.connections: ", "must be a whole number");
	refuses("limits: { connections: [5] }", "3: limits.connections: ", "must be a whole number, not a list");
	refuses("limits:\n  connections: { a: 1 }",
	    "4: limits.connections: ", "must be a whole number, not a group");
	refuses("limits: { frame_timeout: 10 }",
	    "3: limits.frame_timeout: ", "must be a time, such as 500ms, 10s, 5m or 2h");
	refuses("limits: { frame_timeout: \"10\" }", "3: limits.frame_timeout: ", "must be a time, such as 500ms");
	refuses("limits: { frame_timeout: [10s] }",
	    "3: limits.frame_timeout: ", "must be a time, such as 500ms, 10s, 5m or 2h, not a list");
	refuses("limits: { request_bytes: 1T }",
	    "3: limits.request_bytes: ", "must be a size, such as 64K, 8M or 65536");
	refuses("limits: { request_bytes: false }", "3: limits.request_bytes: ", "must be a size");
	refuses("listen: { mode: 66 }", "3: listen.mode: ", "must be a mode in octal, from 0000 to 0777");
	refuses("listen: { mode: 0o660 }", "3: listen.mode: ", "must be a mode in octal, from 0000 to 0777");
	refuses("listen: { mode: \"0999\" }", "3: listen.mode: ", "must be a mode in octal");
	refuses("listen: { group: true }", "3: listen.group: ", "there is no group \"true\"");
	refuses("listen: { group: [root] }", "3: listen.group: ", "must be a group's name or number, not a list");
	refuses("listen: { socket: [/a] }", "3: listen.socket: ", "must be a text, not a list");
	refuses("listen: { socket: { a: b } }", "3: listen.socket: ", "must be a text, not a group");
	refuses("kubernetes: { role: { a: b } }", "3: kubernetes.role: ", "must be a text, not a group");
}

#define NOT_NOTHING "is a text here, not nothing; write \"\" for an empty one, or put it in quotes"

static void test_switches_are_only_true_and_false(void **state)
{
	static const char *const bad[] = { "1", "0", "\"\"", "yes", "no", "on", "off", "y", "True", "TRUE",
		"\"null\"", "\" true\"" };
	static const char *const nothing[] = { "~", "null" };
	char text[200];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "openbao: { revoke_on_stop: %s }", bad[i]);
		assert_string_equal(fixture_refused_whole(text),
		    "1: openbao.revoke_on_stop: must be true or false");
	}
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++) {
		snprintf(text, sizeof(text), "openbao: { revoke_on_stop: %s }", nothing[i]);
		assert_string_equal(fixture_refused_whole(text), "1: openbao.revoke_on_stop: " NOT_NOTHING);
	}
	assert_string_equal(fixture_refused_whole("openbao: { revoke_on_stop: [true] }"),
	    "1: openbao.revoke_on_stop: must be true or false, not a list");
	c = fixture_load(
	    FIXTURE_APPROLE "openbao: { address: http://a, revoke_on_stop: \"false\", tls_skip_verify: 'true' }");
	assert_false(c->openbao.revoke_on_stop);
	assert_true(c->openbao.tls_skip_verify);
	config_free(c);
}

static void test_unknown_settings_are_refused_and_the_likely_one_is_named(void **state)
{
	(void)state;
	refuses("limits: { connection: 5 }",
	    "3: limits.connection: ", "there is no such setting; limits.connections is meant?");
	refuses("listen:\n  connect_timeout: 1s",
	    "4: listen.connect_timeout: ", "there is no such setting; openbao.connect_timeout is meant?");
	refuses("address: https://a", "3: address: ", "there is no such setting; openbao.address is meant?");
	refuses("mode: 0600", "3: mode: ", "there is no such setting; listen.mode is meant?");
	refuses("dev_token: {}", "3: dev_token: ", "there is no such ");
	refuses("limits: { Connections: 5 }", "3: limits.Connections: ", "limits.connections is meant?");
	refuses("limits: { zzz: 5 }", "3: limits.zzz: ", "there is no such setting");
	assert_null(strchr(fixture_refused("limits: { zzz: 5 }"), '?'));
	refuses("openbao*: 1", "3: openbao*: ", "there is no such group; openbao is meant?");
	refuses("limit:\n  connections: 5", "3: limit: ", "there is no such group; limits is meant?");
	refuses("alow: {}", "3: alow: ", "there is no such group; allow is meant?");
	refuses("credentials: { a: { unit: a.service } }",
	    "3: credentials: ", "there is no such group; credential is meant?");
	assert_null(strchr(fixture_refused("zzzzzzzzz: { connections: 5 }"), '?'));
	/* The value of an unknown setting is not looked at. */
	refuses("limits: { zzz: [a, { b: c }] }", "3: limits.zzz: ", "there is no such setting");
	refuses("zzzzzzzzz:\n- a: [b]\n", "3: zzzzzzzzz: ", "there is no such ");
}

/* A name that differs in more than two letters is hardly the one that is meant. */
static void test_the_name_that_is_meant_is_near(void **state)
{
	static const struct {
		const char *name;
		bool meant;
	} cases[] = { { "connection", true }, { "conection", true }, { "xxconnections", true },
		{ "cnnectoins", false }, { "conectio", false }, { "xxxconnections", false },
		{ "connectionss", true }, { "connections0123456789012345678901", false }, { "", false },
		{ "012345678901234567890123456789012345678901234567890123456789", false } };
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "limits: { \"%s\": 5 }", cases[i].name);
		refuses(text, "3: limits.", "there is no such setting");
		if ((strstr(fixture_refused(text), "limits.connections is meant") != NULL) != cases[i].meant)
			fail_msg("%s\ngave: %s", text, fixture_refused(text));
	}
}

static void test_groups_must_be_groups(void **state)
{
	static const char what[] = "must be a group: its settings stand below it, indented";

	(void)state;
	refuses("listen: 5", "3: listen: ", what);
	refuses("listen: x", "3: listen: ", what);
	refuses("listen: \"\"", "3: listen: ", what);
	refuses("listen: [ { mode: 0600 } ]", "3: listen: ", what);
	refuses("listen: []", "3: listen: ", what);
	refuses("allow: []", "3: allow: ", "must be a group");
	refuses("allow:\n  web: 5",
	    "4: allow.web: ", "must be a group with uid, gid, unit, user_unit, host_only, ops, paths");
	refuses("allow: { web: [] }", "3: allow.web: ", "must be a group with uid");
	accepts("listen: {}\nlimits: {}\nallow: {}");
}

static void test_repeated_settings_are_named(void **state)
{
	(void)state;
	refuses_second("listen: { mode: 0600,\n mode: 0600 }", "4: listen.mode: ", 3);
	refuses_second("listen:\n  mode: 0600\n  \"mode\": 0600\n", "5: listen.mode: ", 4);
	refuses_second("limits: { connections: 1, connections: 1 }", "3: limits.connections: ", 3);
	refuses_second("limits: { connections: 1, idle_timeout: 0s, connections: 1, frame_timeout: 1s }",
	    "3: limits.connections: ", 3);
	refuses_second("\n\napprole: {}", "5: approle: ", 2);
	refuses_second("limits: {}\nlog: {}\nlimits: { connections: 5 }", "5: limits: ", 3);
	refuses_second("allow:\n  web: { uid: 0, ops: status }\n  web: {}", "5: allow.web: ", 4);
	refuses_second("allow: {}\nallow: {}", "4: allow: ", 3);
	refuses_second("allow: { a: { uid: [0, 1], uid: 2 } }", "3: allow.a.uid: ", 3);
	refuses_second("allow:\n  a:\n    uid: 0\n    ops: status\n    uid: 0\n", "7: allow.a.uid: ", 5);
	/* Comments and texts that look like the setting are neither. */
	refuses_second(
	    "# mode: 1\nlisten:\n  mode: 0600 # mode: 2\n  # mode: 3\n  socket: \"/mode: 4\"\n  mode: 0600",
	    "8: listen.mode: ", 5);
	/* A name may stand in several groups. */
	accepts("log: { level: info }\naudit: { level: all }\n"
		"allow: { a: { uid: 0, ops: status }, b: { uid: 0, ops: status } }\n"
		"credential: { a: { unit: \"*\", id: a, mount: a, path: a } }\n");
}

static void test_lists_may_be_single_and_of_either_style(void **state)
{
	static const char *const one[] = { "https://a", "\"https://a\"", "'https://a'", "[https://a]",
		"[\"https://a\"]", "[https://a,]", "[\n    https://a\n  ]", "\n    https://a", "\n  - https://a",
		"\n    - 'https://a'" };
	static const char *const three[] = { "[https://a, https://b, https://c]",
		"[\n https://a,\n https://b,\n # not https://d\n https://c ]",
		"\n  - https://a\n  - \"https://b\" # b\n\n  - https://c" };
	char text[300];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(one) / sizeof(*one); i++) {
		snprintf(text, sizeof(text), "openbao:\n  address: %s\n" FIXTURE_APPROLE, one[i]);
		c = fixture_load(text);
		assert_int_equal(c->openbao.address.count, 1);
		assert_string_equal(c->openbao.address.item[0], "https://a");
		config_free(c);
	}
	for (size_t i = 0; i < sizeof(three) / sizeof(*three); i++) {
		snprintf(text, sizeof(text), "openbao:\n  address: %s\n" FIXTURE_APPROLE, three[i]);
		c = fixture_load(text);
		assert_int_equal(c->openbao.address.count, 3);
		assert_string_equal(c->openbao.address.item[2], "https://c");
		config_free(c);
	}
}

static void test_addresses_are_checked_each(void **state)
{
	char text[800] = "openbao:\n  address: [https://a";
	const char *error;

	(void)state;
	error = fixture_refused_whole("openbao:\n  address: [https://a,\n https://canary/x]");
	starts_with(error, "3: openbao.address: item 2: must ");
	assert_null(strstr(error, "canary"));
	error = fixture_refused_whole(
	    "openbao:\n  address:\n  - https://a\n  - https://b\n  - https://canary/x\n");
	starts_with(error, "5: openbao.address: item 3: must ");
	assert_null(strstr(error, "canary"));
	starts_with(fixture_refused_whole("openbao: { address: https://a/x }"), "1: openbao.address: must ");
	starts_with(fixture_refused_whole("openbao: { address: [https://a/x] }"),
	    "1: openbao.address: item 1: must ");
	starts_with(fixture_refused_whole("openbao: { address: [https://a, \"\"] }"),
	    "1: openbao.address: item 2: must ");
	starts_with(fixture_refused_whole("openbao: { address: [https://a, 5] }"),
	    "1: openbao.address: item 2: must ");
	starts_with(fixture_refused_whole("openbao: { address: [https://a, [https://b]] }"),
	    "1: openbao.address: item 2: must be an address, or a list of them");
	starts_with(fixture_refused_whole("openbao: { address: [https://a, { b: c }] }"),
	    "1: openbao.address: item 2: must be an address, or a list of them");
	contains(fixture_refused_whole("openbao: { address: { a: b } }"), "must be an address, or a list of them");
	for (int i = 1; i < 16; i++)
		strcat(text, ", https://a");
	config_free(fixture_load(strcat(strcat(text, "]\n"), FIXTURE_APPROLE)));
	*strchr(text, ']') = '\0';
	strcat(text, ", https://a]");
	assert_string_equal(fixture_refused_whole(text),
	    "2: openbao.address: item 17: must not be more than 16 addresses");
}

static void test_paths_in_openbao_are_canonical(void **state)
{
	static const char *const bad[] = { "/approle", "approle/", "a//b", "a/../b", ".", "a\\nb", "a\\x7f" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "approle: { mount: \"%s\" }", bad[i]);
		starts_with(fixture_refused_whole(text), "1: approle.mount: ");
	}
	starts_with(fixture_refused_whole("approle: { mount: \"\" }"), "1: approle.mount: ");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (strcmp(bad[i], "approle/") == 0)
			continue;
		snprintf(text, sizeof(text), "openbao: { namespace: \"%s\" }", bad[i]);
		starts_with(fixture_refused_whole(text), "1: openbao.namespace: ");
	}
	starts_with(fixture_refused_whole("openbao: { namespace: a// }"), "1: openbao.namespace: ");
	starts_with(fixture_refused_whole("openbao: { namespace: / }"), "1: openbao.namespace: ");
}

static void test_a_socket_path_must_fit_and_be_whole(void **state)
{
	char path[110], text[200];
	struct config *c;

	(void)state;
	memset(path, 's', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	snprintf(text, sizeof(text), "listen: { socket: %s }", path);
	c = fixture_accepted(text);
	assert_string_equal(c->listen.socket, path);
	config_free(c);
	path[107] = 's';
	path[108] = '\0';
	snprintf(text, sizeof(text), "listen: { socket: %s }", path);
	refuses(text, "3: listen.socket: ", "is too long for a socket: at most 107 bytes fit");
	refuses("listen: { socket: s.sock }", "3: listen.socket: ", "full path");
	refuses("listen: { socket: \"\" }", "3: listen.socket: ", "full path");
	refuses("listen: { socket: /run/ }", "3: listen.socket: ", "full path");
	refuses("listen: { socket: \"/run/a\tb\" }", "3: listen.socket: ", "control byte");
	refuses("listen: { socket: \"/run/a\\nb\" }", "3: listen.socket: ", "the escape \\n");
}

static void test_groups_of_users_are_resolved(void **state)
{
	static const char *const good[] = { "root", "\"root\"", "\"0\"", "0" };
	char text[100];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text), "listen: { group: %s }", good[i]);
		c = fixture_accepted(text);
		assert_int_equal(c->listen.group, 0);
		config_free(c);
	}
	c = fixture_accepted("listen: { group: \"\" }");
	assert_int_equal(c->listen.group, (gid_t)-1);
	config_free(c);
	refuses("listen: { group: no-such }", "3: listen.group: ", "no group \"no-such\"");
	refuses("listen: { group: 4294967295 }", "3: listen.group: ", "4294967294");
}

static void test_settings_that_go_together(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused_whole("approle: { role_id: canary,\n  role_id_file: /f }"),
	    "2: approle.role_id_file: approle.role_id is set too; only one of them can be");
	assert_string_equal(fixture_refused_whole("openbao:\n  client_cert_file: /f"),
	    "2: openbao.client_cert_file: needs openbao.client_key_file beside it");
	assert_string_equal(fixture_refused_whole("audit:\n  sink: file"),
	    "2: audit.sink: needs audit.file beside it");
	assert_string_equal(fixture_refused_whole("audit:\n  file: /f"),
	    "2: audit.file: needs audit.sink: file beside it");
	assert_string_equal(fixture_refused_whole("audit:\n  sink: stderr\n  on_failure: deny"),
	    "3: audit.on_failure: \"deny\" needs audit.sink: file beside it");
	assert_string_equal(fixture_refused_whole("openbao:\n  client_key_file: /f"),
	    "2: openbao.client_key_file: needs openbao.client_cert_file beside it");
	config_free(
	    fixture_load(FIXTURE_OPENBAO "approle: { role_id: \"\", role_id_file: /f, secret_id_file: /s }"));
}

static void test_auth_must_be_known(void **state)
{
	const char *error;

	(void)state;
	error = fixture_refused_whole("openbao:\n  auth: \"\"");
	starts_with(error, "2: openbao.auth: ");
	contains(error, "(REQ-004, PX-0003)");
	assert_string_equal(fixture_refused_whole("openbao: { auth: ldap }"),
	    "1: openbao.auth: \"ldap\" is not a login method; known: approle, kubernetes");
}

static void test_what_is_not_closed_is_refused(void **state)
{
	(void)state;
	refuses("listen:\n  mode: \"0600", "4: ", "a quote that begins here is not closed");
	refuses("listen: { mode: \"0600 }\n", "3: ", "a quote that begins here is not closed");
	refuses("listen:\n  socket: '/a\n\n\n", "4: ", "a quote that begins here is not closed");
	refuses("listen:\n  mode: \"0600\\\"\n", "4: ", "a quote that begins here is not closed");
	refuses("listen:\n  { mode: 0600\n\n", "4: ", "a { that begins here is not closed");
	refuses("allow:\n  a: { uid: [0, 1 }\n", "4: ", "a [ that begins here is not closed");
	refuses("allow: { a: { uid: 0, ops: status }\nlimits: {}\n", "3: ", "a { that begins here is not closed");
	refuses("allow:\n  a: {\n    uid: [0,\n      1\n", "5: ", "a [ that begins here is not closed");
}

static void test_escapes_keep_their_texts_together(void **state)
{
	static const struct {
		const char *written, *socket;
	} cases[] = {
		{ "\"/a\\\"b\\\\\"", "/a\"b\\" },
		{ "\"/a\\\\\"", "/a\\" },
		{ "\"/a\\\\x41\"", "/a\\x41" },
		{ "'/a/*#//\\x41'", "/a/*#//\\x41" },
		{ "\"/a: { b } # c\"", "/a: { b } # c" },
		{ "'/a''b\\'", "/a'b\\" },
		{ "'/a\"b'", "/a\"b" },
		{ "/a/*#//b", "/a/*#//b" },
		{ "/a\\b", "/a\\b" },
		{ "/a b", "/a b" },
		{ "/a'b\"c", "/a'b\"c" },
		{ "\"/a\\\\\" # \\x41", "/a\\" },
		{ "\"/a\xc3\xa9\"", "/a\xc3\xa9" },
	};
	char text[100];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "listen:\n  socket: %s\n  mode: 0600 # \"'{[\n", cases[i].written);
		c = fixture_accepted(text);
		assert_string_equal(c->listen.socket, cases[i].socket);
		assert_int_equal(c->listen.mode, 0600);
		config_free(c);
	}
	refuses("listen: { socket: \"/a\\\\\\\"\\x41\" }", "3: listen.socket: ", "the escape \\x");
	refuses("listen: { socket: \"\\u002fa\" } # tab", "3: listen.socket: ", "the escape \\u");
}

/* No file is read because another one names it, as other formats have it. */
static void test_there_is_no_include(void **state)
{
	(void)state;
	refuses("@include \"/etc\"\n", "3: ", "");
	refuses("@include: /etc\n", "3: ", "");
	refuses("listen:\n  @include \"/dev/null\"\n", "4: ", "");
	refuses("include: /etc\n", "3: include: ", "there is no such ");
	refuses("!include /etc\n", "3: ", "");
	refuses("listen: !include /etc/listen.yaml\n", "3: ", "begins with !");
	refuses("<<: /etc\n", "3: <<: ", "there is no such ");
	accepts("# @include \"/etc\"\nlisten: { socket: /@include } #\n#@include\n");
}

static void test_a_comment_may_be_the_last_line_and_have_no_end(void **state)
{
	(void)state;
	accepts("# the end");
	accepts("limits: {} # the end");
	accepts("limits: {}\r\n# the end\r\n");
	accepts("limits: {}\n#");
	accepts("listen: { mode: 0600 }");
	accepts("listen:\n  mode: 0600");
}

static void test_files_that_cannot_be_read_are_errors(void **state)
{
	struct error error = { .text = "" };
	char *large;

	(void)state;
	assert_null(config_load("/nonexistent/secretstored.yaml", CONFIG_START, &error));
	assert_string_equal(error.text, "/nonexistent/secretstored.yaml: No such file or directory");
	assert_null(config_load("/tmp", CONFIG_START, &error));
	contains(error.text, "/tmp: not a regular file");
	assert_int_equal(mkfifo(fixture_file(), 0600), 0);
	contains(fixture_refused_file(), "secretstored.yaml: not a regular file");
	unlink(fixture_file());
	large = malloc((4 << 20) + 1);
	memset(large, '#', (4 << 20) + 1);
	assert_string_equal(fixture_refused_bytes(large, (4 << 20) + 1), " larger than 4194304 bytes");
	fixture_write(large, 4 << 20);
	free(large);
	contains(fixture_refused_file(), "openbao.address: is needed");
}

/* A long name is cut: the error's text has room for 511 bytes. */
static void test_long_names_do_not_push_the_reason_out_of_the_error(void **state)
{
	char text[5100] = "limits: { ";
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'n', 1000);
	strcpy(text + n + 1000, ": 1 }");
	refuses(text, "3: limits.nnn", "is longer than a name can be");
	strcpy(text + n + 100, ": 1 }");
	refuses(text, "3: limits.nnn", "there is no such setting");
	strcpy(text, "limits:\n  connections: ");
	n = strlen(text);
	memset(text + n, 'n', 5000);
	text[n + 5000] = '\0';
	refuses(text, "4: limits.connections: ", "must be a whole number");
	strcpy(text, "allow:\n  ");
	n = strlen(text);
	memset(text + n, 'n', 1000);
	strcpy(text + n + 1000, ": { uid: 0, ops: status }");
	refuses(text, "4: allow.nnn", "is longer than a name can be");
	strcpy(text + n + 100, ":\n    no-such-key: 1");
	refuses(text, "5: allow.nnn", "there is no such setting; a rule has uid");
	/* libyaml takes no name of more than 1024 bytes. */
	memset(text, 'n', 2000);
	strcpy(text + 2000, ": 1");
	refuses(text, "3: ", "");
}

static void test_every_default_is_within_its_range(void **state)
{
	const struct setting *table;
	struct config *c = fixture_load(FIXTURE_GOOD);
	struct error why;
	size_t n;

	(void)state;
	table = config_table(&n);
	assert_true(n > 20);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(config_table_find(table[i].group, table[i].name), &table[i]);
		if (table[i].low == NULL)
			continue;
		assert_int_equal(table[i].type->parse(c, &table[i], table[i].low, &why), 0);
		assert_int_equal(table[i].type->parse(c, &table[i], table[i].high, &why), 0);
		assert_int_equal(table[i].type->parse(c, &table[i], table[i].initial, &why), 0);
	}
	assert_null(config_table_find("limits", "address"));
	config_free(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_values_get_where_they_belong),
		TEST(test_everything_else_has_a_default),
		TEST(test_one_of_a_few_words_is_taken_as_it_is_written),
		TEST(test_ranges_hold_at_their_ends),
		TEST(test_an_error_names_file_line_setting_and_range),
		TEST(test_an_error_has_the_line_of_the_value),
		TEST(test_some_times_may_be_off),
		TEST(test_counts_hold_at_their_ends),
		TEST(test_values_of_another_kind_are_refused),
		TEST(test_switches_are_only_true_and_false),
		TEST(test_unknown_settings_are_refused_and_the_likely_one_is_named),
		TEST(test_the_name_that_is_meant_is_near),
		TEST(test_groups_must_be_groups),
		TEST(test_repeated_settings_are_named),
		TEST(test_lists_may_be_single_and_of_either_style),
		TEST(test_addresses_are_checked_each),
		TEST(test_paths_in_openbao_are_canonical),
		TEST(test_a_socket_path_must_fit_and_be_whole),
		TEST(test_groups_of_users_are_resolved),
		TEST(test_settings_that_go_together),
		TEST(test_auth_must_be_known),
		TEST(test_what_is_not_closed_is_refused),
		TEST(test_escapes_keep_their_texts_together),
		TEST(test_there_is_no_include),
		TEST(test_a_comment_may_be_the_last_line_and_have_no_end),
		TEST(test_files_that_cannot_be_read_are_errors),
		TEST(test_long_names_do_not_push_the_reason_out_of_the_error),
		TEST(test_every_default_is_within_its_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
