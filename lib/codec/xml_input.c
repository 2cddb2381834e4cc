/*
 * xml_input - encodings are turned to UTF-8 here, and markup is looked over once.
 *
 * The parser's own decoders are not used: it is told that all input is UTF-8, and it
 * is. The three encodings taken agree with ASCII, so the declaration can be read before
 * the bytes are turned. windows-1252 follows the WHATWG encoding standard, except that
 * the five bytes it leaves undefined are refused.
 *
 * The look-over walks from '<' to '<'. It refuses "<!" that is neither comment nor
 * CDATA, and counts attributes, because the parser compares each with all before it,
 * which is slow work for a stranger to order. Where markup is broken it stops and
 * leaves the words to the parser, which stops at that place too.
 */
#include "lib/codec/xml_input.h"

#include <string.h>
#include <strings.h>

#include "lib/base/text.h"
#include "lib/codec/charset.h"

#define DECLARATION_MAX 256u /* bytes in which <?xml ... ?> must end */

typedef enum encoding { UTF_8, WINDOWS_1252, UNKNOWN } encoding;

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* The value of encoding="..." in the XML declaration; NULL if there is none. */
static const char *
declared_encoding(const char *bytes, size_t length, size_t *name_length)
{
	if (length < 6 || memcmp(bytes, "<?xml", 5) != 0 || !is_space(bytes[5]))
		return NULL;
	const char *end = bytes + (length < DECLARATION_MAX ? length : DECLARATION_MAX);
	for (const char *at = bytes + 5; end - at > 10 && at[0] != '?' && at[0] != '>';
	     at++) {
		if (!is_space(at[0]) || memcmp(at + 1, "encoding", 8) != 0)
			continue;
		at = skip_space(at + 9, end);
		if (at == end || *at != '=')
			return NULL;
		at = skip_space(at + 1, end);
		if (at == end || (*at != '"' && *at != '\''))
			return NULL;
		const char *close = memchr(at + 1, *at, (size_t) (end - at - 1));
		*name_length = close == NULL ? 0 : (size_t) (close - at - 1);
		return close == NULL ? NULL : at + 1;
	}
	return NULL;
}

static encoding
encoding_named(const char *name, size_t length)
{
	static const struct {
		const char *name;
		encoding encoding;
	} known[] = {{"utf-8", UTF_8}, {"utf8", UTF_8}, {"windows-1252", WINDOWS_1252},
	    {"cp1252", WINDOWS_1252}, {"iso-8859-1", WINDOWS_1252},
	    {"iso8859-1", WINDOWS_1252}, {"latin1", WINDOWS_1252}};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i].name) == length &&
		    strncasecmp(known[i].name, name, length) == 0)
			return known[i].encoding;
	return UNKNOWN;
}

static ph_status
find_encoding(const ph_source *source, bool marked, encoding *out, ph_error *err)
{
	size_t length = 0;
	const char *name = declared_encoding(source->bytes, source->length, &length);
	*out = name == NULL ? UTF_8 : encoding_named(name, length);
	if (*out == UNKNOWN)
		return ph_source_fail(source, PH_ERR_INVALID,
		    (size_t) (name - source->bytes), err,
		    "PH3020 an encoding that is not read: send UTF-8 (windows-1252 and "
		    "ISO-8859-1 are read too)");
	if (*out != UTF_8 && marked)
		return ph_source_fail(source, PH_ERR_INVALID,
		    (size_t) (name - source->bytes), err,
		    "PH3020 the byte order mark says UTF-8 and the declaration does "
		    "not");
	return PH_OK;
}

static ph_status
copy_utf8(ph_source *source, ph_error *err)
{
	ph_status status = ph_source_utf8(source, err);
	if (status != PH_OK)
		return status;
	const char *copy = ph_arena_dup(
	    ph_document_arena(source->document), source->bytes, source->length);
	if (copy == NULL)
		return ph_source_no_room(source, err);
	source->bytes = copy;
	return PH_OK;
}

static ph_status
copy_windows_1252(ph_source *source, ph_error *err)
{
	size_t high = 0;
	for (size_t i = 0; i < source->length; i++)
		high += (unsigned char) source->bytes[i] >> 7;
	char *copy = ph_arena_alloc(
	    ph_document_arena(source->document), source->length + 2 * high + 1);
	if (copy == NULL)
		return ph_source_no_room(source, err);
	char *write = copy;
	for (size_t i = 0; i < source->length; i++) {
		unsigned char c = (unsigned char) source->bytes[i];
		uint32_t code = ph_charset_code(c);
		if (code == 0)
			return ph_source_fail(source, PH_ERR_INVALID, i, err,
			    "PH3020 a byte that windows-1252 does not have: is this "
			    "UTF-8?");
		write += ph_utf8_encode(code, write);
	}
	*write = '\0';
	source->bytes = copy;
	source->length = (size_t) (write - copy);
	return PH_OK;
}

/* What skip_tag must look at. */
static const uint8_t tag_byte[256] = {
    ['\0'] = 1, ['<'] = 1, ['>'] = 1, ['='] = 1, ['"'] = 1, ['\''] = 1};

/* One past the tag whose '<' is at `at`; NULL where it is broken. Its attributes are
 * counted. */
static const char *
skip_tag(const char *at, size_t *attributes)
{
	*attributes = 0;
	for (at++;; at++) {
		while (tag_byte[(uint8_t) *at] == 0)
			at++;
		if (*at == '>')
			return at + 1;
		if (*at == '=') {
			++*attributes;
		} else if (*at == '"' || *at == '\'') {
			at = strchr(at + 1, *at);
			if (at == NULL)
				return NULL;
		} else {
			return NULL;
		}
	}
}

/* One past the next `mark`, which ends in '>'; NULL if there is none. */
static const char *
skip_past(const char *at, const char *end, const char *mark)
{
	size_t before = strlen(mark) - 1;
	const char *found = at;
	while ((found = memchr(found, '>', (size_t) (end - found))) != NULL) {
		if ((size_t) (found - at) >= before &&
		    memcmp(found - before, mark, before) == 0)
			return found + 1;
		found++;
	}
	return NULL;
}

static ph_status
look_over(const ph_source *source, ph_error *err)
{
	const char *at = source->bytes;
	const char *end = at + source->length;
	while (at != NULL && (at = strchr(at, '<')) != NULL) {
		size_t attributes = 0;
		bool bang = at[1] == '!';
		if (bang && strncmp(at, "<!--", 4) == 0)
			at = skip_past(at + 4, end, "-->");
		else if (bang && strncmp(at, "<![CDATA[", 9) == 0)
			at = skip_past(at + 9, end, "]]>");
		else if (at[1] == '?')
			at = skip_past(at + 2, end, "?>");
		else if (bang)
			return ph_source_fail(source, PH_ERR_INVALID,
			    (size_t) (at - source->bytes), err,
			    "PH3021 a document type declaration: send the document "
			    "without <!DOCTYPE and without entities of its own");
		else {
			const char *tag = at;
			at = skip_tag(at, &attributes);
			if (attributes > PH_XML_ATTRIBUTES_MAX)
				return ph_source_fail(source, PH_ERR_TOO_LARGE,
				    (size_t) (tag - source->bytes), err,
				    "PH3022 an element with more than %u attributes",
				    PH_XML_ATTRIBUTES_MAX);
		}
	}
	return PH_OK;
}

ph_status
ph_xml_input(ph_source *source, ph_error *err)
{
	encoding read_as = UTF_8;
	bool marked =
	    source->length >= 3 && memcmp(source->bytes, "\xEF\xBB\xBF", 3) == 0;
	if (marked) {
		source->bytes += 3;
		source->length -= 3;
	}
	ph_status status = find_encoding(source, marked, &read_as, err);
	if (status == PH_OK)
		status = read_as == UTF_8 ? copy_utf8(source, err)
					  : copy_windows_1252(source, err);
	return status == PH_OK ? look_over(source, err) : status;
}
