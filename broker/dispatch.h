/*
 * dispatch - who takes what: subscriptions, and handing deliveries out to them.
 *
 * Deliveries go out in turns of at most 64 to the subscriptions of a queue, as long as they have
 * credit. For a destination that must not get the same twice an attempt is recorded first, in the
 * same batch that is flushed before anything is sent.
 *
 * A session that comes back is handed nothing before it has told what it holds and what it has
 * settled: its subscriptions open with the answer to a PING that was sent behind its first words.
 *
 * Thread: owner. Errors: PH_ERR_INVALID and PH_ERR_DENIED end the session.
 */
#ifndef PH_BROKER_DISPATCH_H
#define PH_BROKER_DISPATCH_H

#include "broker/broker.h"

ph_status ph_dispatch_subscribe(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);
ph_status ph_dispatch_reattach(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);
/* A PONG has come; if it is the awaited one the subscriptions open. */
void ph_dispatch_pong(ph_broker *broker, ph_session *session, uint64_t number);

/* Hand out what is ready, to everybody. Frames wait for the flush. */
void ph_dispatch_all(ph_broker *broker);
/* Make ready what is due in every queue; when the next is due (mono), INT64_MAX: never. */
int64_t ph_dispatch_due(ph_broker *broker);

/* The session ends. A client's deliveries are ready again; a host's stay in flight, away, until the
 * host is back or gone. */
void ph_dispatch_leave(ph_broker *broker, ph_session *session);
/* The host of this adapter is gone for good: what it held is lost. */
void ph_dispatch_host_gone(ph_broker *broker, const ph_site_adapter *adapter);

/* Enter an attempt into the state, at start. */
void ph_dispatch_apply_attempt(ph_broker *broker, const ph_record_attempt *record);
/* The state is complete: what has an attempt and no outcome is in flight, away. */
void ph_dispatch_recovered(ph_broker *broker);

#endif
