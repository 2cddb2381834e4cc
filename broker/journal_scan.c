/*
 * journal_scan - how the end of the journal is found, and how a torn end is told from damage.
 *
 * A segment's header says that every record before its first one was synced, and every record
 * says in its lag how far the journal was synced when it was written. The highest sequence that
 * anything says was synced is what is *proven*. A record that is missing or broken and proven is
 * damage. So all but the last file must be whole; and in the last one the first thing that is
 * not a record and not proven is the end. Good records behind that end were written together
 * with what is missing before them and were never acknowledged: they belong to the torn end.
 *
 * A file may have good records behind the place where its successor begins: an unclean start
 * copied them into the successor and was stopped before it cut them off. They do not count.
 */
#include "broker/journal_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "broker/record.h"
#include "lib/base/assert.h"
#include "lib/base/buffer.h"

#define CHUNK (256u << 10)

/* What one walk through a file needs. */
typedef struct walk {
	ph_journal_scan *scan;
	const ph_scan_file *file;
	ph_cursor cursor;
	uint64_t stop; /* first sequence of a later file; 0: none can be read */
	bool complete; /* there is a later file, so all of this one was synced */
	bool
	    open_end; /* the file between is missing, so nobody knows where this one ends */
	uint64_t proven; /* what is missing up to here is damage */
} walk;

void
ph_mark_encode(const ph_mark *mark, uint8_t out[PH_MARK_BODY])
{
	memset(out, 0, PH_MARK_BODY);
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t) (mark->epoch >> 8 * i);
	for (int i = 0; i < 4; i++)
		out[8 + i] = (uint8_t) (mark->oldest >> 8 * i);
	out[12] = mark->kind;
}

ph_status
ph_mark_decode(const void *body, size_t length, ph_mark *out, ph_error *err)
{
	ph_reader reader;

	ph_reader_init(&reader, body, length);
	*out = (ph_mark){.epoch = ph_reader_u64(&reader)};
	out->oldest = ph_reader_u32(&reader);
	out->kind = ph_reader_u8(&reader);
	if (reader.failed || length != PH_MARK_BODY || out->kind < PH_MARK_OPEN ||
	    out->kind > PH_MARK_TRIM)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5002 the body of %s record is not valid", "a mark");
	return PH_OK;
}

static void
note_damage(ph_journal_scan *scan, ph_journal_range range)
{
	ph_journal_report *report = &scan->report;

	if (report->damage_count < PH_JOURNAL_RANGES)
		report->damage[report->damage_count] = range;
	report->damage_count++;
	if (scan->watch != NULL && scan->watch->damage != NULL)
		scan->watch->damage(scan->watch->self, &range);
}

/* Tell who watches how far it is. */
static void
note_progress(const walk *self)
{
	const ph_journal_scan *scan = self->scan;

	if (scan->watch != NULL && scan->watch->progress != NULL)
		scan->watch->progress(
		    scan->watch->self, scan->before + self->cursor.offset, scan->bytes);
}

/* One that calls files old which came after its own is none that was written here. */
static void
note_mark(ph_journal_scan *scan, uint32_t number, const uint8_t *body, uint32_t length)
{
	ph_reader reader;

	ph_reader_init(&reader, body, length);
	uint64_t epoch = ph_reader_u64(&reader);
	uint32_t oldest = ph_reader_u32(&reader);
	if (reader.failed || oldest > number)
		return;
	if (epoch > scan->report.epoch)
		scan->report.epoch = epoch;
	if (oldest > scan->oldest)
		scan->oldest = oldest;
}

bool
ph_scan_says(const ph_frame *frame)
{
	return frame->type != PH_RECORD_MARK && frame->length > PH_STORE_NOTHING;
}

/* The last file's good records, one by one. */
static void
note_last(walk *self, const ph_frame *frame, const uint8_t *body)
{
	ph_journal_scan *scan = self->scan;
	uint64_t synced = frame->sequence - frame->lag;

	if (synced > scan->proven)
		scan->proven = synced;
	if (!scan->holds && ph_scan_says(frame)) {
		scan->holds = true;
		scan->since_ms = frame->wall_ms;
	}
	scan->settled = frame->type == PH_RECORD_MARK && frame->lag == 1 &&
			frame->length == PH_MARK_BODY;
	if (scan->settled) {
		scan->mark_at = self->cursor.offset - ph_frame_size(frame->length);
		scan->mark_frame = *frame;
		memcpy(scan->mark_body, body, PH_MARK_BODY);
	}
}

/* Something is not right at the cursor and it is proven: name it, go on behind it. */
static ph_status
pass_damage(walk *self, ph_error *err)
{
	uint64_t offset = self->cursor.offset;
	uint64_t first = self->cursor.sequence;
	ph_status status = ph_cursor_resync(&self->cursor, self->cursor.limit, err);

	if (status != PH_OK && status != PH_ERR_NOT_FOUND)
		return status;
	bool found =
	    status == PH_OK && (self->stop == 0 || self->cursor.sequence < self->stop);
	if (!found && self->stop == 0) {
		self->proven = 0; /* nothing behind proves it after all: an end */
		return PH_OK;
	}
	if (!found) {
		self->cursor.offset = self->cursor.limit;
		self->cursor.sequence = self->stop;
	}
	note_damage(self->scan, (ph_journal_range){
				    .segment = self->file->number,
				    .offset = offset,
				    .length = self->cursor.offset - offset,
				    .first = first,
				    .last = self->cursor.sequence - 1,
				});
	return PH_OK;
}

/* Is there nothing but zeros from here on? */
static ph_status
at_blank_end(walk *self, bool *blank, ph_error *err)
{
	uint64_t used = 0;
	ph_status status = ph_cursor_used(&self->cursor, &used, err);

	*blank = used <= self->cursor.offset;
	return status;
}

/* From record to record: up to the next file's first, or to the first gap that is not proven. */
static ph_status
walk_records(walk *self, ph_error *err)
{
	for (;;) {
		ph_frame frame;
		const uint8_t *body;

		if (self->stop != 0 && self->cursor.sequence >= self->stop)
			return PH_OK;
		ph_status status = ph_cursor_next(&self->cursor, &frame, &body, err);
		if (status == PH_ERR_NOT_FOUND) {
			bool blank = self->cursor.sequence > self->proven;

			status = PH_OK;
			if (!blank && self->open_end)
				status = at_blank_end(self, &blank, err);
			if (status == PH_OK && !blank)
				status = pass_damage(self, err);
			if (status != PH_OK || blank)
				return status;
			continue;
		}
		if (status != PH_OK)
			return status;
		self->scan->report.records++;
		self->scan->report.last = frame.sequence;
		note_progress(self);
		if (frame.type == PH_RECORD_MARK)
			note_mark(self->scan, self->file->number, body, frame.length);
		if (self->stop == 0)
			note_last(self, &frame, body);
	}
}

static ph_status
open_file(
    const ph_fs *fs, const char *directory, uint32_t number, int *fd, ph_error *err)
{
	char path[PH_SEGMENT_PATH];
	ph_status status = ph_segment_path(directory, number, path, err);

	if (status != PH_OK)
		return status;
	*fd = fs->open(fs->self, path, O_RDONLY, 0);
	int failed = errno;
	if (*fd < 0)
		return ph_fail_errno(err, failed, "cannot open %s", path);
	return PH_OK;
}

static void
restart(walk *self, int fd)
{
	const ph_segment_head *head = &self->file->head;

	ph_cursor_set(&self->cursor, fd, ph_segment_salt(head->id, head->number),
	    self->file->size, PH_SEGMENT_HEAD, head->first);
}

/* All but the last file: everything up to the next one's first record must be there. */
static ph_status
scan_inner(walk *self, int fd, ph_scan_file *file, ph_error *err)
{
	bool blank = true;

	self->proven = self->stop - 1;
	restart(self, fd);
	ph_status status = walk_records(self, err);
	if (status == PH_OK)
		status = at_blank_end(self, &blank, err);
	if (status == PH_OK && !blank)
		file->cut = self->cursor.offset;
	return status;
}

/* The highest proof anywhere behind the place where the records end. */
static ph_status
look_behind(walk *self, uint64_t used, uint64_t *proven, ph_error *err)
{
	ph_status status;

	while ((status = ph_cursor_resync(&self->cursor, used, err)) == PH_OK) {
		ph_frame frame;
		const uint8_t *body;

		while ((status = ph_cursor_next(&self->cursor, &frame, &body, err)) ==
		       PH_OK) {
			if (frame.sequence - frame.lag > *proven)
				*proven = frame.sequence - frame.lag;
		}
		if (status != PH_ERR_NOT_FOUND)
			return status;
	}
	return status == PH_ERR_NOT_FOUND ? PH_OK : status;
}

/* Where the first record stands that is not proven. */
static ph_status
find_tail(walk *self, int fd, ph_error *err)
{
	ph_journal_scan *scan = self->scan;

	restart(self, fd);
	scan->tail = scan->end;
	scan->tail_first = scan->proven + 1;
	while (self->cursor.offset < scan->end) {
		ph_frame frame;
		const uint8_t *body;
		uint64_t offset = self->cursor.offset;
		ph_status status = ph_cursor_next(&self->cursor, &frame, &body, err);

		if (status == PH_ERR_NOT_FOUND)
			status = ph_cursor_resync(&self->cursor, scan->end, err);
		else if (status == PH_OK && frame.sequence > scan->proven) {
			scan->tail = offset;
			scan->tail_first = frame.sequence;
			return PH_OK;
		}
		if (status != PH_OK)
			return status;
	}
	return PH_OK;
}

static ph_status
walk_last(walk *self, int fd, uint64_t records, ph_error *err)
{
	self->scan->report.records = records;
	self->scan->settled = false;
	restart(self, fd);
	return walk_records(self, err);
}

/* There are bytes behind the last good record: are they a torn end, or is there damage? */
static ph_status
judge_rest(walk *self, int fd, uint64_t records, ph_error *err)
{
	ph_journal_scan *scan = self->scan;
	uint64_t proven = scan->proven;

	ph_status status = look_behind(self, scan->used, &proven, err);
	if (status == PH_OK && proven >= scan->next) {
		self->proven = proven; /* damage: walk again, over it */
		status = walk_last(self, fd, records, err);
		scan->end = self->cursor.offset;
		scan->next = self->cursor.sequence;
	}
	if (proven > scan->proven)
		scan->proven = proven;
	if (scan->used > scan->end)
		scan->settled = false;
	return status;
}

static ph_status
scan_last(walk *self, int fd, ph_error *err)
{
	ph_journal_scan *scan = self->scan;
	uint64_t records = scan->report.records;

	scan->proven = self->file->head.first - 1;
	scan->report.last = scan->proven;
	self->proven = self->complete ? UINT64_MAX : scan->proven;
	ph_status status = walk_last(self, fd, records, err);
	scan->end = self->cursor.offset;
	scan->next = self->cursor.sequence;
	if (status == PH_OK)
		status = ph_cursor_used(&self->cursor, &scan->used, err);
	if (status == PH_OK && scan->used > scan->end)
		status = judge_rest(self, fd, records, err);
	return status == PH_OK ? find_tail(self, fd, err) : status;
}

/* The last file is shorter than it was made, which no crash does. */
static void
check_length(ph_journal_scan *scan, const ph_scan_file *file)
{
	if (file->size >= file->head.bytes)
		return;
	scan->lost_end = true;
	scan->settled = false;
	note_damage(scan, (ph_journal_range){
			      .segment = file->number,
			      .offset = file->size,
			      .length = file->head.bytes - file->size,
			      .first = scan->next,
			  });
	/* Never give a number again that a lost record may have had. */
	scan->next += (file->head.bytes - file->size) / PH_FRAME_HEAD + 1;
}

/* A file without a readable header: nothing in it can be believed. */
static void
scan_unreadable(ph_journal_scan *scan, size_t index, uint64_t expected, uint64_t stop)
{
	const ph_scan_file *file = &scan->files[index];

	note_damage(scan, (ph_journal_range){
			      .segment = file->number,
			      .length = file->size,
			      .first = expected,
			      .last = stop == 0 ? 0 : stop - 1,
			  });
	if (index + 1 < scan->count)
		return;
	scan->lost_end = true;
	scan->settled = false;
	scan->end = scan->tail = scan->used = 0;
	scan->proven = expected - 1;
	scan->next = expected + file->size / PH_FRAME_HEAD + 1;
}

uint64_t
ph_journal_scan_stop(const ph_journal_scan *scan, size_t index)
{
	for (size_t i = index + 1; i < scan->count; i++) {
		if (scan->files[i].readable)
			return scan->files[i].head.first;
	}
	return 0;
}

static ph_status
scan_file(const ph_fs *fs, const char *directory, ph_journal_scan *scan, size_t index,
    uint64_t *expected, ph_error *err)
{
	ph_scan_file *file = &scan->files[index];
	walk self = {.scan = scan,
	    .file = file,
	    .stop = ph_journal_scan_stop(scan, index),
	    .complete = index + 1 < scan->count};
	int fd = -1;

	ph_status status = open_file(fs, directory, file->number, &fd, err);
	if (status != PH_OK)
		return status;
	ph_cursor_init(&self.cursor, fs, CHUNK);
	if (self.stop != 0) {
		self.open_end = file[1].number != file->number + 1 || !file[1].readable;
		status = scan_inner(&self, fd, file, err);
	} else
		status = scan_last(&self, fd, err);
	*expected = self.cursor.sequence;
	ph_cursor_fini(&self.cursor);
	fs->close(fs->self, fd);
	scan->before += file->size;
	if (status == PH_OK && index + 1 == scan->count)
		check_length(scan, file);
	return status;
}

static ph_status
read_head(const ph_fs *fs, const char *directory, ph_journal_scan *scan, size_t index,
    ph_error *err)
{
	ph_scan_file *file = &scan->files[index];
	ph_error why = {0};
	int fd = -1;

	ph_status status = open_file(fs, directory, file->number, &fd, err);
	if (status != PH_OK)
		return status;
	int64_t size = fs->size(fs->self, fd);
	int failed = errno;
	if (size >= 0) {
		file->size = (uint64_t) size;
		scan->bytes += file->size;
		status = ph_segment_head_read(fs, fd, file->number, &file->head, &why);
	} else
		status = ph_fail_errno(&why, failed, "cannot measure a journal file");
	fs->close(fs->self, fd);
	if (status == PH_ERR_DAMAGED)
		return PH_OK;
	if (status != PH_OK)
		return ph_fail_at(err, status, why.where, "%s", why.text);
	if (!scan->has_id) {
		memcpy(scan->id, file->head.id, sizeof scan->id);
		scan->has_id = true;
	}
	file->readable = memcmp(scan->id, file->head.id, sizeof scan->id) == 0;
	if (file->readable && file->head.epoch > scan->report.epoch)
		scan->report.epoch = file->head.epoch;
	return PH_OK;
}

static ph_status
list_files(const char *directory, ph_journal_scan *scan, ph_error *err)
{
	char **names = NULL;
	size_t count = 0;
	ph_status status = ph_fs_list(directory, ".segment", &names, &count, err);

	if (status != PH_OK)
		return status;
	scan->files = calloc(count + 1, sizeof *scan->files);
	for (size_t i = 0; scan->files != NULL && i < count; i++) {
		uint32_t number = ph_segment_name_number(names[i]);

		if (number != 0) /* names are sorted, so numbers are */
			scan->files[scan->count++].number = number;
	}
	free(names);
	if (scan->files == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the journal's files");
	return PH_OK;
}

/* The oldest segment that must be there. */
static uint32_t
oldest_kept(const ph_journal_scan *scan)
{
	uint32_t oldest = 1;

	for (size_t i = 0; i < scan->count; i++) {
		if (scan->files[i].readable && scan->files[i].head.oldest > oldest)
			oldest = scan->files[i].head.oldest;
	}
	return oldest;
}

/* The first sequence that is there. */
static uint64_t
first_after_gap(const ph_journal_scan *scan)
{
	return scan->files[0].readable ? scan->files[0].head.first
				       : ph_journal_scan_stop(scan, 0);
}

static void
note_missing(ph_journal_scan *scan, uint32_t from, uint32_t before, uint64_t first,
    uint64_t stop)
{
	for (; from < before; from++)
		note_damage(scan, (ph_journal_range){
				      .segment = from,
				      .first = first,
				      .last = stop == 0 ? 0 : stop - 1,
				  });
}

/*
 * Now that all marks are read: which files had to be there? What is older is not needed, whatever
 * is left of it.
 */
static void
judge_oldest(ph_journal_scan *scan)
{
	ph_journal_report *report = &scan->report;
	size_t named = report->damage_count < PH_JOURNAL_RANGES ? report->damage_count
								: PH_JOURNAL_RANGES;
	size_t kept = 0;

	for (size_t i = 0; i < named; i++) {
		if (report->damage[i].segment >= scan->oldest)
			report->damage[kept++] = report->damage[i];
	}
	report->damage_count -= named - kept;
	if (scan->count > 0 && scan->oldest < scan->files[0].number)
		note_missing(scan, scan->oldest, scan->files[0].number,
		    scan->oldest == 1 ? 1 : 0, first_after_gap(scan));
}

static ph_status
scan_all(const ph_fs *fs, const char *directory, ph_journal_scan *scan, ph_error *err)
{
	uint32_t number = scan->count > 0 ? scan->files[0].number : 1;
	uint64_t expected = number == 1 ? 1 : 0;

	scan->oldest = oldest_kept(scan);
	for (size_t i = 0; i < scan->count; i++) {
		const ph_scan_file *file = &scan->files[i];
		uint64_t stop = ph_journal_scan_stop(scan, i);

		note_missing(scan, number, file->number, expected,
		    file->readable ? file->head.first : stop);
		number = file->number + 1;
		if (!file->readable) {
			scan_unreadable(scan, i, expected, stop);
			continue;
		}
		ph_status status = scan_file(fs, directory, scan, i, &expected, err);
		if (status != PH_OK)
			return status;
	}
	judge_oldest(scan);
	return PH_OK;
}

ph_status
ph_journal_scan_run(
    const ph_fs *fs, const char *directory, ph_journal_scan *out, ph_error *err)
{
	return ph_journal_scan_watched(fs, directory, NULL, out, err);
}

ph_status
ph_journal_scan_watched(const ph_fs *fs, const char *directory,
    const ph_scan_watch *watch, ph_journal_scan *out, ph_error *err)
{
	*out = (ph_journal_scan){.next = 1, .watch = watch};
	ph_status status = list_files(directory, out, err);
	for (size_t i = 0; status == PH_OK && i < out->count; i++)
		status = read_head(fs, directory, out, i, err);
	if (status == PH_OK)
		status = scan_all(fs, directory, out, err);
	out->report.segments = (uint32_t) out->count;
	out->report.fresh = out->count == 0;
	out->watch = NULL;
	return status;
}

void
ph_journal_scan_fini(ph_journal_scan *scan)
{
	free(scan->files);
	scan->files = NULL;
	scan->count = 0;
}
