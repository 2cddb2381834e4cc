/*
 * ids - the entries a destructive verb is about: named, read from standard input, or all.
 *
 * Ids come as operands or, with the operand "-", one a line from standard input; --all means every
 * entry that the verb's own options let through, and needs --yes unless it is a --dry-run.
 *
 * Thread: owner. Errors: complained about here.
 */
#ifndef PH_CLI_IDS_H
#define PH_CLI_IDS_H

#include "cli/cli.h"

#define PH_IDS_AT_ONCE 500 /* ids in one request */

/* Options every destructive verb has; put them in its table. */
#define PH_IDS_OPTIONS                                                                 \
	{"all", NULL, "every entry that the other options let through; needs --yes"},  \
	    {"yes", NULL, "do it without asking"},                                     \
	{                                                                              \
		"dry-run", NULL, "only say what would be done"                         \
	}

/* Ask `verb` for all of it, in as many requests as needed. `args` has the other arguments and is
 * taken; `row` gets every row. `in` is standard input. Returns the exit code. */
int ph_ids_ask(ph_cli *cli, const char *verb, const ph_args *args, json_t *request,
    FILE *in, void (*row)(void *self, json_t *row), void *self);

#endif
