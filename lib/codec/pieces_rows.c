/*
 * pieces_rows - where the next record of a table begins.
 *
 * Rows end as the decoders end them, as long as nothing is wrong with them; where something is,
 * the decoder of the piece says so. A record begins with each row, or, where rows are
 * gathered, with each that does not go with the one before.
 */
#include <string.h>

#include "lib/codec/pieces_inner.h"

#define MARK "\xEF\xBB\xBF"

/* CSV: the byte after the row's line end; false: it is not there yet. */
static bool
delimited_end(ph_pieces *p, size_t *end)
{
	size_t length = ph_pieces_end(p);
	const char separator = p->plan.records->separator;
	while (p->next < length) {
		const char *at = ph_pieces_bytes(p, p->next);
		if (p->state == PH_IN_QUOTED) {
			const char *quote = memchr(at, '"', length - p->next);
			p->next = quote == NULL ? length
						: p->next + (size_t) (quote - at) + 1;
			p->state = quote == NULL ? PH_IN_QUOTED : PH_AT_QUOTE;
			continue;
		}
		p->next++;
		if (*at == '\n') {
			p->state = PH_AT_FIELD;
			*end = p->next;
			return true;
		}
		if (*at == separator)
			p->state = PH_AT_FIELD;
		else if (*at == '"' && p->state != PH_IN_PLAIN)
			p->state = PH_IN_QUOTED;
		else
			p->state = PH_IN_PLAIN;
	}
	return false;
}

static bool
line_end(ph_pieces *p, size_t *end)
{
	size_t length = ph_pieces_end(p);
	const char *at = ph_pieces_bytes(p, p->next);
	const char *found = memchr(at, '\n', length - p->next);
	p->next = found == NULL ? length : p->next + (size_t) (found - at) + 1;
	*end = p->next;
	return found != NULL;
}

/* Nothing that a decoder would call a row. */
static bool
is_blank(const ph_pieces *p, const char *row, size_t length)
{
	bool fixed = p->plan.records->format == PH_RECORDS_FIXED;
	for (size_t i = 0; i < length; i++) {
		char c = row[i];
		if (c == '\n' || (c == '\r' && i + 1 < length && row[i + 1] == '\n'))
			continue;
		if (fixed || c == p->plan.records->separator || (c != ' ' && c != '\t'))
			return false;
	}
	return true;
}

/* ---- what goes with the row before ---- */

static void
open_row(ph_pieces *p, const char *row, size_t length)
{
	p->field.bytes = row;
	p->field.length = length;
	p->field.at = 0;
}

/* Which columns of the first row rows are gathered by. */
static void
find_columns(ph_pieces *p, const char *row, size_t length)
{
	const ph_records *records = p->plan.records;
	size_t column = 0;
	open_row(p, row, length);
	do {
		if (ph_delimited_read(&p->field) != PH_DELIMITED_GOOD)
			return;
		ph_buffer_clear(&p->other);
		ph_charset_decode(records->charset, ph_delimited_text(&p->field),
		    p->field.field.length, &p->other);
		const char *name = ph_buffer_cstr(&p->other);
		for (size_t i = 0; i < records->by_count && name != NULL; i++)
			if (strcmp(name, records->by[i]) == 0)
				p->columns[i] = column;
		column++;
	} while (ph_delimited_more(&p->field));
}

static void
put_part(ph_pieces *p, size_t which, const char *text, size_t length)
{
	ph_buffer_u8(&p->other, (uint8_t) which);
	ph_buffer_u32(&p->other, (uint32_t) length);
	ph_buffer_append(&p->other, text, length);
}

/* What the row is gathered by, in `other`. */
static void
read_key(ph_pieces *p, const char *row, size_t length)
{
	const ph_records *records = p->plan.records;
	size_t column = 0;
	ph_buffer_clear(&p->other);
	if (records->format == PH_RECORDS_FIXED) {
		for (size_t i = 0; i < records->by_count; i++) {
			size_t size = 0;
			const char *text = ph_fixed_text(
			    records, row, length, records->by_rules[i], &size);
			put_part(p, i, text, size);
		}
		return;
	}
	open_row(p, row, length);
	do {
		if (ph_delimited_read(&p->field) != PH_DELIMITED_GOOD)
			return;
		for (size_t i = 0; i < records->by_count; i++)
			if (p->columns[i] == column)
				put_part(p, i, ph_delimited_text(&p->field),
				    p->field.field.length);
		column++;
	} while (ph_delimited_more(&p->field));
}

static bool
has_same_key(ph_pieces *p, const char *row, size_t length)
{
	read_key(p, row, length);
	bool same = p->key.length == p->other.length && p->key.length > 0 &&
		    memcmp(p->key.data, p->other.data, p->key.length) == 0;
	ph_buffer swap = p->key;
	p->key = p->other;
	p->other = swap;
	return same;
}

static const ph_record_rule *
rule_of(ph_pieces *p, const char *row, size_t length)
{
	const ph_records *records = p->plan.records;
	if (records->format == PH_RECORDS_FIXED)
		return ph_fixed_rule(records, row, length);
	open_row(p, row, length);
	if (ph_delimited_read(&p->field) != PH_DELIMITED_GOOD)
		return NULL;
	ph_buffer_clear(&p->other);
	ph_charset_decode(records->charset, ph_delimited_text(&p->field),
	    p->field.field.length, &p->other);
	return ph_records_by_type(
	    records, (const char *) p->other.data, p->other.length);
}

/* Is the row part of the record before it? */
static bool
goes_on(ph_pieces *p, const char *row, size_t length)
{
	const ph_records *records = p->plan.records;
	while (length > 0 && (row[length - 1] == '\n' || row[length - 1] == '\r'))
		length--;
	if (records->by_count > 0)
		return has_same_key(p, row, length);
	if (!records->gathers)
		return false;
	const ph_record_rule *rule = rule_of(p, row, length);
	if (rule != NULL && p->group != NULL &&
	    ph_records_gathers(records, p->group, rule))
		return true;
	p->group = rule;
	return false;
}

/* ---- the scanner ---- */

/* The row of names, or the record that comes first, which each piece has. */
static bool
is_head(const ph_pieces *p)
{
	const ph_records *records = p->plan.records;
	return !p->headed && ((records->format == PH_RECORDS_CSV && records->header) ||
				 records->first != NULL);
}

/* The row at `at`, without a byte order mark before it. */
static const char *
row_at(const ph_pieces *p, size_t end, size_t *length)
{
	size_t from = p->at == 0 ? p->mark : p->at;
	*length = end - from;
	return ph_pieces_bytes(p, from);
}

/* All up to here is the head of every piece. */
static bool
take_head(ph_pieces *p, size_t end)
{
	size_t length = 0;
	const char *row = row_at(p, end, &length);
	if (p->plan.records->by_count > 0)
		find_columns(p, row, length);
	ph_buffer_append(&p->head, ph_pieces_bytes(p, 0), end);
	if (row[length - 1] != '\n')
		ph_buffer_u8(&p->head, '\n');
	p->headed = true;
	return !p->head.failed;
}

/* False: the first bytes are not there yet. */
static bool
begin(ph_pieces *p)
{
	const ph_records *records = p->plan.records;
	if (p->window.length < 3 && !p->ended)
		return false;
	p->mark = p->window.length >= 3 && memcmp(p->window.data, MARK, 3) == 0 ? 3 : 0;
	p->next = p->mark;
	for (size_t i = 0; i < records->by_count; i++)
		p->columns[i] =
		    records->header
			? SIZE_MAX
			: (size_t) (records->by_rules[i] - records->rules->fields);
	p->started = true;
	return true;
}

/* The row from `at` to `end` has been found: does a record begin with it? */
static ph_cut
judge(ph_pieces *p, size_t end)
{
	size_t length = 0;
	const char *row = row_at(p, end, &length);
	if (is_blank(p, row, length))
		return PH_CUT_MORE;
	if (is_head(p))
		return take_head(p, end) ? PH_CUT_MORE : ph_pieces_no_memory(p);
	p->headed = true;
	return goes_on(p, row, length) ? PH_CUT_MORE : PH_CUT_BEFORE;
}

ph_cut
ph_pieces_scan_rows(ph_pieces *p)
{
	bool fixed = p->plan.records->format == PH_RECORDS_FIXED;
	if (!p->started && !begin(p))
		return PH_CUT_MORE;
	for (;;) {
		size_t end = ph_pieces_end(p);
		if (p->row_done) { /* it was judged */
			p->at = p->next;
			p->row_done = false;
		}
		bool there = fixed ? line_end(p, &end) : delimited_end(p, &end);
		if (!there && (!p->ended || p->at == end))
			return PH_CUT_MORE;
		p->row_done = true;
		p->next = end;
		ph_cut cut = judge(p, end);
		if (cut != PH_CUT_MORE)
			return cut;
	}
}
