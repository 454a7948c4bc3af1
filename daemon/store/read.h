/*
 * read: one read of a secret at OpenBao, from the token that it is sent with to the answer.
 *
 * It waits for a login, for a slot, and for the mount guard. Then any node's answer will do if it is new enough:
 * no older than what was written through this daemon in the last minute (versions.h), nor than the caller wants.
 * Otherwise only the leader's answer counts, and the node must say after the read that it still leads; while there
 * is no leader the read looks for one until the deadline. The leader is asked at once where somebody else may have
 * written, or the outcome of a write is unknown. What may safely be tried again is, within the deadline.
 */
#ifndef READ_H
#define READ_H

#include "daemon/store/flights.h"
#include "daemon/store/store.h"
#include "daemon/upstream/classify.h"

struct read;

struct read_ops {
	/*
	 * The read is about to be sent, or to fail: whoever comes from now on needs another read. May run more
	 * than once, and from within read_begin().
	 */
	void (*sent)(void *arg);
	/*
	 * Runs once, from the loop, with the answer: VERDICT_OK, or a failure. The read is freed afterwards.
	 * sent_ms is when it was sent last, 0 if it was not.
	 */
	void (*done)(void *arg, const struct answer *answer, uint64_t sent_ms);
};

struct read_options {
	struct flight_key key; /* what is read; its name is held */
	uint64_t caller;       /* whose request it is, as in kv_get() */
	uint64_t deadline_ms;
	uint64_t number; /* the request that it is made for, for the log */
};

/* ops is borrowed. Returns NULL if there is no memory; then done does not run. */
struct read *read_begin(struct store *store, const struct read_options *options, const struct read_ops *ops,
    void *arg);

/* Gives the number of the request that the read was begun for. */
uint64_t read_number(const struct read *read);

/*
 * Another caller waits for the read, too: the read takes the first slot that any of its callers gets. deadline_ms
 * extends the read's deadline if it is later; 0 leaves the deadline as it is.
 */
void read_share(struct read *read, uint64_t caller, uint64_t deadline_ms);

/*
 * Gives the failure that the read would end with if its deadline were now. It is for a caller whose deadline has
 * come while the read has more time.
 */
void read_overdue(const struct read *read, struct failure *ret);

/* Ends and frees the read; done does not run. */
void read_cancel(struct read *read);

/*
 * The daemon stops, and store->stopping is set. reads_stop() has those reads fail of which nothing is under way at
 * OpenBao; so will each that comes to wait for something else, or begins, from then on. reads_end() has all fail.
 * The failure is to stay unsaid. done runs from the loop.
 */
void reads_stop(struct store *store);
void reads_end(struct store *store);

#endif
