/*
 * documents - what the tests of documents share: a tree as one line of text, and
 * hostile input.
 *
 * The line: ~ null, !true boolean, #1.50 number, 'text' string, [a, b] list, {name:
 * value} object. An attribute's name has @ before it, an element's own text stands
 * first as +'text'. With PLACES each value is followed by ^line:column, and by
 * %line:column of its name if it is known to stand elsewhere. With SPACES a name is
 * preceded by its {namespace}.
 */
#ifndef PH_TESTS_DOCUMENTS_H
#define PH_TESTS_DOCUMENTS_H

#include <inttypes.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "lib/base/buffer.h"
#include "lib/document/document.h"

#define DOCUMENT_LIMIT ((size_t) 512 << 20)
#define MEMORY_FLOOR   ((size_t) 2 << 20)

enum { PLACES = 1, SPACES = 2 };

typedef ph_status decode_fn(
    ph_document *document, const void *bytes, size_t length, ph_error *err);

static inline void
describe_node(const ph_node *node, unsigned flags, ph_buffer *out)
{
	static const char *const marks[] = {"~", "!", "#", "'", "[", "{"};
	ph_buffer_text(out, marks[node->kind]);
	const char *separator = "";
	if (node->kind == PH_NODE_OBJECT && node->text != NULL) {
		ph_buffer_printf(out, "+'%s'", node->text);
		separator = ", ";
	} else if (node->text != NULL) {
		ph_buffer_append(out, node->text, node->length);
	}
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		ck_assert_ptr_eq(n->parent, node);
		ph_buffer_text(out, separator);
		separator = ", ";
		if ((n->flags & PH_NODE_ATTRIBUTE) != 0)
			ph_buffer_text(out, "@");
		if ((flags & SPACES) != 0 && n->space != NULL)
			ph_buffer_printf(out, "{%s}", n->space);
		if (n->name != NULL)
			ph_buffer_printf(out, "%s: ", n->name);
		describe_node(n, flags, out);
	}
	if (node->kind >= PH_NODE_STRING)
		ph_buffer_text(out, node->kind == PH_NODE_STRING ? "'"
				    : node->kind == PH_NODE_LIST ? "]"
								 : "}");
	if ((flags & PLACES) == 0)
		return;
	uint32_t line = 0;
	uint32_t column = 0;
	ph_node_key_place(node, &line, &column);
	ph_buffer_printf(out, "^%" PRIu32 ":%" PRIu32, node->line, node->column);
	if (line != node->line || column != node->column)
		ph_buffer_printf(out, "%%%" PRIu32 ":%" PRIu32, line, column);
}

/* The tree as text; free it. */
static inline char *
describe(const ph_document *document, unsigned flags)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	describe_node(ph_document_root(document), flags, &out);
	const char *text = ph_buffer_cstr(&out);
	ck_assert_ptr_nonnull(text);
	char *copy = malloc(strlen(text) + 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, strlen(text) + 1);
	ph_buffer_fini(&out);
	return copy;
}

static inline ph_document *
new_document(void)
{
	ph_document *document = NULL;
	ck_assert_int_eq(ph_document_new("t", DOCUMENT_LIMIT, &document, NULL), PH_OK);
	return document;
}

/* `length` bytes of `bytes`, copied so that a byte too many is seen by the address
 * sanitizer. */
static inline ph_status
decode_exact(decode_fn *decode, ph_document *document, const void *bytes, size_t length,
    ph_error *err)
{
	char *copy = malloc(length == 0 ? 1 : length);
	ck_assert_ptr_nonnull(copy);
	if (length > 0)
		memcpy(copy, bytes, length);
	ph_status status = decode(document, copy, length, err);
	free(copy);
	return status;
}

static inline void
expect_tree(decode_fn *decode, const void *bytes, size_t length, unsigned flags,
    const char *tree)
{
	ph_document *document = new_document();
	ph_error err = {0};
	ph_status status = decode_exact(decode, document, bytes, length, &err);
	ck_assert_msg(status == PH_OK, "refused: %s %s: %s", tree, err.where, err.text);
	char *text = describe(document, flags);
	ck_assert_str_eq(text, tree);
	free(text);
	ph_document_destroy(&document);
}

/* Refused with this code, at this place ("1:5"; NULL: anywhere), in one line of text.
 * */
static inline void
expect_refusal(decode_fn *decode, const void *bytes, size_t length, const char *code,
    const char *place)
{
	ph_document *document = new_document();
	ph_error err = {0};
	ph_status status = decode_exact(decode, document, bytes, length, &err);
	ck_assert_msg(status == PH_ERR_INVALID || status == PH_ERR_TOO_LARGE,
	    "not refused with %s at %s: %.60s", code,
	    place == NULL ? "any place" : place, (const char *) bytes);
	ck_assert_int_eq(err.status, status);
	ck_assert_msg(strncmp(err.text, code, strlen(code)) == 0,
	    "%s expected, not: %s", code, err.text);
	ck_assert_ptr_null(strpbrk(err.text, "\r\n"));
	ck_assert_ptr_null(ph_document_root(document));
	ck_assert_int_eq(strncmp(err.where, "t", 1), 0);
	if (place != NULL)
		ck_assert_msg(strcmp(err.where + strlen("t:"), place) == 0,
		    "%s expected at %s, not at %s: %s", code, place, err.where,
		    err.text);
	/* an error is not wanted by everybody */
	ph_document_destroy(&document);
	document = new_document();
	ck_assert_int_eq(decode_exact(decode, document, bytes, length, NULL), status);
	ph_document_destroy(&document);
}

/* Decode and forget: any answer will do, a crash will not, nor more memory than is
 * promised. */
static inline void
survive(decode_fn *decode, const void *bytes, size_t length)
{
	ph_document *document = new_document();
	ph_error err = {0};
	ph_status status = decode_exact(decode, document, bytes, length, &err);
	ck_assert_int_eq(status, err.status);
	ck_assert(status == PH_OK ? err.text[0] == '\0' : err.text[0] != '\0');
	ck_assert_uint_le(
	    ph_arena_used(ph_document_arena(document)), length * 24 + MEMORY_FLOOR);
	ph_document_destroy(&document);
}

/* The same for every beginning of a text, and for the text with each byte changed. */
static inline void
survive_damage(decode_fn *decode, const char *bytes, size_t length)
{
	static const char worse[] =
	    "\0\x01\t\n \"'&<>[]{}:,-#%!*|=/\\?0a\x7F\x80\xC0\xE2\xFF";
	char *copy = malloc(length + 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, length);
	for (size_t i = 0; i < length; i++) {
		survive(decode, bytes, i);
		for (size_t j = 0; j < sizeof worse - 1; j++) {
			copy[i] = worse[j];
			survive(decode, copy, length);
		}
		copy[i] = bytes[i];
	}
	free(copy);
}

/* `head`, then `body` often enough to make at least `size` bytes, then `tail`; free it.
 * */
static inline char *
repeat(
    const char *head, const char *body, size_t size, const char *tail, size_t *length)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ph_buffer_text(&out, head);
	while (out.length < size)
		ph_buffer_text(&out, body);
	ph_buffer_text(&out, tail);
	ck_assert(!out.failed);
	char *copy = malloc(out.length + 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, ph_buffer_cstr(&out), out.length + 1);
	*length = out.length;
	ph_buffer_fini(&out);
	return copy;
}

/* Each body repeated up to `size` bytes, at a cost in proportion. */
static inline void
survive_large(decode_fn *decode, const char *head, const char *const *bodies,
    size_t count, size_t size, const char *tail)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = 0;
		char *text = repeat(head, bodies[i], size, tail, &length);
		survive(decode, text, length);
		free(text);
	}
}

/* The last two tests of a format: what is large, and what is damaged. */
#define HOSTILE_CASE(suite, fixture_end, large_test, damage_test)                      \
	do {                                                                           \
		TCase *hostile = tcase_create("hostile");                              \
		tcase_set_timeout(hostile, 120);                                       \
		tcase_add_checked_fixture(hostile, NULL, fixture_end);                 \
		tcase_add_test(hostile, large_test);                                   \
		tcase_add_test(hostile, damage_test);                                  \
		suite_add_tcase(suite, hostile);                                       \
	} while (0)

#endif
