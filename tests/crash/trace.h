/*
 * trace - every call by which a program changes its files, recorded in order while it is made.
 *
 * The calls are done, too, on real files below a root. A file is known by the number it got when
 * it was made, whatever its names are later. Notes of the test's own stand between the calls.
 * Replaying the trace (power.h) gives what a power cut may leave at any moment of it.
 *
 * A process can die in the middle: of the call at which it does, a write may be done in part; all
 * calls after it fail and are not recorded, until a new process is said to have begun.
 *
 * Thread: any; the hook is called on the owner's alone.
 */
#ifndef PH_TESTS_CRASH_TRACE_H
#define PH_TESTS_CRASH_TRACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fs.h"

#define TRACE_PATH 200

typedef enum trace_kind {
	TRACE_CREATE,	  /* a file, `to` */
	TRACE_WRITE,	  /* `bytes` at `offset` */
	TRACE_SIZE,	  /* the size is `offset` now; what is new is zeros */
	TRACE_SYNC,	  /* a file */
	TRACE_SYNC_NAMES, /* the directory `to` */
	TRACE_RENAME,	  /* `from` to `to` */
	TRACE_UNLINK,	  /* `to` */
	TRACE_NOTE	  /* the test's: `note` */
} trace_kind;

typedef struct trace_note {
	uint32_t what;
	uint64_t first;
	uint64_t second;
} trace_note;

typedef struct trace_op {
	trace_kind kind;
	unsigned file; /* its number, from 1 */
	uint64_t offset;
	uint8_t *bytes;
	size_t length;
	char *from; /* paths below the root */
	char *to;
	trace_note note;
} trace_op;

typedef struct trace {
	ph_fs fs; /* give its address to what is tested */
	pthread_mutex_t lock;
	char root[TRACE_PATH];
	uint64_t random;
	trace_op *ops;
	size_t count;
	size_t size;
	unsigned files; /* made so far */
	struct {
		char path[TRACE_PATH];
		unsigned file;
	} names[256]; /* what is there now */
	size_t name_count;
	unsigned fds[1024]; /* number of the file that is open as this descriptor */
	unsigned die_in;    /* at the nth changing call from now on; 0: never */
	bool dead;
	pthread_t owner;	 /* who has made the trace */
	void (*hook)(void *arg); /* before each changing call of the owner's, or NULL */
	void *hook_arg;
} trace;

/* `root` is an empty directory. */
void trace_init(trace *self, const char *root, uint64_t seed);
void trace_fini(trace *self);
void trace_note_down(trace *self, uint32_t what, uint64_t first, uint64_t second);
/* The process that makes the calls dies now. */
void trace_die(trace *self);
/* Is it dead? */
bool trace_dead(trace *self);
/* The process that made the calls is gone; another begins. */
void trace_next_life(trace *self);

#endif
