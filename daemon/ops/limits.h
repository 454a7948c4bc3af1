/*
 * limits: how much a connection, and all connections of a user, may have of requests, bytes and time. callers/
 * enforces these limits, and ping tells some of them to the callers.
 */
#ifndef OPS_LIMITS_H
#define OPS_LIMITS_H

#include <stdint.h>

struct call_limits {
	uint64_t request_bytes; /* the largest request frame */
	uint64_t requests;      /* under way on one connection: at the limit it is not read */
	uint64_t
	    requests_per_uid;  /* under way on all of a user's connections: at the limit requests are refused */
	uint64_t output_bytes; /* waiting to be written: above the limit the connection is not read */
	/* held in requests and replies on a user's connections: at the limit these are refused */
	uint64_t bytes_per_uid;
	uint64_t frame_timeout_ms; /* from a frame's first byte to its last */
	uint64_t idle_timeout_ms;  /* without a request under way or begun; 0: no limit */
};

#endif
