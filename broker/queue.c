/*
 * How it works: heads are found by their key in an open-addressing table of item pointers (linear
 * probing, holes closed on removal; the key is a hash already). A head knows the last item behind
 * it, so that adding takes one step. Where an item is linked follows from its state:
 *
 *   ready, head       the ready list        waiting      the heap, by the time it is due
 *   ready, behind     its key's chain       in flight    its holder's list
 *   unknown           the unknown list      dead         the dead list, out of its key's chain
 *
 * A waiting, flying or unknown item stays the head of its key.
 */
#include "broker/queue.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

typedef struct list {
	ph_item *first, *last;
} list;

struct ph_queue {
	list ready, unknown, dead;
	ph_item **heads;      /* by key; `head_capacity` slots, a power of two */
	size_t head_capacity; /* 0 until the first key */
	size_t head_count;
	ph_item **heap; /* waiting, the first due at [0] */
	size_t heap_capacity;
	ph_queue_counts counts;
	ph_books books;
	uint16_t number;
	char name[];
};

ph_status
ph_queue_new(uint16_t number, const char *name, ph_queue **out, ph_error *err)
{
	size_t length = strlen(name) + 1;
	ph_queue *queue = calloc(1, sizeof *queue + length);
	if (queue == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for queue %s", name);
	memcpy(queue->name, name, length);
	queue->number = number;
	*out = queue;
	return PH_OK;
}

void
ph_queue_destroy(ph_queue **queue_p)
{
	ph_queue *queue = *queue_p;
	*queue_p = NULL;
	if (queue == NULL)
		return;
	for (ph_item *item = queue->dead.first; item != NULL; item = item->next)
		free(item->as.letter);
	free(queue->heads);
	free(queue->heap);
	free(queue);
}

uint16_t
ph_queue_number(const ph_queue *queue)
{
	return queue->number;
}

const char *
ph_queue_name(const ph_queue *queue)
{
	return queue->name;
}

/* ---- lists ---- */

static void
append(list *at, ph_item *item)
{
	item->next = NULL;
	item->prev = at->last;
	*(at->last == NULL ? &at->first : &at->last->next) = item;
	at->last = item;
}

static void
prepend(list *at, ph_item *item)
{
	item->prev = NULL;
	item->next = at->first;
	*(at->first == NULL ? &at->last : &at->first->prev) = item;
	at->first = item;
}

static void
unlink_item(list *at, ph_item *item)
{
	*(item->prev == NULL ? &at->first : &item->prev->next) = item->next;
	*(item->next == NULL ? &at->last : &item->next->prev) = item->prev;
	item->next = item->prev = NULL;
}

static void
hold(ph_holding *holder, ph_item *item)
{
	list at = {holder->first, holder->last};
	append(&at, item);
	holder->first = at.first;
	holder->last = at.last;
	holder->count++;
	item->as.holder = holder;
}

static void
let_go(ph_item *item)
{
	ph_holding *holder = item->as.holder;
	PH_ASSERT(holder != NULL && holder->count > 0);
	list at = {holder->first, holder->last};
	unlink_item(&at, item);
	holder->first = at.first;
	holder->last = at.last;
	holder->count--;
	item->as.holder = NULL;
}

/* ---- the heap of those that wait ---- */

static void
set_place(ph_queue *queue, size_t place, ph_item *item)
{
	queue->heap[place] = item;
	item->place = place;
}

static void
sift_up(ph_queue *queue, size_t place, ph_item *item)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;
		if (queue->heap[parent]->as.due_ms <= item->as.due_ms)
			break;
		set_place(queue, place, queue->heap[parent]);
		place = parent;
	}
	set_place(queue, place, item);
}

static void
sift_down(ph_queue *queue, size_t place, ph_item *item, size_t count)
{
	for (;;) {
		size_t child = 2 * place + 1;
		if (child >= count)
			break;
		if (child + 1 < count &&
		    queue->heap[child + 1]->as.due_ms < queue->heap[child]->as.due_ms)
			child++;
		if (item->as.due_ms <= queue->heap[child]->as.due_ms)
			break;
		set_place(queue, place, queue->heap[child]);
		place = child;
	}
	set_place(queue, place, item);
}

static bool
heap_room(ph_queue *queue)
{
	if (queue->counts.waiting < queue->heap_capacity)
		return true;
	size_t capacity = queue->heap_capacity == 0 ? 16 : queue->heap_capacity * 2;
	ph_item **heap = realloc(queue->heap, capacity * sizeof(ph_item *));
	if (heap == NULL)
		return false;
	queue->heap = heap;
	queue->heap_capacity = capacity;
	return true;
}

static void
heap_remove(ph_queue *queue, ph_item *item)
{
	size_t place = item->place;
	size_t count = (size_t) queue->counts.waiting - 1;
	PH_ASSERT(place <= count && queue->heap[place] == item);
	ph_item *moved = queue->heap[count];
	item->next = NULL;
	if (moved == item)
		return;
	if (place > 0 && queue->heap[(place - 1) / 2]->as.due_ms > moved->as.due_ms)
		sift_up(queue, place, moved);
	else
		sift_down(queue, place, moved, count);
}

/* ---- heads by key ---- */

static uint64_t
key_of(ph_item *item)
{
	return ph_item_entry(item)->key;
}

static size_t
find_slot(const ph_queue *queue, uint64_t key)
{
	size_t mask = queue->head_capacity - 1;
	size_t at = (size_t) key & mask;
	while (queue->heads[at] != NULL && key_of(queue->heads[at]) != key)
		at = (at + 1) & mask;
	return at;
}

static bool
grow_heads(ph_queue *queue)
{
	size_t old_capacity = queue->head_capacity;
	ph_item **old = queue->heads;
	size_t capacity = old_capacity == 0 ? 64 : old_capacity * 2;
	ph_item **heads = calloc(capacity, sizeof(ph_item *));
	if (heads == NULL)
		return false;
	queue->heads = heads;
	queue->head_capacity = capacity;
	for (size_t i = 0; i < old_capacity; i++) {
		if (old[i] != NULL)
			heads[find_slot(queue, key_of(old[i]))] = old[i];
	}
	free(old);
	return true;
}

/* Close the hole at `at`: what probed past it moves up. */
static void
remove_slot(ph_queue *queue, size_t at)
{
	size_t mask = queue->head_capacity - 1;
	size_t probe = at;
	queue->heads[at] = NULL;
	queue->head_count--;
	for (;;) {
		probe = (probe + 1) & mask;
		ph_item *item = queue->heads[probe];
		if (item == NULL)
			return;
		size_t home = (size_t) key_of(item) & mask;
		if (((probe - home) & mask) < ((probe - at) & mask))
			continue;
		queue->heads[at] = item;
		queue->heads[probe] = NULL;
		at = probe;
	}
}

static bool
is_head(const ph_item *item)
{
	return item->key_last != NULL;
}

/* Enter the chain of its key; true if it is the head. */
static bool
join_key(ph_queue *queue, ph_item *item)
{
	uint64_t key = key_of(item);
	item->key_next = NULL;
	item->key_last = item;
	if (key == 0)
		return true;
	size_t at = find_slot(queue, key);
	ph_item *head = queue->heads[at];
	if (head == NULL) {
		queue->heads[at] = item;
		queue->head_count++;
		return true;
	}
	head->key_last->key_next = item;
	head->key_last = item;
	item->key_last = NULL;
	return false;
}

static void
make_head(ph_queue *queue, size_t at, ph_item *item, ph_item *last)
{
	item->key_last = last;
	queue->heads[at] = item;
	PH_ASSERT(item->state == PH_DELIVERY_READY);
	append(&queue->ready, item);
}

/* Leave the chain; the next of the key, if the head left, is ready. */
static void
leave_key(ph_queue *queue, ph_item *item)
{
	if (key_of(item) == 0) {
		item->key_last = NULL;
		return;
	}
	size_t at = find_slot(queue, key_of(item));
	ph_item *head = queue->heads[at];
	PH_ASSERT(head != NULL);
	if (head == item) {
		ph_item *next = item->key_next;
		if (next == NULL)
			remove_slot(queue, at);
		else
			make_head(queue, at, next, item->key_last);
	} else {
		ph_item *before = head;
		while (before->key_next != item)
			before = before->key_next;
		before->key_next = item->key_next;
		if (head->key_last == item)
			head->key_last = before;
	}
	item->key_next = item->key_last = NULL;
}

/* ---- moves ---- */

static uint64_t *
counter(ph_queue *queue, unsigned state)
{
	switch ((ph_delivery_state) state) {
	case PH_DELIVERY_READY:
		return &queue->counts.ready;
	case PH_DELIVERY_WAITING:
		return &queue->counts.waiting;
	case PH_DELIVERY_IN_FLIGHT:
		return &queue->counts.in_flight;
	case PH_DELIVERY_UNKNOWN:
		return &queue->counts.unknown;
	case PH_DELIVERY_DEAD:
		return &queue->counts.dead;
	case PH_DELIVERY_NONE:
	case PH_DELIVERY_GONE:
	case PH_DELIVERY_STATES:
		break;
	}
	return NULL;
}

/* Take the item out of where its state has it linked. */
static void
detach(ph_queue *queue, ph_item *item)
{
	switch ((ph_delivery_state) item->state) {
	case PH_DELIVERY_READY:
		if (is_head(item))
			unlink_item(&queue->ready, item);
		break;
	case PH_DELIVERY_WAITING:
		heap_remove(queue, item);
		break;
	case PH_DELIVERY_IN_FLIGHT:
		let_go(item);
		break;
	case PH_DELIVERY_UNKNOWN:
		unlink_item(&queue->unknown, item);
		break;
	case PH_DELIVERY_DEAD:
		unlink_item(&queue->dead, item);
		break;
	case PH_DELIVERY_NONE:
	case PH_DELIVERY_GONE:
	case PH_DELIVERY_STATES:
		PH_UNREACHABLE("an item that is nowhere");
	}
}

/* Out of the old state, into the next: the caller links it there. */
static void
step(ph_queue *queue, ph_item *item, ph_delivery_event event)
{
	PH_ASSERT(item->queue == queue->number);
	ph_delivery_state next =
	    ph_delivery_next((ph_delivery_state) item->state, event);
	PH_ASSERT(next != PH_DELIVERY_NONE);
	detach(queue, item);
	uint64_t *from = counter(queue, item->state);
	PH_ASSERT(from != NULL);
	--*from;
	item->state = (uint8_t) next;
	uint64_t *into = counter(queue, next);
	if (into != NULL)
		++*into;
}

ph_status
ph_queue_reserve(ph_queue *queue, ph_error *err)
{
	if ((queue->head_count + 1) * 4 > queue->head_capacity * 3 &&
	    !grow_heads(queue))
		return ph_fail(
		    err, PH_ERR_NOMEM, "no memory for the keys of %s", queue->name);
	return PH_OK;
}

void
ph_queue_add(ph_queue *queue, ph_item *item)
{
	PH_ASSERT(item->state == PH_DELIVERY_NONE && item->queue == queue->number);
	item->state = PH_DELIVERY_READY;
	queue->counts.ready++;
	queue->books.accepted++;
	if (join_key(queue, item))
		append(&queue->ready, item);
}

void
ph_queue_shelve(ph_queue *queue)
{
	queue->counts.ready++;
	queue->counts.shelved++;
	queue->books.accepted++;
}

void
ph_queue_load(ph_queue *queue, ph_item *item)
{
	PH_ASSERT(item->state == PH_DELIVERY_NONE && item->queue == queue->number);
	PH_ASSERT(queue->counts.shelved > 0);
	item->state = PH_DELIVERY_READY;
	queue->counts.shelved--;
	if (join_key(queue, item))
		append(&queue->ready, item);
}

static void
bury(ph_queue *queue, ph_item *item, ph_letter **letter_p)
{
	PH_ASSERT(*letter_p != NULL);
	item->as.letter = *letter_p;
	*letter_p = NULL;
	append(&queue->dead, item);
	queue->books.dead++;
}

void
ph_queue_add_dead(ph_queue *queue, ph_item *item, ph_letter **letter_p)
{
	PH_ASSERT(item->state == PH_DELIVERY_NONE && item->queue == queue->number);
	item->state = PH_DELIVERY_DEAD;
	queue->counts.dead++;
	queue->books.accepted++;
	bury(queue, item, letter_p);
}

ph_item *
ph_queue_first(const ph_queue *queue)
{
	return queue->ready.first;
}

ph_item *
ph_queue_after(const ph_item *item)
{
	return item->next;
}

void
ph_queue_take(ph_queue *queue, ph_item *item, ph_holding *holder)
{
	PH_ASSERT(is_head(item));
	step(queue, item, PH_EVENT_OF_TAKE);
	hold(holder, item);
}

/* Put an item that stands behind in front of its key, whose head is only ready. */
static bool
overtake(ph_queue *queue, ph_item *item)
{
	ph_item *head = queue->heads[find_slot(queue, key_of(item))];
	PH_ASSERT(head != NULL && head != item);
	if (head->state != PH_DELIVERY_READY)
		return false;
	leave_key(queue, item);
	unlink_item(&queue->ready, head);
	item->key_last = head->key_last;
	item->key_next = head;
	head->key_last = NULL;
	queue->heads[find_slot(queue, key_of(item))] = item;
	append(&queue->ready, item);
	return true;
}

bool
ph_queue_claim(ph_queue *queue, ph_item *item, ph_holding *holder)
{
	if (!is_head(item) && !overtake(queue, item))
		return false;
	step(queue, item, PH_EVENT_OF_CLAIM);
	hold(holder, item);
	return true;
}

void
ph_queue_done(ph_queue *queue, ph_item *item, bool duplicate)
{
	step(queue, item, PH_EVENT_OF_DONE);
	leave_key(queue, item);
	++*(duplicate ? &queue->books.duplicate : &queue->books.delivered);
}

void
ph_queue_retry(ph_queue *queue, ph_item *item, int64_t due_ms)
{
	bool room = heap_room(queue);
	if (!is_head(item))
		return; /* it is ready behind another: its turn will come */
	step(queue, item, PH_EVENT_OF_RETRY);
	if (room) {
		item->as.due_ms = due_ms;
		sift_up(queue, (size_t) queue->counts.waiting - 1, item);
		return;
	}
	queue->counts.waiting--;
	queue->counts.ready++;
	item->state = PH_DELIVERY_READY;
	append(&queue->ready, item);
}

void
ph_queue_fail(ph_queue *queue, ph_item *item, ph_letter **letter_p)
{
	step(queue, item, PH_EVENT_OF_FAIL);
	leave_key(queue, item);
	bury(queue, item, letter_p);
}

void
ph_queue_return(ph_queue *queue, ph_item *item)
{
	step(queue, item, PH_EVENT_OF_RETURN);
	prepend(&queue->ready, item);
}

void
ph_queue_lose(ph_queue *queue, ph_item *item)
{
	if (!is_head(item) && !overtake(queue, item))
		return;
	step(queue, item, PH_EVENT_OF_LOSE);
	append(&queue->unknown, item);
}

bool
ph_queue_replay(ph_queue *queue, ph_item *item)
{
	if (ph_queue_reserve(queue, NULL) != PH_OK)
		return false;
	ph_letter *letter = item->as.letter;
	step(queue, item, PH_EVENT_OF_REPLAY);
	free(letter);
	item->as.letter = NULL;
	queue->books.replayed++;
	if (join_key(queue, item))
		append(&queue->ready, item);
	return true;
}

void
ph_queue_discard(ph_queue *queue, ph_item *item)
{
	ph_letter *letter = item->as.letter;
	step(queue, item, PH_EVENT_OF_DISCARD);
	free(letter);
	item->as.letter = NULL;
	queue->books.dead--;
	queue->books.discarded++;
}

void
ph_queue_hurry(ph_queue *queue, ph_item *item)
{
	step(queue, item, PH_EVENT_OF_DUE);
	append(&queue->ready, item);
}

size_t
ph_queue_due(ph_queue *queue, int64_t now_ms)
{
	size_t moved = 0;
	while (ph_queue_next_due(queue) <= now_ms) {
		ph_queue_hurry(queue, queue->heap[0]);
		moved++;
	}
	return moved;
}

int64_t
ph_queue_next_due(const ph_queue *queue)
{
	return queue->counts.waiting == 0 ? INT64_MAX : queue->heap[0]->as.due_ms;
}

ph_item *
ph_queue_waiting(const ph_queue *queue, size_t at)
{
	return at < queue->counts.waiting ? queue->heap[at] : NULL;
}

ph_item *
ph_queue_unknown(const ph_queue *queue)
{
	return queue->unknown.first;
}

ph_item *
ph_queue_dead(const ph_queue *queue)
{
	return queue->dead.first;
}

const ph_queue_counts *
ph_queue_count(const ph_queue *queue)
{
	return &queue->counts;
}

uint64_t
ph_queue_pending(const ph_queue *queue)
{
	const ph_queue_counts *counts = &queue->counts;
	return counts->ready + counts->waiting + counts->in_flight + counts->unknown;
}

const ph_books *
ph_queue_books(const ph_queue *queue)
{
	return &queue->books;
}

/* ---- from a checkpoint ---- */

static void
restore_dead(ph_queue *queue, ph_item *item, ph_letter **letter_p)
{
	PH_ASSERT(*letter_p != NULL);
	item->as.letter = *letter_p;
	*letter_p = NULL;
	append(&queue->dead, item);
}

ph_status
ph_queue_restore(ph_queue *queue, ph_item *item, ph_delivery_state state,
    int64_t due_ms, ph_letter **letter_p, ph_error *err)
{
	PH_ASSERT(item->state == PH_DELIVERY_NONE && item->queue == queue->number);
	ph_status status = ph_queue_reserve(queue, err);
	if (status == PH_OK && state == PH_DELIVERY_WAITING && !heap_room(queue))
		status = ph_fail(
		    err, PH_ERR_NOMEM, "no memory for the queue %s", queue->name);
	if (status != PH_OK)
		return status;
	bool head = state != PH_DELIVERY_DEAD && join_key(queue, item);
	if (!head && state != PH_DELIVERY_READY && state != PH_DELIVERY_DEAD)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5343 an item behind another in queue %s is not ready",
		    queue->name);
	item->state = (uint8_t) state;
	uint64_t *count = counter(queue, state);
	PH_ASSERT(count != NULL);
	++*count;
	if (state == PH_DELIVERY_DEAD)
		restore_dead(queue, item, letter_p);
	else if (state == PH_DELIVERY_UNKNOWN)
		append(&queue->unknown, item);
	else if (state == PH_DELIVERY_READY && head)
		append(&queue->ready, item);
	else if (state == PH_DELIVERY_WAITING) {
		item->as.due_ms = due_ms;
		sift_up(queue, (size_t) queue->counts.waiting - 1, item);
	}
	return PH_OK;
}

void
ph_queue_restore_books(ph_queue *queue, const ph_books *books)
{
	queue->books = *books;
}

void
ph_queue_restore_shelved(ph_queue *queue, uint64_t count)
{
	queue->counts.ready += count;
	queue->counts.shelved += count;
}
