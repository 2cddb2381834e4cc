/*
 * diff_codes - rows of two code tables: those that are the same in every cell first, then those
 * that share one column with each other and with no third, told cell by cell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/config.h"
#include "transform/workbench/map_diff.h"

#define LINE 1024

typedef struct table {
	ph_document *document;
	const ph_node **rows; /* NULL: matched */
	size_t count;
} table;

typedef struct comparison {
	table old, new;
	const char *name; /* of the file */
	ph_diff_tell *tell;
	void *self;
} comparison;

static ph_status
open_table(table *t, const char *path, ph_error *err)
{
	ph_status status = ph_csv_load(path, &t->document, err);
	if (status != PH_OK)
		return status;
	const ph_node *root = ph_document_root(t->document);
	size_t room = root == NULL ? 1 : (size_t) root->count + 1;
	t->rows = calloc(room, sizeof(const ph_node *));
	if (t->rows == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	for (const ph_node *n = root == NULL ? NULL : root->first; n != NULL;
	     n = n->next)
		t->rows[t->count++] = n;
	return PH_OK;
}

static void
close_table(table *t)
{
	free(t->rows);
	ph_document_destroy(&t->document);
}

static const char *
cell(const ph_node *row, const char *name)
{
	const char *text = ph_node_text(row, name);
	return text == NULL ? "" : text;
}

static bool
same_row(const ph_node *a, const ph_node *b)
{
	for (const ph_node *n = a->first; n != NULL; n = n->next)
		if (strcmp(n->text, cell(b, n->name)) != 0)
			return false;
	for (const ph_node *n = b->first; n != NULL; n = n->next)
		if (ph_node_get(a, n->name) == NULL && n->length > 0)
			return false;
	return true;
}

/* "ServiceCode HM, SubjectCode POTH, canonical potholes" */
static void
row_words(const ph_node *row, char out[LINE])
{
	size_t at = 0;
	out[0] = 0;
	for (const ph_node *n = row->first; n != NULL && at < LINE; n = n->next) {
		bool star = strcmp(n->name, "in") == 0 || strcmp(n->name, "out") == 0;
		if (n->length == 0)
			continue;
		at += (size_t) snprintf(out + at, LINE - at, "%s%s%s%s",
		    at > 0 ? ", " : "", n->name, star ? "" : " ", star ? "" : n->text);
	}
}

static void
tell_row(comparison *c, const table *t, const ph_node *row, const char *change,
    const char *text)
{
	char where[PH_ERROR_WHERE];
	ph_node_where(t->document, row, where, sizeof(where));
	c->tell(c->self, "code", change, where, text);
}

static void
tell_whole(comparison *c, const table *t, const ph_node *row, bool added)
{
	char words[LINE], text[2 * LINE];
	row_words(row, words);
	snprintf(text, sizeof(text), "%s: %s: %s", c->name,
	    added ? "a new row" : "the row is gone", words);
	tell_row(c, t, row, added ? "added" : "removed", text);
}

static void
tell_cells(comparison *c, const ph_node *old, const ph_node *new)
{
	char words[LINE], text[3 * LINE];
	row_words(new, words);
	size_t at = (size_t) snprintf(text, sizeof(text), "%s: %s", c->name, words);
	for (const ph_node *n = new->first; n != NULL &&at < sizeof(text);
	     n = n->next) {
		const char *was = cell(old, n->name);
		if (strcmp(was, n->text) == 0)
			continue;
		at += (size_t) snprintf(text + at, sizeof(text) - at,
		    "; %s was %s, is now %s", n->name, was[0] == 0 ? "empty" : was,
		    n->length == 0 ? "empty" : n->text);
	}
	for (const ph_node *n = old->first; n != NULL && at < sizeof(text); n = n->next)
		if (n->length > 0 && ph_node_get(new, n->name) == NULL)
			at += (size_t) snprintf(text + at, sizeof(text) - at,
			    "; %s was %s, is gone", n->name, n->text);
	tell_row(c, &c->new, new, "changed", text);
}

static void
match_same(comparison *c)
{
	for (size_t i = 0; i < c->old.count; i++)
		for (size_t k = 0; k < c->new.count && c->old.rows[i] != NULL; k++)
			if (c->new.rows[k] != NULL &&
			    same_row(c->old.rows[i], c->new.rows[k]))
				c->old.rows[i] = c->new.rows[k] = NULL;
}

/* The only unmatched row with that cell; the count if there is none, or a second. */
static size_t
only(const table *t, const char *column, const char *text)
{
	size_t found = t->count;
	for (size_t i = 0; i < t->count; i++) {
		if (t->rows[i] == NULL || strcmp(cell(t->rows[i], column), text) != 0)
			continue;
		if (found < t->count)
			return t->count;
		found = i;
	}
	return found;
}

static void
match_by(comparison *c, const char *column)
{
	for (size_t i = 0; i < c->old.count; i++) {
		const ph_node *row = c->old.rows[i];
		if (row == NULL || cell(row, column)[0] == 0)
			continue;
		const char *text = cell(row, column);
		size_t other = only(&c->new, column, text);
		if (other == c->new.count || only(&c->old, column, text) != i)
			continue;
		tell_cells(c, row, c->new.rows[other]);
		c->old.rows[i] = c->new.rows[other] = NULL;
	}
}

static void
compare(comparison *c)
{
	const ph_node *root = ph_document_root(c->new.document);
	const ph_node *first = root == NULL ? NULL : root->first;
	match_same(c);
	match_by(c, "canonical");
	for (const ph_node *n = first == NULL ? NULL : first->first; n != NULL;
	     n = n->next)
		if (strcmp(n->name, "in") != 0 && strcmp(n->name, "out") != 0)
			match_by(c, n->name);
	for (size_t i = 0; i < c->old.count; i++)
		if (c->old.rows[i] != NULL)
			tell_whole(c, &c->old, c->old.rows[i], false);
	for (size_t i = 0; i < c->new.count; i++)
		if (c->new.rows[i] != NULL)
			tell_whole(c, &c->new, c->new.rows[i], true);
}

ph_status
ph_codes_diff(
    const char *old, const char *new, ph_diff_tell *tell, void *self, ph_error *err)
{
	const char *slash = strrchr(new, '/');
	comparison c = {
	    .name = slash == NULL ? new : slash + 1, .tell = tell, .self = self};
	ph_status status = open_table(&c.old, old, err);
	if (status == PH_OK)
		status = open_table(&c.new, new, err);
	if (status == PH_OK)
		compare(&c);
	close_table(&c.old);
	close_table(&c.new);
	return status;
}
