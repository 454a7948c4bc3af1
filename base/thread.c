/*
 * thread: starts threads with a small stack and with all signals blocked, since signals are for the loop.
 */
#include <signal.h>

#include "base/thread.h"

#define STACK_BYTES (256u * 1024) /* the usual 8 MiB would count against the limit of locked memory */

/* A thread inherits the signal mask, so it is set before and restored after. */
int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int rc;

	if (pthread_attr_init(&attributes) != 0)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (rc == 0)
		rc = pthread_create(ret, &attributes, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return rc == 0 ? 0 : -1;
}
