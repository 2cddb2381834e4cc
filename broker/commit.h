/*
 * commit - what was submitted becomes durable, and what waits for it is said.
 *
 * A turn ends in one of two ways. If its records are few, they are flushed and what it has to say
 * is sent: next to nothing could be done meanwhile, and nobody waits longer than for the disk.
 * Else the batch is started instead, and what there is to say is sealed with
 * it; the loop reads what has come meanwhile, and its next records gather behind. When there is
 * nothing more to read, the loop waits for the batch as it waits for a flush. Once the durable
 * position has passed the last record of the batch, what was sealed is sent, deliveries are handed
 * out, and the next batch begins in one of the two ways. At most one batch is away.
 *
 * So the state in memory is ahead of what is durable by what is away and what gathers, and what
 * leaves the process is not: frames wait in the sessions, replies to operators and checkpoints for
 * a turn that flushes, the ledger for the durable position. Only the file of the window of
 * duplicates may have entries early: it is believed as far as a checkpoint names it, and no
 * further.
 *
 * Thread: owner. Errors: PH_ERR_IO: the store has failed, and the process is ending; told in the
 * log.
 */
#ifndef PH_BROKER_COMMIT_H
#define PH_BROKER_COMMIT_H

#include "broker/broker.h"

/* The state at start is durable. */
void ph_commit_recovered(ph_broker *broker);
/* Make durable all that was submitted, and wait; on failure the process is ending. */
ph_status ph_broker_flush(ph_broker *broker);
/* Has the batch that is away landed, well or ill? Then ph_commit_clear is next. */
bool ph_commit_landed(const ph_broker *broker);
/* If the batch that was away is durable, or, with `wait`, once it is, what was sealed with it is
 * sent. False: it is not yet. */
bool ph_commit_clear(ph_broker *broker, bool wait, int64_t now_ms);
/* Make durable what this turn has submitted, or begin to, and say what may be said. With `wait`
 * nothing is away afterwards. */
ph_status ph_commit_turn(ph_broker *broker, bool wait, int64_t now_ms);

#endif
