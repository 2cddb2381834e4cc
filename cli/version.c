/*
 * packhorse version
 */
#include <packhorse/packhorse.h>

#include "cli/cli.h"
#include "lib/wire/frame.h"

static int
run(ph_cli *cli, const ph_args *args)
{
	(void) args;
	if (cli->json)
		ph_cli_json(cli, json_pack("{s:s, s:i}", "version", ph_version(),
				     "protocol", PH_PROTOCOL_VERSION));
	ph_cli_print(cli, "packhorse %s (session protocol %d)\n", ph_version(),
	    PH_PROTOCOL_VERSION);
	return PH_EXIT_OK;
}

static const ph_verb verbs[] = {
    {.name = "", .help = "Show the version.", .run = run},
    {.name = NULL},
};

const ph_noun ph_noun_version = {"version", "the version of this program", verbs};
