/*
 * A quiet site, by a clock of the test's own: what is too old goes although the file it is in never
 * gets full and nothing comes behind it; and a broker with nothing to give back writes nothing.
 */
#include "broker/retain.h"

#include "broker/carry.h"
#include "broker/retention.h"
#include "tests/unit/checkpoint_rig.h"

#define RETAIN_MS 3600000
#define MIB	  (1u << 20)
#define NEEDED	  10
#define LARGE	  12 /* files that are filled */
#define KEPT	  3  /* MiB, as the site says */
#define TURNS	  20

static int64_t shift; /* by what the test's clock is before the system's */

static int64_t
wall(void *self)
{
	(void) self;
	return ph_clock_wall(ph_clock_system()) + shift;
}

static int64_t
mono(void *self)
{
	(void) self;
	return ph_clock_mono(ph_clock_system()) + shift;
}

static const ph_clock own = {.wall_ms = wall, .mono_ms = mono};

static void
setup_hour(void)
{
	shift = 0;
	setup_with("checkpoint-after: 10ms, retain: 1h");
}

static void
setup_little(void)
{
	shift = 0;
	setup_with("checkpoint-after: 10ms, retain-bytes: 3M");
}

static ph_broker *
start(void)
{
	ph_site *at = NULL;
	ph_broker *broker = NULL;
	ck_assert_int_eq(ph_site_load(site, &at, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_broker_new(&at, &(ph_broker_seams){.clock = &own}, &broker, NULL),
	    PH_OK);
	return broker;
}

static ph_store_span
oldest(ph_broker *broker)
{
	ph_store_span span;
	ck_assert_int_eq(
	    ph_store_span_of(broker->store, (ph_position){0}, &span, NULL), PH_OK);
	return span;
}

static uint64_t
used(ph_broker *broker)
{
	ph_store_space space;
	ck_assert_int_eq(ph_store_space_left(broker->store, &space, NULL), PH_OK);
	return space.used;
}

static bool
has_ended(ph_broker *broker, uint64_t than)
{
	(void) than;
	return oldest(broker).next.offset != 0;
}

static bool
is_alone(ph_broker *broker, uint64_t than)
{
	return oldest(broker).begin.offset > than && !has_ended(broker, 0);
}

static bool
uses_no_more(ph_broker *broker, uint64_t than)
{
	return used(broker) <= than;
}

static void
turn(ph_broker *broker)
{
	for (unsigned i = 0; i < TURNS; i++)
		ck_assert_int_eq(ph_loop_turn(broker->loop, 10, NULL), PH_OK);
}

/* What nobody needs, in a file that stays nearly empty. */
static uint64_t
one_message(ph_broker *broker)
{
	history self;
	history_begin(&self, broker, first_seed());
	history_ignored(&self, 1000);
	ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
	return broker->last_position.offset;
}

static void
give_it_time(ph_broker *broker, uint64_t message)
{
	ph_position at = {.offset = message};
	ph_store_record record;
	shift += RETAIN_MS / 4 - 60000;
	turn(broker);
	ck_assert(!has_ended(broker, 0));
	shift += 120000;
	ck_assert(history_turn_until(broker, has_ended, 0));
	shift += RETAIN_MS - 120000;
	turn(broker);
	ck_assert_int_eq(ph_store_read(broker->store, at, &record, NULL), PH_OK);
	shift += 180000;
	ck_assert(history_turn_until(
	    broker, is_alone, ph_store_extent(broker->store, at).offset));
	ck_assert_int_eq(
	    ph_store_read(broker->store, at, &record, NULL), PH_ERR_NOT_FOUND);
}

START_TEST(the_only_file_ends_and_goes)
{
	ph_broker *broker = start();
	uint64_t message = one_message(broker);
	give_it_time(broker, message);
	turn(broker);
	/* nothing is left to end, to write or to give back */
	uint64_t last = ph_store_last(broker->store),
		 begin = oldest(broker).begin.offset;
	for (unsigned i = 0; i < 3; i++) {
		shift += 2 * RETAIN_MS;
		turn(broker);
	}
	ck_assert(!has_ended(broker, 0));
	ck_assert_uint_eq(oldest(broker).begin.offset, begin);
	ck_assert_uint_le(ph_store_last(broker->store), last + 1); /* a mark */
	ph_broker_destroy(&broker);
	/* a start knows where it is, and what comes is treated the same */
	broker = start();
	give_it_time(broker, one_message(broker));
	ph_broker_destroy(&broker);
}
END_TEST

START_TEST(what_was_carried_last_sets_the_old_free)
{
	history self;
	ph_broker *broker = start();
	history_begin(&self, broker, first_seed());
	history_publish(&self, NEEDED);
	for (unsigned i = 0; i < LARGE; i++)
		history_ignored(&self, HISTORY_LARGE);
	ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
	ck_assert_uint_ge(used(broker), LARGE * MIB);
	ck_assert(history_turn_until(broker, uses_no_more, KEPT * MIB));
	ck_assert(ph_carry_happened(broker));
	uint64_t last = ph_store_last(broker->store);
	turn(broker);
	ck_assert_uint_le(ph_store_last(broker->store), last + 1); /* a mark */
	ph_buffer before, after;
	ph_buffer_init(&before, 0);
	ph_buffer_init(&after, 0);
	history_dump(broker, &before);
	ph_broker_destroy(&broker);
	broker = start();
	history_dump(broker, &after);
	ck_assert_uint_eq(before.length, after.length);
	ck_assert_mem_eq(before.data, after.data, before.length);
	ph_buffer_fini(&before);
	ph_buffer_fini(&after);
	ph_broker_destroy(&broker);
}
END_TEST

/* A quarter, but not so soon that the disk is kept busy with new files. */
START_TEST(a_file_ends_in_time)
{
	ph_site *at = NULL;
	ck_assert_int_eq(ph_site_load(site, &at, NULL), PH_OK);
	ph_options *options = &at->options;
	ck_assert_int_eq(ph_retention_end_ms(options), RETAIN_MS / 4);
	options->values[PH_OPTION_SEGMENT_BYTES] = 64 * MIB;
	options->values[PH_OPTION_RETAIN_MS] = 0;
	ck_assert_int_eq(ph_retention_end_ms(options), 64000);
	ph_site_destroy(&at);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("retain_idle");
	TCase *hour = tcase_create("hour"), *little = tcase_create("little");
	tcase_add_checked_fixture(hour, setup_hour, teardown);
	tcase_set_timeout(hour, 180);
	tcase_add_test(hour, the_only_file_ends_and_goes);
	tcase_add_test(hour, a_file_ends_in_time);
	tcase_add_checked_fixture(little, setup_little, teardown);
	tcase_set_timeout(little, 180);
	tcase_add_test(little, what_was_carried_last_sets_the_old_free);
	suite_add_tcase(suite, hour);
	suite_add_tcase(suite, little);
	return ph_check_main(suite);
}
