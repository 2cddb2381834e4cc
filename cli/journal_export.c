/*
 * packhorse journal export: the journal's records as JSON lines.
 *
 * Results go to standard output, what could not be exported is named on standard error. A reader
 * that has seen enough closes the pipe: then there is nothing more to do and nothing to say.
 */
#include "cli/journal_part.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "broker/record.h"
#include "cli/journal_fields.h"

const ph_cli_option ph_journal_export_options[] = {
    PH_JOURNAL_STATE,
    {"from", "SEQUENCE", "records from this sequence on"},
    {"to", "SEQUENCE", "records up to this sequence"},
    {"type", "NAME", "records of this type only: accept, outcome, mark, ..."},
    {"reveal", NULL, "show messages, cursors and resume bytes too"},
    {"reason", "TEXT", "why: kept in the system's log"},
    {NULL, NULL, NULL},
};

typedef struct exporting {
	ph_cli *cli;
	long long from, to;
	uint8_t type; /* 0: all but marks */
	bool reveal;
	int code;
} exporting;

/* --- what is wanted --- */

static bool
read_type(exporting *e, const ph_args *args)
{
	const char *name = ph_args_get(args, "type");
	if (name == NULL)
		return true;
	e->type = ph_journal_type(name);
	if (e->type == 0)
		(void) ph_cli_usage(e->cli, "PH7005 --type takes mark, queue, accept, "
					    "outcome, attempt, progress, "
					    "replay, discard, cursor, bind or carry");
	return e->type != 0;
}

static bool
read_reveal(exporting *e, const ph_args *args)
{
	const char *why = ph_args_get(args, "reason");
	bool given = why != NULL && why[0] != '\0';
	e->reveal = ph_args_has(args, "reveal");
	if (e->reveal == given && (e->reveal || why == NULL))
		return true;
	(void) ph_cli_usage(e->cli, "PH7007 --reveal and --reason \"...\" go together: "
				    "who looks at payloads, and "
				    "why, is kept in the system's log");
	return false;
}

static bool
read_wishes(exporting *e, const ph_args *args)
{
	e->to = LLONG_MAX;
	return ph_args_number(e->cli, args, "from", 1, LLONG_MAX, &e->from) &&
	       ph_args_number(e->cli, args, "to", 1, LLONG_MAX, &e->to) &&
	       read_type(e, args) && read_reveal(e, args);
}

/* No broker has a part in this, so the system keeps who looked, and why. */
static void
note_reveal(const char *directory, const char *why)
{
	openlog("packhorse", LOG_PID, LOG_AUTHPRIV);
	syslog(LOG_NOTICE, "journal-export reveal uid=%lu directory=%s why=%s",
	    (unsigned long) getuid(), directory, why);
	closelog();
}

/* --- lines --- */

/* False: nobody takes any more. */
static bool
print_line(exporting *e, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);
	errno = ENOMEM;
	bool written = text != NULL && fputs(text, e->cli->out) >= 0 &&
		       fputc('\n', e->cli->out) >= 0;
	int failed = errno;
	free(text);
	json_decref(line);
	if (written)
		return true;
	e->code = PH_EXIT_PROBLEM;
	if (failed != EPIPE) {
		ph_error err;
		(void) ph_fail_errno(
		    &err, failed, "PH7025 the export cannot be written");
		(void) ph_journal_cli_fail(e->cli, &err);
	}
	return false;
}

static bool
wanted(const exporting *e, uint8_t type)
{
	return e->type != 0 ? type == e->type : type != PH_RECORD_MARK;
}

/* False: no more. */
static bool
export_record(exporting *e, const ph_inspected *record)
{
	ph_error err = {.status = PH_OK};
	if ((unsigned long long) e->to < record->frame.sequence)
		return false;
	if (!wanted(e, record->frame.type))
		return true;
	json_t *line = json_pack("{s:I, s:I, s:I, s:I, s:s}", "segment",
	    (json_int_t) record->segment, "offset", (json_int_t) record->offset,
	    "sequence", (json_int_t) record->frame.sequence, "wall_ms",
	    (json_int_t) record->frame.wall_ms, "type",
	    ph_record_type_name(record->frame.type));
	if (ph_journal_fields(record, e->reveal, line, &err) == PH_OK)
		return print_line(e, line);
	ph_journal_tell_record(e->cli, e->cli->err, record, &err);
	e->code = PH_EXIT_PROBLEM;
	json_decref(line);
	return true;
}

static void
export_all(exporting *e, ph_journal_opened *journal)
{
	ph_error err = {.status = PH_OK};
	ph_inspected record;
	ph_status status;
	ph_inspection_start(journal->inspection, (uint64_t) e->from);
	do {
		status = ph_inspection_next(journal->inspection, &record, &err);
	} while (status == PH_OK && export_record(e, &record));
	if (status != PH_OK && status != PH_ERR_AGAIN)
		e->code = ph_journal_cli_fail(e->cli, &err);
	if (e->code == PH_EXIT_OK && fflush(e->cli->out) != 0) {
		e->code = PH_EXIT_PROBLEM;
		if (errno == EPIPE)
			return;
		(void) ph_fail_errno(
		    &err, errno, "PH7025 the export cannot be written");
		(void) ph_journal_cli_fail(e->cli, &err);
	}
}

int
ph_journal_export(ph_cli *cli, const ph_args *args)
{
	exporting e = {.cli = cli};
	ph_journal_opened journal;
	size_t damaged = 0;
	if (!read_wishes(&e, args))
		return PH_EXIT_USAGE;
	int code = ph_journal_cli_open(cli, args, &journal);
	if (code != PH_EXIT_OK)
		return code;
	ph_journal_cli_pass(&journal, cli->terminal ? NULL : "exporting");
	if (e.reveal)
		note_reveal(journal.directory, ph_args_get(args, "reason"));
	export_all(&e, &journal);
	(void) ph_inspection_damage(journal.inspection, &damaged);
	ph_journal_cli_pass(&journal, NULL);
	ph_journal_tell_damage(cli, cli->err, journal.inspection);
	ph_journal_cli_close(&journal);
	return damaged > 0 ? PH_EXIT_PROBLEM : e.code;
}
