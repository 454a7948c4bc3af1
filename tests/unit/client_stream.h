/*
 * client_stream: the daemon's side of a snapshot's transfer, as a line of letters, each of which is one step:
 *
 *	r  reads the request             s  says that a snapshot follows     c  says that it waits for one
 *	d  sends 1,000 bytes of data     D  sends a whole frame of data      e  ends the data
 *	u  reads a data frame            U  reads data up to its end         f  says that it ended well
 *	R  says fake->reply              S  does nothing until stage 1
 *	w  waits for the client to close, and reads what data it still sends
 *	L  begins a data frame that is too long      J  begins a JSON frame that is too long
 *	K  begins a frame of an unknown kind
 *
 * At the end of the line it closes. Closing while bytes from the client are unread makes the client's writes fail.
 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/client_fake.h"

#define CLIENT_STREAM_DIGEST "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

/* Returns the byte at that place of every snapshot that the fake daemon sends. */
unsigned char client_stream_byte(uint64_t at);

/* The data that the fake daemon has received, and the steps that it plays. */
struct client_stream {
	const char *steps;
	const char *state; /* the state that a restore ends with */
	uint64_t sent, received;
	unsigned char *kept; /* where received bytes go, up to room of them; NULL: nowhere */
	size_t room;
	bool ended; /* the empty frame has come */
};

/* Scripts call this: it plays the letters. */
void client_stream_play(struct client_fake *fake, struct client_stream *stream);

#endif
