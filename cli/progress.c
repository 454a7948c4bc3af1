/*
 * progress: see the header. It uses no escape sequences: a carriage return and blanks work on any terminal.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

#define REDRAW_MS 200u
#define LINE_SIZE 200
#define COLUMNS_DEFAULT 80
#define BAR_MAX 40
#define BAR_MIN 5
#define RATE_AFTER_MS 500u /* before that a rate would say little */

void progress_size(char *out, size_t cap, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, cap, "%u bytes", (unsigned)bytes);
		return;
	}
	/* A size that would be rounded to 1024.0 belongs to the next unit. */
	for (size /= 1024; size >= 1023.95 && unit < sizeof(units) / sizeof(units[0]) - 1; size /= 1024)
		unit++;
	snprintf(out, cap, "%.1f %s", size, units[unit]);
}

static size_t columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

/*
 * Draws text over the line before. One column stays free, since some terminals begin a new line after the last
 * one.
 */
static void show(struct progress *p, const char *text)
{
	size_t room = columns() - 1, len = strlen(text);
	size_t width = len < room ? len : room, before = p->width < room ? p->width : room;

	fprintf(stderr, "\r%.*s%*s%s", (int)width, text, before > width ? (int)(before - width) : 0, "",
	    width == 0 ? "\r" : "");
	p->width = width;
}

/* Draws "saving  [#####.....]  43%  1.5 MiB  3.0 MiB/s". The bar is as wide as there is room beside the rest. */
static void draw(struct progress *p, uint64_t now_ms)
{
	char line[LINE_SIZE], marks[BAR_MAX + 1], bar[BAR_MAX + 20] = "", size[32], speed[32], rate[40] = "";
	size_t others = strlen(p->what) + strlen("  [] 100%  1023.9 MiB  1023.9 MiB/s ") + 1, room = columns();
	size_t width = room > others ? room - others : 0;
	uint64_t ms = now_ms - p->began_ms;
	double part = p->done < p->total ? (double)p->done / (double)p->total : 1;

	width = width < BAR_MAX ? width : BAR_MAX;
	memset(marks, '.', sizeof(marks));
	memset(marks, '#', (size_t)(part * (double)width));
	if (p->total > 0 && width >= BAR_MIN)
		snprintf(bar, sizeof(bar), "  [%.*s] %3u%%", (int)width, marks, (unsigned)(part * 100));
	else if (p->total > 0)
		snprintf(bar, sizeof(bar), "  %3u%%", (unsigned)(part * 100));
	progress_size(size, sizeof(size), p->done);
	if (ms >= RATE_AFTER_MS) {
		progress_size(speed, sizeof(speed), (uint64_t)((double)p->done * 1000 / (double)ms));
		snprintf(rate, sizeof(rate), "  %s/s", speed);
	}
	snprintf(line, sizeof(line), "%s%s  %s%s", p->what, bar, size, rate);
	show(p, line);
	p->drawn_ms = now_ms;
}

void progress_begin(struct progress *p, bool quiet, const char *what, uint64_t total)
{
	*p = (struct progress){ .on = !quiet && isatty(STDERR_FILENO), .what = what, .total = total };
	p->began_ms = clock_now_ms();
	if (p->on)
		draw(p, p->began_ms);
}

void progress_add(struct progress *p, size_t bytes)
{
	uint64_t now_ms;

	p->done += bytes;
	if (!p->on)
		return;
	now_ms = clock_now_ms();
	if (now_ms - p->drawn_ms >= REDRAW_MS)
		draw(p, now_ms);
}

void progress_note(struct progress *p, const char *text)
{
	if (p->on)
		show(p, text);
}

void progress_end(struct progress *p)
{
	if (p->on)
		show(p, "");
	p->on = false;
}
