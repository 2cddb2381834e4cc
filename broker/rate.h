/*
 * rate - how many a minute, over the last minutes.
 *
 * Events are counted in slots of PH_RATE_SLOT_MS, in a ring over PH_RATE_SLOTS of them; what is
 * older is forgotten. A queue that is watched for less than that, but for a minute at least, is
 * judged by the time it was watched, so that the number is right soon after the start. It is for
 * people to look at: nothing is decided by it, and it starts anew with the broker.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_BROKER_RATE_H
#define PH_BROKER_RATE_H

#include <stdint.h>

#define PH_RATE_SLOT_MS INT64_C(10000)
#define PH_RATE_SLOTS	30 /* five minutes */

typedef struct ph_rate {
	int64_t first_ms;  /* watched since */
	int64_t last_slot; /* the newest that was counted in, from the clock's zero */
	uint64_t slots[PH_RATE_SLOTS];
} ph_rate;

/* All times are of one monotonic clock and never go back. */
void ph_rate_init(ph_rate *rate, int64_t now_ms);
void ph_rate_count(ph_rate *rate, int64_t now_ms);
/* Events a minute, rounded to the nearest; at least 1 if there was any. */
uint64_t ph_rate_minute(const ph_rate *rate, int64_t now_ms);

#endif
