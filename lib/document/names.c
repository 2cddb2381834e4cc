/*
 * names - entries on the heap, a growing array of their texts by number, and a hash table.
 *
 * Names come from declarations, so nobody chooses them to collide; what strangers send is only
 * looked up.
 */
#include "lib/document/names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/document/name.h"

#define FIRST_ROOM 64u

struct ph_names {
	const char **texts; /* by number; [0] is NULL */
	size_t count;	    /* of the texts, number 0 included */
	size_t room;	    /* of the texts; of the buckets twice as many */
	ph_name **buckets;
};

ph_status
ph_names_new(ph_names **out, ph_error *err)
{
	ph_names *names = calloc(1, sizeof(*names));
	if (names == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	names->room = FIRST_ROOM;
	names->texts = calloc(names->room, sizeof(*names->texts));
	names->buckets = calloc(2 * names->room, sizeof(*names->buckets));
	if (names->texts == NULL || names->buckets == NULL) {
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
	for (size_t i = 1; i < names->count; i++)
		free(ph_name_of(names->texts[i]));
	free(names->texts);
	free(names->buckets);
	free(names);
	*names_p = NULL;
}

static ph_name **
bucket(const ph_names *names, uint64_t hash)
{
	return &names->buckets[hash & (2 * names->room - 1)];
}

static bool
grow(ph_names *names)
{
	if (names->count < names->room)
		return true;
	const char **texts =
	    realloc(names->texts, 2 * names->room * sizeof(*names->texts));
	if (texts == NULL)
		return false;
	names->texts = texts;
	ph_name **buckets = calloc(4 * names->room, sizeof(*buckets));
	if (buckets == NULL)
		return false;
	free(names->buckets);
	names->buckets = buckets;
	names->room *= 2;
	for (size_t i = 1; i < names->count; i++) {
		ph_name *entry = ph_name_of(texts[i]);
		ph_name **at = bucket(names, entry->hash);
		entry->next = *at;
		*at = entry;
	}
	return true;
}

static ph_name *
find(const ph_names *names, uint64_t hash, const char *text, size_t length)
{
	unsigned steps = 0;
	return ph_name_find(*bucket(names, hash), hash, text, length, &steps);
}

uint32_t
ph_names_add(ph_names *names, const char *text, size_t length)
{
	uint64_t hash = ph_name_hash(text, length);
	const ph_name *known = find(names, hash, text, length);
	if (known != NULL)
		return known->number;
	if (length > UINT32_MAX || !grow(names))
		return 0;
	ph_name *fresh = malloc(sizeof(*fresh) + length + 1);
	if (fresh == NULL)
		return 0;
	ph_name **at = bucket(names, hash);
	*fresh = (ph_name){.next = *at,
	    .hash = hash,
	    .length = (uint32_t) length,
	    .number = (uint32_t) names->count};
	memcpy(fresh->text, text, length);
	fresh->text[length] = '\0';
	*at = fresh;
	names->texts[names->count++] = fresh->text;
	return fresh->number;
}

uint32_t
ph_names_find(const ph_names *names, const char *text, size_t length)
{
	const ph_name *known = find(names, ph_name_hash(text, length), text, length);
	return known == NULL ? 0 : known->number;
}

const char *
ph_names_text(const ph_names *names, uint32_t number)
{
	PH_ASSERT(number < names->count);
	return names->texts[number];
}

const char *const *
ph_names_texts(const ph_names *names)
{
	return names->texts;
}

size_t
ph_names_count(const ph_names *names)
{
	return names->count - 1;
}

const char *
ph_names_shared(const ph_names *names, uint64_t hash, const char *text, size_t length)
{
	const ph_name *known = find(names, hash, text, length);
	return known == NULL ? NULL : known->text;
}
