/*
 * token: drives the lease machine: starts the logins and renewals it asks for, tells it their results, holds the
 * token that came of them, and says in the log what happens.
 */
#include "daemon/upstream/token.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/token_internal.h"

#define LOGIN_MS 10000
#define RENEW_MS 10000
#define WATCH_MS 250 /* between looks at the credentials, when new ones are hoped for */
/*
 * libevent's timers stand still while the machine sleeps, leases do not. So the machine is looked at this often, and
 * by whoever wants the token, whatever the timer says.
 */
#define SLEEP_MOST_MS 30000

static uint64_t roll(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	return clock_random(low, high);
}

static double seconds(uint64_t ms)
{
	return (double)ms / 1000;
}

static void on_changed(void *arg, enum lease_state from, enum lease_state to)
{
	(void)arg;
	log_info("token: %s, was %s", lease_state_name(to), lease_state_name(from));
}

/* The current token, with the keeper's reference; NULL: none. */
static void set_current(struct keeper *k, struct token *t)
{
	struct token *old = k->current;

	k->current = t;
	token_wait_replaced(k);
	if (old != NULL)
		token_release(old);
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

static void log_failed_login(const struct keeper *k, uint64_t now)
{
	const struct lease *l = &k->lease;
	const char *reason = k->reason.text, *or_new = l->watching ? ", or as soon as the credentials change" : "";

	if (l->awaiting_recovery)
		log_error("login failed: %s; next try when OpenBao answers", reason);
	else if (l->locked_out)
		log_error("login failed: %s; taken for a lockout, next try in %.0f s", reason, seconds(l->login_due - now));
	else
		log_error("login failed: %s; next try in %.1f s%s", reason, seconds(l->login_due - now), or_new);
}

/* The lease machine knows already. */
static void note_failed_login(struct keeper *k, uint64_t now, enum auth_result result, const char *reason)
{
	k->login_failures++;
	k->failed = result;
	error_set(&k->reason, "%s", reason);
	log_failed_login(k, now);
	if (result == AUTH_UNREACHABLE)
		reach_failed(k->reach);
	if ((result == AUTH_REJECTED || result == AUTH_DENIED || result == AUTH_CREDENTIAL) && k->refused != NULL)
		k->refused(k->refused_arg);
}

static void login_failed(struct keeper *k, uint64_t now, enum auth_result result, const char *reason)
{
	lease_login_failed(&k->lease, now, lease_failure_of(result));
	note_failed_login(k, now, result, reason);
}

static void logged_in(struct keeper *k, uint64_t now, const struct auth_reply *reply)
{
	struct token *t = token_new(k, reply->client_token);

	if (t == NULL) {
		login_failed(k, now, AUTH_FAILED, "out of memory");
		return;
	}
	t->borrowed = reply->borrowed;
	if (!lease_login_ok(&k->lease, now, k->login_since, reply->lease_ms, reply->renewable)) {
		t->dead = true;
		token_release(t);
		note_failed_login(k, now, AUTH_FAILED, "the lease was over before the answer came");
		return;
	}
	k->logins++;
	k->failed = AUTH_OK;
	k->reason.text[0] = '\0';
	set_current(k, t);
	if (reply->lease_ms > 0)
		log_info("logged in: the lease is %.0f s, %s", seconds(reply->lease_ms),
		    reply->renewable ? "renewable" : "not renewable");
	else
		log_info("logged in: the token does not expire");
}

static void on_login(void *arg, const struct auth_reply *reply)
{
	struct keeper *k = arg;
	uint64_t now = clock_now_ms();

	if (reply->result == AUTH_OK)
		logged_in(k, now, reply);
	else
		login_failed(k, now, reply->result, reply->reason);
	keeper_drive(k);
}

static void start_login(struct keeper *k, uint64_t now)
{
	k->login_since = now;
	auth_login(k->auth, now + LOGIN_MS, on_login, k);
}

/* -- renewals ------------------------------------------------------------------------------------------------ */

static void renewed(struct keeper *k, uint64_t now, const struct control *control)
{
	bool was_near_max = k->lease.near_max;

	k->renewals++;
	lease_renew_ok(&k->lease, now, k->renewal_since, control->lease_ms, control->renewable);
	if (k->lease.near_max && !was_near_max)
		log_info("the token nears the end of its max TTL, with %.0f s granted: logging in afresh",
		    seconds(control->lease_ms));
}

static void on_renewed(void *arg, const struct control *control)
{
	struct keeper *k = arg;
	uint64_t now = clock_now_ms();

	k->renewal = NULL;
	if (control->result == CONTROL_OK) {
		renewed(k, now, control);
		keeper_drive(k);
		return;
	}
	k->renewal_failures++;
	log_warning("renewal failed: %s", control->reason);
	if (control->result == CONTROL_UNREACHABLE)
		reach_failed(k->reach);
	if (control->result == CONTROL_DENIED) {
		keeper_token_dead(k);
		return;
	}
	lease_renew_failed(&k->lease, now);
	keeper_drive(k);
}

static void cancel_renewal(struct keeper *k)
{
	if (k->renewal != NULL)
		http_cancel(k->renewal);
	k->renewal = NULL;
}

static void start_renewal(struct keeper *k, uint64_t now)
{
	/* Half of what is left of the lease is for a login, should no answer come. */
	uint64_t half = (k->lease.expires - now) / 2, most = half < RENEW_MS ? half : RENEW_MS;

	/* One of the token before, that the machine has given up. */
	cancel_renewal(k);
	k->renewal_since = now;
	k->renewal = api_ask_control(k->api, API_RENEW_SELF,
	    &(struct api_request){.token = k->current->text, .deadline_ms = now + most}, on_renewed, k);
	if (k->renewal == NULL)
		lease_renew_failed(&k->lease, now);
}

/* -- who watches ----------------------------------------------------------------------------------------------- */

static void on_change(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;

	(void)fd;
	(void)what;
	if (k->changed != NULL)
		k->changed(k->changed_arg);
}

static void tell_change(void *arg)
{
	struct keeper *k = arg;

	event_active(&k->change, EV_TIMEOUT, 0);
}

void keeper_watch(struct keeper *k, void (*changed)(void *arg), void *arg)
{
	k->changed = changed;
	k->changed_arg = arg;
}

/* -- the machine's driver ------------------------------------------------------------------------------------ */

static void arm(struct keeper *k, uint64_t now)
{
	uint64_t next = lease_next(&k->lease), most = lease_watches_credentials(&k->lease) ? WATCH_MS : SLEEP_MOST_MS;
	uint64_t ms = next <= now ? 0 : next - now < most ? next - now : most;
	struct timeval tv = clock_timeval(ms);

	event_add(&k->timer, &tv);
}

void keeper_drive(struct keeper *k)
{
	uint64_t now = clock_now_ms();
	enum lease_action action;

	while ((action = lease_step(&k->lease, now)) != LEASE_NOTHING) {
		if (action == LEASE_LOGIN)
			start_login(k, now);
		else
			start_renewal(k, now);
	}
	if (!k->lease.renew_under_way)
		cancel_renewal(k);
	if (!k->lease.held && k->current != NULL) {
		k->current->dead = true;
		set_current(k, NULL);
	}
	token_wait_settle(k);
	if (k->lease.state == LEASE_STOPPING)
		event_del(&k->timer);
	else
		arm(k, now);
	tell_change(k);
}

void keeper_catch_up(struct keeper *k)
{
	if (clock_now_ms() >= lease_next(&k->lease))
		keeper_drive(k);
}

void keeper_token_dead(struct keeper *k)
{
	log_warning("OpenBao does not know the token any more");
	lease_dead(&k->lease, clock_now_ms());
	keeper_drive(k);
}

static void look_at_credentials(struct keeper *k)
{
	uint64_t now = clock_now_ms(), due = k->lease.login_due;

	if (!auth_credential_changed(k->auth))
		return;
	lease_credential_changed(&k->lease, now);
	if (k->lease.login_due < due)
		log_info("the credentials have changed; next login in %.1f s",
		    seconds(k->lease.login_due > now ? k->lease.login_due - now : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;

	(void)fd;
	(void)what;
	if (lease_watches_credentials(&k->lease))
		look_at_credentials(k);
	keeper_drive(k);
}

static void on_back(void *arg, uint64_t outage_ms)
{
	struct keeper *k = arg;

	lease_recovered(&k->lease, clock_now_ms(), outage_ms);
	keeper_drive(k);
}

void keeper_on_refusal(struct keeper *k, void (*refused)(void *arg), void *arg)
{
	k->refused = refused;
	k->refused_arg = arg;
}

/* -- the keeper ---------------------------------------------------------------------------------------------- */

struct keeper *keeper_new(struct event_base *base, struct api *api, struct auth *auth, char *const *addresses,
    size_t count, bool revoke_on_stop)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		auth_free(auth);
		return NULL;
	}
	k->base = base;
	k->api = api;
	k->auth = auth;
	k->revoke_on_stop = revoke_on_stop;
	lease_init(&k->lease, roll, on_changed, k);
	evtimer_assign(&k->timer, base, on_timer, k);
	evtimer_assign(&k->change, base, on_change, k);
	token_wait_init(k);
	token_revoke_init(k);
	k->reach = reach_new(base, api, addresses, count, on_back, k);
	if (k->reach == NULL) {
		keeper_free(k);
		return NULL;
	}
	reach_watch(k->reach, tell_change, k);
	return k;
}

void keeper_start(struct keeper *k)
{
	lease_start(&k->lease, clock_now_ms());
	keeper_drive(k);
}

void keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	auth_free(k->auth);
	cancel_renewal(k);
	reach_free(k->reach);
	token_wait_free(k);
	token_revoke_free(k);
	if (k->current != NULL)
		token_release(k->current);
	event_del(&k->timer);
	event_del(&k->change);
	free(k);
}

struct token *keeper_token(struct keeper *k)
{
	keeper_catch_up(k);
	if (k->current != NULL)
		k->current->references++;
	return k->current;
}

void keeper_unreachable(struct keeper *k)
{
	reach_failed(k->reach);
}

void keeper_login_afresh(struct keeper *k)
{
	lease_login_wanted(&k->lease, clock_now_ms());
	keeper_drive(k);
}

enum reach_state keeper_reach(const struct keeper *k)
{
	return reach_state(k->reach);
}

enum lease_state keeper_state(const struct keeper *k)
{
	return k->lease.state;
}

static uint64_t from_now(uint64_t due, uint64_t now)
{
	return due == CLOCK_NEVER ? CLOCK_NEVER : due > now ? due - now : 0;
}

void keeper_status(const struct keeper *k, struct keeper_status *ret)
{
	const struct lease *l = &k->lease;
	uint64_t now = clock_now_ms();

	*ret = (struct keeper_status){
		.state = l->state,
		.reach = reach_state(k->reach),
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
