/*
 * map_split - `each: a/refs | split(",")`: the record is what holds the field, once for each item of its
 * text.
 *
 * The field is taken out of the record, and each item gets a node of its own that has a field with the
 * item first and then what is left of the record: they share it, so a text of many items costs no
 * more than the items. Empty items are none; a field that is absent or empty is left as it is.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"

enum {
	WAY_MAX = 96, /* three paths, each as long as a path may be */
	ITEMS_MAX = 5000
};

bool
ph_split_parse(ph_map *map, ph_load *load, ph_scan *scan)
{
	ph_term term;
	if (!ph_scan_take(scan, "|"))
		return true;
	if (!ph_scan_term(scan, &term))
		return false;
	const ph_argument *a = ph_term_at(&term, 0);
	if (strcmp(term.name, "split") != 0 || a == NULL || !a->string ||
	    a->length == 0)
		return ph_term_fail(&term,
		    "PH2059 behind the path of each stands nothing but "
		    "split(\"SEPARATOR\")");
	if (!ph_term_finish(&term, "split(\"SEPARATOR\")"))
		return false;
	map->split = ph_arena_dup(map->arena, a->text, a->length);
	map->split_length = a->length;
	map->split_field = map->each;
	map->split_field.steps += --map->each.count;
	map->split_field.count = 1;
	map->has_each = map->each.count > 0;
	return map->split != NULL || ph_load_no_memory(load);
}

/* Where the next separator begins, or the end. */
static const char *
item_end(const ph_map *map, const char *text, const char *end)
{
	for (; text + map->split_length <= end; text++)
		if (memcmp(text, map->split, map->split_length) == 0)
			return text;
	return end;
}

typedef struct splitting {
	ph_map_call *call;
	ph_node *record;
	ph_node *field;	      /* the one that is being split, out of the record */
	const ph_node *value; /* what has its text: itself, or the one item of a list */
	ph_split_add *add;
	void *self;
} splitting;

static bool
add_item(splitting *s, const char *text, size_t length)
{
	ph_document *document = s->call->source;
	ph_node *one = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	ph_node *field = ph_node_new(document, PH_NODE_STRING, text, length);
	if (one == NULL || field == NULL) {
		s->call->no_memory = true;
		return false;
	}
	ph_node *siblings = s->record->first;
	*one = *s->record;
	one->next = NULL;
	field->name = s->field->name;
	field->space = s->field->space;
	field->flags = s->field->flags & PH_NODE_ATTRIBUTE;
	field->line = s->field->line;
	field->column = s->field->column;
	if (s->value->kind == PH_NODE_OBJECT) { /* beside its attributes */
		field->kind = PH_NODE_OBJECT;
		field->first = s->value->first;
		field->last = s->value->last;
		field->count = s->value->count;
	}
	field->parent = one;
	field->next = siblings;
	one->first = field;
	one->last = siblings == NULL ? field : s->record->last;
	one->count = s->record->count + 1;
	return s->add(s->self, one, s->record);
}

static bool
add_items(splitting *s)
{
	const ph_map *map = s->call->map;
	const char *text = s->value->text, *end = text + s->value->length;
	while (text < end) {
		const char *stop = item_end(map, text, end);
		if (stop > text && !add_item(s, text, (size_t) (stop - text)))
			return false;
		text = stop + (stop == end ? 0 : map->split_length);
	}
	return true;
}

static ph_node *
field_of(const ph_map_call *call, const ph_node *record)
{
	ph_node *n = record->kind < PH_NODE_LIST ? NULL : record->first;
	while (n != NULL &&
	       !ph_step_matches(call->source_names, call->map->split_field.steps, n))
		n = n->next;
	return n;
}

/* One or many is no difference when reading: a list of one is its item. */
static const ph_node *
value_of(const ph_node *field)
{
	bool one = field != NULL && field->kind == PH_NODE_LIST && field->count == 1;
	return one ? field->first : field;
}

/* A separator, and something beside it? */
static bool
has_items(const ph_map *map, const ph_node *field)
{
	const char *text = field->text, *end = text + field->length;
	if (item_end(map, text, end) == end)
		return false;
	while (text < end && item_end(map, text, end) == text)
		text += map->split_length;
	return text < end;
}

static size_t
count_items(const ph_map *map, const ph_node *field)
{
	const char *text = field->text, *end = text + field->length, *stop;
	size_t count = 0;
	for (; text < end; text = stop + (stop == end ? 0 : map->split_length)) {
		stop = item_end(map, text, end);
		count += stop > text;
	}
	return count;
}

/* The record is there, and fails. */
static bool
refuse(const splitting *s)
{
	ph_map_call *call = s->call;
	char path[256], where[PH_ERROR_WHERE];
	if (!s->add(s->self, s->record, NULL))
		return false;
	ph_node_path(s->field, path, sizeof path);
	ph_record_fail(call, &call->records[call->count - 1], PH_MAP_HELD, "decode",
	    "too-large", path,
	    ph_node_where(call->source, s->field, where, sizeof where),
	    "PH2412 the text of %s has more than %d items", path, ITEMS_MAX);
	return true;
}

bool
ph_split(ph_map_call *call, const ph_node *node, ph_split_add *add, void *self)
{
	splitting s = {.call = call,
	    .record = (ph_node *) (uintptr_t) node,
	    .field = field_of(call, node),
	    .add = add,
	    .self = self};
	s.value = value_of(s.field);
	if (s.value == NULL || s.value->text == NULL || !has_items(call->map, s.value))
		return add(self, node, NULL);
	if (count_items(call->map, s.value) > ITEMS_MAX)
		return refuse(&s);
	ph_node_remove(s.field);
	return add_items(&s);
}

typedef struct looking {
	const ph_map *map;
	bool found;
} looking;

static bool
look(void *self, const ph_node *node)
{
	looking *l = self;
	l->found |= node->text != NULL && has_items(l->map, node);
	return !l->found;
}

bool
ph_split_parts(const ph_map *map, const char *const *names, const ph_node *top)
{
	ph_step steps[WAY_MAX];
	ph_path way = {.steps = steps};
	const ph_path *paths[] = {&map->root_out, &map->each, &map->split_field};
	looking l = {.map = map};
	for (size_t p = 0; p < 3; p++)
		for (size_t i = 0; (p != 1 || map->has_each) && i < paths[p]->count &&
				   way.count < WAY_MAX;
		     i++)
			steps[way.count++] = paths[p]->steps[i];
	ph_path_walk(names, &way, top, ph_vendor_is_xml(map), look, &l);
	return l.found;
}
