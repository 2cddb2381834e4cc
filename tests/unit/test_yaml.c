/*
 * YAML: the subset that people write, to the byte; everything clever is refused with
 * its place.
 */
#include "lib/config/config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/documents.h"

#define TEXT(s) (s), sizeof(s) - 1
#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static ph_status
decode(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	return ph_yaml_decode(document, bytes, length, 0, err);
}

static ph_status
decode_expanding(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	return ph_yaml_decode(document, bytes, length, PH_CONFIG_EXPAND, err);
}

static const struct {
	const char *bytes;
	size_t length;
	const char *expected;
} good[] = {
    {TEXT(""), "~^1:1"},
    {TEXT("# nothing\n"), "~^1:1"},
    {TEXT("---\n...\n"), "~^1:1"},
    {TEXT("a"), "'a'^1:1"},
    {TEXT("a: 1\n"), "{a: '1'^1:4%1:1}^1:1"},
    {TEXT("---\na: 1\n...\n"), "{a: '1'^2:4%2:1}^2:1"},
    {TEXT("\xEF\xBB\xBF"
	  "a: 1\n"),
	"{a: '1'^1:4%1:1}^1:1"},
    /* nothing is guessed */
    {TEXT("[NO, yes, 007, 12:30, 1.0, ~, null, 0x1F, 1e3, 2026-11-23, .inf]"),
	"['NO'^1:2, 'yes'^1:6, '007'^1:11, '12:30'^1:16, '1.0'^1:23, '~'^1:28, "
	"'null'^1:31, "
	"'0x1F'^1:37, '1e3'^1:43, '2026-11-23'^1:48, '.inf'^1:60]^1:1"},
    {TEXT("a:\nb: \"\"\nc: ''\nd: # x\n"),
	"{a: ~^1:1, b: ''^2:4%2:1, c: ''^3:4%3:1, d: ~^4:1}^1:1"},
    /* collections stand where their names do */
    {TEXT("a:\n  b:\n    - x\n    - y: z\n      w:\n"),
	"{a: {b: ['x'^3:7, {y: 'z'^4:10%4:7, w: ~^5:7}^4:7]^2:3}^1:1}^1:1"},
    {TEXT("a: {b: c, d: [e, f]}\n"),
	"{a: {b: 'c'^1:8%1:5, d: ['e'^1:15, 'f'^1:18]^1:11}^1:1}^1:1"},
    {TEXT("- a\n-\n  - b\n- [c: d]\n"),
	"['a'^1:3, ['b'^3:5]^3:3, [{c: 'd'^4:7%4:4}^4:4]^4:3]^1:1"},
    /* every way to write text */
    {TEXT("a: \"x\\n\\u00e9\\\"\"\nb: 'it''s'\n"),
	"{a: 'x\n\xC3\xA9\"'^1:4%1:1, b: 'it's'^2:4%2:1}^1:1"},
    {TEXT("a: |\n  one\n   two\nb: >-\n  one\n  two\n"),
	"{a: 'one\n two\n'^2:3%1:1, b: 'one two'^5:3%4:1}^1:1"},
    {TEXT("a: one\n  two # not this\nb: x#y\n"),
	"{a: 'one two'^1:4%1:1, b: 'x#y'^3:4%3:1}^1:1"},
    {TEXT("\"a b\": 1\n'c': 2\n"), "{a b: '1'^1:8%1:1, c: '2'^2:6%2:1}^1:1"},
    {TEXT("a: 1\r\nb:\r\n  - 2\r\n"), "{a: '1'^1:4%1:1, b: ['2'^3:5]^2:1}^1:1"},
    {TEXT("? a\n: b\n"), "{a: 'b'^2:3%1:3}^1:1"},
    {TEXT("<<: {a: b}\n"), "{<<: {a: 'b'^1:9%1:6}^1:1}^1:1"},
    /* columns count bytes */
    {TEXT("\xC3\xA9: \xC3\xA9 # c\nb: {\xE2\x82\xAC: x}\n"),
	"{\xC3\xA9: '\xC3\xA9'^1:5%1:1, b: {\xE2\x82\xAC: 'x'^2:10%2:5}^2:1}^1:1"},
    /* links of a map */
    {TEXT("- (a.b, c)  <-> (X, Y)   | osgb36(decimals=2)  # out\n"
	  "-      -> A/B | const(\"1\")\n- a[b] <-> C[D]/E\n- x -> y: z\n"),
	"['(a.b, c)  <-> (X, Y)   | osgb36(decimals=2)'^1:3, '-> A/B | "
	"const(\"1\")'^2:8, "
	"'a[b] <-> C[D]/E'^3:3, {x -> y: 'z'^4:11%4:3}^4:3]^1:1"},
    {TEXT("a: ${X} $y $$\n"), "{a: '${X} $y $$'^1:4%1:1}^1:1"},
};

START_TEST(good_files_are_read)
{
	expect_tree(decode, good[_i].bytes, good[_i].length, PLACES, good[_i].expected);
}
END_TEST

START_TEST(quotes_are_remembered)
{
	static const char text[] = "[a, 'b', \"c\"]";
	ph_document *d = new_document();
	ck_assert_int_eq(decode(d, TEXT(text), NULL), PH_OK);
	const ph_node *n = ph_document_root(d)->first;
	ck_assert_uint_eq(n->flags & PH_NODE_QUOTED, 0);
	ck_assert_uint_ne(n->next->flags & PH_NODE_QUOTED, 0);
	ck_assert_uint_ne(n->next->next->flags & PH_NODE_QUOTED, 0);
	ph_document_destroy(&d);
}
END_TEST

static const struct {
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {TEXT("a: 1\nb: &x 1\n"), "PH1010", "2:4"},
    {TEXT("a: &x {b: c}\n"), "PH1010", "1:4"},
    {TEXT("&x a: 1\n"), "PH1010", "1:1"},
    {TEXT("a: *x\n"), "PH1010", "1:4"},
    {TEXT("a: &x 1\nb: *x\n"), "PH1010", "1:4"},
    {TEXT("a: !!str 1\n"), "PH1011", "1:4"},
    {TEXT("a: ! 1\n"), "PH1011", "1:4"},
    {TEXT("a: !!map {}\n"), "PH1011", "1:4"},
    {TEXT("a: !<tag:yaml.org,2002:int> 1\n"), "PH1011", "1:4"},
    {TEXT(": x\n"), "PH1012", NULL},
    {TEXT("{\"\": x}\n"), "PH1012", "1:2"},
    {TEXT("a: \"\\0\"\n"), "PH1013", "1:4"},
    {TEXT("\"\\0\": a\n"), "PH1013", "1:1"},
    {TEXT("{a: b}: c\n"), "PH1014", NULL},
    {TEXT("? [a]\n: b\n"), "PH1014", "1:3"},
    {TEXT("a: 1\nb: 2\na: 3\n"), "PH1015", "3:1"},
    {TEXT("a: {b: 1, 'b': 2}\n"), "PH1015", "1:11"},
    {TEXT("a:\n  b: 1\n\"a\":\n"), "PH1015", "3:1"},
    {TEXT("%YAML 1.2\n---\na: 1\n"), "PH1016", "1:1"},
    {TEXT("%TAG ! tag:example.org,2000:\n---\na: 1\n"), "PH1016", "1:1"},
    {TEXT("%A b\n---\na: 1\n"), "PH1016", "1:1"},
    {TEXT("# %\n\n %\n%A b\n"), "PH1004", NULL},
    {TEXT("# %\r\n\n%A b\n"), "PH1016", "3:1"},
    {TEXT("%"), "PH1016", "1:1"},
    {TEXT("a: 1\n---\nb: 2\n"), "PH1017", "2:1"},
    {TEXT("---\n---\na: 1\n"), "PH1017", "2:1"},
    {TEXT("a:\n\t- b\n"), "PH1006", "2:1"},
    {TEXT("a: b\tc\n"), "PH1006", "1:5"},
    {TEXT("a: \"b\tc\"\n"), "PH1006", "1:6"},
    {TEXT("# a\tb\n"), "PH1006", "1:4"},
    {TEXT("a: b: c\n"), "PH1004", "1:5"},
    {TEXT("- \"x\" <-> y: z: w\n"), "PH1004", "1:7"},
    {TEXT("a: 1\nb: @x\n"), "PH1004", "2:4"},
    {TEXT("a: `x`\n"), "PH1004", "1:4"},
    {TEXT("a: %x\n"), "PH1004", "1:4"},
    {TEXT("a: \"x\n"), "PH1004", NULL},
    {TEXT("a: 'x\n"), "PH1004", NULL},
    {TEXT("a: [1, 2\n"), "PH1004", NULL},
    {TEXT("a: {b: 1\n"), "PH1004", NULL},
    {TEXT("a: ]\n"), "PH1004", NULL},
    {TEXT("a:\n  - b\n c\n"), "PH1004", NULL},
    {TEXT("  a: b\n c: d\n"), "PH1004", NULL},
    {TEXT("a: b\n c: d\n"), "PH1004", NULL},
    {TEXT("a: |\n  x\n y\n"), "PH1004", NULL},
    {TEXT("a: \"\\q\"\n"), "PH1004", NULL},
    {TEXT("a: \xE9\n"), "PH1005", "1:4"},
    {TEXT("a: \xC0\xAF\n"), "PH1005", "1:4"},
    {TEXT("a: b\x01\n"), "PH1007", "1:5"},
    {TEXT("a: \0\n"), "PH1007", "1:4"},
    {TEXT("\xFF\xFE"
	  "a\0:\0"),
	"PH1005", "1:1"},
    {TEXT("a\0:\0 \0b\0"), "PH1007", "1:2"},
    {TEXT("a: \x7F\n"), "PH1007", "1:4"},
};

START_TEST(bad_files_are_refused)
{
	expect_refusal(
	    decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(nothing_is_printed)
{
	FILE *sink = tmpfile();
	ck_assert_ptr_nonnull(sink);
	fflush(stderr);
	fflush(stdout);
	int error = dup(2);
	int output = dup(1);
	ck_assert_int_ge(dup2(fileno(sink), 2), 0);
	ck_assert_int_ge(dup2(fileno(sink), 1), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		survive(decode, bad[i].bytes, bad[i].length);
	fflush(stderr);
	fflush(stdout);
	ck_assert_int_ge(dup2(error, 2), 0);
	ck_assert_int_ge(dup2(output, 1), 0);
	ck_assert_int_eq(fseek(sink, 0, SEEK_END), 0);
	ck_assert_int_eq(ftell(sink), 0);
	fclose(sink);
	close(error);
	close(output);
}
END_TEST

START_TEST(depth_ends_at_32)
{
	char text[400];
	memset(text, '[', 32);
	memset(text + 32, ']', 32);
	ph_document *d = new_document();
	ck_assert_int_eq(decode(d, text, 64, NULL), PH_OK);
	ph_document_destroy(&d);
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	expect_refusal(decode, text, 66, "PH1003", "1:33");
	size_t length = 0;
	static const char *const bodies[] = {"[", "{a: ", "- ", "? "};
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		char *deep = repeat("", bodies[i], 900000, "", &length);
		expect_refusal(decode, deep, length, "PH10", NULL);
		free(deep);
	}
}
END_TEST

static const struct {
	const char *head;
	const char *body;
	const char *tail;
} large[] = {
    {"[", "a,", "]"},
    {"[", "a, b: c, ", "]"},
    {"", "- a\n", ""},
    {"", "\n", "a: b"},
    {"a: ", "x", ""},
    {"a: ", "x ", "y"},
    {"a: \"", "x\\n", "\""},
    {"a: |\n", "  x\n", ""},
    {"a: >\n", "  x\n\n", ""},
    {"# ", "x", ""},
    {"", "# x\n", ""},
    {"a: '", "''", "'"},
    {"", "a: &a [*a]\n", ""},
    {"", "x", ": y"},
    {"", "? ", ""},
    {"", ": ", ""},
    {"", "\"", ""},
    {"", "{", ""},
};

START_TEST(large_files_cost_in_proportion)
{
	size_t length = 0;
	char *text =
	    repeat(large[_i].head, large[_i].body, 1000000, large[_i].tail, &length);
	ph_document *d = new_document();
	clock_t start = clock();
	ph_status status = decode(d, text, length, NULL);
	double seconds = (double) (clock() - start) / CLOCKS_PER_SEC;
	ck_assert(
	    status == PH_OK || status == PH_ERR_INVALID || status == PH_ERR_TOO_LARGE);
	ck_assert_msg(seconds < 20, "%s took %.1f s", large[_i].body, seconds);
	ph_document_destroy(&d);
	free(text);
}
END_TEST

START_TEST(the_size_has_a_limit)
{
	size_t length = 0;
	char *text = repeat("", "- a\n", 1u << 20, "- b\n", &length);
	expect_refusal(decode, text, length, "PH1001", "1:1");
	free(text);
}
END_TEST

START_TEST(damage_never_crashes)
{
	survive_damage(
	    decode, TEXT("a: 1\nb:\n  - {c: 'd', e: [\"f\\n\", g]}\n  - h -> i\n"
			 "j: |\n  k\n\xC3\xA9: >-\n  l\n  m\n"));
	survive_damage(
	    decode_expanding, TEXT("a: ${PH_TEST_A:-b} ${PH_TEST_B} $${ c\n"));
}
END_TEST

static const struct {
	const char *text;
	const char *expected; /* begins with PH: refused so */
} expansions[] = {
    {"${PH_TEST_A}", "one"},
    {"x${PH_TEST_A}y${PH_TEST_A}z", "xoneyonez"},
    {"${PH_TEST_A:-two}", "one"},
    {"${PH_TEST_NONE:-two}", "two"},
    {"${PH_TEST_NONE:-}", ""},
    {"${PH_TEST_EMPTY:-two}", "two"},
    {"${PH_TEST_EMPTY}", ""},
    {"${PH_TEST_NONE:-a:-b/c}", "a:-b/c"},
    {"$${PH_TEST_A}", "${PH_TEST_A}"},
    {"$PH_TEST_A $ $$ }", "$PH_TEST_A $ $$ }"},
    {"${PH_TEST_LOOP}", "${PH_TEST_A}"},
    {"${PH_TEST_NONE}", "PH1021"},
    {"${}", "PH1020"},
    {"${1}", "PH1020"},
    {"${PH_TEST_A", "PH1020"},
    {"${PH_TEST_A:-x", "PH1020"},
    {"${PH_TEST_A-x}", "PH1020"},
    {"${PH TEST}", "PH1020"},
    {"${PH_TEST_${PH_TEST_A}}", "PH1020"},
    {"${PH_TEST_BAD}", "PH1022"},
    {"${PH_TEST_LONG}${PH_TEST_LONG}", "PH1023"},
};

static void
set_variables(void)
{
	static char text[40000];
	memset(text, 'x', sizeof text - 1);
	ck_assert_int_eq(setenv("PH_TEST_A", "one", 1), 0);
	ck_assert_int_eq(setenv("PH_TEST_EMPTY", "", 1), 0);
	ck_assert_int_eq(setenv("PH_TEST_LOOP", "${PH_TEST_A}", 1), 0);
	ck_assert_int_eq(setenv("PH_TEST_BAD", "\xFF", 1), 0);
	ck_assert_int_eq(setenv("PH_TEST_LONG", text, 1), 0);
	ck_assert_int_eq(unsetenv("PH_TEST_NONE"), 0);
}

START_TEST(variables_are_replaced)
{
	char text[128];
	const char *expected = expansions[_i].expected;
	set_variables();
	snprintf(text, sizeof text, "- x\n- \"%s\"\n", expansions[_i].text);
	if (strncmp(expected, "PH1", 3) == 0) {
		expect_refusal(decode_expanding, text, strlen(text), expected, "2:3");
		return;
	}
	ph_document *d = new_document();
	ck_assert_int_eq(decode_expanding(d, text, strlen(text), NULL), PH_OK);
	const ph_node *node = ph_document_root(d)->last;
	ck_assert_str_eq(node->text, expected);
	ck_assert_uint_eq(node->length, strlen(expected));
	ck_assert_int_eq(node->kind, PH_NODE_STRING);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(names_are_not_expanded)
{
	set_variables();
	expect_tree(decode_expanding, TEXT("\"${PH_TEST_A}\": '${PH_TEST_A}'\n"), 0,
	    "{${PH_TEST_A}: 'one'}");
}
END_TEST

START_TEST(files_are_loaded)
{
	char path[] = "/tmp/ph-yaml-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "a: b\na: c\n", 10), 10);
	ck_assert_int_eq(close(fd), 0);
	ph_document *d = NULL;
	ph_error err = {0};
	char where[64];
	ck_assert_int_eq(ph_yaml_load(path, 0, &d, &err), PH_ERR_INVALID);
	snprintf(where, sizeof where, "%s:2:1", path);
	ck_assert_str_eq(err.where, where);
	ck_assert_ptr_null(d);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("a: b\n", file);
	fclose(file);
	ck_assert_int_eq(ph_yaml_load(path, 0, &d, &err), PH_OK);
	ck_assert_str_eq(ph_node_text(ph_document_root(d), "a"), "b");
	ck_assert_str_eq(ph_document_name(d), path);
	ph_document_destroy(&d);
	unlink(path);
	ck_assert_int_ne(ph_yaml_load(path, 0, &d, &err), PH_OK);
	ck_assert_ptr_nonnull(strstr(err.text, path));
}
END_TEST

START_TEST(a_small_document_limit_is_kept)
{
	static const char text[] = "a: 1\nb: [c, {d: e}]\nf: |\n  some text\n";
	for (size_t limit = 16; limit < 1600; limit += 16) {
		ph_document *d = NULL;
		ph_error err = {0};
		if (ph_document_new("t", limit, &d, NULL) != PH_OK)
			continue;
		ph_status status = decode(d, TEXT(text), &err);
		ck_assert(status == PH_OK || status == PH_ERR_TOO_LARGE);
		ck_assert(status == PH_OK || strncmp(err.text, "PH1002", 6) == 0);
		ph_document_destroy(&d);
	}
}
END_TEST

static Suite *
yaml_suite(void)
{
	Suite *suite = suite_create("yaml");
	TCase *decode_case = tcase_create("decode");
	LOOP(decode_case, good_files_are_read, good);
	tcase_add_test(decode_case, quotes_are_remembered);
	LOOP(decode_case, bad_files_are_refused, bad);
	tcase_add_test(decode_case, nothing_is_printed);
	tcase_add_test(decode_case, files_are_loaded);
	tcase_add_test(decode_case, a_small_document_limit_is_kept);
	suite_add_tcase(suite, decode_case);
	TCase *variables = tcase_create("variables");
	LOOP(variables, variables_are_replaced, expansions);
	tcase_add_test(variables, names_are_not_expanded);
	suite_add_tcase(suite, variables);
	TCase *hostile = tcase_create("hostile");
	tcase_add_test(hostile, depth_ends_at_32);
	LOOP(hostile, large_files_cost_in_proportion, large);
	tcase_add_test(hostile, the_size_has_a_limit);
	tcase_add_test(hostile, damage_never_crashes);
	suite_add_tcase(suite, hostile);
	return suite;
}

int
main(void)
{
	return ph_check_main(yaml_suite());
}
