/*
 * op_snapshot: the two ops that are streams. It connects a call's stream with the store's transfer.
 */
#include "daemon/ops/work.h"
#include "daemon/store/snapshot_restore.h"
#include "daemon/store/snapshot_save.h"

/* -- save ---------------------------------------------------------------------------------------------------- */

struct op_save {
	struct work work;
	struct snapshot_save *save;
	const struct snapshot_save_result *result; /* valid while op_save_on_done() runs */
};

static void op_save_on_room(void *arg)
{
	snapshot_save_room(((struct op_save *)arg)->save);
}

static void op_save_on_begin(void *arg)
{
	static const struct call_stream stream = { .room = op_save_on_room };
	struct op_save *op = arg;

	call_stream_begin(op->work.call, "stream", &stream, op);
}

static int op_save_on_data(void *arg, const void *p, size_t n)
{
	return call_stream_write(((struct op_save *)arg)->work.call, p, n);
}

static void op_save_on_done(void *arg, const struct failure *why, const struct snapshot_save_result *result)
{
	struct op_save *op = arg;

	if (why == NULL)
		(void)call_stream_write(op->work.call, "", 0);
	op->result = result;
	work_end(&op->work, why);
}

static bool op_save_begin(struct work *work)
{
	static const struct snapshot_save_ops ops = { .begin = op_save_on_begin,
		.data = op_save_on_data,
		.done = op_save_on_done };
	struct op_save *op = (struct op_save *)work;

	op->save = snapshot_save_start(work->ops->parts.transfers, work->record.request, work->deadline_ms, &ops,
	    op);
	return op->save != NULL;
}

static void op_save_write_members(struct work *work, struct jwrite *w)
{
	const struct snapshot_save_result *result = ((struct op_save *)work)->result;

	jwrite_uint(w, "bytes", result->bytes);
	jwrite_text(w, "state_sha256", result->state_sha256);
	jwrite_text(w, "sha256", result->state_sha256); /* its first name, which older clients know */
	jwrite_bool(w, "verified", true);
}

static bool op_save_abandon(struct work *work)
{
	snapshot_save_abandon(((struct op_save *)work)->save);
	return false;
}

const struct op_handler op_snapshot_save = {
	.size = sizeof(struct op_save),
	.begin = op_save_begin,
	.write_members = op_save_write_members,
	.abandon = op_save_abandon,
};

/* -- restore ------------------------------------------------------------------------------------------------- */

struct op_restore {
	struct work work;
	bool force;
	struct snapshot_restore *restore; /* NULL: it has ended, and the reply waits for its record */
	struct snapshot_restore_result result;
};

static void op_restore_on_data(void *arg, const unsigned char *p, size_t n)
{
	struct op_restore *op = arg;

	if (op->restore == NULL)
		return;
	if (n > 0)
		snapshot_restore_data(op->restore, p, n);
	else
		snapshot_restore_end(op->restore);
}

static void op_restore_on_cut(void *arg)
{
	struct op_restore *op = arg;
	struct failure why;

	if (op->restore == NULL)
		return;
	(void)snapshot_restore_abandon(op->restore);
	op->restore = NULL;
	failure_set(&why, CODE_INVALID_REQUEST, "the data ended without its empty frame; nothing was restored");
	work_end(&op->work, &why);
}

static void op_restore_on_begin(void *arg)
{
	static const struct call_stream stream = { .data = op_restore_on_data, .cut = op_restore_on_cut };
	struct op_restore *op = arg;

	call_stream_begin(op->work.call, "continue", &stream, op);
}

static void op_restore_on_room(void *arg, bool room)
{
	struct op_restore *op = arg;

	if (op->work.call != NULL)
		call_stream_want(op->work.call, room);
}

static void op_restore_on_done(void *arg, const struct failure *why, const struct snapshot_restore_result *result)
{
	struct op_restore *op = arg;

	if (why == NULL)
		op->result = *result;
	op->restore = NULL;
	work_end(&op->work, why);
}

static void op_restore_take_request(struct work *work, const struct request *r)
{
	((struct op_restore *)work)->force = r->force;
}

static bool op_restore_begin(struct work *work)
{
	static const struct snapshot_restore_ops ops = { .begin = op_restore_on_begin,
		.room = op_restore_on_room,
		.done = op_restore_on_done };
	struct op_restore *op = (struct op_restore *)work;

	op->restore = snapshot_restore_start(work->ops->parts.transfers, op->force, work->record.request,
	    work->deadline_ms, &ops, op);
	return op->restore != NULL;
}

static void op_restore_write_members(struct work *work, struct jwrite *w)
{
	const struct snapshot_restore_result *result = &((struct op_restore *)work)->result;

	jwrite_uint(w, "bytes", result->bytes);
	jwrite_text(w, "state", snapshot_watch_end_name(result->end));
}

static bool op_restore_abandon(struct work *work)
{
	return snapshot_restore_abandon(((struct op_restore *)work)->restore);
}

const struct op_handler op_snapshot_restore = {
	.size = sizeof(struct op_restore),
	.take_request = op_restore_take_request,
	.begin = op_restore_begin,
	.write_members = op_restore_write_members,
	.abandon = op_restore_abandon,
};
