/*
 * map - loading a map: it is found, parsed, compiled and examined.
 */
#include "packhorse/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/config/config.h"
#include "transform/map_inner.h"

void
ph_map_destroy(ph_map **map_p)
{
	ph_map *map = *map_p;
	if (map == NULL)
		return;
	while (map->resources != NULL) {
		ph_resource *resource = map->resources;
		map->resources = resource->next;
		resource->release(resource->object);
		free(resource);
	}
	ph_map_spares_destroy(&map->spares);
	if (map->schema == NULL)
		ph_names_destroy(&map->canonical_names);
	ph_schema_destroy(&map->schema);
	ph_schema_destroy(&map->vendor_schema);
	ph_records_destroy(&map->records);
	ph_xsd_shape_destroy(&map->xsd_shape);
	ph_xsd_destroy(&map->xsd);
	ph_names_destroy(&map->vendor_names);
	ph_document_destroy(&map->document);
	free(map);
	*map_p = NULL;
}

static ph_status
find_map(const char *name, const char *const *folders, char **out, ph_error *err)
{
	if (strchr(name, '/') != NULL) {
		*out = strdup(name);
		return *out != NULL ? PH_OK
				    : ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	size_t size = strlen(name) + sizeof(".yaml");
	char *file = malloc(size);
	if (file == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	memcpy(file, name, strlen(name) + 1);
	if (size < 12 || strcmp(name + strlen(name) - 5, ".yaml") != 0)
		strcat(file, ".yaml");
	ph_status status = ph_find_file(folders, "maps", file, out, NULL);
	if (status == PH_ERR_NOT_FOUND)
		ph_fail(err, status,
		    "PH2053 there is no map %s in the folders maps/ of the site and "
		    "its "
		    "connectors",
		    file);
	free(file);
	return status;
}

/* "service.code" to "service/code", as ph_node_find reads it. */
static const char *
way_of(ph_map *map, const char *path)
{
	char *way = ph_arena_strdup(map->arena, path);
	for (char *p = way; p != NULL && *p != 0; p++)
		if (*p == '.')
			*p = '/';
	return way == NULL ? "" : way;
}

static bool
note_promoted(void *self, const char *path, const ph_rule *rule, bool required)
{
	ph_map *map = self;
	(void) required;
	if (ph_rule_attribute(rule) == NULL || strchr(path, '[') != NULL)
		return true;
	ph_promoted *more =
	    ph_arena_alloc(map->arena, (map->promoted_count + 1) * sizeof(*more));
	if (more == NULL)
		return false;
	if (map->promoted_count > 0)
		memcpy(more, map->promoted, map->promoted_count * sizeof(*more));
	more[map->promoted_count++] =
	    (ph_promoted){ph_rule_attribute(rule), way_of(map, path)};
	map->promoted = more;
	return true;
}

static void
note_fields(ph_map *map)
{
	map->subject = map->event_id = map->event_time = "";
	if (map->schema == NULL)
		return;
	map->subject = way_of(map, ph_schema_subject(map->schema));
	map->event_id = way_of(map, ph_schema_event_id(map->schema));
	map->event_time = way_of(map, ph_schema_event_time(map->schema));
	ph_schema_each(map->schema, note_promoted, map);
}

static ph_status
read_map(const char *name, const char *const *folders, ph_map *map, ph_error *err)
{
	char *path;
	ph_status status = find_map(name, folders, &path, err);
	if (status != PH_OK)
		return status;
	status = ph_yaml_load(path, 0, &map->document, err);
	free(path);
	if (status != PH_OK)
		return status;
	map->arena = ph_document_arena(map->document);
	map->file = ph_document_name(map->document);
	status = ph_names_new(&map->canonical_names, err);
	if (status == PH_OK)
		status = ph_names_new(&map->vendor_names, err);
	return status == PH_OK ? ph_map_spares_new(&map->spares, err) : status;
}

static ph_status
load_map(const char *name, const char *const *folders, ph_map_tell *tell, void *self,
    ph_map **out, ph_error *err)
{
	ph_load load;
	ph_map *map = calloc(1, sizeof(*map));
	if (map == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	map->largest = PH_INPUT_MAX;
	ph_error first;
	ph_status status = read_map(name, folders, map, &first);
	if (status != PH_OK) {
		if (tell != NULL)
			tell(self, "error", first.where, first.text);
		if (err != NULL)
			*err = first;
		ph_map_destroy(&map);
		return status;
	}
	ph_load_init(&load, map->document, folders, tell, self);
	if (ph_map_parse(map, &load) && ph_map_compile(map, &load)) {
		note_fields(map);
		ph_map_examine(map, &load);
	}
	status = ph_load_status(&load, err);
	if (status != PH_OK) {
		ph_map_destroy(&map);
		return status;
	}
	*out = map;
	return PH_OK;
}

ph_status
ph_map_load(const char *name, const char *const *folders, ph_map **out, ph_error *err)
{
	PH_ASSERT(name != NULL && out != NULL);
	return load_map(name, folders, NULL, NULL, out, err);
}

ph_status
ph_map_check(const char *name, const char *const *folders, ph_map_tell *tell,
    void *self, ph_error *err)
{
	ph_map *map;
	ph_status status = load_map(name, folders, tell, self, &map, err);
	if (status == PH_OK)
		ph_map_destroy(&map);
	return status;
}
