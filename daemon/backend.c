/*
 * backend: makes the parts in their order, and ends them in theirs.
 */
#include "daemon/backend.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config/config.h"
#include "daemon/host/log.h"
#include "daemon/unwrapped.h"
#include "daemon/store/kv.h"
#include "daemon/store/probe.h"
#include "daemon/store/transfer.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/http.h"
#include "daemon/upstream/login.h"
#include "daemon/upstream/leader.h"

#define DRAIN_MS 8000u
#define REVOKE_MS 2000u
#define STALL_MS 60000u /* a snapshot of which nothing moves for so long is given up */

#define TLS_FILES 3

enum backend_state {
	BACKEND_SERVING,  /* or about to */
	BACKEND_RETIRING, /* nobody asks it for anything new: what is under way ends */
	BACKEND_IDLE,     /* nothing is under way but perhaps a login */
	BACKEND_DRAINING, /* the daemon stops: likewise, within some seconds */
	BACKEND_REVOKING  /* the login is ending; then `ended` runs */
};

/* Which file it was; all zero: none. */
struct mark {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct backend {
	struct event_base *base;
	struct config *config;
	struct mark tls_files[TLS_FILES]; /* connections go on with what was read of them */
	struct http *http;
	struct api *api;
	struct leader *leader;
	struct auth *auth; /* the login's */
	struct login *login;
	struct kv *kv;
	struct probe *probe;
	struct transfers *transfers;
	enum backend_state state;
	unsigned busy; /* parts that have something under way */
	backend_ended *ended;
	void *ended_arg;
};

/* -- the start ----------------------------------------------------------------------------------------------- */

static struct login *make_login(struct backend *b)
{
	const struct config *c = b->config;
	const struct auth_options options = {
		.mode = c->openbao.auth,
		.approle = {
			.mount = c->approle.mount,
			.role_id = c->approle.role_id,
			.role_id_file = c->approle.role_id_file,
			.secret_id = c->approle.secret_id,
			.secret_id_file = c->approle.secret_id_file,
			.secret_id_wrapped = c->approle.secret_id_wrapped,
		},
		.kubernetes = {
			.mount = c->kubernetes.mount,
			.role = c->kubernetes.role,
			.token_file = c->kubernetes.token_file,
		},
#ifdef SECRETSTORE_DEV_TOKEN
		.devtoken = { .token_file = c->dev_token.token_file },
#endif
	};
	b->auth = auth_new(b->base, b->api, &options);
	if (b->auth == NULL)
		return NULL;
	auth_at_leader(b->auth, b->leader);
	unwrapped_watch(b->auth);
	return login_new(b->base, b->api, b->auth, c->openbao.address.item, c->openbao.address.count,
	    c->openbao.revoke_on_stop);
}

static struct kv_options kv_options(const struct config *c)
{
	return (struct kv_options){
		.max_age_ms = c->cache.max_age_ms,
		.serve_stale_ms = c->cache.serve_stale_ms,
		.max_bytes = c->cache.max_bytes,
	};
}

static void mark_files(const struct config *c, struct mark marks[TLS_FILES])
{
	const char *const files[TLS_FILES] = { c->openbao.ca_file, c->openbao.client_cert_file,
		c->openbao.client_key_file };
	struct stat st;
	for (size_t i = 0; i < TLS_FILES; i++) {
		memset(&marks[i], 0, sizeof(marks[i]));
		if (files[i] == NULL || stat(files[i], &st) != 0)
			continue;
		marks[i].device = st.st_dev;
		marks[i].inode = st.st_ino;
		marks[i].size = st.st_size;
		marks[i].modified = st.st_mtim;
	}
}

static int make_parts(struct backend *b, struct versions *versions, struct error *error)
{
	const struct config *c = b->config;
	const struct http_options options = {
		.addresses = c->openbao.address.item,
		.naddresses = c->openbao.address.count,
		.ca_file = c->openbao.ca_file,
		.client_cert_file = c->openbao.client_cert_file,
		.client_key_file = c->openbao.client_key_file,
		.server_name = c->openbao.server_name,
		.tls_skip_verify = c->openbao.tls_skip_verify,
		.connect_timeout_ms = c->openbao.connect_timeout_ms,
	};
	const struct kv_options kv = kv_options(c);
	b->http = http_new(b->base, &options, error);
	if (b->http == NULL)
		return -1;
	b->api = api_new(b->http, c->openbao.vault_namespace);
	b->leader = b->api != NULL ? leader_new(b->api, c->openbao.address.item, c->openbao.address.count) : NULL;
	b->login = b->leader != NULL ? make_login(b) : NULL;
	b->kv = b->login != NULL ? kv_new(b->base, b->api, b->login, b->leader, versions, &kv) : NULL;
	b->probe = b->kv != NULL ? probe_new(b->base, b->api, b->login) : NULL;
	b->transfers = b->probe != NULL ? transfers_new(b->base, b->api, b->login, b->leader, b->kv, STALL_MS)
					: NULL;
	return b->transfers != NULL ? 0 : error_set(error, "out of memory");
}

struct backend *backend_new(struct event_base *base, struct config *config, struct versions *versions,
    struct error *error)
{
	struct backend *b = calloc(1, sizeof(*b));
	if (b == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	b->base = base;
	b->config = config_hold(config);
	mark_files(config, b->tls_files);
	if (make_parts(b, versions, error) == 0)
		return b;
	backend_free(b);
	return NULL;
}

void backend_start(struct backend *b)
{
	login_start(b->login);
}

void backend_set_cache(struct backend *b, const struct config *config)
{
	const struct kv_options options = kv_options(config);
	kv_set_cache(b->kv, &options);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

void backend_free(struct backend *b)
{
	if (b == NULL)
		return;
	transfers_free(b->transfers);
	probe_free(b->probe);
	kv_free(b->kv);
	login_free(b->login); /* it may be looking for the leader */
	leader_free(b->leader);
	api_free(b->api);
	http_free(b->http);
	config_free(b->config);
	free(b);
}

static void backend_on_revoked(void *arg)
{
	struct backend *b = arg;
	b->ended(b->ended_arg);
}

/* The only place where the state changes. */
static void backend_enter(struct backend *b, enum backend_state state)
{
	static const char *const names[] = { [BACKEND_SERVING] = "serving",
		[BACKEND_RETIRING] = "retiring",
		[BACKEND_IDLE] = "idle",
		[BACKEND_DRAINING] = "draining",
		[BACKEND_REVOKING] = "revoking" };
	log_debug("backend: %s -> %s", names[b->state], names[state]);
	b->state = state;
}

static void backend_revoke(struct backend *b)
{
	backend_enter(b, BACKEND_REVOKING);
	login_stop(b->login, REVOKE_MS, backend_on_revoked, b);
}

/* Nothing is under way but perhaps a login, whose token would come to nobody, and live on at OpenBao. */
static void backend_on_login(void *arg)
{
	struct backend *b = arg;
	if (b->state == BACKEND_IDLE && login_state(b->login) != LEASE_LOGGING_IN)
		backend_revoke(b);
}

static void backend_on_idle(void *arg)
{
	struct backend *b = arg;
	if (b->state != BACKEND_RETIRING || --b->busy > 0)
		return;
	backend_enter(b, BACKEND_IDLE);
	login_watch(b->login, backend_on_login, b);
	backend_on_login(b);
}

void backend_retire(struct backend *b, backend_ended *done, void *arg)
{
	b->ended = done;
	b->ended_arg = arg;
	b->busy = 3;
	backend_enter(b, BACKEND_RETIRING);
	login_watch(b->login, NULL, NULL);
	kv_when_idle(b->kv, backend_on_idle, b);
	probe_when_idle(b->probe, backend_on_idle, b);
	transfers_when_idle(b->transfers, backend_on_idle, b);
}

static void backend_on_drained(void *arg)
{
	struct backend *b = arg;
	if (--b->busy == 0)
		backend_revoke(b);
}

void backend_stop(struct backend *b, backend_ended *done, void *arg)
{
	b->ended = done;
	b->ended_arg = arg;
	if (b->state == BACKEND_REVOKING)
		return;
	backend_enter(b, BACKEND_DRAINING);
	probe_stop(b->probe);
	b->busy = 2;
	kv_drain(b->kv, DRAIN_MS, backend_on_drained, b);
	transfers_drain(b->transfers, DRAIN_MS, backend_on_drained, b);
}

/* -- what it has --------------------------------------------------------------------------------------------- */

struct auth *backend_auth(const struct backend *b)
{
	return b->auth;
}

struct login *backend_login(const struct backend *b)
{
	return b->login;
}

struct kv *backend_kv(const struct backend *b)
{
	return b->kv;
}

struct probe *backend_probe(const struct backend *b)
{
	return b->probe;
}

struct transfers *backend_transfers(const struct backend *b)
{
	return b->transfers;
}

const struct config *backend_config(const struct backend *b)
{
	return b->config;
}

bool backend_is_like(const struct backend *b, const struct config *config)
{
	struct mark now[TLS_FILES];
	mark_files(config, now);
	return config_same_openbao(b->config, config) && memcmp(now, b->tls_files, sizeof(now)) == 0;
}

bool backend_is_live(const struct backend *b)
{
	struct login_status status;
	login_status(b->login, &status);
	return status.ready;
}
