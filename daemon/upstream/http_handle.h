/*
 * http_handle: one curl easy handle for one attempt at a request, with everything that does not depend on where
 * its bytes come from and go to. Part of http, and includes curl.h: not for others.
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

/* 0, or -1 with error set: no memory, or a TLS file that cannot be used. */
int http_handle_settings_init(struct http_handle_settings *settings, const struct http_options *options,
    struct error *error);
void http_handle_settings_free(struct http_handle_settings *settings);

/* The headers of a request; NULL: no memory, or a token or namespace that cannot stand in a header. */
struct curl_slist *http_handle_headers(const struct http_request *request);

/*
 * A handle for an attempt at path on address. headers are borrowed until http_handle_free. The caller adds the
 * functions for reading and writing. NULL: no memory.
 */
struct http_handle {
	CURL *easy;
	struct curl_slist *connect_to;
};
int http_handle_init(struct http_handle *handle, const struct http_handle_settings *settings,
    const struct http_address *address, const char *path, struct curl_slist *headers);

/*
 * For a POST of len bytes, asked of read; HTTP_HANDLE_CHUNKED: as many as come. Curl cannot start over: a second reading
 * fails.
 */
#define HTTP_HANDLE_CHUNKED (-1)
int http_handle_post(struct http_handle *handle, int64_t len, curl_read_callback read, void *arg);

/* For a reply of any length, which is taken piece by piece. */
int http_handle_unbounded(struct http_handle *handle);

/* The handle must not be in a multi handle any more. */
void http_handle_free(struct http_handle *handle);

/* Some byte of the request has been handed to the connection. */
bool http_handle_sent(const struct http_handle *handle);

/* What the end of a transfer means; sent: see struct http_reply. */
enum http_outcome http_handle_outcome(CURLcode code, bool sent);

int http_handle_status(const struct http_handle *handle);

/* The Retry-After header in milliseconds, at most an hour; 0 if absent or not a number of seconds. */
uint64_t http_handle_retry_after_ms(const struct http_handle *handle);

#endif
