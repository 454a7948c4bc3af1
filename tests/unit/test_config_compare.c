/*
 * Two configurations side by side: whether they mean the same OpenBao, what takes a restart; and one loaded again.
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

#define ADDRESS "address: http://127.0.0.1:8200"
#define APPROLE "role_id: the-role, secret_id_file: /run/secret_id"

static struct config *with(const char *openbao, const char *approle, const char *rest)
{
	struct config *config;
	char *text;

	assert_true(asprintf(&text, "openbao: { %s }\napprole: { %s }\n%s", openbao, approle, rest) > 0);
	config = fixture_load(text);
	free(text);
	return config;
}

static void expect_same(bool same, const char *openbao, const char *approle, const char *rest)
{
	struct config *a = with(ADDRESS, APPROLE, ""), *b = with(openbao, approle, rest);

	if (config_same_openbao(a, b) != same || config_same_openbao(b, a) != same)
		fail_msg("%s%s%s: taken for %s", openbao, approle, rest, same ? "another" : "the same");
	config_free(a);
	config_free(b);
}

static void test_settings_of_openbao_and_of_logins_make_another_openbao(void **state)
{
	static const char *const openbao[] = { "address: http://127.0.0.1:8201",
		"address: [http://127.0.0.1:8200, http://127.0.0.1:8201]", ADDRESS ", namespace: a",
		ADDRESS ", ca_file: /ca", ADDRESS ", client_cert_file: /cert, client_key_file: /key",
		ADDRESS ", server_name: bao", ADDRESS ", tls_skip_verify: true", ADDRESS ", connect_timeout: 4s",
		ADDRESS ", revoke_on_stop: false" };
	static const char *const approle[] = { "role_id: another, secret_id_file: /run/secret_id",
		"role_id_file: /run/role_id, secret_id_file: /run/secret_id",
		"role_id: the-role, secret_id_file: /run/another", APPROLE ", mount: another",
		APPROLE ", secret_id_wrapped: true" };

	(void)state;
	for (size_t i = 0; i < sizeof(openbao) / sizeof(*openbao); i++)
		expect_same(false, openbao[i], APPROLE, "");
	for (size_t i = 0; i < sizeof(approle) / sizeof(*approle); i++)
		expect_same(false, ADDRESS, approle[i], "");
	expect_same(false, ADDRESS ", auth: kubernetes", APPROLE, "kubernetes: { role: web }");
}

static void test_all_others_leave_it_the_same(void **state)
{
	(void)state;
	expect_same(true, ADDRESS, APPROLE, "");
	expect_same(true, ADDRESS ", request_timeout: 1s", APPROLE, "");
	expect_same(true, ADDRESS, APPROLE, "limits: { connections: 5 }\nlisten: { mode: 0600 }");
	expect_same(true, ADDRESS, APPROLE, "allow: { a: { uid: 1, ops: status } }");
	/* Two ways to write the same values make no difference. */
	expect_same(true, "address: [\"http://127.0.0.1:8200/\"], connect_timeout: '3s', tls_skip_verify: false",
	    "secret_id_file: '/run/secret_id',\n  mount: \"approle\",\n  role_id: \"the-role\"", "");
}

static char warned[400];

static void __attribute__((format(printf, 1, 2))) warn(const char *format, ...)
{
	size_t n = strlen(warned);
	va_list args;

	va_start(args, format);
	vsnprintf(warned + n, sizeof(warned) - n, format, args);
	va_end(args);
}

static void test_what_takes_a_restart_is_named(void **state)
{
	struct config *a = with(ADDRESS, APPROLE, "listen: { mode: 0660, group: root }");
	struct config *b = with(ADDRESS, APPROLE,
	    "limits: { connections: 5 }\nlisten: { mode: 0666 }\n"
	    "log: { level: debug }\naudit: { level: all, sink: stderr }\n");

	(void)state;
	warned[0] = '\0';
	config_warn_of_restart(a, a, warn);
	assert_string_equal(warned, "");
	config_warn_of_restart(a, b, warn);
	assert_non_null(strstr(warned, "listen.mode: "));
	assert_non_null(strstr(warned, "listen.group: "));
	assert_null(strstr(warned, "listen.socket"));
	assert_null(strstr(warned, "limits"));
	assert_null(strstr(warned, "log"));
	assert_non_null(strstr(warned, "audit.sink: "));
	assert_null(strstr(warned, "audit.level"));
	config_free(a);
	config_free(b);
}

static struct config *again(const struct config *before, const char *text)
{
	struct error error = { "" };
	unsigned again_ms = 1;
	struct config *config;

	fixture_write(text, strlen(text));
	config = config_load_again(fixture_file(), before, &again_ms, &error);
	if (config == NULL)
		assert_true(strlen(error.text) > 0);
	assert_int_equal(again_ms, 0);
	return config;
}

static void test_what_the_environment_gave_is_there_when_loaded_again(void **state)
{
	struct config *a, *b, *c;

	(void)state;
	setenv("OPENBAO_APPROLE_ROLE_ID", "role-of-environment", 1);
	setenv("OPENBAO_APPROLE_SECRET_ID", "secret-of-environment", 1);
	a = fixture_load(FIXTURE_OPENBAO);
	assert_null(getenv("OPENBAO_APPROLE_SECRET_ID"));
	b = again(a, FIXTURE_OPENBAO);
	assert_non_null(b);
	assert_true(config_same_openbao(a, b));
	config_free(a);
	c = again(b, FIXTURE_OPENBAO "limits: { connections: 5 }");
	assert_non_null(c);
	assert_string_equal(c->approle.role_id, "role-of-environment");
	assert_string_equal(c->approle.secret_id, "secret-of-environment");
	config_free(b);
	config_free(c);
}

static void test_a_role_of_the_file_that_has_gone_is_missing(void **state)
{
	struct config *a = fixture_load(FIXTURE_GOOD);

	(void)state;
	assert_null(again(a, FIXTURE_OPENBAO "approle: { secret_id_file: /run/secret_id }"));
	config_free(a);
}

static void test_the_last_who_holds_it_frees_it(void **state)
{
	struct config *a = fixture_load(FIXTURE_GOOD);

	(void)state;
	assert_ptr_equal(config_hold(a), a);
	config_free(a);
	assert_string_equal(a->approle.role_id, "the-role");
	config_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_settings_of_openbao_and_of_logins_make_another_openbao,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_all_others_leave_it_the_same, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_takes_a_restart_is_named, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_the_environment_gave_is_there_when_loaded_again,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_a_role_of_the_file_that_has_gone_is_missing, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(test_the_last_who_holds_it_frees_it, fixture_setup,
		    fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
