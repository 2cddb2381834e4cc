/*
 * retain - how long the journal keeps what nobody needs any more.
 *
 * What is settled is kept for looking at: `retain` long, and no more than `retain-bytes` of journal.
 * Older extents of the store are given back from the oldest on, but never one that something may
 * still be read from: a message that is pending or dead, the two last checkpoints, the ledger and
 * its snapshots. If little of the oldest is needed by messages, that is carried on (carry.h). When the disk is full, what may go goes at once, whatever its age.
 *
 * Thread: owner. Errors: none; what cannot be given back is tried again.
 */
#ifndef PH_BROKER_RETAIN_H
#define PH_BROKER_RETAIN_H

#include "broker/broker.h"

/* After a flush. Looks at the oldest extents now and then (true); cheap in between. */
bool ph_retain_turn(ph_broker *broker);
/* The same now, for a disk that is full. */
void ph_retain_now(ph_broker *broker);

/* The first record that something is still read from; everything before it may go. False: nothing
 * may: there are not two checkpoints yet, or not since something was carried. */
bool ph_retain_floor(ph_broker *broker, ph_position *out);

#endif
