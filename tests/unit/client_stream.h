/*
 * The daemon's side of a snapshot's transfer, as a line of letters: what it does, one step after the other.
 *
 *	r  reads the request             s  says that a snapshot follows     c  says that it waits for one
 *	d  sends 1,000 bytes of data     D  sends a whole frame of them      e  ends the data
 *	u  reads a data frame            U  reads data up to its end         f  says how it ended, well
 *	R  says fake->reply              S  does nothing until stage 1
 *	w  waits for the client to close, and reads what data it still sends
 *	L  begins a data frame that is too long      J  the same in JSON     K  begins a frame of an unknown kind
 *
 * At the end of the line it closes. To close while bytes that the client sent are unread makes writing fail there.
 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/client_fake.h"

#define CLIENT_STREAM_DIGEST "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

/* The byte at that place of every snapshot that the fake daemon sends. */
unsigned char client_stream_byte(uint64_t at);

/* What it has received. */
struct client_stream {
	const char *steps;
	const char *state; /* that a restore ends with */
	uint64_t sent, received;
	unsigned char *kept; /* NULL, or where what is received goes, up to room bytes */
	size_t room;
	bool ended; /* the empty frame has come */
};

/* For scripts. */
void client_stream_play(struct client_fake *fake, struct client_stream *stream);

#endif
