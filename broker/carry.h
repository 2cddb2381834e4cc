/*
 * carry - what is needed of an old extent, copied forward, so that the extent can go.
 *
 * A message that waits for weeks would keep all of the journal since. So when the oldest extents have
 * outlived what is kept (retain.h), their records are read, a few in every turn, and each that a
 * delivery or a dead letter may still be read from is submitted again (PH_RECORD_CARRY). When the copy
 * is durable, whoever knew the old place is told the new one. Extents are left as they are while more
 * than half of them is needed: then copying would cost more than it gives. But those behind them count
 * with them.
 *
 * Invariants: an acceptance greater than the last that was ever carried has its record where it was
 * accepted, so the first of them in a queue has the oldest record of them all. Whatever is needed of
 * the others lies in extents that are noted here. Both follow from the journal, and are part of a
 * checkpoint.
 *
 * Thread: owner. Errors: as each function says; what cannot be carried is logged, and tried again.
 */
#ifndef PH_BROKER_CARRY_H
#define PH_BROKER_CARRY_H

#include "broker/broker.h"

ph_status ph_carry_new(ph_carry **out, ph_error *err);
void ph_carry_destroy(ph_carry **carry_p);
/* Stop in the middle; before the store is closed. */
void ph_carry_rest(ph_broker *broker);

/* Begin with the oldest extents that end before `floor` and have outlived what is kept; with
 * `at_once` whatever their age. Nothing happens while it is at work. */
void ph_carry_begin(ph_broker *broker, ph_position floor, bool at_once);
/* In every turn that begins a batch, just before. True: there is more to do. */
bool ph_carry_turn(ph_broker *broker);
/* Is it in the middle of a run? */
bool ph_carry_at_work(const ph_broker *broker);
/* Was anything ever carried, as far as is known? */
bool ph_carry_happened(const ph_broker *broker);
/* All that was carried so far is durable. */
void ph_carry_flushed(ph_broker *broker);

/* Nothing before *out is needed by a delivery or a letter. False: not while both of the last two
 * checkpoints do not know where things have been carried to, whose positions are `floor` or later. */
bool ph_carry_floor(ph_broker *broker, ph_position floor, ph_position *out);
/* The oldest extent begins here now. */
void ph_carry_trimmed(ph_broker *broker, ph_position oldest);

/* A carry read at the start. PH_ERR_DAMAGED, PH_ERR_NOMEM. */
ph_status ph_carry_apply(
    ph_broker *broker, const ph_store_record *record, ph_error *err);
/* The reason of a letter stands at `offset`. PH_ERR_NOMEM. */
ph_status ph_carry_letter(
    ph_broker *broker, uint64_t acceptance, uint64_t offset, ph_error *err);

/* The section of a checkpoint. PH_ERR_NOMEM, PH_ERR_DAMAGED. */
void ph_carry_save(const ph_broker *broker, ph_buffer *section);
ph_status ph_carry_load(ph_broker *broker, ph_reader *section, ph_error *err);

#endif
