/*
 * The config file: each setting with its range, and what libconfig 1.5 would misread without a word.
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

static void accepts(const char *text)
{
	config_free(fixture_accepted(text));
}

static void test_values_get_where_they_belong(void **state)
{
	struct config *c = fixture_load(
	    "openbao: { address = (\"https://a:1/\", \"https://b\"); namespace = \"team/\";\n"
	    "ca_file = \"/ca\"; client_cert_file = \"/cert\"; client_key_file = \"/key\"; server_name = \"bao\";\n"
	    "tls_skip_verify = true; connect_timeout = \"100ms\"; request_timeout = \"10m\";\n"
	    "revoke_on_stop = false; };\n"
	    "approle: { mount = \"team/approle\"; role_id_file = \"/role\"; secret_id_file = \"/secret\";\n"
	    "secret_id_wrapped = TRUE; };\n"
	    "kubernetes: { mount = \"team/k8s\"; role = \"app\"; token_file = \"/token\"; };\n"
	    "listen: { socket = \"/run/s\"; mode = \"0666\"; group = \"root\"; };\n"
	    "cache: { max_age = \"30s\"; serve_stale = \"1h\"; max_bytes = \"1M\"; };\n"
	    "limits: { request_bytes = \"64K\"; connections = 5; connections_per_uid = 6;\n"
	    "requests_per_connection = 7; requests_per_uid = 8; output_bytes = 65536; bytes_per_uid = \"3M\";\n"
	    "frame_timeout = \"1s\"; idle_timeout = \"24h\"; };\n"
	    "log: { level = \"debug\"; };\n"
	    "audit: { level = \"all\"; sink = \"file\"; file = \"/audit\"; on_failure = \"deny\"; };\n"
	    "process: { lock_memory = \"required\"; };\n");

	(void)state;
	assert_int_equal(c->openbao.naddress, 2);
	assert_string_equal(c->openbao.address[0], "https://a:1");
	assert_string_equal(c->openbao.address[1], "https://b");
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
		"log: { level = \"error\"; };",
		"log: { level = \"warning\"; };",
		"log: { level = \"info\"; };",
		"audit: { level = \"changes\"; };",
		"audit: { sink = \"stderr\"; };",
		"audit: { sink = \"journal\"; };",
		"audit: { on_failure = \"continue\"; };",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		accepts(good[i]);
	refuses("log: { level = \"Info\"; };",
	    "2: log.level: ", "must be one of: error, warning, info, debug; not \"Info\"");
	refuses("log: { level = \"\"; };", "2: log.level: ", "must be one of: error");
	refuses("log: { level = 3; };", "2: log.level: ", "must be a text in quotes");
	refuses("audit: { level = \"off\"; };", "2: audit.level: ", "must be one of: changes, all; not \"off\"");
	refuses("audit: { sink = \"syslog\"; };", "2: audit.sink: ", "must be one of: journal, file, stderr;");
	refuses("audit: { on_failure = \"stop\"; };", "2: audit.on_failure: ", "must be one of: continue, deny;");
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
		const char *before = strcmp(cases[i].group, "limits") == 0 ? FIXTURE_GOOD "limits: {"
		    : strcmp(cases[i].group, "cache") == 0                 ? FIXTURE_GOOD "cache: {"
									   : FIXTURE_APPROLE
		    "openbao: { address = \"http://localhost\";";

		for (int j = 0; j < 2; j++) {
			snprintf(text, sizeof(text), "%s %s = \"%s\"; };", before, cases[i].name, good[j]);
			config_free(fixture_load(text));
			snprintf(text, sizeof(text), "%s %s = \"%s\"; };", before, cases[i].name, bad[j]);
			snprintf(start, sizeof(start), "%s.%s: must be ", cases[i].group, cases[i].name);
			snprintf(what, sizeof(what), "between %s and %s, not %s", cases[i].low, cases[i].high,
			    bad[j]);
			assert_non_null(strstr(fixture_refused_whole(text), start));
			assert_non_null(strstr(fixture_refused_whole(text), what));
		}
	}
}

static void test_an_error_names_file_line_setting_and_range(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused("limits: {\n\n  frame_timeout = \"0s\";\n};"),
	    "4: limits.frame_timeout: must be between 1s and 10m, not 0s");
	assert_string_equal(fixture_refused("limits: { idle_timeout = \"25h\"; };"),
	    "2: limits.idle_timeout: must be 0 or between 1s and 24h, not 25h");
	assert_string_equal(fixture_refused("limits: { connections = 0; };"),
	    "2: limits.connections: must be between 1 and 65536, not 0");
}

static void test_some_times_may_be_off(void **state)
{
	struct config *c = fixture_accepted("limits: { idle_timeout = \"0s\"; };"
					    "cache: { max_age = \"0s\"; serve_stale = \"0s\"; };");

	(void)state;
	assert_int_equal(c->limits.idle_timeout_ms, 0);
	config_free(c);
}

static void test_counts_hold_at_their_ends(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused("process: { lock_memory = \"yes\"; };"),
	    "2: process.lock_memory: must be one of: try, required; not \"yes\"");
	accepts("limits: { requests_per_uid = 1; };");
	accepts("limits: { connections = 1; connections_per_uid = 65536; requests_per_connection = 4096; };");
	refuses("limits: { connections = 65537; };", "2: limits.connections: ", "between 1 and 65536, not 65537");
	refuses("limits: { connections_per_uid = 0; };", "2: limits.connections_per_uid: ", "between 1 and 65536");
	refuses("limits: { requests_per_connection = 4097; };", "2: limits.requests_per_connection: ", "4096");
	refuses("limits: { connections = -1; };", "2: limits.connections: ", "whole number");
}

static void test_values_of_another_kind_are_refused(void **state)
{
	(void)state;
	refuses("limits: { connections = \"5\"; };", "2: limits.connections: ", "must be a whole number");
	refuses("limits: { connections = true; };", "2: limits.connections: ", "must be a whole number");
	refuses("limits: { connections = [5]; };", "2: limits.connections: ", "must be a whole number");
	refuses("limits: { connections = { a = 1; }; };", "2: limits.connections: ", "must be a whole number");
	refuses("limits: { frame_timeout = 10; };", "2: limits.frame_timeout: ", "must be a time in quotes");
	refuses("limits: { frame_timeout = \"10\"; };", "2: limits.frame_timeout: ", "must be a time in quotes");
	refuses("limits: { request_bytes = \"1T\"; };", "2: limits.request_bytes: ", "must be a size");
	refuses("limits: { request_bytes = false; };", "2: limits.request_bytes: ", "must be a size");
	refuses("listen: { mode = 660; };", "2: listen.mode: ", "in octal, in quotes");
	refuses("listen: { mode = \"0999\"; };", "2: listen.mode: ", "in octal, in quotes");
	refuses("listen: { group = true; };", "2: listen.group: ", "a group's name");
	refuses("listen: { socket = (\"/a\"); };", "2: listen.socket: ", "must be a text in quotes");
}

static void test_switches_are_only_true_and_false(void **state)
{
	static const char *const bad[] = { "1", "0", "\"true\"", "\"\"", "[true]" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "openbao: { revoke_on_stop = %s; };", bad[i]);
		assert_string_equal(fixture_refused_whole(text),
		    "1: openbao.revoke_on_stop: must be true or false");
	}
	assert_string_equal(fixture_refused_whole("openbao: { revoke_on_stop = yes; };"), "1: syntax error");
}

static void test_unknown_settings_are_refused_and_the_likely_one_is_named(void **state)
{
	(void)state;
	refuses("limits: { connection = 5; };", "2: limits.connection: ", "limits.connections is meant?");
	refuses("listen: { connect_timeout = \"1s\"; };",
	    "2: listen.connect_timeout: ", "openbao.connect_timeout is meant?");
	refuses("address = \"https://a\";", "2: address: ", "openbao.address is meant?");
	refuses("dev_token: { };", "2: dev_token: ", "there is no such setting");
	refuses("limits: { Connections = 5; };", "2: limits.Connections: ", "limits.connections is meant?");
	refuses("limits: { zzz = 5; };", "2: limits.zzz: ", "there is no such setting");
	assert_null(strchr(fixture_refused("limits: { zzz = 5; };"), '?'));
	refuses("openbao* = 1;", "2: openbao*: ", "there is no such setting");
}

static void test_groups_must_be_groups(void **state)
{
	(void)state;
	refuses("listen = 5;", "2: listen: ", "must be a group: listen: { ... };");
	refuses("listen = \"x\";", "2: listen: ", "must be a group");
	refuses("listen = ( { mode = \"0600\"; } );", "2: listen: ", "must be a group");
	refuses("listen = [];", "2: listen: ", "must be a group");
	refuses("allow = [];", "2: allow: ", "must be a group");
	refuses("allow: { web = 5; };", "2: allow.web: ", "must be a group");
	accepts("listen = { }; limits: { }; allow: { };");
}

static void test_repeated_settings_are_named(void **state)
{
	(void)state;
	refuses("listen: { mode = \"0600\";\n mode = \"0600\"; };", "3: listen.mode: ", "a second time");
	refuses("limits: { connections = 1; connections = 1; };", "2: limits.connections: ", "a second time");
	refuses("limits: { connections = 1; idle_timeout = \"0s\"; connections = 1; frame_timeout = \"1s\"; };",
	    "2: limits.connections: ", "a second time");
	refuses("\n\napprole: { };", "4: approle: ", "a second time");
	refuses("allow: { web: { uid = 0; ops = \"status\"; };\nweb: { }; };", "3: allow.web: ", "a second time");
	refuses("allow: { a: { uid = (0, 1); uid = 2; }; };", "2: allow.a.uid: ", "a second time");
	refuses("/* mode = 1 */ listen: { mode = \"mode = 2\"; # mode = 3\n mode = \"0600\"; };",
	    "3: listen.mode: ", "");
}

static void test_lists_may_be_single_and_of_either_bracket(void **state)
{
	static const char *const one[] = { "\"https://a\"", "[\"https://a\"]", "(\"https://a\")" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct config *c;

		snprintf(text, sizeof(text), "openbao: { address = %s; }; " FIXTURE_APPROLE, one[i]);
		c = fixture_load(text);
		assert_int_equal(c->openbao.naddress, 1);
		assert_string_equal(c->openbao.address[0], "https://a");
		config_free(c);
	}
}

static void test_addresses_are_checked_each(void **state)
{
	char text[800] = "openbao: {\naddress = [\"https://a\"";
	const char *error;

	(void)state;
	error = fixture_refused_whole("openbao: {\naddress = [\"https://a\",\n \"https://canary/x\"]; };");
	assert_int_equal(strncmp(error, "2: openbao.address: item 2: must ", 33), 0);
	assert_null(strstr(error, "canary"));
	error = fixture_refused_whole("openbao: { address = [\"https://a\", \"\"]; };");
	assert_int_equal(strncmp(error, "1: openbao.address: item 2: must ", 33), 0);
	error = fixture_refused_whole("openbao: { address = (\"https://a\", 5); };");
	assert_int_equal(strncmp(error, "1: openbao.address: item 2: must ", 33), 0);
	error = fixture_refused_whole("openbao: { address = (\"https://a\", (\"https://b\")); };");
	assert_int_equal(strncmp(error, "1: openbao.address: item 2: must ", 33), 0);
	for (int i = 1; i < 16; i++)
		strcat(text, ", \"https://a\"");
	config_free(fixture_load(strcat(strcat(text, "]; }; " FIXTURE_APPROLE), "\n")));
	*strchr(text, ']') = '\0';
	strcat(text, ", \"https://a\"]; };");
	assert_string_equal(fixture_refused_whole(text),
	    "2: openbao.address: item 17: must not be more than 16 addresses");
}

static void test_paths_in_openbao_are_canonical(void **state)
{
	static const char *const bad[] = { "/approle", "approle/", "a//b", "a/../b", ".", "a\\nb", "a\\x7f" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "approle: { mount = \"%s\"; };", bad[i]);
		assert_int_equal(strncmp(fixture_refused_whole(text), "1: approle.mount: ", 18), 0);
	}
	assert_int_equal(strncmp(fixture_refused_whole("approle: { mount = \"\"; };"), "1: approle.mount: ", 18),
	    0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (strcmp(bad[i], "approle/") == 0)
			continue;
		snprintf(text, sizeof(text), "openbao: { namespace = \"%s\"; };", bad[i]);
		assert_int_equal(strncmp(fixture_refused_whole(text), "1: openbao.namespace: ", 22), 0);
	}
	assert_non_null(strstr(fixture_refused_whole("openbao: { namespace = \"a//\"; };"), "namespace"));
	assert_non_null(strstr(fixture_refused_whole("openbao: { namespace = \"/\"; };"), "namespace"));
}

static void test_a_socket_path_must_fit_and_be_whole(void **state)
{
	char path[110], text[200];
	struct config *c;

	(void)state;
	memset(path, 's', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	snprintf(text, sizeof(text), "listen: { socket = \"%s\"; };", path);
	c = fixture_accepted(text);
	assert_string_equal(c->listen.socket, path);
	config_free(c);
	path[107] = 's';
	path[108] = '\0';
	snprintf(text, sizeof(text), "listen: { socket = \"%s\"; };", path);
	refuses(text, "2: listen.socket: ", "108 bytes, at most 107");
	refuses("listen: { socket = \"s.sock\"; };", "2: listen.socket: ", "full path");
	refuses("listen: { socket = \"\"; };", "2: listen.socket: ", "full path");
	refuses("listen: { socket = \"/run/\"; };", "2: listen.socket: ", "full path");
	refuses("listen: { socket = \"/run/a\\nb\"; };", "2: listen.socket: ", "control byte");
}

static void test_groups_of_users_are_resolved(void **state)
{
	static const char *const good[] = { "\"root\"", "\"0\"", "0" };
	char text[100];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "listen: { group = %s; };", good[i]);
		c = fixture_accepted(text);
		assert_int_equal(c->listen.group, 0);
		config_free(c);
	}
	c = fixture_accepted("listen: { group = \"\"; };");
	assert_int_equal(c->listen.group, (gid_t)-1);
	config_free(c);
	refuses("listen: { group = \"no-such\"; };", "2: listen.group: ", "no group \"no-such\"");
	refuses("listen: { group = \"4294967295\"; };", "2: listen.group: ", "4294967294");
}

static void test_settings_that_go_together(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused_whole("approle: { role_id = \"canary\";\nrole_id_file = \"/f\"; };"),
	    "2: approle.role_id_file: approle.role_id is set too; only one of them can be");
	assert_string_equal(fixture_refused_whole("openbao: {\nclient_cert_file = \"/f\"; };"),
	    "2: openbao.client_cert_file: needs openbao.client_key_file beside it");
	assert_string_equal(fixture_refused_whole("audit: {\nsink = \"file\"; };"),
	    "2: audit.sink: needs audit.file beside it");
	assert_string_equal(fixture_refused_whole("audit: {\nfile = \"/f\"; };"),
	    "2: audit.file: needs audit.sink = \"file\" beside it");
	assert_string_equal(fixture_refused_whole("audit: { sink = \"stderr\";\non_failure = \"deny\"; };"),
	    "2: audit.on_failure: \"deny\" needs audit.sink = \"file\" beside it");
	assert_string_equal(fixture_refused_whole("openbao: {\nclient_key_file = \"/f\"; };"),
	    "2: openbao.client_key_file: needs openbao.client_cert_file beside it");
	config_free(fixture_load(
	    FIXTURE_OPENBAO "approle: { role_id = \"\"; role_id_file = \"/f\"; secret_id_file = \"/s\"; };"));
}

static void test_auth_must_be_known(void **state)
{
	const char *error;

	(void)state;
	error = fixture_refused_whole("openbao: {\nauth = \"\"; };");
	assert_int_equal(strncmp(error, "2: openbao.auth: ", 17), 0);
	assert_non_null(strstr(error, "(REQ-004, PX-0003)"));
	assert_string_equal(fixture_refused_whole("openbao: { auth = \"ldap\"; };"),
	    "1: openbao.auth: \"ldap\" is not a login method; known: approle, kubernetes");
}

/* What libconfig 1.5 does with each of these is told in config_scan.h. */
static void test_numbers_libconfig_would_change_are_refused(void **state)
{
	static const char *const bad[] = { "3000000000", "4294967297", "99999999999999999999", "0x10",
		"0x100000001", "10L", "10LL", "1e3", "010", "1.5", "0660", "10s", "64K", "-0x1", "+", "1_000" };
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "limits: {\nconnections = %s; };", bad[i]);
		refuses(text, "3: limits.connections: ", "a number must be plain and decimal");
		snprintf(text, sizeof(text), "allow: { a: { uid = (1, %s); }; };", bad[i]);
		refuses(text, "2: allow.a.uid: ", "a number must be plain and decimal");
	}
	refuses("limits: { connections = .; };", "2: limits: ", "a dot");
	refuses("limits: { connections = .5; };", "2: limits: ", "a dot");
	refuses("limits.connections = 5;", "2: ", "a dot stands where none can be");
}

static void test_strings_in_a_row_are_not_one(void **state)
{
	(void)state;
	refuses("allow: { a: { paths = [\"a/x\" \"b/y\"]; }; };", "2: allow.a.paths: ", "a comma is missing");
	refuses("listen: { socket = \"/a\"\n  \"/b\"; };", "3: listen.socket: ", "a comma is missing");
	refuses("listen: { socket = \"/a\" /* and */ # also\n  \"/b\"; };",
	    "3: listen.socket: ", "a comma is missing");
}

static void test_strings_stand_only_where_values_can(void **state)
{
	static const char *const bad[] = { "\"x\";", "listen \"x\";", "listen: { \"x\" };", "listen: { }, \"x\";",
		"listen: { mode = = \"x\"; };", "listen: { mode = \"0600\", \"0700\"; };",
		"allow: { a: { paths = [1 \"x\"]; }; };", "allow: { a: { paths = [(1) \"x\"]; }; };" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses(bad[i], "2: ", "");
	refuses("listen: { mode = \"0600\", \"0700\"; };",
	    "2: listen.mode: ", "a string stands where none can be");
}

static void test_what_is_not_closed_is_refused(void **state)
{
	(void)state;
	refuses("/* all of this\nlimits: { connections = 1; };", "2: ", "a comment that begins here does not end");
	refuses("listen: { mode = \"0600\" \"\n};", "2: listen.mode: ", "a string does not end on its line");
	refuses("listen: { mode = \"0600;\n};", "2: listen.mode: ", "a string does not end on its line");
	refuses("listen: { socket = \"/a\nb\"; };", "2: listen.socket: ", "a string does not end on its line");
	refuses("listen: { mode = \"0600\\\";", "2: listen.mode: ", "a string does not end on its line");
	refuses("listen: { mode = \"0600\";", "3: ", "syntax error");
}

static void test_escapes_keep_their_strings_together(void **state)
{
	struct config *c = fixture_accepted(
	    "listen: { socket = \"/a\\\"b\\\\\"; /* \" */ mode = \"0600\"; // \" /*\n};");

	(void)state;
	assert_string_equal(c->listen.socket, "/a\"b\\");
	assert_int_equal(c->listen.mode, 0600);
	config_free(c);
	c = fixture_accepted("listen: { socket = \"/a\\\\\"; mode = \"0600\"; };");
	assert_string_equal(c->listen.socket, "/a\\");
	config_free(c);
	c = fixture_accepted("listen: { socket = \"/a/*#//\\x41\"; };");
	assert_string_equal(c->listen.socket, "/a/*#//A");
	config_free(c);
}

static void test_nul_in_a_string_is_refused(void **state)
{
	(void)state;
	refuses("listen: { socket = \"/a\\x00b\"; };", "2: listen.socket: ", "NUL");
	refuses("listen: { socket = \"/a\\X00b\"; };", "2: listen.socket: ", "NUL");
}

static void test_nul_in_the_file_is_refused(void **state)
{
	static const char text[] = FIXTURE_GOOD "limits: { };\n\0limits: { nonsense = 1; };";
	struct error error;

	(void)state;
	fixture_write(text, sizeof(text) - 1);
	assert_null(config_load(fixture_file(), &error));
	assert_non_null(strstr(error.text, "NUL"));
}

/* @include "DIRECTORY" would end the process with exit status 2. */
static void test_include_is_refused(void **state)
{
	(void)state;
	refuses("@include \"/etc\"\n", "2: ", "@include is not supported");
	refuses("listen: {\n@include \"/dev/null\"\n};", "3: listen: ", "@include is not supported");
	refuses("  @include\t\"x\"\n", "2: ", "@include is not supported");
	accepts("# @include \"/etc\"\nlisten: { socket = \"/@include\"; /*\n@include \"/etc\"\n*/ };");
}

static void test_a_comment_may_be_the_last_line_and_have_no_end(void **state)
{
	(void)state;
	accepts("# the end");
	accepts("limits: { } // the end");
	accepts("limits: { }\r\n# the end\r\n");
	accepts("limits: { } /* the end */");
	accepts("listen: { mode = \"0600\" }");
}

static void test_nesting_is_bounded(void **state)
{
	char text[20040];

	(void)state;
	snprintf(text, sizeof(text), "listen: { mode = ");
	for (int i = 0; i < 20000; i++)
		strcat(text + 10000 * (i / 10000), i % 2 ? "[" : "(");
	refuses(text, "2: listen.mode: ", "too many brackets");
}

static void test_syntax_errors_have_a_line(void **state)
{
	(void)state;
	assert_string_equal(fixture_refused("limits: {\n connections 5; };"), "3: syntax error");
	assert_string_equal(fixture_refused("\n};"), "3: syntax error");
	assert_string_equal(fixture_refused("\xef\xbb\xbflimits: { };"), "2: syntax error");
	assert_string_equal(fixture_refused("limits { };"), "2: syntax error");
	assert_string_equal(fixture_refused("limits: { ];"), "2: syntax error");
}

/* libconfig takes the type of an array's first item for all of them. */
static void test_mixed_arrays_are_refused_and_mixed_lists_are_not(void **state)
{
	(void)state;
	refuses("allow: { a: { uid = [0,\n \"root\"]; ops = \"status\"; }; };",
	    "2: allow.a.uid: ", "in [ ] all items");
	refuses("allow: { a: { uid = 0; ops = [\"status\", 5]; }; };", "2: allow.a.ops: ", "in [ ] all items");
	accepts("allow: { a: { uid = (0, \"root\"); ops = \"status\"; }; };");
}

static void test_files_that_cannot_be_read_are_errors(void **state)
{
	struct error error = { .text = "" };
	char *large;

	(void)state;
	assert_null(config_load("/nonexistent/secretstored.conf", &error));
	assert_string_equal(error.text, "/nonexistent/secretstored.conf: No such file or directory");
	assert_null(config_load("/tmp", &error));
	assert_non_null(strstr(error.text, "/tmp: not a regular file"));
	assert_int_equal(mkfifo(fixture_file(), 0600), 0);
	assert_null(config_load(fixture_file(), &error));
	assert_non_null(strstr(error.text, "not a regular file"));
	unlink(fixture_file());
	assert_null(strstr(fixture_refused_whole(""), "allow"));
	large = malloc((4 << 20) + 1);
	memset(large, '#', (4 << 20) + 1);
	fixture_write(large, (4 << 20) + 1);
	free(large);
	assert_null(config_load(fixture_file(), &error));
	assert_non_null(strstr(error.text, "larger than"));
}

static void test_long_names_do_not_push_the_reason_out_of_the_error(void **state)
{
	char text[2100] = "limits: { ";
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'n', 1000);
	strcpy(text + n + 1000, " = 1; };");
	assert_non_null(strstr(fixture_refused(text), "there is no such setting"));
	strcpy(text + n + 1000, " = 0x1; };");
	assert_non_null(strstr(fixture_refused(text), "a number must be plain"));
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
		assert_int_equal(config_table_store(c, &table[i], table[i].low, &why), 0);
		assert_int_equal(config_table_store(c, &table[i], table[i].high, &why), 0);
		assert_int_equal(config_table_store(c, &table[i], table[i].initial, &why), 0);
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
		TEST(test_some_times_may_be_off),
		TEST(test_counts_hold_at_their_ends),
		TEST(test_values_of_another_kind_are_refused),
		TEST(test_switches_are_only_true_and_false),
		TEST(test_unknown_settings_are_refused_and_the_likely_one_is_named),
		TEST(test_groups_must_be_groups),
		TEST(test_repeated_settings_are_named),
		TEST(test_lists_may_be_single_and_of_either_bracket),
		TEST(test_addresses_are_checked_each),
		TEST(test_paths_in_openbao_are_canonical),
		TEST(test_a_socket_path_must_fit_and_be_whole),
		TEST(test_groups_of_users_are_resolved),
		TEST(test_settings_that_go_together),
		TEST(test_auth_must_be_known),
		TEST(test_numbers_libconfig_would_change_are_refused),
		TEST(test_strings_in_a_row_are_not_one),
		TEST(test_strings_stand_only_where_values_can),
		TEST(test_what_is_not_closed_is_refused),
		TEST(test_escapes_keep_their_strings_together),
		TEST(test_nul_in_a_string_is_refused),
		TEST(test_nul_in_the_file_is_refused),
		TEST(test_include_is_refused),
		TEST(test_a_comment_may_be_the_last_line_and_have_no_end),
		TEST(test_nesting_is_bounded),
		TEST(test_syntax_errors_have_a_line),
		TEST(test_mixed_arrays_are_refused_and_mixed_lists_are_not),
		TEST(test_files_that_cannot_be_read_are_errors),
		TEST(test_long_names_do_not_push_the_reason_out_of_the_error),
		TEST(test_every_default_is_within_its_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
