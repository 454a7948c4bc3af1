/*
 * stream: the connection that a snapshot's transfer has to itself: one request, its replies, data frames both
 * ways. Waits, but never for ever. What is known of OpenBao when a transfer fails (its fate) is said by it, too.
 *
 * Functions that give an int give SS_OK, or a code that the handle's ss_last_error() explains.
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
	FATE_NONE, /* nothing is to be changed */
	FATE_KEPT, /* OpenBao is as it was */
	FATE_UNKNOWN /* what was sent may have been restored: every failure but the daemon's word is SS_UNKNOWN_OUTCOME */
};

struct stream {
	struct ss_client *client;
	struct link link;
	enum fate fate;
	uint64_t deadline_ms; /* CLOCK_NEVER: none */
	unsigned silence_ms;  /* how long the connection may stand still */
};

/* Connects. stream_close() must follow in any case. timeout_ms 0: no limit. */
int stream_open(struct stream *s, struct ss_client *c, uint32_t timeout_ms, enum fate fate);
void stream_close(struct stream *s);

/* Sends the request. */
int stream_ask(struct stream *s, enum op op, bool force);

/*
 * Waits for the next frame, which lies in the stream until the next call: JSON, or data of at most FRAME_DATA_MAX.
 */
int stream_next(struct stream *s, struct frame *ret);

/* Waits for the next frame, which must be a reply that says ok. Its spans are valid until the next call. */
int stream_reply(struct stream *s, struct reply *ret);

/* The failure that a frame is which came in place of data: what the daemon says in it, else SS_PROTOCOL. */
int stream_refused(struct stream *s, const struct frame *frame);

/*
 * Sends a data frame, unless the daemon has said something before: then that is the failure. frame has
 * FRAME_HEADER bytes of room for the header, and then len bytes. With len 0 it ends the data, and after its first
 * byte the fate is unknown.
 */
int stream_send(struct stream *s, unsigned char *frame, size_t len);

/* SS_OK until the deadline has passed. For after what may take long elsewhere. */
int stream_in_time(struct stream *s);

/* Notes a failure, with the fate. */
int stream_fail(struct stream *s, int code, const char *text);

#endif
