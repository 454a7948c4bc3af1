/*
 * The AppRole login against an OpenBao that answers as told: what is sent, what each answer means, files that
 * change, and SecretIDs that come wrapped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/approle_wrapped.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/unwrapped_secret.h"
#include "tests/unit/auth_helper.h"
#include "tests/unit/fakebao.h"

#define CREATED_RIGHT "{\"data\":{\"creation_path\":\"auth/approle/role/r1/secret-id\"}}"
#define CREATED_WRONG "{\"data\":{\"creation_path\":\"sys/wrapping/wrap\"}}"
#define SECRET_INSIDE "{\"data\":{\"secret_id\":\"S-%u\"}}"

static char dir[] = "/tmp/test_auth_XXXXXX";
static char role_file[64], secret_file[64];

static int global_setup(void **state)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(role_file, sizeof(role_file), "%s/role", dir);
	snprintf(secret_file, sizeof(secret_file), "%s/secret", dir);
	return fakebao_global_setup(state);
}

static int remove_files(void)
{
	unlink(role_file);
	unlink(secret_file);
	return 0;
}

static int global_teardown(void **state)
{
	(void)state;
	remove_files();
	return rmdir(dir);
}

static int teardown(void **state)
{
	remove_files();
	return fakebao_teardown(state);
}

static struct auth *from_text(struct fakebao *f, const char *role_id, const char *secret_id)
{
	struct auth_approle_options options = { .mount = "approle", .role_id = role_id, .secret_id = secret_id };
	struct auth *auth = auth_approle_new(f->base, f->api, &options);

	assert_non_null(auth);
	return auth;
}

static struct auth *from_files(struct fakebao *f, const char *role_id, const char *secret_id)
{
	struct auth_approle_options options = { .mount = "approle",
		.role_id_file = role_file,
		.secret_id_file = secret_file };
	struct auth *auth = auth_approle_new(f->base, f->api, &options);

	assert_non_null(auth);
	if (role_id != NULL)
		auth_helper_write(role_file, role_id);
	if (secret_id != NULL)
		auth_helper_write(secret_file, secret_id);
	return auth;
}

static struct auth *from_wrapped(struct fakebao *f, const char *token)
{
	struct auth_approle_options options = { .mount = "approle",
		.role_id = "R",
		.secret_id_file = secret_file,
		.secret_id_wrapped = true };
	struct auth *auth = auth_approle_new(f->base, f->api, &options);

	assert_non_null(auth);
	auth_helper_write(secret_file, token);
	fakebao_answer(f, FAKEBAO_WRAPPING_LOOKUP, 200, CREATED_RIGHT);
	fakebao_answer(f, FAKEBAO_UNWRAP, 200, SECRET_INSIDE);
	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	return auth;
}

/* -- the login ----------------------------------------------------------------------------------------------- */

static void test_a_login_gives_token_and_lease(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "R", "S");

	auth_helper_granted(f, auth, FAKEBAO_LOGIN);
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN), "{\"role_id\":\"R\",\"secret_id\":\"S\"}");
	auth_free(auth);
}

static void test_the_mount_can_be_another(void **state)
{
	struct fakebao *f = *state;
	struct auth_approle_options options = { .mount = "team/app role", .role_id = "R", .secret_id = "S" };
	struct auth *auth = auth_approle_new(f->base, f->api, &options);

	fakebao_grant(f, "/v1/auth/team/app%20role/login", "T-1", 60, true);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	auth_free(auth);
}

static void test_credentials_are_escaped(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "a\"b\\c", "d\ne\xc3\xa9\x01");

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN),
	    "{\"role_id\":\"a\\\"b\\\\c\",\"secret_id\":\"d\\ne\xc3\xa9\\u0001\"}");
	auth_free(auth);
}

static void test_credentials_that_are_not_utf8_are_not_sent(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "R", "SECRET\xff");
	struct auth_ended e = auth_helper_login(f, auth);

	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_null(strstr(e.reason, "SECRET"));
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 0);
	auth_free(auth);
}

static void test_each_answer_to_a_login_has_its_result(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum auth_result result;
	} rows[] = {
		{ 400, FAKEBAO_REFUSED, AUTH_REJECTED },
		{ 403, FAKEBAO_DENIED, AUTH_DENIED },
		{ 403, FAKEBAO_DENIED_WRAPPED, AUTH_DENIED },
		{ 503, "{\"errors\":[\"Vault is sealed\"]}", AUTH_UNREACHABLE },
		{ 500, "{\"errors\":[\"local node not active but active cluster node not found\"]}",
		    AUTH_UNREACHABLE },
		{ 0, "", AUTH_UNREACHABLE },
		{ 200, "{\"auth\":{\"client_token\":\"\",\"lease_duration\":60,\"renewable\":true}}",
		    AUTH_FAILED },
		{ 200, "{}", AUTH_FAILED },
		{ 200, "{not JSON", AUTH_FAILED },
		{ 200, "<html>log in first</html>", AUTH_UNREACHABLE },
		{ 500, "{\"errors\":[\"something\"]}", AUTH_FAILED },
		{ 404, "{\"errors\":[]}", AUTH_FAILED },
	};
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "ROLE-CANARY", "SECRET-CANARY");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth_ended e;

		fakebao_answer(f, FAKEBAO_LOGIN, rows[i].status, rows[i].body);
		e = auth_helper_login(f, auth);
		assert_int_equal(e.result, rows[i].result);
		assert_string_not_equal(e.reason, "");
		assert_null(strstr(e.reason, "CANARY"));
		assert_string_equal(e.token, "");
	}
	auth_free(auth);
}

static void test_a_login_ends_by_its_deadline(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "R", "S");
	struct auth_ended e = { .times = 0 };
	uint64_t before = clock_now_ms();

	fakebao_hold(f, FAKEBAO_LOGIN, true);
	auth_login(auth, before + 200, auth_helper_done, &e);
	fakebao_until(f, e.times > 0);
	assert_int_equal(e.result, AUTH_UNREACHABLE);
	assert_in_range(clock_now_ms() - before, 200, 2000);
	auth_free(auth);
}

static void test_freeing_ends_a_login_without_a_callback(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "R", "S");
	struct auth_ended e = { .times = 0 };

	fakebao_hold(f, FAKEBAO_LOGIN, true);
	auth_login(auth, clock_now_ms() + 5000, auth_helper_done, &e);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 1);
	auth_free(auth);
	/* This login's failure is known, but was not told yet. */
	auth = from_files(f, NULL, NULL);
	auth_login(auth, clock_now_ms() + 5000, auth_helper_done, &e);
	auth_free(auth);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_pass(f, 50);
	assert_int_equal(e.times, 0);
}

/* -- files --------------------------------------------------------------------------------------------------- */

static void test_files_are_read_at_each_login(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R1\n", "S1\n");

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN), "{\"role_id\":\"R1\",\"secret_id\":\"S1\"}");
	auth_helper_write(role_file, "R2");
	auth_helper_write(secret_file, "S2");
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN), "{\"role_id\":\"R2\",\"secret_id\":\"S2\"}");
	auth_free(auth);
}

static void test_a_missing_file_is_named(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R", NULL);
	struct auth_ended e = auth_helper_login(f, auth);

	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, secret_file));
	assert_non_null(strstr(e.reason, "No such file"));
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 0);
	auth_free(auth);
}

static void test_a_byte_order_mark_is_not_sent(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R", "\xef\xbb\xbfS");
	struct auth_ended e = auth_helper_login(f, auth);

	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, secret_file));
	assert_non_null(strstr(e.reason, "byte order mark"));
	auth_free(auth);
	auth = from_text(f, "R", "\xef\xbb\xbfS");
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, "byte order mark"));
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 0);
	auth_free(auth);
}

static void test_a_fifo_is_no_credential_and_does_not_block(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R", NULL);
	struct auth_ended e;

	assert_int_equal(mkfifo(secret_file, 0600), 0);
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, "not a regular file"));
	assert_false(auth_credential_changed(auth));
	assert_false(auth_credential_changed(auth));
	auth_free(auth);
}

static void test_a_change_counts_when_it_has_stood_still(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R", "S1");

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_REJECTED);
	for (int i = 0; i < 3; i++)
		assert_false(auth_credential_changed(auth));
	auth_helper_write(secret_file, "S2-ha");
	assert_false(auth_credential_changed(auth));
	auth_helper_write(secret_file, "S2-half and half");
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	/* The refused one is put back, and is not tried again. */
	auth_helper_write(secret_file, "S1\n");
	for (int i = 0; i < 3; i++)
		assert_false(auth_credential_changed(auth));
	auth_free(auth);
}

static void test_a_new_role_id_counts_as_a_change(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R1", "S");

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	auth_helper_login(f, auth);
	auth_helper_write(role_file, "R2");
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	auth_free(auth);
}

static void test_a_file_that_appears_counts_as_a_change(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R", NULL);

	auth_helper_login(f, auth);
	assert_false(auth_credential_changed(auth));
	assert_false(auth_credential_changed(auth));
	auth_helper_write(secret_file, "S");
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	/* When the file is gone, the next one has to stay the same for a while again. */
	unlink(secret_file);
	assert_false(auth_credential_changed(auth));
	auth_helper_write(secret_file, "S");
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	auth_free(auth);
}

static void test_a_change_has_to_stand_still_after_the_login(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R", "S2");

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	assert_false(auth_credential_changed(auth));
	auth_helper_write(secret_file, "S1");
	auth_helper_login(f, auth);
	auth_helper_write(secret_file, "S2");
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	auth_free(auth);
}

static void test_a_file_that_is_back_counts_as_a_change(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_files(f, "R", "S");

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	unlink(secret_file);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_CREDENTIAL);
	auth_helper_write(secret_file, "S");
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	auth_free(auth);
}

static void test_texts_never_change(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "R", "S");

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	auth_helper_login(f, auth);
	for (int i = 0; i < 3; i++)
		assert_false(auth_credential_changed(auth));
	auth_free(auth);
}

/* -- wrapped SecretIDs --------------------------------------------------------------------------------------- */

static void test_a_wrapped_secret_id_is_looked_at_opened_and_used(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1\n");

	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_string_equal(fakebao_token(f, FAKEBAO_WRAPPING_LOOKUP), "W-1");
	assert_string_equal(fakebao_token(f, FAKEBAO_UNWRAP), "W-1");
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN), "{\"role_id\":\"R\",\"secret_id\":\"S-1\"}");
	auth_free(auth);
}

static void test_the_same_wrapping_token_is_opened_once(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");

	for (int i = 0; i < 3; i++)
		assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_int_equal(fakebao_count(f, FAKEBAO_WRAPPING_LOOKUP), 1);
	assert_int_equal(fakebao_count(f, FAKEBAO_UNWRAP), 1);
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN), "{\"role_id\":\"R\",\"secret_id\":\"S-1\"}");
	auth_helper_write(secret_file, "W-2");
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_int_equal(fakebao_count(f, FAKEBAO_UNWRAP), 2);
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN), "{\"role_id\":\"R\",\"secret_id\":\"S-2\"}");
	auth_free(auth);
}

static void test_a_wrapping_token_made_elsewhere_is_not_opened(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-CANARY");
	struct auth_ended e;

	fakebao_answer(f, FAKEBAO_WRAPPING_LOOKUP, 200, CREATED_WRONG);
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, "was not made for a SecretID"));
	assert_null(strstr(e.reason, "CANARY"));
	assert_int_equal(fakebao_count(f, FAKEBAO_UNWRAP), 0);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 0);
	auth_free(auth);
}

static void test_a_used_up_wrapping_token_says_that_somebody_else_may_have_it(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");
	struct auth_ended e;

	fakebao_answer(f, FAKEBAO_WRAPPING_LOOKUP, 400, FAKEBAO_WRAPPING_GONE);
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, "somebody else may have done so"));
	/* The token may also be used up between the lookup and the unwrapping. */
	fakebao_answer(f, FAKEBAO_WRAPPING_LOOKUP, 200, CREATED_RIGHT);
	fakebao_answer(f, FAKEBAO_UNWRAP, 400, FAKEBAO_WRAPPING_GONE);
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, "somebody else may have done so"));
	auth_free(auth);
}

static void test_an_opening_whose_answer_was_lost_says_so_when_it_is_used_up(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");
	struct auth_ended e;

	fakebao_answer(f, FAKEBAO_UNWRAP, 0, "");
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_UNREACHABLE);
	assert_int_equal(fakebao_count(f, FAKEBAO_UNWRAP), 1);
	fakebao_answer(f, FAKEBAO_WRAPPING_LOOKUP, 400, FAKEBAO_WRAPPING_GONE);
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_CREDENTIAL);
	assert_non_null(strstr(e.reason, "perhaps by this daemon"));
	/* Another token does not get that message. */
	auth_helper_write(secret_file, "W-2");
	e = auth_helper_login(f, auth);
	assert_non_null(strstr(e.reason, "somebody else may have done so"));
	auth_free(auth);
}

static void test_an_opening_that_was_lost_on_the_way_there_is_made_again(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");

	fakebao_answer(f, FAKEBAO_UNWRAP, 503, "{\"errors\":[\"Vault is sealed\"]}");
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_UNREACHABLE);
	fakebao_answer(f, FAKEBAO_UNWRAP, 200, SECRET_INSIDE);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	auth_free(auth);
}

static void test_a_look_without_an_answer_leaves_the_token_alone(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");

	fakebao_answer(f, FAKEBAO_WRAPPING_LOOKUP, 0, "");
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_UNREACHABLE);
	fakebao_answer(f, FAKEBAO_WRAPPING_LOOKUP, 403, FAKEBAO_DENIED);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_FAILED);
	assert_int_equal(fakebao_count(f, FAKEBAO_UNWRAP), 0);
	auth_free(auth);
}

static void test_a_wrapping_token_without_a_secret_id_inside_is_no_credential(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");

	fakebao_answer(f, FAKEBAO_UNWRAP, 200, "{\"data\":{\"other\":1}}");
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_CREDENTIAL);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 0);
	auth_free(auth);
}

static void test_what_cannot_be_a_wrapping_token_is_not_sent(void **state)
{
	static const char *const contents[] = { "W-1\nX-Vault-Token: W-2", "W 1", "W\x7f", "W\xc3\xa9" };
	struct fakebao *f = *state;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		struct auth *auth = from_wrapped(f, contents[i]);

		assert_int_equal(auth_helper_login(f, auth).result, AUTH_CREDENTIAL);
		assert_int_equal(fakebao_count(f, FAKEBAO_WRAPPING_LOOKUP), 0);
		auth_free(auth);
	}
}

static void test_freeing_ends_an_opening(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");
	struct auth_ended e = { .times = 0 };

	fakebao_hold(f, FAKEBAO_UNWRAP, true);
	auth_login(auth, clock_now_ms() + 5000, auth_helper_done, &e);
	fakebao_until(f, fakebao_count(f, FAKEBAO_UNWRAP) == 1);
	auth_free(auth);
	fakebao_hold(f, FAKEBAO_UNWRAP, false);
	fakebao_pass(f, 50);
	assert_int_equal(e.times, 0);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 0);
}

static void test_looking_for_changes_does_not_disturb_a_login(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1");
	struct auth_ended e = { .times = 0 };

	fakebao_hold(f, FAKEBAO_UNWRAP, true);
	auth_login(auth, clock_now_ms() + 5000, auth_helper_done, &e);
	fakebao_until(f, fakebao_count(f, FAKEBAO_UNWRAP) == 1);
	auth_helper_write(secret_file, "W-2");
	for (int i = 0; i < 3; i++)
		assert_false(auth_credential_changed(auth));
	fakebao_hold(f, FAKEBAO_UNWRAP, false);
	fakebao_until(f, e.times == 1);
	assert_int_equal(e.result, AUTH_OK);
	assert_false(auth_credential_changed(auth));
	assert_true(auth_credential_changed(auth));
	auth_free(auth);
}

/* -- what outlives a login ----------------------------------------------------------------------------------- */

static void note_kept(void *arg, const struct unwrapped_secret *kept)
{
	assert_int_equal(unwrapped_secret_copy(arg, kept), 0);
}

static void test_what_was_unwrapped_is_told_and_serves_another_login(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_wrapped(f, "W-1"), *next;
	struct unwrapped_secret kept = { .secret_id = NULL };

	assert_null(auth_unwrapped(auth));
	auth_on_unwrapped(auth, note_kept, &kept);
	assert_int_equal(auth_helper_login(f, auth).result, AUTH_OK);
	assert_non_null(unwrapped_secret_of(&kept, "W-1"));
	assert_non_null(auth_unwrapped(auth));
	auth_free(auth);

	next = from_wrapped(f, "W-1");
	assert_true(auth_set_unwrapped(next, &kept));
	assert_int_equal(auth_helper_login(f, next).result, AUTH_OK);
	assert_non_null(strstr(fakebao_body(f, FAKEBAO_LOGIN), kept.secret_id));
	assert_int_equal(fakebao_count(f, FAKEBAO_UNWRAP), 1);
	auth_helper_write(secret_file, "W-2");
	assert_int_equal(auth_helper_login(f, next).result, AUTH_OK);
	assert_int_equal(fakebao_count(f, FAKEBAO_UNWRAP), 2);
	assert_null(unwrapped_secret_of(auth_unwrapped(next), "W-1"));
	assert_non_null(unwrapped_secret_of(auth_unwrapped(next), "W-2"));
	auth_free(next);
	unwrapped_secret_clear(&kept);
}

static void test_a_plain_secret_id_has_nothing_to_keep(void **state)
{
	struct fakebao *f = *state;
	struct auth *auth = from_text(f, "R", "S");
	struct unwrapped_secret kept = { .secret_id = NULL };

	assert_int_equal(unwrapped_secret_set(&kept, "S", "S-1"), 0);
	assert_false(auth_set_unwrapped(auth, &kept));
	assert_null(auth_unwrapped(auth));
	auth_free(auth);
	unwrapped_secret_clear(&kept);
}

static void test_only_the_secret_id_endpoint_of_the_mount_makes_good_wrapping_tokens(void **state)
{
	static const char *const wrong[] = {
		"",
		"auth/approle/role/r1/secret-id/",
		"auth/approle/role/r1/custom-secret-id",
		"auth/approle/role//secret-id",
		"auth/approle/role/a/b/secret-id",
		"auth/approle/role/secret-id",
		"auth/approle/login",
		"sys/wrapping/wrap",
		"auth/approle2/role/r1/secret-id",
		"auth/elorppa/role/r1/secret-id",
		"auth/team/approle/role/r1/secret-id",
		"ns1/auth/approle/role/r1/secret-id",
		"/auth/approle/role/r1/secret-id",
		"auth/approle/role/r1/role-id",
		"auth/approle",
		"cubbyhole/auth/approle/role/r1/secret-id",
	};

	(void)state;
	assert_true(approle_wrapped_path_ok("auth/approle/role/r1/secret-id", "approle"));
	assert_true(approle_wrapped_path_ok("auth/team/approle/role/r 1/secret-id", "team/approle"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(approle_wrapped_path_ok(wrong[i], "approle"));
}

#define WITH_FAKEBAO(test) cmocka_unit_test_setup_teardown(test, fakebao_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FAKEBAO(test_a_login_gives_token_and_lease),
		WITH_FAKEBAO(test_the_mount_can_be_another),
		WITH_FAKEBAO(test_credentials_are_escaped),
		WITH_FAKEBAO(test_credentials_that_are_not_utf8_are_not_sent),
		WITH_FAKEBAO(test_each_answer_to_a_login_has_its_result),
		WITH_FAKEBAO(test_a_login_ends_by_its_deadline),
		WITH_FAKEBAO(test_freeing_ends_a_login_without_a_callback),
		WITH_FAKEBAO(test_files_are_read_at_each_login),
		WITH_FAKEBAO(test_a_missing_file_is_named),
		WITH_FAKEBAO(test_a_byte_order_mark_is_not_sent),
		WITH_FAKEBAO(test_a_fifo_is_no_credential_and_does_not_block),
		WITH_FAKEBAO(test_a_change_counts_when_it_has_stood_still),
		WITH_FAKEBAO(test_a_new_role_id_counts_as_a_change),
		WITH_FAKEBAO(test_a_file_that_appears_counts_as_a_change),
		WITH_FAKEBAO(test_a_change_has_to_stand_still_after_the_login),
		WITH_FAKEBAO(test_a_file_that_is_back_counts_as_a_change),
		WITH_FAKEBAO(test_texts_never_change),
		WITH_FAKEBAO(test_a_wrapped_secret_id_is_looked_at_opened_and_used),
		WITH_FAKEBAO(test_the_same_wrapping_token_is_opened_once),
		WITH_FAKEBAO(test_a_wrapping_token_made_elsewhere_is_not_opened),
		WITH_FAKEBAO(test_a_used_up_wrapping_token_says_that_somebody_else_may_have_it),
		WITH_FAKEBAO(test_an_opening_whose_answer_was_lost_says_so_when_it_is_used_up),
		WITH_FAKEBAO(test_an_opening_that_was_lost_on_the_way_there_is_made_again),
		WITH_FAKEBAO(test_a_look_without_an_answer_leaves_the_token_alone),
		WITH_FAKEBAO(test_a_wrapping_token_without_a_secret_id_inside_is_no_credential),
		WITH_FAKEBAO(test_what_cannot_be_a_wrapping_token_is_not_sent),
		WITH_FAKEBAO(test_freeing_ends_an_opening),
		WITH_FAKEBAO(test_looking_for_changes_does_not_disturb_a_login),
		WITH_FAKEBAO(test_what_was_unwrapped_is_told_and_serves_another_login),
		WITH_FAKEBAO(test_a_plain_secret_id_has_nothing_to_keep),
		cmocka_unit_test(test_only_the_secret_id_endpoint_of_the_mount_makes_good_wrapping_tokens),
	};

	return cmocka_run_group_tests(tests, global_setup, global_teardown);
}
