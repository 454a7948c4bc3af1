/*
 * link: see the header.
 */
#include "client-lib/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define KEPT_MAX 1048576u /* bytes; a larger allocation is not kept for the next frame */

void link_init(struct link *link, size_t frame_max)
{
	*link = (struct link){ .fd = -1, .frame_max = frame_max };
	/* The limit is one frame, and what a read brings beyond it. */
	buf_init(&link->in, FRAME_HEADER + frame_max + LINK_READ_SIZE);
}

/* Says whom the socket is for, unless it is in a directory that this process may not search. */
static void append_owner(struct link *link, const char *path)
{
	size_t len = strlen(link->error);
	struct stat status;

	if (stat(path, &status) == 0)
		snprintf(link->error + len, sizeof(link->error) - len,
		    "; the socket is for user %lu and group %lu (mode %04o)", (unsigned long)status.st_uid,
		    (unsigned long)status.st_gid, (unsigned)status.st_mode & 07777);
}

enum link_connected link_connect(struct link *link, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const char *why;
	bool busy;

	link->denied = false;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		link->fd = fd;
		return LINK_CONNECTED;
	}
	busy = errno == EAGAIN || errno == EINTR;
	link->denied = errno == EACCES || errno == EPERM;
	why = busy ? "the daemon has too many connections waiting" : strerror(errno);
	snprintf(link->error, sizeof(link->error), "cannot connect to %s: %s", path, why);
	if (link->denied)
		append_owner(link, path);
	if (fd >= 0)
		close(fd);
	return busy ? LINK_BUSY : LINK_NO_LISTENER;
}

void link_close(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->unwritable = false;
	link->taken = 0;
	buf_consume(&link->in, buf_len(&link->in));
}

void link_free(struct link *link)
{
	link_close(link);
	buf_free(&link->in);
}

ssize_t link_read(struct link *link)
{
	size_t held = buf_len(&link->in), room = LINK_READ_SIZE;
	struct frame frame;
	ssize_t n;

	/*
	 * If a frame's length is known, all that is missing of it is read at once, and nothing more: the start of
	 * another large frame behind it would have to be moved.
	 */
	if (held >= FRAME_HEADER &&
	    frame_parse(buf_data(&link->in), held, link->frame_max, &frame) == FRAME_MORE &&
	    FRAME_HEADER + frame.len - held > LINK_READ_SIZE)
		room = FRAME_HEADER + frame.len - held;
	if (buf_reserve(&link->in, room) != 0)
		return LINK_NO_MEMORY;
	do
		n = recv(link->fd, buf_tail(&link->in), room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : LINK_CLOSED;
	buf_commit(&link->in, (size_t)n);
	return n;
}

enum frame_status link_next(struct link *link, struct frame *ret)
{
	enum frame_status status;

	buf_consume(&link->in, link->taken);
	status = frame_parse(buf_data(&link->in), buf_len(&link->in), link->frame_max, ret);
	link->taken = status == FRAME_OK ? FRAME_HEADER + ret->len : 0;
	return status;
}

void link_trim(struct link *link)
{
	if (buf_len(&link->in) == 0 && link->in.cap > KEPT_MAX)
		buf_free(&link->in);
}

ssize_t link_write(struct link *link, struct iovec *part, size_t n)
{
	struct msghdr message = { .msg_iov = part, .msg_iovlen = n };
	ssize_t written;

	do {
		/* A single part goes without a list, which the kernel would have to copy in. */
		if (n == 1)
			written = send(link->fd, part[0].iov_base, part[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		else
			written = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (written < 0 && errno == EINTR);
	if (written >= 0)
		return written;
	if (errno == EAGAIN)
		return 0;
	link->unwritable = true;
	return LINK_CLOSED;
}
