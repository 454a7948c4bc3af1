/*
 * snapshot_watch: finds out what a node does with a snapshot that it has taken to restore. OpenBao answers the
 * restore before it begins to apply the snapshot, so that its outcome has to be watched for.
 */
#ifndef SNAPSHOT_WATCH_H
#define SNAPSHOT_WATCH_H

#include <stdint.h>

struct api;
struct event_base;
struct snapshot_watch;

enum snapshot_watch_end {
	RESTORED_APPLIED, /* the node has become active anew */
	RESTORED_SEALED,
	RESTORED_WAITING /* neither was seen in time */
};

/* Gives "applied", "sealed" or "waiting". */
const char *snapshot_watch_end_name(enum snapshot_watch_end end);

/* Runs once, from the loop. The watch is freed by then. */
typedef void snapshot_watch_done(void *arg, enum snapshot_watch_end end);

struct snapshot_watch_options {
	const char *node;
	const char *active_time; /* since when the node led before, as sys/leader said; NULL if it did not say */
	uint64_t until_ms;
	uint64_t number; /* the caller's request, for the log */
};

/*
 * Asks the node again and again for its health and whether it leads, until either tells the outcome or until_ms
 * has passed. Strings are copied. Returns NULL if there is no memory; then done does not run.
 */
struct snapshot_watch *snapshot_watch_start(struct event_base *base, struct api *api,
    const struct snapshot_watch_options *options, snapshot_watch_done *done, void *arg);
void snapshot_watch_cancel(struct snapshot_watch *watch);

#endif
