/*
 * session - a session with the broker, for verbs that publish or take messages.
 *
 * Thread: owner. Errors: complained about here.
 */
#ifndef PH_CLI_SESSION_H
#define PH_CLI_SESSION_H

#include <packhorse/client.h>
#include "cli/cli.h"

/* Complains and gives the exit code when there is none. *out is yours. */
int ph_cli_session(ph_cli *cli, const char *name, ph_client **out);

#endif
