/*
 * journal_room - files with room in them, made ahead, so that the journal never waits for room in
 * the middle of a batch and keeps some when the disk is full.
 *
 * A spare is a file of a segment's size that has all its blocks, reads as zeros and is synced.
 * Making a segment takes a spare if there is one. The spares are the reserve: while fewer than
 * wanted are there, the disk counts as full. Segments that are given back become spares again, up
 * to a few more than are made otherwise, since blocks that were written before are written fastest;
 * the others are removed.
 *
 * Some of the disk is left to others (ph_room_keep): no spare is made of it.
 *
 * With a thread of its own (ph_room_start) one spare more than the reserve is kept, and all that
 * takes long (finding blocks, zeroing, syncing) happens there: whoever takes a spare waits only
 * when none is ready. Without, the same steps are done within the calls.
 *
 * Thread: owner. Errors: PH_ERR_FULL (no room on the disk), PH_ERR_IO.
 */
#ifndef PH_BROKER_JOURNAL_ROOM_H
#define PH_BROKER_JOURNAL_ROOM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/fs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_ROOM_PATH 4096

typedef struct ph_room {
	const ph_fs *fs;
	const char *directory; /* lent for as long as the room lives */
	uint64_t bytes;	       /* of one spare */
	unsigned wanted;       /* spares that make the reserve */
	unsigned made;	       /* spares that are made if there are fewer: with a thread
				* more than wanted, and those full of written zeros */
	unsigned kept;	       /* spares that are kept at most, of what is given back */

	bool started; /* the thread runs; then the rest is under the lock */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work; /* for the thread: there may be something to do */
	pthread_cond_t
	    news;	/* for the owner: there is a spare, or there will be none */
	bool stop;	/* for the thread: end */
	unsigned count; /* spares there are, numbered from 1 */
	uint64_t keep;	/* bytes of the disk that no spare is made of */
	bool failed;	/* the last try to make one went wrong */
	ph_error why;	/* how */
	uint32_t given; /* segments given back and not looked at yet: from here */
	uint32_t given_before; /* to before this one */
} ph_room;

/* "<directory>/<name>"; false: longer than PH_ROOM_PATH. */
bool ph_room_path(const char *directory, const char *name, char out[PH_ROOM_PATH]);
/* PH_ERR_FULL if *err says that the disk is, else `status`: call it on a failed file call. */
ph_status ph_room_status(ph_status status, ph_error *err);

/* Find the spares of an earlier run, one more than `wanted` if there will be a thread; remove
 * unfinished files (*.new) and spares of another size. */
ph_status ph_room_init(ph_room *room, const ph_fs *fs, const char *directory,
    uint64_t bytes, unsigned wanted, bool thread, ph_error *err);
/* Let a thread do what takes long from now on. */
ph_status ph_room_start(ph_room *room, ph_error *err);
/* End the thread, at the end of what it is at. What it has not done is done after the next start. */
void ph_room_fini(ph_room *room);
/* Leave so many bytes of the disk to others; spares over the reserve are given back for them, one by
 * one. *left: bytes free then; INT64_MAX if nobody knows. */
void ph_room_keep(ph_room *room, uint64_t bytes, int64_t *left);
/* Spares there are. */
unsigned ph_room_count(ph_room *room);
/* Make the reserve whole: with a thread, wait until it is or cannot be. PH_ERR_FULL: some of it is
 * still missing; the thread tries again by itself. */
ph_status ph_room_fill(ph_room *room, ph_error *err);
/* Segments from `from` to before `before` are not needed any more; missing ones are no error. With
 * a thread, errors are not told: what could not be done is done after the next start. */
ph_status ph_room_give(ph_room *room, uint32_t from, uint32_t before, ph_error *err);
/*
 * An open file named `name` (in the directory, synced there) with room for `bytes`: a spare if
 * its size will do, else a new one. PH_ERR_FULL: neither; nothing is left behind.
 */
ph_status ph_room_take(
    ph_room *room, const char *name, uint64_t bytes, int *fd, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
