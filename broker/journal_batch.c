/*
 * journal_batch - memory is allocated with a page more than what it is for, to begin at a page; a
 * page before the records, of which they take what the place in the file leaves; and one behind.
 */
#include "broker/journal_batch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define START (64u << 10) /* bytes of the first memory */

bool
ph_batch_new(ph_batch *batch, size_t size)
{
	uint8_t *memory = malloc(size + 3 * PH_BATCH_PAGE);

	*batch = (ph_batch){.memory = memory};
	if (memory == NULL)
		return false;
	size_t over = (size_t) ((uintptr_t) memory % PH_BATCH_PAGE);
	batch->page = memory + (over == 0 ? 0 : PH_BATCH_PAGE - over);
	batch->bytes = batch->page;
	batch->size = size;
	return true;
}

void
ph_batch_free(ph_batch *batch)
{
	free(batch->memory);
	*batch = (ph_batch){.bytes = NULL};
}

bool
ph_batch_reserve(ph_batch *batch, uint64_t at, size_t more)
{
	size_t needed = batch->length + more;
	size_t size = batch->size < START ? START : batch->size;
	ph_batch larger;

	if (needed > batch->size) {
		while (size < needed)
			size *= 2;
		if (!ph_batch_new(&larger, size))
			return false;
		larger.bytes = larger.page + at % PH_BATCH_PAGE;
		if (batch->length > 0)
			memcpy(larger.bytes, batch->bytes, batch->length);
		larger.length = batch->length;
		free(batch->memory);
		*batch = larger;
	}
	if (batch->length == 0)
		batch->bytes = batch->page + at % PH_BATCH_PAGE;
	return true;
}

ph_span
ph_batch_span(ph_batch *batch, uint64_t at, ph_batch_edge *edge)
{
	size_t before = (size_t) (at % PH_BATCH_PAGE);
	size_t last = (size_t) ((at + batch->length) % PH_BATCH_PAGE);
	size_t fill = last == 0 ? 0 : PH_BATCH_PAGE - last;
	ph_span span = {.offset = at - before};

	if (batch->length == 0)
		return span;
	/* what was begun for another file's end may stand at another place */
	PH_ASSERT((size_t) (batch->bytes - batch->page) >= before);
	uint8_t *first = batch->bytes - before;
	memcpy(first, edge->bytes, before);
	memset(batch->bytes + batch->length, 0, fill);
	span.bytes = first;
	span.length = before + batch->length + fill;
	memcpy(edge->bytes, batch->bytes + batch->length - last, last);
	return span;
}
