/*
 * driver - what libFuzzer calls: the target that PH_FUZZ_TARGET names.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/targets.h"

static const ph_fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	const char *name = getenv("PH_FUZZ_TARGET");
	target = name == NULL ? NULL : ph_target_named(name);
	if (target == NULL) {
		fprintf(stderr, "PH_FUZZ_TARGET names none of the targets:");
		for (const ph_fuzz_target *t = ph_targets; t->name != NULL; t++)
			fprintf(stderr, " %s", t->name);
		fprintf(stderr, "\n");
		exit(EXIT_FAILURE);
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	target->run(bytes, length);
	return 0;
}
