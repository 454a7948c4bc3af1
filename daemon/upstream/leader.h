/*
 * leader: which node of the cluster leads. Asked of the nodes themselves (sys/leader), remembered until it proves
 * wrong. A configured address whose own answer says that it leads is preferred to one that another node names.
 */
#ifndef LEADER_H
#define LEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api;
struct http_call;
struct leader;
struct leader_wait;

/*
 * addresses are borrowed, "https://host:port", at least one. NULL: no memory. Freeing ends all searches, and no
 * callback runs; who asked for a confirmation must have ended it before.
 */
struct leader *leader_new(struct api *api, char *const *addresses, size_t count);
void leader_free(struct leader *leader);

/* The leader's address, as far as it is known right now; NULL if it is not. Valid until the loop goes on. */
const char *leader_known(const struct leader *leader);

/*
 * Tells whether a leader was ever found. If not, that need not change: behind a load balancer that hides the nodes
 * there is none to be reached from here.
 */
bool leader_was_found(const struct leader *leader);

/*
 * Runs once, from the loop. node: the leader's address, which said of itself that it leads; NULL: none can be
 * reached from here. Valid until it returns.
 */
typedef void leader_found(void *arg, const char *node);

/* Asks all nodes at once; searches at the same time become one. NULL: no memory. */
struct leader_wait *leader_find(struct leader *leader, leader_found *found, void *arg);
void leader_cancel(struct leader_wait *wait);

/* To be told when that node does not lead (any more), or does not answer. */
void leader_wrong(struct leader *leader, const char *node);

/*
 * Runs once, from the loop. leads: node said that it leads; else leader_wrong() has been done. active_time: since
 * when it leads, as OpenBao writes it, valid until it returns; NULL: it does not say, or does not lead.
 */
typedef void leader_confirmed(void *arg, bool leads, const char *active_time);

/*
 * Asks node whether it leads, within 3 s and the deadline. node is borrowed until done runs or the call, which it
 * gives, is ended with http_cancel. number: the caller's request behind it. NULL: no memory.
 */
struct http_call *leader_confirm(struct leader *leader, const char *node, uint64_t deadline_ms, uint64_t number,
    leader_confirmed *done, void *arg);

#endif
