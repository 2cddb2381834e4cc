/*
 * shelf_entry - see shelf_entry.h
 */
#include "broker/shelf_entry.h"

#include "lib/base/crc32c.h"

#define CRC_AT	   12u
#define SALT	   14u
#define SALT_FIRST 10u /* of the first builds */

static void
put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t) at[i] << (8 * i);
	return value;
}

static uint32_t
check_sum(uint16_t queue, uint64_t serial, uint32_t index, size_t salt_length,
    const uint8_t *at)
{
	uint8_t salt[SALT];
	put(salt, queue, 2);
	put(salt + 2, serial, 8);
	put(salt + 10, index, 4);
	uint32_t sum = ph_crc32c(0, salt, salt_length);
	sum = ph_crc32c(sum, at, CRC_AT);
	return ph_crc32c(sum, at + CRC_AT + 4, PH_SHELF_ENTRY - CRC_AT - 4);
}

void
ph_shelf_entry_encode(uint16_t queue, uint64_t serial, uint32_t index,
    const ph_shelf_entry *entry, uint8_t at[PH_SHELF_ENTRY])
{
	put(at, entry->number, 6);
	put(at + 6, (uint64_t) entry->accepted_ms, 6);
	put(at + 16, entry->offset, 8);
	put(at + 24, entry->key, 8);
	put(at + CRC_AT, check_sum(queue, serial, index, SALT, at), 4);
}

bool
ph_shelf_entry_decode(uint16_t queue, uint64_t serial, uint32_t index,
    const uint8_t at[PH_SHELF_ENTRY], ph_shelf_entry *out)
{
	uint64_t sum = get(at + CRC_AT, 4);
	*out = (ph_shelf_entry){.number = get(at, 6),
	    .accepted_ms = (int64_t) get(at + 6, 6),
	    .offset = get(at + 16, 8),
	    .key = get(at + 24, 8)};
	return sum == check_sum(queue, serial, index, SALT, at) ||
	       sum == check_sum(queue, serial, index, SALT_FIRST, at);
}
