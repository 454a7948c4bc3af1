/*
 * http: HTTP to OpenBao, on the event loop. The only user of curl. It knows addresses, connections, TLS,
 * deadlines and whether a request was sent; what a request means is the business of api.h.
 *
 * Single-threaded: all calls and callbacks on the thread of its loop.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct event_base;
struct http;
struct http_call;

struct http_options {
	/* "https://host:port", tried in order; one that failed is tried last for a while */
	char *const *addresses;
	size_t naddresses;
	const char *ca_file;          /* NULL: the system's */
	const char *client_cert_file; /* NULL: none */
	const char *client_key_file;
	const char *server_name; /* NULL: the address's host; else the name to verify and to send as SNI */
	bool tls_skip_verify;
	uint64_t connect_timeout_ms;
};

/*
 * Gives secmem to curl and OpenSSL, and ignores SIGPIPE. Once, before any other thread and before any use of
 * either. 0 or -1.
 */
int http_global_init(void);
void http_global_cleanup(void);

/* All strings are copied. NULL with error set: no memory, or a TLS file that cannot be used. */
struct http *http_new(struct event_base *base, const struct http_options *options, struct error *error);

/*
 * Makes the same for another loop, which may be another thread's, with that one address. TLS files are not looked
 * at: if they cannot be used any more, requests fail as those of the first do. NULL with error set: no memory, or
 * it is no address.
 */
struct http *http_another(const struct http *http, struct event_base *base, const char *address,
    struct error *error);

/* Cancels what is under way (no callback runs) and frees. Not from within a callback. */
void http_free(struct http *http);

enum http_method { HTTP_GET, HTTP_POST };

/*
 * A body that is too large to hold. The functions run from the loop, never from within http_start; of those below
 * they may call http_pause, and not http_resume or http_cancel.
 */
struct http_stream {
	/*
	 * Takes the next n bytes, 1 to HTTP_PIECE_MAX, of a 2xx reply's body. NULL: that is collected as others
	 * are.
	 */
	void (*sink)(void *arg, const void *p, size_t n);
	/*
	 * Puts the next bytes of a POST's body, at most size, to p: gives how many, 0 after the last one, or
	 * HTTP_SOURCE_WAIT: there are none right now; it is asked again after http_resume. NULL: the body is the
	 * request's. An answer that refuses the request can come before the last byte was asked for, and ends the
	 * call.
	 */
	size_t (*source)(void *arg, void *p, size_t size);
	void *arg;
};

#define HTTP_PIECE_MAX 16384u /* curl's CURL_MAX_WRITE_SIZE */
#define HTTP_SOURCE_WAIT SIZE_MAX

struct http_request {
	const char *name; /* for the log; not copied */
	uint64_t number;  /* the caller's request behind it, for the log; 0: the daemon's own */
	enum http_method method;
	const char *path;            /* "/v1/…", already encoded; copied */
	const char *token;           /* X-Vault-Token, or NULL; copied to wiped memory */
	const char *vault_namespace; /* X-Vault-Namespace, or NULL; copied */
	/* POST: taken over (left empty), even when http_start fails. NULL: empty body */
	struct buf *body;
	const struct http_stream *stream; /* copied; NULL: none. A stream does not queue behind other requests */
	uint64_t deadline_ms; /* clock_now_ms() by which it ends; CLOCK_NEVER: its owner sees to that */
	bool urgent;          /* logins and the like: does not queue behind ordinary requests */
	const char *node;     /* "https://host:port": this node and no other; NULL: the addresses. Copied */
	/* not 0: so many bytes at arg are copied into the call, and done gets the copy */
	size_t arg_size;
};

enum http_outcome {
	HTTP_REPLY, /* a whole reply came: status, body */
	/* no connection to any address (refused, no route, name, connect timeout); nothing was sent */
	HTTP_CONNECT,
	HTTP_TLS,      /* the server's certificate or the handshake was refused; nothing was sent */
	HTTP_DEADLINE, /* the deadline passed */
	HTTP_BROKEN,   /* the connection broke, or what came is not HTTP, or the reply was cut short */
	HTTP_TOO_BIG,  /* the reply is larger than HTTP_REPLY_MAX */
	HTTP_INTERNAL  /* no memory, curl misused, or a node that is no address */
};

const char *http_outcome_name(enum http_outcome outcome);

#define HTTP_REPLY_MAX (16u << 20)

struct http_reply {
	enum http_outcome outcome;
	bool sent;        /* some byte of the body (POST) or of the request (GET) may have reached the server */
	int status;       /* HTTP_REPLY; also when known at HTTP_BROKEN, HTTP_TOO_BIG; else 0 */
	const char *body; /* HTTP_REPLY: valid until the callback returns, wiped afterwards */
	size_t body_len;
	uint64_t retry_after_ms; /* Retry-After in seconds, converted; 0 if absent or not a number */
};

/* Runs exactly once, from the loop, never from within http_start; not at all after http_cancel or http_free. */
typedef void http_done(void *arg, const struct http_reply *reply);

/*
 * Starts a request. NULL: no memory, done will not run. A POST is sent at most once, whatever happens to the
 * connection: curl is kept from resending it. While nothing of it was sent the next address is tried.
 */
struct http_call *http_start(struct http *http, const struct http_request *request, http_done *done, void *arg);

/* The sink of the call's stream gets nothing more until http_resume. */
void http_pause(struct http_call *call);

/* Goes on, with sink, source or both. What is due to them may come from within it. */
void http_resume(struct http_call *call);

/* The address, by its place among the options', does not serve: it is tried last for a while. */
void http_address_failed(struct http *http, size_t address);

/* Ends a call; its callback will not run. Not from within that call's own callback. NULL: none. */
void http_cancel(struct http_call *call);

#endif
