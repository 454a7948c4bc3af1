/*
 * http_multi: curl's multi handle, driven by libevent. Part of http, and includes curl.h: not for others.
 */
#ifndef HTTP_MULTI_H
#define HTTP_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>

struct event_base;
struct http_multi;

/* The owner is told and asked by these, with arg. */
struct http_multi_ops {
	/* A transfer has come to its end; from the loop. It may add and remove others. */
	void (*finished)(void *arg, CURL *easy, CURLcode code);
	/* All that had come to their ends have been told. */
	void (*drained)(void *arg);
	/*
	 * Curl wants nothing more of this transfer's connection. Tells whether the transfer can be at its end: a
	 * whole reply has come, and it does not wait for CURLPAUSE_CONT. Runs within curl, which must not be
	 * called.
	 */
	bool (*is_whole)(void *arg, CURL *easy);
};

/* connections: how many to keep open. ops are copied. NULL: no memory. */
struct http_multi *http_multi_new(struct event_base *base, long connections, const struct http_multi_ops *ops,
    void *arg);
void http_multi_free(struct http_multi *m);

/* 0, or -1: no memory. The transfer begins from the loop. */
int http_multi_add(struct http_multi *m, CURL *easy);

/* Closes the connection if the transfer was not at its end. */
void http_multi_remove(struct http_multi *m, CURL *easy);

#endif
