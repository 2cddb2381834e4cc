/* journal, damaged: every byte that is not as it was written is named, and never served. */
#include "broker/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/segment.h"
#include "tests/unit/journal_steps.h"

/*
 * A small journal to break: marks of open (1), records 1 and 2 (2, 3), record 3 (4), an idle mark
 * (5), and record 4 (6), which nothing says was synced.
 */
typedef struct small {
	uint8_t *bytes;	  /* of the one file */
	size_t used;	  /* behind its last record */
	size_t size;	  /* of the file */
	size_t starts[7]; /* offset of each record by sequence, and the end */
} small;

static void
make_small(small *out)
{
	fake_disk disk;
	ph_store *store;
	char path[256];
	ph_position positions[5];

	fake_disk_init(&disk, here.aside, 1);
	OK(fixture_open(&here, &disk.fs, &store, NULL, NULL));
	OK(fixture_submit(store, 1, PH_STORE_NEW, &positions[1], NULL));
	OK(fixture_submit(store, 2, PH_STORE_NEW, &positions[2], NULL));
	OK(ph_store_flush(store, NULL, NULL));
	put(store, 3, 1);
	OK(ph_store_idle(store, NULL));
	OK(fixture_submit(store, 4, PH_STORE_NEW, &positions[4], NULL));
	ph_position end;
	OK(ph_store_flush(store, &end, NULL));
	die(&disk, &store);
	fixture_path(&here, FIRST, path);
	out->size = fixture_load(path, &out->bytes);
	out->used = (size_t) (end.offset & UINT32_MAX);
	out->starts[0] = PH_SEGMENT_HEAD;
	out->starts[1] = (size_t) (positions[1].offset & UINT32_MAX);
	out->starts[2] = (size_t) (positions[2].offset & UINT32_MAX);
	out->starts[3] = out->starts[2] + 32 + ((fixture_length(2) + 7) & ~(size_t) 7);
	out->starts[4] = out->starts[3] + 32 + ((fixture_length(3) + 7) & ~(size_t) 7);
	out->starts[5] = (size_t) (positions[4].offset & UINT32_MAX);
	out->starts[6] = out->used;
	ck_assert_uint_eq(out->starts[5], out->starts[4] + 48);
	fake_disk_fini(&disk);
}

/* A directory with this one file in it. */
static void
lay_out(const uint8_t *bytes, size_t used, size_t size)
{
	char path[256];

	fixture_fini(&here);
	fixture_init(&here);
	ck_assert_int_eq(mkdir(here.directory, 0700), 0);
	fixture_path(&here, FIRST, path);
	fixture_save(path, bytes, used, size);
}

/* The sequence (1 to 6) of the record that has this byte; 0: the header. */
static unsigned
owner_of(const small *journal, size_t offset)
{
	for (unsigned i = 6; i > 0; i--) {
		if (offset >= journal->starts[i - 1])
			return i;
	}
	return 0;
}

/* Open past the damage: every record but the damaged one is there and right. */
static void
check_past_damage(uint64_t missing)
{
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .past_damage = true,
	    .fs = fixture_quick_fs(),
	};
	uint64_t ids[8];
	ph_store *store;
	ph_status status;

	OK(ph_journal_open(&config, &store, NULL, NULL));
	put(store, 5, 1);
	size_t count = fixture_read_all(store, ids, 8, &status);
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	size_t at = 0;
	for (uint64_t id = 1; id <= 5; id++) {
		if (id == missing)
			continue;
		ck_assert_uint_lt(at, count);
		ck_assert_uint_eq(ids[at++], id);
	}
	ck_assert_uint_eq(at, count);
	OK(ph_store_close(&store, NULL));
}

static void
check_torn(const small *journal, const uint8_t *bytes, size_t changed)
{
	ph_store *store;
	ph_journal_report report;
	char path[256];
	uint8_t *copy;

	OK(fixture_open(&here, NULL, &store, &report, NULL));
	ck_assert_msg(report.torn, "byte %zu", changed);
	ck_assert_uint_eq(report.tail.segment, 1);
	ck_assert_uint_eq(report.tail.offset, journal->starts[5]);
	ck_assert_uint_eq(report.tail.first, 6);
	fixture_path(&here, report.tail_file, path);
	size_t length = fixture_load(path, &copy);
	ck_assert_uint_eq(length, report.tail.length);
	ck_assert_mem_eq(copy, bytes + journal->starts[5], length);
	free(copy);
	expect(store, 1, 3);
	put(store, 4, 1);
	expect(store, 1, 4);
	OK(ph_store_close(&store, NULL));
}

static void
check_damaged(const small *journal, size_t changed, unsigned sequence)
{
	static const uint64_t ids[] = {0, 0, 1, 2, 3, 0};
	ph_store *store;
	ph_journal_report report;
	ph_error err;

	ck_assert_msg(
	    fixture_open(&here, NULL, &store, &report, &err) == PH_ERR_DAMAGED,
	    "byte %zu", changed);
	ck_assert_uint_eq(report.damage_count, 1);
	ck_assert_uint_eq(report.damage[0].segment, 1);
	ck_assert_ptr_nonnull(strstr(err.where, "journal 0000000001@"));
	if (sequence == 0)
		return;
	ck_assert_uint_eq(report.damage[0].offset, journal->starts[sequence - 1]);
	ck_assert_uint_eq(report.damage[0].length,
	    journal->starts[sequence] - journal->starts[sequence - 1]);
	ck_assert_uint_eq(report.damage[0].first, sequence);
	ck_assert_uint_eq(report.damage[0].last, sequence);
	check_past_damage(ids[sequence]);
}

START_TEST(one_byte_damaged_anywhere)
{
	small journal;

	make_small(&journal);
	for (size_t at = 0; at < journal.used; at++) {
		unsigned sequence = owner_of(&journal, at);

		if (at > 80 && at < 4090 && at % 37 != 0)
			continue; /* the header's zeros: test_segment has every one */
		journal.bytes[at] ^= 0xff;
		lay_out(journal.bytes, journal.used, journal.size);
		if (sequence == 6)
			check_torn(&journal, journal.bytes, at);
		else
			check_damaged(&journal, at, sequence);
		journal.bytes[at] ^= 0xff;
	}
	free(journal.bytes);
}
END_TEST

/* What an open past the damage of records 2 and 3 has to read: 1, and from 4 on. */
static void
check_without_two_and_three(uint64_t last, uint64_t rewritten)
{
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .past_damage = true,
	    .fs = fixture_quick_fs(),
	};
	uint64_t ids[8];
	ph_store *store;
	ph_journal_report report;
	ph_status status;

	OK(ph_journal_open(&config, &store, &report, NULL));
	ck_assert_uint_eq(report.damage_count, 1);
	ck_assert_uint_eq(report.damage[0].first, 3);
	ck_assert_uint_eq(report.damage[0].last, 4);
	ck_assert_uint_eq(report.rewritten, rewritten);
	put(store, last + 1, 1);
	ck_assert_uint_eq(fixture_read_all(store, ids, 8, &status), last - 1);
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_uint_eq(ids[0], 1);
	for (uint64_t id = 4; id <= last + 1; id++)
		ck_assert_uint_eq(ids[id - 3], id);
	OK(ph_store_close(&store, NULL));
}

/* One stroke takes the last record that is proven and the first that is not. */
START_TEST(damage_over_the_edge_of_what_is_proven)
{
	fake_disk disk;
	ph_store *store;
	ph_position positions[4];
	char path[256];
	uint8_t *bytes;

	fake_disk_init(&disk, here.aside, 1);
	OK(fixture_open(&here, &disk.fs, &store, NULL, NULL));
	for (uint64_t id = 1; id <= 2; id++)
		OK(fixture_submit(store, id, PH_STORE_NEW, &positions[id], NULL));
	OK(ph_store_flush(store, NULL, NULL));
	OK(fixture_submit(store, 3, PH_STORE_NEW, &positions[3], NULL));
	put(store, 4, 2);
	die(&disk, &store);
	fake_disk_fini(&disk);
	fixture_path(&here, FIRST, path);
	size_t length = fixture_load(path, &bytes);
	bytes[positions[2].offset & UINT32_MAX] ^= 0xff;
	bytes[positions[3].offset & UINT32_MAX] ^= 0xff;
	fixture_save(path, bytes, length, length);
	free(bytes);
	ck_assert_int_eq(fixture_open(&here, NULL, &store, NULL, NULL), PH_ERR_DAMAGED);
	check_without_two_and_three(5, 2);
	check_without_two_and_three(6, 0);
}
END_TEST

START_TEST(a_byte_behind_the_end_is_cut_off)
{
	small journal;
	ph_store *store;
	ph_journal_report report;

	make_small(&journal);
	for (size_t at = journal.used; at < journal.size; at = at * 2 + 1) {
		uint8_t *bytes = calloc(1, journal.size);

		memcpy(bytes, journal.bytes, journal.used);
		bytes[at] = 0x5a;
		lay_out(bytes, journal.size, journal.size);
		OK(fixture_open(&here, NULL, &store, &report, NULL));
		ck_assert(report.torn);
		ck_assert_uint_eq(report.tail.offset, journal.used);
		ck_assert_uint_eq(report.tail.length, at + 1 - journal.used);
		expect(store, 1, 4);
		OK(ph_store_close(&store, NULL));
		free(bytes);
	}
	free(journal.bytes);
}
END_TEST

/* Whole records in the first `length` bytes. */
static uint64_t
whole_records(const small *journal, size_t length)
{
	static const uint64_t records[] = {0, 0, 1, 2, 3, 3, 4};
	unsigned whole = 0;

	while (whole < 6 && journal->starts[whole + 1] <= length)
		whole++;
	return records[whole];
}

START_TEST(cut_off_at_every_length)
{
	small journal;

	make_small(&journal);
	for (size_t length = 0; length <= journal.used + 8; length++) {
		ph_journal_config config = {
		    .segment_bytes = 1u << 20,
		    .fs = fixture_quick_fs(),
		};
		ph_store *store;
		ph_journal_report report;

		if (length > 80 && length < 4090 && length % 37 != 0)
			continue;
		lay_out(journal.bytes, length < journal.used ? length : journal.used,
		    length);
		/* a crash shortens no file: it is damage, whatever is missing */
		ck_assert_int_eq(
		    fixture_open(&here, NULL, &store, &report, NULL), PH_ERR_DAMAGED);
		ck_assert_uint_ge(report.damage_count, 1);
		if (length < PH_SEGMENT_HEAD)
			continue;
		config.directory = here.directory;
		config.past_damage = true;
		OK(ph_journal_open(&config, &store, &report, NULL));
		uint64_t kept = whole_records(&journal, length);
		expect(store, 1, kept);
		put(store, kept + 1, 2);
		expect(store, 1, kept + 2);
		OK(ph_store_close(&store, NULL));
		/* it stays damage */
		ck_assert_int_eq(
		    fixture_open(&here, NULL, &store, NULL, NULL), PH_ERR_DAMAGED);
		OK(ph_journal_open(&config, &store, &report, NULL));
		expect(store, 1, kept + 2);
		OK(ph_store_close(&store, NULL));
	}
	free(journal.bytes);
}
END_TEST

START_TEST(zeros_from_every_offset_on)
{
	small journal;

	make_small(&journal);
	for (size_t from = PH_SEGMENT_HEAD; from <= journal.used; from++) {
		ph_store *store;
		ph_journal_report report;
		uint64_t kept = whole_records(&journal, from);

		lay_out(journal.bytes, from, journal.size);
		/* a record may end in zeros of its own */
		if (from < journal.used && kept < 4 && journal.bytes[from] == 0)
			continue;
		OK(fixture_open(&here, NULL, &store, &report, NULL));
		expect(store, 1, kept);
		put(store, kept + 1, 1);
		expect(store, 1, kept + 1);
		OK(ph_store_close(&store, NULL));
	}
	free(journal.bytes);
}
END_TEST

/* Who has seen a record that is damaged now goes on behind it, and learns that it is lost. */
START_TEST(a_reader_begins_in_what_is_passed_over)
{
	small journal;
	ph_store *store;
	ph_store_record record;

	make_small(&journal);
	journal.bytes[journal.starts[2] + 33] ^= 0xff;
	journal.bytes[journal.starts[3] + 33] ^= 0xff;
	lay_out(journal.bytes, journal.used, journal.size);
	read_from((uint64_t) 1 << 32 | journal.starts[3], 4, &store, &record);
	ck_assert_uint_eq(record.sequence, 6);
	for (uint64_t sequence = 1; sequence <= 6; sequence++)
		ck_assert_int_eq(
		    ph_store_lost(store, sequence), sequence == 3 || sequence == 4);
	OK(ph_store_close(&store, NULL));
	free(journal.bytes);
}
END_TEST

START_TEST(more_ranges_than_are_passed_over)
{
	ph_journal_config config = {
	    .segment_bytes = 1u << 20,
	    .past_damage = true,
	    .fs = fixture_quick_fs(),
	};
	static ph_position positions[2 * PH_JOURNAL_RANGES];
	ph_store *store;
	ph_error err;
	char path[256];
	uint8_t *bytes;

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	for (size_t i = 0; i < 2 * PH_JOURNAL_RANGES; i++)
		OK(fixture_submit(store, i + 1, PH_STORE_NEW, &positions[i], NULL));
	OK(ph_store_close(&store, NULL));
	fixture_path(&here, FIRST, path);
	size_t length = fixture_load(path, &bytes);
	for (size_t i = 1; i < 2 * PH_JOURNAL_RANGES - 2; i += 2)
		bytes[(positions[i].offset & UINT32_MAX) + 33] ^= 0xff;
	fixture_save(path, bytes, length, length);
	config.directory = here.directory;
	OK(ph_journal_open(&config, &store, NULL, NULL));
	OK(ph_store_close(&store, NULL));
	bytes[(positions[2 * PH_JOURNAL_RANGES - 1].offset & UINT32_MAX) + 33] ^= 0xff;
	fixture_save(path, bytes, length, length);
	ck_assert_int_eq(ph_journal_open(&config, &store, NULL, &err), PH_ERR_DAMAGED);
	ck_assert_ptr_nonnull(
	    strstr(err.text, "PH5002 128 damaged ranges, and no more than 127 are"));
	free(bytes);
}
END_TEST

START_TEST(how_ranges_and_places_read)
{
	static const struct {
		ph_journal_range range;
		const char *text;
	} table[] = {
	    {{3, 8192, 64, 17, 19}, "journal 0000000003@8192+64: sequences 17 to 19"},
	    {{3, 8192, 64, 17, 0}, "journal 0000000003@8192+64: sequences 17 to ?"},
	    {{2, 0, 4096, 5, 9}, "journal 0000000002@0+4096: sequences 5 to 9"},
	    {{1, 0, 0, 1, 9},
		"journal 0000000001: the file is missing: sequences 1 to 9"},
	    {{7, 0, 0, 0, 9},
		"journal 0000000007: the file is missing: sequences ? to 9"},
	};
	char text[200], place[PH_JOURNAL_PLACE];

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		ph_journal_range_text(&table[i].range, text, sizeof text);
		ck_assert_str_eq(text, table[i].text);
	}
	ph_journal_place_text((uint64_t) 3 << 32 | 8192, place);
	ck_assert_str_eq(place, "0000000003@8192");
	ph_journal_place_text(UINT64_MAX, place);
	ck_assert_str_eq(place, "4294967295@4294967295");
}
END_TEST

START_TEST(damage_while_it_runs_is_not_served)
{
	ph_store *store;
	ph_store_reader *reader;
	ph_store_record record;
	ph_position positions[4];
	ph_error err;
	char path[256];

	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	for (uint64_t id = 1; id <= 3; id++)
		OK(fixture_submit(store, id, PH_STORE_NEW, &positions[id], NULL));
	OK(ph_store_flush(store, NULL, NULL));
	fixture_path(&here, FIRST, path);
	FILE *file = fopen(path, "r+b");
	ck_assert_int_eq(
	    fseek(file, (long) (positions[2].offset & UINT32_MAX) + 33, SEEK_SET), 0);
	fputc(0x7e, file);
	fclose(file);
	ck_assert_int_eq(
	    ph_store_read(store, positions[2], &record, &err), PH_ERR_DAMAGED);
	ck_assert_ptr_nonnull(strstr(err.where, "journal 0000000001@"));
	OK(ph_store_read(store, positions[3], &record, NULL));
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	OK(ph_store_reader_next(reader, &record, NULL));
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_DAMAGED);
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_DAMAGED);
	ph_store_reader_destroy(&reader);
	OK(ph_store_close(&store, NULL));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, one_byte_damaged_anywhere);
	tcase_add_test(tcase, damage_over_the_edge_of_what_is_proven);
	tcase_add_test(tcase, a_byte_behind_the_end_is_cut_off);
	tcase_add_test(tcase, cut_off_at_every_length);
	tcase_add_test(tcase, zeros_from_every_offset_on);
	tcase_add_test(tcase, a_reader_begins_in_what_is_passed_over);
	tcase_add_test(tcase, more_ranges_than_are_passed_over);
	tcase_add_test(tcase, how_ranges_and_places_read);
	tcase_add_test(tcase, damage_while_it_runs_is_not_served);
}

int
main(void)
{
	return run_journal_suite("journal_damage", add_tests);
}
