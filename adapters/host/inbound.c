/*
 * An item goes: mapping -> judged -> publishing -> (cursor) -> ended. Published parts are in the
 * order of the records, messages first, then what failed. The last part, which carries the cursor,
 * waits until all others are confirmed. If it turns out to be a duplicate its record was not
 * written anew, so the cursor is put by itself.
 */
#include "adapters/host/inbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/host/inbound_file.h"
#include "adapters/host/inbound_part.h"
#include "adapters/host/mapping.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

enum { FIRST_PAUSE_MS = 200, LAST_PAUSE_MS = 2000, FULL_PAUSE_MS = 20 };

typedef ph_inbound_item item;
typedef ph_inbound_piece part;

struct ph_inbound {
	item *first;
	size_t count;
};

static void map_it(item *it);
static void advance(item *it);
static void publish_parts(item *it);

/* ---- the end ---- */

static void
tell(item *it, const ph_inbound_end *end)
{
	ph_alarm_stop(&it->deadline);
	void (*done)(void *, const ph_inbound_end *) = it->task.done;
	it->task.done = NULL;
	if (done)
		done(it->task.self, end);
}

static void
free_item(item *it)
{
	ph_alarm_stop(&it->again);
	ph_alarm_stop(&it->deadline);
	*it->link = it->next;
	if (it->next)
		it->next->link = it->link;
	it->host->inbound->count--;
	ph_map_call_destroy(&it->call);
	ph_inbound_file_close(it);
	free(it->parts);
	free(it->bytes);
	free(it->cursor);
	free(it->content_type);
	free(it);
}

static void
end_with(item *it, const ph_inbound_end *end)
{
	tell(it, end);
	free_item(it);
}

static void
end_simply(item *it, uint32_t result, const char *reason, const char *text)
{
	ph_inbound_end end = {.result = result,
	    .reference = it->reference,
	    .id = it->id,
	    .stage = "",
	    .reason = reason,
	    .path = "",
	    .text = text,
	    .count = it->durable,
	    .cursor = it->cursor_durable};
	end_with(it, &end);
}

static void
deadline_rings(void *self)
{
	item *it = self;
	ph_log(PH_LOG_WARN, "inbound-late", "entry=%s bytes=%zu", it->entry,
	    it->task.length);
	ph_inbound_end end = {.result = PH_ADAPTER_LATER,
	    .reference = "",
	    .id = "",
	    .stage = "",
	    .reason = "late",
	    .path = "",
	    .text = "PH4041 not durable in time: please send it again"};
	tell(it, &end);
}

/* ---- publishing ---- */

static void
note_worst(item *it, uint32_t result, const char *text)
{
	if (it->worst && it->worst != PH_ADAPTER_CONFLICT)
		return;
	it->worst = result;
	snprintf(it->text, sizeof it->text, "%s", text);
}

static void
note_first(item *it, const part *which, const char *subject)
{
	if (which->failed || *it->id)
		return;
	const char *id = ph_map_call_get(it->call, which->record, "id");
	const char *own = ph_map_call_get(it->call, which->record, "subject");
	snprintf(it->id, sizeof it->id, "%s", id ? id : "");
	snprintf(it->reference, sizeof it->reference, "%s",
	    subject && *subject ? subject : (own ? own : ""));
}

/* Only what is kept anew: a poll may show the same for as long as nobody mends it. */
static void
log_held(const item *it, const part *which)
{
	if (which->refused)
		ph_log(PH_LOG_WARN, "inbound-held",
		    "entry=%s stage=map reason=no-message", it->entry);
	else
		ph_log(PH_LOG_WARN, "inbound-held",
		    "entry=%s stage=%s reason=%s path=%s where=%s", it->entry,
		    ph_map_call_stage(it->call, which->record),
		    ph_map_call_reason(it->call, which->record),
		    ph_map_call_path(it->call, which->record),
		    ph_map_call_error(it->call, which->record)->where);
}

/* The broker keeps a contradiction once, and logs it then; a poll may show it for ever. */
static void
log_refused(const item *it, const ph_event *event)
{
	bool again =
	    ph_event_result(event) == PH_RESULT_CONFLICT && !it->task.caller_waits;
	ph_log(again ? PH_LOG_DEBUG : PH_LOG_WARN, "inbound-refused",
	    "entry=%s text=%s", it->entry, ph_event_text(event));
}

static void
part_answered(void *self, const void *answer)
{
	part *which = self;
	item *it = which->item;
	const ph_event *event = answer;
	if (!event)
		return;
	ph_result result = ph_event_result(event);
	which->confirmed = true;
	it->confirmed++;
	if (result == PH_ACCEPTED || result == PH_RESULT_DUPLICATE) {
		which->accepted = result == PH_ACCEPTED;
		it->durable++;
		if (which->accepted && which->failed)
			log_held(it, which);
		note_first(it, which, ph_event_subject(event));
		if (result == PH_RESULT_DUPLICATE && !it->worst &&
		    !it->task.caller_waits)
			ph_log(
			    PH_LOG_DEBUG, "inbound-duplicate", "entry=%s", it->entry);
	} else {
		log_refused(it, event);
		note_worst(it,
		    result == PH_RESULT_CONFLICT ? PH_ADAPTER_CONFLICT
						 : PH_ADAPTER_LATER,
		    ph_event_text(event));
	}
	publish_parts(it);
}

static ph_status
publish_part(item *it, part *which, ph_error *err)
{
	ph_message *message = NULL;
	ph_buffer options;
	uint64_t ticket = 0;
	ph_buffer_init(&options, UINT16_MAX);
	ph_status status = ph_inbound_message(it, which, &message, err);
	if (!status)
		status = ph_inbound_options(it, which, &options, err);
	if (!status)
		status = ph_client_publish_with(it->host->client, message, options.data,
		    options.length, &ticket, err);
	if (!status)
		status = ph_waits_add(
		    it->host->waits, PH_WAIT_RESULT, ticket, part_answered, which, err);
	ph_message_unref(&message);
	ph_buffer_fini(&options);
	return status;
}

static void
cursor_answered(void *self, const void *answer)
{
	item *it = self;
	if (!answer)
		return;
	if (ph_event_result(answer) == PH_ACCEPTED)
		it->cursor_durable = true;
	else
		note_worst(it, PH_ADAPTER_LATER, ph_event_text(answer));
	it->task.cursor_name = NULL;
	publish_parts(it);
}

/* Everything is confirmed: false if the cursor still has to be made durable by itself. */
static bool
settle_cursor(item *it)
{
	if (!it->task.cursor_name)
		return true;
	if (it->worst == PH_ADAPTER_LATER)
		return true; /* read again from the old one */
	if (it->part_count && it->parts[it->part_count - 1].accepted) {
		it->cursor_durable = true;
		return true;
	}
	uint64_t ticket = 0;
	ph_status status = ph_client_cursor_put(it->host->client, it->task.cursor_name,
	    it->cursor, it->task.cursor_length, &ticket, NULL);
	if (!status)
		status = ph_waits_add(
		    it->host->waits, PH_WAIT_RESULT, ticket, cursor_answered, it, NULL);
	return status != PH_OK;
}

/* What became of the parts: kept in mind, for they go when the next piece comes. */
static void
count_parts(item *it)
{
	for (size_t i = 0; i < it->part_count; i++) {
		it->accepted |= it->parts[i].accepted && !it->parts[i].failed;
		it->kept |= it->parts[i].failed;
	}
	it->published |= it->part_count > 0;
}

static uint32_t
final_result(item *it)
{
	count_parts(it);
	return it->worst	? it->worst
	       : it->accepted	? PH_ADAPTER_ACCEPTED
	       : !it->published ? PH_ADAPTER_IGNORED
	       : it->kept	? PH_ADAPTER_KEPT
				: PH_ADAPTER_DUPLICATE;
}

static void
publish_rings(void *self)
{
	publish_parts(self);
}

static void
advance_rings(void *self)
{
	advance(self);
}

/* All of this piece is durable. The loop turns before the next: the stack stays as it is. */
static void
finish_piece(item *it)
{
	count_parts(it);
	free(it->parts);
	it->parts = NULL;
	it->part_count = it->sent = it->confirmed = 0;
	ph_map_call_destroy(&it->call);
	ph_alarm_set(
	    &it->host->alarms, &it->again, ph_host_now(it->host), advance_rings, it);
}

/* What the map made is no message, and would be none the next time either. Where nobody can be told
 * the record is kept like one that failed: what comes after it goes on. */
static bool
keep_instead(item *it, part *which, const ph_error *err)
{
	if (which->failed || it->task.caller_waits ||
	    (err->status != PH_ERR_TOO_LARGE && err->status != PH_ERR_INVALID))
		return false;
	which->failed = which->refused = true;
	snprintf(it->why, sizeof it->why, "%s", err->text);
	return true;
}

/* It cannot be published: as if it had been refused. */
static void
note_unpublished(item *it, const ph_error *err)
{
	uint32_t result = PH_ADAPTER_LATER;
	if (err->status == PH_ERR_TOO_LARGE)
		result = PH_ADAPTER_TOO_LARGE;
	else if (err->status == PH_ERR_INVALID && it->task.caller_waits)
		result = PH_ADAPTER_MALFORMED; /* and so it would be the next time */
	it->sent++;
	it->confirmed++;
	note_worst(it, result, err->text);
	ph_log(
	    PH_LOG_ERROR, "inbound-refused", "entry=%s text=%s", it->entry, err->text);
}

/* Publish what is not yet; false: wait, for room or for the others to be confirmed. */
static bool
send_parts(item *it)
{
	while (it->sent < it->part_count && it->worst != PH_ADAPTER_LATER) {
		part *which = &it->parts[it->sent];
		bool last = it->sent == it->part_count - 1;
		if (last && it->task.cursor_name && it->confirmed < it->sent)
			return false; /* carries the cursor: only after all others */
		ph_error err = {.status = PH_OK};
		ph_status status = publish_part(it, which, &err);
		if (status == PH_ERR_FULL) {
			ph_alarm_set(&it->host->alarms, &it->again,
			    ph_host_now(it->host) + FULL_PAUSE_MS, publish_rings, it);
			return false;
		}
		if (!status)
			it->sent++;
		else if (!keep_instead(it, which, &err))
			note_unpublished(it, &err);
	}
	return true;
}

static void
publish_parts(item *it)
{
	if (!send_parts(it))
		return;
	if (it->confirmed < it->sent)
		return;
	if (ph_inbound_file_more(it) && it->worst != PH_ADAPTER_LATER) {
		finish_piece(it);
		return;
	}
	if (!settle_cursor(it))
		return;
	uint32_t result = final_result(it);
	end_simply(it, result,
	    result == PH_ADAPTER_CONFLICT ? "conflict"
	    : result == PH_ADAPTER_TOO_LARGE || result == PH_ADAPTER_MALFORMED
		? "no-message"
		: "",
	    it->text);
}

/* ---- judging what the map made ---- */

static uint32_t
refusal_result(const item *it, size_t record)
{
	if (ph_map_call_result(it->call, record) == PH_MAP_DENIED)
		return PH_ADAPTER_FORBIDDEN;
	if (ph_map_call_result(it->call, record) == PH_MAP_LATER)
		return PH_ADAPTER_LATER;
	return !strcmp(ph_map_call_reason(it->call, record), "unknown-reference")
		   ? PH_ADAPTER_UNKNOWN
		   : PH_ADAPTER_MALFORMED;
}

static void
refuse(item *it, size_t record)
{
	const ph_error *err = ph_map_call_error(it->call, record);
	ph_log(PH_LOG_WARN, "inbound-refused",
	    "entry=%s stage=%s reason=%s path=%s where=%s", it->entry,
	    ph_map_call_stage(it->call, record), ph_map_call_reason(it->call, record),
	    ph_map_call_path(it->call, record), err->where);
	ph_inbound_end end = {.result = refusal_result(it, record),
	    .reference = "",
	    .id = "",
	    .stage = ph_map_call_stage(it->call, record),
	    .reason = ph_map_call_reason(it->call, record),
	    .path = ph_map_call_path(it->call, record),
	    .text = err->text};
	end_with(it, &end);
}

static void
again_rings(void *self)
{
	map_it(self);
}

static void
look_again(item *it)
{
	ph_map_call_destroy(&it->call);
	ph_alarm_set(&it->host->alarms, &it->again, ph_host_now(it->host) + it->pause,
	    again_rings, it);
	it->pause = it->pause * 2 > LAST_PAUSE_MS ? LAST_PAUSE_MS : it->pause * 2;
}

/* The first record with this result; -1. */
static ptrdiff_t
first_with(const item *it, ph_map_result result)
{
	for (size_t i = 0; i < ph_map_call_count(it->call); i++)
		if (ph_map_call_result(it->call, i) == result)
			return (ptrdiff_t) i;
	return -1;
}

/* Could the whole not be read, rather than a record in it? */
static bool
is_unreadable(const item *it)
{
	uint32_t line = 0, column = 0;
	return ph_map_call_count(it->call) == 1 &&
	       !ph_map_call_place(it->call, 0, &line, &column) &&
	       !strcmp(ph_map_call_stage(it->call, 0), "decode");
}

static bool
is_failure(ph_map_result result)
{
	return result == PH_MAP_HELD || result == PH_MAP_REFUSED ||
	       result == PH_MAP_LATER;
}

static bool
make_parts(item *it)
{
	size_t count = ph_map_call_count(it->call);
	it->parts = calloc(count + 1, sizeof *it->parts);
	if (!it->parts)
		return false;
	for (int failed = 0; failed <= 1; failed++) {
		for (size_t i = 0; i < count; i++) {
			ph_map_result result = ph_map_call_result(it->call, i);
			if (failed ? !is_failure(result) : result != PH_MAP_DONE)
				continue;
			it->parts[it->part_count++] =
			    (part){.item = it, .record = i, .failed = failed != 0};
		}
	}
	return true;
}

static void
log_warnings(const item *it)
{
	for (size_t i = 0; i < ph_map_call_count(it->call); i++) {
		const char *text = NULL;
		for (size_t j = 0; (text = ph_map_call_warning(it->call, i, j)); j++)
			ph_log(PH_LOG_WARN, "map-warning", "map=%s text=%s",
			    ph_map_name(it->task.map), text);
	}
}

static void
judge(item *it)
{
	bool patient = ph_host_now(it->host) < it->patient_until;
	ptrdiff_t denied = first_with(it, PH_MAP_DENIED);
	if (denied >= 0) {
		refuse(it, (size_t) denied);
		return;
	}
	ptrdiff_t later = first_with(it, PH_MAP_LATER);
	if (later >= 0 && patient) {
		look_again(it);
		return;
	}
	ptrdiff_t bad = first_with(it, PH_MAP_REFUSED);
	if (bad < 0)
		bad = first_with(it, PH_MAP_HELD);
	if (bad < 0 && it->task.replay)
		bad = later;
	if (bad >= 0 && it->task.caller_waits) {
		refuse(it, (size_t) bad);
		return;
	}
	/* the whole answer is unreadable: keep it to be looked at, and ask again */
	if (it->task.cursor_name && bad >= 0 && is_unreadable(it))
		it->task.cursor_name = NULL;
	log_warnings(it);
	if (!make_parts(it)) {
		end_simply(it, PH_ADAPTER_LATER, "", "PH4043 out of memory");
		return;
	}
	publish_parts(it);
}

static void
mapped(void *self, ph_map_call *call, const ph_error *why)
{
	item *it = self;
	it->call = call;
	if (call) {
		judge(it);
		return;
	}
	ph_log(PH_LOG_ERROR, "inbound-refused", "entry=%s where=%s text=%s", it->entry,
	    why->where, why->text);
	end_simply(it, PH_ADAPTER_LATER, "", why->text);
}

static void
map_it(item *it)
{
	ph_error err = {.status = PH_OK};
	ph_mapping_task task = {.map = it->task.map,
	    .direction = PH_MAP_IN,
	    .flags = it->task.alone ? PH_MAP_ALONE : 0u,
	    .bytes = it->bytes,
	    .length = it->task.length,
	    .accepted_ms = it->accepted_ms,
	    .receipt = it->receipt,
	    .done = mapped,
	    .self = it};
	if (it->file && ph_inbound_file_call(it, &task.call, &err)) {
		mapped(it, NULL, &err);
		return;
	}
	if (ph_mapping_start(it->host, &task, &err))
		mapped(it, NULL, &err);
}

/* ---- large files ---- */

static void
advance(item *it)
{
	ph_error err = {.status = PH_OK};
	ph_status status = ph_inbound_file_next(it, &err);
	if (status == PH_ERR_NOT_FOUND)
		publish_parts(it); /* none: what is left is the cursor */
	else if (status)
		mapped(it, NULL, &err);
	else
		map_it(it);
}

static void look(void *self);

static void
look_later(item *it)
{
	ph_alarm_set(&it->host->alarms, &it->again, ph_host_now(it->host), look, it);
}

/* Through the file, before any of it is taken; other work goes on between two slices. */
static void
look(void *self)
{
	item *it = self;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_inbound_file_look(it, &err);
	if (status == PH_ERR_AGAIN)
		look_later(it);
	else if (status)
		mapped(it, NULL, &err);
	else
		advance(it);
}

static void
begin(item *it)
{
	ph_error err = {.status = PH_OK};
	if (!ph_inbound_is_file(it))
		map_it(it);
	else if (ph_inbound_file_open(it, &err))
		mapped(it, NULL, &err);
	else
		look_later(it); /* its bytes were copied in this turn */
}

/* ---- starting ---- */

static bool
copy_task(item *it)
{
	ph_inbound_task *task = &it->task;
	it->bytes = malloc(task->length + 1);
	it->cursor = malloc(task->cursor_length + 1);
	if (task->content_type && *task->content_type)
		it->content_type = strdup(task->content_type);
	if (!it->bytes || !it->cursor)
		return false;
	if (task->length)
		memcpy(it->bytes, task->bytes, task->length);
	if (task->cursor_length)
		memcpy(it->cursor, task->cursor, task->cursor_length);
	it->bytes[task->length] = '\0';
	snprintf(it->entry, sizeof it->entry, "%s", task->entry);
	task->entry = it->entry;
	task->bytes = it->bytes;
	task->cursor = it->cursor;
	task->content_type = it->content_type;
	return true;
}

ph_status
ph_inbound_new(ph_host *host, ph_error *err)
{
	host->inbound = calloc(1, sizeof *host->inbound);
	return host->inbound ? PH_OK : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

ph_status
ph_inbound_start(ph_host *host, const ph_inbound_task *task, ph_error *err)
{
	item *it = calloc(1, sizeof *it);
	if (it)
		it->task = *task;
	if (!it || !copy_task(it)) {
		if (it) {
			free(it->bytes);
			free(it->cursor);
			free(it->content_type);
		}
		free(it);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	it->host = host;
	it->accepted_ms = ph_host_wall(host);
	it->patient_until = ph_host_now(host) + task->patience;
	it->pause = FIRST_PAUSE_MS;
	snprintf(it->receipt, sizeof it->receipt, "%s-%llx", host->instance_name,
	    (unsigned long long) ++host->receipts);
	it->next = host->inbound->first;
	it->link = &host->inbound->first;
	if (it->next)
		it->next->link = &it->next;
	host->inbound->first = it;
	host->inbound->count++;
	if (task->deadline)
		ph_alarm_set(
		    &host->alarms, &it->deadline, task->deadline, deadline_rings, it);
	begin(it);
	return PH_OK;
}

size_t
ph_inbound_count(const ph_host *host)
{
	return host->inbound ? host->inbound->count : 0;
}

void
ph_inbound_abandon(ph_host *host)
{
	ph_inbound_end end = {.result = PH_ADAPTER_LATER,
	    .reference = "",
	    .id = "",
	    .stage = "",
	    .reason = "stopping",
	    .path = "",
	    .text = "PH4041 not durable in time: please send it again"};
	for (item *it = host->inbound ? host->inbound->first : NULL; it; it = it->next)
		tell(it, &end);
}

void
ph_inbound_destroy(ph_host *host)
{
	if (!host->inbound)
		return;
	while (host->inbound->first)
		free_item(host->inbound->first);
	free(host->inbound);
	host->inbound = NULL;
}
