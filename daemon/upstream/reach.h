/*
 * reach: whether OpenBao is there. Told of requests that got no answer, it asks sys/health at once, and while
 * that fails again every 1-4 s (jittered), logs it, and says when OpenBao is back.
 */
#ifndef REACH_H
#define REACH_H

#include <stdint.h>

struct api;
struct event_base;
struct reach;

enum reach_state {
	REACH_UP,
	REACH_SUSPECT,         /* a request got no answer; sys/health is being asked for the first time */
	REACH_DOWN,            /* sys/health does not answer: requests fail at once as unavailable */
	REACH_SEALED,          /* it answers: sealed */
	REACH_NOT_INITIALIZED
};
const char *reach_state_name(enum reach_state state);

/* Runs each time the state goes back to REACH_UP. outage_ms: how long since the first failure was told. */
typedef void reach_back(void *arg, uint64_t outage_ms);

struct reach *reach_new(struct event_base *base, struct api *api, reach_back *back, void *arg);
void reach_free(struct reach *reach);

/* A request got no answer (or: sealed, no active node). */
void reach_failed(struct reach *reach);

enum reach_state reach_state(const struct reach *reach);

#endif
