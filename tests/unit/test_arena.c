/* arena: alignment, limits, reset. */
#include "lib/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/check_main.h"

static ph_arena *
fresh(size_t limit)
{
	ph_arena *arena = NULL;
	ck_assert_int_eq(ph_arena_new(limit, &arena, NULL), PH_OK);
	return arena;
}

START_TEST(every_piece_is_aligned_and_apart)
{
	ph_arena *arena = fresh(1 << 20);
	unsigned char *before = NULL;
	for (size_t size = 1; size < 200; size++) {
		unsigned char *piece = ph_arena_alloc(arena, size);
		ck_assert_ptr_nonnull(piece);
		ck_assert_uint_eq((uintptr_t) piece % alignof(max_align_t), 0);
		memset(piece, (int) size, size);
		if (before != NULL)
			ck_assert_uint_eq(before[size - 2], (unsigned char) (size - 1));
		before = piece;
	}
	ph_arena_destroy(&arena);
	ck_assert_ptr_null(arena);
}
END_TEST

START_TEST(pieces_larger_than_a_block)
{
	ph_arena *arena = fresh((size_t) 16 << 20);
	for (size_t size = 4096; size <= (size_t) 4 << 20; size *= 2) {
		char *piece = ph_arena_zalloc(arena, size);
		ck_assert_ptr_nonnull(piece);
		ck_assert_int_eq(piece[0], 0);
		ck_assert_int_eq(piece[size - 1], 0);
	}
	ck_assert(!ph_arena_failed(arena));
	ph_arena_destroy(&arena);
}
END_TEST

START_TEST(the_limit_is_hard_and_remembered)
{
	ph_arena *arena = fresh(1000);
	ck_assert_ptr_nonnull(ph_arena_alloc(arena, 900));
	ck_assert(!ph_arena_failed(arena));
	ck_assert_ptr_null(ph_arena_alloc(arena, 101));
	ck_assert(ph_arena_failed(arena));
	/* what still fits is still given */
	ck_assert_ptr_nonnull(ph_arena_alloc(arena, 50));
	ck_assert(ph_arena_failed(arena));
	ck_assert_uint_le(ph_arena_used(arena), 1000);
	ph_arena_destroy(&arena);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
	ph_arena *arena = fresh(SIZE_MAX);
	ck_assert_ptr_null(ph_arena_alloc(arena, SIZE_MAX));
	ck_assert_ptr_null(ph_arena_alloc(arena, SIZE_MAX - 8));
	ck_assert_ptr_null(ph_arena_dup(arena, "x", SIZE_MAX));
	ck_assert(ph_arena_failed(arena));
	ph_arena_destroy(&arena);
}
END_TEST

START_TEST(a_reset_arena_starts_again)
{
	ph_arena *arena = fresh(100000);
	for (int round = 0; round < 50; round++) {
		ck_assert_ptr_nonnull(ph_arena_alloc(arena, 60000));
		ck_assert_ptr_null(ph_arena_alloc(arena, 60000));
		ph_arena_reset(arena);
		ck_assert(!ph_arena_failed(arena));
		ck_assert_uint_eq(ph_arena_used(arena), 0);
	}
	ph_arena_destroy(&arena);
}
END_TEST

/* What took several blocks before is one the next time. */
START_TEST(a_reset_arena_has_one_block)
{
	ph_arena *arena = fresh(1000000);
	for (int i = 0; i < 40; i++)
		ck_assert_ptr_nonnull(ph_arena_alloc(arena, 1024));
	ph_arena_reset(arena);
	ph_arena_limit(arena, 40 * 1024);
	const uint8_t *first = ph_arena_alloc(arena, 1024);
	for (int i = 1; i < 40; i++)
		ck_assert_ptr_eq(ph_arena_alloc(arena, 1024), first + i * 1024);
	ck_assert_ptr_null(ph_arena_alloc(arena, 1));
	ph_arena_reset(arena);
	ck_assert_ptr_eq(ph_arena_alloc(arena, 1024), first);
	ph_arena_destroy(&arena);
}
END_TEST

START_TEST(copies_of_text)
{
	ph_arena *arena = fresh(4096);
	ck_assert_str_eq(ph_arena_strdup(arena, "bin day"), "bin day");
	ck_assert_str_eq(ph_arena_dup(arena, "bin day", 3), "bin");
	ck_assert_str_eq(ph_arena_dup(arena, NULL, 0), "");
	ck_assert_str_eq(ph_arena_printf(arena, "%s-%03d", "SR", 7), "SR-007");
	ck_assert_ptr_null(ph_arena_printf(arena, "%5000d", 1));
	ck_assert(ph_arena_failed(arena));
	ph_arena_destroy(&arena);
}
END_TEST

START_TEST(destroy_takes_nothing)
{
	ph_arena *none = NULL;
	ph_arena_destroy(&none);
	ph_arena_destroy(NULL);
}
END_TEST

static Suite *
arena_suite(void)
{
	Suite *suite = suite_create("arena");
	TCase *cases = tcase_create("arena");
	tcase_add_test(cases, every_piece_is_aligned_and_apart);
	tcase_add_test(cases, pieces_larger_than_a_block);
	tcase_add_test(cases, the_limit_is_hard_and_remembered);
	tcase_add_test(cases, absurd_sizes_are_refused);
	tcase_add_test(cases, a_reset_arena_starts_again);
	tcase_add_test(cases, a_reset_arena_has_one_block);
	tcase_add_test(cases, copies_of_text);
	tcase_add_test(cases, destroy_takes_nothing);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(arena_suite());
}
