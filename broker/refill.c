/*
 * How it works: loading is cheap (an entry has all that a place in the queue needs), so it is done in
 * the turn that hands out, when less than half of what may be in memory is there.
 *
 * Reading the journal at start enters outcomes of deliveries that were in memory when they were
 * written, and may be on the shelf now. Loading was in order then, and so all before such a one was in
 * memory too: it is loaded, with all before it, whatever that comes to. Afterwards the same is done
 * for what a session claims or settles that an earlier process may have handed out: it held that
 * in flight, beside what waited, so there is room for as much.
 */
#include "broker/refill.h"

#include <stdio.h>

#include "broker/reshelve.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define IN_FLIGHT_MOST 100000 /* what sessions may hold beside what waits */
#define PATH_SIZE      4096

ph_status
ph_refill_directory(const ph_broker *broker, char *out, size_t size, ph_error *err)
{
	if (snprintf(out, size, "%s/shelf", broker->site->state) >= (int) size - 64)
		return ph_fail(err, PH_ERR_TOO_LARGE, "the state's path is too long");
	return PH_OK;
}

static ph_status
make_shelf(ph_broker *broker, ph_destination *to, ph_error *err)
{
	char directory[PATH_SIZE];
	ph_status status =
	    ph_refill_directory(broker, directory, sizeof directory, err);
	if (status != PH_OK)
		return status;
	ph_shelf_config config = {.fs = broker->fs,
	    .directory = directory,
	    .queue = ph_queue_number(to->queue),
	    .file_entries = broker->shelf_entries};
	return ph_shelf_new(&config, &to->shelf, err);
}

ph_status
ph_refill_reserve(ph_broker *broker, ph_destination *to, ph_error *err)
{
	if (!ph_refill_full(broker, to))
		return ph_queue_reserve(to->queue, err);
	ph_store_expect_read(broker->store);
	ph_status status = to->shelf == NULL ? make_shelf(broker, to, err) : PH_OK;
	return status == PH_OK ? ph_shelf_reserve(to->shelf, err) : status;
}

void
ph_refill_shelve(ph_destination *to, const ph_shelf_entry *entry)
{
	PH_ASSERT(to->shelf != NULL);
	ph_shelf_add(to->shelf, entry);
	ph_queue_shelve(to->queue);
}

/* A shelf that cannot be used: the next start makes it again. */
static void
spoil(ph_broker *broker, const ph_destination *to, const ph_error *err)
{
	ph_log(PH_LOG_ERROR, "shelf-failed", "queue=%s where=%s text=%s",
	    ph_queue_name(to->queue), err->where, err->text);
	/* A start looks at a few entries only, and would believe the rest again. */
	if (err->status == PH_ERR_DAMAGED || err->status == PH_ERR_IO)
		ph_shelf_condemn(to->shelf);
	broker->failed = true;
}

/* The first of the shelf gets an item. */
static ph_status
load_first(ph_broker *broker, ph_destination *to, ph_error *err)
{
	ph_shelf_entry first;
	uint16_t queue = ph_queue_number(to->queue);
	ph_status status = ph_shelf_first(to->shelf, &first, err);
	if (status == PH_OK)
		status = ph_queue_reserve(to->queue, err);
	if (status != PH_OK)
		return status;
	ph_entry *entry =
	    ph_backlog_add(broker->backlog, first.number, &queue, 1, NULL);
	if (entry == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a message");
	entry->offset = first.offset;
	entry->key = first.key;
	entry->accepted_ms = first.accepted_ms;
	/* What an earlier process may have handed out is said to be so. */
	if (first.number <= broker->recovered && ph_destination_repeatable(to))
		entry->items[0].flags |= PH_ITEM_RECOVERED;
	if (first.number <= broker->damage.doubt && !ph_destination_repeatable(to))
		entry->items[0].flags |= PH_ITEM_SENT | PH_ITEM_POSSIBLY;
	ph_shelf_drop(to->shelf);
	ph_queue_load(to->queue, &entry->items[0]);
	return PH_OK;
}

/* False: nothing more can be loaded now. */
static bool
load(ph_broker *broker, ph_destination *to)
{
	ph_error err = {.status = PH_OK};
	if (broker->failed || ph_queue_count(to->queue)->shelved == 0)
		return false;
	ph_status status = load_first(broker, to, &err);
	/* Without memory it is tried again in another turn. */
	if (status != PH_OK && (status != PH_ERR_NOMEM || broker->recovering))
		spoil(broker, to, &err);
	return status == PH_OK;
}

/* What may still come into memory, of whatever is behind keys that wait. */
static uint64_t
room(const ph_broker *broker, const ph_destination *to, uint64_t more)
{
	const ph_queue_counts *counts = ph_queue_count(to->queue);
	uint64_t most = broker->queue_memory * PH_REFILL_SPREAD + more;
	uint64_t there =
	    counts->ready - counts->shelved + counts->waiting + counts->unknown;
	return there >= most ? 0 : most - there;
}

void
ph_refill(ph_broker *broker, ph_destination *to)
{
	const ph_queue_counts *counts = ph_queue_count(to->queue);
	uint64_t ready = counts->ready - counts->shelved;
	uint64_t left = room(broker, to, 0);
	if (ready <= broker->queue_memory / 2) {
		uint64_t want = broker->queue_memory - ready;
		left -= want < left ? want : left;
		while (room(broker, to, 0) > left && load(broker, to))
			;
	}
	while (ph_queue_first(to->queue) == NULL && room(broker, to, 0) > 0 &&
	       load(broker, to))
		;
}

ph_item *
ph_refill_reach(ph_broker *broker, ph_destination *to, uint64_t acceptance)
{
	ph_shelf_entry found;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_shelf_find(to->shelf, acceptance, &found, &err);
	if (status != PH_OK && status != PH_ERR_NOT_FOUND)
		spoil(broker, to, &err);
	if (status != PH_OK)
		return NULL;
	ph_entry *entry = NULL;
	/* This process has handed out nothing that is on the shelf; an earlier one may have. */
	if (!broker->recovering && acceptance > broker->recovered)
		return NULL;
	while ((broker->recovering || room(broker, to, IN_FLIGHT_MOST) > 0) &&
	       load(broker, to)) {
		entry = ph_backlog_find(broker->backlog, acceptance);
		ph_item *item = entry == NULL
				    ? NULL
				    : ph_entry_item(entry, ph_queue_number(to->queue));
		if (item != NULL)
			return item;
	}
	return NULL;
}

bool
ph_refill_next(
    ph_broker *broker, const ph_destination *to, uint64_t after, ph_shelf_entry *out)
{
	ph_error err = {.status = PH_OK};
	if (ph_queue_count(to->queue)->shelved == 0)
		return false;
	ph_status status = ph_shelf_next(to->shelf, after, out, &err);
	if (status != PH_OK && status != PH_ERR_NOT_FOUND)
		spoil(broker, to, &err);
	return status == PH_OK;
}

bool
ph_refill_find(ph_broker *broker, const ph_destination *to, uint64_t acceptance,
    ph_shelf_entry *out)
{
	ph_error err = {.status = PH_OK};
	if (ph_queue_count(to->queue)->shelved == 0)
		return false;
	ph_status status = ph_shelf_find(to->shelf, acceptance, out, &err);
	if (status != PH_OK && status != PH_ERR_NOT_FOUND)
		spoil(broker, to, &err);
	return status == PH_OK;
}

void
ph_refill_move(
    ph_broker *broker, const ph_destination *to, uint64_t acceptance, uint64_t offset)
{
	ph_error err = {.status = PH_OK};
	if (ph_shelf_move(to->shelf, acceptance, offset, &err) != PH_OK)
		spoil(broker, to, &err);
}

ph_status
ph_refill_save(ph_destination *to, ph_buffer *section, ph_buffer *paths, ph_error *err)
{
	PH_ASSERT(to->shelf != NULL &&
		  ph_shelf_count(to->shelf) == ph_queue_count(to->queue)->shelved);
	return ph_shelf_save(to->shelf, section, paths, err);
}

/* The files of a shelf are not what they were: `why`. */
static ph_status
remake(ph_broker *broker, ph_destination *to, const ph_error *why, ph_error *err)
{
	ph_log(PH_LOG_ERROR, "shelf-lost", "queue=%s text=%s", ph_queue_name(to->queue),
	    why->text);
	return ph_reshelve(broker, to, err);
}

ph_status
ph_refill_load(ph_broker *broker, ph_destination *to, ph_reader *section, ph_error *err)
{
	ph_shelf_range lost;
	ph_error why = {.status = PH_OK};
	PH_ASSERT(to->shelf == NULL);
	ph_status status = make_shelf(broker, to, err);
	if (status == PH_OK)
		status = ph_shelf_load(to->shelf, section, &why);
	if (status == PH_ERR_DAMAGED && ph_shelf_lost(to->shelf, 0, &lost))
		status = remake(broker, to, &why, err);
	else if (status != PH_OK && why.status != PH_OK && err != NULL)
		*err = why;
	if (status == PH_OK)
		ph_queue_restore_shelved(to->queue, ph_shelf_count(to->shelf));
	return status;
}

static bool
still_wanted(void *self, uint16_t queue, uint64_t serial)
{
	const ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	const ph_destination *to = ph_destinations_get(broker->destinations, queue);
	return to != NULL && to->shelf != NULL && ph_shelf_keeps(to->shelf, serial);
}

ph_status
ph_refill_begin(ph_broker *broker, ph_error *err)
{
	char directory[PATH_SIZE];
	broker->recovering = true;
	ph_status status =
	    ph_refill_directory(broker, directory, sizeof directory, err);
	return status == PH_OK
		   ? ph_shelf_sweep(broker->fs, directory, still_wanted, broker, err)
		   : status;
}

void
ph_refill_recovered(ph_broker *broker)
{
	broker->recovering = false;
	broker->recovered = broker->last_acceptance;
}
