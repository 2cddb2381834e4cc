/*
 * checkpoints - a story's checkpoints: written, replaced and removed as the broker does it, with its
 * own image of a file, but only so much in each as the checker needs to know.
 *
 * Thread: any.
 */
#ifndef PH_TESTS_CRASH_CHECKPOINTS_H
#define PH_TESTS_CRASH_CHECKPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fs.h"

/* Write checkpoint `number`, which says `place`, into root/checkpoint; the one before the last is
 * removed afterwards. False: it was not written. */
bool checkpoints_write(
    const ph_fs *fs, const char *root, uint64_t number, uint64_t place);
/* The newest valid one, looking back from `most`; *place is what it says. 0: none. */
uint64_t checkpoints_newest(const char *root, uint64_t most, uint64_t *place);

#endif
