/*
 * work: takes a request from the rule that allows it to its reply and its record. In the order of the file: it
 * starts, its intent is on file, the store does it, it ends, its record is written, the caller is answered; then
 * what happens when the caller or the daemon goes away first.
 */
#include "daemon/ops/work.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "daemon/host/log.h"

#define RESULT_MIN_MS 1000u /* the least time that the record of an outcome gets, however late the outcome is */

static void work_set_state(struct work *work, enum work_state state)
{
	static const char
	    *const names[] = { [WORK_INTENT] = "intent", [WORK_BUSY] = "busy", [WORK_RESULT] = "result" };

	log_request(work->record.request, "%s: %s", work->record.op, names[state]);
	work->state = state;
}

static void work_free(struct work *work)
{
	struct ops *ops = work->ops;

	DL_DELETE(ops->works, work);
	if (work->handler->free_copies != NULL)
		work->handler->free_copies(work);
	secret_name_release(work->name);
	free(work);
	drain_check(&ops->drain, ops->works == NULL);
}

void work_refuse(struct ops *ops, struct call *call, const struct failure *why)
{
	ops->failures++;
	ops->forbidden += why->code == CODE_FORBIDDEN;
	call_fail(call, why);
}

static bool work_needs_record(const struct work *work)
{
	return op_is(work->op, OP_WRITES) && audit_denies(work->ops->parts.audit);
}

/* -- the beginning ------------------------------------------------------------------------------------------- */

/* Copies a text to *at, which moves on behind it. NULL stays NULL. */
static char *work_copy_text(char **at, const char *text)
{
	char *copy = *at;

	if (text == NULL)
		return NULL;
	*at = stpcpy(copy, text) + 1;
	return copy;
}

static size_t work_room_for(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

static void work_begin(struct work *work)
{
	struct failure why;

	work_set_state(work, WORK_BUSY);
	if (work->handler->begin(work))
		return;
	failure_set(&why, CODE_INTERNAL, "out of memory");
	work_end(work, &why);
}

static void work_reply(struct work *work);

/*
 * If the intent could not be put on file nothing is done. No record is written of that, since it could not be put
 * on file either.
 */
static void work_on_intent(void *arg, bool ok)
{
	struct work *work = arg;

	work->wait = NULL;
	if (ok) {
		work_begin(work);
		return;
	}
	log_error("audit: a %s was refused, since its intent could not be put on file", work->record.op);
	failure_set(&work->failure, CODE_UNAVAILABLE,
	    "this daemon's audit cannot be written, so nothing was done");
	work_reply(work);
}

static void work_on_gone(void *arg);

void work_start(const struct op_context *context, const struct op_handler *handler)
{
	struct ops *ops = context->ops;
	struct call *call = context->call;
	const struct request *r = context->request;
	const struct peer *peer = call->peer;
	/*
	 * The texts of the rule and of the caller's units may be freed before the work ends: they are copied to
	 * the end of the op's struct.
	 */
	size_t room = work_room_for(context->rule) + work_room_for(peer->unit) + work_room_for(peer->user_unit);
	struct work *work = calloc(1, handler->size + room);
	const struct secret_name *name = work != NULL && op_has_path(r->op) ? secret_name_hold(&r->name) : NULL;
	struct failure why;
	char *at;

	if (work == NULL || (op_has_path(r->op) && name == NULL)) {
		free(work);
		failure_set(&why, CODE_INTERNAL, "out of memory");
		work_refuse(ops, call, &why);
		return;
	}
	at = (char *)work + handler->size;
	work->ops = ops;
	work->handler = handler;
	work->call = call;
	work->op = r->op;
	work->began_us = call->began_us;
	work->deadline_ms = context->deadline_ms;
	work->name = name;
	work->peer = (struct peer){ .uid = peer->uid,
		.gid = peer->gid,
		.pid = peer->pid,
		.unit = work_copy_text(&at, peer->unit),
		.user_unit = work_copy_text(&at, peer->user_unit) };
	work->record = (struct audit_record){ .op = op_name(r->op),
		.peer = &work->peer,
		.mount = name != NULL ? secret_mount(name) : NULL,
		.path = name != NULL ? secret_path(name) : NULL,
		.rule = work_copy_text(&at, context->rule),
		.request = context->number };
	DL_APPEND(ops->works, work);
	call_wait(call, work_on_gone, work);
	if (handler->take_request != NULL)
		handler->take_request(work, r);
	if (!work_needs_record(work)) {
		work_begin(work);
		return;
	}
	work_set_state(work, WORK_INTENT);
	if (handler->copy_request == NULL || handler->copy_request(work) == 0)
		work->wait = audit_intent(ops->parts.audit, &work->record, work->deadline_ms, work_on_intent,
		    work);
	if (work->wait == NULL)
		work_on_intent(work, false);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

/* Answers the caller, if it is still there. */
static void work_answer(struct work *work)
{
	struct call *call = work->call;
	struct jwrite w;

	log_request(work->record.request, "%s: %s after %llu us", work->record.op,
	    work->failure.code == CODE_NONE ? "ok" : code_name(work->failure.code),
	    (unsigned long long)work->record.microseconds);
	work->call = NULL;
	if (call == NULL)
		return;
	if (work->failure.code != CODE_NONE) {
		work_refuse(work->ops, call, &work->failure);
		return;
	}
	call_answer_begin(call, &w);
	work->handler->write_members(work, &w);
	call_answer_end(call, &w);
}

static void work_reply(struct work *work)
{
	work_answer(work);
	work_free(work);
}

/*
 * A request that was done is reported as done even if its record could not be written; the log tells of the
 * missing record.
 */
static void work_on_result(void *arg, bool ok)
{
	struct work *work = arg;

	work->wait = NULL;
	if (!ok)
		log_error("audit: the outcome of a %s could not be put on file: %s", work->record.op,
		    work->failure.code == CODE_NONE ? "it was done" : code_name(work->failure.code));
	work_reply(work);
}

void work_end(struct work *work, const struct failure *why)
{
	struct audit *audit = work->ops->parts.audit;
	uint64_t now_us = clock_now_us();

	if (why != NULL)
		work->failure = *why;
	else
		work->ops->counts[work->op].done++;
	work->record.code = work->failure.code;
	work->record.microseconds = now_us - work->began_us;
	if (!work_needs_record(work)) {
		work_answer(work);
		audit_write(audit, &work->record, now_us / 1000);
		work_free(work);
		return;
	}
	/*
	 * The outcome is recorded even if the caller has gone, since an intent without an outcome would say
	 * nothing.
	 */
	work_set_state(work, WORK_RESULT);
	if (work->handler->copy_reply == NULL || work->handler->copy_reply(work) == 0) {
		uint64_t least = now_us / 1000 + RESULT_MIN_MS;

		work->wait = audit_result(audit, &work->record,
		    work->deadline_ms == CLOCK_NEVER || work->deadline_ms < least ? least : work->deadline_ms,
		    work_on_result, work);
	}
	if (work->wait == NULL)
		work_on_result(work, false);
}

/* -- the caller, or the daemon, goes first ------------------------------------------------------------------- */

/* Writes a record for which nobody waits. */
static void work_record_now(struct work *work)
{
	struct audit *audit = work->ops->parts.audit;
	uint64_t now_us = clock_now_us();

	work->record.microseconds = now_us - work->began_us;
	if (work_needs_record(work))
		(void)audit_result(audit, &work->record, 0, NULL, NULL);
	else
		audit_write(audit, &work->record, now_us / 1000);
}

static void work_on_gone(void *arg)
{
	struct work *work = arg;

	log_request(work->record.request, "%s: the caller has gone", work->record.op);
	work->call = NULL;
	if (work->state == WORK_RESULT)
		return;
	if (work->wait != NULL)
		audit_abandon(work->wait);
	if (work->state == WORK_BUSY && work->handler->abandon(work))
		return;
	work->record.gone = true;
	work_record_now(work);
	work_free(work);
}

void work_end_all(struct ops *ops)
{
	struct work *work, *next;

	DL_FOREACH_SAFE(ops->works, work, next) {
		if (work->wait != NULL) {
			audit_abandon(work->wait);
		} else if (op_is(work->op, OP_WRITES)) {
			/* The daemon ends without waiting for OpenBao, which may still do what was sent. */
			work->record.code = CODE_UNKNOWN_OUTCOME;
			work_record_now(work);
		}
		work_free(work);
	}
}

/* -- without work -------------------------------------------------------------------------------------------- */

void work_audit(const struct op_context *context, const struct peer *peer, uint64_t began_us,
    const struct outcome *outcome)
{
	const struct request *r = context->request;
	bool has_path = op_has_path(r->op);
	uint64_t now_us = clock_now_us();
	const struct audit_record record = {
		.op = op_name(r->op),
		.peer = peer,
		.mount = has_path ? secret_mount(&r->name) : NULL,
		.path = has_path ? secret_path(&r->name) : NULL,
		.rule = context->rule,
		.version = outcome->version,
		.code = outcome->code,
		.microseconds = now_us - began_us,
		.request = context->number,
	};

	log_request(context->number, "%s: %s at once", record.op,
	    outcome->code == CODE_NONE ? "ok" : code_name(outcome->code));
	audit_write(context->ops->parts.audit, &record, now_us / 1000);
}
