/*
 * login_helper: see the header.
 */
#include "tests/unit/login_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/upstream/auth.h"

struct login *login_helper_new(struct fakebao *f, bool revoke_on_stop)
{
	struct auth_approle_options options = { .mount = "approle",
		.role_id = "ROLE-CANARY",
		.secret_id = "SECRET-CANARY" };
	struct auth *auth = auth_approle_new(f->base, f->api, &options);
	struct login *login;

	assert_non_null(auth);
	login = login_new(f->base, f->api, auth, f->addresses, 1, revoke_on_stop);
	assert_non_null(login);
	fakebao_answer(f, FAKEBAO_REVOKE, 204, "");
	return login;
}

struct login *login_helper_serving(struct fakebao *f, unsigned lease_s, bool renewable)
{
	struct login *login = login_helper_new(f, true);

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", lease_s, renewable);
	login_start(login);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-1"));
	return login;
}

bool login_helper_has(struct login *login, const char *text)
{
	struct token *token = login_token(login);
	bool same = token == NULL || text == NULL ? token == NULL && text == NULL
						  : strcmp(token_text(token), text) == 0;

	if (token != NULL)
		token_release(token);
	return same;
}

struct login_status login_helper_status(const struct login *login)
{
	struct login_status status;

	login_status(login, &status);
	return status;
}

void waiter_ready(void *arg, const struct failure *why)
{
	struct waiter *w = arg;

	w->times++;
	w->code = why != NULL ? why->code : CODE_NONE;
	if (why != NULL)
		w->why = *why;
}

unsigned waiters_with(const struct waiter *waiters, size_t n, enum code code)
{
	unsigned with = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(waiters[i].times <= 1);
		with += waiters[i].times == 1 && waiters[i].code == code;
	}
	return with;
}
