/*
 * The bytes of a checkpoint: what was written is read, and a change of any byte is noticed.
 */
#include <string.h>

#include "broker/checkpoint_file.h"
#include "lib/base/crc32c.h"
#include "tests/unit/check_main.h"

#define LATER_TAG 4711u

static ph_buffer image;

/* A small file: two sections, one of them of a later version. */
static void
make(bool later_optional)
{
	ph_buffer_init(&image, 0);
	ph_checkpoint_image_begin(&image, 7, 1790000000123);
	size_t at = ph_checkpoint_section_begin(&image, PH_CHECKPOINT_CURSORS, false);
	ph_buffer_text(&image, "how far");
	ph_checkpoint_section_end(&image, at);
	at = ph_checkpoint_section_begin(&image, LATER_TAG, later_optional);
	ph_buffer_text(&image, "whatever");
	ph_checkpoint_section_end(&image, at);
	at = ph_checkpoint_section_begin(&image, PH_CHECKPOINT_PROGRESS, false);
	ph_checkpoint_section_end(&image, at);
	ph_checkpoint_image_seal(&image);
	ck_assert(!image.failed);
}

static void
drop(void)
{
	ph_buffer_fini(&image);
}

START_TEST(what_was_written_is_read)
{
	ph_checkpoint_file file;
	make(true);
	ck_assert_int_eq(
	    ph_checkpoint_file_parse(image.data, image.length, &file, NULL), PH_OK);
	ck_assert_uint_eq(file.number, 7);
	ck_assert_int_eq(file.taken_ms, 1790000000123);
	ck_assert_uint_eq(file.count, 4);
	const ph_checkpoint_section *cursors =
	    ph_checkpoint_file_find(&file, PH_CHECKPOINT_CURSORS);
	ck_assert_ptr_nonnull(cursors);
	ck_assert_uint_eq(cursors->length, 7);
	ck_assert_mem_eq(cursors->body, "how far", 7);
	ck_assert_uint_eq(
	    ph_checkpoint_file_find(&file, PH_CHECKPOINT_PROGRESS)->length, 0);
	ck_assert_ptr_null(ph_checkpoint_file_find(&file, PH_CHECKPOINT_ITEMS));
}
END_TEST

START_TEST(layout_is_the_documented_one)
{
	ph_reader head;
	make(true);
	ck_assert_mem_eq(image.data, "PHCHKPT\n", 8);
	ph_reader_init(&head, image.data, image.length);
	head.at = 8;
	ck_assert_uint_eq(ph_reader_u32(&head), 1); /* version */
	ck_assert_uint_eq(ph_reader_u32(&head), 4); /* sections */
	ck_assert_uint_eq(ph_reader_u64(&head), 7);
	ck_assert_uint_eq(ph_reader_u64(&head), 1790000000123u);
	ck_assert_uint_eq(ph_reader_u64(&head), image.length);
	ck_assert_uint_eq(ph_reader_u32(&head), 0);
	uint32_t salt = ph_crc32c(0, image.data, 44);
	ck_assert_uint_eq(ph_reader_u32(&head), salt);
	ck_assert_uint_eq(ph_reader_u32(&head), PH_CHECKPOINT_CURSORS);
	ck_assert_uint_eq(ph_reader_u32(&head), 0);
	ck_assert_uint_eq(ph_reader_u64(&head), 7);
	ck_assert_uint_eq(ph_reader_u32(&head), ph_crc32c(salt, "how far", 7));
	ck_assert_uint_eq(ph_reader_u32(&head), ph_crc32c(salt, image.data + 48, 20));
	ck_assert_mem_eq(image.data + head.at, "how far", 7);
}
END_TEST

START_TEST(every_changed_byte_is_noticed)
{
	ph_checkpoint_file file;
	make(true);
	for (size_t i = 0; i < image.length; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			image.data[i] ^= (uint8_t) (1u << bit);
			ph_error err = {.status = PH_OK};
			ph_status status = ph_checkpoint_file_parse(
			    image.data, image.length, &file, &err);
			ck_assert_msg(status == PH_ERR_DAMAGED,
			    "byte %zu, bit %u: status %d", i, bit, (int) status);
			ck_assert_ptr_nonnull(strstr(err.text, "PH5340"));
			image.data[i] ^= (uint8_t) (1u << bit);
		}
	}
}
END_TEST

START_TEST(every_other_length_is_noticed)
{
	ph_checkpoint_file file;
	make(true);
	ph_buffer_u8(&image, 0);
	for (size_t length = 0; length <= image.length; length++) {
		/* a block of its own, so that reading past its end is noticed too */
		uint8_t *bytes = malloc(length + (length == 0));
		ck_assert_ptr_nonnull(bytes);
		memcpy(bytes, image.data, length);
		ph_status status = ph_checkpoint_file_parse(bytes, length, &file, NULL);
		ck_assert_int_eq(
		    status, length == image.length - 1 ? PH_OK : PH_ERR_DAMAGED);
		free(bytes);
	}
}
END_TEST

START_TEST(a_section_that_is_needed_and_not_known_is_refused)
{
	ph_checkpoint_file file;
	ph_error err;
	make(false);
	ck_assert_int_eq(
	    ph_checkpoint_file_parse(image.data, image.length, &file, &err),
	    PH_ERR_VERSION);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5341"));
}
END_TEST

START_TEST(another_version_is_refused)
{
	ph_checkpoint_file file;
	ph_error err;
	make(true);
	ph_buffer_set_u32(&image, 8, 2);
	ph_buffer_set_u32(&image, 44, ph_crc32c(0, image.data, 44));
	ck_assert_int_eq(
	    ph_checkpoint_file_parse(image.data, image.length, &file, &err),
	    PH_ERR_VERSION);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5341"));
}
END_TEST

static Suite *
checkpoint_file_suite(void)
{
	Suite *suite = suite_create("checkpoint_file");
	TCase *tests = tcase_create("bytes");
	tcase_add_checked_fixture(tests, NULL, drop);
	tcase_add_test(tests, what_was_written_is_read);
	tcase_add_test(tests, layout_is_the_documented_one);
	tcase_add_test(tests, every_changed_byte_is_noticed);
	tcase_add_test(tests, every_other_length_is_noticed);
	tcase_add_test(tests, a_section_that_is_needed_and_not_known_is_refused);
	tcase_add_test(tests, another_version_is_refused);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(checkpoint_file_suite());
}
