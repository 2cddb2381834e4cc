/*
 * How it works: everything is made here, in the order of who needs whom, recovered, and taken apart
 * again. What happens in between is in turn.c.
 */
#include "broker/lifecycle.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/carry.h"
#include "broker/checkpoint.h"
#include "broker/commit.h"
#include "broker/control.h"
#include "broker/greet.h"
#include "broker/keep.h"
#include "broker/journal.h"
#include "broker/operate_part.h"
#include "broker/recover.h"
#include "broker/retention.h"
#include "broker/state.h"
#include "broker/supervise.h"
#include "broker/turn.h"
#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/base/log.h"
#include "lib/base/os.h"
#include "lib/base/text.h"

#define XREF_KEEP     16384
#define TOKEN_LIFE_MS 60000
#define PATH_SIZE     4096
#define LOCK_WAIT_MS  3000 /* for the store of a broker that is just ending */
#define LOCK_LOOK_MS  10

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
	case PH_LEDGER_SHORT:
		ph_log(PH_LOG_ERROR, "ledger-short", "text=%s", text);
		break;
	}
}

/* ---- beginning ---- */

static ph_status
make_parts(ph_broker *broker, ph_error *err)
{
	const ph_options *options = &broker->site->options;
	broker->queue_memory =
	    (uint64_t) ph_options_get(options, PH_OPTION_QUEUE_MEMORY);
	ph_status status = ph_loop_new(broker->clock, &broker->loop, err);
	if (status == PH_OK)
		status = ph_state_make(broker, err);
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
	    ph_timer_new(broker->loop, ph_turn_due, broker, &broker->timer, err);
	if (status == PH_OK)
		status = ph_timer_new(
		    broker->loop, ph_turn_idle, broker, &broker->idle, err);
	if (status == PH_OK)
		status =
		    ph_timer_new(broker->loop, ph_turn_due, broker, &broker->slow, err);
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

/* Said whenever it was asked for, so that nobody leaves the option where it is. */
static void
go_past(ph_broker *broker, const ph_journal_report *report)
{
	if (!broker->past_damage)
		return;
	ph_damage_found(broker, report);
	ph_log(PH_LOG_WARN, "journal-past-damage",
	    "ranges=%zu records=%" PRIu64 " text=%s", broker->damage.count,
	    broker->damage.records,
	    broker->damage.count == 0 ? "there is none: start without --past-damage"
				      : "what was in them is lost");
}

static void
partition_assigned(void *self, uint32_t partition)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	PH_ASSERT(partition == 0);
	broker->partition_held = true;
}

/* Another broker is to have it: what this one has in memory is worth nothing any more. */
static void
partition_revoked(void *self, uint32_t partition, ph_position end)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	char place[PH_JOURNAL_PLACE];
	ph_journal_place_text(end.offset, place);
	ph_log(PH_LOG_ERROR, "store-revoked", "partition=%u end=%s", partition, place);
	broker->partition_held = false;
	broker->failed = true;
	ph_loop_stop(broker->loop);
}

static ph_status
own_store(ph_broker *broker, ph_error *err)
{
	const ph_store_owner owner = {broker, partition_assigned, partition_revoked};
	ph_store_own(broker->store, &owner);
	int64_t until_ms = ph_clock_mono(broker->clock) + LOCK_WAIT_MS;
	ph_status status = PH_OK;
	/* Who has it may be about to let it go. */
	while (status == PH_OK && !broker->partition_held &&
	       ph_clock_mono(broker->clock) < until_ms) {
		(void) poll(NULL, 0, LOCK_LOOK_MS);
		status = ph_store_poll(broker->store, false, NULL, err);
	}
	if (status == PH_OK && !broker->partition_held)
		status = ph_fail(err, PH_ERR_CLOSED,
		    "PH5374 the store has given this broker no partition");
	return status;
}

static ph_status
open_journal(ph_broker *broker, ph_error *err)
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
	    .age_ms = ph_retention_end_ms(options),
	    .thread = !broker->alone,
	    .overlap = !broker->alone,
	    .past_damage = broker->past_damage,
	    .clock = broker->clock,
	    .fs = broker->fs,
	    .keep_bytes = UINT64_MAX}; /* until the state is known */
	int64_t until_ms = ph_clock_mono(broker->clock) + LOCK_WAIT_MS;
	ph_status status = ph_journal_open(&config, &broker->store, &report, err);
	/* The one before us may have been killed a moment ago and not be gone yet. */
	while (status == PH_ERR_AGAIN && ph_clock_mono(broker->clock) < until_ms) {
		(void) poll(NULL, 0, LOCK_LOOK_MS);
		status = ph_journal_open(&config, &broker->store, &report, err);
	}
	tell_recovery(&report);
	if (status == PH_OK)
		go_past(broker, &report);
	return status;
}

static ph_status
open_store(ph_broker *broker, ph_error *err)
{
	ph_status status = broker->store == NULL ? open_journal(broker, err) : PH_OK;
	return status == PH_OK ? own_store(broker, err) : status;
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
	if (status == PH_OK)
		ph_keep_tell(broker);
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
		status = ph_router_ahead(broker->router,
		    (int) ph_options_get(options, PH_OPTION_PEER_FRAMES), err);
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
		    ph_turn_frames, broker, err);
	ph_loop_before(broker->loop, ph_turn_end, broker);
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
start_hosts(ph_broker *broker, ph_error *err)
{
	return ph_supervise_start(broker, ph_greet_host_gone, err);
}

static ph_status
prepare(ph_broker *broker, ph_error *err)
{
	uint8_t random[16];
	static ph_status (*const steps[])(ph_broker *, ph_error *) = {make_parts,
	    make_timers, open_store, open_ledger, recover, open_control,
	    listen_everywhere, start_hosts};
	if (sodium_init() < 0)
		return ph_fail(err, PH_ERR_IO, "the cryptographic library refuses");
	ph_status status = make_directories(broker->site, err);
	if (status == PH_OK)
		status = ph_os_random(random, sizeof random, err);
	if (status == PH_OK)
		status =
		    ph_sitekey_load(broker->fs, broker->site->state, &broker->key, err);
	ph_hex_encode(random, sizeof random, broker->instance);
	for (size_t i = 0; status == PH_OK && i < sizeof steps / sizeof steps[0]; i++)
		status = steps[i](broker, err);
	return status;
}

static void
use_seams(ph_broker *broker, const ph_broker_seams *seams)
{
	broker->clock = seams->clock != NULL ? seams->clock : ph_clock_system();
	broker->fs = seams->fs != NULL ? seams->fs : ph_fs_system();
	broker->shelf_entries = seams->shelf_entries;
	broker->alone = seams->alone;
	broker->past_damage = seams->past_damage;
	broker->store = seams->store;
	broker->retain_by_ms = INT64_MAX;
}

ph_status
ph_broker_new(
    ph_site **site_p, const ph_broker_seams *seams, ph_broker **out, ph_error *err)
{
	ph_broker *broker = calloc(1, sizeof *broker);
	if (broker == NULL) {
		ph_store *store = seams->store;
		(void) ph_store_close(&store, NULL);
		ph_site_destroy(site_p);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the broker");
	}
	broker->magic = PH_BROKER_MAGIC;
	use_seams(broker, seams);
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
	if (status == PH_OK && !broker->partition_held)
		status = ph_fail(err, PH_ERR_CLOSED,
		    "PH5375 another broker has been given the partition");
	else if (status == PH_OK && broker->failed)
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
	ph_questions_abandon(broker);
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
	ph_state_free(broker);
	ph_routes_destroy(&broker->routes);
	ph_tokens_destroy(&broker->tokens);
	ph_xref_destroy(&broker->xref);
	ph_loop_destroy(&broker->loop);
	ph_site_destroy(&broker->site);
	ph_buffer_fini(&broker->record);
	sodium_memzero(&broker->key, sizeof broker->key);
	free(broker);
}
