/*
 * http_multi: curl's multi handle, driven by libevent. A part of http that no other file may include, since it
 * includes curl.h.
 */
#ifndef HTTP_MULTI_H
#define HTTP_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct http_multi;

/* The multi handle tells and asks its owner by these functions. */
struct http_multi_ops {
	/* Runs from the loop when a transfer has ended. The owner may add and remove transfers. */
	void (*finished)(void *arg, CURL *easy, CURLcode code);
	/* Runs from the loop after finished has run for all transfers that had ended. */
	void (*drained)(void *arg);
	/*
	 * Runs when curl wants nothing more of this transfer's connection. Tells whether the transfer can have
	 * ended: the whole head of a reply has come, and the transfer is not paused. Curl must not be called from
	 * it.
	 */
	bool (*is_whole)(void *arg, CURL *easy);
};

/* connections: how many idle ones stay open. base is borrowed, ops are copied. NULL: no memory. */
struct http_multi *http_multi_new(struct event_base *base, long connections, const struct http_multi_ops *ops,
    void *arg);

/* Frees; all transfers must have been removed. NULL: does nothing. */
void http_multi_free(struct http_multi *m);

/*
 * Ends the idle connections that have carried no answer after at_ms, of clock_now_ms(). Each transfer from now on
 * gets one that has, or a new one.
 */
void http_multi_distrust(struct http_multi *m, uint64_t at_ms);

/* Adds a transfer, which begins from the loop. 0, or -1: no memory. */
int http_multi_add(struct http_multi *m, CURL *easy);

/* Removes a transfer. Its connection is closed if the transfer had not ended. */
void http_multi_remove(struct http_multi *m, CURL *easy);

#endif
