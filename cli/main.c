/*
 * packhorse - the command line of the message bus; see packhorse(1).
 */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

static const ph_noun *const nouns[] = {
    &ph_noun_status,
    &ph_noun_queue,
    &ph_noun_dead,
    &ph_noun_message,
    &ph_noun_case,
    &ph_noun_adapter,
    &ph_noun_route,
    &ph_noun_xref,
    &ph_noun_ledger,
    &ph_noun_journal,
    &ph_noun_map,
    &ph_noun_schema,
    &ph_noun_codes,
    &ph_noun_config,
    &ph_noun_errors,
    &ph_noun_version,
    NULL,
};

int
main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	ph_cli cli = {
	    .out = stdout,
	    .err = stderr,
	    .terminal = isatty(STDOUT_FILENO) == 1,
	};
	return ph_cli_main(&cli, nouns, argc, argv);
}
