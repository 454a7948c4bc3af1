/*
 * work: an op's handler, and what all requests that take time go through around what the store does for them: the
 * intent in the audit where nothing may be done without it, the record, the reply, and a caller that may go away
 * at any time.
 */
#ifndef WORK_H
#define WORK_H

#include "base/drain.h"
#include "daemon/host/audit.h"
#include "daemon/ops/call.h"
#include "daemon/ops/parts.h"
#include "proto/request.h"

struct audit_wait;
struct work;

struct op_counts {
	uint64_t begun, done; /* that were allowed; of these, that worked */
};

struct ops {
	struct ops_parts parts;
	uint64_t started_ms;
	uint64_t requests, failures, forbidden, cache_hits, cache_stale;
	struct op_counts counts[OP_COUNT];
	struct work *works; /* all that are under way */
	struct drain drain;
};

/* A request, as long as it is being looked at. */
struct op_context {
	struct ops *ops;
	struct call *call;
	const struct request *request;
	const char *rule;     /* the name of the one that allows it; NULL: it needs none */
	uint64_t number;      /* of the request, for the log and the audit */
	uint64_t deadline_ms; /* CLOCK_NEVER: none */
};

/*
 * What an op does. Either at_once ends the call; or a struct work is made, of size bytes and zeroed, and the
 * functions below it run. Those that an op does not need are NULL.
 */
struct op_handler {
	/* Answers from memory and ends the call. False: it takes work. */
	bool (*at_once)(const struct op_context *context);

	size_t size;
	/* Takes what the op needs of the request. Its spans last until begin, unless keep runs first. */
	void (*take_request)(struct work *work, const struct request *request);
	/* The intent has to be on file first: copies what take has left in the request. 0, or -1: no memory. */
	int (*copy_request)(struct work *work);
	/* Hands it to the store, which ends it with work_end(), never from within. False: no memory. */
	bool (*begin)(struct work *work);
	/* It has worked: writes the reply's members. */
	void (*write_members)(struct work *work, struct jwrite *w);
	/*
	 * The record has to be on file before the reply: copies what the store has only lent. 0, or -1: no memory.
	 */
	int (*copy_reply)(struct work *work);
	/* The caller has gone: has the store let go of it. True: it goes on there, and work_end() follows. */
	bool (*abandon)(struct work *work);
	/* Frees what keep and hold have copied. */
	void (*free_copies)(struct work *work);
};

/* The table of ops.c names each of them: an op without a handler is not linked. */
#define X(enumerator, handler, name, takes, needs, flags, counter) extern const struct op_handler op_##handler;
OP_TABLE(X)
#undef X

enum work_state {
	WORK_INTENT, /* waits until its intent is on file */
	WORK_BUSY,   /* is with the store */
	WORK_RESULT, /* waits until its outcome is on file */
};

/* Part of each op's own struct, first. The record comes even if the caller has gone. */
struct work {
	struct work *prev, *next;
	struct ops *ops;
	const struct op_handler *handler;
	struct call *call; /* NULL: the caller has gone */
	enum op op;
	enum work_state state;
	uint64_t began_us, deadline_ms;
	const struct secret_name *name; /* NULL: the op is about none */
	struct audit_record record;
	struct peer peer; /* the record's: without groups */
	struct audit_wait *wait;
	struct failure failure; /* how it ended; code CODE_NONE: well */
};

/* Begins it, now or when its intent is on file. */
void work_start(const struct op_context *context, const struct op_handler *handler);

/*
 * It has ended: why is NULL if it worked. The record is written, and then, or when it is on file, the caller is
 * answered.
 */
void work_end(struct work *work, const struct failure *why);

/* Ends all without an answer, each with a record. */
void work_end_all(struct ops *ops);

/* How a request that took no work has ended. */
struct outcome {
	enum code code;
	uint64_t version; /* 0: none */
};

/* Writes its record; peer is the call's, which may have ended. */
void work_audit(const struct op_context *context, const struct peer *peer, uint64_t began_us,
    const struct outcome *outcome);

/* Ends a call with a failure, and counts that. */
void work_refuse(struct ops *ops, struct call *call, const struct failure *why);

#endif
