/*
 * fixed - lines whose fields stand in fixed columns.
 *
 * Columns count characters, or bytes where the description says so. A line may end early:
 * the rest is blank. What fills a field is taken off at its filled side; a field that is
 * blank is absent. What stands between the fields is passed over. The fields of a rule
 * are in the order of their columns; the type of a record is one without a name.
 */
#include <string.h>

#include "lib/base/text.h"
#include "lib/codec/records_inner.h"
#include "lib/document/place.h"

typedef struct reader {
	const ph_records *records;
	ph_source *source;
	ph_error *err;
	ph_buffer text; /* the field in UTF-8 */
	ph_place place;
	size_t start, end;     /* the line */
	size_t column, offset; /* a column of it that was found, and its byte */
	ph_records_part *part;
	ph_gather gather;
	const ph_node *count; /* the trailer */
} reader;

static bool
refuse(const reader *r, size_t at, const char *text)
{
	ph_source_fail(r->source, PH_ERR_INVALID, at, r->err, "%s", text);
	return false;
}

static bool
no_room(const reader *r)
{
	ph_source_no_room(r->source, r->err);
	return false;
}

static bool
by_bytes(const ph_records *records)
{
	return records->bytes || records->charset != PH_CHARSET_UTF_8;
}

/* The byte at which a column begins; the line's end if it is shorter. */
static size_t
offset_of(reader *r, size_t column)
{
	if (column < r->column || by_bytes(r->records)) {
		r->column = 0;
		r->offset = r->start;
	}
	size_t more = column - r->column;
	size_t left = r->end - r->offset;
	r->column = column;
	r->offset += by_bytes(r->records)
			 ? (more < left ? more : left)
			 : ph_utf8_prefix(r->source->bytes + r->offset, left, more);
	return r->offset;
}

static bool
is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != ' ')
			return false;
	return true;
}

/* Take off what fills it; of a figure that is all zeros one is left. */
static void
strip(const ph_field_rule *field, const char **text, size_t *length)
{
	size_t least = field->pad == ' ' ? 0 : 1;
	while (*length > least && !field->right && (*text)[*length - 1] == field->pad)
		--*length;
	while (*length > least && field->right && **text == field->pad) {
		++*text;
		--*length;
	}
}

static bool
read_field(reader *r, const ph_field_rule *field, ph_node *row)
{
	size_t at = offset_of(r, field->first);
	size_t length = offset_of(r, field->first + field->width) - at;
	const char *text = r->source->bytes + at;
	if (*field->name == '\0' || is_blank(text, length))
		return true;
	if (!ph_charset_valid(r->records->charset, text, length, &(size_t){0}))
		return refuse(r, at,
		    "PH3116 a character is cut by the columns: do they count bytes or "
		    "characters?");
	strip(field, &text, &length);
	ph_buffer_clear(&r->text);
	ph_charset_decode(r->records->charset, text, length, &r->text);
	const char *name =
	    ph_document_intern(r->source->document, field->name, strlen(field->name));
	ph_node *node = r->text.failed
			    ? NULL
			    : ph_node_new(r->source->document, PH_NODE_STRING,
				  (const char *) r->text.data, r->text.length);
	if (node == NULL || name == NULL || ph_source_overgrown(r->source))
		return no_room(r);
	ph_place_at(&r->place, at, &node->line, &node->column);
	ph_node_link(row, name, node);
	return true;
}

static const ph_record_rule *
rule_of(reader *r)
{
	const ph_records *records = r->records;
	if (records->type_width == 0)
		return &records->rules[0];
	size_t at = offset_of(r, records->type_first);
	size_t length = offset_of(r, records->type_first + records->type_width) - at;
	return ph_records_by_type(records, r->source->bytes + at, length);
}

/* Nothing but blanks after the last column. */
static bool
check_width(reader *r, const ph_record_rule *rule)
{
	size_t end = offset_of(r, rule->width);
	const char *tab = memchr(r->source->bytes + r->start, '\t', r->end - r->start);
	if (tab != NULL)
		return refuse(r, (size_t) (tab - r->source->bytes),
		    "PH3115 a tab in a line of fixed columns");
	return is_blank(r->source->bytes + end, r->end - end) ||
	       refuse(r, end,
		   "PH3114 text after the last column: is this the right description?");
}

static bool
read_line(reader *r)
{
	r->column = 0;
	r->offset = r->start;
	const ph_record_rule *rule = rule_of(r);
	if (rule == NULL)
		return refuse(r, r->start,
		    "PH3111 a type of record that the description does not have");
	const char *complaint = r->start < r->part->head
				    ? NULL /* it was in an earlier piece */
				    : ph_sequence_add(&r->part->sequence, rule);
	if (complaint != NULL)
		return refuse(r, r->start, complaint);
	ph_node *row = ph_node_new(r->source->document, PH_NODE_OBJECT, NULL, 0);
	if (row == NULL || ph_source_overgrown(r->source))
		return no_room(r);
	ph_place_at(&r->place, r->start, &row->line, &row->column);
	if (rule == r->records->last && r->records->count != NULL)
		r->count = row;
	for (size_t i = 0; i < rule->field_count; i++)
		if (!read_field(r, &rule->fields[i], row))
			return false;
	return check_width(r, rule) &&
	       ph_gather_add(&r->gather, rule, row, r->start, r->err) == PH_OK;
}

static bool
read_lines(reader *r)
{
	const ph_source *source = r->source;
	while (r->start < source->length) {
		const char *from = source->bytes + r->start;
		const char *end = memchr(from, '\n', source->length - r->start);
		size_t next =
		    end == NULL ? source->length : (size_t) (end - source->bytes) + 1;
		r->end = end == NULL ? next : next - 1;
		if (end != NULL && r->end > r->start && end[-1] == '\r')
			r->end--;
		const char *lone = memchr(from, '\r', r->end - r->start);
		if (lone != NULL)
			return refuse(r, (size_t) (lone - source->bytes),
			    "PH3105 a carriage return without a line feed: lines end "
			    "with LF or CRLF");
		if (r->end > r->start && !read_line(r))
			return false;
		r->start = next;
	}
	const char *complaint =
	    r->part->last ? ph_sequence_end(&r->part->sequence) : NULL;
	return complaint == NULL || refuse(r, source->length, complaint);
}

ph_status
ph_fixed_decode(const ph_records *records, ph_source *source, size_t start,
    ph_records_part *part, ph_node *root, ph_error *err)
{
	ph_error local;
	reader r = {.records = records,
	    .source = source,
	    .err = err == NULL ? &local : err,
	    .start = start,
	    .part = part,
	    .gather = {.records = records, .source = source, .root = root}};
	ph_place_init(&r.place, source->bytes, source->length);
	ph_buffer_init_on(&r.text, 0, ph_document_arena(source->document));
	bool good = read_lines(&r);
	ph_buffer_fini(&r.text);
	if (good && r.count != NULL)
		return ph_sequence_check(&part->sequence, source, r.count, r.err);
	return good ? PH_OK : r.err->status;
}

const char *
ph_fixed_text(const ph_records *records, const char *line, size_t length,
    const ph_field_rule *field, size_t *size)
{
	ph_source source = {.bytes = line, .length = length};
	reader r = {.records = records, .source = &source, .end = length};
	size_t at = offset_of(&r, field->first);
	const char *text = line + at;
	*size = offset_of(&r, field->first + field->width) - at;
	if (is_blank(text, *size))
		*size = 0;
	strip(field, &text, size);
	return text;
}

const ph_record_rule *
ph_fixed_rule(const ph_records *records, const char *line, size_t length)
{
	ph_source source = {.bytes = line, .length = length};
	reader r = {.records = records, .source = &source, .end = length};
	return rule_of(&r);
}

/* ---- writing ---- */

typedef struct writer {
	const ph_records *records;
	ph_buffer *out;
	ph_error *err;
	ph_buffer text; /* one field in the charset */
	size_t column;	/* of the line, that comes next */
	ph_sequence sequence;
} writer;

static void
fill(writer *w, char with, size_t count)
{
	w->column += count;
	while (count-- > 0)
		ph_buffer_u8(w->out, (uint8_t) with);
}

/* The field's text is in w->text. False: it is too long. */
static bool
put_field(writer *w, const ph_field_rule *field)
{
	const char *text = ph_buffer_cstr(&w->text);
	size_t length = by_bytes(w->records)
			    ? w->text.length
			    : ph_utf8_length(text == NULL ? "" : text, w->text.length);
	if (length > field->width)
		return false;
	/* what is absent is blank, whatever fills the field otherwise */
	char pad = length == 0 ? ' ' : field->pad;
	fill(w, ' ', field->first - w->column);
	if (field->right)
		fill(w, pad, field->width - length);
	ph_buffer_append(w->out, w->text.data, w->text.length);
	w->column += length;
	if (!field->right)
		fill(w, pad, field->width - length);
	return true;
}

static ph_status
write_value(writer *w, const ph_field_rule *field, const ph_node *node)
{
	if (!ph_node_is_scalar(node))
		return ph_records_refuse(
		    node, w->err, "PH3152 a text is wanted, not an object or a list");
	ph_status status =
	    node->kind == PH_NODE_NULL
		? PH_OK
		: ph_records_write_text(w->records, node, &w->text, w->err);
	if (status != PH_OK)
		return status;
	for (size_t i = 0; i < w->text.length; i++)
		if (w->text.data[i] < 0x20 || w->text.data[i] == 0x7F)
			return ph_records_refuse(node, w->err,
			    "PH3153 a line end or control character in a text");
	return put_field(w, field)
		   ? PH_OK
		   : ph_records_refuse(node, w->err,
			 "PH3154 a text too long for its columns: fit it in the map");
}

static ph_status
write_field(writer *w, const ph_record_rule *rule, const ph_field_rule *field,
    const ph_node *row, const ph_node *group)
{
	const ph_node *node = ph_records_field(row, group, field->name);
	ph_buffer_clear(&w->text);
	if (*field->name == '\0')
		ph_buffer_text(&w->text, rule->type);
	else if (field == w->records->count)
		ph_buffer_printf(&w->text, "%zu", w->sequence.counted);
	else if (node != NULL)
		return write_value(w, field, node);
	if (put_field(w, field))
		return PH_OK;
	return ph_fail(w->err, PH_ERR_INVALID,
	    "PH3154 the count of the records is too long for its columns");
}

static ph_status
write_line(
    writer *w, const ph_record_rule *rule, const ph_node *row, const ph_node *group)
{
	const char *columns[PH_FIELDS_MAX + 1];
	ph_status status = PH_OK;
	for (size_t i = 0; i < rule->field_count; i++)
		columns[i] = rule->fields[i].name;
	if (row != NULL)
		status = ph_records_check_members(
		    w->records, columns, rule->field_count, row, w->err);
	w->column = 0;
	for (size_t i = 0; i < rule->field_count && status == PH_OK; i++)
		status = write_field(w, rule, &rule->fields[i], row, group);
	ph_buffer_text(w->out, w->records->line_end);
	return status;
}

static ph_status
write_row(void *self, const char *name, const ph_node *row, const ph_node *group,
    ph_error *err)
{
	writer *w = self;
	const ph_record_rule *rule = NULL;
	ph_status status = ph_sequence_write(&w->sequence, name, row, &rule, err);
	return status == PH_OK ? write_line(w, rule, row, group) : status;
}

static ph_status
write_lines(writer *w, const ph_node *root)
{
	ph_status status = PH_OK;
	for (const ph_node *n = root->first; n != NULL && status == PH_OK; n = n->next)
		status = ph_gather_rows(w->records, n, write_row, w, w->err);
	if (status == PH_OK && ph_sequence_closes(&w->sequence))
		status = write_line(w, w->records->last, NULL, NULL);
	const char *complaint = ph_sequence_end(&w->sequence);
	return status == PH_OK && complaint != NULL
		   ? ph_records_refuse(root, w->err, complaint)
		   : status;
}

ph_status
ph_fixed_encode(const ph_records *records, const ph_node *root, ph_arena *arena,
    ph_buffer *out, ph_error *err)
{
	writer w = {.records = records,
	    .out = out,
	    .err = err,
	    .sequence = {.records = records}};
	ph_buffer_init_on(&w.text, 0, arena);
	ph_status status = write_lines(&w, root);
	ph_buffer_fini(&w.text);
	return status;
}
