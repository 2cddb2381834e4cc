/*
 * load - one loading of a declaration: where it looks, what it found wrong.
 *
 * Loading goes on after a mistake where it can, so that one run shows them all. Each is told at
 * once to the caller's function, if there is one; the first is kept as the error to return.
 *
 * Thread: owner. Errors: kept; see ph_load_status.
 */
#ifndef PH_LOAD_H
#define PH_LOAD_H

#include <stdbool.h>
#include "lib/document/document.h"
#include "packhorse/map.h"

typedef struct ph_load {
	ph_document *document; /* the declaration; its arena holds what is built */
	ph_arena *arena;
	const char *const
	    *folders;	   /* where other files are looked for; NULL-terminated */
	ph_map_tell *tell; /* NULL: only the first error is wanted */
	void *self;
	ph_error first;
	size_t errors;
} ph_load;

void ph_load_init(ph_load *load, ph_document *document, const char *const *folders,
    ph_map_tell *tell, void *self);
/* An error at a node, `offset` bytes into its text. Returns false. */
bool ph_load_fail(ph_load *load, const ph_node *node, size_t offset, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
/* The same with the place already written, for a file that the declaration names. */
bool ph_load_fail_at(ph_load *load, const char *where, const char *text);
bool ph_load_no_memory(ph_load *load);
/* A warning, or a link's class: told, not counted. */
void ph_load_tell(ph_load *load, const char *kind, const ph_node *node,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A warning at a node, `offset` bytes into its text. */
void ph_load_warn(ph_load *load, const ph_node *node, size_t offset, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
/* PH_OK, or the first error. */
ph_status ph_load_status(const ph_load *load, ph_error *err);

/* The first of folder/kind/name, folder/name that is a file, on the arena; NULL. */
const char *ph_load_find(ph_load *load, const char *kind, const char *name);
/* That file of every folder that has one, each once; how many. On the arena. */
size_t ph_load_layers(
    ph_load *load, const char *kind, const char *name, const char **paths, size_t most);
/* The same for callers without a load; *out is fresh memory. */
ph_status ph_find_file(const char *const *folders, const char *kind, const char *name,
    char **out, ph_error *err);

/* The word of `words` (ended by NULL) nearest to `text`, if it is near; NULL. For hints. */
const char *ph_nearest(const char *text, const char *const *words);

#endif
