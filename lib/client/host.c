/* How it works: the same promises as the public verbs, with more to say in each. */
#include "lib/client/host.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/client/inner.h"

ph_status
ph_client_new_host(const char *endpoint, const char *token, const char *name,
    ph_client **out, ph_error *err)
{
	if (strlen(endpoint) >= PH_ERROR_WHERE || strlen(token) >= PH_CLIENT_TOKEN_MAX)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH6417 endpoint or token is too long");
	ph_client *client = NULL;
	ph_status status = ph_client_allocate(name, &client, err);
	if (status != PH_OK)
		return status;
	client->role = PH_ROLE_HOST;
	memcpy(client->endpoint, endpoint, strlen(endpoint) + 1);
	memcpy(client->token, token, strlen(token) + 1);
	*out = client;
	return PH_OK;
}

void
ph_client_announce(ph_client *client, uint8_t flags)
{
	client->hello_flags = flags;
}

ph_status
ph_client_publish_with(ph_client *client, ph_message *message, const void *options,
    size_t options_length, uint64_t *ticket, ph_error *err)
{
	PH_ASSERT(
	    client != NULL && client->magic == PH_CLIENT_MAGIC && message != NULL);
	if (options_length > UINT16_MAX)
		return ph_fail(
		    err, PH_ERR_TOO_LARGE, "PH6418 over 64 KiB of publish options");
	const ph_published item = {
	    .message = message, .options = options, .options_length = options_length};
	ph_status status =
	    ph_pending_add(&client->pending, &item, client->batch, ticket, err);
	if (status != PH_OK)
		return status;
	if (client->pending.next - client->pending.sent >= client->batch)
		ph_link_flush(client);
	return PH_OK;
}

ph_status
ph_client_settle_with(ph_client *client, const ph_settle_view *item,
    const void *bindings, size_t bindings_length, ph_error *err)
{
	PH_ASSERT(client != NULL && client->magic == PH_CLIENT_MAGIC);
	if (item->outcome < PH_DELIVERED || item->outcome > PH_UNKNOWN)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH6419 no such outcome: %u", item->outcome);
	for (ph_subscription *at = client->subscriptions; at != NULL; at = at->next) {
		if (ph_held_remove(&at->held, item->delivery))
			return ph_outbox_add(
			    &client->outbox, item, bindings, bindings_length, err);
	}
	return ph_fail(err, PH_ERR_NOT_FOUND,
	    "PH6420 delivery %llu is not held here, or was settled",
	    (unsigned long long) item->delivery);
}

ph_status
ph_client_progress(ph_client *client, uint64_t delivery, const char *reference,
    const void *resume, size_t resume_length, ph_error *err)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_PROGRESS, delivery);
	ph_buffer_string(&frame, reference);
	ph_buffer_blob16(&frame, resume, resume_length);
	return ph_request_add(client, PH_FRAME_PROGRESSED, delivery, &frame, err);
}

ph_status
ph_client_resolve(ph_client *client, const ph_resolve_item *items, size_t count,
    uint64_t *number, ph_error *err)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	uint64_t id = ++client->last_id;
	ph_frame_begin(&frame, PH_FRAME_RESOLVE, id);
	for (size_t i = 0; i < count; i++) {
		ph_buffer_u8(&frame, items[i].kind);
		ph_buffer_string(&frame, items[i].entity);
		ph_buffer_string(&frame, items[i].system);
		ph_buffer_string(&frame, items[i].key);
		if (items[i].kind == PH_RESOLVE_MINT)
			ph_buffer_string(&frame, items[i].prefix);
	}
	ph_frame_count(&frame, (uint32_t) count);
	ph_status status = ph_request_add(client, PH_FRAME_RESOLVED, id, &frame, err);
	if (status == PH_OK)
		*number = id;
	return status;
}

ph_status
ph_client_query(ph_client *client, uint8_t kind, const char *key, uint64_t from_ms,
    uint64_t to_ms, uint32_t most, uint64_t *number, ph_error *err)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	uint64_t id = ++client->last_id;
	ph_frame_begin(&frame, PH_FRAME_QUERY, id);
	ph_buffer_u8(&frame, kind);
	ph_buffer_string(&frame, key);
	ph_buffer_u64(&frame, from_ms);
	ph_buffer_u64(&frame, to_ms);
	ph_buffer_u32(&frame, most);
	ph_status status = ph_request_add(client, PH_FRAME_ANSWER, id, &frame, err);
	if (status == PH_OK)
		*number = id;
	return status;
}

ph_status
ph_client_cursor_put(ph_client *client, const char *name, const void *value,
    size_t length, uint64_t *ticket, ph_error *err)
{
	ph_buffer body;
	ph_buffer_init(&body, UINT16_MAX);
	ph_buffer_string(&body, name);
	ph_buffer_blob16(&body, value, length);
	if (body.failed) {
		ph_buffer_fini(&body);
		return ph_fail(err, PH_ERR_TOO_LARGE, "PH6421 a cursor of over 64 KiB");
	}
	const ph_published item = {.options = body.data, .options_length = body.length};
	ph_status status =
	    ph_pending_add(&client->pending, &item, client->batch, ticket, err);
	ph_buffer_fini(&body);
	if (status == PH_OK)
		ph_link_flush(client);
	return status;
}

ph_status
ph_client_cursor_get(
    ph_client *client, const char *name, uint64_t *number, ph_error *err)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	uint64_t id = ++client->last_id;
	ph_frame_begin(&frame, PH_FRAME_CURSORS, id);
	ph_buffer_string(&frame, name);
	ph_status status =
	    ph_request_add(client, PH_FRAME_ANSWER_CURSOR, id, &frame, err);
	if (status == PH_OK)
		*number = id;
	return status;
}
