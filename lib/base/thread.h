/*
 * thread - starting one of the process' own threads.
 *
 * Signals are for the main thread: a thread started here blocks them all. Its name is what `top -H`,
 * `ps -L` and /proc show, so that an operator sees which part of the broker is busy.
 */
#ifndef PH_BASE_THREAD_H
#define PH_BASE_THREAD_H

#include <pthread.h>

/* Run `run(argument)` on a thread of this name, at most 15 bytes. 0, or an errno and no thread.
 * The caller joins it. Thread: any. */
int ph_thread_start(
    pthread_t *thread, const char *name, void *(*run)(void *), void *argument);

#endif
