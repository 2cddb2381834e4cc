/*
 * targets_wire - what comes over the socket, and what is in the journal: a message, a
 * frame, a record. What is taken is written again, byte for byte where there is one form.
 */
#include <string.h>

#include "broker/record.h"
#include "lib/base/assert.h"
#include "lib/wire/frame.h"
#include "lib/wire/message.h"
#include "tests/fuzz/targets.h"

/* The same where it lies, and then by itself. */
static void
walk_in_place(const void *bytes, size_t length, ph_status expected)
{
	void *room;
	size_t size = 0;
	ph_message *message = NULL;
	ph_holder *holder = ph_holder_new(1, NULL, &room);
	PH_ASSERT(holder != NULL);
	ph_status status = ph_message_decode_in(holder, bytes, length, &message, NULL);
	PH_ASSERT(status == expected && ph_holder_alone(holder) == (status != PH_OK));
	if (status == PH_OK) {
		PH_ASSERT(ph_message_bytes(message, &size) == bytes && size == length);
		status = ph_message_own(&message, NULL);
		PH_ASSERT(status == PH_OK && ph_holder_alone(holder));
		const void *own = ph_message_bytes(message, &size);
		PH_ASSERT(size == length && memcmp(own, bytes, length) == 0);
	}
	ph_message_unref(&message);
	ph_holder_unref(&holder);
}

static void
walk_message(const void *bytes, size_t length)
{
	ph_message *message = NULL;
	ph_error err = {0};
	ph_status status = ph_message_decode(bytes, length, &message, &err);
	walk_in_place(bytes, length, status);
	if (status != PH_OK) {
		PH_ASSERT(err.text[0] != '\0');
		return;
	}
	size_t size = 0;
	const void *again = ph_message_bytes(message, &size);
	PH_ASSERT(size == length && memcmp(again, bytes, length) == 0);
	const char *name = NULL;
	for (size_t i = 0; i < ph_message_count(message); i++) {
		const char *value = ph_message_at(message, i, &name);
		PH_ASSERT(value != NULL && name != NULL);
		PH_ASSERT(ph_message_get(message, name, &size) != NULL);
	}
	PH_ASSERT(ph_message_data(message, &size) != NULL || size == 0);
	ph_message_unref(&message);
}

void
ph_target_message(const uint8_t *bytes, size_t length)
{
	walk_message(bytes, length);
}

static void
walk_publish(ph_frame *frame)
{
	ph_publish_view item;
	for (uint32_t i = 0; i < frame->count; i++) {
		if (ph_publish_read(frame, &item, NULL) != PH_OK)
			return;
		uint8_t tag = 0;
		ph_reader body;
		while (ph_option_read(&item.options, &tag, &body)) {
			ph_binding_view binding;
			if (tag == PH_OPTION_BINDING)
				ph_binding_read(&body, &binding);
			else
				(void) ph_slice_read(&body);
		}
		walk_message(item.message, item.message_length);
	}
}

static void
walk_deliver(ph_frame *frame)
{
	ph_deliver_view item;
	for (uint32_t i = 0; i < frame->count; i++) {
		ph_error err = {0};
		if (ph_deliver_read(frame, &item, &err) != PH_OK)
			return;
		ph_buffer out;
		ph_buffer_init(&out, 0);
		ph_deliver_write(&out, &item);
		PH_ASSERT(!out.failed);
		ph_buffer_fini(&out);
	}
}

static void
walk_settle(ph_frame *frame)
{
	ph_settle_view item;
	for (uint32_t i = 0; i < frame->count; i++) {
		ph_error err = {0};
		if (ph_settle_read(frame, &item, &err) != PH_OK)
			return;
		ph_binding_view binding;
		for (unsigned j = 0; j < item.bindings; j++)
			ph_binding_read(&item.rest, &binding);
		(void) ph_settle_plain(&item, 0);
	}
}

void
ph_target_frame(const uint8_t *bytes, size_t length)
{
	ph_frame frame;
	ph_error err = {0};
	if (ph_frame_open(bytes, length, &frame, &err) != PH_OK) {
		PH_ASSERT(err.text[0] != '\0');
		return;
	}
	PH_ASSERT(ph_frame_name((unsigned) frame.type) != NULL);
	ph_hello_view hello;
	if (frame.type == PH_FRAME_HELLO)
		(void) ph_hello_read(&frame, &hello, &err);
	else if (frame.type == PH_FRAME_PUBLISH)
		walk_publish(&frame);
	else if (frame.type == PH_FRAME_DELIVER)
		walk_deliver(&frame);
	else if (frame.type == PH_FRAME_SETTLE)
		walk_settle(&frame);
}

/* A body that is taken is what its encoder makes, byte for byte. */
#define WALK(type, name, tail, tail_length)                                            \
	static bool walk_##name(                                                       \
	    const uint8_t *body, size_t length, ph_buffer *out, ph_error *err)         \
	{                                                                              \
		type record;                                                           \
		if (ph_record_##name##_decode(body, length, &record, err) != PH_OK)    \
			return false;                                                  \
		ph_record_##name##_encode(&record, out);                               \
		ph_buffer_append(out, tail, tail_length);                              \
		return true;                                                           \
	}
WALK(ph_record_queue, queue, "", 0)
WALK(ph_record_accept, accept, record.message.data, record.message.length)
WALK(ph_record_outcome, outcome, "", 0)
WALK(ph_record_attempt, attempt, "", 0)
WALK(ph_record_progress, progress, "", 0)
WALK(ph_record_verdict, replay, "", 0)
WALK(ph_record_verdict, discard, "", 0)
WALK(ph_record_cursor, cursor, "", 0)
WALK(ph_record_bindings, bind, "", 0)

static bool
walk_carry(const uint8_t *body, size_t length, ph_buffer *out, ph_error *err)
{
	ph_record_carry carry;
	if (ph_record_carry_decode(body, length, &carry, err) != PH_OK)
		return false;
	ph_record_carry_encode(carry.type, out);
	ph_buffer_append(out, carry.body, carry.length);
	return true;
}

/* The first byte is the type. */
void
ph_target_record(const uint8_t *bytes, size_t length)
{
	static bool (*const walks[])(
	    const uint8_t *, size_t, ph_buffer *, ph_error *) = {
	    [PH_RECORD_QUEUE] = walk_queue,
	    [PH_RECORD_ACCEPT] = walk_accept,
	    [PH_RECORD_OUTCOME] = walk_outcome,
	    [PH_RECORD_ATTEMPT] = walk_attempt,
	    [PH_RECORD_PROGRESS] = walk_progress,
	    [PH_RECORD_REPLAY] = walk_replay,
	    [PH_RECORD_DISCARD] = walk_discard,
	    [PH_RECORD_CURSOR] = walk_cursor,
	    [PH_RECORD_BIND] = walk_bind,
	    [PH_RECORD_CARRY] = walk_carry,
	};
	ph_buffer out;
	ph_error err = {0};
	if (length == 0)
		return;
	uint8_t type = bytes[0];
	PH_ASSERT(ph_record_type_name(type) != NULL);
	if (type >= sizeof walks / sizeof walks[0] || walks[type] == NULL)
		return;
	ph_buffer_init(&out, 0);
	if (walks[type](bytes + 1, length - 1, &out, &err)) {
		PH_ASSERT(!out.failed && out.length == length - 1);
		PH_ASSERT(
		    out.length == 0 || memcmp(out.data, bytes + 1, out.length) == 0);
	} else {
		PH_ASSERT(err.text[0] != '\0');
	}
	ph_buffer_fini(&out);
}
