/*
 * packhorse ledger: copies of the ledger, for whoever wants to ask more than the verbs answer.
 */
#include "cli/ask.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static const ph_column columns[] = {
    {"file", "file", PH_COLUMN_TEXT},
    {"last record", "record", PH_COLUMN_NUMBER},
    {"bytes", "bytes", PH_COLUMN_NUMBER},
};

typedef struct showing {
	ph_cli *cli;
	const char *path;
} showing;

static void
show(void *self, json_t *row)
{
	const showing *s = self;
	json_object_set_new(row, "file", json_string(s->path));
	ph_cli_sheet(
	    s->cli, columns, sizeof columns / sizeof *columns, json_incref(row));
}

/* The broker writes the file, so it is told where from the root on. */
static bool
absolute(const char *file, char *out, size_t size)
{
	char here[PATH_MAX];
	if (file[0] == '/')
		return snprintf(out, size, "%s", file) < (int) size;
	return getcwd(here, sizeof here) != NULL &&
	       snprintf(out, size, "%s/%s", here, file) < (int) size;
}

static int
snapshot(ph_cli *cli, const ph_args *args)
{
	char path[PATH_MAX];
	if (!absolute(args->operands[0], path, sizeof path))
		return ph_cli_usage(cli, "PH7006 the path of the file is too long");
	showing s = {.cli = cli, .path = path};
	json_t *request = json_object();
	ph_ask_set(request, "name", path);
	return ph_ask(cli, "ledger.snapshot", request, show, &s);
}

static const ph_verb verbs[] = {
    {.name = "snapshot",
	.operands = "FILE",
	.least = 1,
	.most = 1,
	.help =
	    "Write a copy of the ledger to FILE, to be asked with sqlite3.\n"
	    "It has the cross-references, cases and dead letters as they are now, and "
	    "no\n"
	    "bodies. FILE must not be there yet; the broker writes it, so it belongs "
	    "to the\n"
	    "broker's user (mode 0600) and must be where that user may write. While "
	    "it is\n"
	    "written the ledger answers nothing else.",
	.run = snapshot},
    {.name = NULL},
};

const ph_noun ph_noun_ledger = {"ledger", "copies of the ledger, to be queried", verbs};
