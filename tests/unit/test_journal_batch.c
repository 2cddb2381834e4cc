/*
 * Batches, laid out by pages: what is written is the records, one batch behind the other, and zeros
 * behind the last; always from the beginning of a page to the end of one, from memory that begins at
 * one.
 */
#include "broker/journal_batch.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"

#define FILE_BYTES (1u << 20)

static uint8_t on_disk[FILE_BYTES];
static uint8_t meant[FILE_BYTES]; /* what should be there */
static ph_batch batch;
static ph_batch_edge edge;

static void
begin(void)
{
	memset(on_disk, 0, sizeof on_disk);
	memset(meant, 0, sizeof meant);
	memset(&edge, 0xee, sizeof edge);
	batch = (ph_batch){.bytes = NULL};
}

static void
end(void)
{
	ph_batch_free(&batch);
	ck_assert_ptr_null(batch.memory);
	ph_batch_free(&batch);
}

/* So many bytes into the batch that goes to a place. */
static void
add(uint64_t at, size_t length, uint64_t *random)
{
	ck_assert(ph_batch_reserve(&batch, at, length));
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t) (1 + fake_random(random, 255));
		batch.bytes[batch.length + i] = byte;
		meant[at + batch.length + i] = byte;
	}
	batch.length += length;
}

/* Write it; where the next one goes. */
static uint64_t
write_it(uint64_t at)
{
	ph_span span = ph_batch_span(&batch, at, &edge);

	ck_assert_uint_eq(span.offset % PH_BATCH_PAGE, 0);
	ck_assert_uint_eq(span.length % PH_BATCH_PAGE, 0);
	ck_assert_uint_eq((uintptr_t) span.bytes % PH_BATCH_PAGE, 0);
	ck_assert_uint_le(span.offset, at);
	ck_assert_uint_lt(span.offset + span.length, at + batch.length + PH_BATCH_PAGE);
	memcpy(on_disk + span.offset, span.bytes, span.length);
	at += batch.length;
	batch.length = 0;
	return at;
}

START_TEST(batches_of_any_length)
{
	uint64_t random = (uint64_t) _i + 1, at = PH_BATCH_PAGE;

	while (at < FILE_BYTES - 200000) {
		uint64_t most = fake_random(&random, 4) == 0 ? 60000 : 3000;
		uint64_t pieces = 1 + fake_random(&random, 3);

		for (uint64_t i = 0; i < pieces; i++)
			add(at, 8 + 8 * fake_random(&random, most / 8), &random);
		at = write_it(at);
		ck_assert_mem_eq(on_disk, meant, sizeof on_disk);
		if (fake_random(&random, 5) == 0) /* other memory for the next one */
			ph_batch_free(&batch);
	}
}
END_TEST

/* Filled to the last byte, there is still room for what stands before and behind. */
START_TEST(a_full_batch)
{
	for (size_t at = 4096; at < 8192; at += 8) {
		ck_assert(ph_batch_new(&batch, 4096 + 16));
		ck_assert(ph_batch_reserve(&batch, at, 4096 + 16));
		ck_assert_uint_eq(batch.size, 4096 + 16);
		memset(batch.bytes, 5, batch.size);
		batch.length = batch.size;
		(void) write_it(at);
		ph_batch_free(&batch);
	}
}
END_TEST

START_TEST(whole_pages_need_no_more)
{
	uint64_t random = 1;

	add(4096, 8192, &random);
	ph_span span = ph_batch_span(&batch, 4096, &edge);
	ck_assert_uint_eq(span.offset, 4096);
	ck_assert_uint_eq(span.length, 8192);
	ck_assert_ptr_eq(span.bytes, batch.bytes);
	ck_assert_uint_eq(edge.bytes[0], 0xee); /* nothing stands before the next */
}
END_TEST

START_TEST(nothing_to_write)
{
	ph_span span = ph_batch_span(&batch, 5000, &edge);
	ck_assert_uint_eq(span.length, 0);
	ck_assert_uint_eq(edge.bytes[0], 0xee);
}
END_TEST

/* The records of a file that is going to be given up are gathered for the beginning of another. */
START_TEST(begun_for_another_place)
{
	uint64_t random = 1;

	ck_assert(ph_batch_reserve(&batch, 4096 + 1000, 104));
	memset(batch.bytes, 5, 104);
	batch.length = 104;
	ph_span span = ph_batch_span(&batch, 4096, &edge);
	ck_assert_uint_eq(span.offset, 4096);
	ck_assert_uint_eq(span.length, 4096);
	memcpy(on_disk + 4096, span.bytes, span.length);
	memset(meant + 4096, 5, 104);
	batch.length = 0;
	add(4200, 200, &random);
	ck_assert_uint_eq(write_it(4200), 4400);
	ck_assert_mem_eq(on_disk, meant, sizeof on_disk);
}
END_TEST

static Suite *
batch_suite(void)
{
	Suite *suite = suite_create("journal-batch");
	TCase *tests = tcase_create("journal-batch");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_loop_test(tests, batches_of_any_length, 0, 8);
	tcase_add_test(tests, a_full_batch);
	tcase_add_test(tests, whole_pages_need_no_more);
	tcase_add_test(tests, nothing_to_write);
	tcase_add_test(tests, begun_for_another_place);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(batch_suite());
}
