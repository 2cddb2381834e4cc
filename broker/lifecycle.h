/*
 * lifecycle - a broker from its beginning to its end: made, recovered, run, stopped, taken apart.
 *
 * Thread: owner (the loop's). Errors: as each function says.
 */
#ifndef PH_BROKER_LIFECYCLE_H
#define PH_BROKER_LIFECYCLE_H

#include "broker/broker.h"

/* What a broker meets the world through; a test may have its own. */
typedef struct ph_broker_seams {
	const ph_clock *clock; /* NULL: the system's */
	const ph_fs
	    *fs; /* of the journal, shelves, window, checkpoints; NULL: the system's */
	uint32_t shelf_entries; /* of one file of a shelf; 0: PH_SHELF_FILE_ENTRIES */
	bool
	    alone; /* the journal makes no threads: its calls come in the same order again */
	bool past_damage; /* a person has decided to go on past damage of the journal */
	ph_store *store;  /* instead of the journal, and taken; NULL: the journal */
} ph_broker_seams;

/* Everything up to listening: store, state, ledger, sockets. The site is taken. *out is yours. */
ph_status ph_broker_new(
    ph_site **site_p, const ph_broker_seams *seams, ph_broker **out, ph_error *err);
/* Until ph_broker_stop, until the store fails (PH_ERR_IO), or until it gives the partition to another
 * broker (PH_ERR_CLOSED). */
ph_status ph_broker_run(ph_broker *broker, ph_error *err);
/* Say BYE, stop the hosts, end the loop. */
void ph_broker_stop(ph_broker *broker);
/* Flush, close, free. NULL allowed. */
void ph_broker_destroy(ph_broker **broker_p);

#endif
