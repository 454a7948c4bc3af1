/*
 * client: making and closing a handle, one turn of its work, and what an event loop needs to know of it.
 */
#include "client-lib/client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "proto/frame.h"

#define IN_LIMIT (FRAME_HEADER + FRAME_BODY_MAX + 262144u) /* a reply, and what a read brings beyond it */
#define SILENCE_MS 90000u /* more than the minute that the daemon gives a transfer: its own word is better */

/* -- failures ------------------------------------------------------------------------------------------------- */

void client_note(struct ss_client *c, const struct ss_error *error)
{
	size_t len = strnlen(error->message, sizeof(c->last_text) - 1);

	c->last = *error;
	memmove(c->last_text, error->message, len); /* it may be the same */
	c->last_text[len] = '\0';
	c->last.message = c->last_text;
}

int client_fail(struct ss_client *c, int code, const char *message)
{
	client_note(c, &(struct ss_error){ .code = code, .retryable = ss_code_retryable(code), .message = message });
	return code;
}

struct ss_error client_error_of(const struct failure *why)
{
	return (struct ss_error){ .code = (int)why->code, .retryable = ss_code_retryable((int)why->code),
		.status = why->status, .deleted = why->deleted, .version = why->version, .message = why->message };
}

const struct ss_error *ss_last_error(const struct ss_client *c)
{
	return &c->last;
}

/* -- making and closing --------------------------------------------------------------------------------------- */

static const char *default_path(void)
{
	const char *path = secure_getenv("SECRETSTORE_SOCKET");

	return path != NULL && path[0] != '\0' ? path : SS_DEFAULT_SOCKET;
}

int ss_open(struct ss_client **ret_client, const char *socket_path)
{
	const char *path = socket_path != NULL ? socket_path : default_path();
	struct ss_client *c;

	if (path[0] == '\0' || strlen(path) >= sizeof(c->path))
		return SS_INVALID_REQUEST;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return SS_NO_MEMORY;
	memcpy(c->path, path, strlen(path) + 1);
	forked_init(&c->forked);
	c->fd = -1;
	buf_init(&c->in, IN_LIMIT);
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
	/* Closed, not shut down: that would end the parent's connection too. */
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->tries = 0;
	/* The memory stays, since a callback that forked may still look at it. */
	buf_consume(&c->in, buf_len(&c->in));
	exchanges_free(&c->exchanges);
}

static void end_all(struct ss_client *c)
{
	static const char message[] = "closed before the answer came";
	struct exchange *x;

	connection_drop(c, SS_CLOSED, message);
	while ((x = exchange_next(&c->exchanges)) != NULL)
		exchange_end(&c->exchanges, x, SS_CLOSED, message);
	deliver_ended(c);
}

static void destroy(struct ss_client *c)
{
	c->closing = true;
	c->depth++;
	end_all(c);
	exchanges_free(&c->exchanges);
	buf_free(&c->in);
	forked_free(&c->forked);
	free(c);
}

void ss_close(struct ss_client *c)
{
	if (c == NULL)
		return;
	client_enter(c);
	if (c->depth > 0)
		c->closing = true;
	else
		destroy(c);
}

int client_may_wait(struct ss_client *c)
{
	client_enter(c);
	if (c->depth == 0)
		return SS_OK;
	return client_fail(c, SS_INVALID_REQUEST, "a callback may not wait");
}

void client_hold(struct ss_client *c)
{
	c->depth++;
}

void client_release(struct ss_client *c)
{
	c->depth--;
	if (c->closing && c->depth == 0)
		destroy(c);
}

/* -- one turn ------------------------------------------------------------------------------------------------- */

static void expire(struct ss_client *c, uint64_t now_ms)
{
	struct exchange *x;
	bool some = false;

	while (!c->closing && (x = exchange_due(&c->exchanges)) != NULL && x->deadline_ms <= now_ms) {
		deliver_timeout(c, x);
		some = true;
	}
	/* Nobody wants what this connection may still bring, and it may be the daemon that hangs. */
	if (some && exchanges_are_orphaned(&c->exchanges))
		connection_drop(c, SS_OK, NULL);
}

void client_step(struct ss_client *c, bool readable)
{
	uint64_t now_ms;

	if (c->depth > 0)
		return;
	c->depth++;
	/* Reading comes first: a reply that is there has come in time, even if this turn is late. */
	if (readable && c->fd >= 0)
		connection_read(c);
	deliver_ended(c);
	now_ms = clock_now_ms();
	expire(c, now_ms);
	if (c->fd < 0 && !c->closing && exchange_next(&c->exchanges) != NULL && now_ms >= c->retry_at_ms)
		connection_open(c, now_ms);
	if (c->fd >= 0 && !c->closing)
		connection_write(c, now_ms);
	deliver_ended(c);
	c->depth--;
	if (c->closing)
		destroy(c);
}

void client_wait(struct ss_client *c)
{
	struct pollfd socket = { .fd = c->fd, .events = (short)ss_events(c) };
	int n = poll(&socket, 1, ss_timeout_ms(c)); /* a negative descriptor is passed over */

	client_step(c, n > 0 && (socket.revents & ~POLLOUT) != 0);
}

/* -- for an event loop ---------------------------------------------------------------------------------------- */

void ss_process(struct ss_client *c)
{
	client_enter(c);
	client_step(c, true);
}

int ss_fd(const struct ss_client *c)
{
	return forked(&c->forked) ? -1 : c->fd;
}

uint64_t ss_connection(const struct ss_client *c)
{
	return c->connection;
}

int ss_events(const struct ss_client *c)
{
	if (forked(&c->forked) || c->fd < 0)
		return 0;
	return exchange_next(&c->exchanges) != NULL ? POLLIN | POLLOUT : POLLIN;
}

int ss_timeout_ms(const struct ss_client *c)
{
	const struct exchange *due = exchange_due(&c->exchanges);
	uint64_t at_ms, now_ms;

	if (forked(&c->forked) || due == NULL)
		return -1;
	at_ms = due->deadline_ms;
	if (c->fd < 0 && c->retry_at_ms < at_ms)
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
