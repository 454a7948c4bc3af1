/*
 * kv_helper: makes the parts in their order, and frees them in theirs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"
#include "tests/unit/kv_helper.h"

#define MOUNT "/v1/sys/internal/ui/mounts/secret"
#define IS_KV "{\"data\":{\"path\":\"secret/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}"

void kv_helper_setup(void **state, struct kv_bench *b, const struct kv_options *options, unsigned lease_s)
{
	fakebao_setup(state);
	b->f = *state;
	b->leader = leader_new(b->f->api, b->f->addresses, 1);
	b->keeper = keeper_helper_serving(b->f, lease_s, true);
	b->versions = versions_new();
	b->kv = kv_new(b->f->base, b->f->api, b->keeper, b->leader, b->versions, options);
	assert_true(b->leader != NULL && b->versions != NULL && b->kv != NULL);
	fakebao_answer(b->f, MOUNT, 200, IS_KV);
	*state = b;
}

int kv_helper_teardown(void **state)
{
	struct kv_bench *b = *state;

	kv_free(b->kv);
	versions_free(b->versions);
	keeper_free(b->keeper);
	leader_free(b->leader);
	*state = b->f;
	return fakebao_teardown(state);
}
