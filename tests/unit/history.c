#include "tests/unit/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <packhorse/client.h>

#include "broker/accept.h"
#include "broker/carry.h"
#include "broker/checkpoint.h"
#include "broker/cursor.h"
#include "broker/dispatch.h"
#include "broker/progress.h"
#include "broker/refill.h"
#include "broker/settle.h"
#include "lib/base/fs.h"

#define BENCH	    0
#define OTHER	    1
#define VENDOR	    2
#define TWICE	    3
#define PATIENCE_MS 60000
#define FAR_MS	    100000000 /* a retry that is not due in any test */

/* ---- the site and its broker ---- */

ph_broker_seams history_seams;

static void
write_file(const char *directory, const char *name, const char *text)
{
	char path[300];
	(void) snprintf(path, sizeof path, "%s/%s", directory, name);
	ck_assert_int_eq(
	    ph_fs_replace(ph_fs_system(), path, text, strlen(text), 0600, NULL), PH_OK);
}

void
history_shell(const char *format, ...)
{
	char command[1024];
	va_list list;
	va_start(list, format);
	(void) vsnprintf(command, sizeof command, format, list);
	va_end(list);
	ck_assert_msg(system(command) == 0, "%s", command);
}

void
history_site(const char *directory, const char *limits)
{
	char text[600], path[300];
	static const char *const folders[] = {"adapters", "routes"};
	for (size_t i = 0; i < 2; i++) {
		(void) snprintf(path, sizeof path, "%s/%s", directory, folders[i]);
		ck_assert_int_eq(ph_fs_make_dirs(path, 0700, NULL), PH_OK);
	}
	(void) snprintf(text, sizeof text,
	    "state: state\nrun: run\npaths: {host: /bin/true}\n"
	    "queues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 1M, reserve-bytes: 1M%s%s}\n",
	    limits[0] != 0 ? ", " : "", limits);
	write_file(directory, "packhorse.yaml", text);
	write_file(directory, "adapters/vendor.yaml",
	    "adapter: vendor\ntransport: none\nenabled: false\n");
	write_file(directory, "adapters/twice.yaml",
	    "adapter: twice\ntransport: none\nenabled: false\nidempotent: true\n");
	write_file(directory, "routes/bench.yaml",
	    "routes:\n  - {route: bench, when: {type: bench.*}, to: [bench]}\n");
}

static int
no_sync(void *self, int fd)
{
	(void) self;
	(void) fd;
	return 0;
}

/* These brokers die, but the machine goes on: what was written is there, synced or not, and a busy disk
 * has not to be waited for at every flush. */
static const ph_fs *
fs_without_syncs(void)
{
	static ph_fs fs;
	fs = *ph_fs_system();
	fs.fdatasync = no_sync;
	fs.fsync = no_sync;
	return &fs;
}

ph_status
history_start(const char *directory, ph_broker **out, ph_error *err)
{
	ph_site *site = NULL;
	ph_broker_seams seams = history_seams;
	ph_status status = ph_site_load(directory, &site, err);
	if (seams.fs == NULL)
		seams.fs = fs_without_syncs();
	if (status == PH_OK)
		status = ph_broker_new(&site, &seams, out, err);
	return status;
}

ph_broker *
history_broker(const char *directory)
{
	ph_broker *broker = NULL;
	ph_error err = {.status = PH_OK};
	ck_assert_msg(history_start(directory, &broker, &err) == PH_OK, "%s: %s",
	    err.where, err.text);
	return broker;
}

bool
history_turn_until(
    ph_broker *broker, bool (*done)(ph_broker *broker, uint64_t than), uint64_t than)
{
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (!done(broker, than)) {
		if (ph_clock_mono(ph_clock_system()) >= end ||
		    ph_loop_turn(broker->loop, 10, NULL) != PH_OK)
			return false;
	}
	return true;
}

static bool
is_newer(ph_broker *broker, uint64_t than)
{
	ph_checkpoint_state state;
	ph_checkpoint_look(broker, &state);
	return state.number > than;
}

void
history_await_checkpoint(ph_broker *broker)
{
	ph_checkpoint_state state;
	ph_checkpoint_look(broker, &state);
	ck_assert(history_turn_until(broker, is_newer, state.number));
}

static bool
ledger_is_up(ph_broker *broker, uint64_t than)
{
	ph_ledger_state state;
	(void) than;
	ph_ledger_look(broker->ledger, &state);
	return !state.rebuilding && state.applied.offset >= state.durable.offset;
}

void
history_await_ledger(ph_broker *broker)
{
	ph_ledger_durable(broker->ledger, ph_store_durable(broker->store));
	ck_assert(history_turn_until(broker, ledger_is_up, 0));
}

/* ---- chance ---- */

unsigned
history_random(history *self, unsigned limit)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return (unsigned) (self->random >> 33) % limit;
}

void
history_begin(history *self, ph_broker *broker, uint64_t seed)
{
	static const char *const names[] = {"bench", "other", "vendor", "twice"};
	*self = (history){.broker = broker, .random = (seed + 1) * 0x9E3779B97F4A7C15u};
	for (size_t i = 0; i < 4; i++) {
		self->queues[i] = ph_destinations_find(broker->destinations, names[i]);
		ck_assert_ptr_nonnull(self->queues[i]);
	}
}

/* ---- acceptances ---- */

static ph_message *
new_message(history *self, unsigned key)
{
	char id[32], subject[32];
	ph_message *message = NULL;
	(void) snprintf(id, sizeof id, "m-%" PRIu64, self->steps);
	(void) snprintf(subject, sizeof subject, "SR-%013u", key);
	const ph_attribute attributes[] = {{"id", id, strlen(id)},
	    {"source", "urn:test", 8}, {"type", "bench.v1", 8},
	    {"adapter", "vendor", 6}, {"subject", subject, strlen(subject)}};
	ck_assert_int_eq(ph_message_new(attributes, key == 0 ? 4 : 5, "{\"a\":1}", 7,
			     &message, NULL),
	    PH_OK);
	return message;
}

static ph_record_binding
some_binding(unsigned key, char text[24])
{
	(void) snprintf(text, 24, "ENQ %u", key);
	return (ph_record_binding){.entity = ph_view_of("service-request"),
	    .system = ph_view_of("vendor"),
	    .key = ph_view_of(text),
	    .canonical = ph_view_of("SR-0000000000001")};
}

static void
submit_accept(history *self, ph_record_accept *record, ph_message **message_p)
{
	ph_broker *broker = self->broker;
	uint64_t offset = 0;
	record->acceptance = broker->last_acceptance + 1;
	record->accepted_ms = ph_broker_now(broker);
	memcpy(record->id, &record->acceptance, sizeof record->acceptance);
	memcpy(record->content, &self->random, sizeof self->random);
	record->message.data = ph_message_bytes(*message_p, &record->message.length);
	ph_buffer_clear(&broker->record);
	ph_record_accept_encode(record, &broker->record);
	ck_assert_int_eq(
	    ph_broker_submit(broker, PH_RECORD_ACCEPT, PH_STORE_NEW,
		record->message.data, record->message.length, &offset, NULL),
	    PH_OK);
	ck_assert_int_eq(
	    ph_accept_apply(broker, record, message_p, offset, NULL), PH_OK);
	broker->counts.messages++;
}

static void
accept_one(history *self)
{
	ph_record_accept record = {.queue_count = 0};
	char key[24], cursor[24];
	ph_message *message = new_message(self, history_random(self, 9));
	for (unsigned i = 0; i < 4; i++) {
		if (history_random(self, 3) == 0)
			record.queues[record.queue_count++] =
			    ph_queue_number(self->queues[i]->queue);
	}
	if (history_random(self, 8) == 0) {
		record.has_failure = true;
		record.queue_count = 1;
		record.queues[0] = PH_QUEUE_INBOUND;
		record.failure = (ph_record_failure){.stage = ph_view_of("decode"),
		    .reason = ph_view_of("not-json"),
		    .path = ph_view_of("/"),
		    .text = ph_view_of("PH2101 it is not")};
	}
	record.ignored = record.queue_count == 0;
	if (history_random(self, 5) == 0) {
		(void) snprintf(cursor, sizeof cursor, "%" PRIu64, self->steps);
		record.has_cursor = true;
		record.cursor_name = ph_view_of("vendor/updates");
		record.cursor = ph_view_of(cursor);
	}
	if (history_random(self, 5) == 0) {
		record.bindings.count = 1;
		record.bindings.list[0] =
		    some_binding(history_random(self, HISTORY_KEYS), key);
	}
	submit_accept(self, &record, &message);
	ph_message_unref(&message);
}

void
history_publish(history *self, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++, self->steps++) {
		ph_record_accept record = {.queue_count = 1,
		    .queues = {ph_queue_number(self->queues[BENCH]->queue)}};
		ph_message *message = new_message(self, (unsigned) self->steps % 1000);
		submit_accept(self, &record, &message);
		ph_message_unref(&message);
		if (i % 256 == 255)
			ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	}
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
}

/* ---- deliveries ---- */

/* Any item of a queue that some state has; NULL: none. */
static ph_item *
any_item(history *self, ph_destination **to, ph_delivery_state state)
{
	ph_item *found = NULL;
	unsigned seen = 0, queue = history_random(self, 5);
	*to = queue == 4
		  ? ph_destinations_get(self->broker->destinations, PH_QUEUE_INBOUND)
		  : self->queues[queue];
	for (ph_entry *entry = ph_backlog_next(self->broker->backlog, 0); entry != NULL;
	     entry = ph_backlog_next(self->broker->backlog, entry->number)) {
		ph_item *item = ph_entry_item(entry, ph_queue_number((*to)->queue));
		if (item != NULL && item->state == state &&
		    history_random(self, ++seen) == 0)
			found = item;
	}
	return found;
}

static void
submit_plain(history *self, ph_record_type type, uint64_t *offset)
{
	ck_assert_int_eq(ph_broker_submit(self->broker, type, PH_STORE_ESSENTIAL, NULL,
			     0, offset, NULL),
	    PH_OK);
}

/* Hand out: with a record where a second time does harm. Nothing is handed out from bench. */
static void
hand_out(history *self)
{
	ph_destination *to = self->queues[1 + history_random(self, 3)];
	ph_item *item = ph_queue_first(to->queue);
	uint64_t offset = 0;
	if (item == NULL)
		return;
	if (!ph_destination_repeatable(to)) {
		ph_record_attempt record = {.acceptance = ph_item_entry(item)->number,
		    .at_ms = ph_broker_now(self->broker),
		    .queue = item->queue,
		    .attempt = (uint16_t) (item->attempts + 1)};
		ph_buffer_clear(&self->broker->record);
		ph_record_attempt_encode(&record, &self->broker->record);
		submit_plain(self, PH_RECORD_ATTEMPT, &offset);
		item->flags |= PH_ITEM_ATTEMPT;
	}
	item->attempts++;
	ph_queue_take(to->queue, item, &to->away);
	item->flags |= PH_ITEM_SENT;
	item->flags &= (uint8_t) ~PH_ITEM_RECOVERED;
}

static void
submit_outcome(history *self, const ph_record_outcome *record)
{
	uint64_t offset = 0;
	ph_buffer_clear(&self->broker->record);
	ph_record_outcome_encode(record, &self->broker->record);
	submit_plain(self, PH_RECORD_OUTCOME, &offset);
	ck_assert_int_eq(ph_settle_apply(self->broker, record, offset, NULL), PH_OK);
}

static void
outcome_of(history *self, ph_destination *to, ph_item *item)
{
	ph_record_outcome record = {.acceptance = ph_item_entry(item)->number,
	    .at_ms = ph_broker_now(self->broker),
	    .queue = item->queue,
	    .attempt = item->attempts,
	    .reference = ph_view_of("ENQ 1")};
	char key[24];
	unsigned what = history_random(self, 10);
	/* One that stands behind another can only be found delivered. */
	bool head = item->key_last != NULL;
	if (what < 5 || !head) {
		record.outcome = what == 0 ? PH_DUPLICATE : PH_DELIVERED;
		record.state = PH_RECORD_SETTLED;
		record.bindings.count = what == 1;
		record.bindings.list[0] =
		    some_binding(history_random(self, HISTORY_KEYS), key);
	} else if (what < 7) {
		record.outcome = PH_RETRY;
		record.state = PH_RECORD_WAITING;
		record.not_before_ms =
		    record.at_ms +
		    (history_random(self, 2) == 0
			    ? 1
			    : FAR_MS + (int64_t) history_random(self, 100) * 10000);
	} else if (what < 9 || ph_destination_repeatable(to)) {
		record.outcome = PH_REJECTED;
		record.state = PH_RECORD_DEAD;
	} else {
		record.outcome = PH_UNKNOWN;
		record.state = PH_RECORD_WAITING;
	}
	if (what >= 5) {
		record.has_failure = true;
		record.failure = (ph_record_failure){.stage = ph_view_of("send"),
		    .reason = ph_view_of("http-503"),
		    .path = ph_view_of(""),
		    .text = ph_view_of("PH4103 try later")};
	}
	submit_outcome(self, &record);
}

/* As handing out does before it looks for something. */
static void
refill(history *self)
{
	for (size_t i = 0; i < 4; i++) {
		if (ph_queue_count(self->queues[i]->queue)->shelved > 0)
			ph_refill(self->broker, self->queues[i]);
	}
}

static void
outcome(history *self)
{
	static const ph_delivery_state states[] = {PH_DELIVERY_IN_FLIGHT,
	    PH_DELIVERY_IN_FLIGHT, PH_DELIVERY_READY, PH_DELIVERY_UNKNOWN};
	ph_destination *to;
	ph_item *item = any_item(self, &to, states[history_random(self, 4)]);
	/* Ready ones are settled only where they are never handed out. */
	if (item != NULL &&
	    (item->state != PH_DELIVERY_READY || to == self->queues[BENCH]))
		outcome_of(self, to, item);
}

static void
give_back(history *self)
{
	ph_destination *to;
	ph_item *item = any_item(self, &to, PH_DELIVERY_IN_FLIGHT);
	if (item != NULL && ph_destination_repeatable(to))
		ph_queue_return(to->queue, item);
}

static void
operator(history *self)
{
	ph_destination *to;
	ph_item *item = any_item(self, &to, PH_DELIVERY_DEAD);
	if (item == NULL)
		return;
	/* Where a replay comes to stand among those on a shelf depends on what is in memory. */
	bool may_replay = self->broker->queue_memory > 1000;
	ck_assert_int_eq(may_replay && history_random(self, 2) == 0
			     ? ph_settle_replay(self->broker, to, item, "test", NULL)
			     : ph_settle_discard(self->broker, to, item, "test", NULL),
	    PH_OK);
}

static void
progress(history *self)
{
	ph_destination *to;
	ph_item *item = any_item(self, &to, PH_DELIVERY_IN_FLIGHT);
	uint64_t offset = 0;
	char resume[24];
	if (item == NULL)
		return;
	(void) snprintf(resume, sizeof resume, "step %" PRIu64, self->steps);
	ph_record_progress record = {.acceptance = ph_item_entry(item)->number,
	    .queue = item->queue,
	    .reference = ph_view_of("half"),
	    .resume = ph_view_of(resume)};
	ph_buffer_clear(&self->broker->record);
	ph_record_progress_encode(&record, &self->broker->record);
	submit_plain(self, PH_RECORD_PROGRESS, &offset);
	ck_assert_int_eq(ph_progress_apply(self->broker, &record, NULL), PH_OK);
}

static void
cursor(history *self)
{
	char name[24], bytes[24];
	(void) snprintf(name, sizeof name, "twice/%u", history_random(self, 4));
	(void) snprintf(bytes, sizeof bytes, "at %" PRIu64, self->steps);
	ck_assert_int_eq(ph_cursor_commit(self->broker, name,
			     (ph_slice){bytes, strlen(bytes)}, NULL),
	    PH_OK);
}

void
history_bind(history *self, unsigned reference)
{
	char key[24];
	uint64_t offset = 0;
	ph_record_bindings bindings = {.count = 1};
	bindings.list[0] = some_binding(reference, key);
	ph_buffer_clear(&self->broker->record);
	ph_record_bind_encode(&bindings, &self->broker->record);
	submit_plain(self, PH_RECORD_BIND, &offset);
	ph_accept_bind(self->broker, &bindings, offset);
}

void
history_bind_accepting(history *self, unsigned reference)
{
	char key[24];
	ph_record_accept record = {.ignored = true, .bindings = {.count = 1}};
	ph_message *message = new_message(self, 0);
	self->steps++;
	record.bindings.list[0] = some_binding(reference, key);
	submit_accept(self, &record, &message);
	ph_message_unref(&message);
}

void
history_bind_settling(history *self, unsigned reference)
{
	char key[24];
	ph_item *item = ph_queue_first(self->queues[BENCH]->queue);
	ck_assert_ptr_nonnull(item);
	ph_record_outcome record = {.acceptance = ph_item_entry(item)->number,
	    .at_ms = ph_broker_now(self->broker),
	    .queue = item->queue,
	    .attempt = 1,
	    .reference = ph_view_of("ENQ 1"),
	    .outcome = PH_DELIVERED,
	    .state = PH_RECORD_SETTLED,
	    .bindings = {.count = 1}};
	record.bindings.list[0] = some_binding(reference, key);
	submit_outcome(self, &record);
}

void
history_ignored(history *self, size_t length)
{
	static char bytes[HISTORY_LARGE];
	ph_record_accept record = {.ignored = true};
	ph_message *message = NULL;
	const ph_attribute attributes[] = {
	    {"id", "large", 5}, {"source", "urn:test", 8}, {"type", "bench.v1", 8}};
	ck_assert_uint_le(length, sizeof bytes);
	memset(bytes, 'x', sizeof bytes);
	ck_assert_int_eq(
	    ph_message_new(attributes, 3, bytes, length, &message, NULL), PH_OK);
	submit_accept(self, &record, &message);
	ph_message_unref(&message);
}

void
history_end_file(history *self)
{
	history_ignored(self, HISTORY_LARGE);
	history_ignored(self, HISTORY_LARGE);
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
}

void
history_carry(history *self)
{
	history_end_file(self);
	ph_carry_begin(self->broker, ph_store_durable(self->broker->store), true);
	while (ph_carry_turn(self->broker)) {
		for (unsigned steps = history_random(self, 4); steps > 0; steps--)
			history_step(self);
		ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	}
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
}

void
history_step(history *self)
{
	unsigned what = history_random(self, 100);
	self->steps++;
	if (history_random(self, 3) == 0)
		refill(self);
	if (what < 30)
		accept_one(self);
	else if (what < 55)
		hand_out(self);
	else if (what < 80)
		outcome(self);
	else if (what < 84)
		give_back(self);
	else if (what < 90)
		operator(self);
	else if (what < 93)
		progress(self);
	else if (what < 95)
		cursor(self);
	else if (what < 97)
		history_bind(self, history_random(self, HISTORY_KEYS));
	else
		(void) ph_dispatch_due(self->broker);
	if (history_random(self, 4) == 0)
		ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
}
