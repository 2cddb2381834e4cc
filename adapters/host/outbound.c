/*
 * A delivery goes: (probing) -> (reading) -> sending -> settled, with a mapping before each. When it
 * may have been sent before, it is asked for first, if there is a way to ask: a `probe` in the entry,
 * or the plug-in's own; without one the outcome is unknown, unless the system takes repeats. Where
 * the entry has `previous`, the record is read as it is, and the map completes it.
 */
#include "adapters/host/outbound.h"

#include <stdlib.h>
#include <string.h>
#include "adapters/host/calls.h"
#include "adapters/host/mapping.h"
#include "adapters/host/outcome.h"
#include "adapters/host/previous.h"
#include "adapters/host/reduce.h"
#include "lib/base/log.h"

typedef struct delivery delivery;
struct delivery {
	delivery *next, **link; /* in the host's list */
	ph_host *host;
	uint64_t number;
	ph_message *message; /* ours */
	const ph_entry *entry;
	unsigned attempt;
	uint8_t flags; /* PH_DELIVER_* */
	int64_t accepted_ms;
	int64_t began; /* on the growing clock */
	char *reference;
	void *resume;
	size_t resume_length;
	ph_map_call *call; /* holds the bytes to send; NULL before */
	bool probing;
	bool reading; /* the record as it was, before it is changed */
	ph_previous previous;
	bool reduced;	   /* sent once more without a field, already */
	ph_buffer without; /* the request without it */
};

struct ph_outbound {
	delivery *first;
	size_t count;
};

static void map_it(delivery *it);
static void begin_sending(delivery *it);
static void send_it(delivery *it);

static void
free_delivery(delivery *it)
{
	*it->link = it->next;
	if (it->next)
		it->next->link = it->link;
	it->host->outbound->count--;
	ph_buffer_fini(&it->without);
	ph_previous_fini(&it->previous);
	ph_map_call_destroy(&it->call);
	ph_message_unref(&it->message);
	free(it->reference);
	free(it->resume);
	free(it);
}

/* ---- settling ---- */

static ph_slice
slice(const char *text)
{
	return text ? (ph_slice){text, strlen(text)} : (ph_slice){"", 0};
}

void
ph_outbound_settle(ph_host *host, uint64_t delivery_number, ph_outcome outcome,
    const char *stage, const char *reason, const char *path, const char *text,
    const char *reference)
{
	ph_settle_view view = {.delivery = delivery_number,
	    .outcome = (uint8_t) outcome,
	    .stage = slice(stage),
	    .reason = slice(reason),
	    .path = slice(path),
	    .text = slice(text),
	    .reference = slice(reference)};
	ph_error err;
	if (ph_client_settle_with(host->client, &view, NULL, 0, &err))
		ph_log(PH_LOG_ERROR, "settle-failed", "text=%s", err.text);
}

/* Does the message speak of an entity with ids of its own, so that the reference names it? */
static bool
names_subject(const delivery *it, const char *subject)
{
	const char *prefix = ph_map_id_prefix(it->entry->map);
	size_t length = strlen(prefix);
	return length && subject && !strncmp(subject, prefix, length) &&
	       subject[length] == '-';
}

/* A text with a code is ours; any other is the system's, and may speak of anybody. */
static void
log_outcome(const delivery *it, const ph_ending *ending)
{
	static const char *const words[] = {
	    "", "delivered", "duplicate", "retry", "rejected", "unknown"};
	ph_log(ending->outcome <= PH_DUPLICATE ? PH_LOG_INFO : PH_LOG_WARN,
	    "delivery-ended", "msg=%s outcome=%s attempt=%u ms=%lld reason=%s text=%s",
	    ph_message_get(it->message, "id", NULL), words[ending->outcome],
	    it->attempt, (long long) (ph_host_now(it->host) - it->began),
	    ending->reason, strncmp(ending->text, "PH", 2) ? "" : ending->text);
}

static void
settle(delivery *it, const ph_ending *ending)
{
	log_outcome(it, ending);
	ph_settle_view view = {.delivery = it->number,
	    .outcome = (uint8_t) ending->outcome,
	    .delay_ms = ending->delay_ms,
	    .reference = slice(ending->reference),
	    .stage = slice(ending->outcome <= PH_DUPLICATE ? "" : ending->stage),
	    .reason = slice(ending->reason),
	    .path = slice(ending->path),
	    .text = slice(ending->text)};
	const char *subject = ph_message_get(it->message, "subject", NULL);
	ph_buffer bindings;
	ph_buffer_init(&bindings, UINT16_MAX);
	if (ending->outcome <= PH_DUPLICATE && *ending->reference &&
	    names_subject(it, subject)) {
		ph_binding_write(&bindings, ph_map_entity(it->entry->map),
		    it->host->adapter->name, ending->reference, "");
		view.bindings = 1;
	}
	ph_error err;
	if (ph_client_settle_with(
		it->host->client, &view, bindings.data, bindings.length, &err))
		ph_log(PH_LOG_ERROR, "settle-failed", "text=%s", err.text);
	ph_buffer_fini(&bindings);
	free_delivery(it);
}

static void
settle_as(delivery *it, ph_outcome outcome, const char *stage, const char *reason,
    const char *text)
{
	ph_ending ending;
	ph_ending_set(&ending, outcome, reason, "%s", text);
	ending.stage = stage;
	settle(it, &ending);
}

/* ---- sending and probing ---- */

static void
fill_call(const delivery *it, const ph_entry *entry, const ph_map_call *call,
    ph_call_task *task)
{
	size_t length = 0;
	const void *bytes = call ? ph_map_call_data(call, 0, &length) : NULL;
	if (it->reduced) {
		bytes = it->without.data;
		length = it->without.length;
	}
	*task = (ph_call_task){.entry = entry,
	    .operation = PH_ADAPTER_DELIVER,
	    .bytes = bytes,
	    .length = length,
	    .content_type =
		call ? ph_map_call_media(call, 0) : ph_map_media(entry->map),
	    .values = call,
	    .attempt = it->attempt,
	    .flags = it->flags & PH_DELIVER_SENT_BEFORE ? PH_ADAPTER_SENT_BEFORE : 0u,
	    .delivery = it->number,
	    .key = ph_message_get(it->message, "id", NULL),
	    .reference = slice(it->reference),
	    .resume = {it->resume, it->resume_length},
	    .version = slice(it->previous.version)};
}

/* The rule wants the same once more without a field; once, and only if it is in there. */
static bool
send_without(delivery *it, const ph_ending *ending)
{
	if (ending->outcome != PH_RETRY || !*ending->without || it->reduced)
		return false;
	size_t length = 0;
	const void *bytes = ph_map_call_data(it->call, 0, &length);
	ph_error err = {.status = PH_OK};
	if (ph_reduce(ph_map_format_of(it->entry->map), bytes, length, ending->without,
		&it->without, &err)) {
		ph_log(PH_LOG_WARN, "delivery-without", "msg=%s field=%s text=%s",
		    ph_message_get(it->message, "id", NULL), ending->without, err.text);
		return false;
	}
	it->reduced = true;
	ph_log(PH_LOG_INFO, "delivery-without", "msg=%s field=%s",
	    ph_message_get(it->message, "id", NULL), ending->without);
	send_it(it);
	return true;
}

static void
sent(void *self, const ph_adapter_answer *answer)
{
	delivery *it = self;
	ph_ending ending;
	ph_outcome_of(it->entry, answer, &ending);
	if (answer->verdict == PH_ADAPTER_CHANGED && it->entry->previous &&
	    ph_previous_again(&it->previous)) {
		ph_log(PH_LOG_INFO, "delivery-changed", "msg=%s times=%u",
		    ph_message_get(it->message, "id", NULL), it->previous.changes);
		begin_sending(it);
	} else if (!send_without(it, &ending))
		settle(it, &ending);
}

static void
send_it(delivery *it)
{
	ph_call_task task;
	ph_error err = {.status = PH_OK};
	fill_call(it, it->entry, it->call, &task);
	task.done = sent;
	task.self = it;
	if (ph_call_start(it->host, &task, &err))
		settle_as(it, PH_RETRY, "send", "", err.text);
}

/* What the probe says: there, not there, or who knows. */
static void
probed(void *self, const ph_adapter_answer *answer)
{
	delivery *it = self;
	const ph_entry *entry = it->entry->probe ? it->entry->probe : it->entry;
	ph_ending ending;
	ph_outcome_of(entry, answer, &ending);
	it->probing = false;
	ph_log(PH_LOG_INFO, "delivery-probed", "msg=%s outcome=%d",
	    ph_message_get(it->message, "id", NULL), (int) ending.outcome);
	if (ending.outcome == PH_DELIVERED || ending.outcome == PH_DUPLICATE) {
		settle(it, &ending);
		return;
	}
	/* the question itself failed, or its answer says nothing: ask again later */
	bool answered = answer->verdict == PH_ADAPTER_ANSWERED ||
			(!it->entry->probe && answer->verdict == PH_ADAPTER_NOT_SENT);
	if (!answered || ending.outcome == PH_UNKNOWN) {
		settle_as(it, PH_UNKNOWN, "send", "outcome-unknown",
		    "PH4052 it may have been sent, and asking did not tell");
		return;
	}
	begin_sending(it);
}

static void
probe_it(delivery *it)
{
	ph_call_task task;
	ph_error err = {.status = PH_OK};
	const ph_entry *probe = it->entry->probe;
	fill_call(it, probe ? probe : it->entry, it->call, &task);
	task.operation = PH_ADAPTER_PROBE;
	task.done = probed;
	task.self = it;
	ph_status status = probe ? ph_call_start(it->host, &task, &err)
				 : ph_call_probe(it->host, &task, &err);
	if (status)
		settle_as(it, PH_UNKNOWN, "send", "outcome-unknown", err.text);
}

/* ---- the record as it was ---- */

/* From the start, or again: with the record as it is now, where it is wanted. */
static void
begin_sending(delivery *it)
{
	ph_map_call_destroy(&it->call);
	it->reduced = false;
	ph_buffer_clear(&it->without);
	it->reading = it->entry->previous != NULL;
	map_it(it);
}

static void
previous_read(void *self, const ph_adapter_answer *answer)
{
	delivery *it = self;
	ph_ending ending;
	it->reading = false;
	if (!ph_previous_take(&it->previous, it->entry->previous, answer, &ending)) {
		settle(it, &ending);
		return;
	}
	ph_map_call_destroy(&it->call);
	map_it(it);
}

static void
read_previous(delivery *it)
{
	ph_call_task task;
	ph_error err = {.status = PH_OK};
	it->previous.version[0] = '\0';
	fill_call(it, it->entry->previous, it->call, &task);
	if (!it->entry->previous->map)
		task.content_type = NULL;
	task.operation = PH_ADAPTER_FETCH;
	task.done = previous_read;
	task.self = it;
	if (ph_call_start(it->host, &task, &err))
		settle_as(it, PH_RETRY, "send", "no-previous", err.text);
}

/* ---- mapping ---- */

static void
settle_failed_map(delivery *it)
{
	ph_ending ending;
	ph_map_result result = ph_map_call_result(it->call, 0);
	const ph_error *err = ph_map_call_error(it->call, 0);
	ph_ending_set(&ending, result == PH_MAP_LATER ? PH_RETRY : PH_REJECTED,
	    ph_map_call_reason(it->call, 0), "%s%s%s", err->text,
	    *err->where ? ", by " : "", err->where);
	ending.stage = ph_map_call_stage(it->call, 0);
	strncpy(ending.path, ph_map_call_path(it->call, 0), sizeof ending.path - 1);
	settle(it, &ending);
}

static void
mapped(void *self, ph_map_call *call, const ph_error *why)
{
	delivery *it = self;
	it->call = call;
	if (!call) {
		settle_as(it, PH_RETRY, "map", "", why->text);
		return;
	}
	ph_map_result result =
	    ph_map_call_count(call) ? ph_map_call_result(call, 0) : PH_MAP_IGNORED;
	if (result == PH_MAP_IGNORED)
		settle_as(it, PH_DELIVERED, "", "ignored", "the map leaves it out");
	else if (result != PH_MAP_DONE)
		settle_failed_map(it);
	else if (it->probing)
		probe_it(it);
	else if (it->reading)
		read_previous(it);
	else
		send_it(it);
}

/* What is completed, or only addressed, need not be whole itself. */
static unsigned
map_flags(const delivery *it, const ph_entry *entry)
{
	if (entry != it->entry || !entry->previous)
		return 0;
	return it->reading ? PH_MAP_PARTIAL | PH_MAP_ADDRESS : PH_MAP_PARTIAL;
}

static void
map_it(delivery *it)
{
	const ph_entry *asked = it->probing   ? it->entry->probe
				: it->reading ? it->entry->previous
					      : NULL;
	const ph_entry *entry = asked && asked->map ? asked : it->entry;
	bool found = !it->probing && !it->reading && it->previous.found;
	size_t length = 0;
	const void *data = ph_message_data(it->message, &length);
	ph_error err = {.status = PH_OK};
	ph_mapping_task task = {.map = entry->map,
	    .direction = PH_MAP_OUT,
	    .flags = map_flags(it, entry),
	    .previous = found ? &it->previous.bytes : NULL,
	    .bytes = data,
	    .length = length,
	    .accepted_ms = it->accepted_ms,
	    .message = it->message,
	    .done = mapped,
	    .self = it};
	if (!ph_mapping_start(it->host, &task, &err))
		return;
	if (found && err.status == PH_ERR_INVALID)
		settle_as(it, PH_RETRY, "send", "no-previous", err.text);
	else
		mapped(it, NULL, &err);
}

/* ---- taking ---- */

static bool
is_here(const ph_host *host, uint64_t number)
{
	for (const delivery *at = host->outbound->first; at; at = at->next)
		if (at->number == number)
			return true;
	return false;
}

static bool
copy_progress(delivery *it, const ph_event *event)
{
	ph_slice reference = ph_event_reference(event), resume = ph_event_resume(event);
	it->reference = ph_slice_dup(reference);
	it->resume = malloc(resume.length + 1);
	if (!it->reference || !it->resume)
		return false;
	if (resume.length)
		memcpy(it->resume, resume.data, resume.length);
	it->resume_length = resume.length;
	return true;
}

static delivery *
add(ph_host *host, const ph_event *event)
{
	delivery *it = calloc(1, sizeof *it);
	if (!it)
		return NULL;
	it->host = host;
	it->number = ph_event_delivery(event);
	it->message = ph_message_ref(ph_event_message(event));
	it->attempt = ph_event_attempt(event);
	it->flags = ph_event_flags(event);
	it->accepted_ms = (int64_t) ph_event_accepted_ms(event);
	it->began = ph_host_now(host);
	ph_buffer_init(&it->without, PH_FRAME_MAX);
	ph_previous_init(&it->previous,
	    (size_t) ph_options_get(&host->site->options, PH_OPTION_DOCUMENT_BYTES));
	it->link = &host->outbound->first;
	it->next = host->outbound->first;
	if (it->next)
		it->next->link = &it->next;
	host->outbound->first = it;
	host->outbound->count++;
	if (copy_progress(it, event))
		return it;
	free_delivery(it);
	return NULL;
}

/* It may have been sent by an earlier attempt: what is to be done before sending? */
static bool
must_ask(const delivery *it)
{
	return (it->flags & PH_DELIVER_POSSIBLY_SENT) &&
	       !it->host->adapter->idempotent && !it->host->adapter->unknown_retry;
}

static bool
can_ask(const delivery *it)
{
	return it->entry->probe ||
	       ph_plugin_can(it->host->plugin, PH_ADAPTER_CAN_PROBE);
}

void
ph_outbound_take(ph_host *host, const ph_event *event)
{
	uint64_t number = ph_event_delivery(event);
	if (is_here(host, number))
		return;
	delivery *it = add(host, event);
	if (!it) {
		ph_outbound_settle(
		    host, number, PH_RETRY, "send", "", "", "PH4043 out of memory", "");
		return;
	}
	const char *type = ph_message_get(it->message, "type", NULL);
	it->entry = ph_entries_for(&host->entries.send, type);
	if (!it->entry) {
		settle_as(it, PH_REJECTED, "map", "no-map",
		    "PH4053 no entry of `send` is for messages of this type");
		return;
	}
	if (must_ask(it) && !can_ask(it)) {
		settle_as(it, PH_UNKNOWN, "send", "outcome-unknown",
		    "PH4054 it may have been sent before, and there is no way to ask");
		return;
	}
	it->probing = must_ask(it);
	if (it->probing)
		map_it(it);
	else
		begin_sending(it);
}

ph_status
ph_outbound_new(ph_host *host, ph_error *err)
{
	host->outbound = calloc(1, sizeof *host->outbound);
	return host->outbound ? PH_OK : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

size_t
ph_outbound_count(const ph_host *host)
{
	return host->outbound ? host->outbound->count : 0;
}

void
ph_outbound_destroy(ph_host *host)
{
	if (!host->outbound)
		return;
	while (host->outbound->first)
		free_delivery(host->outbound->first);
	free(host->outbound);
	host->outbound = NULL;
}
