/*
 * part - what the files of the site reader share. Nobody else includes this.
 *
 * Thread: owner.
 */
#ifndef PH_SITE_PART_H
#define PH_SITE_PART_H

#include "lib/base/arena.h"
#include "lib/site/site.h"

#define PH_SITE_FILES_MAX 512

/* A site while it is read, and afterwards the owner of what it is made of. */
typedef struct ph_site_whole {
	ph_site site;	 /* first: what callers hold */
	ph_arena *arena; /* texts and arrays */
	ph_document *documents[PH_SITE_FILES_MAX];
	size_t document_count;
	ph_site_adapter *adapters;
	ph_site_route *routes;
} ph_site_whole;

/* Read a YAML file into a document that the site keeps; its bytes enter the digest. */
ph_status ph_site_read(
    ph_site_whole *whole, const char *path, ph_document **out, ph_error *err);
/* A member that is one text or a list of texts. Absent: empty. */
ph_status ph_site_texts(ph_site_whole *whole, const ph_document *document,
    const ph_node *object, const char *name, ph_site_list *out, ph_error *err);
/* One more text, borrowed; false without memory, or if it is NULL. */
bool ph_site_list_add(ph_site_whole *whole, ph_site_list *list, const char *text);
/* `path` as it is if absolute, else in `directory`. NULL without memory. */
const char *ph_site_path(ph_site_whole *whole, const char *directory, const char *path);
/* Lower-case letters, digits and '-', not first; at most PH_SITE_NAME_MAX. */
bool ph_site_name_ok(const char *name);
/* PH_ERR_NOMEM or PH_ERR_TOO_LARGE, for a site that outgrew its memory. */
ph_status ph_site_no_room(ph_error *err);

/* The parts: each reads its files into the site. */
ph_status ph_site_load_adapters(ph_site_whole *whole, ph_error *err);
ph_status ph_site_load_routes(ph_site_whole *whole, ph_error *err);

#endif
