/*
 * call_fixture: a connection over a socket pair, and its caller's end of it.
 */
#ifndef CALL_FIXTURE_H
#define CALL_FIXTURE_H

#include "daemon/callers/call.h"
#include "proto/frame.h"

struct bench {
	struct event_base *base;
	struct calls *all;
	int fd; /* the caller's end; -1: closed by the test */
};

/* Makes the connection. limits may be NULL, which stands for small limits. */
void bench_start(struct bench *b, const struct call_limits *limits, call_request *request, void *arg);
void bench_stop(struct bench *b);

/* Says whether all connections have gone. bench_until_gone waits until they have. */
bool bench_gone(const struct bench *b);
void bench_until_gone(struct bench *b);

/* Makes another connection, of a caller with that uid. Returns the caller's end, which the test closes. */
int bench_another(struct bench *b, uid_t uid);

/* Lets the loop run for a moment. */
void bench_turn(struct bench *b);

void bench_send(struct bench *b, const void *p, size_t n);
void bench_send_frame(struct bench *b, enum frame_kind kind, const char *body);
void bench_read(struct bench *b, char *to, size_t n);

/* Returns the next frame's body, in a static buffer. */
const char *bench_next(struct bench *b);

void bench_expect_close(struct bench *b);
void bench_expect_nothing(struct bench *b);

#endif
