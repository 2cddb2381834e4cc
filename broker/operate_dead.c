/*
 * The verbs of dead letters: dead.ls, dead.show, dead.replay, dead.discard. A replay or a discard is
 * one record per letter, and is answered after the flush.
 */
#include "broker/operate_part.h"

#include <string.h>

#include "broker/crashpoint.h"
#include "broker/settle.h"
#include "lib/base/log.h"

#define ROWS_MOST 1000
#define OPERATOR  "operator"

/* ---- showing ---- */

static void
failure_members(ph_buffer *row, const ph_record_failure *failure)
{
	ph_row_text_n(row, "path", failure->path.data, failure->path.length);
	ph_row_text_n(row, "text", failure->text.data, failure->text.length);
}

/* Path and text, from the record that says why. */
static void
why_members(ph_broker *broker, const ph_letter *letter, ph_buffer *row)
{
	ph_store_record record;
	ph_position position = {.offset = letter->offset};
	if (ph_store_read(broker->store, position, &record, NULL) != PH_OK)
		return;
	if (letter->record == PH_RECORD_ACCEPT) {
		ph_record_accept accept;
		if (ph_record_accept_read(record.type, record.body, record.length,
			&accept, NULL) == PH_OK)
			failure_members(row, &accept.failure);
	} else {
		ph_record_outcome outcome;
		if (ph_record_outcome_read(record.type, record.body, record.length,
			&outcome, NULL) == PH_OK)
			failure_members(row, &outcome.failure);
	}
}

static void
letter_members(const ph_destination *to, ph_item *item, ph_buffer *row)
{
	const ph_letter *letter = item->as.letter;
	char id[PH_LETTER_ID];
	uint64_t number = ph_item_entry(item)->number;
	ph_operate_id(to, number, id);
	ph_row_text(row, "id", id);
	ph_row_text(row, "queue", ph_queue_name(to->queue));
	ph_row_count(row, "acceptance", number);
	ph_row_number(row, "dead_ms", letter->dead_ms);
	ph_row_text(row, "stage", letter->stage);
	ph_row_text(row, "reason", letter->reason);
	ph_row_count(row, "attempts", item->attempts);
}

static ph_status
show_letter(ph_broker *broker, const ph_destination *to, ph_item *item, bool all,
    bool reveal, const ph_reply *reply, ph_error *err)
{
	ph_message *message = NULL;
	ph_buffer row;
	ph_status status =
	    ph_broker_message(broker, ph_item_entry(item), &message, err);
	if (status == PH_ERR_AGAIN)
		return PH_OK;
	/* of a message that is not to be had, the letter is still somebody's to decide about */
	bool gone = status == PH_ERR_DAMAGED || status == PH_ERR_NOT_FOUND;
	if (status != PH_OK && !gone)
		return status;
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	letter_members(to, item, &row);
	if (!gone)
		ph_operate_describe(&row, message, reveal);
	if (all)
		why_members(broker, item->as.letter, &row);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	ph_message_unref(&message);
	return PH_OK;
}

/* ---- choosing ---- */

typedef ph_status letter_fn(ph_broker *broker, ph_destination *to, ph_item *item,
    const ph_operate_args *args, const ph_reply *reply, ph_error *err);

static bool
chosen(const ph_item *item, const ph_operate_args *args)
{
	return args->reason == NULL ||
	       strcmp(args->reason, item->as.letter->reason) == 0;
}

/* Every letter of the queue that `args` lets through; `next` is taken before `fn` moves the item. */
static ph_status
each_in_queue(ph_broker *broker, ph_destination *to, const ph_operate_args *args,
    uint32_t *left, letter_fn *fn, const ph_reply *reply, ph_error *err)
{
	ph_status status = PH_OK;
	ph_item *next;
	for (ph_item *item = ph_queue_dead(to->queue);
	     status == PH_OK && item != NULL && *left > 0; item = next) {
		next = item->next;
		if (!chosen(item, args) || ph_item_entry(item)->number <= args->after)
			continue;
		--*left;
		status = fn(broker, to, item, args, reply, err);
	}
	return status;
}

static ph_status
each_letter(ph_broker *broker, const ph_operate_args *args, uint32_t most,
    letter_fn *fn, const ph_reply *reply, ph_error *err)
{
	ph_status status = PH_OK;
	unsigned cursor = 0;
	ph_destination *to = NULL;
	if (args->queue != NULL) {
		status = ph_operate_queue(broker, args, &to, err);
		return status == PH_OK
			   ? each_in_queue(broker, to, args, &most, fn, reply, err)
			   : status;
	}
	while (status == PH_OK &&
	       (to = ph_destinations_next(broker->destinations, &cursor)) != NULL)
		status = each_in_queue(broker, to, args, &most, fn, reply, err);
	return status;
}

static ph_status
find_dead(ph_broker *broker, const char *id, ph_destination **to, ph_item **item,
    ph_error *err)
{
	ph_status status = ph_operate_letter(broker, id, to, item, err);
	if (status == PH_OK && (*item)->state != PH_DELIVERY_DEAD)
		return ph_fail(err, PH_ERR_CONFLICT,
		    "PH7106 %.60s is not a dead letter: it is %s", id,
		    ph_delivery_state_name((ph_delivery_state) (*item)->state));
	return status;
}

/* Those named, or all that the filters let through. All names are checked before the first is
 * acted on. */
static ph_status
each_chosen(ph_broker *broker, const ph_operate_args *args, letter_fn *fn,
    const ph_reply *reply, ph_error *err)
{
	ph_destination *to = NULL;
	ph_item *item = NULL;
	ph_status status = PH_OK;
	if (args->ids_count == 0 && !args->all)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7107 which letters? Give ids, or ask for all");
	if (args->ids_count == 0)
		return each_letter(broker, args, UINT32_MAX, fn, reply, err);
	for (size_t i = 0; status == PH_OK && i < args->ids_count; i++)
		status = find_dead(broker, args->ids[i], &to, &item, err);
	for (size_t i = 0; status == PH_OK && i < args->ids_count; i++) {
		/* A name given twice is not dead any more the second time. */
		if (find_dead(broker, args->ids[i], &to, &item, NULL) == PH_OK)
			status = fn(broker, to, item, args, reply, err);
	}
	return status;
}

/* ---- the verbs ---- */

static ph_status
list_one(ph_broker *broker, ph_destination *to, ph_item *item,
    const ph_operate_args *args, const ph_reply *reply, ph_error *err)
{
	(void) args;
	return show_letter(broker, to, item, false, false, reply, err);
}

ph_status
ph_operate_dead_ls(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	(void) later;
	return each_letter(broker, args, args->most == 0 ? ROWS_MOST : args->most,
	    list_one, reply, err);
}

static ph_status
show_one(ph_broker *broker, ph_destination *to, ph_item *item,
    const ph_operate_args *args, const ph_reply *reply, ph_error *err)
{
	return show_letter(broker, to, item, true, args->reveal, reply, err);
}

ph_status
ph_operate_dead_show(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	(void) later;
	return each_chosen(broker, args, show_one, reply, err);
}

static void
tell_verdict(const ph_reply *reply, const char *id, const char *what, bool done)
{
	ph_buffer row;
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	ph_row_text(&row, "id", id);
	ph_row_bool(&row, what, done);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
}

static ph_status
replay_one(ph_broker *broker, ph_destination *to, ph_item *item,
    const ph_operate_args *args, const ph_reply *reply, ph_error *err)
{
	char id[PH_LETTER_ID];
	ph_operate_id(to, ph_item_entry(item)->number, id);
	ph_status status = PH_OK;
	if (!args->dry_run)
		status = ph_settle_replay(broker, to, item, OPERATOR, err);
	if (status != PH_OK)
		return status;
	tell_verdict(reply, id, "replayed", !args->dry_run);
	if (!args->dry_run)
		ph_log(PH_LOG_INFO, "dead-replayed", "id=%s", id);
	return PH_OK;
}

static ph_status
discard_one(ph_broker *broker, ph_destination *to, ph_item *item,
    const ph_operate_args *args, const ph_reply *reply, ph_error *err)
{
	char id[PH_LETTER_ID];
	ph_operate_id(to, ph_item_entry(item)->number, id);
	ph_status status = PH_OK;
	if (!args->dry_run)
		status = ph_settle_discard(broker, to, item, OPERATOR, err);
	if (status != PH_OK)
		return status;
	tell_verdict(reply, id, "discarded", !args->dry_run);
	if (!args->dry_run)
		ph_log(PH_LOG_INFO, "dead-discarded", "id=%s", id);
	return PH_OK;
}

static ph_status
verdicts(ph_broker *broker, const ph_operate_args *args, letter_fn *fn,
    const ph_reply *reply, bool *later, ph_error *err)
{
	ph_status status = each_chosen(broker, args, fn, reply, err);
	if (status == PH_OK && !args->dry_run && !PH_MUTANT("verdict-early")) {
		status = ph_operate_after_flush(broker, reply, err);
		*later = status == PH_OK;
	}
	return status;
}

ph_status
ph_operate_dead_replay(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	return verdicts(broker, args, replay_one, reply, later, err);
}

ph_status
ph_operate_dead_discard(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	return verdicts(broker, args, discard_one, reply, later, err);
}
