/*
 * read: one read of a secret at OpenBao, from the token that it is sent with to the answer.
 *
 * It waits for a login, for a slot, and for the mount guard. Then any node's word will do where it is new enough:
 * no older than what was written through this daemon in the last minute (versions.h), nor than the caller wants
 * it. Else the leader's counts, who must say after the read that it still leads; without a leader it is asked
 * again until the deadline. Where somebody else may have written, or a write's outcome is unknown, only the
 * leader's word counts. What may be tried again is, within the deadline.
 */
#ifndef READ_H
#define READ_H

#include "daemon/store/flights.h"
#include "daemon/store/store.h"
#include "daemon/upstream/classify.h"

struct read;

struct read_ops {
	/*
	 * It is about to be sent, or to fail: whoever comes from now on needs another read. May run more than
	 * once, and from within read_begin().
	 */
	void (*sent)(void *arg);
	/*
	 * The answer: VERDICT_OK, or why there is none. Once, from the loop; the read is gone afterwards. sent_ms:
	 * when it was sent last.
	 */
	void (*done)(void *arg, const struct answer *answer, uint64_t sent_ms);
};

struct read_options {
	struct flight_key key; /* what is read. Its name is held */
	uint64_t caller;       /* as of kv_get() */
	uint64_t deadline_ms;
	uint64_t number; /* the request it is made for, for the log */
};

/* ops is borrowed. NULL: no memory. */
struct read *read_begin(struct store *store, const struct read_options *options, const struct read_ops *ops,
    void *arg);

/* The caller's request that it was begun for. */
uint64_t read_number(const struct read *read);

/*
 * Another caller waits for it: the first slot that one of them gets is the read's. While it is not sent the latest
 * deadline is its own; 0: that has not to do with it.
 */
void read_share(struct read *read, uint64_t caller, uint64_t deadline_ms);

/* What it would fail with if its time were over now; for a caller whose time is, while the read has more. */
void read_overdue(const struct read *read, struct failure *ret);

/* Ends it; done does not run. */
void read_cancel(struct read *read);

/* All that are under way fail, from the loop. */
void reads_stop(struct store *store, const struct failure *why);

#endif
