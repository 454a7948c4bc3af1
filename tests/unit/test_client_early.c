/*
 * Many replies at a time: what their callbacks ask for goes to the daemon before all of them have run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/secretstore.h"
#include "tests/unit/client_fake.h"

#define FIRST 12u      /* requests whose replies arrive together */
#define EARLY_AFTER 8u /* after this many replies, what their callbacks submitted is written */

static struct client_fake fake;
static struct ss_client *client;

static unsigned answered;      /* answers to the first requests */
static unsigned anew, refused; /* requests from their callbacks that succeeded, and that failed */
static int refused_code;

static void wait_for(atomic_uint *count, unsigned least)
{
	uint64_t deadline_ms = clock_now_ms() + CLIENT_FAKE_PATIENCE_MS;

	while (*count < least) {
		assert_true(clock_now_ms() < deadline_ms);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

static void answer_the_first(struct client_fake *f, int fd)
{
	for (unsigned i = 0; i < FIRST; i++) {
		assert_true(client_fake_read(f, fd));
		client_fake_answer(f, fd);
	}
}

static void serve(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	answer_the_first(f, fd);
	f->stage = 1;
	while (client_fake_read(f, fd))
		client_fake_answer(f, fd);
	close(fd);
}

static void serve_and_close(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	answer_the_first(f, fd);
	close(fd);
	f->stage = 1;
	client_fake_serve_one(f);
}

/* Sends the first requests; all are answered, and none of the replies is read yet. */
static void start(void (*script)(struct client_fake *), ss_callback *callback)
{
	answered = anew = refused = 0;
	client_fake_start(&fake, script);
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
	for (unsigned i = 0; i < FIRST; i++)
		assert_int_equal(ss_submit_get(client, "secret", "a", 0, 20000, callback, NULL), SS_OK);
	client_step(client, false); /* connects and writes, and reads nothing */
	wait_for(&fake.stage, 1);
	assert_int_equal(fake.frames, FIRST);
}

static void run_until_done(void)
{
	uint64_t deadline_ms = clock_now_ms() + CLIENT_FAKE_PATIENCE_MS;

	while (ss_pending(client) > 0) {
		struct pollfd p = { .fd = ss_fd(client), .events = (short)ss_events(client) };

		assert_true(clock_now_ms() < deadline_ms);
		poll(&p, 1, 10);
		ss_process(client);
	}
}

static void stop_fixture(void)
{
	ss_close(client);
	client_fake_stop(&fake);
}

static void note(struct ss_client *c, const struct ss_result *result, void *arg)
{
	(void)c;
	(void)arg;
	if (result->code == SS_OK) {
		anew++;
	} else {
		refused++;
		refused_code = result->code;
	}
}

static void ask_anew(struct ss_client *c, const struct ss_result *result, void *arg)
{
	assert_int_equal(result->code, SS_OK);
	assert_int_equal(ss_submit_get(c, "secret", "b", 0, 20000, note, arg), SS_OK);
	if (++answered == FIRST)
		wait_for(&fake.frames, FIRST + EARLY_AFTER);
}

static void test_the_daemon_has_new_requests_before_the_last_callback_returns(void **state)
{
	(void)state;
	start(serve, ask_anew);
	run_until_done();
	assert_int_equal(answered, FIRST);
	assert_int_equal(anew, FIRST);
	assert_int_equal(fake.frames, 2 * FIRST);
	assert_int_equal(fake.connections, 1);
	stop_fixture();
}

/* The put's time is over before there were enough replies to write early. */
static void put_and_take_long(struct ss_client *c, const struct ss_result *result, void *arg)
{
	uint64_t later_ms = clock_now_ms() + 5;

	assert_int_equal(result->code, SS_OK);
	if (answered++ > 0)
		return;
	assert_int_equal(ss_submit_put(c, "secret", "p", "{}", 2, NULL, 1, note, arg), SS_OK);
	while (clock_now_ms() <= later_ms)
		;
}

static void test_what_is_overdue_is_not_written_early(void **state)
{
	(void)state;
	start(serve, put_and_take_long);
	run_until_done();
	assert_int_equal(answered, FIRST);
	assert_int_equal(refused, 1);
	assert_int_equal(refused_code, SS_TIMEOUT);
	assert_int_equal(fake.frames, FIRST);
	stop_fixture();
}

static void ask_from_whoever_is_there(struct ss_client *c, const struct ss_result *result, void *arg)
{
	assert_int_equal(result->code, SS_OK);
	assert_int_equal(ss_submit_get(c, "secret", "b", 0, 20000, note, arg), SS_OK);
	answered++;
}

static void test_a_daemon_that_has_closed_has_its_replies_read_all_the_same(void **state)
{
	(void)state;
	start(serve_and_close, ask_from_whoever_is_there);
	run_until_done();
	assert_int_equal(answered, FIRST);
	assert_int_equal(anew, FIRST);
	assert_int_equal(fake.frames, 2 * FIRST);
	assert_int_equal(ss_connection(client), 2);
	stop_fixture();
}

static void close_handle(struct ss_client *c, const struct ss_result *result, void *arg)
{
	(void)arg;
	if (++answered == EARLY_AFTER) {
		assert_int_equal(ss_submit_put(c, "secret", "p", "{}", 2, NULL, 20000, note, NULL), SS_OK);
		ss_close(c);
	}
	assert_int_equal(result->code, answered <= EARLY_AFTER ? SS_OK : SS_CLOSED);
}

static void test_a_handle_that_is_closed_writes_nothing_more(void **state)
{
	(void)state;
	start(serve, close_handle);
	ss_process(client);
	assert_int_equal(answered, FIRST);
	assert_int_equal(refused_code, SS_CLOSED);
	client_fake_stop(&fake);
	assert_int_equal(fake.frames, FIRST);
}

static pid_t child;

/* The callback returns in the child as it does in the parent. */
static void fork_once(struct ss_client *c, const struct ss_result *result, void *arg)
{
	assert_int_equal(result->code, SS_OK);
	if (answered == 0)
		assert_int_equal(ss_submit_get(c, "secret", "b", 0, 20000, note, arg), SS_OK);
	if (answered++ == 0)
		child = fork();
}

static void test_a_child_that_returns_from_a_callback_takes_nothing_of_its_parents(void **state)
{
	int status;

	(void)state;
	start(serve, fork_once);
	ss_process(client);
	if (child == 0)
		_exit(answered == 1 && ss_fd(client) < 0 && ss_pending(client) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	run_until_done();
	assert_int_equal(answered, FIRST);
	assert_int_equal(anew, 1);
	assert_int_equal(fake.frames, FIRST + 1);
	assert_int_equal(fake.connections, 1);
	stop_fixture();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_daemon_has_new_requests_before_the_last_callback_returns),
		cmocka_unit_test(test_what_is_overdue_is_not_written_early),
		cmocka_unit_test(test_a_daemon_that_has_closed_has_its_replies_read_all_the_same),
		cmocka_unit_test(test_a_handle_that_is_closed_writes_nothing_more),
		cmocka_unit_test(test_a_child_that_returns_from_a_callback_takes_nothing_of_its_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
