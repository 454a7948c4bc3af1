/*
 * ops: the operations that a caller may ask for. This table is the only place that lists them: what is true of an
 * op stands in its row, as flags, and no other code tells ops apart by their names.
 *
 * A new op needs a row here, a handler in daemon/ops/ (which is found by this table, too), and whatever the
 * handler uses of daemon/store/ and daemon/upstream/api_rows.h.
 */
#ifndef OPS_H
#define OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/jscan.h"

#define REQUEST_TIMEOUT_MAX_MS 600000
#define REQUEST_NUMBER_MAX UINT64_C(9999999999)

/* The members of a request: X(enumerator, name, least value, greatest value), both 0 if it is no number. */
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

/* A set of members is an unsigned with one bit for each. */
#define HAS(enumerator) (1u << MEMBER_##enumerator)
#define HAS_SECRET (HAS(MOUNT) | HAS(PATH))

enum op_flags {
	OP_HAS_PATH = 1 << 0, /* is about one secret, by mount and path; rules may limit it to paths */
	OP_READS = 1 << 1,    /* changes nothing: the audit may count equal ones rather than list each */
	/* changes something: it is never sent twice, its outcome may be unknown, the audit may want its intent */
	OP_WRITES = 1 << 2,
	/* moves data frames: it has its connection to itself, and no time limit unless the request names one */
	OP_STREAM = 1 << 3,
	OP_AT_ONCE = 1 << 4, /* is answered from memory at once, whatever state OpenBao is in */
	OP_FREE = 1 << 5,    /* needs no access rule, and is not limited by quotas */
	/*
	 * These two are the groups "read" and "write" of access rules. They are closed: a new op gets neither, so
	 * that no rule written before allows it. An op in no group can only be allowed by its name.
	 */
	OP_IN_READ = 1 << 6,
	OP_IN_WRITE = 1 << 7, /* "write" allows these and those of OP_IN_READ */
};

/*
 * X(enumerator, handler's name, name on the socket, members it may have beside id, op and timeout_ms, members it
 * must have beside id and op, flags, its counter's name in the answer to status, or NULL)
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

/* A row of the table. */
struct op_info {
	const char *name;
	unsigned takes, needs; /* sets of members that it may have and must have, with the usual ones of all ops */
	unsigned flags;
	const char *counter; /* NULL: none */
};

/* Gives the row of an op, which must be less than OP_COUNT. */
const struct op_info *op_info(enum op op);

/* Gives the name of an op; "unknown" for OP_COUNT. */
const char *op_name(enum op op);

/* These find the op by its name of n bytes, and by its name as it stands in JSON. OP_COUNT: there is none. */
enum op op_by_name(const char *name, size_t n);
enum op op_by_span(struct jspan name);

/* True if the op has the flag, or one of several. */
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
