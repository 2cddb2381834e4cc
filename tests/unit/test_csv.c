/*
 * CSV: rows as they were written, or the place where they are wrong.
 */
#include "lib/config/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/documents.h"

#define TEXT(s) (s), sizeof(s) - 1
#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static const struct {
	const char *bytes;
	size_t length;
	const char *expected;
} good[] = {
    {TEXT("a"), "[]"},
    {TEXT("a,b\n"), "[]"},
    {TEXT("a,b\n1,2\n"), "[{a: '1', b: '2'}]"},
    {TEXT("a,b\r\n1,2\r\n3,4"), "[{a: '1', b: '2'}, {a: '3', b: '4'}]"},
    {TEXT("\xEF\xBB\xBF"
	  "a,b\n1,2"),
	"[{a: '1', b: '2'}]"},
    {TEXT("a,b\n007,12:30\n"), "[{a: '007', b: '12:30'}]"},
    {TEXT("a,b\n,\n\"\",\"\"\n"), "[{a: '', b: ''}, {a: '', b: ''}]"},
    {TEXT("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n"), "[{a: 'x,y', b: 'say \"hi\"'}]"},
    {TEXT("a\n\"x\r\ny\nz\"\n"), "[{a: 'x\r\ny\nz'}]"},
    {TEXT("\n  \na,b\n\n1,2\n \t \r\n3,4\n\n"), "[{a: '1', b: '2'}, {a: '3', b: '4'}]"},
    {TEXT("a,b\n x , y \n"), "[{a: ' x ', b: ' y '}]"},
    {TEXT("a b,\"c,d\"\n1,2"), "[{a b: '1', c,d: '2'}]"},
    {TEXT("a\n\xC3\xA9\xF0\x9F\x98\x80\n"), "[{a: '\xC3\xA9\xF0\x9F\x98\x80'}]"},
    {TEXT("in,out\n*,x;y\n"), "[{in: '*', out: 'x;y'}]"},
    {TEXT("a,b\n\"1\",\"2\""), "[{a: '1', b: '2'}]"},
    {TEXT("a\n\"\"\"\"\n"), "[{a: '\"'}]"},
};

START_TEST(good_tables_are_read)
{
	expect_tree(
	    ph_csv_decode, good[_i].bytes, good[_i].length, 0, good[_i].expected);
}
END_TEST

START_TEST(values_know_their_place)
{
	expect_tree(ph_csv_decode, TEXT("a,b\r\n1,\"x\ny\"\n\n\xC3\xA9,2\n"), PLACES,
	    "[{a: '1'^2:1, b: 'x\ny'^2:3}^2:1, {a: '\xC3\xA9'^5:1, b: "
	    "'2'^5:4}^5:1]^0:0");
}
END_TEST

static const struct {
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {TEXT(""), "PH1126", "1:1"},
    {TEXT(" \n\n"), "PH1126", "1:1"},
    {TEXT("a,b\n1\n"), "PH1125", "2:1"},
    {TEXT("a,b\n1,2\n3,4,5\n"), "PH1123", "3:5"},
    {TEXT("a,b\n1,2,\n"), "PH1123", "2:5"},
    {TEXT("a,b,a\n"), "PH1122", "1:5"},
    {TEXT("a,\n"), "PH1121", "1:3"},
    {TEXT("a,,b\n"), "PH1121", "1:3"},
    {TEXT("a;b\n1;2\n"), "PH1124", "1:1"},
    {TEXT("a,b\n\"1,2\n"), "PH1110", "2:1"},
    {TEXT("a,b\n1,\""), "PH1110", "2:3"},
    {TEXT("a,b\n\"1\"x,2\n"), "PH1111", "2:4"},
    {TEXT("a,b\n\"1\" ,2\n"), "PH1111", "2:4"},
    {TEXT("a,b\n1\"2,3\n"), "PH1112", "2:2"},
    {TEXT("a,b\n \"1\",3\n"), "PH1112", "2:2"},
    {TEXT("a,b\r1,2\r"), "PH1113", "1:4"},
    {TEXT("a\n\"1\"\r2"), "PH1111", "2:4"},
    {TEXT("a\n\xE9\n"), "PH1103", "2:1"},
    {TEXT("a\n\xC0\xAF\n"), "PH1103", "2:1"},
    {TEXT("\xFF\xFE"
	  "a\0"),
	"PH1103", "1:1"},
    {TEXT("a\0\n\0"), "PH1104", "1:2"},
    {TEXT("a\nx\0y\n"), "PH1104", "2:2"},
    {TEXT("a\nx\x1Fy\n"), "PH1104", "2:2"},
};

START_TEST(bad_tables_are_refused)
{
	expect_refusal(
	    ph_csv_decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(columns_end_at_256)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	for (int i = 0; i < 256; i++)
		ph_buffer_printf(&out, "%sc%d", i == 0 ? "" : ",", i);
	ph_document *d = new_document();
	ck_assert_int_eq(ph_csv_decode(d, out.data, out.length, NULL), PH_OK);
	ph_document_destroy(&d);
	ph_buffer_text(&out, ",more");
	expect_refusal(ph_csv_decode, out.data, out.length, "PH1120", NULL);
	ph_buffer_fini(&out);
}
END_TEST

START_TEST(large_tables_cost_in_proportion)
{
	static const char *const bodies[] = {
	    "1\n", "\n", "\"x\"\n", "\"\"", ",", "\"", "x", "a value of some length\n"};
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		size_t length = 0;
		char *text = repeat("a\n", bodies[i], 8000000, "", &length);
		ph_document *d = new_document();
		ph_status status = decode_exact(ph_csv_decode, d, text, length, NULL);
		ck_assert(status == PH_OK || status == PH_ERR_INVALID ||
			  status == PH_ERR_TOO_LARGE);
		ph_document_destroy(&d);
		free(text);
	}
	size_t length = 0;
	char *text = repeat("a\n", "x\n", 8u << 20, "x\n", &length);
	ph_document *d = new_document();
	ck_assert_int_eq(ph_csv_decode(d, text, length, NULL), PH_ERR_TOO_LARGE);
	ph_document_destroy(&d);
	free(text);
}
END_TEST

START_TEST(damage_never_crashes)
{
	survive_damage(
	    ph_csv_decode, TEXT("in,out,\"no te\"\r\n1,\"2,\"\"x\",\xC3\xA9\n\n*,,z"));
}
END_TEST

START_TEST(a_small_document_limit_is_kept)
{
	for (size_t limit = 16; limit < 1600; limit += 16) {
		ph_document *d = NULL;
		ph_error err = {0};
		if (ph_document_new("t", limit, &d, NULL) != PH_OK)
			continue;
		ph_status status = ph_csv_decode(d, TEXT("a,b\n1,2\n3,4\n"), &err);
		ck_assert(status == PH_OK || status == PH_ERR_TOO_LARGE);
		ck_assert(status == PH_OK || strncmp(err.text, "PH1102", 6) == 0);
		ph_document_destroy(&d);
	}
}
END_TEST

START_TEST(files_are_loaded)
{
	char path[] = "/tmp/ph-csv-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "a,b\n1,2\n3\n", 10), 10);
	ph_document *d = NULL;
	ph_error err = {0};
	char where[64];
	ck_assert_int_eq(ph_csv_load(path, &d, &err), PH_ERR_INVALID);
	snprintf(where, sizeof where, "%s:3:1", path);
	ck_assert_str_eq(err.where, where);
	ck_assert_int_eq(ftruncate(fd, 8), 0);
	ck_assert_int_eq(ph_csv_load(path, &d, &err), PH_OK);
	ck_assert_str_eq(ph_node_find(ph_document_root(d), "0/b")->text, "2");
	ph_document_destroy(&d);
	ck_assert_int_eq(close(fd), 0);
	unlink(path);
	ck_assert_int_ne(ph_csv_load(path, &d, &err), PH_OK);
}
END_TEST

static Suite *
csv_suite(void)
{
	Suite *suite = suite_create("csv");
	TCase *tcase = tcase_create("decode");
	LOOP(tcase, good_tables_are_read, good);
	tcase_add_test(tcase, values_know_their_place);
	LOOP(tcase, bad_tables_are_refused, bad);
	tcase_add_test(tcase, columns_end_at_256);
	tcase_add_test(tcase, large_tables_cost_in_proportion);
	tcase_add_test(tcase, damage_never_crashes);
	tcase_add_test(tcase, a_small_document_limit_is_kept);
	tcase_add_test(tcase, files_are_loaded);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(csv_suite());
}
