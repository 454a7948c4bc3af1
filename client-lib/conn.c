/*
 * conn: a connection to the daemon, as bytes and frames.
 */
#include "client-lib/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEPT_MAX 1048576u /* a larger allocation is not kept for the next frame */

void conn_init(struct conn *conn, size_t frame_max)
{
	*conn = (struct conn){ .fd = -1, .frame_max = frame_max };
	buf_init(&conn->in, FRAME_HEADER + frame_max + CONN_READ_SIZE); /* a frame, and what a read brings beyond it */
}

enum conn_dialled conn_dial(struct conn *conn, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const char *why;
	bool busy;

	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		conn->fd = fd;
		return CONN_DIALLED;
	}
	busy = errno == EAGAIN || errno == EINTR;
	why = busy ? "the daemon has too many connections waiting" : strerror(errno);
	snprintf(conn->trouble, sizeof(conn->trouble), "cannot connect to %s: %s", path, why);
	if (fd >= 0)
		close(fd);
	return busy ? CONN_BUSY : CONN_NOBODY;
}

void conn_close(struct conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	conn->taken = 0;
	buf_consume(&conn->in, buf_len(&conn->in));
}

void conn_free(struct conn *conn)
{
	conn_close(conn);
	buf_free(&conn->in);
}

ssize_t conn_read(struct conn *conn)
{
	size_t held = buf_len(&conn->in), room = CONN_READ_SIZE;
	struct frame frame;
	ssize_t n;

	/*
	 * All that is missing of a frame whose length is known. And not more, since the start of another large one behind it would
	 * have to be moved.
	 */
	if (held >= FRAME_HEADER && frame_parse(buf_data(&conn->in), held, conn->frame_max, &frame) == FRAME_MORE &&
	    FRAME_HEADER + frame.len - held > CONN_READ_SIZE)
		room = FRAME_HEADER + frame.len - held;
	if (buf_reserve(&conn->in, room) != 0)
		return CONN_NO_MEMORY;
	do
		n = recv(conn->fd, buf_tail(&conn->in), room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : CONN_CLOSED;
	buf_commit(&conn->in, (size_t)n);
	return n;
}

enum frame_status conn_next(struct conn *conn, struct frame *ret)
{
	enum frame_status status;

	buf_consume(&conn->in, conn->taken);
	status = frame_parse(buf_data(&conn->in), buf_len(&conn->in), conn->frame_max, ret);
	conn->taken = status == FRAME_OK ? FRAME_HEADER + ret->len : 0;
	return status;
}

void conn_trim(struct conn *conn)
{
	if (buf_len(&conn->in) == 0 && conn->in.cap > KEPT_MAX)
		buf_free(&conn->in);
}

ssize_t conn_write(struct conn *conn, struct iovec *part, size_t n)
{
	struct msghdr message = { .msg_iov = part, .msg_iovlen = n };
	ssize_t written;

	do {
		/* A single part goes without a list, which the kernel would have to fetch. */
		if (n == 1)
			written = send(conn->fd, part[0].iov_base, part[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		else
			written = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (written < 0 && errno == EINTR);
	if (written >= 0)
		return written;
	return errno == EAGAIN ? 0 : CONN_CLOSED;
}
