/*
 * codes: every way a request can fail, in one table. Codes travel by name on the socket; the numbers are
 * secretstorectl's exit statuses and the values of enum ss_code in secretstore.h, and never change.
 */
#ifndef CODES_H
#define CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(enumerator, name on the socket, exit status, whether the same request may succeed if sent again, meaning) */
#define CODE_TABLE(X) \
	X(INVALID_REQUEST, "invalid_request", 10, false, "the request is not as the protocol wants it") \
	X(UNKNOWN_OP, "unknown_op", 11, false, "this daemon does not know the operation") \
	X(TOO_LARGE, "too_large", 12, false, "a request or a reply is over its limit") \
	X(FORBIDDEN, "forbidden", 13, false, "no rule of this daemon allows it to the caller") \
	X(NOT_FOUND, "not_found", 14, false, "there is no such secret or version") \
	X(CAS_MISMATCH, "cas_mismatch", 15, false, "the secret is at another version than the one given") \
	X(CAS_REQUIRED, "cas_required", 16, false, "this secret may only be written with check-and-set") \
	X(PERMISSION_DENIED, "permission_denied", 17, false, "OpenBao's policies do not allow it to this daemon") \
	X(NOT_READY, "not_ready", 18, true, "the daemon has no login at OpenBao yet") \
	X(UNAVAILABLE, "unavailable", 19, true, "OpenBao does not answer") \
	X(TIMEOUT, "timeout", 20, true, "the deadline passed; nothing was written") \
	X(SEALED, "sealed", 21, true, "OpenBao is sealed") \
	X(NOT_INITIALIZED, "not_initialized", 22, true, "OpenBao is not initialized") \
	X(EMPTY_RESPONSE, "empty_response", 23, true, "OpenBao sent an answer without content") \
	X(RAFT_UNSUPPORTED, "raft_unsupported", 24, false, "OpenBao does not run on raft storage") \
	X(NOT_KV_V2, "not_kv_v2", 25, false, "the mount is not a KV version 2 engine") \
	X(OVERLOADED, "overloaded", 26, true, "the caller or the daemon is at one of its limits") \
	X(UPSTREAM_ERROR, "upstream_error", 27, false, "OpenBao answered with an error of its own") \
	X(UNKNOWN_OUTCOME, "unknown_outcome", 28, false, "a write may or may not have happened") \
	X(INTERNAL, "internal", 29, false, "the daemon failed")

enum code {
	CODE_NONE = 0,
#define X(enumerator, name, number, retryable, meaning) CODE_##enumerator = (number),
	CODE_TABLE(X)
#undef X
};

/* These give what the table says of a code. For a number that is no code they answer as for CODE_INTERNAL. */
const char *code_name(enum code code);
const char *code_meaning(enum code code);
bool code_retryable(enum code code);

/* Finds the code whose name is the n bytes at `name`; CODE_NONE if there is none. */
enum code code_by_name(const char *name, size_t n);

/*
 * Why a request failed, as a reply tells it. The message is for people; whoever sets it makes sure that it holds
 * no secret, address or namespace.
 */
struct failure {
	enum code code;
	int status;       /* HTTP status of OpenBao's answer, 0 if there was none */
	bool deleted;     /* not_found: the version exists but is deleted or destroyed */
	uint64_t version; /* not_found: the version that is deleted, 0 if not known */
	/*
	 * the daemon stops and has not done it: the caller gets no reply but the end of its connection, so that it
	 * asks the next daemon
	 */
	bool unsaid;
	char message[256];
};

/* Sets code and message, which is cut if it is too long, and all other members to 0. */
void failure_set(struct failure *f, enum code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
