/*
 * Answers to gets ('g'), puts ('p'), the mount guard ('m') and snapshots ('s', 'r'): what is taken lies within the
 * body and is JSON of its type, and a write counts as not done only with a status that allows it.
 */
#include <stdbool.h>

#include "daemon/upstream/classify.h"
#include "tests/fuzz/fuzz_answer.h"

static void check_span(struct jspan span, const struct http_reply *reply, unsigned types)
{
	struct jspan again;
	struct jscan s;

	if (span.len == 0)
		return;
	HOLDS(span.p >= reply->body && span.p + span.len <= reply->body + reply->body_len);
	HOLDS((types & 1u << span.type) != 0);
	jscan_init(&s, span.p, span.len);
	HOLDS(jscan_value(&s, JSCAN_DEPTH_MAX, &again) == 0 && jscan_end(&s) == 0 && again.len == span.len);
}

/* Something in front of OpenBao answered. */
static bool is_foreign(const struct answer *a)
{
	return a->verdict != VERDICT_OK && a->failure.status == 0;
}

static void check_answer(const struct answer *a, const struct http_reply *reply, bool is_get)
{
	if (a->verdict == VERDICT_OK) {
		HOLDS(reply->status / 100 == 2 && !a->odd && !a->unreachable);
		check_span(a->data, reply, 1u << JSON_OBJECT);
		check_span(a->metadata, reply, 1u << JSON_OBJECT | 1u << JSON_NULL);
		check_span(a->created_time, reply, 1u << JSON_STRING);
		HOLDS(!is_get || (a->version > 0 && a->data.len > 0));
		return;
	}
	/* What is not OpenBao's own answer has no status, and denies nothing. */
	HOLDS(a->failure.code != CODE_NONE && (a->failure.status == reply->status || is_foreign(a)));
	HOLDS(
	    memchr(a->failure.message, '\0', sizeof(a->failure.message)) != NULL && a->failure.message[0] != '\0');
	HOLDS(a->data.len == 0);
	HOLDS((a->verdict == VERDICT_DENIED) == (reply->status == 403 && a->failure.status != 0));
	HOLDS((a->verdict == VERDICT_AGAIN) == (a->again_ms > 0));
	HOLDS(!a->failure.deleted || (a->failure.code == CODE_NOT_FOUND && reply->status == 404));
}

static void check_put(const struct answer *a, int status)
{
	static const int may_be_not_done[] = { 400, 403, 404, 405, 413, 429, 500, 503 };
	bool known = a->verdict == VERDICT_OK;

	HOLDS(a->verdict != VERDICT_OK || (a->version > 0 && a->data.len == 0));
	for (size_t i = 0; i < sizeof(may_be_not_done) / sizeof(may_be_not_done[0]); i++)
		known |= status == may_be_not_done[i];
	HOLDS(known || (a->verdict == VERDICT_FAILED && a->failure.code == CODE_UNKNOWN_OUTCOME));
	HOLDS(a->failure.code != CODE_CAS_MISMATCH || (status == 400 && a->verdict == VERDICT_FAILED));
}

static void check_snapshot(const struct answer *a, int status)
{
	HOLDS((a->verdict == VERDICT_OK) == (status / 100 == 2 && !is_foreign(a)));
	HOLDS(a->version == 0 && a->data.len == 0);
	HOLDS(a->failure.code != CODE_UNKNOWN_OUTCOME || status < 300 || status >= 500 || is_foreign(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reply reply;
	struct answer answer;
	bool is_get = false;
	char asked;

	if (fuzz_answer(data, size, &asked, &reply) < 0)
		return 0;
	memset(&answer, 0x55, sizeof(answer));
	if (asked == 'p') {
		classify_put(&reply, &answer);
		check_put(&answer, reply.status);
	} else if (asked == 'm') {
		classify_mount(&reply, "secret", &answer);
		HOLDS(answer.version == 0 && answer.data.len == 0);
	} else if (asked == 's' || asked == 'r') {
		(asked == 's' ? classify_save : classify_restore)(&reply, &answer);
		check_snapshot(&answer, reply.status);
	} else {
		classify_get(&reply, &answer);
		is_get = true;
	}
	check_answer(&answer, &reply, is_get);
	fuzz_answer_free(&reply);
	return 0;
}
