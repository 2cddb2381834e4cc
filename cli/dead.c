/*
 * packhorse dead: what could not be delivered, why, and what to do about it.
 */
#include <stdint.h>

#include "cli/ask.h"
#include "cli/entry.h"
#include "cli/ids.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const ph_column ls_columns[] = {
    {"ID", "id", PH_COLUMN_TEXT},
    {"DIED", "dead_ms", PH_COLUMN_TIME},
    {"STAGE", "stage", PH_COLUMN_TEXT},
    {"REASON", "reason", PH_COLUMN_TEXT},
    {"ATTEMPTS", "attempts", PH_COLUMN_NUMBER},
    {"TYPE", "type", PH_COLUMN_TEXT},
    {"SUBJECT", "subject", PH_COLUMN_TEXT},
    {"MESSAGE-ID", "message_id", PH_COLUMN_TEXT},
};

static const ph_column show_columns[] = {
    {"id", "id", PH_COLUMN_TEXT},
    {"queue", "queue", PH_COLUMN_TEXT},
    {"acceptance", "acceptance", PH_COLUMN_NUMBER},
    {"died", "dead_ms", PH_COLUMN_TIME},
    {"stage", "stage", PH_COLUMN_TEXT},
    {"reason", "reason", PH_COLUMN_TEXT},
    {"path", "path", PH_COLUMN_TEXT},
    {"text", "text", PH_COLUMN_TEXT},
    {"attempts", "attempts", PH_COLUMN_NUMBER},
    {"source", "source", PH_COLUMN_TEXT},
    {"message id", "message_id", PH_COLUMN_TEXT},
    {"type", "type", PH_COLUMN_TEXT},
    {"subject", "subject", PH_COLUMN_TEXT},
};

#define FILTERS                                                                        \
	{"queue", "NAME", "only of this queue"},                                       \
	{                                                                              \
		"reason", "WORD", "only with this reason"                              \
	}

static void
filters(const ph_args *args, json_t *request)
{
	ph_ask_set(request, "queue", ph_args_get(args, "queue"));
	ph_ask_set(request, "reason", ph_args_get(args, "reason"));
}

/* --- ls --- */

static const ph_cli_option ls_options[] = {
    FILTERS,
    {"most", "N", "entries at most; 1000 by default"},
    {"after", "NUMBER", "only those behind this acceptance number"},
    {NULL, NULL, NULL},
};

static int
ls(ph_cli *cli, const ph_args *args)
{
	long long most = 1000, after = 0;
	if (!ph_args_number(cli, args, "most", 1, 100000, &most) ||
	    !ph_args_number(cli, args, "after", 0, INT64_MAX, &after))
		return PH_EXIT_USAGE;
	json_t *request = json_pack(
	    "{s:I, s:I}", "most", (json_int_t) most, "after", (json_int_t) after);
	filters(args, request);
	return ph_ask_table(
	    cli, "dead.ls", request, ls_columns, COUNT(ls_columns), "no dead letters");
}

/* --- show --- */

static const ph_cli_option show_options[] = {
    {"reveal", NULL, "show the payloads too"},
    {"reason", "TEXT", "why: kept in the broker's log"},
    {NULL, NULL, NULL},
};

static void
show_row(void *self, json_t *row)
{
	ph_entry_show(self, show_columns, COUNT(show_columns), row);
	ph_cli_print(self, "\n");
}

static int
show(ph_cli *cli, const ph_args *args)
{
	json_t *request = json_object(), *ids = json_array();
	for (size_t i = 0; i < args->count; i++)
		json_array_append_new(ids, json_string(args->operands[i]));
	json_object_set_new(request, "ids", ids);
	if (!ph_ask_reveal(cli, args, request)) {
		json_decref(request);
		return PH_EXIT_USAGE;
	}
	return ph_ask(cli, "dead.show", request, show_row, cli);
}

/* --- replay, discard --- */

static const ph_cli_option act_options[] = {
    FILTERS,
    PH_IDS_OPTIONS,
    {NULL, NULL, NULL},
};

typedef struct acting {
	ph_cli *cli;
	const char *done;    /* member that says whether it was done */
	const char *would;   /* "would be replayed" */
	size_t count, acted; /* rows; those it was done for */
} acting;

static void
act_row(void *self, json_t *row)
{
	acting *a = self;
	const char *id = json_string_value(json_object_get(row, "id"));
	bool done = json_is_true(json_object_get(row, a->done));
	a->count++;
	a->acted += done;
	if (a->cli->json)
		ph_cli_json(a->cli, json_incref(row));
	else
		ph_cli_print(a->cli, "%s %s\n", id != NULL ? id : "?",
		    done ? a->done : a->would);
}

static int
act(ph_cli *cli, const ph_args *args, const char *verb, acting *a)
{
	json_t *request = json_object();
	filters(args, request);
	if (!ph_args_has(args, "all") && json_object_size(request) > 0) {
		json_decref(request);
		return ph_cli_usage(cli, "PH7007 --queue and --reason go with --all");
	}
	int code = ph_ids_ask(cli, verb, args, request, stdin, act_row, a);
	if (code == PH_EXIT_OK && a->count == 0)
		ph_cli_print(cli, "no dead letters\n");
	return code;
}

static int
replay(ph_cli *cli, const ph_args *args)
{
	acting a = {.cli = cli, .done = "replayed", .would = "would be replayed"};
	return act(cli, args, "dead.replay", &a);
}

static int
discard(ph_cli *cli, const ph_args *args)
{
	acting a = {.cli = cli, .done = "discarded", .would = "would be discarded"};
	return act(cli, args, "dead.discard", &a);
}

static const ph_verb verbs[] = {
    {.name = "ls", .help = "List the dead letters.", .options = ls_options, .run = ls},
    {.name = "show",
	.operands = "ID...",
	.least = 1,
	.help = "Show why dead letters died. An id is QUEUE/NUMBER.",
	.options = show_options,
	.run = show},
    {.name = "replay",
	.operands = "ID...|-",
	.help = "Deliver dead letters again, through today's map, to their queue only.",
	.options = act_options,
	.run = replay},
    {.name = "discard",
	.operands = "ID...|-",
	.help = "Give dead letters up. They stay in the books as discarded.",
	.options = act_options,
	.run = discard},
    {.name = NULL},
};

const ph_noun ph_noun_dead = {"dead", "what could not be delivered, and why", verbs};
