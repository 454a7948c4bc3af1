/*
 * classify: what an answer to a request for a caller means. Pure: bytes in, verdict out, nothing of the answer's
 * own texts comes through.
 */
#ifndef CLASSIFY_H
#define CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/api_rows.h"
#include "daemon/upstream/http.h"
#include "proto/codes.h"
#include "proto/jscan.h"

enum verdict {
	VERDICT_OK,
	VERDICT_FAILED, /* final; failure says why */
	VERDICT_AGAIN,  /* nothing was done, and it may work after again_ms, within the deadline; else failure */
	VERDICT_DENIED  /* 403: the token may be dead (token_denied decides); if it is not, failure holds */
};

struct answer {
	enum verdict verdict;
	struct failure failure; /* set unless VERDICT_OK */
	uint64_t again_ms;      /* VERDICT_AGAIN */
	bool denied_wrapped;    /* VERDICT_DENIED: the text was wrapped, a hint that the token is alive */
	bool unreachable;       /* no answer came: worth asking whether OpenBao is there at all */
	bool odd;               /* an answer that a KV v2 mount does not give: ask the mount guard again */
	/* VERDICT_OK; spans of the reply's body, len 0 when absent */
	struct jspan data;
	struct jspan metadata;     /* custom_metadata: an object, or null */
	struct jspan created_time; /* a string */
	uint64_t version;
};

/*
 * A function for each row that names one. reply is whole or says why it is not; the spans of *ret are the reply's.
 * - classify_get: data.data and data.metadata.version must be there.
 * - classify_put: whatever is not known to have left the secret untouched is CODE_UNKNOWN_OUTCOME.
 * - classify_mount: VERDICT_OK only if it is a KV version 2 engine that is mounted right at mount.
 * - classify_save: VERDICT_OK for a 2xx, which says nothing yet of the snapshot itself. VERDICT_AGAIN is for the
 *   caller to judge,
 *   who knows whether something of it had come.
 * - classify_restore: VERDICT_OK if OpenBao has taken it, to apply it from then on. Whatever is not known to have
 *   left the cluster
 *   as it was is CODE_UNKNOWN_OUTCOME, on the assumption that the last byte was sent.
 */
#define CLASSIFY_answer(read) void read(const struct http_reply *reply, struct answer *ret);
#define CLASSIFY_mount_answer(read) \
	void read(const struct http_reply *reply, const char *mount, struct answer *ret);
#define CLASSIFY_control(read) /* declared in control.h */
#define CLASSIFY_DECLARE(row, name, method, path, flags, kind, read) CLASSIFY_##kind(read)
API_TABLE(CLASSIFY_DECLARE)

#endif
