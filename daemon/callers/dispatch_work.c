/*
 * dispatch_work: what each request goes through around what the store does for it: its intent in the audit where
 * nothing may be done without, its record, its reply, and a caller that goes away at any time.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/callers/dispatch_internal.h"
#include "daemon/host/log.h"

#define RESULT_LEAST_MS 1000u /* for the record of an outcome, however late that came */

static void check_drained(struct dispatch *d)
{
	if (d->drained != NULL && d->works == NULL)
		event_active(&d->drain_timer, EV_TIMEOUT, 0);
}

static void work_free(struct work *work)
{
	struct dispatch *d = work->dispatch;
	DL_DELETE(d->works, work);
	secmem_free(work->data_copy);
	free(work->held);
	secret_name_release(work->name);
	free(work);
	check_drained(d);
}

/* -- the record ---------------------------------------------------------------------------------------------- */

/* Copies a text behind those before; NULL stays NULL. */
static char *keep(char **at, const char *text)
{
	if (text == NULL)
		return NULL;
	char *copy = *at;
	*at = stpcpy(copy, text) + 1;
	return copy;
}

static size_t room_for(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

struct work *work_new(struct dispatch *d, struct call *call, const struct request *r, const char *rule,
    uint64_t deadline_ms)
{
	const struct peer *peer = call_peer(call);
	size_t room = room_for(rule) + room_for(peer->unit) + room_for(peer->user_unit);
	struct work *work = calloc(1, sizeof(*work) + room);
	if (work != NULL && op_has_path(r->op))
		work->name = secret_name_hold((struct secret_name *)(uintptr_t)&r->name);
	if (work == NULL || (op_has_path(r->op) && work->name == NULL)) {
		free(work);
		dispatch_refuse_memory(d, call);
		return NULL;
	}
	char *at = work->text;
	work->dispatch = d;
	work->call = call;
	work->number = d->counters.requests;
	work->is_change = op_is(r->op, OP_WRITES);
	work->began_us = call_now_us(call);
	work->deadline_ms = deadline_ms;
	work->peer = (struct peer){ .uid = peer->uid, .gid = peer->gid, .pid = peer->pid,
		.unit = keep(&at, peer->unit), .user_unit = keep(&at, peer->user_unit) };
	work->record = (struct audit_record){ .op = op_name(r->op), .peer = &work->peer, .rule = keep(&at, rule),
		.mount = work->name != NULL ? secret_mount(work->name) : NULL,
		.path = work->name != NULL ? secret_path(work->name) : NULL };
	DL_APPEND(d->works, work);
	return work;
}

void dispatch_audit(struct dispatch *d, const struct peer *peer, const struct request *r, const char *rule,
    const struct outcome *outcome)
{
	uint64_t now_us = clock_now_us();
	const struct audit_record record = {
		.op = op_name(r->op),
		.peer = peer,
		.mount = op_has_path(r->op) ? secret_mount(&r->name) : NULL,
		.path = op_has_path(r->op) ? secret_path(&r->name) : NULL,
		.rule = rule,
		.version = outcome->version,
		.code = outcome->code,
		.microseconds = now_us - outcome->began_us,
	};
	audit_write(d->parts.audit, &record, now_us / 1000);
}

static bool waits_for_audit(const struct work *work)
{
	return work->is_change && audit_denies(work->dispatch->parts.audit);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void reply(struct work *work)
{
	struct dispatch *d = work->dispatch;
	struct call *call = work->call;
	struct jwrite w;
	work->call = NULL;
	if (call == NULL)
		return;
	if (work->failure.code != CODE_NONE)
		dispatch_refuse(d, call, &work->failure);
	else {
		call_answer_begin(call, &w);
		work->answer(work, &w);
		call_answer_end(call, &w);
	}
}

static void reply_and_free(struct work *work)
{
	reply(work);
	work_free(work);
}

/* What was done is done: the caller is told so, and the log that there is no record of it. */
static void on_result(void *arg, bool ok)
{
	struct work *work = arg;
	work->wait = NULL;
	if (!ok)
		log_error("audit: the outcome of a %s could not be put on file: %s", work->record.op,
		    work->failure.code == CODE_NONE ? "it was done" : code_name(work->failure.code));
	reply_and_free(work);
}

/* Copies what of the store's reply to a put is to be told later. */
static int hold(struct work *work)
{
	struct kv_reply *reply = &work->reply;
	work->held = malloc(reply->created_time.len + reply->metadata.len + 1);
	if (work->held == NULL)
		return -1;
	if (reply->created_time.len > 0)
		memcpy(work->held, reply->created_time.p, reply->created_time.len);
	if (reply->metadata.len > 0)
		memcpy(work->held + reply->created_time.len, reply->metadata.p, reply->metadata.len);
	reply->created_time.p = work->held;
	reply->metadata.p = work->held + reply->created_time.len;
	return 0;
}

static uint64_t result_deadline(const struct work *work)
{
	uint64_t least = clock_now_ms() + RESULT_LEAST_MS;
	return work->deadline_ms == CLOCK_NEVER || work->deadline_ms < least ? least : work->deadline_ms;
}

/* Also where the caller has gone: the intent is not to stand there without its outcome. */
static void end_change(struct work *work)
{
	struct audit *audit = work->dispatch->parts.audit;
	work->step = WORK_RESULT;
	if (hold(work) == 0)
		work->wait = audit_result(audit, &work->record, result_deadline(work), on_result, work);
	if (work->wait == NULL)
		on_result(work, false);
}

void work_end(struct work *work, const struct failure *why)
{
	uint64_t now_us = clock_now_us();
	if (why != NULL)
		work->failure = *why;
	work->record.code = work->failure.code;
	work->record.version = work->reply.version;
	work->record.microseconds = now_us - work->began_us;
	if (waits_for_audit(work)) {
		end_change(work);
		return;
	}
	reply(work);
	audit_write(work->dispatch->parts.audit, &work->record, now_us / 1000);
	work_free(work);
}

/* -- the caller goes away ------------------------------------------------------------------------------------ */

/* Nobody waits for this record. */
static void record_now(struct work *work)
{
	struct audit *audit = work->dispatch->parts.audit;
	uint64_t now_us = clock_now_us();
	work->record.microseconds = now_us - work->began_us;
	if (waits_for_audit(work))
		(void)audit_result(audit, &work->record, 0, NULL, NULL);
	else
		audit_write(audit, &work->record, now_us / 1000);
}

static void end_without_caller(struct work *work)
{
	work->record.gone = true;
	record_now(work);
	work_free(work);
}

static void on_gone(void *arg)
{
	struct work *work = arg;
	work->call = NULL;
	if (work->step == WORK_RESULT)
		return;
	if (work->wait != NULL)
		audit_abandon(work->wait);
	if (work->step == WORK_INTENT || !work->abandon(work))
		end_without_caller(work);
}

/* -- the beginning ------------------------------------------------------------------------------------------- */

void work_started(struct work *work, bool started)
{
	struct failure why;
	if (started)
		return;
	failure_set(&why, CODE_INTERNAL, "out of memory");
	work_end(work, &why);
}

/* Nothing has been done, so nothing more is recorded: where that could not be, this cannot either. */
static void on_intent(void *arg, bool ok)
{
	struct work *work = arg;
	work->wait = NULL;
	if (ok) {
		work->step = WORK_BUSY;
		work->begin(work);
		return;
	}
	log_error("audit: a %s was refused, since its intent could not be put on file", work->record.op);
	failure_set(&work->failure, CODE_UNAVAILABLE, "this daemon's audit cannot be written, so nothing was done");
	reply_and_free(work);
}

void work_begin(struct work *work, void (*begin)(struct work *work))
{
	struct dispatch *d = work->dispatch;
	call_wait(work->call, on_gone, work);
	if (!waits_for_audit(work)) {
		work->step = WORK_BUSY;
		begin(work);
		return;
	}
	work->step = WORK_INTENT;
	work->begin = begin;
	work->record.request = d->counters.requests;
	if (work->data != NULL)
		work->data = work->data_copy = secmem_strndup(work->data, work->data_len);
	if (work->data_len == 0 || work->data != NULL)
		work->wait = audit_intent(d->parts.audit, &work->record, work->deadline_ms, on_intent, work);
	if (work->wait == NULL)
		on_intent(work, false);
}

/* -- all of them --------------------------------------------------------------------------------------------- */

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct dispatch *d = arg;
	void (*drained)(void *) = d->drained;
	(void)fd;
	(void)what;
	d->drained = NULL;
	if (drained != NULL)
		drained(d->drained_arg);
}

void dispatch_drain(struct dispatch *d, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg), void *arg)
{
	struct timeval tv = clock_timeval(budget_ms);
	d->drained = drained;
	d->drained_arg = arg;
	(void)event_assign(&d->drain_timer, base, -1, 0, on_drained, d);
	(void)event_add(&d->drain_timer, &tv);
	check_drained(d);
}

/* The daemon ends in a hurry: whether OpenBao does what was sent is not known. */
static void give_up(struct work *work)
{
	work->record.code = CODE_UNKNOWN_OUTCOME;
	record_now(work);
}

void works_free(struct dispatch *d)
{
	struct work *work, *next;
	if (event_initialized(&d->drain_timer))
		event_del(&d->drain_timer);
	d->drained = NULL;
	DL_FOREACH_SAFE(d->works, work, next) {
		if (work->wait != NULL)
			audit_abandon(work->wait);
		else if (work->is_change)
			give_up(work);
		work_free(work);
	}
}
