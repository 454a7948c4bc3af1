/*
 * http_handle: a curl easy handle for one attempt at a request, with everything that does not depend on where its
 * bytes come from and go to. Part of http, and includes curl.h: not for others.
 *
 * To make a handle and to set its options is a fourth of what curl does for a small GET, so those that did nothing
 * but plain GETs, each of which went well, are kept for others. What a POST, a stream or a failure may leave
 * behind in a handle is so nobody's concern.
 */
#ifndef HTTP_HANDLE_H
#define HTTP_HANDLE_H

#include <curl/curl.h>

#include "base/error.h"
#include "daemon/upstream/http.h"
#include "daemon/upstream/http_addresses.h"

/* Copies of the options that each handle needs. */
struct http_handle_settings {
	char *ca_file, *client_cert_file, *client_key_file; /* NULL: not set */
	bool tls_skip_verify;
	long connect_timeout_ms;
};

/* 0, or -1 with error set: no memory. The TLS files are not looked at. */
int http_handle_settings_init(struct http_handle_settings *settings, const struct http_options *options,
    struct error *error);
void http_handle_settings_free(struct http_handle_settings *settings);

/* The headers of a request; NULL: no memory, or a token or namespace that cannot stand in a header. */
struct curl_slist *http_handle_headers(const struct http_request *request);
void http_handle_headers_free(struct curl_slist *headers);

/* Handles that wait to be used again, all with the same settings. All zero: none. */
#define HTTP_HANDLES_IDLE_MAX 32
struct http_handles {
	CURL *idle[HTTP_HANDLES_IDLE_MAX];
	size_t count;
	size_t usual; /* bytes of a reply's body, of late */
};
void http_handles_free(struct http_handles *handles);

/* A whole reply came, with a body of so many bytes: the next ones will be read into a buffer that suits it. */
void http_handles_learn(struct http_handles *handles, size_t len);

/*
 * A handle for an attempt at path on address: an idle one, else a new one. It stays where it is, and headers are
 * borrowed, until http_handle_end. The caller adds the functions for reading and writing, and what they get. 0, or
 * -1: no memory.
 */
struct http_handle {
	CURL *easy;
	struct curl_slist *connect_to;
	bool plain; /* nothing but a GET was made of it */
	/* how often curl was about to send: more than once when a used connection turns out dead */
	unsigned attempts;
};
int http_handle_init(struct http_handle *handle, const struct http_handle_settings *settings,
    struct http_handles *handles, const struct http_address *address, const char *path,
    struct curl_slist *headers);

/*
 * For a POST of len bytes, asked of read; HTTP_HANDLE_CHUNKED: as many as come. Curl cannot start over: a second
 * reading fails.
 */
#define HTTP_HANDLE_CHUNKED (-1)
int http_handle_post(struct http_handle *handle, int64_t len, curl_read_callback read, void *arg);

/* The reply may be of any length, and is taken piece by piece. */
int http_handle_unbounded(struct http_handle *handle);

/* The attempt must not get a connection that was used before. */
int http_handle_fresh(struct http_handle *handle);

/* It must not be in a multi handle any more. well: a whole reply came, so it may be kept. */
void http_handle_end(struct http_handle *handle, struct http_handles *handles, bool well);

/* Some byte of the request has been handed to the connection. */
bool http_handle_sent(const struct http_handle *handle);

/* Tells what the end of a transfer means; sent: see struct http_reply. */
enum http_outcome http_handle_outcome(CURLcode code, bool sent);

int http_handle_status(const struct http_handle *handle);

/* The Retry-After header in milliseconds, at most an hour; 0 if absent or not a number of seconds. */
uint64_t http_handle_retry_after_ms(const struct http_handle *handle);

#endif
