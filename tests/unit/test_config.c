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
#define EXAMPLE "conf/secretstored.conf"

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
	contains(fixture_refused_whole("openbao: { address = []; };" FIXTURE_APPROLE), "(REQ-007, PX-0003)");
	starts_with(fixture_refused_whole("\nopenbao: {\naddress = \"\"; };" FIXTURE_APPROLE),
	    "3: openbao.address: ");
}

static void test_bao_addr_serves_only_where_no_address_is_configured(void **state)
{
	struct config *c;

	(void)state;
	setenv("BAO_ADDR", "https://from-environment:8200/", 1);
	c = fixture_load(FIXTURE_APPROLE);
	assert_int_equal(c->openbao.naddress, 1);
	assert_string_equal(c->openbao.address[0], "https://from-environment:8200");
	config_free(c);
	c = fixture_load("openbao: { address = \"\"; };" FIXTURE_APPROLE);
	assert_string_equal(c->openbao.address[0], "https://from-environment:8200");
	config_free(c);
	c = fixture_load(FIXTURE_GOOD);
	assert_int_equal(c->openbao.naddress, 1);
	assert_string_equal(c->openbao.address[0], "http://127.0.0.1:8200");
	config_free(c);
	assert_string_equal(getenv("BAO_ADDR"), "https://from-environment:8200/");
}

static void test_bao_addr_is_checked_as_the_setting_is(void **state)
{
	struct error error;

	(void)state;
	fixture_write(FIXTURE_APPROLE, strlen(FIXTURE_APPROLE));
	setenv("BAO_ADDR", "https://user:canary@host", 1);
	assert_null(config_load(fixture_file(), &error));
	starts_with(error.text, "BAO_ADDR: must ");
	assert_null(strstr(error.text, "canary"));
	setenv("BAO_ADDR", "https://canary\r\nX: y", 1);
	assert_null(config_load(fixture_file(), &error));
	starts_with(error.text, "BAO_ADDR: ");
	assert_null(strstr(error.text, "canary"));
	config_free(fixture_load(FIXTURE_GOOD));
}

static void test_a_role_id_is_needed(void **state)
{
	static const char text[] = FIXTURE_OPENBAO "approle: { secret_id_file = \"/s\"; };";
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
	static const char text[] = FIXTURE_OPENBAO "approle: { role_id = \"canary\"; };";
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

#define OPENBAO_KUBERNETES "openbao: { address = \"http://127.0.0.1:8200\"; auth = \"kubernetes\"; };\n"

static void test_a_kubernetes_login_needs_a_role_and_no_approle(void **state)
{
	static const char *const lacking[] = {
		"",
		"kubernetes: { };",
		"kubernetes: { role = \"\"; };",
		"kubernetes: { mount = \"k8s\"; };",
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
	contains(fixture_refused_whole(OPENBAO_KUBERNETES "kubernetes: { role = \"app\"; token_file = \"\"; };"),
	    "kubernetes.token_file: is needed (REQ-004, PX-0003)");
	c = fixture_load(OPENBAO_KUBERNETES "kubernetes: { role = \"app\"; };");
	assert_int_equal(c->openbao.auth, AUTH_MODE_KUBERNETES);
	assert_string_equal(c->kubernetes.role, "app");
	assert_null(c->approle.role_id);
	config_free(c);
}

static void test_settings_of_a_login_that_is_not_selected_are_allowed(void **state)
{
	struct config *c;

	(void)state;
	c = fixture_load(FIXTURE_GOOD "kubernetes: { role = \"app\"; token_file = \"/t\"; };");
	assert_int_equal(c->openbao.auth, AUTH_MODE_APPROLE);
	config_free(c);
	c = fixture_load(
	    OPENBAO_KUBERNETES "approle: { role_id = \"the-role\"; }; kubernetes: { role = \"app\"; };");
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
	c = fixture_load(FIXTURE_OPENBAO "approle: { role_id_file = \"/role\"; secret_id_file = \"/s\"; };");
	assert_null(c->approle.role_id);
	assert_string_equal(c->approle.role_id_file, "/role");
	config_free(c);
}

static void test_a_systemd_credential_comes_between_file_and_environment(void **state)
{
	static const char text[] = FIXTURE_OPENBAO "approle: { role_id = \"r\"; };";
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

	/* One that is there but cannot be opened is still the one that is meant. */
	unlink(path);
	assert_int_equal(symlink("secret_id", path), 0);
	setenv(SECRET, "env-secret", 1);
	c = fixture_load(text);
	assert_string_equal(c->approle.secret_id_file, path);
	config_free(c);
	unlink(path);
	rmdir(directory);
}

/* The bytes of the process's own environment, where a variable set by this test was put. */
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
	assert_null(config_load("/nonexistent", &error));
	assert_all_wiped(&p);
	plant(&p);
	p.role[strlen(p.role) - 1] = '\x01';
	assert_null(config_load("/nonexistent", &error));
	assert_string_equal(error.text, ROLE ": holds a control byte");
	assert_all_wiped(&p);
	environ = before;
}

static void test_no_error_quotes_a_credential(void **state)
{
	static const char *const texts[] = { "approle: { role_id = \"canary\" secret_id_file = };",
		"approle: { role_id = \"canary\"; role_id = \"x\"; };", "approle: { role_id = [\"canary\"]; };",
		"approle: { role_id = \"canary\\x00\"; };", "approle: { role_id = \"canary\\x01\"; };",
		"approle: { role_id = \"canary\\\\\"; };", "approle: { secret_id = \"canary\"; };",
		"approle: \"canary\";", "approle: { secret_id_wrapped = \"canary\"; };",
		"openbao: { token = \"canary\"; };", "openbao: { connect_timeout = \"canary\"; };",
		"listen: { mode = \"canary\"; };", "openbao: { namespace = \"canary//\"; };",
		"openbao: { server_name = \"canary!\"; };" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *error = fixture_refused_whole(texts[i]);

		if (strstr(error, "canary") != NULL)
			fail_msg("%s", error);
	}
}

static void test_the_role_id_of_the_file_is_taken_as_it_stands(void **state)
{
	struct config *c = fixture_load(
	    FIXTURE_OPENBAO "approle: { secret_id_file = \"/s\"; role_id: \"a b/*#\xc3\xa9\"; };");

	(void)state;
	assert_string_equal(c->approle.role_id, "a b/*#\xc3\xa9");
	config_free(c);
	assert_string_equal(fixture_refused_whole("approle: {\nrole_id = \"a\\\\b\"; };"),
	    "2: approle.role_id: cannot hold a backslash");
}

static char warnings[4000];

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	size_t used = strlen(warnings);
	va_list args;

	va_start(args, format);
	vsnprintf(warnings + used, sizeof(warnings) - used, format, args);
	va_end(args);
	strncat(warnings, "\n", sizeof(warnings) - strlen(warnings) - 1);
}

static const char *warnings_of(struct config *config)
{
	warnings[0] = '\0';
	config_warn(config, note);
	config_free(config);
	return warnings;
}

#define RULE "allow: { a: { uid = 0; ops = \"write\"; paths = \"secret/*\"; }; };"

static void test_nothing_doubtful_gives_no_warning(void **state)
{
	(void)state;
	assert_string_equal(warnings_of(fixture_accepted(RULE)), "");
	assert_string_equal(warnings_of(fixture_load(
				"openbao: { address = [\"https://a\", \"http://[::1]:8200\"];"
				" ca_file = \"/ca\"; };" FIXTURE_APPROLE RULE "listen: { mode = \"0666\"; };")),
	    "");
}

static void test_doubtful_settings_are_warned_of(void **state)
{
	const char *all;

	(void)state;
	assert_string_equal(warnings_of(fixture_load(FIXTURE_GOOD)),
	    "allow: there is no rule, so nobody may do anything but ping\n");
	all = warnings_of(
	    fixture_load("openbao: { address = [\"https://a\", \"http://canary:8200\"]; };" FIXTURE_APPROLE RULE));
	starts_with(all, "openbao.address: number 2 is http:// to another machine");
	assert_null(strstr(all, "canary"));
	starts_with(warnings_of(fixture_accepted(RULE "cache: { max_age = \"1m\"; serve_stale = \"1m\"; };")),
	    "cache.serve_stale: has no effect");
	starts_with(warnings_of(fixture_load(
			"openbao: { address = \"https://a\"; tls_skip_verify = true; };" FIXTURE_APPROLE RULE)),
	    "openbao.tls_skip_verify: ");
	starts_with(warnings_of(
			fixture_accepted(RULE "limits: { request_bytes = \"8M\"; bytes_per_uid = \"15M\"; };")),
	    "limits.bytes_per_uid: ");
	starts_with(warnings_of(fixture_load(
			"openbao: { address = \"http://localhost\"; ca_file = \"/ca\"; };" FIXTURE_APPROLE RULE)),
	    "openbao: settings for TLS have no effect");
}

static void test_doubtful_rules_are_warned_of(void **state)
{
	const char *all = warnings_of(fixture_accepted(
	    "allow: {\n"
	    "web: { uid = (65534, 0); ops = \"write\"; paths = [\"secret/web*\", \"secret/fine/*\"]; };\n"
	    "api: { uid = 0; ops = \"write\"; paths = \"secret/data/api/*\"; };\n"
	    "};"));

	(void)state;
	contains(all, "allow.web.uid: 65534 ");
	contains(all, "allow.web.paths: \"secret/web*\": ");
	contains(all, "allow.api.paths: \"secret/data/api/*\": ");
	assert_null(strstr(all, "fine"));
}

/* The text of a file in the source tree; the tests run at its root. */
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
	struct config *example, *defaults;
	struct error error = { .text = "" };
	const struct setting *table;
	size_t n;

	(void)state;
	setenv("BAO_ADDR", "http://127.0.0.1:8200", 1);
	setenv(ROLE, "r", 1);
	setenv(SECRET, "s", 1);
	example = config_load(EXAMPLE, &error);
	if (example == NULL)
		fail_msg("%s", error.text);
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

/* The first of the comment lines directly before the one that begins at at ("\n\tname"). */
static const char *comment_before(const char *text, const char *at)
{
	for (;;) {
		const char *line = at - 1;

		while (line > text && *line != '\n')
			line--;
		if (strncmp(line, "\n\t# ", 4) != 0)
			return at;
		at = line;
	}
}

/* Each setting stands in the example after a comment, which tells the range and the default where there is one. */
static void assert_documented(const char *text, const struct setting *setting)
{
	char line[128], block[3000], range[64];
	const char *group, *at, *from;

	snprintf(line, sizeof(line), "\n%s: {\n", setting->group);
	group = strstr(text, line);
	snprintf(line, sizeof(line), "\n\t%s = ", setting->name);
	at = group == NULL ? NULL : strstr(group, line);
	if (at == NULL || at > strstr(group, "\n};")) {
		fail_msg("%s.%s is not in the example", setting->group, setting->name);
		return;
	}
	from = comment_before(text, at);
	snprintf(block, sizeof(block), "%.*s", (int)(at - from), from);
	if (from == at)
		fail_msg("%s.%s has no comment", setting->group, setting->name);
	for (size_t i = 0; setting->choices != NULL && setting->choices[i] != NULL; i++) {
		snprintf(range, sizeof(range), "\"%s\"", setting->choices[i]);
		if (strstr(block, range) == NULL)
			fail_msg("the comment of %s.%s does not say %s", setting->group, setting->name, range);
	}
	if (setting->low == NULL)
		return;
	snprintf(range, sizeof(range), "%s to %s", setting->low, setting->high);
	if (strstr(block, range) == NULL)
		fail_msg("the comment of %s.%s does not say \"%s\"", setting->group, setting->name, range);
	snprintf(range, sizeof(range), "default %s", setting->initial);
	if (strstr(block, range) == NULL)
		fail_msg("the comment of %s.%s does not say \"%s\"", setting->group, setting->name, range);
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
		contains(text, op_name((enum op)op));
	free(text);
}

/* The rule shown as a comment is one that works when its # are taken away. */
static void test_the_rule_shown_in_the_example_works(void **state)
{
	char *text = read_source(EXAMPLE), *allow = strstr(text, "\nallow: {"), *user;
	struct config *c;

	(void)state;
	assert_non_null(allow);
	for (char *p = strchr(allow + 1, '\n'); p != NULL && strncmp(p, "\n};", 3) != 0; p = strchr(p + 1, '\n'))
		if (strncmp(p, "\n\t#\t", 4) == 0)
			p[2] = ' ';
	user = strstr(allow, "\"www-data\"");
	assert_non_null(user);
	memcpy(user, "\"root\"    ", 10);
	setenv("BAO_ADDR", "http://127.0.0.1:8200", 1);
	setenv(ROLE, "r", 1);
	setenv(SECRET, "s", 1);
	c = fixture_load(text);
	assert_true(c->rules.nrules > 0);
	assert_string_equal(warnings_of(c), "");
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
		TEST(test_the_rule_shown_in_the_example_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
