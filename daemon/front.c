/*
 * front: the ops and their listener, and the socket for systemd.
 */
#include "daemon/front.h"

#include <stdlib.h>

#include "daemon/backend.h"
#include "daemon/callers/credentials.h"
#include "daemon/ops/ops.h"
#include "daemon/callers/listener.h"
#include "daemon/config/config.h"
#include "daemon/host/activation.h"
#include "daemon/host/audit.h"
#include "daemon/host/log.h"

#define DRAIN_MS 8000u

struct front {
	struct audit *audit;
	struct ops *ops;
	struct listener *listener;
	struct credentials *credentials; /* NULL: there is no such socket */
};

static struct listener_options listener_options(const struct config *c)
{
	return (struct listener_options){
		.accept = {
			.socket = c->listen.socket,
			.mode = c->listen.mode,
			.group = c->listen.group,
			.fd = -1,
			.whom = "connections",
		},
		.connections = c->limits.connections,
		.connections_per_uid = c->limits.connections_per_uid,
		.calls = {
			.request_bytes = c->limits.request_bytes,
			.requests = c->limits.requests_per_connection,
			.requests_per_uid = c->limits.requests_per_uid,
			.output_bytes = c->limits.output_bytes,
			.bytes_per_uid = c->limits.bytes_per_uid,
			.frame_timeout_ms = c->limits.frame_timeout_ms,
			.idle_timeout_ms = c->limits.idle_timeout_ms,
		},
		.default_timeout_ms = c->openbao.request_timeout_ms,
	};
}

static struct ops_parts ops_parts(const struct front *s, const struct config *c, const struct backend *b)
{
	return (struct ops_parts){
		.rules = &c->rules,
		.kv = backend_kv(b),
		.probe = backend_probe(b),
		.transfers = backend_transfers(b),
		.login = backend_login(b),
		.audit = s->audit,
		.limits = listener_options(c).calls,
	};
}

static struct credentials_parts credentials_parts(const struct front *s, const struct config *c,
    const struct backend *b)
{
	return (struct credentials_parts){
		.rules = &c->credentials,
		.audit = s->audit,
		.kv = backend_kv(b),
		.wait_ms = c->openbao.request_timeout_ms,
	};
}

struct front *front_new(struct event_base *base, const struct config *config, const struct backend *backend,
    struct audit *audit, struct activation *activation, struct error *error)
{
	struct front *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->audit = audit;
		const struct ops_parts parts = ops_parts(s, config, backend);
		s->ops = ops_new(&parts);
	}
	if (s == NULL || s->ops == NULL) {
		(void)error_set(error, "out of memory");
		goto fail;
	}

	struct credentials_options options = { .socket = config->listen.credentials_socket, .fd = -1 };
	if (activation_socket(activation, ACTIVATION_CREDENTIALS, &options.fd, error) != 0)
		goto fail;
	if (options.socket != NULL || options.fd >= 0) {
		const struct credentials_parts parts = credentials_parts(s, config, backend);
		s->credentials = credentials_new(base, &options, &parts, error);
		if (s->credentials == NULL)
			goto fail;
	} else if (config->credentials.nrules > 0)
		log_warning("credential: there is no socket for it, so that its rules have no effect");

	/* The callers' socket last: whoever sees it there may count on the other. */
	struct listener_options callers = listener_options(config);
	if (activation_socket(activation, ACTIVATION_CALLERS, &callers.accept.fd, error) != 0)
		goto fail;
	s->listener = listener_new(base, &callers, ops_request, s->ops, error);
	if (s->listener == NULL)
		goto fail;
	log_info("secretstored " SECRETSTORE_VERSION " serves %s",
	    callers.accept.fd >= 0 ? "the socket of its unit" : callers.accept.socket);
	return s;
fail:
	front_free(s);
	return NULL;
}

void front_use(struct front *s, const struct config *config, const struct backend *backend)
{
	const struct listener_options options = listener_options(config);
	const struct ops_parts parts = ops_parts(s, config, backend);
	const struct credentials_parts others = credentials_parts(s, config, backend);
	audit_set_level(s->audit, config->audit.level);
	listener_set_limits(s->listener, &options);
	ops_use(s->ops, &parts);
	if (s->credentials != NULL)
		credentials_use(s->credentials, &others);
}

void front_stop(struct front *s, void (*done)(void *arg), void *arg)
{
	listener_stop(s->listener);
	if (s->credentials != NULL)
		credentials_stop(s->credentials, DRAIN_MS, done, arg);
	else
		done(arg);
}

void front_drain(struct front *s, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg)
{
	ops_drain(s->ops, base, budget_ms, drained, arg);
}

void front_disconnect(struct front *s)
{
	if (s == NULL)
		return;
	credentials_free(s->credentials);
	s->credentials = NULL;
	listener_free(s->listener); /* its connections abandon their calls */
	s->listener = NULL;
}

void front_free(struct front *s)
{
	if (s == NULL)
		return;
	front_disconnect(s);
	ops_free(s->ops);
	free(s);
}
