/* conform - see conform.h. */
#include "tests/conform/conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/record.h"
#include "lib/base/assert.h"
#include "tests/unit/journal_fixture.h"

void
conform_fail(conform *self, int line, const char *what)
{
	snprintf(self->wrong, sizeof self->wrong, "%s: line %d: %s", self->kind->name,
	    line, what);
	longjmp(self->out, 1);
}

void
conform_run(const conform_kind *kind, const conform_case *one, unsigned deadline_ms,
    char out[300])
{
	conform *self = calloc(1, sizeof *self);

	PH_ASSERT(self != NULL);
	self->kind = kind;
	self->deadline_ms = deadline_ms;
	self->place = kind->make();
	if (setjmp(self->out) == 0)
		one->run(self);
	for (size_t i = 0; i < CONFORM_READERS; i++)
		ph_store_reader_destroy(&self->readers[i]);
	if (self->store != NULL)
		kind->kill(self->place, &self->store);
	kind->destroy(&self->place);
	snprintf(out, sizeof self->wrong, "%s", self->wrong);
	free(self);
}

static void
note_assigned(void *at, uint32_t partition)
{
	conform *self = at;

	self->assigned += partition == 0 ? 1 : 1000;
}

static void
note_revoked(void *at, uint32_t partition, ph_position end)
{
	conform *self = at;

	self->revoked += partition == 0 ? 1 : 1000;
	self->revoked_end = end;
}

void
conform_open(conform *self)
{
	const ph_store_owner owner = {self, note_assigned, note_revoked};
	int64_t since = 0;

	EXPECT(self, self->kind->open(self->place, &self->store, NULL) == PH_OK);
	self->assigned = self->revoked = 0;
	ph_store_own(self->store, &owner);
	while (self->assigned == 0) {
		EXPECT(self, ph_store_poll(self->store, false, NULL, NULL) == PH_OK);
		EXPECT(self, self->assigned > 0 || conform_wait(self, &since));
	}
	EXPECT(self, self->assigned == 1 && self->revoked == 0);
}

void
conform_close(conform *self)
{
	EXPECT(self, ph_store_close(&self->store, NULL) == PH_OK);
	EXPECT(self, self->store == NULL);
}

void
conform_kill(conform *self)
{
	for (size_t i = 0; i < CONFORM_READERS; i++)
		conform_reader_done(self, i);
	self->kind->kill(self->place, &self->store);
}

ph_status
conform_reader(conform *self, size_t slot, ph_position from, uint64_t after)
{
	PH_ASSERT(slot < CONFORM_READERS && self->readers[slot] == NULL);
	return ph_store_reader_new(
	    self->store, from, after, &self->readers[slot], NULL);
}

void
conform_reader_done(conform *self, size_t slot)
{
	ph_store_reader_destroy(&self->readers[slot]);
}

static uint8_t
type_of(uint64_t id)
{
	return id % 3 == 0 ? PH_RECORD_OUTCOME : PH_RECORD_ACCEPT;
}

ph_status
conform_submit(conform *self, ph_store_need need)
{
	static uint8_t body[FIXTURE_BODY_MAX];
	uint64_t next = self->count + 1;
	uint64_t id = next * 40 + (self->large ? 39 : next % 40);
	ph_position position;

	EXPECT(self, self->count < CONFORM_MOST);
	size_t length = fixture_length(id);
	size_t half = length / 2;
	fixture_body(id, body);
	const ph_store_part parts[] = {
	    {body, half}, {NULL, 0}, {body + half, length - half}};
	ph_status status =
	    ph_store_submit(self->store, type_of(id), need, parts, 3, &position, NULL);
	memset(body, 0xff, length); /* they were copied */
	if (status == PH_OK)
		self->wrote[self->count++] = (conform_entry){
		    .id = id,
		    .position = position,
		};
	return status;
}

void
conform_put(conform *self, size_t count)
{
	for (size_t i = 0; i < count; i++)
		EXPECT(self, conform_submit(self, PH_STORE_NEW) == PH_OK);
}

bool
conform_durable(const conform *self)
{
	return self->count == self->oldest ||
	       ph_store_durable(self->store).offset >
		   self->wrote[self->count - 1].position.offset;
}

bool
conform_wait(const conform *self, int64_t *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
	if (*since == 0)
		*since = ms;
	nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
	return ms - *since < self->deadline_ms;
}

void
conform_flush(conform *self)
{
	ph_position durable;
	int64_t since = 0;

	if (self->flushes++ % 2 == 1) {
		EXPECT(self, ph_store_flush(self->store, &durable, NULL) == PH_OK);
		EXPECT(self, durable.offset == ph_store_durable(self->store).offset);
		EXPECT(self, conform_durable(self));
		return;
	}
	EXPECT(self, ph_store_start(self->store, NULL) == PH_OK);
	while (!conform_durable(self)) {
		EXPECT(self, conform_wait(self, &since));
		EXPECT(
		    self, ph_store_poll(self->store, false, &durable, NULL) == PH_OK);
		EXPECT(self, durable.offset == ph_store_durable(self->store).offset);
	}
	EXPECT(
	    self, ph_store_poll(self->store, true, &(ph_position){0}, NULL) == PH_OK);
}

/* --- what is there -------------------------------------------------------------------- */

/* Does the body belong to record `id`, whatever its type? */
static bool
body_right(uint64_t id, const ph_store_record *record)
{
	static uint8_t body[FIXTURE_BODY_MAX];

	if (record->length != fixture_length(id) || record->type != type_of(id))
		return false;
	fixture_body(id, body);
	return memcmp(body, record->body, record->length) == 0;
}

void
conform_same(conform *self, size_t index, const ph_store_record *record)
{
	conform_entry *entry = &self->wrote[index];

	EXPECT(self, body_right(entry->id, record));
	EXPECT(self, record->position.partition == entry->position.partition);
	EXPECT(self, record->position.offset == entry->position.offset);
	EXPECT(self, record->sequence > 0 && record->wall_ms > 0);
	if (entry->sequence == 0) {
		entry->sequence = record->sequence;
		entry->wall_ms = record->wall_ms;
	}
	EXPECT(self, record->sequence == entry->sequence);
	EXPECT(self, record->wall_ms == entry->wall_ms);
	if (index > self->oldest && self->wrote[index - 1].sequence != 0)
		EXPECT(self, entry->sequence > self->wrote[index - 1].sequence);
}

void
conform_all(conform *self)
{
	ph_store_record record;

	for (size_t i = self->oldest; i < self->count; i++) {
		EXPECT(self, ph_store_read(self->store, self->wrote[i].position,
				 &record, NULL) == PH_OK);
		conform_same(self, i, &record);
	}
	EXPECT(self, conform_reader(self, 0, (ph_position){0}, 0) == PH_OK);
	for (size_t i = self->oldest; i < self->count; i++) {
		EXPECT(self,
		    ph_store_reader_next(self->readers[0], &record, NULL) == PH_OK);
		conform_same(self, i, &record);
	}
	EXPECT(self,
	    ph_store_reader_next(self->readers[0], &record, NULL) == PH_ERR_AGAIN);
	conform_reader_done(self, 0);
}

void
conform_learn(conform *self, size_t durable)
{
	ph_store_record record;
	size_t found = self->oldest;

	EXPECT(self, conform_reader(self, 0, (ph_position){0}, 0) == PH_OK);
	ph_status status = ph_store_reader_next(self->readers[0], &record, NULL);
	for (; status == PH_OK; found++) {
		EXPECT(self, found < self->count);
		self->wrote[found].position = record.position;
		conform_same(self, found, &record);
		status = ph_store_reader_next(self->readers[0], &record, NULL);
	}
	EXPECT(self, status == PH_ERR_AGAIN);
	EXPECT(self, found >= durable);
	conform_reader_done(self, 0);
	self->count = found;
}
