/*
 * schema_equal - equality of JSON values: numbers by value, objects without order.
 *
 * Twins in a list are found by hashing each item and comparing those with equal hashes only. The
 * hash has no key; whoever makes values collide meets the limit of steps.
 */
#include <stdlib.h>
#include <string.h>

#include "transform/schema_inner.h"

static bool
pay(uint64_t *steps, uint64_t price)
{
	*steps = *steps > price ? *steps - price : 0;
	return *steps > 0;
}

/* Members in the same order are found at once. */
static bool
equal_objects(const ph_node *a, const ph_node *b, uint64_t *steps)
{
	const ph_node *guess = b->first;
	for (const ph_node *n = a->first; n != NULL; n = n->next) {
		const ph_node *other = guess;
		if (other == NULL || strcmp(other->name, n->name) != 0) {
			if (!pay(steps, 1 + b->count / 4))
				return false;
			other = ph_node_get(b, n->name);
		}
		if (other == NULL || !ph_node_equal(n, other, steps))
			return false;
		guess = other->next;
	}
	return true;
}

bool
ph_node_equal(const ph_node *a, const ph_node *b, uint64_t *steps)
{
	if (a->kind != b->kind || a->count != b->count || !pay(steps, 1))
		return false;
	switch ((ph_node_kind) a->kind) {
	case PH_NODE_NULL:
		return true;
	case PH_NODE_NUMBER:
		return ph_number_compare(a->text, b->text) == 0;
	case PH_NODE_BOOLEAN:
	case PH_NODE_STRING:
		return a->length == b->length &&
		       memcmp(a->text, b->text, a->length) == 0;
	case PH_NODE_OBJECT:
		return equal_objects(a, b, steps);
	case PH_NODE_LIST:
		break;
	}
	const ph_node *m = b->first;
	for (const ph_node *n = a->first; n != NULL; n = n->next, m = m->next)
		if (!ph_node_equal(n, m, steps))
			return false;
	return true;
}

static uint64_t
hash_bytes(const char *bytes, size_t length)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t
hash_of(const ph_node *node)
{
	uint64_t hash = (uint64_t) node->kind + 11;
	if (node->kind == PH_NODE_NUMBER)
		return hash * 31 + ph_number_hash(node->text);
	if (node->kind != PH_NODE_OBJECT && node->kind != PH_NODE_LIST)
		return hash * 31 + hash_bytes(node->text, node->length);
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		uint64_t inner = hash_of(n);
		if (node->kind == PH_NODE_LIST)
			hash = hash * 31 + inner;
		else
			hash += (inner ^ hash_bytes(n->name, strlen(n->name))) *
				UINT64_C(0x9E3779B97F4A7C15);
	}
	return hash;
}

typedef struct hashed {
	uint64_t hash;
	size_t place;
	const ph_node *node;
} hashed;

static int
by_hash(const void *a, const void *b)
{
	const hashed *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static const ph_node *
twin_among(const hashed *items, size_t count, uint64_t *steps)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count && items[j].hash == items[i].hash;
		     j++) {
			if (ph_node_equal(items[i].node, items[j].node, steps))
				return items[j].node;
			if (*steps == 0)
				return NULL;
		}
	return NULL;
}

const ph_node *
ph_node_twin(const ph_node *list, uint64_t *steps, bool *failed)
{
	if (list->count < 2)
		return NULL;
	hashed *items = calloc(list->count, sizeof(*items));
	if (items == NULL) {
		*failed = true;
		return NULL;
	}
	size_t count = 0;
	for (const ph_node *n = list->first; n != NULL; n = n->next, count++)
		items[count] = (hashed){.hash = hash_of(n), .place = count, .node = n};
	qsort(items, count, sizeof(*items), by_hash);
	const ph_node *twin = twin_among(items, count, steps);
	free(items);
	return twin;
}
