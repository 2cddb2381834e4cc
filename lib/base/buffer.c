/*
 * buffer - see buffer.h. Numbers are written byte by byte, so the host's order never matters; the
 * compiler makes one store of them.
 */
#include "lib/base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/assert.h"

#define SMALLEST 256

void
ph_buffer_init(ph_buffer *buffer, size_t limit)
{
	*buffer = (ph_buffer){.limit = limit};
}

void
ph_buffer_init_on(ph_buffer *buffer, size_t limit, struct ph_arena *arena)
{
	*buffer = (ph_buffer){.limit = limit, .arena = arena};
}

void
ph_buffer_fini(ph_buffer *buffer)
{
	if (buffer == NULL)
		return;
	if (buffer->arena == NULL)
		free(buffer->data);
	*buffer = (ph_buffer){.limit = buffer->limit, .arena = buffer->arena};
}

void
ph_buffer_clear(ph_buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
}

/* Grow to hold `need` bytes, at least doubling; the first time just these, which often are all. */
static bool
grow(ph_buffer *buffer, size_t need)
{
	size_t capacity = buffer->capacity;
	if (capacity == 0)
		capacity = need < SMALLEST ? SMALLEST : need;
	while (capacity < need) {
		if (capacity > SIZE_MAX / 2)
			return false;
		capacity *= 2;
	}
	uint8_t *data = buffer->arena != NULL ? ph_arena_alloc(buffer->arena, capacity)
					      : realloc(buffer->data, capacity);
	if (data == NULL)
		return false;
	if (buffer->arena != NULL && buffer->length > 0)
		memcpy(data, buffer->data, buffer->length);
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

bool
ph_buffer_reserve(ph_buffer *buffer, size_t more)
{
	PH_ASSERT(buffer->length <= buffer->capacity);
	if (buffer->failed)
		return false;
	size_t most = buffer->limit == 0 ? SIZE_MAX : buffer->limit;
	bool fits = buffer->length <= most && more <= most - buffer->length;
	if (fits && more > buffer->capacity - buffer->length)
		fits = grow(buffer, buffer->length + more);
	buffer->failed = !fits;
	return fits;
}

void
ph_buffer_text(ph_buffer *buffer, const char *text)
{
	ph_buffer_append(buffer, text, strlen(text));
}

void
ph_buffer_printf(ph_buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0) {
		buffer->failed = true;
	} else if (ph_buffer_reserve(buffer, (size_t) length)) {
		/* vsnprintf writes a zero that is not counted, past what the limit allows */
		size_t room = (size_t) length + 1;
		if (buffer->capacity - buffer->length >= room ||
		    grow(buffer, buffer->length + room)) {
			vsnprintf((char *) buffer->data + buffer->length, room, format,
			    again);
			buffer->length += (size_t) length;
		} else {
			buffer->failed = true;
		}
	}
	va_end(again);
}

void
ph_buffer_string(ph_buffer *buffer, const char *text)
{
	ph_buffer_blob16(buffer, text, text == NULL ? 0 : strlen(text));
}

void
ph_buffer_blob16(ph_buffer *buffer, const void *bytes, size_t length)
{
	if (length > UINT16_MAX) {
		buffer->failed = true;
		return;
	}
	if (!ph_buffer_reserve(buffer, 2 + length))
		return;
	ph_buffer_u16(buffer, (uint16_t) length);
	ph_buffer_append(buffer, bytes, length);
}

void
ph_buffer_set_u32(ph_buffer *buffer, size_t at, uint32_t value)
{
	if (buffer->failed)
		return;
	PH_ASSERT(buffer->length >= 4 && at <= buffer->length - 4);
	ph_put_number(buffer->data + at, value, 4);
}

const char *
ph_buffer_cstr(ph_buffer *buffer)
{
	if (buffer->failed)
		return NULL;
	if (buffer->length == buffer->capacity && !grow(buffer, buffer->length + 1)) {
		buffer->failed = true;
		return NULL;
	}
	buffer->data[buffer->length] = 0;
	return (const char *) buffer->data;
}

void
ph_reader_init(ph_reader *reader, const void *bytes, size_t length)
{
	*reader = (ph_reader){.data = bytes, .length = length};
}

size_t
ph_reader_left(const ph_reader *reader)
{
	return reader->failed ? 0 : reader->length - reader->at;
}

const char *
ph_reader_string(ph_reader *reader, size_t *length)
{
	size_t count = ph_reader_u16(reader);
	const uint8_t *bytes = ph_reader_bytes(reader, count);
	*length = bytes == NULL ? 0 : count;
	return (const char *) bytes;
}

void
ph_reader_copy(ph_reader *reader, char *out, size_t size)
{
	PH_ASSERT(size > 0);
	size_t length;
	const char *text = ph_reader_string(reader, &length);
	if (text == NULL || length >= size) {
		reader->failed = true;
		out[0] = '\0';
		return;
	}
	memcpy(out, text, length);
	out[length] = '\0';
}
