/* The loop: timers by a scripted clock, posts from a thread, descriptors, forgetting while serving. */
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "lib/wire/loop.h"
#include "tests/unit/check_main.h"

typedef struct counter {
	ph_loop *loop;
	int calls;
	int fd;
	ph_timer *other;
} counter;

static int64_t now_ms;

static int64_t
scripted(void *self)
{
	(void) self;
	return now_ms;
}

static const ph_clock scripted_clock = {.wall_ms = scripted, .mono_ms = scripted};

static void
count(void *self)
{
	((counter *) self)->calls++;
}

START_TEST(timers_run_when_due_and_once)
{
	ph_loop *loop = NULL;
	ph_timer *timer = NULL;
	counter at = {.calls = 0};
	now_ms = 1000;
	ck_assert_int_eq(ph_loop_new(&scripted_clock, &loop, NULL), PH_OK);
	ck_assert_int_eq(ph_timer_new(loop, count, &at, &timer, NULL), PH_OK);
	ck_assert_int_eq(ph_loop_turn(loop, 0, NULL), PH_OK);
	ck_assert_int_eq(at.calls, 0);
	ph_timer_set(timer, 50);
	now_ms = 1049;
	ck_assert_int_eq(ph_loop_turn(loop, 0, NULL), PH_OK);
	ck_assert_int_eq(at.calls, 0);
	now_ms = 1050;
	ck_assert_int_eq(ph_loop_turn(loop, 0, NULL), PH_OK);
	ck_assert_int_eq(ph_loop_turn(loop, 0, NULL), PH_OK);
	ck_assert_int_eq(at.calls, 1);
	ph_timer_set(timer, 0);
	ph_timer_destroy(&timer);
	ck_assert_int_eq(ph_loop_turn(loop, 0, NULL), PH_OK);
	ck_assert_int_eq(at.calls, 1);
	ph_loop_destroy(&loop);
}
END_TEST

static void
destroy_other(void *self)
{
	counter *at = self;
	at->calls++;
	ph_timer_destroy(&at->other);
}

START_TEST(a_timer_may_destroy_another)
{
	ph_loop *loop = NULL;
	ph_timer *first = NULL;
	counter at = {.calls = 0};
	now_ms = 0;
	ck_assert_int_eq(ph_loop_new(&scripted_clock, &loop, NULL), PH_OK);
	ck_assert_int_eq(ph_timer_new(loop, count, &at, &at.other, NULL), PH_OK);
	ck_assert_int_eq(ph_timer_new(loop, destroy_other, &at, &first, NULL), PH_OK);
	ph_timer_set(at.other, 1);
	ph_timer_set(first, 1);
	now_ms = 5;
	ck_assert_int_eq(ph_loop_turn(loop, 0, NULL), PH_OK);
	ck_assert_int_eq(at.calls, 1);
	ck_assert_ptr_null(at.other);
	ph_loop_destroy(&loop);
}
END_TEST

static void
on_readable(void *self, int fd, short revents)
{
	counter *at = self;
	char byte;
	ck_assert(revents & POLLIN);
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	at->calls++;
	ph_loop_forget_fd(at->loop, fd);
}

START_TEST(descriptors_are_served_until_forgotten)
{
	counter at = {.calls = 0};
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(ph_loop_new(ph_clock_system(), &at.loop, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_loop_fd(at.loop, ends[0], POLLIN, on_readable, &at, NULL), PH_OK);
	ck_assert_int_eq(write(ends[1], "ab", 2), 2);
	ck_assert_int_eq(ph_loop_turn(at.loop, 1000, NULL), PH_OK);
	ck_assert_int_eq(ph_loop_turn(at.loop, 0, NULL), PH_OK);
	ck_assert_int_eq(at.calls, 1);
	ph_loop_destroy(&at.loop);
	(void) close(ends[0]);
	(void) close(ends[1]);
}
END_TEST

static void
stop_at_thousand(void *self)
{
	counter *at = self;
	if (++at->calls == 1000)
		ph_loop_stop(at->loop);
}

static void *
post_many(void *self)
{
	counter *at = self;
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(
		    ph_loop_post(at->loop, stop_at_thousand, at, NULL), PH_OK);
	return NULL;
}

START_TEST(posts_from_a_thread_all_arrive)
{
	counter at = {.calls = 0};
	pthread_t thread;
	ck_assert_int_eq(ph_loop_new(ph_clock_system(), &at.loop, NULL), PH_OK);
	ck_assert_int_eq(pthread_create(&thread, NULL, post_many, &at), 0);
	ck_assert_int_eq(ph_loop_run(at.loop, NULL), PH_OK);
	(void) pthread_join(thread, NULL);
	ck_assert_int_eq(at.calls, 1000);
	ph_loop_destroy(&at.loop);
}
END_TEST

static bool
turn_again_twice(void *self)
{
	counter *at = self;
	return ++at->calls < 3;
}

static bool
stop_now(void *self)
{
	ph_loop_stop(((counter *) self)->loop);
	return false;
}

START_TEST(a_stop_by_what_comes_before_is_no_sleep)
{
	counter at = {.calls = 0};
	ck_assert_int_eq(ph_loop_new(&scripted_clock, &at.loop, NULL), PH_OK);
	ph_loop_before(at.loop, stop_now, &at);
	/* nothing would ever wake it */
	ck_assert_int_eq(ph_loop_run(at.loop, NULL), PH_OK);
	ph_loop_destroy(&at.loop);
}
END_TEST

START_TEST(before_decides_whether_to_sleep)
{
	counter at = {.calls = 0};
	ck_assert_int_eq(ph_loop_new(ph_clock_system(), &at.loop, NULL), PH_OK);
	ph_loop_before(at.loop, turn_again_twice, &at);
	int64_t start = ph_clock_mono(ph_clock_system());
	ck_assert_int_eq(ph_loop_turn(at.loop, 60000, NULL), PH_OK);
	ck_assert_int_eq(ph_loop_turn(at.loop, 60000, NULL), PH_OK);
	ck_assert_int_lt(ph_clock_mono(ph_clock_system()) - start, 30000);
	ck_assert_int_eq(at.calls, 2);
	ph_loop_destroy(&at.loop);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tests = tcase_create("loop");
	tcase_add_test(tests, timers_run_when_due_and_once);
	tcase_add_test(tests, a_timer_may_destroy_another);
	tcase_add_test(tests, descriptors_are_served_until_forgotten);
	tcase_add_test(tests, posts_from_a_thread_all_arrive);
	tcase_add_test(tests, before_decides_whether_to_sleep);
	tcase_add_test(tests, a_stop_by_what_comes_before_is_no_sleep);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
