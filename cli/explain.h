/*
 * explain - where each value of an output came from, for `packhorse map run --explain`.
 *
 * Watches a call through its trace and keeps, for each record, one row for each value that a link
 * had for a target: the link's place, what it read, the conversions it went through, the value. What was
 * made from a secret is not kept.
 *
 * Thread: owner. Errors: without memory rows are missing.
 */
#ifndef PH_CLI_EXPLAIN_H
#define PH_CLI_EXPLAIN_H

#include "cli/cli.h"
#include "transform/trace.h"

typedef struct ph_explain {
	ph_trace trace;
	json_t *records;	 /* number of the record -> list of rows */
	json_t *steps;		 /* conversions of the link at hand */
	const ph_op *op;	 /* whose steps they are, */
	const ph_record *record; /* and in which record */
} ph_explain;

void ph_explain_init(ph_explain *explain);
void ph_explain_fini(ph_explain *explain);
/* The rows of one record; NULL if there are none. Borrowed. */
const json_t *ph_explain_rows(const ph_explain *explain, size_t record);
/* The same for people. */
void ph_explain_show(const ph_explain *explain, ph_cli *cli, size_t record);

#endif
