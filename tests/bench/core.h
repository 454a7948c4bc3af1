/*
 * core: what all load generators have in common, so that they differ in nothing but how they speak: the command
 * line, the choice of the next path, the time that each answer took, and the report.
 *
 * Each caller keeps `depth` requests under way, and sends the next one when an answer has come. Only answers that
 * come after the warm-up count.
 */
#ifndef BENCH_CORE_H
#define BENCH_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "tests/bench/histogram.h"

#define PATH_ROOM 128

struct event_base;

struct core {
	struct event_base *base;

	/* The command line. */
	const char *to; /* a socket's path, or host:port */
	const char *as; /* the protocol; main decides what it means */
	const char *mount;
	unsigned callers, depth;
	unsigned npaths;
	double seconds, warm_seconds;
	long watched;  /* the process whose CPU time is reported per answer; 0: none */
	uint64_t most; /* requests in all, without the warm-up; 0: as many as there is time for */

	char (*paths)[PATH_ROOM];
	unsigned next_path;
	uint64_t asked, answered, failed; /* answered and failed count only since `from` */
	uint64_t bytes;                   /* in the answers that counted, as far as the speaker reports it */
	uint64_t from, until;
	bool measuring;
	struct rusage used;  /* until `from` */
	uint64_t watched_ns; /* likewise */
	struct histogram took;
};

/* Reads the command line, and makes the loop and the paths. Ends the program if something is wrong. */
void core_init(struct core *core, int argc, char **argv);

/* Returns the path to ask for now; NULL: no more requests. */
const char *core_ask(struct core *core);

/* Notes an answer. If the number of requests is limited, the last answer ends the loop. */
void core_answered(struct core *core, uint64_t asked_ns, bool ok, size_t bytes);

/* Runs the loop until the time is over or everything is answered, and prints the result as one JSON object. */
void core_run(struct core *core);

uint64_t core_now_ns(void);

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
