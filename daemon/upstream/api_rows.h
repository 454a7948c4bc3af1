/*
 * api_rows: what is asked of OpenBao, a row a request. One more is a row here, and where its answer has a shape of
 * its own, the function that the row names, in classify.c.
 */
#ifndef API_ROWS_H
#define API_ROWS_H

/*
 * A row for each request: its name for the log, the method, the path, flags, and what reads its answer:
 * - answer, a function of classify.h; mount_answer, one that also gets the mount: the row is for api_ask();
 * - control, a function of control.h: the row is for api_ask_control().
 * In a path %m stands for the mount and %p for the path, both percent-encoded, and %v for the query that asks for
 * a version, if one is wanted. A POST without a body or a stream sends an empty object.
 */
#define API_URGENT \
	0x1 /* the daemon's own, without a caller behind it: it does not queue behind callers' requests */
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
	X(API_RENEW_SELF, "renew-self", HTTP_POST, "/v1/auth/token/renew-self", API_URGENT, control, \
	    control_renew) \
	X(API_LOOKUP_SELF, "lookup-self", HTTP_GET, "/v1/auth/token/lookup-self", API_URGENT, control, \
	    control_lookup) \
	X(API_REVOKE_SELF, "revoke-self", HTTP_POST, "/v1/auth/token/revoke-self", API_URGENT, control, \
	    control_plain) \
	/* It tells what made this wrapping token, and does not use it up. */ \
	X(API_WRAPPING_LOOKUP, "wrapping-lookup", HTTP_POST, "/v1/sys/wrapping/lookup", API_URGENT, control, \
	    control_wrapping) \
	X(API_UNWRAP, "unwrap", HTTP_POST, "/v1/sys/wrapping/unwrap", API_URGENT, control, control_unwrap) \
	/* The statuses make it send its document with a 2xx, whatever it has to say. */ \
	X(API_HEALTH, "health", HTTP_GET, \
	    "/v1/sys/health?standbyok=true&perfstandbyok=true&uninitcode=299&sealedcode=299" \
	    "&standbycode=299&drsecondarycode=299&performancestandbycode=299", \
	    API_URGENT | API_NO_NAMESPACE, control, control_health) \
	X(API_LEADER, "leader", HTTP_GET, "/v1/sys/leader", API_URGENT | API_NO_NAMESPACE, control, control_leader)

enum api_row {
#define API_ENUMERATOR(row, name, method, path, flags, kind, read) row,
	API_TABLE(API_ENUMERATOR)
#undef API_ENUMERATOR
};

#endif
