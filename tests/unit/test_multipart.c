/*
 * Parts of a form, and related ones: read, written, and hostile.
 */
#include "lib/codec/multipart.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/codec.h"
#include "tests/unit/documents.h"

#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))
#define FORM(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"
#define FILE_PART(name, file)                                                          \
	"Content-Disposition: form-data; name=\"" name "\"; filename=\"" file "\"\r\n"

static const struct {
	const char *text;
	const char *tree;
} good[] = {
    {"--b\r\n" FORM("a") "\r\none\r\n--b--\r\n", "{a: 'one'}"},
    {"--b\r\n" FORM("a") "\r\n\r\n--b--\r\n", "{a: ''}"},
    {"--b\r\n" FORM("a") "\r\n--b--\r\n", "{a: ''}"},
    {"--b\r\n" FORM("a") "\r\none\r\ntwo\r\n\r\n--b\r\n" FORM("b") "\r\n2\r\n--b--",
	"{a: 'one\r\ntwo\r\n', b: '2'}"},
    /* repeated names, a preamble, blanks behind a boundary, an epilogue */
    {"What is this?\r\n\r\n--b \t\r\n" FORM("a") "\r\n1\r\n--b  \r\n" FORM(
	 "a") "\r\n2\r\n--b-- \r\nthe end\r\n--b\r\nnot read",
	"{a: '1', a: '2'}"},
    /* lines that end with LF */
    {"--b\nContent-Disposition: form-data; name=a\n\none\r\n--b--\n", "{a: 'one\r'}"},
    /* the boundary in data: longer words, in a line, without a line's end before */
    {"--b\r\n" FORM("a") "\r\n--bc\r\n x--b\r\n--b-\r\n--b--x\r\n--b--\r\n",
	"{a: '--bc\r\n x--b\r\n--b-\r\n--b--x'}"},
    /* names: case, order and folds of headers, quoted pairs, a token */
    {"--b\r\ncontent-disposition:\r\n\tform-data;\r\n NAME=\"a\\\"b\\\\c;d=\\e\" ; "
     "x=1\r\n"
     "X-Other: name=\"no\"\r\n\r\n1\r\n--b--",
	"{a\"b\\c;d=\\e: '1'}"},
    {"--b\r\nContent-Disposition: form-data; filenames=x; name=tok en "
     "\r\n\r\n1\r\n--b--",
	"{tok en: '1'}"},
    {"--b\r\n" FORM(
	 "\xC3\xA9") "Content-Type: text/plain; charset=\"ISO-8859-1\"\r\n\r\n"
		     "\xE9\r\n--b--",
	"{\xC3\xA9: '\xC3\xA9'}"},
    /* files stay where they are */
    {"--b\r\n" FORM("a") "\r\n1\r\n--b\r\n" FILE_PART(
	 "f", "C:\\x\\y.jpg") "Content-Type: image/jpeg\r\n\r\n\xFF\xD8\x01\r\n--b--",
	"{a: '1', f: {filename: 'y.jpg', type: 'image/jpeg', size: '3', part: "
	"'part:2'}}"},
    {"--b\r\n" FILE_PART("f", "../../etc/passwd") "\r\nx\r\n--b--",
	"{f: {filename: 'passwd', size: '1', part: 'part:1'}}"},
    {"--b\r\n" FILE_PART("f", "") "Content-Type: text/plain\r\n\r\n\r\n--b--",
	"{f: {filename: '', type: 'text/plain', size: '0', part: 'part:1'}}"},
    {"--b\r\nContent-Disposition: form-data; name=f; filename=\"x\"; "
     "filename*=UTF-8'en'na%C3%AFve%2Ftxt%zz\r\n\r\n1\r\n--b--",
	"{f: {filename: 'txt%zz', size: '1', part: 'part:1'}}"},
    {"--b\r\n" FORM("f") "Content-Type: application/pdf\r\n"
			 "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--",
	"{f: {type: 'application/pdf', encoding: 'base64', size: '4', part: "
	"'part:1'}}"},
    {"--b\r\n" FORM("f") "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1"
			 "\r\n--c--\r\n--b--",
	"{f: {type: 'multipart/mixed; boundary=c', size: '15', part: 'part:1'}}"},
    /* documents are read */
    {"--b\r\n" FORM("j") "Content-Type: application/json\r\n\r\n{\"x\": [1, null]}\r\n"
			 "--b\r\n" FORM("k") "Content-Type: application/vnd.case+json; "
					     "v=1\r\n\r\n\"s\"\r\n--b--",
	"{j: {x: [#1, ~]}, k: 's'}"},
    {"--b\r\nContent-ID: <root@x>\r\nContent-Type: application/xop+xml; "
     "type=\"text/xml\"\r\n\r\n"
     "<a xmlns='urn:a'><b c='1'/></a>\r\n--b\r\nContent-ID: <p>\r\nContent-Type: "
     "image/png"
     "\r\n\r\n.\r\n--b\r\n\r\nrest\r\n--b--",
	"{root@x: {a: {b: {+'', @c: '1'}}}, p: {type: 'image/png', id: 'p', size: '1', "
	"part: 'part:2'}, part: 'rest'}"},
};

START_TEST(parts_are_read)
{
	expect_tree(ph_multipart_decode, good[_i].text, strlen(good[_i].text), 0,
	    good[_i].tree);
}
END_TEST

static const struct {
	const char *text;
	const char *code;
	const char *place;
} bad[] = {
    {"", "PH3501", "1:1"},
    {"a=1&b=2", "PH3501", NULL},
    {"--b", "PH3501", "1:3"},
    {"--\r\n", "PH3501", "1:3"},
    {"--b\x01\r\n", "PH3501", "1:4"},
    {"--<b>\r\n", "PH3501", "1:3"},
    {"--1234567890123456789012345678901234567890123456789012345678901234567890x\r\n",
	"PH3501", "1:3"},
    {"--b\r\n", "PH3502", "2:1"},
    {"--b\r\n" FORM("a"), "PH3502", "2:1"},
    {"--b\r\nno header\r\n\r\n1\r\n--b--", "PH3502", "2:1"},
    {"--b\r\n" FORM("a") "\r\none", "PH3504", "4:4"},
    {"--b\r\n" FORM("a") "\r\none\r\n--b", "PH3502", NULL},
    {"--b\r\n" FORM("a") "\r\none\r\n--b-", "PH3504", NULL},
    {"--b\r\n" FORM("a") "\r\none\n--b--\n", "PH3504", NULL},
    {"--b--\r\n", "PH3502", NULL},
    {"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", "PH3505", "2:1"},
    {"--b\r\nContent-Disposition: form-data; name\r\n\r\n1\r\n--b--", "PH3505", "2:1"},
    {"--b\r\n" FORM("a") "Content-Type: text/plain; charset=utf-16\r\n\r\n1\r\n--b--",
	"PH3506", "2:1"},
    {"--b\r\n" FORM("a") "\r\nx\xFF\r\n--b--", "PH3004", "4:2"},
    {"--b\r\n" FORM("\xFF") "\r\nx\r\n--b--", "PH3004", NULL},
    {"--b\r\n" FILE_PART("a", "\xFF") "\r\nx\r\n--b--", "PH3004", NULL},
    {"--b\r\n" FORM("a") "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--",
	"PH3507", "2:1"},
    {"--b\r\n" FORM("a") "Content-Type: application/json\r\n\r\n{\"a\":\r\n--b--",
	"PH3010", NULL},
    {"--b\r\n" FORM("a") "Content-Type: text/xml\r\n\r\n<!DOCTYPE a><a/>\r\n--b--",
	"PH3021", NULL},
};

START_TEST(what_is_no_parts_is_refused)
{
	expect_refusal(ph_multipart_decode, bad[_i].text, strlen(bad[_i].text),
	    bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(an_error_in_a_part_tells_which)
{
	static const char text[] = "--b\r\n" FORM("a") "\r\n1\r\n--b\r\n" FORM(
	    "j") "Content-Type: application/json\r\n\r\n{\"a\":1,\n\"a\":zq}\r\n--b--";
	ph_document *d = new_document();
	ph_error err = {0};
	ck_assert_int_eq(
	    ph_multipart_decode(d, text, strlen(text), &err), PH_ERR_INVALID);
	ck_assert_str_eq(err.where, "t, part 2:2:5");
	ck_assert_ptr_null(strstr(err.text, "zq"));
	ph_document_destroy(&d);
}
END_TEST

START_TEST(limits_are_kept)
{
	size_t length = 0;
	/* a thousand parts, and one more */
	for (int more = 0; more < 2; more++) {
		ph_buffer text;
		ph_buffer_init(&text, 0);
		for (int i = 0; i < 1000 + more; i++)
			ph_buffer_text(&text, "--b\r\n" FORM("a") "\r\n1\r\n");
		ph_buffer_text(&text, "--b--");
		ph_document *d = new_document();
		ph_error err = {0};
		ph_status status = ph_multipart_decode(d, text.data, text.length, &err);
		ck_assert_int_eq(status, more ? PH_ERR_TOO_LARGE : PH_OK);
		ck_assert_int_eq(more != 0, strncmp(err.text, "PH3503", 6) == 0);
		ph_document_destroy(&d);
		ph_buffer_fini(&text);
	}
	/* headers: 16 KiB, in one line, many, or without an end */
	char *text = repeat(
	    "--b\r\n" FORM("a") "X: ", "x", 17000, "\r\n\r\n1\r\n--b--", &length);
	expect_refusal(ph_multipart_decode, text, length, "PH3503", "2:1");
	free(text);
	text =
	    repeat("--b\r\n" FORM("a"), "X: x\r\n", 17000, "\r\n1\r\n--b--", &length);
	expect_refusal(ph_multipart_decode, text, length, "PH3503", "2:1");
	free(text);
	text = repeat("--b\r\n" FORM("a") "X: ", "x", 17000, "", &length);
	expect_refusal(ph_multipart_decode, text, length, "PH3503", "2:1");
	free(text);
	/* names */
	text = repeat("--b\r\nContent-Disposition: form-data; name=", "x", 1100,
	    "\r\n\r\n1\r\n--b--", &length);
	expect_refusal(ph_multipart_decode, text, length, "PH3505", "2:1");
	free(text);
	text = repeat(
	    "--b\r\n" FILE_PART("f", "x") "\r\n", "x", 8 << 20, "\r\n--b--", &length);
	expect_refusal(ph_multipart_decode, text, length, "PH3001", "1:1");
	free(text);
}
END_TEST

/* Near misses of the boundary cost no more than other data. */
START_TEST(near_boundaries_are_data)
{
	static const char *const pieces[] = {"\r\n--bb", "\r\n--b-", "\r\n--b \t \t x",
	    "\r\n--", "\r\n", "--b", "\r\r\r"};
	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		size_t length = 0;
		char *text = repeat("--b\r\n" FILE_PART("f", "x") "\r\n", pieces[i],
		    4 << 20, "\r\n--b--\r\n", &length);
		ph_document *d = new_document();
		ck_assert_int_eq(ph_multipart_decode(d, text, length, NULL), PH_OK);
		ck_assert_uint_le(ph_arena_used(ph_document_arena(d)), 1 << 20);
		ph_document_destroy(&d);
		free(text);
	}
}
END_TEST

START_TEST(damage_never_crashes)
{
	static const char text[] =
	    "p\r\n--b\r\n" FORM("a") "\r\n1\r\n--b\r\n" FILE_PART(
		"f", "x\\\"y") "Content-Type: a/b;\r\n "
			       "c=\"d\"\r\n\r\n\r\n--b\r\n" FORM("j") "Content-Type:"
								      " application/"
								      "json\r\n\r\n["
								      "1]\r\n--"
								      "b\r\nContent-"
								      "ID: <x>\r\n"
								      "Content-Type:"
								      " text/"
								      "xml\r\n\r\n<"
								      "a/"
								      ">\r\n--b--"
								      "\r\n";
	survive_damage(ph_multipart_decode, text, strlen(text));
}
END_TEST

START_TEST(a_reference_leads_to_its_bytes)
{
	static const char text[] = "--b\r\n" FORM("a") "\r\n1\r\n--b\r\n" FILE_PART(
	    "f", "x") "\r\n\0\r\n!\r\n--b--";
	static const char *const none[] = {"part:3", "part:0", "part:", "part:-2",
	    "part:2x", "part:+2", "part: 2", "2", ""};
	const void *part = NULL;
	size_t length = 0;
	ck_assert_int_eq(
	    ph_multipart_part(text, sizeof text - 1, "part:2", &part, &length, NULL),
	    PH_OK);
	ck_assert_uint_eq(length, 4);
	ck_assert_int_eq(memcmp(part, "\0\r\n!", 4), 0);
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		ck_assert_int_eq(ph_multipart_part(text, sizeof text - 1, none[i],
				     &part, &length, NULL),
		    PH_ERR_NOT_FOUND);
	ck_assert_int_eq(
	    ph_multipart_part("x", 1, "part:1", &part, &length, NULL), PH_ERR_INVALID);
}
END_TEST

/* ---- writing ---- */

static bool
find_part(void *self, const char *reference, const void **bytes, size_t *length)
{
	(void) self;
	*bytes = "\xFF\r\n\0";
	*length = 4;
	return strcmp(reference, "part:1") == 0;
}

static ph_status
write_json(const char *json, unsigned flags, ph_multipart_find *find, char *boundary,
    ph_buffer *out, ph_error *err)
{
	ph_document *d = new_document();
	ck_assert_int_eq(ph_json_decode(d, json, strlen(json), NULL), PH_OK);
	memset(err, 0, sizeof *err);
	ph_status status = ph_multipart_encode(
	    ph_document_root(d), flags, find, NULL, boundary, out, err);
	ph_document_destroy(&d);
	return status;
}

static const struct {
	const char *json;
	unsigned flags;
	const char *tree; /* as it is read again */
	const char *part; /* somewhere in the text */
} forms[] = {
    {"{\"a\": \"one\", \"n\": 1.50, \"t\": true, \"z\": null, \"l\": [\"x\", \"y\"]}",
	0, "{a: 'one', n: '1.50', t: 'true', l: 'x', l: 'y'}",
	FORM("a") "Content-Type: text/plain; charset=utf-8\r\n\r\none\r\n--part-"},
    {"{\"a\\\"b\\\\\": \"\\u00e9\\r\\n--part-\"}", 0, "{a\"b\\: '\xC3\xA9\r\n--part-'}",
	"name=\"a\\\"b\\\\\"\r\n"},
    {"{\"a\\r\\nX: y\": \"1\"}", 0, "{a%0D%0AX: y: '1'}", "name=\"a%0D%0AX: y\"\r\n"},
    {"{\"o\": {\"x\": 1}}", 0, "{o: {x: #1}}",
	"Content-Type: application/json\r\n\r\n"},
    {"{\"f\": {\"filename\": \"a;\\\"b.csv\", \"type\": \"text/csv\", \"content\": "
     "\"1,2\"}}",
	0, "{f: {filename: 'a;\"b.csv', type: 'text/csv', size: '3', part: 'part:1'}}",
	"; filename=\"a;\\\"b.csv\"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n--"},
    {"{\"f\": {\"filename\": \"a.jpg\", \"type\": \"image/jpeg\", \"part\": "
     "\"part:1\"}}",
	0, "{f: {filename: 'a.jpg', type: 'image/jpeg', size: '4', part: 'part:1'}}",
	"Content-Type: image/jpeg\r\n\r\n\xFF\r\n"},
    {"{\"root@x\": {\"x\": 1}, \"p\": {\"filename\": \"q\", \"part\": \"part:1\"}}",
	PH_MULTIPART_RELATED,
	"{root@x: {x: #1}, p: {filename: 'q', type: 'application/octet-stream', id: "
	"'p', "
	"size: '4', part: 'part:2'}}",
	"Content-ID: <root@x>\r\nContent-Type: application/json\r\n\r\n"},
};

START_TEST(parts_are_written)
{
	ph_buffer out;
	ph_error err;
	char boundary[PH_MULTIPART_BOUNDARY];
	ph_buffer_init(&out, 0);
	ph_status status = write_json(
	    forms[_i].json, forms[_i].flags, find_part, boundary, &out, &err);
	ck_assert_msg(status == PH_OK, "%s", err.text);
	expect_tree(ph_multipart_decode, out.data, out.length, 0, forms[_i].tree);
	const char *text = ph_buffer_cstr(&out);
	ck_assert_msg(strstr(text, forms[_i].part) != NULL, "%s", text);
	ck_assert_uint_eq(strlen(boundary), 37);
	ck_assert_int_eq(strncmp(text, "--", 2), 0);
	ck_assert_int_eq(strncmp(text + 2, boundary, 37), 0);
	/* the same again gives the same */
	char again[PH_MULTIPART_BOUNDARY];
	ph_buffer_clear(&out);
	ck_assert_int_eq(
	    write_json(forms[_i].json, forms[_i].flags, find_part, again, &out, &err),
	    PH_OK);
	ck_assert_str_eq(again, boundary);
	ph_buffer_fini(&out);
}
END_TEST

static const struct {
	const char *json;
	unsigned flags;
	const char *code;
} unwritable[] = {
    {"[]", 0, "PH3513"},
    {"{}", 0, "PH3513"},
    {"{\"a\": null}", 0, "PH3513"},
    {"{\"a\": [[1]]}", 0, "PH3513"},
    {"{\"f\": {\"part\": \"part:2\"}}", 0, "PH3512"},
    {"{\"f\": {\"content\": [1]}}", 0, "PH3512"},
    {"{\"f\": {\"content\": \"x\", \"type\": \"a/b\\r\\nX: y\"}}", 0, "PH3511"},
    {"{\"f\": {\"content\": \"x\", \"type\": \"\\u00e9/b\"}}", 0, "PH3511"},
    {"{\"a>b\": \"1\"}", PH_MULTIPART_RELATED, "PH3511"},
    {"{\"\": \"1\"}", PH_MULTIPART_RELATED, "PH3511"},
};

START_TEST(what_cannot_be_a_part_is_refused)
{
	ph_buffer out;
	ph_error err;
	char boundary[PH_MULTIPART_BOUNDARY];
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(write_json(unwritable[_i].json, unwritable[_i].flags,
			     find_part, boundary, &out, &err),
	    PH_ERR_INVALID);
	ck_assert_msg(strncmp(err.text, unwritable[_i].code, 6) == 0, "%s", err.text);
	ck_assert_uint_eq(out.length, 0);
	ph_buffer_fini(&out);
}
END_TEST

START_TEST(without_a_finder_no_reference_is_written)
{
	ph_buffer out;
	ph_error err;
	char boundary[PH_MULTIPART_BOUNDARY];
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(write_json("{\"f\": {\"part\": \"part:1\"}}", 0, NULL,
			     boundary, &out, &err),
	    PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3512", 6), 0);
	ph_buffer_fini(&out);
}
END_TEST

static Suite *
multipart_suite(void)
{
	Suite *suite = suite_create("multipart");
	TCase *tcase = tcase_create("multipart");
	LOOP(tcase, parts_are_read, good);
	LOOP(tcase, what_is_no_parts_is_refused, bad);
	tcase_add_test(tcase, an_error_in_a_part_tells_which);
	tcase_add_test(tcase, limits_are_kept);
	tcase_add_test(tcase, near_boundaries_are_data);
	tcase_add_test(tcase, damage_never_crashes);
	tcase_add_test(tcase, a_reference_leads_to_its_bytes);
	LOOP(tcase, parts_are_written, forms);
	LOOP(tcase, what_cannot_be_a_part_is_refused, unwritable);
	tcase_add_test(tcase, without_a_finder_no_reference_is_written);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(multipart_suite());
}
