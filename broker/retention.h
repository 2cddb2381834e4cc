/*
 * retention - the rule by which an extent of the journal has been kept long enough: older than
 * `retain`, or one too many for `retain-bytes`. retain.h gives such extents back, carry.h makes them
 * free to go.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_BROKER_RETENTION_H
#define PH_BROKER_RETENTION_H

#include "broker/broker.h"

/* Has it, with so many bytes in use? What is still needed of it is not asked. */
bool ph_retention_outlived(
    const ph_broker *broker, const ph_store_span *extent, uint64_t used);

#endif
