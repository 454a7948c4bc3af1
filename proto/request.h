/*
 * request: what a caller may ask. Decoding is strict: a repeated, unknown or null member of the envelope is an
 * error that names it, since a mistyped "cas" must not become an overwrite.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codes.h"
#include "proto/jscan.h"

#define PROTOCOL_VERSION 1
#define REQUEST_ID_MAX 64            /* bytes of a string id as written, without its quotes */
#define REQUEST_MOUNT_MAX 256        /* bytes after unescaping */
#define REQUEST_PATH_MAX 1024
#define REQUEST_TIMEOUT_MAX_MS 600000
#define REQUEST_ENVELOPE_DEPTH 8

#define OP_TABLE(X) \
	X(PING, "ping") \
	X(STATUS, "status") \
	X(PROBE, "probe") \
	X(KV_GET, "kv.get") \
	X(KV_PUT, "kv.put") \
	X(SNAPSHOT_SAVE, "snapshot.save") \
	X(SNAPSHOT_RESTORE, "snapshot.restore")

enum op {
#define X(enumerator, name) OP_##enumerator,
	OP_TABLE(X)
#undef X
	OP_COUNT
};

const char *op_name(enum op op);

/* The op of a name of n bytes; OP_COUNT if there is none. */
enum op op_by_name(const char *name, size_t n);

/*
 * Does the op move a stream of data frames? Such a one has its connection to itself, no time limit unless the request
 * names one, and no place in "all" of an access rule.
 */
bool op_is_stream(enum op op);

/* Is it about one secret, by mount and path? */
bool op_has_path(enum op op);

struct request {
	struct jspan id; /* as written; len 0 if it could not be read */
	enum op op;
	struct jspan data;    /* kv.put: the object, byte for byte */
	bool has_cas;
	uint64_t cas;
	uint64_t version;     /* kv.get: 0 means the latest */
	uint64_t min_version; /* kv.get: 0 means any */
	bool has_max_age;
	uint64_t max_age_ms;
	bool force;          /* snapshot.restore */
	uint64_t timeout_ms; /* 0 means the daemon's default, for a stream none */
	/* Last, so that it costs nothing to leave most of them untouched. */
	char mount[REQUEST_MOUNT_MAX + 1]; /* canonical: no empty, "." or ".." segment, no control byte */
	char path[REQUEST_PATH_MAX + 1];   /* likewise */
};

/*
 * Decodes a JSON frame's body. 0; or -1 with *why set, and request->id set if it could be read (len 0 if not).
 * Spans point into body.
 */
int request_decode(const char *body, size_t len, struct request *request, struct failure *why);

/* Is this a canonical mount or path (see struct request) in UTF-8, of 1…max bytes? A client may ask first. */
bool request_path_ok(const char *path, size_t max);

#endif
