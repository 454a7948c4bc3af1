/*
 * token: holds all tokens that are referred to in one list, and the revocations under way in another.
 */
#include "daemon/upstream/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"

#define REVOKE_MS 5000

struct token {
	TAILQ_ENTRY(token) link;
	struct tokens *tokens; /* NULL: token_free_all() was called */
	unsigned references;
	bool dead; /* it has ended, OpenBao does not know it, or its revocation was begun by token_end_all() */
	bool irrevocable;
	char text[];
};

struct token_revocation {
	TAILQ_ENTRY(token_revocation) link;
	struct tokens *tokens;
	struct http_call *call;
};

struct token *token_new(struct tokens *tokens, const char *text, bool irrevocable)
{
	size_t size = strlen(text) + 1;
	struct token *token = secmem_malloc(sizeof(*token) + size);

	if (token == NULL)
		return NULL;
	token->tokens = tokens;
	token->references = 1;
	token->dead = false;
	token->irrevocable = irrevocable;
	memcpy(token->text, text, size);
	TAILQ_INSERT_TAIL(&tokens->list, token, link);
	return token;
}

struct token *token_ref(struct token *token)
{
	token->references++;
	return token;
}

const char *token_text(const struct token *token)
{
	return token->text;
}

void token_set_dead(struct token *token)
{
	token->dead = true;
}

static void revocation_free(struct token_revocation *revocation)
{
	TAILQ_REMOVE(&revocation->tokens->revocations, revocation, link);
	free(revocation);
}

/* Ends a revocation. One that failed is not tried again, since the token ends with its lease. */
static void on_token_revoked(void *arg, const struct control *control)
{
	struct token_revocation *revocation = arg;
	struct tokens *tokens = revocation->tokens;

	revocation_free(revocation);
	if (control->result != CONTROL_OK && control->result != CONTROL_DENIED)
		log_info("a token could not be revoked and will live until its lease ends: %s", control->reason);
	drain_check(&tokens->drain, TAILQ_EMPTY(&tokens->revocations));
}

static void token_revoke(struct token *token, uint64_t budget_ms)
{
	const struct api_request request = { .token = token->text, .deadline_ms = clock_now_ms() + budget_ms };
	struct token_revocation *revocation;

	if (token->dead || token->irrevocable)
		return;
	revocation = calloc(1, sizeof(*revocation));
	if (revocation == NULL)
		return;
	revocation->tokens = token->tokens;
	revocation->call = api_ask_control(token->tokens->api, API_REVOKE_SELF, &request, on_token_revoked,
	    revocation);
	if (revocation->call == NULL)
		free(revocation);
	else
		TAILQ_INSERT_TAIL(&token->tokens->revocations, revocation, link);
}

void token_release(struct token *token)
{
	if (--token->references > 0)
		return;
	if (token->tokens != NULL) {
		token_revoke(token, REVOKE_MS);
		TAILQ_REMOVE(&token->tokens->list, token, link);
	}
	secmem_free(token);
}

void token_init_all(struct tokens *tokens, struct event_base *base, struct api *api)
{
	memset(tokens, 0, sizeof(*tokens));
	tokens->base = base;
	tokens->api = api;
	TAILQ_INIT(&tokens->list);
	TAILQ_INIT(&tokens->revocations);
}

void token_end_all(struct tokens *tokens, bool revoke, uint64_t budget_ms)
{
	struct token *token;

	TAILQ_FOREACH(token, &tokens->list, link) {
		if (revoke)
			token_revoke(token, budget_ms);
		token->dead = true;
	}
}

void token_drain_all(struct tokens *tokens, uint64_t budget_ms, void (*done)(void *arg), void *arg)
{
	drain_begin(&tokens->drain, tokens->base, budget_ms, done, arg);
	drain_check(&tokens->drain, TAILQ_EMPTY(&tokens->revocations));
}

void token_free_all(struct tokens *tokens)
{
	struct token_revocation *revocation;
	struct token *token;

	while ((revocation = TAILQ_FIRST(&tokens->revocations)) != NULL) {
		http_cancel(revocation->call);
		revocation_free(revocation);
	}
	while ((token = TAILQ_FIRST(&tokens->list)) != NULL) {
		TAILQ_REMOVE(&tokens->list, token, link);
		token->tokens = NULL;
	}
	drain_end(&tokens->drain);
}
