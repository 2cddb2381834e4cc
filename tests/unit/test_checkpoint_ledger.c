/*
 * The ledger beside the checkpoints: one that is lost or damaged comes back from the copy that a
 * checkpoint names, and one that is behind hides no binding. PH_SEED is the history.
 */
#include "broker/ledger_part.h"
#include "broker/xref.h"
#include "tests/unit/checkpoint_rig.h"

/* The ledger stays where it is while it is held. */
static bool held;

ph_status __wrap_ph_ledger_apply(ph_ledger_file *file, ph_store_reader *reader,
    size_t most, ph_ledger_batch *out, ph_error *err);
ph_status __real_ph_ledger_apply(ph_ledger_file *file, ph_store_reader *reader,
    size_t most, ph_ledger_batch *out, ph_error *err);

ph_status
__wrap_ph_ledger_apply(ph_ledger_file *file, ph_store_reader *reader, size_t most,
    ph_ledger_batch *out, ph_error *err)
{
	return held ? ph_fail(err, PH_ERR_IO, "it is held")
		    : __real_ph_ledger_apply(file, reader, most, out, err);
}

static void
live_and_copy(history *self)
{
	for (unsigned i = 0; i < 300; i++)
		history_step(self);
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	history_await_ledger(self->broker);
	uint64_t applied = ph_store_last(self->broker->store);
	ph_checkpoint_state state = {.copied = 0};
	while (state.copied + 1 < applied) { /* the last record may be a mark */
		history_publish(self, 1);
		history_await_checkpoint(self->broker);
		ph_checkpoint_look(self->broker, &state);
	}
	for (unsigned i = 0; i < 300; i++)
		history_step(self);
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
}

static void
ledger_of(const char *directory, ph_buffer *out)
{
	ph_broker *broker = history_broker(directory);
	history_await_ledger(broker);
	/* What the ledger has told by then is handed over in a turn of the loop. */
	(void) ph_loop_turn(broker->loop, 0, NULL);
	ph_broker_destroy(&broker);
	ph_buffer_init(out, 0);
	history_dump_ledger(directory, out);
}

/* `how` makes the ledger of the site in $1 unusable. */
static void
lose_ledger(const char *how)
{
	ph_buffer whole, again;
	in_a_life(live_and_copy, first_seed());
	const char *lost = copy_site("lost");
	ledger_of(copy_site("whole"), &whole);
	ck_assert(!logged("ledger-restored"));
	history_shell("set -- %s; %s", lost, how);
	ledger_of(lost, &again);
	ck_assert(logged("ledger-restored"));
	compare(&again, &whole, first_seed());
	ck_assert_uint_gt(whole.length, 1000);
	ph_buffer_fini(&whole);
	ph_buffer_fini(&again);
}

START_TEST(a_deleted_ledger_comes_back)
{
	lose_ledger("rm $1/state/ledger.sqlite*");
}
END_TEST

START_TEST(a_damaged_ledger_comes_back)
{
	lose_ledger("rm -f $1/state/ledger.sqlite-*; "
		    "head -c 20000 /dev/zero | tr '\\0' x > $1/state/ledger.sqlite");
}
END_TEST

START_TEST(a_damaged_snapshot_is_done_without)
{
	ph_buffer whole, again;
	in_a_life(live_and_copy, first_seed());
	const char *lost = copy_site("lost");
	ledger_of(copy_site("whole"), &whole);
	history_shell(
	    "rm %s/state/ledger.sqlite*; for f in %s/state/checkpoint/ledger-*; do "
	    "echo no > $f; done",
	    lost, lost);
	ledger_of(lost, &again);
	ck_assert(!logged("ledger-restored"));
	ck_assert(!logged("ledger-short"));
	compare(&again, &whole, first_seed());
	ph_buffer_fini(&whole);
	ph_buffer_fini(&again);
}
END_TEST

static void
live_a_little(history *self)
{
	history_publish(self, 20);
	history_await_ledger(self->broker);
}

/* More than the ledger applies at a time, then bindings, then a checkpoint. */
static void
live_and_bind(history *self)
{
	history_publish(self, 9000);
	for (unsigned i = 0; i < HISTORY_KEYS; i++)
		history_bind(self, i);
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	ph_checkpoint_last(self->broker);
}

/* References that are in the checkpoint's part of the journal are known at once, however far the
 * ledger is behind: `how` sets it back. */
static void
set_ledger_back(const char *how)
{
	ph_buffer is;
	in_a_life(live_a_little, first_seed());
	const char *early = copy_site("early");
	in_a_life(live_and_bind, first_seed());
	history_shell(
	    "rm %s/state/ledger.sqlite*; set -- %s %s; %s", site, early, site, how);
	ck_assert_uint_eq(look_at(site, &is), 1);
	for (unsigned i = 0; i < HISTORY_KEYS; i++) {
		char line[60];
		(void) snprintf(line, sizeof line, "ENQ %u is SR-0000000000001\n", i);
		ck_assert_msg(strstr((const char *) is.data, line) != NULL, "%s", line);
	}
	ph_buffer_fini(&is);
}

START_TEST(bindings_are_known_when_the_ledger_is_behind)
{
	set_ledger_back("cp $1/state/ledger.sqlite* $2/state");
}
END_TEST

START_TEST(bindings_are_known_when_the_ledger_begins_anew)
{
	set_ledger_back(":");
}
END_TEST

/* Who binds: any record that can. The last binding is in the last record of the checkpoint. */
static void (*const binders[])(history *self, unsigned reference) = {
    history_bind_accepting, history_bind_settling, history_bind};
static unsigned binder;

static void
live_and_bind_by(history *self)
{
	history_publish(self, HISTORY_KEYS);
	for (unsigned i = 0; i < HISTORY_KEYS; i++)
		binders[binder](self, i);
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	ph_checkpoint_last(self->broker);
}

/* None is left to a ledger that has not come so far. */
START_TEST(bindings_of_every_record_are_known_at_once)
{
	binder = (unsigned) _i;
	in_a_life(live_a_little, first_seed());
	const char *early = copy_site("early");
	in_a_life(live_and_bind_by, first_seed());
	history_shell("rm %s/state/ledger.sqlite*; cp %s/state/ledger.sqlite* %s/state",
	    site, early, site);
	held = true;
	ph_broker *broker = history_broker(site);
	for (unsigned i = 0; i < HISTORY_KEYS; i++) {
		char key[24];
		const char *value = NULL;
		(void) snprintf(key, sizeof key, "ENQ %u", i);
		ck_assert_int_eq(ph_xref_look(broker->xref, PH_XREF_CANONICAL,
				     "service-request", "vendor", key, &value),
		    PH_XREF_FOUND);
		ck_assert_str_eq(value, "SR-0000000000001");
	}
	ph_broker_destroy(&broker);
}
END_TEST

static Suite *
checkpoint_ledger_suite(void)
{
	Suite *suite = suite_create("checkpoint_ledger");
	TCase *tests = tcase_create("start");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, bindings_are_known_when_the_ledger_is_behind);
	tcase_add_test(tests, bindings_are_known_when_the_ledger_begins_anew);
	tcase_add_loop_test(tests, bindings_of_every_record_are_known_at_once, 0,
	    sizeof binders / sizeof *binders);
	suite_add_tcase(suite, tests);
	TCase *often = tcase_create("often");
	tcase_add_checked_fixture(often, setup_often, teardown);
	tcase_add_test(often, a_deleted_ledger_comes_back);
	tcase_add_test(often, a_damaged_ledger_comes_back);
	tcase_add_test(often, a_damaged_snapshot_is_done_without);
	suite_add_tcase(suite, often);
	return suite;
}

int
main(void)
{
	return ph_check_main(checkpoint_ledger_suite());
}
