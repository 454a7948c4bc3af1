/*
 * snapshot_pull: fetches a raft snapshot from one node and checks it, in a thread with an event loop of its own.
 *
 * In the daemon's loop both would hold up all other callers: hashing 32 KiB takes 20 us, and one recv() of 64 KiB
 * up to 90 us (seen on loopback with Linux 6.18, where the kernel then also takes in what the sender has waiting).
 *
 * All functions are called in the daemon's loop, and the callback runs there.
 */
#ifndef SNAPSHOT_PULL_H
#define SNAPSHOT_PULL_H

#include <stdbool.h>

#include "base/buf.h"
#include "daemon/upstream/api.h"

struct api;
struct event_base;
struct snapshot_pull;

enum snapshot_pull_end {
	PULL_GOES_ON,
	PULL_WHOLE,     /* a whole snapshot has come; sum is set */
	PULL_NOT_WHOLE, /* what came is no whole snapshot; error says why */
	PULL_REFUSED,   /* OpenBao answered with a failure, or not at all; answer is set */
	PULL_FAILED     /* this daemon failed, for want of memory; error is set */
};
const char *snapshot_pull_end_name(enum snapshot_pull_end end);

struct snapshot_pull_state {
	bool begun; /* some of its bytes have come */
	enum snapshot_pull_end end;
	const char *error;     /* a fixed phrase */
	struct answer answer;  /* its spans are empty */
	unsigned char sum[32]; /* what snapshot_check_state_sum() gives */
};

/*
 * Starts the thread, which asks what->node and no other, with what->token and what->number, and otherwise with
 * api's settings. news runs from base when snapshot_pull_take() has something new to give. Strings are copied.
 * Returns NULL if there is no memory or no thread.
 */
struct snapshot_pull *snapshot_pull_start(struct event_base *base, const struct api *api,
    const struct api_request *what, void (*news)(void *arg), void *arg);

/*
 * Takes what has come and been checked since the last call, some 100 KB at most. to must be empty; its allocation
 * is used for the bytes to come. OpenBao waits while nothing is taken. state is how things stand after those
 * bytes.
 */
void snapshot_pull_take(struct snapshot_pull *pull, struct buf *to, struct snapshot_pull_state *state);

/*
 * Ends the fetching at any time. Waits for the thread: as long as it needs for one piece of data or, just after it
 * has connected, for reading the CA file. NULL does nothing.
 */
void snapshot_pull_free(struct snapshot_pull *pull);

#endif
