/* Lines of fixed columns. */
#include "tests/unit/records.h"

#define TEXT(literal) literal, sizeof(literal) - 1
#define LOOP(t, test, table)                                                           \
	tcase_add_loop_test(t, test, 0, sizeof table / sizeof table[0])

#define ROWS                                                                           \
	"format: fixed\n"                                                              \
	"fields:\n"                                                                    \
	"  code: 1-3\n"                                                                \
	"  name: 5-10\n"                                                               \
	"  due: {at: 11-14, align: right, pad: \"0\"}\n"
#define TYPES                                                                          \
	"format: fixed\n"                                                              \
	"type: 1\n"                                                                    \
	"records:\n"                                                                   \
	"  H: {name: head, fields: {made: 2-5}}\n"                                     \
	"  D: {name: line, fields: {b: 4-6, a: 2-3}}\n"                                \
	"  T: {name: tail, fields: {n: {at: 2-5, align: right, pad: \"0\"}}}\n"        \
	"first: head\nlast: tail\n"                                                    \
	"count: {field: n, except: [head, tail]}\n"

static const struct {
	const char *description;
	const char *bytes;
	size_t length;
	const char *expected;
} good[] = {
    {ROWS, TEXT("abc Wood  0070\n"), "{row: {code: 'abc', name: 'Wood', due: '70'}}"},
    {ROWS, TEXT("abc Wood  0000\r\n"), "{row: {code: 'abc', name: 'Wood', due: '0'}}"},
    {ROWS, TEXT("abc\n\n    Wood"), "{row: {code: 'abc'}, row: {name: 'Wood'}}"},
    {ROWS,
	TEXT("007\xC2\xA3\xC3\x89\xC3\x89 Wo\xC3\xA9"
	     "d012   \n"),
	"{row: {code: '007', name: '\xC3\x89\xC3\x89 Wo\xC3\xA9', due: 'd012'}}"},
    {ROWS,
	TEXT("\xEF\xBB\xBF"
	     "abc  ood\n"),
	"{row: {code: 'abc', name: ' ood'}}"},
    {ROWS "charset: windows-1252\n", TEXT("\x80\x80\x80?\xE9\n"),
	"{row: {code: '\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC', name: '\xC3\xA9'}}"},
    {ROWS "unit: bytes\n", TEXT("\xE2\x82\xAC?a\n"),
	"{row: {code: '\xE2\x82\xAC', name: 'a'}}"},
    {TYPES, TEXT("H2024\nDaabbb\nD  b\nT0002\n"),
	"{head: {made: '2024'}, line: {a: 'aa', b: 'bbb'}, line: {b: 'b'}, tail: {n: "
	"'2'}}"},
    {TYPES, TEXT("H\nT0000\n"), "{head: {}, tail: {n: '0'}}"},
};

START_TEST(good_lines_are_read)
{
	describe_as(good[_i].description);
	expect_tree(decode, good[_i].bytes, good[_i].length, 0, good[_i].expected);
}
END_TEST

START_TEST(values_know_their_place)
{
	describe_as(ROWS);
	expect_tree(decode, TEXT("\nabc Wood\n"), PLACES,
	    "{row: {code: 'abc'^2:1, name: 'Wood'^2:5}^2:1}^1:1");
}
END_TEST

static const struct {
	const char *description;
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {ROWS, TEXT(""), "PH3110", "1:1"},
    {ROWS, TEXT("abc Wood  0012x\n"), "PH3114", "1:15"},
    {ROWS, TEXT("abc\tWood\n"), "PH3115", "1:4"},
    {ROWS, TEXT("abc\rdef\n"), "PH3105", "1:4"},
    {ROWS, TEXT("abc \x1A\n"), "PH3101", "1:5"},
    {ROWS, TEXT("abc \xE9\n"), "PH3004", "1:5"},
    {ROWS "charset: windows-1252\n", TEXT("ab\x8D\n"), "PH3100", "1:3"},
    {ROWS "unit: bytes\n", TEXT("ab\xC3\xA9 Wood\n"), "PH3116", "1:1"},
    {TYPES, TEXT("H\nX\nT0000\n"), "PH3111", "2:1"},
    {TYPES, TEXT("Daa\nT0001\n"), "PH3112", "1:1"},
    {TYPES, TEXT("H\nDaa\n"), "PH3112", "3:1"},
    {TYPES, TEXT("H\nT0000\nDaa\n"), "PH3112", "3:1"},
    {TYPES, TEXT("H\nDaa\nT0002\n"), "PH3113", "3:2"},
    {TYPES, TEXT("H\nDaa\nT\n"), "PH3113", "3:1"},
};

START_TEST(bad_lines_are_refused)
{
	describe_as(bad[_i].description);
	expect_refusal(
	    decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(large_files_cost_in_proportion)
{
	static const char *const bodies[] = {"abc Wood  0012\n", "\n", "x\n",
	    "                                                       \n",
	    "\xC3\xA9\xC3\xA9\xC3\xA9 Wood  0012\n", " "};
	describe_as(ROWS);
	survive_large(
	    decode, "", bodies, sizeof bodies / sizeof bodies[0], 4000000, "\n");
}
END_TEST

START_TEST(damage_never_crashes)
{
	describe_as(ROWS);
	survive_damage(decode, TEXT("abc Wo\xC3\xA9"
				    "d  0070\r\n\n007     \n"));
	describe_as(ROWS "unit: bytes\n");
	survive_damage(decode, TEXT("abc Wo\xC3\xA9"
				    "d  0070\r\n\n007     \n"));
	describe_as(TYPES);
	survive_damage(decode, TEXT("H2024\nDaabbb\nD  b\nT0002\n"));
}
END_TEST

START_TEST(what_is_read_is_written)
{
	describe_as(ROWS "line-end: lf\n");
	expect_back("abc Wood  0070\n    "
		    "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9    \n");
	describe_as(TYPES);
	expect_back("H2024\r\nDaabbb\r\nD  b  \r\nT0002\r\n");
	describe_as(ROWS);
	expect_written_as(
	    "\xC3\xA9\n", ROWS "charset: windows-1252\n", "\xE9             \r\n");
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
	describe_as(ROWS);
	expect_unwritable(FIELDS("row/code=abcd"), "PH3154", "(at row/code)");
	expect_unwritable(FIELDS("row/code=a\nb"), "PH3153", "row/code");
	expect_unwritable(FIELDS("row/code=\t"), "PH3153", "row/code");
	expect_unwritable(FIELDS("row/kind=1"), "PH3151", "row/kind");
	expect_unwritable(FIELDS("line/code=1"), "PH3151", "line");
	expect_written(
	    FIELDS("row/code=\xC3\xA9\xC3\xA9\xC3\xA9", "row/due=5", "row/name=~"),
	    "\xC3\xA9\xC3\xA9\xC3\xA9       0005\r\n");
	describe_as(ROWS "unit: bytes\n");
	expect_unwritable(FIELDS("row/code=\xC3\xA9\xC3\xA9"), "PH3154", "row/code");
	describe_as(ROWS "charset: iso-8859-1\n");
	expect_unwritable(FIELDS("row/code=\xE2\x82\xAC"), "PH3150", "row/code");
	describe_as(TYPES);
	expect_unwritable(FIELDS("line/a=1"), "PH3112", "line");
	expect_written(
	    FIELDS("head/made=1", "line/a=1"), "H1   \r\nD1    \r\nT0001\r\n");
}
END_TEST

static const struct {
	const char *yaml;
	const char *code;
	const char *place;
} descriptions[] = {
    {"format: fixed\n", "PH3182", "d:1:1"},
    {"format: fixed\nfields: [a]\n", "PH3182", "d:2:1"},
    {"format: fixed\nfields: {a: 0-3}\n", "PH3183", "d:2:13"},
    {"format: fixed\nfields: {a: 3-1}\n", "PH3183", "d:2:13"},
    {"format: fixed\nfields: {a: x}\n", "PH3183", "d:2:13"},
    {"format: fixed\nfields: {a: 1-65536}\n", "PH3183", "d:2:13"},
    {"format: fixed\nfields: {a: 1-99999999999999999999999}\n", "PH3183", "d:2:13"},
    {"format: fixed\nfields: {a: 1-3, b: 3-4}\n", "PH3183", "d:2:21"},
    {"format: fixed\nfields: {a: {at: 1, pad: xx}}\n", "PH3183", "d:2:26"},
    {"format: fixed\nfields: {a: {at: 1, align: middle}}\n", "PH3181", "d:2:28"},
    {"format: fixed\nfields: {a: 1}\ntype: 1\n", "PH3184", "d:3:7"},
    {"format: fixed\nrecords: {a: {fields: {b: 2}}}\n", "PH3183", "d:1:1"},
    {"format: fixed\ntype: 1\nrecords: {ab: {fields: {b: 2}}}\n", "PH3184", "d:3:11"},
    {"format: fixed\ntype: 1\nrecords: {a: {fields: {b: 1}}}\n", "PH3183", "d:3:27"},
};

START_TEST(bad_descriptions_are_refused)
{
	expect_bad_description(
	    descriptions[_i].yaml, descriptions[_i].code, descriptions[_i].place);
}
END_TEST

static Suite *
fixed_suite(void)
{
	Suite *suite = suite_create("fixed");
	TCase *read = tcase_create("decode");
	tcase_add_checked_fixture(read, NULL, forget);
	LOOP(read, good_lines_are_read, good);
	tcase_add_test(read, values_know_their_place);
	LOOP(read, bad_lines_are_refused, bad);
	suite_add_tcase(suite, read);
	HOSTILE_CASE(
	    suite, forget, large_files_cost_in_proportion, damage_never_crashes);
	TCase *written = tcase_create("encode");
	tcase_add_checked_fixture(written, NULL, forget);
	tcase_add_test(written, what_is_read_is_written);
	tcase_add_test(written, what_does_not_fit_is_refused);
	LOOP(written, bad_descriptions_are_refused, descriptions);
	suite_add_tcase(suite, written);
	return suite;
}

int
main(void)
{
	return ph_check_main(fixed_suite());
}
