/*
 * Queues over a backlog: order per key, waiting, holders, dead letters, books; and a long random
 * walk that is compared with a simple model after every step.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/queue.h"
#include "tests/unit/check_main.h"

static ph_backlog *backlog;
static ph_queue *queue;
static ph_holding holder;
static uint64_t last;

static void
setup(void)
{
	ck_assert_int_eq(ph_backlog_new(1 << 20, &backlog, NULL), PH_OK);
	ck_assert_int_eq(ph_queue_new(7, "waste", &queue, NULL), PH_OK);
	holder = (ph_holding){.count = 0};
	last = 0;
}

static void
teardown(void)
{
	ph_queue_destroy(&queue);
	ph_backlog_destroy(&backlog);
}

static ph_item *
new_item(uint64_t key)
{
	uint16_t number = 7;
	ph_entry *entry = ph_backlog_add(backlog, ++last, &number, 1, NULL);
	ck_assert_ptr_nonnull(entry);
	entry->key = key;
	ck_assert_int_eq(ph_queue_reserve(queue, NULL), PH_OK);
	return &entry->items[0];
}

static ph_item *
add(uint64_t key)
{
	ph_item *item = new_item(key);
	ph_queue_add(queue, item);
	return item;
}

static ph_letter *
letter(void)
{
	ph_letter *one = calloc(1, sizeof *one);
	ck_assert_ptr_nonnull(one);
	return one;
}

static ph_item *
take(void)
{
	ph_item *item = ph_queue_first(queue);
	if (item != NULL)
		ph_queue_take(queue, item, &holder);
	return item;
}

static void
done(ph_item *item)
{
	ph_queue_done(queue, item, false);
	ph_backlog_release(backlog, item);
}

START_TEST(one_in_flight_per_key)
{
	ph_item *first = add(5);
	ph_item *second = add(5);
	ph_item *other = add(6);
	ck_assert_ptr_eq(take(), first);
	ck_assert_ptr_eq(take(), other); /* another key never waits */
	ck_assert_ptr_null(take());
	done(first);
	ck_assert_ptr_eq(take(), second);
	ck_assert_uint_eq(ph_queue_count(queue)->in_flight, 2);
}
END_TEST

START_TEST(unordered_ones_do_not_wait)
{
	ph_item *first = add(0);
	ph_item *second = add(0);
	ck_assert_ptr_eq(take(), first);
	ck_assert_ptr_eq(take(), second);
}
END_TEST

START_TEST(retry_keeps_the_place_of_its_key)
{
	ph_item *first = add(5);
	ph_item *second = add(5);
	ck_assert_ptr_eq(take(), first);
	ph_queue_retry(queue, first, 1000);
	ck_assert_ptr_null(take());
	ck_assert_int_eq(ph_queue_next_due(queue), 1000);
	ck_assert_uint_eq(ph_queue_due(queue, 999), 0);
	ck_assert_uint_eq(ph_queue_due(queue, 1000), 1);
	ck_assert_ptr_eq(take(), first);
	done(first);
	ck_assert_ptr_eq(take(), second);
}
END_TEST

START_TEST(dead_letter_lets_its_key_go_on)
{
	ph_item *first = add(5);
	ph_item *second = add(5);
	ph_letter *why = letter();
	ck_assert_ptr_eq(take(), first);
	ph_queue_fail(queue, first, &why);
	ck_assert_ptr_null(why);
	ck_assert_ptr_eq(take(), second);
	ck_assert_ptr_eq(ph_queue_dead(queue), first);
	/* A replay stands behind what came after it. */
	ck_assert(ph_queue_replay(queue, first));
	ck_assert_ptr_null(take());
	done(second);
	ck_assert_ptr_eq(take(), first);
	ck_assert_uint_eq(ph_queue_books(queue)->replayed, 1);
}
END_TEST

START_TEST(returned_goes_first_again)
{
	ph_item *items[3];
	for (int i = 0; i < 3; i++)
		items[i] = add(0);
	(void) take();
	(void) take();
	while (holder.last != NULL)
		ph_queue_return(queue, holder.last);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_eq(take(), items[i]);
}
END_TEST

START_TEST(claims)
{
	ph_holding other = {.count = 0};
	ph_item *first = add(5);
	ph_item *second = add(5);
	/* What stands behind may be held by somebody who took it before a restart. */
	ck_assert(ph_queue_claim(queue, second, &holder));
	ck_assert(!ph_queue_claim(queue, first, &holder));
	ck_assert(ph_queue_claim(queue, second, &other));
	ck_assert_uint_eq(holder.count, 0);
	ck_assert_uint_eq(other.count, 1);
	done(second);
	ck_assert_ptr_eq(take(), first);
}
END_TEST

/* The last of its key is claimed before the others: what comes then stands behind those. */
START_TEST(claimed_from_the_end)
{
	ph_item *first = add(5);
	ph_item *second = add(5);
	ck_assert(ph_queue_claim(queue, second, &holder));
	ph_item *third = add(5);
	ck_assert_ptr_null(take());
	done(second);
	ck_assert_ptr_eq(take(), first);
	ck_assert_ptr_null(take());
	done(first);
	ck_assert_ptr_eq(take(), third);
}
END_TEST

/* Keys of which all but the low bits differ: when one goes, the others are found all the same. */
START_TEST(keys_with_one_home)
{
	ph_item *first = add(5);
	ph_item *second = add(5 + 64);
	ph_item *third = add(5 + 128);
	ck_assert_ptr_eq(take(), first);
	ck_assert_ptr_eq(take(), second);
	ck_assert_ptr_eq(take(), third);
	done(first);
	ph_item *behind = add(5 + 64);
	ph_item *last_one = add(5 + 128);
	ck_assert_ptr_null(take());
	done(third);
	ck_assert_ptr_eq(take(), last_one);
	done(second);
	ck_assert_ptr_eq(take(), behind);
}
END_TEST

START_TEST(lost_blocks_its_key)
{
	ph_item *first = add(5);
	ph_item *second = add(5);
	(void) take();
	ph_queue_lose(queue, first);
	ck_assert_ptr_null(take());
	ck_assert_ptr_eq(ph_queue_unknown(queue), first);
	ph_queue_return(queue, first);
	ck_assert_ptr_eq(take(), first);
	done(first);
	ck_assert_ptr_eq(take(), second);
}
END_TEST

START_TEST(waiting_come_out_by_their_time)
{
	static const int64_t dues[] = {50, 10, 40, 20, 30, 10, 60};
	for (size_t i = 0; i < sizeof dues / sizeof dues[0]; i++) {
		(void) add(0);
		ph_queue_retry(queue, take(), dues[i]);
	}
	int64_t before = 0;
	while (ph_queue_next_due(queue) != INT64_MAX) {
		int64_t due = ph_queue_next_due(queue);
		ck_assert_int_ge(due, before);
		before = due;
		(void) ph_queue_due(queue, due);
	}
	ck_assert_uint_eq(ph_queue_count(queue)->ready, 7);
}
END_TEST

START_TEST(done_from_the_middle_of_the_heap)
{
	ph_item *items[8];
	for (int i = 0; i < 8; i++) {
		items[i] = add(0);
		ph_queue_take(queue, items[i], &holder);
		ph_queue_retry(queue, items[i], 100 - i * 7 % 5 * 10);
	}
	done(items[3]);
	done(items[0]);
	ck_assert_uint_eq(ph_queue_due(queue, 1000), 6);
}
END_TEST

/* What takes the place of one that goes may be due before those above it. */
START_TEST(done_below_a_later_one)
{
	static const int64_t times[] = {1, 10, 2, 11, 12, 20, 4};
	static const int64_t left[] = {1, 2, 4, 10, 12, 20};
	ph_item *items[7];
	for (unsigned i = 0; i < 7; i++) {
		items[i] = add(0);
		ck_assert_ptr_eq(take(), items[i]);
		ph_queue_retry(queue, items[i], times[i]);
		ck_assert_ptr_eq(ph_queue_waiting(queue, i), items[i]);
	}
	done(items[3]);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(ph_queue_next_due(queue), left[i]);
		ck_assert_uint_eq(ph_queue_due(queue, left[i]), 1);
	}
}
END_TEST

/* ---- a random walk beside a model ---- */

#define WALK_ITEMS 400
#define WALK_STEPS 20000
#define WALK_KEYS  13

typedef struct modelled {
	ph_item *item;
	uint64_t key;
	ph_delivery_state state;
	uint64_t turn; /* order within its key */
} modelled;

static modelled model[WALK_ITEMS];
static size_t modelled_count;
static uint64_t turns;
static unsigned seed;

static unsigned
chance(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

/* Is it the first of its key that is neither dead nor gone? */
static bool
is_first(const modelled *one)
{
	for (size_t i = 0; one->key != 0 && i < modelled_count; i++) {
		const modelled *other = &model[i];
		bool there = other->state != PH_DELIVERY_DEAD &&
			     other->state != PH_DELIVERY_GONE;
		if (there && other->key == one->key && other->turn < one->turn)
			return false;
	}
	return true;
}

static void
check_counts(void)
{
	uint64_t seen[PH_DELIVERY_STATES] = {0};
	for (size_t i = 0; i < modelled_count; i++)
		seen[model[i].state]++;
	const ph_queue_counts *counts = ph_queue_count(queue);
	ck_assert_uint_eq(counts->ready, seen[PH_DELIVERY_READY]);
	ck_assert_uint_eq(counts->waiting, seen[PH_DELIVERY_WAITING]);
	ck_assert_uint_eq(counts->in_flight, seen[PH_DELIVERY_IN_FLIGHT]);
	ck_assert_uint_eq(counts->unknown, seen[PH_DELIVERY_UNKNOWN]);
	ck_assert_uint_eq(counts->dead, seen[PH_DELIVERY_DEAD]);
	ck_assert_int_eq(
	    ph_books_balance(ph_queue_books(queue), ph_queue_pending(queue)), 0);
	size_t heads = 0, expected = 0;
	for (ph_item *item = ph_queue_first(queue); item; item = ph_queue_after(item))
		heads++;
	for (size_t i = 0; i < modelled_count; i++)
		expected += model[i].state == PH_DELIVERY_READY && is_first(&model[i]);
	ck_assert_uint_eq(heads, expected);
}

static modelled *
find(const ph_item *item)
{
	for (size_t i = 0; i < modelled_count; i++) {
		if (model[i].item == item && model[i].state != PH_DELIVERY_GONE)
			return &model[i];
	}
	ck_abort_msg("an item that the model does not know");
	return NULL;
}

static void
walk_add(void)
{
	uint64_t key = chance(3) == 0 ? 0 : 1 + chance(WALK_KEYS);
	size_t place = modelled_count;
	for (size_t i = 0; i < modelled_count; i++) {
		if (model[i].state == PH_DELIVERY_GONE)
			place = i;
	}
	if (place == WALK_ITEMS)
		return;
	if (place == modelled_count)
		modelled_count++;
	model[place] = (modelled){
	    .item = add(key), .key = key, .state = PH_DELIVERY_READY, .turn = ++turns};
}

static void
walk_take(void)
{
	ph_item *item = take();
	if (item == NULL)
		return;
	modelled *one = find(item);
	ck_assert(is_first(one) && one->state == PH_DELIVERY_READY);
	one->state = PH_DELIVERY_IN_FLIGHT;
}

static void
walk_end(modelled *one)
{
	ph_letter *why = letter();
	switch (chance(5)) {
	case 0:
		ph_queue_fail(queue, one->item, &why);
		one->state = PH_DELIVERY_DEAD;
		return;
	case 1:
		ph_queue_return(queue, one->item);
		one->state = PH_DELIVERY_READY;
		break;
	case 2:
		if (one->state == PH_DELIVERY_IN_FLIGHT) {
			ph_queue_lose(queue, one->item);
			one->state = PH_DELIVERY_UNKNOWN;
		}
		break;
	case 3:
		ph_queue_retry(queue, one->item, chance(100));
		one->state = PH_DELIVERY_WAITING;
		break;
	default:
		done(one->item);
		one->state = PH_DELIVERY_GONE;
	}
	free(why);
}

static void
walk_dead(modelled *one)
{
	if (chance(2) == 0) {
		ck_assert(ph_queue_replay(queue, one->item));
		one->state = PH_DELIVERY_READY;
		one->turn = ++turns;
		return;
	}
	ph_queue_discard(queue, one->item);
	ph_backlog_release(backlog, one->item);
	one->state = PH_DELIVERY_GONE;
}

static void
walk_due(void)
{
	int64_t now = chance(100);
	while (ph_queue_next_due(queue) <= now) {
		size_t moved = 0;
		for (size_t i = 0; i < modelled_count; i++) {
			if (model[i].state == PH_DELIVERY_WAITING &&
			    model[i].item->as.due_ms <= now) {
				model[i].state = PH_DELIVERY_READY;
				moved++;
			}
		}
		ck_assert_uint_eq(ph_queue_due(queue, now), moved);
	}
}

static void
walk_touch(void)
{
	modelled *one =
	    modelled_count == 0 ? NULL : &model[chance((unsigned) modelled_count)];
	if (one == NULL)
		return;
	if (one->state == PH_DELIVERY_IN_FLIGHT || one->state == PH_DELIVERY_UNKNOWN)
		walk_end(one);
	else if (one->state == PH_DELIVERY_DEAD)
		walk_dead(one);
	else if (one->state == PH_DELIVERY_WAITING && chance(4) == 0) {
		done(one->item);
		one->state = PH_DELIVERY_GONE;
	}
}

START_TEST(random_walk)
{
	seed = 4711u + (unsigned) _i;
	modelled_count = 0;
	turns = 0;
	for (int step = 0; step < WALK_STEPS; step++) {
		switch (chance(4)) {
		case 0:
			walk_add();
			break;
		case 1:
			walk_take();
			break;
		case 2:
			walk_touch();
			break;
		default:
			walk_due();
		}
		if (step % 50 == 0)
			check_counts();
	}
	check_counts();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("queue");
	TCase *tests = tcase_create("queue");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, one_in_flight_per_key);
	tcase_add_test(tests, unordered_ones_do_not_wait);
	tcase_add_test(tests, retry_keeps_the_place_of_its_key);
	tcase_add_test(tests, dead_letter_lets_its_key_go_on);
	tcase_add_test(tests, returned_goes_first_again);
	tcase_add_test(tests, claims);
	tcase_add_test(tests, claimed_from_the_end);
	tcase_add_test(tests, keys_with_one_home);
	tcase_add_test(tests, lost_blocks_its_key);
	tcase_add_test(tests, waiting_come_out_by_their_time);
	tcase_add_test(tests, done_from_the_middle_of_the_heap);
	tcase_add_test(tests, done_below_a_later_one);
	tcase_add_loop_test(tests, random_walk, 0, 4);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
