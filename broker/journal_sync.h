/*
 * journal_sync - a batch on its way to the disk: written and synced, on a thread of its own.
 *
 * One batch at a time. Its bytes are taken over while it is on its way, and the memory is given
 * back for the next but one. Whoever gave it asks from time to time whether it has landed, or
 * waits for it.
 *
 * Thread: owner. Errors: PH_ERR_IO, and what a failed write says.
 */
#ifndef PH_BROKER_JOURNAL_SYNC_H
#define PH_BROKER_JOURNAL_SYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "broker/journal_batch.h"
#include "lib/base/fs.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ph_sync {
	const ph_fs *fs;
	bool started; /* the thread runs */
	bool away;    /* a batch is on its way, or its end was not asked for yet */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work; /* for the thread: there is a batch */
	pthread_cond_t news; /* for the owner: it has landed */
	bool stop;	     /* for the thread: end */
	bool given;	     /* there is a batch to write */
	atomic_bool done;    /* it has landed */
	ph_batch batch;
	ph_span span;	  /* what is written for it */
	int fd;		  /* of the file it goes to */
	ph_status status; /* how it went */
	ph_error why;
} ph_sync;

/* Write bytes at a place of a file and sync them, on the caller's thread. */
ph_status ph_sync_write(const ph_fs *fs, int fd, const ph_span *span, ph_error *err);

/* Start the thread. `sync` is all zeros before. */
ph_status ph_sync_start(ph_sync *sync, const ph_fs *fs, ph_error *err);
/* End the thread, behind the batch that is on its way, and free. All zeros will do. */
void ph_sync_fini(ph_sync *sync);
/* Send a batch on its way, by the pages in its memory; none is. *batch is empty afterwards, with other
 * memory. The file must stay open until the batch has landed. */
void ph_sync_give(ph_sync *sync, int fd, const ph_span *span, ph_batch *batch);
/* Has the batch that is on its way landed? */
bool ph_sync_landed(const ph_sync *sync);
/* Wait until it has landed; how it went. Then none is on its way. */
ph_status ph_sync_take(ph_sync *sync, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
