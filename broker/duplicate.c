/*
 * How it works: a ring of what was accepted, in order, and an open-addressing index of u32 ring
 * places (place + 1; 0 is free) found by the first bytes of the fingerprint, which is keyed and so
 * as good as random. Both double until the window is full; then the oldest makes room. Large
 * calloc'ed blocks cost no memory until they are written to.
 */
#include "broker/duplicate.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define FIRST_CAPACITY 1024

typedef struct seen {
	uint8_t id[PH_FINGERPRINT];
	uint8_t content[PH_FINGERPRINT];
	uint64_t acceptance;
} seen;

struct ph_duplicates {
	seen *ring;
	uint32_t *index;
	size_t limit; /* the window */
	size_t
	    capacity; /* of the ring now; the index has twice as many slots, a power of two */
	size_t slots;
	size_t oldest;
	size_t count;
};

static bool
allocate(ph_duplicates *duplicates, size_t capacity)
{
	size_t slots = FIRST_CAPACITY;
	while (slots < capacity * 2)
		slots *= 2;
	seen *ring = calloc(capacity, sizeof *ring);
	uint32_t *index = calloc(slots, sizeof *index);
	if (ring == NULL || index == NULL) {
		free(ring);
		free(index);
		return false;
	}
	duplicates->ring = ring;
	duplicates->index = index;
	duplicates->capacity = capacity;
	duplicates->slots = slots;
	return true;
}

ph_status
ph_duplicates_new(size_t capacity, ph_duplicates **out, ph_error *err)
{
	PH_ASSERT(capacity > 0 && capacity < UINT32_MAX);
	ph_duplicates *duplicates = calloc(1, sizeof *duplicates);
	size_t first = capacity < FIRST_CAPACITY ? capacity : FIRST_CAPACITY;
	if (duplicates == NULL || !allocate(duplicates, first)) {
		free(duplicates);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the duplicate window");
	}
	duplicates->limit = capacity;
	*out = duplicates;
	return PH_OK;
}

void
ph_duplicates_destroy(ph_duplicates **duplicates_p)
{
	ph_duplicates *duplicates = *duplicates_p;
	*duplicates_p = NULL;
	if (duplicates == NULL)
		return;
	free(duplicates->ring);
	free(duplicates->index);
	free(duplicates);
}

static size_t
home(const ph_duplicates *duplicates, const uint8_t *id)
{
	uint64_t hash;
	memcpy(&hash, id, sizeof hash);
	return (size_t) hash & (duplicates->slots - 1);
}

/* The slot of an id, or the free one where it would go. */
static size_t
find(const ph_duplicates *duplicates, const uint8_t *id)
{
	size_t at = home(duplicates, id);
	while (duplicates->index[at] != 0) {
		const seen *there = &duplicates->ring[duplicates->index[at] - 1];
		if (memcmp(there->id, id, PH_FINGERPRINT) == 0)
			break;
		at = (at + 1) & (duplicates->slots - 1);
	}
	return at;
}

static void
remove_slot(ph_duplicates *duplicates, size_t at)
{
	size_t mask = duplicates->slots - 1;
	size_t probe = at;
	duplicates->index[at] = 0;
	for (;;) {
		probe = (probe + 1) & mask;
		uint32_t place = duplicates->index[probe];
		if (place == 0)
			return;
		size_t from = home(duplicates, duplicates->ring[place - 1].id);
		if (((probe - from) & mask) < ((probe - at) & mask))
			continue;
		duplicates->index[at] = place;
		duplicates->index[probe] = 0;
		at = probe;
	}
}

static bool
grow(ph_duplicates *duplicates)
{
	ph_duplicates old = *duplicates;
	size_t capacity = old.capacity * 2;
	if (!allocate(duplicates, capacity > old.limit ? old.limit : capacity))
		return false;
	for (size_t i = 0; i < old.count; i++) {
		duplicates->ring[i] = old.ring[(old.oldest + i) % old.capacity];
		size_t at = find(duplicates, duplicates->ring[i].id);
		duplicates->index[at] = (uint32_t) i + 1;
	}
	duplicates->oldest = 0;
	free(old.ring);
	free(old.index);
	return true;
}

ph_repeat
ph_duplicates_look(const ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT],
    const uint8_t content[PH_FINGERPRINT], uint64_t *acceptance)
{
	uint32_t place = duplicates->index[find(duplicates, id)];
	if (place == 0)
		return PH_REPEAT_NO;
	const seen *there = &duplicates->ring[place - 1];
	*acceptance = there->acceptance;
	return memcmp(there->content, content, PH_FINGERPRINT) == 0
		   ? PH_REPEAT_SAME
		   : PH_REPEAT_CONFLICT;
}

static void
forget_oldest(ph_duplicates *duplicates)
{
	seen *oldest = &duplicates->ring[duplicates->oldest];
	remove_slot(duplicates, find(duplicates, oldest->id));
	duplicates->oldest = (duplicates->oldest + 1) % duplicates->capacity;
	duplicates->count--;
}

void
ph_duplicates_add(ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT],
    const uint8_t content[PH_FINGERPRINT], uint64_t acceptance)
{
	if (duplicates->count == duplicates->capacity &&
	    (duplicates->capacity == duplicates->limit || !grow(duplicates)))
		forget_oldest(duplicates);
	size_t at = find(duplicates, id);
	bool fresh = duplicates->index[at] == 0;
	size_t next = (duplicates->oldest + duplicates->count) % duplicates->capacity;
	size_t place = fresh ? next : duplicates->index[at] - 1;
	seen *there = &duplicates->ring[place];
	memcpy(there->id, id, PH_FINGERPRINT);
	memcpy(there->content, content, PH_FINGERPRINT);
	there->acceptance = acceptance;
	duplicates->index[at] = (uint32_t) place + 1;
	duplicates->count += fresh;
}

size_t
ph_duplicates_count(const ph_duplicates *duplicates)
{
	return duplicates->count;
}

void
ph_duplicates_save(const ph_duplicates *duplicates, ph_buffer *out)
{
	ph_buffer_u64(out, duplicates->count);
	for (size_t i = 0; i < duplicates->count; i++) {
		const seen *at =
		    &duplicates->ring[(duplicates->oldest + i) % duplicates->capacity];
		ph_buffer_append(out, at->id, PH_FINGERPRINT);
		ph_buffer_append(out, at->content, PH_FINGERPRINT);
		ph_buffer_u64(out, at->acceptance);
	}
}

ph_status
ph_duplicates_load(
    ph_duplicates *duplicates, const void *bytes, size_t length, ph_error *err)
{
	ph_reader reader;
	PH_ASSERT(duplicates->count == 0);
	ph_reader_init(&reader, bytes, length);
	uint64_t count = ph_reader_u64(&reader);
	if (reader.failed || ph_reader_left(&reader) % (2 * PH_FINGERPRINT + 8) != 0 ||
	    ph_reader_left(&reader) / (2 * PH_FINGERPRINT + 8) != count)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5343 the duplicates in the checkpoint make no sense");
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *id = ph_reader_bytes(&reader, PH_FINGERPRINT);
		const uint8_t *content = ph_reader_bytes(&reader, PH_FINGERPRINT);
		ph_duplicates_add(duplicates, id, content, ph_reader_u64(&reader));
	}
	return PH_OK;
}
