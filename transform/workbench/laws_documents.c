/*
 * laws_documents - nodes are changed in place.
 */
#include "transform/workbench/laws_documents.h"

#include <stdio.h>
#include <string.h>

#include "transform/codes.h"
#include "transform/map_vendor.h"
#include "transform/schema_inner.h"

#define MEMORY ((size_t) 64 << 20)

typedef struct walk {
	const ph_names *names;
	const ph_path *path;
	ph_leaf *leaf;
	void *self;
} walk;

static void
follow(const walk *w, ph_node *node, size_t step)
{
	if (node->kind == PH_NODE_LIST) {
		for (ph_node *n = node->first, *next; n != NULL; n = next) {
			next = n->next;
			follow(w, n, step);
		}
		return;
	}
	if (step == w->path->count) {
		w->leaf(w->self, node);
		return;
	}
	const ph_step *s = &w->path->steps[step];
	if ((s->flags & PH_STEP_PARENT) != 0) {
		if (node->parent != NULL)
			follow(w, node->parent, step + 1);
		return;
	}
	const char *name = ph_names_text(w->names, s->name);
	for (ph_node *n = node->first, *next; n != NULL && name != NULL; n = next) {
		next = n->next;
		if (n->name != NULL && strcmp(n->name, name) == 0)
			follow(w, n, step + 1);
	}
}

void
ph_each_leaf(const ph_names *names, const ph_path *path, ph_node *record, ph_leaf *leaf,
    void *self)
{
	walk w = {names, path, leaf, self};
	follow(&w, record, 0);
}

static void
set_text(ph_document *document, ph_node *node, ph_node_kind kind, const char *text)
{
	const char *copy = ph_arena_strdup(ph_document_arena(document), text);
	if (copy == NULL)
		return;
	node->kind = (uint8_t) kind;
	node->text = copy;
	node->length = strlen(copy);
}

/* ---- bytes ---- */

ph_status
ph_laws_decode(const ph_map *map, bool canonical, const void *bytes, size_t length,
    ph_document **out, ph_error *err)
{
	ph_document *document;
	ph_xml_reader *reader = NULL;
	ph_status status = ph_document_new("sample", MEMORY, &document, err);
	if (status != PH_OK)
		return status;
	if (canonical)
		status = ph_json_decode(document, bytes, length, err);
	else
		status = ph_vendor_decode(map, document, &reader, bytes, length, err);
	ph_xml_reader_destroy(&reader);
	if (status != PH_OK) {
		ph_document_destroy(&document);
		return status;
	}
	*out = document;
	return PH_OK;
}

ph_status
ph_laws_encode(const ph_map *map, bool canonical, ph_document *document, ph_buffer *out,
    ph_error *err)
{
	ph_status status = canonical ? PH_OK
				     : ph_vendor_close(map, document,
					   ph_document_root(document), true, err);
	const ph_node *root = ph_document_root(document);
	if (status != PH_OK)
		return status;
	return canonical ? ph_json_encode(root, 0, out, err)
			 : ph_vendor_encode(map, root, 0, out, NULL, NULL, err);
}

/* ---- canonical documents ---- */

typedef struct setting {
	ph_document *document;
	ph_sampler *sampler;
	const ph_codes *table;
	size_t row, column;
	bool vendor, each; /* each: another row for every leaf */
	const char *text;  /* instead of a row; NULL */
	ph_node_kind kind;
	size_t found;
} setting;

/* A row that counts in the direction and has a code of its own; the count if there is none. */
static size_t
choose_row(ph_sampler *sampler, const ph_codes *table, bool inward)
{
	size_t count = ph_codes_count(table);
	size_t first = ph_sampler_number(sampler, 0, count - 1);
	for (size_t i = 0; i < count; i++) {
		size_t row = (first + i) % count;
		if (ph_codes_counts(table, row, inward) &&
		    (!inward || !ph_codes_is_regular(table, row)))
			return row;
	}
	return count;
}

static void
set_leaf(void *self, ph_node *node)
{
	setting *s = self;
	s->found++;
	if (node->kind == PH_NODE_OBJECT && node->first != NULL)
		return;
	if (s->text != NULL) {
		set_text(s->document, node, s->kind, s->text);
		return;
	}
	size_t row = s->each ? choose_row(s->sampler, s->table, s->vendor) : s->row;
	const char *cell = s->vendor ? ph_codes_vendor(s->table, row, s->column)
				     : ph_codes_canonical(s->table, row, s->column);
	if (cell == NULL)
		return;
	if (cell[0] == 0)
		ph_node_remove(node);
	else
		set_text(s->document, node, PH_NODE_STRING, cell);
}

static void
drop_leaf(void *self, ph_node *node)
{
	size_t *found = self;
	*found += 1;
	ph_node_remove(node);
}

/* Codes of the table on one side of a link. */
static void
set_codes(const ph_map *map, ph_sampler *sampler, ph_document *document,
    ph_node *record, const ph_link *link, const ph_convert *convert, bool vendor)
{
	const ph_side *side = vendor ? &link->vendor : &link->canonical;
	setting s = {.document = document,
	    .sampler = sampler,
	    .table = ph_convert_table(convert),
	    .vendor = vendor,
	    .each = convert->class == &ph_convert_keys};
	s.row = choose_row(sampler, s.table, vendor);
	size_t count = s.each ? 1 : ph_codes_width(s.table, vendor);
	for (size_t i = 0; i < side->count && i < count; i++) {
		s.column = i;
		if (side->at[i].kind == PH_OPERAND_PATH)
			ph_each_leaf(vendor ? map->vendor_names : map->canonical_names,
			    &side->at[i].path, record, set_leaf, &s);
	}
}

/* An instant for the field beside a time conversion, whose schema may not say that it is one. */
static void
set_time(const ph_map *map, ph_sampler *sampler, ph_document *document, ph_node *root,
    const ph_link *link)
{
	char text[40];
	snprintf(text, sizeof(text), "20%02zu-%02zu-%02zuT%02zu:%02zu:%02zuZ",
	    ph_sampler_number(sampler, 0, 36), ph_sampler_number(sampler, 1, 12),
	    ph_sampler_number(sampler, 1, 28), ph_sampler_number(sampler, 0, 23),
	    ph_sampler_number(sampler, 0, 59), ph_sampler_number(sampler, 0, 59));
	setting s = {.document = document, .text = text, .kind = PH_NODE_STRING};
	if (link->canonical.at[0].kind == PH_OPERAND_PATH)
		ph_each_leaf(map->canonical_names, &link->canonical.at[0].path, root,
		    set_leaf, &s);
}

static bool
is_place(const ph_link *link)
{
	return link->chain_count > 0 && link->canonical.count == 2 &&
	       (link->chain[0].class == &ph_convert_osgb36 ||
		   link->chain[0].class == &ph_convert_wgs84);
}

/* Both or none, and in Britain. */
static void
set_place(const ph_map *map, ph_sampler *sampler, ph_document *document, ph_node *root,
    const ph_link *link)
{
	char text[2][32];
	size_t found = 0;
	snprintf(text[0], sizeof(text[0]), "5%zu.%06zu",
	    ph_sampler_number(sampler, 1, 7), ph_sampler_number(sampler, 0, 999999));
	snprintf(text[1], sizeof(text[1]), "-%zu.%06zu",
	    ph_sampler_number(sampler, 0, 4), ph_sampler_number(sampler, 1, 999999));
	for (size_t i = 0; i < 2; i++) {
		setting s = {
		    .document = document, .text = text[i], .kind = PH_NODE_NUMBER};
		ph_each_leaf(map->canonical_names, &link->canonical.at[i].path, root,
		    set_leaf, &s);
		found += s.found;
	}
	for (size_t i = 0; i < 2 && found < 2; i++)
		ph_each_leaf(map->canonical_names, &link->canonical.at[i].path, root,
		    drop_leaf, &found);
}

void
ph_laws_steer(
    const ph_map *map, ph_sampler *sampler, ph_document *document, ph_node *root)
{
	for (const ph_link *l = map->links; l != NULL; l = l->next) {
		if ((l->directions & PH_FLOWS_OUT) == 0)
			continue;
		if (is_place(l))
			set_place(map, sampler, document, root, l);
		if (l->chain_count > 0 && l->chain[0].class == &ph_convert_time)
			set_time(map, sampler, document, root, l);
		for (size_t i = 0; i < l->chain_count; i++)
			if (ph_convert_table(&l->chain[i]) != NULL &&
			    ph_sampler_number(sampler, 0, 19) > 0)
				set_codes(map, sampler, document, root, l, &l->chain[i],
				    false);
	}
}

/* ---- the vendor's documents ---- */

static ph_node *
find_record(const ph_map *map, ph_node *top, bool inward)
{
	ph_path way[2] = {inward ? map->root_in : map->root_out, map->each};
	ph_node *node = top;
	for (size_t p = 0; p < (map->has_each ? 2u : 1u); p++)
		for (size_t i = 0; i < way[p].count && node != NULL; i++) {
			const char *name =
			    ph_names_text(map->vendor_names, way[p].steps[i].name);
			/* an XML document begins with the element itself */
			if (p == 0 && i == 0 && ph_vendor_is_xml(map))
				continue;
			node = ph_node_get(node, name);
			if (node != NULL && node->kind == PH_NODE_LIST)
				node = node->first;
		}
	return node;
}

/* The parents of a record on the way in. */
static ph_node *
build_way(const ph_map *map, ph_document *document, ph_node *record)
{
	ph_node *top = NULL, *at = NULL;
	const ph_path *way[2] = {&map->root_in, &map->each};
	size_t left = map->root_in.count + (map->has_each ? map->each.count : 0);
	if (left == 0)
		return record;
	if (!ph_vendor_is_xml(map))
		top = at = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	for (size_t p = 0; p < (map->has_each ? 2u : 1u); p++)
		for (size_t i = 0; i < way[p]->count; i++) {
			const ph_step *step = &way[p]->steps[i];
			const char *name = ph_names_text(map->vendor_names, step->name);
			const char *space =
			    ph_names_text(map->vendor_names, step->space);
			ph_node *node = --left == 0 ? record
						    : ph_node_new(document,
							  PH_NODE_OBJECT, NULL, 0);
			if (node == NULL)
				return NULL;
			node->name = ph_document_intern(document, name, strlen(name));
			node->space = space == NULL ? NULL
						    : ph_document_intern(document,
							  space, strlen(space));
			if (at != NULL && ph_node_add(document, at, name, node) == NULL)
				return NULL;
			top = top == NULL ? node : top;
			at = node;
		}
	return top;
}

static bool
same_way(const ph_path *a, const ph_path *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->steps[i].name != b->steps[i].name ||
		    a->steps[i].space != b->steps[i].space)
			return false;
	return true;
}

ph_node *
ph_laws_turn(const ph_map *map, ph_document *document)
{
	ph_node *root = ph_document_root(document), *header;
	if (map->format == PH_MAP_SOAP &&
	    ph_soap_unwrap(document, &header, &root, NULL) != PH_OK)
		return NULL;
	if (same_way(&map->root_in, &map->root_out))
		return find_record(map, root, true);
	ph_node *record = find_record(map, root, false);
	if (record == NULL)
		return NULL;
	if (record->parent != NULL)
		ph_node_remove(record);
	ph_node *top = build_way(map, document, record);
	if (top == NULL)
		return NULL;
	ph_document_set_root(document, top);
	if (map->format == PH_MAP_SOAP &&
	    ph_soap_wrap(document, NULL, top, NULL) != PH_OK)
		return NULL;
	return record;
}

ph_node *
ph_laws_record(const ph_map *map, ph_document *document)
{
	ph_node *root = ph_document_root(document), *header;
	if (map->format == PH_MAP_SOAP &&
	    ph_soap_unwrap(document, &header, &root, NULL) != PH_OK)
		return NULL;
	return find_record(map, root, true);
}

/* What an XML Schema or a record description lets a field be: one of its words, a small number, or
 * a text; nothing (`out` stays empty) where more is asked of it than is known here. */
static void
sample_field(ph_sampler *sampler, const ph_vendor_field *field, ph_buffer *out)
{
	const ph_xsd_type *type = field->type;
	bool number = type != NULL &&
		      (type->value == PH_XSD_NUMBER || type->value == PH_XSD_INTEGER);
	if (field->value_count > 0) {
		const char *word =
		    field
			->values[ph_sampler_number(sampler, 0, field->value_count - 1)];
		ph_buffer_append(out, word, strlen(word));
	} else if (number && !type->patterned) {
		ph_buffer_printf(out, "%zu", ph_sampler_number(sampler, 0, 99));
	} else if (type == NULL || (type->value == PH_XSD_TEXT && !type->patterned)) {
		ph_sample_text(
		    sampler, 1, field->longest > 0 ? field->longest : 200, out);
	}
}

/* Another value for a field without conversions, if something says what it may be. */
static void
change_plain(const ph_map *map, ph_sampler *sampler, ph_document *document,
    ph_node *record, const ph_operand *operand)
{
	ph_way way;
	ph_vendor_field field;
	if (!ph_vendor_described(map) ||
	    !ph_vendor_way(map, &operand->path, true, &way) ||
	    ph_vendor_find(map, &way, &field) != PH_VENDOR_NAMED)
		return;
	ph_node *value = NULL;
	if (field.rule != NULL) {
		sampler->names = map->vendor_schema->names;
		value = ph_sample_value(sampler, field.rule, document);
	} else {
		ph_buffer text;
		ph_buffer_init(&text, 1 << 20);
		sample_field(sampler, &field, &text);
		if (text.length > 0 && ph_buffer_cstr(&text) != NULL)
			value = ph_node_new(document, PH_NODE_STRING,
			    (const char *) text.data, text.length);
		ph_buffer_fini(&text);
	}
	if (value == NULL || value->text == NULL)
		return;
	setting s = {.document = document,
	    .text = value->text,
	    .kind = (ph_node_kind) value->kind};
	ph_each_leaf(map->vendor_names, &operand->path, record, set_leaf, &s);
}

void
ph_laws_change(
    const ph_map *map, ph_sampler *sampler, ph_document *document, ph_node *record)
{
	for (const ph_link *l = map->links; l != NULL; l = l->next) {
		if (l->directions != (PH_FLOWS_IN | PH_FLOWS_OUT))
			continue;
		for (size_t i = 0; i < l->chain_count; i++)
			if (ph_convert_table(&l->chain[i]) != NULL)
				set_codes(map, sampler, document, record, l,
				    &l->chain[i], true);
		if (l->chain_count == 0 && l->vendor.count == 1 &&
		    l->vendor.at[0].kind == PH_OPERAND_PATH &&
		    ph_sampler_number(sampler, 0, 1) == 0)
			change_plain(map, sampler, document, record, &l->vendor.at[0]);
	}
}
