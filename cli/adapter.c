/*
 * packhorse adapter: the systems, and the hosts that speak with them.
 */
#include "cli/ask.h"

static const ph_column columns[] = {
    {"ADAPTER", "adapter", PH_COLUMN_TEXT},
    {"STATE", "state", PH_COLUMN_TEXT},
    {"TRANSPORT", "transport", PH_COLUMN_TEXT},
    {"QUEUE", "queue", PH_COLUMN_TEXT},
    {"READY", "ready", PH_COLUMN_NUMBER},
    {"IN-FLIGHT", "in_flight", PH_COLUMN_NUMBER},
    {"PID", "pid", PH_COLUMN_NUMBER},
    {"RESTARTS", "restarts", PH_COLUMN_NUMBER},
    {"LAST-ERROR", "last_error", PH_COLUMN_TEXT},
};

static int
ls(ph_cli *cli, const ph_args *args)
{
	(void) args;
	return ph_ask_table(cli, "adapter.ls", NULL, columns,
	    sizeof columns / sizeof *columns, "no adapters");
}

static const ph_verb verbs[] = {
    {.name = "ls", .help = "List the adapters and how their hosts are.", .run = ls},
    {.name = NULL},
};

const ph_noun ph_noun_adapter = {"adapter", "the systems and their hosts", verbs};
