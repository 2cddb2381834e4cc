/*
 * queue - one destination's deliveries: what is ready, what waits, and the order of each key.
 *
 * Of the deliveries with one ordering key only the first (the *head*) can be handed out; the others
 * stand behind it until it is gone or dead. Deliveries of other keys never wait for it, and those
 * without a key are all heads. Every move goes through the state machine of delivery.h, and asserts
 * that the move can be.
 *
 * The queue owns no item: items live in the backlog, which frees them once they are `gone`.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_QUEUE_H
#define PH_BROKER_QUEUE_H

#include "broker/backlog.h"
#include "broker/books.h"

/* Who holds deliveries: a subscription starts with this. */
struct ph_holding {
	ph_item *first, *last; /* in flight, oldest first */
	uint32_t count;
};

/* Why an item is dead, in short; the record it was read from has the rest. */
struct ph_letter {
	int64_t dead_ms; /* wall */
	uint64_t offset; /* of the record that says why */
	uint8_t record;	 /* its type: an outcome, or the acceptance itself */
	char stage[16];
	char reason[32];
};

/* How often each state is taken; `ready` counts those behind a head too. */
typedef struct ph_queue_counts {
	uint64_t ready, waiting, in_flight, unknown;
	uint64_t
	    shelved;   /* of the ready ones: not in memory, but on the queue's shelf */
	uint64_t dead; /* dead letters there are now */
} ph_queue_counts;

typedef struct ph_queue ph_queue;

ph_status ph_queue_new(
    uint16_t number, const char *name, ph_queue **out, ph_error *err);
/* Items are left alone; letters are freed. NULL allowed. */
void ph_queue_destroy(ph_queue **queue_p);
uint16_t ph_queue_number(const ph_queue *queue);
const char *ph_queue_name(const ph_queue *queue);

/* Room for one more item, so that the next ph_queue_add cannot fail. */
ph_status ph_queue_reserve(ph_queue *queue, ph_error *err);
/* A new item: ready, at the end of its key. Counted as accepted. */
void ph_queue_add(ph_queue *queue, ph_item *item);
/* A new item that is a dead letter from the start. Counted as accepted and dead. */
void ph_queue_add_dead(ph_queue *queue, ph_item *item, ph_letter **letter_p);

/* One without an item: it went to the shelf. Counted as accepted. */
void ph_queue_shelve(ph_queue *queue);
/* One from the shelf has an item now: ready, at the end of its key. */
void ph_queue_load(ph_queue *queue, ph_item *item);

/* The ready head that came first; NULL if there is none. */
ph_item *ph_queue_first(const ph_queue *queue);
/* The ready head after this one. */
ph_item *ph_queue_after(const ph_item *item);
/* Hand a ready head out. */
void ph_queue_take(ph_queue *queue, ph_item *item, ph_holding *holder);
/* A holder says that it has this item: false if another of the key is in flight. */
bool ph_queue_claim(ph_queue *queue, ph_item *item, ph_holding *holder);

/* Settled: counted as delivered or duplicate; the item is gone, release it. */
void ph_queue_done(ph_queue *queue, ph_item *item, bool duplicate);
/* Again, not before `due_ms` (mono). Without memory: at once. */
void ph_queue_retry(ph_queue *queue, ph_item *item, int64_t due_ms);
/* A dead letter now. *letter_p is taken. */
void ph_queue_fail(ph_queue *queue, ph_item *item, ph_letter **letter_p);
/* Its holder is gone and it may be handed out again, before the others. */
void ph_queue_return(ph_queue *queue, ph_item *item);
/* It may have been sent, and nobody here knows. */
void ph_queue_lose(ph_queue *queue, ph_item *item);
/* A dead letter is ready again, at the end of its key. False: no memory. */
bool ph_queue_replay(ph_queue *queue, ph_item *item);
/* A dead letter is given up: the item is gone, release it. */
void ph_queue_discard(ph_queue *queue, ph_item *item);

/* Make ready what is due; returns how many. */
size_t ph_queue_due(ph_queue *queue, int64_t now_ms);
/* Make one that waits ready before its time. */
void ph_queue_hurry(ph_queue *queue, ph_item *item);
/* When the next one is due (mono); INT64_MAX if none waits. */
int64_t ph_queue_next_due(const ph_queue *queue);

/* The waiting item at a place of the heap, from 0; NULL past the last. */
ph_item *ph_queue_waiting(const ph_queue *queue, size_t at);
/* First in unknown, first dead letter; go on with `next`. */
ph_item *ph_queue_unknown(const ph_queue *queue);
ph_item *ph_queue_dead(const ph_queue *queue);
const ph_queue_counts *ph_queue_count(const ph_queue *queue);
/* Deliveries that are neither gone nor dead. */
uint64_t ph_queue_pending(const ph_queue *queue);
const ph_books *ph_queue_books(const ph_queue *queue);

/* Coming back from a checkpoint: an item that is nowhere yet is put where its state has it, behind
 * those of its key that came before it. The books are not touched. `state` is ready, waiting (until
 * `due_ms`), unknown or dead (*letter_p is taken). PH_ERR_DAMAGED: one that stands behind another
 * can be ready only. */
ph_status ph_queue_restore(ph_queue *queue, ph_item *item, ph_delivery_state state,
    int64_t due_ms, ph_letter **letter_p, ph_error *err);
void ph_queue_restore_books(ph_queue *queue, const ph_books *books);
/* So many are on its shelf. */
void ph_queue_restore_shelved(ph_queue *queue, uint64_t count);

#endif
