/*
 * Two things may need the broker: $reference (the vendor's key of the subject), which is a value and
 * must be there first, and the references of the records. So there are up to two round trips, and most
 * maps need one or none.
 */
#include "adapters/host/mapping.h"

#include <stdlib.h>
#include <string.h>
#include "adapters/host/secrets.h"
#include "lib/base/assert.h"
#include "lib/wire/frame.h"

enum { REFERENCES_MAX = 10000 };

typedef struct mapping {
	ph_host *host;
	ph_mapping_task task;
	ph_map_call *call;
	size_t references; /* how many were asked for */
} mapping;

static void
finish(mapping *it, const ph_error *why)
{
	mapping copy = *it;
	free(it);
	if (why)
		ph_map_call_destroy(&copy.call);
	copy.task.done(copy.task.self, why ? NULL : copy.call, why);
}

/* No answer will come: nobody is told. */
static void
drop(mapping *it)
{
	ph_map_call_destroy(&it->call);
	free(it);
}

static void
run(mapping *it)
{
	ph_error err = {.status = PH_OK};
	ph_status status = ph_map_call_run(it->call, &err);
	finish(it, status ? &err : NULL);
}

/* ---- values ---- */

static ph_status
set_time(mapping *it, const char *name, int64_t ms, ph_error *err)
{
	char text[PH_TIME_TEXT];
	ph_time_format(ms, text);
	return ph_map_call_set(it->call, name, text, err);
}

static ph_status
set_secret(mapping *it, const char *wanted, ph_error *err)
{
	char *text = NULL;
	size_t length = 0;
	ph_status status = ph_secret_read(
	    it->host->site->directory, wanted + strlen("secret."), &text, &length, err);
	if (!status)
		status = ph_map_call_set(it->call, wanted, text, err);
	ph_secret_free(&text);
	return status;
}

static ph_status
set_setting(mapping *it, const char *wanted, ph_error *err)
{
	const ph_node *settings = ph_node_get(it->host->adapter->root, "settings");
	const char *text =
	    settings ? ph_node_text(settings, wanted + strlen("setting.")) : NULL;
	return ph_map_call_set(it->call, wanted, text, err);
}

static bool
starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Values with a namespace: only those that the map names. */
static ph_status
set_wanted(mapping *it, const char *wanted, ph_error *err)
{
	const ph_message *message = it->task.message;
	if (starts(wanted, "setting."))
		return set_setting(it, wanted, err);
	if (starts(wanted, "secret."))
		return set_secret(it, wanted, err);
	if (starts(wanted, "event.") && message)
		return ph_map_call_set(it->call, wanted,
		    ph_message_get(message, wanted + strlen("event."), NULL), err);
	return PH_OK;
}

static ph_status
set_values(mapping *it, ph_error *err)
{
	const ph_mapping_task *task = &it->task;
	ph_status status = set_time(it, "accepted_at", task->accepted_ms, err);
	if (!status && task->receipt)
		status = ph_map_call_set(it->call, "receipt", task->receipt, err);
	if (!status)
		status = ph_map_call_set(
		    it->call, "jurisdiction", it->host->site->jurisdiction, err);
	if (!status)
		status =
		    ph_map_call_set(it->call, "adapter", it->host->adapter->name, err);
	if (!status && task->to_ms) {
		status = set_time(it, "window.from", task->from_ms, err);
		if (!status)
			status = set_time(it, "window.to", task->to_ms, err);
	}
	if (!status && task->message) /* says where an entity comes from */
		status = ph_map_call_set(it->call, "event.source",
		    ph_message_get(task->message, "source", NULL), err);
	const char *wanted = NULL;
	for (size_t i = 0; !status && (wanted = ph_map_wants(task->map, i)); i++)
		status = set_wanted(it, wanted, err);
	return status;
}

static bool
wants_reference(const ph_map *map)
{
	const char *wanted = NULL;
	for (size_t i = 0; (wanted = ph_map_wants(map, i)); i++)
		if (!strcmp(wanted, "reference"))
			return true;
	return false;
}

/* ---- references ---- */

static ph_status
take_answers(mapping *it, ph_reader *body, ph_error *err)
{
	ph_status status = PH_OK;
	for (size_t i = 0; i < it->references && !status; i++) {
		uint8_t found = ph_reader_u8(body);
		ph_slice value = ph_slice_read(body);
		if (body->failed)
			return ph_fail(
			    err, PH_ERR_INVALID, "PH4040 the broker's answer is short");
		if (found != PH_RESOLVED_FOUND && found != PH_RESOLVED_MINTED)
			continue;
		char *text = ph_slice_dup(value);
		if (!text)
			return ph_fail(err, PH_ERR_NOMEM, "out of memory");
		status = ph_map_call_answer(it->call, i, text, err);
		free(text);
	}
	return status;
}

static void
references_answered(void *self, const void *answer)
{
	mapping *it = self;
	const ph_inner_event *event = answer;
	if (!event) {
		drop(it);
		return;
	}
	ph_reader body = event->frame.body;
	ph_error err = {.status = PH_OK};
	if (take_answers(it, &body, &err))
		finish(it, &err);
	else
		run(it);
}

static size_t
count_references(const mapping *it)
{
	size_t count = 0;
	while (count < REFERENCES_MAX &&
	       ph_map_call_reference(it->call, count, NULL, NULL, NULL, NULL) == PH_OK)
		count++;
	return count;
}

static ph_status
ask_references(mapping *it, ph_error *err)
{
	it->references = count_references(it);
	if (!it->references) {
		run(it);
		return PH_OK;
	}
	ph_resolve_item *items = calloc(it->references, sizeof *items);
	if (!items)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < it->references; i++) {
		ph_map_reference kind = PH_MAP_CANONICAL;
		(void) ph_map_call_reference(it->call, i, &kind, &items[i].entity,
		    &items[i].system, &items[i].key);
		items[i].kind = (uint8_t) kind;
		if (!*items[i].system)
			items[i].system = it->host->adapter->name;
		items[i].prefix = ph_map_id_prefix(it->task.map);
	}
	uint64_t number = 0;
	ph_status status =
	    ph_client_resolve(it->host->client, items, it->references, &number, err);
	free(items);
	return status ? status
		      : ph_waits_add(it->host->waits, PH_WAIT_RESOLVED, number,
			    references_answered, it, err);
}

static void
subject_answered(void *self, const void *answer)
{
	mapping *it = self;
	const ph_inner_event *event = answer;
	if (!event) {
		drop(it);
		return;
	}
	ph_reader body = event->frame.body;
	ph_error err = {.status = PH_OK};
	uint8_t found = ph_reader_u8(&body);
	char *text = ph_slice_dup(ph_slice_read(&body));
	ph_status status = PH_OK;
	if (!body.failed && found == PH_RESOLVED_FOUND && text)
		status = ph_map_call_set(it->call, "reference", text, &err);
	free(text);
	if (!status)
		status = ask_references(it, &err);
	if (status)
		finish(it, &err);
}

/* The vendor's key of the message's subject, before the references. */
static ph_status
ask_subject(mapping *it, const char *subject, ph_error *err)
{
	ph_resolve_item item = {.kind = PH_RESOLVE_VENDOR,
	    .entity = ph_map_entity(it->task.map),
	    .system = it->host->adapter->name,
	    .key = subject};
	uint64_t number = 0;
	ph_status status = ph_client_resolve(it->host->client, &item, 1, &number, err);
	return status ? status
		      : ph_waits_add(it->host->waits, PH_WAIT_RESOLVED, number,
			    subject_answered, it, err);
}

/* What the system has now, in the map's format, as far as it can be read. */
static ph_status
give_previous(mapping *it, ph_error *err)
{
	const ph_buffer *previous = it->task.previous;
	ph_error why = {.status = PH_OK};
	ph_status status = previous ? ph_map_call_previous(it->call, previous->data,
					  previous->length, &why)
				    : PH_OK;
	return status ? ph_fail_at(err, status, why.where,
			    "PH4059 the record as it was cannot be read: %s%s%s",
			    why.text, *why.where ? ", by " : "", why.where)
		      : PH_OK;
}

ph_status
ph_mapping_start(ph_host *host, const ph_mapping_task *task, ph_error *err)
{
	PH_ASSERT(task->done != NULL);
	ph_error own;
	mapping *it = calloc(1, sizeof *it);
	if (!it) {
		ph_map_call *call = task->call;
		ph_map_call_destroy(&call);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	err = err ? err : &own;
	it->host = host;
	it->task = *task;
	it->call = task->call;
	ph_status status =
	    task->call ? PH_OK
		       : ph_map_call_new(task->map, task->direction, task->flags,
			     task->bytes, task->length, &it->call, err);
	if (!status)
		status = give_previous(it, err);
	if (!status)
		status = set_values(it, err);
	const char *subject =
	    task->message ? ph_message_get(task->message, "subject", NULL) : NULL;
	if (!status)
		status = task->direction == PH_MAP_OUT && subject &&
				 wants_reference(task->map)
			     ? ask_subject(it, subject, err)
			     : ask_references(it, err);
	if (status) {
		ph_map_call_destroy(&it->call);
		free(it);
	}
	return status;
}
