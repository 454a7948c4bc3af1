/*
 * answers: judges how old an answer may be. What is kept, and when it is dropped, is up to the cache.
 */
#include "daemon/store/answers.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/store/cache.h"
#include "daemon/upstream/login.h"

#define EXPIRY_MIN_MS 100u /* between two calls of cache_expire() */

struct answers {
	struct login *login;
	struct kv_options options;
	struct cache *cache; /* even while it is off it is told of puts, and so can be turned on at any time */
	bool paused, stopping;
	struct event expiry;
};

/* -- answers ------------------------------------------------------------------------------------------------- */

/*
 * A get of a version by its number is never answered from the cache: the caller wants to know, too, that the
 * version has not been deleted since, which no cache can tell.
 */
static bool answers_find_younger(struct answers *a, const struct kv_wanted *wanted, uint64_t limit_ms,
    uint64_t now_ms, struct kv_reply *ret)
{
	uint64_t most = wanted->max_age_ms < limit_ms ? wanted->max_age_ms : limit_ms, age;
	const struct cache_value *value;

	if (most == 0 || wanted->version != 0 || wanted->row != API_KV_GET)
		return false;
	value = cache_find(a->cache, wanted->name, now_ms);
	if (value == NULL || value->version < wanted->min_version)
		return false;
	age = now_ms - value->sent_ms;
	if (age >= most)
		return false;
	*ret = (struct kv_reply){ .data = value->data,
		.metadata = value->metadata,
		.created_time = value->created_time,
		.version = value->version,
		.cached = true,
		.stale = age >= a->options.max_age_ms,
		.age_ms = age };
	return true;
}

bool answers_find_stale(struct answers *a, const struct kv_wanted *wanted, struct kv_reply *ret)
{
	return !a->stopping && login_state(a->login) != LEASE_REJECTED &&
	    answers_find_younger(a, wanted, a->options.serve_stale_ms, clock_now_ms(), ret);
}

bool answers_find(struct answers *a, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret)
{
	if (answers_find_younger(a, wanted, a->options.max_age_ms, now_ms, ret))
		return true;
	return a->options.serve_stale_ms > 0 && health_code(login_health(a->login)) != CODE_NONE &&
	    answers_find_stale(a, wanted, ret);
}

/* -- the steps of a read and a put --------------------------------------------------------------------------- */

/* Gives how long entries are kept; 0: the cache is off. */
static uint64_t answers_lifetime_ms(const struct answers *a)
{
	const struct kv_options *o = &a->options;

	if (a->paused)
		return 0;
	return o->max_age_ms > o->serve_stale_ms ? o->max_age_ms : o->serve_stale_ms;
}

int answers_begin_read(struct answers *a, struct cache_use *cache_use, const struct secret_name *name)
{
	if (answers_lifetime_ms(a) == 0)
		return 0;
	cache_use->secret = cache_hold(a->cache, name);
	return cache_use->secret != NULL ? 0 : -1;
}

int answers_begin_put(struct answers *a, struct cache_use *cache_use, const struct secret_name *name)
{
	cache_use->is_put = true;
	cache_use->secret = cache_hold(a->cache, name);
	return cache_use->secret != NULL ? 0 : -1;
}

void answers_sent(struct answers *a, struct cache_use *cache_use)
{
	if (cache_use->secret == NULL)
		return;
	cache_use->ticket = cache_ticket(a->cache, cache_use->secret);
	if (!cache_use->is_put || cache_use->counted)
		return;
	cache_put_sent(a->cache, cache_use->secret);
	cache_use->counted = true;
}

static void answers_on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct answers *a = arg;
	uint64_t now = clock_now_ms(), due = cache_expire(a->cache, now);
	struct timeval tv = clock_timeval(due > now + EXPIRY_MIN_MS ? due - now : EXPIRY_MIN_MS);

	(void)fd;
	(void)what;
	if (due != CLOCK_NEVER)
		(void)event_add(&a->expiry, &tv);
}

void answers_keep(struct answers *a, struct cache_use *cache_use, const struct answer *answer, uint64_t sent_ms)
{
	const struct cache_value value = { .data = answer->data,
		.metadata = answer->metadata,
		.created_time = answer->created_time,
		.version = answer->version,
		.sent_ms = sent_ms };

	if (cache_use->secret == NULL)
		return;
	cache_fill(a->cache, cache_use->secret, cache_use->ticket, &value);
	if (!event_pending(&a->expiry, EV_TIMEOUT, NULL))
		answers_on_expiry(-1, EV_TIMEOUT, a);
}

/*
 * These statuses say that the secret is not there, or not to be had: its entry must not be given any more. A 404
 * for one version says nothing of the latest.
 */
void answers_refused(struct answers *a, struct cache_use *cache_use, int status, bool latest)
{
	if (cache_use->secret != NULL && (status == 400 || status == 403 || (status == 404 && latest)))
		cache_forget(a->cache, cache_use->secret);
}

void answers_end(struct answers *a, struct cache_use *cache_use)
{
	if (cache_use->secret == NULL)
		return;
	if (cache_use->counted)
		cache_put_ended(a->cache, cache_use->secret);
	cache_release(a->cache, cache_use->secret);
	cache_use->secret = NULL;
}

/* -- the cache ----------------------------------------------------------------------------------------------- */

void answers_clear(struct answers *a)
{
	cache_clear(a->cache);
}

void answers_status(const struct answers *a, struct kv_status *ret)
{
	*ret = (struct kv_status){ .entries = cache_entries(a->cache), .bytes = cache_bytes(a->cache) };
}

static void answers_apply(struct answers *a)
{
	cache_set_limits(a->cache, answers_lifetime_ms(a), a->options.max_bytes);
	answers_on_expiry(-1, EV_TIMEOUT, a);
}

void answers_set_options(struct answers *a, const struct kv_options *options)
{
	a->options = *options;
	answers_apply(a);
}

void answers_pause(struct answers *a, bool paused)
{
	a->paused = paused;
	answers_apply(a);
}

void answers_stop(struct answers *a)
{
	a->stopping = true;
}

static void answers_on_refusal(void *arg)
{
	answers_clear(arg);
}

struct answers *answers_new(struct event_base *base, struct login *login, const struct kv_options *options)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->login = login;
	a->options = *options;
	a->cache = cache_new(answers_lifetime_ms(a), options->max_bytes);
	if (a->cache == NULL) {
		free(a);
		return NULL;
	}
	(void)evtimer_assign(&a->expiry, base, answers_on_expiry, a);
	login_on_refusal(login, answers_on_refusal, a);
	return a;
}

void answers_free(struct answers *a)
{
	if (a == NULL)
		return;
	login_on_refusal(a->login, NULL, NULL);
	event_del(&a->expiry);
	cache_free(a->cache);
	free(a);
}
