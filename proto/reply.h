/*
 * reply: what the daemon answers. The daemon encodes with it what all replies share; the client decodes with it.
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

/*
 * Begins a reply with {"id":ID,"ok":true or false; an id of len 0 is written as null. The caller adds members with
 * jwrite_… and ends it with jwrite_end().
 */
void reply_begin(struct jwrite *w, struct buf *out, struct jspan id, bool ok);

/* Appends a whole failure reply. 0, or -1 with out unchanged. */
int reply_failure(struct buf *out, struct jspan id, const struct failure *failure);

/* A decoded reply. Spans point into the body and have len 0 when the member is absent. */
struct reply {
	struct jspan id;
	bool ok;
	struct jspan data;     /* kv.get */
	struct jspan metadata; /* kv.get, kv.put: an object, or null */
	struct jspan created_time;
	uint64_t version;
	bool ready;          /* ping: the daemon has a login, and OpenBao is not known to be away */
	struct jspan state;  /* ping: the login's; snapshot.restore: what is known of OpenBao */
	struct jspan daemon; /* ping: the daemon's version */
	struct jspan name;   /* probe: the name of what was found fit, a string */
	bool stream;         /* snapshot.save: data frames follow */
	bool go_on;          /* snapshot.restore, "continue": the daemon waits for data frames */
	bool has_bytes;
	uint64_t bytes;      /* the end of a stream: its length */
	struct jspan sha256; /* snapshot.save: a string */
	bool verified;       /* snapshot.save */
	uint64_t age_ms;     /* kv.get from the cache, and has_age: the answer's age */
	bool has_age;
	bool stale;             /* kv.get from the cache: OpenBao could not be asked */
	struct failure failure; /* when not ok. It is last, so that its long message need not be set to zeros */
};

/*
 * Decodes the body of a reply's frame. Unknown members are ignored, so that a newer daemon can say more. 0; or -1
 * with reply untouched: it is no reply of this protocol. Spans point into body, which must outlive them.
 */
int reply_decode(const char *body, size_t len, struct reply *reply);

#endif
