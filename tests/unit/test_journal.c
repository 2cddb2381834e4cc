/* journal: what is durable is there again, in order, and nothing else is. */
#include "broker/journal.h"

#include <errno.h>
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
#include "lib/base/crc32c.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define OK(call)                                                                       \
	do {                                                                           \
		ph_status got_ = (call);                                               \
		ck_assert_msg(got_ == PH_OK, "%s: %s", #call, ph_status_name(got_));   \
	} while (0)
#define FIRST "0000000001.segment"
#define MANY  4096
#define FILES 800 /* records that fill several files */

static fixture here;

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

static void
put(ph_store *store, uint64_t first, uint64_t count)
{
	ph_position position;

	for (uint64_t id = first; id < first + count; id++)
		OK(fixture_submit(store, id, PH_STORE_NEW, &position, NULL));
	OK(ph_store_flush(store, NULL, NULL));
}

/* The journal gives exactly the ids `first`.. in order. */
static void
expect(ph_store *store, uint64_t first, uint64_t count)
{
	static uint64_t ids[MANY];
	ph_status status;
	size_t got = fixture_read_all(store, ids, MANY, &status);

	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_uint_eq(got, count);
	for (size_t i = 0; i < got; i++)
		ck_assert_uint_eq(ids[i], first + i);
}

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

/* The process that has the store dies: nothing it still has to say reaches the disk. */
static void
die(fake_disk *disk, ph_store **store)
{
	disk->dead = true;
	ph_store_close(store, NULL);
	disk->dead = false;
}

/* Open with the disk, write, and never come back. */
static void
write_and_die(fake_disk *disk, uint64_t first, uint64_t count, bool idle)
{
	ph_store *store;

	OK(fixture_open(&here, &disk->fs, &store, NULL, NULL));
	put(store, first, count);
	if (idle)
		OK(ph_store_idle(store, NULL));
	die(disk, &store);
}

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

/* --- damage ---------------------------------------------------------------------------- */

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

/* --- failing --------------------------------------------------------------------------- */

/* The nth call of a kind fails, for every n: what was said to be durable is there, or nothing. */
static void
fail_each(fake_call call, int number)
{
	for (unsigned nth = 1;; nth++) {
		fake_disk disk;
		ph_store *store = NULL;
		ph_status status;
		ph_error err = {0};
		uint64_t acknowledged = 0;
		uint64_t id = 1;

		fixture_fini(&here);
		fixture_init(&here);
		fake_disk_init(&disk, here.aside, nth);
		disk.fail_at[call] = nth;
		disk.fail_errno = number;
		status = fixture_open(&here, &disk.fs, &store, NULL, &err);
		for (; status == PH_OK && id <= 150; id++) {
			ph_position position;

			status =
			    fixture_submit(store, id, PH_STORE_NEW, &position, &err);
			if (status == PH_OK && id % 3 == 0)
				status = ph_store_flush(store, NULL, &err);
			if (status == PH_OK && id % 3 == 0)
				acknowledged = id;
		}
		if (store != NULL && status == PH_ERR_IO) {
			ph_position position;

			/* nothing is tried again */
			unsigned writes = disk.calls[FAKE_PWRITE];
			unsigned syncs = disk.calls[FAKE_FDATASYNC];
			ck_assert_int_eq(fixture_submit(store, 1, PH_STORE_ESSENTIAL,
					     &position, NULL),
			    PH_ERR_IO);
			ck_assert_int_eq(ph_store_flush(store, NULL, &err), PH_ERR_IO);
			ck_assert_ptr_nonnull(strstr(err.text, "PH5005"));
			ck_assert_int_eq(ph_store_idle(store, NULL), PH_ERR_IO);
			ck_assert_uint_eq(disk.calls[FAKE_PWRITE], writes);
			ck_assert_uint_eq(disk.calls[FAKE_FDATASYNC], syncs);
		}
		bool reached = disk.calls[call] >= nth;
		if (store != NULL)
			ph_store_close(&store, NULL);
		disk.fail_at[call] = 0;
		fake_disk_close_all(&disk);
		fake_disk_cut_power(&disk);

		static uint64_t ids[MANY];
		OK(fixture_open(&here, NULL, &store, NULL, &err));
		size_t count = fixture_read_all(store, ids, MANY, &status);
		ck_assert_msg(count >= acknowledged, "%u: %zu of %llu", nth, count,
		    (unsigned long long) acknowledged);
		ck_assert_uint_lt(count, id);
		for (size_t i = 0; i < count; i++)
			ck_assert_uint_eq(ids[i], i + 1);
		OK(ph_store_close(&store, NULL));
		fake_disk_fini(&disk);
		if (!reached)
			return;
	}
}

static const struct {
	fake_call call;
	int number;
} failures[] = {
    {FAKE_PWRITE, EIO},
    {FAKE_PWRITE, ENOSPC},
    {FAKE_FDATASYNC, EIO},
    {FAKE_FSYNC, EIO},
    {FAKE_OPEN, EIO},
    {FAKE_OPEN, EMFILE},
    {FAKE_RENAME, EIO},
    {FAKE_RENAME, ENOSPC},
    {FAKE_FALLOCATE, EIO},
    {FAKE_FALLOCATE, ENOSPC},
    {FAKE_UNLINK, EIO},
    {FAKE_PREAD, EIO},
};

START_TEST(any_call_may_fail)
{
	fail_each(failures[_i].call, failures[_i].number);
}
END_TEST

/* Any call may also fail when a killed journal is opened again. */
START_TEST(any_call_may_fail_at_an_unclean_start)
{
	for (unsigned nth = 1;; nth++) {
		fake_disk disk;
		ph_store *store = NULL;

		fixture_fini(&here);
		fixture_init(&here);
		fake_disk_init(&disk, here.aside, nth);
		write_and_die(&disk, 1, 5, false);
		memset(disk.calls, 0, sizeof disk.calls);
		disk.fail_at[failures[_i].call] = nth;
		disk.fail_errno = failures[_i].number;
		ph_status status = fixture_open(&here, &disk.fs, &store, NULL, NULL);
		bool reached = disk.calls[failures[_i].call] >= nth;
		if (status == PH_OK)
			ph_store_close(&store, NULL);
		disk.fail_at[failures[_i].call] = 0;
		fake_disk_close_all(&disk);
		fake_disk_cut_power(&disk);
		OK(fixture_open(&here, NULL, &store, NULL, NULL));
		expect(store, 1, 5);
		OK(ph_store_close(&store, NULL));
		fake_disk_fini(&disk);
		if (!reached)
			return;
		if (nth > 40)
			ck_abort_msg("no end of calls");
	}
}
END_TEST

START_TEST(short_writes_are_continued)
{
	fake_disk disk;
	ph_store *store;

	fake_disk_init(&disk, here.aside, 1);
	disk.short_writes = true;
	OK(fixture_open(&here, &disk.fs, &store, NULL, NULL));
	put(store, 1, 200);
	expect(store, 1, 200);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
}
END_TEST

static int64_t
scripted(void *self)
{
	return *(int64_t *) self;
}

#define FULL_MOST 8192 /* more than a full disk takes */

/* Brings new records until one is refused; the id of that one. */
static uint64_t
fill(ph_store *store, uint64_t id, ph_error *err)
{
	ph_position position;

	for (uint64_t end = id + FULL_MOST; id < end; id++) {
		ph_status status =
		    fixture_submit(store, id, PH_STORE_NEW, &position, err);
		if (status != PH_OK) {
			ck_assert_int_eq(status, PH_ERR_FULL);
			break;
		}
	}
	return id;
}

/* How many records a reader finds. */
static uint64_t
readable(ph_store *store)
{
	ph_store_reader *reader;
	ph_store_record record;
	uint64_t count = 0;

	OK(ph_store_flush(store, NULL, NULL));
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	while (ph_store_reader_next(reader, &record, NULL) == PH_OK)
		count++;
	ph_store_reader_destroy(&reader);
	return count;
}

/* Fills a disk; how many records were taken and are not there. */
static uint64_t
lost_when_full(void)
{
	fake_disk disk;
	ph_store *store;
	ph_error err = {0};
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .fs = &disk.fs,
	};

	fake_disk_init(&disk, here.aside, 1);
	OK(ph_journal_open(&config, &store, NULL, NULL));
	disk.fail_errno = ENOSPC;
	disk.fail_at[FAKE_FALLOCATE] = disk.calls[FAKE_FALLOCATE] + 1;
	disk.always = true;
	uint64_t taken = fill(store, 1, &err) - 1;
	uint64_t there = readable(store);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
	ck_assert_uint_gt(there, 0);
	return taken - there;
}

START_TEST(a_full_disk_drops_nothing_that_it_took)
{
	ck_assert_uint_eq(lost_when_full(), 0);
}
END_TEST

START_TEST(who_drops_on_a_full_disk_is_caught)
{
	setenv("PACKHORSE_MUTANT", "drop-when-full", 1);
	uint64_t lost = lost_when_full();
	unsetenv("PACKHORSE_MUTANT");
	ck_assert_uint_gt(lost, 0);
}
END_TEST

START_TEST(a_full_disk_takes_outcomes_and_recovers)
{
	fake_disk disk;
	ph_store *store;
	ph_store_space space;
	ph_error err;
	ph_position position;
	int64_t now = 1000;
	const ph_clock clock = {scripted, scripted, &now};
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .fs = &disk.fs,
	    .clock = &clock,
	};
	uint64_t id = 1;
	ph_status status = PH_OK;

	fake_disk_init(&disk, here.aside, 1);
	OK(ph_journal_open(&config, &store, NULL, NULL));
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(space.accepting);
	ck_assert_uint_eq(space.reserve, 1u << 20);
	disk.fail_errno = ENOSPC;
	disk.fail_at[FAKE_FALLOCATE] = disk.calls[FAKE_FALLOCATE] + 1;
	disk.always = true;
	while (status == PH_OK) {
		status = fixture_submit(store, id, PH_STORE_NEW, &position, &err);
		if (status == PH_OK)
			id++;
	}
	ck_assert_int_eq(status, PH_ERR_FULL);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5004"));
	OK(ph_store_flush(store, NULL, NULL));
	expect(store, 1, id - 1);
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(!space.accepting);
	ck_assert_uint_eq(space.open, 0);

	/* what is essential still goes, a good part of a file */
	uint64_t essential = 0;
	for (status = PH_OK; status == PH_OK;) {
		status = fixture_submit(store, id, PH_STORE_ESSENTIAL, &position, NULL);
		if (status == PH_OK) {
			essential += fixture_length(id);
			id++;
		}
		ck_assert_int_eq(
		    fixture_submit(store, id, PH_STORE_NEW, &position, NULL),
		    PH_ERR_FULL);
	}
	ck_assert_int_eq(status, PH_ERR_FULL);
	ck_assert_uint_gt(essential, 500000);
	OK(ph_store_flush(store, NULL, NULL));

	/* room again: found by itself, when it is time to look */
	disk.fail_at[FAKE_FALLOCATE] = 0;
	ck_assert_int_eq(
	    fixture_submit(store, id, PH_STORE_NEW, &position, NULL), PH_ERR_FULL);
	now += 2000;
	put(store, id, 20);
	expect(store, 1, id + 19);
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(space.accepting);
	OK(ph_store_close(&store, NULL));
	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	expect(store, 1, id + 19);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
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
	tcase_add_test(tcase, what_is_flushed_can_be_read);
	tcase_add_test(tcase, many_files);
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
	tcase_add_test(tcase, one_byte_damaged_anywhere);
	tcase_add_test(tcase, a_byte_behind_the_end_is_cut_off);
	tcase_add_test(tcase, cut_off_at_every_length);
	tcase_add_test(tcase, zeros_from_every_offset_on);
	tcase_add_loop_test(tcase, a_file_is_missing, 0, 2);
	tcase_add_loop_test(tcase, a_header_is_gone, 0, 3);
	tcase_add_test(tcase, a_file_of_another_journal);
	tcase_add_test(tcase, damage_while_it_runs_is_not_served);
	tcase_add_loop_test(
	    tcase, any_call_may_fail, 0, sizeof failures / sizeof *failures);
	tcase_add_loop_test(tcase, any_call_may_fail_at_an_unclean_start, 0,
	    sizeof failures / sizeof *failures);
	tcase_add_test(tcase, short_writes_are_continued);
	tcase_add_test(tcase, a_full_disk_drops_nothing_that_it_took);
	tcase_add_test(tcase, who_drops_on_a_full_disk_is_caught);
	tcase_add_test(tcase, a_full_disk_takes_outcomes_and_recovers);
	tcase_add_test(tcase, a_later_version_is_refused);
}

static Suite *
journal_suite(void)
{
	Suite *suite = suite_create("journal");
	TCase *tcase = tcase_create("journal");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(journal_suite());
}
