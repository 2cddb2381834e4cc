/*
 * The verbs that look at the whole and at queues: status, queue.ls, queue.show, queue.peek.
 */
#include "broker/operate_part.h"

#include <unistd.h>

#include "broker/checkpoint.h"
#include "broker/refill.h"
#include "lib/base/os.h"

#ifndef PACKAGE_VERSION
#error "the build names the version"
#endif

#define ROWS_MOST 1000

static void
books_members(ph_buffer *row, const ph_books *books)
{
#define X(field) ph_row_count(row, #field, books->field);
	PH_BOOKS_IN(X)
	PH_BOOKS_OUT(X)
#undef X
}

/* ---- status ---- */

typedef struct sums {
	ph_books books;
	ph_queue_counts counts;
	uint64_t pending;
} sums;

static void
sum_up(const ph_broker *broker, sums *out)
{
	unsigned cursor = 0;
	const ph_destination *to;
	*out = (sums){.pending = 0};
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		const ph_queue_counts *counts = ph_queue_count(to->queue);
		ph_books_add(&out->books, ph_queue_books(to->queue));
		out->pending += ph_queue_pending(to->queue);
		out->counts.ready += counts->ready;
		out->counts.waiting += counts->waiting;
		out->counts.in_flight += counts->in_flight;
		out->counts.unknown += counts->unknown;
		out->counts.dead += counts->dead;
	}
}

/* Seconds since the oldest extent was full; not said of the only one. */
static void
oldest_extent(ph_broker *broker, ph_buffer *row)
{
	ph_store_span oldest;
	ph_position first = {.offset = 0};
	if (ph_store_span_of(broker->store, first, &oldest, NULL) != PH_OK ||
	    oldest.next.offset == 0)
		ph_row_null(row, "journal_oldest_s");
	else
		ph_row_number(row, "journal_oldest_s",
		    (ph_broker_now(broker) - oldest.until_ms) / 1000);
}

static void
store_members(ph_broker *broker, ph_buffer *row)
{
	ph_store_space space = {.open = 0};
	(void) ph_store_space_left(broker->store, &space, NULL);
	ph_row_count(row, "synced_position", ph_store_durable(broker->store).offset);
	ph_row_count(row, "records", ph_store_last(broker->store));
	ph_row_count(row, "space_bytes", space.open);
	ph_row_count(row, "journal_bytes", space.used);
	oldest_extent(broker, row);
	ph_row_count(row, "journal_damaged", ph_damage_kept(broker));
	ph_row_count(row, "lost_records", broker->damage.records);
	ph_row_count(row, "lost_messages", broker->damage.messages);
	ph_row_bool(row, "accepting", space.accepting);
	ph_row_count(row, "resident_bytes", ph_os_resident());
}

/* The ledger follows the journal; asking it something waits until it has come as far as the
 * question. */
static void
ledger_members(ph_broker *broker, ph_buffer *row)
{
	ph_ledger_state state;
	if (broker->ledger == NULL)
		return;
	ph_ledger_look(broker->ledger, &state);
	bool current = state.applied.offset >= state.durable.offset;
	ph_row_text(row, "ledger",
	    state.rebuilding ? "rebuilding"
	    : current	     ? "current"
			     : "behind");
	ph_row_count(row, "ledger_position", state.applied.offset);
}

static void
checkpoint_members(const ph_broker *broker, ph_buffer *row)
{
	ph_checkpoint_state state;
	ph_checkpoint_look(broker, &state);
	ph_row_count(row, "checkpoint", state.number);
	if (state.number == 0)
		ph_row_null(row, "checkpoint_age_s");
	else
		ph_row_number(row, "checkpoint_age_s",
		    (ph_broker_now(broker) - state.taken_ms) / 1000);
	ph_row_count(row, "checkpoint_position", state.position.offset);
	ph_row_count(row, "checkpoint_record", state.sequence);
	ph_row_count(row, "checkpoint_failures", state.failures);
}

ph_status
ph_operate_status(ph_broker *broker, const ph_operate_args *args, const ph_reply *reply,
    bool *later, ph_error *err)
{
	sums all;
	ph_buffer row;
	(void) args;
	(void) later;
	(void) err;
	sum_up(broker, &all);
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	ph_row_text(&row, "version", PACKAGE_VERSION);
	ph_row_number(
	    &row, "uptime_s", (ph_broker_now(broker) - broker->started_ms) / 1000);
	ph_row_number(&row, "pid", getpid());
	ph_row_count(&row, "generation", broker->generation);
	ph_row_number(&row, "balance", ph_books_balance(&all.books, all.pending));
	books_members(&row, &all.books);
	ph_row_count(&row, "pending", all.pending);
	ph_row_count(&row, "ready", all.counts.ready);
	ph_row_count(&row, "in_flight", all.counts.in_flight);
	ph_row_count(&row, "held", all.counts.waiting + all.counts.unknown);
	ph_row_count(&row, "letters", all.counts.dead);
	ph_row_count(&row, "messages", broker->counts.messages);
	ph_row_count(&row, "refused", broker->counts.refused);
	ph_row_count(&row, "repeats", broker->counts.repeats);
	ph_row_count(&row, "conflicts", broker->counts.conflicts);
	ph_row_count(&row, "ignored", 0);
	ph_row_count(
	    &row, "sessions", ph_sessions_count(broker->sessions, PH_ROLE_CLIENT));
	ph_row_count(&row, "hosts", ph_sessions_count(broker->sessions, PH_ROLE_HOST));
	store_members(broker, &row);
	ledger_members(broker, &row);
	checkpoint_members(broker, &row);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	return PH_OK;
}

/* ---- queues ---- */

static const char *
state_of(const ph_broker *broker, const ph_destination *to)
{
	if (!to->declared)
		return "orphan";
	if (ph_queue_number(to->queue) <= PH_QUEUE_UNROUTED)
		return "system";
	if (to->adapter == NULL || !to->adapter->enabled)
		return to->first == NULL ? "idle" : "up";
	return ph_sessions_named(broker->sessions, PH_ROLE_HOST, to->adapter->name) ==
		       NULL
		   ? "down"
	       : to->last_error[0] != 0 ? "failing"
					: "up";
}

/* When the oldest that is pending here was accepted; 0: none. */
static int64_t
oldest_ms(ph_broker *broker, const ph_destination *to)
{
	uint64_t number = 0;
	ph_entry *entry;
	ph_shelf_entry shelved;
	uint16_t queue = ph_queue_number(to->queue);
	if (ph_queue_pending(to->queue) == 0)
		return 0;
	while ((entry = ph_backlog_next(broker->backlog, number)) != NULL) {
		const ph_item *item = ph_entry_item(entry, queue);
		if (item != NULL && item->state != PH_DELIVERY_DEAD)
			return entry->accepted_ms;
		number = entry->number;
	}
	/* What is on the shelf is younger than all that is in memory. */
	return ph_refill_next(broker, to, 0, &shelved) ? shelved.accepted_ms : 0;
}

static void
queue_members(ph_broker *broker, const ph_destination *to, ph_buffer *row)
{
	const ph_queue_counts *counts = ph_queue_count(to->queue);
	int64_t oldest = oldest_ms(broker, to);
	int64_t due_ms = ph_queue_next_due(to->queue);
	ph_row_text(row, "queue", ph_queue_name(to->queue));
	ph_row_text(row, "state", state_of(broker, to));
	ph_row_count(row, "ready", counts->ready);
	ph_row_count(row, "shelved", counts->shelved);
	ph_row_count(row, "in_flight", counts->in_flight);
	ph_row_count(row, "held", counts->waiting + counts->unknown);
	ph_row_count(row, "dead", counts->dead);
	if (oldest == 0)
		ph_row_null(row, "oldest_s");
	else
		ph_row_number(row, "oldest_s", (ph_broker_now(broker) - oldest) / 1000);
	ph_row_count(row, "rate_min",
	    ph_rate_minute(&to->settled, ph_clock_mono(broker->clock)));
	if (due_ms == INT64_MAX)
		ph_row_null(row, "next_try_s");
	else
		ph_row_number(row, "next_try_s",
		    (due_ms - ph_clock_mono(broker->clock) + 999) / 1000);
	ph_row_text(row, "last_error", to->last_error);
}

ph_status
ph_operate_queue_ls(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	ph_buffer row;
	unsigned cursor = 0;
	const ph_destination *to;
	(void) args;
	(void) later;
	(void) err;
	ph_buffer_init(&row, 0);
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		ph_row_begin(&row);
		queue_members(broker, to, &row);
		ph_operate_row(reply, &row);
	}
	ph_buffer_fini(&row);
	return PH_OK;
}

ph_status
ph_operate_queue_show(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	ph_destination *to = NULL;
	ph_buffer row;
	(void) later;
	ph_status status = ph_operate_queue(broker, args, &to, err);
	if (status != PH_OK)
		return status;
	uint64_t pending = ph_queue_pending(to->queue);
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	queue_members(broker, to, &row);
	ph_row_text(&row, "adapter", to->adapter == NULL ? "" : to->adapter->name);
	ph_row_count(&row, "number", ph_queue_number(to->queue));
	ph_row_object(&row, "books");
	books_members(&row, ph_queue_books(to->queue));
	ph_row_count(&row, "pending", pending);
	ph_row_number(
	    &row, "balance", ph_books_balance(ph_queue_books(to->queue), pending));
	ph_row_object_end(&row);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	return PH_OK;
}

/* ---- looking into a queue ---- */

/* One delivery that is looked at: in memory or on the shelf. */
typedef struct peeked {
	uint64_t number, offset;
	int64_t accepted_ms;
	ph_delivery_state state;
	unsigned attempts;
	bool shelf; /* those in memory are done */
} peeked;

/* The next in this queue that is pending, after the acceptance in *at; false: none. What is on the
 * shelf is younger than all that is in memory. */
static bool
peek_next(ph_broker *broker, const ph_destination *to, peeked *at)
{
	ph_entry *entry;
	ph_shelf_entry shelved;
	uint64_t number = at->number;
	while (
	    !at->shelf && (entry = ph_backlog_next(broker->backlog, number)) != NULL) {
		const ph_item *item = ph_entry_item(entry, ph_queue_number(to->queue));
		number = entry->number;
		if (item == NULL || item->state == PH_DELIVERY_DEAD)
			continue;
		*at = (peeked){number, entry->offset, entry->accepted_ms,
		    (ph_delivery_state) item->state, item->attempts, false};
		return true;
	}
	if (!ph_refill_next(broker, to, at->number, &shelved))
		return false;
	*at = (peeked){shelved.number, shelved.offset, shelved.accepted_ms,
	    PH_DELIVERY_READY, 0, true};
	return true;
}

static ph_status
peek_one(ph_broker *broker, const ph_destination *to, const peeked *at, bool reveal,
    const ph_reply *reply, ph_error *err)
{
	ph_message *message = NULL;
	ph_buffer row;
	char id[PH_LETTER_ID];
	ph_status status =
	    ph_broker_message_at(broker, at->number, at->offset, &message, err);
	if (status == PH_ERR_AGAIN)
		return PH_OK; /* of this very turn: not there yet for anybody */
	/* one that cannot be read will be a dead letter when its turn comes */
	bool gone = status == PH_ERR_DAMAGED || status == PH_ERR_NOT_FOUND;
	if (status != PH_OK && !gone)
		return status;
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	ph_operate_id(to, at->number, id);
	ph_row_text(&row, "id", id);
	ph_row_count(&row, "acceptance", at->number);
	ph_row_text(&row, "state", ph_delivery_state_name(at->state));
	ph_row_count(&row, "attempts", at->attempts);
	ph_row_number(&row, "accepted_ms", at->accepted_ms);
	if (!gone)
		ph_operate_describe(&row, message, reveal);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	ph_message_unref(&message);
	return PH_OK;
}

ph_status
ph_operate_queue_peek(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	ph_destination *to = NULL;
	peeked at = {.number = args->after};
	uint32_t left = args->most == 0 ? ROWS_MOST : args->most;
	(void) later;
	ph_status status = ph_operate_queue(broker, args, &to, err);
	while (status == PH_OK && left-- > 0 && peek_next(broker, to, &at))
		status = peek_one(broker, to, &at, args->reveal, reply, err);
	return status;
}
