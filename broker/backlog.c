/*
 * How it works: a page holds the pointers of 64 numbers in a row; the pages are a window over the
 * numbers, [first, first + used), that slides forward as its oldest page empties, and is stretched backward when
 * an older number comes back from a shelf. Entries of one number are a list. The cache drops
 * the message with the smallest number first: a cursor walks up the numbers, so no list is kept.
 */
#include "broker/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/wire/message.h"

#define PAGE_BITS 6
#define PAGE_SIZE (1u << PAGE_BITS)

typedef struct page {
	unsigned live;
	ph_entry *entries[PAGE_SIZE];
} page;

struct ph_backlog {
	page **pages;	 /* ring of `capacity` pages; NULL where nothing is */
	uint64_t first;	 /* number >> PAGE_BITS of the oldest page */
	size_t head;	 /* its place in the ring */
	size_t used;	 /* pages in the window, empty ones included */
	size_t capacity; /* a power of two */
	size_t count;	 /* entries */
	uint64_t last;	 /* greatest number added */
	uint64_t evict;	 /* messages with smaller numbers are not cached */
	uint64_t owned;	 /* messages of greater numbers may lie in frames */
	size_t unowned;	 /* so many are cached */
	size_t cached;	 /* bytes of messages */
	size_t cache_limit;
};

ph_status
ph_backlog_new(size_t cache_bytes, ph_backlog **out, ph_error *err)
{
	ph_backlog *backlog = calloc(1, sizeof *backlog);
	if (backlog == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the backlog");
	backlog->capacity = 64;
	backlog->cache_limit = cache_bytes;
	backlog->pages = calloc(backlog->capacity, sizeof(page *));
	if (backlog->pages == NULL) {
		free(backlog);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the backlog");
	}
	*out = backlog;
	return PH_OK;
}

static page **
slot(const ph_backlog *backlog, uint64_t number)
{
	uint64_t at = number >> PAGE_BITS;
	if (at < backlog->first || at - backlog->first >= backlog->used)
		return NULL;
	size_t place = backlog->head + (size_t) (at - backlog->first);
	return &backlog->pages[place & (backlog->capacity - 1)];
}

static void
free_entry(ph_entry *entry)
{
	ph_message_unref(&entry->message);
	free(entry);
}

void
ph_backlog_destroy(ph_backlog **backlog_p)
{
	ph_backlog *backlog = *backlog_p;
	*backlog_p = NULL;
	if (backlog == NULL)
		return;
	for (size_t i = 0; i < backlog->capacity; i++) {
		page *at = backlog->pages[i];
		for (size_t k = 0; at != NULL && k < PAGE_SIZE; k++) {
			ph_entry *also;
			for (ph_entry *entry = at->entries[k]; entry != NULL;
			     entry = also) {
				also = entry->also;
				free_entry(entry);
			}
		}
		free(at);
	}
	free(backlog->pages);
	free(backlog);
}

static bool
widen(ph_backlog *backlog)
{
	size_t capacity = backlog->capacity * 2;
	page **pages = calloc(capacity, sizeof(page *));
	if (pages == NULL)
		return false;
	for (size_t i = 0; i < backlog->used; i++)
		pages[i] =
		    backlog->pages[(backlog->head + i) & (backlog->capacity - 1)];
	free(backlog->pages);
	backlog->pages = pages;
	backlog->capacity = capacity;
	backlog->head = 0;
	return true;
}

/* Stretch the window backward to a page older than its first. */
static bool
stretch(ph_backlog *backlog, uint64_t at)
{
	while (at < backlog->first) {
		if (backlog->used == backlog->capacity && !widen(backlog))
			return false;
		backlog->head = (backlog->head - 1) & (backlog->capacity - 1);
		backlog->pages[backlog->head] = NULL;
		backlog->first--;
		backlog->used++;
	}
	return true;
}

/* The page of a number, made if it is missing; the window grows to it. */
static page *
page_for(ph_backlog *backlog, uint64_t number)
{
	uint64_t at = number >> PAGE_BITS;
	if (backlog->used == 0)
		backlog->first = at;
	if (!stretch(backlog, at))
		return NULL;
	while (at - backlog->first >= backlog->used) {
		if (backlog->used == backlog->capacity && !widen(backlog))
			return NULL;
		size_t place = backlog->head + backlog->used;
		backlog->pages[place & (backlog->capacity - 1)] = NULL;
		backlog->used++;
	}
	page **place = slot(backlog, number);
	PH_ASSERT(place != NULL);
	if (*place == NULL)
		*place = calloc(1, sizeof(page));
	return *place;
}

static size_t
message_size(const ph_message *message)
{
	size_t length = 0;
	(void) ph_message_bytes(message, &length);
	return length;
}

static void
drop_message(ph_backlog *backlog, ph_entry *entry)
{
	if (entry->message == NULL)
		return;
	backlog->cached -= message_size(entry->message);
	backlog->unowned -= entry->number > backlog->owned;
	ph_message_unref(&entry->message);
}

void
ph_backlog_forget(ph_backlog *backlog, ph_entry *entry)
{
	drop_message(backlog, entry);
}

static void
keep_cache_small(ph_backlog *backlog)
{
	while (
	    backlog->cached > backlog->cache_limit && backlog->evict < backlog->last) {
		ph_entry *entry = ph_backlog_next(backlog, backlog->evict);
		if (entry == NULL || entry->number == backlog->last)
			return;
		backlog->evict = entry->number;
		for (; entry != NULL; entry = entry->also)
			drop_message(backlog, entry);
	}
}

ph_entry *
ph_backlog_add(ph_backlog *backlog, uint64_t number, const uint16_t *queues,
    unsigned count, ph_message **message_p)
{
	PH_ASSERT(count > 0 && count <= PH_ENTRY_ITEMS_MAX);
	PH_ASSERT(number > backlog->last || message_p == NULL);
	page *at = page_for(backlog, number);
	size_t size = sizeof(ph_entry) + count * sizeof(ph_item);
	/* Not calloc: that one never takes what the thread itself has freed just now. */
	ph_entry *entry = at == NULL ? NULL : malloc(size);
	if (entry == NULL)
		return NULL;
	memset(entry, 0, size);
	entry->number = number;
	entry->count = entry->live = (uint8_t) count;
	for (unsigned i = 0; i < count; i++) {
		entry->items[i].queue = queues[i];
		entry->items[i].index = (uint8_t) i;
	}
	ph_entry **first = &at->entries[number & (PAGE_SIZE - 1)];
	if (*first == NULL) {
		*first = entry;
		at->live++;
	} else {
		entry->also = (*first)->also;
		(*first)->also = entry;
	}
	backlog->count++;
	if (number > backlog->last)
		backlog->last = number;
	if (message_p != NULL) {
		entry->message = *message_p;
		*message_p = NULL;
		backlog->cached += message_size(entry->message);
		backlog->unowned++;
		keep_cache_small(backlog);
	}
	return entry;
}

void
ph_backlog_own(ph_backlog *backlog)
{
	uint64_t after = backlog->owned;
	while (backlog->unowned > 0) {
		ph_entry *entry = ph_backlog_next(backlog, after);
		PH_ASSERT(entry != NULL);
		after = entry->number;
		if (entry->message == NULL)
			continue;
		if (ph_message_own(&entry->message, NULL) != PH_OK)
			drop_message(backlog, entry); /* the journal has it */
		else
			backlog->unowned--;
	}
	backlog->owned = backlog->last;
}

ph_entry *
ph_backlog_find(const ph_backlog *backlog, uint64_t number)
{
	page **place = slot(backlog, number);
	if (place == NULL || *place == NULL)
		return NULL;
	return (*place)->entries[number & (PAGE_SIZE - 1)];
}

ph_entry *
ph_backlog_next(const ph_backlog *backlog, uint64_t after)
{
	uint64_t number = after + 1;
	if (number >> PAGE_BITS < backlog->first)
		number = backlog->first << PAGE_BITS;
	for (;;) {
		page **place = slot(backlog, number);
		if (place == NULL)
			return NULL;
		if (*place == NULL) {
			number = ((number >> PAGE_BITS) + 1) << PAGE_BITS;
			continue;
		}
		do {
			ph_entry *entry = (*place)->entries[number & (PAGE_SIZE - 1)];
			if (entry != NULL)
				return entry;
			number++;
		} while ((number & (PAGE_SIZE - 1)) != 0);
	}
}

ph_item *
ph_entry_item(ph_entry *entry, uint16_t queue)
{
	for (; entry != NULL; entry = entry->also) {
		for (unsigned i = 0; i < entry->count; i++) {
			ph_item *item = &entry->items[i];
			if (item->queue == queue && item->state != PH_DELIVERY_GONE)
				return item;
		}
	}
	return NULL;
}

/* Empty pages at the old end of the window go, so that the window slides. */
static void
slide(ph_backlog *backlog)
{
	while (backlog->used > 0) {
		page **oldest = &backlog->pages[backlog->head];
		bool newest = backlog->used == 1;
		if (*oldest != NULL && ((*oldest)->live > 0 || newest))
			return;
		free(*oldest);
		*oldest = NULL;
		backlog->head = (backlog->head + 1) & (backlog->capacity - 1);
		backlog->first++;
		backlog->used--;
	}
}

void
ph_backlog_release(ph_backlog *backlog, ph_item *item)
{
	PH_ASSERT(item->state == PH_DELIVERY_GONE);
	ph_entry *entry = ph_item_entry(item);
	PH_ASSERT(entry->live > 0);
	if (--entry->live > 0)
		return;
	page **place = slot(backlog, entry->number);
	PH_ASSERT(place != NULL && *place != NULL);
	page *at = *place;
	ph_entry **from = &at->entries[entry->number & (PAGE_SIZE - 1)];
	while (*from != entry)
		from = &(*from)->also;
	*from = entry->also;
	if (at->entries[entry->number & (PAGE_SIZE - 1)] == NULL)
		at->live--;
	backlog->count--;
	drop_message(backlog, entry);
	bool emptied = at->live == 0;
	if (emptied && entry->number >> PAGE_BITS != backlog->last >> PAGE_BITS) {
		free(at);
		*place = NULL;
	}
	free_entry(entry);
	if (emptied)
		slide(backlog);
}

size_t
ph_backlog_count(const ph_backlog *backlog)
{
	return backlog->count;
}

size_t
ph_backlog_cached(const ph_backlog *backlog)
{
	return backlog->cached;
}
