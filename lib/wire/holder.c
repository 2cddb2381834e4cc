/*
 * How it works: one heap block: the count, the room, and some bytes to be taken; when those are gone,
 * further blocks, each twice as large as the one before, up to a limit.
 */
#include "lib/wire/holder.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/assert.h"

#define MAGIC 0x5048484fu /* "PHHO" */
#define ALIGN alignof(max_align_t)
#define INSIDE                                                                         \
	256u /* bytes to be taken from the first block: a message of a few attributes */
#define LARGEST 16384u

typedef struct block {
	struct block *before;
	alignas(max_align_t) unsigned char bytes[];
} block;

struct ph_holder {
	uint32_t magic;
	bool one_thread;
	atomic_uint users;
	void (*release)(void *room);
	block *blocks; /* the newest; NULL: none but this */
	unsigned char *first, *next, *end;
	size_t next_size; /* of the next block */
	alignas(max_align_t) unsigned char room[];
};

static size_t
aligned(size_t size)
{
	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

ph_holder *
ph_holder_new(size_t size, void (*release)(void *room), void **room)
{
	ph_holder *holder = malloc(sizeof *holder + aligned(size) + INSIDE);
	if (holder == NULL)
		return NULL;
	holder->magic = MAGIC;
	holder->one_thread = false;
	atomic_init(&holder->users, 1);
	holder->release = release;
	holder->blocks = NULL;
	holder->first = holder->room + aligned(size);
	ph_holder_empty(holder);
	*room = holder->room;
	return holder;
}

void
ph_holder_one_thread(ph_holder *holder)
{
	PH_ASSERT(ph_holder_alone(holder));
	holder->one_thread = true;
}

/* ---- users ---- */

/* Neither locked nor ordered: while only one thread can count. */
static void
count(ph_holder *holder, int by)
{
	unsigned users = atomic_load_explicit(&holder->users, memory_order_relaxed);
	atomic_store_explicit(
	    &holder->users, users + (unsigned) by, memory_order_relaxed);
}

ph_holder *
ph_holder_ref(ph_holder *holder)
{
	PH_ASSERT(holder != NULL && holder->magic == MAGIC);
	/* An atomic addition would wait for all that the caller has just written. */
	if (holder->one_thread || ph_holder_alone(holder))
		count(holder, 1);
	else
		atomic_fetch_add_explicit(&holder->users, 1, memory_order_relaxed);
	return holder;
}

bool
ph_holder_alone(const ph_holder *holder)
{
	PH_ASSERT(holder != NULL && holder->magic == MAGIC);
	return atomic_load_explicit(&holder->users, memory_order_acquire) == 1;
}

/* False: others are left. The last one need not count down, which would wait for all that it has
 * written. */
static bool
was_last(ph_holder *holder)
{
	if (ph_holder_alone(holder))
		return true;
	if (!holder->one_thread)
		return atomic_fetch_sub_explicit(
			   &holder->users, 1, memory_order_acq_rel) == 1;
	count(holder, -1);
	return false;
}

void
ph_holder_unref(ph_holder **holder_p)
{
	ph_holder *holder = *holder_p;
	*holder_p = NULL;
	if (holder == NULL || !was_last(holder))
		return;
	if (holder->release != NULL)
		holder->release(holder->room);
	ph_holder_empty(holder);
	holder->magic = 0;
	free(holder);
}

/* ---- memory ---- */

void
ph_holder_empty(ph_holder *holder)
{
	while (holder->blocks != NULL) {
		block *before = holder->blocks->before;
		free(holder->blocks);
		holder->blocks = before;
	}
	holder->next = holder->first;
	holder->end = holder->first + INSIDE;
	holder->next_size = 8 * INSIDE;
}

static bool
add_block(ph_holder *holder, size_t size)
{
	if (size < holder->next_size)
		size = holder->next_size;
	block *more = malloc(sizeof *more + size);
	if (more == NULL)
		return false;
	more->before = holder->blocks;
	holder->blocks = more;
	holder->next = more->bytes;
	holder->end = more->bytes + size;
	if (holder->next_size < LARGEST)
		holder->next_size *= 2;
	return true;
}

void *
ph_holder_take(ph_holder *holder, size_t size)
{
	PH_ASSERT(holder != NULL && holder->magic == MAGIC && size < SIZE_MAX / 2);
	size = aligned(size);
	if (size > (size_t) (holder->end - holder->next) && !add_block(holder, size))
		return NULL;
	void *taken = holder->next;
	holder->next += size;
	return taken;
}
