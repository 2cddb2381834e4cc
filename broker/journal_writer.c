/*
 * journal_writer - a record's bytes are copied once, into the batch, where they get their
 * checksums; a flush is one pwrite and one fdatasync.
 *
 * A record says in its lag how far the journal was known to be synced when it was framed. While a
 * batch was away that is less than is known when its successor is written; so the successor's
 * first record is told then, and proves as much as if nothing had been away.
 *
 * A new file is made in this order: room is taken (a spare, or fresh blocks) under a name that
 * does not count, and the directory synced; the header and what the file begins with are written
 * and synced; the file gets its name, and the directory is synced again. Only then is anything
 * in it spoken of as durable.
 *
 * In every file the room for two marks is kept at the end, so that the journal can always say
 * that all is synced, and afterwards still that older files are not needed any more.
 */
#include "broker/journal_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"
#include "broker/record.h"
#include "lib/base/assert.h"

#define ROOM_RETRY_MS 1000	   /* how often a full disk is asked again */
#define READ_ONE      (256u << 10) /* bytes that go through the cache for one read */
#define READ_MOST     (64u << 20)  /* the same, for many */

static size_t
min(size_t a, size_t b)
{
	return a < b ? a : b;
}

void
ph_writer_init(ph_writer *self)
{
	self->fd = -1;
	self->full = false;
	self->failure = (ph_error){0};
}

void
ph_writer_expect_read(ph_writer *self)
{
	self->read_again = min(self->read_again + READ_ONE, READ_MOST);
}

ph_status
ph_writer_look(ph_writer *self, ph_error *err)
{
	const ph_fs *fs = self->fs;
	size_t length = (size_t) (self->end % PH_BATCH_PAGE), have = 0;

	while (have < length) {
		ssize_t got = fs->pread(fs->self, self->fd, self->edge.bytes + have,
		    length - have, (int64_t) (self->end - length + have));
		int failed = errno;

		if (got < 0 && failed == EINTR)
			continue;
		if (got < 0)
			return ph_fail_errno(err, failed, "cannot read the journal");
		if (got == 0)
			return ph_fail(
			    err, PH_ERR_DAMAGED, "the journal's file is cut off");
		have += (size_t) got;
	}
	return PH_OK;
}

void
ph_writer_fini(ph_writer *self)
{
	ph_sync_fini(&self->sync);
	ph_room_fini(&self->room);
	if (self->fd >= 0)
		self->fs->close(self->fs->self, self->fd);
	self->fd = -1;
	ph_batch_free(&self->batch);
}

/* The first failure stays. */
static ph_status
failed_for_good(ph_writer *self, const ph_error *why, ph_error *err)
{
	char text[PH_ERROR_TEXT];

	if (self->failure.status == PH_OK) {
		snprintf(text, sizeof text, "PH5005 the journal has failed: %.400s",
		    why->text);
		ph_fail_at(&self->failure, PH_ERR_IO, why->where, "%s", text);
		self->failure.sys_errno = why->sys_errno;
	}
	if (err != NULL)
		*err = self->failure;
	return PH_ERR_IO;
}

static ph_status
refuse_failed(const ph_writer *self, ph_error *err)
{
	if (err != NULL)
		*err = self->failure;
	return self->failure.status;
}

static bool
batch_reserve(ph_writer *self, size_t more)
{
	return ph_batch_reserve(&self->batch, self->end, more);
}

/* Put the parts into the batch, padded; returns the bytes with their padding. */
static size_t
copy_body(uint8_t *body, const ph_store_part *parts, size_t count)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].length > 0)
			memcpy(body + length, parts[i].bytes, parts[i].length);
		length += parts[i].length;
	}
	while (length % 8 != 0)
		body[length++] = 0;
	return length;
}

/* Frame a record at the end of the batch, which has room for it. */
static void
batch_append(ph_writer *self, uint8_t type, int64_t wall_ms, const ph_store_part *parts,
    size_t count, uint32_t length)
{
	uint8_t *at = self->batch.bytes + self->batch.length;
	size_t padded = copy_body(at + PH_FRAME_HEAD, parts, count);
	uint64_t lag = self->next - self->synced;

	PH_ASSERT(lag >= 1 && lag <= UINT32_MAX);
	ph_frame frame = {
	    .sequence = self->next,
	    .wall_ms = wall_ms,
	    .length = length,
	    .lag = (uint32_t) lag,
	    .body_crc = ph_frame_body_crc(self->salt, at + PH_FRAME_HEAD, padded),
	    .type = type,
	};
	ph_frame_encode(&frame, self->salt, at);
	if (self->batch.length == 0)
		self->first = frame;
	self->batch.length += PH_FRAME_HEAD + padded;
	self->next++;
	if (!self->holds && ph_scan_says(&frame)) {
		self->holds = true;
		self->since_ms = wall_ms;
	}
}

static bool
fits(const ph_writer *self, uint64_t frame)
{
	return self->end + self->batch.length + frame <= self->head.bytes;
}

bool
ph_writer_mark(ph_writer *self, ph_mark_kind kind)
{
	uint8_t body[PH_MARK_BODY];
	const ph_store_part part = {body, sizeof body};

	uint64_t left = kind == PH_MARK_TRIM ? PH_MARK_SIZE : 2 * PH_MARK_SIZE;
	if (!fits(self, left) || !batch_reserve(self, PH_MARK_SIZE))
		return false;
	ph_mark_encode(
	    &(ph_mark){
		.epoch = self->epoch,
		.oldest = self->oldest,
		.kind = (uint8_t) kind,
	    },
	    body);
	batch_append(
	    self, PH_RECORD_MARK, ph_clock_wall(self->clock), &part, 1, sizeof body);
	return true;
}

/* What is in the file up to the batch's end is durable now. */
static void
batch_done(ph_writer *self)
{
	uint64_t start = ph_journal_offset(self->head.number, self->end);

	PH_ASSERT(!self->sync.away);
	self->end += self->batch.length;
	ph_journal_view_keep(self->view, start, &self->batch);
	self->batch.length = 0;
	self->synced = self->next - 1;
	ph_journal_view_advance(
	    self->view, ph_journal_offset(self->head.number, self->end), self->synced);
}

/* The batch that was away has landed, or is waited for. */
static ph_status
land(ph_writer *self, ph_error *err)
{
	ph_error why = {0};

	if (!self->sync.away)
		return PH_OK;
	if (ph_sync_take(&self->sync, &why) != PH_OK)
		return failed_for_good(self, &why, err);
	self->synced = self->away_last;
	ph_journal_view_keep(self->view,
	    ph_journal_offset(
		self->head.number, self->away_end - self->sync.batch.length),
	    &self->sync.batch);
	ph_journal_view_advance(self->view,
	    ph_journal_offset(self->head.number, self->away_end), self->synced);
	return PH_OK;
}

/* The batch is about to be written: its first record says what is known to be synced now. */
static void
prove(ph_writer *self)
{
	uint32_t lag = (uint32_t) (self->first.sequence - self->synced);

	PH_ASSERT(lag >= 1 && lag <= self->first.lag);
	if (lag == self->first.lag || PH_MUTANT("stale-lag"))
		return;
	self->first.lag = lag;
	ph_frame_encode(&self->first, self->salt, self->batch.bytes);
}

/* The batch goes past the page cache if hardly anybody will read it from the file: who follows is
 * handed it in memory (not if it is small: that is read from the file), and nobody has come back to
 * old records for a while. */
static void
choose_way(ph_writer *self)
{
	size_t length = self->batch.length;
	bool direct =
	    self->read_again < length && ph_journal_view_wants(self->view, length);

	self->read_again =
	    direct ? 0 : self->read_again - min(self->read_again, length);
	if (direct != self->direct &&
	    self->fs->direct(self->fs->self, self->fd, direct) == 0)
		self->direct = direct;
}

/* A mistake that a test build makes: what is not written yet passes for durable. */
static void
be_early(ph_writer *self)
{
	if (PH_MUTANT("early"))
		ph_journal_view_advance(self->view,
		    ph_journal_offset(
			self->head.number, self->end + self->batch.length),
		    self->next - 1);
}

/* Nothing is away any more and there is a batch; false: *status says why not. */
static bool
batch_ready(ph_writer *self, ph_status *status, ph_error *err)
{
	if (self->failure.status != PH_OK)
		*status = refuse_failed(self, err);
	else
		*status = land(self, err);
	if (*status != PH_OK || self->batch.length == 0)
		return false;
	prove(self);
	be_early(self);
	choose_way(self);
	return true;
}

ph_status
ph_writer_flush(ph_writer *self, ph_error *err)
{
	ph_error why = {0};
	ph_status status;

	if (!batch_ready(self, &status, err))
		return status;
	ph_span span = ph_batch_span(&self->batch, self->end, &self->edge);
	status = ph_sync_write(self->fs, self->fd, &span, &why);
	if (status != PH_OK)
		return failed_for_good(self, &why, err);
	batch_done(self);
	return PH_OK;
}

ph_status
ph_writer_start(ph_writer *self, ph_error *err)
{
	ph_status status;
	uint64_t end = self->end;

	if (!self->sync.started)
		return ph_writer_flush(self, err);
	if (!batch_ready(self, &status, err))
		return status;
	self->end = self->away_end = end + self->batch.length;
	self->away_last = self->next - 1;
	ph_span span = ph_batch_span(&self->batch, end, &self->edge);
	ph_sync_give(&self->sync, self->fd, &span, &self->batch);
	return PH_OK;
}

ph_status
ph_writer_poll(ph_writer *self, bool wait, ph_error *err)
{
	if (self->failure.status != PH_OK)
		return refuse_failed(self, err);
	if (!self->sync.away || (!wait && !ph_sync_landed(&self->sync)))
		return PH_OK;
	return land(self, err);
}

/* Write the header and the batch into a file that has no name yet, and sync them. */
static ph_status
write_segment(ph_writer *self, int fd, const ph_segment_head *head, ph_error *err)
{
	const ph_fs *fs = self->fs;
	uint8_t block[PH_SEGMENT_HEAD];

	ph_segment_head_encode(head, block);
	ph_span span = ph_batch_span(&self->batch, PH_SEGMENT_HEAD, &self->edge);
	ph_status status = ph_segment_write(fs, fd, block, sizeof block, 0, err);
	if (status == PH_OK)
		status =
		    ph_segment_write(fs, fd, span.bytes, span.length, span.offset, err);
	if (status != PH_OK)
		return ph_room_status(status, err);
	PH_CRASH_POINT("segment-written");
	if (!PH_MUTANT("no-sync") && fs->fsync(fs->self, fd) != 0) {
		int failed = errno;

		return ph_fail_errno(err, failed, "cannot sync a new journal file");
	}
	PH_CRASH_POINT("segment-synced");
	return PH_OK;
}

/* Give a finished file its name. */
static ph_status
name_segment(ph_writer *self, const char *from_name, uint32_t number, ph_error *err)
{
	const ph_fs *fs = self->fs;
	char name[PH_SEGMENT_NAME];
	char from[PH_ROOM_PATH];
	char to[PH_ROOM_PATH];

	ph_segment_name(number, name);
	if (!ph_room_path(self->directory, from_name, from) ||
	    !ph_room_path(self->directory, name, to))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	if (fs->rename(fs->self, from, to) != 0) {
		int failed = errno;

		return ph_fail_errno(err, failed, "cannot name %s", to);
	}
	PH_CRASH_POINT("segment-named");
	ph_status status = ph_fs_sync_dir(fs, self->directory, err);
	PH_CRASH_POINT("segment-done");
	return status;
}

bool
ph_writer_again(ph_writer *self, const ph_frame *frame, const uint8_t *body)
{
	const ph_store_part part = {body, frame->length};

	if (!batch_reserve(self, (size_t) ph_frame_size(frame->length)))
		return false;
	batch_append(self, frame->type, frame->wall_ms, &part, 1, frame->length);
	return true;
}

/* Bytes of a file that is to begin with `records` bytes. */
static uint64_t
bytes_for(const ph_writer *self, uint64_t records)
{
	uint64_t needed = PH_SEGMENT_HEAD + records + 4 * PH_MARK_SIZE;

	needed = (needed + 4095) & ~(uint64_t) 4095;
	return needed > self->segment_bytes ? needed : self->segment_bytes;
}

void
ph_writer_aim(ph_writer *self, uint32_t number, uint64_t records, uint64_t first,
    ph_segment_head *out)
{
	*out = (ph_segment_head){
	    .number = number,
	    .oldest = self->oldest,
	    .bytes = bytes_for(self, records),
	    .first = first,
	    .epoch = self->epoch,
	    .made_ms = ph_clock_wall(self->clock),
	};
	memcpy(out->id, self->head.id, sizeof out->id);
	self->salt = ph_segment_salt(out->id, number);
	self->next = first;
	self->holds = false;
}

/* Take room, write header and first records, give the file its name: each step synced. */
static ph_status
build_segment(ph_writer *self, const ph_segment_head *head, int *out, ph_error *err)
{
	char name[PH_SEGMENT_NAME];
	int fd = -1;

	snprintf(name, sizeof name, "%010u.new", head->number);
	ph_status status = ph_room_take(&self->room, name, head->bytes, &fd, err);
	if (status != PH_OK)
		return status;
	status = write_segment(self, fd, head, err);
	if (status == PH_OK)
		status = name_segment(self, name, head->number, err);
	if (status == PH_OK)
		*out = fd;
	else
		self->fs->close(self->fs->self, fd);
	return status;
}

ph_status
ph_writer_begin(ph_writer *self, const ph_segment_head *head, ph_error *err)
{
	ph_error why = {0};
	int fd = -1;

	PH_ASSERT(self->salt == ph_segment_salt(head->id, head->number));
	ph_status status = build_segment(self, head, &fd, &why);
	if (status != PH_OK) {
		if (err != NULL)
			*err = why;
		return status;
	}
	if (self->fd >= 0) {
		self->fs->close(self->fs->self, self->fd);
		self->closed_bytes += self->head.bytes;
	}
	self->fd = fd;
	self->direct = false;
	self->head = *head;
	self->end = PH_SEGMENT_HEAD;
	batch_done(self);
	return PH_OK;
}

void
ph_writer_reserve(ph_writer *self)
{
	self->full = ph_room_fill(&self->room, &self->full_why) != PH_OK;
	self->doubt = false;
	if (self->full)
		self->full_again_ms = ph_clock_mono(self->clock) + ROOM_RETRY_MS;
}

void
ph_writer_keep(ph_writer *self, uint64_t bytes)
{
	int64_t left;

	self->keep = bytes;
	ph_room_keep(&self->room, bytes, &left);
	/* once there were too few, some more, so that it does not change at every look */
	self->tight = (uint64_t) left < bytes + (self->tight ? bytes / 8 : 0);
	if (self->full && !self->tight && (uint64_t) left - bytes >= self->room.bytes)
		ph_writer_reserve(self);
	self->full_again_ms = ph_clock_mono(self->clock) + ROOM_RETRY_MS;
}

ph_status
ph_writer_roll(ph_writer *self, ph_error *err)
{
	ph_segment_head head;
	ph_error why = {0};
	uint32_t salt = self->salt;

	if (self->head.number == UINT32_MAX)
		return ph_fail(
		    err, PH_ERR_FULL, "the journal has no more file numbers");
	ph_status status = ph_writer_flush(self, err);
	if (status != PH_OK)
		return status;
	bool holds = self->holds;
	ph_writer_aim(self, self->head.number + 1, 0, self->next, &head);
	status = ph_writer_begin(self, &head, &why);
	if (status == PH_ERR_FULL) {
		self->salt = salt;
		self->holds = holds;
		return ph_fail_at(err, status, why.where, "%s", why.text);
	}
	if (status != PH_OK)
		return failed_for_good(self, &why, err);
	self->marked = false;
	if (self->room.started)
		self->doubt =
		    true; /* who brings something new asks, if need be waits */
	else
		ph_writer_reserve(self);
	return PH_OK;
}

/* Is what the file holds older than files may grow? A clock that was set back tells no age: then as
 * much in the other direction counts. */
static bool
is_old(const ph_writer *self)
{
	if (self->age_ms == 0 || !self->holds)
		return false;
	int64_t age_ms = ph_clock_wall(self->clock) - self->since_ms;
	return (age_ms < 0 ? -age_ms : age_ms) >= self->age_ms;
}

/* Is there a spare that is not of the reserve, or room to make one instead? */
static bool
can_spare(ph_writer *self)
{
	if (ph_room_count(&self->room) > self->room.wanted)
		return true;
	int64_t disk = self->fs->space(self->fs->self, self->directory);
	return disk >= 0 && (uint64_t) disk >= self->segment_bytes;
}

ph_status
ph_writer_age(ph_writer *self, ph_error *err)
{
	if (self->failure.status != PH_OK || !is_old(self) || self->full ||
	    !can_spare(self))
		return PH_OK;
	ph_status status = ph_writer_roll(self, err);
	/* no reason to refuse anything: there is room in this file */
	return status == PH_ERR_FULL ? PH_OK : status;
}

ph_status
ph_writer_trim(ph_writer *self, uint32_t oldest, ph_error *err)
{
	uint32_t before = self->oldest;
	ph_status status = PH_OK;

	PH_ASSERT(oldest >= before && oldest <= self->head.number);
	if (self->failure.status != PH_OK)
		return refuse_failed(self, err);
	self->oldest = oldest; /* a new file's header says it as well as a mark */
	if (!ph_writer_mark(self, PH_MARK_TRIM))
		status = ph_writer_roll(self, err);
	if (status == PH_OK && !PH_MUTANT("trim-early"))
		status = ph_writer_flush(self, err);
	if (status != PH_OK)
		self->oldest = before;
	else
		self->marked = false;
	PH_CRASH_POINT("trim-marked");
	return status;
}

/* What publishers are told; where it is full, and why, is for the log. */
static ph_status
refuse_new(ph_error *err)
{
	return ph_fail(err, PH_ERR_FULL,
	    "PH5004 no room on the broker's disk: only what was accepted before goes "
	    "on");
}

/* May something new be taken? Asks the disk again from time to time. */
static ph_status
admit(ph_writer *self, ph_error *err)
{
	bool again = ph_clock_mono(self->clock) >= self->full_again_ms;

	if (self->tight && again)
		ph_writer_keep(self, self->keep);
	if (self->doubt || (self->full && (self->room.started || again)))
		ph_writer_reserve(self);
	return self->full || self->tight ? refuse_new(err) : PH_OK;
}

/* Room for a record in the file and in the batch. */
static ph_status
make_way(ph_writer *self, uint64_t frame, ph_error *err)
{
	ph_status status = PH_OK;

	if (PH_SEGMENT_HEAD + frame + 2 * PH_MARK_SIZE > self->segment_bytes)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH5007 a record is larger than a file of the journal");
	if (self->batch.length == 0)
		status = ph_writer_age(self, err);
	if (status != PH_OK)
		return status;
	if (!fits(self, frame + 2 * PH_MARK_SIZE))
		status = ph_writer_roll(self, err);
	else if (self->batch.length + frame > self->batch_limit)
		status = ph_writer_start(self, err);
	if (status != PH_OK)
		return status;
	if (!batch_reserve(self, (size_t) frame))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the journal's batch");
	return PH_OK;
}

ph_status
ph_writer_submit(ph_writer *self, uint8_t type, ph_store_need need,
    const ph_store_part *parts, size_t count, ph_position *position, ph_error *err)
{
	uint64_t length = 0;

	PH_ASSERT(type != 0 && type != PH_RECORD_MARK && position != NULL);
	if (self->failure.status != PH_OK)
		return refuse_failed(self, err);
	for (size_t i = 0; i < count; i++)
		length += parts[i].length;
	if (length > PH_STORE_BODY_MAX)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH5007 a record of %llu bytes is larger than %u",
		    (unsigned long long) length, PH_STORE_BODY_MAX);
	ph_status status = need == PH_STORE_NEW ? admit(self, err) : PH_OK;
	if (status == PH_OK)
		status = make_way(self, ph_frame_size(length), err);
	if (status == PH_ERR_FULL && need == PH_STORE_NEW)
		status = refuse_new(err);
	if (status == PH_OK && need == PH_STORE_NEW && (self->full || self->doubt))
		status = admit(self, err); /* the roll took from the reserve */
	if (status == PH_ERR_FULL && PH_MUTANT("drop-when-full")) {
		*position = (ph_position){0};
		return PH_OK;
	}
	if (status != PH_OK)
		return status;
	if (self->batch.length == 0)
		self->batch_ms = ph_clock_wall(self->clock);
	*position = (ph_position){
	    .offset =
		ph_journal_offset(self->head.number, self->end + self->batch.length),
	};
	batch_append(self, type, self->batch_ms, parts, count, (uint32_t) length);
	self->marked = false;
	return PH_OK;
}
