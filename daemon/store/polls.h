/*
 * polls: lets reads that wait for a version of a secret that is not there yet ask for it in turn. However many
 * wait for versions of a path, and whichever versions, one of them asks at a time, after a pause of 20 ms that
 * doubles up to 2 s; the others are called as soon as a version is known that will do for them.
 */
#ifndef POLLS_H
#define POLLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/secret_name.h"

#define POLL_FIRST_MS 20u
#define POLL_MAX_MS 2000u

struct event_base;
struct poll_path;
struct polls;

/* One that waits. It is part of the owner's struct, and all zero before it waits for the first time. */
struct poll_member {
	TAILQ_ENTRY(poll_member) link; /* in the path's queue, while it waits */
	struct poll_path *path;        /* NULL: it has not waited yet, or has left */
	bool waits;                    /* false: it has been called, and asks */
	uint64_t least;                /* the version that it waits for, or a later one */
	void (*ask)(void *arg);
	void *arg;
};

/*
 * base is borrowed. polls_new() returns NULL if there is no memory. All members must have left before
 * polls_free().
 */
struct polls *polls_new(struct event_base *base);
void polls_free(struct polls *polls);

/*
 * Waits after an answer that told a version below least (0: none, or no answer that counts). If told is least or
 * more, since it has come meanwhile, the member is called at once. ask runs once, from the loop, when the member
 * is to ask; if it finds too little again it waits again. Returns 0, or -1 if there is no memory. The name is
 * held.
 */
int polls_wait(struct polls *polls, const struct secret_name *name, struct poll_member *member, uint64_t least,
    uint64_t told, void (*ask)(void *arg), void *arg);

/* Tells that this version of the secret is there, as after a put: those for whom it will do are called. */
void polls_tell(struct polls *polls, const struct secret_name *name, uint64_t version);

/* Has all those called who wait for this secret, as when one of them was told something that holds for all. */
void polls_call_all(struct polls *polls, const struct secret_name *name);

/* Leaves for good: ask will not run. Does nothing for a member that is in no path. */
void poll_leave(struct poll_member *member);

#endif
