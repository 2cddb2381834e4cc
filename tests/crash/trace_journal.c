/*
 * The trace-and-cut checker: stories (story.h) of a journal are recorded, and then the power is cut
 * wherever it matters, in every way that is possible.
 *
 * What can be left only grows until something is synced. So the power is cut before each sync,
 * and at the end. Where there are no more states than N unsynced pages have (2 to the N; N is
 * PACKHORSE_PAGES), each of them is made, opened and held against the list; else, and besides,
 * some by chance, with torn pages.
 *
 * PACKHORSE_STORIES=n tells n stories from seed PACKHORSE_FIRST on, PACKHORSE_SEED=n that one
 * alone; a failure prints its seed. The journal's mistakes have to be found in the same way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/record.h"
#include "tests/crash/checkpoints.h"
#include "tests/crash/cut.h"
#include "tests/crash/story.h"
#include "tests/unit/check_main.h"

#define STORIES 5
#define PAGES	3 /* unsynced ones, of which every state is looked at */
#define SAMPLES 1
#define LIVES	4

/* --- cutting ------------------------------------------------------------------------------ */

/* Whatever was accepted and not settled is there, where it was or carried. */
static void
check_live(story *self, const story_entry *found, size_t count)
{
	static bool needed[STORY_MOST * 2];

	memset(needed, 0, sizeof needed);
	for (size_t i = 0; i < self->then.acknowledged; i++)
		if (self->then.entries[i].type == PH_RECORD_ACCEPT)
			needed[self->then.entries[i].id] = true;
	for (size_t i = 0; i < self->then.submitted; i++)
		if (self->then.entries[i].type == PH_RECORD_OUTCOME)
			needed[self->then.entries[i].id] = false;
	for (size_t i = 0; i < count; i++)
		needed[found[i].id] = false;
	for (size_t id = 0; id < STORY_MOST * 2; id++)
		if (needed[id])
			story_wrong(self, "something not settled is lost", id);
}

/* The newest checkpoint is one that was finished, or a later one; it fits to what is there from
 * `first` to before `end`, if anything was given back at all. */
static void
check_checkpoints(story *self, size_t first, size_t end)
{
	uint64_t place = 0;
	uint64_t number =
	    checkpoints_newest(self->there.root, self->then.begun, &place);

	if (number < self->then.taken)
		story_wrong(self, "a checkpoint is lost", self->then.taken);
	else if (number > 0 && place != self->then.places[number])
		story_wrong(self, "a checkpoint is wrong", number);
	else if (first > 0 && (number == 0 || place < first))
		story_wrong(self, "no checkpoint knows what was trimmed", number);
	else if (number > 0 && place > end)
		story_wrong(self, "a checkpoint is ahead of the journal", number);
}

/* Whatever bears a spare's name reads as zeros. */
static void
check_spares(story *self)
{
	static const uint8_t zeros[1u << 20];

	for (unsigned i = 1; i <= 4; i++) {
		char name[32];
		char path[256];
		uint8_t *bytes;

		snprintf(name, sizeof name, "%010u.spare", i);
		fixture_path(&self->there, name, path);
		if (access(path, F_OK) != 0)
			continue;
		size_t length = fixture_load(path, &bytes);
		if (length > sizeof zeros || memcmp(bytes, zeros, length) != 0)
			story_wrong(self, "a spare is not zeros", i);
		free(bytes);
	}
}

/* The state that was made: open it, hold it against the list, and go on a little. */
static void
check_state(void *arg)
{
	static story_entry found[STORY_MOST];
	story *self = arg;
	ph_store *store;
	ph_position position;

	self->looked++;
	check_spares(self);
	ph_status status = fixture_open(&self->there, NULL, &store, NULL, NULL);
	if (status != PH_OK) {
		story_wrong(self, "cannot be opened after the cut", status);
		return;
	}
	size_t count = story_read(self, store, found, NULL);
	size_t first = story_place(&self->then, found, count);
	if (first == SIZE_MAX)
		story_wrong(self, "what is left is not what it has to be", count);
	else
		check_checkpoints(self, first, first + count);
	check_live(self, found, count);
	if (self->looked % 8 == 0 && self->wrong[0] == '\0') {
		status = fixture_submit(store, 1, PH_STORE_NEW, &position, NULL);
		if (status != PH_OK || ph_store_close(&store, NULL) != PH_OK ||
		    fixture_open(&self->there, NULL, &store, NULL, NULL) != PH_OK)
			story_wrong(self, "it does not go on after the cut", status);
		else if (story_read(self, store, found, NULL) != count + 1)
			story_wrong(self, "what came after the cut is lost", count);
	}
	(void) ph_store_close(&store, NULL);
}

static void
enter_note(void *self, const trace_note *note)
{
	story *told = self;

	story_enter(&told->then, note);
}

static void
cut_story(story *self, uint64_t most)
{
	cutter by = {.trace = &self->trace,
	    .root = self->there.root,
	    .random = &self->random,
	    .most = most,
	    .samples = SAMPLES,
	    .every = 1,
	    .self = self,
	    .enter = enter_note,
	    .check = check_state,
	    .wrong = self->wrong};

	cut_everywhere(&by);
	self->counts.cuts += by.cuts;
	self->counts.whole += by.whole;
	self->counts.states += by.states;
}

/* --- telling ------------------------------------------------------------------------------ */

static uint64_t
number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static story *
tell(uint64_t seed, const char *mutant)
{
	story *self = calloc(1, sizeof *self);

	ck_assert_ptr_nonnull(self);
	self->seed = seed;
	self->random = seed * 0x9e3779b97f4a7c15u + 1;
	self->next_id = 1;
	fixture_init(&self->place);
	fixture_init(&self->there);
	self->place.overlap = seed % 2 == 0; /* batches on a thread of their own */
	trace_init(&self->trace, self->place.root, seed);
	self->trace.hook = story_acknowledge;
	self->trace.hook_arg = self;
	if (mutant != NULL)
		setenv("PACKHORSE_MUTANT", mutant, 1);
	for (unsigned i = 0; i < LIVES && self->wrong[0] == '\0'; i++)
		story_live(self);
	unsetenv("PACKHORSE_MUTANT");
	cut_story(self, UINT64_C(1) << number_from("PACKHORSE_PAGES", PAGES));
	trace_fini(&self->trace);
	fixture_fini(&self->place);
	fixture_fini(&self->there);
	return self;
}

static void
add_counts(story_counts *sum, const story_counts *more)
{
	sum->deaths += more->deaths;
	sum->settled += more->settled;
	sum->carried += more->carried;
	sum->trims += more->trims;
	sum->checkpoints += more->checkpoints;
	sum->cuts += more->cuts;
	sum->whole += more->whole;
	sum->states += more->states;
}

static void
say_counts(const char *who, uint64_t seed, const story_counts *sum)
{
	printf(
	    "# %s, from seed %llu: %llu kills, %llu settled, %llu carried, %llu trims, "
	    "%llu checkpoints; "
	    "%llu cuts, %llu of them in every state; %llu states\n",
	    who, (unsigned long long) seed, (unsigned long long) sum->deaths,
	    (unsigned long long) sum->settled, (unsigned long long) sum->carried,
	    (unsigned long long) sum->trims, (unsigned long long) sum->checkpoints,
	    (unsigned long long) sum->cuts, (unsigned long long) sum->whole,
	    (unsigned long long) sum->states);
	fflush(stdout);
}

/* Stories that went wrong, up to `enough`, and what the last of them says. */
static unsigned
tell_all(uint64_t stories, unsigned enough, const char *mutant, char last[300])
{
	uint64_t only = number_from("PACKHORSE_SEED", 0);
	uint64_t first = only != 0 ? only : number_from("PACKHORSE_FIRST", 1);
	story_counts sum = {0};
	unsigned bad = 0;

	if (only != 0 && mutant == NULL)
		stories = 1;
	for (uint64_t seed = first; seed < first + stories && bad < enough; seed++) {
		story *told = tell(seed, mutant);

		if (told->wrong[0] != '\0') {
			bad++;
			snprintf(last, 300, "%s", told->wrong);
		}
		add_counts(&sum, &told->counts);
		free(told);
	}
	say_counts(mutant != NULL ? mutant : "the journal", first, &sum);
	if (mutant == NULL && bad == 0 && stories >= STORIES)
		ck_assert_msg(sum.deaths > 0 && sum.settled > 0 && sum.carried > 0 &&
				  sum.trims > 0 && sum.checkpoints > 0 && sum.whole > 0,
		    "the stories did not do everything");
	return bad;
}

START_TEST(no_power_cut_loses_what_was_acknowledged)
{
	char last[300] = "";

	unsigned bad =
	    tell_all(number_from("PACKHORSE_STORIES", STORIES), 1, NULL, last);
	ck_assert_msg(bad == 0, "%s", last);
}
END_TEST

static const char *const mutants[] = {"no-sync", "early", "trim-early"};

START_TEST(mutants_are_caught)
{
	char last[300] = "";

	unsigned bad = tell_all(30, 1, mutants[_i], last);
	ck_assert_msg(bad > 0, "the mutant %s got through", mutants[_i]);
	printf("# %s\n", last);
}
END_TEST

static Suite *
trace_suite(void)
{
	Suite *suite = suite_create("trace-journal");
	TCase *tcase = tcase_create("trace-journal");

	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, no_power_cut_loses_what_was_acknowledged);
	tcase_add_loop_test(
	    tcase, mutants_are_caught, 0, sizeof mutants / sizeof *mutants);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(trace_suite());
}
