/*
 * token: client tokens in memory that is wiped, with counted references. A token is revoked when its last
 * reference is released, unless it has ended already, no login made it, or it is a batch token.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/drain.h"

struct api;
struct token;

/* Holds all tokens that are referred to, and the revocations under way. */
TAILQ_HEAD(token_list, token);
TAILQ_HEAD(token_revocations, token_revocation);
struct tokens {
	struct event_base *base;
	struct api *api;
	struct token_list list;
	struct token_revocations revocations;
	struct drain drain;
};

/* Initialises tokens. base and api are borrowed. */
void token_init_all(struct tokens *tokens, struct event_base *base, struct api *api);

/*
 * Cancels revocations under way. Tokens that are still referred to are wiped when their last reference is
 * released, and not revoked.
 */
void token_free_all(struct tokens *tokens);

/*
 * Ends all tokens: none is revoked any more when its last reference is released. revoke: those that have not ended
 * are revoked now; each revocation is given up after budget_ms.
 */
void token_end_all(struct tokens *tokens, bool revoke, uint64_t budget_ms);

/* done runs once, from the loop, when no revocation is under way any more, and after budget_ms at the latest. */
void token_drain_all(struct tokens *tokens, uint64_t budget_ms, void (*done)(void *arg), void *arg);

/*
 * Makes a token with one reference for the caller; text is copied. irrevocable: it is never revoked, since
 * no login made it or OpenBao cannot. NULL: no memory.
 */
struct token *token_new(struct tokens *tokens, const char *text, bool irrevocable);

/* Takes another reference; gives token. */
struct token *token_ref(struct token *token);
const char *token_text(const struct token *token);

/* Tells that the token has ended, or that OpenBao does not know it any more: it is not revoked. */
void token_set_dead(struct token *token);

/* Releases a reference. With the last one the token is revoked (see above), wiped and freed. */
void token_release(struct token *token);

#endif
