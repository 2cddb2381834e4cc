/* journal: what is durable is there again, in order, and nothing else is. */
#include "broker/journal.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/record.h"
#include "broker/segment.h"
#include "tests/unit/journal_steps.h"

/* --- writing and reading --------------------------------------------------------------- */

START_TEST(what_is_flushed_can_be_read)
{
	ph_store *store;
	ph_store_record record;
	ph_journal_report report;
	ph_position positions[3];
	ph_position durable;

	OK(fixture_open(&here, NULL, &store, &report, NULL));
	ck_assert(report.fresh && report.clean);
	ck_assert_uint_eq(ph_store_epoch(store), 1);
	uint64_t before = ph_store_last(store);
	for (unsigned i = 0; i < 3; i++)
		OK(fixture_submit(store, i + 1, PH_STORE_NEW, &positions[i], NULL));
	ck_assert_int_eq(
	    ph_store_read(store, positions[0], &record, NULL), PH_ERR_AGAIN);
	ck_assert_uint_eq(ph_store_last(store), before);
	OK(ph_store_flush(store, &durable, NULL));
	ck_assert_uint_eq(ph_store_last(store), before + 3);
	ck_assert_uint_eq(ph_store_durable(store).offset, durable.offset);
	for (unsigned i = 3; i-- > 0;) {
		OK(ph_store_read(store, positions[i], &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), i + 1);
		ck_assert_uint_eq(record.sequence, before + i + 1);
		ck_assert_uint_eq(record.position.offset, positions[i].offset);
		ck_assert_uint_lt(positions[i].offset, durable.offset);
	}
	expect(store, 1, 3);
	OK(ph_store_close(&store, NULL));
	ck_assert_ptr_null(store);

	OK(fixture_open(&here, NULL, &store, &report, NULL));
	ck_assert(report.clean && !report.fresh && !report.torn);
	ck_assert_uint_eq(report.rewritten, 0);
	ck_assert_uint_eq(ph_store_epoch(store), 2);
	OK(ph_store_read(store, positions[1], &record, NULL));
	ck_assert_uint_eq(fixture_id(&record), 2);
	put(store, 4, 2);
	expect(store, 1, 5);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(many_files)
{
	ph_store *store;
	ph_position position;
	ph_position early = {0};
	ph_store_record record;
	struct stat about;
	char path[256];

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	for (uint64_t id = 1; id <= 3000; id++) {
		OK(fixture_submit(store, id, PH_STORE_NEW, &position, NULL));
		if (id == 17)
			early = position;
		if (id % 7 == 0)
			OK(ph_store_flush(store, NULL, NULL));
	}
	OK(ph_store_flush(store, NULL, NULL));
	fixture_path(&here, "0000000004.segment", path);
	ck_assert_int_eq(stat(path, &about), 0);
	expect(store, 1, 3000);
	OK(ph_store_read(store, position, &record, NULL));
	ck_assert_uint_eq(fixture_id(&record), 3000);
	OK(ph_store_read(store, early, &record, NULL));
	ck_assert_uint_eq(fixture_id(&record), 17);
	OK(ph_store_close(&store, NULL));
	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	expect(store, 1, 3000);
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* The lowest descriptor that is free: it rises when one is not closed. */
static int
free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);
	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

START_TEST(reads_here_and_there_hold_one_file)
{
	ph_store *store;
	ph_position first, latest;
	ph_store_record record;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	OK(fixture_submit(store, 1, PH_STORE_NEW, &first, NULL));
	put(store, 2, 3000);
	OK(fixture_submit(store, 3002, PH_STORE_NEW, &latest, NULL));
	OK(ph_store_flush(store, NULL, NULL));
	ck_assert_uint_gt(latest.offset >> 32, first.offset >> 32);
	OK(ph_store_read(store, first, &record, NULL));
	int before = free_descriptor();
	for (unsigned i = 0; i < 10; i++) {
		OK(ph_store_read(store, latest, &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), 3002);
		OK(ph_store_read(store, first, &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), 1);
	}
	ck_assert_int_eq(free_descriptor(), before);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(a_reader_goes_on_where_it_was)
{
	ph_store *store;
	ph_store_reader *reader;
	ph_store_record record;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	put(store, 1, 3);
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	for (uint64_t id = 1; id <= 3; id++) {
		OK(ph_store_reader_next(reader, &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), id);
	}
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_AGAIN);
	OK(ph_store_idle(store, NULL));
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_AGAIN);
	put(store, 4, 400); /* into the next file */
	for (uint64_t id = 4; id <= 403; id++) {
		OK(ph_store_reader_next(reader, &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), id);
	}
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_AGAIN);
	ph_store_reader_destroy(&reader);
	ck_assert_ptr_null(reader);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(a_reader_starts_behind_what_was_seen)
{
	ph_store *store;
	ph_store_reader *reader;
	ph_store_record record;
	ph_store_record seen;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	put(store, 1, 5);
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	for (int i = 0; i < 3; i++)
		OK(ph_store_reader_next(reader, &seen, NULL));
	ph_store_reader_destroy(&reader);
	OK(ph_store_reader_new(store, seen.position, seen.sequence, &reader, NULL));
	OK(ph_store_reader_next(reader, &record, NULL));
	ck_assert_uint_eq(fixture_id(&record), 4);
	ph_store_reader_destroy(&reader);

	ph_position beyond = ph_store_durable(store);
	beyond.offset += 8;
	ck_assert_int_eq(
	    ph_store_reader_new(store, beyond, 0, &reader, NULL), PH_ERR_CONFLICT);
	ck_assert_int_eq(
	    ph_store_reader_new(store, (ph_position){0}, 1000, &reader, NULL),
	    PH_ERR_CONFLICT);
	ck_assert_int_eq(
	    ph_store_reader_new(store, (ph_position){.partition = 1}, 0, &reader, NULL),
	    PH_ERR_USAGE);
	OK(ph_store_close(&store, NULL));
}
END_TEST

typedef struct tail {
	ph_store_reader *reader;
	uint64_t last;
	bool wrong;
} tail;

static time_t
deadline(int seconds)
{
	return time(NULL) + seconds;
}

static void *
follow(void *argument)
{
	tail *self = argument;
	time_t end = deadline(30);
	uint64_t next = 1;

	while (next <= self->last && !self->wrong && time(NULL) < end) {
		ph_store_record record;
		ph_status status = ph_store_reader_next(self->reader, &record, NULL);

		if (status == PH_ERR_AGAIN)
			sched_yield();
		else if (status != PH_OK || fixture_id(&record) != next++)
			self->wrong = true;
	}
	if (next != self->last + 1)
		self->wrong = true;
	return NULL;
}

START_TEST(a_reader_follows_on_another_thread)
{
	tail self = {.last = 2000};
	pthread_t thread;
	ph_store *store;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &self.reader, NULL));
	ck_assert_int_eq(pthread_create(&thread, NULL, follow, &self), 0);
	/* not fixture_submit: its buffer is the other thread's, too */
	for (uint64_t id = 1; id <= self.last; id++) {
		uint8_t *body = malloc(FIXTURE_BODY_MAX);
		ph_position position;

		fixture_body(id, body);
		const ph_store_part part = {body, fixture_length(id)};
		OK(ph_store_submit(
		    store, PH_RECORD_ACCEPT, PH_STORE_NEW, &part, 1, &position, NULL));
		if (id % 5 == 0)
			OK(ph_store_flush(store, NULL, NULL));
		free(body);
	}
	OK(ph_store_flush(store, NULL, NULL));
	pthread_join(thread, NULL);
	ck_assert(!self.wrong);
	ph_store_reader_destroy(&self.reader);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(too_large_is_refused_alone)
{
	ph_store *store;
	ph_position position;
	uint8_t *bytes = calloc(1, PH_STORE_BODY_MAX + 1);
	ph_store_part part = {bytes, PH_STORE_BODY_MAX + 1};

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	ck_assert_int_eq(ph_store_submit(store, PH_RECORD_ACCEPT, PH_STORE_NEW, &part,
			     1, &position, NULL),
	    PH_ERR_TOO_LARGE);
	part.length = 1u << 20; /* as large as a file here */
	ck_assert_int_eq(ph_store_submit(store, PH_RECORD_ACCEPT, PH_STORE_NEW, &part,
			     1, &position, NULL),
	    PH_ERR_TOO_LARGE);
	put(store, 1, 1);
	expect(store, 1, 1);
	OK(ph_store_close(&store, NULL));
	free(bytes);
}
END_TEST

START_TEST(only_one_may_have_it)
{
	ph_store *store;
	ph_store *other = NULL;
	ph_error err;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	ck_assert_int_eq(fixture_open(&here, NULL, &other, NULL, &err), PH_ERR_AGAIN);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5001"));
	ck_assert_ptr_null(other);
	put(store, 1, 1);
	OK(ph_store_close(&store, NULL));
	OK(fixture_open(&here, NULL, &other, NULL, NULL));
	OK(ph_store_close(&other, NULL));
}
END_TEST

START_TEST(configuration_is_checked)
{
	static const ph_journal_config bad[] = {
	    {.directory = NULL},
	    {.directory = ""},
	    {.directory = "/tmp/x", .segment_bytes = 4096},
	    {.directory = "/tmp/x", .segment_bytes = (1u << 20) + 1},
	    {.directory = "/tmp/x", .segment_bytes = 2u << 30},
	};
	ph_store *store;

	ck_assert_int_eq(ph_journal_open(&bad[_i], &store, NULL, NULL), PH_ERR_USAGE);
}
END_TEST

/* --- starting after a kill ------------------------------------------------------------- */

START_TEST(the_unproven_tail_is_written_again)
{
	fake_disk disk;
	ph_store *store;
	ph_journal_report report;
	struct stat about;
	char path[256];

	fake_disk_init(&disk, here.aside, 1);
	write_and_die(&disk, 1, 5, false);
	OK(fixture_open(&here, &disk.fs, &store, &report, NULL));
	ck_assert(!report.clean && !report.torn);
	ck_assert_uint_eq(report.rewritten, 5);
	ck_assert_uint_eq(report.last, 6); /* with the mark of the open */
	fixture_path(&here, FIRST, path);
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_int_eq(about.st_size, PH_SEGMENT_HEAD + 48);
	fixture_path(&here, "0000000002.segment", path);
	ck_assert_int_eq(stat(path, &about), 0);
	expect(store, 1, 5);
	/* nothing of it is lost to a power cut now */
	fake_disk_cut_power(&disk);
	expect(store, 1, 5);
	OK(ph_store_close(&store, NULL));
	OK(fixture_open(&here, &disk.fs, &store, &report, NULL));
	ck_assert(report.clean);
	expect(store, 1, 5);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
}
END_TEST

START_TEST(an_idle_mark_leaves_no_doubts)
{
	fake_disk disk;
	ph_store *store;
	ph_journal_report report;

	fake_disk_init(&disk, here.aside, 1);
	write_and_die(&disk, 1, 5, true);
	OK(fixture_open(&here, &disk.fs, &store, &report, NULL));
	ck_assert(report.clean);
	ck_assert_uint_eq(report.rewritten, 0);
	ck_assert_uint_eq(report.segments, 1);
	put(store, 6, 1);
	expect(store, 1, 6);
	unsigned writes = disk.calls[FAKE_PWRITE];
	OK(ph_store_idle(store, NULL));
	ck_assert_uint_eq(disk.calls[FAKE_PWRITE], writes + 1);
	OK(ph_store_idle(store, NULL)); /* once is enough */
	ck_assert_uint_eq(disk.calls[FAKE_PWRITE], writes + 1);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
}
END_TEST

START_TEST(a_reader_finds_its_place_after_the_tail_has_moved)
{
	fake_disk disk;
	ph_store *store;
	ph_store_reader *reader;
	ph_store_record record;
	ph_store_record seen;

	fake_disk_init(&disk, here.aside, 1);
	OK(fixture_open(&here, &disk.fs, &store, NULL, NULL));
	put(store, 1, 5);
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	for (int i = 0; i < 3; i++)
		OK(ph_store_reader_next(reader, &seen, NULL));
	ph_store_reader_destroy(&reader);
	die(&disk, &store);

	ph_store *again;
	OK(fixture_open(&here, &disk.fs, &again, NULL, NULL));
	OK(ph_store_reader_new(again, seen.position, seen.sequence, &reader, NULL));
	for (uint64_t id = 4; id <= 5; id++) {
		OK(ph_store_reader_next(reader, &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), id);
	}
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_AGAIN);
	ph_store_reader_destroy(&reader);
	OK(ph_store_close(&again, NULL));
	fake_disk_fini(&disk);
}
END_TEST

START_TEST(a_hundred_kills_take_little_room)
{
	fake_disk disk;
	ph_store *store;
	struct stat about;
	uint64_t bytes = 0;

	fake_disk_init(&disk, here.aside, 1);
	for (unsigned i = 0; i < 50; i++)
		write_and_die(&disk, 1 + i, 1, false);
	OK(fixture_open(&here, &disk.fs, &store, NULL, NULL));
	expect(store, 1, 50);
	for (unsigned number = 1; number <= 51; number++) {
		char name[32];
		char path[256];

		snprintf(name, sizeof name, "%010u.segment", number);
		fixture_path(&here, name, path);
		ck_assert_int_eq(stat(path, &about), 0);
		bytes += (uint64_t) about.st_size;
	}
	ck_assert_uint_lt(bytes, (1u << 20) + 50 * 8192);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, what_is_flushed_can_be_read);
	tcase_add_test(tcase, many_files);
	tcase_add_test(tcase, reads_here_and_there_hold_one_file);
	tcase_add_test(tcase, a_reader_goes_on_where_it_was);
	tcase_add_test(tcase, a_reader_starts_behind_what_was_seen);
	tcase_add_test(tcase, a_reader_follows_on_another_thread);
	tcase_add_test(tcase, too_large_is_refused_alone);
	tcase_add_test(tcase, only_one_may_have_it);
	tcase_add_loop_test(tcase, configuration_is_checked, 0, 5);
	tcase_add_test(tcase, the_unproven_tail_is_written_again);
	tcase_add_test(tcase, an_idle_mark_leaves_no_doubts);
	tcase_add_test(tcase, a_reader_finds_its_place_after_the_tail_has_moved);
	tcase_add_test(tcase, a_hundred_kills_take_little_room);
}

int
main(void)
{
	return run_journal_suite("journal", add_tests);
}
