/*
 * map_keep - what a map holds beside its arena: resources, released when it is destroyed, and the
 * names its links take from the context. Loaders of conversions and conditions know the map as
 * `void *`, so that they can be loaded for others too.
 */
#include <stdlib.h>

#include "transform/map_inner.h"

bool
ph_map_keep(void *map_v, void *resource, ph_release *release)
{
	ph_map *map = map_v;
	ph_resource *kept = malloc(sizeof(*kept));
	if (kept == NULL) {
		release(resource);
		return false;
	}
	*kept = (ph_resource){resource, release, map->resources};
	map->resources = kept;
	return true;
}

static void
release_pattern(void *pattern)
{
	ph_pattern *p = pattern;
	ph_pattern_destroy(&p);
}

bool
ph_map_keep_pattern(void *map, ph_pattern *pattern)
{
	return ph_map_keep(map, pattern, release_pattern);
}

int
ph_map_context(void *map_v, ph_arena *arena, const char *name, size_t length)
{
	ph_map *map = map_v;
	return ph_context_add(&map->context, arena, name, length);
}
