/*
 * The broker while a batch is away: the sync of a started batch lasts until the test lets it go, and
 * what was accepted, handed out and settled with it, or behind it, is not said before.
 *
 * The disk is slow by a fdatasync of our own, which takes the place of the C library's in this
 * program, and so in the broker that it forks. The loop's own syncs are touched when asked for.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/os.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

#define LONG  200000 /* bytes: more than enough for a batch of its own */
#define SHORT 600    /* messages, each in a frame: more than one turn reads */
#define QUIET 200    /* ms */
#define FREE  UINT32_MAX

/* Shared with the broker's process. */
typedef struct slow_disk {
	atomic_uint passes;	   /* syncs that may still go on; FREE: all */
	atomic_uint waiting;	   /* that wait */
	atomic_uint come;	   /* that have begun to wait, so far */
	atomic_bool all;	   /* the loop's own syncs wait too */
	atomic_bool fails;	   /* those that waited fail */
	atomic_int_fast64_t until; /* mono ms at which all go on; 0: none */
	atomic_int broker;	   /* process that syncs */
} slow_disk;

static slow_disk *disk;
static ph_client *publisher;

/* Is this the thread that the loop is on, or the one that started batches are on? (There is a third, which
 * makes the journal's next file, when it comes to it.) */
static bool
syncs_batches(void)
{
	char name[16] = "";
	if (syscall(SYS_gettid) == getpid())
		return atomic_load(&disk->all);
	return prctl(PR_GET_NAME, name) == 0 && strcmp(name, "journal-sync") == 0;
}

static bool
is_slow(int fd)
{
	char link[64], name[256];
	(void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, name, sizeof name - 1);
	if (disk == NULL || length < 0 || !syncs_batches())
		return false;
	name[length] = 0;
	return strstr(name, ".segment") != NULL;
}

static bool
may_pass(void)
{
	int64_t until = atomic_load(&disk->until);
	unsigned left = atomic_load(&disk->passes);
	if (left == FREE || (until > 0 && ph_clock_mono(ph_clock_system()) >= until))
		return true;
	return left > 0 &&
	       atomic_compare_exchange_strong(&disk->passes, &left, left - 1);
}

int
fdatasync(int fd)
{
	if (is_slow(fd)) {
		atomic_store(&disk->broker, getpid());
		atomic_fetch_add(&disk->waiting, 1);
		atomic_fetch_add(&disk->come, 1);
		while (!may_pass())
			(void) poll(NULL, 0, 1);
		atomic_fetch_sub(&disk->waiting, 1);
		if (atomic_load(&disk->fails)) {
			errno = EIO;
			return -1;
		}
	}
	return (int) syscall(SYS_fdatasync, fd);
}

/* Nobody takes a slow disk for a dead peer. */
static void
make_site(const char *checkpoint_after)
{
	char yaml[512];
	(void) snprintf(yaml, sizeof yaml,
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 2M, reserve-bytes: 1M, heartbeat: 20s,"
	    " session-silence: 60s, checkpoint-after: %s}\n",
	    checkpoint_after);
	fixture_write("packhorse.yaml", yaml);
}

static void
start(const char *checkpoint_after)
{
	disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(disk, MAP_FAILED);
	atomic_store(&disk->passes, FREE);
	fixture_setup();
	make_site(checkpoint_after);
	fixture_start();
	publisher = fixture_client("publisher");
}

static void
setup(void)
{
	start("1h");
}

static void
setup_checkpoints(void)
{
	start("50ms");
}

static void
teardown(void)
{
	atomic_store(&disk->passes, FREE);
	ph_client_destroy(&publisher);
	fixture_teardown();
	(void) munmap(disk, sizeof *disk);
	disk = NULL;
}

/* Does the broker's loop sleep? While a batch is away it does so only when it has nothing else to do. */
static bool
loop_sleeps(void)
{
	char path[64], text[256];
	int pid = atomic_load(&disk->broker);
	(void) snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, pid);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof text - 1, file)] = 0;
	(void) fclose(file);
	const char *state = strrchr(text, ')'); /* the name's end, a space, the state */
	return state != NULL && state[1] == ' ' && state[2] == 'S';
}

/* A batch is away, and the loop waits for it: what comes from now on is read when it has landed. */
static void
await_away(void)
{
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	for (unsigned seen = 0; seen < 20;) {
		(void) poll(NULL, 0, 1);
		seen = atomic_load(&disk->waiting) > 0 && loop_sleeps() ? seen + 1 : 0;
		ck_assert_msg(
		    ph_clock_mono(ph_clock_system()) < end, "nothing is away");
	}
}

/* Let the batch that is away land, and wait for the next to be away. */
static void
let_one_land(void)
{
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	unsigned come = atomic_load(&disk->come);
	ck_assert_uint_gt(atomic_load(&disk->waiting), 0);
	atomic_store(&disk->passes, 1);
	while (atomic_load(&disk->passes) > 0 || atomic_load(&disk->come) == come) {
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < end,
		    "it does not land, or nothing is away behind it");
		(void) poll(NULL, 0, 1);
	}
}

/* A message in a frame of its own. */
static void
publish(ph_client *client, const char *id, size_t length)
{
	static char data[LONG];
	memset(data, id[0], sizeof data);
	const ph_attribute attributes[] = {
	    {"id", id, strlen(id)}, {"source", "urn:test", 8}, {"type", "bench.v1", 8}};
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, 3, data, length, &message, NULL), PH_OK);
	ck_assert_int_eq(ph_client_publish(client, message, NULL, NULL), PH_OK);
	ck_assert_int_eq(ph_client_flush(client, NULL), PH_OK);
	ph_message_unref(&message);
}

static void
expect_result(ph_client *client, ph_result result, uint64_t acceptance)
{
	const ph_event *event = fixture_event(client, PH_EVENT_RESULT);
	ck_assert_int_eq(ph_event_result(event), result);
	ck_assert_uint_eq(ph_event_acceptance(event), acceptance);
}

/* What was accepted, or was before, in any order. */
static void
expect_all_told(uint64_t first, uint64_t last)
{
	uint64_t told = 0;
	for (uint64_t i = first; i <= last; i++) {
		const ph_event *event = fixture_event(publisher, PH_EVENT_RESULT);
		uint64_t acceptance = ph_event_acceptance(event);
		ck_assert(ph_event_result(event) == PH_ACCEPTED ||
			  ph_event_result(event) == PH_RESULT_DUPLICATE);
		ck_assert(acceptance >= first && acceptance <= last);
		told |= 1ull << acceptance;
	}
	for (uint64_t i = first; i <= last; i++)
		ck_assert((told >> i & 1) != 0);
}

/* How many results come until none does for a while; there is one, however long it takes. */
static unsigned
count_results(void)
{
	unsigned count = 1;
	(void) fixture_event(publisher, PH_EVENT_RESULT);
	while (!fixture_quiet(publisher, PH_EVENT_RESULT, QUIET))
		count++;
	return count;
}

/* One long message, and more short ones than a turn reads. */
static void
publish_much(const char *first)
{
	char id[16];
	publish(publisher, first, LONG);
	for (unsigned i = 0; i < SHORT; i++) {
		(void) snprintf(id, sizeof id, "S%u", i);
		publish(publisher, id, 10);
	}
}

static uint64_t
expect_delivery(ph_client *client, const char *id)
{
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_str_eq(ph_message_get(ph_event_message(event), "id", NULL), id);
	return ph_event_delivery(event);
}

static void
settle(ph_client *client, uint64_t delivery)
{
	ck_assert_int_eq(
	    ph_client_settle(client, delivery, PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_client_flush(client, NULL), PH_OK);
}

static ph_client *
consumer(void)
{
	ph_client *client = fixture_client("consumer");
	ck_assert_int_eq(ph_client_subscribe(client, "bench", SHORT + 10, NULL), PH_OK);
	return client;
}

/* Of two batches, one behind the other, and what gathers behind both. */
START_TEST(nothing_is_said_early)
{
	char id[16];
	ph_client *taker = consumer();
	ph_client *again = fixture_client("again");
	publish(publisher, "first", LONG);
	expect_result(publisher, PH_ACCEPTED, 1);
	uint64_t first = expect_delivery(taker, "first");
	atomic_store(&disk->passes, 0);
	publish(publisher, "second", LONG);
	await_away();
	/* the loop waits for it; what comes now is read behind it, in more turns than one */
	publish_much("third");
	publish(again, "second", LONG);
	settle(taker, first);
	ck_assert(fixture_quiet(publisher, PH_EVENT_RESULT, QUIET));
	ck_assert(fixture_quiet(taker, PH_EVENT_DELIVERY, QUIET));
	let_one_land();
	expect_result(publisher, PH_ACCEPTED, 2);
	(void) expect_delivery(taker, "second");
	ck_assert(fixture_quiet(publisher, PH_EVENT_RESULT, QUIET));
	ck_assert(fixture_quiet(taker, PH_EVENT_DELIVERY, QUIET));
	ck_assert(fixture_quiet(taker, PH_EVENT_SETTLED, QUIET));
	ck_assert(fixture_quiet(again, PH_EVENT_RESULT, QUIET));
	/* what has gathered is not said with what it gathered behind */
	atomic_store(&disk->all, true);
	let_one_land();
	unsigned told = count_results();
	ck_assert_uint_lt(told, SHORT);
	atomic_store(&disk->passes, FREE);
	for (; told <= SHORT; told++)
		expect_result(publisher, PH_ACCEPTED, told + 3);
	expect_result(again, PH_RESULT_DUPLICATE, 2);
	(void) expect_delivery(taker, "third");
	for (unsigned i = 0; i < SHORT; i++) {
		(void) snprintf(id, sizeof id, "S%u", i);
		(void) expect_delivery(taker, id);
	}
	while (ph_client_unsettled(taker) > 0)
		(void) fixture_event(taker, PH_EVENT_SETTLED);
	ph_client_destroy(&again);
	ph_client_destroy(&taker);
	fixture_check_balance();
}
END_TEST

static void
ask_status(int fd)
{
	static const char asked[] = "{\"verb\":\"status\",\"args\":{}}\n";
	ck_assert_int_eq(write(fd, asked, sizeof asked - 1), sizeof asked - 1);
}

/* The whole answer, and what is in it. */
static void
expect_status(int fd, const char *text)
{
	char answer[4096];
	struct pollfd item = {.fd = fd, .events = POLLIN};
	size_t length = 0;
	const char *last = NULL;
	while (last == NULL || strchr(last, '\n') == NULL) {
		ck_assert_int_eq(poll(&item, 1, PATIENCE_MS), 1);
		ssize_t more = read(fd, answer + length, sizeof answer - 1 - length);
		ck_assert_int_gt(more, 0);
		length += (size_t) more;
		answer[length] = 0;
		last = strstr(answer, "\"end\":true");
	}
	ck_assert_ptr_nonnull(strstr(answer, text));
}

/* What an operator is told is durable too. The question may be read before what is published: then the
 * answer tells of the first alone. Else the loop syncs what it has read before it answers, or waits for
 * the batch. */
START_TEST(an_operator_waits)
{
	char path[256];
	int fd = -1;
	(void) snprintf(path, sizeof path, "%s/run/control", fixture_directory());
	ck_assert_int_eq(ph_os_connect(path, &fd, NULL), PH_OK);
	ask_status(fd);
	expect_status(fd, "\"accepted\":0,");
	struct pollfd item = {.fd = fd, .events = POLLIN};
	atomic_store(&disk->passes, 0);
	publish(publisher, "first", LONG);
	await_away();
	atomic_store(&disk->all, true);
	publish_much("second");
	ask_status(fd);
	ck_assert_int_eq(poll(&item, 1, QUIET), 0);
	let_one_land();
	bool told = poll(&item, 1, QUIET) == 1;
	if (told)
		expect_status(fd, "\"accepted\":1,");
	atomic_store(&disk->passes, FREE);
	if (!told)
		expect_status(fd, "\"accepted\":");
	(void) close(fd);
	for (unsigned i = 0; i < SHORT + 2; i++)
		expect_result(publisher, PH_ACCEPTED, i + 1);
}
END_TEST

/* The end of a broker whose batch does not land: nothing is said, and it ends with an error. */
START_TEST(a_batch_that_fails)
{
	ph_client *taker = consumer();
	publish(publisher, "before", 10);
	expect_result(publisher, PH_ACCEPTED, 1);
	(void) expect_delivery(taker, "before");
	atomic_store(&disk->passes, 0);
	atomic_store(&disk->fails, true);
	publish(publisher, "first", LONG);
	await_away();
	publish(publisher, "second", LONG);
	publish(publisher, "third", 10);
	atomic_store(&disk->passes, FREE);
	ck_assert(fixture_quiet(publisher, PH_EVENT_RESULT, QUIET));
	ck_assert(fixture_quiet(taker, PH_EVENT_DELIVERY, QUIET));
	ck_assert_int_eq(fixture_stop(), 74);
	atomic_store(&disk->fails, false);
	fixture_start();
	expect_all_told(2, 4);
	(void) expect_delivery(taker, "first");
	(void) expect_delivery(taker, "second");
	(void) expect_delivery(taker, "third");
	fixture_check_balance();
	ph_client_destroy(&taker);
}
END_TEST

/* A clean end waits for what is away. */
START_TEST(stopped_while_a_batch_is_away)
{
	atomic_store(&disk->passes, 0);
	publish(publisher, "first", LONG);
	await_away();
	publish(publisher, "second", 10);
	int64_t until = ph_clock_mono(ph_clock_system()) + QUIET;
	atomic_store(&disk->until, until);
	ck_assert_int_eq(fixture_stop(), 0);
	ck_assert_int_ge(ph_clock_mono(ph_clock_system()), until);
	atomic_store(&disk->passes, FREE);
	fixture_start();
	ck_assert_int_ge(fixture_status("pending"), 1);
	expect_all_told(1, 2);
	fixture_check_balance();
}
END_TEST

/* Is the latest away, or has the loop synced it by itself, as where a checkpoint is wanted just then? */
static bool
is_away(void)
{
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (ph_clock_mono(ph_clock_system()) < end) {
		if (atomic_load(&disk->waiting) > 0)
			return true;
		if (!fixture_quiet(publisher, PH_EVENT_RESULT, 1))
			return false;
	}
	ck_abort_msg("neither away nor accepted");
	return false;
}

/* Until one is away; returns how many. */
static unsigned
publish_until_away(void)
{
	char id[16];
	unsigned count = 0;
	atomic_store(&disk->passes, 0);
	do {
		(void) snprintf(id, sizeof id, "A%u", count++);
		publish(publisher, id, LONG);
	} while (!is_away());
	await_away();
	return count;
}

/* Checkpoints and the store's idling come due while the disk does not answer. */
START_TEST(a_disk_that_takes_long)
{
	ph_client *taker = consumer();
	unsigned count = publish_until_away();
	publish(publisher, "last", LONG);
	ck_assert(fixture_quiet(publisher, PH_EVENT_RESULT, 3 * QUIET));
	atomic_store(&disk->passes, 1);
	expect_result(publisher, PH_ACCEPTED, count);
	(void) poll(NULL, 0, 3 * QUIET);
	atomic_store(&disk->passes, FREE);
	expect_result(publisher, PH_ACCEPTED, count + 1);
	for (unsigned i = 0; i <= count; i++)
		settle(
		    taker, ph_event_delivery(fixture_event(taker, PH_EVENT_DELIVERY)));
	while (ph_client_unsettled(taker) > 0)
		(void) fixture_event(taker, PH_EVENT_SETTLED);
	ph_client_destroy(&taker);
	fixture_kill();
	fixture_start();
	ck_assert_int_eq(fixture_status("delivered"), count + 1);
	ck_assert_int_eq(fixture_status("pending"), 0);
	fixture_check_balance();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker with a batch away");
	TCase *tests = tcase_create("away");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, nothing_is_said_early);
	tcase_add_test(tests, an_operator_waits);
	tcase_add_test(tests, a_batch_that_fails);
	tcase_add_test(tests, stopped_while_a_batch_is_away);
	suite_add_tcase(suite, tests);
	tests = tcase_create("checkpoints");
	tcase_add_checked_fixture(tests, setup_checkpoints, teardown);
	tcase_add_test(tests, a_disk_that_takes_long);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
