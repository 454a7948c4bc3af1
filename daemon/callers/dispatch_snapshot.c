/*
 * dispatch_snapshot: the two ops that are streams, between a session's stream and the store's transfer.
 */
#include "daemon/callers/dispatch_internal.h"
#include "daemon/store/snapshot_restore.h"
#include "daemon/store/snapshot_save.h"

/* -- save ---------------------------------------------------------------------------------------------------- */

static void on_save_room(void *arg)
{
	struct work *work = arg;
	snapshot_save_room(work->save);
}

static void on_save_begin(void *arg)
{
	static const struct call_stream stream = { .room = on_save_room };
	struct work *work = arg;
	call_stream_begin(work->call, "stream", &stream, work);
}

static int on_save_data(void *arg, const void *p, size_t n)
{
	struct work *work = arg;
	return call_stream_write(work->call, p, n);
}

static void answer_save(struct work *work, struct jwrite *w)
{
	jwrite_uint(w, "bytes", work->saved->bytes);
	jwrite_text(w, "sha256", work->saved->sha256);
	jwrite_bool(w, "verified", true);
}

static void on_save_done(void *arg, const struct failure *why, const struct save_result *result)
{
	struct work *work = arg;
	if (why == NULL) {
		work->dispatch->counters.snapshots_saved++;
		(void)call_stream_write(work->call, "", 0);
	}
	work->saved = result;
	work_end(work, why);
}

static bool abandon_save(struct work *work)
{
	snapshot_save_abandon(work->save);
	return false;
}

static void begin_save(struct work *work)
{
	static const struct save_ops ops = { .begin = on_save_begin, .data = on_save_data, .done = on_save_done };
	work->save = snapshot_save(work->dispatch->parts.transfers, work->number, work->deadline_ms, &ops, work);
	work_started(work, work->save != NULL);
}

void dispatch_save(struct work *work)
{
	work->answer = answer_save;
	work->abandon = abandon_save;
	work_begin(work, begin_save);
}

/* -- restore ------------------------------------------------------------------------------------------------- */

static void on_restore_data(void *arg, const unsigned char *p, size_t n)
{
	struct work *work = arg;
	if (work->restore == NULL)
		return; /* it has ended, and the reply waits for its record */
	if (n > 0)
		snapshot_restore_data(work->restore, p, n);
	else
		snapshot_restore_end(work->restore);
}

static void on_restore_cut(void *arg)
{
	struct work *work = arg;
	struct failure why;
	if (work->restore == NULL)
		return;
	(void)snapshot_restore_abandon(work->restore);
	work->restore = NULL;
	failure_set(&why, CODE_INVALID_REQUEST, "the data ended without its empty frame; nothing was restored");
	work_end(work, &why);
}

static void on_restore_begin(void *arg)
{
	static const struct call_stream stream = { .data = on_restore_data, .cut = on_restore_cut };
	struct work *work = arg;
	call_stream_begin(work->call, "continue", &stream, work);
}

static void on_restore_room(void *arg, bool room)
{
	struct work *work = arg;
	if (work->call != NULL)
		call_stream_want(work->call, room);
}

static void answer_restore(struct work *work, struct jwrite *w)
{
	jwrite_uint(w, "bytes", work->restored.bytes);
	jwrite_text(w, "state", restored_name(work->restored.restored));
}

static void on_restore_done(void *arg, const struct failure *why, const struct restore_result *result)
{
	struct work *work = arg;
	if (why == NULL) {
		work->dispatch->counters.snapshots_restored++;
		work->restored = *result;
	}
	work->restore = NULL;
	work_end(work, why);
}

static bool abandon_restore(struct work *work)
{
	return snapshot_restore_abandon(work->restore);
}

static void begin_restore(struct work *work)
{
	static const struct restore_ops ops = {
		.begin = on_restore_begin, .room = on_restore_room, .done = on_restore_done };
	work->restore = snapshot_restore(work->dispatch->parts.transfers, work->force, work->number, work->deadline_ms, &ops, work);
	work_started(work, work->restore != NULL);
}

void dispatch_restore(struct work *work, bool force)
{
	work->force = force;
	work->answer = answer_restore;
	work->abandon = abandon_restore;
	work_begin(work, begin_restore);
}
