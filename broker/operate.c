/*
 * How it works: a table from verbs to functions. What most of them need (finding queues and letters,
 * describing messages, replies that wait for the flush) is here; the verbs are in operate_queue.c,
 * operate_dead.c and operate_show.c.
 */
#include "broker/operate_part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/commit.h"
#include "lib/base/assert.h"
#include "lib/wire/message.h"

static const struct verb {
	const char *name;
	ph_operate_fn *fn;
} verbs[] = {
    {"status", ph_operate_status},
    {"queue.ls", ph_operate_queue_ls},
    {"queue.show", ph_operate_queue_show},
    {"queue.peek", ph_operate_queue_peek},
    {"dead.ls", ph_operate_dead_ls},
    {"dead.show", ph_operate_dead_show},
    {"dead.replay", ph_operate_dead_replay},
    {"dead.discard", ph_operate_dead_discard},
    {"message.show", ph_operate_message_show},
    {"adapter.ls", ph_operate_adapter_ls},
    {"route.ls", ph_operate_route_ls},
    {"route.explain", ph_operate_route_explain},
    {"xref.get", ph_operate_xref_get},
    {"session.open", ph_operate_session_open},
};

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

bool
ph_operate_knows(const char *verb)
{
	return find_verb(verb) != NULL;
}

void
ph_operate(struct ph_broker *broker, const char *verb, const ph_operate_args *args,
    const ph_reply *reply)
{
	PH_ASSERT(broker->magic == PH_BROKER_MAGIC);
	const struct verb *found = find_verb(verb);
	ph_error err = {.status = PH_OK};
	bool later = false;
	ph_status status = found == NULL ? ph_fail(&err, PH_ERR_NOT_FOUND,
					       "PH7101 there is no verb %s", verb)
					 : PH_OK;
	/* What is counted and shown is durable. */
	if (status == PH_OK && ph_broker_flush(broker) != PH_OK)
		status = ph_fail(&err, PH_ERR_IO, "the store has failed");
	if (status == PH_OK)
		status = found->fn(broker, args, reply, &later, &err);
	if (!later)
		reply->end(reply->self, status == PH_OK ? NULL : &err);
}

void
ph_operate_row(const ph_reply *reply, ph_buffer *row)
{
	ph_buffer_u8(row, '}');
	if (!row->failed)
		reply->row(reply->self, (const char *) row->data, row->length);
}

/* ---- replies that wait ---- */

ph_status
ph_operate_after_flush(ph_broker *broker, const ph_reply *reply, ph_error *err)
{
	ph_operation *operation = calloc(1, sizeof *operation);
	if (operation == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory");
	operation->broker = broker;
	operation->reply = *reply;
	*(broker->operations_last == NULL ? &broker->operations
					  : &broker->operations_last->next) = operation;
	broker->operations_last = operation;
	return PH_OK;
}

static void
end_all(ph_broker *broker, const ph_error *err)
{
	ph_operation *at = broker->operations;
	broker->operations = broker->operations_last = NULL;
	while (at != NULL) {
		ph_operation *next = at->next;
		at->reply.end(at->reply.self, err);
		free(at);
		at = next;
	}
}

void
ph_operate_flushed(ph_broker *broker)
{
	end_all(broker, NULL);
}

void
ph_operate_end(ph_broker *broker)
{
	ph_error err = {.status = PH_OK};
	(void) ph_fail(&err, PH_ERR_CLOSED, "PH7102 the broker stops");
	end_all(broker, &err);
}

/* ---- finding ---- */

ph_status
ph_operate_queue(
    ph_broker *broker, const ph_operate_args *args, ph_destination **out, ph_error *err)
{
	if (args->queue == NULL)
		return ph_fail(err, PH_ERR_USAGE, "PH7103 which queue?");
	*out = ph_destinations_find(broker->destinations, args->queue);
	if (*out == NULL)
		return ph_fail(
		    err, PH_ERR_NOT_FOUND, "PH7104 there is no queue %s", args->queue);
	return PH_OK;
}

void
ph_operate_id(const ph_destination *to, uint64_t acceptance, char out[PH_LETTER_ID])
{
	(void) snprintf(
	    out, PH_LETTER_ID, "%s/%" PRIu64, ph_queue_name(to->queue), acceptance);
}

static bool
read_number(const char *text, uint64_t *out)
{
	char *end = NULL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == 0 && text[0] != '-';
}

ph_status
ph_operate_letter(ph_broker *broker, const char *id, ph_destination **to,
    ph_item **item, ph_error *err)
{
	char name[PH_SITE_NAME_MAX + 1];
	const char *slash = strrchr(id, '/');
	uint64_t number = 0;
	bool ok = read_number(slash == NULL ? id : slash + 1, &number);
	*to = NULL;
	if (ok && slash == NULL) {
		*to = ph_destinations_get(
		    broker->destinations, ph_delivery_queue(number));
		number = ph_delivery_acceptance(number);
	} else if (ok && (size_t) (slash - id) < sizeof name) {
		memcpy(name, id, (size_t) (slash - id));
		name[slash - id] = 0;
		*to = ph_destinations_find(broker->destinations, name);
	}
	ph_entry *entry = *to == NULL ? NULL : ph_backlog_find(broker->backlog, number);
	*item =
	    entry == NULL ? NULL : ph_entry_item(entry, ph_queue_number((*to)->queue));
	if (*item == NULL)
		return ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH7105 there is nothing by the id %.60s (ids read queue/number)",
		    id);
	return PH_OK;
}

/* ---- describing ---- */

static void
describe_tag(
    ph_buffer *row, const char *name, const ph_message *message, ph_message_tag tag)
{
	size_t length = 0;
	const char *value = ph_message_known(message, tag, &length);
	ph_row_text_n(row, name, value == NULL ? "" : value, length);
}

void
ph_operate_describe(ph_buffer *row, const ph_message *message, bool reveal)
{
	size_t length = 0;
	const void *bytes = ph_message_bytes(message, &length);
	describe_tag(row, "source", message, PH_TAG_SOURCE);
	describe_tag(row, "message_id", message, PH_TAG_ID);
	describe_tag(row, "type", message, PH_TAG_TYPE);
	describe_tag(row, "subject", message, PH_TAG_SUBJECT);
	ph_row_count(row, "size", length);
	if (reveal)
		ph_row_base64(row, "message", bytes, length);
}
