/*
 * dispatch: one function per op. What takes time holds a struct work from the request to the store's callback; if
 * the caller goes away first, the session abandons it.
 */
#include "daemon/callers/dispatch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/store/kv.h"
#include "daemon/store/probe.h"
#include "daemon/upstream/token.h"
#include "proto/frame.h"

struct work {
	struct dispatch *dispatch;
	struct call *call;
	struct kv_call *put;
	struct kv_read *get;
	struct probe_wait *probe_wait;
};

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

/* NULL: no memory, and the caller has been told. */
static struct work *work_new(struct dispatch *d, struct call *call)
{
	struct work *work = calloc(1, sizeof(*work));
	if (work == NULL) {
		dispatch_refuse_memory(d, call);
		return NULL;
	}
	work->dispatch = d;
	work->call = call;
	return work;
}

/* -- kv ------------------------------------------------------------------------------------------------------ */

static void abandon_get(void *arg)
{
	struct work *work = arg;
	kv_read_abandon(work->get);
	free(work);
}

static void abandon_put(void *arg)
{
	struct work *work = arg;
	kv_abandon(work->put);
	free(work);
}

static void answer_kv(struct dispatch *d, struct call *call, const struct kv_reply *reply)
{
	struct jwrite w;
	d->counters.cache_hits += reply->cached && !reply->stale;
	d->counters.cache_stale += reply->stale;
	call_answer_begin(call, &w);
	jwrite_uint(&w, "version", reply->version);
	if (reply->created_time.len > 0)
		jwrite_span(&w, "created_time", reply->created_time);
	if (reply->metadata.len > 0)
		jwrite_span(&w, "metadata", reply->metadata);
	else
		jwrite_null(&w, "metadata");
	if (reply->cached) {
		jwrite_uint(&w, "age_ms", reply->age_ms);
		jwrite_bool(&w, "stale", reply->stale);
	}
	if (reply->data.len > 0)
		jwrite_span(&w, "data", reply->data);
	call_answer_end(call, &w);
}

static void on_kv(void *arg, const struct kv_reply *reply)
{
	struct work *work = arg;
	struct dispatch *d = work->dispatch;
	struct call *call = work->call;
	free(work);
	if (reply->failure != NULL)
		dispatch_refuse(d, call, reply->failure);
	else
		answer_kv(d, call, reply);
}

static void start_get(struct dispatch *d, struct call *call, const struct request *r, uint64_t deadline_ms)
{
	const struct kv_wanted wanted = { .mount = r->mount, .path = r->path, .version = r->version,
		.min_version = r->min_version, .max_age_ms = r->has_max_age ? r->max_age_ms : KV_ANY_AGE };
	struct kv_reply cached;
	struct work *work;
	d->counters.gets++;
	if (kv_cached(d->parts.kv, &wanted, &cached)) {
		answer_kv(d, call, &cached);
		return;
	}
	work = work_new(d, call);
	if (work == NULL)
		return;
	work->get = kv_get(d->parts.kv, &wanted, deadline_ms, on_kv, work);
	if (work->get == NULL) {
		free(work);
		dispatch_refuse_memory(d, call);
		return;
	}
	call_wait(call, abandon_get, work);
}

static void start_put(struct dispatch *d, struct call *call, const struct request *r, uint64_t deadline_ms)
{
	struct work *work = work_new(d, call);
	if (work == NULL)
		return;
	d->counters.puts++;
	work->put = kv_put(d->parts.kv, r->mount, r->path, r->data.p, r->data.len, r->has_cas ? &r->cas : NULL, deadline_ms,
	    on_kv, work);
	if (work->put == NULL) {
		free(work);
		dispatch_refuse_memory(d, call);
		return;
	}
	call_wait(call, abandon_put, work);
}

/* -- probe --------------------------------------------------------------------------------------------------- */

static void abandon_probe(void *arg)
{
	struct work *work = arg;
	probe_abandon(work->probe_wait);
	free(work);
}

static void on_probe(void *arg, const struct failure *why)
{
	struct work *work = arg;
	struct dispatch *d = work->dispatch;
	struct call *call = work->call;
	struct jwrite w;
	free(work);
	if (why != NULL) {
		dispatch_refuse(d, call, why);
		return;
	}
	call_answer_begin(call, &w);
	jwrite_text(&w, "name", PROBE_NAME);
	call_answer_end(call, &w);
}

static void start_probe(struct dispatch *d, struct call *call, uint64_t deadline_ms)
{
	struct work *work = work_new(d, call);
	if (work == NULL)
		return;
	d->counters.probes++;
	work->probe_wait = probe_ask(d->parts.probe, deadline_ms, on_probe, work);
	if (work->probe_wait == NULL) {
		free(work);
		dispatch_refuse_memory(d, call);
		return;
	}
	call_wait(call, abandon_probe, work);
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
	status_write(&w, d->parts.keeper, &d->counters, clock_now_ms() - d->started_ms);
	status_write_cache(&w, d->parts.kv);
	status_write_caller(&w, call_peer(call), d->parts.rules);
	call_answer_end(call, &w);
}

static bool has_path(enum op op)
{
	return op == OP_KV_GET || op == OP_KV_PUT;
}

static bool is_allowed(const struct dispatch *d, struct call *call, const struct request *r)
{
	char path[sizeof(r->mount) + sizeof(r->path)];
	size_t mount = strlen(r->mount);
	if (!has_path(r->op))
		return rules_find(d->parts.rules, call_peer(call), r->op, NULL) != NULL;
	memcpy(path, r->mount, mount);
	path[mount] = '/';
	memcpy(path + mount + 1, r->path, strlen(r->path) + 1);
	return rules_find(d->parts.rules, call_peer(call), r->op, path) != NULL;
}

void dispatch_request(void *arg, struct call *call, const struct request *r, uint64_t deadline_ms)
{
	struct dispatch *d = arg;
	d->counters.requests++;
	if (r->op == OP_PING) {
		answer_ping(d, call);
		return;
	}
	if (!is_allowed(d, call, r)) {
		struct failure why;
		failure_set(&why, CODE_FORBIDDEN, "no rule of this daemon allows %s%s to uid %lu", op_name(r->op),
		    has_path(r->op) ? " of this path" : "", (unsigned long)call_peer(call)->uid);
		dispatch_refuse(d, call, &why);
		return;
	}
	if (r->op == OP_SNAPSHOT_SAVE)
		dispatch_save(d, call, deadline_ms);
	else if (r->op == OP_SNAPSHOT_RESTORE)
		dispatch_restore(d, call, r->force, deadline_ms);
	else if (r->op == OP_STATUS)
		answer_status(d, call);
	else if (r->op == OP_PROBE)
		start_probe(d, call, deadline_ms);
	else if (r->op == OP_KV_PUT)
		start_put(d, call, r, deadline_ms);
	else
		start_get(d, call, r, deadline_ms);
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

void dispatch_free(struct dispatch *d)
{
	free(d);
}
