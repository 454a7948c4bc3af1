/*
 * auth: one login at a time, whatever the way, and its end told from the loop.
 */
#include "daemon/upstream/auth.h"

#include <event2/event.h>
#include <stddef.h>

#include "daemon/upstream/auth_internal.h"

static void finish(struct auth *auth, const struct auth_reply *reply)
{
	auth_done *done = auth->done;

	/* Before the callback, which may begin the next login. */
	auth->done = NULL;
	done(auth->arg, reply);
}

static void on_failed(evutil_socket_t fd, short what, void *arg)
{
	struct auth *auth = arg;
	struct error reason = auth->reason;

	(void)fd;
	(void)what;
	finish(auth, &(struct auth_reply){.result = auth->result, .reason = reason.text});
}

int auth_init(struct auth *auth, struct event_base *base, const struct auth_ops *ops)
{
	auth->ops = ops;
	return event_assign(&auth->failed, base, -1, 0, on_failed, auth);
}

void auth_ok(struct auth *auth, const char *client_token, uint64_t lease_ms, bool renewable)
{
	finish(auth, &(struct auth_reply){.result = AUTH_OK, .client_token = client_token, .lease_ms = lease_ms,
	    .renewable = renewable, .reason = ""});
}

void auth_fail(struct auth *auth, enum auth_result result, const char *reason)
{
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
		auth_fail(auth, AUTH_DENIED,
		    "OpenBao denied the login: there is no such auth mount, or the role is locked after refused logins");
		break;
	case CONTROL_OK:
	case CONTROL_WRAPPING_GONE:
	case CONTROL_EMPTY:
	case CONTROL_FAILED:
		auth_fail(auth, AUTH_FAILED, control->reason);
		break;
	}
}

void auth_login(struct auth *auth, uint64_t deadline_ms, auth_done *done, void *arg)
{
	auth->done = done;
	auth->arg = arg;
	auth->ops->login(auth, deadline_ms);
}

bool auth_credential_changed(struct auth *auth)
{
	return auth->ops->credential_changed(auth);
}

void auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	event_del(&auth->failed);
	auth->ops->free(auth);
}
