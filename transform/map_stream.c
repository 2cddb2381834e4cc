/*
 * map_stream - a large file, piece by piece, each a call of its own.
 *
 * The way to the records is that of `root` and `each`. Links that read beside their record see
 * what each piece repeats; where that is not all there may be, the file is refused, or the map
 * is.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/pieces.h"
#include "transform/map_inner.h"

struct ph_map_stream {
	const ph_map *map;
	ph_pieces *pieces;
	ph_piece piece;
	ph_records_state state, before; /* before the latest piece */
	uint64_t records;		/* in the calls before the latest */
	size_t latest;			/* in the latest */
	bool ended;			/* a piece could not be read: no other comes */
};

typedef struct planner {
	const ph_map *map;
	ph_pieces_step way[PH_PIECES_DEPTH];
	size_t depth;
	bool beside;  /* a link reads above its record */
	bool others;  /* ... and other records than its own and the file's first */
	bool unplain; /* a step that is no plain name */
} planner;

/* ---- what links read beside their records ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* A step down from a parent of the record, that many steps of the way below the top. */
static void
look_beside(planner *p, const ph_step *step, size_t level)
{
	const ph_map *map = p->map;
	const ph_pieces_step *way = &p->way[level];
	const char *name = ph_names_text(map->vendor_names, step->name);
	const char *space = ph_names_text(map->vendor_names, step->space);
	const char *first =
	    map->records == NULL ? NULL : ph_records_first(map->records);
	bool plain = (step->flags & (PH_STEP_ATTRIBUTE | PH_STEP_WILD)) == 0;
	if (map->records != NULL)
		p->others |= !plain || first == NULL || !same_text(first, name);
	else
		p->others |= (step->flags & PH_STEP_WILD) != 0 ||
			     (plain && same_text(way->name, name) &&
				 same_text(way->space, space));
}

static void
look_at(planner *p, const ph_path *path)
{
	size_t level = p->depth, below = 0; /* steps of the way; off it */
	for (size_t i = 0; i < path->count; i++) {
		const ph_step *step = &path->steps[i];
		if ((step->flags & PH_STEP_PARENT) != 0) {
			if (below > 0)
				below--;
			else if (level > 0)
				level--;
			continue;
		}
		if (below++ == 0 && level < p->depth)
			look_beside(p, step, level);
	}
	p->beside |= level < p->depth;
}

static void
look_at_condition(planner *p, const ph_condition *condition)
{
	for (const ph_condition *c = condition; c != NULL; c = c->otherwise)
		for (const ph_test *t = c->first; t != NULL; t = t->next)
			if (t->context < 0)
				look_at(p, &t->path);
}

static void
look_at_links(planner *p)
{
	const ph_map *map = p->map;
	for (const ph_link *link = map->links; link != NULL; link = link->next) {
		if ((link->directions & PH_FLOWS_IN) == 0)
			continue;
		for (size_t i = 0; i < link->vendor.count; i++)
			look_at(p, &link->vendor.at[i].path);
		if (link->has_when)
			look_at_condition(p, &link->when);
	}
	for (const ph_require *r = map->requires; r != NULL; r = r->next)
		look_at_condition(p, &r->condition);
}

/* ---- the way ---- */

static void
add_step(planner *p, const char *name, const char *space)
{
	if (p->depth == PH_PIECES_DEPTH)
		p->unplain = true;
	else
		p->way[p->depth++] = (ph_pieces_step){.name = name, .space = space};
}

static void
add_path(planner *p, const ph_path *path)
{
	for (size_t i = 0; i < path->count; i++) {
		const ph_step *step = &path->steps[i];
		if ((step->flags & ~(unsigned) PH_STEP_MANY) != 0)
			p->unplain = true;
		add_step(p, ph_names_text(p->map->vendor_names, step->name),
		    ph_names_text(p->map->vendor_names, step->space));
	}
}

static void
plan_way(planner *p)
{
	const ph_map *map = p->map;
	if (map->format == PH_MAP_SOAP) {
		add_step(p, "Envelope", PH_SOAP_NAMESPACE);
		add_step(p, "Body", PH_SOAP_NAMESPACE);
	}
	size_t top = p->depth;
	if (ph_vendor_is_xml(map) && map->root_in.count == 0)
		add_step(p, NULL, NULL);
	add_path(p, &map->root_in);
	if (map->has_each)
		add_path(p, &map->each);
	if (map->format == PH_MAP_SOAP && top < p->depth)
		p->way[top].first = true;
}

/* Why files of this map are read whole; NULL: they need not be. */
static const char *
plan(const ph_map *map, planner *p)
{
	*p = (planner){.map = map};
	if (map->format == PH_MAP_FORM || map->format == PH_MAP_HL7 ||
	    map->format == PH_MAP_MULTIPART)
		return "its format holds one record";
	if (map->xsd != NULL)
		return "the vendor's XML schema is for whole documents";
	if (map->open_count > 0)
		return "it opens texts that are documents";
	if (map->records != NULL && !map->has_each)
		return "it has no each:";
	if (map->records != NULL && ph_records_first_gathers(map->records))
		return "the record that comes first gathers others";
	plan_way(p);
	look_at_links(p);
	if (p->unplain || (map->records != NULL && p->depth != 1))
		return "root: and each: choose among records";
	if (ph_vendor_is_xml(map) && p->depth < 2)
		return "its record is the whole document";
	if (p->others)
		return "a link reads other records beside its own";
	return NULL;
}

ph_status
ph_map_streams(const ph_map *map, ph_error *err)
{
	planner p;
	const char *why = plan(map, &p);
	if (why == NULL && ph_map_goes(map, PH_MAP_IN))
		return PH_OK;
	return ph_fail(err, PH_ERR_USAGE,
	    "PH2094 the map %s reads whole documents only: %s", map->name,
	    why == NULL ? "it does not go in" : why);
}

/* The bytes that `read` gives, cut as this map's files are; PH_ERR_USAGE if they are not. */
static ph_status
open_pieces(const ph_map *map, ph_map_read *read, void *self, size_t target,
    size_t longest, ph_pieces **out, ph_error *err)
{
	planner p;
	ph_status status = ph_map_streams(map, err);
	if (status != PH_OK)
		return status;
	(void) plan(map, &p);
	ph_pieces_plan pieces = {.format = map->records != NULL	   ? PH_PIECES_ROWS
					   : ph_vendor_is_xml(map) ? PH_PIECES_XML
								   : PH_PIECES_JSON,
	    .records = map->records,
	    .way = p.way,
	    .depth = map->records != NULL ? 0 : p.depth,
	    .beside = p.beside && map->records == NULL,
	    .target = target,
	    .longest = longest};
	return ph_pieces_new(&pieces, read, self, "vendor", out, err);
}

ph_status
ph_map_stream_open(const ph_map *map, ph_map_read *read, void *self,
    ph_map_stream **out, ph_error *err)
{
	ph_map_stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	stream->map = map;
	ph_status status = open_pieces(map, read, self, map->piece_size,
	    map->longest_record, &stream->pieces, err);
	if (status == PH_OK)
		*out = stream;
	else
		ph_map_stream_destroy(&stream);
	return status;
}

void
ph_map_stream_destroy(ph_map_stream **stream_p)
{
	ph_map_stream *stream = *stream_p;
	if (stream == NULL)
		return;
	ph_pieces_destroy(&stream->pieces);
	free(stream);
	*stream_p = NULL;
}

ph_status
ph_map_stream_next(ph_map_stream *stream, ph_map_call **out, ph_error *err)
{
	if (stream->ended)
		return PH_ERR_NOT_FOUND;
	stream->records += stream->latest;
	stream->latest = 0;
	ph_status status = ph_pieces_next(stream->pieces, &stream->piece, err);
	stream->before = stream->state;
	if (status == PH_OK)
		status = ph_call_new_piece(
		    stream->map, &stream->piece, &stream->state, out, err);
	if (status != PH_OK) {
		stream->ended = true;
		return status;
	}
	const ph_map_call *call = *out;
	stream->latest = call->count;
	stream->ended = call->count == 1 && call->records[0].node == NULL;
	return PH_OK;
}

ph_status
ph_map_stream_again(ph_map_stream *stream, ph_map_call **out, ph_error *err)
{
	stream->state = stream->before;
	return ph_call_new_piece(stream->map, &stream->piece, &stream->state, out, err);
}

uint64_t
ph_map_stream_before(const ph_map_stream *stream)
{
	return stream->records;
}

ph_status
ph_map_stream_check_next(ph_map_stream *stream, ph_error *err)
{
	ph_map_call *call = NULL;
	ph_status status = ph_map_stream_next(stream, &call, err);
	if (status == PH_ERR_NOT_FOUND) {
		stream->records += stream->latest;
		stream->latest = 0;
	}
	if (status != PH_OK)
		return status;
	if (stream->ended && err != NULL)
		*err = *call->records[0].error;
	ph_map_call_destroy(&call);
	return stream->ended ? PH_ERR_INVALID : PH_OK;
}

ph_status
ph_map_stream_check(ph_map_stream *stream, ph_error *err)
{
	ph_status status = PH_OK;
	while (status == PH_OK)
		status = ph_map_stream_check_next(stream, err);
	return status == PH_ERR_NOT_FOUND ? PH_OK : status;
}

/* ---- the sender's bytes of one record ---- */

typedef struct leftover {
	const char *bytes;
	size_t length;
} leftover;

static ph_status
read_leftover(void *self, void *into, size_t size, size_t *got, ph_error *err)
{
	leftover *left = self;
	(void) err;
	*got = left->length < size ? left->length : size;
	memcpy(into, left->bytes, *got);
	left->bytes += *got;
	left->length -= *got;
	return PH_OK;
}

/* Does the record begin where this piece of its own piece does, or behind? */
static bool
begins_in(const ph_node *node, const ph_piece *piece)
{
	return piece->first || node->line > piece->line ||
	       (node->line == piece->line && node->column >= piece->column);
}

/* The piece is cut once more, as finely as can be: what holds the record is the last that begins
 * before it. */
ph_status
ph_call_cut(
    const ph_map_call *call, size_t record, char **out, size_t *length, ph_error *err)
{
	const ph_piece *whole = call->piece;
	const ph_node *node = call->records[record].node;
	leftover left = {whole->bytes, whole->length};
	ph_buffer bytes;
	ph_piece piece;
	ph_pieces *pieces = NULL;
	ph_buffer_init(&bytes, 0);
	ph_status status = open_pieces(
	    call->map, read_leftover, &left, 1, whole->length + 1, &pieces, err);
	while (status == PH_OK && node != NULL) {
		status = ph_pieces_next(pieces, &piece, err);
		if (status != PH_OK || !begins_in(node, &piece))
			break;
		ph_buffer_clear(&bytes);
		ph_buffer_append(&bytes, piece.bytes, piece.length);
	}
	ph_pieces_destroy(&pieces);
	if (node == NULL)
		ph_buffer_append(&bytes, whole->bytes, whole->length);
	if (status == PH_ERR_NOT_FOUND)
		status = PH_OK;
	if (status == PH_OK && ph_buffer_cstr(&bytes) == NULL)
		status = ph_fail(err, PH_ERR_NOMEM, "out of memory");
	if (status != PH_OK) {
		ph_buffer_fini(&bytes);
		return status;
	}
	*out = (char *) bytes.data;
	*length = bytes.length;
	return PH_OK;
}

void
ph_map_limits(ph_map *map, size_t document, size_t record)
{
	if (document > 0)
		map->largest = document;
	if (record > 0)
		map->longest_record = record;
}

size_t
ph_map_largest(const ph_map *map)
{
	return map->largest;
}

int
ph_map_call_place(
    const ph_map_call *call, size_t record, uint32_t *line, uint32_t *column)
{
	PH_ASSERT(record < call->count);
	const ph_node *node = call->records[record].node;
	if (node == NULL || node->line == 0)
		return 0;
	*line = node->line;
	*column = node->column;
	if (call->piece != NULL)
		ph_piece_place(call->piece, line, column);
	return 1;
}
