/*
 * Slots: who gets one when there are more requests than slots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <string.h>

#include "daemon/store/slots.h"

#define SLOTS 16

struct fixture {
	struct event_base *base;
	struct slots *slots;
	struct request {
		struct slot slot;
		bool came; /* it came by the callback */
	} a[100], b[100];
};

static void start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->base = event_base_new();
	f->slots = slots_new(f->base, SLOTS);
	assert_non_null(f->slots);
}

static void stop_fixture(struct fixture *f)
{
	for (size_t i = 0; i < 100; i++) {
		slot_end(&f->a[i].slot);
		slot_end(&f->b[i].slot);
	}
	slots_free(f->slots);
	event_base_free(f->base);
}

static void on_slot(void *arg)
{
	struct request *request = arg;
	assert_false(request->came);
	assert_true(request->slot.is_held);
	request->came = true;
}

static void ask(struct fixture *f, uint64_t caller, struct request *requests, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(slots_ask(f->slots, &requests[i].slot, caller, on_slot, &requests[i]), 0);
		assert_false(requests[i].came); /* slots are given from the loop only */
	}
}

static void end(struct request *request)
{
	slot_end(&request->slot);
}

/* Ends the first of the requests that have a slot. */
static void end_one(struct request *requests)
{
	for (size_t i = 0; i < 100; i++) {
		if (requests[i].slot.is_held) {
			end(&requests[i]);
			return;
		}
	}
	fail_msg("none has a slot");
}

static void run(struct fixture *f)
{
	assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static unsigned running(const struct request *requests)
{
	unsigned n = 0;
	for (size_t i = 0; i < 100; i++)
		n += requests[i].slot.is_held;
	return n;
}

static void test_a_caller_alone_may_have_all_slots(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 1, f.a, 40);
	assert_int_equal(running(f.a), SLOTS);
	run(&f);
	assert_int_equal(running(f.a), SLOTS);
	end(&f.a[0]);
	assert_false(f.a[SLOTS].slot.is_held);
	run(&f);
	assert_true(f.a[SLOTS].came);
	assert_false(f.a[0].came); /* it had its slot at once */
	assert_int_equal(running(f.a), SLOTS);
	stop_fixture(&f);
}

static void test_another_caller_does_not_wait_behind_all_requests_of_the_first(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 1, f.a, 100);
	ask(&f, 2, f.b, 1);
	assert_int_equal(running(f.b), 0);
	end(&f.a[0]);
	run(&f);
	assert_int_equal(running(f.b), 1);
	assert_int_equal(running(f.a), SLOTS - 1);
	stop_fixture(&f);
}

static void test_among_others_a_caller_has_a_part_of_the_slots(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 2, f.b, 1);
	ask(&f, 1, f.a, 100);
	assert_int_equal(running(f.a), SLOTS / 2);
	end(&f.b[0]);
	run(&f);
	assert_int_equal(running(f.a), SLOTS / 2); /* half is kept for the other user */
	ask(&f, 2, f.b, 1);
	assert_int_equal(running(f.b), 1); /* the other user gets a slot at once */
	stop_fixture(&f);
}

static void test_among_others_a_caller_that_floods_has_one_slot(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 2, f.b, 1);
	ask(&f, 1, f.a, 100);
	while (running(f.a) > 1) {
		end_one(f.a);
		run(&f);
	}
	assert_int_equal(running(f.a), 1);
	end_one(f.a);
	run(&f);
	assert_int_equal(running(f.a), 1);
	stop_fixture(&f);
}

static void test_many_callers_get_one_slot_each_in_rotation(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	for (size_t i = 0; i < 100; i++)
		ask(&f, 100 + i, &f.a[i], 1);
	assert_int_equal(running(f.a), SLOTS);
	ask(&f, 100, f.b, 50); /* has a slot already, and now 50 more requests than the others */
	for (size_t i = 0; i < 100 - SLOTS + 1; i++) { /* one of these slots is for b */
		end_one(f.a);
		run(&f);
		assert_true(running(f.b) <= 1);
	}
	for (size_t i = 0; i < 100; i++)
		assert_true(f.a[i].slot.slots == NULL || f.a[i].slot.is_held);
	stop_fixture(&f);
}

static void test_a_request_that_waits_no_more_gets_no_slot(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 1, f.a, SLOTS + 2);
	end(&f.a[SLOTS]);
	end(&f.a[3]);
	run(&f);
	assert_false(f.a[SLOTS].came);
	assert_true(f.a[SLOTS + 1].came);
	stop_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_caller_alone_may_have_all_slots),
		cmocka_unit_test(test_another_caller_does_not_wait_behind_all_requests_of_the_first),
		cmocka_unit_test(test_among_others_a_caller_has_a_part_of_the_slots),
		cmocka_unit_test(test_among_others_a_caller_that_floods_has_one_slot),
		cmocka_unit_test(test_many_callers_get_one_slot_each_in_rotation),
		cmocka_unit_test(test_a_request_that_waits_no_more_gets_no_slot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
