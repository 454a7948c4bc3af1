/*
 * The probe: what each answer about OpenBao's health means, who waits for which request, and how long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/store/probe.h"
#include "tests/unit/login_helper.h"

#define MANY 100
#define TAG " (REQ-006, PX-0003)"
#define STANDBY "{\"initialized\":true,\"sealed\":false,\"standby\":true}"

struct asker {
	struct probe *probe;
	struct probe_wait *wait;
	unsigned times;
	enum code code; /* CODE_NONE: fit */
	struct failure why;
	struct asker *next; /* asks when this one is told */
};

struct bench {
	struct fakebao *f;
	struct login *login;
	struct probe *probe;
};

static void ask(struct bench *b, struct asker *asker, uint64_t timeout_ms);

static void on_told(void *arg, const struct failure *why)
{
	struct asker *asker = arg;

	asker->wait = NULL;
	asker->times++;
	asker->code = why != NULL ? why->code : CODE_NONE;
	if (why != NULL)
		asker->why = *why;
	if (asker->next != NULL)
		ask(&(struct bench){ .probe = asker->probe }, asker->next, 10000);
}

static void ask(struct bench *b, struct asker *asker, uint64_t timeout_ms)
{
	asker->probe = b->probe;
	asker->wait = probe_ask(b->probe, clock_now_ms() + timeout_ms, on_told, asker);
	assert_non_null(asker->wait);
	assert_int_equal(asker->times, 0);
}

static unsigned told(const struct asker *askers, size_t n, enum code code)
{
	unsigned with = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(askers[i].times <= 1);
		with += askers[i].times == 1 && askers[i].code == code;
	}
	return with;
}

/* Makes one request and waits for its result. */
static struct asker asked(struct bench *b)
{
	struct asker asker = { 0 };

	ask(b, &asker, 10000);
	fakebao_until(b->f, asker.times > 0);
	assert_int_equal(asker.times, 1);
	return asker;
}

static bool ends_with_tag(const char *message)
{
	size_t len = strlen(message);

	return len > strlen(TAG) && strcmp(message + len - strlen(TAG), TAG) == 0;
}

static struct bench bench_with(struct fakebao *f, struct login *login)
{
	struct bench b = { .f = f, .login = login, .probe = probe_new(f->base, f->api, login) };

	assert_non_null(b.probe);
	return b;
}

/* The daemon has logged in. */
static struct bench bench_open(struct fakebao *f)
{
	return bench_with(f, login_helper_serving(f, 3600, true));
}

static void bench_close(struct bench *b)
{
	probe_free(b->probe);
	login_free(b->login);
}

/* -- what answers mean --------------------------------------------------------------------------------------- */

static void test_a_healthy_openbao_is_fit_and_so_is_a_standby(void **state)
{
	static const struct {
		int status;
		const char *body;
	} rows[] = {
		{ 200, FAKEBAO_UP },
		{ 200, STANDBY },
		{ 299, STANDBY },
		{ 429, STANDBY },
		{ 473, STANDBY },
	};
	struct bench b = bench_open(*state);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fakebao_answer(b.f, FAKEBAO_HEALTH, rows[i].status, rows[i].body);
		assert_int_equal(asked(&b).code, CODE_NONE);
	}
	assert_int_equal(login_health(b.login), HEALTH_UP);
	bench_close(&b);
}

static void test_every_other_answer_has_its_class_and_the_tag(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum code code;
		const char *message;
	} rows[] = {
		{ 299, FAKEBAO_SEALED, CODE_SEALED, "OpenBao is sealed" TAG },
		{ 503, FAKEBAO_SEALED, CODE_SEALED, "OpenBao is sealed" TAG },
		{ 299, FAKEBAO_UNINITIALIZED, CODE_NOT_INITIALIZED, "OpenBao is not initialized" TAG },
		{ 501, FAKEBAO_UNINITIALIZED, CODE_NOT_INITIALIZED, "OpenBao is not initialized" TAG },
		{ 200, "", CODE_EMPTY_RESPONSE, "OpenBao sent an answer without content" TAG },
		{ 204, "", CODE_EMPTY_RESPONSE, "OpenBao sent an answer without content" TAG },
		{ 200, "{}", CODE_UPSTREAM_ERROR, "OpenBao's answer cannot be read" TAG },
		{ 200, "<html>s.canary</html>", CODE_UPSTREAM_ERROR,
		    "something in front of OpenBao answered in its place, with HTTP status 200" TAG },
		{ 307, "", CODE_UPSTREAM_ERROR, "OpenBao answered with HTTP status 307" TAG },
		{ 400, "{\"errors\":[\"operation unavailable in namespaces: canary\"]}", CODE_UPSTREAM_ERROR,
		    "OpenBao answered with HTTP status 400" TAG },
		{ 403, FAKEBAO_DENIED, CODE_UPSTREAM_ERROR, "OpenBao answered with HTTP status 403" TAG },
		{ 302, "", CODE_UPSTREAM_ERROR,
		    "something in front of OpenBao answered in its place, with HTTP status 302" TAG },
		{ 403, "<html>s.canary</html>", CODE_UPSTREAM_ERROR,
		    "something in front of OpenBao answered in its place, with HTTP status 403" TAG },
		{ 404, "", CODE_UPSTREAM_ERROR,
		    "something in front of OpenBao answered in its place, with HTTP status 404" TAG },
		{ 429, "{\"errors\":[]}", CODE_UPSTREAM_ERROR, "OpenBao answered with HTTP status 429" TAG },
		{ 500, "{\"errors\":[\"canary\"]}", CODE_UPSTREAM_ERROR,
		    "OpenBao answered with HTTP status 500" TAG },
		{ 500, "{\"errors\":[\"local node not active but active cluster node not found\"]}",
		    CODE_UNAVAILABLE, "OpenBao answered with HTTP status 500" TAG },
		{ 502, "<html>canary</html>", CODE_UNAVAILABLE, "OpenBao answered with HTTP status 502" TAG },
		{ 503, "", CODE_UNAVAILABLE, "OpenBao answered with HTTP status 503" TAG },
		{ 0, "", CODE_UNAVAILABLE, "the connection to OpenBao broke" TAG },
	};
	struct bench b = bench_open(*state);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asker a;

		fakebao_answer(b.f, FAKEBAO_HEALTH, rows[i].status, rows[i].body);
		a = asked(&b);
		assert_int_equal(a.code, rows[i].code);
		assert_string_equal(a.why.message, rows[i].message);
		assert_int_equal(a.why.status, rows[i].status);
	}
	bench_close(&b);
}

static void test_the_question_carries_no_token(void **state)
{
	struct bench b = bench_open(*state);

	asked(&b);
	assert_int_equal(fakebao_count(b.f, FAKEBAO_HEALTH), 1);
	assert_string_equal(fakebao_token(b.f, FAKEBAO_HEALTH), "");
	bench_close(&b);
}

static void test_an_openbao_that_is_gone_is_told_to_the_login(void **state)
{
	struct bench b = bench_open(*state);

	fakebao_down(b.f);
	assert_int_equal(asked(&b).code, CODE_UNAVAILABLE);
	assert_int_not_equal(login_health(b.login), HEALTH_UP);
	bench_close(&b);
}

static void test_before_the_first_login_openbaos_own_trouble_comes_first(void **state)
{
	struct fakebao *f = *state;
	struct bench b = bench_with(f, login_helper_new(f, false));
	struct asker a;

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	login_start(b.login);
	a = asked(&b);
	assert_int_equal(a.code, CODE_NOT_READY);
	assert_string_equal(a.why.message, "OpenBao is healthy, but the daemon has not logged in yet" TAG);
	fakebao_answer(f, FAKEBAO_HEALTH, 299, FAKEBAO_SEALED);
	assert_int_equal(asked(&b).code, CODE_SEALED);
	fakebao_answer(f, FAKEBAO_HEALTH, 200, FAKEBAO_UP);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, login_helper_has(b.login, "T-1"));
	assert_int_equal(asked(&b).code, CODE_NONE);
	bench_close(&b);
}

static void test_a_token_that_is_lost_later_is_not_the_probes_matter(void **state)
{
	struct fakebao *f = *state;
	struct bench b = bench_with(f, login_helper_serving(f, 1, false));

	fakebao_answer(f, FAKEBAO_LOGIN, 403, FAKEBAO_DENIED);
	fakebao_until(f, login_helper_has(b.login, NULL));
	assert_int_equal(asked(&b).code, CODE_NONE);
	bench_close(&b);
}

/* -- one request for all ------------------------------------------------------------------------------------- */

static void test_probes_at_the_same_time_share_one_request(void **state)
{
	struct bench b = bench_open(*state);
	struct asker askers[MANY] = { { 0 } };

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	for (size_t i = 0; i < MANY / 2; i++)
		ask(&b, &askers[i], 10000);
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_HEALTH) == 1);
	for (size_t i = MANY / 2; i < MANY; i++)
		ask(&b, &askers[i], 10000);
	fakebao_pass(b.f, 50);
	assert_int_equal(told(askers, MANY, CODE_NONE), 0);
	fakebao_hold(b.f, FAKEBAO_HEALTH, false);
	fakebao_until(b.f, told(askers, MANY, CODE_NONE) == MANY);
	assert_int_equal(fakebao_count(b.f, FAKEBAO_HEALTH), 1);
	bench_close(&b);
}

static void test_an_answer_is_not_kept_for_the_next_probe(void **state)
{
	struct bench b = bench_open(*state);

	assert_int_equal(asked(&b).code, CODE_NONE);
	fakebao_answer(b.f, FAKEBAO_HEALTH, 299, FAKEBAO_UNINITIALIZED);
	assert_int_equal(asked(&b).code, CODE_NOT_INITIALIZED);
	bench_close(&b);
}

static void test_who_asks_when_told_waits_for_a_new_answer(void **state)
{
	struct bench b = bench_open(*state);
	struct asker first = { 0 }, second = { 0 }, third = { 0 };

	first.next = &third;
	ask(&b, &first, 10000);
	ask(&b, &second, 10000);
	fakebao_until(b.f, third.times == 1);
	assert_int_equal(first.times, 1);
	assert_int_equal(second.times, 1);
	assert_int_equal(third.code, CODE_NONE);
	assert_int_equal(fakebao_count(b.f, FAKEBAO_HEALTH), 2);
	bench_close(&b);
}

static void test_a_deadline_removes_only_that_caller(void **state)
{
	struct bench b = bench_open(*state);
	struct asker hasty = { 0 }, patient = { 0 };
	uint64_t begin = clock_now_ms();

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	ask(&b, &hasty, 100);
	ask(&b, &patient, 10000);
	fakebao_until(b.f, hasty.times == 1);
	assert_in_range(clock_now_ms() - begin, 90, 5000);
	assert_int_equal(hasty.code, CODE_TIMEOUT);
	assert_true(ends_with_tag(hasty.why.message));
	assert_int_equal(patient.times, 0);
	fakebao_hold(b.f, FAKEBAO_HEALTH, false);
	fakebao_until(b.f, patient.times == 1);
	assert_int_equal(patient.code, CODE_NONE);
	assert_int_equal(hasty.times, 1);
	bench_close(&b);
}

static void test_a_deadline_that_has_passed_already_is_told_from_the_loop(void **state)
{
	struct bench b = bench_open(*state);
	struct asker late = { 0 };

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	late.wait = probe_ask(b.probe, clock_now_ms() - 1000, on_told, &late);
	assert_non_null(late.wait);
	assert_int_equal(late.times, 0);
	fakebao_until(b.f, late.times == 1);
	assert_int_equal(late.code, CODE_TIMEOUT);
	bench_close(&b);
}

static void test_who_leaves_is_not_told_and_the_others_are(void **state)
{
	struct bench b = bench_open(*state);
	struct asker gone[3] = { { 0 } }, stays = { 0 };

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	ask(&b, &gone[0], 10000);
	ask(&b, &gone[1], 100);
	ask(&b, &stays, 10000);
	ask(&b, &gone[2], 10000);
	for (size_t i = 0; i < 3; i++)
		probe_abandon(gone[i].wait);
	fakebao_pass(b.f, 150);
	fakebao_hold(b.f, FAKEBAO_HEALTH, false);
	fakebao_until(b.f, stays.times == 1);
	assert_int_equal(stays.code, CODE_NONE);
	assert_int_equal(gone[0].times + gone[1].times + gone[2].times, 0);
	assert_int_equal(fakebao_count(b.f, FAKEBAO_HEALTH), 1);
	bench_close(&b);
}

static void test_a_request_that_nobody_waits_for_is_cancelled(void **state)
{
	struct bench b = bench_open(*state);
	struct asker gone = { 0 }, next = { 0 };
	uint64_t begin = clock_now_ms();

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	ask(&b, &gone, 10000);
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_HEALTH) == 1);
	probe_abandon(gone.wait);
	ask(&b, &next, 10000);
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_HEALTH) == 2);
	/* After 5 s the first request would have been sent again anyway. */
	assert_true(clock_now_ms() - begin < 4000);
	fakebao_hold(b.f, FAKEBAO_HEALTH, false);
	fakebao_until(b.f, next.times == 1);
	assert_int_equal(next.code, CODE_NONE);
	bench_close(&b);
}

/* Otherwise a connection that died without a word would be waited for as long as anybody waits. */
static void test_a_request_that_hangs_is_sent_again(void **state)
{
	struct bench b = bench_open(*state);
	struct asker asker = { 0 };
	uint64_t begin = clock_now_ms();

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	ask(&b, &asker, 20000);
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_HEALTH) == 1);
	fakebao_pass(b.f, 4500);
	assert_int_equal(fakebao_count(b.f, FAKEBAO_HEALTH), 1);
	/* The third is the login's own question, since the first one got no answer. */
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_HEALTH) == 3);
	assert_in_range(clock_now_ms() - begin, 5000, 7500);
	assert_int_equal(asker.times, 0);
	fakebao_hold(b.f, FAKEBAO_HEALTH, false);
	fakebao_until(b.f, asker.times == 1);
	assert_int_equal(asker.code, CODE_NONE);
	bench_close(&b);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void test_stopping_tells_those_who_wait_and_those_who_come(void **state)
{
	struct bench b = bench_open(*state);
	struct asker before[2] = { { 0 } }, after = { 0 };

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	ask(&b, &before[0], 10000);
	ask(&b, &before[1], 10000);
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_HEALTH) == 1);
	probe_stop(b.probe);
	assert_int_equal(told(before, 2, CODE_NOT_READY), 2);
	assert_string_equal(before[1].why.message, "the daemon is stopping" TAG);
	ask(&b, &after, 10000);
	fakebao_until(b.f, after.times == 1);
	assert_int_equal(after.code, CODE_NOT_READY);
	assert_string_equal(after.why.message, "the daemon is stopping" TAG);
	assert_int_equal(fakebao_count(b.f, FAKEBAO_HEALTH), 1);
	bench_close(&b);
}

static void test_freeing_ends_the_waits_and_tells_nobody(void **state)
{
	struct bench b = bench_open(*state);
	struct asker askers[2] = { { 0 } };

	fakebao_hold(b.f, FAKEBAO_HEALTH, true);
	ask(&b, &askers[0], 10000);
	ask(&b, &askers[1], 100);
	fakebao_until(b.f, fakebao_count(b.f, FAKEBAO_HEALTH) == 1);
	bench_close(&b);
	fakebao_hold(b.f, FAKEBAO_HEALTH, false);
	fakebao_pass(b.f, 150);
	assert_int_equal(askers[0].times + askers[1].times, 0);
}

#define WITH_FAKEBAO(test) cmocka_unit_test_setup_teardown(test, fakebao_setup, fakebao_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FAKEBAO(test_a_healthy_openbao_is_fit_and_so_is_a_standby),
		WITH_FAKEBAO(test_every_other_answer_has_its_class_and_the_tag),
		WITH_FAKEBAO(test_the_question_carries_no_token),
		WITH_FAKEBAO(test_an_openbao_that_is_gone_is_told_to_the_login),
		WITH_FAKEBAO(test_before_the_first_login_openbaos_own_trouble_comes_first),
		WITH_FAKEBAO(test_a_token_that_is_lost_later_is_not_the_probes_matter),
		WITH_FAKEBAO(test_probes_at_the_same_time_share_one_request),
		WITH_FAKEBAO(test_an_answer_is_not_kept_for_the_next_probe),
		WITH_FAKEBAO(test_who_asks_when_told_waits_for_a_new_answer),
		WITH_FAKEBAO(test_a_deadline_removes_only_that_caller),
		WITH_FAKEBAO(test_a_deadline_that_has_passed_already_is_told_from_the_loop),
		WITH_FAKEBAO(test_who_leaves_is_not_told_and_the_others_are),
		WITH_FAKEBAO(test_a_request_that_nobody_waits_for_is_cancelled),
		WITH_FAKEBAO(test_a_request_that_hangs_is_sent_again),
		WITH_FAKEBAO(test_stopping_tells_those_who_wait_and_those_who_come),
		WITH_FAKEBAO(test_freeing_ends_the_waits_and_tells_nobody),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
