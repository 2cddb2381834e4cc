/*
 * journal_steps - what the tests of a journal do again and again: a directory, records put and expected,
 * a process that dies.
 */
#ifndef PH_TESTS_UNIT_JOURNAL_STEPS_H
#define PH_TESTS_UNIT_JOURNAL_STEPS_H

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

static fixture here;

static inline void
set_up(void)
{
	fixture_init(&here);
}

static inline void
tear_down(void)
{
	fixture_fini(&here);
}

static inline void
put(ph_store *store, uint64_t first, uint64_t count)
{
	ph_position position;

	for (uint64_t id = first; id < first + count; id++)
		OK(fixture_submit(store, id, PH_STORE_NEW, &position, NULL));
	OK(ph_store_flush(store, NULL, NULL));
}

/* The journal gives exactly the ids `first`.. in order. */
static inline void
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

/* The process that has the store dies: nothing it still has to say reaches the disk. */
static inline void
die(fake_disk *disk, ph_store **store)
{
	disk->dead = true;
	ph_store_close(store, NULL);
	disk->dead = false;
}

/* Open with the disk, write, and never come back. */
static inline void
write_and_die(fake_disk *disk, uint64_t first, uint64_t count, bool idle)
{
	ph_store *store;

	OK(fixture_open(&here, &disk->fs, &store, NULL, NULL));
	put(store, first, count);
	if (idle)
		OK(ph_store_idle(store, NULL));
	die(disk, &store);
}

/* The last lines: all tests of one suite. */
static inline int
run_journal_suite(const char *name, void (*add_tests)(TCase *tcase))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return ph_check_main(suite);
}

/* Open past the damage, with a reader at a place in it: what it gives first. */
static inline void
read_from(uint64_t offset, uint64_t after, ph_store **store, ph_store_record *record)
{
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .past_damage = true,
	    .fs = fixture_quick_fs(),
	};
	ph_store_reader *reader;

	OK(ph_journal_open(&config, store, NULL, NULL));
	OK(ph_store_reader_new(
	    *store, (ph_position){.offset = offset}, after, &reader, NULL));
	OK(ph_store_reader_next(reader, record, NULL));
	ph_store_reader_destroy(&reader);
}

#endif
