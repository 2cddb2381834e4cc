/*
 * How it works: acceptances grow along the journal, so all from the first accept that is there on are
 * there. Only what was carried and is older than that one is of interest among the carries. They
 * stand in any order, for a message may be carried again and again, but the window wants them in
 * order: so they are gathered and sorted, the oldest `most` of them at a time, and the journal is read
 * once for each chunk.
 */
#include "broker/remember.h"

#include <stdlib.h>
#include <string.h>

#include "broker/carry.h"
#include "broker/keep.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

typedef struct seen {
	uint64_t acceptance;
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
} seen;

/* The carried ones with acceptances from `from` to before `until`. */
typedef struct chunk {
	uint64_t from, until;
	bool more; /* there are some from `until` on, too */
	size_t count;
	size_t most; /* that are left when there is no more room */
	seen list[]; /* twice as many */
} chunk;

typedef ph_status visit(void *self, const ph_store_record *record, ph_error *err);

/* Every record up to sequence `last`; `fn` ends it with PH_ERR_AGAIN, which is no error. */
static ph_status
each_record(ph_broker *broker, uint64_t last, visit *fn, void *self, ph_error *err)
{
	ph_store_reader *reader = NULL;
	ph_store_record record = {.sequence = 0};
	ph_status status = ph_store_reader_new(
	    broker->store, (ph_position){.offset = 0}, 0, &reader, err);
	while (status == PH_OK && record.sequence < last) {
		status = ph_store_reader_next(reader, &record, err);
		if (status == PH_OK && record.sequence <= last)
			status = fn(self, &record, err);
	}
	ph_store_reader_destroy(&reader);
	return status == PH_ERR_AGAIN ? PH_OK : status;
}

static ph_status
find_first(void *self, const ph_store_record *record, ph_error *err)
{
	ph_record_accept accept;
	uint64_t *first = self;
	if (record->type != PH_RECORD_ACCEPT)
		return PH_OK;
	ph_status status =
	    ph_record_accept_decode(record->body, record->length, &accept, err);
	if (status == PH_OK)
		*first = accept.acceptance;
	return status == PH_OK ? PH_ERR_AGAIN : status;
}

/* ---- what was carried ---- */

static int
compare(const void *left, const void *right)
{
	const seen *a = left, *b = right;
	return (a->acceptance > b->acceptance) - (a->acceptance < b->acceptance);
}

/* Sorted; the same one twice is there once. */
static void
sort(chunk *all)
{
	size_t left = 0;
	qsort(all->list, all->count, sizeof *all->list, compare);
	for (size_t i = 0; i < all->count; i++) {
		if (left == 0 ||
		    all->list[left - 1].acceptance != all->list[i].acceptance)
			all->list[left++] = all->list[i];
	}
	all->count = left;
}

/* Room for one more: the youngest are left for the next chunk. */
static void
make_room(chunk *all)
{
	if (all->count < 2 * all->most)
		return;
	sort(all);
	if (all->count <= all->most)
		return;
	all->until = all->list[all->most].acceptance;
	all->count = all->most;
	all->more = true;
}

static ph_status
gather(void *self, const ph_store_record *record, ph_error *err)
{
	chunk *all = self;
	ph_record_carry is;
	ph_record_accept accept;
	if (record->type != PH_RECORD_CARRY)
		return PH_OK;
	ph_status status =
	    ph_record_carry_decode(record->body, record->length, &is, err);
	if (status != PH_OK || is.type != PH_RECORD_ACCEPT)
		return status;
	status = ph_record_accept_decode(is.body, is.length, &accept, err);
	if (status != PH_OK || accept.acceptance < all->from)
		return status;
	make_room(all);
	if (accept.acceptance >= all->until) /* for the next chunk, perhaps just now */
		return PH_OK;
	seen *one = &all->list[all->count++];
	one->acceptance = accept.acceptance;
	memcpy(one->id, accept.id, PH_FINGERPRINT);
	memcpy(one->content, accept.content, PH_FINGERPRINT);
	return PH_OK;
}

static ph_status
add_carried(
    ph_broker *broker, uint64_t last, uint64_t first, size_t most, ph_error *err)
{
	chunk *all = calloc(1, sizeof *all + 2 * most * sizeof *all->list);
	ph_status status = PH_OK;
	if (all == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the duplicate window");
	all->most = most;
	all->more = true;
	while (status == PH_OK && all->more) {
		all->from = all->until;
		all->until = first;
		all->more = false;
		all->count = 0;
		status = each_record(broker, last, gather, all, err);
		sort(all);
		for (size_t i = 0; status == PH_OK && i < all->count; i++)
			ph_duplicates_add(broker->duplicates, all->list[i].id,
			    all->list[i].content, all->list[i].acceptance);
	}
	free(all);
	return status;
}

/* ---- what is where it was written ---- */

static ph_status
add_accept(void *self, const ph_store_record *record, ph_error *err)
{
	ph_broker *broker = self;
	ph_record_accept accept;
	if (record->type != PH_RECORD_ACCEPT)
		return PH_OK;
	ph_status status =
	    ph_record_accept_decode(record->body, record->length, &accept, err);
	if (status == PH_OK)
		ph_duplicates_add(
		    broker->duplicates, accept.id, accept.content, accept.acceptance);
	return status;
}

/* ---- where it is kept ---- */

static size_t
limit_of(const ph_broker *broker, ph_option option)
{
	return (size_t) ph_options_get(&broker->site->options, option);
}

static ph_status
begin_in_memory(ph_broker *broker, const ph_error *why, ph_error *err)
{
	size_t most = limit_of(broker, PH_OPTION_DUPLICATES_MEMORY);
	size_t limit = limit_of(broker, PH_OPTION_DUPLICATES);
	most = most < limit ? most : limit;
	ph_log(PH_LOG_ERROR, "duplicates-in-memory",
	    "most=%zu text=PH5376 no file can be made for the duplicate window: %s",
	    most, why->text);
	ph_duplicates_destroy(&broker->duplicates);
	return ph_duplicates_new(most, &broker->duplicates, err);
}

static ph_status
begin(ph_broker *broker, ph_error *err)
{
	ph_error why = {.status = PH_OK};
	const char *state = broker->site->state;
	if (!ph_keep_allows(broker, PH_DUPLICATES_STEP)) {
		ph_duplicates_remove(broker->fs, state); /* it would be replaced */
		(void) ph_fail(&why, PH_ERR_FULL,
		    "PH5371 the disk has no room for it beside new messages");
	} else if (ph_duplicates_begin(broker->duplicates, broker->fs, state, &why) ==
		   PH_OK) {
		return PH_OK;
	}
	return begin_in_memory(broker, &why, err);
}

/* ---- all of it ---- */

ph_status
ph_remember(ph_broker *broker, uint64_t last, size_t most, ph_error *err)
{
	PH_ASSERT(most > 0);
	uint64_t first = UINT64_MAX;
	ph_status status = begin(broker, err);
	if (status != PH_OK || last == 0)
		return status;
	if (ph_carry_happened(broker)) {
		status = each_record(broker, last, find_first, &first, err);
		if (status == PH_OK)
			status = add_carried(broker, last, first, most, err);
	}
	return status == PH_OK ? each_record(broker, last, add_accept, broker, err)
			       : status;
}
