/*
 * reply: what the daemon answers. Encoding of the parts that all replies share, and the client's decoding.
 */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/codes.h"
#include "proto/jscan.h"
#include "proto/jwrite.h"

/* Begins a reply: {"id":ID,"ok":true or false. An id of len 0 is written as null. Then jwrite_…, jwrite_end. */
void reply_begin(struct jwrite *w, struct buf *out, struct jspan id, bool ok);

/* A whole failure reply. 0 or -1 as jwrite_end. */
int reply_failure(struct buf *out, struct jspan id, const struct failure *failure);

/* A decoded reply. Spans point into the body and have len 0 when the member is absent. */
struct reply {
	struct jspan id;
	bool ok;
	struct jspan data;     /* kv.get */
	struct jspan metadata; /* kv.get, kv.put: an object, or null */
	struct jspan created_time;
	uint64_t version;
	bool ready;          /* ping */
	struct jspan state;  /* ping: the login's; snapshot.restore: what is known of OpenBao */
	struct jspan daemon; /* ping: the daemon's version */
	struct jspan name;   /* probe: of what is fit, a string */
	bool stream;         /* snapshot.save: data frames follow */
	bool go_on;          /* snapshot.restore, "continue": data frames are waited for */
	bool has_bytes;
	uint64_t bytes;      /* the end of a stream: how long it was */
	struct jspan sha256; /* snapshot.save: a string */
	bool verified;       /* snapshot.save */
	uint64_t age_ms;
	bool has_age;
	bool stale;
	struct failure failure; /* when not ok. Last, so that it costs nothing to leave its message untouched */
};

/*
 * Decodes a reply frame's body. Members it does not know are passed over, so that a newer daemon can say more.
 * 0, or -1: not a reply of this protocol.
 */
int reply_decode(const char *body, size_t len, struct reply *reply);

#endif
