/* Code tables: what is refused when they are loaded, with line and column. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"
#include "transform/codes.h"

static map_fixture fixture;
static char path[128];

static void
setup(void)
{
	map_fixture_init(&fixture);
	snprintf(path, sizeof path, "%s/codes/t.csv", fixture.folder);
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static ph_codes *
load(const char *text, ph_error *err)
{
	static const char *const canonical[] = {"canonical"}, *const vendor[] = {"x"};
	ph_codes *codes = NULL;
	map_fixture_file(&fixture, "codes/t.csv", text);
	memset(err, 0, sizeof *err);
	const char *const paths[] = {path, NULL};
	return ph_codes_load(paths, canonical, 1, vendor, 1, &codes, err) == PH_OK
		   ? codes
		   : NULL;
}

START_TEST(refused)
{
	static const struct {
		const char *text, *place, *code;
	} rows[] = {
	    {"canonical,y,in,out\na,b,*,*\n", "t.csv:2:1", "PH2102"},
	    {"canonical,x,in,out\na,b,x,*\n", "t.csv:2:5", "PH2103"},
	    {"canonical,x,in,out\n(ignore),b,*,*\n", "t.csv:2:1", "PH2104"},
	    {"canonical,x,in,out\na,(ignore),*,*\n", "t.csv:2:1", "PH2104"},
	    {"canonical,x,in,out\na,b,*,*\nc,b,*,*\n", "t.csv:3:3", "PH2106"},
	    {"canonical,x,in,out\na,b,*,*\na,c,*,*\n", "t.csv:3:1", "PH2106"},
	    {"canonical,x,in,out\na,b,,*\n", "t.csv:2:3", "PH2107"},
	    {"canonical,x,in,out\na,b,*,\n", "t.csv:2:1", "PH2107"},
	    {"canonical,x\na,b\na,c\n", "t.csv:3:1", "PH2106"},
	    {"canonical,x,in,out\n", "t.csv", "PH2101"},
	};
	ph_error err;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_ptr_null(load(rows[i].text, &err));
		ck_assert_msg(
		    strncmp(err.text, rows[i].code, 6) == 0, "%zu: %s", i, err.text);
		const char *end = strstr(err.where, "t.csv");
		ck_assert_msg(end != NULL && strcmp(end, rows[i].place) == 0,
		    "%zu: %s: %s", i, err.where, err.text);
	}
}
END_TEST

START_TEST(one_way)
{
	ph_error err;
	ph_codes *codes = load("\xef\xbb\xbf"
			       "canonical,x,out\na,b,*\nc,b,*\n",
	    &err);
	ck_assert_msg(codes != NULL, "%s", err.text);
	ck_assert(!ph_codes_goes_in(codes));
	ck_assert(ph_codes_goes_out(codes));
	ph_codes_destroy(&codes);
	codes = load("canonical,x\na,b\nc,d\n", &err);
	ck_assert(ph_codes_goes_in(codes) && ph_codes_goes_out(codes));
	ck_assert(!ph_codes_is_lossy(codes));
	ph_codes_destroy(&codes);
}
END_TEST

START_TEST(hostile_keys)
{
	ph_error err;
	char big[2000];
	ph_codes *codes = load("canonical,x,in,out\na,b,*,*\n", &err);
	memset(big, 'x', sizeof big);
	ph_tuple tuple = {.count = 1, .at = {ph_value_text(big, sizeof big)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &tuple), PH_CODES_UNKNOWN);
	tuple = (ph_tuple){.count = 1, .at = {ph_value_text("b\x1f", 2)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &tuple), PH_CODES_UNKNOWN);
	tuple = (ph_tuple){.count = 1, .at = {ph_value_text("b", 1)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &tuple), PH_CODES_FOUND);
	ck_assert_str_eq(tuple.at[0].text, "a");
	ph_codes_destroy(&codes);
}
END_TEST

/* A table of two layers. */
static ph_codes *
layers(const char *upper, const char *lower, ph_error *err)
{
	static const char *const canonical[] = {"canonical"}, *const vendor[] = {"x"};
	char other[160];
	ph_codes *codes = NULL;
	snprintf(other, sizeof other, "%s/codes/u.csv", fixture.folder);
	map_fixture_file(&fixture, "codes/u.csv", upper);
	map_fixture_file(&fixture, "codes/t.csv", lower);
	const char *const paths[] = {other, path, NULL};
	memset(err, 0, sizeof *err);
	return ph_codes_load(paths, canonical, 1, vendor, 1, &codes, err) == PH_OK
		   ? codes
		   : NULL;
}

/* What a key becomes: "?" unknown, "!" ignored. */
static const char *
becomes(const ph_codes *codes, bool inward, const char *key)
{
	ph_tuple tuple = {.count = 1, .at = {ph_value_text(key, strlen(key))}};
	switch (ph_codes_translate(codes, inward, &tuple)) {
	case PH_CODES_UNKNOWN:
		return "?";
	case PH_CODES_IGNORE:
		return "!";
	case PH_CODES_FOUND:
		break;
	}
	return tuple.at[0].text;
}

#define IN(key, expected)  ck_assert_str_eq(becomes(codes, true, key), expected)
#define OUT(key, expected) ck_assert_str_eq(becomes(codes, false, key), expected)

#define LOWER                                                                          \
	"canonical,x,in,out\nopen,NEW,*,*\nopen,OLD,*,\nfixed,FIX,*,*\n(ignore),TMP,*" \
	",\n"

START_TEST(row_by_row)
{
	ph_error err;
	ph_codes *codes = layers("x,canonical,in,out\nOLD,planned,*,*\nDONE,fixed,*,*\n"
				 "TMP,open,*,\n",
	    LOWER, &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	IN("NEW", "open");
	IN("OLD", "planned");
	IN("FIX", "fixed");
	IN("DONE", "fixed");
	IN("TMP", "open");
	OUT("open", "NEW");
	OUT("planned", "OLD");
	OUT("fixed", "DONE");
	ck_assert(ph_codes_is_lossy(codes));
	ck_assert_str_eq(ph_codes_file(codes), "u.csv");
	ph_codes_destroy(&codes);
}
END_TEST

START_TEST(rows_taken_away)
{
	ph_error err;
	ph_codes *codes =
	    layers("x,canonical,in,out\nFIX,(none),*,\n(none),open,,*\n", LOWER, &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	IN("FIX", "?");
	OUT("fixed", "FIX");
	IN("NEW", "open");
	OUT("open", "?");
	ph_codes_destroy(&codes);
	codes = layers("x,canonical\n(none),(none)\nA,open\nB,fixed\n", LOWER, &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	IN("NEW", "?");
	IN("A", "open");
	OUT("fixed", "B");
	ck_assert(!ph_codes_is_lossy(codes));
	size_t rows = 0;
	while (ph_codes_canonical(codes, rows, 0) != NULL)
		rows++;
	ck_assert_uint_eq(rows, 2);
	ph_codes_destroy(&codes);
}
END_TEST

START_TEST(layers_refused)
{
	ph_error err;
	ck_assert_ptr_null(layers("x,canonical,in,out\nA,odd,*,\n", LOWER, &err));
	ck_assert_msg(strncmp(err.text, "PH2107", 6) == 0, "%s", err.text);
	ck_assert_msg(strstr(err.where, "u.csv:2:3") != NULL, "%s", err.where);
	ck_assert_ptr_null(load("x,canonical,in,out\nA,(none),*,\n", &err));
	ck_assert_msg(strncmp(err.text, "PH2109", 6) == 0, "%s", err.text);
	ck_assert_ptr_null(layers("x,canonical,in,out\nA,(none),*,*\n", LOWER, &err));
	ck_assert_msg(strncmp(err.text, "PH2104", 6) == 0, "%s", err.text);
}
END_TEST

#define OPEN                                                                           \
	"x,canonical,in,out\n4*,road,*,\n41*,kerb,*,\n410,road,*,*\n9\\*,odd,*,*\n"    \
	"kerb,kerb,*,*\n"

START_TEST(patterns)
{
	ph_error err;
	ph_codes *codes = load(OPEN, &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	IN("4", "road");
	IN("42", "road");
	IN("41", "kerb");
	IN("411", "kerb");
	IN("410", "road");
	IN("5", "?");
	IN("9*", "odd");
	IN("91", "?");
	OUT("road", "410");
	OUT("odd", "9*");
	ck_assert(ph_codes_is_lossy(codes));
	ph_codes_destroy(&codes);
	codes = layers("x,canonical,in,out\n41*,(none),*,\n9*,odd,*,\n", OPEN, &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	IN("410", "?"); /* the upper layer's pattern before the lower's code */
	IN("42", "road");
	IN("95", "odd");
	ph_codes_destroy(&codes);
}
END_TEST

START_TEST(patterns_of_two)
{
	static const char *const canonical[] = {"canonical"}, *const vendor[] = {
								  "x", "y"};
	static const struct {
		const char *text, *place, *code;
	} rows[] = {
	    {"canonical,x,y\na,P,Q\na,4*,*\na,*,7\n", "t.csv:4:3", "PH2110"},
	    {"canonical,x,y\na,P,Q\na,4*,*\na,4*,*\n", "t.csv:4:3", "PH2110"},
	    {"canonical,x,y,in,out\na,4*,Q,*,*\n", "t.csv:2:1", "PH2108"},
	};
	const char *const paths[] = {path, NULL};
	ph_codes *codes = NULL;
	ph_error err;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		map_fixture_file(&fixture, "codes/t.csv", rows[i].text);
		ck_assert_int_ne(
		    ph_codes_load(paths, canonical, 1, vendor, 2, &codes, &err), PH_OK);
		ck_assert_msg(strncmp(err.text, rows[i].code, 6) == 0 &&
				  strstr(err.where, rows[i].place) != NULL,
		    "%zu: %s: %s", i, err.where, err.text);
	}
	map_fixture_file(&fixture, "codes/t.csv",
	    "canonical,x,y\nfixed,CLOSED,JUSTIFIED\nclosed,CLOSED,\n"
	    "closed,CLOSED,*\nopen,OPEN,\nopen,OPEN,*\n");
	ck_assert_msg(
	    ph_codes_load(paths, canonical, 1, vendor, 2, &codes, &err) == PH_OK,
	    "%s: %s", err.where, err.text);
	ph_tuple t = {.count = 2,
	    .at = {ph_value_text("CLOSED", 6), ph_value_text("NO ACCESS", 9)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &t), PH_CODES_FOUND);
	ck_assert_str_eq(t.at[0].text, "closed");
	t = (ph_tuple){.count = 2, .at = {ph_value_text("OPEN", 4)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &t), PH_CODES_FOUND);
	t = (ph_tuple){
	    .count = 2, .at = {ph_value_text("SHUT", 4), ph_value_text("X", 1)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &t), PH_CODES_UNKNOWN);
	t = (ph_tuple){.count = 1, .at = {ph_value_text("closed", 6)}};
	ck_assert_int_eq(ph_codes_translate(codes, false, &t), PH_CODES_FOUND);
	ck_assert_uint_eq(t.count, 2);
	ck_assert_int_eq(t.at[1].kind, PH_VALUE_ABSENT);
	ph_codes_destroy(&codes);
}
END_TEST

/* After whole codes and beginnings, in the file's order; the whole code has to fit. */
START_TEST(regular_expressions)
{
	ph_error err;
	ph_codes *codes = load("x,canonical,in,out\n"
			       "/[A-Z]{2}[0-9]+/,letters,*,\n"
			       "/.*9/,nine,*,\n"
			       "AB1*,begin,*,\n"
			       "AB12,whole,*,*\n"
			       "\"/a{1,2}|b,c/\",comma,*,\n"
			       "\\/x/,slashes,*,*\n"
			       "L,letters,*,*\nN,nine,*,*\nB,begin,*,*\nC,comma,*,*\n",
	    &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	IN("AB12", "whole");
	IN("AB129", "begin");
	IN("AB29", "letters");
	IN("xAB29", "nine");
	IN("AB2x", "?");
	IN("9", "nine");
	IN("", "?");
	IN("aa", "comma");
	IN("aaa", "?");
	IN("b,c", "comma");
	IN("/x/", "slashes");
	OUT("letters", "L");
	OUT("slashes", "/x/");
	ck_assert(ph_codes_is_lossy(codes));
	ck_assert(ph_codes_is_regular(codes, 0) && ph_codes_is_open(codes, 0));
	ck_assert(!ph_codes_is_regular(codes, 2) && ph_codes_is_open(codes, 2));
	ph_codes_destroy(&codes);
	/* layer before kind, and (ignore) as with other patterns */
	codes = layers("x,canonical,in,out\n/4.*/,(ignore),*,\n", OPEN, &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	IN("410", "!");
	IN("9*", "odd");
	OUT("road", "410");
	ph_codes_destroy(&codes);
}
END_TEST

START_TEST(regular_expressions_refused)
{
	static const struct {
		const char *text, *place, *code, *words;
	} rows[] = {
	    {"canonical,x\na,b\na,/x(y/\n", "t.csv:3:7", "PH2111",
		"missing closing parenthesis at character 4"},
	    {"canonical,x\na,b\na,/*/\n", "t.csv:3:4", "PH2111", "at character 1"},
	    {"canonical,x\na,/\xC3\xA9*[b/\n", "t.csv:2:9", "PH2111", "at character 5"},
	    /* quoted: a quote stands there twice, and lines may end */
	    {"canonical,x\na,\"/\"\"[b/\"\n", "t.csv:2:9", "PH2111", "at character 4"},
	    {"canonical,x\na,\"/b\nc(/\"\n", "t.csv:3:3", "PH2111", "at character 5"},
	    {"canonical,x,in,out\na,/b/,*,*\n", "t.csv:2:1", "PH2108", ""},
	    {"canonical,x,in,out\na,/b/,*,\n", "t.csv:2:1", "PH2107", ""},
	};
	ph_error err;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_ptr_null(load(rows[i].text, &err));
		ck_assert_msg(strncmp(err.text, rows[i].code, 6) == 0 &&
				  strstr(err.text, rows[i].words) != NULL &&
				  strstr(err.where, rows[i].place) != NULL,
		    "%zu: %s: %s", i, err.where, err.text);
	}
	char many[8000] = "canonical,x,in\n";
	for (int i = 0; i <= PH_CODES_REGULAR_MAX; i++)
		strcat(many, "a,/bc/,*\n");
	ck_assert_ptr_null(load(many, &err));
	ck_assert_msg(strncmp(err.text, "PH2112", 6) == 0, "%s", err.text);
}
END_TEST

/* A code that one cannot decide about has no row, not the next one's. */
START_TEST(catastrophes_are_unknown)
{
	ph_error err;
	char text[1001];
	ph_codes *codes = load("x,canonical,in,out\n/(a|aa)+/,as,*,\n/.*/,any,*,\n"
			       "A,as,*,*\nB,any,*,*\n",
	    &err);
	ck_assert_msg(codes != NULL, "%s: %s", err.where, err.text);
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = 0;
	IN(text, "as");
	text[sizeof text - 2] = '!';
	IN(text, "?");
	IN("aaa", "as");
	IN("aa!", "any");
	ph_codes_destroy(&codes);
}
END_TEST

START_TEST(regular_expressions_of_two)
{
	static const char *const canonical[] = {"canonical"}, *const vendor[] = {
								  "x", "y"};
	const char *const paths[] = {path, NULL};
	ph_codes *codes = NULL;
	ph_error err;
	map_fixture_file(&fixture, "codes/t.csv",
	    "canonical,x,y,in\none,S,/1[0-9]/,*\ntwo,/[A-Z]/,*,*\n");
	ck_assert_msg(
	    ph_codes_load(paths, canonical, 1, vendor, 2, &codes, &err) == PH_OK,
	    "%s: %s", err.where, err.text);
	ph_tuple t = {
	    .count = 2, .at = {ph_value_text("S", 1), ph_value_text("17", 2)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &t), PH_CODES_FOUND);
	ck_assert_str_eq(t.at[0].text, "one");
	t = (ph_tuple){
	    .count = 2, .at = {ph_value_text("S", 1), ph_value_text("27", 2)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &t), PH_CODES_FOUND);
	ck_assert_str_eq(t.at[0].text, "two");
	t = (ph_tuple){
	    .count = 2, .at = {ph_value_text("s", 1), ph_value_text("17", 2)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &t), PH_CODES_UNKNOWN);
	ph_codes_destroy(&codes);
}
END_TEST

static Suite *
codes_suite(void)
{
	Suite *suite = suite_create("codes");
	TCase *tests = tcase_create("tables");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, refused);
	tcase_add_test(tests, one_way);
	tcase_add_test(tests, hostile_keys);
	tcase_add_test(tests, row_by_row);
	tcase_add_test(tests, rows_taken_away);
	tcase_add_test(tests, layers_refused);
	tcase_add_test(tests, patterns);
	tcase_add_test(tests, patterns_of_two);
	tcase_add_test(tests, regular_expressions);
	tcase_add_test(tests, regular_expressions_refused);
	tcase_add_test(tests, catastrophes_are_unknown);
	tcase_add_test(tests, regular_expressions_of_two);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(codes_suite());
}
