/*
 * records_text - what all formats ask of the text they read, and of the rows and texts they write.
 */
#include <string.h>

#include "lib/base/text.h"
#include "lib/codec/records_inner.h"

/* A byte order mark in what is said to be another charset is UTF-8 all the same. */
static ph_status
check_mark(
    const ph_records *records, const ph_source *source, size_t *start, ph_error *err)
{
	bool marked =
	    source->length >= 3 && memcmp(source->bytes, "\xEF\xBB\xBF", 3) == 0;
	*start = marked ? 3 : 0;
	if (!marked || records->charset == PH_CHARSET_UTF_8)
		return PH_OK;
	return ph_source_fail(source, PH_ERR_INVALID, 0, err,
	    "PH3100 this begins as UTF-8 does, and is said to be %s",
	    ph_charset_name(records->charset));
}

ph_status
ph_records_open(const ph_records *records, ph_source *source,
    const ph_records_part *part, ph_document *document, const void *bytes,
    size_t length, size_t *start, ph_error *err)
{
	size_t bad = 0;
	/* what a file cannot begin with can stand in its middle */
	bool begins = part->first || part->head > 0;
	ph_status status =
	    begins ? ph_source_open(source, document, bytes, length, err)
		   : ph_source_open_rest(source, document, bytes, length, err);
	*start = 0;
	if (status == PH_OK && begins)
		status = check_mark(records, source, start, err);
	if (status == PH_OK && records->charset == PH_CHARSET_UTF_8)
		status = ph_source_utf8(source, err);
	if (status != PH_OK)
		return status;
	if (!ph_charset_valid(records->charset, bytes, length, &bad))
		return ph_source_fail(source, PH_ERR_INVALID, bad, err,
		    "PH3100 a byte that %s does not have",
		    ph_charset_name(records->charset));
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char) source->bytes[i];
		if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F)
			return ph_source_fail(source, PH_ERR_INVALID, i, err,
			    "PH3101 a control character: this is not text, or a "
			    "transport's frame was left around it");
	}
	return PH_OK;
}

ph_status
ph_records_refuse(const ph_node *node, ph_error *err, const char *text)
{
	char path[160];
	return ph_fail(err, PH_ERR_INVALID, "%s (at %s)", text,
	    ph_node_path(node, path, sizeof path));
}

ph_status
ph_records_check_members(const ph_records *records, const char *const *columns,
    size_t count, const ph_node *row, ph_error *err)
{
	size_t found = 0;
	for (const ph_node *n = row->first; n != NULL && records->gathers; n = n->next)
		found += ph_records_is_part(records, n) ? 1 : 0;
	for (size_t i = 0; i < count; i++)
		found += ph_node_get(row, columns[i]) != NULL ? 1 : 0;
	if (found == row->count)
		return PH_OK;
	for (const ph_node *n = row->first; n != NULL; n = n->next) {
		size_t i = 0;
		while (i < count && strcmp(columns[i], n->name) != 0)
			i++;
		if (i == count && !ph_records_is_part(records, n))
			return ph_records_refuse(n, err,
			    "PH3151 a field that the description does not have");
	}
	return ph_records_refuse(row, err, "PH3152 a field is there twice");
}

ph_status
ph_records_write_text(
    const ph_records *records, const ph_node *node, ph_buffer *out, ph_error *err)
{
	size_t bad = 0;
	if (!ph_utf8_valid(node->text, node->length, &bad))
		return ph_records_refuse(
		    node, err, "PH3060 a text that is not valid UTF-8");
	if (!ph_charset_encode(
		records->charset, node->text, node->length, records->instead, out))
		return ph_records_refuse(node, err,
		    "PH3150 a character that the charset does not have: replace it in "
		    "the map, or say what stands for it (replace)");
	return PH_OK;
}
