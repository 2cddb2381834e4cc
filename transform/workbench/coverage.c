/*
 * coverage - one flat list of things to be covered, marked as calls go by.
 */
#include "transform/workbench/coverage.h"

#include <stdlib.h>

#include "lib/base/assert.h"
#include "transform/codes.h"

struct ph_coverage {
	ph_trace trace;
	ph_covered *items;
	size_t count, room;
	bool failed; /* no memory */
};

static void
add(ph_coverage *coverage, ph_covered item)
{
	if (coverage->count == coverage->room) {
		size_t room = coverage->room == 0 ? 64 : 2 * coverage->room;
		ph_covered *more = realloc(coverage->items, room * sizeof(*more));
		if (more == NULL) {
			coverage->failed = true;
			return;
		}
		coverage->items = more;
		coverage->room = room;
	}
	coverage->items[coverage->count++] = item;
}

static void
add_rows(ph_coverage *coverage, const ph_link *link, bool inward)
{
	for (size_t i = 0; i < link->chain_count; i++) {
		const ph_codes *table = ph_convert_table(&link->chain[i]);
		for (size_t row = 0; table != NULL && row < ph_codes_count(table);
		     row++)
			if (ph_codes_counts(table, row, inward))
				add(coverage, (ph_covered){.link = link,
						  .inward = inward,
						  .table = table,
						  .row = row});
	}
}

static void
hit(ph_coverage *coverage, const ph_run *run, const ph_codes *table, size_t row)
{
	bool inward = run->call->direction == PH_FLOWS_IN;
	for (size_t i = 0; i < coverage->count; i++) {
		ph_covered *item = &coverage->items[i];
		if (item->link == run->op->link && item->inward == inward &&
		    item->table == table && item->row == row)
			item->hit = true;
	}
}

static void
note_value(void *self, const ph_run *run, size_t i, const ph_value *value, bool late)
{
	(void) i;
	(void) value;
	if (!late)
		hit(self, run, NULL, 0);
}

/* What a table translated: a tuple, or (keys) each name of a list. */
static void
note_step(void *self, const ph_run *run, const ph_convert *convert,
    const ph_tuple *before, const ph_tuple *after)
{
	const ph_codes *table = ph_convert_table(convert);
	bool inward = run->call->direction == PH_FLOWS_IN;
	(void) after;
	if (table == NULL || before->count == 0)
		return;
	const ph_value *first = &before->at[0];
	if (first->kind != PH_VALUE_MANY) {
		hit(self, run, table, ph_codes_row(table, inward, before));
		return;
	}
	for (uint32_t i = 0; i < first->count; i++) {
		ph_tuple one = {.count = 1, .at = {first->items[i]}};
		hit(self, run, table, ph_codes_row(table, inward, &one));
	}
}

ph_status
ph_coverage_new(const ph_map *map, ph_coverage **out, ph_error *err)
{
	PH_ASSERT(map != NULL && out != NULL);
	ph_coverage *coverage = calloc(1, sizeof(*coverage));
	if (coverage == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	coverage->trace =
	    (ph_trace){.self = coverage, .step = note_step, .wrote = note_value};
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		for (unsigned flow = PH_FLOWS_IN; flow <= PH_FLOWS_OUT; flow <<= 1) {
			if ((l->directions & flow) == 0)
				continue;
			add(coverage,
			    (ph_covered){.link = l, .inward = flow == PH_FLOWS_IN});
			add_rows(coverage, l, flow == PH_FLOWS_IN);
		}
	if (coverage->failed) {
		ph_coverage_destroy(&coverage);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	*out = coverage;
	return PH_OK;
}

void
ph_coverage_destroy(ph_coverage **coverage_p)
{
	if (*coverage_p == NULL)
		return;
	free((*coverage_p)->items);
	free(*coverage_p);
	*coverage_p = NULL;
}

const ph_trace *
ph_coverage_trace(const ph_coverage *coverage)
{
	return &coverage->trace;
}

size_t
ph_coverage_count(const ph_coverage *coverage)
{
	return coverage->count;
}

ph_covered
ph_coverage_at(const ph_coverage *coverage, size_t index)
{
	PH_ASSERT(index < coverage->count);
	return coverage->items[index];
}
