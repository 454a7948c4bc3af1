/*
 * Gets as callers see them: who shares a read, whose time is over, and when the cache answers in the place of
 * OpenBao.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "tests/unit/kv_helper.h"
#include "tests/unit/names.h"

#define SECRET "/v1/secret/data/a"
#define MOUNT "/v1/sys/internal/ui/mounts/secret"
/* n is the number of the read. */
#define GIVEN \
	"{\"data\":{\"data\":{\"n\":%u},\"metadata\":{\"version\":7,\"created_time\":\"2026\"," \
	"\"custom_metadata\":null}}}"
#define WRITTEN "{\"data\":{\"version\":8,\"created_time\":\"2026\",\"custom_metadata\":null}}"
#define SEALED "{\"errors\":[\"Vault is sealed\"]}"
#define STALE_MS 300
#define EARLY_MS 20 /* a timer may end that much early, since the loop's clock stands still during a turn */

static struct kv_wanted latest = { .max_age_ms = KV_ANY_AGE };

static void open_with(void **state, uint64_t max_age_ms, uint64_t serve_stale_ms, unsigned lease_s)
{
	static struct kv_bench b;
	const struct kv_options options = { .max_age_ms = max_age_ms,
		.serve_stale_ms = serve_stale_ms,
		.max_bytes = 1 << 20 };

	latest.name = name_of("secret", "a");
	kv_helper_setup(state, &b, &options, lease_s);
	fakebao_answer(b.f, SECRET, 200, GIVEN);
}

static int setup(void **state)
{
	open_with(state, 0, 0, 3600);
	return 0;
}

static int setup_cache(void **state)
{
	open_with(state, 60000, 0, 3600);
	return 0;
}

/* Whatever is in the cache is stale. */
static int setup_stale(void **state)
{
	open_with(state, 0, 60000, 3600);
	return 0;
}

struct told {
	unsigned times;
	enum code code;
	bool unsaid;
	unsigned n; /* what the secret held, which is the number of the read */
	uint64_t version;
	bool cached, stale;
};

static void note(struct told *t, const struct kv_reply *reply)
{
	char data[32];

	t->times++;
	t->code = reply->failure != NULL ? reply->failure->code : CODE_NONE;
	t->unsaid = reply->failure != NULL && reply->failure->unsaid;
	t->version = reply->version;
	t->cached = reply->cached;
	t->stale = reply->stale;
	snprintf(data, sizeof(data), "%.*s", (int)reply->data.len, reply->data.len > 0 ? reply->data.p : "");
	if (sscanf(data, "{\"n\":%u}", &t->n) != 1)
		t->n = 0;
}

static void on_told(void *arg, const struct kv_reply *reply)
{
	note(arg, reply);
}

static struct get *get(struct kv_bench *b, struct told *t, uint64_t ms)
{
	struct get *read;

	*t = (struct told){ .times = 0 };
	read = kv_get(b->kv, 1, &latest, clock_now_ms() + ms, on_told, t);
	assert_non_null(read);
	assert_int_equal(t->times, 0);
	return read;
}

static struct told get_now(struct kv_bench *b)
{
	struct told t;

	get(b, &t, 5000);
	fakebao_until(b->f, t.times > 0);
	assert_int_equal(t.times, 1);
	return t;
}

/* Asks the cache alone. times is 0 if it has no answer. */
static struct told ask_cache(struct kv_bench *b, const struct kv_wanted *wanted)
{
	struct told t = { .times = 0 };
	struct kv_reply reply;

	if (kv_cached(b->kv, wanted, clock_now_ms(), &reply)) {
		assert_null(reply.failure);
		note(&t, &reply);
	}
	return t;
}

static void put_told(struct kv_bench *b, struct told *t)
{
	const struct kv_write what = { .name = latest.name,
		.row = API_KV_PUT,
		.data = "{}",
		.data_len = 2,
		.caller = 1,
		.deadline_ms = clock_now_ms() + 5000 };

	assert_non_null(kv_put(b->kv, &what, on_told, t));
}

static bool put(struct kv_bench *b)
{
	struct told t = { .times = 0 };

	put_told(b, &t);
	fakebao_until(b->f, t.times > 0);
	return t.code == CODE_NONE;
}

static unsigned reads(struct kv_bench *b)
{
	return fakebao_count(b->f, SECRET);
}

/* -- flights ------------------------------------------------------------------------------------------------- */

static void test_a_thousand_callers_are_two_reads(void **state)
{
	static struct told told[1000];
	struct kv_bench *b = *state;

	(void)get_now(b);
	for (size_t i = 0; i < 1000; i++)
		get(b, &told[i], 5000);
	for (size_t i = 0; i < 1000; i++)
		fakebao_until(b->f, told[i].times > 0);
	assert_int_equal(reads(b), 3);
	assert_int_equal(told[0].n, 2);
	for (size_t i = 1; i < 1000; i++) {
		assert_int_equal(told[i].times, 1);
		assert_int_equal(told[i].code, CODE_NONE);
		assert_int_equal(told[i].n, 3);
		assert_int_equal(told[i].version, 7);
	}
}

/* The read is sent later than any of them came, since the mount has to be asked for first. */
static void test_who_comes_before_the_read_is_sent_shares_it(void **state)
{
	struct kv_bench *b = *state;
	struct told hasty, patient, late;

	fakebao_hold(b->f, MOUNT, true);
	get(b, &hasty, 100);
	get(b, &patient, 5000);
	fakebao_until(b->f, hasty.times > 0);
	assert_int_equal(hasty.code, CODE_TIMEOUT);
	get(b, &late, 5000);
	fakebao_pass(b->f, 100);
	assert_int_equal(patient.times + late.times, 0);
	fakebao_hold(b->f, MOUNT, false);
	fakebao_until(b->f, patient.times > 0 && late.times > 0);
	assert_int_equal(patient.code, CODE_NONE);
	assert_int_equal(late.n, 1);
	assert_int_equal(reads(b), 1);
}

static void test_a_deadline_takes_only_its_own_caller_away(void **state)
{
	struct kv_bench *b = *state;
	struct told first, hasty, patient;

	(void)get_now(b);
	fakebao_hold(b->f, SECRET, true);
	get(b, &first, 5000);
	get(b, &hasty, 20);
	get(b, &patient, 5000);
	fakebao_until(b->f, hasty.times > 0);
	assert_int_equal(hasty.code, CODE_TIMEOUT);
	assert_int_equal(first.times + patient.times, 0);
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, first.times > 0 && patient.times > 0);
	assert_int_equal(first.code, CODE_NONE);
	assert_int_equal(patient.code, CODE_NONE);
	assert_int_equal(hasty.times, 1);
}

static void test_the_flight_lasts_as_long_as_its_most_patient_caller(void **state)
{
	struct kv_bench *b = *state;
	struct told t;

	fakebao_hold(b->f, SECRET, true);
	get(b, &t, 120);
	fakebao_until(b->f, t.times > 0);
	assert_int_equal(t.code, CODE_TIMEOUT);
	fakebao_hold(b->f, SECRET, false);
	assert_int_equal(get_now(b).code, CODE_NONE);
}

static void test_a_read_that_nobody_waits_for_is_ended(void **state)
{
	struct kv_bench *b = *state;
	struct told t, next;
	struct get *read;

	(void)get_now(b);
	fakebao_hold(b->f, SECRET, true);
	read = get(b, &t, 5000);
	fakebao_until(b->f, reads(b) == 2);
	kv_get_abandon(read);
	get(b, &next, 5000);
	fakebao_until(b->f, reads(b) == 3); /* the next read is sent at once, since no read is before it */
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, next.times > 0);
	assert_int_equal(next.n, 3);
	assert_int_equal(t.times, 0);
}

static void test_a_slow_read_does_not_hold_up_the_next_for_long(void **state)
{
	struct kv_bench *b = *state;
	struct told t[5];

	(void)get_now(b);
	fakebao_hold(b->f, SECRET, true);
	for (unsigned i = 0; i < 3; i++) {
		get(b, &t[i], 5000);
		fakebao_until(b->f, reads(b) == 2 + i);
	}
	get(b, &t[3], 5000);
	get(b, &t[4], 5000);
	fakebao_pass(b->f, 200);
	assert_int_equal(reads(b), 4); /* no more than three at a time */
	fakebao_hold(b->f, SECRET, false);
	for (unsigned i = 0; i < 5; i++)
		fakebao_until(b->f, t[i].times > 0);
	assert_int_equal(reads(b), 5);
	assert_int_equal(t[3].n, 5);
	assert_int_equal(t[4].n, 5);
}

static void test_who_waits_behind_a_login_is_told_so(void **state)
{
	struct kv_bench *b = *state;
	struct told denied, ahead, behind;
	struct get *read;

	fakebao_answer(b->f, SECRET, 403, FAKEBAO_DENIED);
	fakebao_answer(b->f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_hold(b->f, FAKEBAO_LOGIN, true);
	read = get(b, &denied, 5000);
	fakebao_until(b->f, fakebao_count(b->f, FAKEBAO_LOGIN) == 2);
	kv_get_abandon(read);
	get(b, &ahead, 5000);
	get(b, &behind, 20);
	fakebao_until(b->f, behind.times > 0);
	assert_int_equal(behind.code, CODE_NOT_READY);
	fakebao_answer(b->f, SECRET, 200, GIVEN);
	fakebao_hold(b->f, FAKEBAO_LOGIN, false);
	fakebao_until(b->f, ahead.times > 0);
	assert_int_equal(ahead.code, CODE_NONE);
}

static void test_who_shares_a_read_says_whose_it_is(void **state)
{
	struct kv_bench *b = *state;
	struct told t[3];

	fakebao_hold(b->f, MOUNT, true);
	log_set_level(LOG_LEVEL_DEBUG);
	for (unsigned i = 0; i < 3; i++) {
		latest.number = 12 + i;
		get(b, &t[i], 5000);
	}
	latest.number = 0;
	fakebao_hold(b->f, MOUNT, false);
	for (unsigned i = 0; i < 3; i++)
		fakebao_until(b->f, t[i].times > 0);
	log_set_level(LOG_LEVEL_INFO);
	assert_int_equal(fakebao_logged(b->f, "request 12: read: mount -> any"), 1);
	assert_int_equal(fakebao_logged(b->f, "request 13: get: shares the read of request 12"), 1);
	assert_int_equal(fakebao_logged(b->f, "request 14: get: shares the read of request 12"), 1);
	assert_int_equal(fakebao_logged(b->f, "shares"), 2);
}

static void on_drained(void *arg)
{
	*(bool *)arg = true;
}

static void test_draining_finishes_what_was_sent_and_leaves_the_rest_unsaid(void **state)
{
	struct kv_bench *b = *state;
	struct told sent, waiting[2];
	bool drained = false;

	fakebao_hold(b->f, SECRET, true);
	get(b, &sent, 5000);
	fakebao_until(b->f, fakebao_count(b->f, SECRET) == 1);
	for (unsigned i = 0; i < 2; i++)
		get(b, &waiting[i], 5000); /* for the first one's end */
	kv_drain(b->kv, 5000, on_drained, &drained);
	fakebao_pass(b->f, 200);
	assert_false(drained);
	assert_int_equal(sent.times, 0);
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, drained);
	assert_int_equal(sent.times, 1);
	assert_int_equal(sent.code, CODE_NONE);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(waiting[i].times, 1);
		assert_int_equal(waiting[i].code, CODE_UNAVAILABLE);
		assert_true(waiting[i].unsaid);
	}
	assert_int_equal(fakebao_count(b->f, SECRET), 1);
}

static void test_a_read_that_openbao_does_not_answer_stays_unsaid_when_the_drain_is_over(void **state)
{
	struct kv_bench *b = *state;
	bool drained = false;
	struct told sent;

	fakebao_hold(b->f, SECRET, true);
	get(b, &sent, 5000);
	fakebao_until(b->f, fakebao_count(b->f, SECRET) == 1);
	kv_drain(b->kv, 300, on_drained, &drained);
	fakebao_until(b->f, drained && sent.times > 0);
	assert_int_equal(sent.code, CODE_UNAVAILABLE);
	assert_true(sent.unsaid);
	fakebao_hold(b->f, SECRET, false);
}

static void test_draining_waits_for_no_answer_of_an_openbao_that_is_down(void **state)
{
	struct kv_bench *b = *state;
	uint64_t begin;
	bool drained = false;
	struct told sent;

	fakebao_hold(b->f, SECRET, true);
	get(b, &sent, 9000);
	fakebao_until(b->f, fakebao_count(b->f, SECRET) == 1);
	fakebao_answer(b->f, FAKEBAO_HEALTH, 0, "");
	login_unreachable(b->login);
	fakebao_until(b->f, login_health(b->login) == HEALTH_DOWN);
	begin = clock_now_ms();
	kv_drain(b->kv, 8000, on_drained, &drained);
	fakebao_until(b->f, drained && sent.times > 0);
	assert_true(clock_now_ms() < begin + 1000);
	assert_true(sent.unsaid);
	fakebao_hold(b->f, SECRET, false);
}

/* What would be tried again after a pause is for the next daemon to try. */
static void test_a_read_that_fails_for_now_while_it_drains_stays_unsaid(void **state)
{
	struct kv_bench *b = *state;
	bool drained = false;
	struct told sent;

	fakebao_hold(b->f, SECRET, true);
	get(b, &sent, 5000);
	fakebao_until(b->f, fakebao_count(b->f, SECRET) == 1);
	kv_drain(b->kv, 5000, on_drained, &drained);
	fakebao_answer(b->f, SECRET, 502, "");
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, drained && sent.times > 0);
	assert_true(sent.unsaid);
}

static void test_freeing_with_reads_under_way(void **state)
{
	static struct told t[3];
	struct kv_bench *b = *state;

	for (unsigned i = 0; i < 3; i++)
		get(b, &t[i], 5000);
}

/* -- the cache ----------------------------------------------------------------------------------------------- */

static void test_without_a_cache_nothing_is_kept(void **state)
{
	struct kv_bench *b = *state;

	(void)get_now(b);
	assert_int_equal(ask_cache(b, &latest).times, 0);
}

static void test_what_was_read_is_answered_from_memory(void **state)
{
	struct kv_bench *b = *state;
	struct told t;
	struct kv_status status;

	assert_int_equal(ask_cache(b, &latest).times, 0);
	assert_false(get_now(b).cached);
	t = ask_cache(b, &latest);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.version, 7);
	assert_true(t.cached && !t.stale);
	kv_status(b->kv, &status);
	assert_int_equal(status.entries, 1);
	assert_true(status.bytes > 0);
	assert_int_equal(reads(b), 1);
}

static void test_a_get_may_be_stricter(void **state)
{
	struct kv_bench *b = *state;
	struct kv_wanted wanted = latest;

	(void)get_now(b);
	wanted.max_age_ms = 0;
	assert_int_equal(ask_cache(b, &wanted).times, 0);
	wanted.max_age_ms = 100000;
	assert_int_equal(ask_cache(b, &wanted).times, 1);
	wanted.max_age_ms = 30;
	fakebao_pass(b->f, 40);
	assert_int_equal(ask_cache(b, &wanted).times, 0);
	wanted = latest;
	wanted.min_version = 7;
	assert_int_equal(ask_cache(b, &wanted).times, 1);
	wanted.min_version = 8;
	assert_int_equal(ask_cache(b, &wanted).times, 0);
	wanted = latest;
	wanted.version = 7;
	assert_int_equal(ask_cache(b, &wanted).times, 0);
}

static void test_a_put_takes_it_away(void **state)
{
	struct kv_bench *b = *state;

	(void)get_now(b);
	fakebao_answer(b->f, SECRET, 200, WRITTEN);
	assert_true(put(b));
	assert_int_equal(ask_cache(b, &latest).times, 0);
	fakebao_answer(b->f, SECRET, 200, GIVEN);
}

static void test_a_read_that_was_under_way_before_a_put_is_not_kept(void **state)
{
	struct kv_bench *b = *state;
	struct told t;

	(void)get_now(b);
	kv_forget(b->kv);
	fakebao_hold(b->f, SECRET, true);
	get(b, &t, 5000);
	fakebao_until(b->f, reads(b) == 2);
	put_told(b, &(struct told){ .times = 0 });
	fakebao_until(b->f, reads(b) == 3);
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, t.times > 0);
	assert_int_equal(ask_cache(b, &latest).times, 0);
	fakebao_pass(b->f, 50);
	assert_int_equal(ask_cache(b, &latest).times, 0);
}

static void test_no_or_no_more_takes_it_away(void **state)
{
	static const struct {
		int status;
		const char *body;
	} says[] = { { 404, "{\"errors\":[]}" }, { 403, FAKEBAO_DENIED_WRAPPED },
		{ 400, "{\"errors\":[\"no\"]}" } };
	struct kv_bench *b = *state;

	fakebao_answer(b->f, FAKEBAO_LOOKUP, 200, "{\"data\":{}}");
	for (size_t i = 0; i < 3; i++) {
		fakebao_answer(b->f, SECRET, 200, GIVEN);
		(void)get_now(b);
		assert_int_equal(ask_cache(b, &latest).times, 1);
		fakebao_answer(b->f, SECRET, says[i].status, says[i].body);
		assert_int_not_equal(get_now(b).code, CODE_NONE);
		assert_int_equal(ask_cache(b, &latest).times, 0);
	}
}

static void test_a_restore_takes_it_away(void **state)
{
	struct kv_bench *b = *state;

	(void)get_now(b);
	kv_forget(b->kv);
	assert_int_equal(ask_cache(b, &latest).times, 0);
}

static void test_a_refused_login_takes_all_away(void **state)
{
	struct kv_bench *b = *state;

	(void)get_now(b);
	fakebao_answer(b->f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	assert_int_equal(ask_cache(b, &latest).times, 1);
	login_afresh(b->login);
	fakebao_until(b->f, login_state(b->login) == LEASE_REJECTED);
	assert_int_equal(ask_cache(b, &latest).times, 0);
}

static void set_max_age(struct kv_bench *b, uint64_t ms)
{
	kv_set_cache(b->kv, &(struct kv_options){ .max_age_ms = ms, .max_bytes = 1 << 20 });
}

static void test_it_can_be_turned_on_and_off(void **state)
{
	struct kv_bench *b = *state;
	struct told t, written = { .times = 0 };

	(void)get_now(b);
	fakebao_hold(b->f, SECRET, true);
	put_told(b, &written);
	fakebao_until(b->f, reads(b) == 2);
	set_max_age(b, 60000);
	get(b, &t, 5000);
	fakebao_until(b->f, reads(b) == 3);
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, t.times > 0 && written.times > 0);
	/* This was read before a put had ended that began without the cache. */
	assert_int_equal(ask_cache(b, &latest).times, 0);
	(void)get_now(b);
	assert_int_equal(ask_cache(b, &latest).times, 1);
	set_max_age(b, 0);
	assert_int_equal(ask_cache(b, &latest).times, 0);
	set_max_age(b, 60000);
	assert_int_equal(ask_cache(b, &latest).times, 0);
}

static void test_while_it_is_paused_nothing_is_kept(void **state)
{
	struct kv_bench *b = *state;
	struct told t;

	(void)get_now(b);
	kv_pause_cache(b->kv, true);
	assert_int_equal(ask_cache(b, &latest).times, 0);
	(void)get_now(b);
	assert_int_equal(ask_cache(b, &latest).times, 0);
	fakebao_hold(b->f, SECRET, true);
	get(b, &t, 5000);
	kv_pause_cache(b->kv, false);
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, t.times > 0);
	assert_int_equal(ask_cache(b, &latest).times, 0);
	(void)get_now(b);
	assert_int_equal(ask_cache(b, &latest).times, 1);
}

static void test_what_is_too_old_goes_by_itself(void **state)
{
	struct kv_bench *b;
	struct kv_status status;

	open_with(state, 100, 150, 3600);
	b = *state;
	(void)get_now(b);
	do {
		fakebao_pass(b->f, 20);
		kv_status(b->kv, &status);
	} while (status.entries > 0);
	(void)get_now(b); /* the timer must have been set again */
	do {
		fakebao_pass(b->f, 20);
		kv_status(b->kv, &status);
	} while (status.entries > 0);
}

/* -- stale --------------------------------------------------------------------------------------------------- */

static void test_while_openbao_answers_nothing_is_stale(void **state)
{
	struct kv_bench *b = *state;

	(void)get_now(b);
	assert_int_equal(ask_cache(b, &latest).times, 0);
	assert_false(get_now(b).cached);
	assert_int_equal(reads(b), 2);
}

static void test_a_stale_answer_comes_at_once_where_openbao_is_known_to_be_away(void **state)
{
	struct kv_bench *b = *state;
	struct told t;

	(void)get_now(b);
	fakebao_down(b->f);
	t = get_now(b);
	assert_true(t.stale && t.cached && t.n == 1);
	fakebao_until(b->f, login_health(b->login) == HEALTH_DOWN);
	t = ask_cache(b, &latest);
	assert_true(t.stale && t.cached && t.n == 1);
	fakebao_back(b->f);
	fakebao_until(b->f, login_health(b->login) == HEALTH_UP);
	assert_int_equal(ask_cache(b, &latest).times, 0);
}

static void test_a_stale_answer_comes_after_a_while_where_it_is_not(void **state)
{
	struct kv_bench *b = *state;
	uint64_t began;
	struct told t;

	(void)get_now(b);
	fakebao_hold(b->f, SECRET, true);
	began = clock_now_ms();
	get(b, &t, 5000);
	fakebao_until(b->f, t.times > 0);
	assert_true(t.stale);
	assert_true(clock_now_ms() + EARLY_MS >= began + STALE_MS);
	began = clock_now_ms();
	get(b, &t, 200);
	fakebao_until(b->f, t.times > 0);
	assert_true(t.stale);
	assert_true(clock_now_ms() + EARLY_MS >= began + 100);
	fakebao_hold(b->f, SECRET, false);
}

/* If the read ended with the last caller who waits for it, no answer of a slow OpenBao would ever arrive. */
static void test_the_read_goes_on_and_brings_something_newer(void **state)
{
	struct kv_bench *b;
	struct told t;

	open_with(state, 1000, 60000, 3600);
	b = *state;
	(void)get_now(b);
	fakebao_until(b->f, ask_cache(b, &latest).times == 0);
	fakebao_hold(b->f, SECRET, true);
	get(b, &t, 9000);
	fakebao_until(b->f, t.times > 0);
	assert_true(t.stale);
	assert_int_equal(t.n, 1);
	fakebao_hold(b->f, SECRET, false);
	fakebao_until(b->f, ask_cache(b, &latest).n == 2);
	assert_int_equal(t.times, 1);
}

static void test_a_stale_answer_stands_in_where_the_login_has_run_out_meanwhile(void **state)
{
	struct kv_bench *b;

	open_with(state, 0, 60000, 2);
	b = *state;
	(void)get_now(b);
	fakebao_down(b->f);
	fakebao_until(b->f, !login_helper_status(b->login).ready);
	assert_true(get_now(b).stale);
	assert_true(ask_cache(b, &latest).stale);
}

static void test_a_stale_answer_stands_in_for_a_sealed_openbao_only(void **state)
{
	struct kv_bench *b = *state;

	(void)get_now(b);
	fakebao_answer(b->f, SECRET, 500, "{\"errors\":[\"oh\"]}");
	assert_int_equal(get_now(b).code, CODE_UPSTREAM_ERROR);
	fakebao_answer(b->f, SECRET, 503, SEALED);
	fakebao_answer(b->f, FAKEBAO_HEALTH, 200, FAKEBAO_SEALED);
	assert_true(get_now(b).stale);
	fakebao_answer(b->f, FAKEBAO_HEALTH, 200, FAKEBAO_UP);
	fakebao_answer(b->f, SECRET, 404, "{\"errors\":[]}");
	fakebao_until(b->f, login_health(b->login) == HEALTH_UP);
	assert_int_equal(get_now(b).code, CODE_NOT_FOUND);
	fakebao_down(b->f);
	assert_int_equal(get_now(b).code, CODE_UNAVAILABLE); /* not_found has removed it from the cache */
}

static void test_nothing_stale_for_one_who_wants_it_younger_or_newer(void **state)
{
	struct kv_bench *b = *state;
	struct kv_wanted wanted = latest;

	(void)get_now(b);
	fakebao_down(b->f);
	(void)get_now(b);
	fakebao_until(b->f, login_health(b->login) == HEALTH_DOWN);
	wanted.max_age_ms = 1;
	assert_int_equal(ask_cache(b, &wanted).times, 0);
	wanted = latest;
	wanted.min_version = 8;
	assert_int_equal(ask_cache(b, &wanted).times, 0);
	assert_int_equal(ask_cache(b, &latest).times, 1);
}

static void test_nothing_stale_while_the_login_is_rejected(void **state)
{
	struct kv_bench *b = *state;

	fakebao_answer(b->f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	login_afresh(b->login);
	fakebao_until(b->f, login_state(b->login) == LEASE_REJECTED);
	(void)get_now(b); /* the token that is still held suffices for this */
	fakebao_down(b->f);
	assert_int_equal(get_now(b).code, CODE_UNAVAILABLE);
	fakebao_until(b->f, login_health(b->login) == HEALTH_DOWN);
	assert_int_equal(ask_cache(b, &latest).times, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kv_helper_teardown)
#define TEST_CACHE(name) cmocka_unit_test_setup_teardown(name, setup_cache, kv_helper_teardown)
#define TEST_STALE(name) cmocka_unit_test_setup_teardown(name, setup_stale, kv_helper_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_thousand_callers_are_two_reads),
		TEST(test_who_comes_before_the_read_is_sent_shares_it),
		TEST(test_a_deadline_takes_only_its_own_caller_away),
		TEST(test_the_flight_lasts_as_long_as_its_most_patient_caller),
		TEST(test_a_read_that_nobody_waits_for_is_ended),
		TEST(test_a_slow_read_does_not_hold_up_the_next_for_long),
		TEST(test_who_waits_behind_a_login_is_told_so),
		TEST(test_who_shares_a_read_says_whose_it_is),
		TEST(test_draining_finishes_what_was_sent_and_leaves_the_rest_unsaid),
		TEST(test_a_read_that_openbao_does_not_answer_stays_unsaid_when_the_drain_is_over),
		TEST(test_draining_waits_for_no_answer_of_an_openbao_that_is_down),
		TEST(test_a_read_that_fails_for_now_while_it_drains_stays_unsaid),
		TEST(test_freeing_with_reads_under_way),
		TEST(test_without_a_cache_nothing_is_kept),
		TEST_CACHE(test_what_was_read_is_answered_from_memory),
		TEST_CACHE(test_a_get_may_be_stricter),
		TEST_CACHE(test_a_put_takes_it_away),
		TEST_CACHE(test_a_read_that_was_under_way_before_a_put_is_not_kept),
		TEST_CACHE(test_no_or_no_more_takes_it_away),
		TEST_CACHE(test_a_restore_takes_it_away),
		TEST_CACHE(test_a_refused_login_takes_all_away),
		TEST(test_it_can_be_turned_on_and_off),
		TEST_CACHE(test_while_it_is_paused_nothing_is_kept),
		cmocka_unit_test_teardown(test_what_is_too_old_goes_by_itself, kv_helper_teardown),
		TEST_STALE(test_while_openbao_answers_nothing_is_stale),
		TEST_STALE(test_a_stale_answer_comes_at_once_where_openbao_is_known_to_be_away),
		TEST_STALE(test_a_stale_answer_comes_after_a_while_where_it_is_not),
		cmocka_unit_test_teardown(test_the_read_goes_on_and_brings_something_newer, kv_helper_teardown),
		cmocka_unit_test_teardown(test_a_stale_answer_stands_in_where_the_login_has_run_out_meanwhile,
		    kv_helper_teardown),
		TEST_STALE(test_a_stale_answer_stands_in_for_a_sealed_openbao_only),
		TEST_STALE(test_nothing_stale_for_one_who_wants_it_younger_or_newer),
		TEST_STALE(test_nothing_stale_while_the_login_is_rejected),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
