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

static int
get(ph_cli *cli, const ph_args *args)
{
	if (args->count == 2)
		return ph_cli_usage(
		    cli, "PH7006 usage: packhorse xref get [ENTITY SYSTEM] REF");
	json_t *request = json_object();
	ph_ask_set(request, "key", args->operands[args->count - 1]);
	if (args->count == 3) {
		ph_ask_set(request, "entity", args->operands[0]);
		ph_ask_set(request, "system", args->operands[1]);
	}
	return ph_ask_table(
	    cli, "xref.get", request, columns, sizeof columns / sizeof *columns, NULL);
}

static const ph_verb verbs[] = {
    {.name = "get",
	.operands = "[ENTITY SYSTEM] REF",
	.least = 1,
	.most = 3,
	.help =
	    "Show every system's reference of the thing that REF is.\n"
	    "REF is a canonical id, or any system's reference. With ENTITY and SYSTEM "
	    "only\n"
	    "that system's binding is shown: of its own REF, or of the canonical id.",
	.run = get},
    {.name = NULL},
};

const ph_noun ph_noun_xref = {"xref", "what each system calls the same thing", verbs};
