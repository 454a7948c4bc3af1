/*
 * op_status: ping and status, the ops that tell of the daemon itself, from memory. Their replies tell no secret,
 * no token, and neither OpenBao's address nor a namespace.
 */
#include "base/clock.h"
#include "daemon/access/rules.h"
#include "daemon/ops/work.h"
#include "daemon/store/kv.h"
#include "daemon/upstream/login.h"
#include "proto/frame.h"

/* -- ping ---------------------------------------------------------------------------------------------------- */

static bool op_ping_at_once(const struct op_context *context)
{
	const struct call_limits *limits = &context->ops->parts.limits;
	struct login_status status;
	struct jwrite w;

	login_status(context->ops->parts.login, &status);
	call_answer_begin(context->call, &w);
	jwrite_bool(&w, "ready", status.ready);
	jwrite_text(&w, "state", lease_state_name(status.state));
	jwrite_text(&w, "version", SECRETSTORE_VERSION);
	jwrite_uint(&w, "protocol", PROTOCOL_VERSION);
	jwrite_open(&w, "ops", '[');
	for (enum op op = 0; op < OP_COUNT; op++)
		jwrite_text(&w, NULL, op_name(op));
	jwrite_close(&w, ']');
	jwrite_open(&w, "limits", '{');
	jwrite_uint(&w, "request_bytes", limits->request_bytes);
	jwrite_uint(&w, "reply_bytes", FRAME_BODY_MAX);
	jwrite_uint(&w, "requests_per_connection", limits->requests);
	jwrite_uint(&w, "timeout_ms", REQUEST_TIMEOUT_MAX_MS);
	jwrite_close(&w, '}');
	call_answer_end(context->call, &w);
	return true;
}

const struct op_handler op_ping = { .at_once = op_ping_at_once };

/* -- status -------------------------------------------------------------------------------------------------- */

/* Writes a time from now; a time that is not planned gets no member. */
static void op_status_write_due(struct jwrite *w, const char *name, uint64_t ms)
{
	if (ms != CLOCK_NEVER)
		jwrite_uint(w, name, ms);
}

static void op_status_write_token(struct jwrite *w, const struct login_status *status)
{
	jwrite_open(w, "token", '{');
	jwrite_text(w, "state", lease_state_name(status->state));
	if (status->ready && status->lease_left_ms == CLOCK_NEVER)
		jwrite_null(w, "lease_left_ms");
	else if (status->ready)
		jwrite_uint(w, "lease_left_ms", status->lease_left_ms);
	op_status_write_due(w, "next_renewal_ms", status->next_renewal_ms);
	op_status_write_due(w, "next_login_ms", status->next_login_ms);
	if (status->reason[0] != '\0')
		jwrite_text(w, "reason", status->reason);
	jwrite_close(w, '}');
}

/* Streams are counted when they have worked, all other ops when they were allowed. */
static void op_status_write_counters(struct jwrite *w, const struct ops *ops, const struct login_status *login)
{
	jwrite_open(w, "counters", '{');
	jwrite_uint(w, "requests", ops->requests);
	for (enum op op = 0; op < OP_COUNT; op++) {
		if (op_info(op)->counter != NULL)
			jwrite_uint(w, op_info(op)->counter,
			    op_is_stream(op) ? ops->counts[op].done : ops->counts[op].begun);
	}
	jwrite_uint(w, "cache_hits", ops->cache_hits);
	jwrite_uint(w, "cache_stale", ops->cache_stale);
	jwrite_uint(w, "failures", ops->failures);
	jwrite_uint(w, "forbidden", ops->forbidden);
	jwrite_uint(w, "audit_dropped", audit_dropped(ops->parts.audit));
	jwrite_uint(w, "logins", login->counters.logins);
	jwrite_uint(w, "login_failures", login->counters.login_failures);
	jwrite_uint(w, "renewals", login->counters.renewals);
	jwrite_uint(w, "renewal_failures", login->counters.renewal_failures);
	jwrite_close(w, '}');
}

static void op_status_write_caller(struct jwrite *w, const struct peer *peer, const struct rules *rules)
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

static bool op_status_at_once(const struct op_context *context)
{
	const struct ops *ops = context->ops;
	struct call *call = context->call;
	struct login_status login;
	struct kv_status cache;
	struct jwrite w;

	login_status(ops->parts.login, &login);
	kv_status(ops->parts.kv, &cache);
	work_audit(context, call->peer, call->began_us, &(struct outcome){ .code = CODE_NONE });
	call_answer_begin(call, &w);
	jwrite_text(&w, "version", SECRETSTORE_VERSION);
	jwrite_uint(&w, "uptime_ms", clock_now_ms() - ops->started_ms);
	jwrite_bool(&w, "ready", login.ready);
	op_status_write_token(&w, &login);
	jwrite_open(&w, "upstream", '{');
	jwrite_text(&w, "state", health_state_name(login.health));
	if (login.namespace_closed != NULL)
		jwrite_text(&w, "namespace", login.namespace_closed);
	jwrite_close(&w, '}');
	op_status_write_counters(&w, ops, &login);
	jwrite_open(&w, "cache", '{');
	jwrite_uint(&w, "entries", cache.entries);
	jwrite_uint(&w, "bytes", cache.bytes);
	jwrite_close(&w, '}');
	op_status_write_caller(&w, call->peer, ops->parts.rules);
	call_answer_end(call, &w);
	return true;
}

const struct op_handler op_status = { .at_once = op_status_at_once };
