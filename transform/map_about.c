/*
 * map_about - what a loaded map says of itself.
 */
#include "packhorse/map.h"

#include "transform/map_inner.h"

const char *
ph_map_name(const ph_map *map)
{
	return map->name;
}

const char *
ph_map_file(const ph_map *map)
{
	return map->file;
}

ph_map_format
ph_map_format_of(const ph_map *map)
{
	return map->format;
}

const char *
ph_map_media(const ph_map *map)
{
	return ph_vendor_media(map);
}

const char *
ph_map_entity(const ph_map *map)
{
	return map->entity;
}

unsigned
ph_map_version(const ph_map *map)
{
	return map->version;
}

const char *
ph_map_dataschema(const ph_map *map)
{
	return map->schema == NULL ? "" : ph_schema_id(map->schema);
}

const char *
ph_map_type(const ph_map *map)
{
	return map->type;
}

int
ph_map_has_type(const ph_map *map)
{
	bool types = map->type[0] != 0;
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->canonical.count; i++)
			types |= l->canonical.at[i].kind == PH_OPERAND_EVENT &&
				 l->canonical.at[i].number == PH_FIELD_TYPE;
	return types;
}

const char *
ph_map_id_prefix(const ph_map *map)
{
	return map->schema == NULL ? "" : ph_schema_id_prefix(map->schema);
}

int
ph_map_goes(const ph_map *map, ph_map_direction direction)
{
	if (direction == PH_MAP_IN)
		return map->schema != NULL && map->in.count > 0;
	return map->out.count > 0;
}

int
ph_map_completes(const ph_map *map)
{
	return map->completes;
}

int
ph_map_mints(const ph_map *map)
{
	return map->mints;
}

const char *
ph_map_wants(const ph_map *map, size_t index)
{
	return index < map->context.count ? map->context.names[index] : NULL;
}
