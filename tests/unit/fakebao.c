/*
 * fakebao: a table of paths and answers behind http_server. Its threads and the test share the table under a lock.
 */
#include "tests/unit/fakebao.h"

#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/control.h"
#include "daemon/upstream/http.h"
#include "tests/unit/http_server.h"

#define PATHS_MAX 16
#define TURN_MS 5

struct answer_on_path {
	char path[64];
	int status;
	char body[512];
	bool hold;
	unsigned count;
	char token[128], sent[1024]; /* of the latest request */
};

struct fakebao_table {
	pthread_mutex_t lock; /* of all this */
	pthread_cond_t changed;
	struct answer_on_path paths[PATHS_MAX];
	size_t npaths;
	bool down, stopping;
};

/* -- the server's side, in threads --------------------------------------------------------------------------- */

static struct answer_on_path *find_or_add(struct fakebao_table *t, const char *path)
{
	struct answer_on_path *a;

	for (size_t i = 0; i < t->npaths; i++) {
		if (strcmp(t->paths[i].path, path) == 0)
			return &t->paths[i];
	}
	assert_true(t->npaths < PATHS_MAX);
	a = &t->paths[t->npaths++];
	snprintf(a->path, sizeof(a->path), "%s", path);
	a->status = 404;
	snprintf(a->body, sizeof(a->body), "{\"errors\":[]}");
	return a;
}

static void note_request(struct answer_on_path *a, const struct server_connection *c)
{
	const char *token = strcasestr(c->head, "\r\nX-Vault-Token: ");

	a->count++;
	token = token != NULL ? token + strlen("\r\nX-Vault-Token: ") : "";
	snprintf(a->token, sizeof(a->token), "%.*s", (int)strcspn(token, "\r"), token);
	snprintf(a->sent, sizeof(a->sent), "%s", c->body);
}

/* The answer's body, with the request's number in its place. */
static void fill_in(char *out, size_t size, const struct answer_on_path *a, unsigned number)
{
	const char *place = strstr(a->body, "%u");

	if (place != NULL)
		snprintf(out, size, "%.*s%u%s", (int)(place - a->body), a->body, number, place + 2);
	else
		snprintf(out, size, "%s", a->body);
}

/* Gives the status to answer with; 0: close without an answer. */
static int serve(struct fakebao_table *t, struct server_connection *c, char *out, size_t size)
{
	const char *start = strchr(c->head, ' ') + 1;
	struct answer_on_path *a;
	unsigned number;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(start, "? "), start);
	pthread_mutex_lock(&t->lock);
	a = find_or_add(t, path);
	if (!t->down)
		note_request(a, c);
	number = a->count;
	while (a->hold && !t->down && !t->stopping)
		pthread_cond_wait(&t->changed, &t->lock);
	fill_in(out, size, a, number);
	status = t->down ? 0 : a->status;
	pthread_mutex_unlock(&t->lock);
	return status;
}

static void play(struct server_connection *c, void *arg)
{
	char body[600];
	int status;

	while (server_read(c) && (status = serve(arg, c, body, sizeof(body))) != 0)
		server_reply(c, status, "", body);
}

/* -- the test's side ----------------------------------------------------------------------------------------- */

void fakebao_answer(struct fakebao *f, const char *path, int status, const char *body)
{
	struct fakebao_table *t = f->table;
	struct answer_on_path *a;

	pthread_mutex_lock(&t->lock);
	a = find_or_add(t, path);
	a->status = status;
	snprintf(a->body, sizeof(a->body), "%s", body);
	pthread_mutex_unlock(&t->lock);
}

void fakebao_grant(struct fakebao *f, const char *path, const char *token, unsigned lease_s, bool renewable)
{
	char body[256];

	if (token != NULL)
		snprintf(body, sizeof(body),
		    "{\"auth\":{\"client_token\":\"%s\",\"lease_duration\":%u,\"renewable\":%s}}", token, lease_s,
		    renewable ? "true" : "false");
	else
		snprintf(body, sizeof(body), "{\"auth\":{\"lease_duration\":%u,\"renewable\":%s}}", lease_s,
		    renewable ? "true" : "false");
	fakebao_answer(f, path, 200, body);
}

void fakebao_hold(struct fakebao *f, const char *path, bool hold)
{
	struct fakebao_table *t = f->table;

	pthread_mutex_lock(&t->lock);
	find_or_add(t, path)->hold = hold;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

unsigned fakebao_count(struct fakebao *f, const char *path)
{
	struct fakebao_table *t = f->table;
	unsigned count;

	pthread_mutex_lock(&t->lock);
	count = find_or_add(t, path)->count;
	pthread_mutex_unlock(&t->lock);
	return count;
}

const char *fakebao_token(struct fakebao *f, const char *path)
{
	return find_or_add(f->table, path)->token;
}

const char *fakebao_body(struct fakebao *f, const char *path)
{
	return find_or_add(f->table, path)->sent;
}

static void set_down(struct fakebao *f, bool down)
{
	pthread_mutex_lock(&f->table->lock);
	f->table->down = down;
	pthread_cond_broadcast(&f->table->changed);
	pthread_mutex_unlock(&f->table->lock);
}

void fakebao_down(struct fakebao *f)
{
	set_down(f, true);
}

void fakebao_back(struct fakebao *f)
{
	set_down(f, false);
}

const char *fakebao_log(struct fakebao *f)
{
	ssize_t n = pread(f->log, f->log_text, sizeof(f->log_text) - 1, 0);

	f->log_text[n > 0 ? n : 0] = '\0';
	return f->log_text;
}

unsigned fakebao_logged(struct fakebao *f, const char *text)
{
	unsigned n = 0;

	for (const char *p = fakebao_log(f); (p = strstr(p, text)) != NULL; p += strlen(text))
		n++;
	return n;
}

static void capture_log(struct fakebao *f)
{
	log_init(LOG_LEVEL_INFO); /* of what was logged before none counts */
	f->stderr_kept = dup(STDERR_FILENO);
	f->log = memfd_create("log", MFD_CLOEXEC);
	assert_true(f->stderr_kept >= 0 && f->log >= 0);
	assert_true(dup2(f->log, STDERR_FILENO) >= 0);
}

/*
 * cmocka writes to standard error, too: if a test failed, its explanation is among the log, and all of it is
 * shown.
 */
static void release_log(struct fakebao *f)
{
	bool failed = strstr(fakebao_log(f), ".c:") != NULL;

	dup2(f->stderr_kept, STDERR_FILENO);
	close(f->stderr_kept);
	close(f->log);
	if (failed)
		fputs(f->log_text, stderr);
}

uint64_t fakebao_deadline(void)
{
	return clock_now_ms() + 10000;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/*
 * Runs the loop once, for a short time even if nothing happens, since what the server's threads do does not wake
 * it.
 */
static void turn(struct fakebao *f)
{
	struct timeval tv = { .tv_usec = TURN_MS * 1000 };

	event_base_once(f->base, -1, EV_TIMEOUT, on_tick, NULL, &tv);
	event_base_loop(f->base, EVLOOP_ONCE);
}

void fakebao_turn(struct fakebao *f, uint64_t deadline_ms, const char *what, const char *file, int line)
{
	if (clock_now_ms() > deadline_ms)
		fail_msg("%s:%d: did not come: %s", file, line, what);
	turn(f);
}

void fakebao_pass(struct fakebao *f, unsigned ms)
{
	uint64_t end = clock_now_ms() + ms;

	while (clock_now_ms() < end)
		turn(f);
}

int fakebao_global_setup(void **state)
{
	(void)state;
	event_set_mem_functions(secmem_malloc, secmem_realloc, secmem_free);
	control_global_init();
	return http_global_init();
}

static void start_server(struct fakebao *f)
{
	f->table = calloc(1, sizeof(*f->table));
	assert_non_null(f->table);
	pthread_mutex_init(&f->table->lock, NULL);
	pthread_cond_init(&f->table->changed, NULL);
	f->server = server_start(play, f->table, NULL);
	fakebao_answer(f, FAKEBAO_HEALTH, 200, FAKEBAO_UP);
	snprintf(f->address, sizeof(f->address), "http://127.0.0.1:%u", server_port(f->server));
	f->addresses[0] = f->address;
}

static void stop_server(struct fakebao *f)
{
	pthread_mutex_lock(&f->table->lock);
	f->table->stopping = true;
	pthread_cond_broadcast(&f->table->changed);
	pthread_mutex_unlock(&f->table->lock);
	server_stop(f->server);
	pthread_mutex_destroy(&f->table->lock);
	pthread_cond_destroy(&f->table->changed);
	free(f->table);
}

static void open_client(struct fakebao *f, size_t known)
{
	struct http_options options = { .addresses = f->addresses,
		.naddresses = known,
		.connect_timeout_ms = 1000 };
	struct error error;

	f->base = event_base_new();
	f->http = http_new(f->base, &options, &error);
	assert_non_null(f->http);
	f->api = api_new(f->http, NULL);
	assert_non_null(f->api);
}

static void close_client(struct fakebao *f)
{
	api_free(f->api);
	http_free(f->http);
	event_base_free(f->base);
}

int fakebao_setup(void **state)
{
	struct fakebao *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	capture_log(f);
	start_server(f);
	open_client(f, 1);
	*state = f;
	return 0;
}

int fakebao_teardown(void **state)
{
	struct fakebao *f = *state;

	close_client(f);
	stop_server(f);
	release_log(f);
	free(f);
	return 0;
}

int fakebao_cluster(void **state, size_t known)
{
	struct fakebao *nodes = calloc(FAKEBAO_NODES, sizeof(*nodes));

	assert_non_null(nodes);
	capture_log(&nodes[0]);
	for (size_t i = 0; i < FAKEBAO_NODES; i++) {
		start_server(&nodes[i]);
		nodes[0].addresses[i] = nodes[i].address;
	}
	open_client(&nodes[0], known);
	for (size_t i = 1; i < FAKEBAO_NODES; i++) {
		nodes[i].base = nodes[0].base;
		nodes[i].http = nodes[0].http;
		nodes[i].api = nodes[0].api;
	}
	fakebao_elect(nodes, FAKEBAO_NODES);
	*state = nodes;
	return 0;
}

int fakebao_cluster_setup(void **state)
{
	return fakebao_cluster(state, FAKEBAO_NODES);
}

int fakebao_cluster_teardown(void **state)
{
	struct fakebao *nodes = *state;

	close_client(&nodes[0]);
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		stop_server(&nodes[i]);
	release_log(&nodes[0]);
	free(nodes);
	return 0;
}

void fakebao_elect(struct fakebao *nodes, size_t leader)
{
	char body[200];

	for (size_t i = 0; i < FAKEBAO_NODES; i++) {
		snprintf(body, sizeof(body), "{\"ha_enabled\":true,\"is_self\":%s,\"leader_address\":\"%s\"}",
		    i == leader ? "true" : "false", leader < FAKEBAO_NODES ? nodes[leader].address : "");
		fakebao_answer(&nodes[i], FAKEBAO_LEADER, 200, body);
	}
}
