#include "tests/unit/fake_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ph_client *
fake_client_new(void)
{
	ph_client *client = calloc(1, sizeof *client);
	if (client)
		client->room = FAKE_MOST;
	return client;
}

static void
copy_slice(ph_slice from, char *out, size_t size)
{
	snprintf(out, size, "%.*s", (int) from.length, from.length ? from.data : "");
}

static void
read_option(fake_publish *out, uint8_t tag, ph_reader *body)
{
	ph_binding_view binding;
	switch (tag) {
	case PH_OPTION_FINGERPRINT:
		out->has_fingerprint = true;
		memcpy(out->fingerprint, body->data, 32);
		break;
	case PH_OPTION_CURSOR:
		out->has_cursor = true;
		copy_slice(
		    ph_slice_read(body), out->cursor_name, sizeof out->cursor_name);
		copy_slice(ph_slice_read(body), out->cursor, sizeof out->cursor);
		break;
	case PH_OPTION_BINDING:
		ph_binding_read(body, &binding);
		out->bindings++;
		copy_slice(binding.key, out->binding_key, sizeof out->binding_key);
		copy_slice(binding.canonical, out->binding_id, sizeof out->binding_id);
		break;
	case PH_OPTION_FAILED:
		out->has_failed = true;
		copy_slice(ph_slice_read(body), out->stage, sizeof out->stage);
		copy_slice(ph_slice_read(body), out->reason, sizeof out->reason);
		copy_slice(ph_slice_read(body), out->path, sizeof out->path);
		copy_slice(ph_slice_read(body), out->text, sizeof out->text);
		break;
	case PH_OPTION_REPLAY:
		out->has_replay = true;
		break;
	default:
		abort();
	}
}

/* ---- what the host calls ---- */

ph_status
ph_client_publish_with(ph_client *client, ph_message *message, const void *options,
    size_t options_length, uint64_t *ticket, ph_error *err)
{
	if (!client->room || client->publish_count == FAKE_MOST)
		return ph_fail(err, PH_ERR_FULL, "the window is full");
	client->room--;
	fake_publish *out = &client->published[client->publish_count++];
	out->message = ph_message_ref(message);
	out->ticket = *ticket = ++client->numbers;
	ph_reader reader, body;
	uint8_t tag = 0;
	ph_reader_init(&reader, options, options_length);
	while (ph_option_read(&reader, &tag, &body))
		read_option(out, tag, &body);
	return PH_OK;
}

ph_status
ph_client_settle_with(ph_client *client, const ph_settle_view *item,
    const void *bindings, size_t bindings_length, ph_error *err)
{
	(void) bindings;
	(void) bindings_length;
	(void) err;
	fake_settle *out = &client->settled[client->settle_count++ % FAKE_MOST];
	out->delivery = item->delivery;
	out->outcome = item->outcome;
	out->bindings = item->bindings;
	copy_slice(item->reference, out->reference, sizeof out->reference);
	copy_slice(item->stage, out->stage, sizeof out->stage);
	copy_slice(item->reason, out->reason, sizeof out->reason);
	copy_slice(item->path, out->path, sizeof out->path);
	copy_slice(item->text, out->text, sizeof out->text);
	return PH_OK;
}

ph_status
ph_client_resolve(ph_client *client, const ph_resolve_item *items, size_t count,
    uint64_t *request, ph_error *err)
{
	(void) err;
	fake_resolve *out = &client->resolved[client->resolve_count++ % FAKE_MOST];
	out->number = *request = ++client->numbers;
	out->kind = items[0].kind;
	out->count = count;
	snprintf(out->entity, sizeof out->entity, "%s", items[0].entity);
	snprintf(out->system, sizeof out->system, "%s", items[0].system);
	snprintf(out->key, sizeof out->key, "%s", items[0].key);
	snprintf(out->prefix, sizeof out->prefix, "%s",
	    items[0].prefix ? items[0].prefix : "");
	return PH_OK;
}

ph_status
ph_client_query(ph_client *client, uint8_t kind, const char *key, uint64_t from_ms,
    uint64_t to_ms, uint32_t most, uint64_t *request, ph_error *err)
{
	(void) from_ms;
	(void) to_ms;
	(void) most;
	(void) err;
	size_t at = client->query_count++ % FAKE_MOST;
	client->queries[at].number = *request = ++client->numbers;
	client->queries[at].kind = kind;
	snprintf(client->queries[at].key, sizeof client->queries[at].key, "%s", key);
	return PH_OK;
}

ph_status
ph_client_cursor_put(ph_client *client, const char *name, const void *value,
    size_t length, uint64_t *ticket, ph_error *err)
{
	(void) err;
	size_t at = client->cursor_count++ % FAKE_MOST;
	client->cursors[at].ticket = *ticket = ++client->numbers;
	snprintf(client->cursors[at].name, sizeof client->cursors[at].name, "%s", name);
	snprintf(client->cursors[at].value, sizeof client->cursors[at].value, "%.*s",
	    (int) length, (const char *) value);
	return PH_OK;
}

ph_status
ph_client_cursor_get(
    ph_client *client, const char *name, uint64_t *request, ph_error *err)
{
	(void) name;
	(void) err;
	*request = ++client->numbers;
	return PH_OK;
}

ph_status
ph_client_progress(ph_client *client, uint64_t delivery, const char *reference,
    const void *resume, size_t resume_length, ph_error *err)
{
	(void) err;
	snprintf(client->progress, sizeof client->progress, "%llu %s %.*s",
	    (unsigned long long) delivery, reference, (int) resume_length,
	    (const char *) resume);
	return PH_OK;
}

ph_status
ph_client_new_host(const char *endpoint, const char *token, const char *name,
    ph_client **out, ph_error *err)
{
	(void) endpoint;
	(void) token;
	(void) name;
	*out = fake_client_new();
	return *out ? PH_OK : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

void
ph_client_announce(ph_client *client, uint8_t flags)
{
	(void) client;
	(void) flags;
}

ph_status
ph_client_connect(ph_client *client, int timeout_ms, ph_error *err)
{
	(void) client;
	(void) timeout_ms;
	(void) err;
	return PH_OK;
}

ph_status
ph_client_subscribe(
    ph_client *client, const char *queue, uint32_t credit, ph_error *err)
{
	(void) client;
	(void) queue;
	(void) credit;
	(void) err;
	return PH_OK;
}

ph_status
ph_client_flush(ph_client *client, ph_error *err)
{
	(void) client;
	(void) err;
	return PH_OK;
}

ph_status
ph_client_next_inner(
    ph_client *client, int extra_fd, int timeout_ms, ph_inner_event *out, ph_error *err)
{
	(void) client;
	(void) extra_fd;
	(void) timeout_ms;
	(void) out;
	return ph_fail(err, PH_ERR_TIMEOUT, "nothing");
}

size_t
ph_client_pending(const ph_client *client)
{
	(void) client;
	return 0;
}

size_t
ph_client_unsettled(const ph_client *client)
{
	(void) client;
	return 0;
}

void
ph_client_destroy(ph_client **client_p)
{
	ph_client *client = *client_p;
	*client_p = NULL;
	if (!client)
		return;
	for (size_t i = 0; i < client->publish_count; i++)
		ph_message_unref(&client->published[i].message);
	free(client);
}

ph_event_kind
ph_event_kind_of(const ph_event *event)
{
	return event->kind;
}

uint64_t
ph_event_ticket(const ph_event *event)
{
	return event->ticket;
}

ph_result
ph_event_result(const ph_event *event)
{
	return event->result;
}

const char *
ph_event_text(const ph_event *event)
{
	return event->text ? event->text : "";
}

uint64_t
ph_event_delivery(const ph_event *event)
{
	return event->delivery;
}

ph_message *
ph_event_message(const ph_event *event)
{
	return event->message;
}

const char *
ph_event_queue(const ph_event *event)
{
	return event->queue;
}

unsigned
ph_event_attempt(const ph_event *event)
{
	return event->attempt;
}

uint8_t
ph_event_flags(const ph_event *event)
{
	return event->flags;
}

uint64_t
ph_event_accepted_ms(const ph_event *event)
{
	return event->accepted_ms;
}

ph_slice
ph_event_reference(const ph_event *event)
{
	return event->reference;
}

ph_slice
ph_event_resume(const ph_event *event)
{
	return event->resume;
}

const char *
ph_event_subject(const ph_event *event)
{
	return event->subject ? event->subject : "";
}

/* ---- what the broker would say ---- */

void
fake_result(ph_host *host, uint64_t ticket, ph_result result)
{
	ph_event event = {.kind = PH_EVENT_RESULT, .ticket = ticket, .result = result};
	(void) ph_waits_answer(host->waits, PH_WAIT_RESULT, ticket, &event, 1);
}

static void
deliver_frame(ph_host *host, ph_wait_kind kind, uint64_t number, ph_buffer *frame)
{
	ph_inner_event event = {.number = number};
	ph_error err;
	if (ph_frame_open(frame->data, frame->length, &event.frame, &err))
		abort();
	(void) ph_waits_answer(host->waits, kind, number, &event, 1);
	ph_buffer_fini(frame);
}

void
fake_resolved(ph_host *host, uint64_t number, const char *value)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_RESOLVED, number);
	/* all items of the request alike */
	size_t count = 1;
	for (size_t i = 0; i < host->client->resolve_count; i++)
		if (host->client->resolved[i].number == number)
			count = host->client->resolved[i].count;
	for (size_t i = 0; i < count; i++) {
		ph_buffer_u8(&frame, value ? PH_RESOLVED_FOUND : PH_RESOLVED_UNKNOWN);
		ph_buffer_string(&frame, value ? value : "");
	}
	ph_frame_count(&frame, (uint32_t) count);
	deliver_frame(host, PH_WAIT_RESOLVED, number, &frame);
}

void
fake_answer(ph_host *host, uint64_t number, ph_message *const *messages, size_t count)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_ANSWER, number);
	ph_buffer_u8(&frame, 1);
	for (size_t i = 0; i < count; i++) {
		size_t length = 0;
		const void *bytes = ph_message_bytes(messages[i], &length);
		ph_buffer_u32(&frame, (uint32_t) (length + 16));
		ph_buffer_u64(&frame, i + 1);
		ph_buffer_u64(&frame, 1795407540000 + i * 1000);
		ph_buffer_append(&frame, bytes, length);
	}
	ph_frame_count(&frame, (uint32_t) count);
	deliver_frame(host, PH_WAIT_ANSWER, number, &frame);
}
