/* What is said of a map that names a record description or a schema of the vendor's. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/told.h"

static map_fixture fixture;

static const char vendor[] =
    "{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"key\"],\n"
    " \"properties\": {\"key\": {\"type\": \"string\"},\n"
    "  \"short\": {\"type\": \"string\", \"maxLength\": 4},\n"
    "  \"amount\": {\"type\": \"number\"}, \"yes\": {\"type\": \"boolean\"},\n"
    "  \"state\": {\"enum\": [\"new\", \"done\"]},\n"
    "  \"who\": {\"type\": \"object\", \"properties\": {\"name\": {\"type\": "
    "\"string\"}}},\n"
    "  \"rows\": {\"type\": \"array\", \"items\": {\"type\": \"object\",\n"
    "    \"properties\": {\"name\": {\"type\": \"string\"}}}}}}\n";
static const char records[] =
    "format: fixed\nrow: line\nfields:\n  number: 1-6\n  family: 7-18\n";

static void
setup(void)
{
	map_fixture_init(&fixture);
	map_fixture_file(&fixture, "schemas/vendor.schema.json", vendor);
	map_fixture_file(&fixture, "lines.yaml", records);
	map_fixture_file(&fixture, "codes/good.csv",
	    "state,canonical,in,out\nnew,open,*,*\ndone,fixed,*,*\n");
	map_fixture_file(&fixture, "codes/half.csv",
	    "state,canonical,in,out\nnew,open,*,*\nnew,fixed,,*\n");
	map_fixture_file(&fixture, "codes/odd.csv",
	    "state,canonical,in,out\nnew,open,*,*\nlost,fixed,*,*\ndone,fixed,*,\n");
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

/* Check a map whose links begin in line 5; `drop` of the vendor's. */
static told
check(const char *head, const char *links, const char *drop, const char *code)
{
	char text[2048];
	snprintf(text, sizeof text,
	    "map: m\ncanonical: thing@1\n%s\nlinks:\n%s\ndrop:\n  canonical: [a, b, c, "
	    "ref, n, t, "
	    "at, s, tags, attributes, sub]\n  vendor: [%s]\n",
	    head, links, drop);
	return told_of(&fixture, text, code);
}

#define WHOLE "vendor: {format: json, schema: vendor.schema.json, previous: {}}"
#define JSON  "vendor: {format: json, schema: vendor.schema.json}"
#define LINES "vendor: {format: fixed, record: lines.yaml, each: line}"
#define REST  "short, amount, yes, state, who, rows"

START_TEST(unknown_paths)
{
	told t = check(JSON, "  - a <-> key\n  - b <-> shorty", REST, "PH2070");
	expect(&t, "error", "m.yaml:6:11", "did you mean short?");
	t = check(JSON, "  - a <-> key\n  - b <-> who/name", "rows", "PH2070");
	expect_nothing(&t);
	t = check(
	    JSON, "  - a <-> key\n  - tags[].name <-> rows[]/nam", REST, "PH2070");
	expect(&t, "error", "m.yaml:6:21", "rows.name");
	t = check(LINES, "  - a <-> numbr\n  - b <-> family", "", "PH2070");
	expect(&t, "error", "m.yaml:5:11", "did you mean number?");
	t = check(LINES, "  - a <-> number\n  - b <-> family", "famly", "PH2070");
	expect(&t, "error", "m.yaml:9:12", "lines.yaml has no field");
}
END_TEST

START_TEST(whole_branches)
{
	told t = check(JSON, "  - a <-> key\n  - b <-> who", REST, "PH2061");
	expect(&t, "error", "m.yaml:6:11", "link those");
}
END_TEST

START_TEST(left_over)
{
	told t = check(JSON, "  - a <-> key", "short, yes, state, who, rows", "PH2071");
	expect(&t, "error", "m.yaml:4:1", "amount");
	t = check(JSON, "  - a <-> key", REST, "PH2071");
	expect_nothing(&t);
	t = check(LINES, "  - a <-> number", "", "PH2071");
	expect(&t, "error", "m.yaml:4:1", "family");
	t = check(JSON, "  - a <- key\n  - b -> short", REST, "PH2072");
	expect(&t, "error", "m.yaml:4:1", "key");
	t = check(JSON, "  - a <-> key", REST, "PH2072");
	expect_nothing(&t);
	/* what no link writes is taken over from the record as it was */
	t = check(WHOLE, "  - a <- key\n  - b -> short", REST, "PH2072");
	expect_nothing(&t);
	t = check(WHOLE, "  - b -> short", "", "PH2071");
	expect_nothing(&t);
	t = check(WHOLE, "  - a <-> key", "short, yes, state, who, rows", "PH2071");
	expect(&t, "error", "m.yaml:4:1", "amount");
}
END_TEST

/* Read as a reference, and nothing to be written. */
START_TEST(files_by_reference)
{
	told t = check("vendor: {format: multipart}",
	    "  - a <-> x\n  - b <- f/part\n  - c -> f/part", "", "PH3512");
	expect(&t, "warning", "m.yaml:7:10", "f/content");
	t = check("vendor: {format: multipart}", "  - a <-> x\n  - b <- f/part", "",
	    "PH3512");
	expect_nothing(&t);
}
END_TEST

START_TEST(types)
{
	told t = check(JSON, "  - a <-> key\n  - n <-> short", REST, "PH2074");
	expect(&t, "error", "m.yaml:6:11", "n is a number");
	t = check(JSON, "  - a <-> key\n  - n <-> amount", REST, "PH2074");
	expect_nothing(&t);
	t = check(JSON, "  - a <-> key\n  - t <-> yes", REST, "PH2074");
	expect_nothing(&t);
	t = check(JSON, "  - a <-> key\n  - n <-> short | time(rfc3339, UTC)", REST,
	    "PH2073");
	expect(&t, "error", "m.yaml:6:19", "time stands for a text");
	t = check(JSON, "  - a <-> key\n  - b <-> short | boolean(\"Y\", \"N\")", REST,
	    "PH2073");
	expect(&t, "error", "m.yaml:6:19", "boolean stands for true or false");
}
END_TEST

START_TEST(undeclared_loss)
{
	told t = check(JSON, "  - a <-> key\n  - b <-> short", REST, "PH2075");
	expect(&t, "warning", "m.yaml:6:11", "fit(4)");
	t = check(JSON, "  - a <-> key\n  - c <-> short", REST, "PH2075");
	expect(&t, "warning", "m.yaml:6:11", "5 characters");
	t = check(JSON, "  - a <-> key\n  - b <-> short | fit(9)", REST, "PH2075");
	expect(&t, "warning", "m.yaml:6:11", "9 characters");
	t = check(JSON, "  - a <-> key\n  - b <-> short | fit(4)", REST, "PH2075");
	expect_nothing(&t);
	t = check(LINES, "  - a <-> number\n  - b <-> family | fit(12)", "", "PH2075");
	expect(&t, "warning", "m.yaml:5:11", "holds 6 characters");
}
END_TEST

START_TEST(codes_of_both_sides)
{
	told t = check(
	    JSON, "  - a <-> key\n  - s <-> state | codes(odd.csv)", REST, "PH2076");
	expect(&t, "error", "m.yaml:6:19", "\"lost\" (line 3)");
	t = check(
	    JSON, "  - a <-> key\n  - s <-> state | codes(half.csv)", REST, "PH2077");
	expect(&t, "warning", "m.yaml:6:19", "\"done\"");
	t = check(
	    JSON, "  - a <-> key\n  - s <-> state | codes(half.csv)", REST, "PH2069");
	expect(&t, "note", "m.yaml:6:5", "\"fixed\"");
	t = check(
	    JSON, "  - a <-> key\n  - s <-> state | codes(good.csv)", REST, "PH2077");
	expect_nothing(&t);
	t = check(
	    JSON, "  - a <-> key\n  - s <-> state | codes(good.csv)", REST, "PH2069");
	expect_nothing(&t);
}
END_TEST

START_TEST(schemas_that_do_not_fit)
{
	told t = check("vendor: {format: xml, root: r, schema: vendor.schema.json}",
	    "  - a <-> key", "", "PH2058");
	expect(&t, "error", "m.yaml:3:40", "json and form");
	t = check("vendor: {format: json, schema: gone.schema.json}", "  - a <-> key",
	    "", "PH2042");
	expect(&t, "error", "m.yaml:3:32", "gone.schema.json");
	/* other kinds of schema are not read here */
	t = check("vendor: {format: xml, root: r, schema: gone.xsd}", "  - a <-> key",
	    "", "PH2042");
	expect_nothing(&t);
}
END_TEST

static Suite *
check_suite(void)
{
	Suite *suite = suite_create("map check");
	TCase *tests = tcase_create("vendor");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, unknown_paths);
	tcase_add_test(tests, whole_branches);
	tcase_add_test(tests, left_over);
	tcase_add_test(tests, files_by_reference);
	tcase_add_test(tests, types);
	tcase_add_test(tests, undeclared_loss);
	tcase_add_test(tests, codes_of_both_sides);
	tcase_add_test(tests, schemas_that_do_not_fit);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(check_suite());
}
