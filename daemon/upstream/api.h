/*
 * api: OpenBao's HTTP API, as far as this daemon uses it: a row for each request. The only place that names its paths and
 * headers. Deadlines are clock_now_ms() values.
 */
#ifndef API_H
#define API_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/classify.h"
#include "daemon/upstream/control.h"
#include "daemon/upstream/http.h"

struct api;
struct event_base;

/*
 * A row for each request: its name for the log, the method, the path, flags, and what reads its answer:
 * - answer, a function of classify.h; mount_answer, one that also gets the mount: the row is for api_ask();
 * - control, a function of control.h: the row is for api_ask_control().
 * In a path %m stands for the mount and %p for the path, both percent-encoded, and %v for the query that asks for a
 * version, if one is wanted. A POST without a body or a stream sends an empty object.
 */
#define API_URGENT 0x1       /* the daemon's own, without a caller behind it: it does not queue behind callers' requests */
#define API_NO_NAMESPACE 0x2 /* it is of the whole cluster, and OpenBao refuses it in a namespace */
#define API_TABLE(X) \
	X(API_KV_GET, "kv.get", HTTP_GET, "/v1/%m/data/%p%v", 0, answer, classify_get) \
	X(API_KV_PUT, "kv.put", HTTP_POST, "/v1/%m/data/%p", 0, answer, classify_put) \
	X(API_MOUNT, "mount", HTTP_GET, "/v1/sys/internal/ui/mounts/%m", 0, mount_answer, classify_mount) \
	/* A standby must not be asked: it would give an older state of its own (OpenBao 2.7.2). */ \
	X(API_SNAPSHOT_SAVE, "snapshot.save", HTTP_GET, "/v1/sys/storage/raft/snapshot", API_NO_NAMESPACE, \
	    answer, classify_save) \
	/* \
	 * A standby must not be asked: it would seal itself and restore nothing. OpenBao applies what it has got to the end of \
	 * even if the request is then broken off. By force it also restores what other keys have sealed. \
	 */ \
	X(API_SNAPSHOT_RESTORE, "snapshot.restore", HTTP_POST, "/v1/sys/storage/raft/snapshot", API_NO_NAMESPACE, \
	    answer, classify_restore) \
	X(API_SNAPSHOT_RESTORE_FORCE, "snapshot.restore-force", HTTP_POST, "/v1/sys/storage/raft/snapshot-force", \
	    API_NO_NAMESPACE, answer, classify_restore) \
	X(API_LOGIN, "login", HTTP_POST, "/v1/auth/%m/login", API_URGENT, control, control_login) \
	X(API_RENEW_SELF, "renew-self", HTTP_POST, "/v1/auth/token/renew-self", API_URGENT, control, control_renew) \
	X(API_LOOKUP_SELF, "lookup-self", HTTP_GET, "/v1/auth/token/lookup-self", API_URGENT, control, control_lookup) \
	X(API_REVOKE_SELF, "revoke-self", HTTP_POST, "/v1/auth/token/revoke-self", API_URGENT, control, control_plain) \
	/* It tells what made this wrapping token, and does not use it up. */ \
	X(API_WRAPPING_LOOKUP, "wrapping-lookup", HTTP_POST, "/v1/sys/wrapping/lookup", API_URGENT, control, control_wrapping) \
	X(API_UNWRAP, "unwrap", HTTP_POST, "/v1/sys/wrapping/unwrap", API_URGENT, control, control_unwrap) \
	/* The statuses make it send its document with a 2xx, whatever it has to say. */ \
	X(API_HEALTH, "health", HTTP_GET, "/v1/sys/health?standbyok=true&perfstandbyok=true&uninitcode=299&sealedcode=299" \
	    "&standbycode=299&drsecondarycode=299&performancestandbycode=299", API_URGENT | API_NO_NAMESPACE, \
	    control, control_health) \
	X(API_LEADER, "leader", HTTP_GET, "/v1/sys/leader", API_URGENT | API_NO_NAMESPACE, control, control_leader)

enum api_row {
#define API_ENUMERATOR(row, name, method, path, flags, kind, read) row,
	API_TABLE(API_ENUMERATOR)
#undef API_ENUMERATOR
};

/* Only what the row needs is set. Strings are copied. */
struct api_request {
	const char *token;
	const char *node;         /* "https://host:port", the node to ask and no other; NULL: any */
	uint64_t deadline_ms;
	uint64_t number;          /* the caller's request behind it, for the log; 0: the daemon's own */
	const char *mount, *path; /* login: mount is the auth method's */
	uint64_t version;         /* 0: the latest */
	struct buf *body;         /* taken over, left empty even if the request cannot be made */
	const struct http_stream *stream; /* a snapshot's */
	size_t arg_size;          /* api_ask_control(): if not 0 so many bytes at arg, at most API_ARG_MAX, are copied for done */
};
#define API_ARG_MAX 64

/* vault_namespace: NULL or "" for none. http is borrowed. NULL: no memory. */
struct api *api_new(struct http *http, const char *vault_namespace);
void api_free(struct api *api);

/* Makes the same with an http of its own, as http_another() makes it. NULL with error set. */
struct api *api_another(const struct api *api, struct event_base *base, const char *address, struct error *error);

/* The answer and its spans are valid until it returns. A save's or restore's answer is the end of its stream as well. */
typedef void api_answer(void *arg, const struct answer *answer);

/* The control document is valid until it returns. */
typedef void api_control(void *arg, const struct control *control);

/*
 * Start one request and give its handle, to be ended with http_cancel, or NULL if there is no memory (then done does not
 * run). done runs exactly once, from the loop, never from within the function.
 */
struct http_call *api_ask(struct api *api, enum api_row row, const struct api_request *request, api_answer *done, void *arg);
struct http_call *api_ask_control(struct api *api, enum api_row row, const struct api_request *request,
    api_control *done, void *arg);

/*
 * Makes the body of a put: data, an object, byte for byte, and cas, if it is not NULL. 0, or -1: no memory, and body is
 * empty.
 */
int api_put_body(struct buf *body, const char *data, size_t data_len, const uint64_t *cas);

/* The node at that place among the configured addresses does not serve: others are asked first for a while. */
void api_node_failed(struct api *api, size_t address);

/*
 * Pure, for tests: appends the row's path with what the request puts into it ("/v1/secret/data/a%20b?version=3") to out.
 * Everything but unreserved characters (RFC 3986) and "/" is percent-encoded. 0 or -1 (memory, limit).
 */
int api_url(struct buf *out, enum api_row row, const struct api_request *request);

#endif
