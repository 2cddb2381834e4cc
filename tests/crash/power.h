/*
 * power - what a power cut may leave of files, by the model that doc/testing.md describes.
 *
 * Trace operations are applied in their order. At any moment there are states that a cut may leave:
 * - of each 4-KiB page what it was at the last sync of its file, or any version since;
 * - of each file any size that it had since its last sync (what was never written is zeros);
 * - of what was done to names since the directories were synced, a beginning, in order.
 * All of these are independent. power_states counts the combinations, power_make puts one of them
 * into a directory; power_sample tears pages, too: each 512-byte sector has a version of its own.
 *
 * Thread: owner.
 */
#ifndef PH_TESTS_CRASH_POWER_H
#define PH_TESTS_CRASH_POWER_H

#include "tests/crash/trace.h"

typedef struct power power;

power *power_new(void);
void power_destroy(power **self_p);
/* The next operation of a trace; notes change nothing. */
void power_apply(power *self, const trace_op *op);
/* How many states there are; UINT64_MAX stands for anything more than `most`. */
uint64_t power_states(power *self, uint64_t most);
/* Make the directory `root` hold state `number`, and nothing else. */
void power_make(power *self, uint64_t number, const char *root);
/* A state by chance, with torn pages. */
void power_sample(power *self, uint64_t *random, const char *root);

#endif
