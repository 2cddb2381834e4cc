/*
 * The trace-and-cut checker for all that a broker keeps beside its journal: the shelves of queues, the
 * window of duplicates, checkpoints, the site's key. Sagas (saga.h) of a whole broker are recorded,
 * the power is cut before syncs (cut.h), and what is left has to lead to a broker that knows what
 * follows from the journal, no more and no less. Some of what is left is damaged besides: then the
 * broker may refuse, mend itself or forget ids, but never say what is not so.
 *
 * And every call for a file fails once, in one short life: what is found afterwards has to be right.
 *
 * PACKHORSE_STORIES=n tells n sagas from seed PACKHORSE_FIRST on, PACKHORSE_EVERY=n cuts at one of n
 * syncs, PACKHORSE_PAGES=n looks at all states of n unsynced pages, PACKHORSE_SEED=n tells that saga
 * alone; a failure prints its seed; PACKHORSE_CALLS=n fails every one of the first n calls. Mistakes of the broker have to be found in the same way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/cut.h"
#include "tests/crash/saga.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define SAGAS 5
#define PAGES 2 /* unsynced ones, of which every state is looked at */
#define EVERY 12
#define LIVES 4
#define CALLS 1 /* so many calls fail one by one, then fewer and fewer of them */
#define PAGE  4096

/* --- damage --------------------------------------------------------------------------------- */

/* Zero a page, repeat another in its place, cut it off, or change one byte. */
static void
damage_file(saga *self, const char *path)
{
	uint8_t page[PAGE] = {0};
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	uint64_t size = (uint64_t) lseek(fd, 0, SEEK_END);
	uint64_t pages = size / PAGE + (size % PAGE != 0);
	off_t at = pages == 0 ? 0 : (off_t) (fake_random(&self->random, pages) * PAGE);
	size_t length =
	    size - (uint64_t) at < PAGE ? (size_t) (size - (uint64_t) at) : PAGE;

	switch (fake_random(&self->random, 4)) {
	case 0:
		break;
	case 1:
		(void) !pread(fd, page, length,
		    (off_t) (fake_random(&self->random, pages + 1) * PAGE));
		break;
	case 2:
		length = 0;
		ck_assert_int_eq(ftruncate(fd, at), 0);
		break;
	default:
		(void) !pread(fd, page, length, at);
		if (length > 0)
			page[fake_random(&self->random, length)] ^= 4;
	}
	ck_assert_int_eq(pwrite(fd, page, length, at), (ssize_t) length);
	close(fd);
}

/* One of the files that are believed for a checkpoint's sake. False: there is none. */
static bool
damage_one(saga *self)
{
	char path[400], folder[160];
	char **names = NULL;
	size_t count = 0;

	snprintf(folder, sizeof folder, "%s/left/state/shelf", self->home);
	ck_assert_int_eq(
	    ph_fs_list(folder, PH_SHELF_SUFFIX, &names, &count, NULL), PH_OK);
	size_t which = (size_t) fake_random(&self->random, count * 2 + 1);
	if (which < count)
		snprintf(path, sizeof path, "%s/%s", folder, names[which]);
	else
		snprintf(
		    path, sizeof path, "%s/left/state/duplicates.ring", self->home);
	free(names);
	if (access(path, F_OK) != 0)
		return false;
	damage_file(self, path);
	self->counts.harmed++;
	return true;
}

/* --- cutting -------------------------------------------------------------------------------- */

static void
check_state(void *arg)
{
	saga *self = arg;
	uint64_t what = fake_random(&self->random, 12);
	saga_harm harm = SAGA_UNHARMED;

	if ((what < 4 || self->harmful) && damage_one(self))
		harm = SAGA_DAMAGED;
	else if (what == 4) {
		saga_lose_ring(self, "left");
		harm = SAGA_WITHOUT_RING;
	}
	saga_check(self, "left", &self->then, harm);
}

static void
enter_note(void *arg, const trace_note *note)
{
	saga *self = arg;

	saga_enter(&self->then, note);
}

static uint64_t
number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void
cut_saga(saga *self)
{
	char root[160];
	cutter by = {.trace = &self->trace,
	    .root = root,
	    .random = &self->random,
	    .most = UINT64_C(1) << number_from("PACKHORSE_PAGES", PAGES),
	    .samples = 1,
	    .every = (unsigned) number_from("PACKHORSE_EVERY", EVERY),
	    .self = self,
	    .enter = enter_note,
	    .check = check_state,
	    .wrong = self->wrong};

	snprintf(root, sizeof root, "%s/left/state", self->home);
	cut_everywhere(&by);
	self->counts.cuts += by.cuts;
	self->counts.whole += by.whole;
	self->counts.states += by.states;
}

/* --- telling -------------------------------------------------------------------------------- */

static saga *
tell(uint64_t seed, const char *mutant)
{
	saga *self = malloc(sizeof *self);

	ck_assert_ptr_nonnull(self);
	saga_init(self, seed);
	if (mutant != NULL) {
		setenv("PACKHORSE_MUTANT", mutant, 1);
		/* who does not look is found only where there is something to see */
		self->harmful = strstr(mutant, "unchecked") != NULL;
	}
	for (unsigned i = 0; i < LIVES && self->wrong[0] == '\0'; i++)
		saga_live(self);
	if (self->wrong[0] == '\0')
		cut_saga(self);
	unsetenv("PACKHORSE_MUTANT");
	saga_fini(self);
	return self;
}

static void
say_counts(const char *who, uint64_t seed, const saga_counts *sum)
{
	printf(
	    "# %s, from seed %llu: %llu lives, %llu deaths, %llu taken beside a shelf, "
	    "%llu carried, %llu trims, %llu checkpoints; %llu cuts, %llu of them in "
	    "every state; %llu states, %llu starts from a checkpoint; %llu damaged "
	    "besides, of which %llu refused, %llu mended\n",
	    who, (unsigned long long) seed, (unsigned long long) sum->lives,
	    (unsigned long long) sum->deaths, (unsigned long long) sum->shelved,
	    (unsigned long long) sum->carried, (unsigned long long) sum->trims,
	    (unsigned long long) sum->checkpoints, (unsigned long long) sum->cuts,
	    (unsigned long long) sum->whole, (unsigned long long) sum->states,
	    (unsigned long long) sum->from_checkpoint, (unsigned long long) sum->harmed,
	    (unsigned long long) sum->refused, (unsigned long long) sum->mended);
	fflush(stdout);
}

static void
add_counts(saga_counts *sum, const saga_counts *more)
{
	uint64_t *to = (uint64_t *) (void *) sum;
	const uint64_t *from = (const uint64_t *) (const void *) more;

	for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
		to[i] += from[i];
}

/* Sagas until one goes wrong; what it says, or "". */
static void
tell_all(uint64_t sagas, const char *mutant, char last[CUT_WRONG])
{
	uint64_t only = number_from("PACKHORSE_SEED", 0);
	uint64_t first = only != 0 ? only : number_from("PACKHORSE_FIRST", 1);
	saga_counts sum = {0};

	if (only != 0 && mutant == NULL)
		sagas = 1;
	last[0] = '\0';
	for (uint64_t seed = first; seed < first + sagas && last[0] == '\0'; seed++) {
		saga *told = tell(seed, mutant);

		memcpy(last, told->wrong, CUT_WRONG);
		add_counts(&sum, &told->counts);
		free(told);
	}
	say_counts(mutant != NULL ? mutant : "the broker", first, &sum);
	if (mutant == NULL && last[0] == '\0' && sagas >= SAGAS)
		ck_assert_msg(sum.deaths > 0 && sum.shelved > 0 && sum.carried > 0 &&
				  sum.trims > 0 && sum.whole > 0 &&
				  sum.from_checkpoint > 0 && sum.harmed > 0,
		    "the sagas did not do everything");
}

/* The broker logs what it finds; that is not for here. */
static void
silence(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (getenv("PACKHORSE_LOUD") == NULL)
		ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	close(fd);
}

START_TEST(no_power_cut_makes_the_broker_wrong)
{
	char last[CUT_WRONG];

	tell_all(number_from("PACKHORSE_STORIES", SAGAS), NULL, last);
	ck_assert_msg(last[0] == '\0', "%s", last);
}
END_TEST

START_TEST(without_its_ring_what_was_carried_is_known)
{
	saga *self = malloc(sizeof *self);

	ck_assert_ptr_nonnull(self);
	saga_init(self, 1);
	saga_live_carrying(self, fixture_quick_fs());
	saga_lose_ring(self, "lived");
	if (self->wrong[0] == '\0')
		saga_check(self, "lived", &self->now, SAGA_WITHOUT_RING);
	ck_assert_msg(self->wrong[0] == '\0', "%s", self->wrong);
	saga_fini(self);
	free(self);
}
END_TEST

static const char *const mutants[] = {
    "shelf-unsynced", "ring-unsynced", "shelf-unchecked", "ring-unchecked"};

START_TEST(mutants_are_caught)
{
	char last[CUT_WRONG];

	tell_all(30, mutants[_i], last);
	ck_assert_msg(last[0] != '\0', "the mutant %s got through", mutants[_i]);
	printf("# %s\n", last);
}
END_TEST

/* --- failing -------------------------------------------------------------------------------- */

/* One life on a disk of which one call fails; then what is left is looked at. Gives false when
 * the call was not reached: there are no more. */
static bool
live_with_failure(fake_call call, unsigned nth, int failing)
{
	saga *self = malloc(sizeof *self);
	fake_disk disk;
	char aside[100];

	ck_assert_ptr_nonnull(self);
	saga_init(self, 1);
	snprintf(aside, sizeof aside, "%s/aside", self->home);
	ck_assert_int_eq(mkdir(aside, 0700), 0);
	fake_disk_init(&disk, aside, nth);
	disk.fail_at[call] = nth;
	disk.fail_errno = failing == 0 ? EIO : failing;
	disk.short_writes = failing == 0;
	saga_live_wholly(self, &disk.fs);
	bool reached = disk.calls[call] >= nth;
	/* a kill at the end, and a power cut in every other case */
	if (nth % 2 == 0)
		fake_disk_cut_power(&disk);
	fake_disk_fini(&disk);
	/* ids that have no room, or cannot be written, are forgotten: that is logged */
	saga_check(self, "lived", &self->now,
	    call == FAKE_FALLOCATE || call == FAKE_PWRITE ? SAGA_FORGETFUL
							  : SAGA_UNHARMED);
	ck_assert_msg(self->wrong[0] == '\0', "call %u of kind %d fails with %d: %s",
	    nth, (int) call, failing, self->wrong);
	if (!reached)
		ck_assert_msg(self->counts.shelved > 0 && self->counts.carried > 0 &&
				  self->counts.trims > 0 &&
				  self->counts.checkpoints > 1,
		    "the life does not do everything");
	saga_fini(self);
	free(self);
	return reached;
}

static const struct {
	fake_call call;
	int failing; /* 0: EIO, and every write is short */
} failures[] = {{FAKE_OPEN, EMFILE}, {FAKE_PREAD, EIO}, {FAKE_PWRITE, EIO},
    {FAKE_PWRITE, ENOSPC}, {FAKE_PWRITE, 0}, {FAKE_FDATASYNC, EIO}, {FAKE_FSYNC, EIO},
    {FAKE_FALLOCATE, ENOSPC}, {FAKE_RENAME, EIO}, {FAKE_UNLINK, EIO},
    {FAKE_MKDIR, EACCES}};

START_TEST(any_call_may_fail_once)
{
	unsigned share = (unsigned) number_from("PACKHORSE_CALLS", CALLS);
	unsigned nth = 1, times = 0;

	while (live_with_failure(failures[_i].call, nth, failures[_i].failing)) {
		nth += 1 + nth / share;
		times++;
	}
	ck_assert_uint_gt(times, 0);
	printf("# call %d, error %d: %u lives\n", (int) failures[_i].call,
	    failures[_i].failing, times);
}
END_TEST

static TCase *
new_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 0);
	tcase_add_unchecked_fixture(tcase, silence, NULL);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *
trace_suite(void)
{
	Suite *suite = suite_create("trace-broker");
	TCase *tcase = new_case(suite, "cuts");

	tcase_add_test(tcase, no_power_cut_makes_the_broker_wrong);
	tcase_add_test(tcase, without_its_ring_what_was_carried_is_known);
	tcase = new_case(suite, "mutants");
	tcase_add_loop_test(
	    tcase, mutants_are_caught, 0, sizeof mutants / sizeof *mutants);
	tcase = new_case(suite, "failures");
	tcase_add_loop_test(
	    tcase, any_call_may_fail_once, 0, sizeof failures / sizeof *failures);
	return suite;
}

int
main(void)
{
	return ph_check_main(trace_suite());
}
