/*
 * How it works: a comma goes before every member that does not follow an opening bracket, which the
 * last byte written tells.
 */
#include "broker/row.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "lib/base/text.h"

static void
separate(ph_buffer *row)
{
	if (row->failed || row->length == 0)
		return;
	uint8_t last = row->data[row->length - 1];
	if (last != '{' && last != '[' && last != ':')
		ph_buffer_u8(row, ',');
}

static void
write_code(ph_buffer *row, const char *text, size_t length)
{
	unsigned char byte = (unsigned char) *text;
	if (byte == '"' || byte == '\\')
		ph_buffer_printf(row, "\\%c", byte);
	else if (byte < 0x20 || byte == 0x7f)
		ph_buffer_printf(row, "\\u%04x", byte);
	else
		ph_buffer_append(row, text, length);
}

static void
write_text(ph_buffer *row, const char *text, size_t length)
{
	ph_buffer_u8(row, '"');
	for (size_t at = 0; at < length;) {
		uint32_t code;
		size_t step = ph_utf8_decode(text + at, length - at, &code);
		if (step == 0) {
			ph_buffer_text(row, "\\ufffd");
			step = 1;
		} else {
			write_code(row, text + at, step);
		}
		at += step;
	}
	ph_buffer_u8(row, '"');
}

static void
write_name(ph_buffer *row, const char *name)
{
	separate(row);
	if (name == NULL)
		return;
	write_text(row, name, strlen(name));
	ph_buffer_u8(row, ':');
}

void
ph_row_begin(ph_buffer *row)
{
	ph_buffer_clear(row);
	ph_buffer_u8(row, '{');
}

void
ph_row_end(ph_buffer *row)
{
	ph_buffer_u8(row, '}');
}

void
ph_row_text_n(ph_buffer *row, const char *name, const char *text, size_t length)
{
	write_name(row, name);
	write_text(row, text, length);
}

void
ph_row_text(ph_buffer *row, const char *name, const char *text)
{
	ph_row_text_n(
	    row, name, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
}

void
ph_row_number(ph_buffer *row, const char *name, int64_t number)
{
	write_name(row, name);
	ph_buffer_printf(row, "%" PRId64, number);
}

void
ph_row_count(ph_buffer *row, const char *name, uint64_t number)
{
	write_name(row, name);
	ph_buffer_printf(row, "%" PRIu64, number);
}

void
ph_row_bool(ph_buffer *row, const char *name, bool yes)
{
	write_name(row, name);
	ph_buffer_text(row, yes ? "true" : "false");
}

void
ph_row_null(ph_buffer *row, const char *name)
{
	write_name(row, name);
	ph_buffer_text(row, "null");
}

void
ph_row_base64(ph_buffer *row, const char *name, const void *bytes, size_t length)
{
	size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
	write_name(row, name);
	ph_buffer_u8(row, '"');
	if (ph_buffer_reserve(row, size)) {
		(void) sodium_bin2base64((char *) row->data + row->length, size, bytes,
		    length, sodium_base64_VARIANT_ORIGINAL);
		row->length += size - 1;
	}
	ph_buffer_u8(row, '"');
}

void
ph_row_list(ph_buffer *row, const char *name)
{
	write_name(row, name);
	ph_buffer_u8(row, '[');
}

void
ph_row_list_end(ph_buffer *row)
{
	ph_buffer_u8(row, ']');
}

void
ph_row_item(ph_buffer *row, const char *text)
{
	separate(row);
	write_text(row, text, strlen(text));
}

void
ph_row_object(ph_buffer *row, const char *name)
{
	write_name(row, name);
	ph_buffer_u8(row, '{');
}

void
ph_row_object_end(ph_buffer *row)
{
	ph_buffer_u8(row, '}');
}
