/*
 * How it works: acceptances and their records grow together, so the first entry of the backlog and
 * the first on each shelf have the oldest record that a delivery may need; a dead letter keeps its
 * entry. What a checkpoint needs, it says itself (ph_checkpoint_floor). The oldest extent goes when
 * it ends before all of them and is too old or one too many; then the next is looked at.
 */
#include "broker/retain.h"

#include <inttypes.h>

#include "broker/checkpoint.h"
#include "broker/refill.h"
#include "lib/base/log.h"

#define LOOK_MS	  500 /* between two looks */
#define LOOK_MOST 64  /* extents given back in one look */

static void
lower(ph_position *floor, uint64_t offset)
{
	if (offset < floor->offset)
		floor->offset = offset;
}

bool
ph_retain_floor(ph_broker *broker, ph_position *out)
{
	unsigned cursor = 0;
	const ph_destination *to;
	ph_shelf_entry shelved;
	if (broker->checkpoints == NULL || !ph_checkpoint_floor(broker, out))
		return false;
	const ph_entry *entry = ph_backlog_next(broker->backlog, 0);
	if (entry != NULL)
		lower(out, entry->offset);
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		if (ph_queue_count(to->queue)->shelved > 0 &&
		    ph_refill_next(broker, to, 0, &shelved))
			lower(out, shelved.offset);
	}
	return !broker->failed;
}

/* Is the oldest extent to go, seen only from its age and the room it takes? */
static bool
outlived(const ph_broker *broker, const ph_store_oldest *oldest, uint64_t used)
{
	const ph_options *options = &broker->site->options;
	int64_t age_ms = ph_broker_now(broker) - oldest->until_ms;
	return used > (uint64_t) ph_options_get(options, PH_OPTION_RETAIN_BYTES) ||
	       age_ms > ph_options_get(options, PH_OPTION_RETAIN_MS);
}

/* One extent. False: the oldest stays. */
static bool
give_one(ph_broker *broker, const ph_position *floor, bool at_once, ph_error *err)
{
	ph_store_oldest oldest;
	ph_store_space space;
	if (ph_store_oldest_of(broker->store, &oldest, err) != PH_OK ||
	    ph_store_space_left(broker->store, &space, err) != PH_OK ||
	    oldest.next.offset == 0 || oldest.next.offset > floor->offset ||
	    (!at_once && !outlived(broker, &oldest, space.used)))
		return false;
	if (ph_store_trim(broker->store, oldest.next, err) != PH_OK)
		return false;
	ph_log(PH_LOG_INFO, "trimmed", "before=%" PRIu64 " bytes=%" PRIu64,
	    oldest.next.offset, oldest.bytes);
	return true;
}

static void
look(ph_broker *broker, bool at_once)
{
	ph_position floor;
	ph_error err = {.status = PH_OK};
	broker->retain_ms = ph_clock_mono(broker->clock) + LOOK_MS;
	if (broker->failed || !ph_retain_floor(broker, &floor))
		return;
	unsigned given = 0;
	while (given < LOOK_MOST && give_one(broker, &floor, at_once, &err))
		given++;
	if (err.status == PH_ERR_IO)
		ph_log(PH_LOG_ERROR, "trim-failed", "where=%s text=%s", err.where,
		    err.text);
}

void
ph_retain_turn(ph_broker *broker)
{
	if (ph_clock_mono(broker->clock) >= broker->retain_ms)
		look(broker, !broker->accepting);
}

void
ph_retain_now(ph_broker *broker)
{
	look(broker, true);
}
