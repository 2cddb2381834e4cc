/*
 * shape - slot 0 is the root; each further slot is a node below it, or the second half of a
 * pattern of names. Children are chained in the order in which they were entered.
 */
#include "transform/shape.h"

#include <string.h>

#include "lib/base/assert.h"
#include "transform/schema.h"

#define SLOTS_MAX 512

typedef struct part {
	ph_step step;
	uint32_t parent, first, last, next; /* slots; 0: none */
	unsigned types;			    /* PH_TYPE_*; 0: as it is */
	bool second;			    /* the values of the slot before */
	bool lists;   /* as the shape's, for what is repeated here */
	uint8_t mark; /* PH_NODE_JSON, PH_NODE_XML: what is below is such a document */
} part;

struct ph_shape {
	bool
	    lists; /* a repeated field is a list (JSON), not a repeated member (XML, form) */
	bool wild;	 /* a pattern of names is written */
	bool attributes; /* of XML, before what they are attributes of */
	uint32_t count;
	part parts[SLOTS_MAX];
};

ph_shape *
ph_shape_new(ph_arena *arena, bool lists)
{
	ph_shape *shape = ph_arena_alloc(arena, sizeof(*shape));
	if (shape == NULL)
		return NULL;
	shape->lists = lists;
	shape->wild = false;
	shape->attributes = false;
	shape->count = 1;
	shape->parts[0] = (part){0};
	return shape;
}

static bool
same(const ph_step *a, const ph_step *b)
{
	unsigned kinds = PH_STEP_ATTRIBUTE | PH_STEP_WILD;
	return a->name == b->name && a->space == b->space &&
	       (a->flags & kinds) == (b->flags & kinds) &&
	       ((a->flags & PH_STEP_WILD) == 0 || (strcmp(a->before, b->before) == 0 &&
						      strcmp(a->after, b->after) == 0));
}

static uint32_t
child(ph_shape *shape, uint32_t parent, const ph_step *step)
{
	for (uint32_t i = shape->parts[parent].first; i != 0; i = shape->parts[i].next)
		if (same(&shape->parts[i].step, step)) {
			shape->parts[i].step.flags |= step->flags;
			return i;
		}
	bool wild = (step->flags & PH_STEP_WILD) != 0;
	if (shape->count + 2 > SLOTS_MAX)
		return PH_SLOT_NONE;
	shape->wild |= wild;
	shape->attributes |= (step->flags & PH_STEP_ATTRIBUTE) != 0;
	uint32_t slot = shape->count++;
	shape->parts[slot] =
	    (part){.step = *step, .parent = parent, .lists = shape->lists};
	if (wild)
		shape->parts[shape->count++] = (part){.parent = slot, .second = true};
	part *above = &shape->parts[parent];
	if (above->last == 0)
		above->first = slot;
	else
		shape->parts[above->last].next = slot;
	above->last = slot;
	return slot;
}

uint32_t
ph_shape_add(ph_shape *shape, const ph_step *steps, size_t count)
{
	uint32_t slot = 0;
	for (size_t i = 0; i < count && slot != PH_SLOT_NONE; i++) {
		PH_ASSERT((steps[i].flags & PH_STEP_PARENT) == 0);
		slot = child(shape, slot, &steps[i]);
	}
	return slot;
}

static uint32_t
find(const ph_shape *shape, const ph_step *steps, size_t count)
{
	uint32_t slot = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t at = shape->parts[slot].first;
		while (at != 0 && !same(&shape->parts[at].step, &steps[i]))
			at = shape->parts[at].next;
		if (at == 0)
			return 0;
		slot = at;
	}
	return slot;
}

void
ph_shape_inner(ph_shape *shape, const ph_step *steps, size_t count, uint8_t mark)
{
	uint32_t top = find(shape, steps, count);
	if (top != 0)
		shape->parts[top].mark = mark;
	/* a slot stands behind its parent's */
	for (uint32_t i = top + 1; top != 0 && i < shape->count; i++) {
		uint32_t above = shape->parts[i].parent;
		while (above > top)
			above = shape->parts[above].parent;
		if (above == top)
			shape->parts[i].lists = mark == PH_NODE_JSON;
	}
}

void
ph_shape_type(ph_shape *shape, uint32_t slot, unsigned types)
{
	PH_ASSERT(slot < shape->count);
	shape->parts[slot].types = types;
}

size_t
ph_shape_slots(const ph_shape *shape)
{
	return shape->count;
}

bool
ph_shape_is_distinct(const ph_shape *shape)
{
	return shape->lists && !shape->wild;
}

bool
ph_shape_is_empty(const ph_shape *shape)
{
	return shape->count == 1;
}

uint32_t
ph_shape_first(const ph_shape *shape, uint32_t slot)
{
	PH_ASSERT(slot < shape->count);
	return shape->parts[slot].first;
}

uint32_t
ph_shape_next(const ph_shape *shape, uint32_t slot)
{
	PH_ASSERT(slot < shape->count);
	return shape->parts[slot].next;
}

const ph_step *
ph_shape_step(const ph_shape *shape, uint32_t slot)
{
	PH_ASSERT(slot > 0 && slot < shape->count);
	return &shape->parts[slot].step;
}

bool
ph_filling_init(ph_filling *filling, const ph_shape *shape, ph_document *document,
    const char *const *names)
{
	ph_arena *arena = ph_document_arena(document);
	*filling = (ph_filling){.shape = shape, .document = document, .names = names};
	filling->values = ph_arena_alloc(arena, shape->count * sizeof(ph_value));
	filling->present = ph_arena_alloc(arena, shape->count * sizeof(uint32_t));
	if (filling->values == NULL || filling->present == NULL)
		return false;
	ph_filling_reset(filling);
	return true;
}

void
ph_filling_reset(ph_filling *filling)
{
	memset(filling->values, 0, filling->shape->count * sizeof(ph_value));
	memset(filling->present, 0, filling->shape->count * sizeof(uint32_t));
}

bool
ph_filling_has(const ph_filling *filling, uint32_t slot)
{
	return filling->present[slot] > 0;
}

void
ph_filling_put(ph_filling *filling, uint32_t slot, const ph_value *value)
{
	const ph_shape *shape = filling->shape;
	PH_ASSERT(slot < shape->count);
	if (value->kind == PH_VALUE_ABSENT ||
	    filling->values[slot].kind != PH_VALUE_ABSENT)
		return;
	filling->values[slot] = *value;
	uint32_t times = value->kind == PH_VALUE_MANY ? value->count : 1;
	for (uint32_t i = slot;; i = shape->parts[i].parent) {
		if (filling->present[i] < times)
			filling->present[i] = times;
		if ((shape->parts[i].step.flags & PH_STEP_MANY) != 0)
			times = 1;
		if (i == 0)
			return;
	}
}

static ph_node *make(
    const ph_filling *f, uint32_t slot, ph_node *parent, uint32_t item);

/* The value of a slot at one repetition. */
static const ph_value *
value_at(const ph_filling *f, uint32_t slot, uint32_t item)
{
	static const ph_value absent;
	const ph_value *value = &f->values[slot];
	if (value->kind != PH_VALUE_MANY)
		return item == 0 ? value : &absent;
	return item < value->count ? &value->items[item] : &absent;
}

static ph_node_kind
kind_of(const ph_value *value, unsigned types)
{
	switch (value->kind) {
	case PH_VALUE_NULL:
		return PH_NODE_NULL;
	case PH_VALUE_BOOLEAN:
		return types != 0 && (types & PH_TYPE_BOOLEAN) == 0 ? PH_NODE_STRING
								    : PH_NODE_BOOLEAN;
	case PH_VALUE_NUMBER:
		return types != 0 && (types & (PH_TYPE_NUMBER | PH_TYPE_INTEGER)) == 0
			   ? PH_NODE_STRING
			   : PH_NODE_NUMBER;
	case PH_VALUE_STRING:
		if ((types & PH_TYPE_STRING) != 0 || types == 0)
			return PH_NODE_STRING;
		if ((types & (PH_TYPE_NUMBER | PH_TYPE_INTEGER)) != 0 &&
		    ph_number_valid(value->text, value->length))
			return PH_NODE_NUMBER;
		if ((types & PH_TYPE_BOOLEAN) != 0 &&
		    (ph_value_is(value, "true") || ph_value_is(value, "false")))
			return PH_NODE_BOOLEAN;
		return PH_NODE_STRING;
	case PH_VALUE_ABSENT:
	case PH_VALUE_MANY:
		break;
	}
	PH_UNREACHABLE("value without a node");
}

static void
name_it(const ph_filling *f, const part *p, ph_node *node)
{
	node->space = f->names[p->step.space];
	if ((p->step.flags & PH_STEP_ATTRIBUTE) != 0)
		node->flags |= PH_NODE_ATTRIBUTE;
}

static ph_node *
make_scalar(const ph_filling *f, const part *p, ph_node *parent, const ph_value *value)
{
	ph_node *node = ph_node_wrap(
	    f->document, kind_of(value, p->types), value->text, value->length);
	if (node == NULL)
		return NULL;
	if ((value->flags & PH_VALUE_VOLATILE) != 0)
		node->flags |= PH_NODE_VOLATILE;
	node = ph_node_link(parent,
	    (p->step.flags & PH_STEP_MANY) != 0 && p->lists ? NULL
							    : f->names[p->step.name],
	    node);
	if (node != NULL)
		name_it(f, p, node);
	return node;
}

static bool
below(const ph_filling *f, uint32_t slot, uint32_t item)
{
	const ph_shape *shape = f->shape;
	if (value_at(f, slot, item)->kind != PH_VALUE_ABSENT)
		return true;
	for (uint32_t i = shape->parts[slot].first; i != 0; i = shape->parts[i].next)
		if (f->present[i] > 0 && below(f, i, item))
			return true;
	return false;
}

static bool
make_children(const ph_filling *f, uint32_t slot, ph_node *node, uint32_t item)
{
	const ph_shape *shape = f->shape;
	for (int attributes = shape->attributes ? 1 : 0; attributes >= 0; attributes--)
		for (uint32_t i = shape->parts[slot].first; i != 0;
		     i = shape->parts[i].next) {
			bool attribute =
			    (shape->parts[i].step.flags & PH_STEP_ATTRIBUTE) != 0;
			if (attribute == (attributes == 1) && f->present[i] > 0 &&
			    make(f, i, node, item) == NULL)
				return false;
		}
	return true;
}

/* One node for a slot at one repetition; `parent` itself if there is nothing to make. */
static ph_node *
make_one(const ph_filling *f, uint32_t slot, ph_node *parent, uint32_t item)
{
	const part *p = &f->shape->parts[slot];
	const ph_value *value = value_at(f, slot, item);
	if (p->first == 0)
		return value->kind == PH_VALUE_ABSENT
			   ? parent
			   : make_scalar(f, p, parent, value);
	if (!below(f, slot, item))
		return parent;
	ph_node *node = ph_node_new(f->document, PH_NODE_OBJECT, NULL, 0);
	if (node == NULL)
		return NULL;
	if (ph_value_is_text(value)) {
		node->text = value->text;
		node->length = value->length;
	}
	bool listed = (p->step.flags & PH_STEP_MANY) != 0 && p->lists;
	if (!listed) /* else the list is the document */
		node->flags |= p->mark;
	node = ph_node_link(parent, listed ? NULL : f->names[p->step.name], node);
	if (node == NULL)
		return NULL;
	name_it(f, p, node);
	return make_children(f, slot, node, item) ? node : NULL;
}

static ph_node *
make_wild(const ph_filling *f, uint32_t slot, ph_node *parent)
{
	const part *p = &f->shape->parts[slot];
	for (uint32_t item = 0; item < f->present[slot]; item++) {
		const ph_value *key = value_at(f, slot, item);
		const ph_value *value = value_at(f, slot + 1, item);
		if (!ph_value_is_text(key) || value->kind == PH_VALUE_ABSENT)
			continue;
		const char *name = ph_arena_printf(ph_document_arena(f->document),
		    "%s%s%s", p->step.before, key->text, p->step.after);
		const char *interned =
		    name == NULL ? NULL
				 : ph_document_intern(f->document, name, strlen(name));
		ph_node *node = ph_node_wrap(
		    f->document, kind_of(value, 0), value->text, value->length);
		if (interned == NULL || ph_node_link(parent, interned, node) == NULL)
			return NULL;
	}
	return parent;
}

static ph_node *
make(const ph_filling *f, uint32_t slot, ph_node *parent, uint32_t item)
{
	const part *p = &f->shape->parts[slot];
	if ((p->step.flags & PH_STEP_WILD) != 0)
		return make_wild(f, slot, parent);
	if ((p->step.flags & PH_STEP_MANY) == 0)
		return make_one(f, slot, parent, item);
	ph_node *holder = parent;
	if (p->lists) {
		holder = ph_node_link(parent, f->names[p->step.name],
		    ph_node_new(f->document, PH_NODE_LIST, NULL, 0));
		if (holder == NULL)
			return NULL;
		holder->flags |= p->mark;
	}
	for (uint32_t i = 0; i < f->present[slot]; i++)
		if (make_one(f, slot, holder, i) == NULL)
			return NULL;
	return holder;
}

ph_node *
ph_filling_make(const ph_filling *filling)
{
	ph_node *root = ph_node_new(filling->document, PH_NODE_OBJECT, NULL, 0);
	if (root == NULL || !make_children(filling, 0, root, 0))
		return NULL;
	return root;
}
