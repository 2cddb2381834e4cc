/*
 * settle - how deliveries end: outcomes from sessions, losses, operators' verdicts.
 *
 * An outcome is one record: what came of it, the destination's reference, the bindings, and where
 * the delivery stands now. It is confirmed (SETTLED) after the flush. A repeat is confirmed and
 * changes nothing.
 *
 *   delivered, duplicate   settled
 *   retry                  again after a back-off; past the tries a dead letter `tries-exhausted`
 *   rejected               a dead letter with the reason given
 *   unknown                probed or sent again where that is allowed (after a back-off), else a
 *                          dead letter `outcome-unknown`
 *
 * Thread: owner. Errors: PH_ERR_INVALID for a frame that ends its session; PH_ERR_DENIED.
 */
#ifndef PH_BROKER_SETTLE_H
#define PH_BROKER_SETTLE_H

#include "broker/lookup.h"

ph_status ph_settle_frame(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);
ph_status ph_settle_progress(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);

/* The holder of an item in flight is gone for good: again, or unknown until it can be decided. */
void ph_settle_lost(ph_broker *broker, ph_destination *to, ph_item *item);
/* A subscription is there: decide what stands in `unknown`. */
void ph_settle_unknown(ph_broker *broker, ph_destination *to, bool can_probe);
/* A message that cannot be handed out (its stored bytes are damaged): a dead letter. */
void ph_settle_unreadable(
    ph_broker *broker, ph_destination *to, ph_item *item, const ph_error *why);

/* An operator's verdict on a dead letter, recorded. */
ph_status ph_settle_replay(ph_broker *broker, ph_destination *to, ph_item *item,
    const char *by, ph_error *err);
ph_status ph_settle_discard(ph_broker *broker, ph_destination *to, ph_item *item,
    const char *by, ph_error *err);

/* Enter records into the state: when they have been submitted, and again at every start. */
ph_status ph_settle_apply(
    ph_broker *broker, const ph_record_outcome *record, uint64_t offset, ph_error *err);
ph_status ph_settle_apply_verdict(ph_broker *broker, ph_record_type type,
    const ph_record_verdict *record, ph_error *err);

#endif
