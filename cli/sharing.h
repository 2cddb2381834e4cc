/*
 * sharing - the data-sharing table: which field reaches which system, as what, and why.
 *
 * It is worked out from the declarations alone: a route brings a type of message to a queue for a
 * purpose; the adapter that empties the queue names a map for that type; the map's links say
 * which canonical fields go out, and the canonical schema says how sensitive each is.
 *
 * Thread: owner. Errors: what the site or a map has wrong.
 */
#ifndef PH_CLI_SHARING_H
#define PH_CLI_SHARING_H

#include "cli/cli.h"
#include "lib/site/site.h"

/* Print the table of the routes that `wanted` lets through (NULL: all). With --json one object a row:
 * destination purpose type entity field label as route. */
ph_status ph_sharing_show(ph_cli *cli, const ph_site *site,
    bool (*wanted)(void *self, const char *route), void *self, ph_error *err);

#endif
