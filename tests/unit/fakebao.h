/*
 * fakebao: an OpenBao that answers what the test tells it to, and an event loop with http and api that talk to it.
 */
#ifndef FAKEBAO_H
#define FAKEBAO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api;
struct event_base;

#define FAKEBAO_LOGIN "/v1/auth/approle/login"
#define FAKEBAO_RENEW "/v1/auth/token/renew-self"
#define FAKEBAO_LOOKUP "/v1/auth/token/lookup-self"
#define FAKEBAO_REVOKE "/v1/auth/token/revoke-self"
#define FAKEBAO_HEALTH "/v1/sys/health"
#define FAKEBAO_WRAPPING_LOOKUP "/v1/sys/wrapping/lookup"
#define FAKEBAO_UNWRAP "/v1/sys/wrapping/unwrap"
#define FAKEBAO_LEADER "/v1/sys/leader"

#define FAKEBAO_NODES 3 /* of a cluster */

#define FAKEBAO_UP "{\"initialized\":true,\"sealed\":false,\"standby\":false}"
#define FAKEBAO_SEALED "{\"initialized\":true,\"sealed\":true,\"standby\":true}"
#define FAKEBAO_UNINITIALIZED "{\"initialized\":false,\"sealed\":true,\"standby\":true}"
#define FAKEBAO_DENIED "{\"errors\":[\"permission denied\"]}"
#define FAKEBAO_DENIED_WRAPPED "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"
#define FAKEBAO_REFUSED "{\"errors\":[\"invalid role or secret ID\"]}"
#define FAKEBAO_WRAPPING_GONE "{\"errors\":[\"wrapping token is not valid or does not exist\"]}"

struct fakebao {
	struct event_base *base;
	struct http *http;
	struct api *api;
	struct server *server;
	struct fakebao_table *table;
	char address[64];               /* the server's address */
	char *addresses[FAKEBAO_NODES]; /* the addresses that http knows */
	int log, stderr_kept;           /* the file that replaces standard error, and the real standard error */
	char log_text[65536];
};

/* Must run once, before all tests: it is a cmocka group setup. */
int fakebao_global_setup(void **state);

/* *state becomes a struct fakebao whose OpenBao is healthy and knows nothing else. cmocka setup and teardown. */
int fakebao_setup(void **state);
int fakebao_teardown(void **state);

/*
 * Makes *state an array of FAKEBAO_NODES struct fakebao, one for each node of a cluster. They share the loop, http
 * and api, which know the first `known` addresses; the first one's log is the log of all. No node leads.
 */
int fakebao_cluster(void **state, size_t known);
int fakebao_cluster_setup(void **state); /* http knows all nodes */
int fakebao_cluster_teardown(void **state);

/* From now on every node says that this one leads; with FAKEBAO_NODES they say that none does. */
void fakebao_elect(struct fakebao *nodes, size_t leader);

/*
 * Answers requests on a path (without its query) from now on in this way. Each %u of the body becomes the number
 * of the request on this path. Status 0: the connection is closed without an answer.
 */
void fakebao_answer(struct fakebao *f, const char *path, int status, const char *body);

/* Answers with a login or renewal: token (NULL: none), lease in seconds, renewable. */
void fakebao_grant(struct fakebao *f, const char *path, const char *token, unsigned lease_s, bool renewable);

/* Requests on the path wait for their answer until they may go on. */
void fakebao_hold(struct fakebao *f, const char *path, bool hold);

/* How many requests came on the path; the token and body of the latest one, valid until the next one comes. */
unsigned fakebao_count(struct fakebao *f, const char *path);
const char *fakebao_token(struct fakebao *f, const char *path);
const char *fakebao_body(struct fakebao *f, const char *path);

/* Returns what was logged since the setup. It is valid until the next call. */
const char *fakebao_log(struct fakebao *f);

/* How many times the text stands in the log. */
unsigned fakebao_logged(struct fakebao *f, const char *text);

/* From now on every connection is closed without an answer, and nothing counts; fakebao_up ends that. */
void fakebao_down(struct fakebao *f);
void fakebao_back(struct fakebao *f);

/* Runs the loop until the condition holds; the test fails if that takes more than ten seconds. */
#define fakebao_until(f, condition) \
	do { \
		uint64_t until_end = fakebao_deadline(); \
		while (!(condition)) \
			fakebao_turn((f), until_end, #condition, __FILE__, __LINE__); \
	} while (0)
uint64_t fakebao_deadline(void);
void fakebao_turn(struct fakebao *f, uint64_t deadline_ms, const char *what, const char *file, int line);

/* Runs the loop for that long, to see that something does not happen. */
void fakebao_pass(struct fakebao *f, unsigned ms);

#endif
