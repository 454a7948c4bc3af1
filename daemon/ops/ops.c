/*
 * ops: what each request goes through. A rule must allow it; then its handler answers at once, or work begins.
 */
#include "daemon/ops/ops.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "daemon/access/rules.h"
#include "daemon/host/log.h"
#include "daemon/ops/work.h"

static const struct op_handler *const handlers[] = {
#define X(enumerator, handler, name, takes, needs, flags, counter) [OP_##enumerator] = &op_##handler,
	OP_TABLE(X)
#undef X
};

_Static_assert(sizeof(handlers) / sizeof(*handlers) == OP_COUNT, "each op has a handler");

/* Gives the rule that allows the request, or NULL. */
static const struct rule *ops_find_rule(const struct rules *rules, const struct peer *peer,
    const struct request *r)
{
	NOT_ZEROED char path[SECRET_KEY_MAX]; /* "mount/path" */

	if (!op_has_path(r->op))
		return rules_find(rules, peer, r->op, NULL);
	memcpy(path, r->name.key, r->name.key_len);
	path[r->name.path_at - 1] = '/';
	return rules_find(rules, peer, r->op, path);
}

static void ops_deny(const struct op_context *context)
{
	struct call *call = context->call;
	enum op op = context->request->op;
	struct failure why;

	work_audit(context, call->peer, call->began_us, &(struct outcome){ .code = CODE_FORBIDDEN });
	failure_set(&why, CODE_FORBIDDEN, "no rule of this daemon allows %s%s to uid %lu", op_name(op),
	    op_has_path(op) ? " of this path" : "", (unsigned long)call->peer->uid);
	work_refuse(context->ops, call, &why);
}

void ops_request(void *arg, struct call *call, const struct request *r, uint64_t deadline_ms)
{
	struct ops *ops = arg;
	const struct op_handler *handler = handlers[r->op];
	struct op_context context = { .ops = ops,
		.call = call,
		.request = r,
		.number = ++ops->requests,
		.deadline_ms = deadline_ms };

	log_request(context.number, "%s of uid %lu", op_name(r->op), (unsigned long)call->peer->uid);
	if (!op_is(r->op, OP_FREE)) {
		const struct rule *rule = ops_find_rule(ops->parts.rules, call->peer, r);

		if (rule == NULL) {
			ops_deny(&context);
			return;
		}
		context.rule = rule->name;
	}
	ops->counts[r->op].begun++;
	if (handler->at_once == NULL || !handler->at_once(&context))
		work_start(&context, handler);
}

struct ops *ops_new(const struct ops_parts *parts)
{
	struct ops *ops = calloc(1, sizeof(*ops));

	if (ops == NULL)
		return NULL;
	ops->parts = *parts;
	ops->started_ms = clock_now_ms();
	return ops;
}

void ops_use(struct ops *ops, const struct ops_parts *parts)
{
	ops->parts = *parts;
}

void ops_drain(struct ops *ops, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg), void *arg)
{
	drain_begin(&ops->drain, base, budget_ms, drained, arg);
	drain_check(&ops->drain, ops->works == NULL);
}

void ops_free(struct ops *ops)
{
	if (ops == NULL)
		return;
	drain_end(&ops->drain);
	work_end_all(ops);
	free(ops);
}
