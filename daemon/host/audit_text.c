/*
 * audit_text: the members are the same in both forms; only their names' case and their ends differ.
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
	bool json;
	bool full;
};

static void put_bytes(struct out *o, const char *p, size_t n)
{
	if (o->full || n > o->cap - o->n) {
		o->full = true;
		return;
	}
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void __attribute__((format(printf, 2, 3))) put_format(struct out *o, const char *format, ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_bytes(o, text, n < 0 ? 0 : (size_t)n);
}

/* A terminal obeys these: C0, DEL and C1. */
static bool is_control(const unsigned char *p, size_t n)
{
	return p[0] < 0x20 || p[0] == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

/* Puts text of somebody else's, of which no control character gets through. */
static void put_value(struct out *o, const char *text)
{
	for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
		const unsigned char *p = (const unsigned char *)text;
		n = utf8_sequence(text, left);
		bool plain = n > 0 && !is_control(p, n);
		if (plain && o->json && (p[0] == '"' || p[0] == '\\'))
			put_bytes(o, "\\", 1);
		if (plain)
			put_bytes(o, text, n);
		else if (!o->json)
			put_bytes(o, "?", 1);
		else if (n > 0)
			put_format(o, "\\u%04x", n == 2 ? p[1] : p[0]);
		else
			put_bytes(o, "\\ufffd", 6);
		if (n == 0)
			n = 1; /* a byte that is no UTF-8 */
	}
}

static void put_name(struct out *o, const char *name)
{
	if (o->json) {
		put_format(o, "%s\"%s\":", o->n > 1 ? "," : "", name);
		return;
	}
	put_format(o, "SECRETSTORE_");
	for (; *name != '\0'; name++)
		put_bytes(o, &(char){ (char)toupper((unsigned char)*name) }, 1);
	put_bytes(o, "=", 1);
}

static void put_end(struct out *o)
{
	if (!o->json)
		put_bytes(o, "", 1);
}

static void put_text(struct out *o, const char *name, const char *text)
{
	if (text == NULL)
		return;
	put_name(o, name);
	if (o->json)
		put_bytes(o, "\"", 1);
	put_value(o, text);
	if (o->json)
		put_bytes(o, "\"", 1);
	put_end(o);
}

static void put_number(struct out *o, const char *name, uint64_t number)
{
	put_name(o, name);
	put_format(o, "%llu", (unsigned long long)number);
	put_end(o);
}

static void put_known(struct out *o, const char *name, uint64_t number)
{
	if (number != 0)
		put_number(o, name, number);
}

static const char *outcome_text(const struct audit_record *r)
{
	if (r->gone)
		return "caller_gone";
	return r->code == CODE_NONE ? "ok" : code_name(r->code);
}

static void put_members(struct out *o, const struct audit_entry *e)
{
	const struct audit_record *r = e->record;

	put_text(o, "op", r->op);
	put_text(o, "verdict", r->code == CODE_FORBIDDEN && !r->gone ? "denied" : "allowed");
	if (e->stage != AUDIT_DONE)
		put_text(o, "stage", e->stage == AUDIT_INTENT ? "intent" : "result");
	put_known(o, "request", r->request);
	if (e->stage != AUDIT_INTENT)
		put_text(o, "code", outcome_text(r));
	put_text(o, "rule", r->rule);
	if (r->peer != NULL) {
		put_number(o, "uid", r->peer->uid);
		put_number(o, "gid", r->peer->gid);
		put_number(o, "pid", (uint64_t)r->peer->pid);
		put_text(o, "unit", r->peer->unit);
		put_text(o, "user_unit", r->peer->user_unit);
	}
	put_text(o, "mount", r->mount);
	put_text(o, "path", r->path);
	put_text(o, "credential", r->credential);
	put_known(o, "version", r->version);
	put_known(o, "count", e->count);
	if (e->stage != AUDIT_INTENT)
		put_number(o, "microseconds", r->microseconds);
}

size_t audit_text_json(char *out, size_t cap, const struct audit_entry *entry, const struct timespec *now)
{
	struct out o = { .p = out, .cap = cap, .json = true };
	struct tm tm;
	char date[32];

	if (gmtime_r(&now->tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	put_format(&o, "{\"time\":\"%s.%03ldZ\"", date, now->tv_nsec / 1000000);
	put_members(&o, entry);
	put_bytes(&o, "}\n", 2);
	return o.full ? 0 : o.n;
}

/*
 * Its message reads like this: "uid 33 (web.service): kv.get secret/web/db: ok, version 3, by rule web, 17 times".
 */
size_t audit_text_fields(char *out, size_t cap, const struct audit_entry *entry)
{
	struct out o = { .p = out, .cap = cap };
	const struct audit_record *r = entry->record;
	put_format(&o, "SYSLOG_IDENTIFIER=secretstored-audit%cPRIORITY=%d%cMESSAGE=", 0,
	    r->code == CODE_NONE && !r->gone ? PRIORITY_INFO : PRIORITY_NOTICE, 0);
	if (r->peer != NULL) {
		const char *unit = r->peer->user_unit != NULL ? r->peer->user_unit : r->peer->unit;
		put_format(&o, "uid %lu", (unsigned long)r->peer->uid);
		if (unit != NULL) {
			put_bytes(&o, " (", 2);
			put_value(&o, unit);
			put_bytes(&o, ")", 1);
		}
	}
	put_format(&o, ": %s", r->op);
	if (r->credential != NULL) {
		put_bytes(&o, " ", 1);
		put_value(&o, r->credential);
	}
	if (r->path != NULL) {
		put_bytes(&o, " ", 1);
		put_value(&o, r->mount);
		put_bytes(&o, "/", 1);
		put_value(&o, r->path);
	}
	put_format(&o, ": %s", entry->stage == AUDIT_INTENT ? "to be done" : outcome_text(r));
	if (r->version != 0)
		put_format(&o, ", version %llu", (unsigned long long)r->version);
	if (r->rule != NULL) {
		put_format(&o, ", by rule ");
		put_value(&o, r->rule);
	}
	if (entry->count > 1)
		put_format(&o, ", %llu times", (unsigned long long)entry->count);
	put_end(&o);
	put_members(&o, entry);
	return o.full ? 0 : o.n;
}
