/*
 * op_snapshot: the two ops that are streams, between a call's stream and the store's transfer.
 */
#include "daemon/ops/work.h"
#include "daemon/store/snapshot_restore.h"
#include "daemon/store/snapshot_save.h"

/* -- save ---------------------------------------------------------------------------------------------------- */

struct saving {
	struct work work;
	struct save *save;
	const struct save_result *result; /* valid while the store tells it */
};

static void save_on_room(void *arg)
{
	snapshot_save_room(((struct saving *)arg)->save);
}

static void save_on_begin(void *arg)
{
	static const struct call_stream stream = { .room = save_on_room };
	struct saving *saving = arg;

	call_stream_begin(saving->work.call, "stream", &stream, saving);
}

static int save_on_data(void *arg, const void *p, size_t n)
{
	return call_stream_write(((struct saving *)arg)->work.call, p, n);
}

static void save_on_done(void *arg, const struct failure *why, const struct save_result *result)
{
	struct saving *saving = arg;

	if (why == NULL)
		(void)call_stream_write(saving->work.call, "", 0);
	saving->result = result;
	work_end(&saving->work, why);
}

static bool save_begin(struct work *work)
{
	static const struct save_ops ops = { .begin = save_on_begin, .data = save_on_data, .done = save_on_done };
	struct saving *saving = (struct saving *)work;

	saving->save = snapshot_save(work->ops->parts.transfers, work->record.request, work->deadline_ms, &ops,
	    saving);
	return saving->save != NULL;
}

static void save_answer(struct work *work, struct jwrite *w)
{
	const struct save_result *result = ((struct saving *)work)->result;

	jwrite_uint(w, "bytes", result->bytes);
	jwrite_text(w, "sha256", result->sha256);
	jwrite_bool(w, "verified", true);
}

static bool save_abandon(struct work *work)
{
	snapshot_save_abandon(((struct saving *)work)->save);
	return false;
}

const struct op_handler op_snapshot_save = {
	.size = sizeof(struct saving),
	.begin = save_begin,
	.answer = save_answer,
	.abandon = save_abandon,
};

/* -- restore ------------------------------------------------------------------------------------------------- */

struct restoring {
	struct work work;
	bool force;
	struct restore *restore; /* NULL: it has ended, and the reply waits for its record */
	struct restore_result result;
};

static void restore_on_data(void *arg, const unsigned char *p, size_t n)
{
	struct restoring *restoring = arg;

	if (restoring->restore == NULL)
		return;
	if (n > 0)
		snapshot_restore_data(restoring->restore, p, n);
	else
		snapshot_restore_end(restoring->restore);
}

static void restore_on_cut(void *arg)
{
	struct restoring *restoring = arg;
	struct failure why;

	if (restoring->restore == NULL)
		return;
	(void)snapshot_restore_abandon(restoring->restore);
	restoring->restore = NULL;
	failure_set(&why, CODE_INVALID_REQUEST, "the data ended without its empty frame; nothing was restored");
	work_end(&restoring->work, &why);
}

static void restore_on_begin(void *arg)
{
	static const struct call_stream stream = { .data = restore_on_data, .cut = restore_on_cut };
	struct restoring *restoring = arg;

	call_stream_begin(restoring->work.call, "continue", &stream, restoring);
}

static void restore_on_room(void *arg, bool room)
{
	struct restoring *restoring = arg;

	if (restoring->work.call != NULL)
		call_stream_want(restoring->work.call, room);
}

static void restore_on_done(void *arg, const struct failure *why, const struct restore_result *result)
{
	struct restoring *restoring = arg;

	if (why == NULL)
		restoring->result = *result;
	restoring->restore = NULL;
	work_end(&restoring->work, why);
}

static void restore_take(struct work *work, const struct request *r)
{
	((struct restoring *)work)->force = r->force;
}

static bool restore_begin(struct work *work)
{
	static const struct restore_ops ops = { .begin = restore_on_begin,
		.room = restore_on_room,
		.done = restore_on_done };
	struct restoring *restoring = (struct restoring *)work;

	restoring->restore = snapshot_restore(work->ops->parts.transfers, restoring->force, work->record.request,
	    work->deadline_ms, &ops, restoring);
	return restoring->restore != NULL;
}

static void restore_answer(struct work *work, struct jwrite *w)
{
	const struct restore_result *result = &((struct restoring *)work)->result;

	jwrite_uint(w, "bytes", result->bytes);
	jwrite_text(w, "state", restored_name(result->restored));
}

static bool restore_abandon(struct work *work)
{
	return snapshot_restore_abandon(((struct restoring *)work)->restore);
}

const struct op_handler op_snapshot_restore = {
	.size = sizeof(struct restoring),
	.take = restore_take,
	.begin = restore_begin,
	.answer = restore_answer,
	.abandon = restore_abandon,
};
