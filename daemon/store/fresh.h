/*
 * fresh: reads of secrets that never fall behind what this daemon has written, and the writes. A read takes any node's
 * word where it is new enough, else the leader's, which must say after the read that it still leads; without a leader it
 * asks again until the deadline. Where somebody else may have written, or a write's outcome is unknown, only the leader's
 * word counts.
 */
#ifndef FRESH_H
#define FRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream/api.h"

struct event_base;
struct fresh;
struct fresh_call;
struct fresh_put;
struct leader;
struct versions;

/* All borrowed; versions may be shared with others that work for the same secrets. NULL: no memory. */
struct fresh *fresh_new(struct event_base *base, struct api *api, struct leader *leader, struct versions *versions);

/* Ends all reads and writes; no callback runs. */
void fresh_free(struct fresh *fresh);

/*
 * Reads a secret. version 0: the latest, then not older than min_version either. done gets the answer as of
 * api_kv_get, once, from the loop; CODE_UNAVAILABLE if no answer was new enough by the deadline. NULL: no memory.
 * Strings are copied.
 */
struct fresh_call *fresh_get(struct fresh *fresh, const char *token, const char *mount, const char *path,
    uint64_t version, uint64_t min_version, uint64_t deadline_ms, api_answer *done, void *arg);
void fresh_cancel(struct fresh_call *call);

/*
 * For one whose time is over, while the read itself has more: whether it is not OpenBao's silence that keeps it but that
 * no answer was new enough so far; then why is set.
 */
bool fresh_overdue(const struct fresh_call *call, struct failure *why);

struct fresh_write {
	const char *mount, *path;
	const char *data; /* the object, sent byte for byte */
	size_t data_len;
	const uint64_t *cas; /* NULL: unconditional */
};

/*
 * Writes a secret, at the leader. A standby passes writes on, but holds a check-and-set against its own old state first
 * and so calls the version just written a mismatch; and while the leader is lost it answers 307, which may be said of a
 * write that was done (both observed with OpenBao 2.7.2). So once a leader was found, writes go to no other node: while
 * there is none the answer is VERDICT_AGAIN, nothing written. Where none ever was found any node gets them.
 *
 * A mismatch counts only if the node that found it says afterwards that it leads. done gets the answer as of api_kv_put,
 * once, from the loop. NULL: no memory. What write points to must last until then, but for the struct itself.
 */
struct fresh_put *fresh_put(struct fresh *fresh, const char *token, const struct fresh_write *write,
    uint64_t deadline_ms, api_answer *done, void *arg);
void fresh_put_cancel(struct fresh_put *put);

/* Whether something of it may have been sent that may yet be done. */
bool fresh_put_sent(const struct fresh_put *put);

/* What OpenBao stores was replaced: versions begin where the snapshot's do. */
void fresh_forget(struct fresh *fresh);

#endif
