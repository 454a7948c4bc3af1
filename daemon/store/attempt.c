/*
 * attempt: the waits, and the rules for what follows an answer. The rules have no effects but on the struct.
 */
#include "daemon/store/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/store/mounts.h"
#include "daemon/upstream/leader.h"

#define PAUSE_FIRST_MS 50u
#define PAUSE_MAX_MS 1000u

bool attempt_take_token(struct attempt *a)
{
	if (a->token != NULL)
		token_release(a->token);
	a->token = login_token(a->login);
	return a->token != NULL;
}

static void attempt_on_token(void *arg, const struct failure *why)
{
	struct attempt *a = arg;

	a->wait = NULL;
	if (why == NULL) {
		a->ops->go_on(a);
		return;
	}
	a->failure = *why;
	a->ops->failed(a);
}

bool attempt_await_login(struct attempt *a)
{
	a->wait = login_wait(a->login, attempt_on_token, a);
	return a->wait != NULL;
}

bool attempt_await_verdict(struct attempt *a, bool wrapped)
{
	a->wait = login_denied(a->login, a->token, wrapped, attempt_on_token, a);
	return a->wait != NULL;
}

static void attempt_on_mount(void *arg, const struct answer *answer)
{
	struct attempt *a = arg;

	a->guard = NULL;
	if (answer->verdict == VERDICT_OK)
		a->ops->go_on(a);
	else
		a->ops->refused(a, answer);
}

bool attempt_await_guard(struct attempt *a, struct mounts *mounts, const char *mount, uint64_t number)
{
	a->guard = mounts_ask(mounts, mount, token_text(a->token), number, attempt_on_mount, a);
	return a->guard != NULL;
}

bool attempt_set_node(struct attempt *a, const char *node)
{
	free(a->node);
	a->node = node != NULL ? strdup(node) : NULL;
	return node == NULL || a->node != NULL;
}

void attempt_stop_waiting(struct attempt *a)
{
	if (a->wait != NULL)
		login_wait_cancel(a->wait);
	if (a->guard != NULL)
		mounts_cancel(a->guard);
	if (a->search != NULL)
		leader_cancel(a->search);
	http_cancel(a->http);
	a->wait = NULL;
	a->guard = NULL;
	a->search = NULL;
	a->http = NULL;
}

void attempt_release(struct attempt *a)
{
	attempt_stop_waiting(a);
	if (a->token != NULL)
		token_release(a->token);
	a->token = NULL;
	(void)attempt_set_node(a, NULL);
}

enum attempt_next attempt_judge(struct attempt *a, const struct answer *answer, enum health_state health)
{
	enum code code = answer->failure.code;
	bool closed = health == HEALTH_SEALED || health == HEALTH_NOT_INITIALIZED;

	a->failure = answer->failure;
	if (answer->verdict == VERDICT_DENIED) {
		/*
		 * A request whose tokens are refused again and again fails, since another new token would not help
		 * it. While OpenBao is down nobody can tell whether the token is dead.
		 */
		return ++a->denials > a->denials_max || health == HEALTH_DOWN ? ATTEMPT_FAILS : ATTEMPT_DENIED;
	}
	if (answer->verdict == VERDICT_AGAIN && closed) {
		/* Sealed or not set up, OpenBao has no leader, and will have none before an operator acts. */
		failure_set(&a->failure, health_code(health), "%s", health_words(health));
		return ATTEMPT_FAILS;
	}
	/* The trouble may pass. Once OpenBao is known to be down the next try fails at once. */
	if (answer->verdict == VERDICT_AGAIN || code == CODE_UNAVAILABLE)
		return ATTEMPT_PAUSES;
	/*
	 * This node is sealed, or was not set up. While it is not known whether all nodes are, others are asked.
	 */
	if ((code == CODE_SEALED || code == CODE_NOT_INITIALIZED) && health == HEALTH_SUSPECT)
		return ATTEMPT_PAUSES;
	return ATTEMPT_FAILS;
}

uint64_t attempt_pause_ms(struct attempt *a, uint64_t least_ms)
{
	uint64_t most = PAUSE_FIRST_MS << (a->tries < 5 ? a->tries : 5), pause;

	if (most > PAUSE_MAX_MS)
		most = PAUSE_MAX_MS;
	pause = clock_random(most / 2, most);
	a->tries++;
	return pause > least_ms ? pause : least_ms;
}
