/*
 * op_probe: the op that asks whether OpenBao is there.
 */
#include "daemon/store/probe.h"

#include "daemon/ops/work.h"

struct probing {
	struct work work;
	struct probe_wait *wait;
};

static void probe_on_done(void *arg, const struct failure *why)
{
	work_end(arg, why);
}

static bool probe_begin(struct work *work)
{
	struct probing *probing = (struct probing *)work;

	probing->wait = probe_ask(work->ops->parts.probe, work->deadline_ms, probe_on_done, work);
	return probing->wait != NULL;
}

static void probe_answer(struct work *work, struct jwrite *w)
{
	(void)work;
	jwrite_text(w, "name", PROBE_NAME);
}

static bool probe_let_go(struct work *work)
{
	probe_abandon(((struct probing *)work)->wait);
	return false;
}

const struct op_handler op_probe = {
	.size = sizeof(struct probing),
	.begin = probe_begin,
	.answer = probe_answer,
	.abandon = probe_let_go,
};
