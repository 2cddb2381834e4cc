/*
 * names - a growing array of texts beside a hash table from text to number.
 *
 * Interning the whole list is one hash look-up for each name and document.
 */
#include "transform/names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/table.h"

typedef struct name {
	char *text;
	size_t length;
	uint32_t number;
} name;

struct ph_names {
	ph_table *table; /* text -> name */
	name **list;	 /* by number; [0] is NULL */
	size_t count;	 /* of the list, number 0 included */
	size_t room;	 /* allocated */
};

ph_status
ph_names_new(ph_names **out, ph_error *err)
{
	ph_names *names = calloc(1, sizeof(*names));
	if (names == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	names->room = 64;
	names->list = calloc(names->room, sizeof(*names->list));
	if (names->list == NULL || ph_table_new(&names->table, NULL) != PH_OK) {
		ph_names_destroy(&names);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	names->count = 1;
	*out = names;
	return PH_OK;
}

void
ph_names_destroy(ph_names **names_p)
{
	ph_names *names = *names_p;
	if (names == NULL)
		return;
	for (size_t i = 1; i < names->count; i++) {
		free(names->list[i]->text);
		free(names->list[i]);
	}
	free(names->list);
	ph_table_destroy(&names->table, NULL);
	free(names);
	*names_p = NULL;
}

static bool
grow(ph_names *names)
{
	if (names->count < names->room)
		return true;
	name **list = realloc(names->list, 2 * names->room * sizeof(*list));
	if (list == NULL)
		return false;
	names->list = list;
	names->room *= 2;
	return true;
}

uint32_t
ph_names_add(ph_names *names, const char *text, size_t length)
{
	const name *known = ph_table_get(names->table, text, length);
	if (known != NULL)
		return known->number;
	name *fresh = calloc(1, sizeof(*fresh));
	char *copy = malloc(length + 1);
	if (fresh == NULL || copy == NULL || !grow(names) ||
	    ph_table_put(names->table, text, length, fresh, NULL) != PH_OK) {
		free(fresh);
		free(copy);
		return 0;
	}
	memcpy(copy, text, length);
	copy[length] = 0;
	*fresh =
	    (name){.text = copy, .length = length, .number = (uint32_t) names->count};
	names->list[names->count++] = fresh;
	return fresh->number;
}

uint32_t
ph_names_find(const ph_names *names, const char *text, size_t length)
{
	const name *known = ph_table_get(names->table, text, length);
	return known == NULL ? 0 : known->number;
}

const char *
ph_names_text(const ph_names *names, uint32_t number)
{
	PH_ASSERT(number < names->count);
	return number == 0 ? NULL : names->list[number]->text;
}

size_t
ph_names_count(const ph_names *names)
{
	return names->count - 1;
}

const char *const *
ph_names_bind(const ph_names *names, ph_document *document)
{
	const char **bound =
	    ph_arena_alloc(ph_document_arena(document), names->count * sizeof(*bound));
	if (bound == NULL)
		return NULL;
	bound[0] = NULL;
	for (size_t i = 1; i < names->count; i++) {
		bound[i] = ph_document_intern(
		    document, names->list[i]->text, names->list[i]->length);
		if (bound[i] == NULL)
			return NULL;
	}
	return bound;
}
