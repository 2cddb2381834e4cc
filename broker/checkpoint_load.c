/*
 * How it works: section after section, each checked for what the next one builds on: queues, entries,
 * items in the order of the file. What the sections do not agree on is found before anything is
 * folded; then the caller forgets all of it.
 */
#include "broker/checkpoint_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/accept.h"
#include "broker/carry.h"
#include "broker/cursor.h"
#include "broker/progress.h"
#include "broker/refill.h"
#include "lib/base/assert.h"
#include "lib/base/crc32c.h"
#include "lib/base/fs.h"
#include "lib/base/log.h"

static ph_status
senseless(const char *what, ph_error *err)
{
	return ph_fail(
	    err, PH_ERR_DAMAGED, "PH5343 the %s in the checkpoint make no sense", what);
}

static ph_status
open_section(
    const ph_checkpoint_file *file, uint32_t tag, ph_reader *out, ph_error *err)
{
	const ph_checkpoint_section *section = ph_checkpoint_file_find(file, tag);
	if (section == NULL)
		return ph_fail(
		    err, PH_ERR_DAMAGED, "PH5343 the checkpoint lacks section %u", tag);
	ph_reader_init(out, section->body, section->length);
	return PH_OK;
}

static bool
more(const ph_reader *reader)
{
	return !reader->failed && ph_reader_left(reader) > 0;
}

static ph_status
read_place(const ph_checkpoint_file *file, ph_checkpoint_place *out, ph_reader *rest,
    ph_error *err)
{
	ph_status status = open_section(file, PH_CHECKPOINT_PLACE, rest, err);
	if (status != PH_OK)
		return status;
	out->position.partition = ph_reader_u32(rest);
	out->position.offset = ph_reader_u64(rest);
	out->sequence = ph_reader_u64(rest);
	out->length = ph_reader_u32(rest);
	out->crc = ph_reader_u32(rest);
	return rest->failed ? senseless("places", err) : PH_OK;
}

ph_status
ph_checkpoint_state_place(ph_broker *broker, const ph_checkpoint_file *file,
    ph_checkpoint_place *out, ph_error *err)
{
	ph_store_record record;
	ph_reader rest;
	ph_status status = read_place(file, out, &rest, err);
	if (status != PH_OK)
		return status;
	status = ph_store_read(broker->store, out->position, &record, err);
	bool same = status == PH_OK && record.sequence == out->sequence &&
		    record.length == out->length &&
		    ph_crc32c(0, record.body, record.length) == out->crc;
	/* the very record that it ends with is damaged: nothing says that it is not this journal's */
	if (same ||
	    (status == PH_ERR_DAMAGED && ph_store_lost(broker->store, out->sequence)))
		return PH_OK;
	return ph_fail(err, PH_ERR_CONFLICT,
	    "PH5342 the journal does not have record %llu as the checkpoint knows it",
	    (unsigned long long) out->sequence);
}

static ph_status
load_place(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader rest;
	ph_checkpoint_place place;
	ph_status status = read_place(file, &place, &rest, err);
	if (status != PH_OK)
		return status;
	broker->last_position = place.position;
	broker->last_acceptance = ph_reader_u64(&rest);
	broker->counts.messages = ph_reader_u64(&rest);
	/* every acceptance is a record */
	return rest.failed || broker->last_acceptance > place.sequence
		   ? senseless("counters", err)
		   : PH_OK;
}

static ph_status
load_queue(ph_broker *broker, ph_reader *reader, ph_error *err)
{
	char name[PH_SITE_NAME_MAX + 1];
	ph_destination *to = NULL;
	ph_books books;
	uint16_t number = ph_reader_u16(reader);
	ph_reader_copy(reader, name, sizeof name);
#define X(field) books.field = ph_reader_u64(reader);
	PH_BOOKS_IN(X)
	PH_BOOKS_OUT(X)
#undef X
	if (reader->failed || number == 0)
		return senseless("queues", err);
	ph_status status =
	    ph_destinations_add(broker->destinations, number, name, &to, err);
	if (status != PH_OK)
		return status;
	ph_reader_copy(reader, to->last_error, sizeof to->last_error);
	ph_queue_restore_books(to->queue, &books);
	to->adapter = ph_site_adapter_of_queue(broker->site, name);
	return PH_OK;
}

static ph_status
load_queues(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	ph_status status = open_section(file, PH_CHECKPOINT_QUEUES, &reader, err);
	while (status == PH_OK && more(&reader))
		status = load_queue(broker, &reader, err);
	if (status == PH_OK && reader.failed)
		status = senseless("queues", err);
	return status;
}

static ph_status
load_entry(ph_broker *broker, ph_reader *reader, uint64_t *last, ph_error *err)
{
	uint16_t queues[PH_ENTRY_ITEMS_MAX];
	uint64_t number = ph_reader_u64(reader);
	uint64_t offset = ph_reader_u64(reader);
	uint64_t key = ph_reader_u64(reader);
	int64_t accepted_ms = (int64_t) ph_reader_u64(reader);
	unsigned count = ph_reader_u8(reader);
	for (unsigned i = 0; i < count; i++)
		queues[i] = ph_reader_u16(reader);
	if (reader->failed || count == 0 || number < *last ||
	    number > broker->last_acceptance)
		return senseless("messages", err);
	*last = number;
	ph_entry *entry = ph_backlog_add(broker->backlog, number, queues, count, NULL);
	if (entry == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a message");
	entry->offset = offset;
	entry->key = key;
	entry->accepted_ms = accepted_ms;
	return PH_OK;
}

static ph_status
load_entries(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	uint64_t last = 0;
	ph_status status = open_section(file, PH_CHECKPOINT_ENTRIES, &reader, err);
	while (status == PH_OK && more(&reader))
		status = load_entry(broker, &reader, &last, err);
	return status;
}

static bool
load_state(uint8_t stored, ph_delivery_state *out)
{
	static const ph_delivery_state states[] = {
	    [PH_CHECKPOINT_READY] = PH_DELIVERY_READY,
	    [PH_CHECKPOINT_WAITING] = PH_DELIVERY_WAITING,
	    [PH_CHECKPOINT_UNKNOWN] = PH_DELIVERY_UNKNOWN,
	    [PH_CHECKPOINT_DEAD] = PH_DELIVERY_DEAD};
	if (stored < PH_CHECKPOINT_READY || stored > PH_CHECKPOINT_DEAD)
		return false;
	*out = states[stored];
	return true;
}

static ph_status
load_letter(ph_reader *reader, ph_letter **out, ph_error *err)
{
	ph_letter *letter = calloc(1, sizeof *letter);
	if (letter == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a dead letter");
	letter->dead_ms = (int64_t) ph_reader_u64(reader);
	letter->offset = ph_reader_u64(reader);
	letter->record = ph_reader_u8(reader);
	ph_reader_copy(reader, letter->stage, sizeof letter->stage);
	ph_reader_copy(reader, letter->reason, sizeof letter->reason);
	*out = letter;
	return PH_OK;
}

/* What is said about an item beside its entry and its queue. */
typedef struct loading {
	ph_broker *broker;
	ph_destination *to;
	bool same_adapters; /* the numbers in items mean what they meant */
	int64_t from_wall_ms, now_ms;
} loading;

static ph_item *
find_item(const loading *at, uint64_t number)
{
	ph_entry *entry = ph_backlog_find(at->broker->backlog, number);
	ph_item *item =
	    entry == NULL ? NULL : ph_entry_item(entry, ph_queue_number(at->to->queue));
	return item == NULL || item->state != PH_DELIVERY_NONE ? NULL : item;
}

/* Whom a letter of `inbound` is for, by today's adapters. */
static ph_status
look_for_adapter(const loading *at, ph_item *item, uint8_t only, ph_error *err)
{
	ph_message *message = NULL;
	item->only = only;
	if (at->same_adapters || item->queue != PH_QUEUE_INBOUND)
		return PH_OK;
	ph_status status =
	    ph_broker_message(at->broker, ph_item_entry(item), &message, err);
	if (status == PH_ERR_DAMAGED) {
		item->only = 0; /* for nobody: nobody can read it */
		return PH_OK;
	}
	if (status != PH_OK)
		return status;
	item->only = ph_accept_adapter_of(at->broker, message);
	ph_message_unref(&message);
	return PH_OK;
}

static ph_status
load_item(const loading *at, ph_reader *reader, ph_error *err)
{
	ph_delivery_state state;
	ph_letter *letter = NULL;
	int64_t due_ms = 0;
	ph_item *item = find_item(at, ph_reader_u64(reader));
	uint8_t stored = ph_reader_u8(reader);
	uint8_t flags = ph_reader_u8(reader);
	uint16_t attempts = ph_reader_u16(reader);
	uint8_t only = ph_reader_u8(reader);
	if (reader->failed || item == NULL || !load_state(stored, &state))
		return senseless("deliveries", err);
	if (state == PH_DELIVERY_WAITING) {
		due_ms = (int64_t) ph_reader_u64(reader) + at->from_wall_ms;
		due_ms = due_ms < at->now_ms ? at->now_ms : due_ms;
	}
	item->flags = flags & PH_CHECKPOINT_FLAGS;
	item->attempts = attempts;
	ph_status status = look_for_adapter(at, item, only, err);
	if (status == PH_OK && state == PH_DELIVERY_DEAD)
		status = load_letter(reader, &letter, err);
	if (status == PH_OK)
		status =
		    ph_queue_restore(at->to->queue, item, state, due_ms, &letter, err);
	free(letter);
	return status;
}

static ph_status
load_items_of(loading *at, ph_reader *reader, ph_error *err)
{
	uint16_t number = ph_reader_u16(reader);
	uint32_t count = ph_reader_u32(reader);
	at->to = ph_destinations_get(at->broker->destinations, number);
	ph_status status = at->to == NULL ? senseless("deliveries", err) : PH_OK;
	for (uint32_t i = 0; status == PH_OK && i < count; i++)
		status = load_item(at, reader, err);
	return status;
}

static bool
same_adapters(const ph_site *site, ph_reader *reader)
{
	char name[PH_SITE_NAME_MAX + 1];
	for (size_t i = 0; i < site->adapter_count; i++) {
		ph_reader_copy(reader, name, sizeof name);
		if (reader->failed || strcmp(name, site->adapters[i].name) != 0)
			return false;
	}
	return ph_reader_left(reader) == 0;
}

/* Every item of every entry must have been put somewhere. */
static ph_status
check_all_placed(const ph_broker *broker, ph_error *err)
{
	for (const ph_entry *entry = ph_backlog_next(broker->backlog, 0); entry != NULL;
	     entry = ph_backlog_next(broker->backlog, entry->number)) {
		for (const ph_entry *at = entry; at != NULL; at = at->also) {
			for (unsigned i = 0; i < at->count; i++) {
				if (at->items[i].state == PH_DELIVERY_NONE)
					return senseless("deliveries", err);
			}
		}
	}
	return PH_OK;
}

static ph_status
load_items(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	int64_t now_ms = ph_clock_mono(broker->clock);
	loading at = {.broker = broker,
	    .now_ms = now_ms,
	    .from_wall_ms = now_ms - ph_broker_now(broker)};
	ph_status status = open_section(file, PH_CHECKPOINT_ADAPTERS, &reader, err);
	if (status != PH_OK)
		return status;
	at.same_adapters = same_adapters(broker->site, &reader);
	status = open_section(file, PH_CHECKPOINT_ITEMS, &reader, err);
	while (status == PH_OK && more(&reader))
		status = load_items_of(&at, &reader, err);
	return status == PH_OK ? check_all_placed(broker, err) : status;
}

static ph_view
load_bytes(ph_reader *reader)
{
	size_t length = ph_reader_u32(reader);
	const void *bytes = ph_reader_bytes(reader, length);
	return (ph_view){bytes, bytes == NULL ? 0 : length};
}

static ph_status
load_progress(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	ph_status status = open_section(file, PH_CHECKPOINT_PROGRESS, &reader, err);
	while (status == PH_OK && more(&reader)) {
		uint64_t number = ph_reader_u64(&reader);
		ph_record_progress record = {.queue = ph_delivery_queue(number),
		    .acceptance = ph_delivery_acceptance(number)};
		record.reference.data =
		    ph_reader_string(&reader, &record.reference.length);
		record.resume = load_bytes(&reader);
		status = reader.failed ? senseless("reports of progress", err)
				       : ph_progress_apply(broker, &record, err);
	}
	return status;
}

static ph_status
load_cursors(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	ph_status status = open_section(file, PH_CHECKPOINT_CURSORS, &reader, err);
	while (status == PH_OK && more(&reader)) {
		ph_view name;
		name.data = ph_reader_string(&reader, &name.length);
		ph_view bytes = load_bytes(&reader);
		status = reader.failed ? senseless("cursors", err)
				       : ph_cursor_apply(broker, name, bytes, err);
	}
	return status;
}

static ph_status
load_duplicates(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	ph_duplicates_loaded found;
	ph_error why = {.status = PH_OK};
	ph_status status = open_section(file, PH_CHECKPOINT_DUPLICATES, &reader, err);
	if (status != PH_OK)
		return status;
	status = ph_duplicates_load(broker->duplicates, broker->fs, broker->site->state,
	    reader.data, reader.length, &found, &why);
	if (status == PH_ERR_NOMEM)
		return ph_fail(err, status, "%s", why.text);
	/* The checkpoint is no worse for it: the window is made again from the journal. */
	if (status != PH_OK)
		ph_log(PH_LOG_ERROR, "duplicates-short", "text=%s", why.text);
	else if (found.damaged > 0)
		ph_log(PH_LOG_ERROR, "duplicates-short",
		    "entries=%" PRIu64 " damaged=%" PRIu64, found.entries,
		    found.damaged);
	return PH_OK;
}

static ph_status
load_shelves(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	ph_status status = open_section(file, PH_CHECKPOINT_SHELVES, &reader, err);
	while (status == PH_OK && more(&reader)) {
		uint16_t number = ph_reader_u16(&reader);
		ph_destination *to = ph_destinations_get(broker->destinations, number);
		status = to == NULL || to->shelf != NULL
			     ? senseless("shelves", err)
			     : ph_refill_load(broker, to, &reader, err);
	}
	return status;
}

/* Checkpoints of before there were carries do not have it. */
static ph_status
load_carried(ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	ph_reader reader;
	if (ph_checkpoint_file_find(file, PH_CHECKPOINT_CARRIED) == NULL)
		return PH_OK;
	ph_status status = open_section(file, PH_CHECKPOINT_CARRIED, &reader, err);
	return status == PH_OK ? ph_carry_load(broker, &reader, err) : status;
}

ph_status
ph_checkpoint_state_load(
    ph_broker *broker, const ph_checkpoint_file *file, ph_error *err)
{
	static ph_status (*const steps[])(ph_broker * broker,
	    const ph_checkpoint_file *file, ph_error *err) = {load_place, load_queues,
	    load_entries, load_items, load_progress, load_cursors, load_duplicates,
	    load_shelves, load_carried};
	PH_ASSERT(ph_backlog_count(broker->backlog) == 0);
	ph_status status = PH_OK;
	for (size_t i = 0; status == PH_OK && i < sizeof steps / sizeof steps[0]; i++)
		status = steps[i](broker, file, err);
	return status;
}
