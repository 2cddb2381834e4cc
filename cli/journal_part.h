/*
 * journal_part - what the verbs of `packhorse journal` share: finding the journal, telling how far
 * the reading is, and naming what is missing.
 *
 * Thread: owner. Errors: printed by ph_cli_fail.
 */
#ifndef PH_CLI_JOURNAL_PART_H
#define PH_CLI_JOURNAL_PART_H

#include "broker/journal_inspect.h"
#include "cli/cli.h"

/* How far a reading is, on a terminal. */
typedef struct ph_journal_progress {
	ph_cli *cli;
	bool shown;	   /* to anybody */
	const char *doing; /* "reading" */
	unsigned percent;  /* shown last */
	ph_inspection_watch watch;
} ph_journal_progress;

/* A journal that is looked at. */
typedef struct ph_journal_opened {
	char directory[4096];
	ph_journal_progress progress;
	ph_inspection *inspection;
} ph_journal_opened;

#define PH_JOURNAL_STATE                                                               \
	{                                                                              \
		"state", "DIR", "the state directory, or a copy of a journal itself"   \
	}

/* Find the journal (--state, else the site's) and look at all of it. Returns the exit code; if it is
 * PH_EXIT_OK, ph_journal_cli_close it. */
int ph_journal_cli_open(ph_cli *cli, const ph_args *args, ph_journal_opened *out);
void ph_journal_cli_close(ph_journal_opened *opened);
/* Another pass over the files begins; or, NULL, the line on the terminal has to go. */
void ph_journal_cli_pass(ph_journal_opened *opened, const char *doing);

/* An error of reading, with its code. Returns the exit code. */
int ph_journal_cli_fail(ph_cli *cli, const ph_error *err);

/* A range as {"kind": kind, "segment": ..., "text": ...}; yours. */
json_t *ph_journal_range_json(const char *kind, const ph_journal_range *range);
/* Name all damage, one line each on `to`; with --json one object each. */
void ph_journal_tell_damage(ph_cli *cli, FILE *to, const ph_inspection *inspection);
/* Name a record that cannot be read. */
void ph_journal_tell_record(
    ph_cli *cli, FILE *to, const ph_inspected *record, const ph_error *err);

/* cli/journal_export.c */
extern const ph_cli_option ph_journal_export_options[];
int ph_journal_export(ph_cli *cli, const ph_args *args);

#endif
