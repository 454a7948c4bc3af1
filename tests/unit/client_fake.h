/*
 * A daemon that a test scripts: a thread that listens on a socket of its own and does, connection by connection
 * and byte by byte, what the test's script says. Frames are decoded as strictly as the real daemon does.
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
	const char *reply;       /* for scripts that say one thing; set before the start */
	atomic_uint connections; /* accepted */
	atomic_uint frames;      /* whole requests received */
	atomic_uint stage;       /* for scripts and tests to wait for each other */
	unsigned char *data;     /* the latest data frame's */
	char *body;              /* the latest request's, and what it says; its spans point into body */
	struct request request;  /* its name's room lies at its end, so it stands last */
};

/* Listens, and runs the script in a thread. */
void client_fake_start(struct client_fake *fake, void (*script)(struct client_fake *fake));

/* Waits for the script to end, and removes the socket. */
void client_fake_stop(struct client_fake *fake);

/* For scripts. Whatever takes longer than the patience ends the test program. */
int client_fake_accept(struct client_fake *fake);
bool client_fake_read(struct client_fake *fake, int fd);       /* false: the client has closed */
void client_fake_expect_end(struct client_fake *fake, int fd); /* no more request comes before the client closes */
void client_fake_send(int fd, const void *p, size_t n);
void client_fake_unlisten(struct client_fake *fake);
void client_fake_listen(struct client_fake *fake);

/* Sends a JSON frame. The first % stands for the latest request's id. */
void client_fake_say(struct client_fake *fake, int fd, const char *body);
void client_fake_say_for(int fd, const char *body, const char *id, size_t id_len);

/* A stream's data frames. Reading gives the length, or -1: the client has closed, in the middle of a frame too. */
void client_fake_send_data(int fd, const void *p, size_t n);
long client_fake_read_data(struct client_fake *fake, int fd);

/* Gives the latest request the good answer of its op; a get's data is {"path":PATH}. */
void client_fake_answer(struct client_fake *fake, int fd);

/*
 * A script: answers everything well, on one connection after the other, until the client closes without a frame.
 */
void client_fake_serve_one(struct client_fake *fake);

/* A script: answers one request, closes, reaches stage 1; then client_fake_serve_one. */
void client_fake_close_after_one(struct client_fake *fake);

/* Waits until the stage is at least that. */
void client_fake_reach(struct client_fake *fake, unsigned stage);

#endif
