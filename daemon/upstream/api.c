/*
 * api: makes requests from the rows of api_rows.h, and has the functions that these name read the answers.
 */
#include "daemon/upstream/api.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/classify_phrase.h"

#define URL_MAX 16384
#define BODY_EXTRA 128 /* more than a put's body has beside the data */
#define MOUNT_MAX 256
#define FOREIGN_LOG_MS 60000
#define CLOSED_LOG_MS 60000 /* a namespace that closes and opens again and again is logged so seldom */

struct api {
	struct http *http;
	struct http *own;           /* http, if it is freed with the api; else NULL */
	char *vault_namespace;      /* NULL: none */
	uint64_t foreign_logged_ms; /* when an answer was logged that is not OpenBao's; 0: never */
	const char *closed;         /* how operators have closed the namespace; NULL: it is open */
	const char *closed_logged;  /* how the log says that it is closed; NULL: it says that it is open */
	uint64_t closed_logged_ms;  /* when it was logged last; 0: never */
};

/* The rows of api_rows.h. One of the last three members is set. */
static const struct {
	const char *name;
	enum http_method method;
	const char *path;
	unsigned flags;
	void (*answer)(const struct http_reply *reply, struct answer *ret);
	void (*mount_answer)(const struct http_reply *reply, const char *mount, struct answer *ret);
	void (*control)(const struct http_reply *reply, struct control *ret);
} rows[] = {
#define ROW_FACTS(row, name, method, path, flags, kind, read) [row] = { name, method, path, flags, .kind = read },
	API_TABLE(ROW_FACTS)
#undef ROW_FACTS
};

/* http copies this into the call and gives it back with the reply. */
struct call_arg {
	struct api *api;
	enum api_row row;
	api_answer *answered;
	api_control *controlled;
	void *arg; /* NULL: copied.arg */
	union {
		char mount[MOUNT_MAX + 1];
		max_align_t arg[API_ARG_MAX / sizeof(max_align_t)];
	} copied; /* http copies as much of it as is used */
};

struct api *api_new(struct http *http, const char *vault_namespace)
{
	struct api *api = calloc(1, sizeof(*api));

	if (api == NULL)
		return NULL;
	api->http = http;
	if (vault_namespace == NULL || vault_namespace[0] == '\0')
		return api;
	api->vault_namespace = strdup(vault_namespace);
	if (api->vault_namespace != NULL)
		return api;
	free(api);
	return NULL;
}

const char *api_namespace(const struct api *api)
{
	return api->vault_namespace != NULL ? api->vault_namespace : "";
}

struct api *api_for_node(const struct api *api, struct event_base *base, const char *address, struct error *error)
{
	struct http *http = http_for_node(api->http, base, address, error);
	struct api *ret;

	if (http == NULL)
		return NULL;
	ret = api_new(http, api->vault_namespace);
	if (ret == NULL) {
		http_free(http);
		error_set(error, "out of memory");
		return NULL;
	}
	ret->own = http;
	return ret;
}

void api_free(struct api *api)
{
	if (api == NULL)
		return;
	http_free(api->own);
	free(api->vault_namespace);
	free(api);
}

/* -- paths -- */

/* Appends a path, percent-encoded but for unreserved characters and the slashes between its segments. */
static int put_encoded(struct buf *out, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

	while (*path != '\0') {
		size_t n = strspn(path, plain);

		if (n > 0 ? buf_put(out, path, n) < 0
			  : buf_printf(out, "%%%02X", (unsigned)(unsigned char)*path) < 0)
			return -1;
		path += n > 0 ? n : 1;
	}
	return 0;
}

int api_url(struct buf *out, enum api_row row, const struct api_request *request)
{
	size_t mark = buf_len(out);
	const char *at = rows[row].path;

	while (*at != '\0') {
		size_t plain = strcspn(at, "%");
		int result = buf_put(out, at, plain);

		at += plain;
		if (result == 0 && *at == '%') {
			if (at[1] == 'm')
				result = put_encoded(out, request->mount);
			else if (at[1] == 'p')
				result = put_encoded(out, request->path);
			else if (request->version != 0) /* %v */
				result = buf_printf(out, "?version=%llu", (unsigned long long)request->version);
			at += 2;
		}
		if (result < 0) {
			buf_truncate(out, mark);
			return -1;
		}
	}
	return 0;
}

int api_put_body(struct buf *body, const char *data, size_t data_len, const uint64_t *cas)
{
	if (data_len > SIZE_MAX - BODY_EXTRA)
		return -1;
	/*
	 * All memory is reserved at once, so that the secret is not copied from buffer to buffer while it grows.
	 */
	buf_init(body, data_len + BODY_EXTRA);
	if (buf_reserve(body, data_len + BODY_EXTRA) == 0 && buf_puts(body, "{\"data\":") == 0 &&
	    buf_put(body, data, data_len) == 0 &&
	    (cas == NULL || buf_printf(body, ",\"options\":{\"cas\":%llu}", (unsigned long long)*cas) == 0) &&
	    buf_puts(body, "}") == 0)
		return 0;
	buf_free(body);
	return -1;
}

/* copied: how many bytes of call->copied are used. */
static struct http_call *start_request(struct api *api, const struct api_request *request, http_done *done,
    struct call_arg *call, size_t copied)
{
	enum api_row row = call->row;
	struct http_request http = {
		.name = rows[row].name,
		.number = request->number,
		.method = rows[row].method,
		.token = request->token,
		.vault_namespace = rows[row].flags & API_NO_NAMESPACE ? NULL : api->vault_namespace,
		.body = request->body,
		.stream = request->stream,
		.deadline_ms = request->deadline_ms,
		.urgent = rows[row].flags & API_URGENT,
		.own_connection = rows[row].flags & API_OWN_CONNECTION,
		.node = request->node,
		.arg_size = offsetof(struct call_arg, copied) + copied,
	};
	struct http_call *started = NULL;
	struct buf url, empty;
	int result = 0;

	buf_init(&url, URL_MAX);
	buf_init(&empty, BODY_EXTRA);
	if (http.method == HTTP_POST && http.body == NULL && http.stream == NULL) {
		result = buf_puts(&empty, "{}");
		http.body = &empty;
	}
	if (result == 0 && api_url(&url, row, request) == 0 && buf_put(&url, "", 1) == 0) {
		http.path = (const char *)buf_data(&url);
		started = http_start(api->http, &http, done, call);
	} else if (http.body != NULL) {
		buf_free(http.body);
	}
	buf_free(&url);
	return started;
}

/* -- a namespace that operators have closed -- */

const char *api_namespace_closed(const struct api *api)
{
	return api->closed;
}

static void namespace_closes(struct api *api, const char *how)
{
	uint64_t now = clock_now_ms();

	api->closed = how;
	if (api->closed_logged == how)
		return;
	if (api->closed_logged_ms != 0 && now - api->closed_logged_ms < CLOSED_LOG_MS)
		return;
	log_warning("the namespace is %s in OpenBao", how);
	api->closed_logged = how;
	api->closed_logged_ms = now;
}

static void namespace_opens(struct api *api)
{
	if (api->closed_logged != NULL)
		log_info("the namespace is open again in OpenBao");
	api->closed_logged = NULL;
	api->closed = NULL;
}

/* Notes what an answer tells of the namespace. sys/health knows nothing of it, as that asks outside of it. */
static void note_namespace(struct api *api, enum api_row row, const struct http_reply *reply)
{
	enum upstream_phrase phrase;

	if (reply->outcome != HTTP_REPLY || (rows[row].flags & API_NO_NAMESPACE))
		return;
	if (reply->status >= 200 && reply->status <= 299 && !classify_is_foreign(reply, PHRASE_OTHER) &&
	    api->closed != NULL)
		namespace_opens(api);
	if (reply->status != 503)
		return;
	phrase = classify_phrase(reply->body, reply->body_len, NULL);
	if (phrase == PHRASE_NAMESPACE_SEALED)
		namespace_closes(api, "sealed");
	else if (phrase == PHRASE_NAMESPACE_LOCKED)
		namespace_closes(api, "locked");
}

/*
 * Logs that an answer is not OpenBao's. Those to sys/health are left to health.c, since some proxies do not pass
 * that on for good reason.
 */
static void log_foreign(struct api *api, enum api_row row, const struct http_reply *reply)
{
	uint64_t now = clock_now_ms();

	if (row == API_HEALTH || (api->foreign_logged_ms != 0 && now - api->foreign_logged_ms < FOREIGN_LOG_MS))
		return;
	api->foreign_logged_ms = now;
	log_warning("%s: %s, with HTTP status %d", rows[row].name, classify_foreign_words(reply), reply->status);
}

static void pass_answer(void *arg, const struct http_reply *reply)
{
	const struct call_arg *call = arg;
	struct answer answer;

	note_namespace(call->api, call->row, reply);
	if (rows[call->row].mount_answer != NULL)
		rows[call->row].mount_answer(reply, call->copied.mount, &answer);
	else
		rows[call->row].answer(reply, &answer);
	if (answer.foreign)
		log_foreign(call->api, call->row, reply);
	call->answered(call->arg, &answer);
}

struct http_call *api_ask(struct api *api, enum api_row row, const struct api_request *request, api_answer *done,
    void *arg)
{
	struct call_arg call = { .api = api, .row = row, .answered = done, .arg = arg };
	size_t mount_size = 0;

	if (rows[row].mount_answer != NULL) {
		mount_size = strlen(request->mount) + 1;
		if (mount_size > sizeof(call.copied.mount))
			return NULL;
		memcpy(call.copied.mount, request->mount, mount_size);
	}
	return start_request(api, request, pass_answer, &call, mount_size);
}

static void pass_control(void *arg, const struct http_reply *reply)
{
	struct call_arg *call = arg;
	struct control control;

	note_namespace(call->api, call->row, reply);
	rows[call->row].control(reply, &control);
	if (control.foreign)
		log_foreign(call->api, call->row, reply);
	call->controlled(call->arg != NULL ? call->arg : call->copied.arg, &control);
	control_clear(&control);
}

struct http_call *api_ask_control(struct api *api, enum api_row row, const struct api_request *request,
    api_control *done, void *arg)
{
	struct call_arg call = { .api = api,
		.row = row,
		.controlled = done,
		.arg = request->arg_size > 0 ? NULL : arg };

	if (request->arg_size > 0)
		memcpy(call.copied.arg, arg, request->arg_size);
	return start_request(api, request, pass_control, &call, request->arg_size);
}

void api_node_failed(struct api *api, size_t address)
{
	http_address_failed(api->http, address);
}
