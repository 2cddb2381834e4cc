/* How it works: one heap block, the count before the room. */
#include "lib/wire/holder.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/assert.h"

#define MAGIC 0x5048484fu /* "PHHO" */

struct ph_holder {
	uint32_t magic;
	atomic_uint users;
	void (*release)(void *room);
	alignas(max_align_t) unsigned char room[];
};

ph_holder *
ph_holder_new(size_t size, void (*release)(void *room), void **room)
{
	ph_holder *holder = malloc(sizeof *holder + size);
	if (holder == NULL)
		return NULL;
	holder->magic = MAGIC;
	atomic_init(&holder->users, 1);
	holder->release = release;
	*room = holder->room;
	return holder;
}

ph_holder *
ph_holder_ref(ph_holder *holder)
{
	PH_ASSERT(holder != NULL && holder->magic == MAGIC);
	atomic_fetch_add_explicit(&holder->users, 1, memory_order_relaxed);
	return holder;
}

bool
ph_holder_alone(const ph_holder *holder)
{
	PH_ASSERT(holder != NULL && holder->magic == MAGIC);
	return atomic_load_explicit(&holder->users, memory_order_acquire) == 1;
}

void
ph_holder_unref(ph_holder **holder_p)
{
	ph_holder *holder = *holder_p;
	*holder_p = NULL;
	if (holder == NULL)
		return;
	/* The last user need not count down, which would wait for all that it has written. */
	if (!ph_holder_alone(holder) &&
	    atomic_fetch_sub_explicit(&holder->users, 1, memory_order_acq_rel) != 1)
		return;
	if (holder->release != NULL)
		holder->release(holder->room);
	holder->magic = 0;
	free(holder);
}
