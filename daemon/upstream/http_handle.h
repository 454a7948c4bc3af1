/*
 * http_handle: a curl easy handle for one attempt at a request, with all options but those that say where its
 * bytes come from and go to. A part of http that no other file may include, since it includes curl.h.
 *
 * To make a handle and to set its options is a fourth of what curl does for a small GET. So handles that were only
 * used for plain GETs, all of which got a reply, are used again; all others are freed, so that nothing that a
 * POST, a stream or a failure may leave in a handle can reach another request.
 */
#ifndef HTTP_HANDLE_H
#define HTTP_HANDLE_H

#include <curl/curl.h>

#include "base/error.h"
#include "daemon/upstream/http.h"
#include "daemon/upstream/http_addresses.h"

/* The options that each handle needs, copied. */
struct http_handle_settings {
	char *ca_file, *client_cert_file, *client_key_file; /* NULL: not set */
	bool tls_skip_verify;
	long connect_timeout_ms;
};

/* Copies the options. The TLS files are not checked. 0; or -1 with error set: no memory. */
int http_handle_settings_init(struct http_handle_settings *settings, const struct http_options *options,
    struct error *error);
void http_handle_settings_free(struct http_handle_settings *settings);

/*
 * Makes the headers of a request, to be freed with http_handle_headers_free. NULL: no memory, or a token or a
 * namespace that cannot stand in a header.
 */
struct curl_slist *http_handle_headers(const struct http_request *request);
void http_handle_headers_free(struct curl_slist *headers);

/* The handles that wait to be used again; all must have been made with the same settings. All zero: none. */
#define HTTP_HANDLES_IDLE_MAX 32
struct http_handles {
	CURL *idle[HTTP_HANDLES_IDLE_MAX];
	size_t count;
	size_t usual_len; /* bytes that replies' bodies had lately, about */
};
void http_handles_free(struct http_handles *handles);

/* Tells that a whole reply came with a body of len bytes, from which the next handles' buffer size follows. */
void http_handles_note_reply(struct http_handles *handles, size_t len);

/*
 * Prepares a handle for an attempt to get path from address, an idle one or a new one. The struct must not be
 * moved until http_handle_end; address and headers are borrowed so long. The caller sets the functions that read
 * and write bodies, and their arguments. 0; or -1: no memory, or a path that cannot stand in a request line.
 */
struct http_handle {
	CURL *easy;
	struct curl_slist *connect_to;
	bool plain;                  /* the attempt is a plain GET, so the handle may be used again */
	char words[CURL_ERROR_SIZE]; /* curl's, on why the transfer failed; "": none */
	unsigned attempts; /* how often curl was about to send; twice if a used connection turned out to be dead */
};
int http_handle_init(struct http_handle *handle, const struct http_handle_settings *settings,
    struct http_handles *handles, const struct http_address *address, const char *path,
    struct curl_slist *headers);

/*
 * Makes the attempt a POST of len bytes, which curl gets from read(arg); HTTP_HANDLE_CHUNKED: of as many as read
 * gives. Curl cannot send it twice, since it cannot rewind the body. 0; or -1: no memory.
 */
#define HTTP_HANDLE_CHUNKED (-1)
int http_handle_post(struct http_handle *handle, int64_t len, curl_read_callback read, void *arg);

/* Allows a reply of any length, for a reader that takes it piece by piece. 0; or -1: no memory. */
int http_handle_unbounded(struct http_handle *handle);

/*
 * Keeps the attempt from using a connection that was used before. only: and others from using this one. 0; or -1:
 * no memory.
 */
int http_handle_fresh(struct http_handle *handle, bool only);

/*
 * Ends the attempt: frees the handle, or if got_reply, a whole reply came, may put it among the idle ones. It must
 * not be in a multi handle any more.
 */
void http_handle_end(struct http_handle *handle, struct http_handles *handles, bool got_reply);

/* Tells whether a byte of the request has been handed to the connection. */
bool http_handle_sent(const struct http_handle *handle);

/* Tells whether the request was handed to a connection that others had used before. */
bool http_handle_met_kept(const struct http_handle *handle);

/* Tells whether the attempt made a connection, and did not only use one that others had used before. */
bool http_handle_made_connection(const struct http_handle *handle);

/* Translates the end of a transfer; sent: as in struct http_reply. */
enum http_outcome http_handle_outcome(CURLcode code, bool sent);

/* Writes why the transfer failed with code to text, in words of curl, OpenSSL and the system. */
void http_handle_why(const struct http_handle *handle, CURLcode code, char *text, size_t size);

/* Gives the reply's HTTP status; 0: none has come. */
int http_handle_status(const struct http_handle *handle);

/* Gives the Retry-After header in milliseconds, at most an hour; 0: absent, or not a number of seconds. */
uint64_t http_handle_retry_after_ms(const struct http_handle *handle);

#endif
