/* HL7 v2 messages. */
#include "tests/unit/records.h"

#define TEXT(literal) literal, sizeof(literal) - 1
#define LOOP(t, test, table)                                                           \
	tcase_add_loop_test(t, test, 0, sizeof table / sizeof table[0])

#define PLAIN "format: hl7\n"
#define NAMED                                                                          \
	"format: hl7\n"                                                                \
	"segments:\n"                                                                  \
	"  MSH: {9: {name: type, components: [code, event]}, 10: id}\n"                \
	"  PID:\n"                                                                     \
	"    3: {name: ids, components: {1: id, 5: kind}}\n"                           \
	"    5: {name: name, components: [family, given]}\n"                           \
	"    7: born\n"
#define MSH  "MSH|^~\\&|"
#define HEAD "MSH: {1: '|', 2: '^~\\&'}"

static const struct {
	const char *description;
	const char *bytes;
	size_t length;
	const char *expected;
} good[] = {
    {PLAIN, TEXT(MSH "\rPID|1|||\r"), "{" HEAD ", PID: {1: '1'}}"},
    {PLAIN, TEXT(MSH "\nEVN\nPID||2"), "{" HEAD ", EVN: {}, PID: {2: '2'}}"},
    {PLAIN, TEXT(MSH "\r\n\r\nZX1|007\r\n"), "{" HEAD ", ZX1: {1: '007'}}"},
    {PLAIN, TEXT("MSH|^~\\&"), "{" HEAD "}"},
    {PLAIN, TEXT("MSH#!*?%#\rPID#a!b*c%d#?F??S??R??T??E?\r"),
	"{MSH: {1: '#', 2: '!*?%'}, PID: {1: {+'a', 1: 'a', 2: 'b'}, 1: {+'c', 1: "
	"{+'c', 1: 'c', 2: 'd'}}, 2: '#!*%?'}}"},
    {PLAIN, TEXT("MSH|^~\\&#|A|B|||||ADT^A01\r"),
	"{MSH: {1: '|', 2: '^~\\&#', 3: 'A', 4: 'B', 9: {+'ADT', 1: 'ADT', 2: "
	"'A01'}}}"},
    {PLAIN, TEXT(MSH "\rPID|a~b~~\"\"|^x|&y^|\"\"|\"\"^\"\"&z\r"),
	"{" HEAD
	", PID: {1: 'a', 1: 'b', 1: '', 1: ~, 2: {2: 'x'}, 3: {1: {2: 'y'}}, 4: "
	"~, 5: {1: ~, 2: {1: ~, 2: 'z'}}}}"},
    {PLAIN, TEXT(MSH "\rNTE|a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\X41C3A9\\\\.br\\\r"),
	"{" HEAD ", NTE: {1: 'a|b^c&d~e\\fA\xC3\xA9\n'}}"},
    {PLAIN "charset: windows-1252\n", TEXT(MSH "\rNTE|\x80\\X80\\\r"),
	"{" HEAD ", NTE: {1: '\xE2\x82\xAC\xE2\x82\xAC'}}"},
    {PLAIN, TEXT(MSH "|||||||||||||||8859/1\rNTE|\xE9\r"),
	"{MSH: {1: '|', 2: '^~\\&', 18: '8859/1'}, NTE: {1: '\xC3\xA9'}}"},
    {PLAIN, TEXT("\r\n\r" MSH "|||||||||||||||8859/1\rNTE|\xE9\r"),
	"{MSH: {1: '|', 2: '^~\\&', 18: '8859/1'}, NTE: {1: '\xC3\xA9'}}"},
    {PLAIN, TEXT("\xEF\xBB\xBF\n" MSH "|||||||||||||||\"\"\rNTE|\xC3\xA9\r"),
	"{MSH: {1: '|', 2: '^~\\&', 18: ~}, NTE: {1: '\xC3\xA9'}}"},
    {NAMED,
	TEXT(MSH "||||||ADT^A03^ADT_A03|77|T\rPID|1||400^^^M^MR~999^^^NHS^NH||"
		 "O'NEIL^ANN||19800102\r"),
	"{MSH: {1: '|', 2: '^~\\&', type: {code: 'ADT', event: 'A03', 3: 'ADT_A03'}, "
	"id: '77', 11: 'T'}, PID: {1: '1', ids: {id: '400', 4: 'M', kind: 'MR'}, ids: "
	"{id: "
	"'999', 4: 'NHS', kind: 'NH'}, name: {family: 'O'NEIL', given: 'ANN'}, born: "
	"'19800102'}}"},
    {NAMED, TEXT(MSH "\rPID|||7||X|\r"),
	"{" HEAD ", PID: {ids: {id: '7'}, name: {family: 'X'}}}"},
};

START_TEST(good_messages_are_read)
{
	describe_as(good[_i].description);
	expect_tree(decode, good[_i].bytes, good[_i].length, 0, good[_i].expected);
}
END_TEST

START_TEST(the_line_is_the_segment)
{
	describe_as(PLAIN);
	expect_tree(decode, TEXT("MSH|^~\\&\rPID|a^b&c~d\r"), PLACES,
	    "{MSH: {1: '|'^1:4, 2: '^~\\&'^1:5}^1:1, PID: {1: {+'a', 1: 'a'^2:5, 2: "
	    "{+'b', 1: 'b'^2:7, 2: 'c'^2:9}^2:7}^2:5, 1: 'd'^2:11}^2:1}^1:1");
}
END_TEST

static const struct {
	const char *description;
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {PLAIN, TEXT(""), "PH3120", "1:1"},
    {PLAIN, TEXT("\r\n"), "PH3120", "2:1"},
    {PLAIN, TEXT("PID|1\r"), "PH3120", "1:1"},
    {PLAIN, TEXT("FHS|^~\\&\r"), "PH3120", "1:1"},
    {PLAIN, TEXT("MS"), "PH3120", "1:1"},
    {PLAIN, TEXT("MSH"), "PH3121", "1:4"},
    {PLAIN, TEXT("MSH|"), "PH3121", "1:4"},
    {PLAIN, TEXT("MSH|^~\\|"), "PH3121", "1:4"},
    {PLAIN, TEXT("MSH|^~\\&#!|"), "PH3121", "1:4"},
    {PLAIN, TEXT("MSH|^^\\&|"), "PH3121", "1:4"},
    {PLAIN, TEXT("MSHa^~\\&a"), "PH3121", "1:4"},
    {PLAIN, TEXT(MSH "\rPI|1\r"), "PH3122", "2:1"},
    {PLAIN, TEXT(MSH "\rPID1|1\r"), "PH3122", "2:1"},
    {PLAIN, TEXT(MSH "\rpid|1\r"), "PH3122", "2:1"},
    {PLAIN, TEXT(MSH "\rMSH|^~\\&|\r"), "PH3123", "2:1"},
    {PLAIN, TEXT(MSH "\rNTE|ab\\F\r"), "PH3124", "2:7"},
    {PLAIN, TEXT(MSH "\rNTE|ab\\Q\\\r"), "PH3124", "2:7"},
    {PLAIN, TEXT(MSH "\rNTE|\\\\\r"), "PH3124", "2:5"},
    {PLAIN, TEXT(MSH "\rNTE|\\X\\\r"), "PH3124", "2:5"},
    {PLAIN, TEXT(MSH "\rNTE|\\X4\\\r"), "PH3124", "2:5"},
    {PLAIN, TEXT(MSH "\rNTE|\\X00\\\r"), "PH3124", "2:5"},
    {PLAIN, TEXT(MSH "\rNTE|\\XE9\\\r"), "PH3124", "2:5"},
    {PLAIN, TEXT(MSH "|||||||||||||||UTF-7\r"), "PH3125", "1:25"},
    {PLAIN, TEXT("\x0B" MSH "\r\x1C\r"), "PH3101", "1:1"},
    {PLAIN, TEXT(MSH "\rNTE|\r\rNTE|\x1C\r"), "PH3101", "4:5"},
    {PLAIN, TEXT(MSH "\rNTE|\xE9\r"), "PH3004", "2:5"},
};

START_TEST(bad_messages_are_refused)
{
	describe_as(bad[_i].description);
	expect_refusal(
	    decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(large_messages_cost_in_proportion)
{
	static const char *const bodies[] = {"~", "\rPID|1", "\rPID", "a~", "\\F\\",
	    "\r", "\\X41\\", "\rOBX|1|ST|^^^x||a&b^c&d|||||F"};
	describe_as(NAMED);
	survive_large(decode, MSH "\rNTE|", bodies, sizeof bodies / sizeof bodies[0],
	    4000000, "\r");
	static const char *const many[] = {"|", "^", "&"};
	for (size_t i = 0; i < 3; i++) {
		size_t length = 0;
		char *text = repeat(MSH "\rNTE|x", many[i], 4000000, "y\r", &length);
		expect_refusal(decode, text, length, "PH3106", NULL);
		free(text);
	}
}
END_TEST

START_TEST(damage_never_crashes)
{
	describe_as(NAMED);
	survive_damage(decode,
	    TEXT(MSH "||||||ADT^A03|77|T\rPID|1||40^^^M^MR~9^\"\"^^N&1.2&I||O\\T\\N^A\n"
		     "NTE||\\X41C3A9\\\xC3\xA9\\.br\\\r"));
}
END_TEST

START_TEST(what_is_read_is_written)
{
	describe_as(PLAIN);
	expect_back(
	    MSH "A||||||ADT^A03\rPID|1||400^^^M^MR~999^^^NHS&1.2&ISO^NH|\"\"|O^\"\"\r"
		"NTE|a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\.br\\g\\X09\\\rEVN\r");
	expect_back("MSH#!*?%#A#b!c\rPID#?F?#a*b!c%d*\r");
	expect_back(MSH "|||||||||||||||8859/1\rNTE|\xE9\r");
	expect_back(MSH "|||||||||||||||\"\"\rNTE|\xC3\xA9\r");
	expect_written_as(
	    MSH "|||\nPID|a^|^|~|b&^||\n", NULL, "MSH|^~\\&\rPID|a||~|b\r");
	describe_as(NAMED);
	expect_back(MSH "||||||ADT^A03^X|77\rPID|||400^^^M^MR~999^^^^NH||X^Y|Z\r");
	expect_written_as(MSH "\rNTE|\xE2\x82\xAC\r", PLAIN "charset: windows-1252\n",
	    "MSH|^~\\&\rNTE|\x80\r");
}
END_TEST

START_TEST(members_go_to_their_numbers)
{
	describe_as(NAMED);
	expect_written(
	    FIELDS("MSH/id=7", "MSH/3=us", "PID/born=~", "PID/2=\"\"", "PID/1="),
	    "MSH|^~\\&|us|||||||7\rPID||\\X22\\\\X22\\|||||\"\"\r");
	expect_unwritable(FIELDS("PID/1=a"), "PH3155", "MSH");
	expect_unwritable(FIELDS("EVN/1=a", "MSH/3=a"), "PH3155", "EVN");
	expect_unwritable(FIELDS("MSH/3=a", "+MSH/3=a"), "PH3155", "MSH");
	expect_unwritable(FIELDS("MSH/2=^^^^"), "PH3155", "MSH");
	expect_unwritable(FIELDS("MSH/18=UTF-7"), "PH3155", "MSH");
	expect_unwritable(FIELDS("MSH/3=a", "pid/1=a"), "PH3151", "pid");
	expect_unwritable(FIELDS("MSH/3=a", "PID/age=a"), "PH3151", "PID/age");
	expect_unwritable(FIELDS("MSH/0=a"), "PH3151", "MSH/0");
	expect_unwritable(FIELDS("MSH/1025=a"), "PH3151", "MSH/1025");
	expect_unwritable(FIELDS("MSH/3=a", "MSH/4=b", "MSH/3=c"), "PH3152", "MSH/3");
	expect_unwritable(
	    FIELDS("MSH/18=8859/1", "NTE/1=\xE2\x82\xAC"), "PH3150", "NTE/1");
}
END_TEST

static const struct {
	const char *yaml;
	const char *code;
	const char *place;
} descriptions[] = {
    {"format: hl7\nsegments: [PID]\n", "PH3186", "d:2:1"},
    {"format: hl7\nsegments: {pid: {1: a}}\n", "PH3186", "d:2:12"},
    {"format: hl7\nsegments: {PID: {0: a}}\n", "PH3186", "d:2:21"},
    {"format: hl7\nsegments: {PID: {1025: a}}\n", "PH3186", "d:2:24"},
    {"format: hl7\nsegments: {PID: {x: a}}\n", "PH3186", "d:2:21"},
    {"format: hl7\nsegments: {PID: {1: 2}}\n", "PH3186", "d:2:21"},
    {"format: hl7\nsegments: {PID: {1: a, 2: a}}\n", "PH3182", "d:2:27"},
    {"format: hl7\nsegments: {PID: {1: {name: a, components: b}}}\n", "PH3186",
	"d:2:43"},
    {"format: hl7\nsegments: {PID: {1: {name: a, components: [b, b]}}}\n", "PH3182",
	"d:2:47"},
    {"format: hl7\nfields: [a]\n", "PH1", "d:2:1"},
};

START_TEST(bad_descriptions_are_refused)
{
	expect_bad_description(
	    descriptions[_i].yaml, descriptions[_i].code, descriptions[_i].place);
}
END_TEST

static Suite *
hl7_suite(void)
{
	Suite *suite = suite_create("hl7");
	TCase *read = tcase_create("decode");
	tcase_add_checked_fixture(read, NULL, forget);
	LOOP(read, good_messages_are_read, good);
	tcase_add_test(read, the_line_is_the_segment);
	LOOP(read, bad_messages_are_refused, bad);
	suite_add_tcase(suite, read);
	HOSTILE_CASE(
	    suite, forget, large_messages_cost_in_proportion, damage_never_crashes);
	TCase *written = tcase_create("encode");
	tcase_add_checked_fixture(written, NULL, forget);
	tcase_add_test(written, what_is_read_is_written);
	tcase_add_test(written, members_go_to_their_numbers);
	LOOP(written, bad_descriptions_are_refused, descriptions);
	suite_add_tcase(suite, written);
	return suite;
}

int
main(void)
{
	return ph_check_main(hl7_suite());
}
