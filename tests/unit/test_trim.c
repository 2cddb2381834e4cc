/*
 * trimming, and the thread that has files ready: what is given back is gone for good and says so,
 * everything else stays; a new file is waited for only when none is ready.
 */
#include "broker/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/segment.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define OK(call)   ck_assert_int_eq((call), PH_OK)
#define MANY	   4000
#define DEADLINE_S 60

static fixture here;
static ph_position positions[MANY];

static void
set_up(void)
{
	fixture_init(&here);
}

static void
tear_down(void)
{
	fixture_fini(&here);
}

/* Submit ids from *next on until the journal is in its segment `number`; flushed. */
static void
write_up_to(ph_store *store, uint64_t *next, uint32_t number)
{
	uint32_t at = 0;

	while (at < number) {
		ck_assert_uint_lt(*next, MANY);
		OK(fixture_submit(store, *next, PH_STORE_NEW, &positions[*next], NULL));
		at = (uint32_t) (positions[*next].offset >> 32);
		(*next)++;
	}
	OK(ph_store_flush(store, NULL, NULL));
}

/* The first id in segment `number` or behind it. */
static uint64_t
first_in(uint64_t next, uint32_t number)
{
	uint64_t id = 1;

	while (id < next && positions[id].offset >> 32 < number)
		id++;
	return id;
}

/* A reader from the beginning must give exactly these. */
static void
expect(ph_store *store, uint64_t first, uint64_t last)
{
	static uint64_t ids[MANY];
	ph_status status;
	size_t count = fixture_read_all(store, ids, MANY, &status);

	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_uint_eq(count, last + 1 - first);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(ids[i], first + i);
}

static void
refused_as_gone(ph_status status, const ph_error *err)
{
	ck_assert_int_eq(status, PH_ERR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err->text, "PH5008"));
}

static bool
is_there(const char *name)
{
	char path[256];

	fixture_path(&here, name, path);
	return access(path, F_OK) == 0;
}

START_TEST(what_is_trimmed_is_gone_and_says_so)
{
	ph_store *store;
	ph_store_reader *reader;
	ph_store_record record;
	ph_store_space space;
	ph_error err;
	uint64_t next = 1;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	write_up_to(store, &next, 5);
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert_uint_eq(space.used, 5u << 20);
	uint64_t first = first_in(next, 3);
	ck_assert_uint_eq(ph_store_extent(store, positions[first]).offset,
	    ph_store_extent(store, positions[first + 1]).offset);
	OK(ph_store_trim(store, positions[first + 1], NULL));
	for (int life = 0; life < 2; life++) {
		expect(store, first, next - 1);
		OK(ph_store_space_left(store, &space, NULL));
		ck_assert_uint_eq(space.used, 3u << 20);
		ck_assert(!is_there("0000000001.segment"));
		ck_assert(!is_there("0000000002.segment"));
		refused_as_gone(
		    ph_store_read(store, positions[first - 1], &record, &err), &err);
		refused_as_gone(
		    ph_store_reader_new(store, positions[first - 1], 0, &reader, &err),
		    &err);
		OK(ph_store_read(store, positions[first], &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), first);
		/* the beginning of an extent is a place to read from */
		OK(ph_store_reader_new(
		    store, ph_store_extent(store, positions[first]), 0, &reader, NULL));
		OK(ph_store_reader_next(reader, &record, NULL));
		ck_assert_uint_eq(fixture_id(&record), first);
		ph_store_reader_destroy(&reader);
		if (life == 0) {
			OK(ph_store_close(&store, NULL));
			OK(fixture_open(&here, NULL, &store, NULL, NULL));
		}
	}
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* A disk whose fallocate waits at a gate, or has no room. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t flag = PTHREAD_MUTEX_INITIALIZER;
static bool no_room;
static unsigned asked; /* calls of fallocate so far */

static int
gated_fallocate(void *self, int fd, int64_t length)
{
	pthread_mutex_lock(&flag);
	bool refuse = no_room;
	asked++;
	pthread_mutex_unlock(&flag);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	if (refuse) {
		errno = ENOSPC;
		return -1;
	}
	return ph_fs_system()->fallocate(self, fd, length);
}

static void
set_no_room(bool value)
{
	pthread_mutex_lock(&flag);
	no_room = value;
	pthread_mutex_unlock(&flag);
}

static ph_fs
gated_fs(void)
{
	ph_fs fs = *fixture_quick_fs();

	fs.fallocate = gated_fallocate;
	return fs;
}

/* Open again, with many spares wanted and no room for them: so trimmed segments are zeroed. */
static void
open_for_zeroing(ph_store **out)
{
	static ph_fs fs;
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .reserve_bytes = 8u << 20,
	    .fs = &fs,
	};

	fs = gated_fs();
	set_no_room(true);
	OK(ph_journal_open(&config, out, NULL, NULL));
}

START_TEST(a_reader_that_is_overtaken_is_told)
{
	ph_store *store;
	ph_store_reader *slow;
	ph_store_reader *fresh;
	ph_store_reader *late;
	ph_store_reader *prompt;
	ph_store_record record;
	ph_error err;
	uint64_t next = 1;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	write_up_to(store, &next, 4);
	OK(ph_store_close(&store, NULL));
	open_for_zeroing(&store);
	uint64_t kept = first_in(next, 4);
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &slow, NULL));
	OK(ph_store_reader_next(slow, &record, NULL));
	OK(ph_store_reader_new(store, positions[1], 0, &fresh, NULL));
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &prompt, NULL));
	for (uint64_t id = 1; id < kept; id++)
		OK(ph_store_reader_next(prompt, &record, NULL));
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
	/* records that it had read ahead may still come; then it is told, and never of damage */
	ph_status status = PH_OK;
	for (uint64_t id = 2; status == PH_OK; id++) {
		status = ph_store_reader_next(slow, &record, &err);
		if (status == PH_OK)
			ck_assert_uint_eq(fixture_id(&record), id);
	}
	refused_as_gone(status, &err);
	refused_as_gone(ph_store_reader_next(fresh, &record, &err), &err);
	ph_store_reader_destroy(&slow);
	ph_store_reader_destroy(&fresh);
	/* who had read all that is gone goes on */
	OK(ph_store_reader_next(prompt, &record, NULL));
	ck_assert_uint_eq(fixture_id(&record), kept);
	ph_store_reader_destroy(&prompt);
	/* who has seen less than what is gone */
	OK(ph_store_reader_new(store, (ph_position){0}, 2, &late, NULL));
	refused_as_gone(ph_store_reader_next(late, &record, &err), &err);
	ph_store_reader_destroy(&late);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(only_what_is_durable_can_be_trimmed)
{
	ph_store *store;
	uint64_t next = 1;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	write_up_to(store, &next, 2);
	ph_position end = ph_store_durable(store);
	end.offset += 8;
	ck_assert_int_eq(ph_store_trim(store, end, NULL), PH_ERR_CONFLICT);
	end.partition = 1;
	ck_assert_int_eq(ph_store_trim(store, end, NULL), PH_ERR_USAGE);
	OK(ph_store_trim(store, (ph_position){0}, NULL));
	expect(store, 1, next - 1);
	uint64_t last = ph_store_last(store);
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
	ck_assert_uint_eq(ph_store_last(store), last + 1); /* the second said nothing */
	expect(store, first_in(next, 2), next - 1);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(a_trimmed_segment_is_zeroed_before_it_is_a_spare)
{
	static const uint8_t zeros[1u << 20];
	ph_store *store;
	uint64_t next = 1;
	uint8_t *bytes;
	char path[256];

	here.thread = false;
	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	write_up_to(store, &next, 4);
	fixture_path(&here, "0000000001.spare", path);
	ck_assert_int_eq(unlink(path), 0);
	OK(ph_store_close(&store, NULL));
	/* the reserve is missing; a file left by a trim that was stopped fills it */
	here.thread = true;
	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
	OK(ph_store_close(&store, NULL));
	here.thread = false;
	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	OK(ph_store_close(&store, NULL));
	ck_assert(!is_there("0000000003.segment"));
	ck_assert_uint_eq(fixture_load(path, &bytes), sizeof zeros);
	ck_assert_int_eq(memcmp(bytes, zeros, sizeof zeros), 0);
	free(bytes);
}
END_TEST

/* A hole in the middle is damage even where the front is trimmed. */
START_TEST(a_missing_file_behind_the_trim_is_damage)
{
	ph_store *store;
	ph_journal_report report;
	uint64_t next = 1;
	char path[256];

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	write_up_to(store, &next, 5);
	OK(ph_store_trim(store, positions[first_in(next, 3)], NULL));
	OK(ph_store_close(&store, NULL));
	fixture_path(&here, "0000000003.segment", path);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(
	    fixture_open(&here, NULL, &store, &report, NULL), PH_ERR_DAMAGED);
	ck_assert_uint_eq(report.damage_count, 1);
	ck_assert_uint_eq(report.damage[0].segment, 3);
}
END_TEST

/* --- failing --------------------------------------------------------------------------- */

static const struct {
	fake_call call;
	int number;
} failures[] = {
    {FAKE_PWRITE, EIO},
    {FAKE_FDATASYNC, EIO},
    {FAKE_FSYNC, EIO},
    {FAKE_OPEN, EIO},
    {FAKE_RENAME, EIO},
    {FAKE_UNLINK, EIO},
    {FAKE_FALLOCATE, ENOSPC},
};

/* Any call may fail in a trim: then all is there or only what is wanted, and the next trim does it. */
START_TEST(any_call_may_fail_in_a_trim)
{
	bool reached = true;

	for (unsigned nth = 1; reached; nth++) {
		fake_disk disk;
		ph_store *store;
		uint64_t next = 1;

		fixture_fini(&here);
		fixture_init(&here);
		fake_disk_init(&disk, here.aside, nth);
		OK(fixture_open(&here, &disk.fs, &store, NULL, NULL));
		write_up_to(store, &next, 4);
		uint64_t first = first_in(next, 3);
		memset(disk.calls, 0, sizeof disk.calls);
		disk.fail_at[failures[_i].call] = nth;
		disk.fail_errno = failures[_i].number;
		ph_status status = ph_store_trim(store, positions[first], NULL);
		reached = disk.calls[failures[_i].call] >= nth;
		ph_store_close(&store, NULL);
		memset(disk.fail_at, 0, sizeof disk.fail_at);
		fake_disk_close_all(&disk);
		fake_disk_cut_power(&disk);

		OK(fixture_open(&here, NULL, &store, NULL, NULL));
		static uint64_t ids[MANY];
		ph_status end;
		size_t count = fixture_read_all(store, ids, MANY, &end);
		ck_assert_int_eq(end, PH_ERR_AGAIN);
		ck_assert_uint_eq(ids[count - 1], next - 1);
		ck_assert(ids[0] == first || (ids[0] == 1 && status != PH_OK));
		ck_assert_uint_eq(count, next - ids[0]);
		OK(ph_store_trim(store, ph_store_durable(store), NULL));
		OK(ph_store_close(&store, NULL));
		fake_disk_fini(&disk);
	}
}
END_TEST

/* --- the thread ------------------------------------------------------------------------ */

/* Look again until there is such a file. */
static void
await_file(const char *name)
{
	const struct timespec little = {.tv_nsec = 2000000};
	time_t end = time(NULL) + DEADLINE_S;

	while (!is_there(name)) {
		ck_assert_int_lt(time(NULL), end);
		nanosleep(&little, NULL);
	}
}

START_TEST(a_roll_does_not_wait_for_room)
{
	ph_fs fs = gated_fs();
	ph_store *store;
	uint64_t next = 1;

	here.thread = true;
	OK(fixture_open(&here, &fs, &store, NULL, NULL));
	write_up_to(store, &next, 2); /* so that it is told of the reserve */
	await_file("0000000002.spare");
	pthread_mutex_lock(&gate); /* nobody gets room from now on */
	write_up_to(store, &next, 3);
	ck_assert(is_there("0000000001.spare"));
	pthread_mutex_unlock(&gate);
	await_file("0000000002.spare");
	expect(store, 1, next - 1);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(with_a_thread_a_full_disk_takes_outcomes_and_recovers)
{
	ph_fs fs = gated_fs();
	const struct timespec little = {.tv_nsec = 5000000};
	ph_store *store;
	ph_store_space space;
	ph_error err;
	uint64_t next = 1;
	uint64_t essential = 0;
	ph_status status = PH_OK;

	here.thread = true;
	OK(fixture_open(&here, &fs, &store, NULL, NULL));
	set_no_room(true);
	for (; status == PH_OK; next++)
		status =
		    fixture_submit(store, next, PH_STORE_NEW, &positions[next], &err);
	ck_assert_int_eq(status, PH_ERR_FULL);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5004"));
	next--;
	OK(ph_store_flush(store, NULL, NULL));
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(!space.accepting);
	ck_assert_uint_eq(space.open, 0);
	for (status = PH_OK; status == PH_OK;) {
		status = fixture_submit(
		    store, next, PH_STORE_ESSENTIAL, &positions[next], NULL);
		if (status == PH_OK)
			essential += fixture_length(next++);
	}
	ck_assert_int_eq(status, PH_ERR_FULL);
	ck_assert_uint_gt(essential, 600u << 10);
	OK(ph_store_flush(store, NULL, NULL));
	expect(store, 1, next - 1);

	/* room comes: accepting starts again by itself */
	set_no_room(false);
	time_t end = time(NULL) + DEADLINE_S;
	do {
		status =
		    fixture_submit(store, next, PH_STORE_NEW, &positions[next], NULL);
		if (status == PH_ERR_FULL)
			nanosleep(&little, NULL);
		ck_assert_int_lt(time(NULL), end);
	} while (status == PH_ERR_FULL);
	OK(status);
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(space.accepting);
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* On a full disk a trim is the only one who makes room, and it needs none for that. */
START_TEST(a_trim_makes_room_on_a_full_disk)
{
	ph_fs fs = gated_fs();
	ph_store *store;
	ph_store_space space;
	uint64_t next = 1;
	ph_status status = PH_OK;

	here.thread = _i == 1;
	set_no_room(false);
	OK(fixture_open(&here, &fs, &store, NULL, NULL));
	write_up_to(store, &next, 4);
	set_no_room(true);
	while (status == PH_OK) {
		status = fixture_submit(
		    store, next, PH_STORE_ESSENTIAL, &positions[next], NULL);
		if (status == PH_OK)
			next++;
	}
	ck_assert_int_eq(status, PH_ERR_FULL);
	/* to the last byte that records may take */
	for (size_t length = 200; length > 0; length -= 8) {
		static const uint8_t blank[200];
		const ph_store_part part = {blank, length};
		ph_position position;

		while (ph_store_submit(store, 3, PH_STORE_ESSENTIAL, &part, 1,
			   &position, NULL) == PH_OK)
			continue;
	}
	OK(ph_store_idle(store, NULL));
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
	time_t end = time(NULL) + DEADLINE_S;
	do {
		(void) ph_store_idle(store, NULL);
		OK(ph_store_space_left(store, &space, NULL));
		ck_assert_int_lt(time(NULL), end);
	} while (!space.accepting);
	set_no_room(false); /* what was not kept is free now */
	write_up_to(store, &next, (uint32_t) (positions[next - 1].offset >> 32) + 2);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(trimmed_segments_go_round)
{
	ph_fs fs = gated_fs();
	ph_store *store;
	uint64_t next = 1;

	here.thread = true;
	OK(fixture_open(&here, &fs, &store, NULL, NULL));
	write_up_to(store, &next, 2);
	await_file("0000000002.spare");
	for (uint32_t number = 3; number < 10; number++) {
		pthread_mutex_lock(&gate); /* no fresh room: only what comes back */
		write_up_to(store, &next, number);
		OK(ph_store_trim(store, ph_store_durable(store), NULL));
		pthread_mutex_unlock(&gate);
		await_file("0000000002.spare");
	}
	expect(store, first_in(next, 9), next - 1);
	OK(ph_store_close(&store, NULL));
}
END_TEST

static Suite *
trim_suite(void)
{
	Suite *suite = suite_create("trim");
	TCase *tcase = tcase_create("trim");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_is_trimmed_is_gone_and_says_so);
	tcase_add_test(tcase, a_reader_that_is_overtaken_is_told);
	tcase_add_test(tcase, only_what_is_durable_can_be_trimmed);
	tcase_add_test(tcase, a_trimmed_segment_is_zeroed_before_it_is_a_spare);
	tcase_add_test(tcase, a_missing_file_behind_the_trim_is_damage);
	tcase_add_loop_test(
	    tcase, any_call_may_fail_in_a_trim, 0, sizeof failures / sizeof *failures);
	tcase_add_test(tcase, a_roll_does_not_wait_for_room);
	tcase_add_test(tcase, with_a_thread_a_full_disk_takes_outcomes_and_recovers);
	tcase_add_loop_test(tcase, a_trim_makes_room_on_a_full_disk, 0, 2);
	tcase_add_test(tcase, trimmed_segments_go_round);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(trim_suite());
}
