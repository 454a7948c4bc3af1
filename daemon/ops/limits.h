/*
 * limits: what a connection, and all connections of a user, may have of requests, bytes and time. Whoever hears
 * the callers holds to it, and ping tells it to them.
 */
#ifndef OPS_LIMITS_H
#define OPS_LIMITS_H

#include <stdint.h>

struct call_limits {
	uint64_t request_bytes;    /* largest request frame */
	uint64_t requests;         /* in flight per connection: at it, the connection is not read */
	uint64_t requests_per_uid; /* in flight over all of a user's connections: at it, requests are refused */
	uint64_t output_bytes;     /* waiting to be written: above it, the connection is not read */
	/* of requests and replies that a user's connections hold: at it, they are refused */
	uint64_t bytes_per_uid;
	uint64_t frame_timeout_ms; /* from a frame's first byte to its last */
	uint64_t idle_timeout_ms;  /* nothing in flight and nothing begun; 0: no limit */
};

#endif
