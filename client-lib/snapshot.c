/*
 * snapshot: saves, restores and checks raft snapshots, whose bytes the caller's functions take or give.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/secmem.h"
#include "client-lib/sha256_md.h"
#include "client-lib/stream.h"
#include "proto/snapshot.h"

/* -- what all of them do -------------------------------------------------------------------------------------- */

static int begin_transfer(struct ss_client *c, bool has_function, uint32_t timeout_ms)
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

/* Ends what begin_transfer() began. The handle may be gone afterwards. */
static int finish_transfer(struct ss_client *c, int code)
{
	if (code == SS_OK)
		(void)client_fail(c, SS_OK, "");
	client_release(c);
	return code;
}

/* Says whether the transfer may go on after the caller's function has run: SS_OK, or why not. */
static int may_go_on(struct stream *s, bool aborted)
{
	if (s->client->closing)
		return stream_fail(s, SS_CLOSED, "the handle was closed in the middle of the snapshot");
	if (aborted)
		return stream_fail(s, SS_ABORTED, "this program ended the transfer");
	return stream_check_deadline(s);
}

/* -- save ----------------------------------------------------------------------------------------------------- */

/* Gives the data to sink, and adds it to the state of a SHA-256. */
static int receive_data(struct stream *s, ss_snapshot_sink *sink, void *arg, void *sum, uint64_t *ret_bytes)
{
	uint64_t bytes = 0;
	struct frame frame;
	int code;

	for (;;) {
		code = stream_next_frame(s, &frame);
		if (code != SS_OK)
			return code;
		if (frame.kind != FRAME_DATA)
			return stream_take_refusal(s, &frame);
		if (frame.len == 0)
			break;
		bytes += frame.len;
		sha256_md.add(sum, frame.body, frame.len);
		code = may_go_on(s, sink(arg, frame.body, frame.len) != 0);
		if (code != SS_OK)
			return code;
	}
	*ret_bytes = bytes;
	return SS_OK;
}

static bool decode_digest(struct jspan span, char out[65])
{
	if (span.len == 0 || jspan_decode(span, out, 65) != 64)
		return false;
	for (size_t i = 0; i < 64; i++) {
		if (!isxdigit((unsigned char)out[i]))
			return false;
	}
	return true;
}

static int save_over_stream(struct stream *s, ss_snapshot_sink *sink, void *arg, void *sum,
    struct ss_snapshot *ret)
{
	struct reply reply;
	int code = stream_request(s, OP_SNAPSHOT_SAVE, false);

	if (code == SS_OK)
		code = stream_next_reply(s, &reply);
	if (code == SS_OK && !reply.stream)
		code = stream_fail(s, SS_PROTOCOL, "the daemon's reply announces no snapshot");
	if (code == SS_OK)
		code = receive_data(s, sink, arg, sum, &ret->bytes);
	if (code == SS_OK)
		code = stream_next_reply(s, &reply);
	if (code != SS_OK)
		return code;
	if (!reply.verified || !reply.has_bytes || !decode_digest(reply.sha256, ret->state_sha256))
		return stream_fail(s, SS_PROTOCOL,
		    "the daemon's last reply does not say that the snapshot is whole");
	if (reply.bytes != ret->bytes)
		return stream_fail(s, SS_PROTOCOL, "the daemon has sent another number of bytes than it says");
	return SS_OK;
}

int ss_snapshot_save(struct ss_client *c, uint32_t timeout_ms, ss_snapshot_sink *sink, void *arg,
    struct ss_snapshot *ret_snapshot)
{
	unsigned char digest[32] = { 0 };
	struct ss_snapshot snapshot;
	struct stream s;
	void *sum;
	int code = begin_transfer(c, sink != NULL, timeout_ms);

	if (code != SS_OK)
		return code;
	sum = sha256_md.begin();
	if (sum == NULL)
		return finish_transfer(c, client_fail(c, SS_NO_MEMORY, "out of memory for the snapshot"));
	code = stream_open(&s, c, timeout_ms, FATE_NONE);
	if (code == SS_OK)
		code = save_over_stream(&s, sink, arg, sum, &snapshot);
	stream_close(&s);
	sha256_md.end(sum, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(snapshot.file_sha256 + 2 * i, 3, "%02x", digest[i]);
	if (code == SS_OK && ret_snapshot != NULL)
		*ret_snapshot = snapshot;
	return finish_transfer(c, code);
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
		code = may_go_on(s, n < 0 || n > (long)FRAME_DATA_MAX);
		if (code == SS_OK)
			code = stream_send_data(s, frame, (size_t)n);
		bytes += (uint64_t)n;
	} while (code == SS_OK && n > 0);
	secmem_free(frame);
	if (code == SS_OK)
		*ret_bytes = bytes;
	return code;
}

static bool decode_restored(struct jspan state, enum ss_restored *ret)
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

static int restore_over_stream(struct stream *s, bool force, ss_snapshot_source *source, void *arg,
    enum ss_restored *ret)
{
	struct reply reply;
	uint64_t bytes = 0;
	int code = stream_request(s, OP_SNAPSHOT_RESTORE, force);

	if (code == SS_OK)
		code = stream_next_reply(s, &reply);
	if (code == SS_OK && !reply.go_on)
		code = stream_fail(s, SS_PROTOCOL, "the daemon's reply does not ask for the snapshot");
	if (code == SS_OK)
		code = send_snapshot(s, source, arg, &bytes);
	if (code != SS_OK)
		return code;
	/* OpenBao has a minute to take the rest, and then another to show its new state. */
	s->silence_ms *= 2;
	code = stream_next_reply(s, &reply);
	if (code != SS_OK)
		return code;
	if (!reply.has_bytes || reply.bytes != bytes || !decode_restored(reply.state, ret))
		return stream_fail(s, SS_PROTOCOL,
		    "the daemon's last reply does not say what became of the snapshot");
	return SS_OK;
}

int ss_snapshot_restore(struct ss_client *c, bool force, uint32_t timeout_ms, ss_snapshot_source *source,
    void *arg, enum ss_restored *ret_restored)
{
	enum ss_restored restored = SS_RESTORED_WAITING;
	struct stream s;
	int code = begin_transfer(c, source != NULL, timeout_ms);

	if (code != SS_OK)
		return code;
	code = stream_open(&s, c, timeout_ms, FATE_KEPT);
	if (code == SS_OK)
		code = restore_over_stream(&s, force, source, arg, &restored);
	stream_close(&s);
	if (code == SS_OK && ret_restored != NULL)
		*ret_restored = restored;
	return finish_transfer(c, code);
}

/* -- check ---------------------------------------------------------------------------------------------------- */

static int check_pieces(struct ss_client *c, struct snapshot_check *check, ss_snapshot_source *source, void *arg)
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
	int code = begin_transfer(c, source != NULL, 0);

	if (code != SS_OK)
		return code;
	check = snapshot_check_new(&sha256_md, true);
	if (check == NULL)
		return finish_transfer(c, client_fail(c, SS_NO_MEMORY, "out of memory for the snapshot"));
	code = check_pieces(c, check, source, arg);
	snapshot_check_free(check);
	return finish_transfer(c, code);
}
