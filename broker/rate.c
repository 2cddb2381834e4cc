/*
 * How it works: a slot's place is its number modulo the ring. Counting clears the places that were
 * passed over since the last time; looking changes nothing and adds up those that are not too old.
 */
#include "broker/rate.h"

#include <string.h>

#include "lib/base/assert.h"

#define MINUTE_MS 60000u

static int64_t
slot_of(int64_t now_ms)
{
	PH_ASSERT(now_ms >= 0);
	return now_ms / PH_RATE_SLOT_MS;
}

void
ph_rate_init(ph_rate *rate, int64_t now_ms)
{
	memset(rate, 0, sizeof *rate);
	rate->first_ms = now_ms;
	rate->last_slot = slot_of(now_ms);
}

void
ph_rate_count(ph_rate *rate, int64_t now_ms)
{
	int64_t slot = slot_of(now_ms);
	if (slot - rate->last_slot > PH_RATE_SLOTS)
		rate->last_slot = slot - PH_RATE_SLOTS;
	while (rate->last_slot < slot)
		rate->slots[++rate->last_slot % PH_RATE_SLOTS] = 0;
	rate->slots[slot % PH_RATE_SLOTS]++;
}

uint64_t
ph_rate_minute(const ph_rate *rate, int64_t now_ms)
{
	int64_t now = slot_of(now_ms);
	int64_t oldest = now - PH_RATE_SLOTS + 1;
	uint64_t sum = 0;
	int64_t since_ms = oldest * PH_RATE_SLOT_MS;
	if (since_ms < rate->first_ms) {
		since_ms = rate->first_ms;
		oldest = slot_of(since_ms);
	}
	for (int64_t slot = oldest; slot <= rate->last_slot; slot++)
		sum += rate->slots[slot % PH_RATE_SLOTS];
	uint64_t watched_ms = (uint64_t) (now_ms - since_ms);
	if (watched_ms < MINUTE_MS)
		watched_ms = MINUTE_MS;
	uint64_t rounded = (sum * MINUTE_MS + watched_ms / 2) / watched_ms;
	return sum > 0 && rounded == 0 ? 1 : rounded;
}
