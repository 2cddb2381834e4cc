/*
 * journal_fields - what a record of the journal says, as JSON.
 *
 * Names are those of doc/journal.md. Of bytes that are somebody's (a message's data, a cursor, what
 * a delivery needs to resume) only the length is given, unless they are to be revealed.
 *
 * Thread: pure. Errors: PH_ERR_DAMAGED, PH_ERR_VERSION: the body is none that this version knows.
 */
#ifndef PH_CLI_JOURNAL_FIELDS_H
#define PH_CLI_JOURNAL_FIELDS_H

#include <stdbool.h>
#include <jansson.h>

#include "broker/journal_inspect.h"

/* Add the fields of the body to `out`; NULL: only see whether it can be read. */
ph_status ph_journal_fields(
    const ph_inspected *record, bool reveal, json_t *out, ph_error *err);

/* The type of that name; 0: there is none. */
uint8_t ph_journal_type(const char *name);

#endif
