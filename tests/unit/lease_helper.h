/*
 * lease_helper: lease machines in the states that tests start from, with a clock that the test sets and chance
 * that always gives the lowest, the middle or the highest number.
 */
#ifndef LEASE_HELPER_H
#define LEASE_HELPER_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream/lease.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define START (5 * MINUTE) /* a machine that was booted a while ago */

enum chance { LOWEST, MIDDLE, HIGHEST };
extern enum chance lease_helper_chance;

/* The states that the machines made last have entered, in order. */
extern enum lease_state lease_helper_seen[64];
extern size_t lease_helper_nseen;

struct lease lease_helper_fresh(enum chance how);

/* A machine whose first login was handed out at START. */
struct lease lease_helper_logging_in(enum chance how);

/* A machine whose first login succeeded at START, in no time. */
struct lease lease_helper_serving(enum chance how, uint64_t lease_ms, bool renewable);

/*
 * A machine with a lease of 90 s, of which the renewal at two thirds leaves 30 s, so that a login is under way.
 * *now becomes the time of that.
 */
struct lease lease_helper_near_max(enum chance how, uint64_t *now);

/* Sets *now to the next time at which something is due, and returns what is due. */
enum lease_action lease_helper_next(struct lease *l, uint64_t *now);

#endif
