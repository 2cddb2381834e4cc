/*
 * A broker whose queues keep very little in memory: what is on the shelf is counted, shown, kept
 * through kills, and handed out in order per key; a random history is compared with a simple model.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fs.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

#define MOST 600 /* messages of one test */
#define KEYS 9

static ph_client *publisher;

static void
setup(void)
{
	fixture_setup();
	fixture_write("packhorse.yaml",
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {queue-memory: 4, retry-first: 5ms, retry-most: 10ms, tries: 100,"
	    " segment-bytes: 2M, reserve-bytes: 1M, heartbeat: 20s, session-silence: "
	    "60s}\n");
	fixture_write("routes/other.yaml",
	    "routes:\n  - {route: other, when: {type: other.*}, to: [other]}\n");
	fixture_start();
	publisher = fixture_client("publisher");
}

static void
teardown(void)
{
	ph_client_destroy(&publisher);
	fixture_teardown();
}

/* ---- a consumer with a model of what it may be handed ---- */

typedef struct routed_message {
	unsigned key;
	bool routed[2], done[2], held[2];
	ph_outcome ended[2]; /* the last outcome told */
} routed_message;

typedef struct receiver {
	ph_client *client;
	unsigned queue;	     /* 0 bench, 1 other */
	uint64_t held[MOST]; /* deliveries, in the order in which they came */
	size_t held_count;
} receiver;

static routed_message messages[MOST + 1]; /* by acceptance number, from 1 */
static uint64_t published;
static receiver takers[2];

static void
subscribe(unsigned queue, uint32_t credit)
{
	static const char *const names[] = {"bench", "other"};
	takers[queue] =
	    (receiver){.queue = queue, .client = fixture_client(names[queue])};
	ck_assert_int_eq(
	    ph_client_subscribe(takers[queue].client, names[queue], credit, NULL),
	    PH_OK);
}

static void
start_again(void)
{
	fixture_kill();
	fixture_start();
}

static void
publish_data(const char *type, unsigned key, const char *data)
{
	char id[16], subject[16];
	uint64_t acceptance = 0;
	(void) snprintf(id, sizeof id, "M%" PRIu64, published + 1);
	(void) snprintf(subject, sizeof subject, "K%u", key);
	ck_assert_int_eq(
	    fixture_publish(publisher, type, id, subject, data, &acceptance),
	    PH_ACCEPTED);
	ck_assert_uint_eq(acceptance, ++published);
	routed_message *made = &messages[published];
	*made = (routed_message){.key = key};
	made->routed[0] = strcmp(type, "other.v1") != 0;
	made->routed[1] = strcmp(type, "bench.v1") != 0;
}

static void
publish(const char *type, unsigned key)
{
	publish_data(type, key, "data");
}

/* It must be of this queue, not done, and no earlier one of its key may be open. */
static void
check_delivery(receiver *taker, const ph_event *event)
{
	uint64_t delivery = ph_event_delivery(event);
	uint64_t number = delivery & ((UINT64_C(1) << 48) - 1);
	char id[24];
	(void) snprintf(id, sizeof id, "M%" PRIu64, number);
	ck_assert_str_eq(ph_message_get(ph_event_message(event), "id", NULL), id);
	routed_message *got = &messages[number];
	ck_assert_msg(got->routed[taker->queue] && !got->done[taker->queue],
	    "M%" PRIu64 " came again (attempt %u) after outcome %d", number,
	    ph_event_attempt(event), (int) got->ended[taker->queue]);
	for (uint64_t n = 1; n < number; n++)
		ck_assert_msg(messages[n].key != got->key ||
				  !messages[n].routed[taker->queue] ||
				  messages[n].done[taker->queue],
		    "M%" PRIu64 " came before M%" PRIu64 " of its key", number, n);
	if (!got->held[taker->queue])
		taker->held[taker->held_count++] = delivery;
	got->held[taker->queue] = true;
}

/* True: something came. */
static bool
listen_once(receiver *taker, int for_ms)
{
	const ph_event *event = NULL;
	if (ph_client_next(taker->client, for_ms, &event, NULL) != PH_OK)
		return false;
	if (ph_event_kind_of(event) == PH_EVENT_DELIVERY)
		check_delivery(taker, event);
	return true;
}

static void
settle(receiver *taker, size_t place, ph_outcome outcome, uint64_t delay_ms)
{
	uint64_t delivery = taker->held[place];
	routed_message *settled = &messages[delivery & ((UINT64_C(1) << 48) - 1)];
	taker->held[place] = taker->held[--taker->held_count];
	settled->held[taker->queue] = false;
	settled->done[taker->queue] = outcome != PH_RETRY;
	settled->ended[taker->queue] = outcome;
	ck_assert_int_eq(ph_client_settle(taker->client, delivery, outcome, NULL,
			     "because", "a test says so", delay_ms, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_client_flush(taker->client, NULL), PH_OK);
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (ph_client_unsettled(taker->client) > 0) {
		ck_assert(ph_clock_mono(ph_clock_system()) < end);
		(void) listen_once(taker, 100);
	}
}

static void
empty(receiver *taker, uint64_t deliveries)
{
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (deliveries > 0) {
		ck_assert(ph_clock_mono(ph_clock_system()) < end);
		(void) listen_once(taker, 100);
		for (; taker->held_count > 0; deliveries--)
			settle(taker, 0, PH_DELIVERED, 0);
	}
}

static void
check_shelved(const char *queue, unsigned ready, unsigned shelved)
{
	char args[64], wanted[64];
	(void) snprintf(args, sizeof args, "{\"queue\":\"%s\"}", queue);
	(void) snprintf(
	    wanted, sizeof wanted, "\"ready\":%u,\"shelved\":%u", ready, shelved);
	const char *shown = fixture_ask("queue.show", args);
	ck_assert_msg(strstr(shown, wanted) != NULL, "%s is not in %s", wanted, shown);
	ck_assert_ptr_nonnull(strstr(shown, "\"balance\":0"));
}

static void
finish(void)
{
	fixture_check_balance();
	ck_assert_int_eq(fixture_status("pending"), 0);
	start_again();
	fixture_check_balance();
	ck_assert_int_eq(fixture_status("pending"), 0);
	for (unsigned i = 0; i < 2; i++)
		ph_client_destroy(&takers[i].client);
}

START_TEST(counted_and_shown)
{
	char wanted[64];
	for (unsigned i = 0; i < 100; i++)
		publish("bench.v1", i % KEYS);
	check_shelved("bench", 100, 96);
	ck_assert_int_eq(fixture_status("pending"), 100);
	const char *at = fixture_ask("queue.peek", "{\"queue\":\"bench\"}");
	for (unsigned n = 1; n <= 100; n++) {
		(void) snprintf(
		    wanted, sizeof wanted, "\"acceptance\":%u,\"state\":\"ready\"", n);
		at = strstr(at, wanted);
		ck_assert_msg(at != NULL, "no %s", wanted);
	}
	at = fixture_ask("queue.peek", "{\"queue\":\"bench\",\"after\":57,\"most\":1}");
	ck_assert_ptr_nonnull(strstr(at, "\"acceptance\":58,"));
	ck_assert_ptr_null(strstr(at, "\"acceptance\":59,"));
	ck_assert_ptr_nonnull(strstr(fixture_ask("message.show", "{\"ids\":[\"90\"]}"),
	    "\"queue\":\"bench\",\"state\":\"ready\""));
	subscribe(0, 10);
	empty(&takers[0], 100);
	check_shelved("bench", 0, 0);
	finish();
}
END_TEST

START_TEST(one_queue_shelves_and_another_does_not)
{
	subscribe(0, 10);
	for (unsigned i = 0; i < 120; i++) {
		publish(i % 3 == 0 ? "other.v1" : "both.v1", i % KEYS);
		if (i % 3 != 0)
			empty(&takers[0], 1);
	}
	check_shelved("bench", 0, 0);
	check_shelved("other", 120, 116);
	const char *shown = fixture_ask("message.show", "{\"ids\":[\"99\"]}");
	ck_assert_ptr_nonnull(
	    strstr(shown, "\"queue\":\"bench\",\"state\":\"settled\""));
	ck_assert_ptr_nonnull(strstr(shown, "\"queue\":\"other\",\"state\":\"ready\""));
	start_again();
	check_shelved("other", 120, 116);
	subscribe(1, 3);
	empty(&takers[1], 120);
	finish();
}
END_TEST

/* One key is stuck with all that is behind it: the others go on, within the room there is. */
START_TEST(a_stuck_key_does_not_hold_up_the_others)
{
	for (unsigned i = 0; i < 20; i++)
		publish("bench.v1", 0);
	for (unsigned i = 0; i < 100; i++)
		publish("bench.v1", 1 + i % 4);
	subscribe(0, 1);
	while (takers[0].held_count == 0)
		(void) listen_once(&takers[0], 100);
	settle(&takers[0], 0, PH_RETRY, 3600000);
	empty(&takers[0], 100);
	for (uint64_t n = 1; n <= published; n++)
		ck_assert_int_eq(messages[n].done[0], n > 20);
	check_shelved("bench", 19, 0);
	/* After a start the outcomes reach over what is stuck. */
	start_again();
	ck_assert_int_eq(fixture_status("pending"), 20);
	fixture_check_balance();
	ck_assert(fixture_quiet(takers[0].client, PH_EVENT_DELIVERY, 200));
	for (unsigned i = 0; i < 2; i++)
		ph_client_destroy(&takers[i].client);
}
END_TEST

/* ---- files that are lost ---- */

static char bulk[60000];

static const char *
state_path(const char *name)
{
	static char path[4200];
	(void) snprintf(path, sizeof path, "%s/state/%s", fixture_directory(), name);
	return path;
}

/* The beginning of the journal, which names the queues, is given back, and what is on the shelf of
 * "bench" is carried. (A start has put it into the second file.) */
static void
let_the_journal_go(void)
{
	const char *begin = state_path("journal/0000000002.segment");
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	subscribe(1, 10);
	ck_assert_int_eq(access(begin, F_OK), 0);
	for (unsigned key = 0; access(begin, F_OK) == 0 && published < MOST; key++) {
		ck_assert(ph_clock_mono(ph_clock_system()) < end);
		publish_data("other.v1", key % KEYS, bulk);
		empty(&takers[1], 1);
	}
	ck_assert(access(begin, F_OK) != 0);
}

static void
change_first_byte(const char *path)
{
	FILE *file = fopen(path, "r+b");
	ck_assert_ptr_nonnull(file);
	int was = fgetc(file);
	ck_assert_int_eq(fseek(file, 0, SEEK_SET), 0);
	ck_assert_int_eq(fputc(was ^ 1, file), was ^ 1);
	ck_assert_int_eq(fclose(file), 0);
}

/* Whatever happens to them, the journal has what was on the shelf, where it was carried to. */
START_TEST(lost_files_are_made_again)
{
	const char *shelf = "shelf/00003-0000000001.shelf";
	memset(bulk, 'x', sizeof bulk - 1);
	fixture_kill();
	fixture_write("packhorse.yaml",
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {queue-memory: 4, segment-bytes: 1M, reserve-bytes: 1M, retain: "
	    "0s,"
	    " retain-bytes: 0, checkpoint-after: 20ms, heartbeat: 20s,"
	    " session-silence: 60s}\n");
	fixture_start();
	for (unsigned i = 0; i < 12; i++)
		publish("bench.v1", i % 3);
	let_the_journal_go();
	fixture_kill();
	if (_i == 0)
		ck_assert_int_eq(unlink(state_path(shelf)), 0);
	else
		change_first_byte(state_path(shelf));
	fixture_start();
	check_shelved("bench", 12, 8);
	start_again();
	check_shelved("bench", 12, 8);
	subscribe(0, 3);
	empty(&takers[0], 12);
	finish();
}
END_TEST

/* ---- a random history ---- */

static uint64_t random_state;

static unsigned
random_below(unsigned bound)
{
	random_state =
	    random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned) (random_state >> 33) % bound;
}

static void
settle_some(receiver *taker)
{
	(void) listen_once(taker, 5);
	if (taker->held_count == 0)
		return;
	unsigned what = random_below(10);
	settle(taker, random_below((unsigned) taker->held_count),
	    what < 6   ? PH_DELIVERED
	    : what < 9 ? PH_RETRY
		       : PH_REJECTED,
	    0);
}

static uint64_t
left(unsigned queue)
{
	uint64_t open = 0;
	for (uint64_t n = 1; n <= published; n++)
		open += messages[n].routed[queue] && !messages[n].done[queue];
	return open;
}

START_TEST(a_random_history)
{
	static const char *const types[] = {"bench.v1", "other.v1", "both.v1"};
	random_state = 977 * (uint64_t) _i + 5;
	subscribe(0, 3);
	subscribe(1, 12);
	for (unsigned step = 0; step < 300; step++) {
		unsigned what = random_below(100);
		if (what < 45 && published < MOST)
			publish(types[random_below(3)], random_below(KEYS));
		else if (what < 98)
			settle_some(&takers[what % 3 == 0]);
		else if (what == 99)
			start_again();
		if (step % 50 == 0) {
			fixture_check_balance();
			ck_assert_int_eq(
			    (int64_t) (left(0) + left(1)), fixture_status("pending"));
		}
	}
	int64_t end = ph_clock_mono(ph_clock_system()) + 2 * PATIENCE_MS;
	while (left(0) + left(1) > 0) {
		ck_assert(ph_clock_mono(ph_clock_system()) < end);
		for (unsigned i = 0; i < 2; i++) {
			while (takers[i].held_count > 0)
				settle(&takers[i], 0, PH_DELIVERED, 0);
			(void) listen_once(&takers[i], 5);
		}
	}
	finish();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker_shelf");
	TCase *tests = tcase_create("broker_shelf");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, counted_and_shown);
	tcase_add_test(tests, one_queue_shelves_and_another_does_not);
	tcase_add_test(tests, a_stuck_key_does_not_hold_up_the_others);
	tcase_add_loop_test(tests, lost_files_are_made_again, 0, 2);
	tcase_add_loop_test(tests, a_random_history, 0, 3);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
