/*
 * How it works: what most verbs need: finding queues and letters, describing messages, a reply that
 * waits.
 */
#include "broker/operate_part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/message.h"

/* ---- replies ---- */

void
ph_operate_row(const ph_reply *reply, ph_buffer *row)
{
	ph_buffer_u8(row, '}');
	if (!row->failed)
		reply->row(reply->self, (const char *) row->data, row->length);
}

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
