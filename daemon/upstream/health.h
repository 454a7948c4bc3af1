/*
 * health: knows whether OpenBao is there. When it is told that a request got no answer it asks sys/health of every
 * node at once, and as long as none is fit asks again every 1-4 s (jittered), logs that, and tells when OpenBao is
 * back. One fit node is enough, leader or standby: a cluster without a leader is about to have one. Nodes that are
 * not fit are tried last for a while (api_node_failed).
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codes.h"

struct api;
struct event_base;
struct health;

enum health_state {
	HEALTH_UP,
	HEALTH_SUSPECT,        /* a request got no answer; sys/health is being asked for the first time */
	HEALTH_DOWN,           /* no node answers: requests fail at once as unavailable */
	HEALTH_SEALED,         /* no node is fit, and one that answers is sealed */
	HEALTH_NOT_INITIALIZED /* no node is fit, none is sealed, and one that answers is not initialized */
};
const char *health_state_name(enum health_state state);

/*
 * Give the code that a request fails with in that state, and the words for its caller; CODE_NONE and "": requests
 * may be made.
 */
enum code health_code(enum health_state state);
const char *health_words(enum health_state state);

/* Runs from the loop, each time the state goes back to HEALTH_UP. outage_ms: since the first failure was told. */
typedef void health_recovered(void *arg, uint64_t outage_ms);

/*
 * addresses, "https://host:port", are those that api's http has, in the same order; they, base and api are
 * borrowed. NULL: no memory.
 */
struct health *health_new(struct event_base *base, struct api *api, char *const *addresses, size_t count,
    health_recovered *back, void *arg);

/* Cancels what is under way and frees; no callback runs. NULL: does nothing. */
void health_free(struct health *health);

/* changed runs from the loop after each change of the state, except to HEALTH_SUSPECT. NULL: nobody watches. */
void health_watch(struct health *health, void (*changed)(void *arg), void *arg);

/* Tells that a request got no answer, or one that said "sealed" or "no active node". */
void health_failed(struct health *health);

enum health_state health_state(const struct health *health);

/* Gives how long to wait before the nodes are asked again, while none is fit. Pure; for tests. */
uint64_t health_pause_ms(uint64_t (*random)(void *arg, uint64_t low, uint64_t high), void *arg);

/*
 * Tells whether an outage that has lasted outage_ms is to be logged once more, which is so from *after_ms on, and
 * sets *after_ms to the next of 1, 2, 4, 8 … times its first value. Pure; for tests.
 */
bool health_tells(uint64_t *after_ms, uint64_t outage_ms);

#endif
