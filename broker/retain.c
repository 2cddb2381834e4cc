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

/*
 * Who has nothing to do takes no checkpoints, and what is too old would stay until something comes. So
 * the oldest extent that can go with younger checkpoints asks for them, and the next look is not left
 * to what comes.
 */
static void
look_ahead(ph_broker *broker)
{
	ph_store_span oldest;
	ph_store_space space;
	ph_position floor = {.offset = 0};
	if (ph_store_span_of(broker->store, floor, &oldest, NULL) != PH_OK ||
	    ph_store_space_left(broker->store, &space, NULL) != PH_OK ||
	    oldest.next.offset == 0)
		return;
	broker->retain_by_ms = ph_clock_mono(broker->clock) + QUIET_MS;
	int64_t left_ms = ph_options_get(&broker->site->options, PH_OPTION_RETAIN_MS) +
			  oldest.until_ms - ph_broker_now(broker);
	if (left_ms < QUIET_MS)
		broker->retain_by_ms +=
		    (left_ms > LOOK_MS ? left_ms : LOOK_MS) - QUIET_MS;
	if (!broker->accepting && left_ms > LOOK_MS)
		broker->retain_by_ms = broker->retain_ms;
	(void) ph_checkpoint_floor(broker, &floor);
	broker->retain_waits = (!broker->accepting || ph_retention_outlived(broker,
							  &oldest, space.used)) &&
			       !reaches(broker, floor, oldest.next) &&
			       reaches(broker, broker->last_position, oldest.next);
	broker->retain_urgent = broker->retain_waits && !broker->accepting &&
				ledger_reaches(broker, oldest.next);
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
		look_ahead(broker);
}

bool
ph_retain_turn(ph_broker *broker)
{
	if (ph_clock_mono(broker->clock) < broker->retain_ms)
		return false;
	look(broker, !broker->accepting);
	return true;
}

void
ph_retain_now(ph_broker *broker)
{
	look(broker, true);
}
