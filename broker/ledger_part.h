/*
 * ledger_part - the ledger from the inside: its file, its folding, its answers.
 *
 * ledger.c runs the thread and hands questions to and fro; ledger_schema.c opens the file;
 * ledger_apply.c folds records into rows (ledger_attributes.c reads their messages, ledger_plain.c
 * remembers which have no row);
 * ledger_places.c mends places after a crash; ledger_copy.c makes snapshots and brings them back;
 * ledger_query.c answers. Nothing outside these files includes this header, and sqlite3.h is included nowhere else.
 *
 * Thread: whoever holds the file: the opener's until the thread starts, then the thread's.
 * Errors: PH_ERR_DAMAGED (the file: move it aside), PH_ERR_IO, PH_ERR_FULL, PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_LEDGER_PART_H
#define PH_BROKER_LEDGER_PART_H

#include <sqlite3.h>

#include "broker/ledger.h"
#include "broker/ledger_plain.h"
#include "broker/record.h"
#include "lib/base/arena.h"
#include "lib/base/buffer.h"

/* Statements kept prepared; the text of each is in ledger_schema.c. */
#define PH_LEDGER_STATEMENTS(X)                                                        \
	X(BEGIN)                                                                       \
	X(COMMIT)                                                                      \
	X(ROLLBACK)                                                                    \
	X(SET_META)                                                                    \
	X(GET_META)                                                                    \
	X(WORD_FIND)                                                                   \
	X(WORD_ADD)                                                                    \
	X(QUEUE_PUT)                                                                   \
	X(MESSAGE_ADD)                                                                 \
	X(MESSAGE_SUBJECT)                                                             \
	X(MESSAGE_MOVE)                                                                \
	X(MESSAGE_CARRY)                                                               \
	X(PLACE_BACK)                                                                  \
	X(PLACE_ADD)                                                                   \
	X(PLACE_MOVE)                                                                  \
	X(XREF_ADD)                                                                    \
	X(XREF_GET)                                                                    \
	X(XREF_KEY)                                                                    \
	X(XREF_EXISTS)                                                                 \
	X(ATTEMPT_PUT)                                                                 \
	X(ATTEMPT_GET)                                                                 \
	X(ATTEMPT_DROP)                                                                \
	X(EVENT_ADD)                                                                   \
	X(DEAD_PUT)                                                                    \
	X(DEAD_CLOSE)

typedef enum ph_sql {
#define X(name) PH_SQL_##name,
	PH_LEDGER_STATEMENTS(X)
#undef X
	    PH_SQL_COUNT
} ph_sql;

#define PH_LEDGER_WORDS 16 /* interned words remembered */

/* A word seen lately: most messages repeat a few sources and types. */
typedef struct ph_ledger_word {
	char text[120]; /* longer ones are not remembered */
	int64_t number;
} ph_ledger_word;

/* The open file. */
typedef struct ph_ledger_file {
	sqlite3 *db;
	sqlite3_stmt *statements[PH_SQL_COUNT];
	char path[1024];
	ph_position position; /* of the last record applied and committed */
	uint64_t sequence;    /* its sequence; 0: none */
	uint64_t rows;	      /* rows written since the start */
	ph_ledger_word words[PH_LEDGER_WORDS];
	unsigned next_word; /* the one to forget next */
	ph_buffer scratch;  /* for texts put together */
	ph_ledger_plain plain;
} ph_ledger_file;

/* --- ledger_schema.c --- */

/* Open or create <directory>/ledger.sqlite. PH_ERR_DAMAGED, PH_ERR_VERSION, PH_ERR_USAGE (its tables
 * are not ours): it cannot be used. */
ph_status ph_ledger_file_open(
    const char *directory, ph_ledger_file *out, ph_error *err);
void ph_ledger_file_close(ph_ledger_file *file);
/* Put the file (with its log) out of the way; `moved` is its new name. */
ph_status ph_ledger_file_move(
    const char *directory, char *moved, size_t size, ph_error *err);
/* Remove a file that is of no use, with its log. */
void ph_ledger_file_remove(const char *directory);
/* A thorough look, for files small enough to look at. */
ph_status ph_ledger_file_check(ph_ledger_file *file, ph_error *err);
/* What SQLite says, as a status with a text. */
ph_status ph_ledger_sql_fail(
    ph_ledger_file *file, int code, const char *what, ph_error *err);
/* Run a prepared statement that gives no row, and reset it. */
ph_status ph_ledger_sql_run(ph_ledger_file *file, ph_sql statement, ph_error *err);

/* Bind a number that fits in 63 bits: all of ours do. */
void ph_ledger_bind_number(sqlite3_stmt *statement, int at, uint64_t number);

/* --- ledger_copy.c --- */

/* Open the newest snapshot that is of use in the place of <directory>/ledger.sqlite; `file` is closed
 * first. `name` is the snapshot's. PH_ERR_NOT_FOUND: there is none. */
ph_status ph_ledger_file_restore(ph_ledger_file *file, const char *directory,
    ph_store *store, char *name, size_t size, ph_error *err);
/* Is the file not to be used, whatever is tried? */
bool ph_ledger_unusable(ph_status status);

/* --- ledger_attributes.c --- */

/* What rows are made of; borrowed from the message. */
typedef struct ph_ledger_attributes {
	ph_view id, source, type, subject;
	ph_view extensions; /* a JSON object of the others; empty: none */
} ph_ledger_attributes;

/* Read them; the extensions go to `extensions` unless it is NULL. False: this is no message. */
bool ph_ledger_attributes_read(
    ph_view message, ph_ledger_attributes *out, ph_buffer *extensions);

/* --- ledger_apply.c --- */

#define PH_LEDGER_PLACE_EVERY 1024 /* acceptances between two rows of `place` */

/* What became of one batch. */
typedef struct ph_ledger_batch {
	size_t count;	 /* records folded */
	bool end;	 /* there was nothing more that is durable */
	uint64_t passed; /* records passed over because their bodies make no sense */
	uint64_t
	    conflicts; /* bindings that contradict one made before: the first is kept */
	ph_status
	    reading; /* PH_OK, or why the journal could not be read on; what came before
			     * is folded. The words are in the error. */
} ph_ledger_batch;

/* Fold records from `reader` until there is none or `most` were taken, in one transaction with the
 * position. On an error (of the file) nothing of the batch stays, and the reader is of no use any
 * more. */
ph_status ph_ledger_apply(ph_ledger_file *file, ph_store_reader *reader, size_t most,
    ph_ledger_batch *out, ph_error *err);
/* Note down how far the file is; inside a transaction. */
ph_status ph_ledger_write_position(
    ph_ledger_file *file, ph_position position, uint64_t sequence, ph_error *err);
/* Undo the transaction, and forget words that were added in vain. */
void ph_ledger_take_back(ph_ledger_file *file);

/* --- ledger_places.c --- */

/*
 * After a crash the store may have moved its last records: compare from the newest place back
 * until one is where it was, then note down the new ones. PH_ERR_DAMAGED: the journal is not the
 * one this file was folded from, or has less than was folded.
 */
ph_status ph_ledger_settle_places(ph_ledger_file *file, ph_store *store, ph_error *err);

/* Was the journal trimmed, so that a ledger folded from it alone lacks something? `text` says what. */
bool ph_ledger_begins_late(ph_store *store, char *text, size_t size);

/* --- ledger_query.c --- */

/* A question on its way through the thread and back. */
typedef struct ph_ledger_job {
	struct ph_ledger_job *next;
	ph_arena *arena; /* the copied question, then the rows */
	ph_ledger_ask ask;
	ph_ledger_fn *fn;
	void *self;
	ph_ledger_answer answer;
} ph_ledger_job;

/* A job with a copy of the question. *out is yours; free it with ph_ledger_job_free. */
ph_status ph_ledger_job_new(const ph_ledger_ask *ask, ph_ledger_fn *fn, void *self,
    ph_ledger_job **out, ph_error *err);
void ph_ledger_job_free(ph_ledger_job *job);

/* Fill job->answer. PH_ERR_DAMAGED only if the file is to be moved aside; every other trouble is in
 * the answer. */
ph_status ph_ledger_answer_job(ph_ledger_file *file, ph_ledger_job *job, ph_error *err);

#endif
