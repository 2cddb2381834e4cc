/*
 * codes - looking up. A key of several cells is joined with the unit separator (1F), which a cell
 * cannot hold; open cells are compared one by one.
 */
#include "transform/codes_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

void
ph_codes_destroy(ph_codes **codes_p)
{
	ph_codes *codes = *codes_p;
	if (codes == NULL)
		return;
	ph_table_destroy(&codes->to_canonical, NULL);
	ph_table_destroy(&codes->to_vendor, NULL);
	for (size_t i = 0; i < codes->count; i++)
		for (size_t k = 0; k < PH_TUPLE_MAX; k++)
			ph_pattern_destroy(&codes->rows[i].vendor[k].regular);
	for (size_t i = 0; i < codes->layer_count; i++)
		ph_document_destroy(&codes->layers[i]);
	free(codes->rows);
	free(codes->open);
	free(codes->live);
	free(codes->path);
	free(codes);
	*codes_p = NULL;
}

const char *
ph_codes_file(const ph_codes *codes)
{
	const char *slash = strrchr(codes->path, '/');
	return slash == NULL ? codes->path : slash + 1;
}

bool
ph_codes_goes_in(const ph_codes *codes)
{
	return codes->in;
}

bool
ph_codes_goes_out(const ph_codes *codes)
{
	return codes->out;
}

bool
ph_codes_is_lossy(const ph_codes *codes)
{
	return codes->lossy;
}

const char *
ph_codes_canonical(const ph_codes *codes, size_t number, size_t place)
{
	if (number >= codes->live_count)
		return NULL;
	PH_ASSERT(place < codes->canonical_count);
	return codes->live[number]->canonical[place].text;
}

/* ---- keys ---- */

bool
ph_codes_join(
    const ph_code_cell *cells, size_t count, char key[PH_CODES_KEY_MAX], size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < count; i++) {
		if (*length + cells[i].length + 1 >= PH_CODES_KEY_MAX ||
		    memchr(cells[i].text, PH_CODES_SEPARATOR, cells[i].length) != NULL)
			return false;
		if (i > 0)
			key[(*length)++] = PH_CODES_SEPARATOR;
		memcpy(key + *length, cells[i].text, cells[i].length);
		*length += cells[i].length;
	}
	return true;
}

/* Does `text` begin as the cell does? */
static bool
begins(const ph_code_cell *cell, const ph_code_cell *text)
{
	return text->length >= cell->length &&
	       memcmp(text->text, cell->text, cell->length) == 0;
}

static bool
cell_covers(const ph_code_cell *wide, const ph_code_cell *narrow)
{
	if (wide->open)
		return begins(wide, narrow);
	return !narrow->open && narrow->length == wide->length && begins(wide, narrow);
}

bool
ph_codes_covers(const ph_code_row *wide, const ph_code_row *narrow, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!cell_covers(&wide->vendor[i], &narrow->vendor[i]))
			return false;
	return true;
}

bool
ph_codes_meet(const ph_code_row *a, const ph_code_row *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!cell_covers(&a->vendor[i], &b->vendor[i]) &&
		    !cell_covers(&b->vendor[i], &a->vendor[i]))
			return false;
	return true;
}

/* Is a code one of those that a row of patterns stands for? */
static ph_match
fits(const ph_code_row *row, const ph_code_cell *cells, size_t count)
{
	ph_match match = PH_MATCH_YES;
	for (size_t i = 0; i < count && match == PH_MATCH_YES; i++) {
		const ph_code_cell *cell = &row->vendor[i];
		if (cell->regular != NULL)
			match = ph_pattern_match(
			    cell->regular, cells[i].text, cells[i].length, NULL);
		else if (!cell_covers(cell, &cells[i]))
			match = PH_MATCH_NO;
	}
	return match;
}

const ph_code_row *
ph_codes_inward(
    const ph_codes *codes, const ph_code_cell *cells, const char *key, size_t length)
{
	const ph_code_row *whole = ph_table_get(codes->to_canonical, key, length);
	for (size_t i = 0; i < codes->open_count; i++) {
		const ph_code_row *r = codes->open[i];
		if (whole != NULL && whole->layer >= r->layer)
			break;
		switch (fits(r, cells, codes->vendor_count)) {
		case PH_MATCH_YES:
			return r;
		case PH_MATCH_NO:
			break;
		case PH_MATCH_GAVE_UP: /* nobody knows: no later row may guess */
			return NULL;
		}
	}
	return whole;
}

size_t
ph_codes_count(const ph_codes *codes)
{
	return codes->live_count;
}

/* The row that decides about the tuple; NULL for none. */
static const ph_code_row *
find(const ph_codes *codes, bool inward, const ph_tuple *tuple)
{
	char key[PH_CODES_KEY_MAX];
	size_t length;
	ph_code_cell given[PH_TUPLE_MAX];
	for (size_t i = 0; i < tuple->count; i++) {
		const ph_value *value = &tuple->at[i];
		bool text = ph_value_is_text(value);
		given[i] = (ph_code_cell){.text = text ? value->text : "",
		    .length = text ? value->length : 0};
	}
	if (!ph_codes_join(given, tuple->count, key, &length))
		return NULL;
	return inward ? ph_codes_inward(codes, given, key, length)
		      : ph_table_get(codes->to_vendor, key, length);
}

size_t
ph_codes_row(const ph_codes *codes, bool inward, const ph_tuple *tuple)
{
	const ph_code_row *found = find(codes, inward, tuple);
	for (size_t i = 0; found != NULL && i < codes->live_count; i++)
		if (codes->live[i] == found)
			return i;
	return codes->live_count;
}

bool
ph_codes_counts(const ph_codes *codes, size_t number, bool inward)
{
	PH_ASSERT(number < codes->live_count);
	return inward ? codes->live[number]->in : codes->live[number]->out;
}

unsigned
ph_codes_line(const ph_codes *codes, size_t number)
{
	PH_ASSERT(number < codes->live_count);
	return codes->live[number]->node->line;
}

bool
ph_codes_is_open(const ph_codes *codes, size_t number)
{
	PH_ASSERT(number < codes->live_count);
	return codes->live[number]->open;
}

bool
ph_codes_is_regular(const ph_codes *codes, size_t number)
{
	PH_ASSERT(number < codes->live_count);
	return codes->live[number]->regular;
}

void
ph_codes_key(const ph_codes *codes, size_t number, bool vendor, char *out, size_t size)
{
	PH_ASSERT(number < codes->live_count && size > 0);
	const ph_code_row *r = codes->live[number];
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < ph_codes_width(codes, vendor) && at < size; i++)
		at += (size_t) snprintf(out + at, size - at, "%s%s", i > 0 ? " " : "",
		    (vendor ? r->vendor : r->canonical)[i].node->text);
}

const char *
ph_codes_vendor(const ph_codes *codes, size_t number, size_t place)
{
	if (number >= codes->live_count)
		return NULL;
	PH_ASSERT(place < codes->vendor_count);
	return codes->live[number]->vendor[place].text;
}

size_t
ph_codes_width(const ph_codes *codes, bool vendor)
{
	return vendor ? codes->vendor_count : codes->canonical_count;
}

ph_codes_found
ph_codes_translate(const ph_codes *codes, bool inward, ph_tuple *tuple)
{
	const ph_code_row *found = find(codes, inward, tuple);
	if (found == NULL)
		return PH_CODES_UNKNOWN;
	ph_code_word word = inward ? found->canonical_word : found->vendor_word;
	if (word != PH_CODE_KEY)
		return word == PH_CODE_IGNORE ? PH_CODES_IGNORE : PH_CODES_UNKNOWN;
	const ph_code_cell *cells = inward ? found->canonical : found->vendor;
	uint32_t flags = ph_tuple_flags(tuple);
	tuple->count = inward ? codes->canonical_count : codes->vendor_count;
	for (size_t i = 0; i < tuple->count; i++) {
		tuple->at[i] = (ph_value){0};
		if (cells[i].length > 0)
			tuple->at[i] = ph_value_text(cells[i].text, cells[i].length);
		tuple->at[i].flags = flags;
	}
	return PH_CODES_FOUND;
}
