/*
 * buffer - bytes that grow at the end, with little-endian writers; and a reader over bytes.
 *
 * A buffer remembers that it ran out of memory or over its limit (`failed`), so a writer may
 * check once at its end. A reader remembers that it was asked for more than there was.
 *
 * Thread: owner. Errors: the `failed` flags.
 */
#ifndef PH_BASE_BUFFER_H
#define PH_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <string.h>

typedef struct ph_buffer {
	uint8_t *data;		/* what was written; NULL while empty */
	size_t length;		/* bytes written */
	size_t capacity;	/* bytes allocated */
	size_t limit;		/* most bytes it may hold; 0: no limit */
	struct ph_arena *arena; /* where its bytes are; NULL: on the heap */
	bool
	    failed; /* an append did not fit or had no memory: contents are incomplete */
} ph_buffer;

void ph_buffer_init(ph_buffer *buffer, size_t limit);
/* The same on an arena (NULL: on the heap): what it grows out of stays there until the arena goes, so
 * this is for what is small, or used again and again. */
void ph_buffer_init_on(ph_buffer *buffer, size_t limit, struct ph_arena *arena);
void ph_buffer_fini(ph_buffer *buffer);
/* Empty it, keep the memory. */
void ph_buffer_clear(ph_buffer *buffer);
/* Room for `more` bytes at data + length; false sets failed. */
bool ph_buffer_reserve(ph_buffer *buffer, size_t more);
static inline void ph_buffer_append(
    ph_buffer *buffer, const void *bytes, size_t length);
void ph_buffer_text(ph_buffer *buffer, const char *text);
void ph_buffer_printf(ph_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void ph_buffer_u8(ph_buffer *buffer, uint8_t value);
static inline void ph_buffer_u16(ph_buffer *buffer, uint16_t value);
static inline void ph_buffer_u32(ph_buffer *buffer, uint32_t value);
static inline void ph_buffer_u64(ph_buffer *buffer, uint64_t value);
/* u16 length, then the bytes (NULL as ""); over 65,535 bytes sets failed. */
void ph_buffer_string(ph_buffer *buffer, const char *text);
void ph_buffer_blob16(ph_buffer *buffer, const void *bytes, size_t length);
/* Overwrite a number written before. */
void ph_buffer_set_u32(ph_buffer *buffer, size_t at, uint32_t value);
/* The bytes with a zero after them (not counted), for use as text; NULL if failed. */
const char *ph_buffer_cstr(ph_buffer *buffer);

typedef struct ph_reader {
	const uint8_t *data;
	size_t length;
	size_t at;
	bool failed; /* asked for more than there was: all values since are zero */
} ph_reader;

void ph_reader_init(ph_reader *reader, const void *bytes, size_t length);
size_t ph_reader_left(const ph_reader *reader);
static inline uint8_t ph_reader_u8(ph_reader *reader);
static inline uint16_t ph_reader_u16(ph_reader *reader);
static inline uint32_t ph_reader_u32(ph_reader *reader);
static inline uint64_t ph_reader_u64(ph_reader *reader);
/* `length` bytes, borrowed from the input; NULL if there are not as many. */
static inline const uint8_t *ph_reader_bytes(ph_reader *reader, size_t length);
/* u16 length and bytes, borrowed, not zero-terminated. */
const char *ph_reader_string(ph_reader *reader, size_t *length);
/* The same copied into `out` with a zero; too long for it sets failed. */
void ph_reader_copy(ph_reader *reader, char *out, size_t size);

/* ---- inline: every message passes through these some dozens of times ---- */

/* The low `count` bytes of a number, lowest first, whatever the host's order. Written out for the sizes
 * that numbers have: of a loop the compiler does not make one store or load. */
static inline void
ph_put_number(uint8_t *at, uint64_t value, unsigned count)
{
	if (count == 8) {
		at[4] = (uint8_t) (value >> 32);
		at[5] = (uint8_t) (value >> 40);
		at[6] = (uint8_t) (value >> 48);
		at[7] = (uint8_t) (value >> 56);
	}
	if (count == 8 || count == 4) {
		at[2] = (uint8_t) (value >> 16);
		at[3] = (uint8_t) (value >> 24);
	}
	if (count == 8 || count == 4 || count == 2) {
		at[0] = (uint8_t) value;
		at[1] = (uint8_t) (value >> 8);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		at[i] = (uint8_t) (value >> (8 * i));
}

static inline uint64_t
ph_get_number(const uint8_t *at, unsigned count)
{
	if (count == 8)
		return (uint64_t) at[0] | (uint64_t) at[1] << 8 |
		       (uint64_t) at[2] << 16 | (uint64_t) at[3] << 24 |
		       (uint64_t) at[4] << 32 | (uint64_t) at[5] << 40 |
		       (uint64_t) at[6] << 48 | (uint64_t) at[7] << 56;
	if (count == 4)
		return (uint32_t) at[0] | (uint32_t) at[1] << 8 |
		       (uint32_t) at[2] << 16 | (uint32_t) at[3] << 24;
	if (count == 2)
		return (uint32_t) at[0] | (uint32_t) at[1] << 8;
	uint64_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value |= (uint64_t) at[i] << (8 * i);
	return value;
}

static inline void
ph_buffer_number(ph_buffer *buffer, uint64_t value, unsigned count)
{
	bool there = !buffer->failed && count <= buffer->capacity - buffer->length &&
		     (buffer->limit == 0 || buffer->length + count <= buffer->limit);
	if (!there && !ph_buffer_reserve(buffer, count))
		return;
	ph_put_number(buffer->data + buffer->length, value, count);
	buffer->length += count;
}

static inline void
ph_buffer_append(ph_buffer *buffer, const void *bytes, size_t length)
{
	bool there = !buffer->failed && length <= buffer->capacity - buffer->length &&
		     (buffer->limit == 0 || buffer->length + length <= buffer->limit);
	if ((!there && !ph_buffer_reserve(buffer, length)) || length == 0)
		return;
	memcpy(buffer->data + buffer->length, bytes, length);
	buffer->length += length;
}

static inline void
ph_buffer_u8(ph_buffer *buffer, uint8_t value)
{
	ph_buffer_number(buffer, value, 1);
}

static inline void
ph_buffer_u16(ph_buffer *buffer, uint16_t value)
{
	ph_buffer_number(buffer, value, 2);
}

static inline void
ph_buffer_u32(ph_buffer *buffer, uint32_t value)
{
	ph_buffer_number(buffer, value, 4);
}

static inline void
ph_buffer_u64(ph_buffer *buffer, uint64_t value)
{
	ph_buffer_number(buffer, value, 8);
}

static inline const uint8_t *
ph_reader_bytes(ph_reader *reader, size_t length)
{
	/* never NULL on success, also for no bytes of an empty input */
	static const uint8_t nothing[1];
	if (reader->failed || length > reader->length - reader->at) {
		reader->failed = true;
		return NULL;
	}
	const uint8_t *bytes =
	    reader->data == NULL ? nothing : reader->data + reader->at;
	reader->at += length;
	return bytes;
}

static inline uint64_t
ph_reader_number(ph_reader *reader, unsigned count)
{
	const uint8_t *bytes = ph_reader_bytes(reader, count);
	return bytes == NULL ? 0 : ph_get_number(bytes, count);
}

static inline uint8_t
ph_reader_u8(ph_reader *reader)
{
	return (uint8_t) ph_reader_number(reader, 1);
}

static inline uint16_t
ph_reader_u16(ph_reader *reader)
{
	return (uint16_t) ph_reader_number(reader, 2);
}

static inline uint32_t
ph_reader_u32(ph_reader *reader)
{
	return (uint32_t) ph_reader_number(reader, 4);
}

static inline uint64_t
ph_reader_u64(ph_reader *reader)
{
	return ph_reader_number(reader, 8);
}

#endif
