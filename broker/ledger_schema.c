/*
 * The file of the ledger: its tables, and how it is opened.
 *
 * application_id is 0x50484c47 ("PHLG"), user_version the layout, 1. Another value, a file that is
 * no SQLite file, or one whose pages contradict each other, is damage as far as we are concerned:
 * the journal gives the rows again.
 *
 *   meta     name, value                the last record applied: partition, offset, sequence
 *   word     number, text               sources and types, which repeat
 *   queue    number, name               as the journal numbers them
 *   message  one per message with a subject, or that was a dead letter from the beginning
 *   place    every 1,024th acceptance: where it is, so that any message is found by a short walk
 *   xref     (entity, system, key) -> canonical; `tail` is what follows the last "/" of a key
 *   attempt  hand-outs under way (what is not settled yet), for the time a delivery took
 *   event    what happened to a message of `message`, by sequence: an outcome, progress, a replay
 *   dead     dead letters, one row per delivery: 0 open, 1 replayed, 2 discarded
 *
 * Write-ahead log, synced at checkpoints only: after a power cut the file may have forgotten its
 * last transactions, and with them the position, so they are folded again.
 */
#include "broker/ledger_part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/assert.h"

#define APPLICATION 0x50484c47
#define LAYOUT	    1
#define CHECK_MOST  (64 << 20) /* bytes of a file that is looked through whole */
#define KEEP_MOST   9	       /* files moved aside; the last name is used again */

static const char schema[] =
    "create table meta(name text primary key, value integer not null) without rowid;"
    "create table word(number integer primary key, text text not null unique);"
    "create table queue(number integer primary key, name text not null);"
    "create table message(acceptance integer primary key, sequence integer not null,"
    " position integer not null, accepted_ms integer not null, id text not null,"
    " source integer not null, type integer not null, subject text, attributes text);"
    "create index message_subject on message(subject) where subject is not null;"
    "create index message_id on message(id);"
    "create index message_type on message(type, accepted_ms);"
    "create table place(acceptance integer primary key, sequence integer not null,"
    " position integer not null);"
    "create table xref(entity text not null, system text not null, key text not null,"
    " canonical text not null, tail text, at_ms integer not null,"
    " sequence integer not null, primary key(entity, system, key)) without rowid;"
    "create index xref_canonical on xref(canonical, entity, system);"
    "create index xref_key on xref(key);"
    "create index xref_tail on xref(tail) where tail is not null;"
    "create table attempt(acceptance integer not null, queue integer not null,"
    " at_ms integer not null, primary key(acceptance, queue)) without rowid;"
    "create table event(acceptance integer not null, sequence integer not null,"
    " kind integer not null, queue integer not null, attempt integer not null,"
    " outcome integer not null, state integer not null, at_ms integer not null,"
    " took_ms integer not null, reference text not null, detail text not null,"
    " primary key(acceptance, sequence)) without rowid;"
    "create table dead(queue integer not null, acceptance integer not null,"
    " state integer not null, attempts integer not null, at_ms integer not null,"
    " stage text not null, reason text not null, path text not null,"
    " text text not null, primary key(queue, acceptance)) without rowid;"
    "create index dead_open on dead(at_ms) where state = 0;";

static const char *const sql[PH_SQL_COUNT] = {
    [PH_SQL_BEGIN] = "begin immediate",
    [PH_SQL_COMMIT] = "commit",
    [PH_SQL_ROLLBACK] = "rollback",
    [PH_SQL_SET_META] = "insert or replace into meta values(?1, ?2)",
    [PH_SQL_GET_META] = "select value from meta where name = ?1",
    [PH_SQL_WORD_FIND] = "select number from word where text = ?1",
    [PH_SQL_WORD_ADD] = "insert into word(text) values(?1)",
    [PH_SQL_QUEUE_PUT] = "insert or replace into queue values(?1, ?2)",
    [PH_SQL_MESSAGE_ADD] = "insert or replace into message"
			   " values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [PH_SQL_MESSAGE_SUBJECT] =
	"select subject, accepted_ms from message where acceptance = ?1",
    [PH_SQL_MESSAGE_MOVE] =
	"update message set position = ?3 where acceptance = ?1 and sequence = ?2",
    [PH_SQL_MESSAGE_CARRY] =
	"update message set sequence = ?2, position = ?3 where acceptance = ?1",
    [PH_SQL_PLACE_BACK] = "select acceptance, sequence, position from message union all"
			  " select acceptance, sequence, position from place"
			  " order by acceptance desc limit 1 offset ?1",
    [PH_SQL_PLACE_ADD] = "insert or replace into place values(?1, ?2, ?3)",
    [PH_SQL_PLACE_MOVE] =
	"update place set position = ?3 where acceptance = ?1 and sequence = ?2",
    [PH_SQL_XREF_ADD] = "insert into xref values(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
			" on conflict do nothing",
    [PH_SQL_XREF_GET] =
	"select canonical from xref where entity = ?1 and system = ?2 and key = ?3",
    [PH_SQL_XREF_KEY] =
	"select key from xref where canonical = ?3 and entity = ?1 and system = ?2"
	" order by sequence desc limit 1",
    [PH_SQL_XREF_EXISTS] = "select exists(select 1 from xref where canonical = ?1)"
			   " or exists(select 1 from message where subject = ?1)",
    [PH_SQL_ATTEMPT_PUT] = "insert or replace into attempt values(?1, ?2, ?3)",
    [PH_SQL_ATTEMPT_GET] =
	"select at_ms from attempt where acceptance = ?1 and queue = ?2",
    [PH_SQL_ATTEMPT_DROP] = "delete from attempt where acceptance = ?1 and queue = ?2",
    [PH_SQL_EVENT_ADD] = "insert or replace into event"
			 " values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [PH_SQL_DEAD_PUT] = "insert or replace into dead"
			" values(?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
    [PH_SQL_DEAD_CLOSE] =
	"update dead set state = ?3 where queue = ?1 and acceptance = ?2",
};

static ph_status
status_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return PH_ERR_DAMAGED;
	case SQLITE_ERROR: /* a statement that does not fit the tables */
	case SQLITE_SCHEMA:
	case SQLITE_MISMATCH:
	case SQLITE_CONSTRAINT:
		return PH_ERR_USAGE;
	case SQLITE_FULL:
		return PH_ERR_FULL;
	case SQLITE_NOMEM:
		return PH_ERR_NOMEM;
	case SQLITE_TOOBIG:
		return PH_ERR_TOO_LARGE;
	default:
		return PH_ERR_IO;
	}
}

ph_status
ph_ledger_sql_fail(ph_ledger_file *file, int code, const char *what, ph_error *err)
{
	return ph_fail_at(err, status_of(code), file->path, "%s: %s (%d)", what,
	    file->db != NULL ? sqlite3_errmsg(file->db) : sqlite3_errstr(code),
	    file->db != NULL ? sqlite3_extended_errcode(file->db) : code);
}

ph_status
ph_ledger_sql_run(ph_ledger_file *file, ph_sql statement, ph_error *err)
{
	sqlite3_stmt *prepared = file->statements[statement];
	int code = sqlite3_step(prepared);
	ph_status status = PH_OK;
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		status = ph_ledger_sql_fail(file, code, sql[statement], err);
	sqlite3_reset(prepared);
	return status;
}

void
ph_ledger_bind_number(sqlite3_stmt *statement, int at, uint64_t number)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64) number);
}

static ph_status
run_text(ph_ledger_file *file, const char *text, ph_error *err)
{
	int code = sqlite3_exec(file->db, text, NULL, NULL, NULL);
	return code == SQLITE_OK ? PH_OK : ph_ledger_sql_fail(file, code, text, err);
}

/* One number that a statement gives. */
static ph_status
number_of(ph_ledger_file *file, const char *text, int64_t *out, ph_error *err)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(file->db, text, -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	ph_status status =
	    code == SQLITE_ROW ? PH_OK : ph_ledger_sql_fail(file, code, text, err);
	sqlite3_finalize(statement);
	return status;
}

/* The file with our permissions before SQLite sees it: its log takes them over. */
static ph_status
make_file(const char *path, ph_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ph_fail_errno(err, errno, "cannot open %s", path);
	ph_status status = PH_OK;
	if (fchmod(fd, 0600) != 0)
		status = ph_fail_errno(err, errno, "cannot restrict %s", path);
	close(fd);
	return status;
}

static ph_status
make_tables(ph_ledger_file *file, ph_error *err)
{
	char mark[96];
	snprintf(mark, sizeof mark,
	    "pragma application_id = %d; pragma user_version = %d", APPLICATION,
	    LAYOUT);
	ph_status status = run_text(file, "begin immediate", err);
	if (status == PH_OK)
		status = run_text(file, schema, err);
	if (status == PH_OK)
		status = run_text(file, mark, err);
	return status == PH_OK ? run_text(file, "commit", err) : status;
}

static ph_status
check_layout(ph_ledger_file *file, ph_error *err)
{
	int64_t application = 0, layout = 0, tables = 0;
	ph_status status = number_of(file, "pragma application_id", &application, err);
	if (status == PH_OK)
		status = number_of(file, "pragma user_version", &layout, err);
	if (status == PH_OK)
		status =
		    number_of(file, "select count(*) from sqlite_schema", &tables, err);
	if (status != PH_OK)
		return status;
	if (application == 0 && layout == 0 && tables == 0)
		return make_tables(file, err);
	if (application != APPLICATION || layout != LAYOUT)
		return ph_fail_at(err, PH_ERR_VERSION, file->path,
		    "layout %lld, this version has %d", (long long) layout, LAYOUT);
	return PH_OK;
}

static ph_status
prepare_all(ph_ledger_file *file, ph_error *err)
{
	for (int i = 0; i < PH_SQL_COUNT; i++) {
		PH_ASSERT(sql[i] != NULL);
		int code = sqlite3_prepare_v3(file->db, sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &file->statements[i], NULL);
		if (code != SQLITE_OK)
			return ph_ledger_sql_fail(file, code, sql[i], err);
	}
	return PH_OK;
}

static ph_status
read_meta(ph_ledger_file *file, const char *name, uint64_t *out, ph_error *err)
{
	sqlite3_stmt *statement = file->statements[PH_SQL_GET_META];
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	int code = sqlite3_step(statement);
	ph_status status = PH_OK;
	if (code == SQLITE_ROW)
		*out = (uint64_t) sqlite3_column_int64(statement, 0);
	else if (code == SQLITE_DONE)
		*out = 0;
	else
		status =
		    ph_ledger_sql_fail(file, code, "cannot read the position", err);
	sqlite3_reset(statement);
	return status;
}

static ph_status
read_position(ph_ledger_file *file, ph_error *err)
{
	uint64_t partition = 0;
	ph_status status = read_meta(file, "partition", &partition, err);
	if (status == PH_OK)
		status = read_meta(file, "offset", &file->position.offset, err);
	if (status == PH_OK)
		status = read_meta(file, "sequence", &file->sequence, err);
	file->position.partition = (uint32_t) partition;
	return status;
}

ph_status
ph_ledger_file_open(const char *directory, ph_ledger_file *out, ph_error *err)
{
	memset(out, 0, sizeof *out);
	ph_buffer_init(&out->scratch, 1u << 20);
	int length =
	    snprintf(out->path, sizeof out->path, "%s/ledger.sqlite", directory);
	if (length < 0 || (size_t) length >= sizeof out->path)
		return ph_fail(
		    err, PH_ERR_TOO_LARGE, "the state directory's path is too long");
	ph_status status = make_file(out->path, err);
	if (status != PH_OK)
		return status;
	int code = sqlite3_open_v2(
	    out->path, &out->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK) {
		status = ph_ledger_sql_fail(out, code, "cannot open", err);
		goto fail;
	}
	sqlite3_busy_timeout(out->db, 5000);
	status = run_text(out,
	    "pragma journal_mode = wal; pragma synchronous = normal;"
	    "pragma cache_size = -8192; pragma wal_autocheckpoint = 4000;"
	    "pragma temp_store = memory; pragma trusted_schema = off",
	    err);
	if (status == PH_OK)
		status = check_layout(out, err);
	if (status == PH_OK)
		status = prepare_all(out, err);
	if (status == PH_OK)
		status = read_position(out, err);
	if (status == PH_OK)
		return PH_OK;
fail:
	ph_ledger_file_close(out);
	return status;
}

void
ph_ledger_file_close(ph_ledger_file *file)
{
	for (int i = 0; i < PH_SQL_COUNT; i++) {
		sqlite3_finalize(file->statements[i]);
		file->statements[i] = NULL;
	}
	if (file->db != NULL)
		(void) sqlite3_close(file->db);
	file->db = NULL;
	ph_buffer_fini(&file->scratch);
}

/* Rename <from><suffix> to <to><suffix>; one that is missing is fine. */
static int
move_part(const char *from, const char *to, const char *suffix)
{
	char old[1100], new[1100];
	snprintf(old, sizeof old, "%s%s", from, suffix);
	snprintf(new, sizeof new, "%s%s", to, suffix);
	if (rename(old, new) == 0 || errno == ENOENT)
		return 0;
	return errno;
}

ph_status
ph_ledger_file_move(const char *directory, char *moved, size_t size, ph_error *err)
{
	char path[1024], aside[1060], shared[1040];
	snprintf(path, sizeof path, "%s/ledger.sqlite", directory);
	for (int i = 1; i <= KEEP_MOST; i++) {
		snprintf(aside, sizeof aside, "%s.damaged-%d", path, i);
		if (access(aside, F_OK) != 0)
			break;
	}
	int failed = move_part(path, aside, "-wal");
	if (failed == 0)
		failed = move_part(path, aside, "");
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot move %s aside", path);
	snprintf(shared, sizeof shared, "%s-shm", path);
	(void) unlink(shared);
	snprintf(moved, size, "%s", aside);
	return PH_OK;
}

void
ph_ledger_file_remove(const char *directory)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char path[1060];
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(path, sizeof path, "%s/ledger.sqlite%s", directory, parts[i]);
		(void) unlink(path);
	}
}

ph_status
ph_ledger_file_check(ph_ledger_file *file, ph_error *err)
{
	struct stat status;
	if (stat(file->path, &status) != 0 || status.st_size > CHECK_MOST)
		return PH_OK;
	sqlite3_stmt *statement = NULL;
	int code =
	    sqlite3_prepare_v2(file->db, "pragma quick_check(1)", -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	const char *word = code == SQLITE_ROW
			       ? (const char *) sqlite3_column_text(statement, 0)
			       : NULL;
	ph_status result = PH_OK;
	if (word == NULL)
		result = ph_ledger_sql_fail(file, code, "cannot look it through", err);
	else if (strcmp(word, "ok") != 0)
		result = ph_fail_at(err, PH_ERR_DAMAGED, file->path, "%.200s", word);
	sqlite3_finalize(statement);
	return result;
}
