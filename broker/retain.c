/*
 * How it works: what a checkpoint needs, it says itself (ph_checkpoint_floor); what deliveries and
 * letters need, carry knows (ph_carry_floor). The oldest extent goes when it ends before both and is
 * too old or one too many; then the next is looked at. What stands in the way of others that have
 * outlived it too is carried.
 */
#include "broker/retain.h"

#include <inttypes.h>

#include "broker/carry.h"
#include "broker/checkpoint.h"
#include "broker/journal_range.h"
#include "broker/keep.h"
#include "broker/retention.h"
#include "lib/base/log.h"

#define LOOK_MS	  500	/* between two looks */
#define QUIET_MS  60000 /* between two looks where nothing happens */
#define LOOK_MOST 64	/* extents given back in one look */

bool
ph_retain_floor(ph_broker *broker, ph_position *out)
{
	ph_position kept;
	return broker->checkpoints != NULL && ph_checkpoint_floor(broker, &kept) &&
	       ph_carry_floor(broker, kept, out);
}

/* One extent. False: the oldest stays. */
static bool
give_one(ph_broker *broker, const ph_position *floor, bool at_once, ph_error *err)
{
	ph_store_span oldest;
	ph_store_space space;
	char place[PH_JOURNAL_PLACE];
	ph_position first = {.offset = 0};
	if (ph_store_span_of(broker->store, first, &oldest, err) != PH_OK ||
	    ph_store_space_left(broker->store, &space, err) != PH_OK)
		return false;
	ph_carry_trimmed(broker, oldest.begin);
	if (oldest.next.offset == 0 || oldest.next.offset > floor->offset ||
	    (!at_once && !ph_retention_outlived(broker, &oldest, space.used)))
		return false;
	if (ph_store_trim(broker->store, oldest.next, err) != PH_OK)
		return false;
	ph_journal_place_text(oldest.next.offset, place);
	ph_log(PH_LOG_INFO, "trimmed", "before=%s bytes=%" PRIu64, place, oldest.bytes);
	return true;
}

/* Would an extent that ends there be free, if this were the place of both checkpoints? */
static bool
reaches(ph_broker *broker, ph_position floor, ph_position end)
{
	ph_position out;
	return floor.offset >= end.offset && ph_carry_floor(broker, floor, &out);
}

/* Has the ledger come so far that a snapshot of it could be trimmed to? */
static bool
ledger_reaches(const ph_broker *broker, ph_position end)
{
	ph_ledger_state state;
	if (broker->ledger == NULL)
		return true;
	ph_ledger_look(broker->ledger, &state);
	return state.applied.offset >= end.offset;
}

/* A record that says nothing, for everyone to stand at. */
static void
step(ph_broker *broker)
{
	const ph_record_bindings none = {.count = 0};
	ph_error err = {.status = PH_OK};
	uint64_t offset = 0;
	ph_buffer_clear(&broker->record);
	ph_record_bind_encode(&none, &broker->record);
	if (ph_broker_submit(broker, PH_RECORD_BIND, PH_STORE_ESSENTIAL, NULL, 0,
		&offset, &err) != PH_OK)
		ph_log(PH_LOG_WARN, "trim-failed", "where=%s text=%s", err.where,
		    err.text);
}

/* When who has nothing to do looks again: the newest extent may have to end, and the oldest to go. */
static int64_t
look_again(const ph_broker *broker, const ph_store_span *oldest)
{
	const ph_options *options = &broker->site->options;
	int64_t wait_ms = ph_retention_end_ms(options);
	int64_t left_ms = oldest->next.offset == 0
			      ? QUIET_MS
			      : ph_options_get(options, PH_OPTION_RETAIN_MS) +
				    oldest->until_ms - ph_broker_now(broker);
	if (left_ms < wait_ms)
		wait_ms = left_ms;
	if (wait_ms < LOOK_MS)
		wait_ms = LOOK_MS;
	return wait_ms < QUIET_MS ? wait_ms : QUIET_MS;
}

/*
 * Who has nothing to do takes no checkpoints, and what is too old would stay until something comes. So
 * the oldest extent that can go with younger checkpoints asks for them, and the next look is not left
 * to what comes. If the last record itself is too old for that, because it is in that extent, one is
 * written that says nothing.
 */
static void
look_ahead(ph_broker *broker, bool at_once)
{
	ph_store_span oldest;
	ph_store_space space;
	ph_position floor = {.offset = 0};
	int64_t now_ms = ph_clock_mono(broker->clock);
	if (ph_store_span_of(broker->store, floor, &oldest, NULL) != PH_OK ||
	    ph_store_space_left(broker->store, &space, NULL) != PH_OK)
		return;
	broker->retain_by_ms = now_ms + look_again(broker, &oldest);
	(void) ph_checkpoint_floor(broker, &floor);
	bool late = oldest.next.offset != 0 &&
		    (at_once || ph_retention_outlived(broker, &oldest, space.used));
	bool reached = reaches(broker, floor, oldest.next);
	bool reachable = reaches(broker, broker->last_position, oldest.next);
	bool carrying = ph_carry_at_work(broker);
	broker->retain_waits = late && !reached && reachable;
	broker->retain_urgent = broker->retain_waits && !broker->accepting &&
				ledger_reaches(broker, oldest.next);
	if (late && !reachable && !carrying &&
	    reaches(broker, ph_store_durable(broker->store), oldest.next))
		step(broker);
	if (!broker->accepting || (late && (!reached || carrying)))
		broker->retain_by_ms = now_ms + LOOK_MS;
}

static void
give(ph_broker *broker, bool at_once)
{
	ph_position floor;
	ph_error err = {.status = PH_OK};
	if (broker->failed || !ph_retain_floor(broker, &floor))
		return;
	unsigned given = 0;
	while (given < LOOK_MOST && give_one(broker, &floor, at_once, &err))
		given++;
	if (err.status == PH_ERR_IO)
		ph_log(PH_LOG_ERROR, "trim-failed", "where=%s text=%s", err.where,
		    err.text);
	else if (ph_checkpoint_floor(broker, &floor))
		ph_carry_begin(broker, floor, at_once);
}

static void
look(ph_broker *broker, bool at_once)
{
	broker->retain_ms = ph_clock_mono(broker->clock) + LOOK_MS;
	broker->retain_by_ms = INT64_MAX;
	broker->retain_urgent = false;
	ph_keep_tell(broker);
	give(broker, at_once);
	if (!broker->failed && broker->checkpoints != NULL)
		look_ahead(broker, at_once);
}

bool
ph_retain_turn(ph_broker *broker)
{
	int64_t now_ms = ph_clock_mono(broker->clock);
	if (now_ms >= broker->retain_by_ms)
		ph_timer_set(broker->idle, 0); /* the store looks at its own age */
	if (now_ms < broker->retain_ms)
		return false;
	look(broker, !broker->accepting);
	return true;
}

void
ph_retain_now(ph_broker *broker)
{
	look(broker, true);
}
