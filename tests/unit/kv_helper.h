/*
 * kv_helper: a kv with all it stands on, logged in at a fakebao.
 */
#ifndef KV_HELPER_H
#define KV_HELPER_H

#include "daemon/store/kv.h"
#include "tests/unit/fakebao.h"
#include "tests/unit/login_helper.h"

struct kv_bench {
	struct fakebao *f;
	struct login *login;
	struct leader *leader;
	struct versions *versions;
	struct kv *kv;
};

/* For a test's setup: state becomes the bench, whose fakebao knows the mount "secret". */
void kv_helper_setup(void **state, struct kv_bench *b, const struct kv_options *options, unsigned lease_s);
int kv_helper_teardown(void **state);

/*
 * Does the same on a cluster, all of whose nodes know the mount: b->f is an array, as fakebao_cluster() makes it.
 * There is no cache.
 */
void kv_helper_cluster_setup(void **state, struct kv_bench *b);
int kv_helper_cluster_teardown(void **state);

#endif
