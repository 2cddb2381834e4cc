/*
 * propose - fields are paired best first: of all pairs that could be, the one with the most alike
 * names, and so on until nothing is alike enough.
 */
#include "transform/workbench/propose.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/codec.h"
#include "transform/workbench/guess.h"
#include "transform/schema_inner.h"

#define FIELDS_MAX 512
#define PATH	   256
#define LEAST	   50 /* names less alike are no pair */
#define SURE	   80
#define SPACES_MAX 8
#define DEPTH_MAX  8
#define LINE_WIDTH 88
#define VENDOR	   "  vendor: ["
#define CANONICAL  "  canonical: ["
#define PLAIN_MAX  3 /* an envelope has no more fields of its own */

typedef struct field {
	char path[PATH];
	const char *top; /* its first name */
	const ph_node *node;
	bool many, linked;
	ph_looks looks;
	char conversion[64];
} field;

typedef struct target {
	char path[PATH];
	const ph_rule *rule;
	bool required, many;
	field *source;
	unsigned score;
	bool listed; /* in a name/value list; the first of the two has: */
	struct target *value;
	field *other;
} target;

typedef struct drafting {
	const ph_proposal *p;
	ph_buffer *out;
	field *fields;
	size_t field_count;
	target *targets;
	size_t target_count;
	const char *spaces[SPACES_MAX]; /* namespaces, by prefix number */
	size_t space_count;
	bool one_space; /* of all names: they go without prefixes */
	char root[PATH], each[PATH];
	unsigned each_depth;
} drafting;

/* ---- the record ---- */

static bool
is_branch(const ph_node *node)
{
	return node->kind == PH_NODE_OBJECT && node->first != NULL;
}

/* A list or repetition of objects? */
static bool
repeats(const ph_node *node)
{
	if (node->kind == PH_NODE_LIST)
		return node->first != NULL && node->first->kind == PH_NODE_OBJECT;
	return ph_node_next_same(node) != NULL && is_branch(node);
}

/* "c:Name", 'a b' */
static void
write_name(drafting *d, const ph_node *node, char out[PATH])
{
	const char *prefix = "";
	char number[24];
	if (node->space != NULL && !d->one_space)
		for (size_t i = 0; i < d->space_count; i++)
			if (strcmp(d->spaces[i], node->space) == 0) {
				snprintf(number, sizeof(number), "n%zu:", i + 1);
				prefix = number;
			}
	bool plain = true;
	for (const char *c = node->name; *c != 0; c++)
		plain &= (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			 (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
	snprintf(out, PATH, "%s%s%s%s%s",
	    (node->flags & PH_NODE_ATTRIBUTE) != 0 ? "@" : "", prefix, plain ? "" : "'",
	    node->name, plain ? "" : "'");
}

static void
add_step(drafting *d, char way[PATH], const ph_node *node)
{
	char name[PATH], whole[2 * PATH + 2];
	write_name(d, node, name);
	snprintf(whole, sizeof(whole), "%s%s%s", way, way[0] != 0 ? "/" : "", name);
	memcpy(way, whole, PATH - 1);
	way[PATH - 1] = 0;
}

/* Plain fields of the node itself. */
static size_t
count_plain(const ph_node *node)
{
	size_t count = 0;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		count += !is_branch(n) && n->kind != PH_NODE_LIST &&
			 (n->flags & PH_NODE_ATTRIBUTE) == 0;
	return count;
}

/* The only child that leads on; NULL if the record is here: it has more than a few fields itself. */
static const ph_node *
leading(const ph_node *node)
{
	const ph_node *found = NULL;
	if (count_plain(node) > PLAIN_MAX)
		return NULL;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		if ((n->flags & PH_NODE_ATTRIBUTE) != 0 ||
		    (!is_branch(n) && n->kind != PH_NODE_LIST))
			continue;
		if (found != NULL && n->name != found->name)
			return NULL;
		if (found == NULL)
			found = n;
	}
	bool leads = found != NULL &&
		     (repeats(found) || (is_branch(found) && count_plain(node) == 0));
	return leads ? found : NULL;
}

static void add_field(
    drafting *d, const char *path, const char *top, bool many, const ph_node *node);

/* What a record's parent says of it too. */
static void
add_parent(drafting *d, const ph_node *parent)
{
	for (const ph_node *n = parent->first; n != NULL; n = n->next) {
		char path[PATH] = "..";
		if (is_branch(n) || n->kind == PH_NODE_LIST)
			continue;
		add_step(d, path, n);
		add_field(d, path, n->name, false, n);
	}
}

static const ph_node *
find_record(drafting *d, const ph_node *root)
{
	const ph_node *node = root;
	bool xml = d->p->format == PH_MAP_XML || d->p->format == PH_MAP_SOAP;
	if (xml)
		add_step(d, d->root, root);
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		const ph_node *next = leading(node);
		if (next == NULL)
			break;
		bool many = repeats(next) || d->each[0] != 0;
		add_step(d, many ? d->each : d->root, next);
		if (many && next->kind != PH_NODE_LIST && d->each_depth++ > 0)
			add_parent(d, node);
		node = next->kind == PH_NODE_LIST ? next->first : next;
	}
	return node;
}

static void
note_spaces(drafting *d, const ph_node *node)
{
	size_t i = 0;
	if (node->space != NULL) {
		while (i < d->space_count && strcmp(d->spaces[i], node->space) != 0)
			i++;
		if (i == d->space_count && i < SPACES_MAX)
			d->spaces[d->space_count++] = node->space;
	} else if ((node->flags & PH_NODE_ATTRIBUTE) == 0) {
		d->one_space = false;
	}
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		note_spaces(d, n);
}

/* ---- fields ---- */

static void
add_field(
    drafting *d, const char *path, const char *top, bool many, const ph_node *node)
{
	for (size_t i = 0; i < d->field_count; i++)
		if (strcmp(d->fields[i].path, path) == 0)
			return;
	if (d->field_count == FIELDS_MAX)
		return;
	field *f = &d->fields[d->field_count++];
	snprintf(f->path, PATH, "%s", path);
	f->top = top;
	f->node = node;
	f->many = many;
	f->looks = ph_guess_value(node, f->conversion, sizeof(f->conversion));
}

/* Has an earlier sibling the same name? */
static bool
is_repetition(const ph_node *parent, const ph_node *node)
{
	for (const ph_node *n = parent->first; n != node; n = n->next)
		if (n->name == node->name && n->space == node->space &&
		    (n->flags & PH_NODE_ATTRIBUTE) == (node->flags & PH_NODE_ATTRIBUTE))
			return true;
	return false;
}

static void
add_fields(drafting *d, const ph_node *node, const char *way, const char *top,
    bool many, unsigned depth)
{
	for (const ph_node *n = node->first; n != NULL && depth < DEPTH_MAX;
	     n = n->next) {
		char path[PATH];
		bool repeated = n->kind == PH_NODE_LIST || ph_node_next_same(n) != NULL;
		snprintf(path, sizeof(path), "%s", way);
		add_step(d, path, n);
		if (repeated && strlen(path) < PATH - 3)
			strcat(path, "[]");
		const char *first = top == NULL ? n->name : top;
		const ph_node *inner = n;
		if (is_repetition(node, n))
			continue;
		if (n->kind == PH_NODE_LIST)
			inner = n->first;
		if (inner == NULL || (repeated && many))
			continue;
		if (is_branch(inner))
			add_fields(d, inner, path, first, many || repeated, depth + 1);
		else
			add_field(d, path, first, many || repeated, inner);
	}
}

static bool
add_target(void *self, const char *path, const ph_rule *rule, bool required)
{
	drafting *d = self;
	if (d->target_count == FIELDS_MAX)
		return false;
	target *t = &d->targets[d->target_count++];
	snprintf(t->path, PATH, "%s", path);
	t->rule = rule;
	t->required = required;
	t->many = strchr(path, '[') != NULL;
	return true;
}

/* ---- pairs ---- */

static const char *
leaf_of(const char *path, char separator)
{
	const char *last = strrchr(path, separator);
	return last == NULL ? path : last + 1;
}

static unsigned
score_of(const target *t, const field *f)
{
	if (t->many != f->many || !ph_guess_fits(t->rule, f->looks))
		return 0;
	unsigned whole = ph_guess_names(t->path, f->path);
	unsigned leaf = ph_guess_names(leaf_of(t->path, '.'), leaf_of(f->path, '/'));
	leaf = leaf * 4 / 5;
	unsigned score = whole > leaf ? whole : leaf;
	/* a time beside a time says more than its name */
	return score > 0 && f->looks == PH_LOOKS_TIME ? score + 5 : score;
}

static void
pair(drafting *d)
{
	for (;;) {
		target *best = NULL;
		field *with = NULL;
		unsigned most = LEAST - 1;
		for (size_t i = 0; i < d->target_count; i++)
			for (size_t k = 0; k < d->field_count; k++) {
				target *t = &d->targets[i];
				field *f = &d->fields[k];
				unsigned score =
				    t->source != NULL || t->listed || f->linked
					? 0
					: score_of(t, f);
				if (score <= most)
					continue;
				most = score;
				best = t;
				with = f;
			}
		if (best == NULL)
			return;
		best->source = with;
		best->score = most;
		with->linked = true;
	}
}

/* ---- name/value lists ---- */

/* Bytes of "rows[]" at the beginning of the path; 0 if it is none. */
static size_t
list_of(const char *path)
{
	const char *marks = strstr(path, "[]");
	return marks == NULL ? 0 : (size_t) (marks - path) + 2;
}

/* The other field of a list that has just two, after this one. */
static field *
second_field(drafting *d, const field *first)
{
	size_t length = list_of(first->path);
	field *found = NULL;
	for (size_t i = 0; length > 0 && i < d->field_count; i++) {
		field *f = &d->fields[i];
		if (f == first || f->linked ||
		    strncmp(f->path, first->path, length) != 0)
			continue;
		if (found != NULL || f < first)
			return NULL;
		found = f;
	}
	return found;
}

static target *
second_target(drafting *d, const target *first)
{
	size_t length = list_of(first->path);
	target *found = NULL;
	for (size_t i = 0; length > 0 && i < d->target_count; i++) {
		target *t = &d->targets[i];
		if (t == first || t->listed ||
		    strncmp(t->path, first->path, length) != 0)
			continue;
		if (found != NULL || t < first)
			return NULL;
		found = t;
	}
	return found;
}

/* A list of names and values on both sides. */
static void
pair_lists(drafting *d)
{
	for (size_t i = 0; i < d->target_count; i++) {
		target *t = &d->targets[i], *value = second_target(d, t);
		for (size_t k = 0; value != NULL && k < d->field_count; k++) {
			field *f = &d->fields[k], *other = second_field(d, f);
			if (f->linked || other == NULL)
				continue;
			t->source = f;
			t->value = value;
			t->other = other;
			t->listed = value->listed = f->linked = other->linked = true;
			value = NULL;
		}
	}
}

/* ---- writing ---- */

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

/* What there is to think about in a link; "" if nothing. */
static void
doubt(const target *t, char out[200])
{
	const field *f = t->source;
	const char *pattern = ph_node_text(t->rule->node, "pattern");
	out[0] = 0;
	if (t->rule->value_count > 0)
		snprintf(out, 200, "a code table is wanted: | codes(FILE.csv)");
	else if (f->looks == PH_LOOKS_EMPTY)
		snprintf(out, 200, "the sample has no value here");
	else if (!has_form(t))
		snprintf(out, 200,
		    "the sample's value does not match %.120s: a code table?", pattern);
	else if (t->score < SURE)
		snprintf(out, 200, "only the names are a little alike");
	else if (f->looks == PH_LOOKS_TIME)
		snprintf(out, 200, "is the time zone right?");
}

/* attributes[code] <-> fields[key]/value */
static void
write_list(drafting *d, const target *t)
{
	const field *name = t->source, *value = t->other;
	size_t own = list_of(t->path), its = list_of(name->path);
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
	const field *f = t->source;
	bool converted = f->conversion[0] != 0 &&
			 (f->looks == PH_LOOKS_TIME || f->looks == PH_LOOKS_BOOLEAN);
	doubt(t, why);
	ph_buffer_printf(d->out, "  - %s <-> %s%s%s%s%s\n", t->path, f->path,
	    converted ? " | " : "", converted ? f->conversion : "",
	    why[0] != 0 ? " # unsure: " : "", why);
}

/* A required field that nothing in the sample is like. */
static void
write_missing(drafting *d, const target *t)
{
	const char *why = "required, and nothing in the sample is like it";
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
		const char *text = linked ? f->path : f->top;
		write_item(d, text, strlen(text), &column);
	}
}

/* In the order of the sample: so it is written out again; then what is missing. */
static bool
write_links(drafting *d)
{
	bool any = false;
	for (size_t k = 0; k < d->field_count; k++)
		for (size_t i = 0; i < d->target_count; i++) {
			const target *t = &d->targets[i];
			if (t->source != &d->fields[k])
				continue;
			any = true;
			if (t->value != NULL)
				write_list(d, t);
			else
				write_link(d, t);
		}
	for (size_t i = 0; i < d->target_count; i++) {
		const target *t = &d->targets[i];
		if (t->source == NULL && !is_open(t) && !t->listed)
			write_missing(d, t);
	}
	return any;
}

static void
write_draft(drafting *d)
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
		ph_buffer_text(d->out, "# Nothing in the sample is like a field of the "
				       "schema by its name.\n");
}

static ph_status
draft(drafting *d, ph_error *err)
{
	ph_node *root = ph_document_root(d->p->sample), *header;
	if (root != NULL && d->p->format == PH_MAP_SOAP &&
	    ph_soap_unwrap(d->p->sample, &header, &root, err) != PH_OK)
		return PH_ERR_INVALID;
	if (root == NULL || root->kind != PH_NODE_OBJECT || root->first == NULL)
		return ph_fail(err, PH_ERR_INVALID,
		    "PH7308 there is no record in the sample: an object with fields is "
		    "wanted");
	d->one_space = true;
	note_spaces(d, root);
	d->one_space &= d->space_count == 1;
	const ph_node *record = root;
	if (d->p->row != NULL) {
		add_step(d, d->each, root->first);
		record = root->first;
	} else {
		record = find_record(d, root);
	}
	add_fields(d, record, "", NULL, false, 0);
	ph_schema_each(d->p->schema, add_target, d);
	pair_lists(d);
	pair(d);
	write_draft(d);
	return d->out->failed ? ph_fail(err, PH_ERR_NOMEM, "out of memory") : PH_OK;
}

ph_status
ph_propose(const ph_proposal *proposal, ph_buffer *out, ph_error *err)
{
	drafting d = {.p = proposal, .out = out};
	ph_arena *arena = ph_document_arena(proposal->sample);
	d.fields = ph_arena_zalloc(arena, FIELDS_MAX * sizeof(*d.fields));
	d.targets = ph_arena_zalloc(arena, FIELDS_MAX * sizeof(*d.targets));
	if (d.fields == NULL || d.targets == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	return draft(&d, err);
}
