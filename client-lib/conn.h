/*
 * conn: a connection to the daemon: dialling, frames in, bytes out. It never blocks, and knows nothing of requests.
 */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "proto/frame.h"

#define CONN_TEXT 256
#define CONN_READ_SIZE 65536 /* a read that brings less has taken all that was there */

struct conn {
	int fd;                  /* -1: not connected */
	size_t frame_max;        /* bytes of the largest body that is taken */
	struct buf in;
	size_t taken;            /* bytes at its front that belong to the frame that was given last */
	char trouble[CONN_TEXT]; /* why there is no connection */
};

/* What conn_read() and conn_write() give in place of a number of bytes. */
enum { CONN_CLOSED = -1, CONN_NO_MEMORY = -2 };

void conn_init(struct conn *conn, size_t frame_max);

/* Connects. Else trouble says why not. CONN_BUSY may pass, which poll() cannot tell. */
enum conn_dialled { CONN_DIALLED, CONN_BUSY, CONN_NOBODY } conn_dial(struct conn *conn, const char *path);

/*
 * Closes the descriptor, but does not shut the connection down, which would end that of a parent process too. What had
 * come is wiped, and its memory stays until conn_free().
 */
void conn_close(struct conn *conn);
void conn_free(struct conn *conn);

/* Reads once. The bytes read; 0: there are none now; CONN_CLOSED; CONN_NO_MEMORY. */
ssize_t conn_read(struct conn *conn);

/* The next frame of what was read. Its body lies in the connection's memory until the next call of a function here. */
enum frame_status conn_next(struct conn *conn, struct frame *ret);

/* Is there something behind the frame that was given last? */
static inline bool conn_has_more(const struct conn *conn)
{
	return buf_len(&conn->in) > conn->taken;
}

/* Gives back the memory of a large frame, if all that was read is taken. */
void conn_trim(struct conn *conn);

/* Writes what the socket takes of n parts (at least one). The bytes written; 0: it takes none now; CONN_CLOSED. */
ssize_t conn_write(struct conn *conn, struct iovec *part, size_t n);

#endif
