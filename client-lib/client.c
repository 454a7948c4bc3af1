/*
 * client: the life of a handle, and one step of its work: replies that have come are read and delivered, overdue
 * requests end, a connection is made if one is needed, and what is queued is written. This file also decides what
 * becomes of requests whose connection breaks.
 */
#include "client-lib/client.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "proto/reply.h"

#define SILENCE_MS 90000u   /* more than the daemon's minute, so that the daemon reports first */
#define WRITE_FRAMES 128    /* most frames in one system call */
#define READS_IN_A_STEP 32  /* most reads in one step, so that writing gets its turn */
#define WRITE_EARLY_AFTER 8 /* replies, after which new requests are written before more are delivered */
#define RETRY_FIRST_MS 10u
#define RETRY_MAX_MS 1000u

/* -- failures ------------------------------------------------------------------------------------------------- */

void client_set_error(struct ss_client *c, const struct ss_error *error)
{
	size_t len = strnlen(error->message, sizeof(c->last_text) - 1);

	c->last = *error;
	memmove(c->last_text, error->message, len); /* the message may be last_text itself */
	c->last_text[len] = '\0';
	c->last.message = c->last_text;
}

static struct ss_error plain_error(int code, const char *message)
{
	return (struct ss_error){ .code = code, .retryable = ss_code_retryable(code), .message = message };
}

int client_fail(struct ss_client *c, int code, const char *message)
{
	struct ss_error error = plain_error(code, message);

	client_set_error(c, &error);
	return code;
}

struct ss_error client_error_of(const struct failure *why)
{
	return (struct ss_error){ .code = (int)why->code,
		.retryable = ss_code_retryable((int)why->code),
		.status = why->status,
		.deleted = why->deleted,
		.version = why->version,
		.message = why->message };
}

const struct ss_error *ss_last_error(const struct ss_client *c)
{
	return &c->last;
}

/* -- a handle, and a call on it ------------------------------------------------------------------------------- */

int ss_open(struct ss_client **ret_client, const char *socket_path)
{
	const char *path = socket_path != NULL ? socket_path : secure_getenv("SECRETSTORE_SOCKET");
	struct ss_client *c;

	if (socket_path == NULL && (path == NULL || path[0] == '\0'))
		path = SS_DEFAULT_SOCKET;
	if (path[0] == '\0' || strlen(path) >= sizeof(c->path))
		return SS_INVALID_REQUEST;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return SS_NO_MEMORY;
	memcpy(c->path, path, strlen(path) + 1);
	forked_init(&c->forked);
	link_init(&c->link, FRAME_BODY_MAX);
	c->silence_ms = SILENCE_MS;
	exchanges_init(&c->exchanges);
	(void)client_fail(c, SS_OK, "");
	*ret_client = c;
	return SS_OK;
}

void client_enter(struct ss_client *c)
{
	if (!forked(&c->forked))
		return;
	forked_adopt(&c->forked);
	/* The memory stays, since a callback that forked may still look at it. */
	link_close(&c->link);
	c->tries = 0;
	exchanges_free(&c->exchanges);
}

int client_may_wait(struct ss_client *c)
{
	client_enter(c);
	if (c->depth == 0)
		return SS_OK;
	return client_fail(c, SS_INVALID_REQUEST, "a callback may not wait");
}

/* -- callbacks ------------------------------------------------------------------------------------------------ */

/* Runs a callback, which may submit requests, close the handle, or fork. */
static void run_callback(struct ss_client *c, ss_callback *callback, void *arg, const struct ss_result *result)
{
	if (callback == NULL)
		return;
	c->depth++;
	callback(c, result, arg);
	c->depth--;
	/*
	 * A callback that forked returns in the child, too, where the other replies that have come are not the
	 * child's.
	 */
	client_enter(c);
}

/* Ends an exchange with its result. The callback may use it again for a new request, so it is freed first. */
static void deliver(struct ss_client *c, struct exchange *x, const struct ss_result *result)
{
	ss_callback *callback = x->callback;
	void *arg = x->arg;

	exchange_free(&c->exchanges, x);
	run_callback(c, callback, arg, result);
}

/* Delivers the daemon's reply in the form that callbacks get. */
static void deliver_reply(struct ss_client *c, struct exchange *x, const struct reply *reply, const char *body,
    size_t len)
{
	struct ss_error error = reply->ok ? plain_error(SS_OK, "") : client_error_of(&reply->failure);
	struct ss_result result = { .code = error.code, .error = &error, .reply = body, .reply_len = len };
	struct ss_secret secret;
	struct ss_ping ping;
	char created_time[64];

	if (reply->ok && op_has_path(x->op)) {
		/* A time that is missing or odd stays empty, which is no reason to withhold the secret. */
		(void)jspan_decode(reply->created_time, created_time, sizeof(created_time));
		secret = (struct ss_secret){
			.data = reply->data.len > 0 ? reply->data.p : NULL,
			.data_len = reply->data.len,
			.version = reply->version,
			.created_time = created_time,
			.metadata = reply->metadata.len > 0 ? reply->metadata.p : "null",
			.metadata_len = reply->metadata.len > 0 ? reply->metadata.len : strlen("null"),
			.cached = reply->has_age,
			.stale = reply->stale,
			.age_ms = reply->age_ms,
		};
		result.secret = &secret;
	} else if (reply->ok && x->op == OP_PING) {
		ping.ready = reply->ready;
		(void)jspan_decode_cut(reply->state, ping.state, sizeof(ping.state));
		(void)jspan_decode_cut(reply->daemon, ping.version, sizeof(ping.version));
		result.ping = &ping;
	}
	deliver(c, x, &result);
}

/* Delivers the failures of exchanges in state EXCHANGE_ENDED. */
static void deliver_ended(struct ss_client *c)
{
	struct exchange *x;

	while ((x = exchange_first_ended(&c->exchanges)) != NULL) {
		struct ss_error error = plain_error(x->code, x->message);

		deliver(c, x, &(struct ss_result){ .code = error.code, .error = &error });
	}
}

/* -- the connection's beginning and end ----------------------------------------------------------------------- */

/* Sets when to connect again. The first try after a good reply comes at once, the others come ever more slowly. */
static void plan_retry(struct ss_client *c, uint64_t now_ms)
{
	uint64_t wait_ms = 0;

	if (c->tries > 0) {
		wait_ms = (uint64_t)RETRY_FIRST_MS << (c->tries - 1 < 10 ? c->tries - 1 : 10);
		if (wait_ms > RETRY_MAX_MS)
			wait_ms = RETRY_MAX_MS;
	}
	c->tries++;
	c->retry_at_ms = now_ms + wait_ms;
}

static void connect_to_daemon(struct ss_client *c, uint64_t now_ms)
{
	enum link_connected how = link_connect(&c->link, c->path);
	struct exchange *x, *next;

	if (how == LINK_CONNECTED) {
		c->connection++;
		return;
	}
	plan_retry(c, now_ms);
	if (how == LINK_BUSY)
		return;
	/*
	 * Nobody listens, or not for this process. New requests fail at once; requests that were cut off wait for
	 * the daemon to return.
	 */
	for (x = exchange_first_queued(&c->exchanges); x != NULL; x = next) {
		next = TAILQ_NEXT(x, entry);
		if (!x->lost)
			exchange_end(&c->exchanges, x, client_unconnected(&c->link), c->link.error);
	}
}

static const char *doubt_text(int code)
{
	if (code == SS_PROTOCOL)
		return "what the daemon said after the put was sent cannot be understood; it may have been made";
	if (code == SS_TIMEOUT)
		return "no answer to the put came in time; it may have been made";
	return "the connection to the daemon broke after the put was sent; it may have been made";
}

/*
 * Decides about an exchange of which something was written to a connection that broke. Returns true if it must be
 * sent again.
 */
static bool settle_written(struct ss_client *c, struct exchange *x, int code, const char *message)
{
	if (x->callback == NULL)
		exchange_free(&c->exchanges, x);
	else if (exchange_is_doubtful(x))
		exchange_end(&c->exchanges, x, SS_UNKNOWN_OUTCOME, doubt_text(code));
	else if (code != SS_OK)
		exchange_end(&c->exchanges, x, code, message);
	else
		return true;
	return false;
}

/*
 * Closes the connection. Requests that were written are queued again (code SS_OK) or end with code and message; a
 * put ends with an unknown outcome in any case. It runs no callbacks: deliver_ended() does. message must last
 * until then.
 */
static void drop_connection(struct ss_client *c, int code, const char *message)
{
	struct exchange *x, *next, *newest = NULL;

	if (c->link.fd < 0)
		return;
	link_close(&c->link);
	snprintf(c->link.error, sizeof(c->link.error), "the daemon closed the connection and is not back");
	plan_retry(c, clock_now_ms());

	x = exchange_first_queued(&c->exchanges);
	if (x != NULL && x->state == EXCHANGE_WRITING && settle_written(c, x, code, message))
		exchange_requeue(&c->exchanges, x);
	for (x = exchange_first_sent(&c->exchanges); x != NULL; x = next) {
		next = TAILQ_NEXT(x, entry);
		if (settle_written(c, x, code, message))
			newest = x;
	}
	/* The newest goes first, so that they are sent again in their old order. */
	for (x = newest; x != NULL; x = next) {
		next = TAILQ_PREV(x, exchange_list, entry);
		exchange_requeue(&c->exchanges, x);
	}
}

/* -- a step: writing ------------------------------------------------------------------------------------------ */

/* Writes what is queued, as far as the socket takes it. */
static void write_queued(struct ss_client *c, uint64_t now_ms)
{
	NOT_ZEROED struct iovec part[WRITE_FRAMES];

	while (!c->link.unwritable && exchange_first_queued(&c->exchanges) != NULL) {
		ssize_t n = link_write(&c->link, part,
		    exchanges_to_write(&c->exchanges, now_ms, part, WRITE_FRAMES));

		if (n <= 0)
			return;
		exchanges_written(&c->exchanges, (size_t)n);
	}
}

/* -- a step: reading ------------------------------------------------------------------------------------------ */

static bool is_text(struct jspan span)
{
	return span.len > 0 && span.type == JSON_STRING;
}

/* Says whether a reply that says ok lacks something that a reply to this request must have. */
static bool lacks_members(const struct exchange *x, const struct reply *reply)
{
	if (x->op == OP_KV_GET)
		return reply->version == 0 || reply->data.len == 0 || reply->data.type != JSON_OBJECT;
	if (x->op == OP_KV_PUT)
		return reply->version == 0;
	if (x->op == OP_PING)
		return !is_text(reply->state) || !is_text(reply->daemon);
	if (x->op == OP_PROBE)
		return !is_text(reply->name);
	return false;
}

static void take_reply(struct ss_client *c, const char *body, size_t len)
{
	struct exchange *x;
	NOT_ZEROED struct reply reply;

	if (reply_decode(body, len, &reply) != 0) {
		drop_connection(c, SS_PROTOCOL, "the daemon sent something that is no reply");
		return;
	}
	/*
	 * A failure without an id is about the connection, or about a request that was too large to be read. It is
	 * given to the oldest request without an answer.
	 */
	if (!reply.ok && reply.id.type == JSON_NULL) {
		x = exchange_first_sent(&c->exchanges);
		if (x == NULL && exchange_first_queued(&c->exchanges) != NULL &&
		    exchange_first_queued(&c->exchanges)->state == EXCHANGE_WRITING)
			x = exchange_first_queued(&c->exchanges);
		if (x != NULL && x->callback != NULL)
			deliver_reply(c, x, &reply, body, len);
		drop_connection(c, SS_OK, NULL);
		return;
	}
	x = exchange_by_id(&c->exchanges, reply.id);
	if (x == NULL) {
		drop_connection(c, SS_PROTOCOL, "the daemon answered a request that was not made");
		return;
	}
	if (reply.ok && lacks_members(x, &reply)) {
		drop_connection(c, SS_PROTOCOL, "the daemon's reply lacks what such a reply must have");
		return;
	}
	c->tries = 0;
	deliver_reply(c, x, &reply, body, len);
}

/*
 * Reads once, and delivers all whole replies. It stops when a callback closes the handle or, in a child, loses the
 * connection. Returns the number of bytes read; 0: there are none now; -1: there is no connection any more, or the
 * handle was closed.
 */
static ssize_t read_replies(struct ss_client *c)
{
	ssize_t n = link_read(&c->link);
	unsigned taken = 0;

	if (n == LINK_NO_MEMORY)
		drop_connection(c, SS_NO_MEMORY, "out of memory for the daemon's reply");
	else if (n == LINK_CLOSED)
		drop_connection(c, SS_OK, NULL);
	if (n <= 0)
		return n < 0 ? -1 : 0;
	while (c->link.fd >= 0 && !c->closing) {
		enum frame_status status;
		struct frame frame;

		status = link_next(&c->link, &frame);
		if (status == FRAME_MORE)
			return n;
		if (status != FRAME_OK || frame.kind != FRAME_JSON) {
			drop_connection(c, SS_PROTOCOL, "the daemon sent something that is no reply");
			return -1;
		}
		take_reply(c, (const char *)frame.body, frame.len);
		/*
		 * When there are many replies, new requests are written after every few of them, so that the
		 * daemon works while the other callbacks run. Measured on cached gets with 16 requests under way,
		 * this gave half as much throughput again. It is not done when a request is overdue, which must
		 * end without having been sent. If the daemon has closed, that is noticed after the replies that
		 * were read.
		 */
		if (++taken % WRITE_EARLY_AFTER == 0 && link_has_more(&c->link) && !c->closing) {
			const struct exchange *due = exchange_first_due(&c->exchanges);
			uint64_t now_ms = clock_now_ms();

			if (due != NULL && due->deadline_ms > now_ms)
				write_queued(c, now_ms);
		}
	}
	return -1;
}

/* -- a step: all of it ---------------------------------------------------------------------------------------- */

/* Ends the requests whose time is over. One that was written stays without a callback, for its late reply. */
static void end_overdue(struct ss_client *c, uint64_t now_ms)
{
	struct exchange *x;
	bool ended_some = false;

	while (!c->closing && (x = exchange_first_due(&c->exchanges)) != NULL && x->deadline_ms <= now_ms) {
		struct ss_error error = plain_error(SS_TIMEOUT, "the daemon did not answer in time");
		ss_callback *callback = x->callback;
		void *arg = x->arg;

		if (exchange_is_doubtful(x))
			error = plain_error(SS_UNKNOWN_OUTCOME, doubt_text(SS_TIMEOUT));
		else if (x->state == EXCHANGE_QUEUED && c->link.fd < 0)
			error = plain_error(client_unconnected(&c->link), c->link.error);
		if (x->state == EXCHANGE_QUEUED)
			exchange_free(&c->exchanges, x);
		else
			exchange_disown(&c->exchanges, x);
		run_callback(c, callback, arg, &(struct ss_result){ .code = error.code, .error = &error });
		ended_some = true;
	}
	/* Nobody waits for a reply on this connection any more, and it may be the daemon that hangs. */
	if (ended_some && exchanges_are_orphaned(&c->exchanges))
		drop_connection(c, SS_OK, NULL);
}

void client_step(struct ss_client *c, bool readable)
{
	uint64_t now_ms;

	if (c->depth > 0)
		return;
	client_hold(c);
	/* Reading comes first: a reply that is there has come in time, even if this step comes late. */
	if (readable && c->link.fd >= 0) {
		for (int i = 0; i < READS_IN_A_STEP && read_replies(c) >= LINK_READ_SIZE; i++)
			;
		link_trim(&c->link);
	}
	deliver_ended(c);
	now_ms = clock_now_ms();
	end_overdue(c, now_ms);
	if (c->link.fd < 0 && !c->closing && exchange_first_queued(&c->exchanges) != NULL &&
	    now_ms >= c->retry_at_ms)
		connect_to_daemon(c, now_ms);
	if (c->link.fd >= 0 && !c->closing)
		write_queued(c, now_ms);
	/*
	 * The daemon has closed, or it stops and takes no more. What it has answered, or will, is read until the
	 * end; only then the rest goes to another daemon.
	 */
	while (c->link.fd >= 0 && !c->closing && c->link.unwritable && read_replies(c) > 0)
		;
	deliver_ended(c);
	client_release(c);
}

void client_wait(struct ss_client *c)
{
	struct pollfd socket = { .fd = c->link.fd, .events = (short)ss_events(c) };
	int n = poll(&socket, 1, ss_timeout_ms(c)); /* poll() ignores a negative descriptor */

	client_step(c, n > 0 && (socket.revents & ~POLLOUT) != 0);
}

/* -- closing -------------------------------------------------------------------------------------------------- */

void client_hold(struct ss_client *c)
{
	c->depth++;
}

void client_release(struct ss_client *c)
{
	static const char message[] = "closed before the answer came";
	struct exchange *x;

	c->depth--;
	if (!c->closing || c->depth > 0)
		return;
	c->depth++; /* the callbacks that run now must not wait */
	drop_connection(c, SS_CLOSED, message);
	while ((x = exchange_first_queued(&c->exchanges)) != NULL)
		exchange_end(&c->exchanges, x, SS_CLOSED, message);
	deliver_ended(c);
	exchanges_free(&c->exchanges);
	link_free(&c->link);
	forked_free(&c->forked);
	free(c);
}

void ss_close(struct ss_client *c)
{
	if (c == NULL)
		return;
	client_enter(c);
	client_hold(c);
	c->closing = true;
	client_release(c);
}

/* -- for an event loop ---------------------------------------------------------------------------------------- */

void ss_process(struct ss_client *c)
{
	client_enter(c);
	client_step(c, true);
}

int ss_fd(const struct ss_client *c)
{
	return forked(&c->forked) ? -1 : c->link.fd;
}

uint64_t ss_connection(const struct ss_client *c)
{
	return c->connection;
}

int ss_events(const struct ss_client *c)
{
	if (forked(&c->forked) || c->link.fd < 0)
		return 0;
	return exchange_first_queued(&c->exchanges) != NULL && !c->link.unwritable ? POLLIN | POLLOUT : POLLIN;
}

int ss_timeout_ms(const struct ss_client *c)
{
	const struct exchange *due = exchange_first_due(&c->exchanges);
	uint64_t at_ms, now_ms;

	if (forked(&c->forked) || due == NULL)
		return -1;
	at_ms = due->deadline_ms;
	if (c->link.fd < 0 && c->retry_at_ms < at_ms)
		at_ms = c->retry_at_ms;
	now_ms = clock_now_ms();
	if (at_ms <= now_ms)
		return 0;
	return at_ms - now_ms < INT_MAX ? (int)(at_ms - now_ms) : INT_MAX;
}

size_t ss_pending(const struct ss_client *c)
{
	return forked(&c->forked) ? 0 : c->exchanges.pending;
}
