/*
 * How it works: file by file, every record of an acceptance for the queue that is in the file's range of
 * numbers is gathered, carried ones too. Of several the last one counts, as it does for whoever reads the
 * journal. Since a shelf takes all that is accepted for its queue while something is on it, what is
 * gathered is what was in the file, and in the first one perhaps something that was taken already.
 *
 * What belongs to later files stands behind the first record of a number past this one's: the next
 * reading begins there.
 */
#include "broker/reshelve.h"

#include <inttypes.h>
#include <stdlib.h>

#include "broker/accept.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/wire/message.h"

#define FIRST_ROOM 1024 /* entries */

/* One file's entries. */
typedef struct gathering {
	ph_broker *broker;
	ph_shelf_range file; /* numbers that are looked for */
	ph_shelf_entry *list;
	size_t count, capacity;
	ph_position
	    behind; /* the first record of a number past them; offset 0: none yet */
	uint16_t queue;
} gathering;

static int
compare(const void *left, const void *right)
{
	const ph_shelf_entry *a = left, *b = right;
	int order = (a->number > b->number) - (a->number < b->number);
	return order != 0 ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

/* In their order, each once, where it was written last. */
static void
sort(gathering *all)
{
	size_t left = 0;
	if (all->count > 0)
		qsort(all->list, all->count, sizeof *all->list, compare);
	for (size_t i = 0; i < all->count; i++) {
		if (left > 0 && all->list[left - 1].number == all->list[i].number)
			left--;
		all->list[left++] = all->list[i];
	}
	all->count = left;
}

static ph_status
make_room(gathering *all, ph_error *err)
{
	if (all->count < all->capacity)
		return PH_OK;
	sort(all);
	if (all->count < all->capacity / 2)
		return PH_OK;
	size_t capacity = all->capacity == 0 ? FIRST_ROOM : all->capacity * 2;
	ph_shelf_entry *list = realloc(all->list, capacity * sizeof *list);
	if (list == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to make a shelf again");
	all->list = list;
	all->capacity = capacity;
	return PH_OK;
}

static bool
is_wanted(const gathering *all, const ph_record_accept *accept)
{
	if (accept->has_failure || accept->acceptance < all->file.first ||
	    accept->acceptance > all->file.last)
		return false;
	for (size_t i = 0; i < accept->queue_count; i++) {
		if (accept->queues[i] == all->queue)
			return true;
	}
	return false;
}

static ph_status
gather(gathering *all, const ph_store_record *record, const void *body, size_t length,
    ph_error *err)
{
	ph_record_accept accept;
	ph_message *message = NULL;
	ph_status status = ph_record_accept_decode(body, length, &accept, err);
	if (status == PH_OK && accept.acceptance > all->file.last &&
	    all->behind.offset == 0)
		all->behind = record->position;
	if (status != PH_OK || !is_wanted(all, &accept))
		return status;
	status = make_room(all, err);
	if (status == PH_OK)
		status = ph_message_decode(
		    accept.message.data, accept.message.length, &message, err);
	if (status != PH_OK)
		return status;
	all->list[all->count++] = (ph_shelf_entry){.number = accept.acceptance,
	    .offset = record->position.offset,
	    .key = ph_accept_order(all->broker, message),
	    .accepted_ms = accept.accepted_ms};
	ph_message_unref(&message);
	return PH_OK;
}

static ph_status
look_at(gathering *all, const ph_store_record *record, ph_error *err)
{
	ph_record_carry is;
	if (record->type == PH_RECORD_ACCEPT)
		return gather(all, record, record->body, record->length, err);
	if (record->type != PH_RECORD_CARRY)
		return PH_OK;
	ph_status status =
	    ph_record_carry_decode(record->body, record->length, &is, err);
	if (status != PH_OK || is.type != PH_RECORD_ACCEPT)
		return status;
	return gather(all, record, is.body, is.length, err);
}

static ph_status
gather_all(gathering *all, ph_position from, ph_error *err)
{
	ph_broker *broker = all->broker;
	ph_store_reader *reader = NULL;
	ph_store_record record;
	uint64_t until = broker->last_position.offset;
	ph_status status = ph_store_reader_new(broker->store, from, 0, &reader, err);
	while (status == PH_OK) {
		status = ph_store_reader_next(reader, &record, err);
		if (status != PH_OK || record.position.offset > until)
			break;
		status = look_at(all, &record, err);
	}
	ph_store_reader_destroy(&reader);
	sort(all);
	return status == PH_ERR_AGAIN ? PH_OK : status;
}

/* Where in the list the file begins, taken ones of the first left out; SIZE_MAX: the list is not what was
 * in it. */
static size_t
begin_of(const gathering *all, bool first)
{
	const ph_shelf_range *file = &all->file;
	if (all->count < file->count || all->list[all->count - 1].number != file->last)
		return SIZE_MAX;
	size_t begin = all->count - (size_t) file->count;
	bool whole = begin == 0 && all->list[0].number == file->first;
	return first || whole ? begin : SIZE_MAX;
}

static ph_status
put_back(const gathering *all, bool first, ph_shelf *shelf, ph_error *err)
{
	ph_status status = PH_OK;
	size_t begin = begin_of(all, first);
	if (begin == SIZE_MAX)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5323 the journal does not have what was on the shelf of queue "
		    "%u",
		    all->queue);
	for (size_t i = begin; status == PH_OK && i < all->count; i++) {
		status = ph_shelf_reserve(shelf, err);
		if (status == PH_OK)
			ph_shelf_add(shelf, &all->list[i]);
	}
	return status;
}

static ph_status
remake(gathering *all, const ph_shelf_range *files, size_t count, ph_shelf *shelf,
    ph_error *err)
{
	ph_status status = PH_OK;
	ph_shelf_restart(shelf);
	for (size_t i = 0; status == PH_OK && i < count; i++) {
		ph_position from = all->behind;
		all->file = files[i];
		all->behind.offset = 0;
		all->count = 0;
		status = gather_all(all, from, err);
		if (status == PH_OK)
			status = put_back(all, i == 0, shelf, err);
	}
	free(all->list);
	return status;
}

ph_status
ph_reshelve(ph_broker *broker, ph_destination *to, ph_error *err)
{
	ph_shelf_range file;
	size_t count = 0;
	gathering all = {.broker = broker, .queue = ph_queue_number(to->queue)};
	while (ph_shelf_lost(to->shelf, count, &file))
		count++;
	PH_ASSERT(count > 0);
	ph_shelf_range *files = calloc(count, sizeof *files);
	if (files == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to make a shelf again");
	for (size_t nth = 0; nth < count; nth++)
		(void) ph_shelf_lost(to->shelf, nth, &files[nth]);
	ph_status status = remake(&all, files, count, to->shelf, err);
	free(files);
	if (status != PH_OK)
		return status;
	broker->reshelved = true;
	ph_log(PH_LOG_WARN, "shelf-remade", "queue=%s entries=%" PRIu64,
	    ph_queue_name(to->queue), ph_shelf_count(to->shelf));
	return status;
}
