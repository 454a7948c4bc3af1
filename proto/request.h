/*
 * request: decodes what a caller asks. Decoding is strict: a repeated, unknown or null member of the envelope (the
 * object without what is in "data") is an error that names it, since a mistyped "cas" must not become an
 * overwrite.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codes.h"
#include "proto/jscan.h"
#include "proto/ops.h"
#include "proto/secret_name.h"

#define PROTOCOL_VERSION 1
#define REQUEST_ID_MAX 64        /* bytes of a string id as written, without its quotes */
#define REQUEST_ENVELOPE_DEPTH 8 /* deepest nesting of a request, "data" aside */

struct request {
	struct jspan id; /* as written; len 0 if it could not be read */
	enum op op;
	struct jspan data; /* kv.put: the object, byte for byte */
	bool has_cas;
	uint64_t cas;
	uint64_t version;     /* kv.get: 0 means the latest */
	uint64_t min_version; /* kv.get: 0 means any */
	bool has_max_age;
	uint64_t max_age_ms;
	bool force;          /* snapshot.restore */
	uint64_t timeout_ms; /* 0 means the daemon's default; for a stream it means no limit */
	/*
	 * Which secret it is about, for an op with OP_HAS_PATH. Mount and path are canonical: they have no empty,
	 * "." or ".." segment and no control byte. It is last, so that its unused end need not be set to zeros.
	 */
	union {
		struct secret_name name;
		char name_room[sizeof(struct secret_name) + SECRET_KEY_MAX];
	};
};

/*
 * Decodes the body of a JSON frame. 0; or -1 with *why set, and request->id if it could be read (else its len is
 * 0). Spans point into body, which must outlive them.
 */
int request_decode(const char *body, size_t len, struct request *request, struct failure *why);

/* Checks that this is a canonical mount or path (see struct request) in UTF-8, of 1…max bytes. */
bool request_path_ok(const char *path, size_t max);

#endif
