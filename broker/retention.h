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

/* How old the first record of the newest extent may grow before the extent is ended: a quarter of
 * `retain`, so that what is settled goes after 1.25 times `retain` at the latest; but at least a second
 * for each MiB of a segment: a short `retain` must not keep the disk busy with new ones. */
int64_t ph_retention_end_ms(const ph_options *options);

#endif
