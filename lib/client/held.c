/*
 * How it works: open addressing with linear probing and backward-shift deletion, so no tombstones
 * gather. Delivery numbers are never 0.
 */
#include "lib/client/inner.h"

#include <stdlib.h>

#include "lib/base/assert.h"

#define FIRST_CAPACITY 64

static size_t
home(const ph_held *held, uint64_t delivery)
{
	return (size_t) ((delivery * 0x9e3779b97f4a7c15u) >> 32) & (held->capacity - 1);
}

void
ph_held_fini(ph_held *held)
{
	free(held->slots);
	*held = (struct ph_held){0};
}

static void
put(ph_held *held, uint64_t delivery)
{
	size_t i = home(held, delivery);
	while (held->slots[i] != 0 && held->slots[i] != delivery)
		i = (i + 1) & (held->capacity - 1);
	if (held->slots[i] == 0)
		held->count++;
	held->slots[i] = delivery;
}

static bool
grow(ph_held *held)
{
	struct ph_held old = *held;
	size_t capacity = old.capacity == 0 ? FIRST_CAPACITY : old.capacity * 2;
	uint64_t *slots = calloc(capacity, sizeof *slots);
	if (slots == NULL)
		return false;
	*held = (struct ph_held){.slots = slots, .capacity = capacity};
	for (size_t i = 0; i < old.capacity; i++) {
		if (old.slots[i] != 0)
			put(held, old.slots[i]);
	}
	free(old.slots);
	return true;
}

ph_status
ph_held_add(ph_held *held, uint64_t delivery, ph_error *err)
{
	PH_ASSERT(delivery != 0);
	if ((held->count + 1) * 2 > held->capacity && !grow(held))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for held deliveries");
	put(held, delivery);
	return PH_OK;
}

bool
ph_held_remove(ph_held *held, uint64_t delivery)
{
	if (held->count == 0)
		return false;
	size_t mask = held->capacity - 1;
	size_t hole = home(held, delivery);
	while (held->slots[hole] != delivery) {
		if (held->slots[hole] == 0)
			return false;
		hole = (hole + 1) & mask;
	}
	for (size_t i = (hole + 1) & mask; held->slots[i] != 0; i = (i + 1) & mask) {
		size_t from = home(held, held->slots[i]);
		if (((i - from) & mask) < ((i - hole) & mask))
			continue;
		held->slots[hole] = held->slots[i];
		hole = i;
	}
	held->slots[hole] = 0;
	held->count--;
	return true;
}
