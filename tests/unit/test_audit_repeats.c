/*
 * Once a minute: what is written at once, what is counted, and that no request is lost or counted twice. With
 * times of the test's own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/host/audit_repeats.h"

#define MINUTE AUDIT_REPEATS_MS

static struct audit_repeats *repeats;
static struct peer peer;
static struct audit_record record;
static uint64_t now;

/* The texts of the last record that was written, and sums over all records. */
static struct {
	unsigned records;
	uint64_t requests, count, version, microseconds, request;
	pid_t pid;
	char path[64], unit[64], rule[64];
} written;

static void on_write(void *arg, const struct audit_record *r, uint64_t count)
{
	(void)arg;
	written.records++;
	written.requests += count;
	written.count = count;
	written.version = r->version;
	written.microseconds = r->microseconds;
	written.request = r->request;
	written.pid = r->peer->pid;
	snprintf(written.path, sizeof(written.path), "%s", r->path);
	snprintf(written.unit, sizeof(written.unit), "%s", r->peer->unit != NULL ? r->peer->unit : "");
	snprintf(written.rule, sizeof(written.rule), "%s", r->rule != NULL ? r->rule : "");
}

static int setup(void **state)
{
	(void)state;
	memset(&written, 0, sizeof(written));
	peer = (struct peer){ .uid = 33, .gid = 33, .pid = 100 };
	record = (struct audit_record){ .op = "kv.get",
		.peer = &peer,
		.mount = "secret",
		.path = "a",
		.rule = "web",
		.version = 1,
		.microseconds = 10 };
	now = 1000000;
	repeats = audit_repeats_new(on_write, NULL);
	return repeats != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	audit_repeats_free(repeats);
	return 0;
}

static void take(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		audit_repeats_take(repeats, &record, now);
}

static void test_the_first_is_written_at_once(void **state)
{
	(void)state;
	take(1);
	assert_int_equal(written.records, 1);
	assert_int_equal(written.count, 1);
	assert_string_equal(written.path, "a");
	assert_string_equal(written.rule, "web");
	assert_int_equal(written.microseconds, 10);
}

static void test_those_that_follow_are_counted_for_a_minute(void **state)
{
	(void)state;
	take(1);
	now += 1;
	record.version = 2;
	record.microseconds = 500;
	peer.pid = 101;
	take(3);
	record.version = 3;
	record.microseconds = 20;
	peer.pid = 102;
	take(4);
	now = 1000000 + MINUTE - 1;
	assert_true(audit_repeats_sweep(repeats, now));
	assert_int_equal(written.records, 1);
	now++;
	assert_true(audit_repeats_sweep(repeats, now));
	assert_int_equal(written.records, 2);
	assert_int_equal(written.count, 7);
	assert_int_equal(written.version, 3);
	assert_int_equal(written.pid, 102);
	assert_int_equal(written.microseconds, 500);
}

static void test_the_number_is_that_of_the_last_request(void **state)
{
	(void)state;
	record.request = 12;
	take(1);
	assert_int_equal(written.request, 12);
	record.request = 15;
	take(1);
	record.request = 19;
	take(1);
	now += MINUTE;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.count, 2);
	assert_int_equal(written.request, 19);
}

static void test_the_next_minute_begins_with_the_count(void **state)
{
	(void)state;
	take(2);
	now += MINUTE;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.records, 2);
	take(5);
	now += MINUTE - 1;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.records, 2);
	now += 1;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.records, 3);
	assert_int_equal(written.count, 5);
	assert_int_equal(written.microseconds, 10);
	now += MINUTE;
	assert_false(audit_repeats_sweep(repeats, now)); /* nothing came in that minute: forgotten */
	assert_int_equal(written.records, 3);
	take(1);
	assert_int_equal(written.records, 4);
	assert_int_equal(written.count, 1);
}

/* The sweep may come late: a request after the minute is not counted to it even then. */
static void test_a_request_after_the_minute_does_not_count_to_it(void **state)
{
	(void)state;
	take(3);
	now += 10 * MINUTE;
	take(1);
	assert_int_equal(written.records, 2);
	assert_int_equal(written.count, 2);
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_int_equal(written.requests, 4);
}

static void test_at_the_end_all_that_was_counted_is_written(void **state)
{
	(void)state;
	take(9);
	record.path = "b";
	take(4);
	assert_int_equal(written.requests, 2);
	assert_false(audit_repeats_sweep(repeats, UINT64_MAX));
	assert_int_equal(written.requests, 13);
	assert_int_equal(written.records, 4);
}

/* A request that differs in any of these is another request, and is written at once. */
static void test_what_makes_requests_equal(void **state)
{
	unsigned records = 0;

	(void)state;
#define OTHER(change) \
	do { \
		change; \
		take(2); \
		assert_int_equal(written.records, ++records); \
	} while (0)
	OTHER((void)0);
	OTHER(record.path = "b");
	OTHER(record.path = "");
	OTHER(record.path = NULL);
	OTHER(record.path = "a"; record.mount = "other");
	OTHER(record.mount = "secret/a"; record.path = "a");
	OTHER(record.mount = "secret"; record.path = "a/a");
	OTHER(record.op = "probe");
	OTHER(record.rule = "web2");
	OTHER(record.rule = NULL);
	OTHER(record.credential = "web2");
	OTHER(record.code = CODE_NOT_FOUND);
	OTHER(record.code = CODE_FORBIDDEN);
	OTHER(record.gone = true);
	OTHER(peer.uid = 34);
	OTHER(peer.gid = 34);
	OTHER(peer.unit = (char *)(uintptr_t) "a.service");
	OTHER(peer.user_unit = (char *)(uintptr_t) "b.service");
	OTHER(peer.unit = (char *)(uintptr_t) "b.service"; peer.user_unit = NULL);
#undef OTHER
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_int_equal(written.requests, 2 * records);
}

static void test_texts_are_the_tables_own(void **state)
{
	char path[] = "mine", unit[] = "mine.service";

	(void)state;
	record.path = path;
	peer.unit = unit;
	take(2);
	memset(path, 'x', 4);
	memset(unit, 'x', 4);
	record.path = "other";
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_string_equal(written.path, "mine");
	assert_string_equal(written.unit, "mine.service");
}

static void test_when_there_are_too_many_kinds_the_oldest_is_written_early(void **state)
{
	char path[32];

	(void)state;
	take(5);
	record.path = path;
	for (unsigned i = 1; i < AUDIT_REPEATS_MAX; i++) {
		snprintf(path, sizeof(path), "p%u", i);
		take(1);
	}
	assert_int_equal(written.records, AUDIT_REPEATS_MAX);
	strcpy(path, "one more");
	take(1);
	assert_int_equal(written.records, AUDIT_REPEATS_MAX + 2);
	assert_int_equal(written.requests, AUDIT_REPEATS_MAX + 5);
	record.path = "a";
	take(1);
	assert_int_equal(written.count, 1); /* it was forgotten */
}

static void test_no_request_is_lost_or_counted_twice(void **state)
{
	unsigned taken = 0;
	char path[16];

	(void)state;
	srand(1);
	record.path = path;
	for (unsigned i = 0; i < 50000; i++, taken++) {
		snprintf(path, sizeof(path), "%d", rand() % (2 * AUDIT_REPEATS_MAX));
		now += (unsigned)rand() % 500;
		take(1);
		if (rand() % 10 == 0)
			audit_repeats_sweep(repeats, now);
	}
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_int_equal(written.requests, taken);
}

/* A record that is written later must hold what was remembered, since its request is gone by then. */
static void check_record(void *arg, const struct audit_record *r, uint64_t count)
{
	unsigned *calls = arg;

	if (++*calls % 2 == 1)
		return;
	assert_int_equal(count, 2);
	assert_string_equal(r->op, record.op);
	assert_string_equal(r->mount, "secret");
	assert_string_equal(r->path, "");
	assert_null(r->credential);
	assert_null(r->rule);
	assert_int_equal(r->gone, record.gone);
	if (!record.gone)
		assert_int_equal(r->code, record.code);
	assert_int_equal(r->version, 7);
	assert_true((r->peer == NULL) == (record.peer == NULL));
	if (r->peer == NULL)
		return;
	assert_int_equal(r->peer->uid, 33);
	assert_int_equal(r->peer->gid, 34);
	assert_int_equal(r->peer->pid, 101);
	assert_null(r->peer->unit);
	assert_string_equal(r->peer->user_unit, "app.service");
}

static void test_a_counted_record_is_as_it_was(void **state)
{
	static char user_unit[] = "app.service";
	unsigned calls = 0;
	struct audit_repeats *checked = audit_repeats_new(check_record, &calls);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		peer = (struct peer){ .uid = 33, .gid = 34, .pid = 101, .user_unit = user_unit };
		record = (struct audit_record){ .op = "kv.get",
			.mount = "secret",
			.path = "",
			.version = 7,
			.peer = i % 2 == 0 ? &peer : NULL,
			.gone = i / 2 == 0,
			.code = CODE_FORBIDDEN };
		for (unsigned n = 0; n < 3; n++)
			audit_repeats_take(checked, &record, now);
		(void)audit_repeats_sweep(checked, now += MINUTE);
		assert_int_equal(calls, 2 * i + 2);
		(void)audit_repeats_sweep(checked, now += MINUTE); /* which also forgets it */
	}
	audit_repeats_free(checked);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_is_written_at_once),
		TEST(test_those_that_follow_are_counted_for_a_minute),
		TEST(test_the_number_is_that_of_the_last_request),
		TEST(test_the_next_minute_begins_with_the_count),
		TEST(test_a_request_after_the_minute_does_not_count_to_it),
		TEST(test_at_the_end_all_that_was_counted_is_written),
		TEST(test_what_makes_requests_equal),
		TEST(test_texts_are_the_tables_own),
		TEST(test_when_there_are_too_many_kinds_the_oldest_is_written_early),
		TEST(test_no_request_is_lost_or_counted_twice),
		TEST(test_a_counted_record_is_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
