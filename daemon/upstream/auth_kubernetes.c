/*
 * auth_kubernetes: logs in with a role's name and the token of a Kubernetes service account. The token's file is
 * read at each login, since Kubernetes replaces it long before the token in it expires.
 */
#include "base/secmem.h"
#include "daemon/upstream/auth_internal.h"

struct kubernetes {
	struct auth auth; /* its one credential is the token */
	char *role;
};

static void kubernetes_login(struct auth *auth)
{
	const struct kubernetes *kubernetes = (const struct kubernetes *)auth;
	const char *token = auth_credentials_text(&auth->credentials, 0);
	struct error why;

	if (!auth_is_token(token)) {
		error_set(&why, "%.300s: holds what no token has, such as white space at its beginning",
		    auth->credentials.credential[0].file);
		auth_fail(auth, AUTH_CREDENTIAL, why.text);
		return;
	}
	auth_send(auth, (struct auth_member[]){ { "role", kubernetes->role }, { "jwt", token } });
}

static void kubernetes_free(struct auth *auth)
{
	struct kubernetes *kubernetes = (struct kubernetes *)auth;

	secmem_free(kubernetes->role);
	secmem_free(kubernetes);
}

/*
 * The Kubernetes method locks nobody out, and also answers with 403 when it cannot ask Kubernetes about the token.
 * So the login is tried again as after other failures, and at once when there is another token.
 */
static const struct auth_ops kubernetes_ops = {
	.login = kubernetes_login,
	.free = kubernetes_free,
	.denied = AUTH_CREDENTIAL,
	.denied_reason =
	    "OpenBao denied the login: Kubernetes does not accept the service account's token or cannot "
	    "be asked by OpenBao, or there is no such auth mount",
};

struct auth *auth_kubernetes_new(struct event_base *base, struct api *api,
    const struct auth_kubernetes_options *options)
{
	struct kubernetes *kubernetes = secmem_calloc(1, sizeof(*kubernetes));

	if (kubernetes == NULL)
		return NULL;
	if (auth_init(&kubernetes->auth, base, api, options->mount, &kubernetes_ops) == 0 &&
	    auth_credentials_add(&kubernetes->auth.credentials, options->token_file, NULL) == 0 &&
	    (kubernetes->role = secmem_strdup(options->role)) != NULL)
		return &kubernetes->auth;
	auth_free(&kubernetes->auth);
	return NULL;
}
