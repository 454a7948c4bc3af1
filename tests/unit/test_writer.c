/*
 * The writer thread: order, the queue's bounds, sinks that block and sinks that fail, tickets, and the end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/host/writer.h"

#define PATIENCE_MS 60000
#define QUEUE 4096

/* A sink that keeps what it gets, and stops in the middle of a record when told to. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed;  /* it blocks */
	bool waiting; /* and does so now */
	int error;    /* what writing gives */
	int sync_error;
	unsigned records, syncs, synced_after;
	uint64_t lost; /* as it was told */
	char text[1 << 16];
	size_t n;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static struct writer *writer;
static int loop_fd;

static int sink_write(void *arg, const void *record, size_t n)
{
	(void)arg;
	pthread_mutex_lock(&sink.lock);
	while (sink.closed) {
		sink.waiting = true;
		pthread_cond_broadcast(&sink.changed);
		pthread_cond_wait(&sink.changed, &sink.lock);
	}
	sink.waiting = false;
	int error = sink.error;
	if (error == 0 && sink.n + n <= sizeof(sink.text)) {
		memcpy(sink.text + sink.n, record, n);
		sink.n += n;
		sink.records++;
	}
	pthread_mutex_unlock(&sink.lock);
	return error;
}

static int sink_sync(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&sink.lock);
	sink.syncs++;
	sink.synced_after = sink.records;
	int error = sink.sync_error;
	pthread_mutex_unlock(&sink.lock);
	return error;
}

static bool sink_lost(void *arg, uint64_t n)
{
	(void)arg;
	pthread_mutex_lock(&sink.lock);
	sink.lost += n;
	pthread_mutex_unlock(&sink.lock);
	return true;
}

static void set_closed(bool closed)
{
	pthread_mutex_lock(&sink.lock);
	sink.closed = closed;
	pthread_cond_broadcast(&sink.changed);
	pthread_mutex_unlock(&sink.lock);
}

/* Waits until the thread is in the middle of a record. */
static void wait_until_blocked(void)
{
	pthread_mutex_lock(&sink.lock);
	while (!sink.waiting)
		pthread_cond_wait(&sink.changed, &sink.lock);
	pthread_mutex_unlock(&sink.lock);
}

static int setup(void **state)
{
	static const struct writer_sink ops = { .write = sink_write, .sync = sink_sync, .lost = sink_lost };

	(void)state;
	sink.closed = sink.waiting = false;
	sink.error = sink.sync_error = 0;
	sink.records = sink.syncs = sink.synced_after = 0;
	sink.lost = 0;
	sink.n = 0;
	loop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	writer = writer_new(QUEUE, &ops, loop_fd);
	return writer != NULL && loop_fd >= 0 ? 0 : -1;
}

static void stop_fixture(void)
{
	if (writer != NULL)
		assert_true(writer_stop(writer, PATIENCE_MS));
	writer = NULL;
}

static int teardown(void **state)
{
	(void)state;
	set_closed(false);
	stop_fixture();
	close(loop_fd);
	return 0;
}

static bool put(const char *text)
{
	return writer_put(writer, text, strlen(text), NULL);
}

/* Waits for tickets that come back, and collects them. */
static struct writer_ticket *collect(void)
{
	struct pollfd p = { .fd = loop_fd, .events = POLLIN };
	uint64_t count;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(read(loop_fd, &count, sizeof(count)), sizeof(count));
	return writer_collect(writer);
}

static void test_records_are_written_in_order_all_by_the_end(void **state)
{
	char wanted[1 << 15] = "";
	unsigned put_ok = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%u%.*s.", i, (int)(i % 40),
		    "----------------------------------------");
		if (!put(text))
			continue;
		put_ok++;
		if (strlen(wanted) + sizeof(text) < sizeof(wanted))
			strcat(wanted, text);
	}
	stop_fixture();
	assert_int_equal(sink.records, put_ok);
	assert_memory_equal(sink.text, wanted, strlen(wanted));
}

static void test_a_full_queue_loses_records_and_says_how_many_afterwards(void **state)
{
	unsigned taken = 0, lost = 0;

	(void)state;
	set_closed(true);
	for (unsigned i = 0; i < 1000; i++)
		put("0123456789") ? taken++ : lost++;
	assert_in_range(taken, QUEUE / 2 / 32, QUEUE / 10);
	assert_int_equal(writer_lost(writer), lost);
	assert_int_equal(sink.lost, 0);
	set_closed(false);
	while (!put("again"))
		continue;
	stop_fixture();
	assert_true(sink.lost >= lost); /* of "again" some may have been lost too */
	assert_true(sink.records == taken + 1);
}

static void test_a_record_larger_than_the_queue_is_lost(void **state)
{
	char text[2 * QUEUE];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_false(writer_put(writer, text, sizeof(text), NULL));
	assert_false(writer_put(writer, text, QUEUE, NULL));
	assert_int_equal(writer_lost(writer), 2);
	assert_true(put("y"));
	stop_fixture();
	assert_memory_equal(sink.text, "y", sink.n);
	assert_int_equal(sink.lost, 2);
}

/* Records of every length are tried at every place of the ring. */
static void test_the_ring_keeps_records_whole_wherever_they_fall(void **state)
{
	unsigned char text[600];

	(void)state;
	for (unsigned i = 1; i < sizeof(text); i++) {
		size_t before = sink.n;

		memset(text, (int)(i % 251), i);
		set_closed(true);
		assert_true(put("a"));
		wait_until_blocked(); /* otherwise the queue would start anew at its beginning */
		assert_true(writer_put(writer, text, i, NULL));
		assert_true(put("z"));
		set_closed(false);
		struct writer_ticket ticket;
		assert_true(writer_put(writer, "!", 1, &ticket));
		assert_ptr_equal(collect(), &ticket);
		assert_int_equal(sink.n, i + 3);
		assert_memory_equal(sink.text + before, "a", 1);
		assert_memory_equal(sink.text + before + 1, text, i);
		assert_memory_equal(sink.text + before + 1 + i, "z!", 2);
		sink.n = 0;
	}
}

static void test_a_sink_that_fails_loses_records_and_is_tried_again(void **state)
{
	struct writer_ticket ticket[3];

	(void)state;
	sink.error = ENOSPC;
	assert_true(writer_put(writer, "a", 1, &ticket[0]));
	assert_ptr_equal(collect(), &ticket[0]);
	assert_int_equal(ticket[0].error, ENOSPC);
	assert_int_equal(writer_lost(writer), 1);
	assert_int_equal(sink.lost, 0); /* while the sink fails, it cannot be told */
	pthread_mutex_lock(&sink.lock);
	sink.error = 0;
	pthread_mutex_unlock(&sink.lock);
	assert_true(writer_put(writer, "b", 1, &ticket[1]));
	assert_ptr_equal(collect(), &ticket[1]);
	assert_int_equal(ticket[1].error, 0);
	stop_fixture();
	assert_memory_equal(sink.text, "b", sink.n);
	assert_int_equal(sink.lost, 1);
}

static void test_tickets_come_back_in_order_after_one_sync(void **state)
{
	struct writer_ticket ticket[5], *list;

	(void)state;
	set_closed(true);
	assert_true(put("first"));
	wait_until_blocked();
	for (unsigned i = 0; i < 5; i++)
		assert_true(writer_put(writer, "t", 1, &ticket[i]));
	assert_null(writer_collect(writer));
	set_closed(false);
	list = collect();
	for (unsigned i = 0; i < 5; i++, list = list->next) {
		assert_ptr_equal(list, &ticket[i]);
		assert_int_equal(list->error, 0);
	}
	assert_null(list);
	assert_null(writer_collect(writer));
	assert_int_equal(sink.syncs, 1);
	assert_int_equal(sink.synced_after, 6);
}

static void test_records_without_a_ticket_need_no_sync(void **state)
{
	(void)state;
	assert_true(put("a"));
	stop_fixture();
	assert_int_equal(sink.syncs, 0);
}

static void test_what_could_not_be_synced_is_lost(void **state)
{
	struct writer_ticket ticket[2];

	(void)state;
	sink.sync_error = EIO;
	set_closed(true);
	assert_true(writer_put(writer, "a", 1, &ticket[0]));
	assert_true(writer_put(writer, "b", 1, &ticket[1]));
	set_closed(false);
	for (unsigned i = 0; i < 2;)
		for (struct writer_ticket *t = collect(); t != NULL; t = t->next, i++)
			assert_int_equal(t->error, EIO);
	assert_int_equal(writer_lost(writer), 2);
}

static void test_tickets_find_room_that_others_leave(void **state)
{
	struct writer_ticket ticket;

	(void)state;
	set_closed(true);
	while (put("flood"))
		continue;
	assert_true(writer_put(writer, "t", 1, &ticket));
	assert_false(put("flood"));
	set_closed(false);
	assert_ptr_equal(collect(), &ticket);
	assert_int_equal(ticket.error, 0);
}

static void test_even_tickets_are_refused_when_there_is_no_room_at_all(void **state)
{
	static struct writer_ticket ticket[QUEUE];
	unsigned taken = 0, back = 0;

	(void)state;
	set_closed(true);
	while (writer_put(writer, "t", 1, &ticket[taken]))
		taken++;
	assert_in_range(taken, QUEUE / 64, QUEUE / 16);
	set_closed(false);
	while (back < taken)
		for (struct writer_ticket *t = collect(); t != NULL; t = t->next)
			assert_ptr_equal(t, &ticket[back++]);
}

static void test_half_of_the_queue_is_room_for_what_can_wait(void **state)
{
	unsigned taken = 0;

	(void)state;
	assert_true(writer_has_room(writer));
	set_closed(true);
	while (writer_has_room(writer)) {
		assert_true(put("a"));
		taken++;
	}
	assert_in_range(taken, QUEUE / 128, QUEUE / 32);
	assert_false(writer_drain(writer, 20));
	set_closed(false);
	assert_true(writer_drain(writer, PATIENCE_MS));
	assert_int_equal(sink.records, taken);
	assert_true(writer_has_room(writer));
	assert_true(writer_drain(writer, 0)); /* there is nothing to wait for */
}

static volatile sig_atomic_t in_main;
static pthread_t main_thread;

static void on_signal(int number)
{
	(void)number;
	in_main = pthread_equal(pthread_self(), main_thread) ? 1 : -1;
}

/* If the main thread blocks a signal to the process, any thread that does not block it would handle it. */
static void test_the_thread_takes_no_signals(void **state)
{
	sigset_t one, before;

	(void)state;
	main_thread = pthread_self();
	signal(SIGUSR1, on_signal);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &one, &before);
	kill(getpid(), SIGUSR1);
	set_closed(true);
	assert_true(put("a"));
	wait_until_blocked();
	assert_int_equal(in_main, 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(in_main, 1);
}

/* This must be the last test: the thread stays stuck, and this program ends all the same. */
static void test_a_stuck_sink_does_not_hold_up_the_end(void **state)
{
	(void)state;
	set_closed(true);
	assert_true(put("a"));
	wait_until_blocked();
	assert_false(writer_stop(writer, 20));
	writer = NULL;
}

static int leave_stuck(void **state)
{
	(void)state;
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_records_are_written_in_order_all_by_the_end),
		TEST(test_a_full_queue_loses_records_and_says_how_many_afterwards),
		TEST(test_a_record_larger_than_the_queue_is_lost),
		TEST(test_the_ring_keeps_records_whole_wherever_they_fall),
		TEST(test_a_sink_that_fails_loses_records_and_is_tried_again),
		TEST(test_tickets_come_back_in_order_after_one_sync),
		TEST(test_records_without_a_ticket_need_no_sync),
		TEST(test_what_could_not_be_synced_is_lost),
		TEST(test_tickets_find_room_that_others_leave),
		TEST(test_even_tickets_are_refused_when_there_is_no_room_at_all),
		TEST(test_half_of_the_queue_is_room_for_what_can_wait),
		TEST(test_the_thread_takes_no_signals),
		cmocka_unit_test_setup_teardown(test_a_stuck_sink_does_not_hold_up_the_end, setup, leave_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
