/*
 * call: the requests that come over connections, as struct call of daemon/ops/call.h: who may have how many, from
 * when their time counts, and their replies, which go out in the order in which they are ready. What a request
 * means is the handler's business.
 */
#ifndef CALL_H
#define CALL_H

#include <stdint.h>
#include <sys/types.h>

#include "daemon/ops/call.h"
#include "daemon/ops/limits.h"
#include "proto/request.h"

struct calls; /* all connections, and the calls in flight on them */
struct event_base;

/*
 * Runs for every well-formed request, with deadline_ms on clock_now_ms(). It must see to it that call is ended
 * exactly once, now or later: call_fail or call_answer_end. request and its spans are valid until it returns.
 */
typedef void call_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

/* NULL: no memory. default_timeout_ms: for requests that name none. */
struct calls *calls_new(struct event_base *base, const struct call_limits *limits, uint64_t default_timeout_ms,
    call_request *request, void *request_arg);

/* From now on these limits count, for connections that there are, too. */
void calls_set_limits(struct calls *all, const struct call_limits *limits, uint64_t default_timeout_ms);

/* Ends all connections at once, abandoning their calls, and frees. */
void calls_free(struct calls *all);

/* Takes over a connected, non-blocking socket and the peer. -1: no memory; both stay the caller's. */
int calls_connect(struct calls *all, int fd, struct peer *peer);

/* No more requests are read; each connection ends when its calls are answered and written. */
void calls_finish(struct calls *all);

/* How many connections there are, and how many of one user; how many calls are in flight over all of them. */
uint64_t calls_connections(const struct calls *all);
uint64_t calls_connections_of(struct calls *all, uid_t uid);
uint64_t calls_in_flight(const struct calls *all);

#endif
