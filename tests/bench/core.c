/*
 * core: see the header.
 */
#include "tests/bench/core.h"

#include <dirent.h>
#include <event2/event.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_ANSWER_NS UINT64_C(60000000000)

static const char usage[] =
    "usage: %s --to SOCKET|HOST:PORT [--as PROTOCOL] [--callers N] [--depth N] [--paths N] [--prefix TEXT]\n"
    "    [--mount NAME] [--seconds S] [--warm S] [--requests N] [--watch PID]\n";

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint64_t core_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* -- the command line ----------------------------------------------------------------------------------------- */

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < least || n > most)
		die("not a number from %llu to %llu: %s", (unsigned long long)least, (unsigned long long)most,
		    text);
	return n;
}

static double seconds(const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(s >= 0 && s <= 3600))
		die("not a number of seconds: %s", text);
	return s;
}

static void make_paths(struct core *core, const char *prefix)
{
	core->paths = calloc(core->npaths, sizeof(*core->paths));
	if (core->paths == NULL)
		die("out of memory");
	for (unsigned i = 0; i < core->npaths; i++) {
		if (snprintf(core->paths[i], PATH_ROOM, "%s%06u", prefix, i) >= PATH_ROOM)
			die("too long: %s", prefix);
	}
}

enum { TO = 1, AS, CALLERS, DEPTH, PATHS, PREFIX, MOUNT, SECONDS, WARM, REQUESTS, WATCH };

static const struct option options[] = {
	{ "to", required_argument, NULL, TO },
	{ "as", required_argument, NULL, AS },
	{ "callers", required_argument, NULL, CALLERS },
	{ "depth", required_argument, NULL, DEPTH },
	{ "paths", required_argument, NULL, PATHS },
	{ "prefix", required_argument, NULL, PREFIX },
	{ "mount", required_argument, NULL, MOUNT },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "warm", required_argument, NULL, WARM },
	{ "requests", required_argument, NULL, REQUESTS },
	{ "watch", required_argument, NULL, WATCH },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct core *core, int option, const char **prefix)
{
	switch (option) {
	case TO:
		core->to = optarg;
		break;
	case AS:
		core->as = optarg;
		break;
	case CALLERS:
		core->callers = (unsigned)number(optarg, 1, 60000);
		break;
	case DEPTH:
		core->depth = (unsigned)number(optarg, 1, 4096);
		break;
	case PATHS:
		core->npaths = (unsigned)number(optarg, 1, 1000000);
		break;
	case PREFIX:
		*prefix = optarg;
		break;
	case MOUNT:
		core->mount = optarg;
		break;
	case SECONDS:
		core->seconds = seconds(optarg);
		break;
	case WARM:
		core->warm_seconds = seconds(optarg);
		break;
	case WATCH:
		core->watched = (long)number(optarg, 1, INT32_MAX);
		break;
	case REQUESTS:
		core->most = number(optarg, 1, UINT32_MAX);
		break;
	default:
		exit(2);
	}
}

void core_init(struct core *core, int argc, char **argv)
{
	const char *prefix = "bench/s";
	int option;

	memset(core, 0, sizeof(*core));
	core->as = "client";
	core->mount = "secret";
	core->callers = core->depth = core->npaths = 1;
	core->seconds = 1;
	core->warm_seconds = 0.2;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(core, option, &prefix);
	if (core->to == NULL || optind != argc) {
		fprintf(stderr, usage, argv[0]);
		exit(2);
	}
	make_paths(core, prefix);
	core->base = event_base_new();
	if (core->base == NULL)
		die("no event loop");
}

/* -- counting ------------------------------------------------------------------------------------------------- */

const char *core_ask(struct core *core)
{
	const char *path = core->paths[core->next_path];

	if (core->most != 0 && core->asked == core->most)
		return NULL;
	core->asked++;
	if (++core->next_path == core->npaths)
		core->next_path = 0;
	return path;
}

void core_answered(struct core *core, uint64_t asked_ns, bool ok, size_t bytes)
{
	if (!core->measuring)
		return;
	histogram_add(&core->took, core_now_ns() - asked_ns);
	core->answered++;
	core->bytes += bytes;
	if (!ok)
		core->failed++;
	if (core->most != 0 && core->answered == core->most)
		event_base_loopbreak(core->base);
}

/*
 * Adds up what the process's threads have run for. A thread that ends takes its share with it; the processes that
 * are watched keep their threads.
 */
static uint64_t running_ns(long pid)
{
	char path[300];
	struct dirent *entry;
	uint64_t total = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	tasks = opendir(path);
	if (tasks == NULL)
		die("there is no process %ld", pid);
	while ((entry = readdir(tasks)) != NULL) {
		unsigned long long ns = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%ld/task/%s/schedstat", pid, entry->d_name);
		file = entry->d_name[0] != '.' ? fopen(path, "re") : NULL;
		if (file != NULL && fscanf(file, "%llu", &ns) == 1)
			total += ns;
		if (file != NULL)
			fclose(file);
	}
	closedir(tasks);
	return total;
}

static double used_us(const struct timeval *before, const struct timeval *after)
{
	return (double)(after->tv_sec - before->tv_sec) * 1e6 + (double)(after->tv_usec - before->tv_usec);
}

static void report(const struct core *core, const struct rusage *end, uint64_t watched_ns)
{
	double took = (double)(core->until - core->from) / 1e9, n = (double)core->answered;

	printf("{\"as\": \"%s\", \"callers\": %u, \"depth\": %u, \"paths\": %u, \"seconds\": %.6f, ", core->as,
	    core->callers, core->depth, core->npaths, took);
	printf("\"requests\": %llu, \"failures\": %llu, \"rps\": %.1f, \"bytes\": %llu, ",
	    (unsigned long long)core->answered, (unsigned long long)core->failed, (double)core->answered / took,
	    (unsigned long long)core->bytes);
	printf("\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, ",
	    (double)histogram_at(&core->took, 0.5) / 1e3, (double)histogram_at(&core->took, 0.99) / 1e3,
	    (double)histogram_at(&core->took, 0.999) / 1e3, (double)core->took.max / 1e3);
	if (core->watched != 0)
		printf("\"cpu_us\": %.3f, ", (double)watched_ns / 1e3 / n);
	printf("\"own_cpu_us\": %.3f, \"own_user_us\": %.3f}\n",
	    (used_us(&core->used.ru_utime, &end->ru_utime) + used_us(&core->used.ru_stime, &end->ru_stime)) / n,
	    used_us(&core->used.ru_utime, &end->ru_utime) / n);
}

/* -- running -------------------------------------------------------------------------------------------------- */

static void warm(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;

	(void)fd;
	(void)what;
	getrusage(RUSAGE_SELF, &core->used);
	core->watched_ns = core->watched != 0 ? running_ns(core->watched) : 0;
	core->from = core_now_ns();
	core->measuring = true;
}

static void after(struct core *core, double s, event_callback_fn callback)
{
	struct timeval tv = { .tv_sec = (time_t)s, .tv_usec = (suseconds_t)((s - (double)(time_t)s) * 1e6) };

	if (event_base_once(core->base, -1, EV_TIMEOUT, callback, core, &tv) != 0)
		die("out of memory");
}

static void over(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;

	(void)fd;
	(void)what;
	/*
	 * If no answer has come in the time there was, the loop goes on until one comes: the rate is low, but not
	 * zero.
	 */
	if (core->answered > 0 || core_now_ns() - core->from > NO_ANSWER_NS)
		event_base_loopbreak(core->base);
	else
		after(core, 0.05, over);
}

void core_run(struct core *core)
{
	uint64_t watched_ns = 0;
	struct rusage end;

	if (core->most != 0) {
		warm(-1, 0, core);
		after(core, 600, over);
	} else {
		after(core, core->warm_seconds, warm);
		after(core, core->warm_seconds + core->seconds, over);
	}
	event_base_dispatch(core->base);
	core->until = core_now_ns();
	core->measuring = false;
	getrusage(RUSAGE_SELF, &end);
	if (core->watched != 0)
		watched_ns = running_ns(core->watched) - core->watched_ns;
	if (core->most != 0 && core->answered < core->most)
		die("%llu of %llu requests were not answered", (unsigned long long)(core->most - core->answered),
		    (unsigned long long)core->most);
	if (core->answered == 0)
		die("no answer");
	report(core, &end, watched_ns);
}
