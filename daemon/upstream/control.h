/*
 * control: reads the documents that OpenBao sends about logins, tokens, wrapping, health and the leader, with
 * jansson. A secret's payload is never read here. Pure: bytes in, struct out.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/http.h"

enum control_result {
	CONTROL_OK,
	/* no answer of OpenBao, or one that says "not now": sealed, not initialized, no leader, 5xx gateway */
	CONTROL_UNREACHABLE,
	CONTROL_REJECTED,       /* 400: invalid role or secret id */
	CONTROL_DENIED,         /* 403, unwrapped: if the request was made with a token, that token is dead */
	CONTROL_DENIED_WRAPPED, /* 403, wrapped: the token lives, a policy denies */
	CONTROL_WRAPPING_GONE,  /* 400: the wrapping token is used up, expired or was never one */
	CONTROL_EMPTY,          /* 2xx without what was asked for (no client_token: a second factor is wanted) */
	CONTROL_FAILED          /* anything else */
};

struct control {
	enum control_result result;
	enum http_outcome outcome; /* HTTP_REPLY: a whole answer came, whatever it says */
	int status;
	bool foreign;       /* something in front of OpenBao answered */
	bool tls;           /* CONTROL_UNREACHABLE because the certificate or the TLS handshake was refused */
	const char *reason; /* a fixed phrase for the log, never OpenBao's own text */
	const char *why;    /* as in struct http_reply; NULL: a whole answer came */
	bool explained;     /* CONTROL_DENIED: OpenBao said why, and reason tells it */
	/* The fields below are those asked for, NULL or 0 when absent. Strings are valid until control_clear. */
	const char *client_token; /* login */
	/* login, if the result is not CONTROL_OK: a token that was made all the same, which is to be revoked */
	const char *left_token;
	bool batch;        /* login: it is a batch token, which cannot be revoked */
	uint64_t num_uses; /* login: the token ends after so many requests; 0: it does not */
	uint64_t lease_ms; /* login, renew, lookup: 0 means it does not expire */
	bool renewable;
	const char *secret_id;     /* unwrap */
	const char *creation_path; /* wrapping lookup */
	bool health;               /* health: the next three are known, whatever the result is */
	bool initialized, sealed, standby;
	bool is_self;               /* leader: the node asked leads, or there is nothing to lead */
	const char *leader_address; /* leader: who leads; NULL if it knows of none */
	/* leader, if is_self: since when it leads, as OpenBao writes it; NULL: not told */
	const char *active_time;
	void *document; /* owned; holds the strings */
};

/*
 * Each reads the answer to one kind of request; reply need not be a whole reply. *ret is set in any case, and must
 * be cleared with control_clear.
 */

/* Reads the answer to a login. CONTROL_OK: client_token, lease_ms, renewable, batch and num_uses are set. */
void control_login(const struct http_reply *reply, struct control *ret);

/* Reads the answer to renew-self. CONTROL_OK: lease_ms and renewable are set. */
void control_renew(const struct http_reply *reply, struct control *ret);

/*
 * Reads the answer to lookup-self. CONTROL_OK: it tells of the token, also if the lease cannot be read: lease_ms
 * is 0 then.
 */
void control_lookup(const struct http_reply *reply, struct control *ret);

/* Reads an answer of which only the status counts, as that to revoke-self. */
void control_plain(const struct http_reply *reply, struct control *ret);

/* Reads the answer to a lookup of a wrapping token. CONTROL_OK: creation_path is set. */
void control_wrapping(const struct http_reply *reply, struct control *ret);

/* Reads the answer to an unwrapping. CONTROL_OK: secret_id is set. */
void control_unwrap(const struct http_reply *reply, struct control *ret);

/* Reads sys/health. CONTROL_OK: the node is initialized and unsealed. */
void control_health(const struct http_reply *reply, struct control *ret);

/* Reads sys/leader. CONTROL_OK: is_self, leader_address and active_time are set, as far as the node tells them. */
void control_leader(const struct http_reply *reply, struct control *ret);

/* Wipes and frees what control holds. */
void control_clear(struct control *control);

/* Gives secmem to jansson. To be called before jansson's first use. */
void control_global_init(void);

#endif
