/*
 * A question has one look-up for each reference, or one in all, and each look-up collects messages
 * until its last ANSWER; then its record(s) are mapped. When nothing is outstanding any more the
 * answer is put together. After a lost session the broker answers a look-up from its beginning, so
 * messages already here are recognised by their acceptance number.
 */
#include "adapters/host/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/host/mapping.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

enum { PAIRS_MAX = 256 };

typedef struct ph_question question;

/* One message found. */
typedef struct found {
	uint64_t acceptance;
	uint64_t accepted_ms;
	ph_message *message; /* ours */
} found;

/* One record to be. */
typedef struct answer_record {
	question *owner;
	char *data; /* what is mapped, if it is not the message's own */
	size_t length;
	found last; /* the message it is of; ours */
	char *reference;
	ph_map_call *call;
	ph_adapter_record record;
	ph_adapter_pair *pairs;
} answer_record;

/* One look-up in the broker. */
typedef struct lookup {
	question *owner;
	const char *reference; /* NULL: by window */
	found *messages;
	size_t count, capacity;
	ph_table *seen; /* source and id of those */
} lookup;

struct ph_question {
	question *next, **link;
	ph_host *host;
	ph_query_task task;
	ph_alarm deadline;
	lookup *lookups;
	size_t lookup_count;
	answer_record **records;
	size_t record_count, capacity;
	size_t outstanding; /* look-ups and mappings */
	bool failed;
};

/* ---- the end ---- */

static void
free_record(answer_record *record)
{
	ph_map_call_destroy(&record->call);
	ph_message_unref(&record->last.message);
	free(record->reference);
	free(record->data);
	free(record->pairs);
	free(record);
}

static void
free_lookup(lookup *at)
{
	for (size_t i = 0; i < at->count; i++)
		ph_message_unref(&at->messages[i].message);
	free(at->messages);
	ph_table_destroy(&at->seen, NULL);
}

static void
free_question(question *it)
{
	ph_alarm_stop(&it->deadline);
	*it->link = it->next;
	if (it->next)
		it->next->link = it->link;
	for (size_t i = 0; i < it->record_count; i++)
		free_record(it->records[i]);
	for (size_t i = 0; i < it->lookup_count; i++)
		free_lookup(&it->lookups[i]);
	for (size_t i = 0; it->task.references && i < it->task.count; i++)
		free(it->task.references[i]);
	free(it->task.references);
	free(it->records);
	free(it->lookups);
	free(it);
}

static void
tell(question *it, const ph_adapter_records *records)
{
	ph_alarm_stop(&it->deadline);
	void (*done)(void *, const ph_adapter_records *) = it->task.done;
	it->task.done = NULL;
	if (done)
		done(it->task.context, records);
}

static void
tell_failed(question *it, uint32_t code, const char *text)
{
	ph_adapter_records records = {
	    .size = sizeof records, .code = code, .text = {text, strlen(text)}};
	tell(it, &records);
}

static void
deadline_rings(void *self)
{
	tell_failed(
	    self, PH_ADAPTER_TIMEOUT, "PH4070 no answer from the broker in time");
}

static ph_adapter_text
text_of(const char *text)
{
	return (ph_adapter_text){text, text ? strlen(text) : 0};
}

static bool
fill_record(answer_record *record)
{
	const char *name = NULL, *value = NULL;
	size_t length = 0, count = 0;
	record->pairs = calloc(PAIRS_MAX, sizeof *record->pairs);
	if (!record->pairs)
		return false;
	while (count < PAIRS_MAX &&
	       ph_map_call_pair(record->call, 0, count, &name, &value, &length)) {
		record->pairs[count].name = text_of(name);
		record->pairs[count++].value = (ph_adapter_text){value, length};
	}
	record->record = (ph_adapter_record){.size = sizeof record->record,
	    .reference = text_of(record->reference),
	    .id = text_of(ph_message_get(record->last.message, "id", NULL)),
	    .accepted = record->last.accepted_ms,
	    .pairs = record->pairs,
	    .pair_count = count};
	return true;
}

static void
finish(question *it)
{
	const ph_adapter_record **list =
	    calloc(it->record_count + 1, sizeof(const ph_adapter_record *));
	size_t count = 0;
	for (size_t i = 0; list && i < it->record_count; i++)
		if (it->records[i]->call && fill_record(it->records[i]))
			list[count++] = &it->records[i]->record;
	ph_adapter_records records = {
	    .size = sizeof records, .records = list, .count = count};
	if (it->failed || !list)
		tell_failed(
		    it, PH_ADAPTER_FAILED, "PH4071 it could not be put together");
	else
		tell(it, &records);
	free(list);
	free_question(it);
}

static void
one_less(question *it)
{
	PH_ASSERT(it->outstanding > 0);
	if (--it->outstanding == 0)
		finish(it);
}

/* ---- rendering ---- */

static void
rendered(void *self, ph_map_call *call, const ph_error *why)
{
	answer_record *record = self;
	question *it = record->owner;
	if (!call) {
		ph_log(PH_LOG_ERROR, "render-failed", "map=%s text=%s",
		    ph_map_name(it->task.entry->map), why->text);
		it->failed = true;
	} else if (ph_map_call_count(call) &&
		   ph_map_call_result(call, 0) == PH_MAP_DONE) {
		record->call = call;
	} else {
		if (ph_map_call_count(call) &&
		    ph_map_call_result(call, 0) != PH_MAP_IGNORED)
			ph_log(PH_LOG_WARN, "render-failed",
			    "map=%s subject=%s path=%s text=%s",
			    ph_map_name(it->task.entry->map), record->reference,
			    ph_map_call_path(call, 0),
			    ph_map_call_error(call, 0)->text);
		ph_map_call_destroy(&call);
	}
	one_less(it);
}

static answer_record *
add_record(question *it, const found *last, char *data, size_t length)
{
	if (it->record_count == it->capacity) {
		size_t capacity = it->capacity ? it->capacity * 2 : 16;
		answer_record **grown = realloc(it->records, capacity * sizeof *grown);
		if (!grown)
			return NULL;
		it->records = grown;
		it->capacity = capacity;
	}
	answer_record *record = calloc(1, sizeof *record);
	if (!record)
		return NULL;
	record->owner = it;
	record->data = data;
	record->length = length;
	record->last = *last;
	record->last.message = ph_message_ref(last->message);
	const char *subject = ph_message_get(last->message, "subject", NULL);
	record->reference = strdup(subject ? subject : "");
	it->records[it->record_count++] = record;
	return record;
}

/* Render `data` (taken; NULL: the message's own) as the record of `last`. */
static void
render(question *it, const found *last, char *data, size_t length)
{
	answer_record *record = add_record(it, last, data, length);
	if (!record) {
		free(data);
		it->failed = true;
		return;
	}
	ph_mapping_task task = {.map = it->task.entry->map,
	    .direction = PH_MAP_OUT,
	    .flags = data ? PH_MAP_PARTIAL : 0u,
	    .bytes = data,
	    .length = length,
	    .accepted_ms = (int64_t) last->accepted_ms,
	    .message = record->last.message,
	    .done = rendered,
	    .self = record};
	if (!data)
		task.bytes = ph_message_data(record->last.message, &task.length);
	it->outstanding++;
	ph_error err = {.status = PH_OK};
	if (ph_mapping_start(it->host, &task, &err))
		rendered(record, NULL, &err);
}

/* ---- what was found ---- */

static bool
of_entity(const found *message, const ph_map *map)
{
	const char *schema = ph_message_get(message->message, "dataschema", NULL);
	return schema && !strcmp(schema, ph_map_dataschema(map));
}

/* Fold all messages of one reference; a reference that nothing of the entity speaks of is none. */
static void
fold(lookup *at)
{
	question *it = at->owner;
	const ph_map *map = it->task.entry->map;
	char *state = NULL;
	size_t length = 0;
	bool known = false;
	for (size_t i = 0; i < at->count && !it->failed; i++) {
		size_t size = 0;
		const void *data = ph_message_data(at->messages[i].message, &size);
		const char *schema =
		    ph_message_get(at->messages[i].message, "dataschema", NULL);
		char *next = NULL;
		size_t next_length = 0;
		ph_error err = {.status = PH_OK};
		known = known || of_entity(&at->messages[i], map);
		if (!schema)
			continue;
		if (ph_map_fold(map, schema, state, length, data, size, &next,
			&next_length, &err)) {
			ph_log(PH_LOG_ERROR, "render-failed", "map=%s text=%s",
			    ph_map_name(map), err.text);
			it->failed = true;
			break;
		}
		free(state);
		state = next;
		length = next_length;
	}
	if (known && state && !it->failed)
		render(it, &at->messages[at->count - 1], state, length);
	else
		free(state);
}

static void
render_each(lookup *at)
{
	for (size_t i = 0; i < at->count; i++)
		render(at->owner, &at->messages[i], NULL, 0);
}

static bool
has(const lookup *at, uint64_t acceptance)
{
	for (size_t i = at->count; i > 0; i--)
		if (at->messages[i - 1].acceptance <= acceptance)
			return at->messages[i - 1].acceptance == acceptance;
	return false;
}

/* The same event again: what contradicted one accepted before is kept by the broker, but is not what
 * is so. */
static bool
repeats(lookup *at, const ph_message *message)
{
	char key[1024];
	int length =
	    snprintf(key, sizeof key, "%s\n%s", ph_message_get(message, "source", NULL),
		ph_message_get(message, "id", NULL));
	if (length < 0 || (size_t) length >= sizeof key ||
	    (!at->seen && ph_table_new(&at->seen, NULL)))
		return false;
	if (ph_table_gets(at->seen, key))
		return true;
	(void) ph_table_puts(at->seen, key, at, NULL);
	return false;
}

static bool
add_found(lookup *at, const found *message)
{
	if (at->count == at->capacity) {
		size_t capacity = at->capacity ? at->capacity * 2 : 16;
		found *grown = realloc(at->messages, capacity * sizeof *grown);
		if (!grown)
			return false;
		at->messages = grown;
		at->capacity = capacity;
	}
	at->messages[at->count++] = *message;
	return true;
}

/* Items of ANSWER: u32 length of the rest, u64 acceptance, u64 accepted ms, message. */
static bool
take_items(lookup *at, ph_reader *body, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length = ph_reader_u32(body);
		found one = {.acceptance = ph_reader_u64(body)};
		one.accepted_ms = ph_reader_u64(body);
		const uint8_t *bytes =
		    length < 16 ? NULL : ph_reader_bytes(body, length - 16);
		if (!bytes)
			return false;
		if (has(at, one.acceptance))
			continue;
		if (ph_message_decode(bytes, length - 16, &one.message, NULL))
			return false;
		if (repeats(at, one.message)) {
			ph_message_unref(&one.message);
			continue;
		}
		if (!add_found(at, &one)) {
			ph_message_unref(&one.message);
			return false;
		}
	}
	return true;
}

static void
answer_came(void *self, const void *answer)
{
	lookup *at = self;
	question *it = at->owner;
	const ph_inner_event *event = answer;
	if (!event)
		return;
	ph_reader body = event->frame.body;
	bool last = (ph_reader_u8(&body) & 1) != 0;
	if (!take_items(at, &body, event->frame.count))
		it->failed = true;
	if (!last)
		return;
	if (!it->failed && it->task.done) {
		if (at->reference)
			fold(at);
		else
			render_each(at);
	}
	one_less(it);
}

/* ---- starting ---- */

static ph_status
ask(question *it, lookup *at, ph_error *err)
{
	const ph_query_task *task = &it->task;
	uint64_t number = 0;
	const char *type = task->entry->types[0] ? task->entry->types[0]
						 : ph_map_type(task->entry->map);
	ph_status status =
	    at->reference ? ph_client_query(it->host->client, PH_QUERY_SUBJECT,
				at->reference, 0, INT64_MAX, task->most, &number, err)
			  : ph_client_query(it->host->client, PH_QUERY_TYPE, type,
				task->from, task->to, task->most, &number, err);
	return status ? status
		      : ph_waits_add(it->host->waits, PH_WAIT_ANSWER, number,
			    answer_came, at, err);
}

static ph_status
ask_all(question *it, ph_error *err)
{
	const ph_query_task *task = &it->task;
	it->lookup_count = task->references ? task->count : 1;
	it->lookups = calloc(it->lookup_count + 1, sizeof *it->lookups);
	if (!it->lookups)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	it->outstanding = 1; /* until all are asked */
	ph_status status = PH_OK;
	for (size_t i = 0; i < it->lookup_count && !status; i++) {
		it->lookups[i].owner = it;
		it->lookups[i].reference =
		    task->references ? task->references[i] : NULL;
		status = ask(it, &it->lookups[i], err);
		it->outstanding += status == PH_OK;
	}
	return status;
}

void
ph_query_start(ph_host *host, const ph_query_task *task)
{
	question *it = calloc(1, sizeof *it);
	ph_error err = {.status = PH_OK};
	if (!it) {
		ph_adapter_records none = {
		    .size = sizeof none, .code = PH_ADAPTER_BUSY};
		task->done(task->context, &none);
		return;
	}
	it->host = host;
	it->task = *task;
	it->next = host->questions;
	it->link = &host->questions;
	if (it->next)
		it->next->link = &it->next;
	host->questions = it;
	ph_alarm_set(&host->alarms, &it->deadline, task->deadline, deadline_rings, it);
	if (ask_all(it, &err)) {
		ph_log(PH_LOG_ERROR, "render-failed", "map=%s text=%s",
		    ph_map_name(task->entry->map), err.text);
		it->failed = true;
	}
	if (it->outstanding)
		one_less(it);
	else
		finish(it);
}

void
ph_query_abandon(ph_host *host)
{
	for (question *it = host->questions; it; it = it->next)
		tell_failed(it, PH_ADAPTER_CLOSED, "PH4119 stopping");
}

void
ph_query_destroy(ph_host *host)
{
	while (host->questions)
		free_question(host->questions);
}
