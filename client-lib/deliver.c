/*
 * deliver: puts the outcome of a request into the shape that callbacks get, and runs them.
 */
#include <string.h>

#include "client-lib/client.h"

static struct ss_error plain_error(int code, const char *message)
{
	return (struct ss_error){ .code = code, .retryable = ss_code_retryable(code), .message = message };
}

static void run(struct ss_client *c, ss_callback *callback, void *arg, const struct ss_result *result)
{
	if (callback == NULL)
		return;
	c->depth++;
	callback(c, result, arg);
	c->depth--;
	/* One that forked may return in the child, too, where what else has come is not the child's. */
	client_enter(c);
}

static void run_failure(struct ss_client *c, ss_callback *callback, void *arg, const struct ss_error *error)
{
	run(c, callback, arg, &(struct ss_result){ .code = error->code, .error = error });
}

/* The exchange may be used again by the callback, so it is freed first. */
static void end(struct ss_client *c, struct exchange *x, const struct ss_result *result)
{
	ss_callback *callback = x->callback;
	void *arg = x->arg;

	exchange_free(&c->exchanges, x);
	run(c, callback, arg, result);
}

static bool is_text(struct jspan span)
{
	return span.len > 0 && span.type == JSON_STRING;
}

bool deliver_misfits(const struct exchange *x, const struct reply *reply)
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

static void fill_in_secret(struct ss_secret *secret, const struct reply *reply)
{
	*secret = (struct ss_secret){
		.data = reply->data.len > 0 ? reply->data.p : NULL,
		.data_len = reply->data.len,
		.version = reply->version,
		.metadata = reply->metadata.len > 0 ? reply->metadata.p : "null",
		.metadata_len = reply->metadata.len > 0 ? reply->metadata.len : strlen("null"),
		.cached = reply->has_age,
		.stale = reply->stale,
		.age_ms = reply->age_ms,
	};
}

void deliver_reply(struct ss_client *c, struct exchange *x, const struct reply *reply, const char *body,
    size_t len)
{
	struct ss_error error = plain_error(SS_OK, "");
	struct ss_result result = { .error = &error, .reply = body, .reply_len = len };
	struct ss_secret secret;
	struct ss_ping ping;
	char created_time[64];

	if (op_has_path(x->op)) {
		fill_in_secret(&secret, reply);
		/* Left empty if it is missing or odd: that is no reason to withhold the secret. */
		(void)jspan_decode(reply->created_time, created_time, sizeof(created_time));
		secret.created_time = created_time;
		result.secret = &secret;
	} else if (x->op == OP_PING) {
		ping.ready = reply->ready;
		(void)jspan_decode_cut(reply->state, ping.state, sizeof(ping.state));
		(void)jspan_decode_cut(reply->daemon, ping.version, sizeof(ping.version));
		result.ping = &ping;
	}
	end(c, x, &result);
}

void deliver_failure(struct ss_client *c, struct exchange *x, const struct failure *why, const char *body,
    size_t len)
{
	struct ss_error error = client_error_of(why);

	end(c, x, &(struct ss_result){ .code = error.code, .error = &error, .reply = body, .reply_len = len });
}

void deliver_timeout(struct ss_client *c, struct exchange *x)
{
	ss_callback *callback = x->callback;
	void *arg = x->arg;
	struct ss_error error = plain_error(SS_TIMEOUT, "the daemon did not answer in time");

	if (exchange_is_doubtful(x))
		error = plain_error(SS_UNKNOWN_OUTCOME, "no answer to the put came in time; it may have been made");
	else if (x->state == EXCHANGE_QUEUED && c->fd < 0)
		error = plain_error(SS_NO_DAEMON, c->trouble);
	if (x->state == EXCHANGE_QUEUED)
		exchange_free(&c->exchanges, x);
	else
		exchange_disown(&c->exchanges, x);
	run_failure(c, callback, arg, &error);
}

void deliver_ended(struct ss_client *c)
{
	struct exchange *x;

	while ((x = exchange_ended(&c->exchanges)) != NULL) {
		struct ss_error error = plain_error(x->code, x->message);

		end(c, x, &(struct ss_result){ .code = error.code, .error = &error });
	}
}
