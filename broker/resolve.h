/*
 * resolve - what hosts ask: cross-references, minted ids, messages, cursors.
 *
 * A look-up is answered from memory where that knows, else once the ledger has answered. A canonical
 * id is minted from the vendor's key with the site's key, the same every time; it becomes known with
 * the acceptance that binds it. Only an entity that the adapter originates may be minted.
 *
 * Thread: owner. Errors: PH_ERR_INVALID and PH_ERR_DENIED end the session.
 */
#ifndef PH_BROKER_RESOLVE_H
#define PH_BROKER_RESOLVE_H

#include "broker/lookup.h"

ph_status ph_resolve_frame(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);
ph_status ph_resolve_query(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);
ph_status ph_resolve_cursors(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);

#endif
