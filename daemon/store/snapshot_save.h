/*
 * snapshot_save: takes a raft snapshot from OpenBao's leader to a caller, in constant memory, and checks it on its
 * way.
 */
#ifndef SNAPSHOT_SAVE_H
#define SNAPSHOT_SAVE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/codes.h"

struct snapshot_save;
struct transfers;

struct snapshot_save_result {
	uint64_t bytes;
	char state_sha256[65]; /* of the state in it (snapshot_check_state_sum()), in hexadecimal digits */
};

/* No function of these runs from within snapshot_save_start() or snapshot_save_room(). */
struct snapshot_save_ops {
	/* OpenBao has begun to send. Runs at most once. */
	void (*begin)(void *arg);
	/*
	 * Takes the next n bytes, at most FRAME_DATA_MAX. Returns 1; or 0: it took them, and takes no more before
	 * snapshot_save_room(); or -1: no memory, and they are lost.
	 */
	int (*data)(void *arg, const void *p, size_t n);
	/*
	 * Runs once, unless the save is abandoned. why is NULL if the snapshot was whole; otherwise the data that
	 * came is to be thrown away. A failure may come before begin.
	 */
	void (*done)(void *arg, const struct failure *why, const struct snapshot_save_result *result);
};

/*
 * Starts a save. number is the caller's request, for the log; deadline_ms may be CLOCK_NEVER. ops is borrowed.
 * Returns NULL if there is no memory; then none of ops runs.
 */
struct snapshot_save *snapshot_save_start(struct transfers *transfers, uint64_t number, uint64_t deadline_ms,
    const struct snapshot_save_ops *ops, void *arg);

/* There is room for data again. */
void snapshot_save_room(struct snapshot_save *save);

/* The caller has gone: the save is ended and freed, and done will not run. */
void snapshot_save_abandon(struct snapshot_save *save);

#endif
