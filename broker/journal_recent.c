/*
 * journal_recent - a ring of batches, oldest first, and the memory of those that were read, the
 * latest used first, since that is still in the processor's cache.
 */
#include "broker/journal_recent.h"

#include <string.h>

#include "lib/base/assert.h"

void
ph_recent_init(ph_recent *recent, size_t most, size_t least)
{
	int failed;

	memset(recent, 0, sizeof *recent);
	recent->most = most;
	recent->least = least;
	failed = pthread_mutex_init(&recent->lock, NULL);
	PH_ASSERT(failed == 0); /* a plain one needs nothing that may be missing */
}

/* With the lock: memory for another batch, or to be freed. */
static void
shelve(ph_recent *recent, ph_batch *batch)
{
	if (recent->spare_count < PH_RECENT_SPARES && batch->size <= recent->most / 2 &&
	    recent->spare_bytes + batch->size <= recent->most) {
		recent->spares[recent->spare_count++] = *batch;
		recent->spare_bytes += batch->size;
	} else {
		ph_batch_free(batch);
	}
	*batch = (ph_batch){.bytes = NULL};
}

/* With the lock: the oldest batch is not kept any more. */
static void
drop_oldest(ph_recent *recent)
{
	ph_kept *oldest = &recent->batches[recent->first];

	PH_ASSERT(recent->count > 0);
	recent->first = (recent->first + 1) % PH_RECENT_BATCHES;
	recent->count--;
	recent->held -= oldest->batch.length;
	shelve(recent, &oldest->batch);
}

/* With the lock: the memory that was laid by last; false: none. */
static bool
unshelve(ph_recent *recent, ph_batch *out)
{
	if (recent->spare_count == 0)
		return false;
	*out = recent->spares[--recent->spare_count];
	recent->spare_bytes -= out->size;
	out->length = 0;
	return true;
}

/* With the lock: nothing is kept, and no memory either. */
static void
forget(ph_recent *recent)
{
	ph_batch spare;

	while (recent->count > 0)
		drop_oldest(recent);
	while (unshelve(recent, &spare))
		ph_batch_free(&spare);
	PH_ASSERT(recent->held == 0 && recent->spare_bytes == 0);
}

void
ph_recent_fini(ph_recent *recent)
{
	PH_ASSERT(recent->follower == NULL);
	forget(recent);
	pthread_mutex_destroy(&recent->lock);
}

void
ph_recent_follow(ph_recent *recent, const void *reader)
{
	PH_ASSERT(reader != NULL);
	pthread_mutex_lock(&recent->lock);
	if (recent->follower != reader)
		forget(recent);
	recent->follower = reader;
	recent->behind = false;
	pthread_mutex_unlock(&recent->lock);
}

void
ph_recent_leave(ph_recent *recent, const void *reader)
{
	pthread_mutex_lock(&recent->lock);
	if (recent->follower == reader) {
		forget(recent);
		recent->follower = NULL;
	}
	pthread_mutex_unlock(&recent->lock);
}

/* With the lock. */
static bool
wants(const ph_recent *recent, size_t length)
{
	return recent->follower != NULL && !recent->behind && length >= recent->least;
}

void
ph_recent_put(ph_recent *recent, uint64_t start, ph_batch *batch)
{
	ph_batch other;

	pthread_mutex_lock(&recent->lock);
	bool wanted = wants(recent, batch->length);
	if (wanted && (recent->held + batch->length > recent->most ||
			  recent->count == PH_RECENT_BATCHES)) {
		forget(recent);
		recent->behind = true;
	}
	if (wanted && !recent->behind &&
	    (unshelve(recent, &other) || ph_batch_new(&other, batch->length))) {
		size_t at = (recent->first + recent->count) % PH_RECENT_BATCHES;

		recent->batches[at] = (ph_kept){
		    .start = start,
		    .end = start + batch->length,
		    .batch = *batch,
		};
		recent->count++;
		recent->held += batch->length;
		*batch = other;
	}
	pthread_mutex_unlock(&recent->lock);
}

bool
ph_recent_wants(ph_recent *recent, size_t length)
{
	pthread_mutex_lock(&recent->lock);
	bool wanted = wants(recent, length);
	pthread_mutex_unlock(&recent->lock);
	return wanted;
}

bool
ph_recent_take(ph_recent *recent, const void *reader, uint64_t position, ph_kept *out,
    uint64_t *next)
{
	bool found = false;

	*next = UINT64_MAX;
	pthread_mutex_lock(&recent->lock);
	if (recent->follower == reader) {
		while (
		    recent->count > 0 && recent->batches[recent->first].end <= position)
			drop_oldest(recent);
		if (recent->count > 0) {
			ph_kept *oldest = &recent->batches[recent->first];

			found = oldest->start <= position;
			*next = oldest->start;
		}
	}
	if (found) {
		*out = recent->batches[recent->first];
		recent->held -= out->batch.length;
		recent->first = (recent->first + 1) % PH_RECENT_BATCHES;
		recent->count--;
	}
	pthread_mutex_unlock(&recent->lock);
	return found;
}

void
ph_recent_give_back(ph_recent *recent, ph_kept *kept)
{
	if (kept->batch.bytes != NULL) {
		pthread_mutex_lock(&recent->lock);
		shelve(recent, &kept->batch);
		pthread_mutex_unlock(&recent->lock);
	}
	*kept = (ph_kept){.start = 0};
}
