/*
 * front: puts the ops, the callers' listener and the listener for systemd's credentials together.
 */
#include "daemon/front.h"

#include <stdlib.h>

#include "daemon/backend.h"
#include "daemon/callers/credential_guard.h"
#include "daemon/callers/credentials.h"
#include "daemon/callers/peer.h"
#include "daemon/ops/ops.h"
#include "daemon/callers/listener.h"
#include "daemon/config/config.h"
#include "daemon/host/activation.h"
#include "daemon/host/audit.h"
#include "daemon/host/harden.h"
#include "daemon/host/log.h"

#define DRAIN_MS 8000u

/*
 * Descriptors that callers do not get. 24: sockets, log, audit, the loop (17 in all were seen), and files that a
 * reload or a login opens. 40: as many requests to OpenBao as may be under way (daemon/upstream/http.c), twice,
 * since after a reload two backends may be at work.
 */
#define DESCRIPTORS_KEPT (24u + 2 * 40u)
#define CONNECTIONS_LEAST 8u /* callers' connections, even if that leaves fewer descriptors to the rest */

struct front {
	struct audit *audit;
	struct ops *ops;
	struct listener *listener;
	struct credentials *credentials; /* NULL: there is no socket for them */
	/* what limits.connections was last, and what front_connections() made of it; 0: not yet */
	uint64_t connections_wanted, connections;
};

/*
 * Gives how many callers may be connected: as many as the configuration says, if there are descriptors for them.
 * Otherwise idle callers could take the last ones, and OpenBao would seem to be down. Warns when that has changed.
 */
static uint64_t front_connections(struct front *front, const struct config *config)
{
	uint64_t wanted = config->limits.connections, limit = harden_file_limit();
	uint64_t kept = DESCRIPTORS_KEPT + (front->credentials != NULL ? CREDENTIAL_GUARD_MAX : 0);
	uint64_t most = limit > kept + CONNECTIONS_LEAST ? limit - kept : CONNECTIONS_LEAST;
	uint64_t granted = wanted < most ? wanted : most;
	if (granted < wanted && (granted != front->connections || wanted != front->connections_wanted))
		log_warning("limits.connections: %llu are more than the limit of %llu open files leaves room for; "
			    "%llu may be open (LimitNOFILE= in the unit)",
		    (unsigned long long)wanted, (unsigned long long)limit, (unsigned long long)granted);
	front->connections_wanted = wanted;
	front->connections = granted;
	return granted;
}

static struct call_limits call_limits(const struct config *config)
{
	return (struct call_limits){
		.request_bytes = config->limits.request_bytes,
		.requests = config->limits.requests_per_connection,
		.requests_per_uid = config->limits.requests_per_uid,
		.output_bytes = config->limits.output_bytes,
		.bytes_per_uid = config->limits.bytes_per_uid,
		.frame_timeout_ms = config->limits.frame_timeout_ms,
		.idle_timeout_ms = config->limits.idle_timeout_ms,
	};
}

static struct listener_options listener_options(struct front *front, const struct config *config)
{
	return (struct listener_options){
		.accept = {
			.socket = config->listen.socket,
			.mode = config->listen.mode,
			.group = config->listen.group,
			.fd = -1,
			.whom = "connections",
		},
		.connections = front_connections(front, config),
		.connections_per_uid = config->limits.connections_per_uid,
		.calls = call_limits(config),
		.default_timeout_ms = config->openbao.request_timeout_ms,
		.rules = &config->rules,
	};
}

static void warn_of_kernel(const struct config *config)
{
	if (rules_want_units(&config->rules) && !peer_is_vouched_for())
		log_warning(
		    "allow: this kernel does not vouch for the process that connected (Linux 6.5 does): a rule "
		    "by unit alone fits nobody, and a unit beside uid or gid adds nothing to it");
}

static struct ops_parts ops_parts(const struct front *front, const struct config *config,
    const struct backend *backend)
{
	return (struct ops_parts){
		.rules = &config->rules,
		.kv = backend_kv(backend),
		.probe = backend_probe(backend),
		.transfers = backend_transfers(backend),
		.login = backend_login(backend),
		.audit = front->audit,
		.limits = call_limits(config),
	};
}

static struct credentials_parts credentials_parts(const struct front *front, const struct config *config,
    const struct backend *backend)
{
	return (struct credentials_parts){
		.rules = &config->credentials,
		.audit = front->audit,
		.kv = backend_kv(backend),
		.wait_ms = config->openbao.request_timeout_ms,
	};
}

struct front *front_new(struct event_base *base, const struct config *config, const struct backend *backend,
    struct audit *audit, struct activation *activation, struct error *error)
{
	struct front *front = calloc(1, sizeof(*front));
	if (front != NULL) {
		front->audit = audit;
		const struct ops_parts parts = ops_parts(front, config, backend);
		front->ops = ops_new(&parts);
	}
	if (front == NULL || front->ops == NULL) {
		(void)error_set(error, "out of memory");
		goto fail;
	}

	struct credentials_options options = { .socket = config->listen.credentials_socket, .fd = -1 };
	if (activation_socket(activation, ACTIVATION_CREDENTIALS, &options.fd, error) != 0)
		goto fail;
	if (options.socket != NULL || options.fd >= 0) {
		const struct credentials_parts parts = credentials_parts(front, config, backend);
		front->credentials = credentials_new(base, &options, &parts, error);
		if (front->credentials == NULL)
			goto fail;
	} else if (config->credentials.nrules > 0)
		log_warning("credential: there is no socket for it, so that its rules have no effect");

	warn_of_kernel(config);
	/*
	 * The callers' socket is made last, so that whoever sees it can be sure that the other one is there too.
	 */
	struct listener_options callers = listener_options(front, config);
	if (activation_socket(activation, ACTIVATION_CALLERS, &callers.accept.fd, error) != 0)
		goto fail;
	front->listener = listener_new(base, &callers, ops_request, front->ops, error);
	if (front->listener == NULL)
		goto fail;
	log_info("secretstored " SECRETSTORE_VERSION " serves %s",
	    callers.accept.fd >= 0 ? "the socket of its unit" : callers.accept.socket);
	return front;
fail:
	front_free(front);
	return NULL;
}

void front_use(struct front *front, const struct config *config, const struct backend *backend)
{
	const struct listener_options options = listener_options(front, config);
	const struct ops_parts parts = ops_parts(front, config, backend);
	const struct credentials_parts others = credentials_parts(front, config, backend);
	warn_of_kernel(config);
	audit_set_level(front->audit, config->audit.level);
	listener_set_limits(front->listener, &options);
	ops_use(front->ops, &parts);
	if (front->credentials != NULL)
		credentials_use(front->credentials, &others);
}

void front_stop(struct front *front, void (*done)(void *arg), void *arg)
{
	listener_stop(front->listener);
	if (front->credentials != NULL)
		credentials_stop(front->credentials, DRAIN_MS, done, arg);
	else
		done(arg);
}

void front_drain(struct front *front, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg)
{
	ops_drain(front->ops, base, budget_ms, drained, arg);
}

void front_disconnect(struct front *front)
{
	if (front == NULL)
		return;
	credentials_free(front->credentials);
	front->credentials = NULL;
	listener_free(front->listener); /* its connections abandon their calls */
	front->listener = NULL;
}

void front_free(struct front *front)
{
	if (front == NULL)
		return;
	front_disconnect(front);
	ops_free(front->ops);
	free(front);
}
