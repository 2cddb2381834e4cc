/*
 * shelf - the part of one queue that is not in memory: acceptances that wait on the disk.
 *
 * First in, first out, in the order of their acceptance numbers. Every entry was accepted for the
 * queue, is ready, and was never handed out; the journal has its message, the shelf only what the
 * queue needs to put it in its place: where the record is, and the hash of its ordering key. So a
 * queue of any depth takes the same memory, and loading reads no journal.
 *
 * A shelf is a view of the journal. It is written through the system's cache and synced for a
 * checkpoint alone: without one its files are worth nothing at the next start, and are made again
 * from the journal. What is read is checked.
 *
 * A file of what was taken is unlinked at once, or, if checkpoints are made, when two of them no
 * longer name it.
 *
 * Thread: owner, except ph_shelf_sync (any). Errors: PH_ERR_IO, PH_ERR_FULL (the disk), PH_ERR_NOMEM,
 * PH_ERR_DAMAGED.
 */
#ifndef PH_BROKER_SHELF_H
#define PH_BROKER_SHELF_H

#include <stdbool.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/buffer.h"
#include "lib/base/fs.h"

#define PH_SHELF_FILE_ENTRIES (1u << 20) /* of 32 bytes */

/* One acceptance. Number and time must fit into 48 bits. */
typedef struct ph_shelf_entry {
	uint64_t number;     /* acceptance number, not 0 */
	uint64_t offset;     /* of its record in the journal */
	uint64_t key;	     /* hash of the ordering key; 0: unordered */
	int64_t accepted_ms; /* wall */
} ph_shelf_entry;

typedef struct ph_shelf ph_shelf;

typedef struct ph_shelf_config {
	const ph_fs *fs;
	const char *directory; /* made if it is missing; its parent is there */
	uint16_t queue;	       /* number of the queue: part of the files' names */
	uint32_t
	    file_entries; /* entries of one file at most; 0: PH_SHELF_FILE_ENTRIES */
} ph_shelf_config;

/* An empty shelf. Files are made when there is something to write. */
ph_status ph_shelf_new(const ph_shelf_config *config, ph_shelf **out, ph_error *err);
/* Files stay. NULL allowed. */
void ph_shelf_destroy(ph_shelf **shelf_p);

/* Room for one more, so that the next ph_shelf_add cannot fail. */
ph_status ph_shelf_reserve(ph_shelf *shelf, ph_error *err);
/* At the end; its number is greater than any before. */
void ph_shelf_add(ph_shelf *shelf, const ph_shelf_entry *entry);
/* Look at the first. PH_ERR_NOT_FOUND: the shelf is empty. */
ph_status ph_shelf_first(ph_shelf *shelf, ph_shelf_entry *out, ph_error *err);
/* The first, which was looked at, is taken. */
void ph_shelf_drop(ph_shelf *shelf);
uint64_t ph_shelf_count(const ph_shelf *shelf);

/* By its number. PH_ERR_NOT_FOUND: not on the shelf (said without reading, if it is older than the
 * first or newer than the last). */
ph_status ph_shelf_find(
    ph_shelf *shelf, uint64_t number, ph_shelf_entry *out, ph_error *err);
/* The first whose number is greater than `after`; PH_ERR_NOT_FOUND: none. */
ph_status ph_shelf_next(
    ph_shelf *shelf, uint64_t after, ph_shelf_entry *out, ph_error *err);
/* Its record is at another place now, where it is durable. May be said twice; PH_ERR_NOT_FOUND. */
ph_status ph_shelf_move(
    ph_shelf *shelf, uint64_t number, uint64_t offset, ph_error *err);

/*
 * For a checkpoint, in this order: save writes out what is gathered and appends what the shelf is
 * to `section`, and to `paths` (zero-terminated, one behind the other) which files must be synced
 * before the checkpoint is one; sync does that; saved says that the checkpoint is durable. After a
 * failed sync no checkpoint may be made by this process any more.
 */
ph_status ph_shelf_save(
    ph_shelf *shelf, ph_buffer *section, ph_buffer *paths, ph_error *err);
ph_status ph_shelf_sync(
    const ph_fs *fs, const char *directory, const ph_buffer *paths, ph_error *err);
void ph_shelf_saved(ph_shelf *shelf);
/* It was saved, and nothing was said since. */
bool ph_shelf_saving(const ph_shelf *shelf);
/* An empty shelf becomes what was saved. PH_ERR_DAMAGED: its files are not what they were, and then
 * ph_shelf_lost says what was in them; or what was saved cannot be. */
ph_status ph_shelf_load(ph_shelf *shelf, ph_reader *section, ph_error *err);

/* What was not taken yet of one file of a shelf that could not be loaded. */
typedef struct ph_shelf_range {
	uint64_t first,
	    last; /* numbers; before the first one kept others may have been taken */
	uint64_t count;
} ph_shelf_range;

/* Of the nth file. False: there is none, or no files were lost. */
bool ph_shelf_lost(const ph_shelf *shelf, size_t nth, ph_shelf_range *out);
/* Such a shelf is empty from now on, and takes new files; the old ones stay as long as checkpoints
 * may name them. */
void ph_shelf_restart(ph_shelf *shelf);

/* Put the first file aside as damaged, so that no start believes it again. */
void ph_shelf_condemn(ph_shelf *shelf);
/* May this file of the queue be needed, now or by a checkpoint? */
bool ph_shelf_keeps(const ph_shelf *shelf, uint64_t serial);
/* What the names of its files end with: QUEUE-SERIAL.shelf. */
#define PH_SHELF_SUFFIX ".shelf"
/* Unlink every file of the directory that `wanted` does not want. */
typedef bool ph_shelf_wanted(void *self, uint16_t queue, uint64_t serial);
ph_status ph_shelf_sweep(const ph_fs *fs, const char *directory,
    ph_shelf_wanted *wanted, void *self, ph_error *err);

#endif
