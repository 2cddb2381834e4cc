/*
 * JSON: what RFC 8259 allows is read with its place and its digits, everything else is
 * refused.
 */
#include "lib/codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "tests/unit/documents.h"

#define TEXT(s) (s), sizeof(s) - 1

typedef struct sample {
	const char *bytes;
	size_t length;
	const char *expected;
} sample;

static const sample good[] = {
    {TEXT("null"), "~"},
    {TEXT(" true "), "!true"},
    {TEXT("false\n"), "!false"},
    {TEXT("0"), "#0"},
    {TEXT("-0"), "#-0"},
    {TEXT("1234.10"), "#1234.10"},
    {TEXT("[1e5,1E+5,1e-5,0.0,-1.5e00]"), "[#1e5, #1E+5, #1e-5, #0.0, #-1.5e00]"},
    {TEXT("123456789012345678901234567890"), "#123456789012345678901234567890"},
    {TEXT("[12,\"a\",3,\"b\"]"), "[#12, 'a', #3, 'b']"},
    {TEXT("{\"a\":1,\"b\":[],\"c\":{}}"), "{a: #1, b: [], c: {}}"},
    {TEXT("[ [ ] , { } , [ [ ] ] ]"), "[[], {}, [[]]]"},
    {TEXT("\"\""), "''"},
    {TEXT("{\"\":0}"), "{: #0}"},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "'\"\\/\b\f\n\r\t'"},
    {TEXT("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""),
	"'A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80'"},
    {TEXT("\"\xC3\xA9 \xF0\x9F\x98\x80 \x7F \xE2\x80\xA8\""),
	"'\xC3\xA9 \xF0\x9F\x98\x80 \x7F \xE2\x80\xA8'"},
    {TEXT("{\"a\":{\"a\":{\"a\":1}},\"b\":1}"), "{a: {a: {a: #1}}, b: #1}"},
    {TEXT("[{\"a\":1},{\"a\":2}]"), "[{a: #1}, {a: #2}]"},
    {TEXT("\t\r\n [\r\n]"), "[]"},
};

START_TEST(good_text_is_read)
{
	expect_tree(
	    ph_json_decode, good[_i].bytes, good[_i].length, 0, good[_i].expected);
}
END_TEST

START_TEST(every_value_knows_its_place)
{
	static const char text[] = "{\"a\": 1,\r\n \"b\": [\"x\",\n  true, -5],\n\n"
				   "\t\"c\":{\"\xC3\xA9\":null}}";
	expect_tree(ph_json_decode, TEXT(text), PLACES,
	    "{a: #1^1:7, b: ['x'^2:8, !true^3:3, #-5^3:9]^2:7, "
	    "c: {\xC3\xA9: ~^5:12}^5:6}^1:1");
	expect_tree(ph_json_decode,
	    TEXT("[\n          1,\n\n                 \t 2 \r, 3]"), PLACES,
	    "[#1^2:11, #2^4:20, #3^4:25]^1:1");
}
END_TEST

static const struct {
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {TEXT(""), "PH3010", "1:1"},
    {TEXT(" \n "), "PH3010", "2:2"},
    {TEXT("["), "PH3010", "1:2"},
    {TEXT("[1"), "PH3010", "1:3"},
    {TEXT("[1,"), "PH3010", "1:4"},
    {TEXT("{\"a\""), "PH3010", "1:5"},
    {TEXT("{\"a\":"), "PH3010", "1:6"},
    {TEXT("{\"a\":1"), "PH3010", "1:7"},
    {TEXT("\"abc"), "PH3010", "1:5"},
    {TEXT("[1,]"), "PH3011", "1:4"},
    {TEXT("[,1]"), "PH3011", "1:2"},
    {TEXT("[1 2]"), "PH3011", "1:4"},
    {TEXT("{\"a\":1,}"), "PH3011", "1:8"},
    {TEXT("{a:1}"), "PH3011", "1:2"},
    {TEXT("{'a':1}"), "PH3011", "1:2"},
    {TEXT("{\"a\" 1}"), "PH3011", "1:6"},
    {TEXT("{\"a\":1 \"b\":2}"), "PH3011", "1:8"},
    {TEXT("[1}"), "PH3011", "1:3"},
    {TEXT("{\"a\":1]"), "PH3011", "1:7"},
    {TEXT("]"), "PH3011", "1:1"},
    {TEXT("nul"), "PH3011", "1:1"},
    {TEXT("True"), "PH3011", "1:1"},
    {TEXT("NaN"), "PH3011", "1:1"},
    {TEXT("[Infinity]"), "PH3011", "1:2"},
    {TEXT("[/*x*/1]"), "PH3011", "1:2"},
    {TEXT("nulll"), "PH3017", "1:5"},
    {TEXT("01"), "PH3014", "1:1"},
    {TEXT("-"), "PH3014", "1:1"},
    {TEXT("[-a]"), "PH3014", "1:2"},
    {TEXT("1."), "PH3014", "1:1"},
    {TEXT("[1.e5]"), "PH3014", "1:2"},
    {TEXT("1e"), "PH3014", "1:1"},
    {TEXT("1e+"), "PH3014", "1:1"},
    {TEXT("+1"), "PH3011", "1:1"},
    {TEXT(".5"), "PH3011", "1:1"},
    {TEXT("0x10"), "PH3017", "1:2"},
    {TEXT("-01"), "PH3014", "1:1"},
    {TEXT("1 2"), "PH3017", "1:3"},
    {TEXT("{} x"), "PH3017", "1:4"},
    {TEXT("\"a\nb\""), "PH3012", "1:3"},
    {TEXT("\"a\tb\""), "PH3012", "1:3"},
    {TEXT("\"\\x\""), "PH3012", "1:2"},
    {TEXT("\"\\u12\""), "PH3012", "1:4"},
    {TEXT("\"\\u12G4\""), "PH3012", "1:4"},
    {TEXT("\"\\ud800\""), "PH3012", "1:2"},
    {TEXT("\"\\udc00\""), "PH3012", "1:2"},
    {TEXT("\"\\ud800\\u0041\""), "PH3012", "1:2"},
    {TEXT("\"\\ud800\\ud800\""), "PH3012", "1:2"},
    {TEXT("\"\\"), "PH3012", "1:2"},
    {TEXT("\"\\u0000\""), "PH3013", "1:2"},
    {TEXT("{\"a\":1,\n\"a\":2}"), "PH3016", "2:5"},
    {TEXT("{\"a\":1,\"\\u0061\":2}"), "PH3016", "1:17"},
    {TEXT("[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]"), "PH3016", "1:24"},
    {TEXT("\xEF\xBB\xBF{}"), "PH3018", "1:1"},
    {TEXT("\xFF\xFE{\0}\0"), "PH3002", "1:1"},
    {TEXT("\xFE\xFF\0{\0}"), "PH3002", "1:1"},
    {TEXT("{\0}\0"), "PH3002", "1:1"},
    {TEXT("\0{\0}"), "PH3002", "1:1"},
    {TEXT("\"ab\0c\""), "PH3003", "1:4"},
    {TEXT("{}\0"), "PH3003", "1:3"},
    {TEXT("\"\x80\""), "PH3004", "1:2"},
    {TEXT("\"\xC0\xAF\""), "PH3004", "1:2"},	 /* overlong */
    {TEXT("\"\xE0\x80\xAF\""), "PH3004", "1:2"}, /* overlong */
    {TEXT("\"\xED\xA0\x80\""), "PH3004", "1:2"}, /* surrogate */
    {TEXT("\"\xF4\x90\x80\x80\""), "PH3004", "1:2"},
    {TEXT("\"\xE2\x82\""), "PH3004", NULL},
    {TEXT("\xE2\x82\xAC"), "PH3011", "1:1"},
};

START_TEST(bad_text_is_refused)
{
	expect_refusal(
	    ph_json_decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(no_value_is_in_a_refusal)
{
	static const char text[] =
	    "{\"reporter\":{\"name\":\"Zebedee\",\"name\":\"Zebedee\"}}";
	ph_document *d = new_document();
	ph_error err = {0};
	ck_assert_int_eq(ph_json_decode(d, TEXT(text), &err), PH_ERR_INVALID);
	ck_assert_ptr_null(strstr(err.text, "Zebedee"));
	ck_assert_ptr_nonnull(strstr(err.text, "reporter/name[2]"));
	ph_document_destroy(&d);
}
END_TEST

START_TEST(depth_ends_at_64)
{
	char text[400];
	memset(text, '[', 200);
	memset(text + 64, ']', 64);
	ph_document *d = new_document();
	ck_assert_int_eq(ph_json_decode(d, text, 128, NULL), PH_OK);
	ph_document_destroy(&d);
	memset(text, '[', 200);
	expect_refusal(ph_json_decode, text, 200, "PH3015", "1:65");
	size_t length = 0;
	char *deep = repeat("", "{\"a\":[", 4u << 20, "", &length);
	expect_refusal(ph_json_decode, deep, length, "PH3015", NULL);
	free(deep);
}
END_TEST

static const struct {
	const char *head;
	const char *body;
	const char *tail;
	const char *code; /* NULL: read */
} large[] = {
    {"[0", ",0", "]", "PH3005"},
    {"[[]", ",[]", "]", "PH3005"},
    {"[\"\"", ",\"\"", "]", "PH3005"},
    {"", " ", "1", NULL},
    {"", "\n", "x", "PH3011"},
    {"", "9", "", NULL},
    {"\"", "\\u0041", "\"", NULL},
    {"\"", "\\ud83d\\ude00", "\"", NULL},
    {"\"", "a", "", "PH3010"},
    {"[{\"a\":\"a name of a street and its town\"}",
	",{\"a\":\"a name of a street and its town\",\"b\":\"and of another one\"}",
	"]", NULL},
    {"[1", ",[1,[2,[3,[4,[5]]]]]", "]", "PH3005"},
};

START_TEST(large_text_costs_in_proportion)
{
	size_t length = 0;
	char *text =
	    repeat(large[_i].head, large[_i].body, 8000000, large[_i].tail, &length);
	if (large[_i].code != NULL)
		expect_refusal(ph_json_decode, text, length, large[_i].code, NULL);
	else
		survive(ph_json_decode, text, length);
	free(text);
}
END_TEST

START_TEST(the_size_has_a_limit)
{
	size_t length = 0;
	char *text = repeat("[", " ", 8u << 20, "]", &length);
	expect_refusal(ph_json_decode, text, length, "PH3001", "1:1");
	free(text);
}
END_TEST

START_TEST(many_members_stay_linear)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	for (int i = 0; i < 300000; i++)
		ph_buffer_printf(&out, "%s\"member-%d\":\"\"", i == 0 ? "{" : ",", i);
	ph_buffer_text(&out, "}");
	ph_document *d = new_document();
	ph_error err = {0};
	ph_status status = ph_json_decode(d, out.data, out.length, &err);
	ck_assert_msg(status == PH_OK, "%s", err.text);
	ck_assert_uint_eq(ph_document_root(d)->count, 300000);
	ph_buffer again;
	ph_buffer_init(&again, 0);
	ck_assert_int_eq(ph_json_encode(ph_document_root(d), 0, &again, &err), PH_OK);
	ck_assert_uint_eq(again.length, out.length);
	ck_assert_mem_eq(again.data, out.data, out.length);
	ph_document_destroy(&d);
	ph_buffer_clear(&again);
	out.length--;
	ph_buffer_text(&out, ",\"member-7\":\"\"}");
	expect_refusal(ph_json_decode, out.data, out.length, "PH3016", NULL);
	ph_buffer_fini(&again);
	ph_buffer_fini(&out);
}
END_TEST

static const char whole[] =
    "{\"id\":\"SR-1\",\"n\":[-1.5e+3,0,true,null],\"t\":\"\\u00e9"
    "\\ud83d\\ude00 \xE2\x82\xAC\\n\",\n\"o\":{\"a\":{},\"b\":[[]]}}";

START_TEST(damage_never_crashes)
{
	survive_damage(ph_json_decode, TEXT(whole));
	for (size_t i = 0; i < sizeof whole - 1; i++)
		expect_refusal(ph_json_decode, whole, i, "PH30", NULL);
}
END_TEST

START_TEST(a_small_document_limit_is_kept)
{
	for (size_t limit = 16; limit < 2400; limit += 16) {
		ph_document *d = NULL;
		ph_error err = {0};
		if (ph_document_new("t", limit, &d, NULL) != PH_OK)
			continue;
		ph_status status = ph_json_decode(d, TEXT(whole), &err);
		ck_assert(status == PH_OK || status == PH_ERR_TOO_LARGE);
		ck_assert(status == PH_OK || strncmp(err.text, "PH3005", 6) == 0);
		ph_document_destroy(&d);
	}
}
END_TEST

/* Text in, tree, text out. */
static void
expect_text(const char *text, unsigned flags, const char *expected)
{
	ph_document *d = new_document();
	ph_error err = {0};
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(ph_json_decode(d, text, strlen(text), NULL), PH_OK);
	ck_assert_int_eq(ph_json_encode(ph_document_root(d), flags, &out, &err), PH_OK);
	ck_assert_str_eq(ph_buffer_cstr(&out), expected);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}

static const struct {
	const char *text;
	const char *expected; /* NULL: the same */
} written[] = {
    {"{\"a\":1234.10,\"b\":[],\"c\":{},\"d\":[null,true,false,-0,1E+5]}", NULL},
    {"\"\"", NULL},
    {"[[[]],{\"a\":{\"b\":[1]}}]", NULL},
    {"\"\\u0001\\u001f\\n\\r\\t\\\"\\\\\"", NULL},
    {"\"\\/\\b\\f\\u0041\"", "\"/\\u0008\\u000cA\""},
    {"\"\\u2028\\ud83d\\ude00\x7F\"", "\"\xE2\x80\xA8\xF0\x9F\x98\x80\x7F\""},
    {" [ 1 , 2 ] ", "[1,2]"},
    {"{\"a\\\"\\n\":1}", NULL},
};

START_TEST(what_is_read_is_written)
{
	const char *expected = written[_i].expected;
	expect_text(
	    written[_i].text, 0, expected == NULL ? written[_i].text : expected);
}
END_TEST

START_TEST(pretty_text_is_indented)
{
	expect_text("{\"a\":[1,{}],\"b\":{\"c\":[]}}", PH_JSON_PRETTY,
	    "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
	expect_text("1", PH_JSON_PRETTY, "1");
}
END_TEST

START_TEST(volatile_values_can_be_left_out)
{
	ph_document *d = new_document();
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(
	    ph_json_decode(
		d, TEXT("{\"a\":1,\"b\":2,\"c\":{\"d\":3},\"e\":[4,5]}"), NULL),
	    PH_OK);
	ph_node *root = ph_document_root(d);
	ph_node_find(root, "a")->flags |= PH_NODE_VOLATILE;
	ph_node_find(root, "c/d")->flags |= PH_NODE_VOLATILE;
	ph_node_find(root, "e/1")->flags |= PH_NODE_VOLATILE;
	ck_assert_int_eq(
	    ph_json_encode(root, PH_JSON_SKIP_VOLATILE, &out, NULL), PH_OK);
	ck_assert_str_eq(ph_buffer_cstr(&out), "{\"b\":2,\"c\":{},\"e\":[4]}");
	ph_buffer_clear(&out);
	ck_assert_int_eq(ph_json_encode(ph_node_find(root, "c"), 0, &out, NULL), PH_OK);
	ck_assert_str_eq(ph_buffer_cstr(&out), "{\"d\":3}");
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

static ph_status
encode_root(ph_document *d, ph_error *err)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ph_status status = ph_json_encode(ph_document_root(d), 0, &out, err);
	ph_buffer_fini(&out);
	return status;
}

static ph_document *
object_document(void)
{
	ph_document *d = new_document();
	ph_document_set_root(d, ph_node_new(d, PH_NODE_OBJECT, NULL, 0));
	return d;
}

START_TEST(what_is_no_json_is_not_written)
{
	static const char *const numbers[] = {
	    "", "1.", "abc", "1 ", "--1", "0x1", "01"};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		ph_document *d = object_document();
		ph_error err = {0};
		ph_node_add(d, ph_document_root(d), "n",
		    ph_node_new(d, PH_NODE_NUMBER, numbers[i], strlen(numbers[i])));
		ck_assert_int_eq(encode_root(d, &err), PH_ERR_INVALID);
		ck_assert_ptr_nonnull(strstr(err.text, "PH3062"));
		ck_assert_ptr_nonnull(strstr(err.text, "at n"));
		ph_document_destroy(&d);
	}
	ph_document *d = object_document();
	ph_error err = {0};
	ph_node_add_text(d, ph_document_root(d), "t", "\xC3", 1);
	ck_assert_int_eq(encode_root(d, &err), PH_ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.text, "PH3060"));
	ph_document_destroy(&d);
}
END_TEST

START_TEST(repeated_names_are_not_written)
{
	for (int members = 2; members < 200; members += 33) {
		ph_document *d = object_document();
		ph_error err = {0};
		for (int i = 0; i < members; i++) {
			char name[16];
			snprintf(name, sizeof name, "m%d", i);
			ph_node_add_text(d, ph_document_root(d), name, "", 0);
		}
		ck_assert_int_eq(encode_root(d, &err), PH_OK);
		ph_node_add_text(d, ph_document_root(d), "m0", "", 0);
		ck_assert_int_eq(encode_root(d, &err), PH_ERR_INVALID);
		ck_assert_ptr_nonnull(strstr(err.text, "PH3061"));
		ck_assert_ptr_nonnull(strstr(err.text, "m0["));
		ph_document_destroy(&d);
	}
}
END_TEST

START_TEST(too_deep_is_not_written)
{
	ph_document *d = object_document();
	ph_error err = {0};
	ph_node *at = ph_document_root(d);
	for (int i = 1; i < 64; i++)
		at = ph_node_add(d, at, "a", ph_node_new(d, PH_NODE_OBJECT, NULL, 0));
	ck_assert_int_eq(encode_root(d, &err), PH_OK);
	for (int i = 0; i < 100000; i++)
		at = ph_node_add(d, at, "a", ph_node_new(d, PH_NODE_OBJECT, NULL, 0));
	ck_assert_int_eq(encode_root(d, &err), PH_ERR_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(err.text, "PH3063"));
	ph_document_destroy(&d);
}
END_TEST

START_TEST(a_full_buffer_is_told)
{
	ph_document *d = object_document();
	ph_buffer out;
	ph_buffer_init(&out, 8);
	ph_node_add_text(d, ph_document_root(d), "name", "text", 4);
	ck_assert_int_eq(
	    ph_json_encode(ph_document_root(d), 0, &out, NULL), PH_ERR_TOO_LARGE);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

/* A text of `length` bytes, one of them `special`, in memory that ends with it. */
static char *
text_with(size_t length, size_t at, unsigned char special)
{
	char *text = malloc(length + 1);
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < length; i++)
		text[i] = (char) ('a' + i % 26);
	if (at < length)
		text[at] = (char) special;
	text[length] = '\0';
	return text;
}

/* What JSON writes of it, byte by byte. */
static void
write_slowly(const char *text, size_t length, char *out)
{
	*out++ = '"';
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char) text[i];
		if (c == '\n' || c == '\r' || c == '\t')
			out += sprintf(out, "\\%c",
			    c == '\n'	? 'n'
			    : c == '\r' ? 'r'
					: 't');
		else if (c < 0x20)
			out += sprintf(out, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			out += sprintf(out, "\\%c", c);
		else
			*out++ = (char) c;
	}
	strcpy(out, "\"");
}

/* There and back, into a buffer with `room` bytes left at first. */
static void
send_there_and_back(const char *text, size_t length, size_t room)
{
	char wanted[512];
	write_slowly(text, length, wanted);
	ph_document *d = new_document();
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert(ph_buffer_reserve(&out, 1));
	while (out.capacity - out.length > room)
		ph_buffer_u8(&out, ' ');
	size_t begun = out.length;
	ck_assert_int_eq(ph_json_encode(ph_node_wrap(d, PH_NODE_STRING, text, length),
			     0, &out, NULL),
	    PH_OK);
	ck_assert_str_eq(ph_buffer_cstr(&out) + begun, wanted);
	char *exact = malloc(strlen(wanted));
	memcpy(exact, wanted, strlen(wanted));
	ck_assert_int_eq(ph_json_decode(d, exact, strlen(wanted), NULL), PH_OK);
	ck_assert_uint_eq(ph_document_root(d)->length, length);
	ck_assert_int_eq(memcmp(ph_document_root(d)->text, text, length + 1), 0);
	free(exact);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}

/* Bytes are looked at in blocks: each length, each place, each kind of byte. */
START_TEST(every_byte_of_a_block_is_looked_at)
{
	static const unsigned char specials[] = {'"', '\\', '\n', 1, 0x1f, 0x7f, ' '};
	for (size_t length = 0; length < 52; length++)
		for (size_t at = 0; at <= length; at++)
			for (size_t i = 0; i < sizeof specials; i++) {
				char *text = text_with(length, at, specials[i]);
				send_there_and_back(text, length, (at + i) % 3 * 40);
				free(text);
			}
}
END_TEST

START_TEST(every_byte_of_a_block_is_utf8)
{
	for (size_t length = 1; length < 52; length++)
		for (size_t at = 0; at < length; at++) {
			char *text = text_with(length, at, 0xff);
			ph_document *d = new_document();
			ph_document_set_root(
			    d, ph_node_wrap(d, PH_NODE_STRING, text, length));
			ph_error err = {0};
			ck_assert_int_eq(encode_root(d, &err), PH_ERR_INVALID);
			ck_assert_ptr_nonnull(strstr(err.text, "PH3060"));
			ck_assert(!ph_utf8_valid(text, length, NULL));
			ph_document_destroy(&d);
			free(text);
		}
}
END_TEST

#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static Suite *
json_suite(void)
{
	Suite *suite = suite_create("json");
	TCase *decode = tcase_create("decode");
	LOOP(decode, good_text_is_read, good);
	tcase_add_test(decode, every_value_knows_its_place);
	LOOP(decode, bad_text_is_refused, bad);
	tcase_add_test(decode, no_value_is_in_a_refusal);
	tcase_add_test(decode, depth_ends_at_64);
	tcase_add_test(decode, a_small_document_limit_is_kept);
	suite_add_tcase(suite, decode);
	TCase *hostile = tcase_create("hostile");
	LOOP(hostile, large_text_costs_in_proportion, large);
	tcase_add_test(hostile, the_size_has_a_limit);
	tcase_add_test(hostile, many_members_stay_linear);
	tcase_add_test(hostile, damage_never_crashes);
	suite_add_tcase(suite, hostile);
	TCase *encode = tcase_create("encode");
	LOOP(encode, what_is_read_is_written, written);
	tcase_add_test(encode, pretty_text_is_indented);
	tcase_add_test(encode, volatile_values_can_be_left_out);
	tcase_add_test(encode, what_is_no_json_is_not_written);
	tcase_add_test(encode, repeated_names_are_not_written);
	tcase_add_test(encode, too_deep_is_not_written);
	tcase_add_test(encode, a_full_buffer_is_told);
	tcase_add_test(encode, every_byte_of_a_block_is_looked_at);
	tcase_add_test(encode, every_byte_of_a_block_is_utf8);
	suite_add_tcase(suite, encode);
	return suite;
}

int
main(void)
{
	return ph_check_main(json_suite());
}
