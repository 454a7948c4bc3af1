/*
 * serve: what the small servers of the benchmark have in common: a loop, and a Unix socket that accepts
 * connections.
 */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

struct event_base;

/*
 * Listens at path, calls accepted() with each new connection, which is non-blocking, and returns when the loop
 * ends.
 */
void serve(struct event_base *base, const char *path, void (*accepted)(int fd));

#endif
