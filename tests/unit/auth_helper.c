/*
 * auth_helper: see the header.
 */
#include "tests/unit/auth_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"

void auth_helper_write(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

void auth_helper_done(void *arg, const struct auth_reply *reply)
{
	struct auth_ended *e = arg;

	assert_false(e->inside);
	e->times++;
	e->result = reply->result;
	snprintf(e->token, sizeof(e->token), "%s", reply->client_token != NULL ? reply->client_token : "");
	snprintf(e->reason, sizeof(e->reason), "%s", reply->reason != NULL ? reply->reason : "");
	e->lease_ms = reply->lease_ms;
	e->renewable = reply->renewable;
	e->irrevocable = reply->irrevocable;
	e->doubtful = reply->doubtful;
}

struct auth_ended auth_helper_login(struct fakebao *f, struct auth *auth)
{
	struct auth_ended e = { .inside = true };

	auth_login(auth, clock_now_ms() + 5000, auth_helper_done, &e);
	e.inside = false;
	fakebao_until(f, e.times > 0);
	fakebao_pass(f, 10);
	assert_int_equal(e.times, 1);
	return e;
}

void auth_helper_granted(struct fakebao *f, struct auth *auth, const char *path)
{
	struct auth_ended e;

	fakebao_grant(f, path, "T-1", 60, true);
	e = auth_helper_login(f, auth);
	assert_int_equal(e.result, AUTH_OK);
	assert_string_equal(e.token, "T-1");
	assert_true(e.lease_ms == 60000);
	assert_true(e.renewable);
	assert_false(e.irrevocable);
	assert_string_equal(fakebao_token(f, path), "");
}
