/*
 * snapshot_pull: fetches a raft snapshot from one node and checks it, in a thread with a loop of its own.
 *
 * In the daemon's loop all other callers would wait for both: hashing 32 KiB takes 20 us, and one recv() of 64 KiB
 * up to 90 (seen on loopback, Linux 6.18: with the room that it makes the kernel passes on what the sender has in
 * store).
 *
 * All functions and the callback belong to the daemon's loop.
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
	PULL_WHOLE,     /* a whole snapshot; sum */
	PULL_NOT_WHOLE, /* what came is none; error */
	PULL_REFUSED,   /* OpenBao's answer is a failure, or there is none: answer */
	PULL_FAILED     /* no memory; error */
};
const char *snapshot_pull_end_name(enum snapshot_pull_end end);

struct snapshot_pull_state {
	bool begun; /* something of it came */
	enum snapshot_pull_end end;
	const char *error;     /* a fixed phrase */
	struct answer answer;  /* its spans are empty */
	unsigned char sum[32]; /* snapshot_check_state_sum() */
};

/*
 * Begins, with settings as api has them, for what's node and no other, with its token and number. news runs, from
 * base, when pull_take() gives something that it did not give before. Strings are copied. NULL: no memory, or no
 * thread.
 */
struct snapshot_pull *snapshot_pull_start(struct event_base *base, const struct api *api,
    const struct api_request *what, void (*news)(void *arg), void *arg);

/*
 * Takes what came and was checked since: some 100 KB at most, in to, which must be empty (its allocation is used
 * in turn). What is not taken makes OpenBao wait. state->end is what is known after those bytes.
 */
void snapshot_pull_take(struct snapshot_pull *pull, struct buf *to, struct snapshot_pull_state *state);

/*
 * Ends it, wherever it is. Waits for the thread: as long as it needs for one piece of data, or when it has just
 * connected, to read the CA's file.
 */
void snapshot_pull_free(struct snapshot_pull *pull);

#endif
