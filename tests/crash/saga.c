/* saga - see saga.h. */
#include "tests/crash/saga.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <packhorse/packhorse.h>

#include "broker/accept.h"
#include "broker/carry.h"
#include "broker/checkpoint.h"
#include "broker/refill.h"
#include "broker/settle.h"
#include "lib/base/assert.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define SHELF_ENTRIES 300 /* of one file, and more than are gathered in memory */
#define STARTS	      4	  /* until damage has been found */
#define NUMBERS	      SAGA_MOST

/* Notes of the trace. */
enum { SUBMITTED_FIRST = 1, SUBMITTED, ACKNOWLEDGED, LEFT };

static const char *const queue_names[SAGA_QUEUES] = {"bench", "other"};

void
saga_wrong(saga *self, const char *what, uint64_t number)
{
	if (self->wrong[0] == '\0')
		snprintf(self->wrong, sizeof self->wrong, "seed %llu: %.200s (%llu)",
		    (unsigned long long) self->seed, what, (unsigned long long) number);
}

static uint64_t
dice(saga *self, uint64_t bound)
{
	return fake_random(&self->random, bound);
}

/* --- the list ----------------------------------------------------------------------------- */

/* An operation takes two notes: which message and when, then what. */
void
saga_enter(saga_list *list, const trace_note *note)
{
	saga_op *op = &list->ops[list->submitted];

	switch (note->what) {
	case SUBMITTED_FIRST:
		op->sequence = note->first;
		op->serial = note->second;
		break;
	case SUBMITTED:
		op->number = (uint32_t) note->first;
		op->kind = (uint8_t) (note->second >> 8);
		op->queues = (uint8_t) note->second;
		list->submitted++;
		break;
	case ACKNOWLEDGED:
		list->acknowledged = note->first;
		break;
	case LEFT: /* a start has found so many, and hands out accordingly */
		list->submitted = list->acknowledged = note->first;
		break;
	default:
		break;
	}
}

static void
say(saga *self, uint32_t what, uint64_t first, uint64_t second)
{
	trace_note_down(&self->trace, what, first, second);
	saga_enter(&self->now, &(trace_note){what, first, second});
}

/* It may reach the disk before the call ends, so this comes before it. */
static void
say_submitted(
    saga *self, saga_kind kind, uint64_t serial, uint64_t number, unsigned queues)
{
	say(self, SUBMITTED_FIRST, self->sequence++, serial);
	say(self, SUBMITTED, number, (uint64_t) kind << 8 | queues);
}

/* What follows from the first `count` operations. */
typedef struct folded {
	uint64_t serial[NUMBERS]; /* by acceptance number; 0: none */
	uint8_t pending[NUMBERS]; /* queues it waits in, as bits */
	uint64_t last;		  /* acceptance number */
} folded;

static const folded *
fold(const saga_list *list, size_t count)
{
	static folded all;

	memset(&all, 0, sizeof all);
	for (size_t i = 0; i < count; i++) {
		const saga_op *op = &list->ops[i];

		if (op->kind == SAGA_ACCEPT) {
			all.serial[op->number] = op->serial;
			all.pending[op->number] = op->queues;
			all.last = op->number;
		} else
			all.pending[op->number] &= (uint8_t) ~op->queues;
	}
	return &all;
}

static void
prints_of(uint64_t serial, uint8_t id[PH_FINGERPRINT], uint8_t content[PH_FINGERPRINT])
{
	const uint64_t words[] = {serial * 0x9e3779b97f4a7c15u, serial ^ 0x5ca1ab1eu};

	memcpy(id, words, PH_FINGERPRINT);
	memcpy(content, words, PH_FINGERPRINT);
	content[0] ^= 1;
}

static ph_destination *
queue_of(const ph_broker *broker, unsigned queue)
{
	ph_destination *to =
	    ph_destinations_find(broker->destinations, queue_names[queue]);

	PH_ASSERT(to != NULL);
	return to;
}

/* Is this the record of that operation? Its sequence alone does not say: the store has marks of its
 * own, which count too. */
static bool
is_of(const ph_broker *broker, const ph_store_record *record, const saga_op *op)
{
	ph_record_accept accepted;
	ph_record_outcome ended;
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];

	if (op->kind == SAGA_ACCEPT) {
		prints_of(op->serial, id, content);
		return ph_record_accept_decode(
			   record->body, record->length, &accepted, NULL) == PH_OK &&
		       memcmp(accepted.id, id, PH_FINGERPRINT) == 0;
	}
	return ph_record_outcome_decode(record->body, record->length, &ended, NULL) ==
		   PH_OK &&
	       ended.acceptance == op->number &&
	       ended.queue == ph_queue_number(queue_of(broker, op->queues >> 1)->queue);
}

/* How many operations there are up to the last record that the broker knows. What is carried is
 * flushed by itself, so there its sequence tells. */
static size_t
kept(const saga_list *list, const ph_broker *broker)
{
	size_t count = list->submitted;
	ph_store_record record;

	if (broker->last_position.offset == 0)
		return 0;
	/* a read may be the one call that fails */
	if (ph_store_read(broker->store, broker->last_position, &record, NULL) !=
		PH_OK &&
	    ph_store_read(broker->store, broker->last_position, &record, NULL) != PH_OK)
		PH_UNREACHABLE("the last record cannot be read");
	for (; count > 0; count--) {
		const saga_op *op = &list->ops[count - 1];

		if (record.type == (op->kind == SAGA_ACCEPT ? PH_RECORD_ACCEPT
							    : PH_RECORD_OUTCOME)
			? is_of(broker, &record, op)
			: record.type != PH_RECORD_ACCEPT &&
			      record.type != PH_RECORD_OUTCOME &&
			      op->sequence < record.sequence)
			break;
	}
	return count;
}

/* --- messages ------------------------------------------------------------------------------ */

static void
id_text(uint64_t serial, char out[24])
{
	snprintf(out, 24, "m-%llu", (unsigned long long) serial);
}

static ph_message *
new_message(saga *self, uint64_t serial, size_t length)
{
	static char data[600 << 10];
	char id[24], subject[24];
	ph_message *message = NULL;

	memset(data, 'x', length);
	id_text(serial, id);
	snprintf(subject, sizeof subject, "SR-%u", (unsigned) dice(self, 5));
	const ph_attribute attributes[] = {{"id", id, strlen(id)},
	    {"source", "urn:test", 8}, {"type", "bench.v1", 8},
	    {"subject", subject, strlen(subject)}};
	PH_ASSERT(ph_message_new(attributes, 4, data, length, &message, NULL) == PH_OK);
	return message;
}

/* --- living -------------------------------------------------------------------------------- */

static bool
may_fail(const saga *self)
{
	return self->failing || self->trace.dead;
}

/* False: the broker is dead, or the disk refuses. */
static bool
accept(saga *self, unsigned queues, size_t length)
{
	ph_broker *broker = self->broker;
	uint64_t offset = 0;
	ph_record_accept record = {.acceptance = broker->last_acceptance + 1,
	    .accepted_ms = ph_broker_now(broker),
	    .ignored = queues == 0};

	if (self->now.submitted == SAGA_MOST || record.acceptance == NUMBERS)
		return false;
	for (unsigned i = 0; i < SAGA_QUEUES; i++) {
		ph_destination *to = queue_of(broker, i);
		if ((queues & 1u << i) == 0)
			continue;
		if (ph_refill_reserve(broker, to, NULL) != PH_OK)
			return false;
		record.queues[record.queue_count++] = ph_queue_number(to->queue);
	}
	uint64_t serial = ++self->serial;
	prints_of(serial, record.id, record.content);
	ph_message *message = new_message(self, serial, length);
	record.message.data = ph_message_bytes(message, &record.message.length);
	ph_buffer_clear(&broker->record);
	ph_record_accept_encode(&record, &broker->record);
	say_submitted(self, SAGA_ACCEPT, serial, record.acceptance, queues);
	ph_status status = ph_broker_submit(broker, PH_RECORD_ACCEPT, PH_STORE_NEW,
	    record.message.data, record.message.length, &offset, NULL);
	if (status == PH_OK) {
		status = ph_accept_apply(broker, &record, &message, offset, NULL);
		PH_ASSERT(status == PH_OK);
		broker->counts.messages++;
	}
	ph_message_unref(&message);
	return status == PH_OK;
}

static bool
settle(saga *self, unsigned queue)
{
	ph_broker *broker = self->broker;
	ph_destination *to = queue_of(broker, queue);
	uint64_t offset = 0;

	if (ph_queue_count(to->queue)->shelved > 0) {
		self->counts.shelved++;
		ph_refill(broker, to);
	}
	ph_item *item = ph_queue_first(to->queue);
	if (item == NULL || self->now.submitted == SAGA_MOST || broker->failed)
		return !broker->failed;
	ph_record_outcome record = {.acceptance = ph_item_entry(item)->number,
	    .at_ms = ph_broker_now(broker),
	    .queue = item->queue,
	    .outcome = PH_DELIVERED,
	    .state = PH_RECORD_SETTLED};
	ph_buffer_clear(&broker->record);
	ph_record_outcome_encode(&record, &broker->record);
	say_submitted(self, SAGA_SETTLE, 0, record.acceptance, 1u << queue);
	if (ph_broker_submit(broker, PH_RECORD_OUTCOME, PH_STORE_ESSENTIAL, NULL, 0,
		&offset, NULL) != PH_OK)
		return false;
	PH_ASSERT(ph_settle_apply(broker, &record, offset, NULL) == PH_OK);
	return true;
}

static bool
flush(saga *self)
{
	if (ph_broker_flush(self->broker) != PH_OK) {
		if (!may_fail(self))
			saga_wrong(self, "a flush failed", 0);
		return false;
	}
	say(self, ACKNOWLEDGED, self->now.submitted, 0);
	self->sequence = ph_store_last(self->broker->store) + 1;
	return true;
}

static bool
checkpoint(saga *self, ph_checkpoint_state *out)
{
	if (!flush(self))
		return false;
	ph_checkpoint_look(self->broker, out);
	uint64_t before = out->number;
	ph_checkpoint_last(self->broker);
	ph_checkpoint_look(self->broker, out);
	self->sequence = ph_store_last(self->broker->store) + 1;
	self->counts.checkpoints += out->number > before;
	return !self->trace.dead && !self->broker->failed;
}

/* Give back whatever is before the older of two checkpoints and needed by nobody. */
static bool
trim(saga *self, ph_position floor)
{
	ph_broker *broker = self->broker;
	ph_store_span oldest;
	ph_position first = {.offset = 0};

	if (!ph_carry_floor(broker, floor, &floor))
		return true;
	while (ph_store_span_of(broker->store, first, &oldest, NULL) == PH_OK) {
		ph_carry_trimmed(broker, oldest.begin);
		if (oldest.next.offset == 0 || oldest.next.offset > floor.offset)
			return true;
		if (ph_store_trim(broker->store, oldest.next, NULL) != PH_OK)
			break;
		self->counts.trims++;
	}
	if (!may_fail(self))
		saga_wrong(self, "a trim is refused", floor.offset);
	return false;
}

/* Fill the journal's file, carry what is needed of the oldest, take two checkpoints, and trim. */
static bool
retain(saga *self)
{
	ph_broker *broker = self->broker;
	ph_checkpoint_state older, newer;

	if (!accept(self, 0, 600 << 10) || !accept(self, 0, 600 << 10) || !flush(self))
		return false;
	uint64_t before = self->sequence;
	ph_carry_begin(broker, ph_store_durable(broker->store), true);
	while (ph_carry_turn(broker)) {
		if (!flush(self))
			return false;
	}
	if (!flush(self))
		return false;
	self->counts.carried += self->sequence - before;
	if (!accept(self, 1, 10) || !checkpoint(self, &older) || !accept(self, 2, 10) ||
	    !checkpoint(self, &newer))
		return false;
	return older.number == 0 || older.number == newer.number ||
	       trim(self, older.position);
}

static bool
step(saga *self)
{
	ph_checkpoint_state ignored;
	unsigned what = (unsigned) dice(self, 20);
	unsigned count = (unsigned) dice(self, dice(self, 4) == 0 ? 120 : 20);

	if (what == 0)
		return retain(self);
	if (what < 4)
		return checkpoint(self, &ignored);
	bool going = true;
	for (; going && count > 0; count--)
		going = what < 12 ? accept(self, 1 + (unsigned) dice(self, 3),
					(size_t) dice(self, 300))
				  : settle(self, (unsigned) dice(self, SAGA_QUEUES));
	return going && (dice(self, 5) == 0 || flush(self));
}

static void
path_of(const saga *self, const char *site, char out[128])
{
	snprintf(out, 128, "%s/%s", self->home, site);
}

static ph_status
start(
    const saga *self, const char *site, const ph_fs *fs, ph_broker **out, ph_error *err)
{
	char path[128];
	ph_site *config = NULL;
	const ph_broker_seams seams = {
	    .fs = fs, .shelf_entries = SHELF_ENTRIES, .alone = true};

	path_of(self, site, path);
	PH_ASSERT(ph_site_load(path, &config, NULL) == PH_OK);
	config->options.values[PH_OPTION_DUPLICATES] = SAGA_WINDOW;
	return ph_broker_new(&config, &seams, out, err);
}

/* False: there is no broker. */
static bool
begin(saga *self, const ph_fs *fs)
{
	ph_error err = {.status = PH_OK};

	self->counts.lives++;
	if (start(self, "lived", fs, &self->broker, &err) != PH_OK) {
		if (!self->failing && !self->trace.dead)
			saga_wrong(self, err.text, (uint64_t) err.status);
		return false;
	}
	self->sequence = ph_store_last(self->broker->store) + 1;
	size_t found = kept(&self->now, self->broker);
	if (found < self->now.acknowledged)
		saga_wrong(self, "a start after a kill has lost something", found);
	say(self, LEFT, found, 0);
	return true;
}

/* No good-bye, or a clean one. */
static void
end(saga *self, bool killed)
{
	if (killed)
		trace_die(&self->trace);
	self->counts.deaths += self->trace.dead;
	ph_broker_destroy(&self->broker);
}

void
saga_live(saga *self)
{
	trace_next_life(&self->trace);
	self->failing = false;
	if (dice(self, 4) > 0)
		self->trace.die_in =
		    1 + (unsigned) dice(self, dice(self, 3) == 0 ? 12 : 100);
	if (!begin(self, &self->trace.fs))
		return;
	for (unsigned steps = 6 + (unsigned) dice(self, 20); steps > 0; steps--) {
		if (!step(self) || self->wrong[0] != '\0')
			break;
	}
	end(self, dice(self, 3) > 0);
}

/* False: not all of it could be done. */
static bool
do_many(saga *self, saga_kind kind, unsigned count)
{
	bool going = true;

	for (; going && count > 0; count--)
		going = kind == SAGA_ACCEPT
			    ? accept(self, 1 + count % 3, 10 + count % 100)
			    : settle(self, count % SAGA_QUEUES);
	return going && flush(self);
}

void
saga_live_wholly(saga *self, const ph_fs *fs)
{
	ph_checkpoint_state ignored;

	trace_next_life(&self->trace);
	self->failing = true;
	if (!begin(self, fs))
		return;
	bool done = do_many(self, SAGA_ACCEPT, 500) &&
		    do_many(self, SAGA_SETTLE, 150) && checkpoint(self, &ignored) &&
		    do_many(self, SAGA_SETTLE, 50) && retain(self) &&
		    do_many(self, SAGA_ACCEPT, 300) && checkpoint(self, &ignored) &&
		    do_many(self, SAGA_SETTLE, 300) && do_many(self, SAGA_ACCEPT, 50);
	(void) done;
	end(self, true);
}

void
saga_live_carrying(saga *self, const ph_fs *fs)
{
	trace_next_life(&self->trace);
	if (!begin(self, fs))
		return;
	if (!do_many(self, SAGA_ACCEPT, 60) || !do_many(self, SAGA_SETTLE, 40) ||
	    !retain(self) || self->counts.trims == 0 || self->counts.carried == 0)
		saga_wrong(self, "nothing was carried", 0);
	end(self, true);
}

/* --- checking ------------------------------------------------------------------------------ */

/* Everything into memory: false if a shelf is no good and the broker has said so. */
static bool
clear_shelves(ph_broker *broker)
{
	ph_shelf_entry first;

	broker->recovering = true;
	for (unsigned i = 0; i < SAGA_QUEUES; i++) {
		ph_destination *to = queue_of(broker, i);

		while (!broker->failed && ph_refill_next(broker, to, 0, &first)) {
			if (ph_refill_reach(broker, to, first.number) == NULL)
				break;
		}
		if (broker->failed || ph_queue_count(to->queue)->shelved > 0)
			return false;
	}
	broker->recovering = false;
	return true;
}

static void
check_message(saga *self, ph_broker *broker, ph_entry *entry, uint64_t serial)
{
	ph_message *message = NULL;
	char id[24];

	id_text(serial, id);
	if (ph_broker_message(broker, entry, &message, NULL) != PH_OK)
		saga_wrong(self, "a message that waits cannot be read", entry->number);
	else if (strcmp(ph_message_get(message, "id", NULL), id) != 0)
		saga_wrong(self, "another message is in its place", entry->number);
	ph_message_unref(&message);
}

static void
check_queue(saga *self, ph_broker *broker, unsigned queue, const folded *should)
{
	ph_destination *to = queue_of(broker, queue);
	uint64_t waiting = 0;

	for (uint64_t n = 1; n <= should->last; n++) {
		ph_entry *entry = ph_backlog_find(broker->backlog, n);
		ph_item *item = entry == NULL
				    ? NULL
				    : ph_entry_item(entry, ph_queue_number(to->queue));
		bool wanted = (should->pending[n] & 1u << queue) != 0;

		waiting += wanted;
		if (wanted && item == NULL)
			saga_wrong(self, "a message is lost", n);
		else if (!wanted && item != NULL)
			saga_wrong(self, "what was delivered comes again", n);
		else if (wanted)
			check_message(
			    self, broker, ph_item_entry(item), should->serial[n]);
	}
	if (ph_queue_pending(to->queue) != waiting)
		saga_wrong(self, "a queue has too many", ph_queue_pending(to->queue));
	if (ph_books_balance(ph_queue_books(to->queue), waiting) != 0)
		saga_wrong(self, "the books do not balance", queue);
}

/* Ids of the window are known, those of the future and what never was are not. What was damaged
 * may be forgotten, but nothing may be taken for another. */
static void
check_window(
    saga *self, ph_broker *broker, const folded *should, size_t lost, saga_harm harm)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	uint64_t acceptance = 0;

	for (uint64_t n = 1; n <= should->last; n++) {
		prints_of(should->serial[n], id, content);
		ph_repeat seen =
		    ph_duplicates_look(broker->duplicates, id, content, &acceptance);
		bool needed = n + SAGA_WINDOW > should->last + lost &&
			      (harm == SAGA_UNHARMED || (harm == SAGA_WITHOUT_RING &&
							    should->pending[n] != 0));

		if (needed && seen == PH_REPEAT_NO)
			saga_wrong(self, "a repeat is not known", n);
		else if (seen == PH_REPEAT_CONFLICT ||
			 (seen == PH_REPEAT_SAME && acceptance != n))
			saga_wrong(self, "a repeat is taken for another", n);
		content[5] ^= 1;
		if (seen == PH_REPEAT_SAME &&
		    ph_duplicates_look(broker->duplicates, id, content, &acceptance) !=
			PH_REPEAT_CONFLICT)
			saga_wrong(self, "a contradiction is not seen", n);
	}
}

static void
check_unknown(saga *self, ph_broker *broker, uint64_t serial)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	uint64_t acceptance = 0;

	prints_of(serial, id, content);
	if (ph_duplicates_look(broker->duplicates, id, content, &acceptance) !=
	    PH_REPEAT_NO)
		saga_wrong(self, "what is new is taken for a repeat", serial);
}

static void
hold_against(saga *self, ph_broker *broker, const saga_list *list, saga_harm harm)
{
	size_t count = kept(list, broker);
	const folded *should = fold(list, count);
	size_t lost = 0; /* acceptances */

	if (count < list->acknowledged)
		saga_wrong(self, "something acknowledged is lost", count);
	if (broker->last_acceptance != should->last)
		saga_wrong(self, "another acceptance is the last", should->last);
	for (unsigned i = 0; i < SAGA_QUEUES; i++)
		check_queue(self, broker, i, should);
	for (size_t i = count; i < list->submitted; i++) {
		if (list->ops[i].kind != SAGA_ACCEPT)
			continue;
		check_unknown(self, broker, list->ops[i].serial);
		lost++;
	}
	check_unknown(self, broker, self->serial + 1);
	check_window(self, broker, should, lost, harm);
}

void
saga_check(saga *self, const char *site, const saga_list *list, saga_harm harm)
{
	ph_checkpoint_state state;
	ph_broker *broker = NULL;
	ph_error err = {.status = PH_OK};

	for (unsigned tries = 0; tries < STARTS; tries++) {
		if (start(self, site, fixture_quick_fs(), &broker, &err) != PH_OK) {
			self->counts.refused++;
			if (harm != SAGA_DAMAGED)
				saga_wrong(self, err.text, (uint64_t) err.status);
			return;
		}
		ph_checkpoint_look(broker, &state);
		self->counts.from_checkpoint += state.number > 0;
		bool good = clear_shelves(broker);
		if (good)
			hold_against(self, broker, list, harm);
		ph_broker_destroy(&broker);
		if (good)
			return;
		self->counts.mended++;
		if (harm != SAGA_DAMAGED)
			saga_wrong(self, "a shelf is no good", state.number);
	}
	saga_wrong(self, "damage is found again and again", STARTS);
}

void
saga_lose_ring(const saga *self, const char *site)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s/state/duplicates.ring", self->home, site);
	(void) remove(path);
}

/* --- beginning and end --------------------------------------------------------------------- */

static void
write_text(const char *path, const char *name, const char *text)
{
	char whole[200];

	snprintf(whole, sizeof whole, "%s/%s", path, name);
	PH_ASSERT(ph_fs_replace(fixture_quick_fs(), whole, text, strlen(text), 0600,
		      NULL) == PH_OK);
}

static void
make_site(const saga *self, const char *site)
{
	char path[128], state[160];

	path_of(self, site, path);
	PH_ASSERT(mkdir(path, 0700) == 0);
	snprintf(state, sizeof state, "%s/state", path);
	PH_ASSERT(mkdir(state, 0700) == 0);
	write_text(path, "packhorse.yaml",
	    "state: state\nrun: run\npaths: {host: /bin/true}\n"
	    "queues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 1M, reserve-bytes: 1M, queue-memory: 4}\n");
}

void
saga_init(saga *self, uint64_t seed)
{
	char state[160];

	memset(self, 0, sizeof *self);
	self->seed = seed;
	self->random = seed * 0x9e3779b97f4a7c15u + 1;
	snprintf(self->home, sizeof self->home, "/tmp/ph-saga.XXXXXX");
	PH_ASSERT(mkdtemp(self->home) != NULL);
	make_site(self, "lived");
	make_site(self, "left");
	snprintf(state, sizeof state, "%s/lived/state", self->home);
	trace_init(&self->trace, state, seed);
}

void
saga_fini(saga *self)
{
	char command[100];

	trace_fini(&self->trace);
	snprintf(command, sizeof command, "rm -r %s", self->home);
	PH_ASSERT(system(command) == 0);
}
