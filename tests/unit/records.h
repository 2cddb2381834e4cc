/*
 * records - what the tests of described records share: a description from a text, and
 * a decoder of the form that documents.h takes.
 */
#ifndef PH_TESTS_RECORDS_H
#define PH_TESTS_RECORDS_H

#include <stdio.h>

#include "tests/unit/documents.h"
#include "lib/codec/records.h"
#include "lib/config/config.h"

static ph_records *described; /* what `decode` uses */

static inline ph_status
try_describe(const char *yaml, ph_error *err)
{
	ph_document *d = NULL;
	ck_assert_int_eq(ph_document_new("d", DOCUMENT_LIMIT, &d, NULL), PH_OK);
	ph_error why = {0};
	ph_status status = ph_yaml_decode(d, yaml, strlen(yaml), 0, &why);
	ck_assert_msg(status == PH_OK, "%s: %s", why.where, why.text);
	ph_records_destroy(&described);
	status = ph_records_new(&d, &described, err);
	ck_assert_ptr_null(d);
	return status;
}

static inline void
describe_as(const char *yaml)
{
	ph_error err = {0};
	ck_assert_msg(try_describe(yaml, &err) == PH_OK, "%s: %s", err.where, err.text);
}

static inline void
forget(void)
{
	ph_records_destroy(&described);
}

static inline ph_status
decode(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	return ph_records_decode(described, document, bytes, length, err);
}

/* What is wrong with a description: its code and place. */
static inline void
expect_bad_description(const char *yaml, const char *code, const char *place)
{
	ph_error err = {0};
	ck_assert_msg(try_describe(yaml, &err) == PH_ERR_INVALID, "taken: %s", yaml);
	ck_assert_msg(
	    strncmp(err.text, code, strlen(code)) == 0, "%s: %s", yaml, err.text);
	ck_assert_msg(
	    strcmp(err.where, place) == 0, "%s: %s: %s", yaml, err.where, err.text);
}

/* Read with one description, written with `writer` (NULL: the same). */
static inline void
expect_written_as(const char *bytes, const char *writer, const char *expected)
{
	ph_document *d = new_document();
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	ph_status status = decode(d, bytes, strlen(bytes), &err);
	ck_assert_msg(status == PH_OK, "%s: %s: %s", bytes, err.where, err.text);
	if (writer != NULL)
		describe_as(writer);
	status = ph_records_encode(described, ph_document_root(d), &out, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", bytes, err.text);
	ck_assert_str_eq(ph_buffer_cstr(&out), expected);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}

static inline void
expect_back(const char *bytes)
{
	expect_written_as(bytes, NULL, bytes);
}

/* Members "a/b=text" one after another: a new `a` whenever it differs from the last or
 * a "+" stands before it; "~" as text is null. */
static inline ph_document *
build(const char *const *fields)
{
	ph_document *d = new_document();
	ph_node *root = ph_node_new(d, PH_NODE_OBJECT, NULL, 0);
	ph_node *record = NULL;
	for (; *fields != NULL; fields++) {
		const char *at = *fields + (**fields == '+');
		const char *slash = strchr(at, '/');
		const char *equals = strchr(at, '=');
		char name[64];
		snprintf(name, sizeof name, "%.*s", (int) (slash - at), at);
		if (record == NULL || **fields == '+' ||
		    strcmp(record->name, name) != 0)
			record = ph_node_add(
			    d, root, name, ph_node_new(d, PH_NODE_OBJECT, NULL, 0));
		snprintf(
		    name, sizeof name, "%.*s", (int) (equals - slash - 1), slash + 1);
		bool null = strcmp(equals + 1, "~") == 0;
		ck_assert_ptr_nonnull(ph_node_add(d, record, name,
		    ph_node_new(d, null ? PH_NODE_NULL : PH_NODE_STRING,
			null ? NULL : equals + 1, null ? 0 : strlen(equals + 1))));
	}
	ph_document_set_root(d, root);
	return d;
}

/* Refused with a code and, at the end of the text, a path. */
static inline void
expect_unwritable(const char *const *fields, const char *code, const char *path)
{
	ph_document *d = build(fields);
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(ph_records_encode(described, ph_document_root(d), &out, &err),
	    PH_ERR_INVALID);
	ck_assert_msg(strncmp(err.text, code, 6) == 0, "%s", err.text);
	ck_assert_msg(strstr(err.text, path) != NULL, "%s", err.text);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}

static inline void
expect_written(const char *const *fields, const char *expected)
{
	ph_document *d = build(fields);
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	ph_status status =
	    ph_records_encode(described, ph_document_root(d), &out, &err);
	ck_assert_msg(status == PH_OK, "%s", err.text);
	ck_assert_str_eq(ph_buffer_cstr(&out), expected);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
