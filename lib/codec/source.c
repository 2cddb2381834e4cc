/*
 * source - the checks that come before any format's own.
 */
#include "lib/codec/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/document/place.h"

ph_status
ph_source_fail(const ph_source *source, ph_status status, size_t offset, ph_error *err,
    const char *format, ...)
{
	ph_place place;
	uint32_t line = 0;
	uint32_t column = 0;
	ph_place_init(&place, source->bytes, source->length);
	ph_place_at(&place, offset, &line, &column);

	char where[PH_ERROR_WHERE];
	char text[PH_ERROR_TEXT];
	snprintf(where, sizeof where, "%s:%" PRIu32 ":%" PRIu32,
	    ph_document_name(source->document), line, column);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return ph_fail_at(err, status, where, "%s", text);
}

/* A byte order mark of UTF-16 or UTF-32, or a zero among the first bytes of ASCII text.
 * */
static bool
looks_wide(const unsigned char *bytes, size_t length)
{
	if (length < 2)
		return false;
	if ((bytes[0] == 0xFE && bytes[1] == 0xFF) ||
	    (bytes[0] == 0xFF && bytes[1] == 0xFE))
		return true;
	return bytes[0] == 0 || bytes[1] == 0;
}

ph_status
ph_source_open(ph_source *source, ph_document *document, const void *bytes,
    size_t length, ph_error *err)
{
	ph_status status = ph_source_open_rest(source, document, bytes, length, err);
	if (status != PH_ERR_TOO_LARGE && looks_wide(bytes, length))
		return ph_source_fail(source, PH_ERR_INVALID, 0, err,
		    "PH3002 this looks like UTF-16 or UTF-32: send UTF-8");
	return status;
}

ph_status
ph_source_open_rest(ph_source *source, ph_document *document, const void *bytes,
    size_t length, ph_error *err)
{
	size_t most = ph_document_input(document);
	*source = (ph_source){.document = document, .bytes = bytes, .length = length};
	size_t used = ph_arena_used(ph_document_arena(document));
	source->budget = used + length * PH_MEMORY_FACTOR + PH_MEMORY_FLOOR;
	if (length > most) {
		source->length = 0;
		return ph_source_fail(source, PH_ERR_TOO_LARGE, 0, err,
		    "PH3001 %zu bytes; at most %zu are read: send large attachments "
		    "apart",
		    length, most);
	}
	const char *zero = length == 0 ? NULL : memchr(bytes, 0, length);
	if (zero != NULL)
		return ph_source_fail(source, PH_ERR_INVALID,
		    (size_t) (zero - source->bytes), err,
		    "PH3003 a zero byte: this is not text, or it was cut and padded");
	return PH_OK;
}

ph_status
ph_source_utf8(const ph_source *source, ph_error *err)
{
	size_t bad = 0;
	if (ph_utf8_valid(source->bytes, source->length, &bad))
		return PH_OK;
	return ph_source_fail(source, PH_ERR_INVALID, bad, err,
	    "PH3004 not valid UTF-8: is this another encoding, or was the text cut?");
}

bool
ph_source_overgrown(const ph_source *source)
{
	ph_arena *arena = ph_document_arena(source->document);
	return ph_arena_used(arena) > source->budget || ph_arena_failed(arena);
}

ph_status
ph_source_no_room(const ph_source *source, ph_error *err)
{
	return ph_fail_at(err, PH_ERR_TOO_LARGE, ph_document_name(source->document),
	    "PH3005 the document grows to more than its limit in memory (%u times its "
	    "size, or what was allowed for it): split it",
	    PH_MEMORY_FACTOR);
}
