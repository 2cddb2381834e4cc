/*
 * How it works: one table from "<kind>\0<entity>\0<system>\0<key>" to an entry. Entries stand in a
 * list in the order they came; an entry that was replaced stays in the list as a husk until its turn
 * to go. Oldest first, an entry goes when the ledger has applied its record and there are more
 * entries than are kept.
 */
#include "broker/xref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/table.h"

#define KEY_MAX 2048

typedef struct entry {
	struct entry *next; /* younger */
	uint64_t offset;    /* of the record; 0: learnt from the ledger */
	bool absent;
	bool replaced; /* not in the table any more */
	size_t key_length;
	const char *value; /* after the key, in the same block */
	char key[];
} entry;

struct ph_xref {
	ph_table *table;
	entry *oldest, *youngest;
	size_t count; /* in the list */
	size_t keep;
	uint64_t applied; /* offset */
};

ph_status
ph_xref_new(size_t keep, ph_xref **out, ph_error *err)
{
	ph_xref *xref = calloc(1, sizeof *xref);
	if (xref == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for cross-references");
	ph_status status = ph_table_new(&xref->table, err);
	xref->keep = keep;
	if (status != PH_OK)
		free(xref);
	else
		*out = xref;
	return status;
}

void
ph_xref_destroy(ph_xref **xref_p)
{
	ph_xref *xref = *xref_p;
	*xref_p = NULL;
	if (xref == NULL)
		return;
	for (entry *at = xref->oldest; at != NULL;) {
		entry *next = at->next;
		free(at);
		at = next;
	}
	ph_table_destroy(&xref->table, NULL);
	free(xref);
}

/* The table's key; 0 if it is too long to be kept here. */
static size_t
make_key(char out[KEY_MAX], ph_xref_kind kind, const char *entity, const char *system,
    const char *key)
{
	const char *parts[] = {entity, kind == PH_XREF_EXISTS ? "" : system, key};
	size_t length = 0;
	out[length++] = (char) ('0' + (int) kind);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		size_t more = strlen(parts[i]) + 1;
		if (length + more > KEY_MAX)
			return 0;
		memcpy(out + length, parts[i], more);
		length += more;
	}
	return length;
}

ph_xref_answer
ph_xref_look(const ph_xref *xref, ph_xref_kind kind, const char *entity,
    const char *system, const char *key, const char **value)
{
	char name[KEY_MAX];
	size_t length = make_key(name, kind, entity, system, key);
	const entry *found =
	    length == 0 ? NULL : ph_table_get(xref->table, name, length);
	if (found == NULL)
		return PH_XREF_ASK;
	if (found->absent)
		return PH_XREF_ABSENT;
	*value = found->value;
	return PH_XREF_FOUND;
}

static bool
may_go(const ph_xref *xref, const entry *at)
{
	return at->offset < xref->applied || at->offset == 0;
}

static void
drop_oldest(ph_xref *xref)
{
	entry *at = xref->oldest;
	xref->oldest = at->next;
	if (xref->oldest == NULL)
		xref->youngest = NULL;
	xref->count--;
	if (!at->replaced)
		(void) ph_table_remove(xref->table, at->key, at->key_length);
	free(at);
}

static void
tidy(ph_xref *xref)
{
	while (xref->count > xref->keep && may_go(xref, xref->oldest))
		drop_oldest(xref);
}

static ph_status
put(ph_xref *xref, const char *key, size_t key_length, const char *value,
    uint64_t offset, ph_error *err)
{
	size_t value_length = value == NULL ? 0 : strlen(value);
	entry *fresh = malloc(sizeof *fresh + key_length + value_length + 1);
	entry *old = ph_table_get(xref->table, key, key_length);
	if (fresh == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a cross-reference");
	*fresh = (entry){
	    .offset = offset, .absent = value == NULL, .key_length = key_length};
	memcpy(fresh->key, key, key_length);
	char *copy = fresh->key + key_length;
	if (value != NULL)
		memcpy(copy, value, value_length);
	copy[value_length] = 0;
	fresh->value = copy;
	if (ph_table_put(xref->table, key, key_length, fresh, err) != PH_OK) {
		free(fresh);
		return PH_ERR_NOMEM;
	}
	if (old != NULL)
		old->replaced = true;
	*(xref->youngest == NULL ? &xref->oldest : &xref->youngest->next) = fresh;
	xref->youngest = fresh;
	xref->count++;
	tidy(xref);
	return PH_OK;
}

void
ph_xref_learn(ph_xref *xref, ph_xref_kind kind, const char *entity, const char *system,
    const char *key, const char *value)
{
	char name[KEY_MAX];
	size_t length = make_key(name, kind, entity, system, key);
	if (length == 0 || ph_table_get(xref->table, name, length) != NULL)
		return;
	(void) put(xref, name, length, value, 0, NULL);
}

ph_status
ph_xref_bind(ph_xref *xref, const char *entity, const char *system, const char *key,
    const char *canonical, uint64_t offset, ph_error *err)
{
	const struct {
		ph_xref_kind kind;
		const char *key, *value;
	} ways[] = {{PH_XREF_CANONICAL, key, canonical}, {PH_XREF_KEY, canonical, key},
	    {PH_XREF_EXISTS, canonical, canonical}};
	ph_status status = PH_OK;
	for (size_t i = 0; status == PH_OK && i < sizeof ways / sizeof ways[0]; i++) {
		char name[KEY_MAX];
		size_t length =
		    make_key(name, ways[i].kind, entity, system, ways[i].key);
		if (length == 0)
			return ph_fail(err, PH_ERR_TOO_LARGE,
			    "PH6510 a reference is too long to be bound");
		status = put(xref, name, length, ways[i].value, offset, err);
	}
	return status;
}

void
ph_xref_applied(ph_xref *xref, uint64_t offset)
{
	if (offset > xref->applied)
		xref->applied = offset;
	tidy(xref);
}

size_t
ph_xref_ahead(const ph_xref *xref)
{
	size_t ahead = 0;
	for (const entry *at = xref->oldest; at != NULL; at = at->next)
		ahead += !may_go(xref, at);
	return ahead;
}
