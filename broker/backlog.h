/*
 * backlog - the accepted messages that some queue still needs, found by acceptance number.
 *
 * One item per message and queue. The items that came into memory together share an entry; those
 * of queues that took the message from their shelf later (refill.h) have one of their own, behind
 * the first by that number. The message itself is kept only while there is room in the cache (the
 * newest stay); otherwise the entry knows its place in the journal. Numbers are dense and grow, so
 * the index is pages of 64 pointers; a page goes with its last entry.
 *
 * Invariants: an entry lives as long as one of its items does; all entries of a number tell the
 * same of their message.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_BACKLOG_H
#define PH_BROKER_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <packhorse/message.h>
#include "broker/delivery.h"

typedef struct ph_item ph_item;
typedef struct ph_entry ph_entry;
typedef struct ph_letter ph_letter;
typedef struct ph_holding ph_holding;

enum {
	PH_ITEM_SENT = 1, /* was handed out before */
	PH_ITEM_POSSIBLY =
	    2, /* was possibly sent by somebody who is gone: probe first */
	PH_ITEM_REPLAYED = 4,  /* an operator's wish */
	PH_ITEM_ATTEMPT = 8,   /* an attempt is in the journal, its outcome is not */
	PH_ITEM_PARKED = 16,   /* its outcome has come and waits for a look-up */
	PH_ITEM_PROGRESS = 32, /* something about it is in the progress table */
	PH_ITEM_RECOVERED =
	    64 /* read from the journal at start, not handed out since */
};

/* A message in one queue. Moved by its queue (queue.h) alone. */
struct ph_item {
	union {
		ph_item *next; /* in the list of its state */
		size_t place;  /* waiting: in the heap */
	};
	ph_item *prev;
	ph_item *key_next; /* behind it with the same ordering key */
	ph_item *key_last; /* head of a key: the last behind it, or itself */
	union {
		int64_t due_ms;	    /* waiting: when it is to be tried again (mono) */
		ph_holding *holder; /* in flight */
		ph_letter *letter;  /* dead */
	} as;
	uint16_t queue;	   /* number */
	uint16_t attempts; /* handed out so often */
	uint8_t state;	   /* ph_delivery_state */
	uint8_t flags;	   /* PH_ITEM_* */
	uint8_t index;	   /* place in its entry */
	uint8_t
	    only; /* queue inbound: 1 + number of the adapter it is for; 0: nobody */
};

struct ph_entry {
	ph_entry *also;	     /* further items of the same message; NULL: none */
	uint64_t number;     /* acceptance number */
	uint64_t offset;     /* of its record in the journal */
	uint64_t key;	     /* hash of the ordering key; 0: unordered */
	int64_t accepted_ms; /* wall */
	ph_message *message; /* NULL: not in the cache */
	uint8_t count;	     /* items */
	uint8_t live;	     /* items not gone */
	ph_item items[];
};

#define PH_ENTRY_ITEMS_MAX 255

typedef struct ph_backlog ph_backlog;

/* `cache_bytes` of messages are kept in memory. */
ph_status ph_backlog_new(size_t cache_bytes, ph_backlog **out, ph_error *err);
void ph_backlog_destroy(ph_backlog **backlog_p);

/* A new entry with `count` items, all zero but queue and index; borrowed until its last item is
 * released. No other entry by that number has an item of the same queue. The message (NULL: none;
 * else of a number greater than any before) is taken on success. NULL: no memory. */
ph_entry *ph_backlog_add(ph_backlog *backlog, uint64_t number, const uint16_t *queues,
    unsigned count, PH_TAKES ph_message **message_p);
/* Messages that still lie in the frame in which they came get bytes of their own: call it when what
 * came has been handed out as far as it goes. Until then they cost no copy. */
void ph_backlog_own(ph_backlog *backlog);
/* The first entry by that number; NULL: nothing pending in memory. */
ph_entry *ph_backlog_find(const ph_backlog *backlog, uint64_t number);
/* The item in `queue` of that entry or those behind it; NULL if it is not there or gone. */
ph_item *ph_entry_item(ph_entry *entry, uint16_t queue);
/* The message is hardly needed again; if it is, the journal has it. */
void ph_backlog_forget(ph_backlog *backlog, ph_entry *entry);
/* One item is gone; with the last the entry is freed. */
void ph_backlog_release(ph_backlog *backlog, ph_item *item);
/* Next (first) entry with a number greater than `after`; NULL at the end. */
ph_entry *ph_backlog_next(const ph_backlog *backlog, uint64_t after);

static inline ph_entry *
ph_item_entry(ph_item *item)
{
	return (ph_entry *) (void *) ((char *) (item - item->index) -
				      offsetof(ph_entry, items));
}

size_t ph_backlog_count(const ph_backlog *backlog);
size_t ph_backlog_cached(const ph_backlog *backlog); /* bytes */

#endif
