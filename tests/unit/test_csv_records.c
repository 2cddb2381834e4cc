/* CSV with a header, and CSV whose first field says what a record is. */
#include "tests/unit/records.h"

#define TEXT(literal) literal, sizeof(literal) - 1
#define LOOP(t, test, table)                                                           \
	tcase_add_loop_test(t, test, 0, sizeof table / sizeof table[0])

#define PLAIN	"format: csv\n"
#define MEMBERS "format: csv\nrow: member\nfields: [number, family, note]\n"
#define STREETS                                                                        \
	"format: record-csv\n"                                                         \
	"quote: texts\n"                                                               \
	"records:\n"                                                                   \
	"  \"10\": {name: header, fields: [custodian, made]}\n"                        \
	"  \"11\": {name: street, fields: [change, usrn]}\n"                           \
	"  \"21\": {name: blpu, fields: [change, uprn, x, y]}\n"                       \
	"  \"99\": {name: trailer, fields: [volume, count]}\n"                         \
	"first: header\nlast: trailer\n"                                               \
	"count: {field: count, except: [header, trailer]}\n"

static const struct {
	const char *description;
	const char *bytes;
	size_t length;
	const char *expected;
} good[] = {
    {PLAIN, TEXT("a,b\n1,2\n"), "{row: {a: '1', b: '2'}}"},
    {PLAIN, TEXT("a,b\r\n1,2"), "{row: {a: '1', b: '2'}}"},
    {PLAIN,
	TEXT("\xEF\xBB\xBF"
	     "a,b\n007,2024-01-02\n"),
	"{row: {a: '007', b: '2024-01-02'}}"},
    {PLAIN, TEXT("a,b\n,\"\"\n\n\"x\"\"y,\nz\",1\n"),
	"{row: {b: ''}, row: {a: 'x\"y,\nz', b: '1'}}"},
    {PLAIN, TEXT("a,b\n"), "{}"},
    {PLAIN "separator: \";\"\n", TEXT("a;b\n1,5;2\n"), "{row: {a: '1,5', b: '2'}}"},
    {PLAIN "separator: tab\n", TEXT("a\tb\n\t2\n"), "{row: {b: '2'}}"},
    {PLAIN "charset: windows-1252\n", TEXT("a\n\x80\x93x\x94\xE9\n"),
	"{row: {a: '\xE2\x82\xAC\xE2\x80\x9Cx\xE2\x80\x9D\xC3\xA9'}}"},
    {PLAIN "charset: iso-8859-1\n", TEXT("\xE9\n\xE9\n"),
	"{row: {\xC3\xA9: '\xC3\xA9'}}"},
    {MEMBERS, TEXT("family,extra,note,number\nA,B,C,D\n"),
	"{member: {family: 'A', extra: 'B', note: 'C', number: 'D'}}"},
    {MEMBERS "header: no\n", TEXT("1,A,\n2,B,x\n"),
	"{member: {number: '1', family: 'A'}, member: {number: '2', family: 'B', "
	"note: 'x'}}"},
    {STREETS,
	TEXT("10,\"Parks\",2024-01-02\n11,\"I\",0100\n21,\"I\",1,2.00,\n"
	     "11,\"U\",7\n99,0,3\n"),
	"{header: {custodian: 'Parks', made: '2024-01-02'}, street: {change: 'I', "
	"usrn: '0100'}, blpu: {change: 'I', uprn: '1', x: '2.00'}, street: {change: "
	"'U', usrn: '7'}, trailer: {volume: '0', count: '3'}}"},
    {STREETS, TEXT("10,,\n99,0,0000\n"),
	"{header: {}, trailer: {volume: '0', count: '0000'}}"},
};

START_TEST(good_files_are_read)
{
	describe_as(good[_i].description);
	expect_tree(decode, good[_i].bytes, good[_i].length, 0, good[_i].expected);
}
END_TEST

START_TEST(values_know_their_place)
{
	describe_as(PLAIN "charset: windows-1252\n");
	expect_tree(decode, TEXT("a,b\n\"\x80\n\",2\n"), PLACES,
	    "{row: {a: '\xE2\x82\xAC\n'^2:1, b: '2'^3:3}^2:1}^1:1");
}
END_TEST

static const struct {
	const char *description;
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {PLAIN, TEXT(""), "PH3110", "1:1"},
    {PLAIN, TEXT("\n\n"), "PH3110", "3:1"},
    {PLAIN, TEXT("a\n\xE9\n"), "PH3004", "2:1"},
    {PLAIN "charset: windows-1252\n", TEXT("a\nx\x81\n"), "PH3100", "2:2"},
    {PLAIN "charset: windows-1252\n",
	TEXT("\xEF\xBB\xBF"
	     "a\n"),
	"PH3100", "1:1"},
    {PLAIN, TEXT("a\n\x01\n"), "PH3101", "2:1"},
    {PLAIN, TEXT("a\n\x0B\n"), "PH3101", "2:1"},
    {PLAIN, TEXT("a,b\n1,\"2\n"), "PH3102", "2:3"},
    {PLAIN, TEXT("a,b\n1,\"2\"3\n"), "PH3103", "2:6"},
    {PLAIN, TEXT("a,b\n1,2\"\n"), "PH3104", "2:4"},
    {PLAIN, TEXT("a,b\r1,2\r"), "PH3105", "1:4"},
    {PLAIN, TEXT("a,,b\n"), "PH3107", "1:3"},
    {PLAIN, TEXT("a,b,a\n"), "PH3107", "1:5"},
    {MEMBERS, TEXT("number;family;note\n"), "PH3108", "1:1"},
    {MEMBERS, TEXT("<html>\n"), "PH3108", "1:1"},
    {PLAIN, TEXT("a,b\n1,2\n1\n"), "PH3109", "3:1"},
    {PLAIN, TEXT("a,b\n1,2,3\n"), "PH3109", "2:5"},
    {STREETS, TEXT("10,a,b\n12,1,2\n99,0,1\n"), "PH3111", "2:1"},
    {STREETS, TEXT("11,\"I\",1\n99,0,1\n"), "PH3112", "1:1"},
    {STREETS, TEXT("10,a,b\n10,a,b\n99,0,0\n"), "PH3112", "2:1"},
    {STREETS, TEXT("10,a,b\n99,0,0\n11,\"I\",1\n"), "PH3112", "3:1"},
    {STREETS, TEXT("10,a,b\n11,\"I\",1\n"), "PH3112", "3:1"},
    {STREETS, TEXT("10,a,b\n11,\"I\",1\n99,0,2\n"), "PH3113", "3:6"},
    {STREETS, TEXT("10,a,b\n11,\"I\",1\n99,0,\n"), "PH3113", "3:1"},
    {STREETS, TEXT("10,a,b\n11,\"I\",1\n99,0,-1\n"), "PH3113", "3:6"},
    {STREETS, TEXT("10,a,b\n11,\"I\"\n99,0,1\n"), "PH3109", "2:1"},
    {STREETS, TEXT("10,a,b\n11\n99,0,1\n"), "PH3109", "2:1"},
    {STREETS, TEXT(""), "PH3110", "1:1"},
};

START_TEST(bad_files_are_refused)
{
	describe_as(bad[_i].description);
	expect_refusal(
	    decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(too_many_columns_are_refused)
{
	size_t length = 0;
	ph_buffer out;
	ph_buffer_init(&out, 0);
	for (int i = 0; i < 1025; i++)
		ph_buffer_printf(&out, "%sc%d", i == 0 ? "" : ",", i);
	describe_as(PLAIN);
	expect_refusal(decode, out.data, out.length, "PH3106", NULL);
	ph_buffer_fini(&out);
	char *wide = repeat("a\n", ",", 2000000, "", &length);
	expect_refusal(decode, wide, length, "PH3109", "2:2");
	free(wide);
}
END_TEST

START_TEST(large_files_cost_in_proportion)
{
	static const char *const bodies[] = {"1,2,3\n", ",,\n", "\n",
	    "\"\",\"\",\"\"\n", "\"a long text, with a comma\",,x\n", "\"\"\"", " \n"};
	describe_as(PLAIN);
	survive_large(
	    decode, "a,b,c\n", bodies, sizeof bodies / sizeof bodies[0], 4000000, "");
	describe_as(STREETS);
	static const char *const streets[] = {"11,\"I\",1\n"};
	survive_large(decode, "10,a,b\n", streets, 1, 4000000, "99,0,1\n");
}
END_TEST

START_TEST(damage_never_crashes)
{
	describe_as(MEMBERS);
	survive_damage(decode, TEXT("\xEF\xBB\xBFnumber,family,note\r\n1,\"a "
				    "\"\"b\"\", c\",\r\n2,\xC3\xA9,\"\"\n"));
	describe_as(STREETS "charset: windows-1252\n");
	survive_damage(
	    decode, TEXT("10,\"P\x80\",2024\n11,\"I\",0100\n\n21,,1,2.00,\n99,0,2\n"));
}
END_TEST

START_TEST(what_is_read_is_written)
{
	describe_as(PLAIN);
	expect_back("a,b\r\n\"x,y\",1\r\n1,\r\n,\"\"\r\n\"x,\"\"\n\",\" y\"\r\n");
	describe_as(STREETS "line-end: lf\n");
	expect_back(
	    "10,\"Parks\",2024-01-02\n11,\"I\",0100\n21,\"I\",1,2.00,\n99,0,2\n");
	describe_as(MEMBERS "charset: windows-1252\nquote: all\n");
	expect_written_as("note,family,number\n\x80,B,1\n", NULL,
	    "\"number\",\"family\",\"note\"\r\n\"1\",\"B\",\"\x80\"\r\n");
}
END_TEST

START_TEST(the_trailer_counts)
{
	describe_as(STREETS "line-end: lf\n");
	expect_written(FIELDS("header/custodian=P", "street/usrn=1", "+street/usrn=2"),
	    "10,\"P\",\n11,,1\n11,,2\n99,,2\n");
	expect_written(FIELDS("header/made=1", "trailer/volume=0", "trailer/count=77"),
	    "10,,1\n99,0,0\n");
	expect_unwritable(FIELDS("street/usrn=1"), "PH3112", "street");
	expect_unwritable(FIELDS("header/made=1", "trailer/volume=0", "street/usrn=1"),
	    "PH3112", "street");
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
	describe_as(MEMBERS "charset: iso-8859-1\n");
	expect_unwritable(
	    FIELDS("member/note=\xE2\x82\xAC"), "PH3150", "(at member/note)");
	expect_unwritable(FIELDS("member/age=1"), "PH3151", "member/age");
	expect_unwritable(FIELDS("person/note=1"), "PH3151", "person");
	expect_unwritable(FIELDS("member/note=\x01"), "PH3153", "member/note");
	expect_unwritable(FIELDS("member/note=1", "member/note=2"), "PH3152", "member");
	describe_as(MEMBERS "charset: iso-8859-1\nreplace: \"?\"\n");
	expect_written(FIELDS("member/note=\xE2\x82\xAC\xC3\xA9", "member/family=~"),
	    "number,family,note\r\n,,?\xE9\r\n");
	describe_as(MEMBERS);
	ph_document *d = new_document();
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(ph_records_encode(described,
			     ph_node_new(d, PH_NODE_LIST, NULL, 0), &out, &err),
	    PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3151", 6), 0);
	ph_document_destroy(&d);
	ph_buffer_fini(&out);
}
END_TEST

static const struct {
	const char *yaml;
	const char *code;
	const char *place;
} descriptions[] = {
    {"[a]\n", "PH3180", "d:1:1"},
    {"charset: utf-8\n", "PH3180", "d:1:1"},
    {"format: tsv\n", "PH3180", "d:1:9"},
    {"format: csv\ncharset: utf-16\n", "PH3181", "d:2:10"},
    {"format: csv\nreplace: \"\"\n", "PH3181", "d:2:10"},
    {"format: csv\nseparator: x\n", "PH3181", "d:2:12"},
    {"format: csv\nheader: no\n", "PH3182", "d:1:1"},
    {"format: csv\nfields: [a, a]\n", "PH3182", "d:2:13"},
    {"format: csv\nfields: {a: 1}\n", "PH3182", "d:2:1"},
    {"format: csv\nfields: []\n", "PH3182", "d:2:1"},
    {"format: record-csv\n", "PH3184", "d:1:1"},
    {"format: record-csv\nrecords: {a: b}\n", "PH3184", "d:2:14"},
    {"format: record-csv\nrecords: {a: {fields: [x]}, b: {name: a, fields: [x]}}\n",
	"PH3184", "d:2:29"},
    {"format: record-csv\nrecords: {a: {fields: [x]}}\nlast: b\n", "PH3185", "d:3:7"},
    {"format: record-csv\nrecords: {a: {fields: [x]}}\nlast: a\ncount: {field: y}\n",
	"PH3185", "d:4:1"},
    {"format: record-csv\nrecords: {a: {fields: [x]}}\ncount: {field: x}\n", "PH3185",
	"d:3:1"},
};

START_TEST(bad_descriptions_are_refused)
{
	expect_bad_description(
	    descriptions[_i].yaml, descriptions[_i].code, descriptions[_i].place);
}
END_TEST

static Suite *
csv_records_suite(void)
{
	Suite *suite = suite_create("csv_records");
	TCase *read = tcase_create("decode");
	tcase_add_checked_fixture(read, NULL, forget);
	LOOP(read, good_files_are_read, good);
	tcase_add_test(read, values_know_their_place);
	LOOP(read, bad_files_are_refused, bad);
	tcase_add_test(read, too_many_columns_are_refused);
	suite_add_tcase(suite, read);
	HOSTILE_CASE(
	    suite, forget, large_files_cost_in_proportion, damage_never_crashes);
	TCase *written = tcase_create("encode");
	tcase_add_checked_fixture(written, NULL, forget);
	tcase_add_test(written, what_is_read_is_written);
	tcase_add_test(written, the_trailer_counts);
	tcase_add_test(written, what_does_not_fit_is_refused);
	LOOP(written, bad_descriptions_are_refused, descriptions);
	suite_add_tcase(suite, written);
	return suite;
}

int
main(void)
{
	return ph_check_main(csv_records_suite());
}
