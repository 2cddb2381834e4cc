/*
 * map_spare - a call's memory is kept for the next call of the same map and direction.
 *
 * One spare of each direction is kept: more than one thread may use a map, and whoever finds no
 * spare makes a call anew. The documents of a call use the map's names, so that its program finds
 * the pointers of all names in one array that never changes. A call that has grown large is not
 * kept.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/os.h"
#include "transform/map_inner.h"

#define KEPT ((size_t) 1 << 18) /* bytes that a call may have taken and be kept */

struct ph_spares {
	_Atomic(ph_map_call *) in, out;
	uint8_t key[16];
};

ph_status
ph_map_spares_new(ph_spares **out, ph_error *err)
{
	ph_spares *spares = calloc(1, sizeof(*spares));
	if (spares == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	ph_status status = ph_os_random(spares->key, sizeof(spares->key), err);
	if (status != PH_OK) {
		free(spares);
		return status;
	}
	atomic_init(&spares->in, NULL);
	atomic_init(&spares->out, NULL);
	*out = spares;
	return PH_OK;
}

const uint8_t *
ph_map_hash_key(const ph_spares *spares)
{
	return spares->key;
}

static void
free_call(ph_map_call *call)
{
	if (call == NULL)
		return;
	ph_document_destroy(&call->source);
	ph_document_destroy(&call->previous);
	ph_document_destroy(&call->target);
	ph_xml_reader_destroy(&call->reader);
	ph_xsd_checker_destroy(&call->checker);
	ph_buffer_fini(&call->bytes);
	free(call);
}

void
ph_map_spares_destroy(ph_spares **spares_p)
{
	ph_spares *spares = *spares_p;
	if (spares == NULL)
		return;
	free_call(atomic_exchange(&spares->in, NULL));
	free_call(atomic_exchange(&spares->out, NULL));
	free(spares);
	*spares_p = NULL;
}

static ph_status
make_call(const ph_map *map, unsigned direction, size_t limit, ph_map_call **out,
    ph_error *err)
{
	bool writes = direction == PH_FLOWS_OUT;
	const ph_names *from = writes ? map->canonical_names : map->vendor_names;
	const ph_names *to = writes ? map->vendor_names : map->canonical_names;
	ph_map_call *call = calloc(1, sizeof(*call));
	if (call == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	call->map = map;
	call->direction = direction;
	ph_buffer_init(&call->bytes, 0);
	ph_status status =
	    ph_document_new(writes ? "canonical" : "vendor", limit, &call->source, err);
	if (status == PH_OK)
		status = ph_document_new("output", limit, &call->target, err);
	if (status == PH_OK)
		status = ph_document_use(call->source, from, err);
	if (status == PH_OK)
		status = ph_document_use(call->target, to, err);
	if (status != PH_OK) {
		free_call(call);
		return status;
	}
	call->source_names = ph_document_bind(call->source, from);
	call->target_names = ph_document_bind(call->target, to);
	*out = call;
	return PH_OK;
}

static _Atomic(ph_map_call *) *
place_of(ph_spares *spares, unsigned direction)
{
	return direction == PH_FLOWS_OUT ? &spares->out : &spares->in;
}

ph_status
ph_map_call_take(const ph_map *map, unsigned direction, size_t source_limit,
    size_t target_limit, ph_map_call **out, ph_error *err)
{
	ph_map_call *call = atomic_exchange(place_of(map->spares, direction), NULL);
	ph_status status = PH_OK;
	if (call == NULL)
		status = make_call(map, direction, source_limit, &call, err);
	if (status != PH_OK || call == NULL)
		return status;
	ph_document_reset(call->source, source_limit);
	ph_document_reset(call->target, target_limit);
	*out = call;
	return PH_OK;
}

/* All but what the next call can use. */
static void
forget(ph_map_call *call)
{
	memset(call->context, 0, call->map->context.count * sizeof(*call->context));
	ph_document_destroy(&call->previous);
	call->previous_record = NULL;
	call->trace = NULL;
	call->piece = NULL;
	call->state = NULL;
	call->flags = 0;
	call->header = NULL;
	call->records = NULL;
	call->wanted = call->wanted_buckets = NULL;
	call->count = call->wanted_count = call->wanted_room = 0;
	call->collected = call->ran = call->no_memory = false;
	ph_buffer_clear(&call->bytes);
	ph_document_reset(call->source, 0);
	ph_document_reset(call->target, 0);
}

void
ph_map_call_leave(ph_map_call *call)
{
	size_t taken = ph_arena_used(ph_document_arena(call->source)) +
		       ph_arena_used(ph_document_arena(call->target)) +
		       call->bytes.capacity;
	ph_map_call *none = NULL;
	if (taken > KEPT) {
		free_call(call);
		return;
	}
	forget(call);
	if (!atomic_compare_exchange_strong(
		place_of(call->map->spares, call->direction), &none, call))
		free_call(call);
}
