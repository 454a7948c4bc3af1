/*
 * log: lines on standard error, each by one write. A reader that does not read must not stop the event loop: what
 * cannot be written at once is dropped, and the next line that can be says how many were.
 */
#include "daemon/host/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1000
#define CUT "..."

static struct {
	bool journal;
	enum log_level most;
	unsigned long dropped;
} state = { false, LOG_LEVEL_INFO, 0 };

/* JOURNAL_STREAM is "device:inode" of the stream that systemd connected; see systemd.exec(5). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void log_init(enum log_level most)
{
	state.journal = stderr_is_journal();
	state.most = most;
	state.dropped = 0;
}

static size_t put_prefix(char *out, size_t cap, enum log_level level)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	static const int priorities[] = { 3, 4, 6, 7 }; /* syslog(3) */
	struct timespec now;
	struct tm tm;
	char date[32];
	int n;

	if (state.journal) {
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

/* C0, DEL and C1 (U+0080…U+009F, terminals obey them too): with them a text could pass for a line of its own. */
static void replace_controls(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			p[0] = '?';
			p[1] = '?';
		}
	}
}

/* Shortens the text by whole characters, not within one, and marks it. cap: size of its buffer. */
static void mark_cut(char *text, size_t cap)
{
	size_t end = cap - sizeof(CUT);

	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(text + end, CUT, sizeof(CUT));
}

static bool write_line(const char *line, size_t n)
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

static void __attribute__((format(printf, 2, 0))) put_line(enum log_level level, const char *format, va_list args)
{
	char line[LINE_MAX_BYTES + 1];
	size_t room, start = put_prefix(line, sizeof(line) / 2, level);
	int n;

	room = sizeof(line) - start - 1; /* one for the line's end */
	n = vsnprintf(line + start, room, format, args);
	if (n < 0)
		return;
	if ((size_t)n >= room)
		mark_cut(line + start, room);
	replace_controls(line + start);
	room = strlen(line);
	line[room++] = '\n';
	if (!write_line(line, room))
		state.dropped++;
}

static void __attribute__((format(printf, 2, 3))) put_text(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(level, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 2, 0))) log_line(enum log_level level, const char *format, va_list args)
{
	unsigned long dropped = state.dropped;
	int saved = errno;

	if (level > state.most)
		return;
	if (dropped > 0) {
		state.dropped = 0;
		put_text(LOG_LEVEL_WARNING, "%lu log lines were dropped: nobody read them", dropped);
		if (state.dropped > 0)
			state.dropped = dropped;
	}
	put_line(level, format, args);
	errno = saved;
}

#define LOG_AT(level) do {                \
	va_list args;                     \
	va_start(args, format);           \
	log_line(level, format, args);    \
	va_end(args);                     \
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
