/*
 * snapshot: saves raft snapshots, which a function of the caller's takes in pieces.
 */
#include <ctype.h>
#include <string.h>

#include "client-lib/stream.h"

/* -- what all of them do -------------------------------------------------------------------------------------- */

static int begin(struct ss_client *c, bool has_function, uint32_t timeout_ms)
{
	int code = client_may_wait(c);

	if (code != SS_OK)
		return code;
	if (!has_function)
		return client_fail(c, SS_INVALID_REQUEST, "a snapshot needs a function that takes or gives its bytes");
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
		return stream_fail(s, SS_PROTOCOL, "the daemon's last reply does not say that the snapshot is whole");
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
