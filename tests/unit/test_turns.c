/*
 * Callers take turns: who gets a place when there are more requests than places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <string.h>

#include "daemon/store/turns.h"

#define PLACES 16

struct fixture {
	struct event_base *base;
	struct turns *turns;
	struct request {
		struct turn *turn;
		bool came; /* by the callback */
	} a[100], b[100];
};

static void start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->base = event_base_new();
	f->turns = turns_new(f->base, PLACES);
	assert_non_null(f->turns);
}

static void stop(struct fixture *f)
{
	for (size_t i = 0; i < 100; i++) {
		if (f->a[i].turn != NULL)
			turn_end(f->a[i].turn);
		if (f->b[i].turn != NULL)
			turn_end(f->b[i].turn);
	}
	turns_free(f->turns);
	event_base_free(f->base);
}

static void on_turn(void *arg)
{
	struct request *request = arg;
	assert_false(request->came);
	assert_true(turn_has_come(request->turn));
	request->came = true;
}

static void ask(struct fixture *f, uint64_t caller, struct request *requests, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		requests[i].turn = turns_ask(f->turns, caller, on_turn, &requests[i]);
		assert_non_null(requests[i].turn);
		assert_false(requests[i].came); /* only from the loop */
	}
}

static void end(struct request *request)
{
	turn_end(request->turn);
	request->turn = NULL;
}

/* Ends the first of them that has a place. */
static void end_one(struct request *requests)
{
	for (size_t i = 0; i < 100; i++) {
		if (requests[i].turn != NULL && turn_has_come(requests[i].turn)) {
			end(&requests[i]);
			return;
		}
	}
	fail_msg("none has a place");
}

static void run(struct fixture *f)
{
	assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static unsigned running(const struct request *requests)
{
	unsigned n = 0;
	for (size_t i = 0; i < 100; i++)
		n += requests[i].turn != NULL && turn_has_come(requests[i].turn);
	return n;
}

static void test_a_caller_alone_may_have_all_places(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 1, f.a, 40);
	assert_int_equal(running(f.a), PLACES);
	run(&f);
	assert_int_equal(running(f.a), PLACES);
	end(&f.a[0]);
	assert_false(turn_has_come(f.a[PLACES].turn));
	run(&f);
	assert_true(f.a[PLACES].came);
	assert_false(f.a[0].came); /* had its place at once */
	assert_int_equal(running(f.a), PLACES);
	stop(&f);
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
	assert_int_equal(running(f.a), PLACES - 1);
	stop(&f);
}

static void test_among_others_a_caller_has_a_part_of_the_places(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 2, f.b, 1);
	ask(&f, 1, f.a, 100);
	assert_int_equal(running(f.a), PLACES / 2);
	end(&f.b[0]);
	run(&f);
	assert_int_equal(running(f.a), PLACES / 2); /* the other will be back soon */
	ask(&f, 2, f.b, 1);
	assert_int_equal(running(f.b), 1); /* and finds a place at once */
	stop(&f);
}

static void test_among_others_a_caller_that_floods_has_one_place(void **state)
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
	stop(&f);
}

static void test_many_callers_get_one_place_each_in_rotation(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	for (size_t i = 0; i < 100; i++)
		ask(&f, 100 + i, &f.a[i], 1);
	assert_int_equal(running(f.a), PLACES);
	ask(&f, 100, f.b, 50); /* has a place already, and now 50 more requests than the others */
	for (size_t i = 0; i < 100 - PLACES + 1; i++) { /* one of these places is for b */
		end_one(f.a);
		run(&f);
		assert_true(running(f.b) <= 1);
	}
	for (size_t i = 0; i < 100; i++)
		assert_true(f.a[i].turn == NULL || turn_has_come(f.a[i].turn));
	stop(&f);
}

static void test_a_request_that_waits_no_more_gets_no_turn(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	ask(&f, 1, f.a, PLACES + 2);
	end(&f.a[PLACES]);
	end(&f.a[3]);
	run(&f);
	assert_false(f.a[PLACES].came);
	assert_true(f.a[PLACES + 1].came);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_caller_alone_may_have_all_places),
		cmocka_unit_test(test_another_caller_does_not_wait_behind_all_requests_of_the_first),
		cmocka_unit_test(test_among_others_a_caller_has_a_part_of_the_places),
		cmocka_unit_test(test_among_others_a_caller_that_floods_has_one_place),
		cmocka_unit_test(test_many_callers_get_one_place_each_in_rotation),
		cmocka_unit_test(test_a_request_that_waits_no_more_gets_no_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
