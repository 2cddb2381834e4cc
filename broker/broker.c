/*
 * How it works: the loop calls `router_ready` when there are frames and `before` before it sleeps.
 * The first handles a bounded number of frames; the second hands out deliveries, has what has
 * gathered made durable and sent. Timers and answers of the ledger only add to what the next
 * `before` finds.
 */
#include "broker/broker.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/accept.h"
#include "broker/carry.h"
#include "broker/checkpoint.h"
#include "broker/commit.h"
#include "broker/control.h"
#include "broker/dispatch.h"
#include "broker/greet.h"
#include "broker/journal.h"
#include "broker/operate_part.h"
#include "broker/recover.h"
#include "broker/retain.h"
#include "broker/progress.h"
#include "broker/settle.h"
#include "broker/supervise.h"
#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/base/log.h"
#include "lib/base/os.h"
#include "lib/base/text.h"

#define TURN_FRAMES   256
#define TURN_BYTES    (8u << 20)
#define CACHE_BYTES   (64u << 20)
#define XREF_KEEP     16384
#define TOKEN_LIFE_MS 60000
#define PATH_SIZE     4096
#define LOCK_WAIT_MS  3000 /* for the journal of a broker that is just ending */
#define LOCK_LOOK_MS  10
#define SPACE_LOOK    256 /* turns between two looks at the disk's space */

int64_t
ph_broker_now(const ph_broker *broker)
{
	return ph_clock_wall(broker->clock);
}

/* ---- records ---- */

ph_status
ph_broker_submit(ph_broker *broker, ph_record_type type, ph_store_need need,
    const void *message, size_t message_length, uint64_t *offset, ph_error *err)
{
	ph_position position = {.offset = 0};
	PH_ASSERT(type > PH_RECORD_MARK && broker->record.length > 0);
	PH_ASSERT((message_length > 0) ==
		  (type == PH_RECORD_ACCEPT || type == PH_RECORD_CARRY));
	if (broker->failed)
		return ph_fail(err, PH_ERR_IO, "the store has failed");
	if (broker->record.failed)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH5307 a %s record would be over its limits",
		    ph_record_type_name((uint8_t) type));
	ph_store_part parts[] = {
	    {broker->record.data, broker->record.length}, {message, message_length}};
	ph_status status = ph_store_submit(broker->store, (uint8_t) type, need, parts,
	    message_length > 0 ? 2 : 1, &position, err);
	if (status == PH_ERR_IO)
		broker->failed = true;
	if (status == PH_OK) {
		broker->dirty = true;
		broker->last_position = position;
		broker->written += broker->record.length + message_length;
	}
	*offset = position.offset;
	return status;
}

ph_status
ph_broker_message(ph_broker *broker, ph_entry *entry, ph_message **out, ph_error *err)
{
	if (entry->message == NULL)
		return ph_broker_message_at(
		    broker, entry->number, entry->offset, out, err);
	*out = ph_message_ref(entry->message);
	return PH_OK;
}

ph_status
ph_broker_message_at(ph_broker *broker, uint64_t acceptance, uint64_t offset,
    ph_message **out, ph_error *err)
{
	ph_store_record record;
	ph_record_accept accept;
	ph_position position = {.offset = offset};
	ph_status status = ph_store_read(broker->store, position, &record, err);
	if (status == PH_OK)
		status = ph_record_accept_read(
		    record.type, record.body, record.length, &accept, err);
	if (status == PH_OK && accept.acceptance != acceptance)
		status = ph_fail(
		    err, PH_ERR_DAMAGED, "PH5308 another record is in its place");
	if (status == PH_OK)
		status = ph_message_decode(
		    accept.message.data, accept.message.length, out, err);
	return status;
}

/* ---- questions ---- */

void
ph_question_note(ph_broker *broker, ph_question *at, void (*abandon)(ph_question *at))
{
	at->abandon = abandon;
	at->next = broker->questions;
	at->back = &broker->questions;
	if (at->next != NULL)
		at->next->back = &at->next;
	broker->questions = at;
}

void
ph_question_strike(ph_question *at)
{
	PH_ASSERT(at->back != NULL && *at->back == at);
	*at->back = at->next;
	if (at->next != NULL)
		at->next->back = at->back;
	at->next = NULL;
	at->back = NULL;
}

static void
abandon_questions(ph_broker *broker)
{
	while (broker->questions != NULL) {
		ph_question *at = broker->questions;
		ph_question_strike(at);
		at->abandon(at);
	}
}

/* ---- the turn ---- */

static void
router_ready(void *self)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	ph_received received;
	size_t bytes = 0;
	for (unsigned frames = 0; frames < TURN_FRAMES && bytes < TURN_BYTES;
	     frames++) {
		if (broker->failed ||
		    ph_socket_receive(broker->router, &received, NULL) != PH_OK) {
			broker->more = false;
			return;
		}
		bytes += received.length;
		ph_greet_frame(broker, &received.peer, received.bytes, received.length);
		if (broker->away && ph_commit_landed(broker))
			break; /* the next batch may go */
	}
	broker->more = true;
}

static void
look_at_space(ph_broker *broker)
{
	ph_store_space space;
	if (ph_store_space_left(broker->store, &space, NULL) != PH_OK ||
	    space.accepting == broker->accepting)
		return;
	broker->accepting = space.accepting;
	if (space.accepting)
		ph_log(
		    PH_LOG_INFO, "accepting-again", "open_bytes=%" PRIu64, space.open);
	else
		ph_log(PH_LOG_ERROR, "disk-nearly-full",
		    "open_bytes=%" PRIu64 " reserve_bytes=%" PRIu64, space.open,
		    space.reserve);
	if (!space.accepting)
		ph_retain_now(broker);
}

/* Sessions that fell silent or are over; PINGs. */
static void
tend(ph_broker *broker, int64_t now_ms)
{
	if (broker->tend_ms > now_ms && !ph_sessions_any_over(broker->sessions))
		return;
	int64_t wait_ms = ph_greet_tend(broker);
	broker->tend_ms = wait_ms < 0 ? INT64_MAX : now_ms + wait_ms;
}

static void
set_timer(ph_broker *broker, int64_t now_ms)
{
	int64_t due_ms = ph_dispatch_due(broker);
	if (due_ms > broker->tend_ms)
		due_ms = broker->tend_ms;
	if (due_ms == INT64_MAX)
		ph_timer_stop(broker->timer);
	else
		ph_timer_set(broker->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

/* What is done from time to time, whatever waits for the store. */
static bool
end_turn(ph_broker *broker, int64_t now_ms)
{
	bool again = broker->more || broker->starved;
	set_timer(broker, now_ms);
	broker->more = broker->starved = false;
	return again || ph_sessions_any_over(broker->sessions);
}

/* Something can be done only when all is durable: wait for it. */
static bool
must_wait(ph_broker *broker)
{
	return broker->operations != NULL || ph_checkpoint_wanted(broker);
}

static bool
finish_turn(void *self)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	int64_t now_ms = ph_clock_mono(broker->clock);
	tend(broker, now_ms);
	(void) ph_dispatch_due(broker);
	if (!ph_commit_clear(broker, !broker->more, now_ms))
		return end_turn(broker, now_ms);
	if (!broker->failed && !ph_supervise_stopping(broker))
		ph_dispatch_all(broker);
	bool wrote = broker->dirty;
	bool carrying = ph_carry_turn(broker);
	if (ph_commit_turn(broker, must_wait(broker), now_ms) != PH_OK) {
		ph_loop_stop(broker->loop);
		return false;
	}
	if (!broker->away) {
		ph_operate_flushed(broker);
		if (broker->checkpoints != NULL)
			ph_checkpoint_turn(broker);
	}
	ph_retain_turn(broker);
	if (wrote && ++broker->turns % SPACE_LOOK == 0)
		look_at_space(broker);
	/* Nothing wakes a loop that sleeps while a batch is away: it looks once more, and waits. */
	bool again = broker->dirty || broker->away || carrying;
	return end_turn(broker, now_ms) || again;
}

/* ---- timers ---- */

/* The turn does what is due. */
static void
something_due(void *self)
{
	(void) PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
}

static void
nothing_happens(void *self)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	ph_error err = {.status = PH_OK};
	look_at_space(broker);
	if (broker->failed || ph_store_idle(broker->store, &err) == PH_OK)
		return;
	ph_log(PH_LOG_ERROR, "store-failed", "where=%s text=%s", err.where, err.text);
	broker->failed = true;
	ph_loop_stop(broker->loop);
}

/* ---- the ledger's news ---- */

static void
ledger_applied(void *self, ph_position position)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	ph_xref_applied(broker->xref, position.offset);
}

static void
ledger_news(void *self, ph_ledger_news news, const char *text)
{
	(void) self;
	switch (news) {
	case PH_LEDGER_REBUILT:
		ph_log(PH_LOG_WARN, "ledger-rebuilt", "text=%s", text);
		break;
	case PH_LEDGER_DAMAGED:
		ph_log(PH_LOG_ERROR, "ledger-stopped", "text=%s", text);
		break;
	case PH_LEDGER_CONFLICT:
		ph_log(PH_LOG_ERROR, "xref-conflict", "text=%s", text);
		break;
	case PH_LEDGER_FAILED:
		ph_log(PH_LOG_ERROR, "ledger-failed", "text=%s", text);
		break;
	case PH_LEDGER_RESTORED:
		ph_log(PH_LOG_WARN, "ledger-restored", "text=%s", text);
		break;
	}
}

/* ---- beginning ---- */

/* What is folded from the journal. */
static ph_status
make_state(ph_broker *broker, ph_error *err)
{
	const ph_options *options = &broker->site->options;
	ph_status status = ph_backlog_new(CACHE_BYTES, &broker->backlog, err);
	if (status == PH_OK)
		status = ph_duplicates_new(
		    (size_t) ph_options_get(options, PH_OPTION_DUPLICATES),
		    &broker->duplicates, err);
	if (status == PH_OK)
		status = ph_destinations_new(
		    (size_t) ph_options_get(options, PH_OPTION_QUEUES),
		    &broker->destinations, err);
	if (status == PH_OK)
		status = ph_table_new(&broker->cursors, err);
	if (status == PH_OK)
		status = ph_table_new(&broker->progress, err);
	if (status == PH_OK)
		status = ph_carry_new(&broker->carry, err);
	return status;
}

static void
free_cursor(void *cursor)
{
	free(cursor);
}

static void
free_state(ph_broker *broker)
{
	/* queues look at their items once more, for the letters of the dead */
	ph_destinations_destroy(&broker->destinations);
	ph_backlog_destroy(&broker->backlog);
	ph_duplicates_destroy(&broker->duplicates);
	ph_table_destroy(&broker->cursors, free_cursor);
	ph_table_destroy(&broker->progress, ph_progress_destroy);
	ph_carry_destroy(&broker->carry);
}

ph_status
ph_broker_forget(ph_broker *broker, ph_error *err)
{
	PH_ASSERT(broker->router == NULL && !broker->dirty);
	free_state(broker);
	broker->last_acceptance = 0;
	broker->last_position = (ph_position){.offset = 0};
	broker->counts = (ph_broker_counts){.messages = 0};
	return make_state(broker, err);
}

static ph_status
make_parts(ph_broker *broker, ph_error *err)
{
	const ph_options *options = &broker->site->options;
	broker->queue_memory =
	    (uint64_t) ph_options_get(options, PH_OPTION_QUEUE_MEMORY);
	ph_status status = ph_loop_new(broker->clock, &broker->loop, err);
	if (status == PH_OK)
		status = make_state(broker, err);
	if (status == PH_OK)
		status = ph_sessions_new(
		    (size_t) ph_options_get(options, PH_OPTION_SESSIONS),
		    &broker->sessions, err);
	if (status == PH_OK)
		status = ph_xref_new(XREF_KEEP, &broker->xref, err);
	if (status == PH_OK)
		status = ph_tokens_new(
		    &broker->key, broker->clock, TOKEN_LIFE_MS, &broker->tokens, err);
	return status;
}

static ph_status
make_timers(ph_broker *broker, ph_error *err)
{
	ph_status status =
	    ph_timer_new(broker->loop, something_due, broker, &broker->timer, err);
	if (status == PH_OK)
		status = ph_timer_new(
		    broker->loop, nothing_happens, broker, &broker->idle, err);
	if (status == PH_OK)
		status = ph_timer_new(
		    broker->loop, something_due, broker, &broker->slow, err);
	return status;
}

static void
tell_recovery(const ph_journal_report *report)
{
	char text[256];
	if (report->torn) {
		ph_journal_range_text(&report->tail, text, sizeof text);
		ph_log(PH_LOG_ERROR, "journal-torn",
		    "range=%s copy=%s text=the end was torn: possibly acknowledged",
		    text, report->tail_file);
	}
	for (size_t i = 0; i < report->damage_count && i < PH_JOURNAL_RANGES; i++) {
		ph_journal_range_text(&report->damage[i], text, sizeof text);
		ph_log(PH_LOG_ERROR, "journal-damaged", "range=%s", text);
	}
}

static ph_status
open_store(ph_broker *broker, ph_error *err)
{
	const ph_options *options = &broker->site->options;
	char directory[PATH_SIZE];
	ph_journal_report report = {.fresh = false};
	if (snprintf(directory, sizeof directory, "%s/journal", broker->site->state) >=
	    (int) sizeof directory)
		return ph_fail(err, PH_ERR_TOO_LARGE, "the state's path is too long");
	ph_journal_config config = {.directory = directory,
	    .segment_bytes =
		(uint64_t) ph_options_get(options, PH_OPTION_SEGMENT_BYTES),
	    .reserve_bytes =
		(uint64_t) ph_options_get(options, PH_OPTION_RESERVE_BYTES),
	    .thread = true,
	    .overlap = true,
	    .clock = broker->clock};
	int64_t until_ms = ph_clock_mono(broker->clock) + LOCK_WAIT_MS;
	ph_status status = ph_journal_open(&config, &broker->store, &report, err);
	/* The one before us may have been killed a moment ago and not be gone yet. */
	while (status == PH_ERR_AGAIN && ph_clock_mono(broker->clock) < until_ms) {
		(void) poll(NULL, 0, LOCK_LOOK_MS);
		status = ph_journal_open(&config, &broker->store, &report, err);
	}
	tell_recovery(&report);
	return status;
}

static ph_status
open_ledger(ph_broker *broker, ph_error *err)
{
	ph_ledger_options options = {.directory = broker->site->state,
	    .store = broker->store,
	    .loop = broker->loop,
	    .applied = ledger_applied,
	    .news = ledger_news,
	    .self = broker};
	ph_ledger_state state;
	ph_status status = ph_ledger_open(&options, &broker->ledger, err);
	if (status != PH_OK)
		return status;
	ph_ledger_look(broker->ledger, &state);
	ph_xref_applied(broker->xref, state.applied.offset);
	ph_ledger_durable(broker->ledger, ph_store_durable(broker->store));
	return PH_OK;
}

/* The queue by that name, with a number that is recorded before it is used. */
static ph_status
ensure_queue(ph_broker *broker, uint16_t wanted, const char *name, ph_error *err)
{
	ph_destination *to = ph_destinations_find(broker->destinations, name);
	if (to == NULL) {
		ph_record_queue record = {.number = wanted, .name = ph_view_of(name)};
		uint64_t offset = 0;
		ph_status status = PH_OK;
		if (wanted == 0)
			status = ph_destinations_number(
			    broker->destinations, &record.number, err);
		if (status != PH_OK)
			return status;
		ph_buffer_clear(&broker->record);
		ph_record_queue_encode(&record, &broker->record);
		status = ph_broker_submit(
		    broker, PH_RECORD_QUEUE, PH_STORE_ESSENTIAL, NULL, 0, &offset, err);
		if (status == PH_OK)
			status = ph_destinations_add(
			    broker->destinations, record.number, name, &to, err);
		if (status != PH_OK)
			return status;
	}
	to->declared = true;
	ph_rate_init(&to->settled, ph_clock_mono(broker->clock));
	to->adapter = ph_site_adapter_of_queue(broker->site, name);
	return PH_OK;
}

static uint16_t
queue_number(void *self, const char *name)
{
	const ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	const ph_destination *to = ph_destinations_find(broker->destinations, name);
	return to == NULL ? 0 : ph_queue_number(to->queue);
}

/* Queues of the configuration, before and after the journal was read: those it names get their
 * adapters first, so that outcomes are judged by them; the others are made. */
static ph_status
declare_queues(ph_broker *broker, ph_error *err)
{
	const ph_site *site = broker->site;
	ph_status status = ensure_queue(broker, PH_QUEUE_INBOUND, "inbound", err);
	if (status == PH_OK)
		status = ensure_queue(broker, PH_QUEUE_UNROUTED, "unrouted", err);
	for (size_t i = 0; status == PH_OK && i < site->adapter_count; i++)
		status = ensure_queue(broker, 0, site->adapters[i].queue, err);
	for (size_t i = 0; status == PH_OK && i < site->queues.count; i++)
		status = ensure_queue(broker, 0, site->queues.at[i], err);
	if (status == PH_OK)
		status = ph_routes_new(site->routes, site->route_count, queue_number,
		    broker, &broker->routes, err);
	return status;
}

static ph_status
recover(ph_broker *broker, ph_error *err)
{
	ph_recovery recovery;
	int64_t start_ms = ph_clock_mono(broker->clock);
	ph_status status = ph_checkpoint_open(broker, err);
	if (status == PH_OK)
		status = ph_recover(broker, &recovery, err);
	if (status != PH_OK)
		return status;
	ph_commit_recovered(broker);
	if (recovery.records > 0 || recovery.checkpoint > 0)
		ph_log(PH_LOG_INFO, "recovered",
		    "checkpoint=%" PRIu64 " records=%" PRIu64 " pending=%" PRIu64
		    " in_flight=%" PRIu64 " took_ms=%" PRId64,
		    recovery.checkpoint, recovery.records, recovery.pending,
		    recovery.away, ph_clock_mono(broker->clock) - start_ms);
	status = declare_queues(broker, err);
	if (status == PH_OK)
		status = ph_store_flush(broker->store, NULL, err);
	broker->dirty = false;
	if (status == PH_OK)
		ph_checkpoint_begin(broker);
	return status;
}

static ph_status
make_directories(const ph_site *site, ph_error *err)
{
	ph_status status = ph_fs_make_dirs(site->state, 0700, err);
	return status == PH_OK ? ph_fs_make_dirs(site->run, 0750, err) : status;
}

static ph_status
listen_everywhere(ph_broker *broker, ph_error *err)
{
	const ph_options *options = &broker->site->options;
	int sessions = (int) ph_options_get(options, PH_OPTION_SESSIONS);
	/* Each connection takes a few of libzmq's slots; a margin for those that come and go. */
	ph_status status = ph_router_new(sessions * 4 + 64, &broker->router, err);
	(void) snprintf(broker->endpoint, sizeof broker->endpoint, "ipc://%s/bus",
	    broker->site->run);
	if (status == PH_OK)
		status = ph_router_bind(broker->router, broker->endpoint, NULL, err);
	if (status == PH_OK) {
		char path[PH_BROKER_ENDPOINT];
		(void) snprintf(path, sizeof path, "%s/bus", broker->site->run);
		(void) chmod(path, 0660);
	}
	for (size_t i = 0; status == PH_OK && i < broker->site->listen.count; i++)
		status = ph_router_bind(
		    broker->router, broker->site->listen.at[i], NULL, err);
	if (status == PH_OK)
		status = ph_loop_socket(broker->loop, ph_socket_handle(broker->router),
		    router_ready, broker, err);
	ph_loop_before(broker->loop, finish_turn, broker);
	return status;
}

static ph_status
open_control(ph_broker *broker, ph_error *err)
{
	const ph_options *options = &broker->site->options;
	char path[PH_BROKER_ENDPOINT];
	(void) snprintf(path, sizeof path, "%s/control", broker->site->run);
	ph_control_options control = {.path = path,
	    .loop = broker->loop,
	    .broker = broker,
	    .ledger = broker->ledger,
	    .peers_most = (size_t) ph_options_get(options, PH_OPTION_CONTROL_PEERS)};
	return ph_control_open(&control, &broker->control, err);
}

static ph_status
prepare(ph_broker *broker, ph_error *err)
{
	uint8_t random[16];
	static ph_status (*const steps[])(ph_broker *, ph_error *) = {make_parts,
	    make_timers, open_store, open_ledger, recover, open_control,
	    listen_everywhere, ph_supervise_start};
	if (sodium_init() < 0)
		return ph_fail(err, PH_ERR_IO, "the cryptographic library refuses");
	ph_status status = make_directories(broker->site, err);
	if (status == PH_OK)
		status = ph_os_random(random, sizeof random, err);
	if (status == PH_OK)
		status = ph_sitekey_load(broker->site->state, &broker->key, err);
	ph_hex_encode(random, sizeof random, broker->instance);
	for (size_t i = 0; status == PH_OK && i < sizeof steps / sizeof steps[0]; i++)
		status = steps[i](broker, err);
	return status;
}

ph_status
ph_broker_new(ph_site **site_p, const ph_clock *clock, ph_broker **out, ph_error *err)
{
	ph_broker *broker = calloc(1, sizeof *broker);
	if (broker == NULL) {
		ph_site_destroy(site_p);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the broker");
	}
	broker->magic = PH_BROKER_MAGIC;
	broker->clock = clock;
	broker->site = *site_p;
	*site_p = NULL;
	broker->accepting = true;
	broker->told_ms = INT64_MIN / 2;
	broker->generation = (uint32_t) (broker->site->digest >> 32);
	broker->started_ms = ph_broker_now(broker);
	ph_buffer_init(&broker->record, PH_STORE_BODY_MAX);
	ph_status status = prepare(broker, err);
	if (status != PH_OK)
		ph_broker_destroy(&broker);
	else
		*out = broker;
	return status;
}

ph_status
ph_broker_run(ph_broker *broker, ph_error *err)
{
	ph_status status = ph_loop_run(broker->loop, err);
	if (status == PH_OK && broker->failed)
		status = ph_fail(err, PH_ERR_IO, "the store has failed");
	return status;
}

void
ph_broker_stop(ph_broker *broker)
{
	if (ph_supervise_stopping(broker))
		return;
	ph_log(PH_LOG_INFO, "stopping", "pid=%d", (int) getpid());
	ph_supervise_stop(broker);
}

static void
end_sessions(ph_broker *broker)
{
	size_t cursor = 0;
	ph_session *session;
	if (broker->sessions == NULL)
		return;
	if (broker->router != NULL)
		ph_greet_goodbye(broker);
	/* Whatever they hold stays as it is in the journal. */
	broker->failed = true;
	while ((session = ph_sessions_next(broker->sessions, &cursor)) != NULL)
		ph_greet_end(broker, session, "broker-stops");
}

static bool
nothing_left(void *self)
{
	(void) self;
	return false;
}

/* What was posted to the loop belongs to nobody else: let it run, with nothing around it. */
static void
run_last_posts(ph_broker *broker)
{
	if (broker->loop == NULL)
		return;
	if (broker->router != NULL)
		ph_loop_forget_socket(broker->loop, ph_socket_handle(broker->router));
	ph_loop_before(broker->loop, nothing_left, broker);
	(void) ph_loop_turn(broker->loop, 0, NULL);
}

void
ph_broker_destroy(ph_broker **broker_p)
{
	ph_broker *broker = *broker_p;
	*broker_p = NULL;
	if (broker == NULL)
		return;
	ph_error err = {.status = PH_OK};
	if (broker->store != NULL && ph_broker_flush(broker) == PH_OK &&
	    broker->checkpoints != NULL)
		ph_checkpoint_last(broker);
	ph_carry_rest(broker);
	end_sessions(broker);
	ph_checkpoint_close(&broker->checkpoints);
	ph_ledger_close(&broker->ledger);
	abandon_questions(broker);
	ph_operate_end(broker);
	ph_control_close(&broker->control);
	ph_supervise_destroy(broker);
	if (ph_store_close(&broker->store, &err) != PH_OK)
		ph_log(PH_LOG_ERROR, "store-failed", "text=%s", err.text);
	ph_timer_destroy(&broker->timer);
	ph_timer_destroy(&broker->idle);
	ph_timer_destroy(&broker->slow);
	run_last_posts(broker);
	ph_socket_destroy(&broker->router);
	ph_sessions_destroy(&broker->sessions);
	free_state(broker);
	ph_routes_destroy(&broker->routes);
	ph_tokens_destroy(&broker->tokens);
	ph_xref_destroy(&broker->xref);
	ph_loop_destroy(&broker->loop);
	ph_site_destroy(&broker->site);
	ph_buffer_fini(&broker->record);
	sodium_memzero(&broker->key, sizeof broker->key);
	free(broker);
}
