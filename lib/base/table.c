/*
 * table - entries in the order they came, and an open-addressed index into them.
 *
 * An index slot holds an entry's number plus 2; 0 is a slot never used, 1 one whose entry was
 * removed. Removed entries stay as gaps (key NULL) until the table is rebuilt, which happens
 * only in put, so removing while iterating is allowed. The index is at most half full,
 * counting gaps, and probing is linear.
 */
#include "lib/base/table.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"

#define SMALLEST 8 /* entries */
#define UNUSED	 UINT32_C(0)
#define REMOVED	 UINT32_C(1)
#define OFFSET	 UINT32_C(2)
#define NO_SLOT	 SIZE_MAX

typedef struct entry {
	uint64_t hash;
	char *key; /* ours, zero-terminated after `length` bytes; NULL: removed */
	size_t length;
	void *value;
} entry;

struct ph_table {
	entry *entries;	 /* `capacity` of them */
	size_t used;	 /* entries in use, gaps included */
	size_t live;	 /* entries without gaps */
	size_t capacity; /* a power of two */
	uint32_t *index; /* 2 * capacity slots */
};

static uint64_t
rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static uint64_t
load64(const uint8_t *bytes, size_t count)
{
	uint64_t value = 0;
	for (size_t i = 0; i < count; i++)
		value |= (uint64_t) bytes[i] << (8 * i);
	return value;
}

uint64_t
ph_siphash(const uint8_t key[16], const void *bytes, size_t length)
{
	uint64_t k0 = load64(key, 8);
	uint64_t k1 = load64(key + 8, 8);
	uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575),
	    k1 ^ UINT64_C(0x646f72616e646f6d), k0 ^ UINT64_C(0x6c7967656e657261),
	    k1 ^ UINT64_C(0x7465646279746573)};
	const uint8_t *at = bytes;
	size_t left = length;
	for (; left >= 8; at += 8, left -= 8) {
		uint64_t word = load64(at, 8);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	uint64_t last = (uint64_t) length << 56 | load64(at, left);
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint8_t process_key[16];
static pthread_once_t key_made = PTHREAD_ONCE_INIT;

static void
make_key(void)
{
	ph_status status = ph_os_random(process_key, sizeof process_key, NULL);
	PH_ASSERT(status == PH_OK);
}

static uint64_t
hash_of(const void *key, size_t length)
{
	pthread_once(&key_made, make_key);
	return ph_siphash(process_key, key, length);
}

ph_status
ph_table_new(ph_table **out, ph_error *err)
{
	PH_ASSERT(out != NULL);
	ph_table *table = calloc(1, sizeof *table);
	if (table == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a table");
	*out = table;
	return PH_OK;
}

void
ph_table_destroy(ph_table **table_p, void (*destroy)(void *value))
{
	if (table_p == NULL || *table_p == NULL)
		return;
	ph_table *table = *table_p;
	for (size_t i = 0; i < table->used; i++) {
		if (table->entries[i].key != NULL && destroy != NULL)
			destroy(table->entries[i].value);
		free(table->entries[i].key);
	}
	free(table->entries);
	free(table->index);
	free(table);
	*table_p = NULL;
}

static size_t
mask_of(const ph_table *table)
{
	return 2 * table->capacity - 1;
}

/* The slot that points at the key's entry, or NO_SLOT. */
static size_t
find(const ph_table *table, uint64_t hash, const void *key, size_t length)
{
	if (table->live == 0)
		return NO_SLOT;
	for (size_t slot = hash & mask_of(table);; slot = (slot + 1) & mask_of(table)) {
		uint32_t held = table->index[slot];
		if (held == UNUSED)
			return NO_SLOT;
		if (held == REMOVED)
			continue;
		const entry *here = &table->entries[held - OFFSET];
		if (here->hash == hash && here->length == length &&
		    (length == 0 || memcmp(here->key, key, length) == 0))
			return slot;
	}
}

static void
point_at(ph_table *table, size_t number)
{
	size_t slot = table->entries[number].hash & mask_of(table);
	while (table->index[slot] != UNUSED)
		slot = (slot + 1) & mask_of(table);
	table->index[slot] = (uint32_t) number + OFFSET;
}

/* Close the gaps, with room for at least one more entry. */
static bool
rebuild(ph_table *table)
{
	size_t capacity = SMALLEST;
	while (capacity < table->live + table->live / 2 + 1)
		capacity *= 2;
	if (capacity > UINT32_MAX / 4)
		return false;
	entry *entries = malloc(capacity * sizeof *entries);
	uint32_t *index = calloc(2 * capacity, sizeof *index);
	if (entries == NULL || index == NULL) {
		free(entries);
		free(index);
		return false;
	}
	size_t used = 0;
	for (size_t i = 0; i < table->used; i++) {
		if (table->entries[i].key != NULL)
			entries[used++] = table->entries[i];
	}
	PH_ASSERT(used == table->live);
	free(table->entries);
	free(table->index);
	table->entries = entries;
	table->index = index;
	table->capacity = capacity;
	table->used = used;
	for (size_t i = 0; i < used; i++)
		point_at(table, i);
	return true;
}

void *
ph_table_get(const ph_table *table, const void *key, size_t length)
{
	if (table->live == 0)
		return NULL;
	size_t slot = find(table, hash_of(key, length), key, length);
	return slot == NO_SLOT ? NULL
			       : table->entries[table->index[slot] - OFFSET].value;
}

void *
ph_table_gets(const ph_table *table, const char *key)
{
	return ph_table_get(table, key, strlen(key));
}

static char *
copy_key(const void *key, size_t length)
{
	char *copy = length == SIZE_MAX ? NULL : malloc(length + 1);
	if (copy == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, key, length);
	copy[length] = '\0';
	return copy;
}

ph_status
ph_table_put(
    ph_table *table, const void *key, size_t length, void *value, ph_error *err)
{
	PH_ASSERT(table != NULL && value != NULL && (key != NULL || length == 0));
	uint64_t hash = hash_of(key, length);
	size_t slot = find(table, hash, key, length);
	if (slot != NO_SLOT) {
		table->entries[table->index[slot] - OFFSET].value = value;
		return PH_OK;
	}
	char *copy = copy_key(key, length);
	if (copy == NULL || (table->used == table->capacity && !rebuild(table))) {
		free(copy);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for an entry of a table");
	}
	table->entries[table->used] =
	    (entry){.hash = hash, .key = copy, .length = length, .value = value};
	point_at(table, table->used);
	table->used++;
	table->live++;
	return PH_OK;
}

ph_status
ph_table_puts(ph_table *table, const char *key, void *value, ph_error *err)
{
	return ph_table_put(table, key, strlen(key), value, err);
}

void *
ph_table_remove(ph_table *table, const void *key, size_t length)
{
	if (table->live == 0)
		return NULL;
	size_t slot = find(table, hash_of(key, length), key, length);
	if (slot == NO_SLOT)
		return NULL;
	entry *gone = &table->entries[table->index[slot] - OFFSET];
	void *value = gone->value;
	free(gone->key);
	*gone = (entry){.key = NULL};
	table->index[slot] = REMOVED;
	table->live--;
	return value;
}

size_t
ph_table_count(const ph_table *table)
{
	return table->live;
}

void *
ph_table_next(const ph_table *table, size_t *cursor, const void **key, size_t *length)
{
	while (*cursor < table->used) {
		const entry *here = &table->entries[(*cursor)++];
		if (here->key == NULL)
			continue;
		if (key != NULL)
			*key = here->key;
		if (length != NULL)
			*length = here->length;
		return here->value;
	}
	return NULL;
}
