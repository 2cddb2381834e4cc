/*
 * map_wanted - the references that a call has asked for, each once.
 *
 * A list in order, and a hash table of the same entries, all on the target's arena. Keys come from
 * strangers, so they are hashed with SipHash under the map's own key.
 */
#include <string.h>

#include "lib/base/table.h"
#include "transform/map_inner.h"

#define FIRST_ROOM 16u

static size_t
place(const ph_map_call *call, uint64_t hash)
{
	return hash & (2 * call->wanted_room - 1);
}

/* Room for one more in the list; of buckets there are twice as many. */
static bool
grow(ph_map_call *call)
{
	if (call->wanted_count < call->wanted_room)
		return true;
	ph_arena *arena = ph_document_arena(call->target);
	size_t room = call->wanted_room == 0 ? FIRST_ROOM : 2 * call->wanted_room;
	ph_wanted **list = ph_arena_alloc(arena, room * sizeof(*list));
	ph_wanted **buckets = ph_arena_zalloc(arena, 2 * room * sizeof(*buckets));
	if (list == NULL || buckets == NULL)
		return false;
	if (call->wanted_count > 0)
		memcpy(list, call->wanted, call->wanted_count * sizeof(*list));
	call->wanted = list;
	call->wanted_buckets = buckets;
	call->wanted_room = room;
	for (size_t i = 0; i < call->wanted_count; i++) {
		ph_wanted **bucket = &buckets[place(call, list[i]->hash)];
		list[i]->next = *bucket;
		*bucket = list[i];
	}
	return true;
}

static ph_wanted *
find(const ph_map_call *call, const ph_wanted *like)
{
	ph_wanted *w = call->wanted_room == 0
			   ? NULL
			   : call->wanted_buckets[place(call, like->hash)];
	while (w != NULL && (w->hash != like->hash || w->kind != like->kind ||
				strcmp(w->key, like->key) != 0 ||
				strcmp(w->entity, like->entity) != 0 ||
				strcmp(w->system, like->system) != 0))
		w = w->next;
	return w;
}

const ph_wanted *
ph_call_want(ph_map_call *call, ph_map_reference kind, const char *entity,
    const char *system, const char *key)
{
	ph_arena *arena = ph_document_arena(call->target);
	ph_wanted like = {.kind = kind, .entity = entity, .system = system, .key = key};
	like.hash = ph_siphash(ph_map_hash_key(call->map->spares), key, strlen(key));
	ph_wanted *known = find(call, &like);
	if (known != NULL)
		return known;
	ph_wanted *fresh = ph_arena_alloc(arena, sizeof(*fresh));
	like.key = ph_arena_strdup(arena, key);
	if (fresh == NULL || like.key == NULL || !grow(call))
		return NULL;
	ph_wanted **bucket = &call->wanted_buckets[place(call, like.hash)];
	like.next = *bucket;
	*fresh = like;
	*bucket = fresh;
	call->wanted[call->wanted_count++] = fresh;
	return fresh;
}
