/* The window of duplicates saved in a checkpoint and loaded again: as it was, and without what never was
 * durable, whatever became of the ring. */
#include "tests/unit/duplicate_rig.h"

#define OTHERS 1000000 /* numbers of messages that came in the place of lost ones */

/* Other messages that got those acceptances. */
static void
add_others(ph_duplicates *window, uint64_t from, uint64_t to)
{
	uint8_t id[PH_FINGERPRINT];
	for (uint64_t n = from; n <= to; n++) {
		print(n + OTHERS, id);
		ph_duplicates_add(window, id, id, n);
	}
}

/* Saved at any moment, in windows that are filling, full, and round; loaded it goes on. */
START_TEST(loaded_as_it_was_saved)
{
	static const uint64_t moments[] = {0, 1, 1999, 2000, 2001, 3500, 4000, 7777};
	uint64_t moment = moments[_i];
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_duplicates *window = on_disk(2000);
	add(window, 1, moment);
	save(window, saved);
	ph_duplicates_destroy(&window);
	for (uint64_t more = 0; more <= 5000; more += 2500) {
		window = load(2000, saved, &found);
		uint64_t first = moment <= 2000 ? 1 : moment - 1999;
		ck_assert_uint_eq(found.damaged, 0);
		ck_assert_uint_eq(found.replaced, 0);
		ck_assert_uint_eq(found.entries, moment + 1 - first);
		check_knows(window, first, moment, 8000);
		add(window, moment + 1, moment + more);
		first = moment + more <= 2000 ? 1 : moment + more - 1999;
		check_knows(window, first, moment + more, moment + more);
		save(window, saved);
		ph_duplicates_destroy(&window);
		moment += more;
	}
}
END_TEST

/* After the checkpoint the window went on, over the oldest: the journal tells it again, and then it
 * is as it was. With a power cut any of that may be half there. */
START_TEST(what_came_after_the_checkpoint_comes_again)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	disk.random = (uint64_t) _i * 2 + 1;
	ph_duplicates *window = on_disk(500);
	add(window, 1, 720);
	save(window, saved);
	uint64_t more = fake_random(&disk.random, 700);
	add(window, 721, 720 + more);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	ph_duplicates_destroy(&window);
	if (_i % 2 == 1)
		fake_disk_cut_power(&disk);
	window = load(500, saved, &found);
	ck_assert_uint_eq(found.damaged, 0);
	ck_assert_uint_le(found.replaced, more);
	ck_assert(_i % 2 == 1 || found.replaced == (more < 500 ? more : 500));
	for (uint64_t n = 1; n <= 720; n++)
		ck_assert(knows(window, n) || n <= 220 + more);
	for (uint64_t n = 721; n <= 720 + more; n++)
		ck_assert(!knows(window, n));
	add(window, 721, 720 + more);
	check_knows(window, 221 + more, 720 + more, 720 + more);
	ph_duplicates_destroy(&window);
}
END_TEST

/* The file may have entries of a batch that never became durable. Nobody was told of those, and they
 * are not known again: neither before others have their acceptances and places, nor after. */
START_TEST(what_never_was_durable_is_not_known)
{
	uint8_t saved[SAVED], id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	ph_duplicates_loaded found;
	disk.random = (uint64_t) _i + 1;
	uint64_t durable = 720 + fake_random(&disk.random, 100);
	uint64_t lost = durable + 1 + fake_random(&disk.random, 600);
	uint64_t others = durable + fake_random(&disk.random, 600);
	ph_duplicates *window = on_disk(500);
	add(window, 1, 720);
	save(window, saved);
	add(window, 721, lost);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	ph_duplicates_destroy(&window);
	window = load(500, saved, &found);
	add(window, 721, durable);
	add_others(window, durable + 1, others);
	save(window, saved);
	for (unsigned life = 0; life < 2; life++) {
		uint64_t newest = lost > others ? lost : others;
		for (uint64_t n = newest - 499; n <= durable; n++)
			ck_assert(knows(window, n));
		for (uint64_t n = durable + 1; n <= lost; n++)
			ck_assert(!knows(window, n));
		for (uint64_t n = others; n > durable && n > newest - 500; n--) {
			print(n + OTHERS, id);
			ck_assert_int_eq(
			    ph_duplicates_look(window, id, id, &acceptance),
			    PH_REPEAT_SAME);
			ck_assert_uint_eq(acceptance, n);
		}
		ph_duplicates_destroy(&window);
		window = load(500, saved, &found);
		ck_assert_uint_eq(found.damaged, 0);
	}
	ph_duplicates_destroy(&window);
}
END_TEST

/* What is synced for a checkpoint outlives a power cut. */
START_TEST(a_synced_window_outlives_a_power_cut)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	disk.random = (uint64_t) _i * 2 + 1;
	ph_duplicates *window = on_disk(500);
	add(window, 1, 800);
	save(window, saved);
	fake_disk_cut_power(&disk);
	ph_duplicates_destroy(&window);
	window = load(500, saved, &found);
	ck_assert_uint_eq(found.entries, 500);
	check_knows(window, 301, 800, 800);
	ph_duplicates_destroy(&window);
}
END_TEST

/* The limit is changed between two lives, up and down, wherever the ring stands. */
START_TEST(another_limit)
{
	static const size_t limits[] = {100, 2000, 5000};
	size_t before = limits[_i / 3], after = limits[_i % 3];
	for (uint64_t count = 50; count < 9000; count += 1490) {
		uint8_t saved[SAVED];
		ph_duplicates_loaded found;
		ph_duplicates *window = on_disk(before);
		add(window, 1, count);
		save(window, saved);
		ph_duplicates_destroy(&window);
		window = load(after, saved, &found);
		uint64_t kept = before < after ? before : after;
		uint64_t first = count <= kept ? 1 : count - kept + 1;
		check_knows(window, first, count, count);
		/* It takes the new limit at the latest when it has gone round. */
		uint64_t more = count + before + after;
		for (uint64_t n = count + 1; n <= more; n += 50) {
			add(window, n, n + 49);
			ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
			ck_assert_uint_le(ph_duplicates_count(window), after);
		}
		more = count + (before + after + 49) / 50 * 50;
		check_knows(window, more < after ? 1 : more - after + 1, more, more);
		ph_duplicates_destroy(&window);
	}
}
END_TEST

START_TEST(damage_is_counted_when_loading)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_duplicates *window = on_disk(3000);
	add(window, 1, 4000);
	save(window, saved);
	ph_duplicates_destroy(&window);
	/* The oldest may be half replaced by what came next: that is no damage. */
	damage(entry_at(1000));
	damage(entry_at(500));
	damage(entry_at(2000));
	int fd = open_ring();
	ck_assert_int_eq(ftruncate(fd, entry_at(2990)), 0);
	close(fd);
	window = load(3000, saved, &found);
	ck_assert_uint_eq(found.damaged, 12);
	ck_assert_uint_eq(found.entries, 2987);
	ck_assert(!knows(window, 3501) && !knows(window, 2001) && knows(window, 2002));
	add(window, 4001, 7000);
	check_knows(window, 4001, 7000, 7000);
	ph_duplicates_destroy(&window);
}
END_TEST

static void
check_refused(const uint8_t *saved, size_t length, ph_status expected)
{
	ph_duplicates *window = fresh(1000);
	ph_duplicates_loaded found;
	ph_error err = {.status = PH_OK};
	ck_assert_int_eq(ph_duplicates_load(
			     window, &disk.fs, place.root, saved, length, &found, &err),
	    expected);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5370"));
	ck_assert_uint_eq(ph_duplicates_count(window), 0);
	add(window, 1, 5);
	check_knows(window, 1, 5, 10);
	ph_duplicates_destroy(&window);
}

START_TEST(what_cannot_be_loaded_is_refused)
{
	uint8_t saved[SAVED], other[SAVED];
	ph_duplicates *window = on_disk(1000);
	add(window, 1, 100);
	save(window, saved);
	ph_duplicates_destroy(&window);
	check_refused(saved, 0, PH_ERR_NOT_FOUND);
	check_refused(saved, SAVED - 1, PH_ERR_DAMAGED);
	memcpy(other, saved, SAVED);
	other[0] ^= 1; /* another ring's id */
	check_refused(other, SAVED, PH_ERR_NOT_FOUND);
	memcpy(other, saved, SAVED);
	other[16 + 16 + 1] = 0xff; /* more entries than places */
	check_refused(other, SAVED, PH_ERR_DAMAGED);
	memcpy(other, saved, SAVED);
	other[16 + 8 + 1] = 0xff; /* the oldest is nowhere */
	check_refused(other, SAVED, PH_ERR_DAMAGED);
	damage(100);
	check_refused(saved, SAVED, PH_ERR_DAMAGED);
	damage(100);
	int fd = open_ring();
	ck_assert_int_eq(ftruncate(fd, 1000), 0);
	close(fd);
	check_refused(saved, SAVED, PH_ERR_DAMAGED);
	char path[256];
	(void) snprintf(path, sizeof path, "%s/duplicates.ring", place.root);
	ck_assert_int_eq(unlink(path), 0);
	check_refused(saved, SAVED, PH_ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_failed_sync_is_told)
{
	ph_error err = {.status = PH_OK};
	ph_duplicates *window = on_disk(100);
	disk.fail_at[FAKE_FDATASYNC] = disk.calls[FAKE_FDATASYNC] + 1;
	ck_assert_int_eq(
	    ph_duplicates_sync(&disk.fs, ph_duplicates_fd(window), &err), PH_ERR_IO);
	ck_assert_int_eq(ph_duplicates_sync(&disk.fs, -1, &err), PH_OK);
	ph_duplicates_destroy(&window);
}
END_TEST

static TCase *
checkpoint_tests(void)
{
	TCase *tests = tcase_create("checkpoint");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, loaded_as_it_was_saved, 0, 8);
	tcase_add_loop_test(tests, what_came_after_the_checkpoint_comes_again, 0, 40);
	tcase_add_loop_test(tests, what_never_was_durable_is_not_known, 0, 40);
	tcase_add_loop_test(tests, a_synced_window_outlives_a_power_cut, 0, 10);
	tcase_add_loop_test(tests, another_limit, 0, 9);
	tcase_add_test(tests, damage_is_counted_when_loading);
	tcase_add_test(tests, what_cannot_be_loaded_is_refused);
	tcase_add_test(tests, a_failed_sync_is_told);
	return tests;
}

int
main(void)
{
	Suite *suite = suite_create("duplicate_load");
	suite_add_tcase(suite, checkpoint_tests());
	return ph_check_main(suite);
}
