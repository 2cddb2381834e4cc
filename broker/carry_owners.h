/*
 * carry_owners - who needs what is to be carried: entries of the backlog, shelves, letters.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_BROKER_CARRY_OWNERS_H
#define PH_BROKER_CARRY_OWNERS_H

#include "broker/broker.h"

/* May a message still be read from the record at `offset`? */
bool ph_carry_needs(ph_broker *broker, const ph_record_accept *accept, uint64_t offset);
/* The letter whose reason stands in an outcome; NULL: there is none. */
ph_letter *ph_carry_letter_of(
    const ph_broker *broker, uint16_t queue, uint64_t acceptance);

/* The record is at another place now. `from` 0: wherever it was. */
void ph_carry_move_message(
    ph_broker *broker, uint64_t acceptance, uint64_t from, uint64_t to);
void ph_carry_move_letter(const ph_broker *broker, uint16_t queue, uint64_t acceptance,
    uint64_t from, uint64_t to);

#endif
