/*
 * Tests of the ops, with a call of their own: who is denied, who is answered at once, and what is counted and
 * recorded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/access/rules.h"
#include "daemon/host/audit.h"
#include "daemon/ops/ops.h"
#include "proto/frame.h"
#include "tests/unit/login_helper.h"

#define PATIENCE_MS 60000

/* A call, and how it ended. */
struct heard {
	struct call call;
	unsigned ended;
	struct failure why; /* CODE_NONE: the call was answered with the reply in buf */
	struct buf buf;
};

struct bench {
	struct fakebao *bao;
	struct login *login;
	struct audit *audit;
	struct rules rules;
	struct rule rule;
	struct ops *ops;
	struct peer peer;
	char path[64];
};

static void heard_refuse(struct call *call, const struct failure *why)
{
	struct heard *heard = (struct heard *)call;

	heard->ended++;
	heard->why = *why;
}

static void heard_answer_begin(struct call *call, struct jwrite *w)
{
	jwrite_begin(w, &((struct heard *)call)->buf);
}

static void heard_answer_end(struct call *call, struct jwrite *w)
{
	struct heard *heard = (struct heard *)call;

	assert_int_equal(jwrite_end(w), 0);
	assert_int_equal(buf_put(&heard->buf, "", 1), 0);
	heard->ended++;
}

static const struct call_ops heard_ops = { .refuse = heard_refuse,
	.answer_begin = heard_answer_begin,
	.answer_end = heard_answer_end };

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	const struct audit_options options = { .level = AUDIT_ALL, .sink = AUDIT_FILE, .file = b->path };
	struct error error;
	void *bao;
	int fd;

	strcpy(b->path, "/tmp/test_ops.XXXXXX");
	fd = mkstemp(b->path);
	if (fd < 0)
		return -1;
	close(fd);
	if (fakebao_setup(&bao) != 0)
		return -1;
	b->bao = bao;
	b->login = login_helper_new(b->bao, false);
	b->audit = audit_new(b->bao->base, &options, &error);
	if (b->audit == NULL)
		return -1;
	const struct ops_parts parts = { .rules = &b->rules, .login = b->login, .audit = b->audit };
	b->ops = ops_new(&parts);
	b->peer = (struct peer){ .uid = 4711, .gid = 4711, .pid = 1 };
	*state = b;
	return 0;
}

/* Ends the audit, so that all of it is in the file, and gives how many lines of that have the text. */
static unsigned recorded(struct bench *b, const char *text)
{
	char line[1024];
	unsigned count = 0;
	FILE *file;

	audit_free(b->audit, PATIENCE_MS);
	b->audit = NULL;
	file = fopen(b->path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, text) != NULL;
	fclose(file);
	return count;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	ops_free(b->ops);
	audit_free(b->audit, PATIENCE_MS);
	login_free(b->login);
	unlink(b->path);
	*state = b->bao;
	free(b);
	return fakebao_teardown(state);
}

static struct heard ask(struct bench *b, enum op op)
{
	struct heard heard = { .call = { .ops = &heard_ops, .peer = &b->peer, .began_us = clock_now_us() } };
	struct request *request = calloc(1, sizeof(*request));

	buf_init(&heard.buf, 1 << 16);
	request->op = op;
	request->name.path_at = 2;
	request->name.key_len = 4;
	memcpy(request->name.key, "s\0a", 4);
	ops_request(b->ops, &heard.call, request, CLOCK_NEVER);
	free(request);
	return heard;
}

static void test_without_a_rule_all_is_forbidden_but_what_is_free(void **state)
{
	struct bench *b = *state;
	unsigned denied = 0;

	for (enum op op = 0; op < OP_COUNT; op++) {
		struct heard heard = ask(b, op);

		assert_int_equal(heard.ended, 1);
		assert_int_equal(heard.why.code, op_is(op, OP_FREE) ? CODE_NONE : CODE_FORBIDDEN);
		denied += heard.why.code == CODE_FORBIDDEN;
		buf_free(&heard.buf);
	}
	assert_int_equal(denied, OP_COUNT - 1); /* ping is free, and nothing else */
	assert_int_equal(recorded(b, "\"verdict\":\"denied\""), denied);
}

static void test_a_rule_allows_what_it_names_and_no_more(void **state)
{
	struct bench *b = *state;
	uid_t uid = 4711;
	char name[] = "web";
	struct heard heard;

	b->rule = (struct rule){ .name = name, .uids = &uid, .nuids = 1, .ops = { [OP_STATUS] = true } };
	b->rules.rule = &b->rule;
	b->rules.nrules = 1;
	heard = ask(b, OP_KV_GET);
	assert_int_equal(heard.why.code, CODE_FORBIDDEN);
	assert_non_null(strstr(heard.why.message, "kv.get of this path to uid 4711"));
	buf_free(&heard.buf);
	heard = ask(b, OP_SNAPSHOT_RESTORE);
	assert_int_equal(heard.why.code, CODE_FORBIDDEN);
	buf_free(&heard.buf);
}

static void test_ping_lists_every_op(void **state)
{
	struct heard heard = ask(*state, OP_PING);
	char quoted[64];

	for (enum op op = 0; op < OP_COUNT; op++) {
		snprintf(quoted, sizeof(quoted), "\"%s\"", op_name(op));
		assert_non_null(strstr((const char *)buf_data(&heard.buf) + FRAME_HEADER, quoted));
	}
	buf_free(&heard.buf);
}

static void test_requests_are_numbered_in_their_records(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct heard heard = ask(b, OP_STATUS);

		buf_free(&heard.buf);
	}
	assert_int_equal(recorded(b, "\"request\":3,"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_without_a_rule_all_is_forbidden_but_what_is_free),
		TEST(test_a_rule_allows_what_it_names_and_no_more),
		TEST(test_ping_lists_every_op),
		TEST(test_requests_are_numbered_in_their_records),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
