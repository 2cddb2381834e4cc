/*
 * propose - fields are paired best first: of all pairs that could be, the one with the most alike
 * names, and so on until nothing is alike enough.
 */
#include "transform/workbench/propose.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/codec.h"
#include "transform/workbench/propose_inner.h"

#define DEPTH_MAX 8
#define PLAIN_MAX 3 /* an envelope has no more fields of its own */

typedef ph_draft_field field;
typedef ph_draft_target target;
typedef ph_draft drafting;

/* ---- the record ---- */

static bool
is_branch(const ph_node *node)
{
	return node->kind == PH_NODE_OBJECT && node->first != NULL;
}

/* A text of its own, with attributes beside it perhaps? */
static bool
has_text(const ph_node *node)
{
	const char *text = node->text == NULL ? "" : node->text;
	return text[strspn(text, " \t\r\n")] != 0;
}

static bool
leads_on(const ph_node *node)
{
	return is_branch(node) && !has_text(node);
}

/* A list or repetition of objects? */
static bool
repeats(const ph_node *node)
{
	if (node->kind == PH_NODE_LIST)
		return node->first != NULL && node->first->kind == PH_NODE_OBJECT;
	return ph_node_next_same(node) != NULL && leads_on(node);
}

/* "c:Name", 'a b' */
static void
write_name(drafting *d, const ph_node *node, char out[PH_DRAFT_PATH])
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
	snprintf(out, PH_DRAFT_PATH, "%s%s%s%s%s",
	    (node->flags & PH_NODE_ATTRIBUTE) != 0 ? "@" : "", prefix, plain ? "" : "'",
	    node->name, plain ? "" : "'");
}

static void
add_step(drafting *d, char way[PH_DRAFT_PATH], const ph_node *node)
{
	char name[PH_DRAFT_PATH], whole[2 * PH_DRAFT_PATH + 2];
	write_name(d, node, name);
	snprintf(whole, sizeof(whole), "%s%s%s", way, way[0] != 0 ? "/" : "", name);
	memcpy(way, whole, PH_DRAFT_PATH - 1);
	way[PH_DRAFT_PATH - 1] = 0;
}

/* Plain fields of the node itself. */
static size_t
count_plain(const ph_node *node)
{
	size_t count = 0;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		count += !leads_on(n) && n->kind != PH_NODE_LIST &&
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
		    (!leads_on(n) && n->kind != PH_NODE_LIST))
			continue;
		if (found != NULL && n->name != found->name)
			return NULL;
		if (found == NULL)
			found = n;
	}
	bool leads = found != NULL &&
		     (repeats(found) || (leads_on(found) && count_plain(node) == 0));
	return leads ? found : NULL;
}

static void add_field(
    drafting *d, const char *path, const char *top, bool many, const ph_node *node);

/* What a record's parent says of it too. */
static void
add_parent(drafting *d, const ph_node *parent)
{
	for (const ph_node *n = parent->first; n != NULL; n = n->next) {
		char path[PH_DRAFT_PATH] = "..";
		if (leads_on(n) || n->kind == PH_NODE_LIST)
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

/* Down to a record that is known. */
static void
add_way(drafting *d, const ph_node *record)
{
	if (record->parent == NULL) {
		add_step(d, d->root, record);
		return;
	}
	add_way(d, record->parent);
	bool many = ph_node_next_same(record) != NULL || d->each[0] != 0;
	add_step(d, many ? d->each : d->root, record);
}

static void
note_spaces(drafting *d, const ph_node *node)
{
	size_t i = 0;
	if (node->space != NULL) {
		while (i < d->space_count && strcmp(d->spaces[i], node->space) != 0)
			i++;
		if (i == d->space_count && i < PH_DRAFT_SPACES)
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
	if (d->field_count == PH_DRAFT_FIELDS)
		return;
	field *f = &d->fields[d->field_count++];
	snprintf(f->path, PH_DRAFT_PATH, "%s", path);
	f->top = top;
	f->node = node;
	f->many = many;
	f->looks = ph_guess_value(node, f->conversion, sizeof(f->conversion));
	const ph_xsd_fact *fact =
	    d->p->made == NULL ? NULL : ph_xsd_sample_fact(d->p->made, node);
	f->fact = fact;
	f->required = fact != NULL && fact->required;
	f->longest = fact == NULL ? 0 : fact->longest;
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
		char path[PH_DRAFT_PATH];
		bool repeated = n->kind == PH_NODE_LIST || ph_node_next_same(n) != NULL;
		snprintf(path, sizeof(path), "%s", way);
		add_step(d, path, n);
		if (repeated && strlen(path) < PH_DRAFT_PATH - 3)
			strcat(path, "[]");
		const char *first = top == NULL ? n->name : top;
		const ph_node *inner = n;
		if (is_repetition(node, n))
			continue;
		if (n->kind == PH_NODE_LIST)
			inner = n->first;
		if (inner == NULL || (repeated && many))
			continue;
		if (!leads_on(inner))
			add_field(d, path, first, many || repeated, inner);
		if (is_branch(inner))
			add_fields(d, inner, path, first, many || repeated, depth + 1);
	}
}

static bool
add_target(void *self, const char *path, const ph_rule *rule, bool required)
{
	drafting *d = self;
	if (d->target_count == PH_DRAFT_FIELDS)
		return false;
	target *t = &d->targets[d->target_count++];
	snprintf(t->path, PH_DRAFT_PATH, "%s", path);
	t->rule = rule;
	t->required = required;
	t->many = strchr(path, '[') != NULL;
	return true;
}

/* ---- pairs ---- */

/* A record has no more than one branch of a choice, so no more is linked. */
static void
link_field(drafting *d, field *f)
{
	f->linked = true;
	for (size_t i = 0; f->fact != NULL && i < d->field_count; i++) {
		field *other = &d->fields[i];
		if (other->instead == NULL && other->fact != NULL &&
		    ph_xsd_sample_excludes(f->fact, other->fact))
			other->instead = f;
	}
}

static void
pair(drafting *d)
{
	for (;;) {
		target *best = NULL;
		field *with = NULL;
		unsigned most = PH_DRAFT_LEAST - 1;
		for (size_t i = 0; i < d->target_count; i++)
			for (size_t k = 0; k < d->field_count; k++) {
				target *t = &d->targets[i];
				field *f = &d->fields[k];
				unsigned score = t->source != NULL || t->listed ||
							 f->linked || f->instead != NULL
						     ? 0
						     : ph_draft_score(t, f);
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
		link_field(d, with);
	}
}

/* ---- name/value lists ---- */

/* The other field of a list that has just two, after this one. */
static field *
second_field(drafting *d, const field *first)
{
	size_t length = ph_draft_list_of(first->path);
	field *found = NULL;
	for (size_t i = 0; length > 0 && i < d->field_count; i++) {
		field *f = &d->fields[i];
		if (f == first || f->linked || f->instead != NULL ||
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
	size_t length = ph_draft_list_of(first->path);
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
			if (f->linked || f->instead != NULL || other == NULL)
				continue;
			t->source = f;
			t->value = value;
			t->other = other;
			t->listed = value->listed = true;
			link_field(d, f);
			link_field(d, other);
			value = NULL;
		}
	}
}

static ph_status
draft(drafting *d, ph_error *err)
{
	ph_node *root = ph_document_root(d->p->sample), *header;
	if (root != NULL && d->p->format == PH_MAP_SOAP && d->p->made == NULL &&
	    ph_soap_unwrap(d->p->sample, &header, &root, err) != PH_OK)
		return PH_ERR_INVALID;
	if (root == NULL || root->kind != PH_NODE_OBJECT || root->first == NULL)
		return ph_fail(err, PH_ERR_INVALID,
		    d->p->made == NULL
			? "PH7308 there is no record in the sample: an object with "
			  "fields is wanted"
			: "PH7308 there is no record there: the element has no fields "
			  "of its own");
	if (d->p->made == NULL && root->space != NULL &&
	    strcmp(root->space, "http://www.w3.org/2001/XMLSchema") == 0)
		return ph_fail(err, PH_ERR_INVALID,
		    "PH7308 this sample is an XML schema: give it a name that ends in "
		    ".xsd");
	d->one_space = true;
	note_spaces(d, root);
	d->one_space &= d->space_count == 1;
	const ph_node *record = root;
	if (d->p->made != NULL && d->p->made->record != NULL) {
		record = d->p->made->record;
		add_way(d, record);
	} else if (d->p->row != NULL) {
		add_step(d, d->each, root->first);
		record = root->first;
	} else {
		record = find_record(d, root);
	}
	add_fields(d, record, "", NULL, false, 0);
	ph_schema_each(d->p->schema, add_target, d);
	pair_lists(d);
	pair(d);
	ph_draft_write(d);
	return d->out->failed ? ph_fail(err, PH_ERR_NOMEM, "out of memory") : PH_OK;
}

ph_status
ph_propose(const ph_proposal *proposal, ph_buffer *out, ph_error *err)
{
	drafting d = {.p = proposal, .out = out};
	ph_arena *arena = ph_document_arena(proposal->sample);
	d.fields = ph_arena_zalloc(arena, PH_DRAFT_FIELDS * sizeof(*d.fields));
	d.targets = ph_arena_zalloc(arena, PH_DRAFT_FIELDS * sizeof(*d.targets));
	if (d.fields == NULL || d.targets == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	return draft(&d, err);
}
