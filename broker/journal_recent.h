/*
 * journal_recent - the newest batches, kept in memory for the reader that follows the journal.
 *
 * Who has read to the end of the journal comes back soon for what has been written since, and that
 * was in memory when it was written. So the memory of a batch that has become durable is handed
 * to the reader that came to the end last, the follower, instead of being read from the file. The
 * reader takes a batch, and gives its memory back when it is through. If it falls behind by more
 * than a limit, all that is kept for it goes, and nothing is kept until it has come to the end
 * again. Without a follower nothing is kept either. What is not here is in the file as well.
 *
 * Invariants: only durable bytes are here, each batch whole; a batch has one owner: the writer,
 * this, or the follower.
 *
 * Thread: any. Errors: none: what there is no memory for is not kept.
 */
#ifndef PH_BROKER_JOURNAL_RECENT_H
#define PH_BROKER_JOURNAL_RECENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "broker/journal_batch.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_RECENT_BATCHES 32 /* kept at most */
#define PH_RECENT_SPARES  8  /* pieces of memory that wait for batches at most */

/* A batch in memory; all zeros: none. */
typedef struct ph_kept {
	uint64_t start; /* position of its first byte */
	uint64_t end;	/* behind its last, in the same file */
	ph_batch batch;
} ph_kept;

typedef struct ph_recent {
	pthread_mutex_t lock;
	const void *follower; /* NULL: nobody */
	bool behind;	      /* it is too far behind to keep anything for it */
	size_t most;	      /* bytes kept at most; half as many of memory are spare */
	size_t least;	      /* bytes of a batch that is worth keeping */
	size_t held;	      /* bytes of the batches */
	ph_kept batches[PH_RECENT_BATCHES]; /* a ring, oldest first */
	size_t first, count;
	ph_batch spares[PH_RECENT_SPARES]; /* memory to fill again, the latest last */
	size_t spare_count, spare_bytes;
} ph_recent;

void ph_recent_init(ph_recent *recent, size_t most, size_t least);
/* Nobody has a batch any more, or gives it back. */
void ph_recent_fini(ph_recent *recent);

/* `reader` has come to the end: it is the follower now. What another one left goes. */
void ph_recent_follow(ph_recent *recent, const void *reader);
/* `reader` is not there any more. */
void ph_recent_leave(ph_recent *recent, const void *reader);

/* Is a batch of this length handed to a follower, which then does not need the file? */
bool ph_recent_wants(ph_recent *recent, size_t length);
/* The batch that begins at the position is durable. It is taken, and *batch is other memory for
 * the next one; or it is not, and *batch keeps its memory. */
void ph_recent_put(ph_recent *recent, uint64_t start, ph_batch *batch);
/* Take the batch that has the byte at a position, if `reader` is the follower; those before it go.
 * False: it is not here, and *next is where the first one behind the position begins, else
 * UINT64_MAX. */
bool ph_recent_take(ph_recent *recent, const void *reader, uint64_t position,
    ph_kept *out, uint64_t *next);
/* The reader is through with a batch, which is all zeros afterwards. All zeros will do. */
void ph_recent_give_back(ph_recent *recent, ph_kept *kept);

#ifdef __cplusplus
}
#endif
#endif
