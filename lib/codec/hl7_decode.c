/*
 * hl7_decode - one HL7 v2 message: segments into objects, as the description names them.
 *
 * Line ends of any kind are made LF before, so that a place's line is its segment. A
 * field, component or subcomponent without a name is called by its number. A field that
 * is not described and has components is an object whose own text is the first of them,
 * so that a path to it reads what older senders put there. Nothing is absent, "" is
 * null, a repetition with nothing in it is empty.
 *
 * Escapes: \F\ \S\ \T\ \R\ \E\ for the separators, \Xhh..\ for bytes of the charset,
 * \.br\ for a line end. Others are refused.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/codec/hl7_inner.h"
#include "lib/document/place.h"

typedef struct reader {
	const ph_records *records;
	ph_source *source;
	ph_node *root;
	ph_error *err;
	ph_hl7_marks marks;
	ph_place place;
	ph_buffer raw, text;  /* a text without escapes, in its charset and in UTF-8 */
	const char **numbers; /* "1", "2", ... as interned; NULL until needed */
	bool headed;
} reader;

bool
ph_hl7_marks_read(char field, const char *encoding, size_t length, ph_hl7_marks *out)
{
	char all[6] = {field};
	if (length < 4 || length > 5)
		return false;
	memcpy(all + 1, encoding, length);
	for (size_t i = 0; i <= length; i++) {
		char c = all[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			      (c >= '0' && c <= '9');
		if (c <= ' ' || c > '~' || letter || c == '"' ||
		    memchr(all, c, i) != NULL)
			return false;
	}
	*out =
	    (ph_hl7_marks){field, encoding[0], encoding[1], encoding[2], encoding[3]};
	return true;
}

bool
ph_hl7_is_segment(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!(name[i] >= 'A' && name[i] <= 'Z') &&
		    !(i > 0 && name[i] >= '0' && name[i] <= '9'))
			return false;
	return length == 3;
}

bool
ph_hl7_charset(const char *name, size_t length, ph_charset *out)
{
	*out = ph_text_is(name, length, "8859/1") ? PH_CHARSET_ISO_8859_1
						  : PH_CHARSET_UTF_8;
	return length == 0 || *out != PH_CHARSET_UTF_8 ||
	       ph_text_is(name, length, "UNICODE UTF-8") ||
	       ph_text_is(name, length, "UNICODE") || ph_text_is(name, length, "ASCII");
}

static bool
refuse(const reader *r, const char *at, const char *text)
{
	ph_source_fail(r->source, PH_ERR_INVALID, (size_t) (at - r->source->bytes),
	    r->err, "%s", text);
	return false;
}

static bool
no_room(const reader *r)
{
	ph_source_no_room(r->source, r->err);
	return false;
}

static const char *
find(const char *at, const char *end, char mark)
{
	const char *found = at < end ? memchr(at, mark, (size_t) (end - at)) : NULL;
	return found == NULL ? end : found;
}

/* ---- texts ---- */

/* What stands between two escape characters. */
static bool
add_escape(reader *r, const char *at, const char *end)
{
	static const char words[] = "FSTRE";
	const char marks[] = {r->marks.field, r->marks.component, r->marks.part,
	    r->marks.repetition, r->marks.escape};
	size_t length = (size_t) (end - at);
	const char *word = length == 1 ? strchr(words, *at) : NULL;
	if (word != NULL && *word != '\0') {
		ph_buffer_u8(&r->raw, (uint8_t) marks[word - words]);
		return true;
	}
	if (ph_text_is(at, length, ".br")) {
		ph_buffer_u8(&r->raw, '\n');
		return true;
	}
	uint8_t byte = 0;
	bool hex = length >= 3 && length % 2 == 1 && *at == 'X';
	for (const char *digits = at + 1; hex && digits < end; digits += 2) {
		hex = ph_hex_decode(digits, 2, &byte) && byte != 0;
		ph_buffer_u8(&r->raw, byte);
	}
	return hex || refuse(r, at - 1,
			  "PH3124 an escape that is not read: \\F\\ \\S\\ \\T\\ \\R\\ "
			  "\\E\\ \\Xhh\\ and \\.br\\ are");
}

/* [at, end) without its escapes, in UTF-8, into r->text. */
static bool
read_text(reader *r, const char *at, const char *end)
{
	const char *start = at;
	ph_buffer_clear(&r->raw);
	ph_buffer_clear(&r->text);
	while (at < end) {
		const char *mark = find(at, end, r->marks.escape);
		ph_buffer_append(&r->raw, at, (size_t) (mark - at));
		at = mark;
		if (mark == end)
			break;
		const char *close = find(mark + 1, end, r->marks.escape);
		if (close == end)
			return refuse(r, mark, "PH3124 an escape that is never closed");
		if (!add_escape(r, mark + 1, close))
			return false;
		at = close + 1;
	}
	if (r->raw.failed)
		return no_room(r);
	if (!ph_charset_valid(
		r->records->charset, r->raw.data, r->raw.length, &(size_t){0}))
		return refuse(r, start,
		    "PH3124 an escape \\Xhh\\ that is no text in this charset");
	ph_charset_decode(r->records->charset,
	    r->raw.length == 0 ? "" : (const char *) r->raw.data, r->raw.length,
	    &r->text);
	return !r->text.failed || no_room(r);
}

/* ---- the tree ---- */

/* The name of the n-th, from 1: as described, or its number. */
static const char *
name_of(reader *r, const ph_field_rule *rules, size_t count, size_t number)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i].number == number)
			return ph_document_intern(
			    r->source->document, rules[i].name, strlen(rules[i].name));
	if (r->numbers[number] == NULL) {
		char digits[24];
		int length = snprintf(digits, sizeof digits, "%zu", number);
		r->numbers[number] =
		    ph_document_intern(r->source->document, digits, (size_t) length);
	}
	return r->numbers[number];
}

/* A node for what begins at `at`, linked to its parent. NULL after a complaint. */
static ph_node *
add_node(
    reader *r, ph_node *parent, const char *name, ph_node_kind kind, const char *at)
{
	bool text = kind == PH_NODE_STRING;
	ph_node *node = ph_node_new(r->source->document, kind,
	    !text		  ? NULL
	    : r->text.length == 0 ? ""
				  : (const char *) r->text.data,
	    text ? r->text.length : 0);
	if (node == NULL || name == NULL || ph_source_overgrown(r->source)) {
		no_room(r);
		return NULL;
	}
	ph_place_at(
	    &r->place, (size_t) (at - r->source->bytes), &node->line, &node->column);
	return ph_node_link(parent, name, node);
}

static bool
is_null(const char *at, const char *end)
{
	return end - at == 2 && memcmp(at, "\"\"", 2) == 0;
}

static bool
read_scalar(
    reader *r, ph_node *parent, const char *name, const char *at, const char *end)
{
	if (is_null(at, end))
		return add_node(r, parent, name, PH_NODE_NULL, at) != NULL;
	return read_text(r, at, end) &&
	       add_node(r, parent, name, PH_NODE_STRING, at) != NULL;
}

static bool
too_many(const reader *r, const char *at)
{
	ph_source_fail(r->source, PH_ERR_INVALID, (size_t) (at - r->source->bytes),
	    r->err, "PH3106 more than %u fields or components", PH_FIELDS_MAX);
	return false;
}

/* The text of an object that is not described: its first part's. */
static void
take_text(ph_node *node)
{
	const ph_node *first = node->first;
	if (first == NULL || first->text == NULL || strcmp(first->name, "1") != 0)
		return;
	node->text = first->text;
	node->length = first->length;
}

/* Separators of components and subcomponents, and nothing between them? */
static bool
is_hollow(const reader *r, const char *at, const char *end)
{
	while (at < end && (*at == r->marks.component || *at == r->marks.part))
		at++;
	return at == end;
}

static bool
read_component(
    reader *r, ph_node *parent, const char *name, const char *at, const char *end)
{
	if (find(at, end, r->marks.part) == end)
		return read_scalar(r, parent, name, at, end);
	ph_node *node = add_node(r, parent, name, PH_NODE_OBJECT, at);
	if (node == NULL)
		return false;
	for (size_t n = 1; at <= end; n++) {
		const char *next = find(at, end, r->marks.part);
		if (n > PH_FIELDS_MAX)
			return too_many(r, at);
		if (next > at &&
		    !read_scalar(r, node, name_of(r, NULL, 0, n), at, next))
			return false;
		at = next + 1;
	}
	take_text(node);
	return true;
}

/* One repetition of a field. */
static bool
read_repetition(reader *r, ph_node *segment, const ph_field_rule *rule,
    const char *name, const char *at, const char *end)
{
	bool described = rule != NULL && rule->parts != NULL;
	bool several = find(at, end, r->marks.component) < end ||
		       find(at, end, r->marks.part) < end;
	if (is_hollow(r, at, end))
		return read_scalar(r, segment, name, at, at);
	if (is_null(at, end) || (!described && !several))
		return read_scalar(r, segment, name, at, end);
	ph_node *node = add_node(r, segment, name, PH_NODE_OBJECT, at);
	if (node == NULL)
		return false;
	for (size_t n = 1; at <= end; n++) {
		const char *next = find(at, end, r->marks.component);
		if (n > PH_FIELDS_MAX)
			return too_many(r, at);
		bool hollow = is_hollow(r, at, next);
		const char *part = hollow ? NULL
					  : name_of(r, described ? rule->parts : NULL,
						described ? rule->part_count : 0, n);
		if (!hollow && !read_component(r, node, part, at, next))
			return false;
		at = next + 1;
	}
	if (!described)
		take_text(node);
	return true;
}

static bool
read_field(reader *r, ph_node *segment, const ph_record_rule *rule, size_t number,
    const char *at, const char *end)
{
	const ph_field_rule *field = NULL;
	if (is_hollow(r, at, end))
		return true;
	for (size_t i = 0; rule != NULL && i < rule->field_count; i++)
		if (rule->fields[i].number == number)
			field = &rule->fields[i];
	const char *name = name_of(r, field, field == NULL ? 0 : 1, number);
	while (at <= end) {
		const char *next = find(at, end, r->marks.repetition);
		if (!read_repetition(r, segment, field, name, at, next))
			return false;
		at = next + 1;
	}
	return true;
}

/* MSH-1 and MSH-2 are what they are, without escapes. */
static bool
read_marks(reader *r, ph_node *segment, const ph_record_rule *rule, const char *at,
    const char *end)
{
	const char *next = at < end ? find(at + 1, end, *at) : end;
	if (at == end ||
	    !ph_hl7_marks_read(*at, at + 1, (size_t) (next - at - 1), &r->marks))
		return refuse(r, at,
		    "PH3121 the separators after MSH are none: MSH|^~\\&| is usual");
	for (size_t n = 1; n <= 2; n++) {
		const char *from = n == 1 ? at : at + 1;
		ph_buffer_clear(&r->text);
		ph_buffer_append(&r->text, from, n == 1 ? 1 : (size_t) (next - from));
		const char *name = name_of(r, rule == NULL ? NULL : rule->fields,
		    rule == NULL ? 0 : rule->field_count, n);
		if (r->text.failed ||
		    add_node(r, segment, name, PH_NODE_STRING, from) == NULL)
			return r->text.failed ? no_room(r) : false;
	}
	return true;
}

static bool
read_fields(reader *r, ph_node *segment, const ph_record_rule *rule, size_t number,
    const char *at, const char *end)
{
	while (at < end) {
		const char *next = find(++at, end, r->marks.field);
		if (number > PH_FIELDS_MAX)
			return too_many(r, at);
		if (!read_field(r, segment, rule, number++, at, next))
			return false;
		at = next;
	}
	return true;
}

static bool
read_segment(reader *r, const char *at, const char *end)
{
	size_t length = end - at < 3 ? (size_t) (end - at) : 3;
	bool header = ph_text_is(at, length, "MSH");
	if (header == r->headed)
		return refuse(r, at,
		    header ? "PH3123 a second MSH: send one message at a time"
			   : "PH3120 a message begins with MSH");
	if (!ph_hl7_is_segment(at, length) ||
	    (!header && at + 3 < end && at[3] != r->marks.field))
		return refuse(r, at,
		    "PH3122 no name of a segment: was a line end left in a text?");
	r->headed = true;
	const char *name = ph_document_intern(r->source->document, at, length);
	ph_node *segment = add_node(r, r->root, name, PH_NODE_OBJECT, at);
	if (segment == NULL)
		return false;
	const ph_record_rule *rule = ph_records_by_name(r->records, name);
	if (!header)
		return read_fields(r, segment, rule, 1, at + 3, end);
	return read_marks(r, segment, rule, at + 3, end) &&
	       read_fields(r, segment, rule, 3, find(at + 4, end, r->marks.field), end);
}

static bool
read_segments(reader *r, size_t start)
{
	const char *at = r->source->bytes + start;
	const char *last = r->source->bytes + r->source->length;
	while (at < last) {
		const char *next = find(at, last, '\n');
		const char *end = next > at && next[-1] == '\r' ? next - 1 : next;
		if (end > at && !read_segment(r, at, end))
			return false;
		at = next + 1;
	}
	return r->headed || refuse(r, last, "PH3120 a message begins with MSH");
}

ph_status
ph_hl7_decode(const ph_records *records, ph_source *source, size_t start,
    ph_records_part *part, ph_node *root, ph_error *err)
{
	(void) part;
	ph_error local;
	reader r = {.records = records,
	    .source = source,
	    .root = root,
	    .err = err == NULL ? &local : err};
	r.numbers = ph_arena_zalloc(ph_document_arena(source->document),
	    (PH_FIELDS_MAX + 1) * sizeof *r.numbers);
	if (r.numbers == NULL)
		return ph_source_no_room(source, err);
	ph_place_init(&r.place, source->bytes, source->length);
	ph_arena *arena = ph_document_arena(source->document);
	ph_buffer_init_on(&r.raw, 0, arena);
	ph_buffer_init_on(&r.text, 0, arena);
	bool good = read_segments(&r, start);
	ph_buffer_fini(&r.raw);
	ph_buffer_fini(&r.text);
	return good ? PH_OK : r.err->status;
}

/* ---- before it is read ---- */

/* MSH-18 in bytes that were not looked at yet; *length 0 if there is none, or null. */
static const char *
named_charset(const char *bytes, size_t length, size_t *name_length)
{
	const char *end = bytes + length;
	*name_length = 0;
	if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		bytes += 3;
	while (bytes < end && (*bytes == '\r' || *bytes == '\n'))
		bytes++;
	if (end - bytes < 5 || memcmp(bytes, "MSH", 3) != 0)
		return bytes;
	char field = bytes[3], component = bytes[4];
	char repetition = end - bytes > 5 ? bytes[5] : field;
	size_t line = 0;
	while (bytes + line < end && bytes[line] != '\r' && bytes[line] != '\n')
		line++;
	end = bytes + line;
	const char *at = bytes + 4;
	for (int n = 2; n < 18 && at < end; n++) {
		at = find(at, end, field);
		at += at < end ? 1 : 0;
	}
	const char *close = find(at, end, field);
	/* the first component of the first repetition */
	const char *stop = find(at, find(at, close, repetition), component);
	*name_length = is_null(at, stop) ? 0 : (size_t) (stop - at);
	return at;
}

ph_status
ph_hl7_open(ph_records *records, ph_source *source, ph_document *document,
    const void *bytes, size_t length, size_t *start, ph_error *err)
{
	ph_status status = ph_source_open(source, document, bytes, length, err);
	if (status != PH_OK)
		return status;
	size_t name_length = 0;
	const char *name =
	    length == 0 ? "" : named_charset(bytes, length, &name_length);
	if (!records->charset_given &&
	    !ph_hl7_charset(name, name_length, &records->charset))
		return ph_source_fail(source, PH_ERR_INVALID,
		    (size_t) (name - source->bytes), err,
		    "PH3125 MSH-18 names a charset that is not read: UNICODE UTF-8 and "
		    "8859/1 are; or say charset in the description");
	char *copy =
	    ph_arena_dup(ph_document_arena(document), length == 0 ? "" : bytes, length);
	if (copy == NULL)
		return ph_source_no_room(source, err);
	for (size_t i = 0; i < length; i++)
		if (copy[i] == '\r' && copy[i + 1] != '\n')
			copy[i] = '\n';
	const ph_records_part whole = {.first = true, .last = true};
	return ph_records_open(
	    records, source, &whole, document, copy, length, start, err);
}
