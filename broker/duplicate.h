/*
 * duplicate - the window of messages accepted lately: is this one a repeat?
 *
 * Keeps, for the newest `capacity` acceptances, the fingerprint of (source, id), the fingerprint of
 * the content, and the acceptance number. The oldest is forgotten first. Memory is taken as it
 * fills.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_DAMAGED (what is loaded).
 */
#ifndef PH_BROKER_DUPLICATE_H
#define PH_BROKER_DUPLICATE_H

#include <stdbool.h>
#include "broker/sitekey.h"
#include "lib/base/buffer.h"

typedef struct ph_duplicates ph_duplicates;

typedef enum ph_repeat {
	PH_REPEAT_NO,	   /* not seen in the window */
	PH_REPEAT_SAME,	   /* seen, with the same content */
	PH_REPEAT_CONFLICT /* seen, with other content */
} ph_repeat;

ph_status ph_duplicates_new(size_t capacity, ph_duplicates **out, ph_error *err);
void ph_duplicates_destroy(ph_duplicates **duplicates_p);
/* *acceptance is of the one seen before, else left alone. */
ph_repeat ph_duplicates_look(const ph_duplicates *duplicates,
    const uint8_t id[PH_FINGERPRINT], const uint8_t content[PH_FINGERPRINT],
    uint64_t *acceptance);
/* Remember one. Without memory to grow, the window stays as small as it is. */
void ph_duplicates_add(ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT],
    const uint8_t content[PH_FINGERPRINT], uint64_t acceptance);
size_t ph_duplicates_count(const ph_duplicates *duplicates);
/* Write the window down for a checkpoint, oldest first; enter it again into an empty one. */
void ph_duplicates_save(const ph_duplicates *duplicates, ph_buffer *out);
ph_status ph_duplicates_load(
    ph_duplicates *duplicates, const void *bytes, size_t length, ph_error *err);

#endif
