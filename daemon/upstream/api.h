/*
 * api: OpenBao's HTTP API, as far as this daemon uses it: makes the requests that api_rows.h lists, and has their
 * answers read by classify or control. Deadlines are values of clock_now_ms().
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

/* Holds what a row needs for a request; members that the row does not use may be zero. Strings are copied. */
struct api_request {
	const char *token;
	const char *node; /* "https://host:port", the node to ask and no other; NULL: any */
	uint64_t deadline_ms;
	uint64_t number;                  /* number of the caller's request behind it, for the log; 0: none */
	const char *mount, *path;         /* login: mount is the auth method's */
	uint64_t version;                 /* 0: the latest */
	struct buf *body;                 /* taken over: it is empty afterwards, also after a failure */
	const struct http_stream *stream; /* a snapshot's */
	/*
	 * api_ask_control() only. Not 0: done gets a copy of this many bytes at arg, at most API_ARG_MAX, instead
	 * of arg.
	 */
	size_t arg_size;
};
#define API_ARG_MAX 64

/* Makes an api that sends by http, which is borrowed. vault_namespace: NULL or "" for none. NULL: no memory. */
struct api *api_new(struct http *http, const char *vault_namespace);

/* Frees the api, and with one of api_for_node its http, which cancels its requests. NULL: does nothing. */
void api_free(struct api *api);

/* Gives the namespace that the api sends its requests to; "" for none. */
const char *api_namespace(const struct api *api);

/*
 * Makes an api with the same namespace and settings for another loop and the one node at address, with an http of
 * its own (http_for_node). NULL with error set.
 */
struct api *api_for_node(const struct api *api, struct event_base *base, const char *address, struct error *error);

/*
 * Tells the end of a request. answer and its spans are valid until the callback returns. The stream of a save or a
 * restore has ended too.
 */
typedef void api_answer(void *arg, const struct answer *answer);

/* Tells the end of a request. control is valid until the callback returns. */
typedef void api_control(void *arg, const struct control *control);

/*
 * Both start one request; which of them is to be used stands in the row. done runs exactly once, from the loop,
 * never from within the function; not after http_cancel, which ends the call that is given. NULL: no memory, and
 * done does not run.
 */
struct http_call *api_ask(struct api *api, enum api_row row, const struct api_request *request, api_answer *done,
    void *arg);
struct http_call *api_ask_control(struct api *api, enum api_row row, const struct api_request *request,
    api_control *done, void *arg);

/*
 * Makes the body of a put in body, which need not be initialised: data, which must be a JSON object, byte for
 * byte, and the check-and-set parameter *cas, unless cas is NULL. 0, or -1: no memory, and body is empty.
 */
int api_put_body(struct buf *body, const char *data, size_t data_len, const uint64_t *cas);

/*
 * Gives the word for what operators have done to the daemon's namespace, as the latest answers tell: "sealed" or
 * "locked"; NULL: it is open, or not known not to be.
 */
const char *api_namespace_closed(const struct api *api);

/* Tells that the node at that place among the configured addresses is not fit: others are tried first for 10 s. */
void api_node_failed(struct api *api, size_t address);

/*
 * Appends the row's path with the request's mount, path and version in it ("/v1/secret/data/a%20b?version=3") to
 * out. Everything but unreserved characters (RFC 3986) and "/" is percent-encoded. 0; or -1: no memory, or longer
 * than out may become, and out is unchanged. Pure; declared here for tests.
 */
int api_url(struct buf *out, enum api_row row, const struct api_request *request);

#endif
