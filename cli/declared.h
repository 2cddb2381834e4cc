/*
 * declared - what the adapters' files of a site declare: entries and the maps they name.
 *
 * Thread: pure. Errors: none of its own.
 */
#ifndef PH_CLI_DECLARED_H
#define PH_CLI_DECLARED_H

#include <stdbool.h>
#include "lib/site/site.h"

#define PH_FOLDERS_MAX 16

/* One naming of a map. */
typedef struct ph_declared {
	const ph_site_adapter *adapter;
	const char *list;     /* "send", "poll" or "receive" */
	const ph_node *entry; /* the entry that names it (or its probe) */
	const ph_node *map;   /* the scalar with its name */
} ph_declared;

/* Call `fn` for each naming of a map in an adapter's file. */
void ph_declared_each(const ph_site_adapter *adapter,
    void (*fn)(void *self, const ph_declared *declared), void *self);

/* Where maps and what they name are looked for; `out` has PH_FOLDERS_MAX + 1 places. */
void ph_declared_folders(
    const ph_site *site, const ph_site_adapter *adapter, const char **out);

/* Does the entry's `on` name the type? */
bool ph_declared_on(const ph_node *entry, const char *type);

#endif
