/*
 * auth_approle: logs in with a RoleID and a SecretID. What stands in the SecretID's place may be a wrapping token.
 */
#include "base/secmem.h"
#include "daemon/upstream/approle_wrapped.h"
#include "daemon/upstream/auth_internal.h"

enum { ROLE_ID, SECRET_ID }; /* the credentials */

struct approle {
	struct auth auth;
	/* opens the wrapping token in SECRET_ID; NULL: SECRET_ID is the SecretID itself */
	struct approle_wrapped *wrapped;
};

static const char *text_of(const struct approle *approle, size_t credential)
{
	return auth_credentials_text(&approle->auth.credentials, credential);
}

static void send_login(struct approle *approle, const char *secret_id)
{
	auth_send(&approle->auth,
	    (struct auth_member[]){ { "role_id", text_of(approle, ROLE_ID) }, { "secret_id", secret_id } });
}

static void on_opened(void *arg, enum auth_result result, const char *reason)
{
	struct approle *approle = arg;

	if (result != AUTH_OK) {
		auth_fail(&approle->auth, result, reason);
		return;
	}
	auth_tell_unwrapped(&approle->auth);
	send_login(approle, approle_wrapped_secret(approle->wrapped)->secret_id);
}

static void open_wrapped(struct approle *approle)
{
	const char *token = text_of(approle, SECRET_ID);
	const char *secret_id = unwrapped_secret_of(approle_wrapped_secret(approle->wrapped), token);

	if (secret_id != NULL)
		send_login(approle, secret_id);
	else if (!auth_is_token(token))
		auth_fail(&approle->auth, AUTH_CREDENTIAL,
		    "what should be a wrapping token holds characters that no token has");
	else if (approle_wrapped_open(approle->wrapped, token, approle->auth.node, approle->auth.deadline_ms,
		     on_opened, approle) < 0)
		auth_fail(&approle->auth, AUTH_FAILED, "out of memory");
}

static void approle_login(struct auth *auth)
{
	struct approle *approle = (struct approle *)auth;

	if (approle->wrapped != NULL)
		open_wrapped(approle);
	else
		send_login(approle, text_of(approle, SECRET_ID));
}

static void approle_free(struct auth *auth)
{
	struct approle *approle = (struct approle *)auth;

	approle_wrapped_free(approle->wrapped);
	secmem_free(approle);
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
	struct approle *approle = secmem_calloc(1, sizeof(*approle));
	struct auth_credentials *c;

	if (approle == NULL)
		return NULL;
	c = &approle->auth.credentials;
	if (auth_init(&approle->auth, base, api, options->mount, &approle_ops) < 0 ||
	    auth_credentials_add(c, options->role_id_file, options->role_id) < 0 ||
	    auth_credentials_add(c, options->secret_id_file, options->secret_id) < 0)
		goto fail;
	c->credential[ROLE_ID].is_role = true;
	c->credential[SECRET_ID].is_private = true;
	if (!options->secret_id_wrapped)
		return &approle->auth;
	approle->wrapped = approle_wrapped_new(api, options->mount);
	if (approle->wrapped == NULL)
		goto fail;
	approle->auth.unwrapped = approle_wrapped_secret(approle->wrapped);
	return &approle->auth;
fail:
	auth_free(&approle->auth);
	return NULL;
}
