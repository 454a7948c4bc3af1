/*
 * work: what a handler of an op is, and what all requests that take time go through around it: the intent in the
 * audit where nothing may be done without one, the record, the reply, and a caller that may go away at any time.
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
	uint64_t begun, done; /* requests that were allowed, and those of them that worked */
};

struct ops {
	struct ops_parts parts;
	uint64_t started_ms;
	uint64_t requests, failures, forbidden, cache_hits, cache_stale;
	struct op_counts counts[OP_COUNT];
	struct work *works; /* the requests under way */
	struct drain drain;
};

/* A request and what belongs to it. It lasts only while ops_request() runs. */
struct op_context {
	struct ops *ops;
	struct call *call;
	const struct request *request;
	const char *rule;     /* the name of the rule that allows it; NULL: it needs none */
	uint64_t number;      /* the request's number, for the log and the audit */
	uint64_t deadline_ms; /* CLOCK_NEVER: none */
};

/*
 * The functions of an op. Either at_once ends the call, or a zeroed struct work of size bytes is made and the
 * functions below it run. An op leaves those that it does not need NULL.
 */
struct op_handler {
	/* Answers from memory and ends the call. Returns false, having done nothing, if that is not possible. */
	bool (*at_once)(const struct op_context *context);

	size_t size;
	/*
	 * Takes what the op needs out of the request. The request's spans stay valid until begin has run, unless
	 * copy_request is called before.
	 */
	void (*take_request)(struct work *work, const struct request *request);
	/*
	 * Copies the spans that take_request took, since begin has to wait until the intent is on file. Returns 0,
	 * or -1 if there is no memory.
	 */
	int (*copy_request)(struct work *work);
	/*
	 * Hands the request to the store. work_end() must be called when the store has done it, never from within
	 * begin. Returns false if there is no memory.
	 */
	bool (*begin)(struct work *work);
	/* Writes the members of the reply to a request that has worked. */
	void (*write_members)(struct work *work, struct jwrite *w);
	/*
	 * Copies what the store has only lent of its reply, since the record has to be on file before the caller
	 * gets it. Returns 0, or -1 if there is no memory.
	 */
	int (*copy_reply)(struct work *work);
	/*
	 * The caller has gone: tells the store. Returns true if the store goes on and work_end() will be called.
	 */
	bool (*abandon)(struct work *work);
	/* Frees what copy_request and copy_reply have copied. */
	void (*free_copies)(struct work *work);
};

/* The table in ops.c names each of these: an op without a handler does not link. */
#define X(enumerator, handler, name, takes, needs, flags, counter) extern const struct op_handler op_##handler;
OP_TABLE(X)
#undef X

enum work_state {
	WORK_INTENT, /* waits until its intent is on file */
	WORK_BUSY,   /* the store is at work */
	WORK_RESULT, /* waits until its outcome is on file */
};

/* The first member of each op's own struct. The record is written even if the caller has gone. */
struct work {
	struct work *prev, *next;
	struct ops *ops;
	const struct op_handler *handler;
	struct call *call; /* NULL: the caller has gone, or has its reply */
	enum op op;
	enum work_state state;
	uint64_t began_us, deadline_ms;
	const struct secret_name *name; /* NULL: the op is not about a secret */
	struct audit_record record;
	struct peer peer; /* the record's peer, without groups */
	struct audit_wait *wait;
	struct failure failure; /* how it ended; its code is CODE_NONE if it worked */
};

/* Makes the struct work of a request and begins it, at once or when its intent is on file. */
void work_start(const struct op_context *context, const struct op_handler *handler);

/*
 * The request has ended; why is NULL if it worked. Writes its record and answers the caller; where the audit
 * demands it, the answer waits until the record is on file. Frees work, at once or later.
 */
void work_end(struct work *work, const struct failure *why);

/* Ends all requests without an answer. Writes that had begun get a record that their outcome is unknown. */
void work_end_all(struct ops *ops);

/* How a request that took no struct work has ended. */
struct outcome {
	enum code code;
	uint64_t version; /* 0: none */
};

/* Writes the record of such a request. peer and began_us are the call's, which may have ended. */
void work_audit(const struct op_context *context, const struct peer *peer, uint64_t began_us,
    const struct outcome *outcome);

/* Ends a call with a failure, and counts the failure. */
void work_refuse(struct ops *ops, struct call *call, const struct failure *why);

#endif
