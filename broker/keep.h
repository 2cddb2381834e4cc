/*
 * keep - the room on the disk that a trim needs, so that a disk that is full is accepted on again.
 *
 * An extent of the journal goes when two checkpoints and a snapshot of the ledger lie behind it. All
 * three take room, and the ledger does to get there. So much is left free of what new messages may
 * take (ph_store_keep): two checkpoints of the state as it is, a copy of the ledger as it is, and, for
 * its growth and the copy's, half of the journal that it has not folded yet; and a file of the journal,
 * for the end that a start after a kill writes again. That is more than the
 * ledger was seen to take of ordinary messages; where it is too little, it is folded in smaller steps.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_BROKER_KEEP_H
#define PH_BROKER_KEEP_H

#include "broker/broker.h"

/* Tell the store what to leave now. */
void ph_keep_tell(ph_broker *broker);
/* The same, if much was written since. */
void ph_keep_turn(ph_broker *broker);

/* Could somebody take so many bytes who never gives them back, and new messages had room besides? */
bool ph_keep_allows(const ph_broker *broker, uint64_t bytes);

#endif
