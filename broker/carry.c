/*
 * How it works: extent after extent, the oldest first. Each is read twice: once to weigh what is
 * needed of it (and no further than half: then it counts as needed wholly), once to carry that. If
 * it is too much, the next ones are weighed too, until no more than half of them together is needed:
 * then all of those are carried. So what is written again is never more than what is given back, and
 * what waits for long cannot keep the journal behind it. A record is needed if an entry of the
 * backlog, a shelf or a letter says that it is read from this very place. The reason of a letter goes
 * with its message, before it, so that a message is never among those carried while its reason is in
 * an extent that is not noted.
 *
 * Where a copy is put is told after the flush (ph_carry_flushed): shelves are on the disk, and must
 * not name a record that a crash may take away. What is no longer at the old place then has moved by
 * itself, and stays where it is.
 *
 * A checkpoint taken earlier names the old places, and a start from it reads the carries behind it:
 * but on its way it may look at a message. So nothing is given back until both checkpoints that are
 * kept lie behind the last carry, and nothing more is carried until then.
 */
#include "broker/carry.h"

#include <inttypes.h>
#include <stdlib.h>

#include "broker/carry_owners.h"
#include "broker/journal_range.h"
#include "broker/refill.h"
#include "broker/retention.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define TURN_RECORDS 64 /* looked at in one turn: a tenth of a millisecond */
#define TURN_BYTES   (64u << 10)
#define WAIT_FIRST   1000   /* ms until an extent that is needed is weighed again */
#define WAIT_MOST    600000 /* it doubles up to this */
#define CLEAR_MOST   64	    /* extents passed over in one turn, unread */

/* One copy that its owners do not know of yet. */
typedef struct moved {
	uint64_t from, to; /* offsets */
	uint64_t acceptance;
	uint16_t queue; /* of the letter */
	bool letter;	/* the reason of a letter, not a message */
} moved;

typedef enum phase { RESTING, WEIGHING, CARRYING } phase;

struct ph_carry {
	uint64_t last;	   /* greatest acceptance that was carried; 0: none */
	uint64_t end;	   /* offset of the last carry */
	uint64_t *extents; /* beginnings of those noted, ascending */
	size_t extent_count, extent_room;
	phase phase;
	uint64_t clear; /* nothing before it is needed */
	uint64_t floor; /* of this run */
	bool at_once;	/* this run: whatever the age */
	ph_store_span span;
	ph_store_reader *reader;
	uint64_t weight;	  /* bytes of the extent that are needed, so far */
	uint64_t needed, weighed; /* bytes of the extents weighed one after the other */
	uint64_t granted; /* extents that begin before it are carried as they are */
	uint64_t passed;  /* bytes of the extents that this run has emptied */
	uint64_t copied;  /* bytes carried from this extent */
	uint64_t run;	  /* bytes carried in this run */
	moved *moves;
	size_t move_count, move_room;
	int64_t again_ms;     /* no run before (mono) */
	uint64_t again_bytes; /* of journal, with which there is one all the same */
	int64_t wait_ms;      /* after the next that comes to nothing */
};

ph_status
ph_carry_new(ph_carry **out, ph_error *err)
{
	ph_carry *self = calloc(1, sizeof *self);
	if (self == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory");
	self->wait_ms = WAIT_FIRST;
	*out = self;
	return PH_OK;
}

void
ph_carry_destroy(ph_carry **carry_p)
{
	ph_carry *self = *carry_p;
	*carry_p = NULL;
	if (self == NULL)
		return;
	PH_ASSERT(self->reader == NULL);
	free(self->extents);
	free(self->moves);
	free(self);
}

void
ph_carry_rest(ph_broker *broker)
{
	if (broker->carry == NULL)
		return;
	ph_store_reader_destroy(&broker->carry->reader);
	broker->carry->phase = RESTING;
}

/* ---- what is noted ---- */

static ph_status
reserve_note(ph_carry *self, ph_error *err)
{
	if (self->extent_count < self->extent_room)
		return PH_OK;
	size_t room = self->extent_room * 2 + 8;
	uint64_t *more = realloc(self->extents, room * sizeof *more);
	if (more == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory");
	self->extents = more;
	self->extent_room = room;
	return PH_OK;
}

/* Cannot fail if there is room. */
static ph_status
note(ph_broker *broker, uint64_t offset, ph_error *err)
{
	ph_carry *self = broker->carry;
	uint64_t begin =
	    ph_store_extent(broker->store, (ph_position){.offset = offset}).offset;
	if (self->extent_count > 0 && self->extents[self->extent_count - 1] >= begin)
		return PH_OK;
	ph_status status = reserve_note(self, err);
	if (status == PH_OK)
		self->extents[self->extent_count++] = begin;
	return status;
}

void
ph_carry_trimmed(ph_broker *broker, ph_position oldest)
{
	ph_carry *self = broker->carry;
	size_t gone = 0, left = 0;
	while (gone < self->extent_count && self->extents[gone] < oldest.offset)
		gone++;
	while (gone < self->extent_count)
		self->extents[left++] = self->extents[gone++];
	self->extent_count = left;
}

ph_status
ph_carry_letter(ph_broker *broker, uint64_t acceptance, uint64_t offset, ph_error *err)
{
	return acceptance > broker->carry->last ? PH_OK : note(broker, offset, err);
}

bool
ph_carry_at_work(const ph_broker *broker)
{
	return broker->carry->phase != RESTING;
}

bool
ph_carry_happened(const ph_broker *broker)
{
	return broker->carry->last > 0;
}

void
ph_carry_save(const ph_broker *broker, ph_buffer *section)
{
	const ph_carry *self = broker->carry;
	ph_buffer_u64(section, self->last);
	ph_buffer_u64(section, self->end);
	for (size_t i = 0; i < self->extent_count; i++)
		ph_buffer_u64(section, self->extents[i]);
}

ph_status
ph_carry_load(ph_broker *broker, ph_reader *section, ph_error *err)
{
	ph_carry *self = broker->carry;
	ph_status status = PH_OK;
	self->last = ph_reader_u64(section);
	self->end = ph_reader_u64(section);
	while (status == PH_OK && !section->failed && ph_reader_left(section) > 0)
		status = note(broker, ph_reader_u64(section), err);
	if (status == PH_OK && section->failed)
		status = ph_fail(err, PH_ERR_DAMAGED,
		    "PH5343 the carries in the checkpoint make no sense");
	return status;
}

/* ---- telling the new places ---- */

void
ph_carry_flushed(ph_broker *broker)
{
	ph_carry *self = broker->carry;
	for (size_t i = 0; i < self->move_count; i++) {
		const moved *at = &self->moves[i];
		if (at->letter)
			ph_carry_move_letter(
			    broker, at->queue, at->acceptance, at->from, at->to);
		else
			ph_carry_move_message(broker, at->acceptance, at->from, at->to);
	}
	self->move_count = 0;
}

/* What a copy means for those that come. */
static ph_status
enter(ph_broker *broker, const moved *at, ph_error *err)
{
	ph_carry *self = broker->carry;
	if (!at->letter && at->acceptance > self->last)
		self->last = at->acceptance;
	self->end = at->to;
	return note(broker, at->to, err);
}

ph_status
ph_carry_apply(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_carry is;
	ph_record_accept accept;
	ph_record_outcome outcome;
	moved at = {.to = record->position.offset};
	ph_status status =
	    ph_record_carry_decode(record->body, record->length, &is, err);
	if (status != PH_OK)
		return status;
	at.letter = is.type == PH_RECORD_OUTCOME;
	status = at.letter ? ph_record_outcome_decode(is.body, is.length, &outcome, err)
			   : ph_record_accept_decode(is.body, is.length, &accept, err);
	if (status != PH_OK)
		return status;
	at.acceptance = at.letter ? outcome.acceptance : accept.acceptance;
	at.queue = at.letter ? outcome.queue : 0;
	if (at.letter)
		ph_carry_move_letter(broker, at.queue, at.acceptance, 0, at.to);
	else
		ph_carry_move_message(broker, at.acceptance, 0, at.to);
	return enter(broker, &at, err);
}

/* ---- copying ---- */

static ph_status
reserve_move(ph_carry *self, ph_error *err)
{
	if (self->move_count < self->move_room)
		return PH_OK;
	size_t room = self->move_room * 2 + 64;
	moved *more = realloc(self->moves, room * sizeof *more);
	if (more == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory");
	self->moves = more;
	self->move_room = room;
	return PH_OK;
}

static bool
copied_already(const ph_carry *self, uint64_t from)
{
	for (size_t i = 0; i < self->move_count; i++) {
		if (self->moves[i].from == from)
			return true;
	}
	return false;
}

/* One record again. `at` says whose it is and where it is. */
static ph_status
copy(ph_broker *broker, moved *at, const uint8_t *body, size_t length, ph_error *err)
{
	ph_carry *self = broker->carry;
	if (at->letter && copied_already(self, at->from))
		return PH_OK;
	ph_status status = reserve_move(self, err);
	if (status == PH_OK)
		status = reserve_note(self, err);
	if (status != PH_OK)
		return status;
	ph_buffer_clear(&broker->record);
	ph_record_carry_encode(
	    at->letter ? PH_RECORD_OUTCOME : PH_RECORD_ACCEPT, &broker->record);
	status = ph_broker_submit(
	    broker, PH_RECORD_CARRY, PH_STORE_ESSENTIAL, body, length, &at->to, err);
	if (status != PH_OK)
		return status;
	self->moves[self->move_count++] = *at;
	self->copied += length;
	self->run += length;
	return enter(broker, at, err);
}

/* The outcome that a letter's reason stands in, wherever that is. */
static ph_status
copy_reason(ph_broker *broker, uint16_t queue, uint64_t acceptance,
    const ph_letter *letter, ph_error *err)
{
	ph_store_record record;
	ph_buffer body;
	moved at = {.from = letter->offset,
	    .acceptance = acceptance,
	    .queue = queue,
	    .letter = true};
	ph_position position = {.offset = letter->offset};
	ph_status status = ph_store_read(broker->store, position, &record, err);
	if (status == PH_ERR_DAMAGED)
		return PH_OK; /* the letter stays, its reason cannot be kept */
	if (status != PH_OK)
		return status;
	/* what was read is lent only until the store is asked for something else */
	ph_buffer_init(&body, PH_STORE_BODY_MAX);
	ph_record_carry is = {PH_RECORD_OUTCOME, record.body, record.length};
	if (record.type == PH_RECORD_CARRY)
		status = ph_record_carry_decode(record.body, record.length, &is, err);
	if (status == PH_OK)
		ph_buffer_append(&body, is.body, is.length);
	if (status == PH_OK && body.failed)
		status = ph_fail(err, PH_ERR_NOMEM, "no memory");
	if (status == PH_OK)
		status = copy(broker, &at, body.data, body.length, err);
	ph_buffer_fini(&body);
	return status;
}

static ph_status
copy_reasons(ph_broker *broker, uint64_t acceptance, ph_error *err)
{
	ph_status status = PH_OK;
	ph_entry *entry = ph_backlog_find(broker->backlog, acceptance);
	for (; entry != NULL; entry = entry->also) {
		for (unsigned i = 0; status == PH_OK && i < entry->count; i++) {
			const ph_item *item = &entry->items[i];
			if (item->state == PH_DELIVERY_DEAD &&
			    item->as.letter->record == PH_RECORD_OUTCOME)
				status = copy_reason(broker, item->queue, acceptance,
				    item->as.letter, err);
		}
	}
	return status;
}

/* ---- an extent ---- */

static ph_status
take_message(ph_broker *broker, const ph_store_record *record,
    const ph_record_carry *is, ph_error *err)
{
	ph_carry *self = broker->carry;
	ph_record_accept accept;
	uint64_t offset = record->position.offset;
	ph_status status = ph_record_accept_decode(is->body, is->length, &accept, err);
	if (status != PH_OK || !ph_carry_needs(broker, &accept, offset))
		return status;
	self->weight += record->length;
	if (self->phase == WEIGHING)
		return PH_OK;
	/* of one that was carried before, the reasons are noted already */
	if (record->type == PH_RECORD_ACCEPT)
		status = copy_reasons(broker, accept.acceptance, err);
	moved at = {.from = offset, .acceptance = accept.acceptance};
	return status == PH_OK ? copy(broker, &at, is->body, is->length, err) : status;
}

static ph_status
take_reason(ph_broker *broker, const ph_store_record *record, const ph_record_carry *is,
    ph_error *err)
{
	ph_carry *self = broker->carry;
	ph_record_outcome outcome;
	ph_status status =
	    ph_record_outcome_decode(is->body, is->length, &outcome, err);
	if (status != PH_OK)
		return status;
	const ph_letter *letter =
	    ph_carry_letter_of(broker, outcome.queue, outcome.acceptance);
	if (letter == NULL || letter->offset != record->position.offset)
		return PH_OK;
	self->weight += record->length;
	moved at = {.from = letter->offset,
	    .acceptance = outcome.acceptance,
	    .queue = outcome.queue,
	    .letter = true};
	return self->phase == WEIGHING ? PH_OK
				       : copy(broker, &at, is->body, is->length, err);
}

static ph_status
take(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_carry is = {
	    (ph_record_type) record->type, record->body, record->length};
	ph_status status =
	    record->type == PH_RECORD_CARRY
		? ph_record_carry_decode(record->body, record->length, &is, err)
		: PH_OK;
	if (status == PH_OK && is.type == PH_RECORD_ACCEPT)
		return take_message(broker, record, &is, err);
	if (status == PH_OK && is.type == PH_RECORD_OUTCOME)
		return take_reason(broker, record, &is, err);
	return status;
}

/* The first record of those that were never carried. */
static uint64_t
lowest(ph_broker *broker)
{
	uint64_t last = broker->carry->last;
	uint64_t offset = UINT64_MAX;
	unsigned cursor = 0;
	const ph_destination *to;
	ph_shelf_entry shelved;
	const ph_entry *entry = ph_backlog_next(broker->backlog, last);
	if (entry != NULL)
		offset = entry->offset;
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		if (ph_refill_next(broker, to, last, &shelved) &&
		    shelved.offset < offset)
			offset = shelved.offset;
	}
	return offset;
}

/* Nothing before this is needed, seen without reading. */
static uint64_t
clear_to(ph_broker *broker)
{
	const ph_carry *self = broker->carry;
	uint64_t offset = lowest(broker);
	size_t i = 0;
	while (i < self->extent_count && self->extents[i] < self->clear)
		i++;
	if (i < self->extent_count && self->extents[i] < offset)
		offset = self->extents[i];
	return offset > self->clear ? offset : self->clear;
}

bool
ph_carry_floor(ph_broker *broker, ph_position floor, ph_position *out)
{
	const ph_carry *self = broker->carry;
	*out = floor;
	/* what is at the very place of a checkpoint is in it */
	if (floor.offset < self->end)
		return false;
	uint64_t clear = clear_to(broker);
	if (clear < out->offset)
		out->offset = clear;
	return !broker->failed;
}

/* Has the extent outlived what is kept, if so many bytes before it go? */
static bool
may_go(ph_broker *broker, const ph_store_span *span, uint64_t before)
{
	const ph_carry *self = broker->carry;
	uint64_t next = span->next.offset;
	ph_store_space space;
	if (next == 0 || next > self->floor ||
	    ph_store_space_left(broker->store, &space, NULL) != PH_OK)
		return false;
	/* some of those before it may have gone meanwhile */
	uint64_t used = space.used > before ? space.used - before : 0;
	return self->at_once || ph_retention_outlived(broker, span, used);
}

/* Can so many bytes be written again without the reserve? */
static bool
has_room(const ph_broker *broker, uint64_t bytes)
{
	ph_store_space space;
	return ph_store_space_left(broker->store, &space, NULL) == PH_OK &&
	       space.open >= bytes;
}

/* The next extent to be weighed; false: there is none to go now. */
static bool
choose(ph_broker *broker)
{
	ph_carry *self = broker->carry;
	/* with a full disk, also one that has become full since the run began, no more than one, so as to
	 * leave the reserve to others */
	if (self->run > 0 && (self->at_once || !has_room(broker, self->span.bytes)))
		return false;
	for (unsigned i = 0; i < CLEAR_MOST; i++) {
		ph_position at = {.offset = self->clear};
		if (ph_store_span_of(broker->store, at, &self->span, NULL) != PH_OK ||
		    !may_go(broker, &self->span, self->passed))
			return false;
		if (clear_to(broker) < self->span.next.offset)
			return true;
		self->clear = self->span.next.offset;
		self->passed += self->span.bytes;
	}
	return false;
}

/* The bytes of the journal that are in use; all there could be, if nobody knows. */
static uint64_t
journal_bytes(const ph_broker *broker)
{
	ph_store_space space;
	return ph_store_space_left(broker->store, &space, NULL) == PH_OK ? space.used
									 : UINT64_MAX;
}

/* No run before some time has gone by, or so many bytes more are in the journal (0: whatever they
 * are). */
static void
postpone(ph_broker *broker, uint64_t more)
{
	ph_carry *self = broker->carry;
	self->again_ms = ph_clock_mono(broker->clock) + self->wait_ms;
	self->again_bytes = more == 0 ? UINT64_MAX : journal_bytes(broker) + more;
	self->wait_ms = self->wait_ms * 2 > WAIT_MOST ? WAIT_MOST : self->wait_ms * 2;
	ph_carry_rest(broker);
}

static void
failed(ph_broker *broker, const ph_error *err)
{
	char place[PH_JOURNAL_PLACE];
	ph_journal_place_text(broker->carry->span.begin.offset, place);
	/* PH_ERR_AGAIN: a letter of this very turn */
	if (err->status != PH_ERR_AGAIN)
		ph_log(PH_LOG_WARN, "carry-failed", "extent=%s where=%s text=%s", place,
		    err->where, err->text);
	postpone(broker, 0);
}

static void
begin_extent(ph_broker *broker, phase what)
{
	ph_carry *self = broker->carry;
	ph_error err = {.status = PH_OK};
	ph_store_reader_destroy(&self->reader);
	self->phase = what;
	self->weight = self->copied = 0;
	if (ph_store_reader_new(
		broker->store, self->span.begin, 0, &self->reader, &err) != PH_OK)
		failed(broker, &err);
}

/* The next extent, if there is one for this run. */
static void
go_on(ph_broker *broker)
{
	ph_carry *self = broker->carry;
	self->needed = self->weighed = 0;
	if (!choose(broker))
		ph_carry_rest(broker);
	else
		begin_extent(broker,
		    self->span.begin.offset < self->granted ? CARRYING : WEIGHING);
}

void
ph_carry_begin(ph_broker *broker, ph_position floor, bool at_once)
{
	ph_carry *self = broker->carry;
	if (self->phase != RESTING || floor.offset < self->end || broker->failed ||
	    (ph_clock_mono(broker->clock) < self->again_ms &&
		journal_bytes(broker) < self->again_bytes))
		return;
	self->floor = floor.offset;
	self->at_once = at_once;
	self->passed = 0;
	self->granted = 0;
	self->run = 0;
	go_on(broker);
}

/* The extent behind those that were weighed; false: there is none to go now, or no room to carry so
 * much at a time. */
static bool
weigh_next(ph_broker *broker)
{
	ph_carry *self = broker->carry;
	ph_store_span next;
	if (self->at_once || !has_room(broker, self->needed) ||
	    ph_store_span_of(broker->store, self->span.next, &next, NULL) != PH_OK ||
	    !may_go(broker, &next, self->passed + self->weighed))
		return false;
	self->span = next;
	begin_extent(broker, WEIGHING);
	return true;
}

/* So much of the extent is needed. */
static void
finish_weighing(ph_broker *broker, uint64_t needed)
{
	ph_carry *self = broker->carry;
	self->needed += needed;
	self->weighed += self->span.bytes;
	if (self->needed <= self->weighed / 2) {
		self->granted = self->span.next.offset;
		go_on(broker);
	} else if (!weigh_next(broker)) {
		postpone(broker, self->needed * 2 - self->weighed);
	}
}

/* All of the extent has been read. */
static void
finish_extent(ph_broker *broker)
{
	ph_carry *self = broker->carry;
	if (self->phase == WEIGHING && self->weight + self->weighed > 0) {
		finish_weighing(broker, self->weight);
		return;
	}
	if (self->copied > 0) {
		char place[PH_JOURNAL_PLACE];
		ph_journal_place_text(self->span.begin.offset, place);
		ph_log(PH_LOG_INFO, "carried", "extent=%s bytes=%" PRIu64, place,
		    self->copied);
	}
	self->clear = self->span.next.offset;
	self->passed += self->span.bytes;
	self->wait_ms = WAIT_FIRST;
	go_on(broker);
}

/* Some records of the extent; *end: all have been read. */
static ph_status
read_some(ph_broker *broker, bool *end, ph_error *err)
{
	ph_carry *self = broker->carry;
	size_t bytes = 0;
	ph_status status = PH_OK;
	for (unsigned i = 0; status == PH_OK && i < TURN_RECORDS && bytes < TURN_BYTES;
	     i++) {
		ph_store_record record;
		status = ph_store_reader_next(self->reader, &record, err);
		if (status != PH_OK)
			break;
		if (record.position.offset >= self->span.next.offset) {
			*end = true;
			return PH_OK;
		}
		bytes += record.length;
		status = take(broker, &record, err);
		if (self->phase == WEIGHING && self->weight > self->span.bytes / 2)
			break;
	}
	return status;
}

bool
ph_carry_turn(ph_broker *broker)
{
	ph_carry *self = broker->carry;
	ph_error err = {.status = PH_OK};
	bool end = false;
	if (self->phase == RESTING || broker->failed)
		return false;
	ph_status status = read_some(broker, &end, &err);
	if (status != PH_OK)
		failed(broker, &err);
	else if (self->phase == WEIGHING && self->weight > self->span.bytes / 2)
		finish_weighing(broker, self->span.bytes);
	else if (end)
		finish_extent(broker);
	return self->phase != RESTING;
}
