/*
 * http_server: a little HTTP server in threads of the test program, for answers that a real OpenBao does not give:
 * each test brings a function that plays one connection.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st;
struct ssl_st;
struct server;

/* One connection, as its play function sees it. */
struct server_connection {
	struct server *server;
	int fd;
	struct ssl_st *ssl; /* NULL: plain */
	unsigned number;    /* counts from 1 */
	char head[8192];    /* the latest request's, NUL-terminated */
	char *body;         /* and its body, NUL-terminated; NULL before the first request */
	size_t body_len;
};

typedef void server_play(struct server_connection *connection, void *arg);

struct server_counts {
	atomic_uint connections; /* connections accepted */
	atomic_uint open;        /* connections that have not ended yet */
	atomic_uint heads;       /* request heads read */
	atomic_uint requests;    /* requests read to the end of their bodies */
	atomic_uint working;     /* plays that hold; server_hold counts them */
	atomic_uint most_working;
};

/*
 * A server on a port of its own at 127.0.0.1. play runs in a thread for each connection; the connection is closed
 * when it returns. tls: NULL for plain HTTP. Fails the test if it cannot start.
 */
struct server *server_start(server_play *play, void *arg, struct ssl_ctx_st *tls);

/* Ends all connections, waits for their threads, frees. */
void server_stop(struct server *server);

unsigned server_port(const struct server *server);
struct server_counts *server_counts(struct server *server);

/* Wakes the plays that hold (server_hold), once for all. */
void server_release(struct server *server);

/*
 * A play reads a request's head, or the rest of a request, with these. They return false when the connection ends
 * before.
 */
bool server_read_head(struct server_connection *connection);
bool server_read_body(struct server_connection *connection);
bool server_read(struct server_connection *connection);

/*
 * Reads one chunk to the end of body, for a request that has no length. False: that was the last chunk, or the
 * connection ended.
 */
bool server_read_chunk(struct server_connection *connection);

/* Waits for server_release or the end of the test, while counted as working. */
void server_hold(struct server_connection *connection);

/* Writes all of it; what the other side does not take is dropped. */
void server_write(struct server_connection *connection, const char *data, size_t len);
void server_reply(struct server_connection *connection, int status, const char *headers, const char *body);

/* Ends the connection with a reset instead of an orderly close. */
void server_reset(struct server_connection *connection);

/* A play that answers each request with 200 and "ok N", N counting the connection's requests. */
server_play server_play_ok;

#endif
