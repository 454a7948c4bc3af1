/*
 * snapshot_restore: a raft snapshot from a caller to OpenBao's leader, in constant memory. OpenBao applies what it
 * got to the end of, even if the request is broken off then; so the last SNAPSHOT_HOLD_BACK bytes are let go of
 * only when all has come, was found whole, and the node has said that it still leads.
 */
#ifndef SNAPSHOT_RESTORE_H
#define SNAPSHOT_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/snapshot_watch.h"
#include "proto/codes.h"

struct snapshot_restore;
struct transfers;

struct snapshot_restore_result {
	uint64_t bytes;
	enum snapshot_watch_end end;
};

/* None of them runs from within the functions below, but room from within snapshot_restore_data. */
struct snapshot_restore_ops {
	/* The leader is found, the data may come. */
	void (*begin)(void *arg);
	/* Whether there is room for more data. */
	void (*room)(void *arg, bool room);
	/*
	 * Once, unless it is abandoned. why is NULL if OpenBao has taken the snapshot: result says what came of
	 * it. Else nothing was restored, but for CODE_UNKNOWN_OUTCOME.
	 */
	void (*done)(void *arg, const struct failure *why, const struct snapshot_restore_result *result);
};

/* number: the caller's request, for the log. deadline_ms: CLOCK_NEVER for none. NULL: no memory. */
struct snapshot_restore *snapshot_restore_start(struct transfers *transfers, bool force, uint64_t number,
    uint64_t deadline_ms, const struct snapshot_restore_ops *ops, void *arg);

/* The next n bytes. They are taken in any case; what comes after room(false) should be little. */
void snapshot_restore_data(struct snapshot_restore *restore, const void *p, size_t n);

/* That was all. */
void snapshot_restore_end(struct snapshot_restore *restore);

/*
 * The caller has gone. Before snapshot_restore_end this ends the restore, done will not run: false. From then on
 * it goes its way: true, and done runs.
 */
bool snapshot_restore_abandon(struct snapshot_restore *restore);

#endif
