/*
 * packhorse map run: one document through a map, or a large file in pieces.
 *
 * What is larger than a whole document may be is read from front to back. A file is read twice:
 * once to see whether all of it can be read, then to map it; so nothing is shown of one that is
 * broken. Standard input cannot be, and what came before the broken place has been shown.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/map_tools.h"
#include "cli/offline.h"
#include "lib/base/buffer.h"

#define INPUT_MAX ((size_t) 64 << 20)

typedef struct running {
	ph_cli *cli;
	const ph_args *args;
	ph_map *map;
	ph_document *document; /* holds: */
	ph_node *values, *references;
	bool explains;
	long long from;	 /* the first record that is shown */
	uint64_t before; /* records of calls before this one */
	bool large;	 /* read in pieces */
	uint64_t done, ignored, failed;
} running;

/* ---- showing ---- */

static json_t *
record_json(const running *r, const ph_map_call *call, size_t record)
{
	ph_map_result result = ph_map_call_result(call, record);
	const char *name, *value, *text;
	size_t length;
	uint32_t line = 0, column = 0;
	json_t *row = json_pack("{s:s}", "result", ph_offline_result(result));
	if (r->large)
		json_object_set_new(
		    row, "record", json_integer((json_int_t) (r->before + record + 1)));
	if (r->large && ph_map_call_place(call, record, &line, &column))
		json_object_set_new(row, "line", json_integer(line));
	if (result != PH_MAP_DONE) {
		const ph_error *err = ph_map_call_error(call, record);
		json_object_update_new(
		    row, json_pack("{s:s, s:s, s:s, s:s, s:s}", "stage",
			     ph_map_call_stage(call, record), "reason",
			     ph_map_call_reason(call, record), "path",
			     ph_map_call_path(call, record), "where", err->where,
			     "text", err->text));
		return row;
	}
	const char *data = ph_map_call_data(call, record, &length);
	json_object_set_new(row, "data", json_stringn(data, length));
	json_t *attributes = json_object(), *urls = json_object(),
	       *warnings = json_array();
	for (size_t i = 0; ph_map_call_attribute(call, record, i, &name, &value); i++)
		json_object_set_new(attributes, name, json_string(value));
	for (size_t i = 0; ph_map_call_url(call, record, i, &name, &value); i++)
		json_object_set_new(urls, name, json_string(value));
	for (size_t i = 0; (text = ph_map_call_warning(call, record, i)) != NULL; i++)
		json_array_append_new(warnings, json_string(text));
	json_object_set_new(row, "attributes", attributes);
	json_object_set_new(row, "url", urls);
	json_object_set_new(row, "warnings", warnings);
	return row;
}

/* Where an error is: the engine calls the document by its side, people by its file. */
static void
show_where(ph_cli *cli, const ph_args *args, const char *where, const char *text)
{
	const char *file = args->operands[2], *colon = strchr(where, ':');
	bool in = strcmp(args->operands[1], "in") == 0;
	const char *side = in ? "vendor:" : "canonical:";
	bool inside = strncmp(where, side, strlen(side)) == 0;
	bool named = inside && strcmp(file, "-") != 0;
	fprintf(cli->err, "%s%s: %s\n", named ? file : where, named ? colon : "", text);
	if (inside && strcmp(colon, ":1:1") == 0)
		fprintf(cli->err,
		    in ? "(in reads what the vendor sends; a canonical message goes "
			 "out)\n"
		       : "(out reads a canonical message; what the vendor sends goes "
			 "in)\n");
}

/* Which of many it is. */
static void
show_number(const running *r, const ph_map_call *call, size_t record)
{
	uint32_t line = 0, column = 0;
	if (!r->large && ph_map_call_count(call) == 1)
		return;
	fprintf(
	    r->cli->err, "record %llu", (unsigned long long) (r->before + record + 1));
	if (ph_map_call_place(call, record, &line, &column))
		fprintf(r->cli->err, ", line %lu", (unsigned long) line);
	fprintf(r->cli->err, ": ");
}

static void
show_record(const running *r, const ph_map_call *call, size_t record)
{
	ph_cli *cli = r->cli;
	const ph_args *args = r->args;
	ph_map_result result = ph_map_call_result(call, record);
	const char *name, *value, *text;
	size_t length;
	if (result == PH_MAP_DONE) {
		const char *data = ph_map_call_data(call, record, &length);
		fwrite(data, 1, length, cli->out);
		fputc('\n', cli->out);
		for (size_t i = 0; ph_map_call_url(call, record, i, &name, &value); i++)
			fprintf(cli->err, "$url.%s = %s\n", name, value);
	} else {
		const ph_error *err = ph_map_call_error(call, record);
		show_number(r, call, record);
		fprintf(cli->err, "%s (%s, %s)%s%s\n", ph_offline_result(result),
		    ph_map_call_stage(call, record), ph_map_call_reason(call, record),
		    ph_map_call_path(call, record)[0] != '\0' ? ": " : "",
		    ph_map_call_path(call, record));
		if (err->text[0] != '\0')
			show_where(cli, args, err->where, err->text);
	}
	for (size_t i = 0; (text = ph_map_call_warning(call, record, i)) != NULL; i++)
		fprintf(cli->err, "warning: %s\n", text);
}

/* NAME=VALUE operands into two mappings; "ref.KEY=ID" answers references. */
static ph_status
read_values(const ph_args *args, ph_document *document, ph_node **values,
    ph_node **references, ph_error *err)
{
	*values = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	*references = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	for (size_t i = 3; i < args->count; i++) {
		char *text = args->operands[i], *equals = strchr(text, '=');
		if (equals == NULL || equals == text)
			return ph_fail(err, PH_ERR_USAGE,
			    "PH7304 after the file stand values: name=value or "
			    "ref.KEY=ID");
		bool reference = strncmp(text, "ref.", 4) == 0;
		*equals = '\0';
		ph_node_add_text(document, reference ? *references : *values,
		    reference ? text + 4 : text, equals + 1, strlen(equals + 1));
	}
	return ph_arena_failed(ph_document_arena(document))
		   ? ph_fail(err, PH_ERR_NOMEM, "out of memory")
		   : PH_OK;
}

static void
count(running *r, ph_map_result result)
{
	if (result == PH_MAP_DONE)
		r->done++;
	else if (result == PH_MAP_IGNORED)
		r->ignored++;
	else
		r->failed++;
}

/* Could the piece not be read? It is then shown wherever one begins. */
static bool
is_broken(const running *r, const ph_map_call *call)
{
	uint32_t line = 0, column = 0;
	return r->large && ph_map_call_count(call) == 1 &&
	       !ph_map_call_place(call, 0, &line, &column);
}

/* `explain` may be NULL. */
static void
show_call(running *r, const ph_map_call *call, const ph_explain *explain)
{
	for (size_t i = 0; i < ph_map_call_count(call); i++) {
		if (r->before + i + 1 < (uint64_t) r->from && !is_broken(r, call))
			continue;
		count(r, ph_map_call_result(call, i));
		if (!r->cli->json) {
			show_record(r, call, i);
			if (explain != NULL)
				ph_explain_show(explain, r->cli, i);
			continue;
		}
		json_t *row = record_json(r, call, i);
		const json_t *rows =
		    explain == NULL ? NULL : ph_explain_rows(explain, i);
		if (rows != NULL)
			json_object_set_new(row, "explain", json_deep_copy(rows));
		ph_cli_json(r->cli, row);
	}
}

/* ---- reading ---- */

/* A file, or standard input for "-", with what was read of it to see how large it is. */
typedef struct input {
	FILE *file;
	ph_buffer bytes;
	size_t at;
	bool whole; /* `bytes` is all of it */
} input;

static void
close_input(input *in)
{
	if (in->file != NULL && in->file != stdin)
		(void) fclose(in->file);
	ph_buffer_fini(&in->bytes);
	in->file = NULL;
}

static ph_status
read_failed(const char *path, ph_error *err)
{
	return ph_fail_errno(err, errno, "PH7311 cannot read %s", path);
}

/* Read up to `most` bytes and one more. */
static ph_status
open_input(input *in, const char *path, size_t most, ph_error *err)
{
	char piece[65536];
	*in = (input){.file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb")};
	ph_buffer_init(&in->bytes, 0);
	if (in->file == NULL)
		return read_failed(path, err);
	while (in->bytes.length <= most) {
		size_t got = fread(piece, 1, sizeof piece, in->file);
		ph_buffer_append(&in->bytes, piece, got);
		in->whole = got == 0;
		if (ferror(in->file))
			return read_failed(path, err);
		if (in->whole)
			break;
	}
	return ph_buffer_cstr(&in->bytes) != NULL
		   ? PH_OK
		   : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

static ph_status
read_on(void *self, void *into, size_t size, size_t *got, ph_error *err)
{
	input *in = self;
	size_t left = in->bytes.length - in->at;
	*got = left < size ? left : size;
	if (left == 0) {
		*got = fread(into, 1, size, in->file);
		return *got == 0 && ferror(in->file) ? read_failed("the input", err)
						     : PH_OK;
	}
	memcpy(into, in->bytes.data + in->at, *got);
	in->at += *got;
	return PH_OK;
}

/* ---- large files ---- */

/* The engine calls the file "vendor". */
static ph_status
name_file(const running *r, ph_status status, ph_error *err)
{
	char where[PH_ERROR_WHERE];
	const char *file = r->args->operands[2];
	if (status == PH_OK || strncmp(err->where, "vendor:", 7) != 0)
		return status;
	snprintf(where, sizeof where, "%s:%s",
	    strcmp(file, "-") == 0 ? "standard input" : file, err->where + 7);
	memcpy(err->where, where, sizeof where);
	return status;
}

/* Can all of the file be read? True also if nobody can say before. */
static ph_status
check_file(const running *r, ph_error *err)
{
	struct stat info;
	const char *path = r->args->operands[2];
	ph_map_stream *stream = NULL;
	input in;
	if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
		return PH_OK;
	ph_status status = open_input(&in, path, 0, err);
	if (status == PH_OK)
		status = ph_map_stream_open(r->map, read_on, &in, &stream, err);
	if (status == PH_OK)
		status = ph_map_stream_check(stream, err);
	ph_map_stream_destroy(&stream);
	close_input(&in);
	return status;
}

static ph_status
run_piece(running *r, ph_map_call *call, ph_error *err)
{
	ph_explain explain;
	if (r->before + ph_map_call_count(call) < (uint64_t) r->from &&
	    !is_broken(r, call))
		return PH_OK;
	ph_explain_init(&explain);
	ph_status status = ph_offline_call(
	    call, r->values, r->references, r->explains ? &explain.trace : NULL, err);
	if (status == PH_OK)
		show_call(r, call, r->explains ? &explain : NULL);
	ph_explain_fini(&explain);
	return status;
}

static ph_status
run_large(running *r, input *in, ph_error *err)
{
	ph_map_stream *stream = NULL;
	ph_map_call *call = NULL;
	r->large = true;
	ph_status status = check_file(r, err);
	if (status == PH_OK)
		status = ph_map_stream_open(r->map, read_on, in, &stream, err);
	while (status == PH_OK &&
	       (status = ph_map_stream_next(stream, &call, err)) == PH_OK) {
		r->before = ph_map_stream_before(stream);
		status = run_piece(r, call, err);
		ph_map_call_destroy(&call);
	}
	ph_map_stream_destroy(&stream);
	if (status != PH_ERR_NOT_FOUND)
		return name_file(r, status, err);
	fprintf(r->cli->err, "%llu done, %llu ignored, %llu failed\n",
	    (unsigned long long) r->done, (unsigned long long) r->ignored,
	    (unsigned long long) r->failed);
	return PH_OK;
}

/* ---- the verb ---- */

static ph_status
run_whole(running *r, const input *in, bool inward, ph_error *err)
{
	ph_explain explain;
	ph_map_call *call = NULL;
	char *before = NULL;
	size_t before_length = 0;
	const char *previous = ph_args_get(r->args, "previous");
	ph_status status = PH_OK;
	ph_explain_init(&explain);
	if (previous != NULL)
		status =
		    ph_cli_slurp(previous, INPUT_MAX, &before, &before_length, err);
	if (status == PH_OK)
		status = ph_offline_complete(r->map, inward ? PH_MAP_IN : PH_MAP_OUT,
		    in->bytes.data, in->bytes.length, r->values, r->references, before,
		    before_length, r->explains ? &explain.trace : NULL, &call, err);
	if (status == PH_OK)
		show_call(r, call, r->explains ? &explain : NULL);
	ph_explain_fini(&explain);
	ph_map_call_destroy(&call);
	free(before);
	return status;
}

static ph_status
run_input(running *r, bool inward, ph_error *err)
{
	input in;
	ph_status status =
	    open_input(&in, r->args->operands[2], ph_map_largest(r->map), err);
	if (status == PH_OK && !in.whole && inward)
		status = ph_map_streams(r->map, err);
	if (status == PH_OK)
		status = !in.whole && inward ? run_large(r, &in, err)
					     : run_whole(r, &in, inward, err);
	close_input(&in);
	return status;
}

int
ph_map_run(ph_cli *cli, const ph_args *args)
{
	ph_offline offline;
	ph_error err;
	running r = {.cli = cli,
	    .args = args,
	    .explains = ph_args_has(args, "explain"),
	    .from = 1};
	bool in = strcmp(args->operands[1], "in") == 0;
	if (!in && strcmp(args->operands[1], "out") != 0)
		return ph_cli_usage(
		    cli, "PH7305 the direction is in (from the vendor) or out");
	long long document = 0, record = 0;
	if (!ph_args_number(cli, args, "from", 1, INT64_MAX, &r.from) ||
	    !ph_args_number(cli, args, "document", 1, INPUT_MAX, &document) ||
	    !ph_args_number(cli, args, "record", 1, INPUT_MAX, &record))
		return PH_EXIT_USAGE;
	ph_status status = ph_offline_init(
	    &offline, args->operands[0], ph_args_get(args, "schemas"), &err);
	if (status == PH_OK)
		status = ph_map_load(args->operands[0], offline.folders, &r.map, &err);
	if (status == PH_OK)
		ph_map_limits(r.map, (size_t) document, (size_t) record);
	if (status == PH_OK)
		status = ph_document_new("command line", INPUT_MAX, &r.document, &err);
	if (status == PH_OK)
		status = read_values(args, r.document, &r.values, &r.references, &err);
	if (status == PH_OK)
		status = run_input(&r, in, &err);
	int exit = status != PH_OK ? ph_cli_fail(cli, &err)
		   : r.failed > 0  ? PH_EXIT_PROBLEM
				   : PH_EXIT_OK;
	ph_map_destroy(&r.map);
	ph_document_destroy(&r.document);
	return exit;
}

const ph_cli_option ph_map_run_options[] = {
    {"document", "BYTES", "the most that is read whole; without it 8388608"},
    {"explain", NULL, "say where each value came from"},
    {"from", "N", "leave out the records before the Nth, to go on where one stopped"},
    {"previous", "FILE", "out: the vendor's record before, to be completed from"},
    {"record", "BYTES", "the longest record of a larger file; without it 1048576"},
    {"schemas", "DIR", "where canonical schemas are looked for first"},
    {NULL, NULL, NULL},
};
