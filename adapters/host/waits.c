#include "adapters/host/waits.h"

#include <stdlib.h>
#include <string.h>

struct ph_waits {
	ph_table *table; /* kind and number -> wait */
};

typedef struct wait_entry {
	ph_wait_fn *fn;
	void *self;
} wait_entry;

typedef struct wait_key {
	uint64_t kind;
	uint64_t number;
} wait_key;

ph_status
ph_waits_new(ph_waits **out, ph_error *err)
{
	ph_waits *waits = calloc(1, sizeof *waits);
	if (!waits)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	ph_status status = ph_table_new(&waits->table, err);
	if (status)
		free(waits);
	else
		*out = waits;
	return status;
}

void
ph_waits_destroy(ph_waits **waits_p)
{
	ph_waits *waits = *waits_p;
	if (!waits)
		return;
	*waits_p = NULL;
	size_t cursor = 0;
	wait_entry *entry = NULL;
	while ((entry = ph_table_next(waits->table, &cursor, NULL, NULL)))
		entry->fn(entry->self, NULL);
	ph_table_destroy(&waits->table, free);
	free(waits);
}

ph_status
ph_waits_add(ph_waits *waits, ph_wait_kind kind, uint64_t number, ph_wait_fn *fn,
    void *self, ph_error *err)
{
	wait_key key = {kind, number};
	wait_entry *entry = calloc(1, sizeof *entry);
	if (!entry)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	*entry = (wait_entry){fn, self};
	ph_status status = ph_table_put(waits->table, &key, sizeof key, entry, err);
	if (status)
		free(entry);
	return status;
}

int
ph_waits_answer(
    ph_waits *waits, ph_wait_kind kind, uint64_t number, const void *answer, int last)
{
	wait_key key = {kind, number};
	wait_entry *entry = ph_table_get(waits->table, &key, sizeof key);
	if (!entry)
		return 0;
	wait_entry copy = *entry;
	if (last)
		free(ph_table_remove(waits->table, &key, sizeof key));
	copy.fn(copy.self, answer);
	return 1;
}
