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

/* The texts of the last record that was written, and sums over all records; what is absent is "-". */
static struct {
	unsigned records;
	uint64_t requests, count, paths, version, microseconds, request;
	bool is_rest, has_peer;
	uid_t uid;
	pid_t pid;
	enum code code;
	char op[64], mount[64], path[64], unit[64], rule[64], for_unit[64];
} written;

static bool no_room; /* nothing is taken */

static bool on_write(void *arg, const struct audit_entry *entry)
{
	const struct audit_record *r = entry->record;

	(void)arg;
	if (no_room)
		return false;
	written.records++;
	written.requests += entry->count > 0 ? entry->count : 1;
	written.count = entry->count;
	written.is_rest = entry->is_rest;
	written.paths = entry->paths;
	written.version = r->version;
	written.microseconds = r->microseconds;
	written.request = r->request;
	written.code = r->code;
	written.has_peer = r->peer != NULL;
	written.uid = r->peer != NULL ? r->peer->uid : 0;
	written.pid = r->peer != NULL ? r->peer->pid : 0;
#define COPY(name, text) snprintf(written.name, sizeof(written.name), "%s", (text) != NULL ? (text) : "-")
	COPY(op, r->op);
	COPY(mount, r->mount);
	COPY(path, r->path);
	COPY(unit, r->peer != NULL ? r->peer->unit : NULL);
	COPY(rule, r->rule);
	COPY(for_unit, r->for_unit);
#undef COPY
	return true;
}

static int setup(void **state)
{
	(void)state;
	memset(&written, 0, sizeof(written));
	no_room = false;
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
		audit_repeats_take(repeats, &record, AUDIT_COUNTED, now);
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
	OTHER(record.for_unit = "a.service");
	OTHER(record.for_unit = "b.service");
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
	char path[] = "mine", unit[] = "mine.service", for_unit[] = "other.service";

	(void)state;
	record.path = path;
	peer.unit = unit;
	record.for_unit = for_unit;
	take(2);
	memset(path, 'x', 4);
	memset(unit, 'x', 4);
	memset(for_unit, 'x', 5);
	record.path = "other";
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_string_equal(written.path, "mine");
	assert_string_equal(written.unit, "mine.service");
	assert_string_equal(written.for_unit, "other.service");
}

/* Takes one request for each of n paths, beginning with p<from>. */
static void take_paths(unsigned from, unsigned n)
{
	char path[32];

	record.path = path;
	for (unsigned i = from; i < from + n; i++) {
		snprintf(path, sizeof(path), "p%u", i);
		take(1);
	}
	record.path = "a";
}

static void test_beyond_so_many_paths_one_record_counts_the_rest(void **state)
{
	(void)state;
	record.request = 7;
	peer.unit = (char *)(uintptr_t) "a.service";
	take_paths(0, AUDIT_REPEATS_WORKED);
	assert_int_equal(written.records, AUDIT_REPEATS_WORKED);
	take_paths(AUDIT_REPEATS_WORKED, 300);
	record.request = 8;
	record.microseconds = 900;
	take_paths(AUDIT_REPEATS_WORKED, 200); /* again */
	now += MINUTE - 1;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.records, AUDIT_REPEATS_WORKED);
	now += 1;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.records, AUDIT_REPEATS_WORKED + 1);
	assert_true(written.is_rest);
	assert_int_equal(written.count, 500);
	assert_int_equal(written.paths, 300);
	assert_int_equal(written.uid, 33);
	assert_int_equal(written.request, 8);
	assert_int_equal(written.version, 0);
	assert_int_equal(written.microseconds, 900);
	assert_string_equal(written.op, "kv.get");
	assert_string_equal(written.mount, "secret");
	assert_string_equal(written.path, "-");
	assert_string_equal(written.unit, "a.service");
	assert_string_equal(written.rule, "web");
	assert_false(audit_repeats_sweep(repeats, now)); /* nothing is left of it */
}

static void test_the_records_of_a_flood_do_not_grow_with_its_paths(void **state)
{
	unsigned taken = 0;

	(void)state;
	record.code = CODE_FORBIDDEN;
	for (uint64_t end = now + 3 * MINUTE; now < end; now += 30, taken += 100)
		take_paths(taken, 100);
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_int_equal(written.requests, taken);
	assert_in_range(written.records, 3, 3 * (AUDIT_REPEATS_FAILED + 1));
}

/* A flood of one kind leaves room for the others of the same user, and for other users. */
static void test_each_user_and_outcome_has_its_own_room(void **state)
{
	static const struct {
		uid_t uid;
		enum code code;
	} others[] = { { 33, CODE_NONE }, { 33, CODE_NOT_FOUND }, { 34, CODE_FORBIDDEN }, { 34, CODE_NONE } };

	(void)state;
	record.code = CODE_FORBIDDEN;
	take_paths(0, 10 * AUDIT_REPEATS_FAILED);
	assert_int_equal(written.records, AUDIT_REPEATS_FAILED);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		record.code = others[i].code;
		peer.uid = others[i].uid;
		take_paths(0, AUDIT_REPEATS_FAILED);
		assert_int_equal(written.records, (i + 2) * AUDIT_REPEATS_FAILED);
		assert_string_equal(written.path, "p63");
	}
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_int_equal(written.records, 5 * AUDIT_REPEATS_FAILED + 1);
	assert_int_equal(written.count, 9 * AUDIT_REPEATS_FAILED);
	assert_int_equal(written.uid, 33);
	assert_int_equal(written.code, CODE_FORBIDDEN);
}

static void test_what_differs_is_left_out_of_the_rest(void **state)
{
	(void)state;
	record.code = CODE_FORBIDDEN;
	take_paths(0, AUDIT_REPEATS_FAILED);
	record.path = "b";
	take(1);
	record.op = "kv.put";
	record.mount = "other";
	record.rule = NULL;
	peer.gid = 35;
	peer.unit = (char *)(uintptr_t) "b.service";
	take(1);
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_int_equal(written.count, 2);
	assert_int_equal(written.paths, 2); /* one path of each mount */
	assert_int_equal(written.uid, 33);
	assert_string_equal(written.op, "-");
	assert_string_equal(written.mount, "-");
	assert_string_equal(written.rule, "-");
	assert_string_equal(written.unit, "-");
}

static void test_a_kind_that_is_forgotten_makes_room(void **state)
{
	(void)state;
	take_paths(0, AUDIT_REPEATS_WORKED);
	now += MINUTE;
	take_paths(AUDIT_REPEATS_WORKED, 1);
	assert_false(written.is_rest);
	assert_int_equal(written.records, AUDIT_REPEATS_WORKED + 1);
	assert_string_equal(written.path, "p1024");
}

/* With a range of uids of his own, a user is many. */
static void test_memory_and_records_are_bounded_however_many_users_there_are(void **state)
{
	unsigned most = AUDIT_REPEATS_ALL_FAILED + AUDIT_REPEATS_USERS * (AUDIT_REPEATS_FEW + 1) + 1, taken = 0;

	(void)state;
	record.code = CODE_FORBIDDEN;
	record.rule = NULL;
	for (peer.uid = 100000; peer.uid < 104000; peer.uid++, taken += AUDIT_REPEATS_FAILED + 1)
		take_paths(0, AUDIT_REPEATS_FAILED + 1);
	record.rule = "web";
	record.code = CODE_NONE;
	peer.uid = 33;
	take_paths(0, 10); /* is not among those that crowd */
	assert_string_equal(written.path, "p9");
	assert_int_equal(written.uid, 33);
	audit_repeats_sweep(repeats, UINT64_MAX);
	assert_int_equal(written.requests, taken + 10);
	assert_in_range(written.records, AUDIT_REPEATS_USERS, most + 10);
	assert_true(written.is_rest); /* the last rest that began, of all users above AUDIT_REPEATS_USERS */
	assert_false(written.has_peer);
	assert_string_equal(written.op, "kv.get");
	assert_int_equal(written.code, CODE_FORBIDDEN);
	assert_int_equal(written.count, (4000 - AUDIT_REPEATS_USERS) * (AUDIT_REPEATS_FAILED + 1));
}

static void test_users_that_crowd_leave_a_few_to_each_other(void **state)
{
	(void)state;
	for (peer.uid = 1; written.records < AUDIT_REPEATS_ALL_WORKED; peer.uid++)
		take_paths(0, AUDIT_REPEATS_WORKED);
	peer.uid = 33;
	take_paths(0, 2 * AUDIT_REPEATS_FEW);
	assert_int_equal(written.records, AUDIT_REPEATS_ALL_WORKED + AUDIT_REPEATS_FEW);
	assert_int_equal(written.uid, 33);
}

static void test_each_alone_is_written_as_long_as_there_are_few(void **state)
{
	(void)state;
	record.code = CODE_CAS_MISMATCH;
	for (unsigned i = 0; i < 2 * AUDIT_REPEATS_FAILED; i++) {
		record.request = i;
		audit_repeats_take(repeats, &record, AUDIT_EACH_ALONE, now);
		if (i < AUDIT_REPEATS_FAILED) {
			assert_int_equal(written.count, 0);
			assert_int_equal(written.request, i);
		}
	}
	assert_int_equal(written.records, AUDIT_REPEATS_FAILED);
	now += MINUTE;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.records, AUDIT_REPEATS_FAILED + 1);
	assert_true(written.is_rest);
	assert_int_equal(written.count, AUDIT_REPEATS_FAILED);
	assert_int_equal(written.paths, 1);
	audit_repeats_take(repeats, &record, AUDIT_EACH_ALONE, now);
	assert_false(written.is_rest);
}

/* Where a slow journal has not taken what came before. */
static void test_what_finds_no_room_is_counted_and_comes_later(void **state)
{
	(void)state;
	no_room = true;
	take(3);
	record.path = "b";
	take(2);
	now += MINUTE;
	take(1);
	assert_true(audit_repeats_sweep(repeats, now));
	assert_true(audit_repeats_sweep(repeats, UINT64_MAX));
	assert_int_equal(written.records, 0);
	no_room = false;
	audit_repeats_sweep(repeats, now);
	assert_int_equal(written.records, 2);
	assert_int_equal(written.requests, 6);
	assert_int_equal(written.count, 3);
}

static void test_no_request_is_lost_or_counted_twice(void **state)
{
	static const enum code codes[] = { CODE_NONE, CODE_FORBIDDEN, CODE_NOT_FOUND };
	unsigned taken = 0;
	char path[16];

	(void)state;
	srand(1);
	record.path = path;
	for (unsigned i = 0; i < 100000; i++, taken++) {
		snprintf(path, sizeof(path), "%d", rand() % (2 * (int)AUDIT_REPEATS_WORKED));
		now += (unsigned)rand() % 200;
		peer.uid = (uid_t)(rand() % 400);
		record.code = codes[rand() % 3];
		no_room = rand() % 10 == 0;
		audit_repeats_take(repeats, &record, rand() % 5 == 0 ? AUDIT_EACH_ALONE : AUDIT_COUNTED, now);
		if (rand() % 10 == 0)
			audit_repeats_sweep(repeats, now);
	}
	no_room = false;
	assert_false(audit_repeats_sweep(repeats, UINT64_MAX));
	assert_int_equal(written.requests, taken);
}

/* A record that is written later must hold what was remembered, since its request is gone by then. */
static bool check_record(void *arg, const struct audit_entry *entry)
{
	const struct audit_record *r = entry->record;
	unsigned *calls = arg;

	if (++*calls % 2 == 1)
		return true;
	assert_int_equal(entry->count, 2);
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
		return true;
	assert_int_equal(r->peer->uid, 33);
	assert_int_equal(r->peer->gid, 34);
	assert_int_equal(r->peer->pid, 101);
	assert_null(r->peer->unit);
	assert_string_equal(r->peer->user_unit, "app.service");
	return true;
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
			audit_repeats_take(checked, &record, AUDIT_COUNTED, now);
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
		TEST(test_beyond_so_many_paths_one_record_counts_the_rest),
		TEST(test_the_records_of_a_flood_do_not_grow_with_its_paths),
		TEST(test_each_user_and_outcome_has_its_own_room),
		TEST(test_what_differs_is_left_out_of_the_rest),
		TEST(test_a_kind_that_is_forgotten_makes_room),
		TEST(test_memory_and_records_are_bounded_however_many_users_there_are),
		TEST(test_users_that_crowd_leave_a_few_to_each_other),
		TEST(test_each_alone_is_written_as_long_as_there_are_few),
		TEST(test_what_finds_no_room_is_counted_and_comes_later),
		TEST(test_no_request_is_lost_or_counted_twice),
		TEST(test_a_counted_record_is_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
