/*
 * outbound - deliveries: a message through its map, to the plug-in, and its outcome to the broker.
 *
 * Invariants: each delivery is settled once; a delivery that the broker hands out again while it is
 * under way here is left alone.
 * Thread: the host's. Errors: none; everything becomes an outcome.
 */
#ifndef PH_HOST_OUTBOUND_H
#define PH_HOST_OUTBOUND_H

#include "adapters/host/inner.h"

/* Room for deliveries in `host`. */
ph_status ph_outbound_new(ph_host *host, ph_error *err);
/* A DELIVERY event of the adapter's queue. */
void ph_outbound_take(ph_host *host, const ph_event *event);
/* Settle with a stage, a word and a line. */
void ph_outbound_settle(ph_host *host, uint64_t delivery, ph_outcome outcome,
    const char *stage, const char *reason, const char *path, const char *text,
    const char *reference);
size_t ph_outbound_count(const ph_host *host);
void ph_outbound_destroy(ph_host *host);

#endif
