/*
 * log: composes lines and journal entries, and hands them to the writer. Before the writer's start and after its
 * end each line is one write(); a line that cannot be written at once is dropped, and a later one tells how many
 * were.
 */
#include "daemon/host/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/texts.h"
#include "daemon/host/journal.h"
#include "daemon/host/log_limit.h"
#include "daemon/host/writer.h"

#define LINE_MAX_BYTES 1000
#define QUEUE_BYTES (256u * 1024)
#define CUT "..."

static struct {
	_Atomic enum log_level max_level;
	pthread_mutex_t lock;  /* is held while a line is made; for limit, dropped and the writer's queue */
	bool journal;          /* standard error is the journal */
	bool entries;          /* the writer sends entries with fields to the journal, not lines */
	bool muted;            /* nothing is written any more, since the writer is stuck */
	unsigned long dropped; /* lines, while there is no writer */
	struct writer *writer; /* NULL: not started */
	struct log_limit limit;
} state = { .max_level = LOG_LEVEL_INFO, .lock = PTHREAD_MUTEX_INITIALIZER };

void log_init(enum log_level max_level)
{
	state.journal = journal_has_stderr();
	state.max_level = max_level;
	state.dropped = 0;
	memset(&state.limit, 0, sizeof(state.limit));
}

void log_set_level(enum log_level max_level)
{
	state.max_level = max_level;
}

bool log_has_debug(void)
{
	return state.max_level >= LOG_LEVEL_DEBUG;
}

/* -- lines --------------------------------------------------------------------------------------------------- */

/*
 * Writes what stands before the text: for an entry, its other fields, each with its NUL, and "MESSAGE=". Gives its
 * length in bytes.
 */
static size_t line_prefix(char *out, size_t cap, enum log_level level)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	static const int priorities[] = { 3, 4, 6, 7 }; /* syslog(3) */
	struct timespec now;
	struct tm tm;
	char date[32];
	int n;

	if (state.entries) {
		n = snprintf(out, cap, "SYSLOG_IDENTIFIER=secretstored%cPRIORITY=%d%cMESSAGE=", 0,
		    priorities[level], 0);
	} else if (state.journal) {
		n = snprintf(out, cap, "<%d>", priorities[level]);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		if (gmtime_r(&now.tv_sec, &tm) == NULL)
			memset(&tm, 0, sizeof(tm));
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		n = snprintf(out, cap, "%s.%03ldZ %s: ", date, now.tv_nsec / 1000000, names[level]);
	}
	return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

/* Shortens a text that filled its buffer of cap bytes by whole characters, and marks it as cut. */
static void mark_cut(char *text, size_t cap)
{
	size_t end = cap - sizeof(CUT);

	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(text + end, CUT, sizeof(CUT));
}

struct line {
	size_t start, n;                /* where the text begins; the length of all */
	char bytes[LINE_MAX_BYTES + 1]; /* the text has a NUL after it until end_line() */
};

static void __attribute__((format(printf, 3, 0)))
compose_line(struct line *line, enum log_level level, const char *format, va_list args)
{
	size_t room;
	int n;

	line->start = line_prefix(line->bytes, sizeof(line->bytes) / 2, level);
	room = sizeof(line->bytes) - line->start - 1; /* one byte is left for the line's end */
	n = vsnprintf(line->bytes + line->start, room, format, args);
	if (n < 0)
		line->bytes[line->start] = '\0';
	else if ((size_t)n >= room)
		mark_cut(line->bytes + line->start, room);
	texts_replace_controls(line->bytes + line->start);
	line->n = line->start + strlen(line->bytes + line->start);
}

static void end_line(struct line *line)
{
	line->bytes[line->n++] = state.entries ? '\0' : '\n';
}

/* -- writing ------------------------------------------------------------------------------------------------- */

/* Writes the line at once, or not at all. False: it was not written. */
static bool write_line_now(const char *line, size_t n)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t done;

	if (poll(&out, 1, 0) == 0)
		return false;
	do
		done = write(STDERR_FILENO, line, n);
	while (done < 0 && errno == EINTR);
	return done >= 0;
}

/* Writes a line or an entry. Runs in the writer's thread. */
static int write_log_record(void *arg, const void *record, size_t n)
{
	(void)arg;
	return state.entries ? journal_send(record, n) : writer_write_all(STDERR_FILENO, record, n);
}

static void put_line(struct line *line)
{
	end_line(line);
	if (state.muted)
		return;
	if (state.writer != NULL)
		(void)writer_put(state.writer, line->bytes, line->n, NULL);
	else if (!write_line_now(line->bytes, line->n))
		state.dropped++;
}

static void __attribute__((format(printf, 3, 4)))
compose_notice(struct line *line, enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	compose_line(line, level, format, args);
	va_end(args);
}

/* Tells that lines were lost. Runs in the writer's thread. */
static bool log_lost(void *arg, uint64_t n)
{
	struct line line;

	compose_notice(&line, LOG_LEVEL_WARNING, "%llu log lines were dropped: nobody read them",
	    (unsigned long long)n);
	end_line(&line);
	return write_log_record(arg, line.bytes, line.n) == 0;
}

/* Writes the counts of lines that were left out, of kinds whose time is over; with UINT64_MAX of all kinds. */
static void tell_left_out(uint64_t now_ms)
{
	struct log_limit_kind kind;
	struct line line;

	while (log_limit_over(&state.limit, now_ms, &kind)) {
		compose_notice(&line, (enum log_level)kind.level, "%u more lines like this one were left out: %s",
		    kind.left_out, kind.text);
		put_line(&line);
	}
}

int log_start(void)
{
	static const struct writer_sink sink = { .write = write_log_record, .lost = log_lost };

	state.entries = state.journal && journal_is_there();
	state.writer = writer_new(QUEUE_BYTES, &sink, -1);
	if (state.writer != NULL)
		return 0;
	state.entries = false;
	return -1;
}

void log_stop(uint64_t budget_ms)
{
	tell_left_out(UINT64_MAX);
	if (state.writer == NULL)
		return;
	/* A thread that is stuck may still write and uses the state, so nothing else may write any more. */
	state.muted = !writer_stop(state.writer, budget_ms);
	if (state.muted)
		return;
	state.writer = NULL;
	state.entries = false;
}

static void tell_dropped(void)
{
	unsigned long dropped = state.dropped;
	struct line line;

	if (dropped == 0 || state.writer != NULL)
		return;
	state.dropped = 0;
	compose_notice(&line, LOG_LEVEL_WARNING, "%lu log lines were dropped: nobody read them", dropped);
	put_line(&line);
	if (state.dropped > 0)
		state.dropped = dropped;
}

static void __attribute__((format(printf, 2, 0))) log_line(enum log_level level, const char *format, va_list args)
{
	int saved = errno;
	struct line line;
	uint64_t now;

	if (level > state.max_level)
		return;
	now = clock_now_ms();
	pthread_mutex_lock(&state.lock);
	tell_dropped();
	tell_left_out(now);
	compose_line(&line, level, format, args);
	if (level == LOG_LEVEL_DEBUG ||
	    log_limit_take(&state.limit, format, (int)level, line.bytes + line.start, now))
		put_line(&line);
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}

#define LOG_AT(level) \
	do { \
		va_list args; \
		va_start(args, format); \
		log_line(level, format, args); \
		va_end(args); \
	} while (0)

void log_error(const char *format, ...)
{
	LOG_AT(LOG_LEVEL_ERROR);
}

void log_warning(const char *format, ...)
{
	LOG_AT(LOG_LEVEL_WARNING);
}

void log_info(const char *format, ...)
{
	LOG_AT(LOG_LEVEL_INFO);
}

void log_debug(const char *format, ...)
{
	LOG_AT(LOG_LEVEL_DEBUG);
}

void log_request(uint64_t number, const char *format, ...)
{
	if (!log_has_debug())
		return;
	char text[LINE_MAX_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (number != 0)
		log_debug("request %llu: %s", (unsigned long long)number, text);
	else
		log_debug("%s", text);
}
