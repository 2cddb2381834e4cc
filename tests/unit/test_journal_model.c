/*
 * journal, held against a model: what was acknowledged survives any series of kills, power cuts
 * and failing syncs, and nothing appears that was not written.
 *
 * Each story has a seed, which a failure prints; PACKHORSE_SEED=n runs that one alone,
 * PACKHORSE_STORIES=n as many as wanted, PACKHORSE_FIRST=n from that one on. The disk is the fake
 * one, which forgets what is not synced. The same stories must catch a journal that does not
 * sync, and one that speaks too early.
 */
#include "broker/journal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define STORIES	    150
#define LIVES	    20	 /* starts of the journal in one story */
#define RECORDS_MAX 8192 /* in one story */

typedef struct story {
	fixture place;
	fake_disk disk;
	uint64_t seed;
	uint64_t random;
	uint64_t next_id;
	size_t written;		       /* records submitted and not lost since */
	size_t acknowledged;	       /* the first so many of them are durable */
	uint64_t ids[RECORDS_MAX];     /* of what was submitted, in order */
	uint64_t offsets[RECORDS_MAX]; /* position of each in this life */
	size_t first;		       /* the records before this one are trimmed */
	size_t first_maybe;	       /* or those before this one */
	ph_store *store;	       /* of this life, or NULL */
	ph_store *left[LIVES + 1];     /* of former lives, never closed */
	size_t left_count;
	char wrong[256]; /* what the journal did wrong, or "" */
} story;

static void
wrong(story *self, const char *what, uint64_t number)
{
	if (self->wrong[0] == '\0')
		snprintf(self->wrong, sizeof self->wrong, "seed %llu: %s (%llu)",
		    (unsigned long long) self->seed, what, (unsigned long long) number);
}

/* What the journal calls durable counts as acknowledged. */
static void
acknowledge(story *self)
{
	uint64_t durable = ph_store_durable(self->store).offset;

	while (self->acknowledged < self->written &&
	       self->offsets[self->acknowledged] < durable)
		self->acknowledged++;
}

/* The journal's records must be the model's, at least the acknowledged ones. */
static void
compare(story *self)
{
	static uint64_t ids[RECORDS_MAX];
	ph_store_reader *reader;
	ph_store_record record;
	ph_status status =
	    ph_store_reader_new(self->store, (ph_position){0}, 0, &reader, NULL);
	size_t count = self->first;
	bool any = false;

	if (status != PH_OK) {
		wrong(self, "no reader", status);
		return;
	}
	while ((status = ph_store_reader_next(reader, &record, NULL)) == PH_OK &&
	       count < RECORDS_MAX) {
		uint64_t id = fixture_id(&record);

		if (!any && id != self->ids[count])
			self->first = count =
			    self->first_maybe; /* the last trim was done after all */
		any = true;
		ids[count] = id;
		self->offsets[count] = record.position.offset;
		if (count >= self->written || ids[count] != self->ids[count])
			wrong(self, "a record that was not written there", count);
		count++;
	}
	ph_store_reader_destroy(&reader);
	if (status != PH_ERR_AGAIN)
		wrong(self, "a reader was stopped", status);
	if (!any && self->first_maybe == self->acknowledged)
		self->first = count =
		    self->first_maybe; /* nothing was left to be kept */
	if (count < self->acknowledged)
		wrong(self, "an acknowledged record is lost", count);
	self->written = self->acknowledged = count;
	self->first_maybe = self->first;
}

/* Give back what is before some record that is known; false: the journal has failed. */
static bool
trim_some(story *self)
{
	if (self->acknowledged == self->first)
		return true;
	size_t index =
	    self->first + fake_random(&self->random, self->acknowledged - self->first);
	ph_position before = {.offset = self->offsets[index]};
	uint64_t kept = ph_store_extent(self->store, before).offset;

	while (index > self->first && self->offsets[index - 1] >= kept)
		index--;
	self->first_maybe =
	    index; /* before the call: a crash inside may have done it */
	ph_status status = ph_store_trim(self->store, before, NULL);
	if (status == PH_OK) {
		self->first = index;
		acknowledge(self);
	} else if (status != PH_ERR_IO)
		wrong(self, "a trim was refused", status);
	return status == PH_OK;
}

static void
write_some(story *self)
{
	size_t count = fake_random(&self->random, 12);
	ph_position position;

	for (size_t i = 0; i < count && self->written < RECORDS_MAX; i++) {
		/* in the model before the call: a crash inside of it may have written it */
		uint64_t id = self->next_id++;

		self->ids[self->written] = id;
		self->offsets[self->written] = UINT64_MAX;
		self->written++;
		ph_status status =
		    fixture_submit(self->store, id, PH_STORE_NEW, &position, NULL);
		if (status != PH_OK)
			self->written--;
		if (status != PH_OK && status != PH_ERR_IO)
			wrong(self, "a record was refused", status);
		if (status != PH_OK)
			return;
		self->offsets[self->written - 1] = position.offset;
	}
}

/* Flush; false: the journal has failed. */
static bool
flush(story *self)
{
	ph_position durable;
	ph_status status = ph_store_flush(self->store, &durable, NULL);

	if (status == PH_OK) {
		acknowledge(self);
		if (self->acknowledged != self->written)
			wrong(self, "flushed and not durable", self->written);
	} else if (status != PH_ERR_IO)
		wrong(self, "a flush was refused", status);
	return status == PH_OK;
}

/* Read a record that is known. */
static void
look_up(story *self)
{
	ph_store_record record;

	if (self->acknowledged == 0)
		return;
	size_t index = fake_random(&self->random, self->acknowledged);
	ph_status status = ph_store_read(
	    self->store, (ph_position){.offset = self->offsets[index]}, &record, NULL);
	if (index < self->first) {
		/* positions from before this life's start may be anybody's */
		if (status == PH_OK && fixture_id(&record) == 0)
			wrong(self, "a trimmed record is served wrong", index);
		return;
	}
	if (status != PH_OK || fixture_id(&record) != self->ids[index])
		wrong(self, "a record cannot be read", index);
}

/* One life: open, check, write, and perhaps close. Returns when it is over, unless it crashes. */
static void
live(story *self)
{
	ph_journal_report report;
	ph_status status =
	    fixture_open(&self->place, &self->disk.fs, &self->store, &report, NULL);

	if (status != PH_OK) {
		if (status != PH_ERR_IO)
			wrong(self, "cannot be opened", status);
		return;
	}
	compare(self);
	for (unsigned steps = 10 + (unsigned) fake_random(&self->random, 40); steps > 0;
	     steps--) {
		switch (fake_random(&self->random, 8)) {
		case 0:
			if (ph_store_idle(self->store, NULL) == PH_OK)
				acknowledge(self);
			break;
		case 1:
			look_up(self);
			break;
		case 2:
			if (fake_random(&self->random, 4) == 0 && !trim_some(self))
				return;
			break;
		default:
			write_some(self);
			if (fake_random(&self->random, 3) > 0 && !flush(self))
				return;
		}
	}
	if (fake_random(&self->random, 2) == 0)
		return;
	if (ph_store_close(&self->store, NULL) == PH_OK)
		self->acknowledged = self->written;
}

/* How this life is going to end. */
static void
choose_end(story *self)
{
	fake_disk *disk = &self->disk;

	memset(disk->fail_at, 0, sizeof disk->fail_at);
	disk->crash_in = 0;
	disk->power = fake_random(&self->random, 2) == 0;
	switch (fake_random(&self->random, 4)) {
	case 0: /* in the middle of opening, mostly */
		disk->crash_in = 1 + (unsigned) fake_random(&self->random, 16);
		break;
	case 1:
		disk->crash_in = 1 + (unsigned) fake_random(&self->random, 80);
		break;
	case 2:
		disk->fail_at[FAKE_FDATASYNC] =
		    disk->calls[FAKE_FDATASYNC] + 1 +
		    (unsigned) fake_random(&self->random, 12);
		break;
	default: /* by itself */
		break;
	}
}

static void
one_life(story *self)
{
	self->store = NULL;
	choose_end(self);
	if (setjmp(self->disk.out) == 0)
		live(self);
	self->disk.crash_in = 0;
	if (self->store != NULL) {
		acknowledge(self);
		self->left[self->left_count++] = self->store;
		if (self->disk.power)
			fake_disk_cut_power(&self->disk);
	}
	fake_disk_close_all(&self->disk);
	fixture_break_lock(&self->place);
}

/* "" or what went wrong; the memory is the caller's. */
static story *
tell(uint64_t seed)
{
	story *self = calloc(1, sizeof *self);

	ck_assert_ptr_nonnull(self);
	self->seed = seed;
	self->random = seed * 0x9e3779b97f4a7c15u + 1;
	self->next_id = 1;
	fixture_init(&self->place);
	fake_disk_init(&self->disk, self->place.aside, seed);
	for (unsigned i = 0; i < LIVES && self->wrong[0] == '\0'; i++)
		one_life(self);
	fake_disk_fini(&self->disk);
	fixture_fini(&self->place);
	return self;
}

static uint64_t
number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* Stories that went wrong, up to `enough`, and what the last of them says. */
static unsigned
tell_all(uint64_t stories, unsigned enough, char last[256])
{
	uint64_t only = number_from("PACKHORSE_SEED", 0);
	unsigned bad = 0;

	last[0] = '\0';
	uint64_t first = number_from("PACKHORSE_FIRST", 1);
	for (uint64_t seed = first; seed < first + stories && bad < enough; seed++) {
		story *told = tell(only != 0 ? only : seed);

		if (told->wrong[0] != '\0') {
			bad++;
			snprintf(last, 256, "%s", told->wrong);
		}
		free(told);
		if (only != 0)
			break;
	}
	return bad;
}

START_TEST(nothing_acknowledged_is_lost)
{
	char last[256];

	unsetenv("PACKHORSE_MUTANT");
	unsigned bad =
	    tell_all(number_from("PACKHORSE_STORIES", STORIES), UINT_MAX, last);
	ck_assert_msg(bad == 0, "%u stories went wrong, the last with %s", bad, last);
}
END_TEST

static const char *const mutants[] = {"no-sync", "early", "trim-early"};

START_TEST(mutants_are_caught)
{
	char last[256];

	setenv("PACKHORSE_MUTANT", mutants[_i], 1);
	unsigned bad = tell_all(30, 1, last);
	ck_assert_msg(bad > 0, "the mutant %s got through", mutants[_i]);
}
END_TEST

/* A crash in the middle of a call leaves memory behind, as a process does that is killed. */
int __lsan_is_turned_off(void);
int
__lsan_is_turned_off(void)
{
	return 1;
}

static Suite *
model_suite(void)
{
	Suite *suite = suite_create("journal-model");
	TCase *tcase = tcase_create("journal-model");

	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, nothing_acknowledged_is_lost);
	tcase_add_loop_test(
	    tcase, mutants_are_caught, 0, sizeof mutants / sizeof *mutants);
	suite_add_tcase(suite, tcase);
	return suite;
}

/* A death in the middle of opening leaves what was being opened, as a real one does: no leak. Asked
 * for by the leak checker, where there is one. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:ph_journal_open\n";
}

int
main(void)
{
	return ph_check_main(model_suite());
}
