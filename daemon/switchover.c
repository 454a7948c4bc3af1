/*
 * switchover: a current one, perhaps a next one, and those that have served and end what they have begun.
 */
#include "daemon/switchover.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/backend.h"
#include "daemon/config/config.h"
#include "daemon/host/log.h"
#include "daemon/store/kv.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/login.h"

/* A backend's place in the books, made with it, so that no memory is needed when it goes. */
struct place {
	struct place *prev, *next; /* of the retired */
	struct switchover *all;
	struct backend *backend;
};

struct switchover {
	struct event_base *base;
	/*
	 * What was written through any of them: the next one's reads must not fall behind it either, and what the
	 * one before has still to write comes to be known here.
	 */
	struct versions *versions;
	struct place *current, *next, *retired;
	void (*changed)(void *arg);
	void *changed_arg;
	unsigned stopping; /* that have not ended yet */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static void place_free(struct place *s)
{
	if (s == NULL)
		return;
	backend_free(s->backend);
	free(s);
}

/* The log names an address once. before: the configuration of those that it has named; NULL: there is none. */
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

/* A put or a restore that one of them has still under way takes nothing out of another's cache. */
static void pause_cache(struct switchover *all)
{
	kv_pause_cache(backend_kv(all->current->backend), all->retired != NULL);
}

static void switchover_on_retired(void *arg)
{
	struct place *s = arg;
	struct switchover *all = s->all;
	DL_DELETE(all->retired, s);
	place_free(s);
	pause_cache(all);
	log_info("what the configuration before had under way has ended, and its login");
}

static void switchover_retire(struct place *s)
{
	DL_APPEND(s->all->retired, s);
	backend_retire(s->backend, switchover_on_retired, s);
}

static void switchover_look(void *arg)
{
	struct switchover *all = arg;
	struct place *before = all->current;
	if (all->next != NULL && (backend_is_live(all->next->backend) || !backend_is_live(before->backend))) {
		log_info("from here on requests go to OpenBao as the new configuration describes it");
		if (strcmp(backend_config(before->backend)->openbao.vault_namespace,
			backend_config(all->next->backend)->openbao.vault_namespace) != 0)
			versions_clear(all->versions);
		all->current = all->next;
		all->next = NULL;
		switchover_retire(before);
		pause_cache(all);
	}
	if (all->changed != NULL)
		all->changed(all->changed_arg);
}

static struct place *switchover_begin(struct switchover *all, struct config *config, struct error *error)
{
	struct place *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	s->all = all;
	s->backend = backend_new(all->base, config, all->versions, error);
	if (s->backend == NULL) {
		free(s);
		return NULL;
	}
	login_watch(backend_login(s->backend), switchover_look, all);
	return s;
}

static bool is_like(const struct place *s, const struct config *config)
{
	return s != NULL && backend_is_like(s->backend, config);
}

/* The wrapping token may be the same, and used up. */
static void hand_on(const struct place *from, struct place *to)
{
	const struct unwrapped_secret *kept = auth_unwrapped(backend_auth(from->backend));
	if (kept != NULL)
		(void)auth_keep(backend_auth(to->backend), kept);
}

int switchover_change(struct switchover *all, struct config *config, struct error *error)
{
	struct place *next = NULL;
	if (is_like(all->next, config))
		return 0;
	if (!is_like(all->current, config)) {
		next = switchover_begin(all, config, error);
		if (next == NULL)
			return -1;
		hand_on(all->current, next);
	}
	if (all->next != NULL)
		switchover_retire(all->next); /* its login may be under way */
	all->next = next;
	if (next == NULL)
		return 0;
	log_info(
	    "the settings of OpenBao, or its TLS files, have changed: logging in beside the login that serves");
	log_addresses(config, backend_config(all->current->backend));
	backend_start(next->backend);
	return 0;
}

/* -- start and end ------------------------------------------------------------------------------------------- */

struct switchover *switchover_new(struct event_base *base, struct config *config, struct error *error)
{
	struct switchover *all = calloc(1, sizeof(*all));
	if (all != NULL)
		all->versions = versions_new();
	if (all == NULL || all->versions == NULL) {
		(void)error_set(error, "out of memory");
		free(all);
		return NULL;
	}
	all->base = base;
	all->current = switchover_begin(all, config, error);
	if (all->current != NULL)
		return all;
	switchover_free(all);
	return NULL;
}

void switchover_start(struct switchover *all)
{
	log_addresses(backend_config(all->current->backend), NULL);
	backend_start(all->current->backend);
}

void switchover_watch(struct switchover *all, void (*changed)(void *arg), void *arg)
{
	all->changed = changed;
	all->changed_arg = arg;
}

struct backend *switchover_current(const struct switchover *all)
{
	return all->current->backend;
}

struct backend *switchover_next(const struct switchover *all)
{
	return all->next != NULL ? all->next->backend : NULL;
}

static void switchover_on_ended(void *arg)
{
	struct switchover *all = arg;
	if (--all->stopping == 0)
		all->stopped(all->stopped_arg);
}

void switchover_stop(struct switchover *all, void (*done)(void *arg), void *arg)
{
	struct place *s;
	all->stopped = done;
	all->stopped_arg = arg;
	place_free(all->next);
	all->next = NULL;
	all->stopping = 1;
	backend_stop(all->current->backend, switchover_on_ended, all);
	DL_FOREACH(all->retired, s) {
		all->stopping++;
		backend_stop(s->backend, switchover_on_ended, all);
	}
}

void switchover_free(struct switchover *all)
{
	struct place *s, *next;
	if (all == NULL)
		return;
	DL_FOREACH_SAFE(all->retired, s, next) {
		place_free(s);
	}
	place_free(all->next);
	place_free(all->current);
	versions_free(all->versions);
	free(all);
}
