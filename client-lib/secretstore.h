/*
 * libsecretstore: the C client of secretstored, the daemon that gives programs OpenBao's secrets over a Unix
 * socket.
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
 * Functions that can fail return an enum ss_code: SS_OK is 0, every other value says why they failed. On failure
 * their outputs (ret_...) are untouched.
 *
 * Threads: one handle may be used by one thread at a time. Different handles may be used in different threads
 * without care, since the library has no globals. Fork: a child may go on with a handle that it inherited. Its
 * first call leaves the parent's connection and requests alone, and makes a connection of its own. Signals: the
 * library never raises SIGPIPE, and a signal that is caught does not end a call.
 *
 * Memory that held a secret is wiped when it is freed. This covers everything that the library read or wrote on
 * the way, but not the JSON text that the caller passed to ss_put().
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

/* Why a call failed. The numbers never change; they are also the exit statuses of secretstorectl. */
enum ss_code {
	SS_OK = 0,

	/* The daemon reports these. A code that only a newer daemon knows is given as SS_INTERNAL. */
	SS_INVALID_REQUEST = 10,   /* the protocol does not allow the request, or an argument is wrong */
	SS_UNKNOWN_OP = 11,        /* the daemon is too old for this operation */
	SS_TOO_LARGE = 12,         /* the request or the reply is over its limit */
	SS_FORBIDDEN = 13,         /* no rule of the daemon allows it to this process */
	SS_NOT_FOUND = 14,         /* no such secret or version; see deleted and version in struct ss_error */
	SS_CAS_MISMATCH = 15,      /* the secret is not at the version that was given: read it again first */
	SS_CAS_REQUIRED = 16,      /* this secret may only be written with check-and-set */
	SS_PERMISSION_DENIED = 17, /* OpenBao's policies do not allow it to the daemon */
	SS_NOT_READY = 18,         /* the daemon has no login at OpenBao yet */
	SS_UNAVAILABLE = 19,       /* OpenBao does not answer */
	SS_TIMEOUT = 20,           /* the deadline passed; a put has written nothing */
	SS_SEALED = 21,            /* OpenBao is sealed */
	SS_NOT_INITIALIZED = 22,   /* OpenBao is not initialized */
	SS_EMPTY_RESPONSE = 23,    /* OpenBao sent an answer without content */
	SS_RAFT_UNSUPPORTED = 24,  /* OpenBao does not run on raft storage, and so has no snapshots */
	SS_NOT_KV_V2 = 25,         /* the mount is not a KV version 2 engine */
	SS_OVERLOADED = 26,        /* this process or the daemon is at one of its limits */
	SS_UPSTREAM_ERROR = 27,    /* OpenBao answered with an error of its own */
	/* The put or restore may or may not have happened. Find out which before doing anything else. */
	SS_UNKNOWN_OUTCOME = 28,
	SS_INTERNAL = 29, /* the daemon failed */

	/* The library finds these by itself. With none of them has a put or restore changed anything. */
	SS_NO_DAEMON = 30,    /* the daemon cannot be reached, or went away during a snapshot */
	SS_PROTOCOL = 31,     /* what the daemon sent cannot be understood */
	SS_NO_MEMORY = 32,    /* out of memory */
	SS_CLOSED = 33,       /* ss_close() came before the answer */
	SS_NO_FIELD = 34,     /* the JSON object has no such member */
	SS_NOT_A_STRING = 35, /* the member is not a string */
	SS_ABORTED = 36,      /* the caller's own function ended the transfer of a snapshot */
	SS_IO = 37            /* a snapshot's file could not be read or written: see the message */
};

/*
 * A code's name ("not_found"), its meaning in a few words, and whether the same request may succeed if it is sent
 * again later. A number that is no code gives "unknown", NULL and false. The strings are constants.
 */
const char *ss_code_name(int code);
const char *ss_code_meaning(int code);
bool ss_code_retryable(int code);

/* Returns the library's version, like "0.1.0". The string is a constant. */
const char *ss_version(void);

/* A failure in detail, for people and programs. Later versions may add members at the end. */
struct ss_error {
	int code;            /* an enum ss_code; SS_OK if there was no failure */
	int status;          /* the HTTP status of OpenBao's answer; 0 if there was none */
	bool retryable;      /* the same request may succeed if it is sent again later */
	bool deleted;        /* with SS_NOT_FOUND: the version exists, but is deleted or destroyed */
	uint64_t version;    /* with SS_NOT_FOUND: the version that is deleted; 0 if it is not known */
	const char *message; /* one line, which holds no secret; "" if there was no failure */
};

/*
 * A secret as it was read. The caller reads the members and does not change them. In a secret from ss_get() each
 * text ends with a NUL, which its length does not count. Later versions may add members at the end.
 */
struct ss_secret {
	const char *data; /* the secret's JSON object, byte for byte as OpenBao sent it */
	size_t data_len;
	uint64_t version;
	const char *created_time; /* when it was written, like "2026-11-23T22:30:00.123456789Z"; may be "" */
	const char *metadata;     /* the secret's custom metadata: a JSON object, or "null" */
	size_t metadata_len;
	bool cached; /* the daemon's cache gave it, which read it from OpenBao age_ms ago */
	bool stale;  /* OpenBao could not be asked, and this is older than the cache normally gives */
	uint64_t age_ms;
};

/* The daemon's answer to a ping. */
struct ss_ping {
	bool ready;       /* the daemon holds a live token, so that secrets can be read */
	char state[32];   /* "starting", "logging_in", "serving", ... */
	char version[32]; /* the daemon's version */
};

/* -- a handle ------------------------------------------------------------------------------------------------- */

struct ss_client;

/*
 * Makes a handle for the daemon that listens at socket_path. With NULL the path is the environment's
 * SECRETSTORE_SOCKET, or SS_DEFAULT_SOCKET if that is unset or empty. (A setuid program does not look at the
 * environment.) Nothing is connected yet: the first call connects, and so does each later one that finds no
 * connection. The caller closes the handle with ss_close().
 *
 * Returns SS_OK; SS_INVALID_REQUEST if the path is empty or too long for a socket; SS_NO_MEMORY.
 */
int ss_open(struct ss_client **ret_client, const char *socket_path);

/*
 * Closes the connection and frees the handle. First it runs the callbacks of the requests that were submitted and
 * not answered yet: with SS_UNKNOWN_OUTCOME for a put that may have been written, with SS_CLOSED for the others.
 * If a callback calls it, it takes effect just before the library function that runs the callback returns; the
 * handle must not be used after that. NULL is allowed.
 */
void ss_close(struct ss_client *client);

/*
 * Describes the outcome of the latest call that took this handle and returned a code. It is valid until the next
 * call on the handle.
 */
const struct ss_error *ss_last_error(const struct ss_client *client);

/* -- calls that wait ------------------------------------------------------------------------------------------ */

/*
 * timeout_ms is the time for the whole call: connecting, writing, the daemon's work and reading. It may be 1 to
 * SS_MAX_TIMEOUT_MS; 0 means SS_DEFAULT_TIMEOUT_MS. The daemon is told a little less, so that its own answer,
 * which knows more, arrives in time: what is left when the request is written, less a tenth of that, but at most
 * 250 ms less.
 *
 * If nobody listens at the socket, the call fails with SS_NO_DAEMON at once. If the connection breaks while a
 * request is under way (the daemon restarts), a get, ping, status or probe is sent again on a new connection,
 * until the deadline, while the library waits for the daemon to return; if it does not return, the code is
 * SS_NO_DAEMON. A put is sent again only if not one byte of it was written. After its first byte it ends with
 * SS_UNKNOWN_OUTCOME if the connection breaks, the deadline passes, or the reply makes no sense. A call that timed
 * out closes the connection, so that a late reply never answers a later request, unless other requests wait on it
 * (see below).
 *
 * mount and path have no slash at either end, no empty, "." or ".." segment, and no control byte.
 *
 * The calls return SS_OK or another enum ss_code; ss_last_error() tells more. Their outputs may be used for any
 * time, and do not depend on the handle. They must not be called from within a callback, where they return
 * SS_INVALID_REQUEST.
 */

/* Reads a secret. version 0 means the latest one. The caller frees *ret_secret with ss_secret_free(). */
int ss_get(struct ss_client *client, const char *mount, const char *path, uint64_t version, uint32_t timeout_ms,
    struct ss_secret **ret_secret);

/*
 * Writes a new version of a secret. json is the text of a JSON object, json_len bytes; it is checked (strict JSON
 * in UTF-8) and then sent as it is. With cas NULL the secret is written whatever is there. Otherwise it is written
 * only if its current version is *cas, where 0 means that there is no version yet; if not, the call fails with
 * SS_CAS_MISMATCH. *ret_version becomes the number of the new version; ret_version may be NULL.
 */
int ss_put(struct ss_client *client, const char *mount, const char *path, const char *json, size_t json_len,
    const uint64_t *cas, uint32_t timeout_ms, uint64_t *ret_version);

/*
 * Asks whether the daemon is there, and whether it is ready. The daemon answers from memory, whatever OpenBao
 * does. ret_ping may be NULL.
 */
int ss_ping(struct ss_client *client, uint32_t timeout_ms, struct ss_ping *ret_ping);

/*
 * Gets the daemon's status: *ret_json becomes its reply, a JSON object of *ret_len bytes and a NUL. The caller
 * frees it with ss_free(). ret_len may be NULL. The daemon needs a rule that allows "status".
 */
int ss_status(struct ss_client *client, uint32_t timeout_ms, char **ret_json, size_t *ret_len);

/*
 * Asks whether OpenBao is fit to serve secrets. The daemon asks OpenBao now. SS_OK means that OpenBao is
 * initialized and unsealed, be it active or standby, and that the daemon has logged in to it since its start.
 * Otherwise the code is SS_SEALED, SS_NOT_INITIALIZED, SS_UNAVAILABLE, SS_TIMEOUT, SS_NOT_READY (no login yet, or
 * the daemon is stopping), SS_EMPTY_RESPONSE or SS_UPSTREAM_ERROR. The daemon needs a rule that allows
 * "probe". ss_ping() tells whether the daemon holds a live token at the moment.
 */
int ss_probe(struct ss_client *client, uint32_t timeout_ms);

/* These wipe and free. ss_free() is for texts that this header says to free with it. NULL is allowed. */
void ss_secret_free(struct ss_secret *secret);
void ss_free(void *p);

/* -- raft snapshots ------------------------------------------------------------------------------------------- */

/*
 * A snapshot is everything that OpenBao stores, encrypted with OpenBao's own keys. It is as large as OpenBao's
 * database, and passes through in pieces, in constant memory, over a connection of its own. The handle's other
 * requests go on at the daemon, but their callbacks run only after the call has returned.
 *
 * timeout_ms is the time for the whole transfer, 1 to SS_MAX_TIMEOUT_MS; 0 means no limit. A transfer that makes
 * no progress for a minute ends in any case, with SS_TIMEOUT. (The daemon ends it; if the daemon says nothing for
 * 90 s, the library does.) If the daemon is not there, or goes away in the middle, the call fails with
 * SS_NO_DAEMON; nothing is sent again. The daemon needs a rule that names the operation, snapshot.save or
 * snapshot.restore: a rule that allows all operations does not include them.
 *
 * The functions that the caller passes in may use the handle only as a callback may (see below). If one of them
 * calls ss_close(), the transfer ends with SS_CLOSED. These calls, too, must not be made from within a callback.
 */

/* Describes a snapshot that was saved. Later versions may add members at the end. */
struct ss_snapshot {
	uint64_t bytes;
	/* SHA-256 in hexadecimal digits, over the state alone (state.bin): equal for snapshots of equal state */
	char sha256[65];
};

/*
 * A function that takes the next n bytes of a snapshot. It returns 0 to go on; anything else ends the transfer,
 * which then fails with SS_ABORTED. It may take its time: OpenBao waits meanwhile.
 */
typedef int ss_snapshot_sink(void *arg, const void *p, size_t n);

/*
 * Has the daemon fetch a snapshot from OpenBao's leader, and gives it to sink in pieces. The snapshot is whole, by
 * the checksums in it, only if the call returns SS_OK; if it fails, what sink got must be thrown away.
 * SS_RAFT_UNSUPPORTED means that this OpenBao does not run on raft storage, and will never have snapshots.
 * ret_snapshot may be NULL.
 */
int ss_snapshot_save(struct ss_client *client, uint32_t timeout_ms, ss_snapshot_sink *sink, void *arg,
    struct ss_snapshot *ret_snapshot);

/*
 * Saves a snapshot into a file, from the descriptor's current position on. The file is not synced to disk. SS_IO
 * means that it could not be written. After a failure, part of a snapshot may be in the file.
 */
int ss_snapshot_save_fd(struct ss_client *client, uint32_t timeout_ms, int fd, struct ss_snapshot *ret_snapshot);

/*
 * A function that puts the next bytes of a snapshot into p, at most size of them. It returns how many (at least
 * 1), 0 at the snapshot's end, or -1 to end the transfer, which then fails with SS_ABORTED.
 */
typedef long ss_snapshot_source(void *arg, void *p, size_t size);

/*
 * Checks whether a snapshot is whole. The check is made in this process, without the daemon. SS_INVALID_REQUEST
 * means that it is not whole. ss_snapshot_check_fd() reads from the descriptor's current position to the file's
 * end; a position that can be set stays where it was. SS_IO means that the file could not be read.
 */
int ss_snapshot_check(struct ss_client *client, ss_snapshot_source *source, void *arg);
int ss_snapshot_check_fd(struct ss_client *client, int fd);

/* The state of OpenBao that the daemon saw after OpenBao had taken a snapshot to restore. */
enum ss_restored {
	SS_RESTORED_APPLIED = 1, /* the leader is active again, with the snapshot's state */
	SS_RESTORED_SEALED = 2,  /* the leader is sealed: see below */
	SS_RESTORED_WAITING = 3  /* neither was seen within a minute, or the timeout: it may still be at work */
};

/*
 * Replaces everything that OpenBao stores by the content of a snapshot. The daemon sends it to the leader only,
 * and holds its last part back until all of it has come and was whole. Up to then a failure, or the end of this
 * program, leaves OpenBao as it was. SS_UNKNOWN_OUTCOME means that the last part was sent, or may have been, and
 * that its effect is not known.
 *
 * SS_OK means that OpenBao has taken the snapshot; *ret_restored says what OpenBao was seen to do then, and
 * ret_restored may be NULL. With force OpenBao does not check that the snapshot comes from a cluster with the same
 * unseal keys. If it comes from another one, OpenBao ends up sealed, and from then on needs the unseal (or seal)
 * keys of that other cluster, not its own.
 *
 * ss_snapshot_restore_fd() needs a regular file, which it reads twice: it checks the file as
 * ss_snapshot_check_fd() does, and sends nothing if the snapshot is not whole (SS_INVALID_REQUEST). A caller with
 * a source of its own should do that itself before.
 */
int ss_snapshot_restore(struct ss_client *client, bool force, uint32_t timeout_ms, ss_snapshot_source *source,
    void *arg, enum ss_restored *ret_restored);
int ss_snapshot_restore_fd(struct ss_client *client, bool force, uint32_t timeout_ms, int fd,
    enum ss_restored *ret_restored);

/* -- looking into JSON ---------------------------------------------------------------------------------------- */

/*
 * Finds a string member of the secret's JSON object, and unescapes it. *ret_value becomes *ret_len bytes of UTF-8
 * and a NUL, which the caller frees (and so wipes) with ss_free(). ret_len may be NULL; but a value may itself
 * hold NULs, which only *ret_len shows. If a name is repeated, its last value counts. Fails with SS_NO_FIELD,
 * SS_NOT_A_STRING, SS_NO_MEMORY, or SS_PROTOCOL if the text is no JSON object.
 */
int ss_secret_string(const struct ss_secret *secret, const char *name, char **ret_value, size_t *ret_len);

/* Does what ss_secret_string() does, for any JSON object. */
int ss_json_string(const char *json, size_t json_len, const char *name, char **ret_value, size_t *ret_len);

/*
 * Finds a member of a JSON object, and gives its value as it is written there: a string with its quotes, a number,
 * an object. *ret_value points into json. Fails with SS_NO_FIELD, or with SS_PROTOCOL if the text is no JSON
 * object.
 */
int ss_json_field(const char *json, size_t json_len, const char *name, const char **ret_value, size_t *ret_len);

/* -- for an event loop of your own ---------------------------------------------------------------------------- */

/*
 * ss_submit_...() take a request and return at once. Up to 65,536 requests may be under way on one handle; they
 * share its one connection. The event loop does this again and again:
 *
 *	wait until ss_fd() is ready for ss_events(), or ss_timeout_ms() has passed
 *	call ss_process()
 *
 * After ss_process(), and after each ss_submit_...(), the descriptor, the events and the timeout may have changed.
 * Calling ss_process() right after submitting saves one turn of the loop; submitting many requests before calling
 * it saves system calls.
 */

/*
 * The result of one request. The struct, and everything it points to, is valid only until the callback returns.
 * Later versions may add members at the end.
 */
struct ss_result {
	int code;                       /* SS_OK, or why the request failed */
	const struct ss_error *error;   /* details of the failure; never NULL, its code is the one above */
	const struct ss_secret *secret; /* set after a successful get or put; after a put its data is NULL */
	const struct ss_ping *ping;     /* set after a successful ping */
	const char *reply;              /* the daemon's whole reply, a JSON object; NULL if there was none */
	size_t reply_len;
};

/*
 * Runs exactly once for each request that was taken: from within ss_process(), ss_close() or a call that waits on
 * the same handle, never from within ss_submit_...(). In a forked child it does not run for the parent's requests.
 * It may submit requests and call ss_close(). Calls on the handle that wait return SS_INVALID_REQUEST there, and
 * ss_process() does nothing.
 */
typedef void ss_callback(struct ss_client *client, const struct ss_result *result, void *arg);

/*
 * These submit a request. The arguments and promises are those of the calls that wait, which are built on these.
 * SS_OK means that the request was taken: everything was copied, and the callback will run. Otherwise it was not
 * taken, and the callback will not run: SS_INVALID_REQUEST, SS_TOO_LARGE, SS_NO_MEMORY, or SS_OVERLOADED if too
 * many requests are under way. If one of several requests times out, the connection stays for the others, and the
 * late reply is thrown away.
 */
int ss_submit_get(struct ss_client *client, const char *mount, const char *path, uint64_t version,
    uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_put(struct ss_client *client, const char *mount, const char *path, const char *json, size_t json_len,
    const uint64_t *cas, uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_ping(struct ss_client *client, uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_status(struct ss_client *client, uint32_t timeout_ms, ss_callback *callback, void *arg);
int ss_submit_probe(struct ss_client *client, uint32_t timeout_ms, ss_callback *callback, void *arg);

/* Returns the socket to wait for, or -1 while there is no connection: then only the timeout counts. */
int ss_fd(const struct ss_client *client);

/*
 * Returns how many connections the handle has made so far. A loop that registers descriptors (epoll, libevent)
 * must register anew when this number has changed, since a new connection's descriptor often has the number of the
 * old one.
 */
uint64_t ss_connection(const struct ss_client *client);

/* Returns the events to wait for on the socket: POLLIN, POLLOUT of <poll.h>. */
int ss_events(const struct ss_client *client);

/* Returns the milliseconds until ss_process() is due even if nothing happens on the socket; 0: now; -1: never. */
int ss_timeout_ms(const struct ss_client *client);

/* Returns how many requests were taken whose callback has not run yet. */
size_t ss_pending(const struct ss_client *client);

/*
 * Does everything that is due, and never blocks: it reads what is there, runs callbacks, ends requests whose time
 * is over, connects, and writes what it can with few system calls. Calling it too often does no harm. If a
 * callback calls ss_close(), the handle is gone afterwards.
 */
void ss_process(struct ss_client *client);

#ifdef __cplusplus
}
#endif

#endif
