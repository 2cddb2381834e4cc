/*
 * Carrying goes on by a little in each turn of the broker, be it weighing or copying: others wait no
 * longer than that takes. On a full disk what nobody needs goes at once, and checkpoints are asked for only
 * where they let something old go.
 */
#include "broker/carry.h"

#include "broker/retain.h"
#include "tests/unit/checkpoint_rig.h"

#define TURN_RECORDS 64 /* looked at in one turn */
#define TURN_BYTES   (64u << 10)
#define NEEDED	     1000 /* messages */
#define MEDIUM	     20000
#define MEDIUMS	     12

/* A reader that counts; it stands before the store's own. */
typedef struct counting_reader {
	ph_store_reader base;
	ph_store_reader *real;
} counting_reader;

static const ph_store_ops *real_ops;
static ph_store_ops our_ops;
static unsigned records;     /* read since it was set to zero */
static size_t bytes, latest; /* of them, and of the last one */

static ph_status
count_next(ph_store_reader *base, ph_store_record *record, ph_error *err)
{
	counting_reader *reader = (counting_reader *) (void *) base;
	ph_status status = ph_store_reader_next(reader->real, record, err);
	if (status == PH_OK) {
		records++;
		latest = record->length;
		bytes += latest;
	}
	return status;
}

static void
count_destroy(ph_store_reader *base)
{
	counting_reader *reader = (counting_reader *) (void *) base;
	ph_store_reader_destroy(&reader->real);
	free(reader);
}

static ph_status
count_reader(ph_store *store, ph_position from, uint64_t after, ph_store_reader **out,
    ph_error *err)
{
	static const ph_store_reader_ops ops = {count_next, count_destroy};
	counting_reader *reader = calloc(1, sizeof *reader);
	ck_assert_ptr_nonnull(reader);
	reader->base.ops = &ops;
	ck_assert_int_eq(
	    real_ops->reader(store, from, after, &reader->real, err), PH_OK);
	*out = &reader->base;
	return PH_OK;
}

static void
count_from_now(ph_broker *broker)
{
	real_ops = broker->store->ops;
	our_ops = *real_ops;
	our_ops.reader = count_reader;
	broker->store->ops = &our_ops;
}

/* A file in which less than half is needed, in many records, and the next. */
static void
fill_a_file(history *self)
{
	history_publish(self, NEEDED);
	for (unsigned i = 0; i < MEDIUMS; i++)
		history_ignored(self, MEDIUM);
	history_end_file(self);
}

START_TEST(a_turn_looks_at_a_few_records)
{
	history self;
	unsigned turns = 0, all = 0;
	bool more = true;
	ph_broker *broker = history_broker(site);
	history_begin(&self, broker, first_seed());
	fill_a_file(&self);
	count_from_now(broker);
	ph_carry_begin(broker, ph_store_durable(broker->store), true);
	while (more) {
		records = 0;
		bytes = latest = 0;
		more = ph_carry_turn(broker);
		/* one more tells where the file ends */
		ck_assert_uint_le(records, TURN_RECORDS);
		ck_assert_uint_lt(bytes - latest, TURN_BYTES);
		ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
		all += records;
		turns++;
	}
	/* weighed, and carried */
	ck_assert_uint_ge(all, 2 * (NEEDED + MEDIUMS));
	ck_assert_uint_ge(turns, 2 * NEEDED / TURN_RECORDS);
	ck_assert(ph_carry_happened(broker));
	broker->store->ops = real_ops;
	ph_broker_destroy(&broker);
}
END_TEST

static ph_store_span
oldest(const ph_broker *broker)
{
	ph_store_span span;
	ck_assert_int_eq(
	    ph_store_span_of(broker->store, (ph_position){.offset = 0}, &span, NULL),
	    PH_OK);
	return span;
}

static bool
is_needed(ph_broker *broker)
{
	ph_position floor;
	return !ph_retain_floor(broker, &floor) ||
	       floor.offset < oldest(broker).next.offset;
}

/* When the disk is full, what nobody needs goes however young it is: when that is noticed, and at the
 * next look. */
START_TEST(a_full_disk_gets_back_what_is_young)
{
	history self;
	ph_broker *broker = history_broker(site);
	history_begin(&self, broker, first_seed());
	history_end_file(&self);
	/* A checkpoint may name an earlier copy of the ledger: then go on to the next. */
	while (is_needed(broker)) {
		history_ignored(&self, 1);
		ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
		history_await_checkpoint(broker);
	}
	uint64_t begin = oldest(broker).begin.offset;
	broker->retain_ms = 0;
	ph_retain_turn(broker);
	ck_assert_uint_eq(oldest(broker).begin.offset, begin);
	broker->accepting = _i == 0;
	broker->retain_ms = 0;
	if (_i == 0)
		ph_retain_now(broker);
	else
		ph_retain_turn(broker);
	ck_assert_uint_gt(oldest(broker).begin.offset, begin);
	ph_broker_destroy(&broker);
}
END_TEST

/* ---- checkpoints that would free something ---- */

static void
setup_old(void)
{
	setup_with("checkpoint-after: 10ms, retain: 0s, retain-bytes: 0");
}

static ph_status
refuse_trim(ph_store *store, ph_position before, ph_error *err)
{
	(void) store;
	(void) before;
	return ph_fail(err, PH_ERR_IO, "it stays");
}

static ph_position last; /* record of all */

/* The oldest extent ends behind it. */
static ph_status
span_all(ph_store *store, ph_position at, ph_store_span *out, ph_error *err)
{
	ph_status status = real_ops->span(store, at, out, err);
	out->next = (ph_position){last.partition, last.offset + 1};
	return status;
}

/* An old extent in the way of which only checkpoints stand. */
static ph_broker *
live_until_old(history *self)
{
	ph_broker *broker = history_broker(site);
	history_begin(self, broker, first_seed());
	real_ops = broker->store->ops;
	our_ops = *real_ops;
	our_ops.trim = refuse_trim;
	broker->store->ops = &our_ops;
	history_end_file(self);
	ph_retain_now(broker);
	ck_assert(broker->retain_waits);
	return broker;
}

static void
end_old(ph_broker *broker)
{
	broker->store->ops = real_ops;
	ph_broker_destroy(&broker);
}

/* It could go, and the disk does not let it. */
START_TEST(checkpoints_that_are_there_are_not_asked_for)
{
	history self;
	ph_broker *broker = live_until_old(&self);
	while (is_needed(broker)) {
		history_ignored(&self, 1);
		ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
		history_await_checkpoint(broker);
	}
	ph_retain_now(broker);
	ck_assert(!broker->retain_waits);
	end_old(broker);
}
END_TEST

/* As where there are but marks in the next one. */
START_TEST(checkpoints_that_free_nothing_are_not_asked_for)
{
	history self;
	ph_broker *broker = live_until_old(&self);
	last = broker->last_position;
	our_ops.span = span_all;
	ph_retain_now(broker);
	ck_assert(!broker->retain_waits);
	end_old(broker);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("carry");
	TCase *tests = tcase_create("carry");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_turn_looks_at_a_few_records);
	suite_add_tcase(suite, tests);
	tests = tcase_create("full");
	tcase_add_checked_fixture(tests, setup_often, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, a_full_disk_gets_back_what_is_young, 0, 2);
	suite_add_tcase(suite, tests);
	tests = tcase_create("old");
	tcase_add_checked_fixture(tests, setup_old, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, checkpoints_that_are_there_are_not_asked_for);
	tcase_add_test(tests, checkpoints_that_free_nothing_are_not_asked_for);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
