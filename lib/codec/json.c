/*
 * json - RFC 8259, read in place.
 *
 * The input is copied once onto the arena, and the tree's texts point into that copy: a
 * string loses its quotes and escapes where it stands, a number moves one byte to the
 * left, over the punctuation that was read before it, and each gets its closing zero
 * that way. So a value costs its node and nothing else.
 *
 * There is no recursion: the open container is the place on the stack. Line ends cannot
 * stand in a string, so lines are counted between the tokens only. Repeated names are
 * looked for when an object closes, in one pass over its interned names.
 */
#include "lib/codec/codec.h"

#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "lib/codec/eight.h"
#include "lib/codec/number.h"
#include "lib/codec/source.h"

#define DEPTH_MAX 64
#define TAIL                                                                           \
	16u /* zeros behind the text, so that sixteen bytes may be read anywhere in it */

typedef struct scanner {
	ph_source source;
	ph_document *document;
	ph_error *err;
	char *base;	     /* the copy; one byte of room stands before it */
	char *at;	     /* next byte */
	char *end;	     /* one past the last; holds a zero */
	const char *line_at; /* where this line begins */
	uint32_t line;
	unsigned depth;	 /* open containers */
	ph_node *open;	 /* the innermost; NULL: at the top */
	const char *key; /* name of the value to come; NULL in a list */
	bool nul;	 /* U+0000 is taken in values */
} scanner;

/* What a byte means inside a string: 0 goes on, 1 quote, 2 backslash, 3 control. */
static const uint8_t string_byte[256] = {
    [0] = 3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    [16] = 3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    ['"'] = 1,
    ['\\'] = 2,
};

#define FAIL(s, where, ...)                                                            \
	((void) ph_source_fail(&(s)->source, PH_ERR_INVALID,                           \
	     (size_t) ((where) - (s)->base), (s)->err, __VA_ARGS__),                   \
	    false)

static bool
no_room(const scanner *s)
{
	ph_source_no_room(&s->source, s->err);
	return false;
}

/* Past the spaces that a line begins with. */
static char *
skip_indent(char *at)
{
	while (ph_eight(at) == PH_EIGHT(' '))
		at += 8;
	while (*at == ' ')
		at++;
	return at;
}

static void
skip_space(scanner *s)
{
	char *at = s->at;
	while ((unsigned char) *at <= ' ') {
		if (*at == '\n') {
			s->line++;
			s->line_at = at + 1;
			at = skip_indent(at + 1);
		} else if (*at == ' ' || *at == '\t' || *at == '\r') {
			at++;
		} else {
			break;
		}
	}
	s->at = at;
}

static bool
ended(const scanner *s)
{
	return s->at >= s->end;
}

static bool
unexpected(const scanner *s, const char *wanted)
{
	if (ended(s))
		return FAIL(
		    s, s->at, "PH3010 the JSON text ends early: %s is missing", wanted);
	return FAIL(s, s->at, "PH3011 %s is expected here", wanted);
}

/* Four hexadecimal digits; -1 if they are not. */
static int
read_hex4(const char *text)
{
	int value = 0;
	for (int i = 0; i < 4; i++) {
		char c = text[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* \uXXXX, or two of them that make one character. `at` is behind the 'u'. */
static bool
read_unicode(scanner *s, char **write)
{
	int first = read_hex4(s->at);
	if (first < 0)
		return FAIL(s, s->at, "PH3012 \\u wants four hexadecimal digits");
	uint32_t code = (uint32_t) first;
	const char *start = s->at - 2;
	s->at += 4;
	if (code >= 0xD800 && code <= 0xDBFF && s->at[0] == '\\' && s->at[1] == 'u') {
		int second = read_hex4(s->at + 2);
		if (second >= 0xDC00 && second <= 0xDFFF) {
			code = 0x10000 + ((code - 0xD800) << 10) +
			       (uint32_t) (second - 0xDC00);
			s->at += 6;
		}
	}
	if (code == 0 && s->nul)
		*(*write)++ = '\0';
	if (code == 0)
		return s->nul ||
		       FAIL(s, start, "PH3013 the character U+0000 cannot be carried");
	size_t length = ph_utf8_encode(code, *write);
	if (length == 0)
		return FAIL(s, start,
		    "PH3012 half of a surrogate pair: \\ud83d\\ude00 makes one "
		    "character, and neither half does alone");
	*write += length;
	return true;
}

static bool
read_escape(scanner *s, char **write)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char c = s->at[1];
	if (c == 'u') {
		s->at += 2;
		return read_unicode(s, write);
	}
	const char *known = c == '\0' ? NULL : strchr(from, c);
	if (known == NULL)
		return FAIL(s, s->at,
		    "PH3012 an escape that JSON does not have: write \\\\ for a "
		    "backslash");
	*(*write)++ = to[known - from];
	s->at += 2;
	return true;
}

static bool
string_broken(const scanner *s)
{
	if (ended(s))
		return unexpected(s, "the closing quote of a string");
	return FAIL(s, s->at,
	    "PH3012 a line end, tab or other control character in a string: write it "
	    "as \\n, \\t or \\u00XX");
}

/* To the next quote, backslash or control character; there is one, at the end. */
static void
skip_plain(scanner *s)
{
	char *at = s->at;
#ifdef __SSE2__
	unsigned found = 0;
	while ((found = ph_sixteen_json(ph_sixteen_at(at))) == 0)
		at += 16;
	at += __builtin_ctz(found);
#else
	uint64_t found = 0;
	while ((found = ph_eight_json(ph_eight(at))) == 0)
		at += 8;
	at += ph_eight_before(found);
	while (string_byte[(uint8_t) *at] == 0)
		at++;
#endif
	s->at = at;
}

/* At the opening quote. The text is made in place, with its closing zero. */
static bool
read_string(scanner *s, char **text, size_t *length)
{
	char *start = ++s->at;
	skip_plain(s);
	char *write = s->at;
	while (*s->at != '"') {
		if (*s->at == '\\') {
			if (!read_escape(s, &write))
				return false;
		} else if (string_byte[(uint8_t) *s->at] == 3) {
			return string_broken(s);
		} else {
			char *from = s->at;
			skip_plain(s);
			memmove(write, from, (size_t) (s->at - from));
			write += s->at - from;
		}
	}
	s->at++;
	*write = '\0';
	*text = start;
	*length = (size_t) (write - start);
	return true;
}

static ph_node *
add_value(
    scanner *s, ph_node_kind kind, const char *text, size_t length, const char *start)
{
	ph_node *node = ph_node_wrap(s->document, kind, text, length);
	if (node == NULL)
		return NULL;
	node->line = s->line;
	node->column = (uint32_t) (start - s->line_at + 1);
	if (s->open != NULL)
		ph_node_link(s->open, s->key, node);
	else
		ph_document_set_root(s->document, node);
	return node;
}

static bool
value_string(scanner *s)
{
	const char *start = s->at;
	char *text = NULL;
	size_t length = 0;
	return read_string(s, &text, &length) &&
	       (add_value(s, PH_NODE_STRING, text, length, start) != NULL ||
		   no_room(s));
}

static bool
value_number(scanner *s)
{
	const char *end = ph_json_number_end(s->at);
	if (end == NULL || (*end >= '0' && *end <= '9'))
		return FAIL(s, s->at,
		    "PH3014 not a number as JSON writes it: digits without leading "
		    "zeros, then perhaps .digits and e+digits");
	size_t length = (size_t) (end - s->at);
	char *text = memmove(s->at - 1, s->at, length);
	const char *start = s->at;
	text[length] = '\0';
	s->at += length;
	return add_value(s, PH_NODE_NUMBER, text, length, start) != NULL || no_room(s);
}

static bool
value_word(scanner *s, const char *word, ph_node_kind kind)
{
	size_t length = strlen(word);
	if (strncmp(s->at, word, length) != 0)
		return unexpected(
		    s, "a value (a word is true, false or null; text wants quotes)");
	const char *text = kind == PH_NODE_NULL ? NULL : word;
	if (add_value(s, kind, text, text == NULL ? 0 : length, s->at) == NULL)
		return no_room(s);
	s->at += length;
	return true;
}

static bool
value_container(scanner *s, ph_node_kind kind)
{
	if (s->depth == DEPTH_MAX) {
		ph_source_fail(&s->source, PH_ERR_TOO_LARGE, (size_t) (s->at - s->base),
		    s->err, "PH3015 nested more than %d deep", DEPTH_MAX);
		return false;
	}
	ph_node *node = add_value(s, kind, NULL, 0, s->at);
	if (node == NULL || ph_source_overgrown(&s->source))
		return no_room(s);
	s->open = node;
	s->depth++;
	s->at++;
	return true;
}

static bool
read_value(scanner *s)
{
	switch (*s->at) {
	case '"':
		return value_string(s);
	case '{':
		return value_container(s, PH_NODE_OBJECT);
	case '[':
		return value_container(s, PH_NODE_LIST);
	case 't':
		return value_word(s, "true", PH_NODE_BOOLEAN);
	case 'f':
		return value_word(s, "false", PH_NODE_BOOLEAN);
	case 'n':
		return value_word(s, "null", PH_NODE_NULL);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return value_number(s);
	default:
		return unexpected(
		    s, "a value (a word is true, false or null; text wants quotes)");
	}
}

static bool
close_container(scanner *s)
{
	ph_node *node = s->open;
	if (node->kind == PH_NODE_OBJECT) {
		const ph_node *again = ph_node_repeated(s->document, node);
		if (again != NULL) {
			char path[128];
			char where[PH_ERROR_WHERE];
			ph_node_where(s->document, again, where, sizeof where);
			ph_fail_at(s->err, PH_ERR_INVALID, where,
			    "PH3016 a second value for %s: an object may have each "
			    "name once",
			    ph_node_path(again, path, sizeof path));
			return false;
		}
	}
	if (ph_source_overgrown(&s->source))
		return no_room(s);
	s->at++;
	s->depth--;
	s->open = node->parent;
	return true;
}

static bool
read_key(scanner *s)
{
	char *text = NULL;
	size_t length = 0;
	if (*s->at != '"')
		return unexpected(s, "a name in quotes");
	if (!read_string(s, &text, &length))
		return false;
	if (s->nul && strlen(text) != length)
		return FAIL(
		    s, s->at, "PH3013 the character U+0000 cannot be in a name");
	const ph_node *before = s->open->last;
	s->key = ph_document_intern_after(
	    s->document, before == NULL ? s->open->name : before->name, text, length);
	if (s->key == NULL)
		return no_room(s);
	skip_space(s);
	if (*s->at != ':')
		return unexpected(s, "a colon");
	s->at++;
	skip_space(s);
	return true;
}

/* Inside the open container, between two values: close it, or come to the next value
 * and read it. */
static bool
read_next(scanner *s)
{
	bool object = s->open->kind == PH_NODE_OBJECT;
	skip_space(s);
	if (*s->at == (object ? '}' : ']'))
		return close_container(s);
	if (s->open->count > 0) {
		if (*s->at != ',')
			return unexpected(
			    s, object ? "a comma or a }" : "a comma or a ]");
		s->at++;
		skip_space(s);
	}
	s->key = NULL;
	return (!object || read_key(s)) && read_value(s);
}

static bool
read_text(scanner *s)
{
	skip_space(s);
	if (!read_value(s))
		return false;
	while (s->open != NULL)
		if (!read_next(s))
			return false;
	skip_space(s);
	if (!ended(s))
		return FAIL(
		    s, s->at, "PH3017 more text after the end of the JSON value");
	return true;
}

ph_status
ph_json_decode(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	return ph_json_decode_with(document, bytes, length, 0, err);
}

ph_status
ph_json_decode_with(ph_document *document, const void *bytes, size_t length,
    unsigned flags, ph_error *err)
{
	PH_ASSERT(document != NULL && ph_document_root(document) == NULL);
	ph_error local;
	scanner s = {.document = document,
	    .err = err == NULL ? &local : err,
	    .line = 1,
	    .nul = (flags & PH_JSON_NUL) != 0};
	ph_status status = ph_source_open(&s.source, document, bytes, length, s.err);
	if (status == PH_OK)
		status = ph_source_utf8(&s.source, s.err);
	if (status != PH_OK)
		return status;
	if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		return ph_source_fail(&s.source, PH_ERR_INVALID, 0, s.err,
		    "PH3018 a byte order mark: send the JSON text without it");
	char *copy = ph_arena_alloc(ph_document_arena(document), length + 1 + TAIL);
	if (copy == NULL)
		return ph_source_no_room(&s.source, s.err);
	s.base = s.at = copy + 1;
	s.line_at = s.base;
	s.end = s.base + length;
	if (length > 0)
		memcpy(s.base, bytes, length);
	memset(s.end, 0, TAIL);
	if (read_text(&s))
		return PH_OK;
	ph_document_set_root(document, NULL);
	return s.err->status;
}
