/*
 * backend: makes the parts of a backend in the order in which they need each other, and ends them in the reverse
 * one.
 */
#include "daemon/backend.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config/config.h"
#include "daemon/host/log.h"
#include "daemon/refusals.h"
#include "daemon/unwrapped.h"
#include "daemon/store/kv.h"
#include "daemon/store/probe.h"
#include "daemon/store/transfer.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/http.h"
#include "daemon/upstream/http_tls.h"
#include "daemon/upstream/login.h"
#include "daemon/upstream/leader.h"

#define DRAIN_MS 8000u
#define REVOKE_MS 2000u
#define STALL_MS 60000u /* a snapshot that makes no progress for so long is given up */

#define TLS_FILES 3

enum backend_state {
	BACKEND_SERVING,  /* it gets requests, or will when it has logged in */
	BACKEND_RETIRING, /* it gets no new requests; those under way end */
	BACKEND_IDLE,     /* it was retired, and nothing is under way but perhaps a login */
	BACKEND_DRAINING, /* the daemon stops: what is under way ends within DRAIN_MS */
	BACKEND_REVOKING  /* the login is ending; then `ended` runs */
};

/* Tells a file from another and from an older version of itself. All zero: there is no file. */
struct file_identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct backend {
	struct event_base *base;
	struct config *config;
	struct file_identity tls_files[TLS_FILES]; /* as they were when the backend was made */
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

static struct login *make_login(struct backend *backend)
{
	const struct config *config = backend->config;
	const struct auth_options options = {
		.mode = config->openbao.auth,
		.approle = {
			.mount = config->approle.mount,
			.role_id = config->approle.role_id,
			.role_id_file = config->approle.role_id_file,
			.secret_id = config->approle.secret_id,
			.secret_id_file = config->approle.secret_id_file,
			.secret_id_wrapped = config->approle.secret_id_wrapped,
		},
		.kubernetes = {
			.mount = config->kubernetes.mount,
			.role = config->kubernetes.role,
			.token_file = config->kubernetes.token_file,
		},
#ifdef SECRETSTORE_DEV_TOKEN
		.devtoken = { .token_file = config->dev_token.token_file },
#endif
	};
	struct login *login;

	backend->auth = auth_new(backend->base, backend->api, &options);
	if (backend->auth == NULL)
		return NULL;
	auth_at_leader(backend->auth, backend->leader);
	unwrapped_watch(backend->auth);
	login = login_new(backend->base, backend->api, backend->auth, config->openbao.address.item,
	    config->openbao.address.count, config->openbao.revoke_on_stop);
	if (login != NULL)
		refusals_watch(login);
	return login;
}

static struct kv_options kv_options(const struct config *config)
{
	return (struct kv_options){
		.max_age_ms = config->cache.max_age_ms,
		.serve_stale_ms = config->cache.serve_stale_ms,
		.max_bytes = config->cache.max_bytes,
	};
}

static void identify_tls_files(const struct config *config, struct file_identity ret[TLS_FILES])
{
	const char *const files[TLS_FILES] = { config->openbao.ca_file, config->openbao.client_cert_file,
		config->openbao.client_key_file };
	struct stat st;
	for (size_t i = 0; i < TLS_FILES; i++) {
		memset(&ret[i], 0, sizeof(ret[i]));
		if (files[i] == NULL || stat(files[i], &st) != 0)
			continue;
		ret[i].device = st.st_dev;
		ret[i].inode = st.st_ino;
		ret[i].size = st.st_size;
		ret[i].modified = st.st_mtim;
	}
}

static struct http_options http_options(const struct config *config)
{
	return (struct http_options){
		.addresses = config->openbao.address.item,
		.naddresses = config->openbao.address.count,
		.ca_file = config->openbao.ca_file,
		.client_cert_file = config->openbao.client_cert_file,
		.client_key_file = config->openbao.client_key_file,
		.server_name = config->openbao.server_name,
		.tls_skip_verify = config->openbao.tls_skip_verify,
		.connect_timeout_ms = config->openbao.connect_timeout_ms,
	};
}

static int make_parts(struct backend *backend, struct versions *versions, struct error *error)
{
	const struct config *config = backend->config;
	const struct http_options options = http_options(config);
	const struct kv_options kv = kv_options(config);
	backend->http = http_new(backend->base, &options, error);
	if (backend->http == NULL)
		return -1;
	backend->api = api_new(backend->http, config->openbao.vault_namespace);
	backend->leader = backend->api != NULL
	    ? leader_new(backend->api, config->openbao.address.item, config->openbao.address.count)
	    : NULL;
	backend->login = backend->leader != NULL ? make_login(backend) : NULL;
	backend->kv = backend->login != NULL
	    ? kv_new(backend->base, backend->api, backend->login, backend->leader, versions, &kv)
	    : NULL;
	backend->probe = backend->kv != NULL ? probe_new(backend->base, backend->api, backend->login) : NULL;
	backend->transfers = backend->probe != NULL
	    ? transfers_new(backend->base, backend->api, backend->login, backend->leader, backend->kv, STALL_MS)
	    : NULL;
	return backend->transfers != NULL ? 0 : error_set(error, "out of memory");
}

int backend_check(const struct config *config, struct error *error)
{
	const struct http_options options = http_options(config);
	return http_tls_check(&options, error);
}

struct backend *backend_new(struct event_base *base, struct config *config, struct versions *versions,
    struct error *error)
{
	struct backend *backend = calloc(1, sizeof(*backend));
	if (backend == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	backend->base = base;
	backend->config = config_hold(config);
	identify_tls_files(config, backend->tls_files);
	if (make_parts(backend, versions, error) == 0)
		return backend;
	backend_free(backend);
	return NULL;
}

void backend_start(struct backend *backend)
{
	login_start(backend->login);
}

void backend_set_cache(struct backend *backend, const struct config *config)
{
	const struct kv_options options = kv_options(config);
	kv_set_cache(backend->kv, &options);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

void backend_free(struct backend *backend)
{
	if (backend == NULL)
		return;
	transfers_free(backend->transfers);
	probe_free(backend->probe);
	kv_free(backend->kv);
	login_free(backend->login); /* before the leader, for which a login may be searching */
	leader_free(backend->leader);
	api_free(backend->api);
	http_free(backend->http);
	config_free(backend->config);
	free(backend);
}

static void backend_on_revoked(void *arg)
{
	struct backend *backend = arg;
	backend->ended(backend->ended_arg);
}

/* Sets the state. Nothing else does. */
static void backend_set_state(struct backend *backend, enum backend_state state)
{
	static const char *const names[] = { [BACKEND_SERVING] = "serving",
		[BACKEND_RETIRING] = "retiring",
		[BACKEND_IDLE] = "idle",
		[BACKEND_DRAINING] = "draining",
		[BACKEND_REVOKING] = "revoking" };
	log_debug("backend: %s -> %s", names[backend->state], names[state]);
	backend->state = state;
}

static void backend_revoke(struct backend *backend)
{
	backend_set_state(backend, BACKEND_REVOKING);
	login_stop(backend->login, REVOKE_MS, backend_on_revoked, backend);
}

/*
 * A login that is under way when the backend has become idle is waited for: if it were cancelled OpenBao might
 * still make its token, and nobody would revoke that.
 */
static void backend_on_login(void *arg)
{
	struct backend *backend = arg;
	if (backend->state == BACKEND_IDLE && login_state(backend->login) != LEASE_LOGGING_IN)
		backend_revoke(backend);
}

static void backend_on_idle(void *arg)
{
	struct backend *backend = arg;
	if (backend->state != BACKEND_RETIRING || --backend->busy > 0)
		return;
	backend_set_state(backend, BACKEND_IDLE);
	login_watch(backend->login, backend_on_login, backend);
	backend_on_login(backend);
}

void backend_retire(struct backend *backend, backend_ended *done, void *arg)
{
	backend->ended = done;
	backend->ended_arg = arg;
	backend->busy = 3;
	backend_set_state(backend, BACKEND_RETIRING);
	login_watch(backend->login, NULL, NULL);
	kv_when_idle(backend->kv, backend_on_idle, backend);
	probe_when_idle(backend->probe, backend_on_idle, backend);
	transfers_when_idle(backend->transfers, backend_on_idle, backend);
}

static void backend_on_drained(void *arg)
{
	struct backend *backend = arg;
	if (--backend->busy == 0)
		backend_revoke(backend);
}

void backend_stop(struct backend *backend, backend_ended *done, void *arg)
{
	backend->ended = done;
	backend->ended_arg = arg;
	if (backend->state == BACKEND_REVOKING)
		return;
	backend_set_state(backend, BACKEND_DRAINING);
	probe_stop(backend->probe);
	backend->busy = 2;
	kv_drain(backend->kv, DRAIN_MS, backend_on_drained, backend);
	transfers_drain(backend->transfers, DRAIN_MS, backend_on_drained, backend);
}

/* -- the parts, for others ----------------------------------------------------------------------------------- */

struct auth *backend_auth(const struct backend *backend)
{
	return backend->auth;
}

struct login *backend_login(const struct backend *backend)
{
	return backend->login;
}

struct kv *backend_kv(const struct backend *backend)
{
	return backend->kv;
}

struct probe *backend_probe(const struct backend *backend)
{
	return backend->probe;
}

struct transfers *backend_transfers(const struct backend *backend)
{
	return backend->transfers;
}

const struct config *backend_config(const struct backend *backend)
{
	return backend->config;
}

bool backend_matches(const struct backend *backend, const struct config *config)
{
	struct file_identity now[TLS_FILES];
	identify_tls_files(config, now);
	return config_same_openbao(backend->config, config) && memcmp(now, backend->tls_files, sizeof(now)) == 0;
}

bool backend_is_live(const struct backend *backend)
{
	struct login_status status;
	login_status(backend->login, &status);
	return status.ready;
}
