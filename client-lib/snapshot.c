/*
 * snapshot: saves, restores and checks raft snapshots, which functions of the caller's take and give in pieces.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/secmem.h"
#include "client-lib/sha256_md.h"
#include "client-lib/stream.h"
#include "proto/snapshot.h"

/* -- what all of them do -------------------------------------------------------------------------------------- */

static int begin(struct ss_client *c, bool has_function, uint32_t timeout_ms)
{
	int code = client_may_wait(c);

	if (code != SS_OK)
		return code;
	if (!has_function)
		return client_fail(c, SS_INVALID_REQUEST,
		    "a snapshot needs a function that takes or gives its bytes");
	if (timeout_ms > SS_MAX_TIMEOUT_MS)
		return client_fail(c, SS_INVALID_REQUEST, "timeout_ms is over its limit");
	client_hold(c);
	return client_fail(c, SS_OK, "");
}

/* The handle may be gone afterwards. */
static int finish(struct ss_client *c, int code)
{
	if (code == SS_OK)
		(void)client_fail(c, SS_OK, "");
	client_release(c);
	return code;
}

/* After the caller's function has run: may the transfer go on? */
static int go_on(struct stream *s, bool aborted)
{
	if (s->client->closing)
		return stream_fail(s, SS_CLOSED, "the handle was closed in the middle of the snapshot");
	if (aborted)
		return stream_fail(s, SS_ABORTED, "this program ended the transfer");
	return stream_in_time(s);
}

/* -- save ----------------------------------------------------------------------------------------------------- */

static int take_data(struct stream *s, ss_snapshot_sink *sink, void *arg, uint64_t *ret_bytes)
{
	uint64_t bytes = 0;
	struct frame frame;
	int code;

	for (;;) {
		code = stream_next(s, &frame);
		if (code != SS_OK)
			return code;
		if (frame.kind != FRAME_DATA)
			return stream_refused(s, &frame);
		if (frame.len == 0)
			break;
		bytes += frame.len;
		code = go_on(s, sink(arg, frame.body, frame.len) != 0);
		if (code != SS_OK)
			return code;
	}
	*ret_bytes = bytes;
	return SS_OK;
}

static bool take_digest(struct jspan span, char out[65])
{
	if (span.len == 0 || jspan_decode(span, out, 65) != 64)
		return false;
	for (size_t i = 0; i < 64; i++) {
		if (!isxdigit((unsigned char)out[i]))
			return false;
	}
	return true;
}

static int save(struct stream *s, ss_snapshot_sink *sink, void *arg, struct ss_snapshot *ret)
{
	struct reply reply;
	int code = stream_ask(s, OP_SNAPSHOT_SAVE, false);

	if (code == SS_OK)
		code = stream_reply(s, &reply);
	if (code == SS_OK && !reply.stream)
		code = stream_fail(s, SS_PROTOCOL, "the daemon's reply announces no snapshot");
	if (code == SS_OK)
		code = take_data(s, sink, arg, &ret->bytes);
	if (code == SS_OK)
		code = stream_reply(s, &reply);
	if (code != SS_OK)
		return code;
	if (!reply.verified || !reply.has_bytes || !take_digest(reply.sha256, ret->sha256))
		return stream_fail(s, SS_PROTOCOL,
		    "the daemon's last reply does not say that the snapshot is whole");
	if (reply.bytes != ret->bytes)
		return stream_fail(s, SS_PROTOCOL, "the daemon has sent another number of bytes than it says");
	return SS_OK;
}

int ss_snapshot_save(struct ss_client *c, uint32_t timeout_ms, ss_snapshot_sink *sink, void *arg,
    struct ss_snapshot *ret_snapshot)
{
	struct ss_snapshot snapshot;
	struct stream s;
	int code = begin(c, sink != NULL, timeout_ms);

	if (code != SS_OK)
		return code;
	code = stream_open(&s, c, timeout_ms, FATE_NONE);
	if (code == SS_OK)
		code = save(&s, sink, arg, &snapshot);
	stream_close(&s);
	if (code == SS_OK && ret_snapshot != NULL)
		*ret_snapshot = snapshot;
	return finish(c, code);
}

/* -- restore -------------------------------------------------------------------------------------------------- */

static int send_snapshot(struct stream *s, ss_snapshot_source *source, void *arg, uint64_t *ret_bytes)
{
	unsigned char *frame = secmem_malloc(FRAME_HEADER + FRAME_DATA_MAX);
	uint64_t bytes = 0;
	long n;
	int code;

	if (frame == NULL)
		return stream_fail(s, SS_NO_MEMORY, "out of memory for the snapshot");
	do {
		n = source(arg, frame + FRAME_HEADER, FRAME_DATA_MAX);
		code = go_on(s, n < 0 || n > (long)FRAME_DATA_MAX);
		if (code == SS_OK)
			code = stream_send(s, frame, (size_t)n);
		bytes += (uint64_t)n;
	} while (code == SS_OK && n > 0);
	secmem_free(frame);
	if (code == SS_OK)
		*ret_bytes = bytes;
	return code;
}

static bool take_state(struct jspan state, enum ss_restored *ret)
{
	static const struct {
		const char *name;
		enum ss_restored restored;
	} states[] = { { "applied", SS_RESTORED_APPLIED }, { "sealed", SS_RESTORED_SEALED },
		{ "waiting", SS_RESTORED_WAITING } };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (state.len > 0 && jspan_equals(state, states[i].name)) {
			*ret = states[i].restored;
			return true;
		}
	}
	return false;
}

static int restore(struct stream *s, bool force, ss_snapshot_source *source, void *arg, enum ss_restored *ret)
{
	struct reply reply;
	uint64_t bytes = 0;
	int code = stream_ask(s, OP_SNAPSHOT_RESTORE, force);

	if (code == SS_OK)
		code = stream_reply(s, &reply);
	if (code == SS_OK && !reply.go_on)
		code = stream_fail(s, SS_PROTOCOL, "the daemon's reply does not ask for the snapshot");
	if (code == SS_OK)
		code = send_snapshot(s, source, arg, &bytes);
	if (code != SS_OK)
		return code;
	/* First OpenBao has its minute to take the rest, and then another to show what it does. */
	s->silence_ms *= 2;
	code = stream_reply(s, &reply);
	if (code != SS_OK)
		return code;
	if (!reply.has_bytes || reply.bytes != bytes || !take_state(reply.state, ret))
		return stream_fail(s, SS_PROTOCOL,
		    "the daemon's last reply does not say what became of the snapshot");
	return SS_OK;
}

int ss_snapshot_restore(struct ss_client *c, bool force, uint32_t timeout_ms, ss_snapshot_source *source,
    void *arg, enum ss_restored *ret_restored)
{
	enum ss_restored restored;
	struct stream s;
	int code = begin(c, source != NULL, timeout_ms);

	if (code != SS_OK)
		return code;
	code = stream_open(&s, c, timeout_ms, FATE_KEPT);
	if (code == SS_OK)
		code = restore(&s, force, source, arg, &restored);
	stream_close(&s);
	if (code == SS_OK && ret_restored != NULL)
		*ret_restored = restored;
	return finish(c, code);
}

/* -- check ---------------------------------------------------------------------------------------------------- */

static int look_through(struct ss_client *c, struct snapshot_check *check, ss_snapshot_source *source, void *arg)
{
	unsigned char *buffer = secmem_malloc(FRAME_DATA_MAX);
	enum snapshot_step step = SNAPSHOT_HUNGRY;
	char text[CLIENT_TEXT];
	long n = 1;

	if (buffer == NULL)
		return client_fail(c, SS_NO_MEMORY, "out of memory for the snapshot");
	while (step == SNAPSHOT_HUNGRY && (n = source(arg, buffer, FRAME_DATA_MAX)) > 0 &&
	    n <= (long)FRAME_DATA_MAX && !c->closing) {
		const unsigned char *p = buffer;
		size_t left = (size_t)n;

		do
			step = snapshot_check_step(check, &p, &left);
		while (step == SNAPSHOT_BUSY);
	}
	secmem_free(buffer);
	if (c->closing)
		return client_fail(c, SS_CLOSED, "the handle was closed in the middle of the snapshot");
	if (step == SNAPSHOT_HUNGRY && n != 0)
		return client_fail(c, SS_ABORTED, "this program ended the check");
	if (step == SNAPSHOT_HUNGRY && snapshot_check_end(check) == 0)
		return SS_OK;
	snprintf(text, sizeof(text), "the snapshot is not whole: %s", snapshot_check_error(check));
	return client_fail(c, SS_INVALID_REQUEST, text);
}

int ss_snapshot_check(struct ss_client *c, ss_snapshot_source *source, void *arg)
{
	struct snapshot_check *check;
	int code = begin(c, source != NULL, 0);

	if (code != SS_OK)
		return code;
	check = snapshot_check_new(&sha256_md, true);
	if (check == NULL)
		return finish(c, client_fail(c, SS_NO_MEMORY, "out of memory for the snapshot"));
	code = look_through(c, check, source, arg);
	snapshot_check_free(check);
	return finish(c, code);
}
