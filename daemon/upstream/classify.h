/*
 * classify: what OpenBao's answer to a request for a caller means: bytes in, a verdict out. OpenBao's own error
 * texts are never passed on, since they can quote a secret's value. Pure.
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
	VERDICT_AGAIN,  /* nothing was done: a retry after again_ms may succeed; else failure says why */
	VERDICT_DENIED  /* 403: the token may be dead (login_denied() decides); if it is alive, failure says why */
};

struct answer {
	enum verdict verdict;
	struct failure failure; /* set unless VERDICT_OK */
	uint64_t again_ms;      /* VERDICT_AGAIN */
	bool denied_wrapped;    /* VERDICT_DENIED: the text was wrapped, as when a policy denies a live token */
	bool foreign;           /* something in front of OpenBao answered; failure.status is 0 */
	bool unreachable;       /* no answer, or one that says "not now": health should look at OpenBao */
	bool odd;               /* a KV v2 mount does not give such an answer: ask the mount guard again */
	/* VERDICT_OK; spans of the reply's body, with len 0 when absent */
	struct jspan data;
	struct jspan metadata;     /* custom_metadata: an object, or null */
	struct jspan created_time; /* a string */
	uint64_t version;
};

/*
 * Declares a function for each row of api_rows.h that names one. reply need not be a whole reply; *ret is set in
 * any case, and its spans point into the reply's body.
 * - classify_get: VERDICT_OK if data.data is an object and data.metadata.version a number.
 * - classify_put: a failure is CODE_UNKNOWN_OUTCOME unless it is known to have left the secret untouched.
 * - classify_mount: VERDICT_OK only if a KV version 2 engine is mounted exactly at mount.
 * - classify_save: VERDICT_OK for a 2xx, which says nothing yet about the snapshot itself. After VERDICT_AGAIN
 *   only the caller knows whether a part of the snapshot had come, and with it whether a retry is possible.
 * - classify_restore: VERDICT_OK if OpenBao has taken the snapshot, which it applies from then on. A failure is
 *   CODE_UNKNOWN_OUTCOME unless it is known to have left the cluster as it was, supposing that all of the snapshot
 *   was sent.
 */
#define CLASSIFY_answer(read) void read(const struct http_reply *reply, struct answer *ret);
#define CLASSIFY_mount_answer(read) \
	void read(const struct http_reply *reply, const char *mount, struct answer *ret);
#define CLASSIFY_control(read) /* declared in control.h */
#define CLASSIFY_DECLARE(row, name, method, path, flags, kind, read) CLASSIFY_##kind(read)
API_TABLE(CLASSIFY_DECLARE)

#endif
