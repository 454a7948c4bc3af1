/*
 * http_multi: curl's multi handle, driven by libevent. Part of http, and includes curl.h: not for others.
 */
#ifndef HTTP_MULTI_H
#define HTTP_MULTI_H

#include <curl/curl.h>

struct event_base;
struct http_multi;

/* Runs for each transfer that has come to its end, from the loop. It may add and remove others. */
typedef void http_multi_finished(void *arg, CURL *easy, CURLcode code);

/* Runs when all that had come to their end have been told. */
typedef void http_multi_idle(void *arg);

/* connections: how many to keep open. NULL: no memory. */
struct http_multi *http_multi_new(struct event_base *base, long connections, http_multi_finished *finished,
    http_multi_idle *idle, void *arg);
void http_multi_free(struct http_multi *m);

/* 0, or -1: no memory. The transfer begins from the loop. */
int http_multi_add(struct http_multi *m, CURL *easy);

/* Closes the connection if the transfer was not at its end. */
void http_multi_remove(struct http_multi *m, CURL *easy);

#endif
