/*
 * The attributes of an encoded message, without decoding it: most messages are only asked whether
 * they have a subject.
 */
#include "broker/ledger_part.h"

#include <string.h>

#include "lib/wire/message.h"

static void
json_text(ph_buffer *out, ph_view text)
{
	ph_buffer_u8(out, '"');
	for (size_t i = 0; i < text.length; i++) {
		unsigned char byte = (unsigned char) text.data[i];
		if (byte < 0x20)
			ph_buffer_printf(out, "\\u%04x", byte);
		else if (byte == '"' || byte == '\\')
			ph_buffer_printf(out, "\\%c", byte);
		else
			ph_buffer_u8(out, byte);
	}
	ph_buffer_u8(out, '"');
}

static void
add_extension(ph_buffer *out, ph_view name, ph_view value)
{
	ph_buffer_u8(out, out->length == 0 ? '{' : ',');
	json_text(out, name);
	ph_buffer_u8(out, ':');
	json_text(out, value);
}

/* Walk the encoded message (doc/protocol.md section 2); extensions are noted only if wanted. These
 * bytes were checked when they were accepted; still nothing is read past their end. */
bool
ph_ledger_attributes_read(
    ph_view message, ph_ledger_attributes *out, ph_buffer *extensions)
{
	ph_reader reader;
	ph_reader_init(&reader, message.data, message.length);
	(void) ph_reader_bytes(&reader, 6);
	uint16_t count = ph_reader_u16(&reader);
	(void) ph_reader_bytes(&reader, 8);
	memset(out, 0, sizeof *out);
	for (uint16_t i = 0; i < count && !reader.failed; i++) {
		uint8_t tag = ph_reader_u8(&reader);
		ph_view name = {0}, value;
		if (tag == PH_TAG_EXTENSION) {
			name.length = ph_reader_u8(&reader);
			name.data =
			    (const char *) ph_reader_bytes(&reader, name.length);
			(void) ph_reader_u8(&reader);
		}
		value.data = ph_reader_string(&reader, &value.length);
		(void) ph_reader_u8(&reader);
		if (reader.failed)
			break;
		if (tag == PH_TAG_ID)
			out->id = value;
		else if (tag == PH_TAG_SOURCE)
			out->source = value;
		else if (tag == PH_TAG_TYPE)
			out->type = value;
		else if (tag == PH_TAG_SUBJECT)
			out->subject = value;
		else if (tag == PH_TAG_EXTENSION && extensions != NULL)
			add_extension(extensions, name, value);
	}
	return !reader.failed && out->id.length > 0 && out->source.length > 0 &&
	       out->type.length > 0;
}
