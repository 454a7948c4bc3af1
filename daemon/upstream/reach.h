/*
 * reach: whether OpenBao is there. Told of requests that got no answer, it asks sys/health of every node at once,
 * and while none is fit again every 1-4 s (jittered), logs it, and says when OpenBao is back. One node that is fit
 * will do, leader or standby: a cluster without a leader is there, and about to have one. Of those that are not,
 * requests keep away for a while.
 */
#ifndef REACH_H
#define REACH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/codes.h"

struct api;
struct event_base;
struct reach;

enum reach_state {
	REACH_UP,
	REACH_SUSPECT, /* a request got no answer; sys/health is being asked for the first time */
	REACH_DOWN,    /* no node answers: requests fail at once as unavailable */
	REACH_SEALED,  /* those that answer are sealed */
	REACH_NOT_INITIALIZED
};
const char *reach_state_name(enum reach_state state);

/*
 * What a request fails with in that state, and what is then said to its caller: CODE_NONE and "" if it may be
 * made.
 */
enum code reach_code(enum reach_state state);
const char *reach_words(enum reach_state state);

/* Runs each time the state goes back to REACH_UP. outage_ms: how long since the first failure was told. */
typedef void reach_back(void *arg, uint64_t outage_ms);

/* addresses: those that api's http has, in the same order; borrowed, "https://host:port". NULL: no memory. */
struct reach *reach_new(struct event_base *base, struct api *api, char *const *addresses, size_t count,
    reach_back *back, void *arg);
void reach_free(struct reach *reach);

/* changed runs, from the loop, after the state has become another, REACH_SUSPECT aside. NULL: nobody watches. */
void reach_watch(struct reach *reach, void (*changed)(void *arg), void *arg);

/* A request got no answer (or: sealed, no active node). */
void reach_failed(struct reach *reach);

enum reach_state reach_state(const struct reach *reach);

/* How long it waits before it asks again, while OpenBao does not answer. */
uint64_t reach_pause_ms(uint64_t (*random)(void *arg, uint64_t low, uint64_t high), void *arg);

#endif
