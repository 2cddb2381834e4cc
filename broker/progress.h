/*
 * progress - how far deliveries got that were not finished: handed back on their next attempt.
 *
 * Kept by delivery number, for the few deliveries that have any; the item's flag says so.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_PROGRESS_H
#define PH_BROKER_PROGRESS_H

#include "broker/broker.h"

typedef struct ph_progress {
	char *reference; /* the destination's own, so far; "" if none */
	size_t resume_length;
	uint8_t *resume; /* opaque */
} ph_progress;

/* Enter a record into the state: when it has been submitted, and again at every start. */
ph_status ph_progress_apply(
    ph_broker *broker, const ph_record_progress *record, ph_error *err);
/* NULL if there is none; borrowed. */
const ph_progress *ph_progress_of(
    const ph_broker *broker, uint16_t queue, uint64_t acceptance);
/* The delivery has ended. */
void ph_progress_forget(ph_broker *broker, ph_item *item);
/* For the table that keeps them. */
void ph_progress_destroy(void *progress);

#endif
