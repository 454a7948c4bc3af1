/*
 * kv_cache: when an answer from the cache will do, and what reads, puts and logins do to the cache.
 */
#include <event2/event.h>

#include "base/clock.h"
#include "daemon/store/kv_internal.h"
#include "daemon/upstream/keeper.h"

#define EXPIRY_LEAST_MS 100u /* between two looks at what is too old */

/* -- answers ------------------------------------------------------------------------------------------------- */

/*
 * A version by its number is always asked for: who wants one by number is after something that no cache can vouch for, its
 * not having been deleted since.
 */
static bool find(struct kv *kv, const struct kv_wanted *wanted, uint64_t limit_ms, uint64_t now_ms, struct kv_reply *ret)
{
	uint64_t most = wanted->max_age_ms < limit_ms ? wanted->max_age_ms : limit_ms, age;
	const struct cache_value *value;

	if (most == 0 || wanted->version != 0)
		return false;
	value = cache_find(kv->cache, wanted->mount, wanted->path, now_ms);
	if (value == NULL || value->version < wanted->min_version)
		return false;
	age = now_ms - value->sent_ms;
	if (age >= most)
		return false;
	*ret = (struct kv_reply){ .data = value->data, .metadata = value->metadata, .created_time = value->created_time,
		.version = value->version, .cached = true, .stale = age >= kv->options.max_age_ms, .age_ms = age };
	return true;
}

static bool is_known_to_be_away(const struct kv *kv)
{
	enum reach_state reach = keeper_reach(kv->keeper);

	return reach != REACH_UP && reach != REACH_SUSPECT;
}

bool kv_cache_stale(struct kv *kv, const struct kv_wanted *wanted, struct kv_reply *ret)
{
	return !kv->draining && keeper_state(kv->keeper) != LEASE_REJECTED &&
	    find(kv, wanted, kv->options.serve_stale_ms, clock_now_ms(), ret);
}

bool kv_cached(struct kv *kv, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret)
{
	if (find(kv, wanted, kv->options.max_age_ms, now_ms, ret))
		return true;
	return kv->options.serve_stale_ms > 0 && is_known_to_be_away(kv) && kv_cache_stale(kv, wanted, ret);
}

/* Of what is kept; 0: the cache is off. */
static uint64_t lifetime(const struct kv *kv)
{
	const struct kv_options *o = &kv->options;

	if (kv->paused)
		return 0;
	return o->max_age_ms > o->serve_stale_ms ? o->max_age_ms : o->serve_stale_ms;
}

/* -- a call's steps ------------------------------------------------------------------------------------------ */

int kv_cache_begin(struct kv_call *call)
{
	struct kv *kv = call->kv;

	if (!call->is_put && lifetime(kv) == 0)
		return 0;
	call->held = cache_hold(kv->cache, call->mount, call->path);
	return call->held != NULL ? 0 : -1;
}

void kv_cache_send(struct kv_call *call)
{
	if (call->held == NULL)
		return;
	call->ticket = cache_ticket(call->kv->cache, call->held);
	if (!call->is_put || call->counted)
		return;
	cache_put_sent(call->kv->cache, call->held);
	call->counted = true;
}

static void look_again(struct kv *kv, uint64_t now, uint64_t due)
{
	uint64_t ms = due > now + EXPIRY_LEAST_MS ? due - now : EXPIRY_LEAST_MS;
	struct timeval tv = clock_timeval(ms);

	if (due != CLOCK_NEVER)
		(void)event_add(&kv->expiry, &tv);
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct kv *kv = arg;
	uint64_t now = clock_now_ms();

	(void)fd;
	(void)what;
	look_again(kv, now, cache_expire(kv->cache, now));
}

void kv_cache_fill(struct kv_call *call, const struct kv_reply *reply)
{
	struct kv *kv = call->kv;
	const struct cache_value value = { .data = reply->data, .metadata = reply->metadata,
		.created_time = reply->created_time, .version = reply->version, .sent_ms = call->sent_ms };

	if (call->held == NULL || call->is_put || call->version != 0)
		return;
	cache_fill(kv->cache, call->held, call->ticket, &value);
	if (!event_pending(&kv->expiry, EV_TIMEOUT, NULL))
		on_expiry(-1, EV_TIMEOUT, kv);
}

/* OpenBao has said that the secret is not there, or not to be had: what is known of it is not to be given any more. */
void kv_cache_failed(struct kv_call *call, int status)
{
	bool denied = status == 400 || status == 403, absent = status == 404 && call->version == 0;

	if (call->held != NULL && !call->is_put && (denied || absent))
		cache_forget(call->kv->cache, call->held);
}

void kv_cache_end(struct kv_call *call)
{
	struct cache *cache = call->kv->cache;

	if (call->held == NULL)
		return;
	if (call->counted)
		cache_put_ended(cache, call->held);
	cache_release(cache, call->held);
}

/* -- the cache ----------------------------------------------------------------------------------------------- */

void kv_cache_clear(struct kv *kv)
{
	cache_clear(kv->cache);
}

static void on_refusal(void *arg)
{
	kv_cache_clear(arg);
}

void kv_status(const struct kv *kv, struct kv_status *ret)
{
	*ret = (struct kv_status){ .entries = cache_entries(kv->cache), .bytes = cache_bytes(kv->cache) };
}

static void apply(struct kv *kv)
{
	cache_set_limits(kv->cache, lifetime(kv), kv->options.max_bytes);
	on_expiry(-1, EV_TIMEOUT, kv);
}

void kv_set_cache(struct kv *kv, const struct kv_options *options)
{
	kv->options = *options;
	apply(kv);
}

void kv_pause_cache(struct kv *kv, bool paused)
{
	kv->paused = paused;
	apply(kv);
}

int kv_cache_init(struct kv *kv)
{
	kv->cache = cache_new(lifetime(kv), kv->options.max_bytes);
	if (kv->cache == NULL)
		return -1;
	(void)evtimer_assign(&kv->expiry, kv->base, on_expiry, kv);
	keeper_on_refusal(kv->keeper, on_refusal, kv);
	return 0;
}

void kv_cache_free(struct kv *kv)
{
	if (kv->cache == NULL)
		return;
	keeper_on_refusal(kv->keeper, NULL, NULL);
	event_del(&kv->expiry);
	cache_free(kv->cache);
}
