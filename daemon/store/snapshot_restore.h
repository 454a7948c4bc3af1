/*
 * snapshot_restore: takes a raft snapshot from a caller to OpenBao's leader, in constant memory. OpenBao applies a
 * snapshot once it has read the end of it, even if the request breaks off then. So the last SNAPSHOT_HOLD_BACK
 * bytes are sent only when all bytes have come, the snapshot was found whole, and the node has said that it still
 * leads.
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

/*
 * None of these functions runs from within the functions below, except room, which may run from within
 * snapshot_restore_data().
 */
struct snapshot_restore_ops {
	/* The leader is found: the caller may send its data. */
	void (*begin)(void *arg);
	/* Tells when there is no room for more data, and when there is again. */
	void (*room)(void *arg, bool room);
	/*
	 * Runs once, unless the restore is abandoned. why is NULL if OpenBao has taken the snapshot; result then
	 * says what it did with it. Otherwise nothing was restored, unless the code is CODE_UNKNOWN_OUTCOME.
	 */
	void (*done)(void *arg, const struct failure *why, const struct snapshot_restore_result *result);
};

/*
 * Starts a restore. number is the caller's request, for the log; deadline_ms may be CLOCK_NEVER. ops is borrowed.
 * Returns NULL if there is no memory; then none of ops runs.
 */
struct snapshot_restore *snapshot_restore_start(struct transfers *transfers, bool force, uint64_t number,
    uint64_t deadline_ms, const struct snapshot_restore_ops *ops, void *arg);

/* Passes the next n bytes on. They are always taken; after room(false) little more should come. */
void snapshot_restore_data(struct snapshot_restore *restore, const void *p, size_t n);

/* The caller's data has come to its end. */
void snapshot_restore_end(struct snapshot_restore *restore);

/*
 * The caller has gone. Before snapshot_restore_end() this ends and frees the restore and returns false: done will
 * not run. After it the restore goes on and true is returned: done runs.
 */
bool snapshot_restore_abandon(struct snapshot_restore *restore);

#endif
