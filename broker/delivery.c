/*
 * How it works: delivery.def, expanded into a table from (state, event) to the next state.
 */
#include "broker/delivery.h"

#include <stddef.h>

#include "lib/base/assert.h"

static const uint8_t steps[PH_DELIVERY_STATES][PH_DELIVERY_EVENTS] = {
#define PH_DELIVERY_STEP(state, event, next, action)                                   \
	[PH_DELIVERY_##state][PH_EVENT_OF_##event] = PH_DELIVERY_##next,
#include "broker/delivery.def"
};

static const char *const state_names[PH_DELIVERY_STATES] = {
    [PH_DELIVERY_NONE] = "none",
#define PH_DELIVERY_STATE(state, word, meaning) [PH_DELIVERY_##state] = word,
#include "broker/delivery.def"
};

static const char *const event_names[PH_DELIVERY_EVENTS] = {
#define PH_DELIVERY_EVENT(event, word, meaning) [PH_EVENT_OF_##event] = word,
#include "broker/delivery.def"
};

ph_delivery_state
ph_delivery_next(ph_delivery_state state, ph_delivery_event event)
{
	PH_ASSERT(state < PH_DELIVERY_STATES && event < PH_DELIVERY_EVENTS);
	return (ph_delivery_state) steps[state][event];
}

const char *
ph_delivery_state_name(ph_delivery_state state)
{
	PH_ASSERT(state < PH_DELIVERY_STATES);
	return state_names[state];
}

const char *
ph_delivery_event_name(ph_delivery_event event)
{
	PH_ASSERT(event < PH_DELIVERY_EVENTS);
	return event_names[event];
}
