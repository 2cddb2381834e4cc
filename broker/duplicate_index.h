/*
 * duplicate_index - where in the ring a fingerprint may stand.
 *
 * Keeps 8 bytes for each: the place, and a tag of 32 bits. A tag that matches is a hint: the caller
 * reads the place and compares the whole fingerprint. Grows by itself, a small part at a time, and
 * never asks for a fingerprint again to do so.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_DUPLICATE_INDEX_H
#define PH_BROKER_DUPLICATE_INDEX_H

#include <stdbool.h>
#include "broker/sitekey.h"

typedef struct ph_duplicate_index ph_duplicate_index;

/* A walk over the places that a fingerprint may stand at. */
typedef struct ph_duplicate_probe {
	size_t table; /* which of the tables */
	size_t at;    /* the slot to look at next */
	size_t found; /* the slot found last */
	uint32_t tag;
} ph_duplicate_probe;

ph_status ph_duplicate_index_new(ph_duplicate_index **out, ph_error *err);
void ph_duplicate_index_destroy(ph_duplicate_index **index_p);
/* Grow at once to what `count` entries need. */
ph_status ph_duplicate_index_reserve(
    ph_duplicate_index *index, size_t count, ph_error *err);

ph_duplicate_probe ph_duplicate_index_probe(
    const ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT]);
/* The same for one of them, without waiting for it. */
void ph_duplicate_index_fetch(
    const ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT]);
/* Fetch the slots of `count` ids that are to be looked for soon, `stride` bytes apart: together
 * that takes hardly longer than for one. */
void ph_duplicate_index_touch(
    const ph_duplicate_index *index, const uint8_t *ids, size_t stride, size_t count);
/* The next place; false: there is no other. */
bool ph_duplicate_index_next(
    const ph_duplicate_index *index, ph_duplicate_probe *probe, uint32_t *place);
/* What was found last stands at `place` from now on. */
void ph_duplicate_index_move(
    ph_duplicate_index *index, const ph_duplicate_probe *probe, uint32_t place);
/* One more; false: there is no memory and it is not kept. */
bool ph_duplicate_index_put(
    ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT], uint32_t place);
/* Forget that it stands there, if it does. */
void ph_duplicate_index_remove(
    ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT], uint32_t place);
size_t ph_duplicate_index_count(const ph_duplicate_index *index);

#endif
