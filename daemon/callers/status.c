/*
 * status: the members of the replies to ping and status.
 */
#include "daemon/callers/status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/store/kv.h"
#include "daemon/upstream/keeper.h"
#include "proto/frame.h"
#include "proto/request.h"

void status_write_ping(struct jwrite *w, const struct keeper *keeper, const struct session_limits *limits)
{
	struct keeper_status status;
	keeper_status(keeper, &status);
	jwrite_bool(w, "ready", status.ready);
	jwrite_text(w, "state", lease_state_name(status.state));
	jwrite_text(w, "version", SECRETSTORE_VERSION);
	jwrite_uint(w, "protocol", PROTOCOL_VERSION);
	jwrite_open(w, "ops", '[');
	for (enum op op = 0; op < OP_COUNT; op++)
		jwrite_text(w, NULL, op_name(op));
	jwrite_close(w, ']');
	jwrite_open(w, "limits", '{');
	jwrite_uint(w, "request_bytes", limits->request_bytes);
	jwrite_uint(w, "reply_bytes", FRAME_BODY_MAX);
	jwrite_uint(w, "requests_per_connection", limits->requests);
	jwrite_uint(w, "timeout_ms", REQUEST_TIMEOUT_MAX_MS);
	jwrite_close(w, '}');
}

/* A time that is not planned has no member. */
static void write_due(struct jwrite *w, const char *name, uint64_t ms)
{
	if (ms != CLOCK_NEVER)
		jwrite_uint(w, name, ms);
}

static void write_token(struct jwrite *w, const struct keeper_status *status)
{
	jwrite_open(w, "token", '{');
	jwrite_text(w, "state", lease_state_name(status->state));
	if (status->ready && status->lease_left_ms == CLOCK_NEVER)
		jwrite_null(w, "lease_left_ms");
	else if (status->ready)
		jwrite_uint(w, "lease_left_ms", status->lease_left_ms);
	write_due(w, "next_renewal_ms", status->next_renewal_ms);
	write_due(w, "next_login_ms", status->next_login_ms);
	if (status->reason[0] != '\0')
		jwrite_text(w, "reason", status->reason);
	jwrite_close(w, '}');
}

void status_write(struct jwrite *w, const struct keeper *keeper, const struct counters *counters, uint64_t uptime_ms)
{
	struct keeper_status status;
	keeper_status(keeper, &status);
	jwrite_text(w, "version", SECRETSTORE_VERSION);
	jwrite_uint(w, "uptime_ms", uptime_ms);
	jwrite_bool(w, "ready", status.ready);
	write_token(w, &status);
	jwrite_open(w, "upstream", '{');
	jwrite_text(w, "state", reach_state_name(status.reach));
	jwrite_close(w, '}');
	jwrite_open(w, "counters", '{');
	jwrite_uint(w, "requests", counters->requests);
	jwrite_uint(w, "gets", counters->gets);
	jwrite_uint(w, "cache_hits", counters->cache_hits);
	jwrite_uint(w, "cache_stale", counters->cache_stale);
	jwrite_uint(w, "puts", counters->puts);
	jwrite_uint(w, "probes", counters->probes);
	jwrite_uint(w, "snapshots_saved", counters->snapshots_saved);
	jwrite_uint(w, "snapshots_restored", counters->snapshots_restored);
	jwrite_uint(w, "failures", counters->failures);
	jwrite_uint(w, "forbidden", counters->forbidden);
	jwrite_uint(w, "audit_dropped", counters->audit_dropped);
	jwrite_uint(w, "logins", status.logins);
	jwrite_uint(w, "login_failures", status.login_failures);
	jwrite_uint(w, "renewals", status.renewals);
	jwrite_uint(w, "renewal_failures", status.renewal_failures);
	jwrite_close(w, '}');
}

void status_write_cache(struct jwrite *w, const struct kv *kv)
{
	struct kv_status status;
	kv_status(kv, &status);
	jwrite_open(w, "cache", '{');
	jwrite_uint(w, "entries", status.entries);
	jwrite_uint(w, "bytes", status.bytes);
	jwrite_close(w, '}');
}

/* A line that stands for long cannot tell how long it is from now. */
static const char *clock_time(char out[16], uint64_t from_now_ms)
{
	time_t at = time(NULL) + (time_t)(from_now_ms / 1000);
	struct tm tm;
	if (gmtime_r(&at, &tm) == NULL || strftime(out, 16, "%H:%M UTC", &tm) == 0)
		out[0] = '\0';
	return out;
}

static void ready_words(const struct keeper_status *status, char *out, size_t size)
{
	char at[16];
	if (status->reason[0] != '\0' && status->lease_left_ms != CLOCK_NEVER)
		snprintf(out, size, "logged in until %s, but the next login failed: %s", clock_time(at, status->lease_left_ms),
		    status->reason);
	else if (status->next_renewal_ms != CLOCK_NEVER)
		snprintf(out, size, "logged in, renewal due at %s", clock_time(at, status->next_renewal_ms));
	else if (status->next_login_ms != CLOCK_NEVER)
		snprintf(out, size, "logged in, next login due at %s", clock_time(at, status->next_login_ms));
	else
		snprintf(out, size, "logged in");
}

static void unready_words(const struct keeper_status *status, char *out, size_t size)
{
	if (status->state == LEASE_STOPPING)
		snprintf(out, size, "stopping");
	else if (reach_words(status->reach)[0] != '\0')
		snprintf(out, size, "no login yet");
	else if (status->state == LEASE_REJECTED)
		snprintf(out, size, "no login, waiting for other credentials: %s", status->reason);
	else if (status->state == LEASE_RELOGIN_WAIT)
		snprintf(out, size, "no login: %s", status->reason);
	else
		snprintf(out, size, "logging in");
}

void status_words(const struct keeper *keeper, char *out, size_t size)
{
	struct keeper_status status;
	const char *reach;
	size_t n;
	keeper_status(keeper, &status);
	reach = reach_words(status.reach);
	if (status.ready)
		ready_words(&status, out, size);
	else
		unready_words(&status, out, size);
	n = strlen(out);
	if (reach[0] != '\0' && n < size)
		snprintf(out + n, size - n, "; %s", reach);
}

void status_write_caller(struct jwrite *w, const struct peer *peer, const struct rules *rules)
{
	jwrite_open(w, "peer", '{');
	jwrite_uint(w, "uid", peer->uid);
	jwrite_uint(w, "gid", peer->gid);
	jwrite_uint(w, "pid", (uint64_t)peer->pid);
	if (peer->unit != NULL)
		jwrite_text(w, "unit", peer->unit);
	if (peer->user_unit != NULL)
		jwrite_text(w, "user_unit", peer->user_unit);
	jwrite_close(w, '}');
	jwrite_open(w, "rules", '[');
	for (size_t i = 0; i < rules->nrules; i++) {
		if (rule_names(&rules->rule[i], peer))
			jwrite_text(w, NULL, rules->rule[i].name);
	}
	jwrite_close(w, ']');
}
