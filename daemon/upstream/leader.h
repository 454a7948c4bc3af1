/*
 * leader: finds out which node of the cluster leads, by asking the nodes themselves (sys/leader), and remembers it
 * until that proves wrong. A configured address whose node says that it leads is preferred to an address that
 * another node names.
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

/* addresses, "https://host:port", at least one, and api are borrowed. NULL: no memory. */
struct leader *leader_new(struct api *api, char *const *addresses, size_t count);

/*
 * Ends all searches and frees; no callback runs. Calls that leader_confirm has given must have ended before. NULL:
 * does nothing.
 */
void leader_free(struct leader *leader);

/* Gives the leader's address; NULL: it is not known right now. Valid until the loop goes on. */
const char *leader_known(const struct leader *leader);

/*
 * Tells whether a leader was ever found. If not, perhaps none ever will be: behind a load balancer that hides the
 * nodes no leader can be reached from here.
 */
bool leader_was_found(const struct leader *leader);

/*
 * Tells the end of a search: runs once, from the loop. node is the address of the node that said of itself that it
 * leads, valid until the callback returns; NULL: no leader can be reached from here.
 */
typedef void leader_found(void *arg, const char *node);

/*
 * Searches for the leader: asks all nodes at once. Whoever searches at the same time shares one search, which
 * takes at most 6 s. NULL: no memory.
 */
struct leader_wait *leader_find(struct leader *leader, leader_found *found, void *arg);

/* Ends the wait: its found does not run. The search goes on. */
void leader_cancel(struct leader_wait *wait);

/* Tells that this node does not lead (any more), or does not answer: if it is the known leader it is forgotten. */
void leader_wrong(struct leader *leader, const char *node);

/*
 * Tells whether the node leads: runs once, from the loop. leads: the node said so; if not, leader_wrong() has been
 * called. active_time tells since when it leads, as OpenBao writes it, valid until the callback returns; NULL: the
 * node does not say, or does not lead.
 */
typedef void leader_confirmed(void *arg, bool leads, const char *active_time);

/*
 * Asks node whether it leads; that takes 3 s at most, and ends by deadline_ms. Gives the call, which http_cancel
 * ends. node is borrowed until done runs or the call is cancelled. number: the caller's request behind it, for the
 * log; 0: none. NULL: no memory, and done does not run.
 */
struct http_call *leader_confirm(struct leader *leader, const char *node, uint64_t deadline_ms, uint64_t number,
    leader_confirmed *done, void *arg);

#endif
