/*
 * http_server: blocking sockets and a thread for each connection.
 */
#include "tests/unit/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS_MAX 1024

struct server {
	int listener;
	unsigned port;
	server_play *play;
	void *arg;
	SSL_CTX *tls;
	struct server_counts counts;
	pthread_t acceptor;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	bool released, stopping;
	int fds[THREADS_MAX]; /* -1: ended */
	pthread_t threads[THREADS_MAX];
	size_t nthreads;
};

static ssize_t receive(struct server_connection *c, void *p, size_t n)
{
	if (c->ssl != NULL)
		return SSL_read(c->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
	return recv(c->fd, p, n, 0);
}

bool server_read_head(struct server_connection *c)
{
	size_t n = 0;

	while (n < sizeof(c->head) - 1) {
		if (receive(c, c->head + n, 1) != 1)
			return false;
		c->head[++n] = '\0';
		if (n >= 4 && strcmp(c->head + n - 4, "\r\n\r\n") == 0) {
			c->body_len = 0;
			c->server->counts.heads++;
			return true;
		}
	}
	return false;
}

bool server_read_chunk(struct server_connection *c)
{
	char line[32];
	size_t n = 0, size;
	ssize_t got;

	while (n < 2 || memcmp(line + n - 2, "\r\n", 2) != 0) {
		if (n == sizeof(line) - 1 || receive(c, line + n, 1) != 1)
			return false;
		n++;
	}
	line[n] = '\0';
	size = strtoul(line, NULL, 16) + 2;
	c->body = realloc(c->body, c->body_len + size + 1);
	if (c->body == NULL)
		abort();
	for (n = 0; n < size; n += (size_t)got) {
		got = receive(c, c->body + c->body_len + n, size - n);
		if (got <= 0)
			return false;
	}
	c->body_len += size - 2;
	c->body[c->body_len] = '\0';
	return size > 2;
}

bool server_read_body(struct server_connection *c)
{
	const char *length = strcasestr(c->head, "\r\nContent-Length:");
	size_t n = 0;
	ssize_t got;

	free(c->body);
	c->body_len = length != NULL ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10) : 0;
	c->body = calloc(1, c->body_len + 1);
	if (c->body == NULL)
		return false;
	for (; n < c->body_len; n += (size_t)got) {
		got = receive(c, c->body + n, c->body_len - n);
		if (got <= 0)
			return false;
	}
	c->server->counts.requests++;
	return true;
}

bool server_read(struct server_connection *c)
{
	return server_read_head(c) && server_read_body(c);
}

void server_hold(struct server_connection *c)
{
	struct server *server = c->server;
	unsigned working = ++server->counts.working, most = server->counts.most_working;

	while (working > most && !atomic_compare_exchange_weak(&server->counts.most_working, &most, working))
		;
	pthread_mutex_lock(&server->lock);
	while (!server->released && !server->stopping)
		pthread_cond_wait(&server->changed, &server->lock);
	pthread_mutex_unlock(&server->lock);
	server->counts.working--;
}

void server_write(struct server_connection *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, data, len > INT32_MAX ? INT32_MAX : (int)len)
					   : send(c->fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

void server_reply(struct server_connection *c, int status, const char *headers, const char *body)
{
	char *text;
	int len = asprintf(&text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
	    headers, body);

	if (len < 0)
		return;
	server_write(c, text, (size_t)len);
	free(text);
}

void server_reset(struct server_connection *c)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void server_play_ok(struct server_connection *c, void *arg)
{
	char body[32];

	(void)arg;
	for (unsigned n = 1; server_read(c); n++) {
		snprintf(body, sizeof(body), "ok %u", n);
		server_reply(c, 200, "", body);
	}
}

struct start {
	struct server *server;
	size_t slot;
	int fd;
	unsigned number;
};

static void *run_connection(void *arg)
{
	struct start start = *(struct start *)arg;
	struct server *server = start.server;
	struct server_connection *c = calloc(1, sizeof(*c));

	free(arg);
	if (c == NULL)
		abort();
	c->server = server;
	c->fd = start.fd;
	c->number = start.number;
	if (server->tls != NULL) {
		c->ssl = SSL_new(server->tls);
		SSL_set_fd(c->ssl, c->fd);
	}
	if (c->ssl == NULL || SSL_accept(c->ssl) == 1)
		server->play(c, server->arg);
	pthread_mutex_lock(&server->lock);
	server->fds[start.slot] = -1;
	pthread_mutex_unlock(&server->lock);
	SSL_free(c->ssl);
	close(c->fd);
	free(c->body);
	free(c);
	server->counts.open--;
	return NULL;
}

static void *run_acceptor(void *arg)
{
	struct server *server = arg;
	unsigned number = 0;
	int fd;

	while ((fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct start *start = malloc(sizeof(*start));

		pthread_mutex_lock(&server->lock);
		if (start == NULL || server->stopping || server->nthreads == THREADS_MAX) {
			close(fd);
			free(start);
		} else {
			*start = (struct start){ server, server->nthreads, fd, ++number };
			server->fds[server->nthreads] = fd;
			server->counts.connections++;
			server->counts.open++;
			pthread_create(&server->threads[server->nthreads++], NULL, run_connection, start);
		}
		pthread_mutex_unlock(&server->lock);
	}
	return NULL;
}

struct server *server_start(server_play *play, void *arg, SSL_CTX *tls)
{
	struct server *server = calloc(1, sizeof(*server));
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	assert_non_null(server);
	server->play = play;
	server->arg = arg;
	server->tls = tls;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(server->listener, 512), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&sin, &len), 0);
	server->port = ntohs(sin.sin_port);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	assert_int_equal(pthread_create(&server->acceptor, NULL, run_acceptor, server), 0);
	return server;
}

void server_stop(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_broadcast(&server->changed);
	for (size_t i = 0; i < server->nthreads; i++) {
		if (server->fds[i] >= 0)
			shutdown(server->fds[i], SHUT_RDWR);
	}
	pthread_mutex_unlock(&server->lock);
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->acceptor, NULL);
	for (size_t i = 0; i < server->nthreads; i++)
		pthread_join(server->threads[i], NULL);
	close(server->listener);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->changed);
	free(server);
}

void server_release(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->released = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

unsigned server_port(const struct server *server)
{
	return server->port;
}

struct server_counts *server_counts(struct server *server)
{
	return &server->counts;
}
