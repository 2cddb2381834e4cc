/*
 * How it works: a shelf is a list of files, filled one after the other; entries are taken from the
 * first and added to the last. New entries gather in memory and are written some hundred at a time;
 * those at the front are read as many at a time. What is taken before it was written is never
 * written. No file is held open: one is opened for every few hundred entries.
 *
 * A file is state/shelf/QUEUE-SERIAL.shelf (decimal). It has no header; its entries (shelf_entry.h)
 * lie in the order of their numbers. How many count, and from which on, is known to the process, and
 * to a checkpoint.
 *
 * The section of a checkpoint: u64 serial of the next file, u64 oldest serial that is kept, u32
 * entries taken from the first file, u32 files; each: u64 serial, u32 entries, u64 number of the
 * first, u64 number of the last.
 */
#include "broker/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"
#include "broker/shelf_entry.h"
#include "lib/base/assert.h"

#define ENTRY	    PH_SHELF_ENTRY
#define BATCH	    256u /* entries gathered, and read, at a time */
#define PATH_SIZE   4096
#define SUFFIX	    PH_SHELF_SUFFIX
#define PARTS_FIRST 8
#define U48_MOST    ((UINT64_C(1) << 48) - 1)

typedef struct part {
	uint64_t serial;
	uint64_t first, last; /* numbers of its first and last entry */
	uint32_t count;	      /* entries, gathered ones included */
	bool written;	      /* there is a file */
	bool unsynced;	      /* and it was written to since the last save */
} part;

struct ph_shelf {
	const ph_fs *fs;
	char *directory;
	part *parts; /* in the order of their numbers; entries leave [0] */
	size_t part_count, part_capacity;
	uint64_t count;	       /* entries there are */
	uint64_t last;	       /* greatest number ever added */
	uint64_t next_serial;  /* of the next file */
	uint64_t oldest_kept;  /* files from this serial on may be on the disk */
	uint64_t saving;       /* oldest serial named by the save that is under way */
	uint64_t newer, older; /* ... by the last two that are durable; 0: none */
	uint8_t *gathered;     /* BATCH entries: the end of the last part */
	uint8_t *ahead;	       /* BATCH entries of parts[0], read already */
	uint32_t gathered_count;
	uint32_t ahead_at, ahead_count; /* which */
	uint32_t head;			/* entries taken from parts[0] */
	uint32_t file_entries;		/* of one file at most */
	uint16_t queue;
	bool lost; /* it was saved, and its files are not what they were */
};

/* With its name on the disk: checkpoints will say that there are files in it. One that is there
 * already may have been made by a process that ended before it had the name synced. */
static ph_status
make_directory(const ph_shelf *shelf, ph_error *err)
{
	char above[PATH_SIZE];
	if (shelf->fs->mkdir(shelf->fs->self, shelf->directory, 0700) != 0) {
		int failed = errno;
		if (failed != EEXIST)
			return ph_fail_errno(
			    err, failed, "cannot make directory %s", shelf->directory);
	}
	int length = snprintf(above, sizeof above, "%s/..", shelf->directory);
	PH_ASSERT(length > 0 && length < PATH_SIZE);
	return ph_fs_sync_dir(shelf->fs, above, err);
}

ph_status
ph_shelf_new(const ph_shelf_config *config, ph_shelf **out, ph_error *err)
{
	PH_ASSERT(config->fs != NULL && config->directory != NULL);
	ph_shelf *shelf = calloc(1, sizeof *shelf);
	char *directory = strdup(config->directory);
	if (shelf == NULL || directory == NULL) {
		free(shelf);
		free(directory);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a shelf");
	}
	shelf->fs = config->fs;
	shelf->directory = directory;
	shelf->queue = config->queue;
	shelf->file_entries =
	    config->file_entries == 0 ? PH_SHELF_FILE_ENTRIES : config->file_entries;
	shelf->next_serial = shelf->oldest_kept = 1;
	ph_status status = make_directory(shelf, err);
	if (status != PH_OK)
		ph_shelf_destroy(&shelf);
	else
		*out = shelf;
	return status;
}

void
ph_shelf_destroy(ph_shelf **shelf_p)
{
	ph_shelf *shelf = *shelf_p;
	*shelf_p = NULL;
	if (shelf == NULL)
		return;
	free(shelf->parts);
	free(shelf->gathered);
	free(shelf->ahead);
	free(shelf->directory);
	free(shelf);
}

/* ---- entries ---- */

static void
encode(const ph_shelf *shelf, uint64_t serial, uint32_t index,
    const ph_shelf_entry *entry, uint8_t *at)
{
	ph_shelf_entry_encode(shelf->queue, serial, index, entry, at);
}

static ph_status
decode(const ph_shelf *shelf, const part *from, uint32_t index, const uint8_t *at,
    ph_shelf_entry *out, ph_error *err)
{
	bool right =
	    ph_shelf_entry_decode(shelf->queue, from->serial, index, at, out) &&
	    out->number >= from->first && out->number <= from->last;
	if (right || PH_MUTANT("shelf-unchecked"))
		return PH_OK;
	return ph_fail(err, PH_ERR_DAMAGED,
	    "PH5320 entry %u of file %u-%" PRIu64 " of the shelf is not what was "
	    "written",
	    index, shelf->queue, from->serial);
}

/* ---- files ---- */

static void
path_of(const ph_shelf *shelf, uint64_t serial, const char *suffix, char *out)
{
	int length = snprintf(out, PATH_SIZE, "%s/%05u-%010" PRIu64 "%s",
	    shelf->directory, shelf->queue, serial, suffix);
	PH_ASSERT(length > 0 && length < PATH_SIZE);
}

static ph_status
failed_on(ph_error *err, int failed, const char *what, const char *path)
{
	if (failed == ENOSPC || failed == EDQUOT)
		return ph_fail(err, PH_ERR_FULL,
		    "PH5321 no room on the disk for what a queue keeps there (%s)",
		    path);
	return ph_fail_errno(err, failed, "cannot %s %s", what, path);
}

static ph_status
write_at(const ph_shelf *shelf, const part *to, uint32_t index, const uint8_t *bytes,
    size_t length, ph_error *err)
{
	char path[PATH_SIZE];
	const ph_fs *fs = shelf->fs;
	int64_t offset = (int64_t) index * ENTRY;
	path_of(shelf, to->serial, SUFFIX, path);
	/* What an earlier life left under this name has nothing to say. */
	int fd = fs->open(
	    fs->self, path, O_RDWR | O_CREAT | (to->written ? 0 : O_TRUNC), 0600);
	if (fd < 0)
		return failed_on(err, errno, "open", path);
	int failed = 0;
	while (length > 0 && failed == 0) {
		ssize_t wrote = fs->pwrite(fs->self, fd, bytes, length, offset);
		if (wrote <= 0) {
			failed = wrote == 0 ? ENOSPC : errno;
			failed = failed == EINTR ? 0 : failed;
			continue;
		}
		bytes += wrote;
		offset += wrote;
		length -= (size_t) wrote;
	}
	(void) fs->close(fs->self, fd);
	return failed == 0 ? PH_OK : failed_on(err, failed, "write", path);
}

static ph_status
open_part(const ph_shelf *shelf, const part *from, int *fd, ph_error *err)
{
	char path[PATH_SIZE];
	path_of(shelf, from->serial, SUFFIX, path);
	*fd = shelf->fs->open(shelf->fs->self, path, O_RDONLY, 0);
	return *fd >= 0 ? PH_OK : failed_on(err, errno, "open", path);
}

static ph_status
read_at(const ph_shelf *shelf, const part *from, int fd, uint32_t index, uint8_t *bytes,
    size_t length, ph_error *err)
{
	const ph_fs *fs = shelf->fs;
	int64_t offset = (int64_t) index * ENTRY;
	while (length > 0) {
		ssize_t got = fs->pread(fs->self, fd, bytes, length, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ph_fail_errno(err, errno,
			    "cannot read file %u-%" PRIu64 " of the shelf",
			    shelf->queue, from->serial);
		if (got == 0)
			return ph_fail(err, PH_ERR_DAMAGED,
			    "PH5320 file %u-%" PRIu64 " of the shelf is too short",
			    shelf->queue, from->serial);
		bytes += got;
		offset += got;
		length -= (size_t) got;
	}
	return PH_OK;
}

static void
unlink_serial(const ph_shelf *shelf, uint64_t serial)
{
	char path[PATH_SIZE];
	path_of(shelf, serial, SUFFIX, path);
	(void) shelf->fs->unlink(shelf->fs->self, path);
}

/* The oldest file that holds something, or the one that will. */
static uint64_t
oldest_used(const ph_shelf *shelf)
{
	return shelf->part_count > 0 ? shelf->parts[0].serial : shelf->next_serial;
}

/* Unlink what neither the shelf nor a checkpoint needs. */
static void
give_back(ph_shelf *shelf)
{
	uint64_t until = oldest_used(shelf);
	if (shelf->saving > 0 && shelf->saving < until)
		until = shelf->saving;
	if (shelf->newer > 0)
		until = shelf->older < until ? shelf->older : until;
	while (shelf->oldest_kept < until)
		unlink_serial(shelf, shelf->oldest_kept++);
}

/* ---- adding ---- */

static part *
last_part(const ph_shelf *shelf)
{
	return shelf->part_count == 0 ? NULL : &shelf->parts[shelf->part_count - 1];
}

/* Entries of the last part that are in its file. */
static uint32_t
in_file(const ph_shelf *shelf, const part *at)
{
	return at == last_part(shelf) ? at->count - shelf->gathered_count : at->count;
}

static ph_status
write_gathered(ph_shelf *shelf, ph_error *err)
{
	part *to = last_part(shelf);
	if (shelf->gathered_count == 0)
		return PH_OK;
	PH_ASSERT(to != NULL);
	ph_status status = write_at(shelf, to, in_file(shelf, to), shelf->gathered,
	    (size_t) shelf->gathered_count * ENTRY, err);
	if (status != PH_OK)
		return status;
	to->written = to->unsynced = true;
	shelf->gathered_count = 0;
	return PH_OK;
}

static bool
part_room(ph_shelf *shelf)
{
	if (shelf->part_count < shelf->part_capacity)
		return true;
	size_t capacity =
	    shelf->part_capacity == 0 ? PARTS_FIRST : shelf->part_capacity * 2;
	part *parts = realloc(shelf->parts, capacity * sizeof *parts);
	if (parts == NULL)
		return false;
	shelf->parts = parts;
	shelf->part_capacity = capacity;
	return true;
}

ph_status
ph_shelf_reserve(ph_shelf *shelf, ph_error *err)
{
	if (shelf->gathered == NULL)
		shelf->gathered = malloc((size_t) BATCH * ENTRY);
	if (shelf->ahead == NULL)
		shelf->ahead = malloc((size_t) BATCH * ENTRY);
	if (shelf->gathered == NULL || shelf->ahead == NULL || !part_room(shelf))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a shelf");
	const part *to = last_part(shelf);
	bool full = to != NULL && to->count == shelf->file_entries;
	return full || shelf->gathered_count == BATCH ? write_gathered(shelf, err)
						      : PH_OK;
}

void
ph_shelf_add(ph_shelf *shelf, const ph_shelf_entry *entry)
{
	part *to = last_part(shelf);
	PH_ASSERT(entry->number > shelf->last && entry->number <= U48_MOST);
	if (to == NULL || to->count == shelf->file_entries) {
		PH_ASSERT(shelf->part_count < shelf->part_capacity &&
			  shelf->gathered_count == 0);
		to = &shelf->parts[shelf->part_count++];
		*to = (part){.serial = shelf->next_serial++, .first = entry->number};
	}
	PH_ASSERT(shelf->gathered != NULL && shelf->gathered_count < BATCH);
	encode(shelf, to->serial, to->count++, entry,
	    shelf->gathered + (size_t) shelf->gathered_count++ * ENTRY);
	to->last = shelf->last = entry->number;
	shelf->count++;
}

uint64_t
ph_shelf_count(const ph_shelf *shelf)
{
	return shelf->count;
}

/* ---- taking ---- */

/* Make `ahead` hold the entry at the head, which is in its file. */
static ph_status
read_ahead(ph_shelf *shelf, ph_error *err)
{
	const part *from = &shelf->parts[0];
	uint32_t left = in_file(shelf, from) - shelf->head;
	uint32_t count = left < BATCH ? left : BATCH;
	int fd = -1;
	shelf->ahead_count = 0;
	if (shelf->ahead == NULL)
		shelf->ahead = malloc((size_t) BATCH * ENTRY);
	if (shelf->ahead == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a shelf");
	ph_status status = open_part(shelf, from, &fd, err);
	if (status != PH_OK)
		return status;
	status = read_at(
	    shelf, from, fd, shelf->head, shelf->ahead, (size_t) count * ENTRY, err);
	(void) shelf->fs->close(shelf->fs->self, fd);
	if (status == PH_OK) {
		shelf->ahead_at = shelf->head;
		shelf->ahead_count = count;
	}
	return status;
}

ph_status
ph_shelf_first(ph_shelf *shelf, ph_shelf_entry *out, ph_error *err)
{
	if (shelf->count == 0)
		return ph_fail(err, PH_ERR_NOT_FOUND, "the shelf is empty");
	const part *from = &shelf->parts[0];
	uint32_t in = in_file(shelf, from);
	if (shelf->head >= in)
		return decode(shelf, from, shelf->head,
		    shelf->gathered + (size_t) (shelf->head - in) * ENTRY, out, err);
	bool there = shelf->head >= shelf->ahead_at &&
		     shelf->head < shelf->ahead_at + shelf->ahead_count;
	ph_status status = there ? PH_OK : read_ahead(shelf, err);
	if (status != PH_OK)
		return status;
	return decode(shelf, from, shelf->head,
	    shelf->ahead + (size_t) (shelf->head - shelf->ahead_at) * ENTRY, out, err);
}

void
ph_shelf_drop(ph_shelf *shelf)
{
	PH_ASSERT(shelf->count > 0 && shelf->head < shelf->parts[0].count);
	shelf->count--;
	if (++shelf->head < shelf->parts[0].count)
		return;
	shelf->part_count--;
	memmove(shelf->parts, shelf->parts + 1, shelf->part_count * sizeof(part));
	shelf->head = 0;
	shelf->ahead_count = 0;
	if (shelf->count == 0) {
		shelf->gathered_count = 0;
		free(shelf->gathered);
		free(shelf->ahead);
		shelf->gathered = shelf->ahead = NULL;
	}
	give_back(shelf);
}

/* ---- finding ---- */

/* Where an entry is. */
typedef struct place {
	size_t part;
	uint32_t index;
} place;

static ph_status
entry_at(ph_shelf *shelf, place at, int *fd, ph_shelf_entry *out, ph_error *err)
{
	const part *from = &shelf->parts[at.part];
	uint32_t in = in_file(shelf, from);
	uint8_t bytes[ENTRY];
	if (at.index >= in)
		return decode(shelf, from, at.index,
		    shelf->gathered + (size_t) (at.index - in) * ENTRY, out, err);
	ph_status status = *fd >= 0 ? PH_OK : open_part(shelf, from, fd, err);
	if (status == PH_OK)
		status = read_at(shelf, from, *fd, at.index, bytes, ENTRY, err);
	return status == PH_OK ? decode(shelf, from, at.index, bytes, out, err)
			       : status;
}

/* About where a number is: just there if the queue takes every message. */
static uint32_t
guess(const part *in, uint64_t number, uint32_t low, uint32_t high)
{
	double share = number <= in->first ? 0
					   : (double) (number - in->first) /
						 (double) (in->last - in->first);
	uint32_t index = (uint32_t) (share * (in->count - 1) + 0.5);
	return index < low ? low : index > high ? high : index;
}

/* The first with that number or a greater one. */
static ph_status
look_up(ph_shelf *shelf, uint64_t number, place *at, ph_shelf_entry *out, ph_error *err)
{
	at->part = 0;
	while (at->part < shelf->part_count && shelf->parts[at->part].last < number)
		at->part++;
	if (at->part == shelf->part_count)
		return ph_fail(err, PH_ERR_NOT_FOUND, "it is not on the shelf");
	uint32_t low = at->part == 0 ? shelf->head : 0;
	uint32_t high = shelf->parts[at->part].count - 1;
	int fd = -1;
	at->index = guess(&shelf->parts[at->part], number, low, high);
	ph_status status = entry_at(shelf, *at, &fd, out, err);
	while (status == PH_OK && out->number != number && low < high) {
		if (out->number < number)
			low = at->index + 1;
		else
			high = at->index;
		at->index = low + (high - low) / 2;
		status = entry_at(shelf, *at, &fd, out, err);
	}
	if (fd >= 0)
		(void) shelf->fs->close(shelf->fs->self, fd);
	return status;
}

static ph_status
look_for(
    ph_shelf *shelf, uint64_t number, place *at, ph_shelf_entry *out, ph_error *err)
{
	ph_shelf_entry found = {.number = 0};
	/* What was taken is older than the first: mostly no more is asked. */
	ph_status status = number > shelf->last ? PH_ERR_NOT_FOUND
						: ph_shelf_first(shelf, &found, err);
	if (status == PH_OK && number >= found.number)
		status = look_up(shelf, number, at, &found, err);
	if (status == PH_OK && found.number != number)
		status = PH_ERR_NOT_FOUND;
	if (status == PH_ERR_NOT_FOUND)
		return ph_fail(err, PH_ERR_NOT_FOUND, "it is not on the shelf");
	if (status == PH_OK)
		*out = found;
	return status;
}

ph_status
ph_shelf_find(ph_shelf *shelf, uint64_t number, ph_shelf_entry *out, ph_error *err)
{
	place at;
	return look_for(shelf, number, &at, out, err);
}

ph_status
ph_shelf_next(ph_shelf *shelf, uint64_t after, ph_shelf_entry *out, ph_error *err)
{
	place at;
	if (shelf->count == 0 || after >= shelf->last)
		return ph_fail(err, PH_ERR_NOT_FOUND, "the shelf has no more");
	return look_up(shelf, after + 1, &at, out, err);
}

ph_status
ph_shelf_move(ph_shelf *shelf, uint64_t number, uint64_t offset, ph_error *err)
{
	place at;
	ph_shelf_entry entry;
	uint8_t bytes[ENTRY];
	ph_status status = look_for(shelf, number, &at, &entry, err);
	if (status != PH_OK)
		return status;
	part *in = &shelf->parts[at.part];
	uint32_t written = in_file(shelf, in);
	entry.offset = offset;
	encode(shelf, in->serial, at.index, &entry, bytes);
	if (at.index >= written) {
		memcpy(shelf->gathered + (size_t) (at.index - written) * ENTRY, bytes,
		    ENTRY);
		return PH_OK;
	}
	shelf->ahead_count = 0;
	in->unsynced = true;
	return write_at(shelf, in, at.index, bytes, ENTRY, err);
}

/* ---- checkpoints ---- */

ph_status
ph_shelf_save(ph_shelf *shelf, ph_buffer *section, ph_buffer *paths, ph_error *err)
{
	char path[PATH_SIZE];
	ph_status status = write_gathered(shelf, err);
	if (status != PH_OK)
		return status;
	shelf->saving = oldest_used(shelf);
	ph_buffer_u64(section, shelf->next_serial);
	ph_buffer_u64(section, shelf->oldest_kept);
	ph_buffer_u32(section, shelf->head);
	ph_buffer_u32(section, (uint32_t) shelf->part_count);
	for (size_t i = 0; i < shelf->part_count; i++) {
		part *at = &shelf->parts[i];
		ph_buffer_u64(section, at->serial);
		ph_buffer_u32(section, at->count);
		ph_buffer_u64(section, at->first);
		ph_buffer_u64(section, at->last);
		if (!at->unsynced)
			continue;
		path_of(shelf, at->serial, SUFFIX, path);
		ph_buffer_append(paths, path, strlen(path) + 1);
		at->unsynced = false;
	}
	if (section->failed || paths->failed)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to save a shelf");
	return PH_OK;
}

void
ph_shelf_saved(ph_shelf *shelf)
{
	PH_ASSERT(shelf->saving > 0);
	/* The first of this process: the one before it may be an earlier one's. */
	shelf->older = shelf->newer > 0 ? shelf->newer : shelf->oldest_kept;
	shelf->newer = shelf->saving;
	shelf->saving = 0;
	give_back(shelf);
}

bool
ph_shelf_saving(const ph_shelf *shelf)
{
	return shelf->saving > 0;
}

static ph_status
check_part(ph_shelf *shelf, size_t place_of, ph_error *err)
{
	const part *at = &shelf->parts[place_of];
	ph_shelf_entry entry;
	int fd = -1;
	ph_status status = entry_at(shelf, (place){place_of, 0}, &fd, &entry, err);
	bool whole = status == PH_OK && entry.number == at->first;
	if (status == PH_OK)
		status =
		    entry_at(shelf, (place){place_of, at->count - 1}, &fd, &entry, err);
	whole = whole && status == PH_OK && entry.number == at->last;
	if (fd >= 0)
		(void) shelf->fs->close(shelf->fs->self, fd);
	if (whole)
		return PH_OK;
	return ph_fail(err, PH_ERR_DAMAGED,
	    "PH5320 file %u-%" PRIu64 " of the shelf is not what was saved",
	    shelf->queue, at->serial);
}

static ph_status
load_part(ph_shelf *shelf, ph_reader *section, ph_error *err)
{
	part at = {.written = true};
	at.serial = ph_reader_u64(section);
	at.count = ph_reader_u32(section);
	at.first = ph_reader_u64(section);
	at.last = ph_reader_u64(section);
	if (section->failed || at.count == 0 || at.count > shelf->file_entries ||
	    at.serial >= shelf->next_serial || at.first <= shelf->last ||
	    at.last < at.first || at.last > U48_MOST)
		return ph_fail(
		    err, PH_ERR_DAMAGED, "PH5322 what was saved of a shelf cannot be");
	if (!part_room(shelf))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a shelf");
	shelf->parts[shelf->part_count++] = at;
	shelf->count += at.count;
	shelf->last = at.last;
	return PH_OK;
}

ph_status
ph_shelf_load(ph_shelf *shelf, ph_reader *section, ph_error *err)
{
	PH_ASSERT(shelf->count == 0 && shelf->last == 0);
	shelf->next_serial = ph_reader_u64(section);
	shelf->oldest_kept = ph_reader_u64(section);
	shelf->head = ph_reader_u32(section);
	uint32_t parts = ph_reader_u32(section);
	ph_status status = PH_OK;
	for (uint32_t i = 0; status == PH_OK && i < parts; i++)
		status = load_part(shelf, section, err);
	if (status == PH_OK &&
	    (section->failed || shelf->oldest_kept == 0 ||
		shelf->oldest_kept > oldest_used(shelf) ||
		shelf->head >= (parts > 0 ? shelf->parts[0].count : 1)))
		status = ph_fail(
		    err, PH_ERR_DAMAGED, "PH5322 what was saved of a shelf cannot be");
	if (status != PH_OK)
		return status;
	shelf->count -= shelf->head;
	shelf->newer = oldest_used(shelf);
	shelf->older = shelf->oldest_kept;
	for (size_t i = 0; status == PH_OK && i < shelf->part_count; i++)
		status = check_part(shelf, i, err);
	shelf->lost = status == PH_ERR_DAMAGED;
	return status;
}

bool
ph_shelf_lost(const ph_shelf *shelf, size_t nth, ph_shelf_range *out)
{
	if (!shelf->lost || nth >= shelf->part_count)
		return false;
	const part *at = &shelf->parts[nth];
	*out = (ph_shelf_range){.first = at->first,
	    .last = at->last,
	    .count = at->count - (nth == 0 ? shelf->head : 0)};
	return true;
}

void
ph_shelf_restart(ph_shelf *shelf)
{
	PH_ASSERT(shelf->lost && shelf->gathered_count == 0);
	shelf->lost = false;
	shelf->part_count = 0;
	shelf->count = shelf->last = 0;
	shelf->head = shelf->ahead_count = 0;
}

void
ph_shelf_condemn(ph_shelf *shelf)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	if (shelf->part_count == 0)
		return;
	path_of(shelf, shelf->parts[0].serial, SUFFIX, from);
	path_of(shelf, shelf->parts[0].serial, SUFFIX ".damaged", to);
	(void) shelf->fs->rename(shelf->fs->self, from, to);
}

bool
ph_shelf_keeps(const ph_shelf *shelf, uint64_t serial)
{
	return serial >= shelf->oldest_kept && serial < shelf->next_serial;
}
