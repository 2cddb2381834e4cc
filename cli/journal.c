/*
 * packhorse journal: the journal's files looked at from outside, beside a broker or without one.
 */
#include <string.h>

#include "broker/record.h"
#include "cli/cli.h"
#include "cli/journal_fields.h"
#include "cli/journal_part.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define TYPES	    256

static const ph_cli_option state_options[] = {
    PH_JOURNAL_STATE,
    {NULL, NULL, NULL},
};

/* --- how it ends --- */

/* What an end means, for people. */
static void
end_words(const ph_inspection *inspection, char *out, size_t size)
{
	switch (ph_inspection_end(inspection)) {
	case PH_END_OPEN:
		snprintf(out, size, "open: process %d has it",
		    (int) ph_inspection_holder(inspection));
		return;
	case PH_END_CLOSED:
		snprintf(out, size, "clean: closed");
		return;
	case PH_END_IDLE:
		snprintf(out, size, "clean: all of it was noted as synced");
		return;
	case PH_END_UNCLEAN:
		snprintf(out, size, "unclean: the next start writes its end again");
		return;
	case PH_END_TORN:
		snprintf(out, size, "torn: the next start cuts it off");
		return;
	case PH_END_LOST:
		snprintf(out, size, "missing: see the damage");
		return;
	}
}

/* --- info --- */

/* What is counted on a walk over all records. */
typedef struct counts {
	uint64_t records, first, last; /* sequences */
	int64_t first_ms, last_ms;
	uint64_t by_type[TYPES], bytes_of[TYPES]; /* with heads and padding */
} counts;

static ph_status
count_records(ph_inspection *inspection, counts *out, ph_error *err)
{
	ph_inspected record;
	ph_status status;
	ph_inspection_start(inspection, 0);
	while ((status = ph_inspection_next(inspection, &record, err)) == PH_OK) {
		const ph_frame *frame = &record.frame;
		if (out->records++ == 0) {
			out->first = frame->sequence;
			out->first_ms = frame->wall_ms;
		}
		out->last = frame->sequence;
		out->last_ms = frame->wall_ms;
		out->by_type[frame->type]++;
		out->bytes_of[frame->type] += ph_frame_size(frame->length);
	}
	return status == PH_ERR_AGAIN ? PH_OK : status;
}

static const ph_column info_columns[] = {
    {"directory", "directory", PH_COLUMN_TEXT},
    {"id", "id", PH_COLUMN_TEXT},
    {"epoch", "epoch", PH_COLUMN_NUMBER},
    {"end", "end_text", PH_COLUMN_TEXT},
    {"oldest sequence", "oldest", PH_COLUMN_NUMBER},
    {"oldest written", "oldest_ms", PH_COLUMN_TIME},
    {"newest sequence", "newest", PH_COLUMN_NUMBER},
    {"newest written", "newest_ms", PH_COLUMN_TIME},
    {"records", "records", PH_COLUMN_NUMBER},
    {"damaged ranges", "damaged", PH_COLUMN_NUMBER},
    {"bytes", "bytes", PH_COLUMN_NUMBER},
    {"oldest file kept", "oldest_file", PH_COLUMN_NUMBER},
};

static const ph_column file_columns[] = {
    {"FILE", "file", PH_COLUMN_TEXT},
    {"SIZE", "size", PH_COLUMN_NUMBER},
    {"FIRST", "first", PH_COLUMN_NUMBER},
    {"EPOCH", "epoch", PH_COLUMN_NUMBER},
    {"MADE", "made_ms", PH_COLUMN_TIME},
    {"STATE", "state", PH_COLUMN_TEXT},
};

static const ph_column type_columns[] = {
    {"TYPE", "type", PH_COLUMN_TEXT},
    {"RECORDS", "records", PH_COLUMN_NUMBER},
    {"BYTES", "bytes", PH_COLUMN_NUMBER},
};

static json_t *
file_json(const ph_journal_scan *scan, const ph_scan_file *file)
{
	char name[PH_SEGMENT_NAME];
	bool kept = file->number >= scan->oldest;
	ph_segment_name(file->number, name);
	json_t *out = json_pack("{s:s, s:I, s:s}", "file", name, "size",
	    (json_int_t) file->size, "state",
	    !kept	     ? "trimmed"
	    : file->readable ? "kept"
			     : "unreadable");
	if (!file->readable)
		return out;
	json_object_set_new(out, "first", json_integer((json_int_t) file->head.first));
	json_object_set_new(out, "epoch", json_integer((json_int_t) file->head.epoch));
	json_object_set_new(out, "made_ms", json_integer(file->head.made_ms));
	return out;
}

static json_t *
files_json(const ph_journal_scan *scan)
{
	json_t *out = json_array();
	for (size_t i = 0; i < scan->count; i++)
		json_array_append_new(out, file_json(scan, &scan->files[i]));
	return out;
}

static json_t *
types_json(const counts *seen)
{
	json_t *out = json_array();
	for (unsigned type = 0; type < TYPES; type++)
		if (seen->by_type[type] > 0)
			json_array_append_new(out,
			    json_pack("{s:s, s:i, s:I, s:I}", "type",
				ph_record_type_name((uint8_t) type), "number",
				(int) type, "records", (json_int_t) seen->by_type[type],
				"bytes", (json_int_t) seen->bytes_of[type]));
	return out;
}

static void
put_id(json_t *out, const ph_journal_scan *scan)
{
	char text[2 * PH_SEGMENT_ID + 1] = "";
	for (size_t i = 0; i < PH_SEGMENT_ID; i++)
		snprintf(text + 2 * i, 3, "%02x", scan->id[i]);
	json_object_set_new(out, "id", scan->has_id ? json_string(text) : json_null());
}

static json_t *
info_json(const ph_journal_opened *journal, const counts *seen)
{
	const ph_journal_scan *scan = ph_inspection_scan(journal->inspection);
	ph_journal_end end = ph_inspection_end(journal->inspection);
	size_t damaged = 0;
	char words[100];
	(void) ph_inspection_damage(journal->inspection, &damaged);
	end_words(journal->inspection, words, sizeof words);
	json_t *out = json_pack("{s:s, s:I, s:s, s:s, s:b, s:I, s:I, s:I, s:I}",
	    "directory", journal->directory, "epoch", (json_int_t) scan->report.epoch,
	    "end", ph_journal_end_name(end), "end_text", words, "clean",
	    end == PH_END_CLOSED || end == PH_END_IDLE, "records",
	    (json_int_t) seen->records, "damaged", (json_int_t) damaged, "bytes",
	    (json_int_t) scan->bytes, "oldest_file", (json_int_t) scan->oldest);
	put_id(out, scan);
	if (end == PH_END_OPEN)
		json_object_set_new(out, "process",
		    json_integer(ph_inspection_holder(journal->inspection)));
	if (seen->records > 0) {
		json_object_set_new(
		    out, "oldest", json_integer((json_int_t) seen->first));
		json_object_set_new(out, "oldest_ms", json_integer(seen->first_ms));
		json_object_set_new(
		    out, "newest", json_integer((json_int_t) seen->last));
		json_object_set_new(out, "newest_ms", json_integer(seen->last_ms));
	}
	json_object_set_new(out, "files", files_json(scan));
	json_object_set_new(out, "types", types_json(seen));
	return out;
}

static void
show_table(ph_cli *cli, const ph_column *columns, size_t count, json_t *list)
{
	ph_rows *rows = NULL;
	size_t at;
	json_t *row;
	if (ph_rows_new(cli, columns, count, &rows, NULL) != PH_OK)
		return;
	json_array_foreach(list, at, row) ph_rows_add(rows, json_incref(row));
	ph_cli_print(cli, "\n");
	ph_rows_finish(&rows, NULL);
}

static int
show_info(ph_cli *cli, ph_journal_opened *journal)
{
	ph_error err = {.status = PH_OK};
	counts seen = {.records = 0};
	size_t damaged = 0;
	ph_journal_cli_pass(journal, "counting");
	if (count_records(journal->inspection, &seen, &err) != PH_OK)
		return ph_journal_cli_fail(cli, &err);
	ph_journal_cli_pass(journal, NULL);
	json_t *info = info_json(journal, &seen);
	ph_cli_sheet(cli, info_columns, COUNT(info_columns), json_incref(info));
	if (!cli->json) {
		show_table(cli, file_columns, COUNT(file_columns),
		    json_object_get(info, "files"));
		show_table(cli, type_columns, COUNT(type_columns),
		    json_object_get(info, "types"));
	}
	json_decref(info);
	(void) ph_inspection_damage(journal->inspection, &damaged);
	return damaged > 0 ? PH_EXIT_PROBLEM : PH_EXIT_OK;
}

static int
info(ph_cli *cli, const ph_args *args)
{
	ph_journal_opened journal;
	int code = ph_journal_cli_open(cli, args, &journal);
	if (code != PH_EXIT_OK)
		return code;
	code = show_info(cli, &journal);
	ph_journal_cli_close(&journal);
	return code;
}

/* --- verify --- */

typedef struct verdict {
	uint64_t records;
	size_t damaged; /* ranges */
	size_t unread;	/* records whose bodies make no sense */
} verdict;

/* Every body, too: a checksum does not say who made it. */
static ph_status
check_bodies(ph_cli *cli, ph_journal_opened *journal, verdict *out, ph_error *err)
{
	ph_inspected record;
	ph_status status;
	ph_inspection_start(journal->inspection, 0);
	while (
	    (status = ph_inspection_next(journal->inspection, &record, err)) == PH_OK) {
		ph_error why = {.status = PH_OK};
		out->records++;
		if (ph_journal_fields(&record, false, NULL, &why) == PH_OK)
			continue;
		out->unread++;
		ph_journal_tell_record(cli, cli->out, &record, &why);
	}
	return status == PH_ERR_AGAIN ? PH_OK : status;
}

static void
tell_torn(ph_cli *cli, const ph_inspection *inspection)
{
	char text[200];
	if (ph_inspection_end(inspection) != PH_END_TORN)
		return;
	const ph_journal_range range = ph_inspection_torn(inspection);
	ph_journal_range_text(&range, text, sizeof text);
	if (cli->json)
		ph_cli_json(cli, ph_journal_range_json("torn", &range));
	else
		ph_cli_print(cli,
		    "torn end, no damage: %s: possibly acknowledged; the next start "
		    "copies it aside and cuts it off\n",
		    text);
}

static void
tell_verdict(ph_cli *cli, const ph_inspection *inspection, const verdict *found)
{
	const ph_journal_scan *scan = ph_inspection_scan(inspection);
	ph_journal_end end = ph_inspection_end(inspection);
	uint64_t last = ph_inspection_last(inspection);
	char words[100];
	if (cli->json) {
		ph_cli_json(cli,
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "kind", "summary",
			"records", (json_int_t) found->records, "segments",
			(json_int_t) scan->count, "last", (json_int_t) last, "damaged",
			(json_int_t) found->damaged, "unreadable",
			(json_int_t) found->unread, "end", ph_journal_end_name(end)));
		return;
	}
	end_words(inspection, words, sizeof words);
	ph_cli_print(cli, "records %llu, files %zu, up to sequence %llu; %s\n",
	    (unsigned long long) found->records, scan->count, (unsigned long long) last,
	    words);
	if (found->damaged + found->unread == 0)
		ph_cli_print(cli, "no damage\n");
	else
		ph_cli_print(cli, "damaged ranges %zu, unreadable records %zu\n",
		    found->damaged, found->unread);
}

static int
verify(ph_cli *cli, const ph_args *args)
{
	ph_journal_opened journal;
	ph_error err = {.status = PH_OK};
	verdict found = {.records = 0};
	int code = ph_journal_cli_open(cli, args, &journal);
	if (code != PH_EXIT_OK)
		return code;
	ph_journal_cli_pass(&journal, "checking");
	(void) ph_inspection_damage(journal.inspection, &found.damaged);
	ph_status status = check_bodies(cli, &journal, &found, &err);
	ph_journal_cli_pass(&journal, NULL);
	ph_journal_tell_damage(cli, cli->out, journal.inspection);
	tell_torn(cli, journal.inspection);
	if (status == PH_OK)
		tell_verdict(cli, journal.inspection, &found);
	else
		(void) ph_journal_cli_fail(cli, &err);
	ph_journal_cli_close(&journal);
	return status != PH_OK || found.damaged + found.unread > 0 ? PH_EXIT_PROBLEM
								   : PH_EXIT_OK;
}

static const ph_verb verbs[] = {
    {.name = "verify",
	.help =
	    "Read every record of the journal, with its checksums.\n"
	    "Each damaged range is named by segment, offset, length and sequences; "
	    "then the\n"
	    "exit code is 1. A torn end, which a crash may leave, is named as that "
	    "and is no\n"
	    "damage. Nothing is changed. While a broker has the journal open, it is "
	    "read up\n"
	    "to the last record that a mark in it says was synced.",
	.options = state_options,
	.run = verify},
    {.name = "info",
	.help = "Show what the journal is made of.\n"
		"Its id, its files, the oldest and the newest record, how it ends, and "
		"how many\n"
		"records of each type there are. Exits 1 if something is damaged.",
	.options = state_options,
	.run = info},
    {.name = "export",
	.help =
	    "Print the journal's records, one JSON object per line.\n"
	    "The journal's own marks are left out unless asked for by --type. "
	    "Payloads are\n"
	    "left out unless asked for by --reveal with a --reason. What is damaged is "
	    "named\n"
	    "on standard error and passed over; then the exit code is 1.",
	.options = ph_journal_export_options,
	.run = ph_journal_export},
    {.name = NULL},
};

const ph_noun ph_noun_journal = {"journal", "the journal's files, read only", verbs};
