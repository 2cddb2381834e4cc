/*
 * A broker that is told to go on past damage of its journal: what is lost is counted and named, what
 * is there is delivered, the books balance, and whatever may have been sent is not sent again.
 * PH_HISTORIES sets how many random histories there are, PH_SEED the first one.
 */
#include "broker/carry.h"
#include "broker/damage.h"
#include "broker/journal.h"
#include "tests/unit/checkpoint_rig.h"

#define HISTORIES 12

/* ---- a journal, and a place in it ---- */

typedef bool wanted(const ph_store_record *record, uint64_t number);

/* Each record, until `fn` wants one; its position, or offset 0. */
static ph_position
find(wanted *fn, uint64_t number)
{
	char path[200];
	ph_store *store = NULL;
	ph_store_reader *reader = NULL;
	ph_store_record record;
	ph_position found = {.offset = 0};
	(void) snprintf(path, sizeof path, "%s/state/journal", site);
	const ph_journal_config config = {.directory = path, .segment_bytes = 1u << 20};
	ck_assert_int_eq(ph_journal_open(&config, &store, NULL, NULL), PH_OK);
	ck_assert_int_eq(ph_store_reader_new(store, found, 0, &reader, NULL), PH_OK);
	while (
	    found.offset == 0 && ph_store_reader_next(reader, &record, NULL) == PH_OK)
		if (fn(&record, number))
			found = record.position;
	ph_store_reader_destroy(&reader);
	ck_assert_int_eq(ph_store_close(&store, NULL), PH_OK);
	return found;
}

/* Write over the beginning of the body of the record there. */
static void
damage_at(ph_position at)
{
	ck_assert_uint_ne(at.offset, 0);
	history_shell("printf '\\377\\000\\377' | dd of=%s/state/journal/%010u.segment "
		      "bs=1 seek=%u conv=notrunc status=none",
	    site, (unsigned) (at.offset >> 32), (unsigned) at.offset + 32);
}

/* The first record that is wanted. */
static void
damage(wanted *fn, uint64_t number)
{
	damage_at(find(fn, number));
}

static bool
is_accept(const ph_store_record *record, uint64_t number)
{
	ph_record_accept accept;
	return record->type == PH_RECORD_ACCEPT &&
	       ph_record_accept_decode(record->body, record->length, &accept, NULL) ==
		   PH_OK &&
	       accept.acceptance == number;
}

static bool
is_queue(const ph_store_record *record, uint64_t number)
{
	ph_record_queue queue;
	return record->type == PH_RECORD_QUEUE &&
	       ph_record_queue_decode(record->body, record->length, &queue, NULL) ==
		   PH_OK &&
	       queue.number == number;
}

static uint64_t bind_count;

static bool
count_bind(const ph_store_record *record, uint64_t number)
{
	bind_count += record->type == PH_RECORD_BIND;
	return record->type == PH_RECORD_BIND && bind_count == number;
}

static void
damage_last_bind(void)
{
	bind_count = 0;
	(void) find(count_bind, UINT64_MAX);
	uint64_t all = bind_count;
	bind_count = 0;
	damage(count_bind, all);
}

/* ---- starts ---- */

static ph_status
start(bool past, ph_broker **out, ph_error *err)
{
	ph_site *loaded = NULL;
	const ph_broker_seams seams = {.past_damage = past};
	ph_status status = ph_site_load(site, &loaded, err);
	return status == PH_OK ? ph_broker_new(&loaded, &seams, out, err) : status;
}

/* Without being told, it is refused; told, it starts. */
static ph_broker *
start_past(void)
{
	ph_broker *broker = NULL;
	ph_error err = {.status = PH_OK};
	ck_assert_int_eq(start(false, &broker, &err), PH_ERR_DAMAGED);
	ck_assert_ptr_null(broker);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5002"));
	ck_assert_msg(
	    start(true, &broker, &err) == PH_OK, "%s: %s", err.where, err.text);
	return broker;
}

static void
check_books(const ph_broker *broker)
{
	unsigned cursor = 0;
	const ph_destination *to;
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL)
		ck_assert_int_eq(ph_books_balance(ph_queue_books(to->queue),
				     ph_queue_pending(to->queue)),
		    0);
}

static uint64_t
pending_in(const ph_broker *broker, const char *queue)
{
	const ph_destination *to = ph_destinations_find(broker->destinations, queue);
	ck_assert_ptr_nonnull(to);
	check_books(broker);
	return ph_queue_pending(to->queue);
}

static void
rest(history *self)
{
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	ck_assert_int_eq(ph_store_idle(self->broker->store, NULL), PH_OK);
}

/* ---- what is behind the checkpoint ---- */

static void
live_on_both_sides(history *self)
{
	history_publish(self, 20);
	ph_checkpoint_last(self->broker);
	history_publish(self, 20);
	rest(self);
}

START_TEST(a_lost_acceptance_is_counted_and_named)
{
	in_a_life(live_on_both_sides, first_seed());
	damage(is_accept, 30);
	ph_broker *broker = start_past();
	ck_assert_uint_eq(pending_in(broker, "bench"), 39);
	ck_assert_ptr_null(ph_backlog_find(broker->backlog, 30));
	ck_assert_uint_eq(broker->damage.records, 1);
	ck_assert_uint_eq(broker->damage.messages, 1);
	ck_assert_uint_eq(broker->last_acceptance, 40);
	ck_assert_uint_eq(ph_damage_kept(broker), 1);
	ck_assert(logged("journal-past-damage ranges=1 records=1"));
	ck_assert(logged("messages-lost first=30 last=30"));
	ph_broker_destroy(&broker);

	/* the file is still kept: it takes a decision each time, also with a checkpoint behind it */
	broker = start_past();
	ck_assert_uint_eq(pending_in(broker, "bench"), 39);
	ck_assert_uint_eq(broker->damage.messages, 0);
	ck_assert_uint_eq(ph_damage_kept(broker), 1);
	ph_broker_destroy(&broker);
}
END_TEST

START_TEST(a_number_that_may_be_lost_is_not_given_again)
{
	in_a_life(live_on_both_sides, first_seed());
	damage(is_accept, 40);
	ph_broker *broker = start_past();
	ck_assert_uint_eq(pending_in(broker, "bench"), 39);
	ck_assert_uint_eq(broker->damage.messages, 1);
	ck_assert_uint_eq(broker->last_acceptance, 40);
	ph_broker_destroy(&broker);
}
END_TEST

static void
live_and_bind(history *self)
{
	for (unsigned i = 0; i < 300; i++)
		history_step(self);
	history_bind(self, 0);
	rest(self);
	ph_checkpoint_last(self->broker);
	history_bind(self, 1);
	history_publish(self, 3);
	rest(self);
}

/* Items of vendor that wait, less those that count as possibly sent. */
static unsigned
unsuspected(ph_broker *broker, unsigned *all)
{
	unsigned left = 0;
	const ph_destination *to = ph_destinations_find(broker->destinations, "vendor");
	for (ph_entry *entry = ph_backlog_next(broker->backlog, 0); entry != NULL;
	     entry = ph_backlog_next(broker->backlog, entry->number)) {
		const ph_item *item = ph_entry_item(entry, ph_queue_number(to->queue));
		if (item == NULL || (item->state != PH_DELIVERY_READY &&
					item->state != PH_DELIVERY_WAITING))
			continue;
		++*all;
		left += (item->flags & PH_ITEM_POSSIBLY) == 0;
	}
	return left;
}

START_TEST(what_may_have_been_sent_is_not_sent_again)
{
	unsigned all = 0;
	in_a_life(live_and_bind, first_seed());
	ph_broker *broker = history_broker(site);
	ck_assert_uint_gt(unsuspected(broker, &all), 0);
	ph_broker_destroy(&broker);
	/* that stop has made a checkpoint behind it all */
	history_shell("rm %s/state/checkpoint/*2.checkpoint", site);
	damage_last_bind();
	all = 0;
	broker = start_past();
	ck_assert_uint_eq(unsuspected(broker, &all), 0);
	ck_assert_uint_gt(all, 0);
	check_books(broker);
	ph_broker_destroy(&broker);
}
END_TEST

START_TEST(a_queue_whose_name_is_lost_keeps_its_messages)
{
	char name[16];
	in_a_life(live_on_both_sides, first_seed());
	ph_broker *broker = history_broker(site);
	unsigned number =
	    ph_queue_number(ph_destinations_find(broker->destinations, "bench")->queue);
	ph_broker_destroy(&broker);
	history_shell("rm -r %s/state/checkpoint", site);
	damage(is_queue, number);
	broker = start_past();
	(void) snprintf(name, sizeof name, "lost-%u", number);
	ck_assert_uint_eq(pending_in(broker, name), 40);
	ck_assert_uint_eq(pending_in(broker, "bench"), 0);
	ck_assert(logged("queue-name-lost queue=lost-"));
	ph_broker_destroy(&broker);
}
END_TEST

START_TEST(the_first_record_may_be_lost)
{
	in_a_life(live_on_both_sides, first_seed());
	history_shell("rm -r %s/state/checkpoint", site);
	damage(is_queue, PH_QUEUE_INBOUND);
	ph_broker *broker = start_past();
	ck_assert_uint_eq(pending_in(broker, "bench"), 40);
	ph_broker_destroy(&broker);
}
END_TEST

/* ---- what is before it ---- */

START_TEST(a_message_before_the_checkpoint_is_there_and_cannot_be_read)
{
	ph_message *message = NULL;
	in_a_life(live_on_both_sides, first_seed());
	damage(is_accept, 5);
	ph_broker *broker = start_past();
	ck_assert_uint_eq(pending_in(broker, "bench"), 40);
	ck_assert_uint_eq(broker->damage.messages, 0);
	for (uint64_t number = 1; number <= 40; number++) {
		ph_entry *entry = ph_backlog_find(broker->backlog, number);
		ck_assert_int_eq(ph_broker_message(broker, entry, &message, NULL),
		    number == 5 ? PH_ERR_DAMAGED : PH_OK);
		if (number != 5)
			ph_message_unref(&message);
	}
	ck_assert(!logged("messages-lost"));
	ph_broker_destroy(&broker);
}
END_TEST

static void
live_and_look_up(history *self)
{
	history_publish(self, 20);
	history_await_ledger(self->broker);
	ph_checkpoint_last(self->broker);
}

/* Ends with acceptance 20, of which checkpoint and ledger say that it is the last they know. */
START_TEST(a_checkpoint_and_a_ledger_that_end_in_it_are_believed)
{
	ph_checkpoint_state state;
	in_a_life(live_and_look_up, first_seed());
	ph_broker *broker = history_broker(site);
	ph_broker_destroy(&broker);
	damage(is_accept, 20);
	broker = start_past();
	ph_checkpoint_look(broker, &state);
	ck_assert_uint_gt(state.number, 0);
	ck_assert_uint_eq(pending_in(broker, "bench"), 20);
	history_await_ledger(broker);
	ph_broker_destroy(&broker);
	ck_assert(!logged("checkpoint-damaged"));
	ck_assert(!logged("ledger-stopped"));
	history_shell("test ! -e %s/state/ledger.sqlite.damaged-1", site);
}
END_TEST

/* ---- how it ends ---- */

static void
live_in_two_files(history *self)
{
	history_publish(self, 20);
	history_end_file(self);
	history_publish(self, 1);
	ph_checkpoint_last(self->broker);
	rest(self);
}

START_TEST(once_the_file_is_not_kept_nobody_has_to_be_told)
{
	in_a_life(live_in_two_files, first_seed());
	damage(is_accept, 5);
	ph_broker *broker = start_past();
	ck_assert_uint_eq(ph_damage_kept(broker), 1);
	const ph_position second = {.offset = UINT64_C(2) << 32 | 4096};
	ck_assert_int_eq(ph_store_trim(broker->store, second, NULL), PH_OK);
	ck_assert_uint_eq(ph_damage_kept(broker), 0);
	ph_broker_destroy(&broker);
	broker = history_broker(site);
	ph_broker_destroy(&broker);
}
END_TEST

/* What stands in a damaged file and cannot be read does not keep the file. */
START_TEST(what_is_there_is_carried_out_of_a_damaged_file)
{
	history self;
	ph_position floor;
	in_a_life(live_in_two_files, first_seed());
	damage(is_accept, 5);
	ph_broker *broker = start_past();
	history_begin(&self, broker, first_seed());
	history_carry(&self);
	ck_assert(logged(" carried extent=0000000001@4096 "));
	ck_assert(!logged("carry-failed"));
	ck_assert(ph_carry_floor(broker, ph_store_durable(broker->store), &floor));
	ck_assert_uint_gt(floor.offset >> 32, 1);
	check_books(broker);
	ph_broker_destroy(&broker);
}
END_TEST

static void
live_and_let_die(history *self)
{
	for (unsigned i = 0; i < 300; i++)
		history_step(self);
	history_end_file(self);
	history_publish(self, 1);
	ph_checkpoint_last(self->broker);
	rest(self);
}

/* Where the reason of some dead letter stands, in an outcome of its own. */
static ph_position
any_reason(ph_broker *broker)
{
	for (ph_entry *entry = ph_backlog_next(broker->backlog, 0); entry != NULL;
	     entry = ph_backlog_next(broker->backlog, entry->number)) {
		for (unsigned i = 0; i < entry->count; i++) {
			const ph_item *item = &entry->items[i];
			if (item->state == PH_DELIVERY_DEAD &&
			    item->as.letter->record == PH_RECORD_OUTCOME)
				return (ph_position){.offset = item->as.letter->offset};
		}
	}
	return (ph_position){.offset = 0};
}

/* A letter whose reason is lost is carried without it. */
START_TEST(a_lost_reason_keeps_no_file)
{
	history self;
	in_a_life(live_and_let_die, first_seed());
	ph_broker *broker = history_broker(site);
	ph_position reason = any_reason(broker);
	ph_broker_destroy(&broker);
	damage_at(reason);
	broker = start_past();
	history_begin(&self, broker, first_seed());
	history_carry(&self);
	ck_assert(logged(" carried extent=0000000001@4096 "));
	ck_assert(!logged("carry-failed"));
	check_books(broker);
	ph_broker_destroy(&broker);
}
END_TEST

/* ---- anything ---- */

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
	rest(self);
}

START_TEST(damage_anywhere_leaves_books_that_balance)
{
	uint64_t seed = first_seed() + (uint64_t) _i;
	in_a_life(live_somehow, seed);
	uint64_t from = 4096 + seed * 7919 % 20000, length = 1 + seed * 104729 % 2000;
	history_shell("head -c %llu /dev/urandom | dd of=%s/state/journal/"
		      "0000000001.segment bs=1 seek=%llu conv=notrunc status=none",
	    (unsigned long long) length, site, (unsigned long long) from);
	for (unsigned i = 0; i < 2; i++) {
		ph_broker *broker = NULL;
		ph_error err = {.status = PH_OK};
		ck_assert_msg(start(true, &broker, &err) == PH_OK,
		    "seed %" PRIu64 ": %s: %s", seed, err.where, err.text);
		check_books(broker);
		history_await_ledger(broker);
		ph_broker_destroy(&broker);
	}
	history_shell("test ! -e %s/state/ledger.sqlite.damaged-1", site);
}
END_TEST

START_TEST(no_damage_is_told_too)
{
	ph_broker *broker = NULL;
	in_a_life(live_on_both_sides, first_seed());
	ck_assert_int_eq(start(true, &broker, NULL), PH_OK);
	ck_assert_uint_eq(pending_in(broker, "bench"), 40);
	ck_assert_uint_eq(ph_damage_kept(broker), 0);
	ck_assert(logged("journal-past-damage ranges=0"));
	ph_broker_destroy(&broker);
}
END_TEST

/* ---- a shelf that is lost too ---- */

static void
setup_shelf(void)
{
	setup_with("queue-memory: 4");
}

static void
live_with_a_shelf(history *self)
{
	history_publish(self, 20);
	ph_checkpoint_last(self->broker);
	rest(self);
}

/* What the journal still has of it is less than the checkpoint says: then it is done without that one. */
START_TEST(a_shelf_is_not_made_of_less_than_was_on_it)
{
	in_a_life(live_with_a_shelf, first_seed());
	ph_position some[2] = {find(is_accept, 10), find(is_accept, 12)};
	damage_at(some[0]);
	damage_at(some[1]);
	history_shell("rm -r %s/state/shelf", site);
	ph_broker *broker = start_past();
	ck_assert(logged("PH5323"));
	ck_assert(!logged("shelf-remade"));
	ck_assert_uint_eq(pending_in(broker, "bench"), 18);
	ck_assert_uint_eq(broker->damage.messages, 2);
	ph_broker_destroy(&broker);
}
END_TEST

static Suite *
damage_suite(void)
{
	const char *wish = getenv("PH_HISTORIES");
	int histories = wish == NULL ? HISTORIES : atoi(wish);
	Suite *suite = suite_create("damage");
	TCase *tests = tcase_create("start");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_lost_acceptance_is_counted_and_named);
	tcase_add_test(tests, a_number_that_may_be_lost_is_not_given_again);
	tcase_add_test(tests, what_may_have_been_sent_is_not_sent_again);
	tcase_add_test(tests, a_queue_whose_name_is_lost_keeps_its_messages);
	tcase_add_test(tests, the_first_record_may_be_lost);
	tcase_add_test(
	    tests, a_message_before_the_checkpoint_is_there_and_cannot_be_read);
	tcase_add_test(tests, a_checkpoint_and_a_ledger_that_end_in_it_are_believed);
	tcase_add_test(tests, once_the_file_is_not_kept_nobody_has_to_be_told);
	tcase_add_test(tests, what_is_there_is_carried_out_of_a_damaged_file);
	tcase_add_test(tests, a_lost_reason_keeps_no_file);
	tcase_add_loop_test(
	    tests, damage_anywhere_leaves_books_that_balance, 0, histories);
	tcase_add_test(tests, no_damage_is_told_too);
	suite_add_tcase(suite, tests);
	tests = tcase_create("shelf");
	tcase_add_checked_fixture(tests, setup_shelf, teardown);
	tcase_add_test(tests, a_shelf_is_not_made_of_less_than_was_on_it);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(damage_suite());
}
