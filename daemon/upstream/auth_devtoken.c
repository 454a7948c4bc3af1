/*
 * auth_devtoken: "logs in" with the token that is in a file. It is for developers, and compiled only with
 * DEV_TOKEN=1.
 */
#include "base/secmem.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth_internal.h"

/* A policy may deny a live token to look itself up. It is then taken for one that does not expire. */
static void on_devtoken_lookup(void *arg, const struct control *control)
{
	struct auth *auth = arg;
	struct buf token;

	auth->call = NULL;
	if (control->result != CONTROL_OK && control->result != CONTROL_DENIED_WRAPPED) {
		auth_fail_control(auth, control);
		return;
	}
	buf_init(&token, 0);
	buf_move(&token, &auth->credentials.credential[0].read);
	auth_ok(auth, (const char *)buf_data(&token), control->lease_ms, control->renewable, false);
	buf_free(&token);
}

static void devtoken_login(struct auth *auth)
{
	const char *token = auth_credentials_text(&auth->credentials, 0);

	if (!auth_is_token(token)) {
		auth_fail(auth, AUTH_CREDENTIAL, "what should be a token holds characters that no token has");
		return;
	}
	auth->call = api_ask_control(auth->api, API_LOOKUP_SELF,
	    &(struct api_request){ .token = token, .deadline_ms = auth->deadline_ms }, on_devtoken_lookup, auth);
	if (auth->call == NULL)
		auth_fail(auth, AUTH_FAILED, "out of memory");
}

static void devtoken_free(struct auth *auth)
{
	secmem_free(auth);
}

static const struct auth_ops devtoken_ops = {
	.login = devtoken_login,
	.free = devtoken_free,
	.borrowed = true,
	.denied = AUTH_CREDENTIAL,
	.denied_reason = "OpenBao does not know the token",
};

struct auth *auth_devtoken_new(struct event_base *base, struct api *api,
    const struct auth_devtoken_options *options)
{
	struct auth *auth = secmem_calloc(1, sizeof(*auth));

	if (auth == NULL)
		return NULL;
	if (auth_init(auth, base, api, NULL, &devtoken_ops) == 0 &&
	    auth_credentials_add(&auth->credentials, options->token_file, NULL) == 0)
		return auth;
	auth_free(auth);
	return NULL;
}
