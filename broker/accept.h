/*
 * accept - from a PUBLISH to one record: is it new, is it whole, where does it go?
 *
 * Each item is answered exactly once, after the flush: accepted, a repeat (with the number of the
 * original), refused (nothing of it is kept), or in conflict (kept as a dead letter of `inbound`).
 * What an adapter could not turn into a message, and what no route matches, is accepted as a dead
 * letter of `inbound` and of `unrouted`.
 *
 * Thread: owner. Errors: PH_ERR_INVALID for a frame that ends its session; items answer for
 * themselves.
 */
#ifndef PH_BROKER_ACCEPT_H
#define PH_BROKER_ACCEPT_H

#include "broker/lookup.h"
#include "lib/wire/message.h"

ph_status ph_accept_publish(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);
ph_status ph_accept_cursor(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err);

/* Enter an acceptance into the state: when it has been submitted, and again at every start.
 * The message is taken if a queue keeps it in memory; `offset` is its place. PH_ERR_NOMEM,
 * PH_ERR_DAMAGED (a queue that no record named). */
ph_status ph_accept_apply(ph_broker *broker, const ph_record_accept *record,
    PH_TAKES ph_message **message_p, uint64_t offset, ph_error *err);
/* Enter bindings of the record at `offset`. */
void ph_accept_bind(
    ph_broker *broker, const ph_record_bindings *bindings, uint64_t offset);
/* A letter from a failure. NULL without memory. */
ph_letter *ph_letter_new(
    const ph_record_failure *failure, int64_t dead_ms, uint64_t offset, uint8_t record);
/* 1 + the number of the adapter that an attribute of the message names; 0: none. */
uint8_t ph_accept_adapter_of(const ph_broker *broker, const ph_message *message);

/* Hash of its ordering key; 0: unordered. */
static inline uint64_t
ph_accept_order(const ph_broker *broker, const ph_message *message)
{
	size_t length = 0;
	const char *key = ph_message_known(message, PH_TAG_PARTITIONKEY, &length);
	if (key == NULL)
		key = ph_message_known(message, PH_TAG_SUBJECT, &length);
	return key == NULL || length == 0 ? 0
					  : ph_sitekey_order(&broker->key, key, length);
}

#endif
