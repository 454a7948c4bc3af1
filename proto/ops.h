/*
 * ops: what a caller may ask for. This table is the one place that lists the ops: what is true of one stands in
 * its row, as flags for those who need to know, and nothing else in the tree tells ops apart by name.
 *
 * One more op is a row here, a handler in daemon/ops/ (which is found by this table, too), and what the handler
 * asks for in daemon/store/ and daemon/upstream/api_rows.h.
 */
#ifndef OPS_H
#define OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/jscan.h"

#define REQUEST_TIMEOUT_MAX_MS 600000
#define REQUEST_NUMBER_MAX UINT64_C(9999999999)

/* The members of a request. X(enumerator, name, least and greatest value if it is a number) */
#define MEMBER_TABLE(X) \
	X(ID, "id", 0, 0) \
	X(OP, "op", 0, 0) \
	X(TIMEOUT, "timeout_ms", 1, REQUEST_TIMEOUT_MAX_MS) \
	X(MOUNT, "mount", 0, 0) \
	X(PATH, "path", 0, 0) \
	X(DATA, "data", 0, 0) \
	X(CAS, "cas", 0, REQUEST_NUMBER_MAX) \
	X(VERSION, "version", 1, REQUEST_NUMBER_MAX) \
	X(MIN_VERSION, "min_version", 0, REQUEST_NUMBER_MAX) \
	X(MAX_AGE, "max_age_ms", 0, REQUEST_NUMBER_MAX) \
	X(FORCE, "force", 0, 0)

enum member {
#define X(enumerator, name, least, greatest) MEMBER_##enumerator,
	MEMBER_TABLE(X)
#undef X
	    MEMBER_COUNT
};

/* Sets of members have a bit for each. */
#define HAS(enumerator) (1u << MEMBER_##enumerator)
#define HAS_SECRET (HAS(MOUNT) | HAS(PATH))

enum op_flags {
	OP_HAS_PATH = 1 << 0, /* is about one secret, by mount and path; rules may limit it to paths */
	OP_READS = 1 << 1,    /* leaves everything as it was: the audit counts it, rather than list each */
	/* changes something: never done twice, and its outcome may be unknown; the audit may have to know first */
	OP_WRITES = 1 << 2,
	/* moves data frames: has its connection to itself, and no time limit unless the request names one */
	OP_STREAM = 1 << 3,
	OP_AT_ONCE = 1 << 4, /* is answered from memory, whatever OpenBao does */
	OP_FREE = 1 << 5,    /* needs no rule */
	/*
	 * The groups of access rules, which are closed: an op that comes later is in neither, so that it is
	 * allowed by no rule that was written before. What is in no group can only be allowed by its name.
	 */
	OP_IN_READ = 1 << 6,
	OP_IN_WRITE = 1 << 7, /* beside all of OP_IN_READ */
};

/*
 * X(enumerator, its handler's name, name on the socket, members it takes beside id, op and timeout_ms, those it
 * must have, flags, its counter's name in status, or NULL)
 */
#define OP_TABLE(X) \
	X(PING, ping, "ping", 0, 0, OP_READS | OP_AT_ONCE | OP_FREE | OP_IN_READ, NULL) \
	X(STATUS, status, "status", 0, 0, OP_READS | OP_AT_ONCE | OP_IN_READ, NULL) \
	X(PROBE, probe, "probe", 0, 0, OP_READS | OP_IN_READ, "probes") \
	X(KV_GET, kv_get, "kv.get", HAS_SECRET | HAS(VERSION) | HAS(MIN_VERSION) | HAS(MAX_AGE), HAS_SECRET, \
	    OP_HAS_PATH | OP_READS | OP_IN_READ, "gets") \
	X(KV_PUT, kv_put, "kv.put", HAS_SECRET | HAS(DATA) | HAS(CAS), HAS_SECRET | HAS(DATA), \
	    OP_HAS_PATH | OP_WRITES | OP_IN_WRITE, "puts") \
	X(SNAPSHOT_SAVE, snapshot_save, "snapshot.save", 0, 0, OP_STREAM, "snapshots_saved") \
	X(SNAPSHOT_RESTORE, snapshot_restore, "snapshot.restore", HAS(FORCE), 0, OP_WRITES | OP_STREAM, \
	    "snapshots_restored")

enum op {
#define X(enumerator, handler, name, takes, needs, flags, counter) OP_##enumerator,
	OP_TABLE(X)
#undef X
	    OP_COUNT
};

/* A row. */
struct op_info {
	const char *name;
	unsigned takes, needs; /* sets of members; id, op and timeout_ms are in them */
	unsigned flags;
	const char *counter; /* NULL: none */
};

/* The row of an op that there is. */
const struct op_info *op_info(enum op op);

/* "unknown" for OP_COUNT. */
const char *op_name(enum op op);

/* The op of a name of n bytes, and of a name as it stands in JSON; OP_COUNT if there is none. */
enum op op_by_name(const char *name, size_t n);
enum op op_by_span(struct jspan name);

static inline bool op_is(enum op op, unsigned flag)
{
	return (op_info(op)->flags & flag) != 0;
}

static inline bool op_is_stream(enum op op)
{
	return op_is(op, OP_STREAM);
}

static inline bool op_has_path(enum op op)
{
	return op_is(op, OP_HAS_PATH);
}

#endif
