#include "tests/unit/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <packhorse/client.h>
#include <sqlite3.h>

#include "broker/carry.h"
#include "broker/cursor.h"
#include "broker/dispatch.h"
#include "broker/progress.h"
#include "broker/refill.h"
#include "lib/base/crc32c.h"
#include "lib/base/fs.h"

#define HOUR_MS                                                                        \
	INT64_C(3600000) /* coarse: the two clocks of a start are a moment apart */

static bool
tells_attempts(const ph_destination *to)
{
	return strcmp(ph_queue_name(to->queue), "other") != 0 &&
	       strcmp(ph_queue_name(to->queue), "twice") != 0;
}

static void
dump_item(ph_broker *broker, ph_item *item, ph_buffer *out)
{
	const ph_entry *entry = ph_item_entry(item);
	const ph_destination *to =
	    ph_destinations_get(broker->destinations, item->queue);
	unsigned flags = item->flags & ~(unsigned) PH_ITEM_RECOVERED;
	if (!tells_attempts(to))
		flags &= ~(unsigned) PH_ITEM_SENT;
	ph_buffer_printf(out, "  %s %s flags %x only %u", ph_queue_name(to->queue),
	    ph_delivery_state_name((ph_delivery_state) item->state), flags, item->only);
	if (tells_attempts(to))
		ph_buffer_printf(out, " attempts %u", item->attempts);
	if (item->state == PH_DELIVERY_WAITING)
		ph_buffer_printf(out, " due in %" PRId64 " hours",
		    (item->as.due_ms - ph_clock_mono(broker->clock) + HOUR_MS / 2) /
			HOUR_MS);
	if (item->state == PH_DELIVERY_DEAD)
		ph_buffer_printf(out, " letter %" PRId64 " %" PRIu64 " %u %s %s",
		    item->as.letter->dead_ms, item->as.letter->offset,
		    item->as.letter->record, item->as.letter->stage,
		    item->as.letter->reason);
	const ph_progress *done = ph_progress_of(broker, item->queue, entry->number);
	if (done != NULL)
		ph_buffer_printf(out, " progress %s %.*s", done->reference,
		    (int) done->resume_length, (const char *) done->resume);
	if (item->key_last != NULL && entry->key != 0) {
		for (const ph_item *at = item->key_next; at != NULL; at = at->key_next)
			ph_buffer_printf(out, " <- %" PRIu64,
			    ph_item_entry((ph_item *) (uintptr_t) at)->number);
		ph_buffer_printf(
		    out, " last %" PRIu64, ph_item_entry(item->key_last)->number);
	}
	ph_buffer_text(out, "\n");
}

static void
dump_entry(ph_broker *broker, ph_entry *entry, ph_buffer *out)
{
	ph_message *message = NULL;
	unsigned at = 0;
	const ph_destination *to;
	ck_assert_int_eq(ph_broker_message(broker, entry, &message, NULL), PH_OK);
	ph_buffer_printf(out,
	    "%" PRIu64 " at %" PRIu64 " key %" PRIx64 " ms %" PRId64 " id %s\n",
	    entry->number, entry->offset, entry->key, entry->accepted_ms,
	    ph_message_get(message, "id", NULL));
	ph_message_unref(&message);
	while ((to = ph_destinations_next(broker->destinations, &at)) != NULL) {
		ph_item *item = ph_entry_item(entry, ph_queue_number(to->queue));
		if (item != NULL)
			dump_item(broker, item, out);
	}
}

static void
dump_entries(ph_broker *broker, ph_buffer *out)
{
	for (ph_entry *entry = ph_backlog_next(broker->backlog, 0); entry != NULL;
	     entry = ph_backlog_next(broker->backlog, entry->number))
		dump_entry(broker, entry, out);
}

/* All that is on shelves into memory: what is where is not compared. */
static void
clear_shelves(ph_broker *broker)
{
	unsigned at = 0;
	ph_destination *to;
	ph_shelf_entry first;
	broker->recovering = true;
	while ((to = ph_destinations_next(broker->destinations, &at)) != NULL) {
		while (ph_refill_next(broker, to, 0, &first))
			ck_assert_ptr_nonnull(
			    ph_refill_reach(broker, to, first.number));
		ck_assert_uint_eq(ph_queue_count(to->queue)->shelved, 0);
	}
	broker->recovering = false;
}

static void
dump_queue(const ph_destination *to, bool in_order, ph_buffer *out)
{
	const ph_queue_counts *counts = ph_queue_count(to->queue);
	const ph_books *books = ph_queue_books(to->queue);
	ph_buffer_printf(out,
	    "queue %u %s error '%s' ready %" PRIu64 " waiting %" PRIu64
	    " in flight %" PRIu64 " unknown %" PRIu64 " dead %" PRIu64 " away %u:",
	    ph_queue_number(to->queue), ph_queue_name(to->queue), to->last_error,
	    counts->ready, counts->waiting, counts->in_flight, counts->unknown,
	    counts->dead, to->away.count);
#define X(field) ph_buffer_printf(out, " " #field " %" PRIu64, books->field);
	PH_BOOKS_IN(X)
	PH_BOOKS_OUT(X)
#undef X
	ck_assert_int_eq(ph_books_balance(books, ph_queue_pending(to->queue)), 0);
	ph_buffer_text(out, "\n  first to last:");
	for (ph_item *item = ph_queue_first(to->queue);
	     item != NULL && in_order && strcmp(ph_queue_name(to->queue), "bench") == 0;
	     item = item->next) {
		if ((item->flags & PH_ITEM_SENT) == 0)
			ph_buffer_printf(out, " %" PRIu64, ph_item_entry(item)->number);
	}
	ph_buffer_text(out, "\n  dead:");
	for (ph_item *item = ph_queue_dead(to->queue); item != NULL; item = item->next)
		ph_buffer_printf(out, " %" PRIu64, ph_item_entry(item)->number);
	ph_buffer_text(out, "\n");
}

static void
dump_tables(ph_broker *broker, ph_buffer *out)
{
	size_t at = 0, length = 0;
	const void *name = NULL;
	const ph_cursor *one;
	ph_buffer window;
	while ((one = ph_table_next(broker->cursors, &at, &name, &length)) != NULL)
		ph_buffer_printf(out, "cursor %.*s: %.*s\n", (int) length,
		    (const char *) name, (int) one->length, (const char *) one->bytes);
	ph_buffer_printf(out, "progress %zu\n", ph_table_count(broker->progress));
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	uint64_t acceptance = 0, entries = 0;
	ph_buffer_init(&window, 0);
	while (ph_duplicates_entry(broker->duplicates, entries, id, content,
		   &acceptance, NULL) == PH_OK) {
		ph_buffer_append(&window, id, sizeof id);
		ph_buffer_append(&window, content, sizeof content);
		ph_buffer_u64(&window, acceptance);
		ck_assert_int_ne(
		    ph_duplicates_look(broker->duplicates, id, content, &acceptance),
		    PH_REPEAT_NO);
		entries++;
	}
	ph_buffer_printf(out, "duplicates %" PRIu64 " %zu %08x\n", entries,
	    ph_duplicates_count(broker->duplicates),
	    ph_crc32c(0, window.data, window.length));
	ph_buffer_fini(&window);
}

static bool asked;
static char bound[64];

static void
on_answer(void *self, const ph_ledger_answer *answer)
{
	(void) self;
	ck_assert_int_eq(answer->status, PH_OK);
	(void) snprintf(bound, sizeof bound, "%s", answer->rows.found[0].value);
	asked = true;
}

static bool
is_answered(ph_broker *broker, uint64_t than)
{
	(void) broker;
	(void) than;
	return asked;
}

/* As a look-up does: the overlay first, then the ledger. */
static void
dump_references(ph_broker *broker, ph_buffer *out)
{
	for (unsigned i = 0; i < HISTORY_KEYS; i++) {
		char key[24];
		const char *value = "";
		(void) snprintf(key, sizeof key, "ENQ %u", i);
		if (ph_xref_look(broker->xref, PH_XREF_CANONICAL, "service-request",
			"vendor", key, &value) == PH_XREF_ASK) {
			const ph_ledger_lookup lookup = {
			    PH_LOOKUP_CANONICAL, "service-request", "vendor", key};
			const ph_ledger_ask ask = {.kind = PH_LEDGER_RESOLVE,
			    .upto = broker->known,
			    .lookups = &lookup,
			    .count = 1};
			asked = false;
			ck_assert_int_eq(ph_ledger_query(broker->ledger, &ask,
					     on_answer, NULL, NULL),
			    PH_OK);
			ck_assert(history_turn_until(broker, is_answered, 0));
			value = bound;
		}
		ph_buffer_printf(out, "%s is %s\n", key, value);
	}
}

static void
dump_carried(const ph_broker *broker, ph_buffer *out)
{
	ph_buffer carried;
	ph_buffer_init(&carried, 0);
	ph_carry_save(broker, &carried);
	ph_buffer_text(out, "carried");
	for (size_t i = 0; i < carried.length; i++)
		ph_buffer_printf(out, " %02x", carried.data[i]);
	ph_buffer_text(out, "\n");
	ph_buffer_fini(&carried);
}

void
history_dump(ph_broker *broker, ph_buffer *out)
{
	unsigned at = 0;
	const ph_destination *to;
	(void) ph_dispatch_due(broker); /* what was due before the stop is ready */
	clear_shelves(broker);
	ph_buffer_printf(out, "last %" PRIu64 " messages %" PRIu64 "\n",
	    broker->last_acceptance, broker->counts.messages);
	while ((to = ph_destinations_next(broker->destinations, &at)) != NULL)
		dump_queue(to, broker->queue_memory > 1000, out);
	dump_entries(broker, out);
	dump_tables(broker, out);
	dump_references(broker, out);
	dump_carried(broker, out);
	ck_assert_ptr_nonnull(ph_buffer_cstr(out));
}

static void
dump_table(sqlite3 *db, const char *name, ph_buffer *out)
{
	char sql[80];
	sqlite3_stmt *statement = NULL;
	(void) snprintf(sql, sizeof sql, "select * from %s order by 1, 2", name);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		ph_buffer_text(out, name);
		for (int i = 0; i < sqlite3_column_count(statement); i++) {
			const void *text = sqlite3_column_text(statement, i);
			ph_buffer_printf(
			    out, " | %s", text == NULL ? "-" : (const char *) text);
		}
		ph_buffer_text(out, "\n");
	}
	sqlite3_finalize(statement);
}

void
history_dump_ledger(const char *directory, ph_buffer *out)
{
	static const char *const tables[] = {"meta", "word", "queue", "message",
	    "place", "xref", "attempt", "event", "dead"};
	char path[300];
	sqlite3 *db = NULL;
	(void) snprintf(path, sizeof path, "%s/state/ledger.sqlite", directory);
	ck_assert_int_eq(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		dump_table(db, tables[i], out);
	(void) sqlite3_close(db);
	ck_assert_ptr_nonnull(ph_buffer_cstr(out));
}
