/*
 * snapshot_save: what OpenBao sends is kept, and goes in turns of the loop through the check to the caller. When much is
 * kept, since the caller has no room, OpenBao waits.
 *
 * Nothing is checked as it comes: curl reads on in one turn of the loop while there is something to read, ten buffers of
 * it (7.88.1), and with the check between all other callers would wait for that long.
 */
#include "daemon/store/snapshot_save.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/store/sha256_openssl.h"
#include "daemon/store/transfer.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/leader.h"
#include "daemon/upstream/token.h"
#include "proto/frame.h"
#include "proto/snapshot.h"

#define KEPT_FULL 131072  /* bytes; then OpenBao waits until half of it is gone */
#define STEPS_IN_A_TURN 2 /* of the check: some 60 us */

_Static_assert(SNAPSHOT_STEP + SNAPSHOT_STEP_OVER <= FRAME_DATA_MAX, "what one step has checked is one frame's data");

struct save {
	struct transfer transfer;
	const struct save_ops *ops;
	void *arg;
	struct http_call *http; /* NULL: not asked yet, or all has come */
	struct snapshot_check *check;
	struct buf kept;        /* came, and is not checked yet */
	bool begun;
	bool paused;            /* OpenBao waits */
	bool full;              /* the caller has no room */
	bool over;              /* OpenBao has come to its end */
	uint64_t bytes;
};

static struct save *save_of(struct transfer *t)
{
	return (struct save *)(void *)((char *)t - offsetof(struct save, transfer));
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void save_free(struct save *save)
{
	if (save->http != NULL)
		http_cancel(save->http);
	transfer_end(&save->transfer);
	snapshot_check_free(save->check);
	buf_free(&save->kept);
	free(save);
}

static void finish(struct save *save, const struct failure *why, const struct save_result *result)
{
	save->ops->done(save->arg, why, result);
	save_free(save);
}

static void on_failed(struct transfer *t, const struct failure *why)
{
	struct failure copy = *why; /* it may be the transfer's own */

	finish(save_of(t), &copy, NULL);
}

/* Not from within curl's callbacks, so from the loop. */
static void fail(struct save *save, enum code code, const char *message)
{
	struct failure why;

	failure_set(&why, code, "%s", message);
	transfer_fail(&save->transfer, &why);
}

static void not_whole(struct save *save)
{
	struct failure why;

	failure_set(&why, CODE_UPSTREAM_ERROR, "the snapshot that OpenBao sent is not whole: %s",
	    snapshot_check_error(save->check));
	transfer_fail(&save->transfer, &why);
}

static void succeed(struct save *save)
{
	struct save_result result = {.bytes = save->bytes};
	const unsigned char *sum = snapshot_check_state_sum(save->check);

	for (size_t i = 0; i < 32; i++)
		snprintf(result.sha256 + 2 * i, 3, "%02x", sum[i]);
	finish(save, NULL, &result);
}

/* -- the data ------------------------------------------------------------------------------------------------ */

static bool has_failed(const struct save *save)
{
	return save->transfer.step == TRANSFER_FAILED;
}

/* Checked bytes, to the caller. */
static void pass_on(struct save *save, const unsigned char *p, size_t n)
{
	int room;

	if (n == 0)
		return;
	save->bytes += n;
	room = save->ops->data(save->arg, p, n);
	save->full = room == 0;
	if (room < 0)
		fail(save, CODE_INTERNAL, "out of memory");
}

/* Checks and passes on as much of what is kept as a turn has time and the caller room for. Gives whether there is more. */
static bool work(struct save *save)
{
	enum snapshot_step step = SNAPSHOT_BUSY;

	for (int i = 0; i < STEPS_IN_A_TURN && step == SNAPSHOT_BUSY && !save->full && !has_failed(save); i++) {
		const unsigned char *from = buf_data(&save->kept), *at = from;
		size_t left = buf_len(&save->kept);

		step = snapshot_check_step(save->check, &at, &left);
		if (step == SNAPSHOT_BAD)
			not_whole(save);
		else
			pass_on(save, from, (size_t)(at - from));
		buf_consume(&save->kept, (size_t)(at - from));
	}
	return step == SNAPSHOT_BUSY;
}

static void sink(void *arg, const void *p, size_t n)
{
	struct save *save = arg;

	if (has_failed(save))
		return;
	transfer_moved(&save->transfer);
	if (!save->begun) {
		save->begun = true;
		save->ops->begin(save->arg);
	}
	if (buf_put(&save->kept, p, n) < 0)
		fail(save, CODE_INTERNAL, "out of memory");
	else if (!save->full)
		transfer_yield(&save->transfer);
	save->paused = has_failed(save) || buf_len(&save->kept) >= KEPT_FULL;
	if (save->paused)
		http_pause(save->http);
}

static void come_to_the_end(struct save *save)
{
	if (snapshot_check_end(save->check) == 0)
		succeed(save);
	else
		not_whole(save);
}

static void on_turn(struct transfer *t)
{
	struct save *save = save_of(t);
	bool busy = work(save);

	if (has_failed(save) || save->full)
		return;
	if (!busy && save->over) {
		come_to_the_end(save);
		return;
	}
	if (busy)
		transfer_yield(t);
	if (save->paused && save->http != NULL && buf_len(&save->kept) < KEPT_FULL / 2) {
		save->paused = false;
		http_resume(save->http);
	}
}

void snapshot_save_room(struct save *save)
{
	save->full = false;
	if (!has_failed(save)) {
		transfer_moved(&save->transfer);
		transfer_yield(&save->transfer);
	}
}

/* -- the request --------------------------------------------------------------------------------------------- */

static void on_bad_answer(struct save *save, const struct answer *answer)
{
	struct transfer *t = &save->transfer;

	if (answer->unreachable) {
		leader_wrong(t->all->leader, t->node);
		keeper_unreachable(t->all->keeper);
	}
	if (save->begun)
		fail(save, CODE_UNAVAILABLE, "the connection to OpenBao broke in the middle of the snapshot");
	else if (answer->verdict == VERDICT_DENIED)
		transfer_denied(t, answer->denied_wrapped, &answer->failure, true);
	else if (answer->verdict == VERDICT_AGAIN || answer->failure.code == CODE_UNAVAILABLE)
		transfer_again(t, &answer->failure, answer->again_ms);
	else
		transfer_fail(t, &answer->failure);
}

static void on_answer(void *arg, const struct answer *answer)
{
	struct save *save = arg;

	save->http = NULL;
	if (has_failed(save))
		return;
	if (answer->verdict != VERDICT_OK) {
		on_bad_answer(save, answer);
		return;
	}
	save->over = true;
	if (!save->full)
		transfer_yield(&save->transfer);
}

static void on_ready(struct transfer *t)
{
	struct save *save = save_of(t);
	const struct http_stream stream = {.sink = sink, .arg = save};

	save->http = api_snapshot_save(t->all->api, token_text(t->token), t->node, &stream, CLOCK_NEVER, on_answer, save);
	if (save->http == NULL)
		fail(save, CODE_INTERNAL, "out of memory");
}

static bool may_stop(const struct transfer *t)
{
	(void)t;
	return true;
}

struct save *snapshot_save(struct transfers *transfers, uint64_t deadline_ms, const struct save_ops *ops, void *arg)
{
	static const struct transfer_ops transfer_ops = {
		.ready = on_ready, .turn = on_turn, .failed = on_failed, .may_stop = may_stop };
	struct save *save = calloc(1, sizeof(*save));

	if (save == NULL)
		return NULL;
	save->ops = ops;
	save->arg = arg;
	buf_init(&save->kept, SIZE_MAX / 2);
	save->check = snapshot_check_new(&sha256_openssl, false);
	if (save->check == NULL) {
		free(save);
		return NULL;
	}
	transfer_start(&save->transfer, transfers, &transfer_ops, deadline_ms);
	return save;
}

void snapshot_save_abandon(struct save *save)
{
	save_free(save);
}
