/*
 * api_rows: the table of the requests that the daemon sends to OpenBao. A new request is a new row here and, where
 * its answer has a shape of its own, the function that the row names, in classify.c or control.c.
 */
#ifndef API_ROWS_H
#define API_ROWS_H

/*
 * Each row has the request's name for the log, the method, the path, flags, and the kind and the name of the
 * function that reads the answer:
 * - answer is a function of classify.h, mount_answer one that also gets the mount: the row is for api_ask();
 * - control is a function of control.h: the row is for api_ask_control().
 * In a path %m stands for the mount and %p for the path, both percent-encoded, and %v for the query that asks for
 * a version, if one is wanted. A POST without a body or a stream sends an empty object.
 */

/* The request is the daemon's own, with no caller behind it, and does not queue behind callers' requests. */
#define API_URGENT 0x1
/* The request concerns the whole cluster, and OpenBao refuses it in a namespace. */
#define API_NO_NAMESPACE 0x2
/* The request asks whether OpenBao is there, which a kept connection that has died would not tell. */
#define API_OWN_CONNECTION 0x4
#define API_TABLE(X) \
	X(API_KV_GET, "kv.get", HTTP_GET, "/v1/%m/data/%p%v", 0, answer, classify_get) \
	X(API_KV_PUT, "kv.put", HTTP_POST, "/v1/%m/data/%p", 0, answer, classify_put) \
	X(API_MOUNT, "mount", HTTP_GET, "/v1/sys/internal/ui/mounts/%m", 0, mount_answer, classify_mount) \
	/* A standby must not be asked: it would give its own, older state (OpenBao 2.7.2). */ \
	X(API_SNAPSHOT_SAVE, "snapshot.save", HTTP_GET, "/v1/sys/storage/raft/snapshot", API_NO_NAMESPACE, \
	    answer, classify_save) \
	/* \
	 * A standby must not be asked: it would seal itself and restore nothing. OpenBao applies a snapshot that \
	 * it has read to the end even if the request is then broken off. By force it also restores one that was \
	 * sealed with other keys. \
	 */ \
	X(API_SNAPSHOT_RESTORE, "snapshot.restore", HTTP_POST, "/v1/sys/storage/raft/snapshot", API_NO_NAMESPACE, \
	    answer, classify_restore) \
	X(API_SNAPSHOT_RESTORE_FORCE, "snapshot.restore-force", HTTP_POST, "/v1/sys/storage/raft/snapshot-force", \
	    API_NO_NAMESPACE, answer, classify_restore) \
	X(API_LOGIN, "login", HTTP_POST, "/v1/auth/%m/login", API_URGENT, control, control_login) \
	X(API_RENEW_SELF, "renew-self", HTTP_POST, "/v1/auth/token/renew-self", API_URGENT, control, \
	    control_renew) \
	X(API_LOOKUP_SELF, "lookup-self", HTTP_GET, "/v1/auth/token/lookup-self", API_URGENT, control, \
	    control_lookup) \
	X(API_REVOKE_SELF, "revoke-self", HTTP_POST, "/v1/auth/token/revoke-self", API_URGENT, control, \
	    control_plain) \
	/* A lookup tells which path made the wrapping token, and does not use the token up. */ \
	X(API_WRAPPING_LOOKUP, "wrapping-lookup", HTTP_POST, "/v1/sys/wrapping/lookup", API_URGENT, control, \
	    control_wrapping) \
	X(API_UNWRAP, "unwrap", HTTP_POST, "/v1/sys/wrapping/unwrap", API_URGENT, control, control_unwrap) \
	/* The parameters make OpenBao send its document with a status 2xx, whatever state it is in. */ \
	X(API_HEALTH, "health", HTTP_GET, \
	    "/v1/sys/health?standbyok=true&perfstandbyok=true&uninitcode=299&sealedcode=299" \
	    "&standbycode=299&drsecondarycode=299&performancestandbycode=299", \
	    API_OWN_CONNECTION | API_NO_NAMESPACE, control, control_health) \
	X(API_LEADER, "leader", HTTP_GET, "/v1/sys/leader", API_URGENT | API_NO_NAMESPACE, control, control_leader)

enum api_row {
#define API_ENUMERATOR(row, name, method, path, flags, kind, read) row,
	API_TABLE(API_ENUMERATOR)
#undef API_ENUMERATOR
};

#endif
