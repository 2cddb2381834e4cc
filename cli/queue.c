/*
 * packhorse queue: what waits for each destination.
 */
#include <stdint.h>

#include "cli/ask.h"
#include "cli/entry.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const ph_column ls_columns[] = {
    {"DESTINATION", "queue", PH_COLUMN_TEXT},
    {"STATE", "state", PH_COLUMN_TEXT},
    {"READY", "ready", PH_COLUMN_NUMBER},
    {"IN-FLIGHT", "in_flight", PH_COLUMN_NUMBER},
    {"HELD", "held", PH_COLUMN_NUMBER},
    {"DEAD", "dead", PH_COLUMN_NUMBER},
    {"OLDEST", "oldest_s", PH_COLUMN_AGE},
    {"RATE/MIN", "rate_min", PH_COLUMN_NUMBER},
    {"NEXT-TRY", "next_try_s", PH_COLUMN_AGE},
    {"LAST-ERROR", "last_error", PH_COLUMN_TEXT},
};

static int
ls(ph_cli *cli, const ph_args *args)
{
	(void) args;
	return ph_ask_table(
	    cli, "queue.ls", NULL, ls_columns, COUNT(ls_columns), "no queues");
}

/* --- show --- */

static const ph_column show_columns[] = {
    {"queue", "queue", PH_COLUMN_TEXT},
    {"state", "state", PH_COLUMN_TEXT},
    {"balance", "balance", PH_COLUMN_NUMBER},
    {"+ accepted", "accepted", PH_COLUMN_NUMBER},
    {"+ replayed", "replayed", PH_COLUMN_NUMBER},
    {"+ moved in", "moved_in", PH_COLUMN_NUMBER},
    {"- delivered", "delivered", PH_COLUMN_NUMBER},
    {"- duplicate", "duplicate", PH_COLUMN_NUMBER},
    {"- dead", "dead", PH_COLUMN_NUMBER},
    {"- discarded", "discarded", PH_COLUMN_NUMBER},
    {"- expired", "expired", PH_COLUMN_NUMBER},
    {"- erased", "erased", PH_COLUMN_NUMBER},
    {"- moved out", "moved_out", PH_COLUMN_NUMBER},
    {"- pending", "pending", PH_COLUMN_NUMBER},
    {"  ready", "ready", PH_COLUMN_NUMBER},
    {"  in flight", "in_flight", PH_COLUMN_NUMBER},
    {"  held", "held", PH_COLUMN_NUMBER},
    {"oldest", "oldest_s", PH_COLUMN_AGE},
    {"rate a minute", "rate_min", PH_COLUMN_NUMBER},
    {"next try", "next_try_s", PH_COLUMN_AGE},
    {"last error", "last_error", PH_COLUMN_TEXT},
};

/* For people the books stand among the rest. */
static void
show_row(void *self, json_t *row)
{
	ph_cli *cli = self;
	json_t *shown = json_copy(row);
	if (!cli->json)
		json_object_update(shown, json_object_get(row, "books"));
	ph_cli_sheet(cli, show_columns, COUNT(show_columns), shown);
}

static int
show(ph_cli *cli, const ph_args *args)
{
	json_t *request = json_object();
	ph_ask_set(request, "queue", args->operands[0]);
	return ph_ask(cli, "queue.show", request, show_row, cli);
}

/* --- peek --- */

static const ph_column peek_columns[] = {
    {"ID", "id", PH_COLUMN_TEXT},
    {"STATE", "state", PH_COLUMN_TEXT},
    {"ATTEMPTS", "attempts", PH_COLUMN_NUMBER},
    {"ACCEPTED", "accepted_ms", PH_COLUMN_TIME},
    {"TYPE", "type", PH_COLUMN_TEXT},
    {"SUBJECT", "subject", PH_COLUMN_TEXT},
    {"BYTES", "size", PH_COLUMN_NUMBER},
    {"SOURCE", "source", PH_COLUMN_TEXT},
    {"MESSAGE-ID", "message_id", PH_COLUMN_TEXT},
};

static void
peek_row(void *self, json_t *row)
{
	ph_entry_show(self, peek_columns, COUNT(peek_columns), row);
}

static const ph_cli_option peek_options[] = {
    {"most", "N", "entries at most; 100 by default"},
    {"after", "NUMBER", "only those behind this acceptance number"},
    {"reveal", NULL, "show the payloads too"},
    {"reason", "TEXT", "why: kept in the broker's log"},
    {NULL, NULL, NULL},
};

static int
peek(ph_cli *cli, const ph_args *args)
{
	long long most = 100, after = 0;
	if (!ph_args_number(cli, args, "most", 1, 100000, &most) ||
	    !ph_args_number(cli, args, "after", 0, INT64_MAX, &after))
		return PH_EXIT_USAGE;
	json_t *request = json_pack("{s:s, s:I, s:I}", "queue", args->operands[0],
	    "most", (json_int_t) most, "after", (json_int_t) after);
	if (!ph_ask_reveal(cli, args, request)) {
		json_decref(request);
		return PH_EXIT_USAGE;
	}
	if (ph_args_has(args, "reveal") || cli->json)
		return ph_ask(cli, "queue.peek", request, peek_row, cli);
	return ph_ask_table(cli, "queue.peek", request, peek_columns,
	    COUNT(peek_columns), "nothing waits");
}

static const ph_verb verbs[] = {
    {.name = "ls", .help = "List the queues.", .run = ls},
    {.name = "show",
	.operands = "QUEUE",
	.least = 1,
	.most = 1,
	.help = "Show one queue and its books.",
	.run = show},
    {.name = "peek",
	.operands = "QUEUE",
	.least = 1,
	.most = 1,
	.help = "Look at what waits, without taking it.",
	.options = peek_options,
	.run = peek},
    {.name = NULL},
};

const ph_noun ph_noun_queue = {"queue", "what waits for each destination", verbs};
