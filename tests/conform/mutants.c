/*
 * mutants - the store in memory behind a thin layer that makes one mistake.
 *
 * One store at a time is open, so what the layer remembers of it is static.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "tests/conform/kinds.h"
#include "tests/conform/memory_store.h"

#define MUTANT_MAGIC 0x4d555441u

/* What is wrong, and the case that has to find it. */
const conform_mutant conform_mutants[] = {
    {"durable too early", "nothing_is_read_before_it_is_durable"},
    {"acknowledged and lost", "a_death_loses_nothing_durable"},
    {"never durable", "what_is_flushed_is_read"},
    {"a start is forgotten", "a_batch_that_was_started_lands"},
    {"nobody waits", "a_batch_that_was_started_lands"},
    {"a record is dropped", "what_is_flushed_is_read"},
    {"sequences with a gap", "what_is_flushed_is_read"},
    {"a position given twice", "what_is_flushed_is_read"},
    {"one byte changed", "what_is_flushed_is_read"},
    {"parts not joined", "what_is_flushed_is_read"},
    {"last lags", "what_is_flushed_is_read"},
    {"a wrong type", "what_is_flushed_is_read"},
    {"idle does nothing", "idling_makes_durable"},
    {"an empty flush writes", "an_empty_flush_costs_nothing"},
    {"after is ignored", "a_reader_goes_on_where_it_was"},
    {"the end is not checked", "a_reader_beyond_the_end_is_refused"},
    {"too large is cut", "too_large_is_refused_alone"},
    {"too large leaves a part", "too_large_is_refused_alone"},
    {"the epoch stays", "a_clean_end_keeps_everything"},
    {"closing forgets the batch", "a_clean_end_keeps_everything"},
    {"nobody is told of the partition", "a_new_store_is_empty"},
    {"a revocation is kept secret", "a_revoked_partition_takes_nothing_more"},
    {"a revoked partition takes more", "a_revoked_partition_takes_nothing_more"},
    {"a failure is forgotten", "a_failure_is_for_good"},
    {"trim does nothing", "what_is_trimmed_is_gone"},
    {"trim takes too much", "what_is_trimmed_is_gone"},
    {"trimmed is called damaged", "what_is_trimmed_is_gone"},
    {"trim beyond the end", "only_what_is_durable_is_trimmed"},
    {"trim does not flush", "a_trim_flushes"},
    {"an extent is its record", "what_is_trimmed_is_gone"},
    {"an extent begins late", "an_extent_is_a_place_to_read_from"},
    {"the oldest never moves", "the_oldest_goes_first"},
    {"every span is the oldest", "the_oldest_goes_first"},
    {"the reserve is for all", "a_full_place_takes_outcomes_and_recovers"},
    {"no reserve", "a_full_place_takes_outcomes_and_recovers"},
    {"full for ever", "a_full_place_takes_outcomes_and_recovers"},
    {"full and silent", "a_full_place_takes_outcomes_and_recovers"},
};
const size_t conform_mutant_count = sizeof conform_mutants / sizeof *conform_mutants;

typedef struct mutant_store {
	ph_store base;
	ph_store *inner;
	memory_disk *disk;
	ph_position last; /* submitted last */
	unsigned submitted;
	bool refused; /* a new record was refused for want of room */
} mutant_store;

typedef struct mutant_reader {
	ph_store_reader base;
	ph_store_reader *inner;
} mutant_reader;

static const char *made; /* the mistake */
static ph_store_span first_oldest;

static bool
is(const char *mistake)
{
	return strcmp(made, mistake) == 0;
}

static mutant_store *
of(ph_store *store)
{
	return PH_CAST(mutant_store, store, MUTANT_MAGIC);
}

static const mutant_store *
look(const ph_store *store)
{
	return (const mutant_store *) (const void *) store;
}

/* What is given back is not always what was written. */
static void
spoil(ph_store_record *record)
{
	static uint8_t copy[PH_STORE_BODY_MAX];

	if (is("sequences with a gap") && record->sequence > 5)
		record->sequence++;
	if (is("a wrong type"))
		record->type++;
	if (is("one byte changed") && record->length > 20) {
		memcpy(copy, record->body, record->length);
		copy[17] ^= 1;
		record->body = copy;
	}
}

static ph_status
mutant_submit(ph_store *store, uint8_t type, ph_store_need need,
    const ph_store_part *parts, size_t count, ph_position *position, ph_error *err)
{
	mutant_store *self = of(store);
	ph_store_part first = count > 0 ? parts[0] : (ph_store_part){0};

	self->submitted++;
	if (is("parts not joined") && self->submitted > 4)
		count = count > 0 ? 1 : 0;
	if (is("the reserve is for all"))
		need = PH_STORE_ESSENTIAL;
	if (is("no reserve"))
		need = PH_STORE_NEW;
	if (is("full for ever") && self->refused && need == PH_STORE_NEW)
		return PH_ERR_FULL;
	if (is("a record is dropped") && self->submitted == 7) {
		*position = self->last;
		position->offset += 1;
		return PH_OK;
	}
	ph_status status =
	    ph_store_submit(self->inner, type, need, parts, count, position, err);
	if (status == PH_ERR_TOO_LARGE && is("too large leaves a part"))
		(void) ph_store_submit(
		    self->inner, type, need, &first, 1, &self->last, NULL);
	if (status == PH_ERR_TOO_LARGE && is("too large is cut"))
		status =
		    ph_store_submit(self->inner, type, need, &first, 1, position, NULL);
	self->refused |= status == PH_ERR_FULL;
	if (status == PH_ERR_FULL && is("full and silent")) {
		*position = self->last;
		return PH_OK;
	}
	if (status == PH_ERR_IO && is("a failure is forgotten"))
		return PH_OK;
	if (status == PH_ERR_CLOSED && is("a revoked partition takes more"))
		return PH_OK;
	if (status != PH_OK)
		return status;
	if (is("a position given twice") && self->submitted == 7)
		*position = self->last;
	self->last = *position;
	return status;
}

static ph_position
mutant_durable(const ph_store *store)
{
	ph_position end = ph_store_durable(look(store)->inner);

	if (is("durable too early") && look(store)->last.offset >= end.offset)
		end.offset = look(store)->last.offset + 1;
	return end;
}

static ph_status
mutant_flush(ph_store *store, ph_position *durable, ph_error *err)
{
	mutant_store *self = of(store);
	ph_position none;

	if (is("never durable")) {
		if (durable != NULL)
			*durable = mutant_durable(store);
		return PH_OK;
	}
	if (is("an empty flush writes"))
		(void) ph_store_submit(
		    self->inner, 1, PH_STORE_ESSENTIAL, NULL, 0, &none, NULL);
	ph_status status = ph_store_flush(self->inner, durable, err);
	return status == PH_ERR_IO && is("a failure is forgotten") ? PH_OK : status;
}

static ph_status
mutant_start(ph_store *store, ph_error *err)
{
	if (is("never durable") || is("a start is forgotten"))
		return PH_OK;
	return ph_store_start(of(store)->inner, err);
}

static ph_status
mutant_poll(ph_store *store, bool wait, ph_position *durable, ph_error *err)
{
	if (is("nobody waits"))
		wait = false;
	ph_status status = ph_store_poll(of(store)->inner, wait, durable, err);
	if (status == PH_OK && durable != NULL)
		*durable = mutant_durable(store);
	return status == PH_ERR_IO && is("a failure is forgotten") ? PH_OK : status;
}

static uint64_t
mutant_last(const ph_store *store)
{
	uint64_t last = ph_store_last(look(store)->inner);

	return is("last lags") && last > 0 ? last - 1 : last;
}

static ph_status
mutant_read(
    ph_store *store, ph_position position, ph_store_record *record, ph_error *err)
{
	ph_status status = ph_store_read(of(store)->inner, position, record, err);

	if (status == PH_OK)
		spoil(record);
	if (status == PH_ERR_NOT_FOUND && is("trimmed is called damaged"))
		status = PH_ERR_DAMAGED;
	return status;
}

static ph_status
mutant_next(ph_store_reader *base, ph_store_record *record, ph_error *err)
{
	mutant_reader *self = PH_CAST(mutant_reader, base, MUTANT_MAGIC);
	ph_status status = ph_store_reader_next(self->inner, record, err);

	if (status == PH_OK)
		spoil(record);
	return status;
}

static void
mutant_reader_destroy(ph_store_reader *base)
{
	mutant_reader *self = PH_CAST(mutant_reader, base, MUTANT_MAGIC);

	ph_store_reader_destroy(&self->inner);
	free(self);
}

static ph_status
mutant_reader_new(ph_store *store, ph_position from, uint64_t after,
    ph_store_reader **out, ph_error *err)
{
	static const ph_store_reader_ops ops = {mutant_next, mutant_reader_destroy};
	const mutant_store *self = of(store);
	ph_store_reader *inner;

	if (is("after is ignored"))
		after = 0;
	ph_status status = ph_store_reader_new(self->inner, from, after, &inner, err);
	if (status == PH_ERR_CONFLICT && is("the end is not checked"))
		status =
		    ph_store_reader_new(self->inner, (ph_position){0}, 0, &inner, err);
	if (status != PH_OK)
		return status;
	mutant_reader *reader = calloc(1, sizeof *reader);
	PH_ASSERT(reader != NULL);
	reader->base = (ph_store_reader){.magic = MUTANT_MAGIC, .ops = &ops};
	reader->inner = inner;
	*out = &reader->base;
	return PH_OK;
}

static ph_status
mutant_trim(ph_store *store, ph_position before, ph_error *err)
{
	mutant_store *self = of(store);

	if (is("trim does nothing"))
		return ph_store_flush(self->inner, NULL, err);
	if (is("trim does not flush") &&
	    self->last.offset >= ph_store_durable(self->inner).offset)
		return PH_OK;
	if (is("trim takes too much"))
		before = ph_store_durable(self->inner);
	ph_status status = ph_store_trim(self->inner, before, err);
	return status == PH_ERR_CONFLICT && is("trim beyond the end") ? PH_OK : status;
}

static ph_position
mutant_extent(const ph_store *store, ph_position position)
{
	if (is("an extent is its record"))
		return (ph_position){.offset = position.offset & ~UINT64_C(15)};
	position = ph_store_extent(look(store)->inner, position);
	position.offset += is("an extent begins late") ? 16 : 0;
	return position;
}

static ph_status
mutant_span(ph_store *store, ph_position position, ph_store_span *out, ph_error *err)
{
	if (is("every span is the oldest"))
		position = (ph_position){0};
	ph_status status = ph_store_span_of(of(store)->inner, position, out, err);

	if (is("the oldest never moves") && position.offset == 0) {
		if (first_oldest.bytes == 0)
			first_oldest = *out;
		*out = first_oldest;
	}
	return status;
}

static ph_status
mutant_idle(ph_store *store, ph_error *err)
{
	return is("idle does nothing") ? PH_OK : ph_store_idle(of(store)->inner, err);
}

static ph_status
mutant_space(ph_store *store, ph_store_space *out, ph_error *err)
{
	return ph_store_space_left(of(store)->inner, out, err);
}

static uint64_t
mutant_epoch(const ph_store *store)
{
	return is("the epoch stays") ? 1 : ph_store_epoch(look(store)->inner);
}

static ph_status
mutant_close(ph_store *store, ph_error *err)
{
	mutant_store *self = of(store);
	ph_status status = PH_OK;

	if (is("closing forgets the batch"))
		memory_store_kill(self->disk, &self->inner);
	else
		status = ph_store_close(&self->inner, err);
	free(self);
	return status;
}

static void
tell_nobody(void *self, uint32_t partition, ph_position end)
{
	(void) self;
	(void) partition;
	(void) end;
}

static void
mutant_own(ph_store *store, const ph_store_owner *owner)
{
	ph_store_owner told = *owner;

	if (is("nobody is told of the partition"))
		return;
	if (is("a revocation is kept secret"))
		told.revoked = tell_nobody;
	ph_store_own(of(store)->inner, &told);
}

static ph_status
mutant_open(void *place, ph_store **out, ph_error *err)
{
	static const ph_store_ops ops = {
	    .name = "mutant",
	    .submit = mutant_submit,
	    .flush = mutant_flush,
	    .start = mutant_start,
	    .poll = mutant_poll,
	    .durable = mutant_durable,
	    .last = mutant_last,
	    .read = mutant_read,
	    .reader = mutant_reader_new,
	    .trim = mutant_trim,
	    .extent = mutant_extent,
	    .span = mutant_span,
	    .idle = mutant_idle,
	    .space = mutant_space,
	    .own = mutant_own,
	    .epoch = mutant_epoch,
	    .close = mutant_close,
	};
	ph_store *inner;

	ph_status status = memory_store_open(place, &inner, err);
	if (status != PH_OK)
		return status;
	mutant_store *self = calloc(1, sizeof *self);
	PH_ASSERT(self != NULL);
	self->base = (ph_store){.magic = MUTANT_MAGIC, .ops = &ops};
	self->inner = inner;
	self->disk = place;
	*out = &self->base;
	return PH_OK;
}

static void
mutant_kill(void *place, ph_store **store)
{
	if (*store != NULL) {
		mutant_store *self = of(*store);

		memory_store_kill(place, &self->inner);
		free(self);
		*store = NULL;
	}
	conform_memory.kill(place, store);
	if (is("acknowledged and lost"))
		memory_disk_lose(place, 1);
}

const conform_kind *
conform_mutant_kind(const char *mistake)
{
	static conform_kind kind;

	made = mistake;
	first_oldest = (ph_store_span){0};
	kind = conform_memory;
	kind.name = mistake;
	kind.open = mutant_open;
	kind.kill = mutant_kill;
	return &kind;
}
