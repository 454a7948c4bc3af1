/*
 * conn: reading goes through one buffer that all connections share, and a buffer for output is there only while
 * there is output, so that an idle connection costs little more than its struct.
 */
#include "daemon/callers/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/harden.h"
#include "daemon/host/log.h"

#define READ_SIZE 65536u          /* that is read at a time of a long frame or a stream */
#define READ_FIRST_SIZE 16384u    /* and of anything else, so that what one turn has no time for is not much */
#define SPARE_SIZE 65536u         /* of an output buffer that is kept for the next connection that needs one */
#define OUTPUT_MAX (SIZE_MAX / 2) /* the limits, which may change, keep it in bounds */
#define ALONE_READS 4             /* of one connection in a row: it has the daemon to itself */
#define EARLY_REPLIES 2           /* so many are written together to one that is alone */
#define LINGER_MS 5000u
#define SWEEP_SECONDS 1
#define RUSH_CONNECTIONS 256 /* so many at a time leave memory behind that is worth giving back */

struct conns {
	struct event_base *base;
	struct quotas *quotas;
	const struct conn_ops *ops;
	size_t size;
	struct conn *list, *due, *parked;
	uint64_t count, nparked;
	uint64_t peak; /* connections at a time since memory was last given back */
	struct event turn_end, sweep, unpark;
	bool turn_ends; /* turn_end is active */

	/* What goes on now. */
	/* its event is handled; NULL: no event is, and an answer comes from elsewhere */
	const struct conn *working;
	const struct conn *reading;   /* the bytes that it was just sent are handled; NULL: nobody's are */
	size_t unhandled;             /* how many of these bytes come after the frame that was handed up last */
	unsigned replies;             /* how many there were to these bytes */
	const struct conn *last_read; /* only to be compared: it may have gone */
	uint64_t in_a_row;            /* how many more times than once it was read without another between */

	struct buf spare; /* empty; for the next connection that has output */
	unsigned char scratch[READ_SIZE];
};

/* -- states -------------------------------------------------------------------------------------------------- */

static const char *const conn_state_names[] = {
	[CONN_READING] = "reading",
	[CONN_HELD] = "held",
	[CONN_PARKED] = "parked",
	[CONN_CLOSING] = "closing",
	[CONN_CLOSING_GENTLY] = "closing gently",
	[CONN_LINGERING] = "lingering",
	[CONN_PARKED_LINGERING] = "parked, lingering",
	[CONN_GONE] = "gone",
};

static bool is_open(const struct conn *c)
{
	return c->state <= CONN_PARKED;
}

static bool is_parked(const struct conn *c)
{
	return c->state == CONN_PARKED || c->state == CONN_PARKED_LINGERING;
}

static bool is_listened_to(enum conn_state state)
{
	return state == CONN_READING || state == CONN_LINGERING;
}

/*
 * Changes the state. libevent is told only of what changes: to be told the same again takes it as long as a
 * look-up in the cache, and both would happen with every request. -1: it has no memory, and the state stays.
 */
static int set_conn_state(struct conn *c, enum conn_state state)
{
	struct conns *all = c->all;
	enum conn_state before = c->state;
	if (state == before)
		return 0;
	if (is_listened_to(state) && !is_listened_to(before) && event_add(&c->readable, NULL) != 0)
		return -1;
	if (!is_listened_to(state) && is_listened_to(before))
		(void)event_del(&c->readable);
	if (is_parked(c)) {
		DL_DELETE2(all->parked, c, prev_parked, next_parked);
		all->nparked--;
	}
	c->state = state;
	if (is_parked(c)) {
		DL_APPEND2(all->parked, c, prev_parked, next_parked);
		all->nparked++;
	}
	log_debug("connection %d of uid %lu: %s -> %s", c->fd, (unsigned long)c->quota->uid,
	    conn_state_names[before], conn_state_names[state]);
	return 0;
}

static void end_turn_soon(struct conns *all)
{
	if (all->turn_ends)
		return;
	all->turn_ends = true;
	event_active(&all->turn_end, 0, 0);
}

/*
 * Stand around what is done in an event of the connection; there is no end_work() where the connection ends in it.
 */
static void begin_work(struct conn *c)
{
	c->all->working = c;
	quota_begin_work(c->all->quotas, c->quota);
}

static void end_work(struct conn *c)
{
	conn_count_bytes(c);
	quota_end_work(c->all->quotas, c->quota);
	c->all->working = NULL;
}

void conn_count_bytes(struct conn *c)
{
	uint64_t held = buf_len(&c->in) + buf_len(&c->out);
	c->quota->bytes += held - c->held;
	c->held = held;
}

static void unpark_later(struct conn *c)
{
	struct conns *all = c->all;
	struct timeval later = { .tv_usec = (suseconds_t)quota_wait_us(all->quotas, c->quota) };
	if (!event_pending(&all->unpark, EV_TIMEOUT, NULL) || later.tv_usec == 0)
		(void)event_add(&all->unpark, &later);
}

/* The connection is not read before its user has time again. */
static void park(struct conn *c)
{
	if (is_parked(c))
		return;
	(void)set_conn_state(c, c->state == CONN_LINGERING ? CONN_PARKED_LINGERING : CONN_PARKED);
	unpark_later(c);
}

static void conn_free(struct conn *c)
{
	struct conns *all = c->all;
	all->ops->gone(c);
	(void)set_conn_state(c, CONN_GONE);
	if (c->due == CONN_DUE_AT_TURN_END)
		DL_DELETE2(all->due, c, prev_due, next_due);
	DL_DELETE(all->list, c);
	all->count--;
	(void)event_del(&c->writable);
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	conn_count_bytes(c);
	quota_drop(all->quotas, c->quota);
	all->working = NULL;
	free(c);
}

/* -- output -------------------------------------------------------------------------------------------------- */

struct buf *conn_output(struct conn *c)
{
	if (c->out.data == NULL && c->all->spare.data != NULL)
		buf_move(&c->out, &c->all->spare);
	return &c->out;
}

/* Writes what the socket takes. -1: the caller has gone. */
static int write_output(struct conn *c)
{
	struct conns *all = c->all;
	while (buf_len(&c->out) > 0) {
		ssize_t n = send(c->fd, buf_data(&c->out), buf_len(&c->out), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return event_add(&c->writable, NULL);
		if (n < 0)
			return -1;
		c->active_ms = all->quotas->now_us / 1000;
		c->sent += (uint64_t)n;
		buf_consume(&c->out, (size_t)n);
	}
	/*
	 * An idle connection holds no buffer. One is kept for whoever has output next; it is empty, hence wiped.
	 */
	if (c->mode == CONN_FRAMES && all->spare.data == NULL && c->out.cap <= SPARE_SIZE)
		buf_move(&all->spare, &c->out);
	else if (c->mode == CONN_FRAMES)
		buf_free(&c->out);
	return 0;
}

/*
 * Decides when what was put into the output is written. A caller who is alone has its reply before the daemon
 * tidies up: if nobody waits for another one, or when the last request that it sent is handled. Of several that it
 * sent together it has every other reply at once, and works on these meanwhile, so that neither side has to be
 * woken as long as there are requests: from memory that is twice as many a second. With many callers their replies
 * together cost less: others' requests fill the time, and who reads the replies is woken once. And of parts that
 * wait for each other large frames are made.
 */
static enum conn_due when_to_write(const struct conn *c, enum conn_output what)
{
	const struct conns *all = c->all;
	bool may_be_now = what != CONN_PART && is_open(c);
	if (all->working == NULL)
		return may_be_now && what == CONN_LAST_REPLY ? CONN_DUE_NOW : CONN_DUE_AT_TURN_END;
	if (c != all->reading)
		return CONN_DUE_AT_TURN_END;
	if (may_be_now && all->in_a_row >= ALONE_READS &&
	    (all->unhandled == 0 || all->replies % EARLY_REPLIES == 0))
		return CONN_DUE_NOW;
	return CONN_DUE_AFTER_READ;
}

void conn_write(struct conn *c, enum conn_output what)
{
	struct conns *all = c->all;
	if (c == all->reading && what != CONN_PART)
		all->replies++;
	enum conn_due due = when_to_write(c, what);
	if (due == CONN_DUE_NOW) {
		bool elsewhere = all->working == NULL;
		if (elsewhere) {
			end_turn_soon(all);
			begin_work(c);
		}
		bool written = write_output(c) == 0 && c->state == CONN_READING &&
		    buf_len(&c->in) + buf_len(&c->out) == 0;
		if (elsewhere)
			end_work(c);
		if (written)
			return;
		/* Later what the socket did not take follows, and it is seen whether the caller has gone. */
		due = elsewhere ? CONN_DUE_AT_TURN_END : CONN_DUE_AFTER_READ;
	}
	if (c->due != CONN_DUE_NOTHING)
		return;
	c->due = due;
	if (due == CONN_DUE_AT_TURN_END) {
		DL_APPEND2(all->due, c, prev_due, next_due);
		end_turn_soon(all);
	}
}

/* -- the end of input ---------------------------------------------------------------------------------------- */

void conn_stop(struct conn *c, bool gently)
{
	if (c->state == CONN_CLOSING && gently)
		(void)set_conn_state(c, CONN_CLOSING_GENTLY);
	if (!is_open(c))
		return;
	(void)set_conn_state(c, gently ? CONN_CLOSING_GENTLY : CONN_CLOSING);
	c->frame_began_ms = 0;
	buf_free(&c->in);
	conn_write(c, CONN_PART);
}

static void end_input(struct conn *c, enum conn_end why)
{
	conn_stop(c, why != CONN_EOF);
	c->all->ops->ended(c, why);
}

/*
 * At the end of its input: has the caller closed, or only shut down its writing side and still reads what it is
 * owed? A Unix socket tells by POLLHUP, which it reports only when both directions are shut (unix_poll in Linux).
 */
static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };
	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

/* -- input --------------------------------------------------------------------------------------------------- */

static bool may_take(const struct conn *c)
{
	const struct quotas *quotas = c->all->quotas;
	size_t unwritten = buf_len(&c->out);
	if (!is_open(c) || unwritten > quotas->limits->output_bytes || c->mode == CONN_STREAM_WAIT)
		return false;
	if (c->mode == CONN_STREAM)
		return true;
	/* A user over its quota of bytes is read only on connections whose replies it is taking. */
	return c->in_flight < quotas->limits->requests && (unwritten == 0 || quota_may_hold(quotas, c->quota, 0));
}

/*
 * Hands up the whole frames at p, as long as they are taken and their user has time. Gives the bytes used up,
 * which mean nothing if the connection is not open any more.
 */
static size_t take_frames(struct conn *c, const unsigned char *p, size_t n)
{
	struct conns *all = c->all;
	size_t used = 0;
	while (may_take(c)) {
		size_t limit = c->mode == CONN_FRAMES ? all->quotas->limits->request_bytes : FRAME_DATA_MAX;
		struct frame frame;
		enum frame_status status = frame_parse(p + used, n - used, limit, &frame);
		if (status == FRAME_MORE)
			break;
		if (status != FRAME_OK) {
			end_input(c, status == FRAME_TOO_LARGE ? CONN_TOO_LARGE : CONN_BAD_KIND);
			break;
		}
		if (!quota_may_go_on(all->quotas, c->quota)) {
			park(c);
			break;
		}
		used += FRAME_HEADER + frame.len;
		all->unhandled = n - used;
		all->ops->frame(c, &frame);
	}
	return used;
}

/* The connection is read from now on, or not, as its limits are. */
static void read_or_hold(struct conn *c)
{
	if (!may_take(c)) {
		(void)set_conn_state(c, CONN_HELD);
		return;
	}
	/* The time in which it was held does not count against an unfinished frame. */
	if (c->state == CONN_HELD && c->frame_began_ms != 0)
		c->frame_began_ms = clock_now_ms();
	(void)set_conn_state(c, CONN_READING);
}

/* Takes the frames that are in `in`. */
static void take_kept(struct conn *c)
{
	size_t kept = buf_len(&c->in);
	if (kept > 0) {
		size_t used = take_frames(c, buf_data(&c->in), kept);
		if (!is_open(c))
			return;
		buf_consume(&c->in, used);
		if (used > 0)
			c->frame_began_ms = used < kept ? clock_now_ms() : 0;
	}
	if (buf_len(&c->in) == 0)
		buf_free(&c->in);
	if (c->state != CONN_PARKED)
		read_or_hold(c);
}

/* Bytes that have arrived. -1: no memory, the connection cannot go on. */
static int take_bytes(struct conn *c, const unsigned char *p, size_t n)
{
	bool follows = buf_len(&c->in) > 0;
	size_t used = follows ? 0 : take_frames(c, p, n);
	if (!is_open(c))
		return 0;
	if (used < n && c->frame_began_ms == 0)
		c->frame_began_ms = clock_now_ms();
	if (used < n && buf_put(&c->in, p + used, n - used) != 0)
		return -1;
	if (follows)
		take_kept(c);
	else if (c->state != CONN_PARKED)
		read_or_hold(c);
	return 0;
}

/* Writes the output, and sees what may be done then. -1: the connection is over. */
static int write_and_go_on(struct conn *c)
{
	if (write_output(c) != 0)
		return -1;
	if ((c->state == CONN_CLOSING || c->state == CONN_CLOSING_GENTLY) && c->in_flight == 0 &&
	    buf_len(&c->out) == 0) {
		if (c->state == CONN_CLOSING)
			return -1;
		/* Closing with unread input would reset the connection under a caller that is still writing. */
		c->active_ms = clock_now_ms();
		return shutdown(c->fd, SHUT_WR) == 0 ? set_conn_state(c, CONN_LINGERING) : -1;
	}
	if (c->wants_room)
		c->all->ops->room(c);
	if (is_open(c))
		take_kept(c);
	return 0;
}

/* -- events -------------------------------------------------------------------------------------------------- */

static void write_in_turn(struct conn *c)
{
	begin_work(c);
	if (write_and_go_on(c) != 0)
		conn_free(c);
	else
		end_work(c);
}

/*
 * Bytes arrive, whole frames of them are handed up, what is answered is written, and what is left waits for more.
 */
static void conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct conns *all = c->all;
	(void)what;
	end_turn_soon(all);
	all->in_a_row = c == all->last_read ? all->in_a_row + 1 : 0;
	all->last_read = c;
	begin_work(c);
	if (!quota_may_begin(all->quotas, c->quota)) {
		park(c);
		all->working = NULL;
		return;
	}

	bool is_long = c->mode != CONN_FRAMES || buf_len(&c->in) > 0;
	ssize_t n = recv(fd, all->scratch, is_long ? READ_SIZE : READ_FIRST_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		all->working = NULL;
		return;
	}
	bool over = n < 0 || (n == 0 && (c->state == CONN_LINGERING || has_hung_up(fd)));
	if (n == 0 && !over)
		end_input(c, CONN_EOF);

	if (n > 0 && is_open(c)) {
		c->arrived_ms = c->active_ms = all->quotas->began_us / 1000;
		all->replies = 0;
		all->reading = c->due == CONN_DUE_NOTHING ? c : NULL;
		over = take_bytes(c, all->scratch, (size_t)n) != 0;
		all->reading = NULL;
	}
	if (n > 0)
		secmem_wipe(all->scratch, (size_t)n);
	/* Before others are read, so that their replies find a buffer in which these have been. */
	if (c->due == CONN_DUE_AFTER_READ) {
		c->due = CONN_DUE_NOTHING;
		over = over || write_and_go_on(c) != 0;
	}
	if (over) {
		conn_free(c);
		return;
	}
	conn_count_bytes(c);
	/*
	 * What is left of a frame may be more than its user may hold. It cannot be answered, as its id is not
	 * known.
	 */
	if (c->mode == CONN_FRAMES && c->state == CONN_READING && buf_len(&c->in) > READ_FIRST_SIZE &&
	    may_take(c) && !quota_may_hold(all->quotas, c->quota, 0)) {
		quota_warn(all->quotas, c->quota, "bytes_per_uid");
		end_input(c, CONN_OVER_QUOTA);
	}
	end_work(c);
}

static void conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	(void)what;
	end_turn_soon(c->all);
	write_in_turn(c);
}

/* Runs at the end of each turn of the loop in which something was read or is to be written. */
static void conns_on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	struct conns *all = arg;
	(void)fd;
	(void)what;
	all->turn_ends = false;
	while (all->due != NULL) {
		struct conn *c = all->due;
		DL_DELETE2(all->due, c, prev_due, next_due);
		c->due = CONN_DUE_NOTHING;
		write_in_turn(c);
	}
	quota_end_turn(all->quotas);
}

static void conns_on_unpark(evutil_socket_t fd, short what, void *arg)
{
	struct conns *all = arg;
	(void)fd;
	(void)what;
	end_turn_soon(all);
	for (uint64_t n = all->nparked; n > 0 && all->parked != NULL; n--) {
		struct conn *c = all->parked;
		begin_work(c);
		if (!quota_may_begin(all->quotas, c->quota)) {
			DL_DELETE2(all->parked, c, prev_parked, next_parked);
			DL_APPEND2(all->parked, c, prev_parked, next_parked);
			unpark_later(c);
			all->working = NULL;
			continue;
		}
		/*
		 * The time in which it was parked counts against an unfinished frame, or a flood were a way to
		 * have more.
		 */
		(void)set_conn_state(c, is_open(c) ? CONN_READING : CONN_LINGERING);
		if (is_open(c))
			take_kept(c);
		end_work(c);
	}
}

static bool is_overdue(const struct conn *c, uint64_t now)
{
	const struct call_limits *limits = c->all->quotas->limits;
	if (c->state == CONN_LINGERING || c->state == CONN_PARKED_LINGERING)
		return now >= c->active_ms + LINGER_MS;
	/* A stream is watched by whoever asked for it. */
	if (c->mode == CONN_FRAMES && c->frame_began_ms != 0 && may_take(c) &&
	    now >= c->frame_began_ms + limits->frame_timeout_ms)
		return true;
	return limits->idle_timeout_ms != 0 && c->in_flight == 0 && now >= c->active_ms + limits->idle_timeout_ms;
}

static void conns_on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct conns *all = arg;
	struct conn *c, *next;
	uint64_t now = clock_now_ms();
	(void)fd;
	(void)what;
	DL_FOREACH_SAFE(all->list, c, next) {
		if (is_overdue(c, now))
			conn_free(c);
	}
	/* After a rush there is a lot to give back: 2.5 MB were seen after 2,000 connections. */
	if (all->peak >= RUSH_CONNECTIONS && all->count <= all->peak / 4) {
		all->peak = all->count;
		harden_give_memory_back();
	}
}

/* -- all connections ----------------------------------------------------------------------------------------- */

struct conn *conn_start(struct conns *all, int fd, uid_t uid)
{
	struct conn *c = calloc(1, all->size);
	if (c == NULL)
		return NULL;
	c->all = all;
	c->fd = fd;
	c->state = CONN_HELD;
	c->quota = quota_take(all->quotas, uid);
	(void)event_assign(&c->readable, all->base, fd, EV_READ | EV_PERSIST, conn_on_readable, c);
	(void)event_assign(&c->writable, all->base, fd, EV_WRITE, conn_on_writable, c);
	if (c->quota == NULL || set_conn_state(c, CONN_READING) != 0) {
		if (c->quota != NULL)
			quota_drop(all->quotas, c->quota);
		free(c);
		return NULL;
	}
	c->active_ms = clock_now_ms();
	/* frame_parse() sees to the limit of a request, which may change. */
	buf_init(&c->in, FRAME_BODY_MAX + FRAME_HEADER + READ_SIZE);
	buf_init(&c->out, OUTPUT_MAX);
	DL_APPEND(all->list, c);
	all->count++;
	if (all->count > all->peak)
		all->peak = all->count;
	return c;
}

struct conns *conns_new(struct event_base *base, struct quotas *quotas, const struct conn_ops *ops, size_t size)
{
	const struct timeval every = { .tv_sec = SWEEP_SECONDS };
	struct conns *all = secmem_calloc(1, sizeof(*all));
	if (all == NULL)
		return NULL;
	all->base = base;
	all->quotas = quotas;
	all->ops = ops;
	all->size = size;
	buf_init(&all->spare, OUTPUT_MAX);
	(void)event_assign(&all->turn_end, base, -1, 0, conns_on_turn_end, all);
	(void)event_assign(&all->sweep, base, -1, EV_PERSIST, conns_on_sweep, all);
	(void)event_assign(&all->unpark, base, -1, 0, conns_on_unpark, all);
	if (event_add(&all->sweep, &every) != 0) {
		secmem_free(all);
		return NULL;
	}
	return all;
}

void conns_finish(struct conns *all)
{
	struct conn *c;
	DL_FOREACH(all->list, c) {
		conn_stop(c, false);
	}
}

void conns_free(struct conns *all)
{
	struct conn *c, *next;
	DL_FOREACH_SAFE(all->list, c, next) {
		conn_free(c);
	}
	buf_free(&all->spare);
	(void)event_del(&all->turn_end);
	(void)event_del(&all->sweep);
	(void)event_del(&all->unpark);
	secmem_free(all);
}

uint64_t conns_count(const struct conns *all)
{
	return all->count;
}
