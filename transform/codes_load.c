/*
 * codes_load - reading the layers of a code table, from the lowest up, and saying what is wrong.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/codes_inner.h"

typedef struct load {
	ph_codes *codes;
	const char *const *canonical;
	const char *const *vendor;
	const ph_document *layer; /* that is read */
	bool has_in, has_out;	  /* its columns */
	size_t regular;		  /* regular expressions, of all layers */
	ph_error *err;
} load;

static bool
refuse(load *l, const ph_code_row *r, const ph_node *node, const char *text)
{
	const ph_document *layer = r == NULL ? l->layer : l->codes->layers[r->layer];
	ph_config_fail(l->err, layer, node, "%s", text);
	return false;
}

static bool
no_memory(load *l)
{
	ph_fail(l->err, PH_ERR_NOMEM, "out of memory");
	return false;
}

/* ---- cells ---- */

/* "file:line:column" of a byte of a cell: a quoted one may hold line ends, and each quote twice. */
static void
write_place(const load *l, const ph_node *node, size_t byte, char where[PH_ERROR_WHERE])
{
	bool quoted = (node->flags & PH_NODE_QUOTED) != 0;
	uint32_t line = node->line, column = node->column + (quoted ? 1u : 0u);
	for (size_t i = 0; i < byte; i++) {
		bool ends = node->text[i] == '\n';
		line += ends ? 1u : 0u;
		column =
		    ends ? 1u : column + (node->text[i] == '"' && quoted ? 2u : 1u);
	}
	snprintf(where, PH_ERROR_WHERE, "%s:%" PRIu32 ":%" PRIu32,
	    ph_document_name(l->layer), line, column);
}

/* "/4.+/" is a regular expression, "\/4/" is "/4/"; *done if it is one of these. */
static bool
read_regular(load *l, const ph_node *node, ph_code_cell *out, bool *done)
{
	const char *text = node->text;
	size_t length = node->length;
	bool escaped = length > 2 && text[0] == '\\' && text[1] == '/';
	char where[PH_ERROR_WHERE];
	size_t fault = 0;
	ph_error why;
	*done = length > 2 && text[length - 1] == '/' && (escaped || text[0] == '/');
	if (!*done)
		return true;
	if (escaped) {
		out->text++;
		out->length--;
		return true;
	}
	if (++l->regular > PH_CODES_REGULAR_MAX)
		return refuse(l, NULL, node,
		    "PH2112 a table has at most 256 regular expressions");
	if (ph_pattern_new_whole(text + 1, length - 2, &out->regular, &fault, &why) ==
	    PH_OK)
		return true;
	if (why.status == PH_ERR_NOMEM)
		return no_memory(l);
	write_place(l, node, 1 + fault, where);
	ph_fail_at(l->err, PH_ERR_INVALID, where, "PH2111 no regular expression: %s",
	    why.text);
	return false;
}

/* "4*" is open, "4\*" is "4*". */
static bool
read_cell(load *l, const ph_node *node, bool patterns, ph_code_cell *out)
{
	*out = (ph_code_cell){.node = node, .text = node->text, .length = node->length};
	size_t length = node->length;
	bool done = !patterns;
	if (patterns && !read_regular(l, node, out, &done))
		return false;
	if (done || length == 0 || node->text[length - 1] != '*')
		return true;
	bool escaped = length > 1 && node->text[length - 2] == '\\';
	out->length = escaped ? length - 2 : length - 1;
	out->open = !escaped;
	char *text =
	    ph_arena_dup(ph_document_arena(l->codes->layers[l->codes->layer_count - 1]),
		node->text, out->length + 1);
	if (text == NULL)
		return no_memory(l);
	if (escaped)
		text[out->length++] = '*';
	text[out->length] = 0;
	out->text = text;
	return true;
}

static bool
read_cells(load *l, const ph_node *record, const char *const *names, size_t count,
    bool patterns, ph_code_cell *cells)
{
	for (size_t i = 0; i < count; i++) {
		const ph_node *node = ph_node_get(record, names[i]);
		if (node == NULL) {
			ph_config_fail(l->err, l->layer, record,
			    "PH2102 the table has no column \"%s\", which the link "
			    "needs",
			    names[i]);
			return false;
		}
		if (!read_cell(l, node, patterns, &cells[i]))
			return false;
	}
	return true;
}

static ph_code_word
word_of(const ph_code_cell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(cells[i].node->text, "(ignore)") == 0)
			return PH_CODE_IGNORE;
		if (strcmp(cells[i].node->text, "(none)") == 0)
			return PH_CODE_NONE;
	}
	return PH_CODE_KEY;
}

/* The cell of `in` or `out`: '*' or empty. Without the column a row counts where it can. */
static bool
star(load *l, const ph_node *record, const char *name, bool can, bool *out)
{
	const ph_node *cell = ph_node_get(record, name);
	*out = cell == NULL ? can : strcmp(cell->text, "*") == 0;
	if (cell == NULL || *out || cell->length == 0)
		return true;
	ph_config_fail(
	    l->err, l->layer, cell, "PH2103 the column %s holds * or nothing", name);
	return false;
}

/* ---- rows ---- */

/* What a row says may not contradict its stars. */
static bool
check_row(load *l, const ph_code_row *r)
{
	if (r->canonical_word == PH_CODE_NONE && r->vendor_word == PH_CODE_NONE)
		return true;
	bool in = r->in && r->vendor_word != PH_CODE_KEY;
	bool out = r->out && r->canonical_word != PH_CODE_KEY;
	if (in || out) {
		ph_config_fail(l->err, l->layer, r->node,
		    "PH2104 (ignore) and (none) are no keys: leave this row's %s empty",
		    out ? "out" : "in");
		return false;
	}
	if (r->open && r->out)
		return refuse(l, NULL, r->node,
		    "PH2108 a pattern is no code to be sent: leave this row's out "
		    "empty");
	return true;
}

static bool
load_row(load *l, const ph_node *record, ph_code_row *r)
{
	ph_codes *c = l->codes;
	*r = (ph_code_row){.node = record, .layer = c->layer_count - 1};
	if (!read_cells(
		l, record, l->canonical, c->canonical_count, false, r->canonical) ||
	    !read_cells(l, record, l->vendor, c->vendor_count, true, r->vendor))
		return false;
	r->canonical_word = word_of(r->canonical, c->canonical_count);
	r->vendor_word = word_of(r->vendor, c->vendor_count);
	for (size_t i = 0; i < c->vendor_count; i++)
		r->regular |= r->vendor[i].regular != NULL;
	for (size_t i = 0; i < c->vendor_count; i++)
		r->open |= r->vendor[i].open || r->regular;
	bool canonical = r->canonical_word == PH_CODE_KEY && !r->open;
	if (!star(l, record, "in", r->vendor_word == PH_CODE_KEY, &r->in) ||
	    !star(l, record, "out", canonical, &r->out))
		return false;
	r->in &= l->has_in;
	r->out &= l->has_out;
	if ((r->canonical_word == PH_CODE_NONE || r->vendor_word == PH_CODE_NONE) &&
	    r->layer == 0)
		return refuse(l, NULL, record,
		    "PH2109 (none) takes a row of a table below away, and there is no "
		    "table below");
	return check_row(l, r);
}

/* A row of nothing but "(none)": no row of the layers below counts. */
static void
clear_below(ph_codes *c, const ph_code_row *r)
{
	if (r->canonical_word != PH_CODE_NONE || r->vendor_word != PH_CODE_NONE)
		return;
	for (size_t i = 0; i < c->count && c->rows[i].layer < r->layer; i++)
		c->rows[i].in = c->rows[i].out = false;
}

static bool
load_layer(load *l, const char *path)
{
	ph_codes *c = l->codes;
	ph_document *document;
	if (ph_csv_load(path, &document, l->err) != PH_OK)
		return false;
	c->layers[c->layer_count++] = document;
	l->layer = document;
	const ph_node *root = ph_document_root(document);
	if (root == NULL || root->first == NULL) {
		ph_fail_at(
		    l->err, PH_ERR_INVALID, path, "PH2101 the table has no rows");
		return false;
	}
	bool in = ph_node_get(root->first, "in") != NULL;
	bool out = ph_node_get(root->first, "out") != NULL;
	l->has_in = in || !out;
	l->has_out = out || !in;
	c->in |= l->has_in;
	c->out |= l->has_out;
	ph_code_row *rows = realloc(c->rows, (c->count + root->count) * sizeof(*rows));
	if (rows == NULL)
		return no_memory(l);
	c->rows = rows;
	for (const ph_node *n = root->first; n != NULL; n = n->next) {
		ph_code_row *r = &rows[c->count++];
		if (!load_row(l, n, r))
			return false;
		clear_below(c, r);
	}
	return true;
}

/* ---- the index ---- */

/* Enter a starred row under its key; two of one layer are an error. */
static bool
enter(load *l, ph_table *table, ph_code_row *r, const ph_code_cell *cells, size_t count,
    const char *which)
{
	char key[PH_CODES_KEY_MAX];
	size_t length;
	if (!ph_codes_join(cells, count, key, &length))
		return refuse(l, r, cells[0].node, "PH2105 the key is too long");
	const ph_code_row *before = ph_table_get(table, key, length);
	if (before == NULL || before->layer < r->layer)
		return ph_table_put(table, key, length, r, l->err) == PH_OK;
	ph_config_fail(l->err, l->codes->layers[r->layer], cells[0].node,
	    "PH2106 a second row with * in %s for this key; the first is line %u",
	    which, before->node->line);
	return false;
}

/* Patterns: the uppermost layer first, then those with more letters, then regular expressions. */
static int
compare_open(const void *a, const void *b)
{
	const ph_code_row *x = *(ph_code_row *const *) a,
			  *y = *(ph_code_row *const *) b;
	size_t letters[2] = {0, 0};
	for (size_t i = 0; i < PH_TUPLE_MAX; i++) {
		letters[0] += x->vendor[i].length + (x->vendor[i].open ? 0 : 1);
		letters[1] += y->vendor[i].length + (y->vendor[i].open ? 0 : 1);
	}
	if (x->layer != y->layer)
		return x->layer > y->layer ? -1 : 1;
	if (x->regular != y->regular)
		return x->regular ? 1 : -1;
	if (!x->regular && letters[0] != letters[1])
		return letters[0] > letters[1] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Two patterns of a layer that one code can fit must be one inside the other. */
static bool
check_open(load *l)
{
	const ph_codes *c = l->codes;
	for (size_t i = 0; i < c->open_count; i++)
		for (size_t k = 0; k < i; k++) {
			const ph_code_row *a = c->open[k], *b = c->open[i];
			bool nested = ph_codes_covers(b, a, c->vendor_count) &&
				      !ph_codes_covers(a, b, c->vendor_count);
			if (a->layer != b->layer || nested || a->regular ||
			    b->regular || !ph_codes_meet(a, b, c->vendor_count))
				continue;
			bool later = b->node->line > a->node->line;
			ph_config_fail(l->err, c->layers[a->layer],
			    (later ? b : a)->vendor[0].node,
			    "PH2110 a code can fit this pattern and that of line %u: "
			    "give its row a narrower one",
			    (later ? a : b)->node->line);
			return false;
		}
	return true;
}

static bool
index_rows(load *l)
{
	ph_codes *c = l->codes;
	c->open = calloc(c->count, sizeof(ph_code_row *));
	if (c->open == NULL || ph_table_new(&c->to_canonical, l->err) != PH_OK ||
	    ph_table_new(&c->to_vendor, l->err) != PH_OK)
		return no_memory(l);
	for (size_t i = 0; i < c->count; i++) {
		ph_code_row *r = &c->rows[i];
		if (r->canonical_word == PH_CODE_NONE && r->vendor_word == PH_CODE_NONE)
			continue;
		if (r->in && r->open)
			c->open[c->open_count++] = r;
		else if (r->in && !enter(l, c->to_canonical, r, r->vendor,
				      c->vendor_count, "in"))
			return false;
		if (r->out &&
		    !enter(l, c->to_vendor, r, r->canonical, c->canonical_count, "out"))
			return false;
	}
	qsort(c->open, c->open_count, sizeof(*c->open), compare_open);
	return check_open(l);
}

/* ---- the whole ---- */

/* The row that counts for the key of `r`, in and out; NULL for none. */
static const ph_code_row *
deciding_in(const ph_codes *c, const ph_code_row *r)
{
	char key[PH_CODES_KEY_MAX];
	size_t length;
	if (!ph_codes_join(r->vendor, c->vendor_count, key, &length))
		return NULL;
	return r->open ? r : ph_codes_inward(c, r->vendor, key, length);
}

static const ph_code_row *
deciding_out(const ph_codes *c, const ph_code_row *r)
{
	char key[PH_CODES_KEY_MAX];
	size_t length;
	if (!ph_codes_join(r->canonical, c->canonical_count, key, &length))
		return NULL;
	return ph_table_get(c->to_vendor, key, length);
}

/* A key of a row without star must have a starred row elsewhere. */
static bool
check_covered(load *l, const ph_code_row *r)
{
	static const char text[] =
	    "PH2107 no row has * in %s for this key: say which one counts";
	const ph_codes *c = l->codes;
	const ph_document *layer = c->layers[r->layer];
	if (c->in && r->vendor_word == PH_CODE_KEY && deciding_in(c, r) == NULL) {
		ph_config_fail(l->err, layer, r->vendor[0].node, text, "in");
		return false;
	}
	if (c->out && r->canonical_word == PH_CODE_KEY && deciding_out(c, r) == NULL) {
		ph_config_fail(l->err, layer, r->canonical[0].node, text, "out");
		return false;
	}
	return true;
}

/* Which rows still count, and whether every way there has a way back. */
static bool
settle(load *l, size_t cleared)
{
	ph_codes *c = l->codes;
	c->live = calloc(c->count, sizeof(ph_code_row *));
	if (c->live == NULL)
		return no_memory(l);
	for (size_t i = 0; i < c->count; i++) {
		ph_code_row *r = &c->rows[i];
		if (r->layer < cleared || (r->canonical_word == PH_CODE_NONE &&
					      r->vendor_word == PH_CODE_NONE))
			continue;
		if (!check_covered(l, r))
			return false;
		bool in = r->in && deciding_in(c, r) == r;
		bool out = r->out && deciding_out(c, r) == r;
		c->lossy |= in != out && r->canonical_word != PH_CODE_NONE &&
			    r->vendor_word != PH_CODE_NONE;
		bool counts = in || out || (!r->in && !r->out);
		r->in = in; /* and not what a layer above has taken */
		r->out = out;
		if (counts && r->canonical_word != PH_CODE_NONE &&
		    r->vendor_word != PH_CODE_NONE)
			c->live[c->live_count++] = r;
	}
	return true;
}

static bool
load_layers(load *l, const char *const *paths)
{
	size_t count = 0, cleared = 0;
	while (paths[count] != NULL)
		count++;
	PH_ASSERT(count > 0 && count <= PH_CODES_LAYERS);
	while (count > 0)
		if (!load_layer(l, paths[--count]))
			return false;
	for (size_t i = 0; i < l->codes->count; i++) {
		const ph_code_row *r = &l->codes->rows[i];
		if (r->canonical_word == PH_CODE_NONE && r->vendor_word == PH_CODE_NONE)
			cleared = r->layer;
	}
	return index_rows(l) && settle(l, cleared);
}

ph_status
ph_codes_load(const char *const *paths, const char *const *canonical,
    size_t canonical_count, const char *const *vendor, size_t vendor_count,
    ph_codes **out, ph_error *err)
{
	PH_ASSERT(canonical_count <= PH_TUPLE_MAX && vendor_count <= PH_TUPLE_MAX);
	ph_error own;
	ph_codes *codes = calloc(1, sizeof(*codes));
	if (codes == NULL || (codes->path = strdup(paths[0])) == NULL) {
		free(codes);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	codes->canonical_count = canonical_count;
	codes->vendor_count = vendor_count;
	load l = {.codes = codes,
	    .canonical = canonical,
	    .vendor = vendor,
	    .err = err == NULL ? &own : err};
	if (!load_layers(&l, paths)) {
		ph_codes_destroy(&codes);
		return l.err->status;
	}
	*out = codes;
	return PH_OK;
}
