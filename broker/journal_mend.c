/*
 * journal_mend - see journal_mend.h for the order of things, which is all that matters here.
 */
#include "broker/journal_mend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "broker/crashpoint.h"
#include "lib/base/assert.h"

/* Cut a file at `size` and sync it. */
static ph_status
cut_file(ph_writer *self, uint32_t number, uint64_t size, ph_error *err)
{
	const ph_fs *fs = self->fs;
	char name[PH_SEGMENT_NAME];
	char path[PH_ROOM_PATH];

	ph_segment_name(number, name);
	if (!ph_room_path(self->directory, name, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	int fd = fs->open(fs->self, path, O_RDWR, 0);
	int failed = errno;
	if (fd < 0)
		return ph_fail_errno(err, failed, "cannot open %s", path);
	ph_status status = PH_OK;
	if (fs->ftruncate(fs->self, fd, (int64_t) size) != 0 ||
	    fs->fsync(fs->self, fd) != 0) {
		failed = errno;
		status = ph_fail_errno(err, failed, "cannot cut %s", path);
	}
	fs->close(fs->self, fd);
	PH_CRASH_POINT("tail-cut");
	return status;
}

/* Finish what an interrupted open began. */
static ph_status
finish_cuts(ph_writer *self, const ph_journal_scan *scan, ph_error *err)
{
	for (size_t i = 0; i < scan->count; i++) {
		const ph_scan_file *file = &scan->files[i];

		if (file->cut == 0)
			continue;
		ph_status status = cut_file(self, file->number, file->cut, err);
		if (status != PH_OK)
			return status;
	}
	return PH_OK;
}

static ph_status
open_last(
    ph_writer *self, const ph_journal_scan *scan, int flags, int *fd, ph_error *err)
{
	char name[PH_SEGMENT_NAME];
	char path[PH_ROOM_PATH];

	ph_segment_name(scan->files[scan->count - 1].number, name);
	if (!ph_room_path(self->directory, name, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	*fd = self->fs->open(self->fs->self, path, flags, 0);
	int failed = errno;
	if (*fd < 0)
		return ph_fail_errno(err, failed, "cannot open %s", path);
	return PH_OK;
}

/* Copy the bytes of a torn end to a file beside, synced. */
static ph_status
copy_torn(ph_writer *self, ph_journal_scan *scan, ph_error *err)
{
	ph_journal_report *report = &scan->report;
	uint32_t number = scan->files[scan->count - 1].number;
	size_t length = (size_t) (scan->used - scan->end);
	const uint8_t *bytes;
	char path[PH_ROOM_PATH];
	ph_cursor cursor;
	int fd;

	report->torn = true;
	report->tail = (ph_journal_range){
	    .segment = number,
	    .offset = scan->end,
	    .length = length,
	    .first = scan->next,
	};
	snprintf(report->tail_file, sizeof report->tail_file, "torn-%010u-%llu", number,
	    (unsigned long long) scan->end);
	if (!ph_room_path(self->directory, report->tail_file, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	ph_status status = open_last(self, scan, O_RDONLY, &fd, err);
	if (status != PH_OK)
		return status;
	ph_cursor_init(&cursor, self->fs, length);
	ph_cursor_set(&cursor, fd, 0, scan->used, scan->end, 0);
	status = ph_cursor_bytes(&cursor, scan->end, length, &bytes, err);
	if (status == PH_OK)
		status = ph_fs_replace(self->fs, path, bytes, length, 0600, err);
	ph_cursor_fini(&cursor);
	self->fs->close(self->fs->self, fd);
	PH_CRASH_POINT("torn-copied");
	return status;
}

/* Frame the unproven records of the last file again, for the file the writer aims at. */
static ph_status
gather_tail(ph_writer *self, ph_journal_scan *scan, ph_error *err)
{
	const ph_segment_head *old = &scan->files[scan->count - 1].head;
	ph_cursor cursor;
	int fd;

	ph_status status = open_last(self, scan, O_RDONLY, &fd, err);
	if (status != PH_OK)
		return status;
	ph_cursor_init(&cursor, self->fs, 256u << 10);
	ph_cursor_set(&cursor, fd, ph_segment_salt(old->id, old->number), scan->end,
	    scan->tail, self->next);
	while (status == PH_OK && cursor.offset < scan->end) {
		ph_frame frame;
		const uint8_t *body;

		status = ph_cursor_next(&cursor, &frame, &body, err);
		if (status == PH_ERR_NOT_FOUND)
			status = ph_fail(
			    err, PH_ERR_IO, "the journal changes while it is read");
		else if (status == PH_OK && !ph_writer_again(self, &frame, body))
			status =
			    ph_fail(err, PH_ERR_NOMEM, "no memory for the journal");
		if (status == PH_OK)
			scan->report.rewritten++;
	}
	ph_cursor_fini(&cursor);
	self->fs->close(self->fs->self, fd);
	return status;
}

/* Continue at the end of the last file: the mark there is written again with the next batch. */
static ph_status
continue_settled(ph_writer *self, const ph_journal_scan *scan, ph_error *err)
{
	self->head = scan->files[scan->count - 1].head;
	self->salt = ph_segment_salt(self->head.id, self->head.number);
	self->end = scan->mark_at;
	self->next = scan->mark_frame.sequence;
	self->synced = self->next - 1;
	self->holds = scan->holds;
	self->since_ms = scan->since_ms;
	if (!ph_writer_again(self, &scan->mark_frame, scan->mark_body))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the journal");
	ph_status status = open_last(self, scan, O_RDWR, &self->fd, err);
	return status == PH_OK ? ph_writer_look(self, err) : status;
}

/* Begin a new file with the unproven records of the last one, then cut them off there. */
static ph_status
renew_tail(ph_writer *self, ph_journal_scan *scan, ph_error *err)
{
	const ph_scan_file *last = &scan->files[scan->count - 1];
	ph_segment_head head;
	ph_status status = PH_OK;

	if (scan->used > scan->end)
		status = copy_torn(self, scan, err);
	if (status != PH_OK)
		return status;
	ph_writer_aim(
	    self, last->number + 1, scan->end - scan->tail, scan->tail_first, &head);
	self->synced = scan->tail_first - 1;
	if (scan->tail < scan->end)
		status = gather_tail(self, scan, err);
	if (status == PH_OK)
		status = ph_writer_begin(self, &head, err);
	if (status == PH_OK && last->size > scan->tail)
		status = cut_file(self, last->number, scan->tail, err);
	return status;
}

/*
 * The end of the journal is lost, and with it the knowledge which sequences were given: go on in
 * a file of its own, far enough behind. Readers pass over the range between.
 */
static ph_status
leave_gap(ph_writer *self, const ph_journal_scan *scan, ph_error *err)
{
	ph_segment_head head;
	uint32_t number = scan->files[scan->count - 1].number;

	if (self->fd >= 0) {
		number = self->head.number;
		ph_journal_view_damage(
		    self->view, &(ph_journal_range){
				    .segment = number,
				    .offset = self->end,
				    .length = self->head.bytes - self->end,
				    .first = self->next,
				    .last = scan->next - 1,
				});
	}
	ph_writer_aim(self, number + 1, 0, scan->next, &head);
	self->synced = scan->next - 1;
	return ph_writer_begin(self, &head, err);
}

static ph_status
begin_journal(ph_writer *self, ph_error *err)
{
	ph_segment_head head;

	ph_writer_aim(self, 1, 0, 1, &head);
	return ph_writer_begin(self, &head, err);
}

ph_status
ph_journal_mend(ph_writer *self, ph_journal_scan *scan, ph_error *err)
{
	/* A name that is seen may not be on the disk yet; nothing may rest on it before it is. */
	ph_status status = ph_fs_sync_dir(self->fs, self->directory, err);

	/* beside damage every byte stays that is there: a copy may be all that is left of something */
	if (status == PH_OK && scan->report.damage_count == 0)
		status = finish_cuts(self, scan, err);
	if (status != PH_OK)
		return status;
	if (scan->count == 0)
		return begin_journal(self, err);
	if (scan->settled)
		return continue_settled(self, scan, err);
	if (scan->files[scan->count - 1].readable)
		status = renew_tail(self, scan, err);
	if (status == PH_OK && scan->lost_end)
		status = leave_gap(self, scan, err);
	return status;
}
