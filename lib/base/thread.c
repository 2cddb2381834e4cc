/*
 * thread - see thread.h
 */
#define _GNU_SOURCE /* pthread_setname_np */
#include "lib/base/thread.h"

#include <signal.h>

int
ph_thread_start(
    pthread_t *thread, const char *name, void *(*run)(void *), void *argument)
{
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(thread, NULL, run, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed == 0)
		(void) pthread_setname_np(*thread, name); /* it may have ended */
	return failed;
}
