/*
 * refill - what of a queue is in memory, and what waits on its shelf.
 *
 * A queue keeps `queue-memory` ready deliveries in memory. What is accepted beyond that, and all
 * that is accepted while something is on the shelf, goes to the end of the shelf; from its front it
 * comes into memory again as room is made. So what is in memory is always older than what is on the
 * shelf, and each key keeps its order. Whatever was handed out once stays in memory until it has
 * ended.
 *
 * Where nothing that is in memory can be handed out, since every key waits for its first, more is
 * loaded: up to PH_REFILL_SPREAD times as much. So a key that is stuck does not hold up the others,
 * unless so many are.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_FULL, PH_ERR_IO; a shelf that cannot be read fails the
 * broker (`shelf-failed`), for the next start makes it again from the journal.
 */
#ifndef PH_BROKER_REFILL_H
#define PH_BROKER_REFILL_H

#include "broker/broker.h"

#define PH_REFILL_SPREAD 8

/* Must what is accepted now go to the shelf? */
static inline bool
ph_refill_full(const ph_broker *broker, const ph_destination *to)
{
	const ph_queue_counts *counts = ph_queue_count(to->queue);
	return counts->shelved > 0 || counts->ready >= broker->queue_memory;
}

/* Room for one more wherever it will go, so that adding it cannot fail. */
ph_status ph_refill_reserve(ph_broker *broker, ph_destination *to, ph_error *err);
/* It goes to the shelf, for which there is room. */
void ph_refill_shelve(ph_destination *to, const ph_shelf_entry *entry);
/* Somebody has credit: load what there should be in memory. */
void ph_refill(ph_broker *broker, ph_destination *to);
/* An item that is not in memory: from the shelf, with all before it, if it is there. */
ph_item *ph_refill_reach(ph_broker *broker, ph_destination *to, uint64_t acceptance);

/* The item of an acceptance in this queue (NULL allowed); NULL: there is none. */
static inline ph_item *
ph_refill_item(ph_broker *broker, ph_destination *to, uint64_t acceptance)
{
	if (to == NULL)
		return NULL;
	ph_entry *entry = ph_backlog_find(broker->backlog, acceptance);
	ph_item *item =
	    entry == NULL ? NULL : ph_entry_item(entry, ph_queue_number(to->queue));
	if (item != NULL || ph_queue_count(to->queue)->shelved == 0)
		return item;
	return ph_refill_reach(broker, to, acceptance);
}

/* On the shelf by its number; false: it is not there. */
bool ph_refill_find(ph_broker *broker, const ph_destination *to, uint64_t acceptance,
    ph_shelf_entry *out);
/* One that was found: its record is at another place, where it is durable. */
void ph_refill_move(
    ph_broker *broker, const ph_destination *to, uint64_t acceptance, uint64_t offset);
/* The first on the shelf after this acceptance; false: none. */
bool ph_refill_next(
    ph_broker *broker, const ph_destination *to, uint64_t after, ph_shelf_entry *out);

/* A checkpoint's part of a queue that has a shelf; `paths` as ph_shelf_save has it. */
ph_status ph_refill_save(
    ph_destination *to, ph_buffer *section, ph_buffer *paths, ph_error *err);
/* The directory of all shelves. `size` bytes at `out`. */
ph_status ph_refill_directory(
    const ph_broker *broker, char *out, size_t size, ph_error *err);
/* The same part into a queue that has no shelf yet. */
ph_status ph_refill_load(
    ph_broker *broker, ph_destination *to, ph_reader *section, ph_error *err);

/* Before and after the journal is read: what earlier processes left is removed; and what is on
 * shelves now was there before this process. */
ph_status ph_refill_begin(ph_broker *broker, ph_error *err);
void ph_refill_recovered(ph_broker *broker);

#endif
