/*
 * map_diff - what changed between two versions of a map, in words.
 *
 * Compares what people write, so that a version that does not load any more can still be compared:
 * settings, links (matched by their fields), lists, and the rows of the code tables that the links
 * name. A change of layout or of comments is no change.
 *
 * Thread: pure. Errors: PH_ERR_INVALID for a file that is no YAML; PH_ERR_NOT_FOUND, PH_ERR_NOMEM.
 */
#ifndef PH_MAP_DIFF_H
#define PH_MAP_DIFF_H

#include <packhorse/error.h>

/* kind: setting, link, list, order, table, code; change: added, removed, changed. `where` is the
 * place in the new file, or in the old one for what was removed. */
typedef void ph_diff_tell(void *self, const char *kind, const char *change,
    const char *where, const char *text);

/* One version: the map's file, and where its code tables are looked for (as ph_map_load). */
typedef struct ph_map_version_of {
	const char *file;
	const char *const *folders;
} ph_map_version_of;

ph_status ph_map_diff(const ph_map_version_of *old, const ph_map_version_of *new,
    ph_diff_tell *tell, void *self, ph_error *err);

/* diff_codes.c: the same for two code tables. */
ph_status ph_codes_diff(
    const char *old, const char *new, ph_diff_tell *tell, void *self, ph_error *err);

#endif
