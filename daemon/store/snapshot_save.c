/*
 * snapshot_save: passes on to the caller what a thread has fetched and checked (snapshot_pull.h), a piece at a
 * time. While the caller has no room the thread's buffers fill, and OpenBao has to wait.
 */
#include "daemon/store/snapshot_save.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/store/snapshot_pull.h"
#include "daemon/store/transfer.h"
#include "daemon/upstream/login.h"
#include "daemon/upstream/leader.h"
#include "proto/frame.h"

#define PIECE FRAME_DATA_MAX /* bytes passed on before other events get their turn */

struct snapshot_save {
	struct transfer transfer;
	const struct snapshot_save_ops *ops;
	void *arg;
	struct snapshot_pull *pull;       /* NULL: not begun yet, or over */
	struct buf data;                  /* taken from pull, and not passed on yet */
	struct snapshot_pull_state state; /* how things stand after data */
	bool news;                        /* pull has more */
	bool full;                        /* the caller has no room */
	uint64_t bytes;
};

static struct snapshot_save *save_of(struct transfer *t)
{
	return (struct snapshot_save *)(void *)((char *)t - offsetof(struct snapshot_save, transfer));
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void save_free(struct snapshot_save *save)
{
	transfer_end(&save->transfer);
	snapshot_pull_free(save->pull);
	buf_free(&save->data);
	free(save);
}

static void save_finish(struct snapshot_save *save, const struct failure *why,
    const struct snapshot_save_result *result)
{
	save->ops->done(save->arg, why, result);
	save_free(save);
}

static void save_on_failed(struct transfer *t, const struct failure *why)
{
	struct failure copy = *why; /* why may be a member of the transfer, which is freed */

	save_finish(save_of(t), &copy, NULL);
}

static void save_refused(struct snapshot_save *save)
{
	struct transfer *t = &save->transfer;
	const struct answer *answer = &save->state.answer;

	if (answer->unreachable) {
		leader_wrong(t->transfers->leader, t->attempt.node);
		login_unreachable(t->transfers->login);
	}
	if (save->state.begun)
		transfer_fail(&save->transfer, CODE_UNAVAILABLE,
		    "the connection to OpenBao broke in the middle of the snapshot");
	else
		transfer_refused(t, answer, true);
}

static void save_end(struct snapshot_save *save)
{
	struct snapshot_save_result result = { .bytes = save->bytes };
	struct failure why;

	log_request(save->transfer.number, "save: %s after %llu bytes", snapshot_pull_end_name(save->state.end),
	    (unsigned long long)save->bytes);
	snapshot_pull_free(save->pull);
	save->pull = NULL;
	switch (save->state.end) {
	case PULL_GOES_ON:
		break;
	case PULL_WHOLE:
		for (size_t i = 0; i < sizeof(save->state.sum); i++)
			snprintf(result.state_sha256 + 2 * i, 3, "%02x", save->state.sum[i]);
		save_finish(save, NULL, &result);
		break;
	case PULL_NOT_WHOLE:
		failure_set(&why, CODE_UPSTREAM_ERROR, "the snapshot that OpenBao sent is not whole: %s",
		    save->state.error);
		transfer_fail_with(&save->transfer, &why);
		break;
	case PULL_REFUSED:
		save_refused(save);
		break;
	case PULL_FAILED:
		transfer_fail(&save->transfer, CODE_INTERNAL, save->state.error);
		break;
	}
}

/* -- the data ------------------------------------------------------------------------------------------------ */

/* Takes what pull has. OpenBao may have begun and ended since the last time. */
static void save_take(struct snapshot_save *save)
{
	bool had_begun = save->state.begun;

	if (save->state.end != PULL_GOES_ON)
		return;
	save->news = false;
	snapshot_pull_take(save->pull, &save->data, &save->state);
	if (save->state.begun && !had_begun)
		save->ops->begin(save->arg);
}

static void save_pass_on(struct snapshot_save *save)
{
	size_t n = buf_len(&save->data) < PIECE ? buf_len(&save->data) : PIECE;
	int room;

	if (n == 0)
		return;
	save->bytes += n;
	room = save->ops->data(save->arg, buf_data(&save->data), n);
	buf_consume(&save->data, n);
	save->full = room == 0;
	if (room < 0)
		transfer_fail(&save->transfer, CODE_INTERNAL, "out of memory");
}

static void save_on_resume(struct transfer *t)
{
	struct snapshot_save *save = save_of(t);

	if (save->pull == NULL)
		return;
	if (buf_len(&save->data) == 0)
		save_take(save);
	save_pass_on(save);
	if (t->state == TRANSFER_FAILED || save->full)
		return;
	if (buf_len(&save->data) == 0 && save->state.end != PULL_GOES_ON)
		save_end(save);
	else if (buf_len(&save->data) > 0 || save->news)
		transfer_yield(t);
}

static void save_on_news(void *arg)
{
	struct snapshot_save *save = arg;

	if (save->transfer.state == TRANSFER_FAILED)
		return;
	save->news = true;
	transfer_note_progress(&save->transfer);
	if (!save->full)
		transfer_yield(&save->transfer);
}

void snapshot_save_room(struct snapshot_save *save)
{
	save->full = false;
	if (save->transfer.state == TRANSFER_FAILED)
		return;
	transfer_note_progress(&save->transfer);
	transfer_yield(&save->transfer);
}

/* -- the request --------------------------------------------------------------------------------------------- */

static void save_on_ready(struct transfer *t)
{
	const struct api_request what = { .token = token_text(t->attempt.token),
		.node = t->attempt.node,
		.number = t->number };
	struct snapshot_save *save = save_of(t);

	save->state.end = PULL_GOES_ON;
	save->pull = snapshot_pull_start(t->transfers->base, t->transfers->api, &what, save_on_news, save);
	if (save->pull == NULL)
		transfer_fail(&save->transfer, CODE_INTERNAL, "no thread could be begun, or there is no memory");
}

static bool save_may_stop(const struct transfer *t)
{
	(void)t;
	return true;
}

struct snapshot_save *snapshot_save_start(struct transfers *transfers, uint64_t number, uint64_t deadline_ms,
    const struct snapshot_save_ops *ops, void *arg)
{
	static const struct transfer_ops transfer_ops = { .ready = save_on_ready,
		.resume = save_on_resume,
		.failed = save_on_failed,
		.may_stop = save_may_stop };
	struct snapshot_save *save = calloc(1, sizeof(*save));

	if (save == NULL)
		return NULL;
	save->ops = ops;
	save->arg = arg;
	buf_init(&save->data, SIZE_MAX / 2);
	transfer_start(&save->transfer, transfers, &transfer_ops, number, deadline_ms);
	return save;
}

void snapshot_save_abandon(struct snapshot_save *save)
{
	save_free(save);
}
