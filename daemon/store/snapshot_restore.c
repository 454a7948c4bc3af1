/*
 * snapshot_restore: the caller's bytes are checked as they come. OpenBao gets those that can do no harm, which are
 * all but the last ones, until the check has succeeded.
 */
#include "daemon/store/snapshot_restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/store/kv.h"
#include "daemon/store/sha256_openssl.h"
#include "daemon/store/transfer.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/login.h"
#include "daemon/upstream/leader.h"
#include "proto/frame.h"
#include "proto/snapshot.h"

/*
 * The caller is told to wait when UNSENT_MAX bytes wait to be sent, beside those that are held back. It may then
 * have one more frame under way.
 */
#define UNSENT_MAX 131072u
#define DATA_MAX (SNAPSHOT_HOLD_BACK + UNSENT_MAX + FRAME_DATA_MAX)
#define CONFIRMATIONS_MAX 3
#define STEPS_MAX 2 /* of the check, before other events get their turn: some tenths of a millisecond */
#define WATCH_MS 60000u

enum restore_state {
	RESTORE_RECEIVING,  /* data comes from the caller; before that, the transfer is made ready */
	RESTORE_CHECKING,   /* all data has come, and is not checked to its end yet */
	RESTORE_CONFIRMING, /* the snapshot is whole, and the node is asked whether it still leads */
	RESTORE_RELEASED,   /* nothing is held back any more: OpenBao may apply the snapshot from now on */
	RESTORE_WATCHING    /* OpenBao has taken the snapshot */
};

struct snapshot_restore {
	struct transfer transfer;
	enum restore_state state;
	const struct snapshot_restore_ops *ops;
	void *arg;
	bool force;
	struct http_call *http; /* NULL: not begun yet, or ended */
	struct http_call *question;
	struct snapshot_watch *watch;
	struct snapshot_check *check;
	struct buf data; /* received, and not given to curl yet */
	size_t checked;  /* how many bytes of data are checked */
	bool busy;       /* the check has more to do with what it took */
	bool has_room, begun_sending;
	bool source_waits;
	unsigned confirmations; /* how often the node did not say that it leads */
	char *active_time;      /* since when the node led before the restore; NULL: not known */
	uint64_t bytes;
};

static struct snapshot_restore *restore_of(struct transfer *t)
{
	return (struct snapshot_restore *)(void *)((char *)t - offsetof(struct snapshot_restore, transfer));
}

/* Sets the state; nothing else does. */
static void restore_set_state(struct snapshot_restore *r, enum restore_state state)
{
	static const char *const names[] = { [RESTORE_RECEIVING] = "receiving",
		[RESTORE_CHECKING] = "checking",
		[RESTORE_CONFIRMING] = "confirming",
		[RESTORE_RELEASED] = "released",
		[RESTORE_WATCHING] = "watching" };

	log_request(r->transfer.number, "restore: %s -> %s", names[r->state], names[state]);
	r->state = state;
}

static bool restore_has_failed(const struct snapshot_restore *r)
{
	return r->transfer.state == TRANSFER_FAILED;
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void restore_free(struct snapshot_restore *r)
{
	http_cancel(r->http);
	http_cancel(r->question);
	if (r->watch != NULL)
		snapshot_watch_cancel(r->watch);
	if (r->transfer.transfers->restoring == &r->transfer)
		r->transfer.transfers->restoring = NULL;
	transfer_end(&r->transfer);
	snapshot_check_free(r->check);
	buf_free(&r->data);
	free(r->active_time);
	free(r);
}

static void restore_finish(struct snapshot_restore *r, const struct failure *why,
    const struct snapshot_restore_result *result)
{
	if (why != NULL)
		log_warning("restore: %s: %s", code_name(why->code), why->message);
	r->ops->done(r->arg, why, result);
	restore_free(r);
}

/*
 * OpenBao's state is another one now: forgets what was known of the old one, and logs in anew, since the token may
 * be gone.
 */
static void restore_forget_old_state(struct snapshot_restore *r, enum snapshot_watch_end end)
{
	struct transfers *transfers = r->transfer.transfers;

	kv_forget(transfers->kv);
	if (end == RESTORED_SEALED) {
		leader_wrong(transfers->leader, r->transfer.attempt.node);
		login_unreachable(transfers->login);
	} else if (end == RESTORED_APPLIED) {
		login_afresh(transfers->login);
	}
}

static void restore_report(struct snapshot_restore *r, enum snapshot_watch_end end)
{
	const struct snapshot_restore_result result = { .bytes = r->bytes, .end = end };

	log_warning("restore: a snapshot of %llu bytes was taken by OpenBao, %s: %s", (unsigned long long)r->bytes,
	    r->force ? "by force" : "not by force", snapshot_watch_end_name(end));
	restore_forget_old_state(r, end);
	restore_finish(r, NULL, &result);
}

/* The transfer has failed, or time has run out, or the daemon stops. */
static void restore_on_failed(struct transfer *t, const struct failure *why)
{
	struct snapshot_restore *r = restore_of(t);
	struct failure copy = *why;

	if (r->state == RESTORE_WATCHING) {
		restore_report(r, RESTORED_WAITING);
		return;
	}
	if (r->state == RESTORE_RELEASED && why->code != CODE_UNKNOWN_OUTCOME && !restore_has_failed(r))
		failure_set(&copy, CODE_UNKNOWN_OUTCOME,
		    "the snapshot was sent, and OpenBao has not said what it did with it");
	restore_finish(r, &copy, NULL);
}

static void restore_not_whole(struct snapshot_restore *r)
{
	struct failure why;

	failure_set(&why, CODE_INVALID_REQUEST, "the snapshot is not whole: %s; nothing was restored",
	    snapshot_check_error(r->check));
	transfer_fail_with(&r->transfer, &why);
}

/* -- to OpenBao ---------------------------------------------------------------------------------------------- */

/* Gives how many bytes of data may be sent by now. */
static size_t restore_sendable(const struct snapshot_restore *r)
{
	if (r->state >= RESTORE_RELEASED)
		return buf_len(&r->data);
	return r->checked > SNAPSHOT_HOLD_BACK ? r->checked - SNAPSHOT_HOLD_BACK : 0;
}

static void restore_report_room(struct snapshot_restore *r)
{
	bool room = buf_len(&r->data) < SNAPSHOT_HOLD_BACK + UNSENT_MAX;

	if (room == r->has_room || r->state != RESTORE_RECEIVING)
		return;
	r->has_room = room;
	r->ops->room(r->arg, room);
}

static size_t restore_source(void *arg, void *p, size_t size)
{
	struct snapshot_restore *r = arg;
	size_t most = restore_sendable(r), n = most < size ? most : size;

	if (restore_has_failed(r) || (n == 0 && r->state < RESTORE_RELEASED)) {
		r->source_waits = true;
		return HTTP_SOURCE_WAIT;
	}
	if (n == 0)
		return 0;
	memcpy(p, buf_data(&r->data), n);
	buf_consume(&r->data, n);
	r->checked -= n < r->checked ? n : r->checked;
	transfer_note_progress(&r->transfer);
	restore_report_room(r);
	return n;
}

static void restore_on_watched(void *arg, enum snapshot_watch_end end)
{
	struct snapshot_restore *r = arg;

	r->watch = NULL;
	restore_report(r, end);
}

/* OpenBao applies the snapshot only after this answer, which changes again what was known until then. */
static void restore_taken(struct snapshot_restore *r)
{
	struct transfer *t = &r->transfer;
	uint64_t until = clock_now_ms() + WATCH_MS;

	restore_set_state(r, RESTORE_WATCHING);
	kv_forget(t->transfers->kv);
	transfer_note_progress(t);
	r->watch = snapshot_watch_start(t->transfers->base, t->transfers->api,
	    &(struct snapshot_watch_options){ .node = t->attempt.node,
		.active_time = r->active_time,
		.number = t->number,
		.until_ms = until < t->deadline_ms ? until : t->deadline_ms },
	    restore_on_watched, r);
	if (r->watch == NULL)
		restore_report(r, RESTORED_WAITING);
}

/* Tells what an answer means that came before the last bytes were sent. */
static void restore_refused_early(struct snapshot_restore *r, const struct answer *answer)
{
	if (answer->verdict == VERDICT_OK)
		transfer_fail(&r->transfer, CODE_UNKNOWN_OUTCOME,
		    "OpenBao took the snapshot before it had come to its end");
	else if (answer->failure.code != CODE_UNKNOWN_OUTCOME)
		transfer_fail_with(&r->transfer, &answer->failure);
	else if (answer->failure.status != 0)
		transfer_fail(&r->transfer, CODE_UPSTREAM_ERROR,
		    "OpenBao answered with an error of its own; nothing was restored");
	else
		transfer_fail(&r->transfer, CODE_UNAVAILABLE,
		    "the connection to OpenBao broke; nothing was restored");
}

static void restore_on_answer(void *arg, const struct answer *answer)
{
	struct snapshot_restore *r = arg;
	struct transfer *t = &r->transfer;

	r->http = NULL;
	if (restore_has_failed(r))
		return;
	if (answer->unreachable) {
		leader_wrong(t->transfers->leader, t->attempt.node);
		login_unreachable(t->transfers->login);
	}
	if (answer->verdict == VERDICT_DENIED)
		transfer_refused(t, answer, false);
	else if (r->state < RESTORE_RELEASED)
		restore_refused_early(r, answer);
	else if (answer->verdict == VERDICT_OK)
		restore_taken(r);
	else
		transfer_fail_with(t, &answer->failure);
}

/* Begins the request, or goes on with it. */
static void restore_send_on(struct snapshot_restore *r)
{
	struct transfer *t = &r->transfer;
	const struct http_stream stream = { .source = restore_source, .arg = r };

	if (r->http != NULL) {
		if (r->source_waits) {
			r->source_waits = false;
			http_resume(r->http);
		}
		return;
	}
	if (r->begun_sending)
		return;
	r->begun_sending = true;
	r->http = api_ask(t->transfers->api, r->force ? API_SNAPSHOT_RESTORE_FORCE : API_SNAPSHOT_RESTORE,
	    &(struct api_request){ .token = token_text(t->attempt.token),
		.node = t->attempt.node,
		.stream = &stream,
		.deadline_ms = CLOCK_NEVER,
		.number = t->number },
	    restore_on_answer, r);
	if (r->http == NULL)
		transfer_fail(&r->transfer, CODE_INTERNAL, "out of memory");
}

/* -- the last check ------------------------------------------------------------------------------------------ */

static void restore_ask_whether_leads(struct snapshot_restore *r);

static void restore_on_confirmed(void *arg, bool leads, const char *active_time)
{
	struct snapshot_restore *r = arg;

	r->question = NULL;
	if (restore_has_failed(r))
		return;
	/*
	 * The node is asked more than once, since one that is busy with the snapshot may not answer in time.
	 * Nothing but its word that it leads lets the last part go.
	 */
	if (!leads && ++r->confirmations < CONFIRMATIONS_MAX) {
		restore_ask_whether_leads(r);
		return;
	}
	if (!leads) {
		transfer_fail(&r->transfer, CODE_UNAVAILABLE,
		    "OpenBao's leader is another one by now; nothing was restored");
		return;
	}
	r->active_time = active_time != NULL ? strdup(active_time) : NULL;
	restore_set_state(r, RESTORE_RELEASED);
	transfer_note_progress(&r->transfer);
	restore_send_on(r);
}

static void restore_ask_whether_leads(struct snapshot_restore *r)
{
	struct transfer *t = &r->transfer;

	r->question = leader_confirm(t->transfers->leader, t->attempt.node, CLOCK_NEVER, t->number,
	    restore_on_confirmed, r);
	if (r->question == NULL)
		transfer_fail(t, CODE_INTERNAL, "out of memory");
}

static void restore_confirm(struct snapshot_restore *r)
{
	if (snapshot_check_end(r->check) < 0) {
		restore_not_whole(r);
		return;
	}
	restore_set_state(r, RESTORE_CONFIRMING);
	restore_ask_whether_leads(r);
}

/* -- from the caller ----------------------------------------------------------------------------------------- */

/* Checks as much of the data as is done at a time, and does what follows from it. */
static void restore_check_data(struct snapshot_restore *r)
{
	size_t left = buf_len(&r->data) - r->checked;
	const unsigned char *at = left > 0 ? buf_data(&r->data) + r->checked : NULL;
	enum snapshot_step step = SNAPSHOT_BUSY;

	for (int i = 0; i < STEPS_MAX && step == SNAPSHOT_BUSY; i++)
		step = snapshot_check_step(r->check, &at, &left);
	r->checked = buf_len(&r->data) - left;
	r->busy = step == SNAPSHOT_BUSY;
	if (step == SNAPSHOT_BAD)
		restore_not_whole(r);
	else if (r->busy)
		transfer_yield(&r->transfer);
	else if (r->state == RESTORE_CHECKING)
		restore_confirm(r);
	if (!restore_has_failed(r) && restore_sendable(r) > 0)
		restore_send_on(r);
}

static void restore_on_resume(struct transfer *t)
{
	struct snapshot_restore *r = restore_of(t);

	if (r->state <= RESTORE_CHECKING)
		restore_check_data(r);
}

void snapshot_restore_data(struct snapshot_restore *r, const void *p, size_t n)
{
	if (restore_has_failed(r) || r->state != RESTORE_RECEIVING)
		return;
	transfer_note_progress(&r->transfer);
	r->bytes += n;
	if (buf_put(&r->data, p, n) < 0) {
		transfer_fail(&r->transfer, CODE_INTERNAL, "out of memory");
		return;
	}
	restore_report_room(r);
	if (!r->busy)
		restore_check_data(r);
}

void snapshot_restore_end(struct snapshot_restore *r)
{
	if (restore_has_failed(r) || r->state != RESTORE_RECEIVING)
		return;
	transfer_note_progress(&r->transfer);
	restore_set_state(r, RESTORE_CHECKING);
	if (!r->busy)
		restore_check_data(r);
}

/* -- its life ------------------------------------------------------------------------------------------------ */

static void restore_on_ready(struct transfer *t)
{
	struct snapshot_restore *r = restore_of(t);

	r->has_room = true;
	r->ops->begin(r->arg);
}

static bool restore_may_stop(const struct transfer *t)
{
	const struct snapshot_restore *r = (const struct snapshot_restore *)(const void *)((const char *)t -
	    offsetof(struct snapshot_restore, transfer));

	return r->state < RESTORE_RELEASED;
}

struct snapshot_restore *snapshot_restore_start(struct transfers *transfers, bool force, uint64_t number,
    uint64_t deadline_ms, const struct snapshot_restore_ops *ops, void *arg)
{
	static const struct transfer_ops transfer_ops = { .ready = restore_on_ready,
		.resume = restore_on_resume,
		.failed = restore_on_failed,
		.may_stop = restore_may_stop };
	struct snapshot_restore *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->force = force;
	r->ops = ops;
	r->arg = arg;
	buf_init(&r->data, DATA_MAX);
	r->check = snapshot_check_new(&sha256_openssl, true);
	if (r->check == NULL) {
		free(r);
		return NULL;
	}
	transfer_start(&r->transfer, transfers, &transfer_ops, number, deadline_ms);
	if (transfers->restoring != NULL)
		transfer_fail(&r->transfer, CODE_OVERLOADED, "another restore is under way");
	else
		transfers->restoring = &r->transfer;
	return r;
}

bool snapshot_restore_abandon(struct snapshot_restore *r)
{
	if (r->state != RESTORE_RECEIVING)
		return true;
	restore_free(r);
	return false;
}
