/*
 * call: turns the requests that come over connections into calls, struct call of daemon/ops/call.h. It decides who
 * may have how many, counts their time, and sends their replies in the order in which they are ready. What a
 * request means is left to the handler.
 */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/ops/call.h"
#include "daemon/ops/limits.h"
#include "proto/request.h"

struct quotas;
struct calls; /* all connections with the calls that are in flight on them */
struct event_base;

/*
 * The handler, which runs for every well-formed request that is admitted, with deadline_ms on clock_now_ms() or
 * CLOCK_NEVER. It must end the call exactly once, now or later, by call_fail() or call_answer_end(). request and
 * its spans are valid until it returns.
 */
typedef void call_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

/*
 * base is borrowed, limits are copied. default_timeout_ms is for requests without a timeout_ms, streams aside.
 * NULL: no memory.
 */
struct calls *calls_new(struct event_base *base, const struct call_limits *limits, uint64_t default_timeout_ms,
    call_request *request, void *request_arg);

/* Replaces the limits, which then also hold for connections that exist already. */
void calls_set_limits(struct calls *calls, const struct call_limits *limits, uint64_t default_timeout_ms);

/* Ends all connections at once, abandons their calls, and frees. */
void calls_free(struct calls *calls);

/*
 * Serves a connected, non-blocking socket, which counts in the quota of user: the peer's uid, or QUOTA_STRANGERS.
 * 0: fd and what peer holds are taken over. -1: no memory, and both are still the caller's.
 */
int calls_connect(struct calls *calls, int fd, struct peer *peer, uid_t user);

/*
 * Ends the connection that has been idle longest, with no call in flight, no request begun and nothing to be
 * written. False: there is none.
 */
bool calls_end_idlest(struct calls *calls);

/* Has the loop's turn counted at its end, since work was charged in it. */
void calls_count_turn(struct calls *calls);

/* Gives the quotas, to which what is done for a caller before it has a connection is charged. */
struct quotas *calls_quotas(struct calls *calls);

/*
 * Takes the requests that have come, and no more: callers cannot write any more. The handler may run within this
 * call. Each connection ends when its calls are answered and the replies are written.
 */
void calls_finish(struct calls *calls);

/* These give the number of connections, and of calls in flight on all of them. */
uint64_t calls_connections(const struct calls *calls);
uint64_t calls_in_flight(const struct calls *calls);

#endif
