/*
 * csv - RFC 4180 in one pass: fields into rows, rows into objects.
 *
 * Values are made in the scratch buffer of ph_delimited and copied to the document when
 * their field ends.
 */
#include "lib/config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/delimited.h"
#include "lib/base/fs.h"
#include "lib/base/text.h"
#include "lib/document/place.h"

#define INPUT_MAX   ((size_t) 8 << 20)
#define MEMORY_MAX  ((size_t) 256 << 20)
#define COLUMNS_MAX 256u

typedef struct table {
	ph_document *document;
	ph_error *err;
	const char *bytes;
	size_t length;
	ph_delimited in;		/* its fields */
	ph_place place;			/* counts lines */
	const char *names[COLUMNS_MAX]; /* interned, from the first row */
	size_t columns;			/* 0 until that is read */
	ph_node *rows;
} table;

static bool fail_at(const table *t, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool
fail_at(const table *t, size_t offset, const char *format, ...)
{
	char where[PH_ERROR_WHERE];
	char text[PH_ERROR_TEXT];
	uint32_t line = 0;
	uint32_t column = 0;
	ph_place place = t->place;
	ph_place_at(&place, offset, &line, &column);
	snprintf(where, sizeof where, "%s:%" PRIu32 ":%" PRIu32,
	    ph_document_name(t->document), line, column);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	ph_fail_at(t->err, PH_ERR_INVALID, where, "%s", text);
	return false;
}

static bool
no_room(const table *t)
{
	ph_fail_at(t->err, PH_ERR_TOO_LARGE, ph_document_name(t->document),
	    "PH1102 the table grows to more than its limit in memory: split it");
	return false;
}

static bool
field_fault(const table *t, ph_delimited_fault fault)
{
	static const char *const words[] = {
	    [PH_DELIMITED_OPEN] =
		"PH1110 a quote that is never closed: write a quote in "
		"text twice",
	    [PH_DELIMITED_AFTER] = "PH1111 text after the closing quote: write a quote "
				   "in text twice",
	    [PH_DELIMITED_QUOTE] = "PH1112 a quote inside a field that is not quoted: "
				   "quote the field and double the quote",
	    [PH_DELIMITED_RETURN] =
		"PH1113 a carriage return without a line feed: save "
		"the file with LF or CRLF line ends"};
	return fail_at(t, t->in.at, "%s", words[fault]);
}

/* One field into the scratch buffer. */
static bool
read_field(table *t)
{
	ph_delimited_fault fault = ph_delimited_read(&t->in);
	if (fault != PH_DELIMITED_GOOD)
		return field_fault(t, fault);
	return !t->in.field.failed || no_room(t);
}

static bool
add_name(table *t, size_t start)
{
	if (t->columns == COLUMNS_MAX)
		return fail_at(t, start, "PH1120 more than %u columns", COLUMNS_MAX);
	if (t->in.field.length == 0)
		return fail_at(t, start,
		    "PH1121 column %zu has no name in the first row", t->columns + 1);
	const char *name = ph_document_intern(
	    t->document, ph_delimited_text(&t->in), t->in.field.length);
	if (name == NULL)
		return no_room(t);
	for (size_t i = 0; i < t->columns; i++)
		if (t->names[i] == name)
			return fail_at(t, start,
			    "PH1122 columns %zu and %zu have the same name: rename one",
			    i + 1, t->columns + 1);
	t->names[t->columns++] = name;
	return true;
}

static bool
add_value(table *t, ph_node *row, size_t start)
{
	if (row->count == t->columns)
		return fail_at(t, start,
		    "PH1123 more fields than the %zu columns of the first row: quote a "
		    "text that has a comma",
		    t->columns);
	ph_node *node = ph_node_new(
	    t->document, PH_NODE_STRING, ph_delimited_text(&t->in), t->in.field.length);
	if (node == NULL)
		return no_room(t);
	ph_place_at(&t->place, start, &node->line, &node->column);
	if (t->in.field.length > 0 && t->bytes[start] == '"')
		node->flags |= PH_NODE_QUOTED;
	ph_node_link(row, t->names[row->count], node);
	return true;
}

/* Fields up to the line's end: names while `row` is NULL, else the row's values. */
static bool
read_fields(table *t, ph_node *row)
{
	for (;;) {
		size_t start = t->in.at;
		if (!read_field(t) ||
		    !(row == NULL ? add_name(t, start) : add_value(t, row, start)))
			return false;
		if (!ph_delimited_more(&t->in))
			break;
	}
	return true;
}

static bool
read_header(table *t)
{
	size_t start = t->in.at;
	if (!read_fields(t, NULL))
		return false;
	if (t->columns == 1 && strchr(t->names[0], ';') != NULL)
		return fail_at(t, start,
		    "PH1124 semicolons in the first row and no commas: save the file "
		    "with commas");
	return true;
}

static bool
read_row(table *t)
{
	size_t start = t->in.at;
	ph_node *row = ph_node_new(t->document, PH_NODE_OBJECT, NULL, 0);
	if (row == NULL)
		return no_room(t);
	ph_place_at(&t->place, start, &row->line, &row->column);
	ph_node_link(t->rows, NULL, row);
	if (!read_fields(t, row))
		return false;
	if (row->count < t->columns)
		return fail_at(t, start,
		    "PH1125 %u fields where the first row has %zu columns", row->count,
		    t->columns);
	return true;
}

static bool
read_lines(table *t)
{
	while (t->in.at < t->length) {
		if (!ph_delimited_skip_blank(&t->in) &&
		    !(t->columns == 0 ? read_header(t) : read_row(t)))
			return false;
		ph_delimited_skip_end(&t->in);
	}
	if (t->columns == 0)
		return fail_at(
		    t, 0, "PH1126 the table is empty: its first row names the columns");
	return true;
}

static bool
check_bytes(const table *t)
{
	size_t bad = 0;
	if (!ph_utf8_valid(t->bytes, t->length, &bad))
		return fail_at(
		    t, bad, "PH1103 not valid UTF-8: save the table as \"CSV UTF-8\"");
	for (size_t i = 0; i < t->length; i++) {
		unsigned char c = (unsigned char) t->bytes[i];
		if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F)
			return fail_at(t, i, "PH1104 a control character: remove it");
	}
	return true;
}

static ph_status
too_large(const ph_document *document, ph_error *err)
{
	char where[PH_ERROR_WHERE];
	snprintf(where, sizeof where, "%s:1:1", ph_document_name(document));
	return ph_fail_at(
	    err, PH_ERR_TOO_LARGE, where, "PH1101 more than 8 MiB: split the table");
}

ph_status
ph_csv_decode(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	PH_ASSERT(document != NULL && ph_document_root(document) == NULL);
	ph_error local;
	table t = {.document = document, .err = err == NULL ? &local : err};
	if (length > INPUT_MAX)
		return too_large(document, err);
	size_t mark = length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	t.bytes = length == 0 ? "" : (const char *) bytes + mark;
	t.length = length - mark;
	ph_place_init(&t.place, t.bytes, t.length);
	ph_delimited_init(&t.in, t.bytes, t.length, ',');
	t.rows = ph_node_new(document, PH_NODE_LIST, NULL, 0);
	bool good = t.rows == NULL ? no_room(&t) : check_bytes(&t) && read_lines(&t);
	ph_delimited_fini(&t.in);
	if (!good)
		return t.err->status;
	ph_document_set_root(document, t.rows);
	return PH_OK;
}

ph_status
ph_csv_load(const char *path, ph_document **out, ph_error *err)
{
	ph_document *document = NULL;
	char *bytes = NULL;
	size_t length = 0;
	ph_status status = ph_fs_slurp(path, INPUT_MAX, &bytes, &length, err);
	if (status == PH_OK)
		status = ph_document_new(path, MEMORY_MAX, &document, err);
	if (status == PH_OK)
		status = ph_csv_decode(document, bytes, length, err);
	free(bytes);
	if (status == PH_OK)
		*out = document;
	else
		ph_document_destroy(&document);
	return status;
}
