/*
 * health: whether OpenBao is there. Told of requests that got no answer, it asks sys/health of every node at once,
 * and while none is fit again every 1-4 s (jittered), logs it, and says when OpenBao is back. One node that is fit
 * will do, leader or standby: a cluster without a leader is there, and about to have one. Of those that are not,
 * requests keep away for a while.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/codes.h"

struct api;
struct event_base;
struct health;

enum health_state {
	HEALTH_UP,
	HEALTH_SUSPECT, /* a request got no answer; sys/health is being asked for the first time */
	HEALTH_DOWN,    /* no node answers: requests fail at once as unavailable */
	HEALTH_SEALED,  /* those that answer are sealed */
	HEALTH_NOT_INITIALIZED
};
const char *health_state_name(enum health_state state);

/*
 * What a request fails with in that state, and what is then said to its caller: CODE_NONE and "" if it may be
 * made.
 */
enum code health_code(enum health_state state);
const char *health_words(enum health_state state);

/* Runs each time the state goes back to HEALTH_UP. outage_ms: how long since the first failure was told. */
typedef void health_back(void *arg, uint64_t outage_ms);

/* addresses: those that api's http has, in the same order; borrowed, "https://host:port". NULL: no memory. */
struct health *health_new(struct event_base *base, struct api *api, char *const *addresses, size_t count,
    health_back *back, void *arg);
void health_free(struct health *health);

/* changed runs, from the loop, after the state has become another, HEALTH_SUSPECT aside. NULL: nobody watches. */
void health_watch(struct health *health, void (*changed)(void *arg), void *arg);

/* A request got no answer (or: sealed, no active node). */
void health_failed(struct health *health);

enum health_state health_state(const struct health *health);

/* How long it waits before it asks again, while OpenBao does not answer. */
uint64_t health_pause_ms(uint64_t (*random)(void *arg, uint64_t low, uint64_t high), void *arg);

#endif
