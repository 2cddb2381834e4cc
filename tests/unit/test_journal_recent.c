/*
 * What a reader that follows the journal is handed in memory: the very bytes, nothing before it is
 * durable, nothing twice and nothing left out; and from the file what is not in memory.
 */
#include "broker/journal_recent.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "broker/journal.h"
#include "broker/record.h"
#include "tests/unit/journal_steps.h"

#define LEAST 100
#define MOST  1000

static ph_recent recent;
static const int mine, other; /* two readers */
static ph_kept kept;
static uint64_t next;

/* --- the batches themselves --- */

static void
begin(void)
{
	ph_recent_init(&recent, MOST, LEAST);
	kept = (ph_kept){.start = 0};
}

static void
end(void)
{
	ph_recent_give_back(&recent, &kept);
	ph_recent_leave(&recent, &mine);
	ph_recent_leave(&recent, &other);
	ph_recent_fini(&recent);
}

/* A batch of this length at a place; true: it was taken. */
static bool
put_batch(uint64_t start, size_t length)
{
	ph_batch batch;

	ck_assert(ph_batch_new(&batch, length));
	uint8_t *bytes = batch.bytes;
	batch.length = length;
	memset(bytes, (int) (start & 0x7f), length);
	ph_recent_put(&recent, start, &batch);
	bool taken = batch.bytes != bytes;
	ck_assert_uint_eq(batch.length, taken ? 0 : length);
	ph_batch_free(&batch);
	return taken;
}

static bool
take(uint64_t position)
{
	ph_recent_give_back(&recent, &kept);
	return ph_recent_take(&recent, &mine, position, &kept, &next);
}

START_TEST(without_a_follower_nothing_is_kept)
{
	ck_assert(!put_batch(8, 200));
	ck_assert(!ph_recent_wants(&recent, LEAST));
	ph_recent_follow(&recent, &mine);
	ck_assert(!take(8));
	ck_assert_uint_eq(next, UINT64_MAX);
	ck_assert(put_batch(208, 200));
	ph_recent_leave(&recent, &other); /* that is not the one */
	ck_assert(put_batch(408, 200));
	ph_recent_leave(&recent, &mine);
	ck_assert(!put_batch(608, 200));
	ph_recent_follow(&recent, &mine);
	ck_assert(!take(208));
}
END_TEST

START_TEST(only_the_follower_is_given_a_batch)
{
	ph_recent_follow(&recent, &other);
	ck_assert(put_batch(8, 200));
	ck_assert(!take(8));
	ck_assert_uint_eq(next, UINT64_MAX);
	ph_recent_follow(&recent, &other); /* again: it keeps what is there */
	ck_assert(ph_recent_take(&recent, &other, 8, &kept, &next) && kept.start == 8);
	ck_assert(put_batch(208, 200));
	ph_recent_follow(&recent, &mine); /* what was for the other goes */
	ck_assert(!take(208));
}
END_TEST

START_TEST(what_is_too_small_or_too_large_is_not_kept)
{
	ph_recent_follow(&recent, &mine);
	ck_assert(!put_batch(8, LEAST - 1));
	ck_assert(put_batch(8, LEAST));
	ck_assert(take(8));
	ck_assert(put_batch(8 + LEAST, MOST));
	ck_assert(take(8 + LEAST));
	ck_assert(!put_batch(8, MOST + 1));
}
END_TEST

START_TEST(a_batch_is_found_by_any_byte_of_it)
{
	ph_recent_follow(&recent, &mine);
	ck_assert(put_batch(1000, 200));
	ck_assert(put_batch(1300, 200)); /* not right behind */
	ck_assert(!take(999));
	ck_assert_uint_eq(next, 1000);
	ck_assert(take(1199));
	ck_assert_uint_eq(kept.start, 1000);
	ck_assert_uint_eq(kept.end, 1200);
	ck_assert_uint_eq(kept.batch.length, 200);
	ck_assert_uint_eq(kept.batch.bytes[199], 1000 & 0x7f);
	ck_assert(!take(1000)); /* it was taken */
	ck_assert_uint_eq(next, 1300);
	ck_assert(!take(1200));
	ck_assert(take(1300));
	ck_assert(put_batch(1500, 200));
	ck_assert(put_batch(1700, 200));
	ck_assert(take(1700)); /* who is past the first does not get it any more */
	ck_assert(!take(1500));
	ck_assert_uint_eq(next, UINT64_MAX);
}
END_TEST

START_TEST(for_who_falls_behind_nothing_is_kept)
{
	ph_recent_follow(&recent, &mine);
	ck_assert(put_batch(1000, 400) && put_batch(1400, 400));
	ck_assert(take(1000));
	ck_assert(put_batch(1800, 400)); /* what was taken does not count */
	ck_assert(ph_recent_wants(&recent, LEAST));
	ck_assert(!ph_recent_wants(&recent, LEAST - 1));
	ck_assert(!put_batch(2200, 400));
	ck_assert(!ph_recent_wants(&recent, LEAST));
	ck_assert(!take(1400));
	ck_assert_uint_eq(next, UINT64_MAX);
	ck_assert(!put_batch(2600, 400));
	ph_recent_follow(&recent, &mine); /* it has read the rest from the files */
	ck_assert(ph_recent_wants(&recent, LEAST));
	ck_assert(put_batch(3000, 400));
	ck_assert(take(3000));
}
END_TEST

START_TEST(no_more_than_so_many)
{
	ph_recent_fini(&recent);
	ph_recent_init(&recent, 1u << 20, LEAST);
	ph_recent_follow(&recent, &mine);
	for (uint64_t i = 0; i < PH_RECENT_BATCHES; i++)
		ck_assert(put_batch(1000 + i * LEAST, LEAST));
	for (uint64_t i = 0; i < PH_RECENT_BATCHES; i++)
		ck_assert(take(1000 + i * LEAST));
	for (uint64_t i = 0; i < PH_RECENT_BATCHES; i++)
		ck_assert(put_batch(9000 + i * LEAST, LEAST));
	ck_assert(!put_batch(20000, LEAST));
	ck_assert(!take(9000));
}
END_TEST

START_TEST(memory_is_used_again)
{
	ph_batch batch;

	ck_assert(ph_batch_new(&batch, 200));
	uint8_t *first = batch.bytes;
	batch.length = 200;
	ph_recent_follow(&recent, &mine);
	ph_recent_put(&recent, 1000, &batch);
	ck_assert(take(1000));
	ph_recent_give_back(&recent, &kept);
	ck_assert_ptr_null(kept.batch.bytes);
	batch.length = 150;
	ph_recent_put(&recent, 1200, &batch);
	ck_assert_ptr_eq(batch.bytes, first);
	ck_assert_uint_eq(batch.length, 0);
	ck_assert_uint_eq(batch.size, 200);
	ph_batch_free(&batch);
}
END_TEST

/* --- a reader of a journal --- */

static ph_fs counting;
static unsigned reads;

static ssize_t
counted_pread(void *self, int fd, void *bytes, size_t length, int64_t offset)
{
	reads++;
	return ph_fs_system()->pread(self, fd, bytes, length, offset);
}

static ph_store *
open_it(void)
{
	ph_store *store;

	counting = *fixture_quick_fs();
	counting.pread = counted_pread;
	reads = 0;
	OK(fixture_open(&here, &counting, &store, NULL, NULL));
	return store;
}

/* A reader that has come to the end. */
static ph_store_reader *
follower(ph_store *store)
{
	ph_store_reader *reader;
	ph_store_record record;
	ph_status status;

	OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	while ((status = ph_store_reader_next(reader, &record, NULL)) == PH_OK)
		continue;
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	return reader;
}

/* It gives these, and then nothing more. */
static void
follow(ph_store_reader *reader, uint64_t first, uint64_t count)
{
	ph_store_record record;

	for (uint64_t id = first; id < first + count; id++) {
		OK(ph_store_reader_next(reader, &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), id);
	}
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_AGAIN);
}

START_TEST(who_follows_reads_no_file)
{
	ph_store *store = open_it();

	put(store, 1, 10);
	ph_store_reader *reader = follower(store);
	unsigned before = reads;
	put(store, 11, 80); /* with two long ones */
	put(store, 91, 80);
	follow(reader, 11, 160);
	ck_assert_uint_eq(reads, before);
	ph_store_idle(store, NULL); /* a mark, too small to be kept */
	put(store, 171, 80);
	follow(reader, 171, 80);
	ck_assert_uint_eq(reads, before + 1);
	ph_store_reader_destroy(&reader);
	expect(store, 1, 250);
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* Write over some bytes of the first file. */
static void
spoil(uint64_t offset)
{
	char path[256];

	fixture_path(&here, FIRST, path);
	FILE *file = fopen(path, "r+b");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, (long) offset, SEEK_SET), 0);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(fputc(0x55, file), 0x55);
	fclose(file);
}

/* Bytes in the file that are not what was written: who follows does not see them, others do. */
START_TEST(what_is_in_memory_is_what_was_written)
{
	ph_store *store = open_it();
	ph_store_reader *reader = follower(store), *late = NULL;
	ph_store_record record;

	put(store, 1, 80);
	spoil(4096 + 200);
	follow(reader, 1, 80);
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &late, NULL));
	ph_status status = PH_OK;
	while (status == PH_OK)
		status = ph_store_reader_next(late, &record, NULL);
	ck_assert_int_eq(status, PH_ERR_DAMAGED);
	ph_store_reader_destroy(&late);
	ph_store_reader_destroy(&reader);
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* Who has been lent memory believes files no more than before. */
START_TEST(what_is_read_from_a_file_is_checked)
{
	ph_store *store = open_it();
	ph_store_reader *reader = follower(store);
	ph_store_record record;
	ph_position position;

	put(store, 1, 80);
	follow(reader, 1, 80);
	OK(fixture_submit(store, 81, PH_STORE_NEW, &position, NULL));
	OK(ph_store_flush(store, NULL, NULL));
	spoil((position.offset & UINT32_MAX) + (_i == 0 ? 8 : 32));
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_DAMAGED);
	ph_store_reader_destroy(&reader);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(who_is_far_behind_reads_the_files)
{
	ph_store *store = open_it();
	ph_store_reader *reader = follower(store);
	uint64_t last = 0;

	/* more than is kept; files of 1 MiB, so also over many of them */
	for (; last < 40 * 100; last += 100)
		put(store, last + 1, 100);
	unsigned before = reads;
	follow(reader, 1, last);
	ck_assert_uint_gt(reads, before + 20);
	before = reads;
	put(store, last + 1, 80);
	follow(reader, last + 1, 80);
	ck_assert_uint_le(reads, before + 2); /* a new file's header perhaps */
	ph_store_reader_destroy(&reader);
	expect(store, 1, last + 80);
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* Batches of any size, a reader that comes now and then, files that end and are trimmed, readers that
 * come to the end besides. */
START_TEST(nothing_is_missed_or_twice)
{
	ph_store *store = open_it();
	ph_store_reader *reader = follower(store);
	ph_store_record record;
	uint64_t random = (uint64_t) _i + 1, written = 0, seen = 0;

	for (int i = 0; i < 600; i++) {
		uint64_t dice = fake_random(&random, 100);
		uint64_t count = fake_random(&random, dice < 10 ? 150 : 40);

		if (dice < 50 && written < 6000) {
			put(store, written + 1, count);
			written += count;
		} else if (dice < 85) {
			for (; count > 0 && seen < written; count--) {
				OK(ph_store_reader_next(reader, &record, NULL));
				ck_assert_uint_eq(fixture_id(&record), ++seen);
			}
		} else if (dice < 95) {
			follow(reader, seen + 1, written - seen);
			seen = written;
		} else if (dice < 97) {
			ph_store_reader *beside = follower(store);
			ph_store_reader_destroy(&beside);
		} else if (seen == written) {
			OK(ph_store_trim(store, ph_store_durable(store), NULL));
		}
	}
	follow(reader, seen + 1, written - seen);
	ph_store_reader_destroy(&reader);
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* --- on another thread --- */

#define LONG  2000
#define TIMES 4000

static atomic_bool stop;
static char wrong_byte[] = "a byte is wrong", missing[] = "records are missing",
	    refused[] = "the reader was refused";

/* Follows until it has seen all there will be; every body is full of its number. */
static void *
follow_on(void *argument)
{
	ph_store_reader *reader = argument;
	ph_store_record record;
	uint64_t seen = 0;

	while (seen < TIMES && !atomic_load(&stop)) {
		ph_status status = ph_store_reader_next(reader, &record, NULL);
		if (status == PH_ERR_AGAIN) {
			sched_yield();
			continue;
		}
		if (status != PH_OK)
			return refused;
		seen++;
		for (size_t i = 0; i < record.length; i++)
			if (record.body[i] != (uint8_t) seen)
				return wrong_byte;
	}
	return seen == TIMES ? NULL : missing;
}

START_TEST(on_two_threads)
{
	static uint8_t body[LONG];
	const ph_store_part part = {body, sizeof body};
	ph_position position;
	pthread_t thread;
	void *wrong = NULL;

	here.overlap = true;
	ph_store *store = open_it();
	ph_store_reader *reader = follower(store);
	atomic_store(&stop, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, follow_on, reader), 0);
	for (uint64_t i = 1; i <= TIMES; i++) {
		memset(body, (int) (i & 0xff), sizeof body);
		OK(ph_store_submit(
		    store, PH_RECORD_ACCEPT, PH_STORE_NEW, &part, 1, &position, NULL));
		if (i % 20 == 0)
			OK(ph_store_start(store, NULL));
		OK(ph_store_poll(store, false, NULL, NULL));
	}
	OK(ph_store_flush(store, NULL, NULL));
	ck_assert_int_eq(pthread_join(thread, &wrong), 0);
	ck_assert_msg(wrong == NULL, "%s", (const char *) wrong);
	ph_store_reader_destroy(&reader);
	OK(ph_store_close(&store, NULL));
}
END_TEST

static Suite *
recent_suite(void)
{
	Suite *suite = suite_create("journal in memory");
	TCase *batches = tcase_create("batches");
	TCase *readers = tcase_create("readers");
	tcase_add_checked_fixture(batches, begin, end);
	tcase_add_test(batches, without_a_follower_nothing_is_kept);
	tcase_add_test(batches, only_the_follower_is_given_a_batch);
	tcase_add_test(batches, what_is_too_small_or_too_large_is_not_kept);
	tcase_add_test(batches, a_batch_is_found_by_any_byte_of_it);
	tcase_add_test(batches, for_who_falls_behind_nothing_is_kept);
	tcase_add_test(batches, no_more_than_so_many);
	tcase_add_test(batches, memory_is_used_again);
	tcase_add_checked_fixture(readers, set_up, tear_down);
	tcase_add_test(readers, who_follows_reads_no_file);
	tcase_add_test(readers, what_is_in_memory_is_what_was_written);
	tcase_add_loop_test(readers, what_is_read_from_a_file_is_checked, 0, 2);
	tcase_add_test(readers, who_is_far_behind_reads_the_files);
	tcase_add_loop_test(readers, nothing_is_missed_or_twice, 0, 5);
	tcase_add_test(readers, on_two_threads);
	suite_add_tcase(suite, batches);
	suite_add_tcase(suite, readers);
	return suite;
}

int
main(void)
{
	return ph_check_main(recent_suite());
}
