/*
 * map_tools - the verbs of `packhorse map` that have a file of their own.
 *
 * Thread: owner. Errors: told; the exit code is returned.
 */
#ifndef PH_CLI_MAP_TOOLS_H
#define PH_CLI_MAP_TOOLS_H

#include "cli/cli.h"

extern const ph_cli_option ph_map_test_options[], ph_map_coverage_options[],
    ph_map_laws_options[], ph_map_new_options[], ph_map_run_options[];

/* map_run.c: one document, or a large file. */
int ph_map_run(ph_cli *cli, const ph_args *args);
/* map_test.c: samples both ways. */
int ph_map_test(ph_cli *cli, const ph_args *args);
/* map_coverage.c: what they do not touch. */
int ph_map_coverage(ph_cli *cli, const ph_args *args);
/* map_laws.c: there and back. */
int ph_map_laws(ph_cli *cli, const ph_args *args);
/* map_new.c: a draft from a sample. */
int ph_map_new(ph_cli *cli, const ph_args *args);
/* map_diff.c: two versions in words. Exit 1 if they differ. */
int ph_map_diff_verb(ph_cli *cli, const ph_args *args);

#endif
