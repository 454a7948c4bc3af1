/*
 * snapshot_save: a raft snapshot from OpenBao's leader to a caller, checked on its way, in constant memory.
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
	char sha256[65]; /* of the state in it (snapshot_check_state_sum), in hexadecimal digits */
};

/* None of them runs from within snapshot_save or snapshot_save_room. */
struct snapshot_save_ops {
	/* OpenBao has begun to send. */
	void (*begin)(void *arg);
	/*
	 * The next n bytes, at most FRAME_DATA_MAX. 1, or 0: no more before snapshot_save_room; or -1: no memory,
	 * they are lost.
	 */
	int (*data)(void *arg, const void *p, size_t n);
	/*
	 * Once, unless it is abandoned: why is NULL if the snapshot was whole. Else what came is to be thrown
	 * away; it may be before begin.
	 */
	void (*done)(void *arg, const struct failure *why, const struct snapshot_save_result *result);
};

/* number: the caller's request, for the log. deadline_ms: CLOCK_NEVER for none. NULL: no memory. */
struct snapshot_save *snapshot_save_start(struct transfers *transfers, uint64_t number, uint64_t deadline_ms,
    const struct snapshot_save_ops *ops, void *arg);

/* There is room for data again. */
void snapshot_save_room(struct snapshot_save *save);

/* The caller has gone. */
void snapshot_save_abandon(struct snapshot_save *save);

#endif
