/*
 * clock: time since boot and random numbers, both from the kernel.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"

/* CLOCK_BOOTTIME exists since Linux 2.6.39, and reading it cannot fail with a valid pointer. */
static struct timespec since_boot(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		abort();
	return now;
}

uint64_t clock_now_ms(void)
{
	struct timespec now = since_boot();

	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_now_us(void)
{
	struct timespec now = since_boot();

	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_cpu_us(void)
{
	struct timespec used = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

struct timeval clock_timeval(uint64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

struct timeval clock_until(uint64_t until_ms)
{
	uint64_t now = clock_now_ms();

	return clock_timeval(until_ms > now ? until_ms - now : 0);
}

static uint64_t random_word(void)
{
	uint64_t word;
	ssize_t n;

	do {
		n = getrandom(&word, sizeof(word), 0);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(word))
		abort();
	return word;
}

uint64_t clock_random(uint64_t low, uint64_t high)
{
	uint64_t span, spare, word;

	if (high <= low)
		return low;
	span = high - low + 1;
	if (span == 0)
		return random_word();
	/* 2^64 is mostly no multiple of the span: words beyond the last whole one would favour low numbers. */
	spare = (UINT64_MAX % span + 1) % span;
	do {
		word = random_word();
	} while (word > UINT64_MAX - spare);
	return low + word % span;
}
