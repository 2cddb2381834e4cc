/* Rows that together make one record, read and written. */
#include "lib/codec/codec.h"
#include "tests/unit/records.h"

#define LOOP(t, test, table)                                                           \
	tcase_add_loop_test(t, test, 0, sizeof table / sizeof table[0])

#define ROUNDS                                                                         \
	"format: csv\nline-end: lf\nrow: call\nfields: [round, day, crew, uprn, "      \
	"bin]\n"
#define BY_ROUND ROUNDS "gather: {record: plan, by: [round, day], with: [crew]}\n"
#define TYPES                                                                          \
	"format: record-csv\nline-end: lf\n"                                           \
	"records:\n"                                                                   \
	"  \"21\": {name: property, fields: [uprn], gather: [address, note]}\n"        \
	"  \"24\": {name: address, fields: [town, code]}\n"                            \
	"  \"29\": {name: note, fields: [text]}\n"                                     \
	"  \"30\": {name: other, fields: [text], gather: [note]}\n"                    \
	"  \"99\": {name: trailer, fields: [count]}\n"                                 \
	"last: trailer\ncount: {field: count, except: [trailer]}\n"
#define LINES                                                                          \
	"format: fixed\nline-end: lf\nrow: item\n"                                     \
	"fields: {order: {at: 1-3, align: right, pad: \"0\"}, what: 4-40}\n"           \
	"gather: {record: order, by: [order]}\n"

static const struct {
	const char *description, *bytes, *expected;
} good[] = {
    {BY_ROUND, "round,day,crew,uprn,bin\n1,Mo,A,10,x\n1,Mo,A,11,y\n1,Tu,B,10,x\n",
	"{plan: {round: '1', day: 'Mo', crew: 'A', call: {uprn: '10', bin: 'x'}, call: "
	"{uprn: '11', bin: 'y'}}, plan: {round: '1', day: 'Tu', crew: 'B', call: "
	"{uprn: "
	"'10', bin: 'x'}}}"},
    /* the key comes again: another record; a row without fields of its own */
    {BY_ROUND,
	"uprn,extra,bin,crew,day,round\n1,z,,,Mo,2\n,,,,Mo,3\n1,,,,Mo,2\n1,,,,Mo,2\n",
	"{plan: {day: 'Mo', round: '2', call: {uprn: '1', extra: 'z'}}, plan: {day: "
	"'Mo', round: '3'}, plan: {day: 'Mo', round: '2', call: {uprn: '1'}, call: "
	"{uprn: '1'}}}"},
    {TYPES, "21,1\n24,a,b\n29,x\n24,c,d\n21,2\n30,o\n29,y\n99,7\n",
	"{property: {uprn: '1', address: {town: 'a', code: 'b'}, note: {text: 'x'}, "
	"address: {town: 'c', code: 'd'}}, property: {uprn: '2'}, other: {text: 'o', "
	"note: {text: 'y'}}, trailer: {count: '7'}}"},
    {LINES, "007bolt\n007nut\n008tin\n",
	"{order: {order: '7', item: {what: 'bolt'}, item: {what: 'nut'}}, order: "
	"{order: "
	"'8', item: {what: 'tin'}}}"},
};

START_TEST(rows_are_gathered)
{
	describe_as(good[_i].description);
	expect_tree(
	    decode, good[_i].bytes, strlen(good[_i].bytes), 0, good[_i].expected);
}
END_TEST

static const struct {
	const char *description, *bytes, *code, *place;
} bad[] = {
    {BY_ROUND, "round,day,crew,uprn,bin\n1,Mo,A,10,x\n1,Mo,B,11,y\n", "PH3119", ":3:1"},
    {BY_ROUND, "round,day,crew,uprn,bin\n1,Mo,A,10,x\n1,Mo,,11,y\n", "PH3119", ":3:1"},
    {BY_ROUND, "round,day,crew,uprn,bin\n1,Mo,A,10,x\n,,A,11,y\n", "PH3118", ":3:1"},
    {TYPES, "24,a,b\n99,1\n", "PH3118", ":1:1"},
    {TYPES, "30,o\n24,a,b\n99,2\n", "PH3118", ":2:1"},
};

START_TEST(what_does_not_go_together_is_refused)
{
	describe_as(bad[_i].description);
	ph_document *d = new_document();
	ph_error err = {0};
	ck_assert_int_eq(
	    decode(d, bad[_i].bytes, strlen(bad[_i].bytes), &err), PH_ERR_INVALID);
	ck_assert_msg(strncmp(err.text, bad[_i].code, 6) == 0, "%s", err.text);
	ck_assert_msg(strstr(err.where, bad[_i].place) != NULL, "%s", err.where);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(a_record_takes_ten_thousand_rows)
{
	describe_as(LINES);
	ph_buffer rows;
	ph_buffer_init(&rows, 0);
	for (int i = 0; i < 10001; i++)
		ph_buffer_text(&rows, "007a bolt, and a nut to go with it\n");
	for (size_t over = 0; over <= 1; over++) {
		ph_document *d = new_document();
		ph_error err = {0};
		ph_status status =
		    decode(d, rows.data, rows.length - (over == 0 ? 35 : 0), &err);
		ck_assert_int_eq(status, over == 0 ? PH_OK : PH_ERR_TOO_LARGE);
		if (over == 1) {
			ck_assert_msg(
			    strncmp(err.text, "PH3117", 6) == 0, "%s", err.text);
			ck_assert_msg(
			    strstr(err.where, ":10001:1") != NULL, "%s", err.where);
		}
		ph_document_destroy(&d);
	}
	ph_buffer_fini(&rows);
}
END_TEST

START_TEST(what_is_read_is_written)
{
	describe_as(BY_ROUND);
	expect_back("round,day,crew,uprn,bin\n1,Mo,A,10,x\n1,Mo,A,11,y\n1,Tu,,10,\"\"\n"
		    "2,Tu,,,\n");
	describe_as(TYPES);
	expect_back("21,1\n24,a,b\n29,x\n24,c,d\n21,2\n30,o\n29,y\n99,7\n");
	expect_back("21,\n29,\n24,,\n99,3\n");
	describe_as(LINES);
	expect_back("007bolt                                 \n007nut                  "
		    "                \n"
		    "008tin                                  \n");
}
END_TEST

static const struct {
	const char *description, *json, *code, *path;
} unwritable[] = {
    {BY_ROUND, "{\"call\":{\"uprn\":\"1\"}}", "PH3151", "call"},
    {BY_ROUND, "{\"plan\":{\"crew\":\"A\"}}", "PH3158", "plan"},
    {BY_ROUND, "{\"plan\":{\"round\":\"1\",\"uprn\":\"1\"}}", "PH3158", "plan/uprn"},
    {BY_ROUND, "{\"plan\":{\"round\":\"1\",\"call\":{\"crew\":\"1\"}}}", "PH3158",
	"plan/call/crew"},
    {BY_ROUND, "{\"plan\":{\"round\":\"1\",\"call\":[{\"crew\":\"1\"}]}}", "PH3158",
	"crew"},
    {BY_ROUND, "{\"plan\":{\"round\":\"1\",\"call\":{\"x\":\"1\"}}}", "PH3151",
	"plan/call/x"},
    {TYPES, "{\"note\":{\"text\":\"1\"}}", "PH3158", "note"},
    {TYPES, "{\"other\":{\"address\":{\"town\":\"1\"}}}", "PH3158", "other/address"},
    {TYPES, "{\"other\":{\"text\":{\"town\":\"1\"}}}", "PH3152", "other/text"},
};

START_TEST(what_does_not_fit_is_refused)
{
	describe_as(unwritable[_i].description);
	const char *json = unwritable[_i].json;
	ph_document *d = new_document();
	ph_error err = {0};
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(ph_json_decode(d, json, strlen(json), &err), PH_OK);
	ck_assert_int_eq(ph_records_encode(described, ph_document_root(d), &out, &err),
	    PH_ERR_INVALID);
	ck_assert_msg(
	    strncmp(err.text, unwritable[_i].code, 6) == 0, "%s: %s", json, err.text);
	ck_assert_msg(strstr(err.text, unwritable[_i].path) != NULL, "%s", err.text);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

/* Rows in a list are rows; of an empty one nothing is left but the record. */
START_TEST(lists_of_rows_are_written)
{
	static const char *const lists[][2] = {
	    {"[{\"uprn\":\"1\"},{\"uprn\":\"2\"}]", "1,Mo,,1,\n1,Mo,,2,\n"},
	    {"[]", "1,Mo,,,\n"}};
	describe_as(BY_ROUND);
	for (size_t i = 0; i < 2; i++) {
		char json[200], expected[200];
		ph_document *d = new_document();
		ph_error err = {0};
		ph_buffer out;
		ph_buffer_init(&out, 0);
		snprintf(json, sizeof json,
		    "{\"plan\":{\"round\":\"1\",\"day\":\"Mo\",\"call\":%s}}",
		    lists[i][0]);
		snprintf(expected, sizeof expected, "round,day,crew,uprn,bin\n%s",
		    lists[i][1]);
		ck_assert_int_eq(ph_json_decode(d, json, strlen(json), &err), PH_OK);
		ck_assert_msg(ph_records_encode(
				  described, ph_document_root(d), &out, &err) == PH_OK,
		    "%s", err.text);
		ck_assert_str_eq(ph_buffer_cstr(&out), expected);
		ph_buffer_fini(&out);
		ph_document_destroy(&d);
	}
}
END_TEST

#define GATHER(text) ROUNDS "gather: " text "\n"
#define TYPE(text)                                                                     \
	"format: record-csv\nrecords:\n  \"1\": {name: a, fields: [x]" text "}\n"      \
	"  \"2\": {name: b, fields: [y]}\n  \"3\": {name: x, fields: [y]}\n"           \
	"last: x\n"

static const struct {
	const char *yaml, *code, *place;
} descriptions[] = {
    {GATHER("[round]"), "PH3187", "d:5:1"},
    {GATHER("{record: plan}"), "PH3187", "d:5:1"},
    {GATHER("{record: call, by: [round]}"), "PH3187", "d:5:1"},
    {GATHER("{by: [round]}"), "PH3187", "d:5:1"},
    {GATHER("{record: plan, by: [nothing]}"), "PH3187", "d:5:29"},
    {GATHER("{record: plan, by: [round], with: [round]}"), "PH3187", "d:5:44"},
    {GATHER("{record: plan, by: round}"), "PH3187", "d:5:28"},
    {"format: csv\ngather: {record: plan, by: [x]}\n", "PH3187", "d:2:1"},
    {TYPE(", gather: [c]"), "PH3187", "d:3:40"},
    {TYPE(", gather: [a]"), "PH3187", "d:3:40"},
    {TYPE(", gather: [x]"), "PH3187", "d:3:40"},
    {TYPE(", gather: b"), "PH3187", "d:3:39"},
};

START_TEST(bad_descriptions_are_refused)
{
	expect_bad_description(
	    descriptions[_i].yaml, descriptions[_i].code, descriptions[_i].place);
}
END_TEST

static const struct {
	const char *description, *a, *b, *c;
	ph_records_known known;
} fields[] = {
    {BY_ROUND, "plan", "crew", NULL, PH_RECORDS_NAMED},
    {BY_ROUND, "plan", "uprn", NULL, PH_RECORDS_UNKNOWN},
    {BY_ROUND, "plan", "call", "uprn", PH_RECORDS_NAMED},
    {BY_ROUND, "plan", "call", "crew", PH_RECORDS_UNKNOWN},
    {BY_ROUND, "call", "uprn", NULL, PH_RECORDS_UNKNOWN},
    {TYPES, "property", "uprn", NULL, PH_RECORDS_NAMED},
    {TYPES, "property", "address", "town", PH_RECORDS_NAMED},
    {TYPES, "property", "address", "text", PH_RECORDS_UNKNOWN},
    {TYPES, "other", "address", "town", PH_RECORDS_UNKNOWN},
    {TYPES, "address", "town", NULL, PH_RECORDS_UNKNOWN},
};

START_TEST(fields_are_known_by_their_way)
{
	size_t width = 0;
	const char *const way[] = {fields[_i].a, fields[_i].b, fields[_i].c};
	describe_as(fields[_i].description);
	ck_assert_int_eq(
	    ph_records_find(described, way, way[2] == NULL ? 2 : 3, &width),
	    fields[_i].known);
}
END_TEST

static Suite *
gather_suite(void)
{
	Suite *suite = suite_create("gather");
	TCase *all = tcase_create("gather");
	tcase_add_checked_fixture(all, NULL, forget);
	LOOP(all, rows_are_gathered, good);
	LOOP(all, what_does_not_go_together_is_refused, bad);
	tcase_add_test(all, a_record_takes_ten_thousand_rows);
	tcase_add_test(all, what_is_read_is_written);
	LOOP(all, what_does_not_fit_is_refused, unwritable);
	tcase_add_test(all, lists_of_rows_are_written);
	LOOP(all, bad_descriptions_are_refused, descriptions);
	LOOP(all, fields_are_known_by_their_way, fields);
	suite_add_tcase(suite, all);
	return suite;
}

int
main(void)
{
	return ph_check_main(gather_suite());
}
