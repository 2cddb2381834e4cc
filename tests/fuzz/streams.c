/*
 * streams - records as text: each with what of its parents it can see.
 */
#include "tests/fuzz/streams.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/codec.h"
#include "lib/config/config.h"
#include "tests/fuzz/targets.h"

#define LIMIT ((size_t) 64 << 20)
#define SPACE "urn:r"

typedef struct stream {
	char letter;
	ph_pieces_format format;
	bool first; /* rows: each piece begins with a record that was there before */
	const char *description;
} stream;

#define TYPES(gather)                                                                  \
	"format: record-csv\n"                                                         \
	"records:\n"                                                                   \
	"  \"10\": {name: header, fields: [custodian, made]}\n"                        \
	"  \"11\": {name: street, fields: [usrn, name]" gather "}\n"                   \
	"  \"15\": {name: note, fields: [text]}\n"                                     \
	"  \"99\": {name: trailer, fields: [count]}\n"                                 \
	"first: header\nlast: trailer\n"                                               \
	"count: {field: count, except: [header, trailer]}\n"

static const stream streams[] = {
    {'c', PH_PIECES_ROWS, false, "format: csv\nrow: line\n"},
    {'t', PH_PIECES_ROWS, true, TYPES("")},
    {'f', PH_PIECES_ROWS, false,
	"format: fixed\nrow: line\nfields:\n  code: 1-3\n"
	"  n: {at: 5-8, align: right, pad: \"0\"}\n"},
    {'g', PH_PIECES_ROWS, false,
	"format: csv\nrow: line\nfields: [case, opened, what]\n"
	"gather: {record: case, by: [case], with: [opened]}\n"},
    {'h', PH_PIECES_ROWS, true, TYPES(", gather: [note]")},
    {'i', PH_PIECES_ROWS, false,
	"format: fixed\nrow: line\nfields:\n  code: {at: 1-3, align: right, pad: "
	"\"0\"}\n"
	"  n: 5-8\ngather: {record: case, by: [code]}\n"},
    {'x', PH_PIECES_XML, false, NULL},
    {'j', PH_PIECES_JSON, false, NULL},
    {0, PH_PIECES_ROWS, false, NULL},
};
static ph_records *made[sizeof streams / sizeof *streams];

static const ph_pieces_step xml_way[] = {
    {"rows", SPACE, false}, {"case", NULL, false}, {"item", NULL, false}};
static const ph_pieces_step json_way[] = {{"rows", NULL, false}, {"item", NULL, false}};

static const stream *
known(char letter)
{
	for (const stream *s = streams; s->letter != 0; s++)
		if (s->letter == letter)
			return s;
	return NULL;
}

bool
ph_test_stream_known(char letter)
{
	return known(letter) != NULL;
}

static const ph_records *
description(const stream *s)
{
	ph_records **kept = &made[s - streams];
	ph_document *document = NULL;
	if (*kept != NULL || s->description == NULL)
		return *kept;
	ph_status status = ph_document_new("description", LIMIT, &document, NULL);
	PH_ASSERT(status == PH_OK);
	status =
	    ph_yaml_decode(document, s->description, strlen(s->description), 0, NULL);
	PH_ASSERT(status == PH_OK);
	status = ph_records_new(&document, kept, NULL);
	PH_ASSERT(status == PH_OK);
	return *kept;
}

void
ph_test_streams_forget(void)
{
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		ph_records_destroy(&made[i]);
}

/* ---- records as text ---- */

static void
put_node(ph_buffer *out, const ph_node *node)
{
	ph_buffer_printf(out, "%s{%s", node->name == NULL ? "" : node->name,
	    node->space == NULL ? "" : node->space);
	ph_buffer_printf(out, "|%u%u|", node->kind, node->flags & PH_NODE_ATTRIBUTE);
	if (node->text != NULL)
		ph_buffer_append(out, node->text, node->length);
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		put_node(out, n);
	ph_buffer_text(out, "}");
}

static bool
is_step(const ph_node *node, const ph_pieces_step *step)
{
	bool same_space = (node->space == NULL && step->space == NULL) ||
			  (node->space != NULL && step->space != NULL &&
			      strcmp(node->space, step->space) == 0);
	return node->name != NULL && strcmp(node->name, step->name) == 0 &&
	       same_space && (node->flags & PH_NODE_ATTRIBUTE) == 0;
}

/* What a record sees of a parent: all that is not on the way. */
static void
put_parent(ph_buffer *out, const ph_node *parent, const ph_pieces_step *step)
{
	ph_buffer_text(out, "^");
	for (const ph_node *n = parent->first; n != NULL; n = n->next)
		if (!is_step(n, step))
			put_node(out, n);
}

static void
put_records(ph_buffer *out, const ph_node *node, const ph_pieces_step *way,
    size_t depth, size_t at, const ph_node **parents)
{
	if (node->kind == PH_NODE_LIST) {
		for (const ph_node *n = node->first; n != NULL; n = n->next)
			put_records(out, n, way, depth, at, parents);
		return;
	}
	if (at == depth) {
		put_node(out, node);
		for (size_t i = 0; i < depth; i++)
			if (parents[i] != NULL)
				put_parent(out, parents[i], &way[i]);
		ph_buffer_text(out, "\n");
		return;
	}
	parents[at] = node;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (is_step(n, &way[at]))
			put_records(out, n, way, depth, at + 1, parents);
}

static void
put_document(ph_buffer *out, const stream *s, const ph_node *root, bool again)
{
	const ph_node *parents[8] = {NULL};
	if (s->format == PH_PIECES_XML && is_step(root, &xml_way[0])) {
		put_records(out, root, xml_way, 3, 1, parents);
	} else if (s->format == PH_PIECES_JSON) {
		put_records(out, root, json_way, 2, 0, parents);
	} else if (s->format == PH_PIECES_ROWS) {
		const ph_node *n = root->first;
		if (again && s->first && n != NULL)
			n = n->next;
		for (; n != NULL; n = n->next) {
			put_node(out, n);
			ph_buffer_text(out, "\n");
		}
	}
}

/* ---- both ways ---- */

ph_status
ph_test_stream_whole(
    char letter, const void *bytes, size_t length, ph_buffer *out, ph_error *err)
{
	const stream *s = known(letter);
	ph_document *document = NULL;
	ph_status status = ph_document_new("input", LIMIT, &document, NULL);
	PH_ASSERT(status == PH_OK);
	if (s->format == PH_PIECES_ROWS)
		status =
		    ph_records_decode(description(s), document, bytes, length, err);
	else
		status = s->format == PH_PIECES_XML
			     ? ph_xml_decode(document, bytes, length, err)
			     : ph_json_decode(document, bytes, length, err);
	if (status == PH_OK)
		put_document(out, s, ph_document_root(document), false);
	ph_document_destroy(&document);
	return status;
}

typedef struct input {
	const char *bytes;
	size_t length, at, chunk;
} input;

static ph_status
read_some(void *self, void *into, size_t size, size_t *got, ph_error *err)
{
	input *in = self;
	(void) err;
	size_t more = in->length - in->at;
	*got = more < in->chunk ? more : in->chunk;
	*got = *got < size ? *got : size;
	if (*got > 0)
		memcpy(into, in->bytes + in->at, *got);
	in->at += *got;
	return PH_OK;
}

static ph_status
read_piece(const stream *s, const ph_piece *piece, ph_records_state *state,
    ph_buffer *out, ph_error *err)
{
	ph_document *document = NULL;
	ph_status status = ph_document_new("input", LIMIT, &document, NULL);
	PH_ASSERT(status == PH_OK);
	if (s->format == PH_PIECES_ROWS)
		status = ph_records_decode_piece(
		    description(s), state, piece, document, err);
	else
		status =
		    s->format == PH_PIECES_XML
			? ph_xml_decode(document, piece->bytes, piece->length, err)
			: ph_json_decode(document, piece->bytes, piece->length, err);
	if (status == PH_OK)
		put_document(out, s, ph_document_root(document), piece->head > 0);
	else
		ph_piece_where(piece, err->where);
	ph_document_destroy(&document);
	return status;
}

ph_status
ph_test_stream_pieces(char letter, const void *bytes, size_t length, size_t target,
    size_t chunk, size_t longest, ph_buffer *out, size_t *count, ph_error *err)
{
	const stream *s = known(letter);
	PH_ASSERT(s != NULL);
	input in = {bytes, length, 0, chunk};
	ph_pieces_plan plan = {.format = s->format,
	    .records = description(s),
	    .way = s->format == PH_PIECES_XML ? xml_way : json_way,
	    .depth = s->format == PH_PIECES_XML	   ? 3
		     : s->format == PH_PIECES_JSON ? 2
						   : 0,
	    .beside = true,
	    .target = target,
	    .longest = longest};
	ph_pieces *pieces = NULL;
	ph_piece piece;
	ph_records_state state = {.seen = 0};
	ph_status status = ph_pieces_new(&plan, read_some, &in, "input", &pieces, err);
	PH_ASSERT(status == PH_OK);
	for (*count = 0; (status = ph_pieces_next(pieces, &piece, err)) == PH_OK;
	     ++*count)
		if ((status = read_piece(s, &piece, &state, out, err)) != PH_OK)
			break;
	ph_pieces_destroy(&pieces);
	return status == PH_ERR_NOT_FOUND ? PH_OK : status;
}

/* What only one of both has to say. */
static bool
is_own(const ph_error *err)
{
	return strncmp(err->text, "PH313", 5) == 0 ||
	       strncmp(err->text, "PH3005", 6) == 0;
}

bool
ph_test_stream_same(
    char letter, const void *bytes, size_t length, size_t target, size_t chunk)
{
	ph_buffer one, other;
	ph_error err = {0}, why = {0};
	size_t count = 0;
	ph_buffer_init(&one, 0);
	ph_buffer_init(&other, 0);
	ph_status whole = ph_test_stream_whole(letter, bytes, length, &one, &err);
	ph_status cut = ph_test_stream_pieces(
	    letter, bytes, length, target, chunk, 0, &other, &count, &why);
	PH_ASSERT(whole == PH_OK || whole == err.status);
	PH_ASSERT(cut == PH_OK || cut == why.status);
	if (whole == PH_OK && cut == PH_OK)
		PH_ASSERT(
		    one.length == other.length &&
		    (one.length == 0 || memcmp(one.data, other.data, one.length) == 0));
	else if (!is_own(&why) && !is_own(&err))
		PH_ASSERT(whole == cut);
	ph_buffer_fini(&one);
	ph_buffer_fini(&other);
	return whole == PH_OK && cut == PH_OK;
}

void
ph_target_stream(const uint8_t *bytes, size_t length)
{
	static const size_t targets[] = {1, 16, 60, 250}, chunks[] = {1, 3, 50, 4096};
	if (length < 2 || !ph_test_stream_known((char) bytes[0]))
		return;
	(void) ph_test_stream_same((char) bytes[0], bytes + 2, length - 2,
	    targets[bytes[1] & 3], chunks[bytes[1] >> 2 & 3]);
}
