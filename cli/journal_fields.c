/*
 * journal_fields - one function for each type of record: decode, then name what was decoded.
 */
#include "cli/journal_fields.h"

#include <stdlib.h>
#include <string.h>

#include "broker/record.h"
#include "cli/cloudevent.h"
#include "lib/base/assert.h"
#include "lib/base/buffer.h"

/* One record under way. */
typedef struct fields {
	json_t *out; /* NULL: nobody wants to know */
	bool reveal;
} fields;

/* --- single values --- */

static void
put_number(json_t *out, const char *name, uint64_t value)
{
	json_object_set_new(out, name, json_integer((json_int_t) value));
}

static void
put_text(json_t *out, const char *name, ph_view text)
{
	json_t *value = json_stringn(text.length > 0 ? text.data : "", text.length);
	/* what is not UTF-8 is no text of ours: say how long it is */
	if (value == NULL)
		put_number(out, name, text.length);
	else
		json_object_set_new(out, name, value);
}

static void
put_hex(json_t *out, const char *name, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * PH_RECORD_FINGERPRINT + 1];
	PH_ASSERT(length <= PH_RECORD_FINGERPRINT);
	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	json_object_set_new(out, name, json_stringn(text, 2 * length));
}

/* {"bytes": 17}, with "base64" when it is to be revealed. */
static json_t *
opaque(const fields *f, ph_view bytes)
{
	json_t *value = json_object();
	put_number(value, "bytes", bytes.length);
	if (!f->reveal)
		return value;
	ph_buffer text;
	ph_buffer_init(&text, 0);
	ph_base64_encode(bytes.data, bytes.length, &text);
	const char *made = ph_buffer_cstr(&text);
	json_object_set_new(value, "base64", json_string(made != NULL ? made : ""));
	ph_buffer_fini(&text);
	return value;
}

static void
put_bindings(json_t *out, const ph_record_bindings *bindings)
{
	json_t *list = json_array();
	for (size_t i = 0; i < bindings->count; i++) {
		const ph_record_binding *binding = &bindings->list[i];
		json_t *one = json_object();
		put_text(one, "entity", binding->entity);
		put_text(one, "system", binding->system);
		put_text(one, "key", binding->key);
		put_text(one, "canonical", binding->canonical);
		json_array_append_new(list, one);
	}
	json_object_set_new(out, "bindings", list);
}

static void
put_failure(json_t *out, const ph_record_failure *failure)
{
	json_t *one = json_object();
	put_text(one, "stage", failure->stage);
	put_text(one, "reason", failure->reason);
	put_text(one, "path", failure->path);
	put_text(one, "text", failure->text);
	json_object_set_new(out, "failure", one);
}

/* --- the message of an acceptance --- */

/* The whole event, as `packhorse message` prints it. */
static void
put_event(json_t *out, const ph_message *message)
{
	ph_buffer text;
	ph_buffer_init(&text, 0);
	json_t *event = NULL;
	if (ph_cloudevent_encode(message, true, &text, NULL) == PH_OK)
		event = json_loadb((const char *) text.data, text.length, 0, NULL);
	if (event != NULL)
		json_object_set_new(out, "event", event);
	ph_buffer_fini(&text);
}

static void
put_message(const fields *f, ph_view bytes)
{
	static const char *const shown[] = {"id", "source", "type", "subject"};
	ph_message *message = NULL;
	if (ph_message_decode(bytes.data, bytes.length, &message, NULL) != PH_OK) {
		json_object_set_new(f->out, "message", opaque(f, bytes));
		return;
	}
	json_t *out = json_object();
	put_number(out, "bytes", bytes.length);
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		const char *value = ph_message_get(message, shown[i], NULL);
		if (value != NULL)
			put_text(out, shown[i], ph_view_of(value));
	}
	if (f->reveal)
		put_event(out, message);
	json_object_set_new(f->out, "message", out);
	ph_message_unref(&message);
}

/* --- the types --- */

static ph_status
mark(const fields *f, const void *body, size_t length, ph_error *err)
{
	static const char *const kinds[] = {"", "opened", "idle", "closed", "trimmed"};
	ph_mark record;
	ph_status status = ph_mark_decode(body, length, &record, err);
	if (status != PH_OK || f->out == NULL)
		return status;
	put_number(f->out, "epoch", record.epoch);
	put_number(f->out, "oldest", record.oldest);
	json_object_set_new(f->out, "kind", json_string(kinds[record.kind]));
	return PH_OK;
}

static ph_status
queue(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_queue record;
	ph_status status = ph_record_queue_decode(body, length, &record, err);
	if (status != PH_OK || f->out == NULL)
		return status;
	put_number(f->out, "number", record.number);
	put_text(f->out, "name", record.name);
	return PH_OK;
}

static void
put_accept(const fields *f, const ph_record_accept *record)
{
	json_t *queues = json_array();
	put_number(f->out, "acceptance", record->acceptance);
	put_number(f->out, "accepted_ms", (uint64_t) record->accepted_ms);
	put_number(f->out, "generation", record->generation);
	put_number(f->out, "hops", record->hops);
	put_hex(f->out, "id", record->id, sizeof record->id);
	put_hex(f->out, "content", record->content, sizeof record->content);
	for (size_t i = 0; i < record->queue_count; i++)
		json_array_append_new(queues, json_integer(record->queues[i]));
	json_object_set_new(f->out, "queues", queues);
	put_bindings(f->out, &record->bindings);
	if (record->has_cursor) {
		put_text(f->out, "cursor_name", record->cursor_name);
		json_object_set_new(f->out, "cursor", opaque(f, record->cursor));
	}
	if (record->has_failure)
		put_failure(f->out, &record->failure);
	put_message(f, record->message);
}

static ph_status
accept(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_accept record;
	ph_status status = ph_record_accept_decode(body, length, &record, err);
	if (status == PH_OK && f->out != NULL)
		put_accept(f, &record);
	return status;
}

static const char *
state_name(uint8_t state)
{
	static const char *const names[] = {"", "settled", "waiting", "dead"};
	PH_ASSERT(state < sizeof names / sizeof *names);
	return names[state];
}

static ph_status
outcome(const fields *f, const void *body, size_t length, ph_error *err)
{
	static const char *const names[] = {
	    "", "delivered", "duplicate", "retry", "rejected", "unknown"};
	ph_record_outcome record;
	ph_status status = ph_record_outcome_decode(body, length, &record, err);
	if (status != PH_OK || f->out == NULL)
		return status;
	PH_ASSERT(record.outcome < sizeof names / sizeof *names);
	put_number(f->out, "acceptance", record.acceptance);
	put_number(f->out, "at_ms", (uint64_t) record.at_ms);
	put_number(f->out, "queue", record.queue);
	put_number(f->out, "attempt", record.attempt);
	put_text(f->out, "outcome", ph_view_of(names[record.outcome]));
	put_text(f->out, "state", ph_view_of(state_name(record.state)));
	if (record.not_before_ms != 0)
		put_number(f->out, "not_before_ms", (uint64_t) record.not_before_ms);
	if (record.reference.length > 0)
		put_text(f->out, "reference", record.reference);
	if (record.has_failure)
		put_failure(f->out, &record.failure);
	if (record.bindings.count > 0)
		put_bindings(f->out, &record.bindings);
	return PH_OK;
}

static ph_status
attempt(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_attempt record;
	ph_status status = ph_record_attempt_decode(body, length, &record, err);
	if (status != PH_OK || f->out == NULL)
		return status;
	put_number(f->out, "acceptance", record.acceptance);
	put_number(f->out, "at_ms", (uint64_t) record.at_ms);
	put_number(f->out, "queue", record.queue);
	put_number(f->out, "attempt", record.attempt);
	return PH_OK;
}

static ph_status
progress(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_progress record;
	ph_status status = ph_record_progress_decode(body, length, &record, err);
	if (status != PH_OK || f->out == NULL)
		return status;
	put_number(f->out, "acceptance", record.acceptance);
	put_number(f->out, "queue", record.queue);
	put_text(f->out, "reference", record.reference);
	json_object_set_new(f->out, "resume", opaque(f, record.resume));
	return PH_OK;
}

static void
put_verdict(json_t *out, const ph_record_verdict *record)
{
	put_number(out, "acceptance", record->acceptance);
	put_number(out, "at_ms", (uint64_t) record->at_ms);
	put_number(out, "queue", record->queue);
	put_text(out, "by", record->by);
}

static ph_status
replay(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_verdict record;
	ph_status status = ph_record_replay_decode(body, length, &record, err);
	if (status == PH_OK && f->out != NULL)
		put_verdict(f->out, &record);
	return status;
}

static ph_status
discard(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_verdict record;
	ph_status status = ph_record_discard_decode(body, length, &record, err);
	if (status != PH_OK || f->out == NULL)
		return status;
	put_verdict(f->out, &record);
	put_text(f->out, "reason", record.reason);
	return PH_OK;
}

static ph_status
cursor(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_cursor record;
	ph_status status = ph_record_cursor_decode(body, length, &record, err);
	if (status != PH_OK || f->out == NULL)
		return status;
	put_text(f->out, "name", record.name);
	json_object_set_new(f->out, "value", opaque(f, record.bytes));
	return PH_OK;
}

static ph_status
bind(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_bindings record;
	ph_status status = ph_record_bind_decode(body, length, &record, err);
	if (status == PH_OK && f->out != NULL)
		put_bindings(f->out, &record);
	return status;
}

/* What was copied, under the names it has itself. */
static ph_status
carry(const fields *f, const void *body, size_t length, ph_error *err)
{
	ph_record_carry record;
	ph_status status = ph_record_carry_decode(body, length, &record, err);
	if (status != PH_OK)
		return status;
	if (f->out != NULL)
		put_text(f->out, "carried",
		    ph_view_of(ph_record_type_name((uint8_t) record.type)));
	return record.type == PH_RECORD_ACCEPT
		   ? accept(f, record.body, record.length, err)
		   : outcome(f, record.body, record.length, err);
}

typedef ph_status type_fn(
    const fields *f, const void *body, size_t length, ph_error *err);
static type_fn *const types[] = {
    [PH_RECORD_MARK] = mark,
    [PH_RECORD_QUEUE] = queue,
    [PH_RECORD_ACCEPT] = accept,
    [PH_RECORD_OUTCOME] = outcome,
    [PH_RECORD_ATTEMPT] = attempt,
    [PH_RECORD_PROGRESS] = progress,
    [PH_RECORD_REPLAY] = replay,
    [PH_RECORD_DISCARD] = discard,
    [PH_RECORD_CURSOR] = cursor,
    [PH_RECORD_BIND] = bind,
    [PH_RECORD_CARRY] = carry,
};
#define TYPES (sizeof types / sizeof *types)

ph_status
ph_journal_fields(const ph_inspected *record, bool reveal, json_t *out, ph_error *err)
{
	const fields f = {.out = out, .reveal = reveal};
	uint8_t type = record->frame.type;
	if (type >= TYPES || types[type] == NULL)
		return ph_record_type_check(type, err);
	return types[type](&f, record->body, record->frame.length, err);
}

uint8_t
ph_journal_type(const char *name)
{
	for (uint8_t type = 1; type < TYPES; type++)
		if (strcmp(ph_record_type_name(type), name) == 0)
			return type;
	return 0;
}
