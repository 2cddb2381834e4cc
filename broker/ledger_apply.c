/*
 * Folding: one record in, a few rows out, and nothing that depends on anything but the records, so
 * that folding the same journal again gives the same rows. Times are those inside the records.
 *
 * A message without a subject costs one look at its attributes; with one, a row of `message`, and
 * a row of `event` for each thing that happens to it. Dead letters have a row in any case.
 */
#include "broker/ledger_part.h"

#include <string.h>

#include "lib/base/assert.h"
#include <packhorse/message.h>

/* --- binding values --- */

static void
bind_view(sqlite3_stmt *statement, int at, ph_view view)
{
	sqlite3_bind_text(statement, at, view.data != NULL ? view.data : "",
	    (int) view.length, SQLITE_STATIC);
}

static ph_status
insert(ph_ledger_file *file, ph_sql statement, ph_error *err)
{
	file->rows++;
	return ph_ledger_sql_run(file, statement, err);
}

static ph_status
set_meta(ph_ledger_file *file, const char *name, uint64_t value, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_SET_META];
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	ph_ledger_bind_number(statement, 2, value);
	return ph_ledger_sql_run(file, PH_SQL_SET_META, err);
}

ph_status
ph_ledger_write_position(
    ph_ledger_file *file, ph_position position, uint64_t sequence, ph_error *err)
{
	ph_status status = set_meta(file, "partition", position.partition, err);
	if (status == PH_OK)
		status = set_meta(file, "offset", position.offset, err);
	if (status == PH_OK)
		status = set_meta(file, "sequence", sequence, err);
	return status;
}

/* --- words --- */

static ph_status
word_in_file(ph_ledger_file *file, ph_view text, int64_t *out, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_WORD_FIND];
	bind_view(statement, 1, text);
	int code = sqlite3_step(statement);
	*out = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	ph_status status =
	    code == SQLITE_ROW || code == SQLITE_DONE
		? PH_OK
		: ph_ledger_sql_fail(file, code, "cannot look up a word", err);
	sqlite3_reset(statement);
	if (status != PH_OK || *out != 0)
		return status;
	bind_view(file->statements[PH_SQL_WORD_ADD], 1, text);
	status = insert(file, PH_SQL_WORD_ADD, err);
	*out = sqlite3_last_insert_rowid(file->db);
	return status;
}

static ph_status
word_number(ph_ledger_file *file, ph_view text, int64_t *out, ph_error *err)
{
	ph_ledger_word *word = NULL;
	for (size_t i = 0; i < PH_LEDGER_WORDS; i++) {
		word = &file->words[i];
		if (word->number != 0 && strlen(word->text) == text.length &&
		    memcmp(word->text, text.data, text.length) == 0) {
			*out = word->number;
			return PH_OK;
		}
	}
	ph_status status = word_in_file(file, text, out, err);
	if (status != PH_OK || text.length == 0 || text.length >= sizeof word->text)
		return status;
	word = &file->words[file->next_word++ % PH_LEDGER_WORDS];
	memcpy(word->text, text.data, text.length);
	word->text[text.length] = '\0';
	word->number = *out;
	return PH_OK;
}

/* --- rows --- */

/* What is known of the message of a delivery. */
typedef struct known {
	bool listed; /* it has a row and a subject */
	char subject[PH_MESSAGE_VALUE_MAX + 1];
	int64_t accepted_ms;
} known;

static ph_status
look_up(ph_ledger_file *file, uint64_t acceptance, known *out, ph_error *err)
{
	out->listed = false;
	out->accepted_ms = 0;
	out->subject[0] = '\0';
	if (ph_ledger_is_plain(&file->plain, acceptance))
		return PH_OK;
	sqlite3_stmt *statement = file->statements[PH_SQL_MESSAGE_SUBJECT];
	ph_ledger_bind_number(statement, 1, acceptance);
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		const unsigned char *subject = sqlite3_column_text(statement, 0);
		int length = sqlite3_column_bytes(statement, 0);
		out->listed = subject != NULL;
		if (subject != NULL && (size_t) length < sizeof out->subject)
			memcpy(out->subject, subject, (size_t) length + 1);
		out->accepted_ms = sqlite3_column_int64(statement, 1);
	}
	ph_status status =
	    code == SQLITE_ROW || code == SQLITE_DONE
		? PH_OK
		: ph_ledger_sql_fail(file, code, "cannot look up a message", err);
	sqlite3_reset(statement);
	return status;
}

/* Is the key bound to something else? */
static ph_status
count_conflict(ph_ledger_file *file, const ph_record_binding *binding,
    ph_view canonical, ph_ledger_batch *batch, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_XREF_GET];
	bind_view(statement, 1, binding->entity);
	bind_view(statement, 2, binding->system);
	bind_view(statement, 3, binding->key);
	int code = sqlite3_step(statement);
	ph_status status = PH_OK;
	if (code == SQLITE_ROW) {
		const void *text = sqlite3_column_text(statement, 0);
		size_t length = (size_t) sqlite3_column_bytes(statement, 0);
		if (length != canonical.length || text == NULL ||
		    memcmp(text, canonical.data, length) != 0)
			batch->conflicts++;
	} else {
		status = ph_ledger_sql_fail(file, code, "cannot read a reference", err);
	}
	sqlite3_reset(statement);
	return status;
}

static ph_view
tail_of(ph_view key)
{
	for (size_t i = key.length; i > 0; i--)
		if (key.data[i - 1] == '/')
			return (ph_view){key.data + i, key.length - i};
	return (ph_view){0};
}

static ph_status
add_binding(ph_ledger_file *file, const ph_record_binding *binding, ph_view subject,
    int64_t at_ms, uint64_t sequence, ph_ledger_batch *batch, ph_error *err)
{
	ph_view canonical =
	    binding->canonical.length > 0 ? binding->canonical : subject;
	if (canonical.length == 0 || binding->key.length == 0)
		return PH_OK;
	sqlite3_stmt *statement = file->statements[PH_SQL_XREF_ADD];
	bind_view(statement, 1, binding->entity);
	bind_view(statement, 2, binding->system);
	bind_view(statement, 3, binding->key);
	bind_view(statement, 4, canonical);
	ph_view tail = tail_of(binding->key);
	if (tail.length > 0)
		bind_view(statement, 5, tail);
	else
		sqlite3_bind_null(statement, 5);
	sqlite3_bind_int64(statement, 6, at_ms);
	ph_ledger_bind_number(statement, 7, sequence);
	ph_status status = insert(file, PH_SQL_XREF_ADD, err);
	if (status == PH_OK && sqlite3_changes(file->db) == 0)
		status = count_conflict(file, binding, canonical, batch, err);
	return status;
}

static ph_status
add_bindings(ph_ledger_file *file, const ph_record_bindings *bindings, ph_view subject,
    int64_t at_ms, uint64_t sequence, ph_ledger_batch *batch, ph_error *err)
{
	ph_status status = PH_OK;
	for (size_t i = 0; i < bindings->count && status == PH_OK; i++)
		status = add_binding(
		    file, &bindings->list[i], subject, at_ms, sequence, batch, err);
	return status;
}

/* One row of `event`. */
typedef struct event_row {
	uint64_t acceptance, sequence;
	uint8_t kind; /* ph_record_type */
	uint16_t queue, attempt;
	uint8_t outcome, state;
	int64_t at_ms, took_ms;
	ph_view reference, detail;
} event_row;

static ph_status
add_event(ph_ledger_file *file, const event_row *row, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_EVENT_ADD];
	ph_ledger_bind_number(statement, 1, row->acceptance);
	ph_ledger_bind_number(statement, 2, row->sequence);
	sqlite3_bind_int(statement, 3, row->kind);
	sqlite3_bind_int(statement, 4, row->queue);
	sqlite3_bind_int(statement, 5, row->attempt);
	sqlite3_bind_int(statement, 6, row->outcome);
	sqlite3_bind_int(statement, 7, row->state);
	sqlite3_bind_int64(statement, 8, row->at_ms);
	sqlite3_bind_int64(statement, 9, row->took_ms);
	bind_view(statement, 10, row->reference);
	bind_view(statement, 11, row->detail);
	return insert(file, PH_SQL_EVENT_ADD, err);
}

static ph_status
add_dead(ph_ledger_file *file, uint16_t queue, uint64_t acceptance, uint16_t attempts,
    int64_t at_ms, const ph_record_failure *failure, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_DEAD_PUT];
	sqlite3_bind_int(statement, 1, queue);
	ph_ledger_bind_number(statement, 2, acceptance);
	sqlite3_bind_int(statement, 3, attempts);
	sqlite3_bind_int64(statement, 4, at_ms);
	bind_view(statement, 5, failure->stage);
	bind_view(statement, 6, failure->reason);
	bind_view(statement, 7, failure->path);
	bind_view(statement, 8, failure->text);
	return insert(file, PH_SQL_DEAD_PUT, err);
}

/* "unknown-code: PH2104 ..." */
static ph_view
failure_words(ph_ledger_file *file, bool has, const ph_record_failure *failure)
{
	if (!has)
		return (ph_view){0};
	ph_buffer *out = &file->scratch;
	ph_buffer_clear(out);
	ph_buffer_append(out, failure->reason.data, failure->reason.length);
	if (failure->reason.length > 0 && failure->text.length > 0)
		ph_buffer_text(out, ": ");
	ph_buffer_append(out, failure->text.data, failure->text.length);
	return (ph_view){(const char *) out->data, out->length};
}

/* --- records --- */

/* A body that cannot be decoded is passed over (PH_ERR_INVALID); damage is the file's alone. */
static ph_status
bad_body(ph_status status)
{
	return status == PH_ERR_DAMAGED || status == PH_ERR_VERSION ? PH_ERR_INVALID
								    : status;
}

/* One record being folded. */
typedef struct fold {
	ph_ledger_file *file;
	const ph_store_record *record;
	ph_ledger_batch *batch;
} fold;

static ph_status
add_message(const fold *f, const ph_record_accept *accept,
    const ph_ledger_attributes *found, ph_error *err)
{
	int64_t source = 0, type = 0;
	ph_status status = word_number(f->file, found->source, &source, err);
	if (status == PH_OK)
		status = word_number(f->file, found->type, &type, err);
	if (status != PH_OK)
		return status;
	sqlite3_stmt *statement = f->file->statements[PH_SQL_MESSAGE_ADD];
	ph_ledger_bind_number(statement, 1, accept->acceptance);
	ph_ledger_bind_number(statement, 2, f->record->sequence);
	ph_ledger_bind_number(statement, 3, f->record->position.offset);
	sqlite3_bind_int64(statement, 4, accept->accepted_ms);
	bind_view(statement, 5, found->id);
	sqlite3_bind_int64(statement, 6, source);
	sqlite3_bind_int64(statement, 7, type);
	if (found->subject.length > 0)
		bind_view(statement, 8, found->subject);
	else
		sqlite3_bind_null(statement, 8);
	if (found->extensions.length > 0)
		bind_view(statement, 9, found->extensions);
	else
		sqlite3_bind_null(statement, 9);
	return insert(f->file, PH_SQL_MESSAGE_ADD, err);
}

static ph_status
add_place(const fold *f, uint64_t acceptance, ph_error *err)
{
	sqlite3_stmt *statement = f->file->statements[PH_SQL_PLACE_ADD];
	ph_ledger_bind_number(statement, 1, acceptance);
	ph_ledger_bind_number(statement, 2, f->record->sequence);
	ph_ledger_bind_number(statement, 3, f->record->position.offset);
	return insert(f->file, PH_SQL_PLACE_ADD, err);
}

static ph_status
add_refused(const fold *f, const ph_record_accept *accept, bool listed, ph_error *err)
{
	ph_status status = PH_OK;
	for (size_t i = 0; i < accept->queue_count && status == PH_OK; i++)
		status = add_dead(f->file, accept->queues[i], accept->acceptance, 0,
		    accept->accepted_ms, &accept->failure, err);
	if (status != PH_OK || !listed || accept->queue_count == 0)
		return status;
	event_row row = {
	    .acceptance = accept->acceptance,
	    .sequence = f->record->sequence,
	    .kind = PH_RECORD_ACCEPT,
	    .queue = accept->queues[0],
	    .outcome = 4,
	    .state = PH_RECORD_DEAD,
	    .at_ms = accept->accepted_ms,
	    .took_ms = -1,
	    .detail = failure_words(f->file, true, &accept->failure),
	};
	return add_event(f->file, &row, err);
}

static ph_status
fold_accept(const fold *f, ph_error *err)
{
	ph_record_accept accept;
	ph_status status =
	    ph_record_accept_decode(f->record->body, f->record->length, &accept, err);
	if (status != PH_OK)
		return bad_body(status);
	ph_ledger_attributes found;
	if (!ph_ledger_attributes_read(accept.message, &found, NULL))
		return ph_fail(
		    err, PH_ERR_INVALID, "a message's attributes run past its end");
	bool plain = found.subject.length == 0 && !accept.has_failure;
	ph_ledger_plain_note(&f->file->plain, accept.acceptance, plain);
	if (!plain) {
		ph_buffer *extensions = &f->file->scratch;
		ph_buffer_clear(extensions);
		(void) ph_ledger_attributes_read(accept.message, &found, extensions);
		if (extensions->length > 0)
			ph_buffer_u8(extensions, '}');
		if (extensions->failed)
			return ph_fail(err, PH_ERR_NOMEM, "no memory for attributes");
		found.extensions.data = (const char *) extensions->data;
		found.extensions.length = extensions->length;
		status = add_message(f, &accept, &found, err);
	}
	if (status == PH_OK && accept.acceptance % PH_LEDGER_PLACE_EVERY == 0)
		status = add_place(f, accept.acceptance, err);
	if (status == PH_OK)
		status = add_bindings(f->file, &accept.bindings, found.subject,
		    accept.accepted_ms, f->record->sequence, f->batch, err);
	if (status == PH_OK && accept.has_failure)
		status = add_refused(f, &accept, found.subject.length > 0, err);
	return status;
}

/* When the delivery under way was handed out; else when its message was accepted. */
static ph_status
started_at(ph_ledger_file *file, uint64_t acceptance, uint16_t queue,
    int64_t accepted_ms, int64_t *out, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_ATTEMPT_GET];
	ph_ledger_bind_number(statement, 1, acceptance);
	sqlite3_bind_int(statement, 2, queue);
	int code = sqlite3_step(statement);
	*out = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : accepted_ms;
	ph_status status =
	    code == SQLITE_ROW || code == SQLITE_DONE
		? PH_OK
		: ph_ledger_sql_fail(file, code, "cannot look up an attempt", err);
	sqlite3_reset(statement);
	return status;
}

static ph_status
drop_attempt(ph_ledger_file *file, uint64_t acceptance, uint16_t queue, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_ATTEMPT_DROP];
	ph_ledger_bind_number(statement, 1, acceptance);
	sqlite3_bind_int(statement, 2, queue);
	return ph_ledger_sql_run(file, PH_SQL_ATTEMPT_DROP, err);
}

static ph_status
add_outcome_event(
    const fold *f, const ph_record_outcome *outcome, int64_t accepted_ms, ph_error *err)
{
	int64_t started = 0;
	ph_status status = started_at(
	    f->file, outcome->acceptance, outcome->queue, accepted_ms, &started, err);
	if (status != PH_OK)
		return status;
	event_row row = {
	    .acceptance = outcome->acceptance,
	    .sequence = f->record->sequence,
	    .kind = PH_RECORD_OUTCOME,
	    .queue = outcome->queue,
	    .attempt = outcome->attempt,
	    .outcome = outcome->outcome,
	    .state = outcome->state,
	    .at_ms = outcome->at_ms,
	    .took_ms = outcome->at_ms >= started ? outcome->at_ms - started : 0,
	    .reference = outcome->reference,
	    .detail = failure_words(f->file, outcome->has_failure, &outcome->failure),
	};
	status = add_event(f->file, &row, err);
	if (status == PH_OK)
		status =
		    drop_attempt(f->file, outcome->acceptance, outcome->queue, err);
	return status;
}

static ph_status
fold_outcome(const fold *f, ph_error *err)
{
	ph_record_outcome outcome;
	known message;
	ph_status status =
	    ph_record_outcome_decode(f->record->body, f->record->length, &outcome, err);
	if (status != PH_OK)
		return bad_body(status);
	status = look_up(f->file, outcome.acceptance, &message, err);
	if (status == PH_OK)
		status = add_bindings(f->file, &outcome.bindings,
		    ph_view_of(message.subject), outcome.at_ms, f->record->sequence,
		    f->batch, err);
	if (status == PH_OK && outcome.state == PH_RECORD_DEAD)
		status = add_dead(f->file, outcome.queue, outcome.acceptance,
		    outcome.attempt, outcome.at_ms, &outcome.failure, err);
	if (status == PH_OK && message.listed)
		status = add_outcome_event(f, &outcome, message.accepted_ms, err);
	return status;
}

static ph_status
fold_attempt(const fold *f, ph_error *err)
{
	ph_record_attempt attempt;
	known message;
	ph_status status =
	    ph_record_attempt_decode(f->record->body, f->record->length, &attempt, err);
	if (status != PH_OK)
		return bad_body(status);
	status = look_up(f->file, attempt.acceptance, &message, err);
	if (status != PH_OK || !message.listed)
		return status;
	sqlite3_stmt *statement = f->file->statements[PH_SQL_ATTEMPT_PUT];
	ph_ledger_bind_number(statement, 1, attempt.acceptance);
	sqlite3_bind_int(statement, 2, attempt.queue);
	sqlite3_bind_int64(statement, 3, attempt.at_ms);
	return insert(f->file, PH_SQL_ATTEMPT_PUT, err);
}

static ph_status
fold_progress(const fold *f, ph_error *err)
{
	ph_record_progress progress;
	known message;
	int64_t started = 0;
	ph_status status = ph_record_progress_decode(
	    f->record->body, f->record->length, &progress, err);
	if (status != PH_OK)
		return bad_body(status);
	status = look_up(f->file, progress.acceptance, &message, err);
	if (status != PH_OK || !message.listed)
		return status;
	status = started_at(f->file, progress.acceptance, progress.queue,
	    message.accepted_ms, &started, err);
	if (status != PH_OK)
		return status;
	event_row row = {
	    .acceptance = progress.acceptance,
	    .sequence = f->record->sequence,
	    .kind = PH_RECORD_PROGRESS,
	    .queue = progress.queue,
	    .at_ms = started,
	    .took_ms = -1,
	    .reference = progress.reference,
	};
	return add_event(f->file, &row, err);
}

static ph_status
fold_verdict(const fold *f, ph_error *err)
{
	bool replay = f->record->type == PH_RECORD_REPLAY;
	ph_record_verdict verdict;
	known message;
	ph_status status = replay ? ph_record_replay_decode(f->record->body,
					f->record->length, &verdict, err)
				  : ph_record_discard_decode(f->record->body,
					f->record->length, &verdict, err);
	if (status != PH_OK)
		return bad_body(status);
	status = look_up(f->file, verdict.acceptance, &message, err);
	if (status != PH_OK)
		return status;
	sqlite3_stmt *statement = f->file->statements[PH_SQL_DEAD_CLOSE];
	sqlite3_bind_int(statement, 1, verdict.queue);
	ph_ledger_bind_number(statement, 2, verdict.acceptance);
	sqlite3_bind_int(statement, 3, replay ? 1 : 2);
	status = ph_ledger_sql_run(f->file, PH_SQL_DEAD_CLOSE, err);
	if (status != PH_OK || !message.listed)
		return status;
	event_row row = {
	    .acceptance = verdict.acceptance,
	    .sequence = f->record->sequence,
	    .kind = f->record->type,
	    .queue = verdict.queue,
	    .at_ms = verdict.at_ms,
	    .took_ms = -1,
	    .detail = verdict.reason,
	};
	return add_event(f->file, &row, err);
}

static ph_status
fold_queue(const fold *f, ph_error *err)
{
	ph_record_queue queue;
	ph_status status =
	    ph_record_queue_decode(f->record->body, f->record->length, &queue, err);
	if (status != PH_OK)
		return bad_body(status);
	sqlite3_stmt *statement = f->file->statements[PH_SQL_QUEUE_PUT];
	sqlite3_bind_int(statement, 1, queue.number);
	bind_view(statement, 2, queue.name);
	return insert(f->file, PH_SQL_QUEUE_PUT, err);
}

static ph_status
fold_bind(const fold *f, ph_error *err)
{
	ph_record_bindings bindings;
	ph_status status =
	    ph_record_bind_decode(f->record->body, f->record->length, &bindings, err);
	if (status != PH_OK)
		return bad_body(status);
	return add_bindings(
	    f->file, &bindings, (ph_view){0}, 0, f->record->sequence, f->batch, err);
}

/* Its message is read from here now. All else that it says is known. */
static ph_status
fold_carry(const fold *f, ph_error *err)
{
	ph_record_carry is;
	ph_record_accept accept;
	ph_status status =
	    ph_record_carry_decode(f->record->body, f->record->length, &is, err);
	if (status == PH_OK && is.type != PH_RECORD_ACCEPT)
		return PH_OK;
	if (status == PH_OK)
		status = ph_record_accept_decode(is.body, is.length, &accept, err);
	if (status != PH_OK)
		return bad_body(status);
	sqlite3_stmt *statement = f->file->statements[PH_SQL_MESSAGE_CARRY];
	ph_ledger_bind_number(statement, 1, accept.acceptance);
	ph_ledger_bind_number(statement, 2, f->record->sequence);
	ph_ledger_bind_number(statement, 3, f->record->position.offset);
	return ph_ledger_sql_run(f->file, PH_SQL_MESSAGE_CARRY, err);
}

static ph_status
fold_record(const fold *f, ph_error *err)
{
	switch (f->record->type) {
	case PH_RECORD_QUEUE:
		return fold_queue(f, err);
	case PH_RECORD_ACCEPT:
		return fold_accept(f, err);
	case PH_RECORD_OUTCOME:
		return fold_outcome(f, err);
	case PH_RECORD_ATTEMPT:
		return fold_attempt(f, err);
	case PH_RECORD_PROGRESS:
		return fold_progress(f, err);
	case PH_RECORD_REPLAY:
	case PH_RECORD_DISCARD:
		return fold_verdict(f, err);
	case PH_RECORD_BIND:
		return fold_bind(f, err);
	case PH_RECORD_CARRY:
		return fold_carry(f, err);
	default: /* cursors, and what a later version writes: nothing to look up */
		return PH_OK;
	}
}

/* --- batches --- */

/* Read and fold; *last is the newest record folded. */
static ph_status
fold_batch(ph_ledger_file *file, ph_store_reader *reader, size_t most,
    ph_ledger_batch *out, ph_store_record *last, ph_error *err)
{
	while (out->count < most) {
		ph_store_record record;
		ph_status status = ph_store_reader_next(reader, &record, err);
		if (status == PH_ERR_AGAIN) {
			out->end = true;
			return PH_OK;
		}
		if (status != PH_OK) {
			out->reading = status;
			return PH_OK;
		}
		fold f = {.file = file, .record = &record, .batch = out};
		status = fold_record(&f, err);
		if (status == PH_ERR_INVALID)
			out->passed++;
		else if (status != PH_OK)
			return status;
		out->count++;
		*last = record;
	}
	return PH_OK;
}

void
ph_ledger_take_back(ph_ledger_file *file)
{
	(void) ph_ledger_sql_run(file, PH_SQL_ROLLBACK, NULL);
	/* Where the disk is full, the log's room is the first to be used again. */
	(void) sqlite3_wal_checkpoint_v2(
	    file->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	memset(file->words, 0, sizeof file->words);
}

ph_status
ph_ledger_apply(ph_ledger_file *file, ph_store_reader *reader, size_t most,
    ph_ledger_batch *out, ph_error *err)
{
	PH_ASSERT(most > 0);
	ph_store_record last = {.sequence = 0};
	memset(out, 0, sizeof *out);
	ph_status status = ph_ledger_sql_run(file, PH_SQL_BEGIN, err);
	if (status != PH_OK)
		return status;
	status = fold_batch(file, reader, most, out, &last, err);
	if (status == PH_OK && out->count > 0)
		status =
		    ph_ledger_write_position(file, last.position, last.sequence, err);
	if (status == PH_OK)
		status = ph_ledger_sql_run(file, PH_SQL_COMMIT, err);
	if (status != PH_OK) {
		ph_ledger_take_back(file);
		return status;
	}
	if (out->count > 0) {
		file->position = last.position;
		file->sequence = last.sequence;
	}
	return PH_OK;
}
