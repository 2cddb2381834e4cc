/* crc32c: the published vectors, and the two ways held together. */
#include "lib/base/crc32c.h"

#include <string.h>

#include "tests/unit/check_main.h"

typedef uint32_t (*crc_function)(uint32_t crc, const void *bytes, size_t length);
static const crc_function ways[] = {ph_crc32c, ph_crc32c_portable};

START_TEST(vectors_of_rfc_3720)
{
	crc_function crc = ways[_i];
	uint8_t bytes[32];
	memset(bytes, 0, sizeof bytes);
	ck_assert_uint_eq(crc(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	ck_assert_uint_eq(crc(0, bytes, 32), 0x62a8ab43);
	for (size_t i = 0; i < 32; i++)
		bytes[i] = (uint8_t) i;
	ck_assert_uint_eq(crc(0, bytes, 32), 0x46dd794e);
	for (size_t i = 0; i < 32; i++)
		bytes[i] = (uint8_t) (31 - i);
	ck_assert_uint_eq(crc(0, bytes, 32), 0x113fdb5c);
	/* a SCSI read (10) command */
	static const uint8_t scsi[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0,
	    0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0};
	ck_assert_uint_eq(crc(0, scsi, 48), 0xd9963a56);
	ck_assert_uint_eq(crc(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(crc(0, "", 0), 0);
}
END_TEST

START_TEST(any_split_gives_the_same)
{
	uint8_t bytes[100];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t) (i * 37 + 11);
	uint32_t whole = ways[_i](0, bytes, sizeof bytes);
	for (size_t cut = 0; cut <= sizeof bytes; cut++) {
		uint32_t crc = ways[_i](0, bytes, cut);
		ck_assert_uint_eq(
		    ways[_i](crc, bytes + cut, sizeof bytes - cut), whole);
	}
}
END_TEST

START_TEST(both_ways_agree)
{
	uint8_t bytes[1300]; /* three rows of three lanes, and a rest */
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t) (i * i + 5 * i + i / 256);
	for (size_t length = 0; length < 1280; length++) {
		const uint8_t *odd = bytes + length % 17;
		ck_assert_uint_eq(
		    ph_crc32c(1, odd, length), ph_crc32c_portable(1, odd, length));
	}
}
END_TEST

START_TEST(the_table_is_the_polynomial)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		uint32_t crc = ~UINT32_C(0) ^ byte;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
		uint8_t one = (uint8_t) byte;
		ck_assert_uint_eq(ph_crc32c_portable(0, &one, 1), ~crc);
	}
}
END_TEST

static Suite *
crc32c_suite(void)
{
	Suite *suite = suite_create("crc32c");
	TCase *cases = tcase_create("crc32c");
	tcase_add_loop_test(cases, vectors_of_rfc_3720, 0, 2);
	tcase_add_loop_test(cases, any_split_gives_the_same, 0, 2);
	tcase_add_test(cases, both_ways_agree);
	tcase_add_test(cases, the_table_is_the_polynomial);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(crc32c_suite());
}
