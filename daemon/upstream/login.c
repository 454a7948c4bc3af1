/*
 * login: drives the lease machine: starts the logins and renewals that it asks for, tells it their results, holds
 * the token that they gave, and logs what happens. Requests that wait for a token, or for the reason of a 403, are
 * in lists.
 *
 * No waiter is called back from within the function that decides its wait: it moves to the list `decided`, from
 * which the loop calls it back, unless it is cancelled before.
 */
#include "daemon/upstream/login.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/quantity.h"
#include "base/waiters.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/refused.h"

#define LOGIN_MS 10000
#define RENEW_MS 10000
#define LOOKUP_MS 5000
/* How often the credentials are read again, when a change of them may help: while it is needed, and while not. */
#define WATCH_MS 250
#define WATCH_SERVING_MS 5000
/*
 * libevent's timers stand still while the host sleeps, leases do not. So the timer runs at least this often, and
 * whoever wants the token drives the lease machine first if something is due (login_catch_up).
 */
#define SLEEP_MAX_MS 30000

struct login_wait {
	struct waiter waiter; /* the first member */
	struct waiters *list; /* the list that the wait is in; NULL: none */
	struct login *login;
	login_wait_done *done;
	void *arg;
	bool wrapped; /* for_lookup: the 403 was wrapped, as those of policies are */
	bool late;    /* for_lookup: the lookup had begun before this request was denied */
	bool failed;
	struct failure why; /* if failed */
};

struct login {
	const char *label; /* login_set_label */
	struct event_base *base;
	struct api *api;
	struct auth *auth;
	struct health *health;
	struct lease lease;
	struct event timer; /* fires when the lease machine has something to do */
	struct tokens tokens;
	struct token *current; /* the token that lease.held stands for, with a reference; NULL: none is held */
	bool revoke_on_stop;
	uint64_t login_since;
	struct http_call *renewal; /* under way */
	uint64_t renewal_since;
	enum auth_result failed; /* how the last login ended; AUTH_OK: it worked */
	struct error reason;     /* why it failed, for the log and status */
	uint64_t logged_in_ms;
	struct login_counters own, *counters; /* own, or those of login_count_in() */
	struct waiters for_login, for_lookup, decided;
	struct http_call *lookup;   /* lookup-self of the current token, under way */
	struct event deliver;       /* calls back the waiters in `decided` */
	void (*refused)(void *arg); /* login_on_refusal */
	void *refused_arg;
	struct refused
	    memory; /* what was refused to this login; login_refused() has the times from the lease machine */
	struct refused before; /* login_remember, until the credentials can be read */
	void (*memory_changed)(void *arg, const struct refused *refused); /* login_on_refused */
	void *memory_arg;
	struct event change; /* runs changed */
	void (*changed)(void *arg);
	void *changed_arg;
};

/*
 * Does what the lease machine wants done now, and all that follows from its state. To be called after each event.
 */
static void login_drive(struct login *login);

static uint64_t random_for_lease(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	return clock_random(low, high);
}

/* A time in words, for one line of the log. */
#define IN_WORDS(ms) quantity_say_time((char[QUANTITY_SAID_SIZE]){ 0 }, (ms))

static void log_lease(void *arg, enum lease_state from, enum lease_state to)
{
	const struct login *login = arg;

	log_info("%stoken: %s, was %s", login->label, lease_state_name(to), lease_state_name(from));
}

/* Drives the machine if something is due, which no timer has told if the host slept. */
static void login_catch_up(struct login *login)
{
	if (clock_now_ms() >= lease_next(&login->lease))
		login_drive(login);
}

/* Tells the machine that OpenBao does not know the current token any more. */
static void lose_token(struct login *login)
{
	const struct lease *lease = &login->lease;
	uint64_t now = clock_now_ms();
	bool planned;

	lease_dead(&login->lease, now);
	planned = lease->login_due != CLOCK_NEVER && lease->login_due > now;
	log_warning("%sOpenBao does not know the token any more%s%s", login->label,
	    planned ? "; next login in " : "", planned ? IN_WORDS(lease->login_due - now) : "");
	if (planned && lease->deaths > 0 && login->failed == AUTH_OK)
		error_set(&login->reason,
		    "OpenBao revoked the token soon after its login, not for the first time");
	login_drive(login);
}

/* -- who waits ----------------------------------------------------------------------------------------------- */

static void wait_move(struct login_wait *w, struct waiters *to)
{
	if (w->list != NULL)
		waiters_remove(w->list, &w->waiter);
	w->list = to;
	if (to != NULL)
		waiters_add(to, &w->waiter);
}

static struct login_wait *wait_first(const struct waiters *list)
{
	return (struct login_wait *)(void *)list->list;
}

static struct login_wait *wait_new(struct login *login, login_wait_done *done, void *arg)
{
	struct login_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->login = login;
	w->done = done;
	w->arg = arg;
	return w;
}

void login_wait_cancel(struct login_wait *w)
{
	wait_move(w, NULL);
	free(w);
}

/* Ends a wait, which is called back from the loop; why: NULL if there is a token. */
static void wait_decide(struct login_wait *w, const struct failure *why)
{
	struct timeval now = { .tv_sec = 0 };

	w->failed = why != NULL;
	if (why != NULL)
		w->why = *why;
	wait_move(w, &w->login->decided);
	/*
	 * A timer lets the loop see to other events between two rounds, even if each callback begins another wait.
	 */
	event_add(&w->login->deliver, &now);
}

/*
 * Calls back the waiters that are decided by now; those decided by these callbacks follow in the loop's next
 * round.
 */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct login *login = arg;
	unsigned round = waiters_end_round(&login->decided);
	struct waiter *one;

	(void)fd;
	(void)what;
	while ((one = waiters_take(&login->decided, round)) != NULL) {
		struct login_wait w = *(struct login_wait *)(void *)one;

		free(one);
		w.done(w.arg, w.failed ? &w.why : NULL);
	}
}

/* Gives the reason for callers, which unlike the one in the log must not hold file names. */
static const char *why_no_login(const struct login *login)
{
	enum health_state health = health_state(login->health);

	if (login->lease.state == LEASE_STOPPING)
		return "the daemon is stopping";
	switch (login->failed) {
	case AUTH_OK:
		return "the token was revoked soon after the login, the next one has to wait";
	case AUTH_UNREACHABLE:
		return health_words(health_code(health) != CODE_NONE ? health : HEALTH_DOWN);
	case AUTH_REJECTED:
		return "the credentials were refused";
	case AUTH_DENIED:
		return login->lease.refusals.locked_out ? "the role is locked after refused logins"
							: "the login was denied";
	case AUTH_CREDENTIAL:
		return "there are no usable credentials";
	case AUTH_FAILED:
		break;
	}
	return "the login failed";
}

/* Decides the wait, or has it wait for a login that is under way or about to begin. */
static void wait_settle(struct login_wait *w)
{
	struct login *login = w->login;
	struct failure why;

	if (login->current != NULL) {
		wait_decide(w, NULL);
	} else if (lease_waits(&login->lease)) {
		wait_move(w, &login->for_login);
	} else {
		failure_set(&why, CODE_NOT_READY, "no login at OpenBao: %s", why_no_login(login));
		wait_decide(w, &why);
	}
}

struct login_wait *login_wait(struct login *login, login_wait_done *done, void *arg)
{
	struct login_wait *w = wait_new(login, done, arg);

	if (w == NULL)
		return NULL;
	login_catch_up(login);
	wait_settle(w);
	return w;
}

/* -- denied requests ----------------------------------------------------------------------------------------- */

static void ask_lookup(struct login *login);

static void decide_lookups(struct login *login, enum code code, const char *message)
{
	struct login_wait *w;
	struct failure why;

	failure_set(&why, code, "%s", message);
	while ((w = wait_first(&login->for_lookup)) != NULL)
		wait_decide(w, &why);
}

/*
 * Decides the waits after a lookup has shown that the token was alive. If a request was denied only after that
 * lookup had begun, and in the words that a dead token gets, the lookup proves nothing for it: another one
 * follows.
 */
static void decide_by_policy(struct login *login)
{
	struct login_wait *w, *next;
	struct failure why;

	failure_set(&why, CODE_PERMISSION_DENIED, "OpenBao's policies do not allow this to the daemon");
	why.status = 403;
	for (w = wait_first(&login->for_lookup); w != NULL; w = next) {
		next = (struct login_wait *)(void *)w->waiter.next;
		if (w->late && !w->wrapped)
			w->late = false;
		else
			wait_decide(w, &why);
	}
	if (!waiters_empty(&login->for_lookup))
		ask_lookup(login);
}

static void on_token_lookup(void *arg, const struct control *control)
{
	struct login *login = arg;

	login->lookup = NULL;
	switch (control->result) {
	case CONTROL_OK:
	case CONTROL_DENIED_WRAPPED:
		decide_by_policy(login);
		break;
	case CONTROL_DENIED:
		lose_token(login);
		break;
	case CONTROL_UNREACHABLE:
		health_failed(login->health);
		decide_lookups(login, CODE_UNAVAILABLE, "OpenBao denied the request and then did not answer");
		break;
	default:
		decide_lookups(login, CODE_UNAVAILABLE,
		    "OpenBao denied the request and did not say whether the token is valid");
		break;
	}
}

static void ask_lookup(struct login *login)
{
	const struct api_request request = { .token = token_text(login->current),
		.deadline_ms = clock_now_ms() + LOOKUP_MS };

	login->lookup = api_ask_control(login->api, API_LOOKUP_SELF, &request, on_token_lookup, login);
	if (login->lookup == NULL)
		decide_lookups(login, CODE_INTERNAL, "out of memory");
}

struct login_wait *login_denied(struct login *login, struct token *token, bool wrapped, login_wait_done *done,
    void *arg)
{
	struct login_wait *w = wait_new(login, done, arg);

	if (w == NULL)
		return NULL;
	login_catch_up(login);
	if (token != login->current) {
		wait_settle(w);
		return w;
	}
	w->wrapped = wrapped;
	w->late = login->lookup != NULL;
	wait_move(w, &login->for_lookup);
	if (login->lookup == NULL)
		ask_lookup(login);
	return w;
}

/* -- the current token --------------------------------------------------------------------------------------- */

/* Makes token, whose reference is taken over, the current one; NULL: there is none now. */
static void set_current(struct login *login, struct token *token)
{
	struct token *old = login->current;
	struct login_wait *w;

	login->current = token;
	/* A lookup of the old token is of no use any more. */
	http_cancel(login->lookup);
	login->lookup = NULL;
	while ((w = wait_first(&login->for_lookup)) != NULL)
		wait_settle(w);
	if (old != NULL)
		token_release(old);
}

struct token *login_token(struct login *login)
{
	login_catch_up(login);
	return login->current != NULL ? token_ref(login->current) : NULL;
}

/* -- logins -------------------------------------------------------------------------------------------------- */

static enum lease_failure lease_failure_of(const struct auth_reply *reply)
{
	switch (reply->result) {
	case AUTH_UNREACHABLE:
		return LEASE_UNREACHABLE;
	case AUTH_REJECTED:
		return reply->doubtful ? LEASE_DOUBTED : LEASE_REFUSED;
	case AUTH_DENIED:
		return LEASE_DENIED;
	case AUTH_CREDENTIAL:
		return LEASE_CREDENTIAL;
	case AUTH_OK:
	case AUTH_FAILED:
		break;
	}
	return LEASE_FAILED;
}

/*
 * Tells whoever keeps it what has been refused, after a login that was refused, or that worked. What is kept may
 * be about another role, whose refusals this login did not remember.
 */
static void tell_refusals(struct login *login)
{
	struct auth_identity identity;

	login->memory.times = login->lease.refusals;
	auth_identity(login->auth, &identity);
	login->memory.role = identity.role;
	login->memory.credentials = identity.credentials;
	memset(&login->before, 0, sizeof(login->before));
	if (login->memory_changed != NULL)
		login->memory_changed(login->memory_arg, &login->memory);
}

/* Notes and logs a failed login. The lease machine has been told of it before. */
static void note_failed_login(struct login *login, uint64_t now, const struct auth_reply *reply)
{
	const struct lease *lease = &login->lease;
	enum auth_result result = reply->result;

	login->counters->login_failures++;
	login->failed = result;
	error_set(&login->reason, "%s%s", reply->reason,
	    reply->doubtful && lease->doubted_at != 0
		? ", but which node leads is not known, and this one may lag behind"
		: "");
	if (lease->awaiting_recovery)
		log_error("%slogin failed: %s; next try when OpenBao answers", login->label, login->reason.text);
	else if (lease->refusals.locked_out)
		log_error("%slogin failed: %s; taken for a lockout, next try in %s", login->label,
		    login->reason.text, IN_WORDS(lease->login_due - now));
	else
		log_error("%slogin failed: %s; next try in %s%s", login->label, login->reason.text,
		    IN_WORDS(lease->login_due - now),
		    lease->watching ? ", or as soon as the credentials change" : "");
	if (result == AUTH_UNREACHABLE)
		health_failed(login->health);
	if (((result == AUTH_REJECTED && lease->doubted_at == 0) || result == AUTH_DENIED ||
		result == AUTH_CREDENTIAL) &&
	    login->refused != NULL)
		login->refused(login->refused_arg);
}

static void fail_login(struct login *login, uint64_t now, const struct auth_reply *reply)
{
	struct token *unused = reply->client_token != NULL
	    ? token_new(&login->tokens, reply->client_token, reply->irrevocable)
	    : NULL;

	if (unused != NULL)
		token_release(unused);
	lease_login_failed(&login->lease, now, lease_failure_of(reply));
	if (login->lease.refusals.at[0] != 0)
		tell_refusals(login);
	note_failed_login(login, now, reply);
}

static void take_login(struct login *login, uint64_t now, const struct auth_reply *reply)
{
	struct token *token = token_new(&login->tokens, reply->client_token, reply->irrevocable);

	if (token == NULL) {
		fail_login(login, now, &(struct auth_reply){ .result = AUTH_FAILED, .reason = "out of memory" });
		return;
	}
	if (!lease_login_ok(&login->lease, now, login->login_since, reply->lease_ms, reply->renewable)) {
		token_set_dead(token);
		token_release(token);
		note_failed_login(login, now,
		    &(struct auth_reply){ .result = AUTH_FAILED,
			.reason = "the lease was over before the answer came" });
		return;
	}
	tell_refusals(login);
	login->counters->logins++;
	login->logged_in_ms = now;
	login->failed = AUTH_OK;
	login->reason.text[0] = '\0';
	set_current(login, token);
	if (reply->lease_ms > 0)
		log_info("%slogged in: the lease is %s, %s", login->label, IN_WORDS(reply->lease_ms),
		    reply->renewable ? "renewable" : "not renewable");
	else
		log_info("%slogged in: the token does not expire", login->label);
}

static void on_login(void *arg, const struct auth_reply *reply)
{
	struct login *login = arg;
	uint64_t now = clock_now_ms();

	if (reply->result == AUTH_OK)
		take_login(login, now, reply);
	else
		fail_login(login, now, reply);
	login_drive(login);
}

/* -- renewals ------------------------------------------------------------------------------------------------ */

static void on_renewed(void *arg, const struct control *control)
{
	struct login *login = arg;
	uint64_t now = clock_now_ms();
	bool was_near_max = login->lease.near_max;

	login->renewal = NULL;
	if (control->result == CONTROL_OK) {
		login->counters->renewals++;
		lease_renew_ok(&login->lease, now, login->renewal_since, control->lease_ms, control->renewable);
		if (login->lease.near_max && !was_near_max)
			log_info("%sthe token nears the end of its max TTL, with %s granted: logging in afresh",
			    login->label, IN_WORDS(control->lease_ms));
		login_drive(login);
		return;
	}
	login->counters->renewal_failures++;
	log_warning("%srenewal failed: %s", login->label, control->reason);
	if (control->result == CONTROL_UNREACHABLE)
		health_failed(login->health);
	if (control->result == CONTROL_DENIED) {
		lose_token(login);
		return;
	}
	lease_renew_failed(&login->lease, now);
	login_drive(login);
}

static void cancel_renewal(struct login *login)
{
	http_cancel(login->renewal);
	login->renewal = NULL;
}

static void start_renewal(struct login *login, uint64_t now)
{
	/* If no answer comes, half of what is left of the lease remains for a login. */
	uint64_t half = (login->lease.expires - now) / 2;
	const struct api_request request = { .token = token_text(login->current),
		.deadline_ms = now + (half < RENEW_MS ? half : RENEW_MS) };

	/* A renewal of the token before, which the machine has given up, may still be under way. */
	cancel_renewal(login);
	login->renewal_since = now;
	login->renewal = api_ask_control(login->api, API_RENEW_SELF, &request, on_renewed, login);
	if (login->renewal == NULL)
		lease_renew_failed(&login->lease, now);
}

/* -- what was refused before --------------------------------------------------------------------------------- */

bool login_role(struct login *login, struct refused *ret)
{
	struct auth_identity identity;

	if (auth_identify(login->auth, &identity) < 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->node, login->memory.node, sizeof(ret->node));
	ret->role = identity.role;
	ret->credentials = identity.credentials;
	return true;
}

static void log_remembered(struct login *login, uint64_t now)
{
	const struct lease *lease = &login->lease;

	login->failed = lease->refusals.locked_out ? AUTH_DENIED : AUTH_REJECTED;
	error_set(&login->reason, "%s before the reload or restart",
	    lease->refusals.locked_out ? "OpenBao was taken to have locked the role"
				       : "OpenBao rejected the role id or the secret id");
	log_error("%sno login yet: %s; next try in %s%s", login->label, login->reason.text,
	    IN_WORDS(lease->login_due - now), lease->watching ? ", or as soon as the credentials change" : "");
}

/*
 * Has the lease machine remember what was refused, if it was to the role that this login is for. That is known
 * when the credentials can be read; until then no login can be refused.
 */
static void use_memory(struct login *login, uint64_t now)
{
	struct refused role;
	bool same;

	if (!refused_any(&login->before) || now < login->lease.login_due || !login_role(login, &role))
		return;
	if (refused_same_role(&role, &login->before)) {
		same = digest_equal(&role.credentials, &login->before.credentials);
		login->memory.role = role.role;
		login->memory.credentials = login->before.credentials;
		lease_remember(&login->lease, now, &login->before.times, same);
		login->memory.times = login->lease.refusals;
		if (login->lease.state == LEASE_REJECTED)
			log_remembered(login, now);
	}
	memset(&login->before, 0, sizeof(login->before));
}

/* -- the machine's driver ------------------------------------------------------------------------------------ */

static void on_login_change(evutil_socket_t fd, short what, void *arg)
{
	struct login *login = arg;

	(void)fd;
	(void)what;
	if (login->changed != NULL)
		login->changed(login->changed_arg);
}

static void tell_login_change(void *arg)
{
	struct login *login = arg;

	event_active(&login->change, EV_TIMEOUT, 0);
}

static void arm_login(struct login *login, uint64_t now)
{
	bool settled = login->lease.state == LEASE_SERVING || login->lease.state == LEASE_RENEWING;
	uint64_t next = lease_next(&login->lease), most = SLEEP_MAX_MS, ms;
	struct timeval tv;

	if (lease_watches_credentials(&login->lease))
		most = settled ? WATCH_SERVING_MS : WATCH_MS;
	ms = next <= now ? 0 : next - now < most ? next - now : most;
	tv = clock_timeval(ms);
	event_add(&login->timer, &tv);
}

static void login_drive(struct login *login)
{
	uint64_t now = clock_now_ms();
	enum lease_action action;
	struct login_wait *w;

	use_memory(login, now);
	while ((action = lease_step(&login->lease, now)) != LEASE_NOTHING) {
		if (action == LEASE_LOGIN) {
			login->login_since = now;
			auth_login(login->auth, now + LOGIN_MS, on_login, login);
		} else {
			start_renewal(login, now);
		}
	}
	if (!login->lease.renew_under_way)
		cancel_renewal(login);
	if (!login->lease.held && login->current != NULL) {
		token_set_dead(login->current);
		set_current(login, NULL);
	}
	/* The login that these wait for has succeeded, or is not under way any more. */
	while (
	    (login->current != NULL || !lease_waits(&login->lease)) && (w = wait_first(&login->for_login)) != NULL)
		wait_settle(w);
	if (login->lease.state == LEASE_STOPPING)
		event_del(&login->timer);
	else
		arm_login(login, now);
	tell_login_change(login);
}

static void on_login_timer(evutil_socket_t fd, short what, void *arg)
{
	struct login *login = arg;
	uint64_t now = clock_now_ms(), due = login->lease.login_due;

	(void)fd;
	(void)what;
	if (lease_watches_credentials(&login->lease) && auth_credential_changed(login->auth)) {
		lease_credential_changed(&login->lease, now);
		if (login->lease.login_due < due)
			log_info("%sthe credentials have changed; next login in %s", login->label,
			    IN_WORDS(login->lease.login_due > now ? login->lease.login_due - now : 0));
	}
	login_drive(login);
}

static void on_health_back(void *arg, uint64_t outage_ms)
{
	struct login *login = arg;

	lease_recovered(&login->lease, clock_now_ms(), outage_ms);
	login_drive(login);
}

/* -- the login ---------------------------------------------------------------------------------------------- */

struct login *login_new(struct event_base *base, struct api *api, struct auth *auth, char *const *addresses,
    size_t count, bool revoke_on_stop)
{
	struct login *login = calloc(1, sizeof(*login));

	if (login == NULL) {
		auth_free(auth);
		return NULL;
	}
	login->base = base;
	login->api = api;
	login->auth = auth;
	login->revoke_on_stop = revoke_on_stop;
	login->counters = &login->own;
	login->label = "";
	for (size_t i = 0; i < count && i < REFUSED_NODES_MAX; i++)
		login->memory.node[i] = digest_of(addresses[i], strlen(addresses[i]), "", 0);
	lease_init(&login->lease, random_for_lease, log_lease, login);
	token_init_all(&login->tokens, base, api);
	evtimer_assign(&login->timer, base, on_login_timer, login);
	evtimer_assign(&login->change, base, on_login_change, login);
	evtimer_assign(&login->deliver, base, on_deliver, login);
	login->health = health_new(base, api, addresses, count, on_health_back, login);
	if (login->health == NULL) {
		login_free(login);
		return NULL;
	}
	health_watch(login->health, tell_login_change, login);
	return login;
}

void login_start(struct login *login)
{
	lease_start(&login->lease, clock_now_ms());
	login_drive(login);
}

void login_set_label(struct login *login, const char *label)
{
	login->label = label;
}

void login_count_in(struct login *login, struct login_counters *counters)
{
	login->counters = counters;
}

void login_remember(struct login *login, const struct refused *before)
{
	login->before = *before;
}

void login_refused(const struct login *login, struct refused *ret)
{
	if (refused_any(&login->before)) {
		*ret = login->before;
		return;
	}
	*ret = login->memory;
	ret->times = login->lease.refusals;
}

void login_on_refused(struct login *login, void (*changed)(void *arg, const struct refused *refused), void *arg)
{
	login->memory_changed = changed;
	login->memory_arg = arg;
}

void login_stop(struct login *login, uint64_t budget_ms, void (*done)(void *arg), void *arg)
{
	/* Requests that still hold references to tokens had their time to end. */
	token_end_all(&login->tokens, login->revoke_on_stop, budget_ms);
	/* A login under way is cancelled: to wait for its token, only to revoke that, would delay the stop. */
	auth_free(login->auth);
	login->auth = NULL;
	lease_stop(&login->lease);
	login_drive(login);
	event_active(&login->deliver, EV_TIMEOUT, 0); /* so that the waiters are called back before done runs */
	token_drain_all(&login->tokens, budget_ms, done, arg);
}

void login_free(struct login *login)
{
	struct waiters *lists[3];
	struct login_wait *w;

	if (login == NULL)
		return;
	lists[0] = &login->for_login;
	lists[1] = &login->for_lookup;
	lists[2] = &login->decided;
	auth_free(login->auth);
	cancel_renewal(login);
	http_cancel(login->lookup);
	health_free(login->health);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		while ((w = wait_first(lists[i])) != NULL)
			login_wait_cancel(w);
	}
	token_free_all(&login->tokens);
	if (login->current != NULL)
		token_release(login->current);
	event_del(&login->timer);
	event_del(&login->change);
	event_del(&login->deliver);
	free(login);
}

void login_on_refusal(struct login *login, void (*refused)(void *arg), void *arg)
{
	login->refused = refused;
	login->refused_arg = arg;
}

void login_watch(struct login *login, void (*changed)(void *arg), void *arg)
{
	login->changed = changed;
	login->changed_arg = arg;
}

void login_unreachable(struct login *login)
{
	health_failed(login->health);
}

void login_afresh(struct login *login)
{
	lease_login_wanted(&login->lease, clock_now_ms());
	login_drive(login);
}

enum health_state login_health(const struct login *login)
{
	return health_state(login->health);
}

enum lease_state login_state(const struct login *login)
{
	return login->lease.state;
}

static uint64_t from_now(uint64_t due, uint64_t now)
{
	return due == CLOCK_NEVER ? CLOCK_NEVER : due > now ? due - now : 0;
}

void login_status(const struct login *login, struct login_status *ret)
{
	const struct lease *lease = &login->lease;
	uint64_t now = clock_now_ms();

	*ret = (struct login_status){
		.state = lease->state,
		.health = health_state(login->health),
		.namespace_closed = api_namespace_closed(login->api),
		.ready = lease_live(lease, now),
		.logged_in_ms = login->logged_in_ms,
		.reason = login->reason.text,
		.lease_left_ms = lease_live(lease, now) ? from_now(lease->expires, now) : 0,
		.next_renewal_ms = from_now(lease->renew_due, now),
		.next_login_ms = from_now(lease->login_due, now),
		.counters = *login->counters,
	};
}
