/*
 * op_kv: the ops on one secret, between a request and the store. A get is answered from memory, without work, where the cache
 * has what will do.
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

struct get {
	struct work work;
	struct kv_wanted wanted;
	struct kv_read *read;
	struct kv_reply reply; /* valid while the store tells it */
};

static struct kv_wanted get_wanted(const struct request *r, const struct secret_name *name)
{
	return (struct kv_wanted){ .mount = secret_mount(name), .path = secret_path(name), .version = r->version,
		.min_version = r->min_version, .max_age_ms = r->has_max_age ? r->max_age_ms : KV_ANY_AGE };
}

static bool get_at_once(const struct asked *asked)
{
	struct call *call = asked->call;
	const struct peer *peer = call->peer; /* outlasts the call, which ends with its answer */
	const uint64_t began_us = call->began_us;
	const struct kv_wanted wanted = get_wanted(asked->request, &asked->request->name);
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
	((struct get *)work)->wanted = get_wanted(r, work->name);
}

static void get_on_reply(void *arg, const struct kv_reply *reply)
{
	struct get *get = arg;

	get->reply = *reply;
	get->work.record.version = reply->version;
	kv_count_cached(get->work.ops, reply);
	work_end(&get->work, reply->failure);
}

static bool get_begin(struct work *work)
{
	struct get *get = (struct get *)work;

	get->read = kv_get(work->ops->parts.kv, work->peer.uid, &get->wanted, work->deadline_ms, get_on_reply, get);
	return get->read != NULL;
}

static void get_answer(struct work *work, struct jwrite *w)
{
	kv_write_members(w, &((struct get *)work)->reply);
}

static bool get_abandon(struct work *work)
{
	kv_read_abandon(((struct get *)work)->read);
	return false;
}

const struct op_handler op_kv_get = {
	.at_once = get_at_once,
	.size = sizeof(struct get),
	.take = get_take,
	.begin = get_begin,
	.answer = get_answer,
	.abandon = get_abandon,
};

/* -- put ----------------------------------------------------------------------------------------------------- */

struct put {
	struct work work;
	const char *data;      /* valid while it begins */
	size_t data_len;
	char *data_copy;       /* where it begins later */
	bool has_cas;
	uint64_t cas;
	struct kv_call *call;
	struct kv_reply reply; /* valid while the store tells it, and while it is held */
	char *held;
};

static void put_take(struct work *work, const struct request *r)
{
	struct put *put = (struct put *)work;

	put->data = r->data.p;
	put->data_len = r->data.len;
	put->has_cas = r->has_cas;
	put->cas = r->cas;
}

static int put_keep(struct work *work)
{
	struct put *put = (struct put *)work;

	put->data = put->data_copy = secmem_strndup(put->data, put->data_len);
	return put->data != NULL ? 0 : -1;
}

static void put_on_reply(void *arg, const struct kv_reply *reply)
{
	struct put *put = arg;

	put->reply = *reply;
	put->work.record.version = reply->version;
	work_end(&put->work, reply->failure);
}

static bool put_begin(struct work *work)
{
	struct put *put = (struct put *)work;

	put->call = kv_put(work->ops->parts.kv, work->peer.uid, work->record.mount, work->record.path, put->data, put->data_len,
	    put->has_cas ? &put->cas : NULL, work->deadline_ms, put_on_reply, put);
	return put->call != NULL;
}

static void put_answer(struct work *work, struct jwrite *w)
{
	kv_write_members(w, &((struct put *)work)->reply);
}

static int put_hold(struct work *work)
{
	struct put *put = (struct put *)work;
	struct kv_reply *reply = &put->reply;

	put->held = malloc(reply->created_time.len + reply->metadata.len + 1);
	if (put->held == NULL)
		return -1;
	if (reply->created_time.len > 0)
		memcpy(put->held, reply->created_time.p, reply->created_time.len);
	if (reply->metadata.len > 0)
		memcpy(put->held + reply->created_time.len, reply->metadata.p, reply->metadata.len);
	reply->created_time.p = put->held;
	reply->metadata.p = put->held + reply->created_time.len;
	return 0;
}

static bool put_abandon(struct work *work)
{
	return kv_abandon(((struct put *)work)->call);
}

static void put_clear(struct work *work)
{
	struct put *put = (struct put *)work;

	secmem_free(put->data_copy);
	free(put->held);
}

const struct op_handler op_kv_put = {
	.size = sizeof(struct put),
	.take = put_take,
	.keep = put_keep,
	.begin = put_begin,
	.answer = put_answer,
	.hold = put_hold,
	.abandon = put_abandon,
	.clear = put_clear,
};
