/*
 * audit_text: both forms have the same members, text_members(); names and ends of members are written differently.
 */
#include "daemon/host/audit_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"

#define PRIORITY_NOTICE 5
#define PRIORITY_INFO 6

struct out {
	char *p;
	size_t n, cap;
	bool json; /* a line of JSON, not fields */
	bool full; /* something did not fit, and the text is of no use */
};

static void text_bytes(struct out *o, const char *p, size_t n)
{
	if (o->full || n > o->cap - o->n) {
		o->full = true;
		return;
	}
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void __attribute__((format(printf, 2, 3))) text_format(struct out *o, const char *format, ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_bytes(o, text, n < 0 ? 0 : (size_t)n);
}

static void text_plain(struct out *o, const char *text)
{
	text_bytes(o, text, strlen(text));
}

/* A record has a dozen numbers and names. With vsnprintf() it was a twentieth of what an uncached get costs. */
static void text_number(struct out *o, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	text_bytes(o, digits + at, sizeof(digits) - at);
}

/* True for the characters that a terminal obeys: C0, DEL and C1. */
static bool is_control(const unsigned char *p, size_t n)
{
	return p[0] < 0x20 || p[0] == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

/* Writes text from outside, with control characters and bad UTF-8 escaped, or replaced in the journal. */
static void text_value(struct out *o, const char *text)
{
	for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
		const unsigned char *p = (const unsigned char *)text;
		for (n = 0; p[n] >= 0x20 && p[n] < 0x7f && p[n] != '"' && p[n] != '\\'; n++)
			;
		text_bytes(o, text, n);
		if (n > 0)
			continue;
		n = utf8_sequence(text, left);
		bool plain = n > 0 && !is_control(p, n);
		if (plain && o->json && (p[0] == '"' || p[0] == '\\'))
			text_bytes(o, "\\", 1);
		if (plain)
			text_bytes(o, text, n);
		else if (!o->json)
			text_bytes(o, "?", 1);
		else if (n > 0)
			text_format(o, "\\u%04x", n == 2 ? p[1] : p[0]);
		else
			text_bytes(o, "\\ufffd", 6);
		if (n == 0)
			n = 1; /* the byte is no UTF-8, and the next may be */
	}
}

static void member_name(struct out *o, const char *name)
{
	if (o->json) {
		text_plain(o, o->n > 1 ? ",\"" : "\"");
		text_plain(o, name);
		text_plain(o, "\":");
		return;
	}
	text_plain(o, "SECRETSTORE_");
	for (; *name != '\0'; name++)
		text_bytes(o, &(char){ (char)toupper((unsigned char)*name) }, 1);
	text_bytes(o, "=", 1);
}

static void member_end(struct out *o)
{
	if (!o->json)
		text_bytes(o, "", 1);
}

static void member_text(struct out *o, const char *name, const char *text)
{
	if (text == NULL)
		return;
	member_name(o, name);
	if (o->json)
		text_bytes(o, "\"", 1);
	text_value(o, text);
	if (o->json)
		text_bytes(o, "\"", 1);
	member_end(o);
}

static void member_number(struct out *o, const char *name, uint64_t number)
{
	member_name(o, name);
	text_number(o, number);
	member_end(o);
}

static void member_number_if_known(struct out *o, const char *name, uint64_t number)
{
	if (number != 0)
		member_number(o, name, number);
}

static const char *outcome_text(const struct audit_record *r)
{
	if (r->gone)
		return "caller_gone";
	return r->code == CODE_NONE ? "ok" : code_name(r->code);
}

static void text_members(struct out *o, const struct audit_entry *e)
{
	const struct audit_record *r = e->record;

	member_text(o, "op", r->op);
	member_text(o, "verdict", r->code == CODE_FORBIDDEN && !r->gone ? "denied" : "allowed");
	if (e->stage != AUDIT_DONE)
		member_text(o, "stage", e->stage == AUDIT_INTENT ? "intent" : "result");
	member_number_if_known(o, "request", r->request);
	if (e->stage != AUDIT_INTENT)
		member_text(o, "code", outcome_text(r));
	member_text(o, "rule", r->rule);
	if (r->peer != NULL) {
		member_number(o, "uid", r->peer->uid);
		if (r->peer->gid != AUDIT_NO_GID)
			member_number(o, "gid", r->peer->gid);
		member_number(o, "pid", (uint64_t)r->peer->pid);
		member_text(o, "unit", r->peer->unit);
		member_text(o, "user_unit", r->peer->user_unit);
	}
	member_text(o, "mount", r->mount);
	member_text(o, "path", r->path);
	member_text(o, "credential", r->credential);
	member_text(o, "for_unit", r->for_unit);
	member_number_if_known(o, "version", r->version);
	member_number_if_known(o, "count", e->count);
	if (e->is_rest)
		member_number(o, "paths", e->paths);
	if (e->stage != AUDIT_INTENT)
		member_number(o, "microseconds", r->microseconds);
}

size_t audit_text_json(char *out, size_t cap, const struct audit_entry *entry, const struct timespec *now)
{
	struct out o = { .p = out, .cap = cap, .json = true };
	struct tm tm;
	char date[32];

	if (gmtime_r(&now->tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	text_format(&o, "{\"time\":\"%s.%03ldZ\"", date, now->tv_nsec / 1000000);
	text_members(&o, entry);
	text_bytes(&o, "}\n", 2);
	return o.full ? 0 : o.n;
}

/* Writes like "uid 33 (web.service): ". */
static void message_caller(struct out *o, const struct audit_entry *entry)
{
	const struct peer *peer = entry->record->peer;
	if (peer != NULL) {
		const char *unit = peer->user_unit != NULL ? peer->user_unit : peer->unit;
		text_plain(o, "uid ");
		text_number(o, peer->uid);
		if (unit != NULL) {
			text_bytes(o, " (", 2);
			text_value(o, unit);
			text_bytes(o, ")", 1);
		}
	} else if (entry->is_rest)
		text_plain(o, "other users");
	text_plain(o, ": ");
}

/* Writes what was asked for: like "kv.get secret/web/db", or "kv.get, 217000 more requests for 217000 paths". */
static void message_request(struct out *o, const struct audit_entry *entry)
{
	const struct audit_record *r = entry->record;
	if (entry->is_rest) {
		text_format(o, "%s%s%llu more requests for %llu paths", r->op != NULL ? r->op : "",
		    r->op != NULL ? ", " : "", (unsigned long long)entry->count, (unsigned long long)entry->paths);
		return;
	}
	text_plain(o, r->op);
	if (r->credential != NULL) {
		text_bytes(o, " ", 1);
		text_value(o, r->credential);
	}
	if (r->for_unit != NULL) {
		text_bytes(o, " for ", 5);
		text_value(o, r->for_unit);
	}
	if (r->path != NULL) {
		text_bytes(o, " ", 1);
		text_value(o, r->mount);
		text_bytes(o, "/", 1);
		text_value(o, r->path);
	}
}

/*
 * The entry's message reads like "uid 33 (web.service): kv.get secret/web/db: ok, version 3, by rule web, 17
 * times".
 */
size_t audit_text_fields(char *out, size_t cap, const struct audit_entry *entry)
{
	struct out o = { .p = out, .cap = cap };
	const struct audit_record *r = entry->record;
	text_format(&o, "SYSLOG_IDENTIFIER=secretstored-audit%cPRIORITY=%d%cMESSAGE=", 0,
	    r->code == CODE_NONE && !r->gone ? PRIORITY_INFO : PRIORITY_NOTICE, 0);
	message_caller(&o, entry);
	message_request(&o, entry);
	text_plain(&o, ": ");
	text_plain(&o, entry->stage == AUDIT_INTENT ? "to be done" : outcome_text(r));
	if (r->version != 0) {
		text_plain(&o, ", version ");
		text_number(&o, r->version);
	}
	if (r->rule != NULL) {
		text_plain(&o, ", by rule ");
		text_value(&o, r->rule);
	}
	if (entry->count > 1 && !entry->is_rest)
		text_format(&o, ", %llu times", (unsigned long long)entry->count);
	member_end(&o);
	text_members(&o, entry);
	return o.full ? 0 : o.n;
}
