/*
 * ask - the command line's side of the broker's control socket.
 *
 * Each question is a connection of its own: a request line, rows, a last line. The socket is the
 * one of --socket; else <run>/control with the run directory of -c DIR; else of the environment's
 * PACKHORSE_RUN; else of PACKHORSE_SITE or the system's site directory; else /run/packhorse.
 *
 * Thread: owner. Errors: complained about here; the exit code says which.
 */
#ifndef PH_CLI_ASK_H
#define PH_CLI_ASK_H

#include "cli/cli.h"

/* One row of an answer; borrowed during the call. */
typedef void ph_ask_row_fn(void *self, json_t *row);

/* Ask the broker; `args` is taken (NULL: none). Every row goes to `row` (NULL: not wanted). Returns the
 * exit code, having complained about what went wrong. */
int ph_ask(ph_cli *cli, const char *verb, json_t *args, ph_ask_row_fn *row, void *self);

/* The same, quietly: the error is the caller's to show. PH_ERR_CLOSED: not reachable. */
ph_status ph_ask_quietly(const ph_cli *cli, const char *verb, json_t *args,
    ph_ask_row_fn *row, void *self, ph_error *err);

/* Ask, and show the rows as a table. `empty` is said when there is none. */
int ph_ask_table(ph_cli *cli, const char *verb, json_t *args, const ph_column *columns,
    size_t count, const char *empty);

/* Path of the control socket. */
ph_status ph_ask_path(const ph_cli *cli, char *out, size_t size, ph_error *err);

/* Complain that the broker is not reachable; returns 3. */
int ph_ask_unreachable(ph_cli *cli, const ph_error *err);

/* Set a member unless the text is NULL. */
void ph_ask_set(json_t *args, const char *name, const char *text);
/* --reveal and --reason into `args`; false: complained, exit 2 is due. */
bool ph_ask_reveal(ph_cli *cli, const ph_args *from, json_t *args);

#endif
