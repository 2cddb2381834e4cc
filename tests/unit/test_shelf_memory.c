/*
 * The shelf and the window of duplicates, with the nth allocation failing, for every n: what was taken
 * on is there, what was refused is not, and nobody is told what is not so.
 */
#include <string.h>

#include "broker/duplicate.h"
#include "broker/shelf.h"
#include "lib/base/os.h"
#include "tests/unit/check_main.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/scarce_memory.h"

#define ENTRIES 900
#define OF_FILE 300   /* entries of one file of the shelf */
#define IDS	14000 /* enough for the index to grow */

void *__real_ph_os_pages(size_t size);
void *__wrap_ph_os_pages(size_t size);

static fixture place;
static bool refused; /* something was, for want of memory */

void *
__wrap_ph_os_pages(size_t size)
{
	return fails() ? NULL : __real_ph_os_pages(size);
}

/* True: it was done; else memory was wanting. (Checking takes memory of its own.) */
static bool
done(ph_status status)
{
	bool before = counting;
	counting = false;
	ck_assert_msg(status == PH_OK || status == PH_ERR_NOMEM,
	    "allocation %lu: status %d", fail_at, (int) status);
	refused = refused || status != PH_OK;
	counting = before;
	return status == PH_OK;
}

/* ---- the shelf ---- */

static ph_status
new_shelf(ph_shelf **out)
{
	const ph_shelf_config config = {.fs = fixture_quick_fs(),
	    .directory = place.directory,
	    .queue = 3,
	    .file_entries = OF_FILE};
	return ph_shelf_new(&config, out, NULL);
}

static ph_shelf_entry
entry_of(uint64_t number)
{
	return (ph_shelf_entry){number, number * 8, number % 7, (int64_t) number};
}

/* What is on it is these numbers, in order, and nothing else. */
static void
take_all(ph_shelf *shelf, const uint64_t *numbers, size_t count)
{
	ph_shelf_entry first;
	ck_assert_uint_eq(ph_shelf_count(shelf), count);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(ph_shelf_first(shelf, &first, NULL), PH_OK);
		ck_assert_uint_eq(first.number, numbers[i]);
		ck_assert_uint_eq(first.offset, numbers[i] * 8);
		ph_shelf_drop(shelf);
	}
}

/* The numbers of those that were taken on. */
static size_t
fill(ph_shelf *shelf, uint64_t *numbers)
{
	size_t count = 0;
	for (uint64_t n = 1; n <= ENTRIES; n++) {
		const ph_shelf_entry entry = entry_of(n);
		if (!done(ph_shelf_reserve(shelf, NULL)))
			continue;
		ph_shelf_add(shelf, &entry);
		numbers[count++] = n;
	}
	return count;
}

static void
tell_shelf(void)
{
	static uint64_t numbers[ENTRIES];
	ph_shelf *shelf = NULL, *again = NULL;
	ph_shelf_entry found, other;
	ph_buffer section, paths;
	ph_reader from;
	ph_buffer_init(&section, 1u << 20);
	ph_buffer_init(&paths, 1u << 20);
	counting = true;
	bool made = done(new_shelf(&shelf));
	size_t count = made ? fill(shelf, numbers) : 0;
	bool first = count > 0 && done(ph_shelf_first(shelf, &found, NULL));
	bool middle =
	    count > 0 && done(ph_shelf_find(shelf, numbers[count / 2], &other, NULL));
	bool saved = made && done(ph_shelf_save(shelf, &section, &paths, NULL));
	ph_reader_init(&from, section.data, section.length);
	bool loaded =
	    saved && done(new_shelf(&again)) && done(ph_shelf_load(again, &from, NULL));
	counting = false;
	ck_assert(!first || found.number == numbers[0]);
	ck_assert(!middle || other.offset == numbers[count / 2] * 8);
	if (loaded)
		take_all(again, numbers, count);
	if (made)
		take_all(shelf, numbers, count);
	ph_shelf_destroy(&again);
	ph_shelf_destroy(&shelf);
	ph_buffer_fini(&section);
	ph_buffer_fini(&paths);
}

/* ---- the window ---- */

static void
id_of(uint64_t number, uint8_t out[PH_FINGERPRINT])
{
	const uint64_t words[] = {
	    number * 0x9e3779b97f4a7c15u, number * 0xd1342543de82ef95u};
	memcpy(out, words, PH_FINGERPRINT);
}

/* How many are known; each by its own number. */
static uint64_t
known(ph_duplicates *window)
{
	uint8_t id[PH_FINGERPRINT];
	uint64_t count = 0, acceptance = 0;
	for (uint64_t n = 1; n <= IDS; n++) {
		id_of(n, id);
		ph_repeat found = ph_duplicates_look(window, id, id, &acceptance);
		ck_assert_int_ne(found, PH_REPEAT_CONFLICT);
		ck_assert(found == PH_REPEAT_NO || acceptance == n);
		count += found == PH_REPEAT_SAME;
	}
	return count;
}

/* What is forgotten for want of memory is told. */
static void
tell_window(void)
{
	uint8_t id[PH_FINGERPRINT];
	ph_duplicates *window = NULL, *again = NULL;
	ph_duplicates_loaded found;
	ph_buffer saved;
	bool told = false;
	ph_buffer_init(&saved, 0);
	counting = true;
	bool made =
	    done(ph_duplicates_new(IDS, &window, NULL)) &&
	    done(ph_duplicates_begin(window, fixture_quick_fs(), place.root, NULL));
	for (uint64_t n = 1; made && n <= IDS; n++) {
		id_of(n, id);
		ph_duplicates_add(window, id, id, n);
		if (n % 1000 == 0)
			told = !done(ph_duplicates_flush(window, NULL)) || told;
	}
	if (made)
		ph_duplicates_save(window, &saved);
	bool loaded = made && !saved.failed &&
		      done(ph_duplicates_new(IDS, &again, NULL)) &&
		      done(ph_duplicates_load(again, fixture_quick_fs(), place.root,
			  saved.data, saved.length, &found, NULL));
	counting = false;
	if (made)
		ck_assert(known(window) == IDS || told);
	if (loaded)
		ck_assert_uint_eq(known(again), IDS);
	ph_duplicates_destroy(&again);
	ph_duplicates_destroy(&window);
	ph_buffer_fini(&saved);
}

static void (*const stories[])(void) = {tell_shelf, tell_window};

START_TEST(any_allocation_may_fail)
{
	bool reached = true;
	for (fail_at = 1; reached; fail_at++) {
		fixture_init(&place);
		allocations = 0;
		stories[_i]();
		reached = allocations >= fail_at;
		fixture_fini(&place);
		ck_assert_msg(fail_at < 5000, "no end of allocations");
	}
	ck_assert_msg(refused && fail_at > 5, "the linker did not wrap the allocator");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shelf-memory");
	TCase *tcase = tcase_create("shelf-memory");
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, any_allocation_may_fail, 0, 2);
	suite_add_tcase(suite, tcase);
	return ph_check_main(suite);
}
