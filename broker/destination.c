/*
 * How it works: an array by number, and a table by name. A queue is never removed while the broker
 * runs.
 */
#include "broker/destination.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/table.h"

struct ph_destinations {
	ph_destination **by_number; /* `capacity` of them */
	size_t capacity;
	size_t most;
	size_t count;
	ph_table *by_name;
};

ph_status
ph_destinations_new(size_t most, ph_destinations **out, ph_error *err)
{
	ph_destinations *destinations = calloc(1, sizeof *destinations);
	if (destinations == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for queues");
	destinations->most = most;
	ph_status status = ph_table_new(&destinations->by_name, err);
	if (status != PH_OK)
		free(destinations);
	else
		*out = destinations;
	return status;
}

void
ph_destinations_destroy(ph_destinations **destinations_p)
{
	ph_destinations *destinations = *destinations_p;
	*destinations_p = NULL;
	if (destinations == NULL)
		return;
	for (size_t i = 0; i < destinations->capacity; i++) {
		if (destinations->by_number[i] == NULL)
			continue;
		ph_queue_destroy(&destinations->by_number[i]->queue);
		ph_shelf_destroy(&destinations->by_number[i]->shelf);
		free(destinations->by_number[i]);
	}
	ph_table_destroy(&destinations->by_name, NULL);
	free(destinations->by_number);
	free(destinations);
}

static bool
make_room(ph_destinations *destinations, size_t number)
{
	size_t capacity = destinations->capacity == 0 ? 16 : destinations->capacity;
	while (capacity <= number)
		capacity *= 2;
	if (capacity == destinations->capacity)
		return true;
	ph_destination **grown =
	    realloc(destinations->by_number, capacity * sizeof *grown);
	if (grown == NULL)
		return false;
	memset(grown + destinations->capacity, 0,
	    (capacity - destinations->capacity) * sizeof *grown);
	destinations->by_number = grown;
	destinations->capacity = capacity;
	return true;
}

ph_status
ph_destinations_add(ph_destinations *destinations, uint16_t number, const char *name,
    ph_destination **out, ph_error *err)
{
	PH_ASSERT(number > 0);
	if (ph_destinations_get(destinations, number) != NULL ||
	    ph_destinations_find(destinations, name) != NULL)
		return ph_fail(err, PH_ERR_CONFLICT,
		    "queue %s or its number %u is there already", name, number);
	ph_destination *fresh = calloc(1, sizeof *fresh);
	ph_status status = fresh == NULL || !make_room(destinations, number)
			       ? ph_fail(err, PH_ERR_NOMEM, "no memory for queues")
			       : ph_queue_new(number, name, &fresh->queue, err);
	if (status == PH_OK)
		status = ph_table_puts(destinations->by_name, name, fresh, err);
	if (status != PH_OK) {
		if (fresh != NULL)
			ph_queue_destroy(&fresh->queue);
		free(fresh);
		return status;
	}
	destinations->by_number[number] = fresh;
	destinations->count++;
	*out = fresh;
	return PH_OK;
}

ph_status
ph_destinations_number(
    const ph_destinations *destinations, uint16_t *out, ph_error *err)
{
	size_t number = 1;
	while (
	    number < destinations->capacity && destinations->by_number[number] != NULL)
		number++;
	if (destinations->count >= destinations->most || number > UINT16_MAX)
		return ph_fail(err, PH_ERR_FULL,
		    "PH5302 there are %zu queues already, which is the limit",
		    destinations->count);
	*out = (uint16_t) number;
	return PH_OK;
}

ph_destination *
ph_destinations_get(const ph_destinations *destinations, uint16_t number)
{
	return number < destinations->capacity ? destinations->by_number[number] : NULL;
}

ph_destination *
ph_destinations_find(const ph_destinations *destinations, const char *name)
{
	return ph_table_gets(destinations->by_name, name);
}

ph_destination *
ph_destinations_next(const ph_destinations *destinations, unsigned *cursor)
{
	while (*cursor < destinations->capacity) {
		ph_destination *at = destinations->by_number[(*cursor)++];
		if (at != NULL)
			return at;
	}
	return NULL;
}
