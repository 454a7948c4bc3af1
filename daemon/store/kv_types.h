/*
 * kv_types: what callers ask of kv (kv.h), and what it answers.
 */
#ifndef KV_TYPES_H
#define KV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream/api_rows.h"
#include "proto/codes.h"
#include "proto/jscan.h"
#include "proto/secret_name.h"

/* The options of the cache. If both times are 0 there is no cache. */
struct kv_options {
	uint64_t max_age_ms;     /* a get may be answered with what was read less than this ago */
	uint64_t serve_stale_ms; /* the same while OpenBao cannot be asked */
	uint64_t max_bytes;
};

#define KV_ANY_AGE UINT64_MAX

struct kv_wanted {
	const struct secret_name *name;
	enum api_row row;     /* the kind of read; only answers to API_KV_GET are cached */
	uint64_t version;     /* 0: the latest */
	uint64_t min_version; /* 0: any. An older answer, or none, is asked for again until the deadline */
	/* an answer from the cache, stale or not, must be younger; KV_ANY_AGE: only the options count */
	uint64_t max_age_ms;
	uint64_t number; /* the caller's request, for the log; 0: the daemon's own */
};

struct kv_write {
	const struct secret_name *name;
	enum api_row row; /* the kind of write: API_KV_PUT */
	const char *data; /* a JSON object, which is sent byte for byte; copied */
	size_t data_len;
	const uint64_t *cas; /* the version it must be at; NULL: any. Copied */
	uint64_t caller;     /* whose request it is, as in kv_get() */
	uint64_t deadline_ms;
	uint64_t number; /* the caller's request, for the log; 0: the daemon's own */
};

struct kv_reply {
	const struct failure *failure; /* NULL: it worked; else the members below say nothing */
	struct jspan data;             /* get: the secret's object, byte for byte as OpenBao sent it */
	struct jspan metadata;         /* custom metadata: an object or null; len 0 if absent */
	struct jspan created_time;     /* a JSON string */
	uint64_t version;
	bool cached; /* get: it comes from the cache, where it was read age_ms ago */
	/* OpenBao could not be asked, and the answer is older than the options' max_age_ms */
	bool stale;
	uint64_t age_ms;
};

/*
 * Runs once, from the loop, never from within kv_get() or kv_put(), unless the get or put was abandoned. The reply
 * and its spans are valid until it returns.
 */
typedef void kv_done(void *arg, const struct kv_reply *reply);

/* The size of the cache. */
struct kv_status {
	uint64_t entries, bytes;
};

#endif
