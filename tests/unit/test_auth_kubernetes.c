/*
 * The Kubernetes login against an OpenBao that answers as told: what is sent, what each answer means, and token
 * files that are replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/auth_helper.h"

#define LOGIN "/v1/auth/kubernetes/login"
#define ERRORS(text) "{\"errors\":[\"" text "\"]}"

static char dir[] = "/tmp/test_auth_XXXXXX";
static char token_file[64];

static int global_setup(void **state)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(token_file, sizeof(token_file), "%s/token", dir);
	return fakebao_global_setup(state);
}

static int global_teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int teardown(void **state)
{
	unlink(token_file);
	return fakebao_teardown(state);
}

/* Makes a login. token is the content of the token file; NULL: there is no file. */
static struct auth *with_token(struct fakebao *f, const char *token)
{
	const struct auth_options options = { .mode = AUTH_MODE_KUBERNETES,
		.kubernetes = { .mount = "kubernetes", .role = "app", .token_file = token_file } };
	struct auth *auth = auth_new(f->base, f->api, &options);

	assert_non_null(auth);
	if (token != NULL)
		auth_helper_write(token_file, token);
	return auth;
}

static void test_a_login_sends_role_and_token(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = with_token(f, "ey.J.w\n");

	auth_helper_granted(f, auth, LOGIN);
	assert_string_equal(fakebao_body(f, LOGIN), "{\"role\":\"app\",\"jwt\":\"ey.J.w\"}");
	auth_free(auth);
}

static void test_the_mount_can_be_another(void **state)
{
	static const char name[] = "a \"role\"\xc3\xa9";
	struct auth_kubernetes_options options = { .mount = "team/k8s", .role = name, .token_file = token_file };
	struct fakebao *f = *state;
	struct auth *auth = auth_kubernetes_new(f->base, f->api, &options);

	auth_helper_write(token_file, "J");
	fakebao_grant(f, "/v1/auth/team/k8s/login", "T-1", 60, true);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_string_equal(fakebao_body(f, "/v1/auth/team/k8s/login"),
	    "{\"role\":\"a \\\"role\\\"\xc3\xa9\",\"jwt\":\"J\"}");
	auth_free(auth);
}

static void test_the_token_is_read_at_each_login(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = with_token(f, "J1");

	fakebao_grant(f, LOGIN, "T-1", 60, true);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	auth_helper_write(token_file, "J2");
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_string_equal(fakebao_body(f, LOGIN), "{\"role\":\"app\",\"jwt\":\"J2\"}");
	auth_free(auth);
}

static void test_each_answer_to_a_login_has_its_result(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum auth_result result;
		const char *why;
	} rows[] = {
		/* A refusal locks nothing out: the daemon goes on trying, and looks out for another token. */
		{ 403, FAKEBAO_DENIED, AUTH_CREDENTIAL, "Kubernetes does not accept" },
		{ 403, FAKEBAO_DENIED_WRAPPED, AUTH_CREDENTIAL, "Kubernetes does not accept" },
		{ 403, ERRORS("service account name not authorized"), AUTH_CREDENTIAL,
		    "not for this service account" },
		{ 403, ERRORS("invalid expiration time (exp) claim: token is expired"), AUTH_CREDENTIAL,
		    "expired" },
		/* The role may come to be there. */
		{ 400, ERRORS("invalid role name \\\"app\\\""), AUTH_FAILED, "does not know the configured role" },
		{ 400, ERRORS("missing jwt"), AUTH_FAILED, "did not accept" },
		{ 500, ERRORS("decoding failed"), AUTH_FAILED, "an error of its own" },
		{ 503, ERRORS("Vault is sealed"), AUTH_UNREACHABLE, "sealed" },
		{ 0, "", AUTH_UNREACHABLE, "broke" },
		{ 200, "{}", AUTH_FAILED, "does not hold" },
	};
	struct fakebao *f = *state;
	struct auth *auth = with_token(f, "JWT-CANARY");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth_ended e;

		fakebao_answer(f, LOGIN, rows[i].status, rows[i].body);
		e = auth_helper_login(f, auth);
		assert_int_equal(e.result, rows[i].result);
		assert_non_null(strstr(e.reason, rows[i].why));
		assert_null(strstr(e.reason, "CANARY"));
		assert_string_equal(e.token, "");
	}
	auth_free(auth);
}

static void test_a_token_that_cannot_be_read_is_not_sent(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = with_token(f, NULL);
	struct auth_ended e = auth_helper_login(f, auth);

	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, token_file));
	auth_helper_write(token_file, " \n");
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_CREDENTIAL);
	auth_helper_write(token_file, "CANARY\xff");
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_null(strstr(e.reason, "CANARY"));
	assert_int_equal(fakebao_count(f, LOGIN), 0);
	auth_free(auth);
}

static void test_white_space_before_a_token_is_not_sent(void **state)
{
	static const char *const tokens[] = { "\neyJ", " eyJ", "eyJ eyJ", "\xef\xbb\xbfJeyJ" };
	struct fakebao *f = *state;

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct auth *auth = with_token(f, tokens[i]);
		struct auth_ended e = auth_helper_login(f, auth);

		assert_int_equal(e.result, AUTH_CREDENTIAL);
		assert_non_null(strstr(e.reason, token_file));
		assert_null(strstr(e.reason, "eyJ"));
		auth_free(auth);
	}
	assert_int_equal(fakebao_count(f, LOGIN), 0);
}

static void test_a_replaced_token_counts_as_a_change_when_it_has_stood_still(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = with_token(f, "J1");

	fakebao_answer(f, LOGIN, 403, FAKEBAO_DENIED);
	auth_helper_login(f, auth);
	for (int i = 0; i < 3; i++)
		assert_false(auth_credential_changed(auth));
	auth_helper_write(token_file, "J2");
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	auth_helper_login(f, auth);
	for (int i = 0; i < 3; i++)
		assert_false(auth_credential_changed(auth));
	auth_free(auth);
}

static void test_freeing_ends_a_login_without_a_callback(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = with_token(f, "J");
	struct auth_ended e = { .times = 0 };

	fakebao_hold(f, LOGIN, true);
	auth_login(auth, clock_now_ms() + 5000, auth_helper_done, &e);
	fakebao_until(f, fakebao_count(f, LOGIN) == 1);
	assert_false(auth_credential_changed(auth));
	auth_free(auth);
	fakebao_hold(f, LOGIN, false);
	fakebao_pass(f, 50);
	assert_int_equal(e.times, 0);
}

#define WITH_FAKEBAO(test) cmocka_unit_test_setup_teardown(test, fakebao_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FAKEBAO(test_a_login_sends_role_and_token),
		WITH_FAKEBAO(test_the_mount_can_be_another),
		WITH_FAKEBAO(test_the_token_is_read_at_each_login),
		WITH_FAKEBAO(test_each_answer_to_a_login_has_its_result),
		WITH_FAKEBAO(test_a_token_that_cannot_be_read_is_not_sent),
		WITH_FAKEBAO(test_white_space_before_a_token_is_not_sent),
		WITH_FAKEBAO(test_a_replaced_token_counts_as_a_change_when_it_has_stood_still),
		WITH_FAKEBAO(test_freeing_ends_a_login_without_a_callback),
	};

	return cmocka_run_group_tests(tests, global_setup, global_teardown);
}
