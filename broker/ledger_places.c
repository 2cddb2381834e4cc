/*
 * Places after a crash: the store may have written its last records again, elsewhere. Sequences
 * never change, so each place kept here can be compared with where the record is now.
 */
#include "broker/ledger_part.h"

#include <stdio.h>

#include "broker/destination.h"

/* The first record behind `after`, looked for from `from`. */
static ph_status
record_behind(ph_store *store, ph_position from, uint64_t after,
    ph_store_reader **reader, ph_store_record *record, ph_error *err)
{
	ph_status status = ph_store_reader_new(store, from, after, reader, err);
	return status == PH_OK ? ph_store_reader_next(*reader, record, err) : status;
}

/* The place `back` from the newest; false: there are not as many. */
static ph_status
place_back(ph_ledger_file *file, uint64_t back, bool *found, uint64_t *acceptance,
    uint64_t *sequence, ph_position *position, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_PLACE_BACK];
	ph_ledger_bind_number(statement, 1, back);
	int code = sqlite3_step(statement);
	*found = code == SQLITE_ROW;
	if (*found) {
		*acceptance = (uint64_t) sqlite3_column_int64(statement, 0);
		*sequence = (uint64_t) sqlite3_column_int64(statement, 1);
		position->offset = (uint64_t) sqlite3_column_int64(statement, 2);
	}
	ph_status status =
	    code == SQLITE_ROW || code == SQLITE_DONE
		? PH_OK
		: ph_ledger_sql_fail(file, code, "cannot read a place", err);
	sqlite3_reset(statement);
	return status;
}

/* Is the acceptance that the file knows as `sequence` that record of the journal, and where? */
static ph_status
find_place(ph_ledger_file *file, ph_store *store, uint64_t acceptance,
    uint64_t sequence, ph_position known_position, ph_position *position, ph_error *err)
{
	ph_store_reader *reader = NULL;
	ph_store_record record;
	ph_record_accept accept = {.acceptance = 0};
	ph_status status =
	    record_behind(store, known_position, sequence - 1, &reader, &record, err);
	bool same = status == PH_OK && record.sequence == sequence &&
		    ph_record_accept_read(record.type, record.body, record.length,
			&accept, NULL) == PH_OK &&
		    accept.acceptance == acceptance;
	if (same)
		*position = record.position;
	ph_store_reader_destroy(&reader);
	if (same)
		return PH_OK;
	/* What has been trimmed was durable long ago, and has not moved; nor has what is damaged. */
	if (status == PH_ERR_NOT_FOUND || ph_store_lost(store, sequence)) {
		*position = known_position;
		return PH_OK;
	}
	return ph_fail_at(err, PH_ERR_DAMAGED, file->path,
	    "it was made from another journal: record %llu is not acceptance %llu",
	    (unsigned long long) sequence, (unsigned long long) acceptance);
}

static ph_status
move_place(ph_ledger_file *file, ph_sql statement, uint64_t acceptance,
    const ph_store_record *record, ph_error *err)
{
	sqlite3_stmt *prepared = file->statements[statement];
	ph_ledger_bind_number(prepared, 1, acceptance);
	ph_ledger_bind_number(prepared, 2, record->sequence);
	ph_ledger_bind_number(prepared, 3, record->position.offset);
	return ph_ledger_sql_run(file, statement, err);
}

/* Note down where every acceptance behind `after` is now. */
static ph_status
move_places(ph_ledger_file *file, ph_store *store, ph_position from, uint64_t after,
    ph_error *err)
{
	ph_store_reader *reader = NULL;
	ph_status status = ph_store_reader_new(store, from, after, &reader, err);
	if (status == PH_ERR_NOT_FOUND) /* trimmed: all that is left comes behind it */
		status =
		    ph_store_reader_new(store, (ph_position){0}, after, &reader, err);
	while (status == PH_OK) {
		ph_store_record record;
		ph_record_accept accept;
		status = ph_store_reader_next(reader, &record, err);
		if (status != PH_OK || record.sequence > file->sequence)
			break;
		if (ph_record_accept_read(record.type, record.body, record.length,
			&accept, NULL) != PH_OK)
			continue;
		status = move_place(
		    file, PH_SQL_MESSAGE_MOVE, accept.acceptance, &record, err);
		if (status == PH_OK && accept.acceptance % PH_LEDGER_PLACE_EVERY == 0)
			status = move_place(
			    file, PH_SQL_PLACE_MOVE, accept.acceptance, &record, err);
	}
	ph_store_reader_destroy(&reader);
	return status == PH_ERR_AGAIN ? PH_OK : status;
}

/* The last record folded must be in the journal; it may have moved too. */
static ph_status
settle_last(ph_ledger_file *file, ph_store *store, ph_error *err)
{
	ph_store_reader *reader = NULL;
	ph_store_record record;
	ph_status status = ph_store_last(store) < file->sequence
			       ? PH_ERR_CONFLICT
			       : record_behind(store, file->position,
				     file->sequence - 1, &reader, &record, err);
	if (status == PH_OK && record.sequence != file->sequence)
		status = PH_ERR_CONFLICT;
	ph_store_reader_destroy(&reader);
	/* in a range that is gone past: it was there, and it has not moved */
	if (status != PH_OK && ph_store_lost(store, file->sequence))
		return PH_OK;
	if (status == PH_ERR_CONFLICT || status == PH_ERR_AGAIN)
		return ph_fail_at(err, PH_ERR_DAMAGED, file->path,
		    "it has seen record %llu, which the journal does not have",
		    (unsigned long long) file->sequence);
	if (status != PH_OK || record.position.offset == file->position.offset)
		return status;
	file->position = record.position;
	return ph_ledger_write_position(file, file->position, file->sequence, err);
}

/* Look back in growing steps for a place that is still right; *from, *after say where it is. */
static ph_status
last_right_place(ph_ledger_file *file, ph_store *store, ph_position *from,
    uint64_t *after, bool *moved, ph_error *err)
{
	*moved = false;
	for (uint64_t back = 0;; back = back * 2 + 1) {
		bool found = false;
		uint64_t acceptance = 0, sequence = 0;
		ph_position is = {0}, was = {0};
		ph_status status =
		    place_back(file, back, &found, &acceptance, &sequence, &was, err);
		if (status != PH_OK)
			return status;
		*from = was;
		*after = found ? sequence : 0;
		if (!found)
			return PH_OK;
		status = find_place(file, store, acceptance, sequence, was, &is, err);
		if (status != PH_OK || is.offset == was.offset)
			return status;
		*moved = true;
	}
}

ph_status
ph_ledger_settle_places(ph_ledger_file *file, ph_store *store, ph_error *err)
{
	if (file->sequence == 0)
		return PH_OK;
	ph_position from = {0};
	uint64_t after = 0;
	bool moved = false;
	ph_status status = settle_last(file, store, err);
	if (status == PH_OK)
		status = last_right_place(file, store, &from, &after, &moved, err);
	if (status != PH_OK || !moved)
		return status;
	status = ph_ledger_sql_run(file, PH_SQL_BEGIN, err);
	if (status == PH_OK)
		status = move_places(file, store, from, after, err);
	if (status == PH_OK)
		status = ph_ledger_sql_run(file, PH_SQL_COMMIT, err);
	else
		ph_ledger_take_back(file);
	return status;
}

bool
ph_ledger_begins_late(ph_store *store, char *text, size_t size)
{
	ph_store_reader *reader = NULL;
	ph_store_record record;
	ph_record_queue queue = {.number = 0};
	ph_status status =
	    record_behind(store, (ph_position){.offset = 0}, 0, &reader, &record, NULL);
	/* One that was never trimmed begins with the name of the first queue. */
	bool late = status == PH_OK && (record.type != PH_RECORD_QUEUE ||
					   ph_record_queue_decode(record.body,
					       record.length, &queue, NULL) != PH_OK ||
					   queue.number != PH_QUEUE_INBOUND);
	if (late)
		(void) snprintf(text, size, "what came before record %llu is not known",
		    (unsigned long long) record.sequence);
	ph_store_reader_destroy(&reader);
	return late;
}
