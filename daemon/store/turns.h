/*
 * turns: whose request goes upstream next. There are only so many places; callers get them by turns, and where there is
 * more than one caller none gets all of them, so that one with many requests never holds up another with one.
 */
#ifndef TURNS_H
#define TURNS_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct turn; /* one request's, from its asking to its end */
struct turns;

/* NULL: no memory. All turns must have ended before turns_free(). */
struct turns *turns_new(struct event_base *base, unsigned places);
void turns_free(struct turns *turns);

/*
 * Asks for a place for a request of that caller. If turn_has_come() says so at once, come does not run; else it runs once,
 * from the loop, when there is a place, unless turn_end() was first. NULL: no memory.
 */
struct turn *turns_ask(struct turns *turns, uint64_t caller, void (*come)(void *arg), void *arg);
bool turn_has_come(const struct turn *turn);

/* The place is free again; or is not waited for any more. */
void turn_end(struct turn *turn);

#endif
