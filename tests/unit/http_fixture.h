/*
 * http_fixture: an event loop with an http on it, and what became of its calls, for the tests of http.
 */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream/http.h"

#define FIXTURE_URLS_MAX 4

struct server;

struct fixture {
	struct event_base *base;
	struct http *http;
	char *urls[FIXTURE_URLS_MAX];
	size_t nurls;
	struct http_options options; /* the addresses in it are those of urls */
};

/* How a call ended. */
struct result {
	unsigned ended; /* how often the callback ran */
	enum http_outcome outcome;
	bool sent;
	int status;
	char *body; /* a copy, NUL-terminated */
	char why[400];
	size_t body_len;
	uint64_t retry_after_ms;
	uint64_t ended_ms;
};

/*
 * A test calls fixture_init, then fixture_url for each address, sets options as needed, then calls fixture_open.
 */
void fixture_init(struct fixture *f);
void fixture_url(struct fixture *f, const char *scheme, const char *host, unsigned port);
void fixture_open(struct fixture *f);
void fixture_free(struct fixture *f);

/* Does the whole set-up at once, with one address and without TLS. */
void fixture_server(struct fixture *f, const struct server *server);

/* Runs the loop until the condition holds; fails the test after 20 s. */
void fixture_until(struct fixture *f, bool (*holds)(const void *arg), const void *arg);
void fixture_until_ended(struct fixture *f, const struct result *result);
void fixture_until_count(struct fixture *f, const void *atomic_uint_counter, unsigned least);

/* Runs the loop for that long, to see that something does not happen. */
void fixture_run(struct fixture *f, uint64_t ms);

/* A callback for which arg is a struct result. */
http_done fixture_done;

/* Starts a request that ends within timeout_ms. */
struct http_call *fixture_get(struct fixture *f, const char *path, uint64_t timeout_ms, struct result *result);
struct http_call *fixture_post(struct fixture *f, const char *path, const char *body, size_t len,
    uint64_t timeout_ms, struct result *result);

/* Starts a GET that has plenty of time, and waits for its end. */
void fixture_got(struct fixture *f, const char *path, struct result *result);
void fixture_posted(struct fixture *f, const char *path, const char *body, size_t len, struct result *result);

void result_free(struct result *result);

/*
 * Makes a socket at 127.0.0.1. The first refuses connections, but is bound, so that nobody else gets its port. The
 * second listens, but its queue is full.
 */
int fixture_refusing(unsigned *ret_port);
struct blackhole {
	int listener, fill[8];
};
unsigned fixture_blackhole(struct blackhole *hole);
void fixture_blackhole_close(struct blackhole *hole);

#endif
