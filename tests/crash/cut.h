/*
 * cut - the power cut before each sync of a trace, and at its end, in the ways that are possible.
 *
 * What can be left only grows until something is synced, so no other moment leaves more. Where there
 * are no more states than `most`, each of them is made and checked; else, and besides, some by
 * chance, with torn pages.
 *
 * Thread: owner.
 */
#ifndef PH_TESTS_CRASH_CUT_H
#define PH_TESTS_CRASH_CUT_H

#include "tests/crash/trace.h"

#define CUT_WRONG 300 /* bytes */

typedef struct cutter {
	const trace *trace;
	const char *root; /* directory: states are made here */
	uint64_t *random;
	uint64_t most;	  /* states of one cut */
	unsigned samples; /* by chance */
	unsigned every;	  /* cut in one of so many places, by chance; 1: in each */
	void *self;	  /* of both: */
	void (*enter)(void *self, const trace_note *note); /* a note is passed */
	void (*check)(void *self);			   /* a state is made */
	char *
	    wrong; /* CUT_WRONG bytes that a check fills; then it ends, and says where */
	uint64_t cuts, whole, states; /* made; with all of their states; states */
} cutter;

void cut_everywhere(cutter *self);

#endif
