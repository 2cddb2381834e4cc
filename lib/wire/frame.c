/*
 * How it works: nothing here allocates or waits. Readers are ph_reader underneath: past the end
 * they give zeroes and set `failed`, which each function here turns into one located error.
 */
#include "lib/wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define DELIVER_HEAD 23u /* of a delivery: what stands in it besides its bytes */
#define SETTLE_PLAIN 9u	 /* of an outcome: its number and what it was */

static const char *const names[] = {
#define X(name, number) [number] = #name,
    PH_FRAMES(X)
#undef X
};

const char *
ph_frame_name(unsigned type)
{
	return type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

void
ph_frame_begin(ph_buffer *frame, ph_frame_type type, uint64_t number)
{
	PH_ASSERT(frame->length == 0);
	ph_buffer_u8(frame, 'P');
	ph_buffer_u8(frame, 'H');
	ph_buffer_u8(frame, PH_PROTOCOL_VERSION);
	ph_buffer_u8(frame, (uint8_t) type);
	ph_buffer_u32(frame, 0);
	ph_buffer_u64(frame, number);
}

void
ph_frame_count(ph_buffer *frame, uint32_t count)
{
	PH_ASSERT(frame->failed || frame->length >= PH_FRAME_HEADER);
	if (!frame->failed)
		ph_buffer_set_u32(frame, 4, count);
}

ph_status
ph_frame_open(const void *bytes, size_t length, ph_frame *out, ph_error *err)
{
	ph_reader *reader = &out->body;
	ph_reader_init(reader, bytes, length);
	out->holder = NULL;
	if (length < PH_FRAME_HEADER || ph_reader_u8(reader) != 'P' ||
	    ph_reader_u8(reader) != 'H')
		return ph_fail(
		    err, PH_ERR_INVALID, "PH6201 not a frame of the session protocol");
	uint8_t version = ph_reader_u8(reader);
	if (version != PH_PROTOCOL_VERSION)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH6202 protocol version %u is not known here", version);
	uint8_t type = ph_reader_u8(reader);
	if (ph_frame_name(type) == NULL)
		return ph_fail(err, PH_ERR_INVALID,
		    "PH6203 frame type %u is not known here", type);
	out->type = (ph_frame_type) type;
	out->count = ph_reader_u32(reader);
	out->number = ph_reader_u64(reader);
	return PH_OK;
}

static ph_status
broken(const ph_frame *frame, ph_error *err)
{
	char where[64];
	(void) snprintf(where, sizeof where, "%s byte %zu", ph_frame_name(frame->type),
	    frame->body.at);
	return ph_fail_at(
	    err, PH_ERR_INVALID, where, "PH6204 the frame ends inside an item");
}

ph_slice
ph_slice_read(ph_reader *reader)
{
	ph_slice slice;
	slice.data = ph_reader_string(reader, &slice.length);
	if (slice.data == NULL)
		slice = (ph_slice){"", 0};
	return slice;
}

bool
ph_slice_is(ph_slice slice, const char *text)
{
	return strlen(text) == slice.length &&
	       memcmp(text, slice.data, slice.length) == 0;
}

bool
ph_slice_copy(ph_slice slice, char *out, size_t size)
{
	if (slice.length >= size || memchr(slice.data, 0, slice.length) != NULL)
		return false;
	memcpy(out, slice.data, slice.length);
	out[slice.length] = 0;
	return true;
}

char *
ph_slice_dup(ph_slice slice)
{
	char *copy = malloc(slice.length + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, slice.data, slice.length);
	copy[slice.length] = 0;
	return copy;
}

void
ph_binding_read(ph_reader *reader, ph_binding_view *out)
{
	out->entity = ph_slice_read(reader);
	out->system = ph_slice_read(reader);
	out->key = ph_slice_read(reader);
	out->canonical = ph_slice_read(reader);
}

void
ph_binding_write(ph_buffer *frame, const char *entity, const char *system,
    const char *key, const char *canonical)
{
	ph_buffer_string(frame, entity);
	ph_buffer_string(frame, system);
	ph_buffer_string(frame, key);
	ph_buffer_string(frame, canonical);
}

ph_status
ph_hello_read(ph_frame *frame, ph_hello_view *out, ph_error *err)
{
	ph_reader *reader = &frame->body;
	out->least = ph_reader_u16(reader);
	out->most = ph_reader_u16(reader);
	out->role = ph_reader_u8(reader);
	out->flags = ph_reader_u8(reader);
	out->name = ph_slice_read(reader);
	out->token = ph_slice_read(reader);
	out->instance = ph_slice_read(reader);
	return reader->failed ? broken(frame, err) : PH_OK;
}

/* The next item that starts with its u32 length, as a reader of its own. */
static bool
item32(ph_reader *reader, ph_reader *item)
{
	uint32_t length = ph_reader_u32(reader);
	const uint8_t *bytes = ph_reader_bytes(reader, length);
	if (bytes == NULL)
		return false;
	ph_reader_init(item, bytes, length);
	return true;
}

ph_status
ph_publish_read(ph_frame *frame, ph_publish_view *out, ph_error *err)
{
	ph_reader item;
	if (!item32(&frame->body, &item))
		return broken(frame, err);
	uint16_t options = ph_reader_u16(&item);
	const uint8_t *bytes = ph_reader_bytes(&item, options);
	if (bytes == NULL)
		return broken(frame, err);
	ph_reader_init(&out->options, bytes, options);
	out->message_length = ph_reader_left(&item);
	out->message = item.data + item.at;
	return PH_OK;
}

bool
ph_option_read(ph_reader *options, uint8_t *tag, ph_reader *body)
{
	if (ph_reader_left(options) == 0)
		return false;
	*tag = ph_reader_u8(options);
	uint16_t length = ph_reader_u16(options);
	const uint8_t *bytes = ph_reader_bytes(options, length);
	if (bytes == NULL) {
		options->failed = true;
		return false;
	}
	ph_reader_init(body, bytes, length);
	return true;
}

ph_status
ph_deliver_read(ph_frame *frame, ph_deliver_view *out, ph_error *err)
{
	ph_reader item;
	if (!item32(&frame->body, &item))
		return broken(frame, err);
	out->delivery = ph_reader_u64(&item);
	out->attempt = ph_reader_u16(&item);
	out->flags = ph_reader_u8(&item);
	out->accepted_ms = ph_reader_u64(&item);
	out->reference = ph_slice_read(&item);
	out->resume = ph_slice_read(&item);
	if (item.failed)
		return broken(frame, err);
	out->message_length = ph_reader_left(&item);
	out->message = item.data + item.at;
	return PH_OK;
}

/* u16 length, then the bytes. Returns what follows. */
static uint8_t *
put_slice(uint8_t *at, ph_slice slice)
{
	ph_put_number(at, slice.length, 2);
	if (slice.length > 0)
		memcpy(at + 2, slice.data, slice.length);
	return at + 2 + slice.length;
}

void
ph_deliver_write(ph_buffer *frame, const ph_deliver_view *item)
{
	size_t length = DELIVER_HEAD + item->reference.length + item->resume.length +
			item->message_length;
	if (item->reference.length > UINT16_MAX || item->resume.length > UINT16_MAX)
		frame->failed = true;
	if (!ph_buffer_reserve(frame, 4 + length))
		return;
	uint8_t *at = frame->data + frame->length;
	ph_put_number(at, length, 4);
	ph_put_number(at + 4, item->delivery, 8);
	ph_put_number(at + 12, item->attempt, 2);
	at[14] = item->flags;
	ph_put_number(at + 15, item->accepted_ms, 8);
	at = put_slice(at + 23, item->reference);
	at = put_slice(at, item->resume);
	if (item->message_length > 0)
		memcpy(at, item->message, item->message_length);
	frame->length += 4 + length;
}

ph_status
ph_settle_read(ph_frame *frame, ph_settle_view *out, ph_error *err)
{
	*out = (ph_settle_view){.reference = {"", 0},
	    .stage = {"", 0},
	    .reason = {"", 0},
	    .path = {"", 0},
	    .text = {"", 0}};
	uint16_t length = ph_reader_u16(&frame->body);
	const uint8_t *bytes = ph_reader_bytes(&frame->body, length);
	if (bytes == NULL || length < SETTLE_PLAIN)
		return broken(frame, err);
	ph_reader item;
	ph_reader_init(&item, bytes, length);
	out->delivery = ph_reader_u64(&item);
	out->outcome = ph_reader_u8(&item);
	if (ph_reader_left(&item) > 0)
		out->delay_ms = ph_reader_u64(&item);
	ph_slice *const texts[] = {
	    &out->reference, &out->stage, &out->reason, &out->path, &out->text};
	for (size_t i = 0;
	     i < sizeof texts / sizeof texts[0] && ph_reader_left(&item) > 0; i++)
		*texts[i] = ph_slice_read(&item);
	if (ph_reader_left(&item) > 0)
		out->bindings = ph_reader_u8(&item);
	out->rest = item;
	return item.failed ? broken(frame, err) : PH_OK;
}

bool
ph_settle_plain(const ph_settle_view *item, size_t bindings_length)
{
	return item->delay_ms == 0 && item->reference.length == 0 &&
	       item->stage.length == 0 && item->reason.length == 0 &&
	       item->path.length == 0 && item->text.length == 0 && bindings_length == 0;
}

void
ph_settle_write_plain(ph_buffer *frame, uint64_t delivery, uint8_t outcome)
{
	if (!ph_buffer_reserve(frame, 2 + SETTLE_PLAIN))
		return;
	uint8_t *at = frame->data + frame->length;
	ph_put_number(at, SETTLE_PLAIN, 2);
	ph_put_number(at + 2, delivery, 8);
	at[10] = outcome;
	frame->length += 2 + SETTLE_PLAIN;
}

void
ph_settle_write(ph_buffer *frame, const ph_settle_view *item, const void *bindings,
    size_t bindings_length)
{
	size_t start = frame->length;
	ph_settle_write_plain(frame, item->delivery, item->outcome);
	if (ph_settle_plain(item, bindings_length))
		return;
	ph_buffer_u64(frame, item->delay_ms);
	const ph_slice *const texts[] = {
	    &item->reference, &item->stage, &item->reason, &item->path, &item->text};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ph_buffer_blob16(frame, texts[i]->data, texts[i]->length);
	ph_buffer_u8(frame, item->bindings);
	ph_buffer_append(frame, bindings, bindings_length);
	size_t length = frame->length - start - 2;
	if (length > UINT16_MAX)
		frame->failed = true;
	if (frame->failed)
		return;
	frame->data[start] = (uint8_t) (length & 0xff);
	frame->data[start + 1] = (uint8_t) (length >> 8);
}
