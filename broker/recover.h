/*
 * recover - the broker's state at start: the newest checkpoint, and every record since, entered again.
 *
 * The same functions that entered a record when it was written enter it now, so the state after a
 * start is the state before the stop, less what was held by sessions. Without a checkpoint all records
 * are entered, from the first. Bindings are entered from where the ledger stands; where it is far
 * behind, look-ups wait until it has come as far as the checkpoint (broker->known).
 *
 * Thread: owner. Errors: PH_ERR_DAMAGED (also: the journal is trimmed and there is no
 * checkpoint), PH_ERR_VERSION, PH_ERR_NOMEM, PH_ERR_IO.
 */
#ifndef PH_BROKER_RECOVER_H
#define PH_BROKER_RECOVER_H

#include "broker/broker.h"

typedef struct ph_recovery {
	uint64_t checkpoint; /* its number; 0: none was used */
	uint64_t records;    /* entered */
	uint64_t pending;    /* deliveries that are neither settled nor dead */
	uint64_t away;	     /* of them in flight with hosts that may come back */
} ph_recovery;

/* Read all there is; *out tells what it came to. */
ph_status ph_recover(ph_broker *broker, ph_recovery *out, ph_error *err);

#endif
