/*
 * link: a connection to the daemon: it connects, reads frames and writes bytes. It never blocks, and knows nothing
 * about requests.
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
#define LINK_READ_SIZE 65536 /* bytes; a read that brings less has taken everything that was there */

struct link {
	int fd;           /* -1: not connected */
	size_t frame_max; /* bytes of the largest body that is accepted */
	struct buf in;
	bool unwritable;       /* nothing can be written any more; replies may still come until the end */
	size_t taken;          /* bytes at the front of in that belong to the frame that was returned last */
	char error[LINK_TEXT]; /* why there is no connection, for people */
	bool denied;           /* the last link_connect() failed since this process may not connect */
};

/* link_read() and link_write() return these in place of a number of bytes. */
enum { LINK_CLOSED = -1, LINK_NO_MEMORY = -2 };

void link_init(struct link *link, size_t frame_max);

/*
 * Connects to the daemon's socket at path, which fits into a struct sockaddr_un. On failure link->error says why.
 * LINK_NO_LISTENER: nobody listens there, or not for this process (link->denied). LINK_BUSY: the daemon's queue of
 * connections is full, which may pass; poll() cannot wait for that, so the caller tries again later.
 */
enum link_connected {
	LINK_CONNECTED,
	LINK_BUSY,
	LINK_NO_LISTENER
} link_connect(struct link *link, const char *path);

/*
 * Closes the descriptor. It does not shut the connection down, since in a forked child that would end the parent's
 * connection. Bytes that were read are wiped; their memory stays allocated until link_free().
 */
void link_close(struct link *link);
void link_free(struct link *link);

/* Reads once. Returns the number of bytes read; 0: there are none now; LINK_CLOSED; LINK_NO_MEMORY. */
ssize_t link_read(struct link *link);

/* Returns the next frame of what was read. Its body stays valid until the next call of a function of this file. */
enum frame_status link_next(struct link *link, struct frame *ret);

/* Says whether there are bytes behind the frame that was returned last. */
static inline bool link_has_more(const struct link *link)
{
	return buf_len(&link->in) > link->taken;
}

/* Frees the memory of a large frame, if all that was read was taken. */
void link_trim(struct link *link);

/*
 * Writes as much as the socket takes of n parts (at least one). Returns the number of bytes written; 0: it takes
 * none now; LINK_CLOSED.
 */
ssize_t link_write(struct link *link, struct iovec *part, size_t n);

#endif
