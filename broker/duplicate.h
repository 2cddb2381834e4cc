/*
 * duplicate - the window of messages accepted lately: is this one a repeat?
 *
 * Keeps, for the newest `limit` acceptances, the fingerprint of (source, id), the fingerprint of
 * the content, and the acceptance number. The oldest is forgotten first. All of it is in a ring in
 * a file (duplicate_ring.h); in memory there are 11 to 22 bytes for each (duplicate_index.h).
 *
 * The ring is a cache: the journal is the truth. A disk that fails or is full makes the window
 * smaller and never stops anything; ph_duplicates_flush reports it. An entry that cannot be read
 * back counts as not seen.
 *
 * Life: new; then begin (nothing is known: the journal is entered from its beginning) or load (from
 * a checkpoint; what the journal has beyond it is entered next, by ph_duplicates_add). One that is
 * neither begun nor loaded keeps its ring in memory.
 *
 * Thread: owner; ph_duplicates_sync any. Errors: PH_ERR_NOMEM, PH_ERR_IO, PH_ERR_FULL,
 * PH_ERR_DAMAGED, PH_ERR_NOT_FOUND, PH_ERR_VERSION.
 */
#ifndef PH_BROKER_DUPLICATE_H
#define PH_BROKER_DUPLICATE_H

#include <stdbool.h>
#include "broker/sitekey.h"
#include "lib/base/buffer.h"
#include "lib/base/fs.h"

#define PH_DUPLICATES_STEP ((uint64_t) 8 << 20) /* bytes that the ring grows by */

typedef struct ph_duplicates ph_duplicates;

typedef enum ph_repeat {
	PH_REPEAT_NO,	   /* not seen in the window */
	PH_REPEAT_SAME,	   /* seen, with the same content */
	PH_REPEAT_CONFLICT /* seen, with other content */
} ph_repeat;

/* What loading found. */
typedef struct ph_duplicates_loaded {
	uint64_t entries; /* remembered */
	uint64_t
	    replaced; /* younger ones in their place: the journal tells them again */
	uint64_t damaged; /* not what was written: forgotten */
} ph_duplicates_loaded;

ph_status ph_duplicates_new(size_t limit, ph_duplicates **out, ph_error *err);
/* What was added since the last flush may not be in the file. */
void ph_duplicates_destroy(ph_duplicates **duplicates_p);

/* Begin an empty window with a ring in `directory`; one that is there is replaced. If there is no
 * room for a ring's first 8 MiB, or it fails otherwise, the window stays in memory. */
ph_status ph_duplicates_begin(
    ph_duplicates *duplicates, const ph_fs *fs, const char *directory, ph_error *err);
/* The window as it was when `bytes` were saved, from the ring in `directory`. If it fails the
 * window is empty and without a file: begin it. */
ph_status ph_duplicates_load(ph_duplicates *duplicates, const ph_fs *fs,
    const char *directory, const void *bytes, size_t length, ph_duplicates_loaded *out,
    ph_error *err);
/* Append what a checkpoint is to hold. It is to be believed only after ph_duplicates_sync of
 * the same ring, begun after this, was successful. In memory: appends nothing. */
void ph_duplicates_save(ph_duplicates *duplicates, ph_buffer *out);
/* The ring's descriptor, good until destroyed; -1: in memory. */
int ph_duplicates_fd(const ph_duplicates *duplicates);
ph_status ph_duplicates_sync(const ph_fs *fs, int fd, ph_error *err);

/* An id is going to be looked for soon: fetch its place from memory meanwhile. */
void ph_duplicates_fetch(
    const ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT]);
/* *acceptance is of the one seen before, else left alone. */
ph_repeat ph_duplicates_look(ph_duplicates *duplicates,
    const uint8_t id[PH_FINGERPRINT], const uint8_t content[PH_FINGERPRINT],
    uint64_t *acceptance);
/* Remember one; acceptance numbers grow. */
void ph_duplicates_add(ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT],
    const uint8_t content[PH_FINGERPRINT], uint64_t acceptance);
/* Hand what was added to the system; call it when the journal has it. Reports whatever went
 * wrong since the last call, each kind not more often than every 65,536 additions. */
ph_status ph_duplicates_flush(ph_duplicates *duplicates, ph_error *err);
/* How many are remembered. */
size_t ph_duplicates_count(const ph_duplicates *duplicates);
/* Add entries of one window to another, `most` at a time, the oldest first. *at: 0, then what the last
 * call left; what was added and forgotten in between is taken into account. False: that was all. */
bool ph_duplicates_copy(
    ph_duplicates *from, ph_duplicates *to, uint64_t *at, size_t most);
/* Remove the ring in `directory`, which nobody has open. */
void ph_duplicates_remove(const ph_fs *fs, const char *directory);
/* The entry after `nth` others, the oldest first, for tests that compare windows. PH_ERR_NOT_FOUND:
 * there are no more; PH_ERR_DAMAGED and PH_ERR_IO: go on with the next. */
ph_status ph_duplicates_entry(ph_duplicates *duplicates, uint64_t nth,
    uint8_t id[PH_FINGERPRINT], uint8_t content[PH_FINGERPRINT], uint64_t *acceptance,
    ph_error *err);

#endif
