/*
 * token_wait: requests that wait for a login, and the rules for a 403. Nobody is called back from within the
 * function that decided it, but from the loop: a list of the decided, which a cancelled one just leaves.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/upstream/token_internal.h"

#define LOOKUP_MS 5000

struct token_wait {
	TAILQ_ENTRY(token_wait) link;
	struct wait_list *list;
	struct keeper *keeper;
	token_ready *done;
	void *arg;
	bool wrapped;   /* for_lookup: the 403 was wrapped, as those of policies are */
	bool late;      /* for_lookup: the lookup had begun before this request was denied */
	unsigned round; /* decided: by which round of deliver */
	bool failed;
	struct failure why; /* if failed */
};

static void move(struct token_wait *w, struct wait_list *to)
{
	if (w->list != NULL)
		TAILQ_REMOVE(w->list, w, link);
	w->list = to;
	if (to != NULL)
		TAILQ_INSERT_TAIL(to, w, link);
}

static void wait_free(struct token_wait *w)
{
	move(w, NULL);
	free(w);
}

/* why: NULL if there is a token. */
static void decide(struct token_wait *w, const struct failure *why)
{
	struct keeper *k = w->keeper;
	struct timeval now = {.tv_sec = 0};

	w->failed = why != NULL;
	if (why != NULL)
		w->why = *why;
	w->round = k->round;
	move(w, &k->decided);
	event_add(&k->deliver, &now);
}

/* Those that are decided by what is called back here get their turn in the next round of the loop. */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	unsigned round = k->round++;
	struct token_wait *w;

	(void)fd;
	(void)what;
	while ((w = TAILQ_FIRST(&k->decided)) != NULL && w->round == round) {
		token_ready *done = w->done;
		void *done_arg = w->arg;
		bool failed = w->failed;
		struct failure why = w->why;

		wait_free(w);
		done(done_arg, failed ? &why : NULL);
	}
}

void token_wait_init(struct keeper *k)
{
	TAILQ_INIT(&k->for_login);
	TAILQ_INIT(&k->for_lookup);
	TAILQ_INIT(&k->decided);
	evtimer_assign(&k->deliver, k->base, on_deliver, k);
}

static struct token_wait *wait_new(struct keeper *k, token_ready *done, void *arg)
{
	struct token_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->keeper = k;
	w->done = done;
	w->arg = arg;
	return w;
}

void token_wait_cancel(struct token_wait *w)
{
	wait_free(w);
}

/* -- waiting for a login ------------------------------------------------------------------------------------- */

/* For callers, who learn less than the log: no file names. */
static const char *why_no_login(const struct keeper *k)
{
	enum reach_state reach = reach_state(k->reach);

	if (k->lease.state == LEASE_STOPPING)
		return "the daemon is stopping";
	switch (k->failed) {
	case AUTH_OK:
		return "the token was revoked soon after the login, the next one has to wait";
	case AUTH_UNREACHABLE:
		return reach_words(reach_code(reach) != CODE_NONE ? reach : REACH_DOWN);
	case AUTH_REJECTED:
		return "the credentials were refused";
	case AUTH_DENIED:
		return k->lease.locked_out ? "the role is locked after refused logins" : "the login was denied";
	case AUTH_CREDENTIAL:
		return "there are no usable credentials";
	case AUTH_FAILED:
		break;
	}
	return "the login failed";
}

static void settle(struct token_wait *w)
{
	struct keeper *k = w->keeper;
	struct failure why;

	if (k->current != NULL) {
		decide(w, NULL);
	} else if (lease_waits(&k->lease)) {
		move(w, &k->for_login);
	} else {
		failure_set(&why, CODE_NOT_READY, "no login at OpenBao: %s", why_no_login(k));
		decide(w, &why);
	}
}

void token_wait_settle(struct keeper *k)
{
	struct token_wait *w;

	if (k->current == NULL && lease_waits(&k->lease))
		return;
	while ((w = TAILQ_FIRST(&k->for_login)) != NULL)
		settle(w);
}

struct token_wait *keeper_wait(struct keeper *k, token_ready *done, void *arg)
{
	struct token_wait *w = wait_new(k, done, arg);

	if (w == NULL)
		return NULL;
	keeper_catch_up(k);
	settle(w);
	return w;
}

/* -- denied requests ----------------------------------------------------------------------------------------- */

static void ask(struct keeper *k);

static void decide_lookups(struct keeper *k, enum code code, const char *message)
{
	struct token_wait *w;
	struct failure why;

	failure_set(&why, code, "%s", message);
	if (code == CODE_PERMISSION_DENIED)
		why.status = 403;
	while ((w = TAILQ_FIRST(&k->for_lookup)) != NULL)
		decide(w, &why);
}

/*
 * The token lived when OpenBao was asked. For one who was denied after that, in the words of a dead token, this
 * proves nothing: it is asked once more.
 */
static void token_lives(struct keeper *k)
{
	struct wait_list again = TAILQ_HEAD_INITIALIZER(again);
	struct token_wait *w, *next;

	for (w = TAILQ_FIRST(&k->for_lookup); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		if (!w->late || w->wrapped)
			continue;
		w->late = false;
		move(w, &again);
	}
	decide_lookups(k, CODE_PERMISSION_DENIED, "OpenBao's policies do not allow this to the daemon");
	while ((w = TAILQ_FIRST(&again)) != NULL)
		move(w, &k->for_lookup);
	if (!TAILQ_EMPTY(&k->for_lookup))
		ask(k);
}

static void on_lookup(void *arg, const struct control *control)
{
	struct keeper *k = arg;

	k->lookup = NULL;
	switch (control->result) {
	case CONTROL_OK:
	case CONTROL_DENIED_WRAPPED:
		token_lives(k);
		break;
	case CONTROL_DENIED:
		keeper_token_dead(k);
		break;
	case CONTROL_UNREACHABLE:
		reach_failed(k->reach);
		decide_lookups(k, CODE_UNAVAILABLE, "OpenBao denied the request and then did not answer");
		break;
	default:
		decide_lookups(k, CODE_UNAVAILABLE, "OpenBao denied the request and did not say whether the token is valid");
		break;
	}
}

static void ask(struct keeper *k)
{
	const struct api_request request = {.token = k->current->text, .deadline_ms = clock_now_ms() + LOOKUP_MS};

	k->lookup = api_ask_control(k->api, API_LOOKUP_SELF, &request, on_lookup, k);
	if (k->lookup == NULL)
		decide_lookups(k, CODE_INTERNAL, "out of memory");
}

struct token_wait *keeper_denied(struct keeper *k, struct token *token, bool wrapped, token_ready *done, void *arg)
{
	struct token_wait *w = wait_new(k, done, arg);

	if (w == NULL)
		return NULL;
	keeper_catch_up(k);
	if (token != k->current) {
		settle(w);
		return w;
	}
	w->wrapped = wrapped;
	w->late = k->lookup != NULL;
	move(w, &k->for_lookup);
	if (k->lookup == NULL)
		ask(k);
	return w;
}

void token_wait_replaced(struct keeper *k)
{
	struct token_wait *w;

	if (k->lookup != NULL)
		http_cancel(k->lookup);
	k->lookup = NULL;
	while ((w = TAILQ_FIRST(&k->for_lookup)) != NULL)
		settle(w);
}

static void free_list(struct wait_list *list)
{
	struct token_wait *w;

	while ((w = TAILQ_FIRST(list)) != NULL)
		wait_free(w);
}

void token_wait_free(struct keeper *k)
{
	if (k->lookup != NULL)
		http_cancel(k->lookup);
	free_list(&k->for_login);
	free_list(&k->for_lookup);
	free_list(&k->decided);
	event_del(&k->deliver);
}
