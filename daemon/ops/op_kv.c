/*
 * op_kv: the ops on one secret, between a request and the store. A get is answered from memory, without work,
 * where the cache has what will do.
 */
#include "daemon/store/kv.h"

#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"
#include "daemon/ops/work.h"

/* -- what get and put say ------------------------------------------------------------------------------------ */

static void kv_write_members(struct jwrite *w, const struct kv_reply *reply)
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

static void kv_count_cached(struct ops *ops, const struct kv_reply *reply)
{
	ops->cache_hits += reply->cached && !reply->stale;
	ops->cache_stale += reply->stale;
}

/* -- get ----------------------------------------------------------------------------------------------------- */

struct getting {
	struct work work;
	struct kv_wanted wanted;
	struct get *get;
	struct kv_reply reply; /* valid while the store tells it */
};

static struct kv_wanted get_wanted(const struct request *r, const struct secret_name *name, uint64_t number)
{
	return (struct kv_wanted){ .name = name,
		.row = API_KV_GET,
		.version = r->version,
		.min_version = r->min_version,
		.max_age_ms = r->has_max_age ? r->max_age_ms : KV_ANY_AGE,
		.number = number };
}

static bool get_at_once(const struct asked *asked)
{
	struct call *call = asked->call;
	const struct peer *peer = call->peer; /* outlasts the call, which ends with its answer */
	const uint64_t began_us = call->began_us;
	const struct kv_wanted wanted = get_wanted(asked->request, &asked->request->name, asked->number);
	struct kv_reply reply;
	struct jwrite w;

	if (!kv_cached(asked->ops->parts.kv, &wanted, began_us / 1000, &reply))
		return false;
	kv_count_cached(asked->ops, &reply);
	call_answer_begin(call, &w);
	kv_write_members(&w, &reply);
	call_answer_end(call, &w);
	work_audit(asked, peer, began_us, &(struct outcome){ .version = reply.version });
	return true;
}

static void get_take(struct work *work, const struct request *r)
{
	((struct getting *)work)->wanted = get_wanted(r, work->name, work->record.request);
}

static void get_on_reply(void *arg, const struct kv_reply *reply)
{
	struct getting *getting = arg;

	getting->reply = *reply;
	getting->work.record.version = reply->version;
	kv_count_cached(getting->work.ops, reply);
	work_end(&getting->work, reply->failure);
}

static bool get_begin(struct work *work)
{
	struct getting *getting = (struct getting *)work;

	getting->get = kv_get(work->ops->parts.kv, work->peer.uid, &getting->wanted, work->deadline_ms,
	    get_on_reply, getting);
	return getting->get != NULL;
}

static void get_answer(struct work *work, struct jwrite *w)
{
	kv_write_members(w, &((struct getting *)work)->reply);
}

static bool get_abandon(struct work *work)
{
	kv_get_abandon(((struct getting *)work)->get);
	return false;
}

const struct op_handler op_kv_get = {
	.at_once = get_at_once,
	.size = sizeof(struct getting),
	.take = get_take,
	.begin = get_begin,
	.answer = get_answer,
	.abandon = get_abandon,
};

/* -- put ----------------------------------------------------------------------------------------------------- */

struct putting {
	struct work work;
	const char *data; /* valid while it begins */
	size_t data_len;
	char *data_copy; /* where it begins later */
	bool has_cas;
	uint64_t cas;
	struct write *write;
	struct kv_reply reply; /* valid while the store tells it, and while it is held */
	char *held;
};

static void put_take(struct work *work, const struct request *r)
{
	struct putting *putting = (struct putting *)work;

	putting->data = r->data.p;
	putting->data_len = r->data.len;
	putting->has_cas = r->has_cas;
	putting->cas = r->cas;
}

static int put_keep(struct work *work)
{
	struct putting *putting = (struct putting *)work;

	putting->data = putting->data_copy = secmem_strndup(putting->data, putting->data_len);
	return putting->data != NULL ? 0 : -1;
}

static void put_on_reply(void *arg, const struct kv_reply *reply)
{
	struct putting *putting = arg;

	putting->reply = *reply;
	putting->work.record.version = reply->version;
	work_end(&putting->work, reply->failure);
}

static bool put_begin(struct work *work)
{
	struct putting *putting = (struct putting *)work;

	const struct kv_write what = { .name = work->name,
		.row = API_KV_PUT,
		.data = putting->data,
		.data_len = putting->data_len,
		.cas = putting->has_cas ? &putting->cas : NULL,
		.caller = work->peer.uid,
		.deadline_ms = work->deadline_ms,
		.number = work->record.request };

	putting->write = kv_put(work->ops->parts.kv, &what, put_on_reply, putting);
	return putting->write != NULL;
}

static void put_answer(struct work *work, struct jwrite *w)
{
	kv_write_members(w, &((struct putting *)work)->reply);
}

static int put_hold(struct work *work)
{
	struct putting *putting = (struct putting *)work;
	struct kv_reply *reply = &putting->reply;

	putting->held = malloc(reply->created_time.len + reply->metadata.len + 1);
	if (putting->held == NULL)
		return -1;
	if (reply->created_time.len > 0)
		memcpy(putting->held, reply->created_time.p, reply->created_time.len);
	if (reply->metadata.len > 0)
		memcpy(putting->held + reply->created_time.len, reply->metadata.p, reply->metadata.len);
	reply->created_time.p = putting->held;
	reply->metadata.p = putting->held + reply->created_time.len;
	return 0;
}

static bool put_abandon(struct work *work)
{
	return kv_put_abandon(((struct putting *)work)->write);
}

static void put_clear(struct work *work)
{
	struct putting *putting = (struct putting *)work;

	secmem_free(putting->data_copy);
	free(putting->held);
}

const struct op_handler op_kv_put = {
	.size = sizeof(struct putting),
	.take = put_take,
	.keep = put_keep,
	.begin = put_begin,
	.answer = put_answer,
	.hold = put_hold,
	.abandon = put_abandon,
	.clear = put_clear,
};
