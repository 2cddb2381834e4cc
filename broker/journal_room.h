/*
 * journal_room - files with room in them, made ahead, so that the journal never waits for room in
 * the middle of a batch and keeps some when the disk is full.
 *
 * A spare is a file of a segment's size that has all its blocks, reads as zeros and is synced.
 * Making a segment takes a spare if there is one. The spares are the reserve: while fewer than
 * wanted are there, the disk counts as full.
 *
 * Thread: owner. Errors: PH_ERR_FULL (no room on the disk), PH_ERR_IO.
 */
#ifndef PH_BROKER_JOURNAL_ROOM_H
#define PH_BROKER_JOURNAL_ROOM_H

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
	unsigned count;	       /* spares there are, numbered from 1 */
} ph_room;

/* "<directory>/<name>"; false: longer than PH_ROOM_PATH. */
bool ph_room_path(const char *directory, const char *name, char out[PH_ROOM_PATH]);
/* PH_ERR_FULL if *err says that the disk is, else `status`: call it on a failed file call. */
ph_status ph_room_status(ph_status status, ph_error *err);

/* Find the spares of an earlier run; remove unfinished files (*.new) and spares of another size. */
ph_status ph_room_init(ph_room *room, const ph_fs *fs, const char *directory,
    uint64_t bytes, unsigned wanted, ph_error *err);
/* Make the spares that are missing. PH_ERR_FULL: some still are. */
ph_status ph_room_fill(ph_room *room, ph_error *err);
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
