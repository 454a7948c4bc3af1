/*
 * Shared reads among users who take turns: one with a long queue holds up nobody's read, not even one that it shares.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/store/kv.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"
#include "tests/unit/fakebao.h"
#include "tests/unit/keeper_helper.h"

#define SECRET "/v1/secret/data/a"
#define FIRST "/v1/secret/data/first"
#define HELD "/v1/secret/data/held"
#define OTHERS "/v1/secret/data/others"
#define MOUNT "/v1/sys/internal/ui/mounts/secret"
#define IS_KV "{\"data\":{\"path\":\"secret/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}"
#define GIVEN "{\"data\":{\"data\":{\"n\":1},\"metadata\":{\"version\":7,\"created_time\":\"2026\",\"custom_metadata\":null}}}"
#define TIME_MS 20000u

#define GREEDY 1u
#define VICTIM 2u
#define PLACES 32
#define QUEUED 100
#define FEW 10 /* of the greedy one's requests, while the victim waits */

struct told {
	unsigned times;
	enum code code;
};

struct bench {
	struct fakebao *f;
	struct keeper *keeper;
	struct leader *leader;
	struct versions *versions;
	struct kv *kv;
	struct told queue[PLACES + QUEUED]; /* the greedy one's */
};

static void on_told(void *arg, const struct kv_reply *reply)
{
	struct told *t = arg;

	t->times++;
	t->code = reply->failure != NULL ? reply->failure->code : CODE_NONE;
}

/* Of each version there is a read of its own. */
static void get_version(struct bench *b, uint64_t caller, const char *path, uint64_t version, struct told *t)
{
	const struct kv_wanted wanted = {.mount = "secret", .path = path, .version = version, .max_age_ms = KV_ANY_AGE};

	*t = (struct told){.times = 0};
	assert_non_null(kv_get(b->kv, caller, &wanted, clock_now_ms() + TIME_MS, on_told, t));
}

static void get(struct bench *b, uint64_t caller, const char *path, struct told *t)
{
	get_version(b, caller, path, 0, t);
}

static unsigned reads(struct bench *b)
{
	return fakebao_count(b->f, SECRET);
}

static int setup(void **state)
{
	static struct bench b;
	struct told first;

	fakebao_setup(state);
	b.f = *state;
	b.leader = leader_new(b.f->api, b.f->addresses, 1);
	b.keeper = keeper_helper_serving(b.f, 3600, true);
	b.versions = versions_new();
	b.kv = kv_new(b.f->base, b.f->api, b.keeper, b.leader, b.versions, &(struct kv_options){.max_bytes = 0});
	assert_true(b.leader != NULL && b.versions != NULL && b.kv != NULL);
	fakebao_answer(b.f, MOUNT, 200, IS_KV);
	fakebao_answer(b.f, SECRET, 200, GIVEN);
	get(&b, VICTIM, "a", &first);
	fakebao_until(b.f, first.times > 0);
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	kv_free(b->kv);
	versions_free(b->versions);
	keeper_free(b->keeper);
	leader_free(b->leader);
	*state = b->f;
	return fakebao_teardown(state);
}

/* The greedy one has the places it may have, where nothing comes back, and many more requests waiting. */
static void get_many(struct bench *b, unsigned places)
{
	memset(b->queue, 0, sizeof(b->queue));
	fakebao_answer(b->f, FIRST, 200, GIVEN);
	fakebao_hold(b->f, FIRST, true);
	get(b, GREEDY, "first", &b->queue[0]);
	fakebao_answer(b->f, HELD, 200, GIVEN);
	fakebao_hold(b->f, HELD, true);
	for (unsigned i = 1; i < places; i++)
		get_version(b, GREEDY, "held", i, &b->queue[i]);
	fakebao_answer(b->f, OTHERS, 200, GIVEN);
	for (unsigned i = PLACES; i < PLACES + QUEUED; i++)
		get_version(b, GREEDY, "others", i, &b->queue[i]);
}

static void free_a_place(struct bench *b)
{
	fakebao_hold(b->f, FIRST, false);
}

static unsigned told(const struct bench *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PLACES + QUEUED; i++)
		n += b->queue[i].times;
	return n;
}

static void expect_before_the_queue(struct bench *b, const struct told *victim)
{
	fakebao_until(b->f, victim->times > 0);
	assert_int_equal(victim->code, CODE_NONE);
	assert_true(told(b) < FEW);
}

static void test_a_read_of_ones_own_does_not_wait_for_anothers_queue(void **state)
{
	struct bench *b = *state;
	struct told victim;

	get_many(b, PLACES);
	get(b, VICTIM, "a", &victim);
	free_a_place(b);
	expect_before_the_queue(b, &victim);
}

static void test_nor_does_one_that_the_other_has_begun(void **state)
{
	struct bench *b = *state;
	struct told greedy, victim;

	get_many(b, PLACES);
	get(b, GREEDY, "a", &greedy);
	get(b, VICTIM, "a", &victim);
	free_a_place(b);
	expect_before_the_queue(b, &victim);
	assert_int_equal(greedy.times, 1); /* it was one read */
	assert_int_equal(reads(b), 2);
}

static void test_nor_does_the_next_one_in_which_the_other_was_first(void **state)
{
	struct bench *b = *state;
	struct told ahead, greedy, victim;

	fakebao_hold(b->f, SECRET, true);
	get(b, GREEDY, "a", &ahead);
	get(b, GREEDY, "a", &greedy);
	fakebao_until(b->f, reads(b) == 2);
	get_many(b, PLACES - 1);
	get(b, VICTIM, "a", &victim);
	fakebao_hold(b->f, SECRET, false);
	expect_before_the_queue(b, &victim);
	assert_int_equal(ahead.times + greedy.times, 2);
	assert_int_equal(reads(b), 3);
}

static void test_nor_does_one_behind_a_read_that_is_tried_again(void **state)
{
	struct bench *b = *state;
	struct told ahead[3], victim;
	unsigned before;

	fakebao_answer(b->f, SECRET, 429, "{\"errors\":[]}");
	for (unsigned i = 0; i < 3; i++) { /* as many as may run */
		get(b, GREEDY, "a", &ahead[i]);
		fakebao_until(b->f, reads(b) >= 2 + i);
	}
	get_many(b, PLACES);
	fakebao_pass(b->f, 100); /* their pauses end, and then they wait in the queue */
	before = reads(b);
	fakebao_pass(b->f, 100);
	assert_int_equal(reads(b), before);
	fakebao_answer(b->f, SECRET, 200, GIVEN);
	get(b, VICTIM, "a", &victim);
	free_a_place(b);
	expect_before_the_queue(b, &victim);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_read_of_ones_own_does_not_wait_for_anothers_queue),
		TEST(test_nor_does_one_that_the_other_has_begun),
		TEST(test_nor_does_the_next_one_in_which_the_other_was_first),
		TEST(test_nor_does_one_behind_a_read_that_is_tried_again),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
