/*
 * ledger_store - a store in memory, and records to fill it: what the tests of the ledger stand on.
 *
 * Positions are 100 times the sequence, plus `shift` for records from `shift_from` on: a test moves
 * the tail as a crash may. `visible` records are durable.
 *
 * Thread: records are added while nobody reads past `visible`, which is atomic.
 */
#ifndef PH_TESTS_LEDGER_STORE_H
#define PH_TESTS_LEDGER_STORE_H

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <packhorse/message.h>
#include "broker/record.h"
#include "broker/store.h"
#include "lib/base/buffer.h"

#define MEMORY_MOST 20000

typedef struct memory_record {
	uint8_t type;
	uint8_t *body;
	size_t length;
} memory_record;

typedef struct memory_store {
	ph_store base;
	memory_record records[MEMORY_MOST];
	size_t count;
	atomic_size_t visible;
	uint64_t shift, shift_from; /* sequence */
} memory_store;

typedef struct memory_reader {
	ph_store_reader base;
	memory_store *store;
	size_t next; /* index */
} memory_reader;

static uint64_t
memory_offset(const memory_store *store, uint64_t sequence)
{
	return sequence * 100 + (store->shift_from != 0 && sequence >= store->shift_from
					? store->shift
					: 0);
}

static ph_position
memory_durable(const ph_store *base)
{
	const memory_store *store = (const memory_store *) (const void *) base;
	return (ph_position){.offset = memory_offset(store, store->visible) + 1};
}

static uint64_t
memory_last(const ph_store *base)
{
	return ((const memory_store *) (const void *) base)->visible;
}

static ph_status
memory_next(ph_store_reader *base, ph_store_record *record, ph_error *err)
{
	memory_reader *reader = (memory_reader *) (void *) base;
	memory_store *store = reader->store;
	if (reader->next >= store->visible)
		return ph_fail(err, PH_ERR_AGAIN, "no more");
	const memory_record *at = &store->records[reader->next++];
	*record = (ph_store_record){
	    .position = {.offset = memory_offset(store, reader->next)},
	    .sequence = reader->next,
	    .wall_ms = rand(), /* nothing may depend on it */
	    .type = at->type,
	    .body = at->body,
	    .length = at->length,
	};
	return PH_OK;
}

static void
memory_reader_destroy(ph_store_reader *base)
{
	free(base);
}

static ph_status
memory_reader_new(ph_store *base, ph_position from, uint64_t after,
    ph_store_reader **out, ph_error *err)
{
	static const ph_store_reader_ops ops = {memory_next, memory_reader_destroy};
	memory_store *store = (memory_store *) (void *) base;
	if (after > store->visible ||
	    from.offset > memory_durable(base).offset + store->shift)
		return ph_fail(err, PH_ERR_CONFLICT, "beyond the end");
	memory_reader *reader = calloc(1, sizeof *reader);
	ck_assert_ptr_nonnull(reader);
	reader->base.ops = &ops;
	reader->store = store;
	reader->next = after;
	*out = &reader->base;
	return PH_OK;
}

static const ph_store_ops memory_ops = {
    .name = "memory",
    .durable = memory_durable,
    .last = memory_last,
    .reader = memory_reader_new,
};

static memory_store *
memory_new(void)
{
	memory_store *store = calloc(1, sizeof *store);
	ck_assert_ptr_nonnull(store);
	store->base.ops = &memory_ops;
	return store;
}

static void
memory_free(memory_store *store)
{
	for (size_t i = 0; i < store->count; i++)
		free(store->records[i].body);
	free(store);
}

static void
memory_add(memory_store *store, uint8_t type, ph_buffer *body)
{
	ck_assert(!body->failed && store->count < MEMORY_MOST);
	store->records[store->count++] =
	    (memory_record){.type = type, .body = body->data, .length = body->length};
	store->visible = store->count;
	ph_buffer_init(body, 0);
}

/* --- records --- */

#define START_MS 1790000000000 /* acceptance n comes n seconds after it */

static inline void
add_queue(memory_store *store, uint16_t number, const char *name)
{
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_record_queue_encode(
	    &(ph_record_queue){.number = number, .name = ph_view_of(name)}, &body);
	memory_add(store, PH_RECORD_QUEUE, &body);
}

/* What an acceptance is made of; NULL texts are left out. */
typedef struct accepted {
	uint64_t acceptance;
	const char *id, *source, *type, *subject;
	const char *status;		   /* an extension attribute */
	const char *system, *key;	   /* a binding of the subject */
	const char *stage, *reason, *text; /* it failed */
	uint16_t queue;
} accepted;

static inline void
add_accept(memory_store *store, const accepted *a)
{
	const ph_attribute all[] = {
	    {"id", a->id, a->id ? strlen(a->id) : 0},
	    {"source", a->source, a->source ? strlen(a->source) : 0},
	    {"type", a->type, a->type ? strlen(a->type) : 0},
	    {"subject", a->subject, a->subject ? strlen(a->subject) : 0},
	    {"status", a->status, a->status ? strlen(a->status) : 0},
	};
	ph_attribute attributes[5];
	size_t count = 0, length = 0;
	for (size_t i = 0; i < 5; i++)
		if (all[i].value != NULL)
			attributes[count++] = all[i];
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, count, "{}", 2, &message, NULL), PH_OK);
	const void *bytes = ph_message_bytes(message, &length);
	ph_record_accept record = {
	    .acceptance = a->acceptance,
	    .accepted_ms = START_MS + (int64_t) a->acceptance * 1000,
	    .queue_count = 1,
	    .queues = {a->queue},
	    .message = {bytes, length},
	    .has_failure = a->stage != NULL,
	    .failure = {.stage = ph_view_of(a->stage),
		.reason = ph_view_of(a->reason),
		.path = ph_view_of("somewhere"),
		.text = ph_view_of(a->text)},
	};
	if (a->key != NULL) {
		record.bindings.count = 1;
		record.bindings.list[0] = (ph_record_binding){
		    .entity = ph_view_of("service-request"),
		    .system = ph_view_of(a->system),
		    .key = ph_view_of(a->key),
		    .canonical = ph_view_of(a->subject),
		};
	}
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_record_accept_encode(&record, &body);
	ph_buffer_append(&body, bytes, length);
	ph_message_unref(&message);
	memory_add(store, PH_RECORD_ACCEPT, &body);
}

static inline void
add_attempt(memory_store *store, uint64_t acceptance, uint16_t queue, int64_t at_ms)
{
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_record_attempt_encode(
	    &(ph_record_attempt){
		.acceptance = acceptance, .queue = queue, .attempt = 1, .at_ms = at_ms},
	    &body);
	memory_add(store, PH_RECORD_ATTEMPT, &body);
}

/* What an outcome is made of. */
typedef struct ended {
	uint64_t acceptance;
	uint16_t queue, attempt;
	uint8_t outcome, state;
	int64_t at_ms;
	const char *reference; /* bound too, when `system` is there */
	const char *system, *canonical;
	const char *stage, *reason, *text;
} ended;

static inline void
add_outcome(memory_store *store, const ended *e)
{
	ph_record_outcome record = {
	    .acceptance = e->acceptance,
	    .at_ms = e->at_ms,
	    .queue = e->queue,
	    .attempt = e->attempt,
	    .outcome = e->outcome,
	    .state = e->state,
	    .reference = ph_view_of(e->reference),
	    .has_failure = e->stage != NULL,
	    .failure = {.stage = ph_view_of(e->stage),
		.reason = ph_view_of(e->reason),
		.text = ph_view_of(e->text)},
	};
	if (e->system != NULL) {
		record.bindings.count = 1;
		record.bindings.list[0] = (ph_record_binding){
		    .entity = ph_view_of("service-request"),
		    .system = ph_view_of(e->system),
		    .key = ph_view_of(e->reference),
		    .canonical = ph_view_of(e->canonical),
		};
	}
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_record_outcome_encode(&record, &body);
	memory_add(store, PH_RECORD_OUTCOME, &body);
}

static inline void
add_verdict(memory_store *store, uint8_t type, uint64_t acceptance, uint16_t queue)
{
	ph_record_verdict record = {
	    .acceptance = acceptance,
	    .queue = queue,
	    .at_ms = START_MS + 900000,
	    .by = ph_view_of("uid 1000"),
	};
	ph_buffer body;
	ph_buffer_init(&body, 0);
	if (type == PH_RECORD_REPLAY)
		ph_record_replay_encode(&record, &body);
	else
		ph_record_discard_encode(&record, &body);
	memory_add(store, type, &body);
}

#endif
