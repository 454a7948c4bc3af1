/*
 * secretstored as it would be if its users took no turns, neither at its loop nor at OpenBao, to see what the turns do. It is
 * linked of all the daemon's objects but share.c's and slots.c's, in whose place stands what is here. With every limit at
 * its highest in its configuration it is the daemon without limits.
 */
#include <stdlib.h>

#include "daemon/callers/share.h"
#include "daemon/store/slots.h"

bool share_has_time_by_turns(struct shares *shares, struct share *share, uint64_t now_us);
uint64_t share_left_us_by_turns(const struct share *share);

#define share_has_time share_has_time_by_turns
#define share_left_us share_left_us_by_turns
#include "daemon/callers/share.c"
#undef share_has_time
#undef share_left_us

bool share_has_time(struct shares *shares, struct share *share, uint64_t now_us)
{
	(void)shares;
	(void)share;
	(void)now_us;
	return true;
}

uint64_t share_left_us(const struct share *share)
{
	(void)share;
	return UINT64_MAX;
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
