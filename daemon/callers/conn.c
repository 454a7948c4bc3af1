/*
 * conn: reads, parks, writes and ends connections. All of them read into one buffer, and have a buffer for output
 * only while there is output, so that an idle connection costs little more than its struct.
 */
#include "daemon/callers/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/harden.h"
#include "daemon/host/log.h"

#define READ_SIZE 65536u       /* bytes of one read, for a long frame or a stream */
#define READ_FIRST_SIZE 16384u /* bytes of any other read, so that little is left over when the user's time is */
#define SPARE_SIZE 65536u      /* bytes of the largest output buffer that is kept for the next connection */
#define OUTPUT_MAX (SIZE_MAX / 2) /* is never reached: limits, which may change, are checked elsewhere */
#define SOLE_READS 4              /* after so many reads in a row a connection counts as the only busy one */
#define REPLIES_AT_ONCE 2         /* replies that are written together to the only busy connection */
#define LINGER_MS 5000u
#define LOOK_MS 1000u        /* the shortest time between two looks at the time-outs of all connections */
#define TRIM_CONNECTIONS 256 /* so many connections at a time leave memory behind that is worth giving back */

struct conns {
	struct event_base *base;
	struct quotas *quotas;
	const struct conn_ops *ops;
	size_t size;                      /* of the upper part's struct */
	struct conn *list, *due, *parked; /* all; those with CONN_DUE_AT_TURN_END; those that are parked */
	uint64_t count, nparked;          /* of list and parked */
	uint64_t peak;                    /* the highest count since memory was last given back */
	struct event turn_end, look, unpark;
	uint64_t look_ms; /* when the time-outs are looked at next; CLOCK_NEVER: not before something may be due */
	uint64_t looked_ms;
	bool freed_large; /* large buffers were freed since memory was last given back */
	bool turn_ends;   /* turn_end is active */
	bool finishing;   /* what has come is taken at once, whether or not its user has time */

	/* the connection whose event is being handled; NULL: none, and a reply comes from elsewhere */
	const struct conn *working;
	const struct conn *reading;   /* the connection whose bytes are being handled; NULL: none */
	size_t unhandled;             /* bytes of these that follow the frame that was handed up last */
	unsigned replies;             /* replies to these bytes so far */
	const struct conn *last_read; /* read last; only to be compared, as it may be freed */
	uint64_t in_a_row;            /* how often it was read again with no other in between */

	struct buf spare; /* an empty buffer for the next connection that has output */
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

static bool is_open(const struct conn *conn)
{
	return conn->state <= CONN_PARKED;
}

static bool is_parked(const struct conn *conn)
{
	return conn->state == CONN_PARKED || conn->state == CONN_PARKED_LINGERING;
}

static bool is_listened_to(enum conn_state state)
{
	return state == CONN_READING || state == CONN_LINGERING;
}

/*
 * Changes the state. libevent is only called if there is something to change: adding an event that is there
 * already takes as long as a look-up in the cache, and would happen with every request. -1: no memory, and the
 * state stays.
 */
static int set_conn_state(struct conn *conn, enum conn_state state)
{
	struct conns *conns = conn->conns;
	enum conn_state before = conn->state;
	if (state == before)
		return 0;
	if (is_listened_to(state) && !is_listened_to(before) && event_add(&conn->readable, NULL) != 0)
		return -1;
	if (!is_listened_to(state) && is_listened_to(before))
		(void)event_del(&conn->readable);
	if (is_parked(conn)) {
		DL_DELETE2(conns->parked, conn, prev_parked, next_parked);
		conns->nparked--;
	}
	conn->state = state;
	if (is_parked(conn)) {
		DL_APPEND2(conns->parked, conn, prev_parked, next_parked);
		conns->nparked++;
	}
	log_debug("connection %d of uid %lu: %s -> %s", conn->fd, (unsigned long)conn->quota->uid,
	    conn_state_names[before], conn_state_names[state]);
	return 0;
}

/* Has conns_on_turn_end() run at the end of this turn of the loop. */
void conns_count_turn(struct conns *conns)
{
	if (conns->turn_ends)
		return;
	conns->turn_ends = true;
	event_active(&conns->turn_end, 0, 0);
}

/*
 * Has the time-outs of all connections looked at when one may be due, in about after_ms. Nobody is woken where
 * none can be.
 */
static void look_after(struct conns *conns, uint64_t after_ms)
{
	uint64_t now_ms = clock_now_ms(), at_ms = now_ms + after_ms;
	struct timeval tv;

	if (at_ms < conns->looked_ms + LOOK_MS)
		at_ms = conns->looked_ms + LOOK_MS;
	if (at_ms >= conns->look_ms)
		return;
	tv = clock_timeval(at_ms > now_ms ? at_ms - now_ms : 0);
	if (event_add(&conns->look, &tv) == 0)
		conns->look_ms = at_ms;
}

void conns_look_soon(struct conns *conns)
{
	look_after(conns, 0);
}

/* Frees a connection's buffer, and has memory given back later if it was a large one. */
static void free_buffer(struct conns *conns, struct buf *b)
{
	if (b->cap > SPARE_SIZE) {
		conns->freed_large = true;
		look_after(conns, LOOK_MS);
	}
	buf_free(b);
}

/* Notes when the unfinished frame has begun. */
static void begin_frame(struct conn *conn)
{
	conn->frame_began_ms = clock_now_ms();
	look_after(conn->conns, conn->conns->quotas->limits->frame_timeout_ms);
}

/*
 * begin_work() and end_work() enclose what is done in an event of the connection, whose time is charged to its
 * user. If the connection ends meanwhile conn_free() takes the place of end_work().
 */
static void begin_work(struct conn *conn)
{
	conn->conns->working = conn;
	quota_begin_work(conn->conns->quotas, conn->quota);
}

static void end_work(struct conn *conn)
{
	conn_count_bytes(conn);
	quota_end_work(conn->conns->quotas, conn->quota);
	conn->conns->working = NULL;
}

void conn_count_bytes(struct conn *conn)
{
	uint64_t held = buf_len(&conn->in) + buf_len(&conn->out);
	quota_hold(conn->conns->quotas, conn->quota, (int64_t)(held - conn->held));
	conn->held = held;
}

static void unpark_later(struct conn *conn)
{
	struct conns *conns = conn->conns;
	struct timeval later = { .tv_usec = (suseconds_t)quota_wait_us(conns->quotas, conn->quota) };
	if (!event_pending(&conns->unpark, EV_TIMEOUT, NULL) || later.tv_usec == 0)
		(void)event_add(&conns->unpark, &later);
}

/* Stops reading the connection until its user has time again. */
static void park(struct conn *conn)
{
	if (is_parked(conn))
		return;
	(void)set_conn_state(conn, conn->state == CONN_LINGERING ? CONN_PARKED_LINGERING : CONN_PARKED);
	unpark_later(conn);
}

static void conn_free(struct conn *conn)
{
	struct conns *conns = conn->conns;
	conns->ops->gone(conn);
	(void)set_conn_state(conn, CONN_GONE);
	if (conn->due == CONN_DUE_AT_TURN_END)
		DL_DELETE2(conns->due, conn, prev_due, next_due);
	DL_DELETE(conns->list, conn);
	conns->count--;
	(void)event_del(&conn->writable);
	close(conn->fd);
	free_buffer(conns, &conn->in);
	free_buffer(conns, &conn->out);
	conn_count_bytes(conn);
	if (conns->working == conn)
		quota_end_work(conns->quotas, conn->quota);
	quota_drop(conns->quotas, conn->quota);
	conns->working = NULL;
	if (conns->peak >= TRIM_CONNECTIONS && conns->count <= conns->peak / 4)
		look_after(conns, LOOK_MS);
	free(conn);
}

/* -- output -------------------------------------------------------------------------------------------------- */

struct buf *conn_output(struct conn *conn)
{
	if (conn->out.data == NULL && conn->conns->spare.data != NULL)
		buf_move(&conn->out, &conn->conns->spare);
	return &conn->out;
}

/* Writes what the socket takes, and has the rest written later. -1: the caller has gone, or no memory. */
static int write_output(struct conn *conn)
{
	struct conns *conns = conn->conns;
	while (buf_len(&conn->out) > 0) {
		ssize_t n = send(conn->fd, buf_data(&conn->out), buf_len(&conn->out), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return event_add(&conn->writable, NULL);
		if (n < 0)
			return -1;
		conn->active_ms = conns->quotas->now_us / 1000;
		conn->sent += (uint64_t)n;
		buf_consume(&conn->out, (size_t)n);
	}
	/*
	 * An idle connection holds no buffer. One is kept for the next connection; it is empty, and was wiped.
	 */
	if (conn->mode == CONN_FRAMES && conns->spare.data == NULL && conn->out.cap <= SPARE_SIZE)
		buf_move(&conns->spare, &conn->out);
	else if (conn->mode == CONN_FRAMES)
		free_buffer(conns, &conn->out);
	return 0;
}

/*
 * Decides when the output is written: so that a single busy caller waits little, and many cost few system calls.
 *
 * A reply that comes from OpenBao is written at once if no other call is in flight, else at the end of the turn,
 * so that each caller is woken once for all of its replies. Replies to requests that were just read are written
 * together when all of them are handled. For the only busy caller the last of these is written even earlier, and
 * so is every second of several: it works on those meanwhile, so that neither side has to be woken. For answers
 * from the cache that doubled the rate. Parts of a stream are never written at once, so that large frames can be
 * made of them.
 */
static enum conn_due when_to_write(const struct conn *conn, enum conn_output what)
{
	const struct conns *conns = conn->conns;
	bool may_be_now = what != CONN_PART && is_open(conn);
	if (conns->working == NULL)
		return may_be_now && what == CONN_LAST_REPLY ? CONN_DUE_NOW : CONN_DUE_AT_TURN_END;
	if (conn != conns->reading)
		return CONN_DUE_AT_TURN_END;
	if (may_be_now && conns->in_a_row >= SOLE_READS &&
	    (conns->unhandled == 0 || conns->replies % REPLIES_AT_ONCE == 0))
		return CONN_DUE_NOW;
	return CONN_DUE_AFTER_READ;
}

void conn_write(struct conn *conn, enum conn_output what)
{
	struct conns *conns = conn->conns;
	if (conn == conns->reading && what != CONN_PART)
		conns->replies++;
	enum conn_due due = when_to_write(conn, what);
	if (due == CONN_DUE_NOW) {
		bool elsewhere = conns->working == NULL;
		if (elsewhere) {
			conns_count_turn(conns);
			begin_work(conn);
		}
		bool written = write_output(conn) == 0 && conn->state == CONN_READING &&
		    buf_len(&conn->in) + buf_len(&conn->out) == 0;
		if (elsewhere)
			end_work(conn);
		if (written)
			return;
		/* The rest is written later; that the caller has gone is noticed then, too. */
		due = elsewhere ? CONN_DUE_AT_TURN_END : CONN_DUE_AFTER_READ;
	}
	if (conn->due != CONN_DUE_NOTHING)
		return;
	conn->due = due;
	if (due == CONN_DUE_AT_TURN_END) {
		DL_APPEND2(conns->due, conn, prev_due, next_due);
		conns_count_turn(conns);
	}
}

/* -- the end of input ---------------------------------------------------------------------------------------- */

void conn_stop(struct conn *conn, bool gently)
{
	if (conn->state == CONN_CLOSING && gently)
		(void)set_conn_state(conn, CONN_CLOSING_GENTLY);
	if (!is_open(conn))
		return;
	(void)set_conn_state(conn, gently ? CONN_CLOSING_GENTLY : CONN_CLOSING);
	conn->frame_began_ms = 0;
	free_buffer(conn->conns, &conn->in);
	conn_write(conn, CONN_PART);
}

static void end_input(struct conn *conn, enum conn_end why)
{
	conn_stop(conn, why != CONN_EOF);
	conn->conns->ops->ended(conn, why);
}

/*
 * Tells at the end of input whether the caller has closed its socket. If it has only shut down its writing side it
 * still reads the replies it is owed. A Unix socket reports POLLHUP only if both directions are shut (unix_poll()
 * in Linux).
 */
static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };
	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

/* -- input --------------------------------------------------------------------------------------------------- */

/* True if a frame of the connection may be taken now. */
static bool may_take(const struct conn *conn)
{
	const struct quotas *quotas = conn->conns->quotas;
	size_t unwritten = buf_len(&conn->out);
	if (!is_open(conn) || unwritten > quotas->limits->output_bytes || conn->mode == CONN_STREAM_WAIT)
		return false;
	if (conn->mode == CONN_STREAM)
		return true;
	/* A user over its quota of bytes is read only on connections whose replies it is taking. */
	return conn->in_flight < quotas->limits->requests &&
	    (unwritten == 0 || quota_may_hold(quotas, conn->quota, 0));
}

/*
 * Hands up the whole frames among the n bytes at p, as long as they are taken and their user has time. Gives how
 * many bytes they had, which is of no use if the connection is not open any more.
 */
static size_t take_frames(struct conn *conn, const unsigned char *p, size_t n)
{
	struct conns *conns = conn->conns;
	size_t used = 0;
	while (may_take(conn)) {
		size_t limit = conn->mode == CONN_FRAMES ? conns->quotas->limits->request_bytes : FRAME_DATA_MAX;
		struct frame frame;
		enum frame_status status = frame_parse(p + used, n - used, limit, &frame);
		if (status == FRAME_MORE)
			break;
		if (status != FRAME_OK) {
			end_input(conn, status == FRAME_TOO_LARGE ? CONN_TOO_LARGE : CONN_BAD_KIND);
			break;
		}
		if (!quota_may_go_on(conns->quotas, conn->quota) && !conns->finishing) {
			park(conn);
			break;
		}
		used += FRAME_HEADER + frame.len;
		conns->unhandled = n - used;
		conns->ops->frame(conn, &frame);
	}
	return used;
}

/* Reads the connection from now on, or holds it, as limits and mode want it. */
static void read_or_hold(struct conn *conn)
{
	if (!may_take(conn)) {
		(void)set_conn_state(conn, CONN_HELD);
		return;
	}
	/* The time in which it was held does not count against an unfinished frame. */
	if (conn->state == CONN_HELD && conn->frame_began_ms != 0)
		begin_frame(conn);
	(void)set_conn_state(conn, CONN_READING);
}

/* Takes frames that have arrived before, which are in `in`. */
static void take_kept(struct conn *conn)
{
	size_t kept = buf_len(&conn->in);
	if (kept > 0) {
		size_t used = take_frames(conn, buf_data(&conn->in), kept);
		if (!is_open(conn))
			return;
		buf_consume(&conn->in, used);
		if (used > 0 && used < kept)
			begin_frame(conn);
		else if (used > 0)
			conn->frame_began_ms = 0;
	}
	if (buf_len(&conn->in) == 0)
		free_buffer(conn->conns, &conn->in);
	if (conn->state != CONN_PARKED)
		read_or_hold(conn);
}

/* Takes n bytes that have just arrived. -1: no memory, so the connection cannot go on. */
static int take_bytes(struct conn *conn, const unsigned char *p, size_t n)
{
	bool follows = buf_len(&conn->in) > 0;
	size_t used = follows ? 0 : take_frames(conn, p, n);
	if (!is_open(conn))
		return 0;
	if (used < n && conn->frame_began_ms == 0)
		begin_frame(conn);
	if (used < n && buf_put(&conn->in, p + used, n - used) != 0)
		return -1;
	if (follows)
		take_kept(conn);
	else if (conn->state != CONN_PARKED)
		read_or_hold(conn);
	return 0;
}

/* Writes the output, and then ends the connection, asks for more, or takes frames. -1: it is to be freed. */
static int write_and_go_on(struct conn *conn)
{
	if (write_output(conn) != 0)
		return -1;
	if ((conn->state == CONN_CLOSING || conn->state == CONN_CLOSING_GENTLY) && conn->in_flight == 0 &&
	    buf_len(&conn->out) == 0) {
		if (conn->state == CONN_CLOSING)
			return -1;
		/*
		 * Closing with unread input would reset the connection under a caller that may still be writing.
		 */
		conn->active_ms = clock_now_ms();
		look_after(conn->conns, LINGER_MS);
		return shutdown(conn->fd, SHUT_WR) == 0 ? set_conn_state(conn, CONN_LINGERING) : -1;
	}
	if (conn->wants_room)
		conn->conns->ops->room(conn);
	if (is_open(conn))
		take_kept(conn);
	return 0;
}

/* -- events -------------------------------------------------------------------------------------------------- */

static void write_due_output(struct conn *conn)
{
	begin_work(conn);
	if (write_and_go_on(conn) != 0)
		conn_free(conn);
	else
		end_work(conn);
}

/*
 * Reads what has arrived, hands up whole frames, writes replies that are ready, and keeps what is left of a frame.
 */
/* Reads once. True if something came and there may be more; false: there is none now, or conn may be freed. */
static bool read_once(struct conn *conn)
{
	struct conns *conns = conn->conns;
	int fd = conn->fd;
	conns_count_turn(conns);
	conns->in_a_row = conn == conns->last_read ? conns->in_a_row + 1 : 0;
	conns->last_read = conn;
	begin_work(conn);
	if (!quota_may_begin(conns->quotas, conn->quota) && !conns->finishing) {
		park(conn);
		conns->working = NULL;
		return false;
	}

	bool is_long = conn->mode != CONN_FRAMES || buf_len(&conn->in) > 0;
	ssize_t n = recv(fd, conns->scratch, is_long ? READ_SIZE : READ_FIRST_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		conns->working = NULL;
		return false;
	}
	bool over = n < 0 || (n == 0 && (conn->state == CONN_LINGERING || has_hung_up(fd)));
	if (n == 0 && !over)
		end_input(conn, CONN_EOF);

	if (n > 0 && is_open(conn)) {
		conn->arrived_ms = conn->active_ms = conns->quotas->began_us / 1000;
		conns->replies = 0;
		conns->reading = conn->due == CONN_DUE_NOTHING ? conn : NULL;
		over = take_bytes(conn, conns->scratch, (size_t)n) != 0;
		conns->reading = NULL;
	}
	if (n > 0)
		secmem_wipe(conns->scratch, (size_t)n);
	/* This is done before others are read, so that their replies can use the spare buffer. */
	if (conn->due == CONN_DUE_AFTER_READ) {
		conn->due = CONN_DUE_NOTHING;
		over = over || write_and_go_on(conn) != 0;
	}
	if (over) {
		conn_free(conn);
		return false;
	}
	conn_count_bytes(conn);
	/*
	 * An unfinished frame may take its user over its byte quota. Its id is not known, so that it cannot be
	 * answered as one request.
	 */
	if (conn->mode == CONN_FRAMES && conn->state == CONN_READING && buf_len(&conn->in) > READ_FIRST_SIZE &&
	    may_take(conn) && !quota_may_hold(conns->quotas, conn->quota, 0)) {
		quota_warn(conns->quotas, conn->quota, "bytes_per_uid");
		end_input(conn, CONN_OVER_QUOTA);
	}
	end_work(conn);
	return n > 0 && conn->state == CONN_READING;
}

static void conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)read_once(arg);
}

static void conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	(void)fd;
	(void)what;
	conns_count_turn(conn->conns);
	write_due_output(conn);
}

/* Runs at the end of each turn of the loop in which something was read or is to be written. */
static void conns_on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	struct conns *conns = arg;
	(void)fd;
	(void)what;
	conns->turn_ends = false;
	while (conns->due != NULL) {
		struct conn *conn = conns->due;
		DL_DELETE2(conns->due, conn, prev_due, next_due);
		conn->due = CONN_DUE_NOTHING;
		write_due_output(conn);
	}
	quota_end_turn(conns->quotas);
}

static void unpark(struct conn *conn)
{
	/*
	 * The time in which it was parked counts against the time-out of an unfinished frame: a flood must not
	 * gain a caller more time.
	 */
	(void)set_conn_state(conn, is_open(conn) ? CONN_READING : CONN_LINGERING);
	if (is_open(conn))
		take_kept(conn);
}

static void conns_on_unpark(evutil_socket_t fd, short what, void *arg)
{
	struct conns *conns = arg;
	(void)fd;
	(void)what;
	conns_count_turn(conns);
	for (uint64_t n = conns->nparked; n > 0 && conns->parked != NULL; n--) {
		struct conn *conn = conns->parked;
		begin_work(conn);
		if (!quota_may_begin(conns->quotas, conn->quota)) {
			DL_DELETE2(conns->parked, conn, prev_parked, next_parked);
			DL_APPEND2(conns->parked, conn, prev_parked, next_parked);
			unpark_later(conn);
			conns->working = NULL;
			continue;
		}
		unpark(conn);
		end_work(conn);
	}
}

/* Gives in how many ms the connection may have to end by a time-out; 0: now; CLOCK_NEVER: by none. */
static uint64_t due_in(const struct conn *conn, uint64_t now)
{
	const struct call_limits *limits = conn->conns->quotas->limits;
	uint64_t due = CLOCK_NEVER;
	if (conn->state == CONN_LINGERING || conn->state == CONN_PARKED_LINGERING) {
		due = conn->active_ms + LINGER_MS;
	} else {
		/*
		 * A stream has its own time-outs, in daemon/store/. While a connection is held its frame has time.
		 */
		if (conn->mode == CONN_FRAMES && conn->frame_began_ms != 0)
			due = (may_take(conn) ? conn->frame_began_ms : now) + limits->frame_timeout_ms;
		if (limits->idle_timeout_ms != 0) {
			uint64_t idle = (conn->in_flight == 0 ? conn->active_ms : now) + limits->idle_timeout_ms;
			due = idle < due ? idle : due;
		}
	}
	return due == CLOCK_NEVER ? due : due > now ? due - now : 0;
}

static void conns_on_look(evutil_socket_t fd, short what, void *arg)
{
	struct conns *conns = arg;
	struct conn *conn, *next;
	uint64_t now = clock_now_ms(), least = CLOCK_NEVER;
	(void)fd;
	(void)what;
	conns->look_ms = CLOCK_NEVER;
	conns->looked_ms = now;
	DL_FOREACH_SAFE(conns->list, conn, next) {
		uint64_t due = due_in(conn, now);
		if (due == 0)
			conn_free(conn);
		else if (due < least)
			least = due;
	}
	/* Many connections leave much memory behind: 2.5 MB were seen after 2,000 of them. So do large replies. */
	if ((conns->peak >= TRIM_CONNECTIONS && conns->count <= conns->peak / 4) ||
	    (conns->freed_large && conns->quotas->bytes < SPARE_SIZE)) {
		conns->peak = conns->count;
		conns->freed_large = false;
		harden_give_memory_back();
	}
	if (conns->freed_large)
		look_after(conns, LOOK_MS);
	if (least != CLOCK_NEVER)
		look_after(conns, least);
}

static bool has_unread_input(int fd)
{
	int n = 0;
	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

bool conns_end_idlest(struct conns *conns)
{
	struct conn *conn, *idlest = NULL;
	DL_FOREACH(conns->list, conn) {
		if (is_open(conn) && conn->mode == CONN_FRAMES && conn->in_flight == 0 &&
		    conn->frame_began_ms == 0 && buf_len(&conn->in) + buf_len(&conn->out) == 0 &&
		    conn->due == CONN_DUE_NOTHING && (idlest == NULL || conn->active_ms < idlest->active_ms) &&
		    !has_unread_input(conn->fd))
			idlest = conn;
	}
	/*
	 * What is written from now on fails at the caller's side, and what was written just before is still read.
	 */
	if (idlest == NULL || shutdown(idlest->fd, SHUT_RD) != 0 || has_unread_input(idlest->fd))
		return false;
	conn_free(idlest);
	return true;
}

/* -- all connections ----------------------------------------------------------------------------------------- */

struct conn *conn_start(struct conns *conns, int fd, uid_t uid)
{
	struct conn *conn = calloc(1, conns->size);
	if (conn == NULL)
		return NULL;
	conn->conns = conns;
	conn->fd = fd;
	conn->state = CONN_HELD;
	conn->quota = quota_take(conns->quotas, uid);
	(void)event_assign(&conn->readable, conns->base, fd, EV_READ | EV_PERSIST, conn_on_readable, conn);
	(void)event_assign(&conn->writable, conns->base, fd, EV_WRITE, conn_on_writable, conn);
	if (conn->quota == NULL || set_conn_state(conn, CONN_READING) != 0) {
		if (conn->quota != NULL)
			quota_drop(conns->quotas, conn->quota);
		free(conn);
		return NULL;
	}
	conn->active_ms = clock_now_ms();
	/* The limit of a request may change, so frame_parse() checks it, not the buffer. */
	buf_init(&conn->in, FRAME_BODY_MAX + FRAME_HEADER + READ_SIZE);
	buf_init(&conn->out, OUTPUT_MAX);
	DL_APPEND(conns->list, conn);
	conns->count++;
	if (conns->count > conns->peak)
		conns->peak = conns->count;
	if (conns->quotas->limits->idle_timeout_ms != 0)
		look_after(conns, conns->quotas->limits->idle_timeout_ms);
	return conn;
}

struct conns *conns_new(struct event_base *base, struct quotas *quotas, const struct conn_ops *ops, size_t size)
{
	struct conns *conns = secmem_calloc(1, sizeof(*conns));
	if (conns == NULL)
		return NULL;
	conns->base = base;
	conns->quotas = quotas;
	conns->ops = ops;
	conns->size = size;
	buf_init(&conns->spare, OUTPUT_MAX);
	(void)event_assign(&conns->turn_end, base, -1, 0, conns_on_turn_end, conns);
	(void)evtimer_assign(&conns->look, base, conns_on_look, conns);
	(void)event_assign(&conns->unpark, base, -1, 0, conns_on_unpark, conns);
	conns->look_ms = CLOCK_NEVER;
	return conns;
}

/*
 * The kernel lets a caller write no more, so that it knows that what it writes from now on is not done. What it
 * has written is read at once: with no bytes left that ends as if the caller had shut down its writing side.
 */
void conns_finish(struct conns *conns)
{
	struct conn *conn, *next;
	conns->finishing = true;
	DL_FOREACH_SAFE(conns->list, conn, next) {
		if (conn->mode != CONN_FRAMES || shutdown(conn->fd, SHUT_RD) != 0)
			conn_stop(conn, false);
		if (conn->state == CONN_PARKED) {
			begin_work(conn);
			unpark(conn);
			end_work(conn);
		}
		if (conn->state == CONN_READING) {
			while (read_once(conn))
				;
		}
	}
}

void conns_free(struct conns *conns)
{
	struct conn *conn, *next;
	DL_FOREACH_SAFE(conns->list, conn, next) {
		conn_free(conn);
	}
	buf_free(&conns->spare);
	(void)event_del(&conns->turn_end);
	(void)event_del(&conns->look);
	(void)event_del(&conns->unpark);
	secmem_free(conns);
}

uint64_t conns_count(const struct conns *conns)
{
	return conns->count;
}
