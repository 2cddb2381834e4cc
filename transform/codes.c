/*
 * codes - rows are kept as arrays of cells; two hash tables lead from a key to its starred row. A key
 * of several cells is joined with the unit separator (1F), which a cell cannot hold.
 */
#include "transform/codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/table.h"
#include "lib/config/config.h"

#define SEPARATOR '\x1f'
#define KEY_MAX	  1024

typedef struct row {
	const ph_node *node;
	const ph_node *canonical[PH_TUPLE_MAX];
	const ph_node *vendor[PH_TUPLE_MAX];
	bool in, out;
	bool canonical_ignored, vendor_ignored;
} row;

struct ph_codes {
	ph_document *document;
	char *path;
	size_t canonical_count, vendor_count;
	row *rows;
	size_t count;
	bool in, out; /* does it go that way? */
	ph_table *to_canonical, *to_vendor;
};

typedef struct load {
	ph_codes *codes;
	const char *const *canonical;
	const char *const *vendor;
	ph_error *err;
} load;

/* Join cells; false if they do not fit or hold the separator. */
static bool
join(const ph_node *const *cells, size_t count, char key[KEY_MAX], size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < count; i++) {
		if (*length + cells[i]->length + 1 >= KEY_MAX ||
		    memchr(cells[i]->text, SEPARATOR, cells[i]->length) != NULL)
			return false;
		if (i > 0)
			key[(*length)++] = SEPARATOR;
		memcpy(key + *length, cells[i]->text, cells[i]->length);
		*length += cells[i]->length;
	}
	return true;
}

static const ph_node *
column(const ph_node *record, const char *name)
{
	return ph_node_get(record, name);
}

static bool
columns(load *l, const ph_node *record, const char *const *names, size_t count,
    const ph_node **cells)
{
	for (size_t i = 0; i < count; i++) {
		cells[i] = column(record, names[i]);
		if (cells[i] == NULL) {
			ph_config_fail(l->err, l->codes->document, record,
			    "PH2102 the table has no column \"%s\", which the link "
			    "needs",
			    names[i]);
			return false;
		}
	}
	return true;
}

/* The cell of `in` or `out`: '*' or empty. */
static bool
star(load *l, const ph_node *record, const char *name, bool *out)
{
	const ph_node *cell = column(record, name);
	*out = cell == NULL || strcmp(cell->text, "*") == 0;
	if (*out || cell->length == 0)
		return true;
	ph_config_fail(l->err, l->codes->document, cell,
	    "PH2103 the column %s holds * or nothing", name);
	return false;
}

static bool
ignored(const ph_node *const *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(cells[i]->text, "(ignore)") == 0)
			return true;
	return false;
}

static bool
load_row(load *l, const ph_node *record, row *r)
{
	ph_codes *c = l->codes;
	*r = (row){.node = record};
	if (!columns(l, record, l->canonical, c->canonical_count, r->canonical) ||
	    !columns(l, record, l->vendor, c->vendor_count, r->vendor) ||
	    !star(l, record, "in", &r->in) || !star(l, record, "out", &r->out))
		return false;
	r->canonical_ignored = ignored(r->canonical, c->canonical_count);
	r->vendor_ignored = ignored(r->vendor, c->vendor_count);
	r->in &= c->in;
	r->out &= c->out;
	if ((r->canonical_ignored && r->out) || (r->vendor_ignored && r->in)) {
		ph_config_fail(l->err, c->document, record,
		    "PH2104 (ignore) is no key: leave this row's %s empty",
		    r->canonical_ignored ? "out" : "in");
		return false;
	}
	return true;
}

/* Enter a starred row under its key; two are an error. */
static bool
enter(load *l, ph_table *table, row *r, const ph_node *const *cells, size_t count,
    const char *which)
{
	char key[KEY_MAX];
	size_t length;
	if (!join(cells, count, key, &length)) {
		ph_config_fail(
		    l->err, l->codes->document, cells[0], "PH2105 the key is too long");
		return false;
	}
	const row *before = ph_table_get(table, key, length);
	if (before != NULL) {
		ph_config_fail(l->err, l->codes->document, cells[0],
		    "PH2106 a second row with * in %s for this key; the first is line "
		    "%u",
		    which, before->node->line);
		return false;
	}
	return ph_table_put(table, key, length, r, l->err) == PH_OK;
}

/* A key of a row without star must have a starred row elsewhere. */
static bool
covered(load *l, const ph_table *table, const ph_node *const *cells, size_t count,
    const char *which)
{
	char key[KEY_MAX];
	size_t length;
	if (!join(cells, count, key, &length))
		return true;
	if (ph_table_get(table, key, length) != NULL)
		return true;
	ph_config_fail(l->err, l->codes->document, cells[0],
	    "PH2107 no row has * in %s for this key: say which one counts", which);
	return false;
}

static bool
index_rows(load *l)
{
	ph_codes *c = l->codes;
	for (size_t i = 0; i < c->count; i++) {
		row *r = &c->rows[i];
		if (r->in &&
		    !enter(l, c->to_canonical, r, r->vendor, c->vendor_count, "in"))
			return false;
		if (r->out &&
		    !enter(l, c->to_vendor, r, r->canonical, c->canonical_count, "out"))
			return false;
	}
	for (size_t i = 0; i < c->count; i++) {
		const row *r = &c->rows[i];
		if (c->in && !r->vendor_ignored &&
		    !covered(l, c->to_canonical, r->vendor, c->vendor_count, "in"))
			return false;
		if (c->out && !r->canonical_ignored &&
		    !covered(l, c->to_vendor, r->canonical, c->canonical_count, "out"))
			return false;
	}
	return true;
}

static bool
load_rows(load *l)
{
	ph_codes *c = l->codes;
	const ph_node *root = ph_document_root(c->document);
	if (root == NULL || root->first == NULL) {
		ph_fail_at(
		    l->err, PH_ERR_INVALID, c->path, "PH2101 the table has no rows");
		return false;
	}
	bool in = column(root->first, "in") != NULL;
	bool out = column(root->first, "out") != NULL;
	c->in = in || !out;
	c->out = out || !in;
	c->rows = calloc(root->count, sizeof(*c->rows));
	if (c->rows == NULL || ph_table_new(&c->to_canonical, l->err) != PH_OK ||
	    ph_table_new(&c->to_vendor, l->err) != PH_OK) {
		ph_fail(l->err, PH_ERR_NOMEM, "out of memory");
		return false;
	}
	for (const ph_node *n = root->first; n != NULL; n = n->next)
		if (!load_row(l, n, &c->rows[c->count++]))
			return false;
	return index_rows(l);
}

ph_status
ph_codes_load(const char *path, const char *const *canonical, size_t canonical_count,
    const char *const *vendor, size_t vendor_count, ph_codes **out, ph_error *err)
{
	PH_ASSERT(canonical_count <= PH_TUPLE_MAX && vendor_count <= PH_TUPLE_MAX);
	ph_error own;
	ph_codes *codes = calloc(1, sizeof(*codes));
	if (codes == NULL || (codes->path = strdup(path)) == NULL) {
		free(codes);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	codes->canonical_count = canonical_count;
	codes->vendor_count = vendor_count;
	load l = {codes, canonical, vendor, err == NULL ? &own : err};
	ph_status status = ph_csv_load(path, &codes->document, l.err);
	if (status == PH_OK && !load_rows(&l))
		status = l.err->status;
	if (status != PH_OK) {
		ph_codes_destroy(&codes);
		return status;
	}
	*out = codes;
	return PH_OK;
}

void
ph_codes_destroy(ph_codes **codes_p)
{
	ph_codes *codes = *codes_p;
	if (codes == NULL)
		return;
	ph_table_destroy(&codes->to_canonical, NULL);
	ph_table_destroy(&codes->to_vendor, NULL);
	ph_document_destroy(&codes->document);
	free(codes->rows);
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
	for (size_t i = 0; i < codes->count; i++)
		if (codes->rows[i].in != codes->rows[i].out)
			return true;
	return false;
}

const char *
ph_codes_canonical(const ph_codes *codes, size_t number, size_t place)
{
	if (number >= codes->count)
		return NULL;
	PH_ASSERT(place < codes->canonical_count);
	return codes->rows[number].canonical[place]->text;
}

/* The key of a tuple: like join. */
static bool
key_of(const ph_tuple *tuple, char key[KEY_MAX], size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < tuple->count; i++) {
		const ph_value *value = &tuple->at[i];
		if (i > 0)
			key[(*length)++] = SEPARATOR;
		if (!ph_value_is_text(value))
			continue;
		if (*length + value->length + 1 >= KEY_MAX ||
		    memchr(value->text, SEPARATOR, value->length) != NULL)
			return false;
		memcpy(key + *length, value->text, value->length);
		*length += value->length;
	}
	return true;
}

size_t
ph_codes_count(const ph_codes *codes)
{
	return codes->count;
}

size_t
ph_codes_row(const ph_codes *codes, bool inward, const ph_tuple *tuple)
{
	char key[KEY_MAX];
	size_t length;
	const row *found = NULL;
	if (key_of(tuple, key, &length))
		found = ph_table_get(
		    inward ? codes->to_canonical : codes->to_vendor, key, length);
	return found == NULL ? codes->count : (size_t) (found - codes->rows);
}

bool
ph_codes_counts(const ph_codes *codes, size_t number, bool inward)
{
	PH_ASSERT(number < codes->count);
	return inward ? codes->rows[number].in : codes->rows[number].out;
}

unsigned
ph_codes_line(const ph_codes *codes, size_t number)
{
	PH_ASSERT(number < codes->count);
	return codes->rows[number].node->line;
}

void
ph_codes_key(const ph_codes *codes, size_t number, bool vendor, char *out, size_t size)
{
	PH_ASSERT(number < codes->count && size > 0);
	const row *r = &codes->rows[number];
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < ph_codes_width(codes, vendor) && at < size; i++)
		at += (size_t) snprintf(out + at, size - at, "%s%s", i > 0 ? " " : "",
		    (vendor ? r->vendor : r->canonical)[i]->text);
}

const char *
ph_codes_vendor(const ph_codes *codes, size_t number, size_t place)
{
	if (number >= codes->count)
		return NULL;
	PH_ASSERT(place < codes->vendor_count);
	return codes->rows[number].vendor[place]->text;
}

size_t
ph_codes_width(const ph_codes *codes, bool vendor)
{
	return vendor ? codes->vendor_count : codes->canonical_count;
}

ph_codes_found
ph_codes_translate(const ph_codes *codes, bool inward, ph_tuple *tuple)
{
	char key[KEY_MAX];
	size_t length;
	if (!key_of(tuple, key, &length))
		return PH_CODES_UNKNOWN;
	const row *found =
	    ph_table_get(inward ? codes->to_canonical : codes->to_vendor, key, length);
	if (found == NULL)
		return PH_CODES_UNKNOWN;
	if (inward ? found->canonical_ignored : found->vendor_ignored)
		return PH_CODES_IGNORE;
	const ph_node *const *cells = inward ? found->canonical : found->vendor;
	uint32_t flags = ph_tuple_flags(tuple);
	tuple->count = inward ? codes->canonical_count : codes->vendor_count;
	for (size_t i = 0; i < tuple->count; i++) {
		tuple->at[i] = (ph_value){0};
		if (cells[i]->length > 0)
			tuple->at[i] = ph_value_text(cells[i]->text, cells[i]->length);
		tuple->at[i].flags = flags;
	}
	return PH_CODES_FOUND;
}
