/*
 * journal_reader - walks from record to record, and from file to file, up to what is durable.
 *
 * A file ends where no record follows and its successor begins with the sequence that would be
 * next; anything else that is not a record, before the durable position, is damage. In the file
 * that is being written the reader never looks at a byte behind the durable position.
 */
#include "broker/journal_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/journal_recent.h"
#include "broker/journal_room.h"
#include "broker/record.h"
#include "lib/base/assert.h"

#define READER_MAGIC 0x50484a52u
#define CHUNK	     (128u << 10)
#define RECENT_MOST  (8u << 20)	 /* bytes of batches kept for who follows */
#define RECENT_LEAST (16u << 10) /* bytes of a batch that is worth it */

struct ph_journal_view {
	const ph_fs *fs;
	uint8_t id[PH_SEGMENT_ID];
	atomic_uint_fast32_t oldest; /* number of the first file that is kept */
	size_t damage_count;
	ph_journal_range damage[PH_JOURNAL_RANGES];
	atomic_uint_fast64_t durable; /* position of the end of what is durable */
	atomic_uint_fast64_t last;    /* sequence of the last durable record */
	atomic_uint readers;
	ph_recent recent;
	char directory[];
};

typedef struct journal_reader {
	ph_store_reader base;
	ph_journal_view *view;
	ph_cursor cursor;
	int fd;		 /* of the segment, or -1 before the first record */
	uint32_t number; /* of the segment */
	uint64_t size;	 /* of its file */
	uint64_t after;	 /* records up to this sequence are passed over */
	bool placed;	 /* has read a record, so it knows which one is next */
	ph_kept kept;	 /* what the cursor was lent */
	uint64_t
	    next_kept; /* position from which on the newest batches are in memory */
} journal_reader;

ph_status
ph_journal_view_new(const ph_fs *fs, const char *directory,
    const uint8_t id[PH_SEGMENT_ID], uint32_t oldest, const ph_journal_report *report,
    ph_journal_view **out, ph_error *err)
{
	size_t length = strlen(directory) + 1;
	ph_journal_view *view = calloc(1, sizeof *view + length);

	if (view == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the journal");
	view->fs = fs;
	atomic_store(&view->oldest, oldest);
	memcpy(view->id, id, sizeof view->id);
	memcpy(view->directory, directory, length);
	view->damage_count = report->damage_count < PH_JOURNAL_RANGES
				 ? report->damage_count
				 : PH_JOURNAL_RANGES;
	memcpy(view->damage, report->damage, sizeof view->damage);
	ph_recent_init(&view->recent, RECENT_MOST, RECENT_LEAST);
	*out = view;
	return PH_OK;
}

void
ph_journal_view_destroy(ph_journal_view **view_p)
{
	ph_journal_view *view = *view_p;

	*view_p = NULL;
	if (view == NULL)
		return;
	PH_ASSERT(atomic_load(&view->readers) == 0);
	ph_recent_fini(&view->recent);
	free(view);
}

uint32_t
ph_journal_view_oldest(const ph_journal_view *view)
{
	return (uint32_t) atomic_load_explicit(&view->oldest, memory_order_acquire);
}

void
ph_journal_view_trim(ph_journal_view *view, uint32_t oldest)
{
	PH_ASSERT(oldest >= ph_journal_view_oldest(view));
	atomic_store_explicit(&view->oldest, oldest, memory_order_release);
}

ph_status
ph_journal_view_kept(const ph_journal_view *view, uint32_t number, ph_error *err)
{
	uint32_t oldest = ph_journal_view_oldest(view);

	if (number >= oldest)
		return PH_OK;
	return ph_fail(err, PH_ERR_NOT_FOUND,
	    "PH5008 the journal does not keep this any more: it begins with segment "
	    "%010u",
	    oldest);
}

void
ph_journal_view_damage(ph_journal_view *view, const ph_journal_range *range)
{
	PH_ASSERT(atomic_load(&view->readers) == 0);
	PH_ASSERT(view->damage_count < PH_JOURNAL_RANGES);
	view->damage[view->damage_count++] = *range;
}

void
ph_journal_view_advance(ph_journal_view *view, uint64_t durable, uint64_t last)
{
	PH_ASSERT(
	    durable >= atomic_load_explicit(&view->durable, memory_order_relaxed));
	atomic_store_explicit(&view->last, last, memory_order_relaxed);
	atomic_store_explicit(&view->durable, durable, memory_order_release);
}

void
ph_journal_view_keep(ph_journal_view *view, uint64_t start, ph_batch *batch)
{
	ph_recent_put(&view->recent, start, batch);
}

bool
ph_journal_view_wants(ph_journal_view *view, size_t length)
{
	return ph_recent_wants(&view->recent, length);
}

uint64_t
ph_journal_view_durable(const ph_journal_view *view)
{
	return atomic_load_explicit(&view->durable, memory_order_acquire);
}

uint64_t
ph_journal_view_last(const ph_journal_view *view)
{
	return atomic_load_explicit(&view->last, memory_order_acquire);
}

ph_status
ph_journal_view_open(const ph_journal_view *view, uint32_t number, int *fd,
    uint64_t *size, ph_segment_head *head, ph_error *err)
{
	const ph_fs *fs = view->fs;
	char name[PH_SEGMENT_NAME];
	char path[PH_ROOM_PATH];

	ph_segment_name(number, name);
	if (!ph_room_path(view->directory, name, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	int file = fs->open(fs->self, path, O_RDONLY, 0);
	int failed = errno;
	if (file < 0 && failed == ENOENT)
		return ph_fail(err, PH_ERR_NOT_FOUND, "there is no %s", path);
	if (file < 0)
		return ph_fail_errno(err, failed, "cannot open %s", path);
	ph_status status = ph_segment_head_read(fs, file, number, head, err);
	if (status == PH_OK && memcmp(head->id, view->id, sizeof view->id) != 0)
		status = ph_fail_at(
		    err, PH_ERR_DAMAGED, path, "this file is of another journal");
	int64_t length = status == PH_OK ? fs->size(fs->self, file) : 0;
	failed = errno;
	if (length < 0)
		status = ph_fail_errno(err, failed, "cannot measure %s", path);
	if (status != PH_OK) {
		fs->close(fs->self, file);
		return status;
	}
	*size = (uint64_t) length;
	*fd = file;
	return PH_OK;
}

/* The damage found at open that has this place; a file that is missing has the place 0. */
static const ph_journal_range *
known_damage(const ph_journal_view *view, uint32_t segment, uint64_t offset)
{
	for (size_t i = 0; i < view->damage_count; i++) {
		const ph_journal_range *range = &view->damage[i];

		if (range->segment == segment &&
		    (offset == range->offset ||
			(offset > range->offset &&
			    offset - range->offset < range->length)))
			return range;
	}
	return NULL;
}

bool
ph_journal_view_lost(const ph_journal_view *view, uint64_t sequence)
{
	for (size_t i = 0; i < view->damage_count; i++) {
		const ph_journal_range *range = &view->damage[i];

		if (sequence >= range->first &&
		    (range->last == 0 || sequence <= range->last))
			return true;
	}
	return false;
}

static ph_status
damaged(const journal_reader *self, const char *what, ph_error *err)
{
	char where[64];
	ph_status status = ph_journal_view_kept(self->view, self->number, err);

	if (status != PH_OK)
		return status;
	snprintf(where, sizeof where, "journal %010u@%llu", self->number,
	    (unsigned long long) self->cursor.offset);
	return ph_fail_at(err, PH_ERR_DAMAGED, where,
	    "PH5002 the journal is damaged: %s where sequence %llu should be", what,
	    (unsigned long long) self->cursor.sequence);
}

static void
look_at(journal_reader *self, int fd, uint64_t size, const ph_segment_head *head,
    uint64_t offset, uint64_t sequence)
{
	if (self->fd >= 0)
		self->view->fs->close(self->view->fs->self, self->fd);
	self->fd = fd;
	self->size = size;
	self->number = head->number;
	ph_cursor_set(&self->cursor, fd, ph_segment_salt(head->id, head->number), size,
	    offset, sequence);
}

/* Does the file that begins with `first` follow what this reader has seen? */
static bool
follows(const journal_reader *self, uint64_t first)
{
	if (self->placed)
		return self->cursor.sequence == 0 || self->cursor.sequence == first;
	return self->after == 0 || first <= self->after + 1;
}

/* The first file that is kept begins behind what was asked for, or a record is missing. */
static ph_status
unexpected(const journal_reader *self, uint32_t number, ph_error *err)
{
	if (!self->placed && number == ph_journal_view_oldest(self->view))
		return ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH5008 the journal does not keep what follows sequence %llu any "
		    "more: it begins with segment %010u",
		    (unsigned long long) self->after, number);
	return damaged(self, "no valid record", err);
}

/* Go to the next file that is there, over those that are known to be lost. */
static ph_status
next_file(journal_reader *self, ph_error *err)
{
	uint32_t end = (uint32_t) (ph_journal_view_durable(self->view) >> 32);

	for (uint32_t number = self->number + 1; number <= end; number++) {
		const ph_journal_range *lost = known_damage(self->view, number, 0);
		ph_segment_head head;
		uint64_t size;
		int fd;

		if (lost != NULL) {
			self->cursor.sequence = lost->last == 0 ? 0 : lost->last + 1;
			self->placed = true;
			continue;
		}
		ph_status status =
		    ph_journal_view_open(self->view, number, &fd, &size, &head, err);
		if (status != PH_OK &&
		    ph_journal_view_kept(self->view, number, err) != PH_OK)
			return PH_ERR_NOT_FOUND;
		if (status == PH_ERR_NOT_FOUND)
			return damaged(self, "the next file is missing", err);
		if (status != PH_OK)
			return status;
		if (!follows(self, head.first)) {
			self->view->fs->close(self->view->fs->self, fd);
			return unexpected(self, number, err);
		}
		look_at(self, fd, size, &head, PH_SEGMENT_HEAD, head.first);
		self->placed = true;
		return PH_OK;
	}
	return ph_fail(err, PH_ERR_AGAIN, "nothing more in the journal yet");
}

/* No record where one should be: known damage, the end of the file, or news of damage. */
static ph_status
pass_gap(journal_reader *self, uint64_t durable, ph_error *err)
{
	const ph_journal_range *lost =
	    known_damage(self->view, self->number, self->cursor.offset);
	uint64_t used = 0;
	ph_status status = ph_journal_view_kept(self->view, self->number, err);

	/* who had read all of a file that is trimmed now goes on in the next one */
	if (status != PH_OK)
		return self->placed ? next_file(self, err) : status;
	if (lost != NULL && lost->length > 0) {
		self->cursor.offset = lost->offset + lost->length;
		self->cursor.sequence = lost->last == 0 ? 0 : lost->last + 1;
		return PH_OK;
	}
	if (self->number >= (uint32_t) (durable >> 32))
		return damaged(self, "no valid record", err);
	if (!self->placed) { /* the place given: at the end of its file, or wrong? */
		status = ph_cursor_used(&self->cursor, &used, err);
		if (status != PH_OK)
			return status;
		if (used > self->cursor.offset)
			return damaged(self, "no valid record", err);
	}
	return next_file(self, err);
}

/* Up to where the file at hand may be looked at. */
static uint64_t
limit_of(const journal_reader *self, uint64_t durable)
{
	uint64_t end = self->number < (uint32_t) (durable >> 32) ? self->size
								 : durable & UINT32_MAX;
	uint64_t kept = self->next_kept & UINT32_MAX;

	/* what is in memory is not read from the file */
	if (self->next_kept >> 32 == self->number && kept > self->cursor.offset &&
	    kept < end)
		return kept;
	return end;
}

/* The batch that the cursor was lent is read. */
static void
give_back(journal_reader *self)
{
	if (self->kept.batch.bytes == NULL)
		return;
	ph_cursor_lend(&self->cursor, NULL, 0, self->cursor.offset);
	ph_recent_give_back(&self->view->recent, &self->kept);
}

/* What comes next is looked at in memory, if it was kept. */
static void
look_in_memory(journal_reader *self)
{
	ph_recent *recent = &self->view->recent;

	give_back(self);
	if (!ph_recent_take(recent, self,
		ph_journal_offset(self->number, self->cursor.offset), &self->kept,
		&self->next_kept))
		return;
	PH_ASSERT(self->kept.start >> 32 == self->number);
	ph_cursor_lend(&self->cursor, self->kept.batch.bytes, self->kept.batch.length,
	    self->kept.start & UINT32_MAX);
}

/* The next record of any kind. */
static ph_status
step(journal_reader *self, ph_frame *frame, const uint8_t **body, ph_error *err)
{
	for (;;) {
		uint64_t durable = ph_journal_view_durable(self->view);

		if (self->fd < 0) {
			ph_status status = next_file(self, err);

			if (status != PH_OK)
				return status;
		}
		if (ph_journal_offset(self->number, self->cursor.offset) >= durable) {
			give_back(self);
			ph_recent_follow(&self->view->recent, self);
			return ph_fail(
			    err, PH_ERR_AGAIN, "nothing more in the journal yet");
		}
		if (!ph_cursor_has(&self->cursor))
			look_in_memory(self);
		self->cursor.limit = limit_of(self, durable);
		ph_status status = ph_cursor_next(&self->cursor, frame, body, err);
		if (status == PH_OK)
			self->placed = true;
		if (status != PH_ERR_NOT_FOUND)
			return status;
		status = pass_gap(self, durable, err);
		if (status != PH_OK)
			return status;
	}
}

static ph_status
reader_next(ph_store_reader *reader, ph_store_record *record, ph_error *err)
{
	journal_reader *self = PH_CAST(journal_reader, reader, READER_MAGIC);
	ph_frame frame;
	const uint8_t *body;

	for (;;) {
		ph_status status = step(self, &frame, &body, err);

		if (status != PH_OK)
			return status;
		if (frame.type != PH_RECORD_MARK && frame.sequence > self->after)
			break;
	}
	*record = (ph_store_record){
	    .position.offset = ph_journal_offset(
		self->number, self->cursor.offset - ph_frame_size(frame.length)),
	    .sequence = frame.sequence,
	    .wall_ms = frame.wall_ms,
	    .type = frame.type,
	    .body = body,
	    .length = frame.length,
	};
	return PH_OK;
}

static void
reader_destroy(ph_store_reader *reader)
{
	journal_reader *self = PH_CAST(journal_reader, reader, READER_MAGIC);

	if (self->fd >= 0)
		self->view->fs->close(self->view->fs->self, self->fd);
	give_back(self);
	ph_cursor_fini(&self->cursor);
	ph_recent_leave(&self->view->recent, self);
	atomic_fetch_sub(&self->view->readers, 1);
	self->base.magic = 0;
	free(self);
}

/* Start in the middle of a file, at a place that was a record's. */
static ph_status
start_at(journal_reader *self, uint64_t offset, ph_error *err)
{
	ph_segment_head head;
	uint64_t size;
	int fd;

	uint32_t number = (uint32_t) (offset >> 32);
	uint64_t byte = offset & UINT32_MAX;
	if (byte < PH_SEGMENT_HEAD || byte % 8 != 0)
		return ph_fail(err, PH_ERR_USAGE, "not a place in the journal");
	ph_status status = ph_journal_view_kept(self->view, number, err);
	if (status == PH_OK && known_damage(self->view, number, 0) != NULL) {
		self->number = number - 1; /* all of the file is passed over */
		return PH_OK;
	}
	if (status == PH_OK)
		status =
		    ph_journal_view_open(self->view, number, &fd, &size, &head, err);
	if (status != PH_OK && ph_journal_view_kept(self->view, number, err) != PH_OK)
		return PH_ERR_NOT_FOUND;
	if (status != PH_OK)
		return status;
	look_at(self, fd, size, &head, byte, 0);
	return PH_OK;
}

ph_status
ph_journal_reader_new(ph_journal_view *view, ph_position from, uint64_t after,
    ph_store_reader **out, ph_error *err)
{
	static const ph_store_reader_ops ops = {
	    .next = reader_next,
	    .destroy = reader_destroy,
	};

	if (from.partition != 0)
		return ph_fail(err, PH_ERR_USAGE, "the journal has one partition, 0");
	if (from.offset > ph_journal_view_durable(view) ||
	    after > ph_journal_view_last(view))
		return ph_fail(err, PH_ERR_CONFLICT,
		    "PH5006 the journal ends before the place to read from");
	journal_reader *self = calloc(1, sizeof *self);
	if (self == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to read the journal");
	self->base = (ph_store_reader){.magic = READER_MAGIC, .ops = &ops};
	self->view = view;
	self->fd = -1;
	self->number = ph_journal_view_oldest(view) - 1;
	self->after = after;
	ph_cursor_init(&self->cursor, view->fs, CHUNK);
	atomic_fetch_add(&view->readers, 1);
	ph_status status = from.offset == 0 ? PH_OK : start_at(self, from.offset, err);
	if (status != PH_OK) {
		reader_destroy(&self->base);
		return status;
	}
	*out = &self->base;
	return PH_OK;
}
