/*
 * client_fake: a daemon that a test scripts: a thread that listens on its own socket and does, connection by
 * connection and byte by byte, what the test's script says. It decodes requests as strictly as the real daemon
 * does.
 */
#ifndef CLIENT_FAKE_H
#define CLIENT_FAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/request.h"

#define CLIENT_FAKE_PATIENCE_MS 10000

struct client_fake {
	char directory[64], path[96];
	int listener;
	pthread_t thread;
	void (*script)(struct client_fake *fake);
	const char *reply;       /* for scripts that give one answer; set before the start */
	atomic_uint connections; /* connections accepted */
	atomic_uint frames;      /* whole requests received */
	atomic_uint stage;       /* for scripts and tests to wait for each other */
	unsigned char *data;     /* the latest data frame */
	char *body;              /* the latest request; the spans of `request` point into it */
	struct request request; /* the latest request, decoded; it ends with room for its name, so it comes last */
};

/* Listens, and runs the script in a thread. */
void client_fake_start(struct client_fake *fake, void (*script)(struct client_fake *fake));

/* Waits for the script to end, and removes the socket. */
void client_fake_stop(struct client_fake *fake);

/* Scripts call these. Whatever takes longer than the patience ends the test program. */
int client_fake_accept(struct client_fake *fake);
bool client_fake_read(struct client_fake *fake, int fd);       /* false: the client has closed */
void client_fake_expect_end(struct client_fake *fake, int fd); /* no more request comes before the client closes */
void client_fake_send(int fd, const void *p, size_t n);
void client_fake_unlisten(struct client_fake *fake);
void client_fake_listen(struct client_fake *fake);

/* Sends a JSON frame. The first % in it is replaced by the latest request's id. */
void client_fake_say(struct client_fake *fake, int fd, const char *body);
void client_fake_say_for(int fd, const char *body, const char *id, size_t id_len);

/*
 * A stream's data frames. client_fake_read_data() returns the length, or -1 if the client has closed, even within
 * a frame.
 */
void client_fake_send_data(int fd, const void *p, size_t n);
long client_fake_read_data(struct client_fake *fake, int fd);

/* Answers the latest request as the daemon does when all is well; a get's data is {"path":PATH}. */
void client_fake_answer(struct client_fake *fake, int fd);

/*
 * This script answers everything well, on one connection after the other, until the client closes without a
 * request.
 */
void client_fake_serve_one(struct client_fake *fake);

/* This script answers one request, closes, reaches stage 1, and then does what client_fake_serve_one does. */
void client_fake_close_after_one(struct client_fake *fake);

/* Waits until the stage is at least that. */
void client_fake_reach(struct client_fake *fake, unsigned stage);

#endif
