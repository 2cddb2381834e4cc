/*
 * journal, with the nth allocation failing, for every n: from opening to closing, with new files, a
 * reader and a read on the way. An error says so, the journal stays usable or has failed for good,
 * nothing is leaked, and what was acknowledged is there afterwards.
 */
#include "broker/journal.h"

#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/scarce_memory.h"

#define RECORDS	 120
#define MANY	 4096
#define OK(call) ck_assert_int_eq((call), PH_OK)

#define COUNTED(call) (counting = true, result = (call), counting = false, result)

/* What a story has come to know. */
typedef struct life {
	uint64_t submitted;    /* the last id that was taken */
	uint64_t acknowledged; /* the last one that is durable */
	uint64_t followed;     /* the last one that the reader has seen */
	ph_position first;     /* of the first record of this life; offset 0: none */
	bool refused;	       /* something was refused for want of memory */
} life;

static void
note(life *so_far, ph_status status)
{
	ck_assert_msg(status == PH_OK || status == PH_ERR_NOMEM || status == PH_ERR_IO,
	    "allocation %lu: status %d", fail_at, (int) status);
	so_far->refused = so_far->refused || status != PH_OK;
}

/* One record and, after every fourth, a flush. False: the journal takes no more. */
static bool
write_one(ph_store *store, life *so_far)
{
	ph_position position;
	ph_status result, status;
	status = COUNTED(fixture_submit(
	    store, so_far->submitted + 1, PH_STORE_NEW, &position, NULL));
	note(so_far, status);
	if (status != PH_OK)
		return status == PH_ERR_NOMEM;
	if (so_far->first.offset == 0)
		so_far->first = position;
	so_far->submitted++;
	if (so_far->submitted % 4 != 0)
		return true;
	status = COUNTED(ph_store_flush(store, NULL, NULL));
	note(so_far, status);
	if (status == PH_OK)
		so_far->acknowledged = so_far->submitted;
	return status == PH_OK;
}

static void
read_some(ph_store *store, life *so_far)
{
	ph_store_record record;
	ph_store_reader *reader = NULL;
	ph_status result, status;
	if (so_far->acknowledged > 0 && so_far->first.offset != 0) {
		status = COUNTED(ph_store_read(store, so_far->first, &record, NULL));
		note(so_far, status);
		if (status == PH_OK)
			ck_assert_uint_ne(fixture_id(&record), 0);
	}
	status =
	    COUNTED(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	note(so_far, status);
	while (status == PH_OK) {
		status = COUNTED(ph_store_reader_next(reader, &record, NULL));
		if (status != PH_ERR_AGAIN)
			note(so_far, status);
	}
	ph_store_reader_destroy(&reader);
}

/* A reader that comes after each record, and is handed in memory what there is memory for. */
static void
follow(ph_store_reader *reader, life *so_far)
{
	ph_store_record record;
	ph_status result, status = reader == NULL ? PH_ERR_AGAIN : PH_OK;
	while (status == PH_OK) {
		status = COUNTED(ph_store_reader_next(reader, &record, NULL));
		if (status == PH_OK)
			ck_assert_uint_eq(fixture_id(&record), ++so_far->followed);
	}
	if (status != PH_ERR_AGAIN)
		note(so_far, status);
}

static void
live(const fixture *place, life *so_far)
{
	ph_store *store = NULL;
	ph_store_reader *reader = NULL;
	so_far->first = (ph_position){0};
	ph_status result,
	    status = COUNTED(fixture_open(place, NULL, &store, NULL, NULL));
	note(so_far, status);
	if (status != PH_OK)
		return;
	note(so_far,
	    COUNTED(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL)));
	for (int i = 0; i < RECORDS && write_one(store, so_far); i++)
		follow(reader, so_far);
	ph_store_reader_destroy(&reader);
	read_some(store, so_far);
	note(so_far, COUNTED(ph_store_close(&store, NULL)));
}

/* What is there afterwards, with all the memory there is. */
static void
compare(const fixture *place, const life *so_far)
{
	static uint64_t ids[MANY];
	ph_store *store = NULL;
	ph_status status;
	OK(fixture_open(place, NULL, &store, NULL, NULL));
	size_t count = fixture_read_all(store, ids, MANY, &status);
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_msg(count >= so_far->acknowledged && count <= so_far->submitted,
	    "allocation %lu: %zu records of %llu to %llu", fail_at, count,
	    (unsigned long long) so_far->acknowledged,
	    (unsigned long long) so_far->submitted);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(ids[i], i + 1);
	OK(ph_store_close(&store, NULL));
}

START_TEST(any_allocation_may_fail)
{
	bool reached = true, refused = false;
	for (fail_at = 1; reached; fail_at++) {
		fixture here;
		life so_far = {0};
		fixture_init(&here);
		allocations = 0;
		live(&here, &so_far);
		reached = allocations >= fail_at;
		refused = refused || so_far.refused;
		compare(&here, &so_far);
		fixture_fini(&here);
		ck_assert_msg(fail_at < 5000, "no end of allocations");
	}
	ck_assert_msg(refused, "no allocation ever failed: the linker did not wrap it");
}
END_TEST

static Suite *
memory_suite(void)
{
	Suite *suite = suite_create("journal-memory");
	TCase *tcase = tcase_create("journal-memory");
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, any_allocation_may_fail);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(memory_suite());
}
