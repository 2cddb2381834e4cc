/*
 * targets_store - what a process finds of an earlier one on the disk: a journal, a shelf, the window
 * of duplicates. Checksums are put right, so that what is behind them is reached too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/duplicate.h"
#include "broker/duplicate_ring.h"
#include "broker/journal.h"
#include "broker/journal_inspect.h"
#include "broker/record.h"
#include "broker/segment.h"
#include "broker/shelf.h"
#include "broker/shelf_entry.h"
#include "lib/base/assert.h"
#include "lib/base/crc32c.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/targets.h"

#define FILES_MOST   4 /* of one input */
#define RECORDS_MOST 64

/* ---- a journal ---- */

/* A record: its type, how far its sequence jumps, its lag, its length, its body. */
static void
put_record(ph_buffer *file, ph_reader *in, uint32_t salt, uint64_t *sequence)
{
	uint8_t head[PH_FRAME_HEAD];
	uint8_t padded[264] = {0};
	ph_frame frame = {.type = ph_reader_u8(in), .wall_ms = 1};
	int8_t jump = (int8_t) ph_reader_u8(in);
	frame.sequence = *sequence + (uint64_t) (int64_t) jump;
	if (jump < 0 && frame.sequence >= *sequence)
		frame.sequence = 1;
	frame.lag = ph_reader_u8(in);
	size_t most = ph_reader_u8(in), left = ph_reader_left(in);
	frame.length = (uint32_t) (most < left ? most : left);
	const uint8_t *body = ph_reader_bytes(in, frame.length);
	if (frame.length > 0)
		memcpy(padded, body, frame.length);
	size_t size = (size_t) ph_frame_size(frame.length) - PH_FRAME_HEAD;
	frame.body_crc = ph_frame_body_crc(salt, padded, size);
	ph_frame_encode(&frame, salt, head);
	ph_buffer_append(file, head, sizeof head);
	ph_buffer_append(file, padded, size);
	*sequence = frame.sequence + 1;
}

/* A file: numbers of its header, how many records, the records; then bytes as they are. */
static void
put_segment(ph_reader *in, uint32_t number, uint64_t *sequence)
{
	static const uint8_t id[PH_SEGMENT_ID] = {1};
	uint8_t head[PH_SEGMENT_HEAD];
	char name[PH_FUZZ_PATH], path[PH_FUZZ_PATH];
	ph_buffer file;
	ph_segment_head is = {.number = number, .bytes = PH_JOURNAL_SEGMENT_MIN};
	memcpy(is.id, id, sizeof id);
	is.number += ph_reader_u8(in);
	is.oldest = ph_reader_u8(in);
	*sequence += ph_reader_u8(in);
	is.first = *sequence;
	is.epoch = ph_reader_u8(in);
	unsigned records = ph_reader_u8(in) % RECORDS_MOST;
	size_t tail = ph_reader_u8(in);
	uint32_t salt = ph_segment_salt(id, number);
	ph_segment_head_encode(&is, head);
	ph_buffer_init(&file, 0);
	ph_buffer_append(&file, head, sizeof head);
	for (unsigned i = 0; i < records && ph_reader_left(in) > 0; i++)
		put_record(&file, in, salt, sequence);
	tail = tail < ph_reader_left(in) ? tail : ph_reader_left(in);
	ph_buffer_append(&file, ph_reader_bytes(in, tail), tail);
	(void) snprintf(name, sizeof name, "journal/%010u.segment", number);
	ph_fuzz_put(name, file.data, file.length);
	ph_buffer_fini(&file);
	PH_ASSERT(truncate(ph_fuzz_path(name, path), PH_JOURNAL_SEGMENT_MIN) == 0);
}

static void
inspect(const char *directory)
{
	ph_inspection *inspection = NULL;
	ph_inspected record;
	ph_error err = {.status = PH_OK};
	ph_status status =
	    ph_inspection_open(ph_fs_system(), directory, NULL, &inspection, &err);
	if (status != PH_OK) {
		PH_ASSERT(err.text[0] != '\0');
		return;
	}
	uint64_t last = 0;
	ph_inspection_start(inspection, 0);
	while ((status = ph_inspection_next(inspection, &record, &err)) == PH_OK) {
		PH_ASSERT(record.frame.sequence > last);
		last = record.frame.sequence;
	}
	PH_ASSERT(status == PH_ERR_AGAIN && last <= ph_inspection_last(inspection));
	PH_ASSERT(ph_journal_end_name(ph_inspection_end(inspection)) != NULL);
	ph_inspection_close(&inspection);
}

/* How many records a reader finds; those of damaged ranges are passed over. */
static unsigned
count_records(ph_store *store)
{
	ph_store_reader *reader = NULL;
	ph_store_record record;
	ph_error err = {.status = PH_OK};
	unsigned count = 0;
	uint64_t last = 0;
	ph_status status =
	    ph_store_reader_new(store, (ph_position){0, 0}, 0, &reader, &err);
	PH_ASSERT(status == PH_OK);
	while ((status = ph_store_reader_next(reader, &record, &err)) == PH_OK) {
		PH_ASSERT(record.sequence > last);
		last = record.sequence;
		count++;
	}
	PH_ASSERT(status == PH_ERR_AGAIN);
	ph_store_reader_destroy(&reader);
	return count;
}

static ph_store *
open_journal(const char *directory, bool past_damage, ph_journal_report *report)
{
	ph_journal_config config = {.directory = directory,
	    .segment_bytes = PH_JOURNAL_SEGMENT_MIN,
	    .past_damage = past_damage};
	ph_store *store = NULL;
	ph_error err = {.status = PH_OK};
	if (ph_journal_open(&config, &store, report, &err) == PH_OK)
		return store;
	PH_ASSERT(err.text[0] != '\0');
	return NULL;
}

/* Open it, write a record and close it: the next open finds it clean, and one record more. */
static void
live_with(const char *directory, bool past_damage)
{
	ph_journal_report report;
	ph_position position;
	const ph_store_part part = {"12345678", 8};
	ph_error err = {.status = PH_OK};
	ph_store *store = open_journal(directory, past_damage, &report);
	if (store == NULL)
		return;
	unsigned count = count_records(store);
	ph_status status = ph_store_submit(
	    store, PH_RECORD_QUEUE, PH_STORE_NEW, &part, 1, &position, &err);
	if (status == PH_OK)
		status = ph_store_flush(store, NULL, &err);
	PH_ASSERT(status == PH_OK);
	status = ph_store_close(&store, &err);
	PH_ASSERT(status == PH_OK);
	store = open_journal(directory, past_damage, &report);
	PH_ASSERT(store != NULL && !report.torn && report.rewritten == 0);
	PH_ASSERT(count_records(store) == count + 1);
	status = ph_store_close(&store, &err);
	PH_ASSERT(status == PH_OK);
}

/* First a byte, odd to go on past damage; then files. */
void
ph_target_journal(const uint8_t *bytes, size_t length)
{
	char path[PH_FUZZ_PATH];
	ph_reader in;
	uint64_t sequence = 1;
	ph_fuzz_remove("journal");
	ph_fuzz_make("journal");
	ph_reader_init(&in, bytes, length);
	bool past_damage = (ph_reader_u8(&in) & 1) != 0;
	for (uint32_t i = 1; i <= FILES_MOST && ph_reader_left(&in) > 0; i++)
		put_segment(&in, i, &sequence);
	inspect(ph_fuzz_path("journal", path));
	live_with(path, past_damage);
	inspect(path);
}

/* ---- a shelf ---- */

/* Entries of file 1: how far the number jumps, its key, its place in the journal. */
static void
put_entries(ph_reader *in, uint8_t count)
{
	ph_buffer file;
	uint64_t number = 0;
	ph_buffer_init(&file, 0);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t bytes[PH_SHELF_ENTRY];
		ph_shelf_entry entry = {.accepted_ms = 1};
		number += (uint64_t) (int64_t) (int8_t) ph_reader_u8(in);
		entry.number = number & 0xffff;
		entry.key = ph_reader_u8(in);
		entry.offset = ph_reader_u8(in);
		ph_shelf_entry_encode(7, 1, i, &entry, bytes);
		ph_buffer_append(&file, bytes, sizeof bytes);
	}
	ph_fuzz_put("shelf/00007-0000000001.shelf", file.data, file.length);
	ph_buffer_fini(&file);
}

static void
take_all(ph_shelf *shelf)
{
	ph_shelf_entry entry;
	ph_error err = {.status = PH_OK};
	uint64_t after = 0;
	for (uint64_t n = ph_shelf_count(shelf); n > 0; n--) {
		if (ph_shelf_next(shelf, after, &entry, &err) != PH_OK)
			break;
		PH_ASSERT(entry.number > after);
		after = entry.number;
		(void) ph_shelf_find(shelf, after + 1, &entry, &err);
		(void) ph_shelf_move(shelf, after, 9, &err);
	}
	while (
	    ph_shelf_count(shelf) > 0 && ph_shelf_first(shelf, &entry, &err) == PH_OK)
		ph_shelf_drop(shelf);
}

/* How many entries, the entries, then what a checkpoint says of the shelf. */
void
ph_target_shelf(const uint8_t *bytes, size_t length)
{
	char path[PH_FUZZ_PATH];
	ph_reader in;
	ph_shelf *shelf = NULL;
	ph_error err = {.status = PH_OK};
	ph_reader_init(&in, bytes, length);
	ph_fuzz_make("shelf");
	put_entries(&in, ph_reader_u8(&in));
	ph_shelf_config config = {.fs = ph_fs_system(),
	    .directory = ph_fuzz_path("shelf", path),
	    .queue = 7,
	    .file_entries = 300};
	ph_status status = ph_shelf_new(&config, &shelf, &err);
	PH_ASSERT(status == PH_OK);
	if (!in.failed && ph_shelf_load(shelf, &in, &err) == PH_OK)
		take_all(shelf);
	ph_shelf_destroy(&shelf);
}

/* ---- the window of duplicates ---- */

/* A ring's file with the id of zeros: how far an entry's acceptance jumps, and its fingerprint. */
static void
put_ring(ph_reader *in, unsigned count)
{
	static const uint8_t mark[] = {
	    'P', 'H', 'D', 'U', 'P', 'L', 0x0d, 0x0a, 1, 0, 0, 0, PH_DUPLICATE_ENTRY};
	uint8_t head[PH_DUPLICATE_HEAD] = {0};
	uint64_t acceptance = 0;
	ph_buffer file;
	memcpy(head, mark, sizeof mark);
	ph_buffer_init(&file, 0);
	ph_buffer_append(&file, head, sizeof head - 4);
	ph_buffer_u32(&file, ph_crc32c(0, head, sizeof head - 4));
	uint32_t salt = ph_crc32c(0, head + 16, PH_DUPLICATE_ID);
	for (unsigned i = 0; i < count; i++) {
		uint8_t entry[2 * PH_FINGERPRINT] = {0};
		size_t at = file.length;
		acceptance += (uint64_t) (int64_t) (int8_t) ph_reader_u8(in);
		entry[0] = entry[PH_FINGERPRINT] = ph_reader_u8(in);
		ph_buffer_append(&file, entry, sizeof entry);
		ph_buffer_u64(&file, acceptance);
		ph_buffer_u32(&file, ph_crc32c(salt, file.data + at, 40));
		ph_buffer_u32(&file, 0);
	}
	ph_fuzz_put("window/duplicates.ring", file.data, file.length);
	ph_buffer_fini(&file);
}

/* What was loaded is looked for, and the window goes on. */
static void
use_window(ph_duplicates *window, uint64_t newest)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	ph_error err = {.status = PH_OK};
	uint64_t acceptance = 0;
	ph_status status;
	for (uint64_t nth = 0; (status = ph_duplicates_entry(window, nth, id, content,
				    &acceptance, &err)) != PH_ERR_NOT_FOUND;
	     nth++)
		if (status == PH_OK)
			(void) ph_duplicates_look(window, id, content, &acceptance);
	memset(id, 0xee, sizeof id);
	if (newest < UINT64_MAX)
		ph_duplicates_add(window, id, id, newest + 1);
	(void) ph_duplicates_flush(window, &err);
}

/* How many entries, the entries, then places of the cycle, the oldest, how many, and the newest. */
void
ph_target_window(const uint8_t *bytes, size_t length)
{
	char path[PH_FUZZ_PATH];
	static const uint8_t id[PH_DUPLICATE_ID];
	ph_reader in;
	ph_buffer saved;
	ph_duplicates *window = NULL;
	ph_duplicates_loaded found;
	ph_error err = {.status = PH_OK};
	ph_reader_init(&in, bytes, length);
	ph_fuzz_make("window");
	put_ring(&in, ph_reader_u8(&in));
	ph_buffer_init(&saved, 0);
	ph_buffer_append(&saved, id, sizeof id);
	for (unsigned i = 0; i < 3; i++)
		ph_buffer_u64(&saved, ph_reader_u16(&in));
	uint64_t newest = ph_reader_u64(&in);
	ph_buffer_u64(&saved, newest);
	ph_status status = ph_duplicates_new(100, &window, &err);
	PH_ASSERT(status == PH_OK);
	if (ph_duplicates_load(window, ph_fs_system(), ph_fuzz_path("window", path),
		saved.data, saved.length, &found, &err) == PH_OK)
		use_window(window, newest);
	ph_duplicates_destroy(&window);
	ph_buffer_fini(&saved);
}
