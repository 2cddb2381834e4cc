/*
 * Retention: what nobody needs any more is given back, what somebody needs is not, and a start after
 * it knows everything that it knew before.
 */
/* for fallocate and MAP_ANONYMOUS */
#define _GNU_SOURCE
#include "broker/retain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fs.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

#define MIB (1024 * 1024)
#define KEPT_MIB                                                                       \
	12 /* more than is kept of settled messages, and less than what is written */
#define BIG	 20000
#define MANY	 1000
#define DENSE	 200 /* fill some files by themselves */
#define WAITING	 12
#define LOOKS_MS 1700

/* Shared with the broker's process. */
typedef struct small_disk {
	atomic_int_fast64_t left; /* bytes free; -1: as many as there are */
	atomic_bool trap;	  /* others take all of it when a file is made next */
	atomic_uint refused;	  /* files for which there was no room */
} small_disk;

static small_disk *disk;
static ph_client *publisher;
static char big[BIG + 1];

int
posix_fallocate(int fd, off_t from, off_t length)
{
	if (disk != NULL && atomic_exchange(&disk->trap, false))
		atomic_store(&disk->left, 0);
	if (disk != NULL && atomic_load(&disk->left) == 0) {
		atomic_fetch_add(&disk->refused, 1);
		return ENOSPC;
	}
	return fallocate(fd, 0, from, length) == 0 ? 0 : errno;
}

int
statvfs(const char *path, struct statvfs *out)
{
	int64_t left = disk == NULL ? -1 : atomic_load(&disk->left);
	*out = (struct statvfs){.f_frsize = 1, .f_bsize = 1};
	out->f_bavail = left < 0 ? (fsblkcnt_t) 1 << 36 : (fsblkcnt_t) left;
	return access(path, F_OK);
}

static void
setup(void)
{
	memset(big, 'x', BIG);
	disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(disk, MAP_FAILED);
	atomic_store(&disk->left, -1);
	fixture_setup();
	fixture_write("packhorse.yaml",
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 1M, reserve-bytes: 1M, retain-bytes: 3M,\n"
	    "         checkpoint-after: 20ms, queue-memory: 4, heartbeat: 20s,\n"
	    "         session-silence: 60s}\n");
	fixture_write("routes/bench.yaml",
	    "routes:\n"
	    "  - {route: bench, when: {type: bench.*}, to: [bench]}\n"
	    "  - {route: other, when: {type: other.*}, to: [other]}\n");
	fixture_start();
	publisher = fixture_client("publisher");
}

static void
teardown(void)
{
	ph_client_destroy(&publisher);
	fixture_teardown();
	(void) munmap(disk, sizeof *disk);
	disk = NULL;
}

/* Publish so many large messages and settle each. */
static void
pass_through(const char *run, int count)
{
	ph_client *client = fixture_client("consumer");
	ck_assert_int_eq(ph_client_subscribe(client, "bench", 10, NULL), PH_OK);
	for (int i = 0; i < count; i++) {
		char id[32];
		(void) snprintf(id, sizeof id, "%s-%d", run, i);
		ck_assert_int_eq(
		    fixture_publish(publisher, "bench.v1", id, NULL, big, NULL),
		    PH_ACCEPTED);
		const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
		ck_assert_int_eq(ph_client_settle(client, ph_event_delivery(event),
				     PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
		    PH_OK);
		(void) fixture_event(client, PH_EVENT_SETTLED);
	}
	ph_client_destroy(&client);
}

static void
await_small(void)
{
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	static int more;
	while (fixture_status("journal_bytes") > KEPT_MIB * MIB) {
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < deadline,
		    "%lld bytes are kept", (long long) fixture_status("journal_bytes"));
		char run[16]; /* checkpoints are taken when something changes */
		(void) snprintf(run, sizeof run, "more%d", more++);
		pass_through(run, 1);
	}
}

/* Does the log of the brokers of this test tell of it? */
static bool
logged(const char *event)
{
	char path[4200], line[1000];
	(void) snprintf(path, sizeof path, "%s/log", fixture_directory());
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	bool found = false;
	while (!found && fgets(line, sizeof line, file) != NULL)
		found = strstr(line, event) != NULL;
	ck_assert_int_eq(fclose(file), 0);
	return found;
}

START_TEST(what_is_settled_goes)
{
	uint64_t acceptance = 0;
	ck_assert_int_eq(
	    fixture_publish(publisher, "other.v1", "first", "S-1", "y", &acceptance),
	    PH_ACCEPTED);
	ph_client *client = fixture_client("other");
	ck_assert_int_eq(ph_client_subscribe(client, "other", 1, NULL), PH_OK);
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_int_eq(ph_client_settle(client, ph_event_delivery(event),
			     PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
	    PH_OK);
	(void) fixture_event(client, PH_EVENT_SETTLED);
	ph_client_destroy(&client);
	pass_through("a", MANY);
	await_small();
	ck_assert(logged(" trimmed before=0000000002@4096 bytes="));
	fixture_check_balance();
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("message.show", "{\"ids\":[\"1\"]}"), "PH5008"));
	fixture_kill();
	fixture_start();
	ck_assert_int_ge(fixture_status("delivered"), MANY + 1);
	fixture_check_balance();
	ck_assert_int_eq(fixture_publish(publisher, "bench.v1", "a-1", NULL, big, NULL),
	    PH_RESULT_DUPLICATE);
	ck_assert(!logged("ledger-short"));
}
END_TEST

/* The ledger cannot be whole, and that is said. */
START_TEST(a_ledger_that_is_lost_with_its_snapshots_is_missed)
{
	char command[9000];
	const char *at = fixture_directory();
	pass_through("a", MANY);
	await_small();
	fixture_kill();
	(void) snprintf(command, sizeof command,
	    "rm %s/state/ledger.sqlite* %s/state/checkpoint/ledger-*", at, at);
	ck_assert_int_eq(system(command), 0);
	fixture_start();
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (!logged("ledger-short")) {
		ck_assert(ph_clock_mono(ph_clock_system()) < deadline);
		(void) poll(NULL, 0, 20);
	}
	fixture_check_balance();
}
END_TEST

static size_t
segments(void)
{
	char path[4200];
	char **names = NULL;
	size_t count = 0;
	(void) snprintf(path, sizeof path, "%s/state/journal", fixture_directory());
	ck_assert_int_eq(ph_fs_list(path, ".segment", &names, &count, NULL), PH_OK);
	free(names);
	return count;
}

/* Nobody is there, nothing comes: what is too old goes all the same, also when something waits in it and
 * the last record of all is the one that was carried. */
START_TEST(what_is_old_goes_while_nothing_happens)
{
	fixture_kill();
	fixture_write("packhorse.yaml",
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 1M, reserve-bytes: 1M, retain: 2s,\n"
	    "         checkpoint-after: 100ms, queue-memory: 4, heartbeat: 20s,\n"
	    "         session-silence: 60s}\n");
	fixture_start();
	if (_i == 1)
		ck_assert_int_eq(
		    fixture_publish(publisher, "other.v1", "waits", NULL, "here", NULL),
		    PH_ACCEPTED);
	pass_through("a", 120);
	ph_client_destroy(&publisher);
	/* Asking for the status wakes the broker: so the files are looked at. */
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	/* what waits is carried from file to file, each of which ends for its age */
	size_t most = _i == 0 ? 1 : 2;
	while (segments() > most) {
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < deadline,
		    "what is too old stays");
		(void) poll(NULL, 0, 20);
	}
	if (_i == 0)
		ck_assert_int_eq(fixture_status("journal_bytes"), MIB);
	fixture_check_balance();
	publisher = fixture_client("publisher");
}
END_TEST

static int unsettled; /* of what was taken */

/* The next event of a kind; what is settled meanwhile is counted. */
static const ph_event *
next_of(ph_client *client, ph_event_kind kind)
{
	const ph_event *event = NULL;
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (ph_clock_mono(ph_clock_system()) < deadline) {
		if (ph_client_next(client, 100, &event, NULL) != PH_OK)
			continue;
		if (ph_event_kind_of(event) == PH_EVENT_SETTLED)
			unsettled--;
		if (ph_event_kind_of(event) == kind)
			return event;
	}
	ck_abort_msg("no event of kind %d", (int) kind);
	return NULL;
}

static void
end_client(ph_client **client)
{
	while (unsettled > 0)
		(void) next_of(*client, PH_EVENT_SETTLED);
	ph_client_destroy(client);
}

/* The next delivery to `client` says `text`; it ends with `outcome`. */
static void
take(ph_client *client, const char *text, ph_outcome outcome)
{
	size_t length = 0;
	const ph_event *event = next_of(client, PH_EVENT_DELIVERY);
	const char *data = ph_message_data(ph_event_message(event), &length);
	ck_assert_uint_eq(length, strlen(text));
	ck_assert_mem_eq(data, text, length);
	ck_assert_int_eq(ph_client_settle(client, ph_event_delivery(event), outcome,
			     NULL, outcome == PH_REJECTED ? "unknown-street" : NULL,
			     outcome == PH_REJECTED ? "no such street" : NULL, 0, NULL),
	    PH_OK);
	unsettled++;
}

static ph_client *
other_client(void)
{
	ph_client *client = fixture_client("other");
	ck_assert_int_eq(ph_client_subscribe(client, "other", 1, NULL), PH_OK);
	return client;
}

/* For three looks at the journal and more, nothing but what is published comes into it. */
static void
check_nothing_is_carried(void)
{
	int64_t from = ph_clock_mono(ph_clock_system());
	int64_t before = fixture_status("records"), published = 0;
	while (ph_clock_mono(ph_clock_system()) < from + LOOKS_MS) {
		char id[32];
		(void) snprintf(id, sizeof id, "small-%d", (int) published++);
		ck_assert_int_eq(
		    fixture_publish(publisher, "bench.v1", id, NULL, "y", NULL),
		    PH_ACCEPTED);
	}
	int64_t more = fixture_status("records") - before;
	ck_assert_msg(more < published + DENSE / 2, "%lld more records for %lld",
	    (long long) more, (long long) published);
	ph_client *client = fixture_client("consumer");
	ck_assert_int_eq(ph_client_subscribe(client, "bench", 1, NULL), PH_OK);
	while (published-- > 0)
		take(client, "y", PH_DELIVERED);
	end_client(&client);
}

/* More than half of the first files is needed: they are carried when those after them give more. */
START_TEST(what_is_mostly_needed_is_carried_for_what_is_behind)
{
	for (int i = 0; i < DENSE; i++) {
		char id[32];
		(void) snprintf(id, sizeof id, "waits-%d", i);
		ck_assert_int_eq(
		    fixture_publish(publisher, "other.v1", id, NULL, big, NULL),
		    PH_ACCEPTED);
	}
	pass_through("a", DENSE / 4);
	check_nothing_is_carried();
	for (int round = 0; round < 2; round++) {
		pass_through(round == 0 ? "b" : "c", MANY / 2);
		await_small();
		fixture_kill();
		fixture_start();
		fixture_check_balance();
	}
	ph_client *client = other_client();
	for (int i = 0; i < DENSE; i++)
		take(client, big, PH_DELIVERED);
	end_client(&client);
	await_small();
	fixture_check_balance();
}
END_TEST

/* Others fill the disk while what is needed is carried: the reserve is left to outcomes. */
START_TEST(a_disk_that_fills_up_ends_a_run)
{
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	for (int i = 0; i < DENSE; i++) {
		char id[32];
		(void) snprintf(id, sizeof id, "waits-%d", i);
		ck_assert_int_eq(
		    fixture_publish(publisher, "other.v1", id, NULL, big, NULL),
		    PH_ACCEPTED);
	}
	atomic_store(&disk->left, 3 * MIB); /* less than what is to be carried */
	pass_through("a", MANY / 2);
	int64_t before = fixture_status("records");
	atomic_store(&disk->left, 7 * MIB);
	atomic_store(&disk->trap, true);
	while (atomic_load(&disk->refused) == 0)
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < deadline &&
				  fixture_status("records") >= 0,
		    "nothing is carried");
	int64_t from = ph_clock_mono(ph_clock_system());
	while (ph_clock_mono(ph_clock_system()) < from + LOOKS_MS)
		(void) fixture_status("records");
	int64_t carried = fixture_status("records") - before;
	ck_assert_int_gt(carried, 0);
	ck_assert_msg(carried < DENSE * 3 / 4, "%lld are carried", (long long) carried);
	ph_client *client = other_client();
	for (int i = 0; i < DENSE; i++)
		take(client, big, PH_DELIVERED);
	end_client(&client);
	fixture_check_balance();
}
END_TEST

static void
shows(const char *verb, const char *args, const char *text)
{
	const char *answer = fixture_ask(verb, args);
	ck_assert_msg(strstr(answer, text) != NULL, "%s %s: %s", verb, args, answer);
}

/* Messages in memory and on a shelf, and a dead letter: all that came since goes, they do not. */
START_TEST(what_waits_is_carried)
{
	char text[32], id[32];
	for (int i = 0; i < WAITING; i++) {
		(void) snprintf(id, sizeof id, "waits-%d", i);
		(void) snprintf(text, sizeof text, "here %d", i);
		ck_assert_int_eq(fixture_publish(publisher, "other.v1", id,
				     i == 0 ? NULL : "S-1", text, NULL),
		    PH_ACCEPTED);
	}
	/* its reason is in another file */
	pass_through("between", 100);
	ph_client *client = other_client();
	take(client, "here 0", PH_REJECTED);
	end_client(&client);
	for (int round = 0; round < 3; round++) {
		char run[32];
		(void) snprintf(run, sizeof run, "round%d", round);
		pass_through(run, MANY / 2);
		await_small();
		shows("dead.show", "{\"ids\":[\"other/1\"]}", "no such street");
		shows("message.show", "{\"ids\":[\"1\"]}", "\"acceptance\":1");
		shows("message.show", "{\"ids\":[\"11\"]}", "\"acceptance\":11");
		shows("message.show", "{\"ids\":[\"12\"]}", "\"acceptance\":12");
		fixture_kill();
		fixture_start();
		fixture_check_balance();
	}
	client = other_client();
	for (int i = 1; i < WAITING; i++) {
		(void) snprintf(text, sizeof text, "here %d", i);
		take(client, text, i == 7 ? PH_REJECTED : PH_DELIVERED);
	}
	end_client(&client);
	/* one that dies after it was carried keeps its reason too */
	pass_through("last", MANY / 2);
	await_small();
	shows("dead.show", "{\"ids\":[\"other/8\"]}", "no such street");
	shows("dead.show", "{\"ids\":[\"other/1\"]}", "no such street");
	fixture_check_balance();
}
END_TEST

static Suite *
retain_suite(void)
{
	Suite *suite = suite_create("retain");
	TCase *tests = tcase_create("retain");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_settled_goes);
	tcase_add_test(tests, a_ledger_that_is_lost_with_its_snapshots_is_missed);
	tcase_add_loop_test(tests, what_is_old_goes_while_nothing_happens, 0, 2);
	tcase_add_test(tests, what_is_mostly_needed_is_carried_for_what_is_behind);
	tcase_add_test(tests, what_waits_is_carried);
	tcase_add_test(tests, a_disk_that_fills_up_ends_a_run);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(retain_suite());
}
