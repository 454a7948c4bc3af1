/*
 * speak_bare: callers that speak a protocol over a socket with as little work as possible, so that the peer is
 * what is measured: HTTP/1.1 with keep-alive, memcached's text protocol, and the daemon's frames, for the daemon
 * without its library and for echo. Replies must come in the order of the requests; with several frames under way,
 * only the daemon's cache and echo reply in order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/speak.h"

#define OUT_ROOM 65536
#define IN_ROOM 65536u
#define IN_MAX (32u << 20)
#define ASK_EARLY_AFTER \
	8 /* replies, after which new requests are sent before more are read, as the library does */

/*
 * reply returns the length of the first whole reply in what has come; 0: it is not whole yet; -1: it is no reply.
 * *ok says whether it holds what was asked for.
 */
struct dialect {
	const char *name;
	bool pipelines;
	int (*request)(const struct core *core, const char *path, char *out, size_t room);
	long (*reply)(const char *in, size_t len, bool *ok);
};

struct caller {
	struct core *core;
	const struct dialect *dialect;
	struct event event;
	int fd;
	char *in, *out;
	size_t in_room, in_len, out_len;
	uint64_t *asked_ns; /* a ring of depth entries, since replies come in the order of the requests */
	unsigned oldest, under_way;
};

/* -- HTTP ----------------------------------------------------------------------------------------------------- */

/* The token comes from the environment, to keep it off the command line. NULL: `bao proxy` adds its own. */
static const char *token;

static int http_request(const struct core *core, const char *path, char *out, size_t room)
{
	return snprintf(out, room,
	    "GET /v1/%s/data/%s HTTP/1.1\r\nHost: localhost\r\nX-Vault-Request: true\r\n%s%s%s\r\n", core->mount,
	    path, token != NULL ? "X-Vault-Token: " : "", token != NULL ? token : "", token != NULL ? "\r\n" : "");
}

/* Returns the end of a chunked body that begins at body. */
static long chunks_end(const char *body, const char *end)
{
	const char *p = body;

	for (;;) {
		const char *line = memmem(p, (size_t)(end - p), "\r\n", 2);
		unsigned long size;

		if (line == NULL)
			return 0;
		size = strtoul(p, NULL, 16);
		if (size > IN_MAX)
			return -1;
		if ((size_t)(end - line) < 2 + size + 2)
			return 0;
		p = line + 2 + size + 2;
		if (size == 0)
			return p - body;
	}
}

/*
 * Returns the value of a header; NULL: there is no such header. The name has "\r\n" before it and ":" behind it.
 */
static const char *header(const char *in, const char *body, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = in; p + len < body; p++) {
		p = memchr(p, '\r', (size_t)(body - p));
		if (p == NULL || p + len >= body)
			return NULL;
		if (strncasecmp(p, name, len) == 0)
			return p + len;
	}
	return NULL;
}

static long http_reply(const char *in, size_t len, bool *ok)
{
	const char *body = memmem(in, len, "\r\n\r\n", 4), *length;
	long n;

	if (body == NULL)
		return 0;
	body += 4;
	*ok = memcmp(in, "HTTP/1.1 200", 12) == 0;
	length = header(in, body, "\r\nContent-Length:");
	if (length != NULL) {
		n = strtol(length, NULL, 10);
		return n < 0 ? -1 : (size_t)(in + len - body) < (size_t)n ? 0 : body - in + n;
	}
	if (header(in, body, "\r\nTransfer-Encoding:") == NULL)
		return -1;
	n = chunks_end(body, in + len);
	return n <= 0 ? n : body - in + n;
}

/* -- memcached ------------------------------------------------------------------------------------------------ */

static int memcached_request(const struct core *core, const char *path, char *out, size_t room)
{
	(void)core;
	return snprintf(out, room, "get %s\r\n", path);
}

/* The reply is VALUE <key> <flags> <bytes>\r\n<bytes>\r\nEND\r\n, or END\r\n alone. */
static long memcached_reply(const char *in, size_t len, bool *ok)
{
	const char *line = memmem(in, len, "\r\n", 2), *size;
	size_t whole;

	*ok = false;
	if (line == NULL)
		return 0;
	if (memcmp(in, "VALUE ", 6) != 0)
		return line + 2 - in;
	size = memrchr(in, ' ', (size_t)(line - in));
	whole = (size_t)(line + 2 - in) + strtoul(size, NULL, 10) + 2 + 5;
	*ok = true;
	return whole <= len ? (long)whole : 0;
}

/* -- frames --------------------------------------------------------------------------------------------------- */

/* The requests look like those of the client library. */
static int frames_request(const struct core *core, const char *path, char *out, size_t room)
{
	uint32_t word;
	int n = snprintf(out + 4, room - 4,
	    "{\"id\":%llu,\"op\":\"kv.get\",\"timeout_ms\": 59750,\"mount\":\"%s\",\"path\":\"%s\"}",
	    (unsigned long long)core->asked + 65536, core->mount, path);

	word = htonl((uint32_t)n);
	memcpy(out, &word, 4);
	return n + 4;
}

static long frames_reply(const char *in, size_t len, bool *ok)
{
	uint32_t word;

	if (len < 4)
		return 0;
	memcpy(&word, in, 4);
	if (len - 4 < ntohl(word))
		return 0;
	*ok = memmem(in + 4, ntohl(word) < 40 ? ntohl(word) : 40, "\"ok\":true", 9) != NULL;
	return (long)ntohl(word) + 4;
}

static const struct dialect dialects[] = {
	{ "http", false, http_request, http_reply },
	{ "memcached", true, memcached_request, memcached_reply },
	{ "frames", true, frames_request, frames_reply },
};

/* -- a caller ------------------------------------------------------------------------------------------------- */

static void ask(struct caller *c)
{
	struct core *core = c->core;

	while (c->under_way < core->depth) {
		const char *path = core_ask(core);
		int n;

		if (path == NULL)
			return;
		n = c->dialect->request(core, path, c->out + c->out_len, OUT_ROOM - c->out_len);
		if (n < 0 || (size_t)n >= OUT_ROOM - c->out_len)
			die("too many requests at a time");
		c->out_len += (size_t)n;
		c->asked_ns[(c->oldest + c->under_way++) % core->depth] = core_now_ns();
	}
}

/*
 * Requests are small, and the peer reads while it owes answers, so what does not fit is a fault of this program.
 */
static void flush(struct caller *c)
{
	ssize_t n;

	if (c->out_len == 0)
		return;
	n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
	if (n != (ssize_t)c->out_len)
		die("cannot write: %s", n < 0 ? strerror(errno) : "the socket is full");
	c->out_len = 0;
}

static void take_replies(struct caller *c)
{
	unsigned taken = 0;
	size_t at = 0;

	while (c->under_way > 0) {
		bool ok = false;
		long n = c->dialect->reply(c->in + at, c->in_len - at, &ok);

		if (n < 0)
			die("an answer that is none: %.200s", c->in + at);
		if (n == 0)
			break;
		if (!ok && c->core->failed == 0)
			fprintf(stderr, "%.300s\n", c->in + at);
		at += (size_t)n;
		core_answered(c->core, c->asked_ns[c->oldest], ok, (size_t)n);
		c->oldest = (c->oldest + 1) % c->core->depth;
		c->under_way--;
		if (++taken % ASK_EARLY_AFTER == 0 && at < c->in_len) {
			ask(c);
			flush(c);
		}
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

static void ready(evutil_socket_t fd, short what, void *arg)
{
	struct caller *c = arg;
	ssize_t n;

	(void)what;
	if (c->in_room - c->in_len < 2) {
		c->in_room *= 2;
		c->in = c->in_room <= IN_MAX ? realloc(c->in, c->in_room) : NULL;
		if (c->in == NULL)
			die("an answer that is too long");
	}
	n = recv(fd, c->in + c->in_len, c->in_room - c->in_len - 1, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		die("the connection ended: %s", n < 0 ? strerror(errno) : "closed");
	c->in_len += (size_t)n;
	c->in[c->in_len] = '\0'; /* ends a search for a number here */
	take_replies(c);
	ask(c);
	flush(c);
}

/* -- connecting ----------------------------------------------------------------------------------------------- */

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		die("the socket's path is too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("cannot connect to %s: %s", path, strerror(errno));
	return fd;
}

static int connect_tcp(const char *to)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char host[64] = "";
	unsigned port;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (sscanf(to, "%63[0-9.]:%u", host, &port) != 2 || port > 65535 ||
	    inet_pton(AF_INET, host, &address.sin_addr) != 1)
		die("not an IPv4 address and a port: %s", to);
	address.sin_port = htons((uint16_t)port);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("cannot connect to %s: %s", to, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void connect_caller(struct core *core, struct caller *c, const struct dialect *dialect)
{
	c->core = core;
	c->dialect = dialect;
	c->fd = core->to[0] == '/' ? connect_unix(core->to) : connect_tcp(core->to);
	c->in_room = IN_ROOM;
	c->in = malloc(c->in_room);
	c->out = malloc(OUT_ROOM);
	c->asked_ns = calloc(core->depth, sizeof(*c->asked_ns));
	if (c->in == NULL || c->out == NULL || c->asked_ns == NULL || evutil_make_socket_nonblocking(c->fd) != 0)
		die("out of memory");
	if (event_assign(&c->event, core->base, c->fd, EV_READ | EV_PERSIST, ready, c) != 0 ||
	    event_add(&c->event, NULL) != 0)
		die("cannot watch a socket");
}

void speak_bare(struct core *core)
{
	struct caller *callers = calloc(core->callers, sizeof(*callers));
	const struct dialect *dialect = NULL;

	token = getenv("BENCH_TOKEN");
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (strcmp(dialects[i].name, core->as) == 0)
			dialect = &dialects[i];
	}
	if (dialect == NULL || callers == NULL)
		die("no such protocol: %s", core->as);
	if (!dialect->pipelines && core->depth > 1)
		die("%s takes one request at a time", core->as);
	for (unsigned i = 0; i < core->callers; i++)
		connect_caller(core, &callers[i], dialect);
	for (unsigned i = 0; i < core->callers; i++) {
		ask(&callers[i]);
		flush(&callers[i]);
	}
}
