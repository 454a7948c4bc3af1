/*
 * Shared reads among users who get slots in turn: one with a long queue holds up nobody's read, not even one that
 * it shares.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/kv_helper.h"
#include "tests/unit/names.h"

#define SECRET "/v1/secret/data/a"
#define FIRST "/v1/secret/data/first"
#define HELD "/v1/secret/data/held"
#define OTHERS "/v1/secret/data/others"
#define GIVEN \
	"{\"data\":{\"data\":{\"n\":1},\"metadata\":{\"version\":7,\"created_time\":\"2026\"," \
	"\"custom_metadata\":null}}}"
#define TIME_MS 20000u

#define GREEDY 1u
#define VICTIM 2u
#define OTHER 3u
#define SLOTS 32
#define SHARED 8 /* slots that one user gets while others want some */
#define QUEUED 100
#define FEW 10 /* the greedy user's requests that may be served while the victim waits */

struct told {
	unsigned times;
	enum code code;
};

static struct told queue[SLOTS + QUEUED]; /* the greedy user's requests */

static void on_told(void *arg, const struct kv_reply *reply)
{
	struct told *t = arg;

	t->times++;
	t->code = reply->failure != NULL ? reply->failure->code : CODE_NONE;
}

/* Each version is a read of its own. */
static void get_version(struct kv_bench *b, uint64_t caller, const char *path, uint64_t version, struct told *t)
{
	const struct kv_wanted wanted = { .name = name_of("secret", path),
		.version = version,
		.max_age_ms = KV_ANY_AGE };

	*t = (struct told){ .times = 0 };
	assert_non_null(kv_get(b->kv, caller, &wanted, clock_now_ms() + TIME_MS, on_told, t));
}

static void get(struct kv_bench *b, uint64_t caller, const char *path, struct told *t)
{
	get_version(b, caller, path, 0, t);
}

static unsigned reads(struct kv_bench *b)
{
	return fakebao_count(b->f, SECRET);
}

static int setup(void **state)
{
	static struct kv_bench b;
	struct told first;

	kv_helper_setup(state, &b, &(struct kv_options){ .max_bytes = 0 }, 3600);
	fakebao_answer(b.f, SECRET, 200, GIVEN);
	get(&b, VICTIM, "a", &first);
	fakebao_until(b.f, first.times > 0);
	return 0;
}

/*
 * Takes all slots that the greedy user may have, for requests that are not answered, and has many more requests
 * waiting.
 */
static void get_many(struct kv_bench *b, unsigned slots)
{
	memset(queue, 0, sizeof(queue));
	fakebao_answer(b->f, FIRST, 200, GIVEN);
	fakebao_hold(b->f, FIRST, true);
	get(b, GREEDY, "first", &queue[0]);
	fakebao_answer(b->f, HELD, 200, GIVEN);
	fakebao_hold(b->f, HELD, true);
	for (unsigned i = 1; i < slots; i++)
		get_version(b, GREEDY, "held", i, &queue[i]);
	fakebao_answer(b->f, OTHERS, 200, GIVEN);
	for (unsigned i = SLOTS; i < SLOTS + QUEUED; i++)
		get_version(b, GREEDY, "others", i, &queue[i]);
}

static void free_a_slot(struct kv_bench *b)
{
	fakebao_hold(b->f, FIRST, false);
}

static unsigned told(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SLOTS + QUEUED; i++)
		n += queue[i].times;
	return n;
}

static void expect_before_the_queue(struct kv_bench *b, const struct told *victim)
{
	fakebao_until(b->f, victim->times > 0);
	assert_int_equal(victim->code, CODE_NONE);
	assert_true(told() < FEW);
}

static void test_a_read_of_ones_own_does_not_wait_for_anothers_queue(void **state)
{
	struct kv_bench *b = *state;
	struct told victim;

	get_many(b, SLOTS);
	get(b, VICTIM, "a", &victim);
	free_a_slot(b);
	expect_before_the_queue(b, &victim);
}

static void test_nor_does_one_that_the_other_has_begun(void **state)
{
	struct kv_bench *b = *state;
	struct told greedy, victim;

	get_many(b, SLOTS);
	get(b, GREEDY, "a", &greedy);
	get(b, VICTIM, "a", &victim);
	free_a_slot(b);
	expect_before_the_queue(b, &victim);
	assert_int_equal(greedy.times, 1); /* both shared one read */
	assert_int_equal(reads(b), 2);
}

static void test_nor_does_the_next_one_in_which_the_other_was_first(void **state)
{
	struct kv_bench *b = *state;
	struct told ahead, greedy, victim;

	fakebao_hold(b->f, SECRET, true);
	get(b, GREEDY, "a", &ahead);
	get(b, GREEDY, "a", &greedy);
	fakebao_until(b->f, reads(b) == 2);
	get_many(b, SLOTS - 1);
	get(b, VICTIM, "a", &victim);
	fakebao_hold(b->f, SECRET, false);
	expect_before_the_queue(b, &victim);
	assert_int_equal(ahead.times + greedy.times, 2);
	assert_int_equal(reads(b), 3);
}

static void test_nor_does_one_behind_a_read_that_is_tried_again(void **state)
{
	struct kv_bench *b = *state;
	struct told ahead[3], victim;
	unsigned before;

	fakebao_answer(b->f, SECRET, 429, "{\"errors\":[]}");
	for (unsigned i = 0; i < 3; i++) { /* as many reads of one secret as may run */
		get(b, GREEDY, "a", &ahead[i]);
		fakebao_until(b->f, reads(b) >= 2 + i);
	}
	get_many(b, SLOTS);
	fakebao_pass(b->f, 100); /* their pauses end, and they wait in the queue */
	before = reads(b);
	fakebao_pass(b->f, 100);
	assert_int_equal(reads(b), before);
	fakebao_answer(b->f, SECRET, 200, GIVEN);
	get(b, VICTIM, "a", &victim);
	free_a_slot(b);
	expect_before_the_queue(b, &victim);
}

/*
 * Two users share a read that waits for a slot. Then the token dies, and both get a slot while the daemon logs in.
 * The read must wait for the login once. When it waited once for each slot, it was sent twice, and was used after
 * its end.
 */
static void test_a_second_slot_does_not_make_a_read_wait_for_the_login_twice(void **state)
{
	struct kv_bench *b = *state;
	struct told greedy, victim, denied, held[2 * SHARED];

	fakebao_answer(b->f, FIRST, 403, FAKEBAO_DENIED);
	fakebao_answer(b->f, HELD, 200, GIVEN);
	fakebao_hold(b->f, FIRST, true);
	fakebao_hold(b->f, HELD, true);
	get(b, OTHER, "first", &denied);
	for (unsigned i = 0; i < 2 * SHARED; i++)
		get_version(b, i % 2 == 0 ? GREEDY : VICTIM, "held", i + 1, &held[i]);
	get(b, GREEDY, "a", &greedy);
	get(b, VICTIM, "a", &victim);
	fakebao_answer(b->f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_grant(b->f, FAKEBAO_LOGIN, "TOKEN-CANARY-2", 3600, true);
	fakebao_hold(b->f, FAKEBAO_LOGIN, true);
	fakebao_hold(b->f, FIRST, false);
	fakebao_until(b->f, fakebao_count(b->f, FAKEBAO_LOGIN) == 2);
	fakebao_hold(b->f, HELD, false);
	fakebao_until(b->f, held[2 * SHARED - 2].times > 0 && held[2 * SHARED - 1].times > 0);
	fakebao_pass(b->f, 50); /* both have a slot */
	fakebao_answer(b->f, FIRST, 200, GIVEN);
	fakebao_hold(b->f, FAKEBAO_LOGIN, false);
	fakebao_until(b->f, greedy.times > 0 && victim.times > 0 && denied.times > 0);
	assert_int_equal(victim.code, CODE_NONE);
	fakebao_pass(b->f, 50);
	assert_int_equal(reads(b), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kv_helper_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_read_of_ones_own_does_not_wait_for_anothers_queue),
		TEST(test_nor_does_one_that_the_other_has_begun),
		TEST(test_nor_does_the_next_one_in_which_the_other_was_first),
		TEST(test_nor_does_one_behind_a_read_that_is_tried_again),
		TEST(test_a_second_slot_does_not_make_a_read_wait_for_the_login_twice),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
