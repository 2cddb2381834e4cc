/*
 * entry - rows that may carry a message: the encoded form comes from the broker in base64, and is
 * shown as a CloudEvent, as written, numbers included.
 *
 * Thread: owner.
 */
#ifndef PH_CLI_ENTRY_H
#define PH_CLI_ENTRY_H

#include "cli/cli.h"

/* With --json: the row as one line, `message` replaced by `event`, the CloudEvent. Else: the sheet
 * of the columns, and the event under it. Borrows the row. */
void ph_entry_show(
    ph_cli *cli, const ph_column *columns, size_t count, const json_t *row);

#endif
