/*
 * auth_approle: the login with a RoleID and a SecretID, which may come inside a wrapping token.
 */
#include "base/secmem.h"
#include "daemon/upstream/approle_wrapped.h"
#include "daemon/upstream/auth_internal.h"

enum { ROLE_ID, SECRET_ID }; /* the credentials */

struct approle {
	struct auth auth;
	struct approle_wrapped *wrapped; /* SECRET_ID gives a wrapping token; NULL: the SecretID itself */
};

static const char *text_of(const struct approle *a, size_t credential)
{
	return auth_credentials_text(&a->auth.credentials, credential);
}

static void send_login(struct approle *a, const char *secret_id)
{
	auth_send(&a->auth,
	    (struct auth_member[]){ { "role_id", text_of(a, ROLE_ID) }, { "secret_id", secret_id } });
}

static void on_opened(void *arg, enum auth_result result, const char *reason)
{
	struct approle *a = arg;

	if (result != AUTH_OK) {
		auth_fail(&a->auth, result, reason);
		return;
	}
	auth_has_unwrapped(&a->auth);
	send_login(a, approle_wrapped_secret(a->wrapped)->secret_id);
}

static void open_wrapped(struct approle *a)
{
	const char *token = text_of(a, SECRET_ID);
	const char *kept = unwrapped_secret_of(approle_wrapped_secret(a->wrapped), token);

	if (kept != NULL)
		send_login(a, kept);
	else if (!auth_is_token(token))
		auth_fail(&a->auth, AUTH_CREDENTIAL,
		    "what should be a wrapping token holds characters that no token has");
	else if (approle_wrapped_open(a->wrapped, token, a->auth.node, a->auth.deadline_ms, on_opened, a) < 0)
		auth_fail(&a->auth, AUTH_FAILED, "out of memory");
}

static void approle_login(struct auth *auth)
{
	struct approle *a = (struct approle *)auth;

	if (a->wrapped != NULL)
		open_wrapped(a);
	else
		send_login(a, text_of(a, SECRET_ID));
}

static void approle_free(struct auth *auth)
{
	struct approle *a = (struct approle *)auth;

	approle_wrapped_free(a->wrapped);
	secmem_free(a);
}

static const struct auth_ops approle_ops = {
	.login = approle_login,
	.free = approle_free,
	.denied = AUTH_DENIED,
	.denied_reason =
	    "OpenBao denied the login: there is no such auth mount, or the role is locked after refused logins",
};

struct auth *auth_approle_new(struct event_base *base, struct api *api, const struct auth_approle_options *options)
{
	struct approle *a = secmem_calloc(1, sizeof(*a));
	struct auth_credentials *c;

	if (a == NULL)
		return NULL;
	c = &a->auth.credentials;
	if (auth_init(&a->auth, base, api, options->mount, &approle_ops) < 0 ||
	    auth_credentials_add(c, options->role_id_file, options->role_id) < 0 ||
	    auth_credentials_add(c, options->secret_id_file, options->secret_id) < 0)
		goto fail;
	c->credential[SECRET_ID].is_private = true;
	if (!options->secret_id_wrapped)
		return &a->auth;
	a->wrapped = approle_wrapped_new(api, options->mount);
	if (a->wrapped == NULL)
		goto fail;
	a->auth.kept = approle_wrapped_secret(a->wrapped);
	return &a->auth;
fail:
	auth_free(&a->auth);
	return NULL;
}
