/*
 * laws - a case is one document taken there and back twice; what the second trip reads is compared
 * with the first, link by link, by the paths that the links themselves read with.
 *
 * A document that breaks a law is made smaller: members are left out and texts are cut as long as it
 * still breaks one.
 */
#include "transform/workbench/laws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/workbench/laws_documents.h"

#define SHRINK_TRIES 400
#define BYTES_MAX    ((size_t) 16 << 20)
#define BOTH	     (PH_FLOWS_IN | PH_FLOWS_OUT)

/* A document and the record in it, ready to be read with a map's paths. */
typedef struct place {
	ph_map_call *call;     /* holds the vendor's document, or */
	ph_document *document; /* the canonical one */
	const char *const *names;
	const ph_node *record;
} place;

typedef struct verdict {
	bool broken;
	const ph_link *link;
	const char *law;
	char text[512];
	char refusal[PH_ERROR_TEXT]; /* not through */
} verdict;

typedef struct trips {
	const ph_map *map;
	ph_sampler sampler;
	ph_status status; /* out of memory */
	ph_error err;
} trips;

static void
place_fini(place *p)
{
	ph_map_call_destroy(&p->call);
	ph_document_destroy(&p->document);
	memset(p, 0, sizeof(*p));
}

/* ---- calls ---- */

static const char *
value_of(const char *name)
{
	if (strcmp(name, "accepted_at") == 0 || strcmp(name, "event.time") == 0 ||
	    strcmp(name, "window.to") == 0)
		return "2026-01-31T09:00:00Z";
	if (strcmp(name, "window.from") == 0)
		return "2026-01-30T09:00:00Z";
	return strncmp(name, "setting.", 8) == 0 ? "yes" : "sample";
}

/* Ids and keys that lead to each other; an id of the schema's form for a key of no known id. */
static const char *
answer_to(trips *t, ph_map_call *call, ph_map_reference kind, const char *key)
{
	ph_arena *arena = ph_document_arena(call->target);
	uint64_t hash = 5381;
	if (kind == PH_MAP_VENDOR)
		return ph_arena_printf(arena, "K%s", key);
	if (key[0] == 'K' || kind == PH_MAP_EXISTS)
		return key + (key[0] == 'K');
	for (const char *p = key; *p != 0; p++)
		hash = hash * 33 + (unsigned char) *p;
	return ph_arena_printf(arena, "%s-%013llu", ph_map_id_prefix(t->map),
	    (unsigned long long) (hash % 10000000000000u));
}

static ph_status
answer_all(trips *t, ph_map_call *call)
{
	ph_map_reference kind;
	const char *key;
	ph_status status = PH_OK;
	for (size_t i = 0; status == PH_OK; i++) {
		status = ph_map_call_reference(call, i, &kind, NULL, NULL, &key);
		if (status != PH_OK)
			return status == PH_ERR_NOT_FOUND ? PH_OK : status;
		status =
		    ph_map_call_answer(call, i, answer_to(t, call, kind, key), &t->err);
	}
	return status;
}

/* Run one; NULL if it did not get through (then the verdict says why) or without memory. */
static ph_map_call *
run(trips *t, unsigned direction, const void *bytes, size_t length, verdict *v)
{
	ph_map_call *call = NULL;
	const char *name;
	bool in = direction == PH_FLOWS_IN;
	ph_status status = ph_map_call_new(t->map, in ? PH_MAP_IN : PH_MAP_OUT,
	    in ? (unsigned) PH_MAP_LOOSE
	       : (unsigned) PH_MAP_LOOSE | (unsigned) PH_MAP_PARTIAL,
	    bytes, length, &call, &t->err);
	for (size_t i = 0; status == PH_OK && (name = ph_map_wants(t->map, i)) != NULL;
	     i++)
		status = ph_map_call_set(call, name, value_of(name), &t->err);
	if (status == PH_OK)
		status = answer_all(t, call);
	if (status == PH_OK)
		status = ph_map_call_run(call, &t->err);
	if (status != PH_OK) {
		t->status = status;
		ph_map_call_destroy(&call);
		return NULL;
	}
	if (call->count == 1 && ph_map_call_result(call, 0) == PH_MAP_DONE)
		return call;
	snprintf(v->refusal, sizeof(v->refusal), "%s",
	    call->count == 0 ? "there is no record in it"
			     : ph_map_call_error(call, 0)->text);
	ph_map_call_destroy(&call);
	return NULL;
}

/* ---- reading and comparing ---- */

static bool
is_nothing(const ph_value *value)
{
	if (value->kind != PH_VALUE_MANY)
		return value->kind == PH_VALUE_ABSENT;
	for (uint32_t i = 0; i < value->count; i++)
		if (!is_nothing(&value->items[i]))
			return false;
	return true;
}

static bool
same_value(const ph_value *a, const ph_value *b)
{
	if (is_nothing(a) || is_nothing(b))
		return is_nothing(a) && is_nothing(b);
	/* one repetition or a plain value: the same to every reader */
	if (a->kind == PH_VALUE_MANY && a->count == 1)
		a = &a->items[0];
	if (b->kind == PH_VALUE_MANY && b->count == 1)
		b = &b->items[0];
	if (a->kind != b->kind)
		return false;
	if (a->kind == PH_VALUE_MANY) {
		bool same = a->count == b->count;
		for (uint32_t i = 0; same && i < a->count; i++)
			same = same_value(&a->items[i], &b->items[i]);
		return same;
	}
	return a->kind == PH_VALUE_NULL ||
	       (a->length == b->length && memcmp(a->text, b->text, a->length) == 0);
}

/* The way in writes places to seven decimals of a degree, a centimetre: the last figure of an easting
 * in centimetres may differ by one after another trip. */
static bool
same_place(const ph_link *link, bool vendor, const ph_value *a, const ph_value *b)
{
	if (link->chain_count == 0 || link->chain[0].class != &ph_convert_osgb36 ||
	    !ph_value_is_text(a) || !ph_value_is_text(b))
		return false;
	double difference = strtod(a->text, NULL) - strtod(b->text, NULL);
	double most = vendor ? 0.0101 : 2.01e-7;
	return difference <= most && difference >= -most;
}

/* Leave out the repetitions in which every field of the side is absent. */
static void
compact(ph_tuple *tuple)
{
	uint32_t kept = 0, count = tuple->at[0].count;
	for (size_t i = 0; i < tuple->count; i++)
		if (tuple->at[i].kind != PH_VALUE_MANY || tuple->at[i].count != count)
			return;
	for (uint32_t item = 0; item < count; item++) {
		bool any = false;
		for (size_t i = 0; i < tuple->count; i++)
			any |= !is_nothing(&tuple->at[i].items[item]);
		for (size_t i = 0; any && i < tuple->count; i++)
			tuple->at[i].items[kept] = tuple->at[i].items[item];
		kept += any;
	}
	for (size_t i = 0; i < tuple->count; i++)
		tuple->at[i].count = kept;
}

static bool
read_side(const ph_map *map, const ph_side *side, const place *p, ph_arena *arena,
    ph_tuple *out)
{
	ph_reading reading = {.names = p->names,
	    .arena = arena,
	    .null_absent = map->null_absent,
	    .empty_absent = map->empty_absent};
	*out = (ph_tuple){.count = side->count};
	for (size_t i = 0; i < side->count; i++) {
		const ph_operand *o = &side->at[i];
		if (o->kind == PH_OPERAND_PATH &&
		    !ph_path_read(&reading, &o->path, p->record, &out->at[i]))
			return false;
		if (o->kind == PH_OPERAND_KEYS &&
		    !ph_path_read_wild(
			&reading, &o->path, p->record, &out->at[i], &out->at[i + 1]))
			return false;
	}
	compact(out);
	return true;
}

/* A value for the report. */
static void
words(const ph_value *value, char *out, size_t size)
{
	if (is_nothing(value))
		snprintf(out, size, "absent");
	else if (value->kind == PH_VALUE_NULL)
		snprintf(out, size, "null");
	else if (value->kind == PH_VALUE_MANY)
		snprintf(out, size, "%u values", value->count);
	else
		snprintf(out, size, "\"%.*s%s\"",
		    (int) (value->length > 60 ? 60 : value->length), value->text,
		    value->length > 60 ? "..." : "");
}

/* One side of a link before and after; false (and a verdict) if it differs. */
static bool
compare(trips *t, const ph_link *link, bool vendor, const place *before,
    const place *after, const char *law, verdict *v)
{
	const ph_side *side = vendor ? &link->vendor : &link->canonical;
	ph_document *scratch;
	ph_tuple a, b;
	if (ph_document_new("scratch", BYTES_MAX, &scratch, &t->err) != PH_OK) {
		t->status = PH_ERR_NOMEM;
		return true;
	}
	ph_arena *arena = ph_document_arena(scratch);
	bool good = read_side(t->map, side, before, arena, &a) &&
		    read_side(t->map, side, after, arena, &b);
	bool same = !good;
	for (size_t i = 0; good && i < side->count; i++) {
		same = same_value(&a.at[i], &b.at[i]) ||
		       same_place(link, vendor, &a.at[i], &b.at[i]);
		if (same)
			continue;
		char was[100], is[100];
		const char *text = side->at[i].path.text;
		words(&a.at[i], was, sizeof(was));
		words(&b.at[i], is, sizeof(is));
		snprintf(v->text, sizeof(v->text), "%s was %s, came back as %s",
		    text == NULL ? "a value" : text, was, is);
		break;
	}
	ph_document_destroy(&scratch);
	if (same)
		return true;
	v->broken = true;
	v->link = link;
	v->law = law;
	return false;
}

static bool
is_lossy(const ph_link *link)
{
	for (size_t i = 0; i < link->chain_count; i++)
		if (link->chain[i].lossy)
			return true;
	return link->has_when;
}

/* Does another link write something that this one writes? */
static bool
is_shared(const ph_program *program, const ph_link *link)
{
	for (size_t i = 0; i < program->count; i++)
		for (size_t k = 0; k < program->count; k++) {
			const ph_op *a = &program->ops[i], *b = &program->ops[k];
			if (a->link != link || b->link == link)
				continue;
			for (size_t x = 0; x < a->to->count; x++)
				for (size_t y = 0; y < b->to->count; y++)
					if (a->slots[x] != PH_SLOT_NONE &&
					    a->slots[x] == b->slots[y])
						return true;
		}
	return false;
}

static void
compare_all(trips *t, bool vendor, const place *before, const place *after,
    const char *law, bool iso_only, verdict *v)
{
	for (const ph_link *l = t->map->links; l != NULL && !v->broken; l = l->next) {
		if (l->directions != BOTH)
			continue;
		if (iso_only && (is_lossy(l) || is_shared(&t->map->in, l) ||
				    is_shared(&t->map->out, l)))
			continue;
		compare(t, l, vendor, before, after, law, v);
	}
}

/* ---- trips ---- */

static bool
open_canonical(trips *t, const void *bytes, size_t length, place *out)
{
	ph_status status =
	    ph_laws_decode(t->map, true, bytes, length, &out->document, &t->err);
	if (status == PH_OK) {
		out->record = ph_document_root(out->document);
		out->names = ph_document_bind(out->document, t->map->canonical_names);
	}
	if (status != PH_OK || out->names == NULL)
		t->status = status == PH_OK ? PH_ERR_NOMEM : status;
	return t->status == PH_OK;
}

/* Canonical bytes to the vendor's, as the way in reads them. */
static bool
go_out(trips *t, const void *bytes, size_t length, ph_buffer *out, verdict *v)
{
	ph_document *document;
	ph_map_call *call = run(t, PH_FLOWS_OUT, bytes, length, v);
	if (call == NULL)
		return false;
	size_t size;
	const void *data = ph_map_call_data(call, 0, &size);
	ph_status status =
	    ph_laws_decode(t->map, false, data, size, &document, &t->err);
	if (status == PH_OK && ph_laws_turn(t->map, document) == NULL)
		snprintf(v->refusal, sizeof(v->refusal),
		    "the way out writes no record that the way in could read");
	else if (status == PH_OK)
		status = ph_laws_encode(t->map, false, document, out, &t->err);
	if (status == PH_OK)
		ph_document_destroy(&document);
	ph_map_call_destroy(&call);
	if (status == PH_ERR_NOMEM)
		t->status = status;
	else if (status != PH_OK)
		snprintf(v->refusal, sizeof(v->refusal), "%s", t->err.text);
	return v->refusal[0] == 0 && t->status == PH_OK;
}

/* The vendor's bytes in; the call keeps the document that was read, the data is canonical. */
static bool
go_in(trips *t, const void *bytes, size_t length, place *vendor, place *canonical,
    verdict *v)
{
	vendor->call = run(t, PH_FLOWS_IN, bytes, length, v);
	if (vendor->call == NULL)
		return false;
	size_t size;
	vendor->record = vendor->call->records[0].node;
	vendor->names = vendor->call->source_names;
	const void *data = ph_map_call_data(vendor->call, 0, &size);
	return open_canonical(t, data, size, canonical);
}

/* Out and in again; the bytes between are kept, since the call reads from them. */
static bool
there_and_back(trips *t, const void *bytes, size_t length, ph_buffer *between,
    place *vendor, place *canonical, verdict *v)
{
	return go_out(t, bytes, length, between, v) &&
	       go_in(t, between->data, between->length, vendor, canonical, v);
}

/* The canonical bytes that a way in has made. */
static const void *
made(const place *vendor, size_t *length)
{
	return ph_map_call_data(vendor->call, 0, length);
}

static void
try_document(trips *t, bool canonical, const void *bytes, size_t length, verdict *v)
{
	place start = {0}, vendor[2] = {{0}}, back[2] = {{0}};
	ph_buffer between[2];
	size_t size;
	memset(v, 0, sizeof(*v));
	ph_buffer_init(&between[0], BYTES_MAX);
	ph_buffer_init(&between[1], BYTES_MAX);
	bool first = canonical ? open_canonical(t, bytes, length, &start) &&
				     there_and_back(t, bytes, length, &between[0],
					 &vendor[0], &back[0], v)
			       : go_in(t, bytes, length, &vendor[0], &back[0], v);
	if (first && canonical)
		compare_all(t, false, &start, &back[0], "out and back", true, v);
	const void *data = first ? made(&vendor[0], &size) : NULL;
	if (first && !v->broken &&
	    there_and_back(t, data, size, &between[1], &vendor[1], &back[1], v)) {
		if (!canonical)
			compare_all(
			    t, true, &vendor[0], &vendor[1], "in and back", true, v);
		if (!v->broken)
			compare_all(
			    t, false, &back[0], &back[1], "a second time", false, v);
		if (!v->broken && canonical)
			compare_all(
			    t, true, &vendor[0], &vendor[1], "a second time", false, v);
	}
	place_fini(&start);
	for (size_t i = 0; i < 2; i++) {
		place_fini(&vendor[i]);
		place_fini(&back[i]);
		ph_buffer_fini(&between[i]);
	}
}

/* ---- smaller ---- */

/* The node of that number in the order of the text, the root not counted; NULL. */
static ph_node *
nth(ph_node *node, size_t *number)
{
	for (ph_node *n = node->first; n != NULL; n = n->next) {
		if ((*number)-- == 0)
			return n;
		ph_node *found = nth(n, number);
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* Leave the node out, or cut its text in half at a whole character. */
static bool
make_smaller(ph_node *node, bool cut)
{
	if (!cut) {
		ph_node_remove(node);
		return true;
	}
	if (node->kind != PH_NODE_STRING || node->length < 2)
		return false;
	size_t half = node->length / 2;
	while (half > 0 && ((unsigned char) node->text[half] & 0xc0) == 0x80)
		half--;
	char *text = (char *) (uintptr_t) node->text;
	text[half] = 0;
	node->length = half;
	return true;
}

/* One attempt; true if the smaller document breaks a law too, and has taken the place of *bytes. */
static bool
try_smaller(trips *t, bool canonical, ph_buffer *bytes, size_t number, bool cut,
    bool *past, verdict *v)
{
	ph_document *document;
	ph_buffer smaller;
	verdict own;
	*past = true;
	if (ph_laws_decode(t->map, canonical, bytes->data, bytes->length, &document,
		NULL) != PH_OK)
		return false;
	ph_node *node = nth(ph_document_root(document), &number);
	*past = node == NULL;
	ph_buffer_init(&smaller, BYTES_MAX);
	bool good =
	    node != NULL && make_smaller(node, cut) &&
	    ph_laws_encode(t->map, canonical, document, &smaller, NULL) == PH_OK;
	ph_document_destroy(&document);
	if (good) {
		try_document(t, canonical, smaller.data, smaller.length, &own);
		good = own.broken;
	}
	if (!good) {
		ph_buffer_fini(&smaller);
		return false;
	}
	ph_buffer_fini(bytes);
	*bytes = smaller;
	*v = own;
	return true;
}

static void
shrink(trips *t, bool canonical, ph_buffer *bytes, verdict *v)
{
	bool smaller = true;
	size_t tries = 0;
	while (smaller && tries < SHRINK_TRIES) {
		smaller = false;
		for (int cut = 0; cut < 2; cut++) {
			bool past = false;
			for (size_t i = 0; !past && tries < SHRINK_TRIES; tries++)
				if (try_smaller(t, canonical, bytes, i, cut, &past, v))
					smaller = true;
				else
					i++;
		}
	}
}

/* ---- cases ---- */

/* A document to start from; false if none could be made. */
static bool
make_canonical(trips *t, ph_buffer *out)
{
	ph_document *document;
	if (ph_document_new("sample", BYTES_MAX, &document, &t->err) != PH_OK) {
		t->status = PH_ERR_NOMEM;
		return false;
	}
	ph_node *root = ph_sample_make(&t->sampler, t->map->schema, document);
	bool good = root != NULL;
	if (good) {
		ph_document_set_root(document, root);
		ph_laws_steer(t->map, &t->sampler, document, root);
		good = ph_laws_encode(t->map, true, document, out, &t->err) == PH_OK;
	}
	ph_document_destroy(&document);
	return good;
}

/* What the way out makes of a canonical document, changed. */
static bool
make_vendor(trips *t, ph_buffer *out, verdict *v)
{
	ph_buffer canonical, written;
	ph_document *document;
	ph_buffer_init(&canonical, BYTES_MAX);
	ph_buffer_init(&written, BYTES_MAX);
	bool good = make_canonical(t, &canonical) &&
		    go_out(t, canonical.data, canonical.length, &written, v) &&
		    ph_laws_decode(t->map, false, written.data, written.length,
			&document, &t->err) == PH_OK;
	if (good) {
		/* it is turned already: only its record is looked for */
		ph_node *record = ph_laws_record(t->map, document);
		if (record != NULL)
			ph_laws_change(t->map, &t->sampler, document, record);
		good = ph_laws_encode(t->map, false, document, out, &t->err) == PH_OK;
		ph_document_destroy(&document);
	}
	ph_buffer_fini(&canonical);
	ph_buffer_fini(&written);
	return good;
}

static void
report(trips *t, ph_laws *out, bool canonical, ph_buffer *bytes, verdict *v)
{
	shrink(t, canonical, bytes, v);
	out->broken = true;
	out->canonical = canonical;
	out->law = v->law;
	ph_link_where(t->map, v->link, out->where);
	snprintf(out->text, sizeof(out->text), "%s", v->text);
	out->document = malloc(bytes->length + 1);
	if (out->document == NULL) {
		t->status = PH_ERR_NOMEM;
		return;
	}
	memcpy(out->document, bytes->data, bytes->length);
	out->document[bytes->length] = 0;
	out->length = bytes->length;
}

static void
run_case(trips *t, bool canonical, ph_laws *out)
{
	verdict v = {0};
	ph_buffer bytes;
	ph_buffer_init(&bytes, BYTES_MAX);
	bool there = canonical ? make_canonical(t, &bytes) : make_vendor(t, &bytes, &v);
	if (there)
		try_document(t, canonical, bytes.data, bytes.length, &v);
	if (v.broken)
		report(t, out, canonical, &bytes, &v);
	else if (there && v.refusal[0] == 0)
		out->held++;
	else
		out->refused++;
	if (out->refusal[0] == 0 && !v.broken)
		snprintf(out->refusal, sizeof(out->refusal), "%s",
		    there || v.refusal[0] != 0 ? v.refusal
					       : "no document could be made up");
	ph_buffer_fini(&bytes);
}

ph_status
ph_laws_check(
    const ph_map *map, uint64_t seed, size_t cases, ph_laws *out, ph_error *err)
{
	PH_ASSERT(map != NULL && out != NULL);
	memset(out, 0, sizeof(*out));
	trips t = {.map = map, .status = PH_OK};
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		out->links += l->directions == BOTH;
	if (out->links == 0 || map->schema == NULL)
		return PH_OK;
	for (size_t i = 0; i < cases && !out->broken && t.status == PH_OK; i++) {
		/* each case by itself, so that one can be made again alone */
		t.sampler =
		    (ph_sampler){.state = seed + i, .plain = map->records != NULL};
		out->number = i + 1;
		run_case(&t, i % 2 == 0, out);
	}
	if (t.status == PH_OK)
		return PH_OK;
	ph_laws_fini(out);
	return ph_fail(err, t.status, "%s",
	    t.status == PH_ERR_NOMEM ? "out of memory" : t.err.text);
}

void
ph_laws_fini(ph_laws *laws)
{
	free(laws->document);
	laws->document = NULL;
}
