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

/* Makes the parts that stand on b->f. Its http knows that many addresses. */
static void make_parts(struct kv_bench *b, size_t naddresses, const struct kv_options *options, unsigned lease_s)
{
	b->leader = leader_new(b->f->api, b->f->addresses, naddresses);
	b->login = login_helper_serving(b->f, lease_s, true);
	b->versions = versions_new();
	b->kv = kv_new(b->f->base, b->f->api, b->login, b->leader, b->versions, options);
	assert_true(b->leader != NULL && b->versions != NULL && b->kv != NULL);
	for (size_t i = 0; i < naddresses; i++)
		fakebao_answer(&b->f[i], MOUNT, 200, IS_KV);
}

static void free_parts(struct kv_bench *b)
{
	kv_free(b->kv);
	versions_free(b->versions);
	login_free(b->login);
	leader_free(b->leader);
}

void kv_helper_setup(void **state, struct kv_bench *b, const struct kv_options *options, unsigned lease_s)
{
	fakebao_setup(state);
	b->f = *state;
	make_parts(b, 1, options, lease_s);
	*state = b;
}

int kv_helper_teardown(void **state)
{
	struct kv_bench *b = *state;

	free_parts(b);
	*state = b->f;
	return fakebao_teardown(state);
}

void kv_helper_cluster_setup(void **state, struct kv_bench *b)
{
	fakebao_cluster_setup(state);
	b->f = *state;
	make_parts(b, FAKEBAO_NODES, &(struct kv_options){ .max_bytes = 0 }, 3600);
	*state = b;
}

int kv_helper_cluster_teardown(void **state)
{
	struct kv_bench *b = *state;

	free_parts(b);
	*state = b->f;
	return fakebao_cluster_teardown(state);
}
