/*
 * call: the calls that wait. Each submits one request and runs the handle's loop until the request is answered.
 */
#include <stdio.h>
#include <string.h>

#include "base/secmem.h"
#include "client-lib/client.h"

struct answer {
	bool done;
	int code;
	uint64_t version;
	struct ss_secret *secret;
	struct ss_ping ping;
	char *json;
	size_t json_len;
};

/* A secret and its texts are one block, so that freeing it wipes everything. */
struct secret_block {
	struct ss_secret secret;
	char text[];
};

static char *append_text(char **end, const char *text, size_t len)
{
	char *at = *end;

	memcpy(at, text, len);
	at[len] = '\0';
	*end = at + len + 1;
	return at;
}

static struct ss_secret *copy_secret(const struct ss_secret *secret)
{
	size_t time_len = strlen(secret->created_time);
	struct secret_block *block;
	char *end;

	block = secmem_malloc(sizeof(*block) + secret->data_len + secret->metadata_len + time_len + 3);
	if (block == NULL)
		return NULL;
	end = block->text;
	block->secret = *secret;
	block->secret.data = append_text(&end, secret->data, secret->data_len);
	block->secret.metadata = append_text(&end, secret->metadata, secret->metadata_len);
	block->secret.created_time = append_text(&end, secret->created_time, time_len);
	return &block->secret;
}

static void take_outcome(struct ss_client *c, struct answer *answer, const struct ss_result *result)
{
	answer->done = true;
	answer->code = result->code;
	client_set_error(c, result->error);
}

static void on_get(struct ss_client *c, const struct ss_result *result, void *arg)
{
	struct answer *answer = arg;

	take_outcome(c, answer, result);
	if (result->code != SS_OK)
		return;
	answer->secret = copy_secret(result->secret);
	if (answer->secret == NULL)
		answer->code = client_fail(c, SS_NO_MEMORY, "out of memory for the secret");
}

static void on_put(struct ss_client *c, const struct ss_result *result, void *arg)
{
	struct answer *answer = arg;

	take_outcome(c, answer, result);
	if (result->code == SS_OK)
		answer->version = result->secret->version;
}

static void on_ping(struct ss_client *c, const struct ss_result *result, void *arg)
{
	struct answer *answer = arg;

	take_outcome(c, answer, result);
	if (result->code == SS_OK)
		answer->ping = *result->ping;
}

static void on_status(struct ss_client *c, const struct ss_result *result, void *arg)
{
	struct answer *answer = arg;

	take_outcome(c, answer, result);
	if (result->code != SS_OK)
		return;
	answer->json = secmem_strndup(result->reply, result->reply_len);
	answer->json_len = result->reply_len;
	if (answer->json == NULL)
		answer->code = client_fail(c, SS_NO_MEMORY, "out of memory for the status");
}

static void on_probe(struct ss_client *c, const struct ss_result *result, void *arg)
{
	take_outcome(c, arg, result);
}

/*
 * Waits for the answer to what was submitted. The callback of another request may close the handle meanwhile, so
 * the handle must not be used afterwards.
 */
static int wait_for_answer(struct ss_client *c, struct answer *answer, int submitted)
{
	if (submitted != SS_OK)
		return submitted;
	client_step(c, false);
	while (!answer->done)
		client_wait(c);
	return answer->code;
}

int ss_get(struct ss_client *c, const char *mount, const char *path, uint64_t version, uint32_t timeout_ms,
    struct ss_secret **ret_secret)
{
	struct answer answer = { .done = false };
	int code = client_may_wait(c);

	if (code != SS_OK)
		return code;
	code = wait_for_answer(c, &answer, ss_submit_get(c, mount, path, version, timeout_ms, on_get, &answer));
	if (code == SS_OK)
		*ret_secret = answer.secret;
	return code;
}

int ss_put(struct ss_client *c, const char *mount, const char *path, const char *json, size_t json_len,
    const uint64_t *cas, uint32_t timeout_ms, uint64_t *ret_version)
{
	struct answer answer = { .done = false };
	int code = client_may_wait(c);

	if (code != SS_OK)
		return code;
	code = wait_for_answer(c, &answer,
	    ss_submit_put(c, mount, path, json, json_len, cas, timeout_ms, on_put, &answer));
	if (code == SS_OK && ret_version != NULL)
		*ret_version = answer.version;
	return code;
}

int ss_ping(struct ss_client *c, uint32_t timeout_ms, struct ss_ping *ret_ping)
{
	struct answer answer = { .done = false };
	int code = client_may_wait(c);

	if (code != SS_OK)
		return code;
	code = wait_for_answer(c, &answer, ss_submit_ping(c, timeout_ms, on_ping, &answer));
	if (code == SS_OK && ret_ping != NULL)
		*ret_ping = answer.ping;
	return code;
}

int ss_status(struct ss_client *c, uint32_t timeout_ms, char **ret_json, size_t *ret_len)
{
	struct answer answer = { .done = false };
	int code = client_may_wait(c);

	if (code != SS_OK)
		return code;
	code = wait_for_answer(c, &answer, ss_submit_status(c, timeout_ms, on_status, &answer));
	if (code != SS_OK)
		return code;
	*ret_json = answer.json;
	if (ret_len != NULL)
		*ret_len = answer.json_len;
	return SS_OK;
}

int ss_probe(struct ss_client *c, uint32_t timeout_ms)
{
	struct answer answer = { .done = false };
	int code = client_may_wait(c);

	if (code != SS_OK)
		return code;
	return wait_for_answer(c, &answer, ss_submit_probe(c, timeout_ms, on_probe, &answer));
}

void ss_secret_free(struct ss_secret *secret)
{
	secmem_free(secret); /* the secret is the first member of its block */
}

void ss_free(void *p)
{
	secmem_free(p);
}
