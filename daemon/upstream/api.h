/*
 * api: OpenBao's HTTP API, as far as this daemon uses it. What there is to ask stands in api_rows.h. Deadlines are
 * clock_now_ms() values.
 */
#ifndef API_H
#define API_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/api_rows.h"
#include "daemon/upstream/classify.h"
#include "daemon/upstream/control.h"
#include "daemon/upstream/http.h"

struct api;
struct event_base;

/* Only what the row needs is set. Strings are copied. */
struct api_request {
	const char *token;
	const char *node; /* "https://host:port", the node to ask and no other; NULL: any */
	uint64_t deadline_ms;
	uint64_t number;                  /* the caller's request behind it, for the log; 0: the daemon's own */
	const char *mount, *path;         /* login: mount is the auth method's */
	uint64_t version;                 /* 0: the latest */
	struct buf *body;                 /* taken over, left empty even if the request cannot be made */
	const struct http_stream *stream; /* a snapshot's */
	/* api_ask_control(): if not 0 so many bytes at arg, at most API_ARG_MAX, are copied for done */
	size_t arg_size;
};
#define API_ARG_MAX 64

/* vault_namespace: NULL or "" for none. http is borrowed. NULL: no memory. */
struct api *api_new(struct http *http, const char *vault_namespace);
void api_free(struct api *api);

/* Makes the same with an http of its own, as http_another() makes it. NULL with error set. */
struct api *api_another(const struct api *api, struct event_base *base, const char *address, struct error *error);

/*
 * The answer and its spans are valid until it returns. A save's or restore's answer is the end of its stream as
 * well.
 */
typedef void api_answer(void *arg, const struct answer *answer);

/* The control document is valid until it returns. */
typedef void api_control(void *arg, const struct control *control);

/*
 * Start one request and give its handle, to be ended with http_cancel, or NULL if there is no memory (then done
 * does not run). done runs exactly once, from the loop, never from within the function.
 */
struct http_call *api_ask(struct api *api, enum api_row row, const struct api_request *request, api_answer *done,
    void *arg);
struct http_call *api_ask_control(struct api *api, enum api_row row, const struct api_request *request,
    api_control *done, void *arg);

/*
 * Makes the body of a put: data, an object, byte for byte, and cas, if it is not NULL. 0, or -1: no memory, and
 * body is empty.
 */
int api_put_body(struct buf *body, const char *data, size_t data_len, const uint64_t *cas);

/* The node at that place among the configured addresses does not serve: others are asked first for a while. */
void api_node_failed(struct api *api, size_t address);

/*
 * Pure, for tests: appends the row's path with what the request puts into it ("/v1/secret/data/a%20b?version=3")
 * to out. Everything but unreserved characters (RFC 3986) and "/" is percent-encoded. 0 or -1 (memory, limit).
 */
int api_url(struct buf *out, enum api_row row, const struct api_request *request);

#endif
