/*
 * auth: runs one login at a time, by whichever way: finds the leader, reads the credentials, has the way send the
 * login, and tells the end from the loop.
 */
#include "daemon/upstream/auth.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"
#include "base/secretfile.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth_internal.h"
#include "proto/jwrite.h"
#include "proto/utf8.h"

#define BODY_MAX (16u * SECRETFILE_MAX) /* enough for two files of which each byte is escaped */

#define CASE_NEW(NAME, name, text) \
	case AUTH_MODE_##NAME: \
		return auth_##name##_new(base, api, &options->name);

struct auth *auth_new(struct event_base *base, struct api *api, const struct auth_options *options)
{
	switch (options->mode) {
		AUTH_MODES(CASE_NEW)
	}
	return NULL;
}

/* -- how a login ends ---------------------------------------------------------------------------------------- */

static void finish_login(struct auth *auth, const struct auth_reply *reply)
{
	auth_done *done = auth->done;

	/* The callback may begin the next login, which sets this again. */
	auth->done = NULL;
	done(auth->arg, reply);
}

static void on_login_failed(evutil_socket_t fd, short what, void *arg)
{
	struct auth *auth = arg;
	struct error reason = auth->reason;

	(void)fd;
	(void)what;
	finish_login(auth,
	    &(struct auth_reply){ .result = auth->result,
		.doubtful = auth->result == AUTH_REJECTED && auth->leader != NULL && auth->node == NULL,
		.reason = reason.text });
}

void auth_ok(struct auth *auth, const char *client_token, uint64_t lease_ms, bool renewable, bool batch)
{
	finish_login(auth,
	    &(struct auth_reply){ .result = AUTH_OK,
		.client_token = client_token,
		.lease_ms = lease_ms,
		.renewable = renewable,
		.irrevocable = auth->ops->borrowed || batch,
		.reason = "" });
}

void auth_fail(struct auth *auth, enum auth_result result, const char *reason)
{
	auth_credentials_forget(&auth->credentials);
	auth->result = result;
	error_set(&auth->reason, "%s", reason);
	event_active(&auth->failed, EV_TIMEOUT, 0);
}

void auth_fail_control(struct auth *auth, const struct control *control)
{
	switch (control->result) {
	case CONTROL_UNREACHABLE:
		auth_fail(auth, AUTH_UNREACHABLE, control->reason);
		break;
	case CONTROL_REJECTED:
		auth_fail(auth, AUTH_REJECTED, control->reason);
		break;
	case CONTROL_DENIED:
	case CONTROL_DENIED_WRAPPED:
		auth_fail(auth, auth->ops->denied,
		    control->explained ? control->reason : auth->ops->denied_reason);
		break;
	case CONTROL_OK:
	case CONTROL_WRAPPING_GONE:
	case CONTROL_EMPTY:
	case CONTROL_FAILED:
		auth_fail(auth, AUTH_FAILED, control->reason);
		break;
	}
}

/* -- what a login sends -------------------------------------------------------------------------------------- */

bool auth_is_token(const char *text)
{
	while (*text > 0x20 && *text < 0x7f)
		text++;
	return *text == '\0';
}

/*
 * A token for a number of uses is refused. One token serves all callers of the host, with many requests at a time,
 * beside renewals and look-ups; what a request without an answer has used up is not known; and each login costs
 * OpenBao more than the reads that such a token is good for.
 */
static void on_login_answer(void *arg, const struct control *control)
{
	struct auth *auth = arg;

	auth->call = NULL;
	if (control->result == CONTROL_OK && control->num_uses == 0)
		auth_ok(auth, control->client_token, control->lease_ms, control->renewable, control->batch);
	else if (control->result == CONTROL_OK)
		finish_login(auth,
		    &(struct auth_reply){ .result = AUTH_FAILED,
			.client_token = control->client_token,
			.irrevocable = control->batch,
			.reason = "the role gives tokens that end after a number of requests (token_num_uses), "
				  "with which callers cannot be served: set it to 0" });
	else if (control->left_token != NULL)
		finish_login(auth,
		    &(struct auth_reply){ .result = AUTH_FAILED,
			.client_token = control->left_token,
			.irrevocable = control->batch,
			.reason = control->reason });
	else
		auth_fail_control(auth, control);
}

static int put_auth_member(struct buf *body, const char *before, const struct auth_member *member)
{
	if (buf_printf(body, "%s\"%s\":", before, member->name) < 0)
		return -1;
	return jwrite_escaped(body, member->value, strlen(member->value));
}

void auth_send(struct auth *auth, const struct auth_member members[2])
{
	struct buf body;

	for (size_t i = 0; i < 2; i++) {
		if (!utf8_valid(members[i].value, strlen(members[i].value))) {
			auth_fail(auth, AUTH_CREDENTIAL, "one of the credentials is not UTF-8 text");
			return;
		}
	}
	buf_init(&body, BODY_MAX);
	if (put_auth_member(&body, "{", &members[0]) == 0 && put_auth_member(&body, ",", &members[1]) == 0 &&
	    buf_puts(&body, "}") == 0)
		auth->call = api_ask_control(auth->api, API_LOGIN,
		    &(struct api_request){ .node = auth->node,
			.mount = auth->mount,
			.body = &body,
			.deadline_ms = auth->deadline_ms },
		    on_login_answer, auth);
	buf_free(&body);
	auth_credentials_forget(&auth->credentials);
	if (auth->call == NULL)
		auth_fail(auth, AUTH_FAILED, "out of memory");
}

/* -- the login ----------------------------------------------------------------------------------------------- */

int auth_init(struct auth *auth, struct event_base *base, struct api *api, const char *mount,
    const struct auth_ops *ops)
{
	auth->ops = ops;
	auth->api = api;
	auth_credentials_init(&auth->credentials);
	if (event_assign(&auth->failed, base, -1, 0, on_login_failed, auth) < 0)
		return -1;
	auth->mount = mount != NULL ? secmem_strdup(mount) : NULL;
	return mount != NULL && auth->mount == NULL ? -1 : 0;
}

void auth_at_leader(struct auth *auth, struct leader *leader)
{
	auth->leader = leader;
}

static void ask_login(struct auth *auth)
{
	struct error why;

	if (auth_credentials_read(&auth->credentials, &why) < 0)
		auth_fail(auth, AUTH_CREDENTIAL, why.text);
	else
		auth->ops->login(auth);
}

static void on_login_leader(void *arg, const char *node)
{
	struct auth *auth = arg;

	auth->search = NULL;
	auth->node = node != NULL ? strdup(node) : NULL;
	if (node != NULL && auth->node == NULL)
		auth_fail(auth, AUTH_FAILED, "out of memory");
	else
		ask_login(auth);
}

void auth_login(struct auth *auth, uint64_t deadline_ms, auth_done *done, void *arg)
{
	auth->done = done;
	auth->arg = arg;
	auth->deadline_ms = deadline_ms;
	free(auth->node);
	auth->node = NULL;
	if (auth->leader == NULL) {
		ask_login(auth);
		return;
	}
	auth->search = leader_find(auth->leader, on_login_leader, auth);
	if (auth->search == NULL)
		auth_fail(auth, AUTH_FAILED, "out of memory");
}

/* -- what outlives a login ----------------------------------------------------------------------------------- */

const struct unwrapped_secret *auth_unwrapped(const struct auth *auth)
{
	return auth->unwrapped != NULL && auth->unwrapped->secret_id != NULL ? auth->unwrapped : NULL;
}

bool auth_set_unwrapped(struct auth *auth, const struct unwrapped_secret *unwrapped)
{
	return auth->unwrapped != NULL && unwrapped_secret_copy(auth->unwrapped, unwrapped) == 0;
}

void auth_on_unwrapped(struct auth *auth, auth_secret_unwrapped *on_unwrapped, void *arg)
{
	auth->on_unwrapped = on_unwrapped;
	auth->on_unwrapped_arg = arg;
}

void auth_tell_unwrapped(struct auth *auth)
{
	if (auth->on_unwrapped != NULL)
		auth->on_unwrapped(auth->on_unwrapped_arg, auth->unwrapped);
}

void auth_identity(const struct auth *auth, struct auth_identity *ret)
{
	const struct digest *role = &auth->credentials.role;
	const char *vault_namespace = api_namespace(auth->api);

	memset(ret, 0, sizeof(*ret));
	ret->credentials = auth->credentials.used;
	if (!role->valid || auth->mount == NULL)
		return;
	ret->role = digest_of(vault_namespace, strlen(vault_namespace), auth->mount, strlen(auth->mount));
	if (ret->role.valid)
		ret->role = digest_of(ret->role.bytes, sizeof(ret->role.bytes), role->bytes, sizeof(role->bytes));
}

int auth_identify(struct auth *auth, struct auth_identity *ret)
{
	struct error ignored;

	if (auth_credentials_read(&auth->credentials, &ignored) < 0)
		return -1;
	auth_credentials_forget(&auth->credentials);
	auth_identity(auth, ret);
	return 0;
}

bool auth_credential_changed(struct auth *auth)
{
	return auth->done == NULL && auth_credentials_changed(&auth->credentials);
}

void auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	event_del(&auth->failed);
	if (auth->search != NULL)
		leader_cancel(auth->search);
	http_cancel(auth->call);
	free(auth->node);
	auth_credentials_free(&auth->credentials);
	secmem_free(auth->mount);
	auth->ops->free(auth);
}
