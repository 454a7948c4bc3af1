/*
 * thread: threads beside the loop's.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>

/* Begins one that gets no signals. 0 or -1. */
int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg);

#endif
