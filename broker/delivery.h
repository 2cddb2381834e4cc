/*
 * delivery - the state machine of one message in one queue.
 *
 * The table is delivery.def; nothing else decides a next state. From every state but `gone` some
 * event leads on, and `gone` is never left.
 *
 * Thread: pure. Errors: none; an impossible pair is PH_DELIVERY_NONE, which callers assert away.
 */
#ifndef PH_BROKER_DELIVERY_H
#define PH_BROKER_DELIVERY_H

#include <stdint.h>

typedef enum ph_delivery_state {
	PH_DELIVERY_NONE = 0, /* no step: the event cannot happen in that state */
#define PH_DELIVERY_STATE(state, word, meaning) PH_DELIVERY_##state,
#include "broker/delivery.def"
	PH_DELIVERY_STATES /* one more than the last */
} ph_delivery_state;

typedef enum ph_delivery_event {
#define PH_DELIVERY_EVENT(event, word, meaning) PH_EVENT_OF_##event,
#include "broker/delivery.def"
	PH_DELIVERY_EVENTS /* how many */
} ph_delivery_event;

/* The state after `event`; PH_DELIVERY_NONE if that cannot be. */
ph_delivery_state ph_delivery_next(ph_delivery_state state, ph_delivery_event event);
/* "in-flight"; lives for ever. */
const char *ph_delivery_state_name(ph_delivery_state state);
const char *ph_delivery_event_name(ph_delivery_event event);

/* The number of a delivery on the wire: the same before and after a restart. */
static inline uint64_t
ph_delivery_number(uint16_t queue, uint64_t acceptance)
{
	return (uint64_t) queue << 48 | acceptance;
}

static inline uint16_t
ph_delivery_queue(uint64_t delivery)
{
	return (uint16_t) (delivery >> 48);
}

static inline uint64_t
ph_delivery_acceptance(uint64_t delivery)
{
	return delivery & ((UINT64_C(1) << 48) - 1);
}

#endif
