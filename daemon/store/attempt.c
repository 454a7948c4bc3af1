/*
 * attempt: the rules are one function without effects but on its struct.
 */
#include "daemon/store/attempt.h"

#include "base/clock.h"

#define PAUSE_FIRST_MS 50u
#define PAUSE_MAX_MS 1000u

void attempt_init(struct attempt *a, struct keeper *keeper, unsigned denials_max)
{
	a->keeper = keeper;
	a->denials_max = denials_max;
}

bool attempt_take_token(struct attempt *a)
{
	if (a->token != NULL)
		token_release(a->token);
	a->token = keeper_token(a->keeper);
	return a->token != NULL;
}

int attempt_await_login(struct attempt *a, token_ready *done, void *arg)
{
	a->wait = keeper_wait(a->keeper, done, arg);
	return a->wait != NULL ? 0 : -1;
}

int attempt_await_verdict(struct attempt *a, bool wrapped, token_ready *done, void *arg)
{
	a->wait = keeper_denied(a->keeper, a->token, wrapped, done, arg);
	return a->wait != NULL ? 0 : -1;
}

void attempt_let_go(struct attempt *a)
{
	if (a->wait != NULL)
		token_wait_cancel(a->wait);
	if (a->token != NULL)
		token_release(a->token);
	a->wait = NULL;
	a->token = NULL;
}

enum attempt_next attempt_judge(struct attempt *a, const struct answer *answer, enum reach_state reach)
{
	enum code code = answer->failure.code;
	bool closed = reach == REACH_SEALED || reach == REACH_NOT_INITIALIZED;

	a->failure = answer->failure;
	if (answer->verdict == VERDICT_DENIED) {
		/* A token that is replaced again and again is somebody else's trouble, and nobody can be asked who is not there. */
		return ++a->denials > a->denials_max || reach == REACH_DOWN ? ATTEMPT_FAILS : ATTEMPT_DENIED;
	}
	if (answer->verdict == VERDICT_AGAIN && closed) {
		/* It cannot have a leader, and will not before somebody comes. */
		failure_set(&a->failure, reach_code(reach), "%s", reach_words(reach));
		return ATTEMPT_FAILS;
	}
	/* Until OpenBao is known not to answer, this may be a hiccup. */
	if (answer->verdict == VERDICT_AGAIN || code == CODE_UNAVAILABLE)
		return ATTEMPT_PAUSES;
	/* One node is sealed, or was not set up. Whether all are is being found out; others are asked meanwhile. */
	if ((code == CODE_SEALED || code == CODE_NOT_INITIALIZED) && reach == REACH_SUSPECT)
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
