/*
 * classify_phrase: recognises the phrases in OpenBao's error answers that mean something to this daemon. It is
 * apart from classify.h because control.c, which reads with jansson, cannot include jscan.h beside it. Pure.
 */
#ifndef CLASSIFY_PHRASE_H
#define CLASSIFY_PHRASE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/upstream/http.h"

/* The meaning of an error answer, {"errors":["text",...]}, as far as a known phrase tells it. */
enum upstream_phrase {
	PHRASE_OTHER,
	/* The answer is not in OpenBao's shape: it does not come from OpenBao, but from what is in front of it. */
	PHRASE_FOREIGN,
	PHRASE_PERMISSION_DENIED, /* "permission denied", unwrapped */
	/* "1 error occurred:\n\t* permission denied\n\n" and other texts that only a live token gets */
	PHRASE_PERMISSION_DENIED_WRAPPED,
	PHRASE_CAS_MISMATCH,
	PHRASE_CAS_REQUIRED,
	PHRASE_SEALED,
	PHRASE_NOT_INITIALIZED,
	PHRASE_NO_ACTIVE_NODE, /* the request was not worked on */
	PHRASE_STEPPING_DOWN,  /* "active context canceled…": a write may have been worked on */
	PHRASE_UPGRADING,      /* "Upgrading from non-versioned to versioned data" */
	PHRASE_VALUE_TOO_LARGE,
	PHRASE_NAMESPACE_NOT_FOUND,
	/* OpenBao is well, but an operator has closed the namespace. The request was not worked on. */
	PHRASE_NAMESPACE_SEALED, /* "namespace is sealed" */
	PHRASE_NAMESPACE_LOCKED, /* "API access to this namespace has been locked…", which names the namespace */
	PHRASE_INVALID_ROLE_OR_SECRET_ID,
	PHRASE_WRAPPING_TOKEN, /* "wrapping token is not valid or does not exist" */
	/* OpenBao answers so to requests for snapshots. */
	PHRASE_RAFT_NOT_IN_USE,  /* "raft storage is not in use" */
	PHRASE_UNSUPPORTED_PATH, /* "unsupported path": an OpenBao in memory has no such thing as raft */
	PHRASE_OTHER_KEYS,       /* "could not verify hash file…": the snapshot was sealed with other keys */
	PHRASE_NOT_A_SNAPSHOT,   /* "failed to decompress snapshot…", "failed to read snapshot file…" */
	/* OpenBao answers so to Kubernetes logins. */
	PHRASE_INVALID_ROLE_NAME,
	PHRASE_SERVICE_ACCOUNT, /* "service account name not authorized", "namespace not authorized" */
	PHRASE_AUDIENCE,        /* "invalid audience (aud) claim…" */
	PHRASE_EXPIRED          /* "invalid expiration time (exp) claim…" */
};

/*
 * Gives the first known phrase in an answer's body; PHRASE_OTHER: there is none; PHRASE_FOREIGN: the body is not
 * {"errors":[]} with texts in the array, or none. Sets *ret_none, unless ret_none is NULL, to whether the document
 * is {"errors":[]}, by which OpenBao says that there is nothing at a path.
 */
enum upstream_phrase classify_phrase(const char *body, size_t len, bool *ret_none);

/*
 * Tells whether a whole reply is the word of something in front of OpenBao, such as a service mesh, a firewall or
 * the default page of an ingress, on a matter that only OpenBao can decide. phrase is the one of its body; for a
 * 2xx it does not matter: that is foreign if there is a body that does not begin as a JSON object. 307, 413, 429,
 * and 502 to 504 are left out: they mean the same whoever says them.
 */
bool classify_is_foreign(const struct http_reply *reply, enum upstream_phrase phrase);

/*
 * Gives the words for a reply that is foreign: that something in front of OpenBao answered, or that the server
 * wants TLS, which Go's says in plain text.
 */
const char *classify_foreign_words(const struct http_reply *reply);

#endif
