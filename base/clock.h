/*
 * clock: time and random numbers. Deadlines, leases and ages are counted by CLOCK_BOOTTIME, which goes on while
 * the machine sleeps.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <sys/time.h>

#define CLOCK_NEVER UINT64_MAX /* a deadline that never comes */

/* These give the time since boot in milliseconds and in microseconds, suspended time included. */
uint64_t clock_now_ms(void);
uint64_t clock_now_us(void);

/* Gives the processor time that this thread has used, in microseconds. */
uint64_t clock_cpu_us(void);

/* Converts milliseconds for a timer. */
struct timeval clock_timeval(uint64_t ms);

/* Gives the time from now until until_ms on clock_now_ms(), for a timer; zero if that is past. */
struct timeval clock_until(uint64_t until_ms);

/* Gives a random number in low…high, both included, from the kernel's generator; low if high is not greater. */
uint64_t clock_random(uint64_t low, uint64_t high);

#endif
