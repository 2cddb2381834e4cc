/*
 * repair - text that was made UTF-8 twice, read as made once.
 *
 * Somewhere on its way the UTF-8 of a text was taken for windows-1252 and made UTF-8
 * again: "\xC3\xA9" became "\xC3\x83\xC2\xA9". Undone character by character: each is
 * the byte it has in windows-1252 (the five that have none are themselves), and if all
 * of those are UTF-8 again, and not only ASCII, that is the text. One character that
 * has no byte, or one byte too many, and the text is left as it is.
 */
#include <string.h>

#include "lib/base/text.h"
#include "lib/codec/charset.h"
#include "lib/codec/codec.h"

static int
byte_of(uint32_t code)
{
	if (code <= 0xFF)
		return (int) code;
	for (int byte = 0x80; byte < 0xA0; byte++)
		if (ph_charset_code((unsigned char) byte) == code)
			return byte;
	return -1;
}

/* Is there anything but ASCII? Most texts end here. */
static bool
is_wide(const char *text, size_t length)
{
	unsigned char all = 0;
	for (size_t i = 0; i < length; i++)
		all |= (unsigned char) text[i];
	return all >= 0x80;
}

/* The bytes before the second time, in `out`; false if it was made once. */
static bool
undo(const char *text, size_t length, ph_buffer *out)
{
	ph_buffer_clear(out);
	for (size_t at = 0; at < length;) {
		uint32_t code = 0;
		size_t size = ph_utf8_decode(text + at, length - at, &code);
		int byte = size == 0 ? -1 : byte_of(code);
		if (byte <= 0)
			return false;
		ph_buffer_u8(out, (uint8_t) byte);
		at += size;
	}
	return !out->failed && ph_utf8_valid(out->data, out->length, NULL);
}

static bool
repair(ph_document *document, ph_node *node, ph_buffer *scratch)
{
	if (node->text != NULL && node->kind != PH_NODE_NUMBER &&
	    is_wide(node->text, node->length) &&
	    undo(node->text, node->length, scratch)) {
		node->text = ph_arena_dup(
		    ph_document_arena(document), scratch->data, scratch->length);
		node->length = scratch->length;
		if (node->text == NULL)
			return false;
	}
	for (ph_node *n = node->first; n != NULL; n = n->next)
		if (!repair(document, n, scratch))
			return false;
	return !scratch->failed;
}

ph_status
ph_text_repair(ph_document *document, ph_error *err)
{
	ph_buffer scratch;
	ph_buffer_init_on(&scratch, 0, ph_document_arena(document));
	ph_node *root = ph_document_root(document);
	bool good = root == NULL || repair(document, root, &scratch);
	ph_buffer_fini(&scratch);
	return good ? PH_OK
		    : ph_fail_at(err, PH_ERR_TOO_LARGE, ph_document_name(document),
			  "PH3005 the document outgrows its limit in memory: split it");
}
