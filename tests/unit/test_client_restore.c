/*
 * Restoring raft snapshots with the client library: what is said of OpenBao's state at whatever point the daemon
 * refuses, breaks off, hangs or talks nonsense.
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

#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/secretstore.h"
#include "proto/frame.h"
#include "tests/unit/client_fake.h"
#include "tests/unit/client_stream.h"

#define ERROR(code, status) \
	"{\"id\":%,\"ok\":false,\"error\":{\"code\":\"" code "\",\"message\":\"so it is\",\"status\":" status \
	",\"retryable\":false}}"

static struct client_fake fake;
static struct client_stream stream;
static struct ss_client *client;
static enum ss_restored restored;
static unsigned char kept[1 << 20];

/* The bytes that the source gives, and how it gives them. */
static struct {
	uint64_t size, at;
	size_t piece;     /* most bytes at a time; 0: as many as are asked for */
	uint64_t fail_at; /* the offset at which it fails; 0: nowhere */
	unsigned sleep_ms;
	void (*meanwhile)(void); /* called at the source's first call */
	long odd;                /* returned in place of a length, if it is not 0 */
} giver;

static void play(struct client_fake *f)
{
	client_stream_play(f, &stream);
}

static void start(const char *steps)
{
	memset(&stream, 0, sizeof(stream));
	memset(&giver, 0, sizeof(giver));
	restored = (enum ss_restored)0;
	stream.steps = steps;
	stream.kept = kept;
	stream.room = sizeof(kept);
	giver.size = 3000;
	client_fake_start(&fake, play);
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
}

static void stop_fixture(void)
{
	ss_close(client);
	client_fake_stop(&fake);
	fake.reply = NULL;
}

static long source(void *arg, void *p, size_t size)
{
	unsigned char *bytes = p;
	size_t n = size;

	assert_ptr_equal(arg, &giver);
	if (giver.meanwhile != NULL && giver.at == 0)
		giver.meanwhile();
	if (giver.sleep_ms != 0)
		usleep(giver.sleep_ms * 1000);
	if (giver.odd != 0)
		return giver.odd;
	if (giver.fail_at != 0 && giver.at >= giver.fail_at)
		return -1;
	if (giver.piece != 0 && n > giver.piece)
		n = giver.piece;
	if (n > giver.size - giver.at)
		n = (size_t)(giver.size - giver.at);
	for (size_t i = 0; i < n; i++)
		bytes[i] = client_stream_byte(giver.at + i);
	giver.at += n;
	return (long)n;
}

static int restore_within(uint32_t timeout_ms)
{
	return ss_snapshot_restore(client, false, timeout_ms, source, &giver, &restored);
}

static int restore(void)
{
	return restore_within(0);
}

static void assert_error(int code, const char *text)
{
	const struct ss_error *error = ss_last_error(client);

	if (error->code != code || strstr(error->message, text) == NULL)
		print_error("%s: %s\n", ss_code_name(error->code), error->message);
	assert_int_equal(error->code, code);
	assert_non_null(strstr(error->message, text));
	assert_int_equal(restored, 0);
}

static void assert_kept(size_t n)
{
	assert_int_equal(stream.received, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(kept[i], client_stream_byte(i));
}

/* -- how it goes ---------------------------------------------------------------------------------------------- */

static void test_the_snapshot_goes_in_frames_and_its_end_is_marked(void **state)
{
	static const size_t sizes[] = { 1, 65535, 65536, 65537, 300000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		start("rcUfw");
		giver.size = sizes[i];
		assert_int_equal(restore(), SS_OK);
		assert_int_equal(restored, SS_RESTORED_APPLIED);
		assert_int_equal(ss_last_error(client)->code, SS_OK);
		stop_fixture();
		assert_true(stream.ended);
		assert_kept(sizes[i]);
		assert_int_equal(fake.request.op, OP_SNAPSHOT_RESTORE);
		assert_false(fake.request.force);
		assert_int_equal(fake.request.timeout_ms, 0);
		assert_int_equal(fake.connections, 1);
	}
}

static void test_a_source_may_give_little_at_a_time(void **state)
{
	(void)state;
	start("rcUf");
	giver.piece = 7;
	assert_int_equal(restore(), SS_OK);
	stop_fixture();
	assert_kept(3000);
}

static void test_force_and_the_timeout_are_told(void **state)
{
	(void)state;
	start("rcUf");
	assert_int_equal(ss_snapshot_restore(client, true, 10000, source, &giver, NULL), SS_OK);
	stop_fixture();
	assert_true(fake.request.force);
	assert_in_range(fake.request.timeout_ms, 9000, 9750);
}

static void test_each_state_is_told(void **state)
{
	static const struct {
		const char *state;
		enum ss_restored restored;
	} states[] = { { "applied", SS_RESTORED_APPLIED }, { "sealed", SS_RESTORED_SEALED },
		{ "waiting", SS_RESTORED_WAITING } };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		start("rcUf");
		stream.state = states[i].state;
		assert_int_equal(restore(), SS_OK);
		assert_int_equal(restored, states[i].restored);
		stop_fixture();
	}
}

static void test_arguments_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	start("");
	assert_int_equal(ss_snapshot_restore(client, false, 0, NULL, NULL, NULL), SS_INVALID_REQUEST);
	assert_int_equal(restore_within(SS_MAX_TIMEOUT_MS + 1), SS_INVALID_REQUEST);
	assert_int_equal(fake.connections, 0);
	assert_int_equal(restore(), SS_NO_DAEMON); /* this lets the script end */
	stop_fixture();
}

/* -- the daemon says no --------------------------------------------------------------------------------------- */

static void test_an_error_before_the_data_is_told(void **state)
{
	(void)state;
	fake.reply = ERROR("forbidden", "0");
	start("rRw");
	assert_int_equal(restore(), SS_FORBIDDEN);
	assert_error(SS_FORBIDDEN, "so it is");
	assert_int_equal(giver.at, 0);
	stop_fixture();
	assert_int_equal(stream.received, 0);
}

/* The error comes while the client waits for room to write, with all buffers full. */
static void test_an_error_among_the_data_ends_the_sending(void **state)
{
	static const char *const steps[] = { "rcRw", "rcuRw", "rcuuuRw", "rcR", "rcuR" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake.reply = ERROR("upstream_error", "500");
		start(steps[i]);
		giver.size = UINT64_C(1) << 40;
		assert_int_equal(restore(), SS_UPSTREAM_ERROR);
		assert_error(SS_UPSTREAM_ERROR, "so it is");
		assert_int_equal(ss_last_error(client)->status, 500);
		stop_fixture();
		assert_false(stream.ended);
		assert_int_equal(fake.connections, 1);
	}
}

/* The connection may be gone before any write; what the daemon said must be read all the same. */
static void test_an_error_is_not_lost_when_the_daemon_closes_at_once(void **state)
{
	char steps[40];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(steps, sizeof(steps), "rc%.*sR", i % 30, "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu");
		fake.reply = ERROR("upstream_error", "500");
		start(steps);
		giver.size = UINT64_C(1) << 40;
		giver.piece = 1;
		assert_int_equal(restore(), SS_UPSTREAM_ERROR);
		stop_fixture();
	}
}

static void health_stage_1(void)
{
	fake.stage = 1;
	usleep(300000);
}

/* The daemon gives up while the source takes its time. Its end frame must not be sent any more. */
static void test_an_error_that_came_while_the_source_was_slow_is_seen_before_the_end(void **state)
{
	static const char *const steps[] = { "rcSRw", "rcSR" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake.reply = ERROR("timeout", "0");
		start(steps[i]);
		giver.size = 0;
		giver.meanwhile = health_stage_1;
		assert_int_equal(restore(), SS_TIMEOUT);
		assert_error(SS_TIMEOUT, "so it is");
		stop_fixture();
		assert_false(stream.ended);
	}
}

static void test_the_daemons_word_counts_after_the_end_too(void **state)
{
	static const struct {
		const char *reply;
		int code;
	} words[] = { { ERROR("timeout", "0"), SS_TIMEOUT }, { ERROR("unknown_outcome", "0"), SS_UNKNOWN_OUTCOME },
		{ ERROR("invalid_request", "0"), SS_INVALID_REQUEST },
		{ ERROR("unavailable", "503"), SS_UNAVAILABLE },
		{ "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"overloaded\",\"message\":\"so it is\"}}",
		    SS_OVERLOADED } };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		fake.reply = words[i].reply;
		start("rcURw");
		assert_int_equal(restore(), words[i].code);
		assert_error(words[i].code, "so it is");
		assert_null(strstr(ss_last_error(client)->message, "restored"));
		stop_fixture();
		assert_true(stream.ended);
	}
}

/* -- the daemon goes, hangs, or cannot be understood ---------------------------------------------------------- */

static void test_what_breaks_before_the_end_has_restored_nothing(void **state)
{
	static const struct {
		const char *steps;
		uint64_t size;
		int code;
	} cases[] = { { "", 3000, SS_NO_DAEMON }, { "r", 3000, SS_NO_DAEMON },
		{ "rc", UINT64_C(1) << 40, SS_NO_DAEMON }, { "rcuuu", UINT64_C(1) << 40, SS_NO_DAEMON },
		{ "rsw", 3000, SS_PROTOCOL }, { "rfw", 3000, SS_PROTOCOL }, { "rdw", 3000, SS_PROTOCOL },
		{ "rKw", 3000, SS_PROTOCOL }, { "rJw", 3000, SS_PROTOCOL },
		{ "rccw", UINT64_C(1) << 40, SS_PROTOCOL }, { "rcfw", UINT64_C(1) << 40, SS_PROTOCOL },
		{ "rcudw", UINT64_C(1) << 40, SS_PROTOCOL }, { "rcKw", UINT64_C(1) << 40, SS_PROTOCOL } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].steps);
		giver.size = cases[i].size;
		if (restore() != cases[i].code)
			fail_msg("%s: %s", cases[i].steps, ss_last_error(client)->message);
		assert_error(cases[i].code, "; nothing was restored");
		stop_fixture();
		assert_false(stream.ended);
		assert_int_equal(fake.connections, 1);
	}
}

static void test_without_a_daemon_nothing_was_restored(void **state)
{
	(void)state;
	assert_int_equal(ss_open(&client, "/nonexistent/socket"), SS_OK);
	assert_int_equal(restore(), SS_NO_DAEMON);
	assert_error(SS_NO_DAEMON, "; nothing was restored");
	ss_close(client);
}

static void test_what_breaks_after_the_end_may_have_restored(void **state)
{
	static const char *const steps[] = { "rcU", "rcUcw", "rcUsw", "rcUdw", "rcUew", "rcUKw", "rcULw",
		"rcUJw" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		start(steps[i]);
		if (restore() != SS_UNKNOWN_OUTCOME)
			fail_msg("%s: %s", steps[i], ss_last_error(client)->message);
		assert_error(SS_UNKNOWN_OUTCOME, "; the snapshot may have been restored");
		assert_false(ss_last_error(client)->retryable);
		stop_fixture();
		assert_true(stream.ended);
		assert_int_equal(fake.connections, 1);
	}
}

static void test_a_last_reply_that_does_not_say_all_leaves_it_unknown(void **state)
{
	static const char *const last[] = { "{\"id\":%,\"ok\":true}", "{\"id\":%,\"ok\":true,\"bytes\":3000}",
		"{\"id\":%,\"ok\":true,\"state\":\"applied\"}",
		"{\"id\":%,\"ok\":true,\"bytes\":2999,\"state\":\"applied\"}",
		"{\"id\":%,\"ok\":true,\"bytes\":3000,\"state\":\"well\"}",
		"{\"id\":8,\"ok\":true,\"bytes\":3000,\"state\":\"applied\"}",
		"{\"id\":null,\"ok\":true,\"bytes\":3000,\"state\":\"applied\"}", "nonsense" };

	(void)state;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		fake.reply = last[i];
		start("rcURw");
		assert_int_equal(restore(), SS_UNKNOWN_OUTCOME);
		assert_error(SS_UNKNOWN_OUTCOME, "; the snapshot may have been restored");
		stop_fixture();
	}
}

static void test_a_daemon_that_says_nothing_is_given_up(void **state)
{
	static const struct {
		const char *steps;
		uint64_t size;
		int code;
	} cases[] = { { "rw", 3000, SS_TIMEOUT }, { "rcSw", UINT64_C(1) << 40, SS_TIMEOUT },
		{ "rcUw", 3000, SS_UNKNOWN_OUTCOME } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].steps);
		giver.size = cases[i].size;
		client->silence_ms = i < 2 ? 200 : 1000;
		assert_int_equal(restore(), cases[i].code);
		assert_error(cases[i].code, "nothing came from the daemon");
		assert_error(cases[i].code,
		    i < 2 ? "; nothing was restored" : "; the snapshot may have been restored");
		fake.stage = 1;
		stop_fixture();
		assert_int_equal(stream.ended, i == 2);
	}
}

static void test_the_timeout_is_for_all_of_it(void **state)
{
	static const struct {
		const char *steps;
		uint64_t size;
		int code;
	} cases[] = { { "rw", 3000, SS_TIMEOUT }, { "rcSw", UINT64_C(1) << 40, SS_TIMEOUT },
		{ "rcUw", 3000, SS_UNKNOWN_OUTCOME } };
	uint64_t began_ms;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].steps);
		giver.size = cases[i].size;
		began_ms = clock_now_ms();
		assert_int_equal(restore_within(i < 2 ? 300 : 2000), cases[i].code);
		assert_true(clock_now_ms() - began_ms >= 300);
		assert_error(cases[i].code, "the time for the snapshot is over");
		fake.stage = 1;
		stop_fixture();
	}
}

/* -- the source ----------------------------------------------------------------------------------------------- */

static void test_a_source_that_fails_leaves_the_snapshot_without_an_end(void **state)
{
	static const uint64_t places[] = { 1, 65536, 200000 };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		start("rcw");
		giver.size = 1 << 20;
		giver.fail_at = places[i];
		assert_int_equal(restore(), SS_ABORTED);
		assert_error(SS_ABORTED, "; nothing was restored");
		stop_fixture();
		assert_false(stream.ended);
	}
}

static void test_a_source_that_gives_more_than_was_asked_for_has_failed(void **state)
{
	static const long odd[] = { -1, -2, FRAME_DATA_MAX + 1, INT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		start("rcw");
		giver.odd = odd[i];
		assert_int_equal(restore(), SS_ABORTED);
		stop_fixture();
		assert_int_equal(stream.received, 0);
		assert_false(stream.ended);
	}
}

static void test_a_slow_source_uses_up_nothing_but_the_timeout(void **state)
{
	(void)state;
	start("rcUf");
	client->silence_ms = 1000;
	giver.sleep_ms = 1200;
	assert_int_equal(restore(), SS_OK);
	stop_fixture();
	start("rcw");
	giver.sleep_ms = 400;
	assert_int_equal(restore_within(350), SS_TIMEOUT);
	assert_error(SS_TIMEOUT, "; nothing was restored");
	stop_fixture();
	assert_false(stream.ended);
}

static void close_it(void)
{
	ss_close(client);
	client = NULL;
}

static void test_a_source_may_close_the_handle_which_ends_the_transfer(void **state)
{
	(void)state;
	start("rcw");
	giver.meanwhile = close_it;
	assert_int_equal(restore(), SS_CLOSED);
	stop_fixture();
	assert_false(stream.ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_snapshot_goes_in_frames_and_its_end_is_marked),
		cmocka_unit_test(test_a_source_may_give_little_at_a_time),
		cmocka_unit_test(test_force_and_the_timeout_are_told),
		cmocka_unit_test(test_each_state_is_told),
		cmocka_unit_test(test_arguments_that_make_no_sense_are_refused),
		cmocka_unit_test(test_an_error_before_the_data_is_told),
		cmocka_unit_test(test_an_error_among_the_data_ends_the_sending),
		cmocka_unit_test(test_an_error_is_not_lost_when_the_daemon_closes_at_once),
		cmocka_unit_test(test_an_error_that_came_while_the_source_was_slow_is_seen_before_the_end),
		cmocka_unit_test(test_the_daemons_word_counts_after_the_end_too),
		cmocka_unit_test(test_what_breaks_before_the_end_has_restored_nothing),
		cmocka_unit_test(test_without_a_daemon_nothing_was_restored),
		cmocka_unit_test(test_what_breaks_after_the_end_may_have_restored),
		cmocka_unit_test(test_a_last_reply_that_does_not_say_all_leaves_it_unknown),
		cmocka_unit_test(test_a_daemon_that_says_nothing_is_given_up),
		cmocka_unit_test(test_the_timeout_is_for_all_of_it),
		cmocka_unit_test(test_a_source_that_fails_leaves_the_snapshot_without_an_end),
		cmocka_unit_test(test_a_source_that_gives_more_than_was_asked_for_has_failed),
		cmocka_unit_test(test_a_slow_source_uses_up_nothing_but_the_timeout),
		cmocka_unit_test(test_a_source_may_close_the_handle_which_ends_the_transfer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
