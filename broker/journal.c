/*
 * journal - the local store's calls, and how it is opened and closed.
 *
 * On disk (doc/journal.md has it byte by byte):
 *	0000000001.segment ...	records, in order; segment.c
 *	0000000001.spare ...	room made ahead; journal_room.c
 *	<name>.new		not finished; removed at the next open
 *	torn-<segment>-<byte>	copy of a torn end that was cut off
 *	lock			held while the journal is open
 *
 * A record is valid when its checksums, which begin with the journal's id and the segment's
 * number, its length and its sequence are right. Sequences have no gaps. Every record says in its
 * lag how far the journal was synced when it was written, and a segment's header says that all
 * before it was: what is missing up to the highest such proof is damage, what is missing behind it
 * is a torn end. Reading goes from record to record, from file to file, up to the durable
 * position.
 *
 * The parts: journal_scan looks at the files, journal_mend brings their end in order,
 * journal_writer has the batch and the files being written, journal_reader reads.
 */
#include "broker/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"
#include "broker/journal_mend.h"
#include "broker/journal_reader.h"
#include "broker/journal_room.h"
#include "broker/journal_scan.h"
#include "broker/journal_writer.h"
#include "broker/record.h"
#include "lib/base/assert.h"
#include "lib/base/os.h"

#define JOURNAL_MAGIC 0x50484a4cu
#define READ_CHUNK    4096u /* a single record is read with one call, mostly */

typedef struct journal {
	ph_store base;
	const ph_fs *fs;
	char *directory;
	int lock;	       /* descriptor that holds it */
	ph_journal_view *view; /* shared with the readers */
	ph_writer writer;
	ph_cursor cursor;	/* for single reads */
	int cursor_fd;		/* descriptor of the segment it looks at, or -1 */
	uint32_t cursor_number; /* that segment's number */
} journal;

static const journal *
look(const ph_store *store)
{
	PH_ASSERT(store != NULL && store->magic == JOURNAL_MAGIC);
	return (const journal *) (const void *) store;
}

static journal *
journal_of(ph_store *store)
{
	return PH_CAST(journal, store, JOURNAL_MAGIC);
}

static ph_status
journal_submit(ph_store *store, uint8_t type, ph_store_need need,
    const ph_store_part *parts, size_t count, ph_position *position, ph_error *err)
{
	return ph_writer_submit(
	    &journal_of(store)->writer, type, need, parts, count, position, err);
}

static ph_position
journal_durable(const ph_store *store)
{
	return (ph_position){.offset = ph_journal_view_durable(look(store)->view)};
}

static uint64_t
journal_last(const ph_store *store)
{
	return ph_journal_view_last(look(store)->view);
}

static ph_status
journal_flush(ph_store *store, ph_position *durable, ph_error *err)
{
	ph_status status = ph_writer_flush(&journal_of(store)->writer, err);

	if (status == PH_OK && durable != NULL)
		*durable = journal_durable(store);
	return status;
}

static ph_status
journal_start(ph_store *store, ph_error *err)
{
	return ph_writer_start(&journal_of(store)->writer, err);
}

static ph_status
journal_poll(ph_store *store, bool wait, ph_position *durable, ph_error *err)
{
	ph_status status = ph_writer_poll(&journal_of(store)->writer, wait, err);

	if (status == PH_OK && durable != NULL)
		*durable = journal_durable(store);
	return status;
}

/* Let the cursor for single reads look at a segment. */
static ph_status
aim(journal *self, uint32_t number, ph_error *err)
{
	ph_segment_head head;
	uint64_t size;
	int fd;

	if (self->cursor_fd >= 0 && self->cursor_number == number)
		return PH_OK;
	ph_status status =
	    ph_journal_view_open(self->view, number, &fd, &size, &head, err);
	if (status != PH_OK)
		return status;
	if (self->cursor_fd >= 0)
		self->fs->close(self->fs->self, self->cursor_fd);
	self->cursor_fd = fd;
	self->cursor_number = number;
	ph_cursor_set(&self->cursor, fd, ph_segment_salt(head.id, number), size,
	    PH_SEGMENT_HEAD, 0);
	return PH_OK;
}

static ph_status
journal_read(
    ph_store *store, ph_position position, ph_store_record *record, ph_error *err)
{
	journal *self = journal_of(store);
	uint32_t number = (uint32_t) (position.offset >> 32);
	uint64_t byte = position.offset & UINT32_MAX;
	uint64_t durable = ph_journal_view_durable(self->view);
	ph_frame frame;
	const uint8_t *body;

	if (position.partition != 0 || byte < PH_SEGMENT_HEAD || byte % 8 != 0)
		return ph_fail(err, PH_ERR_USAGE, "not a place in the journal");
	if (position.offset >= durable)
		return ph_fail(err, PH_ERR_AGAIN, "this record is not durable yet");
	ph_status status = ph_journal_view_kept(self->view, number, err);
	if (status == PH_OK)
		status = aim(self, number, err);
	if (status != PH_OK)
		return status;
	if (number == (uint32_t) (durable >> 32))
		self->cursor.limit = durable & UINT32_MAX;
	else
		self->cursor.limit = UINT32_MAX; /* up to the end of the file */
	self->cursor.offset = byte;
	self->cursor.sequence = 0;
	ph_writer_expect_read(&self->writer);
	status = ph_cursor_next(&self->cursor, &frame, &body, err);
	if (status == PH_ERR_NOT_FOUND) {
		char where[64];

		snprintf(where, sizeof where, "journal %010u@%llu", number,
		    (unsigned long long) byte);
		return ph_fail_at(err, PH_ERR_DAMAGED, where,
		    "PH5002 the journal is damaged: no valid record here");
	}
	if (status != PH_OK)
		return status;
	*record = (ph_store_record){
	    .position = position,
	    .sequence = frame.sequence,
	    .wall_ms = frame.wall_ms,
	    .type = frame.type,
	    .body = body,
	    .length = frame.length,
	};
	return PH_OK;
}

static bool
journal_lost(const ph_store *store, uint64_t sequence)
{
	return ph_journal_view_lost(look(store)->view, sequence);
}

static void
journal_expect_read(ph_store *store)
{
	ph_writer_expect_read(&journal_of(store)->writer);
}

static ph_status
journal_reader_new(ph_store *store, ph_position from, uint64_t after,
    ph_store_reader **out, ph_error *err)
{
	return ph_journal_reader_new(journal_of(store)->view, from, after, out, err);
}

static ph_position
journal_extent(const ph_store *store, ph_position position)
{
	(void) store;
	return (ph_position){
	    .offset = (position.offset & ~(uint64_t) UINT32_MAX) | PH_SEGMENT_HEAD,
	};
}

/* Bytes of the files from `from` to before `before` that are there. */
static uint64_t
files_bytes(const journal *self, uint32_t from, uint32_t before)
{
	uint64_t sum = 0;

	for (uint32_t number = from; number < before; number++) {
		char name[PH_SEGMENT_NAME];
		char path[PH_ROOM_PATH];

		ph_segment_name(number, name);
		if (!ph_room_path(self->directory, name, path))
			continue;
		int fd = self->fs->open(self->fs->self, path, O_RDONLY, 0);
		int64_t size = fd >= 0 ? self->fs->size(self->fs->self, fd) : 0;
		if (fd >= 0)
			self->fs->close(self->fs->self, fd);
		if (size > 0)
			sum += (uint64_t) size;
	}
	return sum;
}

static ph_position
beginning(uint32_t number)
{
	return (ph_position){.offset = ph_journal_offset(number, PH_SEGMENT_HEAD)};
}

/* When a segment was made, from its header. */
static ph_status
segment_made(const journal *self, uint32_t number, int64_t *out, ph_error *err)
{
	const ph_fs *fs = self->fs;
	ph_segment_head head;
	char name[PH_SEGMENT_NAME];
	char path[PH_ROOM_PATH];

	ph_segment_name(number, name);
	if (!ph_room_path(self->directory, name, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	int fd = fs->open(fs->self, path, O_RDONLY, 0);
	int failed = errno;
	if (fd < 0)
		return ph_fail_errno(err, failed, "cannot open %s", path);
	ph_status status = ph_segment_head_read(fs, fd, number, &head, err);
	fs->close(fs->self, fd);
	if (status == PH_OK)
		*out = head.made_ms;
	return status;
}

static ph_status
journal_span(ph_store *store, ph_position position, ph_store_span *out, ph_error *err)
{
	const journal *self = journal_of(store);
	const ph_writer *writer = &self->writer;
	uint32_t number = (uint32_t) (position.offset >> 32);

	if (number < writer->oldest)
		number = writer->oldest;
	*out = (ph_store_span){.begin = beginning(number)};
	if (number >= writer->head.number) {
		out->bytes = writer->head.bytes;
		return PH_OK;
	}
	out->next = beginning(number + 1);
	out->bytes = files_bytes(self, number, number + 1);
	if (number + 1 == writer->head.number) {
		out->until_ms = writer->head.made_ms;
		return PH_OK;
	}
	return segment_made(self, number + 1, &out->until_ms, err);
}

static ph_status
journal_trim(ph_store *store, ph_position before, ph_error *err)
{
	journal *self = journal_of(store);
	ph_writer *writer = &self->writer;
	uint32_t number = (uint32_t) (before.offset >> 32);
	uint32_t oldest = writer->oldest;

	if (before.partition != 0)
		return ph_fail(err, PH_ERR_USAGE, "the journal has one partition, 0");
	if (before.offset > ph_journal_view_durable(self->view))
		return ph_fail(err, PH_ERR_CONFLICT,
		    "PH5006 the journal ends before the place to trim to");
	if (number <= oldest)
		return PH_OK;
	uint64_t bytes = files_bytes(self, oldest, number);
	ph_status status = ph_writer_trim(writer, number, err);
	if (status != PH_OK)
		return status;
	writer->closed_bytes -=
	    bytes < writer->closed_bytes ? bytes : writer->closed_bytes;
	ph_journal_view_trim(self->view, number);
	/* What cannot be removed now is removed after the next start. */
	(void) ph_room_give(&writer->room, oldest, number, NULL);
	return PH_OK;
}

static ph_status
journal_idle(ph_store *store, ph_error *err)
{
	ph_writer *writer = &journal_of(store)->writer;

	if ((writer->full || writer->doubt) && writer->failure.status == PH_OK)
		ph_writer_reserve(writer);
	ph_status status = ph_writer_age(writer, err);
	if (status != PH_OK)
		return status;
	if (writer->marked || writer->sync.away || writer->batch.length > 0)
		return ph_writer_flush(writer, err);
	ph_writer_mark(writer, PH_MARK_IDLE);
	status = ph_writer_flush(writer, err);
	/* Also where there was no room for the mark: trying again is no use. */
	writer->marked = status == PH_OK;
	return status;
}

static void
journal_keep(ph_store *store, uint64_t bytes)
{
	ph_writer_keep(&journal_of(store)->writer, bytes);
}

static const char *
why_full(const ph_writer *writer)
{
	if (writer->full)
		return writer->full_why.text;
	return writer->tight ? "what is free is left to checkpoints and the ledger"
			     : "";
}

static ph_status
journal_space(ph_store *store, ph_store_space *out, ph_error *err)
{
	journal *self = journal_of(store);
	ph_writer *writer = &self->writer;
	int64_t disk = self->fs->space(self->fs->self, self->directory);
	int failed = errno;

	if (disk < 0)
		return ph_fail_errno(err, failed, "cannot measure %s", self->directory);
	uint64_t here = writer->head.bytes - writer->end - writer->batch.length;
	uint64_t ours =
	    (uint64_t) disk > writer->keep ? (uint64_t) disk - writer->keep : 0;
	uint64_t files = ours / writer->segment_bytes;
	unsigned reserve = ph_room_count(&writer->room);
	if (reserve > writer->room.wanted)
		reserve = writer->room.wanted;
	if (writer->full && reserve == writer->room.wanted)
		ph_writer_reserve(writer); /* the thread has found room */
	bool refusing = writer->full || writer->tight;
	*out = (ph_store_space){
	    .open = refusing ? 0 : here + files * writer->segment_bytes,
	    .reserve = reserve * writer->room.bytes,
	    .used = writer->closed_bytes + writer->head.bytes,
	    .accepting = !refusing && writer->failure.status == PH_OK,
	    .why = why_full(writer),
	};
	return PH_OK;
}

/* The lock is held until the end: nothing is ever revoked. */
static void
journal_own(ph_store *store, const ph_store_owner *owner)
{
	(void) look(store);
	owner->assigned(owner->self, 0);
}

static uint64_t
journal_epoch(const ph_store *store)
{
	return look(store)->writer.epoch;
}

/* Let go of everything, whatever state it is in. */
static void
journal_free(journal *self)
{
	ph_writer_fini(&self->writer);
	ph_journal_view_destroy(&self->view);
	ph_cursor_fini(&self->cursor);
	if (self->cursor_fd >= 0)
		self->fs->close(self->fs->self, self->cursor_fd);
	if (self->lock >= 0)
		ph_fs_system()->close(ph_fs_system()->self, self->lock);
	free(self->directory);
	self->base.magic = 0;
	free(self);
}

static ph_status
journal_close(ph_store *store, ph_error *err)
{
	journal *self = journal_of(store);
	ph_writer *writer = &self->writer;
	ph_status status = ph_writer_flush(writer, err);

	if (status == PH_OK && !writer->marked && ph_writer_mark(writer, PH_MARK_CLOSE))
		status = ph_writer_flush(writer, err);
	PH_CRASH_POINT("close-marked");
	journal_free(self);
	return status;
}

/* Note the new owner; also shows that the disk takes what is written. */
static ph_status
mark_open(ph_writer *writer, ph_error *err)
{
	ph_status status = PH_OK;

	if (!ph_writer_mark(writer, PH_MARK_OPEN)) {
		status = ph_writer_roll(writer, err);
		if (status == PH_OK && !ph_writer_mark(writer, PH_MARK_OPEN))
			status =
			    ph_fail(err, PH_ERR_NOMEM, "no memory for the journal");
	}
	if (status == PH_OK)
		status = ph_writer_flush(writer, err);
	PH_CRASH_POINT("open-marked");
	return status;
}

static ph_status
judge_damage(
    const ph_journal_config *config, const ph_journal_report *report, ph_error *err)
{
	char text[200];
	char where[64];
	char place[PH_JOURNAL_PLACE];
	bool many = report->damage_count >= PH_JOURNAL_RANGES;

	if (report->damage_count == 0 || (config->past_damage && !many))
		return PH_OK;
	const ph_journal_range *first = &report->damage[0];
	ph_journal_range_text(first, text, sizeof text);
	ph_journal_place_text(ph_journal_offset(first->segment, first->offset), place);
	snprintf(where, sizeof where, "journal %s", place);
	if (config->past_damage)
		return ph_fail_at(err, PH_ERR_DAMAGED, where,
		    "PH5002 %zu damaged ranges, and no more than %u are gone past; the "
		    "first is %s",
		    report->damage_count, PH_JOURNAL_RANGES - 1, text);
	return ph_fail_at(err, PH_ERR_DAMAGED, where, "PH5002 %zu damaged range%s %s",
	    report->damage_count, report->damage_count == 1 ? ":" : "s; the first is",
	    text);
}

static ph_status
check_config(const ph_journal_config *config, ph_error *err)
{
	uint64_t bytes = config->segment_bytes;

	if (config->directory == NULL || config->directory[0] == '\0' ||
	    strlen(config->directory) > PH_ROOM_PATH - 64)
		return ph_fail(err, PH_ERR_USAGE, "the journal needs a directory");
	if (bytes != 0 && (bytes < PH_JOURNAL_SEGMENT_MIN ||
			      bytes > PH_JOURNAL_SEGMENT_MAX || bytes % 4096 != 0))
		return ph_fail(err, PH_ERR_USAGE,
		    "a journal's file has between 1 MiB and 1 GiB, in whole pages");
	return PH_OK;
}

/* NULL: no memory. */
static journal *
new_journal(const ph_journal_config *config, const ph_store_ops *ops)
{
	journal *self = calloc(1, sizeof *self);
	char *directory = strdup(config->directory);

	if (self == NULL || directory == NULL) {
		free(self);
		free(directory);
		return NULL;
	}
	self->base = (ph_store){.magic = JOURNAL_MAGIC, .ops = ops};
	self->directory = directory;
	self->fs = config->fs != NULL ? config->fs : ph_fs_system();
	self->lock = self->cursor_fd = -1;
	ph_cursor_init(&self->cursor, self->fs, READ_CHUNK);
	ph_writer_init(&self->writer);
	self->writer.fs = self->fs;
	return self;
}

/* Make the directory, each part of it synced in the one above. */
static ph_status
make_directory(const journal *self, ph_error *err)
{
	const ph_fs *fs = self->fs;
	char path[PH_ROOM_PATH];
	size_t length = strlen(self->directory);
	const char *above = ".";

	for (size_t i = 1; i <= length; i++) {
		if (self->directory[i] != '/' && self->directory[i] != '\0')
			continue;
		memcpy(path, self->directory, i);
		path[i] = '\0';
		int failed = fs->mkdir(fs->self, path, 0700) != 0 ? errno : 0;
		if (failed != 0 && failed != EEXIST)
			return ph_fail_errno(
			    err, failed, "cannot make directory %s", path);
		char *slash = strrchr(path, '/');
		if (slash == path)
			above = "/";
		else if (slash != NULL) {
			*slash = '\0';
			above = path;
		}
		ph_status status = failed == 0 ? ph_fs_sync_dir(fs, above, err) : PH_OK;
		if (status != PH_OK)
			return status;
	}
	return PH_OK;
}

static ph_status
take_lock(journal *self, ph_error *err)
{
	char path[PH_ROOM_PATH];
	pid_t holder = 0;

	if (!ph_room_path(self->directory, "lock", path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	ph_status status = ph_os_lock(path, 0600, &self->lock, &holder, err);
	if (status == PH_ERR_AGAIN)
		return ph_fail_at(err, status, path,
		    "PH5001 the journal is in use by process %ld", (long) holder);
	PH_CRASH_POINT("open-locked");
	return status;
}

/* What the writer has to know, from the configuration and the findings. */
static ph_status
prepare_writer(journal *self, const ph_journal_config *config, ph_journal_scan *scan,
    ph_error *err)
{
	ph_writer *writer = &self->writer;
	uint64_t bytes = config->segment_bytes;
	uint64_t reserve = config->reserve_bytes;

	if (bytes == 0)
		bytes = PH_JOURNAL_SEGMENT_DEFAULT;
	if (reserve == 0)
		reserve = bytes;
	writer->clock = config->clock != NULL ? config->clock : ph_clock_system();
	writer->directory = self->directory;
	writer->segment_bytes = bytes;
	writer->batch_limit = config->batch_bytes != 0 ? (size_t) config->batch_bytes
						       : PH_JOURNAL_BATCH_DEFAULT;
	writer->keep = config->keep_bytes;
	writer->age_ms = config->age_ms;
	writer->epoch = ++scan->report.epoch;
	writer->oldest = scan->oldest;
	memcpy(writer->head.id, scan->id, sizeof scan->id);
	if (!scan->has_id) {
		ph_status status =
		    ph_os_random(writer->head.id, sizeof writer->head.id, err);

		if (status != PH_OK)
			return status;
	}
	ph_status status = ph_room_init(&writer->room, self->fs, self->directory, bytes,
	    (unsigned) ((reserve + bytes - 1) / bytes), config->thread, err);
	writer->room.keep = config->keep_bytes;
	return status;
}

/* From the findings to a journal that can be written. */
static ph_status
start(journal *self, const ph_journal_config *config, ph_journal_scan *scan,
    ph_error *err)
{
	ph_writer *writer = &self->writer;

	scan->report.clean = scan->settled || scan->count == 0;
	ph_status status = prepare_writer(self, config, scan, err);
	if (status == PH_OK)
		status = ph_journal_view_new(self->fs, self->directory, writer->head.id,
		    writer->oldest, &scan->report, &self->view, err);
	if (status != PH_OK)
		return status;
	writer->view = self->view;
	status = ph_journal_mend(writer, scan, err);
	if (status == PH_OK)
		status = mark_open(writer, err);
	if (status == PH_OK && config->thread)
		status = ph_room_start(&writer->room, err);
	if (status == PH_OK && config->overlap)
		status = ph_sync_start(&writer->sync, self->fs, err);
	if (status != PH_OK)
		return status;
	writer->closed_bytes = files_bytes(self, writer->oldest, writer->head.number);
	/* what a trim has left behind */
	if (scan->count > 0 && scan->files[0].number < writer->oldest)
		(void) ph_room_give(
		    &writer->room, scan->files[0].number, writer->oldest, NULL);
	ph_writer_reserve(writer);
	return PH_OK;
}

ph_status
ph_journal_open(const ph_journal_config *config, ph_store **out,
    ph_journal_report *report, ph_error *err)
{
	static const ph_store_ops ops = {
	    .name = "local",
	    .submit = journal_submit,
	    .flush = journal_flush,
	    .start = journal_start,
	    .poll = journal_poll,
	    .durable = journal_durable,
	    .last = journal_last,
	    .read = journal_read,
	    .lost = journal_lost,
	    .expect_read = journal_expect_read,
	    .reader = journal_reader_new,
	    .trim = journal_trim,
	    .extent = journal_extent,
	    .span = journal_span,
	    .idle = journal_idle,
	    .space = journal_space,
	    .keep = journal_keep,
	    .own = journal_own,
	    .epoch = journal_epoch,
	    .close = journal_close,
	};
	ph_journal_scan scan = {0};

	ph_status status = check_config(config, err);
	if (status != PH_OK)
		return status;
	journal *self = new_journal(config, &ops);
	if (self == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the journal");
	status = make_directory(self, err);
	if (status == PH_OK)
		status = take_lock(self, err);
	if (status == PH_OK)
		status = ph_journal_scan_run(self->fs, self->directory, &scan, err);
	if (status == PH_OK)
		status = judge_damage(config, &scan.report, err);
	if (status == PH_OK)
		status = start(self, config, &scan, err);
	if (report != NULL)
		*report = scan.report;
	ph_journal_scan_fini(&scan);
	if (status != PH_OK) {
		journal_free(self);
		return status;
	}
	*out = &self->base;
	return PH_OK;
}
