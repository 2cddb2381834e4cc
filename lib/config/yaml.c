/*
 * yaml - libfyaml's events into a document, with everything clever refused.
 *
 * libfyaml decides what is YAML; this file decides which YAML we take. Marks of
 * libfyaml count characters, so lines and columns are counted here from its byte
 * positions. The parser gets a diagnostics object that collects, and a sink for its
 * output: nothing reaches standard error. Texts are read by its iterator, because its
 * function for the whole text leaks memory for texts of many pieces (0.7.12). The open
 * container is the place on the stack; there is no recursion.
 */
#include "lib/config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

#include "lib/base/assert.h"
#include "lib/base/buffer.h"
#include "lib/base/fs.h"
#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/document/place.h"

#define INPUT_MAX  ((size_t) 1 << 20)
#define MEMORY_MAX ((size_t) 64 << 20)
#define DEPTH_MAX  32

typedef struct reader {
	ph_document *document;
	ph_error *err;
	const char *bytes; /* the whole text */
	size_t length;
	unsigned flags; /* PH_CONFIG_... */
	unsigned depth; /* open containers */
	ph_place place; /* counts lines */
	ph_node *open;	/* the innermost container; NULL: at the top */
	const char
	    *key; /* name of the value to come; NULL: a name comes next, or in a list */
	uint32_t key_line;
	uint32_t key_column;
	bool seen;	/* a document began */
	ph_buffer text; /* of the scalar at hand */
} reader;

static bool fail_at(const reader *r, ph_status status, size_t offset,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

static bool
fail_at(const reader *r, ph_status status, size_t offset, const char *format, ...)
{
	char where[PH_ERROR_WHERE];
	char text[PH_ERROR_TEXT];
	uint32_t line = 0;
	uint32_t column = 0;
	ph_place place = r->place;
	ph_place_at(&place, offset, &line, &column);
	snprintf(where, sizeof where, "%s:%" PRIu32 ":%" PRIu32,
	    ph_document_name(r->document), line, column);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	ph_fail_at(r->err, status, where, "%s", text);
	return false;
}

static bool
no_room(const reader *r)
{
	ph_fail_at(r->err, PH_ERR_TOO_LARGE, ph_document_name(r->document),
	    "PH1002 the file grows to more than its limit in memory: split it");
	return false;
}

static size_t
mark_offset(const struct fy_mark *mark)
{
	return mark == NULL ? 0 : mark->input_pos;
}

/* Where an event began; the start of the text if libfyaml does not say. */
static size_t
event_offset(struct fy_event *event)
{
	return mark_offset(fy_event_start_mark(event));
}

/* The mark of an anchor or alias is behind its sign. */
static size_t
sign_offset(const reader *r, struct fy_token *token, size_t otherwise)
{
	size_t offset =
	    token == NULL ? otherwise : mark_offset(fy_token_start_mark(token));
	bool behind = offset > 0 && offset <= r->length &&
		      (r->bytes[offset - 1] == '&' || r->bytes[offset - 1] == '*');
	return behind ? offset - 1 : offset;
}

/* The mark of a quoted scalar is behind its quote, that of a block at the start of its
 * first line. Ours are at the quote and at the first letter. */
static size_t
scalar_offset(const reader *r, struct fy_event *event)
{
	size_t offset = event_offset(event);
	char before = offset > 0 && offset <= r->length ? r->bytes[offset - 1] : '\0';
	switch (fy_token_scalar_style(event->scalar.value)) {
	case FYSS_SINGLE_QUOTED:
		return before == '\'' ? offset - 1 : offset;
	case FYSS_DOUBLE_QUOTED:
		return before == '"' ? offset - 1 : offset;
	case FYSS_LITERAL:
	case FYSS_FOLDED:
		while (offset < r->length && r->bytes[offset] == ' ')
			offset++;
		return offset;
	case FYSS_ANY:
	case FYSS_PLAIN:
	case FYSS_MAX:
		break;
	}
	return offset;
}

static bool
refuse_properties(const reader *r, struct fy_token *anchor, struct fy_token *tag)
{
	if (anchor != NULL)
		return fail_at(r, PH_ERR_INVALID, sign_offset(r, anchor, 0),
		    "PH1010 an anchor (&name): write the value out where it is needed, "
		    "or quote a text that begins with &");
	if (tag != NULL)
		return fail_at(r, PH_ERR_INVALID, mark_offset(fy_token_start_mark(tag)),
		    "PH1011 a tag (!name): leave it out, every value is text until its "
		    "schema says more, or quote a text that begins with !");
	return true;
}

/* Put a value under the open container, or make it the root. */
static bool
attach(reader *r, ph_node *node, size_t offset)
{
	if (node == NULL)
		return no_room(r);
	ph_place_at(&r->place, offset, &node->line, &node->column);
	if (r->open == NULL) {
		ph_document_set_root(r->document, node);
		return true;
	}
	if (r->open->kind == PH_NODE_OBJECT) {
		ph_node_place_key(node, r->key_line, r->key_column);
		if (!ph_node_is_scalar(node) || node->kind == PH_NODE_NULL) {
			node->line = r->key_line;
			node->column = r->key_column;
		}
	}
	ph_node_link(r->open, r->key, node);
	r->key = NULL;
	return true;
}

static bool
at_key(const reader *r)
{
	return r->open != NULL && r->open->kind == PH_NODE_OBJECT && r->key == NULL;
}

/* A mapping in a list that has no braces, [a: b], is marked at its first colon. */
static void
begin_no_later(ph_node *node, uint32_t line, uint32_t column)
{
	if (node->line == line && node->column > column)
		node->column = column;
}

static bool
read_key(reader *r, const char *text, size_t length, size_t offset)
{
	if (length == 0)
		return fail_at(r, PH_ERR_INVALID, offset,
		    "PH1012 a name is missing before the colon");
	r->key = ph_document_intern(r->document, text, length);
	if (r->key == NULL)
		return no_room(r);
	ph_place_at(&r->place, offset, &r->key_line, &r->key_column);
	begin_no_later(r->open, r->key_line, r->key_column);
	return true;
}

static ph_node *
new_scalar(const reader *r, const char *text, size_t length, bool quoted)
{
	ph_node_kind kind = !quoted && length == 0 ? PH_NODE_NULL : PH_NODE_STRING;
	ph_node *node = ph_node_new_keyed(
	    r->document, kind, kind == PH_NODE_NULL ? NULL : text, length);
	if (node != NULL && quoted)
		node->flags |= PH_NODE_QUOTED;
	return node;
}

static bool
expand(reader *r, ph_node *node)
{
	if ((r->flags & PH_CONFIG_EXPAND) == 0 || node->kind != PH_NODE_STRING)
		return true;
	return ph_config_expand(r->document, node, r->err) == PH_OK;
}

/* The text of a token into the reader's buffer. */
static bool
read_text(reader *r, struct fy_token *token)
{
	int bad = 0;
	struct fy_token_iter *pieces = fy_token_iter_create(token);
	ph_buffer_clear(&r->text);
	const struct fy_iter_chunk *piece = NULL;
	while (pieces != NULL &&
	       (piece = fy_token_iter_chunk_next(pieces, piece, &bad)) != NULL)
		ph_buffer_append(&r->text, piece->str, piece->len);
	bool whole = pieces != NULL && bad == 0 && ph_buffer_cstr(&r->text) != NULL;
	fy_token_iter_destroy(pieces);
	return whole || no_room(r);
}

static bool
on_scalar(reader *r, struct fy_event *event)
{
	if (!read_text(r, event->scalar.value))
		return false;
	size_t length = r->text.length;
	const char *text = ph_buffer_cstr(&r->text);
	size_t offset = scalar_offset(r, event);
	if (!refuse_properties(r, event->scalar.anchor, event->scalar.tag))
		return false;
	if (memchr(text, 0, length) != NULL)
		return fail_at(r, PH_ERR_INVALID, offset,
		    "PH1013 the character U+0000 cannot be carried: leave out \\0");
	bool quoted = fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN;
	if (at_key(r))
		return read_key(r, text, length, offset);
	ph_node *node = new_scalar(r, text, length, quoted);
	return attach(r, node, offset) && expand(r, node);
}

static bool
on_open(reader *r, struct fy_event *event, ph_node_kind kind, struct fy_token *anchor,
    struct fy_token *tag)
{
	size_t offset = event_offset(event);
	if (!refuse_properties(r, anchor, tag))
		return false;
	if (at_key(r))
		return fail_at(r, PH_ERR_INVALID, offset,
		    "PH1014 a list or mapping as a name: only text can be a name "
		    "(quote text that begins with [ or {, and a whole ${...})");
	if (r->depth == DEPTH_MAX)
		return fail_at(r, PH_ERR_TOO_LARGE, offset,
		    "PH1003 nested more than %d deep", DEPTH_MAX);
	ph_node *node = ph_node_new_keyed(r->document, kind, NULL, 0);
	if (!attach(r, node, offset))
		return false;
	r->open = node;
	r->depth++;
	return true;
}

static bool
on_close(reader *r)
{
	ph_node *node = r->open;
	if (node->kind == PH_NODE_OBJECT) {
		ph_node *again = ph_node_repeated(r->document, node);
		if (again != NULL) {
			char path[128];
			ph_node_key_place(again, &again->line, &again->column);
			ph_config_fail(r->err, r->document, again,
			    "PH1015 %s is given a second time: keep one of them",
			    ph_node_path(again, path, sizeof path));
			return false;
		}
	}
	r->open = node->parent;
	r->key = NULL;
	r->depth--;
	return true;
}

static bool
on_document(reader *r, struct fy_event *event)
{
	struct fy_document_state *state = event->document_start.document_state;
	size_t offset = event_offset(event);
	if (state != NULL && (fy_document_state_version_explicit(state) ||
				 fy_document_state_tags_explicit(state)))
		return fail_at(r, PH_ERR_INVALID, 0,
		    "PH1016 a directive (%%YAML, %%TAG): leave it out");
	if (r->seen)
		return fail_at(r, PH_ERR_INVALID, offset,
		    "PH1017 a second document (---) in one file: one file, one thing");
	r->seen = true;
	return true;
}

static bool
on_event(reader *r, struct fy_event *event)
{
	switch (event->type) {
	case FYET_DOCUMENT_START:
		return on_document(r, event);
	case FYET_SCALAR:
		return on_scalar(r, event);
	case FYET_MAPPING_START:
		return on_open(r, event, PH_NODE_OBJECT, event->mapping_start.anchor,
		    event->mapping_start.tag);
	case FYET_SEQUENCE_START:
		return on_open(r, event, PH_NODE_LIST, event->sequence_start.anchor,
		    event->sequence_start.tag);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return on_close(r);
	case FYET_ALIAS:
		return fail_at(r, PH_ERR_INVALID,
		    sign_offset(r, event->alias.anchor, event_offset(event)),
		    "PH1010 an alias (*name): write the value out, or quote a text "
		    "that begins with *");
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END:
		return true;
	}
	return true;
}

/* Where a diagnostic of libfyaml points: at a token, or at a line and a character from
 * 1. */
static size_t
diagnostic_offset(const reader *r, const struct fy_diag_error *error)
{
	const struct fy_mark *mark =
	    error->fyt == NULL ? NULL : fy_token_start_mark(error->fyt);
	if (mark != NULL)
		return mark->input_pos;
	const char *at = r->bytes;
	const char *end = r->bytes + r->length;
	for (int line = 1; line < error->line; line++) {
		const char *next = memchr(at, '\n', (size_t) (end - at));
		if (next == NULL)
			break;
		at = next + 1;
	}
	size_t column = error->column < 1 ? 0 : (size_t) error->column - 1;
	return (size_t) (at - r->bytes) +
	       ph_utf8_prefix(at, (size_t) (end - at), column);
}

static const char *
hint_for(const char *message)
{
	if (strstr(message, "multiline") != NULL || strstr(message, "mapping") != NULL)
		return "; quote a value that contains a colon and a space, and check "
		       "the indentation";
	return "; check the indentation and the quotes";
}

static bool
not_yaml(const reader *r, struct fy_diag *diag)
{
	void *iterator = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
	if (error == NULL || error->msg == NULL)
		return fail_at(r, PH_ERR_INVALID, r->place.at, "PH1004 not valid YAML");
	return fail_at(r, PH_ERR_INVALID, diagnostic_offset(r, error),
	    "PH1004 not valid YAML: %s%s", error->msg, hint_for(error->msg));
}

static bool
read_events(reader *r, struct fy_parser *parser, struct fy_diag *diag)
{
	bool good = true;
	bool end = false;
	while (good && !end) {
		struct fy_event *event = fy_parser_parse(parser);
		if (event == NULL)
			break;
		end = event->type == FYET_STREAM_END;
		good = on_event(r, event);
		fy_parser_event_free(parser, event);
	}
	if (good && (!end || fy_parser_get_stream_error(parser)))
		return not_yaml(r, diag);
	return good;
}

/* What libfyaml would print. */
static void
discard(struct fy_diag *diag, void *user, const char *text, size_t length)
{
	(void) diag;
	(void) user;
	(void) text;
	(void) length;
}

static bool
parse(reader *r)
{
	struct fy_diag_cfg diagnostics;
	fy_diag_cfg_default(&diagnostics);
	diagnostics.fp = NULL;
	diagnostics.output_fn = discard;
	diagnostics.colorize = false;
	struct fy_diag *diag = fy_diag_create(&diagnostics);
	struct fy_parse_cfg settings = {.search_path = "",
	    .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
	    .diag = diag};
	struct fy_parser *parser = NULL;
	bool good = false;
	if (diag != NULL) {
		fy_diag_set_collect_errors(diag, true);
		parser = fy_parser_create(&settings);
	}
	if (parser == NULL || fy_parser_set_string(parser, r->bytes, r->length) != 0)
		ph_fail(r->err, PH_ERR_NOMEM, "no memory to read YAML");
	else
		good = read_events(r, parser, diag);
	fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	return good;
}

/* Before libfyaml sees it: no tabs, no control characters, only UTF-8. */
static bool
check_bytes(const reader *r)
{
	size_t bad = 0;
	if (r->length > INPUT_MAX)
		return fail_at(
		    r, PH_ERR_TOO_LARGE, 0, "PH1001 more than 1 MiB: split it");
	if (!ph_utf8_valid(r->bytes, r->length, &bad))
		return fail_at(r, PH_ERR_INVALID, bad,
		    "PH1005 not valid UTF-8: save the file as UTF-8");
	for (size_t i = 0; i < r->length; i++) {
		unsigned char c = (unsigned char) r->bytes[i];
		if (c == '\t')
			return fail_at(r, PH_ERR_INVALID, i,
			    "PH1006 a tab: use spaces (in quoted text, write \"\\t\")");
		if ((c < 0x20 && c != '\n' && c != '\r') || c == 0x7F)
			return fail_at(r, PH_ERR_INVALID, i,
			    "PH1007 a control character: remove it");
	}
	return true;
}

/* Of directives libfyaml tells only some, and passes over the others. They stand before
 * all else but comments. */
static bool
check_directives(const reader *r)
{
	bool begins = true; /* nothing but blanks since the line's end */
	bool comment = false;
	for (size_t i = 0; i < r->length; i++) {
		char c = r->bytes[i];
		if (c == '\n') {
			begins = true;
			comment = false;
		} else if (c == '%' && begins && (i == 0 || r->bytes[i - 1] == '\n')) {
			return fail_at(r, PH_ERR_INVALID, i,
			    "PH1016 a directive (%%YAML, %%TAG): leave it out");
		} else if (begins && c == '#') {
			comment = true;
			begins = false;
		} else if (!comment && c != ' ' && c != '\r') {
			break;
		}
	}
	return true;
}

/* A byte order mark is passed over, as spreadsheets and some editors write it. */
static size_t
mark_length(const char *bytes, size_t length)
{
	return length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

ph_status
ph_yaml_decode(ph_document *document, const void *bytes, size_t length, unsigned flags,
    ph_error *err)
{
	PH_ASSERT(document != NULL && ph_document_root(document) == NULL);
	ph_error local;
	size_t mark = length == 0 ? 0 : mark_length(bytes, length);
	reader r = {.document = document,
	    .err = err == NULL ? &local : err,
	    .bytes = length == 0 ? "" : (const char *) bytes + mark,
	    .length = length - mark,
	    .flags = flags};
	ph_place_init(&r.place, r.bytes, r.length);
	ph_buffer_init(&r.text, 0);
	bool good = check_bytes(&r) && check_directives(&r) && parse(&r);
	ph_buffer_fini(&r.text);
	if (good && ph_document_root(document) == NULL)
		good =
		    attach(&r, ph_node_new_keyed(document, PH_NODE_NULL, NULL, 0), 0);
	if (good)
		return PH_OK;
	ph_document_set_root(document, NULL);
	return r.err->status;
}

ph_status
ph_yaml_load(const char *path, unsigned flags, ph_document **out, ph_error *err)
{
	ph_document *document = NULL;
	char *bytes = NULL;
	size_t length = 0;
	ph_status status = ph_fs_slurp(path, INPUT_MAX, &bytes, &length, err);
	if (status == PH_OK)
		status = ph_document_new(path, MEMORY_MAX, &document, err);
	if (status == PH_OK)
		status = ph_yaml_decode(document, bytes, length, flags, err);
	free(bytes);
	if (status == PH_OK)
		*out = document;
	else
		ph_document_destroy(&document);
	return status;
}
