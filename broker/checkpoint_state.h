/*
 * checkpoint_state - the broker's state into the sections of a checkpoint, and back.
 *
 * What is written down is what a fold of the journal up to the last record would give, and, where
 * memory knows more than any record tells (hand-outs to destinations that may be sent a thing twice),
 * that too. Deliveries in flight are written down as ready, in front; the rules for those found at a
 * start are applied after loading, as after a fold (ph_dispatch_recovered).
 *
 * checkpoint_state.c saves, checkpoint_load.c loads.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM; loading also PH_ERR_DAMAGED (sections that contradict each
 * other), PH_ERR_CONFLICT (not of this journal).
 */
#ifndef PH_BROKER_CHECKPOINT_STATE_H
#define PH_BROKER_CHECKPOINT_STATE_H

#include "broker/broker.h"
#include "broker/checkpoint_file.h"

/* Flags of an item that are kept. */
#define PH_CHECKPOINT_FLAGS                                                            \
	(PH_ITEM_SENT | PH_ITEM_POSSIBLY | PH_ITEM_REPLAYED | PH_ITEM_ATTEMPT)

/* Where an item stands, on disk. */
enum {
	PH_CHECKPOINT_READY = 1,
	PH_CHECKPOINT_WAITING,
	PH_CHECKPOINT_UNKNOWN,
	PH_CHECKPOINT_DEAD
};

/* The last record that is in the state. */
typedef struct ph_checkpoint_place {
	ph_position position;
	uint64_t sequence;
	uint32_t length, crc; /* of its body */
} ph_checkpoint_place;

/* Append the sections. Everything submitted must be durable, and there must have been a record.
 * `paths` are files of shelves to be synced before the checkpoint is one (ph_shelf_sync); once it is,
 * or is known not to become one, say so with ph_checkpoint_state_saved. */
ph_status ph_checkpoint_state_save(ph_broker *broker, ph_buffer *image,
    ph_buffer *paths, ph_checkpoint_place *place, ph_error *err);
/* The checkpoint with these sections is durable. */
void ph_checkpoint_state_saved(ph_broker *broker);
/* The place, if that record is still there: else PH_ERR_CONFLICT (PH5342). */
ph_status ph_checkpoint_state_place(ph_broker *broker, const ph_checkpoint_file *file,
    ph_checkpoint_place *out, ph_error *err);
/* Into a broker that has no state yet. On an error what is in it is of no use. */
ph_status ph_checkpoint_state_load(
    ph_broker *broker, const ph_checkpoint_file *file, ph_error *err);

#endif
