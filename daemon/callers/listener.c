/*
 * listener: admits connections, or tells the caller why not and closes them, at little cost.
 */
#include "daemon/callers/listener.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/callers/peer.h"
#include "daemon/callers/quota.h"
#include "proto/reply.h"

#define KEPT_PART 8 /* one in so many connections is kept for users with fewer than KEPT_FOR */
#define KEPT_FOR 4
#define ROOT_PART 64 /* one in so many connections is kept for root */

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
 * Tells why the user may not have another connection; NULL: it may. The last places are for users who have hardly
 * any, so that a few greedy ones cannot shut out all others, and the very last for root, who looks after the
 * daemon. When all places are taken, whoever has been idle longest gives way: it is a library's connection,
 * mostly, which makes a new one when it has something to ask.
 */
static const char *refusal_reason(const struct listener *l, const struct quota *user)
{
	uint64_t all = calls_connections(l->calls), own = user->connections;
	uint64_t places = l->connections - (user->uid != 0 ? l->connections / ROOT_PART : 0);
	if (own >= l->connections_per_uid)
		return user->uid == QUOTA_STRANGERS
		    ? "callers whom no rule names have as many connections as they may together"
		    : "this uid has as many connections as it may";
	if (own >= KEPT_FOR && all >= l->connections - l->connections / KEPT_PART)
		return "the daemon has as many connections as it may";
	if (all < places || calls_end_idlest(l->calls))
		return NULL;
	return "the daemon has as many connections as it may";
}

/*
 * Tells as whom the caller is counted: by its uid if a rule has that, or a group of it; root and this process's
 * user always. Others are strangers, unless their unit, which costs more to read, turns out to be named.
 */
static uid_t user_of(const struct listener *l, const struct peer *peer, bool by_ids)
{
	return peer->uid == 0 || peer->uid == geteuid() || rules_name(l->rules, peer, by_ids) ? peer->uid
											      : QUOTA_STRANGERS;
}

/* Serves or refuses a caller, of whom the ids are known. A refused one must cost little. */
static void admit_peer(struct listener *l, int fd, struct peer *peer, struct quota *user, uint64_t now_us)
{
	const char *why = quota_may_connect(calls_quotas(l->calls), user, now_us)
	    ? refusal_reason(l, user)
	    : "this user has used up its time, and others wait";
	if (why == NULL) {
		peer_read_process(fd, rules_want_host(l->rules), peer);
		if (calls_connect(l->calls, fd, peer, user_of(l, peer, user->uid != QUOTA_STRANGERS)) == 0)
			return;
		why = "out of memory";
	}
	refuse_connection(fd, why);
}

/*
 * What is done here is charged to the user: else whoever connects and closes in a loop would have it for nothing.
 */
static bool listener_admit(void *arg, int fd)
{
	struct listener *l = arg;
	struct quotas *quotas = calls_quotas(l->calls);
	uint64_t now_us = clock_now_us();
	struct peer peer;
	if (peer_read(fd, &peer) != 0) {
		close(fd);
		return true;
	}
	struct quota *user = quota_of(quotas, user_of(l, &peer, true));
	uid_t uid = user != NULL ? user->uid : 0;
	if (user == NULL)
		refuse_connection(fd, "out of memory");
	else
		admit_peer(l, fd, &peer, user, now_us);
	/* The quota may be another one by now, if connections have ended. */
	if (user != NULL && (user = quota_of(quotas, uid)) != NULL)
		quota_spend_connecting(quotas, user, now_us, clock_now_us() - now_us);
	calls_count_turn(l->calls);
	peer_clear(&peer);
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
