/* Letters from many threads, opened in order by one; alarms. */
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "adapters/host/alarms.h"
#include "adapters/host/mailbox.h"
#include "tests/unit/check_main.h"

enum { THREADS = 4, EACH = 5000 };

typedef struct numbered {
	ph_letter letter;
	int thread, number;
} numbered;

typedef struct reader {
	int last[THREADS]; /* number last seen of each */
	int count;
	bool disorder;
} reader;

static void
open_numbered(ph_letter *letter, void *self)
{
	numbered *it = (numbered *) letter;
	reader *r = self;
	r->disorder |= it->number != r->last[it->thread] + 1;
	r->last[it->thread] = it->number;
	r->count++;
	free(it);
}

typedef struct writer {
	ph_mailbox *mailbox;
	int thread;
	pthread_t id;
} writer;

static void *
post_many(void *self)
{
	writer *w = self;
	for (int i = 1; i <= EACH; i++) {
		numbered *it = calloc(1, sizeof *it);
		it->letter.open = open_numbered;
		it->thread = w->thread;
		it->number = i;
		ph_mailbox_post(w->mailbox, &it->letter);
	}
	return NULL;
}

START_TEST(letters_of_a_thread_stay_in_order)
{
	ph_mailbox *mailbox = NULL;
	reader r = {.count = 0};
	writer writers[THREADS];
	ck_assert_int_eq(ph_mailbox_new(&r, &mailbox, NULL), PH_OK);
	for (int i = 0; i < THREADS; i++) {
		writers[i] = (writer){.mailbox = mailbox, .thread = i};
		pthread_create(&writers[i].id, NULL, post_many, &writers[i]);
	}
	/* each sleep must end: a wake-up that is lost shows as a time-out here */
	while (r.count < THREADS * EACH) {
		struct pollfd item = {.fd = ph_mailbox_fd(mailbox), .events = POLLIN};
		ck_assert_int_eq(poll(&item, 1, 10000), 1);
		ph_mailbox_open(mailbox);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(writers[i].id, NULL);
	ck_assert(!r.disorder);
	struct pollfd item = {.fd = ph_mailbox_fd(mailbox), .events = POLLIN};
	ck_assert_int_eq(poll(&item, 1, 0), 0);
	ph_mailbox_destroy(&mailbox);
	ck_assert_ptr_null(mailbox);
}
END_TEST

START_TEST(what_is_left_is_opened_at_the_end)
{
	ph_mailbox *mailbox = NULL;
	reader r = {.count = 0};
	ck_assert_int_eq(ph_mailbox_new(&r, &mailbox, NULL), PH_OK);
	writer w = {.mailbox = mailbox};
	post_many(&w);
	ph_mailbox_destroy(&mailbox);
	ck_assert_int_eq(r.count, EACH);
	ph_mailbox_destroy(&mailbox);
}
END_TEST

/* ---- alarms ---- */

typedef struct bell {
	ph_alarm alarm;
	ph_alarms *alarms;
	int rung;
	int64_t again;	 /* set anew from inside, at this time; 0: not */
	ph_alarm *stops; /* from inside; NULL */
} bell;

static void
ring(void *self)
{
	bell *b = self;
	b->rung++;
	if (b->again)
		ph_alarm_set(b->alarms, &b->alarm, b->again, ring, b);
	b->again = 0;
	if (b->stops)
		ph_alarm_stop(b->stops);
}

START_TEST(alarms_ring_when_due_and_once)
{
	ph_alarms alarms = {NULL};
	bell a = {.alarms = &alarms}, b = {.alarms = &alarms}, c = {.alarms = &alarms};
	ck_assert_int_eq(ph_alarms_wait(&alarms, 100, 500), 500);
	ph_alarm_set(&alarms, &a.alarm, 300, ring, &a);
	ph_alarm_set(&alarms, &b.alarm, 200, ring, &b);
	ph_alarm_set(&alarms, &c.alarm, 250, ring, &c);
	ck_assert_int_eq(ph_alarms_wait(&alarms, 100, 500), 100);
	ck_assert_int_eq(ph_alarms_wait(&alarms, 900, 500), 0);
	ph_alarm_stop(&c.alarm);
	ph_alarm_stop(&c.alarm);
	ph_alarms_ring(&alarms, 200);
	ck_assert_int_eq(b.rung, 1);
	ck_assert_int_eq(a.rung, 0);
	ph_alarm_set(&alarms, &a.alarm, 150, ring, &a); /* moved */
	a.again = 400;
	ph_alarms_ring(&alarms, 399);
	ck_assert_int_eq(a.rung, 1);
	ph_alarms_ring(&alarms, 400);
	ck_assert_int_eq(a.rung, 2);
	ck_assert_int_eq(c.rung, 0);
	ck_assert_ptr_null(alarms.first);
}
END_TEST

/* What sets itself for now lets other work in before it rings again. */
START_TEST(what_is_set_while_alarms_ring_waits)
{
	ph_alarms alarms = {NULL};
	bell a = {.alarms = &alarms, .again = 100}, b = {.alarms = &alarms};
	bell c = {.alarms = &alarms}, later = {.alarms = &alarms};
	a.stops = &b.alarm;
	ph_alarm_set(&alarms, &a.alarm, 100, ring, &a);
	ph_alarm_set(&alarms, &b.alarm, 100, ring, &b);
	ph_alarm_set(&alarms, &c.alarm, 100, ring, &c);
	ph_alarm_set(&alarms, &later.alarm, 101, ring, &later);
	ph_alarms_ring(&alarms, 100);
	ck_assert_int_eq(a.rung, 1);
	ck_assert_int_eq(b.rung, 0); /* stopped by the first, though it was due */
	ck_assert_int_eq(c.rung, 1);
	ck_assert_int_eq(ph_alarms_wait(&alarms, 100, 500), 0);
	ph_alarms_ring(&alarms, 100);
	ck_assert_int_eq(a.rung, 2);
	ck_assert_int_eq(later.rung, 0);
	ph_alarm_stop(&later.alarm);
	ck_assert_ptr_null(alarms.first);
}
END_TEST

static Suite *
mailbox_suite(void)
{
	Suite *suite = suite_create("mailbox");
	TCase *tcase = tcase_create("mailbox");
	tcase_add_test(tcase, letters_of_a_thread_stay_in_order);
	tcase_add_test(tcase, what_is_left_is_opened_at_the_end);
	tcase_add_test(tcase, alarms_ring_when_due_and_once);
	tcase_add_test(tcase, what_is_set_while_alarms_ring_waits);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(mailbox_suite());
}
