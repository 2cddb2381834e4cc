/*
 * map_compile - links to programs: paths made absolute, targets entered into shapes in the order of
 * the links, what a pattern of names must leave alone.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"

#define STEPS_MAX 64

typedef struct compiler {
	ph_map *map;
	ph_load *load;
	bool out;
	ph_program *program;
	const ph_node *node; /* the line being compiled, for errors */
} compiler;

/* Append steps to an absolute way; PARENT takes one away. */
static bool
append(compiler *c, const ph_operand *operand, const ph_path *path, ph_step *way,
    size_t *count, size_t least)
{
	for (size_t i = 0; i < path->count; i++) {
		const ph_step *step = &path->steps[i];
		if ((step->flags & PH_STEP_PARENT) != 0) {
			if (*count <= least)
				return ph_load_fail(c->load, c->node, operand->at,
				    "PH2051 .. leads out of the document");
			(*count)--;
			continue;
		}
		if (*count == STEPS_MAX)
			return ph_load_fail(c->load, c->node, operand->at,
			    "PH2014 the path is too long");
		way[(*count)++] = *step;
	}
	return true;
}

/* The absolute way of a target, below the root and `each` on the vendor's side. */
static bool
absolute(compiler *c, const ph_operand *operand, const ph_path *path, ph_step *way,
    size_t *count)
{
	const ph_map *map = c->map;
	bool base = c->out && operand->kind != PH_OPERAND_HEADER;
	size_t least = base && ph_vendor_is_xml(map) ? 1 : 0;
	*count = 0;
	if (base && !append(c, operand, &map->root_out, way, count, 0))
		return false;
	if (base && map->has_each && !append(c, operand, &map->each, way, count, 0))
		return false;
	if (!append(c, operand, path, way, count, least))
		return false;
	if (*count <= least && operand->path.count > 0)
		return ph_load_fail(
		    c->load, c->node, operand->at, "PH2051 the path leads to no field");
	return true;
}

static bool
enter_path(compiler *c, const ph_operand *operand, const ph_path *path, uint32_t *slot)
{
	ph_step way[STEPS_MAX];
	size_t count;
	if (ph_path_is_chosen(path))
		return ph_load_fail(c->load, c->node, operand->at,
		    "PH2019 an item that is chosen with [n] or [field=\"text\"] can be "
		    "read, not written: use -> or <-");
	if (!absolute(c, operand, path, way, &count))
		return false;
	*slot = ph_shape_add(
	    operand->kind == PH_OPERAND_HEADER ? c->program->header : c->program->body,
	    way, count);
	if (*slot == PH_SLOT_NONE)
		return ph_load_fail(c->load, c->node, operand->at,
		    "PH2052 the map writes too many fields");
	return true;
}

/* Numbers and truth values of the canonical schema. */
static void
set_type(compiler *c, const ph_operand *operand, uint32_t slot)
{
	char path[256] = "";
	for (size_t i = 0; i < operand->path.count; i++) {
		const ph_step *step = &operand->path.steps[i];
		const char *name = ph_names_text(c->map->canonical_names, step->name);
		size_t length = strlen(path);
		if (length + strlen(name) + 4 > sizeof(path))
			return;
		strcat(path, i > 0 ? "." : "");
		strcat(path, name);
		strcat(path, (step->flags & PH_STEP_MANY) != 0 ? "[]" : "");
	}
	const ph_rule *rule = ph_schema_field(c->map->schema, path);
	if (rule != NULL)
		ph_shape_type(c->program->body, slot, ph_rule_types(rule));
}

static bool
enter_target(compiler *c, ph_op *op, size_t i)
{
	const ph_operand *operand = &op->to->at[i];
	op->slots[i] = PH_SLOT_NONE;
	switch (operand->kind) {
	case PH_OPERAND_PATH:
	case PH_OPERAND_HEADER:
	case PH_OPERAND_KEYS:
		if (!enter_path(c, operand, &operand->path, &op->slots[i]))
			return false;
		if (!c->out && operand->kind == PH_OPERAND_PATH)
			set_type(c, operand, op->slots[i]);
		return true;
	case PH_OPERAND_VALUES:
		PH_ASSERT(i > 0);
		op->slots[i] = op->slots[i - 1] + 1;
		return true;
	case PH_OPERAND_URL:
	case PH_OPERAND_EVENT:
		return true;
	case PH_OPERAND_CONTEXT:
	case PH_OPERAND_CONST:
		break;
	}
	PH_UNREACHABLE("a target that cannot be written");
}

static bool
compile_link(compiler *c, const ph_link *link, ph_op *op)
{
	*op = (ph_op){.link = link,
	    .from = c->out ? &link->canonical : &link->vendor,
	    .to = c->out ? &link->vendor : &link->canonical};
	for (size_t i = 0; i < op->to->count; i++)
		if (!enter_target(c, op, i))
			return false;
	const ph_operand *first = &op->from->at[0];
	if (!first->has_with)
		return true;
	op->last = true;
	ph_operand as = *first;
	as.kind = PH_OPERAND_PATH;
	as.path = first->with;
	return enter_path(c, &as, &first->with, &op->with_slot);
}

/* What vendor.order names comes first into the shape. */
static bool
enter_order(compiler *c)
{
	for (size_t i = 0; i < c->map->order_count; i++) {
		ph_operand operand = {
		    .kind = PH_OPERAND_PATH, .path = c->map->order[i]};
		uint32_t slot;
		c->node = c->map->order_node;
		if (!enter_path(c, &operand, &operand.path, &slot))
			return false;
	}
	return true;
}

static bool
compile(ph_map *map, ph_load *load, bool out, ph_program *program)
{
	compiler c = {.map = map, .load = load, .out = out, .program = program};
	bool lists = !out || map->format == PH_MAP_JSON, good = true;
	program->ops =
	    ph_arena_alloc(map->arena, (map->link_count + 1) * sizeof(ph_op));
	program->body = ph_shape_new(map->arena, lists);
	program->header = ph_shape_new(map->arena, false);
	if (program->ops == NULL || program->body == NULL || program->header == NULL)
		return ph_load_no_memory(load);
	if (out && !enter_order(&c))
		return false;
	for (const ph_link *l = map->links; l != NULL; l = l->next) {
		if ((l->directions & (out ? PH_FLOWS_OUT : PH_FLOWS_IN)) == 0)
			continue;
		c.node = l->node;
		if (compile_link(&c, l, &program->ops[program->count]))
			program->count++;
		else
			good = false;
	}
	if (out)
		ph_open_shape(map, program->body);
	return good;
}

/* The first names of all vendor paths and of drop.vendor: what a pattern of names leaves alone. */
static uint32_t *
taken_names(ph_map *map, ph_load *load)
{
	size_t room = map->link_count * PH_TUPLE_MAX + 1, count = 0;
	if (map->drop_vendor != NULL)
		room += map->drop_vendor->count;
	uint32_t *list = ph_arena_alloc(map->arena, room * sizeof(*list));
	if (list == NULL) {
		ph_load_no_memory(load);
		return NULL;
	}
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->vendor.count; i++) {
			const ph_path *path = &l->vendor.at[i].path;
			if (path->count == 1 && path->steps[0].name != 0)
				list[count++] = path->steps[0].name;
		}
	for (const ph_node *n = map->drop_vendor == NULL ? NULL
							 : map->drop_vendor->first;
	     n != NULL; n = n->next)
		list[count++] = ph_names_add(map->vendor_names, n->text, n->length);
	list[count] = 0;
	return list;
}

static bool
set_exceptions(ph_map *map, ph_load *load)
{
	uint32_t *taken = NULL;
	for (ph_link *l = map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->vendor.count; i++) {
			if (!ph_path_is_wild(&l->vendor.at[i].path))
				continue;
			if (taken == NULL && (taken = taken_names(map, load)) == NULL)
				return false;
			l->vendor.at[i].path.except = taken;
		}
	return true;
}

bool
ph_map_compile(ph_map *map, ph_load *load)
{
	return set_exceptions(map, load) && compile(map, load, false, &map->in) &&
	       compile(map, load, true, &map->out);
}
