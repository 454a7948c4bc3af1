/*
 * dispatch_snapshot: the two ops that are streams, between a session's stream and the store's transfer.
 */
#include <stdlib.h>

#include "daemon/callers/dispatch_internal.h"
#include "daemon/store/snapshot_restore.h"
#include "daemon/store/snapshot_save.h"

struct work {
	struct dispatch *dispatch;
	struct call *call;
	struct save *save;
	struct restore *restore;
};

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

static void on_save_done(void *arg, const struct failure *why, const struct save_result *result)
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
	d->counters.snapshots_saved++;
	(void)call_stream_write(call, "", 0);
	call_answer_begin(call, &w);
	jwrite_uint(&w, "bytes", result->bytes);
	jwrite_text(&w, "sha256", result->sha256);
	jwrite_bool(&w, "verified", true);
	call_answer_end(call, &w);
}

static void abandon_save(void *arg)
{
	struct work *work = arg;
	snapshot_save_abandon(work->save);
	free(work);
}

void dispatch_save(struct dispatch *d, struct call *call, uint64_t deadline_ms)
{
	static const struct save_ops ops = { .begin = on_save_begin, .data = on_save_data, .done = on_save_done };
	struct work *work = work_new(d, call);
	if (work == NULL)
		return;
	work->save = snapshot_save(d->parts.transfers, deadline_ms, &ops, work);
	if (work->save == NULL) {
		free(work);
		dispatch_refuse_memory(d, call);
		return;
	}
	call_wait(call, abandon_save, work);
}

/* -- restore ------------------------------------------------------------------------------------------------- */

static void on_restore_data(void *arg, const unsigned char *p, size_t n)
{
	struct work *work = arg;
	if (n > 0)
		snapshot_restore_data(work->restore, p, n);
	else
		snapshot_restore_end(work->restore);
}

static void on_restore_cut(void *arg)
{
	struct work *work = arg;
	struct dispatch *d = work->dispatch;
	struct call *call = work->call;
	struct failure why;
	snapshot_restore_abandon(work->restore);
	free(work);
	failure_set(&why, CODE_INVALID_REQUEST, "the data ended without its empty frame; nothing was restored");
	dispatch_refuse(d, call, &why);
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
	call_stream_want(work->call, room);
}

static void on_restore_done(void *arg, const struct failure *why, const struct restore_result *result)
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
	d->counters.snapshots_restored++;
	call_answer_begin(call, &w);
	jwrite_uint(&w, "bytes", result->bytes);
	jwrite_text(&w, "state", restored_name(result->restored));
	call_answer_end(call, &w);
}

static void abandon_restore(void *arg)
{
	struct work *work = arg;
	snapshot_restore_abandon(work->restore);
	free(work);
}

void dispatch_restore(struct dispatch *d, struct call *call, bool force, uint64_t deadline_ms)
{
	static const struct restore_ops ops = {
		.begin = on_restore_begin, .room = on_restore_room, .done = on_restore_done };
	struct work *work = work_new(d, call);
	if (work == NULL)
		return;
	work->restore = snapshot_restore(d->parts.transfers, force, deadline_ms, &ops, work);
	if (work->restore == NULL) {
		free(work);
		dispatch_refuse_memory(d, call);
		return;
	}
	call_wait(call, abandon_restore, work);
}
