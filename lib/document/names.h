/*
 * names - the names a declaration speaks of, numbered once, shared by the documents it is used on.
 *
 * Documents intern their names, so equal names of one document are equal pointers. A document that
 * is told so (ph_document_use) takes the pointers of a ph_names for the names that are in it: then
 * number n is the same pointer in all of them, nothing is looked up, and a declaration's run
 * compares pointers and never text. Number 0 is no name and stands for NULL.
 *
 * Thread: owner while names are added; afterwards any. Errors: number 0 when out of memory.
 */
#ifndef PH_NAMES_H
#define PH_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

typedef struct ph_names ph_names;

ph_status ph_names_new(ph_names **out, ph_error *err);
void ph_names_destroy(ph_names **names_p);
/* The number of a name, new or not; 0 when out of memory. */
uint32_t ph_names_add(ph_names *names, const char *text, size_t length);
/* The number of a name that is there; else 0. */
uint32_t ph_names_find(const ph_names *names, const char *text, size_t length);
/* Its text; NULL for 0. */
const char *ph_names_text(const ph_names *names, uint32_t number);
/* All texts by number, until a name is added. */
const char *const *ph_names_texts(const ph_names *names);
/* How many there are, number 0 left out. */
size_t ph_names_count(const ph_names *names);
/* The pointer of a name that is there, whose ph_name_hash this is; else NULL. */
const char *ph_names_shared(
    const ph_names *names, uint64_t hash, const char *text, size_t length);

#endif
