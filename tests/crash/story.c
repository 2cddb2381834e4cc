/* story - see story.h. */
#include "tests/crash/story.h"

#include <stdio.h>
#include <string.h>

#include "broker/record.h"
#include "tests/crash/checkpoints.h"

void
story_wrong(story *self, const char *what, uint64_t number)
{
	if (self->wrong[0] == '\0')
		snprintf(self->wrong, sizeof self->wrong, "seed %llu: %s (%llu)",
		    (unsigned long long) self->seed, what, (unsigned long long) number);
}

static uint64_t
dice(story *self, uint64_t bound)
{
	return fake_random(&self->random, bound);
}

/* Bring the list up to a note. */
void
story_enter(story_list *self, const trace_note *note)
{
	switch (note->what) {
	case SUBMITTED:
		self->entries[self->submitted++] =
		    (story_entry){note->first, note->second};
		break;
	case ACKNOWLEDGED:
		self->acknowledged = note->first;
		break;
	case LEFT: /* a start has found so many, and from here on */
		self->submitted = self->acknowledged = note->first;
		self->first = self->first_maybe = note->second;
		break;
	case TRIMMING:
		self->first_maybe = note->first;
		break;
	case TRIMMED:
		self->first = self->first_maybe = note->first;
		break;
	case TAKING:
		self->begun = note->first;
		self->places[note->first] = note->second;
		break;
	case TAKEN:
		self->taken = note->first;
		break;
	default:
		break;
	}
}

static void
say(story *self, uint32_t what, uint64_t first, uint64_t second)
{
	trace_note_down(&self->trace, what, first, second);
	story_enter(&self->now, &(trace_note){what, first, second});
}

/* --- living ------------------------------------------------------------------------------ */

/* What can be asked for is acknowledged: before each call that changes a file, too. */
void
story_acknowledge(void *arg)
{
	story *self = arg;

	if (self->store == NULL || trace_dead(&self->trace))
		return;
	uint64_t durable = ph_store_durable(self->store).offset;
	size_t done = self->now.acknowledged;
	while (done < self->now.submitted && self->offsets[done] < durable)
		done++;
	if (done > self->now.acknowledged)
		say(self, ACKNOWLEDGED, done, 0);
}

/* The id of a record, if its body is right; else 0. */
static uint64_t
id_of(const ph_store_record *record)
{
	ph_store_record same = *record;

	same.type = PH_RECORD_ACCEPT;
	return fixture_id(&same);
}

/* False: the process is dead. */
static bool
submit(story *self, uint64_t id, uint8_t type)
{
	static uint8_t body[FIXTURE_BODY_MAX];
	const ph_store_part part = {body, fixture_length(id)};
	ph_position position;

	if (self->now.submitted == STORY_MOST)
		return true;
	fixture_body(id, body);
	size_t at = self->now.submitted;
	self->offsets[at] = UINT64_MAX;
	say(self, SUBMITTED, id, type); /* it may reach the disk before the call ends */
	if (ph_store_submit(self->store, type, PH_STORE_ESSENTIAL, &part, 1, &position,
		NULL) == PH_OK) {
		self->offsets[at] = position.offset;
		return true;
	}
	if (!trace_dead(&self->trace))
		story_wrong(self, "a record is refused", id);
	return false;
}

static bool
flush(story *self)
{
	ph_status status = ph_store_flush(self->store, NULL, NULL);

	if (status != PH_OK && !trace_dead(&self->trace))
		story_wrong(self, "a flush failed", status);
	story_acknowledge(self);
	return status == PH_OK;
}

/* The batch goes to the disk while the story goes on. */
static bool
send_off(story *self)
{
	ph_status status = ph_store_start(self->store, NULL);

	if (status != PH_OK && !trace_dead(&self->trace))
		story_wrong(self, "a batch cannot be started", status);
	story_acknowledge(self);
	return status == PH_OK;
}

/* Few records, now and then a large one. */
static bool
append(story *self)
{
	for (uint64_t count = 1 + dice(self, 5); count > 0; count--) {
		uint64_t id = self->next_id;
		bool large = dice(self, 5) == 0;

		while (large != (id % 40 == 39))
			id++;
		self->next_id = id + 1;
		if (id >= STORY_MOST * 2)
			return true;
		if (!submit(self, id, PH_RECORD_ACCEPT))
			return false;
		self->live[id] = true;
	}
	switch (dice(self, 4)) {
	case 0:
		return true;
	case 1:
		return flush(self);
	default:
		return send_off(self);
	}
}

/* Read what is durable, and settle most of it. */
static bool
settle(story *self)
{
	for (uint64_t tries = dice(self, 12); tries > 0; tries--) {
		size_t kept = self->now.acknowledged - self->now.first;
		ph_store_record record;

		if (kept == 0)
			return true;
		size_t at = self->now.first + dice(self, kept);
		uint64_t id = self->now.entries[at].id;
		if (!self->live[id])
			continue;
		ph_status status = ph_store_read(self->store,
		    (ph_position){.offset = self->offsets[at]}, &record, NULL);
		if (status != PH_OK || id_of(&record) != id)
			story_wrong(self, "an acknowledged record cannot be read", at);
		if (!submit(self, id, PH_RECORD_OUTCOME))
			return false;
		self->live[id] = false;
		self->counts.settled++;
	}
	return true;
}

/* A checkpoint of all that is durable. */
static bool
checkpoint(story *self)
{
	uint64_t number = self->now.begun + 1;

	if (number == STORY_CHECKPOINTS)
		return true;
	if (!flush(self))
		return false;
	say(self, TAKING, number, self->now.acknowledged);
	if (!checkpoints_write(
		&self->trace.fs, self->place.root, number, self->now.acknowledged)) {
		if (!trace_dead(&self->trace))
			story_wrong(self, "a checkpoint is not written", number);
		return false;
	}
	if (trace_dead(&self->trace)) /* in removing the one before */
		return false;
	say(self, TAKEN, number, 0);
	self->counts.checkpoints++;
	return true;
}

/* The first record that the older of the last two checkpoints does not know. */
static size_t
known(const story *self)
{
	return self->now.taken < 2 || self->now.begun != self->now.taken
		   ? self->now.first
		   : self->now.places[self->now.taken - 1];
}

/* Carry what is live in the oldest extents forward, then give them back, as far as both checkpoints
 * know what was in them. */
static bool
retain(story *self)
{
	size_t end = known(self);
	size_t kept = end > self->now.first ? end - self->now.first : 0;

	if (kept < 2)
		return true;
	size_t at = self->now.first + dice(self, kept);
	uint64_t begin =
	    ph_store_extent(self->store, (ph_position){.offset = self->offsets[at]})
		.offset;
	while (at > self->now.first && self->offsets[at - 1] >= begin)
		at--;
	for (size_t i = self->now.first; i < at; i++) {
		story_entry old = self->now.entries[i];

		if (old.type == PH_RECORD_OUTCOME || !self->live[old.id])
			continue;
		if (!submit(self, old.id, PH_RECORD_CARRY))
			return false;
		self->counts.carried++;
	}
	if (!flush(self))
		return false;
	say(self, TRIMMING, at, 0);
	ph_status status =
	    ph_store_trim(self->store, (ph_position){.offset = begin}, NULL);
	if (trace_dead(&self->trace))
		return false;
	if (status != PH_OK)
		story_wrong(self, "a trim is refused", status);
	say(self, TRIMMED, at, 0);
	self->counts.trims += at > 0;
	return true;
}

/* What the journal has, in order; their number. */
size_t
story_read(story *self, ph_store *store, story_entry *out, uint64_t *offsets)
{
	ph_store_reader *reader;
	ph_store_record record;
	size_t count = 0;

	if (ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL) != PH_OK) {
		story_wrong(self, "there is no reader", 0);
		return 0;
	}
	ph_status status = ph_store_reader_next(reader, &record, NULL);
	for (; status == PH_OK && count < STORY_MOST; count++) {
		out[count] = (story_entry){id_of(&record), record.type};
		if (offsets != NULL)
			offsets[count] = record.position.offset;
		status = ph_store_reader_next(reader, &record, NULL);
	}
	if (status != PH_ERR_AGAIN)
		story_wrong(self, "a reader was stopped", status);
	ph_store_reader_destroy(&reader);
	return count;
}

static bool
begins_at(const story_list *what, size_t first, const story_entry *found, size_t count)
{
	if (first + count > what->submitted)
		return false;
	for (size_t i = 0; i < count; i++) {
		const story_entry *want = &what->entries[first + i];

		if (want->id != found[i].id || want->type != found[i].type)
			return false;
	}
	return true;
}

/* Where what was found begins in the list; SIZE_MAX: nowhere. */
size_t
story_place(const story_list *what, const story_entry *found, size_t count)
{
	if (begins_at(what, what->first, found, count) &&
	    what->first + count >= what->acknowledged)
		return what->first;
	if (begins_at(what, what->first_maybe, found, count) &&
	    what->first_maybe + count >= what->acknowledged)
		return what->first_maybe;
	return SIZE_MAX;
}

/* After a start: what is there is delivered, and so has to stay. */
static void
recover(story *self)
{
	static story_entry found[STORY_MOST];
	static uint64_t offsets[STORY_MOST];
	size_t count = story_read(self, self->store, found, offsets);
	size_t first = story_place(&self->now, found, count);

	if (first == SIZE_MAX) {
		story_wrong(self, "a start after a kill is wrong", count);
		return;
	}
	memcpy(self->offsets + first, offsets, count * sizeof *offsets);
	say(self, LEFT, first + count, first);
	memset(self->live, 0, sizeof self->live);
	for (size_t i = 0; i < self->now.submitted; i++) {
		story_entry at = self->now.entries[i];

		self->live[at.id] = at.type != PH_RECORD_OUTCOME;
	}
}

static bool
step(story *self)
{
	switch (dice(self, 10)) {
	case 0:
		return dice(self, 2) == 0 ? ph_store_idle(self->store, NULL) == PH_OK
					  : checkpoint(self);
	case 1:
		return checkpoint(self) && retain(self);
	case 2:
	case 3:
		return settle(self);
	default:
		return append(self);
	}
}

void
story_live(story *self)
{
	ph_position durable;

	trace_next_life(&self->trace);
	if (dice(self, 4) > 0)
		self->trace.die_in =
		    1 + (unsigned) dice(self, dice(self, 3) == 0 ? 12 : 160);
	ph_status status =
	    fixture_open(&self->place, &self->trace.fs, &self->store, NULL, NULL);
	if (status != PH_OK) {
		if (!trace_dead(&self->trace))
			story_wrong(self, "cannot be opened", status);
		self->store = NULL;
		return;
	}
	recover(self);
	for (unsigned steps = 12 + (unsigned) dice(self, 36); steps > 0; steps--) {
		if (!step(self) || self->wrong[0] != '\0')
			break;
	}
	/* what is away lands, so that a seed does the same again; else it dies in a call */
	(void) ph_store_poll(self->store, true, &durable, NULL);
	story_acknowledge(self);
	if (dice(self, 3) > 0) /* no good-bye */
		trace_die(&self->trace);
	ph_store *store = self->store;
	self->store = NULL; /* nobody asks any more */
	self->counts.deaths += trace_dead(&self->trace);
	if (ph_store_close(&store, NULL) == PH_OK)
		say(self, ACKNOWLEDGED, self->now.submitted, 0);
}
