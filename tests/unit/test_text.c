/* text: UTF-8 at every boundary, hex, Crockford base32. */
#include "lib/base/text.h"

#include <string.h>

#include "tests/unit/check_main.h"

/* Does one code point survive, as the number of bytes it should take, and not one less? */
static bool
goes_there_and_back(uint32_t code)
{
	char bytes[4];
	size_t length = ph_utf8_encode(code, bytes);
	bool scalar = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
	size_t expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	if (!scalar)
		return length == 0;
	uint32_t back = ~code;
	uint32_t cut;
	return length == expected && ph_utf8_decode(bytes, length, &back) == length &&
	       back == code && ph_utf8_valid(bytes, length, NULL) &&
	       ph_utf8_length(bytes, length) == 1 &&
	       ph_utf8_decode(bytes, length - 1, &cut) == 0;
}

START_TEST(every_code_point_goes_there_and_back)
{
	/* an assertion of the test library costs far more than the code under test */
	for (uint32_t code = 0; code <= 0x110400; code++) {
		if (!goes_there_and_back(code))
			ck_abort_msg("U+%04X", code);
	}
}
END_TEST

/* The grammar of RFC 3629, section 4, as ranges of each byte. */
static const uint8_t grammar[][9] = {
    {1, 0x00, 0x7f},
    {2, 0xc2, 0xdf, 0x80, 0xbf},
    {3, 0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf},
    {3, 0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf},
    {3, 0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf},
    {3, 0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf},
    {4, 0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
    {4, 0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
    {4, 0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf},
};

static bool
in_grammar(const uint8_t *bytes, size_t length)
{
	for (size_t row = 0; row < sizeof grammar / sizeof grammar[0]; row++) {
		const uint8_t *rule = grammar[row];
		bool fits = rule[0] == length;
		for (size_t i = 0; fits && i < length; i++)
			fits =
			    bytes[i] >= rule[1 + 2 * i] && bytes[i] <= rule[2 + 2 * i];
		if (fits)
			return true;
	}
	return false;
}

/* Bytes on both sides of every boundary in the grammar. */
static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
    0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4,
    0xf5, 0xf8, 0xfc, 0xfe, 0xff};
enum { EDGES = sizeof edges };

START_TEST(sequences_are_judged_by_the_grammar)
{
	for (size_t n = 0; n < (size_t) EDGES * EDGES * EDGES * EDGES; n++) {
		uint8_t bytes[4] = {edges[n % EDGES], edges[n / EDGES % EDGES],
		    edges[n / EDGES / EDGES % EDGES], edges[n / EDGES / EDGES / EDGES]};
		size_t expected = 0;
		for (size_t length = 1; length <= 4 && expected == 0; length++) {
			if (in_grammar(bytes, length))
				expected = length;
		}
		uint32_t code;
		size_t length = ph_utf8_decode((const char *) bytes, 4, &code);
		if (length != expected)
			ck_abort_msg("%02x %02x %02x %02x", bytes[0], bytes[1],
			    bytes[2], bytes[3]);
	}
}
END_TEST

START_TEST(the_first_bad_byte_is_named)
{
	static const struct {
		const char *text;
		size_t length;
		size_t bad;
	} cases[] = {
	    {"\xff", 1, 0},
	    {"abcdefgh\xc3(", 10, 8},
	    {"abcdefghijklmnop\xe2\x82", 18, 16},
	    {"\xe2\x82\xac\xed\xa0\x80", 6, 3},
	    {"\xc0\x80", 2, 0},
	    {"0123456789abcde\x80", 16, 15},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t bad = 99;
		ck_assert(!ph_utf8_valid(cases[i].text, cases[i].length, &bad));
		ck_assert_uint_eq(bad, cases[i].bad);
	}
	size_t bad = 99;
	ck_assert(ph_utf8_valid("", 0, &bad));
	ck_assert(ph_utf8_valid("0123456789\xf0\x9f\x90\xb4 0123456789", 25, &bad));
	ck_assert(ph_utf8_valid("a\0b", 3, &bad));
	ck_assert_uint_eq(bad, 99);
}
END_TEST

START_TEST(prefixes_end_between_characters)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb4z";
	size_t length = sizeof text - 1;
	ck_assert_uint_eq(ph_utf8_length(text, length), 5);
	static const size_t ends[] = {0, 1, 3, 6, 10, 11, 11};
	for (size_t count = 0; count < sizeof ends / sizeof ends[0]; count++)
		ck_assert_uint_eq(ph_utf8_prefix(text, length, count), ends[count]);
}
END_TEST

START_TEST(hex_both_ways)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0x7f, 0x80, 0xab, 0xff};
	char text[13];
	ph_hex_encode(bytes, sizeof bytes, text);
	ck_assert_str_eq(text, "00017f80abff");
	uint8_t back[6];
	ck_assert(ph_hex_decode("00017F80aBfF", 12, back));
	ck_assert_mem_eq(back, bytes, 6);
	ck_assert(ph_hex_decode("", 0, back));
	ck_assert(!ph_hex_decode("0", 1, back));
	ck_assert(!ph_hex_decode("0g", 2, back));
	ck_assert(!ph_hex_decode(" 0", 2, back));
	ph_hex_encode(bytes, 0, text);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(base32_vectors)
{
	/* RFC 4648, section 10, with Crockford's alphabet in place of the RFC's */
	static const struct {
		const char *bytes;
		size_t digits;
		const char *text;
	} vectors[] = {
	    {"f", 2, "CR"},
	    {"fo", 4, "CSQG"},
	    {"foo", 5, "CSQPY"},
	    {"foob", 7, "CSQPYRG"},
	    {"fooba", 8, "CSQPYRK1"},
	    {"foobar", 10, "CSQPYRK1E8"},
	};
	char out[32];
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		/* a zero byte follows the text, so its digits may run past it */
		ph_base32_encode(
		    (const uint8_t *) vectors[i].bytes, vectors[i].digits, out);
		ck_assert_str_eq(out, vectors[i].text);
	}
	static const uint8_t ones[10] = {
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	ph_base32_encode(ones, 13, out);
	ck_assert_str_eq(out, "ZZZZZZZZZZZZZ");
	static const uint8_t count[20] = {0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54,
	    0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a, 0x56, 0xd7, 0xc6, 0x75, 0xbe, 0x77,
	    0xdf};
	char all[33];
	ph_base32_encode(count, 32, all);
	ck_assert_str_eq(all, "0123456789ABCDEFGHJKMNPQRSTVWXYZ");
	ph_base32_encode(count, 0, out);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(words_are_compared_whole)
{
	ck_assert(ph_text_is("open", 4, "open"));
	ck_assert(ph_text_is("open!", 4, "open"));
	ck_assert(!ph_text_is("open!", 5, "open"));
	ck_assert(!ph_text_is("ope", 3, "open"));
	ck_assert(!ph_text_is("Open", 4, "open"));
	ck_assert(ph_text_is(NULL, 0, ""));
}
END_TEST

static Suite *
text_suite(void)
{
	Suite *suite = suite_create("text");
	TCase *cases = tcase_create("text");
	tcase_add_test(cases, every_code_point_goes_there_and_back);
	tcase_add_test(cases, sequences_are_judged_by_the_grammar);
	tcase_add_test(cases, the_first_bad_byte_is_named);
	tcase_add_test(cases, prefixes_end_between_characters);
	tcase_add_test(cases, hex_both_ways);
	tcase_add_test(cases, base32_vectors);
	tcase_add_test(cases, words_are_compared_whole);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(text_suite());
}
