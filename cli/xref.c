/*
 * packhorse xref: what each system calls the same thing.
 */
#include "cli/ask.h"

static const ph_column columns[] = {
    {"ENTITY", "entity", PH_COLUMN_TEXT},
    {"CANONICAL-ID", "canonical_id", PH_COLUMN_TEXT},
    {"SYSTEM", "system", PH_COLUMN_TEXT},
    {"KEY", "key", PH_COLUMN_TEXT},
    {"SINCE", "at_ms", PH_COLUMN_TIME},
};

static const ph_cli_option options[] = {
    {"system", "NAME", "only this system's key"},
    {"entity", "NAME", "only of this entity"},
    {NULL, NULL, NULL},
};

static int
get(ph_cli *cli, const ph_args *args)
{
	json_t *request = json_object();
	ph_ask_set(request, "key", args->operands[0]);
	ph_ask_set(request, "system", ph_args_get(args, "system"));
	ph_ask_set(request, "entity", ph_args_get(args, "entity"));
	return ph_ask_table(
	    cli, "xref.get", request, columns, sizeof columns / sizeof *columns, NULL);
}

static const ph_verb verbs[] = {
    {.name = "get",
	.operands = "REF",
	.least = 1,
	.most = 1,
	.help = "Show every system's reference of the thing that REF is.\n"
		"REF is a canonical id, or any system's reference.",
	.options = options,
	.run = get},
    {.name = NULL},
};

const ph_noun ph_noun_xref = {"xref", "what each system calls the same thing", verbs};
