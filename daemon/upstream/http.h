/*
 * http: HTTP to OpenBao, on the event loop, by curl, which only the http*.c files use. It knows addresses,
 * connections, TLS, deadlines and whether a request was sent; api.c knows what a request means.
 *
 * Threads: all calls and callbacks of a struct http are on the thread of its loop.
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
	/* "https://host:port", tried in order; one that failed is tried last for 10 s */
	char *const *addresses;
	size_t naddresses;
	const char *ca_file;          /* NULL: the system's CAs */
	const char *client_cert_file; /* NULL: none */
	const char *client_key_file;
	const char *server_name; /* NULL: the address's host; else the name to verify and to send as SNI */
	bool tls_skip_verify;
	uint64_t connect_timeout_ms;
};

/*
 * Gives secmem to curl and OpenSSL, and ignores SIGPIPE. To be called once, before any use of either and before
 * another thread is started. 0; or -1: they cannot be initialised.
 */
int http_global_init(void);
void http_global_cleanup(void);

/*
 * Makes an http for these addresses. base is borrowed, all strings are copied. NULL with error set: no memory, or
 * an address or a TLS file that cannot be used.
 */
struct http *http_new(struct event_base *base, const struct http_options *options, struct error *error);

/*
 * Makes an http with the same settings but one address, for another loop, which may be another thread's. The TLS
 * files are not checked again: if they cannot be used any more, requests fail as those of the first http do. NULL
 * with error set: no memory, or address is none.
 */
struct http *http_for_node(const struct http *http, struct event_base *base, const char *address,
    struct error *error);

/*
 * Cancels what is under way (no callback runs) and frees. Must not be called from a callback. NULL: does nothing.
 */
void http_free(struct http *http);

enum http_method { HTTP_GET, HTTP_POST };

/*
 * A body that is too large to hold in memory passes through these functions. They run from the loop, never from
 * within http_start. They may call http_pause, but not http_resume or http_cancel.
 */
struct http_stream {
	/*
	 * Takes the next n bytes, 1 to HTTP_PIECE_MAX, of a 2xx reply's body. NULL: the body is collected in
	 * memory, as those of all other replies are.
	 */
	void (*sink)(void *arg, const void *p, size_t n);
	/*
	 * Puts the next bytes of a POST's body, at most size, to p, and gives how many these are; 0: the body has
	 * ended; HTTP_SOURCE_WAIT: there are none right now, and source is to be called again after http_resume.
	 * NULL: the body is the request's. OpenBao can refuse the request before the last byte was asked for,
	 * which ends the call.
	 */
	size_t (*source)(void *arg, void *p, size_t size);
	void *arg;
};

#define HTTP_PIECE_MAX 16384u /* curl's CURL_MAX_WRITE_SIZE */
#define HTTP_SOURCE_WAIT SIZE_MAX

struct http_request {
	const char *name; /* for the log; not copied */
	uint64_t number;  /* number of the caller's request behind it, for the log; 0: none */
	enum http_method method;
	const char *path;            /* "/v1/…", already encoded; copied */
	const char *token;           /* X-Vault-Token, or NULL; copied to wiped memory */
	const char *vault_namespace; /* X-Vault-Namespace, or NULL; copied */
	struct buf *body; /* of a POST; taken over: it is empty afterwards, also after a failure. NULL: no body */
	const struct http_stream *stream; /* copied; NULL: none. A stream does not queue behind other requests */
	uint64_t deadline_ms; /* of clock_now_ms(); CLOCK_NEVER: there is none, the owner cancels if need be */
	bool urgent;          /* the request, such as a login, does not queue behind ordinary ones */
	/* the request queues behind none, takes no connection that was used before, and leaves none to others */
	bool own_connection;
	const char *node; /* "https://host:port", the only node to try; NULL: the addresses. Copied */
	size_t arg_size;  /* not 0: done gets a copy of this many bytes at arg, instead of arg */
};

enum http_outcome {
	HTTP_REPLY, /* a whole reply came: status, body */
	/* no connection (refused, no route, unknown name, timeout of connecting); nothing was sent */
	HTTP_CONNECT,
	HTTP_TLS,           /* the server's certificate or the handshake was refused; nothing was sent */
	HTTP_DEADLINE,      /* the deadline passed */
	HTTP_BROKEN,        /* the connection broke, or what came is not HTTP, or the reply was cut short */
	HTTP_TOO_BIG,       /* the reply's body is larger than HTTP_REPLY_MAX */
	HTTP_HEAD_TOO_LONG, /* the reply's head or trailer is longer than any that OpenBao sends */
	HTTP_INTERNAL       /* no memory, a mistake in the use of curl, or request->node is no address */
};

const char *http_outcome_name(enum http_outcome outcome);

#define HTTP_REPLY_MAX (16u << 20)

struct http_reply {
	enum http_outcome outcome;
	bool sent;  /* a byte may have reached the server: of request->body, or of the head if there is no body */
	int status; /* 0: not known */
	const char *body; /* HTTP_REPLY: valid until the callback returns, wiped afterwards */
	size_t body_len;
	/*
	 * Why there is no whole reply, in the library's own words, which name the host: for the log alone. Valid
	 * until the callback returns. NULL: HTTP_REPLY.
	 */
	const char *why;
	uint64_t retry_after_ms; /* from the Retry-After header; 0: absent, or not a number of seconds */
};

/*
 * Tells the end of a request: runs exactly once, from the loop, never from within http_start; not at all after
 * http_cancel or http_free.
 */
typedef void http_done(void *arg, const struct http_reply *reply);

/*
 * Starts a request. A POST is sent at most once, whatever happens to the connection: curl is kept from sending it
 * again. As long as nothing of the request was sent the other addresses are tried. NULL: no memory, and done does
 * not run.
 */
struct http_call *http_start(struct http *http, const struct http_request *request, http_done *done, void *arg);

/* Stops the sink of the call's stream until http_resume. */
void http_pause(struct http_call *call);

/* Lets sink and source go on. It may call both from within. */
void http_resume(struct http_call *call);

/* Tells that the node at that place among the options' addresses is not fit: it is tried last for 10 s. */
void http_address_failed(struct http *http, size_t address);

/* Ends a call; its done does not run. Must not be called from the call's own done. NULL: does nothing. */
void http_cancel(struct http_call *call);

#endif
