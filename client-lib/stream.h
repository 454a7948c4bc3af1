/*
 * stream: the connection that a snapshot's transfer has to itself: one request, its replies, and data frames in
 * either direction. It waits, but never without a limit. It also knows what a failure means for OpenBao's state
 * (the transfer's fate), and says so in the messages.
 *
 * Functions that return an int return SS_OK, or another code, which ss_last_error() of the handle then explains.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client-lib/client.h"
#include "client-lib/link.h"
#include "proto/frame.h"
#include "proto/ops.h"
#include "proto/reply.h"

enum fate {
	FATE_NONE,   /* the transfer changes nothing at OpenBao */
	FATE_KEPT,   /* OpenBao is still as it was */
	FATE_UNKNOWN /* OpenBao may have restored what was sent */
};

struct stream {
	struct ss_client *client;
	struct link link;
	enum fate fate;
	uint64_t deadline_ms; /* CLOCK_NEVER: there is none */
	unsigned silence_ms;  /* how long the connection may make no progress */
};

/* Connects. stream_close() must follow whether it succeeds or not. timeout_ms 0 means no limit. */
int stream_open(struct stream *s, struct ss_client *c, uint32_t timeout_ms, enum fate fate);
void stream_close(struct stream *s);

/* Sends the request for op. */
int stream_request(struct stream *s, enum op op, bool force);

/* Waits for the next frame: JSON, or data of at most FRAME_DATA_MAX bytes. It is valid until the next call. */
int stream_next_frame(struct stream *s, struct frame *ret);

/*
 * Waits for the next frame, which must be a reply that says ok. The reply's spans are valid until the next call.
 */
int stream_next_reply(struct stream *s, struct reply *ret);

/* Takes a frame that came in place of data. Returns the failure that the daemon tells in it, or SS_PROTOCOL. */
int stream_take_refusal(struct stream *s, const struct frame *frame);

/*
 * Sends one data frame. frame has FRAME_HEADER bytes of room for the header, then len bytes of data. len 0 ends
 * the data, and once its first byte was written the fate is FATE_UNKNOWN. If the daemon has sent something before,
 * nothing more is sent, and the failure that it tells is returned.
 */
int stream_send_data(struct stream *s, unsigned char *frame, size_t len);

/* Returns SS_OK until the deadline has passed. It is called after something outside that may take long. */
int stream_check_deadline(struct stream *s);

/*
 * Sets the handle's error and returns its code. The text that follows from the fate is appended to it; with
 * FATE_UNKNOWN the code becomes SS_UNKNOWN_OUTCOME. A failure that the daemon itself tells does not go through
 * this.
 */
int stream_fail(struct stream *s, int code, const char *text);

#endif
