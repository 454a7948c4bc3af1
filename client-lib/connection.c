/*
 * connection: the socket of a handle. Connects without blocking, writes the queued frames many at a time, reads
 * many replies at a time, and decides what becomes of the requests under way when the connection breaks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "client-lib/client.h"
#include "proto/frame.h"

#define READ_SIZE 65536
#define IN_KEPT 1048576u     /* a larger allocation is not kept for the next reply */
#define WRITE_FRAMES 128     /* most in one system call */
#define READS_IN_A_TURN 32   /* so that writing gets its turn */
#define EARLY 8              /* after so many replies what callbacks ask for anew does not wait for the other replies */
#define RETRY_FIRST_MS 10u
#define RETRY_MOST_MS 1000u
#define MARGIN_MOST_MS 250u  /* of the time left, what is kept from the daemon so that its answer comes in time */

/* -- connecting ----------------------------------------------------------------------------------------------- */

/* The first connection after a good reply is tried at once, the others ever more slowly. */
static void plan_retry(struct ss_client *c, uint64_t now_ms)
{
	uint64_t wait = 0;

	if (c->tries > 0) {
		wait = (uint64_t)RETRY_FIRST_MS << (c->tries - 1 < 10 ? c->tries - 1 : 10);
		if (wait > RETRY_MOST_MS)
			wait = RETRY_MOST_MS;
	}
	c->tries++;
	c->retry_at_ms = now_ms + wait;
}

/* Nobody listens. Who has just come is told so at once; who was cut off waits for the daemon to return. */
static void refuse_newcomers(struct ss_client *c)
{
	struct exchange *x = exchange_next(&c->exchanges), *next;

	for (; x != NULL; x = next) {
		next = TAILQ_NEXT(x, entry);
		if (!x->lost)
			exchange_end(&c->exchanges, x, SS_NO_DAEMON, c->trouble);
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

enum dialled connection_dial(const char *path, int *ret_fd, char trouble[CLIENT_TEXT])
{
	int fd = connect_to(path);

	if (fd >= 0) {
		*ret_fd = fd;
		return DIALLED;
	}
	if (errno == EAGAIN || errno == EINTR) {
		snprintf(trouble, CLIENT_TEXT, "cannot connect to %s: the daemon has too many connections waiting", path);
		return DIALLED_BUSY;
	}
	snprintf(trouble, CLIENT_TEXT, "cannot connect to %s: %s", path, strerror(errno));
	return DIALLED_NOBODY;
}

void connection_open(struct ss_client *c, uint64_t now_ms)
{
	enum dialled how = connection_dial(c->path, &c->fd, c->trouble);

	if (how == DIALLED) {
		c->connection++;
		return;
	}
	plan_retry(c, now_ms);
	if (how == DIALLED_NOBODY)
		refuse_newcomers(c);
}

/* -- the end of a connection ---------------------------------------------------------------------------------- */

static const char *doubt(int code)
{
	if (code == SS_PROTOCOL)
		return "what the daemon said after the put was sent cannot be understood; it may have been made";
	if (code == SS_TIMEOUT)
		return "no answer to the put came in time; it may have been made";
	return "the connection to the daemon broke after the put was sent; it may have been made";
}

/* What becomes of one that is (partly) written. True: it is to be sent again. */
static bool settle(struct ss_client *c, struct exchange *x, int code, const char *message)
{
	if (x->callback == NULL)
		exchange_free(&c->exchanges, x);
	else if (exchange_is_doubtful(x))
		exchange_end(&c->exchanges, x, SS_UNKNOWN_OUTCOME, doubt(code));
	else if (code != SS_OK)
		exchange_end(&c->exchanges, x, code, message);
	else
		return true;
	return false;
}

void connection_drop(struct ss_client *c, int code, const char *message)
{
	struct exchange *x, *next, *newest = NULL;

	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	buf_consume(&c->in, buf_len(&c->in));
	snprintf(c->trouble, sizeof(c->trouble), "the daemon closed the connection and is not back");
	plan_retry(c, clock_now_ms());

	x = exchange_next(&c->exchanges);
	if (x != NULL && x->state == EXCHANGE_WRITING && settle(c, x, code, message))
		exchange_requeue(&c->exchanges, x);
	for (x = exchange_oldest(&c->exchanges); x != NULL; x = next) {
		next = TAILQ_NEXT(x, entry);
		if (settle(c, x, code, message))
			newest = x;
	}
	/* From the newest to the oldest, so that they are sent again in the order they had. */
	for (x = newest; x != NULL; x = next) {
		next = TAILQ_PREV(x, exchange_list, entry);
		exchange_requeue(&c->exchanges, x);
	}
}

/* -- writing -------------------------------------------------------------------------------------------------- */

uint64_t connection_time_told(uint64_t deadline_ms, uint64_t now_ms)
{
	uint64_t left = deadline_ms > now_ms ? deadline_ms - now_ms : 1;

	return left - (left / 10 < MARGIN_MOST_MS ? left / 10 : MARGIN_MOST_MS);
}

/* Spaces keep the frame's length. */
static void fill_in_timeout(struct exchange *x, uint64_t now_ms)
{
	uint64_t told_ms = connection_time_told(x->deadline_ms, now_ms);
	unsigned char *field = buf_data(&x->frame) + x->timeout_at;
	size_t at = CLIENT_TIMEOUT_DIGITS;

	if (x->timeout_at == 0)
		return;
	memset(field, ' ', CLIENT_TIMEOUT_DIGITS);
	do {
		field[--at] = (unsigned char)('0' + told_ms % 10);
		told_ms /= 10;
	} while (told_ms > 0 && at > 0);
}

static size_t gather(struct ss_client *c, uint64_t now_ms, struct iovec *part)
{
	struct exchange *x = exchange_next(&c->exchanges);
	size_t n = 0;

	for (; x != NULL && n < WRITE_FRAMES; x = TAILQ_NEXT(x, entry)) {
		if (x->state == EXCHANGE_QUEUED)
			fill_in_timeout(x, now_ms);
		part[n].iov_base = buf_data(&x->frame) + x->written;
		part[n++].iov_len = buf_len(&x->frame) - x->written;
	}
	return n;
}

static void account(struct ss_client *c, size_t written)
{
	while (written > 0) {
		struct exchange *x = exchange_next(&c->exchanges);
		size_t left = buf_len(&x->frame) - x->written;
		size_t n = written < left ? written : left;

		exchange_written(&c->exchanges, x, n);
		written -= n;
	}
}

/* A single one without a list, which the kernel would have to fetch. */
static ssize_t send_parts(int fd, struct iovec *part, size_t n)
{
	struct msghdr message = { .msg_iov = part, .msg_iovlen = n };

	if (n == 1)
		return send(fd, part[0].iov_base, part[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Writes what is queued, or what of it the socket takes. -1: the daemon has closed. */
static int write_queued(struct ss_client *c, uint64_t now_ms)
{
	WRITTEN_FIRST struct iovec part[WRITE_FRAMES];
	ssize_t n;

	while (c->fd >= 0 && exchange_next(&c->exchanges) != NULL) {
		n = send_parts(c->fd, part, gather(c, now_ms, part));
		if (n >= 0)
			account(c, (size_t)n);
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -1;
	}
	return 0;
}

/* Not where something is overdue: that is to fail as never sent. A daemon that has closed is noticed after this turn's replies. */
static void write_early(struct ss_client *c)
{
	const struct exchange *due = exchange_due(&c->exchanges);
	uint64_t now_ms = clock_now_ms();

	if (due != NULL && due->deadline_ms > now_ms)
		(void)write_queued(c, now_ms);
}

/* -- reading -------------------------------------------------------------------------------------------------- */

/* A failure without an id is about the connection, or a request too large to be read: the oldest unanswered. */
static void take_farewell(struct ss_client *c, const struct reply *reply, const char *body, size_t len)
{
	struct exchange *x = exchange_oldest(&c->exchanges);

	if (x == NULL && exchange_next(&c->exchanges) != NULL && exchange_next(&c->exchanges)->state == EXCHANGE_WRITING)
		x = exchange_next(&c->exchanges);
	if (x != NULL && x->callback != NULL)
		deliver_failure(c, x, &reply->failure, body, len);
	connection_drop(c, SS_OK, NULL);
}

static void take_reply(struct ss_client *c, const char *body, size_t len)
{
	struct exchange *x;
	WRITTEN_FIRST struct reply reply;

	if (reply_decode(body, len, &reply) != 0) {
		connection_drop(c, SS_PROTOCOL, "the daemon sent something that is no reply");
		return;
	}
	if (!reply.ok && reply.id.type == JSON_NULL) {
		take_farewell(c, &reply, body, len);
		return;
	}
	x = exchange_by_id(&c->exchanges, reply.id);
	if (x == NULL) {
		connection_drop(c, SS_PROTOCOL, "the daemon answered a request that was not made");
		return;
	}
	if (reply.ok && deliver_misfits(x, &reply)) {
		connection_drop(c, SS_PROTOCOL, "the daemon's reply lacks what such a reply must have");
		return;
	}
	c->tries = 0;
	if (reply.ok)
		deliver_reply(c, x, &reply, body, len);
	else
		deliver_failure(c, x, &reply.failure, body, len);
}

/*
 * Takes all whole replies. A callback may close the handle or (in a child) lose the connection: then it stops. With many
 * replies the daemon has new requests while the callbacks of the others run, and neither side waits for the other: that
 * made a caller with 16 requests under way half as fast again, from memory.
 */
static void take_replies(struct ss_client *c)
{
	struct frame frame;
	unsigned taken = 0;

	while (c->fd >= 0 && !c->closing) {
		enum frame_status status = frame_parse(buf_data(&c->in), buf_len(&c->in), FRAME_BODY_MAX, &frame);

		if (status == FRAME_MORE)
			return;
		if (status != FRAME_OK || frame.kind != FRAME_JSON) {
			connection_drop(c, SS_PROTOCOL, "the daemon sent something that is no reply");
			return;
		}
		take_reply(c, (const char *)frame.body, frame.len);
		if (c->fd >= 0)
			buf_consume(&c->in, FRAME_HEADER + frame.len);
		if (++taken % EARLY == 0 && buf_len(&c->in) > 0 && !c->closing)
			write_early(c);
	}
}

/*
 * What to read: what is missing of a reply whose length is known, but not less than one good read. And not more, since the
 * start of another large reply behind it would have to be moved.
 */
static size_t wanted(const struct ss_client *c)
{
	struct frame frame;
	size_t held = buf_len(&c->in);

	if (held >= FRAME_HEADER && frame_parse(buf_data(&c->in), held, FRAME_BODY_MAX, &frame) == FRAME_MORE &&
	    FRAME_HEADER + frame.len - held > READ_SIZE)
		return FRAME_HEADER + frame.len - held;
	return READ_SIZE;
}

/* Reads once and handles what came. The bytes read; 0: there are none now; -1: the connection is no more. */
static ssize_t read_once(struct ss_client *c)
{
	size_t room = wanted(c);
	ssize_t n;

	if (buf_reserve(&c->in, room) != 0) {
		connection_drop(c, SS_NO_MEMORY, "out of memory for the daemon's reply");
		return -1;
	}
	do
		n = recv(c->fd, buf_tail(&c->in), room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		connection_drop(c, SS_OK, NULL);
		return -1;
	}
	buf_commit(&c->in, (size_t)n);
	take_replies(c);
	return c->fd < 0 || c->closing ? -1 : n;
}

void connection_read(struct ss_client *c)
{
	for (int i = 0; i < READS_IN_A_TURN && c->fd >= 0; i++) {
		if (read_once(c) < READ_SIZE)
			break;
	}
	if (buf_len(&c->in) == 0 && c->in.cap > IN_KEPT)
		buf_free(&c->in);
}

/* The daemon has closed, but the replies that it sent before are still there to be read. */
static void read_the_last(struct ss_client *c)
{
	while (read_once(c) > 0)
		;
	if (!c->closing)
		connection_drop(c, SS_OK, NULL);
}

void connection_write(struct ss_client *c, uint64_t now_ms)
{
	if (write_queued(c, now_ms) != 0)
		read_the_last(c);
}
