/* journal, whole files of it damaged, missing or not its own: named, passed over, and never served. */
#include "broker/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/journal_scan.h"
#include "broker/segment.h"
#include "lib/base/crc32c.h"
#include "tests/unit/journal_steps.h"

#define FILES 800 /* records that fill several files */

/* A journal of several files, closed. */
static void
make_files(void)
{
	ph_store *store;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	for (uint64_t id = 1; id <= FILES; id += 10)
		put(store, id, 10);
	OK(ph_store_close(&store, NULL));
}

/* What can be read past the damage is a part of 1 to FILES, in order, and all right. */
static void
check_rest(size_t least)
{
	static uint64_t ids[MANY];
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .past_damage = true,
	    .fs = fixture_quick_fs(),
	};
	ph_store *store;
	ph_status status;

	OK(ph_journal_open(&config, &store, NULL, NULL));
	size_t count = fixture_read_all(store, ids, MANY, &status);
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_uint_ge(count, least);
	ck_assert_uint_lt(count, FILES);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_gt(ids[i], i == 0 ? 0 : ids[i - 1]);
	put(store, FILES + 1, 3);
	ck_assert_uint_eq(fixture_read_all(store, ids, MANY, &status), count + 3);
	ck_assert_uint_eq(ids[count + 2], FILES + 3);
	OK(ph_store_close(&store, NULL));
}

/* Exactly so many can be read when it is opened once more. */
static void
check_again(size_t expected)
{
	static uint64_t ids[MANY];
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .past_damage = true,
	    .fs = fixture_quick_fs(),
	};
	ph_store *store;
	ph_status status;

	OK(ph_journal_open(&config, &store, NULL, NULL));
	ck_assert_uint_eq(fixture_read_all(store, ids, MANY, &status), expected);
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	OK(ph_store_close(&store, NULL));
}

START_TEST(a_file_is_missing)
{
	static const char *const names[] = {FIRST, "0000000002.segment"};
	ph_store *store;
	ph_journal_report report;
	char path[256];

	make_files();
	fixture_path(&here, names[_i], path);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(
	    fixture_open(&here, NULL, &store, &report, NULL), PH_ERR_DAMAGED);
	ck_assert_uint_eq(report.damage_count, 1);
	ck_assert_uint_eq(report.damage[0].segment, (unsigned) _i + 1);
	ck_assert_uint_gt(report.damage[0].last, report.damage[0].first);
	check_rest(FILES / 2);
}
END_TEST

/* The greatest sequence there is. */
static uint64_t
last_sequence(void)
{
	ph_journal_scan scan;
	OK(ph_journal_scan_run(ph_fs_system(), here.directory, &scan, NULL));
	uint64_t last = scan.report.last;
	ph_journal_scan_fini(&scan);
	return last;
}

START_TEST(a_header_is_gone)
{
	static const char *const names[] = {FIRST, "0000000002.segment", NULL};
	ph_store *store;
	ph_journal_report report;
	char path[256];
	char last[32];
	uint8_t *bytes;

	make_files();
	for (unsigned number = 1;; number++) {
		struct stat about;
		char name[32];

		snprintf(name, sizeof name, "%010u.segment", number);
		fixture_path(&here, name, path);
		if (stat(path, &about) != 0)
			break;
		snprintf(last, sizeof last, "%s", name);
	}
	uint64_t given = last_sequence();
	fixture_path(&here, names[_i] != NULL ? names[_i] : last, path);
	size_t length = fixture_load(path, &bytes);
	memset(bytes, 0, 100);
	fixture_save(path, bytes, length, length);
	free(bytes);
	ck_assert_int_eq(
	    fixture_open(&here, NULL, &store, &report, NULL), PH_ERR_DAMAGED);
	ck_assert_uint_eq(report.damage_count, 1);
	ck_assert_uint_eq(report.damage[0].offset, 0);
	ck_assert_uint_eq(report.damage[0].length, length);
	check_rest(FILES / 2);
	/* No sequence of a record that is lost is given again. */
	ck_assert_uint_ge(last_sequence(), given + 3);
}
END_TEST

static void
spoil(uint32_t number, size_t from, size_t length)
{
	char name[PH_SEGMENT_NAME], path[256];
	uint8_t *bytes;

	ph_segment_name(number, name);
	fixture_path(&here, name, path);
	size_t size = fixture_load(path, &bytes);
	memset(bytes + from, 0, length);
	fixture_save(path, bytes, size, size);
	free(bytes);
}

/* The last file's header, and the last record but one of the file before it: that a file follows
 * proves all of that one, whatever can be read of what follows. */
START_TEST(damage_at_the_end_of_the_last_that_can_be_read)
{
	ph_position positions[FILES + 1];
	ph_store *store;
	ph_journal_report report;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	for (uint64_t id = 1; id <= FILES; id++) {
		OK(fixture_submit(store, id, PH_STORE_NEW, &positions[id], NULL));
		if (id % 50 == 0)
			OK(ph_store_flush(store, NULL, NULL));
	}
	OK(ph_store_close(&store, NULL));
	uint64_t id = FILES;
	uint32_t last = (uint32_t) (positions[id].offset >> 32);
	while (positions[id].offset >> 32 == last)
		id--;
	spoil(last, 0, 100);
	spoil(last - 1, (size_t) (positions[id - 1].offset & UINT32_MAX), 8);
	ck_assert_int_eq(
	    fixture_open(&here, NULL, &store, &report, NULL), PH_ERR_DAMAGED);
	ck_assert_uint_eq(report.damage_count, 2);
	ck_assert_uint_eq(report.damage[0].segment, last - 1);
	ck_assert_uint_eq(report.damage[0].first, report.damage[0].last);
	check_rest(id - 1);
	check_again(id - 1 + 3);
}
END_TEST

START_TEST(a_file_of_another_journal)
{
	ph_store *store;
	ph_journal_report report;
	char from[256];
	char to[256];
	fixture other;
	uint8_t *bytes;

	make_files();
	other = here;
	fixture_init(&here);
	make_files();
	fixture_path(&other, "0000000002.segment", from);
	fixture_path(&here, "0000000002.segment", to);
	size_t length = fixture_load(from, &bytes);
	fixture_save(to, bytes, length, length);
	free(bytes);
	fixture_fini(&other);
	ck_assert_int_eq(
	    fixture_open(&here, NULL, &store, &report, NULL), PH_ERR_DAMAGED);
	ck_assert_uint_eq(report.damage[0].segment, 2);
	check_rest(FILES / 2);
}
END_TEST

START_TEST(a_reader_begins_in_a_file_that_is_missing)
{
	ph_store *store;
	ph_store_record record;
	ph_journal_report report;
	char path[256];

	make_files();
	fixture_path(&here, "0000000002.segment", path);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(
	    fixture_open(&here, NULL, &store, &report, NULL), PH_ERR_DAMAGED);
	uint64_t last = report.damage[0].last;
	read_from((uint64_t) 2 << 32 | 8192, last - 1, &store, &record);
	ck_assert_uint_gt(record.sequence, last);
	ck_assert(ph_store_lost(store, last));
	ck_assert(!ph_store_lost(store, last + 1));
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(a_later_version_is_refused)
{
	ph_store *store;
	ph_error err;
	uint8_t *bytes;
	char path[256];

	make_files();
	fixture_path(&here, FIRST, path);
	size_t length = fixture_load(path, &bytes);
	bytes[8] = 2;
	uint32_t crc = ph_crc32c(0, bytes, 4092);
	for (unsigned i = 0; i < 4; i++)
		bytes[4092 + i] = (uint8_t) (crc >> 8 * i);
	fixture_save(path, bytes, length, length);
	free(bytes);
	ck_assert_int_eq(fixture_open(&here, NULL, &store, NULL, &err), PH_ERR_VERSION);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5003"));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_file_is_missing, 0, 2);
	tcase_add_loop_test(tcase, a_header_is_gone, 0, 3);
	tcase_add_test(tcase, damage_at_the_end_of_the_last_that_can_be_read);
	tcase_add_test(tcase, a_file_of_another_journal);
	tcase_add_test(tcase, a_reader_begins_in_a_file_that_is_missing);
	tcase_add_test(tcase, a_later_version_is_refused);
}

int
main(void)
{
	return run_journal_suite("journal_files", add_tests);
}
