/*
 * This is secretstored without the limits on a user's time in its loop and on a user's slots at OpenBao, to show
 * what those cost. It is linked from all objects of the daemon but quota.c's and slots.c's, which this file
 * replaces. With every limit in its configuration at its highest, this is the daemon without limits.
 */
#include <stdlib.h>

#include "daemon/callers/quota.h"
#include "daemon/store/slots.h"

bool quota_may_begin_in_turn(struct quotas *quotas, struct quota *quota);
bool quota_may_go_on_in_turn(struct quotas *quotas, const struct quota *quota);

#define quota_may_begin quota_may_begin_in_turn
#define quota_may_go_on quota_may_go_on_in_turn
#include "daemon/callers/quota.c"
#undef quota_may_begin
#undef quota_may_go_on

bool quota_may_begin(struct quotas *quotas, struct quota *quota)
{
	(void)quota_may_begin_in_turn(quotas, quota);
	return true;
}

bool quota_may_go_on(struct quotas *quotas, const struct quota *quota)
{
	(void)quota_may_go_on_in_turn(quotas, quota);
	return true;
}

struct slots *slots_new(struct event_base *base, unsigned count)
{
	(void)base;
	(void)count;
	return calloc(1, 1);
}

void slots_free(struct slots *slots)
{
	free(slots);
}

int slots_ask(struct slots *slots, struct slot *slot, uint64_t caller, void (*come)(void *arg), void *arg)
{
	(void)slots;
	(void)caller;
	(void)come;
	(void)arg;
	slot->is_held = true;
	return 0;
}

void slot_end(struct slot *slot)
{
	slot->is_held = false;
}
