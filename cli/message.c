/*
 * packhorse message: publish, tail, find, show.
 */
#include "cli/message.h"

#include <stdint.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/entry.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* --- find --- */

static const ph_column find_columns[] = {
    {"ACCEPTANCE", "acceptance", PH_COLUMN_NUMBER},
    {"ACCEPTED", "accepted_ms", PH_COLUMN_TIME},
    {"TYPE", "type", PH_COLUMN_TEXT},
    {"SUBJECT", "subject", PH_COLUMN_TEXT},
    {"SOURCE", "source", PH_COLUMN_TEXT},
    {"MESSAGE-ID", "message_id", PH_COLUMN_TEXT},
};

static const ph_cli_option find_options[] = {
    {"id", "ID", "the event's id"},
    {"source", "SOURCE", "its source"},
    {"type", "TYPE", "its type"},
    {"subject", "ID", "its subject, a canonical id"},
    {"reference", "REF", "any vendor's reference of its subject"},
    {"attribute", "NAME=VALUE", "an extension attribute"},
    {"most", "N", "messages at most; 1000 by default"},
    {NULL, NULL, NULL},
};

static int
set_attribute(ph_cli *cli, const ph_args *args, json_t *request)
{
	const char *text = ph_args_get(args, "attribute");
	if (text == NULL)
		return PH_EXIT_OK;
	size_t length = strcspn(text, "=");
	if (length == 0 || text[length] != '=')
		return ph_cli_usage(cli, "PH7005 --attribute takes NAME=VALUE");
	json_t *attributes = json_object();
	json_object_setn_new(attributes, text, length, json_string(text + length + 1));
	json_object_set_new(request, "attributes", attributes);
	return PH_EXIT_OK;
}

static int
find(ph_cli *cli, const ph_args *args)
{
	static const char *const names[] = {
	    "id", "source", "type", "subject", "reference"};
	long long most = 1000;
	if (!ph_args_number(cli, args, "most", 1, 10000, &most))
		return PH_EXIT_USAGE;
	json_t *request = json_object();
	for (size_t i = 0; i < COUNT(names); i++)
		ph_ask_set(request, names[i], ph_args_get(args, names[i]));
	int code = set_attribute(cli, args, request);
	if (code == PH_EXIT_OK && json_object_size(request) == 0)
		code = ph_cli_usage(cli,
		    "PH7007 find by what? --id, --subject, --reference, "
		    "--type, --source or --attribute");
	if (code != PH_EXIT_OK) {
		json_decref(request);
		return code;
	}
	json_object_set_new(request, "most", json_integer(most));
	return ph_ask_table(cli, "message.find", request, find_columns,
	    COUNT(find_columns), "no messages");
}

/* --- show --- */

static const ph_column show_columns[] = {
    {"acceptance", "acceptance", PH_COLUMN_NUMBER},
    {"accepted", "accepted_ms", PH_COLUMN_TIME},
    {"source", "source", PH_COLUMN_TEXT},
    {"message id", "message_id", PH_COLUMN_TEXT},
    {"type", "type", PH_COLUMN_TEXT},
    {"subject", "subject", PH_COLUMN_TEXT},
    {"bytes", "size", PH_COLUMN_NUMBER},
    {"generation", "generation", PH_COLUMN_NUMBER},
};

static const ph_column queue_columns[] = {
    {"QUEUE", "queue", PH_COLUMN_TEXT},
    {"STATE", "state", PH_COLUMN_TEXT},
    {"ATTEMPTS", "attempts", PH_COLUMN_NUMBER},
};

static const ph_cli_option show_options[] = {
    {"source", "SOURCE", "with --id: which message"},
    {"id", "ID", "with --source: which message"},
    {"reveal", NULL, "show the payload too"},
    {"reason", "TEXT", "why: kept in the broker's log"},
    {NULL, NULL, NULL},
};

static void
show_row(void *self, json_t *row)
{
	ph_cli *cli = self;
	ph_rows *rows = NULL;
	ph_entry_show(cli, show_columns, COUNT(show_columns), row);
	if (cli->json ||
	    ph_rows_new(cli, queue_columns, COUNT(queue_columns), &rows, NULL) != PH_OK)
		return;
	size_t at;
	json_t *queue;
	json_array_foreach(json_object_get(row, "queues"), at, queue)
	    ph_rows_add(rows, json_incref(queue));
	ph_rows_finish(&rows, NULL);
}

/* One message: by `name` (a number or QUEUE/NUMBER), else by source and id. */
static int
show_one(ph_cli *cli, const ph_args *args, const char *name)
{
	json_t *request = json_object();
	ph_ask_set(request, "source", ph_args_get(args, "source"));
	ph_ask_set(request, "id", ph_args_get(args, "id"));
	if (name != NULL)
		json_object_set_new(request, "ids", json_pack("[s]", name));
	if (!ph_ask_reveal(cli, args, request)) {
		json_decref(request);
		return PH_EXIT_USAGE;
	}
	return ph_ask(cli, "message.show", request, show_row, cli);
}

static int
show(ph_cli *cli, const ph_args *args)
{
	bool source = ph_args_has(args, "source"), id = ph_args_has(args, "id");
	if (source != id || (args->count > 0) == id)
		return ph_cli_usage(cli, "PH7007 which message? an acceptance number, "
					 "QUEUE/NUMBER, or --source and --id");
	if (id)
		return show_one(cli, args, NULL);
	int code = PH_EXIT_OK;
	for (size_t i = 0; i < args->count && code != PH_EXIT_UNREACHABLE; i++) {
		int one = show_one(cli, args, args->operands[i]);
		code = one > code ? one : code;
	}
	return code;
}

static const ph_verb verbs[] = {
    {.name = "publish",
	.operands = "FILE|-",
	.least = 1,
	.most = 1,
	.help = "Publish CloudEvents, one JSON object a line.\n"
		"One line of JSON is printed for each event, in their order, once it "
		"is durable:\n"
		"{\"id\":...,\"status\":\"accepted\"}, \"duplicate\", or \"refused\" "
		"with code and "
		"text.\nExit code 1 when one was refused.",
	.options = ph_publish_options,
	.run = ph_cli_publish},
    {.name = "tail",
	.help =
	    "Print a queue's messages as CloudEvents, one JSON object a line.\n"
	    "With --settle each is taken and acknowledged after it has been written "
	    "out; else\n"
	    "the queue is only looked at, which the broker's log records as a reveal.",
	.options = ph_tail_options,
	.run = ph_cli_tail},
    {.name = "find",
	.help = "Find messages that have a subject, newest first.",
	.options = find_options,
	.run = find},
    {.name = "show",
	.operands = "[NUMBER|QUEUE/NUMBER]...",
	.help = "Show messages and where they went.",
	.options = show_options,
	.run = show},
    {.name = NULL},
};

const ph_noun ph_noun_message = {
    "message", "publish, tail, find and show messages", verbs};
