/*
 * When the ledger waits for more records to gather, and when it does not. Its clock and its waits with a
 * time are our own here: time passes for it when the test says so.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "tests/unit/ledger_bench.h"

#define BATCH	4096		       /* records in one transaction */
#define GATHER	((1u << 20) / 100 + 1) /* records, each 100 bytes from the next */
#define STEP_NS 20000000	       /* how often a wait looks whether time passes */

int __wrap_pthread_cond_timedwait(
    pthread_cond_t *wake, pthread_mutex_t *lock, const struct timespec *until);
int __real_pthread_cond_timedwait(
    pthread_cond_t *wake, pthread_mutex_t *lock, const struct timespec *until);
int64_t __wrap_ph_clock_mono(const ph_clock *clock);
int64_t __real_ph_clock_mono(const ph_clock *clock);

static atomic_uint lingers; /* waits that were begun */
static atomic_bool passes;  /* time does, for others than the test */
static pthread_t tester;
static int64_t frozen_ms;

int
__wrap_pthread_cond_timedwait(
    pthread_cond_t *wake, pthread_mutex_t *lock, const struct timespec *until)
{
	int status;
	(void) until;
	atomic_fetch_add(&lingers, 1);
	do {
		struct timespec step;
		(void) clock_gettime(CLOCK_MONOTONIC, &step);
		step.tv_sec += (step.tv_nsec + STEP_NS) / 1000000000;
		step.tv_nsec = (step.tv_nsec + STEP_NS) % 1000000000;
		status = __real_pthread_cond_timedwait(wake, lock, &step);
	} while (status == ETIMEDOUT && !atomic_load(&passes));
	return status;
}

int64_t
__wrap_ph_clock_mono(const ph_clock *clock)
{
	if (atomic_load(&passes) || pthread_equal(pthread_self(), tester))
		return __real_ph_clock_mono(clock);
	return frozen_ms;
}

static void
freeze(void)
{
	setup();
	tester = pthread_self();
	frozen_ms = __real_ph_clock_mono(ph_clock_system());
}

/* All that is in the store is durable, and the ledger is told so. */
static void
tell(void)
{
	ph_ledger_durable(b.ledger, ph_store_durable(&b.store->base));
}

static void
add(unsigned count)
{
	while (count-- > 0)
		add_attempt(b.store, 1, HIGHWAYS, START_MS);
}

static void
await(bool (*done)(void))
{
	int64_t until = ph_clock_mono(ph_clock_system()) + 20000;
	while (!done()) {
		ck_assert_int_lt(ph_clock_mono(ph_clock_system()), until);
		ck_assert_int_eq(ph_loop_turn(b.loop, 10, NULL), PH_OK);
	}
}

static bool
all_applied(void)
{
	return b.applied.offset == ph_store_durable(&b.store->base).offset;
}

static bool
lingering(void)
{
	return atomic_load(&lingers) > 0;
}

/* It has applied all, and then waits with more to do. */
static void
begin_to_linger(void)
{
	add_queue(b.store, HIGHWAYS, "highways");
	open_ledger();
	await(all_applied);
	add(1);
	tell();
	await(lingering);
	ck_assert(!all_applied());
}

/* Of less it is not even told. */
START_TEST(what_has_gathered_does_not_wait)
{
	begin_to_linger();
	for (unsigned i = 0; i < 10; i++) {
		add(GATHER / 20);
		tell();
		ck_assert_int_eq(ph_loop_turn(b.loop, 20, NULL), PH_OK);
	}
	ck_assert(!all_applied());
	ck_assert_uint_eq(atomic_load(&lingers), 1);
	add(GATHER / 2 + 10);
	tell();
	await(all_applied);
}
END_TEST

START_TEST(who_is_behind_does_not_wait)
{
	add_queue(b.store, HIGHWAYS, "highways");
	add(2 * BATCH);
	open_ledger();
	await(all_applied);
	ck_assert_uint_eq(atomic_load(&lingers), 0);
}
END_TEST

START_TEST(a_question_does_not_wait)
{
	begin_to_linger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "ENQ 1"}, NULL);
	await(all_applied);
}
END_TEST

START_TEST(time_ends_the_wait)
{
	begin_to_linger();
	atomic_store(&passes, true);
	await(all_applied);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ledger_linger");
	TCase *tests = tcase_create("linger");
	tcase_add_checked_fixture(tests, freeze, teardown);
	tcase_add_test(tests, what_has_gathered_does_not_wait);
	tcase_add_test(tests, who_is_behind_does_not_wait);
	tcase_add_test(tests, a_question_does_not_wait);
	tcase_add_test(tests, time_ends_the_wait);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
