/*
 * credentials: leads each connection to its answer. The slots for connections are allocated at the start: a lack
 * of memory must not end a connection early, since systemd would take that for an empty credential.
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
#include "base/drain.h"
#include "daemon/access/rules.h"
#include "daemon/callers/accept.h"
#include "daemon/callers/credential_answer.h"
#include "daemon/callers/credential_guard.h"
#include "daemon/callers/credential_value.h"
#include "daemon/callers/peer.h"
#include "daemon/host/audit.h"
#include "daemon/host/log.h"
#include "daemon/store/kv.h"

#define CONNECTIONS_MAX CREDENTIAL_GUARD_MAX
#define AGAIN_MS 500u /* between attempts while OpenBao cannot answer */

enum credential_state {
	CREDENTIAL_FREE,     /* the slot is for the next connection */
	CREDENTIAL_ASKING,   /* the secret is being read */
	CREDENTIAL_PAUSING,  /* it will be asked for again */
	CREDENTIAL_GIVING,   /* the value is being written */
	CREDENTIAL_REFUSING, /* the refusal is being written */
};

static const char *const credential_state_names[] = {
	[CREDENTIAL_FREE] = "free",
	[CREDENTIAL_ASKING] = "asking",
	[CREDENTIAL_PAUSING] = "pausing",
	[CREDENTIAL_GIVING] = "giving",
	[CREDENTIAL_REFUSING] = "refusing",
};

struct connection {
	struct credentials *credentials;
	enum credential_state state;
	int fd;
	struct peer peer;               /* the process that connected */
	struct credential_peer asked;   /* the unit and the id that its socket is named after */
	char *rule, *field;             /* copies of the rule's name and field; NULL: none */
	const struct secret_name *name; /* of the rule's secret */
	struct get *read;               /* while CREDENTIAL_ASKING; else NULL */
	uint64_t version;               /* of the secret; 0: not known */
	uint64_t accepted_us;
	uint64_t deadline_ms; /* for the read of the secret */
	struct event timer, writable;
	struct credential_answer answer;
};

struct credentials {
	struct event_base *base;
	struct credentials_parts parts;
	struct credential_guard *guard;
	struct accept *accept;
	struct drain drain;
	struct connection connection[CONNECTIONS_MAX];
};

static void start_credential_timer(struct connection *c, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);
	(void)event_add(&c->timer, &tv);
}

static unsigned number_of(const struct connection *c)
{
	return (unsigned)(c - c->credentials->connection);
}

static void set_credential_state(struct connection *c, enum credential_state state)
{
	log_debug("credential connection %u: %s -> %s", number_of(c), credential_state_names[c->state],
	    credential_state_names[state]);
	c->state = state;
}

static struct connection *free_slot(struct credentials *credentials)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (credentials->connection[i].state == CREDENTIAL_FREE)
			return &credentials->connection[i];
	return NULL;
}

static bool all_slots_are_free(const struct credentials *credentials)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (credentials->connection[i].state != CREDENTIAL_FREE)
			return false;
	return true;
}

/* -- the end of a connection --------------------------------------------------------------------------------- */

static void forget_rule(struct connection *c)
{
	free(c->rule);
	free(c->field);
	secret_name_release(c->name);
	c->rule = c->field = NULL;
	c->name = NULL;
}

static void release_slot(struct connection *c)
{
	if (c->read != NULL)
		kv_get_abandon(c->read);
	c->read = NULL;
	(void)event_del(&c->timer);
	(void)event_del(&c->writable);
	credential_answer_clear(&c->answer);
	forget_rule(c);
	peer_clear(&c->peer);
	close(c->fd);
	c->fd = -1;
	set_credential_state(c, CREDENTIAL_FREE);
}

static void end_connection(struct connection *c)
{
	struct credentials *credentials = c->credentials;
	release_slot(c);
	credential_guard_done(credentials->guard, number_of(c));
	accept_go_on(credentials->accept);
	drain_check(&credentials->drain, all_slots_are_free(credentials));
}

/* Tells whether the process that connected is in the unit that its socket is named after. */
static bool asks_for_its_own_unit(const struct connection *c)
{
	return c->peer.unit != NULL && strcmp(c->peer.unit, c->asked.unit) == 0;
}

static void audit_credential(struct connection *c, enum code code, bool gone)
{
	uint64_t now_us = clock_now_us();
	const char *unit = c->asked.unit[0] != '\0' && !asks_for_its_own_unit(c) ? c->asked.unit : NULL;
	const struct audit_record record = { .op = "credential",
		.peer = &c->peer,
		.for_unit = unit,
		.mount = c->name != NULL ? secret_mount(c->name) : NULL,
		.path = c->name != NULL ? secret_path(c->name) : NULL,
		.credential = c->asked.id[0] != '\0' ? c->asked.id : NULL,
		.rule = c->rule,
		.version = c->version,
		.code = code,
		.gone = gone,
		.microseconds = now_us - c->accepted_us };
	audit_write(c->credentials->parts.audit, &record, now_us / 1000);
}

static void send_more(struct connection *c)
{
	switch (credential_answer_send(&c->answer, c->fd)) {
	case CREDENTIAL_WAITING:
		(void)event_add(&c->writable, NULL);
		return;
	case CREDENTIAL_SENT:
		if (c->state == CREDENTIAL_GIVING)
			audit_credential(c, CODE_NONE, false);
		break;
	case CREDENTIAL_GONE:
		if (c->state == CREDENTIAL_GIVING)
			audit_credential(c, CODE_NONE, true);
		break;
	}
	end_connection(c);
}

static void begin_refusal(struct connection *c)
{
	set_credential_state(c, CREDENTIAL_REFUSING);
	(void)event_del(&c->timer);
	credential_answer_refuse(&c->answer);
	if (c->peer.uid != 0)
		start_credential_timer(c, c->credentials->parts.wait_ms);
	send_more(c);
}

static void refuse_failure(struct connection *c, const struct failure *why)
{
	if (c->rule != NULL)
		log_warning("credential %s for %s: refused (rule %s): %s (%s)", c->asked.id, c->asked.unit,
		    c->rule, why->message, code_name(why->code));
	else
		log_warning("credential %s for %s: refused: %s (%s)", c->asked.id, c->asked.unit, why->message,
		    code_name(why->code));
	audit_credential(c, why->code, false);
	begin_refusal(c);
}

static void refuse_credential(struct connection *c, enum code code, const char *message)
{
	struct failure why;
	failure_set(&why, code, "%s", message);
	refuse_failure(c, &why);
}

static void credential_on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_more(arg);
}

/* -- the secret ---------------------------------------------------------------------------------------------- */

/* Asks again after a pause if the failure may pass and there is time left; else refuses. */
static void ask_again_later(struct connection *c, const struct failure *why)
{
	uint64_t pause = clock_random(AGAIN_MS / 2, AGAIN_MS);
	if (!code_retryable(why->code) || clock_now_ms() + pause >= c->deadline_ms) {
		refuse_failure(c, why);
		return;
	}
	set_credential_state(c, CREDENTIAL_PAUSING);
	start_credential_timer(c, pause);
}

static void credential_on_reply(void *arg, const struct kv_reply *reply)
{
	struct connection *c = arg;
	struct failure why;
	c->read = NULL;
	if (reply->failure != NULL) {
		ask_again_later(c, reply->failure);
		return;
	}
	c->version = reply->version;
	if (credential_value(reply->data, c->field, &c->answer.value, &why) != 0) {
		refuse_failure(c, &why);
		return;
	}
	set_credential_state(c, CREDENTIAL_GIVING);
	start_credential_timer(c, c->credentials->parts.wait_ms);
	send_more(c);
}

static void ask_for_secret(struct connection *c)
{
	struct kv *kv = c->credentials->parts.kv;
	const struct kv_wanted wanted = { .name = c->name, .row = API_KV_GET, .max_age_ms = KV_ANY_AGE };
	struct kv_reply cached;
	set_credential_state(c, CREDENTIAL_ASKING);
	if (kv_cached(kv, &wanted, clock_now_ms(), &cached)) {
		credential_on_reply(c, &cached);
		return;
	}
	c->read = kv_get(kv, 0, &wanted, c->deadline_ms, credential_on_reply, c);
	if (c->read == NULL)
		refuse_credential(c, CODE_INTERNAL, "out of memory");
}

static void credential_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	(void)fd;
	(void)what;
	switch (c->state) {
	case CREDENTIAL_PAUSING:
		ask_for_secret(c);
		break;
	case CREDENTIAL_GIVING:
		refuse_credential(c, CODE_TIMEOUT, "it was not read in time");
		break;
	case CREDENTIAL_REFUSING:
		end_connection(c); /* only callers other than root have a timer here */
		break;
	case CREDENTIAL_ASKING:
	case CREDENTIAL_FREE:
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

/* Tells whether root asks, by a name as systemd's. If not, the log says why. */
static bool asks_as_systemd(struct connection *c)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(name);
	if (peer_read(c->fd, &c->peer) != 0) {
		log_warning("a credential was refused: %s", strerror(errno));
		return false;
	}
	peer_read_process(c->fd, false, &c->peer);
	if (c->peer.uid != 0) {
		log_warning("a credential was refused to uid %lu: only root, as systemd is, may ask",
		    (unsigned long)c->peer.uid);
		return false;
	}
	if (getpeername(c->fd, (struct sockaddr *)&name, &size) != 0 || size < sizeof(name.sun_family) ||
	    !credential_peer_parse(name.sun_path, size - sizeof(name.sun_family), &c->asked)) {
		log_warning("a credential was refused to pid %ld: it does not ask as systemd does",
		    (long)c->peer.pid);
		return false;
	}
	return true;
}

static void refuse_to_another_unit(struct connection *c)
{
	struct failure why;
	if (c->peer.pid <= 0)
		failure_set(&why, CODE_FORBIDDEN,
		    "who asked is in a PID namespace that this daemon cannot see, so its unit is not known");
	else if (c->peer.unit == NULL)
		failure_set(&why, CODE_FORBIDDEN, "pid %ld asked for it, which is in no unit", (long)c->peer.pid);
	else
		failure_set(&why, CODE_FORBIDDEN, "pid %ld of %s asked for it", (long)c->peer.pid, c->peer.unit);
	refuse_failure(c, &why);
}

static bool credentials_admit(void *arg, int fd)
{
	struct credentials *credentials = arg;
	struct connection *c = free_slot(credentials); /* there is one, since else this would not be accepted */
	const struct credential_rule *rule;
	memset(&c->asked, 0, sizeof(c->asked));
	c->fd = fd;
	credential_guard_watch(credentials->guard, number_of(c), fd);
	c->peer = (struct peer){ .uid = PEER_NOBODY, .gid = PEER_NOBODY };
	c->version = 0;
	c->accepted_us = clock_now_us();
	c->deadline_ms = clock_now_ms() + credentials->parts.wait_ms;
	credential_answer_init(&c->answer);
	(void)event_assign(&c->writable, credentials->base, fd, EV_WRITE, credential_on_writable, c);
	if (!asks_as_systemd(c)) {
		audit_credential(c, CODE_FORBIDDEN, false);
		begin_refusal(c);
	} else if (!asks_for_its_own_unit(c)) {
		refuse_to_another_unit(c);
	} else if ((rule = credential_rules_find(credentials->parts.rules, &c->asked)) == NULL) {
		refuse_credential(c, CODE_FORBIDDEN, "no rule in credential is for it");
	} else if (copy_rule(c, rule) != 0) {
		refuse_credential(c, CODE_INTERNAL, "out of memory");
	} else {
		ask_for_secret(c);
	}
	return free_slot(credentials) != NULL;
}

/* -- all of them --------------------------------------------------------------------------------------------- */

struct credentials *credentials_new(struct event_base *base, const struct credentials_options *options,
    const struct credentials_parts *parts, struct error *error)
{
	const struct accept_options accept = { .socket = options->socket,
		.mode = 0600,
		.group = (gid_t)-1,
		.fd = options->fd,
		.whom = "who asks for a credential," };
	struct credentials *credentials = calloc(1, sizeof(*credentials));
	if (credentials == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	credentials->base = base;
	credentials->parts = *parts;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &credentials->connection[i];
		c->credentials = credentials;
		c->fd = -1;
		(void)evtimer_assign(&c->timer, base, credential_on_timer, c);
	}
	credentials->guard = credential_guard_new(base, error);
	if (credentials->guard != NULL)
		credentials->accept = accept_new(base, &accept, credentials_admit, credentials, error);
	if (credentials->accept == NULL) {
		credentials_free(credentials);
		return NULL;
	}
	return credentials;
}

void credentials_use(struct credentials *credentials, const struct credentials_parts *parts)
{
	credentials->parts = *parts;
}

void credentials_stop(struct credentials *credentials, uint64_t budget_ms, void (*stopped)(void *arg), void *arg)
{
	accept_stop(credentials->accept); /* resets those in its queue, an error for systemd */
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &credentials->connection[i];
		if (c->state == CREDENTIAL_ASKING) {
			kv_get_abandon(c->read);
			c->read = NULL;
		}
		if (c->state == CREDENTIAL_ASKING || c->state == CREDENTIAL_PAUSING)
			refuse_credential(c, CODE_UNAVAILABLE, "the daemon is stopping");
	}
	drain_begin(&credentials->drain, credentials->base, budget_ms, stopped, arg);
	drain_check(&credentials->drain, all_slots_are_free(credentials));
}

void credentials_free(struct credentials *credentials)
{
	if (credentials == NULL)
		return;
	drain_end(&credentials->drain);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (credentials->connection[i].state == CREDENTIAL_GIVING)
			audit_credential(&credentials->connection[i], CODE_UNAVAILABLE, false);
		if (credentials->connection[i].state != CREDENTIAL_FREE)
			release_slot(&credentials->connection[i]);
	}
	credential_guard_free(credentials->guard); /* the guard still has the connections, and refuses */
	accept_free(credentials->accept);
	free(credentials);
}
