/*
 * link: a connection to the daemon: dialling, frames in, bytes out. It never blocks, and knows nothing of
 * requests.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "proto/frame.h"

#define LINK_TEXT 256
#define LINK_READ_SIZE 65536 /* a read that brings less has taken all that was there */

struct link {
	int fd;           /* -1: not connected */
	size_t frame_max; /* bytes of the largest body that is taken */
	struct buf in;
	size_t taken;            /* bytes at its front that belong to the frame that was given last */
	char trouble[LINK_TEXT]; /* why there is no connection */
};

/* What link_read() and link_write() give in place of a number of bytes. */
enum { LINK_CLOSED = -1, LINK_NO_MEMORY = -2 };

void link_init(struct link *link, size_t frame_max);

/* Connects. Else trouble says why not. LINK_BUSY may pass, which poll() cannot tell. */
enum link_dialled { LINK_DIALLED, LINK_BUSY, LINK_NOBODY } link_dial(struct link *link, const char *path);

/*
 * Closes the descriptor, but does not shut the connection down, which would end that of a parent process too. What
 * had come is wiped, and its memory stays until link_free().
 */
void link_close(struct link *link);
void link_free(struct link *link);

/* Reads once. The bytes read; 0: there are none now; LINK_CLOSED; LINK_NO_MEMORY. */
ssize_t link_read(struct link *link);

/*
 * The next frame of what was read. Its body lies in the connection's memory until the next call of a function
 * here.
 */
enum frame_status link_next(struct link *link, struct frame *ret);

/* Is there something behind the frame that was given last? */
static inline bool link_has_more(const struct link *link)
{
	return buf_len(&link->in) > link->taken;
}

/* Gives back the memory of a large frame, if all that was read is taken. */
void link_trim(struct link *link);

/* Writes what the socket takes of n parts (at least one). The bytes written; 0: it takes none now; LINK_CLOSED. */
ssize_t link_write(struct link *link, struct iovec *part, size_t n);

#endif
