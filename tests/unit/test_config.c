/*
 * The configuration as a whole: what must be set, the environment, the warnings, the example in conf/.
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

#define ROLE "OPENBAO_APPROLE_ROLE_ID"
#define SECRET "OPENBAO_APPROLE_SECRET_ID"
#define EXAMPLE "conf/secretstored.yaml"

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

static void test_an_address_is_needed(void **state)
{
	const char *error = fixture_refused_whole(FIXTURE_APPROLE);

	(void)state;
	contains(error, "openbao.address: ");
	contains(error, "BAO_ADDR");
	contains(error, "(REQ-007, PX-0003)");
	setenv("BAO_ADDR", "", 1);
	contains(fixture_refused_whole(FIXTURE_APPROLE), "(REQ-007, PX-0003)");
	contains(fixture_refused_whole("openbao: { address: [] }\n" FIXTURE_APPROLE), "(REQ-007, PX-0003)");
	starts_with(fixture_refused_whole("\nopenbao:\n  address: \"\"\n" FIXTURE_APPROLE),
	    "3: openbao.address: ");
}

static void test_bao_addr_serves_only_where_no_address_is_configured(void **state)
{
	struct config *c;

	(void)state;
	setenv("BAO_ADDR", "https://from-environment:8200/", 1);
	c = fixture_load(FIXTURE_APPROLE);
	assert_int_equal(c->openbao.address.count, 1);
	assert_string_equal(c->openbao.address.item[0], "https://from-environment:8200");
	config_free(c);
	c = fixture_load("openbao: { address: \"\" }\n" FIXTURE_APPROLE);
	assert_string_equal(c->openbao.address.item[0], "https://from-environment:8200");
	config_free(c);
	c = fixture_load(FIXTURE_GOOD);
	assert_int_equal(c->openbao.address.count, 1);
	assert_string_equal(c->openbao.address.item[0], "http://127.0.0.1:8200");
	config_free(c);
	assert_string_equal(getenv("BAO_ADDR"), "https://from-environment:8200/");
}

static void test_bao_addr_is_checked_as_the_setting_is(void **state)
{
	struct error error;

	(void)state;
	fixture_write(FIXTURE_APPROLE, strlen(FIXTURE_APPROLE));
	setenv("BAO_ADDR", "https://user:canary@host", 1);
	assert_null(config_load(fixture_file(), CONFIG_START, &error));
	starts_with(error.text, "BAO_ADDR: must ");
	assert_null(strstr(error.text, "canary"));
	setenv("BAO_ADDR", "https://canary\r\nX: y", 1);
	assert_null(config_load(fixture_file(), CONFIG_START, &error));
	starts_with(error.text, "BAO_ADDR: ");
	assert_null(strstr(error.text, "canary"));
	config_free(fixture_load(FIXTURE_GOOD));
}

static void test_a_role_id_is_needed(void **state)
{
	static const char text[] = FIXTURE_OPENBAO "approle: { secret_id_file: /s }";
	const char *error = fixture_refused_whole(text);

	(void)state;
	contains(error, "(REQ-004, PX-0003)");
	contains(error, "role_id or role_id_file");
	contains(error, ROLE);
	setenv(ROLE, "", 1);
	contains(fixture_refused_whole(text), "(REQ-004, PX-0003)");
	setenv(ROLE, " \n", 1);
	contains(fixture_refused_whole(text), "(REQ-004, PX-0003)");
}

static void test_a_secret_id_is_needed(void **state)
{
	static const char text[] = FIXTURE_OPENBAO "approle: { role_id: canary }";
	const char *error = fixture_refused_whole(text);

	(void)state;
	contains(error, "(REQ-004, PX-0003)");
	contains(error, "secret_id_file");
	contains(error, "CREDENTIALS_DIRECTORY");
	contains(error, SECRET);
	assert_null(strstr(error, "canary"));
	setenv(SECRET, "", 1);
	setenv("CREDENTIALS_DIRECTORY", "", 1);
	contains(fixture_refused_whole(text), "(REQ-004, PX-0003)");
}

#define OPENBAO_KUBERNETES "openbao: { address: http://127.0.0.1:8200, auth: kubernetes }\n"

static void test_a_kubernetes_login_needs_a_role_and_no_approle(void **state)
{
	static const char *const lacking[] = {
		"",
		"kubernetes: {}",
		"kubernetes: { role: \"\" }",
		"kubernetes: { mount: k8s }",
		FIXTURE_APPROLE,
	};
	char text[400];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(lacking) / sizeof(*lacking); i++) {
		snprintf(text, sizeof(text), "%s%s", OPENBAO_KUBERNETES, lacking[i]);
		assert_string_equal(fixture_refused_whole(text),
		    " kubernetes.role: is needed, the role to log in with (REQ-004, PX-0003)");
	}
	contains(fixture_refused_whole(OPENBAO_KUBERNETES "kubernetes: { role: app, token_file: \"\" }"),
	    "kubernetes.token_file: is needed (REQ-004, PX-0003)");
	c = fixture_load(OPENBAO_KUBERNETES "kubernetes: { role: app }");
	assert_int_equal(c->openbao.auth, AUTH_MODE_KUBERNETES);
	assert_string_equal(c->kubernetes.role, "app");
	assert_null(c->approle.role_id);
	config_free(c);
}

static void test_settings_of_a_login_that_is_not_selected_are_allowed(void **state)
{
	struct config *c;

	(void)state;
	c = fixture_load(FIXTURE_GOOD "kubernetes: { role: app, token_file: /t }");
	assert_int_equal(c->openbao.auth, AUTH_MODE_APPROLE);
	config_free(c);
	c = fixture_load(OPENBAO_KUBERNETES "approle: { role_id: the-role }\nkubernetes: { role: app }");
	assert_int_equal(c->openbao.auth, AUTH_MODE_KUBERNETES);
	assert_string_equal(c->approle.role_id, "the-role");
	config_free(c);
}

static void test_the_environment_gives_both_credentials(void **state)
{
	struct config *c;

	(void)state;
	setenv(ROLE, "env-role", 1);
	setenv(SECRET, "env-secret\n", 1);
	c = fixture_load(FIXTURE_OPENBAO);
	assert_string_equal(c->approle.role_id, "env-role");
	assert_null(c->approle.role_id_file);
	assert_string_equal(c->approle.secret_id, "env-secret");
	assert_null(c->approle.secret_id_file);
	config_free(c);
}

static void test_the_file_comes_before_the_environment(void **state)
{
	struct config *c;

	(void)state;
	setenv(ROLE, "env-role", 1);
	setenv(SECRET, "env-secret", 1);
	c = fixture_load(FIXTURE_GOOD);
	assert_string_equal(c->approle.role_id, "the-role");
	assert_string_equal(c->approle.secret_id_file, "/run/secret_id");
	assert_null(c->approle.secret_id);
	config_free(c);
	setenv(ROLE, "env-role", 1);
	c = fixture_load(FIXTURE_OPENBAO "approle: { role_id_file: /role, secret_id_file: /s }");
	assert_null(c->approle.role_id);
	assert_string_equal(c->approle.role_id_file, "/role");
	config_free(c);
}

static void test_a_systemd_credential_comes_between_file_and_environment(void **state)
{
	static const char text[] = FIXTURE_OPENBAO "approle: { role_id: r }";
	char directory[] = "/tmp/test_config.XXXXXX", path[64];
	struct config *c;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/secret_id", directory);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	setenv(SECRET, "env-secret", 1);
	c = fixture_load(text);
	assert_string_equal(c->approle.secret_id, "env-secret");
	config_free(c);

	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	setenv(SECRET, "env-secret", 1);
	c = fixture_load(text);
	assert_string_equal(c->approle.secret_id_file, path);
	assert_null(c->approle.secret_id);
	config_free(c);
	c = fixture_load(FIXTURE_GOOD);
	assert_string_equal(c->approle.secret_id_file, "/run/secret_id");
	config_free(c);

	/* A credential that is there but cannot be opened is still the one that is meant. */
	unlink(path);
	assert_int_equal(symlink("secret_id", path), 0);
	setenv(SECRET, "env-secret", 1);
	c = fixture_load(text);
	assert_string_equal(c->approle.secret_id_file, path);
	config_free(c);
	unlink(path);
	rmdir(directory);
}

/* The variables that this test puts into the process's environment, to see what becomes of their bytes. */
struct planted {
	char role[40], secret[40], again[40];
};

static void plant(struct planted *p)
{
	static char *variables[4];

	strcpy(p->role, ROLE "=canary1");
	strcpy(p->secret, SECRET "=canary2");
	strcpy(p->again, SECRET "=canary3");
	variables[0] = p->role;
	variables[1] = p->secret;
	variables[2] = p->again;
	variables[3] = NULL;
	environ = variables;
}

static void assert_wiped(const char *variable, size_t size)
{
	size_t name = strcspn(variable, "=") + 1;

	for (size_t i = name; i < size && i < name + 7; i++)
		assert_int_equal(variable[i], 0);
}

static void assert_all_wiped(const struct planted *p)
{
	assert_wiped(p->role, sizeof(p->role));
	assert_wiped(p->secret, sizeof(p->secret));
	assert_wiped(p->again, sizeof(p->again));
	assert_null(getenv(ROLE));
	assert_null(getenv(SECRET));
}

static void test_credentials_in_the_environment_are_wiped(void **state)
{
	char **before = environ;
	struct planted p;
	struct config *c;

	(void)state;
	plant(&p);
	c = fixture_load(FIXTURE_OPENBAO);
	assert_string_equal(c->approle.role_id, "canary1");
	assert_string_equal(c->approle.secret_id, "canary2");
	assert_all_wiped(&p);
	config_free(c);

	plant(&p);
	config_free(fixture_load(FIXTURE_GOOD));
	assert_all_wiped(&p);
	environ = before;
}

static void test_credentials_in_the_environment_are_wiped_when_the_config_is_refused(void **state)
{
	char **before = environ;
	struct planted p;
	struct error error;

	(void)state;
	plant(&p);
	fixture_refused_whole("nonsense");
	assert_all_wiped(&p);
	plant(&p);
	fixture_refused_whole("");
	assert_all_wiped(&p);
	plant(&p);
	assert_null(config_load("/nonexistent", CONFIG_START, &error));
	assert_all_wiped(&p);
	plant(&p);
	p.role[strlen(p.role) - 1] = '\x01';
	assert_null(config_load("/nonexistent", CONFIG_START, &error));
	assert_string_equal(error.text, ROLE ": holds a control byte");
	assert_all_wiped(&p);
	environ = before;
}

/* No error quotes a setting's value, whichever part of the reader it comes from. */
static void test_no_error_quotes_a_credential(void **state)
{
	static const char *const texts[] = {
		"approle: { role_id: canary, role_id: x }",
		"approle: { role_id: [canary] }",
		"approle: { role_id: { canary: 1 } }",
		"approle: { role_id: [[canary]] }",
		"approle: { role_id: \"canary\\x00\" }",
		"approle: { role_id: \"canary\\x01\" }",
		"approle: { role_id: \"canary\\q\" }",
		"approle: { role_id: canary secret_id_file: }",
		"approle: { role_id: *canary }",
		"approle: { role_id: &canary x }",
		"approle: { role_id: !canary x }",
		"approle: { role_id: !<canary> x }",
		"approle: { role_id: @canary }",
		"approle: { role_id: %canary }",
		"approle: { role_id: `canary` }",
		"approle: { role_id: \"x\" canary }",
		"approle: { role_id: \"canary }",
		"approle: { role_id: 'canary }",
		"approle: { role_id: canary",
		"approle: { role_id: canary ] }",
		"approle: { role_id:canary }",
		"approle: { role_id canary }",
		"approle: { role_id: }canary",
		"approle:\n  role_id:canary\n",
		"approle:\n  role_id canary\n",
		"approle:\n  role_id: canary: x\n",
		"approle:\n  role_id: \"canary\n    x\"\n",
		"approle:\n  role_id: canary\n    canary\n",
		"approle:\n  role_id: |\n    canary\n",
		"approle:\n  role_id: >\n    canary\n",
		"approle:\n  role_id:\n    - canary\n",
		"approle:\n  role_id:\n  ? canary\n",
		"approle:\n  role_id: [canary\n",
		"approle:\n  role_id: canary\n mount: x\n",
		"approle:\n\trole_id: canary\n",
		"approle:\n  role_id: canary\x01\n",
		"approle:\n  role_id: canary\xff\n",
		"approle:\n  role_id: canary\xc2\x85\n",
		"approle:\n  role_id: x\n---\ncanary\n",
		"approle: { secret_id: canary }",
		"approle: canary",
		"approle: [canary]",
		"canary",
		"- canary",
		"\"canary",
		"%canary",
		"approle: { secret_id_wrapped: canary }",
		"openbao: { token: canary }",
		"openbao: { connect_timeout: canary }",
		"listen: { mode: canary }",
		"openbao: { namespace: canary// }",
		"openbao: { server_name: canary! }",
	};

	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *error = fixture_refused_whole(texts[i]);

		if (strstr(error, "canary") == NULL)
			continue;
		print_error("%s\ngave: %s\n", texts[i], error);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_the_role_id_of_the_file_is_taken_as_it_stands(void **state)
{
	static const struct {
		const char *written, *meant;
	} cases[] = {
		{ "\"a b/*#\xc3\xa9\"", "a b/*#\xc3\xa9" },
		{ "a b/*#\xc3\xa9", "a b/*#\xc3\xa9" },
		{ "'a\\b'", "a\\b" },
		{ "a\\b", "a\\b" },
		{ "\"a\\\\b\"", "a\\b" },
		{ "0123", "0123" },
		{ "1_000", "1_000" },
		{ "true", "true" },
		{ "\"~\"", "~" },
		{ "'null'", "null" },
		{ "a~", "a~" },
		{ "nullable", "nullable" },
		{ "2026-11-30", "2026-11-30" },
		{ "1e3", "1e3" },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config *c;

		snprintf(text, sizeof(text),
		    FIXTURE_OPENBAO "approle:\n  secret_id_file: /s\n  role_id: %s # the role\n",
		    cases[i].written);
		c = fixture_load(text);
		assert_string_equal(c->approle.role_id, cases[i].meant);
		config_free(c);
	}
}

#define RULE "allow: { a: { uid: 0, ops: write, paths: secret/* } }\n"

static void test_nothing_doubtful_gives_no_warning(void **state)
{
	(void)state;
	assert_string_equal(fixture_warnings(fixture_accepted(RULE)), "");
	assert_string_equal(
	    fixture_warnings(fixture_load(
		"openbao: { address: [https://a, \"http://[::1]:8200\"], ca_file: /ca }\n" FIXTURE_APPROLE RULE
		"listen: { mode: 0666 }\n")),
	    "");
}

static void test_doubtful_settings_are_warned_of(void **state)
{
	const char *all;

	(void)state;
	assert_string_equal(fixture_warnings(fixture_load(FIXTURE_GOOD)),
	    "allow: there is no rule, so nobody may do anything but ping\n");
	all = fixture_warnings(
	    fixture_load("openbao: { address: [https://a, http://canary:8200] }\n" FIXTURE_APPROLE RULE));
	starts_with(all, "openbao.address: number 2 is http:// to another machine");
	assert_null(strstr(all, "canary"));
	starts_with(fixture_warnings(fixture_accepted(RULE "cache: { max_age: 1m, serve_stale: 1m }")),
	    "cache.serve_stale: has no effect");
	starts_with(fixture_warnings(fixture_load(
			"openbao: { address: https://a, tls_skip_verify: true }\n" FIXTURE_APPROLE RULE)),
	    "openbao.tls_skip_verify: ");
	starts_with(fixture_warnings(fixture_accepted(RULE "limits: { request_bytes: 8M, bytes_per_uid: 15M }")),
	    "limits.bytes_per_uid: ");
	starts_with(fixture_warnings(fixture_load(
			"openbao: { address: http://localhost, ca_file: /ca }\n" FIXTURE_APPROLE RULE)),
	    "openbao: settings for TLS have no effect");
}

static void test_doubtful_rules_are_warned_of(void **state)
{
	const char *all = fixture_warnings(fixture_accepted(
	    "allow:\n"
	    "  web: { uid: [65534, 0], gid: 65534, ops: write, paths: [secret/web*, secret/fine/*] }\n"
	    "  api: { uid: 0, ops: write, paths: secret/data/api/* }\n"));

	(void)state;
	contains(all, "allow.web.uid: 65534 ");
	contains(all, "allow.web.gid: 65534 ");
	contains(all, "allow.web.paths: \"secret/web*\": ");
	contains(all, "allow.api.paths: \"secret/data/api/*\": ");
	assert_null(strstr(all, "fine"));
}

/* Gives the text of a file of the source tree, at whose root the tests run. The caller frees it. */
static char *read_source(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65537);

	if (f == NULL)
		fail_msg("%s cannot be opened: run the tests at the root of the source tree", path);
	assert_non_null(text);
	assert_true(fread(text, 1, 65536, f) > 0);
	fclose(f);
	return text;
}

static void test_the_example_loads_and_holds_the_defaults(void **state)
{
	char *text = read_source(EXAMPLE);
	struct config *example, *defaults;
	const struct setting *table;
	size_t n;

	(void)state;
	setenv("BAO_ADDR", "http://127.0.0.1:8200", 1);
	setenv(ROLE, "r", 1);
	setenv(SECRET, "s", 1);
	example = fixture_load(text);
	free(text);
	setenv(ROLE, "r", 1);
	setenv(SECRET, "s", 1);
	defaults = fixture_load("# nothing");
	table = config_table(&n);
	for (size_t i = 0; i < n; i++) {
		const void *a = (char *)example + table[i].offset, *b = (char *)defaults + table[i].offset;

		if (table[i].low != NULL)
			assert_memory_equal(a, b, sizeof(uint64_t));
		if (table[i].choices != NULL)
			assert_memory_equal(a, b, sizeof(unsigned));
	}
	assert_string_equal(example->openbao.vault_namespace, defaults->openbao.vault_namespace);
	assert_int_equal(example->openbao.tls_skip_verify, defaults->openbao.tls_skip_verify);
	assert_int_equal(example->openbao.revoke_on_stop, defaults->openbao.revoke_on_stop);
	assert_string_equal(example->approle.mount, defaults->approle.mount);
	assert_string_equal(example->approle.secret_id, "s");
	assert_string_equal(example->kubernetes.mount, defaults->kubernetes.mount);
	assert_null(example->kubernetes.role);
	assert_string_equal(example->kubernetes.token_file, defaults->kubernetes.token_file);
	assert_string_equal(example->listen.socket, defaults->listen.socket);
	assert_int_equal(example->listen.mode, defaults->listen.mode);
	assert_int_equal(example->listen.group, defaults->listen.group);
	assert_int_equal(example->rules.nrules, 0);
	config_free(example);
	config_free(defaults);
}

/* Joins the comment lines directly before the line at ("\n  name: ") by blanks. The caller frees the result. */
static char *comment_before(const char *text, const char *at)
{
	const char *from = at;
	char *joined = calloc(1, 4000);
	size_t n = 0;

	assert_non_null(joined);
	for (;;) {
		const char *line = from - 1;

		while (line > text && *line != '\n')
			line--;
		if (strncmp(line, "\n  # ", 5) != 0)
			break;
		from = line;
	}
	while (from < at) {
		bool starts = strncmp(from, "\n  # ", 5) == 0;

		assert_true(n < 3998);
		joined[n++] = starts ? ' ' : *from;
		from += starts ? 5 : 1;
	}
	return joined;
}

static bool is_of_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool has_words(const char *text, const char *words)
{
	for (const char *p = text; (p = strstr(p, words)) != NULL; p++)
		if ((p == text || !is_of_word(p[-1])) && !is_of_word(p[strlen(words)]))
			return true;
	return false;
}

/* Finds where a group ends: at the next line that is not indented, or at the end of the text. */
static const char *group_end(const char *group)
{
	const char *p = strchr(group + 1, '\n');

	while (p != NULL && (p[1] == ' ' || p[1] == '\n'))
		p = strchr(p + 1, '\n');
	return p != NULL ? p : group + strlen(group);
}

/* Each setting stands in the example after a comment, which tells its range or choices and what a change takes. */
static void assert_documented(const char *text, const struct setting *setting)
{
	static const char *const changes
	    [] = { [CHANGE_LIVE] = ": at once", [CHANGE_LOGIN] = ": new login", [CHANGE_RESTART] = ": restart" };
	char line[128], range[64];
	const char *group, *at, *change;
	char *comment;

	if (setting->initial ==
	    NULL) { /* it is of a rule, all of whose settings stand in a list before an example */
		snprintf(line, sizeof(line), "\n#%s:\n", setting->group);
		group = strstr(text, line);
		snprintf(line, sizeof(line), "\n#   %s ", setting->name);
		at = group;
		while (at > text && (strncmp(at, "\n\n", 2) != 0) && strncmp(at, line, strlen(line)) != 0)
			at--;
		if (group == NULL || strncmp(at, line, strlen(line)) != 0)
			fail_msg("%s.NAME.%s is not explained in the example", setting->group, setting->name);
		return;
	}
	snprintf(line, sizeof(line), "\n%s:\n", setting->group);
	group = strstr(text, line);
	snprintf(line, sizeof(line), "\n  %s: ", setting->name);
	at = group == NULL ? NULL : strstr(group, line);
	if (at == NULL || at > group_end(group)) {
		fail_msg("%s.%s is not in the example", setting->group, setting->name);
		return;
	}
	comment = comment_before(text, at);
	if (*comment == '\0')
		fail_msg("%s.%s has no comment", setting->group, setting->name);
	for (size_t i = 0; setting->choices != NULL && setting->choices[i] != NULL; i++)
		if (!has_words(comment, setting->choices[i]))
			fail_msg("the comment of %s.%s does not say %s", setting->group, setting->name,
			    setting->choices[i]);
	change = strstr(comment, " A change");
	if (change == NULL || strstr(change, changes[setting->change]) == NULL)
		fail_msg("the comment of %s.%s does not say \"A change%s\"", setting->group, setting->name,
		    changes[setting->change]);
	snprintf(range, sizeof(range), "%s to %s", setting->low, setting->high);
	if (setting->low != NULL && !has_words(comment, range))
		fail_msg("the comment of %s.%s does not say \"%s\"", setting->group, setting->name, range);
	free(comment);
}

static void test_the_example_documents_every_setting(void **state)
{
	char *text = read_source(EXAMPLE);
	const struct setting *table;
	size_t n;

	(void)state;
	table = config_table(&n);
	for (size_t i = 0; i < n; i++)
		assert_documented(text, &table[i]);
	for (int op = 0; op < OP_COUNT; op++)
		assert_true(has_words(text, op_name((enum op)op)));
	free(text);
}

/* Fails unless a line of the example, "name: value", is the default of a setting that there is. */
static void assert_is_default(const char *group, char *line)
{
	char *colon = strstr(line, ": "), *value, *end;
	const struct setting *setting;

	if (colon == NULL) {
		fail_msg("%s: is no setting: %s", group, line);
		return;
	}
	*colon = '\0';
	value = colon + 2;
	end = strstr(value, " #");
	if (end == NULL)
		end = value + strlen(value);
	while (end > value && end[-1] == ' ')
		end--;
	*end = '\0';
	if (*value == '"' && end - value >= 2 && end[-1] == '"') {
		end[-1] = '\0';
		value++;
	}
	setting = config_table_find(group, line);
	if (setting == NULL)
		fail_msg("the example has %s.%s, which is no setting", group, line);
	else if (strcmp(value, setting->initial) != 0)
		fail_msg("the example has %s.%s: %s; the default is %s", group, line, value, setting->initial);
}

/* Each line of the example that is no comment is a group, or a setting with its default. */
static void test_the_example_sets_nothing_but_defaults(void **state)
{
	char *text = read_source(EXAMPLE), *rest = text, *line;
	char group[64] = "";
	size_t settings = 0, wanted = 0, n;
	const struct setting *table;

	(void)state;
	while ((line = strsep(&rest, "\n")) != NULL) {
		size_t indent = strspn(line, " ");

		if (line[indent] == '\0' || line[indent] == '#')
			continue;
		if (indent == 0) {
			n = strcspn(line, ":");
			assert_true(n < sizeof(group) && line[n] == ':');
			snprintf(group, sizeof(group), "%.*s", (int)n, line);
			assert_string_equal(line + n, ":");
			continue;
		}
		assert_int_equal(indent, 2);
		assert_is_default(group, line + indent);
		settings++;
	}
	table = config_table(&n);
	for (size_t i = 0; i < n; i++)
		wanted += table[i].initial != NULL;
	assert_int_equal(settings, wanted);
	free(text);
}

/* Takes the # from the line "#GROUP:" and from those after it that begin with one. */
static void uncomment(char *text, const char *group)
{
	char line[32], *at;
	size_t lines = 0;

	snprintf(line, sizeof(line), "\n#%s:\n", group);
	at = strstr(text, line);
	if (at == NULL) {
		fail_msg("the example shows no rule of %s", group);
		return;
	}
	for (; at != NULL && at[1] == '#'; at = strchr(at + 1, '\n'), lines++)
		memmove(at + 1, at + 2, strlen(at + 2) + 1);
	assert_true(lines > 2);
}

/* The rules shown as comments are ones that work when their # are taken away. */
static void test_the_rules_shown_in_the_example_work(void **state)
{
	char *text = read_source(EXAMPLE), *user;
	struct config *c;

	(void)state;
	uncomment(text, "allow");
	uncomment(text, "credential");
	user = strstr(strstr(text, "\nallow:\n"), "www-data");
	assert_non_null(user);
	memcpy(user, "root    ", strlen("www-data"));
	setenv("BAO_ADDR", "http://127.0.0.1:8200", 1);
	setenv(ROLE, "r", 1);
	setenv(SECRET, "s", 1);
	c = fixture_load(text);
	assert_true(c->rules.nrules > 0);
	assert_true(c->credentials.nrules > 0);
	assert_string_equal(fixture_warnings(c), "");
	free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_address_is_needed),
		TEST(test_bao_addr_serves_only_where_no_address_is_configured),
		TEST(test_bao_addr_is_checked_as_the_setting_is),
		TEST(test_a_role_id_is_needed),
		TEST(test_a_secret_id_is_needed),
		TEST(test_a_kubernetes_login_needs_a_role_and_no_approle),
		TEST(test_settings_of_a_login_that_is_not_selected_are_allowed),
		TEST(test_the_environment_gives_both_credentials),
		TEST(test_the_file_comes_before_the_environment),
		TEST(test_a_systemd_credential_comes_between_file_and_environment),
		TEST(test_credentials_in_the_environment_are_wiped),
		TEST(test_credentials_in_the_environment_are_wiped_when_the_config_is_refused),
		TEST(test_no_error_quotes_a_credential),
		TEST(test_the_role_id_of_the_file_is_taken_as_it_stands),
		TEST(test_nothing_doubtful_gives_no_warning),
		TEST(test_doubtful_settings_are_warned_of),
		TEST(test_doubtful_rules_are_warned_of),
		TEST(test_the_example_loads_and_holds_the_defaults),
		TEST(test_the_example_documents_every_setting),
		TEST(test_the_example_sets_nothing_but_defaults),
		TEST(test_the_rules_shown_in_the_example_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
