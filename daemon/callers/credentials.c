/*
 * credentials: from a connection to its answer. The slots for connections are there from the start: a lack of memory
 * must not end one early, since systemd would take that for an empty credential.
 */
#include "daemon/callers/credentials.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/access/rules.h"
#include "daemon/callers/credential_answer.h"
#include "daemon/callers/credential_guard.h"
#include "daemon/callers/credential_value.h"
#include "daemon/callers/socket.h"
#include "daemon/host/audit.h"
#include "daemon/host/log.h"
#include "daemon/store/kv.h"

#define CONNECTIONS_MAX CREDENTIAL_GUARD_MAX
#define AGAIN_MS 500u   /* between attempts while OpenBao cannot answer */
#define RESUME_MS 1000u /* after there were no descriptors left */

enum state {
	CONNECTION_NONE,     /* the slot is free */
	CONNECTION_ASKING,   /* the secret is being fetched */
	CONNECTION_PAUSING,  /* it will be asked for again */
	CONNECTION_GIVING,   /* the value is being written */
	CONNECTION_REFUSING, /* the refusal is being written */
};

struct connection {
	struct credentials *credentials;
	enum state state;
	int fd;
	struct ucred cred;
	struct credential_peer peer;
	char *rule, *field; /* of the rule that it came under */
	struct secret_name *name; /* likewise */
	struct get *read;
	uint64_t version;     /* of the secret; 0: not known */
	uint64_t accepted_us;
	uint64_t deadline_ms;   /* for the secret */
	struct event timer, writable;
	struct credential_answer answer;
};

struct credentials {
	struct event_base *base;
	struct credentials_parts parts;
	struct credential_guard *guard;
	char *path; /* of the socket that it made */
	int fd, lock_fd;
	struct event *accept, *resume, *stop_timer;
	void (*stopped)(void *arg);
	void *stopped_arg;
	struct connection connection[CONNECTIONS_MAX];
};

static void start_timer(struct connection *c, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);
	(void)event_add(&c->timer, &tv);
}

static struct connection *slot_in(struct credentials *l, enum state state)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (l->connection[i].state == state)
			return &l->connection[i];
	return NULL;
}

/* -- the end of a connection --------------------------------------------------------------------------------- */

static void check_stopped(struct credentials *l)
{
	if (l->stopped == NULL)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (l->connection[i].state != CONNECTION_NONE)
			return;
	event_active(l->stop_timer, EV_TIMEOUT, 0);
}

static void forget_rule(struct connection *c)
{
	free(c->rule);
	free(c->field);
	secret_name_release(c->name);
	c->rule = c->field = NULL;
	c->name = NULL;
}

static unsigned number_of(const struct connection *c)
{
	return (unsigned)(c - c->credentials->connection);
}

static void let_go(struct connection *c)
{
	if (c->read != NULL)
		kv_get_abandon(c->read);
	c->read = NULL;
	(void)event_del(&c->timer);
	(void)event_del(&c->writable);
	credential_answer_clear(&c->answer);
	forget_rule(c);
	close(c->fd);
	c->fd = -1;
	c->state = CONNECTION_NONE;
}

static void end(struct connection *c)
{
	struct credentials *l = c->credentials;
	let_go(c);
	credential_guard_done(l->guard, number_of(c));
	if (l->accept != NULL && l->fd >= 0 && !event_pending(l->resume, EV_TIMEOUT, NULL))
		(void)event_add(l->accept, NULL);
	check_stopped(l);
}

static void record(struct connection *c, enum code code, bool gone)
{
	uint64_t now_us = clock_now_us();
	const struct peer peer = { .uid = c->cred.uid, .gid = c->cred.gid, .pid = c->cred.pid,
		.unit = c->peer.unit[0] != '\0' ? c->peer.unit : NULL };
	const struct audit_record record = { .op = "credential", .peer = &peer,
		.mount = c->name != NULL ? secret_mount(c->name) : NULL, .path = c->name != NULL ? secret_path(c->name) : NULL,
		.credential = c->peer.id[0] != '\0' ? c->peer.id : NULL, .rule = c->rule, .version = c->version, .code = code,
		.gone = gone, .microseconds = now_us - c->accepted_us };
	audit_write(c->credentials->parts.audit, &record, now_us / 1000);
}

/* What became of it, to the log and the audit. */
static void tell(struct connection *c, const struct failure *why)
{
	if (c->rule != NULL)
		log_warning("credential %s for %s: refused (rule %s): %s (%s)", c->peer.id, c->peer.unit, c->rule, why->message,
		    code_name(why->code));
	else
		log_warning("credential %s for %s: refused: %s (%s)", c->peer.id, c->peer.unit, why->message,
		    code_name(why->code));
	record(c, why->code, false);
}

static void send_more(struct connection *c)
{
	switch (credential_answer_send(&c->answer, c->fd)) {
	case CREDENTIAL_WAITING:
		(void)event_add(&c->writable, NULL);
		return;
	case CREDENTIAL_SENT:
		if (c->state == CONNECTION_GIVING)
			record(c, CODE_NONE, false);
		break;
	case CREDENTIAL_GONE:
		if (c->state == CONNECTION_GIVING)
			record(c, CODE_NONE, true);
		break;
	}
	end(c);
}

static void begin_refusal(struct connection *c)
{
	c->state = CONNECTION_REFUSING;
	(void)event_del(&c->timer);
	credential_answer_refuse(&c->answer);
	if (c->cred.uid != 0)
		start_timer(c, c->credentials->parts.wait_ms);
	send_more(c);
}

static void refuse_failure(struct connection *c, const struct failure *why)
{
	tell(c, why);
	begin_refusal(c);
}

static void refuse(struct connection *c, enum code code, const char *message)
{
	struct failure why;
	failure_set(&why, code, "%s", message);
	refuse_failure(c, &why);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_more(arg);
}

/* -- the secret ---------------------------------------------------------------------------------------------- */

/* What goes by itself is waited for. */
static void ask_again(struct connection *c, const struct failure *why)
{
	uint64_t pause = clock_random(AGAIN_MS / 2, AGAIN_MS);
	if (!code_retryable(why->code) || clock_now_ms() + pause >= c->deadline_ms) {
		refuse_failure(c, why);
		return;
	}
	c->state = CONNECTION_PAUSING;
	start_timer(c, pause);
}

static void on_reply(void *arg, const struct kv_reply *reply)
{
	struct connection *c = arg;
	struct failure why;
	c->read = NULL;
	if (reply->failure != NULL) {
		ask_again(c, reply->failure);
		return;
	}
	c->version = reply->version;
	if (credential_value(reply->data, c->field, &c->answer.value, &why) != 0) {
		refuse_failure(c, &why);
		return;
	}
	c->state = CONNECTION_GIVING;
	start_timer(c, c->credentials->parts.wait_ms);
	send_more(c);
}

static void ask(struct connection *c)
{
	struct kv *kv = c->credentials->parts.kv;
	const struct kv_wanted wanted = { .name = c->name, .row = API_KV_GET, .max_age_ms = KV_ANY_AGE };
	struct kv_reply cached;
	c->state = CONNECTION_ASKING;
	if (kv_cached(kv, &wanted, clock_now_ms(), &cached)) {
		on_reply(c, &cached);
		return;
	}
	c->read = kv_get(kv, 0, &wanted, c->deadline_ms, on_reply, c);
	if (c->read == NULL)
		refuse(c, CODE_INTERNAL, "out of memory");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	(void)fd;
	(void)what;
	switch (c->state) {
	case CONNECTION_PAUSING:
		ask(c);
		break;
	case CONNECTION_GIVING:
		refuse(c, CODE_TIMEOUT, "it was not read in time");
		break;
	case CONNECTION_REFUSING:
		end(c); /* not root's */
		break;
	case CONNECTION_ASKING:
	case CONNECTION_NONE:
		break;
	}
}

/* -- admission ----------------------------------------------------------------------------------------------- */

static int copy_rule(struct connection *c, const struct credential_rule *rule)
{
	c->rule = strdup(rule->name);
	c->name = secret_name_new(rule->mount, rule->path);
	c->field = rule->field != NULL ? strdup(rule->field) : NULL;
	return c->rule == NULL || c->name == NULL || (rule->field != NULL && c->field == NULL) ? -1 : 0;
}

/* Who is at the other end, by the kernel's word. False, and the log knows why: not systemd. */
static bool is_systemd(struct connection *c)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(c->cred), name_size = sizeof(name);
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &c->cred, &size) != 0) {
		log_warning("a credential was refused: %s", strerror(errno));
		return false;
	}
	if (c->cred.uid != 0) {
		log_warning("a credential was refused to uid %lu: only root, as systemd is, may ask",
		    (unsigned long)c->cred.uid);
		return false;
	}
	if (getpeername(c->fd, (struct sockaddr *)&name, &name_size) != 0 || name_size < sizeof(name.sun_family) ||
	    !credential_peer_parse(name.sun_path, name_size - sizeof(name.sun_family), &c->peer)) {
		log_warning("a credential was refused to pid %ld: it does not ask as systemd does", (long)c->cred.pid);
		return false;
	}
	return true;
}

static void admit(struct credentials *l, struct connection *c, int fd)
{
	const struct credential_rule *rule;
	memset(&c->peer, 0, sizeof(c->peer));
	c->fd = fd;
	credential_guard_watch(l->guard, number_of(c), fd);
	c->cred = (struct ucred){ .uid = PEER_NOBODY, .gid = PEER_NOBODY };
	c->version = 0;
	c->accepted_us = clock_now_us();
	c->deadline_ms = clock_now_ms() + l->parts.wait_ms;
	credential_answer_init(&c->answer);
	(void)event_assign(&c->writable, l->base, fd, EV_WRITE, on_writable, c);
	if (!is_systemd(c)) {
		record(c, CODE_FORBIDDEN, false);
		begin_refusal(c);
		return;
	}
	rule = credential_rules_find(l->parts.rules, &c->peer);
	if (rule == NULL)
		refuse(c, CODE_FORBIDDEN, "no rule in credential is for it");
	else if (copy_rule(c, rule) != 0)
		refuse(c, CODE_INTERNAL, "out of memory");
	else
		ask(c);
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct credentials *l = arg;
	struct timeval pause = clock_timeval(RESUME_MS);
	struct connection *c;
	(void)what;
	while ((c = slot_in(l, CONNECTION_NONE)) != NULL) {
		int fd, rc = socket_accept(listen_fd, &fd);
		if (rc < 0) {
			log_warning("cannot accept who asks for a credential, for now: %s", strerror(errno));
			if (event_add(l->resume, &pause) == 0)
				(void)event_del(l->accept);
		}
		if (rc <= 0)
			return;
		admit(l, c, fd);
	}
	(void)event_del(l->accept); /* until a slot is free */
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct credentials *l = arg;
	(void)fd;
	(void)what;
	(void)event_add(l->accept, NULL);
}

/* -- the listener -------------------------------------------------------------------------------------------- */

static void on_stopped(evutil_socket_t fd, short what, void *arg)
{
	struct credentials *l = arg;
	void (*stopped)(void *) = l->stopped;
	(void)fd;
	(void)what;
	l->stopped = NULL;
	if (stopped != NULL)
		stopped(l->stopped_arg);
}

struct credentials *credentials_new(struct event_base *base, const struct credentials_options *options,
    const struct credentials_parts *parts, struct error *error)
{
	struct credentials *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	l->fd = options->fd;
	l->lock_fd = -1;
	l->base = base;
	l->parts = *parts;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &l->connection[i];
		c->credentials = l;
		c->fd = -1;
		(void)evtimer_assign(&c->timer, base, on_timer, c);
	}
	l->guard = credential_guard_new(error);
	if (l->guard == NULL)
		goto fail;
	if (l->fd < 0 && socket_listen(options->socket, 0600, (gid_t)-1, &l->fd, &l->lock_fd, error) != 0)
		goto fail;
	(void)error_set(error, "out of memory");
	if (options->fd < 0 && (l->path = strdup(options->socket)) == NULL)
		goto fail;
	l->accept = event_new(base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
	l->resume = evtimer_new(base, on_resume, l);
	l->stop_timer = evtimer_new(base, on_stopped, l);
	if (l->accept == NULL || l->resume == NULL || l->stop_timer == NULL || event_add(l->accept, NULL) != 0)
		goto fail;
	return l;
fail:
	credentials_free(l);
	return NULL;
}

void credentials_use(struct credentials *l, const struct credentials_parts *parts)
{
	l->parts = *parts;
}

static void close_listener(struct credentials *l)
{
	if (l->accept != NULL)
		(void)event_del(l->accept);
	if (l->resume != NULL)
		(void)event_del(l->resume);
	if (l->fd < 0)
		return;
	if (l->path != NULL)
		(void)unlink(l->path);
	close(l->fd); /* those in its queue are reset: systemd sees an error */
	l->fd = -1;
}

void credentials_stop(struct credentials *l, uint64_t budget_ms, void (*stopped)(void *arg), void *arg)
{
	struct timeval tv = clock_timeval(budget_ms);
	close_listener(l);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &l->connection[i];
		if (c->state == CONNECTION_ASKING) {
			kv_get_abandon(c->read);
			c->read = NULL;
		}
		if (c->state == CONNECTION_ASKING || c->state == CONNECTION_PAUSING)
			refuse(c, CODE_UNAVAILABLE, "the daemon is stopping");
	}
	l->stopped = stopped;
	l->stopped_arg = arg;
	(void)event_add(l->stop_timer, &tv);
	check_stopped(l);
}

void credentials_free(struct credentials *l)
{
	if (l == NULL)
		return;
	l->stopped = NULL;
	close_listener(l);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (l->connection[i].state == CONNECTION_GIVING)
			record(&l->connection[i], CODE_UNAVAILABLE, false);
		if (l->connection[i].state != CONNECTION_NONE)
			let_go(&l->connection[i]);
	}
	credential_guard_free(l->guard); /* it has the connections still, and refuses them */
	if (l->accept != NULL)
		event_free(l->accept);
	if (l->resume != NULL)
		event_free(l->resume);
	if (l->stop_timer != NULL)
		event_free(l->stop_timer);
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	free(l->path);
	free(l);
}
