/*
 * thread: starts threads beside the one that runs the event loop.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>

/* Starts a thread that runs run(arg) with all signals blocked. 0 with *ret for pthread_join(), or -1. */
int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg);

#endif
