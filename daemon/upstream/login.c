/*
 * login: drives the lease machine: starts the logins and renewals it asks for, tells it their results, holds the
 * token that came of them, and says in the log what happens. Those who wait for a token, or for the word on a
 * denied one, stand in lists.
 *
 * Nobody who waits is called back from within the function that decided it, but from the loop: the decided are one
 * more list, which a cancelled one just leaves.
 */
#include "daemon/upstream/login.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/waiters.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth.h"

#define LOGIN_MS 10000
#define RENEW_MS 10000
#define LOOKUP_MS 5000
#define WATCH_MS 250 /* between looks at the credentials, when new ones are hoped for */
/*
 * libevent's timers stand still while the machine sleeps, leases do not. So the machine is looked at this often,
 * and by whoever wants the token, whatever the timer says.
 */
#define SLEEP_MAX_MS 30000

struct login_wait {
	struct waiter waiter; /* the first member */
	struct waiters *list; /* it stands in; NULL: none */
	struct login *login;
	token_ready *done;
	void *arg;
	bool wrapped; /* for_lookup: the 403 was wrapped, as those of policies are */
	bool late;    /* for_lookup: the lookup had begun before this request was denied */
	bool failed;
	struct failure why; /* if failed */
};

struct login {
	struct event_base *base;
	struct api *api;
	struct auth *auth;
	struct health *health;
	struct lease lease;
	struct event timer; /* when the lease machine has something to do */
	struct tokens tokens;
	struct token *current; /* the login's reference; NULL when the machine holds none */
	bool revoke_on_stop;
	uint64_t login_since;
	struct http_call *renewal; /* under way */
	uint64_t renewal_since;
	enum auth_result failed; /* the last login's end, AUTH_OK if it worked */
	struct error reason;     /* of that, for the log and status */
	uint64_t logins, login_failures, renewals, renewal_failures;
	struct waiters for_login, for_lookup, decided;
	struct http_call *lookup;   /* lookup-self of the current token, under way */
	struct event deliver;       /* calls back those that are decided */
	void (*refused)(void *arg); /* login_on_refusal */
	void *refused_arg;
	struct event change; /* to be told */
	void (*changed)(void *arg);
	void *changed_arg;
};

/* Does what the lease machine wants done by now, and all that follows from its state. After each event. */
static void login_drive(struct login *k);

static uint64_t roll_lease(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	return clock_random(low, high);
}

static double in_seconds(uint64_t ms)
{
	return (double)ms / 1000;
}

static void log_lease(void *arg, enum lease_state from, enum lease_state to)
{
	(void)arg;
	log_info("token: %s, was %s", lease_state_name(to), lease_state_name(from));
}

/* Drives the machine if something has come due, of which no timer tells after a sleep of the host. */
static void login_catch_up(struct login *k)
{
	if (clock_now_ms() >= lease_next(&k->lease))
		login_drive(k);
}

/* OpenBao knows the current token no more. */
static void lose_token(struct login *k)
{
	log_warning("OpenBao does not know the token any more");
	lease_dead(&k->lease, clock_now_ms());
	login_drive(k);
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

static struct login_wait *wait_new(struct login *k, token_ready *done, void *arg)
{
	struct login_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->login = k;
	w->done = done;
	w->arg = arg;
	return w;
}

void login_wait_cancel(struct login_wait *w)
{
	wait_move(w, NULL);
	free(w);
}

/* why: NULL if there is a token. */
static void wait_decide(struct login_wait *w, const struct failure *why)
{
	struct timeval now = { .tv_sec = 0 };

	w->failed = why != NULL;
	if (why != NULL)
		w->why = *why;
	wait_move(w, &w->login->decided);
	/* a timer, so that who always waits anew does not hold up the loop */
	event_add(&w->login->deliver, &now);
}

/* Those that are decided by what is called back here get their turn in the next round of the loop. */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct login *k = arg;
	unsigned round = waiters_end_round(&k->decided);
	struct waiter *one;

	(void)fd;
	(void)what;
	while ((one = waiters_take(&k->decided, round)) != NULL) {
		struct login_wait w = *(struct login_wait *)(void *)one;

		free(one);
		w.done(w.arg, w.failed ? &w.why : NULL);
	}
}

/* Callers are told less than the log: no file names. */
static const char *why_no_login(const struct login *k)
{
	enum health_state health = health_state(k->health);

	if (k->lease.state == LEASE_STOPPING)
		return "the daemon is stopping";
	switch (k->failed) {
	case AUTH_OK:
		return "the token was revoked soon after the login, the next one has to wait";
	case AUTH_UNREACHABLE:
		return health_words(health_code(health) != CODE_NONE ? health : HEALTH_DOWN);
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

/* Decides it, unless it is worth its while to wait for a login. */
static void wait_settle(struct login_wait *w)
{
	struct login *k = w->login;
	struct failure why;

	if (k->current != NULL) {
		wait_decide(w, NULL);
	} else if (lease_waits(&k->lease)) {
		wait_move(w, &k->for_login);
	} else {
		failure_set(&why, CODE_NOT_READY, "no login at OpenBao: %s", why_no_login(k));
		wait_decide(w, &why);
	}
}

struct login_wait *login_wait(struct login *k, token_ready *done, void *arg)
{
	struct login_wait *w = wait_new(k, done, arg);

	if (w == NULL)
		return NULL;
	login_catch_up(k);
	wait_settle(w);
	return w;
}

/* -- denied requests ----------------------------------------------------------------------------------------- */

static void ask_lookup(struct login *k);

static void decide_lookups(struct login *k, enum code code, const char *message)
{
	struct login_wait *w;
	struct failure why;

	failure_set(&why, code, "%s", message);
	while ((w = wait_first(&k->for_lookup)) != NULL)
		wait_decide(w, &why);
}

/*
 * The token lived when OpenBao was asked. For one who was denied after that, in the words of a dead token, this
 * proves nothing: it is asked once more.
 */
static void decide_by_policy(struct login *k)
{
	struct login_wait *w, *next;
	struct failure why;

	failure_set(&why, CODE_PERMISSION_DENIED, "OpenBao's policies do not allow this to the daemon");
	why.status = 403;
	for (w = wait_first(&k->for_lookup); w != NULL; w = next) {
		next = (struct login_wait *)(void *)w->waiter.next;
		if (w->late && !w->wrapped)
			w->late = false;
		else
			wait_decide(w, &why);
	}
	if (!waiters_empty(&k->for_lookup))
		ask_lookup(k);
}

static void on_token_lookup(void *arg, const struct control *control)
{
	struct login *k = arg;

	k->lookup = NULL;
	switch (control->result) {
	case CONTROL_OK:
	case CONTROL_DENIED_WRAPPED:
		decide_by_policy(k);
		break;
	case CONTROL_DENIED:
		lose_token(k);
		break;
	case CONTROL_UNREACHABLE:
		health_failed(k->health);
		decide_lookups(k, CODE_UNAVAILABLE, "OpenBao denied the request and then did not answer");
		break;
	default:
		decide_lookups(k, CODE_UNAVAILABLE,
		    "OpenBao denied the request and did not say whether the token is valid");
		break;
	}
}

static void ask_lookup(struct login *k)
{
	const struct api_request request = { .token = token_text(k->current),
		.deadline_ms = clock_now_ms() + LOOKUP_MS };

	k->lookup = api_ask_control(k->api, API_LOOKUP_SELF, &request, on_token_lookup, k);
	if (k->lookup == NULL)
		decide_lookups(k, CODE_INTERNAL, "out of memory");
}

struct login_wait *login_denied(struct login *k, struct token *token, bool wrapped, token_ready *done, void *arg)
{
	struct login_wait *w = wait_new(k, done, arg);

	if (w == NULL)
		return NULL;
	login_catch_up(k);
	if (token != k->current) {
		wait_settle(w);
		return w;
	}
	w->wrapped = wrapped;
	w->late = k->lookup != NULL;
	wait_move(w, &k->for_lookup);
	if (k->lookup == NULL)
		ask_lookup(k);
	return w;
}

/* -- the current token --------------------------------------------------------------------------------------- */

/* t, with the login's reference, is the current token from now on; NULL: there is none. */
static void set_current(struct login *k, struct token *t)
{
	struct token *old = k->current;
	struct login_wait *w;

	k->current = t;
	/* What OpenBao would say of the old one is of no interest. */
	http_cancel(k->lookup);
	k->lookup = NULL;
	while ((w = wait_first(&k->for_lookup)) != NULL)
		wait_settle(w);
	if (old != NULL)
		token_release(old);
}

struct token *login_token(struct login *k)
{
	login_catch_up(k);
	return k->current != NULL ? token_ref(k->current) : NULL;
}

/* -- logins -------------------------------------------------------------------------------------------------- */

static enum lease_failure lease_failure_of(enum auth_result result)
{
	switch (result) {
	case AUTH_UNREACHABLE:
		return LEASE_UNREACHABLE;
	case AUTH_REJECTED:
		return LEASE_REFUSED;
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

/* The lease machine knows already. */
static void note_failed_login(struct login *k, uint64_t now, enum auth_result result, const char *reason)
{
	const struct lease *l = &k->lease;

	k->login_failures++;
	k->failed = result;
	error_set(&k->reason, "%s", reason);
	if (l->awaiting_recovery)
		log_error("login failed: %s; next try when OpenBao answers", k->reason.text);
	else if (l->locked_out)
		log_error("login failed: %s; taken for a lockout, next try in %.0f s", k->reason.text,
		    in_seconds(l->login_due - now));
	else
		log_error("login failed: %s; next try in %.1f s%s", k->reason.text, in_seconds(l->login_due - now),
		    l->watching ? ", or as soon as the credentials change" : "");
	if (result == AUTH_UNREACHABLE)
		health_failed(k->health);
	if ((result == AUTH_REJECTED || result == AUTH_DENIED || result == AUTH_CREDENTIAL) && k->refused != NULL)
		k->refused(k->refused_arg);
}

static void fail_login(struct login *k, uint64_t now, enum auth_result result, const char *reason)
{
	lease_login_failed(&k->lease, now, lease_failure_of(result));
	note_failed_login(k, now, result, reason);
}

static void take_login(struct login *k, uint64_t now, const struct auth_reply *reply)
{
	struct token *t = token_new(&k->tokens, reply->client_token, reply->borrowed);

	if (t == NULL) {
		fail_login(k, now, AUTH_FAILED, "out of memory");
		return;
	}
	if (!lease_login_ok(&k->lease, now, k->login_since, reply->lease_ms, reply->renewable)) {
		token_set_dead(t);
		token_release(t);
		note_failed_login(k, now, AUTH_FAILED, "the lease was over before the answer came");
		return;
	}
	k->logins++;
	k->failed = AUTH_OK;
	k->reason.text[0] = '\0';
	set_current(k, t);
	if (reply->lease_ms > 0)
		log_info("logged in: the lease is %.0f s, %s", in_seconds(reply->lease_ms),
		    reply->renewable ? "renewable" : "not renewable");
	else
		log_info("logged in: the token does not expire");
}

static void on_login(void *arg, const struct auth_reply *reply)
{
	struct login *k = arg;
	uint64_t now = clock_now_ms();

	if (reply->result == AUTH_OK)
		take_login(k, now, reply);
	else
		fail_login(k, now, reply->result, reply->reason);
	login_drive(k);
}

/* -- renewals ------------------------------------------------------------------------------------------------ */

static void on_renewed(void *arg, const struct control *control)
{
	struct login *k = arg;
	uint64_t now = clock_now_ms();
	bool was_near_max = k->lease.near_max;

	k->renewal = NULL;
	if (control->result == CONTROL_OK) {
		k->renewals++;
		lease_renew_ok(&k->lease, now, k->renewal_since, control->lease_ms, control->renewable);
		if (k->lease.near_max && !was_near_max)
			log_info("the token nears the end of its max TTL, with %.0f s granted: logging in afresh",
			    in_seconds(control->lease_ms));
		login_drive(k);
		return;
	}
	k->renewal_failures++;
	log_warning("renewal failed: %s", control->reason);
	if (control->result == CONTROL_UNREACHABLE)
		health_failed(k->health);
	if (control->result == CONTROL_DENIED) {
		lose_token(k);
		return;
	}
	lease_renew_failed(&k->lease, now);
	login_drive(k);
}

static void cancel_renewal(struct login *k)
{
	http_cancel(k->renewal);
	k->renewal = NULL;
}

static void start_renewal(struct login *k, uint64_t now)
{
	/* Half of what is left of the lease is for a login, should no answer come. */
	uint64_t half = (k->lease.expires - now) / 2;
	const struct api_request request = { .token = token_text(k->current),
		.deadline_ms = now + (half < RENEW_MS ? half : RENEW_MS) };

	/* One of the token before, that the machine has given up. */
	cancel_renewal(k);
	k->renewal_since = now;
	k->renewal = api_ask_control(k->api, API_RENEW_SELF, &request, on_renewed, k);
	if (k->renewal == NULL)
		lease_renew_failed(&k->lease, now);
}

/* -- the machine's driver ------------------------------------------------------------------------------------ */

static void on_login_change(evutil_socket_t fd, short what, void *arg)
{
	struct login *k = arg;

	(void)fd;
	(void)what;
	if (k->changed != NULL)
		k->changed(k->changed_arg);
}

static void tell_login_change(void *arg)
{
	struct login *k = arg;

	event_active(&k->change, EV_TIMEOUT, 0);
}

static void arm_login(struct login *k, uint64_t now)
{
	uint64_t next = lease_next(&k->lease),
		 most = lease_watches_credentials(&k->lease) ? WATCH_MS : SLEEP_MAX_MS;
	uint64_t ms = next <= now ? 0 : next - now < most ? next - now : most;
	struct timeval tv = clock_timeval(ms);

	event_add(&k->timer, &tv);
}

static void login_drive(struct login *k)
{
	uint64_t now = clock_now_ms();
	enum lease_action action;
	struct login_wait *w;

	while ((action = lease_step(&k->lease, now)) != LEASE_NOTHING) {
		if (action == LEASE_LOGIN) {
			k->login_since = now;
			auth_login(k->auth, now + LOGIN_MS, on_login, k);
		} else {
			start_renewal(k, now);
		}
	}
	if (!k->lease.renew_under_way)
		cancel_renewal(k);
	if (!k->lease.held && k->current != NULL) {
		token_set_dead(k->current);
		set_current(k, NULL);
	}
	/* The login that these wait for has come, or will not come. */
	while ((k->current != NULL || !lease_waits(&k->lease)) && (w = wait_first(&k->for_login)) != NULL)
		wait_settle(w);
	if (k->lease.state == LEASE_STOPPING)
		event_del(&k->timer);
	else
		arm_login(k, now);
	tell_login_change(k);
}

static void on_login_timer(evutil_socket_t fd, short what, void *arg)
{
	struct login *k = arg;
	uint64_t now = clock_now_ms(), due = k->lease.login_due;

	(void)fd;
	(void)what;
	if (lease_watches_credentials(&k->lease) && auth_credential_changed(k->auth)) {
		lease_credential_changed(&k->lease, now);
		if (k->lease.login_due < due)
			log_info("the credentials have changed; next login in %.1f s",
			    in_seconds(k->lease.login_due > now ? k->lease.login_due - now : 0));
	}
	login_drive(k);
}

static void on_health_back(void *arg, uint64_t outage_ms)
{
	struct login *k = arg;

	lease_recovered(&k->lease, clock_now_ms(), outage_ms);
	login_drive(k);
}

/* -- the login ---------------------------------------------------------------------------------------------- */

struct login *login_new(struct event_base *base, struct api *api, struct auth *auth, char *const *addresses,
    size_t count, bool revoke_on_stop)
{
	struct login *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		auth_free(auth);
		return NULL;
	}
	k->base = base;
	k->api = api;
	k->auth = auth;
	k->revoke_on_stop = revoke_on_stop;
	lease_init(&k->lease, roll_lease, log_lease, k);
	token_init_all(&k->tokens, base, api);
	evtimer_assign(&k->timer, base, on_login_timer, k);
	evtimer_assign(&k->change, base, on_login_change, k);
	evtimer_assign(&k->deliver, base, on_deliver, k);
	k->health = health_new(base, api, addresses, count, on_health_back, k);
	if (k->health == NULL) {
		login_free(k);
		return NULL;
	}
	health_watch(k->health, tell_login_change, k);
	return k;
}

void login_start(struct login *k)
{
	lease_start(&k->lease, clock_now_ms());
	login_drive(k);
}

void login_stop(struct login *k, uint64_t budget_ms, void (*done)(void *arg), void *arg)
{
	/* Requests that still refer to tokens have had their time. */
	token_end_all(&k->tokens, k->revoke_on_stop, budget_ms);
	/* A login under way is given up: waiting for its token, only to revoke it, would hold up the stop. */
	auth_free(k->auth);
	k->auth = NULL;
	lease_stop(&k->lease);
	login_drive(k);
	event_active(&k->deliver, EV_TIMEOUT, 0); /* before done */
	token_drain_all(&k->tokens, budget_ms, done, arg);
}

void login_free(struct login *k)
{
	struct waiters *lists[3];
	struct login_wait *w;

	if (k == NULL)
		return;
	lists[0] = &k->for_login;
	lists[1] = &k->for_lookup;
	lists[2] = &k->decided;
	auth_free(k->auth);
	cancel_renewal(k);
	http_cancel(k->lookup);
	health_free(k->health);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		while ((w = wait_first(lists[i])) != NULL)
			login_wait_cancel(w);
	}
	token_free_all(&k->tokens);
	if (k->current != NULL)
		token_release(k->current);
	event_del(&k->timer);
	event_del(&k->change);
	event_del(&k->deliver);
	free(k);
}

void login_on_refusal(struct login *k, void (*refused)(void *arg), void *arg)
{
	k->refused = refused;
	k->refused_arg = arg;
}

void login_watch(struct login *k, void (*changed)(void *arg), void *arg)
{
	k->changed = changed;
	k->changed_arg = arg;
}

void login_unreachable(struct login *k)
{
	health_failed(k->health);
}

void login_afresh(struct login *k)
{
	lease_login_wanted(&k->lease, clock_now_ms());
	login_drive(k);
}

enum health_state login_health(const struct login *k)
{
	return health_state(k->health);
}

enum lease_state login_state(const struct login *k)
{
	return k->lease.state;
}

static uint64_t from_now(uint64_t due, uint64_t now)
{
	return due == CLOCK_NEVER ? CLOCK_NEVER : due > now ? due - now : 0;
}

void login_status(const struct login *k, struct login_status *ret)
{
	const struct lease *l = &k->lease;
	uint64_t now = clock_now_ms();

	*ret = (struct login_status){
		.state = l->state,
		.health = health_state(k->health),
		.ready = lease_live(l, now),
		.reason = k->reason.text,
		.lease_left_ms = lease_live(l, now) ? from_now(l->expires, now) : 0,
		.next_renewal_ms = from_now(l->renew_due, now),
		.next_login_ms = from_now(l->login_due, now),
		.logins = k->logins,
		.login_failures = k->login_failures,
		.renewals = k->renewals,
		.renewal_failures = k->renewal_failures,
	};
}
