/*
 * How it works: 256 tables, chosen by the first byte of the fingerprint, which is keyed and so as
 * good as random. Each is an open-addressing table of u64 slots: the tag (bytes 4 to 7 of the
 * fingerprint) above, the place + 1 below; 0 is free. The home of an entry is the low bits of its
 * tag, so a table doubles from its slots alone, and only one 256th of all moves at a time.
 *
 * Tables are at most three quarters full; without memory they may fill further, to 15 of 16.
 *
 * Neighbours of the same size lie together in slabs of 2 MiB, which the system can map in one huge
 * page: most of the cost of a look is finding the page. A slab goes when the last table has moved
 * out of it.
 */
#include "broker/duplicate_index.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"

#define TABLES	   256
#define FIRST_SIZE 64
#define SLAB_BYTES ((size_t) 2 << 20)
#define SIZES	   32 /* doublings */

/* Memory of tables that are neighbours and of the same size. */
typedef struct slab {
	uint64_t *slots;
	size_t users; /* tables in it */
} slab;

typedef struct table {
	uint64_t *slots;
	uint32_t mask; /* slots - 1 */
	uint32_t used;
} table;

struct ph_duplicate_index {
	table tables[TABLES];
	slab slabs[SIZES][TABLES]; /* by doubling and by group of tables */
	size_t count;		   /* in all tables */
};

static uint64_t
slot_of(uint32_t tag, uint32_t place)
{
	return (uint64_t) tag << 32 | (place + 1u);
}

static uint32_t
tag_of(const uint8_t *id)
{
	uint32_t tag;
	memcpy(&tag, id + 4, sizeof tag);
	return tag;
}

static void
insert(table *to, uint64_t slot)
{
	size_t at = (size_t) (slot >> 32) & to->mask;
	while (to->slots[at] != 0)
		at = (at + 1) & to->mask;
	to->slots[at] = slot;
	to->used++;
}

/* How many tables of this size share a slab. */
static size_t
sharing(size_t size)
{
	size_t count = SLAB_BYTES / (size * sizeof(uint64_t));
	return count == 0 ? 1 : count > TABLES ? TABLES : count;
}

static slab *
slab_of(ph_duplicate_index *index, size_t number, size_t size)
{
	size_t doubling = 0;
	while ((size_t) FIRST_SIZE << doubling < size)
		doubling++;
	PH_ASSERT(doubling < SIZES);
	return &index->slabs[doubling][number / sharing(size)];
}

static size_t
slab_bytes(size_t size)
{
	return sharing(size) * size * sizeof(uint64_t);
}

/* Zeroed slots for a table of this size; NULL: no memory. */
static uint64_t *
take_slots(ph_duplicate_index *index, size_t number, size_t size)
{
	slab *in = slab_of(index, number, size);
	if (in->slots == NULL)
		in->slots = ph_os_pages(slab_bytes(size));
	if (in->slots == NULL)
		return NULL;
	in->users++;
	return in->slots + number % sharing(size) * size;
}

static void
give_slots(ph_duplicate_index *index, size_t number, size_t size)
{
	slab *in = slab_of(index, number, size);
	PH_ASSERT(in->users > 0);
	if (--in->users > 0)
		return;
	ph_os_pages_free(in->slots, slab_bytes(size));
	in->slots = NULL;
}

static bool
resize(ph_duplicate_index *index, size_t number, size_t size)
{
	table *from = &index->tables[number];
	PH_ASSERT((size & (size - 1)) == 0 && size > from->used);
	table to = {
	    .slots = take_slots(index, number, size), .mask = (uint32_t) (size - 1)};
	if (to.slots == NULL)
		return false;
	if (from->slots != NULL) {
		for (size_t i = 0; i <= from->mask; i++) {
			if (from->slots[i] != 0)
				insert(&to, from->slots[i]);
		}
		give_slots(index, number, (size_t) from->mask + 1);
	}
	*from = to;
	return true;
}

ph_status
ph_duplicate_index_new(ph_duplicate_index **out, ph_error *err)
{
	ph_duplicate_index *index = calloc(1, sizeof *index);
	bool made = index != NULL;
	for (size_t i = 0; made && i < TABLES; i++)
		made = resize(index, i, FIRST_SIZE);
	if (!made) {
		ph_duplicate_index_destroy(&index);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the duplicate window");
	}
	*out = index;
	return PH_OK;
}

void
ph_duplicate_index_destroy(ph_duplicate_index **index_p)
{
	ph_duplicate_index *index = *index_p;
	*index_p = NULL;
	if (index == NULL)
		return;
	for (size_t i = 0; i < TABLES; i++) {
		if (index->tables[i].slots != NULL)
			give_slots(index, i, (size_t) index->tables[i].mask + 1);
	}
	free(index);
}

ph_status
ph_duplicate_index_reserve(ph_duplicate_index *index, size_t count, ph_error *err)
{
	size_t size = FIRST_SIZE;
	while (size / 4 * 3 <= count / TABLES)
		size *= 2;
	for (size_t i = 0; i < TABLES; i++) {
		if (size > (size_t) index->tables[i].mask + 1 &&
		    !resize(index, i, size))
			return ph_fail(
			    err, PH_ERR_NOMEM, "no memory for the duplicate window");
	}
	return PH_OK;
}

void
ph_duplicate_index_touch(
    const ph_duplicate_index *index, const uint8_t *ids, size_t stride, size_t count)
{
	volatile uint64_t sink;
	uint64_t all = 0;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *id = ids + i * stride;
		const table *in = &index->tables[id[0]];
		all |= in->slots[tag_of(id) & in->mask];
	}
	sink = all;
	(void) sink;
}

void
ph_duplicate_index_fetch(
    const ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT])
{
	const table *in = &index->tables[id[0]];
	__builtin_prefetch(&in->slots[tag_of(id) & in->mask]);
}

ph_duplicate_probe
ph_duplicate_index_probe(
    const ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT])
{
	uint32_t tag = tag_of(id);
	return (ph_duplicate_probe){
	    .table = id[0], .at = tag & index->tables[id[0]].mask, .tag = tag};
}

bool
ph_duplicate_index_next(
    const ph_duplicate_index *index, ph_duplicate_probe *probe, uint32_t *place)
{
	const table *in = &index->tables[probe->table];
	for (;;) {
		uint64_t slot = in->slots[probe->at];
		if (slot == 0)
			return false;
		probe->found = probe->at;
		probe->at = (probe->at + 1) & in->mask;
		if ((uint32_t) (slot >> 32) == probe->tag) {
			*place = (uint32_t) slot - 1;
			return true;
		}
	}
}

void
ph_duplicate_index_move(
    ph_duplicate_index *index, const ph_duplicate_probe *probe, uint32_t place)
{
	uint64_t *slot = &index->tables[probe->table].slots[probe->found];
	PH_ASSERT((uint32_t) (*slot >> 32) == probe->tag);
	*slot = slot_of(probe->tag, place);
}

bool
ph_duplicate_index_put(
    ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT], uint32_t place)
{
	table *to = &index->tables[id[0]];
	size_t size = (size_t) to->mask + 1;
	PH_ASSERT(place < UINT32_MAX);
	if (to->used >= size / 4 * 3 && !resize(index, id[0], size * 2) &&
	    to->used >= size / 16 * 15)
		return false;
	insert(to, slot_of(tag_of(id), place));
	index->count++;
	return true;
}

/* Free a slot, and close the hole: what stands behind it moves up, if its home allows. */
static void
close_hole(table *in, size_t hole)
{
	size_t probe = hole;
	in->slots[hole] = 0;
	for (;;) {
		probe = (probe + 1) & in->mask;
		uint64_t slot = in->slots[probe];
		if (slot == 0)
			return;
		size_t home = (size_t) (slot >> 32) & in->mask;
		if (((probe - home) & in->mask) < ((probe - hole) & in->mask))
			continue;
		in->slots[hole] = slot;
		in->slots[probe] = 0;
		hole = probe;
	}
}

void
ph_duplicate_index_remove(
    ph_duplicate_index *index, const uint8_t id[PH_FINGERPRINT], uint32_t place)
{
	ph_duplicate_probe probe = ph_duplicate_index_probe(index, id);
	uint32_t there;
	while (ph_duplicate_index_next(index, &probe, &there)) {
		if (there != place)
			continue;
		table *in = &index->tables[probe.table];
		close_hole(in, probe.found);
		in->used--;
		index->count--;
		return;
	}
}

size_t
ph_duplicate_index_count(const ph_duplicate_index *index)
{
	return index->count;
}
