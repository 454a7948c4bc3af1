/*
 * classify_phrase: the phrases of OpenBao's error answers that mean something to this daemon. Apart from
 * classify.h, since control.c, which reads with jansson, cannot include jscan.h beside it. Pure.
 */
#ifndef CLASSIFY_PHRASE_H
#define CLASSIFY_PHRASE_H

#include <stdbool.h>
#include <stddef.h>

/* What an error answer, {"errors":["text",...]}, says, told apart by known phrases only. */
enum upstream_phrase {
	PHRASE_OTHER,
	PHRASE_PERMISSION_DENIED, /* "permission denied", unwrapped */
	/* "1 error occurred:\n\t* permission denied\n\n", and others to a live token */
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
	PHRASE_INVALID_ROLE_OR_SECRET_ID,
	PHRASE_WRAPPING_TOKEN, /* "wrapping token is not valid or does not exist" */
	/* To snapshots. */
	PHRASE_RAFT_NOT_IN_USE,  /* "raft storage is not in use" */
	PHRASE_UNSUPPORTED_PATH, /* "unsupported path": an OpenBao in memory has no such thing as raft */
	PHRASE_OTHER_KEYS,       /* "could not verify hash file…": sealed with other keys than this cluster's */
	PHRASE_NOT_A_SNAPSHOT,   /* "failed to decompress snapshot…", "failed to read snapshot file…" */
	/* To Kubernetes logins. */
	PHRASE_INVALID_ROLE_NAME,
	PHRASE_SERVICE_ACCOUNT, /* "service account name not authorized", "namespace not authorized" */
	PHRASE_AUDIENCE,        /* "invalid audience (aud) claim…" */
	PHRASE_EXPIRED          /* "invalid expiration time (exp) claim…" */
};

/* The first known phrase. *ret_none, unless NULL: the document is {"errors":[]}, OpenBao's "there is nothing". */
enum upstream_phrase classify_phrase(const char *body, size_t len, bool *ret_none);

#endif
