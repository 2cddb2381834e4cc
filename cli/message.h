/*
 * message - the verbs of `packhorse message` that live in files of their own.
 *
 * Thread: owner.
 */
#ifndef PH_CLI_MESSAGE_H
#define PH_CLI_MESSAGE_H

#include <packhorse/client.h>
#include "cli/cli.h"

/* message publish FILE|- */
extern const ph_cli_option ph_publish_options[];
int ph_cli_publish(ph_cli *cli, const ph_args *args);

/* message tail */
extern const ph_cli_option ph_tail_options[];
int ph_cli_tail(ph_cli *cli, const ph_args *args);

/* A session with the broker; complains and gives the exit code when there is none. *out is yours. */
int ph_cli_session(ph_cli *cli, const char *name, ph_client **out);

#endif
