/*
 * schema_loading - what every loader of a keyword uses.
 */
#include "transform/schema_loading.h"

#include <string.h>

const ph_document *
ph_loading_document(const ph_schema_loading *l, const ph_node *node)
{
	const ph_schema_resource *resource =
	    ph_schema_set_resource(l->schema->set, node);
	return resource == NULL ? l->schema->document : resource->document;
}

bool
ph_loading_no_memory(ph_schema_loading *l)
{
	ph_fail(l->err, PH_ERR_NOMEM, "out of memory");
	return false;
}

void *
ph_loading_room(ph_schema_loading *l, size_t count, size_t size)
{
	void *memory = ph_arena_zalloc(l->schema->arena, (count + 1) * size);
	if (memory == NULL)
		ph_loading_no_memory(l);
	return memory;
}

uint32_t
ph_loading_name(ph_schema_loading *l, const char *text)
{
	uint32_t name = ph_names_add(l->schema->names, text, strlen(text));
	if (name == 0)
		ph_loading_no_memory(l);
	return name;
}
