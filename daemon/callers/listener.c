/*
 * listener: admits connections, or tells the caller why not and closes them, at little cost.
 */
#include "daemon/callers/listener.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "daemon/callers/peer.h"
#include "proto/reply.h"

#define KEPT_PART 8 /* one in so many connections is kept for users with fewer than KEPT_FOR */
#define KEPT_FOR 4

struct listener {
	struct calls *calls;
	struct accept *accept;
	uint64_t connections, connections_per_uid;
	const struct rules *rules;
};

/* Sends a failure and closes. The kernel's buffer of a new connection is empty, so that the short reply fits. */
static void refuse_connection(int fd, const char *message)
{
	struct failure why;
	struct buf out;
	failure_set(&why, CODE_OVERLOADED, "%s", message);
	buf_init(&out, 4096);
	if (reply_failure(&out, (struct jspan){ .p = "", .len = 0 }, &why) == 0)
		(void)send(fd, buf_data(&out), buf_len(&out), MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&out);
	close(fd);
}

/*
 * Tells why the uid may not have another connection; NULL: it may. The last ones are kept for users who have
 * hardly any, so that a few greedy ones cannot shut out all others.
 */
static const char *refusal_reason(const struct listener *l, uid_t uid)
{
	uint64_t all = calls_connections(l->calls), own = calls_connections_of(l->calls, uid);
	if (own >= l->connections_per_uid)
		return "this uid has as many connections as it may";
	if (all >= l->connections || (own >= KEPT_FOR && all >= l->connections - l->connections / KEPT_PART))
		return "the daemon has as many connections as it may";
	return NULL;
}

/*
 * Admits or refuses. A refused connection must cost little, so all of the peer is read only for an admitted one.
 */
static bool listener_admit(void *arg, int fd)
{
	struct listener *l = arg;
	struct peer peer;
	uid_t uid;
	if (peer_read_uid(fd, &uid) != 0) {
		close(fd);
		return true;
	}
	const char *why = refusal_reason(l, uid);
	if (why != NULL) {
		refuse_connection(fd, why);
	} else if (peer_read(fd, rules_want_host(l->rules), &peer) != 0) {
		close(fd);
	} else {
		if (calls_connect(l->calls, fd, &peer) != 0)
			refuse_connection(fd, "out of memory");
		peer_clear(&peer);
	}
	return true;
}

struct listener *listener_new(struct event_base *base, const struct listener_options *options,
    call_request *request, void *arg, struct error *error)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (l != NULL)
		l->calls = calls_new(base, &options->calls, options->default_timeout_ms, request, arg);
	if (l == NULL || l->calls == NULL) {
		(void)error_set(error, "out of memory");
		listener_free(l);
		return NULL;
	}
	listener_set_limits(l, options);
	l->accept = accept_new(base, &options->accept, listener_admit, l, error);
	if (l->accept == NULL) {
		listener_free(l);
		return NULL;
	}
	return l;
}

void listener_set_limits(struct listener *l, const struct listener_options *options)
{
	l->connections = options->connections;
	l->connections_per_uid = options->connections_per_uid;
	l->rules = options->rules;
	calls_set_limits(l->calls, &options->calls, options->default_timeout_ms);
}

void listener_stop(struct listener *l)
{
	accept_stop(l->accept);
	calls_finish(l->calls);
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->calls != NULL)
		calls_free(l->calls);
	accept_free(l->accept);
	free(l);
}
