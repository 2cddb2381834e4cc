/*
 * Forms: read without guessing, written so that they read the same.
 */
#include "lib/codec/codec.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/documents.h"

#define TEXT(s) (s), sizeof(s) - 1
#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static const struct {
	const char *bytes;
	size_t length;
	const char *expected;
} good[] = {
    {TEXT(""), "{}"},
    {TEXT("&&"), "{}"},
    {TEXT("a=1"), "{a: '1'}"},
    {TEXT("a=1&b=2&a=3"), "{a: '1', b: '2', a: '3'}"},
    {TEXT("&a=1&&b=2&"), "{a: '1', b: '2'}"},
    {TEXT("a"), "{a: ''}"},
    {TEXT("a="), "{a: ''}"},
    {TEXT("=1"), "{: '1'}"},
    {TEXT("a=b=c"), "{a: 'b=c'}"},
    {TEXT("a+b=c+d%20e%2B"), "{a b: 'c d e+'}"},
    {TEXT("a=%26%3D%25%0D%0A"), "{a: '&=%\r\n'}"},
    {TEXT("attribute%5Bportal_id%5D=7&attribute[place]=007"),
	"{attribute[portal_id]: '7', attribute[place]: '007'}"},
    {TEXT("a=%e2%82%ac%F0%9f%98%80"), "{a: '\xE2\x82\xAC\xF0\x9F\x98\x80'}"},
    {TEXT("a=\xC3\xA9&\xC3\xA9=b"), "{a: '\xC3\xA9', \xC3\xA9: 'b'}"},
    {TEXT("a=1\r\n"), "{a: '1\r\n'}"},
    {TEXT("a;b=1;c"), "{a;b: '1;c'}"},
};

START_TEST(good_forms_are_read)
{
	expect_tree(
	    ph_form_decode, good[_i].bytes, good[_i].length, 0, good[_i].expected);
}
END_TEST

START_TEST(values_know_their_place)
{
	expect_tree(ph_form_decode, TEXT("a=1&bb=%20&c"), PLACES,
	    "{a: '1'^1:3, bb: ' '^1:8, c: ''^1:13}^1:1");
}
END_TEST

static const struct {
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {TEXT("a=%"), "PH3050", "1:3"},
    {TEXT("a=%4"), "PH3050", "1:3"},
    {TEXT("a=%4&b=1"), "PH3050", "1:3"},
    {TEXT("a=%ZZ"), "PH3050", "1:3"},
    {TEXT("a=1&b%=2"), "PH3050", "1:6"},
    {TEXT("a=100%"), "PH3050", "1:6"},
    {TEXT("a=%u20AC"), "PH3050", "1:3"},
    {TEXT("a=%00"), "PH3003", "1:3"},
    {TEXT("a%00=1"), "PH3003", "1:2"},
    {TEXT("a=\0"), "PH3003", "1:3"},
    {TEXT("a=%E9"), "PH3004", "1:3"},
    {TEXT("a=%C0%AF"), "PH3004", "1:3"},
    {TEXT("a=%ED%A0%80"), "PH3004", "1:3"},
    {TEXT("%FF=1"), "PH3004", "1:1"},
    {TEXT("x=1&a=%E2%82"), "PH3004", "1:7"},
    {TEXT("a=\xE9"), "PH3004", "1:3"},
    {TEXT("\xFF\xFE"
	  "a\0"),
	"PH3002", "1:1"},
};

START_TEST(bad_forms_are_refused)
{
	expect_refusal(
	    ph_form_decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

START_TEST(large_forms_cost_in_proportion)
{
	static const char *const bodies[] = {"a=b&", "a&", "&", "%41", "=",
	    "a=%E2%82%AC&", "a longer name=a value of some length&"};
	survive_large(ph_form_decode, "x=", bodies, sizeof bodies / sizeof bodies[0],
	    8000000, "");
	ph_buffer out;
	ph_buffer_init(&out, 0);
	for (int i = 0; i < 200000; i++)
		ph_buffer_printf(&out, "a-name-that-differs-%d=%d&", i, i);
	survive(ph_form_decode, out.data, out.length);
	ph_buffer_fini(&out);
}
END_TEST

START_TEST(damage_never_crashes)
{
	survive_damage(
	    ph_form_decode, TEXT("a%5Bb%5D=%E2%82%AC+1&c=\xC3\xA9%0A&&d&=e"));
}
END_TEST

static const char *const written[] = {
    "a=1&b=2&a=3",
    "a=",
    "a+b=%26%3D%25%2B%0D%0A",
    "attribute%5Bid%5D=*-._~",
    "%C3%A9=%F0%9F%98%80",
    "",
};

START_TEST(what_is_read_is_written)
{
	ph_document *d = new_document();
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(
	    ph_form_decode(d, written[_i], strlen(written[_i]), NULL), PH_OK);
	ck_assert_int_eq(ph_form_encode(ph_document_root(d), &out, NULL), PH_OK);
	char expected[64];
	snprintf(expected, sizeof expected, "%s", written[_i]);
	char *tilde = strchr(expected, '~');
	if (tilde != NULL)
		memcpy(tilde, "%7E", 4);
	ck_assert_str_eq(ph_buffer_cstr(&out), expected);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

static ph_status
encode_json(const char *json, ph_buffer *out, ph_error *err)
{
	ph_document *d = new_document();
	ck_assert_int_eq(ph_json_decode(d, json, strlen(json), NULL), PH_OK);
	ph_buffer_clear(out);
	ph_status status = ph_form_encode(ph_document_root(d), out, err);
	ph_document_destroy(&d);
	return status;
}

START_TEST(trees_become_forms)
{
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(
	    encode_json("{\"n\":1.50,\"b\":true,\"gone\":null,\"l\":[1,null,\"x y\"],"
			"\"none\":[],\"e\":\"\"}",
		&out, NULL),
	    PH_OK);
	ck_assert_str_eq(ph_buffer_cstr(&out), "n=1.50&b=true&l=1&l=x+y&e=");
	ck_assert_int_eq(encode_json("{\"a\":{\"b\":1}}", &out, &err), PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3080", 6), 0);
	ck_assert_int_eq(encode_json("{\"a\":[[1]]}", &out, &err), PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3080", 6), 0);
	ck_assert_int_eq(encode_json("[1]", &out, &err), PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3081", 6), 0);
	ph_buffer_fini(&out);
	ph_buffer_init(&out, 4);
	ck_assert_int_eq(
	    encode_json("{\"name\":\"value\"}", &out, &err), PH_ERR_TOO_LARGE);
	ph_buffer_fini(&out);
}
END_TEST

static Suite *
form_suite(void)
{
	Suite *suite = suite_create("form");
	TCase *decode = tcase_create("decode");
	LOOP(decode, good_forms_are_read, good);
	tcase_add_test(decode, values_know_their_place);
	LOOP(decode, bad_forms_are_refused, bad);
	tcase_add_test(decode, large_forms_cost_in_proportion);
	tcase_add_test(decode, damage_never_crashes);
	suite_add_tcase(suite, decode);
	TCase *encode = tcase_create("encode");
	LOOP(encode, what_is_read_is_written, written);
	tcase_add_test(encode, trees_become_forms);
	suite_add_tcase(suite, encode);
	return suite;
}

int
main(void)
{
	return ph_check_main(form_suite());
}
