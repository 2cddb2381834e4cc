/*
 * damage - what the broker knows of the damaged ranges that it was told to go past.
 *
 * What is damaged is not served, so the state lacks what was in it. Behind the checkpoint that is
 * not known any more, and the state says so: acceptances that are missing are counted and their
 * numbers are not given again; a delivery that must not be made twice may have been handed out in a
 * record that is lost, so it counts as possibly sent; a queue whose name is lost is called
 * `lost-NUMBER`. Before the checkpoint only what is read again is missing: such a delivery becomes
 * a dead letter when its turn comes.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_FULL (too many queues).
 */
#ifndef PH_BROKER_DAMAGE_H
#define PH_BROKER_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "broker/journal.h"
#include "broker/record.h"

struct ph_broker;

typedef struct ph_damage {
	size_t count; /* ranges; 0: there is no damage */
	ph_journal_range ranges[PH_JOURNAL_RANGES];
	uint64_t records;  /* in them, at most */
	uint64_t messages; /* accepted in them behind the checkpoint, at most */
	uint64_t doubt; /* acceptances up to this one may have been handed out unseen */

	/* while the journal is read */
	bool passed[PH_JOURNAL_RANGES];
	size_t left;	/* ranges that are still to come */
	uint64_t since; /* lost records since the last acceptance, at most */
} ph_damage;

/* The journal was opened past what the report names. */
void ph_damage_found(struct ph_broker *broker, const ph_journal_report *report);
/* The records behind `after` are about to be entered. */
void ph_damage_begin(struct ph_broker *broker, uint64_t after);
/* This record is about to be: has something been passed on the way to it? */
void ph_damage_before(struct ph_broker *broker, uint64_t sequence);
/* It is this acceptance. Queues that no record names get names. */
ph_status ph_damage_accept(
    struct ph_broker *broker, const ph_record_accept *accept, ph_error *err);
/* All have been entered. */
void ph_damage_end(struct ph_broker *broker);
/* Is the beginning of a journal that was never trimmed among what is lost? */
bool ph_damage_has_first(const struct ph_broker *broker);
/* Ranges in files that are still kept. */
size_t ph_damage_kept(const struct ph_broker *broker);

#endif
