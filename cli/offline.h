/*
 * offline - what the map verbs share: where maps, code tables and schemas are looked for, and one
 * document through a map with values and references from the command line or a file.
 *
 * A folder with maps (a connector, or a site) brings its own codes; schemas are looked for in it, in
 * the folder `schemas` two above (as in the source tree and as installed), and among the
 * installed ones.
 *
 * Thread: owner. Errors: as the map engine's; PH_ERR_NOT_FOUND for missing files.
 */
#ifndef PH_CLI_OFFLINE_H
#define PH_CLI_OFFLINE_H

#include <packhorse/map.h>
#include "cli/cli.h"
#include "lib/document/document.h"
#include "transform/trace.h"

#define PH_OFFLINE_FOLDERS 6

typedef struct ph_offline {
	char connector[1024]; /* the folder of maps/, codes/, samples/ */
	char beside[1040];    /* connector/../../schemas */
	const char *folders[PH_OFFLINE_FOLDERS]; /* ended by NULL */
} ph_offline;

/* Of a folder, or of a map's file ("x/maps/name.yaml"). `schemas` may be NULL. */
ph_status ph_offline_init(
    ph_offline *offline, const char *path, const char *schemas, ph_error *err);
/* A connector's folder (and not a file)? */
bool ph_offline_is_folder(const char *path);

/* Values for one call: `values` is a mapping name -> text, `references` key -> answer; both may be
 * NULL. A key that is not there is unknown; "*" answers every other key. `trace` watches; NULL. */
ph_status ph_offline_run(const ph_map *map, ph_map_direction direction,
    const void *bytes, size_t length, const ph_node *values, const ph_node *references,
    const ph_trace *trace, ph_map_call **out, ph_error *err);

/* The same with the vendor's previous record, for the way out; NULL: none. */
ph_status ph_offline_complete(const ph_map *map, ph_map_direction direction,
    const void *bytes, size_t length, const ph_node *values, const ph_node *references,
    const void *previous, size_t previous_length, const ph_trace *trace,
    ph_map_call **out, ph_error *err);

/* A call that was made elsewhere: its values, its references, its run. */
ph_status ph_offline_call(ph_map_call *call, const ph_node *values,
    const ph_node *references, const ph_trace *trace, ph_error *err);

/* "done", "held" and so on. */
const char *ph_offline_result(ph_map_result result);

/* cli/samples.c: the samples of a connector through its maps, for whoever wants to know. */
typedef struct ph_samples {
	ph_cli *cli;
	const char *schemas;   /* or NULL */
	const ph_trace *trace; /* watches every call; NULL */
	void *self;	       /* of the functions; each may be NULL */
	void (*begin)(void *self, const ph_map *map);
	/* One sample in one direction ("in", "out", "-"); `why` is NULL if it is good. */
	void (*result)(void *self, const ph_map *map, const char *sample,
	    const char *direction, const char *why);
	void (*end)(void *self, const ph_map *map); /* the map is destroyed next */
	size_t ran;				    /* samples so far */
} ph_samples;
/* Run them. Returns the exit code. */
int ph_samples_run(ph_samples *samples, const char *folder);

#endif
