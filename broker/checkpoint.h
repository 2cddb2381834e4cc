/*
 * checkpoint - the broker's state written down from time to time, so that a start need not read all.
 *
 * Files state/checkpoint/NNNNNNNNNN.checkpoint (checkpoint_file.h), the last two of which are kept,
 * with the snapshots of the ledger they name. One is taken when `checkpoint-bytes` have been recorded
 * since the last, or `checkpoint-after` after something changed, and at a clean stop. The state is
 * encoded on the loop after a flush, behind a mark that proves all of it synced, so no record in it
 * moves any more; writing, syncing, reading back and tidying are done on a thread of its own.
 *
 * Thread: owner. Errors: PH_ERR_IO, PH_ERR_NOMEM; at the start as said there. A checkpoint that
 * cannot be taken is logged, and tried again later: nothing depends on it but the time of a start.
 */
#ifndef PH_BROKER_CHECKPOINT_H
#define PH_BROKER_CHECKPOINT_H

#include "broker/broker.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Make the directory, remove what was not finished. broker->checkpoints is there afterwards. */
ph_status ph_checkpoint_open(ph_broker *broker, ph_error *err);
/* Let go; one that is being written is waited for. NULL allowed. */
void ph_checkpoint_close(ph_checkpoints **checkpoints_p);

/* Load the newest checkpoint that can be used; those that cannot are named and put aside. *number: 0
 * if there is none; then the broker has no state yet. *sequence: of the last record that is in it.
 * PH_ERR_NOMEM. */
ph_status ph_checkpoint_recall(
    ph_broker *broker, uint64_t *number, uint64_t *sequence, ph_error *err);
/* The state is complete: checkpoints may be taken from now on. */
void ph_checkpoint_begin(ph_broker *broker);

/* Tell of one that is done. Is it time for the next? It is taken once all is durable. */
bool ph_checkpoint_wanted(ph_broker *broker);
/* When all is durable: take one if it is time, tell of one that is done. */
void ph_checkpoint_turn(ph_broker *broker);
/* Take one now unless nothing has changed, and wait until it is on the disk. */
void ph_checkpoint_last(ph_broker *broker);

typedef struct ph_checkpoint_state {
	uint64_t number;  /* of the last one; 0: none yet */
	int64_t taken_ms; /* wall */
	ph_position position;
	uint64_t sequence;
	uint64_t copied;   /* last record in the ledger's newest snapshot; 0: none */
	uint64_t failures; /* since the start */
} ph_checkpoint_state;
void ph_checkpoint_look(const ph_broker *broker, ph_checkpoint_state *out);

/* Records before *out are needed by neither of the two last checkpoints nor by the ledger's snapshots
 * that they name. False: there are not two yet. */
bool ph_checkpoint_floor(const ph_broker *broker, ph_position *out);

#ifdef __cplusplus
}
#endif
#endif
