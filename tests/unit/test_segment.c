/* segment: the header and the frame, byte by byte; what the cursor believes. */
#include "broker/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/store.h"
#include "lib/base/crc32c.h"
#include "tests/unit/check_main.h"

static const ph_segment_head sample_head = {
    .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .number = 7,
    .oldest = 2,
    .bytes = 1u << 20,
    .first = 1000,
    .epoch = 5,
    .made_ms = 1795406400123,
};

/* An open file of a few pages, gone from the directory. */
static int
scratch_file(void)
{
	char path[] = "/tmp/ph-segment-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(ftruncate(fd, 65536), 0);
	return fd;
}

/* Write a record by hand; returns the offset behind it. */
static uint64_t
put_record(int fd, uint32_t salt, uint64_t offset, uint64_t sequence, const char *text)
{
	uint8_t bytes[1024] = {0};
	size_t length = strlen(text);
	size_t size = (size_t) ph_frame_size(length);

	memcpy(bytes + PH_FRAME_HEAD, text, length);
	ph_frame frame = {
	    .sequence = sequence,
	    .wall_ms = 1795406400123,
	    .length = (uint32_t) length,
	    .lag = 1,
	    .type = 3,
	    .body_crc =
		ph_frame_body_crc(salt, bytes + PH_FRAME_HEAD, size - PH_FRAME_HEAD),
	};
	ph_frame_encode(&frame, salt, bytes);
	ck_assert_int_eq(pwrite(fd, bytes, size, (off_t) offset), (ssize_t) size);
	return offset + size;
}

START_TEST(header_comes_back)
{
	uint8_t block[PH_SEGMENT_HEAD];
	ph_segment_head head;

	ph_segment_head_encode(&sample_head, block);
	ck_assert_int_eq(ph_segment_head_decode(block, &head, NULL), PH_OK);
	ck_assert_mem_eq(head.id, sample_head.id, PH_SEGMENT_ID);
	ck_assert_uint_eq(head.number, 7);
	ck_assert_uint_eq(head.oldest, 2);
	ck_assert_uint_eq(head.bytes, 1u << 20);
	ck_assert_uint_eq(head.first, 1000);
	ck_assert_uint_eq(head.epoch, 5);
	ck_assert_int_eq(head.made_ms, 1795406400123);
}
END_TEST

START_TEST(every_byte_of_the_header_counts)
{
	uint8_t block[PH_SEGMENT_HEAD];
	ph_segment_head head;

	ph_segment_head_encode(&sample_head, block);
	for (size_t i = 0; i < sizeof block; i++) {
		block[i] ^= 0xff;
		ck_assert_int_eq(
		    ph_segment_head_decode(block, &head, NULL), PH_ERR_DAMAGED);
		block[i] ^= 0xff;
	}
}
END_TEST

START_TEST(another_version_is_named)
{
	uint8_t block[PH_SEGMENT_HEAD];
	ph_segment_head head;
	ph_error err;

	ph_segment_head_encode(&sample_head, block);
	block[8] = 9;
	uint32_t crc = ph_crc32c(0, block, PH_SEGMENT_HEAD - 4);
	for (unsigned i = 0; i < 4; i++)
		block[PH_SEGMENT_HEAD - 4 + i] = (uint8_t) (crc >> 8 * i);
	ck_assert_int_eq(ph_segment_head_decode(block, &head, &err), PH_ERR_VERSION);
	ck_assert_ptr_nonnull(strstr(err.text, "version 9"));
}
END_TEST

START_TEST(names)
{
	char name[PH_SEGMENT_NAME];

	ph_segment_name(42, name);
	ck_assert_str_eq(name, "0000000042.segment");
	ck_assert_uint_eq(ph_segment_name_number(name), 42);
	ck_assert_uint_eq(ph_segment_name_number("4294967295.segment"), 4294967295u);
	ck_assert_uint_eq(ph_segment_name_number("4294967296.segment"), 0);
	ck_assert_uint_eq(ph_segment_name_number("000000004x.segment"), 0);
	ck_assert_uint_eq(ph_segment_name_number("0000000042.segment.new"), 0);
	ck_assert_uint_eq(ph_segment_name_number("lock"), 0);
	ck_assert_uint_eq(ph_segment_name_number(""), 0);
}
END_TEST

START_TEST(frame_comes_back)
{
	uint8_t bytes[PH_FRAME_HEAD];
	ph_frame in = {
	    .sequence = 0x1122334455667788,
	    .wall_ms = 1795406400123,
	    .length = 1234,
	    .lag = 17,
	    .body_crc = 0xdeadbeef,
	    .type = 10,
	};
	ph_frame out;

	ph_frame_encode(&in, 99, bytes);
	ck_assert(ph_frame_decode(bytes, 99, &out));
	ck_assert_uint_eq(out.sequence, in.sequence);
	ck_assert_int_eq(out.wall_ms, in.wall_ms);
	ck_assert_uint_eq(out.length, in.length);
	ck_assert_uint_eq(out.lag, in.lag);
	ck_assert_uint_eq(out.body_crc, in.body_crc);
	ck_assert_uint_eq(out.type, in.type);
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] ^= 0x01;
		ck_assert(!ph_frame_decode(bytes, 99, &out));
		bytes[i] ^= 0x01;
	}
}
END_TEST

START_TEST(a_frame_of_elsewhere_is_none)
{
	uint32_t here = ph_segment_salt(sample_head.id, 7);
	uint32_t next = ph_segment_salt(sample_head.id, 8);
	uint8_t other_id[PH_SEGMENT_ID] = {9};
	uint8_t bytes[PH_FRAME_HEAD];
	ph_frame in = {.sequence = 5, .lag = 1, .type = 3};
	ph_frame out;

	ck_assert_uint_ne(here, next);
	ph_frame_encode(&in, here, bytes);
	ck_assert(ph_frame_decode(bytes, here, &out));
	ck_assert(!ph_frame_decode(bytes, next, &out));
	ck_assert(!ph_frame_decode(bytes, ph_segment_salt(other_id, 7), &out));
	memset(bytes, 0, sizeof bytes);
	ck_assert(!ph_frame_decode(bytes, here, &out));
}
END_TEST

START_TEST(impossible_frames_are_none)
{
	static const ph_frame bad[] = {
	    {.sequence = 5, .lag = 0, .type = 3},
	    {.sequence = 5, .lag = 6, .type = 3},
	    {.sequence = 5, .lag = 1, .type = 0},
	    {.sequence = 5, .lag = 1, .type = 3, .length = PH_STORE_BODY_MAX + 1},
	};
	uint8_t bytes[PH_FRAME_HEAD];
	ph_frame out;

	ph_frame_encode(&bad[_i], 1, bytes);
	ck_assert(!ph_frame_decode(bytes, 1, &out));
}
END_TEST

START_TEST(cursor_walks_and_stops)
{
	int fd = scratch_file();
	uint64_t end = put_record(fd, 5, PH_SEGMENT_HEAD, 20, "first");
	end = put_record(fd, 5, end, 21, "");
	end = put_record(fd, 5, end, 22, "third, 16 bytes.");
	put_record(fd, 5, end, 24, "not the next one");
	static const char *const texts[] = {"first", "", "third, 16 bytes."};
	ph_cursor cursor;

	ph_cursor_init(&cursor, ph_fs_system(), 64);
	ph_cursor_set(&cursor, fd, 5, 65536, PH_SEGMENT_HEAD, 20);
	ph_frame frame;
	const uint8_t *body;
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(ph_cursor_next(&cursor, &frame, &body, NULL), PH_OK);
		ck_assert_uint_eq(frame.sequence, 20 + i);
		ck_assert_uint_eq(frame.length, strlen(texts[i]));
		ck_assert_mem_eq(body, texts[i], frame.length);
	}
	ck_assert_int_eq(
	    ph_cursor_next(&cursor, &frame, &body, NULL), PH_ERR_NOT_FOUND);
	ck_assert_uint_eq(cursor.offset, end);
	ph_cursor_fini(&cursor);
	close(fd);
}
END_TEST

START_TEST(cursor_finds_the_next_record_behind_damage)
{
	int fd = scratch_file();
	uint64_t second = put_record(fd, 5, PH_SEGMENT_HEAD, 20, "first");
	uint64_t third = put_record(fd, 5, second, 21, "second is damaged");
	uint64_t end = put_record(fd, 5, third, 22, "third");
	ck_assert_int_eq(pwrite(fd, "X", 1, (off_t) second + 40), 1);
	ph_cursor cursor;
	ph_frame frame;
	const uint8_t *body;

	ph_cursor_init(&cursor, ph_fs_system(), 64);
	ph_cursor_set(&cursor, fd, 5, 65536, PH_SEGMENT_HEAD, 20);
	ck_assert_int_eq(ph_cursor_next(&cursor, &frame, &body, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_cursor_next(&cursor, &frame, &body, NULL), PH_ERR_NOT_FOUND);
	ck_assert_int_eq(ph_cursor_resync(&cursor, 65536, NULL), PH_OK);
	ck_assert_uint_eq(cursor.offset, third);
	ck_assert_uint_eq(cursor.sequence, 22);
	ck_assert_int_eq(ph_cursor_next(&cursor, &frame, &body, NULL), PH_OK);
	ck_assert_int_eq(ph_cursor_resync(&cursor, 65536, NULL), PH_ERR_NOT_FOUND);
	uint64_t used = 0;
	ck_assert_int_eq(ph_cursor_used(&cursor, &used, NULL), PH_OK);
	ck_assert_uint_eq(used, end);
	ck_assert_int_eq(pwrite(fd, "Y", 1, 60000), 1);
	ph_cursor_set(&cursor, fd, 5, 65536, end, 23);
	ck_assert_int_eq(ph_cursor_used(&cursor, &used, NULL), PH_OK);
	ck_assert_uint_eq(used, 60001);
	ph_cursor_fini(&cursor);
	close(fd);
}
END_TEST

START_TEST(cursor_keeps_to_its_limit)
{
	int fd = scratch_file();
	uint64_t end = put_record(fd, 5, PH_SEGMENT_HEAD, 20, "first");
	ph_cursor cursor;
	ph_frame frame;
	const uint8_t *body;

	ph_cursor_init(&cursor, ph_fs_system(), 4096);
	for (uint64_t limit = PH_SEGMENT_HEAD; limit < end; limit++) {
		ph_cursor_set(&cursor, fd, 5, limit, PH_SEGMENT_HEAD, 20);
		ck_assert_int_eq(
		    ph_cursor_next(&cursor, &frame, &body, NULL), PH_ERR_NOT_FOUND);
	}
	ph_cursor_set(&cursor, fd, 5, end, PH_SEGMENT_HEAD, 20);
	ck_assert_int_eq(ph_cursor_next(&cursor, &frame, &body, NULL), PH_OK);
	ph_cursor_fini(&cursor);
	close(fd);
}
END_TEST

static Suite *
segment_suite(void)
{
	Suite *suite = suite_create("segment");
	TCase *tcase = tcase_create("segment");

	tcase_add_test(tcase, header_comes_back);
	tcase_add_test(tcase, every_byte_of_the_header_counts);
	tcase_add_test(tcase, another_version_is_named);
	tcase_add_test(tcase, names);
	tcase_add_test(tcase, frame_comes_back);
	tcase_add_test(tcase, a_frame_of_elsewhere_is_none);
	tcase_add_loop_test(tcase, impossible_frames_are_none, 0, 4);
	tcase_add_test(tcase, cursor_walks_and_stops);
	tcase_add_test(tcase, cursor_finds_the_next_record_behind_damage);
	tcase_add_test(tcase, cursor_keeps_to_its_limit);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(segment_suite());
}
