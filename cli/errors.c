/*
 * packhorse errors: what an error code means and what to do, from doc/errors at build time.
 */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"

typedef struct entry {
	const char *code, *about, *meaning, *cure;
} entry;

static const entry entries[] = {
#include "cli/errors_table.h"
};
#define ENTRIES (sizeof entries / sizeof *entries)

static void
show(ph_cli *cli, const entry *e)
{
	if (cli->json)
		ph_cli_json(
		    cli, json_pack("{s:s, s:s, s:s, s:s}", "code", e->code, "about",
			     e->about, "meaning", e->meaning, "cure", e->cure));
	ph_cli_print(cli, "%s (%s)\n  means: %s\n  cure:  %s\n", e->code, e->about,
	    e->meaning, e->cure);
}

static int
list(ph_cli *cli)
{
	const char *about = "";
	for (size_t i = 0; i < ENTRIES; i++) {
		if (cli->json) {
			show(cli, &entries[i]);
			continue;
		}
		if (strcmp(about, entries[i].about) != 0)
			ph_cli_print(
			    cli, "%s%s\n", i > 0 ? "\n" : "", entries[i].about);
		about = entries[i].about;
		ph_cli_print(cli, "  %s  %s\n", entries[i].code, entries[i].meaning);
	}
	return PH_EXIT_OK;
}

/* "PH2313", "ph2313" or "2313". */
static const entry *
find(const char *text)
{
	if (toupper((unsigned char) text[0]) == 'P' &&
	    toupper((unsigned char) text[1]) == 'H')
		text += 2;
	for (size_t i = 0; i < ENTRIES; i++)
		if (strcmp(entries[i].code + 2, text) == 0)
			return &entries[i];
	return NULL;
}

static int
run(ph_cli *cli, const ph_args *args)
{
	int code = PH_EXIT_OK;
	if (args->count == 0)
		return list(cli);
	for (size_t i = 0; i < args->count; i++) {
		const entry *e = find(args->operands[i]);
		if (e != NULL) {
			show(cli, e);
			continue;
		}
		ph_error err = {.status = PH_OK};
		ph_fail_at(&err, PH_ERR_NOT_FOUND, args->operands[i],
		    "PH7320 there is no such error code; `packhorse errors` lists "
		    "them");
		code = ph_cli_fail(cli, &err);
	}
	return code;
}

static const ph_verb verbs[] = {
    {.name = "",
	.operands = "[CODE...]",
	.help = "Say what error codes mean and what to do. Without a code: list all.\n"
		"A code is written PH2313, or 2313.",
	.run = run},
    {.name = NULL},
};

const ph_noun ph_noun_errors = {"errors", "what an error code means", verbs};
