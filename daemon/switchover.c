/*
 * switchover: holds the current backend, perhaps a next one, and the retired ones, which end what they have under
 * way.
 */
#include "daemon/switchover.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "daemon/backend.h"
#include "daemon/config/config.h"
#include "daemon/host/log.h"
#include "daemon/store/kv.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/login.h"
#include "daemon/upstream/refused.h"

#define START_AGAIN_MS 50 /* how often it is looked whether a backend that waits may start */

/* A backend in the lists of a switchover. It is made with its backend, so that retiring one needs no memory. */
struct backend_entry {
	struct backend_entry *prev, *next; /* in the list of retired ones */
	struct switchover *switchover;
	struct backend *backend;
	bool started;
};

struct switchover {
	struct event_base *base;
	/*
	 * The versions that were written through any of the backends: a backend's reads must not fall behind what
	 * another one has written, also when a retired one ends a write later.
	 */
	struct versions *versions;
	struct login_counters counters; /* of all their logins, so that they never go back */
	struct refused refused;         /* what the backend that has ended last was refused */
	struct event *again;            /* pending while a backend waits for its start */
	struct backend_entry *current, *next, *retired;
	void (*changed)(void *arg);
	void *changed_arg;
	unsigned stopping; /* backends that were stopped and have not ended yet */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static void backend_entry_free(struct backend_entry *entry)
{
	if (entry == NULL)
		return;
	backend_free(entry->backend);
	free(entry);
}

/* Logs the addresses that are not in before, whose addresses were logged; NULL: logs all. */
static void log_addresses(const struct config *config, const struct config *before)
{
	for (size_t i = 0; i < config->openbao.address.count; i++) {
		bool named = false;
		for (size_t j = 0; before != NULL && j < before->openbao.address.count; j++)
			named |= strcmp(before->openbao.address.item[j], config->openbao.address.item[i]) == 0;
		if (!named)
			log_info("OpenBao at %s", config->openbao.address.item[i]);
	}
}

/* -- one takes the place of another -------------------------------------------------------------------------- */

/*
 * While a retired backend has a put or a restore under way the current one may not answer from its cache: only the
 * retired one's cache is told of what is written.
 */
static void pause_cache(struct switchover *switchover)
{
	kv_pause_cache(backend_kv(switchover->current->backend), switchover->retired != NULL);
}

/* As long as there are several logins the log says which of them it means. */
static void label_logins(struct switchover *switchover)
{
	bool alone = switchover->next == NULL && switchover->retired == NULL;
	struct backend_entry *entry;
	login_set_label(backend_login(switchover->current->backend), alone ? "" : "current login: ");
	if (switchover->next != NULL)
		login_set_label(backend_login(switchover->next->backend), "next login: ");
	DL_FOREACH(switchover->retired, entry) {
		login_set_label(backend_login(entry->backend), "retired login: ");
	}
}

/* Replaces *refused by what this backend was refused, if that was later and to this role; NULL: to any role. */
static void take_later(struct refused *refused, const struct backend_entry *entry, const struct refused *role)
{
	struct refused of_entry;
	login_refused(backend_login(entry->backend), &of_entry);
	if (of_entry.times.at[0] > refused->times.at[0] && (role == NULL || refused_same_role(role, &of_entry)))
		*refused = of_entry;
}

static void switchover_on_retired(void *arg)
{
	struct backend_entry *entry = arg;
	struct switchover *switchover = entry->switchover;
	DL_DELETE(switchover->retired, entry);
	take_later(&switchover->refused, entry, NULL);
	backend_entry_free(entry);
	pause_cache(switchover);
	label_logins(switchover);
	log_info("what the configuration before had under way has ended, and its login");
}

static void switchover_retire(struct backend_entry *entry)
{
	DL_APPEND(entry->switchover->retired, entry);
	label_logins(entry->switchover);
	backend_retire(entry->backend, switchover_on_retired, entry);
}

/* Tells whether both log in with one role of one OpenBao, as far as the settings say. */
static bool is_same_role(const struct config *a, const struct config *b)
{
	const struct texts *one = &a->openbao.address, *other = &b->openbao.address;
	if (a->openbao.auth != AUTH_MODE_APPROLE || b->openbao.auth != AUTH_MODE_APPROLE ||
	    strcmp(a->openbao.vault_namespace, b->openbao.vault_namespace) != 0)
		return false;
	for (size_t i = 0; i < one->count; i++) {
		for (size_t j = 0; j < other->count; j++) {
			if (strcmp(one->item[i], other->item[j]) == 0)
				return true;
		}
	}
	return false;
}

/* Tells whether another backend's login is under way that may be refused, as one with this backend's would be. */
static bool must_wait(const struct switchover *switchover, const struct backend_entry *entry)
{
	const struct config *config = backend_config(entry->backend);
	const struct backend_entry *other = switchover->current;
	if (other != entry && login_state(backend_login(other->backend)) == LEASE_LOGGING_IN &&
	    is_same_role(backend_config(other->backend), config))
		return true;
	DL_FOREACH(switchover->retired, other) {
		if (login_state(backend_login(other->backend)) == LEASE_LOGGING_IN &&
		    is_same_role(backend_config(other->backend), config))
			return true;
	}
	return false;
}

/* Tells whether the current backend has logged in since this was refused, with the role that it was refused to. */
static bool has_worked_since(const struct switchover *switchover, const struct refused *refused)
{
	const struct login *login = backend_login(switchover->current->backend);
	struct login_status status;
	struct refused of_current;
	login_status(login, &status);
	login_refused(login, &of_current);
	return status.logged_in_ms >= refused->times.at[0] && refused_same_role(&of_current, refused);
}

/*
 * The role and its credentials may be the same as in a configuration before, and OpenBao counts what it refuses,
 * until a login works. While the credentials cannot be read, the role that was refused last is taken for this one.
 */
static void pass_on_refused(const struct switchover *switchover, struct backend_entry *to)
{
	const struct backend_entry *entry;
	struct refused refused = switchover->refused, role_read;
	const struct refused *role = login_role(backend_login(to->backend), &role_read) ? &role_read : NULL;
	if (role != NULL && !refused_same_role(role, &refused))
		memset(&refused, 0, sizeof(refused));
	take_later(&refused, switchover->current, role);
	DL_FOREACH(switchover->retired, entry) {
		take_later(&refused, entry, role);
	}
	if (refused_any(&refused) && !has_worked_since(switchover, &refused))
		login_remember(backend_login(to->backend), &refused);
}

/*
 * Starts a backend, or has it wait for the end of a login whose refusal it must know first: each of several
 * reloads in a row would try the same credentials otherwise.
 */
static void start_entry(struct switchover *switchover, struct backend_entry *entry)
{
	struct timeval tv = clock_timeval(START_AGAIN_MS);
	if (entry == NULL || entry->started)
		return;
	if (must_wait(switchover, entry) && event_add(switchover->again, &tv) == 0)
		return;
	entry->started = true;
	pass_on_refused(switchover, entry);
	backend_start(entry->backend);
}

static void switchover_on_again(evutil_socket_t fd, short what, void *arg)
{
	struct switchover *switchover = arg;
	(void)fd;
	(void)what;
	start_entry(switchover, switchover->current);
	start_entry(switchover, switchover->next);
}

static void switchover_decide(void *arg)
{
	struct switchover *switchover = arg;
	struct backend_entry *before = switchover->current;
	if (switchover->next != NULL &&
	    (backend_is_live(switchover->next->backend) || !backend_is_live(before->backend))) {
		log_info("from here on requests go to OpenBao as the new configuration describes it");
		if (strcmp(backend_config(before->backend)->openbao.vault_namespace,
			backend_config(switchover->next->backend)->openbao.vault_namespace) != 0)
			versions_clear(switchover->versions);
		switchover->current = switchover->next;
		switchover->next = NULL;
		switchover_retire(before);
		pause_cache(switchover);
	}
	if (switchover->changed != NULL)
		switchover->changed(switchover->changed_arg);
}

static struct backend_entry *switchover_add(struct switchover *switchover, struct config *config,
    struct error *error)
{
	struct backend_entry *entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	entry->switchover = switchover;
	entry->backend = backend_new(switchover->base, config, switchover->versions, error);
	if (entry->backend == NULL) {
		free(entry);
		return NULL;
	}
	login_count_in(backend_login(entry->backend), &switchover->counters);
	login_watch(backend_login(entry->backend), switchover_decide, switchover);
	return entry;
}

static bool entry_matches(const struct backend_entry *entry, const struct config *config)
{
	return entry != NULL && backend_matches(entry->backend, config);
}

/* The wrapping token may be the same in both configurations, and it is used up. */
static void pass_on_unwrapped(const struct backend_entry *from, struct backend_entry *to)
{
	const struct unwrapped_secret *secret = auth_unwrapped(backend_auth(from->backend));
	if (secret != NULL)
		(void)auth_set_unwrapped(backend_auth(to->backend), secret);
}

int switchover_change(struct switchover *switchover, struct config *config, struct error *error)
{
	struct backend_entry *next = NULL;
	if (entry_matches(switchover->next, config))
		return 0;
	if (!entry_matches(switchover->current, config)) {
		next = switchover_add(switchover, config, error);
		if (next == NULL)
			return -1;
		pass_on_unwrapped(switchover->current, next);
	}
	if (switchover->next != NULL)
		switchover_retire(switchover->next); /* its login may be under way */
	switchover->next = next;
	label_logins(switchover);
	if (next == NULL)
		return 0;
	log_info(
	    "the settings of OpenBao, or its TLS files, have changed: logging in beside the login that serves");
	log_addresses(config, backend_config(switchover->current->backend));
	start_entry(switchover, next);
	return 0;
}

/* -- start and end ------------------------------------------------------------------------------------------- */

struct switchover *switchover_new(struct event_base *base, struct config *config, struct error *error)
{
	struct switchover *switchover = calloc(1, sizeof(*switchover));
	if (switchover != NULL)
		switchover->versions = versions_new();
	if (switchover == NULL || switchover->versions == NULL) {
		(void)error_set(error, "out of memory");
		free(switchover);
		return NULL;
	}
	switchover->base = base;
	switchover->again = evtimer_new(base, switchover_on_again, switchover);
	if (switchover->again == NULL) {
		(void)error_set(error, "out of memory");
		switchover_free(switchover);
		return NULL;
	}
	switchover->current = switchover_add(switchover, config, error);
	if (switchover->current != NULL)
		return switchover;
	switchover_free(switchover);
	return NULL;
}

void switchover_start(struct switchover *switchover)
{
	log_addresses(backend_config(switchover->current->backend), NULL);
	switchover->current->started = true; /* main has it remember what was refused before a restart */
	backend_start(switchover->current->backend);
}

void switchover_watch(struct switchover *switchover, void (*changed)(void *arg), void *arg)
{
	switchover->changed = changed;
	switchover->changed_arg = arg;
}

struct backend *switchover_current(const struct switchover *switchover)
{
	return switchover->current->backend;
}

struct backend *switchover_next(const struct switchover *switchover)
{
	return switchover->next != NULL ? switchover->next->backend : NULL;
}

static void switchover_on_ended(void *arg)
{
	struct switchover *switchover = arg;
	if (--switchover->stopping == 0)
		switchover->stopped(switchover->stopped_arg);
}

void switchover_stop(struct switchover *switchover, void (*done)(void *arg), void *arg)
{
	struct backend_entry *entry;
	(void)event_del(switchover->again);
	switchover->stopped = done;
	switchover->stopped_arg = arg;
	backend_entry_free(switchover->next);
	switchover->next = NULL;
	switchover->stopping = 1;
	backend_stop(switchover->current->backend, switchover_on_ended, switchover);
	DL_FOREACH(switchover->retired, entry) {
		switchover->stopping++;
		backend_stop(entry->backend, switchover_on_ended, switchover);
	}
}

void switchover_free(struct switchover *switchover)
{
	struct backend_entry *entry, *next;
	if (switchover == NULL)
		return;
	DL_FOREACH_SAFE(switchover->retired, entry, next) {
		backend_entry_free(entry);
	}
	backend_entry_free(switchover->next);
	backend_entry_free(switchover->current);
	if (switchover->again != NULL)
		event_free(switchover->again);
	versions_free(switchover->versions);
	free(switchover);
}
