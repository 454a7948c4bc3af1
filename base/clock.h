/*
 * clock: time and chance. Deadlines, leases and ages count CLOCK_BOOTTIME, which goes on while the machine sleeps.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <sys/time.h>

#define CLOCK_NEVER UINT64_MAX

/* Milliseconds, and microseconds, since boot, suspended time included. */
uint64_t clock_now_ms(void);
uint64_t clock_now_us(void);

/* Microseconds of the processor's time that this thread has had. */
uint64_t clock_cpu_us(void);

/* So many milliseconds, for a timer. */
struct timeval clock_timeval(uint64_t ms);

/* How long it is until then, for a timer; nothing, if that is past. */
struct timeval clock_until(uint64_t until_ms);

/* A random number in low…high, both included, from the kernel's generator. */
uint64_t clock_random(uint64_t low, uint64_t high);

#endif
