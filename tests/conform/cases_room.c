/* cases_room - giving old records back, and a place that is full. */
#include "lib/base/assert.h"
#include "tests/conform/conform.h"

#define MANY 5 /* extents that the cases write */

static uint64_t
extent_of(const conform *self, size_t index)
{
	return ph_store_extent(self->store, self->wrote[index].position).offset;
}

/* Write until there are records in `extents` extents; *in tells the first record of each. */
static void
write_extents(conform *self, size_t extents, size_t *in)
{
	size_t begun = 0;

	self->large = true;
	for (;;) {
		conform_put(self, 1);
		uint64_t begin = extent_of(self, self->count - 1);
		if (begun == 0 || begin != extent_of(self, in[begun - 1])) {
			if (begun == extents)
				break;
			in[begun++] = self->count - 1;
		}
		if (self->count % 5 == 0)
			conform_flush(self);
	}
	conform_flush(self);
	self->large = false;
}

/* Is what is before the oldest record gone, and the rest there? */
static void
expect_trimmed(conform *self)
{
	ph_store_record record;
	ph_store_span oldest;

	for (size_t i = 0; i < self->oldest; i += i + 3 < self->oldest ? 3 : 1) {
		ph_position gone = self->wrote[i].position;

		EXPECT(self, ph_store_read(self->store, gone, &record, NULL) ==
				 PH_ERR_NOT_FOUND);
		ph_status status = conform_reader(self, 1, gone, 0);
		if (status == PH_OK)
			status = ph_store_reader_next(self->readers[1], &record, NULL);
		EXPECT(self, status == PH_ERR_NOT_FOUND);
		conform_reader_done(self, 1);
	}
	conform_all(self);
	EXPECT(self,
	    ph_store_span_of(self->store, (ph_position){0}, &oldest, NULL) == PH_OK);
	EXPECT(self, oldest.begin.offset == extent_of(self, self->oldest));
}

static void
an_extent_is_a_place_to_read_from(conform *self)
{
	ph_store_record record;
	size_t in[MANY];

	conform_open(self);
	write_extents(self, MANY, in);
	for (size_t i = 0; i < self->count; i++) {
		ph_position at = self->wrote[i].position;
		ph_position begin = ph_store_extent(self->store, at);

		EXPECT(self, begin.partition == at.partition);
		EXPECT(self, begin.offset <= at.offset);
		EXPECT(
		    self, ph_store_extent(self->store, begin).offset == begin.offset);
		EXPECT(self, i == 0 || begin.offset >= extent_of(self, i - 1));
	}
	for (size_t i = 0; i < MANY; i++) {
		ph_position begin =
		    ph_store_extent(self->store, self->wrote[in[i]].position);

		EXPECT(self, conform_reader(self, 1, begin, 0) == PH_OK);
		EXPECT(self,
		    ph_store_reader_next(self->readers[1], &record, NULL) == PH_OK);
		conform_same(self, in[i], &record);
		conform_reader_done(self, 1);
	}
	conform_close(self);
}

static void
what_is_trimmed_is_gone(conform *self)
{
	ph_store_space space;
	size_t in[MANY];

	conform_open(self);
	write_extents(self, MANY, in);
	conform_all(self);
	EXPECT(self, ph_store_space_left(self->store, &space, NULL) == PH_OK);
	uint64_t used = space.used;
	/* a place in the middle of the third: the two before it go */
	EXPECT(self,
	    ph_store_trim(self->store, self->wrote[in[2] + 1].position, NULL) == PH_OK);
	self->oldest = in[2];
	expect_trimmed(self);
	EXPECT(self, ph_store_space_left(self->store, &space, NULL) == PH_OK);
	EXPECT(self, space.used < used);
	conform_close(self);
	conform_open(self);
	conform_learn(self, self->count);
	EXPECT(self,
	    ph_store_trim(self->store, self->wrote[in[3]].position, NULL) == PH_OK);
	self->oldest = in[3];
	conform_kill(self);
	conform_open(self); /* it stays gone */
	conform_learn(self, self->count);
	conform_put(self, 3);
	conform_flush(self);
	expect_trimmed(self);
	conform_close(self);
}

static void
only_what_is_durable_is_trimmed(conform *self)
{
	size_t in[2];

	conform_open(self);
	write_extents(self, 2, in);
	ph_position beyond = ph_store_durable(self->store);
	beyond.offset += 8;
	EXPECT(self, ph_store_trim(self->store, beyond, NULL) == PH_ERR_CONFLICT);
	EXPECT(self, ph_store_trim(self->store, (ph_position){0}, NULL) == PH_OK);
	conform_flush(self);
	conform_all(self);
	/* the extent that holds the end stays, whatever is asked */
	ph_position end = ph_store_durable(self->store);
	EXPECT(self, ph_store_trim(self->store, end, NULL) == PH_OK);
	uint64_t kept = ph_store_extent(self->store, end).offset;
	while (self->oldest < self->count && extent_of(self, self->oldest) < kept)
		self->oldest++;
	conform_flush(self);
	EXPECT(self, self->oldest > 0 && self->oldest < self->count);
	conform_all(self);
	conform_close(self);
}

/* A trim flushes the batch. */
static void
a_trim_flushes(conform *self)
{
	size_t in[3];
	int64_t since = 0;

	conform_open(self);
	write_extents(self, 3, in);
	conform_put(self, 2);
	EXPECT(self,
	    ph_store_trim(self->store, self->wrote[in[1]].position, NULL) == PH_OK);
	self->oldest = in[1];
	while (!conform_durable(self))
		EXPECT(self, conform_wait(self, &since));
	conform_all(self);
	conform_close(self);
}

/* Records that it had read ahead may still come, in their order; then it is told. */
static void
a_reader_that_is_overtaken_is_told(conform *self)
{
	ph_store_record record;
	size_t in[MANY];
	size_t index = 1;

	conform_open(self);
	write_extents(self, MANY, in);
	EXPECT(self, conform_reader(self, 1, (ph_position){0}, 0) == PH_OK);
	EXPECT(self, ph_store_reader_next(self->readers[1], &record, NULL) == PH_OK);
	EXPECT(self, conform_reader(self, 2, self->wrote[in[3]].position, 0) == PH_OK);
	EXPECT(self,
	    ph_store_trim(self->store, self->wrote[in[3]].position, NULL) == PH_OK);
	ph_status status = PH_OK;
	for (; status == PH_OK; index++) {
		status = ph_store_reader_next(self->readers[1], &record, NULL);
		if (status == PH_OK)
			conform_same(self, index, &record);
	}
	EXPECT(self, status == PH_ERR_NOT_FOUND && index <= in[3]);
	/* who stands behind what is gone goes on */
	EXPECT(self, ph_store_reader_next(self->readers[2], &record, NULL) == PH_OK);
	conform_same(self, in[3], &record);
	for (size_t slot = 1; slot <= 2; slot++)
		conform_reader_done(self, slot);
	conform_close(self);
}

/* From extent to extent, as who gives the oldest back would go. */
static void
the_oldest_goes_first(conform *self)
{
	ph_store_span at;
	ph_store_span same;
	size_t in[MANY];

	conform_open(self);
	write_extents(self, MANY, in);
	for (size_t i = 0; i < MANY; i++) { /* each by any place in it */
		ph_position middle = self->wrote[in[i] + 1].position;

		EXPECT(self, ph_store_span_of(self->store, middle, &at, NULL) == PH_OK);
		EXPECT(self, at.begin.offset == extent_of(self, in[i]));
		EXPECT(self, at.next.offset > middle.offset);
		EXPECT(self,
		    ph_store_span_of(self->store, at.begin, &same, NULL) == PH_OK);
		EXPECT(self, same.next.offset == at.next.offset);
		EXPECT(self, same.bytes == at.bytes && same.until_ms == at.until_ms);
	}
	for (size_t i = 0; i < MANY; i++) {
		EXPECT(self, ph_store_span_of(
				 self->store, (ph_position){0}, &at, NULL) == PH_OK);
		EXPECT(self, at.begin.offset == extent_of(self, in[i]));
		EXPECT(self, at.bytes > 0);
		EXPECT(self, at.next.offset > at.begin.offset && at.until_ms > 0);
		EXPECT(
		    self, i + 1 == MANY ||
			      at.next.offset <= self->wrote[in[i + 1]].position.offset);
		EXPECT(self, ph_store_trim(self->store, at.next, NULL) == PH_OK);
	}
	EXPECT(
	    self, ph_store_span_of(self->store, (ph_position){0}, &at, NULL) == PH_OK);
	EXPECT(self, at.next.offset == 0 && at.until_ms == 0);
	conform_close(self);
}

/* --- a full place --------------------------------------------------------------------- */

/* Submit until it is refused for want of room. */
static void
fill_up(conform *self, ph_store_need need)
{
	ph_status status = PH_OK;

	self->large = true;
	while (status == PH_OK) {
		status = conform_submit(self, need);
		if (status == PH_OK && self->count % 5 == 0)
			conform_flush(self);
	}
	self->large = false;
	EXPECT(self, status == PH_ERR_FULL);
}

static void
a_full_place_takes_outcomes_and_recovers(conform *self)
{
	ph_store_space space;
	int64_t since = 0;

	conform_open(self);
	conform_put(self, 20);
	conform_flush(self);
	self->kind->fill(self->place, true);
	fill_up(self, PH_STORE_NEW);
	size_t before = self->count;
	EXPECT(self, ph_store_space_left(self->store, &space, NULL) == PH_OK);
	EXPECT(self, !space.accepting && space.open == 0);
	for (unsigned i = 0; i < 10; i++) {
		EXPECT(self, conform_submit(self, PH_STORE_NEW) == PH_ERR_FULL);
		EXPECT(self, conform_submit(self, PH_STORE_ESSENTIAL) == PH_OK);
	}
	conform_flush(self);
	conform_all(self);
	fill_up(self, PH_STORE_ESSENTIAL);
	EXPECT(self, self->count > before + 10);
	conform_flush(self);
	conform_all(self);

	/* room again is found without being told of */
	self->kind->fill(self->place, false);
	while (conform_submit(self, PH_STORE_NEW) == PH_ERR_FULL)
		EXPECT(self, conform_wait(self, &since));
	conform_put(self, 20);
	conform_flush(self);
	conform_all(self);
	EXPECT(self, ph_store_space_left(self->store, &space, NULL) == PH_OK);
	EXPECT(self, space.accepting && space.open > 0);
	size_t count = self->count;
	conform_kill(self);
	conform_open(self);
	conform_learn(self, count);
	conform_all(self);
	conform_close(self);
}

/* Old records are the way out where no other room comes. */
static void
a_trim_makes_room(conform *self)
{
	size_t in[3];
	int64_t since = 0;

	conform_open(self);
	write_extents(self, 3, in);
	conform_all(self);
	self->kind->fill(self->place, true);
	fill_up(self, PH_STORE_NEW);
	conform_flush(self);
	EXPECT(self,
	    ph_store_trim(self->store, self->wrote[in[2]].position, NULL) == PH_OK);
	self->oldest = in[2];
	while (conform_submit(self, PH_STORE_NEW) == PH_ERR_FULL)
		EXPECT(self, conform_wait(self, &since));
	conform_flush(self);
	conform_all(self);
	self->kind->fill(self->place, false);
	conform_close(self);
}

#define CASE(name)                                                                     \
	{                                                                              \
#name, name                                                            \
	}

const conform_case conform_room_cases[] = {
    CASE(an_extent_is_a_place_to_read_from),
    CASE(what_is_trimmed_is_gone),
    CASE(only_what_is_durable_is_trimmed),
    CASE(a_trim_flushes),
    CASE(a_reader_that_is_overtaken_is_told),
    CASE(the_oldest_goes_first),
    CASE(a_full_place_takes_outcomes_and_recovers),
    CASE(a_trim_makes_room),
};
const size_t conform_room_case_count =
    sizeof conform_room_cases / sizeof *conform_room_cases;
