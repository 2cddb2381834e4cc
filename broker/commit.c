/*
 * How it works: positions grow, so one position is enough to know when a batch is durable: that of
 * the last record submitted before it was begun (`gate`). Sealing happens after the start, while
 * the disk is at work already; nothing is submitted between the two.
 */
#include "broker/commit.h"

#include <poll.h>

#include "broker/carry.h"
#include "broker/crashpoint.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define IDLE_MS	       100
#define SLOW_PEER_MS   5
#define OVERLAP_BYTES  (128u << 10) /* what is less is flushed sooner than handed over */
#define MUTANT_DISK_MS 300 /* a slow disk lets what was said too early get out */

/* The window of duplicates is a cache of what is durable: trouble with it is told, no more. */
static void
flush_duplicates(ph_broker *broker)
{
	ph_error err = {.status = PH_OK};
	if (ph_duplicates_flush(broker->duplicates, &err) != PH_OK)
		ph_log(PH_LOG_ERROR, "duplicates-short", "text=%s", err.text);
}

static ph_status
fail(ph_broker *broker, const ph_error *err)
{
	ph_log(PH_LOG_ERROR, "store-failed", "where=%s text=%s", err->where, err->text);
	broker->failed = true;
	return PH_ERR_IO;
}

/* A batch is durable, and all before it. */
static void
note_durable(ph_broker *broker, ph_position durable)
{
	broker->away = false;
	flush_duplicates(broker);
	if (broker->ledger != NULL)
		ph_ledger_durable(broker->ledger, durable);
	ph_carry_flushed(broker); /* what was carried before the batch was begun */
	ph_timer_set(broker->idle, IDLE_MS);
}

static void
say(ph_broker *broker, int64_t now_ms)
{
	if (ph_sessions_send(broker->sessions, broker->router, now_ms))
		ph_timer_set(broker->slow, SLOW_PEER_MS);
}

void
ph_commit_recovered(ph_broker *broker)
{
	flush_duplicates(broker);
}

ph_status
ph_broker_flush(ph_broker *broker)
{
	ph_error err = {.status = PH_OK};
	ph_position durable = {.offset = 0};
	if (broker->failed)
		return PH_ERR_IO;
	if (!broker->dirty && !broker->away)
		return PH_OK;
	broker->dirty = false;
	broker->begun_bytes = broker->written;
	if (ph_store_flush(broker->store, &durable, &err) != PH_OK)
		return fail(broker, &err);
	note_durable(broker, durable);
	return broker->failed ? PH_ERR_IO : PH_OK;
}

bool
ph_commit_landed(const ph_broker *broker)
{
	ph_position durable = {.offset = 0};
	PH_ASSERT(broker->away);
	return ph_store_poll(broker->store, false, &durable, NULL) != PH_OK ||
	       durable.offset > broker->gate.offset;
}

bool
ph_commit_clear(ph_broker *broker, bool wait, int64_t now_ms)
{
	ph_error err = {.status = PH_OK};
	ph_position durable = {.offset = 0};
	if (!broker->away || broker->failed)
		return true;
	if (ph_store_poll(broker->store, wait, &durable, &err) != PH_OK) {
		(void) fail(broker, &err);
		return true;
	}
	if (durable.offset <= broker->gate.offset)
		return false;
	note_durable(broker, durable);
	if (!broker->failed)
		say(broker, now_ms);
	return true;
}

/* Is it worth handing over? */
static bool
worth_starting(const ph_broker *broker)
{
	return broker->dirty && broker->written - broker->begun_bytes >= OVERLAP_BYTES;
}

static ph_status
start(ph_broker *broker, int64_t now_ms)
{
	ph_error err = {.status = PH_OK};
	broker->dirty = false;
	broker->begun_bytes = broker->written;
	broker->gate = broker->last_position;
	if (ph_store_start(broker->store, &err) != PH_OK)
		return fail(broker, &err);
	broker->away = true;
	ph_sessions_seal(broker->sessions);
	/* A store that does one thing at a time is done with it. */
	(void) ph_commit_clear(broker, false, now_ms);
	return broker->failed ? PH_ERR_IO : PH_OK;
}

/* A mistake that a test build makes: everything is said, and the disk is slow. */
static void
say_early(ph_broker *broker, const char *mutant, int64_t now_ms)
{
	(void) mutant;
	if (!PH_MUTANT(mutant))
		return;
	ph_sessions_seal(broker->sessions);
	say(broker, now_ms);
	(void) poll(NULL, 0, MUTANT_DISK_MS);
}

ph_status
ph_commit_turn(ph_broker *broker, bool wait, int64_t now_ms)
{
	PH_ASSERT(wait || !broker->away || broker->failed);
	if (!broker->failed && !wait && worth_starting(broker)) {
		say_early(broker, "ack-away", now_ms);
		return start(broker, now_ms);
	}
	if (broker->dirty)
		say_early(broker, "ack-early", now_ms);
	if (ph_broker_flush(broker) != PH_OK)
		return PH_ERR_IO;
	ph_sessions_seal(broker->sessions);
	say(broker, now_ms);
	return PH_OK;
}
