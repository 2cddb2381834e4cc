/*
 * field_order - both the schema and the shape are walked down beside the document.
 */
#include "transform/field_order.h"

#include <string.h>

static bool
is_wild_match(const ph_step *step, const char *name)
{
	size_t length = strlen(name), before = strlen(step->before);
	size_t after = strlen(step->after);
	return length >= before + after && strncmp(name, step->before, before) == 0 &&
	       strcmp(name + length - after, step->after) == 0;
}

static bool
matches(const ph_field_order *order, const ph_step *step, const ph_node *field)
{
	if ((step->flags & PH_STEP_WILD) != 0)
		return (field->flags & PH_NODE_ATTRIBUTE) == 0 &&
		       is_wild_match(step, field->name);
	return ph_step_matches(order->names, step, field);
}

/* The slot of a field and its rank among those of its object; PH_SLOT_NONE. */
static uint32_t
find_slot(const ph_field_order *order, const ph_node *field, uint32_t *rank)
{
	const ph_shape *shape = order->map->out.body;
	uint32_t at = 0;
	*rank = 0;
	if (order->slot == PH_SLOT_NONE)
		return PH_SLOT_NONE;
	for (uint32_t slot = ph_shape_first(shape, order->slot); slot != 0;
	     slot = ph_shape_next(shape, slot)) {
		at++;
		if (!matches(order, ph_shape_step(shape, slot), field))
			continue;
		*rank = at;
		return slot;
	}
	return PH_SLOT_NONE;
}

static const ph_xsd_part *
find_part(const ph_field_order *order, const ph_node *field)
{
	ph_xsd_child child;
	bool element = (field->flags & PH_NODE_ATTRIBUTE) == 0;
	return element &&
		       ph_xsd_find(order->content, field->space, field->name, &child) &&
		       !child.twice
		   ? child.element
		   : NULL;
}

ph_field_order
ph_field_order_below(const ph_field_order *order, const ph_node *field)
{
	ph_field_order below = *order;
	uint32_t rank = 0;
	if (field->name == NULL)
		return below; /* an item of a list */
	const ph_xsd_part *part = find_part(order, field);
	bool inside = (field->flags & (PH_NODE_JSON | PH_NODE_XML)) != 0;
	below.slot = find_slot(order, field, &rank);
	below.content = part == NULL || inside ? NULL : part->type->content;
	return below;
}

ph_field_order
ph_field_order_of(const ph_map *map, const char *const *names, const ph_node *object)
{
	if (object->parent == NULL)
		return (ph_field_order){.map = map,
		    .names = names,
		    .content = map->xsd_shape == NULL
				   ? NULL
				   : ph_xsd_shape_roots(map->xsd_shape)};
	ph_field_order above = ph_field_order_of(map, names, object->parent);
	return ph_field_order_below(&above, object);
}

ph_field_place
ph_field_order_place(const ph_field_order *order, const ph_node *field)
{
	ph_field_place place = {.part = find_part(order, field)};
	ph_xsd_child child;
	if ((field->flags & PH_NODE_ATTRIBUTE) == 0 &&
	    !ph_xsd_find(order->content, field->space, field->name, &child))
		place.part = ph_xsd_takes(order->content, field->space);
	(void) find_slot(order, field, &place.rank);
	return place;
}

bool
ph_field_order_before(
    const ph_field_order *order, ph_field_place first, ph_field_place second)
{
	if (first.part != NULL && second.part != NULL) {
		if (ph_xsd_is_before(order->content, first.part, second.part))
			return true;
		if (ph_xsd_is_before(order->content, second.part, first.part))
			return false;
	}
	return first.rank != 0 && second.rank != 0 && first.rank < second.rank;
}
