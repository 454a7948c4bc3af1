/*
 * kv_types: what is asked of kv, and what it answers.
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

/* The cache. With neither time there is none. */
struct kv_options {
	uint64_t max_age_ms;     /* a get may be answered with what was read less than this ago */
	uint64_t serve_stale_ms; /* the same where OpenBao cannot be asked */
	uint64_t max_bytes;
};

#define KV_ANY_AGE UINT64_MAX

struct kv_wanted {
	const struct secret_name *name;
	enum api_row row;     /* the kind of read. Only API_KV_GET's answers are kept in memory */
	uint64_t version;     /* 0: the latest */
	uint64_t min_version; /* an older answer, or none, is asked for again until the deadline; 0: any */
	/* an answer from the cache must be younger, a stale one too; KV_ANY_AGE: as the options say */
	uint64_t max_age_ms;
	uint64_t number; /* the caller's request, for the log; 0: the daemon's own */
};

struct kv_write {
	const struct secret_name *name;
	enum api_row row; /* the kind of write: API_KV_PUT */
	const char *data; /* the object, which is sent byte for byte; copied */
	size_t data_len;
	const uint64_t *cas; /* NULL: an unconditional write. Copied */
	uint64_t caller;     /* as of kv_get() */
	uint64_t deadline_ms;
	uint64_t number; /* as above */
};

struct kv_reply {
	const struct failure *failure; /* NULL: it worked */
	struct jspan data;             /* get: the secret's object, byte for byte as OpenBao sent it */
	struct jspan metadata;         /* custom metadata: an object or null; len 0 if absent */
	struct jspan created_time;     /* a JSON string */
	uint64_t version;
	bool cached; /* get: from the cache, read age_ms ago */
	/* OpenBao could not be asked, and it is older than max_age_ms of the options */
	bool stale;
	uint64_t age_ms;
};

/* Runs exactly once, from the loop, never from within kv_get() or kv_put(). Spans are valid until it returns. */
typedef void kv_done(void *arg, const struct kv_reply *reply);

/* What the cache holds. */
struct kv_status {
	uint64_t entries, bytes;
};

#endif
