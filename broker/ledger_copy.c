/*
 * Copies of the ledger's file: made from a connection of their own, beside whoever has it open, as one
 * read of the database, so that the copy is of one moment. A copy has no write-ahead log: it can be
 * read where nothing may be written. It gets its name only when it is whole, looked through and
 * synced; a name that is taken is left alone.
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
#include "lib/base/fs.h"

#define BUSY_MS	 5000
#define CHUNK	 (1u << 20)
/* The log into the file: its room may be needed for the copy. Only who has read once knows of it. */
#define FOLD_LOG "select count(*) from sqlite_master; pragma wal_checkpoint(truncate)"

static ph_status
refused(sqlite3 *db, int code, const char *path, ph_error *err)
{
	return ph_fail_at(err,
	    (code & 0xff) == SQLITE_FULL      ? PH_ERR_FULL
	    : (code & 0xff) == SQLITE_CORRUPT ? PH_ERR_DAMAGED
					      : PH_ERR_IO,
	    path, "PH5345 the ledger cannot be copied: %s",
	    db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

/* Number in the first column of the first row; the text in `word` if that is wanted. */
static int
one_row(sqlite3 *db, const char *sql, sqlite3_int64 *number, bool *is_ok)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW && number != NULL)
		*number = sqlite3_column_int64(statement, 0);
	if (code == SQLITE_ROW && is_ok != NULL) {
		const unsigned char *word = sqlite3_column_text(statement, 0);
		*is_ok = word != NULL && strcmp((const char *) word, "ok") == 0;
	}
	sqlite3_finalize(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
copy_pages(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	if (backup == NULL)
		return sqlite3_errcode(to);
	int code = sqlite3_backup_step(backup, -1);
	int ended = sqlite3_backup_finish(backup);
	return code == SQLITE_DONE ? SQLITE_OK : code != SQLITE_OK ? code : ended;
}

/* Where the copy stands; *is_ok: its pages agree with each other. */
static int
look_through(sqlite3 *to, ph_ledger_copied *out, bool *is_ok)
{
	sqlite3_int64 partition = 0, offset = 0, sequence = 0;
	int code = one_row(to, "pragma quick_check(1)", NULL, is_ok);
	if (code == SQLITE_OK)
		code = one_row(to, "select value from meta where name = 'partition'",
		    &partition, NULL);
	if (code == SQLITE_OK)
		code = one_row(
		    to, "select value from meta where name = 'offset'", &offset, NULL);
	if (code == SQLITE_OK)
		code = one_row(to, "select value from meta where name = 'sequence'",
		    &sequence, NULL);
	*out = (ph_ledger_copied){.position = {.partition = (uint32_t) partition,
				      .offset = (uint64_t) offset},
	    .sequence = (uint64_t) sequence};
	return code;
}

static ph_status
fill_copy(
    const char *from_path, const char *to_path, ph_ledger_copied *out, ph_error *err)
{
	sqlite3 *from = NULL, *to = NULL;
	bool is_ok = false;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(from_path, &from, flags, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_open_v2(to_path, &to, flags, NULL);
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(from, BUSY_MS);
		(void) sqlite3_exec(from, FOLD_LOG, NULL, NULL, NULL);
		code = sqlite3_exec(to,
		    "pragma synchronous = off; pragma journal_mode = off", NULL, NULL,
		    NULL);
	}
	if (code == SQLITE_OK)
		code = copy_pages(from, to);
	if (code == SQLITE_OK)
		code =
		    sqlite3_exec(to, "pragma journal_mode = delete", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = look_through(to, out, &is_ok);
	ph_status status = PH_OK;
	if (code != SQLITE_OK)
		status = refused(to != NULL ? to : from, code, from_path, err);
	else if (!is_ok)
		status = ph_fail_at(err, PH_ERR_DAMAGED, from_path,
		    "PH5345 the ledger cannot be copied: its pages contradict each "
		    "other");
	(void) sqlite3_close(to);
	(void) sqlite3_close(from);
	return status;
}

static ph_status
sync_file(const char *path, uint64_t *bytes, ph_error *err)
{
	struct stat look;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ph_fail_errno(err, errno, "cannot open %s", path);
	int failed = fsync(fd) != 0 || fstat(fd, &look) != 0 ? errno : 0;
	close(fd);
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot sync %s", path);
	*bytes = (uint64_t) look.st_size;
	return PH_OK;
}

static ph_status
sync_above(const char *path, ph_error *err)
{
	char above[1200];
	(void) snprintf(above, sizeof above, "%s", path);
	char *slash = strrchr(above, '/');
	if (slash == above)
		slash++;
	if (slash != NULL)
		*slash = 0;
	return ph_fs_sync_dir(ph_fs_system(), slash == NULL ? "." : above, err);
}

/* Give the copy its name, unless that is taken. */
static ph_status
name_copy(const char *partial, const char *path, ph_error *err)
{
	if (link(partial, path) != 0)
		return ph_fail_errno(err, errno, "PH5346 cannot make %s", path);
	return sync_above(path, err);
}

ph_status
ph_ledger_copy(
    const char *directory, const char *path, ph_ledger_copied *out, ph_error *err)
{
	char from[1100], partial[1100];
	if (snprintf(from, sizeof from, "%s/ledger.sqlite", directory) >=
		(int) sizeof from ||
	    snprintf(partial, sizeof partial, "%s.partial", path) >=
		(int) sizeof partial)
		return ph_fail(err, PH_ERR_TOO_LARGE, "PH5346 the path is too long");
	if (access(path, F_OK) == 0)
		return ph_fail(
		    err, PH_ERR_CONFLICT, "PH5346 %s is there already", path);
	int fd =
	    open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ph_fail_errno(err, errno, "PH5346 cannot make %s", partial);
	close(fd);
	ph_status status = fill_copy(from, partial, out, err);
	if (status == PH_OK)
		status = sync_file(partial, &out->bytes, err);
	if (status == PH_OK)
		status = name_copy(partial, path, err);
	(void) unlink(partial);
	return status;
}

/* ---- bringing one back ---- */

static int
pour(int from, int to)
{
	char *chunk = malloc(CHUNK);
	ssize_t got = 0;
	int failed = chunk == NULL ? ENOMEM : 0;
	while (failed == 0 && (got = read(from, chunk, CHUNK)) > 0) {
		for (ssize_t at = 0, put = 0; failed == 0 && at < got; at += put) {
			put = write(to, chunk + at, (size_t) (got - at));
			if (put < 0)
				failed = errno;
		}
	}
	if (failed == 0 && got < 0)
		failed = errno;
	free(chunk);
	return failed;
}

static int
copy_bytes(const char *from_path, const char *to_path)
{
	int from = open(from_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return errno;
	int to =
	    open(to_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int failed = to < 0 ? errno : pour(from, to);
	if (failed == 0 && fsync(to) != 0)
		failed = errno;
	close(from);
	if (to >= 0)
		close(to);
	return failed;
}

static void
remove_logs(const char *path)
{
	char other[1120];
	(void) snprintf(other, sizeof other, "%s-wal", path);
	(void) unlink(other);
	(void) snprintf(other, sizeof other, "%s-shm", path);
	(void) unlink(other);
}

/* Name of the newest snapshot but `skip`; false: there are not as many. */
static bool
choose(const char *directory, size_t skip, char *name, size_t size)
{
	char **names = NULL;
	size_t count = 0, seen = 0;
	bool found = false;
	if (ph_fs_list(directory, ".sqlite", &names, &count, NULL) != PH_OK)
		return false;
	for (size_t i = count; i-- > 0 && !found;) {
		if (strncmp(names[i], "ledger-", 7) != 0 || seen++ < skip)
			continue;
		(void) snprintf(name, size, "%s", names[i]);
		found = true;
	}
	free(names);
	return found;
}

/* Put the newest snapshot but `skip` in the ledger's place. */
static ph_status
bring_back(const char *directory, size_t skip, char *name, size_t size, ph_error *err)
{
	char copies[1100], from[1400], path[1100], fresh[1120];
	(void) snprintf(copies, sizeof copies, "%s/checkpoint", directory);
	(void) snprintf(path, sizeof path, "%s/ledger.sqlite", directory);
	(void) snprintf(fresh, sizeof fresh, "%s.new", path);
	if (!choose(copies, skip, name, size))
		return ph_fail(
		    err, PH_ERR_NOT_FOUND, "there is no snapshot of the ledger");
	(void) snprintf(from, sizeof from, "%s/%s", copies, name);
	int failed = copy_bytes(from, fresh);
	if (failed == 0) {
		remove_logs(path);
		failed = rename(fresh, path) != 0 ? errno : 0;
	}
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot bring %s back", from);
	return ph_fs_sync_dir(ph_fs_system(), directory, err);
}

bool
ph_ledger_unusable(ph_status status)
{
	return status == PH_ERR_DAMAGED || status == PH_ERR_VERSION ||
	       status == PH_ERR_USAGE;
}

/* Is the file that has just been brought back of use? */
static ph_status
check_restored(
    ph_ledger_file *file, const char *directory, ph_store *store, ph_error *err)
{
	ph_status status = ph_ledger_file_open(directory, file, err);
	if (status == PH_OK)
		status = ph_ledger_file_check(file, err);
	if (status == PH_OK)
		status = ph_ledger_settle_places(file, store, err);
	if (status == PH_OK && file->sequence == 0)
		status = ph_fail(err, PH_ERR_DAMAGED, "it is empty");
	return status;
}

ph_status
ph_ledger_file_restore(ph_ledger_file *file, const char *directory, ph_store *store,
    char *name, size_t size, ph_error *err)
{
	ph_status status = PH_ERR_DAMAGED;
	for (size_t skip = 0; ph_ledger_unusable(status); skip++) {
		ph_ledger_file_close(file);
		status = bring_back(directory, skip, name, size, err);
		if (status == PH_OK)
			status = check_restored(file, directory, store, err);
	}
	return status;
}
