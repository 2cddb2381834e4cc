/*
 * The other verbs: message.show, adapter.ls, route.ls, route.explain, xref.get, session.open.
 */
#include "broker/operate_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/refill.h"
#include "broker/supervise.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define SCAN_MOST 65536 /* records read on from a place of the ledger */

/* ---- one message ---- */

/* Of a queue that has no item in memory. */
static const char *
absent_state(ph_broker *broker, const ph_destination *to, uint64_t acceptance)
{
	ph_shelf_entry shelved;
	bool there = ph_refill_next(broker, to, acceptance - 1, &shelved) &&
		     shelved.number == acceptance;
	return there ? ph_delivery_state_name(PH_DELIVERY_READY) : "settled";
}

static void
queue_states(ph_broker *broker, const ph_record_accept *accept, ph_buffer *row)
{
	ph_entry *entry = ph_backlog_find(broker->backlog, accept->acceptance);
	ph_row_list(row, "queues");
	for (size_t i = 0; i < accept->queue_count; i++) {
		const ph_destination *to =
		    ph_destinations_get(broker->destinations, accept->queues[i]);
		const ph_item *item =
		    entry == NULL ? NULL : ph_entry_item(entry, accept->queues[i]);
		if (to == NULL)
			continue;
		ph_row_object(row, NULL);
		ph_row_text(row, "queue", ph_queue_name(to->queue));
		ph_row_text(row, "state",
		    item == NULL
			? absent_state(broker, to, accept->acceptance)
			: ph_delivery_state_name((ph_delivery_state) item->state));
		if (item != NULL)
			ph_row_count(row, "attempts", item->attempts);
		ph_row_object_end(row);
	}
	ph_row_list_end(row);
}

static ph_status
show_at(ph_broker *broker, ph_position position, uint64_t acceptance, bool reveal,
    const ph_reply *reply, ph_error *err)
{
	ph_store_record record;
	ph_record_accept accept;
	ph_message *message = NULL;
	ph_buffer row;
	ph_status status = ph_store_read(broker->store, position, &record, err);
	if (status == PH_OK)
		status = ph_record_accept_read(
		    record.type, record.body, record.length, &accept, err);
	if (status == PH_OK && accept.acceptance != acceptance)
		status = ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH7108 the message is not where it was; ask again");
	if (status == PH_OK)
		status = ph_message_decode(
		    accept.message.data, accept.message.length, &message, err);
	if (status != PH_OK)
		return status;
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	ph_row_count(&row, "acceptance", acceptance);
	ph_row_number(&row, "accepted_ms", accept.accepted_ms);
	ph_row_count(&row, "generation", accept.generation);
	ph_operate_describe(&row, message, reveal);
	queue_states(broker, &accept, &row);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	ph_message_unref(&message);
	return PH_OK;
}

/* Read on from a place that the ledger knows to lie at or before the acceptance. */
static ph_status
find_from(ph_broker *broker, ph_position *position, uint64_t acceptance, ph_error *err)
{
	ph_store_reader *reader = NULL;
	ph_store_record record;
	ph_record_accept accept = {.acceptance = 0};
	ph_status status =
	    ph_store_reader_new(broker->store, *position, 0, &reader, err);
	for (unsigned i = 0; status == PH_OK && i < SCAN_MOST; i++) {
		status = ph_store_reader_next(reader, &record, err);
		/* only the place itself may be where it was carried to */
		if (status == PH_OK && (record.type == PH_RECORD_ACCEPT ||
					   (record.type == PH_RECORD_CARRY && i == 0)))
			status = ph_record_accept_read(
			    record.type, record.body, record.length, &accept, err);
		if (status == PH_OK && accept.acceptance >= acceptance)
			break;
	}
	if (status == PH_OK && accept.acceptance == acceptance)
		*position = record.position;
	else if (status == PH_OK || status == PH_ERR_AGAIN)
		status = ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH7109 there is no message %llu", (unsigned long long) acceptance);
	ph_store_reader_destroy(&reader);
	return status;
}

static void
ledger_found(void *self, const ph_ledger_answer *answer)
{
	ph_operation *operation = self;
	ph_error err = answer->error;
	ph_question_strike(&operation->question);
	ph_status status = answer->status;
	if (status == PH_OK && answer->count == 0)
		status =
		    ph_fail(&err, PH_ERR_NOT_FOUND, "PH7109 there is no message %llu",
			(unsigned long long) operation->acceptance);
	ph_position position = {.offset = 0};
	if (status == PH_OK) {
		position = answer->rows.messages[0].position;
		status = find_from(
		    operation->broker, &position, operation->acceptance, &err);
	}
	if (status == PH_OK)
		status = show_at(operation->broker, position, operation->acceptance,
		    operation->reveal, &operation->reply, &err);
	operation->reply.end(operation->reply.self, status == PH_OK ? NULL : &err);
	free(operation);
}

static void
abandon_operation(ph_question *at)
{
	ph_operation *operation = (ph_operation *) at;
	ph_error err = {.status = PH_OK};
	(void) ph_fail(&err, PH_ERR_CLOSED, "PH7102 the broker stops");
	operation->reply.end(operation->reply.self, &err);
	free(operation);
}

static ph_status
ask_ledger(ph_broker *broker, uint64_t acceptance, bool reveal, const ph_reply *reply,
    bool *later, ph_error *err)
{
	ph_ledger_ask question = {
	    .kind = PH_LEDGER_MESSAGE, .current = true, .acceptance = acceptance};
	if (broker->ledger == NULL)
		return ph_fail(err, PH_ERR_NOT_FOUND, "PH7109 there is no message %llu",
		    (unsigned long long) acceptance);
	ph_operation *operation = calloc(1, sizeof *operation);
	if (operation == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory");
	*operation = (ph_operation){.broker = broker,
	    .reply = *reply,
	    .acceptance = acceptance,
	    .reveal = reveal};
	ph_question_note(broker, &operation->question, abandon_operation);
	ph_status status =
	    ph_ledger_query(broker->ledger, &question, ledger_found, operation, err);
	*later = status == PH_OK;
	if (status != PH_OK) {
		ph_question_strike(&operation->question);
		free(operation);
	}
	return status;
}

/* The acceptance number meant: a number, a letter's, or of (source, id). */
static ph_status
meant(ph_broker *broker, const ph_operate_args *args, uint64_t *out, ph_error *err)
{
	if (args->ids_count > 0) {
		const char *slash = strrchr(args->ids[0], '/');
		const char *text = slash == NULL ? args->ids[0] : slash + 1;
		char *end = NULL;
		errno = 0;
		*out = strtoull(text, &end, 10);
		if (errno == 0 && end != text && *end == 0)
			return PH_OK;
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7110 a message is named by its acceptance number");
	}
	if (args->source == NULL || args->id == NULL)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7111 which message? Give a number, or source and id");
	uint8_t print[PH_FINGERPRINT], nothing[PH_FINGERPRINT] = {0};
	ph_sitekey_print(&broker->key, 'i', args->source, strlen(args->source),
	    args->id, strlen(args->id), print);
	if (ph_duplicates_look(broker->duplicates, print, nothing, out) != PH_REPEAT_NO)
		return PH_OK;
	return ph_fail(err, PH_ERR_NOT_FOUND,
	    "PH7112 no message of that source and id was accepted lately");
}

/* Where the record of a message is that some queue needs; 0: none does. */
static uint64_t
pending_at(ph_broker *broker, uint64_t acceptance)
{
	const ph_entry *entry = ph_backlog_find(broker->backlog, acceptance);
	unsigned cursor = 0;
	const ph_destination *to;
	ph_shelf_entry shelved;
	if (entry != NULL)
		return entry->offset;
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		if (ph_refill_find(broker, to, acceptance, &shelved))
			return shelved.offset;
	}
	return 0;
}

ph_status
ph_operate_message_show(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	uint64_t acceptance = 0;
	ph_status status = meant(broker, args, &acceptance, err);
	if (status != PH_OK)
		return status;
	/* One that comes while the ledger looks for it may be ahead of what is durable. */
	if (acceptance > broker->last_acceptance)
		return ph_fail(err, PH_ERR_NOT_FOUND, "PH7109 there is no message %llu",
		    (unsigned long long) acceptance);
	ph_position position = {.offset = pending_at(broker, acceptance)};
	if (position.offset == 0)
		return ask_ledger(broker, acceptance, args->reveal, reply, later, err);
	return show_at(broker, position, acceptance, args->reveal, reply, err);
}

/* ---- adapters ---- */

ph_status
ph_operate_adapter_ls(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	ph_buffer row;
	(void) args;
	(void) later;
	(void) err;
	ph_buffer_init(&row, 0);
	for (size_t i = 0; i < broker->site->adapter_count; i++) {
		const ph_site_adapter *adapter = &broker->site->adapters[i];
		const ph_destination *to =
		    ph_destinations_find(broker->destinations, adapter->queue);
		const ph_queue_counts *counts = ph_queue_count(to->queue);
		ph_supervise_look look;
		ph_supervise_look_at(broker, adapter, &look);
		ph_row_begin(&row);
		ph_row_text(&row, "adapter", adapter->name);
		ph_row_text(&row, "state", look.state);
		ph_row_number(&row, "pid", look.pid);
		ph_row_count(&row, "restarts", look.restarts);
		ph_row_count(&row, "in_flight", counts->in_flight);
		ph_row_count(&row, "ready", counts->ready);
		ph_row_text(&row, "queue", adapter->queue);
		ph_row_text(&row, "transport", adapter->transport);
		ph_row_text(&row, "last_error",
		    look.last_error[0] != 0 ? look.last_error : to->last_error);
		ph_operate_row(reply, &row);
	}
	ph_buffer_fini(&row);
	return PH_OK;
}

/* ---- routes ---- */

static void
list_member(ph_buffer *row, const char *name, const ph_site_list *list)
{
	ph_row_list(row, name);
	for (size_t i = 0; i < list->count; i++)
		ph_row_item(row, list->at[i]);
	ph_row_list_end(row);
}

ph_status
ph_operate_route_ls(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	ph_buffer row;
	(void) args;
	(void) later;
	(void) err;
	ph_buffer_init(&row, 0);
	for (size_t i = 0; i < broker->site->route_count; i++) {
		const ph_site_route *route = &broker->site->routes[i];
		ph_row_begin(&row);
		ph_row_text(&row, "route", route->name);
		list_member(&row, "to", &route->to);
		ph_row_object(&row, "when");
		for (size_t k = 0; k < route->when_count; k++)
			list_member(
			    &row, route->when[k].attribute, &route->when[k].patterns);
		ph_row_object_end(&row);
		ph_row_text(&row, "purpose", route->purpose);
		ph_operate_row(reply, &row);
	}
	ph_buffer_fini(&row);
	return PH_OK;
}

static const char *
given(const void *self, const char *name)
{
	const ph_operate_args *args = self;
	for (size_t i = 0; i < args->attributes_count; i++) {
		if (strcmp(args->attributes[i].name, name) == 0)
			return args->attributes[i].value;
	}
	return NULL;
}

static bool
taken(const ph_site_list *seen, const char *queue)
{
	for (size_t i = 0; i < seen->count; i++) {
		if (strcmp(seen->at[i], queue) == 0)
			return true;
	}
	return false;
}

/* Queues of one route, each once in all. */
static void
collect(const ph_site_route *route, ph_site_list *seen, size_t most)
{
	for (size_t i = 0; i < route->to.count && seen->count < most; i++) {
		if (!taken(seen, route->to.at[i]))
			seen->at[seen->count++] = route->to.at[i];
	}
}

ph_status
ph_operate_route_explain(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	const char *names[PH_ENTRY_ITEMS_MAX];
	ph_site_list chosen = {.at = names};
	ph_buffer row;
	(void) later;
	if (given(args, "type") == NULL)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7113 the attributes of a message begin with its type");
	ph_buffer_init(&row, 0);
	for (size_t i = 0; i < broker->site->route_count; i++) {
		const ph_site_route *route = &broker->site->routes[i];
		bool matched = ph_route_matches(route, given, args);
		ph_row_begin(&row);
		ph_row_text(&row, "route", route->name);
		ph_row_bool(&row, "matched", matched);
		list_member(&row, "to", &route->to);
		ph_row_text(&row, "purpose", route->purpose);
		ph_operate_row(reply, &row);
		if (matched)
			collect(route, &chosen, PH_ENTRY_ITEMS_MAX);
	}
	if (chosen.count == 0)
		names[chosen.count++] = "unrouted";
	ph_row_begin(&row);
	list_member(&row, "queues", &chosen);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	return PH_OK;
}

/* ---- cross-references ---- */

ph_status
ph_operate_xref_get(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	const char *value = NULL;
	ph_buffer row;
	bool by_key = args->key != NULL;
	(void) later;
	if (args->entity == NULL || args->system == NULL ||
	    by_key == (args->canonical != NULL))
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7114 give entity, system, and either key or canonical");
	if (ph_xref_look(broker->xref, by_key ? PH_XREF_CANONICAL : PH_XREF_KEY,
		args->entity, args->system, by_key ? args->key : args->canonical,
		&value) != PH_XREF_FOUND)
		return PH_OK;
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	ph_row_text(&row, "entity", args->entity);
	ph_row_text(&row, "system", args->system);
	ph_row_text(&row, "key", by_key ? args->key : value);
	ph_row_text(&row, "canonical_id", by_key ? value : args->canonical);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	return PH_OK;
}

/* ---- sessions ---- */

ph_status
ph_operate_session_open(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err)
{
	char token[PH_TOKEN_TEXT];
	ph_buffer row;
	(void) later;
	const char *name = args->name == NULL ? "client" : args->name;
	ph_status status =
	    ph_tokens_grant(broker->tokens, PH_ROLE_CLIENT, name, token, err);
	if (status != PH_OK)
		return status;
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	ph_row_text(&row, "endpoint", broker->endpoint);
	ph_row_text(&row, "token", token);
	ph_operate_row(reply, &row);
	ph_buffer_fini(&row);
	return PH_OK;
}
