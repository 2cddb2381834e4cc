/*
 * propose_text - a draft as the text of a map.
 */
#include <stdio.h>
#include <string.h>

#include "transform/workbench/propose_inner.h"

#define SURE	   80
#define LINE_WIDTH 88
#define VENDOR	   "  vendor: ["
#define CANONICAL  "  canonical: ["

typedef ph_draft_field field;
typedef ph_draft_target target;
typedef ph_draft drafting;

static void
write_head(drafting *d)
{
	const ph_proposal *p = d->p;
	ph_buffer_printf(d->out,
	    "# A first draft: read every line, above all those that are marked "
	    "unsure.\n"
	    "map: %s\ncanonical: %s@%u\nvendor:\n  format: %s\n",
	    p->name, ph_schema_entity(p->schema), ph_schema_version(p->schema),
	    p->format_name);
	if (p->record != NULL)
		ph_buffer_printf(d->out, "  record: %s\n", p->record);
	if (d->space_count > 0) {
		ph_buffer_text(d->out, "  namespaces:\n");
		for (size_t i = 0; i < d->space_count; i++)
			ph_buffer_printf(
			    d->out, "    n%zu: \"%s\"\n", i + 1, d->spaces[i]);
		if (d->one_space)
			ph_buffer_text(d->out, "  unprefixed: n1\n");
	}
	if (d->root[0] != 0)
		ph_buffer_printf(d->out, "  root: %s\n", d->root);
	if (d->each[0] != 0)
		ph_buffer_printf(d->out, "  each: %s\n", d->each);
	if (p->xsd != NULL)
		ph_buffer_printf(d->out, "  schema: %s\n", p->xsd);
	ph_buffer_text(d->out, "links:\n");
}

/* Has the sample's value the form that the canonical field asks for? */
static bool
has_form(const target *t)
{
	const ph_node *node = t->source->node;
	return t->rule->pattern == NULL || node->text == NULL ||
	       ph_pattern_match(t->rule->pattern, node->text, node->length, NULL) ==
		   PH_MATCH_YES;
}

/* What there is to think about in a link; "" if nothing. A value that is made up says little. */
static void
doubt(const drafting *d, const target *t, char out[200])
{
	const field *f = t->source;
	const char *pattern = ph_node_text(t->rule->node, "pattern");
	bool made = d->p->made != NULL;
	out[0] = 0;
	if (t->rule->value_count > 0)
		snprintf(out, 200, "a code table is wanted: | codes(FILE.csv)");
	else if (f->looks == PH_LOOKS_EMPTY && !made)
		snprintf(out, 200, "the sample has no value here");
	else if (!has_form(t) && made)
		snprintf(out, 200, "its values match %.120s: a code table?", pattern);
	else if (!has_form(t))
		snprintf(out, 200,
		    "the sample's value does not match %.120s: a code table?", pattern);
	else if (t->score < SURE)
		snprintf(out, 200, "only the names are a little alike");
	else if (f->looks == PH_LOOKS_TIME)
		snprintf(out, 200, "is the time zone right?");
}

/* What a link needs beside its fields. */
static void
write_conversion(drafting *d, const target *t)
{
	const field *f = t->source;
	const ph_rule *rule = t->rule;
	bool shorter = rule->length.has_most && rule->length.most <= f->longest;
	if (f->conversion[0] != 0 &&
	    (f->looks == PH_LOOKS_TIME || f->looks == PH_LOOKS_BOOLEAN))
		ph_buffer_printf(d->out, " | %s", f->conversion);
	else if (f->longest > 0 && f->looks == PH_LOOKS_TEXT && !shorter &&
		 rule->value_count == 0 && rule->pattern == NULL)
		ph_buffer_printf(d->out, " | fit(%zu)", f->longest);
}

/* attributes[code] <-> fields[key]/value */
static void
write_list(drafting *d, const target *t)
{
	const field *name = t->source, *value = t->other;
	size_t own = ph_draft_list_of(t->path), its = ph_draft_list_of(name->path);
	if (ph_guess_names(t->path + own, value->path + its) >
	    ph_guess_names(t->path + own, name->path + its)) {
		name = t->other;
		value = t->source;
	}
	ph_buffer_printf(d->out,
	    "  - %.*s[%s] <-> %.*s[%s]/%s # unsure: a list of names and values?\n",
	    (int) own - 2, t->path, t->path + own + 1, (int) its - 2, name->path,
	    name->path + its + 1, value->path + its + 1);
}

static void
write_link(drafting *d, const target *t)
{
	char why[200];
	doubt(d, t, why);
	ph_buffer_printf(d->out, "  - %s <-> %s", t->path, t->source->path);
	write_conversion(d, t);
	ph_buffer_printf(d->out, "%s%s\n", why[0] != 0 ? " # unsure: " : "", why);
}

/* A field of another branch than the one that is linked: what its link would be, as a comment. */
static void
write_instead(drafting *d, field *f)
{
	const target *best = NULL;
	unsigned most = PH_DRAFT_LEAST - 1;
	for (size_t i = 0; i < d->target_count; i++) {
		const target *t = &d->targets[i];
		unsigned score = t->listed ? 0 : ph_draft_score(t, f);
		if (score > most) {
			most = score;
			best = t;
		}
	}
	if (best == NULL)
		return;
	target other = *best;
	other.source = f;
	ph_buffer_printf(d->out, "  # - %s <-> %s", other.path, f->path);
	write_conversion(d, &other);
	ph_buffer_printf(d->out, " # the vendor's schema has this or %s: choose one\n",
	    f->instead->path);
}

/* A field that the vendor's schema requires and nothing canonical is like. */
static void
write_required(drafting *d, field *f)
{
	bool plain = true;
	for (size_t i = 0; i < f->node->length; i++)
		plain &= strchr("\"\\:#", f->node->text[i]) == NULL;
	f->linked = true;
	ph_buffer_printf(d->out,
	    "  - const(\"%s\") -> %s # unsure: the vendor's schema requires it\n",
	    plain ? f->node->text : "", f->path);
}

/* A required field that nothing in the sample is like. */
static void
write_missing(drafting *d, const target *t)
{
	const char *why = d->p->made == NULL
			      ? "required, and nothing in the sample is like it"
			      : "required, and nothing of the vendor's is like it";
	if (strcmp(t->path, ph_schema_subject(d->p->schema)) == 0 &&
	    ph_schema_id_prefix(d->p->schema)[0] != 0)
		ph_buffer_printf(d->out,
		    "  - %s <- const(\"\") # unsure: %s: or a field and | mint(%s)\n",
		    t->path, why, ph_schema_entity(d->p->schema));
	else if (t->rule->date_time)
		ph_buffer_printf(
		    d->out, "  - %s <- $accepted_at # unsure: %s\n", t->path, why);
	else if (t->rule->value_count > 0)
		ph_buffer_printf(d->out, "  - %s <- const(\"%s\") # unsure: %s\n",
		    t->path, t->rule->values[0], why);
	else
		ph_buffer_printf(
		    d->out, "  - %s <- const(\"\") # unsure: %s\n", t->path, why);
}

static bool
is_open(const target *t)
{
	return t->source == NULL && !t->listed && !(t->required && !t->many);
}

/* May the whole of the first name be dropped? */
static bool
whole_is_open(const drafting *d, const char *path, size_t length)
{
	for (size_t i = 0; i < d->target_count; i++) {
		const target *t = &d->targets[i];
		if (strncmp(t->path, path, length) == 0 &&
		    strchr(".[", t->path[length]) != NULL && !is_open(t))
			return false;
	}
	return true;
}

/* One item of a list, quoted where YAML would read it otherwise; a new line when it is full. */
static void
write_item(drafting *d, const char *text, size_t length, size_t *column)
{
	bool plain = length > 0;
	for (size_t i = 0; i < length; i++)
		plain &= strchr(" ,[]{}:#'\"&*!|>%@`", text[i]) == NULL;
	bool first = d->out->length > 0 && d->out->data[d->out->length - 1] == '[';
	if (!first)
		ph_buffer_text(d->out, ",");
	*column += first ? 0 : 2;
	if (*column + length + 4 > LINE_WIDTH) {
		ph_buffer_text(d->out, "\n    ");
		*column = 4;
	} else if (!first) {
		ph_buffer_text(d->out, " ");
	}
	ph_buffer_text(d->out, plain ? "" : "\"");
	for (size_t i = 0; i < length; i++) {
		if (!plain && (text[i] == '"' || text[i] == '\\'))
			ph_buffer_text(d->out, "\\");
		ph_buffer_append(d->out, text + i, 1);
	}
	ph_buffer_text(d->out, plain ? "" : "\"");
	*column += length + (plain ? 0u : 2u);
}

static void
write_canonical_drop(drafting *d)
{
	size_t column = strlen(CANONICAL);
	ph_buffer_text(d->out, CANONICAL);
	for (size_t i = 0; i < d->target_count; i++) {
		const target *t = &d->targets[i];
		size_t length = strcspn(t->path, ".["), seen = i;
		if (!is_open(t))
			continue;
		bool whole = whole_is_open(d, t->path, length);
		/* the whole once */
		for (size_t k = 0; whole && k < i && seen == i; k++)
			if (strncmp(d->targets[k].path, t->path, length) == 0 &&
			    strchr(".[", d->targets[k].path[length]) != NULL)
				seen = k;
		if (seen == i)
			write_item(
			    d, t->path, whole ? length : strlen(t->path), &column);
	}
}

/* The first step of its path, as a path; a name that no path can quote as it is. */
static void
top_of(const field *f, char out[PH_DRAFT_PATH])
{
	bool quoted = false;
	size_t length = 0;
	for (; f->path[length] != 0 && (quoted || f->path[length] != '/'); length++)
		quoted ^= f->path[length] == '\'';
	if (f->path[0] == '.' || quoted || strchr(f->top, '\'') != NULL)
		snprintf(out, PH_DRAFT_PATH, "%s", f->top);
	else
		snprintf(out, PH_DRAFT_PATH, "%.*s",
		    (int) (length > 2 && f->path[length - 1] == ']' ? length - 2
								    : length),
		    f->path);
}

static void
write_vendor_drop(drafting *d)
{
	size_t column = strlen(VENDOR);
	ph_buffer_text(d->out, VENDOR);
	for (size_t i = 0; i < d->field_count; i++) {
		const field *f = &d->fields[i];
		bool linked = false, seen = false;
		for (size_t k = 0; k < d->field_count; k++) {
			if (d->fields[k].top != f->top)
				continue;
			linked |= d->fields[k].linked;
			seen |= k < i && !d->fields[k].linked;
		}
		if (f->linked || (!linked && seen))
			continue;
		char top[PH_DRAFT_PATH];
		top_of(f, top);
		const char *text = linked ? f->path : top;
		write_item(d, text, strlen(text), &column);
	}
}

/* The links of one field; false: it has none. */
static bool
write_links_of(drafting *d, const field *f)
{
	bool any = false;
	for (size_t i = 0; i < d->target_count; i++) {
		const target *t = &d->targets[i];
		if (t->source != f)
			continue;
		any = true;
		if (t->value != NULL)
			write_list(d, t);
		else
			write_link(d, t);
	}
	return any;
}

/* In the order of the sample: so it is written out again; then what is missing. */
static bool
write_links(drafting *d)
{
	bool any = false;
	for (size_t k = 0; k < d->field_count; k++) {
		field *f = &d->fields[k];
		any |= write_links_of(d, f);
		if (f->instead != NULL)
			write_instead(d, f);
		if (f->required && !f->linked && !f->many)
			write_required(d, f);
	}
	for (size_t i = 0; i < d->target_count; i++) {
		const target *t = &d->targets[i];
		if (t->source == NULL && !is_open(t) && !t->listed)
			write_missing(d, t);
	}
	return any;
}

void
ph_draft_write(drafting *d)
{
	bool canonical = false, vendor = false;
	write_head(d);
	bool any = write_links(d);
	for (size_t i = 0; i < d->target_count; i++)
		canonical |= is_open(&d->targets[i]);
	for (size_t i = 0; i < d->field_count; i++)
		vendor |= !d->fields[i].linked;
	if (canonical || vendor)
		ph_buffer_text(d->out, "drop:\n");
	if (vendor) {
		write_vendor_drop(d);
		ph_buffer_text(d->out, "]\n");
	}
	if (canonical) {
		write_canonical_drop(d);
		ph_buffer_text(d->out, "]\n");
	}
	if (!any)
		ph_buffer_text(d->out,
		    "# Nothing of the vendor's is like a field of the "
		    "schema by its name.\n");
}
