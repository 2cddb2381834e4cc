/*
 * How it works: every record of an acceptance for the queue that is in the range of numbers is
 * gathered, carried ones too. Of several the last one counts, as it does for whoever reads the journal.
 * Since a shelf takes all that is accepted for its queue while something is on it, what is gathered is
 * what was on it, and before that perhaps something that was taken from its first file already.
 */
#include "broker/reshelve.h"

#include <inttypes.h>
#include <stdlib.h>

#include "broker/accept.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/wire/message.h"

#define FIRST_ROOM 1024 /* entries */

typedef struct gathering {
	ph_broker *broker;
	uint64_t first, last; /* numbers that are looked for */
	ph_shelf_entry *list;
	size_t count, capacity;
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
	if (accept->has_failure || accept->acceptance < all->first ||
	    accept->acceptance > all->last)
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
gather_all(gathering *all, ph_error *err)
{
	ph_broker *broker = all->broker;
	ph_store_reader *reader = NULL;
	ph_store_record record;
	uint64_t until = broker->last_position.offset;
	ph_status status = ph_store_reader_new(
	    broker->store, (ph_position){.offset = 0}, 0, &reader, err);
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

/* Of the nth file as many as it had, taken ones left out; *at is behind the file before. Their
 * place in the list, or SIZE_MAX: that is not what it had. */
static size_t
place_of(const gathering *all, size_t nth, const ph_shelf_range *file, size_t *at)
{
	size_t begin = *at;
	while (*at < all->count && all->list[*at].number <= file->last)
		(*at)++;
	if (*at - begin < file->count || all->list[*at - 1].number != file->last)
		return SIZE_MAX;
	size_t place = *at - (size_t) file->count;
	bool whole = place == begin && all->list[place].number == file->first;
	return nth == 0 || whole ? place : SIZE_MAX;
}

/* Where in the list the shelf begins; SIZE_MAX: the list is not what was on it. */
static size_t
begin_of(const gathering *all, const ph_shelf *shelf)
{
	ph_shelf_range file;
	size_t at = 0, begin = SIZE_MAX;
	for (size_t nth = 0; ph_shelf_lost(shelf, nth, &file); nth++) {
		size_t place = place_of(all, nth, &file, &at);
		if (place == SIZE_MAX)
			return SIZE_MAX;
		begin = nth == 0 ? place : begin;
	}
	return begin;
}

static ph_status
put_back(const gathering *all, ph_shelf *shelf, ph_error *err)
{
	ph_status status = PH_OK;
	size_t begin = begin_of(all, shelf);
	if (begin == SIZE_MAX)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5323 the journal does not have what was on the shelf of queue "
		    "%u",
		    all->queue);
	ph_shelf_restart(shelf);
	for (size_t i = begin; status == PH_OK && i < all->count; i++) {
		status = ph_shelf_reserve(shelf, err);
		if (status == PH_OK)
			ph_shelf_add(shelf, &all->list[i]);
	}
	return status;
}

ph_status
ph_reshelve(ph_broker *broker, ph_destination *to, ph_error *err)
{
	ph_shelf_range file;
	gathering all = {.broker = broker, .queue = ph_queue_number(to->queue)};
	for (size_t nth = 0; ph_shelf_lost(to->shelf, nth, &file); nth++) {
		all.first = nth == 0 ? file.first : all.first;
		all.last = file.last;
	}
	PH_ASSERT(all.first > 0);
	ph_status status = gather_all(&all, err);
	if (status == PH_OK)
		status = put_back(&all, to->shelf, err);
	if (status == PH_OK)
		ph_log(PH_LOG_WARN, "shelf-remade", "queue=%s entries=%" PRIu64,
		    ph_queue_name(to->queue), ph_shelf_count(to->shelf));
	free(all.list);
	return status;
}
