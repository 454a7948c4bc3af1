/*
 * http: the life of a request: it queues when many are under way, is attempted at one address after the other
 * until something was sent, and ends with a reply, at its deadline or with a failure. http_multi.c drives curl.
 *
 * Deadlines are this file's own timers rather than curl's, so that they include the time in the queue, and a
 * timeout that curl reports always is one of connecting.
 */
#include "daemon/upstream/http.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/log.h"
#include "daemon/upstream/http_addresses.h"
#include "daemon/upstream/http_handle.h"
#include "daemon/upstream/http_multi.h"
#include "daemon/upstream/http_tls.h"

#define CALLS_MAX 32             /* ordinary requests under way at once, and idle connections that stay open */
#define HEAD_MAX 65536u          /* bytes of all heads and trailers of an attempt's replies */
#define ARRIVING_MAX (32u << 20) /* bytes of replies that are arriving; one reply may come on beyond that */
#define SMALL_MAX (1u << 20)     /* so many bytes of a reply never wait, since they may be another user's */
#define CALLS_URGENT_MAX 8       /* urgent requests under way at once, beside the ordinary ones */

#define WHY_SIZE (CURL_ERROR_SIZE + 64)
#define AWAY_LOG_MS 60000 /* an address that comes and goes again and again is logged so seldom */
#define SILENCE_MS 500    /* after so long without an answer a kept connection may be dead */

/* Each class of requests has a limit of its own to how many are under way. */
enum call_class { CLASS_ORDINARY, CLASS_URGENT, CLASS_OWN_CONNECTION, CLASS_STREAM, CLASSES };
static const size_t class_max[CLASSES] = { CALLS_MAX, CALLS_URGENT_MAX, SIZE_MAX, SIZE_MAX };

enum call_state {
	CALL_QUEUED,  /* the call waits for others to end */
	CALL_RUNNING, /* curl has the call */
	CALL_ENDING   /* the result is known; done is to run from the loop */
};
static const char *const call_state_names[] = {
	[CALL_QUEUED] = "queued",
	[CALL_RUNNING] = "running",
	[CALL_ENDING] = "ending",
};

struct http_call {
	TAILQ_ENTRY(http_call) link; /* in the list of its state */
	struct http *http;
	const char *name;
	uint64_t number;
	enum call_state state;
	enum call_class class;
	bool is_post;
	struct http_stream stream;
	bool paused; /* the stream's sink gets nothing */
	uint64_t deadline_ms;
	struct event timer; /* fires at the deadline; in CALL_ENDING to run done */
	char *path;
	struct curl_slist *headers;
	struct buf body;
	size_t body_read;
	struct http_handle handle; /* CALL_RUNNING */
	struct http_address node;  /* the only address to try; without URL: the configured ones */
	size_t address;            /* the attempt's place among the configured ones */
	uint64_t attempt_ms;       /* when the attempt began */
	uint64_t tried;            /* a bit for each address that was given up */
	/* a connection broke before anything was sent, and the address got another try */
	bool retried;
	bool sent, no_memory;
	bool head_whole; /* the end of the reply's head has come */
	size_t head_len; /* bytes of head and trailer so far, those of 1xx replies included */
	struct buf reply;
	bool waits_for_room;       /* curl brings no more of the reply until others have ended */
	enum http_outcome outcome; /* CALL_ENDING */
	http_done *done;
	void *arg;
	max_align_t arg_copy[];
};

TAILQ_HEAD(call_list, http_call);

struct http {
	struct event_base *base;
	struct http_multi *multi;
	struct http_handle_settings settings;
	struct http_handles handles;
	struct http_addresses addresses;
	char *server_name; /* NULL: the host of each address */
	bool is_for_node;  /* made by http_for_node(), for the leader, which may be no configured address */
	struct call_list calls[CALL_ENDING + 1];
	size_t running[CLASSES];
	size_t arriving; /* bytes in the replies of all calls */
	struct http_call
	    *unbounded; /* the call whose reply comes on although there are ARRIVING_MAX; NULL: none */
};

static const char too_late[] = "no answer came in time";

static void start_queued(struct http *http);

const char *http_outcome_name(enum http_outcome outcome)
{
	static const char *const names[] = {
		[HTTP_REPLY] = "a reply",
		[HTTP_CONNECT] = "no connection",
		[HTTP_TLS] = "TLS refused",
		[HTTP_DEADLINE] = "deadline",
		[HTTP_BROKEN] = "broken",
		[HTTP_TOO_BIG] = "too big",
		[HTTP_HEAD_TOO_LONG] = "head too long",
		[HTTP_INTERNAL] = "no memory",
	};

	return names[outcome];
}

/* Gives 0; or -1: no memory. */
static int arm_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	return evtimer_add(timer, &tv);
}

/* Sets the state, and moves the call to the list of that state. */
static void call_set_state(struct http_call *call, enum call_state state)
{
	struct http *http = call->http;

	log_request(call->number, "%s: %s -> %s", call->name, call_state_names[call->state],
	    call_state_names[state]);
	if (call->state == CALL_RUNNING)
		http->running[call->class]--;
	TAILQ_REMOVE(&http->calls[call->state], call, link);
	call->state = state;
	TAILQ_INSERT_TAIL(&http->calls[state], call, link);
	if (state == CALL_RUNNING)
		http->running[call->class]++;
}

/* Gives the address that the attempt goes to. */
static struct http_address *call_address(struct http_call *call)
{
	return call->node.url != NULL ? &call->node : &call->http->addresses.entries[call->address];
}

/*
 * Notes whether a byte was sent. A request with its body in memory counts as sent only when curl asks for that
 * body (read_body).
 */
static void note_sent(struct http_call *call)
{
	if (buf_len(&call->body) == 0)
		call->sent |= http_handle_sent(&call->handle);
}

/*
 * Logs that the attempt's address is not reached any more, or is reached again, once each and both at most once a
 * minute. why: NULL: it answered. An answer over a kept connection does not tell whether new ones can be made. A
 * node that is none of the addresses is not logged.
 */
static void note_address(const struct http_call *call, const char *why)
{
	const struct http_addresses *all = &call->http->addresses;
	size_t place = call->node.url != NULL ? http_addresses_find(all, call->node.text) : call->address;
	uint64_t now = clock_now_ms();
	struct http_address *address;

	if (place >= all->count)
		return;
	address = &all->entries[place];
	if (why != NULL && !address->away && (address->away_ms == 0 || now - address->away_ms >= AWAY_LOG_MS)) {
		log_warning("OpenBao at %s is not reached: %s", address->text, why);
		address->away = true;
		address->away_ms = now;
	} else if (why == NULL && address->away && http_handle_made_connection(&call->handle)) {
		log_info("OpenBao at %s is reached again", address->text);
		address->away = false;
	}
}

/* Logs how an attempt ended. The node is named by its place among the configured addresses, not by its address. */
static void log_attempt(const struct http_call *call, int status, const char *why)
{
	const struct http_addresses *all = &call->http->addresses;
	char node[32] = "a node that is not configured", outcome[16];
	unsigned long long ms;
	size_t place;

	if (!log_has_debug())
		return;
	ms = clock_now_ms() - call->attempt_ms;
	place = call->node.url != NULL ? http_addresses_find(all, call->node.text) : call->address;
	if (call->http->is_for_node)
		snprintf(node, sizeof(node), "the leader");
	else if (place < all->count)
		snprintf(node, sizeof(node), "address %zu", place + 1);
	snprintf(outcome, sizeof(outcome), "%d", status);
	log_request(call->number, "%s at %s: %s after %llu ms", call->name, node, status != 0 ? outcome : why, ms);
}

/*
 * Takes the attempt back from curl, which closes the connection if the transfer had not ended. status is that of a
 * whole reply; 0: there is none, and why says for the log what happened instead.
 */
static void attempt_end(struct http_call *call, int status, const char *why)
{
	if (call->handle.easy == NULL)
		return;
	note_sent(call);
	http_multi_remove(call->http->multi, call->handle.easy);
	http_handle_end(&call->handle, &call->http->handles, status != 0);
	log_attempt(call, status, why);
}

/*
 * A request got no answer. If its connection was a kept one it may have died without a word, as when a firewall
 * has forgotten it. Then those that have carried no answer since the attempt began may be as dead, and to try them
 * one by one would cost a deadline each.
 */
static void distrust_idle(struct http_call *call)
{
	if (buf_len(&call->reply) == 0 && call->head_len == 0 && http_handle_met_kept(&call->handle))
		http_multi_distrust(call->http->multi, call->attempt_ms);
}

/* Frees what has come of the reply, and lets those go on that wait for room. */
static void drop_reply(struct http_call *call)
{
	struct http *http = call->http;
	struct http_call *other;

	http->arriving -= buf_len(&call->reply);
	buf_free(&call->reply);
	call->waits_for_room = false;
	if (http->unbounded == call)
		http->unbounded = NULL;
	TAILQ_FOREACH(other, &http->calls[CALL_RUNNING], link) {
		if (!other->waits_for_room || other->handle.easy == NULL)
			continue;
		other->waits_for_room = false;
		curl_easy_pause(other->handle.easy, CURLPAUSE_CONT);
	}
}

/*
 * Tells whether n more bytes of the reply may come. 32 readers of large secrets would else take half a gigabyte.
 * When there are as many bytes as may be, one call goes on to its end, and the others wait for that, each until
 * its deadline.
 */
static bool may_arrive(struct http_call *call, size_t n)
{
	struct http *http = call->http;

	if (call->class != CLASS_ORDINARY || buf_len(&call->reply) + n <= SMALL_MAX ||
	    http->arriving + n <= ARRIVING_MAX)
		return true;
	if (http->unbounded == NULL)
		http->unbounded = call;
	call->waits_for_room = http->unbounded != call;
	return !call->waits_for_room;
}

/* Frees a call that is in no list any more. */
static void http_call_free(struct http_call *call)
{
	attempt_end(call, 0, "cancelled");
	if (event_initialized(&call->timer))
		event_del(&call->timer);
	http_handle_headers_free(call->headers);
	buf_free(&call->body);
	drop_reply(call);
	http_address_clear(&call->node);
	free(call->path);
	free(call);
}

static void call_remove(struct http_call *call)
{
	struct http *http = call->http;

	call_set_state(call, CALL_ENDING);
	TAILQ_REMOVE(&http->calls[CALL_ENDING], call, link);
}

/* Ends a call: runs done and frees the call. Only from the loop. */
static void call_finish(struct http_call *call, struct http_reply *reply)
{
	reply->sent = call->sent;
	if (reply->outcome == HTTP_REPLY) {
		reply->body = buf_len(&call->reply) > 0 ? (const char *)buf_data(&call->reply) : "";
		reply->body_len = buf_len(&call->reply);
	}
	call_remove(call);
	call->done(call->arg, reply);
	http_call_free(call);
}

static void call_finish_without_reply(struct http_call *call, enum http_outcome outcome)
{
	struct http_reply reply = { .outcome = outcome,
		.why = outcome == HTTP_DEADLINE ? too_late : http_outcome_name(outcome) };

	if (call->state != CALL_RUNNING)
		log_request(call->number, "%s: %s, and it was not sent", call->name, http_outcome_name(outcome));
	call_finish(call, &reply);
}

/* Ends a call later, from the loop. For http_start and start_queued, from within which no done may run. */
static void call_finish_later(struct http_call *call, enum http_outcome outcome)
{
	call_set_state(call, CALL_ENDING);
	call->outcome = outcome;
	event_active(&call->timer, EV_TIMEOUT, 0); /* unlike adding a timer this needs no memory */
}

static void call_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_call *call = arg;
	struct http *http = call->http;
	uint64_t now = clock_now_ms();

	(void)fd;
	(void)what;
	if (call->state == CALL_ENDING) {
		call_finish_without_reply(call, call->outcome);
		return;
	}
	/* libevent counts from the time when the loop last woke up, so a timer can be early. */
	if (now < call->deadline_ms && arm_timer(&call->timer, call->deadline_ms - now) == 0)
		return;
	if (call->state == CALL_RUNNING) {
		/*
		 * A node that takes a connection and then does not answer is to be avoided like one that takes
		 * none.
		 */
		if (now - call->attempt_ms >= (uint64_t)http->settings.connect_timeout_ms &&
		    buf_len(&call->reply) == 0)
			call_address(call)->failed_ms = now;
		if (now - call->attempt_ms >= SILENCE_MS)
			distrust_idle(call);
		if (call->class == CLASS_OWN_CONNECTION)
			note_address(call, too_late);
		attempt_end(call, 0, http_outcome_name(HTTP_DEADLINE));
	}
	call_finish_without_reply(call, HTTP_DEADLINE);
	start_queued(http);
}

static size_t read_stream(char *out, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t n = call->stream.source(call->stream.arg, out, size * count);

	if (n == HTTP_SOURCE_WAIT)
		return CURL_READFUNC_PAUSE;
	call->sent = true;
	return n;
}

static size_t read_body(char *out, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t left = buf_len(&call->body) - call->body_read;
	size_t n = size * count < left ? size * count : left;

	call->sent = true;
	memcpy(out, buf_data(&call->body) + call->body_read, n);
	call->body_read += n;
	return n;
}

/*
 * Gets the lines of the reply's head one by one. If the connection is closed before the last of them curl reports
 * CURLE_OK, the status and an empty body. So the head's end, an empty line, must be seen here. Another head begins
 * with another status line; the lines of a trailer, which follow the last chunk, come here too and begin none.
 */
static size_t read_head_line(char *line, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t len = size * count;

	call->head_len += len;
	if (call->head_len > HEAD_MAX)
		return CURL_WRITEFUNC_ERROR;
	if (len > 0 && (line[0] == '\r' || line[0] == '\n'))
		call->head_whole = true;
	else if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		call->head_whole = false;
	/*
	 * Curl sends no more of a request that was refused, but if the source is paused it does not end the
	 * transfer either (curl 7.88.1).
	 */
	if (call->head_whole && call->stream.source != NULL && http_handle_status(&call->handle) >= 300)
		http_resume(call);
	return len;
}

static size_t write_reply(char *data, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	curl_off_t whole = 0;

	if (call->paused)
		return CURL_WRITEFUNC_PAUSE;
	if (call->stream.sink != NULL && http_handle_status(&call->handle) / 100 == 2) {
		call->stream.sink(call->stream.arg, data, size * count);
		return size * count;
	}
	if (buf_len(&call->reply) == 0 &&
	    curl_easy_getinfo(call->handle.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &whole) == CURLE_OK &&
	    whole > 0 && whole <= HTTP_REPLY_MAX)
		buf_reserve(&call->reply,
		    (size_t)whole); /* may fail: it only saves copies while the buffer grows */
	if (!may_arrive(call, size * count))
		return CURL_WRITEFUNC_PAUSE;
	bool failed = buf_put(&call->reply, data, size * count) < 0;

	secmem_wipe(data, size * count); /* curl keeps its buffer for the next transfer (seen with 8.23) */
	if (!failed) {
		call->http->arriving += size * count;
		return size * count;
	}
	call->no_memory = buf_len(&call->reply) + size * count <= HTTP_REPLY_MAX;
	return CURL_WRITEFUNC_ERROR;
}

/* Sets the handle's options for the bodies of request and reply. 0; or -1: no memory. */
static int set_bodies(struct http_call *call)
{
	struct http_handle *handle = &call->handle;
	int result = 0;

	if (call->stream.source != NULL)
		result = http_handle_post(handle, HTTP_HANDLE_CHUNKED, read_stream, call);
	else if (call->is_post)
		result = http_handle_post(handle, (int64_t)buf_len(&call->body), read_body, call);
	if (result == 0 && call->stream.sink != NULL)
		result = http_handle_unbounded(handle);
	return result;
}

/* Hands the call to curl, for call_address(). 0; or -1: no memory. */
static int attempt_start(struct http_call *call)
{
	struct http *http = call->http;
	struct http_handle *handle = &call->handle;
	CURL *easy;

	call->attempt_ms = clock_now_ms();
	if (http_handle_init(handle, &http->settings, &http->handles, call_address(call), call->path,
		call->headers) < 0)
		return -1;
	easy = handle->easy;
	call->head_whole = false;
	call->head_len = 0;
	if (set_bodies(call) < 0 || curl_easy_setopt(easy, CURLOPT_PRIVATE, call) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, read_head_line) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_reply) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) != CURLE_OK ||
	    ((call->retried || call->class == CLASS_OWN_CONNECTION) &&
		http_handle_fresh(handle, call->class == CLASS_OWN_CONNECTION) < 0) ||
	    http_multi_add(http->multi, easy) < 0) {
		http_handle_end(handle, &http->handles, false);
		return -1;
	}
	return 0;
}

/* Starts the queued calls that the limits allow. In the queue ordinary calls come after all others. */
static void start_queued(struct http *http)
{
	struct http_call *call, *next;

	for (call = TAILQ_FIRST(&http->calls[CALL_QUEUED]); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (http->running[call->class] >= class_max[call->class]) {
			if (call->class == CLASS_ORDINARY)
				break;
			continue;
		}
		if (call->node.url == NULL)
			call->address = http_addresses_next(&http->addresses, 0, clock_now_ms());
		call_set_state(call, CALL_RUNNING);
		if (attempt_start(call) < 0)
			call_finish_later(call, HTTP_INTERNAL);
	}
}

/*
 * Tells whether an attempt that ended with outcome is followed by another one, which is only right as long as
 * nothing was sent. Sets the address for that attempt.
 */
static bool attempt_next(struct http_call *call, enum http_outcome outcome)
{
	struct http_addresses *addresses = &call->http->addresses;
	uint64_t now = clock_now_ms();

	if (call->sent || now >= call->deadline_ms)
		return false;
	if (outcome == HTTP_BROKEN && !call->retried) {
		/*
		 * Mostly this is a connection that the server had closed because it was old: the address may be
		 * fine.
		 */
		call->retried = true;
		return true;
	}
	if (call->node.url != NULL || (outcome != HTTP_CONNECT && outcome != HTTP_TLS && outcome != HTTP_BROKEN))
		return false;
	call->tried |= UINT64_C(1) << call->address;
	call->address = http_addresses_next(addresses, call->tried, now);
	return call->address < addresses->count;
}

static void transfer_done(struct http_call *call, CURLcode code)
{
	struct http_reply reply = { .outcome = HTTP_INTERNAL };
	struct http_address *address = call_address(call);
	bool own = call->class == CLASS_OWN_CONNECTION;
	char why[WHY_SIZE];

	reply.status = http_handle_status(&call->handle);
	reply.retry_after_ms = http_handle_retry_after_ms(&call->handle);
	note_sent(call);
	if (code == CURLE_OK && (!call->head_whole || reply.status < 200))
		code = CURLE_PARTIAL_FILE;
	if (call->head_len > HEAD_MAX)
		reply.outcome = HTTP_HEAD_TOO_LONG;
	else if (!call->no_memory)
		reply.outcome = http_handle_outcome(code, call->sent);
	if (reply.outcome == HTTP_BROKEN)
		distrust_idle(call);
	if (reply.outcome != HTTP_REPLY) {
		http_handle_why(&call->handle, code, why, sizeof(why));
		reply.why = why;
	}
	if (reply.outcome == HTTP_REPLY || reply.outcome == HTTP_CONNECT || reply.outcome == HTTP_TLS || own)
		note_address(call, reply.why);
	attempt_end(call, reply.outcome == HTTP_REPLY ? reply.status : 0, http_outcome_name(reply.outcome));

	if (reply.outcome == HTTP_CONNECT || reply.outcome == HTTP_TLS)
		address->failed_ms = clock_now_ms();
	else if (reply.outcome == HTTP_REPLY)
		address->failed_ms = 0;
	if (reply.outcome == HTTP_REPLY && call->class == CLASS_ORDINARY)
		http_handles_note_reply(&call->http->handles, buf_len(&call->reply));
	if (attempt_next(call, reply.outcome)) {
		drop_reply(call);
		if (attempt_start(call) < 0)
			call_finish_without_reply(call, HTTP_INTERNAL);
		return;
	}
	call_finish(call, &reply);
}

static struct http_call *call_of(CURL *easy)
{
	char *call = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
	return (struct http_call *)(void *)call;
}

static void on_finished(void *arg, CURL *easy, CURLcode code)
{
	(void)arg;
	transfer_done(call_of(easy), code);
}

static void on_multi_drained(void *arg)
{
	start_queued(arg);
}

/* Curl also asks for handles of its own, with which it closes connections: these have no call. */
static bool call_is_whole(void *arg, CURL *easy)
{
	const struct http_call *call = call_of(easy);

	(void)arg;
	return call != NULL && call->head_whole && !call->paused && !call->waits_for_room;
}

static struct http *http_make(struct event_base *base, const struct http_options *options, struct error *error)
{
	static const struct http_multi_ops ops = { .finished = on_finished,
		.drained = on_multi_drained,
		.is_whole = call_is_whole };
	struct http *http = calloc(1, sizeof(*http));

	if (http == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	http->base = base;
	for (size_t i = 0; i <= CALL_ENDING; i++)
		TAILQ_INIT(&http->calls[i]);
	if (http_handle_settings_init(&http->settings, options, error) < 0 ||
	    http_addresses_init(&http->addresses, options->addresses, options->naddresses, options->server_name,
		error) < 0)
		goto fail;
	error_set(error, "out of memory");
	if (options->server_name != NULL && (http->server_name = strdup(options->server_name)) == NULL)
		goto fail;
	http->multi = http_multi_new(base, CALLS_MAX, &ops, http);
	if (http->multi == NULL)
		goto fail;
	return http;
fail:
	http_free(http);
	return NULL;
}

struct http *http_new(struct event_base *base, const struct http_options *options, struct error *error)
{
	return http_tls_check(options, error) == 0 ? http_make(base, options, error) : NULL;
}

struct http *http_for_node(const struct http *http, struct event_base *base, const char *address,
    struct error *error)
{
	char *copy = strdup(address);
	const struct http_handle_settings *settings = &http->settings;
	const struct http_options options = {
		.addresses = &copy,
		.naddresses = 1,
		.ca_file = settings->ca_file,
		.client_cert_file = settings->client_cert_file,
		.client_key_file = settings->client_key_file,
		.server_name = http->server_name,
		.tls_skip_verify = settings->tls_skip_verify,
		.connect_timeout_ms = (uint64_t)settings->connect_timeout_ms,
	};
	struct http *ret;

	if (copy == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	ret = http_make(base, &options, error);
	if (ret != NULL)
		ret->is_for_node = true;
	free(copy);
	return ret;
}

void http_free(struct http *http)
{
	struct http_call *call;

	if (http == NULL)
		return;
	for (size_t i = 0; i <= CALL_ENDING; i++) {
		while ((call = TAILQ_FIRST(&http->calls[i])) != NULL) {
			call_remove(call);
			http_call_free(call);
		}
	}
	http_handles_free(&http->handles);
	http_multi_free(http->multi);
	http_addresses_free(&http->addresses);
	free(http->server_name);
	http_handle_settings_free(&http->settings);
	free(http);
}

static int call_init(struct http_call *call, struct http *http, const struct http_request *request)
{
	struct error ignored;

	call->http = http;
	call->name = request->name;
	call->number = request->number;
	call->class = request->stream != NULL ? CLASS_STREAM
	    : request->own_connection         ? CLASS_OWN_CONNECTION
	    : request->urgent                 ? CLASS_URGENT
					      : CLASS_ORDINARY;
	if (request->stream != NULL)
		call->stream = *request->stream;
	call->is_post = request->method == HTTP_POST;
	call->deadline_ms = request->deadline_ms;
	buf_init(&call->reply, HTTP_REPLY_MAX);
	buf_init(&call->body, 0);
	if (request->body != NULL)
		buf_move(&call->body, request->body);
	call->path = strdup(request->path);
	if (call->path == NULL || evtimer_assign(&call->timer, http->base, call_timer, call) < 0)
		return -1;
	if (request->node == NULL ||
	    http_address_init(&call->node, request->node, http->server_name, &ignored) == 0)
		call->headers = http_handle_headers(request);
	return 0;
}

struct http_call *http_start(struct http *http, const struct http_request *request, http_done *done, void *arg)
{
	struct http_call *call = calloc(1, sizeof(*call) + request->arg_size);
	uint64_t now = clock_now_ms();

	if (call == NULL) {
		if (request->body != NULL)
			buf_free(request->body);
		return NULL;
	}
	if (call_init(call, http, request) < 0) {
		http_call_free(call);
		return NULL;
	}
	call->done = done;
	call->arg = arg;
	if (request->arg_size > 0)
		call->arg = memcpy(call->arg_copy, arg, request->arg_size);
	call->state = CALL_QUEUED;
	if (call->class == CLASS_ORDINARY)
		TAILQ_INSERT_TAIL(&http->calls[CALL_QUEUED], call, link);
	else
		TAILQ_INSERT_HEAD(&http->calls[CALL_QUEUED], call, link);
	if (call->headers == NULL) {
		call_finish_later(call, HTTP_INTERNAL);
	} else if (call->deadline_ms <= now) {
		call_finish_later(call, HTTP_DEADLINE);
	} else if (call->deadline_ms != CLOCK_NEVER && arm_timer(&call->timer, call->deadline_ms - now) < 0) {
		call_finish_later(call, HTTP_INTERNAL);
	} else {
		start_queued(http);
	}
	return call;
}

void http_pause(struct http_call *call)
{
	call->paused = true; /* write_reply tells curl, when curl brings the next piece */
}

void http_resume(struct http_call *call)
{
	call->paused = false;
	if (call->handle.easy != NULL)
		curl_easy_pause(call->handle.easy, CURLPAUSE_CONT);
}

void http_address_failed(struct http *http, size_t address)
{
	http->addresses.entries[address].failed_ms = clock_now_ms();
}

void http_cancel(struct http_call *call)
{
	struct http *http;

	if (call == NULL)
		return;
	http = call->http;
	/* A caller who gives up before the deadline has met the same silence. */
	if (call->state == CALL_RUNNING && clock_now_ms() - call->attempt_ms >= SILENCE_MS)
		distrust_idle(call);
	call_remove(call);
	http_call_free(call);
	start_queued(http);
}
