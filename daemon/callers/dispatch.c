/*
 * dispatch: one function per op. What takes time is a struct work from the request to the store's callback. What does
 * not, a get answered from memory above all, is answered at once and without one, and on record all the same.
 */
#include "daemon/callers/dispatch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "daemon/store/probe.h"
#include "daemon/upstream/keeper.h"
#include "proto/frame.h"

void dispatch_refuse(struct dispatch *d, struct call *call, const struct failure *why)
{
	d->counters.failures++;
	if (why->code == CODE_FORBIDDEN)
		d->counters.forbidden++;
	call_fail(call, why);
}

void dispatch_refuse_memory(struct dispatch *d, struct call *call)
{
	struct failure why;
	failure_set(&why, CODE_INTERNAL, "out of memory");
	dispatch_refuse(d, call, &why);
}

/* -- kv ------------------------------------------------------------------------------------------------------ */

static void count_cached(struct dispatch *d, const struct kv_reply *reply)
{
	d->counters.cache_hits += reply->cached && !reply->stale;
	d->counters.cache_stale += reply->stale;
}

static void write_kv(struct jwrite *w, const struct kv_reply *reply)
{
	jwrite_uint(w, "version", reply->version);
	if (reply->created_time.len > 0)
		jwrite_span(w, "created_time", reply->created_time);
	if (reply->metadata.len > 0)
		jwrite_span(w, "metadata", reply->metadata);
	else
		jwrite_null(w, "metadata");
	if (reply->cached) {
		jwrite_uint(w, "age_ms", reply->age_ms);
		jwrite_bool(w, "stale", reply->stale);
	}
	if (reply->data.len > 0)
		jwrite_span(w, "data", reply->data);
}

static void answer_kv(struct work *work, struct jwrite *w)
{
	write_kv(w, &work->reply);
}

static void on_kv(void *arg, const struct kv_reply *reply)
{
	struct work *work = arg;
	work->reply = *reply;
	count_cached(work->dispatch, reply);
	work_end(work, reply->failure);
}

static bool abandon_put(struct work *work)
{
	return kv_put_abandon(work->put);
}

static void begin_put(struct work *work)
{
	const struct kv_write what = { .name = work->name, .row = API_KV_PUT, .data = work->data, .data_len = work->data_len,
		.cas = work->has_cas ? &work->cas : NULL, .caller = work->peer.uid, .deadline_ms = work->deadline_ms,
		.number = work->number };
	work->put = kv_put(work->dispatch->parts.kv, &what, on_kv, work);
	work_started(work, work->put != NULL);
}

static void start_put(struct work *work, const struct request *r)
{
	work->dispatch->counters.puts++;
	work->data = r->data.p;
	work->data_len = r->data.len;
	work->has_cas = r->has_cas;
	work->cas = r->cas;
	work->answer = answer_kv;
	work->abandon = abandon_put;
	work_begin(work, begin_put);
}

static bool abandon_get(struct work *work)
{
	kv_get_abandon(work->get);
	return false;
}

static void begin_get(struct work *work)
{
	work->get = kv_get(work->dispatch->parts.kv, work->peer.uid, &work->wanted, work->deadline_ms, on_kv, work);
	work_started(work, work->get != NULL);
}

static struct kv_wanted wanted_by(const struct request *r)
{
	return (struct kv_wanted){ .name = (struct secret_name *)(uintptr_t)&r->name, .row = API_KV_GET, .version = r->version,
		.min_version = r->min_version, .max_age_ms = r->has_max_age ? r->max_age_ms : KV_ANY_AGE };
}

static void start_get(struct work *work, const struct request *r)
{
	work->wanted = wanted_by(r);
	work->wanted.name = work->name;
	work->wanted.number = work->number;
	work->answer = answer_kv;
	work->abandon = abandon_get;
	work_begin(work, begin_get);
}

/* False: it takes a read. */
static bool answer_get_at_once(struct dispatch *d, struct call *call, const struct request *r, const char *rule)
{
	const struct kv_wanted wanted = wanted_by(r);
	struct kv_reply reply;
	struct jwrite w;
	uint64_t began_us = call_now_us(call);
	d->counters.gets++;
	if (!kv_cached(d->parts.kv, &wanted, began_us / 1000, &reply))
		return false;
	const struct peer *peer = call_peer(call); /* outlasts the call, which ends with its answer */
	count_cached(d, &reply);
	call_answer_begin(call, &w);
	write_kv(&w, &reply);
	call_answer_end(call, &w);
	dispatch_audit(d, peer, r, rule, &(struct outcome){ .version = reply.version, .began_us = began_us });
	return true;
}

/* -- probe --------------------------------------------------------------------------------------------------- */

static bool abandon_probe(struct work *work)
{
	probe_abandon(work->probe_wait);
	return false;
}

static void answer_probe(struct work *work, struct jwrite *w)
{
	(void)work;
	jwrite_text(w, "name", PROBE_NAME);
}

static void on_probe(void *arg, const struct failure *why)
{
	work_end(arg, why);
}

static void begin_probe(struct work *work)
{
	work->probe_wait = probe_ask(work->dispatch->parts.probe, work->deadline_ms, on_probe, work);
	work_started(work, work->probe_wait != NULL);
}

static void start_probe(struct work *work)
{
	work->dispatch->counters.probes++;
	work->answer = answer_probe;
	work->abandon = abandon_probe;
	work_begin(work, begin_probe);
}

/* -- the others ---------------------------------------------------------------------------------------------- */

static void answer_ping(struct dispatch *d, struct call *call)
{
	struct jwrite w;
	call_answer_begin(call, &w);
	status_write_ping(&w, d->parts.keeper, &d->parts.limits);
	call_answer_end(call, &w);
}

static void answer_status(struct dispatch *d, struct call *call)
{
	struct jwrite w;
	call_answer_begin(call, &w);
	d->counters.audit_dropped = audit_dropped(d->parts.audit);
	status_write(&w, d->parts.keeper, &d->counters, clock_now_ms() - d->started_ms);
	status_write_cache(&w, d->parts.kv);
	status_write_caller(&w, call_peer(call), d->parts.rules);
	call_answer_end(call, &w);
}

/* The rule that allows it, or NULL. */
static const struct rule *find_rule(const struct dispatch *d, struct call *call, const struct request *r)
{
	WRITTEN_FIRST char path[SECRET_KEY_MAX];
	if (!op_has_path(r->op))
		return rules_find(d->parts.rules, call_peer(call), r->op, NULL);
	memcpy(path, r->name.key, r->name.key_len);
	path[r->name.path_at - 1] = '/';
	return rules_find(d->parts.rules, call_peer(call), r->op, path);
}

static void deny(struct dispatch *d, struct call *call, const struct request *r)
{
	struct failure why;
	dispatch_audit(d, call_peer(call), r, NULL, &(struct outcome){ .code = CODE_FORBIDDEN, .began_us = call_now_us(call) });
	failure_set(&why, CODE_FORBIDDEN, "no rule of this daemon allows %s%s to uid %lu", op_name(r->op),
	    op_has_path(r->op) ? " of this path" : "", (unsigned long)call_peer(call)->uid);
	dispatch_refuse(d, call, &why);
}

void dispatch_request(void *arg, struct call *call, const struct request *r, uint64_t deadline_ms)
{
	struct dispatch *d = arg;
	d->counters.requests++;
	if (r->op == OP_PING) {
		answer_ping(d, call);
		return;
	}
	const struct rule *rule = find_rule(d, call, r);
	if (rule == NULL) {
		deny(d, call, r);
		return;
	}
	if (r->op == OP_STATUS) {
		const struct outcome ok = { .code = CODE_NONE, .began_us = call_now_us(call) };
		dispatch_audit(d, call_peer(call), r, rule->name, &ok);
		answer_status(d, call);
		return;
	}
	if (r->op == OP_KV_GET && answer_get_at_once(d, call, r, rule->name))
		return;
	struct work *work = work_new(d, call, r, rule->name, deadline_ms);
	if (work == NULL)
		return;
	if (r->op == OP_KV_PUT)
		start_put(work, r);
	else if (r->op == OP_KV_GET)
		start_get(work, r);
	else if (r->op == OP_PROBE)
		start_probe(work);
	else if (r->op == OP_SNAPSHOT_SAVE)
		dispatch_save(work);
	else
		dispatch_restore(work, r->force);
}

struct dispatch *dispatch_new(const struct dispatch_parts *parts)
{
	struct dispatch *d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->parts = *parts;
	d->started_ms = clock_now_ms();
	return d;
}

void dispatch_use(struct dispatch *d, const struct dispatch_parts *parts)
{
	d->parts = *parts;
}

void dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	works_free(d);
	free(d);
}
