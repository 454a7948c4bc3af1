/*
 * speak_client: callers that use the client library as a program with its own event loop would.
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "client-lib/secretstore.h"
#include "tests/bench/speak.h"

#define TIMEOUT_MS 60000

struct caller {
	struct core *core;
	struct ss_client *client;
	struct event event;
	uint64_t connection;
	int events;
	struct request *requests; /* `depth` of them */
};

struct request {
	struct caller *caller;
	uint64_t asked_ns;
};

static void answered(struct ss_client *client, const struct ss_result *result, void *arg);

static void ask(struct request *r)
{
	struct core *core = r->caller->core;
	const char *path = core_ask(core);

	if (path == NULL)
		return;
	r->asked_ns = core_now_ns();
	if (ss_submit_get(r->caller->client, core->mount, path, 0, TIMEOUT_MS, answered, r) != SS_OK)
		die("%s", ss_last_error(r->caller->client)->message);
}

static void answered(struct ss_client *client, const struct ss_result *result, void *arg)
{
	struct request *r = arg;
	struct core *core = r->caller->core;

	(void)client;
	if (result->code != SS_OK && core->failed == 0)
		fprintf(stderr, "%s: %s\n", ss_code_name(result->code), result->error->message);
	core_answered(core, r->asked_ns, result->code == SS_OK, result->reply_len);
	ask(r);
}

static void ready(evutil_socket_t fd, short what, void *arg);

/* Makes the loop wait for what the library waits for. */
static void watch(struct caller *c)
{
	int events = ss_events(c->client);

	if (c->connection == ss_connection(c->client) && c->events == events)
		return;
	if (c->events != 0)
		event_del(&c->event);
	c->connection = ss_connection(c->client);
	c->events = events;
	if (event_assign(&c->event, c->core->base, ss_fd(c->client),
		(short)((events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0) | EV_PERSIST), ready,
		c) != 0 ||
	    event_add(&c->event, NULL) != 0)
		die("cannot watch a socket");
}

static void ready(evutil_socket_t fd, short what, void *arg)
{
	struct caller *c = arg;

	(void)fd;
	(void)what;
	ss_process(c->client);
	if (ss_fd(c->client) < 0)
		die("the daemon closed the connection");
	watch(c);
}

/* Connects one caller after the other, so that the server's queue of connections does not overflow. */
static void connect_caller(struct core *core, struct caller *c)
{
	c->core = core;
	c->requests = calloc(core->depth, sizeof(*c->requests));
	if (c->requests == NULL || ss_open(&c->client, core->to) != SS_OK)
		die("out of memory, or the socket's path is too long");
	if (ss_ping(c->client, 0, NULL) != SS_OK)
		die("%s", ss_last_error(c->client)->message);
}

void speak_client(struct core *core)
{
	struct caller *callers = calloc(core->callers, sizeof(*callers));

	if (callers == NULL)
		die("out of memory");
	for (unsigned i = 0; i < core->callers; i++)
		connect_caller(core, &callers[i]);
	for (unsigned i = 0; i < core->callers; i++) {
		for (unsigned k = 0; k < core->depth; k++) {
			callers[i].requests[k].caller = &callers[i];
			ask(&callers[i].requests[k]);
		}
		ss_process(callers[i].client);
		watch(&callers[i]);
	}
}
