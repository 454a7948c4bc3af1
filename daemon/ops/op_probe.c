/*
 * op_probe: the op that asks whether OpenBao is there.
 */
#include "daemon/store/probe.h"

#include "daemon/ops/work.h"

struct op_probe_work {
	struct work work;
	struct probe_wait *wait;
};

static void op_probe_on_done(void *arg, const struct failure *why)
{
	work_end(arg, why);
}

static bool op_probe_begin(struct work *work)
{
	struct op_probe_work *op = (struct op_probe_work *)work;

	op->wait = probe_ask(work->ops->parts.probe, work->deadline_ms, op_probe_on_done, work);
	return op->wait != NULL;
}

static void op_probe_write_members(struct work *work, struct jwrite *w)
{
	(void)work;
	jwrite_text(w, "name", PROBE_NAME);
}

static bool op_probe_abandon(struct work *work)
{
	probe_abandon(((struct op_probe_work *)work)->wait);
	return false;
}

const struct op_handler op_probe = {
	.size = sizeof(struct op_probe_work),
	.begin = op_probe_begin,
	.write_members = op_probe_write_members,
	.abandon = op_probe_abandon,
};
