/*
 * Tables. On a terminal libsmartcols lays them out to its width; elsewhere columns are padded with
 * blanks to their widest cell, two between them, the last one left as it is, so that lines can be
 * cut by awk and compared by tests. Cells are made of the JSON values that --json would print.
 *
 * What came from a vendor or a person is shown with its control characters replaced: a table
 * cannot be made to move the cursor or to hide a line.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/assert.h"
#include "lib/base/buffer.h"
#include "lib/base/text.h"

struct ph_rows {
	ph_cli *cli;
	const ph_column *columns;
	size_t width; /* columns */
	size_t count; /* rows */
	char **cells; /* row by row; not with --json */
};

/* --- cells --- */

/* Control characters, and marks that turn the direction of text. */
static bool
harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e ||
	       code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

static void
append_clean(ph_buffer *out, const char *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		uint32_t code = 0;
		size_t size = ph_utf8_decode(text + at, length - at, &code);
		if (size == 0 || harmful(code))
			ph_buffer_u8(out, size > 0 && code == '\n' ? ' ' : '?');
		else
			ph_buffer_append(out, text + at, size);
		at += size > 0 ? size : 1;
	}
}

static void
append_age(ph_buffer *out, int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		ph_buffer_printf(out, "%" PRId64 "s", seconds);
	else if (seconds < 7200)
		ph_buffer_printf(out, "%" PRId64 "m", seconds / 60);
	else if (seconds < 172800)
		ph_buffer_printf(out, "%" PRId64 "h", seconds / 3600);
	else
		ph_buffer_printf(out, "%" PRId64 "d", seconds / 86400);
}

static void
append_time(ph_buffer *out, int64_t wall_ms)
{
	time_t seconds = (time_t) (wall_ms / 1000);
	struct tm local;
	char text[32] = "?";
	if (localtime_r(&seconds, &local) != NULL)
		(void) strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
	ph_buffer_text(out, text);
}

static void
append_list(ph_buffer *out, const json_t *list)
{
	size_t at;
	json_t *item;
	json_array_foreach(list, at, item)
	{
		if (at > 0)
			ph_buffer_text(out, ", ");
		if (json_is_string(item))
			append_clean(
			    out, json_string_value(item), json_string_length(item));
		else
			ph_buffer_printf(
			    out, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
	}
}

static void
append_number(ph_buffer *out, const json_t *value, ph_column_kind kind)
{
	if (json_is_real(value) && kind != PH_COLUMN_TIME) {
		ph_buffer_printf(out, kind == PH_COLUMN_AGE ? "%.0fs" : "%g",
		    json_real_value(value));
		return;
	}
	json_int_t number = json_integer_value(value);
	if (kind == PH_COLUMN_AGE)
		append_age(out, number);
	else if (kind == PH_COLUMN_TIME)
		append_time(out, number);
	else
		ph_buffer_printf(out, "%" JSON_INTEGER_FORMAT "%s", number,
		    kind == PH_COLUMN_MS ? " ms" : "");
}

/* The text of one cell, on the heap; NULL without memory. */
static char *
cell(const ph_column *column, const json_t *value)
{
	ph_buffer text;
	ph_buffer_init(&text, 0);
	if (json_is_string(value))
		append_clean(
		    &text, json_string_value(value), json_string_length(value));
	else if (json_is_number(value))
		append_number(&text, value, column->kind);
	else if (json_is_boolean(value))
		ph_buffer_text(&text, json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		append_list(&text, value);
	if (text.length == 0)
		ph_buffer_u8(&text, '-');
	const char *made = ph_buffer_cstr(&text);
	char *out = made != NULL ? strdup(made) : NULL;
	ph_buffer_fini(&text);
	return out;
}

/* --- rows --- */

ph_status
ph_rows_new(
    ph_cli *cli, const ph_column *columns, size_t count, ph_rows **out, ph_error *err)
{
	PH_ASSERT(count > 0);
	ph_rows *rows = calloc(1, sizeof *rows);
	if (rows == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a table");
	*rows = (ph_rows){.cli = cli, .columns = columns, .width = count};
	*out = rows;
	return PH_OK;
}

static void
add_cells(ph_rows *rows, const json_t *object)
{
	size_t used = rows->count * rows->width;
	char **grown = realloc(rows->cells, (used + rows->width) * sizeof *grown);
	if (grown == NULL)
		return;
	rows->cells = grown;
	for (size_t i = 0; i < rows->width; i++)
		grown[used + i] = cell(
		    &rows->columns[i], json_object_get(object, rows->columns[i].key));
	rows->count++;
}

void
ph_rows_add(ph_rows *rows, json_t *object)
{
	if (rows->cli->json) {
		rows->count++;
		ph_cli_json(rows->cli, object);
		return;
	}
	add_cells(rows, object);
	json_decref(object);
}

size_t
ph_rows_count(const ph_rows *rows)
{
	return rows->count;
}

/* --- printing --- */

static const char *
cell_at(const ph_rows *rows, size_t row, size_t column)
{
	const char *text = rows->cells[row * rows->width + column];
	return text != NULL ? text : "?";
}

static bool
right_aligned(ph_column_kind kind)
{
	return kind == PH_COLUMN_NUMBER || kind == PH_COLUMN_AGE ||
	       kind == PH_COLUMN_MS;
}

static size_t
width_of(const char *text)
{
	return ph_utf8_length(text, strlen(text));
}

static void
print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
	int padding = (int) (width - width_of(text));
	if (right)
		fprintf(out, "%*s%s", padding, "", text);
	else
		fprintf(out, "%s%*s", text, last ? 0 : padding, "");
	fputs(last ? "\n" : "  ", out);
}

static void
print_plain(const ph_rows *rows, const size_t *widths)
{
	for (size_t i = 0; i < rows->width; i++)
		print_cell(rows->cli->out, rows->columns[i].title, widths[i],
		    right_aligned(rows->columns[i].kind), i + 1 == rows->width);
	for (size_t row = 0; row < rows->count; row++)
		for (size_t i = 0; i < rows->width; i++)
			print_cell(rows->cli->out, cell_at(rows, row, i), widths[i],
			    right_aligned(rows->columns[i].kind), i + 1 == rows->width);
}

static void
print_plain_table(const ph_rows *rows)
{
	size_t *widths = calloc(rows->width, sizeof *widths);
	if (widths == NULL)
		return;
	for (size_t i = 0; i < rows->width; i++) {
		widths[i] = width_of(rows->columns[i].title);
		for (size_t row = 0; row < rows->count; row++) {
			size_t width = width_of(cell_at(rows, row, i));
			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	print_plain(rows, widths);
	free(widths);
}

static bool
fill_smart(struct libscols_table *table, const ph_rows *rows)
{
	for (size_t i = 0; i < rows->width; i++) {
		bool last = i + 1 == rows->width;
		int flags = right_aligned(rows->columns[i].kind) ? SCOLS_FL_RIGHT : 0;
		if (scols_table_new_column(table, rows->columns[i].title,
			last ? 0.3 : 0.05,
			last ? flags | SCOLS_FL_TRUNC : flags) == NULL)
			return false;
	}
	for (size_t row = 0; row < rows->count; row++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);
		for (size_t i = 0; line != NULL && i < rows->width; i++)
			if (scols_line_set_data(line, i, cell_at(rows, row, i)) != 0)
				return false;
		if (line == NULL)
			return false;
	}
	return true;
}

static void
print_smart_table(const ph_rows *rows)
{
	struct libscols_table *table = scols_new_table();
	if (table == NULL || !fill_smart(table, rows)) {
		scols_unref_table(table);
		print_plain_table(rows);
		return;
	}
	scols_table_set_stream(table, rows->cli->out);
	(void) scols_table_set_column_separator(table, "  ");
	(void) scols_print_table(table);
	scols_unref_table(table);
}

void
ph_rows_finish(ph_rows **rows_p, const char *empty)
{
	ph_rows *rows = *rows_p;
	*rows_p = NULL;
	if (rows == NULL)
		return;
	if (!rows->cli->json && rows->count == 0 && empty != NULL)
		ph_cli_print(rows->cli, "%s\n", empty);
	else if (!rows->cli->json && rows->count > 0 && rows->cli->terminal)
		print_smart_table(rows);
	else if (!rows->cli->json && rows->count > 0)
		print_plain_table(rows);
	for (size_t i = 0; rows->cells != NULL && i < rows->count * rows->width; i++)
		free(rows->cells[i]);
	free(rows->cells);
	free(rows);
}

void
ph_cli_sheet(ph_cli *cli, const ph_column *columns, size_t count, json_t *object)
{
	if (cli->json) {
		ph_cli_json(cli, object);
		return;
	}
	size_t width = 0;
	for (size_t i = 0; i < count; i++) {
		size_t length = width_of(columns[i].title);
		if (json_object_get(object, columns[i].key) != NULL && length > width)
			width = length;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, columns[i].key);
		char *text = value != NULL ? cell(&columns[i], value) : NULL;
		if (text != NULL) {
			print_cell(cli->out, columns[i].title, width, false, false);
			fprintf(cli->out, "%s\n", text);
		}
		free(text);
	}
	json_decref(object);
}
