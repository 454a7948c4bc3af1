/*
 * libsecretstore: the C client of secretstored, the daemon that serves OpenBao's secrets over a Unix socket.
 *
 *	struct ss_client *client;
 *	struct ss_secret *secret;
 *	char *password;
 *
 *	if (ss_open(&client, NULL) != SS_OK)
 *		return -1;
 *	if (ss_get(client, "secret", "app/db", 0, 0, &secret) != SS_OK)
 *		fprintf(stderr, "app/db: %s\n", ss_last_error(client)->message);
 *	else if (ss_secret_string(secret, "password", &password, NULL) == SS_OK)
 *		...
 *
 * Functions that can fail give an enum ss_code: SS_OK is 0, everything else says why not. Outputs (ret_...) are
 * untouched on failure.
 *
 * Threads: a handle is used by one thread at a time; different handles in different threads need no care, since
 * the library has no globals. Fork: a child may go on with a handle it inherited: its first call there leaves the
 * parent's connection alone and makes one of its own. Signals: the library never raises SIGPIPE, and a signal that
 * is caught does not end a call.
 *
 * Memory that held a secret is wiped when it is freed. That includes everything the library read or wrote on the
 * way, not the JSON that the caller gave to ss_put().
 */
#ifndef SECRETSTORE_H
#define SECRETSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SS_DEFAULT_SOCKET "/run/secretstored/secretstored.sock"
#define SS_DEFAULT_TIMEOUT_MS 10000
#define SS_MAX_TIMEOUT_MS 600000

/* Why a call failed. The numbers are also secretstorectl's exit statuses; they never change. */
enum ss_code {
	SS_OK = 0,

	/* The daemon's word. What a newer daemon may say beyond them is taken as SS_INTERNAL. */
	SS_INVALID_REQUEST = 10,   /* the request is not as the protocol wants it; also a bad argument here */
	SS_UNKNOWN_OP = 11,        /* the daemon is too old for this operation */
	SS_TOO_LARGE = 12,         /* a request or a reply is over its limit */
	SS_FORBIDDEN = 13,         /* no rule of the daemon allows it to this process */
	SS_NOT_FOUND = 14,         /* no such secret or version; see deleted and version in struct ss_error */
	SS_CAS_MISMATCH = 15,      /* the secret is at another version than the one given: read it again first */
	SS_CAS_REQUIRED = 16,      /* this secret may only be written with check-and-set */
	SS_PERMISSION_DENIED = 17, /* OpenBao's policies do not allow it to the daemon */
	SS_NOT_READY = 18,         /* the daemon has no login at OpenBao yet */
	SS_UNAVAILABLE = 19,       /* OpenBao does not answer */
	SS_TIMEOUT = 20,           /* the deadline passed; a put has written nothing */
	SS_SEALED = 21,            /* OpenBao is sealed */
	SS_NOT_INITIALIZED = 22,   /* OpenBao is not initialized */
	SS_EMPTY_RESPONSE = 23,    /* OpenBao sent an answer without content */
	SS_RAFT_UNSUPPORTED = 24,  /* OpenBao does not run on raft storage */
	SS_NOT_KV_V2 = 25,         /* the mount is not a KV version 2 engine */
	SS_OVERLOADED = 26,        /* the caller or the daemon is at one of its limits */
	SS_UPSTREAM_ERROR = 27,    /* OpenBao answered with an error of its own */
	/* the put or restore may or may not have happened: look before doing anything about it */
	SS_UNKNOWN_OUTCOME = 28,
	SS_INTERNAL = 29, /* the daemon failed */

	/* Known only on this side of the socket. With none of them has a put or restore changed anything. */
	SS_NO_DAEMON = 30,    /* the daemon cannot be reached, or went in the middle of a snapshot */
	SS_PROTOCOL = 31,     /* what the daemon said cannot be understood */
	SS_NO_MEMORY = 32,    /* out of memory */
	SS_CLOSED = 33,       /* ss_close() came before the answer */
	SS_NO_FIELD = 34,     /* the object has no such member */
	SS_NOT_A_STRING = 35, /* the member is no string */
	SS_ABORTED = 36,      /* the caller's own function ended the transfer of a snapshot */
	SS_IO = 37            /* a snapshot's file could not be read or written: see the message */
};

/*
 * A code's name ("not_found"), what it means, and whether the same request may succeed if it is sent again later.
 * For a number that is no code: "unknown", NULL, false. The strings are constants.
 */
const char *ss_code_name(int code);
const char *ss_code_meaning(int code);
bool ss_code_retryable(int code);

/* The library's version, "0.1.0". */
const char *ss_version(void);

/* What is known of a failure, for people and programs. Members may be added at its end. */
struct ss_error {
	int code;            /* enum ss_code; SS_OK if there was no failure */
	int status;          /* HTTP status of OpenBao's answer, 0 if there was none */
	bool retryable;      /* may the same request succeed if it is sent again later */
	bool deleted;        /* SS_NOT_FOUND: the version exists, but is deleted or destroyed */
	uint64_t version;    /* SS_NOT_FOUND: the version that is deleted, 0 if not known */
	const char *message; /* one line; holds no secret. "" if there was no failure */
};

/*
 * A secret as it was read. Its members are the caller's to read, not to change. What ss_get() gives has a NUL
 * after each text, not counted in its length. Members may be added at its end.
 */
struct ss_secret {
	const char *data; /* the secret's JSON object, byte for byte as OpenBao sent it */
	size_t data_len;
	uint64_t version;
	const char *created_time; /* of that version, as OpenBao writes it: "2026-11-23T22:30:00.123456789Z" */
	const char *metadata;     /* the secret's custom metadata: a JSON object, or "null" */
	size_t metadata_len;
	bool cached; /* from the daemon's cache, read from OpenBao age_ms ago */
	bool stale;  /* OpenBao could not be asked, and this is older than the cache normally gives */
	uint64_t age_ms;
};

/* What the daemon says of itself. */
struct ss_ping {
	bool ready;       /* it holds a live token, so that secrets can be had */
	char state[32];   /* "starting", "logging_in", "serving", ... */
	char version[32]; /* the daemon's */
};

/* -- a handle ------------------------------------------------------------------------------------------------- */

struct ss_client;

/*
 * Makes a handle for the daemon at socket_path; NULL: the environment's SECRETSTORE_SOCKET, or SS_DEFAULT_SOCKET
 * if that is unset or empty. It does not connect; the first call does, and each later one for which the connection
 * is no longer there. SS_INVALID_REQUEST: the path is too long for a socket; SS_NO_MEMORY.
 */
int ss_open(struct ss_client **ret_client, const char *socket_path);

/*
 * Closes the connection and frees. Requests that were submitted and not yet answered get their callback first:
 * SS_UNKNOWN_OUTCOME for a put that may be under way, SS_CLOSED for the others. NULL is allowed. Called from a
 * callback, it takes effect when the library is left.
 */
void ss_close(struct ss_client *client);

/* The failure of the latest call that takes a handle and gives a code. Valid until the next call on the handle. */
const struct ss_error *ss_last_error(const struct ss_client *client);

/* -- calls that wait ------------------------------------------------------------------------------------------ */

/*
 * timeout_ms: 1 to SS_MAX_TIMEOUT_MS, 0 for SS_DEFAULT_TIMEOUT_MS. It covers everything: connecting, writing, the
 * daemon's work, reading. The daemon is told a little less, so that its own answer, which knows more, comes in
 * time: what is left of the time when the request is written, less a tenth of that, but at most 250 ms.
 *
 * The daemon not being there is SS_NO_DAEMON at once. If the connection breaks under a request (a restart of the
 * daemon), a get, ping, status or probe is sent again on a new one until the deadline, waiting for the daemon to
 * return. A put is sent again only if not one byte of it was written; else it ends as SS_UNKNOWN_OUTCOME, as it
 * does if the deadline passes, or an unintelligible reply comes, after that byte. A call that timed out takes the
 * connection with it (unless others wait on it: see below), so that a late reply never answers a later request.
 *
 * mount and path are canonical: no slash at either end, no empty, "." or ".." segment, no control byte.
 */

/* Reads a secret; version 0 is the latest. The caller frees *ret_secret with ss_secret_free(). */
int ss_get(struct ss_client *client, const char *mount, const char *path, uint64_t version, uint32_t timeout_ms,
    struct ss_secret **ret_secret);

/*
 * Writes json, the text of a JSON object of json_len bytes, as the secret's new version. cas: NULL writes whatever
 * is there; else only if the secret's current version is *cas, where 0 means that there is none yet. The text is
 * checked (strict JSON, UTF-8) and then sent as it is. ret_version: the version written, if not NULL.
 */
int ss_put(struct ss_client *client, const char *mount, const char *path, const char *json, size_t json_len,
    const uint64_t *cas, uint32_t timeout_ms, uint64_t *ret_version);

/* Is the daemon there, and is it ready? ret_ping may be NULL. Answered from its memory, whatever OpenBao does. */
int ss_ping(struct ss_client *client, uint32_t timeout_ms, struct ss_ping *ret_ping);

/*
 * The daemon's status: its reply, a JSON object, and a NUL. The caller frees it with ss_free(). ret_len may be
 * NULL.
 */
int ss_status(struct ss_client *client, uint32_t timeout_ms, char **ret_json, size_t *ret_len);

/*
 * Is OpenBao there, and fit to serve secrets? The daemon asks it now, and tells what it found: SS_OK if it is
 * initialized and unsealed, be it active or standby, and the daemon has logged in to it since its start. Else
 * SS_SEALED, SS_NOT_INITIALIZED, SS_UNAVAILABLE, SS_TIMEOUT, SS_NOT_READY (no login yet, or the daemon is
 * stopping), SS_EMPTY_RESPONSE or SS_UPSTREAM_ERROR. It needs a rule that allows "probe". Whether the daemon holds
 * a live token just now is what ss_ping() tells.
 */
int ss_probe(struct ss_client *client, uint32_t timeout_ms);

/* Wipes and frees. NULL is allowed. */
void ss_secret_free(struct ss_secret *secret);
void ss_free(void *p); /* for what this header says so of */

/* -- raft snapshots ------------------------------------------------------------------------------------------- */

/*
 * A snapshot is all that OpenBao stores, encrypted with its own keys: a file of the size of its database. It goes
 * through in pieces, in constant memory, over a connection of its own; requests on the handle's own connection are
 * not held up, but those of the event loop below get no turn until the call returns.
 *
 * timeout_ms: 1 to SS_MAX_TIMEOUT_MS for the whole transfer, 0 for no such limit. A transfer that makes no
 * progress for a minute ends in any case: SS_TIMEOUT. (It is the daemon that says so; if it says nothing for 90 s,
 * the library does.) The daemon not being there, or going in the middle, is SS_NO_DAEMON; nothing is sent again.
 * Each needs a rule that names its operation, snapshot.save or snapshot.restore; that all are allowed does not
 * cover them.
 *
 * The functions that the caller gives may use the handle as a callback may (see below), and no more; after
 * ss_close() in one of them the transfer ends with SS_CLOSED.
 */

/* What is known of a snapshot that was saved. Members may be added at its end. */
struct ss_snapshot {
	uint64_t bytes;
	/* of the state in it, state.bin, in hexadecimal digits: equal for snapshots of an equal state */
	char sha256[65];
};

/*
 * Takes the next n bytes of a snapshot. 0, or anything else to end the transfer, which then fails with SS_ABORTED.
 * It may take its time: OpenBao waits meanwhile.
 */
typedef int ss_snapshot_sink(void *arg, const void *p, size_t n);

/*
 * Has the daemon fetch a snapshot from the leader. SS_OK only if the snapshot was whole, by the sums it carries:
 * until then what the sink has got proves nothing, and is to be thrown away if the call fails.
 * SS_RAFT_UNSUPPORTED: this OpenBao does not run on raft storage and will never have snapshots. ret_snapshot may
 * be NULL.
 */
int ss_snapshot_save(struct ss_client *client, uint32_t timeout_ms, ss_snapshot_sink *sink, void *arg,
    struct ss_snapshot *ret_snapshot);

/*
 * The same into a file, from its current position on; not synced to disk. SS_IO: it could not be written. On
 * failure part of the snapshot may stand there.
 */
int ss_snapshot_save_fd(struct ss_client *client, uint32_t timeout_ms, int fd, struct ss_snapshot *ret_snapshot);

/*
 * Gives the next bytes of a snapshot, at most size of them, to p: how many (at least 1), 0 at its end, or -1 to
 * end the transfer, which then fails with SS_ABORTED.
 */
typedef long ss_snapshot_source(void *arg, void *p, size_t size);

/*
 * Looks whether it is a whole snapshot, here, without the daemon. SS_INVALID_REQUEST: it is not. The _fd form
 * reads from the file's current position to its end and, if it can, sets it back there.
 */
int ss_snapshot_check(struct ss_client *client, ss_snapshot_source *source, void *arg);
int ss_snapshot_check_fd(struct ss_client *client, int fd);

/* What the daemon saw of OpenBao after it had taken a snapshot to restore. */
enum ss_restored {
	SS_RESTORED_APPLIED = 1, /* the leader is active again, on the snapshot's state */
	SS_RESTORED_SEALED = 2,  /* it is sealed: see below */
	SS_RESTORED_WAITING = 3  /* neither within a minute, or the timeout: it may still be at work */
};

/*
 * Replaces all that OpenBao stores by what a snapshot holds. The daemon passes it on to the leader only, and lets
 * go of its last part only when it has come to its end and was whole; up to then a failure, or the end of this
 * program, leaves OpenBao as it was. SS_UNKNOWN_OUTCOME: that part was sent, or may have been, and it was not
 * learned what became of it.
 *
 * SS_OK means that OpenBao has taken the snapshot; *ret_restored says what it then was seen to do. force skips its
 * check that the snapshot is of a cluster with the same unseal keys. If it is not, OpenBao ends sealed, and from
 * then on needs the unseal (or seal) keys of the cluster that the snapshot was taken from, not its own.
 *
 * The _fd form wants a file that can be read twice: it is checked as by ss_snapshot_check_fd() first, and if it is
 * not whole nothing is sent at all. With a source of your own, do that yourself before.
 */
int ss_snapshot_restore(struct ss_client *client, bool force, uint32_t timeout_ms, ss_snapshot_source *source,
    void *arg, enum ss_restored *ret_restored);
int ss_snapshot_restore_fd(struct ss_client *client, bool force, uint32_t timeout_ms, int fd,
    enum ss_restored *ret_restored);

/* -- looking into JSON ---------------------------------------------------------------------------------------- */

/*
 * A string member of the secret's object, unescaped: *ret_len bytes of UTF-8 and a NUL, in memory that the caller
 * frees (and wipes) with ss_free(). ret_len may be NULL; a value may itself hold NULs, which only *ret_len tells.
 * SS_NO_FIELD, SS_NOT_A_STRING, SS_NO_MEMORY. If a name is repeated, its last value counts.
 */
int ss_secret_string(const struct ss_secret *secret, const char *name, char **ret_value, size_t *ret_len);

/* The same for any JSON object. SS_PROTOCOL: the text is none. */
int ss_json_string(const char *json, size_t json_len, const char *name, char **ret_value, size_t *ret_len);

/*
 * The value of a member as it is written there: a string in its quotes, a number, an object. *ret_value points
 * into json. SS_NO_FIELD; SS_PROTOCOL: the text is no JSON object.
 */
int ss_json_field(const char *json, size_t json_len, const char *name, const char **ret_value, size_t *ret_len);

/* -- for an event loop of your own ---------------------------------------------------------------------------- */

/*
 * ss_submit_...() take a request and return at once; any number up to 65,536 may be under way on one handle, and
 * go over its one connection together. The loop then, again and again:
 *
 *	waits until ss_fd() is ready for ss_events(), or ss_timeout_ms() has passed
 *	calls ss_process()
 *
 * ss_process() connects, writes what it can with few system calls, reads what is there, and runs the callbacks.
 * After it, and after each ss_submit_...(), fd, events and timeout may have changed. It never blocks. Calling it
 * right after submitting saves one turn of the loop; submitting much before calling it saves system calls.
 */

/*
 * What came of a request. It and all it points to is valid only until the callback returns. Members may be added.
 */
struct ss_result {
	int code;                       /* SS_OK, or why it failed */
	const struct ss_error *error;   /* the same in detail; never NULL */
	const struct ss_secret *secret; /* a get or put that succeeded, else NULL; after a put its data is NULL */
	const struct ss_ping *ping;     /* a ping that succeeded, else NULL */
	const char *reply;              /* the daemon's whole reply, a JSON object; NULL if there was none */
	size_t reply_len;
};

/*
 * Runs exactly once for each request that was taken (but never in a forked child for its parent's requests): from
 * ss_process(), a blocking call on the same handle, or ss_close(). It may submit requests and call ss_close();
 * other calls on the handle that wait or process fail with SS_INVALID_REQUEST or do nothing.
 */
typedef void ss_callback(struct ss_client *client, const struct ss_result *result, void *arg);

/*
 * SS_OK: the request is taken, everything is copied, callback will run. Else it was not taken and callback will
 * not run: SS_INVALID_REQUEST, SS_TOO_LARGE, SS_NO_MEMORY, SS_OVERLOADED (too many under way). Arguments and
 * promises are those of the blocking calls, which are built on these. When one of several requests times out, the
 * connection stays for the others and its late reply is thrown away.
 */
int ss_submit_get(struct ss_client *client, const char *mount, const char *path, uint64_t version,
    uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_put(struct ss_client *client, const char *mount, const char *path, const char *json, size_t json_len,
    const uint64_t *cas, uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_ping(struct ss_client *client, uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_status(struct ss_client *client, uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_probe(struct ss_client *client, uint32_t timeout_ms, ss_callback *callback, void *arg);

/* The socket to wait for, or -1 while there is none: then only the timeout counts. */
int ss_fd(const struct ss_client *client);

/*
 * Counts the connections made. A loop that registers descriptors (epoll, libevent) does so anew when this has
 * changed: a new connection's descriptor often has the number of the old one.
 */
uint64_t ss_connection(const struct ss_client *client);

/* What to wait for on it: POLLIN, POLLOUT of <poll.h>. */
int ss_events(const struct ss_client *client);

/* Milliseconds until ss_process() is due although nothing happened on the socket; -1: never; 0: now. */
int ss_timeout_ms(const struct ss_client *client);

/* Requests taken whose callback has not run yet. */
size_t ss_pending(const struct ss_client *client);

void ss_process(struct ss_client *client);

#ifdef __cplusplus
}
#endif

#endif
