/*
 * op_kv: the ops on one secret. A get is answered from the cache, without a struct work, if the cache has an
 * answer that will do.
 */
#include "daemon/store/kv.h"

#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"
#include "daemon/ops/work.h"

/* -- the reply to get and put -------------------------------------------------------------------------------- */

static void op_kv_write_reply(struct jwrite *w, const struct kv_reply *reply)
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

static void op_kv_count_cached(struct ops *ops, const struct kv_reply *reply)
{
	ops->cache_hits += reply->cached && !reply->stale;
	ops->cache_stale += reply->stale;
}

/* -- get ----------------------------------------------------------------------------------------------------- */

struct op_get {
	struct work work;
	struct kv_wanted wanted;
	struct get *get;
	struct kv_reply reply; /* valid while op_get_on_reply() runs */
};

static struct kv_wanted op_get_wanted(const struct request *r, const struct secret_name *name, uint64_t number)
{
	return (struct kv_wanted){ .name = name,
		.row = API_KV_GET,
		.version = r->version,
		.min_version = r->min_version,
		.max_age_ms = r->has_max_age ? r->max_age_ms : KV_ANY_AGE,
		.number = number };
}

static bool op_get_at_once(const struct op_context *context)
{
	struct call *call = context->call;
	const struct peer *peer = call->peer; /* valid after the call, which ends with its answer */
	const uint64_t began_us = call->began_us;
	const struct kv_wanted wanted = op_get_wanted(context->request, &context->request->name, context->number);
	struct kv_reply reply;
	struct jwrite w;

	if (!kv_cached(context->ops->parts.kv, &wanted, began_us / 1000, &reply))
		return false;
	op_kv_count_cached(context->ops, &reply);
	call_answer_begin(call, &w);
	op_kv_write_reply(&w, &reply);
	call_answer_end(call, &w);
	work_audit(context, peer, began_us, &(struct outcome){ .version = reply.version });
	return true;
}

static void op_get_take_request(struct work *work, const struct request *r)
{
	((struct op_get *)work)->wanted = op_get_wanted(r, work->name, work->record.request);
}

static void op_get_on_reply(void *arg, const struct kv_reply *reply)
{
	struct op_get *op = arg;

	op->reply = *reply;
	op->work.record.version = reply->version;
	op_kv_count_cached(op->work.ops, reply);
	work_end(&op->work, reply->failure);
}

static bool op_get_begin(struct work *work)
{
	struct op_get *op = (struct op_get *)work;

	op->get = kv_get(work->ops->parts.kv, work->peer.uid, &op->wanted, work->deadline_ms, op_get_on_reply, op);
	return op->get != NULL;
}

static void op_get_write_members(struct work *work, struct jwrite *w)
{
	op_kv_write_reply(w, &((struct op_get *)work)->reply);
}

static bool op_get_abandon(struct work *work)
{
	kv_get_abandon(((struct op_get *)work)->get);
	return false;
}

const struct op_handler op_kv_get = {
	.at_once = op_get_at_once,
	.size = sizeof(struct op_get),
	.take_request = op_get_take_request,
	.begin = op_get_begin,
	.write_members = op_get_write_members,
	.abandon = op_get_abandon,
};

/* -- put ----------------------------------------------------------------------------------------------------- */

struct op_put {
	struct work work;
	const char *data; /* valid until the put has begun */
	size_t data_len;
	char *data_copy; /* NULL, unless the put begins later */
	bool has_cas;
	uint64_t cas;
	struct write *write;
	struct kv_reply reply; /* valid while op_put_on_reply() runs, and with reply_copy longer */
	char *reply_copy;
};

static void op_put_take_request(struct work *work, const struct request *r)
{
	struct op_put *op = (struct op_put *)work;

	op->data = r->data.p;
	op->data_len = r->data.len;
	op->has_cas = r->has_cas;
	op->cas = r->cas;
}

static int op_put_copy_request(struct work *work)
{
	struct op_put *op = (struct op_put *)work;

	op->data = op->data_copy = secmem_strndup(op->data, op->data_len);
	return op->data != NULL ? 0 : -1;
}

static void op_put_on_reply(void *arg, const struct kv_reply *reply)
{
	struct op_put *op = arg;

	op->reply = *reply;
	op->work.record.version = reply->version;
	work_end(&op->work, reply->failure);
}

static bool op_put_begin(struct work *work)
{
	struct op_put *op = (struct op_put *)work;

	const struct kv_write what = { .name = work->name,
		.row = API_KV_PUT,
		.data = op->data,
		.data_len = op->data_len,
		.cas = op->has_cas ? &op->cas : NULL,
		.caller = work->peer.uid,
		.deadline_ms = work->deadline_ms,
		.number = work->record.request };

	op->write = kv_put(work->ops->parts.kv, &what, op_put_on_reply, op);
	return op->write != NULL;
}

static void op_put_write_members(struct work *work, struct jwrite *w)
{
	op_kv_write_reply(w, &((struct op_put *)work)->reply);
}

static int op_put_copy_reply(struct work *work)
{
	struct op_put *op = (struct op_put *)work;
	struct kv_reply *reply = &op->reply;

	op->reply_copy = malloc(reply->created_time.len + reply->metadata.len + 1);
	if (op->reply_copy == NULL)
		return -1;
	if (reply->created_time.len > 0)
		memcpy(op->reply_copy, reply->created_time.p, reply->created_time.len);
	if (reply->metadata.len > 0)
		memcpy(op->reply_copy + reply->created_time.len, reply->metadata.p, reply->metadata.len);
	reply->created_time.p = op->reply_copy;
	reply->metadata.p = op->reply_copy + reply->created_time.len;
	return 0;
}

static bool op_put_abandon(struct work *work)
{
	return kv_put_abandon(((struct op_put *)work)->write);
}

static void op_put_free_copies(struct work *work)
{
	struct op_put *op = (struct op_put *)work;

	secmem_free(op->data_copy);
	free(op->reply_copy);
}

const struct op_handler op_kv_put = {
	.size = sizeof(struct op_put),
	.take_request = op_put_take_request,
	.copy_request = op_put_copy_request,
	.begin = op_put_begin,
	.write_members = op_put_write_members,
	.copy_reply = op_put_copy_reply,
	.abandon = op_put_abandon,
	.free_copies = op_put_free_copies,
};
