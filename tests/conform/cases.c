/* cases - records: written, read, kept through closing and dying. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "broker/record.h"
#include "lib/base/assert.h"
#include "tests/conform/conform.h"

static void
a_new_store_is_empty(conform *self)
{
	ph_store_record record;
	ph_store_space space;

	conform_open(self);
	EXPECT(self, ph_store_epoch(self->store) > 0);
	conform_all(self);
	EXPECT(self, ph_store_space_left(self->store, &space, NULL) == PH_OK);
	EXPECT(self, space.accepting && space.open > 0);
	EXPECT(self, ph_store_read(self->store, ph_store_durable(self->store), &record,
			 NULL) == PH_ERR_AGAIN);
	conform_close(self);
	EXPECT(self, ph_store_close(&self->store, NULL) == PH_OK); /* NULL allowed */
}

static void
what_is_flushed_is_read(conform *self)
{
	conform_open(self);
	conform_put(self, 100);
	conform_flush(self);
	for (size_t i = 1; i < self->count; i++)
		EXPECT(self, self->wrote[i].position.offset >
				 self->wrote[i - 1].position.offset);
	conform_all(self);
	for (size_t i = 1; i < self->count; i++)
		EXPECT(
		    self, self->wrote[i].sequence == self->wrote[i - 1].sequence + 1);
	EXPECT(
	    self, ph_store_last(self->store) == self->wrote[self->count - 1].sequence);
	conform_close(self);
}

/* What was durable before is read, and what is read is durable: by a look, and by reader 1, which
 * is to come to the last record next. True: it did. */
static bool
look_at_last(conform *self)
{
	ph_position at = self->wrote[self->count - 1].position;
	ph_store_record record;

	bool was = conform_durable(self);
	ph_status status = ph_store_read(self->store, at, &record, NULL);
	EXPECT(self, status == PH_OK || status == PH_ERR_AGAIN);
	EXPECT(self, !was || status == PH_OK);
	EXPECT(self, status != PH_OK || conform_durable(self));
	was = conform_durable(self);
	status = ph_store_reader_next(self->readers[1], &record, NULL);
	EXPECT(self, status == PH_OK || status == PH_ERR_AGAIN);
	EXPECT(self, !was || status == PH_OK);
	EXPECT(self, status != PH_OK || conform_durable(self));
	if (status == PH_OK)
		conform_same(self, self->count - 1, &record);
	return status == PH_OK;
}

static void
nothing_is_read_before_it_is_durable(conform *self)
{
	ph_store_record record;
	int64_t since = 0;

	conform_open(self);
	conform_put(self, 3);
	conform_flush(self);
	EXPECT(self, conform_reader(self, 1, (ph_position){0}, 0) == PH_OK);
	for (size_t i = 0; i < 3; i++)
		EXPECT(self,
		    ph_store_reader_next(self->readers[1], &record, NULL) == PH_OK);
	for (unsigned round = 0; round < 20; round++) {
		conform_put(self, 1);
		bool waiting = round % 2 == 0;
		if (waiting)
			EXPECT(self, ph_store_start(self->store, NULL) == PH_OK);
		bool seen = look_at_last(self);
		if (!waiting)
			conform_flush(self);
		while (!seen) {
			EXPECT(self, conform_wait(self, &since));
			EXPECT(self, ph_store_poll(self->store, false,
					 &(ph_position){0}, NULL) == PH_OK);
			seen = look_at_last(self);
		}
	}
	conform_all(self);
	conform_reader_done(self, 1);
	conform_close(self);
}

/* The next batch gathers while one is away; what was submitted after the start does not go with it. */
static void
a_batch_that_was_started_lands(conform *self)
{
	ph_position durable;

	conform_open(self);
	for (unsigned round = 0; round < 10; round++) {
		conform_put(self, 20);
		size_t started = self->count;
		EXPECT(self, ph_store_start(self->store, NULL) == PH_OK);
		ph_position end = ph_store_durable(self->store);
		conform_put(self, 5);
		/* it moves when it is asked about or an extent ends, never between */
		ph_position last = self->wrote[self->count - 1].position;
		EXPECT(
		    self, ph_store_durable(self->store).offset == end.offset ||
			      ph_store_extent(self->store, last).offset > end.offset);
		EXPECT(self, ph_store_poll(self->store, true, &durable, NULL) == PH_OK);
		EXPECT(self, durable.offset == ph_store_durable(self->store).offset);
		EXPECT(self, durable.offset > self->wrote[started - 1].position.offset);
		EXPECT(self, !conform_durable(self));
		if (round % 2 == 0)
			EXPECT(self, ph_store_start(self->store, NULL) == PH_OK);
	}
	conform_flush(self);
	conform_all(self);
	uint64_t last = ph_store_last(self->store);
	EXPECT(self, ph_store_start(self->store, NULL) == PH_OK); /* of nothing */
	EXPECT(
	    self, ph_store_poll(self->store, true, &(ph_position){0}, NULL) == PH_OK);
	EXPECT(self, ph_store_last(self->store) == last);
	conform_close(self);
}

static void
an_empty_flush_costs_nothing(conform *self)
{
	conform_open(self);
	conform_put(self, 2);
	conform_flush(self);
	ph_position end = ph_store_durable(self->store);
	uint64_t last = ph_store_last(self->store);
	for (unsigned i = 0; i < 3; i++)
		conform_flush(self);
	EXPECT(self, ph_store_durable(self->store).offset == end.offset);
	EXPECT(self, ph_store_last(self->store) == last);
	conform_all(self);
	conform_close(self);
}

static void
idling_makes_durable(conform *self)
{
	int64_t since = 0;

	conform_open(self);
	conform_put(self, 2);
	EXPECT(self, ph_store_idle(self->store, NULL) == PH_OK);
	while (!conform_durable(self))
		EXPECT(self, conform_wait(self, &since));
	conform_all(self);
	EXPECT(self, ph_store_idle(self->store, NULL) == PH_OK);
	conform_flush(self);
	conform_put(self, 1);
	conform_flush(self);
	conform_all(self);
	EXPECT(self, ph_store_idle(self->store, NULL) == PH_OK);
	conform_close(self);
	conform_open(self);
	conform_learn(self, self->count);
	conform_all(self);
	conform_close(self);
}

static void
a_reader_goes_on_where_it_was(conform *self)
{
	ph_store_record record;

	conform_open(self);
	conform_put(self, 60);
	conform_flush(self);
	conform_all(self);
	const conform_entry *seen = &self->wrote[24];
	/* by position and sequence, by sequence alone, by position alone */
	EXPECT(self, conform_reader(self, 1, seen->position, seen->sequence) == PH_OK);
	EXPECT(
	    self, conform_reader(self, 2, (ph_position){0}, seen->sequence) == PH_OK);
	EXPECT(self, conform_reader(self, 3, seen[1].position, 0) == PH_OK);
	for (size_t slot = 1; slot <= 3; slot++) {
		EXPECT(self,
		    ph_store_reader_next(self->readers[slot], &record, NULL) == PH_OK);
		conform_same(self, 25, &record);
	}
	conform_reader_done(self, 1);
	/* at the very end, and from there on */
	seen = &self->wrote[self->count - 1];
	EXPECT(self, conform_reader(self, 1, seen->position, seen->sequence) == PH_OK);
	EXPECT(self,
	    ph_store_reader_next(self->readers[1], &record, NULL) == PH_ERR_AGAIN);
	conform_put(self, 1);
	conform_flush(self);
	EXPECT(self, ph_store_reader_next(self->readers[1], &record, NULL) == PH_OK);
	conform_same(self, self->count - 1, &record);
	for (size_t slot = 1; slot <= 3; slot++)
		conform_reader_done(self, slot);
	conform_close(self);
}

static void
a_reader_beyond_the_end_is_refused(conform *self)
{
	ph_store_record record;

	conform_open(self);
	conform_put(self, 5);
	conform_flush(self);
	ph_position end = ph_store_durable(self->store);
	EXPECT(self, conform_reader(self, 1, end, 0) == PH_OK);
	EXPECT(self,
	    ph_store_reader_next(self->readers[1], &record, NULL) == PH_ERR_AGAIN);
	conform_reader_done(self, 1);
	end.offset += 8;
	EXPECT(self, conform_reader(self, 1, end, 0) == PH_ERR_CONFLICT);
	EXPECT(self, conform_reader(self, 1, (ph_position){0},
			 ph_store_last(self->store) + 1) == PH_ERR_CONFLICT);
	conform_close(self);
}

typedef struct follower {
	ph_store_reader *reader;
	size_t want;
	uint64_t sequence; /* of the last seen */
	size_t seen;
	unsigned deadline_ms;
	const conform *self;
} follower;

static void *
follow(void *argument)
{
	follower *at = argument;
	int64_t since = 0;

	while (at->seen < at->want) {
		ph_store_record record;
		ph_status status = ph_store_reader_next(at->reader, &record, NULL);

		if (status == PH_ERR_AGAIN) {
			if (!conform_wait(at->self, &since))
				break;
			continue;
		}
		if (status != PH_OK || record.sequence <= at->sequence)
			break;
		at->sequence = record.sequence;
		at->seen++;
	}
	return NULL;
}

static void
a_reader_follows_on_another_thread(conform *self)
{
	pthread_t thread;

	conform_open(self);
	EXPECT(self, conform_reader(self, 1, (ph_position){0}, 0) == PH_OK);
	follower at = {.reader = self->readers[1], .want = 200, .self = self};
	PH_ASSERT(pthread_create(&thread, NULL, follow, &at) == 0);
	ph_status status = PH_OK;
	for (unsigned i = 0; status == PH_OK && i < 20; i++) {
		for (unsigned k = 0; status == PH_OK && k < 10; k++)
			status = conform_submit(self, PH_STORE_NEW);
		if (status == PH_OK)
			status = ph_store_start(self->store, NULL);
		if (status == PH_OK)
			status = ph_store_poll(
			    self->store, i == 19, &(ph_position){0}, NULL);
	}
	pthread_join(thread, NULL);
	EXPECT(self, status == PH_OK);
	EXPECT(self, at.seen == at.want);
	conform_reader_done(self, 1);
	conform_close(self);
}

/* A record of `length` bytes of this value, in two parts. */
static ph_status
submit_plain(conform *self, uint8_t *bytes, size_t length, ph_position *position)
{
	const ph_store_part parts[] = {
	    {bytes, length / 3}, {bytes + length / 3, length - length / 3}};

	return ph_store_submit(self->store, PH_RECORD_ACCEPT, PH_STORE_NEW, parts,
	    length == 0 ? 0 : 2, position, NULL);
}

static void
read_plain(conform *self, ph_position position, const uint8_t *bytes, size_t length)
{
	ph_store_record record;

	EXPECT(self, ph_store_read(self->store, position, &record, NULL) == PH_OK);
	EXPECT(self, record.length == length && record.type == PH_RECORD_ACCEPT);
	EXPECT(self, length == 0 || memcmp(record.body, bytes, length) == 0);
}

static void
any_size_up_to_the_most(conform *self)
{
	static uint8_t bytes[PH_STORE_BODY_MAX + 1];
	static const size_t sizes[] = {
	    0, 1, 7, 8, 9, 0, 4095, 4096, 65536, PH_STORE_BODY_MAX};
	ph_position at[sizeof sizes / sizeof *sizes];
	const size_t count = sizeof sizes / sizeof *sizes;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t) (i * 31 + i / 251);
	conform_open(self);
	for (unsigned life = 0; life < 2; life++) {
		for (size_t i = 0; i < count; i++)
			EXPECT(
			    self, submit_plain(self, bytes, sizes[i], &at[i]) == PH_OK);
		self->count = 1; /* to wait for the last */
		self->wrote[0].position = at[count - 1];
		conform_flush(self);
		for (size_t i = 0; i < count; i++)
			read_plain(self, at[i], bytes, sizes[i]);
		conform_close(self);
		conform_open(self);
	}
	conform_close(self);
}

static void
too_large_is_refused_alone(conform *self)
{
	static uint8_t bytes[PH_STORE_BODY_MAX + 1];
	ph_position none = {.offset = 77};

	conform_open(self);
	conform_put(self, 3);
	EXPECT(
	    self, submit_plain(self, bytes, sizeof bytes, &none) == PH_ERR_TOO_LARGE);
	EXPECT(self, none.offset == 77);
	conform_put(self, 3);
	conform_flush(self);
	conform_all(self);
	EXPECT(self, self->wrote[3].sequence == self->wrote[2].sequence + 1);
	conform_close(self);
}

static void
a_clean_end_keeps_everything(conform *self)
{
	uint64_t epoch = 0;

	for (unsigned life = 0; life < 4; life++) {
		conform_open(self);
		EXPECT(self, ph_store_epoch(self->store) > epoch);
		epoch = ph_store_epoch(self->store);
		conform_learn(self, self->count);
		conform_all(self);
		if (self->count > 0)
			EXPECT(self, ph_store_last(self->store) >=
					 self->wrote[self->count - 1].sequence);
		conform_put(self, 30);
		if (life % 2 == 0)
			conform_flush(self);
		conform_close(self); /* flushes */
	}
	conform_open(self);
	conform_learn(self, 120);
	conform_close(self);
}

/* Several deaths: with all durable, with a batch that nobody flushed, with one on its way. */
static void
a_death_loses_nothing_durable(conform *self)
{
	uint64_t epoch = 0;
	size_t durable = 0;

	for (unsigned life = 0; life < 9; life++) {
		conform_open(self);
		EXPECT(self, ph_store_epoch(self->store) > epoch);
		epoch = ph_store_epoch(self->store);
		conform_learn(self, durable);
		conform_all(self);
		conform_put(self, 25);
		conform_flush(self);
		durable = self->count;
		if (life % 3 > 0)
			conform_put(self, 7);
		if (life % 3 == 2)
			EXPECT(self, ph_store_start(self->store, NULL) == PH_OK);
		while (
		    durable < self->count && self->wrote[durable].position.offset <
						 ph_store_durable(self->store).offset)
			durable++;
		conform_kill(self);
	}
	conform_open(self);
	conform_learn(self, durable);
	conform_all(self);
	conform_close(self);
}

/* Who was away comes back with a position of the life before, which may have moved. */
static void
a_reader_finds_its_place_after_a_death(conform *self)
{
	ph_store_record record;

	conform_open(self);
	conform_put(self, 40);
	conform_flush(self);
	conform_all(self);
	const conform_entry seen = self->wrote[36];
	conform_kill(self);
	conform_open(self);
	EXPECT(self, conform_reader(self, 1, seen.position, seen.sequence) == PH_OK);
	EXPECT(self, ph_store_reader_next(self->readers[1], &record, NULL) == PH_OK);
	EXPECT(self, record.sequence == self->wrote[37].sequence);
	conform_reader_done(self, 1);
	conform_learn(self, 40);
	conform_close(self);
}

/* Another owner: what is durable is his, the rest is nobody's. */
static void
a_revoked_partition_takes_nothing_more(conform *self)
{
	int64_t since = 0;

	conform_open(self);
	conform_put(self, 20);
	conform_flush(self);
	EXPECT(self, self->revoked == 0);
	if (self->kind->revoke == NULL) {
		conform_close(self);
		return;
	}
	conform_put(self, 5);
	self->kind->revoke(self->place);
	while (self->revoked == 0) {
		EXPECT(self, ph_store_poll(self->store, false, NULL, NULL) == PH_OK);
		EXPECT(self, self->revoked > 0 || conform_wait(self, &since));
	}
	EXPECT(self, self->revoked == 1 && self->assigned == 1);
	EXPECT(self, self->revoked_end.offset > self->wrote[19].position.offset);
	EXPECT(self, self->revoked_end.offset <= self->wrote[20].position.offset);
	EXPECT(self, conform_submit(self, PH_STORE_ESSENTIAL) == PH_ERR_CLOSED);
	EXPECT(self, conform_submit(self, PH_STORE_NEW) == PH_ERR_CLOSED);
	EXPECT(self, ph_store_poll(self->store, true, NULL, NULL) == PH_OK);
	EXPECT(self, self->revoked == 1);
	EXPECT(self, ph_store_close(&self->store, NULL) == PH_OK);
	conform_open(self);
	conform_learn(self, 20);
	EXPECT(self, self->count == 20);
	conform_all(self);
	conform_close(self);
}

/* Once a write has failed, all that follows fails, and nothing more is called durable. */
static void
a_failure_is_for_good(conform *self)
{
	ph_position none;
	int64_t since = 0;

	conform_open(self);
	conform_put(self, 20);
	conform_flush(self);
	conform_all(self);
	self->kind->die(self->place);
	ph_position end = ph_store_durable(self->store);
	/* it may take a while until it is known, or the extent is to end first */
	ph_status status = conform_submit(self, PH_STORE_NEW);
	EXPECT(self, status == PH_OK || status == PH_ERR_IO);
	while (ph_store_flush(self->store, NULL, NULL) == PH_OK)
		EXPECT(self, conform_wait(self, &since));
	EXPECT(self, ph_store_flush(self->store, NULL, NULL) == PH_ERR_IO);
	EXPECT(self, conform_submit(self, PH_STORE_ESSENTIAL) == PH_ERR_IO);
	EXPECT(self, submit_plain(self, (uint8_t[]){1, 2, 3}, 3, &none) == PH_ERR_IO);
	EXPECT(self, ph_store_idle(self->store, NULL) == PH_ERR_IO);
	EXPECT(self, ph_store_start(self->store, NULL) == PH_ERR_IO);
	EXPECT(self,
	    ph_store_poll(self->store, true, &(ph_position){0}, NULL) == PH_ERR_IO);
	EXPECT(self, ph_store_durable(self->store).offset == end.offset);
	EXPECT(self, ph_store_close(&self->store, NULL) == PH_ERR_IO);
	EXPECT(self, self->store == NULL);
	conform_kill(self);
	conform_open(self);
	conform_learn(self, 20);
	conform_all(self);
	conform_close(self);
}

#define CASE(name)                                                                     \
	{                                                                              \
#name, name                                                            \
	}

const conform_case conform_cases[] = {
    CASE(a_new_store_is_empty),
    CASE(what_is_flushed_is_read),
    CASE(nothing_is_read_before_it_is_durable),
    CASE(a_batch_that_was_started_lands),
    CASE(an_empty_flush_costs_nothing),
    CASE(idling_makes_durable),
    CASE(a_reader_goes_on_where_it_was),
    CASE(a_reader_beyond_the_end_is_refused),
    CASE(a_reader_follows_on_another_thread),
    CASE(any_size_up_to_the_most),
    CASE(too_large_is_refused_alone),
    CASE(a_clean_end_keeps_everything),
    CASE(a_death_loses_nothing_durable),
    CASE(a_reader_finds_its_place_after_a_death),
    CASE(a_failure_is_for_good),
    CASE(a_revoked_partition_takes_nothing_more),
};
const size_t conform_case_count = sizeof conform_cases / sizeof *conform_cases;
