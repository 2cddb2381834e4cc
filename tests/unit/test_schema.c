/* Schemas: what breaks a rule, where; what is refused when a schema is loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/codec.h"
#include "tests/unit/check_main.h"
#include "transform/schema.h"

static const char thing[] =
    "{\"$id\":\"urn:t:1\",\"x-entity\":\"t\",\"x-version\":3,\"x-subject\":\"id\",\n"
    "\"$defs\":{\"code\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"},\n"
    "\"tree\":{\"type\":\"object\",\"properties\":{\"sub\":{\"$ref\":\"#/$defs/"
    "tree\"}},\n"
    "\"additionalProperties\":false}},\n"
    "\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"id\",\"deep\"],"
    "\n"
    "\"properties\":{\"id\":{\"$ref\":\"#/$defs/code\"},\n"
    "\"short\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":2},\n"
    "\"e\":{\"enum\":[\"x\",\"y\"]},\"k\":{\"const\":\"z\"},\n"
    "\"n\":{\"type\":\"number\",\"minimum\":-1.5,\"maximum\":1e3},\n"
    "\"i\":{\"type\":\"integer\"},\"at\":{\"type\":\"string\",\"format\":\"date-time\"}"
    ",\n"
    "\"maybe\":{\"type\":[\"string\",\"null\"]},\"b\":{\"type\":\"boolean\"},\n"
    "\"list\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":"
    "\"object\",\n"
    "\"required\":[\"code\"],\"properties\":{\"code\":{\"$ref\":\"#/$defs/code\"}}}},\n"
    "\"deep\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{"
    "\"type\":"
    "\"string\",\"x-label\":\"public\",\"x-attribute\":\"ay\"}}},\n"
    "\"tree\":{\"$ref\":\"#/$defs/tree\"}}}";

static ph_schema *
load(const char *text, ph_error *err)
{
	ph_schema *schema = NULL;
	return ph_schema_parse("t.json", text, strlen(text), &schema, err) == PH_OK
		   ? schema
		   : NULL;
}

START_TEST(documents)
{
	static const struct {
		const char *text, *path, *code; /* code "" : valid */
	} rows[] = {
#define D(more) "{\"id\":\"a\",\"deep\":{\"a\":\"\"}" more "}"
	    {D(""), "", ""},
	    {"{\"deep\":{\"a\":\"\"}}", "id", "PH3202"},
	    {"{\"id\":\"a\"}", "deep", "PH3202"},
	    {"{\"id\":\"a\",\"deep\":{}}", "deep.a", "PH3202"},
	    {"{\"id\":\"A\",\"deep\":{\"a\":\"\"}}", "id", "PH3204"},
	    {"{\"id\":7,\"deep\":{\"a\":\"\"}}", "id", "PH3201"},
	    {"{\"id\":null,\"deep\":{\"a\":\"\"}}", "id", "PH3201"},
	    {"[]", "", "PH3201"},
	    {D(",\"other\":1"), "other", "PH3208"},
	    {D(",\"short\":\"\""), "short", "PH3203"},
	    {D(",\"short\":\"é🚲\""), "", ""},
	    {D(",\"short\":\"abc\""), "short", "PH3203"},
	    {D(",\"e\":\"y\""), "", ""},
	    {D(",\"e\":\"z\""), "e", "PH3205"},
	    {D(",\"k\":\"y\""), "k", "PH3205"},
	    {D(",\"n\":-1.5"), "", ""},
	    {D(",\"n\":-1.51"), "n", "PH3207"},
	    {D(",\"n\":1000"), "", ""},
	    {D(",\"n\":1000.00000000000000000001"), "n", "PH3207"},
	    {D(",\"n\":1e400"), "n", "PH3207"},
	    {D(",\"n\":\"1\""), "n", "PH3201"},
	    {D(",\"i\":7"), "", ""},
	    {D(",\"i\":7.5"), "i", "PH3201"},
	    {D(",\"at\":\"2024-02-29T10:11:12.5+01:00\""), "", ""},
	    {D(",\"at\":\"2023-02-29T10:11:12Z\""), "at", "PH3206"},
	    {D(",\"at\":\"2024-02-29T10:11:12\""), "at", "PH3206"},
	    {D(",\"maybe\":null"), "", ""},
	    {D(",\"maybe\":1"), "maybe", "PH3201"},
	    {D(",\"b\":true"), "", ""},
	    {D(",\"b\":\"true\""), "b", "PH3201"},
	    {D(",\"list\":[]"), "list", "PH3203"},
	    {D(",\"list\":[{\"code\":\"a\"},{\"code\":\"B\"}]"), "list[2].code",
		"PH3204"},
	    {D(",\"list\":[{\"code\":\"a\"},{}]"), "list[2].code", "PH3202"},
	    {D(",\"list\":[{\"code\":\"a\"},{\"code\":\"a\"},{\"code\":\"a\"}]"),
		"list", "PH3203"},
	    {D(",\"list\":{\"code\":\"a\"}"), "list", "PH3201"},
	    {D(",\"tree\":{\"sub\":{\"sub\":{}}}"), "", ""},
	    {D(",\"tree\":{\"sub\":{\"sub\":{\"x\":1}}}"), "tree.sub.sub.x", "PH3208"},
	};
	ph_error err;
	ph_schema *schema = load(thing, &err);
	ck_assert_msg(schema != NULL, "%s: %s", err.where, err.text);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ph_document *document;
		ph_violation broken;
		ck_assert_int_eq(ph_document_new("d", 1 << 20, &document, NULL), PH_OK);
		ck_assert_int_eq(
		    ph_json_decode(document, rows[i].text, strlen(rows[i].text), NULL),
		    PH_OK);
		ph_status status = ph_schema_check(
		    schema, document, ph_document_root(document), 0, &broken);
		ck_assert_msg((status == PH_OK) == (rows[i].code[0] == '\0'),
		    "%s: %s %s", rows[i].text, broken.path, broken.text);
		if (status != PH_OK) {
			ck_assert_msg(strcmp(broken.path, rows[i].path) == 0, "%s: %s",
			    rows[i].text, broken.path);
			ck_assert_msg(strncmp(broken.text, rows[i].code, 6) == 0,
			    "%s: %s", rows[i].text, broken.text);
			ck_assert_ptr_nonnull(broken.node);
		}
		ph_document_destroy(&document);
	}
	ph_schema_destroy(&schema);
}
END_TEST

START_TEST(partial)
{
	ph_error err;
	ph_violation broken;
	ph_document *document;
	ph_schema *schema = load(thing, &err);
	ck_assert_int_eq(ph_document_new("d", 1 << 20, &document, NULL), PH_OK);
	ck_assert_int_eq(ph_json_decode(document, "{\"deep\":{}}", 11, NULL), PH_OK);
	ck_assert_int_eq(ph_schema_check(schema, document, ph_document_root(document),
			     PH_SCHEMA_PARTIAL, &broken),
	    PH_OK);
	ph_document_destroy(&document);
	ph_schema_destroy(&schema);
}
END_TEST

START_TEST(refused)
{
	static const struct {
		const char *text, *where, *code;
	} rows[] = {
	    {"[]", "t.json:1:1", "PH3301"},
	    {"{\"type\":\"text\"}", "t.json:1:9", "PH3302"},
	    {"{\"maxLength\":-1}", "t.json:1:14", "PH3303"},
	    {"{\"oneOf\":[]}", "t.json:1:10", "PH3303"},
	    {"{\"propertyNmaes\":{}}", "t.json:1:18", "PH3304"},
	    {"{\"enum\":[]}", "t.json:1:9", "PH3303"},
	    {"{\"items\":7}", "t.json:1:10", "PH3301"},
	    {"{\"multipleOf\":0}", "t.json:1:15", "PH3303"},
	    {"{\"uniqueItems\":1}", "t.json:1:16", "PH3303"},
	    {"{\"patternProperties\":{\"[\":{}}}", "t.json:1:27", "PH3305"},
	    {"{\"$schema\":\"urn:other\"}", "t.json:1:12", "PH3311"},
	    {"{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}",
		"t.json:1:35", "PH3310"},
	    {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}},\"items\":{\"$ref\":"
	     "\"#/$defs/a\"}}",
		"t.json:1:15", "PH3307"},
	    {"{\"pattern\":\"(\"}", "t.json:1:12", "PH3305"},
	    {"{\"x-label\":\"private\"}", "t.json:1:12", "PH3306"},
	    {"{\"x-attribute\":\"No-Good\"}", "t.json:1:16", "PH3306"},
	    {"{\"items\":{\"$ref\":\"#/$defs/x\"}}", "t.json:1:18", "PH3307"},
	    {"{\"properties\":{\"a\":\n "
	     "{\"x-attribute\":\"a\",\"x-label\":\"personal\"}}}",
		"t.json:2:2", "PH3308"},
	    {"{\"x-subject\":\"a.b\"}", "t.json:1:14", "PH3309"},
	};
	ph_error err;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_ptr_null(load(rows[i].text, &err));
		ck_assert_msg(strncmp(err.text, rows[i].code, 6) == 0, "%s: %s",
		    rows[i].text, err.text);
		ck_assert_msg(strcmp(err.where, rows[i].where) == 0, "%s: %s",
		    rows[i].text, err.where);
	}
}
END_TEST

static bool
count_field(void *self, const char *path, const ph_rule *rule, bool required)
{
	size_t *count = self;
	(void) rule;
	ck_assert(required == (strcmp(path, "id") == 0 || strcmp(path, "deep.a") == 0));
	(*count)++;
	return true;
}

START_TEST(fields)
{
	ph_error err;
	size_t count = 0;
	ph_schema *schema = load(thing, &err);
	ck_assert_uint_eq(ph_schema_version(schema), 3);
	ck_assert_str_eq(ph_schema_id(schema), "urn:t:1");
	ck_assert_ptr_nonnull(ph_schema_field(schema, "list[].code"));
	ck_assert_ptr_null(ph_schema_field(schema, "list[].nope"));
	ck_assert_ptr_null(ph_schema_field(schema, "list.code"));
	ck_assert_str_eq(ph_rule_attribute(ph_schema_field(schema, "deep.a")), "ay");
	ck_assert_str_eq(ph_rule_label(ph_schema_field(schema, "deep.a")), "public");
	ph_schema_each(schema, count_field, &count);
	ck_assert_uint_ge(count, 10);
	ph_schema_destroy(&schema);
}
END_TEST

/* The verdict on a text, and where the rule stands. */
static ph_status
verdict(const char *schema_text, const char *text, ph_violation *broken)
{
	ph_error err;
	ph_document *document;
	ph_schema *schema = load(schema_text, &err);
	ck_assert_msg(schema != NULL, "%s: %s", err.where, err.text);
	ck_assert_int_eq(ph_document_new("d", 64 << 20, &document, NULL), PH_OK);
	ck_assert_int_eq(ph_json_decode(document, text, strlen(text), &err), PH_OK);
	ph_status status =
	    ph_schema_check(schema, document, ph_document_root(document), 0, broken);
	ph_document_destroy(&document);
	ph_schema_destroy(&schema);
	return status;
}

START_TEST(schema_paths)
{
	static const struct {
		const char *schema, *text, *path, *rule, *code;
	} rows[] = {
	    {"{\"properties\":{\"a\":{\"items\":{\"multipleOf\":0.01}}}}",
		"{\"a\":[1.23,1e-2,0.015]}", "a[3]", "#/properties/a/items/multipleOf",
		"PH3207"},
	    {"{\"allOf\":[true,{\"anyOf\":[{\"const\":1},{\"const\":2}]}]}", "3", "",
		"#/allOf/1/anyOf", "PH3210"},
	    {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2.0,\"a\":10e-1}]",
		"[2]", "#/uniqueItems", "PH3212"},
	    {"{\"$id\":\"http://x/y\",\"$defs\":{\"z\":{\"maxLength\":1}},"
	     "\"propertyNames\":{\"$ref\":\"#/$defs/z\"}}",
		"{\"ab\":1}", "ab", "http://x/y#/$defs/z/maxLength", "PH3203"},
	    {"{\"properties\":{\"a\":true},\"unevaluatedProperties\":false}",
		"{\"a\":1,\"b\":2}", "b", "#/unevaluatedProperties", "PH3208"},
	    {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "b",
		"#/dependentRequired", "PH3202"},
	};
	ph_violation broken;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_int_eq(
		    verdict(rows[i].schema, rows[i].text, &broken), PH_ERR_INVALID);
		ck_assert_str_eq(broken.path, rows[i].path);
		ck_assert_str_eq(broken.schema_path, rows[i].rule);
		ck_assert_msg(
		    strncmp(broken.text, rows[i].code, 6) == 0, "%s", broken.text);
	}
}
END_TEST

/* A schema that costs more than it may: a circle, and 4^12 alternatives. */
START_TEST(costly)
{
	char text[4096] = "{\"$defs\":{\"a0\":false";
	ph_violation broken;
	for (unsigned i = 1; i <= 12; i++) {
		char more[256];
		snprintf(more, sizeof more,
		    ",\"a%u\":{\"anyOf\":[{\"$ref\":\"#/$defs/a%u\"},{\"$ref\":"
		    "\"#/$defs/a%u\"},{\"$ref\":\"#/$defs/a%u\"},{\"$ref\":"
		    "\"#/$defs/a%u\"}]}",
		    i, i - 1, i - 1, i - 1, i - 1);
		strcat(text, more);
	}
	strcat(text, "},\"not\":{\"$ref\":\"#/$defs/a12\"}}");
	ck_assert_int_eq(verdict(text, "1", &broken), PH_ERR_INVALID);
	ck_assert_msg(strncmp(broken.text, "PH3209", 6) == 0, "%s", broken.text);
	ck_assert_int_eq(
	    verdict("{\"not\":{\"allOf\":[{\"$ref\":\"#\"}]}}", "1", &broken),
	    PH_ERR_INVALID);
	ck_assert_msg(strncmp(broken.text, "PH3209", 6) == 0, "%s", broken.text);
	ck_assert_int_eq(
	    verdict("{\"pattern\":\"^(a+)+$\"}",
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"", &broken),
	    PH_ERR_INVALID);
	ck_assert_str_eq(broken.text, "PH3204 is too complex to be checked");
}
END_TEST

/* 100,000 different items are compared in far fewer than their pairs. */
START_TEST(many_items)
{
	size_t count = 100000, at = 1;
	char *text = malloc(count * 8 + 16);
	ph_violation broken;
	ck_assert_ptr_nonnull(text);
	text[0] = '[';
	for (size_t i = 0; i < count; i++)
		at += (size_t) sprintf(text + at, "%zu,", i);
	strcpy(text + at - 1, "]");
	ck_assert_int_eq(verdict("{\"uniqueItems\":true}", text, &broken), PH_OK);
	strcpy(text + at - 1, ",5]");
	ck_assert_int_eq(
	    verdict("{\"uniqueItems\":true}", text, &broken), PH_ERR_INVALID);
	ck_assert_str_eq(broken.path, "[100001]");
	free(text);
}
END_TEST

/* Steps are given for a document's size also where its items are only compared. */
START_TEST(so_many_items_that_steps_are_given_for_them)
{
	size_t count = 550000, at = 1;
	char *text = malloc(count * 8 + 16);
	ph_violation broken;
	ck_assert_ptr_nonnull(text);
	text[0] = '[';
	for (size_t i = 0; i < count; i++)
		at += (size_t) sprintf(text + at, "%zu,", i);
	strcpy(text + at - 1, "]");
	ck_assert_msg(verdict("{\"uniqueItems\":true,\"items\":{\"type\":\"number\"}}",
			  text, &broken) == PH_OK,
	    "%s", broken.text);
	free(text);
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		const char *a, *b;
		int order;
	} rows[] = {{"1", "1.0", 0}, {"0", "-0", 0}, {"0.0", "0e9", 0}, {"10", "9", 1},
	    {"-10", "-9", -1}, {"1e3", "1000", 0}, {"1e3", "999.99", 1},
	    {"0.01", "1e-2", 0}, {"123.456", "123.4560001", -1}, {"-1", "1", -1},
	    {"1e999999999", "1e999999998", 1}, {"0.1", "0.09", 1}, {"5", "50", -1},
	    {"0", "0.1", -1}, {"-0.1", "0", -1}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_msg(ph_number_compare(rows[i].a, rows[i].b) == rows[i].order,
		    "%s %s", rows[i].a, rows[i].b);
		ck_assert_int_eq(
		    ph_number_compare(rows[i].b, rows[i].a), -rows[i].order);
	}
}
END_TEST

static Suite *
schema_suite(void)
{
	Suite *suite = suite_create("schema");
	TCase *tests = tcase_create("schema");
	tcase_add_test(tests, documents);
	tcase_add_test(tests, partial);
	tcase_add_test(tests, refused);
	tcase_add_test(tests, fields);
	tcase_add_test(tests, schema_paths);
	tcase_add_test(tests, costly);
	tcase_add_test(tests, many_items);
	tcase_add_test(tests, so_many_items_that_steps_are_given_for_them);
	tcase_add_test(tests, numbers);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(schema_suite());
}
