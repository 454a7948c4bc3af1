/*
 * snapshot_watch: what a node does with a snapshot that it has taken to restore. OpenBao says that it has taken it
 * before it begins to apply it, so that only looking tells.
 */
#ifndef SNAPSHOT_WATCH_H
#define SNAPSHOT_WATCH_H

#include <stdint.h>

struct api;
struct event_base;
struct snapshot_watch;

enum snapshot_watch_end {
	RESTORED_APPLIED, /* it has become active anew */
	RESTORED_SEALED,
	RESTORED_WAITING /* neither, so far */
};

/* "applied", "sealed", "waiting" */
const char *snapshot_watch_end_name(enum snapshot_watch_end end);

/* Runs once, from the loop. The watch is gone then. */
typedef void snapshot_watch_done(void *arg, enum snapshot_watch_end end);

struct snapshot_watch_options {
	const char *node;
	const char *active_time; /* since when the node led before, as sys/leader said; NULL if it did not */
	uint64_t until_ms;
	uint64_t number; /* the caller's request, for the log */
};

/*
 * Asks the node for its health and who leads until it has come to an end of it, or until_ms. NULL: no memory.
 * Strings are copied.
 */
struct snapshot_watch *snapshot_watch_start(struct event_base *base, struct api *api,
    const struct snapshot_watch_options *options, snapshot_watch_done *done, void *arg);
void snapshot_watch_cancel(struct snapshot_watch *watch);

#endif
