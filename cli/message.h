/*
 * message - the verbs of `packhorse message` that live in files of their own.
 *
 * Thread: owner.
 */
#ifndef PH_CLI_MESSAGE_H
#define PH_CLI_MESSAGE_H

#include "cli/cli.h"

/* message publish FILE|- */
extern const ph_cli_option ph_publish_options[];
int ph_cli_publish(ph_cli *cli, const ph_args *args);

/* message tail */
extern const ph_cli_option ph_tail_options[];
int ph_cli_tail(ph_cli *cli, const ph_args *args);

#endif
