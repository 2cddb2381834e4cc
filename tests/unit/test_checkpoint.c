/*
 * Starting from a checkpoint: whatever happened before the broker died, the state is the one that a
 * fold of the whole journal gives. Checkpoints that are damaged, foreign or missing are done without.
 * PH_HISTORIES sets how many histories there are, PH_SEED the first one.
 */
#include "broker/checkpoint_file.h"
#include "broker/journal.h"
#include "tests/unit/checkpoint_rig.h"

static void
setup_shelves(void)
{
	setup_with("queue-memory: 10");
}

/* ---- any history ---- */

static void
live_somehow(history *self)
{
	unsigned steps = 50 + history_random(self, 250);
	for (unsigned i = 0; i < steps; i++) {
		history_step(self);
		if (history_random(self, 60) == 0) {
			ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
			ph_checkpoint_last(self->broker);
		}
	}
}

START_TEST(a_start_from_a_checkpoint_gives_what_a_fold_gives)
{
	ph_buffer is, should;
	uint64_t seed = first_seed() + (uint64_t) _i;
	for (uint64_t lives = 1 + seed % 3; lives > 0; lives--)
		in_a_life(live_somehow, seed * 16 + lives);
	unsigned taken = files(site, ".checkpoint");
	const char *folded = copy_site("folded");
	history_shell("rm -r %s/state/checkpoint", folded);
	uint64_t with = look_at(copy_site("restored"), &is);
	ck_assert_uint_eq(look_at(folded, &should), 0);
	ck_assert((with > 0) == (taken > 0));
	compare(&is, &should, seed);
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

static void
live_with_carries(history *self)
{
	unsigned rounds = 2 + history_random(self, 4);
	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned steps = history_random(self, 80); steps > 0; steps--)
			history_step(self);
		if (history_random(self, 3) == 0) {
			ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
			ph_checkpoint_last(self->broker);
		}
		history_carry(self);
	}
	for (unsigned steps = history_random(self, 80); steps > 0; steps--)
		history_step(self);
}

START_TEST(what_was_carried_is_known_at_a_start)
{
	ph_buffer is, should;
	uint64_t seed = first_seed() + (uint64_t) _i;
	for (uint64_t lives = 1 + seed % 3; lives > 0; lives--)
		in_a_life(live_with_carries, seed * 16 + lives);
	const char *folded = copy_site("folded");
	history_shell("rm -rf %s/state/checkpoint", folded);
	(void) look_at(copy_site("restored"), &is);
	ck_assert_uint_eq(look_at(folded, &should), 0);
	compare(&is, &should, seed);
	if (seed == first_seed())
		ck_assert_msg(strstr((const char *) is.data, "carried 00 00 00 00 00 "
							     "00 00 00") == NULL,
		    "nothing was carried");
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

/* ---- checkpoints that cannot be used ---- */

static void
live_with_two(history *self)
{
	for (unsigned rounds = 0; rounds < 3; rounds++) {
		for (unsigned i = 0; i < 100; i++)
			history_step(self);
		ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
		if (rounds < 2)
			ph_checkpoint_last(self->broker);
	}
}

static void
harm(const char *directory, unsigned number)
{
	history_shell(
	    "printf X | dd of=%s/state/checkpoint/%010u.checkpoint bs=1 seek=60 "
	    "conv=notrunc status=none",
	    directory, number);
}

START_TEST(a_damaged_one_is_put_aside_and_the_older_used)
{
	ph_buffer is, should;
	in_a_life(live_with_two, first_seed());
	const char *harmed = copy_site("harmed");
	harm(harmed, 2);
	ck_assert_uint_eq(look_at(harmed, &is), 1);
	ck_assert(logged("checkpoint-damaged"));
	ck_assert_uint_eq(files(harmed, ".checkpoint.damaged"), 1);
	const char *folded = copy_site("folded");
	history_shell("rm -r %s/state/checkpoint", folded);
	ck_assert_uint_eq(look_at(folded, &should), 0);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

static void
live_to_the_last(history *self)
{
	for (unsigned i = 0; i < 100; i++)
		history_step(self);
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	ph_checkpoint_last(self->broker);
}

/* The end of a journal that was not closed is moved when it is opened again: not what a checkpoint
 * has the places of. */
START_TEST(one_taken_just_before_the_end_is_right)
{
	ph_buffer is, should;
	in_a_life(live_to_the_last, first_seed());
	const char *folded = copy_site("folded");
	history_shell("rm -r %s/state/checkpoint", folded);
	ck_assert_uint_eq(look_at(copy_site("restored"), &is), 1);
	ck_assert_uint_eq(look_at(folded, &should), 0);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

START_TEST(without_any_the_whole_journal_is_folded)
{
	ph_buffer is, should;
	in_a_life(live_with_two, first_seed());
	const char *harmed = copy_site("harmed");
	harm(harmed, 1);
	harm(harmed, 2);
	ck_assert_uint_eq(look_at(harmed, &is), 0);
	ck_assert_uint_eq(files(harmed, ".checkpoint.damaged"), 2);
	ck_assert_uint_eq(look_at(copy_site("whole"), &should), 2);
	compare(&should, &is, first_seed());
	ph_buffer_fini(&is);
	/* the number of a damaged one is never used again */
	ck_assert_uint_ge(look_at(harmed, &is), 3);
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

/* Change a byte of a section's body and make all checksums right again. */
static void
contradict(const char *directory, unsigned number, uint32_t tag, size_t at)
{
	char path[200], *bytes = NULL;
	size_t length = 0;
	ph_checkpoint_file file;
	ph_buffer image;
	(void) snprintf(path, sizeof path, "%s/state/checkpoint/%010u.checkpoint",
	    directory, number);
	ck_assert_int_eq(ph_fs_slurp(path, 1u << 26, &bytes, &length, NULL), PH_OK);
	ck_assert_int_eq(ph_checkpoint_file_parse(bytes, length, &file, NULL), PH_OK);
	const ph_checkpoint_section *section = ph_checkpoint_file_find(&file, tag);
	ck_assert(section != NULL && section->length > at);
	at += (size_t) ((const char *) section->body - bytes);
	bytes[at] ^= 0x40;
	ph_buffer_init(&image, 0);
	ph_buffer_append(&image, bytes, length - 24); /* the last section's head */
	ph_checkpoint_image_seal(&image);
	ck_assert_int_eq(
	    ph_fs_replace(ph_fs_system(), path, image.data, image.length, 0600, NULL),
	    PH_OK);
	ph_buffer_fini(&image);
	free(bytes);
}

/* In the place: the last acceptance, which is then far beyond what there are records for. */
static const struct {
	uint32_t tag;
	size_t at;
} contradicted[] = {{PH_CHECKPOINT_PLACE, 28 + 5}, {PH_CHECKPOINT_QUEUES, 0},
    {PH_CHECKPOINT_ENTRIES, 0}, {PH_CHECKPOINT_ITEMS, 0}, {PH_CHECKPOINT_CURSORS, 0}};

START_TEST(one_that_makes_no_sense_is_put_aside_and_the_older_used)
{
	ph_buffer is, should;
	in_a_life(live_with_two, first_seed());
	const char *harmed = copy_site("harmed");
	contradict(harmed, 2, contradicted[_i].tag, contradicted[_i].at);
	ck_assert_uint_eq(look_at(harmed, &is), 1);
	ck_assert(logged("checkpoint=2 text=PH5343"));
	ck_assert_uint_eq(files(harmed, ".checkpoint.damaged"), 1);
	ck_assert_uint_eq(look_at(copy_site("whole"), &should), 2);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

static void
lose_ring(const char *directory)
{
	history_shell("rm %s/state/duplicates.ring", directory);
}

/* All of its id: one byte might be what it was. */
static void
spoil_ring(const char *directory)
{
	history_shell("printf 'spoilt by a test' | dd of=%s/state/duplicates.ring bs=1 "
		      "seek=16 conv=notrunc "
		      "2>/dev/null",
	    directory);
}

static void
contradict_ring(const char *directory)
{
	contradict(directory, 2, PH_CHECKPOINT_DUPLICATES, 0);
}

static void (*const harm_ring[])(const char *directory) = {
    lose_ring, spoil_ring, contradict_ring};

/* The checkpoint is used all the same, and the window made again from the journal. */
START_TEST(without_their_ring_duplicates_are_known_too)
{
	ph_buffer is, should;
	in_a_life(live_with_two, first_seed());
	const char *harmed = copy_site("harmed");
	harm_ring[_i](harmed);
	ck_assert_uint_eq(look_at(harmed, &is), 2);
	ck_assert(logged("PH5370"));
	ck_assert_uint_eq(look_at(copy_site("whole"), &should), 2);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

/* A life without a file for the window, in which a second one is made. */
static void
live_in_memory(const char *directory)
{
	ph_broker *broker = history_broker(directory);
	history self;
	ck_assert_int_lt(ph_duplicates_fd(broker->duplicates), 0);
	history_begin(&self, broker, 77);
	history_publish(&self, 10);
	ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
	ph_checkpoint_last(broker);
	ck_assert_int_lt(ph_duplicates_fd(broker->duplicates), 0);
	history_publish(&self, 10);
	ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
	history_shell("rmdir %s/state/duplicates.ring.new", directory);
	ph_checkpoint_last(broker);
	ck_assert_int_ge(ph_duplicates_fd(broker->duplicates), 0);
	ph_broker_destroy(&broker);
}

/* The broker starts all the same, knows as much, and so do the starts after it. */
START_TEST(without_a_place_for_the_ring_it_starts_all_the_same)
{
	ph_buffer is, should;
	in_a_life(live_with_two, first_seed());
	const char *harmed = copy_site("harmed");
	lose_ring(harmed);
	history_shell("mkdir %s/state/duplicates.ring.new", harmed);
	ck_assert_uint_eq(look_at(harmed, &is), 2);
	ck_assert(logged(" duplicates-in-memory "));
	ck_assert(logged("PH5376"));
	const char *whole = copy_site("whole");
	ck_assert_uint_eq(look_at(whole, &should), 2);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
	live_in_memory(harmed);
	ck_assert(logged(" duplicates-in-file "));
	ck_assert_uint_ge(look_at(harmed, &is), 4);
	history_shell("rm -r %s/state/checkpoint", harmed);
	ck_assert_uint_eq(look_at(harmed, &should), 0);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

START_TEST(one_of_another_journal_is_not_used)
{
	ph_buffer is;
	const char *other = copy_site("other");
	in_a_life(live_with_two, first_seed());
	history_shell("mkdir -p %s/state && cp -r %s/state/checkpoint %s/state", other,
	    site, other);
	ck_assert_uint_eq(look_at(other, &is), 0);
	ck_assert(logged("PH5342"));
	ph_buffer_fini(&is);
}
END_TEST

/* A journal whose first record is not the first of a broker's. */
START_TEST(a_trimmed_journal_without_one_is_refused)
{
	char path[120];
	ph_store *store = NULL;
	ph_position position;
	ph_buffer body;
	ph_broker *broker = NULL;
	ph_error err = {.status = PH_OK};
	(void) snprintf(path, sizeof path, "%s/state/journal", site);
	ph_journal_config config = {.directory = path, .segment_bytes = 1u << 20};
	history_shell("mkdir %s/state", site);
	ck_assert_int_eq(ph_journal_open(&config, &store, NULL, NULL), PH_OK);
	ph_buffer_init(&body, 0);
	ph_record_queue_encode(
	    &(ph_record_queue){.number = 5, .name = ph_view_of("late")}, &body);
	ph_store_part part = {body.data, body.length};
	ck_assert_int_eq(ph_store_submit(store, PH_RECORD_QUEUE, PH_STORE_NEW, &part, 1,
			     &position, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_store_close(&store, NULL), PH_OK);
	ph_buffer_fini(&body);
	ck_assert_int_eq(history_start(site, &broker, &err), PH_ERR_DAMAGED);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5344"));
}
END_TEST

/* ---- killed while one is taken ---- */

static const char *const deaths[] = {"checkpoint-written:1", "checkpoint-written:2",
    "checkpoint-written:3", "checkpoint-tidied:1", "checkpoint-tidied:3"};

static void
live_with_four(history *self)
{
	for (unsigned rounds = 0; rounds < 4; rounds++) {
		for (unsigned i = 0; i < 60; i++)
			history_step(self);
		ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
		ph_checkpoint_last(self->broker);
	}
}

/* Compare a start on the site with one that has no checkpoint. */
static void
start_is_right(uint64_t number)
{
	ph_buffer is, should;
	const char *folded = copy_site("folded");
	history_shell("rm -r %s/state/checkpoint", folded);
	ck_assert_uint_eq(look_at(copy_site("restored"), &is), number);
	ck_assert_uint_eq(look_at(folded, &should), 0);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}

START_TEST(a_kill_leaves_one_that_can_be_used)
{
	const char *at = deaths[_i];
	until(at, live_with_four, first_seed());
	start_is_right((uint64_t) (at[strlen(at) - 1] - '0'));
}
END_TEST

static void
live_often(history *self)
{
	history_publish(self, 100);
	history_await_checkpoint(self->broker);
}

START_TEST(a_kill_before_it_is_written_leaves_what_was)
{
	until("checkpoint-copied:1", live_often, first_seed());
	history_shell(
	    "printf half > %s/state/checkpoint/0000000001.checkpoint.new", site);
	start_is_right(0);
	ck_assert_uint_eq(files(site, ".sqlite"), 1);
	in_a_life(live_often, first_seed());
	ck_assert_uint_eq(files(site, ".new"), 0);
	start_is_right(2); /* the copy has used up the first number */
}
END_TEST

/* ---- when they are taken ---- */

START_TEST(two_are_kept_with_their_ledgers)
{
	history self;
	ph_broker *broker = history_broker(site);
	ph_position floor = {.offset = 0};
	history_begin(&self, broker, first_seed());
	/* A ledger may be copied before it has applied anything: then go on to the next. */
	for (unsigned i = 0; i < 4 || floor.offset == 0; i++) {
		history_publish(&self, 5);
		history_await_checkpoint(broker);
		(void) ph_checkpoint_floor(broker, &floor);
	}
	ck_assert_uint_eq(files(site, ".checkpoint"), 2);
	ck_assert_uint_ge(files(site, ".sqlite"), 1);
	ck_assert_uint_le(files(site, ".sqlite"), 2);
	ck_assert(ph_checkpoint_floor(broker, &floor));
	ck_assert_uint_gt(floor.offset, 0);
	ck_assert_uint_lt(floor.offset, ph_store_durable(broker->store).offset);
	ph_broker_destroy(&broker);
	ck_assert(logged("checkpoint-taken"));
}
END_TEST

START_TEST(a_clean_stop_leaves_nothing_to_read)
{
	history self;
	ph_buffer before, after;
	ph_broker *broker = history_broker(site);
	history_begin(&self, broker, first_seed());
	for (unsigned i = 0; i < 200; i++)
		history_step(&self);
	ph_broker_destroy(&broker);
	ck_assert_uint_eq(look_at(site, &before), 1);
	ck_assert(logged("checkpoint=1 records=0"));
	/* nothing was recorded: no other one is taken */
	ck_assert_uint_eq(look_at(site, &after), 1);
	ph_buffer_fini(&before);
	ph_buffer_fini(&after);
}
END_TEST

static int
histories(void)
{
	const char *text = getenv("PH_HISTORIES");
	return text == NULL ? 24 : atoi(text);
}

static Suite *
checkpoint_suite(void)
{
	Suite *suite = suite_create("checkpoint");
	TCase *tests = tcase_create("start");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(
	    tests, a_start_from_a_checkpoint_gives_what_a_fold_gives, 0, histories());
	tcase_add_loop_test(
	    tests, what_was_carried_is_known_at_a_start, 0, histories() / 3);
	tcase_add_test(tests, a_damaged_one_is_put_aside_and_the_older_used);
	tcase_add_test(tests, one_taken_just_before_the_end_is_right);
	tcase_add_test(tests, without_any_the_whole_journal_is_folded);
	tcase_add_loop_test(tests,
	    one_that_makes_no_sense_is_put_aside_and_the_older_used, 0,
	    sizeof contradicted / sizeof *contradicted);
	tcase_add_test(tests, without_a_place_for_the_ring_it_starts_all_the_same);
	tcase_add_loop_test(tests, without_their_ring_duplicates_are_known_too, 0,
	    sizeof harm_ring / sizeof *harm_ring);
	tcase_add_test(tests, one_of_another_journal_is_not_used);
	tcase_add_test(tests, a_trimmed_journal_without_one_is_refused);
	tcase_add_test(tests, a_clean_stop_leaves_nothing_to_read);
	tcase_add_loop_test(tests, a_kill_leaves_one_that_can_be_used, 0,
	    sizeof deaths / sizeof *deaths);
	suite_add_tcase(suite, tests);
	TCase *shelves = tcase_create("shelves");
	tcase_add_checked_fixture(shelves, setup_shelves, teardown);
	tcase_add_loop_test(
	    shelves, a_start_from_a_checkpoint_gives_what_a_fold_gives, 0, histories());
	tcase_add_loop_test(
	    shelves, what_was_carried_is_known_at_a_start, 0, histories() / 3);
	suite_add_tcase(suite, shelves);
	TCase *often = tcase_create("often");
	tcase_add_checked_fixture(often, setup_often, teardown);
	tcase_add_test(often, two_are_kept_with_their_ledgers);
	tcase_add_test(often, a_kill_before_it_is_written_leaves_what_was);
	suite_add_tcase(suite, often);
	return suite;
}

int
main(void)
{
	return ph_check_main(checkpoint_suite());
}
