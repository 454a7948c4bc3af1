/*
 * What systemd is told: the messages that arrive at $NOTIFY_SOCKET.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/host/notify.h"

static struct event_base *base;
static int systemd;

static int setup(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/test_notify.%d", (int)getpid());
	systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (systemd < 0 || bind(systemd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -1;
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	base = event_base_new();
	return base != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	event_base_free(base);
	close(systemd);
	return unlink(getenv("NOTIFY_SOCKET"));
}

/* Returns the message that came, or "". */
static const char *told(void)
{
	static char text[4096];
	ssize_t n = recv(systemd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_states(void **state)
{
	struct notify *n = notify_new(base);
	unsigned long long us;
	uint64_t now_us;

	(void)state;
	assert_non_null(n);
	assert_string_equal(told(), "");
	notify_ready(n);
	assert_string_equal(told(), "READY=1");
	notify_reloading(n);
	now_us = clock_now_us(); /* the boot clock is equal if the machine has not slept */
	assert_int_equal(sscanf(told(), "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
	assert_true(us > 0 && us <= now_us);
	notify_stopping(n);
	assert_string_equal(told(), "STOPPING=1");
	notify_free(n);
}

static void test_a_status_is_told_once_and_is_one_line(void **state)
{
	struct notify *n = notify_new(base);
	char longest[1000];

	(void)state;
	notify_status(n, "logged in");
	assert_string_equal(told(), "STATUS=logged in");
	notify_status(n, "logged in");
	assert_string_equal(told(), "");
	notify_status(n, "no login\nREADY=1");
	assert_string_equal(told(), "STATUS=no login");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	notify_status(n, longest);
	assert_memory_equal(told(), "STATUS=xxx", 10);
	notify_free(n);
}

static void test_signs_of_life_come_from_the_loop_alone(void **state)
{
	struct notify *n;

	(void)state;
	setenv("WATCHDOG_USEC", "100000", 1);
	n = notify_new(base);
	assert_null(getenv("WATCHDOG_USEC"));
	usleep(200000); /* the loop does not run meanwhile */
	assert_string_equal(told(), "");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
		assert_string_equal(told(), "WATCHDOG=1");
	}
	notify_free(n);
}

static void test_without_systemd_nothing_happens(void **state)
{
	char *socket = strdup(getenv("NOTIFY_SOCKET"));
	struct notify *n;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	n = notify_new(base);
	notify_ready(n);
	notify_status(n, "logged in");
	notify_free(n);
	setenv("NOTIFY_SOCKET", socket, 1);
	assert_string_equal(told(), "");
	free(socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_status_is_told_once_and_is_one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signs_of_life_come_from_the_loop_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_systemd_nothing_happens, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
