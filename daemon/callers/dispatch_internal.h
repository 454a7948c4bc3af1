/*
 * dispatch_internal: what dispatch.c (the ops), dispatch_snapshot.c (those that are streams) and dispatch_work.c (what all
 * of them have in common) share.
 */
#ifndef DISPATCH_INTERNAL_H
#define DISPATCH_INTERNAL_H

#include <event2/event_struct.h>

#include "daemon/callers/dispatch.h"
#include "daemon/callers/status.h"
#include "daemon/host/audit.h"
#include "daemon/store/kv.h"
#include "daemon/store/snapshot_restore.h"
#include "daemon/store/snapshot_save.h"

struct audit_wait;
struct probe_wait;
struct save;
struct work;

struct dispatch {
	struct dispatch_parts parts;
	struct counters counters;
	uint64_t started_ms;
	struct work *works;          /* all that are under way */
	struct event drain_timer;
	void (*drained)(void *arg);  /* NULL: not draining, or told already */
	void *drained_arg;
};

enum work_step {
	WORK_INTENT, /* waits until its intent is on file */
	WORK_BUSY,   /* with the store */
	WORK_RESULT  /* waits until its outcome is on file */
};

/*
 * A request that takes time, from the rule that allows it to its reply, and to its record in the audit: that one comes
 * even if the caller has gone.
 */
struct work {
	struct work *prev, *next;
	struct dispatch *dispatch;
	struct call *call;   /* NULL: the caller has gone */
	enum work_step step;
	bool is_change;      /* its audit records may have to be waited for */
	uint64_t began_us, deadline_ms;
	uint64_t number;     /* of the request, for the log */
	struct audit_record record;
	struct peer peer;    /* the record's: without groups */
	struct audit_wait *wait;
	void (*begin)(struct work *work); /* WORK_INTENT: what is to come */
	void (*answer)(struct work *work, struct jwrite *w); /* writes the reply's members */
	/* Has the store let go of it. True: it goes on there, and work_end() follows. */
	bool (*abandon)(struct work *work);

	struct write *put;
	struct get *get;
	struct probe_wait *probe_wait;
	struct save *save;
	struct restore *restore;

	const char *data;    /* a put's, valid while it begins */
	size_t data_len;
	char *data_copy;     /* WORK_INTENT */
	bool has_cas, force;
	uint64_t cas;
	struct secret_name *name; /* held; NULL: the op has none */
	struct kv_wanted wanted; /* a get's */

	struct failure failure; /* how it ended; code CODE_NONE: well */
	struct kv_reply reply;  /* valid while the store tells it, and while held in WORK_RESULT */
	char *held;
	const struct save_result *saved; /* valid while the store tells it */
	struct restore_result restored;
	char text[];
};

/* Ends the call with a failure, and counts it. */
void dispatch_refuse(struct dispatch *d, struct call *call, const struct failure *why);
void dispatch_refuse_memory(struct dispatch *d, struct call *call);

/* -- dispatch_work.c -- */

/* Without a reply yet. NULL: no memory, and the caller has been told. */
struct work *work_new(struct dispatch *d, struct call *call, const struct request *r, const char *rule,
    uint64_t deadline_ms);

/* Runs begin, now or when the intent is on file; it ends in work_started(). answer and abandon are set. */
void work_begin(struct work *work, void (*begin)(struct work *work));

/* The store has it; or has not, for want of memory. */
void work_started(struct work *work, bool started);

/* It has ended: why is NULL if well. The record is written, and then, or when it is on file, the caller answered. */
void work_end(struct work *work, const struct failure *why);

void works_free(struct dispatch *d);

/* How a request that takes no work has ended. */
struct outcome {
	enum code code;
	uint64_t version; /* 0: none */
	uint64_t began_us;
};

/* Its record. rule: NULL for none. */
void dispatch_audit(struct dispatch *d, const struct peer *peer, const struct request *r, const char *rule,
    const struct outcome *outcome);

/* -- dispatch_snapshot.c -- */

void dispatch_save(struct work *work);
void dispatch_restore(struct work *work, bool force);

#endif
