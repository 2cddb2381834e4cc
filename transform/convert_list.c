/*
 * convert_list - split (the items of a list and one text), list (several fields and one list),
 * hash (an identifier made of what there is).
 */
#include <sodium.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/text.h"
#include "transform/convert.h"

/* ---- split: a list's items in one text, with a separator between them ---- */

typedef struct splitting {
	const char *separator;
	size_t length;
} splitting;

static bool
load_split(ph_build *build, const ph_term *term, ph_convert *convert)
{
	splitting *s = ph_arena_zalloc(build->load->arena, sizeof(*s));
	if (s == NULL)
		return ph_load_no_memory(build->load);
	convert->state = s;
	convert->lossy = true; /* a list of one empty text comes back as none */
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL || !a->string || a->length == 0)
		return ph_term_fail(
		    term, "PH2206 split needs its separator: split(\",\")");
	if (build->arity != 1)
		return ph_term_fail(term,
		    "PH2222 split works on one value, here are %zu; join puts several "
		    "together",
		    build->arity);
	s->separator = a->text;
	s->length = a->length;
	return true;
}

static const char *
find(const char *text, size_t length, const splitting *s)
{
	for (size_t at = 0; at + s->length <= length; at++)
		if (memcmp(text + at, s->separator, s->length) == 0)
			return text + at;
	return NULL;
}

static ph_flow
take_apart(const splitting *s, ph_run *run, ph_value *value)
{
	ph_value whole = *value;
	const char *text = whole.text, *end = text + whole.length, *next;
	uint32_t count = 1;
	for (const char *p = text; (p = find(p, (size_t) (end - p), s)) != NULL;
	     p += s->length)
		count++;
	*value =
	    (ph_value){.kind = PH_VALUE_MANY, .flags = whole.flags, .count = count};
	value->items = ph_arena_alloc(ph_run_arena(run), count * sizeof(ph_value));
	if (value->items == NULL)
		return ph_run_no_memory(run);
	for (uint32_t i = 0; i < count; i++, text = next + s->length) {
		next = find(text, (size_t) (end - text), s);
		next = next == NULL ? end : next;
		const char *copy =
		    ph_arena_dup(ph_run_arena(run), text, (size_t) (next - text));
		if (copy == NULL)
			return ph_run_no_memory(run);
		value->items[i] = ph_value_text(copy, (size_t) (next - text));
		value->items[i].flags = whole.flags;
	}
	if (whole.length == 0)
		*value = (ph_value){0};
	return PH_FLOW_ON;
}

static ph_flow
put_together(const splitting *s, ph_run *run, ph_value *value)
{
	size_t length = 0;
	uint32_t there = 0, flags = value->flags;
	for (uint32_t i = 0; i < value->count; i++) {
		const ph_value *item = &value->items[i];
		if (!ph_value_is_text(item))
			continue;
		if (find(item->text, item->length, s) != NULL)
			return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
			    "PH2330 an item of the list holds the separator itself");
		length += item->length + s->length;
		flags |= item->flags;
		there++;
	}
	if (there == 0) {
		*value = (ph_value){0};
		return PH_FLOW_ON;
	}
	char *text = ph_arena_alloc(ph_run_arena(run), length + 1), *out = text;
	if (text == NULL)
		return ph_run_no_memory(run);
	for (uint32_t i = 0; i < value->count; i++) {
		const ph_value *item = &value->items[i];
		if (!ph_value_is_text(item))
			continue;
		if (out != text) {
			memcpy(out, s->separator, s->length);
			out += s->length;
		}
		memcpy(out, item->text, item->length);
		out += item->length;
	}
	*out = 0;
	*value = ph_value_text(text, (size_t) (out - text));
	value->flags = flags;
	return PH_FLOW_ON;
}

/* A list becomes a text and a text a list: which of them arrives says which way. */
static ph_flow
split(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	ph_value *value = &tuple->at[0];
	if (value->kind == PH_VALUE_MANY)
		return put_together(convert->state, run, value);
	return ph_value_is_text(value) ? take_apart(convert->state, run, value)
				       : PH_FLOW_ON;
}

const ph_convert_class ph_convert_split = {.name = "split",
    .help = "split(\"SEPARATOR\")",
    .load = load_split,
    .out = split,
    .in = split};

/* ---- list: (a, b) <-> c[] ---- */

static bool
load_list(ph_build *build, const ph_term *term, ph_convert *convert)
{
	size_t *parts = ph_arena_zalloc(build->load->arena, sizeof(*parts));
	if (parts == NULL)
		return ph_load_no_memory(build->load);
	convert->state = parts;
	convert->lossy = true; /* if one is absent, none is written */
	size_t leaving = build->reversed ? build->canonical_count : build->vendor_count;
	*parts = build->arity > 1 ? build->arity : leaving;
	if (*parts < 2)
		return ph_term_fail(
		    term, "PH2219 list needs several fields on one side of the link");
	build->arity = build->arity > 1 ? 1 : leaving;
	return true;
}

ph_flow
ph_convert_pack(ph_run *run, ph_tuple *tuple)
{
	size_t count = tuple->count;
	for (size_t i = 0; i < count; i++)
		if (!ph_value_is_text(&tuple->at[i])) {
			*tuple = (ph_tuple){.count = 1};
			return PH_FLOW_ON;
		}
	ph_value *items = ph_arena_alloc(ph_run_arena(run), count * sizeof(*items));
	if (items == NULL)
		return ph_run_no_memory(run);
	memcpy(items, tuple->at, count * sizeof(*items));
	ph_value many = {.kind = PH_VALUE_MANY,
	    .flags = ph_tuple_flags(tuple),
	    .count = (uint32_t) count,
	    .items = items};
	*tuple = (ph_tuple){.count = 1, .at = {many}};
	return PH_FLOW_ON;
}

ph_flow
ph_convert_unpack(ph_run *run, ph_tuple *tuple, size_t parts)
{
	ph_value many = tuple->at[0];
	*tuple = (ph_tuple){.count = parts};
	if (many.kind == PH_VALUE_ABSENT || many.kind == PH_VALUE_NULL)
		return PH_FLOW_ON;
	if (many.kind != PH_VALUE_MANY) {
		tuple->at[0] = many;
		return PH_FLOW_ON;
	}
	if (many.count > parts)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2331 the list has %u items for %zu fields", many.count, parts);
	memcpy(tuple->at, many.items, many.count * sizeof(ph_value));
	return PH_FLOW_ON;
}

static ph_flow
list(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const size_t *parts = convert->state;
	return tuple->count > 1 ? ph_convert_pack(run, tuple)
				: ph_convert_unpack(run, tuple, *parts);
}

const ph_convert_class ph_convert_list = {
    .name = "list", .help = "list", .load = load_list, .out = list, .in = list};

/* ---- hash: the same text for the same values ---- */

enum { DIGEST_TEXT = 2 * crypto_hash_sha256_BYTES };

typedef struct hashing {
	size_t length;
	const char *prefix;
} hashing;

static bool
load_hash(ph_build *build, const ph_term *term, ph_convert *convert)
{
	hashing *h = ph_arena_zalloc(build->load->arena, sizeof(*h));
	if (h == NULL)
		return ph_load_no_memory(build->load);
	convert->state = h;
	*h = (hashing){32, ""};
	const ph_argument *a = ph_term_get(term, "length");
	if (a != NULL && !ph_convert_whole(term, a, 16, DIGEST_TEXT, &h->length))
		return false;
	a = ph_term_get(term, "prefix");
	if (a != NULL)
		h->prefix = a->text;
	build->arity = 1;
	return true;
}

/* Each value with its length, so that no two tuples are written alike; absent is not empty. */
static void
add_value(crypto_hash_sha256_state *state, const ph_value *value)
{
	uint8_t head[9] = {value->kind == PH_VALUE_MANY ? 2 : ph_value_is_text(value)};
	uint64_t size = value->kind == PH_VALUE_MANY ? value->count : value->length;
	for (size_t i = 0; i < 8; i++)
		head[1 + i] = (uint8_t) (size >> (8 * i));
	(void) crypto_hash_sha256_update(state, head, head[0] == 0 ? 1 : sizeof head);
	if (head[0] == 1)
		(void) crypto_hash_sha256_update(
		    state, (const uint8_t *) value->text, value->length);
	for (uint32_t i = 0; head[0] == 2 && i < value->count; i++)
		add_value(state, &value->items[i]);
}

static ph_flow
hash(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const hashing *h = convert->state;
	uint8_t digest[crypto_hash_sha256_BYTES];
	char text[DIGEST_TEXT + 1];
	uint32_t flags = ph_tuple_flags(tuple);
	crypto_hash_sha256_state state;
	if (ph_tuple_absent(tuple)) {
		*tuple = (ph_tuple){.count = 1};
		return PH_FLOW_ON;
	}
	(void) crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < tuple->count; i++)
		add_value(&state, &tuple->at[i]);
	(void) crypto_hash_sha256_final(&state, digest);
	ph_hex_encode(digest, sizeof digest, text);
	const char *whole = ph_arena_printf(
	    ph_run_arena(run), "%s%.*s", h->prefix, (int) h->length, text);
	if (whole == NULL)
		return ph_run_no_memory(run);
	*tuple = (ph_tuple){.count = 1, .at = {ph_value_text(whole, strlen(whole))}};
	tuple->at[0].flags = flags;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_hash = {.name = "hash",
    .help = "hash(length=DIGITS, prefix=\"TEXT\")",
    .plain = true,
    .load = load_hash,
    .out = hash};
