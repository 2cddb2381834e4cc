/*
 * kinds - the stores that the conformance cases are held against.
 *
 * conform_local is the journal on the disk at hand, with its threads; conform_local_cut is the
 * journal on a disk that loses some of what is not synced whenever its process dies;
 * conform_local_brief is the same with files that end before they are full;
 * conform_memory is the store in memory, which makes durable later.
 *
 * Each of conform_mutants is the store in memory with one mistake, which the case `caught_by` has to
 * find.
 *
 * Thread: the test's.
 */
#ifndef PH_TESTS_CONFORM_KINDS_H
#define PH_TESTS_CONFORM_KINDS_H

#include "tests/conform/conform.h"

extern const conform_kind conform_local;
extern const conform_kind conform_local_cut;
extern const conform_kind conform_local_brief;
extern const conform_kind conform_memory;

typedef struct conform_mutant {
	const char *mistake;
	const char *caught_by; /* name of a case */
} conform_mutant;

extern const conform_mutant conform_mutants[];
extern const size_t conform_mutant_count;

/* The kind that makes a mistake; good until the next call. */
const conform_kind *conform_mutant_kind(const char *mistake);

#endif
