/*
 * map_fixture - a folder with maps, code tables and a small schema, for tests of the map engine.
 *
 * The schema "thing@1" has the texts a, b, c (a is required), the number n, the truth value t, the
 * time at, the list tags of {name}, the name/value list attributes of {code, value}, an object sub
 * with sub.x and sub.y, and ref, which is the subject. Prefix TH; b is promoted as "bee".
 */
#ifndef PH_TESTS_MAP_FIXTURE_H
#define PH_TESTS_MAP_FIXTURE_H

#include <packhorse/map.h>

typedef struct map_fixture {
	char folder[64];
	const char *folders[2];
	ph_error err;
} map_fixture;

/* Fails the test when something cannot be made. */
void map_fixture_init(map_fixture *fixture);
void map_fixture_fini(map_fixture *fixture);
/* Write maps/NAME, codes/NAME or any other file below the folder. */
void map_fixture_file(map_fixture *fixture, const char *name, const char *text);
/* A JSON map "m" with these lines after `links:`; NULL with fixture->err filled. */
ph_map *map_fixture_links(map_fixture *fixture, const char *links);
/* A whole map file. */
ph_map *map_fixture_map(map_fixture *fixture, const char *text);
/* One document through: output of the first record, or "!reason code path" if it failed. Fresh
 * memory. `values` is "name=value;..." and "ref.KEY=ID", or NULL. */
char *map_fixture_run(const ph_map *map, ph_map_direction direction, const char *bytes,
    const char *values);

#endif
