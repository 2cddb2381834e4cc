/*
 * checkpoint_names - the names of checkpoints and of the ledger's snapshots: a number between two words.
 *
 * Thread: any. Errors: none.
 */
#ifndef PH_BROKER_CHECKPOINT_NAMES_H
#define PH_BROKER_CHECKPOINT_NAMES_H

#include <stdint.h>

#define PH_CHECKPOINT_PATH 4096

/* "<directory>/<before><number><after>" */
void ph_checkpoint_name(char out[PH_CHECKPOINT_PATH + 64], const char *directory,
    const char *before, uint64_t number, const char *after);
/* Call `fn` with the number of every file of that form; the newest last. */
void ph_checkpoint_each(const char *directory, const char *before, const char *after,
    void (*fn)(void *self, uint64_t number), void *self);

#endif
