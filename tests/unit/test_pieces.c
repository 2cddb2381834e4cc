/*
 * What is cut into pieces is what it is whole, wherever it is cut; places are the file's.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "tests/fuzz/streams.h"
#include "tests/unit/check_main.h"

/* A letter of tests/fuzz/streams.h, and a file. */
static const struct sample {
	char letter;
	const char *text;
} good[] = {
    {'c', "a,b\n1,2\n3,4\n"},
    {'c', "\xEF\xBB\xBF\n \t\na,b\r\n\r\n1,\"x\r\ny \"\"q\"\"\"\r\n,\"\"\r\n\n3,4"},
    {'c', "a\n\"\"\n\n1\n"},
    {'c', "a,b"},
    {'t', "10,camden,2024\n11,1,High St\n15,x\n11,2,\"a\nb\"\n99,3\n"},
    {'t', "\xEF\xBB\xBF"
	  "10,c,d\r\n11,\xEF\xBB\xBF,b\r\n99,1"},
    {'f', "abc 0012\n\n   \ndef 0000\r\nx"},
    {'f', "abc\n\xEF\xBB\xBF"
	  "x\n\xC3\xA9 12\n"},
    {'g', "case,opened,what\n1,mon,a\n1,mon,b\n2,tue,c\n\n2,tue,d\n1,mon,e\n3,,\n"},
    {'g', "what,case,opened,more\na,1,,\n\"b\",\"1\",,z\nc,2,x,\n"},
    {'g', "\xEF\xBB\xBF"
	  "case,opened,what\n1,mon,a\n1,mon,b\n"},
    {'h', "10,c,d\n11,1,A\n15,x\n15,y\n11,2,B\n11,3,C\n15,z\n99,6\n"},
    {'i', "007 a\n  7 b\n  7 c\n8   d\n"},
    {'i', "\xEF\xBB\xBF"
	  "007 a\n007 b\n"},
    {'x', "<?xml version=\"1.0\"?><!-- <item> --><q:rows xmlns:q='urn:r' at=\"a>b\">"
	  "<who>w &amp; w</who><case n='1'><ref>1</ref><item>a</item> <item/>\n"
	  "<item><case><item>no</item></case></item></case>\n"
	  "<case><ref>2</ref><!-- - --><item><![CDATA[</item>]]></item></case>"
	  "<case/></q:rows>\n<!-- end -->"},
    {'x', "<rows xmlns='urn:r'><case><item>none</item></case><case xmlns=''>"
	  "<x:item xmlns:x='urn:r'/><item>a</item></case></rows>"},
    {'x', "<other><rows xmlns='urn:r'/></other>"},
    {'j', "{\"who\":\"x\",\"rows\":[{\"ref\":1,\"item\":[{\"a\":1},{\"b\":[{}]},3]},"
	  " {\"ref\":\"}]\\\"\",\"item\":[{\"c\":\"\\\\\"} , "
	  "{\"d\":{}}]},{\"item\":{}}]}"},
    {'j', "[{\"rows\":{\"item\":[[{\"a\":1}],{\"b\":2}]}},{\"rows\":[]}]"},
    {'j', "7"},
};

START_TEST(cut_anywhere_it_is_the_same)
{
	const struct sample *s = &good[_i];
	size_t length = strlen(s->text);
	for (size_t target = 1; target < length + 2; target += 7)
		for (size_t chunk = 1; chunk < 9; chunk++)
			ck_assert_msg(ph_test_stream_same(
					  s->letter, s->text, length, target, chunk),
			    "refused: %s", s->text);
	ph_test_streams_forget();
}
END_TEST

/* Both refuse it, or only the pieces do, with this. */
static const struct bad {
	char letter;
	const char *text, *where, *code;
	bool whole; /* is it good whole? */
} bad[] = {
    {'c', "a,b\n1,2\n3\n4,5\n", "input:3:1", "PH3109", false},
    {'c', "a,b\n1,2\n3,\"x\n4,5\n", "input:3:3", "PH3102", false},
    {'t', "10,c,d\n11,1,A\n11,2,B\n99,3\n", "input:4:4", "PH3113", false},
    {'t', "10,c,d\n11,1,A\n11,2,B\n", "input:4:1", "PH3112", false},
    {'t', "10,c,d\n11,1,A\n77,2,B\n99,1\n", "input:3:1", "PH3111", false},
    {'t', "10,c,d\n11,1,A\n10,c,d\n99,1\n", "input:3:1", "PH3112", false},
    {'f', "abc 0001\nabc\t\nabc\n", "input:2:4", "PH3115", false},
    {'g', "case,opened,what\n1,mon,a\n1,tue,b\n", "input:3:1", "PH3119", false},
    {'g', "case,opened,what\n1,mon,a\n,,b\n", "input:3:1", "PH3118", false},
    {'h', "10,c,d\n15,x\n99,1\n", "input:2:1", "PH3118", false},
    {'x', "<rows xmlns='urn:r'><case xmlns=''><item/>\n<item>&b;</item></case></rows>",
	"input:2:", "PH30", false},
    {'x', "<rows xmlns='urn:r'><case xmlns=''><item/><ref>1</ref></case></rows>",
	"input:1:43", "PH3131", true},
    {'x', "<rows xmlns='urn:r'><case xmlns=''><item/>text</case></rows>", "input:1:43",
	"PH3131", true},
    {'x', "<rows xmlns='urn:r'><case xmlns=''><item/><![CDATA[t]]></case></rows>",
	"input:1:43", "PH3131", true},
    /* a name that is a step further down, but not here */
    {'x', "<q:rows xmlns:q='urn:r'><case><item/></case>\n<item/></q:rows>", "input:2:1",
	"PH3131", true},
    {'x', "<rows xmlns='&#117;rn:r'/>", "input:1:1", "PH3132", true},
    {'j', "{\"rows\":[{\"item\":[{}],\n\"ref\":1}]}", "input:2:1", "PH3131", true},
    {'j', "{\"ro\\u0077s\":[]}", "input:1:2", "PH3132", true},
    {'j', "{\"rows\":[{\"item\":[{},\n{]}]}", "input:2:2", "PH30", false},
    {'j', "{\"rows\":[{\"item\":[{}\n{}]}]}", "input:2:1", "PH3011", false},
    {'j', "{\"rows\":[{\"item\":[{},1\n{},{}]}]}", "input:2:1", "PH3011", false},
};

START_TEST(what_is_wrong_has_its_place)
{
	const struct bad *s = &bad[_i];
	size_t count = 0, length = strlen(s->text);
	for (size_t target = 1; target < 40; target += 3) {
		ph_buffer out;
		ph_error err = {0};
		ph_buffer_init(&out, 0);
		ck_assert(ph_test_stream_pieces(s->letter, s->text, length, target, 5,
			      0, &out, &count, &err) != PH_OK);
		ck_assert_msg(strncmp(err.where, s->where, strlen(s->where)) == 0 &&
				  strncmp(err.text, s->code, strlen(s->code)) == 0,
		    "%s: %s, not %s: %s", err.where, err.text, s->where, s->code);
		ck_assert((ph_test_stream_whole(s->letter, s->text, length, &out,
			       &err) == PH_OK) == s->whole);
		if (!s->whole)
			ck_assert_msg(
			    strncmp(err.where, s->where, strlen(s->where)) == 0,
			    "whole: %s", err.where);
		ph_buffer_fini(&out);
	}
	ph_test_streams_forget();
}
END_TEST

START_TEST(many_pieces_are_made)
{
	size_t count = 0;
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	const char *text = "a,b\n1,2\n3,4\n5,6\n";
	ck_assert(ph_test_stream_pieces(
		      'c', text, strlen(text), 1, 1, 0, &out, &count, &err) == PH_OK);
	ck_assert_uint_eq(count, 3);
	text = "{\"rows\":[{\"item\":[{},{}]},{\"item\":[{}]}]}";
	ck_assert(ph_test_stream_pieces(
		      'j', text, strlen(text), 1, 1, 0, &out, &count, &err) == PH_OK);
	ck_assert_uint_eq(count, 3);
	text = "<rows xmlns='urn:r'><case xmlns=''><item/><item/></case></rows>";
	ck_assert(ph_test_stream_pieces(
		      'x', text, strlen(text), 1, 1, 0, &out, &count, &err) == PH_OK);
	ck_assert_uint_eq(count, 2);
	ph_buffer_fini(&out);
	ph_test_streams_forget();
}
END_TEST

START_TEST(a_record_has_a_longest)
{
	static const struct sample long_ones[] = {
	    {'c', "a,b\n1,2\n3,\"4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4\n4 4 4\"\n"},
	    {'x', "<rows xmlns='urn:r'><case xmlns=''>\n\n<item>a a a a a a a a a a a "
		  "a a a "
		  "a a a a a a a a a</item></case></rows>"},
	    {'g', "case,opened,what\n0,,\n1,1,a\n1,1,b\n1,1,c\n1,1,d\n1,1,e\n1,1,f\n1,"
		  "1,g\n"},
	};
	const struct sample *s = &long_ones[_i];
	for (size_t chunk = 1; chunk < 100; chunk += 7) {
		size_t count = 0;
		ph_buffer out;
		ph_error err = {0};
		ph_buffer_init(&out, 0);
		ck_assert(ph_test_stream_pieces(s->letter, s->text, strlen(s->text), 1,
			      chunk, 39, &out, &count, &err) == PH_ERR_TOO_LARGE);
		ck_assert_msg(strncmp(err.text, "PH3130", 6) == 0, "%s", err.text);
		ck_assert_msg(strncmp(err.where, "input:3:1", 9) == 0 ||
				  strncmp(err.where, "input:1:1", 9) == 0,
		    "%s", err.where);
		ph_buffer_fini(&out);
	}
	ph_test_streams_forget();
}
END_TEST

/* Lists in lists: each with little before its first record, and all of them in each piece. */
START_TEST(what_stands_before_a_record_is_bounded)
{
	size_t count = 0;
	ph_buffer file, out;
	ph_error err = {0};
	ph_buffer_init(&file, 0);
	ph_buffer_init(&out, 0);
	ph_buffer_text(&file, "{\"rows\":[{\"item\":[{}");
	for (size_t i = 0; i < 20; i++)
		ph_buffer_text(&file, ",[               {}");
	for (size_t i = 0; i < 20; i++)
		ph_buffer_text(&file, "]");
	ph_buffer_text(&file, "]}]}");
	for (size_t longest = 100; longest <= 1000; longest += 900) {
		ph_status status = ph_test_stream_pieces(
		    'j', file.data, file.length, 1, 9, longest, &out, &count, &err);
		ck_assert_int_eq(status, longest == 100 ? PH_ERR_TOO_LARGE : PH_OK);
		if (longest == 100)
			ck_assert_msg(
			    strncmp(err.text, "PH3130", 6) == 0, "%s", err.text);
	}
	ph_buffer_fini(&file);
	ph_buffer_fini(&out);
	ph_test_streams_forget();
}
END_TEST

/* ---- memory ---- */

typedef struct rows {
	size_t left, at;
	const char *head, *row, *tail;
	const char *now;
} rows;

/* So many rows, made while they are read. */
static ph_status
read_rows(void *self, void *into, size_t size, size_t *got, ph_error *err)
{
	rows *r = self;
	char *to = into;
	(void) err;
	for (*got = 0; *got < size && r->now != NULL;) {
		if (r->now[r->at] != '\0') {
			to[(*got)++] = r->now[r->at++];
			continue;
		}
		r->at = 0;
		r->now = r->left > 0 ? r->row : r->now == r->tail ? NULL : r->tail;
		r->left -= r->left > 0 ? 1 : 0;
	}
	return PH_OK;
}

static size_t
memory_of(ph_pieces_format format, size_t count)
{
	static const ph_pieces_step way[] = {{"r", NULL, false}, {"i", NULL, false}};
	rows in = {.left = count};
	in.head = format == PH_PIECES_XML ? "<r>" : "{\"r\":{\"i\":[{}";
	in.row = format == PH_PIECES_XML ? "<i><a>some text</a></i>\n"
					 : ",{\"a\":\"some text\"}\n";
	in.tail = format == PH_PIECES_XML ? "</r>" : "]}}";
	in.now = in.head;
	ph_pieces_plan plan = {
	    .format = format, .way = way, .depth = 2, .beside = true};
	ph_pieces *pieces = NULL;
	ph_piece piece;
	ph_error err = {0};
	size_t bytes = 0;
	ck_assert(ph_pieces_new(&plan, read_rows, &in, "rows", &pieces, &err) == PH_OK);
	while (ph_pieces_next(pieces, &piece, &err) == PH_OK)
		bytes += piece.length - piece.head;
	ck_assert_msg(err.status == PH_OK, "%s: %s", err.where, err.text);
	ck_assert_uint_ge(bytes, count * strlen(in.row));
	size_t memory = ph_pieces_memory(pieces);
	ph_pieces_destroy(&pieces);
	return memory;
}

/* What is read in all pieces together is not much more than the file. */
START_TEST(a_long_head_is_repeated_seldom)
{
	enum { HEAD_SIZE = 200000, ROWS = 40000 };
	static char head[HEAD_SIZE + 20] = "<r>";
	static const ph_pieces_step way[] = {{"r", NULL, false}, {"i", NULL, false}};
	rows in = {.left = ROWS, .row = "<i><a>some text</a></i>\n", .tail = "</r>"};
	memset(head + 3, ' ', HEAD_SIZE);
	in.head = in.now = head;
	ph_pieces_plan plan = {.format = PH_PIECES_XML, .way = way, .depth = 2};
	ph_pieces *pieces = NULL;
	ph_piece piece;
	size_t bytes = 0, file = HEAD_SIZE + ROWS * strlen(in.row);
	ck_assert(ph_pieces_new(&plan, read_rows, &in, "rows", &pieces, NULL) == PH_OK);
	while (ph_pieces_next(pieces, &piece, NULL) == PH_OK)
		bytes += piece.length;
	ck_assert_msg(bytes < 3 * file, "%zu bytes for %zu", bytes, file);
	ck_assert_uint_lt(ph_pieces_memory(pieces), 8 * HEAD_SIZE);
	ph_pieces_destroy(&pieces);
}
END_TEST

START_TEST(memory_does_not_grow_with_the_file)
{
	ph_pieces_format format = _i == 0 ? PH_PIECES_XML : PH_PIECES_JSON;
	size_t small = memory_of(format, 50000), large = memory_of(format, 1000000);
	ck_assert_uint_eq(small, large);
	ck_assert_uint_lt(large, (size_t) 3 << 20);
}
END_TEST

static Suite *
pieces_suite(void)
{
	Suite *made = suite_create("pieces");
	TCase *cases = tcase_create("pieces");
	tcase_add_loop_test(
	    cases, cut_anywhere_it_is_the_same, 0, (int) (sizeof good / sizeof *good));
	tcase_add_loop_test(
	    cases, what_is_wrong_has_its_place, 0, (int) (sizeof bad / sizeof *bad));
	tcase_add_test(cases, many_pieces_are_made);
	tcase_add_loop_test(cases, a_record_has_a_longest, 0, 3);
	tcase_add_test(cases, what_stands_before_a_record_is_bounded);
	tcase_add_test(cases, a_long_head_is_repeated_seldom);
	tcase_add_loop_test(cases, memory_does_not_grow_with_the_file, 0, 2);
	suite_add_tcase(made, cases);
	return made;
}

int
main(void)
{
	return ph_check_main(pieces_suite());
}
