/*
 * Snapshots between a caller and an OpenBao that does not do what it should: the ends of saves and restores that
 * never get as far as a whole snapshot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/store/kv.h"
#include "daemon/store/snapshot_restore.h"
#include "daemon/store/snapshot_save.h"
#include "daemon/store/transfer.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"
#include "tests/unit/http_server.h"
#include "tests/unit/login_helper.h"
#include "tests/unit/snapshot_maker.h"

#define SNAPSHOT "/v1/sys/storage/raft/snapshot"
#define LEADER "/v1/sys/leader"
#define LEADS \
	"{\"ha_enabled\":true,\"is_self\":true,\"leader_address\":\"\",\"active_time\":\"2026-11-24T14:42:11Z\"}"
#define FOLLOWS "{\"ha_enabled\":true,\"is_self\":false,\"leader_address\":\"\"}"
#define STALL_MS 400

struct bench {
	struct fakebao *f;
	struct login *login;
	struct leader *leader;
	struct versions *versions;
	struct kv *kv;
	struct transfers *transfers;
	char url[64], *urls[1];
};

/* How a save or restore is going. */
struct going {
	struct snapshot_save *save;
	struct snapshot_restore *restore;
	unsigned begun, done;
	bool room;
	enum code code;
	struct failure why;
	size_t bytes;
	bool full; /* the caller never has room */
};

static void on_begin(void *arg)
{
	struct going *g = arg;
	g->begun++;
	g->room = true;
}

static int on_data(void *arg, const void *p, size_t n)
{
	struct going *g = arg;
	(void)p;
	g->bytes += n;
	return !g->full;
}

static void note_end(struct going *g, const struct failure *why)
{
	g->done++;
	g->code = why != NULL ? why->code : CODE_NONE;
	if (why != NULL)
		g->why = *why;
	g->save = NULL;
	g->restore = NULL;
}

static void on_saved(void *arg, const struct failure *why, const struct snapshot_save_result *result)
{
	(void)result;
	note_end(arg, why);
}

static void on_room(void *arg, bool room)
{
	struct going *g = arg;
	g->room = room;
}

static void on_restored(void *arg, const struct failure *why, const struct snapshot_restore_result *result)
{
	(void)result;
	note_end(arg, why);
}

static void save(struct bench *b, struct going *g, uint64_t deadline_ms)
{
	static const struct snapshot_save_ops ops = { .begin = on_begin, .data = on_data, .done = on_saved };

	g->save = snapshot_save_start(b->transfers, 0, deadline_ms, &ops, g);
	assert_non_null(g->save);
	assert_int_equal(g->done, 0);
}

static void restore(struct bench *b, struct going *g, uint64_t deadline_ms)
{
	static const struct snapshot_restore_ops ops = { .begin = on_begin, .room = on_room, .done = on_restored };

	g->restore = snapshot_restore_start(b->transfers, false, 0, deadline_ms, &ops, g);
	assert_non_null(g->restore);
	assert_int_equal(g->done, 0);
}

/* Waits for the transfer's end, which must have that code and that message. */
static void expect(struct bench *b, struct going *g, enum code code, const char *says)
{
	fakebao_until(b->f, g->done > 0);
	assert_int_equal(g->done, 1);
	assert_string_equal(code_name(g->code), code_name(code));
	if (strstr(g->why.message, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", g->why.message, says);
	assert_int_equal(b->transfers->count, 0);
}

static void bench_open(struct bench *b, void **state)
{
	memset(b, 0, sizeof(*b));
	b->f = *state;
	b->login = login_helper_serving(b->f, 3600, true);
	snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%u", server_port(b->f->server));
	b->urls[0] = b->url;
	b->leader = leader_new(b->f->api, b->urls, 1);
	b->versions = versions_new();
	b->kv = kv_new(b->f->base, b->f->api, b->login, b->leader, b->versions,
	    &(struct kv_options){ .max_bytes = 0 });
	b->transfers = transfers_new(b->f->base, b->f->api, b->login, b->leader, b->kv, STALL_MS);
	assert_non_null(b->transfers);
	fakebao_answer(b->f, LEADER, 200, LEADS);
}

static void bench_close(struct bench *b)
{
	transfers_free(b->transfers);
	kv_free(b->kv);
	versions_free(b->versions);
	leader_free(b->leader);
	login_free(b->login);
}

/* -- saves --------------------------------------------------------------------------------------------------- */

static void test_what_is_no_snapshot_is_not_whole(void **state)
{
	struct going g = { 0 }, empty = { 0 };
	struct bench b;

	bench_open(&b, state);
	fakebao_answer(b.f, SNAPSHOT, 200, "no snapshot");
	save(&b, &g, CLOCK_NEVER);
	expect(&b, &g, CODE_UPSTREAM_ERROR, "not whole");
	assert_int_equal(g.begun, 1);
	fakebao_answer(b.f, SNAPSHOT, 200, "");
	save(&b, &empty, CLOCK_NEVER);
	expect(&b, &empty, CODE_UPSTREAM_ERROR, "not whole");
	assert_int_equal(empty.begun, 0);
	bench_close(&b);
}

static void test_a_save_that_gets_no_answer_is_given_up(void **state)
{
	struct going g = { 0 };
	uint64_t begun = clock_now_ms();
	struct bench b;

	bench_open(&b, state);
	fakebao_answer(b.f, SNAPSHOT, 200, "late");
	fakebao_hold(b.f, SNAPSHOT, true);
	save(&b, &g, CLOCK_NEVER);
	expect(&b, &g, CODE_TIMEOUT, "has moved");
	assert_true(clock_now_ms() - begun >= STALL_MS);
	bench_close(&b);
}

static void test_a_deadline_ends_a_save(void **state)
{
	struct going g = { 0 };
	struct bench b;

	bench_open(&b, state);
	fakebao_hold(b.f, SNAPSHOT, true);
	save(&b, &g, clock_now_ms() + 100);
	expect(&b, &g, CODE_TIMEOUT, "in the time that was given");
	bench_close(&b);
}

static void test_a_leader_is_waited_for(void **state)
{
	struct going g = { 0 }, none = { 0 };
	struct bench b;

	bench_open(&b, state);
	b.transfers->stall_ms = 10000; /* so that a busy machine does not end the wait */
	fakebao_answer(b.f, LEADER, 200, FOLLOWS);
	fakebao_answer(b.f, SNAPSHOT, 200, "no snapshot");
	save(&b, &g, CLOCK_NEVER);
	fakebao_until(b.f, fakebao_count(b.f, LEADER) >= 1);
	fakebao_pass(b.f, 50);
	assert_int_equal(fakebao_count(b.f, SNAPSHOT), 0);
	fakebao_answer(b.f, LEADER, 200, LEADS);
	expect(&b, &g, CODE_UPSTREAM_ERROR, "not whole");
	/* The wait for a leader has an end. */
	b.transfers->stall_ms = STALL_MS;
	fakebao_answer(b.f, LEADER, 200, FOLLOWS);
	save(&b, &none, CLOCK_NEVER);
	expect(&b, &none, CODE_UNAVAILABLE, "leader cannot be reached");
	assert_int_equal(fakebao_count(b.f, SNAPSHOT), 1);
	bench_close(&b);
}

static void test_a_save_that_may_work_later_is_tried_again(void **state)
{
	struct going g = { 0 };
	struct bench b;

	bench_open(&b, state);
	b.transfers->stall_ms = 10000;
	fakebao_answer(b.f, SNAPSHOT, 500,
	    "{\"errors\":[\"local node not active but active cluster node not found\"]}");
	save(&b, &g, CLOCK_NEVER);
	fakebao_until(b.f, fakebao_count(b.f, SNAPSHOT) >= 2);
	fakebao_answer(b.f, SNAPSHOT, 400, "{\"errors\":[\"raft storage is not in use\"]}");
	expect(&b, &g, CODE_RAFT_UNSUPPORTED, "raft storage not in use");
	bench_close(&b);
}

static void test_a_dead_token_costs_one_login(void **state)
{
	struct going g = { 0 };
	struct bench b;

	bench_open(&b, state);
	fakebao_answer(b.f, SNAPSHOT, 403, FAKEBAO_DENIED);
	fakebao_answer(b.f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_hold(b.f, FAKEBAO_LOGIN, true);
	save(&b, &g, CLOCK_NEVER);
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_LOGIN) == 2);
	fakebao_answer(b.f, SNAPSHOT, 200, "no snapshot");
	fakebao_hold(b.f, FAKEBAO_LOGIN, false);
	expect(&b, &g, CODE_UPSTREAM_ERROR, "not whole");
	assert_int_equal(fakebao_count(b.f, SNAPSHOT), 2);
	assert_string_equal(fakebao_token(b.f, SNAPSHOT), "TOKEN-CANARY-2");
	bench_close(&b);
}

static void test_a_policys_denial_is_told(void **state)
{
	struct going g = { 0 };
	struct bench b;

	bench_open(&b, state);
	fakebao_answer(b.f, SNAPSHOT, 403, FAKEBAO_DENIED_WRAPPED);
	fakebao_answer(b.f, FAKEBAO_LOOKUP, 200, "{\"data\":{\"ttl\":3600}}");
	save(&b, &g, CLOCK_NEVER);
	expect(&b, &g, CODE_PERMISSION_DENIED, "policies");
	bench_close(&b);
}

static void test_one_too_many_is_refused(void **state)
{
	struct going going[TRANSFERS_MAX + 1] = { 0 };
	struct bench b;

	bench_open(&b, state);
	fakebao_hold(b.f, SNAPSHOT, true);
	for (size_t i = 0; i <= TRANSFERS_MAX; i++)
		save(&b, &going[i], CLOCK_NEVER);
	fakebao_until(b.f, going[TRANSFERS_MAX].done > 0);
	assert_int_equal(going[TRANSFERS_MAX].code, CODE_OVERLOADED);
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		assert_int_equal(going[i].done, 0);
		snapshot_save_abandon(going[i].save);
	}
	assert_int_equal(b.transfers->count, 0);
	bench_close(&b);
}

static void on_drained(void *arg)
{
	unsigned *times = arg;
	(*times)++;
}

static void test_stopping_ends_what_is_under_way_and_what_comes(void **state)
{
	struct going g = { 0 }, late = { 0 }, upload = { 0 };
	unsigned drained = 0;
	struct bench b;

	bench_open(&b, state);
	fakebao_hold(b.f, SNAPSHOT, true);
	save(&b, &g, CLOCK_NEVER);
	restore(&b, &upload, CLOCK_NEVER);
	fakebao_until(b.f, fakebao_count(b.f, SNAPSHOT) == 1 && upload.begun);
	transfers_drain(b.transfers, 5000, on_drained, &drained);
	save(&b, &late, CLOCK_NEVER);
	fakebao_until(b.f, drained > 0);
	assert_int_equal(g.code, CODE_UNAVAILABLE);
	assert_int_equal(upload.code, CODE_UNAVAILABLE);
	assert_int_equal(late.code, CODE_UNAVAILABLE);
	assert_non_null(strstr(late.why.message, "stopping"));
	assert_int_equal(drained, 1);
	bench_close(&b);
}

static void test_freeing_ends_all_of_them(void **state)
{
	struct going g = { 0 }, upload = { 0 };
	struct bench b;

	bench_open(&b, state);
	fakebao_hold(b.f, SNAPSHOT, true);
	save(&b, &g, CLOCK_NEVER);
	restore(&b, &upload, CLOCK_NEVER);
	fakebao_until(b.f, fakebao_count(b.f, SNAPSHOT) == 1);
	bench_close(&b);
	assert_int_equal(g.done + upload.done, 2);
}

/* -- restores ------------------------------------------------------------------------------------------------ */

static void test_data_that_does_not_come_is_given_up(void **state)
{
	struct going g = { 0 };
	struct bench b;

	bench_open(&b, state);
	restore(&b, &g, CLOCK_NEVER);
	expect(&b, &g, CODE_TIMEOUT, "has moved");
	assert_int_equal(g.begun, 1);
	assert_int_equal(fakebao_count(b.f, SNAPSHOT), 0);
	bench_close(&b);
}

static void test_what_is_no_snapshot_is_never_sent(void **state)
{
	struct going g = { 0 };
	struct bench b;

	bench_open(&b, state);
	restore(&b, &g, CLOCK_NEVER);
	fakebao_until(b.f, g.begun > 0);
	snapshot_restore_data(g.restore, "no snapshot", 11);
	expect(&b, &g, CODE_INVALID_REQUEST, "nothing was restored");
	restore(&b, &(struct going){ 0 }, CLOCK_NEVER);
	bench_close(&b);
}

static void test_an_empty_restore_is_never_sent(void **state)
{
	struct going g = { 0 };
	struct bench b;

	bench_open(&b, state);
	restore(&b, &g, CLOCK_NEVER);
	fakebao_until(b.f, g.begun > 0);
	snapshot_restore_end(g.restore);
	expect(&b, &g, CODE_INVALID_REQUEST, "nothing was restored");
	assert_int_equal(fakebao_count(b.f, SNAPSHOT), 0);
	bench_close(&b);
}

static void test_a_leader_that_is_silent_is_asked_again_before_a_restore_ends(void **state)
{
	struct going g = { 0 };
	struct buf snapshot;
	struct bench b;
	unsigned before;

	bench_open(&b, state);
	b.transfers->stall_ms = 30000;
	buf_init(&snapshot, MAKER_LIMIT);
	maker_snapshot(&snapshot, 1000);
	restore(&b, &g, CLOCK_NEVER);
	fakebao_until(b.f, g.begun > 0);
	before = fakebao_count(b.f, LEADER);
	fakebao_hold(b.f, LEADER, true);
	snapshot_restore_data(g.restore, (const char *)buf_data(&snapshot), buf_len(&snapshot));
	snapshot_restore_end(g.restore);
	fakebao_until(b.f, fakebao_count(b.f, LEADER) == before + 2);
	assert_int_equal(g.done, 0);
	fakebao_answer(b.f, LEADER, 200, FOLLOWS);
	fakebao_hold(b.f, LEADER, false);
	expect(&b, &g, CODE_UNAVAILABLE, "is another one by now; nothing was restored");
	assert_int_equal(fakebao_count(b.f, LEADER), before + 3);
	buf_free(&snapshot);
	bench_close(&b);
}

static void test_a_second_restore_is_refused(void **state)
{
	struct going first = { 0 }, second = { 0 }, third = { 0 };
	struct bench b;

	bench_open(&b, state);
	restore(&b, &first, CLOCK_NEVER);
	restore(&b, &second, CLOCK_NEVER);
	fakebao_until(b.f, second.done > 0);
	assert_int_equal(second.code, CODE_OVERLOADED);
	assert_int_equal(second.begun, 0);
	snapshot_restore_abandon(first.restore);
	restore(&b, &third, CLOCK_NEVER);
	fakebao_until(b.f, third.begun > 0);
	bench_close(&b);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, fakebao_setup, fakebao_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_no_snapshot_is_not_whole),
		TEST(test_a_save_that_gets_no_answer_is_given_up),
		TEST(test_a_deadline_ends_a_save),
		TEST(test_a_leader_is_waited_for),
		TEST(test_a_save_that_may_work_later_is_tried_again),
		TEST(test_a_dead_token_costs_one_login),
		TEST(test_a_policys_denial_is_told),
		TEST(test_one_too_many_is_refused),
		TEST(test_stopping_ends_what_is_under_way_and_what_comes),
		TEST(test_freeing_ends_all_of_them),
		TEST(test_data_that_does_not_come_is_given_up),
		TEST(test_what_is_no_snapshot_is_never_sent),
		TEST(test_an_empty_restore_is_never_sent),
		TEST(test_a_leader_that_is_silent_is_asked_again_before_a_restore_ends),
		TEST(test_a_second_restore_is_refused),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
