/*
 * control: the documents OpenBao sends about logins, tokens, wrapping and health, read with jansson. Never a
 * secret's payload. Pure: bytes in, struct out.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/http.h"

enum control_result {
	CONTROL_OK,
	/* no answer, or one that says "not now": sealed, not initialized, no active node, 5xx gateway */
	CONTROL_UNREACHABLE,
	CONTROL_REJECTED,       /* 400 invalid role or secret id */
	CONTROL_DENIED,         /* 403, unwrapped: for a token's own request, the token is dead */
	CONTROL_DENIED_WRAPPED, /* 403, wrapped: the token lives, policy forbids */
	CONTROL_WRAPPING_GONE,  /* 400: the wrapping token is used up, expired or was never one */
	CONTROL_EMPTY,          /* 200 without what was asked for (no client_token: pending MFA) */
	CONTROL_FAILED          /* anything else */
};

struct control {
	enum control_result result;
	enum http_outcome outcome; /* HTTP_REPLY: a whole answer came, whatever it says */
	int status;
	bool tls;           /* CONTROL_UNREACHABLE because the server's certificate was refused */
	const char *reason; /* a fixed phrase for the log, never OpenBao's own text */
	bool explained;     /* CONTROL_DENIED: OpenBao said more than that, and reason tells it */
	/* The fields asked for; NULL or 0 when absent. Valid until control_clear. */
	const char *client_token; /* login */
	uint64_t lease_ms;        /* login, renew, lookup: 0 means it does not expire */
	bool renewable;
	const char *secret_id;     /* unwrap */
	const char *creation_path; /* wrapping lookup */
	bool health;               /* sys/health told the next three, whatever the result */
	bool initialized, sealed, standby;
	bool is_self;               /* leader: the node asked leads, or there is nothing to lead */
	const char *leader_address; /* leader: who leads; NULL if it knows of none */
	/* leader, if is_self: since when, as OpenBao writes it; NULL if it does not say */
	const char *active_time;
	void *document; /* owned; holds the strings */
};

/* also renew-self: client_token may be absent there */
void control_login(const struct http_reply *reply, struct control *ret);
void control_renew(const struct http_reply *reply, struct control *ret);
/* lookup-self: an unreadable lease is none */
void control_lookup(const struct http_reply *reply, struct control *ret);
void control_plain(const struct http_reply *reply, struct control *ret); /* revoke-self: only the result */
void control_wrapping(const struct http_reply *reply, struct control *ret);
void control_unwrap(const struct http_reply *reply, struct control *ret);
/* CONTROL_OK: initialized and unsealed */
void control_health(const struct http_reply *reply, struct control *ret);

/* sys/leader. CONTROL_OK: is_self and leader_address are set. */
void control_leader(const struct http_reply *reply, struct control *ret);

/* Wipes and frees what ret holds. */
void control_clear(struct control *control);

/* Gives secmem to jansson; before its first use. */
void control_global_init(void);

#endif
