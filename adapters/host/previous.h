/*
 * previous - the system's record as it is before a delivery changes it.
 *
 * Where a map writes whole records, a message that says only what changed is completed from the record
 * as it is. It is read with the entry `previous` of a send, anew for every attempt, and never kept
 * longer. This judges the answer: a record, none (404, 410 or 204), or how the attempt ends.
 * Reading does no harm, so whatever went wrong, nothing is in doubt.
 *
 * Thread: owner. Errors: none; everything makes an ending.
 */
#ifndef PH_HOST_PREVIOUS_H
#define PH_HOST_PREVIOUS_H

#include "adapters/host/outcome.h"
#include "lib/base/buffer.h"

typedef struct ph_previous {
	bool found;
	size_t most;	 /* bytes */
	ph_buffer bytes; /* as the system sent them */
	char
	    version[1024]; /* what names its state; "": the system has no word for it */
	unsigned changes;  /* how often it was changed between reading and writing */
} ph_previous;

/* `most`: bytes of a record. */
void ph_previous_init(ph_previous *it, size_t most);
void ph_previous_fini(ph_previous *it);

/* Keep what the answer says. False: the attempt ends so. `entry` is that of `previous`. */
bool ph_previous_take(ph_previous *it, const ph_entry *entry,
    const ph_adapter_answer *answer, ph_ending *out);

/* Somebody else was faster: is it worth to read it again at once? */
bool ph_previous_again(ph_previous *it);

#endif
