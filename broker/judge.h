/*
 * judge - what becomes of a delivery whose outcome was said: settled, to be tried again and when, or dead
 * and why.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_BROKER_JUDGE_H
#define PH_BROKER_JUDGE_H

#include "broker/broker.h"
#include "broker/lookup.h"

#define PH_ENDING_BINDINGS 16 /* most references that one outcome binds */

/* One outcome, as it was said. */
typedef struct ph_ending {
	ph_destination *to;
	ph_item *item;
	ph_session *session; /* NULL: the broker's own judgement */
	const ph_settle_view *said;
	int64_t wall_ms, mono_ms; /* when it was said */
	size_t binding_count;
	ph_reference bindings[PH_ENDING_BINDINGS];
	char text[512]; /* of a failure made here */
} ph_ending;

/* Fill what follows from the outcome into a record that has the rest already: state, time before which
 * it is not tried again, failure. The failure's texts are borrowed from `said` and `text`. */
void ph_judge(const ph_broker *broker, ph_ending *end, ph_record_outcome *record);

#endif
