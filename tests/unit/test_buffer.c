/* buffer and reader: byte order, limits, failure that is remembered. */
#include "lib/base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"

START_TEST(numbers_are_little_endian)
{
	ph_buffer buffer;
	ph_buffer_init(&buffer, 0);
	ph_buffer_u8(&buffer, 0x01);
	ph_buffer_u16(&buffer, 0x0302);
	ph_buffer_u32(&buffer, 0x07060504);
	ph_buffer_u64(&buffer, UINT64_C(0x0f0e0d0c0b0a0908));
	ck_assert_uint_eq(buffer.length, 15);
	for (size_t i = 0; i < 15; i++)
		ck_assert_uint_eq(buffer.data[i], i + 1);

	ph_reader reader;
	ph_reader_init(&reader, buffer.data, buffer.length);
	ck_assert_uint_eq(ph_reader_u8(&reader), 0x01);
	ck_assert_uint_eq(ph_reader_u16(&reader), 0x0302);
	ck_assert_uint_eq(ph_reader_u32(&reader), 0x07060504);
	ck_assert_uint_eq(ph_reader_u64(&reader), UINT64_C(0x0f0e0d0c0b0a0908));
	ck_assert_uint_eq(ph_reader_left(&reader), 0);
	ck_assert(!reader.failed);
	ph_buffer_fini(&buffer);
	ck_assert_ptr_null(buffer.data);
}
END_TEST

START_TEST(strings_and_blobs)
{
	ph_buffer buffer;
	ph_buffer_init(&buffer, 0);
	ph_buffer_string(&buffer, "waste");
	ph_buffer_string(&buffer, NULL);
	ph_buffer_blob16(&buffer, "a\0b", 3);
	ph_buffer_string(&buffer, "long for its place");
	ph_reader reader;
	ph_reader_init(&reader, buffer.data, buffer.length);
	char text[8];
	ph_reader_copy(&reader, text, sizeof text);
	ck_assert_str_eq(text, "waste");
	ph_reader_copy(&reader, text, sizeof text);
	ck_assert_str_eq(text, "");
	size_t length = 0;
	const char *blob = ph_reader_string(&reader, &length);
	ck_assert_uint_eq(length, 3);
	ck_assert_mem_eq(blob, "a\0b", 3);
	ck_assert(!reader.failed);
	ph_reader_copy(&reader, text, sizeof text);
	ck_assert(reader.failed);
	ck_assert_str_eq(text, "");
	ph_buffer_fini(&buffer);
}
END_TEST

START_TEST(a_copy_needs_room_for_its_zero)
{
	ph_buffer buffer;
	ph_buffer_init(&buffer, 0);
	ph_buffer_string(&buffer, "1234");
	ph_buffer_string(&buffer, "1234");
	ph_reader reader;
	ph_reader_init(&reader, buffer.data, buffer.length);
	char five[5];
	char four[4];
	ph_reader_copy(&reader, five, sizeof five);
	ck_assert(!reader.failed);
	ck_assert_str_eq(five, "1234");
	ph_reader_copy(&reader, four, sizeof four);
	ck_assert(reader.failed);
	ph_buffer_fini(&buffer);
}
END_TEST

START_TEST(a_string_over_64k_fails)
{
	char *large = malloc(65537);
	ck_assert_ptr_nonnull(large);
	memset(large, 'x', 65536);
	large[65536] = '\0';
	ph_buffer buffer;
	ph_buffer_init(&buffer, 0);
	ph_buffer_blob16(&buffer, large, 65535);
	ck_assert(!buffer.failed);
	ck_assert_uint_eq(buffer.length, 65537);
	ph_buffer_string(&buffer, large);
	ck_assert(buffer.failed);
	ph_buffer_fini(&buffer);
	free(large);
}
END_TEST

START_TEST(the_limit_stops_writing)
{
	ph_buffer buffer;
	ph_buffer_init(&buffer, 10);
	ph_buffer_append(&buffer, "0123456789", 10);
	ck_assert(!buffer.failed);
	ph_buffer_u8(&buffer, 1);
	ck_assert(buffer.failed);
	ck_assert_uint_eq(buffer.length, 10);
	ck_assert_ptr_null(ph_buffer_cstr(&buffer));
	ph_buffer_text(&buffer, "");
	ck_assert(buffer.failed);
	ph_buffer_clear(&buffer);
	ck_assert(!buffer.failed);
	ph_buffer_printf(&buffer, "%010d", 42);
	ck_assert_str_eq(ph_buffer_cstr(&buffer), "0000000042");
	ph_buffer_fini(&buffer);
}
END_TEST

START_TEST(a_reserve_that_wraps_around_fails)
{
	ph_buffer buffer;
	ph_buffer_init(&buffer, 0);
	ph_buffer_u8(&buffer, 1);
	ck_assert(!ph_buffer_reserve(&buffer, SIZE_MAX));
	ck_assert(buffer.failed);
	ph_buffer_fini(&buffer);
}
END_TEST

START_TEST(text_and_formats)
{
	ph_buffer buffer;
	ph_buffer_init(&buffer, 0);
	ck_assert_str_eq(ph_buffer_cstr(&buffer), "");
	for (int i = 0; i < 1000; i++)
		ph_buffer_printf(&buffer, "%d,", i % 10);
	ck_assert_uint_eq(buffer.length, 2000);
	ck_assert_int_eq(
	    strncmp(ph_buffer_cstr(&buffer), "0,1,2,3,4,5,6,7,8,9,0,", 22), 0);
	ck_assert_uint_eq(strlen(ph_buffer_cstr(&buffer)), 2000);
	ph_buffer_clear(&buffer);
	ph_buffer_text(&buffer, "one");
	ph_buffer_text(&buffer, "two");
	ck_assert_str_eq(ph_buffer_cstr(&buffer), "onetwo");
	ph_buffer_fini(&buffer);
}
END_TEST

START_TEST(numbers_can_be_overwritten)
{
	ph_buffer buffer;
	ph_buffer_init(&buffer, 0);
	ph_buffer_u32(&buffer, 0);
	ph_buffer_text(&buffer, "body");
	ph_buffer_set_u32(&buffer, 0, (uint32_t) buffer.length);
	ck_assert_mem_eq(buffer.data, "\x08\0\0\0body", 8);
	ph_buffer_fini(&buffer);
}
END_TEST

START_TEST(a_reader_that_ran_out_reads_zeros)
{
	ph_reader reader;
	ph_reader_init(&reader, "\xff\xff\xff", 3);
	ck_assert_uint_eq(ph_reader_u16(&reader), 0xffff);
	ck_assert_uint_eq(ph_reader_u16(&reader), 0);
	ck_assert(reader.failed);
	ck_assert_uint_eq(ph_reader_u8(&reader), 0);
	ck_assert_uint_eq(ph_reader_left(&reader), 0);
	ck_assert_ptr_null(ph_reader_bytes(&reader, 0));
}
END_TEST

START_TEST(a_reader_of_nothing)
{
	ph_reader reader;
	ph_reader_init(&reader, NULL, 0);
	ck_assert_ptr_nonnull(ph_reader_bytes(&reader, 0));
	ck_assert(!reader.failed);
	ck_assert_uint_eq(ph_reader_u8(&reader), 0);
	ck_assert(reader.failed);
}
END_TEST

static Suite *
buffer_suite(void)
{
	Suite *suite = suite_create("buffer");
	TCase *cases = tcase_create("buffer");
	tcase_add_test(cases, numbers_are_little_endian);
	tcase_add_test(cases, strings_and_blobs);
	tcase_add_test(cases, a_copy_needs_room_for_its_zero);
	tcase_add_test(cases, a_string_over_64k_fails);
	tcase_add_test(cases, the_limit_stops_writing);
	tcase_add_test(cases, a_reserve_that_wraps_around_fails);
	tcase_add_test(cases, text_and_formats);
	tcase_add_test(cases, numbers_can_be_overwritten);
	tcase_add_test(cases, a_reader_that_ran_out_reads_zeros);
	tcase_add_test(cases, a_reader_of_nothing);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(buffer_suite());
}
