/*
 * approle_wrapped: asks sys/wrapping/lookup first, then sys/wrapping/unwrap. So it notices if somebody has taken
 * the token: a token of their own in its place was not made by the AppRole method, and the true one is used up.
 */
#include "daemon/upstream/approle_wrapped.h"

#include <string.h>

#include "base/secmem.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/digest.h"

struct approle_wrapped {
	struct api *api;
	char *mount;
	struct unwrapped_secret secret;
	struct digest maybe_used; /* the token whose unwrapping was sent and did not give its SecretID */
	/* The members below are those of the opening under way. */
	struct http_call *call;
	char *token;
	const char *node; /* borrowed from the caller */
	uint64_t deadline_ms;
	approle_wrapped_done *done;
	void *arg;
};

static struct digest digest_of_token(const char *token)
{
	return digest_of(token, strlen(token), "", 0);
}

static void forget_token(struct approle_wrapped *wrapped)
{
	secmem_free(wrapped->token);
	wrapped->token = NULL;
}

struct approle_wrapped *approle_wrapped_new(struct api *api, const char *mount)
{
	struct approle_wrapped *wrapped = secmem_calloc(1, sizeof(*wrapped));

	if (wrapped == NULL)
		return NULL;
	wrapped->api = api;
	wrapped->mount = secmem_strdup(mount);
	if (wrapped->mount != NULL)
		return wrapped;
	approle_wrapped_free(wrapped);
	return NULL;
}

void approle_wrapped_free(struct approle_wrapped *wrapped)
{
	if (wrapped == NULL)
		return;
	http_cancel(wrapped->call);
	forget_token(wrapped);
	unwrapped_secret_clear(&wrapped->secret);
	secmem_free(wrapped->mount);
	secmem_free(wrapped);
}

struct unwrapped_secret *approle_wrapped_secret(struct approle_wrapped *wrapped)
{
	return &wrapped->secret;
}

/*
 * OpenBao gives the path without the namespace, however that was named when the token was made. So a token of
 * another namespace passes this test, and its SecretID is refused at the login.
 */
bool approle_wrapped_path_ok(const char *creation_path, const char *mount)
{
	static const char before[] = "auth/", between[] = "/role/", after[] = "/secret-id";
	const char *p = creation_path;
	size_t mount_len = strlen(mount), role_len;

	if (strncmp(p, before, strlen(before)) != 0)
		return false;
	p += strlen(before);
	if (strncmp(p, mount, mount_len) != 0)
		return false;
	p += mount_len;
	if (strncmp(p, between, strlen(between)) != 0)
		return false;
	p += strlen(between);
	role_len = strcspn(p, "/");
	return role_len > 0 && strcmp(p + role_len, after) == 0;
}

/* -- an opening ---------------------------------------------------------------------------------------------- */

static void end_unwrapping(struct approle_wrapped *wrapped, enum auth_result result, const char *reason)
{
	forget_token(wrapped);
	wrapped->done(wrapped->arg, result, reason);
}

static void finish_gone(struct approle_wrapped *wrapped)
{
	struct digest digest = digest_of_token(wrapped->token);

	if (digest_equal(&digest, &wrapped->maybe_used))
		end_unwrapping(wrapped, AUTH_CREDENTIAL,
		    "the wrapping token is used up, perhaps by this daemon when the answer to its "
		    "unwrapping was lost; a new one is needed");
	else
		end_unwrapping(wrapped, AUTH_CREDENTIAL,
		    "the wrapping token is used up, expired or was never valid; unless this daemon "
		    "used it before a restart, somebody else may have done so");
}

/* Ends the opening with a failure. A 403 to it is not taken for a locked role, as a 403 to a login is. */
static void finish_failed(struct approle_wrapped *wrapped, const struct control *control)
{
	end_unwrapping(wrapped, control->result == CONTROL_UNREACHABLE ? AUTH_UNREACHABLE : AUTH_FAILED,
	    control->reason);
}

static void store_secret_id(struct approle_wrapped *wrapped, const char *secret_id)
{
	if (unwrapped_secret_set(&wrapped->secret, wrapped->token, secret_id) == 0) {
		end_unwrapping(wrapped, AUTH_OK, "");
		return;
	}
	wrapped->maybe_used = digest_of_token(wrapped->token);
	end_unwrapping(wrapped, AUTH_FAILED, "out of memory");
}

static void on_unwrap(void *arg, const struct control *control)
{
	struct approle_wrapped *wrapped = arg;

	wrapped->call = NULL;
	switch (control->result) {
	case CONTROL_OK:
		store_secret_id(wrapped, control->secret_id);
		break;
	case CONTROL_WRAPPING_GONE:
		finish_gone(wrapped);
		break;
	case CONTROL_EMPTY:
		end_unwrapping(wrapped, AUTH_CREDENTIAL,
		    "the wrapping token held no SecretID, and is used up now");
		break;
	default:
		wrapped->maybe_used = digest_of_token(wrapped->token);
		finish_failed(wrapped, control);
		break;
	}
}

static void on_wrapping_lookup(void *arg, const struct control *control)
{
	struct approle_wrapped *wrapped = arg;

	wrapped->call = NULL;
	if (control->result == CONTROL_WRAPPING_GONE) {
		finish_gone(wrapped);
	} else if (control->result != CONTROL_OK) {
		finish_failed(wrapped, control);
	} else if (!approle_wrapped_path_ok(control->creation_path, wrapped->mount)) {
		end_unwrapping(wrapped, AUTH_CREDENTIAL,
		    "the wrapping token was not made for a SecretID of the configured mount, and was "
		    "left alone; somebody may have put it in the place of the true one");
	} else {
		wrapped->call = api_ask_control(wrapped->api, API_UNWRAP,
		    &(struct api_request){ .token = wrapped->token,
			.node = wrapped->node,
			.deadline_ms = wrapped->deadline_ms },
		    on_unwrap, wrapped);
		if (wrapped->call == NULL)
			end_unwrapping(wrapped, AUTH_FAILED, "out of memory");
	}
}

int approle_wrapped_open(struct approle_wrapped *wrapped, const char *token, const char *node,
    uint64_t deadline_ms, approle_wrapped_done *done, void *arg)
{
	wrapped->token = secmem_strdup(token);
	if (wrapped->token == NULL)
		return -1;
	wrapped->node = node;
	wrapped->deadline_ms = deadline_ms;
	wrapped->done = done;
	wrapped->arg = arg;
	wrapped->call = api_ask_control(wrapped->api, API_WRAPPING_LOOKUP,
	    &(struct api_request){ .token = wrapped->token, .node = node, .deadline_ms = deadline_ms },
	    on_wrapping_lookup, wrapped);
	if (wrapped->call != NULL)
		return 0;
	forget_token(wrapped);
	return -1;
}
