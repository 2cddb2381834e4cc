/*
 * journal_sync - a batch changes hands under the lock; while it is on its way its bytes belong to
 * the thread, and everything else to the owner.
 */
#include "broker/journal_sync.h"

#include <errno.h>

#include "broker/crashpoint.h"
#include "broker/segment.h"
#include "lib/base/assert.h"
#include "lib/base/thread.h"

ph_status
ph_sync_write(const ph_fs *fs, int fd, const ph_span *span, ph_error *err)
{
	PH_CRASH_POINT("flush-begin");
	ph_status status =
	    ph_segment_write(fs, fd, span->bytes, span->length, span->offset, err);
	if (status != PH_OK)
		return status;
	PH_CRASH_POINT("flush-written");
	if (!PH_MUTANT("no-sync") && fs->fdatasync(fs->self, fd) != 0) {
		int failed = errno;

		return ph_fail_errno(err, failed, "cannot sync the journal");
	}
	PH_CRASH_POINT("flush-synced");
	return PH_OK;
}

/* With the lock held, which is given away meanwhile. */
static void
write_batch(ph_sync *sync)
{
	pthread_mutex_unlock(&sync->lock);
	sync->why = (ph_error){.status = PH_OK};
	sync->status = ph_sync_write(sync->fs, sync->fd, &sync->span, &sync->why);
	pthread_mutex_lock(&sync->lock);
	sync->given = false;
	atomic_store_explicit(&sync->done, true, memory_order_release);
	pthread_cond_signal(&sync->news);
}

static void *
run(void *argument)
{
	ph_sync *sync = argument;

	pthread_mutex_lock(&sync->lock);
	for (;;) {
		while (!sync->given && !sync->stop)
			pthread_cond_wait(&sync->work, &sync->lock);
		if (!sync->given)
			break;
		write_batch(sync);
	}
	pthread_mutex_unlock(&sync->lock);
	return NULL;
}

ph_status
ph_sync_start(ph_sync *sync, const ph_fs *fs, ph_error *err)
{

	PH_ASSERT(!sync->started && fs != NULL);
	sync->fs = fs;
	if (pthread_mutex_init(&sync->lock, NULL) != 0 ||
	    pthread_cond_init(&sync->work, NULL) != 0 ||
	    pthread_cond_init(&sync->news, NULL) != 0)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the journal's thread");
	int failed = ph_thread_start(&sync->thread, "journal-sync", run, sync);
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot start the journal's thread");
	sync->started = true;
	return PH_OK;
}

void
ph_sync_fini(ph_sync *sync)
{
	if (sync->started) {
		pthread_mutex_lock(&sync->lock);
		sync->stop = true;
		pthread_cond_signal(&sync->work);
		pthread_mutex_unlock(&sync->lock);
		pthread_join(sync->thread, NULL);
		pthread_cond_destroy(&sync->work);
		pthread_cond_destroy(&sync->news);
		pthread_mutex_destroy(&sync->lock);
	}
	sync->started = sync->away = false;
	ph_batch_free(&sync->batch);
}

void
ph_sync_give(ph_sync *sync, int fd, const ph_span *span, ph_batch *batch)
{
	ph_batch other = sync->batch;

	PH_ASSERT(sync->started && !sync->away && batch->length > 0);
	pthread_mutex_lock(&sync->lock);
	sync->batch = *batch;
	sync->span = *span;
	sync->fd = fd;
	sync->given = sync->away = true;
	atomic_store_explicit(&sync->done, false, memory_order_relaxed);
	pthread_cond_signal(&sync->work);
	pthread_mutex_unlock(&sync->lock);
	other.length = 0;
	*batch = other;
}

bool
ph_sync_landed(const ph_sync *sync)
{
	PH_ASSERT(sync->away);
	return atomic_load_explicit(&sync->done, memory_order_acquire);
}

ph_status
ph_sync_take(ph_sync *sync, ph_error *err)
{
	PH_ASSERT(sync->away);
	pthread_mutex_lock(&sync->lock);
	while (!atomic_load_explicit(&sync->done, memory_order_acquire))
		pthread_cond_wait(&sync->news, &sync->lock);
	pthread_mutex_unlock(&sync->lock);
	sync->away = false;
	if (sync->status != PH_OK && err != NULL)
		*err = sync->why;
	return sync->status;
}
