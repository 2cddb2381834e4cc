/*
 * csv_records - CSV with a header, and CSV whose first field says what the record is.
 *
 * A field with nothing in it is absent, "" is empty: so what is written is read back.
 * With a header, columns go by their names: the description's fields must be there,
 * others are taken along. Without one, and in typed records, fields go by their place,
 * and each record has all of them.
 */
#include <string.h>

#include "lib/base/delimited.h"
#include "lib/base/text.h"
#include "lib/codec/records_inner.h"
#include "lib/document/place.h"

typedef struct reader {
	const ph_records *records;
	ph_source *source;
	ph_error *err;
	ph_delimited in;
	ph_buffer text; /* the field in UTF-8 */
	ph_place place;
	const char **columns; /* names of the record's fields, interned */
	size_t column_count;
	bool headed; /* the header has been read */
	ph_records_part *part;
	ph_gather gather;
	const ph_node *count; /* what the trailer says */
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

/* One field, in UTF-8, into r->text. */
static bool
read_field(reader *r)
{
	static const char *const words[] = {
	    [PH_DELIMITED_OPEN] = "PH3102 a quote that is never closed: is a quote in "
				  "text written twice?",
	    [PH_DELIMITED_AFTER] = "PH3103 text after the closing quote: is a quote in "
				   "text written twice?",
	    [PH_DELIMITED_QUOTE] = "PH3104 a quote inside a field that is not quoted",
	    [PH_DELIMITED_RETURN] =
		"PH3105 a carriage return without a line feed: lines end with LF or "
		"CRLF"};
	ph_delimited_fault fault = ph_delimited_read(&r->in);
	if (fault != PH_DELIMITED_GOOD)
		return refuse(r, r->in.at, words[fault]);
	ph_buffer_clear(&r->text);
	ph_charset_decode(r->records->charset, ph_delimited_text(&r->in),
	    r->in.field.length, &r->text);
	return ph_buffer_cstr(&r->text) != NULL && !r->in.field.failed ? true
								       : no_room(r);
}

static bool
add_column(reader *r, size_t at)
{
	if (r->column_count == PH_FIELDS_MAX) {
		ph_source_fail(r->source, PH_ERR_INVALID, at, r->err,
		    "PH3106 more than %u columns", PH_FIELDS_MAX);
		return false;
	}
	if (r->text.length == 0)
		return refuse(r, at, "PH3107 a column without a name in the first row");
	const char *name = ph_document_intern(
	    r->source->document, (const char *) r->text.data, r->text.length);
	if (name == NULL || ph_source_overgrown(r->source))
		return no_room(r);
	for (size_t i = 0; i < r->column_count; i++)
		if (r->columns[i] == name)
			return refuse(r, at, "PH3107 two columns have the same name");
	r->columns[r->column_count++] = name;
	return true;
}

static bool
has_column(const reader *r, const char *name)
{
	for (size_t i = 0; i < r->column_count; i++)
		if (strcmp(r->columns[i], name) == 0)
			return true;
	return false;
}

static bool
read_header(reader *r)
{
	const ph_record_rule *rule = &r->records->rules[0];
	size_t start = r->in.at;
	do {
		size_t at = r->in.at;
		if (!read_field(r) || !add_column(r, at))
			return false;
	} while (ph_delimited_more(&r->in));
	for (size_t i = 0; i < rule->field_count; i++)
		if (!has_column(r, rule->fields[i].name)) {
			ph_source_fail(r->source, PH_ERR_INVALID, start, r->err,
			    "PH3108 the first row has no column %s: is this the right "
			    "file, and \"%c\" its separator?",
			    rule->fields[i].name, r->records->separator);
			return false;
		}
	r->headed = true;
	return true;
}

/* The columns are a rule's fields. */
static bool
take_columns(reader *r, const ph_record_rule *rule)
{
	r->column_count = rule->field_count;
	for (size_t i = 0; i < rule->field_count; i++) {
		const char *name = rule->fields[i].name;
		r->columns[i] =
		    ph_document_intern(r->source->document, name, strlen(name));
		if (r->columns[i] == NULL)
			return no_room(r);
	}
	return true;
}

static bool
wrong_count(const reader *r, size_t at, size_t got)
{
	if (got > r->column_count)
		ph_source_fail(r->source, PH_ERR_INVALID, at, r->err,
		    "PH3109 more than %zu fields: is a text with \"%c\" in it quoted?",
		    r->column_count, r->records->separator);
	else
		ph_source_fail(r->source, PH_ERR_INVALID, at, r->err,
		    "PH3109 %zu fields where %zu are expected: was the line cut?", got,
		    r->column_count);
	return false;
}

/* The field at hand becomes a member, if there is something in it. */
static bool
add_value(reader *r, ph_node *row, size_t i, size_t at)
{
	if (r->text.length == 0 && !r->in.quoted)
		return true;
	ph_node *node = ph_node_new(r->source->document, PH_NODE_STRING,
	    (const char *) r->text.data, r->text.length);
	if (node == NULL || ph_source_overgrown(r->source))
		return no_room(r);
	ph_place_at(&r->place, at, &node->line, &node->column);
	ph_node_link(row, r->columns[i], node);
	return true;
}

/* Fields from the cursor to the line's end. */
static bool
read_values(reader *r, ph_node *row, size_t start)
{
	size_t count = 0;
	do {
		size_t at = r->in.at;
		if (count == r->column_count)
			return wrong_count(r, at, count + 1);
		if (!read_field(r) || !add_value(r, row, count++, at))
			return false;
	} while (ph_delimited_more(&r->in));
	return count == r->column_count || wrong_count(r, start, count);
}

static ph_node *
new_row(reader *r, const ph_record_rule *rule, size_t start)
{
	const char *complaint = start < r->part->head
				    ? NULL /* it was in an earlier piece */
				    : ph_sequence_add(&r->part->sequence, rule);
	if (complaint != NULL) {
		refuse(r, start, complaint);
		return NULL;
	}
	ph_node *row = ph_node_new(r->source->document, PH_NODE_OBJECT, NULL, 0);
	if (row == NULL || ph_source_overgrown(r->source)) {
		no_room(r);
		return NULL;
	}
	ph_place_at(&r->place, start, &row->line, &row->column);
	return row;
}

/* The fields of a row, and the row to its place. */
static bool
fill_row(reader *r, const ph_record_rule *rule, ph_node *row, size_t start)
{
	return read_values(r, row, start) &&
	       ph_gather_add(&r->gather, rule, row, start, r->err) == PH_OK;
}

static bool
read_row(reader *r)
{
	const ph_record_rule *rule = &r->records->rules[0];
	size_t start = r->in.at;
	if (!r->records->header && r->column_count == 0 && !take_columns(r, rule))
		return false;
	ph_node *row = new_row(r, rule, start);
	return row != NULL && fill_row(r, rule, row, start);
}

static bool
read_typed(reader *r)
{
	size_t start = r->in.at;
	if (!read_field(r))
		return false;
	const ph_record_rule *rule =
	    ph_records_by_type(r->records, (const char *) r->text.data, r->text.length);
	if (r->text.length == 0 || rule == NULL)
		return refuse(r, start,
		    "PH3111 a type of record that the description does not have");
	ph_node *row = new_row(r, rule, start);
	if (row == NULL || !take_columns(r, rule))
		return false;
	if (!ph_delimited_more(&r->in))
		return wrong_count(r, start, 0);
	if (!fill_row(r, rule, row, start))
		return false;
	if (rule == r->records->last && r->records->count != NULL)
		r->count = row;
	return true;
}

static bool
finish_reading(const reader *r)
{
	const char *complaint =
	    r->part->last ? ph_sequence_end(&r->part->sequence) : NULL;
	/* a table may have a header and no rows */
	if (complaint != NULL && !r->headed)
		return refuse(r, r->source->length, complaint);
	return r->count == NULL || ph_sequence_check(&r->part->sequence, r->source,
				       r->count, r->err) == PH_OK;
}

static bool
read_lines(reader *r)
{
	bool typed = r->records->format == PH_RECORDS_TYPED;
	while (r->in.at < r->in.length) {
		if (!ph_delimited_skip_blank(&r->in)) {
			bool good = typed			       ? read_typed(r)
				    : r->records->header && !r->headed ? read_header(r)
								       : read_row(r);
			if (!good)
				return false;
		}
		ph_delimited_skip_end(&r->in);
	}
	return finish_reading(r);
}

ph_status
ph_csv_records_decode(const ph_records *records, ph_source *source, size_t start,
    ph_records_part *part, ph_node *root, ph_error *err)
{
	ph_error local;
	reader r = {.records = records,
	    .source = source,
	    .err = err == NULL ? &local : err,
	    .part = part,
	    .gather = {.records = records, .source = source, .root = root}};
	r.columns = ph_arena_alloc(
	    ph_document_arena(source->document), PH_FIELDS_MAX * sizeof *r.columns);
	if (r.columns == NULL)
		return ph_source_no_room(source, err);
	ph_place_init(&r.place, source->bytes, source->length);
	ph_delimited_init(&r.in, source->bytes, source->length, records->separator);
	r.in.at = start;
	ph_buffer_init_on(&r.in.field, 0, ph_document_arena(source->document));
	ph_buffer_init_on(&r.text, 0, ph_document_arena(source->document));
	bool good = read_lines(&r);
	ph_buffer_fini(&r.text);
	ph_delimited_fini(&r.in);
	return good ? PH_OK : r.err->status;
}

/* ---- writing ---- */

typedef struct writer {
	const ph_records *records;
	ph_buffer *out;
	ph_error *err;
	ph_buffer text; /* one field in the charset */
	ph_sequence sequence;
	const char **columns;
	size_t column_count;
} writer;

/* Digits, signs, points and colons alone: a number, or a date and time. */
static bool
is_plain(const ph_buffer *text)
{
	for (size_t i = 0; i < text->length; i++)
		if (strchr("0123456789+-.:", text->data[i]) == NULL)
			return false;
	return true;
}

static bool
needs_quotes(const writer *w)
{
	const ph_buffer *text = &w->text;
	if (w->records->quoting == PH_QUOTE_ALL || text->length == 0)
		return true;
	if (w->records->quoting == PH_QUOTE_TEXTS && !is_plain(text))
		return true;
	if (text->data[0] == ' ' || text->data[text->length - 1] == ' ')
		return true;
	for (size_t i = 0; i < text->length; i++)
		if (text->data[i] == (uint8_t) w->records->separator ||
		    strchr("\"\r\n\t", text->data[i]) != NULL)
			return true;
	return false;
}

static void
put_field(writer *w)
{
	if (!needs_quotes(w)) {
		ph_buffer_append(w->out, w->text.data, w->text.length);
		return;
	}
	ph_buffer_u8(w->out, '"');
	for (size_t i = 0; i < w->text.length; i++) {
		if (w->text.data[i] == '"')
			ph_buffer_u8(w->out, '"');
		ph_buffer_u8(w->out, w->text.data[i]);
	}
	ph_buffer_u8(w->out, '"');
}

static void
put_word(writer *w, const char *text)
{
	ph_buffer_clear(&w->text);
	if (!ph_charset_encode(w->records->charset, text, strlen(text), "?", &w->text))
		return;
	put_field(w);
}

static ph_status
write_value(writer *w, const ph_node *node)
{
	if (!ph_node_is_scalar(node))
		return ph_records_refuse(
		    node, w->err, "PH3152 a text is wanted, not an object or a list");
	if (node->kind == PH_NODE_NULL)
		return PH_OK;
	ph_buffer_clear(&w->text);
	ph_status status = ph_records_write_text(w->records, node, &w->text, w->err);
	if (status != PH_OK)
		return status;
	for (size_t i = 0; i < w->text.length; i++)
		if ((w->text.data[i] < 0x20 &&
			strchr("\t\r\n", w->text.data[i]) == NULL) ||
		    w->text.data[i] == 0 || w->text.data[i] == 0x7F)
			return ph_records_refuse(
			    node, w->err, "PH3153 a control character in a text");
	if (w->text.failed)
		return ph_fail(w->err, PH_ERR_NOMEM, "out of memory");
	put_field(w);
	return PH_OK;
}

static ph_status
write_fields(writer *w, const ph_node *row, const ph_node *group)
{
	size_t start = w->out->length;
	ph_status status = ph_records_check_members(
	    w->records, w->columns, w->column_count, row, w->err);
	for (size_t i = 0; i < w->column_count && status == PH_OK; i++) {
		const ph_node *node = ph_records_field(row, group, w->columns[i]);
		if (i > 0)
			ph_buffer_u8(w->out, (uint8_t) w->records->separator);
		if (node != NULL)
			status = write_value(w, node);
	}
	bool typed = w->records->format == PH_RECORDS_TYPED;
	if (w->out->length == start && !typed) /* a blank line is no row */
		ph_buffer_text(w->out, "\"\"");
	ph_buffer_text(w->out, w->records->line_end);
	return status;
}

static void
use_rule(writer *w, const ph_record_rule *rule)
{
	w->column_count = rule->field_count;
	for (size_t i = 0; i < rule->field_count; i++)
		w->columns[i] = rule->fields[i].name;
}

/* Names are interned: equal ones are the same pointer. */
static bool
add_member(writer *w, const ph_node *member)
{
	for (size_t i = 0; i < w->column_count; i++)
		if (w->columns[i] == member->name)
			return true;
	if (w->column_count == PH_FIELDS_MAX)
		return false;
	w->columns[w->column_count++] = member->name;
	return true;
}

/* Without named fields the columns are what the rows have, in that order. */
static ph_status
write_header(writer *w, const ph_node *first)
{
	const ph_record_rule *rule = &w->records->rules[0];
	use_rule(w, rule);
	for (const ph_node *row = first; row != NULL && rule->field_count == 0;
	     row = row->next)
		for (const ph_node *n = row->first; n != NULL; n = n->next)
			if (!add_member(w, n))
				return ph_records_refuse(
				    row, w->err, "PH3151 more fields than fit a table");
	if (!w->records->header)
		return PH_OK;
	if (first != NULL && w->column_count == 0)
		return ph_records_refuse(
		    first, w->err, "PH3157 rows without any field make no table");
	for (size_t i = 0; i < w->column_count; i++) {
		if (i > 0)
			ph_buffer_u8(w->out, (uint8_t) w->records->separator);
		put_word(w, w->columns[i]);
	}
	ph_buffer_text(w->out, w->records->line_end);
	return PH_OK;
}

/* The trailer's count is written whatever the document says. */
static ph_status
write_last(writer *w, const ph_node *row)
{
	const ph_record_rule *rule = w->records->last;
	for (size_t i = 0; i < rule->field_count; i++) {
		const ph_node *node =
		    row == NULL ? NULL : ph_node_get(row, rule->fields[i].name);
		ph_status status = PH_OK;
		ph_buffer_u8(w->out, (uint8_t) w->records->separator);
		if (&rule->fields[i] == w->records->count)
			ph_buffer_printf(w->out, "%zu", w->sequence.counted);
		else if (node != NULL)
			status = write_value(w, node);
		if (status != PH_OK)
			return status;
	}
	ph_buffer_text(w->out, w->records->line_end);
	return PH_OK;
}

static ph_status
write_typed(writer *w, const ph_record_rule *rule, const ph_node *row)
{
	use_rule(w, rule);
	ph_status status = row == NULL ? PH_OK
				       : ph_records_check_members(w->records,
					     w->columns, w->column_count, row, w->err);
	if (status != PH_OK)
		return status;
	put_word(w, rule->type);
	if (rule == w->records->last && w->records->count != NULL)
		return write_last(w, row);
	ph_buffer_u8(w->out, (uint8_t) w->records->separator);
	return write_fields(w, row, NULL);
}

static ph_status
write_row(void *self, const char *name, const ph_node *row, const ph_node *group,
    ph_error *err)
{
	writer *w = self;
	const ph_record_rule *rule = NULL;
	bool first = w->sequence.seen == 0;
	ph_status status = ph_sequence_write(&w->sequence, name, row, &rule, err);
	if (status != PH_OK)
		return status;
	if (w->records->format == PH_RECORDS_TYPED)
		return write_typed(w, rule, row);
	if (first)
		status = write_header(w, row);
	return status == PH_OK ? write_fields(w, row, group) : status;
}

/* A trailer that only counts need not be in the document. */
static ph_status
finish(writer *w, const ph_node *root)
{
	ph_status status = PH_OK;
	if (ph_sequence_closes(&w->sequence))
		status = write_typed(w, w->records->last, NULL);
	const char *complaint = ph_sequence_end(&w->sequence);
	return status == PH_OK && complaint != NULL
		   ? ph_records_refuse(root, w->err, complaint)
		   : status;
}

ph_status
ph_csv_records_encode(const ph_records *records, const ph_node *root, ph_arena *arena,
    ph_buffer *out, ph_error *err)
{
	const char *columns[PH_FIELDS_MAX];
	writer w = {.records = records,
	    .out = out,
	    .err = err,
	    .columns = columns,
	    .sequence = {.records = records}};
	ph_status status = PH_OK;
	ph_buffer_init_on(&w.text, 0, arena);
	for (const ph_node *n = root->first; n != NULL && status == PH_OK; n = n->next)
		status = ph_gather_rows(records, n, write_row, &w, err);
	if (status == PH_OK)
		status = finish(&w, root);
	ph_buffer_fini(&w.text);
	return status;
}
