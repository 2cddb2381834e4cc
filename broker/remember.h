/*
 * remember - the window of duplicates made again from the journal, when its ring is lost.
 *
 * Where no file can be made for it, on a full disk for one, it is kept in memory, and is no larger
 * than the limit `duplicates-memory`: a cache keeps no broker from starting. Every checkpoint tries
 * again to put it into a file (window_move.h), and so does the next start.
 *
 * What the journal still has of acceptances goes into a new window, oldest first: those that were
 * carried forward, whose own records may be gone (carry.h), then those whose records are where they
 * were written. What was neither carried nor kept is not known any more.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_IO, PH_ERR_DAMAGED.
 */
#ifndef PH_BROKER_REMEMBER_H
#define PH_BROKER_REMEMBER_H

#include "broker/broker.h"

#define PH_REMEMBER_MOST                                                               \
	((size_t) 1 << 20) /* 80 MB for that while, if so many are there */

/* Begin a new window, with the acceptances of the records up to sequence `last`. The journal is read
 * once more for each `most` that were carried. */
ph_status ph_remember(ph_broker *broker, uint64_t last, size_t most, ph_error *err);

#endif
