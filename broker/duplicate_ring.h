/*
 * duplicate_ring - what was accepted lately, one entry of 48 bytes after the other, in a file.
 *
 * The file is a cache of what the journal holds: it is written in large pieces, synced only for a
 * checkpoint, and believed only as far as a checkpoint names it. Every entry has a checksum. Entries
 * have places, counted from 0; which of them are in use is the owner's affair. Without a
 * directory all is kept in memory, for tests.
 *
 * Thread: owner, but ph_duplicate_ring_fd's descriptor may be synced elsewhere meanwhile.
 * Errors: PH_ERR_IO, PH_ERR_FULL, PH_ERR_NOMEM, PH_ERR_NOT_FOUND, PH_ERR_DAMAGED, PH_ERR_VERSION.
 */
#ifndef PH_BROKER_DUPLICATE_RING_H
#define PH_BROKER_DUPLICATE_RING_H

#include <stdbool.h>
#include "broker/sitekey.h"
#include "lib/base/fs.h"

#define PH_DUPLICATE_ENTRY 48	/* bytes of an entry */
#define PH_DUPLICATE_HEAD  4096 /* bytes before the first */
#define PH_DUPLICATE_ID	   16	/* bytes of a ring's id */

typedef struct ph_duplicate_ring ph_duplicate_ring;

typedef struct ph_seen {
	uint8_t id[PH_FINGERPRINT];
	uint8_t content[PH_FINGERPRINT];
	uint64_t acceptance;
} ph_seen;

/* An empty one; a file that is there is replaced. NULL directory: in memory. */
ph_status ph_duplicate_ring_make(
    const ph_fs *fs, const char *directory, ph_duplicate_ring **out, ph_error *err);
/* The one that is there, which must have this id. */
ph_status ph_duplicate_ring_open(const ph_fs *fs, const char *directory,
    const uint8_t id[PH_DUPLICATE_ID], ph_duplicate_ring **out, ph_error *err);
/* The file that is there, which nobody has open, goes; one that cannot is left. */
void ph_duplicate_ring_remove(const ph_fs *fs, const char *directory);
/* Close and free; nothing is written. */
void ph_duplicate_ring_destroy(ph_duplicate_ring **ring_p);

/* Take room for as many places, if there is not enough yet. */
ph_status ph_duplicate_ring_room(
    ph_duplicate_ring *ring, uint64_t places, ph_error *err);
/* Enter one; written later. Fails when what was gathered is to be written and cannot be: then
 * it is not entered. */
ph_status ph_duplicate_ring_put(
    ph_duplicate_ring *ring, uint64_t place, const ph_seen *seen, ph_error *err);
/* Write what was gathered; on failure it stays gathered. */
ph_status ph_duplicate_ring_write(ph_duplicate_ring *ring, ph_error *err);
/* What is gathered: its first place and how many. */
size_t ph_duplicate_ring_gathered(const ph_duplicate_ring *ring, uint64_t *first);
/* Give up what was gathered. */
void ph_duplicate_ring_drop(ph_duplicate_ring *ring);
/* PH_ERR_DAMAGED: not what was written. */
ph_status ph_duplicate_ring_get(
    ph_duplicate_ring *ring, uint64_t place, ph_seen *out, ph_error *err);
/* The same for places read one after the other: `most` of them from this one on are in use, none
 * of which is entered again before it was read. */
ph_status ph_duplicate_ring_get_ahead(ph_duplicate_ring *ring, uint64_t place,
    uint64_t most, ph_seen *out, ph_error *err);
/* The entries that ph_duplicate_ring_get_ahead will give next without reading, and how many. */
size_t ph_duplicate_ring_ahead(const ph_duplicate_ring *ring, const uint8_t **entries);
/* NULL: in memory. */
const uint8_t *ph_duplicate_ring_id(const ph_duplicate_ring *ring);
/* -1: in memory. */
int ph_duplicate_ring_fd(const ph_duplicate_ring *ring);

#endif
