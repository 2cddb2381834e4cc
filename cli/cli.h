/*
 * cli - what the nouns of the command line share: verbs, options, output, errors.
 *
 * One file per noun; a noun is a table of verbs, and a verb declares its operands and options, so
 * that parsing, --help and usage errors are the same everywhere. A verb's function gets parsed
 * arguments and returns the exit code. What it shows goes through `ph_rows` (tables for people,
 * one JSON object per line with --json) or ph_cli_print; what went wrong through ph_cli_fail.
 *
 * Common options, understood by every verb: --json, --socket PATH, -c DIR (site directory), --help.
 * Exit codes: 0 fine, 1 a problem was found, 2 usage, 3 broker not reachable.
 *
 * Thread: owner. Errors: PH_ERR_USAGE and whatever the verb met, printed by ph_cli_fail.
 */
#ifndef PH_CLI_H
#define PH_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <jansson.h>
#include <packhorse/error.h>

enum {
	PH_EXIT_OK = 0,
	PH_EXIT_PROBLEM = 1,
	PH_EXIT_USAGE = 2,
	PH_EXIT_UNREACHABLE = 3
};

/* One run of the program. */
typedef struct ph_cli {
	FILE *out; /* results; standard output, a file in tests */
	FILE *err; /* complaints and progress */
	bool json; /* --json */
	bool
	    terminal; /* `out` is a terminal: tables fit its width, colours unless NO_COLOR */
	const char *socket; /* --socket, or NULL */
	const char *site;   /* -c, or NULL: PACKHORSE_SITE, else the system's */
} ph_cli;

typedef struct ph_cli_option {
	const char
	    *name; /* "queue" for --queue; one letter for -q; NULL ends the list */
	const char *value; /* "NAME": takes a value, shown in the help; NULL: a flag */
	const char *help;
} ph_cli_option;

#define PH_CLI_OPTIONS_MAX 24
typedef struct ph_args {
	const struct ph_verb *verb;
	size_t count; /* operands */
	char **operands;
	const char
	    *values[PH_CLI_OPTIONS_MAX]; /* by the option's place; "" for a set flag */
} ph_args;

typedef struct ph_verb {
	const char *name;
	const char *operands; /* for the usage line: "QUEUE [ID...]"; NULL: none */
	unsigned least, most; /* operands; most 0 with operands set: any number */
	const char *help;     /* one line, then more lines for --help if needed */
	const ph_cli_option *options; /* beside the common ones; NULL: none */
	int (*run)(ph_cli *cli, const ph_args *args); /* returns the exit code */
} ph_verb;

typedef struct ph_noun {
	const char *
	    name; /* "queue"; verbs with an empty name: the noun is the verb ("status") */
	const char *help;
	const ph_verb *verbs; /* ended by one with a NULL name */
} ph_noun;

/* The value given to --name; "" for a set flag; NULL when it was not given. The name must be
 * among the verb's options. */
const char *ph_args_get(const ph_args *args, const char *name);
bool ph_args_has(const ph_args *args, const char *name);
/* A whole number in [least, most]; false (and a complaint, exit 2 is due) if it is none. *out
 * keeps its value when the option was not given. */
bool ph_args_number(ph_cli *cli, const ph_args *args, const char *name, long long least,
    long long most, long long *out);

/* Complain: "packhorse: where: text", with --json {"error":{"status":...,"where":...,"code":
 * "PHnnnn","text":...}}; both on `err`. Returns the exit code that fits the status: PH_ERR_USAGE 2, else 1. */
int ph_cli_fail(ph_cli *cli, const ph_error *err);
/* "PH2313" of a text that begins so, new; NULL: it has no code. For a row's member "code". */
json_t *ph_cli_code(const char *text);
/* Something to know that is no error, on `err`; with --json {"note":{"text":...}}. */
void ph_cli_note(ph_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* All of a file that was named on the command line; *out is yours. PH7311 */
ph_status ph_cli_slurp(
    const char *path, size_t limit, char **out, size_t *length, ph_error *err);
/* The names in a folder, as ph_fs_list. PH7311 */
ph_status ph_cli_list(
    const char *path, const char *suffix, char ***out, size_t *count, ph_error *err);
/* A usage error in own words; returns 2. */
int ph_cli_usage(ph_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Lines for people; silent with --json. */
void ph_cli_print(ph_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "s", or "" for one: "%zu map%s". */
const char *ph_cli_s(size_t count);
/* One JSON line on `out`. Takes the object. */
void ph_cli_json(ph_cli *cli, json_t *object);

/* How a column shows the JSON value of its key. */
typedef enum ph_column_kind {
	PH_COLUMN_TEXT,	  /* strings; null and absent as "-" */
	PH_COLUMN_NUMBER, /* right-aligned */
	PH_COLUMN_AGE,	  /* seconds as "3s", "12m", "4h", "9d" */
	PH_COLUMN_MS,	  /* milliseconds as "84 ms" */
	PH_COLUMN_TIME,	  /* milliseconds since 1970 as local date and time */
	PH_COLUMN_LIST	  /* a list of strings, joined with ", " */
} ph_column_kind;
typedef struct ph_column {
	const char *title; /* "READY" */
	const char *key;   /* "ready" */
	ph_column_kind kind;
} ph_column;

typedef struct ph_rows ph_rows;
/* Rows of one table. Columns are borrowed and must outlive it. */
ph_status ph_rows_new(
    ph_cli *cli, const ph_column *columns, size_t count, ph_rows **out, ph_error *err);
/* Take the object: with --json it is printed now, whole; else it becomes a row. */
void ph_rows_add(ph_rows *rows, json_t *object);
size_t ph_rows_count(const ph_rows *rows);
/* Print the table (headings only when there is a row, else `empty` unless NULL) and free. */
void ph_rows_finish(ph_rows **rows_p, const char *empty);

/* One thing as a sheet: a line "title  value" for each column that the object has; with --json the
 * object. Takes the object. */
void ph_cli_sheet(ph_cli *cli, const ph_column *columns, size_t count, json_t *object);

/* Run `packhorse argv...`; `nouns` is the NULL-terminated list of all. Returns the exit code. */
int ph_cli_main(ph_cli *cli, const ph_noun *const *nouns, int argc, char **argv);

/* The nouns, one file each. */
extern const ph_noun ph_noun_status, ph_noun_queue, ph_noun_dead, ph_noun_message,
    ph_noun_case, ph_noun_adapter, ph_noun_route, ph_noun_xref, ph_noun_map,
    ph_noun_schema, ph_noun_ledger, ph_noun_journal, ph_noun_codes, ph_noun_config,
    ph_noun_errors, ph_noun_version;

#endif
