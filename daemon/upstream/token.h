/*
 * token: client tokens in wiped memory, with counted references. When the last reference to one goes it is
 * revoked, unless it has ended already or no login made it.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/drain.h"

struct api;
struct token;

/* All that are referred to, and the revocations under way. */
TAILQ_HEAD(token_list, token);
TAILQ_HEAD(token_revocations, token_revocation);
struct tokens {
	struct event_base *base;
	struct api *api;
	struct token_list list;
	struct token_revocations revocations;
	struct drain drain;
};

/* base and api are borrowed. */
void token_init_all(struct tokens *tokens, struct event_base *base, struct api *api);

/*
 * Ends revocations under way. A token that is still referred to then belongs to nobody, and is wiped with its last
 * reference.
 */
void token_free_all(struct tokens *tokens);

/*
 * From now on none is revoked with its last reference. With revoke those that have not ended are revoked at once,
 * within budget_ms each.
 */
void token_end_all(struct tokens *tokens, bool revoke, uint64_t budget_ms);

/* done runs once, from the loop, when no revocation is under way any more, and after budget_ms at the latest. */
void token_drain_all(struct tokens *tokens, uint64_t budget_ms, void (*done)(void *arg), void *arg);

/* One reference for the caller. borrowed: no login made it, and it is never revoked. NULL: no memory. */
struct token *token_new(struct tokens *tokens, const char *text, bool borrowed);
struct token *token_ref(struct token *token);
const char *token_text(const struct token *token);

/* Says that the token has ended, or that OpenBao does not know it any more. */
void token_set_dead(struct token *token);

/* Gives a reference back. */
void token_release(struct token *token);

#endif
